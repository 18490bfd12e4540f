"""The flexible crypto loan, from the first pledge to the last resort."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.simulator import desk_fixed
from bot.simulator.rules import VenueRules
from tests.unit.simulator.pit import Pit

D = Decimal
COMMON, FLEXIBLE = "/v5/crypto-loan-common/", "/v5/crypto-loan-flexible/"


def a_borrower() -> Pit:
    """The seed's loan as a crypto loan: 0.27 BTC pledged at 116,000, 16,200 USDT borrowed."""
    pit = Pit(funding_coins={"BTC": D("0.5"), "USDT": D(0)}, hedge_mode=True)
    pit.done(
        "POST",
        FLEXIBLE + "borrow",
        loanCurrency="USDT",
        loanAmount="16200",
        collateralList=[{"currency": "BTC", "amount": "0.27"}],
    )
    return pit


def position(pit: Pit) -> dict:
    return pit.done("GET", COMMON + "position")


def fund(pit: Pit, coin: str) -> str:
    rows = pit.done("GET", "/v5/asset/transfer/query-account-coins-balance", accountType="FUND", coin=coin)["balance"]
    return rows[0]["walletBalance"]


def test_a_loan_begins():
    """Collateral leaves Funding, the loan arrives there, and LTV is 51.72 %."""
    pit = a_borrower()

    assert ("0.23", "16200") == (fund(pit, "BTC"), fund(pit, "USDT"))
    assert ("0.517241", "31320", "16200") == tuple(position(pit)[n] for n in ("ltv", "totalCollateral", "totalDebt"))
    assert "0" == pit.coin("BTC")["walletBalance"]  # pledged coin backs nothing in the unified account


LEVELS = [("92307", "0.650005"), ("80000", "0.75"), ("70588", "0.850003"), ("64516", "0.930002")]


@pytest.mark.parametrize(("price", "ltv"), LEVELS)
def test_ltv_follows_the_index(price: str, ltv: str):
    """The user's ladder of prices."""
    pit = a_borrower()

    pit.tick(price, after_ms=1000)

    assert ltv == position(pit)["ltv"]


def test_interest_compounds_by_the_hour():
    """6 % a year on the debt standing at each hh:00."""
    pit = a_borrower()

    pit.wait(hours=2)

    (row,) = pit.done("GET", FLEXIBLE + "ongoing-coin", loanCurrency="USDT")["list"]
    assert ("16200", "0.22191856", "16200.22191856") == (row["unpaidAmount"], row["unpaidInterest"], row["totalDebt"])


def test_repaying_pays_interest_first():
    """Then principal; the collateral stays pledged."""
    pit = a_borrower()
    pit.wait(hours=1)

    pit.done("POST", FLEXIBLE + "repay", loanCurrency="USDT", amount="1000")

    (row,) = pit.done("GET", FLEXIBLE + "ongoing-coin", loanCurrency="USDT")["list"]
    assert ("15200.1109589", "0") == (row["unpaidAmount"], row["unpaidInterest"])
    assert "0.27" == position(pit)["collateralList"][0]["amount"]
    (told,) = pit.done("GET", FLEXIBLE + "repayment-history", loanCurrency="USDT")["list"]
    assert ("1000", 1, 1) == (told["repayAmount"], told["repayStatus"], told["repayType"])


def loan(amount: str, *pledged_btc: str) -> dict[str, object]:
    """A wish to borrow USDT against BTC, each amount as one line of the collateral list."""
    pledge = [{"currency": "BTC", "amount": each} for each in pledged_btc]
    return {"loanCurrency": "USDT", "loanAmount": amount, "collateralList": pledge}


def sale(coin: str, amount: str) -> dict[str, object]:
    return {"loanCurrency": "USDT", "collateralCoin": coin, "amount": amount}


LOAN_REFUSALS = [
    ("repay more than is owed", 148038, FLEXIBLE + "repay", {"loanCurrency": "USDT", "amount": "16201"}),
    ("repay what is not owed", 148032, FLEXIBLE + "repay", {"loanCurrency": "BTC", "amount": "1"}),
    ("borrow beyond the initial LTV", 148009, FLEXIBLE + "borrow", loan("9000")),
    ("pledge what is not there", 148012, FLEXIBLE + "borrow", loan("100", "1")),
    ("pledge a coin twice", 148039, FLEXIBLE + "borrow", loan("100", "0.01", "0.01")),
    ("unknown coin", 148001, FLEXIBLE + "borrow", {"loanCurrency": "DOGE", "loanAmount": "100"}),
    ("below the minimum", 148003, FLEXIBLE + "borrow", loan("1")),
    ("take back too much", 148037, COMMON + "adjust-ltv", {"currency": "BTC", "amount": "0.2", "direction": "1"}),
    ("sell more collateral than the cap", 148038, FLEXIBLE + "repay-collateral", sale("BTC", "99999")),
    ("sell a coin that is not pledged", 148012, FLEXIBLE + "repay-collateral", sale("USDC", "100")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "path", "params"), [c[1:] for c in LOAN_REFUSALS], ids=[c[0] for c in LOAN_REFUSALS])
def test_refusals(code: int, path: str, params: dict[str, object]):
    """Each obstacle has its code, and nothing has moved."""
    pit = a_borrower()
    before = (position(pit), fund(pit, "BTC"), fund(pit, "USDT"))

    assert code == pit.refused("POST", path, **params)
    assert before == (position(pit), fund(pit, "BTC"), fund(pit, "USDT"))


def test_adjusting_collateral():
    """Exactly the removable amount may go, and not a grain more; adding lowers the LTV."""
    pit = a_borrower()
    free = D(pit.done("GET", COMMON + "max-collateral-amount", currency="BTC")["maxCollateralAmount"])
    grain = D("0.00000001")

    take = {"currency": "BTC", "direction": "1"}
    assert 148037 == pit.refused("POST", COMMON + "adjust-ltv", **take, amount=str(free + grain))
    pit.done("POST", COMMON + "adjust-ltv", **take, amount=str(free))
    tight = D(position(pit)["ltv"])
    pit.done("POST", COMMON + "adjust-ltv", currency="BTC", direction="0", amount="0.3")

    assert D("0.7999") < tight <= D("0.8")
    rows = pit.done("GET", COMMON + "adjustment-history")["list"]
    assert [0, 1] == [row["direction"] for row in rows]
    assert D(rows[0]["afterLTV"]) < D(rows[0]["preLTV"]) == tight


def test_the_largest_loan():
    """max-loan promises what borrow then grants, to the grain."""
    pit = a_borrower()
    most = pit.done("POST", COMMON + "max-loan", currency="USDT", collateralList=[{"ccy": "BTC", "amount": "0.1"}])[
        "maxLoan"
    ]
    wish = {"loanCurrency": "USDT", "collateralList": [{"currency": "BTC", "amount": "0.1"}]}

    assert 148009 == pit.refused("POST", FLEXIBLE + "borrow", **wish, loanAmount=str(D(most) + D("0.00000001")))
    pit.done("POST", FLEXIBLE + "borrow", **wish, loanAmount=most)

    assert "0.8" == position(pit)["ltv"]


def test_repaying_with_collateral_sells_it():
    """The pledged BTC pays, with a fee."""
    pit = a_borrower()

    pit.done("POST", FLEXIBLE + "repay-collateral", loanCurrency="USDT", collateralCoin="BTC", amount="1160")

    left = D(position(pit)["collateralList"][0]["amount"])
    assert D("0.27") - left == pytest.approx(D("0.01") / D("0.999"), abs=D("0.0000001"))
    assert "15040" == position(pit)["totalDebt"]
    assert "16200" == fund(pit, "USDT")


def test_margin_call_then_liquidation():
    """85 % calls, 93 % waits, 95 % sells: the debt is gone, the rest of the collateral comes back, less the fee."""
    pit = a_borrower()
    stages = []
    for price in ("71000", "70000", "64000"):
        pit.tick(price, after_ms=1000)
        stages.append(pit.account.loans.stage)
    before = fund(pit, "BTC")

    pit.tick("63000", after_ms=1000)

    assert ["Normal", "MarginCall", "Delayed"] == stages
    assert ([], []) == (position(pit)["borrowList"], position(pit)["collateralList"])
    (told,) = pit.done("GET", FLEXIBLE + "repayment-history")["list"]
    assert ("16200", 2) == (told["repayAmount"], told["repayType"])
    sold = D("16200") / (D(63_000) * D("0.98"))
    assert D(fund(pit, "BTC")) - D(before) == pytest.approx(D("0.27") - sold, abs=D("0.0000001"))


def test_a_delayed_liquidation_does_not_wait_for_ever():
    """A day at 93 % or more sells as well, as kind 6; an hour below in between starts the day anew."""
    pit = a_borrower()
    pit.tick("64200", after_ms=1000)
    pit.wait(hours=23)
    pit.tick("70000", after_ms=1000)
    pit.tick("64200", after_ms=1000)
    pit.wait(hours=23)
    alive = position(pit)["totalDebt"]

    pit.tick("64200", after_ms=3_700_000)

    assert D(alive) > 16_200
    assert 6 == pit.done("GET", FLEXIBLE + "repayment-history")["list"][0]["repayType"]


def test_a_loan_is_repaid_from_profit():
    """The chain: unified profit, transfer to Funding, repay, read the new LTV."""
    pit = a_borrower()
    pit.venue.deposit("me", "USDT", D(3_000), "UNIFIED")
    assert "3000" == pit.done("GET", "/v5/account/withdrawal", coinName="USDT")["availableWithdrawal"]

    pit.done(
        "POST",
        "/v5/asset/transfer/inter-transfer",
        transferId="p-1",
        coin="USDT",
        amount="3000",
        fromAccountType="UNIFIED",
        toAccountType="FUND",
    )
    pit.done("POST", FLEXIBLE + "repay", loanCurrency="USDT", amount="3000")

    assert "0.421456" == position(pit)["ltv"]


def test_a_loan_may_be_processing_for_a_while() -> None:
    """The coin moves at once; the histories say so later, where that is chosen."""
    pit = Pit(rules=VenueRules(loan_lag_ms=60_000), funding_coins={"BTC": D("0.3")})
    pit.done(
        "POST",
        FLEXIBLE + "borrow",
        loanCurrency="USDT",
        loanAmount="10000",
        collateralList=[{"currency": "BTC", "amount": "0.27"}],
    )
    pit.done("POST", FLEXIBLE + "repay", loanCurrency="USDT", amount="400")

    def statuses() -> list[object]:
        borrowed = pit.done("GET", FLEXIBLE + "borrow-history")["list"][0]["status"]
        return [borrowed, pit.done("GET", FLEXIBLE + "repayment-history")["list"][0]["repayStatus"]]

    assert statuses() == [2, 2]
    assert pit.account.fund["USDT"] == 9600
    pit.wait(minutes=1)
    assert statuses() == [1, 1]


def test_an_account_without_fixed_and_legacy_loans() -> None:
    """Lists are empty, deeds are refused by their own codes, and nothing has changed."""
    pit = Pit()
    before = repr(pit.account)
    codes = {}
    for (method, path), _ in desk_fixed.ROUTES.items():
        reply = pit.ask(method, path, currency="USDT", term="7", annualRate="0.02")
        codes[path] = reply.ret_code
        assert reply.ret_code or "availableInventory" in reply.result or reply.result["list"] == []

    assert codes["/v5/crypto-loan-fixed/fully-repay"] == 148032
    assert codes["/v5/crypto-loan/repay"] == 177005
    assert codes["/v5/spot-margin-trade/fixedborrow"] == 34022010
    assert repr(pit.account) == before
