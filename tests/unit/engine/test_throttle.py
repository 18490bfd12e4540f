"""The throttle: pauses that double, and the stop for a machine that trades without getting nearer."""

from __future__ import annotations

import math
from decimal import Decimal as D

import pytest

from bot.domain.commands import Mode
from bot.engine import throttle
from bot.engine.state import MOST_HEDGES, Tried
from tests.unit.engine.desk import Desk

MINUTE_MS = 60_000


def hedging() -> Desk:
    """A desk with a hedge in motion, whose gap is the whole 0.27 BTC."""
    desk = Desk()
    desk.start()
    desk.pulse(1)
    assert D("0.27") == desk.state.hedge.gap
    return desk


RUNAWAY = [
    # name                                   hedges before  first began ago   its gap  stops
    ("no nearer after five in five minutes", MOST_HEDGES, 5 * MINUTE_MS, "0.27", True),
    ("nearer, but not by half", MOST_HEDGES, 5 * MINUTE_MS, "0.53", True),
    ("nearer by half", MOST_HEDGES, 5 * MINUTE_MS, "0.55", False),
    ("four", MOST_HEDGES - 1, 5 * MINUTE_MS, "0.27", False),
    ("the first of them ten minutes ago", MOST_HEDGES, 10 * MINUTE_MS, "0.27", True),
    ("longer ago", MOST_HEDGES, 10 * MINUTE_MS + 1, "0.27", False),
]


@pytest.mark.parametrize(("name", "count", "ago_ms", "gap", "stops"), RUNAWAY, ids=[case[0] for case in RUNAWAY])
def test_hedge_after_hedge_without_getting_nearer(name: str, count: int, ago_ms: int, gap: str, stops: bool) -> None:
    """Five within ten minutes that did not halve the gap: something is wrong that trading does not mend."""
    desk = hedging()
    began_ms = desk.state.hedge.started_ms
    desk.state.hedges.extend([Tried(began_ms - ago_ms, D(gap), 116_000.0)] * count)

    assert stops == bool(throttle.runaway(desk.state, began_ms))


@pytest.mark.parametrize(
    ("price", "stops"), [(116_900.0, True), (118_000.0, False), (112_000.0, False), (math.nan, True)]
)
def test_a_market_that_runs_away_is_no_runaway(price: float, stops: bool) -> None:
    """In a crash a target that follows the price asks for hedge after hedge. Each was reached; stopping there would lose the coin."""
    desk = hedging()
    began_ms = desk.state.hedge.started_ms
    before = [Tried(began_ms - 5 * MINUTE_MS, D("0.27"), price)]
    desk.state.hedges.extend([*before, *[Tried(began_ms - MINUTE_MS, D("0.27"), 116_000.0)] * (MOST_HEDGES - 1)])

    assert stops == bool(throttle.runaway(desk.state, began_ms))


def test_it_says_how_many_in_how_long_and_what_is_left() -> None:
    """The person who is woken reads figures; the mode follows."""
    desk = hedging()
    began_ms = desk.state.hedge.started_ms
    desk.state.hedges.extend([Tried(began_ms - 5 * MINUTE_MS, D("0.27"), 116_000.0)] * MOST_HEDGES)

    said = throttle.runaway(desk.state, began_ms + MINUTE_MS)
    desk.pulse(1)

    assert f"{MOST_HEDGES} hedges in 6.0 minutes, and the gap is still 0.27 BTC" == said
    assert desk.state.mode is not Mode.TRADING


@pytest.mark.parametrize(("given_up", "pauses"), [(0, 0), (1, 1), (2, 2), (4, 8), (6, 32), (9, 32)])
def test_the_pause_doubles_and_has_an_end(given_up: int, pauses: int) -> None:
    """After a hedge that could not trade we wait; after the next one twice as long; never longer than thirty-two times."""
    desk = Desk()
    one_ms = desk.state.config.patience.hedge_ms
    desk.state.given_up, desk.state.given_up_ms = given_up, desk.now_ms

    ends_ms = desk.now_ms + pauses * one_ms
    assert (pauses > 0) == throttle.is_resting(desk.state, ends_ms - 1)
    assert not throttle.is_resting(desk.state, ends_ms)
