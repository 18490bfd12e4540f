"""Drives any stream over a real websocket, for ever. The only user of `websockets`.

Knows how to open, read, ping (by the stream's own frames), close by a deadline, and wait before trying again; does not know what a frame
means. One function says which errors are worth another try, one generator says how long to wait. A connection that cannot be saved is
aborted, not asked to leave: a peer that is gone does not answer a close.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from ssl import SSLContext

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException
from websockets.uri import parse_uri

from bot.domain.clock import elapsed_s
from bot.domain.errors import SetUp
from bot.domain.events import BadInput, Event
from bot.domain.ports import Inbox
from bot.exchange.hosts import trusted_issuers
from bot.exchange.patience import Patience
from bot.exchange.stream import Stream
from bot.exchange.wire_rows import clipped

__all__ = ["delays_s", "drive", "why_again"]

_log = structlog.get_logger("exchange.socket")

# The library logs whole frames at DEBUG, and our first private frame holds the key: its logger stops at WARNING whatever the root says.
_library_log = logging.getLogger("bot.exchange.websockets")
_library_log.setLevel(logging.WARNING)


_NEXT_ADDRESS_AFTER_S = 0.25
"""A host has many addresses: where one is silent for so long the next is tried beside it (RFC 8305, its recommended delay)."""


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
        case ConnectionClosed():
            return f"the venue closed the connection: {str(error)[:150]}"
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
    family: socket.AddressFamily = socket.AF_UNSPEC,
    now_s: Callable[[], float] = elapsed_s,
) -> None:
    """Keep `stream` connected to `url` until cancelled, by addresses of one `family` or of any.

    Raises SetUp only for a URL that can never work.
    """
    delays = delays_s(rng, patience)
    issuers = trusted_issuers() if url.startswith("wss:") else None
    while True:
        opened_s = now_s()
        try:
            await _one_connection(stream, url, issuers, inbox, patience=patience, family=family, now_s=now_s)
        except Exception as error:  # it never gives up: the reason is told, and after a pause it is tried again
            why = why_again(error)
            if why is None:
                raise SetUp(f"{url} is not a websocket address", "Write it as wss://host[:port].") from error
            reason = why
        _hand_in(inbox, stream.disconnected(reason))
        if now_s() - opened_s > patience.stable_after_s:
            delays = delays_s(rng, patience)
        delay = next(delays)
        _log.warning("stream down", channel=stream.channel.value, reason=reason, again_in_s=round(delay, 2))
        await asyncio.sleep(delay)


async def _one_connection(
    stream: Stream,
    url: str,
    issuers: SSLContext | None,
    inbox: Inbox,
    *,
    patience: Patience,
    family: socket.AddressFamily,
    now_s: Callable[[], float],
) -> None:
    """One connection from open to end; always raises its reason, and always leaves the transport closed."""
    parts = parse_uri(url)
    connection = await connect(
        url,
        host=parts.host,  # said explicitly, so that the library refuses a redirect to another host
        port=parts.port,
        family=family,
        happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_S,
        ssl=issuers,
        proxy=None,  # the library would take one from the environment
        compression=None,
        open_timeout=patience.open_timeout_s,
        close_timeout=patience.close_timeout_s,
        ping_interval=None,  # the stream pings in Bybit's own way, and judges by its own deadline
        max_size=patience.max_frame_bytes,
        logger=_library_log,
    )
    try:
        await _send(connection, stream.connected(now_s()), patience)
        _log.info("stream open", channel=stream.channel.value)
        await _converse(connection, stream, inbox, patience=patience, now_s=now_s)
    finally:
        await _leave(connection, patience)


async def _converse(
    connection: ClientConnection, stream: Stream, inbox: Inbox, *, patience: Patience, now_s: Callable[[], float]
) -> None:
    """Hand in what arrives and send what is due. Ends only by raising: the stream's fault, or the connection's end.

    Nothing here waits but for the socket: a slow reader would trade on old prices.
    """
    while True:
        await _listen(connection, stream, inbox, within_s=patience.pulse_s, now_s=now_s)
        await _send(connection, stream.tick(now_s()), patience)
        if stream.fault is not None:
            raise _Dropped(stream.fault)


async def _listen(
    connection: ClientConnection, stream: Stream, inbox: Inbox, *, within_s: float, now_s: Callable[[], float]
) -> None:
    """Hand in what arrives until the pulse, or until the stream must act at once. Giving up a wait loses no frame.

    One deadline for all frames of a pulse: one for each frame would cost more than reading it.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not stream.is_due:
                _hand_in(inbox, _heard(stream, await connection.recv(), now_s()))


async def _send(connection: ClientConnection, frames: list[str], patience: Patience) -> None:
    """Send frames; a peer that takes nothing is a peer that is gone: raises TimeoutError."""
    for frame in frames:
        async with asyncio.timeout(patience.pong_deadline_s):
            await connection.send(frame)


def _heard(stream: Stream, text: str | bytes, now_s: float) -> list[Event]:
    try:
        return stream.receive(text, now_s)
    except Exception:  # noqa: BLE001  (a mistake of ours on one frame must not cost the feed: drop the frame, keep the evidence)
        _log.exception("a frame broke its reader", channel=stream.channel.value)
        return [BadInput(kind="poison frame", sample=clipped(text))]


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
