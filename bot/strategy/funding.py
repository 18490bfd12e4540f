"""Funding: what a rate means in a year, which regime it is, who pays, and how far to trust the hedge with it.

A rate never travels without its interval. Rates and APR are decimals (0.0001 per 8 h = 0.1095 APR); positive funding is
paid by longs and received by shorts (Bybit: Introduction to Funding Rate).
"""

import math

from bot.strategy.hysteresis import exceeded, settle

UNKNOWN = -1
NEUTRAL = 0
NORMAL = 1
HEATED = 2
MANIA = 3
EXTREME = 4

PAY_TIER_1 = 0.05
PAY_TIER_2 = 0.25
PAY_TIER_3 = 0.75
PAY_TIER_4 = 1.50


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


def carry_sign(net_short_btc: float) -> int:
    """+1 when a net short earns positive funding, -1 for a net long, 0 for no net position."""
    return int(net_short_btc > 0.0) - int(net_short_btc < 0.0)


def paid_apr(apr: float, net_short_btc: float) -> float:
    """APR that the net position pays, >= 0; 0 when it receives. NaN in, NaN out."""
    paid = -apr * carry_sign(net_short_btc)
    return paid if math.isnan(paid) else max(0.0, paid)


def pay_level(previous: int, apr_paid: float, fall_ratio: float) -> int:
    """Tier 0 .. 4 of paid funding: above 5, 25, 75, 150 % APR; left below fall_ratio x threshold.

    NaN keeps the previous tier (-1 when there is none).
    """
    if math.isnan(apr_paid):
        return previous
    rise = exceeded(apr_paid, PAY_TIER_1, PAY_TIER_2, PAY_TIER_3, PAY_TIER_4)
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


def should_exit(regime: int, apr: float, net_short_btc: float, symmetric: int) -> bool:
    """True when the book pays EXTREME funding; with `symmetric` 1 at EXTREME of either sign (the original)."""
    if regime != EXTREME:
        return False
    return symmetric == 1 or paid_apr(apr, net_short_btc) > 0.0
