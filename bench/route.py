"""From a ticker's bytes to an order's: the route of a price, over real loopback sockets, beside ccxt.pro with ccxt, pybit and a bare loop.

    python -m bench.route [--orders 100] [--frames 200]

A server in a process of its own pushes a ticker with another mark, 0.3 s after it has answered an order, and takes the time until the first
byte of the next one. In between nothing comes, or so many tickers a second that leave the mark as it is: a market that moves is not silent.
Ours is the daemon's own way: stream, inbox, pulse, the engine's turns, the intent on disk, executor, ccxt. The others send the same order
for every such ticker; they decide nothing and keep nothing, and ccxt's throttle is off.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.ingest import FROM_MS, TOPIC, market_of
from bench.wire import CREDENTIALS, FAST, Ours, Stamper, show, wanted
from bot import logs
from bot.domain.commands import PlaceOrder
from bot.domain.events import OrderAnswered, TickerSeen
from bot.exchange.budget import Budget
from bot.exchange.hosts import Hosts
from bot.exchange.market_stream import MarketStream
from bot.exchange.patience import Patience
from bot.exchange.rest import Rest
from bot.exchange.socket import drive
from bot.journal.journal import Journal
from tests.conformance.clients import SYMBOL, ccxt_at, ccxt_pro_at, pybit_at, pybit_http
from tests.unit.exchange.frames import delta, snapshot

PAUSE_S = 0.3
"""From an answer to the next ticker: more than the soonest beat of the pulse."""


class Bell:
    """Rings with a ticker, and hears the order that follows from it."""

    def __init__(self, orders: int, frames: int) -> None:
        self.took: list[float] = []
        """Microseconds."""
        self.done = asyncio.Event()
        self._orders, self._frames, self._marks, self._rung_ns = orders, frames, count(), 0
        self._at_ms = FROM_MS
        self._listener: ServerConnection | None = None

    async def talk(self, connection: ServerConnection) -> None:
        """Answer what is asked; who subscribes to the ticker hears the bell."""
        with suppress(ConnectionClosed):
            while True:
                asked = json.loads(await connection.recv())
                await asyncio.sleep(0.05)
                word = "pong" if asked["op"] == "ping" else ""
                answer = {"success": True, "ret_msg": word, "conn_id": "x", "req_id": asked.get("req_id", "")}
                await connection.send(json.dumps(answer | {"op": asked["op"]}))
                if TOPIC in asked.get("args", ()):
                    await connection.send(snapshot(FROM_MS))
                    self._listener = connection
                    self.ring_soon()
                    if self._frames:
                        self._humming = asyncio.ensure_future(self._hum(connection))

    def ring_soon(self) -> None:
        asyncio.get_running_loop().call_later(PAUSE_S, lambda: asyncio.ensure_future(self._ring()))

    async def _ring(self) -> None:
        assert self._listener is not None
        price = f"{116_000 + next(self._marks) % 7}.5"
        self._at_ms += 1_000
        text = delta(self._at_ms, lastPrice=price, markPrice=price)
        self._rung_ns = time.monotonic_ns()
        await self._listener.send(text)

    async def _hum(self, connection: ServerConnection) -> None:
        """What else a ticker tells, without end."""
        with suppress(ConnectionClosed):
            for number in count():
                self._at_ms += 1
                await connection.send(delta(self._at_ms, bid1Size=f"{3 + number % 5}.1"))
                await asyncio.sleep(1 / self._frames)

    def heard(self, since_ns: int) -> None:
        """The first byte of an order came."""
        if self._rung_ns:
            self.took.append((since_ns - self._rung_ns) / 1_000)
            self._rung_ns = 0
            self.ring_soon()
        if len(self.took) >= self._orders:
            self.done.set()


async def ring(orders: int, frames: int) -> None:
    """Serve until so many orders were heard; tell both ports, then what they took."""
    bell, loop = Bell(orders, frames), asyncio.get_running_loop()
    rest = await loop.create_server(lambda: Stamper(bell.heard), "127.0.0.1", 0)
    async with rest, serve(bell.talk, "127.0.0.1", 0, compression=None) as stream:
        print(rest.sockets[0].getsockname()[1], next(iter(stream.sockets)).getsockname()[1], flush=True)
        await bell.done.wait()
        print(json.dumps(bell.took), flush=True)


class Wheel(Ours):
    """The daemon's wheel and pulse. Market time goes on with each mark, by as much as the next order waits for."""

    async def run(self) -> None:
        mark: Decimal | None = None
        while True:
            event = await self.inbox.next()
            if isinstance(event, TickerSeen):
                self.trader.now_ms += 1_001 if event.mark != mark else 0
                mark = event.mark
                event = replace(event, at_ms=self.trader.now_ms)
            for command in self.trader.hear(event):
                if isinstance(command, PlaceOrder):
                    self.executor.submit(command)
            if isinstance(event, OrderAnswered):
                self.end_order()


async def ours(rest_url: str, stream_url: str, journal: Journal) -> None:
    hosts = Hosts(rest_url=rest_url, public_ws_url=stream_url, private_ws_url=stream_url)
    stream = MarketStream(symbol="BTCUSDT", bar_minutes=5, patience=Patience())
    async with Rest(hosts, CREDENTIALS, budget=Budget(FAST), patience=Patience()) as rest:
        wheel = Wheel(rest, journal)
        reading = drive(stream, f"{stream_url}/v5/public/linear", wheel.inbox, rng=Random(1), patience=Patience())
        await asyncio.gather(reading, wheel.inbox.beat(), wheel.run(), wheel.executor.run())


async def bare(rest_url: str, stream_url: str, journal: Journal) -> None:
    text = json.dumps(wanted(journal)).encode()
    head = b"POST /v5/order/create HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(text)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(rest_url.rpartition(":")[2]))
    async with connect(f"{stream_url}/v5/public/linear", compression=None) as socket:
        await socket.send(json.dumps({"op": "subscribe", "args": [TOPIC]}))
        async for frame in socket:
            said = json.loads(frame)
            if said.get("type") == "delta" and "markPrice" in said["data"]:
                writer.write(head + text)
                await reader.read(65_536)


async def by_ccxt(rest_url: str, stream_url: str, journal: Journal) -> None:
    params, seen = wanted(journal), None
    async with ccxt_pro_at(stream_url.replace("ws", "http", 1)) as market, ccxt_at(rest_url) as venue:
        venue.enableRateLimit = False
        market.set_markets([market_of(market)])
        while True:
            ticker = await market.watch_ticker(SYMBOL)
            if seen not in (None, ticker["info"]["markPrice"]):
                await venue.private_post_v5_order_create(params)
            seen = ticker["info"]["markPrice"]


async def by_pybit(rest_url: str, stream_url: str, journal: Journal) -> None:
    from pybit.unified_trading import WebSocket

    params, session, marks = wanted(journal), pybit_http(rest_url), set[str]()

    def heard(message: dict[str, Any]) -> None:
        mark = message["data"]["markPrice"]
        if mark not in marks and marks:
            session.place_order(**params)
        marks.clear()
        marks.add(mark)

    with pybit_at(stream_url.replace("ws", "http", 1)):
        WebSocket(testnet=False, channel_type="linear").ticker_stream("BTCUSDT", heard)
        await asyncio.Event().wait()


SENDERS: dict[str, Callable[[str, str, Journal], Awaitable[None]]] = {
    "ours": ours,
    "a bare websocket and a bare socket": bare,
    "pybit": by_pybit,
    "ccxt.pro and ccxt, without throttle": by_ccxt,
}


def measured(name: str, orders: int, frames: int, folder: Path) -> list[float]:
    """Microseconds of each order of one sender, which lives in a process of its own."""
    command = [sys.executable, "-m", "bench.route", "--orders", str(orders), "--frames", str(frames)]
    server = subprocess.Popen([*command, "--serve"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    rest, stream = server.stdout.readline().split()
    addresses = [f"http://127.0.0.1:{rest}", f"ws://127.0.0.1:{stream}", str(folder / f"{rest}.sqlite")]
    sender = subprocess.Popen([*command, "--send", name, *addresses])
    try:
        return list(map(float, json.loads(server.stdout.readline())))
    finally:
        for process in (sender, server):
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--frames", type=int, nargs="+", default=[0, 200], help="a second, without a new mark")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--send", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(ring(options.orders, *options.frames))
    elif options.send:
        name, rest, stream, journal = options.send
        logs.configure(stream=open(os.devnull, "w"))  # noqa: SIM115 - for as long as the process lives
        asyncio.run(SENDERS[name](rest, stream, Journal(Path(journal))))  # type: ignore[arg-type]
    else:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            for frames in options.frames:
                took = {name: measured(name, options.orders, frames, Path(folder)) for name in SENDERS}
                show(f"ticker to order, {frames} frames a second", took)


if __name__ == "__main__":
    main()
