"""The picture's pages on volatility and funding: every estimator, every average, what the legs earn or pay."""

from __future__ import annotations

import math
from decimal import Decimal

from bot.domain.legs import Leg
from bot.domain.money import ZERO
from bot.domain.view import FundingView, VolatilityView
from bot.engine.state import State
from bot.strategy import decision, reasons
from bot.strategy import funding as rates

__all__ = ["funding", "volatility"]

_DAY_H, _WEEK_H, _WEEK_D = 24.0, 168.0, 7
_CENT = Decimal("0.01")


def volatility(state: State) -> VolatilityView:
    """What each estimator says of the same window, and what decides."""
    market = state.market
    made = market.estimates
    return VolatilityView(
        raw=_known(market.raw_sigma_24h),
        smoothed=_known(market.sigma_24h),
        regime=reasons.VOL_NAMES.get(state.memory.vol_level, "UNKNOWN"),
        bars=market.bars,
        estimators={name: _known(sigma) for name, sigma in made.sigmas.items()},
        jump_share=_known(made.jump_share),
        for_targets=_known(made.for_targets),
    )


def funding(state: State, now_ms: int) -> FundingView:
    """The rate, its averages, and what they mean for the legs that are held."""
    market, ticker, net = state.market, state.market.ticker, state.ledger.net
    rate = ticker.funding_rate if ticker else None
    is_open = state.ledger.is_open
    apr, regime = market.funding_apr, market.funding_regime.regime
    symmetric = int(state.config.policy.funding_mode == decision.SYMMETRIC)
    outside = state.outside_funding.regime_at(now_ms, state.config.outside_stale_ms)
    per_day = {leg: _per_day(state, leg) for leg in Leg}
    whole = None if None in per_day.values() else sum((part for part in per_day.values() if part is not None), ZERO)
    return FundingView(
        rate=rate,
        interval_h=market.interval_h,
        apr=_known(market.running_apr),
        regime=reasons.FUNDING_NAMES.get(regime, "UNKNOWN"),
        next_ms=ticker.next_funding_ms if ticker else None,
        next_payment=-rate * ticker.mark * net if ticker and rate is not None and is_open else None,
        received=sum((book.funding for book in state.ledger.legs.values()), ZERO),
        deciding_apr=_known(apr),
        average_24h_apr=_known(market.average_apr(_DAY_H)),
        average_7d_apr=_known(market.average_apr(_WEEK_H)),
        per_day=whole,
        per_week=None if whole is None else whole * _WEEK_D,
        long_per_day=per_day[Leg.LONG],
        short_per_day=per_day[Leg.SHORT],
        multiplier=_known(state.memory.funding_multiplier),
        should_exit=is_open and rates.should_exit(regime, apr, -float(net), symmetric),
        outside_regime="" if outside == rates.UNKNOWN else reasons.FUNDING_NAMES[outside],
        outside_at_ms=None if outside == rates.UNKNOWN else state.outside_funding.at_ms,
    )


def _per_day(state: State, leg: Leg) -> Decimal | None:
    """What a leg earns a day at the deciding APR, USDT; None while legs, price or rate are unknown."""
    ticker, apr = state.market.ticker, state.market.funding_apr
    if ticker is None or math.isnan(apr) or not state.ledger.is_open:
        return None
    qty = state.ledger.legs[leg].qty
    short_btc = float(qty if leg is Leg.SHORT else -qty)
    return Decimal(repr(rates.projected_usdt(apr, float(ticker.mark), short_btc, 1.0))).quantize(_CENT)


def _known(value: float) -> float | None:
    """None where a figure is unknown."""
    return None if math.isnan(value) else value
