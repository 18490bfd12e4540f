"""Where the bot is: hosts, keys and time of the world that the settings name. A paper world brings its own venue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot import paper
from bot.domain.clock import MarketClock
from bot.domain.errors import SetUp
from bot.exchange.hosts import Credentials, Hosts
from bot.exchange.rest import Rest
from bot.modes import Mode
from bot.settings import Settings

__all__ = ["World", "doubt", "enter_world"]

LOOK_S = 0.5
MOST_OFF_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where the bot is: hosts, keys and time. `venue` is the paper world's own process."""

    hosts: Hosts
    credentials: Credentials
    clock: MarketClock
    venue: paper.PaperVenue | None


@asynccontextmanager
async def enter_world(settings: Settings) -> AsyncIterator[World]:
    """The world that the settings name; a paper venue lives as long as the block."""
    if settings.mode is Mode.PAPER:
        async with paper.open_venue(settings) as venue:
            yield World(hosts=venue.hosts, credentials=venue.credentials, clock=venue.clock, venue=venue)
        return
    key, secret = settings.bybit.credentials(settings.mode)
    yield World(
        hosts=Hosts(**settings.endpoints()._asdict(), ip_version=settings.bybit.ip_version),
        credentials=Credentials(api_key=key.get_secret_value(), api_secret=secret.get_secret_value()),
        clock=MarketClock(),
        venue=None,
    )


async def doubt(clock: MarketClock, rest: Rest) -> None:
    """Where the venue's clock could not be read at the start, `clock` is this machine's: one that boots before its network and NTP are up
    stands behind by as long as it was off. Raises SetUp where the venue, once it answers, shows that: prices were heard by that clock, so
    another start sets it right.
    """
    while rest.clock is None:  # noqa: ASYNC110 - who learns it tells nobody
        await asyncio.sleep(LOOK_S)
    off_ms = clock.now_ms() - rest.server_ms()
    if abs(off_ms) > MOST_OFF_MS:
        raise SetUp(
            f"market time began by this machine's clock, which was off by {off_ms} ms", "Start again; switch NTP on"
        )
