"""The life of a payment, pair by pair; and the cashier, rule by rule."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.commands import PaymentPlanned, PaymentRefused, RepayDebt, TransferCoin, Trigger
from bot.domain.errors import IllegalStep
from bot.domain.events import RepaymentSought
from bot.domain.loan import Fate, LoanReading, Purse, RepayRow, Structure
from bot.engine import cashier
from bot.engine.cashier import Surroundings, Wish
from bot.engine.config import LoanRules
from bot.engine.repayment import ENDED, NEXT, Payment, Signal, Step, debt_has_fallen, hear

NOW_MS = 1_755_932_400_000
"""07:00: outside of the refused window."""


def a_plan(**changes: Any) -> PaymentPlanned:
    known: dict[str, Any] = {
        "number": 7, "trigger": Trigger.LTV, "why": "", "structure": Structure.CRYPTO_LOAN, "amount": D("400.000007"),
        "to_transfer": D("400.01"), "source": Purse.UNIFIED, "debt_before": D(16200), "interest_before": D(0),
        "from_profit": D(0), "from_pot": D(400), "from_reserve": D(0),
    }  # fmt: skip
    return PaymentPlanned(**(known | changes))


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("signal", Signal)
def test_every_pair_has_one_answer(step: Step, signal: Signal):
    """Legal pairs lead where the table says; the others halt the engine and name both."""
    payment = Payment(plan=a_plan(), planned_ms=NOW_MS, step=step)
    if signal in NEXT[step]:
        hear(payment, signal)
        assert NEXT[step][signal] is payment.step
    else:
        with pytest.raises(IllegalStep, match=step.value):
            hear(payment, signal)


def test_no_road_leads_back():
    """A payment that has ended stays so, and nothing that left is ever told to leave again."""
    assert all(after in ENDED for step in ENDED for after in NEXT[step].values())
    senders = {step for step, row in NEXT.items() if Signal.SENT_REPAYMENT in row}
    assert {Step.PLANNED, Step.MOVED} == senders
    reached: set[Step] = set()
    todo = [Step.REPAYING]
    while todo:
        step = todo.pop()
        if step not in reached:
            reached.add(step)
            todo += NEXT[step].values()
    assert not reached & senders


def test_a_payment_in_its_steps():
    """Transfer, then repayment, each once; the names follow from the plan."""
    payment = Payment(plan=a_plan(), planned_ms=NOW_MS)
    first = cashier.next_deed(payment, "USDT")
    again = cashier.next_deed(payment, "USDT")

    assert isinstance(first, TransferCoin)
    assert first == again
    assert (Purse.UNIFIED, Purse.FUND, D("400.01")) == (first.source, first.target, first.amount)
    assert [8, 4, 4, 4, 12] == [len(part) for part in first.transfer_id.split("-")]
    hear(payment, Signal.SENT_TRANSFER)
    assert cashier.next_deed(payment, "USDT") is None
    hear(payment, Signal.DONE)
    second = cashier.next_deed(payment, "USDT")
    assert isinstance(second, RepayDebt)
    assert D("400.000007") == second.amount


def test_two_payments_never_bear_the_same_name():
    """The amounts of equal wishes differ, and so do their transfers."""
    assert D("399.990007") == cashier.named(D(400), 7)
    assert cashier.named(D("400.5"), 7) != cashier.named(D("400.5"), 8)
    one, other = a_plan(), a_plan(number=8)
    assert cashier.transfer_id(one, NOW_MS) != cashier.transfer_id(other, NOW_MS)


FALLS = [
    # name                                            debt now  rows: (amount, seconds after it left, fate)   fallen
    ("nothing has happened",                          16200,    [],                                           False),
    ("the debt fell by it, and no row tells",         15800,    [],                                           True),
    ("interest came on top",                          15810,    [],                                           True),
    ("another hand repaid since",                     14200,    [(2000, 1, Fate.DONE)],                       False),
    ("another hand, and it besides",                  13800,    [(2000, 1, Fate.DONE)],                       True),
    ("another hand, before it left: already reckoned", 15800,   [(2000, -1, Fate.DONE)],                      True),
    ("what is not done explains nothing",             15800,    [(2000, 1, Fate.PENDING)],                    True),
]  # fmt: skip


@pytest.mark.parametrize(("name", "debt", "rows", "fallen"), FALLS, ids=[case[0] for case in FALLS])
def test_a_fall_of_the_debt_forbids_the_proof_of_absence(
    name: str, debt: int, rows: list[tuple[int, int, Fate]], fallen: bool
):
    """The debt is lower by what this payment would have repaid: it may have arrived. Not so where another hand's rows explain the fall."""
    payment = Payment(plan=a_plan(), planned_ms=NOW_MS, sent_ms=NOW_MS)
    told = tuple(RepayRow(ref="9", amount=D(usdt), fate=fate, at_ms=NOW_MS + s * 1000) for usdt, s, fate in rows)

    assert fallen == debt_has_fallen(payment, RepaymentSought(payment=7, rows=told, debt=D(debt)), NOW_MS)


RULES = LoanRules(enabled=True)
READING = LoanReading(
    asked_ms=NOW_MS, structure=Structure.CRYPTO_LOAN, principal=D(16000), interest=D(200), pledged_btc=D("0.27"),
    transferable_usdt=D(6000),
)  # fmt: skip
AROUND = Surroundings(
    now_ms=NOW_MS, number=7, rules=RULES, mode="TRADING", may_pay=True, is_fresh=True, reading=READING, debt=D(16200),
    pot=D(3000), reserve=D(0), spare=5000.0, paid_today=D(0), refused_lately="",
)  # fmt: skip
WISH = Wish(trigger=Trigger.LTV, why="", usdt=D("2701.35"))
UTA = replace(READING, structure=Structure.UTA, repayable_usdt=D(1000))
IN_WINDOW = NOW_MS + 4 * 60_000

REFUSALS = [
    # name                              wish changes            surroundings' changes                           rule
    ("halted", {}, {"may_pay": False, "mode": "HALTED"}, "mode"),
    ("stale", {}, {"is_fresh": False}, "freshness"),
    ("after a failure", {}, {"refused_lately": "wait"}, "pause"),
    ("interest is reckoned", {}, {"reading": UTA, "now_ms": IN_WINDOW}, "window"),
    ("nothing owed", {}, {"debt": D(0)}, "debt"),
    ("nothing owed but dust", {}, {"debt": D("0.02")}, "debt"),
    ("margin unknown", {}, {"spare": math.nan}, "margin"),
    ("the day is spent", {}, {"paid_today": D(20000)}, "daily limit"),
    ("nothing realised", {}, {"pot": D(0)}, "cash"),
    ("margin must stay", {}, {"spare": 0.0}, "cash"),
    ("below the smallest", {"usdt": D(49)}, {}, "cash"),
    ("dry", {}, {"rules": replace(RULES, dry_run=True)}, "dry run"),
]


@pytest.mark.parametrize(("name", "wish", "around", "rule"), REFUSALS, ids=[case[0] for case in REFUSALS])
def test_refusals_name_their_rule(name: str, wish: dict[str, Any], around: dict[str, Any], rule: str):
    """Each rule of the cashier alone is enough."""
    answer = cashier.admit(replace(WISH, **wish), replace(AROUND, **around))

    assert isinstance(answer, PaymentRefused)
    assert rule == answer.rule


AMOUNTS = [
    # name                               wish changes             surroundings' changes                  amount         transfer
    ("just enough", {}, {}, "2701.340007", "2701.35"),
    (
        "what lies in Funding goes first",
        {},
        {"reading": replace(READING, funding_usdt=D(2000))},
        "2701.340007",
        "701.35",
    ),
    ("only what was realised", {}, {"pot": D(1000)}, "999.990007", "1000.00"),
    ("own cash where it is urgent", {"from_cash": True}, {"pot": D(0)}, "2701.340007", "2701.35"),
    ("never the reserve unasked", {"from_cash": True}, {"pot": D(0), "reserve": D(4000)}, "999.990007", "1000.00"),
    ("the margin stays", {}, {"spare": 700.0}, "699.990007", "700.00"),
    (
        "what lies in Funding makes good no margin",
        {},
        {"spare": -500.0, "reading": replace(READING, funding_usdt=D(2000))},
        "1999.990007",
        "0",
    ),
    ("one payment's limit", {}, {"rules": replace(RULES, repay_max_usdt=D(500))}, "499.990007", "500.00"),
    ("the rest of the day", {}, {"paid_today": D(19900)}, "99.990007", "100.00"),
    ("never more than is owed", {}, {"debt": D(300)}, "299.990007", "300.00"),
    ("a small rest is paid whole", {}, {"debt": D("20.5")}, "20.490007", "20.50"),
    ("inside one account", {}, {"reading": UTA}, "999.990007", "0"),
]


@pytest.mark.parametrize(("name", "wish", "around", "amount", "transfer"), AMOUNTS, ids=[case[0] for case in AMOUNTS])
def test_amounts(name: str, wish: dict[str, Any], around: dict[str, Any], amount: str, transfer: str):
    """Inside every limit at once, with the payment's number behind the cents."""
    answer = cashier.admit(replace(WISH, **wish), replace(AROUND, **around))

    assert isinstance(answer, PaymentPlanned)
    assert (D(amount), D(transfer)) == (answer.amount, answer.to_transfer)


def test_the_reserve_is_spent_last():
    """400 of profit are there: of a payment of 700 the reserve gives what is missing, and keeps the rest."""
    answer = cashier.admit(
        replace(WISH, usdt=D(700), from_reserve=D(1000)), replace(AROUND, pot=D(400), reserve=D(500))
    )

    assert isinstance(answer, PaymentPlanned)
    assert (D("699.990007"), D(400), D("299.990007")) == (answer.amount, answer.from_pot, answer.from_reserve)


def test_no_more_is_wanted_in_cash_than_the_day_has_left():
    """Gains are realised for what may be paid today, not for what is owed."""
    assert D(500) == cashier.payable(WISH, replace(AROUND, paid_today=RULES.repay_max_day_usdt - 500))


def test_a_payment_of_just_the_limits_is_carried_on():
    """It was planned up to them; only one above them was planned under others."""
    rules = replace(RULES, repay_max_usdt=D(400), repay_max_day_usdt=D(900))

    assert "" == cashier.forbidden(a_plan(amount=D(400)), rules, D(900))
    assert "above the limits" in cashier.forbidden(a_plan(amount=D("400.01")), rules, D(900))
    assert "above the limits" in cashier.forbidden(a_plan(amount=D(400)), rules, D("900.01"))


@pytest.mark.parametrize(("second", "shut"), [(234, False), (235, True), (334, True), (335, False)])
def test_nothing_leaves_while_bybit_reckons_interest(second: int, shut: bool):
    """From five seconds before hh:04:00 to five after hh:05:30, in a unified account; a Crypto Loan knows no such window."""
    hour_ms = NOW_MS - NOW_MS % 3_600_000
    ends_ms = hour_ms + 335_000 if shut else None

    assert ends_ms == cashier.window_ends_ms(Structure.UTA, hour_ms + second * 1000)
    assert None is cashier.window_ends_ms(Structure.CRYPTO_LOAN, hour_ms + second * 1000)


def test_profit_is_shared_once():
    """Where only a part of a share can be paid, only that part of the profit has had its share."""
    wish = Wish(trigger=Trigger.PROFIT, why="", usdt=D(500), from_profit=D(1000))
    answer = cashier.admit(wish, replace(AROUND, pot=D(250)))

    assert isinstance(answer, PaymentPlanned)
    assert D("499.98") == answer.from_profit.quantize(D("0.01"))


def test_a_top_up_moves_idle_cash_into_the_margin():
    """From Funding to the unified account, and nothing is repaid."""
    wish = Wish(trigger=Trigger.TOP_UP, why="", usdt=D(700))
    answer = cashier.admit(wish, replace(AROUND, reading=replace(READING, funding_usdt=D(700))))

    assert isinstance(answer, PaymentPlanned)
    assert (D(0), D(700), Purse.FUND) == (answer.amount, answer.to_transfer, answer.source)


def test_a_dry_run_moves_nothing_at_all():
    """Neither to the lender nor to the margin: it tells what it would do."""
    wish = Wish(trigger=Trigger.TOP_UP, why="the margin is used to 52%", usdt=D(700))
    reading = replace(READING, funding_usdt=D(700))
    answer = cashier.admit(wish, replace(AROUND, reading=reading, rules=replace(RULES, dry_run=True)))

    assert isinstance(answer, PaymentRefused)
    assert ("dry run", "700 USDT would go to the margin: the margin is used to 52%") == (answer.rule, answer.reason)
