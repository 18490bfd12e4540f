"""The server: routes, serves, and looks at the engine twice a second.

GET and HEAD only look; what a person may do is in `verbs`. Routes are a table below; checks are in `guard`, names of fields in `present`.
"""

from __future__ import annotations

import asyncio
import logging
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from bot.domain.clock import elapsed_s
from bot.domain.view import BotView, WhatIfView
from bot.monitoring import guard, health, present, present_loan
from bot.monitoring.doors import Doors, WebOptions
from bot.monitoring.health import Verdict
from bot.monitoring.listener import Listener, Routes
from bot.monitoring.metrics import Metrics
from bot.monitoring.outlook import Outlook
from bot.monitoring.past import Archive, Past
from bot.monitoring.pulse import Vitals
from bot.monitoring.push import Broadcast
from bot.monitoring.trail import Trail
from bot.monitoring.verbs import VerbDesk, Verbs

__all__ = ["Web"]

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5
_PAGES = ("overview", "charts", "decisions", "orders", "loan", "rates", "health", "verbs")
_PATIENCE_S = 10.0  # after a look that failed


class Web:
    """The dashboard and its API, behind `doors` that are open already: who knocks before it runs waits in the kernel.

    `view` and `vitals` are asked on the event loop, at most a few times a second and once per request; they must not block. `look_now` is
    awaited before a request is answered; `next_look` returns when it is time to look for news, at an even pace unless told otherwise.
    `trouble` says why no picture can be trusted, "" where none is known.
    """

    def __init__(
        self,
        options: WebOptions,
        doors: Doors,
        *,
        view: Callable[[], BotView],
        vitals: Callable[[], Vitals],
        archive: Archive | None = None,
        verbs: VerbDesk | None = None,
        what_if: Callable[[], Awaitable[tuple[WhatIfView, ...]]] | None = None,
        more: Callable[[], Mapping[str, object]] | None = None,
        trouble: Callable[[], str] | None = None,
        next_look: Callable[[], Awaitable[None]] | None = None,
        look_now: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._options, self.doors = options, doors
        self._next_look = next_look or _look_evenly
        self._look_now = look_now or _at_once
        self._view = view
        self._vitals = vitals
        self._more = more or dict
        self._trouble = trouble or str
        self._outlook = Outlook(what_if or _no_rows)
        self._past = None if archive is None else Past(archive)
        self._verbs = None if verbs is None else Verbs(verbs, view)
        self._trail = Trail()
        self._broadcast = Broadcast(max_clients=options.max_stream_clients, beat_s=options.stream_beat_s)
        self._metrics = Metrics(view, vitals, lambda: self._broadcast.clients)
        self._static = _static_files()
        self._front: Listener | None = None
        self._side: Listener | None = None

    async def run(self) -> None:
        """Serve until cancelled."""
        await self._open()
        try:
            async with asyncio.TaskGroup() as tasks:
                for listener in (self._front, self._side):
                    if listener is not None:
                        tasks.create_task(listener.run())
                tasks.create_task(self._look())
        finally:
            await self.close()

    async def _open(self) -> None:
        doors, verbs, past = self.doors, self._verbs, self._past
        self._front = Listener(self._options, doors.front, token=self._options.token, full=self._no_place)
        await self._front.open(
            {
                **self._pages(),
                **self._api(),
                **self._checks(),
                **(past.gets() if past else {}),
                **{path: self._seeing(handler) for path, handler in (verbs.gets() if verbs else {}).items()},
            },
            posts=verbs.posts() if verbs else None,
        )
        if doors.side is not None:
            self._side = Listener(self._options, doors.side, token=self._options.metrics_token, full=self._no_place)
            await self._side.open(self._checks())

    async def close(self) -> None:
        """Let the listeners go, within about a second."""
        self._broadcast.close()
        for listener in (self._front, self._side):
            if listener is not None:
                await listener.close()
        self._front = self._side = None

    async def _look(self) -> None:
        """Look at the engine again and again, whatever comes of it."""
        told: dict[str, bytes] = {}
        while True:
            try:
                told = self._tell(told)
            except Exception:  # noqa: BLE001
                # The window may break; the house must stand. Listeners are told, /health answers 500, and we look again.
                _log.exception("the engine's view could not be shown")
                told = {}
                self._broadcast.publish({"trouble": present.encode("the engine's view could not be read")})
                await asyncio.sleep(_PATIENCE_S)
            await self._next_look()

    def _tell(self, told: dict[str, bytes]) -> dict[str, bytes]:
        """Feed the trail, the counters and, where something changed, the stream. Takes and returns what was told last, by section."""
        view = self._view()
        self._trail.offer(view, elapsed_s())
        self._metrics.see(view)
        document = {**self._document(view), "trouble": self._trouble() or None}
        news = present.fingerprints(document)
        changed = [name for name in news if news[name] != told.get(name)]
        if changed:
            sections = {name: present.encode(document[name]) for name in (*present.CLOCKS, "trouble", *changed)}
            self._broadcast.publish(sections)
        aged = [name for name in (*present.CLOCKS, *present.AGEING) if name not in changed]
        self._broadcast.renew({name: present.encode(document[name]) for name in aged})
        return news

    def _document(self, view: BotView) -> dict[str, Any]:
        """The status document, with what other rooms have to tell."""
        return {**present.document(view, self._vitals()), **self._more()}

    # -- routes: path -> handler ---------------------------------------------------------------------------------

    def _pages(self) -> Routes:
        return {"/": self._index, "/static/{name}": self._file}

    def _api(self) -> Routes:
        return {
            "/api/v1/status": self._seeing(self._status),
            "/api/v1/stream": self._broadcast.serve,
            "/api/v1/trail": self._trail_points,
            "/api/v1/what-if": self._what_if,
        }

    def _checks(self) -> Routes:
        return {
            "/health": self._seeing(self._overall),
            "/health/live": self._live,
            "/health/ready": self._seeing(self._ready),
            "/health/trading": self._seeing(self._trading),
            "/metrics": self._seeing(self._scrape),
        }

    def _seeing(self, handler: Handler) -> Handler:
        """The handler, asked once the engine has been looked at."""

        async def answer(request: web.Request) -> web.StreamResponse:
            await self._look_now()
            return await handler(request)

        return answer

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return self._static["index.html"].response()

    async def _file(self, request: web.Request) -> web.StreamResponse:
        file = self._static.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return file.response()

    async def _status(self, _request: web.Request) -> web.StreamResponse:
        return _json(self._document(self._view()))

    async def _trail_points(self, _request: web.Request) -> web.StreamResponse:
        return _json(self._trail.document())

    async def _what_if(self, _request: web.Request) -> web.StreamResponse:
        return _json({"rows": present_loan.what_if(await self._outlook.rows())})

    async def _overall(self, request: web.Request) -> web.StreamResponse:
        view, vitals = self._view(), self._vitals()
        verdict, trading = health.overall(view, vitals), health.trading(view)
        about: dict[str, object] = {"service": "hedgelock", "version": view.version}
        if request[guard.AUTHORISED]:
            about |= {"world": view.world, "mode": view.mode.value, "trading": trading.ok}
        about |= {"up_s": round(vitals.up_s, 1)}
        if verdict.ok and not trading.ok:  # well enough for a supervisor, and not hedging: said, with the reasons
            return _verdict(request, trading, about, status=200, word="degraded")
        return _verdict(request, verdict, about)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        vitals = self._vitals()
        return _verdict(request, health.live(vitals), {"seen_ago_s": round(vitals.seen_ago_s, 1)})

    def _no_place(self) -> bytes:
        """For whom no place is free: the dead man's watch, which may be one of them, wants no more than this."""
        return present.encode({"status": "full", "seen_ago_s": round(self._vitals().seen_ago_s, 1)})

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        return _verdict(request, health.ready(self._view()))

    async def _trading(self, request: web.Request) -> web.StreamResponse:
        return _verdict(request, health.trading(self._view()))

    async def _scrape(self, request: web.Request) -> web.StreamResponse:
        body, content_type = self._metrics.page(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})


async def _look_evenly() -> None:
    await asyncio.sleep(_LOOK_EVERY_S)


async def _at_once() -> None:
    """The view is the engine's own."""


async def _no_rows() -> tuple[WhatIfView, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One of the page's own files, in memory: no disk on the loop, no path to wander."""

    body: bytes
    content_type: str

    def response(self) -> web.Response:
        return web.Response(body=self.body, content_type=self.content_type, charset="utf-8")


def _static_files() -> Mapping[str, _File]:
    mimetypes.add_type("text/javascript", ".js")
    folder = resources.files("bot.monitoring") / "static"
    files = {
        entry.name: _File(
            body=entry.read_bytes(), content_type=mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
        )
        for entry in folder.iterdir()
        if entry.is_file()
    }
    pages = b"\n".join((folder / "pages" / f"{name}.html").read_bytes() for name in _PAGES)
    index = files["index.html"]
    return files | {"index.html": replace(index, body=index.body.replace(b"<!-- pages -->", pages))}


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.Response(body=present.encode(value), status=status, content_type="application/json", charset="utf-8")


def _verdict(
    request: web.Request,
    verdict: Verdict,
    about: Mapping[str, object] | None = None,
    *,
    status: int | None = None,
    word: str = "unwell",
) -> web.Response:
    """200 or 503 (or `status`). The reasons are for those who may read."""
    document: dict[str, object] = {"status": "ok" if verdict.ok else word, **(about or {})}
    if request[guard.AUTHORISED]:
        document["reasons"] = list(verdict.reasons)
    return _json(document, status=status or (200 if verdict.ok else 503))
