"""Real crashes as one tape: the falling stretches of March 2020, May 2021 and October 2025, minute by minute, each scaled to begin where
the one before it ends (`data/crashes/SOURCE.md`). From 116,000 it falls below 45,000; its mirror image rises above 300,000.

The pace is the market's own: nothing is pressed together, and nothing repeated. The hours before the first fall are history.
"""

from __future__ import annotations

import csv
from functools import cache
from itertools import pairwise
from pathlib import Path

from bot.simulator.tape import Bar, read_bars

__all__ = ["HISTORY_BARS", "MINUTE_MS", "START_PRICE", "a_crash", "write"]

MINUTE_MS = 60_000
START_PRICE = 116_000
HISTORY_BARS = 450
"""Bars before 12 March 2020, 10:30, where the fall begins."""
BEGINS_MS = 1_760_087_100_000 - HISTORY_BARS * MINUTE_MS
QUIET_BARS = 40


@cache
def a_crash(*, rising: bool = False) -> tuple[Bar, ...]:
    """Bar `HISTORY_BARS` opens at START_PRICE; a while without any movement ends it. `rising`: the mirror image."""
    bars: list[Bar] = []
    scale, close = START_PRICE * 10 / _stretches()[0][HISTORY_BARS].open, 0
    for stretch in _stretches():
        if bars:
            scale = close / stretch[0].open
        for bar in stretch:
            prices = [bar.open * scale, bar.high * scale, bar.low * scale, bar.close * scale]
            if rising:
                prices = [(START_PRICE * 10) ** 2 / price for price in (prices[0], prices[2], prices[1], prices[3])]
            bars.append(_bar(len(bars), *(round(price) for price in prices)))
        close = round(stretch[-1].close * scale)
    end = bars[-1].close
    return (*bars, *(_bar(len(bars) + more, end, end, end, end) for more in range(QUIET_BARS)))


def write(path: Path, bars: tuple[Bar, ...]) -> int:
    """Write bars as a file that `hedgelock simulate --tape` plays; returns the moment at which the fall begins."""
    with path.open("w", newline="", encoding="ascii") as stream:
        writer = csv.writer(stream)
        writer.writerow(("ts_ms", "open", "high", "low", "close", "volume"))
        for bar in bars:
            writer.writerow((bar.at_ms, *(price / 10 for price in bar[1:5]), bar.volume / 1000))
    return bars[HISTORY_BARS].at_ms


@cache
def _stretches() -> list[list[Bar]]:
    rows = read_bars(Path(__file__).parent / "data" / "crashes" / "btcusdt_spot_1m_crashes.binance.csv.gz")
    stretches = [[rows[0]]]
    for before, bar in pairwise(rows):
        if bar.at_ms - before.at_ms != MINUTE_MS:
            stretches.append([])
        stretches[-1].append(bar)
    return stretches


def _bar(number: int, opened: int, high: int, low: int, close: int) -> Bar:
    return Bar(BEGINS_MS + number * MINUTE_MS, opened, high, low, close, 50_000)
