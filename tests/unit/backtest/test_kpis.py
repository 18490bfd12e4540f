"""The KPIs against figures worked out by hand and against another library."""

import math
import random
import warnings

import numpy as np
import pytest

from bot.backtest import kpis

EQUITY = [15120, 15019.207, 15212.576, 14733.531, 14576.3479, 14853.3989, 14682.2999, 14910.3929]
PRICES = [116000, 114500, 117200, 110300, 108000, 111900, 109400, 112600]
SPOT, SHORT, DEBT, INTEREST_A_DAY, RATE = 0.27, 0.20, 16200.0, 2.6630136986301371, 0.0001


def the_book():
    """(equity marks, spot changes, hedge changes with funding, hedge changes of price alone) of eight daily marks."""
    equity, debt, cash = [], DEBT, 0.0
    item, hedge, price_only = [], [], []
    for day, price in enumerate(PRICES):
        if day:
            debt += INTEREST_A_DAY
            funding = 3 * RATE * price * SHORT
            cash += funding
            item.append(SPOT * (price - PRICES[day - 1]))
            price_only.append(-SHORT * (price - PRICES[day - 1]))
            hedge.append(price_only[-1] + funding)
        equity.append(SPOT * price - debt + cash + SHORT * (PRICES[0] - price))
    return equity, item, hedge, price_only


def test_the_worked_vector():
    """Eight marks whose every figure is known."""
    equity, item, hedge, price_only = the_book()
    returns, fit = kpis.returns_of(equity), kpis.regression(item, hedge)

    assert equity == pytest.approx(EQUITY, abs=1e-3)
    assert -209.607096 == pytest.approx(equity[-1] - equity[0], abs=1e-6)
    assert -918 == pytest.approx(sum(item), abs=1e-9)
    assert 680 == pytest.approx(sum(price_only), abs=1e-9)
    assert 47.034 == pytest.approx(sum(hedge) - sum(price_only), abs=1e-9)
    known = {
        "sharpe": -1.91949163, "sortino": -2.60647036, "max_drawdown": 0.0418225045, "cagr": -0.51708208,
        "calmar": -12.36372828, "shortfall_95": 0.03149007, "volatility": 0.35115938,
    }  # fmt: skip
    for name, value in known.items():
        assert value == pytest.approx(getattr(returns, name), rel=2e-9, abs=6e-9), name
    assert 0.932735766 == pytest.approx(kpis.effectiveness(item, hedge), abs=1e-9)
    assert 1 - (1 - SHORT / SPOT) ** 2 == pytest.approx(kpis.effectiveness(item, price_only), abs=1e-12)
    assert -0.74064655 == pytest.approx(fit.slope, abs=5e-9)
    assert 6.7314951 == pytest.approx(fit.intercept, abs=5e-8)
    assert 0.99999996 == pytest.approx(fit.r_squared, abs=5e-9)
    assert 727.034 / 918 == pytest.approx(kpis.dollar_offset(item, hedge, SPOT * 116000), abs=1e-12)
    assert 0.02 == pytest.approx(kpis.tracking_error([0.07 - 0.05], [1.0]), abs=1e-12)
    assert 0.86638 == pytest.approx(kpis.slippage_bp(-1, 115_990, 116_000.05), abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_another_library_agrees(seed):
    """empyrical computes the same figures from the same returns, to the twelfth digit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        empyrical = pytest.importorskip("empyrical")
    rng = random.Random(seed)
    r = np.array([rng.gauss(0.0005, 0.03) for _ in range(rng.choice((40, 41, 365, 700)))])
    ours = kpis.returns_of(np.concatenate([[15_120.0], 15_120.0 * np.cumprod(1 + r)]))
    theirs = {
        "sharpe": empyrical.sharpe_ratio(r, annualization=365),
        "sortino": empyrical.sortino_ratio(r, annualization=365),
        "max_drawdown": -empyrical.max_drawdown(r),
        "cagr": empyrical.cagr(r, annualization=365),
        "calmar": empyrical.calmar_ratio(r, annualization=365),
        "volatility": empyrical.annual_volatility(r, annualization=365),
        "shortfall_95": -empyrical.conditional_value_at_risk(r),
    }
    for name, value in theirs.items():
        assert float(value) == pytest.approx(getattr(ours, name), rel=1e-9, abs=1e-12), name


def test_money_from_outside_is_no_return():
    """A deposit raises equity and earns nothing."""
    returns = kpis.returns_of([1000.0, 1500.0, 1500.0], [0.0, 500.0, 0.0])

    assert 0.0 == pytest.approx(returns.total)


def test_too_little_says_nothing():
    """One return has no deviation, and an item that did not move has no offset."""
    assert math.isnan(kpis.returns_of([100.0, 101.0]).sharpe)
    assert math.isnan(kpis.dollar_offset([1.0, -1.0], [-1.0, 1.0], 31_320.0))
    assert math.isnan(kpis.effectiveness([0.0, 0.0], [0.0, 0.0]))
