"""How late the event loop is, in real time, and how full the queues are.

A meter sleeps a fixed time and sees how much later it wakes; the excess is what every other task waited too.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.domain.clock import elapsed_s

__all__ = ["Pulse", "QueueDepth", "Vitals"]

_EVERY_S = 0.25
_WORST_OVER_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """How many things wait, and how many may. `limit` is None where the queue's owner states none."""

    depth: int
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """The process `pid` at one moment, in real time. Lags are None before the first beat; the worst is over the last minute.

    `seen_ago_s` is how long ago all of it, and the engine, was looked at: 0 on the engine's own loop.
    """

    up_s: float
    pid: int = field(default_factory=os.getpid)
    loop_lag_ms: float | None = None
    worst_loop_lag_ms: float | None = None
    queues: Mapping[str, QueueDepth] = field(default_factory=dict)
    seen_ago_s: float = 0.0


class Pulse:
    """Measures the loop it runs on. `queues` is asked at each `vitals()`; it must not block."""

    def __init__(self, queues: Callable[[], Mapping[str, QueueDepth]] | None = None) -> None:
        self._queues = queues
        self._born_s = elapsed_s()
        self._asleep_since_s: float | None = None
        self._lags: deque[tuple[float, float]] = deque(maxlen=int(_WORST_OVER_S / _EVERY_S))

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self._asleep_since_s = elapsed_s()
            await asyncio.sleep(_EVERY_S)
            woke_s = elapsed_s()
            self._lags.append((woke_s, _lag_ms(self._asleep_since_s, woke_s)))

    def vitals(self) -> Vitals:
        """What is known now. A beat that is overdue at this moment counts already."""
        now_s = elapsed_s()
        recent = [lag for at_s, lag in self._lags if now_s - at_s <= _WORST_OVER_S]
        lag_ms = recent[-1] if recent else None
        if self._asleep_since_s is not None and lag_ms is not None:
            lag_ms = max(lag_ms, _lag_ms(self._asleep_since_s, now_s))
        return Vitals(
            up_s=now_s - self._born_s,
            loop_lag_ms=lag_ms,
            worst_loop_lag_ms=None if lag_ms is None else max(lag_ms, *recent),
            queues=self._queues() if self._queues else {},
        )


def _lag_ms(asleep_since_s: float, now_s: float) -> float:
    return max(0.0, (now_s - asleep_since_s - _EVERY_S) * 1000)
