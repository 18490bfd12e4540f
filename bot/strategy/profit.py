"""Profit taking: when a cycle of perp profit is realised, and how much of it goes to the loan.

The P&L here is that of the perps only, since the cycle began: realised + unrealised + funding - fees, USDT. What firing
does (realise and keep the hedge, or close) is the caller's setting; after it a new cycle begins.
"""

import math
from typing import NamedTuple

# market regime shown to people (original quick start: MarketRegime)
NEUTRAL = 0
LONG_BIASED = 1
SHORT_BIASED = 2
TAKING_PROFIT = 3

# why a cycle fires
NOT_FIRED = 0
TRAILING_STOP = 1
TARGET_REACHED = 2

ORIGINAL_ANCHOR_PRICE = 116000.0
ORIGINAL_K = 1.5
ORIGINAL_TRAIL = 0.30


class Cycle(NamedTuple):
    """One run from a reset to the next; persisted, so that a restart does not forget the peak."""

    cycle_id: int
    anchor_price: float
    """Price at the reset, USDT."""
    peak_usdt: float
    """Highest P&L seen, >= 0."""
    armed: int
    """1 once the peak reached the arming floor; it does not disarm."""


class OriginalCheck(NamedTuple):
    """Answer of `original_check`."""

    fires: int
    """NOT_FIRED, TRAILING_STOP or TARGET_REACHED."""
    peak_usdt: float


def new_cycle(cycle_id: int, price: float) -> Cycle:
    """A fresh cycle anchored at `price`."""
    return Cycle(cycle_id, price, 0.0, 0)


def round_trip_cost_usdt(size_btc: float, price: float, one_way_cost: float) -> float:
    """Cost of closing and reopening a size: 2 q P c, USDT (c = fee + slippage, 0.00055 taker)."""
    return 2.0 * abs(size_btc) * price * one_way_cost


def arming_floor_usdt(least_usdt: float, round_trip_usdt: float, multiple: float) -> float:
    """Peak that arms the trailing stop: max(150 USDT, 5 x round trip). Below it a stop only harvests noise."""
    return max(least_usdt, multiple * round_trip_usdt)


def observe(cycle: Cycle, pnl_usdt: float, floor_usdt: float) -> Cycle:
    """Raise the peak and arm. A P&L that is not finite changes nothing."""
    if not math.isfinite(pnl_usdt):
        return cycle
    peak = max(cycle.peak_usdt, pnl_usdt)
    armed = 1 if cycle.armed == 1 or peak >= floor_usdt else 0
    return Cycle(cycle.cycle_id, cycle.anchor_price, peak, armed)


def trailing_fires(cycle: Cycle, pnl_usdt: float, trail: float) -> bool:
    """True when an armed cycle gave back `trail` (0.30) of its peak, also through zero in one jump."""
    return cycle.armed == 1 and pnl_usdt <= (1.0 - trail) * cycle.peak_usdt


def target_move(k: float, sigma_24h: float, days: float) -> float:
    """Log move that is the target: k sigma_24h sqrt(days)."""
    return k * sigma_24h * math.sqrt(days)


def direction_of(net_perp_btc: float) -> int:
    """+1 for a net long L - S, -1 for a net short, 0 for neither or NaN."""
    return int(net_perp_btc > 0.0) - int(net_perp_btc < 0.0)


def target_reached(
    net_perp_btc: float, price: float, anchor_price: float, k: float, sigma_24h: float, days: float
) -> bool:
    """True when price moved the target's distance in favour of the net perp L - S since the anchor.

    A net short profits from a fall only. No net position, an unknown or zero sigma, or no prices: False.
    """
    if not (price > 0.0 and anchor_price > 0.0 and sigma_24h > 0.0):
        return False
    direction = direction_of(net_perp_btc)
    if direction == 0:
        return False
    return math.log(price / anchor_price) * direction >= target_move(k, sigma_24h, days)


def target_price(net_perp_btc: float, anchor_price: float, k: float, sigma_24h: float, days: float) -> float:
    """Price at which `target_reached` turns true; NaN without a net position."""
    direction = direction_of(net_perp_btc)
    if direction == 0:
        return math.nan
    return anchor_price * math.exp(direction * target_move(k, sigma_24h, days))


def pays_for_itself(gain_usdt: float, round_trip_usdt: float, multiple: float, risk_exit: int) -> bool:
    """Net-of-cost gate: the gain to be realised exceeds `multiple` round trips. Risk exits (1) always pass."""
    return risk_exit == 1 or gain_usdt > multiple * round_trip_usdt


def fires(
    cycle: Cycle,
    pnl_usdt: float,
    trail: float,
    net_perp_btc: float,
    price: float,
    k: float,
    sigma_24h: float,
    days: float,
) -> int:
    """NOT_FIRED, TRAILING_STOP or TARGET_REACHED for a cycle that `observe` has already seen this P&L with.

    The target counts only while there is a profit to take.
    """
    if not math.isfinite(pnl_usdt):
        return NOT_FIRED
    if trailing_fires(cycle, pnl_usdt, trail):
        return TRAILING_STOP
    if pnl_usdt > 0.0 and target_reached(net_perp_btc, price, cycle.anchor_price, k, sigma_24h, days):
        return TARGET_REACHED
    return NOT_FIRED


def repayment_usdt(new_profit_usdt: float, share: float, least_usdt: float, most_usdt: float) -> float:
    """Part of a newly realised profit that goes to the loan: share x profit, nothing below `least`, never above `most`.

    `new_profit_usdt` is profit not yet shared, so three profits of 100 repay 150 and not 300; and a small profit is
    kept for the next time instead of being topped up to the minimum.
    """
    if not new_profit_usdt > 0.0:
        return 0.0
    pay = min(share * new_profit_usdt, most_usdt, new_profit_usdt)
    return pay if pay >= least_usdt else 0.0


def market_regime(delta_btc: float, tolerance_btc: float, taking_profit: int) -> int:
    """Regime to show: TAKING_PROFIT while a profit is being realised, else by delta outside the tolerance."""
    if taking_profit == 1:
        return TAKING_PROFIT
    if delta_btc > tolerance_btc:
        return LONG_BIASED
    return SHORT_BIASED if delta_btc < -tolerance_btc else NEUTRAL


def original_target_price(price: float, sigma_24h: float) -> float:
    """Original quick start: PT = price (1 + 1.5 sigma)."""
    return price * (1.0 + ORIGINAL_K * sigma_24h)


def original_check(pnl_usdt: float, peak_usdt: float, sigma_24h: float, price: float) -> OriginalCheck:
    """Original quick start, to the last float. Parity only.

    A loss never fires, whatever the peak was; a cent of profit arms the stop; the anchor is 116,000 for ever; a fall
    counts like a rise.
    """
    if pnl_usdt <= 0.0:
        return OriginalCheck(NOT_FIRED, peak_usdt)
    peak = max(peak_usdt, pnl_usdt)
    if (peak - pnl_usdt) / peak > ORIGINAL_TRAIL:
        return OriginalCheck(TRAILING_STOP, peak)
    moved = abs(price - ORIGINAL_ANCHOR_PRICE) / ORIGINAL_ANCHOR_PRICE
    reached = moved >= original_target_price(price, sigma_24h) / price - 1.0
    return OriginalCheck(TARGET_REACHED if reached else NOT_FIRED, peak)
