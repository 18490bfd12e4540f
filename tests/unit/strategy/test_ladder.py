"""The LTV ladder, the margin ladder, and repayment by need."""

import math

import pytest

from bot.strategy import ladder

LTV = (0.50, 0.65, 0.75, 0.85, 0.03)
MARGIN = (0.30, 0.50, 0.70, 0.85, 0.03)


@pytest.mark.parametrize(
    ("ltv", "level"),
    [
        (0.0, ladder.SAFE),
        (0.4999, ladder.SAFE),
        (0.50, ladder.MONITOR),
        (16200 / 31320, ladder.MONITOR),
        (0.65, ladder.WARNING),
        (0.75, ladder.CRITICAL),
        (0.85, ladder.EMERGENCY),
        (1.2, ladder.EMERGENCY),
        (math.inf, ladder.EMERGENCY),
    ],
)
def test_ltv_levels(ltv, level):
    """The seed book starts in MONITOR; debt without collateral is an emergency."""
    assert level == ladder.ladder_level(-1, ltv, *LTV)


def test_a_level_is_left_three_points_below():
    """Up at the threshold, down three points under it, one or more rungs at a time."""
    level, seen = -1, []
    for percent in (64, 65, 63, 62.1, 61.9, 86, 83, 81.9, 71.9, 40):
        level = ladder.ladder_level(level, percent / 100, *LTV)
        seen.append(level)

    assert seen == [1, 2, 2, 2, 1, 4, 4, 3, 2, 0]


@pytest.mark.parametrize("value", [math.nan, -0.1])
def test_an_unknown_ltv_keeps_the_level(value):
    """Not knowing is not being safe."""
    assert ladder.ladder_level(3, value, *LTV) == 3
    assert ladder.ladder_level(-1, value, *LTV) == -1


@pytest.mark.parametrize(
    ("rate", "level"),
    [(0.05670, 0), (0.30, 1), (0.50, 2), (0.70, 3), (0.85, 4), (math.inf, 4)],
)
def test_margin_levels(rate, level):
    """30 tell, 50 top up, 70 reduce, 85 close."""
    assert level == ladder.ladder_level(-1, rate, *MARGIN)


def test_no_ltv_level_ever_shrinks_the_short():
    """A fall is no reason to give up what protects against it."""
    for level in range(-1, 5):
        assert not ladder.loan_actions(level) & (ladder.REDUCE_SHORT | ladder.CLOSE_SHORT)


def test_what_each_ltv_level_asks_for():
    """Each rung adds to the one below; an unknown level tells someone."""
    assert ladder.loan_actions(ladder.SAFE) == 0
    assert ladder.loan_actions(ladder.MONITOR) == ladder.ALERT | ladder.SWEEP
    for level in (ladder.WARNING, ladder.CRITICAL, ladder.EMERGENCY):
        lower = ladder.loan_actions(level - 1)
        assert lower == ladder.loan_actions(level) & lower
    assert ladder.loan_actions(ladder.WARNING) & ladder.FULL_COVER
    assert ladder.loan_actions(ladder.CRITICAL) & ladder.SPEND_RESERVE
    assert not ladder.loan_actions(ladder.CRITICAL) & ladder.LAST_RESORT
    assert ladder.loan_actions(ladder.EMERGENCY) & ladder.LAST_RESORT
    assert ladder.loan_actions(-1) == ladder.ALERT


def test_what_each_margin_level_asks_for():
    """Money first, size after."""
    assert ladder.margin_actions(ladder.MARGIN_CALM) == 0
    assert ladder.margin_actions(ladder.MARGIN_ALERT) == ladder.ALERT
    assert ladder.margin_actions(ladder.MARGIN_TOP_UP) == ladder.ALERT | ladder.TOP_UP
    assert ladder.margin_actions(ladder.MARGIN_REDUCE) & ladder.REDUCE_SHORT
    assert ladder.margin_actions(ladder.MARGIN_CLOSE) & ladder.CLOSE_SHORT
    assert ladder.margin_actions(-1) == ladder.ALERT


@pytest.mark.parametrize(
    ("level", "ltv", "target"),
    [
        (ladder.SAFE, 0.45, None),
        (ladder.MONITOR, 0.55, None),
        (ladder.MONITOR, 0.60, 0.50),
        (ladder.WARNING, 0.66, 0.55),
        (ladder.CRITICAL, 0.76, 0.55),
        (ladder.EMERGENCY, 0.90, 0.0),
        (-1, 0.90, None),
        (ladder.WARNING, math.nan, None),
    ],
)
def test_sweep_target(level, ltv, target):
    """From 60 % down to 50 %; an emergency sweeps everything; an unknown LTV sweeps nothing."""
    swept = ladder.sweep_target_ltv(level, ltv, ladder.SWEEP_FROM_LTV, ladder.SWEEP_TO_LTV, ladder.WARNING_TO_LTV)
    assert math.isnan(swept) if target is None else swept == target


@pytest.mark.parametrize(
    ("ltv", "original", "repay", "add"),
    [
        (0.70, 1500.0, 1157.14, 1780.22),
        (0.75, 3000.0, 2160.00, 3323.08),
        (0.80, 5500.0, 3037.50, 4673.08),
        (0.85, 10000.0, 3811.76, 5864.25),
    ],
)
def test_repaying_beats_adding_collateral(ltv, original, repay, add):
    """To come back to 65 % a dollar repaid does the work of 1.54 dollars of collateral."""
    price = 16200.0 / (ltv * 0.27)
    assert ladder.original_reserve_usdt(ltv, 10000.0) == pytest.approx(original, abs=0.01)
    assert ladder.repay_needed_usdt(16200.0, 0.65, 0.27, price, 1.0) == pytest.approx(repay, abs=0.005)
    assert ladder.collateral_needed_usdt(16200.0, 0.65, 0.27, price, 1.0) == pytest.approx(add, abs=0.005)
    assert add / repay == pytest.approx(1 / 0.65, abs=1e-4)


def test_nothing_needed_below_the_target():
    """A loan below its target needs nothing; an unknown one needs an unknown amount."""
    assert ladder.repay_needed_usdt(16200.0, 0.65, 0.27, 116000.0, 1.0) == 0.0
    assert ladder.collateral_needed_usdt(16200.0, 0.65, 0.27, 116000.0, 1.0) == 0.0
    assert math.isnan(ladder.repay_needed_usdt(math.nan, 0.65, 0.27, 116000.0, 1.0))
    assert math.isnan(ladder.collateral_needed_usdt(math.nan, 0.65, 0.27, 116000.0, 1.0))


@pytest.mark.parametrize(
    ("ltv", "usdt"),
    [(0.64, 0), (0.65, 0), (0.70, 1500), (0.75, 3000), (0.80, 5500), (0.849, 7950), (0.85, 10000)],
)
def test_original_reserve(ltv, usdt):
    """The original steps, with their jump at 85 %."""
    assert ladder.original_reserve_usdt(ltv, 10000.0) == pytest.approx(usdt, abs=1e-9)


def test_original_reserve_forgets_what_it_spent():
    """Applied each minute at 70 % it deploys again and again; repayment by need is done after one."""
    debt, value, seen = 16200.0, 16200.0 / 0.70, []
    for _ in range(5):
        spent = ladder.original_reserve_usdt(debt / value, 10000.0)
        value += spent
        seen.append(round(spent))
    assert seen == [1500, 222, 46, 10, 2]


@pytest.mark.parametrize(("ltv", "scale"), [(0.5, 1.0), (0.65, 0.5), (0.75, 0.2), (0.85, 0.0)])
def test_original_scaling(ltv, scale):
    """Kept to show what it would do."""
    assert scale == ladder.original_position_scale(ltv)


@pytest.mark.parametrize(
    ("fall", "begins"), [(0.0, 0.60), (-0.02, 0.60), (0.02, 0.588), (0.05, 0.57), (0.2, 0.55), (1.0, 0.55)]
)
def test_a_sweep_begins_earlier_in_a_fall(fall, begins):
    """At rest at 60 %; while it falls, so early that as much again would not pass it; never before half way to 50 %."""
    assert begins == pytest.approx(ladder.sweep_begins_at(0.60, 0.50, fall))
