"""One port: an application behind its guards, with limits on how many may be connected and for how long they may say nothing."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from bot.domain.errors import SetUp
from bot.monitoring import guard

__all__ = ["Listener", "Routes", "WebOptions"]

Routes = Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]
"""Path -> handler; all of them answer GET and HEAD."""

# aiohttp writes a traceback, with the stranger's bytes in it, for every request it cannot parse. Our own errors are logged by `guard`.
_http_log = logging.getLogger("bot.monitoring.http")
_http_log.disabled = True

_MAX_BODY_BYTES = 16_384
_IDLE_S = 15.0  # a connection that completes no request within this time is closed, however slowly it drips
_LEAVE_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """Where to listen and who may ask.

    `port` 0 takes any free one; `metrics_port` 0 opens no second listener. `token` is asked for when set (at least 22 characters),
    as `Authorization: Bearer`; `verb_token` likewise of every POST (None: none is served).
    `allowed_hosts` are further Host headers, with their port ("hedgelock:9096").
    """

    host: str = "127.0.0.1"
    port: int = 8009
    metrics_port: int = 9096
    token: str | None = None
    verb_token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    max_stream_clients: int = 20
    stream_beat_s: float = 5.0
    max_connections: int = 64


class Listener:
    """Binds one port and serves `routes` on it. `setting` is the variable a person changes when the port is taken."""

    def __init__(self, options: WebOptions, *, port: int, setting: str) -> None:
        self._options = options
        self._setting = setting
        self._wanted_port = port
        self._hosts: frozenset[str] = frozenset()
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self, routes: Routes, posts: Routes | None = None) -> None:
        """Bind and serve; raises SetUp where the address cannot be had. `posts` answer POST alone."""
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
            self._server = await self._bind(_door(runner, self._options.max_connections))
        except OSError as error:
            await runner.cleanup()
            raise self._cannot_bind(error) from error
        self._runner = runner
        self.port = self._server.sockets[0].getsockname()[1]
        self._hosts = guard.allowed_hosts(self.port, self._options.host, self._options.allowed_hosts)

    async def close(self) -> None:
        """Stop listening and let the connections go."""
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._server = self._runner = None

    def _application(self, routes: Routes, posts: Routes) -> web.Application:
        options = self._options
        app = web.Application(
            middlewares=guard.guards(lambda: self._hosts, options.token, options.verb_token),
            client_max_size=_MAX_BODY_BYTES,
        )
        app.on_response_prepare.append(guard.put_headers)
        app.router.add_routes([web.get(path, handler) for path, handler in routes.items()])
        app.router.add_routes([web.post(path, handler) for path, handler in posts.items()])
        return app

    async def _bind(self, door: Callable[[], asyncio.Protocol]) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(door, self._options.host, self._wanted_port, backlog=64)

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


class _Full(asyncio.Protocol):
    """What answers when every place is taken: nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


def _door(runner: web.AppRunner, max_connections: int) -> Callable[[], asyncio.Protocol]:
    """A protocol factory that lets at most `max_connections` in at once."""
    server = runner.server
    if server is None:
        raise RuntimeError("the runner was not set up")

    def enter() -> asyncio.Protocol:
        return server() if len(server.connections) < max_connections else _Full()

    return enter
