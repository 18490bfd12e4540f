"""The price path of a world: a seeded walk, its candles and its funding."""

from __future__ import annotations

import math
from decimal import Decimal
from random import Random

from bot.domain.events import Bar, FundingPoint
from bot.simulator.venue import Tick

__all__ = ["BAR_MS", "Tape"]

BAR_MS = 300_000
WARM_BARS = 30
WARM_SIGMA_24H = 0.03
FUNDING_RATE = Decimal("0.0001")


class Tape:
    """Prices are kept in tenths of a dollar, as integers."""

    def __init__(self, rng: Random, now_ms: int, *, sigma: float, price: int = 1_160_000) -> None:
        self._rng, self._sigma = rng, sigma
        self.tenths = price
        self.frozen_until = 0
        self.bad_last: int | None = None
        self.bars = _warm(now_ms // BAR_MS * BAR_MS, price)
        self._bar_start = now_ms // BAR_MS * BAR_MS
        self._open = self._high = self._low = price
        self.closed_now: Bar | None = None

    def step(self, now_ms: int) -> Tick:
        """The next price; `closed_now` is the candle that ended with it."""
        if now_ms >= self.frozen_until:
            self.tenths = max(1000, round(self.tenths * (1 + self._rng.gauss(0.0, self._sigma))))
        self.closed_now = self._roll(now_ms)
        fair = Decimal(self.tenths) / 10
        last = fair if self.bad_last is None else Decimal(self.bad_last) / 10
        self.bad_last = None
        return Tick(at_ms=now_ms, last=last, mark=fair, index=fair, volume=Decimal(1), funding_rate=FUNDING_RATE)

    def gap(self, share: float) -> None:
        """From now on every price stands `share` higher."""
        self.tenths = round(self.tenths * (1 + share))

    def closed_bars(self, count: int) -> tuple[Bar, ...]:
        """The newest closed candles, oldest first."""
        return tuple(self.bars[-count:]) if count else ()

    def funding(self, count: int) -> tuple[FundingPoint, ...]:
        """The newest settled rates, oldest first."""
        eight_h = 28_800_000
        last = (self._bar_start // eight_h) * eight_h
        return tuple(FundingPoint(at_ms=last - i * eight_h, rate=FUNDING_RATE) for i in range(count - 1, -1, -1))

    def _roll(self, now_ms: int) -> Bar | None:
        start = now_ms // BAR_MS * BAR_MS
        if start == self._bar_start:
            self._high, self._low = max(self._high, self.tenths), min(self._low, self.tenths)
            return None
        high, low = max(self._high, self.tenths), min(self._low, self.tenths)
        closed = _bar(self._bar_start, self._open, high, low, self.tenths)
        self.bars.append(closed)
        self._bar_start = start
        self._open = self._high = self._low = self.tenths
        return closed


def _bar(start: int, opened: int, high: int, low: int, close: int) -> Bar:
    first, top, bottom, end = (Decimal(tenths) / 10 for tenths in (opened, high, low, close))
    return Bar(start_ms=start, minutes=5, open=first, high=top, low=bottom, close=end, volume=Decimal(1))


def _warm(end_ms: int, price: int) -> list[Bar]:
    """History of a constant volatility, ending at `end_ms`."""
    step = WARM_SIGMA_24H / math.sqrt(288)
    up = round(price * math.exp(step))
    return [
        _bar(end_ms - (WARM_BARS - i) * BAR_MS, *((up, up, up, up) if i % 2 else (price, price, price, price)))
        for i in range(WARM_BARS)
    ]
