"""What a book is worth and how near it is to its limits, in both loan structures. Compiled with the kernel; changes only its arrays."""

from __future__ import annotations

import math
from typing import NamedTuple

from bot.backtest import book as b
from bot.strategy import insurance, risk
from bot.strategy.decision import Policy

__all__ = [
    "Measured",
    "draw_box",
    "equity",
    "leg_gains",
    "measured",
    "move_price",
    "note",
    "note_gap",
    "perp_gain",
    "weigh_time",
]


class Measured(NamedTuple):
    """An account at a price, USDT and decimals."""

    debt: float
    """What the decision counts as debt: a LOAN's own, or in a UTA whatever the USDT is under water, open profit and loss included."""
    margin: float
    """Margin balance that carries the perps."""
    mm: float
    """Maintenance margin in use."""
    ltv: float
    mm_rate: float


def perp_gain(f: b.Floats, n: b.Ints, rules: b.Rules, price: float) -> float:
    """Unrealised gain of both legs at `price`."""
    long_gain, short_gain = leg_gains(f, n, rules, price)
    return long_gain + short_gain


def leg_gains(f: b.Floats, n: b.Ints, rules: b.Rules, price: float) -> tuple[float, float]:
    """Unrealised gain at `price` of the long leg, and of the short one."""
    step = rules.step_btc
    return float(n[b.LONG] * step * (price - f[b.LONG_ENTRY])), float(n[b.SHORT] * step * (f[b.SHORT_ENTRY] - price))


def equity(f: b.Floats, n: b.Ints, rules: b.Rules) -> float:
    """Q P - D + cash + perp gain."""
    price = f[b.PRICE]
    return insurance.equity_usdt(f[b.SPOT], price, f[b.DEBT], f[b.CASH], perp_gain(f, n, rules, price))


def perp_mm_per_price(n: b.Ints, rules: b.Rules) -> float:
    """Maintenance margin of both legs per USDT of price: the rate, and the fee of closing at the bankruptcy price."""
    long_rate = rules.mmr + rules.taker_fee * (1.0 - 1.0 / rules.leverage)
    short_rate = rules.mmr + rules.taker_fee * (1.0 + 1.0 / rules.leverage)
    return float(rules.step_btc * (n[b.LONG] * long_rate + n[b.SHORT] * short_rate))


def measured(f: b.Floats, n: b.Ints, rules: b.Rules, price: float) -> Measured:
    """The account at `price`, which need not be the present one."""
    gain = perp_gain(f, n, rules, price)
    mm = perp_mm_per_price(n, rules) * price
    if rules.structure == b.LOAN:
        debt, margin = f[b.DEBT], f[b.CASH] + gain
    else:
        usdt = f[b.CASH] + gain - f[b.DEBT]
        debt = max(0.0, -usdt)
        margin = rules.margin_ratio * f[b.SPOT] * price + usdt
        mm += rules.borrow_mmr * debt
    ltv = insurance.loan_ltv(debt, f[b.SPOT], price, rules.ltv_ratio)
    return Measured(debt, margin, mm, ltv, risk.maintenance_rate(mm, margin))


def free_margin(f: b.Floats, n: b.Ints, rules: b.Rules) -> float:
    """Margin balance that initial margin does not hold, USDT."""
    price = f[b.PRICE]
    state = measured(f, n, rules, price)
    held = rules.step_btc * price * (n[b.LONG] + n[b.SHORT]) * (1.0 / rules.leverage + rules.taker_fee)
    if rules.structure == b.UTA:
        held += rules.borrow_imr * state.debt
    return float(state.margin - held)


def borrowed(f: b.Floats, n: b.Ints, rules: b.Rules) -> float:
    """What interest is charged on: the loan; in a UTA also what losses have silently borrowed."""
    if rules.structure == b.LOAN:
        return float(f[b.DEBT])
    return float(f[b.DEBT] + max(0.0, -(f[b.CASH] + perp_gain(f, n, rules, f[b.PRICE]))))


def move_price(f: b.Floats, price: float) -> None:
    """The market moves; the spot's gain is booked."""
    f[b.SPOT_GAIN] += f[b.SPOT] * (price - f[b.PRICE])
    f[b.PRICE] = price
    f[b.SEEN_LOW] = min(f[b.SEEN_LOW], price)
    f[b.SEEN_HIGH] = max(f[b.SEEN_HIGH], price)


def note(f: b.Floats, n: b.Ints, rules: b.Rules) -> None:
    """Remember the worst LTV, margin rate and drawdown, at the extremes passed over as well. To be called before the legs change."""
    see(f, n, rules, f[b.SEEN_LOW])
    see(f, n, rules, f[b.SEEN_HIGH])
    state = see(f, n, rules, f[b.PRICE])
    f[b.LTV], f[b.MM_RATE] = state.ltv, state.mm_rate
    f[b.SEEN_LOW] = f[b.SEEN_HIGH] = f[b.PRICE]


def see(f: b.Floats, n: b.Ints, rules: b.Rules, price: float) -> Measured:
    """Raise the worst LTV, margin rate and drawdown to those at `price`."""
    state = measured(f, n, rules, price)
    f[b.MAX_LTV] = max(f[b.MAX_LTV], state.ltv)
    if state.mm_rate < math.inf:
        f[b.MAX_MM] = max(f[b.MAX_MM], state.mm_rate)
    now = f[b.SPOT] * price + f[b.CASH] - f[b.DEBT] + perp_gain(f, n, rules, price)
    f[b.MIN_EQUITY] = min(f[b.MIN_EQUITY], now)
    f[b.PEAK_EQUITY] = max(f[b.PEAK_EQUITY], now)
    if f[b.PEAK_EQUITY] > 0.0:
        f[b.MAX_DRAWDOWN] = max(f[b.MAX_DRAWDOWN], 1.0 - now / f[b.PEAK_EQUITY])
    return state


def note_gap(f: b.Floats, n: b.Ints, rules: b.Rules) -> None:
    """Remember how far delta is from its target now."""
    f[b.GAP_NOW] = f[b.TARGET] - (f[b.SPOT] + (n[b.LONG] - n[b.SHORT]) * rules.step_btc)


def weigh_time(f: b.Floats, n: b.Ints, now_ms: int) -> None:
    """Give the time since the last tick to the state it was spent in: LTV band, distance from target."""
    seconds = (now_ms - n[b.NOW]) / 1000.0
    if seconds <= 0.0 or math.isnan(f[b.LTV]):
        return
    ltv = f[b.LTV]
    band = b.BAND_0 + int(ltv >= 0.50) + int(ltv >= 0.65) + int(ltv >= 0.75) + int(ltv >= 0.85)
    f[band] += seconds
    gap = f[b.GAP_NOW]
    if not math.isnan(gap):
        f[b.GAP_SQUARE] += seconds * gap * gap
        f[b.GAP_SECONDS] += seconds
        f[b.MAX_GAP] = max(f[b.MAX_GAP], abs(gap))
        if abs(gap) > f[b.HALF_WIDTH]:
            f[b.OUTSIDE] += seconds


def draw_box(f: b.Floats, n: b.Ints, rules: b.Rules, policy: Policy) -> None:
    """The nearest prices below and above at which a threshold lies: rungs of both ladders, the sweep, liquidation."""
    f[b.BOX_LOW], f[b.BOX_HIGH] = 0.0, math.inf
    for rung in (
        policy.ltv_monitor,
        policy.ltv_warning,
        policy.ltv_critical,
        policy.ltv_emergency,
        rules.sweep_from,
        rules.delayed_ltv,
        rules.liquidation_ltv,
    ):
        fence(f, ltv_price(f, n, rules, rung))
        if rung < 1.0:
            fence(f, ltv_price(f, n, rules, rung - policy.ltv_leave))
    for rate in (policy.mm_alert, policy.mm_top_up, policy.mm_reduce, policy.mm_close, 1.0):
        fence(f, margin_price(f, n, rules, rate))


def fence(f: b.Floats, price: float) -> None:
    """Narrow the box to a threshold's price; one that does not exist is NaN or not positive and changes nothing."""
    if not price > 0.0:
        return
    if price <= f[b.PRICE]:
        f[b.BOX_LOW] = max(f[b.BOX_LOW], price)
    if price >= f[b.PRICE]:
        f[b.BOX_HIGH] = min(f[b.BOX_HIGH], price)


def ltv_price(f: b.Floats, n: b.Ints, rules: b.Rules, ltv: float) -> float:
    """Price at which LTV equals `ltv`, the book as it is."""
    value = ltv * rules.ltv_ratio * f[b.SPOT]
    if rules.structure == b.LOAN:
        return f[b.DEBT] / value if value > 0.0 else math.nan
    fixed, slope = usdt_line(f, n, rules)
    return -fixed / (slope + value) if slope + value != 0.0 else math.nan


def margin_price(f: b.Floats, n: b.Ints, rules: b.Rules, rate: float) -> float:
    """Price at which the maintenance margin rate equals `rate`, the book as it is."""
    fixed, slope = usdt_line(f, n, rules)
    mm = perp_mm_per_price(n, rules)
    if rules.structure == b.LOAN:
        fixed += f[b.DEBT]
        room = mm - rate * slope
        return rate * fixed / room if room != 0.0 else math.nan
    room = mm - rules.borrow_mmr * slope - rate * (rules.margin_ratio * f[b.SPOT] + slope)
    return fixed * (rate + rules.borrow_mmr) / room if room != 0.0 else math.nan


def usdt_line(f: b.Floats, n: b.Ints, rules: b.Rules) -> tuple[float, float]:
    """USDT equity (cash + perp gain - debt) as a line in the price: (at price 0, per USDT of price)."""
    long_btc, short_btc = n[b.LONG] * rules.step_btc, n[b.SHORT] * rules.step_btc
    fixed = f[b.CASH] - f[b.DEBT] - long_btc * f[b.LONG_ENTRY] + short_btc * f[b.SHORT_ENTRY]
    return fixed, long_btc - short_btc
