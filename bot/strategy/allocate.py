"""Which leg moves, in whole steps, and which goes first.

dL - dS always equals what is reported as traded; no leg is asked for more than it holds; a part below the exchange's
minimum goes to the other leg. A call on its own result changes nothing more.
"""

import math
from typing import NamedTuple

NO_LIMIT = 1 << 40
"""More steps than any book holds."""


class Allocation(NamedTuple):
    """Signed leg changes in steps. long_change - short_change is the change of delta."""

    long_change_steps: int
    short_change_steps: int


def min_order_steps(min_steps: int, min_notional_usdt: float, price: float, step_btc: float) -> int:
    """Smallest order in steps: the larger of the lot minimum and the notional minimum (Bybit: market/instrument)."""
    by_notional = math.ceil(min_notional_usdt / (price * step_btc) - 1e-9)
    return max(1, min_steps, by_notional)


def allocate(
    gap_steps: int,
    h: float,
    long_steps: int,
    short_steps: int,
    min_steps: int,
    grow_limit_steps: int,
) -> Allocation:
    """Divide a change of delta between the legs.

    Args:
        gap_steps: wanted change of delta; negative sells delta.
        h: share meant for the short leg, clamped into [0, 1].
        long_steps, short_steps: what each leg can give back, >= 0.
        min_steps: smallest order, >= 1.
        grow_limit_steps: how far the growing leg may grow; 0 forbids growth. What exceeds it goes to the shrinking
            leg as far as that holds, and stays a residual otherwise.
    """
    wanted = abs(gap_steps)
    on_short = math.floor(min(1.0, max(0.0, h)) * wanted + 0.5)
    held = long_steps if gap_steps < 0 else short_steps
    shrink = wanted - on_short if gap_steps < 0 else on_short
    shrink, grow = _fit(wanted, shrink, held, min_steps, grow_limit_steps)
    if gap_steps < 0:
        return Allocation(-shrink, grow)
    return Allocation(grow, -shrink)


def _fit(wanted: int, shrink: int, held: int, min_steps: int, grow_limit: int) -> tuple[int, int]:
    """Move parts between the shrinking and the growing leg until both are orders the exchange accepts."""
    shrink = min(max(shrink, wanted - grow_limit), held)
    if shrink < min_steps:
        shrink = 0
    grow = min(wanted - shrink, grow_limit)
    if 0 < grow < min_steps:
        if held >= wanted:
            shrink, grow = wanted, 0
        elif shrink >= 2 * min_steps and grow_limit >= min_steps:
            shrink, grow = wanted - min_steps, min_steps
        elif wanted >= min_steps and grow_limit >= wanted:
            shrink, grow = 0, wanted
        else:
            grow = 0
    if shrink < min_steps:
        shrink = 0
    return shrink, grow


def collapse(gap_steps: int, long_steps: int, short_steps: int, min_steps: int, grow_limit_steps: int) -> Allocation:
    """Close the whole long leg and put the short leg where delta still changes by gap_steps.

    dL = -L, dS = -L - gap, as far as the short leg holds and may grow; a part below the minimum stays undone.
    """
    long_change = -long_steps if long_steps >= min_steps else 0
    short_change = min(grow_limit_steps, max(-short_steps, long_change - gap_steps))
    return Allocation(long_change, short_change if abs(short_change) >= min_steps else 0)


def first_leg(long_change_steps: int, short_change_steps: int, short_first: int) -> int:
    """Shrink before grow: 1 = long leg first, 2 = short leg first, 0 = nothing to order.

    When both shrink the long leg goes first (delta errs to the low side, the safe one for a holder in a fall), unless
    `short_first` 1 says that the short leg's margin is the trouble. Two growing legs do not come from `allocate`.
    """
    if long_change_steps == 0:
        return 2 if short_change_steps != 0 else 0
    if short_change_steps == 0:
        return 1
    if long_change_steps < 0 and short_change_steps < 0:
        return 2 if short_first == 1 else 1
    return 1 if long_change_steps < 0 else 2
