"""The word to the supervisor: ready, alive, leaving (systemd: sd_notify). Without NOTIFY_SOCKET nothing is said.

Alive means that the event loop turns, and nothing more: a restart cures nothing else.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

from bot.monitoring import health
from bot.monitoring.pulse import Vitals

__all__ = ["Watchdog"]

_AGAIN_S = 1.0
"""A word that was held back does not wait for the next one's turn: the supervisor would kill a loop that is well again."""


class Watchdog:
    """Speaks to the socket that the supervisor gave us. `environ` is the process's own."""

    def __init__(self, vitals: Callable[[], Vitals], environ: dict[str, str] | None = None) -> None:
        known = dict(os.environ) if environ is None else environ
        self._vitals = vitals
        self._address = known.get("NOTIFY_SOCKET", "")
        self._every_s = int(known.get("WATCHDOG_USEC") or 0) / 1e6 / 2

    async def run(self) -> None:
        """Say READY, then WATCHDOG twice per interval while the loop is on time; STOPPING at the end."""
        self.say("READY=1")
        try:
            while True:
                is_live = health.live(self._vitals()).ok
                if is_live:
                    self.say("WATCHDOG=1")
                await asyncio.sleep((self._every_s or 60.0) if is_live else _AGAIN_S)
        finally:
            self.say("STOPPING=1")

    def say(self, words: str) -> None:
        """One datagram; a supervisor that does not listen is not our trouble."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.setblocking(False)
                line.sendto(words.encode(), address)
        except OSError:
            return
