"""How far our wall clock is from the venue's. Bybit takes a signed request only while server_time - recv_window <= timestamp <
server_time + 1000 ms, so a clock one second fast fails however generous the window (Bybit: guide).

Knows how samples become one reading; does not ask for them.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import NamedTuple

from bot.domain.clock import wall_ms

__all__ = ["ClockReading", "Sample", "VenueClock", "middle"]

_AGAIN_AFTER_FAILURE_S = 30.0


class Sample(NamedTuple):
    """One look: our wall time when we asked, how long the answer took, and the venue's time in it. Milliseconds."""

    asked_ms: float
    trip_ms: float
    venue_ms: float

    @property
    def skew_ms(self) -> float:
        return self.asked_ms + self.trip_ms / 2 - self.venue_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """Our wall clock minus the venue's, give or take `uncertainty_ms`."""

    skew_ms: int
    uncertainty_ms: int


def middle(samples: list[Sample]) -> ClockReading:
    """The median skew, so that one slow or cached answer moves nothing. `samples` is not empty."""
    skew_ms = round(statistics.median(sample.skew_ms for sample in samples))
    doubts_ms = [abs(sample.skew_ms - skew_ms) + sample.trip_ms / 2 for sample in samples]
    return ClockReading(skew_ms=skew_ms, uncertainty_ms=round(statistics.median(doubts_ms)) + 1)


class VenueClock:
    """What we know of the venue's clock, and when to look again."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._due_s: float | None = None
        self.reading: ClockReading | None = None

    def now_ms(self) -> int:
        """The venue's wall time in UTC milliseconds; our own while nothing is known."""
        return wall_ms() - (self.reading.skew_ms if self.reading else 0)

    def known_ms(self) -> int | None:
        """The venue's wall time, or None while nothing is known."""
        return self.now_ms() if self.reading else None

    def is_due(self, now_s: float) -> bool:
        return self._due_s is None or now_s >= self._due_s

    def learnt(self, reading: ClockReading, now_s: float) -> None:
        self.reading, self._due_s = reading, now_s + self._every_s

    def look_failed(self, now_s: float) -> None:
        """Keep what is known, and try again in a while."""
        self._due_s = now_s + _AGAIN_AFTER_FAILURE_S

    def doubt(self) -> None:
        """The venue blamed a timestamp: look before the next question."""
        self._due_s = None
