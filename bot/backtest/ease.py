"""Between which prices, and until when, the engine would find nothing to do: ticks inside may be passed over.

No rule is known here. The engine itself is asked, by its own `think`, what it would do at the corners of a box of price, volatility and
time: as wide as the prices that lie ahead on the tape, and lasting for as long as that leads to nothing. Its rules compare figures that
move one way with each of the three, so what leads to nothing at all corners is taken to lead to nothing between them. No type holds a new
rule to that; the tests do, which play every tick as well and want the same records.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from bot.backtest import shore
from bot.backtest.balance import band_of
from bot.backtest.custody import ACCOUNT, Custody
from bot.domain.account import Wallet
from bot.domain.events import TickerSeen
from bot.engine.engine import Engine
from bot.simulator.venue import Calm, Venue

__all__ = ["Foresight"]

_PARTS = (1, 4, 16, 64)
"""Of the time ahead, how small a part the box lasts for: the longest that is at ease."""
_SWAY = (0.05, 0.01)
"""How far the box goes to each side of volatility, as a share of it."""
_HOUR_MS = 3_600_000
_WORTH = 6
"""Ticks that a box must hold for at least."""
_LONGEST_PAUSE = 40
"""Ticks, after drawing failed time and again."""


class Sigmas(NamedTuple):
    """Volatility per 24 h as the regime reads it, and as targets do; None where nobody wants to know the latter."""

    regime: float
    targets: float | None

    def times(self, share: float) -> Sigmas:
        return Sigmas(self.regime * share, None if self.targets is None else self.targets * share)


class Ease(NamedTuple):
    """The bounds, which lie inside."""

    low: float
    high: float
    calmest: Sigmas
    wildest: Sigmas
    until_ms: int


class Foresight:
    """Asks an engine about moments to come. `picture` makes the ticker of a price and a moment, `extremes` tells the lowest and the highest
    price on the tape between two; `never`: no tick is passed over."""

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        custody: Custody,
        picture: Callable[[Decimal, int], TickerSeen],
        extremes: Callable[[int, int], tuple[float, float]],
        tick_ms: int,
        *,
        never: bool = False,
    ) -> None:
        self._engine, self._venue, self._custody = engine, venue, custody
        self._picture, self._extremes, self._tick_ms = picture, extremes, tick_ms
        self._calm: Calm | None = None
        self._ease: Ease | None = None
        self._drawn_at: tuple[object, ...] = ()
        self._low_first = True
        """Which end of the price stood in the way last."""
        self._part = 0
        """Place in `_PARTS` of the last box; the next is tried with a longer one."""
        self._until_ms = 0
        """How far the clock alone was found to bring nothing."""
        self._never, self._pause, self._not_before_ms = never, 0, 0

    def look(self, now_ms: int, deeds: int) -> None:
        """A tick was played, `deeds` done up to it: where one was done since, or what is held has changed, or the tick lies outside the
        box, another is drawn."""
        at, price = (deeds, self._custody.held), self._engine.state.market.price
        self._calm = self._venue.calm
        if at == self._drawn_at and self.holds(price, price, now_ms):
            return
        self._leave(now_ms, was_done=at != self._drawn_at)
        self._drawn_at = at
        if now_ms >= self._not_before_ms and not self._never:
            self._ease = self._drawn(now_ms)
            if self._ease is None:
                self._back_off(now_ms)

    def _leave(self, now_ms: int, *, was_done: bool) -> None:
        """The box is over."""
        if self._ease is not None:
            self._ease, self._pause = None, 0
        if was_done:
            self._pause //= 4
            self._not_before_ms = min(self._not_before_ms, now_ms + self._pause * self._tick_ms)

    def _back_off(self, now_ms: int) -> None:
        """Time and again without success: ask less often."""
        self._pause = min(2 * self._pause + 1, _LONGEST_PAUSE)
        self._not_before_ms = max(self._not_before_ms, now_ms + self._pause * self._tick_ms)

    def holds(self, low: float, high: float, at_ms: int) -> bool:
        """Whether neither engine nor venue do anything at prices from `low` to `high`, up to that moment."""
        ease, calm = self._ease, self._calm
        if ease is None or calm is None:
            return False
        return (
            ease.low <= low
            and high <= ease.high
            and at_ms <= ease.until_ms
            and calm.low < low
            and high < calm.high
            and at_ms < calm.until_ms
        )

    def outlasts(self, price: float, at_ms: int, deeds: int) -> bool:
        """Whether the box still holds after a step at which the venue had something to do."""
        self._calm = self._venue.calm
        return (deeds, self._custody.held) == self._drawn_at and self.holds(price, price, at_ms)

    def holds_bar(self) -> bool:
        """Whether the volatility of the bars is inside too, and none is missing. Else the box is gone."""
        ease, market = self._ease, self._engine.state.market
        assert ease is not None
        (calm, calm_targets), (wild, wild_targets) = ease.calmest, ease.wildest
        is_inside = _lies(market.sigma_24h, calm, wild) and (
            calm_targets is None or wild_targets is None or _lies(market.sigma_for_targets, calm_targets, wild_targets)
        )
        if market.has_gap or not is_inside:
            self._ease = None
        return self._ease is not None

    def _drawn(self, now_ms: int) -> Ease | None:
        """The box around this moment; None where something is in motion, or would be soon."""
        state, least_ms = self._engine.state, now_ms + _WORTH * self._tick_ms
        last_ms = now_ms + self._ticks_ahead(now_ms) * self._tick_ms
        if state.hedge is not None or not state.is_settled or last_ms < least_ms:
            return None
        if least_ms < self._until_ms <= last_ms:
            ease = self._box(now_ms, self._until_ms)
            if ease is not None or not self._is_due(self._until_ms):
                return ease
        if self._is_due(least_ms):
            self._not_before_ms = least_ms
            return None
        self._until_ms = self._last_at_ease(now_ms, last_ms)
        return self._box(now_ms, self._until_ms)

    def _ticks_ahead(self, now_ms: int) -> int:
        """How many ticks are looked ahead: an hour of them, and none past a settlement, where the running rate begins anew."""
        ticker, most = self._engine.state.market.ticker, _HOUR_MS // self._tick_ms
        if ticker is None or ticker.next_funding_ms is None:
            return most
        return min(most, (ticker.next_funding_ms - 1 - now_ms) // self._tick_ms)

    def _is_due(self, at_ms: int) -> bool:
        """Whether the clock alone, at that moment and with the present price, leads to anything."""
        market, wallet = self._engine.state.market, self._engine.state.wallet
        if market.ticker is None or wallet is None:
            return True
        return not self._rests(market.ticker, wallet, at_ms, 0.0, Sigmas(market.sigma_24h, None))

    def _last_at_ease(self, now_ms: int, last_ms: int) -> int:
        """The last tick to which the clock alone leads to nothing: where it was an hour ago, or else to be searched for."""
        again_ms, tick_ms = self._until_ms + _HOUR_MS, self._tick_ms
        if now_ms < again_ms <= last_ms and self._is_due(again_ms + tick_ms) and not self._is_due(again_ms):
            return again_ms
        ticks = range(now_ms + (_WORTH + 1) * tick_ms, last_ms + 1, tick_ms)
        return now_ms + (_WORTH + bisect_left(ticks, True, key=self._is_due)) * tick_ms

    def _box(self, now_ms: int, until_ms: int) -> Ease | None:
        """The longest box until then. What targets are made of is only minded where somebody asks for it, be it at a corner."""
        market = self._engine.state.market
        were_asked_for = market.targets_were_asked_for
        targets = market.sigma_for_targets if were_asked_for else None
        ease = self._longest(now_ms, until_ms, Sigmas(market.sigma_24h, targets))
        if were_asked_for or not market.targets_were_asked_for:
            return ease
        return self._box(now_ms, until_ms)

    def _longest(self, now_ms: int, until_ms: int, sigmas: Sigmas) -> Ease | None:
        """The box of the prices to come, for as much of the time ahead as is at ease at its corners."""
        ticks, first = (until_ms - now_ms) // self._tick_ms, max(0, self._part - 1)
        for sway in _SWAY:
            ends = sigmas.times(1 - sway), sigmas.times(1 + sway)
            for number in range(first, len(_PARTS)):
                self._part, part = number, max(ticks // _PARTS[number], _WORTH)
                end_ms = now_ms + part * self._tick_ms
                low, high = self._extremes(now_ms, end_ms)
                if self._is_at_ease(low, high, ends, end_ms):
                    return Ease(low, high, *ends, end_ms)
                if part == _WORTH:
                    break
        return None

    def _is_at_ease(self, low: float, high: float, sigmas: tuple[Sigmas, Sigmas], at_ms: int) -> bool:
        """Whether the engine would do nothing at a moment at both prices, whichever of these the volatility is, were it fallen from the
        higher one; and whether the LTV of both is in one of the bands whose time is counted."""
        bands = set()
        for end in (low, high) if self._low_first else (high, low):
            price = Decimal(repr(end))
            margin = self._venue.margin(ACCOUNT, price)
            wallet, ticker = shore.wallet_at(margin), self._picture(price, at_ms)
            if not self._rests(ticker, wallet, at_ms, high, *sigmas):
                self._low_first = end == low
                return False
            bands.add(band_of(self._custody.balance(at_ms, margin, price).ltv))
        return len(bands) == 1

    def _rests(self, ticker: TickerSeen, wallet: Wallet, at_ms: int, highest: float, *sigmas: Sigmas) -> bool:
        """Whether the engine would do nothing then, whichever of these the volatility is."""
        engine, market = self._engine, self._engine.state.market
        with market.as_if(ticker, at_ms, highest=highest), engine.state.as_if(wallet, at_ms):
            for sigma in sigmas:
                market.suppose(*sigma)
                if not engine.rests(at_ms):
                    return False
        return True


def _lies(value: float, low: float, high: float) -> bool:
    """Between these; what was unknown is unknown still."""
    return low <= value <= high or (math.isnan(low) and math.isnan(value))
