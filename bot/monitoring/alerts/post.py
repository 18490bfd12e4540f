"""The post office: a bounded queue, one messenger, and a second way when the first one fails.

A message goes to the first channel; where that gives no proof of arrival, after a few tries, to the next. A critical one goes to all at
once. What nobody took waits and is tried again, at ever longer pauses, until it is delivered or pushed out by what is newer. It holds up
what comes after it, so that "over" is never read before what is over, unless it is the message that is refused.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_before_delay

from bot.monitoring.alerts.channels import Channel, NotDelivered
from bot.monitoring.alerts.words import Message, Severity

__all__ = ["Patience", "Post", "Receipt", "Standing"]

_MOST_REFUSED = 3
"""So many messages refused for good one after the other, and it is not the messages."""

_log = structlog.get_logger("hedgelock.alerts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long, in real seconds. One channel is given up soon, so that the next still arrives within 15 s."""

    attempts: int = 3
    within_s: float = 6.0
    first_pause_s: float = 0.5
    again_after_s: float = 10.0
    longest_pause_s: float = 300.0
    most_waiting: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one channel said to one message: its proof, or why there is none."""

    channel: str
    proof: str = ""
    error: str = ""
    again: bool = False
    """It may take it later."""

    @property
    def ok(self) -> bool:
        return not self.error


@dataclass(slots=True)
class Standing:
    """How the post stands."""

    channels: tuple[str, ...] = ()
    delivered: int = 0
    undelivered: int = 0
    """Times that no channel took a message; each time of the same one counts."""
    dropped: int = 0
    waiting: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    """Channel -> what it answered last, where that was no proof."""


class Post:
    """Takes messages without waiting (`offer`) and delivers them in its own task (`run`)."""

    def __init__(self, channels: Sequence[Channel], *, rng: Random, patience: Patience | None = None) -> None:
        self._channels = tuple(channels)
        self._rng = rng
        self._patience = patience or Patience()
        self._waiting: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._urgent = asyncio.Event()
        self.standing = Standing(channels=tuple(channel.name for channel in channels))

    def offer(self, message: Message) -> None:
        """Take a message. When the box is full the oldest one that is not critical makes room."""
        if len(self._waiting) >= self._patience.most_waiting:
            least = next((m for m in self._waiting if m.severity < Severity.CRITICAL), self._waiting[0])
            self._waiting.remove(least)
            self.standing.dropped += 1
        self._waiting.append(message)
        self.standing.waiting = len(self._waiting)
        self._arrived.set()
        if message.severity is Severity.CRITICAL:
            self._urgent.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        pause_s = self._patience.again_after_s
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            delivered, is_cut_off = self.standing.delivered, await self._round()
            if self.standing.delivered > delivered:
                pause_s = self._patience.again_after_s
            if self._waiting:
                await self._rest(pause_s, is_cut_off=is_cut_off)
                pause_s = min(self._patience.longest_pause_s, 2 * pause_s)

    async def _round(self) -> bool:
        """Deliver what waits, in its order. True where no channel could be had; a message that all refuse for good holds up no other."""
        self._arrived.clear()
        self._urgent.clear()
        refused = 0
        for message in tuple(self._waiting):
            receipts = await self.deliver(message)
            if any(receipt.ok for receipt in receipts):
                self._forget(message)
                refused = 0
                continue
            refused += 1
            self.standing.undelivered += 1
            if any(receipt.again for receipt in receipts) or refused == _MOST_REFUSED:
                return True
        return False

    async def _rest(self, pause_s: float, *, is_cut_off: bool) -> None:
        """Leave the channels alone for so long; what is critical is worth a try at once, and anything where they did answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await (self._urgent if is_cut_off else self._arrived).wait()

    async def empty(self, within_s: float) -> None:
        """Deliver what still waits, within `within_s` altogether; called when the daemon leaves."""
        try:
            async with asyncio.timeout(within_s):
                while self._waiting:
                    message = self._waiting[0]
                    await self.deliver(message)
                    self._forget(message)
        except TimeoutError:
            _log.warning("alerts were left undelivered", waiting=len(self._waiting))

    async def deliver(self, message: Message) -> list[Receipt]:
        """One round over the channels: all at once for what is critical, else one after the other until one confirms."""
        if message.severity is Severity.CRITICAL:
            async with asyncio.TaskGroup() as tasks:
                trips = [tasks.create_task(self._try(channel, message)) for channel in self._channels]
            return [trip.result() for trip in trips]
        receipts: list[Receipt] = []
        for channel in self._channels:
            receipts.append(await self._try(channel, message))
            if receipts[-1].ok:
                break
        return receipts

    async def _try(self, channel: Channel, message: Message) -> Receipt:
        patience = self._patience

        def pause_s(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome is not None else None
            asked_s = error.after_s if isinstance(error, NotDelivered) else 0.0
            return max(
                asked_s, self._rng.uniform(0.5, 1.0) * patience.first_pause_s * 2.0 ** (state.attempt_number - 1)
            )

        async def once() -> str:
            return await channel.send(message)

        policy = AsyncRetrying(
            stop=stop_after_attempt(patience.attempts) | stop_before_delay(patience.within_s),
            wait=pause_s,
            retry=retry_if_exception(lambda error: isinstance(error, NotDelivered) and error.again),
            reraise=True,
        )
        try:
            proof: str = await policy(once)
        except NotDelivered as error:
            return self._not_taken(channel, error.reason, again=error.again)
        except Exception as error:  # noqa: BLE001 - a library that breaks over one message must not silence all; its words may be secrets
            return self._not_taken(channel, type(error).__name__, again=False)
        self.standing.errors.pop(channel.name, None)
        self.standing.delivered += 1
        return Receipt(channel=channel.name, proof=proof)

    def _not_taken(self, channel: Channel, why: str, *, again: bool) -> Receipt:
        self.standing.errors[channel.name] = why
        _log.warning("alert not delivered", channel=channel.name, why=why, once=f"{channel.name} {why}")
        return Receipt(channel=channel.name, error=why, again=again)

    def _forget(self, message: Message) -> None:
        if message in self._waiting:
            self._waiting.remove(message)
        self.standing.waiting = len(self._waiting)
