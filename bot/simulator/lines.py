"""One websocket of one client: an outbox with a bound, a writer, a reader, and the reasons to cut.

The only file that touches aiohttp's websocket. Knows no topic and no order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from bot.domain.clock import elapsed_s
from bot.simulator.sessions import Session

__all__ = ["Line", "active_time_ms"]

SLOW_READER = 1011
IDLE = 1000
CLOSE_WITHIN_S = 1.0
LEAST_ACTIVE_MS, MOST_ACTIVE_MS = 30_000, 600_000
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Cut:
    """An outbox entry that ends the connection."""

    code: int
    reason: str


class Line:
    """A connection with its session. `send` never waits: a client that does not read is cut.

    `deaf`: half-open, nothing is heard or said any more and the connection stays. `hangs`: a close is never completed.
    """

    def __init__(
        self, request: web.Request, session: Session, *, outbox_limit: int, idle_ms: int, body_limit: int
    ) -> None:
        self.session, self.idle_ms = session, idle_ms
        self._request = request
        self._socket = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, max_msg_size=body_limit)
        self._outbox: asyncio.Queue[str | Cut] = asyncio.Queue(maxsize=outbox_limit)
        self.alive_s = elapsed_s()
        self.deaf = self.hangs = False

    def send(self, text: str) -> None:
        if self.deaf:
            return
        try:
            self._outbox.put_nowait(text)
        except asyncio.QueueFull:
            self.cut(SLOW_READER, "slow reader")

    def cut(self, code: int = IDLE, reason: str = "") -> None:
        """End the connection; what is still in the outbox is lost."""
        while not self._outbox.empty():
            self._outbox.get_nowait()
        self._outbox.put_nowait(Cut(code, reason))

    def idle(self, now_s: float) -> bool:
        return not self.deaf and (now_s - self.alive_s) * 1000 >= self.idle_ms

    async def serve(
        self, hear: Callable[[Line, str | bytes], Awaitable[None]], pongs: Callable[[Line], bool]
    ) -> web.StreamResponse:
        """Read and write until either side ends it. `pongs` says whether a protocol ping is answered."""
        await self._socket.prepare(self._request)
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write())
            async for message in self._socket:
                if self.deaf:
                    continue
                self.alive_s = elapsed_s()
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    await hear(self, message.data)
                elif message.type is WSMsgType.PING and pongs(self):
                    await self._pong(message.data)
            if self.deaf or self.hangs:
                await self._linger()
            writer.cancel()
        return self._socket

    async def _pong(self, data: bytes) -> None:
        try:
            await self._socket.pong(data)
        except (ConnectionError, RuntimeError):  # gone, or closing: the reader ends by itself
            return

    async def _write(self) -> None:
        while True:
            entry = await self._outbox.get()
            if isinstance(entry, Cut):
                await self._close(entry)
                return
            try:
                await self._socket.send_str(entry)
            except (ConnectionError, RuntimeError):  # gone, or closing: the reader ends by itself
                return
            self.alive_s = elapsed_s()

    async def _close(self, cut: Cut) -> None:
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._socket.close(code=cut.code, message=cut.reason.encode())
        except TimeoutError:
            return

    async def _linger(self) -> None:
        """Hold a connection whose close we do not answer until the client drops it."""
        while self._request.transport is not None and not self._request.transport.is_closing():  # noqa: ASYNC110 — nothing tells
            await asyncio.sleep(LOOK_S)


def active_time_ms(text: str | None, default_ms: int) -> int:
    """`max_active_time` of a private or trade connection ("30s" to "600s", "1m", …); anything else means the default."""
    if not text or text[-1:] not in ("s", "m") or not text[:-1].isdigit():
        return default_ms
    wanted_ms = int(text[:-1]) * (1000 if text.endswith("s") else 60_000)
    return wanted_ms if LEAST_ACTIVE_MS <= wanted_ms <= MOST_ACTIVE_MS else default_ms
