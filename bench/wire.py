"""From a decision to the first byte on the wire, over a real loopback socket, beside ccxt as it comes, pybit and a bare socket.

    python -m bench.wire [--orders 300] [--peace-ms 20]

A server in a process of its own notes when the first byte of a request reached it and says so in its answer (the monotonic clock is one for
all processes of a machine). Ours begins before the engine's turn: the decision, the gate, the intent on disk (fsync), the executor and
ccxt's signing are all in it. The others begin where their caller would: everything decided, nothing kept. One order at a time, each sender
some in a row before the next one's turn: with no peace before an order, and with some, in which processor and caches go to sleep.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from bot import logs
from bot.domain.clock import MarketClock, wall_ms
from bot.domain.commands import PlaceOrder
from bot.domain.events import OrderAnswered, OrderSeen, Ticked
from bot.engine.engine import Engine
from bot.exchange.budget import Budget, Limits
from bot.exchange.executor import Executor
from bot.exchange.hosts import Credentials, Hosts
from bot.exchange.patience import Patience
from bot.exchange.reader import Reader
from bot.exchange.rest import Rest
from bot.exchange.wire_rest import order_params
from bot.inbox import Inbox
from bot.journal.journal import Journal
from tests.client import KEY, SECRET
from tests.conformance.clients import ccxt_at, pybit_http
from tests.unit.engine.desk import Desk, a_config, a_row, a_ticker

IN_A_ROW = 20
"""Orders of one sender, before the next one's turn."""
CREDENTIALS = Credentials(api_key=KEY, api_secret=SECRET)
FAST = Limits(orders_per_s=1_000, orders_per_min=100_000, requests_per_5s=100_000)


class Stamper(asyncio.Protocol):
    """Answers every request with the moment at which its first byte came, as the order's id; `heard` is told of it too."""

    def __init__(self, heard: Callable[[int], None] = lambda since_ns: None) -> None:
        self._tell = heard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._heard, self._since_ns = transport, b"", 0

    def data_received(self, data: bytes) -> None:
        self._since_ns = self._since_ns or time.monotonic_ns()
        self._heard += data
        head, end, body = self._heard.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        if not end or len(body) < length:
            return
        result = {"orderId": str(self._since_ns), "orderLinkId": "", "timeNano": str(time.time_ns())}
        said = json.dumps({"retCode": 0, "retMsg": "OK", "result": result, "time": wall_ms()}).encode()
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            len(said),
            said,
        )
        assert isinstance(self._transport, asyncio.WriteTransport)
        self._transport.write(answer)
        self._tell(self._since_ns)
        self._heard, self._since_ns = b"", 0


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Stamper, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Trader(Desk):
    """A desk whose intents go to disk, with a hedge in motion whose every order the venue takes and cancels unfilled: the next is due a
    second later, until it is time to read the account."""

    ORDERS = 8

    def __init__(self, journal: Journal, run: str) -> None:
        super().__init__()
        self.engine = Engine(a_config(), journal)
        self.start(run=run)
        self.accept(self.orders[-1])
        self.ends(self.orders[-1])

    def ends(self, order: PlaceOrder) -> None:
        """What was accepted is cancelled unfilled."""
        self.hear(OrderSeen(order=a_row(order, "Cancelled")))

    def waits(self) -> None:
        """A second passes, and there is a new price."""
        self.now_ms += 1_001
        self.hear(a_ticker("116000", self.now_ms))


class Ours:
    """The engine's turn, the journal and the exchange room, as the daemon wires them."""

    def __init__(self, rest: Rest, journal: Journal) -> None:
        self.inbox, self._journal, self._lives = Inbox(), journal, 0
        clock = MarketClock(origin_ms=wall_ms(), rate=1.0)
        reader = Reader(rest, clock, symbol="BTCUSDT", rng=Random(1), patience=Patience())
        self.executor = Executor(rest, reader, self.inbox, clock, patience=Patience())
        self.trader, self._left = self._anew()

    async def send(self) -> float:
        """One order; microseconds from before the turn to the wire."""
        self.trader.waits()
        begun_ns = time.monotonic_ns()
        (order,) = self.trader.hear(Ticked())
        self.executor.submit(order)
        answer = await self.inbox.next()
        assert isinstance(answer, OrderAnswered)
        self.trader.hear(answer)
        self.end_order()
        return (int(answer.order_id) - begun_ns) / 1_000

    def end_order(self) -> None:
        """The last order was accepted and is over; the next comes of the same hedge, or of another desk's."""
        self.trader.ends(self.trader.orders[-1])
        self._left -= 1
        if not self._left:
            self.trader, self._left = self._anew()

    def _anew(self) -> tuple[Trader, int]:
        self._lives += 1
        return Trader(self._journal, f"r{self._lives}"), Trader.ORDERS


async def measure(port: int, orders: int, peace_s: float, journal: Journal) -> dict[str, list[float]]:
    """Microseconds to the wire, by sender."""
    url = f"http://127.0.0.1:{port}"
    hosts = Hosts(rest_url=url, public_ws_url="ws://127.0.0.1", private_ws_url="ws://127.0.0.1")
    async with (
        Rest(hosts, CREDENTIALS, budget=Budget(FAST), patience=Patience()) as rest,
        ccxt_as_it_comes(url) as peer,
    ):
        house, pybit = Ours(rest, journal), pybit_http(url)
        params = wanted(journal)
        text = json.dumps(params).encode()
        head = b"POST /v5/order/create HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(text)
        with socket.create_connection(("127.0.0.1", port)) as bare:

            async def by_hand() -> float:
                begun_ns = time.monotonic_ns()
                bare.sendall(head + text)
                return _took(json.loads(bare.recv(65_536).partition(b"\r\n\r\n")[2]), begun_ns)

            async def by_pybit() -> float:
                begun_ns = time.monotonic_ns()
                return _took(pybit.place_order(**params), begun_ns)

            async def by_ccxt() -> float:
                begun_ns = time.monotonic_ns()
                return _took(await peer.private_post_v5_order_create(params), begun_ns)

            senders = {"a bare socket": by_hand, "ours": house.send, "pybit": by_pybit, "ccxt as it comes": by_ccxt}
            took: dict[str, list[float]] = {name: [] for name in senders}
            running = asyncio.ensure_future(house.executor.run())
            for name, send in [*senders.items()] * (orders // IN_A_ROW):
                for _ in range(IN_A_ROW):
                    await asyncio.sleep(peace_s)
                    took[name].append(await send())
            running.cancel()
    return took


def wanted(journal: Journal) -> dict[str, Any]:
    """An order of ours, for the others to send."""
    return order_params(Trader(journal, "wish").orders[-1])


def _took(answer: Any, begun_ns: int) -> float:
    return (int(answer["result"]["orderId"]) - begun_ns) / 1_000


@asynccontextmanager
async def ccxt_as_it_comes(url: str) -> AsyncIterator[Any]:
    """With its own throttle, which is on unless told otherwise."""
    async with ccxt_at(url) as exchange:
        exchange.enableRateLimit = True
        yield exchange


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=300, help=f"of each sender; a multiple of {IN_A_ROW}")
    parser.add_argument("--peace-ms", type=float, nargs="+", default=[0, 20], help="before each order")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    logs.configure(stream=open(os.devnull, "w"))  # noqa: SIM115 - for as long as the process lives
    server = subprocess.Popen([sys.executable, "-m", "bench.wire", "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            journal = Journal(Path(folder) / "journal.sqlite")
            for peace_ms in options.peace_ms:
                took = asyncio.run(measure(port, options.orders, peace_ms / 1_000, journal))
                show(f"to the wire after {peace_ms:g} ms of peace", took)
    finally:
        server.kill()
        server.wait()


def show(what: str, took: dict[str, list[float]]) -> None:
    """The table of what senders took, microseconds each."""
    ours = median(took["ours"])
    print(f"{what:<38}{'p50':>10}{'p99':>12}{'p50 to ours':>14}")
    for name, values in took.items():
        p50, p99 = median(values), sorted(values)[int(len(values) * 0.99)]
        print(f"{name:<38}{p50 / 1_000:>7.2f} ms{p99 / 1_000:>9.2f} ms{p50 / ours:>12.2f} x")


if __name__ == "__main__":
    main()
