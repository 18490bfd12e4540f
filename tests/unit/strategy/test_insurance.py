"""LTV, triggers, liquidation prices of both structures, insurance, distance."""

import math

import pytest

from bot.strategy import insurance as ins
from bot.strategy import risk

Q, D, P0 = 0.27, 16200.0, 116000.0
MM = 0.00555


@pytest.mark.parametrize(
    ("price", "x20_65", "x30_65", "x30_75", "x40_75"),
    [
        (92308.0, 0.1755, 0.1755, 0.1125, 0.1350),
        (100000.0, 0.1080, 0.1305, 0.0675, 0.1013),
        (116000.0, 0.0, 0.0560, 0.0, 0.0454),
        (130000.0, 0.0, 0.0059, 0.0, 0.0078),
        (150000.0, 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_insurance_size(price, x20_65, x30_65, x30_75, x40_75):
    """The smallest short that keeps the promise; none is needed high up."""
    for drop, ltv, size in (
        (0.2, 0.65, x20_65),
        (0.3, 0.65, x30_65),
        (0.3, 0.75, x30_75),
        (0.4, 0.75, x40_75),
    ):
        assert ins.insurance_short_btc(D, ltv, Q, price, 1.0, drop) == pytest.approx(size, abs=6e-5)


@pytest.mark.parametrize("ratio", [1.0, 0.98, 0.85])
def test_insurance_keeps_its_promise(ratio):
    """After the fall, net LTV is the promised one to the last digit."""
    short = ins.insurance_short_btc(D, 0.65, Q, 100000.0, ratio, 0.30)
    gain = ins.short_gain_usdt(short, 100000.0, 70000.0)
    assert short < Q
    assert ins.net_ltv(D, gain, Q, 70000.0, ratio) == pytest.approx(0.65, rel=1e-12)


def test_insurance_of_the_unknown_is_unknown():
    """NaN does not become no hedge."""
    assert math.isnan(ins.insurance_short_btc(math.nan, 0.65, Q, P0, 1.0, 0.3))
    assert ins.insurance_short_btc(1e9, 0.65, Q, P0, 1.0, 0.3) == Q


def test_insurance_gamma():
    """Dollar gamma D / x = 54,000 for a 30 % promise."""
    assert ins.insurance_gamma(D, P0, 0.30) * P0 * P0 == pytest.approx(54000.0)


TRIGGERS = [
    (1.00, 0.517241, [92307.69, 80000.00, 70588.24, 64516.13, 63157.89]),
    (0.98, 0.527797, [94191.52, 81632.65, 72028.81, 65832.78, 64446.83]),
    (0.95, 0.544465, [97165.99, 84210.53, 74303.41, 67911.71, 66481.99]),
    (0.85, 0.608519, [108597.29, 94117.65, 83044.98, 75901.33, 74303.41]),
]


@pytest.mark.parametrize(("ratio", "ltv", "prices"), TRIGGERS)
def test_loan_ltv_and_triggers(ratio, ltv, prices):
    """What a lender sees, and where it acts; the perps do not appear."""
    assert ins.loan_ltv(D, Q, P0, ratio) == pytest.approx(ltv, abs=5e-7)
    for theta, price in zip((0.65, 0.75, 0.85, 0.93, 0.95), prices, strict=True):
        assert ins.loan_trigger_price(D, theta, Q, ratio) == pytest.approx(price, abs=0.005)


@pytest.mark.parametrize(("theta", "fall"), [(0.65, 0.2042), (0.75, 0.3103), (0.85, 0.3915), (0.95, 0.4555)])
def test_how_far_price_may_fall(theta, fall):
    """The distance of LTV to a rung is the very fall of the price that reaches it."""
    assert ins.distance_to_ltv(ins.loan_ltv(D, Q, P0, 1.0), theta) == pytest.approx(fall, abs=5e-5)
    assert 1 - ins.loan_trigger_price(D, theta, Q, 1.0) / P0 == pytest.approx(fall, abs=5e-5)


@pytest.mark.parametrize(
    ("close", "ltv"), [(116000.0, 0.5172), (92094.0, 0.6515), (78621.0, 0.7632), (62702.0, 0.9569)]
)
def test_the_winter_of_2025_unhedged(close, ltv):
    """Real daily closes: 65 % on 17 November, 75 % on 31 January, past every threshold five days later."""
    assert ins.loan_ltv(D, Q, close, 1.0) == pytest.approx(ltv, abs=5e-5)


def test_monitor_begins_at_120000():
    """The seed book starts above 50 %."""
    assert ins.loan_trigger_price(D, 0.50, Q, 1.0) == pytest.approx(120000.0)


def test_edges_of_ltv():
    """No debt is no risk; debt without collateral is all of it."""
    assert ins.loan_ltv(0.0, 0.0, P0, 1.0) == 0.0
    assert ins.loan_ltv(1.0, 0.0, P0, 1.0) == math.inf
    assert math.isnan(ins.loan_ltv(math.nan, Q, P0, 1.0))
    assert ins.loan_trigger_price(0.0, 0.65, 0.0, 1.0) == 0.0
    assert ins.loan_trigger_price(1.0, 0.65, 0.0, 1.0) == math.inf
    assert ins.net_ltv(1.0, 0.0, 0.0, P0, 1.0) == math.inf
    assert ins.net_ltv(1.0, 2.0, 0.0, P0, 1.0) == 0.0


HEDGED = [
    # price, short, equity, gross %, net %
    (60000.0, 0.0, 0, 100.0, 100.0),
    (60000.0, 0.135, 7560, 100.0, 53.3),
    (60000.0, 0.27, 15120, 100.0, 6.7),
    (70588.235, 0.0, 2859, 85.0, 85.0),
    (70588.235, 0.135, 8989, 85.0, 52.8),
    (70588.235, 0.27, 15120, 85.0, 20.7),
    (80000.0, 0.0, 5400, 75.0, 75.0),
    (80000.0, 0.135, 10260, 75.0, 52.5),
    (80000.0, 0.27, 15120, 75.0, 30.0),
    (92307.692, 0.0, 8723, 65.0, 65.0),
    (92307.692, 0.135, 11922, 65.0, 52.2),
    (92307.692, 0.27, 15120, 65.0, 39.3),
    (116000.0, 0.0, 15120, 51.7, 51.7),
    (116000.0, 0.135, 15120, 51.7, 51.7),
    (116000.0, 0.27, 15120, 51.7, 51.7),
    (175000.0, 0.0, 31050, 34.3, 34.3),
    (175000.0, 0.135, 23085, 34.3, 51.1),
    (175000.0, 0.27, 15120, 34.3, 68.0),
    (232000.0, 0.0, 46440, 25.9, 25.9),
    (232000.0, 0.135, 30780, 25.9, 50.9),
    (232000.0, 0.27, 15120, 25.9, 75.9),
]


@pytest.mark.parametrize(("price", "short", "equity", "gross", "net"), HEDGED)
def test_equity_and_ltv_with_a_hedge(price, short, equity, gross, net):
    """A full hedge holds equity still; a half hedge holds net LTV still."""
    gain = ins.short_gain_usdt(short, P0, price)
    assert ins.equity_usdt(Q, price, D, 0.0, gain) == pytest.approx(equity, abs=0.6)
    assert 100 * ins.loan_ltv(D, Q, price, 1.0) == pytest.approx(gross, abs=0.05)
    assert 100 * ins.net_ltv(D, gain, Q, price, 1.0) == pytest.approx(net, abs=0.05)


@pytest.mark.parametrize(
    ("short", "theta", "price"),
    [
        (0.056, 0.65, 81205.0),
        (0.056, 0.85, 55931.0),
        (0.108, 0.65, 54400.0),
        (0.162, 0.65, 0.0),
        (0.27, 0.65, 160000.0),
        (0.27, 0.75, 224000.0),
        (0.27, 0.85, 373333.0),
        (0.0, 0.65, 92307.69),
    ],
)
def test_net_triggers(short, theta, price):
    """A small hedge is reached by falling, a large one by rising, one between them not at all."""
    assert ins.net_trigger_price(D, theta, Q, short, P0, 1.0) == pytest.approx(price, abs=1.0)


def test_the_ltv_neutral_hedge():
    """S / Q = LTV holds net LTV at every price."""
    short = ins.neutral_short_btc(D / (Q * P0), Q)
    assert short == pytest.approx(0.1397, abs=5e-5)
    for price in (40000.0, 90000.0, 250000.0):
        gain = ins.short_gain_usdt(short, P0, price)
        assert ins.net_ltv(D, gain, Q, price, 1.0) == pytest.approx(0.517241, abs=1e-6)


def test_distance():
    """To 95 % it is 45.5535 %, the very price drop; to 85 % it is 19.0 daily sigmas of 50 % a year."""
    assert ins.distance_to_ltv(D / (Q * P0), 0.95) == pytest.approx(0.455535, abs=5e-7)
    assert pytest.approx(0.455535, abs=1e-6) == 1 - 63157.89 / P0
    assert ins.distance_in_sigma(P0, 70588.2353, 0.50 / math.sqrt(365)) == pytest.approx(19.0, abs=0.05)
    assert ins.distance_in_sigma(P0, 0.0, 0.026) == math.inf
    assert ins.distance_in_sigma(P0, math.inf, 0.026) == math.inf
    assert math.isnan(ins.distance_in_sigma(P0, 70000.0, math.nan))


@pytest.mark.parametrize(
    ("trigger", "days", "probability"),
    [
        (70588.2353, 90, 0.05790306),
        (92307.6923, 30, 0.12419702),
    ],
)
def test_touch_probability(trigger, days, probability):
    """The two worked numbers, to eight digits."""
    assert ins.touch_probability(P0, trigger, 0.5, days / 365) == pytest.approx(probability, abs=5e-9)


@pytest.mark.parametrize(
    ("theta", "days", "percent"),
    [
        (0.65, 7, 0.1),
        (0.65, 30, 12.4),
        (0.65, 90, 39.9),
        (0.65, 365, 71.9),
        (0.85, 30, 0.07),
        (0.85, 90, 5.8),
        (0.85, 365, 40.4),
        (0.95, 30, 0.003),
        (0.95, 90, 1.9),
        (0.95, 365, 29.8),
    ],
)
def test_touch_probability_table(theta, days, percent):
    """The levels of the seed book over a week, a month, a quarter and a year."""
    trigger = ins.loan_trigger_price(D, theta, Q, 1.0)
    tolerance = 0.05 if percent >= 0.1 else 0.005
    assert 100 * ins.touch_probability(P0, trigger, 0.5, days / 365) == pytest.approx(percent, abs=tolerance)


def test_touch_probability_upwards_and_at_the_edges():
    """Touching double is at most one half for a martingale; zero sigma touches nothing; here is touched."""
    up = ins.touch_probability(P0, 2 * P0, 0.5, 50.0)
    assert 0.45 < up <= 0.5
    assert ins.touch_probability(P0, P0, 0.5, 1.0) == 1.0
    assert ins.touch_probability(P0, 0.0, 0.5, 1.0) == 0.0
    assert ins.touch_probability(P0, math.inf, 0.5, 1.0) == 0.0
    assert ins.touch_probability(P0, 70000.0, 0.0, 1.0) == 0.0
    assert math.isnan(ins.touch_probability(P0, 70000.0, math.nan, 1.0))


@pytest.mark.parametrize(
    ("margin", "full", "half"),
    [(2000.0, 122726.0, 130093.0), (6200.0, 138196.0, 161032.0), (16200.0, 175029.0, 234697.0)],
)
def test_short_with_its_own_margin(margin, full, half):
    """Apart from its collateral a full short dies in a rally of 6 to 51 %."""
    assert ins.short_liquidation_price(margin, 0.27, P0, MM) == pytest.approx(full, abs=0.6)
    assert ins.short_liquidation_price(margin, 0.135, P0, MM) == pytest.approx(half, abs=0.6)
    assert ins.short_liquidation_price(margin, 0.0, P0, MM) == math.inf


UTA = [
    # name, long, short, cash, equity, margin, mm, rate %, down, up
    ("idle pair", 0.213, 0.213, 0.0, 15120.0, 14493.60, 922.26, 6.363, 64248.0, math.inf),
    ("no perps", 0.0, 0.0, 0.0, 15120.0, 14493.60, 648.00, 4.471, 63673.0, math.inf),
    ("insurance", 0.0, 0.056, 0.0, 15120.0, 14493.60, 684.05, 4.720, 48979.0, math.inf),
    ("half", 0.0, 0.135, 0.0, 15120.0, 14493.60, 734.91, 5.071, 4549.0, math.inf),
    ("full", 0.0, 0.27, 0.0, 15120.0, 14493.60, 821.83, 5.670, 0.0, 888482.0),
    ("full, cash kept", 0.0, 0.27, 10000.0, 25120.0, 24493.60, 421.83, 1.722, 0.0, 1476102.0),
    ("three times over", 0.0, 0.81, 0.0, 15120.0, 14493.60, 1169.48, 8.069, 0.0, 138882.0),
]


@pytest.mark.parametrize(
    ("name", "long", "short", "cash", "equity", "margin", "mm", "rate", "down", "up"),
    UTA,
    ids=[c[0] for c in UTA],
)
def test_one_unified_account(name, long, short, cash, equity, margin, mm, rate, down, up):
    """The same hedge in one account practically cannot die of a rally."""
    usdt_net = cash - D
    margin_usdt = ins.uta_margin_usdt(Q, P0, 0.98, usdt_net, 0.0)
    mm_usdt = ins.uta_maintenance_usdt(long, short, P0, MM, usdt_net, 0.0, 0.04)
    prices = ins.uta_liquidation_prices(Q, long, short, P0, 0.0, usdt_net, 0.98, MM, 0.04)

    assert ins.equity_usdt(Q, P0, D, cash, 0.0) == pytest.approx(equity)
    assert margin_usdt == pytest.approx(margin)
    assert mm_usdt == pytest.approx(mm, abs=0.005)
    assert 100 * risk.maintenance_rate(mm_usdt, margin_usdt) == pytest.approx(rate, abs=0.0005)
    assert prices.up == pytest.approx(up, abs=1.0) or prices.up == up
    if name not in ("full", "full, cash kept", "three times over"):
        assert prices.down == pytest.approx(down, abs=1.0)


@pytest.mark.parametrize(("long", "short"), [(0.213, 0.213), (0.0, 0.056), (0.0, 0.27), (0.0, 0.81), (0.1, 0.05)])
def test_at_a_liquidation_price_the_rate_is_one(long, short):
    """The closed form and the account's own arithmetic meet."""
    prices = ins.uta_liquidation_prices(Q, long, short, P0, 0.0, -D, 0.98, MM, 0.04)
    for price in prices:
        if 0.0 < price < math.inf:
            gain = (long - short) * (price - P0)
            margin = ins.uta_margin_usdt(Q, price, 0.98, -D, gain)
            mm = ins.uta_maintenance_usdt(long, short, price, MM, -D, gain, 0.04)
            assert margin == pytest.approx(mm, rel=1e-9)


def test_an_account_without_anything_but_debt_is_liquidated_everywhere():
    """No collateral, no perps, a debt: no price saves it."""
    prices = ins.uta_liquidation_prices(0.0, 0.0, 0.0, P0, 0.0, -D, 0.98, MM, 0.04)
    assert (prices.down, prices.up) == (math.inf, 0.0)
    free = ins.uta_liquidation_prices(0.0, 0.0, 0.0, P0, 0.0, 0.0, 0.98, MM, 0.04)
    assert (free.down, free.up) == (0.0, math.inf)
