"""Hearing: what each record does to the state. Three tables, one for what came in, one for what went out, one for what was thought.

Called by `Engine.fold` alone. An event may arrive late, twice or out of order, and from a run long gone: none of these functions asks when.
"""

from __future__ import annotations

from typing import assert_never

from bot.domain.account import AccountReading, Execution
from bot.domain.commands import (
    BooksCompared,
    CancelOrder,
    CashAdopted,
    Command,
    Decided,
    DeedAbsent,
    FundingAdopted,
    HedgeEnded,
    LegsAdopted,
    LoanAdopted,
    Mode,
    ModeChanged,
    Note,
    OrderAbsent,
    PaymentEnded,
    PaymentPlanned,
    PaymentRefused,
    PlaceOrder,
    ProfitCycle,
    ProfitRealised,
    ReadAccount,
    ReadHistory,
    ReadLoan,
    RealiseWanted,
    Realising,
    Refusal,
    RepayDebt,
    SeekOrder,
    SeekRepayment,
    SeekTransfer,
    Thought,
    TransferCoin,
)
from bot.domain.errors import Broken
from bot.domain.events import (
    AccountRead,
    BadInput,
    BarClosed,
    CashSeen,
    Channel,
    ChannelChanged,
    ChecksRun,
    Event,
    ExecutionSeen,
    FactsLost,
    FundingContextSeen,
    HistoryRead,
    JournalSeen,
    LatchSeen,
    LegSeen,
    LoanRead,
    MoneyAnswered,
    OperatorAsked,
    OrderAnswered,
    OrderSeen,
    OrderSought,
    ReadFailed,
    RepaymentSought,
    Started,
    Stopping,
    Ticked,
    TickerSeen,
    TransferSought,
    Verb,
    WalletSeen,
)
from bot.domain.orders import OrderState, Signal, Verdict, signal_of_verdict
from bot.domain.thoughts import BreakerMoved, EmergencyEnded, Measured
from bot.engine import breakers, decider, emergency, fence, hedging, loan, paying, policies, reconciler, sight, taking
from bot.engine.ledger import spot_change_of
from bot.engine.state import State

__all__ = ["command", "event", "thought"]


def event(state: State, record: Event, now_ms: int) -> None:
    """The world said something."""
    match record:
        case TickerSeen():
            state.market.see_ticker(record, now_ms)
        case Ticked() | LegSeen():
            pass  # a pulse and advice change nothing
        case WalletSeen():
            state.see_wallet(record.wallet, now_ms)
        case BarClosed():
            state.market.see_bar(record.bar)
        case ExecutionSeen():
            _book(state, state.blotter.completed(record.execution), now_ms)
        case CashSeen():
            state.cash.book(record.row, state.config.symbol)
            breakers.fold_cash(state, record.row)
        case OrderSeen():
            state.blotter.see(record.order, now_ms)
            fence.fold_heard(state, ((record.order.order_link_id, record.order.created_ms),))
        case OrderAnswered():
            _answered(state, record, now_ms)
        case OrderSought():
            _sought(state, record, now_ms)
        case LoanRead():
            loan.fold_reading(state, record.reading, now_ms)
        case MoneyAnswered() | TransferSought() | RepaymentSought():
            paying.event(state, record, now_ms)
        case AccountRead():
            _reading(state, record, now_ms)
        case HistoryRead():
            state.instrument, state.instrument_ms = record.instrument, now_ms
            if record.bars or record.funding:
                state.market.load(record.bars, record.funding)
        case ReadFailed():
            _failure(state, record, now_ms)
        case ChannelChanged():
            _channel(state, record, now_ms)
        case BadInput():
            state.bad_inputs[record.kind] += 1
        case FactsLost():
            # As after a new connection: nothing grows until REST has told what was missed.
            state.channels[Channel.PRIVATE].since_ms = now_ms
            state.readings.want(f"{record.count} facts lost" if record.count else "the engine stood still", now_ms)
        case Started():
            _start(state, record, now_ms)
        case Stopping():
            hedging.fold_stopping(state, record.reason)
        case JournalSeen():
            state.unwritable = "" if record.writable else record.reason
        case LatchSeen():
            emergency.fold_latch(state, record, now_ms)
        case ChecksRun():
            state.held = f"preflight: {'; '.join(record.against)}" if record.against else ""
        case FundingContextSeen():
            state.outside_funding.fold(record)
        case OperatorAsked():
            _operator(state, record, now_ms)
        case _:
            assert_never(record)


def command(state: State, record: Command, now_ms: int) -> None:
    """We asked for something."""
    match record:
        case PlaceOrder():
            state.orders_made += 1
            fence.fold_sent(state, record)
            state.blotter.place(record, now_ms)
            hedging.fold_sent(state, record, now_ms)
        case ReadAccount():
            state.readings.asked_ms = now_ms
            reaches_far = record.executions_since_ms <= now_ms - reconciler.DEEP_OVERLAP_MS
            if reaches_far or state.readings.deep_asked_ms is None:
                state.readings.deep_asked_ms = now_ms
        case ReadHistory():
            state.readings.history_asked_ms = now_ms
        case ReadLoan():
            state.loan.asked_ms = state.loan.asked_last_ms = now_ms
        case TransferCoin() | RepayDebt() | SeekTransfer() | SeekRepayment():
            paying.command(state, record, now_ms)
        case SeekOrder():
            state.blotter.seek(record.order_link_id, now_ms)
        case CancelOrder():
            # A journal with a hole (records lost while the disk failed) may have kept the question and lost the order.
            if (ours := state.blotter.orders.get(record.order_link_id)) is not None:
                ours.cancel_asked_ms = now_ms
        case _:
            assert_never(record)


def thought(state: State, record: Thought, now_ms: int) -> None:
    """We came to a conclusion."""
    match record:
        case Note(kind="books broken"):
            state.broken = record.text  # and after a restart: a person must look
        case Note(kind=sight.STILL):
            state.market.told_still = True
        case Note(kind=taking.LAPSED):
            state.realise_wanted = None
        case Refusal() | Note():
            pass  # words for people change nothing
        case Decided():
            decider.fold(state, record, now_ms)
        case HedgeEnded():
            hedging.fold_ended(state, record, now_ms)
        case RealiseWanted():
            state.realise_wanted, state.realise_wanted_ms = record, now_ms
            loan.fold_wanted(state.loan, record, now_ms)
        case ProfitCycle() | Realising():
            taking.fold(state, record, now_ms)
        case ProfitRealised():
            taking.fold(state, record, now_ms)
            loan.fold_profit(state, record)
        case PaymentPlanned() | PaymentEnded() | PaymentRefused() | DeedAbsent():
            paying.thought(state, record, now_ms)
        case LoanAdopted():
            loan.fold_adopted(state.loan, record, now_ms)
        case BooksCompared():
            loan.fold_compared(state, record)
        case LegsAdopted():
            taking.fold_adopted(state)
            state.adopt_legs(record)
            state.blotter.write_off()
            state.readings.agreed(now_ms)
        case CashAdopted():
            state.cash.adopt(record)
        case FundingAdopted():
            state.ledger.adopt_funding(record)
            state.cash.settle(state.ledger.settlements, state.ledger.adopted_ms)
        case Measured() | BreakerMoved():
            breakers.fold(state, record, now_ms)
        case EmergencyEnded():
            state.emergency = None
        case OrderAbsent():
            state.blotter.hear(record.order_link_id, Signal.PROVED_ABSENT, now_ms, record.proof)
        case ModeChanged():
            state.mode, state.why = record.after, record.reason
            if record.after is Mode.HALTED and not (state.broken or state.latched):
                state.throttled = record.reason  # a halt outlives its cause until a person resumes
        case _:
            assert_never(record)


def _book(state: State, execution: Execution, now_ms: int) -> None:
    if state.ledger.knows(execution):
        return
    state.ledger.book(execution)
    state.blotter.book(execution)
    fence.fold_executed(state, execution)
    if state.ledger.is_waiting:
        state.readings.want("an execution is missing", now_ms)
    if execution.category == "spot" and execution.symbol == state.config.symbol and state.ledger.is_open:
        state.explain_holding(spot_change_of(execution), now_ms)
    is_ours, is_history = execution.order_link_id in state.blotter.orders, state.ledger.predates(execution)
    if not execution.kind.moves_legs or execution.category != "linear" or (is_history and not is_ours):
        return
    state.readings.books_moved(now_ms)
    if is_ours:
        hedging.fold_filled(state, execution)
        return
    state.readings.want("an execution that is not ours", now_ms)
    if state.ledger.is_open:
        state.urgent = f"{execution.kind.value} by another hand"
    emergency.fold_foreign(state, execution)
    if state.hedge is not None:
        state.hedge.spoiled = f"{execution.kind.value} by another hand moved a leg"
    difference = reconciler.difference_of(state, execution)
    if difference is not None and policies.rule_of(difference, state.config.halt_on).policy is policies.Policy.HALT:
        raise Broken(f"{difference.value}: {execution.qty} BTC closed at {execution.price} ({execution.exec_id})")


def _answered(state: State, record: OrderAnswered, now_ms: int) -> None:
    state.blotter.hear(record.order_link_id, signal_of_verdict(record.verdict), now_ms, record.reason)
    breakers.fold_answer(state, record)
    if record.verdict is Verdict.ACCEPTED:
        return
    state.readings.want(f"order {record.verdict.value}", now_ms)
    if record.verdict is Verdict.REFUSED and record.code is not None:
        state.instrument_ms = None  # the filters may have changed under us
        hedging.fold_refused(state)


def _sought(state: State, sought: OrderSought, now_ms: int) -> None:
    ours = state.blotter.orders.get(sought.order_link_id)
    if ours is None:
        return
    asked_ms = state.blotter.sought(sought.order_link_id)
    if sought.order is not None:
        state.blotter.see(sought.order, now_ms)
    elif sought.unread:
        state.blotter.see_unread(sought.order_link_id)
    elif not sought.executions and (asked_ms or 0) > ours.sent_ms + state.config.patience.lease_ms:
        ours.negatives += 1
        state.readings.want(f"{sought.order_link_id} is nowhere", now_ms)


def _reading(state: State, record: AccountRead, now_ms: int) -> None:
    reading = record.reading
    for row in reading.open_orders:
        state.blotter.see(row, now_ms)
    state.see_wallet(reading.wallet, now_ms)
    if record.facts is not None:
        state.facts = record.facts
    hands = {row.order_id: row for row in reading.open_orders if row.order_link_id not in state.blotter.orders}
    state.see_strangers(hands, reading.unread)
    fence.fold_heard(state, ((row.order_link_id, row.created_ms) for row in hands.values()))
    state.readings.answered(min(reading.asked_ms, now_ms), now_ms)
    state.read_up_to_ms = max(state.read_up_to_ms or 0, state.readings.answered_asked_ms)
    _compare(state, record, now_ms)
    _read_cash(state, reading)
    breakers.fold_reading(state, reading)


def _read_cash(state: State, reading: AccountReading) -> None:
    if reading.cash is None:
        state.cash.unread += 1
        return
    state.cash.compare(reading.wallet, state.readings.answered_asked_ms, reconciler.shown_up_to_ms(state))
    if state.ledger.is_open:
        state.cash.settle(state.ledger.settlements, state.ledger.adopted_ms)


def _compare(state: State, record: AccountRead, now_ms: int) -> None:
    readings, patience = state.readings, state.config.patience
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
        case reconciler.Comparison.DIFFERENT:
            pass  # no books yet: they are about to be opened
    readings.not_before_ms = now_ms + patience.seek_every_ms


def _failure(state: State, record: ReadFailed, now_ms: int) -> None:
    readings, patience = state.readings, state.config.patience
    if record.what in (SeekTransfer.__name__, SeekRepayment.__name__):
        return  # asked again on the pulse, for as long as the payment is open
    readings.failures += 1
    pause_ms = patience.seek_every_ms * min(readings.failures, 5)
    if record.what == ReadLoan.__name__:
        state.loan.asked_ms, state.loan.not_before_ms = None, now_ms + patience.seek_every_ms
        return
    if record.what == ReadAccount.__name__:
        readings.asked_ms = None
        readings.not_before_ms = now_ms + pause_ms
    elif record.what == ReadHistory.__name__ and (state.instrument is None or state.market.has_gap):
        readings.history_asked_ms = now_ms - patience.read_timeout_ms + pause_ms


def _channel(state: State, record: ChannelChanged, now_ms: int) -> None:
    channel = state.channels[record.channel]
    channel.up, channel.since_ms, channel.reason = record.up, now_ms, record.reason
    if record.up and record.channel is Channel.PRIVATE:
        # Nothing is replayed on a new connection: what happened in the gap comes from REST, before trading resumes.
        state.readings.want("private stream up", now_ms)
    if record.up and record.channel is Channel.PUBLIC and state.instrument is not None:
        state.market.has_gap = True


def _operator(state: State, record: OperatorAsked, now_ms: int) -> None:
    match record.verb:
        case Verb.PAUSE:
            state.paused = f"paused by {record.who}: {record.reason}"
            state.realise_wanted = None
        case Verb.RESUME:
            # A person has looked: books that contradicted themselves begin anew from the venue's legs.
            state.paused = state.throttled = ""
            breakers.fold_resumed(state)
            state.hedges.clear()
            state.given_up = 0
            state.blotter.end_unreadable(now_ms)
            if state.broken:
                state.broken, state.ledger.is_open = "", False
                state.cash.begin_anew()
        case Verb.REHEDGE:
            state.asked_to_rehedge = f"asked by {record.who}"
            state.given_up = 0
        case Verb.FREEZE | Verb.NEUTRALISE | Verb.FLATTEN:
            emergency.fold_asked(state, record, now_ms)
        case Verb.REALISE:
            state.realise_wanted, state.realise_wanted_ms = RealiseWanted(why=f"asked by {record.who}"), now_ms
        case Verb.REPAY:
            state.asked_to_repay = record
        case _:
            assert_never(record.verb)


def _start(state: State, record: Started, now_ms: int) -> None:
    """A new run: what an earlier one left unanswered is unknown, and nothing is up until it says so."""
    state.run, state.version, state.world = record.run, record.version, record.mode
    state.started_ms, state.orders_made, state.stopping, state.unwritable = now_ms, 0, "", ""
    fence.fold_begun(state, record.run)
    for order in state.blotter.unsettled():
        order.seeks_open.clear()
        if order.state is OrderState.INTENDED:
            link = order.place.order_link_id
            state.blotter.hear(link, Signal.NO_ANSWER, now_ms, "the run that sent it ended before an answer")
    for channel in state.channels.values():
        channel.up, channel.since_ms, channel.reason = False, now_ms, "not connected yet"
    paying.fold_start(state, now_ms)
    state.readings = type(state.readings)()
    state.instrument = state.instrument_ms = state.facts = None
    state.holding.forget()
    state.cash.new_run()
    state.market.forget_freshness()
    hedging.fold_started(state, record.settings_hash, now_ms)
