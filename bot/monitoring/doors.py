"""Where callers knock: the addresses of the dashboard, bound before anything is served, so that a mistake in one is told at once.

Who knocks while nobody serves waits in the kernel. Does not know what is behind a door.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import dataclass
from urllib.parse import quote

from bot.domain.clock import elapsed_s
from bot.domain.errors import AddressNotHad, SetUp
from bot.monitoring import guard
from bot.monitoring.loopback import is_loopback

__all__ = ["Doors", "WebOptions", "open_doors"]

_WAITING_IN_KERNEL = 128
"""Connections that the kernel keeps for us while they come faster than they are let in; they cost us nothing."""
_FREED_WITHIN_S = 2.0
"""A daemon that was killed leaves a window that hears of it and goes; it may hold the address for that long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """Where to listen and who may ask.

    `port` 0 takes any free one; `metrics_port` 0 opens no second listener. `token` is asked for (at least 22 characters), as
    `Authorization: Bearer`; `metrics_token` likewise on the second port ("": none is asked for there), `verb_token` of every POST (None:
    none is served). `allowed_hosts` are further Host headers, with their port ("hedgelock:9096"). Connections are let in, and requests
    answered, as fast as they come up to a burst, and then at so many a second: the machine is the engine's too.
    """

    host: str = "127.0.0.1"
    port: int = 8009
    metrics_port: int = 9096
    token: str
    metrics_token: str = ""
    verb_token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    max_stream_clients: int = 20
    stream_beat_s: float = 5.0
    max_connections: int = 64
    connections_burst: int = 64
    connections_per_s: float = 8.0
    requests_burst: int = 100
    requests_per_s: float = 4.0


@dataclass(frozen=True, slots=True)
class Doors:
    """Bound, listening, non-blocking sockets on `host`; `side` is None where no second port is wanted."""

    host: str
    front: socket.socket
    side: socket.socket | None

    @property
    def port(self) -> int:
        """The port that was bound."""
        return _port(self.front)

    @property
    def side_port(self) -> int | None:
        """The second port, None where there is none."""
        return None if self.side is None else _port(self.side)

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = self.host if is_loopback(self.host) else "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def link(self, token: str) -> str:
        """The same with the token that reads, for one person's eyes: no log may have it. A browser sends nothing of what follows the #."""
        return f"{self.url}#token={quote(token, safe='')}"

    def close(self) -> None:
        """Stop listening."""
        self.front.close()
        if self.side is not None:
            self.side.close()


async def open_doors(options: WebOptions) -> Doors:
    """Bind; raises AddressNotHad naming the address and the mend. A start that fails leaves nothing listening."""
    guard.check_exposure(options.host, options.token)
    front = await _bound(options.host, options.port, "HEDGELOCK__WEB__PORT")
    if not options.metrics_port:
        return Doors(options.host, front, None)
    try:
        side = await _bound(options.host, options.metrics_port, "HEDGELOCK__WEB__METRICS_PORT")
    except SetUp:
        front.close()
        raise
    return Doors(options.host, front, side)


async def _bound(host: str, port: int, setting: str) -> socket.socket:
    deadline_s = elapsed_s() + _FREED_WITHIN_S
    while True:
        try:
            return _listening(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or elapsed_s() > deadline_s:
                raise _cannot_bind(host, port, setting, error) from error
        await asyncio.sleep(0.1)


def _listening(host: str, port: int) -> socket.socket:
    """A socket; of a name with addresses of both kinds, on its IPv4 address. Raises OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = min(found, key=lambda each: each[0] is not socket.AF_INET)
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # the address that was named, and no other
        bound.bind(address)
        bound.listen(_WAITING_IN_KERNEL)
    except OSError:
        bound.close()
        raise
    return bound


def _port(bound: socket.socket) -> int:
    return int(bound.getsockname()[1])


def _cannot_bind(host: str, port: int, setting: str, error: OSError) -> AddressNotHad:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return AddressNotHad(
            f"the dashboard's address {where} is taken by another program",
            f"Stop that program, or set {setting} to another port",
        )
    if error.errno == errno.EACCES:
        mend = f"Set {setting} to a port above 1023"
        return AddressNotHad(f"the dashboard may not listen on {where}", mend, may_pass=False)
    return AddressNotHad(
        f"the dashboard cannot listen on {where}: {error.strerror or error}",
        "Set HEDGELOCK__WEB__HOST to an address of this machine",
    )
