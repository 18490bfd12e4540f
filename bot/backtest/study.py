"""Many runs and what they say together: rolling windows, policies side by side, on every core.

The kernel releases the GIL, so threads share one tape. Knows no terminal and no file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bot.backtest import book as b
from bot.backtest.compiled import Engines
from bot.backtest.data import DataError
from bot.backtest.outcome import Outcome, figures_of_merit, play
from bot.backtest.policies import Plan
from bot.backtest.quality import moment

__all__ = ["Summary", "play_all", "play_windows", "rebased", "summarise", "windows"]

DAY_MS = 86_400_000


def rebased(tape: b.Tape, span: b.Span, price: float, *, history: int = 0) -> tuple[b.Tape, b.Span]:
    """The span and `history` bars before it, scaled so that it opens at `price`: the same moves, from where somebody stands today."""
    begins = max(0, span.first - history)
    part = slice(begins, span.last)
    factor = price / float(tape.open[span.first])
    o, h, low, c = (
        np.ascontiguousarray(column[part] * factor) for column in (tape.open, tape.high, tape.low, tape.close)
    )
    return tape._replace(
        at_ms=np.ascontiguousarray(tape.at_ms[part]),
        open=o,
        high=h,
        low=low,
        close=c,
        sigma=np.ascontiguousarray(tape.sigma[part]),
        target_sigma=np.ascontiguousarray(tape.target_sigma[part]),
    ), b.Span(span.first - begins, span.last - begins)


def windows(
    tape: b.Tape,
    *,
    days: int = 365,
    since_ms: int | None = None,
    until_ms: int | None = None,
    least_share: float = 0.75,
) -> list[b.Span]:
    """One window for each first of a month that `days` of data follow; one with less than `least_share` of its bars is none.

    Windows lie whole between `since_ms` and `until_ms`. Raises DataError when there is none.
    """
    begin = int(tape.at_ms[0]) if since_ms is None else max(since_ms, int(tape.at_ms[0]))
    finish = int(tape.at_ms[-1]) + tape.bar_ms
    finish = finish if until_ms is None else min(until_ms, finish)
    spans = []
    for start in _month_starts(begin, finish):
        end = start + days * DAY_MS
        if end > finish:
            break
        first, last = int(np.searchsorted(tape.at_ms, start)), int(np.searchsorted(tape.at_ms, end))
        if last - first >= least_share * (end - start) / tape.bar_ms:
            spans.append(b.Span(first, last))
    if not spans:
        raise DataError(f"the data holds no whole window of {days} days between {moment(begin)} and {moment(finish)}")
    return spans


def _month_starts(first_ms: int, last_ms: int) -> Iterator[int]:
    moment = datetime.fromtimestamp(first_ms / 1000, UTC)
    year, month = moment.year, moment.month
    while True:
        start = int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
        if start > last_ms:
            return
        if start >= first_ms:
            yield start
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def play_all(
    jobs: Iterable[Callable[[], Any]], *, threads: int | None = None, done: Callable[[], None] = lambda: None
) -> list[Any]:
    """Run jobs on every core and return their results in order; `done` is called after each."""
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        results = []
        for result in pool.map(lambda job: job(), jobs):
            results.append(result)
            done()
        return results


def play_windows(
    engines: Engines,
    tape: b.Tape,
    spans: Sequence[b.Span],
    plans: Sequence[Plan],
    opening: b.Opening,
    price: float,
    *,
    done: Callable[[], None] = lambda: None,
) -> dict[str, list[Outcome]]:
    """Each plan over each window, every window beginning at the same price with the same book."""

    def job(span: b.Span) -> Callable[[], list[Outcome]]:
        def run() -> list[Outcome]:
            part, whole = rebased(tape, span, price)
            return [play(engines, part, whole, opening, plan, log_rows=0) for plan in plans]

        return run

    rows = play_all([job(span) for span in spans], done=done)
    return {plan.name: [row[place] for row in rows] for place, plan in enumerate(plans)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One policy over many windows; shares and ratios as decimals, cost in USDT a year."""

    name: str
    windows: int
    ltv_65: float
    """Share of windows in which LTV reached 65 % at some tick."""
    ltv_85: float
    dead: float
    ratio_p5: float
    ratio_median: float
    ratio_p95: float
    worst_drawdown: float
    cost_per_year: float
    variance_removed: float
    carry_cover: float


def summarise(name: str, outcomes: Sequence[Outcome]) -> Summary:
    """The row of the table."""
    merits = [figures_of_merit(outcome) for outcome in outcomes]
    ratios = np.array([merit["equity_ratio"] for merit in merits])
    effects = [merit["effectiveness"] for merit in merits if not math.isnan(merit["effectiveness"])]
    carries = [merit["carry_cover"] for merit in merits if not math.isnan(merit["carry_cover"])]
    reached = np.array([merit["max_ltv"] for merit in merits])
    dead = np.array([not merit["survived"] for merit in merits])
    return Summary(
        name=name,
        windows=len(outcomes),
        ltv_65=float(np.mean(dead | (reached >= 0.65))),
        ltv_85=float(np.mean(dead | (reached >= 0.85))),
        dead=float(np.mean(dead)),
        ratio_p5=float(np.quantile(ratios, 0.05)),
        ratio_median=float(np.median(ratios)),
        ratio_p95=float(np.quantile(ratios, 0.95)),
        worst_drawdown=max(merit["return_max_drawdown"] for merit in merits),
        cost_per_year=float(np.mean([merit["cost_per_year_usdt"] for merit in merits])),
        variance_removed=float(np.median(effects)) if effects else math.nan,
        carry_cover=float(np.median(carries)) if carries else math.nan,
    )
