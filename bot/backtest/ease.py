"""Between which prices, and until when, the engine would find nothing to do: ticks inside may be passed over.

No rule is known here. The engine itself is asked, by its own `think`, what it would do at the corners of a box of price, volatility and
time. Its rules compare figures that move one way with each of the three, so what leads to nothing at all corners is taken to lead to
nothing between them. No type holds a new rule to that; the tests do, which play every tick as well and want the same records.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
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

_REACH = (0.02, 0.01, 0.005, 0.0025, 0.0012, 0.0006)
"""How far the box goes to each side, as a share of the price: the widest that is at ease."""
_SWAY = (0.05, 0.01)
"""The same for volatility."""
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
    """Asks an engine about moments to come. `picture` makes the ticker of a price and a moment; `never`: no tick is passed over."""

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        custody: Custody,
        picture: Callable[[Decimal, int], TickerSeen],
        tick_ms: int,
        *,
        never: bool = False,
    ) -> None:
        self._engine, self._venue, self._custody = engine, venue, custody
        self._picture, self._tick_ms = picture, tick_ms
        self._calm: Calm | None = None
        self._ease: Ease | None = None
        self._drawn_at: tuple[object, ...] = ()
        self._reached = {+1: 0, -1: 0}
        """Place in `_REACH` of the last box, upwards and downwards: wider again where the price has left it."""
        self._until_ms = 0
        """How far the clock alone was found to bring nothing."""
        self._never, self._since_ms, self._pause, self._not_before_ms = never, 0, 0, 0

    def look(self, now_ms: int, deeds: int) -> None:
        """A tick was played, `deeds` done up to it: where one was done since, or what is held has changed, or the tick lies outside the
        box, another is drawn."""
        at, price = (deeds, self._custody.held), self._engine.state.market.price
        self._calm = self._venue.calm
        if at == self._drawn_at and self.holds(price, price, now_ms):
            return
        self._leave(price, now_ms, was_done=at != self._drawn_at)
        self._drawn_at = at
        if now_ms >= self._not_before_ms and not self._never:
            self._ease, self._since_ms = self._drawn(now_ms), now_ms
            if self._ease is None:
                self._back_off(now_ms)

    def _leave(self, price: float, now_ms: int, *, was_done: bool) -> None:
        """The box is over. One that held for a moment only was not worth it; where price has left, the next may be wider."""
        ease, self._ease = self._ease, None
        if was_done:
            self._pause //= 4
            self._not_before_ms = min(self._not_before_ms, now_ms + self._pause * self._tick_ms)
        if ease is None:
            return
        if now_ms - self._since_ms < _WORTH * self._tick_ms:
            self._back_off(now_ms)
        else:
            self._pause = 0
        for side, has_left in ((+1, price > ease.high), (-1, price < ease.low)):
            self._reached[side] = max(0, self._reached[side] - has_left)

    def _back_off(self, now_ms: int) -> None:
        """Time and again without success: ask less often."""
        self._pause = min(2 * self._pause + 1, _LONGEST_PAUSE)
        self._not_before_ms = now_ms + self._pause * self._tick_ms

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
        if not least_ms < self._until_ms <= last_ms or self._is_due(self._until_ms):
            if self._is_due(least_ms):
                return None
            self._until_ms = self._last_at_ease(now_ms, last_ms)
        return self._box(self._until_ms)

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

    def _box(self, until_ms: int) -> Ease | None:
        """The widest box until then. What targets are made of is only minded where somebody asks for it, at one of the corners at least."""
        market = self._engine.state.market
        ease = self._widest(until_ms, Sigmas(market.sigma_24h, None))
        if not market.targets_were_asked_for:
            return ease
        return self._widest(until_ms, Sigmas(market.sigma_24h, market.sigma_for_targets))

    def _widest(self, until_ms: int, sigmas: Sigmas) -> Ease | None:
        """The widest box until then that is at ease at its corners."""
        for sway in _SWAY:
            ends = sigmas.times(1 - sway), sigmas.times(1 + sway)
            for high in self._ends(+1, math.inf, ends, until_ms):
                for low in self._ends(-1, high, ends, until_ms):
                    return Ease(low, high, *ends, until_ms) if self._is_one_band(low, high) else None
        return None

    def _ends(self, side: int, highest: float, sigmas: tuple[Sigmas, Sigmas], until_ms: int) -> Iterator[float]:
        """The prices on one side at which the engine is at ease, the furthest first, were it fallen there from `highest`."""
        price = self._engine.state.market.price
        for number in range(self._reached[side], len(_REACH)):
            self._reached[side] = number
            end = round(price * (1 + side * _REACH[number]), 1)
            if self._would_rest(Decimal(repr(end)), end if side > 0 else highest, sigmas, until_ms):
                yield end

    def _would_rest(self, price: Decimal, highest: float, sigmas: Iterable[Sigmas], at_ms: int) -> bool:
        """Whether the engine would do nothing at a price and a moment, whichever of these the volatility is."""
        wallet, ticker = shore.wallet_at(self._venue.margin(ACCOUNT, price)), self._picture(price, at_ms)
        return all(self._rests(ticker, wallet, at_ms, highest, volatility) for volatility in sigmas)

    def _rests(self, ticker: TickerSeen, wallet: Wallet, at_ms: int, highest: float, volatility: Sigmas) -> bool:
        state, (sigma, for_targets) = self._engine.state, volatility
        market = state.market
        with (
            market.as_if(ticker, at_ms, highest=highest, sigma=sigma, sigma_for_targets=for_targets),
            state.as_if(wallet, at_ms),
        ):
            return self._engine.rests(at_ms)

    def _is_one_band(self, *prices: float) -> bool:
        """Whether LTV stays within one of the bands whose time is counted."""
        return len({band_of(self._custody.balance(0, price=Decimal(repr(price))).ltv) for price in prices}) == 1


def _lies(value: float, low: float, high: float) -> bool:
    """Between these; what was unknown is unknown still."""
    return low <= value <= high or (math.isnan(low) and math.isnan(value))
