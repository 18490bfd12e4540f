"""Estimators of the 24 h volatility against one worked window of six hourly bars."""

import itertools
import math
import random

import pytest

from bot.strategy import volatility as vol
from bot.strategy.volatility import sigma_24h

O = [116000.0, 116420.0, 115880.0, 116910.0, 116300.0, 115500.0]  # noqa: E741 - the bar's own letter
H = [116700.0, 116650.0, 117050.0, 117200.0, 116480.0, 115990.0]
L = [115800.0, 115700.0, 115790.0, 116150.0, 115250.0, 114900.0]
C = [116420.0, 115880.0, 116910.0, 116300.0, 115500.0, 115710.0]

WORKED = [
    # name, variance, minutes, V, sigma_24h
    ("realized", vol.realized_variance(C), 300, 1.7823544006e-04, 0.02924945),
    ("de-meaned", vol.demeaned_variance(C), 300, 2.1343901850e-04, 0.03200793),
    ("Parkinson", vol.parkinson_variance(H, L), 360, 1.8999534164e-04, 0.02756776),
    ("Garman-Klass", vol.garman_klass_variance(O, H, L, C), 360, 1.8949231531e-04, 0.02753124),
    ("Rogers-Satchell", vol.rogers_satchell_variance(O, H, L, C), 360, 1.7293829356e-04, 0.02630120),
    ("Yang-Zhang", vol.yang_zhang_variance(O, H, L, C), 300, 1.5695342119e-04, 0.02744770),
    ("bipower", vol.bipower_variance(C), 300, 2.6719877359e-04, 0.03581276),
    ("medRV", vol.median_variance(C), 300, 2.4218730353e-04, 0.03409544),
]


@pytest.mark.parametrize(("name", "variance", "minutes", "expected", "sigma"), WORKED, ids=[c[0] for c in WORKED])
def test_worked_window(name, variance, minutes, expected, sigma):
    """Every estimator reproduces the worked numbers to the last printed digit."""
    assert variance == pytest.approx(expected, rel=1e-9)
    assert sigma_24h(variance, minutes) == pytest.approx(sigma, abs=5e-9)


def test_original_formula_on_the_same_window():
    """The original reads four times as much on hourly bars."""
    assert vol.original_sigma(C) == pytest.approx(0.11164604, abs=5e-9)


def test_log_returns_of_the_window():
    """The window's returns, so that the table can be checked by hand."""
    returns = [math.log(b / a) for a, b in itertools.pairwise(C)]
    assert returns == pytest.approx(
        [-0.0046491689, 0.0088492351, -0.0052313485, -0.0069025296, 0.0018165309], abs=5e-11
    )


def test_annual_and_daily_sigma():
    """50 % a year is 2.6171 % a day; 2 % and 4 % a day are 38.21 % and 76.42 % a year."""
    assert 0.50 / math.sqrt(365) == pytest.approx(0.026171, abs=5e-7)
    year_minutes = 365 * 1440
    assert sigma_24h(0.50**2, year_minutes) == pytest.approx(0.026171, abs=5e-7)
    assert sigma_24h(0.3821**2, year_minutes) == pytest.approx(0.02, abs=1e-6)
    assert sigma_24h(0.7642**2, year_minutes) == pytest.approx(0.04, abs=1e-6)


def test_a_straight_crash_is_volatility():
    """The mean is zero on purpose: -1 % a bar for a day is not a quiet day."""
    closes = [100.0 * 0.99**i for i in range(25)]
    assert sigma_24h(vol.realized_variance(closes), 1440) == pytest.approx(abs(math.log(0.99)) * math.sqrt(24))
    assert vol.original_sigma(closes) == pytest.approx(0.0, abs=1e-12)


def five_minute_closes(seed: int, sigma: float, bars: int = 288) -> list[float]:
    """A driftless day of closes with true sigma_24h."""
    rng = random.Random(seed)
    price, closes = 116000.0, [116000.0]
    for _ in range(bars):
        price *= math.exp(rng.gauss(0.0, sigma / math.sqrt(bars)))
        closes.append(price)
    return closes


def test_one_jump_is_seen_by_rv_only():
    """RV follows a 5 % jump, bipower and medRV look past it; targets use the smaller of RV and 1.5 BPV."""
    closes = five_minute_closes(7, 0.0186)
    jumped = closes[:150] + [c * math.exp(-0.05) for c in closes[150:]]
    rv = sigma_24h(vol.realized_variance(jumped), 1440)
    bpv = sigma_24h(vol.bipower_variance(jumped), 1440)
    med = sigma_24h(vol.median_variance(jumped), 1440)

    assert rv == pytest.approx(math.hypot(0.0186, 0.05), abs=0.004)
    assert bpv < 0.025
    assert med < 0.022
    assert 1.5 * bpv == vol.target_sigma_24h(rv, bpv)
    assert vol.jump_share(rv * rv, bpv * bpv) > 0.75


def test_without_a_jump_they_agree():
    """On a plain day the three are close, and the target sigma is RV itself."""
    closes = five_minute_closes(8, 0.0186)
    rv = sigma_24h(vol.realized_variance(closes), 1440)
    bpv = sigma_24h(vol.bipower_variance(closes), 1440)

    assert bpv == pytest.approx(rv, rel=0.12)
    assert rv == vol.target_sigma_24h(rv, bpv)
    assert rv == vol.target_sigma_24h(rv, math.nan)
    assert vol.jump_share(0.0, 0.0) == 0.0


def test_five_minute_closes_are_ten_times_as_efficient_as_hourly_ones():
    """288 closes give a sampling error near 0.11 points, 24 hourly ones near 0.37, at a true sigma of 2.617 %."""
    hourly, fine = [], []
    for seed in range(400):
        closes = five_minute_closes(seed, 0.02617)
        fine.append(sigma_24h(vol.realized_variance(closes), 1440))
        hourly.append(sigma_24h(vol.realized_variance(closes[::12]), 1440))

    def spread(values: list[float]) -> float:
        mean = sum(values) / len(values)
        return math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))

    assert sum(fine) / len(fine) == pytest.approx(0.02612, abs=0.0003)
    assert spread(fine) == pytest.approx(0.00109, rel=0.15)
    assert spread(hourly) == pytest.approx(0.00374, rel=0.15)


MINUTE = 60_000


def test_gap_keeps_its_return_and_its_time():
    """A market that was not watched for three hours is not a market that stood still."""
    closes = five_minute_closes(3, 0.03)
    times = [i * 5 * MINUTE for i in range(len(closes))]
    holed = vol.realized_sigma_24h(times[:100] + times[136:], closes[:100] + closes[136:], 360.0)
    r = [math.log(b / a) for a, b in itertools.pairwise(closes)]
    expected = sum(x * x for x in r[:99]) + sum(r[99:136]) ** 2 + sum(x * x for x in r[136:])

    assert holed == pytest.approx(sigma_24h(expected, 1440), rel=1e-12)


@pytest.mark.parametrize("bad", [math.nan, 0.0, -1.0, math.inf])
def test_bad_closes_are_dropped(bad):
    """A bad tick costs a sample, not the window."""
    times = [i * 60 * MINUTE for i in range(8)]
    closes = [100.0, 101.0, 100.0, 102.0, 101.0, 100.0, 101.0, 102.0]
    dirty = [*closes[:3], bad, *closes[4:]]
    clean = vol.realized_sigma_24h(times[:3] + times[4:], closes[:3] + closes[4:], 360.0)

    assert clean == vol.realized_sigma_24h(times, dirty, 360.0)


def test_a_repeated_or_older_bar_is_ignored():
    """Saying it twice is saying it once."""
    times = [i * 60 * MINUTE for i in range(8)]
    closes = [100.0, 101.0, 100.0, 102.0, 101.0, 100.0, 101.0, 102.0]
    expected = vol.realized_sigma_24h(times, closes, 360.0)

    assert expected == vol.realized_sigma_24h([*times[:4], *times[3:]], [*closes[:4], 150.0, *closes[4:]], 360.0)
    assert expected == vol.realized_sigma_24h([*times, times[2]], [*closes, 150.0], 360.0)


def test_too_little_data_is_unknown():
    """Below six hours there is no sigma, and no default that would choose a regime."""
    times = [i * 60 * MINUTE for i in range(6)]
    assert math.isnan(vol.realized_sigma_24h(times, [100.0, 101.0, 100.0, 102.0, 101.0, 100.0], 360.0))
    assert math.isnan(vol.realized_variance([100.0]))
    assert math.isnan(vol.demeaned_variance([100.0, 101.0]))
    assert vol.demeaned_variance([100.0, 110.0, 100.0]) == pytest.approx(4 * math.log(1.1) ** 2)
    assert math.isnan(vol.bipower_variance([100.0, 101.0]))
    assert math.isnan(vol.median_variance([100.0, 101.0, 100.0]))
    assert math.isnan(vol.yang_zhang_variance([1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]))
    assert math.isnan(sigma_24h(0.0, 0.0))
    assert math.isnan(sigma_24h(math.nan, 60.0))


@pytest.mark.parametrize(
    ("minutes", "kind"),
    [(5.0, 0), (30.0, 0), (30.1, 1), (360.0, 1), (360.1, 2), (math.nan, 2)],
)
def test_gap_class(minutes, kind):
    """Half an hour is shown, six hours refill the window."""
    assert kind == vol.gap_class(minutes)


@pytest.mark.parametrize(
    ("price", "reference", "sane"),
    [
        (116000.0, 116000.0, True),
        (139200.0, 116000.0, True),
        (139300.0, 116000.0, False),
        (92700.0, 116000.0, False),
        (0.0, 116000.0, False),
        (math.nan, 116000.0, False),
        (math.inf, math.nan, False),
        (116000.0, math.nan, True),
        (116000.0, 0.0, True),
    ],
)
def test_price_sanity(price, reference, sane):
    """A tick a fifth off the mark is not a price."""
    assert sane == vol.price_is_sane(price, reference, 0.20)


@pytest.mark.parametrize("count", [0, 1, 2, 3, len(C)])
def test_both_variances_in_one_pass_are_the_very_same(count):
    """The engine takes each logarithm once."""
    closes = C[:count]
    assert repr(vol.realized_and_bipower(closes)) == repr((vol.realized_variance(closes), vol.bipower_variance(closes)))
