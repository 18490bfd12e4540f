"""What if the price moved: the same book left alone and defended, in both structures."""

import pytest

from bot.strategy import ladder, pipeline
from bot.strategy.what_if import (
    ACCOUNT_LIQUIDATED,
    ALIVE,
    CRYPTO_LOAN,
    DEFAULT_POLICY,
    LOAN_LIQUIDATED,
    UTA,
    WhatIfBook,
    start,
    walk_to,
    what_if,
)

P0 = 116_000.0
ELSEWHERE = WhatIfBook(UTA, P0, 0.27, 0.0, 0.0, 0.27, P0, 0.0, 22_000.0, 0.0, 0.98, 0.00555, 0.04, 0.95, 0.0)
"""The coin lies in a safe: it is worth what it is worth, and carries nothing."""
PLEDGED = WhatIfBook(CRYPTO_LOAN, P0, 0.27, 0.0, 0.0, 0.27, P0, 16_200.0, 6_200.0, 0.0, 1.0, 0.00555, 0.04, 0.95)
UNIFIED = PLEDGED._replace(structure=UTA, cash_usdt=0.0, collateral_ratio=0.98)


def at(book, price, policy=DEFAULT_POLICY):
    return what_if(book, policy, (price / P0 - 1.0,))[0]


SWEPT = [
    # price   debt     LTV    sweeps
    (75_000, 11_278, 0.557, 2),
    (60_000, 9_403, 0.580, 3),
    (45_000, 6_533, 0.538, 5),
]


@pytest.mark.parametrize(("price", "debt", "ltv", "sweeps"), SWEPT)
def test_the_sweep_carries_a_crypto_loan_to_45000(price, debt, ltv, sweeps):
    """Down to 50 % whenever 60 % is met: the loan is never above 60.1 %, and the whole way costs less than 60 USDT."""
    row = at(PLEDGED, price)

    assert debt == pytest.approx(row.defended_debt_usdt, rel=0.008)
    assert ltv == pytest.approx(row.defended_ltv, abs=0.005)
    assert sweeps == row.sweeps
    assert row.defended_worst_ltv <= 0.601
    assert row.cost_usdt < 60.0
    assert row.defended_liquidated == ALIVE


def test_the_same_hedge_unswept_is_liquidated():
    """Unrealised gains do not count in a Crypto Loan: at 63,158 it is sold, though equity never moved."""
    assert (ALIVE, LOAN_LIQUIDATED) == (at(PLEDGED, 63_200).liquidated, at(PLEDGED, 63_100).liquidated)
    assert at(PLEDGED, 63_100).equity_usdt == pytest.approx(21_320.0)


RISES = [
    # book                                             liquidated left alone at
    (PLEDGED, 138_196),
    (PLEDGED._replace(cash_usdt=2_000.0), 122_726),
    (PLEDGED._replace(cash_usdt=16_200.0), 175_029),
    (PLEDGED._replace(cash_usdt=16_200.0, short_btc=0.135), 234_697),
    (UNIFIED, 888_482),
]


@pytest.mark.parametrize(("book", "price"), RISES)
def test_where_a_rally_liquidates_a_book_left_alone(book, price):
    """With margin of its own the short dies first; in one account the collateral pays for it."""
    assert (ALIVE, ACCOUNT_LIQUIDATED) == (at(book, price * 0.999).liquidated, at(book, price * 1.001).liquidated)


@pytest.mark.parametrize("book", [PLEDGED, UNIFIED, PLEDGED._replace(cash_usdt=2_000.0)])
def test_a_defended_book_survives_a_rally_to_240000(book):
    """The short is cut to what its margin carries before the venue does it."""
    assert at(book, 240_000).defended_liquidated == ALIVE


def test_a_fall_never_cuts_the_short():
    """An idle pair of legs in one account: the margin runs out on the way down, and the short is all that still earns."""
    pair = UNIFIED._replace(long_btc=0.213, long_entry=P0, short_btc=0.213)

    assert at(pair, 66_000).defended_short_btc == pytest.approx(0.213)


def test_idle_cash_is_spent_as_margin_before_the_hedge_is_cut():
    """10,000 USDT in the Funding wallet keep the whole short alive at a price that would have cut it."""
    poor, rich = at(PLEDGED, 140_000), at(PLEDGED._replace(idle_usdt=10_000.0), 140_000)

    assert poor.defended_short_btc < 0.27
    assert rich.defended_short_btc == pytest.approx(0.27)


def test_idle_cash_stays_idle_until_the_margin_calls():
    """At 132,000 nothing calls; from half of the margin on it is all there, and the rate falls."""
    rich = PLEDGED._replace(idle_usdt=10_000.0)

    calm, called = at(rich, 132_000), at(rich, 137_700)

    assert calm.defended_mm_rate == pytest.approx(calm.mm_rate)
    assert called.defended_mm_rate < 0.03 < 0.5 < called.mm_rate < 0.7


def test_the_short_is_cut_from_seven_tenths_of_the_margin_on_and_back_to_a_half():
    """Between a half and seven tenths it stands; beyond, it is what the margin carries, and never less than none."""
    before = at(PLEDGED, 137_700)
    assert (before.defended_short_btc, before.cost_usdt) == (0.27, 0.0)

    for price in (138_200, 140_000, 150_000, 180_000, 240_000):
        row = at(PLEDGED, price)
        assert 0.0 < row.defended_short_btc < 0.27
        assert 0.5 <= row.defended_mm_rate < 0.7


@pytest.mark.parametrize("price", [45_000.0, 60_000.0, 90_000.0, 116_000.0, 137_000.0])
def test_a_sweep_costs_its_fees_and_nothing_else(price):
    """What the short earned becomes a smaller debt: equity is the undefended book's, less the fees."""
    row = at(PLEDGED, price)

    assert row.equity_usdt - row.cost_usdt == pytest.approx(row.defended_equity_usdt)


def test_an_idle_pair_earns_nothing():
    """What one leg gains the other loses: equity is the coin and the cash less the debt."""
    pair = UNIFIED._replace(long_btc=0.213, long_entry=P0, short_btc=0.213, cash_usdt=500.0)

    assert 0.27 * 90_000 - 16_200 + 500 == pytest.approx(at(pair, 90_000).equity_usdt)


def test_who_owes_less_than_the_cash_owes_nothing():
    """In one account cash and debt net; the ladder sees no loan."""
    assert at(UNIFIED._replace(cash_usdt=20_000.0), P0).ltv == 0.0


def test_the_ladders_are_those_of_the_decisions():
    """Asking what if, and deciding, begin from the same rungs."""
    rungs = [name for name in DEFAULT_POLICY._fields if name.startswith(("ltv_", "mm_"))]

    assert len(rungs) == 10
    assert [getattr(pipeline.DEFAULT_POLICY, name) for name in rungs] == [
        getattr(DEFAULT_POLICY, name) for name in rungs
    ]


@pytest.mark.parametrize("price", [45_000.0, 115_999.0, P0, 116_500.0, 300_000.0])
def test_a_walk_ends_where_it_was_sent(price):
    """The last step is the price itself, however many there were."""
    policy = DEFAULT_POLICY
    assert price == pytest.approx(walk_to(start(PLEDGED, policy), policy, price).book.price)


def test_rows_come_lowest_price_first_and_the_present_is_untouched():
    """One row per move; nothing has happened yet at the present price."""
    rows = what_if(PLEDGED, DEFAULT_POLICY)

    assert [row.move for row in rows] == sorted(row.move for row in rows)
    assert (-0.6, 1.0) == (rows[0].move, rows[-1].move)
    here = next(row for row in rows if row.move == 0.0)
    assert (ladder.MONITOR, 0, 0.0) == (here.ltv_level, here.sweeps, here.cost_usdt)
    assert here.equity_usdt == here.defended_equity_usdt


@pytest.mark.parametrize(
    ("book", "price", "sweeps"),
    [(PLEDGED, 104_400, False), (PLEDGED, 99_000, True), (PLEDGED, 90_000, True), (UNIFIED, 175_000, False)],
)
def test_a_sweep_is_named_where_one_is_due(book, price, sweeps):
    """From 60 % on, and never inside one account, where gains count as they are."""
    assert sweeps == bool(at(book, price).actions & ladder.SWEEP)


def test_coin_that_lies_elsewhere_carries_no_short():
    """0.27 BTC in a safe and 22,000 USDT of margin: the short dies near 196,000, and the coin's worth does not help it."""
    rows = {row.move: row for row in what_if(ELSEWHERE, DEFAULT_POLICY)}

    assert P0 * 0.27 + 22_000 == pytest.approx(rows[0.6].equity_usdt)
    assert (0, ACCOUNT_LIQUIDATED) == (rows[0.6].liquidated, rows[0.8].liquidated)
    assert 0 == what_if(ELSEWHERE._replace(account_btc=0.27), DEFAULT_POLICY)[-1].liquidated
