"""The two streams of a world: the bot's own sans-IO protocols, a Bybit that answers them, and lines that are cut, silent or late.

Frames are real texts. A line keeps the order of what travels on it, except for frames that the fault plan holds back.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from bot.domain.events import Event
from bot.exchange.hosts import Credentials
from bot.exchange.market_stream import MarketStream
from bot.exchange.patience import Patience
from bot.exchange.private_stream import PrivateStream
from bot.exchange.stream import Stream
from bot.simulator.stream_faults import StreamFaults
from bot.simulator.venue import Push, Tick

if TYPE_CHECKING:
    from tests.worlds.world import World

__all__ = ["Line", "Wires"]

PATIENCE = Patience(stale_ticker_ms=15_000, stale_kline_ms=900_000, max_bad_per_s=50)
TOPICS = frozenset({"order", "execution", "position", "wallet"})
KEYS = Credentials(api_key="key", api_secret="secret")
TENTH = Decimal("0.1")
_encode = msgspec.json.encode


class Line:
    """One connection after another of one stream, of one process."""

    def __init__(self, world: World, name: str, stream: Stream) -> None:
        self._world, self.name, self.stream = world, name, stream
        self._life = world.life
        self.number = 0
        self.is_open = False
        self.deaf = False
        self.shut_until = 0
        self._failures = 0
        self._last_arrival = 0
        self.topics: set[str] = set()

    def connect(self) -> None:
        """Try to open; a refused handshake comes back later."""
        world = self._world
        if world.life != self._life:
            return
        if world.now < self.shut_until:
            self._hear(self.stream.disconnected("handshake refused"))
            self._failures += 1
            world.at(world.now + min(30_000, 500 * 2**self._failures) + world.rng.randint(0, 500), self.connect)
            return
        self.number += 1
        self.is_open, self.deaf = True, False
        self.topics.clear()
        self._answer(self.stream.connected(world.now / 1000))

    def cut(self, reason: str) -> None:
        """The connection ends and the bot knows it."""
        if not self.is_open:
            return
        self.is_open = False
        self._failures = 0
        self._hear(self.stream.disconnected(reason))
        self._world.at(self._world.now + 500 + self._world.rng.randint(0, 1000), self.connect)

    def tick(self) -> None:
        if not self.is_open:
            return
        self._answer(self.stream.tick(self._world.now / 1000))
        if self.stream.fault is not None:
            self.cut(self.stream.fault)

    def say(self, text: str | bytes, late_ms: int = 0) -> None:
        """The venue sends a frame on the present connection."""
        if not self.is_open or self.deaf:
            return
        world, number = self._world, self.number
        arrives = world.now + world.latency()
        if late_ms:
            arrives += late_ms
        else:
            arrives = self._last_arrival = max(arrives, self._last_arrival)

        def receive() -> None:
            if world.life == self._life and number == self.number and self.is_open:
                self._hear(self.stream.receive(text, world.now / 1000))
                if self.is_open:
                    self._answer(self.stream.tick(world.now / 1000) if self.stream.fault is None else [])
                    if self.stream.fault is not None:
                        self.cut(self.stream.fault)

        world.at(arrives, receive)

    def _hear(self, events: Iterable[Event]) -> None:
        for event in events:
            self._world.hear(event)

    def _answer(self, frames: list[str]) -> None:
        """The venue answers what the bot sent."""
        for frame in frames:
            asked: dict[str, Any] = msgspec.json.decode(frame)
            op, req_id = asked["op"], asked.get("req_id")
            if op == "ping":
                pong = {"op": "pong", "req_id": req_id} if self.name == "private" else None
                self.say(_encode(pong or {"success": True, "ret_msg": "pong", "op": "ping", "req_id": req_id}))
                continue
            self.say(_encode({"success": True, "ret_msg": "", "op": op, "req_id": req_id}))
            if op == "subscribe":
                self.topics.update(asked["args"])
                self._world.wires.greet(self, asked["args"])


class Wires:
    """Both lines of the living process, and what the venue says on them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._faults = StreamFaults(world.plan)
        self._count = 0
        self.public = self.private = Line(world, "none", _private(world))
        self.ticker_silent_until = 0

    def born(self) -> None:
        """A new process opens its lines."""
        world = self._world
        market = MarketStream(symbol="BTCUSDT", bar_minutes=5, patience=PATIENCE)
        self.public, self.private = Line(world, "public", market), Line(world, "private", _private(world))
        self.public.connect()
        self.private.connect()

    def tick(self) -> None:
        self.public.tick()
        self.private.tick()

    def greet(self, line: Line, topics: list[str]) -> None:
        """The first data of a public topic."""
        for topic in topics:
            if topic.startswith("tickers"):
                self._ticker(self._world.last_tick, "snapshot")
            elif topic.startswith("kline"):
                line.say(_encode(self._kline(confirm=False)))

    def price(self, tick: Tick) -> None:
        """A tick of the tape, as a delta; and the candle that it closed."""
        if "tickers.BTCUSDT" in self.public.topics:
            self._ticker(tick, "delta")
        if self._world.tape.closed_now is not None and "kline.5.BTCUSDT" in self.public.topics:
            self.public.say(_encode(self._kline(confirm=True)))

    def push(self, push: Push) -> None:
        """A private message of the venue."""
        line, world = self.private, self._world
        if push.topic not in TOPICS or push.topic not in line.topics:
            return
        if not line.is_open or line.deaf:
            return
        self._count += 1
        message: dict[str, Any] = {
            "id": f"m{self._count}", "topic": push.topic, "creationTime": push.at_ms, "data": list(push.rows),
        }  # fmt: skip
        if not world.in_storm:
            line.say(_encode(message))
            return
        for frame in self._faults.carry("bot", "private", message, world.now):
            text = frame.message if isinstance(frame.message, str) else _encode(frame.message)
            line.say(text, frame.late_ms)

    def _ticker(self, tick: Tick, kind: str) -> None:
        if self._world.now < self.ticker_silent_until:
            return
        data: dict[str, Any] = {
            "symbol": "BTCUSDT",
            "lastPrice": f"{tick.last:f}",
            "markPrice": f"{tick.mark:f}",
            "indexPrice": f"{tick.index:f}",
            "bid1Price": f"{tick.last - TENTH:f}",
            "ask1Price": f"{tick.last + TENTH:f}",
        }
        data["nextFundingTime"] = str(self._world.venue.state.market.next_funding_ms)
        if kind == "snapshot":
            data |= {"fundingRate": "0.0001", "fundingIntervalHour": "8"}
        message = {"topic": "tickers.BTCUSDT", "type": kind, "ts": self._world.now, "data": data}
        if not self._world.in_storm:
            self.public.say(_encode(message))
            return
        for frame in self._faults.carry("bot", "public", message, self._world.now):
            text = frame.message if isinstance(frame.message, str) else _encode(frame.message)
            self.public.say(text, frame.late_ms)

    def _kline(self, *, confirm: bool) -> dict[str, Any]:
        bar = self._world.tape.bars[-1]
        row = {
            "start": bar.start_ms if confirm else bar.start_ms + 300_000,
            "end": bar.start_ms + 299_999,
            "interval": "5",
            "open": f"{bar.open:f}",
            "high": f"{bar.high:f}",
            "low": f"{bar.low:f}",
            "close": f"{bar.close:f}",
            "volume": "1",
            "confirm": confirm,
        }
        return {"topic": "kline.5.BTCUSDT", "type": "snapshot", "ts": self._world.now, "data": [row]}


def _private(world: World) -> PrivateStream:
    return PrivateStream(symbol="BTCUSDT", credentials=KEYS, server_ms=lambda: world.now, patience=PATIENCE)
