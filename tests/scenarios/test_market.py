"""Diaries of prices: wrong ones, missing ones, and the hand on the switch."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.commands import Decided, Mode, Note, Outcome
from bot.domain.legs import Leg
from tests.scenarios.desk import Desk
from tests.unit.engine.desk import a_config
from tests.worlds.world import PATIENCE


@pytest.mark.fault(149, 192)
@pytest.mark.parametrize("share", [-0.3, -0.1, 0.1])
def test_one_price_is_far_off(desk: Desk, share: float) -> None:
    """The last price jumps and comes back: size is reckoned from the mark, and an order far off it is not sent."""
    desk.given()
    desk.mark()
    desk.market.prints_badly(share)
    desk.pass_time(minutes=2)
    desk.expect(sent=0, mode=Mode.TRADING)

    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.market.prints_badly(share)
    desk.pass_time(minutes=3)
    desk.expect(hedged=True)


@pytest.mark.fault(150)
@pytest.mark.parametrize("share", [-0.05, 0.05])
def test_every_price_gaps(desk: Desk, share: float) -> None:
    """A gap moves profit from leg to leg; the bitcoin that is covered stays covered."""
    desk.given()
    desk.mark()
    desk.market.moves(share)
    desk.pass_time(minutes=5)

    desk.expect(hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(151)
def test_the_price_stands_still(desk: Desk) -> None:
    """Same price, new times: quiet is not stale, but a person is told, once, and again only when it has moved between."""
    desk.given(patience=replace(PATIENCE, still_ms=120_000))
    desk.world.tape.frozen_until = desk.world.now + 600_000
    desk.pass_time(minutes=1)
    desk.expect(mode=Mode.TRADING)
    assert desk.notes.count("price stands still") == 0

    desk.pass_time(minutes=7)
    desk.expect(mode=Mode.TRADING)
    (told,) = (note.text for note in desk.world.diary.of(Note) if note.kind == "price stands still")
    assert 120 < int(told.split(" s:")[0].split()[-1]) < 130

    desk.market.moves(0.001)
    desk.pass_time(minutes=4)
    assert desk.notes.count("price stands still") == 2


@pytest.mark.fault(191, 198)
def test_volatility_is_unknown(desk: Desk) -> None:
    """No history, no sigma: the decision says so and no number is made up."""
    desk.given(hedged=False, volatility=replace(a_config().volatility, bars=400, min_bars=400))
    desk.pass_time(minutes=2)

    for decided in desk.world.diary.of(Decided):
        assert all(value is None or value == value for value in decided.inputs.values())
    desk.expect(mode=Mode.TRADING)


@pytest.mark.fault(194, 197)
def test_the_gap_swings_around_the_edge_of_the_band(desk: Desk) -> None:
    """Back and forth by less than the band: nothing is traded, no fee is paid."""
    desk.given()
    desk.mark()
    for growth in ("0.008", "-0.008") * 10:
        desk.venue.sees_the_owner_trade(Leg.LONG, growth)
        desk.pass_time(seconds=20)

    desk.expect(sent=0)


@pytest.mark.fault(202, 203)
def test_the_latch_closes_in_the_middle_of_a_hedge(desk: Desk) -> None:
    """From the moment it is seen nothing leaves; what was on the wire may land and is booked."""
    desk.given(hedged=False)
    desk.venue.suffers("reply-late", "POST", ms=4000)
    desk.pass_time(seconds=4)
    desk.latch(closed=True)
    desk.mark()
    desk.pass_time(minutes=5)
    desk.expect(sent=0, mode=Mode.HALTED)

    desk.latch(closed=False)
    desk.pass_time(minutes=3)
    desk.expect(hedged=True)


@pytest.mark.fault(46, 202)
def test_the_latch_closes_while_an_order_is_unknown(desk: Desk) -> None:
    """Halted is not blind: what became of the order is found out all the same."""
    desk.given()
    desk.venue.suffers("reply-lost", "POST", value="hang")
    desk.venue.suffers("topic-silent", "private", for_ms=30_000)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(seconds=2)
    desk.latch(closed=True)
    desk.pass_time(minutes=2)

    desk.expect(mode=Mode.HALTED, unsettled=[])


@pytest.mark.fault(200)
def test_a_decision_can_be_taken_again_from_its_record(desk: Desk) -> None:
    """One decision function for the desk and for the journal: the numbers of the record give the same answer."""
    from bot.engine import decider
    from bot.strategy import pipeline

    desk.given()
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=2)

    decided = [record for record in desk.world.diary.of(Decided) if record.outcome is Outcome.HEDGE]
    assert len(decided) >= 2
    for record in decided:
        again = pipeline.decide(decider.unflatten(record.inputs))
        assert record.delta is not None
        assert abs(D(f"{again.delta_btc:.8f}") - record.delta) < D("1e-7")
