"""Figures of merit of a run, from marks at fixed UTC times: returns, risk, hedge effectiveness, LTV, costs, and an attribution that sums.

Returns are time-weighted, r = E / (E before + flow) - 1; 365 periods a year. Formulas: Ederington (Journal of Finance 34, 1979) for
effectiveness, Sortino with the downside deviation of all periods, expected shortfall as the mean of the worst five per cent.
Only sums: numpy is a convenience here, not a need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "Regression",
    "Returns",
    "dollar_offset",
    "effectiveness",
    "regression",
    "returns_of",
    "slippage_bp",
    "tracking_error",
]

PERIODS_PER_YEAR = 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """What a series of marks says; decimals, NaN where there is too little of it."""

    total: float
    cagr: float
    volatility: float
    sharpe: float
    sortino: float
    max_drawdown: float
    calmar: float
    shortfall_95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """Least squares of the hedge's changes on the hedged item's. Accountants ask for a slope of -0.8 to -1.25 and R^2 >= 0.8."""

    slope: float
    intercept: float
    r_squared: float


def returns_of(
    equity: ArrayLike, flows: ArrayLike | None = None, periods_per_year: float = PERIODS_PER_YEAR
) -> Returns:
    """Figures of a series of equity marks (USDT, evenly spaced). `flows[i]` came from outside at the start of the period that ends at i."""
    marks = np.asarray(equity, dtype=float)
    outside = np.zeros(len(marks)) if flows is None else np.asarray(flows, dtype=float)
    base = marks[:-1] + outside[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.where(base > 0, marks[1:] / base - 1.0, 0.0)
    n = len(r)
    if n < 2:
        nan = math.nan
        total = float(r[0]) if n else nan
        return Returns(
            total=total,
            cagr=nan,
            volatility=nan,
            sharpe=nan,
            sortino=nan,
            max_drawdown=max(0.0, -total),
            calmar=nan,
            shortfall_95=nan,
        )
    growth = float(np.prod(1.0 + r))
    mean, std = float(np.mean(r)), float(np.std(r, ddof=1))
    downside = math.sqrt(float(np.mean(np.minimum(r, 0.0) ** 2)))
    wealth = np.concatenate([[1.0], np.cumprod(1.0 + r)])
    drawdown = float(np.max(1.0 - wealth / np.maximum.accumulate(wealth)))
    cagr = growth ** (periods_per_year / n) - 1.0 if growth > 0 else -1.0
    worst = np.sort(r)[: int((n - 1) * 0.05) + 1]
    return Returns(
        total=growth - 1.0,
        cagr=cagr,
        volatility=std * math.sqrt(periods_per_year),
        sharpe=mean / std * math.sqrt(periods_per_year) if std > 0 else math.nan,
        sortino=mean / downside * math.sqrt(periods_per_year) if downside > 0 else math.nan,
        max_drawdown=drawdown,
        calmar=cagr / drawdown if drawdown > 0 else math.nan,
        shortfall_95=-float(np.mean(worst)),
    )


def effectiveness(item: ArrayLike, hedge: ArrayLike) -> float:
    """1 - var(dU + dH) / var(dU): the share of the item's variance that the hedge removes (Ederington). NaN without variance."""
    u, h = np.asarray(item, dtype=float), np.asarray(hedge, dtype=float)
    spread = float(np.var(u)) if len(u) > 1 else 0.0
    return 1.0 - float(np.var(u + h)) / spread if spread > 0 else math.nan


def regression(item: ArrayLike, hedge: ArrayLike) -> Regression:
    """dH = a + slope dU."""
    u, h = np.asarray(item, dtype=float), np.asarray(hedge, dtype=float)
    su, sh = float(np.sum((u - u.mean()) ** 2)), float(np.sum((h - h.mean()) ** 2))
    cross = float(np.sum((u - u.mean()) * (h - h.mean())))
    if not su > 0:
        return Regression(slope=math.nan, intercept=math.nan, r_squared=math.nan)
    slope = cross / su
    return Regression(
        slope=slope,
        intercept=float(h.mean() - slope * u.mean()),
        r_squared=cross * cross / (su * sh) if sh > 0 else math.nan,
    )


def dollar_offset(item: ArrayLike, hedge: ArrayLike, notional: float) -> float:
    """-sum dH / sum dU; NaN where the item moved less than 1 % of its value, for then the ratio says nothing."""
    moved = float(np.sum(item))
    return -float(np.sum(hedge)) / moved if abs(moved) > 0.01 * notional else math.nan


def tracking_error(gaps: ArrayLike, seconds: ArrayLike) -> float:
    """sqrt of the time-weighted mean square of (delta - target), BTC."""
    g, w = np.asarray(gaps, dtype=float), np.asarray(seconds, dtype=float)
    return math.sqrt(float(np.sum(w * g * g) / np.sum(w))) if float(np.sum(w)) > 0 else math.nan


def slippage_bp(side: int, average_price: float, mid: float) -> float:
    """side x (average - mid at the decision) / mid in basis points; side +1 buys, -1 sells; above zero is a cost."""
    return side * (average_price - mid) / mid * 1e4
