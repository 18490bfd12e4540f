"""Delta, cover, hedge ratio, target and no-trade band.

Knows how much delta is wanted and whether the distance is worth an order; which leg moves is `allocate`'s business.
Units: quantities BTC, prices USDT, sigma per 24 h as a decimal, times in milliseconds.
"""

import math
from typing import NamedTuple

from bot.strategy.hysteresis import reached, settle

INF = math.inf


class SplitBtc(NamedTuple):
    """Changes of the two legs in BTC, unrounded and unclamped."""

    long_change_btc: float
    short_change_btc: float


def delta_btc(spot_btc: float, long_btc: float, short_btc: float) -> float:
    """Net exposure Q + L - S in BTC. It contains no price: a linear hedge does not drift."""
    return spot_btc + long_btc - short_btc


def cover(spot_btc: float, long_btc: float, short_btc: float) -> float:
    """Share of the spot that is hedged, (S - L) / Q; 1 is neutral. NaN without spot."""
    if not spot_btc > 0.0:
        return math.nan
    return (short_btc - long_btc) / spot_btc


def original_hedge_ratio(sigma_24h: float) -> float:
    """Original quick start: 0.20 below 2 %, 0.40 below 4 %, else 0.60 (NaN falls through to 0.60)."""
    if sigma_24h < 0.02:
        return 0.20
    if sigma_24h < 0.04:
        return 0.40
    return 0.60


def vol_level(previous: int, sigma_24h: float, sigma_low: float, sigma_high: float, fall_ratio: float) -> int:
    """Volatility level 0, 1, 2: rises at its threshold, falls below fall_ratio x threshold.

    A NaN, infinite or negative sigma keeps the previous level (-1 when there is none).
    """
    if not 0.0 <= sigma_24h < INF:
        return previous
    rise = reached(sigma_24h, sigma_low, sigma_high, INF, INF)
    if previous <= rise:
        return rise
    hold = reached(sigma_24h, fall_ratio * sigma_low, fall_ratio * sigma_high, INF, INF)
    return settle(previous, rise, hold)


def hedge_ratio(level: int, h_low: float, h_mid: float, h_high: float) -> float:
    """h of a volatility level; NaN for an unknown level (-1)."""
    if level == 0:
        return h_low
    if level == 1:
        return h_mid
    if level == 2:
        return h_high
    return math.nan


def split_btc(gap_btc: float, h: float) -> SplitBtc:
    """Original quick start: dS = -gap h, dL = gap (1 - h), so dL - dS = gap for every h.

    Unclamped: it may ask for more than a leg holds. Orders come from `allocate.allocate`.
    """
    return SplitBtc(gap_btc * (1.0 - h), -gap_btc * h)


def original_would_send(change_btc: float) -> bool:
    """Original quick start: an order goes out when |change| > 0.001 BTC, strictly, on the raw float."""
    return abs(change_btc) > 0.001


def coverage_target_btc(spot_btc: float, h: float, multiplier: float) -> float:
    """Target delta Q (1 - h m) in BTC: the share h m of the spot is covered."""
    return spot_btc * (1.0 - h * multiplier)


def variance_removed(cover_share: float) -> float:
    """Share of price variance a cover removes, 1 - (1 - cover)^2 (Ederington)."""
    return 1.0 - (1.0 - cover_share) * (1.0 - cover_share)


def whole_steps(amount_btc: float, step_btc: float) -> int:
    """BTC to whole steps, towards zero, so that a target is never overshot.

    A millionth of a step is forgiven, which is float noise and far below one satoshi on a 0.001 grid.
    """
    count = math.floor(abs(amount_btc) / step_btc + 1e-6)
    return count if amount_btc >= 0.0 else -count


def band_trade_btc(gap_btc: float, half_width_btc: float, inner_share: float, recentre: int) -> float:
    """How much of the gap to trade (signed, BTC); 0 inside the band |gap| <= H.

    Outside, trade until inner_share x H is left (0.5: half-way, few orders at near-optimal cost; 1: to the edge as in
    Davis, Panas and Zariphopoulou 1993). `recentre` 1 trades the whole gap: the policy changed, the distance is not noise.
    """
    if recentre == 1:
        return gap_btc
    if abs(gap_btc) <= half_width_btc * (1.0 + 1e-9):
        return 0.0
    left = inner_share * half_width_btc
    return gap_btc - left if gap_btc > 0.0 else gap_btc + left


def drift_band_btc(cost: float, price: float, gamma_btc_per_usdt: float, risk_aversion: float) -> float:
    """Optimal half-width for a target that moves with price: (3/2 c P Gamma^2 / A)^(1/3), BTC.

    Whalley and Wilmott (Mathematical Finance 7, 1997) at zero interest; sigma cancels for a linear hedge.

    Args:
        cost: one-way cost as a decimal (0.00065 taker with slippage).
        gamma_btc_per_usdt: |dS*/dP|; dollar gamma / P^2.
        risk_aversion: absolute, R / equity, per USDT, > 0.
    """
    return float((1.5 * cost * price * gamma_btc_per_usdt * gamma_btc_per_usdt / risk_aversion) ** (1.0 / 3.0))


def misfit_band_btc(cost: float, price: float, sigma_annual: float, risk_aversion: float, years: float) -> float:
    """Half-width for a misfit that would last `years` when the target does not move: c / (A P sigma^2 T), BTC."""
    return cost / (risk_aversion * price * sigma_annual * sigma_annual * years)


def practical_band_btc(
    cost: float,
    price: float,
    gamma_btc_per_usdt: float,
    risk_aversion: float,
    step_btc: float,
    spot_btc: float,
    default_btc: float,
) -> float:
    """The drift band clamped into [2 steps, 10 % of the spot]; `default_btc` when gamma is zero or unknown."""
    if not gamma_btc_per_usdt > 0.0:
        return default_btc
    width = drift_band_btc(cost, price, gamma_btc_per_usdt, risk_aversion)
    return max(2.0 * step_btc, min(width, 0.10 * spot_btc))


def schedule_due(now_ms: int, last_hedge_ms: int, interval_ms: int) -> bool:
    """True when strictly more than interval_ms passed since the last hedge (original quick start: 1 h), or none yet."""
    return last_hedge_ms < 0 or now_ms - last_hedge_ms > interval_ms


def interval_over(now_ms: int, last_hedge_ms: int, min_interval_ms: int) -> bool:
    """True when at least min_interval_ms passed since the last hedge, or there was none yet."""
    return last_hedge_ms < 0 or now_ms - last_hedge_ms >= min_interval_ms
