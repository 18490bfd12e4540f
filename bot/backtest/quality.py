"""Is this history sound: order, duplicates, impossible bars, the grid of times; and where it has holes.

A hole is reported and left open. Everything else stops the run with the file and the row. Nothing is ever filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bot.backtest.book import Ints
from bot.backtest.files import DataError

__all__ = ["Gap", "bar_length_ms", "check_bars", "check_order", "gaps_of", "moment"]

_MOST_JUMP = 3.0
"""A bar whose high is more than this many times its low is a defect, not a market."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A hole: the last moment covered before it, the first after it, how many bars (or settlements) are missing."""

    from_ms: int
    to_ms: int
    missing: int

    def __str__(self) -> str:
        return f"{moment(self.from_ms)} to {moment(self.to_ms)} ({self.missing} missing)"


def moment(at_ms: int) -> str:
    """A time for a person, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def check_order(name: str, frame: Any) -> None:
    """Strictly ascending times."""
    steps = np.diff(frame["ts_ms"].to_numpy())
    bad = np.flatnonzero(steps <= 0)
    if not len(bad):
        return
    place = int(bad[0]) + 1
    row, at = frame["row"][place], moment(frame["ts_ms"][place])
    if steps[place - 1] == 0:
        raise DataError(f"{name}, row {row}: {at} is there twice")
    raise DataError(
        f"{name}, row {row}: {at} comes after {moment(frame['ts_ms'][place - 1])}: the rows are not sorted by time"
    )


def check_bars(name: str, frame: Any) -> None:
    """low <= open, close <= high; low > 0; no bar beyond all measure."""
    o, h, low, c = (frame[column].to_numpy() for column in ("open", "high", "low", "close"))
    for what, bad in (
        ("a price is not positive", low <= 0),
        ("the low is above the open or the close", low > np.minimum(o, c)),
        ("the high is below the open or the close", h < np.maximum(o, c)),
        (f"the high is more than {_MOST_JUMP:g} times the low", h > _MOST_JUMP * low),
    ):
        if bad.any():
            place = int(np.argmax(bad))
            figures = f"open {o[place]:g}, high {h[place]:g}, low {low[place]:g}, close {c[place]:g}"
            raise DataError(f"{name}, row {frame['row'][place]} ({moment(frame['ts_ms'][place])}): {what}: {figures}")


def bar_length_ms(name: str, at_ms: Ints) -> int:
    """The length of a bar: the commonest step between two. Raises when times are off that grid."""
    if len(at_ms) < 2:
        raise DataError(f"{name}: one bar alone says nothing of its length; two at least are needed")
    steps, counts = np.unique(np.diff(at_ms), return_counts=True)
    length = int(steps[np.argmax(counts)])
    if length < 60_000 or length > 86_400_000 or length % 60_000:
        raise DataError(f"{name}: bars of {length / 60_000:g} minutes are not supported; one minute to one day are")
    off = np.flatnonzero(at_ms % length)
    if len(off):
        raise DataError(
            f"{name}, row {int(off[0]) + 1}: {moment(int(at_ms[off[0]]))} is off the grid of {length // 60_000} minutes"
        )
    return length


def gaps_of(at_ms: Ints, step_ms: int) -> tuple[Gap, ...]:
    """Where a step is longer than it should be."""
    steps = np.diff(at_ms)
    return tuple(
        Gap(from_ms=int(at_ms[i]) + step_ms, to_ms=int(at_ms[i + 1]), missing=int(steps[i] // step_ms) - 1)
        for i in np.flatnonzero(steps > step_ms)
    )
