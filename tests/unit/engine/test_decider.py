"""What the strategy is asked, which of its answers are written down, and when nobody asks it."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal as D

from bot.domain.commands import Decided, Outcome
from bot.domain.events import ExecutionSeen, LoanRead, OperatorAsked, Started, Verb, WalletSeen
from bot.domain.loan import LoanReading, Structure
from bot.domain.thoughts import BreakerMoved
from bot.engine import decider
from bot.engine.config import LoanRules
from tests.unit.engine.desk import Desk, a_config, a_history, a_reading, a_ticker, a_wallet, an_execution


def a_calm_desk(*, sigma_24h: float = 0.026) -> Desk:
    """The seed book as it is hedged, with its first decision behind it: nothing to do."""
    desk = Desk(a_config(policy=a_config().policy._replace(min_interval_ms=0)))
    desk.start(sigma_24h=sigma_24h, reading=a_reading("0.051", "0.321"))
    desk.pulse(1)
    return desk


def a_loan(desk: Desk) -> LoanReading:
    """8,100 USDT against 0.27 BTC, of whose value half counts."""
    return LoanReading(
        asked_ms=desk.now_ms, structure=Structure.CRYPTO_LOAN, principal=D(8100), pledged_btc=D("0.27"),
        tiers=((D(0), D("0.5")),),
    )  # fmt: skip


def triggers(desk: Desk) -> list[str]:
    return [decided.trigger for decided in desk.diary.of(Decided)]


def test_what_nobody_has_said_yet_is_unknown_and_not_zero() -> None:
    """Before the account was read legs of zero would be hedged as legs of zero; a debt without a price is no debt of nothing."""
    desk = Desk()
    desk.hear(Started(run="r1", version="0", mode="paper", settings_hash=""))
    desk.hear(a_history())
    before = decider.inputs_of(desk.state, desk.now_ms)
    desk.hear(WalletSeen(wallet=a_wallet()))
    desk.hear(LoanRead(reading=a_loan(desk)))
    unpriced = decider.inputs_of(desk.state, desk.now_ms)
    desk.hear(a_ticker())
    priced = decider.inputs_of(desk.state, desk.now_ms)

    assert (-1, -1) == (before.book.long_steps, before.book.short_steps)
    assert [True, True, False] == [math.isnan(asked.account.debt_usdt) for asked in (before, unpriced, priced)]
    assert [True, False] == [math.isnan(asked.account.collateral_ratio) for asked in (unpriced, priced)]


def test_what_is_on_its_way_is_told_as_on_its_way() -> None:
    """The long leg's order has left: the strategy reads the leg as it is, and what is coming."""
    desk = Desk()
    desk.start()

    book = decider.inputs_of(desk.state, desk.now_ms).book

    assert (213, 213, -162, 0) == book[1:]


def test_a_crypto_loan_is_judged_by_its_own_tiers_and_by_its_lender() -> None:
    """Half of the coin's value counts where the lender says so, and a lender who sees 62 % is heard."""
    desk = Desk(a_config(collateral_ratio=0.98, loan=LoanRules(enabled=True)))
    desk.start(reading=a_reading("0", "0.27", wallet=a_wallet(btc="0", debt="0")))
    reading = a_loan(desk)
    desk.hear(LoanRead(reading=reading))
    agreed = decider.inputs_of(desk.state, desk.now_ms).account
    for n in (1, 2):
        desk.hear(LoanRead(reading=replace(reading, asked_ms=desk.now_ms + n, venue_ltv=D("0.62"))))
    told = decider.inputs_of(desk.state, desk.now_ms).account

    assert (0.5, True) == (agreed.collateral_ratio, math.isnan(agreed.ltv_reported))
    assert (8100.0, 0.62) == (told.debt_usdt, told.ltv_reported)


def test_nothing_is_decided_on_a_leg_that_is_not_what_it_seems() -> None:
    """A hand closes more than the leg holds: its purchase is missing. Even who asks waits until that has come."""
    desk = a_calm_desk()
    decided = len(triggers(desk))

    bought = an_execution("bought", qty="0.1", exec_ms=desk.now_ms)
    closed = an_execution("closed", side="Sell", qty="0.151", closed_qty=D("0.151"), exec_ms=desk.now_ms)
    desk.hear(ExecutionSeen(execution=closed))
    desk.hear(OperatorAsked(verb=Verb.REHEDGE, reason="now", who="operator"))
    assert decided == len(triggers(desk))

    desk.hear(ExecutionSeen(execution=bought))
    assert (decided + 1, D("-0.051")) == (len(triggers(desk)), desk.diary.of(Decided)[-1].delta)


def test_a_refusal_is_written_once_and_a_hold_of_another_kind_not_at_all() -> None:
    """The journal is for what changed: not for every pulse that cannot tell, nor for half a band of new coin."""
    blind, calm = Desk(), a_calm_desk()
    blind.start(reading=a_reading("0.051", "0.321", wallet=replace(a_wallet(), coins=())))
    before = triggers(calm)
    for _ in range(25):
        blind.pulse(1)
        calm.pulse(1)
        calm.hear(WalletSeen(wallet=a_wallet("0.275")))

    assert [Outcome.REFUSE] == [decided.outcome for decided in blind.diary.of(Decided)]
    assert (before, D("0.005")) == (triggers(calm), calm.state.delta)

    blind.hear(WalletSeen(wallet=a_wallet()))
    blind.pulse(1)
    assert "funding multiplier" in triggers(blind)[-1], "what was unknown and is known has moved"


def test_a_level_that_moved_is_named_alone() -> None:
    """The price rises and the loan stands a rung better: that is why a decision is written, and nothing beside it."""
    desk = a_calm_desk()
    desk.pulse(1, price="140000")

    assert "LTV rung" == triggers(desk)[-1]


def test_a_hand_that_moved_a_leg_is_remembered_until_a_decision_has_answered_it() -> None:
    """While nobody knows the coin nothing can be answered, whoever asks; once it is known, the hand is what is answered."""
    desk = Desk()
    desk.start(reading=a_reading("0.051", "0.321", wallet=replace(a_wallet(), coins=())))
    desk.hear(ExecutionSeen(execution=an_execution("hand", qty="0.1", exec_ms=desk.now_ms + 1)))
    desk.hear(OperatorAsked(verb=Verb.REHEDGE, reason="now", who="operator"))
    refused = desk.diary.of(Decided)
    desk.hear(WalletSeen(wallet=a_wallet()))
    desk.pulse(1)

    assert {Outcome.REFUSE} == {decided.outcome for decided in refused}
    assert 1 == refused[-1].inputs["operator.urgent_event"]
    answered = desk.diary.of(Decided)[-1]
    assert (Outcome.HEDGE, "Trade by another hand") == (answered.outcome, answered.trigger)


def test_what_the_mode_forbids_is_told_at_once_and_then_no_more_often_than_a_hedge_may_take() -> None:
    """A breaker forbids the growth that is wanted: said once; new coin on top of it is said when two minutes have passed."""
    desk = Desk()
    desk.engine.fold(BreakerMoved(name="drawdown", tripped=True, reason="half is lost"), desk.now_ms)
    desk.start(reading=a_reading("0", "0.135"))
    wanted: list[tuple[int, D]] = []
    for second in range(0, 200, 5):
        desk.pulse(5)
        desk.hear(WalletSeen(wallet=a_wallet("0.28")))
        if desk.state.readings.asked_ms is not None:
            desk.answer_reading(a_reading("0", "0.135", wallet=a_wallet("0.28")))
        wanted += [(second, decided.short_target) for decided in desk.diary.of(Decided)[len(wanted) :]]

    assert [D("0.270"), D("0.280")] == [target for _, target in wanted]
    assert 115 <= wanted[1][0] - wanted[0][0] <= 130
    assert [1, 2] == [decided.number for decided in desk.diary.of(Decided)]


def test_a_decision_in_a_sentence() -> None:
    """A trade says where delta stands; whatever else made us look is said before it; what is unknown is left out."""
    hedged, blind = Desk(), Desk()
    hedged.start()
    blind.start(reading=a_reading(wallet=replace(a_wallet(), coins=())))
    first, refused = hedged.diary.of(Decided)[0], blind.diary.of(Decided)[0]

    where = "delta 0.270 BTC is 0.270 over the target, outside the band of 0.010"
    assert decider.sentence(first).startswith(f"first look: {where}")
    assert decider.sentence(replace(first, trigger="trade")).startswith(where)
    assert f"first look: {refused.reason}" == decider.sentence(refused)
