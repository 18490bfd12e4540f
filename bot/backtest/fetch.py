"""History from Bybit itself, over ccxt: bars and settled funding, a file a month, resumable; then a report of what is missing.

A month is written whole or not at all, so a download that was stopped goes on with the first month that is not there. Needs the internet
and no keys. A bar that is still forming is never written.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.backtest import quality
from bot.backtest.extras import require
from bot.backtest.files import DataError
from bot.backtest.quality import Gap, moment

__all__ = ["CATEGORIES", "INTERVALS", "Month", "bars_of", "bybit", "funding_of", "months"]

MINUTE_MS = 60_000
INTERVALS = {
    1: "1",
    3: "3",
    5: "5",
    15: "15",
    30: "30",
    60: "60",
    120: "120",
    240: "240",
    360: "360",
    720: "720",
    1440: "D",
}
"""Minutes and Bybit's word for them (Bybit: market/kline)."""
CATEGORIES = ("linear", "spot")
_BARS_A_CALL, _RATES_A_CALL = 1000, 200

Ask = Callable[[str, dict[str, object]], list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A file's worth of time."""

    since_ms: int
    until_ms: int

    @property
    def name(self) -> str:
        return datetime.fromtimestamp(self.since_ms / 1000, UTC).strftime("%Y-%m")


def months(since_ms: int, until_ms: int) -> Iterator[Month]:
    """The calendar months between two moments, the first and last of them cut."""
    at_ms = since_ms
    while at_ms < until_ms:
        day = datetime.fromtimestamp(at_ms / 1000, UTC)
        year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
        end_ms = int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
        yield Month(since_ms=at_ms, until_ms=min(end_ms, until_ms))
        at_ms = end_ms


def bybit(url: str | None = None) -> Ask:
    """How Bybit is asked: path and parameters to rows. `url`: another host that speaks the same (a simulator). Keeps its pace, and tries
    thrice what the network lost. Raises DataError."""
    ccxt = require("ccxt")
    exchange = ccxt.bybit({"enableRateLimit": url is None, "timeout": 20_000, "options": {"maxRetriesOnFailure": 3}})
    if url is not None:
        exchange.urls["api"] = {
            name: url if isinstance(value, str) else value for name, value in exchange.urls["api"].items()
        }
    calls = {
        "/v5/market/kline": exchange.public_get_v5_market_kline,
        "/v5/market/funding/history": exchange.public_get_v5_market_funding_history,
    }

    def ask(path: str, params: dict[str, object]) -> list[Any]:
        try:
            rows: list[Any] = calls[path](params)["result"]["list"]
        except ccxt.BaseError as error:
            said = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
            raise DataError(f"Bybit did not answer {path}: {said}") from None
        return rows

    return ask


def bars_of(
    ask: Ask,
    folder: Path,
    *,
    symbol: str,
    category: str,
    minutes: int,
    since_ms: int,
    until_ms: int,
    done: Callable[[], None] = lambda: None,
) -> tuple[list[Path], list[Gap]]:
    """Bars between two moments, a file a month; the files (also those that were there) and the holes in them."""
    step_ms = minutes * MINUTE_MS
    until_ms = until_ms // step_ms * step_ms

    def rows(month: Month) -> list[list[str]]:
        found: dict[int, list[str]] = {}
        at_ms = month.since_ms
        while at_ms < month.until_ms:
            last_ms = min(month.until_ms, at_ms + _BARS_A_CALL * step_ms) - 1
            params = {
                "category": category,
                "symbol": symbol,
                "interval": INTERVALS[minutes],
                "start": at_ms,
                "end": last_ms,
                "limit": _BARS_A_CALL,
            }
            for row in ask("/v5/market/kline", params):
                if month.since_ms <= int(row[0]) < month.until_ms:
                    found[int(row[0])] = [str(cell) for cell in row[:6]]
            at_ms = last_ms + 1
        return [found[key] for key in sorted(found)]

    name = f"{symbol.lower()}_{category}_{minutes}m"
    head = ["ts_ms", "open", "high", "low", "close", "volume"]
    files = _by_month(folder, name, head, rows, since_ms, until_ms, done)
    return files, _holes(files, step_ms)


def funding_of(
    ask: Ask, folder: Path, *, symbol: str, since_ms: int, until_ms: int, done: Callable[[], None] = lambda: None
) -> list[Path]:
    """Settled rates between two moments, a file a month."""

    def rows(month: Month) -> list[list[str]]:
        found: dict[int, list[str]] = {}
        until = month.until_ms - 1
        while until >= month.since_ms:
            params = {
                "category": "linear",
                "symbol": symbol,
                "startTime": month.since_ms,
                "endTime": until,
                "limit": _RATES_A_CALL,
            }
            fresh = {
                int(row["fundingRateTimestamp"]): str(row["fundingRate"])
                for row in ask("/v5/market/funding/history", params)
            }
            fresh = {at_ms: rate for at_ms, rate in fresh.items() if month.since_ms <= at_ms <= until}
            if not fresh:
                break
            found |= {at_ms: [str(at_ms), rate] for at_ms, rate in fresh.items()}
            if len(fresh) < _RATES_A_CALL:
                break
            until = min(fresh) - 1
        return [found[key] for key in sorted(found)]

    return _by_month(folder, f"{symbol.lower()}_funding", ["ts_ms", "rate"], rows, since_ms, until_ms, done)


def _by_month(
    folder: Path,
    name: str,
    head: list[str],
    rows: Callable[[Month], list[list[str]]],
    since_ms: int,
    until_ms: int,
    done: Callable[[], None],
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for month in months(since_ms, until_ms):
        path = folder / f"{name}_{month.name}.csv"
        if not path.is_file() or _ends_early(path, month):
            found = rows(month)
            if found:
                _write(path, head, found)
        if path.is_file():
            files.append(path)
        done()
    if not files:
        raise DataError(f"Bybit has nothing of {name} between {moment(since_ms)} and {moment(until_ms)}")
    return files


def _ends_early(path: Path, month: Month) -> bool:
    """A month that was fetched while it ran holds less than is there by now."""
    last_line = path.read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
    at = last_line.partition(",")[0]
    slack_ms = 86_400_000
    return not at.isdigit() or int(at) < month.until_ms - slack_ms


def _write(path: Path, head: list[str], rows: list[list[str]]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([head, *rows])
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _holes(files: list[Path], step_ms: int) -> list[Gap]:
    numpy = require("numpy")
    times: list[int] = []
    for path in files:
        with path.open(encoding="utf-8") as stream:
            times += [int(row[0]) for row in list(csv.reader(stream))[1:]]
    return list(quality.gaps_of(numpy.array(sorted(set(times)), dtype=numpy.int64), step_ms))
