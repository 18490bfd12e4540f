"""The one way out: takes commands, does them, and lets the answers in through the inbox.

Knows that an order leaves once and that every ending is a verdict; does not know why an order is wanted. Each kind of command has a lane
of its own with its own workers and bound, so that a slow question never holds up an order or a cancel. Questions that wait are merged: ten
requests for a reading while one runs become one more.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

import structlog

from bot.domain.clock import Clock, elapsed_s
from bot.domain.commands import (
    CancelOrder,
    Command,
    PlaceOrder,
    ReadAccount,
    ReadHistory,
    ReadLoan,
    RepayDebt,
    SeekOrder,
    SeekRepayment,
    SeekTransfer,
    TransferCoin,
)
from bot.domain.errors import Broken, HedgeLockError, OutcomeUnknown, Refused
from bot.domain.events import Event, OrderAnswered, ReadFailed
from bot.domain.orders import Verdict
from bot.domain.ports import Inbox
from bot.exchange.codes import is_ended, is_for_want
from bot.exchange.lender import Lender
from bot.exchange.money import money_answered, send_money
from bot.exchange.patience import Patience
from bot.exchange.reader import Reader
from bot.exchange.rest import NEVER_LEFT, Rest, Tell
from bot.exchange.wire_rest import cancel_params, created_order_id, order_params
from bot.exchange.wire_rows import BadRow

__all__ = ["Executor"]

_log = structlog.get_logger("exchange.executor")

REMEMBERED_ORDERS = 10_000


@dataclass(slots=True)
class _Lane:
    """Commands of one kind: at most `bound` wait, at most `workers` run. Equal keys merge."""

    workers: int
    bound: int
    waiting: OrderedDict[str, Command] = field(default_factory=OrderedDict)
    running: int = 0
    there: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, key: str, command: Command) -> bool:
        """Take a command in, or merge it into a waiting one; False when there is no room."""
        before = self.waiting.get(key)
        if before is None and len(self.waiting) >= self.bound:
            return False
        self.waiting[key] = command if before is None else _merged(before, command)
        self.there.set()
        return True

    async def take(self) -> Command:
        while not self.waiting:
            self.there.clear()
            await self.there.wait()
        self.running += 1
        return self.waiting.popitem(last=False)[1]

    @property
    def idle(self) -> bool:
        return not self.waiting and self.running == 0


class Executor:
    """Run `run()` in a task group; `submit` from anywhere on the loop.

    `is_forbidden` is asked in the very moment before an order leaves: whoever closed the latch while we slept is obeyed.
    """

    def __init__(
        self,
        rest: Rest,
        reader: Reader,
        inbox: Inbox,
        clock: Clock,
        *,
        patience: Patience,
        is_forbidden: Callable[[], bool] = lambda: False,
        lender: Lender | None = None,
    ) -> None:
        """`lender` answers about the loan; None: nobody asks."""
        self._rest = rest
        self._reader = reader
        self._lender = lender
        self._inbox = inbox
        self._clock = clock
        self._patience = patience
        self._is_forbidden = is_forbidden
        self._closing = False
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._idle = asyncio.Event()
        self._idle.set()
        # Two workers for orders: the two legs of one hedge leave together, and a leg whose answer is lost does not hold up the other.
        self._lanes: dict[type[Command], _Lane] = {
            PlaceOrder: _Lane(workers=2, bound=32),
            CancelOrder: _Lane(workers=2, bound=64),
            SeekOrder: _Lane(workers=2, bound=64),
            ReadAccount: _Lane(workers=1, bound=1),
            ReadHistory: _Lane(workers=1, bound=4),
            # One worker: a payment's steps follow each other.
            TransferCoin: _Lane(workers=1, bound=4),
            RepayDebt: _Lane(workers=1, bound=4),
            ReadLoan: _Lane(workers=1, bound=1),
            SeekTransfer: _Lane(workers=1, bound=4),
            SeekRepayment: _Lane(workers=1, bound=4),
        }

    def submit(self, command: Command) -> None:
        """Take a command in; never waits. What cannot be taken is answered at once, through the inbox."""
        if isinstance(command, PlaceOrder | TransferCoin | RepayDebt) and not self._may_send(command):
            return
        self._idle.clear()
        if not self._lanes[type(command)].offer(_key(command), command):
            self._turn_away(command, "too many are waiting")
        self._note_idle()

    async def run(self) -> None:
        """Work until cancelled. Every command taken in gets its answer, the one that is interrupted too."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for lane in self._lanes.values():
                    for _ in range(lane.workers):
                        tasks.create_task(self._work(lane))
        finally:
            for lane in self._lanes.values():
                while lane.waiting:
                    self._turn_away(lane.waiting.popitem(last=False)[1], "we were stopped")
            self._note_idle()

    async def drain(self, deadline_s: float) -> bool:
        """From now on new orders are refused; waits until everything taken in is done. False when the deadline came first."""
        self._closing = True
        try:
            async with asyncio.timeout(deadline_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _work(self, lane: _Lane) -> None:
        while True:
            command = await lane.take()
            try:
                await self._do(command)
            finally:
                lane.running -= 1
                self._note_idle()

    async def _do(self, command: Command) -> None:
        match command:
            case PlaceOrder():
                await self._place(command)
            case CancelOrder():
                await self._cancel(command)
            case ReadAccount():
                await self._ask(command, lambda: self._reader.read_account(command))
            case ReadHistory():
                await self._ask(command, lambda: self._reader.read_history(command))
            case SeekOrder():
                await self._ask(command, lambda: self._reader.seek(command))
            case TransferCoin() | RepayDebt():
                await self._pay(command)
            case ReadLoan() | SeekTransfer() | SeekRepayment():
                await self._ask(command, lambda: self._ask_lender(command))
            case _:
                assert_never(command)

    async def _place(self, order: PlaceOrder) -> None:
        """Send once and answer once, whatever happens to us meanwhile.

        The sending is a task of its own because it must outlive our being cancelled: a stop in mid-flight still listens a while for
        what became of the order. It never outlives this call.
        """
        stopped = _answered(order, Verdict.UNKNOWN, None, "we were stopped while it was in flight")
        await self._send_once(self._sent_and_answered(order), stopped)

    async def _pay(self, deed: TransferCoin | RepayDebt) -> None:
        if self._is_forbidden():
            self._turn_away(deed, "the halt latch is closed")
            return
        stopped = money_answered(deed, Verdict.UNKNOWN, None, "we were stopped while it was in flight")
        await self._send_once(send_money(self._rest, deed), stopped)

    async def _send_once(self, deed: Coroutine[Any, Any, Event], stopped: Event) -> None:
        """Carry a deed out and tell its answer; `stopped` where we are stopped and none comes in time."""
        sending = asyncio.create_task(deed)
        answer = stopped
        try:
            answer = await asyncio.shield(sending)
        except asyncio.CancelledError:
            done, _ = await asyncio.wait({sending}, timeout=self._patience.last_words_s)
            if done:
                answer = sending.result()
            raise
        finally:
            sending.cancel()
            self._inbox.put(answer)

    async def _sent_and_answered(self, order: PlaceOrder) -> OrderAnswered:
        """The order's verdict. Only what the venue or our own machine proved is a refusal."""
        started_s = elapsed_s()
        if self._is_forbidden():
            return _answered(order, Verdict.REFUSED, None, "it never left: the halt latch is closed")
        try:
            result = await self._rest.tell(Tell.CREATE_ORDER, order_params(order))
            order_id = created_order_id(result, order.order_link_id)
        except Refused as error:
            code = None if error.code == NEVER_LEFT else error.code
            answer = _answered(order, Verdict.REFUSED, code, error.reason)
        except OutcomeUnknown as error:
            answer = _answered(order, Verdict.UNKNOWN, error.code, error.reason)
        except BadRow as error:
            answer = _answered(order, Verdict.UNKNOWN, 0, str(error))
        except Exception as error:  # noqa: BLE001  (whatever broke here, the order may be at the venue)
            _log.exception("a mistake of ours while placing", order_link_id=order.order_link_id)
            answer = _answered(order, Verdict.UNKNOWN, None, f"{type(error).__name__} while placing")
        else:
            answer = _answered(order, Verdict.ACCEPTED, 0, "accepted", order_id)
        _log.info(
            "order answered",
            order_link_id=order.order_link_id,
            leg=order.leg.name,
            act=order.act.value,
            qty=str(order.qty),
            verdict=answer.verdict.value,
            code=answer.code,
            reason=answer.reason,
            took_ms=round((elapsed_s() - started_s) * 1000, 1),
        )
        return answer

    async def _cancel(self, command: CancelOrder) -> None:
        """Ask for a cancel. Success is told by the order stream; everything else sends us to look at the order."""
        try:
            await self._rest.tell(Tell.CANCEL_ORDER, cancel_params(command))
            return
        except (Refused, OutcomeUnknown) as error:
            ended = error.code is not None and is_ended(error.code)
            proved = isinstance(error, Refused) and not ended
            reason = error.reason
        _log.info("cancel answered", order_link_id=command.order_link_id, reason=reason, ended=ended)
        if proved:
            self._inbox.put(ReadFailed(what=type(command).__name__, reason=reason))
        else:
            now_ms = self._clock.now_ms()
            self.submit(SeekOrder(order_link_id=command.order_link_id, symbol=command.symbol, sent_ms=now_ms))

    async def _ask(self, command: Command, question: Callable[[], Awaitable[Event]]) -> None:
        try:
            answer = await question()
        except HedgeLockError as error:
            answer = ReadFailed(what=type(command).__name__, reason=str(error))
        except Exception as error:  # noqa: BLE001  (a mistake in reading one answer is a question without an answer)
            _log.exception("a mistake of ours while asking", what=type(command).__name__)
            answer = ReadFailed(what=type(command).__name__, reason=f"{type(error).__name__}: {str(error)[:150]}")
        self._inbox.put(answer)

    async def _ask_lender(self, command: ReadLoan | SeekTransfer | SeekRepayment) -> Event:
        if self._lender is None:
            raise Refused(NEVER_LEFT, "nobody here reads loans")
        match command:
            case ReadLoan():
                return await self._lender.read(command)
            case SeekTransfer():
                return await self._lender.seek_transfer(command)
            case SeekRepayment():
                return await self._lender.seek_repayment(command)
            case _:
                assert_never(command)

    def _may_send(self, deed: PlaceOrder | TransferCoin | RepayDebt) -> bool:
        name = _key(deed)
        if name in self._sent:
            raise Broken(f"{type(deed).__name__} {name} was given out twice")
        if self._closing:
            self._turn_away(deed, "we are leaving")
            return False
        self._sent[name] = None
        if len(self._sent) > REMEMBERED_ORDERS:
            self._sent.popitem(last=False)
        return True

    def _turn_away(self, command: Command, reason: str) -> None:
        """Answer a command that was not begun."""
        if isinstance(command, PlaceOrder):
            self._inbox.put(_answered(command, Verdict.REFUSED, None, f"it never left: {reason}"))
        elif isinstance(command, TransferCoin | RepayDebt):
            self._inbox.put(money_answered(command, Verdict.REFUSED, None, f"it never left: {reason}"))
        else:
            self._inbox.put(ReadFailed(what=type(command).__name__, reason=reason))

    def _note_idle(self) -> None:
        if all(lane.idle for lane in self._lanes.values()):
            self._idle.set()


def _answered(order: PlaceOrder, verdict: Verdict, code: int | None, reason: str, order_id: str = "") -> OrderAnswered:
    return OrderAnswered(
        order_link_id=order.order_link_id,
        verdict=verdict,
        code=code,
        reason=reason,
        order_id=order_id,
        for_want=is_for_want(code),
    )


def _key(command: Command) -> str:
    """What makes two waiting commands of one kind the same."""
    match command:
        case PlaceOrder() | CancelOrder() | SeekOrder():
            return command.order_link_id
        case ReadAccount():
            return ""
        case ReadHistory():
            return f"{command.minutes} {command.bars} {command.funding_points}"
        case TransferCoin() | SeekTransfer():
            return command.transfer_id
        case RepayDebt() | SeekRepayment():
            return f"repayment {command.payment} of {command.amount}"
        case ReadLoan():
            return ""
        case _:
            assert_never(command)


def _merged(waiting: Command, newer: Command) -> Command:
    """One command that answers both."""
    if isinstance(waiting, ReadAccount) and isinstance(newer, ReadAccount):
        return replace(
            newer,
            executions_since_ms=min(waiting.executions_since_ms, newer.executions_since_ms),
            with_facts=waiting.with_facts or newer.with_facts,
            cash_since_ms=_earlier(waiting.cash_since_ms, newer.cash_since_ms),
        )
    return newer


def _earlier(one_ms: int | None, other_ms: int | None) -> int | None:
    """The earlier of two moments, of which either may be unwanted."""
    return other_ms if one_ms is None else one_ms if other_ms is None else min(one_ms, other_ms)
