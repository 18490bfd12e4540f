"""Diaries of the streams: cut, deaf, silent, repeating themselves, out of order, or talking nonsense."""

from __future__ import annotations

import pytest

from bot.domain.commands import Mode
from bot.domain.legs import Leg
from tests.scenarios.desk import CREATE, Desk


@pytest.mark.fault(1)
@pytest.mark.parametrize("stream", ["private", "public"])
def test_a_connection_goes_deaf(desk: Desk, stream: str) -> None:
    """Nobody says that it is dead; its own silence does, and a new one is opened."""
    desk.given()
    desk.venue.goes_deaf(stream)
    desk.pass_time(seconds=14)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=2)

    desk.expect(hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(2, 38)
def test_pongs_come_and_the_ticker_does_not(desk: Desk) -> None:
    """A path is not a feed: the price goes stale on its own clock, and nothing grows."""
    desk.given()
    desk.market.falls_silent(seconds=120)
    desk.pass_time(seconds=25)
    desk.expect(mode=Mode.BLIND)
    grown_before = desk.world.leg(1)
    desk.venue.sees_the_owner_trade(Leg.SHORT, "0.1")  # too short now: the short may shrink, the long may not grow
    desk.pass_time(seconds=60)
    assert desk.world.leg(1) <= grown_before

    desk.pass_time(minutes=3)
    desk.expect(hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(15)
def test_the_streams_are_down_and_rest_is_up(desk: Desk) -> None:
    """Blind, but not blinded: readings go on, and the fill of another hand is found."""
    desk.given()
    desk.venue.cuts("private", seconds=120)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(seconds=60)
    desk.expect(mode=Mode.BLIND, note="foreign trade")

    desk.pass_time(minutes=3)
    desk.expect(hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(18, 42)
def test_both_streams_are_cut_for_a_moment(desk: Desk) -> None:
    """A new connection asks for every topic again, and trading resumes after a reading."""
    desk.given()
    desk.venue.cuts("private")
    desk.venue.cuts("public")
    desk.pass_time(seconds=30)

    desk.expect(mode=Mode.TRADING)


@pytest.mark.fault(22)
def test_a_fill_in_the_gap_between_two_connections(desk: Desk) -> None:
    """Nothing is replayed on a new connection: REST tells, before anything grows."""
    desk.given(hedged=False)
    desk.pass_time(seconds=3)
    desk.venue.cuts("private", seconds=20)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", mode=Mode.TRADING)


@pytest.mark.fault(23)
def test_everything_private_is_told_twice(desk: Desk) -> None:
    """The venue repeats itself; money does not."""
    desk.given(hedged=False)
    desk.venue.suffers("frame-doubled", "private")
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321", sent=2)


@pytest.mark.fault(24)
def test_an_order_is_told_filled_again_with_a_refused_cancel(desk: Desk) -> None:
    """The second Filled is the loser of a cancel race, not a second fill."""
    desk.given(hedged=False)
    desk.venue.suffers("filled-twice", "private")
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321", sent=2)


@pytest.mark.fault(25, 63)
def test_messages_overtake_each_other(desk: Desk) -> None:
    """Order, execution and wallet arrive in any order, seconds apart."""
    desk.given(hedged=False)
    desk.venue.suffers("frame-late", "private", ms=8000)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", sent=2)


@pytest.mark.fault(25)
def test_a_close_overtakes_the_growth_that_it_closes(desk: Desk) -> None:
    """The books wait for what is missing instead of halting."""
    desk.given(long="0", short="0.27")
    desk.venue.suffers("frame-late", "private execution", times=1, ms=9000)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.05")
    desk.venue.sees_the_owner_trade(Leg.LONG, "-0.05")
    desk.pass_time(minutes=1)

    desk.expect(long="0", hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(26)
def test_a_delta_comes_before_its_snapshot(desk: Desk) -> None:
    """Half a picture is no picture."""
    desk.given(hedged=False)
    desk.venue.suffers("delta-first", "public")
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321")


@pytest.mark.fault(29, 44)
def test_rows_of_another_symbol_stand_among_ours(desk: Desk) -> None:
    """What is not ours moves nothing of ours."""
    desk.given(hedged=False)
    desk.venue.suffers("foreign-rows", "private")
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321", sent=2)


@pytest.mark.fault(32)
def test_frames_of_topics_nobody_asked_for(desk: Desk) -> None:
    """They are counted, and that is all."""
    desk.given(hedged=False)
    desk.venue.suffers("unknown-topic")
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321", mode=Mode.TRADING)


@pytest.mark.fault(37)
def test_frames_that_are_no_json(desk: Desk) -> None:
    """A poisoned frame loses nothing but itself."""
    desk.given(hedged=False)
    desk.venue.suffers("poison")
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321")
    assert desk.state.bad_inputs["frame"] > 0


@pytest.mark.fault(41, 74)
@pytest.mark.parametrize("fault", ["field-empty", "field-missing"])
def test_a_price_field_is_blank(desk: Desk, fault: str) -> None:
    """Blank is "not said", never zero; a ticker without a price is no ticker."""
    desk.given()
    desk.venue.suffers(fault, "public", value="markPrice")
    desk.pass_time(seconds=30)
    assert desk.state.market.ticker is not None
    assert desk.state.market.ticker.mark > 100_000

    desk.venue.recovers()
    desk.pass_time(seconds=30)
    desk.expect(mode=Mode.TRADING)


@pytest.mark.fault(35, 177)
def test_the_inbox_overflows(desk: Desk) -> None:
    """Lost facts are announced, and everything is read before anything grows."""
    desk.given()
    desk.world.lose_facts(1)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=1)

    desk.expect(hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(31, 126)
def test_funding_is_charged_and_no_leg_moves(desk: Desk) -> None:
    """A Funding row is cash: the leg keeps its size, the books their funding."""
    desk.given()
    desk.pass_time(minutes=60)

    desk.expect(long="0.051", short="0.321", sent=2)
    assert any(book.funding for book in desk.state.ledger.legs.values())


@pytest.mark.fault(120)
def test_the_legs_are_seen_before_the_fills(desk: Desk) -> None:
    """A reading ahead of the executions is asked again; no fill is invented."""
    desk.given(hedged=False)
    desk.venue.suffers("topic-silent", "private execution")
    desk.venue.suffers("new-hidden", "GET /v5/execution", ms=9000)
    desk.venue.suffers("accepted-with", CREATE, times=1, value="10016")
    desk.pass_time(minutes=3)

    desk.expect(long="0.051", short="0.321", adopted=0)
