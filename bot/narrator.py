"""The narrator: what the journal records, told to a person; one line per decision, with everything that led to it.

Knows how each record reads as a log line. Decides nothing, and stays silent about the bulk: prices, readings that agree, pulses.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from bot.domain.commands import (
    BooksCompared,
    Decided,
    DeedAbsent,
    HedgeEnded,
    LegsAdopted,
    ModeChanged,
    Note,
    OrderAbsent,
    PaymentEnded,
    PaymentPlanned,
    PaymentRefused,
    PlaceOrder,
    ProfitRealised,
    RealiseWanted,
    Refusal,
    Thought,
)
from bot.domain.events import (
    BadInput,
    ChannelChanged,
    ExecutionSeen,
    FactsLost,
    FundingContextSeen,
    OperatorAsked,
    OrderAnswered,
    ReadFailed,
    Started,
    Stopping,
)
from bot.domain.orders import Verdict
from bot.domain.records import Record
from bot.domain.thoughts import BreakerMoved, EmergencyEnded, Measured
from bot.engine import decider

if TYPE_CHECKING:
    from bot.journal.journal import Journal
    from bot.monitoring.alerts.service import Alerts

__all__ = ["Scribe", "tell"]

_log = structlog.get_logger("hedgelock")


class Scribe:
    """The engine's diary: the journal, with the narrator and the alerts reading over its shoulder."""

    def __init__(self, journal: Journal, alerts: Alerts) -> None:
        self._journal = journal
        self._alerts = alerts

    def append(self, record: Record, now_ms: int) -> int:
        number = self._journal.append(record, now_ms)
        tell(record, now_ms)
        self._alerts.hear(record)
        return number

    def commit(self) -> None:
        self._journal.commit()


def tell(record: Record, now_ms: int) -> None:
    """Log a record that a person wants to hear of."""
    if isinstance(record, Thought):
        _tell_thought(record, now_ms)
        return
    match record:
        case PlaceOrder():
            _log.info(
                "order",
                id=record.order_link_id,
                does=f"{record.act.value} {record.leg.name.lower()} by {record.qty} BTC",
                limit=str(record.limit_price) if record.limit_price is not None else "market",
                decision=record.decision,
            )
        case OrderAnswered():
            if record.verdict is not Verdict.ACCEPTED:
                _log.warning(
                    "order not accepted",
                    id=record.order_link_id,
                    verdict=record.verdict.value,
                    code=record.code,
                    why=record.reason,
                )
        case ExecutionSeen():
            _tell_execution(record)
        case ChannelChanged():
            (_log.info if record.up else _log.warning)(
                f"{record.channel.value} {'up' if record.up else 'down'}", why=record.reason
            )
        case BadInput():
            _log.warning("bad input dropped", kind=record.kind, sample=record.sample, once=record.kind)
        case FactsLost() if record.count:  # none is lost where the engine stood still; its note says that
            _log.error("facts lost: the inbox overflowed", count=record.count)
        case ReadFailed():
            _log.warning("read failed", what=record.what, why=record.reason, once=f"{record.what} {record.reason}")
        case FundingContextSeen():
            _log.info("funding, said by another system", regime=record.regime, source=record.source)
        case OperatorAsked():
            _log.info("operator", verb=record.verb.value, who=record.who, why=record.reason)
        case Started():
            _log.info("run", run=record.run, version=record.version, world=record.mode)
        case Stopping():
            _log.info("stopping: finishing what is in flight, keeping the hedge", why=record.reason)
        case _:
            if isinstance(record, Thought):
                _tell_thought(record, now_ms)


def _tell_thought(record: Thought, now_ms: int) -> None:
    match record:
        case Decided():
            _log.info("decision", **_decision(record), market_time=_clock(now_ms))
        case HedgeEnded():
            level = _log.info if record.reached else _log.warning
            level(
                "hedge ended",
                decision=record.decision,
                reached=record.reached,
                why=record.reason,
                filled=str(record.filled),
                fees=str(record.fees),
                slippage_bp=record.slippage_bp,
                maker_share=record.maker_share,
            )
        case Refusal():
            _log.warning("order refused by the gate", decision=record.decision, rule=record.rule, why=record.reason)
        case ModeChanged():
            _log.info("mode", now=record.after.value, before=record.before.value, why=record.reason)
        case LegsAdopted():
            _log.info("legs adopted", long=str(record.long_qty), short=str(record.short_qty), why=record.reason)
        case OrderAbsent():
            _log.warning("order never existed", id=record.order_link_id, proof=record.proof)
        case Note():
            {"critical": _log.critical, "warning": _log.warning}.get(record.severity, _log.info)(
                record.text, kind=record.kind
            )
        case Measured():
            _log.debug("measured from", equity_at_dawn=str(record.equity_at_dawn), equity_peak=str(record.equity_peak))
        case BreakerMoved():
            _log.warning("breaker", name=record.name, tripped=record.tripped, why=record.reason)
        case EmergencyEnded():
            _log.warning("emergency ended", verb=record.verb, done=record.done, why=record.reason)
        case ProfitRealised():
            _log.info(
                "profit realised",
                decision=record.decision,
                why=record.why,
                to_share=str(record.amount_usdt),
                cash=str(record.realised_usdt),
                costs=str(record.costs_usdt),
            )
        case _:
            _tell_payment(record, now_ms)


def _tell_payment(record: Record, now_ms: int) -> None:
    """What happens to the loan."""
    match record:
        case PaymentPlanned():
            _log.info(
                "payment",
                number=record.number,
                usdt=str(record.amount or record.to_transfer),
                does=f"{record.trigger.value}: {record.why}",
                structure=record.structure.value,
                market_time=_clock(now_ms),
            )
        case PaymentEnded():
            _log.info("payment ended", number=record.number, paid=str(record.paid), step=record.step, why=record.reason)
        case PaymentRefused():
            _log.warning(
                "payment refused by the cashier",
                wanted=f"{record.amount} USDT for {record.trigger.value}",
                rule=record.rule,
                why=record.reason,
            )
        case DeedAbsent():
            _log.warning("payment step never happened", number=record.payment, deed=record.deed, proof=record.proof)
        case BooksCompared():
            _log.info("loan books", agree=record.agree, why=record.text)
        case RealiseWanted():
            _log.info("profit wanted", usdt=str(record.need_usdt), why=record.why)
        case _:
            pass


def _decision(record: Decided) -> dict[str, Any]:
    inputs = record.inputs
    stages = {stage.name: stage for stage in record.stages}
    facts: dict[str, Any] = {
        "number": record.number,
        "outcome": record.outcome.value,
        "why": decider.sentence(record),
        "delta": _text(record.delta),
        "target": _text(record.target_delta),
        "gap": _text(record.gap),
        "price": inputs.get("market.price"),
        "sigma_24h": _percent(inputs.get("market.sigma_24h")),
        "h": stages["volatility"].value if "volatility" in stages else None,
        "funding_apr": _percent(inputs.get("market.funding_apr")),
    }
    if record.long_target is not None and record.short_target is not None:
        facts["legs_to"] = f"long {record.long_target} short {record.short_target}"
    return facts


def _tell_execution(record: ExecutionSeen) -> None:
    execution = record.execution
    if not execution.kind.moves_legs:
        _log.info(
            execution.kind.value.lower(),
            leg="long" if execution.side == "Buy" else "short",
            usdt=str(-execution.fee),
            on=f"{execution.qty} BTC",
            rate_price=str(execution.price),
        )
        return
    _log.info(
        "fill",
        id=execution.order_link_id or "another hand",
        side=execution.side,
        qty=str(execution.qty),
        price=str(execution.price),
        fee=str(execution.fee),
        kind=execution.kind.value,
    )


def _clock(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.2%}"
