"""Funding: what a rate means in a year, which regime it is, who pays, and how far to trust the hedge with it.

A rate never travels without its interval. Rates and APR are decimals (0.0001 per 8 h = 0.1095 APR); positive funding is
paid by longs and received by shorts (Bybit: Introduction to Funding Rate). NaN means unknown: it is never a cheap rate.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bot.strategy.hysteresis import exceeded, reached, settle

HOURS_PER_YEAR = 8760.0
INTEREST_PER_DAY = 0.0003
"""Interest component I of the funding rate, 0.03 % a day (Bybit: Introduction to Funding Rate)."""
PREMIUM_CLAMP = 0.0005

# regimes, by |APR|
UNKNOWN = -1
NEUTRAL = 0
NORMAL = 1
HEATED = 2
MANIA = 3
EXTREME = 4

ORIGINAL_NORMAL_APR = 0.10
NORMAL_APR = 0.15
"""Where NORMAL begins. The original 10 % lies on the commonest rate of all (0.01 % per 8 h = 10.95 %) and flaps."""
HEATED_APR = 0.50
MANIA_APR = 1.00
EXTREME_APR = 3.00

PAY_TIER_1 = 0.05
PAY_TIER_2 = 0.25
PAY_TIER_3 = 0.75
PAY_TIER_4 = 1.50


class RegimeState(NamedTuple):
    """A regime and the candidate that wants to replace it."""

    regime: int
    candidate: int
    confirmations: int
    """Observations in a row that pointed to `candidate`."""
    since_ms: int
    """When the regime began; negative before the first."""


NO_REGIME = RegimeState(UNKNOWN, UNKNOWN, 0, -1)


# Rates


def apr(rate: float, interval_hours: float) -> float:
    """Simple yearly rate F x 24 / N x 365 of a rate paid every N hours. NaN without a positive interval."""
    if not interval_hours > 0.0:
        return math.nan
    return rate * 24.0 / interval_hours * 365.0


def apy(rate: float, interval_hours: float) -> float:
    """Compounded yearly rate (1 + F)^(24 / N x 365) - 1. NaN without a positive interval."""
    if not interval_hours > 0.0:
        return math.nan
    return float((1.0 + rate) ** (24.0 / interval_hours * 365.0)) - 1.0


def rate_of_apr(yearly: float, interval_hours: float) -> float:
    """The rate per interval that makes this APR."""
    return yearly / 365.0 * interval_hours / 24.0


def original_rate_8h(apr_percent: float) -> float:
    """Original quick start: APR in per cent / 100 / 365 / 3, right only for three settlements a day. Parity only."""
    return apr_percent / 100.0 / 365.0 / 3.0


def weighted_premium(premiums: Sequence[float]) -> float:
    """Average of the interval's minute premiums with weights 1 .. n (Bybit: Introduction to Funding Rate)."""
    n = len(premiums)
    if n == 0:
        return math.nan
    total = 0.0
    for i in range(n):
        total += (i + 1) * premiums[i]
    return total / (0.5 * n * (n + 1))


def rate_of_premium(premium: float, interval_hours: float, cap: float) -> float:
    """F = P + clamp(I - P, +-0.05 %), capped at +-cap; I = 0.03 % a day (Bybit: Introduction to Funding Rate).

    Between -0.04 % and +0.06 % of premium the result is exactly I: that is why 0.01 % per 8 h is the commonest rate.
    """
    interest = INTEREST_PER_DAY * interval_hours / 24.0
    rate = premium + max(-PREMIUM_CLAMP, min(PREMIUM_CLAMP, interest - premium))
    return max(-cap, min(cap, rate))


def window_apr(rates: Sequence[float], interval_hours: Sequence[float], window_hours: float) -> float:
    """Time-weighted APR of the latest settlements, newest last, that fit into the window (24 h, 168 h).

    The newest counts even if its interval is longer than the window. NaN without data or with a bad one in the window.
    """
    total, hours = 0.0, 0.0
    for back in range(len(rates)):
        i = len(rates) - 1 - back
        if hours > 0.0 and hours + interval_hours[i] > window_hours + 1e-9:
            break
        total += rates[i]
        hours += interval_hours[i]
    if not hours > 0.0:
        return math.nan
    return total * HOURS_PER_YEAR / hours


def fresh_apr(yearly: float, age_ms: float, stale_after_ms: float) -> float:
    """The APR, or NaN when it is older than stale_after_ms, of unknown age, or not finite."""
    if not age_ms <= stale_after_ms or not math.isfinite(yearly):
        return math.nan
    return yearly


# Money


def payment_usdt(rate: float, mark: float, long_btc: float, short_btc: float) -> float:
    """Cash to the account at a settlement, F x mark x (S - L), USDT; positive = received.

    Due only on positions open at the timestamp, once per settlement (Bybit: Introduction to Funding Rate).
    """
    return rate * mark * (short_btc - long_btc)


def projected_usdt(yearly: float, mark: float, net_short_btc: float, days: float) -> float:
    """Cash expected over `days` at this APR and mark, USDT; positive = received."""
    return yearly / 365.0 * days * mark * net_short_btc


def break_even_apr(yearly_cost_usdt: float, mark: float, net_short_btc: float) -> float:
    """Funding APR at which the net short earns yearly_cost_usdt (the loan's interest). NaN without a net short."""
    if not net_short_btc * mark > 0.0:
        return math.nan
    return yearly_cost_usdt / (net_short_btc * mark)


def cut_pays_after_days(apr_paid: float, one_way_cost: float) -> float:
    """Days a paid rate must last before giving the hedge up and taking it back (two trades) is cheaper than paying."""
    if not apr_paid > 0.0:
        return math.inf
    return 2.0 * one_way_cost * 365.0 / apr_paid


# Regimes


def regime_of(yearly: float, normal_from: float) -> int:
    """Regime of |APR| without memory: NORMAL from `normal_from`, HEATED 50 %, MANIA 100 %, EXTREME 300 %."""
    if not math.isfinite(yearly):
        return UNKNOWN
    return reached(abs(yearly), normal_from, HEATED_APR, MANIA_APR, EXTREME_APR)


def regime_update(
    state: RegimeState,
    yearly: float,
    now_ms: int,
    normal_from: float,
    fall_ratio: float,
    confirmations: int,
    dwell_ms: int,
) -> RegimeState:
    """Fold one observation of APR (a settlement, or a mean of several) into the regime.

    A threshold is left downwards at fall_ratio (0.8) of itself. A new regime needs `confirmations` (2) observations in a
    row; a fall also needs the present regime to be dwell_ms old, a rise does not wait for that. The first known value is
    taken as it is; an unknown one makes the regime UNKNOWN at once.
    """
    if not math.isfinite(yearly):
        return RegimeState(UNKNOWN, UNKNOWN, 0, now_ms)
    size = abs(yearly)
    rise = reached(size, normal_from, HEATED_APR, MANIA_APR, EXTREME_APR)
    hold = reached(
        size,
        fall_ratio * normal_from,
        fall_ratio * HEATED_APR,
        fall_ratio * MANIA_APR,
        fall_ratio * EXTREME_APR,
    )
    wanted = settle(state.regime, rise, hold)
    if state.regime == UNKNOWN:
        return RegimeState(wanted, wanted, 0, now_ms)
    if wanted == state.regime:
        return RegimeState(state.regime, state.regime, 0, state.since_ms)
    same_way = (state.candidate > state.regime) == (wanted > state.regime) and state.candidate != state.regime
    seen = state.confirmations + 1 if same_way else 1
    if seen < confirmations or (wanted < state.regime and now_ms - state.since_ms < dwell_ms):
        return RegimeState(state.regime, wanted, seen, state.since_ms)
    return RegimeState(wanted, wanted, 0, now_ms)


def original_multiplier(regime: int) -> float:
    """Original quick start: 1, 1, 0.5, 0.2, 0 for NEUTRAL .. EXTREME, sign ignored. NaN for an unknown regime."""
    if regime in (NEUTRAL, NORMAL):
        return 1.0
    if regime == HEATED:
        return 0.5
    if regime == MANIA:
        return 0.2
    if regime == EXTREME:
        return 0.0
    return math.nan


# Who pays


def carry_sign(net_short_btc: float) -> int:
    """+1 when a net short earns positive funding, -1 for a net long, 0 for no net position."""
    return int(net_short_btc > 0.0) - int(net_short_btc < 0.0)


def carry_apr(yearly: float, net_short_btc: float) -> float:
    """APR on the net position's notional, positive = received."""
    return yearly * carry_sign(net_short_btc)


def leg_carry_sign(yearly: float, is_short: int) -> int:
    """+1 when this leg receives, -1 when it pays, 0 at a zero or unknown rate."""
    sign = int(yearly > 0.0) - int(yearly < 0.0)
    return sign if is_short == 1 else -sign


def paid_apr(yearly: float, net_short_btc: float) -> float:
    """APR that the net position pays, >= 0; 0 when it receives. NaN in, NaN out."""
    paid = -carry_apr(yearly, net_short_btc)
    return paid if math.isnan(paid) else max(0.0, paid)


def pay_level(previous: int, apr_paid: float, fall_ratio: float) -> int:
    """Tier 0 .. 4 of paid funding: above 5, 25, 75, 150 % APR; left below fall_ratio x threshold.

    NaN keeps the previous tier (-1 when there is none).
    """
    if math.isnan(apr_paid):
        return previous
    rise = exceeded(apr_paid, PAY_TIER_1, PAY_TIER_2, PAY_TIER_3, PAY_TIER_4)
    if previous <= rise:
        return rise
    hold = exceeded(
        apr_paid,
        fall_ratio * PAY_TIER_1,
        fall_ratio * PAY_TIER_2,
        fall_ratio * PAY_TIER_3,
        fall_ratio * PAY_TIER_4,
    )
    return settle(previous, rise, hold)


def pay_multiplier(level: int) -> float:
    """Share of the wanted hedge that is kept at a paying tier: 1, 0.75, 0.5, 0.25, 0. NaN for an unknown tier."""
    if level < 0:
        return math.nan
    return max(0.0, 1.0 - 0.25 * level)


def should_exit(regime: int, yearly: float, net_short_btc: float, symmetric: int) -> bool:
    """True when the book pays EXTREME funding; with `symmetric` 1 at EXTREME of either sign (the original)."""
    if regime != EXTREME:
        return False
    return symmetric == 1 or paid_apr(yearly, net_short_btc) > 0.0
