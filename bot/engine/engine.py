"""The wheel: fold, think, turn.

`fold` is the only writer of state; it takes the world's events and our own commands and thoughts alike. `think` only reads, and yields
what to record next. `turn` is the few lines that the live bot, the paper bot, the backtest and the seeded worlds all call. A restart folds
the journal and then asks the venue for the truth: recovery is the ordinary start-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from bot.domain.account import Execution
from bot.domain.commands import (
    CancelOrder,
    Command,
    Decided,
    HedgeEnded,
    LegsAdopted,
    ModeChanged,
    Note,
    OrderAbsent,
    PlaceOrder,
    ReadAccount,
    ReadHistory,
    Refusal,
    SeekOrder,
    Thought,
)
from bot.domain.errors import Broken, JournalFailed
from bot.domain.events import (
    AccountRead,
    BadInput,
    BarClosed,
    Channel,
    ChannelChanged,
    Event,
    ExecutionSeen,
    FactsLost,
    HistoryRead,
    JournalSeen,
    LatchSeen,
    LegSeen,
    OperatorAsked,
    OrderAnswered,
    OrderSeen,
    OrderSought,
    ReadFailed,
    Started,
    Stopping,
    Ticked,
    TickerSeen,
    Verb,
    WalletSeen,
)
from bot.domain.orders import OrderState, Signal, Verdict, signal_of_verdict
from bot.domain.ports import Diary
from bot.domain.records import Record
from bot.engine import decider, gate, hedging, reconciler, sight
from bot.engine.config import EngineConfig
from bot.engine.modes import MODES
from bot.engine.state import State

__all__ = ["Engine"]


class Engine:
    """One engine trades one symbol of one account. `diary` is where it writes before anything leaves."""

    def __init__(self, config: EngineConfig, diary: Diary) -> None:
        self.state = State.blank(config)
        self._diary = diary

    def turn(self, event: Event, now_ms: int) -> tuple[Command, ...]:
        """Take one event in and return the commands it leads to, each already on disk if it can send an order.

        Where the diary cannot be written, only orders that make |delta| smaller are among them.
        """
        commands: list[Command] = []
        try:
            for fact in (*reconciler.unbooked(event, self.state), event):
                if self._take(fact, now_ms):
                    for remark in reconciler.remarks(self.state, fact):
                        self._take(remark, now_ms)
            for record in self.think(event, now_ms):
                self._take(record, now_ms)
                if isinstance(record, Command):
                    commands.append(record)
        except Broken as broken:
            self._halt(str(broken), now_ms)
        if any(isinstance(command, PlaceOrder | CancelOrder) for command in commands):
            try:
                self._diary.commit()
            except JournalFailed as failed:
                return tuple(self._without_disk(commands, str(failed), now_ms))
        return tuple(commands)

    def recover(self, record: Record, now_ms: int) -> None:
        """Fold one record of the journal, written by an earlier run at `now_ms`."""
        try:
            self.fold(record, now_ms)
        except Broken as broken:
            self.state.broken = str(broken)

    def _take(self, record: Record, now_ms: int) -> bool:
        """Write a record and fold it; False for an execution that is booked already."""
        if isinstance(record, ExecutionSeen) and self.state.ledger.knows(record.execution.exec_id):
            return False  # the venue repeats itself; the journal does not
        if not isinstance(record, Ticked):
            self._diary.append(record, now_ms)
        self.fold(record, now_ms)
        return True

    def _halt(self, reason: str, now_ms: int) -> None:
        """Our own books contradict themselves: stop, and say so, whatever else was being thought."""
        self.state.broken = reason
        self._take(Note(severity="critical", kind="books broken", text=reason), now_ms)
        for change in sight.change(self.state, now_ms):
            self._take(change, now_ms)

    def _without_disk(self, commands: list[Command], problem: str, now_ms: int) -> Iterator[Command]:
        """What may leave although its intent is not on disk: everything but orders that could add risk. Those are given up here."""
        if not self.state.unwritable:
            failed = JournalSeen(writable=False, reason=problem)
            self._take(failed, now_ms)
            for note in _word_on(failed):
                self._take(note, now_ms)
            for change in sight.change(self.state, now_ms):
                self._take(change, now_ms)
        for command in commands:
            if not isinstance(command, PlaceOrder) or gate.shrinks_delta(command, self.state.delta):
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
            yield from reconciler.adoption(state, event.reading)
        if isinstance(event, JournalSeen):
            yield from _word_on(event)
        if isinstance(event, TickerSeen | LegSeen | WalletSeen | BadInput):
            return  # these are only looked at on the pulse
        yield from reconciler.absences(state, now_ms)
        yield from sight.change(state, now_ms)
        yield from reconciler.questions(state, now_ms)
        yield from hedging.wind_up(state, now_ms)
        if MODES[state.mode].decide and not state.stopping:
            if state.hedge is None:
                yield from decider.decide(state, now_ms)
            yield from hedging.next_order(state, now_ms)
        elif state.stopping:
            yield from hedging.cancel_resting(state)

    # ---------------------------------------------------------------------------------------------------- fold

    def fold(self, record: Record, now_ms: int) -> None:
        """Write one record into the state."""
        state = self.state
        state.records += not isinstance(record, Ticked)
        match record:
            case TickerSeen():
                state.market.see_ticker(record, now_ms)
            case BarClosed():
                state.market.see_bar(record.bar)
            case ExecutionSeen():
                self._book(record.execution, now_ms)
            case OrderSeen():
                state.blotter.see(record.order, now_ms)
            case OrderAnswered():
                state.blotter.hear(record.order_link_id, signal_of_verdict(record.verdict), now_ms, record.reason)
                if record.verdict is not Verdict.ACCEPTED:
                    state.readings.want(f"order {record.verdict.value}", now_ms)
            case OrderSought():
                self._hear_sought(record, now_ms)
            case AccountRead():
                self._hear_reading(record, now_ms)
            case HistoryRead():
                state.instrument = record.instrument
                state.market.load(record.bars, record.funding)
            case WalletSeen():
                state.see_wallet(record.wallet, now_ms)
            case ReadFailed():
                self._hear_failure(record, now_ms)
            case ChannelChanged():
                self._hear_channel(record, now_ms)
            case BadInput():
                state.bad_inputs[record.kind] += 1
            case FactsLost():
                self._hear_loss(record, now_ms)
            case Started():
                self._start(record, now_ms)
            case Stopping():
                state.stopping = record.reason
            case JournalSeen():
                state.unwritable = "" if record.writable else record.reason
            case LatchSeen():
                state.latched = record.reason if record.closed else ""
            case OperatorAsked():
                self._hear_operator(record)
            case Ticked() | LegSeen():
                pass  # a pulse and advice change nothing
            case PlaceOrder() | CancelOrder() | ReadAccount() | ReadHistory() | SeekOrder():
                self._sent(record, now_ms)
            case _:
                self._fold_thought(record, now_ms)

    def _fold_thought(self, record: Thought, now_ms: int) -> None:
        state = self.state
        match record:
            case Refusal() | Note():
                pass  # words for people change nothing
            case Decided():
                decider.fold(state, record, now_ms)
            case HedgeEnded():
                state.hedge = None
            case LegsAdopted():
                state.ledger.adopt(record)
                state.blotter.write_off()
                state.readings.agreed(now_ms)
            case OrderAbsent():
                state.blotter.hear(record.order_link_id, Signal.PROVED_ABSENT, now_ms, record.proof)
            case ModeChanged():
                state.mode, state.why = record.after, record.reason
            case _:
                assert_never(record)

    def _book(self, execution: Execution, now_ms: int) -> None:
        if self.state.ledger.knows(execution.exec_id):
            return
        self.state.ledger.book(execution)
        self.state.blotter.book(execution)
        if self.state.ledger.is_waiting:
            self.state.readings.want("an execution is missing", now_ms)
        if execution.kind.moves_legs and execution.order_link_id not in self.state.blotter.orders:
            self.state.readings.want("an execution that is not ours", now_ms)
            if self.state.hedge is not None:
                self.state.hedge.spoiled = f"{execution.kind.value} by another hand moved a leg"
            difference = reconciler.difference_of(self.state, execution)
            if difference is not None and reconciler.POLICIES[difference].policy is reconciler.Policy.HALT:
                raise Broken(
                    f"{difference.value}: {execution.qty} BTC closed at {execution.price} ({execution.exec_id})"
                )

    def _hear_sought(self, sought: OrderSought, now_ms: int) -> None:
        ours = self.state.blotter.orders.get(sought.order_link_id)
        if ours is None:
            return
        asked_ms = self.state.blotter.sought(sought.order_link_id)
        if sought.order is not None:
            self.state.blotter.see(sought.order, now_ms)
        elif sought.executions or asked_ms is None:
            return
        elif asked_ms > ours.sent_ms + self.state.config.patience.lease_ms:
            ours.negatives += 1
            self.state.readings.want(f"{sought.order_link_id} is nowhere", now_ms)

    def _hear_reading(self, record: AccountRead, now_ms: int) -> None:
        state, reading = self.state, record.reading
        for row in reading.open_orders:
            state.blotter.see(row, now_ms)
        state.see_wallet(reading.wallet, now_ms)
        if record.facts is not None:
            state.facts = record.facts
        hands = {row.order_id: row for row in reading.open_orders if row.order_link_id not in state.blotter.orders}
        state.foreign_news = tuple(row for name, row in hands.items() if name not in state.foreign_orders)
        state.foreign_orders = frozenset(hands)
        state.readings.answered(min(reading.asked_ms, now_ms), now_ms)
        state.read_up_to_ms = max(state.read_up_to_ms or 0, state.readings.answered_asked_ms)
        self._compare(record, now_ms)

    def _compare(self, record: AccountRead, now_ms: int) -> None:
        state, readings = self.state, self.state.readings
        patience = state.config.patience
        match reconciler.compare(state, record.reading):
            case reconciler.Comparison.EQUAL:
                readings.agreed(now_ms)
                return
            case reconciler.Comparison.STALE:
                readings.want("the reading was older than our books", now_ms)
            case reconciler.Comparison.DIFFERENT if state.ledger.is_open:
                # While an order of ours is on its way, a reading may be from before or after it: that proves nothing.
                asked_ms, lease_ms = readings.answered_asked_ms, patience.lease_ms
                if not any(reconciler.is_acting(o, asked_ms, lease_ms) for o in state.blotter.unsettled()):
                    readings.disagreed()
                readings.want("legs disagree", now_ms)
        readings.not_before_ms = now_ms + patience.seek_every_ms

    def _hear_failure(self, record: ReadFailed, now_ms: int) -> None:
        readings, patience = self.state.readings, self.state.config.patience
        readings.failures += 1
        pause_ms = patience.seek_every_ms * min(readings.failures, 5)
        if record.what == ReadAccount.__name__:
            readings.asked_ms = None
            readings.not_before_ms = now_ms + pause_ms
        elif record.what == ReadHistory.__name__:
            readings.history_asked_ms = now_ms - patience.read_timeout_ms + pause_ms

    def _hear_channel(self, record: ChannelChanged, now_ms: int) -> None:
        channel = self.state.channels[record.channel]
        channel.up, channel.since_ms, channel.reason = record.up, now_ms, record.reason
        if record.up and record.channel is Channel.PRIVATE:
            # Nothing is replayed on a new connection: what happened in the gap comes from REST, before trading resumes.
            self.state.readings.want("private stream up", now_ms)
        if record.up and record.channel is Channel.PUBLIC and self.state.instrument is not None:
            self.state.market.has_gap = True

    def _hear_loss(self, record: FactsLost, now_ms: int) -> None:
        """As after a new connection: nothing grows until REST has told what was missed."""
        self.state.channels[Channel.PRIVATE].since_ms = now_ms
        self.state.readings.want(f"{record.count} facts lost", now_ms)

    def _hear_operator(self, record: OperatorAsked) -> None:
        match record.verb:
            case Verb.PAUSE:
                self.state.paused = f"paused by {record.who}: {record.reason}"
            case Verb.RESUME:
                # A person has looked: books that contradicted themselves begin anew from the venue's legs.
                self.state.paused = ""
                if self.state.broken:
                    self.state.broken, self.state.ledger.is_open = "", False
            case Verb.REHEDGE:
                self.state.asked_to_rehedge = f"asked by {record.who}"
            case _:
                assert_never(record.verb)

    def _sent(self, command: Command, now_ms: int) -> None:
        state = self.state
        match command:
            case PlaceOrder():
                state.orders_made += 1
                state.blotter.place(command, now_ms)
                hedging.fold_sent(state, now_ms)
            case ReadAccount():
                state.readings.asked_ms = now_ms
                if (
                    state.readings.deep_asked_ms is None
                    or command.executions_since_ms <= now_ms - reconciler.DEEP_OVERLAP_MS
                ):
                    state.readings.deep_asked_ms = now_ms
            case ReadHistory():
                state.readings.history_asked_ms = now_ms
            case SeekOrder():
                state.blotter.seek(command.order_link_id, now_ms)
            case CancelOrder():
                # A journal with a hole (records lost while the disk failed) may have kept the question and lost the order.
                if (ours := state.blotter.orders.get(command.order_link_id)) is not None:
                    ours.cancel_asked = True
            case _:
                assert_never(command)

    def _start(self, record: Started, now_ms: int) -> None:
        """A new run: what an earlier one left unanswered is unknown, and nothing is up until it says so."""
        state = self.state
        state.run, state.version, state.world = record.run, record.version, record.mode
        state.started_ms, state.orders_made, state.stopping, state.unwritable = now_ms, 0, "", ""
        for order in state.blotter.unsettled():
            order.seeks_open.clear()
            if order.state is OrderState.INTENDED:
                link = order.place.order_link_id
                state.blotter.hear(link, Signal.NO_ANSWER, now_ms, "the run that sent it ended before an answer")
        for channel in state.channels.values():
            channel.up, channel.since_ms, channel.reason = False, now_ms, "not connected yet"
        state.readings = type(state.readings)()
        state.instrument = state.facts = None
        state.holding.forget()
        state.market.forget_freshness()


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
