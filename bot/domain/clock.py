"""The only place that reads a watch.

Three kinds of time are kept apart because they fail differently:

* **market time** (`MarketClock.now_ms`): UTC milliseconds in which prices, funding, schedules and decisions live. Live it is the venue's
  time at start-up carried forward by the monotonic clock, so that neither a wrong clock nor an NTP step moves it. On a tape played faster
  than real time it runs at the tape's rate, from the tape's own date.
* **wall time** (`wall_ms`): real UTC milliseconds, for signatures, file names and people.
* **elapsed time** (`elapsed_s`): the monotonic clock, for patience with the plant (sockets, disks, tasks). It goes on while the machine
  sleeps, as the market does, where the system has such a clock (Linux: CLOCK_BOOTTIME). `awake_s` stands still then, as a market that
  lives on this machine does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "ManualClock", "MarketClock", "awake_s", "elapsed_s", "wall_ms"]

_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def wall_ms() -> int:
    """Real UTC time in milliseconds; may step when the system clock is corrected."""
    return time.time_ns() // 1_000_000


def elapsed_s() -> float:
    """Seconds on the monotonic clock; only differences mean anything."""
    return time.clock_gettime(_MONOTONIC)


def awake_s() -> float:
    """The same, without the time that the machine slept."""
    return time.monotonic()


class Clock(Protocol):
    """Market time, and how fast it runs against the real second."""

    @property
    def rate(self) -> float:
        """Market seconds per real second; 1.0 outside paper trading."""
        ...

    def now_ms(self) -> int:
        """Market time in UTC milliseconds; never goes backwards."""
        ...


class MarketClock:
    """Market time that starts at `origin_ms` now (None: wall time) and runs at `rate` market seconds (> 0) per second of `elapsed`."""

    def __init__(
        self, *, origin_ms: int | None = None, rate: float = 1.0, elapsed: Callable[[], float] = elapsed_s
    ) -> None:
        if not rate > 0:
            raise ValueError(f"a clock's rate must be above 0, got {rate}")
        self._origin_ms = wall_ms() if origin_ms is None else origin_ms
        self._elapsed, self._started_s = elapsed, elapsed()
        self._rate = rate

    def set_to(self, origin_ms: int) -> MarketClock:
        """The same clock, but it is `origin_ms` now."""
        return MarketClock(origin_ms=origin_ms, rate=self._rate, elapsed=self._elapsed)

    @property
    def rate(self) -> float:
        return self._rate

    def now_ms(self) -> int:
        return self._origin_ms + int((self._elapsed() - self._started_s) * 1000 * self._rate)


class ManualClock:
    """A clock moved by hand: the worlds, the backtest and the tests own its time."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    @property
    def rate(self) -> float:
        return 1.0

    def now_ms(self) -> int:
        return self._now_ms

    def advance_to(self, now_ms: int) -> None:
        """Move to `now_ms`; going backwards raises ValueError."""
        if now_ms < self._now_ms:
            raise ValueError(f"time cannot run backwards: {self._now_ms} -> {now_ms}")
        self._now_ms = now_ms
