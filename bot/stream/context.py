"""What another system says of funding, heard from a topic: shape, world, symbol and age are checked here, and what passes is an event.

At most one event and one complaint a look, whatever is poured into the topic: the newest word counts, and one that says the same again is
handed on only now and then, to keep it fresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from bot.domain.events import BadInput, Event, FundingContextSeen
from bot.stream.kafka import Heard, Subscription, read_properties
from bot.stream.messages import FundingContext, schema_name

__all__ = ["ContextOptions", "Sieve", "listen"]

_log = structlog.get_logger("stream.context")

LOOK_EVERY_S = 1.0
REGIMES = frozenset({"UNKNOWN", "NEUTRAL", "NORMAL", "HEATED", "MANIA", "EXTREME"})

_SCHEMA = schema_name(FundingContext)
_MOST_BYTES = 4_096
_AHEAD_MS = 60_000
"""A sender's clock may be so far ahead of ours."""
_CLIP = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOptions:
    """Where to listen, and whose word counts: that of our own `world` and `symbol`, no older than `stale_ms` of market time.

    `group` is this process's own; `properties` a file of librdkafka's settings, "" for none.
    """

    servers: str
    topic: str
    group: str
    properties: str
    world: str
    symbol: str
    stale_ms: int


class Sieve:
    """Lets at most one word and one complaint through of each handful of messages."""

    def __init__(self, options: ContextOptions) -> None:
        self._options = options
        self._again_ms = options.stale_ms // 4
        self._last: FundingContextSeen | None = None

    def pass_on(self, heard: Iterable[Heard], now_ms: int) -> list[Event]:
        """The newest word of these, if it is news; the first that was unusable, as a BadInput. `now_ms` is market time."""
        newest: FundingContextSeen | None = None
        complaint: BadInput | None = None
        for message in heard:
            word = self._word(message, now_ms)
            if isinstance(word, BadInput):
                complaint = complaint or word
            elif newest is None or word.at_ms >= newest.at_ms:
                newest = word
        events: list[Event] = [] if complaint is None else [complaint]
        if newest is not None and self._is_news(newest):
            self._last = newest
            events.append(newest)
        return events

    def _is_news(self, word: FundingContextSeen) -> bool:
        last = self._last
        if last is None:
            return True
        return word.at_ms > last.at_ms and (word.regime != last.regime or word.at_ms - last.at_ms >= self._again_ms)

    def _word(self, message: Heard, now_ms: int) -> FundingContextSeen | BadInput:
        """One message, or what is wrong with it."""
        options = self._options
        if len(message.value) > _MOST_BYTES:
            return BadInput(kind="funding context too long", sample=f"{len(message.value)} bytes")
        if message.schema not in ("", _SCHEMA):
            return _bad("of another schema", message.schema)
        try:
            said = msgspec.json.decode(message.value, type=FundingContext)
        except (
            msgspec.MsgspecError,
            UnicodeDecodeError,
            RecursionError,
        ) as error:  # a few thousand brackets are enough
            return _bad("malformed", str(error))
        if said.regime not in REGIMES:
            return _bad("of no known regime", said.regime)
        if (said.world, said.symbol) != (options.world, options.symbol):
            return _bad("of another book", f"{said.world} {said.symbol}")
        if now_ms - said.at_ms >= options.stale_ms:
            return _bad("stale", f"{(now_ms - said.at_ms) // 1000} s old")
        if said.at_ms > now_ms + _AHEAD_MS:
            return _bad("of the future", f"{(said.at_ms - now_ms) // 1000} s ahead")
        return FundingContextSeen(
            at_ms=min(said.at_ms, now_ms), regime=said.regime, source=_shown(f"{said.journal} {said.number}")
        )


async def listen(options: ContextOptions, *, now_ms: Callable[[], int], put: Callable[[Event], None]) -> None:
    """Look once a second until cancelled; a broker that is away costs nothing but silence. Raises SetUp for settings that cannot be."""
    sieve = Sieve(options)
    line = Subscription(
        options.servers,
        options.topic,
        read_properties(Path(options.properties)) if options.properties else {},
        group=options.group,
        on_trouble=lambda kind, said: _log.warning("the topic cannot be heard", said=said, once=f"topic {kind}"),
    )
    try:
        while True:
            try:
                for event in sieve.pass_on(line.look(), now_ms()):
                    put(event)
            except Exception as error:  # noqa: BLE001 - whatever a library makes of rubbish; the daemon lives with us
                _log.error("a message from outside was dropped", why=repr(error), once=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await asyncio.to_thread(line.close)


def _bad(what: str, sample: str) -> BadInput:
    return BadInput(kind=f"funding context {what}", sample=_shown(sample))


def _shown(words: str) -> str:
    """Words of a stranger as they may stand in a journal, on a page and on a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in words[:_CLIP])
