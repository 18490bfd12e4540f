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

# what a level asks for, as bits of `loan_actions` and `margin_actions`
ALERT = 1
SWEEP = 2
FULL_COVER = 4
NO_LONGS = 8
AT_MARKET = 16
SPEND_RESERVE = 32
LAST_RESORT = 64
TOP_UP = 128
REDUCE_SHORT = 256
CLOSE_SHORT = 512

FALL_OVER_MS = 30_000
"""What a fall of the price is measured over where it must be answered at once."""

SWEEP_FROM_LTV = 0.60
SWEEP_TO_LTV = 0.50
WARNING_TO_LTV = 0.55


def ladder_level(
    previous: int, value: float, first: float, second: float, third: float, fourth: float, leave: float
) -> int:
    """Level 0 .. 4 of an LTV or a margin rate: rises on reaching a threshold, falls below threshold - leave.

    NaN or a negative value keeps the previous level. Infinity (debt without collateral) is the highest level.
    """
    if not value >= 0.0:
        return previous
    rise = reached(value, first, second, third, fourth)
    if previous <= rise:
        return rise
    hold = reached(value, first - leave, second - leave, third - leave, fourth - leave)
    return settle(previous, rise, hold)


def loan_actions(level: int) -> int:
    """What an LTV level asks for. It never asks to shrink the short that protects the collateral.

    MONITOR: tell, and sweep gains into the loan. WARNING: cover the whole spot, no long leg. CRITICAL: the same at market,
    and the reserve as repayment. EMERGENCY: everything, and as a last resort sell spot against short. Unknown: tell.
    """
    if level == SAFE:
        return 0
    if level == MONITOR:
        return ALERT | SWEEP
    if level == WARNING:
        return ALERT | SWEEP | FULL_COVER | NO_LONGS
    if level == CRITICAL:
        return ALERT | SWEEP | FULL_COVER | NO_LONGS | AT_MARKET | SPEND_RESERVE
    if level == EMERGENCY:
        return ALERT | SWEEP | FULL_COVER | NO_LONGS | AT_MARKET | SPEND_RESERVE | LAST_RESORT
    return ALERT


def margin_actions(level: int) -> int:
    """What a margin level asks for: tell at 30 %, top up or borrow more at 50 %, reduce the short at 70 % and accept the
    delta, bring it to a safe size at 85 %. Unknown: tell."""
    if level == MARGIN_CALM:
        return 0
    if level == MARGIN_TOP_UP:
        return ALERT | TOP_UP
    if level == MARGIN_REDUCE:
        return ALERT | TOP_UP | NO_LONGS | AT_MARKET | REDUCE_SHORT
    if level == MARGIN_CLOSE:
        return ALERT | TOP_UP | NO_LONGS | AT_MARKET | CLOSE_SHORT
    return ALERT


def sweep_begins_at(sweep_from: float, sweep_to: float, fall: float) -> float:
    """LTV from which a sweep begins while the price has just fallen by `fall` (0.02 = 2 %): so early that the same fall once more would not
    pass `sweep_from`, and never before half way to `sweep_to`.

    Realising, moving and repaying take seconds, in a crash many: what is begun at 60 % exactly is done beyond it.
    """
    return min(sweep_from, max((sweep_from + sweep_to) / 2.0, sweep_from * (1.0 - fall)))


def sweep_target_ltv(level: int, ltv: float, sweep_from: float, sweep_to: float, warning_to: float) -> float:
    """LTV that a sweep should reach now; NaN for no sweep.

    MONITOR: from sweep_from (0.60) down to sweep_to (0.50). WARNING and CRITICAL: down to warning_to (0.55), or
    sweep_to if that is higher. EMERGENCY: 0, sweep everything.
    """
    if not ltv >= 0.0:
        return math.nan
    if level == EMERGENCY:
        return 0.0
    if level >= WARNING:
        return max(warning_to, sweep_to)
    if level == MONITOR and ltv >= sweep_from:
        return sweep_to
    return math.nan


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
