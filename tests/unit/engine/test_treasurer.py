"""When the loan is repaid, with what, and what it says when it is not; on a desk without a venue."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.account import CashKind, CashRow
from bot.domain.commands import (
    Decided,
    Mode,
    Note,
    PaymentPlanned,
    PaymentRefused,
    ProfitRealised,
    ReadLoan,
    RealiseWanted,
    RepayDebt,
    TransferCoin,
    Trigger,
)
from bot.domain.events import CashSeen, LoanRead, MoneyAnswered, OperatorAsked, RepaymentSought, Ticked, Verb
from bot.domain.legs import Act
from bot.domain.loan import Fate, LoanReading, RepayRow, Structure
from bot.domain.orders import Verdict
from bot.domain.thoughts import BreakerMoved
from bot.engine import hedging, loan, ltv, outlook, treasurer
from bot.engine.cashier import Wish
from bot.engine.config import LoanRules
from bot.strategy.pipeline import ORIGINAL_POLICY
from tests.unit.engine.desk import Desk, a_config, a_reading, a_ticker, a_wallet

FALLEN = "99990"
"""Here 16,200 against 0.27 BTC is an LTV of 60.006 %."""


class LoanDesk(Desk):
    """A desk with 0.27 BTC pledged in a Crypto Loan, the short of 0.27 (unless told) opened at 116,000, and 8,000 of margin."""

    def __init__(self, *, short: str = "0.27", tripped: bool = False, **rules: Any) -> None:
        config = a_config(loan=LoanRules(enabled=True, read_every_ms=10_000, **rules))
        super().__init__(replace(config, policy=config.policy._replace(min_interval_ms=0)))
        self.wallet = replace(a_wallet(btc="0", debt="0"), margin_balance=D(8000), maintenance_margin=D(150))
        usdt = replace(self.wallet.coins[1], wallet=D(8000), equity=D(8000))
        self.wallet = replace(self.wallet, coins=(self.wallet.coins[0], usdt))
        if tripped:
            self.trip()
        self.start(reading=a_reading("0", short, wallet=self.wallet))
        self.reading = LoanReading(
            asked_ms=self.now_ms, structure=Structure.CRYPTO_LOAN, principal=D(16200), hourly_rate=D("0.0000068"),
            pledged_btc=D("0.27"), tiers=((D(0), D(1)),), transferable_usdt=D(7000),
        )  # fmt: skip
        self.read_loan()

    def trip(self) -> None:
        """Half is lost: no leg grows until a person has looked."""
        self.engine.fold(BreakerMoved(name="drawdown", tripped=True, reason="half is lost"), self.now_ms)

    def read_loan(self, **changes: Any) -> None:
        self.reading = replace(self.reading, asked_ms=self.now_ms, **changes)
        self.hear(LoanRead(reading=self.reading))

    def fall(self, price: str = FALLEN, seconds: float = 1) -> None:
        self.pulse(seconds, price=price)

    def told(self, *kinds: type) -> list[Any]:
        return self.diary.of(*kinds)

    def realised(self, cash: str, share: str | None = None) -> None:
        """The hedge is home and reports cash, to whoever asked for it."""
        wanted = self.state.realise_wanted
        if (hedge := self.state.hedge) is not None:
            self.engine.fold(hedging.ended(self.state, hedge, self.now_ms, reached=True, reason="home"), self.now_ms)
        record = ProfitRealised(
            cycle=1, decision=1, action="realise", why=wanted.why if wanted else "", amount_usdt=D(share or cash), realised_usdt=D(cash),
            costs_usdt=D(0), pnl_usdt=D(cash), price=D(99990),
        )  # fmt: skip
        self.engine.fold(record, self.now_ms)


def test_pledged_coin_is_coin_to_hedge():
    """The wallet holds nothing, the loan 0.27: the short of 0.27 is no surplus."""
    desk = LoanDesk()

    assert D("0.27") == desk.state.spot
    assert D(0) == desk.state.delta


def test_at_sixty_percent_just_enough_gain_is_asked_for():
    """16,200 at 99,990: 2,701.35 USDT bring the LTV to 50 %, and what realising costs besides."""
    desk = LoanDesk()
    desk.fall()

    (wanted,) = desk.told(RealiseWanted)
    assert 2701 < wanted.need_usdt < 2730
    assert "60.0" in wanted.why
    assert desk.told(PaymentPlanned) == []


def test_realised_gain_is_moved_and_repaid_once():
    """Cash comes; a transfer leaves, then the repayment; the history ends it; nothing more leaves."""
    desk = LoanDesk()
    desk.fall()
    desk.realised("2715")
    desk.read_loan()
    desk.fall()

    (moved,) = [c for c in desk.sent if isinstance(c, TransferCoin)]
    assert D("2701.35") <= moved.amount <= D("2701.50")
    assert desk.diary.committed >= len(desk.diary.records) - 3, "it was on disk before it left"
    ok = {"verdict": Verdict.ACCEPTED, "code": 0, "reason": ""}
    desk.hear(MoneyAnswered(payment=1, deed="TransferCoin", fate=Fate.DONE, **ok))
    (repaid,) = [c for c in desk.sent if isinstance(c, RepayDebt)]
    desk.hear(MoneyAnswered(payment=1, deed="RepayDebt", fate=Fate.PENDING, **ok))
    row = RepayRow(ref="1", amount=repaid.amount, fate=Fate.DONE, at_ms=desk.now_ms)
    desk.hear(RepaymentSought(payment=1, rows=(row,), debt=D(16200) - repaid.amount))
    desk.fall()

    book = desk.state.loan
    assert book.open is None
    assert repaid.amount == book.paid_to_date
    assert 1 == len([c for c in desk.sent if isinstance(c, RepayDebt)])
    view = outlook.loan_view(desk.state, desk.now_ms)
    assert view.coverage == pytest.approx(float(repaid.amount) / 16200)


def test_cash_is_paid_when_a_reading_shows_it():
    """The loan was read before the profit became cash: that is waited out in silence, and so is a hedge on its way home."""
    desk = LoanDesk()
    desk.read_loan(transferable_usdt=D(0))
    desk.fall()
    desk.fall()
    desk.realised("2715")
    desk.fall()
    assert desk.told(PaymentPlanned, PaymentRefused) == []

    desk.read_loan(transferable_usdt=D(2715))
    desk.fall()
    assert 1 == len(desk.told(PaymentPlanned))


@pytest.mark.parametrize("trigger", [Trigger.LTV, Trigger.PROFIT])
def test_a_tripped_breaker_lets_only_the_defence_pay(trigger: Trigger):
    """In REDUCING the LTV still repays; the profit's share waits until the breaker is reset."""
    desk = LoanDesk()
    desk.trip()
    desk.realised("2715")
    desk.read_loan()
    desk.fall(FALLEN if trigger is Trigger.LTV else "116000")

    assert Mode.REDUCING is desk.state.mode
    assert ([trigger] if trigger is Trigger.LTV else []) == [plan.trigger for plan in desk.told(PaymentPlanned)]
    assert [] == desk.told(PaymentRefused)


def test_a_hedge_that_may_not_grow_does_not_stand_in_the_way_of_the_defence():
    """Half hedged in REDUCING, the strategy wants a larger short, which nobody may send: its gain is realised all the same."""
    desk = LoanDesk(short="0.135", tripped=True)
    desk.pulse(1)
    assert Mode.REDUCING is desk.state.mode
    assert [D("0.270")] == [decided.short_target for decided in desk.told(Decided)]

    desk.fall()
    assert 1 == len(desk.told(RealiseWanted))
    assert [Act.SHRINK] == [order.act for order in desk.orders]


def test_what_was_realised_for_the_loan_is_repaid_though_the_price_came_back():
    """Asked for at 60 %, paid at 59 %: otherwise the next dip would pay the fees of realising again."""
    desk = LoanDesk()
    desk.fall()
    desk.realised("2715")
    desk.read_loan()
    desk.fall("101500")

    (plan,) = desk.told(PaymentPlanned)
    assert Trigger.LTV is plan.trigger
    assert plan.amount > 2300


def test_a_sweep_realises_what_is_missing_before_it_pays_what_is_there():
    """300 of an earlier profit lie ready where 2,701 are due: paid alone they would end the sweep at 59 %. One payment carries all."""
    desk = LoanDesk()
    desk.realised("300", share="0")
    desk.read_loan()
    desk.fall()
    (wanted,) = desk.told(RealiseWanted)
    assert 2401 < wanted.need_usdt < 2430
    assert desk.told(PaymentPlanned) == []

    desk.realised("2415")
    desk.read_loan()
    desk.fall()
    (plan,) = desk.told(PaymentPlanned)
    assert 2701 < plan.amount < 2702


def test_a_sweep_does_not_wait_for_gains_that_cannot_come():
    """For as long as a hedge may take gains are waited for; then what lies ready is paid, and what comes later is the loan's as well."""
    desk = LoanDesk()
    desk.realised("300", share="0")
    desk.engine.fold(RealiseWanted(why="LTV: LTV 60.01%, down to 50%", need_usdt=D(2415)), desk.now_ms)
    desk.state.profit.tried_ms = desk.now_ms + 60_000  # nor can a round trip be begun for three minutes
    begun_ms = desk.now_ms
    while not desk.told(PaymentPlanned) and desk.now_ms < begun_ms + 180_000:
        desk.answer_reading(a_reading("0", "0.27", wallet=desk.wallet))
        desk.read_loan()
        desk.fall(seconds=1)

    (plan,) = desk.told(PaymentPlanned)
    assert D("299.990001") == plan.amount
    assert 120_000 <= desk.now_ms - begun_ms < 135_000
    assert loan.is_sweeping(desk.state)


@pytest.mark.parametrize("end", ["it lapsed", "nothing gained enough", "paused"])
def test_a_sweep_that_brought_no_cash_is_over(end: str):
    """Asked for at 60 %, and nothing came of it. At 57 %, where no sweep begins, none goes on either: fees would be paid for no need."""
    desk = LoanDesk()
    desk.state.profit.tried_ms = desk.now_ms + 7_200_000  # no round trip can be begun
    desk.fall()
    assert 1 == len(desk.told(RealiseWanted))
    if end == "nothing gained enough":
        desk.realised("0")
    if end == "paused":
        desk.hear(OperatorAsked(verb=Verb.PAUSE, reason="a look", who="operator"))
        desk.hear(OperatorAsked(verb=Verb.RESUME, reason="seen", who="operator"))
    until_ms = desk.now_ms + desk.state.config.rehedge_every_ms + 300_000
    while desk.now_ms < until_ms:
        desk.answer_reading(a_reading("0", "0.27", wallet=desk.wallet))
        desk.read_loan()
        desk.fall("105000", seconds=10)

    assert desk.state.realise_wanted is None
    assert 1 == len(desk.told(RealiseWanted))
    assert not loan.is_sweeping(desk.state)


def test_a_sweep_that_brought_too_little_pays_that_and_is_over():
    """300 came of 2,715, and the price came back to 57 %: they are repaid, and nothing more is realised where no sweep begins."""
    desk = LoanDesk()
    desk.fall()
    desk.realised("300", share="0")
    for _ in range(60):
        desk.answer_reading(a_reading("0", "0.27", wallet=desk.wallet))
        desk.read_loan(principal=D(16200) - desk.state.loan.paid_to_date)
        desk.fall("105000", seconds=10)
        if (payment := desk.state.loan.open) is not None:
            deed = "TransferCoin" if payment.step.value == "moving" else "RepayDebt"
            done = MoneyAnswered(payment=1, deed=deed, fate=Fate.DONE, verdict=Verdict.ACCEPTED, code=0, reason="")
            desk.hear(done)

    assert [D("299.990001")] == [plan.amount for plan in desk.told(PaymentPlanned)]
    assert D("299.990001") == desk.state.loan.paid_to_date
    assert 1 == len(desk.told(RealiseWanted))


def test_gains_whose_payment_came_to_nothing_are_still_the_loans():
    """Realised at 60 %, the transfer refused, the price a little back: they are repaid all the same, and only once."""
    desk = LoanDesk()
    desk.fall()
    desk.realised("2715")
    desk.read_loan()
    desk.fall()
    desk.hear(MoneyAnswered(payment=1, deed="TransferCoin", verdict=Verdict.REFUSED, code=131001, reason="busy"))
    for _ in range(4):
        desk.fall("101500", seconds=10)  # no reading yet, and the fall is forgotten
    for _ in range(20):
        desk.answer_reading(a_reading("0", "0.27", wallet=desk.wallet))
        desk.read_loan()
        desk.fall("101500", seconds=10)

    assert [1, 2] == [plan.number for plan in desk.told(PaymentPlanned)]
    assert desk.told(PaymentPlanned)[1].amount > 2300
    assert not loan.is_sweeping(desk.state)


def test_from_critical_on_what_is_there_is_paid_at_once():
    """At 76 % nobody waits for a better payment."""
    desk = LoanDesk()
    desk.realised("300", share="0")
    desk.read_loan()
    desk.fall("78900")

    assert 1 == len(desk.told(PaymentPlanned))
    assert desk.told(RealiseWanted) == []


def test_an_unknown_repayment_stops_every_other():
    """Whatever the LTV does: until the books tell, nothing else is paid."""
    desk = LoanDesk()
    desk.fall()
    desk.realised("2715")
    desk.read_loan(funding_usdt=D(3000))
    desk.fall()
    desk.hear(MoneyAnswered(payment=1, deed="RepayDebt", verdict=Verdict.UNKNOWN, code=None, reason="no answer"))
    for _ in range(40):
        desk.fall("85000", seconds=10)
        desk.read_loan()
        desk.hear(RepaymentSought(payment=1, rows=(), debt=D(13000)))  # the debt fell, and no row tells why

    assert 1 == len([c for c in desk.sent if isinstance(c, RepayDebt)])
    assert "repayment unknown" == desk.state.loan.open.step.value
    assert any(note.kind == "repayment unresolved" for note in desk.told(Note))


def test_what_was_repaid_before_a_payment_left_never_explains_that_the_debt_fell():
    """The venue's clock is a minute ahead of ours. Another hand repaid 500 before the loan was read: the debt we planned on knows it,
    though it is dated after our sending. What it fell by since is our payment, unseen as yet: not proved absent, and not paid again.
    """
    desk = LoanDesk()
    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="spare", who="operator", amount=D(500)))
    answer = MoneyAnswered(payment=1, deed="TransferCoin", fate=Fate.DONE, verdict=Verdict.ACCEPTED, code=0, reason="")
    desk.hear(answer)
    desk.hear(replace(answer, deed="RepayDebt", fate=None, verdict=Verdict.UNKNOWN, code=None, reason="no answer"))
    other = RepayRow(ref="1", amount=D(500), fate=Fate.DONE, at_ms=desk.now_ms + 45_000)
    for _ in range(40):
        desk.now_ms += 10_000
        desk.hear(a_ticker("116000", desk.now_ms + 60_000))
        desk.hear(Ticked())
        desk.hear(RepaymentSought(payment=1, rows=(other,), debt=D(15_700)))

    assert "repayment unknown" == desk.state.loan.open.step.value
    assert 1 == len([c for c in desk.sent if isinstance(c, RepayDebt)])


def test_a_reading_from_before_the_last_payment_is_never_planned_on():
    """A wallet may show a repayment late. What a reading asked for too early says of the debt stays old, however long it is looked at: a
    payment planned on it would take the fall of the last one for its own, and never be proved absent."""
    desk = LoanDesk()
    lease_s = desk.state.config.patience.lease_ms / 1000

    def wallet() -> None:
        desk.pulse(1)
        desk.answer_reading(a_reading("0", "0.27", wallet=desk.wallet))

    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="spare", who="operator", amount=D(500)))
    (first,) = desk.told(PaymentPlanned)
    transfer = MoneyAnswered(
        payment=1, deed="TransferCoin", fate=Fate.DONE, verdict=Verdict.ACCEPTED, code=0, reason=""
    )
    desk.hear(transfer)
    desk.hear(replace(transfer, deed="RepayDebt"))
    wallet()
    desk.read_loan()  # still 16,200
    wallet()
    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="more", who="operator", amount=D(300)))
    desk.pulse(lease_s + 1)
    assert [first] == desk.told(PaymentPlanned)

    desk.read_loan(principal=D(15700))
    desk.pulse(1)
    assert D(15700) == desk.told(PaymentPlanned)[1].debt_before


UNMANAGED = [
    ("demo trading", {}, {"absent": "demo trading has neither loans nor transfers"}, "demo trading has neither"),
    ("no loan", {}, {"structure": Structure.NONE}, "there is no loan"),
    ("the settings", {"structure": Structure.NONE}, {}, "the settings say"),
    ("switched off", {"enabled": False}, {}, "the settings say"),
]


@pytest.mark.parametrize(("name", "rules", "reading", "why"), UNMANAGED, ids=[case[0] for case in UNMANAGED])
def test_who_asks_where_no_loan_is_managed_is_turned_away(
    name: str, rules: dict[str, Any], reading: dict[str, Any], why: str
):
    """The wish is refused at once, and not kept until some day there is a loan."""
    desk = Desk(a_config(loan=LoanRules(**({"enabled": True} | rules))))
    desk.start()
    desk.hear(LoanRead(reading=LoanReading(**({"asked_ms": desk.now_ms, "structure": Structure.UTA} | reading))))
    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="spare", who="operator", amount=D(500)))

    (refused,) = desk.diary.of(PaymentRefused)
    assert ("loan", D(500)) == (refused.rule, refused.amount)
    assert why in refused.reason
    assert desk.state.asked_to_repay is None


def test_a_crypto_loan_that_cannot_be_read_is_named_as_what_is_waited_for():
    """Whoever names a structure that this world does not have would wait for it without end, and not know for what."""
    desk = Desk(a_config(loan=LoanRules(enabled=True, structure=Structure.CRYPTO_LOAN)))
    desk.start()
    assert "waiting for a first reading of the loan" in desk.state.why
    absent = LoanReading(asked_ms=desk.now_ms, structure=Structure.CRYPTO_LOAN, absent="demo trading has none")
    desk.hear(LoanRead(reading=absent))
    desk.pulse(1)

    assert Mode.STARTING is desk.state.mode
    assert "demo trading has none" in desk.state.why


MOVES = [("ours", "0", 0), ("another amount", "0.01", 1), ("the other way", "-2", 1)]


@pytest.mark.parametrize(("name", "more", "told"), MOVES, ids=[case[0] for case in MOVES])
def test_our_own_transfer_is_no_other_hand(name: str, more: str, told: int):
    """The log does not say who moved money; what a payment of ours has moved is not told as another hand's."""
    desk = LoanDesk()
    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="spare", who="operator", amount=D(500)))
    (moved,) = [c for c in desk.sent if isinstance(c, TransferCoin)]
    change = -moved.amount * (1 + D(more))
    row = CashRow(
        row_id="t1", kind=CashKind.TRANSFER, raw_kind="TRANSFER_OUT", currency="USDT", change=change, cash_flow=change,
        fee=D(0), funding=None, balance=None, at_ms=desk.now_ms,
    )  # fmt: skip
    desk.hear(CashSeen(row=row))

    assert told == sum(note.kind == "money moved" for note in desk.told(Note))


def test_a_wish_that_was_refused_is_shown_until_one_is_planned():
    """Who asked by hand sees which rule said no, and not only that nothing came."""
    desk = LoanDesk()
    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="too little", who="operator", amount=D(20)))
    shown = outlook.loan_view(desk.state, desk.now_ms)
    assert "by hand, 20.00 USDT: cash: " in shown.refused
    assert desk.now_ms == shown.refused_ms

    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="spare", who="operator", amount=D(500)))
    assert "" == outlook.loan_view(desk.state, desk.now_ms).refused


def test_the_ladders_that_people_see_are_the_ladders_that_act():
    """Rungs are settings; where no ladder acts, none is shown."""
    desk = LoanDesk()
    config = desk.state.config
    assert [("MONITOR", 0.5), ("WARNING", 0.65), ("CRITICAL", 0.75), ("EMERGENCY", 0.85)] == [
        (rung.name, rung.at) for rung in outlook.loan_view(desk.state, desk.now_ms).ltv_ladder
    ]
    desk.state.config = replace(config, policy=config.policy._replace(ltv_warning=0.6))
    assert 0.6 == outlook.loan_view(desk.state, desk.now_ms).ltv_ladder[1].at
    desk.state.config = replace(config, policy=ORIGINAL_POLICY)
    assert () == outlook.loan_view(desk.state, desk.now_ms).ltv_ladder


def test_dry_run_tells_once_and_does_nothing():
    """What would be paid is said; nothing is realised and nothing leaves."""
    desk = LoanDesk(dry_run=True)
    desk.fall()
    desk.realised("2715")
    for _ in range(5):
        desk.read_loan()
        desk.fall()

    assert ["dry run"] == [refusal.rule for refusal in desk.told(PaymentRefused) if refusal.rule == "dry run"]
    assert desk.told(RealiseWanted) == []
    assert not any(isinstance(c, TransferCoin | RepayDebt) for c in desk.sent)


def test_half_of_realised_profit_repays_and_a_fifth_fills_the_reserve():
    """1,000 realised: 200 to a reserve that is short, 500 to the loan."""
    desk = LoanDesk(reserve_usdt=D(1000), reserve_share=D("0.2"))
    desk.state.loan.reserve_used = D(600)
    desk.realised("1000")
    desk.read_loan()
    desk.pulse(1)

    (plan,) = desk.told(PaymentPlanned)
    assert (Trigger.PROFIT, D("499.990001")) == (plan.trigger, plan.amount)
    assert D(600) == desk.state.loan.reserve(desk.state.config.loan)


def test_by_hand_with_cash_of_the_account():
    """An operator may pay with what is there, as far as the margin that must stay allows."""
    desk = LoanDesk()
    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="spare", who="operator", amount=D(500)))

    (plan,) = desk.told(PaymentPlanned)
    assert (Trigger.BY_HAND, D("499.990001")) == (plan.trigger, plan.amount)
    assert desk.state.asked_to_repay is None


def test_by_hand_what_is_missing_in_cash_is_realised_first():
    """700 are asked for and 300 are there: the gain brings the rest, and one payment carries it whole."""
    desk = LoanDesk(sweep=False)
    desk.read_loan(transferable_usdt=D(300))
    desk.engine.fold(BreakerMoved(name="drawdown", tripped=True, reason="no profit is taken meanwhile"), desk.now_ms)
    desk.fall("110000")
    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="spare", who="operator", amount=D(700)))
    (wanted,) = desk.told(RealiseWanted)
    assert 400 < wanted.need_usdt < 420
    assert desk.told(PaymentPlanned) == []

    desk.realised("410")
    desk.read_loan(transferable_usdt=D(710))
    desk.fall("110000")
    assert [D("699.990001")] == [plan.amount for plan in desk.told(PaymentPlanned)]


def test_nothing_is_realised_that_could_not_be_paid():
    """The margin that must stay allows 300: realising more would cost fees and pay nothing."""
    desk = LoanDesk(sweep=False)
    desk.engine.fold(BreakerMoved(name="drawdown", tripped=True, reason="no profit is taken meanwhile"), desk.now_ms)
    desk.state.wallet = replace(desk.wallet, margin_balance=D(5050))
    desk.fall("110000")
    desk.hear(OperatorAsked(verb=Verb.REPAY, reason="spare", who="operator", amount=D(700)))

    assert desk.told(RealiseWanted) == []
    assert 0 < desk.told(PaymentPlanned)[0].amount < 700


def test_the_standing_order_pays_every_so_often():
    """Every twenty seconds 100 USDT, never sooner."""
    desk = LoanDesk(schedule_every_ms=20_000, schedule_usdt=D(100))
    desk.pulse(15)
    assert desk.told(PaymentPlanned) == []
    desk.read_loan()
    desk.pulse(6)

    assert [Trigger.SCHEDULE] == [plan.trigger for plan in desk.told(PaymentPlanned)]


def test_from_critical_on_the_reserve_is_repaid():
    """LTV 76 %, no gain to realise: what is set aside is paid, as far as it brings the LTV to 60 %."""
    desk = LoanDesk(reserve_usdt=D(3000))
    desk.state.ledger.legs[2].entry_price = D(70000)  # the short was opened late: it gains nothing
    desk.fall("79000")

    plan = desk.told(PaymentPlanned)[0]
    assert Trigger.LTV is plan.trigger
    assert plan.from_reserve > 0


@pytest.mark.parametrize(("there", "paid"), [("7000", ["2999.990001"]), ("0", [])], ids=["there", "used up"])
def test_without_the_sweep_the_reserve_is_spent_and_no_gain(there: str, paid: list[str]):
    """Who wants no gain realised has set the USDT aside all the same: from CRITICAL on they repay, down to 60 %, and nothing more does."""
    desk = LoanDesk(sweep=False, reserve_usdt=D(3000))
    desk.engine.fold(BreakerMoved(name="drawdown", tripped=True, reason="no profit is taken meanwhile"), desk.now_ms)
    desk.read_loan(transferable_usdt=D(there))
    desk.fall("85000")
    assert desk.told(PaymentPlanned) == []
    desk.fall("79000")

    assert [D(usdt) for usdt in paid] == [plan.amount for plan in desk.told(PaymentPlanned)]
    assert [D(usdt) for usdt in paid] == [plan.from_reserve for plan in desk.told(PaymentPlanned)]
    assert desk.told(RealiseWanted) == []


def test_a_lender_who_reckons_otherwise_is_told_of_once():
    """62 % by Bybit where we reckon 52 %: a warning after two readings, and the worse figure counts."""
    desk = LoanDesk()
    for _ in range(4):
        desk.read_loan(venue_ltv=D("0.62"))

    assert 1 == sum(note.kind == "ltv differs" for note in desk.told(Note))
    assert ltv.figures(desk.state, desk.now_ms).ltv == pytest.approx(0.62, abs=0.001)


def test_pages_that_fall_silent_do_not_unpledge_the_coin():
    """A venue that suddenly shows no loan page has not given the BTC back."""
    desk = LoanDesk()
    desk.hear(LoanRead(reading=LoanReading(asked_ms=desk.now_ms + 1, structure=Structure.NONE, absent="no such page")))

    assert D("0.27") == desk.state.spot


def test_the_loan_is_asked_for_again_and_again():
    """In its cycle, and at once after a payment."""
    desk = LoanDesk()
    before = len([c for c in desk.sent if isinstance(c, ReadLoan)])
    desk.pulse(11)

    assert before + 1 == len([c for c in desk.sent if isinstance(c, ReadLoan)])


def test_the_day_that_the_limit_counts_is_the_last_one():
    """Twenty-four hours back, to the millisecond: what was paid before does not count, what was paid since does."""
    desk = LoanDesk()
    day_ms = 86_400_000
    desk.state.loan.paid.extend(
        [(desk.now_ms - day_ms - 1, D(1_000)), (desk.now_ms - day_ms, D(300)), (desk.now_ms, D(40))]
    )

    wish = Wish(trigger=Trigger.LTV, why="", usdt=D(1))
    assert D(340) == treasurer.surroundings(desk.state, wish, desk.now_ms).paid_today
