"""What every stream is to the socket that drives it, and what streams share: counting what cannot be used, saying up and down once.

Knows the order of things on a connection; does not know topics, nor how bytes travel. Times are seconds of the monotonic clock.
"""

from __future__ import annotations

from typing import Protocol

from bot.domain.events import BadInput, Channel, ChannelChanged, Event
from bot.exchange.liveness import Liveness
from bot.exchange.patience import Patience
from bot.exchange.wire_rows import BadRow, clipped
from bot.exchange.wire_stream import Frame, frame

__all__ = ["Desk", "Stream"]


class Stream(Protocol):
    """A protocol without a socket: it is told what happened and says what to send."""

    @property
    def channel(self) -> Channel: ...

    @property
    def fault(self) -> str | None:
        """Why the connection must be dropped; None while it need not be."""
        ...

    @property
    def is_due(self) -> bool:
        """Whether `tick` is to be called now, not on the next pulse: a frame waits to leave, or there is a fault."""
        ...

    def connected(self, now_s: float) -> list[str]:
        """A connection is open; returns the first frames to send."""
        ...

    def receive(self, text: str | bytes, now_s: float) -> list[Event]:
        """A frame arrived; returns what it says. Never raises for what the venue may send."""
        ...

    def tick(self, now_s: float) -> list[str]:
        """Time passed, or the stream is due; returns frames to send."""
        ...

    def disconnected(self, reason: str) -> list[Event]:
        """The connection is gone, or could not be opened."""
        ...


class Desk:
    """The part of a stream that is the same for all: frames opened, bad input counted, health announced once per change."""

    def __init__(self, channel: Channel, liveness: Liveness, patience: Patience) -> None:
        self.channel = channel
        self.liveness = liveness
        self.bad = 0  # unusable frames and rows, ever
        self.foreign = 0  # rows of other symbols, categories and legs, ever
        self._patience = patience
        self._announced: bool | None = None
        self._bad_since_s = 0.0
        self._bad_in_window = 0

    def opened(self, text: str | bytes, now_s: float) -> Frame | BadInput:
        """The frame, or the complaint about it."""
        try:
            return frame(text)
        except BadRow as error:
            return self.bad_input(error.kind, text, now_s)

    def bad_input(self, kind: str, sample: str | bytes, now_s: float) -> BadInput:
        """Count something unusable; a flood of it is a fault of the connection."""
        self.bad += 1
        if now_s - self._bad_since_s > 1.0:
            self._bad_since_s, self._bad_in_window = now_s, 0
        self._bad_in_window += 1
        if self._bad_in_window > self._patience.max_bad_per_s:
            self.liveness.fault = (
                self.liveness.fault or f"more than {self._patience.max_bad_per_s} unusable frames in a second"
            )
        return BadInput(kind=kind, sample=clipped(sample))

    def news_of_health(self) -> list[Event]:
        """[up] when the stream has just become whole, else nothing."""
        if self._announced is True or not self.liveness.healthy:
            return []
        self._announced = True
        return [ChannelChanged(channel=self.channel, up=True, reason="connected, every topic acknowledged and heard")]

    def went_down(self, reason: str) -> list[Event]:
        """[down] the first time and whenever it was up before, else nothing."""
        if self._announced is False:
            return []
        self._announced = False
        return [ChannelChanged(channel=self.channel, up=False, reason=reason)]
