"""Where the collateral stands: LTV, trigger and liquidation prices, and the smallest hedge that keeps a promise.

Two structures, never mixed: a Crypto Loan (collateral set apart, perps with margin of their own: names with `loan` and
`short`) and borrowing inside a Unified Trading Account (perp profit and debt net at once: names with `uta`). Units: BTC,
USDT, LTV and ratios as decimals. A price of 0 means never on the way down, infinity never on the way up.
"""

import math
from typing import NamedTuple


class LiquidationPrices(NamedTuple):
    """Where the book is liquidated. A book already past one of them shows it on its own side of the price."""

    down: float
    """0: no fall does it."""
    up: float
    """Infinity: no rise does it."""


# The promise


def insurance_short_btc(
    debt_usdt: float, ltv_promised: float, spot_btc: float, price: float, collateral_ratio: float, drop: float
) -> float:
    """Smallest net short such that after a fall of `drop` the net LTV is at most `ltv_promised`, BTC.

    S* = clamp((D - theta c Q (1 - x) P) / (x P), 0, Q), for a short opened at `price`. NaN in, NaN out.
    """
    size = (debt_usdt - ltv_promised * collateral_ratio * spot_btc * (1.0 - drop) * price) / (drop * price)
    if math.isnan(size):
        return size
    return max(0.0, min(size, spot_btc))


def insurance_gamma(debt_usdt: float, price: float, drop: float) -> float:
    """|dS*/dP| of the insurance size while it is not clamped: D / (x P^2), BTC per USDT."""
    return debt_usdt / (drop * price * price)


def neutral_short_btc(ltv: float, spot_btc: float) -> float:
    """Net short that holds the net LTV where it is at every price: S = LTV x Q (c = 1)."""
    return ltv * spot_btc


# LTV


def loan_ltv(debt_usdt: float, spot_btc: float, price: float, collateral_ratio: float) -> float:
    """D / (c Q P), what a lender sees. No debt: 0. Debt without collateral: infinity (Bybit: Introduction to Crypto Loans)."""
    if debt_usdt == 0.0:
        return 0.0
    value = collateral_ratio * spot_btc * price
    if value == 0.0:
        return math.inf
    return debt_usdt / value


def net_ltv(debt_usdt: float, perp_gain_usdt: float, spot_btc: float, price: float, collateral_ratio: float) -> float:
    """(D - perp gain) / (c Q P): the LTV if the perps' unrealised gain were repaid; below 0 when it exceeds the debt."""
    value = collateral_ratio * spot_btc * price
    owed = debt_usdt - perp_gain_usdt
    if value == 0.0:
        return math.inf if owed > 0.0 else 0.0
    return owed / value


def equity_usdt(spot_btc: float, price: float, debt_usdt: float, cash_usdt: float, perp_gain_usdt: float) -> float:
    """Q P - D + cash + perp gain."""
    return spot_btc * price - debt_usdt + cash_usdt + perp_gain_usdt


def short_gain_usdt(net_short_btc: float, entry_price: float, price: float) -> float:
    """S (P0 - P): gain of a net short entered at P0."""
    return net_short_btc * (entry_price - price)


# Trigger prices


def loan_trigger_price(debt_usdt: float, ltv: float, spot_btc: float, collateral_ratio: float) -> float:
    """Price at which the loan LTV reaches `ltv`: D / (theta c Q). The perps do not appear: unrepaid gains do not count."""
    value = ltv * collateral_ratio * spot_btc
    if value == 0.0:
        return 0.0 if debt_usdt == 0.0 else math.inf
    return debt_usdt / value


def net_trigger_price(
    debt_usdt: float,
    ltv: float,
    spot_btc: float,
    net_short_btc: float,
    entry_price: float,
    collateral_ratio: float,
) -> float:
    """Price at which the net LTV reaches `ltv`: (D - S P0) / (theta c Q - S).

    While S < theta c Q it is reached by falling to that price (0: never), beyond it by rising to it (infinity: never;
    0: it is above at every price).
    """
    owed = debt_usdt - net_short_btc * entry_price
    room = ltv * collateral_ratio * spot_btc - net_short_btc
    if room > 0.0:
        return max(0.0, owed / room)
    if room == 0.0:
        return math.inf if owed <= 0.0 else 0.0
    return max(0.0, owed / room)


# Distance


def distance_to_ltv(ltv: float, ltv_limit: float) -> float:
    """Price fall that takes LTV to its limit, 1 - LTV / limit; negative when past it."""
    return 1.0 - ltv / ltv_limit


def distance_in_sigma(price: float, trigger_price: float, sigma_24h: float) -> float:
    """|ln(P / P_trigger)| in daily sigmas; infinity for a trigger of 0 or infinity."""
    if trigger_price == 0.0 or trigger_price == math.inf:
        return math.inf
    if not sigma_24h > 0.0:
        return math.nan
    return abs(math.log(price / trigger_price)) / sigma_24h


def normal_cdf(x: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def touch_probability(price: float, trigger_price: float, sigma_annual: float, years: float) -> float:
    """Probability that a driftless geometric Brownian price touches the trigger within `years`, on either side.

    N((-b - nu T) / s) + exp(-2 nu b / sigma^2) N((-b + nu T) / s) with b = |ln(P / P_t)|, s = sigma sqrt(T) and
    nu = -sigma^2 / 2 towards a lower trigger, +sigma^2 / 2 towards an upper one. Real short horizons are fatter-tailed.
    """
    if trigger_price == 0.0 or trigger_price == math.inf:
        return 0.0
    if price == trigger_price:
        return 1.0
    s = sigma_annual * math.sqrt(years)
    if not s > 0.0:
        return math.nan if math.isnan(s) else 0.0
    b = abs(math.log(price / trigger_price))
    nu = -0.5 * sigma_annual * sigma_annual
    if trigger_price > price:
        nu = -nu
    reflected = math.exp(-2.0 * nu * b / (sigma_annual * sigma_annual))
    return normal_cdf((-b - nu * years) / s) + reflected * normal_cdf((-b + nu * years) / s)


# Liquidation: Crypto Loan with perps on margin of their own


def short_liquidation_price(margin_usdt: float, short_btc: float, entry_price: float, mm_per_price: float) -> float:
    """(M + S P0) / (S (1 + m)) for a short with M USDT behind it; infinity without a short."""
    if not short_btc > 0.0:
        return math.inf
    return (margin_usdt + short_btc * entry_price) / (short_btc * (1.0 + mm_per_price))


# Liquidation: one Unified Trading Account


def uta_margin_usdt(
    spot_btc: float, price: float, collateral_ratio: float, usdt_net: float, perp_gain_usdt: float
) -> float:
    """Margin balance c Q P + USDT + perp gain; usdt_net = cash - debt (Bybit: Glossary UTA)."""
    return collateral_ratio * spot_btc * price + usdt_net + perp_gain_usdt


def uta_maintenance_usdt(
    long_btc: float,
    short_btc: float,
    price: float,
    mm_per_price: float,
    usdt_net: float,
    perp_gain_usdt: float,
    borrow_mmr: float,
) -> float:
    """(L + S) P m + borrow MMR x USDT owed, where an unrealised loss is owed like a debt (Bybit: Glossary UTA)."""
    owed = max(0.0, -(usdt_net + perp_gain_usdt))
    return (long_btc + short_btc) * price * mm_per_price + borrow_mmr * owed


def uta_liquidation_prices(
    spot_btc: float,
    long_btc: float,
    short_btc: float,
    price: float,
    perp_gain_usdt: float,
    usdt_net: float,
    collateral_ratio: float,
    mm_per_price: float,
    borrow_mmr: float,
) -> LiquidationPrices:
    """Where margin balance meets maintenance margin, on both sides.

    Room(P) = margin - maintenance is the lower of two straight lines (USDT owed, and not owed): each line with a positive
    slope sets a lower limit, each with a negative slope an upper one.
    """
    net = long_btc - short_btc
    at_zero = usdt_net + perp_gain_usdt - net * price
    charge = (long_btc + short_btc) * mm_per_price
    down, up = 0.0, math.inf
    for owed in range(2):
        weight = 1.0 + borrow_mmr * owed
        slope = collateral_ratio * spot_btc + net * weight - charge
        intercept = at_zero * weight
        if slope > 0.0:
            down = max(down, -intercept / slope)
        elif slope < 0.0:
            up = min(up, max(0.0, -intercept / slope))
        elif intercept < 0.0:
            down, up = math.inf, 0.0
    return LiquidationPrices(down, up)
