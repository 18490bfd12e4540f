"""What each word does to the payment in motion: what proves that it never left, what a restart makes of it, and what its end gives back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.commands import DeedAbsent, Note, PaymentEnded, PaymentPlanned, SeekTransfer, Trigger
from bot.domain.events import MoneyAnswered, Started, WalletSeen
from bot.domain.loan import Fate
from bot.domain.orders import Verdict
from bot.engine.engine import Engine
from bot.engine.repayment import Step
from bot.journal.journal import BULK
from tests.unit.engine.desk import MemoryDiary
from tests.unit.engine.test_payment_in_motion import answer, beat, nobody_knows, repay
from tests.unit.engine.test_treasurer import LoanDesk


def test_a_question_asked_before_the_lease_is_over_proves_nothing() -> None:
    """Seven times the books did not know of it while it might still have arrived: only those asked after that count."""
    desk = LoanDesk()
    repay(desk)
    answer(desk, "TransferCoin", Verdict.UNKNOWN)
    assert 7 == len(nobody_knows(desk, 14))

    for _ in range(20):
        beat(desk)
    assert [] == desk.told(DeedAbsent)
    assert 3 == len(nobody_knows(desk, 10))
    assert 1 == len(desk.told(DeedAbsent))


def next_run(desk: LoanDesk) -> Engine:
    """The process died, and another folds its journal."""
    again = Engine(desk.state.config, MemoryDiary())
    for record, at_ms in desk.diary.records:
        if type(record).__name__ not in BULK:
            again.recover(record, at_ms)
    again.turn(Started(run="r2", version="0", mode="paper", settings_hash=""), desk.now_ms)
    return again


@pytest.mark.parametrize(("moved", "step"), [(False, Step.MOVE_UNKNOWN), (True, Step.MOVED)])
def test_what_the_run_before_sent_and_heard_nothing_of_is_unknown(moved: bool, step: Step) -> None:
    """It is asked about at once, and may be proved absent; what was answered is known as it was. Nothing else is paid meanwhile."""
    desk = LoanDesk()
    repay(desk)
    if moved:
        desk.state.paused = "a person said so"
        answer(desk, "TransferCoin", Verdict.ACCEPTED, Fate.DONE)

    payment = next_run(desk).state.loan.open

    assert payment is not None
    assert (step, not moved, 0 if moved else 1) == (payment.step, payment.is_asking, payment.seeks)


def test_an_answer_without_a_number_does_not_take_away_the_one_that_is_known() -> None:
    """The venue names a transfer when it takes it, and not every time that it is asked."""
    desk = LoanDesk()
    repay(desk)
    for ref in ("r9", ""):
        desk.hear(
            MoneyAnswered(
                payment=1, deed="TransferCoin", verdict=Verdict.ACCEPTED, fate=Fate.PENDING, code=0, reason="", ref=ref
            )
        )

    assert "r9" == desk.state.loan.open.ref


def test_a_payment_given_up_between_its_steps_gives_back_what_it_had_taken() -> None:
    """Its USDT lie in the Funding wallet: the profit behind them has not been shared, and the next one waits a little."""
    desk = LoanDesk()
    desk.realised("1000")
    desk.read_loan()
    desk.pulse(1)
    (plan,) = desk.told(PaymentPlanned)
    assert (Trigger.PROFIT, True) == (plan.trigger, plan.from_profit > 990)
    desk.state.paused = "a person said so"
    answer(desk, "TransferCoin", Verdict.ACCEPTED, Fate.DONE)
    for _ in range(361):
        beat(desk)
    desk.state.paused = ""
    desk.pulse(0)

    assert ["it could not be sent in time"] == [ended.reason for ended in desk.told(PaymentEnded)]
    book = desk.state.loan
    assert (D(1000), 1, D(1000)) == (book.unshared, book.drops, book.pot)
    assert not book.holds_gains, "no LTV asked for them: no sweep goes on because of them"


@pytest.mark.parametrize(("verdict", "fate", "drops"), [(Verdict.ACCEPTED, Fate.DONE, 0), (Verdict.REFUSED, None, 1)])
def test_a_top_up_is_done_when_its_transfer_is(verdict: Verdict, fate: Fate | None, drops: int) -> None:
    """It repays nothing: that it ends without a repayment is no failure, and nothing that comes after it waits."""
    desk = LoanDesk()
    desk.hear(WalletSeen(wallet=replace(desk.wallet, margin_balance=D(300), maintenance_margin=D(150))))
    desk.read_loan(funding_usdt=D(700))
    desk.pulse(1)
    assert [Trigger.TOP_UP] == [plan.trigger for plan in desk.told(PaymentPlanned)]
    answer(desk, "TransferCoin", verdict, fate)

    assert 1 == len(desk.told(PaymentEnded))
    assert drops == desk.state.loan.drops
    assert [] == [note for note in desk.told(Note) if note.kind == "repayment failed"]
    assert not any(isinstance(command, SeekTransfer) for command in desk.sent)
