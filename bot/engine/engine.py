"""The wheel: fold, think, turn.

`fold` is the only writer of state; it takes the world's events and our own commands and thoughts alike. `think` only reads, and yields
what to record next. `turn` is the few lines that the live bot, the paper bot, the backtest and the seeded worlds all call. A restart folds
the journal and then asks the venue for the truth: recovery is the ordinary start-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, get_args

from bot.domain.commands import (
    CancelOrder,
    Command,
    Note,
    PlaceOrder,
    RepayDebt,
    Thought,
    TransferCoin,
)
from bot.domain.errors import Broken, JournalFailed
from bot.domain.events import (
    AccountRead,
    BadInput,
    CashSeen,
    Event,
    ExecutionSeen,
    FactsLost,
    JournalSeen,
    LegSeen,
    LoanRead,
    MoneyAnswered,
    OperatorAsked,
    OrderAnswered,
    Started,
    Ticked,
    TickerSeen,
    Verb,
    WalletSeen,
)
from bot.domain.legs import Act
from bot.domain.orders import Verdict
from bot.domain.ports import Diary
from bot.domain.records import Record
from bot.engine import (
    breakers,
    decider,
    emergency,
    gate,
    hearing,
    hedging,
    loan,
    reconciler,
    resting,
    sight,
    taking,
    treasurer,
)
from bot.engine.config import EngineConfig
from bot.engine.modes import MODES
from bot.engine.state import State

__all__ = ["Engine"]

_LOOKED_AT_ON_THE_PULSE = (TickerSeen, LegSeen, WalletSeen, BadInput)
"""They come many times a second and are only kept; the next pulse thinks about them."""

_NEEDS_DISK = (PlaceOrder, CancelOrder, TransferCoin, RepayDebt)
"""Commands whose intent is on disk before they leave."""

_HEARD_BY: dict[type[Record], Callable[[State, Any, int], None]] = {
    **dict.fromkeys(get_args(Event), hearing.event),
    **dict.fromkeys(get_args(Command), hearing.command),
    **dict.fromkeys(get_args(Thought), hearing.thought),
}


class Engine:
    """One engine trades one symbol of one account. `diary` is where it writes before anything leaves."""

    def __init__(self, config: EngineConfig, diary: Diary) -> None:
        self.state = State.blank(config)
        self._diary = diary
        self._is_awake = False
        """Until its own Started it remembers and does not think: what it recovered is another run's mode, and another run's name."""
        self._beat_ms: int | None = None

    def turn(self, event: Event, now_ms: int) -> tuple[Command, ...]:
        """Take one event in and return the commands it leads to, each already on disk if it can send an order.

        Where the diary cannot be written, only orders that make |delta| smaller are among them, and what an emergency closes.
        """
        commands: list[Command] = []
        try:
            self._notice_a_stall(event, now_ms)
            if isinstance(event, _LOOKED_AT_ON_THE_PULSE):
                self._take(event, now_ms)
                return ()
            if not isinstance(event, Ticked):  # a pulse tells of nothing and is no record: it only makes us think
                self._take_in(event, now_ms)
            for record in self.think(event, now_ms) if self._is_awake else ():
                self._take(record, now_ms)
                if isinstance(record, Command):
                    commands.append(record)
        except Broken as broken:
            self._halt(str(broken), now_ms)
        if any(isinstance(command, _NEEDS_DISK) for command in commands):
            try:
                self._diary.commit()
            except JournalFailed as failed:
                return tuple(self._without_disk(commands, str(failed), now_ms))
        return tuple(commands)

    def learn(self, event: Event, now_ms: int) -> None:
        """Take an event in without a thought about it: for who knows already that none would follow."""
        self._take(event, now_ms)

    def recover(self, record: Record, now_ms: int) -> None:
        """Fold one record of the journal, written by an earlier run at `now_ms`."""
        try:
            self.fold(record, now_ms)
        except Broken as broken:
            self.state.broken = str(broken)

    def _take_in(self, event: Event, now_ms: int) -> None:
        """Take what an event shows of executions and cash that are not booked yet, then the event itself, each with a remark on it."""
        for fact in (*reconciler.unbooked(event, self.state), event):
            if self._take(fact, now_ms) and isinstance(fact, reconciler.REMARKABLE):
                for remark in reconciler.remarks(self.state, fact):
                    self._take(remark, now_ms)

    def _take(self, record: Record, now_ms: int) -> bool:
        """Write a record and fold it; False for an execution or a cash row that is booked already."""
        if isinstance(record, ExecutionSeen) and self.state.ledger.knows(record.execution):
            return False  # the venue repeats itself; the journal does not
        if isinstance(record, CashSeen) and self.state.cash.knows(record.row):
            return False
        self._diary.append(record, now_ms)
        if isinstance(record, Started):
            self._is_awake = True
        self.fold(record, now_ms)
        return True

    def _notice_a_stall(self, event: Event, now_ms: int) -> None:
        """The pulse is late: the loop stood still, or the machine slept. As after a reconnect, REST is read first.

        Whatever comes first tells it: after a stall the pulse is only one of many that wake at once.
        """
        before_ms, stall_ms = self._beat_ms, self.state.config.patience.stall_ms
        is_late = before_ms is not None and 0 < stall_ms < now_ms - before_ms
        if is_late or isinstance(event, Ticked):
            self._beat_ms = now_ms
        if before_ms is None or not is_late or not self._is_awake:
            return
        slept = f"the engine stood still for {(now_ms - before_ms) / 1000:.1f} s"
        self._take(Note(severity="warning", kind="stalled", text=slept), now_ms)
        self._take(FactsLost(count=0), now_ms)

    def _halt(self, reason: str, now_ms: int) -> None:
        """Our own books contradict themselves: stop, and say so, whatever else was being thought."""
        self._take(Note(severity="critical", kind="books broken", text=reason), now_ms)
        for change in sight.change(self.state, now_ms):
            self._take(change, now_ms)

    def _without_disk(self, commands: list[Command], problem: str, now_ms: int) -> Iterator[Command]:
        """What may leave although its intent is not on disk: everything but orders that could add risk. Those are given up here. What an
        emergency closes, a person has been told and has confirmed."""
        if not self.state.unwritable:
            failed = JournalSeen(writable=False, reason=problem)
            self._take(failed, now_ms)
            for note in _word_on(failed):
                self._take(note, now_ms)
            for change in sight.change(self.state, now_ms):
                self._take(change, now_ms)
        for command in commands:
            if isinstance(command, TransferCoin | RepayDebt):
                self._take(_never_left(command, problem), now_ms)
                continue
            closes = MODES[self.state.mode].close and isinstance(command, PlaceOrder) and command.act is Act.SHRINK
            if not isinstance(command, PlaceOrder) or closes or gate.shrinks_delta(command, self.state.delta):
                yield command
                continue
            given_up = OrderAnswered(
                order_link_id=command.order_link_id, verdict=Verdict.REFUSED, code=None, reason=f"never left: {problem}"
            )
            self._take(given_up, now_ms)

    # ---------------------------------------------------------------------------------------------------- think

    def think(self, event: Event, now_ms: int) -> Iterator[Command | Thought]:
        """What follows from what is now known. Reads state only; the caller folds each record before the next is drawn."""
        state = self.state
        if isinstance(event, AccountRead):
            yield from reconciler.conclusions(state, event.reading)
        if isinstance(event, JournalSeen):
            yield from _word_on(event)
        if isinstance(event, LoanRead):
            yield from loan.adoption(state)
            yield from loan.remarks(state)
        if isinstance(event, OperatorAsked) and event.verb is Verb.RESUME:
            yield from treasurer.ended_by_word(state)
        if not state.blotter.is_settled:
            yield from reconciler.absences(state, now_ms)
        yield from breakers.changes(state, now_ms)
        if state.loan.open is not None:
            yield from treasurer.absences(state, state.loan.open, now_ms)
        yield from sight.change(state, now_ms)
        yield from sight.remarks(state, now_ms)
        yield from reconciler.questions(state, now_ms)
        if not state.blotter.is_settled:
            yield from resting.leave(state, now_ms)
        if state.emergency is not None:
            yield from emergency.pursue(state, state.emergency, now_ms)
        yield from self._about_the_debt(now_ms)
        if state.hedge is not None:
            yield from hedging.wind_up(state, state.hedge, now_ms)
        if MODES[state.mode].decide and not state.stopping:
            earned = yield from taking.keep(state, now_ms)
            if state.hedge is None:
                yield from taking.take(state, earned, now_ms)
            if state.hedge is None:
                yield from decider.decide(state, now_ms)
        may_act = MODES[state.mode].decide and (not state.stopping or state.is_on_a_round_trip)
        if may_act and state.hedge is not None:
            yield from hedging.next_order(state, state.hedge, now_ms)
        if state.config.loan.enabled:
            yield from loan.questions(state, now_ms)  # last: what was realised a moment ago is to be paid

    def _about_the_debt(self, now_ms: int) -> Iterator[Command | Thought]:
        state, book = self.state, self.state.loan
        if book.open is not None:
            yield from treasurer.questions(state, book.open, now_ms)
        if book.books_debt is not None:
            yield from loan.compare_books(state)
        yield from treasurer.carry_on(state, now_ms)

    def rests(self, now_ms: int) -> bool:
        """Whether a pulse at `now_ms` would lead to nothing. Asking changes nothing."""
        try:
            return next(self.think(Ticked(), now_ms), None) is None
        except Broken:
            return False

    # ---------------------------------------------------------------------------------------------------- fold

    def fold(self, record: Record, now_ms: int) -> None:
        """Write one record into the state."""
        self.state.records += 1
        _HEARD_BY[type(record)](self.state, record, now_ms)


def _never_left(deed: TransferCoin | RepayDebt, problem: str) -> MoneyAnswered:
    """No money moves whose intent is not on disk."""
    reason = f"never left: {problem}"
    return MoneyAnswered(
        payment=deed.payment, deed=type(deed).__name__, verdict=Verdict.REFUSED, code=None, reason=reason
    )


def _word_on(journal: JournalSeen) -> Iterator[Note]:
    """What a person is told of a journal that fails or is well again."""
    if journal.writable:
        yield Note(
            severity="warning",
            kind="journal well again",
            text="the journal is written again, with all that waited in memory",
        )
    else:
        yield Note(
            severity="critical",
            kind="journal unwritable",
            text=f"{journal.reason}: nothing grows until it can; records are kept in memory, delta may still be made smaller",
        )
