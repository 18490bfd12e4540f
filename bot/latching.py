"""The latch watched: twice a second the file and the engine are brought to agree.

Closed by another hand, the engine hears of it; set by the engine, the file is closed; gone though nobody lifted it, it is put back.
"""

from __future__ import annotations

import asyncio

import structlog

from bot.domain.errors import JournalFailed
from bot.domain.events import LatchSeen
from bot.domain.ports import Inbox
from bot.engine.engine import Engine
from bot.journal.latch import Latch

__all__ = ["LatchWatch"]

_log = structlog.get_logger("hedgelock")

LOOK_S = 0.4


class LatchWatch:
    """Look once before anything starts (`look`), then for ever (`run`)."""

    def __init__(self, latch: Latch, engine: Engine, inbox: Inbox) -> None:
        self._latch, self._engine, self._inbox = latch, engine, inbox
        self._told = engine.state.latched
        """The words that file and engine last agreed on; empty: open."""

    def look(self) -> None:
        """Bring file and engine to agree; a difference becomes an event."""
        file, engine_says = self._latch.state(), self._engine.state.latched
        if file.closed and engine_says not in ("", file.reason, self._told) and not self._latch.foreign():
            self._close(engine_says)  # ours, but late: the disk took it when the engine was at the next emergency
        elif file.closed:
            if file.reason not in (engine_says, self._told):
                self._latch.remember_closed(file.reason)
                self._inbox.put(LatchSeen(closed=True, reason=file.reason))
            self._told = file.reason
        elif not engine_says:
            self._told = ""
        elif self._told != engine_says or not self._latch.was_lifted(engine_says):
            self._close(engine_says)
        else:
            self._told = ""
            self._inbox.put(LatchSeen(closed=False, reason="lifted"))

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def _close(self, words: str) -> None:
        """The engine is latched and the disk does not know: tell it, again and again until it takes it."""
        try:
            self._latch.close(words)
        except JournalFailed as failed:
            _log.critical(str(failed), once="latch not closed")
        else:
            self._told = words
