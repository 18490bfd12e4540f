"""The original quick start's own three tests, with its numbers, and what its formulas compute to the last float."""

import math

import pytest

from bot.strategy import funding, hedge, profit, volatility


def test_delta_calculation():
    """Delta of the original book equals its spot."""
    assert hedge.delta_btc(0.27, 0.213, 0.213) == pytest.approx(0.27, abs=0.001)


def test_hedge_ratio_calculation():
    """h rises in three steps with volatility."""
    assert hedge.original_hedge_ratio(0.01) == 0.20
    assert hedge.original_hedge_ratio(0.03) == 0.40
    assert hedge.original_hedge_ratio(0.05) == 0.60


def test_funding_multiplier():
    """Hot funding scales down, extreme funding scales away."""
    assert 1.0 * funding.original_multiplier(funding.NORMAL) == 1.0
    assert 1.0 * funding.original_multiplier(funding.HEATED) == 0.5
    assert 1.0 * funding.original_multiplier(funding.EXTREME) == 0.0


@pytest.mark.parametrize(
    ("sigma", "h"), [(0.02, 0.40), (0.04, 0.60), (0.0199999, 0.20), (0.0399999, 0.40), (math.nan, 0.60)]
)
def test_hedge_ratio_edges(sigma, h):
    """The thresholds belong to the higher step, and NaN falls through to the highest."""
    assert h == hedge.original_hedge_ratio(sigma)


@pytest.mark.parametrize(
    ("closes", "sigma", "h"),
    [
        ([116000.0], 0.02, 0.40),
        ([100.0, 110.0], 0.0, 0.20),
        ([100.0, 110.0, 100.0], 1.8208984284224756, 0.60),
        ([100.0, 101.0, 102.01, 103.0301], 0.0, 0.20),
        ([116000.0, 116580.0, 115420.0, 116000.0], 0.1350938273729815, 0.60),
        ([116000.0] * 24, 0.0, 0.20),
    ],
)
def test_original_volatility(closes, sigma, h):
    """The original sigma is annual if its prices are daily, and zero for a straight crash."""
    assert volatility.original_sigma(closes) == pytest.approx(sigma, rel=1e-12, abs=1e-14)
    assert h == hedge.original_hedge_ratio(volatility.original_sigma(closes))


SPLITS = [
    # sigma, regime, L, S, short, long, L', S'
    (0.01, funding.NORMAL, 0.213, 0.213, 0.054, -0.216, -0.003, 0.267),
    (0.02, funding.NORMAL, 0.213, 0.213, 0.108, -0.162, 0.051, 0.321),
    (0.03, funding.NORMAL, 0.213, 0.213, 0.108, -0.162, 0.051, 0.321),
    (0.05, funding.NORMAL, 0.213, 0.213, 0.162, -0.108, 0.105, 0.375),
    (0.01, funding.HEATED, 0.213, 0.213, 0.027, -0.243, -0.030, 0.240),
    (0.05, funding.HEATED, 0.213, 0.213, 0.081, -0.189, 0.024, 0.294),
    (0.05, funding.MANIA, 0.213, 0.213, 0.0324, -0.2376, -0.0246, 0.2454),
    (0.05, funding.EXTREME, 0.213, 0.213, 0.0, -0.27, -0.057, 0.213),
    (0.03, funding.NORMAL, 0.0, 0.40, -0.052, 0.078, 0.078, 0.348),
    (0.03, funding.EXTREME, 0.0, 0.40, 0.0, 0.13, 0.13, 0.40),
]


@pytest.mark.parametrize(("sigma", "regime", "long", "short", "d_short", "d_long", "long_after", "short_after"), SPLITS)
def test_original_split(sigma, regime, long, short, d_short, d_long, long_after, short_after):
    """h divides one change between the legs and may take more from the long leg than it holds; delta lands on 0."""
    h = hedge.original_hedge_ratio(sigma) * funding.original_multiplier(regime)
    moved = hedge.split_btc(0.0 - hedge.delta_btc(0.27, long, short), h)

    assert moved.short_change_btc == pytest.approx(d_short, abs=1e-12)
    assert moved.long_change_btc == pytest.approx(d_long, abs=1e-12)
    assert long + moved.long_change_btc == pytest.approx(long_after, abs=1e-12)
    assert short + moved.short_change_btc == pytest.approx(short_after, abs=1e-12)


@pytest.mark.parametrize(
    ("gap", "h", "sends_short", "sends_long", "left"),
    [
        (-0.0016, 0.6, False, False, 0.0016),
        (-0.0018, 0.4, False, True, 0.00072),
        (-0.0024, 0.4, False, True, 0.00096),
        (-0.0010, 0.0, False, False, 0.0010),
        (-0.0009, 0.4, False, False, 0.0009),
        (0.0025, 0.4, False, True, 0.0010),
        (-0.2705, 0.2, True, True, 0.0),
    ],
)
def test_original_filter(gap, h, sends_short, sends_long, left):
    """An order of exactly 0.001 BTC is dropped, and a pair of small legs is dropped for ever."""
    moved = hedge.split_btc(gap, h)
    sent_short = moved.short_change_btc if hedge.original_would_send(moved.short_change_btc) else 0.0
    sent_long = moved.long_change_btc if hedge.original_would_send(moved.long_change_btc) else 0.0

    assert (sends_short, sends_long) == (sent_short != 0.0, sent_long != 0.0)
    assert abs(gap - (sent_long - sent_short)) == pytest.approx(left, abs=1e-12)


def test_an_open_loop_sells_the_same_delta_every_hour():
    """The original never books its own fills: after five hours the true delta is five hedges off."""
    believed, true, seen = hedge.delta_btc(0.27, 0.213, 0.213), 0.27, []
    for _ in range(5):
        true += 0.0 - believed
        seen.append(round(true, 2))

    assert seen == [0.0, -0.27, -0.54, -0.81, -1.08]


@pytest.mark.parametrize(
    ("pnl", "peak", "sigma", "price", "fires"),
    [
        (0.0069, 0.01, 0.02, 116000.0, 1),
        (700.0, 1000.0, 0.02, 116000.0, 0),
        (699.99, 1000.0, 0.02, 116000.0, 1),
        (-1.0, 1000.0, 0.02, 100000.0, 0),
        (100.0, 1000.0, 0.02, 116000.0, 1),
        (100.0, 100.0, 0.02, 119480.0, 0),
        (100.0, 100.0, 0.0262, 120559.0, 1),
        (100.0, 100.0, 0.0262, 120558.0, 0),
        (100.0, 100.0, 0.02, 112520.0, 0),
        (100.0, 100.0, 0.02, 112519.9, 1),
        (100.0, 100.0, 0.50, 203000.0, 1),
    ],
)
def test_original_profit_check(pnl, peak, sigma, price, fires):
    """A cent arms the stop, a gap through zero never fires, and a fall counts as a rise."""
    assert bool(fires) == bool(profit.original_check(pnl, peak, sigma, price).fires)


def test_original_profit_check_remembers_the_peak():
    """The peak rises with a profit and stays through a loss."""
    assert profit.original_check(500.0, 100.0, 0.02, 116000.0).peak_usdt == 500.0
    assert profit.original_check(-1.0, 1000.0, 0.02, 116000.0).peak_usdt == 1000.0


@pytest.mark.parametrize(
    ("sigma", "price", "target"),
    [
        (0.02, 116000.0, 119480.0),
        (0.0262, 116000.0, 120558.80),
        (0.04, 116000.0, 122960.0),
        (0.102, 116000.0, 133748.0),
        (0.5, 116000.0, 203000.0),
        (0.02, 100000.0, 103000.0),
        (0.04, 100000.0, 106000.0),
    ],
)
def test_original_profit_target(sigma, price, target):
    """PT = price (1 + 1.5 sigma)."""
    assert profit.original_target_price(price, sigma) == pytest.approx(target, abs=1e-6)


@pytest.mark.parametrize(
    ("apr_percent", "rate"), [(10.95, 0.0001), (300.0, 0.00273973), (410.625, 0.00375), (-10.95, -0.0001)]
)
def test_original_rate_conversion(apr_percent, rate):
    """APR in per cent to a rate per 8 h, right only for three settlements a day."""
    assert funding.original_rate_8h(apr_percent) == pytest.approx(rate, rel=1e-5)
    assert funding.original_rate_8h(10.95) == 9.999999999999999e-05


@pytest.mark.parametrize(
    ("annual", "minutes", "sigma"),
    [
        (0.25, 1, 0.00659),
        (0.50, 1, 0.01318),
        (1.00, 1, 0.02635),
        (0.25, 5, 0.01473),
        (0.50, 5, 0.02946),
        (1.00, 5, 0.05893),
        (0.25, 15, 0.02552),
        (0.50, 15, 0.05103),
        (1.00, 15, 0.10206),
        (0.25, 60, 0.05103),
        (0.50, 60, 0.10206),
        (1.00, 60, 0.20412),
        (0.50, 1440, 0.50),
    ],
)
def test_original_sigma_depends_on_the_bar(annual, minutes, sigma):
    """The same market reads 1.3 % on minutes and 50 % on days: the original scales by sqrt(365) whatever the bar."""
    step = annual * math.sqrt(minutes / 1440 / 365)
    closes = [math.exp(step if i % 2 else 0.0) for i in range(25)]

    assert volatility.original_sigma(closes) == pytest.approx(sigma, rel=1e-3)
