"""Bybit's words for loans, repayments and transfers: JSON to values and back, pure.

Only three deeds can be said here: a transfer between our own accounts, a repayment without converting, a repayment of a Crypto Loan from
Funding. The ways of repaying that sell a coin have no words in this house.
(Bybit: new-crypto-loan/*, account/no-convert-repay, spot-margin-uta/*, asset/transfer/*, account/transaction-log.)
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec

from bot.domain.commands import RepayDebt, TransferCoin
from bot.domain.loan import Fate, RepayRow, Tier, TransferRow
from bot.domain.money import ZERO, BadNumber, amount, maybe_amount, text
from bot.exchange.wire_rest import Page
from bot.exchange.wire_rows import BadRow, decode, millis, said

__all__ = [
    "Pledge",
    "Unpaid",
    "borrow_rate",
    "funding_balance",
    "loan_fate",
    "loan_repay_params",
    "loan_repayments",
    "loan_tiers",
    "logged_repayments",
    "margin_tiers",
    "pledge",
    "repay_params",
    "repayable",
    "transfer_fate",
    "transfer_params",
    "transfer_row",
    "transferable",
    "unpaid",
    "uta_fate",
]

_TRANSFER_FATES = {"SUCCESS": Fate.DONE, "PENDING": Fate.PENDING, "STATUS_UNKNOWN": Fate.PENDING, "FAILED": Fate.FAILED}
_RESULT_FATES = {"SU": Fate.DONE, "P": Fate.PENDING, "FA": Fate.FAILED}
_REPAY_FATES = {1: Fate.DONE, 2: Fate.PENDING, 3: Fate.FAILED}
T = TypeVar("T")
_BY_USER = 1  # repayType; the others are liquidations and conversions


# -- deeds


def transfer_params(deed: TransferCoin) -> dict[str, object]:
    """The body of a transfer between our own accounts (Bybit: asset/transfer/create-inter-transfer)."""
    return {
        "transferId": deed.transfer_id,
        "coin": deed.coin,
        "amount": text(deed.amount),
        "fromAccountType": deed.source.value,
        "toAccountType": deed.target.value,
    }


def repay_params(deed: RepayDebt) -> dict[str, object]:
    """The body of a repayment; the coin is named differently in the two structures."""
    return {"coin": deed.coin, "amount": text(deed.amount)}


def loan_repay_params(deed: RepayDebt) -> dict[str, object]:
    """The body of a Crypto Loan's repayment (Bybit: new-crypto-loan/flexible/repay)."""
    return {"loanCurrency": deed.coin, "amount": text(deed.amount)}


class _TransferredWire(msgspec.Struct, rename="camel"):
    transfer_id: str
    status: str


def transfer_fate(result: msgspec.Raw, transfer_id: str) -> tuple[Fate, str]:
    """What a transfer that was taken in has come to, and its name. Raises BadRow for an answer about another one."""
    done = decode(result, _TransferredWire, "transfer answer")
    if done.transfer_id != transfer_id:
        raise BadRow("transfer answer", f"{done.transfer_id!r} where {transfer_id!r} was sent")
    return _TRANSFER_FATES.get(done.status, Fate.PENDING), done.transfer_id


class _RepaidWire(msgspec.Struct, rename="camel"):
    result_status: str


def uta_fate(result: msgspec.Raw) -> tuple[Fate, str]:
    """What a repayment inside the unified account has come to; P is not success (Bybit: account/no-convert-repay)."""
    return _RESULT_FATES.get(decode(result, _RepaidWire, "repay answer").result_status, Fate.PENDING), ""


class _LoanRepaidWire(msgspec.Struct, rename="camel"):
    repay_id: str


def loan_fate(result: msgspec.Raw) -> tuple[Fate, str]:
    """A Crypto Loan's repayment was taken in; the history tells whether it was done."""
    ref = decode(result, _LoanRepaidWire, "repay answer").repay_id
    if not ref:
        raise BadRow("repay answer", "no repayId")
    return Fate.PENDING, ref


# -- what is owed


class Pledge(NamedTuple):
    """The Crypto Loan as its page shows it. `fixed` is debt at a fixed rate, which can only be repaid whole."""

    btc: Decimal
    debt: Decimal
    fixed: Decimal
    ltv: Decimal | None


class _BorrowedWire(msgspec.Struct, rename="camel"):
    flexible_total_debt: str
    fixed_total_debt: str = "0"


class _PledgedWire(msgspec.Struct):
    amount: str


class _PositionWire(msgspec.Struct, rename="camel"):
    borrow_list: list[msgspec.Raw]
    collateral_list: list[msgspec.Raw]
    ltv: str = ""


def pledge(result: msgspec.Raw, *, coin: str, collateral: str) -> Pledge:
    """Debt in `coin` and pledged `collateral` (Bybit: new-crypto-loan/crypto-loan-position). Raises BadRow("loan")."""
    page = decode(result, _PositionWire, "loan")
    debts = _rows_of(page.borrow_list, "loanCurrency", coin, _BorrowedWire, "loan")
    pledged = _rows_of(page.collateral_list, "currency", collateral, _PledgedWire, "loan")
    try:
        return Pledge(
            btc=sum((amount(row.amount, "amount") for row in pledged), ZERO),
            debt=sum((amount(row.flexible_total_debt, "flexibleTotalDebt") for row in debts), ZERO),
            fixed=sum((maybe_amount(row.fixed_total_debt, "fixedTotalDebt") or ZERO for row in debts), ZERO),
            ltv=maybe_amount(page.ltv, "ltv"),
        )
    except BadNumber as error:
        raise BadRow("loan", str(error)) from None


class Unpaid(NamedTuple):
    """A flexible loan: what is left of it, and what it costs an hour."""

    principal: Decimal
    interest: Decimal
    hourly_rate: Decimal | None


class _OngoingWire(msgspec.Struct, rename="camel"):
    unpaid_amount: str
    unpaid_interest: str
    hourly_interest_rate: str = ""


def unpaid(found: Page, coin: str) -> Unpaid:
    """The flexible loan in `coin`; nothing owed where a whole list does not name it (Bybit: new-crypto-loan/flexible/unpaid-loan-order)."""
    mine = _rows_of(found.rows, "loanCurrency", coin, _OngoingWire, "loan")
    if len(mine) > 1:
        raise BadRow("loan", f"{len(mine)} rows of {coin}")
    if not mine:
        return Unpaid(ZERO, ZERO, None)
    try:
        return Unpaid(
            amount(mine[0].unpaid_amount, "unpaidAmount"),
            amount(mine[0].unpaid_interest, "unpaidInterest"),
            maybe_amount(mine[0].hourly_interest_rate, "hourlyInterestRate"),
        )
    except BadNumber as error:
        raise BadRow("loan", str(error)) from None


class _RateWire(msgspec.Struct, rename="camel"):
    hourly_borrow_rate: str = ""


def borrow_rate(found: Page, coin: str) -> Decimal | None:
    """What borrowing `coin` costs an hour; None where it is not said (Bybit: account/collateral-info)."""
    for row in _rows_of(found.rows, "currency", coin, _RateWire, "borrow rate"):
        try:
            return maybe_amount(row.hourly_borrow_rate, "hourlyBorrowRate")
        except BadNumber as error:
            raise BadRow("borrow rate", str(error)) from None
    return None


# -- what could pay


class _RepayableWire(msgspec.Struct):
    lossLessRepaymentAmount: str  # noqa: N815  (Bybit's own spelling)


def repayable(result: msgspec.Raw) -> Decimal:
    """What could be repaid without converting (Bybit: spot-margin-uta/repayment-available-amount)."""
    return _number(decode(result, _RepayableWire, "repayable").lossLessRepaymentAmount, "lossLessRepaymentAmount")


class _WithdrawalWire(msgspec.Struct, rename="camel"):
    available_withdrawal_map: dict[str, object]


def transferable(result: msgspec.Raw, coin: str) -> Decimal:
    """What may leave the unified account (Bybit: account/unified-trans-amnt)."""
    known = decode(result, _WithdrawalWire, "transferable").available_withdrawal_map
    if coin not in known:
        raise BadRow("transferable", f"nothing is said of {coin}")
    return _number(known[coin], "availableWithdrawal")


class _CoinBalance(msgspec.Struct, rename="camel"):
    coin: str
    transfer_balance: str


class _BalanceWire(msgspec.Struct):
    balance: _CoinBalance


def funding_balance(result: msgspec.Raw, coin: str) -> Decimal:
    """What lies free in the Funding wallet (Bybit: asset/balance/account-coin-balance)."""
    row = decode(result, _BalanceWire, "balance").balance
    if row.coin != coin:
        raise BadRow("balance", f"{row.coin!r} where {coin!r} was asked for")
    return _number(row.transfer_balance, "transferBalance")


# -- what the collateral counts for


class _LoanTierWire(msgspec.Struct, rename="camel"):
    min_value: str
    collateral_ratio: str


class _LoanTiersWire(msgspec.Struct, rename="camel"):
    collateral_ratio_list: list[_LoanTierWire]


class _LoanTierPage(msgspec.Struct, rename="camel"):
    collateral_ratio_config_list: list[msgspec.Raw]


def loan_tiers(result: msgspec.Raw, coin: str) -> tuple[Tier, ...]:
    """Ratios by value in USD (Bybit: new-crypto-loan/collateral-coin). Raises BadRow where the coin has none."""
    for raw in decode(result, _LoanTierPage, "tiers").collateral_ratio_config_list:
        if coin in said(raw, "currencies", "tiers").split(","):
            config = decode(raw, _LoanTiersWire, "tiers")
            return _tiers([(row.min_value, row.collateral_ratio) for row in config.collateral_ratio_list])
    raise BadRow("tiers", f"nothing is said of {coin}")


class _MarginTierWire(msgspec.Struct, rename="camel"):
    min_qty: str
    collateral_ratio: str


class _MarginTiersWire(msgspec.Struct, rename="camel"):
    collateral_ratio_list: list[_MarginTierWire]


def margin_tiers(found: Page, coin: str) -> tuple[Tier, ...]:
    """Ratios by quantity of coin (Bybit: spot-margin-uta/tier-collateral-ratio). Raises BadRow where the coin has none."""
    for row in _rows_of(found.rows, "currency", coin, _MarginTiersWire, "tiers"):
        return _tiers([(tier.min_qty, tier.collateral_ratio) for tier in row.collateral_ratio_list])
    raise BadRow("tiers", f"nothing is said of {coin}")


def _tiers(rows: list[tuple[str, str]]) -> tuple[Tier, ...]:
    found = tuple(sorted((_number(floor, "tier"), _number(ratio, "collateralRatio")) for floor, ratio in rows))
    if not found or found[0][0] != 0:
        raise BadRow("tiers", "no tier begins at 0")
    return found


# -- what became of a deed


class _TransferWire(msgspec.Struct, rename="camel"):
    transfer_id: str
    amount: str
    status: str
    timestamp: str


def transfer_row(found: Page, transfer_id: str) -> TransferRow | None:
    """One transfer by our name for it; None where the venue knows none. Raises BadRow for rows of another one."""
    rows = [decode(raw, _TransferWire, "transfer") for raw in found.rows]
    if any(row.transfer_id != transfer_id for row in rows):
        raise BadRow("transfer", "a row of another transfer where one was asked for")
    if not rows:
        return None
    row = rows[0]
    return TransferRow(
        transfer_id=row.transfer_id,
        amount=_number(row.amount, "amount"),
        fate=_TRANSFER_FATES.get(row.status, Fate.PENDING),
        at_ms=_millis(row.timestamp, "timestamp"),
    )


class _LoanRepaymentWire(msgspec.Struct, rename="camel"):
    repay_amount: str
    repay_id: str
    repay_status: int
    repay_time: int
    repay_type: int = _BY_USER


def loan_repayments(found: Page, coin: str) -> list[RepayRow]:
    """Repayments made by the user, newest first (Bybit: new-crypto-loan/flexible/repay-orders)."""
    rows = _rows_of(found.rows, "loanCurrency", coin, _LoanRepaymentWire, "repayment")
    return [
        RepayRow(
            ref=row.repay_id,
            amount=_number(row.repay_amount, "repayAmount"),
            fate=_REPAY_FATES.get(row.repay_status, Fate.PENDING),
            at_ms=row.repay_time,
        )
        for row in rows
        if row.repay_type == _BY_USER
    ]


class _LogWire(msgspec.Struct, rename="camel"):
    id: str
    type: str
    cash_flow: str
    transaction_time: str


def logged_repayments(found: Page, coin: str) -> list[RepayRow]:
    """REPAY lines of the transaction log, newest first (Bybit: account/transaction-log)."""
    rows = _rows_of(found.rows, "currency", coin, _LogWire, "repayment")
    return [
        RepayRow(
            ref=row.id,
            amount=abs(_number(row.cash_flow, "cashFlow")),
            fate=Fate.DONE,
            at_ms=_millis(row.transaction_time, "transactionTime"),
        )
        for row in rows
        if row.type == "REPAY"
    ]


def _rows_of(rows: list[msgspec.Raw], field: str, name: str, shape: type[T], kind: str) -> list[T]:
    """The rows whose `field` names this coin. One of another coin is not looked at, one that names none may be ours and is refused."""
    named = [(said(raw, field, kind), raw) for raw in rows]
    if any(not word for word, _ in named):
        raise BadRow(kind, f"a row without {field}")
    return [decode(raw, shape, kind) for word, raw in named if word == name]


def _number(raw: object, field: str) -> Decimal:
    try:
        return amount(raw, field)
    except BadNumber as error:
        raise BadRow("loan", str(error)) from None


def _millis(raw: str, field: str) -> int:
    try:
        return millis(raw, field)
    except BadNumber as error:
        raise BadRow("loan", str(error)) from None
