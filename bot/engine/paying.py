"""Paying, heard: what each record does to the payment in motion. Called by `hearing` alone."""

from __future__ import annotations

from typing import assert_never

from bot.domain.commands import (
    DeedAbsent,
    PaymentEnded,
    PaymentPlanned,
    PaymentRefused,
    RepayDebt,
    SeekRepayment,
    SeekTransfer,
    TransferCoin,
    Trigger,
)
from bot.domain.events import MoneyAnswered, RepaymentSought, TransferSought
from bot.engine import loan, repayment
from bot.engine.repayment import Payment, Signal, Step
from bot.engine.state import State

__all__ = ["command", "event", "fold_start", "thought"]


def event(state: State, record: MoneyAnswered | TransferSought | RepaymentSought, now_ms: int) -> None:
    """The venue said something of a payment."""
    payment = _of(state, record.payment)
    if payment is None:
        return
    match record:
        case MoneyAnswered():
            if record.deed != _awaited(payment):
                return  # about a step that is behind us
            payment.ref = record.ref or payment.ref
            _hear(state, payment, repayment.heard_of(record), now_ms, record.reason)
        case TransferSought():
            if _awaited(payment) == TransferCoin.__name__:
                _sought(state, payment, record, now_ms)
        case RepaymentSought():
            if _awaited(payment) == RepayDebt.__name__:
                _sought(state, payment, record, now_ms)
        case _:
            assert_never(record)


def command(state: State, record: TransferCoin | RepayDebt | SeekTransfer | SeekRepayment, now_ms: int) -> None:
    """We gave something out."""
    payment = _of(state, record.payment)
    if payment is None:
        return
    match record:
        case TransferCoin() | RepayDebt():
            repayment.fold_sent(payment, record, now_ms)
        case SeekTransfer() | SeekRepayment():
            payment.sought_ms = now_ms
            payment.seeks += 1
        case _:
            assert_never(record)


def thought(state: State, record: PaymentPlanned | PaymentEnded | PaymentRefused | DeedAbsent, now_ms: int) -> None:
    """We came to a conclusion."""
    match record:
        case PaymentPlanned():
            loan.note_planned(state.loan, record, now_ms)
            if record.trigger is Trigger.BY_HAND:
                state.asked_to_repay = None
        case PaymentEnded():
            payment = _of(state, record.number)
            if payment is None:
                return
            if not payment.has_ended:
                _hear(state, payment, Signal.DONE if record.paid else Signal.ABANDONED, now_ms, record.reason)
            payment.is_told = True
        case PaymentRefused():
            state.loan.refused, state.loan.refused_ms = record, now_ms
            if record.trigger is Trigger.BY_HAND:
                state.asked_to_repay = None
        case DeedAbsent():
            payment = _of(state, record.payment)
            if payment is not None:
                _hear(state, payment, Signal.ABSENT, now_ms, record.proof)
        case _:
            assert_never(record)


def fold_start(state: State, now_ms: int) -> None:
    """A new run: what an earlier one left unanswered is unknown, and the loan is read anew."""
    book = state.loan
    book.asked_ms = book.asked_last_ms = None
    book.not_before_ms = 0
    book.pledge_rumour = None
    book.pledged = None
    payment = book.open
    if payment is not None:
        payment.seeks = payment.negatives = payment.sought_ms = 0
        payment.fallen_to = None
        if payment.is_out:
            _hear(state, payment, Signal.NO_ANSWER, now_ms, "the run that sent it ended before an answer")


def _sought(state: State, payment: Payment, record: TransferSought | RepaymentSought, now_ms: int) -> None:
    found = False
    for signal in repayment.evidence(payment, record):
        found = True
        _hear(state, payment, signal, now_ms)
    asked_ms = payment.sought_ms
    if found or asked_ms <= payment.sent_ms + state.config.patience.lease_ms:
        return
    left_ms = max(payment.sent_ms, state.market.venue_ms(payment.sent_ms))  # by whichever clock is ahead
    if isinstance(record, RepaymentSought) and repayment.debt_has_fallen(payment, record, left_ms):
        payment.reason = f"no row tells of it, but the debt fell to {record.debt}"
        payment.negatives, payment.fallen_to = 0, record.debt
    else:
        payment.negatives, payment.fallen_to = payment.negatives + 1, None


def _hear(state: State, payment: Payment, signal: Signal, now_ms: int, reason: str = "") -> None:
    had_ended, in_margin = payment.has_ended, payment.step is Step.MOVED and payment.plan.trigger is Trigger.TOP_UP
    repayment.hear(payment, signal, reason)
    if payment.has_ended and not had_ended:
        loan.note_ended(state.loan, payment, now_ms, is_top_up_done=in_margin)
        state.readings.want("after a payment", now_ms)


def _awaited(payment: Payment) -> str:
    """The class of the deed whose outcome is awaited; empty: none is."""
    if payment.step in (Step.MOVING, Step.MOVE_UNKNOWN, Step.MOVE_PENDING):
        return TransferCoin.__name__
    if payment.step in (Step.REPAYING, Step.REPAY_UNKNOWN, Step.REPAY_PENDING):
        return RepayDebt.__name__
    return ""


def _of(state: State, number: int) -> Payment | None:
    """The payment of that number, where it is still remembered."""
    return next((payment for payment in reversed(state.loan.payments) if payment.plan.number == number), None)
