"""Which file this is: the layouts of bars, funding and trades that are understood, told by the first line or the columns.

Ours: `ts_ms, open, high, low, close[, volume]` and `ts_ms, rate`. Bybit: rows of market/kline, the public kline archive (MetaTrader dates,
no header), the public trade archive. Binance: the public klines, fundingRate, trades and aggTrades archives, with and without header,
times in milliseconds or microseconds. A time may also be ISO 8601 text. Knows names of columns, not what makes a bar a good one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["BARS", "FUNDING", "TRADES", "Layout", "of_columns", "of_first_line"]

BARS, FUNDING, TRADES = "bars", "funding", "trades"

_TIMES = (
    "ts_ms", "open_time", "opentime", "timestamp", "time", "start", "starttime", "start_time", "date", "datetime", "calc_time",
    "fundingtime", "funding_time", "fundingratetimestamp", "transact_time",
)  # fmt: skip
_NAMES: Final = {
    "open": ("open", "openprice", "open_price"),
    "high": ("high", "highprice", "high_price"),
    "low": ("low", "lowprice", "low_price"),
    "close": ("close", "closeprice", "close_price"),
    "rate": ("rate", "last_funding_rate", "fundingrate", "funding_rate"),
    "hours": ("hours", "funding_interval_hours", "interval_hours"),
    "price": ("price",),
    "qty": ("qty", "quantity", "size", "amount", "volume"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How to read a file: its kind, whether its first line is a header, and where each of our columns stands (name or number)."""

    kind: str
    words: str
    header: bool
    columns: dict[str, str]
    names: tuple[str, ...] = ()
    """Column names to give a file without a header."""


def of_columns(columns: list[str]) -> Layout | None:
    """The layout of a file with named columns; None when they are not known."""
    by_lower = {name.strip().lower(): name for name in columns}
    time = next((by_lower[name] for name in _TIMES if name in by_lower), None)
    if time is None:
        return None
    found = {
        ours: by_lower[name] for ours, names in _NAMES.items() for name in names[:1] + names[1:] if name in by_lower
    }
    for kind, needed, extra in (
        (BARS, ("open", "high", "low", "close"), ()),
        (FUNDING, ("rate",), ("hours",)),
        (TRADES, ("price", "qty"), ()),
    ):
        if all(name in found for name in needed):
            wanted = {name: found[name] for name in (*needed, *extra) if name in found}
            return Layout(kind=kind, words=f"{kind} with named columns", header=True, columns={"time": time, **wanted})
    return None


def of_first_line(line: str) -> Layout | None:
    """The layout of a text file, by its first line; None when it is not known."""
    cells = [cell.strip().strip('"') for cell in line.strip().split(",")]
    if len(cells) < 2:
        return None
    if any(cell[:1].isalpha() and cell.lower() not in ("true", "false") for cell in cells):
        return of_columns(cells)
    count, flags = len(cells), [cell.lower() in ("true", "false") for cell in cells]
    if any(flags):
        if count in (7, 8) and flags[6]:
            return _numbered(TRADES, "Binance aggTrades", count, time=5, price=1, qty=2)
        if count in (6, 7) and flags[5]:
            return _numbered(TRADES, "Binance trades", count, time=4, price=1, qty=2)
        return None
    if count in (6, 7, 12):
        words = {6: "Bybit kline archive", 7: "Bybit market/kline rows", 12: "Binance klines"}[count]
        return _numbered(BARS, words, count, time=0, open=1, high=2, low=3, close=4)
    return None


def _numbered(kind: str, words: str, count: int, **places: int) -> Layout:
    names = tuple(f"c{place}" for place in range(count))
    columns = {ours: names[place] for ours, place in places.items()}
    return Layout(kind=kind, words=words, header=False, columns=columns, names=names)
