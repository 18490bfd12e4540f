"""Two ladders: LTV on the way down, margin on the way up; and how much to repay.

Levels are ints, each left `leave` below the threshold that was crossed. Fractions are decimals (0.65 = 65 %).
"""

import math

from bot.strategy.hysteresis import reached, settle

# LTV ladder
SAFE = 0
MONITOR = 1
WARNING = 2
CRITICAL = 3
EMERGENCY = 4

# Margin ladder of the short leg (own account) or of the whole account (maintenance margin rate)
MARGIN_CALM = 0
MARGIN_ALERT = 1
MARGIN_TOP_UP = 2
MARGIN_REDUCE = 3
MARGIN_CLOSE = 4


def ladder_level(
    previous: int, value: float, first: float, second: float, third: float, fourth: float, leave: float
) -> int:
    """Level 0 .. 4 of an LTV or a margin rate: rises on reaching a threshold, falls below threshold - leave.

    NaN or a negative value keeps the previous level. Infinity (debt without collateral) is the highest level.
    """
    if not value >= 0.0:
        return previous
    rise = reached(value, first, second, third, fourth)
    hold = reached(value, first - leave, second - leave, third - leave, fourth - leave)
    return settle(previous, rise, hold)


def original_reserve_usdt(ltv: float, reserve_usdt: float) -> float:
    """The original step formula for spending a reserve: 0 below 65 %, 3,000 over the next ten points, 5,000 over the
    ten after, then everything. Parity only: `repay_needed_usdt` replaces it."""
    if ltv < 0.65:
        return 0.0
    if ltv < 0.75:
        return 3000.0 * (ltv - 0.65) / 0.10
    if ltv < 0.85:
        return 3000.0 + 5000.0 * (ltv - 0.75) / 0.10
    return reserve_usdt


def original_position_scale(ltv: float) -> float:
    """The original scaling of both legs by LTV: 1, 0.5 from 65 %, 0.2 from 75 %, 0 from 85 %. Parity only: it cuts the
    short that protects the collateral."""
    if ltv < 0.65:
        return 1.0
    if ltv < 0.75:
        return 0.5
    if ltv < 0.85:
        return 0.2
    return 0.0


def repay_needed_usdt(
    debt_usdt: float, target_ltv: float, spot_btc: float, price: float, collateral_ratio: float
) -> float:
    """Repayment that brings LTV to target: max(0, D - theta Q P c), USDT."""
    need = debt_usdt - target_ltv * spot_btc * price * collateral_ratio
    return need if math.isnan(need) else max(0.0, need)


def collateral_needed_usdt(
    debt_usdt: float, target_ltv: float, spot_btc: float, price: float, collateral_ratio: float
) -> float:
    """Collateral value to add instead: max(0, D / theta - Q P c), USDT; 1 / theta times the repayment."""
    need = debt_usdt / target_ltv - spot_btc * price * collateral_ratio
    return need if math.isnan(need) else max(0.0, need)
