"""The teller: which messages a record of the journal makes.

It hears every record in order, with a way to look at the picture after that record was folded, and remembers only what it told last, so
that what has not changed is not told again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, assert_never

from bot.domain.commands import LegsAdopted, Mode, ModeChanged, Note, PlaceOrder, ProfitRealised
from bot.domain.events import AccountRead, ExecutionSeen, LatchSeen, OperatorAsked, Started, TickerSeen, WalletSeen
from bot.domain.records import Record
from bot.domain.view import BotView
from bot.stream.messages import (
    EmergencyAction,
    FundingContext,
    HedgeTrade,
    MarketData,
    Message,
    PnlUpdate,
    PositionState,
    ProfitTaking,
)

__all__ = ["Teller"]

Told = (
    TickerSeen
    | ExecutionSeen
    | AccountRead
    | WalletSeen
    | LegsAdopted
    | ModeChanged
    | LatchSeen
    | OperatorAsked
    | ProfitRealised
    | Note
)
"""Records that make messages; all others only change the picture."""

PNL_EVERY_MS = 60_000
"""Profit and loss moves with every price; it is told at every trade, and at most this often besides."""

_ALARMING = frozenset({Mode.HALTED, Mode.REDUCING, Mode.BLIND})


class Teller:
    """Makes messages of records. `journal` is the name that every message carries; `run` wrote the last record heard."""

    def __init__(self, journal: str) -> None:
        self.run = ""
        self._journal = journal
        self._funding: tuple[object, ...] = ()
        self._position: tuple[object, ...] = ()
        self._pnl_ms: int | None = None
        self._ours: set[str] = set()

    def tell(self, number: int, at_ms: int, record: Record, look: Callable[[], BotView]) -> Iterator[Message]:
        """The messages of one record, which `look` already contains."""
        if isinstance(record, PlaceOrder):
            self._ours.add(record.order_link_id)
        if isinstance(record, Started):
            self.run = record.run
        if not isinstance(record, Told):
            return
        view = look()
        self_said: dict[str, Any] = {
            "journal": self._journal,
            "number": number,
            "at_ms": at_ms,
            "world": view.world,
            "symbol": view.symbol,
            "run": self.run,
        }
        match record:
            case TickerSeen():
                yield MarketData(
                    last=record.last,
                    mark=record.mark,
                    index=record.index,
                    bid=record.bid,
                    ask=record.ask,
                    **self_said,
                )
                yield from self._funding_changed(view, self_said)
            case ExecutionSeen():
                yield from self._trade(record, self_said)
            case ProfitRealised():
                yield ProfitTaking(
                    cycle=record.cycle,
                    action=record.action,
                    why=record.why,
                    amount=record.amount_usdt,
                    costs=record.costs_usdt,
                    price=record.price,
                    **self_said,
                )
            case ModeChanged() | LatchSeen() | OperatorAsked() | Note():
                yield from _emergency(record, self_said)
            case AccountRead() | WalletSeen() | LegsAdopted():
                pass
            case _:
                assert_never(record)
        yield from self._position_changed(view, self_said)
        yield from self._pnl_changed(record, at_ms, view, self_said)

    def _trade(self, record: ExecutionSeen, self_said: dict[str, Any]) -> Iterator[Message]:
        execution = record.execution
        if execution.kind.moves_legs and execution.category == "linear":
            yield HedgeTrade(
                exec_id=execution.exec_id,
                kind=execution.kind.value,
                order_link_id=execution.order_link_id,
                ours=execution.order_link_id in self._ours,
                side=execution.side,
                qty=execution.qty,
                price=execution.price,
                fee=execution.fee,
                fee_currency=execution.fee_currency,
                is_maker=execution.is_maker,
                exec_ms=execution.exec_ms,
                **self_said,
            )

    def _funding_changed(self, view: BotView, self_said: dict[str, Any]) -> Iterator[Message]:
        funding = view.funding
        now = (funding.rate, funding.interval_h, funding.next_ms, funding.regime)
        if now != self._funding:
            self._funding = now
            yield FundingContext(
                rate=funding.rate,
                interval_h=funding.interval_h,
                next_ms=funding.next_ms,
                apr=funding.apr,
                regime=funding.regime,
                **self_said,
            )

    def _position_changed(self, view: BotView, self_said: dict[str, Any]) -> Iterator[Message]:
        book, target = view.book, view.target
        now = (book.spot, book.long.qty, book.short.qty, target.delta, view.volatility.regime, view.mode)
        if now != self._position:
            self._position = now
            yield PositionState(
                spot=book.spot,
                long=book.long.qty,
                short=book.short.qty,
                delta=book.delta,
                target_delta=target.delta,
                hedge_ratio=target.hedge_ratio,
                volatility_regime=view.volatility.regime,
                mark=view.market.mark,
                debt=view.loan.debt,
                ltv=view.loan.ltv,
                mode=view.mode.value,
                why=view.why,
                **self_said,
            )

    def _pnl_changed(self, record: Told, at_ms: int, view: BotView, self_said: dict[str, Any]) -> Iterator[Message]:
        is_due = self._pnl_ms is None or at_ms - self._pnl_ms >= PNL_EVERY_MS
        if is_due or isinstance(record, ExecutionSeen | ProfitRealised):
            self._pnl_ms = at_ms
            pnl = view.pnl
            yield PnlUpdate(
                realised=pnl.realised,
                unrealised=pnl.unrealised,
                funding=pnl.funding,
                fees=pnl.fees,
                total=pnl.total,
                **self_said,
            )


def _emergency(
    record: ModeChanged | LatchSeen | OperatorAsked | Note, self_said: dict[str, Any]
) -> Iterator[EmergencyAction]:
    match record:
        case ModeChanged() if record.after in _ALARMING or record.before in _ALARMING:
            severity = "critical" if record.after is Mode.HALTED else "warning"
            text = f"{record.before.value} to {record.after.value}: {record.reason}"
            yield EmergencyAction(kind="mode", severity=severity, text=text, **self_said)
        case LatchSeen():
            text = f"{'closed' if record.closed else 'lifted'}: {record.reason}"
            yield EmergencyAction(kind="latch", severity="critical", text=text, **self_said)
        case OperatorAsked():
            text = f"{record.verb.value} asked by {record.who}: {record.reason}"
            yield EmergencyAction(kind="operator", severity="warning", text=text, **self_said)
        case Note() if record.severity == "critical":
            yield EmergencyAction(kind=record.kind, severity=record.severity, text=record.text, **self_said)
        case _:
            return
