"""What well means."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.commands import Mode
from bot.monitoring import health
from bot.monitoring.pulse import Vitals
from tests.build import a_view

WELL = Vitals(up_s=60.0, loop_lag_ms=2.0, worst_loop_lag_ms=4.0)


def test_a_bot_that_hedges_is_well_in_every_sense() -> None:
    """No reasons is the only way to be well."""
    view = a_view()

    assert health.live(WELL).reasons + health.ready(view).reasons + health.trading(view).reasons == ()
    assert health.overall(view, WELL).ok


def test_a_halted_bot_is_healthy_but_does_not_trade() -> None:
    """A supervisor must not restart a bot that a person has halted."""
    view = a_view(mode=Mode.HALTED, why="the latch is closed: drill")

    assert health.overall(view, WELL).ok
    assert health.trading(view).reasons == ("mode is HALTED: the latch is closed: drill",)


def test_not_ready_says_why() -> None:
    """The engine's own reasons are handed on; none at all is said to be odd."""
    view = a_view()
    blind = replace(view, health=replace(view.health, ready=False, reasons=("private stream is down",)))
    mute = replace(view, health=replace(view.health, ready=False, reasons=()))

    assert health.ready(blind).reasons == ("private stream is down",)
    assert not health.ready(mute).ok


def test_a_stale_price_stops_trading_only() -> None:
    """The bot is alive and knows its world; it may not grow a leg on an old price."""
    view = a_view()
    stale = replace(view, market=replace(view.market, stale=True))

    assert health.trading(stale).reasons == ("the price is stale",)
    assert health.ready(stale).ok


def test_a_loop_that_stands_still_is_not_alive() -> None:
    """Beyond the venue's own patience, a restart is the better chance."""
    held_up = replace(WELL, loop_lag_ms=12_500.0)

    assert health.live(held_up).reasons == ("the event loop was held up for 12.5 s",)
    assert not health.overall(a_view(), held_up).ok
