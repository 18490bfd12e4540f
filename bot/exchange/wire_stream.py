"""Frames of Bybit's streams: control answers and the public topics. JSON to values, pure.

Knows the shape of a frame; rows of the private topics are in `wire_rows`.
(Bybit: websocket/wss-authentication, websocket/public/ticker, websocket/public/kline.)
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import msgspec

from bot.domain.events import Bar
from bot.domain.money import BadNumber, amount
from bot.exchange.wire_rows import BadRow, decode, millis, positive

__all__ = ["Frame", "KlineWire", "TickerWire", "bar", "frame", "klines", "rows", "ticker"]


class Frame(msgspec.Struct):
    """Any frame: a topic's push has `topic` and `data`, a control answer has `op`."""

    topic: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    ts: int = 0
    op: str = ""
    success: bool | None = None
    ret_msg: str | None = None
    req_id: str | int | None = None

    @property
    def is_pong(self) -> bool:
        """The public streams answer a ping with op "ping" and say pong in the text; the private one answers with op "pong"."""
        return self.op == "pong" or (self.op == "ping" and self.ret_msg == "pong")


def frame(text: str | bytes) -> Frame:
    """Raises BadRow("frame")."""
    return decode(text, Frame, "frame")


def rows(data: msgspec.Raw, kind: str) -> list[msgspec.Raw]:
    """The rows of a private topic, undecoded, so that one bad row does not lose the others. Raises BadRow(kind)."""
    return decode(data, list[msgspec.Raw], kind)


class TickerWire(msgspec.Struct, rename="camel"):
    """A ticker snapshot or delta; None is "not in this message", which in a delta means unchanged."""

    symbol: str
    last_price: str | None = None
    mark_price: str | None = None
    index_price: str | None = None
    bid1_price: str | None = None
    ask1_price: str | None = None
    bid1_size: str | None = None
    ask1_size: str | None = None
    funding_rate: str | None = None
    next_funding_time: str | None = None
    funding_interval_hour: str | None = None


def ticker(data: msgspec.Raw) -> TickerWire:
    """Raises BadRow("ticker")."""
    return decode(data, TickerWire, "ticker")


class KlineWire(msgspec.Struct):
    start: int
    end: int
    interval: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    confirm: bool


def klines(data: msgspec.Raw) -> list[KlineWire]:
    """Raises BadRow("kline")."""
    return decode(data, list[KlineWire], "kline")


@dataclass(frozen=True, slots=True)
class _Ohlcv:
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


def bar(start: str | int, minutes: int, *, open: str, high: str, low: str, close: str, volume: str) -> Bar:
    """One candle, checked: prices above zero, high and low around the body, on the grid of its length. Raises BadRow("kline")."""
    try:
        start_ms = millis(start, "start")
        seen = _Ohlcv(
            positive(open, "open"),
            positive(high, "high"),
            positive(low, "low"),
            positive(close, "close"),
            amount(volume, "volume"),
        )
    except BadNumber as error:
        raise BadRow("kline", str(error)) from None
    if start_ms % (minutes * 60_000):
        raise BadRow("kline", f"start {start_ms} is not on the grid of {minutes} min")
    if not seen.low <= min(seen.open, seen.close) <= max(seen.open, seen.close) <= seen.high or seen.volume < 0:
        raise BadRow("kline", f"not a candle: open {open} high {high} low {low} close {close} volume {volume}")
    return Bar(
        start_ms=start_ms,
        minutes=minutes,
        open=seen.open,
        high=seen.high,
        low=seen.low,
        close=seen.close,
        volume=seen.volume,
    )
