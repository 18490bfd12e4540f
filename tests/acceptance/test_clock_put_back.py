"""A machine that starts with its clock put back: no battery, no NTP yet, the hour of its last shutdown."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import Daemon
from bot.domain.clock import MarketClock, elapsed_s
from bot.domain.commands import Mode
from bot.world import World, enter_world
from tests.acceptance.test_held_daemons import Place, a_place

pytestmark = pytest.mark.acceptance

BACK_MS = 12 * 3_600_000
"""At sixty times real time: twelve minutes of waiting, where it was waited for."""


async def trades(place: Place, world: World) -> None:
    """A daemon lives until it trades."""
    async with Daemon(place.settings, world) as daemon:
        before, until_s = daemon.view().run, elapsed_s() + 30
        living = asyncio.create_task(daemon.live())
        try:
            while daemon.view().run == before or daemon.view().mode is not Mode.TRADING:
                assert elapsed_s() < until_s, daemon.view().why
                await asyncio.sleep(0.1)
        finally:
            living.cancel()
            await asyncio.wait([living])


async def test_market_time_goes_on_from_the_journal(tmp_path: Path) -> None:
    """Every record is dated later than now: what was asked, sent or read then seemed to lie ahead, and a reading of the loan older than the
    one before. It stood in STARTING for as long as the clock had been put back."""
    async with a_place(tmp_path, "clock") as place, enter_world(place.settings) as world:
        fast = MarketClock(origin_ms=world.clock.now_ms() + BACK_MS, rate=world.clock.rate)
        await trades(place, replace(world, clock=fast))

        await trades(place, world)
