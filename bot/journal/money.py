"""Money in the journal: payments of the loan from the wish to the end, and the venue's own account book line by line.

Knows the records; the amounts are the venue's. `proof` re-adds the lines to the wallet: what does not add up is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from bot.domain.account import CashRow
from bot.domain.commands import PaymentEnded, PaymentPlanned, RepayDebt, TransferCoin
from bot.domain.events import CashSeen
from bot.journal.reader import JournalReader

__all__ = ["cash", "payments", "proof"]

Row = dict[str, Any]
ZERO = Decimal(0)
_GRAIN = Decimal("0.000001")
"""Balances closer than this are the same: the venue cuts its figures at eight digits."""


def payments(journal: JournalReader, *, last: int | None = None, since_ms: int | None = None) -> list[Row]:
    """Each payment: why, how much, how it ended. Amounts in USDT."""
    ended = {record.number: (entry.at_ms, record) for entry, record in journal.of(PaymentEnded, since_ms=since_ms)}
    sent: dict[int, list[str]] = {}
    for _, moved in journal.of(TransferCoin, since_ms=since_ms):
        sent.setdefault(moved.payment, []).append("transfer")
    for _, repaid in journal.of(RepayDebt, since_ms=since_ms):
        sent.setdefault(repaid.payment, []).append("repayment")
    rows = []
    for entry, plan in journal.of(PaymentPlanned, since_ms=since_ms):
        end_ms, end = ended.get(plan.number, (None, None))
        rows.append(
            {
                "at_ms": entry.at_ms,
                "payment": plan.number,
                "trigger": plan.trigger.value,
                "why": plan.why,
                "structure": plan.structure.value,
                "amount": plan.amount,
                "transferred": plan.to_transfer,
                "debt_before": plan.debt_before,
                "interest_before": plan.interest_before,
                "from_reserve": plan.from_reserve,
                "sent": ", ".join(sent.get(plan.number, [])),
                "ended_ms": end_ms,
                "paid": end.paid if end is not None else None,
                "outcome": end.step if end is not None else "open",
                "reason": end.reason if end is not None else "",
            }
        )
    return rows[-last:] if last else rows


def cash(journal: JournalReader, *, since_ms: int | None = None) -> Iterator[Row]:
    """The venue's transaction log as we hold it, oldest first: trades, funding, interest, transfers, repayments.

    `change` = cash_flow + funding - fee, in `currency`; `sum` is the running sum of changes of that currency, and `wallet` what the venue
    says the wallet held after the line.
    """
    sums: dict[str, Decimal] = {}
    for row in _in_order(seen.row for _, seen in journal.of(CashSeen)):
        sums[row.currency] = sums.get(row.currency, ZERO) + row.change
        if since_ms is not None and row.at_ms < since_ms:
            continue
        yield {
            "time_utc": datetime.fromtimestamp(row.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "at_ms": row.at_ms,
            "kind": row.kind.value,
            "bybit_type": row.raw_kind,
            "currency": row.currency,
            "change": row.change,
            "cash_flow": row.cash_flow,
            "funding": row.funding,
            "fee": row.fee,
            "sum": sums[row.currency],
            "wallet": row.balance,
            "symbol": row.symbol,
            "side": row.side,
            "qty": row.qty,
            "price": row.price,
            "trade_id": row.trade_id,
            "order_link_id": row.order_link_id,
            "row_id": row.row_id,
        }


def _in_order(rows: Iterable[CashRow]) -> Iterator[CashRow]:
    """Oldest first. Rows of one millisecond (the fills of one order, say) stand in the order of the wallets they tell: each follows the row
    that left what it began with; the first of them all begins with what no other of its moment left. In doubt as they were listed."""
    wallets: dict[str, Decimal] = {}
    for _, moment in groupby(sorted(rows, key=lambda row: row.at_ms), key=lambda row: row.at_ms):
        left = list(moment)
        while left:
            row = next((row for row in left if _follows(row, left, wallets)), left[0])
            left.remove(row)
            if row.balance is not None:
                wallets[row.currency] = row.balance
            yield row


def _follows(row: CashRow, left: list[CashRow], wallets: dict[str, Decimal]) -> bool:
    if row.balance is None:
        return True
    before = row.balance - row.change
    if row.currency in wallets:
        return abs(wallets[row.currency] - before) < _GRAIN
    others = [other.balance for other in left if other.currency == row.currency and other is not row]
    return all(balance is None or abs(balance - before) >= _GRAIN for balance in others)


def proof(rows: list[Row]) -> list[Row]:
    """Per currency: the wallet before the first line plus all changes, against the wallet after the last. `missing`: what no line told."""
    told: list[Row] = []
    for currency in sorted({row["currency"] for row in rows}):
        mine = [row for row in rows if row["currency"] == currency and row["wallet"] is not None]
        if not mine:
            continue
        before = mine[0]["wallet"] - mine[0]["change"]
        changes = sum((row["change"] for row in rows if row["currency"] == currency), ZERO)
        told.append(
            {
                "currency": currency,
                "lines": len(mine),
                "wallet_before": before,
                "changes": changes,
                "wallet_after": mine[-1]["wallet"],
                "missing": mine[-1]["wallet"] - before - changes,
            }
        )
    return told
