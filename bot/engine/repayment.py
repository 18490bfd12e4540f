"""The life of one payment, as a table: from the wish on disk to the lender's books.

A payment moves USDT where it must be (a transfer, in a Crypto Loan) and then repays with it. Each step is written before it leaves. What is
not answered is unknown, and unknown ends only by the venue's books: a row, or the proof that there is none. A payment that came to nothing
is over; whatever is still due is planned anew, from fresh facts. So nothing is ever sent twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from bot.domain.commands import PaymentPlanned, RepayDebt, TransferCoin
from bot.domain.errors import IllegalStep
from bot.domain.events import MoneyAnswered, RepaymentSought, TransferSought
from bot.domain.loan import Fate
from bot.domain.money import ZERO
from bot.domain.orders import Verdict

__all__ = [
    "ALARMING_SEEKS",
    "ENDED",
    "NEXT",
    "Payment",
    "Signal",
    "Step",
    "debt_has_fallen",
    "evidence",
    "fold_sent",
    "hear",
    "heard_of",
]


class Step(Enum):
    """Where a payment is."""

    PLANNED = "planned"
    MOVING = "moving"
    MOVE_UNKNOWN = "transfer unknown"
    MOVE_PENDING = "transfer pending"
    MOVED = "moved"
    REPAYING = "repaying"
    REPAY_UNKNOWN = "repayment unknown"
    REPAY_PENDING = "repayment pending"
    PAID = "paid"
    DROPPED = "dropped"


class Signal(Enum):
    """What a payment may be told."""

    SENT_TRANSFER = "its transfer was given out"
    SENT_REPAYMENT = "its repayment was given out"
    DONE = "done"
    PENDING = "accepted, not done yet"
    FAILED = "failed at the venue"
    REFUSED = "refused"
    NO_ANSWER = "no answer"
    ABSENT = "proved absent"
    ABANDONED = "abandoned"


_MOVING = {
    Signal.DONE: Step.MOVED,
    Signal.PENDING: Step.MOVE_PENDING,
    Signal.FAILED: Step.DROPPED,
}
_REPAYING = {
    Signal.DONE: Step.PAID,
    Signal.PENDING: Step.REPAY_PENDING,
    Signal.FAILED: Step.DROPPED,
}
NEXT: dict[Step, dict[Signal, Step]] = {
    Step.PLANNED: {
        Signal.SENT_TRANSFER: Step.MOVING,
        Signal.SENT_REPAYMENT: Step.REPAYING,
        Signal.ABANDONED: Step.DROPPED,
        Signal.NO_ANSWER: Step.PLANNED,
    },
    Step.MOVING: {**_MOVING, Signal.REFUSED: Step.DROPPED, Signal.NO_ANSWER: Step.MOVE_UNKNOWN},
    Step.MOVE_UNKNOWN: {
        **_MOVING,
        Signal.REFUSED: Step.DROPPED,
        Signal.NO_ANSWER: Step.MOVE_UNKNOWN,
        Signal.ABSENT: Step.DROPPED,
    },
    # An acceptance is never taken back by silence, nor by a later refusal of the same name.
    Step.MOVE_PENDING: {**_MOVING, Signal.NO_ANSWER: Step.MOVE_PENDING, Signal.ABSENT: Step.DROPPED},
    Step.MOVED: {
        Signal.SENT_REPAYMENT: Step.REPAYING,
        Signal.ABANDONED: Step.DROPPED,
        Signal.DONE: Step.MOVED,
        Signal.PENDING: Step.MOVED,
        Signal.NO_ANSWER: Step.MOVED,
    },
    Step.REPAYING: {**_REPAYING, Signal.REFUSED: Step.DROPPED, Signal.NO_ANSWER: Step.REPAY_UNKNOWN},
    Step.REPAY_UNKNOWN: {
        **_REPAYING,
        Signal.REFUSED: Step.DROPPED,
        Signal.NO_ANSWER: Step.REPAY_UNKNOWN,
        Signal.ABSENT: Step.DROPPED,
    },
    Step.REPAY_PENDING: {**_REPAYING, Signal.NO_ANSWER: Step.REPAY_PENDING, Signal.ABSENT: Step.DROPPED},
    Step.PAID: {Signal.DONE: Step.PAID, Signal.PENDING: Step.PAID, Signal.NO_ANSWER: Step.PAID},
    Step.DROPPED: {Signal.NO_ANSWER: Step.DROPPED, Signal.REFUSED: Step.DROPPED, Signal.FAILED: Step.DROPPED},
}
"""What is not in the table contradicts itself, and halts the engine: money that was declared lost has arrived, or the reverse."""

_ASKING = frozenset({Step.MOVE_UNKNOWN, Step.MOVE_PENDING, Step.REPAY_UNKNOWN, Step.REPAY_PENDING})
_LEFT = frozenset({Step.MOVING, Step.REPAYING}) | _ASKING
ENDED = frozenset({Step.PAID, Step.DROPPED})
ALARMING_SEEKS = 20
"""A payment asked about this often is told to a person."""

_OF_FATE = {Fate.DONE: Signal.DONE, Fate.PENDING: Signal.PENDING, Fate.FAILED: Signal.FAILED}


@dataclass(slots=True)
class Payment:
    """One payment and how far it came."""

    plan: PaymentPlanned
    planned_ms: int
    step: Step = Step.PLANNED
    transfer_id: str = ""
    sent_ms: int = 0
    """When the deed that is awaited left."""
    sought_ms: int = 0
    seeks: int = 0
    negatives: int = 0
    """Valid answers of the venue's books, asked for after the lease, that know nothing of it."""
    fallen_to: Decimal | None = None
    """The debt in the last such answer, where it fell by as much as this repayment would have repaid."""
    reason: str = ""
    ref: str = ""
    is_told: bool = False

    @property
    def has_ended(self) -> bool:
        return self.step in ENDED

    @property
    def is_out(self) -> bool:
        """Something of it has left, and its outcome is not known."""
        return self.step in _LEFT

    @property
    def is_asking(self) -> bool:
        """Only the venue's books can tell."""
        return self.step in _ASKING

    @property
    def is_unresolved(self) -> bool:
        """Asked about again and again, and told to a person."""
        return self.is_asking and self.seeks >= ALARMING_SEEKS

    @property
    def waits_for_a_word(self) -> bool:
        """No row tells of it and the debt tells that it was paid: a person may take it for that. It is not paid again, so that a debt that
        another hand lowered costs nothing but the USDT that stay where they are."""
        return self.is_unresolved and self.fallen_to is not None

    @property
    def moves_first(self) -> bool:
        """It has a transfer."""
        return self.plan.to_transfer > 0

    @property
    def paid(self) -> Decimal:
        return self.plan.amount if self.step is Step.PAID else ZERO


def hear(payment: Payment, signal: Signal, reason: str = "") -> None:
    """Take a signal in. Raises IllegalStep, naming both, for one that this step cannot hear."""
    try:
        after = NEXT[payment.step][signal]
    except KeyError:
        raise IllegalStep(
            f"payment {payment.plan.number} is {payment.step.value} and cannot hear {signal.value!r}"
        ) from None
    payment.step, payment.reason = after, reason or payment.reason


def fold_sent(payment: Payment, deed: TransferCoin | RepayDebt, now_ms: int) -> None:
    """A deed of it was given out."""
    if isinstance(deed, TransferCoin):
        payment.transfer_id = deed.transfer_id
        hear(payment, Signal.SENT_TRANSFER)
    else:
        hear(payment, Signal.SENT_REPAYMENT)
    payment.sent_ms, payment.sought_ms, payment.seeks, payment.negatives = now_ms, 0, 0, 0
    payment.fallen_to = None


def heard_of(answer: MoneyAnswered) -> Signal:
    """What an answer says. Only what the venue or our own machine proved is a refusal."""
    match answer.verdict:
        case Verdict.REFUSED:
            return Signal.REFUSED
        case Verdict.ACCEPTED if answer.fate is not None:
            return _OF_FATE[answer.fate]
        case _:
            return Signal.NO_ANSWER


def evidence(payment: Payment, sought: TransferSought | RepaymentSought) -> Iterator[Signal]:
    """What the venue's books prove: a signal, or nothing where they know nothing of it.

    A repayment is known by its amount. Without a row, a debt that fell by so much is no proof of absence either: it stays unknown.
    """
    if isinstance(sought, TransferSought):
        if sought.row is not None:
            yield _OF_FATE[sought.row.fate]
        return
    ours = [row for row in sought.rows if row.amount == payment.plan.amount]
    if ours:
        yield _OF_FATE[ours[0].fate]


def debt_has_fallen(payment: Payment, sought: RepaymentSought, after_ms: int) -> bool:
    """Whether the debt is lower than it was planned on by what this payment would have repaid, or nearly so. What another hand has repaid
    since this payment left, dated later than `after_ms` by the venue, explains its own part of the fall."""
    others = (row for row in sought.rows if row.amount != payment.plan.amount and row.at_ms > after_ms)
    explained = sum((row.amount for row in others if row.fate is Fate.DONE), ZERO)
    return payment.plan.debt_before - sought.debt - explained >= payment.plan.amount / 2
