"""Diaries of dying: the process is killed at a line, and what was on disk is all it knows."""

from __future__ import annotations

import pytest

from bot.domain.commands import Mode
from bot.domain.legs import Leg
from tests.scenarios.desk import CREATE, Desk

LINES = [
    pytest.param("before commit", id="before the intent was on disk"),
    pytest.param("after commit before send", id="after the intent was on disk and before it left"),
    pytest.param("after send", id="after it left and before the answer"),
    pytest.param("after ack", id="after the answer and before the fill"),
    pytest.param("at a fill", id="while writing the fill"),
]


@pytest.mark.fault(160, 161, 172)
@pytest.mark.parametrize("line", LINES)
def test_killed_in_the_middle_of_an_order(desk: Desk, line: str) -> None:
    """Wherever it dies: one order for one intent, every fill in the books, and the hedge is finished."""
    desk.given(hedged=False)
    desk.kill(at=line)
    desk.pass_time(minutes=3)

    assert desk.world.life > 1
    desk.expect(long="0.051", short="0.321", unsettled=[], mode=Mode.TRADING)


@pytest.mark.fault(173)
@pytest.mark.parametrize("line", [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40])
def test_killed_at_any_line_of_a_turn_and_again_while_recovering(desk: Desk, line: int) -> None:
    """Every line of the wheel is a line at which it may die, twice."""
    desk.given(hedged=False)
    desk.kill(at=f"line {line}")
    desk.pass_time(seconds=10)
    desk.kill(at="line 3")
    desk.pass_time(minutes=4)

    desk.expect(long="0.051", short="0.321", unsettled=[], mode=Mode.TRADING)


@pytest.mark.fault(79)
def test_restarted_with_an_order_nobody_answered_for(desk: Desk) -> None:
    """The order of the dead run is asked for before anything new is sent."""
    desk.given()
    desk.mark()
    desk.venue.suffers("request-lost", CREATE, times=1, value="hang")
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(seconds=1)
    desk.kill()
    desk.pass_time(seconds=9)
    desk.expect(sent=1, unsettled=["unknown"])

    desk.pass_time(minutes=1)
    desk.expect(hedged=True, absent=1)


@pytest.mark.fault(87)
def test_names_of_orders_never_repeat_across_runs(desk: Desk) -> None:
    """A name is a function of run and number; ten lives later each is still its own."""
    desk.given()
    for growth in ("0.05", "-0.05") * 5:
        desk.venue.sees_the_owner_trade(Leg.LONG, growth)
        desk.pass_time(seconds=40)
        desk.kill()
        desk.pass_time(minutes=2)  # five hedges in ten minutes that leave the gap as it was would be a loop

    names = list(desk.world.checkers.left)
    assert len(names) == len(set(names))
    desk.expect(hedged=True)


@pytest.mark.fault(174)
def test_nothing_is_sent_before_the_account_was_read(desk: Desk) -> None:
    """A start without readings is a wait, however long."""
    desk.given(hedged=False)
    desk.venue.suffers("http-error", "GET", value="503")
    desk.pass_time(minutes=5)
    desk.expect(sent=0, mode=Mode.STARTING, books_agree=False)

    desk.venue.recovers()
    desk.pass_time(minutes=1)
    desk.expect(long="0.051", short="0.321", mode=Mode.TRADING)


@pytest.mark.fault(211)
def test_a_latch_outlives_a_restart(desk: Desk) -> None:
    """Whoever restarts the process does not lift the halt."""
    desk.given()
    desk.latch(closed=True)
    desk.mark()
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.kill()
    desk.pass_time(minutes=2)
    desk.expect(sent=0, mode=Mode.HALTED)

    desk.latch(closed=False)
    desk.pass_time(minutes=1)
    desk.expect(hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(171)
def test_asked_to_leave_in_the_middle_of_a_hedge(desk: Desk) -> None:
    """A stop starts nothing and keeps the hedge; the next run finishes it."""
    desk.given(hedged=False)
    desk.pass_time(seconds=3)
    desk.mark()
    desk.stop()
    desk.pass_time(seconds=20)
    desk.expect(sent=0)

    desk.kill()
    desk.pass_time(minutes=2)
    desk.expect(long="0.051", short="0.321")


@pytest.mark.fault(196)
def test_a_restart_continues_the_same_hedge_in_slices(desk: Desk) -> None:
    """Targets are absolute: what was half done is finished, not done again."""
    from dataclasses import replace
    from decimal import Decimal

    from tests.unit.engine.desk import a_config

    desk.given(hedged=False, limits=replace(a_config().limits, max_order=Decimal("0.02"), max_orders_per_minute=100))
    for _ in range(3):
        desk.kill(at="after ack")
        desk.pass_time(minutes=1)
    desk.pass_time(minutes=3)

    desk.expect(long="0.051", short="0.321", unsettled=[])
