"""What every process that the daemon starts has in common: our own sources, an environment without our settings, and an end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

from bot.settings.variables import PREFIX

__all__ = ["own_module", "plain_environment", "see_off"]

_SOURCES = str(Path(__file__).resolve().parents[1])


def own_module(name: str, *words: str) -> list[str]:
    """The command line of a module of ours, for `plain_environment`: never of what lies under its name where the daemon was started."""
    return [sys.executable, "-P", "-m", name, *words]


def plain_environment() -> dict[str, str]:
    """The daemon's environment without its settings, as no child needs a key, and with the place of its sources."""
    kept = {name: text for name, text in os.environ.items() if not name.upper().startswith(PREFIX)}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, (_SOURCES, kept.get("PYTHONPATH"))))}


async def see_off(process: asyncio.subprocess.Process, *, patience_s: float) -> int:
    """Wait for a process that was asked to go, and kill it when it does not; returns its exit code."""
    try:
        async with asyncio.timeout(patience_s):
            return await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()
