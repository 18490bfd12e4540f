"""Paging and time windows of V5's history endpoints (Bybit: pagination; each endpoint's own limits are its caller's arguments)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar
from urllib.parse import quote, unquote

from bot.simulator.params import Ask, Refusal

__all__ = ["DAY_MS", "HOUR_MS", "MINUTE_MS", "WEEK_MS", "Numbered", "Row", "page", "window"]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS


class Numbered(Protocol):
    """A record with a serial number; later records have larger ones."""

    @property
    def serial(self) -> int: ...


Row = TypeVar("Row", bound=Numbered)


def page(newest_first: Iterable[Row], ask: Ask, *, default: int, most: int) -> tuple[list[Row], str]:
    """One page and the cursor of the next ("" on the last). A cursor is opaque, percent-encoded, and accepted in either form."""
    limit = ask.whole("limit", default) or default
    if limit < 1:
        raise Refusal(10001, "params error: limit invalid")
    limit = min(limit, most)
    before = _serial_of(ask.text("cursor"))
    rows: list[Row] = []
    for row in newest_first:
        if before is not None and row.serial >= before:
            continue
        if len(rows) == limit:
            return rows, quote(f"page_token={rows[-1].serial}&", safe="")
        rows.append(row)
    return rows, ""


def _serial_of(cursor: str) -> int | None:
    if not cursor:
        return None
    words = unquote(cursor).strip("&").split("=")
    if len(words) != 2 or not words[1].isdigit():
        raise Refusal(10001, "params error: cursor invalid")
    return int(words[1])


def window(ask: Ask, now_ms: int, *, default_ms: int, most_ms: int) -> tuple[int, int]:
    """Inclusive [from, to] of startTime/endTime: none = the last `default_ms`; one = `default_ms` in that direction; span <= `most_ms`."""
    start, end = ask.whole("startTime"), ask.whole("endTime")
    if start is None and end is None:
        return now_ms - default_ms, now_ms
    if start is None:
        assert end is not None
        return end - default_ms, end
    if end is None:
        return start, start + default_ms
    if end < start or end - start > most_ms:
        raise Refusal(10001, "The time range between startTime and endTime is invalid")
    return start, end
