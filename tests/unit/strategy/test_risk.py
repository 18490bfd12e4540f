"""Margin, interest, sweep, last resort, leg accounting; and the crash with and without sweeping."""

import math

import pytest

from bot.strategy import insurance, ladder, profit, risk

Q, D, P0, MM = 0.27, 16200.0, 116000.0, 0.00555
TAKER = 0.00055


def test_initial_margin_of_the_idle_pair():
    """988 USDT for one side, 1,977 for both, at 25x."""
    assert risk.initial_margin_usdt(0.213, P0, 25) == pytest.approx(988.32)
    assert 2 * risk.initial_margin_usdt(0.213, P0, 25) == pytest.approx(1976.64)


def test_maintenance_rate_edges():
    """Nothing to maintain is 0, nothing to maintain it with is infinite, not knowing is NaN."""
    assert risk.maintenance_rate(0.0, math.nan) == 0.0
    assert risk.maintenance_rate(1.0, 0.0) == math.inf
    assert risk.maintenance_rate(1.0, -5.0) == math.inf
    assert math.isnan(risk.maintenance_rate(math.nan, 100.0))
    assert math.isnan(risk.maintenance_rate(1.0, math.nan))


def test_maintenance_margin():
    """Both legs and the debt."""
    assert risk.maintenance_margin_usdt(0.213, 0.213, P0, MM, D, 0.04) == pytest.approx(922.26, abs=0.005)


def test_margin_safe_short_meets_its_rate():
    """At the size it names, the rate is the one asked for; it is never negative."""
    margin, mm = 3000.0, 0.48 * P0 * MM + 1250.0
    size = risk.margin_safe_short_btc(0.48, P0, margin, mm, 0.50, MM)
    assert (mm - (0.48 - size) * P0 * MM) / margin == pytest.approx(0.50)
    assert risk.margin_safe_short_btc(0.1, P0, 100.0, 90.0, 0.1, MM) == 0.0
    assert math.isnan(risk.margin_safe_short_btc(0.1, P0, math.nan, 90.0, 0.1, MM))


def test_spare_margin():
    """What may leave keeps the rate."""
    spare = risk.spare_margin_usdt(14493.6, 821.83, 0.30)
    assert 821.83 / (14493.6 - spare) == pytest.approx(0.30)
    assert risk.spare_margin_usdt(1000.0, 900.0, 0.30) == 0.0


def test_margin_to_survive_a_rally():
    """9,622 for +30 %, 15,921 for +50 %."""
    assert risk.margin_to_survive_usdt(Q, P0, 0.30, MM) == pytest.approx(9622, abs=0.5)
    assert risk.margin_to_survive_usdt(Q, P0, 0.50, MM) == pytest.approx(15921, abs=0.5)
    for rise in (0.30, 0.50):
        margin = risk.margin_to_survive_usdt(Q, P0, rise, MM)
        assert insurance.short_liquidation_price(margin, Q, P0, MM) == pytest.approx(P0 * (1 + rise))


def test_interest():
    """16,200 at 6 %: per hour, per day, per year, compounded."""
    assert risk.interest_per_hour_usdt(D, 0.06) == pytest.approx(0.110959, abs=5e-7)
    assert risk.interest_usdt(D, 0.06, 24) == pytest.approx(2.663014, abs=5e-7)
    assert risk.interest_usdt(D, 0.06, 8760) == pytest.approx(972.0)
    after = risk.debt_after_usdt(D, 0.06, 8760)
    assert after - D == pytest.approx(1001.7485, abs=5e-5)
    assert after / D - 1 == pytest.approx(0.061836, abs=5e-7)
    assert after / (Q * P0) == pytest.approx(0.5492, abs=5e-5)


def test_payoff_from_carry():
    """At the base rate 6.6 years; at the 2025 mean about 25; without a surplus never."""
    assert risk.payoff_years(D, 3430.0 - 972.0) == pytest.approx(6.6, abs=0.05)
    assert risk.payoff_years(D, 635.0) == pytest.approx(25.5, abs=0.05)
    assert risk.payoff_years(D, 0.0) == math.inf


def test_sweep_arithmetic_at_ten_per_cent_down():
    """The gain of 3,132 brings LTV from 57.47 to 46.36 %, half of it to 51.92 %."""
    price = 104400.0
    gain = insurance.short_gain_usdt(Q, P0, price)
    assert gain == pytest.approx(3132.0)
    assert insurance.loan_ltv(D, Q, price, 1.0) == pytest.approx(0.574713, abs=5e-7)
    assert insurance.loan_ltv(D - gain / 2, Q, price, 1.0) == pytest.approx(0.519157, abs=5e-7)
    assert insurance.loan_ltv(D - gain, Q, price, 1.0) == pytest.approx(0.463602, abs=5e-7)
    assert insurance.loan_trigger_price(D - gain / 2, 0.95, Q, 1.0) == pytest.approx(57053, abs=0.5)
    assert insurance.loan_trigger_price(D - gain, 0.95, Q, 1.0) == pytest.approx(50947, abs=0.5)
    assert 2 * Q * price * TAKER == pytest.approx(31.01, abs=0.005)
    assert 2 * Q * price * 0.0002 == pytest.approx(11.28, abs=0.005)
    assert risk.interest_usdt(gain, 0.06, 8760) == pytest.approx(187.92)


def test_sweep_size():
    """At 99,990 it takes 0.168729 BTC of the short to come back to 50 %."""
    price = 99990.0
    assert insurance.loan_ltv(D, Q, price, 1.0) == pytest.approx(0.60006, abs=5e-6)
    need = ladder.repay_needed_usdt(D, 0.50, Q, price, 1.0)
    assert need == pytest.approx(2701.35)
    size = risk.sweep_size_btc(need, Q, P0, price, 1)
    assert size == pytest.approx(0.168729, abs=5e-7)
    assert insurance.loan_ltv(D - size * (P0 - price), Q, price, 1.0) == pytest.approx(0.50)


def test_sweep_edges():
    """A losing leg, no need, or an unknown need sweeps nothing; a long leg sweeps in a rise; never more than held."""
    assert risk.sweep_size_btc(100.0, Q, P0, 120000.0, 1) == 0.0
    assert risk.sweep_size_btc(0.0, Q, P0, 100000.0, 1) == 0.0
    assert risk.sweep_size_btc(math.nan, Q, P0, 100000.0, 1) == 0.0
    assert risk.sweep_size_btc(100.0, 0.1, P0, 120000.0, 0) == pytest.approx(0.025)
    assert risk.sweep_size_btc(1e9, Q, P0, 100000.0, 1) == Q


@pytest.mark.parametrize(
    ("cost", "gain", "days"),
    [(0.00065, 0.10, 79), (0.00025, 0.10, 30), (0.00065, 0.02, 395), (0.00025, 0.02, 152)],
)
def test_for_interest_alone_a_sweep_is_slow(cost, gain, days):
    """That is why LTV triggers it and not every profit."""
    assert risk.sweep_payback_days(cost, gain, 0.06) == pytest.approx(days, abs=0.6)
    assert risk.sweep_payback_days(cost, 0.0, 0.06) == math.inf


def test_last_resort():
    """At 70,588 selling 0.1543 BTC and buying back as much short brings 85 % to 65 %, delta kept."""
    price = D / (0.85 * Q)
    sold = risk.sale_for_ltv_btc(D, 0.65, Q, price, 1.0)
    assert sold == pytest.approx(0.1543, abs=5e-5)
    assert insurance.loan_ltv(D - sold * price, Q - sold, price, 1.0) == pytest.approx(0.65)
    assert risk.sale_for_ltv_btc(D, 0.65, Q, P0, 1.0) == 0.0
    assert math.isnan(risk.sale_for_ltv_btc(math.nan, 0.65, Q, P0, 1.0))
    sold = risk.sale_for_ltv_btc(D, 0.65, Q, price, 0.9)
    assert insurance.loan_ltv(D - sold * price, Q - sold, price, 0.9) == pytest.approx(0.65)


def test_leg_accounting():
    """One day's trades at average price: what was realised, what is open, what it adds up to."""
    flat = risk.LegAccount(0.0, 0.0, 0.0)
    short = risk.leg_grow(flat, 0.213, P0, TAKER)
    long = risk.leg_grow(flat, 0.213, P0, TAKER)
    long = risk.leg_shrink(long, 0.162, P0, TAKER, 0)
    short = risk.leg_grow(short, 0.108, P0, TAKER)
    before = short.realised_usdt
    short = risk.leg_shrink(short, 0.1, 110000.0, TAKER, 1)
    assert short.realised_usdt - before == pytest.approx(593.95)
    before = long.realised_usdt
    long = risk.leg_shrink(long, 0.051, 110000.0, TAKER, 0)
    assert long.realised_usdt - before == pytest.approx(-309.0855)

    assert short.size_btc == pytest.approx(0.221)
    assert short.entry_price == pytest.approx(P0)
    assert short.realised_usdt == pytest.approx(573.4702)
    assert long.size_btc == pytest.approx(0.0, abs=1e-12)
    assert long.realised_usdt == pytest.approx(-333.0105)
    unrealised = risk.leg_unrealised_usdt(short, 108000.0, 1)
    assert unrealised == pytest.approx(1768.0)
    assert short.realised_usdt + long.realised_usdt + unrealised == pytest.approx(2008.4597)


def test_leg_edges():
    """Nothing traded changes nothing; more than held is cut; the average is the average."""
    leg = risk.leg_grow(risk.LegAccount(0.0, 0.0, 0.0), 0.1, 100.0, 0.0)
    assert leg == risk.leg_grow(leg, 0.0, 500.0, 0.1)
    assert leg == risk.leg_shrink(leg, 0.0, 500.0, 0.1, 0)
    assert risk.leg_grow(leg, 0.1, 200.0, 0.0).entry_price == pytest.approx(150.0)
    assert risk.leg_shrink(leg, 5.0, 110.0, 0.0, 0) == risk.LegAccount(0.0, 0.0, pytest.approx(1.0))
    assert risk.leg_unrealised_usdt(leg, 110.0, 0) == pytest.approx(1.0)


def crash(sweep_from: float, sweep_to: float) -> dict[int, tuple[float, float, float]]:
    """A straight fall 116,000 -> 45,000 with a full short: {price: (debt, LTV, equity)} and totals under -1.

    Gains reduce the debt only when they are realised and repaid; realising closes and reopens at 6.5 bp a side, paid out
    of the gain.
    """
    debt, leg, cost, sweeps, worst = D, risk.LegAccount(Q, P0, 0.0), 0.0, 0, 0.0
    seen = {}
    for price in range(116000, 44999, -10):
        ltv = insurance.loan_ltv(debt, Q, price, 1.0)
        worst = max(worst, ltv)
        if ltv >= sweep_from:
            need = ladder.repay_needed_usdt(debt, sweep_to, Q, price, 1.0)
            size = risk.sweep_size_btc(need, leg.size_btc, leg.entry_price, price, 1)
            fee = 2 * size * price * 0.00065
            gain = size * (leg.entry_price - price) - fee
            leg = risk.leg_grow(risk.leg_shrink(leg, size, price, 0.0, 1), size, price, 0.0)
            debt, cost, sweeps = debt - gain, cost + fee, sweeps + 1
        gain = risk.leg_unrealised_usdt(leg, price, 1)
        ltv = insurance.loan_ltv(debt, Q, price, 1.0)
        seen[price] = (debt, ltv, insurance.equity_usdt(Q, price, debt, 0.0, gain))
    seen[-1] = (sweeps, worst, cost)
    return seen


def test_a_sweep_saves_the_hedge_that_dies_without_it():
    """LTV stays at 60 % down to 45,000 for 45 USDT; the same hedge unswept passes 95 % at 63,158."""
    swept = crash(0.60, 0.50)
    sweeps, worst, cost = swept[-1]
    assert sweeps == 5
    assert worst == pytest.approx(0.600, abs=0.0005)
    assert cost == pytest.approx(45.0, abs=0.6)
    for price, debt, ltv, equity in (
        (75000, 11278, 0.557, 15087),
        (60000, 9403, 0.580, 15081),
        (45000, 6533, 0.538, 15075),
    ):
        assert swept[price][0] == pytest.approx(debt, abs=2.0)
        assert swept[price][1] == pytest.approx(ltv, abs=0.001)
        assert swept[price][2] == pytest.approx(equity, abs=0.6)

    unswept = crash(math.inf, 0.50)
    assert unswept[63160][1] < 0.95 < unswept[63150][1]
    assert unswept[45000][1] == pytest.approx(1.333, abs=0.001)


def test_a_later_sweep_is_cheaper_and_nearer_the_edge():
    """65 % down to 55 %: 30 USDT."""
    swept = crash(0.65, 0.55)
    assert swept[-1][2] == pytest.approx(30.0, abs=0.6)
    for price, debt, ltv in ((75000, 11615, 0.574), (60000, 9834, 0.607), (45000, 7043, 0.580)):
        assert swept[price][0] == pytest.approx(debt, abs=2.0)
        assert swept[price][1] == pytest.approx(ltv, abs=0.001)


def original_ladder(*, repays: bool) -> dict[int, tuple[float, float, float]]:
    """The same fall under the original ladder on a full short, which only ever cuts it: {price: (debt, LTV, equity)}."""
    debt, leg, cash, seen = D, risk.LegAccount(Q, P0, 0.0), 0.0, {}
    for price in range(116000, 44999, -10):
        scale = ladder.original_position_scale(insurance.loan_ltv(debt, Q, price, 1.0))
        cut = risk.leg_shrink(leg, leg.size_btc - scale * Q, price, 0.00065, 1)
        gain, leg = cut.realised_usdt - leg.realised_usdt, cut
        debt, cash = (debt - gain, cash) if repays else (debt, cash + gain)
        equity = insurance.equity_usdt(Q, price, debt, cash, risk.leg_unrealised_usdt(leg, price, 1))
        seen[price] = (debt, insurance.loan_ltv(debt, Q, price, 1.0), equity)
    return seen


@pytest.mark.parametrize(
    ("repays", "rows"),
    [
        (False, ((75000, 16200, 0.800, 12367), (60000, 16200, 1.0, 8552))),
        (True, ((75000, 13009, 0.642, 12776), (60000, 8820, 0.544, 10404), (45000, 8818, 0.726, 7166))),
    ],
)
def test_the_original_ladder_sells_the_hedge_into_the_fall(repays, rows):
    """With its gains idle the loan dies all the same; with all of them repaid it lives, 7,900 USDT poorer than a swept hedge."""
    fall = original_ladder(repays=repays)
    for price, debt, ltv, equity in rows:
        assert fall[price][0] == pytest.approx(debt, abs=3.0)
        assert fall[price][1] == pytest.approx(ltv, abs=0.001)
        assert fall[price][2] == pytest.approx(equity, abs=3.0)
    assert repays == (max(ltv for _, ltv, _ in fall.values()) < 0.95)


def test_an_idle_pair_costs_margin_and_little_to_collapse():
    """27.18 USDT as a taker, 9.88 as a maker, for two legs of 0.213 that hedge nothing."""
    assert profit.round_trip_cost_usdt(0.213, P0, TAKER) == pytest.approx(27.18, abs=0.005)
    assert profit.round_trip_cost_usdt(0.213, P0, 0.0002) == pytest.approx(9.88, abs=0.005)


def test_the_margin_that_stays_survives_the_rise():
    """0.27 short at 100,000 with 8,000: a rise of 15 % needs 4,222, so 3,777 may leave; where it hurries, the margin rate decides."""
    short = (0.27, 100_000.0, 0.00555)

    assert risk.spare_cash_usdt(8000.0, 150.0, *short, 0.15, 0.3) == pytest.approx(3777.67, abs=0.1)
    assert risk.spare_cash_usdt(8000.0, 150.0, *short, 0.0, 0.5) == pytest.approx(7700.0)
    assert risk.spare_cash_usdt(100.0, 150.0, *short, 0.15, 0.3) == 0.0
    assert math.isnan(risk.spare_cash_usdt(math.nan, 150.0, *short, 0.15, 0.3))


def test_what_a_sweep_realises_pays_for_itself():
    """2,701.35 needed at 99,990 of a short from 116,000: 0.1687 BTC, and what closing and reopening costs on top; of a loser nothing."""
    gross = risk.sweep_gross_usdt(2701.35, 0.27, 116_000.0, 99_990.0, 1, 0.0006)

    assert gross == pytest.approx(2701.35 + 2 * 0.168729 * 99_990 * 0.0006, abs=0.01)
    assert risk.sweep_gross_usdt(2701.35, 0.27, 99_000.0, 99_990.0, 1, 0.0006) == 0.0
