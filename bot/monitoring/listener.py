"""One port: an application behind its guards, with limits on how many may be connected, how fast they may come, and for how long they may
say nothing.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from bot.domain.errors import SetUp
from bot.monitoring import guard
from bot.monitoring.pace import Pace

__all__ = ["Listener", "Routes", "WebOptions"]

Routes = Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]
"""Path -> handler; all of them answer GET and HEAD."""

# aiohttp writes a traceback, with the stranger's bytes in it, for every request it cannot parse. Our own errors are logged by `guard`.
_http_log = logging.getLogger("bot.monitoring.http")
_http_log.disabled = True

_MAX_BODY_BYTES = 16_384
_IDLE_S = 15.0  # a connection that completes no request within this time is closed, however slowly it drips
_LEAVE_WITHIN_S = 1.0
_BREATH_S = 0.1
_WAITING_IN_KERNEL = 128
"""Connections that the kernel keeps for us while they come faster than they are let in; they cost the loop nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """Where to listen and who may ask.

    `port` 0 takes any free one; `metrics_port` 0 opens no second listener. `token` is asked for (at least 22 characters), as
    `Authorization: Bearer`; `metrics_token` likewise on the second port ("": none is asked for there), `verb_token` of every POST (None:
    none is served).
    `allowed_hosts` are further Host headers, with their port ("hedgelock:9096"). Connections are let in, and requests answered, as fast as
    they come up to a burst, and then at so many a second: the loop is the engine's.
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


class Listener:
    """Binds one port and serves `routes` on it. `setting` is the variable a person changes when the port is taken; `token` "" asks
    for none.
    """

    def __init__(self, options: WebOptions, *, port: int, setting: str, token: str) -> None:
        self._options = options
        self._token = token
        self._setting = setting
        self._wanted_port = port
        self._hosts: frozenset[str] = frozenset()
        self._runner: web.AppRunner | None = None
        self._socket: socket.socket | None = None
        self.port = 0

    async def open(self, routes: Routes, posts: Routes | None = None) -> None:
        """Bind, so that callers wait in the kernel until `run`; raises SetUp where the address cannot be had. `posts` answer POST alone."""
        runner = web.AppRunner(
            self._application(routes, posts or {}),
            access_log=None,
            logger=_http_log,
            handler_cancellation=True,  # every handler only reads: nobody works on an answer that nobody hears
            keepalive_timeout=_IDLE_S,
            shutdown_timeout=_LEAVE_WITHIN_S,
        )
        await runner.setup()
        try:
            self._socket = _listening(self._options.host, self._wanted_port)
        except OSError as error:
            await runner.cleanup()
            raise self._cannot_bind(error) from error
        self._runner = runner
        self.port = self._socket.getsockname()[1]
        self._hosts = guard.allowed_hosts(self.port, self._options.host, self._options.allowed_hosts)

    async def run(self) -> None:
        """Let callers in, one after the other, until cancelled. One that finds no place free is turned away at the door."""
        if self._socket is None or self._runner is None or self._runner.server is None:
            raise RuntimeError("the listener is not open")
        loop, server, options = asyncio.get_running_loop(), self._runner.server, self._options
        pace = Pace(burst=options.connections_burst, per_s=options.connections_per_s)
        while True:
            try:
                caller, _ = await loop.sock_accept(self._socket)
                if len(server.connections) < options.max_connections:
                    await loop.connect_accepted_socket(server, caller)
                else:
                    caller.close()
            except OSError:  # no file descriptors left, or it hung up while it waited
                await asyncio.sleep(_BREATH_S)
            await pace.wait_turn()

    async def close(self) -> None:
        """Stop listening and let the connections go."""
        if self._socket is not None:
            # `run` may wait for a caller: the loop would go on watching the number, and whoever opens the next socket gets the same one.
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket = self._runner = None

    def _application(self, routes: Routes, posts: Routes) -> web.Application:
        options = self._options
        app = web.Application(
            middlewares=guard.guards(
                lambda: self._hosts,
                self._token,
                options.verb_token,
                pace=Pace(burst=options.requests_burst, per_s=options.requests_per_s),
            ),
            client_max_size=_MAX_BODY_BYTES,
        )
        app.on_response_prepare.append(guard.put_headers)
        app.router.add_routes([web.get(path, handler) for path, handler in routes.items()])
        app.router.add_routes([web.post(path, handler) for path, handler in posts.items()])
        return app

    def _cannot_bind(self, error: OSError) -> SetUp:
        where = f"{self._options.host}:{self._wanted_port}"
        if error.errno == errno.EADDRINUSE:
            return SetUp(
                f"the dashboard's address {where} is taken by another program",
                f"Stop that program, or set {self._setting} to another port",
            )
        if error.errno == errno.EACCES:
            return SetUp(f"the dashboard may not listen on {where}", f"Set {self._setting} to a port above 1023")
        return SetUp(
            f"the dashboard cannot listen on {where}: {error.strerror or error}",
            "Set HEDGELOCK__WEB__HOST to an address of this machine",
        )


def _listening(host: str, port: int) -> socket.socket:
    """A bound, listening, non-blocking socket; of a name with addresses of both kinds, on its IPv4 address. Raises OSError."""
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
