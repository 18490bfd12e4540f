"""What a ticker costs from the socket to the engine's books, beside ccxt.pro, pybit and a bare websocket with `json.loads`.

    python -m bench.ingest [--frames 20000] [--pace-ms 0]

A server pushes Bybit's ticker deltas, as fast as they are taken or at a pace. Each reader is a process of its own and takes them all; CPU
seconds from the first to the last. Ours does everything that the daemon does for them, wired as there: decode, merge, check, the inbox in
which a newer price takes an unread one's place, fold, and the pulse with a whole decision when the mark has moved, ten times a second at
most. A second row spares nothing: each ticker a turn, each fifth a pulse. The peers read and parse, and decide nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from random import Random
from statistics import median
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.daemon import a_hedged_desk
from bot.domain.events import Event, Ticked, TickerSeen
from bot.exchange.market_stream import MarketStream
from bot.exchange.patience import Patience
from bot.exchange.socket import drive
from bot.inbox import Inbox
from tests.conformance.clients import SYMBOL, ccxt_pro_at, pybit_at
from tests.unit.engine.desk import NOW_MS
from tests.unit.exchange.frames import delta, kline, snapshot

TOPIC, CANDLES, LAST = "tickers.BTCUSDT", "kline.5.BTCUSDT", "116077.7"
FROM_MS = NOW_MS + 60_000
"""Later than any price that the hedged desk has seen: an older one is dropped unheard, and costs next to nothing."""
A_PULSE_EVERY = 5
ROUNDS = 3


async def push(frames: int, pace_s: float) -> None:
    """Serve whoever subscribes to the ticker: an answer, a snapshot, the deltas. Who asks for candles as well is told of one."""
    texts = [
        delta(FROM_MS + n, lastPrice=f"{116_000 + n % 50}.0", markPrice=f"{116_000 + n % 50}.1") for n in range(frames)
    ]
    texts.append(delta(FROM_MS + frames, lastPrice=LAST))

    async def tell(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            for text in (snapshot(FROM_MS - 1), *texts):
                await connection.send(text)
                if pace_s:
                    await asyncio.sleep(pace_s)

    async def talk(connection: ServerConnection) -> None:
        telling = None
        with suppress(ConnectionClosed):  # a reader that has what it wants leaves without a word
            while True:
                asked = json.loads(await connection.recv())
                await asyncio.sleep(0.05)  # pybit notes what it asked for after asking: an answer before that ends it
                word = "pong" if asked["op"] == "ping" else ""
                answer = {"success": True, "ret_msg": word, "conn_id": "x", "req_id": asked.get("req_id", "")}
                await connection.send(json.dumps(answer | {"op": asked["op"]}))
                if CANDLES in asked.get("args", ()):
                    await connection.send(kline(FROM_MS - FROM_MS % 300_000, confirm=False))
                if TOPIC in asked.get("args", ()):
                    telling = asyncio.ensure_future(tell(connection))
        if telling is not None:
            telling.cancel()

    async with serve(talk, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()


class Sink:
    """In the place of the inbox: takes events and forgets them."""

    def __init__(self) -> None:
        self.done = asyncio.Event()

    def put(self, event: Event) -> None:
        if isinstance(event, TickerSeen):
            self.hear(event)
            if f"{event.last}" == LAST:
                self.done.set()

    def hear(self, ticker: TickerSeen) -> None:
        pass


class Wheel(Sink):
    """Every ticker becomes a turn, none is skipped for a newer one, and every fifth is followed by a pulse."""

    def __init__(self) -> None:
        super().__init__()
        self._desk, self._count = a_hedged_desk(), 0

    def hear(self, ticker: TickerSeen) -> None:
        self._desk.hear(ticker)
        self._count += 1
        if self._count % A_PULSE_EVERY == 0:
            self._desk.hear(Ticked())


async def ours(url: str) -> float:
    begun = time.process_time()
    inbox, desk = Inbox(), a_hedged_desk()
    async with _reading(url, inbox), _beating(inbox):
        event: Event | None = None
        while not (isinstance(event, TickerSeen) and f"{event.last}" == LAST):
            event = await inbox.next()
            desk.hear(event)
    return time.process_time() - begun


async def ours_unspared(url: str) -> float:
    return await _handed_to(url, Wheel())


async def our_reader(url: str) -> float:
    return await _handed_to(url, Sink())


async def _handed_to(url: str, sink: Sink) -> float:
    begun = time.process_time()
    async with _reading(url, sink):  # type: ignore[arg-type]
        await sink.done.wait()
    return time.process_time() - begun


def _reading(url: str, inbox: Inbox) -> AbstractAsyncContextManager[None]:
    stream = MarketStream(symbol="BTCUSDT", bar_minutes=5, patience=Patience())
    return _meanwhile(drive(stream, f"{url}/v5/public/linear", inbox, rng=Random(1), patience=Patience()))


def _beating(inbox: Inbox) -> AbstractAsyncContextManager[None]:
    return _meanwhile(inbox.beat())


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()


async def bare(url: str) -> float:
    async with connect(f"{url}/v5/public/linear", compression=None) as socket:
        await socket.send(json.dumps({"op": "subscribe", "args": [TOPIC]}))
        begun = time.process_time()
        async for text in socket:
            if json.loads(text).get("data", {}).get("lastPrice") == LAST:
                break
        return time.process_time() - begun


async def by_ccxt_pro(url: str) -> float:
    async with ccxt_pro_at(url.replace("ws", "http", 1)) as exchange:
        exchange.set_markets([market_of(exchange)])
        begun = time.process_time()
        while (await exchange.watch_ticker(SYMBOL))["last"] != float(LAST):
            pass
        return time.process_time() - begun


def market_of(exchange: Any) -> Any:
    """The contract as ccxt knows it, without asking a venue."""
    known = {"id": "BTCUSDT", "symbol": SYMBOL, "base": "BTC", "quote": "USDT", "settle": "USDT"}
    kind = {"type": "swap", "swap": True, "spot": False, "linear": True, "inverse": False, "contract": True}
    return exchange.safe_market_structure(known | kind)


async def by_pybit(url: str) -> float:
    from pybit.unified_trading import WebSocket

    done, loop = asyncio.Event(), asyncio.get_running_loop()

    def heard(message: dict[str, Any]) -> None:
        if message["data"]["lastPrice"] == LAST:
            loop.call_soon_threadsafe(done.set)

    with pybit_at(url.replace("ws", "http", 1)):
        begun = time.process_time()
        WebSocket(testnet=False, channel_type="linear").ticker_stream("BTCUSDT", heard)
        await done.wait()
        return time.process_time() - begun


READERS: dict[str, Callable[[str], Awaitable[float]]] = {
    "websockets and json.loads": bare,
    "ours, as the daemon is wired": ours,
    "ours, every ticker a turn": ours_unspared,
    "ours, up to the event": our_reader,
    "ccxt.pro": by_ccxt_pro,
    "pybit": by_pybit,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--pace-ms", type=float, default=0.0, help="between two tickers; 0: as fast as they are taken")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(push(options.frames, options.pace_ms / 1000))
    elif options.read:
        name, url = options.read
        print(asyncio.run(READERS[name](url)), flush=True)  # type: ignore[arg-type]
    else:
        compare(options.frames, options.pace_ms)


def compare(frames: int, pace_ms: float) -> None:
    command = [sys.executable, "-m", "bench.ingest", "--frames", str(frames), "--pace-ms", str(pace_ms)]
    server = subprocess.Popen([*command, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{server.stdout.readline().strip()}"
        spent: dict[str, list[float]] = {name: [] for name in READERS}
        for _ in range(ROUNDS):
            for name, taken in spent.items():
                run = subprocess.run(
                    [*command, "--read", name, url],
                    capture_output=True,
                    text=True,
                    check=True,
                    timeout=60 + frames * pace_ms / 1000,
                )
                taken.append(float(run.stdout.split()[-1]) / frames * 1e6)
    finally:
        server.kill()
        server.wait()
    own = median(spent["ours, as the daemon is wired"])
    print(f"{'CPU for a ticker':<34}{'each':>12}{'to ours':>12}")
    for name, taken in spent.items():
        print(f"{name:<34}{median(taken):>9.1f} us{median(taken) / own:>10.2f} x")


if __name__ == "__main__":
    main()
