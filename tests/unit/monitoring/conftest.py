"""A dashboard on a free loopback port, and a client that talks to it over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from bot.domain.view import BotView
from bot.monitoring.doors import Doors, WebOptions, open_doors
from bot.monitoring.pulse import Vitals
from bot.monitoring.web import Web
from tests.build import a_view

TOKEN = "a-token-of-at-least-22-characters"


class Desk:
    """A running dashboard whose view the test may change."""

    def __init__(self, options: WebOptions, doors: Doors) -> None:
        self.seen: BotView = a_view()
        self.vitals = Vitals(up_s=60.0, loop_lag_ms=1.0, worst_loop_lag_ms=2.0)
        self.web = Web(options, doors, view=lambda: self.seen, vitals=lambda: self.vitals)
        self.client: aiohttp.ClientSession

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.web.doors.port}{path}"

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """As somebody who shows the token that reads, unless told otherwise (Authorization="": none)."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.get(self.url(path), headers=names) as response:
            return response.status, await response.text()


Open = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def open_desk() -> AsyncIterator[Open]:
    """Opens dashboards; closes them when the test ends."""
    async with AsyncExitStack() as stack:

        async def opened(**options: object) -> Desk:
            return await stack.enter_async_context(
                _running(WebOptions(**{"port": 0, "metrics_port": 0, "token": TOKEN, **options}))
            )  # type: ignore[arg-type]

        yield opened


@asynccontextmanager
async def _running(options: WebOptions) -> AsyncIterator[Desk]:
    desk = Desk(options, await open_doors(options))
    task = asyncio.create_task(desk.web.run())
    shown = {"Authorization": f"Bearer {options.token}"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20), headers=shown) as desk.client:
        yield desk
        task.cancel()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()
