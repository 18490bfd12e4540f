"""The tape as the engine reads it: closed candles of its own length, settled and running funding. Knows no venue."""

from __future__ import annotations

import math
from bisect import bisect_right
from decimal import Decimal
from typing import Any

import numpy as np

from bot.backtest import book as b
from bot.backtest import chores
from bot.domain.events import Bar, FundingPoint, TickerSeen

__all__ = ["TENTH", "Candles"]

MINUTE_MS = 60_000
TENTH = Decimal("0.1")
"""USDT: the tick of the contract, and half of what lies between bid and ask."""


class Candles:
    """Candles of `minutes`, or of the tape's bars where those are longer."""

    def __init__(self, tape: b.Tape, minutes: int) -> None:
        self._tape = tape
        self._settle_ms: list[int] = tape.settle_ms.tolist()
        self._settle_hours: list[int] = tape.settle_hours.astype(int).tolist()
        lists: dict[str, Any] = {
            name: getattr(tape, name).tolist() for name in ("settle_ms", "settle_rate", "settle_hours")
        }
        self._tape_of_rates = tape._replace(**lists)
        """The tape with its settlements in lists: they are read one at a time."""
        self._points = tuple(
            FundingPoint(at_ms=at_ms, rate=Decimal(repr(rate)))
            for at_ms, rate in zip(lists["settle_ms"], lists["settle_rate"], strict=True)
        )
        self.length_ms = max(minutes * MINUTE_MS, tape.bar_ms)

    def closes_one(self, i: int) -> bool:
        """Whether bar i is the last of a candle."""
        end_ms = int(self._tape.at_ms[i]) + self._tape.bar_ms
        return self._tape.bar_ms >= self.length_ms or end_ms % self.length_ms == 0

    def ending_with(self, i: int) -> Bar:
        """The candle that bar i closes."""
        tape = self._tape
        start_ms = (int(tape.at_ms[i]) + tape.bar_ms - 1) // self.length_ms * self.length_ms
        first = max(0, i + 1 - self.length_ms // tape.bar_ms)
        if tape.at_ms[first] != start_ms:  # bars are missing, or the tape begins with this one
            first = int(np.searchsorted(tape.at_ms, start_ms))
        part = slice(first, i + 1)
        highest, lowest = max(tape.high[part].tolist()), min(tape.low[part].tolist())
        o, h, low, c = (Decimal(repr(float(price))) for price in (tape.open[first], highest, lowest, tape.close[i]))
        return Bar(
            start_ms=start_ms,
            minutes=self.length_ms // MINUTE_MS,
            open=o,
            high=h,
            low=low,
            close=c,
            volume=Decimal(0),
        )

    def before(self, now_ms: int, count: int) -> tuple[Bar, ...]:
        """The last candles that have closed, oldest first."""
        if not count:
            return ()
        per_candle = max(1, self.length_ms // self._tape.bar_ms)
        last = int(np.searchsorted(self._tape.at_ms + self._tape.bar_ms, now_ms, side="right"))
        closing = [i for i in range(max(0, last - count * per_candle), last) if self.closes_one(i)]
        return tuple(self.ending_with(i) for i in closing[-count:])

    def extremes(self, since_ms: int, until_ms: int) -> tuple[float, float]:
        """The lowest and the highest price of the bars that are open from one moment to another, outwards on the contract's tick."""
        first, last = np.searchsorted(self._tape.at_ms, (since_ms, until_ms), side="right")
        part = slice(max(0, int(first) - 1), int(last))
        low, high = float(self._tape.low[part].min()), float(self._tape.high[part].max())
        return math.floor(low * 10) / 10, math.ceil(high * 10) / 10

    def settled(self, now_ms: int, count: int) -> tuple[FundingPoint, ...]:
        """The last settlements up to and including this moment, oldest first."""
        last = bisect_right(self._settle_ms, now_ms)
        return self._points[max(0, last - count) : last]

    def next_settlement(self, now_ms: int) -> tuple[int | None, int]:
        """(when, interval in hours) of the settlement after this moment; None beyond the data."""
        times, hours = self._settle_ms, self._settle_hours
        place = bisect_right(times, now_ms)
        if not times:
            return None, 8
        return (times[place] if place < len(times) else None), hours[min(place, len(hours) - 1)]

    def ticker(self, price: Decimal, at_ms: int, *, rate: Decimal, next_ms: int) -> TickerSeen:
        """What is shown at this price and moment. `rate` and `next_ms` of funding are for a tape that knows no settlement after it."""
        known_ms, hours = self.next_settlement(at_ms)
        running = self.running_rate(at_ms)
        return TickerSeen(
            at_ms=at_ms,
            last=price,
            mark=price,
            index=price,
            bid=price - TENTH,
            ask=price + TENTH,
            funding_rate=rate if running is None else running,
            next_funding_ms=next_ms if known_ms is None else known_ms,
            funding_interval_h=hours,
        )

    def running_rate(self, now_ms: int) -> Decimal | None:
        """The rate in force from this tick on; at the last one before a settlement it is exactly what will settle."""
        if not self._settle_ms:
            return None
        return Decimal(
            f"{chores.running_rate(self._tape_of_rates, bisect_right(self._settle_ms, now_ms), now_ms):.12f}"
        )
