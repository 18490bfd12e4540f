"""A venue that says exactly what a test told it to say, over real sockets, and remembers what it was asked.

It knows nothing of Bybit's rules: the simulator does that. Here one decides how an answer goes wrong.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiohttp import web

from bot.domain.clock import ManualClock, wall_ms
from bot.domain.events import Event
from bot.exchange.budget import Budget
from bot.exchange.executor import Executor
from bot.exchange.hosts import Credentials, Hosts
from bot.exchange.patience import Patience
from bot.exchange.reader import Reader
from bot.exchange.rest import Rest

__all__ = [
    "KEY",
    "NOW_MS",
    "QUICK",
    "SECRET",
    "Answer",
    "Box",
    "Room",
    "Venue",
    "a_room",
    "body",
    "cut_off",
    "page",
    "raw",
    "silence",
    "slam",
]

KEY, SECRET = "a-key-that-must-not-leak", "a-secret-that-must-not-leak"
NOW_MS = 1_760_000_000_000

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def body(result: Any = None, *, code: int = 0, said: str = "OK", at_ms: int | None = None, **headers: str) -> Answer:
    """A well-formed V5 answer."""

    async def answer(_: web.Request) -> web.StreamResponse:
        time_ms = wall_ms() if at_ms is None else at_ms
        text = {
            "retCode": code,
            "retMsg": said,
            "result": {} if result is None else result,
            "retExtInfo": {},
            "time": time_ms,
        }
        return web.json_response(text, headers=headers)

    return answer


def page(*rows: Any, category: str = "linear", cursor: str = "") -> Answer:
    return body({"category": category, "list": list(rows), "nextPageCursor": cursor})


def raw(content: bytes | str, *, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """Any bytes with any status."""

    async def answer(_: web.Request) -> web.StreamResponse:
        content_bytes = content.encode() if isinstance(content, str) else content
        return web.Response(body=content_bytes, status=status, content_type=kind, headers=headers)

    return answer


async def silence(_: web.Request) -> web.StreamResponse:
    """Take the request and never answer."""
    await asyncio.sleep(3600)
    raise AssertionError("unreachable")


async def slam(request: web.Request) -> web.StreamResponse:
    """Take the request and drop the connection before the first byte of an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_off(request: web.Request) -> web.StreamResponse:
    """Promise a hundred bytes, send ten, and drop the connection."""
    response = web.StreamResponse(headers={"Content-Length": "100", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"retCode"')
    assert request.transport is not None
    request.transport.close()
    return response


@dataclass
class Asked:
    method: str
    path: str
    params: dict[str, str]
    body: dict[str, Any]
    text: str
    headers: dict[str, str]


@dataclass
class Venue:
    """`answers[path]` is a queue of answers; the last one stays. Unscripted paths answer 404."""

    port: int = 0
    answers: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    asked: list[Asked] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, path: str, *answers: Answer) -> None:
        self.answers[path] = deque(answers)

    def count(self, path: str) -> int:
        return Counter(asked.path for asked in self.asked)[path]

    def last(self, path: str) -> Asked:
        return next(asked for asked in reversed(self.asked) if asked.path == path)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(
            Asked(request.method, request.path, dict(request.query), json.loads(text) if text else {}, text, headers)
        )
        self.came.set()
        queue = self.answers.get(request.path)
        if not queue:
            return web.Response(status=404, text="no such path")
        answer = queue.popleft() if len(queue) > 1 else queue[0]
        return await answer(request)


class Box:
    """An inbox that keeps everything and can be waited on."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._there = asyncio.Event()

    def put(self, event: Event) -> None:
        self.events.append(event)
        self._there.set()

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    async def next(self) -> None:
        """Until one more event arrives."""
        self._there.clear()
        await self._there.wait()

    async def wait_for(self, kind: type, count: int = 1, *, where: Callable[[Any], bool] = lambda _: True) -> Any:
        """The `count`-th event of `kind` for which `where` holds."""
        async with asyncio.timeout(60):
            while len(found := [event for event in self.of(kind) if where(event)]) < count:
                await self.next()
        return found[count - 1]


@dataclass
class Room:
    venue: Venue
    hosts: Hosts
    patience: Patience
    budget: Budget
    rest: Rest
    reader: Reader
    executor: Executor
    box: Box
    clock: ManualClock


QUICK = Patience(
    request_timeout_s=0.8,
    read_attempts=2,
    read_deadline_s=5.0,
    question_deadline_s=8.0,
    order_wait_s=0.2,
    last_words_s=0.5,
)


@asynccontextmanager
async def a_room(
    *,
    patience: Patience = QUICK,
    budget: Budget | None = None,
    credentials: Credentials | None = None,
    is_forbidden: Callable[[], bool] = lambda: False,
) -> AsyncIterator[Room]:
    """The whole exchange room against a scripted venue on a loopback port. The venue's clock answers; the rest is the test's."""
    venue = Venue()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", venue.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    venue.port = runner.addresses[0][1]

    async def now(_: web.Request) -> web.StreamResponse:
        nano = wall_ms() * 1_000_000
        return web.json_response(
            {
                "retCode": 0,
                "retMsg": "OK",
                "result": {"timeSecond": str(nano // 10**9), "timeNano": str(nano)},
                "time": nano // 10**6,
            }
        )

    venue.say("/v5/market/time", now)
    here = f"127.0.0.1:{venue.port}"
    hosts = Hosts(rest_url=f"http://{here}", public_ws_url=f"ws://{here}", private_ws_url=f"ws://{here}")
    budget = budget or Budget()
    credentials = credentials or Credentials(api_key=KEY, api_secret=SECRET)
    rest = Rest(hosts, credentials, budget=budget, patience=patience)
    clock, box = ManualClock(NOW_MS), Box()
    reader = Reader(rest, clock, symbol="BTCUSDT", rng=Random(1), patience=patience)
    executor = Executor(rest, reader, box, clock, patience=patience, is_forbidden=is_forbidden)
    try:
        async with rest:
            yield Room(venue, hosts, patience, budget, rest, reader, executor, box, clock)
    finally:
        await runner.cleanup()
