"""The public topics: what a new subscriber is told first, and what follows.

One object per topic with subscribers; topics nobody listens to cost nothing. Knows the board (tickers, book, candles, trades) and
the shapes of Bybit's public messages (Bybit: websocket/public/*); no socket. Message times are market time; how often a topic
speaks is real time.
"""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Protocol

from bot.simulator.figures import plain
from bot.simulator.history import INTERVALS, Candle, History, next_bucket

__all__ = ["Board", "Topic", "make_topic"]

Message = dict[str, Any]
SYMBOL = "BTCUSDT"
BOOK_EVERY_MS = {1: 10, 50: 20, 200: 100, 1000: 200}
TRADES_IN_A_MESSAGE = 1024
REPEAT_TOP_MS = 3000
LINEAR_TICKER_MS, SPOT_TICKER_MS, KLINE_MS, LIQUIDATION_MS, PRICE_LIMIT_MS = 100, 50, 1000, 500, 300


class Board(Protocol):
    """What the public topics read."""

    history: History

    @property
    def now_ms(self) -> int: ...

    def ticker(self, category: str) -> dict[str, str]: ...

    def book(self, category: str, depth: int) -> dict[str, Any]: ...

    def price_limit(self, category: str) -> dict[str, str]: ...

    def trade_rows(self, category: str, after: int) -> tuple[int, list[dict[str, Any]]]: ...

    def cross_seq(self) -> int: ...


class Topic(abc.ABC):
    """One topic while somebody listens to it."""

    every_ms = 100

    def __init__(self, board: Board, category: str, name: str) -> None:
        self.board, self.category, self.name = board, category, name
        self.due_ms = 0

    def first(self) -> Message | None:
        """What a new subscriber gets at once; None when the topic gives no snapshot."""
        return None

    @abc.abstractmethod
    def news(self, real_ms: int) -> list[Message]:
        """What everybody gets now."""


class TickerTopic(Topic):
    """Linear: a snapshot, then deltas of the fields that changed. Spot: always everything."""

    def __init__(self, board: Board, category: str, name: str) -> None:
        super().__init__(board, category, name)
        self.every_ms = LINEAR_TICKER_MS if category == "linear" else SPOT_TICKER_MS
        self._last: dict[str, str] = {}

    def first(self) -> Message | None:
        if not self._last:
            self._last = self.board.ticker(self.category)
        return self._message("snapshot", self._last)

    def news(self, real_ms: int) -> list[Message]:
        row = self.board.ticker(self.category)
        before, self._last = self._last, row
        if row == before:
            return []
        if self.category == "spot" or not before:
            return [self._message("snapshot", row)]
        changed = {name: value for name, value in row.items() if before.get(name) != value}
        for pair in (("bid1Price", "bid1Size"), ("ask1Price", "ask1Size")):
            if any(name in changed for name in pair):
                changed |= {name: row[name] for name in pair}
        return [self._message("delta", {"symbol": SYMBOL} | changed)]

    def _message(self, kind: str, data: dict[str, str]) -> Message:
        now_ms, cs = self.board.now_ms, self.board.cross_seq()
        if self.category == "spot":
            return {"topic": self.name, "ts": now_ms, "type": "snapshot", "cs": cs, "data": data}
        return {"topic": self.name, "type": kind, "data": data, "cs": cs, "ts": now_ms}


class BookTopic(Topic):
    """Depth 1: snapshots only, repeated after three seconds of quiet. Deeper: a snapshot, then deltas; size "0" deletes a level."""

    def __init__(self, board: Board, category: str, name: str, depth: int) -> None:
        super().__init__(board, category, name)
        self.every_ms, self._depth = BOOK_EVERY_MS[depth], depth
        self._sides: dict[str, dict[str, str]] = {}
        self._seq, self._u, self._cts, self._told_ms = 0, 0, 0, 0

    def first(self) -> Message | None:
        if not self._sides:
            self._read(self.board.book(self.category, self._depth))
        return self._message(
            "snapshot",
            {side: [list(level) for level in levels.items()] for side, levels in self._sides.items()},
        )

    def news(self, real_ms: int) -> list[Message]:
        before = self._sides
        if not self._read(self.board.book(self.category, self._depth)):
            quiet = self._depth == 1 and real_ms - self._told_ms >= REPEAT_TOP_MS
            return self._told(real_ms, self.first()) if quiet else []
        if self._depth == 1 or not before:
            return self._told(real_ms, self.first())
        changes = {side: _level_changes(before[side], self._sides[side]) for side in ("b", "a")}
        return self._told(real_ms, self._message("delta", changes))

    def _read(self, book: dict[str, Any]) -> bool:
        sides = {"b": dict(book["b"]), "a": dict(book["a"])}
        if sides == self._sides:
            return False
        self._sides, self._seq, self._cts = sides, self.board.cross_seq(), book["cts"]
        self._u += 1 if self._u else self._seq
        return True

    def _told(self, real_ms: int, message: Message | None) -> list[Message]:
        self._told_ms = real_ms
        return [] if message is None else [message]

    def _message(self, kind: str, sides: dict[str, list[list[str]]]) -> Message:
        data = {"s": SYMBOL, **sides, "u": self._u, "seq": self._seq}
        head: Message = {"topic": self.name}
        if self.category == "spot" or self._depth == 1:
            head |= {"ts": self.board.now_ms, "type": kind}
        else:
            head |= {"type": kind, "ts": self.board.now_ms}
        return {**head, "data": data, "cts": self._cts}


class TradeTopic(Topic):
    """Every public trade since the last message; no history on subscribing."""

    every_ms = 20

    def __init__(self, board: Board, category: str, name: str) -> None:
        super().__init__(board, category, name)
        self._seen = board.history.trade_count
        self._heard: list[dict[str, Any]] = []

    def hear(self, rows: Iterable[dict[str, Any]]) -> None:
        """Trades of the venue's own accounts; they are public too."""
        self._heard.extend(rows)

    def news(self, real_ms: int) -> list[Message]:
        if self._seen == self.board.history.trade_count and not self._heard:
            return []
        self._seen, rows = self.board.trade_rows(self.category, self._seen)
        rows = sorted([*rows, *self._heard], key=lambda row: row["T"])
        self._heard = []
        parts = [rows[i : i + TRADES_IN_A_MESSAGE] for i in range(0, len(rows), TRADES_IN_A_MESSAGE)]
        return [{"topic": self.name, "type": "snapshot", "ts": self.board.now_ms, "data": part} for part in parts]


class KlineTopic(Topic):
    """The running candle about once a second, and every candle that closed since, with `confirm` true."""

    every_ms = 20

    def __init__(self, board: Board, category: str, name: str, interval: str) -> None:
        super().__init__(board, category, name)
        self._interval, self._kind = interval, "last" if category == "linear" else "spot"
        self._from_ms: int | None = None
        self._told_ms = 0
        self._said: Candle | None = None

    def first(self) -> Message | None:
        running = self._candles(None)
        if not running:
            return None
        self._from_ms = running[-1].at_ms if self._from_ms is None else self._from_ms
        return self._message(running[-1], confirm=False)

    def news(self, real_ms: int) -> list[Message]:
        history = self.board.history
        width_ms = INTERVALS[self._interval]
        rolled = self._from_ms is not None and history.now_ms >= self._from_ms + min(width_ms, 28 * 86_400_000)
        if not rolled and real_ms - self._told_ms < KLINE_MS:
            return []
        candles = self._candles(self._from_ms)
        if not candles:
            return []
        messages = [self._message(candle, confirm=True) for candle in candles[:-1]]
        running = candles[-1]
        if messages or running != self._said:
            messages.append(self._message(running, confirm=False))
        self._said, self._from_ms, self._told_ms = running, running.at_ms, real_ms
        return messages

    def _candles(self, from_ms: int | None) -> list[Candle]:
        limit = 1 if from_ms is None else 1000
        return self.board.history.candles(self._kind, self._interval, from_ms=from_ms, to_ms=None, limit=limit)[::-1]

    def _message(self, candle: Candle, *, confirm: bool) -> Message:
        end_ms = next_bucket(self._interval, candle.at_ms) - 1
        stamp_ms = end_ms if confirm else self.board.now_ms
        data = {
            "start": candle.at_ms,
            "end": end_ms,
            "interval": self._interval,
            "open": plain(candle.open),
            "close": plain(candle.close),
            "high": plain(candle.high),
            "low": plain(candle.low),
            "volume": plain(candle.volume),
            "turnover": plain(candle.turnover),
            "confirm": confirm,
            "timestamp": stamp_ms,
        }
        return {"topic": self.name, "data": [data], "ts": self.board.now_ms, "type": "snapshot"}


class LiquidationTopic(Topic):
    """Liquidations the venue announced, gathered for half a second."""

    every_ms = LIQUIDATION_MS

    def __init__(self, board: Board, category: str, name: str) -> None:
        super().__init__(board, category, name)
        self._rows: deque[dict[str, Any]] = deque(maxlen=10_000)

    def hear(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows.extend(rows)

    def news(self, real_ms: int) -> list[Message]:
        if not self._rows:
            return []
        rows = list(self._rows)
        self._rows.clear()
        return [{"topic": self.name, "type": "snapshot", "ts": self.board.now_ms, "data": rows}]


class PriceLimitTopic(Topic):
    """The band a limit order may stand in."""

    every_ms = PRICE_LIMIT_MS

    def first(self) -> Message | None:
        return {"topic": self.name, "data": self.board.price_limit(self.category), "ts": self.board.now_ms}

    def news(self, real_ms: int) -> list[Message]:
        message = self.first()
        return [] if message is None else [message]


class QuietTopic(Topic):
    """A topic Bybit has and this market never fills (ADL alerts and the insurance pools of other contracts)."""

    every_ms = 1000

    def news(self, real_ms: int) -> list[Message]:
        return []


def make_topic(board: Board, category: str, name: str) -> Topic | None:
    """The topic of that name on the `linear` or `spot` socket; None when there is none."""
    parts = name.split(".")
    if parts in (["adlAlert", "USDT"], ["insurance", "USDT"]) and category == "linear":
        return QuietTopic(board, category, name)
    if parts[-1] != SYMBOL:
        return None
    simple: dict[str, Callable[..., Topic]] = {
        "tickers": TickerTopic,
        "publicTrade": TradeTopic,
        "priceLimit": PriceLimitTopic,
        **({"allLiquidation": LiquidationTopic} if category == "linear" else {}),
    }
    match parts:
        case [kind, _] if kind in simple:
            return simple[kind](board, category, name)
        case ["orderbook", depth, _] if depth in {"1", "50", "200", "1000"}:
            return BookTopic(board, category, name, int(depth))
        case ["kline", interval, _] if interval in INTERVALS:
            return KlineTopic(board, category, name, interval)
        case _:
            return None


def _level_changes(before: dict[str, str], after: dict[str, str]) -> list[list[str]]:
    """Levels whose size changed, and the gone ones with size "0"."""
    changed = [[price, size] for price, size in after.items() if before.get(price) != size]
    return changed + [[price, "0"] for price in before if price not in after]


def trade_row(
    category: str, *, at_ms: int, price: Decimal, qty: Decimal, side: str, direction: str, name: str, seq: int
) -> dict[str, Any]:
    """A row of publicTrade (Bybit: websocket/public/trade); only derivatives carry the tick direction."""
    row = {
        "T": at_ms,
        "s": SYMBOL,
        "S": side,
        "v": plain(qty),
        "p": f"{price:.2f}" if category == "linear" else plain(price),
    }
    if category == "linear":
        row["L"] = direction
    return row | {"i": name, "BT": False, "RPI": False, "seq": seq}
