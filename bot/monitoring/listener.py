"""One port: an application behind its guards, with limits on how many may be connected, how fast they may come, and for how long they may
say nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from bot.monitoring import guard
from bot.monitoring.doors import WebOptions
from bot.monitoring.pace import Pace

__all__ = ["Listener", "Routes"]

Routes = Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]
"""Path -> handler; all of them answer GET and HEAD."""

# aiohttp writes a traceback, with the stranger's bytes in it, for every request it cannot parse. Our own errors are logged by `guard`.
_http_log = logging.getLogger("bot.monitoring.http")
_http_log.disabled = True

_MAX_BODY_BYTES = 16_384
_IDLE_S = 15.0  # a connection that completes no request within this time is closed, however slowly it drips
_LEAVE_WITHIN_S = 1.0
_BREATH_S = 0.1


class Listener:
    """Serves `routes` on one door, whose bound socket it is handed. `token` "" asks for none. `full` makes the JSON that one who finds no
    place free is told, whatever it came for."""

    def __init__(self, options: WebOptions, door: socket.socket, *, token: str, full: Callable[[], bytes]) -> None:
        self._options = options
        self._full = full
        self._token = token
        self._hosts = guard.allowed_hosts(door.getsockname()[1], options.host, options.allowed_hosts)
        self._runner: web.AppRunner | None = None
        self._socket: socket.socket | None = door

    async def open(self, routes: Routes, posts: Routes | None = None) -> None:
        """Make ready; callers wait in the kernel until `run`. `posts` answer POST alone."""
        runner = web.AppRunner(
            self._application(routes, posts or {}),
            access_log=None,
            logger=_http_log,
            handler_cancellation=True,  # nobody works on an answer that nobody hears; a verb that was passed on is done all the same
            keepalive_timeout=_IDLE_S,
            shutdown_timeout=_LEAVE_WITHIN_S,
        )
        await runner.setup()
        self._runner = runner

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
                    _turn_away(caller, self._full())
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
                self._hosts,
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


def _turn_away(caller: socket.socket, body: bytes) -> None:
    """Say why in one breath, and close. What it asked is taken off first, or the kernel would throw our word away with it."""
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
        f"Cache-Control: no-store\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with caller:
        with contextlib.suppress(BlockingIOError):
            caller.recv(_MAX_BODY_BYTES)
        caller.send(head.encode() + body)
