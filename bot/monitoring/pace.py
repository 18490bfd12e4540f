"""How much of the machine strangers may have: so many at once, then so many a second, and the rest waits.

The window is a process of its own, but the processor, the disk and the engine's answers are shared: a thousand clients that knock and are
turned away cost as much as one that is served. A person with a page or two never meets these bounds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.domain.clock import elapsed_s

__all__ = ["Pace"]


class Pace:
    """A bucket of `burst` tokens that fills by `per_s`. Each taker gets the next slot, in the order in which they came."""

    def __init__(self, *, burst: int, per_s: float, now_s: Callable[[], float] = elapsed_s) -> None:
        self._gap_s = 1.0 / per_s
        self._span_s = burst * self._gap_s
        self._now_s = now_s
        self._full_at_s = float("-inf")
        """When the bucket would be full again if nobody took from it."""

    def wait_s(self) -> float:
        """Take a slot; how long until it has come, 0 for at once."""
        now_s = self._now_s()
        self._full_at_s = max(self._full_at_s, now_s) + self._gap_s
        return max(0.0, self._full_at_s - now_s - self._span_s)

    def give_back(self) -> None:
        """A slot that was taken is not wanted any more."""
        self._full_at_s -= self._gap_s

    async def wait_turn(self) -> None:
        """Take a slot and wait until it has come. One who leaves before gives it back: the wait is as long as the line, not as its past."""
        if (wait_s := self.wait_s()) > 0:
            try:
                await asyncio.sleep(wait_s)
            except asyncio.CancelledError:
                self.give_back()
                raise
