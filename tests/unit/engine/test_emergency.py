"""Freeze, neutralise and flatten inside the engine: reduce-only orders, a halt that stays, another hand that comes back."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.domain.account import ExecKind
from bot.domain.commands import Mode, Note, Outcome, PlaceOrder
from bot.domain.events import ExecutionSeen, LatchSeen, OperatorAsked, OrderSeen, Started, Verb, WalletSeen
from bot.domain.legs import Act, Leg
from bot.domain.thoughts import EmergencyEnded
from bot.engine import emergency
from bot.engine.config import LoanRules
from tests.unit.engine.desk import Desk, a_config, a_history, a_reading, a_row, a_wallet, an_execution


def a_hedged_desk() -> Desk:
    desk = Desk()
    desk.start()
    while (order := desk.orders[-1] if desk.orders else None) is None or desk.state.hedge is not None:
        if order is None:
            desk.pulse(1)
            continue
        desk.accept(order)
        desk.fill(order)
        desk.pulse(1)
    assert (D("0.051"), D("0.321")) == legs(desk)
    return desk


def legs(desk: Desk) -> tuple[D, D]:
    books = desk.state.ledger.legs
    return books[Leg.LONG].qty, books[Leg.SHORT].qty


def ask(desk: Desk, verb: Verb) -> None:
    desk.hear(OperatorAsked(verb=verb, reason="a drill", who="operator"))


def carry_out(desk: Desk, verb: Verb) -> list[PlaceOrder]:
    """Ask for the verb, then accept and fill whatever the engine sends, and let the venue agree; what it sent."""
    before = done = len(desk.orders)
    ask(desk, verb)
    for _ in range(20):
        if len(desk.orders) > done:
            desk.accept(desk.orders[done])
            desk.fill(desk.orders[done])
            done += 1
        desk.pulse(2)
    long, short = legs(desk)
    desk.answer_reading(a_reading(f"{long}", f"{short}"))
    desk.pulse(2)
    return desk.orders[before:]


def test_flatten_closes_both_legs_and_stays_halted() -> None:
    """It shrinks and nothing else, also where that makes |delta| larger; afterwards nothing is decided."""
    desk = a_hedged_desk()

    sent = carry_out(desk, Verb.FLATTEN)

    assert (D(0), D(0)) == legs(desk)
    assert {Act.SHRINK} == {order.act for order in sent}
    assert [None] * len(sent) == [order.limit_price for order in sent]
    assert Mode.HALTED is desk.state.mode
    assert "flatten by operator: a drill" == desk.state.why
    assert [True] == [ended.done for ended in desk.diary.of(EmergencyEnded)]
    assert "emergency done" == desk.diary.of(Note)[-1].kind


def ended(desk: Desk) -> list[tuple[bool, str]]:
    """What a person was told of the emergencies that are over."""
    notes = [note for note in desk.diary.of(Note) if note.kind in ("emergency done", "emergency failed")]
    return [(over.done, note.kind) for over, note in zip(desk.diary.of(EmergencyEnded), notes, strict=True)]


def test_it_is_not_done_before_the_venue_says_so() -> None:
    """Both legs are closed in our books; no answer of the venue's since a person asked has shown it."""
    desk = a_hedged_desk()
    ask(desk, Verb.FLATTEN)
    for _ in range(2):
        desk.accept(desk.orders[-1])
        desk.fill(desk.orders[-1])
        desk.pulse(2)
    assert (D(0), D(0)) == legs(desk)
    assert [] == ended(desk)

    desk.answer_reading(a_reading("0", "0"))
    desk.pulse(1)
    assert [(True, "emergency done")] == ended(desk)


def test_neutralise_waits_until_delta_is_known() -> None:
    """A new run has not read yet what is pledged in the loan: nothing to close would be a guess."""
    desk = Desk(a_config(loan=LoanRules(enabled=True)))
    desk.start()
    assert desk.state.delta is None

    ask(desk, Verb.NEUTRALISE)
    desk.pulse(2)
    desk.answer_reading(a_reading())
    desk.pulse(2)

    assert [] == ended(desk)
    assert Mode.EMERGENCY is desk.state.mode
    assert "a drill; it waits: the BTC to hedge are not known. Flatten and freeze need no delta" in desk.state.why

    ask(desk, Verb.FREEZE)
    desk.pulse(2)
    assert [(True, "emergency done")] == ended(desk)


def test_neutralise_waits_until_the_legs_are_read() -> None:
    """The wallet is heard before the account is read: by legs that were remembered, another hand may have traded since, it could close what
    holds delta on target."""
    desk, deposited = a_hedged_desk(), a_wallet("0.30")
    desk.hear(Started(run="r2", version="0", mode="paper", settings_hash=""))
    desk.hear(a_history())
    desk.hear(WalletSeen(wallet=deposited))
    before = len(desk.orders)

    ask(desk, Verb.NEUTRALISE)
    desk.pulse(2)
    assert [] == desk.orders[before:]
    assert "it waits: the legs are remembered, and no reading since the start agrees with them yet" in desk.state.why

    desk.answer_reading(a_reading("0.051", "0.321", wallet=deposited))
    desk.pulse(2)
    assert [(Leg.LONG, Act.SHRINK, D("0.030"))] == [(o.leg, o.act, o.qty) for o in desk.orders[before:]]


def test_flatten_waits_until_there_are_books_and_says_so() -> None:
    """Asked before the account was read once: there is nothing that could be closed, and who asked must hear it."""
    desk = Desk()
    desk.hear(Started(run="r1", version="0", mode="paper", settings_hash=""))

    ask(desk, Verb.FLATTEN)
    desk.pulse(2)

    assert "it waits: the account has not been read. scripts/kill_switch.py reads it itself" in desk.state.why


BROKEN = [
    (Verb.FREEZE, True, "emergency done"),
    (Verb.FLATTEN, False, "emergency failed"),
    (Verb.NEUTRALISE, False, "emergency failed"),
]


@pytest.mark.parametrize(("verb", "is_done", "kind"), BROKEN, ids=[c[0].value for c in BROKEN])
def test_by_broken_books_nothing_is_closed_and_that_is_said(verb: Verb, is_done: bool, kind: str) -> None:
    """It waited for ever for a mode that could not come, told nobody, and no resume was taken meanwhile."""
    desk = a_hedged_desk()
    desk.hear(
        ExecutionSeen(execution=an_execution("bust", kind=ExecKind.BUST, side="Sell", closed_qty=D("0.01"), qty="0.01"))
    )
    desk.pulse(1)
    assert Mode.HALTED is desk.state.mode
    before = len(desk.orders)

    ask(desk, verb)
    desk.pulse(2)

    assert before == len(desk.orders)
    assert [(is_done, kind)] == ended(desk)
    assert desk.state.emergency is None
    assert Mode.HALTED is desk.state.mode


def test_a_run_that_ends_in_the_middle_of_it_is_no_flatten() -> None:
    """HALTED "by flatten" was all that a person read after the restart, and both legs stood."""
    desk = a_hedged_desk()
    ask(desk, Verb.FLATTEN)
    before = len(desk.orders)

    desk.pulse(1)
    desk.hear(Started(run="r2", version="0", mode="paper", settings_hash=""))
    desk.pulse(1)

    assert [(False, "emergency failed")] == ended(desk)
    assert "our books say: long 0.051, short 0.321" in desk.diary.of(Note)[-1].text
    assert Mode.HALTED is desk.state.mode
    assert before == len(desk.orders)


def test_freeze_sends_nothing_and_halts() -> None:
    """The legs stay as they are, whatever the price does."""
    desk = a_hedged_desk()

    ask(desk, Verb.FREEZE)
    desk.pulse(2)
    before = legs(desk)
    desk.pulse(600, price="150000")

    assert before == legs(desk)
    assert Mode.HALTED is desk.state.mode


NEUTRALISED = [
    # a foreign trade before it              what neutralise then closes
    ("too long: the long leg goes first", "Buy", "0.1", "0", [(Leg.LONG, "0.1")]),
    ("too short: a part of the hedge", "Sell", "0.1", "0", [(Leg.SHORT, "0.1")]),
]


@pytest.mark.parametrize(("name", "side", "qty", "closed", "closes"), NEUTRALISED, ids=[c[0] for c in NEUTRALISED])
def test_neutralise(name: str, side: str, qty: str, closed: str, closes: list[tuple[Leg, str]]) -> None:
    """Only what makes |delta| large is closed; the hedge stays."""
    desk = a_hedged_desk()
    ask(desk, Verb.PAUSE)
    strange = an_execution("other", side=side, qty=qty, closed_qty=D(closed), exec_ms=desk.now_ms)
    desk.hear(ExecutionSeen(execution=strange))

    sent = carry_out(desk, Verb.NEUTRALISE)

    assert [(leg, D(amount)) for leg, amount in closes] == [(order.leg, order.qty) for order in sent]
    assert D(0) == desk.state.delta
    assert Mode.HALTED is desk.state.mode


def test_a_latch_closed_by_another_hand_ends_our_own_emergency() -> None:
    """The kill switch closes the legs itself; two hands on one leg would be one too many."""
    desk = a_hedged_desk()
    ask(desk, Verb.FLATTEN)
    before = len(desk.orders)

    desk.hear(LatchSeen(closed=True, reason="flatten by kill_switch.py: now"))
    desk.accept(desk.orders[-1])
    desk.fill(desk.orders[-1])
    desk.pulse(5)

    assert desk.state.emergency is None
    assert before == len(desk.orders)
    assert Mode.HALTED is desk.state.mode


def test_the_latch_lifted_trades_again_unless_somebody_else_still_fills_the_account() -> None:
    """A person lifts it; a foreign trade soon after closes it again."""
    desk = a_hedged_desk()
    desk.hear(LatchSeen(closed=True, reason="freeze by kill_switch.py: look"))
    assert Mode.HALTED is desk.state.mode

    desk.hear(LatchSeen(closed=False, reason="lifted"))
    desk.pulse(1)
    assert Mode.TRADING is desk.state.mode

    again = an_execution("again", side="Buy", qty="0.1", closed_qty=D(0), exec_ms=desk.now_ms)
    desk.hear(ExecutionSeen(execution=again))
    desk.pulse(1)

    assert Mode.HALTED is desk.state.mode
    assert "another hand traded soon after the latch was lifted" == desk.state.why


LEFT = [
    # verb             long     short    delta    liquidation
    (Verb.FREEZE,      "0.213", "0.213", "0.27",  116_000 - (14_493 - 900) / 0.27),
    (Verb.NEUTRALISE,  "0",     "0.213", "0.057", None),  # below zero: no price hurts any more
    (Verb.FLATTEN,     "0",     "0",     "0.27",  116_000 - 14_493 / 0.27),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "long", "short", "delta", "liquidation"), LEFT, ids=[case[0].value for case in LEFT])
def test_the_figures_of_what_is_left(verb: Verb, long: str, short: str, delta: str, liquidation: float | None) -> None:
    """By hand: 14,493 of balance on 0.27 BTC, 900 of maintenance margin for both legs, which goes with them; 16,200 of debt."""
    desk = Desk()
    desk.start()

    left = emergency.preview(desk.state, verb)

    assert (D(long), D(short), D(delta)) == (left.long, left.short, left.delta)
    assert pytest.approx(16_200 / (0.27 * 116_000)) == left.ltv
    assert liquidation == (left.liquidation and pytest.approx(float(left.liquidation)))


def test_a_short_account_is_liquidated_above_the_price() -> None:
    """More short than coin: it is a rally that hurts."""
    desk = Desk()
    desk.start(reading=a_reading("0", "0.4"))

    left = emergency.preview(desk.state, Verb.FREEZE)

    assert D("-0.13") == left.delta
    assert pytest.approx(116_000 + (14_493 - 900) / 0.13) == float(left.liquidation or 0)


def test_before_the_account_was_read_nothing_is_claimed() -> None:
    """Unknown is not zero, and no figure is better than a wrong one."""
    left = emergency.preview(Desk().state, Verb.FREEZE)

    assert (None,) * 5 == (left.long, left.short, left.delta, left.ltv, left.liquidation)
    assert "long unknown, short unknown, delta unknown, LTV unknown, liquidation unknown" == left.words


@pytest.mark.parametrize(
    ("after_ms", "kind", "latched"),
    [
        (0, ExecKind.TRADE, False),  # as the latch was lifted: what the person who lifted it has seen
        (1, ExecKind.TRADE, True),
        (600_000, ExecKind.TRADE, True),
        (600_001, ExecKind.TRADE, False),
        (1, ExecKind.ADL, False),
    ],
)
def test_how_long_another_hand_is_watched_for(after_ms: int, kind: ExecKind, latched: bool) -> None:
    """Ten minutes by the trade's own time; what the venue itself does to a leg is nobody's hand."""
    desk = a_hedged_desk()
    desk.hear(LatchSeen(closed=True, reason="kill switch"))
    desk.hear(LatchSeen(closed=False, reason="looked"))
    lifted_ms = desk.now_ms

    desk.now_ms += 700_000
    desk.hear(ExecutionSeen(execution=an_execution("x1", qty="0.01", kind=kind, exec_ms=lifted_ms + after_ms)))

    assert latched == bool(desk.state.latched)


@pytest.mark.parametrize(
    ("long", "short", "first"), [("0.1", "0.5", Leg.SHORT), ("0.3", "0.1", Leg.LONG), ("0", "0.001", Leg.SHORT)]
)
def test_flatten_begins_with_the_leg_that_makes_delta_large(long: str, short: str, first: Leg) -> None:
    """Should the second order never come, the first has made it better. What is as small as an order may be is closed too."""
    desk = Desk()
    desk.hear(LatchSeen(closed=True, reason="a drill"))
    desk.start(reading=a_reading(long, short))

    ask(desk, Verb.FLATTEN)
    desk.pulse(0.1)

    assert (first, Act.SHRINK) == (desk.orders[0].leg, desk.orders[0].act)


def test_after_an_order_of_it_that_filled_nothing_the_market_is_given_a_second() -> None:
    """Thirty orders into an empty book would be thirty refusals; after one of the hedge's it goes on at once, and after a fill."""
    desk = Desk()
    desk.start()
    (hedge,) = desk.orders
    desk.accept(hedge)
    desk.hear(OrderSeen(order=a_row(hedge, "Cancelled")))

    ask(desk, Verb.FLATTEN)
    first = desk.orders[-1]
    assert (2, emergency.NO_DECISION) == (len(desk.orders), first.decision)
    desk.accept(first)
    desk.hear(OrderSeen(order=a_row(first, "Cancelled")))

    desk.pulse(0.999)
    assert 2 == len(desk.orders)
    desk.pulse(0.001)
    assert 3 == len(desk.orders)

    desk.accept(desk.orders[-1])
    desk.fill(desk.orders[-1])
    desk.pulse(0.001)
    assert 4 == len(desk.orders)


def test_what_it_would_leave_is_told_before() -> None:
    """Delta, LTV and liquidation price, without anything being done."""
    desk = a_hedged_desk()

    left = emergency.preview(desk.state, Verb.FLATTEN)

    assert (D(0), D(0), D("0.27")) == (left.long, left.short, left.delta)
    assert left.ltv is not None
    assert 0.4 < left.ltv < 0.6
    assert left.words.startswith("long 0")
    assert not desk.diary.of(Outcome)
