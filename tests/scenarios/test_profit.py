"""Diaries of profit and patience: cash out of a leg while the world misbehaves, and orders that rest."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.domain.commands import Mode, PlaceOrder, ProfitRealised
from bot.domain.events import Verb
from bot.domain.orders import TimeInForce
from bot.engine.config import Execution, ProfitRules
from tests.scenarios.desk import CREATE, Desk


def realised(desk: Desk) -> list[ProfitRealised]:
    return desk.world.diary.of(ProfitRealised)


def test_a_peak_is_given_back(desk: Desk) -> None:
    """Down four per cent and half-way up again: profit becomes cash once, the legs are what they were, delta is zero."""
    desk.given(profit=ProfitRules(k=100.0))
    desk.market.moves(-0.04)
    desk.pass_time(seconds=30)
    desk.expect(long="0.051", short="0.321")
    desk.mark()
    desk.market.moves(0.02)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", sent=2, mode=Mode.TRADING)
    (done,) = realised(desk)
    assert done.amount_usdt > D(400)


@pytest.mark.parametrize("line", ["after send", "after commit before send", "at a fill", "after ack"])
def test_the_process_dies_inside_a_round_trip(desk: Desk, line: str) -> None:
    """Whatever line it died at: the leg comes home, and the profit is told once at most."""
    desk.given(profit=ProfitRules(k=100.0))
    desk.market.moves(-0.04)
    desk.pass_time(seconds=30)
    desk.kill(at=line)
    desk.market.moves(0.02)
    desk.pass_time(minutes=6)

    desk.expect(delta="0.000", mode=Mode.TRADING, unsettled=[])
    assert len(realised(desk)) <= 2


def test_the_private_stream_is_cut_between_the_halves(desk: Desk) -> None:
    """The first half filled unseen: REST finds the fill, and the second half follows."""
    desk.given(profit=ProfitRules(k=100.0))
    desk.market.moves(-0.04)
    desk.pass_time(seconds=30)
    desk.venue.cuts("private", seconds=10)
    desk.market.moves(0.02)
    desk.pass_time(minutes=5)

    desk.expect(delta="0.000", mode=Mode.TRADING, unsettled=[])


def test_the_answer_to_the_first_half_is_lost(desk: Desk) -> None:
    """Nobody answers: the order is looked for, found filled, and not sent twice."""
    desk.given()
    desk.market.moves(-0.02)
    desk.pass_time(seconds=20)
    desk.mark()
    desk.venue.suffers("reply-lost", CREATE, times=1, value="hang")
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=3)

    desk.expect(long="0.051", short="0.321", sent=2, mode=Mode.TRADING)
    assert 1 == len(realised(desk))


def test_a_routine_gap_is_filled_as_a_maker_or_crossed(desk: Desk) -> None:
    """A small deposit is no hurry: the order rests, and when its time is up the rest is taken."""
    desk.given(execution=Execution())
    desk.venue.receives("BTC", "0.015")
    desk.pass_time(minutes=3)

    desk.expect(hedged=True, mode=Mode.TRADING, unsettled=[])
    assert any(order.time_in_force is TimeInForce.POST_ONLY for order in desk.world.diary.of(PlaceOrder))


def test_a_cancel_is_lost_and_the_order_fills(desk: Desk) -> None:
    """The resting order was told to leave, nobody heard, and the market came: one fill, booked once."""
    desk.given(execution=Execution())
    desk.venue.receives("BTC", "0.015")
    desk.venue.suffers("request-lost", "POST /v5/order/cancel", times=2, value="hang")
    desk.pass_time(minutes=5)

    desk.expect(hedged=True, mode=Mode.TRADING, unsettled=[])
