"""Drives any stream over a real websocket, for ever. The only user of `websockets`.

Knows how to open, read, ping (by the stream's own frames), close by a deadline, and wait before trying again; does not know what a frame
means. One function says which errors are worth another try, one generator says how long to wait. A connection that cannot be saved is
aborted, not asked to leave: a peer that is gone does not answer a close.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from random import Random

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException
from websockets.uri import parse_uri

from bot.domain.clock import elapsed_s
from bot.domain.errors import SetUp
from bot.domain.events import BadInput, Event
from bot.domain.ports import Inbox
from bot.exchange.patience import Patience
from bot.exchange.stream import Stream
from bot.exchange.wire_rows import clipped

__all__ = ["delays_s", "drive", "why_again"]

_log = structlog.get_logger("exchange.socket")

# The library logs whole frames at DEBUG, and our first private frame holds the key: its logger stops at WARNING whatever the root says.
_library_log = logging.getLogger("bot.exchange.websockets")
_library_log.setLevel(logging.WARNING)


class _Dropped(Exception):
    """We end this connection ourselves; the message says why."""


def delays_s(rng: Random, patience: Patience) -> Iterator[float]:
    """How long to wait before each next attempt, for ever: decorrelated jitter between the floor and the cap.

    Each delay is drawn between the floor and three times the one before, so that many clients that fell together do not return together.
    """
    delay = patience.backoff_floor_s
    while True:
        delay = min(patience.backoff_cap_s, rng.uniform(patience.backoff_floor_s, delay * 3))
        yield delay


def why_again(error: Exception) -> str | None:
    """Why a failed connection is worth another try, in words; None where it never will be."""
    match error:
        case InvalidURI():
            return None
        case _Dropped():
            return str(error)
        case InvalidStatus():
            return f"the venue answered HTTP {error.response.status_code} to the handshake"
        case TimeoutError():
            return "timed out"
        case OSError() | WebSocketException() | EOFError():
            return f"{type(error).__name__}: {str(error)[:150]}"
        case ValueError():  # the library's name for a redirect to another host, which we never follow
            return f"refused: {str(error)[:150]}"
    _log.error("a mistake of ours ended a connection", exc_info=error)
    return f"{type(error).__name__}: {str(error)[:150]}"


async def drive(
    stream: Stream,
    url: str,
    inbox: Inbox,
    *,
    rng: Random,
    patience: Patience,
    now_s: Callable[[], float] = elapsed_s,
) -> None:
    """Keep `stream` connected to `url` until cancelled. Raises SetUp only for a URL that can never work."""
    delays = delays_s(rng, patience)
    while True:
        opened_s = now_s()
        try:
            await _one_connection(stream, url, inbox, patience=patience, now_s=now_s)
        except Exception as error:  # noqa: BLE001  (never gives up: the reason is told, and after a pause it is tried again)
            reason = _reason_of(error, url)
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError from None  # a task group that failed at that very moment has hidden the cancellation
        _hand_in(inbox, stream.disconnected(reason))
        if now_s() - opened_s > patience.stable_after_s:
            delays = delays_s(rng, patience)
        delay = next(delays)
        _log.warning("stream down", channel=stream.channel.value, reason=reason, again_in_s=round(delay, 2))
        await asyncio.sleep(delay)


def _reason_of(error: Exception, url: str) -> str:
    """The first error's reason. Raises SetUp for what no repetition can mend."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    reason = why_again(error)
    if reason is None:
        raise SetUp(f"{url} is not a websocket address", "Write it as wss://host[:port].") from error
    return reason


async def _one_connection(
    stream: Stream, url: str, inbox: Inbox, *, patience: Patience, now_s: Callable[[], float]
) -> None:
    """One connection from open to end; always raises its reason, and always leaves the transport closed."""
    parts = parse_uri(url)
    connection = await connect(
        url,
        host=parts.host,  # said explicitly, so that the library refuses a redirect to another host
        port=parts.port,
        proxy=None,  # the library would take one from the environment
        compression=None,
        open_timeout=patience.open_timeout_s,
        close_timeout=patience.close_timeout_s,
        ping_interval=None,  # the stream pings in Bybit's own way, and judges by its own deadline
        max_size=patience.max_frame_bytes,
        logger=_library_log,
    )
    try:
        for frame in stream.connected(now_s()):
            await connection.send(frame)
        _log.info("stream open", channel=stream.channel.value)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_read(connection, stream, inbox, now_s))
            tasks.create_task(_pulse(connection, stream, patience, now_s))
    finally:
        await _leave(connection, patience)


async def _read(connection: ClientConnection, stream: Stream, inbox: Inbox, now_s: Callable[[], float]) -> None:
    """Hand in what arrives. Never awaits but for the socket: a slow reader would be trading on old prices."""
    async for text in connection:
        _hand_in(inbox, _heard(stream, text, now_s()))
        for frame in stream.tick(now_s()):
            await connection.send(frame)
        if stream.fault is not None:
            raise _Dropped(stream.fault)
    raise _Dropped(f"the venue closed the connection ({connection.close_code}, {str(connection.close_reason)[:100]!r})")


def _heard(stream: Stream, text: str | bytes, now_s: float) -> list[Event]:
    try:
        return stream.receive(text, now_s)
    except Exception:  # noqa: BLE001  (a mistake of ours on one frame must not cost the feed: drop the frame, keep the evidence)
        _log.exception("a frame broke its reader", channel=stream.channel.value)
        return [BadInput(kind="poison frame", sample=clipped(text))]


async def _pulse(connection: ClientConnection, stream: Stream, patience: Patience, now_s: Callable[[], float]) -> None:
    """Look at the stream's deadlines, so that silence too is noticed."""
    while True:
        await asyncio.sleep(patience.pulse_s)
        for frame in stream.tick(now_s()):
            async with asyncio.timeout(patience.pong_deadline_s):
                await connection.send(frame)
        if stream.fault is not None:
            raise _Dropped(stream.fault)


async def _leave(connection: ClientConnection, patience: Patience) -> None:
    """Say goodbye if the peer listens; the transport is closed when this returns, whatever the peer does."""
    try:
        async with asyncio.timeout(patience.close_timeout_s):
            await connection.close()
    except (TimeoutError, OSError, WebSocketException):
        _log.info("a connection was aborted")
    finally:
        connection.transport.abort()


def _hand_in(inbox: Inbox, events: list[Event]) -> None:
    for event in events:
        inbox.put(event)
