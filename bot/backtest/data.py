"""History for a backtest: bars and funding from files, joined, checked, cut to a window, and made into the kernel's tape.

Knows where the sample lies. Files are read one after the other and only their needed columns are kept, so memory is that of the arrays
that are played. Begin at `load`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import numpy as np

from bot.backtest import formats, quality
from bot.backtest.book import Floats, Ints, Span, Tape
from bot.backtest.files import DataError, read
from bot.backtest.quality import Gap, moment

__all__ = [
    "DataError",
    "History",
    "Source",
    "Volatility",
    "cut",
    "load",
    "resampled",
    "sample_files",
    "span_of",
    "tape_of",
]

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that was read."""

    name: str
    kind: str
    rows: int
    first_ms: int
    last_ms: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Bars and funding as arrays, with what is known of their holes and their origin."""

    at_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    bar_ms: int
    settle_ms: Ints
    settle_rate: Floats
    settle_hours: Floats
    gaps: tuple[Gap, ...] = ()
    funding_gaps: tuple[Gap, ...] = ()
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def first_ms(self) -> int:
        return int(self.at_ms[0])

    @property
    def end_ms(self) -> int:
        return int(self.at_ms[-1]) + self.bar_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Volatility:
    """How sigma is read off the tape; as in the live engine where bars are short enough."""

    sampling_minutes: int = 5
    window_hours: float = 24.0
    least_hours: float = 6.0
    half_life_hours: float = 12.0


def sample_files() -> list[Path]:
    """The files that come with HedgeLock (sample/SOURCE.md tells their origin)."""
    folder = Path(str(package_files("bot.backtest") / "sample"))
    return sorted(folder.glob("*.parquet"))


def load(paths: Sequence[Path], *, flat_rate: float | None = None) -> History:
    """Read files of bars, trades and funding in any order. Raises DataError; `flat_rate` stands in where no funding is given."""
    bars: list[tuple[Source, Any]] = []
    funding: list[tuple[Source, Any]] = []
    for path in paths:
        layout, frame = read(path)
        if layout.kind == formats.TRADES:
            frame = _bars_of_trades(path.name, frame)
        quality.check_order(path.name, frame)
        if layout.kind != formats.FUNDING:
            quality.check_bars(path.name, frame)
        source = _source(path, layout.kind, frame)
        (funding if layout.kind == formats.FUNDING else bars).append((source, frame))
    if not bars:
        raise DataError("no bars among the files: " + ", ".join(path.name for path in paths))
    notes: list[str] = []
    joined, bar_ms = _join_bars(bars, notes)
    at_ms = joined["ts_ms"]
    settle_ms, rates, hours = _join_funding(funding, at_ms, flat_rate, notes)
    return History(
        at_ms=at_ms,
        **{name: joined[name] for name in _PRICES},
        bar_ms=bar_ms,
        settle_ms=settle_ms,
        settle_rate=rates,
        settle_hours=hours,
        gaps=quality.gaps_of(at_ms, bar_ms),
        funding_gaps=_funding_gaps(settle_ms, hours),
        sources=tuple(source for source, _ in (*bars, *funding)),
        notes=tuple(notes),
    )


def _source(path: Path, kind: str, frame: Any) -> Source:
    times = frame["ts_ms"]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Source(
        name=path.name, kind=kind, rows=frame.height, first_ms=int(times[0]), last_ms=int(times[-1]), sha256=digest
    )


def _bars_of_trades(name: str, frame: Any) -> Any:
    """Minute bars of a trade file; a minute without a trade has no bar."""
    from bot.backtest.extras import require

    polars = require("polars")
    bad = (frame["price"] <= 0).arg_true()
    if len(bad):
        raise DataError(f"{name}, row {frame['row'][bad[0]]}: a price is not positive")
    minutes = frame.sort("ts_ms", maintain_order=True).group_by(
        (polars.col("ts_ms") // MINUTE_MS * MINUTE_MS).alias("minute"), maintain_order=True
    )
    price = polars.col("price")
    return minutes.agg(
        price.first().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.last().alias("close"),
        polars.col("row").first(),
    ).rename({"minute": "ts_ms"})


def _join_bars(parts: list[tuple[Source, Any]], notes: list[str]) -> tuple[dict[str, Any], int]:
    """All bar files as one, oldest first. Equal bars in two files are taken once; unequal ones are an error with both names."""
    parts.sort(key=lambda part: part[0].first_ms)
    lengths = {source.name: quality.bar_length_ms(source.name, frame["ts_ms"].to_numpy()) for source, frame in parts}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name}: {length // MINUTE_MS} min" for name, length in lengths.items())
        raise DataError(f"the files hold bars of different lengths ({told}); give files of one length")
    columns = {name: parts[0][1][name].to_numpy() for name in ("ts_ms", *_PRICES)}
    before = parts[0][0]
    for source, frame in parts[1:]:
        fresh = {name: frame[name].to_numpy() for name in ("ts_ms", *_PRICES)}
        new = fresh["ts_ms"] > columns["ts_ms"][-1]
        if not new.all():
            _check_overlap(before, source, columns, fresh, ~new, frame)
            notes.append(f"{before.name} and {source.name} share {int((~new).sum())} equal bars, taken once")
        columns = {name: np.concatenate([columns[name], fresh[name][new]]) for name in columns}
        before = source
    return columns, next(iter(lengths.values()))


def _check_overlap(
    before: Source, source: Source, old: dict[str, Any], fresh: dict[str, Any], shared: Any, frame: Any
) -> None:
    places = np.searchsorted(old["ts_ms"], fresh["ts_ms"][shared])
    same_time = old["ts_ms"][np.minimum(places, len(old["ts_ms"]) - 1)] == fresh["ts_ms"][shared]
    same = same_time.copy()
    for name in _PRICES:
        same &= old[name][np.minimum(places, len(old[name]) - 1)] == fresh[name][shared]
    if not same.all():
        place = int(np.flatnonzero(shared)[int(np.argmin(same))])
        row, at = frame["row"][place], moment(int(fresh["ts_ms"][place]))
        raise DataError(f"{source.name}, row {row}: {at} overlaps {before.name}, and the bars differ")


def _join_funding(
    parts: list[tuple[Source, Any]], at_ms: Ints, flat_rate: float | None, notes: list[str]
) -> tuple[Ints, Floats, Floats]:
    """Settlements on whole minutes; equal ones in two files once. Without any, a flat rate each eight hours if one was asked for."""
    if not parts:
        if flat_rate is None:
            notes.append("no funding data: nothing is received or paid, and the strategy is told of a rate of zero")
        first = at_ms[0] // (8 * HOUR_MS) * 8 * HOUR_MS
        times = np.arange(first, at_ms[-1] + 8 * HOUR_MS, 8 * HOUR_MS, dtype=np.int64)
        if flat_rate is not None:
            notes.append(f"no funding data: {flat_rate:.4%} each eight hours stands in for it, as asked")
        return times, np.full(len(times), flat_rate or 0.0), np.full(len(times), 8.0)
    parts.sort(key=lambda part: part[0].first_ms)
    times, rates, hours = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    for source, frame in parts:
        fresh = np.round(frame["ts_ms"].to_numpy() / MINUTE_MS).astype(np.int64) * MINUTE_MS
        rate = frame["rate"].to_numpy()
        known = frame["hours"].to_numpy() if "hours" in frame.columns else np.full(len(fresh), np.nan)
        shared = np.isin(fresh, times)
        if shared.any():
            old = rates[np.searchsorted(times, fresh[shared])]
            if not np.allclose(old, rate[shared], rtol=0, atol=1e-12):
                place = int(np.flatnonzero(shared)[int(np.argmax(np.abs(old - rate[shared]) > 1e-12))])
                raise DataError(
                    f"{source.name}, row {frame['row'][place]}: the rate of {moment(int(fresh[place]))} differs from another file's"
                )
        order = np.argsort(np.concatenate([times, fresh[~shared]]), kind="stable")
        times = np.concatenate([times, fresh[~shared]])[order]
        rates, hours = np.concatenate([rates, rate[~shared]])[order], np.concatenate([hours, known[~shared]])[order]
    return times, rates, _with_hours(times, hours)


def _with_hours(times: Ints, hours: Floats) -> Floats:
    """The interval of each settlement: as the file says, else the time since the one before, at most eight hours."""
    since = np.minimum(np.diff(times, prepend=times[0] - 8 * HOUR_MS) / HOUR_MS, 8.0)
    return np.where(np.isnan(hours), since, hours)


def _funding_gaps(times: Ints, hours: Floats) -> tuple[Gap, ...]:
    steps = np.diff(times) / HOUR_MS
    return tuple(
        Gap(from_ms=int(times[i]), to_ms=int(times[i + 1]), missing=round(float(steps[i] / hours[i + 1])) - 1)
        for i in np.flatnonzero(steps > hours[1:] * 1.01)
    )


# Windows


def resampled(history: History, bar_ms: int) -> History:
    """Longer bars of the same history. A long bar of which a part is missing is made of what is there, and the hole stays in `gaps`."""
    if bar_ms == history.bar_ms:
        return history
    if bar_ms < history.bar_ms or bar_ms % history.bar_ms:
        raise DataError(f"bars of {history.bar_ms // MINUTE_MS} minutes cannot become bars of {bar_ms // MINUTE_MS}")
    group = history.at_ms // bar_ms * bar_ms
    first = np.flatnonzero(np.diff(group, prepend=-1))
    last = np.append(first[1:], len(group)) - 1
    return replace(
        history,
        at_ms=group[first],
        open=history.open[first],
        high=np.maximum.reduceat(history.high, first),
        low=np.minimum.reduceat(history.low, first),
        close=history.close[last],
        bar_ms=bar_ms,
    )


def cut(history: History, since_ms: int | None, until_ms: int | None) -> History:
    """The part of a history that opens at or after `since_ms` and before `until_ms`."""
    since, until = history.first_ms if since_ms is None else since_ms, history.end_ms if until_ms is None else until_ms
    keep = (history.at_ms >= since) & (history.at_ms < until)
    if not keep.any():
        raise DataError(
            f"no bars between {moment(since)} and {moment(until)}; the files hold {moment(history.first_ms)} to {moment(history.end_ms)}"
        )
    paid = (history.settle_ms >= since) & (history.settle_ms < until)
    inside: Callable[[Gap], bool] = lambda gap: gap.to_ms > since and gap.from_ms < until  # noqa: E731
    return replace(
        history,
        **{name: getattr(history, name)[keep] for name in ("at_ms", *_PRICES)},
        **{name: getattr(history, name)[paid] for name in ("settle_ms", "settle_rate", "settle_hours")},
        gaps=tuple(filter(inside, history.gaps)),
        funding_gaps=tuple(filter(inside, history.funding_gaps)),
    )


def tape_of(history: History, volatility: Volatility, normal_apr: float, engines: Any) -> Tape:
    """The kernel's arrays, with sigma per bar and the regime per settlement worked out."""
    sampling_ms = max(volatility.sampling_minutes * MINUTE_MS, history.bar_ms)
    window = max(2, round(volatility.window_hours * HOUR_MS / sampling_ms))
    least = max(1, round(volatility.least_hours * HOUR_MS / sampling_ms))
    contiguous = {name: np.ascontiguousarray(getattr(history, name), dtype=np.float64) for name in _PRICES}
    at_ms = np.ascontiguousarray(history.at_ms, dtype=np.int64)
    sigma = engines.sigma_series(
        at_ms, contiguous["close"], history.bar_ms, sampling_ms, window, least, volatility.half_life_hours * 60.0
    )
    target_sigma = engines.target_series(at_ms, contiguous["close"], history.bar_ms, sampling_ms, window, least)
    settle_ms = np.ascontiguousarray(history.settle_ms, dtype=np.int64)
    rates, hours = (
        np.ascontiguousarray(column, dtype=np.float64) for column in (history.settle_rate, history.settle_hours)
    )
    regimes = engines.funding_regimes(settle_ms, rates, hours, normal_apr)
    return Tape(
        at_ms,
        contiguous["open"],
        contiguous["high"],
        contiguous["low"],
        contiguous["close"],
        sigma,
        target_sigma,
        settle_ms,
        rates,
        hours,
        regimes,
        int(history.bar_ms),
    )


def span_of(tape: Tape, since_ms: int | None, until_ms: int | None) -> Span:
    """The bars that open in [since_ms, until_ms). Raises DataError when there are fewer than two."""
    first = 0 if since_ms is None else int(np.searchsorted(tape.at_ms, since_ms))
    last = len(tape.at_ms) if until_ms is None else int(np.searchsorted(tape.at_ms, until_ms))
    if last - first < 2:
        have = f"the data is {moment(int(tape.at_ms[0]))} to {moment(int(tape.at_ms[-1]) + tape.bar_ms)}"
        if 0 < first == last < len(tape.at_ms):
            have = f"it lies in a hole of the data, {moment(int(tape.at_ms[first - 1]) + tape.bar_ms)} to {moment(int(tape.at_ms[first]))}"
        raise DataError(
            f"the window {_or(since_ms)} to {_or(until_ms)} holds {max(0, last - first)} bars, two are the least; {have}"
        )
    return Span(first, last)


def _or(at_ms: int | None) -> str:
    return "the edge" if at_ms is None else moment(at_ms)
