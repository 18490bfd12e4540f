"""Margin, interest, sweep and leg arithmetic.

Units: BTC, USDT, decimals. `mm_per_price` is maintenance margin and closing fee per USDT of position: 0.005 + 0.00055 in
BTCUSDT's lowest tier (Bybit: Maintenance Margin, USDT Contract). LTV and ratios as decimals.
"""

import math
from typing import NamedTuple

HOURS_PER_YEAR = 8760.0


class LegAccount(NamedTuple):
    """One leg at average price."""

    size_btc: float
    """>= 0."""
    entry_price: float
    """Average; 0 while flat."""
    realised_usdt: float
    """Price gains minus every fee since the leg's account began."""


# Margin


def initial_margin_usdt(size_btc: float, price: float, leverage: float) -> float:
    """q P / leverage."""
    return size_btc * price / leverage


def maintenance_margin_usdt(
    long_btc: float, short_btc: float, price: float, mm_per_price: float, debt_usdt: float, borrow_mmr: float
) -> float:
    """(L + S) P m + borrow MMR x debt: both legs charged, which is the conservative reading of hedge mode."""
    return (long_btc + short_btc) * price * mm_per_price + borrow_mmr * debt_usdt


def maintenance_rate(mm_usdt: float, margin_usdt: float) -> float:
    """MM / margin balance; liquidation at 1 (Bybit: Glossary UTA). No MM: 0; a spent balance: infinity; NaN unknown."""
    if mm_usdt == 0.0:
        return 0.0
    if margin_usdt <= 0.0:
        return math.inf
    return mm_usdt / margin_usdt


def margin_safe_short_btc(
    short_btc: float,
    price: float,
    margin_usdt: float,
    mm_usdt: float,
    target_mm_rate: float,
    mm_per_price: float,
) -> float:
    """Short leg at which the maintenance margin rate equals target_mm_rate, BTC, >= 0.

    Each BTC of short adds price x mm_per_price to the maintenance margin; closing at mark leaves the balance unchanged:
    S + (r M - MM) / (P m). NaN in, NaN out.
    """
    size = short_btc + (target_mm_rate * margin_usdt - mm_usdt) / (price * mm_per_price)
    return 0.0 if size < 0.0 else size


def spare_margin_usdt(margin_usdt: float, mm_usdt: float, target_mm_rate: float) -> float:
    """What may leave the account while the maintenance rate stays at or below the target: M - MM / r, >= 0."""
    spare = margin_usdt - mm_usdt / target_mm_rate
    return 0.0 if spare < 0.0 else spare


def margin_to_survive_usdt(short_btc: float, price: float, rise: float, mm_per_price: float) -> float:
    """Margin with which a short opened at `price` survives a rise: S P (u + (1 + u) m), USDT."""
    return short_btc * price * (rise + (1.0 + rise) * mm_per_price)


def spare_cash_usdt(
    margin_usdt: float,
    mm_usdt: float,
    short_btc: float,
    price: float,
    mm_per_price: float,
    keep_rise: float,
    most_mm_rate: float,
) -> float:
    """USDT that may leave the margin of the perps: the short still survives a rise of `keep_rise`, the maintenance rate stays at or below
    `most_mm_rate`. >= 0; NaN unknown."""
    by_rate = spare_margin_usdt(margin_usdt, mm_usdt, most_mm_rate)
    by_rise = margin_usdt - margin_to_survive_usdt(short_btc, price, keep_rise, mm_per_price)
    if math.isnan(by_rate) or math.isnan(by_rise):
        return math.nan
    return max(0.0, min(by_rate, by_rise))


# Interest


def interest_per_hour_usdt(debt_usdt: float, yearly: float) -> float:
    """D x APR / 8760 (Bybit charges borrowing hourly)."""
    return debt_usdt * yearly / HOURS_PER_YEAR


def interest_usdt(debt_usdt: float, yearly: float, hours: float) -> float:
    """Simple interest over `hours`."""
    return interest_per_hour_usdt(debt_usdt, yearly) * hours


def debt_after_usdt(debt_usdt: float, yearly: float, hours: float) -> float:
    """Debt after `hours` unpaid, compounded hourly."""
    return debt_usdt * float((1.0 + yearly / HOURS_PER_YEAR) ** hours)


def payoff_years(debt_usdt: float, surplus_per_year_usdt: float) -> float:
    """Years until a constant surplus (funding earned - interest) repays the debt; infinity without a surplus."""
    return debt_usdt / surplus_per_year_usdt if surplus_per_year_usdt > 0.0 else math.inf


# Sweep: realise a winning leg's gain, repay with it, keep the hedge


def sweep_size_btc(need_usdt: float, held_btc: float, entry_price: float, price: float, is_short: int) -> float:
    """How much of a winning leg to close and reopen so that it realises `need`: min(held, need / gain per BTC).

    0 when nothing is needed or the leg is not winning.
    """
    gain = entry_price - price if is_short == 1 else price - entry_price
    if not (gain > 0.0 and need_usdt > 0.0):
        return 0.0
    return min(held_btc, need_usdt / gain)


def sweep_gross_usdt(
    need_usdt: float, held_btc: float, entry_price: float, price: float, is_short: int, one_way_cost: float
) -> float:
    """What a winning leg has to realise so that `need` is left after closing and reopening; 0 when it cannot be had."""
    size = sweep_size_btc(need_usdt, held_btc, entry_price, price, is_short)
    return need_usdt + 2.0 * size * price * one_way_cost if size > 0.0 else 0.0


def sweep_payback_days(one_way_cost: float, gain_share: float, yearly: float) -> float:
    """Days until the interest saved pays for closing and reopening at a gain of gain_share: 2 c x 365 / (g APR)."""
    if not gain_share * yearly > 0.0:
        return math.inf
    return 2.0 * one_way_cost * 365.0 / (gain_share * yearly)


def sale_for_ltv_btc(
    debt_usdt: float, target_ltv: float, spot_btc: float, price: float, collateral_ratio: float
) -> float:
    """Last resort: spot to sell so that the proceeds bring LTV to target, (D - theta c Q P) / ((1 - theta c) P), BTC.

    Clamped into [0, Q]. As much short is bought back, so that delta stays.
    """
    kept = target_ltv * collateral_ratio
    size = (debt_usdt - kept * spot_btc * price) / ((1.0 - kept) * price)
    if math.isnan(size):
        return size
    return max(0.0, min(size, spot_btc))


# Legs at average price; USDT per side, for replay and reports


def leg_grow(leg: LegAccount, size_btc: float, price: float, fee_rate: float) -> LegAccount:
    """Add to a leg: the entry becomes the average, the fee is realised."""
    if not size_btc > 0.0:
        return leg
    held = leg.size_btc + size_btc
    entry = (leg.size_btc * leg.entry_price + size_btc * price) / held
    return LegAccount(held, entry, leg.realised_usdt - size_btc * price * fee_rate)


def leg_shrink(leg: LegAccount, size_btc: float, price: float, fee_rate: float, is_short: int) -> LegAccount:
    """Take from a leg, at most what it holds: the gain on that part and the fee are realised, the entry stays."""
    taken = min(size_btc, leg.size_btc)
    if not taken > 0.0:
        return leg
    gain = leg.entry_price - price if is_short == 1 else price - leg.entry_price
    realised = leg.realised_usdt + taken * gain - taken * price * fee_rate
    left = leg.size_btc - taken
    return LegAccount(left, leg.entry_price if left > 0.0 else 0.0, realised)


def leg_unrealised_usdt(leg: LegAccount, price: float, is_short: int) -> float:
    """Unrealised gain at `price`."""
    return leg.size_btc * (leg.entry_price - price if is_short == 1 else price - leg.entry_price)
