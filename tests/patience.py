"""Waiting for something that tells nobody when it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["until"]


async def until(met: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Look every hundredth of a second until `met()` is true. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not met():  # noqa: ASYNC110 — no event to wait for; that is what this is for
            await asyncio.sleep(0.01)
