"""Funding: rates with their interval, regimes, carry, multipliers."""

import math

import pytest

from bot.strategy import funding
from bot.strategy.funding import EXTREME, HEATED, MANIA, NEUTRAL, NORMAL, UNKNOWN

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("rate", "hours", "apr"),
    [
        (0.0001, 8, 0.1095),
        (0.0001, 4, 0.219),
        (0.0001, 1, 0.876),
        (0.00005, 4, 0.1095),
        (0.0000125, 1, 0.1095),
        (0.00005, 1, 0.438),
        (0.00375, 8, 4.10625),
        (0.00002834, 8, 0.031032),
        (-0.0001, 8, -0.1095),
    ],
)
def test_apr_needs_the_interval(rate, hours, apr):
    """The same rate is worth eight times as much when it is paid hourly."""
    assert funding.apr(rate, hours) == pytest.approx(apr, rel=1e-4)
    assert funding.rate_of_apr(funding.apr(rate, hours), hours) == pytest.approx(rate, rel=1e-12)


def test_extreme_as_a_rate():
    """300 % APR is 0.27397 % per 8 h."""
    assert funding.rate_of_apr(3.00, 8) == pytest.approx(0.0027397, abs=5e-8)


def test_apy_compounds():
    """0.01 % per 8 h is 11.571 % compounded."""
    assert funding.apy(0.0001, 8) == pytest.approx(0.11571, abs=5e-6)


@pytest.mark.parametrize("hours", [0.0, -8.0, math.nan])
def test_without_an_interval_there_is_no_apr(hours):
    """A rate alone says nothing."""
    assert math.isnan(funding.apr(0.0001, hours))
    assert math.isnan(funding.apy(0.0001, hours))


@pytest.mark.parametrize(
    ("premium", "rate"),
    [
        (-0.005, -0.00375),
        (-0.0010, -0.0005),
        (-0.0006, -0.0001),
        (-0.0005, 0.0),
        (-0.0004, 0.0001),
        (0.0, 0.0001),
        (0.0006, 0.0001),
        (0.0007, 0.0002),
        (0.0010, 0.0005),
        (0.0030, 0.0025),
        (0.0060, 0.00375),
    ],
)
def test_rate_of_premium(premium, rate):
    """A flat stretch at 0.01 % between two slopes, capped at both ends."""
    assert funding.rate_of_premium(premium, 8.0, 0.00375) == pytest.approx(rate, abs=1e-12)


def test_weighted_premium():
    """Later minutes weigh more."""
    assert funding.weighted_premium([0.0, 0.001, 0.002]) == pytest.approx(0.00133333, abs=5e-9)
    assert math.isnan(funding.weighted_premium([]))


@pytest.mark.parametrize(
    ("rate", "long", "short", "cash"),
    [
        (0.0001, 0.213, 0.213, 0.0),
        (0.0001, 0.0, 0.27, 3.132),
        (-0.0001, 0.0, 0.27, -3.132),
        (0.0001, 0.051, 0.321, 3.132),
        (0.0027397, 0.0, 0.27, 85.8074),
        (-0.0027397, 0.0, 0.27, -85.8074),
    ],
)
def test_payment(rate, long, short, cash):
    """A positive rate pays the net short; equal legs get nothing."""
    assert funding.payment_usdt(rate, 116000.0, long, short) == pytest.approx(cash, abs=1e-4)


def test_extreme_payment():
    """At 300 % APR the full hedge moves 85.81 per settlement, 257.43 a day."""
    rate = funding.rate_of_apr(3.0, 8)
    assert funding.payment_usdt(rate, 116000.0, 0.0, 0.27) == pytest.approx(85.8082, abs=5e-5)
    assert funding.projected_usdt(3.0, 116000.0, 0.27, 1) == pytest.approx(257.43, abs=0.01)


def test_projections():
    """The full hedge at the base rate earns 9.396 a day, 65.772 a week and 3,429.54 a year."""
    assert funding.projected_usdt(0.1095, 116000.0, 0.27, 1) == pytest.approx(9.396)
    assert funding.projected_usdt(0.1095, 116000.0, 0.27, 7) == pytest.approx(65.772)
    assert funding.projected_usdt(0.1095, 116000.0, 0.27, 365) == pytest.approx(3429.54)
    assert funding.projected_usdt(0.1095, 116000.0, 0.27, 365) / 972.0 == pytest.approx(3.53, abs=0.005)


def test_break_even():
    """The loan's 972 a year are covered at 3.1034 % APR, 0.002834 % per 8 h."""
    yearly = funding.break_even_apr(972.0, 116000.0, 0.27)
    assert yearly == pytest.approx(0.031034, abs=5e-7)
    assert funding.rate_of_apr(yearly, 8) == pytest.approx(0.00002834, abs=5e-9)
    assert math.isnan(funding.break_even_apr(972.0, 116000.0, 0.0))


def test_a_cut_must_last_to_pay():
    """Leaving at -20 % APR and coming back costs 2.4 days of what it saves."""
    assert funding.cut_pays_after_days(0.20, 0.00065) == pytest.approx(2.37, abs=0.01)
    assert math.inf == funding.cut_pays_after_days(0.0, 0.00065)


def test_averages():
    """24 h and 7 d, newest last, weighted by time; a change of interval changes the weights."""
    rates, hours = [0.0001] * 20 + [0.0004], [8.0] * 21
    assert funding.window_apr(rates, hours, 24.0) == pytest.approx(0.0006 * 365)
    assert funding.window_apr(rates, hours, 168.0) == pytest.approx(0.0024 * 365 / 7)
    assert funding.window_apr([0.0008, 0.0001, 0.0001], [8.0, 1.0, 1.0], 10.0) == pytest.approx(0.001 * 876)
    assert funding.window_apr([0.0001], [8.0], 4.0) == pytest.approx(0.1095)
    assert math.isnan(funding.window_apr([], [], 24.0))
    assert math.isnan(funding.window_apr([0.0001, math.nan], [8.0, 8.0], 24.0))


@pytest.mark.parametrize(
    ("yearly", "age", "expected"),
    [
        (0.1, 0.0, 0.1),
        (0.1, 900_000.0, 0.1),
        (0.1, 900_001.0, None),
        (0.1, math.nan, None),
        (math.inf, 0.0, None),
        (math.nan, 0.0, None),
    ],
)
def test_a_stale_rate_is_unknown(yearly, age, expected):
    """Old, or of unknown age, is unknown."""
    fresh = funding.fresh_apr(yearly, age, 900_000.0)
    assert math.isnan(fresh) if expected is None else fresh == expected


@pytest.mark.parametrize(
    ("percent", "regime"),
    [
        (9.99, NEUTRAL),
        (10, NORMAL),
        (50, HEATED),
        (100, MANIA),
        (300, EXTREME),
        (-9.99, NEUTRAL),
        (-300, EXTREME),
        (math.nan, UNKNOWN),
    ],
)
def test_original_regimes(percent, regime):
    """The boundaries belong to the hotter regime, the sign does not matter, NaN is no regime."""
    assert regime == funding.regime_of(percent / 100, funding.ORIGINAL_NORMAL_APR)


def test_the_commonest_rate_is_neutral_by_default():
    """10.95 % APR, the modal rate, no longer sits on a threshold."""
    assert funding.regime_of(0.1095, funding.ORIGINAL_NORMAL_APR) == NORMAL
    assert funding.regime_of(0.1095, funding.NORMAL_APR) == NEUTRAL


@pytest.mark.parametrize(("regime", "m"), [(NEUTRAL, 1.0), (NORMAL, 1.0), (HEATED, 0.5), (MANIA, 0.2), (EXTREME, 0.0)])
def test_original_multipliers(regime, m):
    """The original table, whole."""
    assert m == funding.original_multiplier(regime)


def test_no_regime_has_no_multiplier():
    """Unknown is not 1."""
    assert math.isnan(funding.original_multiplier(UNKNOWN))
    assert math.isnan(funding.pay_multiplier(-1))


def regimes(percents, *, confirmations=2, dwell_ms=0, step_ms=DAY_MS // 3):
    """The regimes after each observation."""
    state, seen = funding.NO_REGIME, []
    for i, percent in enumerate(percents):
        state = funding.regime_update(state, percent / 100, i * step_ms, 0.15, 0.8, confirmations, dwell_ms)
        seen.append(state.regime)
    return seen


def test_a_regime_needs_confirmation():
    """One print is a print; two in a row are a regime."""
    assert regimes([5, 60, 5, 60, 60]) == [0, 0, 0, 0, 2]
    assert regimes([5, 60], confirmations=1) == [0, 2]


def test_a_regime_is_left_below_its_threshold():
    """HEATED begins at 50 % and ends below 40 %."""
    assert regimes([55, 45, 41, 39, 39]) == [2, 2, 2, 2, 1]


def test_a_rise_through_two_regimes_counts_as_one_way():
    """HEATED then MANIA confirms that it is hotter; the later observation says how hot."""
    assert regimes([5, 60, 120]) == [0, 0, 3]


def test_a_fall_waits_out_the_dwell_and_a_rise_does_not():
    """Danger is taken at once, its end is not."""
    assert regimes([55, 5, 5, 5, 5], dwell_ms=4 * DAY_MS // 3) == [2, 2, 2, 2, 0]
    assert regimes([55, 400, 400], dwell_ms=30 * DAY_MS) == [2, 2, 4]


def test_unknown_is_at_once_and_ends_at_once():
    """A missing rate is no regime, and the first one after it is taken as it is."""
    assert regimes([5, math.nan, 400]) == [0, -1, 4]


SIGN_AWARE = [
    # APR %, net short, original, sign-aware
    (60, 0.27, 0.5, 1.0),
    (150, 0.27, 0.2, 1.0),
    (350, 0.27, 0.0, 1.0),
    (-4, 0.27, 1.0, 1.0),
    (-20, 0.27, 1.0, 0.75),
    (-60, 0.27, 0.5, 0.5),
    (-120, 0.27, 0.2, 0.25),
    (-350, 0.27, 0.0, 0.0),
    (60, -0.1, 0.5, 0.5),
    (350, -0.1, 0.0, 0.0),
    (-60, -0.1, 0.5, 1.0),
]


@pytest.mark.parametrize(("percent", "net_short", "original", "aware"), SIGN_AWARE)
def test_sign_aware_multiplier(percent, net_short, original, aware):
    """Only what is paid is scaled; the original cuts the hedge when it earns most."""
    paid = funding.paid_apr(percent / 100, net_short)
    assert original == funding.original_multiplier(funding.regime_of(percent / 100, 0.10))
    assert aware == funding.pay_multiplier(funding.pay_level(-1, paid, 0.8))


@pytest.mark.parametrize(("percent", "m"), [(5, 1.0), (25, 0.75), (75, 0.5), (150, 0.25), (150.01, 0.0)])
def test_tier_edges(percent, m):
    """A tier begins above its threshold."""
    assert m == funding.pay_multiplier(funding.pay_level(-1, percent / 100, 0.8))


def test_tier_hysteresis():
    """A tier is left below 0.8 of its threshold; an unknown rate keeps it."""
    assert funding.pay_level(2, 0.21, 0.8) == 2
    assert funding.pay_level(2, 0.19, 0.8) == 1
    assert funding.pay_level(3, math.nan, 0.8) == 3


def test_carry_signs():
    """Positive funding: the short leg receives, the long leg pays; the net decides for the book."""
    assert (funding.leg_carry_sign(0.1, 1), funding.leg_carry_sign(0.1, 0)) == (1, -1)
    assert (funding.leg_carry_sign(-0.1, 1), funding.leg_carry_sign(-0.1, 0)) == (-1, 1)
    assert (funding.leg_carry_sign(math.nan, 1), funding.leg_carry_sign(0.0, 0)) == (0, 0)
    assert tuple(funding.carry_sign(x) for x in (0.27, -0.1, 0.0)) == (1, -1, 0)
    assert funding.paid_apr(0.5, 0.0) == 0.0
    assert math.isnan(funding.paid_apr(math.nan, 0.27))


@pytest.mark.parametrize(
    ("regime", "yearly", "net_short", "symmetric", "leaves"),
    [
        (EXTREME, 3.5, 0.27, 0, False),
        (EXTREME, -3.5, 0.27, 0, True),
        (EXTREME, 3.5, -0.1, 0, True),
        (EXTREME, 3.5, 0.27, 1, True),
        (MANIA, -2.0, 0.27, 0, False),
        (MANIA, -2.0, 0.27, 1, False),
        (UNKNOWN, math.nan, 0.27, 1, False),
    ],
)
def test_exit(regime, yearly, net_short, symmetric, leaves):
    """A book leaves when it pays the extreme; the original leaves when it is paid, too."""
    assert leaves == funding.should_exit(regime, yearly, net_short, symmetric)
