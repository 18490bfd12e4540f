"""What every process that the daemon starts has in common: an environment without our settings, and an end."""

from __future__ import annotations

import asyncio
import contextlib
import os

from bot.settings.variables import PREFIX

__all__ = ["plain_environment", "see_off"]


def plain_environment() -> dict[str, str]:
    """The daemon's environment without its settings: no child needs a key."""
    return {name: text for name, text in os.environ.items() if not name.upper().startswith(PREFIX)}


async def see_off(process: asyncio.subprocess.Process, *, patience_s: float) -> int:
    """Wait for a process that was asked to go, and kill it when it does not; returns its exit code."""
    try:
        async with asyncio.timeout(patience_s):
            return await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()
