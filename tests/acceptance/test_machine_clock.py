"""The clock of the machine: put back (no battery, no NTP yet, the hour of its last shutdown), ahead, or asleep with the machine."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import Daemon
from bot.domain.clock import MarketClock, elapsed_s, wall_ms
from bot.domain.commands import Mode, Note
from bot.domain.errors import SetUp
from bot.exchange import venue_clock
from bot.journal.reader import open_journal
from bot.world import World, enter_world
from tests.acceptance.test_held_daemons import Place, _until, a_place

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


async def test_market_time_is_the_venues(tmp_path: Path) -> None:
    """Days, interest hours, funding and another hand's orders are dated by the venue: a clock an hour ahead took an order of another daemon
    for one from before its own start."""
    async with a_place(tmp_path, "ahead") as place, enter_world(place.settings) as world:
        ahead = MarketClock(origin_ms=wall_ms() + 3_600_000)
        async with Daemon(place.settings, replace(world, venue=None, clock=ahead)) as daemon:
            off_ms = daemon.view().now_ms - place.server.control.clock()["wall_ms"]
    assert abs(off_ms) < 5_000


async def test_a_wrong_clock_ends_a_daemon_that_could_not_ask_the_venue_at_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started before network and NTP, on the clock of its last shutdown: it traded twelve hours behind for as long as it lived."""
    monkeypatch.setattr(venue_clock, "wall_ms", lambda: wall_ms() - BACK_MS)
    async with a_place(tmp_path, "behind") as place, enter_world(place.settings) as world:
        place.suffers("http-error", "GET /v5/market/time", value="502")
        async with Daemon(place.settings, replace(world, venue=None, clock=MarketClock())) as daemon:
            living = asyncio.create_task(daemon.live())
            place.server.misfortunes.plan.lift()
            try:
                await _until(living.done)
                with pytest.RaisesGroup(SetUp):
                    living.result()
            finally:
                living.cancel()
                await asyncio.wait([living])


async def test_a_machine_that_slept_reads_everything_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Awake again, the usual monotonic clock goes on where it stopped: the daemon noticed nothing, and its market time stayed behind."""
    slept_s, awake = 0, time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: awake(which) + slept_s)
    async with a_place(tmp_path, "asleep") as place, enter_world(place.settings) as world:
        market = place.server.player.pace
        clock = MarketClock(origin_ms=market.now_ms(), rate=world.clock.rate)  # as of a venue that does not sleep
        async with Daemon(place.settings, replace(world, clock=clock)) as daemon:
            living = asyncio.create_task(daemon.live())
            try:
                await _until(lambda: daemon.view().mode is Mode.TRADING)
                slept_s = 60
                market.set(at_ms=market.now_ms() + 3_600_000)
                await _until(lambda: daemon.view().mode is not Mode.TRADING)
                await _until(lambda: daemon.view().mode is Mode.TRADING)
                off_ms = daemon.view().now_ms - market.now_ms()
            finally:
                living.cancel()
                await asyncio.wait([living])
        with open_journal(place.settings.journal_path) as journal:
            told = [entry.record.text for entry in journal.entries() if isinstance(entry.record, Note)]
    assert abs(off_ms) < 60_000
    assert any(words.startswith("the engine stood still for 36") for words in told), told
