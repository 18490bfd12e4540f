"""Money in the journal: payments of the loan from the wish to the end, and the venue's own account book line by line.

Knows the records; the amounts are the venue's. `proof` re-adds the lines to the wallet: what does not add up is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from bot.domain.account import CashRow
from bot.domain.commands import CashAdopted, PaymentEnded, PaymentPlanned, RepayDebt, TransferCoin
from bot.domain.events import CashSeen
from bot.domain.loan import Structure
from bot.journal.reader import JournalReader

__all__ = ["cash", "last_wallets", "payments", "proof", "repaid"]

Row = dict[str, Any]
ZERO = Decimal(0)
_COLUMNS = (
    *("time_utc", "at_ms", "kind", "bybit_type", "currency", "change", "cash_flow", "funding", "fee", "sum", "wallet"),
    *("symbol", "side", "qty", "price", "trade_id", "order_link_id", "row_id"),
)
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
            "time_utc": _utc(row.at_ms),
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


def repaid(journal: JournalReader) -> Iterator[Row]:
    """What was repaid of a Crypto Loan, oldest first, with the columns of `cash`: it is paid from the Funding wallet, of which the
    transaction log knows nothing. Interest is paid first; `change` is below zero, there is no wallet to add up to."""
    plans = {plan.number: plan for _, plan in journal.of(PaymentPlanned)}
    for entry, end in journal.of(PaymentEnded):
        plan = plans.get(end.number)
        if plan is None or plan.structure is not Structure.CRYPTO_LOAN or not end.paid:
            continue
        interest = min(end.paid, plan.interest_before)
        for kind, part in (("loan interest", interest), ("loan principal", end.paid - interest)):
            if part:
                yield {
                    **dict.fromkeys(_COLUMNS),
                    "time_utc": _utc(entry.at_ms),
                    "at_ms": entry.at_ms,
                    "kind": kind,
                    "bybit_type": "crypto loan repayment",
                    "currency": "USDT",
                    "change": -part,
                    "cash_flow": -part,
                    "row_id": f"payment {end.number}",
                }


def last_wallets(journal: JournalReader) -> dict[str, Decimal]:
    """By coin the wallet that readings showed for good after the last line was heard of: where no line tells how it came to that, one is
    missing at the end."""
    heard = {seen.row.currency: entry.number for entry, seen in journal.of(CashSeen)}
    return {
        adopted.coin: adopted.wallet
        for entry, adopted in journal.of(CashAdopted)
        if entry.number > heard.get(adopted.coin, 0)
    }


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


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


def proof(rows: list[Row], wallets: Mapping[str, Decimal]) -> list[Row]:
    """Per currency: the wallet before the first line plus all changes, against the wallet after the last, or what it was seen to hold since
    (`wallets`). `missing`: what no line told."""
    told: list[Row] = []
    for currency in sorted({row["currency"] for row in rows}):
        mine = [row for row in rows if row["currency"] == currency and row["wallet"] is not None]
        if not mine:
            continue
        before = mine[0]["wallet"] - mine[0]["change"]
        after = wallets.get(currency, mine[-1]["wallet"])
        changes = sum((row["change"] for row in rows if row["currency"] == currency), ZERO)
        told.append(
            {
                "currency": currency,
                "lines": len(mine),
                "wallet_before": before,
                "changes": changes,
                "wallet_after": after,
                "missing": after - before - changes,
            }
        )
    return told
