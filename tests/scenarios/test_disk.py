"""The disk takes nothing for a minute, while the owner bought half of the hedge back by hand."""

from __future__ import annotations

import pytest

from bot.domain.commands import Mode
from bot.domain.legs import Leg
from tests.scenarios.desk import Desk
from tests.worlds.diary import FULL, HUNG

pytestmark = pytest.mark.parametrize("problem", [FULL, HUNG])


@pytest.fixture
def opened(desk: Desk, problem: str) -> Desk:
    """Of the gap of 0.1 BTC a long leg of 0.051 closes one half; the other needs a short leg that grows."""
    desk.given()
    desk.expect(long="0.051", short="0.321")
    desk.mark()
    desk.world.break_disk(problem, for_ms=60_000)
    desk.venue.sees_the_owner_trade(Leg.SHORT, "-0.1")
    return desk


@pytest.mark.fault(163)
def test_what_grows_waits_for_the_disk(opened: Desk) -> None:
    """An order that shrinks |delta| leaves all the same, once; the other when its intent can be kept."""
    opened.pass_time(seconds=40)
    opened.expect(long="0", short="0.221", sent=1, mode=Mode.REDUCING, note="journal unwritable")

    opened.pass_time(minutes=1)
    opened.expect(long="0", short="0.270", sent=2, mode=Mode.TRADING, note="journal well again")


@pytest.mark.fault(163)
def test_an_order_that_was_forgotten_is_not_sent_again(opened: Desk) -> None:
    """Killed after it had left, before anything of it was on disk: the next process finds its fill by reading."""
    opened.kill(at="after send")
    opened.pass_time(minutes=3)

    opened.expect(long="0", short="0.270", sent=2, mode=Mode.TRADING, adopted=0)
