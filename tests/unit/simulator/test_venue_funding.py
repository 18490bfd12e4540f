"""Funding and interest: what the clock brings."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.simulator.venue import VenueRules
from tests.unit.simulator.pit import HOUR_MS, START_MS, Pit

D = Decimal

SIGNS = [
    # name, rate, legs (long, short) -> cash to the account (rate x mark x (short - long)), mark 116,000
    ("equal legs cancel", "0.0001", ("0.213", "0.213"), "0"),
    ("a short receives a positive rate", "0.0001", ("0", "0.27"), "3.132"),
    ("a short pays a negative rate", "-0.0001", ("0", "0.27"), "-3.132"),
    ("the hedged seed book", "0.0001", ("0.051", "0.321"), "3.132"),
    ("an extreme rate", "-0.0027397", ("0", "0.27"), "-85.807404"),
]


@pytest.mark.parametrize(("rate", "legs", "cash"), [c[1:] for c in SIGNS], ids=[c[0] for c in SIGNS])
def test_funding_signs(rate: str, legs: tuple[str, str], cash: str):
    """Log: received above zero. Execution: paid above zero. One row per leg, at the exact instant."""
    pit = Pit(coins={"USDT": D(10_000)}, legs={i: (D(q), None) for i, q in enumerate(legs, start=1)}, leverage=D(25))
    pit.tick("116000", rate=rate)

    pit.wait(hours=8)

    rows, fills = pit.log("SETTLEMENT"), pit.fills(execType="Funding")
    assert D(cash) == sum(D(row["funding"]) for row in rows)
    assert D(cash) == -sum(D(fill["execFee"]) for fill in fills)
    assert D(cash) == D(pit.coin("USDT")["walletBalance"]) - 10_000
    assert {str(START_MS + 8 * HOUR_MS)} == {row["transactionTime"] for row in rows}
    held = [qty for qty in legs if D(qty)]
    assert held == [row["qty"] for row in rows] == [fill["execQty"] for fill in fills]


def test_a_funding_row_reads_like_bybits():
    """cashFlow 0, fee with eight zeros, signed size, rate turned for the short."""
    pit = Pit(coins={"USDT": D(10_000)}, legs={2: (D("0.27"), None)}, leverage=D(25))
    pit.wait(hours=8)

    (row,), (fill,) = pit.log("SETTLEMENT"), pit.fills(execType="Funding")

    assert ("0", "0.00000000", "-0.27", "0.27", "-0.0001", "3.132") == tuple(
        row[name] for name in ("cashFlow", "fee", "size", "qty", "feeRate", "change")
    )
    assert ("UNKNOWN", "-3.132", "31320", "116000.00") == tuple(
        fill[name] for name in ("orderType", "execFee", "execValue", "execPrice")
    )
    assert fill["orderId"].endswith("-BTCUSDT-100000001-Sell")


def test_who_closed_before_pays_nothing():
    """Funding is exchanged between holders at the instant."""
    pit = Pit(coins={"USDT": D(10_000)}, legs={1: (D("0.1"), None)}, leverage=D(25))
    pit.wait(hours=7.99)
    pit.order("Sell", "0.1", positionIdx=1)

    pit.wait(hours=1)

    assert [] == pit.log("SETTLEMENT")


def test_the_interval_may_shorten():
    """8 h becomes 4 h becomes 1 h while we watch: the schedule and the public figures follow."""
    pit = Pit(coins={"USDT": D(10_000)}, legs={1: (D("0.1"), None)}, leverage=D(25))
    seen = []
    for minutes in (480, 240, 60):
        pit.venue.set_contract("linear", funding_interval_min=minutes)
        before = len(pit.log("SETTLEMENT"))
        pit.wait(hours=8)
        row = pit.venue.public("/v5/market/tickers", {"category": "linear", "symbol": "BTCUSDT"}).result["list"][0]
        seen.append((len(pit.log("SETTLEMENT")) - before, row["fundingIntervalHour"]))

    assert [(1, "8"), (2, "4"), (8, "1")] == seen


def test_the_rate_before_the_instant_settles():
    """A tick exactly at the settlement brings its own mark, but the rate that ran before it."""
    pit = Pit(coins={"USDT": D(10_000)}, legs={2: (D("0.27"), None)}, leverage=D(25))

    pit.tick("100000", after_ms=8 * HOUR_MS, rate="0.003")

    assert D("2.7") == D(pit.log("SETTLEMENT")[0]["funding"])


def test_a_long_silence_settles_each_instant():
    """A tape with a hole of a day settles three times, each at its own time."""
    pit = Pit(coins={"USDT": D(10_000)}, legs={2: (D("0.27"), None)}, leverage=D(25))

    pit.tick("116000", after_ms=24 * HOUR_MS)

    times = [int(row["transactionTime"]) for row in pit.log("SETTLEMENT")]
    assert [START_MS + hours * HOUR_MS for hours in (8, 16, 24)] == times


def test_interest_is_taken_at_five_past():
    """16,200 at 6 % a year: 0.11095890 an hour, on what is borrowed at hh:05:00."""
    pit = Pit()

    pit.wait(minutes=4, seconds=59)
    before = pit.log("INTEREST")
    pit.wait(seconds=1)

    (row,) = pit.log("INTEREST")
    (told,) = pit.done("GET", "/v5/account/borrow-history", currency="USDT")["list"]
    assert ([], "-0.1109589") == (before, row["change"])
    assert (START_MS + 300_000, "16200", "0.1109589") == (told["createdTime"], told["borrowAmount"], told["borrowCost"])
    assert "16200.1109589" == pit.coin("USDT")["borrowAmount"]


def test_interest_compounds():
    """A day of 24 charges: each on the debt that the last one left."""
    pit = Pit(coins={"BTC": D("0.27")}, borrowed={"USDT": D(16_200)})

    pit.wait(hours=24)

    charges = [D(row["change"]) for row in pit.log("INTEREST")]
    assert 24 == len(charges)
    assert charges == sorted(charges, reverse=True)
    assert D("-2.66322339") == sum(charges)


def test_nothing_borrowed_costs_nothing():
    """No interest rows for an account with its own coin."""
    pit = Pit(coins={"USDT": D(1000)}, legs={})

    pit.wait(hours=3)

    assert [] == pit.log()


def test_funding_rows_may_stay_off_the_stream():
    """Whether the execution topic carries funding is undocumented: one rule decides."""
    quiet = Pit(rules=VenueRules(funding_rows_on_stream=False))
    quiet.wait(hours=8)

    assert [] == quiet.pushes("execution")
    assert 2 == len(quiet.fills(execType="Funding"))


def test_an_allowance_for_open_losses():
    """Where the rules grant one, the part that only an open loss has borrowed is free of interest."""
    rules = VenueRules(free_borrow_usdt=D(60))
    pit = Pit(rules=rules, coins={"BTC": D("0.27")}, legs={2: (D("0.1"), None)}, leverage=D(25))
    pit.tick("117000", after_ms=1000)

    pit.wait(minutes=5)

    (row,) = pit.done("GET", "/v5/account/borrow-history")["list"]
    assert ("100", "60", "40", "100") == tuple(
        row[n] for n in ("borrowAmount", "freeBorrowedAmount", "InterestBearingBorrowSize", "unrealisedLoss")
    )


def test_beyond_the_borrowing_limit_interest_is_a_penalty():
    """Losses may borrow more than the limit allows anybody to ask for: twice the limit costs eight times the rate."""
    rules = VenueRules(max_borrow_usdt=D(500), hourly_borrow_rate_usdt=D("0.00001"))
    pit = Pit(rules=rules, coins={"BTC": D(1)}, borrowed={}, legs={2: (D("0.1"), D(106_000))}, leverage=D(25))

    pit.wait(minutes=6)

    row = pit.done("GET", "/v5/account/borrow-history", currency="USDT")["list"][0]
    assert ("1000", "0.00008", "0.08") == (row["borrowAmount"], row["hourlyBorrowRate"], row["borrowCost"])
    assert "-0.08" == pit.log("INTEREST")[0]["change"]
