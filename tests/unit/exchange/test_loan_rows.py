"""Rows of loans, repayments and collateral: another coin's may be in any shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from bot.exchange import wire_loan
from bot.exchange.wire_rest import Page, page
from bot.exchange.wire_rows import BadRow


def said(result: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(result).encode())


def paged(*rows: Any) -> Page:
    return page(said({"list": rows}))


DEBT = {"loanCurrency": "USDT", "flexibleTotalDebt": "16200"}
PLEDGED = {"currency": "BTC", "amount": "0.27"}
OWED = {"loanCurrency": "USDT", "unpaidAmount": "16200", "unpaidInterest": "1"}
REPAID = {"loanCurrency": "USDT", "repayAmount": "5", "repayId": "r", "repayStatus": 1, "repayTime": 1, "repayType": 1}
LOGGED = {"id": "1", "type": "REPAY", "currency": "USDT", "cashFlow": "-5", "transactionTime": "1760000000000"}
TIER = {"minQty": "0", "minValue": "0", "collateralRatio": "0.95"}


def odd(row: dict[str, Any], name: str) -> dict[str, Any]:
    """A row like this one, of another coin, in which nothing else makes sense."""
    return {field: "ODD" if field == name else None for field in row}


def position(debts: list[Any], coins: list[Any]) -> msgspec.Raw:
    return said({"borrowList": debts, "collateralList": coins, "ltv": "0.5"})


READERS: list[tuple[str, Callable[[], object], object]] = [
    (
        "what is owed and pledged",
        lambda: wire_loan.pledge(
            position([odd(DEBT, "loanCurrency"), DEBT], [odd(PLEDGED, "currency"), PLEDGED]), coin="USDT", collateral="BTC"
        ),
        (D("0.27"), D(16200), D(0), D("0.5")),
    ),
    ("a loan", lambda: wire_loan.unpaid(paged(odd(OWED, "loanCurrency"), OWED), "USDT"), (D(16200), D(1), None)),
    (
        "what borrowing costs",
        lambda: wire_loan.borrow_rate(
            paged({"currency": "ODD", "hourlyBorrowRate": None}, {"currency": "USDT", "hourlyBorrowRate": "0.1"}), "USDT"
        ),
        D("0.1"),
    ),
    (
        "what may leave",
        lambda: wire_loan.transferable(said({"availableWithdrawalMap": {"ODD": None, "USDT": "7"}}), "USDT"),
        D(7),
    ),
    (
        "tiers of margin",
        lambda: wire_loan.margin_tiers(paged({"currency": "ODD"}, {"currency": "BTC", "collateralRatioList": [TIER]}), "BTC"),
        ((D(0), D("0.95")),),
    ),
    (
        "tiers of loans",
        lambda: wire_loan.loan_tiers(
            said({"collateralRatioConfigList": [{"currencies": "ODD"}, {"currencies": "X,BTC", "collateralRatioList": [TIER]}]}),
            "BTC",
        ),
        ((D(0), D("0.95")),),
    ),
    (
        "repayments of a loan",
        lambda: [row.amount for row in wire_loan.loan_repayments(paged(odd(REPAID, "loanCurrency"), REPAID), "USDT")],
        [D(5)],
    ),
    (
        "repayments in the log",
        lambda: [row.amount for row in wire_loan.logged_repayments(paged(odd(LOGGED, "currency"), LOGGED), "USDT")],
        [D(5)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("what", "read", "expected"), READERS, ids=[case[0] for case in READERS])
def test_another_coins_row_is_not_looked_at(what: str, read: Callable[[], object], expected: object) -> None:
    assert expected == read(), what


NAMELESS: list[tuple[str, Callable[[], object]]] = [
    ("a debt", lambda: wire_loan.pledge(position([{"flexibleTotalDebt": "5"}], []), coin="USDT", collateral="BTC")),
    ("a pledge", lambda: wire_loan.pledge(position([], [{"amount": "5"}]), coin="USDT", collateral="BTC")),
    ("a loan", lambda: wire_loan.unpaid(paged({"unpaidAmount": "5"}), "USDT")),
    ("our debt", lambda: wire_loan.unpaid(paged(OWED | {"unpaidAmount": ""}), "USDT")),
    ("a repayment", lambda: wire_loan.loan_repayments(paged(REPAID | {"loanCurrency": ""}), "USDT")),
]


@pytest.mark.parametrize(("what", "read"), NAMELESS, ids=[case[0] for case in NAMELESS])
def test_a_row_that_may_be_ours_is_read_whole_or_refused(what: str, read: Callable[[], object]) -> None:
    """A debt that names no coin is not taken for nobody's."""
    with pytest.raises(BadRow):
        read()
