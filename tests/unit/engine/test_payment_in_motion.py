"""A payment that has left: what is asked about it and how often, when it is given up for lost, and when the next one may leave."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal as D
from itertools import pairwise
from typing import Any

import pytest

from bot.domain.commands import (
    DeedAbsent,
    Note,
    PaymentEnded,
    PaymentPlanned,
    PaymentRefused,
    RealiseWanted,
    RepayDebt,
    SeekRepayment,
    SeekTransfer,
    TransferCoin,
    Trigger,
)
from bot.domain.events import LoanRead, MoneyAnswered, OperatorAsked, RepaymentSought, Stopping, TransferSought, Verb
from bot.domain.legs import Leg
from bot.domain.loan import Fate, LoanReading, Structure
from bot.domain.orders import Verdict
from bot.engine import treasurer
from bot.engine.cashier import Wish
from bot.engine.config import LoanRules
from bot.engine.engine import Engine
from bot.journal.journal import BULK
from bot.strategy import risk
from tests.unit.engine.desk import Desk, MemoryDiary, a_config, a_reading
from tests.unit.engine.test_treasurer import LoanDesk


def beat(desk: LoanDesk, seconds: float = 1) -> None:
    """Time passes; account and loan are read, and agree."""
    desk.pulse(seconds)
    if desk.state.readings.asked_ms is not None:
        desk.answer_reading(a_reading("0", "0.27", wallet=desk.wallet))
    desk.read_loan()


def repay(desk: LoanDesk) -> None:
    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="spare", who="operator", amount=D(500)))


def answer(desk: LoanDesk, deed: str, verdict: Verdict, fate: Fate | None = None) -> None:
    number = desk.told(PaymentPlanned)[-1].number
    desk.hear(MoneyAnswered(payment=number, deed=deed, verdict=verdict, fate=fate, code=None, reason="so"))


def nobody_knows(desk: LoanDesk, seconds: int) -> list[int]:
    """Second after second the venue's books know nothing of it; returns when they were asked, until the deed is called absent."""
    asked: list[int] = []
    for second in range(1, seconds + 1):
        begun = len(desk.sent)
        beat(desk)
        for question in desk.sent[begun:]:
            match question:
                case SeekTransfer(payment=number):
                    asked.append(second)
                    desk.hear(TransferSought(payment=number, row=None))
                case SeekRepayment(payment=number):
                    asked.append(second)
                    desk.hear(RepaymentSought(payment=number, rows=(), debt=D(16200)))
        if desk.told(DeedAbsent):
            break
    return asked


LOST = [
    # name                                   deed            verdict           fate          absent from, s
    ("a transfer that nobody answered",      "TransferCoin", Verdict.UNKNOWN,  None,         15),
    ("a transfer accepted and not done",     "TransferCoin", Verdict.ACCEPTED, Fate.PENDING, 120),
    ("a repayment that nobody answered",     "RepayDebt",    Verdict.UNKNOWN,  None,         15),
    ("a repayment accepted and not done",    "RepayDebt",    Verdict.ACCEPTED, Fate.PENDING, 120),
]  # fmt: skip


@pytest.mark.parametrize(("name", "deed", "verdict", "fate", "lost_s"), LOST, ids=[case[0] for case in LOST])
def test_what_became_of_it_is_asked_until_the_books_prove_it(
    name: str, deed: str, verdict: Verdict, fate: Fate | None, lost_s: int
) -> None:
    """At once and every two seconds, by its own kind of question; lost after three negatives that no lease excuses, and told once."""
    desk = LoanDesk()
    repay(desk)
    if deed == "RepayDebt":
        answer(desk, "TransferCoin", Verdict.ACCEPTED, Fate.DONE)
    left_ms = desk.now_ms
    answer(desk, deed, verdict, fate)
    asked = nobody_knows(desk, 200)

    kinds = {type(command) for command in desk.sent if isinstance(command, SeekTransfer | SeekRepayment)}
    assert {SeekTransfer if deed == "TransferCoin" else SeekRepayment} == kinds
    assert {2} == {later - sooner for sooner, later in pairwise(asked)}
    (absent,) = desk.told(DeedAbsent)
    assert (deed, True) == (absent.deed, lost_s < (desk.now_ms - left_ms) / 1000 <= lost_s + 5)
    beat(desk)
    assert [(D(0), "dropped")] == [(ended.paid, ended.step) for ended in desk.told(PaymentEnded)]
    unresolved = [note.text for note in desk.told(Note) if note.kind == "repayment unresolved"]
    assert (lost_s // 40) == len(unresolved), "at every twentieth question"
    state = absent.proof.rpartition("it was ")[2]
    for seconds, text in zip((40, 80, 120), unresolved, strict=False):
        assert f"USDT is {state} for {seconds} s; nothing else is paid" in text


def unexplained(desk: LoanDesk, seconds: int, debt: D = D(15700)) -> None:
    """Second after second no row tells of it, and the debt is `debt`."""
    for _ in range(seconds):
        begun = len(desk.sent)
        beat(desk)
        for question in desk.sent[begun:]:
            if isinstance(question, SeekRepayment):
                desk.hear(RepaymentSought(payment=question.payment, rows=(), debt=debt))


def resume(desk: LoanDesk) -> None:
    desk.hear(OperatorAsked(verb=Verb.RESUME, reason="it is on Bybit's page", who="operator"))


@pytest.mark.parametrize(("verdict", "fate"), [(Verdict.UNKNOWN, None), (Verdict.ACCEPTED, Fate.PENDING)])
def test_a_repayment_that_only_the_debt_tells_of_ends_by_a_persons_word_as_paid(
    verdict: Verdict, fate: Fate | None
) -> None:
    """No row ever comes: it stayed unknown for good, and no verb ended it. Taken for paid, it is not paid again."""
    desk = LoanDesk()
    repay(desk)
    answer(desk, "TransferCoin", Verdict.ACCEPTED, Fate.DONE)
    answer(desk, "RepayDebt", verdict, fate)

    unexplained(desk, 30)
    resume(desk)
    assert desk.state.loan.open is not None, "nobody was told of it yet"

    unexplained(desk, 600)
    assert desk.state.loan.open is not None, "no evidence ends it without a person"
    unresolved = [note.text for note in desk.told(Note) if note.kind == "repayment unresolved"]
    assert unresolved[-1].endswith("the debt fell to 15700: once Bybit's own page shows it, resume takes it for paid")
    resume(desk)

    assert [(D("499.990001"), "paid")] == [(ended.paid, ended.step) for ended in desk.told(PaymentEnded)]
    assert D("499.990001") == desk.state.loan.paid_to_date
    assert 1 == sum(isinstance(command, RepayDebt) for command in desk.sent)
    again = Engine(desk.state.config, MemoryDiary())
    for record, at_ms in desk.diary.records:
        if type(record).__name__ not in BULK:
            again.recover(record, at_ms)
    assert again.state.loan.open is None
    assert D("499.990001") == again.state.loan.paid_to_date


def test_a_word_does_not_end_a_repayment_that_nothing_tells_of() -> None:
    """The venue's books cannot be read, or the debt stands where it stood: silence ends by the books alone."""
    desk = LoanDesk()
    repay(desk)
    answer(desk, "TransferCoin", Verdict.ACCEPTED, Fate.DONE)
    answer(desk, "RepayDebt", Verdict.UNKNOWN)
    for _ in range(100):
        beat(desk)
    resume(desk)
    assert desk.state.loan.open is not None

    unexplained(desk, 4)
    unexplained(desk, 2, D(16200))
    resume(desk)
    assert desk.state.loan.open is not None


def test_an_answer_is_waited_for_before_the_books_are_asked() -> None:
    """Fifteen seconds are given to whoever was told to pay."""
    desk = LoanDesk()
    repay(desk)

    assert 15 == nobody_knows(desk, 30)[0]


def test_after_a_payment_that_came_to_nothing_the_next_one_waits_and_waits_twice_as_long() -> None:
    """Four seconds after the first, eight after the second, of which a person is told: a lender who refuses is not asked all the time."""
    desk = LoanDesk()
    repay(desk)
    waits: list[float] = []
    for _ in range(2):
        answer(desk, "TransferCoin", Verdict.REFUSED)
        dropped_ms, sent = desk.now_ms, len(desk.told(PaymentPlanned))
        why = treasurer.surroundings(desk.state, Wish(trigger=Trigger.LTV, why="", usdt=D(1)), desk.now_ms)
        assert f"the next is tried {4 * (len(waits) + 1)} s after the last" in why.refused_lately
        repay(desk)
        while len(desk.told(PaymentPlanned)) == sent and len(waits) < 20:
            beat(desk, 0.5)
        waits.append((desk.now_ms - dropped_ms) / 1000)

    failed = [note.text for note in desk.told(Note) if note.kind == "repayment failed"]
    assert [4.0, 8.0] == waits
    assert ["payment 2 of 499.990002 USDT: so"] == failed
    assert 3 == sum(isinstance(command, TransferCoin) for command in desk.sent)


def test_what_may_leave_an_account_is_known_of_one_whose_margin_is_known() -> None:
    """In a unified account all that is margin may repay; of a wallet that leaves its margin out nothing is assumed."""
    desk = Desk(a_config(loan=LoanRules(enabled=True)))
    desk.start()
    desk.hear(LoanRead(reading=LoanReading(asked_ms=desk.now_ms, structure=Structure.UTA, principal=D(16200))))
    wish, wallet = Wish(trigger=Trigger.BY_HAND, why="", usdt=D(1)), desk.state.wallet

    def spare(**missing: None) -> float:
        desk.state.wallet = replace(wallet, **missing)
        return treasurer.surroundings(desk.state, wish, desk.now_ms).spare

    assert 14_493 == spare()
    assert math.isnan(spare(margin_balance=None))
    assert math.isnan(spare(maintenance_margin=None))


@pytest.mark.parametrize("closed", ["paused", "unwritable"])
def test_between_its_steps_a_payment_waits_where_nothing_may_be_paid_and_not_for_ever(closed: str) -> None:
    """The transfer is done: the repayment leaves as soon as it may, or is given up after three times what a hedge may take."""
    for wait_s, paid in ((100, True), (361, False)):
        desk = LoanDesk()
        repay(desk)
        setattr(desk.state, closed, "a person said so")
        desk.pulse(0)
        answer(desk, "TransferCoin", Verdict.ACCEPTED, Fate.DONE)
        for _ in range(wait_s):
            beat(desk)
        assert [] == [command for command in desk.sent if isinstance(command, RepayDebt)]
        setattr(desk.state, closed, "")
        beat(desk)

        assert paid == any(isinstance(command, RepayDebt) for command in desk.sent)
        given_up = [] if paid else ["it could not be sent in time"]
        assert given_up == [ended.reason for ended in desk.told(PaymentEnded)]


def test_who_is_told_to_stop_gives_up_what_has_not_left() -> None:
    """The USDT lie in the Funding wallet, and the next run finds them there."""
    desk = LoanDesk()
    repay(desk)
    desk.hear(Stopping(reason="SIGTERM"))
    answer(desk, "TransferCoin", Verdict.ACCEPTED, Fate.DONE)

    assert [("stopping: SIGTERM", D(0))] == [(ended.reason, ended.paid) for ended in desk.told(PaymentEnded)]
    assert not any(isinstance(command, RepayDebt) for command in desk.sent)


CHANGED: list[dict[str, Any]] = [
    {"dry_run": True},
    {"enabled": False},
    {"structure": Structure.NONE},
    {"structure": Structure.UTA},
    {"repay_max_usdt": D(400)},
    {"repay_max_day_usdt": D(400)},
]


@pytest.mark.parametrize("changed", CHANGED, ids=[next(iter(change)) for change in CHANGED])
def test_a_payment_that_the_settings_no_longer_allow_goes_no_further(changed: dict[str, Any]) -> None:
    """Planned, the process died, and a person has changed the settings so that it is not paid: the next run paid it all the same."""
    desk = LoanDesk()
    repay(desk)
    config = desk.state.config
    desk.state.config = replace(config, loan=replace(config.loan, **changed))
    answer(desk, "TransferCoin", Verdict.ACCEPTED, Fate.DONE)
    beat(desk)

    assert not any(isinstance(command, RepayDebt) for command in desk.sent)
    assert [(D(0), "moved")] == [(ended.paid, ended.step) for ended in desk.told(PaymentEnded)]
    assert desk.state.loan.open is None


def test_a_standing_order_pays_what_is_there_and_realises_nothing_first() -> None:
    """300 of 700 lie ready: they are paid when they are due. Only a sweep, and who pays by hand, wait for the whole."""
    desk = LoanDesk(sweep=False, schedule_every_ms=20_000, schedule_usdt=D(700))
    desk.state.profit.tried_ms = desk.now_ms + 600_000  # no profit is taken meanwhile
    for _ in range(22):
        desk.pulse(1, price="110000")
        desk.read_loan(transferable_usdt=D(300))

    assert [(Trigger.SCHEDULE, True)] == [(plan.trigger, plan.amount < 300) for plan in desk.told(PaymentPlanned)]
    assert [] == desk.told(RealiseWanted)


def test_a_reading_that_shows_the_payment_is_planned_on_at_once() -> None:
    """The debt has fallen by what was paid: nobody waits for a lease to end before more is repaid."""
    desk = LoanDesk()
    repay(desk)
    answer(desk, "TransferCoin", Verdict.ACCEPTED, Fate.DONE)
    answer(desk, "RepayDebt", Verdict.ACCEPTED, Fate.DONE)
    repay(desk)
    for _ in range(3):
        beat(desk)
        desk.read_loan(principal=D(15700))
    desk.pulse(1)

    assert [D(16200), D(15700)] == [plan.debt_before for plan in desk.told(PaymentPlanned)]


def test_who_presses_keeps_less_of_the_margin() -> None:
    """Ordinarily the short must survive a rise and stay calm; from CRITICAL on the loan comes first, and a rung more is borne."""
    desk = LoanDesk(keep_rise=0.1)
    ordinary, pressing = (
        treasurer.surroundings(desk.state, Wish(trigger=Trigger.LTV, why="", usdt=D(1), urgent=urgent), desk.now_ms)
        for urgent in (False, True)
    )
    book = (8_000.0, 150.0, 0.27, 116_000.0, 0.00555)

    assert risk.spare_cash_usdt(*book, 0.1, 0.3) == ordinary.spare
    assert risk.spare_cash_usdt(*book, 0.0, 0.5) == pressing.spare


def test_gains_are_asked_for_when_the_hedge_in_motion_has_ended() -> None:
    """Its targets would not mean what they mean: the sweep waits until the leg stands where it was meant to."""
    desk = LoanDesk(short="0.135")
    desk.state.profit.tried_ms = desk.now_ms + 600_000  # no round trip begins meanwhile
    (order,) = desk.orders
    desk.fall()
    assert [] == desk.told(RealiseWanted)

    desk.fill(order)
    desk.fall()
    desk.fall()
    assert 1 == len(desk.told(RealiseWanted))


def test_gains_that_did_not_come_are_not_asked_for_all_the_time() -> None:
    """A round trip brought nothing: for as long as a hedge may take nobody asks again, nor complains of cash that was asked for."""
    desk = LoanDesk()
    desk.state.profit.tried_ms = desk.now_ms + 600_000
    desk.fall()
    desk.fall()
    assert [] == desk.told(PaymentRefused)
    desk.realised("0")
    begun_ms = desk.now_ms
    while len(desk.told(RealiseWanted)) < 2 and desk.now_ms < begun_ms + 200_000:
        desk.fall(seconds=0.5)
        if desk.state.readings.asked_ms is not None:
            desk.answer_reading(a_reading("0", "0.27", wallet=desk.wallet))
        desk.read_loan()
    desk.fall()

    assert 117_000 <= desk.now_ms - begun_ms <= 121_000
    assert 2 == len(desk.told(RealiseWanted))


def test_a_gain_below_the_smallest_payment_is_left_where_it_is() -> None:
    """The short has won thirty dollars: they would pay for nothing but the fees of realising them."""
    desk = LoanDesk()
    desk.state.ledger.legs[Leg.SHORT].entry_price = D(100_100)
    desk.fall()

    assert [] == desk.told(RealiseWanted)
    assert ["cash"] == [refused.rule for refused in desk.told(PaymentRefused)]


def test_nothing_is_paid_on_a_debt_that_was_read_too_long_ago() -> None:
    """The price is of now and the debt is not: who asks is heard when the loan has been read."""
    desk = LoanDesk()
    for _ in range(desk.state.config.loan.stale_ms // 1000 + 1):
        desk.pulse(1)
        if desk.state.readings.asked_ms is not None:
            desk.answer_reading(a_reading("0", "0.27", wallet=desk.wallet))
    repay(desk)
    assert [] == desk.told(PaymentPlanned)

    desk.read_loan()
    desk.pulse(1)
    assert 1 == len(desk.told(PaymentPlanned))
