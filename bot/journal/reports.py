"""What the journal tells a person: orders, decisions, fills and notes as rows, and everything that followed from one decision.

A row is a plain mapping of names to texts, numbers and None; quantities in BTC, prices and fees in USDT, times in UTC milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.domain.account import Execution
from bot.domain.commands import (
    CashAdopted,
    Decided,
    FundingAdopted,
    HedgeEnded,
    LegsAdopted,
    ModeChanged,
    Note,
    OrderAbsent,
    PlaceOrder,
    ProfitRealised,
    Realising,
    Refusal,
)
from bot.domain.errors import IllegalStep
from bot.domain.events import (
    ExecutionSeen,
    FactsLost,
    LatchSeen,
    OperatorAsked,
    OrderAnswered,
    OrderSeen,
    OrderSought,
    Started,
    Stopping,
)
from bot.domain.legs import Act, Leg
from bot.domain.money import ZERO, average
from bot.domain.orders import OrderState, Signal, Verdict, next_state, signal_of_status, signal_of_verdict
from bot.domain.records import Record
from bot.journal.reader import Entry, JournalReader

__all__ = [
    "Aftermath",
    "OrderStory",
    "aftermath",
    "decisions",
    "fills",
    "find_decision",
    "moment_ms",
    "notes",
    "orders",
]

Row = dict[str, Any]

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_OF_ORDERS = (OrderAnswered, OrderSeen, OrderSought, OrderAbsent, ExecutionSeen, Started)
_TELLING = (
    Note,
    ModeChanged,
    LegsAdopted,
    CashAdopted,
    FundingAdopted,
    Refusal,
    OrderAbsent,
    OperatorAsked,
    LatchSeen,
    FactsLost,
    Started,
    Stopping,
)


@dataclass(slots=True)
class OrderStory:
    """One order of ours and what became of it."""

    at_ms: int
    place: PlaceOrder
    state: OrderState = OrderState.INTENDED
    reason: str = ""
    executions: list[Execution] = field(default_factory=list)
    number: int = 0
    """Of its record in the journal."""

    @property
    def filled(self) -> Decimal:
        return sum((e.qty for e in self.executions), ZERO)

    @property
    def fees(self) -> Decimal:
        return sum((e.fee for e in self.executions), ZERO)

    @property
    def avg_price(self) -> Decimal | None:
        return average(sum((e.qty * e.price for e in self.executions), ZERO), self.filled)

    @property
    def delta_moved(self) -> Decimal:
        """By how much its fills moved delta, in BTC."""
        raises = (self.place.leg is Leg.LONG) == (self.place.act is Act.GROW)
        return self.filled if raises else -self.filled

    def hear(self, record: Record) -> None:
        match record:
            case OrderAnswered():
                accepted = record.verdict is Verdict.ACCEPTED
                self._step(signal_of_verdict(record.verdict), "" if accepted else record.reason)
            case OrderSeen():
                self._step(signal_of_status(record.order.status), record.order.reject_reason)
            case OrderSought(order=row) if row is not None:
                self._step(signal_of_status(row.status), row.reject_reason)
            case Started():
                if self.state is OrderState.INTENDED:
                    self._step(Signal.NO_ANSWER, "the run that sent it ended before an answer")
            case OrderAbsent():
                self._step(Signal.PROVED_ABSENT, record.proof)
            case ExecutionSeen():
                self.executions.append(record.execution)

    def _step(self, signal: Signal | None, reason: str) -> None:
        if signal is not None:
            with suppress(IllegalStep):  # the engine halted over it and wrote a note; here the last legal word stands
                self.state = next_state(self.state, signal)
        if reason and reason != "EC_NoError":
            self.reason = reason

    def row(self) -> Row:
        return {
            "at_ms": self.at_ms,
            "order": self.place.order_link_id,
            "decision": self.place.decision,
            "leg": self.place.leg.name.lower(),
            "act": self.place.act.value,
            "qty": self.place.qty,
            "limit": self.place.limit_price,
            "state": self.state.value,
            "filled": self.filled,
            "avg_price": self.avg_price,
            "fee": self.fees,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What followed from one decision, as far as the journal tells."""

    orders: tuple[OrderStory, ...]
    refusals: tuple[Refusal, ...]
    ended: HedgeEnded | None
    realising: Realising | None = None
    realised: ProfitRealised | None = None

    @property
    def delta_moved(self) -> Decimal:
        return sum((order.delta_moved for order in self.orders), ZERO)


def moment_ms(text: str, newest_ms: int) -> int:
    """A moment in UTC milliseconds: ISO 8601 (UTC without an offset), or an age before the newest record: 90s, 30m, 6h, 2d.

    Raises ValueError.
    """
    if age := re.fullmatch(r"(\d+)([smhd])", text.strip()):
        return newest_ms - int(age[1]) * _UNITS_MS[age[2]]
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def orders(journal: JournalReader, *, last: int | None = None, since_ms: int | None = None) -> list[Row]:
    """Our orders and what became of each."""
    placed = journal.of(PlaceOrder, last=last, since_ms=since_ms)
    return [story.row() for story in _stories(journal, placed)]


def decisions(journal: JournalReader, *, last: int | None = None, since_ms: int | None = None) -> list[Row]:
    """Decisions, the refusals to act too."""
    return [
        {
            "at_ms": entry.at_ms,
            "decision": decided.number,
            "outcome": decided.outcome.value,
            "trigger": decided.trigger,
            "price": decided.inputs.get("market.price"),
            "delta": decided.delta,
            "target": decided.target_delta,
            "gap": decided.gap,
            "long_to": decided.long_target,
            "short_to": decided.short_target,
            "reason": decided.reason,
        }
        for entry, decided in journal.of(Decided, last=last, since_ms=since_ms)
    ]


def fills(journal: JournalReader, *, last: int | None = None, since_ms: int | None = None) -> list[Row]:
    """Executions of any kind: trades, funding, and what another hand did. `fee` > 0 was paid."""
    return [_fill(seen.execution) for _, seen in journal.of(ExecutionSeen, last=last, since_ms=since_ms)]


def notes(journal: JournalReader, *, last: int | None = None, since_ms: int | None = None) -> list[Row]:
    """What a person should know: notes, changes of mode, refusals of the gate, runs and their ends, an operator's words."""
    return [
        {"at_ms": entry.at_ms, "what": what, "text": text}
        for entry in journal.entries(_TELLING, last=last, since_ms=since_ms)
        for what, text in (_words(entry.record),)
    ]


def find_decision(journal: JournalReader, name: str | None) -> tuple[Entry, Decided] | None:
    """A decision by its number or by an order of its; the last one for None. None where there is none."""
    if name is None:
        return next(journal.of(Decided, last=1), None)
    number = next((p.decision for _, p in journal.of(PlaceOrder) if p.order_link_id == name), None)
    if number is None and name.isdecimal():
        number = int(name)
    return next((found for found in journal.of(Decided) if found[1].number == number), None)


def aftermath(journal: JournalReader, decided: Entry) -> Aftermath:
    """The orders, fills and end of a decision's hedge."""
    assert isinstance(decided.record, Decided)
    number = decided.record.number
    placed = [
        (entry, place)
        for entry, place in journal.of(PlaceOrder, since_number=decided.number)
        if place.decision == number
    ]
    refusals = (r for _, r in journal.of(Refusal, since_number=decided.number) if r.decision == number)
    ends = (e for _, e in journal.of(HedgeEnded, since_number=decided.number) if e.decision == number)
    return Aftermath(
        orders=tuple(_stories(journal, placed)),
        refusals=tuple({(r.leg, r.act, r.rule): r for r in refusals}.values()),
        ended=next(ends, None),
        realising=next(
            (r for _, r in journal.of(Realising, since_number=decided.number) if r.decision == number), None
        ),
        realised=next(
            (r for _, r in journal.of(ProfitRealised, since_number=decided.number) if r.decision == number), None
        ),
    )


def _stories(journal: JournalReader, placed: Iterable[tuple[Entry, PlaceOrder]]) -> Iterator[OrderStory]:
    """Orders with everything the journal heard of them afterwards."""
    stories: dict[str, OrderStory] = {}
    first = None
    for entry, place in placed:
        first = entry.number if first is None else first
        stories[place.order_link_id] = OrderStory(entry.at_ms, place, number=entry.number)
    if first is None:
        return
    for entry in journal.entries(_OF_ORDERS, since_number=first):
        if isinstance(entry.record, Started):
            for earlier in stories.values():
                if earlier.number < entry.number:
                    earlier.hear(entry.record)
        elif (story := stories.get(_link_of(entry.record))) is not None:
            story.hear(entry.record)
    yield from stories.values()


def _link_of(record: Record) -> str:
    match record:
        case OrderAnswered() | OrderAbsent() | OrderSought():
            return record.order_link_id
        case OrderSeen():
            return record.order.order_link_id
        case ExecutionSeen():
            return record.execution.order_link_id
    return ""


def _fill(execution: Execution) -> Row:
    return {
        "at_ms": execution.exec_ms,
        "kind": execution.kind.value,
        "order": execution.order_link_id or ("another hand" if execution.kind.moves_legs else ""),
        "side": execution.side,
        "qty": execution.qty,
        "price": execution.price,
        "fee": execution.fee,
        "fee_currency": execution.fee_currency,
        "closed": execution.closed_qty,
        "maker": execution.is_maker,
        "exec_id": execution.exec_id,
    }


def _words(record: Record) -> tuple[str, str]:
    match record:
        case Note():
            return record.severity, f"{record.kind}: {record.text}"
        case ModeChanged():
            moved = (
                record.after.value
                if record.after is record.before
                else f"{record.before.value} -> {record.after.value}"
            )
            return "mode", f"{moved}: {record.reason}"
        case LegsAdopted():
            return "legs adopted", f"long {record.long_qty}, short {record.short_qty}: {record.reason}"
        case CashAdopted():
            begins = record.wallet - record.explained
            return "cash adopted", f"{record.coin} {record.wallet}, our account begins at {begins}: {record.reason}"
        case FundingAdopted():
            paid = f"{record.leg.name.lower()} {record.funding:+f} USDT, executions said {record.was:+f}"
            return "funding adopted", f"{paid}: {record.reason}"
        case Refusal():
            wish = f"{record.act.value} {record.leg.name.lower()} by {record.qty}"
            return "refused", f"decision {record.decision}, {wish}, {record.rule}: {record.reason}"
        case OrderAbsent():
            return "order absent", f"{record.order_link_id}: {record.proof}"
        case OperatorAsked():
            return "operator", f"{record.verb.value}, {record.who}: {record.reason}"
        case LatchSeen():
            return "latch", f"{'closed' if record.closed else 'open'}: {record.reason}"
        case FactsLost():
            return "facts lost", f"{record.count} facts never reached the journal"
        case Started():
            return "started", f"run {record.run}, version {record.version}, {record.mode}"
        case Stopping():
            return "stopping", record.reason
    return type(record).__name__, ""
