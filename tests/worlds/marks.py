"""Marks: proof that the worlds dared. Each names a rare branch; a campaign that never reached one has stopped testing it.

`EXPECTED` lists what three hundred seeds must reach. A mark is counted by the world or read off the journal, never by the engine itself.
"""

from __future__ import annotations

from collections import Counter

from bot.domain.account import ExecKind
from bot.domain.commands import (
    CancelOrder,
    HedgeEnded,
    LegsAdopted,
    Mode,
    ModeChanged,
    Note,
    OrderAbsent,
    ProfitRealised,
    Refusal,
)
from bot.domain.events import AccountRead, ExecutionSeen, FactsLost, OrderAnswered, OrderSeen, OrderSought, ReadFailed
from bot.domain.orders import ENDED, OrderState, Verdict
from bot.domain.records import Record
from bot.engine.state import State

__all__ = ["EXPECTED", "of_record"]

EXPECTED = frozenset(
    {
        "absence proved",
        "adl",
        "answer unknown but accepted",
        "another HedgeLock",
        "answered by an ambiguous code",
        "blind",
        "cancelled with fills",
        "disk failed",
        "duplicate request",
        "execution found by REST",
        "execution repeated",
        "facts lost",
        "fill of an unknown order",
        "fill while the private stream was down",
        "filled as a maker",
        "flatten done",
        "foreign trade",
        "freeze done",
        "funding execution",
        "halted and resumed",
        "latched itself",
        "left without its intent on disk",
        "hedge given up",
        "hidden order sought",
        "neutralise done",
        "note: journal well again",
        "note: second writer",
        "killed after ack",
        "killed after commit before send",
        "killed after send before ack",
        "killed at a fill",
        "killed before commit",
        "killed during recovery",
        "late fill after the end",
        "paused and resumed",
        "process frozen",
        "profit realised",
        "read failed",
        "reading stale",
        "records lost at a crash",
        "refused by the gate",
        "rejected after the ack",
        "request never left",
        "request refused as late",
        "resting order asked to leave",
        "spot moved by a deposit",
        "stream cut",
        "stream half open",
        "wallet read from before its change",
    }
)


def of_record(state: State, record: Record, marks: Counter[str]) -> None:
    """Count what a record, about to be folded into `state`, proves."""
    match record:
        case OrderAbsent():
            marks["absence proved"] += 1
        case ExecutionSeen(execution=execution):
            if execution.kind is ExecKind.FUNDING:
                marks["funding execution"] += 1
            if execution.kind is ExecKind.ADL:
                marks["adl"] += 1
            ours = state.blotter.orders.get(execution.order_link_id)
            if ours is not None and ours.state in ENDED:
                marks["late fill after the end"] += 1
                marks["cancelled with fills"] += ours.state is OrderState.CANCELLED
            if ours is not None and ours.state.value == "unknown":
                marks["fill of an unknown order"] += 1
        case OrderAnswered(verdict=Verdict.UNKNOWN, code=code) if code is not None:
            marks["answered by an ambiguous code"] += 1
        case OrderSeen(order=row) if row.status == "Rejected":
            marks["rejected after the ack"] += 1
        case OrderSought(order=None, executions=()):
            marks["hidden order sought"] += 1
        case HedgeEnded(reached=False):
            marks["hedge given up"] += 1
        case HedgeEnded(maker_share=share) if share:
            marks["filled as a maker"] += 1
        case CancelOrder():
            marks["resting order asked to leave"] += 1
        case ProfitRealised(action="realise"):
            marks["profit realised"] += 1
        case LegsAdopted(reason=reason) if "first" not in reason:
            marks["legs adopted anew"] += 1
        case ModeChanged(before=Mode.HALTED, after=after) if after is not Mode.HALTED:
            marks["halted and resumed"] += 1
        case ModeChanged(after=Mode.BLIND):
            marks["blind"] += 1
        case AccountRead(reading=reading):
            marks["execution repeated"] += any(state.ledger.knows(row) for row in reading.executions)
        case FactsLost():
            marks["facts lost"] += 1
        case ReadFailed():
            marks["read failed"] += 1
        case Refusal():
            marks["refused by the gate"] += 1
        case Note(kind=kind):
            marks[f"note: {kind}"] += 1
        case _:
            pass
