"""Rows of the transaction log: why money moved in the unified account. JSON to domain values, pure.

Knows the log's fields, its signs and which of its many types mean the same to us; a type that is not listed is kept under its own word.
(Bybit: account/transaction-log.)
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, cast

import msgspec

from bot.domain.account import CashKind, CashRow
from bot.domain.money import ZERO, BadNumber, amount, maybe_amount
from bot.exchange.wire_rows import BadRow, decode, millis

__all__ = ["cash_row"]

_KINDS = {
    CashKind.TRADE: ("TRADE", "ADL", "DELIVERY", "BLOCK_TRADE", "MOVE_POSITION"),
    CashKind.SETTLEMENT: ("SETTLEMENT",),
    CashKind.INTEREST: ("INTEREST",),
    CashKind.TRANSFER: ("TRANSFER_IN", "TRANSFER_OUT", "DEPOSIT", "WITHDRAW"),
    CashKind.BORROW: ("BORROW", "LOANS_BORROW_FUNDS", "FLOATING_TO_FIXED_BORROW"),
    CashKind.REPAY: ("REPAY", "FLOATING_TO_FIXED_REPAY"),
    CashKind.LIQUIDATION: ("LIQUIDATION",),
    CashKind.CONVERSION: (
        "CONVERT",
        "CURRENCY_BUY",
        "CURRENCY_SELL",
        "SPOT_REPAYMENT_BUY",
        "SPOT_REPAYMENT_SELL",
        "AUTO_DEDUCTION",
        "AUTO_BUY",
        "AUTO_SELL",
    ),
    CashKind.BONUS: ("BONUS", "BONUS_RECOLLECT", "BONUS_TRANSFER_IN", "BONUS_TRANSFER_OUT", "FEE_REFUND", "AIRDROP"),
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words}


class _CashWire(msgspec.Struct, rename="camel"):
    id: str
    currency: str
    type: str
    change: str
    transaction_time: str
    symbol: str = ""
    category: str = ""
    side: str = ""
    funding: str | None = None
    fee: str | None = None
    cash_flow: str | None = None
    cash_balance: str | None = None
    qty: str | None = None
    trade_price: str | None = None
    trade_id: str = ""
    order_id: str = ""
    order_link_id: str = ""


def cash_row(raw: bytes | msgspec.Raw) -> CashRow:
    """One line of the log. Raises BadRow("cash row").

    `feeRate`, `size` and `bonusChange` are not needed here; `extraFees` are part of `change` or of no coin of this row.
    """
    row = decode(raw, _CashWire, "cash row")
    try:
        return _cash_row(row)
    except BadNumber as error:
        raise BadRow("cash row", str(error)) from None


def _cash_row(row: _CashWire) -> CashRow:
    at_ms = millis(row.transaction_time, "transactionTime")
    if not row.currency or not row.type or not at_ms:
        raise BadNumber(f"row {row.id!r} names no currency, type or time")
    kind = _KIND_OF.get(row.type, CashKind.UNKNOWN)
    return CashRow(
        row_id="|".join((row.id, row.trade_id, row.type, row.currency, str(at_ms))),
        kind=kind,
        raw_kind=row.type,
        currency=row.currency,
        change=amount(row.change, "change"),
        cash_flow=maybe_amount(row.cash_flow, "cashFlow") or ZERO,
        fee=maybe_amount(row.fee, "fee") or ZERO,
        funding=maybe_amount(row.funding, "funding") if kind is CashKind.SETTLEMENT else None,
        balance=maybe_amount(row.cash_balance, "cashBalance"),
        at_ms=at_ms,
        category=row.category,
        symbol=row.symbol,
        side=cast(Literal["Buy", "Sell"], row.side) if row.side in ("Buy", "Sell") else None,
        qty=_size(row.qty, "qty"),
        price=_size(row.trade_price, "tradePrice"),
        trade_id=row.trade_id,
        order_id=row.order_id,
        order_link_id=row.order_link_id,
    )


def _size(raw: str | None, field: str) -> Decimal | None:
    """A size without its sign (spot rows are signed, derivatives are not); blank and zero say that there is none."""
    number = maybe_amount(raw, field)
    return abs(number) if number else None
