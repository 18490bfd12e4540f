"""The public stream of one perpetual: its ticker and its closed candles. Sans-IO.

Knows how a ticker delta is merged over its snapshot, and which prices cannot be true; does not know what a price is for.
(Bybit: websocket/public/ticker, websocket/public/kline.)

The rules of the file:

* A delta never counts before a snapshot, and a snapshot always replaces. What a delta leaves out is unchanged.
* Only a whole and plausible picture is emitted: prices above zero, bid not above ask, last within `FAR_FROM_MARK` of mark, time not
  far back. An implausible one is merged all the same (the next delta builds on it) but counts as silence of the topic.
* A candle is news once, when Bybit confirms it closed.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from bot.domain.events import BadInput, BarClosed, Channel, Event, TickerSeen
from bot.domain.money import BadNumber, maybe_amount
from bot.exchange.liveness import Liveness
from bot.exchange.patience import Patience
from bot.exchange.stream import Desk
from bot.exchange.wire_rows import BadRow, millis, positive
from bot.exchange.wire_stream import Frame, KlineWire, TickerWire, bar, klines, ticker

__all__ = ["MarketStream"]

FAR_FROM_MARK = Decimal("0.2")  # last further than this share from mark is not a price to act on
FAR_BACK_MS = 5_000  # a ticker this much older than the one before is not of this feed


class MarketStream:
    """The public stream of `symbol`, with candles of `bar_minutes`."""

    def __init__(self, *, symbol: str, bar_minutes: int, patience: Patience) -> None:
        self._symbol = symbol
        self._minutes = bar_minutes
        self._ticker_topic = f"tickers.{symbol}"
        self._kline_topic = f"kline.{bar_minutes}.{symbol}"
        topics = {
            self._ticker_topic: patience.stale_ticker_ms / 1000,
            self._kline_topic: patience.stale_kline_ms / 1000,
        }
        self._desk = Desk(Channel.PUBLIC, Liveness(topics, patience), patience)
        self._picture: _Picture | None = None
        self._last_ts_ms = 0
        self._last_bar_ms = 0

    @property
    def channel(self) -> Channel:
        return self._desk.channel

    @property
    def fault(self) -> str | None:
        return self._desk.liveness.fault

    @property
    def is_due(self) -> bool:
        return self._desk.liveness.is_due

    @property
    def foreign(self) -> int:
        """Rows of other symbols, ever."""
        return self._desk.foreign

    def connected(self, now_s: float) -> list[str]:
        self._picture, self._last_ts_ms = None, 0
        self._desk.liveness.connected(now_s)
        self._desk.liveness.subscribe(now_s)
        return self._desk.liveness.to_send()

    def receive(self, text: str | bytes, now_s: float) -> list[Event]:
        frame = self._desk.opened(text, now_s)
        if isinstance(frame, BadInput):
            return [frame]
        try:
            events = self._events_of(frame, now_s)
        except BadRow as error:
            return [self._desk.bad_input(error.kind, text, now_s)]
        return events + self._desk.news_of_health()

    def tick(self, now_s: float) -> list[str]:
        self._desk.liveness.tick(now_s)
        return self._desk.liveness.to_send()

    def disconnected(self, reason: str) -> list[Event]:
        return self._desk.went_down(reason)

    def _events_of(self, frame: Frame, now_s: float) -> list[Event]:
        if frame.topic == self._ticker_topic:
            seen = self._ticker(frame)
            if seen is None:
                return []
            self._desk.liveness.heard_data(frame.topic, now_s)
            return [seen]
        if frame.topic == self._kline_topic:
            closed = [found for row in klines(frame.data) if (found := self._bar(row)) is not None]
            self._desk.liveness.heard_data(frame.topic, now_s)
            return list(closed)
        if frame.topic or not self._desk.liveness.heard_control(frame, now_s):
            raise BadRow("unknown topic" if frame.topic else "unknown frame", "nobody asked for it")
        return []

    def _ticker(self, frame: Frame) -> TickerSeen | None:
        """The merged picture after this frame; None for a delta that came before any snapshot."""
        wire = ticker(frame.data)
        if wire.symbol != self._symbol:
            self._desk.foreign += 1
            return None
        if frame.ts < self._last_ts_ms - FAR_BACK_MS:
            raise BadRow("ticker out of order", f"{frame.ts} after {self._last_ts_ms}")
        is_whole = frame.type == "snapshot"
        if is_whole:
            self._picture = _Picture()
        elif self._picture is None:
            return None
        self._picture.hear(wire, is_whole=is_whole)
        seen = self._picture.seen(frame.ts)
        self._last_ts_ms = max(self._last_ts_ms, frame.ts)
        return seen

    def _bar(self, row: KlineWire) -> BarClosed | None:
        """The candle when it has just closed; None while it is open, and for one already told."""
        if row.interval != str(self._minutes):
            raise BadRow("kline", f"interval {row.interval!r}")
        seen = bar(
            row.start, self._minutes, open=row.open, high=row.high, low=row.low, close=row.close, volume=row.volume
        )
        if not row.confirm or seen.start_ms <= self._last_bar_ms:
            return None
        self._last_bar_ms = seen.start_ms
        return BarClosed(bar=seen)


class _Picture:
    """A ticker as far as the venue has told it. What cannot be read is remembered too, until the venue says something else."""

    def __init__(self) -> None:
        self._facts: dict[str, Any] = {}
        self._wrong: dict[str, str] = {}

    def hear(self, wire: TickerWire, *, is_whole: bool) -> None:
        """Take in what `wire` says; if it is whole, what it leaves out is unknown, else unchanged."""
        for fact, name, field, read in _READERS:
            raw = getattr(wire, name)
            if raw is None and not is_whole:
                continue
            try:
                self._facts[fact] = read(raw, field)
                if self._wrong:
                    self._wrong.pop(fact, None)
            except BadNumber as error:
                if fact in _PRICES:
                    self._wrong[fact] = str(error)
                else:
                    self._facts[fact] = None  # unknown, as where the venue leaves it out: a price is a price without it

    def seen(self, ts_ms: int) -> TickerSeen:
        """The ticker as a domain value. Raises BadRow with a kind that says what was wrong."""
        try:
            self._facts["at_ms"] = millis(ts_ms, "ts")
        except BadNumber as error:
            raise BadRow("bad price", str(error)) from None
        if self._wrong:
            raise BadRow("bad price", ", ".join(self._wrong.values()))
        seen = msgspec.convert(self._facts, TickerSeen)  # twice as fast as by its own __init__
        if seen.at_ms == 0:
            raise BadRow("ticker", "no time")
        if seen.bid > seen.ask:
            raise BadRow("crossed book", f"bid {seen.bid} above ask {seen.ask}")
        if abs(seen.last - seen.mark) > FAR_FROM_MARK * seen.mark:
            raise BadRow("price far from mark", f"last {seen.last}, mark {seen.mark}")
        return seen


_PRICES = frozenset({"last", "mark", "index", "bid", "ask"})
"""Without one of these that can be read there is no ticker."""


def _whole_hours(raw: str | None, field: str) -> int | None:
    hours = maybe_amount(raw, field)
    if hours is None:
        return None
    if hours != int(hours) or not 1 <= hours <= 24:
        raise BadNumber(f"{field}: {raw!r} is not a whole number of hours")
    return int(hours)


def _moment(raw: str | None, field: str) -> int | None:
    return millis(raw, field) or None


_READERS: tuple[tuple[str, str, str, Callable[[str | None, str], object]], ...] = (
    # in TickerSeen     in TickerWire            at Bybit
    ("last", "last_price", "lastPrice", positive),
    ("mark", "mark_price", "markPrice", positive),
    ("index", "index_price", "indexPrice", positive),
    ("bid", "bid1_price", "bid1Price", positive),
    ("ask", "ask1_price", "ask1Price", positive),
    ("funding_rate", "funding_rate", "fundingRate", maybe_amount),
    ("next_funding_ms", "next_funding_time", "nextFundingTime", _moment),
    ("funding_interval_h", "funding_interval_hour", "fundingIntervalHour", _whole_hours),
    ("bid_qty", "bid1_size", "bid1Size", maybe_amount),
    ("ask_qty", "ask1_size", "ask1Size", maybe_amount),
)
