"""The liquidation prices that people see: of the book the engine holds, in both structures, against the worked figures."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.events import LoanRead
from bot.domain.loan import LoanReading, Structure
from bot.engine import ltv
from bot.engine.config import LoanRules
from tests.unit.engine.desk import Desk, a_config, a_reading, a_wallet

UTA = [
    # name        long     short    down      up
    ("idle pair", "0.213", "0.213", 64_248.0, math.inf),
    ("no perps",  "0",     "0",     63_673.0, math.inf),
    ("insurance", "0",     "0.056", 48_979.0, math.inf),
    ("full",      "0",     "0.27",  0.0,      888_482.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "long", "short", "down", "up"), UTA, ids=[case[0] for case in UTA])
def test_one_unified_account(name: str, long: str, short: str, down: float, up: float) -> None:
    """0.27 BTC that count for 98 %, a debt of 16,200, perps at 116,000: the figures of the strategy's own table."""
    shown = ltv.figures(*a_book(Structure.UTA, long, short))

    assert shown.ltv == pytest.approx(16_200 / (0.98 * 0.27 * 116_000))
    assert shown.down == pytest.approx(down, abs=1.0)
    assert shown.up == pytest.approx(up, abs=1.0)


def test_a_crypto_loan_dies_of_its_lender_below_and_of_its_margin_above() -> None:
    """The coin is pledged: it carries no perp, and only 6,200 USDT stand behind the short."""
    state, now_ms = a_book(Structure.CRYPTO_LOAN, "0", "0.27", cash="6200")

    shown = ltv.figures(state, now_ms)

    assert shown.down == pytest.approx(16_200 / (0.95 * 0.98 * 0.27))
    assert shown.up == pytest.approx((6_200 + 0.27 * 116_000) / (0.27 * 1.00555), rel=1e-6)


def test_coin_that_was_not_pledged_carries_the_perps() -> None:
    """0.1 BTC beside the loan, worth what it is worth; a loss beyond the cash is borrowed, and 4 % of that is margin too."""
    state, now_ms = a_book(Structure.CRYPTO_LOAN, "0", "0.27", cash="6200", beside="0.1")

    shown = ltv.figures(state, now_ms)

    assert shown.up == pytest.approx(1.04 * (6_200 + 0.27 * 116_000) / (0.27 * (1.04 + 0.00555) - 0.1), rel=1e-6)


def test_gain_and_cash_stand_against_a_crypto_loans_debt_and_no_unified_accounts() -> None:
    """Net of both the lender is owed 10,000; in one account the wallet's own figure has them in it already."""
    apart = ltv.figures(*a_book(Structure.CRYPTO_LOAN, "0", "0.27", cash="6200"))
    inside = ltv.figures(*a_book(Structure.UTA, "0", "0.27"))

    assert apart.net_ltv == pytest.approx((16_200 - 6_200) / (0.98 * 0.27 * 116_000))
    assert inside.net_ltv == inside.ltv


@pytest.mark.parametrize(
    ("long", "beside", "cash", "nearer"),
    [("0", "0", "-9000", False), ("0", "0.1", "-9000", True), ("0.27", "0", "2000", True)],
)
def test_the_account_beside_a_crypto_loan_counts_where_there_is_anything_to_liquidate(
    long: str, beside: str, cash: str, nearer: bool
) -> None:
    """Coin against a debt of its own, or a long leg on little cash, dies of a fall sooner than the lender acts; a bare debt of no fall."""
    state, now_ms = a_book(Structure.CRYPTO_LOAN, long, "0", cash=cash, beside=beside)
    lenders = 16_200 / (0.95 * 0.98 * 0.27)

    assert nearer is (ltv.figures(state, now_ms).down > lenders + 1)


TIERS = ((D(0), D("0.98")), (D(10), D("0.90")), (D(20), D("0.50")))


@pytest.mark.parametrize(
    ("amount", "ratio"),
    [(0, 0.98), (10, 0.98), (15, (10 * 0.98 + 5 * 0.9) / 15), (40, (10 * 0.98 + 10 * 0.9 + 20 * 0.5) / 40)],
)
def test_each_tier_counts_what_lies_in_it(amount: float, ratio: float) -> None:
    """Marginal tiers, as a tax: what is above a floor does not make what is below it worth less."""
    assert ratio == pytest.approx(ltv.tiered(TIERS, amount))


def test_a_lender_who_says_it_twice_is_believed() -> None:
    """Ours is 52.8 %, his 60 %: at the second reading the coin counts for as little as he says, and of a second reading alone."""
    book = {"cash": "6200", "venue_ltv": D("0.6")}
    once, _ = a_book(Structure.CRYPTO_LOAN, "0", "0.27", **book)
    twice, _ = a_book(Structure.CRYPTO_LOAN, "0", "0.27", readings=2, **book)

    assert (pytest.approx(0.5278, abs=1e-4), 0.6) == ltv.ours_and_venues(once)
    assert (False, True) == (ltv.disagrees(once), ltv.disagrees(twice))
    assert 0.98 == ltv.collateral_ratio(once, 116_000)
    assert ltv.collateral_ratio(twice, 116_000) == pytest.approx(16_200 / (0.27 * 116_000 * 0.6))


def test_coin_that_lies_elsewhere_takes_the_place_of_the_accounts_own() -> None:
    """Told by hand, 0.3 BTC: they are worth so much more than what the wallet counts, and a wallet without the coin counts none."""
    desk = Desk(a_config(fixed_spot=D("0.3")))
    desk.start()
    wallet = a_wallet()
    bare = replace(wallet, coins=wallet.coins[1:])

    assert D("0.03") * 116_000 == ltv.coin_apart_usd(desk.state, wallet, D(0))
    assert D("0.3") * 116_000 == ltv.coin_apart_usd(desk.state, bare, D(0))


def a_book(
    structure: Structure,
    long: str,
    short: str,
    *,
    cash: str = "0",
    beside: str = "0",
    readings: int = 1,
    venue_ltv: D | None = None,
) -> tuple[ltv.State, int]:
    """The state of an engine that holds this at 116,000, and its time."""
    apart = structure is Structure.CRYPTO_LOAN
    desk = Desk(a_config(collateral_ratio=0.98, loan=LoanRules(enabled=True)))
    wallet = a_wallet(beside if apart else "0.27", str(-D(cash)) if apart else "16200")
    desk.start(reading=a_reading(long, short, wallet=wallet))
    for leg in desk.state.ledger.legs.values():
        leg.entry_price = D(116_000) if leg.qty else None
    pledged = D("0.27") if apart else D(0)
    for _ in range(readings):
        reading = LoanReading(
            asked_ms=desk.now_ms, structure=structure, principal=D(16_200), interest=D(0), hourly_rate=D(0),
            pledged_btc=pledged, tiers=((D(0), D("0.98")),), venue_ltv=venue_ltv,
        )  # fmt: skip
        desk.hear(LoanRead(reading=reading))
    desk.pulse(1, price="116000")
    return desk.state, desk.now_ms
