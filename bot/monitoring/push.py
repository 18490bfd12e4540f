"""Server push: the newest of each section, many listeners, no queue.

A newer section replaces the one before it, so a slow listener can only fall behind in time, never in memory: the server holds one
document for all of them, and each listener is told what changed since it last took something. One that does not take its bytes within
the deadline is dropped; it may come again. The wire is server-sent events (WHATWG HTML, "Server-sent events").
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

from aiohttp import hdrs, web

__all__ = ["Broadcast"]

_SEND_BUFFER_BYTES = 65_536


class Broadcast:
    """Holds the newest document, section by section, and serves it to at most `max_clients` listeners.

    A listener hears something every `beat_s` real seconds at least, so that it can tell silence from peace, and has as long to take it.
    """

    def __init__(self, *, max_clients: int, beat_s: float) -> None:
        self._max_clients = max_clients
        self._beat_s = beat_s
        self._clients = 0
        self._number = 0
        self._sections: dict[str, tuple[int, bytes]] = {}  # name -> (number of its last change, JSON)
        self._made: dict[int, bytes] = {}  # number last heard -> what is told now: made once for all who heard it
        self._news = asyncio.Event()
        self._closed = False

    @property
    def clients(self) -> int:
        return self._clients

    def publish(self, sections: Mapping[str, bytes]) -> None:
        """Replace these sections of the document; each value is JSON without a line break."""
        self._number += 1
        self._made.clear()
        for name, value in sections.items():
            self._sections[name] = (self._number, value)
        self._wake()

    def renew(self, sections: Mapping[str, bytes]) -> None:
        """Replace sections that aged and did not change: nobody is woken, and who comes next hears them as they are now."""
        self._made.clear()
        for name, value in sections.items():
            self._sections[name] = (self._sections[name][0], value)

    def close(self) -> None:
        """Let every listener go."""
        self._closed = True
        self._wake()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one listener until it leaves, is too slow, or the broadcast closes. 503 when there is no place."""
        if self._closed or self._clients >= self._max_clients:
            raise web.HTTPServiceUnavailable(
                text="Every place on the stream is taken.\n", headers={hdrs.RETRY_AFTER: "5"}
            )
        self._clients += 1
        try:
            return await self._serve(request)
        finally:
            self._clients -= 1

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8"})
        _bound_send_buffer(request)
        await response.prepare(request)
        if request.method == hdrs.METH_HEAD:
            return response
        try:
            await self._talk(response)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()  # the peer does not read; a polite close would wait for it
        except ConnectionError:
            pass  # it left
        return response

    async def _talk(self, response: web.StreamResponse) -> None:
        heard = 0
        await self._say(response, b"retry: 2000\n: HedgeLock status\n\n")
        while not self._closed:
            if heard == self._number:
                try:
                    await asyncio.wait_for(self._news.wait(), self._beat_s)
                except TimeoutError:
                    await self._say(response, b": still here\nevent: beat\ndata: {}\n\n")
                continue
            message = self._since(heard)
            heard = self._number
            await self._say(response, message)

    def _since(self, heard: int) -> bytes:
        """One event with every section that changed after number `heard`."""
        if (made := self._made.get(heard)) is not None:
            return made
        parts = (
            b'"%b":%b' % (name.encode(), value) for name, (number, value) in self._sections.items() if number > heard
        )
        made = b"event: status\nid: %d\ndata: {%b}\n\n" % (self._number, b",".join(parts))
        self._made[heard] = made
        return made

    async def _say(self, response: web.StreamResponse, message: bytes) -> None:
        async with asyncio.timeout(self._beat_s):
            await response.write(message)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _bound_send_buffer(request: web.Request) -> None:
    """Small buffers, so that a listener that does not read is noticed after a few documents, not after megabytes."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    if isinstance(transport, asyncio.WriteTransport):
        transport.set_write_buffer_limits(high=_SEND_BUFFER_BYTES)
