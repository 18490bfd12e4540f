"""The wheel: stories of a day at the desk."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.account import ExecKind
from bot.domain.commands import (
    CancelOrder,
    Decided,
    HedgeEnded,
    LegsAdopted,
    Mode,
    Note,
    OrderAbsent,
    Outcome,
    PlaceOrder,
    SeekOrder,
)
from bot.domain.events import (
    Channel,
    ChannelChanged,
    ExecutionSeen,
    LatchSeen,
    OperatorAsked,
    OrderAnswered,
    OrderSeen,
    OrderSought,
    ReadFailed,
    Started,
    Stopping,
    Ticked,
    Verb,
    WalletSeen,
)
from bot.domain.legs import Act, Leg, LegRow
from bot.domain.orders import Verdict
from bot.engine import decider
from bot.engine.config import EngineConfig
from bot.engine.engine import Engine
from bot.strategy import pipeline
from tests.unit.engine.desk import (
    NOW_MS,
    Desk,
    a_config,
    a_history,
    a_reading,
    a_row,
    a_ticker,
    a_wallet,
    an_execution,
    facts,
)


def a_hedged_desk(config: EngineConfig | None = None) -> Desk:
    """The seed book after its first hedge: long 0.051, short 0.321."""
    desk = Desk(config)
    desk.start()
    desk.fill(desk.orders[-1])
    desk.fill(desk.orders[-1])
    desk.pulse(1)
    assert [(o.leg, o.act, o.qty) for o in desk.orders] == [
        (Leg.LONG, Act.SHRINK, D("0.162")),
        (Leg.SHORT, Act.GROW, D("0.108")),
    ]
    return desk


@pytest.mark.parametrize(
    ("sigma", "long_target", "short_target"),
    [(0.01, "0", "0.270"), (0.03, "0.051", "0.321"), (0.05, "0.105", "0.375")],
)
def test_the_first_hedge_by_volatility(sigma: float, long_target: str, short_target: str) -> None:
    """h splits the one change between the legs: 0.20, 0.40 or 0.60 of it on the short; the calm case spills over."""
    desk = Desk()

    desk.start(sigma_24h=sigma)

    first = desk.diary.of(Decided)[0]
    assert (first.outcome, first.delta, first.target_delta) == (Outcome.HEDGE, D("0.27"), D(0))
    assert (first.long_target, first.short_target) == (D(long_target), D(short_target))


def test_long_shrinks_before_short_grows_and_one_order_moves_at_a_time() -> None:
    """Shrinking first frees margin; the second leg waits until the first is in the books."""
    desk = Desk()
    desk.start()

    assert [(o.leg, o.act, o.qty) for o in desk.orders] == [(Leg.LONG, Act.SHRINK, D("0.162"))]
    desk.accept(desk.orders[0])
    desk.pulse(1)
    assert len(desk.orders) == 1

    desk.fill(desk.orders[0])

    assert (desk.orders[1].leg, desk.orders[1].act, desk.orders[1].qty) == (Leg.SHORT, Act.GROW, D("0.108"))


def test_the_hedge_ends_at_its_targets_and_the_next_hour_holds() -> None:
    """After the first hedge nothing drifts: a review says so and sends nothing."""
    desk = a_hedged_desk()

    assert desk.diary.of(HedgeEnded)[0].reached
    for _ in range(400):
        desk.pulse(10)
        desk.answer_reading(a_reading("0.051", "0.321")) if desk.state.readings.asked_ms else None

    assert len(desk.orders) == 2
    assert [d.trigger for d in desk.diary.of(Decided)][-1] == "review"
    assert desk.diary.of(Decided)[-1].outcome is Outcome.HOLD


def test_intent_is_on_disk_before_the_order_leaves() -> None:
    """What turn() returns is already committed, with everything before it."""
    desk = Desk()
    desk.start()

    order_at = next(n for n, (r, _) in enumerate(desk.diary.records, 1) if isinstance(r, PlaceOrder))

    assert desk.diary.committed >= order_at


def test_a_restart_in_the_middle_continues_the_same_hedge() -> None:
    """Killed between the legs: the journal remembers the absolute targets, so the second leg is sent and nothing twice."""
    desk = Desk()
    desk.start()
    desk.fill(desk.orders[0])
    killed_at = len(desk.diary.records)

    reborn = Desk()
    reborn.now_ms = desk.now_ms + 60_000
    reborn.engine = Engine(a_config(), reborn.diary)
    for record, at_ms in desk.diary.records[: killed_at - 1]:  # the second order never left
        reborn.engine.recover(record, at_ms)
    reborn.start(reading=a_reading("0.051", "0.213"), run="r2")

    assert [(o.leg, o.act, o.qty) for o in reborn.orders] == [(Leg.SHORT, Act.GROW, D("0.108"))]
    assert reborn.orders[0].order_link_id.startswith("r2-")


def test_a_restart_with_an_unanswered_order_sends_nothing_until_it_is_known() -> None:
    """The order may live: it counts as in flight, is asked for by its name, and its fills are booked from REST."""
    desk = Desk()
    desk.start()
    lost = desk.orders[0]

    reborn = Desk()
    reborn.now_ms = desk.now_ms + 60_000
    for record, at_ms in desk.diary.records:
        reborn.engine.recover(record, at_ms)
    reborn.start(reading=a_reading("0.213", "0.213"), run="r2")
    reborn.pulse(3)

    assert reborn.orders == []
    assert next(c.order_link_id for c in reborn.sent if isinstance(c, SeekOrder)) == lost.order_link_id

    fill = an_execution("e9", lost)
    reborn.hear(OrderSought(order_link_id=lost.order_link_id, order=a_row(lost, "Filled", "0.162"), executions=(fill,)))

    assert (reborn.orders[0].leg, reborn.orders[0].qty) == (Leg.SHORT, D("0.108"))


@pytest.mark.parametrize(
    ("verdict", "code", "refusals"),
    [(Verdict.REFUSED, 110003, 1), (Verdict.REFUSED, None, 0), (Verdict.UNKNOWN, 10016, 0), (Verdict.UNKNOWN, None, 0)],
)
def test_only_the_venues_own_no_counts_against_a_hedge(verdict: Verdict, code: int | None, refusals: int) -> None:
    """An error of the venue's says nothing of the order, and one that never left was turned down by nobody."""
    desk = Desk()
    desk.start()

    desk.hear(OrderAnswered(order_link_id=desk.orders[0].order_link_id, verdict=verdict, code=code, reason="so"))

    assert desk.state.hedge.refusals == refusals
    assert (desk.state.instrument_ms is None) == bool(refusals)


REFUSED_AND_SEEN = [
    # the row of an order that was refused   | mode
    ("Rejected", "0", Mode.TRADING),
    ("Cancelled", "0", Mode.TRADING),
    ("Cancelled", "0.1", Mode.HALTED),
    ("New", "0", Mode.HALTED),
    ("PartiallyFilled", "0.1", Mode.HALTED),
    ("Filled", "0.162", Mode.HALTED),
]


@pytest.mark.parametrize(("status", "filled", "mode"), REFUSED_AND_SEEN)
@pytest.mark.parametrize("row_first", [False, True], ids=["answer first", "row first"])
def test_a_refusal_that_a_row_repeats_is_no_news_and_one_that_a_row_belies_halts(
    status: str, filled: str, mode: Mode, row_first: bool
) -> None:
    """The row that it was rejected may come before or after the answer. One that stood on the book, or traded, was not refused at all."""
    desk = Desk()
    desk.start()
    order = desk.orders[0]
    row = OrderSeen(order=a_row(order, status, filled))
    refusal = OrderAnswered(order_link_id=order.order_link_id, verdict=Verdict.REFUSED, code=110007, reason="margin")

    for fact in (row, refusal) if row_first else (refusal, row):
        desk.hear(fact)

    assert mode is desk.state.mode


def test_no_answer_is_not_a_refusal() -> None:
    """Not found, twice, before the lease has ended proves nothing; afterwards, with legs that agree, it does."""
    desk = Desk()
    desk.start()
    lost = desk.orders[0]
    desk.hear(OrderAnswered(order_link_id=lost.order_link_id, verdict=Verdict.UNKNOWN, code=None, reason="timeout"))
    nowhere = OrderSought(order_link_id=lost.order_link_id, order=None, executions=())

    for _ in range(4):
        desk.pulse(3)
        desk.hear(nowhere)
    assert len(desk.orders) == 1
    assert desk.diary.of(OrderAbsent) == []

    desk.pulse(2.5)
    desk.now_ms += 1_500
    desk.hear(nowhere)  # heard after the lease, but asked for before its end
    assert 0 == desk.state.blotter.orders[lost.order_link_id].negatives
    for _ in range(2):
        desk.pulse(3)
        desk.hear(nowhere)
    assert 2 == desk.state.blotter.orders[lost.order_link_id].negatives
    assert desk.diary.of(OrderAbsent) == []  # the legs have not agreed since the lease ended
    desk.hear(ReadFailed(what="ReadAccount", reason="the answer before the lease is lost"))
    desk.pulse(3)
    desk.answer_reading(a_reading())

    assert [a.order_link_id for a in desk.diary.of(OrderAbsent)] == [lost.order_link_id]
    assert desk.orders[1].order_link_id != lost.order_link_id
    assert desk.orders[1].qty == lost.qty


def test_a_late_fill_after_the_end_is_booked() -> None:
    """Cancelled may carry fills, and an execution may come after the row that ends its order."""
    desk = Desk()
    desk.start()
    order = desk.orders[0]

    desk.hear(OrderSeen(order=a_row(order, "Cancelled", "0.1")))
    assert len(desk.orders) == 1  # 0.1 of it is still on its way into the books
    desk.hear(ExecutionSeen(execution=an_execution("late", order, "0.1")))

    assert desk.state.ledger.legs[Leg.LONG].qty == D("0.113")
    assert (desk.orders[1].leg, desk.orders[1].qty) == (Leg.LONG, D("0.062"))


def test_another_hands_trade_is_counted_and_answered_once() -> None:
    """The owner buys 0.1 by hand: delta counts it, one decision answers it, the hand's trade is not undone leg by leg."""
    desk = a_hedged_desk()
    desk.pulse(40)

    desk.hear(ExecutionSeen(execution=an_execution("hand", side="Buy", qty="0.1", exec_ms=desk.now_ms)))

    assert desk.state.ledger.legs[Leg.LONG].qty == D("0.151")
    last = desk.diary.of(Decided)[-1]
    assert (last.outcome, last.delta) == (Outcome.HEDGE, D("0.1"))
    assert desk.state.readings.asked_ms is not None


def test_adl_of_the_short_leg_is_rehedged() -> None:
    """The venue closes part of the hedge in a crash: the gap is traded away at once."""
    desk = a_hedged_desk()
    desk.pulse(40)

    adl = an_execution("adl", side="Buy", qty="0.2", closed_qty=D("0.2"), kind=ExecKind.ADL, exec_ms=desk.now_ms)
    desk.hear(ExecutionSeen(execution=adl))

    assert desk.state.delta == D("0.2")
    assert desk.diary.of(Decided)[-1].outcome is Outcome.HEDGE


def test_a_liquidated_leg_halts_until_a_person_resumes() -> None:
    """A takeover is not a trade to be answered: the books take it in, and everything stops."""
    desk = a_hedged_desk()

    bust = an_execution("bust", side="Buy", qty="0.321", closed_qty=D("0.321"), kind=ExecKind.BUST, exec_ms=desk.now_ms)
    desk.hear(ExecutionSeen(execution=bust))

    assert desk.state.mode is Mode.HALTED
    assert D(0) == desk.state.ledger.legs[Leg.SHORT].qty
    assert "liquidation" in desk.diary.of(Note)[-1].text


def test_nothing_is_thought_before_ones_own_start() -> None:
    """What is remembered is another run's mode and another run's name: until Started, facts are only taken in."""
    desk = a_hedged_desk()
    desk.pulse(40)
    reborn = Desk()
    for record, at_ms in desk.diary.records:
        reborn.engine.recover(record, at_ms)
    reborn.now_ms = desk.now_ms

    reborn.hear(LatchSeen(closed=False, reason=""))
    reborn.hear(ExecutionSeen(execution=an_execution("hand", side="Buy", qty="0.2", exec_ms=desk.now_ms)))

    assert reborn.sent == []


def test_a_changed_wallet_is_believed_when_nothing_contradicts_it_for_longer_than_a_read_may_lag() -> None:
    """One reading may be late and tell yesterday's holding; a hedge that followed it would trade to and fro."""
    desk = a_hedged_desk()
    desk.pulse(40)
    more = a_reading("0.051", "0.321", wallet=a_wallet("0.37"))

    desk.answer_reading(more)
    assert desk.state.spot == D("0.27")
    desk.answer_reading(a_reading("0.051", "0.321"))
    desk.answer_reading(more)
    assert desk.state.spot == D("0.27")

    desk.pulse(20)
    desk.answer_reading(more)
    assert desk.state.spot == D("0.37")


def test_a_perp_that_was_bought_is_no_coin_that_was_bought() -> None:
    """A wallet that shows just as much more coin is a rumour like any other: no spot trade told of it."""
    desk = a_hedged_desk()
    desk.pulse(40)

    desk.hear(ExecutionSeen(execution=an_execution("hand", side="Buy", qty="0.1", exec_ms=desk.now_ms)))
    desk.hear(WalletSeen(wallet=a_wallet("0.37")))

    assert desk.state.spot == D("0.27")


def test_a_price_that_was_late_is_as_old_as_it_is_late() -> None:
    """A queue of old prices, read at once, is not a fresh price."""
    desk = a_hedged_desk()
    sent_ms = desk.now_ms

    desk.now_ms += 8_000
    desk.hear(a_ticker(at_ms=sent_ms + 100))
    desk.hear(Ticked())

    assert (desk.state.mode, desk.state.why) == (Mode.BLIND, "the price is stale")


def test_a_pulse_that_was_late_reads_everything_anew() -> None:
    """The loop stood still for a minute: whatever the sockets say, nothing grows before REST was read."""
    config = a_config(patience=replace(a_config().patience, stall_ms=5_000))
    desk = a_hedged_desk(config)

    desk.pulse(60)

    assert "stalled" in [note.kind for note in desk.diary.of(Note)]
    assert desk.state.mode is Mode.BLIND
    assert desk.state.readings.asked_ms is not None


def test_legs_that_no_execution_explains_blind_us_and_are_adopted_only_when_it_persists() -> None:
    """One odd reading is a stale read; three in a row, with nothing in flight, are the truth, and a person is told."""
    desk = a_hedged_desk()

    desk.answer_reading(a_reading("0.051", "0.121"))
    assert desk.state.mode is Mode.BLIND
    desk.pulse(1)
    desk.answer_reading(a_reading("0.051", "0.321"))
    assert desk.state.mode is Mode.TRADING

    for _ in range(3):
        desk.pulse(1)
        desk.answer_reading(a_reading("0.051", "0.121"))

    assert desk.diary.of(LegsAdopted)[-1].short_qty == D("0.121")
    assert [n.kind for n in desk.diary.of(Note)][-1] == "unexplained legs"
    assert desk.state.ledger.legs[Leg.SHORT].qty == D("0.121")


def test_a_disagreement_begins_anew_when_our_books_move() -> None:
    """Readings that lag behind one trade after another contradict each time something else: no one of them has outlived its lag."""
    desk = a_hedged_desk()
    desk.pulse(20)
    for _ in range(2):
        desk.answer_reading(a_reading("0.051", "0.121"))
        desk.pulse(1)

    desk.hear(ExecutionSeen(execution=an_execution("hand", side="Buy", qty="0.002", exec_ms=desk.now_ms)))
    desk.pulse(4)
    desk.answer_reading(a_reading("0.051", "0.321"))

    assert [first.reason for first in desk.diary.of(LegsAdopted)] == ["first reading of the account"]
    assert desk.state.mode is Mode.BLIND
    for _ in range(2):
        desk.pulse(1)
        desk.answer_reading(a_reading("0.051", "0.321"))
    assert desk.state.ledger.legs[Leg.LONG].qty == D("0.051")


def test_the_first_fill_of_a_fresh_account_is_booked_although_the_venues_clock_is_behind() -> None:
    """Legs that never traded contain no execution. One dated before we asked for them was once taken for contained: the leg seemed not
    to move, and the same hedge was sent again, as often as the clocks differed."""
    desk = Desk()
    desk.start(reading=a_reading("0", "0"))
    (order,) = desk.orders

    desk.accept(order)
    desk.hear(ExecutionSeen(execution=an_execution("e1", order, seq=1, exec_ms=NOW_MS - 900)))
    desk.hear(OrderSeen(order=a_row(order, "Filled", str(order.qty))))
    desk.pulse(1)

    assert desk.state.ledger.legs[order.leg].qty == order.qty
    assert [order.leg] == [sent.leg for sent in desk.orders if sent.leg is order.leg]


def test_a_short_made_smaller_for_its_margin_is_not_made_smaller_again_before_the_wallet_is_seen() -> None:
    """The fill is known before the wallet that shows what it freed. Judged by the old margin, the smaller leg would be cut once more."""
    desk = Desk(a_config(policy=pipeline.DEFAULT_POLICY._replace(min_interval_ms=0)))
    desk.start(reading=a_reading("0", "0.27"))
    spent = replace(a_wallet(), margin_balance=D(200), maintenance_margin=D(150))
    desk.hear(WalletSeen(wallet=spent))
    desk.pulse(1)
    (order,) = desk.orders
    assert (Leg.SHORT, Act.SHRINK) == (order.leg, order.act)

    desk.accept(order)
    desk.fill(order)
    desk.pulse(1)
    assert [order] == desk.orders

    left = D("0.27") - order.qty
    desk.hear(WalletSeen(wallet=replace(spent, maintenance_margin=D(150) * left / D("0.27"))))
    desk.pulse(1)
    assert [order] == desk.orders


def test_a_stale_price_blinds_and_a_fresh_one_gives_sight() -> None:
    """Silence of the ticker is noticed on the pulse, not on the next message."""
    desk = a_hedged_desk()

    desk.pulse(4, price=None)
    assert (desk.state.mode, desk.state.why) == (Mode.BLIND, "the price is stale")

    desk.pulse(1)
    assert desk.state.mode is Mode.TRADING


def test_nothing_grows_after_a_reconnect_until_the_gap_is_read() -> None:
    """A private stream that comes back proves nothing about what it missed."""
    desk = a_hedged_desk()

    desk.hear(ChannelChanged(channel=Channel.PRIVATE, up=False, reason="cut"))
    assert desk.state.mode is Mode.BLIND
    desk.now_ms += 1
    desk.hear(ChannelChanged(channel=Channel.PRIVATE, up=True, reason="again"))
    assert desk.state.mode is Mode.BLIND
    desk.now_ms += 1
    desk.answer_reading(a_reading("0.051", "0.321"))

    assert desk.state.mode is Mode.TRADING


def test_a_read_only_key_observes_and_shows_what_it_would_do() -> None:
    """OBSERVE decides in the open and sends nothing."""
    desk = Desk()
    reading = a_reading()
    desk.start(reading=type(reading)(reading=reading.reading, facts=facts(read_only=True)))
    desk.pulse(1)
    desk.pulse(1)

    assert desk.state.mode is Mode.OBSERVE
    assert [d.outcome for d in desk.diary.of(Decided)] == [Outcome.HEDGE]
    assert desk.orders == []


def test_one_way_mode_never_starts() -> None:
    """In one-way mode two legs are one; the engine says how to mend it and waits."""
    desk = Desk()
    reading = a_reading()
    desk.start(reading=type(reading)(reading=reading.reading, facts=facts(hedge_mode=False)))

    assert desk.state.mode is Mode.STARTING
    assert "hedge mode" in desk.state.why
    assert desk.orders == []


def test_the_latch_halts_and_lifts() -> None:
    """A closed latch outranks everything; nothing is decided under it."""
    desk = Desk()
    desk.hear(LatchSeen(closed=True, reason="kill switch"))
    desk.start()
    assert desk.state.mode is Mode.HALTED
    assert desk.orders == []

    desk.hear(LatchSeen(closed=False, reason="resumed"))

    assert desk.state.mode is Mode.TRADING
    assert len(desk.orders) == 1


def test_books_that_contradict_themselves_halt_until_a_person_resumes() -> None:
    """An undocumented execution stops everything; resuming begins the books anew from the venue's legs."""
    desk = a_hedged_desk()

    desk.hear(ExecutionSeen(execution=an_execution("odd", kind=ExecKind.UNKNOWN, raw_kind="Mystery")))
    assert desk.state.mode is Mode.HALTED
    assert desk.diary.of(Note)[-1].severity == "critical"

    desk.hear(OperatorAsked(verb=Verb.RESUME, reason="looked at it", who="operator"))
    desk.now_ms += 1
    desk.answer_reading(a_reading("0.051", "0.321"))

    assert desk.state.mode is Mode.TRADING
    assert desk.state.ledger.legs[Leg.SHORT].qty == D("0.321")


def test_stopping_starts_nothing_and_cancels_what_rests() -> None:
    """Leaving keeps the hedge; an order that rests is cancelled once."""
    desk = Desk()
    desk.start()
    order = desk.orders[0]
    desk.hear(OrderSeen(order=a_row(order, "New")))

    desk.hear(Stopping(reason="SIGTERM"))
    desk.pulse(1)
    desk.hear(OrderSeen(order=a_row(order, "Cancelled")))
    desk.pulse(5)

    assert [c.order_link_id for c in desk.sent if isinstance(c, CancelOrder)] == [order.order_link_id]
    assert len(desk.orders) == 1


def test_an_order_that_fills_nothing_is_tried_again_after_a_pause_and_given_up_in_the_end() -> None:
    """An empty book is an ordinary event; a dozen of them is a hedge given up, with a note."""
    desk = Desk()
    desk.start()

    for _ in range(30):
        desk.hear(OrderSeen(order=a_row(desk.orders[-1], "Cancelled")))
        desk.pulse(2)
        if desk.diary.of(HedgeEnded):
            break

    assert len(desk.orders) == 12
    assert desk.diary.of(HedgeEnded)[0].reached is False
    assert desk.diary.of(Note)[-1].kind == "hedge given up"


def test_missing_bars_are_read_again() -> None:
    """A gap in the candles after a reconnect is filled from REST, never forward."""
    desk = a_hedged_desk()
    before = desk.state.market.sigma_24h

    desk.hear(ChannelChanged(channel=Channel.PUBLIC, up=False, reason="cut"))
    desk.hear(ChannelChanged(channel=Channel.PUBLIC, up=True, reason="again"))
    desk.pulse(20)
    assert [type(c).__name__ for c in desk.sent].count("ReadHistory") == 2
    desk.hear(a_history())

    assert desk.state.market.has_gap is False
    assert desk.state.market.sigma_24h == pytest.approx(before)


def test_every_decision_can_be_taken_again_from_its_record() -> None:
    """The journalled inputs give the same answer, bit for bit."""
    desk = a_hedged_desk()
    desk.hear(ExecutionSeen(execution=an_execution("hand", side="Buy", qty="0.1", exec_ms=desk.now_ms)))

    for decided in desk.diary.of(Decided):
        inputs = decider.unflatten(decided.inputs)
        again = pipeline.decide(inputs)

        assert decider.flatten(inputs) == decided.inputs
        assert {k: None if v != v else float(v) for k, v in again.memory._asdict().items()} == decided.memory


def test_the_folded_journal_is_the_living_state() -> None:
    """Recovery is the same fold: what a restart remembers is what the living engine knew."""
    desk = a_hedged_desk()
    desk.hear(ExecutionSeen(execution=an_execution("hand", side="Buy", qty="0.1", exec_ms=desk.now_ms)))

    again = Engine(a_config(), desk.diary)
    for record, at_ms in list(desk.diary.records):
        again.recover(record, at_ms)

    assert again.state == desk.state


def test_thinking_leaves_the_state_alone() -> None:
    """think() only reads: drawn and thrown away, it changes nothing."""
    desk = Desk()
    desk.hear(Started(run="r1", version="0", mode="paper", settings_hash=""))
    desk.hear(a_history())
    desk.hear(a_ticker())
    before = Engine(a_config(), desk.diary)
    for record, at_ms in list(desk.diary.records):
        before.recover(record, at_ms)

    for _ in desk.engine.think(a_reading(), desk.now_ms):
        break

    assert desk.state == before.state


def test_a_trade_in_the_middle_of_a_first_reading_of_legs_that_never_traded_waits_for_the_next() -> None:
    """Legs without a sequence cannot be placed among executions: taking the trade for contained would lose it for ever."""
    desk = Desk()
    trade = an_execution("hand", qty="0.05", seq=7, exec_ms=NOW_MS + 900)
    desk.start(reading=a_reading("0", "0", [trade]))
    assert not desk.state.ledger.is_open

    now = a_reading("0.05", "0", [trade])
    long = LegRow(leg=Leg.LONG, qty=D("0.05"), entry_price=D(116_000), seq=7)
    desk.pulse(20)
    desk.answer_reading(replace(now, reading=replace(now.reading, long=long)))
    assert desk.state.ledger.is_open
    assert D("0.05") == desk.state.ledger.legs[Leg.LONG].qty
