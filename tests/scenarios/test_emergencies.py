"""Diaries of emergencies: what a person is told is done is what the venue shows."""

from __future__ import annotations

from decimal import Decimal as D

from bot.domain.commands import Mode, Note
from bot.domain.events import Verb
from bot.domain.legs import Leg
from bot.domain.thoughts import EmergencyEnded
from tests.scenarios.desk import Desk


def told(desk: Desk) -> list[str]:
    """What a person was told of emergencies that are over."""
    return [note.text for note in desk.world.diary.of(Note) if note.kind.startswith("emergency")]


def test_flatten_closes_what_our_books_did_not_know_of(desk: Desk) -> None:
    """A leg grew while the private stream was down, and no execution tells of it. "Flatten is done" was said by our own books, and the leg
    stood there beside a closed latch."""
    desk.given()
    desk.venue.cuts("private", seconds=120)
    desk.venue.moves_a_leg_unseen(Leg.LONG, "0.2")
    desk.pass_time(seconds=1)
    desk.operator(Verb.FLATTEN)
    desk.pass_time(minutes=3)

    desk.expect(long="0.000", short="0.000", mode=Mode.HALTED)
    assert [True] == [ended.done for ended in desk.world.diary.of(EmergencyEnded)]


def test_flatten_is_quick_where_the_venue_agrees(desk: Desk) -> None:
    """To wait for the venue's word costs a reading: seconds."""
    desk.given()
    desk.operator(Verb.FLATTEN)
    desk.pass_time(seconds=6)

    desk.expect(long="0.000", short="0.000", mode=Mode.HALTED, note="emergency done")


def test_flatten_leaves_and_tells_what_no_order_may_close(desk: Desk) -> None:
    """The venue has raised its smallest order above a leg: that leg stays, and the emergency ends. It never did."""
    desk.given()
    desk.venue.changes_the_contract(min_qty=D("0.1"))
    desk.state.instrument_ms = None
    desk.pass_time(seconds=40)
    desk.operator(Verb.FLATTEN)
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.000", mode=Mode.HALTED)
    assert ["flatten is done; left: long 0.051"] == [text.partition(",")[0] for text in told(desk)]
