"""What is done to an account by force."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.simulator.venue import VenueRules
from tests.unit.simulator.pit import Pit

D = Decimal


def fall(pit: Pit, prices: range) -> str:
    """Walk down (or up) until something is liquidated; the price at which it was."""
    for price in prices:
        pit.tick(str(price), after_ms=1000)
        if any(push.topic == "allLiquidation.BTCUSDT" for push in pit.venue.drain()):
            return str(price)
    raise AssertionError("nothing was liquidated")


def test_liquidation_comes_at_a_hundred_percent():
    """The last safe tick stands below 100 %, the next one acts."""
    pit = Pit(coins={"USDT": D(2_000)}, legs={1: (D("0.2"), None)}, leverage=D(25))

    fall(pit, range(116_000, 90_000, -100))

    log = [row["type"] for row in pit.log()]
    assert "LIQUIDATION" in log
    assert D(pit.wallet()["accountMMRate"]) <= D("0.9")
    assert D(pit.leg(1)["size"]) < D("0.2")
    assert {"CreateByLiq"} == {row.create_type for row in pit.account.executions}


def test_a_leg_is_reduced_in_steps():
    """Laddered: what is left may live on."""
    pit = Pit(coins={"USDT": D(2_000)}, legs={1: (D("0.2"), None)}, leverage=D(25))

    fall(pit, range(116_000, 90_000, -100))

    assert 0 < D(pit.leg(1)["size"]) < D("0.2")
    assert "Normal" == pit.leg(1)["positionStatus"]


def test_a_gap_takes_the_whole_leg():
    """Bankrupt in one tick: taken over at the mark, and the debt that remains is plain to see."""
    pit = Pit(coins={"USDT": D(2_000)}, legs={1: (D("0.2"), None)}, leverage=D(25))

    pit.tick("90000", after_ms=1000)

    assert "0" == pit.leg(1)["size"]
    assert ["BustTrade"] == [fill["execType"] for fill in pit.fills()]
    assert D(pit.coin("USDT")["equity"]) < 0


def test_orders_go_first():
    """All open orders are cancelled before anything is sold, and say why."""
    pit = Pit(coins={"USDT": D(2_500)}, legs={1: (D("0.2"), None)}, leverage=D(50))
    pit.order("Sell", "0.01", "130000", positionIdx=2)
    pit.venue.drain()

    pit.tick("104000", after_ms=1000)

    ends = [push.rows[0]["cancelType"] for push in pit.pushes("order") if push.rows[0]["orderStatus"] == "Cancelled"]
    assert ["CancelAllBeforeLiq"] == ends


def test_debt_is_repaid_with_bitcoin():
    """The seed's book unhedged: the collateral is sold for the loan when the price halves."""
    pit = Pit(coins={"BTC": D("0.27")}, borrowed={"USDT": D(16_200)})

    for price in range(116_000, 60_000, -500):
        pit.tick(str(price), after_ms=1000)
        if D(pit.coin("BTC")["walletBalance"]) < D("0.27"):
            break

    log = [row["type"] for row in pit.log()]
    assert ["CURRENCY_SELL", "CURRENCY_BUY", "REPAY"] == log[:3]
    assert D(60_000) < pit.price < D(68_000)
    assert D(pit.wallet()["accountMMRate"]) <= D("0.9")


REFERENCE = [
    # name, legs, where liquidation was computed by hand (collateral ratio 0.98, both legs margined)
    ("equal legs", {1: "0.213", 2: "0.213"}, 64_248),
    ("no perpetuals", {}, 63_673),
    ("a small short", {2: "0.056"}, 48_979),
]


@pytest.mark.parametrize(("legs", "expected"), [c[1:] for c in REFERENCE], ids=[c[0] for c in REFERENCE])
def test_where_the_combined_book_ends(legs: dict[int, str], expected: int):
    """The hand calculation of the seed's books and the venue agree within a step of 50 USDT (interest aside)."""
    rules = VenueRules(btc_collateral_tiers=((D(0), D("0.98")),), hourly_borrow_rate_usdt=D(0))
    book = {idx: (D(qty), D(116_000)) for idx, qty in legs.items()}
    pit = Pit(rules=rules, coins={"BTC": D("0.27")}, borrowed={"USDT": D(16_200)}, legs=book, leverage=D(25))

    for price in range(expected + 500, expected - 500, -50):
        pit.tick(str(price), after_ms=1000)
        if pit.log():
            break

    assert abs(pit.price - expected) <= 100


def test_a_hedged_book_survives_what_kills_the_unhedged():
    """With the short in the same account the fall to 45,000 liquidates nothing."""
    pit = Pit(coins={"BTC": D("0.27")}, borrowed={"USDT": D(16_200)}, legs={2: (D("0.27"), None)}, leverage=D(25))

    for price in range(116_000, 45_000, -1_000):
        pit.tick(str(price), after_ms=1000)

    assert ("0", "0.27") == pit.legs()
    assert [] == [row for row in pit.log() if row["type"] != "INTEREST"]


def test_deleveraging_one_leg():
    """The profitable short is closed by the venue; no fee, its own type in every record, and the other leg untouched."""
    pit = Pit()
    pit.tick("100000", after_ms=1000)
    close = pit.order("Buy", "0.1", "99000", positionIdx=2, reduceOnly=True)
    pit.venue.drain()

    pit.venue.adl("me", 2, D("0.2"), D("99500"))

    assert ("0.213", "0.013") == pit.legs()
    (fill,) = pit.fills()
    assert ("AdlTrade", "99500.00", "0", "0.2") == tuple(
        fill[n] for n in ("execType", "execPrice", "execFee", "closedSize")
    )
    assert ("ADL", "3300") == tuple(pit.log()[-1][n] for n in ("type", "change"))
    assert "CancelAllBeforeAdl" == pit.found(close["orderId"])["cancelType"]
    assert "CreateByAdl_PassThrough" == pit.pushes("execution")[0].rows[0]["createType"]
    assert "" == pit.venue.adl("me", 1, D(0))


def test_a_liquidation_on_demand_leaves_nothing():
    """The fault plan's own: every debt repaid, every leg closed."""
    pit = Pit()

    pit.venue.liquidate("me")

    assert ("0", "0") == pit.legs()
    assert D(pit.coin("USDT")["borrowAmount"]) < D("40")
    assert D(pit.coin("BTC")["walletBalance"]) < D("0.14")


def test_a_bankrupt_account_is_left_alone():
    """Nothing left to take: the debt stands, and no tick speaks of it again."""
    pit = Pit(coins={"USDT": D(2_000)}, legs={1: (D("0.2"), None)}, leverage=D(25))
    pit.tick("90000", after_ms=1000)
    pit.venue.drain()

    for price in ("89000", "88000", "95000"):
        pit.tick(price, after_ms=1000)

    assert [] == pit.pushes()
