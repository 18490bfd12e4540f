"""Delta, cover, hedge ratio, targets, band, schedule."""

import math

import pytest

from bot.strategy import hedge


@pytest.mark.parametrize(
    ("spot", "long", "short", "delta", "cover"),
    [
        (0.27, 0.213, 0.213, 0.27, 0.0),
        (0.27, 0.0, 0.27, 0.0, 1.0),
        (0.27, 0.213, 0.483, 0.0, 1.0),
        (0.27, 0.0, 0.0, 0.27, 0.0),
        (0.27, 0.0, 0.30, -0.03, 1.1111111),
    ],
)
def test_delta_and_cover(spot, long, short, delta, cover):
    """Equal legs hedge nothing; a net short of the spot's size is neutral."""
    assert hedge.delta_btc(spot, long, short) == pytest.approx(delta, abs=1e-12)
    assert hedge.cover(spot, long, short) == pytest.approx(cover, abs=1e-6)


def test_cover_without_spot_is_unknown():
    """Nothing to cover is not fully covered."""
    assert math.isnan(hedge.cover(0.0, 0.0, 0.1))


@pytest.mark.parametrize(
    ("long", "short", "d_long", "d_short", "delta"),
    [
        (0.213, 0.483, -0.1065, -0.2415, 0.135),
        (0.213, 0.483, -0.1704, -0.3864, 0.216),
        (0.213, 0.483, -0.213, 0.0, -0.213),
        (0.213, 0.483, 0.0, -0.483, 0.483),
        (0.213, 0.483, -0.213, -0.483, 0.270),
    ],
    ids=[
        "halve both",
        "scale to 20 %",
        "close the loser in a fall",
        "close the loser in a rally",
        "close all",
    ],
)
def test_what_the_original_emergencies_leave(long, short, d_long, d_short, delta):
    """Every one of them exposes a book that was neutral."""
    assert hedge.delta_btc(0.27, long, short) == pytest.approx(0.0, abs=1e-12)
    assert hedge.delta_btc(0.27, long + d_long, short + d_short) == pytest.approx(delta, abs=1e-12)


def test_netting_the_two_changes_is_their_difference():
    """The two changes have opposite conventions: dL - dS is the net order, whatever h; their sum is a wrong order."""
    for h in (0.2, 0.4, 0.6):
        moved = hedge.split_btc(-0.27, h)
        assert moved.long_change_btc - moved.short_change_btc == pytest.approx(-0.27, abs=1e-12)
        assert moved.long_change_btc + moved.short_change_btc != pytest.approx(-0.27, abs=1e-3)


def test_vol_level_rises_at_the_threshold_and_falls_later():
    """Between 0.85 of a threshold and the threshold the level keeps what it was."""
    level, seen = 0, []
    for percent in (1.9, 2.0, 1.95, 1.71, 1.69, 4.1, 3.5, 3.39, 1.6):
        level = hedge.vol_level(level, percent / 100, 0.02, 0.04, 0.85)
        seen.append(level)

    assert seen == [0, 1, 1, 1, 0, 2, 2, 1, 0]


@pytest.mark.parametrize("sigma", [math.nan, math.inf, -0.01])
def test_an_insane_sigma_keeps_the_level(sigma):
    """Unknown volatility is not low volatility."""
    assert hedge.vol_level(2, sigma, 0.02, 0.04, 0.85) == 2
    assert hedge.vol_level(-1, sigma, 0.02, 0.04, 0.85) == -1


@pytest.mark.parametrize(("level", "h"), [(0, 0.2), (1, 0.4), (2, 0.6)])
def test_hedge_ratio_of_a_level(level, h):
    """One h per level."""
    assert h == hedge.hedge_ratio(level, 0.2, 0.4, 0.6)


def test_hedge_ratio_of_no_level_is_unknown():
    """Before the first sigma there is no h."""
    assert math.isnan(hedge.hedge_ratio(-1, 0.2, 0.4, 0.6))


@pytest.mark.parametrize(("h", "target", "removed"), [(0.2, 0.216, 0.36), (0.4, 0.162, 0.64), (0.6, 0.108, 0.84)])
def test_coverage(h, target, removed):
    """In coverage mode h is the hedged share, and 1 - (1 - h)^2 of the variance goes with it."""
    assert hedge.coverage_target_btc(0.27, h, 1.0) == pytest.approx(target, abs=1e-12)
    assert hedge.variance_removed(h) == pytest.approx(removed, abs=1e-12)


@pytest.mark.parametrize(
    ("amount", "steps"),
    [
        (0.27, 270),
        (-0.2705, -270),
        (0.0009, 0),
        (-0.0009, 0),
        (0.1 + 0.2, 300),
        (0.00199, 1),
        (0.3 - 1e-8, 299),
    ],
)
def test_whole_steps_go_towards_zero(amount, steps):
    """Float noise is forgiven, a missing satoshi is not."""
    assert steps == hedge.whole_steps(amount, 0.001)


BAND = [
    # delta, policy changed -> trade in steps (negative sells)
    (0.0099, 0, 0),
    (0.0100, 0, 0),
    (0.0101, 0, -5),
    (0.0131, 0, -8),
    (-0.020, 0, 15),
    (0.0131, 1, -13),
    (0.0040, 1, -4),
]


@pytest.mark.parametrize(("delta", "recentre", "steps"), BAND)
def test_band(delta, recentre, steps):
    """Inside the band nothing; outside, half-way back; on a policy change to the centre."""
    assert steps == hedge.whole_steps(hedge.band_trade_btc(0.0 - delta, 0.010, 0.5, recentre), 0.001)


def test_band_edge_and_centre():
    """The inner share says where a trade stops: 1 at the edge, 0 at the centre."""
    assert hedge.band_trade_btc(-0.03, 0.01, 1.0, 0) == pytest.approx(-0.02)
    assert hedge.band_trade_btc(-0.03, 0.01, 0.0, 0) == pytest.approx(-0.03)


EQUITY = 15120.0


@pytest.mark.parametrize(
    ("dollar_gamma", "cost", "risk", "width"),
    [
        (15660.0, 0.00065, 1, 0.0132),
        (15660.0, 0.00065, 3, 0.0092),
        (15660.0, 0.00065, 10, 0.0061),
        (15660.0, 0.0002, 1, 0.0089),
        (15660.0, 0.0002, 3, 0.0062),
        (15660.0, 0.0002, 10, 0.0041),
        (54000.0, 0.00065, 1, 0.0302),
        (54000.0, 0.00065, 3, 0.0209),
        (54000.0, 0.00065, 10, 0.0140),
        (54000.0, 0.0002, 1, 0.0204),
        (54000.0, 0.0002, 3, 0.0141),
        (54000.0, 0.0002, 10, 0.0095),
    ],
)
def test_drift_band(dollar_gamma, cost, risk, width):
    """The optimal half-width for a target that moves with price; it grows with gamma and cost."""
    gamma = dollar_gamma / 116000.0**2
    assert hedge.drift_band_btc(cost, 116000.0, gamma, risk / EQUITY) == pytest.approx(width, abs=6e-5)


@pytest.mark.parametrize(
    ("days", "cost", "risk", "width"),
    [
        (7, 0.00065, 1, 0.0177),
        (7, 0.00065, 3, 0.0059),
        (7, 0.00065, 10, 0.0018),
        (1, 0.00065, 1, 0.1237),
        (1, 0.00065, 3, 0.0412),
        (30, 0.00065, 1, 0.0041),
        (30, 0.00065, 3, 0.0014),
        (7, 0.0003, 3, 0.0027),
        (1, 0.0003, 1, 0.0571),
    ],
)
def test_misfit_band(days, cost, risk, width):
    """The half-width for a misfit that would stay; the longer it would stay, the narrower."""
    assert hedge.misfit_band_btc(cost, 116000.0, 0.5, risk / EQUITY, days / 365) == pytest.approx(width, abs=6e-5)


def test_practical_band_is_clamped():
    """Never finer than two steps, never wider than a tenth of the spot, the default where nothing drifts."""
    gamma = 15660.0 / 116000.0**2
    assert hedge.practical_band_btc(0.00065, 116000.0, gamma, 3 / EQUITY, 0.001, 0.27, 0.01) == pytest.approx(
        0.0092, abs=6e-5
    )
    assert hedge.practical_band_btc(0.00065, 116000.0, 0.0, 3 / EQUITY, 0.001, 0.27, 0.01) == 0.01
    assert hedge.practical_band_btc(0.00065, 116000.0, math.nan, 3 / EQUITY, 0.001, 0.27, 0.01) == 0.01
    assert hedge.practical_band_btc(1e-9, 116000.0, gamma, 3 / EQUITY, 0.001, 0.27, 0.01) == 0.002
    assert hedge.practical_band_btc(0.00065, 116000.0, 1.0, 3 / EQUITY, 0.001, 0.27, 0.01) == pytest.approx(0.027)


def test_schedule_is_due_strictly_after_the_interval():
    """One hour means more than one hour; before the first hedge it is due at once."""
    assert not hedge.schedule_due(3_600_000, 0, 3_600_000)
    assert hedge.schedule_due(3_600_001, 0, 3_600_000)
    assert not hedge.schedule_due(1_003_600_000, 1_000_000_000, 3_600_000)
    assert hedge.schedule_due(0, -1, 3_600_000)


def test_least_interval():
    """At the interval it is over."""
    assert not hedge.interval_over(29_999, 0, 30_000)
    assert hedge.interval_over(30_000, 0, 30_000)
    assert hedge.interval_over(0, -1, 30_000)
    assert not hedge.interval_over(1_029_999, 1_000_000, 30_000)
    assert hedge.interval_over(1_030_000, 1_000_000, 30_000)
