"""Where the collateral stands: LTV, trigger and liquidation prices, and the smallest hedge that keeps a promise.

Two structures, never mixed: a Crypto Loan (collateral set apart, perps with margin of their own) and borrowing inside a
Unified Trading Account (perp profit and debt net at once). Units: BTC, USDT, LTV and ratios as decimals.
"""

import math


def insurance_short_btc(
    debt_usdt: float,
    ltv_promised: float,
    spot_btc: float,
    price: float,
    collateral_ratio: float,
    drop: float,
) -> float:
    """Smallest net short such that after a fall of `drop` the net LTV is at most `ltv_promised`, BTC.

    S* = clamp((D - theta c Q (1 - x) P) / (x P), 0, Q), for a short opened at `price`. NaN in, NaN out.
    """
    size = (debt_usdt - ltv_promised * collateral_ratio * spot_btc * (1.0 - drop) * price) / (drop * price)
    if math.isnan(size):
        return size
    return max(0.0, min(size, spot_btc))


def loan_ltv(debt_usdt: float, spot_btc: float, price: float, collateral_ratio: float) -> float:
    """Debt / (c Q P). No debt: 0. Debt without collateral: infinity. Source: Bybit, Introduction to Crypto Loans."""
    if debt_usdt == 0.0:
        return 0.0
    value = collateral_ratio * spot_btc * price
    if value == 0.0:
        return math.inf
    return debt_usdt / value
