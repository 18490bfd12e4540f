"""Where the bot is: hosts, keys and time of the world that the settings name. A paper world brings its own venue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot import paper
from bot.domain.clock import MarketClock
from bot.exchange.hosts import Credentials, Hosts
from bot.modes import Mode
from bot.settings import Settings

__all__ = ["World", "enter_world"]


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
