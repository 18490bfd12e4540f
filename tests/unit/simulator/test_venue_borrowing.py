"""Borrowing and repaying inside the unified account."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.simulator.pit import Pit

D = Decimal
NO_CONVERT, REPAY = "/v5/account/no-convert-repay", "/v5/account/repay"


def a_debtor(usdt: str = "1000") -> Pit:
    """0.27 BTC, some USDT, 16,200 USDT owed."""
    return Pit(coins={"BTC": D("0.27"), "USDT": D(usdt)}, borrowed={"USDT": D(16_200)})


def test_borrowed_coin_is_in_the_wallet_and_owed():
    """walletBalance includes it, equity does not."""
    pit = Pit(coins={"BTC": D("0.27")})

    pit.done("POST", "/v5/account/borrow", coin="USDT", amount="5000")

    assert ("5000", "0", "5000", "5000") == tuple(
        pit.coin("USDT")[name] for name in ("walletBalance", "equity", "borrowAmount", "spotBorrow")
    )
    assert ["BORROW"] == [row["type"] for row in pit.log()]


BORROW_REFUSALS = [
    ("unknown coin", 34022010, {"coin": "DOGE", "amount": "10"}),
    ("below the minimum", 34022011, {"coin": "USDT", "amount": "0.5"}),
    ("too many decimals", 34022014, {"coin": "USDT", "amount": "10.000000001"}),
    ("more than the margin carries", 34022031, {"coin": "USDT", "amount": "400000"}),
    ("more than the pool", 34022030, {"coin": "USDT", "amount": "9000000"}),
    ("nothing", 10001, {"coin": "USDT", "amount": "0"}),
]


@pytest.mark.parametrize(("code", "params"), [c[1:] for c in BORROW_REFUSALS], ids=[c[0] for c in BORROW_REFUSALS])
def test_refused_borrowing(code: int, params: dict[str, object]):
    """Each obstacle has its code."""
    assert code == a_debtor().refused("POST", "/v5/account/borrow", **params)


def test_repaying_without_converting_touches_no_bitcoin():
    """Only the debt coin's own balance pays; the safe way to repay from profit."""
    pit = a_debtor()
    assert (
        "1000"
        == pit.done("GET", "/v5/spot-margin-trade/repayment-available-amount", currency="USDT")[
            "lossLessRepaymentAmount"
        ]
    )

    pit.done("POST", NO_CONVERT, coin="USDT", amount="400")
    pit.done("POST", NO_CONVERT, coin="USDT")

    assert ("0", "15200") == (pit.coin("USDT")["walletBalance"], pit.coin("USDT")["spotBorrow"])
    assert "0.27" == pit.coin("BTC")["walletBalance"]
    assert [("REPAY", "-400"), ("REPAY", "-600")] == [(row["type"], row["change"]) for row in pit.log()]
    assert 176015 == pit.refused("POST", NO_CONVERT, coin="USDT", amount="1")


def test_repaying_with_conversion_sells_bitcoin():
    """The other endpoint sells what it must: the trap that a hedge must not step into."""
    pit = a_debtor()

    pit.done("POST", REPAY, coin="USDT", amount="2000")

    sold = D("0.27") - D(pit.coin("BTC")["walletBalance"])
    assert D("14200") == D(pit.coin("USDT")["spotBorrow"])
    assert sold == pytest.approx(D(1000) / (D(116_000) * D("0.999")), abs=D("0.0000001"))
    assert ["SPOT_REPAYMENT_SELL", "SPOT_REPAYMENT_BUY", "REPAY"] == [row["type"] for row in pit.log()]


REFUSED_MINUTES = [("03:59", 0), ("04:00", 34022035), ("05:00", 34022035), ("05:29", 34022035), ("05:30", 0)]


@pytest.mark.parametrize(("clock", "code"), REFUSED_MINUTES)
@pytest.mark.parametrize("path", [NO_CONVERT, REPAY])
def test_the_refused_window(clock: str, code: int, path: str):
    """No repayment while interest is computed: hh:04:00 to hh:05:30."""
    pit = a_debtor()
    minutes, seconds = clock.split(":")
    pit.wait(hours=3, minutes=int(minutes), seconds=int(seconds))

    assert code == pit.ask("POST", path, coin="USDT", amount="100").ret_code


REPAY_REFUSALS = [
    ("more than is owed", 176017, REPAY, {"coin": "USDT", "amount": "20000"}),
    ("nothing owed in this coin", 34022041, REPAY, {"coin": "BTC", "amount": "0.1"}),
    ("no coin and not ALL", 34022033, REPAY, {}),
    ("fixed debt there is none", 34022041, REPAY, {"coin": "USDT", "repaymentType": "FIXED"}),
    ("coin is required", 10001, NO_CONVERT, {}),
    ("manual debt by quick repayment", 182120, "/v5/account/quick-repayment", {"coin": "USDT"}),
]


@pytest.mark.parametrize(
    ("code", "path", "params"), [c[1:] for c in REPAY_REFUSALS], ids=[c[0] for c in REPAY_REFUSALS]
)
def test_refused_repayments(code: int, path: str, params: dict[str, object]):
    """Each obstacle has its code, and nothing has moved."""
    pit = a_debtor()

    assert code == pit.refused("POST", path, **params)
    assert [] == pit.log()


def test_quick_repayment_covers_silent_borrowing():
    """Fees without USDT made a debt; quick repayment sells BTC for it and names what it used."""
    pit = Pit(coins={"BTC": D("0.27")})
    pit.order("Sell", "0.1", positionIdx=2)
    assert D(pit.coin("USDT")["borrowAmount"]) > 0

    (used,) = pit.done("POST", "/v5/account/quick-repayment", coin="USDT")["list"]

    assert "BTC" == used["coin"]
    assert "0" == pit.coin("USDT")["borrowAmount"]


def test_automatic_repayment_runs_twice_an_hour():
    """At minute 0 and 30, without converting, for the coins it is switched on for."""
    pit = a_debtor()
    pit.done("POST", "/v5/spot-margin-trade/set-auto-repay-mode", currency="USDT", autoRepayMode="1")

    pit.wait(minutes=29)
    before = pit.coin("USDT")["spotBorrow"]
    pit.wait(minutes=1)

    assert "16200" == before
    assert D(pit.coin("USDT")["spotBorrow"]) < D(
        "15200.2"
    )  # an hour's interest at 00:05 was taken from the balance first


def test_the_liability_divides():
    """Manual borrowing beside what losses borrow."""
    pit = Pit(coins={"BTC": D("0.27")}, borrowed={"USDT": D(1000)}, legs={2: (D("0.1"), None)}, leverage=D(25))

    pit.tick("117000", after_ms=1000)

    debt = pit.done("GET", "/v5/spot-margin-trade/liability", currency="USDT")
    assert ("1100", "1000", "100") == tuple(
        debt[name] for name in ("totalBorrowAmount", "spotTotalBorrow", "derivativesBorrow")
    )


def test_a_spot_margin_order_borrows_what_it_lacks():
    """isLeverage=1: the shortfall becomes debt; without it the order is refused."""
    pit = Pit(coins={"BTC": D("0.27"), "USDT": D(100)})
    wish = {"category": "spot", "marketUnit": "baseCoin"}
    assert 170131 == pit.order_refused("Buy", "0.01", **wish)

    row = pit.order("Buy", "0.01", **wish, isLeverage=1)

    assert ("Filled", "1") == (row["orderStatus"], row["isLeverage"])
    assert D(pit.coin("USDT")["spotBorrow"]) == D(row["cumExecValue"]) - 100
    assert "0" == pit.coin("USDT")["walletBalance"]


def test_spot_margin_cannot_be_switched_off_in_debt():
    """Nor can isolated margin be chosen while it is on."""
    pit = a_debtor()

    assert 176039 == pit.refused("POST", "/v5/spot-margin-trade/switch-mode", spotMarginMode="0")
    assert 3400045 == pit.refused("POST", "/v5/account/set-margin-mode", setMarginMode="ISOLATED_MARGIN")
    assert "1" == pit.done("GET", "/v5/spot-margin-trade/state")["spotMarginMode"]


def test_no_rounding_leaves_a_debt_behind():
    """Repaying everything, with conversion, leaves exactly nothing owed."""
    pit = a_debtor(usdt="0")
    pit.wait(hours=7, minutes=10)
    assert D(pit.coin("USDT")["borrowAmount"]) > 16_200

    pit.done("POST", REPAY, repaymentType="ALL")

    assert ("0", "0") == (pit.coin("USDT")["borrowAmount"], pit.coin("USDT")["spotBorrow"])
    assert D(0) <= D(pit.coin("USDT")["walletBalance"]) < D("0.01")
