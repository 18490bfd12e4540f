"""From files to columns: Parquet, CSV, gzip and zip, one file at a time and only the columns that count; times become UTC milliseconds.

Raises DataError with the file's name and, where there is one, the row. Knows no market.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

from bot.backtest import formats
from bot.backtest.extras import require

__all__ = ["DataError", "read"]

_SECONDS_BELOW, _MILLIS_BELOW, _MICROS_BELOW = 10**11, 10**14, 10**17
_DATES = ("%Y.%m.%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


class DataError(ValueError):
    """Data that cannot be used; the message names the file and the row."""


def read(path: Path) -> tuple[formats.Layout, Any]:
    """(layout, frame) of a file: `ts_ms` as int64, the layout's other columns as float64, `row` counted from 1 without the header."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    if path.stat().st_size == 0:
        raise DataError(f"{path.name}: the file is empty")
    polars = require("polars")
    if path.suffix == ".parquet":
        layout, lazy = _parquet(polars, path)
    else:
        layout, lazy = _text(polars, path)
    picked = [polars.col(theirs).alias(ours) for ours, theirs in layout.columns.items()]
    try:
        frame = lazy.select(picked).with_row_index("row", offset=1).collect()
    except (polars.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path.name}: cannot be read: {_first_line(error)}") from None
    if not frame.height:
        raise DataError(f"{path.name}: holds no rows")
    return layout, _typed(polars, path, frame)


def _parquet(polars: Any, path: Path) -> tuple[formats.Layout, Any]:
    try:
        lazy = polars.scan_parquet(path)
        columns = lazy.collect_schema().names()
    except (polars.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path.name}: is no whole Parquet file: {_first_line(error)}") from None
    layout = formats.of_columns(columns)
    if layout is None:
        raise DataError(f"{path.name}: {_unknown(columns)}")
    return layout, lazy


def _text(polars: Any, path: Path) -> tuple[formats.Layout, Any]:
    source: Any = path
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                members = [name for name in archive.namelist() if name.endswith(".csv")]
                if len(members) != 1:
                    raise DataError(f"{path.name}: holds {len(members)} CSV files, expected one")
                source = archive.read(members[0])
        elif path.suffix == ".gz":
            with gzip.open(path) as packed:
                source = packed.read()
        head = io.BytesIO(source) if isinstance(source, bytes) else path.open("rb")
        with head as stream:
            first = stream.readline().decode("utf-8-sig", errors="replace")
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name}: cannot be unpacked: {_first_line(error)}") from None
    layout = formats.of_first_line(first)
    if layout is None:
        raise DataError(f"{path.name}, row 1: {_unknown(first.strip().split(','))}")
    names = {} if layout.header else {"new_columns": list(layout.names)}
    scan = (
        polars.scan_csv
        if not isinstance(source, bytes)
        else lambda data, **how: polars.scan_csv(io.BytesIO(data), **how)
    )
    return layout, scan(source, has_header=layout.header, infer_schema=False, **names)


def _unknown(columns: list[str]) -> str:
    shown = ", ".join(column.strip() for column in columns[:12])
    return (
        f"the columns ({shown}) are none that are known: bars need a time, open, high, low, close; "
        "funding a time and a rate; trades a time, price and quantity"
    )


def _typed(polars: Any, path: Path, frame: Any) -> Any:
    """Times to UTC milliseconds, everything else to floats; a cell that is neither is an error with its row."""
    out = frame.select(polars.col("row"), _times(polars, path, frame))
    for name in frame.columns:
        if name in ("row", "time"):
            continue
        column = frame[name]
        number = column.cast(polars.Float64, strict=False)
        bad = (number.is_null() | number.is_nan() | number.is_infinite()).arg_true()
        if len(bad):
            place = bad[0]
            raise DataError(f"{path.name}, row {frame['row'][place]}: {name} is {_shown(column[place])}, not a number")
        out = out.with_columns(number.alias(name))
    return out


def _times(polars: Any, path: Path, frame: Any) -> Any:
    column = frame["time"]
    if column.dtype.is_temporal():
        if getattr(column.dtype, "time_zone", None) not in (None, "UTC"):
            column = column.dt.convert_time_zone("UTC")
        return column.dt.cast_time_unit("ms").cast(polars.Int64).alias("ts_ms")
    number = column.cast(polars.Float64, strict=False)
    if number.null_count() == 0:
        return _of_numbers(polars, path, frame, number)
    if number.null_count() < len(number):
        place = number.is_null().arg_true()[0]
        raise DataError(
            f"{path.name}, row {frame['row'][place]}: {_shown(column[place])} is not a time like the others"
        )
    return _of_texts(polars, path, frame, column)


def _of_numbers(polars: Any, path: Path, frame: Any, number: Any) -> Any:
    """Seconds, milliseconds or microseconds by their size; a file that mixes them is refused."""
    scale = None
    for below, factor in ((_SECONDS_BELOW, 1000.0), (_MILLIS_BELOW, 1.0), (_MICROS_BELOW, 0.001)):
        if number[0] < below:
            scale = (below, factor)
            break
    if scale is None or not number[0] >= 0:
        raise DataError(f"{path.name}, row 1: {_shown(frame['time'][0])} is not a time")
    below, factor = scale
    other = ((number >= below) | (number < below / 1000)).arg_true()
    if len(other):
        place = other[0]
        raise DataError(
            f"{path.name}, row {frame['row'][place]}: the time {_shown(frame['time'][place])} has another unit than the rows before it"
        )
    return (number * factor).round(0).cast(polars.Int64).alias("ts_ms")


def _of_texts(polars: Any, path: Path, frame: Any, column: Any) -> Any:
    """ISO 8601 or MetaTrader text; all rows with an offset, or all without one (then UTC)."""
    zoned = column.str.contains(r"(Z|[+-]\d\d:?\d\d)$")
    if zoned.any() and not zoned.all():
        place = (zoned != zoned[0]).arg_true()[0]
        raise DataError(
            f"{path.name}, row {frame['row'][place]}: {_shown(column[place])}: times with and without a time zone are mixed"
        )
    if zoned.all():
        moments = column.str.replace(r"Z$", "+0000").str.replace(r"([+-]\d\d):(\d\d)$", "$1$2").str.replace("T", " ")
        parsed = moments.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", strict=False, time_unit="ms", time_zone="UTC")
    else:
        parsed = None
        for form in _DATES:
            parsed = column.str.to_datetime(form, strict=False, time_unit="ms")
            if parsed.null_count() < len(parsed):
                break
    assert parsed is not None
    bad = parsed.is_null().arg_true()
    if len(bad):
        raise DataError(f"{path.name}, row {frame['row'][bad[0]]}: {_shown(column[bad[0]])} is not a time")
    return parsed.cast(polars.Int64).alias("ts_ms")


def _shown(cell: object) -> str:
    return "empty" if cell is None else repr(cell)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
