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

from decimal import Decimal
from functools import lru_cache

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
        self._merged: TickerWire | None = None
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
        self._merged, self._last_ts_ms = None, 0
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
        return [*events, *self._desk.news_of_health()]

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
        if frame.type == "snapshot":
            self._merged = wire
        elif self._merged is None:
            return None
        else:
            self._merged = _merged(self._merged, wire)
        seen = _plausible(self._merged, frame.ts)
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


def _merged(before: TickerWire, delta: TickerWire) -> TickerWire:
    changes = {name: value for name in _FIELDS if (value := getattr(delta, name)) is not None}
    return msgspec.structs.replace(before, **changes)


_FIELDS = TickerWire.__struct_fields__


def _plausible(wire: TickerWire, ts_ms: int) -> TickerSeen:
    """The ticker as a domain value. Raises BadRow with a kind that says what was wrong."""
    try:
        seen = TickerSeen(
            at_ms=millis(ts_ms, "ts"),
            last=_price(wire.last_price, "lastPrice"),
            mark=_price(wire.mark_price, "markPrice"),
            index=_price(wire.index_price, "indexPrice"),
            bid=_price(wire.bid1_price, "bid1Price"),
            ask=_price(wire.ask1_price, "ask1Price"),
            funding_rate=_amount(wire.funding_rate, "fundingRate"),
            next_funding_ms=millis(wire.next_funding_time or "", "nextFundingTime") or None,
            funding_interval_h=_whole_hours(wire.funding_interval_hour),
            bid_qty=_amount(wire.bid1_size, "bid1Size"),
            ask_qty=_amount(wire.ask1_size, "ask1Size"),
        )
    except BadNumber as error:
        raise BadRow("bad price", str(error)) from None
    if seen.at_ms == 0:
        raise BadRow("ticker", "no time")
    if seen.bid > seen.ask:
        raise BadRow("crossed book", f"bid {seen.bid} above ask {seen.ask}")
    if abs(seen.last - seen.mark) > FAR_FROM_MARK * seen.mark:
        raise BadRow("price far from mark", f"last {seen.last}, mark {seen.mark}")
    return seen


# A delta changes few of these texts: what was a number a moment ago is not read again.
_price, _amount = lru_cache(64)(positive), lru_cache(64)(maybe_amount)


@lru_cache(4)
def _whole_hours(raw: str | None) -> int | None:
    hours = maybe_amount(raw, "fundingIntervalHour")
    if hours is None:
        return None
    if hours != int(hours) or not 1 <= hours <= 24:
        raise BadNumber(f"fundingIntervalHour: {raw!r} is not a whole number of hours")
    return int(hours)
