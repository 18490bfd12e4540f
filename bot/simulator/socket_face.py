"""Websocket clients: the handshake, every frame they send, and what a fault plan makes of it.

Knows sessions, the hub and order entry; decides nothing about topics or orders.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from bot.simulator.auth import Keyring
from bot.simulator.choices import FaceChoices
from bot.simulator.hub import Hub, encode
from bot.simulator.lines import Line, active_time_ms
from bot.simulator.misfortunes import Misfortunes
from bot.simulator.order_entry import OPS, OrderEntry
from bot.simulator.quotas import SocketGate
from bot.simulator.sessions import Channel, Session, read

__all__ = ["PATHS", "SocketFace"]

PATHS: Mapping[str, Channel] = {
    "/v5/public/linear": "linear",
    "/v5/public/spot": "spot",
    "/v5/private": "private",
    "/v5/trade": "trade",
    "/v5/public/misc/status": "status",
}
FRAME_LIMIT = 1 << 20


class SocketFace:
    """Serves one websocket a call of `handle`."""

    def __init__(
        self,
        hub: Hub,
        keyring: Keyring,
        entry: OrderEntry,
        misfortunes: Misfortunes,
        choices: FaceChoices,
        wall_ms: Callable[[], int],
    ) -> None:
        self._hub, self._keyring, self._entry, self._misfortunes = hub, keyring, entry, misfortunes
        self._choices, self._wall_ms = choices, wall_ms
        self._gate = SocketGate(choices)
        self._conn_ids = itertools.count(1)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        channel = PATHS[request.path]
        if self._strikes(f"handshake {channel}", "handshake-refused"):
            return web.Response(status=503, text="Service Unavailable")
        if not self._gate.admit(request.remote or "", self._wall_ms(), open_alike=self._open_alike(channel)):
            return web.Response(status=self._choices.refused_socket_status, text="Forbidden")
        session = Session(
            channel,
            f"sim{next(self._conn_ids):08d}-{channel[:2]}",
            self._keyring,
            lambda name: self._hub.is_topic(channel, name),
            self._choices,
            ip=request.remote or "",
        )
        idle_ms = self._choices.idle_cut_ms
        if channel in ("private", "trade"):
            idle_ms = active_time_ms(request.query.get("max_active_time"), idle_ms)
        line = Line(request, session, outbox_limit=self._choices.outbox_limit, idle_ms=idle_ms, body_limit=FRAME_LIMIT)
        self._hub.lines[line] = None
        try:
            return await line.serve(self._hear, lambda line: not self._strikes(line.session.channel, "no-pong"))
        finally:
            self._hub.drop(line)
            self._entry.drop(session)

    def _open_alike(self, channel: Channel) -> int:
        """Open sockets of a product's market data; the others are not counted."""
        if channel not in ("linear", "spot"):
            return 0
        return sum(line.session.channel == channel for line in self._hub.lines)

    async def _hear(self, line: Line, text: str | bytes) -> None:
        session, request = line.session, read(text)
        op = str(request.get("op")) if request is not None else ""
        refuse = False
        if self._misfortunes.plan.any("socket"):
            for _ in self._misfortunes.plan.strikes("socket", session.channel, self._wall_ms(), only="half-open"):
                line.deaf = True
                return
            if op == "ping" and self._strikes(session.channel, "no-pong"):
                return
            if op == "auth":
                await self._wait_for_auth(session)
            refuse = self._refuses(session, op)
        if op == "subscribe" or op in OPS:
            await asyncio.sleep(self._choices.socket_latency_ms / 1000)
        heard = session.hear(request, self._wall_ms(), refuse=refuse)
        for reply in heard.replies:
            line.send(encode(reply))
        if heard.order is not None:
            await self._enter(line, heard.order)
        self._hub.follow(line, heard)

    async def _enter(self, line: Line, request: dict[str, Any]) -> None:
        """Order entry: one request, its fate, its answer."""
        if not self._misfortunes.plan.any("request"):
            answer = self._entry.answer(line.session, request, self._wall_ms())
            self._hub.publish()
            line.send(encode(answer))
            return
        account = line.session.key.account if line.session.key is not None else ""
        path = OPS.get(str(request.get("op")), "")
        fate = self._misfortunes.requests.fate("POST", path, self._wall_ms(), account=account)
        await asyncio.sleep(fate.late_ms / 1000)
        last: dict[str, Any] | None = None
        for _ in range(max(1, fate.arrives)):
            if fate.arrives or fate.ret_code is not None:
                last = self._entry.answer(line.session, request, self._wall_ms(), fate)
        self._hub.publish()
        await asyncio.sleep(fate.answer_late_ms / 1000)
        if last is not None and fate.readable:
            line.send(encode(last))
        elif fate.shape in ("close", "half"):
            line.cut(1006)

    async def _wait_for_auth(self, session: Session) -> None:
        for injection in self._misfortunes.plan.strikes("socket", session.channel, self._wall_ms(), only="auth-late"):
            await asyncio.sleep(injection.lasts_ms / 1000)

    def _refuses(self, session: Session, op: str) -> bool:
        name = {"auth": "auth-refused", "subscribe": "subscribe-refused"}.get(op)
        return name is not None and self._strikes(session.channel, name)

    def _strikes(self, subject: str, fault: str) -> bool:
        return any(True for _ in self._misfortunes.plan.strikes("socket", subject, self._wall_ms(), only=fault))
