"""Plays the tape into the venue at the pace the real second asks for.

Knows the venue, the price source, the history and how fast market time runs; its watch is `bot.domain.clock.awake_s`, or the one it is
given. No socket: whoever owns the loop calls `catch_up`, and every request does so first, so that it meets the market of its own moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from bot.domain.clock import awake_s
from bot.simulator.history import History, PriceSource
from bot.simulator.venue import Tick, Venue

__all__ = ["Pace", "Player"]

MOST_TICKS_AT_ONCE = 5000
"""No request waits behind more of them."""


class Pace:
    """Market time as a function of real time: `rate` market seconds a second, from `origin_ms`, with a pause button."""

    def __init__(
        self, *, origin_ms: int, rate: float, paused: bool = False, elapsed: Callable[[], float] = awake_s
    ) -> None:
        if not rate > 0:
            raise ValueError(f"speed must be above 0, got {rate}")
        self._elapsed = elapsed
        self._origin_ms, self._since_s = float(origin_ms), elapsed()
        self.rate, self.paused = rate, paused

    def now_ms(self) -> int:
        return int(self._now())

    def pause(self) -> None:
        self.set(paused=True)

    def resume(self) -> None:
        self.set(paused=False)

    def set(self, *, at_ms: int | None = None, rate: float | None = None, paused: bool | None = None) -> None:
        """Carry on from `at_ms` (default: now) at another rate or in another state. Raises ValueError for a rate not above 0."""
        if rate is not None and not rate > 0:
            raise ValueError(f"speed must be above 0, got {rate}")
        self._origin_ms = float(at_ms) if at_ms is not None else self._now()
        self._since_s = self._elapsed()
        self.rate = self.rate if rate is None else rate
        self.paused = self.paused if paused is None else paused

    def _now(self) -> float:
        if self.paused:
            return self._origin_ms
        return self._origin_ms + (self._elapsed() - self._since_s) * 1000 * self.rate


class Player:
    """The venue's time. `bend` may change, drop or add ticks on their way (a fault plan); by default it is the tape as it is."""

    def __init__(self, venue: Venue, source: PriceSource, history: History, pace: Pace) -> None:
        self.venue, self.source, self.history, self.pace = venue, source, history, pace
        self.bend: Callable[[Tick], Iterable[Tick]] | None = None
        self.ticks_played = 0
        self._behind_ms = 0

    def catch_up(self, *, within_ms: int = 0) -> None:
        """Play every tick that is due by now, then let the venue's time follow, up to `within_ms` of now.

        After a stop (a paused container) there are many: the next calls play on, for whoever trades here goes by its own watch. Only
        where the way grows longer meanwhile market time slips: the tape runs as fast as the machine can.
        Time without a price costs the venue its calm (see `calm`): who only keeps the market going can do with the ticks.
        """
        if self.pace.paused:
            return
        now_ms = self.pace.now_ms()
        budget = MOST_TICKS_AT_ONCE
        for tick in self.source.due(now_ms):
            self._step(tick)
            budget -= 1
            if not budget:
                break
        behind_ms = 0 if budget else now_ms - self.venue.now_ms
        cannot_follow = 0 < self._behind_ms <= behind_ms
        self._behind_ms = behind_ms
        if self.venue.now_ms > now_ms or cannot_follow:
            self.pace.set(at_ms=self.venue.now_ms)
        elif budget and now_ms > self.venue.now_ms + within_ms:
            self.venue.advance(now_ms)

    def step_ms(self, by_ms: int) -> None:
        """Move paused time by `by_ms`, all its ticks included."""
        until_ms = max(self.pace.now_ms(), self.venue.now_ms) + by_ms
        for tick in self.source.due(until_ms):
            self._step(tick)
        self.venue.advance(until_ms)
        self.pace.set(at_ms=until_ms)

    def step_ticks(self, count: int) -> None:
        """Play the next `count` ticks, wherever they lie."""
        for _ in range(count):
            next_ms = self.source.next_at_ms()
            if next_ms is None:
                return
            for tick in self.source.due(next_ms):
                self._step(tick)
            self.pace.set(at_ms=max(next_ms, self.venue.now_ms))

    def _step(self, tick: Tick) -> None:
        for bent in (tick,) if self.bend is None else self.bend(tick):
            late = bent.at_ms < self.venue.now_ms  # a price that comes late counts when it comes
            happening = replace(bent, at_ms=self.venue.now_ms) if late else bent
            self.venue.step(happening)
            self.history.on_tick(happening)
            self.ticks_played += 1
