"""The venue's clock, carried forward by our monotonic one, so that a step of the system's time moves no signature.

Knows how samples become one reading and when it is time to look again; does not ask. Bybit takes a signed request only while
server_time - recv_window <= timestamp < server_time + 1000 ms: a clock one second fast fails however generous the window
(Bybit: guide).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bot.domain.clock import elapsed_s, wall_ms

__all__ = ["ClockReading", "Sample", "VenueClock", "middle"]

_AGAIN_AFTER_FAILURE_S = 30.0


class Sample(NamedTuple):
    """One look: when we asked (monotonic seconds), how long the answer took, and the venue's UTC milliseconds in it."""

    asked_s: float
    trip_s: float
    venue_ms: float

    @property
    def offset_ms(self) -> float:
        """The venue's time minus our monotonic time, taking the venue's to be of the middle of the trip."""
        return self.venue_ms - (self.asked_s + self.trip_s / 2) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """The venue's time minus our monotonic time, give or take `uncertainty_ms`."""

    offset_ms: float
    uncertainty_ms: float


def middle(samples: list[Sample]) -> ClockReading:
    """The median offset, so that one slow or cached answer moves nothing. `samples` is not empty."""
    offset_ms = statistics.median(sample.offset_ms for sample in samples)
    doubts_ms = [abs(sample.offset_ms - offset_ms) + sample.trip_s * 500 for sample in samples]
    return ClockReading(offset_ms=offset_ms, uncertainty_ms=statistics.median(doubts_ms))


class VenueClock:
    """What we know of the venue's time, and when to look again."""

    def __init__(self, every_s: float, *, now_s: Callable[[], float] = elapsed_s) -> None:
        self._every_s = every_s
        self._now_s = now_s
        self._due_s: float | None = None
        self.reading: ClockReading | None = None

    def now_ms(self) -> int:
        """The venue's UTC milliseconds; our own wall time while nothing is known."""
        known_ms = self.known_ms()
        return wall_ms() if known_ms is None else known_ms

    def known_ms(self) -> int | None:
        """The venue's UTC milliseconds, or None while nothing is known."""
        return None if self.reading is None else int(self._now_s() * 1000 + self.reading.offset_ms)

    @property
    def is_due(self) -> bool:
        """Whether what we know is old, doubted or missing."""
        return self._due_s is None or self._now_s() >= self._due_s

    def learnt(self, reading: ClockReading) -> None:
        self.reading, self._due_s = reading, self._now_s() + self._every_s

    def look_failed(self) -> None:
        """Keep what is known, and try again in a while."""
        self._due_s = self._now_s() + _AGAIN_AFTER_FAILURE_S

    def doubt(self) -> None:
        """An answer and our idea of the time disagree: look before the next question."""
        self._due_s = None
