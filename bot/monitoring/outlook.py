"""The book at other prices, reckoned at most every few seconds however many ask: it is the dearest
question of this room."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.domain.clock import elapsed_s
from bot.domain.view import WhatIfView

__all__ = ["Outlook"]

_FRESH_S = 5.0


class Outlook:
    """Keeps the rows of the last reckoning; `reckon` must not block the event loop."""

    def __init__(self, reckon: Callable[[], Awaitable[tuple[WhatIfView, ...]]]) -> None:
        self._reckon = reckon
        self._one_at_a_time = asyncio.Lock()
        self._rows: tuple[WhatIfView, ...] = ()
        self._reckoned_s = float("-inf")

    async def rows(self) -> tuple[WhatIfView, ...]:
        """The rows, lowest price first; at most five seconds old."""
        async with self._one_at_a_time:
            if elapsed_s() - self._reckoned_s >= _FRESH_S:
                self._rows = await self._reckon()
                self._reckoned_s = elapsed_s()
            return self._rows
