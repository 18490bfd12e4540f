"""Whether a round trip may begin, asked of one fact at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.events import Event, JournalSeen, OperatorAsked, Stopping, Verb
from bot.engine import sight
from tests.unit.engine.desk import a_config
from tests.unit.engine.test_engine import a_hedged_desk

AGAINST = {
    "a mode that defends nothing": OperatorAsked(verb=Verb.PAUSE, reason="lunch", who="operator"),
    "a stop": Stopping(reason="SIGTERM"),
    "a journal that cannot be written": JournalSeen(writable=False, reason="the disk is full"),
}


@pytest.mark.parametrize("event", AGAINST.values(), ids=AGAINST)
def test_no_round_trip_begins_that_could_not_come_home(event: Event) -> None:
    """Each of them alone is enough: the second half would be turned down, and the legs stay halfway."""
    desk = a_hedged_desk()
    assert sight.may_make_a_round_trip(desk.state, desk.now_ms)

    desk.hear(event)

    assert not sight.may_make_a_round_trip(desk.state, desk.now_ms)


@pytest.mark.parametrize(("a_minute", "may"), [(3, False), (4, True)])
def test_both_halves_must_still_fit_into_the_minute(a_minute: int, may: bool) -> None:
    """Two orders of this minute have hedged."""
    desk = a_hedged_desk(a_config(limits=replace(a_config().limits, max_orders_per_minute=a_minute)))

    assert may == sight.may_make_a_round_trip(desk.state, desk.now_ms)
