"""The simulated Bybit on the wire: HTTP and websockets on one loopback port.

Knows how the parts of the face hang together and which task does what; each part decides for itself. Begin at `SimulatorServer.run`.

Two clocks, on purpose: market time is the tape's; wall time is used for authentication, quotas and the envelope's `time` only.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast, get_args

import msgspec
from aiohttp import web

from bot.domain.clock import elapsed_s, wall_ms
from bot.simulator.auth import Keyring
from bot.simulator.board import MarketBoard
from bot.simulator.choices import FaceChoices
from bot.simulator.control import Control
from bot.simulator.desk import Desk
from bot.simulator.envelope import Rest, RestRequest
from bot.simulator.history import History, PriceSource
from bot.simulator.lines import Line, active_time_ms
from bot.simulator.order_entry import OrderEntry
from bot.simulator.player import Pace, Player
from bot.simulator.private_feed import PrivateFeed
from bot.simulator.public_rest import Notices, public_handlers
from bot.simulator.quotas import IpGate
from bot.simulator.sessions import PRIVATE_TOPICS, Channel, Heard, Session
from bot.simulator.topics import LiquidationTopic, Topic, TradeTopic, make_topic
from bot.simulator.venue import Push, Venue

__all__ = ["ServerOptions", "SimulatorServer"]

BEAT_S = 0.01
BODY_LIMIT = 1 << 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PATHS: Mapping[str, Channel] = {
    "/v5/public/linear": "linear",
    "/v5/public/spot": "spot",
    "/v5/private": "private",
    "/v5/trade": "trade",
    "/v5/public/misc/status": "status",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Where the face listens and how fast the market runs. `port` 0 = any free one; only loopback hosts are accepted."""

    host: str = "127.0.0.1"
    port: int = 0
    speed: float = 120.0
    paused: bool = False
    choices: FaceChoices = field(default_factory=FaceChoices)

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK:
            raise ValueError(f"the simulator listens on loopback only, not on {self.host!r}")


class SimulatorServer:
    """One venue, one price source, one port. `run` serves until `stop`; `serving` does so for the length of a with-block."""

    def __init__(
        self, venue: Venue, source: PriceSource, keyring: Keyring, options: ServerOptions | None = None
    ) -> None:
        self.options = options or ServerOptions()
        choices = self.options.choices
        self.venue, self.keyring = venue, keyring
        self.history = History(source)
        pace = Pace(origin_ms=max(venue.now_ms, source.start_ms), rate=self.options.speed, paused=self.options.paused)
        self.player = Player(venue, source, self.history, pace)
        self.board = MarketBoard(venue, self.history)
        self.desk = Desk(self.player, choices)
        self.gate = IpGate(choices)
        self.notices = Notices()
        own = public_handlers(self.board, self.notices, lambda: wall_ms() * 1_000_000, self._settled(source))
        self.rest = Rest(self.desk, keyring, self.gate, choices, own)
        self.entry = OrderEntry(self.desk, keyring)
        self.control = Control(venue, self.player, self.desk, wall_ms)
        self._private = PrivateFeed(choices)
        self._lines: set[Line] = set()
        self._topics: dict[tuple[str, str], tuple[Topic, set[Line]]] = {}
        self._conn_ids = itertools.count(1)
        self._stop = asyncio.Event()
        self._listening = asyncio.Event()
        self.port = 0

    # -- life ---------------------------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{self.options.host}:{self.port}"

    async def run(self) -> None:
        """Listen, play and serve until `stop` is called."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.5, handle_signals=False)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.options.host, self.options.port)
            await site.start()
            self.port = runner.addresses[0][1]
            self._listening.set()
            async with asyncio.TaskGroup() as tasks:
                beats = [tasks.create_task(self._play()), tasks.create_task(self._cut_idle())]
                await self._stop.wait()
                for beat in beats:
                    beat.cancel()
        finally:
            for line in list(self._lines):
                line.cut(1001, "going away")
            await runner.cleanup()

    def stop(self) -> None:
        self._stop.set()

    async def wait_listening(self) -> None:
        await self._listening.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[SimulatorServer]:
        """Serve while the block runs."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.run())
            waiting = tasks.create_task(self.wait_listening())
            await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
            try:
                yield self
            finally:
                waiting.cancel()
                self.stop()

    async def _play(self) -> None:
        while True:
            self.player.catch_up()
            self.publish()
            await asyncio.sleep(BEAT_S)

    async def _cut_idle(self) -> None:
        while True:
            await asyncio.sleep(self.options.choices.idle_scan_ms / 1000)
            now_s = elapsed_s()
            for line in list(self._lines):
                if line.idle(now_s):
                    line.cut()

    # -- streams ------------------------------------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Send what the venue has said, and what the public topics have to say by now."""
        for push in self.venue.drain():
            if push.account is None:
                self._announce(push)
            else:
                self._tell(push)
        real_ms = int(elapsed_s() * 1000)
        for topic, listeners in list(self._topics.values()):
            if real_ms < topic.due_ms:
                continue
            topic.due_ms = real_ms + topic.every_ms
            for message in topic.news(real_ms):
                self._send_all(listeners, message)

    def _announce(self, push: Push) -> None:
        entry = self._topics.get((push.channel, push.topic))
        if entry is None:
            return
        topic, listeners = entry
        rows = push.rows[0] if isinstance(push.rows[0], list) else list(push.rows)
        if isinstance(topic, LiquidationTopic | TradeTopic):
            topic.hear(rows)
        else:
            self._send_all(listeners, {"topic": push.topic, "ts": push.at_ms, "data": push.rows[0]})

    def _tell(self, push: Push) -> None:
        texts: dict[str, str] = {}
        for line in list(self._lines):
            key = line.session.key
            if line.session.channel != "private" or key is None or key.account != push.account:
                continue
            for name in line.session.topics:
                if not name.startswith(push.topic):
                    continue
                if name not in texts:
                    message = self._private.message(push, name, self.venue.state.accounts[push.account].uid)
                    texts[name] = "" if message is None else _text(message)
                if texts[name]:
                    line.send(texts[name])

    def _send_all(self, listeners: set[Line], message: dict[str, Any]) -> None:
        text = _text(message)
        for line in list(listeners):
            line.send(text)

    # -- sockets ------------------------------------------------------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        channel = _PATHS[request.path]
        socket = web.WebSocketResponse(compress=False, max_msg_size=BODY_LIMIT)
        await socket.prepare(request)
        choices = self.options.choices
        session = Session(
            channel,
            f"sim{next(self._conn_ids):08d}-{channel[:2]}",
            self.keyring,
            lambda name: self._is_topic(channel, name),
            choices,
            ip=request.remote or "",
        )
        idle_ms = choices.idle_cut_ms
        if channel in ("private", "trade"):
            idle_ms = active_time_ms(request.query.get("max_active_time"), idle_ms)
        line = Line(socket, session, outbox_limit=choices.outbox_limit, idle_ms=idle_ms)
        self._lines.add(line)
        try:
            await line.serve(self._hear)
        finally:
            self._lines.discard(line)
            self._leave(line, list(session.topics))
        return socket

    async def _hear(self, line: Line, text: str) -> None:
        now_ms = wall_ms()
        heard = line.session.hear(text, now_ms)
        for reply in heard.replies:
            line.send(_text(reply))
        if heard.order is not None:
            answer = self.entry.answer(line.session, heard.order, now_ms)
            self.publish()
            line.send(_text(answer))
        self._follow(line, heard)

    def _follow(self, line: Line, heard: Heard) -> None:
        """Join and leave public topics; a new listener gets the topic's snapshot."""
        channel = line.session.channel
        self._leave(line, heard.removed)
        if channel not in ("linear", "spot"):
            return
        for name in heard.added:
            entry = self._topics.get((channel, name))
            if entry is None:
                topic = make_topic(self.board, channel, name)
                assert topic is not None
                entry = self._topics[channel, name] = (topic, set())
            topic, listeners = entry
            listeners.add(line)
            first = topic.first()
            if first is not None:
                line.send(_text(first))

    def _leave(self, line: Line, names: list[str]) -> None:
        for name in names:
            entry = self._topics.get((line.session.channel, name))
            if entry is None:
                continue
            entry[1].discard(line)
            if not entry[1]:
                del self._topics[line.session.channel, name]

    def _is_topic(self, channel: Channel, name: str) -> bool:
        if channel == "private":
            return name in PRIVATE_TOPICS
        if channel == "status":
            return name == "system.status"
        return make_topic(self.board, channel, name) is not None

    # -- http ---------------------------------------------------------------------------------------------------------------------------

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_LIMIT)
        for path in _PATHS:
            application.router.add_get(path, self._socket)
        application.router.add_route("*", "/sim/{path:.*}", self._sim)
        application.router.add_route("*", "/{path:.*}", self._http)
        return application

    async def _http(self, request: web.Request) -> web.StreamResponse:
        body = (await request.read()).decode(errors="replace")
        asked = RestRequest(
            method=request.method,
            path=request.path,
            query=request.rel_url.raw_query_string,
            body=body,
            headers={name.upper(): value for name, value in request.headers.items()},
            ip=request.remote or "",
        )
        answer = self.rest.answer(asked, wall_ms())
        self.publish()
        content_type = answer.content_type.partition(";")[0]
        return web.Response(
            status=answer.status, text=answer.body, content_type=content_type, charset="utf-8", headers=answer.headers
        )

    async def _sim(self, request: web.Request) -> web.StreamResponse:
        params: Mapping[str, Any] = dict(request.query)
        raw = await request.read()
        if raw:
            try:
                params = cast(dict[str, Any], msgspec.json.decode(raw, type=dict))
            except msgspec.MsgspecError as error:
                return web.json_response({"error": str(error)}, status=400)
        status, told = self.control.answer(request.method, request.match_info["path"], params)
        self.publish()
        return web.json_response(body=msgspec.json.encode(told), status=status)

    def _settled(self, source: PriceSource) -> Any:
        before = [(at_ms, f"{rate:f}") for at_ms, rate in source.settled_rates()]
        return lambda: before + [(row.at_ms, f"{row.rate:f}") for row in self.venue.state.settled]


def _text(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()


assert set(_PATHS.values()) == set(get_args(Channel))
