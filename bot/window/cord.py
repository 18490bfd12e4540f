"""The cord between the engine's process and the window's: messages both ways over a pair of connected sockets.

Every message is MessagePack of one of the types below, behind its length; both ends are the same sources, so it has no versions. The
engine's end never waits: what the window does not take is not sent again, the next picture replaces it.
"""

from __future__ import annotations

import asyncio
import socket
from decimal import Decimal
from typing import Any, Generic, Self, TypeVar

import msgspec

from bot.domain.events import Verb
from bot.domain.view import BotView, VerbAnswer, VerbOffer
from bot.logs import Form, Level
from bot.monitoring.doors import WebOptions
from bot.monitoring.pulse import Vitals
from bot.strategy.what_if import WhatIfBook, WhatIfPolicy

__all__ = [
    "LOOK_EVERY_S",
    "BookAnswered",
    "BookAsked",
    "Cord",
    "LookAsked",
    "NotAnswered",
    "Opening",
    "Picture",
    "ToEngine",
    "ToWindow",
    "VerbAnswered",
    "VerbAsked",
]

LOOK_EVERY_S = 0.5
"""How often the engine is shown."""
_LENGTH_BYTES = 4


class Opening(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The first message: all that the window is told of its surroundings. The doors are sockets that the window inherits, by number."""

    options: WebOptions
    front: int
    side: int | None
    journal: str
    symbol: str
    log_level: Level
    log_form: Form


class Picture(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What there is to see at one moment. `look` is the newest look that had been asked for by then, 0: none."""

    look: int
    view: BotView
    vitals: Vitals
    offers: tuple[VerbOffer, ...]
    more: dict[str, Any]


class LookAsked(msgspec.Struct, frozen=True, tag=True):
    """Somebody looks now: a picture taken after this, please. Looks are numbered upwards from 1."""

    number: int


class VerbAsked(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A person asks for a verb. `number` is the question's, its answer has the same."""

    number: int
    verb: Verb
    reason: str
    confirm: str
    who: str
    amount: Decimal | None


class VerbAnswered(msgspec.Struct, frozen=True, tag=True):
    number: int
    answer: VerbAnswer


class BookAsked(msgspec.Struct, frozen=True, tag=True):
    """What is held and owed now, for the book at other prices."""

    number: int


class BookAnswered(msgspec.Struct, frozen=True, tag=True):
    """`book` is None while it is unknown."""

    number: int
    book: WhatIfBook | None
    policy: WhatIfPolicy


class NotAnswered(msgspec.Struct, frozen=True, tag=True):
    """The engine's side failed at this question; its log says why."""

    number: int


ToWindow = Opening | Picture | VerbAnswered | BookAnswered | NotAnswered
ToEngine = LookAsked | VerbAsked | BookAsked

Heard = TypeVar("Heard", ToWindow, ToEngine)
Said = TypeVar("Said", ToWindow, ToEngine)


class Cord(Generic[Heard, Said]):
    """One end of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hears: Any) -> None:
        self._reader, self._writer = reader, writer
        self._decoder: msgspec.msgpack.Decoder[Heard] = msgspec.msgpack.Decoder(hears)
        self._encoder = msgspec.msgpack.Encoder()

    @classmethod
    async def over(cls, end: socket.socket, hears: Any) -> Self:
        """Take over a connected socket; `hears` is the union of what the other end says."""
        return cls(*await asyncio.open_unix_connection(sock=end), hears)

    @property
    def is_behind(self) -> bool:
        """True while the other end has not taken all that was said."""
        return self._writer.transport.get_write_buffer_size() > 0

    def say(self, message: Said) -> None:
        """Send, without waiting."""
        said = self._encoder.encode(message)
        self._writer.write(len(said).to_bytes(_LENGTH_BYTES) + said)

    async def hear(self) -> Heard | None:
        """The next message; None once the other end is gone."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES))
            return self._decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        """Let go; the other end hears of it."""
        self._writer.close()
