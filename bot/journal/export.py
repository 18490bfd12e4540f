"""The journal as tables for a spreadsheet or a notebook: one file per table, CSV or Parquet.

CSV needs nothing; Parquet needs polars, of the extra `backtest`. Tables are written under other names and renamed when all of them are
whole, so that nothing half-written is ever found.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

from bot.domain.commands import Decided
from bot.domain.errors import SetUp
from bot.domain.events import AccountRead, BarClosed, TickerSeen
from bot.journal import money, reports
from bot.journal.reader import JournalReader

__all__ = ["FORMATS", "export"]

FORMATS = ("csv", "parquet")

Row = dict[str, Any]
Write = Callable[[Path, Iterator[Row]], int]

_DIGITS, _PLACES = 38, 12
"""How a quantity is kept in Parquet: more places than any step of any venue."""


def export(journal: JournalReader, folder: Path, form: str, *, since_ms: int | None = None) -> dict[str, int]:
    """Write each table that has rows as `folder`/NAME.csv or .parquet and remove an older one that now has none.

    Returns rows by file name. Raises SetUp where the folder cannot be written or something needed is not installed; then what was there
    before is unchanged.
    """
    write: Write = _parquet_writer() if form == "parquet" else _write_csv
    counts: dict[str, int] = {}
    partials: dict[str, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows_of in _TABLES.items():
            file = f"{name}.{form}"
            partials[file] = folder / f".{file}.{os.getpid()}"
            counts[file] = write(partials[file], rows_of(journal, since_ms))
        for file, partial in partials.items():
            if counts[file]:
                partial.replace(folder / file)
            else:
                (folder / file).unlink(missing_ok=True)
    except OSError as error:
        raise SetUp(
            f"{folder} cannot be written: {error.strerror or error}", "Name another folder with --out"
        ) from error
    finally:
        for partial in partials.values():
            with suppress(OSError):
                partial.unlink(missing_ok=True)
    return {file: count for file, count in counts.items() if count}


def _write_csv(path: Path, rows: Iterator[Row]) -> int:
    """Unknown is an empty cell; numbers keep every digit they have in the journal."""
    first = next(rows, None)
    if first is None:
        return 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        count = 0
        for row in chain((first,), rows):
            writer.writerow(row)
            count += 1
    return count


def _parquet_writer() -> Write:
    try:
        import polars
    except ImportError:
        raise SetUp(
            "Parquet needs polars, which is not installed",
            "Install it in this environment: python -m pip install polars; or take --format csv",
        ) from None

    def write(path: Path, rows: Iterator[Row]) -> int:
        first = next(rows, None)
        if first is None:
            return 0
        columns: dict[str, list[Any]] = {name: [] for name in first}
        for row in chain((first,), rows):
            for name, column in columns.items():
                column.append(row[name])
        polars.DataFrame([_series(polars, name, column) for name, column in columns.items()]).write_parquet(path)
        return len(columns[next(iter(columns))])

    return write


def _series(polars: Any, name: str, values: list[Any]) -> Any:
    """A column with the one type its values have; Decimals stay exact, whole `..._ms` become moments in UTC."""
    kinds = {type(value) for value in values if value is not None}
    if kinds & {Decimal}:
        rounded = [None if value is None else round(Decimal(value), _PLACES) for value in values]
        return polars.Series(name, rounded, dtype=polars.Decimal(_DIGITS, _PLACES))
    if name.endswith("_ms") and kinds == {int}:
        return polars.Series(name, values, dtype=polars.Int64).cast(polars.Datetime("ms", "UTC")).alias(name[:-3])
    return polars.Series(name, values, dtype=polars.Float64 if float in kinds else None, strict=False)


def _orders(journal: JournalReader, since_ms: int | None) -> Iterator[Row]:
    yield from reports.orders(journal, since_ms=since_ms)


def _fills(journal: JournalReader, since_ms: int | None) -> Iterator[Row]:
    yield from reports.fills(journal, since_ms=since_ms)


def _notes(journal: JournalReader, since_ms: int | None) -> Iterator[Row]:
    yield from reports.notes(journal, since_ms=since_ms)


def _decisions(journal: JournalReader, since_ms: int | None) -> Iterator[Row]:
    """Each decision with all its inputs and stages; a column that only some decisions know is empty in the others."""
    details = [
        {f"in.{name}": value for name, value in decided.inputs.items()}
        | {f"{stage.name}.{what}": getattr(stage, what) for stage in decided.stages for what in ("value", "reason")}
        for _, decided in journal.of(Decided, since_ms=since_ms)
    ]
    blank: Row = dict.fromkeys(chain.from_iterable(details))
    for row, detail in zip(reports.decisions(journal, since_ms=since_ms), details, strict=False):
        yield row | blank | detail


def _bars(journal: JournalReader, since_ms: int | None) -> Iterator[Row]:
    for _, closed in journal.of(BarClosed, since_ms=since_ms):
        bar = closed.bar
        yield {
            "start_ms": bar.start_ms,
            "minutes": bar.minutes,
            "open": bar.open,
            "high": bar.high,
            "low": bar.low,
            "close": bar.close,
            "volume": bar.volume,
        }


def _prices(journal: JournalReader, since_ms: int | None) -> Iterator[Row]:
    for entry, ticker in journal.of(TickerSeen, since_ms=since_ms):
        yield {
            "at_ms": entry.at_ms,
            "last": ticker.last,
            "mark": ticker.mark,
            "index": ticker.index,
            "bid": ticker.bid,
            "ask": ticker.ask,
            "funding_rate": ticker.funding_rate,
            "next_funding_ms": ticker.next_funding_ms,
        }


def _accounts(journal: JournalReader, since_ms: int | None) -> Iterator[Row]:
    for entry, read in journal.of(AccountRead, since_ms=since_ms):
        wallet, long, short = read.reading.wallet, read.reading.long, read.reading.short
        btc, usdt = wallet.coin("BTC"), wallet.coin("USDT")
        yield {
            "at_ms": entry.at_ms,
            "long": long.qty,
            "short": short.qty,
            "btc_equity": btc.equity if btc else None,
            "usdt_equity": usdt.equity if usdt else None,
            "usdt_borrowed": usdt.borrowed if usdt else None,
            "total_equity": wallet.total_equity,
            "margin_balance": wallet.margin_balance,
            "maintenance_margin": wallet.maintenance_margin,
        }


def _payments(journal: JournalReader, since_ms: int | None) -> Iterator[Row]:
    yield from money.payments(journal, since_ms=since_ms)


def _cash(journal: JournalReader, since_ms: int | None) -> Iterator[Row]:
    yield from money.cash(journal, since_ms=since_ms)


_TABLES: dict[str, Callable[[JournalReader, int | None], Iterator[Row]]] = {
    "decisions": _decisions,
    "orders": _orders,
    "fills": _fills,
    "notes": _notes,
    "bars": _bars,
    "prices": _prices,
    "accounts": _accounts,
    "payments": _payments,
    "cash": _cash,
}
"""Prices and accounts reach back as far as they are kept (journal.keep_tickers_h); the others to the first day."""
