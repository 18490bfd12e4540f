"""The one way in.

A newer ticker replaces an unread older one, and is handed on before the next fact, or `ticker_every_s` real seconds after the one before:
nothing is decided on a fact at an older price than is known. Every other fact queues in order. The pulse is one of them: it beats when the
mark has moved, so that a price is thought about when it comes.
The queue has a bound. A fact that does not fit is dropped and counted: the next event read says so, and everything is read from REST before
anything grows. Losing a fact silently is the one thing that cannot happen. A person's word always fits: nobody would ask for it again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from decimal import Decimal

from bot.domain.clock import elapsed_s
from bot.domain.events import Event, FactsLost, LatchSeen, OperatorAsked, Stopping, Ticked, TickerSeen

__all__ = ["Inbox"]

_BEAT_S, _SOONEST_S = 0.5, 0.1
"""The pulse, real seconds: while the price stands still, and at its quickest."""
_A_PERSONS_WORD = (OperatorAsked, LatchSeen, Stopping)


class Inbox:
    """A bounded queue of events for one reader. `put` never waits; `next` does."""

    def __init__(self, *, bound: int = 10_000, ticker_every_s: float = 0.5) -> None:
        self._facts: deque[Event] = deque()
        self._bound = bound
        self._ticker: TickerSeen | None = None
        self._ticker_every_s = ticker_every_s
        self._ticker_given_s = float("-inf")
        self._is_priced = False
        """The newest price was handed on for the sake of the first fact in the queue: now it is that fact's turn."""
        self._overflowed = 0
        self._arrived = asyncio.Event()
        self._mark: Decimal | None = None
        self._moved = asyncio.Event()
        self.deepest = 0
        """The most facts that ever waited."""

    def __len__(self) -> int:
        return len(self._facts) + (self._ticker is not None)

    def put(self, event: Event) -> None:
        """Take an event in, without waiting."""
        if isinstance(event, TickerSeen):
            if event.mark != self._mark:
                self._mark = event.mark
                self._moved.set()
            is_awaited, self._ticker = self._ticker is not None, event
            if is_awaited:  # who waits knows when: a newer price in an older one's place need not wake him
                return
        elif len(self._facts) >= self._bound and not isinstance(event, _A_PERSONS_WORD):
            self._overflowed += 1
        else:
            self._facts.append(event)
            self.deepest = max(self.deepest, len(self._facts))
        self._arrived.set()

    async def next(self) -> Event:
        """The next event: facts in order, each after the newest ticker; without facts, that ticker when its time has come."""
        while True:
            if self._overflowed:
                lost, self._overflowed = self._overflowed, 0
                return FactsLost(count=lost)
            if self._facts and (self._ticker is None or self._is_priced):
                self._is_priced = False
                return self._facts.popleft()
            wait_s = self._ticker_given_s + self._ticker_every_s - elapsed_s()
            if self._ticker is not None and (self._facts or wait_s <= 0):
                self._is_priced = bool(self._facts)
                ticker, self._ticker, self._ticker_given_s = self._ticker, None, elapsed_s()
                return ticker
            self._arrived.clear()
            try:
                async with asyncio.timeout(wait_s if self._ticker is not None else None):
                    await self._arrived.wait()
            except TimeoutError:
                continue

    async def beat(self) -> None:
        """The pulse, for ever: when the mark has moved; `_SOONEST_S` after the beat before it at the earliest, `_BEAT_S` at the latest."""
        while True:
            self.put(Ticked())
            await asyncio.sleep(_SOONEST_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(_BEAT_S - _SOONEST_S):
                    await self._moved.wait()
            self._moved.clear()
