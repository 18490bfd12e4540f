"""The simulated Bybit on the wire: HTTP and websockets on one loopback port.

Knows how the parts of the face hang together and which task does what; each part decides for itself. Begin at `SimulatorServer.run`.

Two clocks, on purpose: market time is the tape's; wall time is used for authentication, quotas and the envelope's `time` only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
from aiohttp import web

from bot.domain.clock import elapsed_s, wall_ms
from bot.simulator.auth import Keyring
from bot.simulator.board import MarketBoard
from bot.simulator.choices import FaceChoices
from bot.simulator.control import Control
from bot.simulator.desk import Desk
from bot.simulator.envelope import Rest
from bot.simulator.history import History, PriceSource
from bot.simulator.http_face import HttpFace
from bot.simulator.hub import Hub
from bot.simulator.misfortunes import Misfortunes
from bot.simulator.order_entry import OrderEntry
from bot.simulator.player import Pace, Player
from bot.simulator.public_rest import Notices, public_handlers
from bot.simulator.quotas import IpGate
from bot.simulator.socket_face import PATHS, SocketFace
from bot.simulator.tls import server_context
from bot.simulator.tolerant import TolerantRunner
from bot.simulator.venue import Venue

__all__ = ["ServerOptions", "SimulatorServer"]

BEAT_S = 0.01
QUIET_MS = 1000
"""Market time that may pass without a tick before the venue's clock moves by itself."""
BODY_LIMIT = 1 << 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Where the face listens, how fast the market runs, the dice of misfortune. `port` 0 = any free one; loopback hosts only.

    `tls_certificate`: where to write the certificate of a second, TLS port; None = no such port.
    """

    host: str = "127.0.0.1"
    port: int = 0
    speed: float = 240.0
    paused: bool = False
    choices: FaceChoices = field(default_factory=FaceChoices)
    fault_seed: int = 0
    tls_certificate: Path | None = None
    tls_port: int = 0

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
        self.gate, self.notices = IpGate(choices), Notices()
        self.hub = Hub(venue, self.board, choices)
        self.misfortunes = self._misfortunes()
        own = public_handlers(self.board, self.notices, lambda: self.wall_ms() * 1_000_000, self._settled(source))
        self.rest = Rest(self.desk, keyring, self.gate, choices, own)
        self.entry = OrderEntry(self.desk, keyring, choices)
        self.control = Control(venue, self.player, self.desk, self.misfortunes, self.wall_ms)
        self._http = HttpFace(self.rest, keyring, self.misfortunes, wall_ms=self.wall_ms, publish=self.hub.publish)
        self._sockets = SocketFace(self.hub, keyring, self.entry, self.misfortunes, choices, self.wall_ms)
        self._stop, self._listening = asyncio.Event(), asyncio.Event()
        self.port = self.tls_port = 0

    # -- life ---------------------------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return f"http://{host}:{self.port}"

    def wall_ms(self) -> int:
        """Real time as this venue's clock shows it."""
        return wall_ms() + self.misfortunes.clock_off_ms

    async def run(self) -> None:
        """Listen, play and serve until `stop` is called."""
        runner = TolerantRunner(self._application(), access_log=None, shutdown_timeout=0.5, handle_signals=False)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.options.host, self.options.port)
            await site.start()
            self.port = runner.addresses[0][1]
            if self.options.tls_certificate is not None:
                context = server_context(self.options.tls_certificate, wall_ms())
                await web.TCPSite(runner, self.options.host, self.options.tls_port, ssl_context=context).start()
                self.tls_port = runner.addresses[1][1]
            self._listening.set()
            async with asyncio.TaskGroup() as tasks:
                beats = [tasks.create_task(self._play()), tasks.create_task(self._cut_idle())]
                await self._stop.wait()
                for beat in beats:
                    beat.cancel()
        finally:
            for line in list(self.hub.lines):
                line.cut(1001, "going away")
            await runner.cleanup()

    def stop(self) -> None:
        self._stop.set()

    async def wait_listening(self) -> None:
        await self._listening.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[SimulatorServer]:
        """Serve while the block runs; what the block raises comes out as it is."""
        failure: Exception | None = None
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.run())
            waiting = tasks.create_task(self.wait_listening())
            await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
            try:
                yield self
            except Exception as error:  # noqa: BLE001 — raised again below, outside the group that would wrap it
                failure = error
            finally:
                waiting.cancel()
                self.stop()
        if failure is not None:
            raise failure

    async def _play(self) -> None:
        while True:
            self.player.catch_up(within_ms=QUIET_MS)
            self.hub.publish()
            self.misfortunes.tend(self.wall_ms())
            await asyncio.sleep(BEAT_S)

    async def _cut_idle(self) -> None:
        while True:
            await asyncio.sleep(self.options.choices.idle_scan_ms / 1000)
            now_s = elapsed_s()
            for line in list(self.hub.lines):
                if line.idle(now_s):
                    line.cut()

    # -- parts --------------------------------------------------------------------------------------------------------------------------

    def _misfortunes(self) -> Misfortunes:
        misfortunes = Misfortunes(
            self.venue,
            self.keyring,
            self.gate,
            self.notices,
            lines=lambda: list(self.hub.lines),
            announce=self.hub.tell_status,
            seed=self.options.fault_seed,
        )
        self.hub.spoil_with(misfortunes.plan, misfortunes.streams)
        self.player.bend = misfortunes.market.bend
        return misfortunes

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_LIMIT)
        for path in PATHS:
            application.router.add_get(path, self._sockets.handle)
        application.router.add_route("*", "/sim/{path:.*}", self._sim)
        application.router.add_route("*", "/{path:.*}", self._http.handle)
        return application

    async def _sim(self, request: web.Request) -> web.StreamResponse:
        params: Mapping[str, Any] = dict(request.query)
        raw = await request.read()
        if raw:
            try:
                params = cast(dict[str, Any], msgspec.json.decode(raw, type=dict))
            except msgspec.MsgspecError as error:
                return web.json_response({"error": str(error)}, status=400)
        status, told = self.control.answer(request.method, request.match_info["path"], params)
        self.hub.publish()
        return web.json_response(body=msgspec.json.encode(told), status=status)

    def _settled(self, source: PriceSource) -> Callable[[], list[tuple[int, str]]]:
        before = [(at_ms, f"{rate:f}") for at_ms, rate in source.settled_rates()]
        return lambda: before + [(row.at_ms, f"{row.rate:f}") for row in self.venue.state.settled]
