"""What came to pass, over HTTP: the read routes that the journal answers.

Knows parameters and their bounds; the journal itself is somebody else's, behind `Archive`. A Decimal leaves as a string, what is unknown as
null. A question to the journal may cost a second of a core that the engine shares, so they have a pace of their own.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Protocol

from aiohttp import hdrs, web

from bot.domain.errors import Unavailable
from bot.monitoring import present
from bot.monitoring.listener import Routes
from bot.monitoring.pace import Pace

__all__ = ["Archive", "Past"]

_MOST_POINTS, _POINTS = 2_000, 600
_MOST_ROWS, _ROWS = 500, 100
_LATEST_MS = 10**14
_BURST, _PER_S = 40, 1.0
_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Archive(Protocol):
    """Whoever reads the journal. Every call may raise Unavailable."""

    async def series(self, from_ms: int | None, to_ms: int | None, points: int) -> dict[str, Any]: ...
    async def profit(self, by: str) -> dict[str, Any]: ...
    async def decisions(self, last: int) -> list[dict[str, Any]]: ...
    async def decision(self, name: str) -> dict[str, Any] | None: ...
    async def orders(self, last: int) -> list[dict[str, Any]]: ...
    async def fills(self, last: int) -> list[dict[str, Any]]: ...
    async def notes(self, last: int) -> list[dict[str, Any]]: ...


class Past:
    """The handlers; the guard has seen to host and token before any of them is called."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._pace = Pace(burst=_BURST, per_s=_PER_S)

    def gets(self) -> Routes:
        return {
            "/api/v1/history": self._history,
            "/api/v1/pnl": self._pnl,
            "/api/v1/decisions": self._decisions,
            "/api/v1/decisions/{name}": self._decision,
            "/api/v1/orders": self._orders,
            "/api/v1/fills": self._fills,
            "/api/v1/notes": self._notes,
        }

    async def _history(self, request: web.Request) -> web.StreamResponse:
        from_ms, to_ms = _number(request, "from_ms", None, _LATEST_MS), _number(request, "to_ms", None, _LATEST_MS)
        points = _number(request, "points", _POINTS, _MOST_POINTS, least=2)
        assert points is not None
        return await self._answer(lambda: self._archive.series(from_ms, to_ms, points))

    async def _pnl(self, request: web.Request) -> web.StreamResponse:
        by = request.query.get("by", "cause")
        if by not in ("day", "leg", "cause"):
            raise web.HTTPBadRequest(text="by must be day, leg or cause.\n")
        return await self._answer(lambda: self._archive.profit(by))

    async def _decisions(self, request: web.Request) -> web.StreamResponse:
        rows = _rows(request)
        return await self._answer(lambda: self._archive.decisions(rows), "decisions")

    async def _decision(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if not _NAME.fullmatch(name):
            raise web.HTTPNotFound(text="No such decision.\n")
        return await self._answer(lambda: self._archive.decision(name))

    async def _orders(self, request: web.Request) -> web.StreamResponse:
        rows = _rows(request)
        return await self._answer(lambda: self._archive.orders(rows), "orders")

    async def _fills(self, request: web.Request) -> web.StreamResponse:
        rows = _rows(request)
        return await self._answer(lambda: self._archive.fills(rows), "fills")

    async def _notes(self, request: web.Request) -> web.StreamResponse:
        rows = _rows(request)
        return await self._answer(lambda: self._archive.notes(rows), "notes")

    async def _answer(self, question: Callable[[], Awaitable[Any]], wrapped_as: str = "") -> web.Response:
        await self._pace.wait_turn()
        try:
            found = await question()
        except Unavailable as error:
            wait_s = error.retry_after_s or 5
            raise web.HTTPServiceUnavailable(
                text=f"The journal cannot be asked now: {error}.\n", headers={hdrs.RETRY_AFTER: f"{wait_s:.0f}"}
            ) from error
        if found is None:
            raise web.HTTPNotFound(text="The journal holds no such thing.\n")
        document = {wrapped_as: found} if wrapped_as else found
        return web.Response(body=present.encode(_plain(document)), content_type="application/json", charset="utf-8")


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return value if value and isinstance(value[0], int | float) else [_plain(inner) for inner in value]
        case Decimal():
            return present.money(value)
        case _:
            return value


def _rows(request: web.Request) -> int:
    rows = _number(request, "limit", _ROWS, _MOST_ROWS, least=1)
    assert rows is not None
    return rows


def _number(request: web.Request, name: str, default: int | None, most: int, *, least: int = 0) -> int | None:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16 and least <= int(text) <= most):
        raise web.HTTPBadRequest(text=f"{name} must be a whole number from {least} to {most}.\n")
    return int(text)
