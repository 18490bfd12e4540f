"""The tape: what the market did, as bars, and the ticks between them.

Knows bars, a seed and the rule that turns one into the other. Knows no account, no order, no socket and no clock: whoever plays
the tape says how far.

A bar becomes `bar_ms / tick_ms` ticks, evenly spaced, by this rule, from a random generator seeded by (seed, number of the bar) alone:

1. The first tick is the bar's open, the last its close. An up bar visits its low before its high, a down bar its high before its low; the
   visits fall at seeded places in the bar, in that order.
2. Between two of those points the price walks a Brownian bridge whose step is that of a Brownian motion with the bar's range
   (its expected range is 1.6 standard deviations), folded back at the bar's low and high and rounded to the grid of 0.1. So no
   tick leaves the bar, and the ticks give back open, high, low and close exactly.
3. The bar's volume is spread by seeded weights in lots of 0.001; its sum is exact.
4. Index and mark follow the last price at a small seeded basis, drawn once per bar and interpolated within it
   (index: perpetual about 4 bp below spot, as in 2025; mark: within a fraction of a basis point), rounded to 0.01.
5. The running funding rate goes in a straight line from the rate settled last to the rate settled next, one step per bar; the last
   tick before a settlement carries exactly the settled rate, the tick at the settlement none, the tick after it the first of the
   new interval.

When the sample ends the tape goes round: it returns by the largest whole number of days the sample holds (so times of day stay
true), and prices are scaled so that the first open of the new lap is the last close of the old one. Laps never end.
"""

from __future__ import annotations

import csv
import gzip
import math
import random
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from bot.simulator.venue import Tick

__all__ = [
    "DEFAULT_RATE",
    "DEFAULT_START_MS",
    "FUNDING_MS",
    "Bar",
    "Tape",
    "TapeError",
    "read_bars",
    "read_rates",
    "sample_bars",
    "sample_rates",
]

MINUTE_MS = 60_000
DAY_MS = 86_400_000
FUNDING_MS = 8 * 3_600_000
"""Settlements of the tape: 00:00, 08:00 and 16:00 UTC."""
DEFAULT_START_MS = 1_755_961_200_000
"""2025-08-23 15:00 UTC."""
DEFAULT_RATE = Decimal("0.0001")
"""Funding rate of a tape that brings none: Bybit's interest part, 0.01 % per eight hours."""

_SAMPLE_BARS = "btcusdt_perp_5m_2025-08-20_2025-10-12.bybit.csv.gz"
_SAMPLE_RATES = "btcusdt_funding_8h_2025-08-01_2025-10-12.bybit.csv.gz"
_INDEX_BASIS = (-4.4e-4, 1.2e-4)  # mean and deviation of perpetual / index - 1
_MARK_BASIS = (0.0, 0.3e-4)  # of mark / last - 1
_RANGE_PER_DEVIATION = 1.6


class TapeError(ValueError):
    """A tape that cannot be played; the message names the file and the row."""


class Bar(NamedTuple):
    """One bar in whole steps, so that sums and comparisons are exact."""

    at_ms: int  # opening time
    open: int  # prices in tenths of a dollar
    high: int
    low: int
    close: int
    volume: int  # thousandths of a BTC


@dataclass(frozen=True, slots=True)
class _Lap:
    """Which row of the sample bar `n` is, how far its time is moved and its price scaled."""

    row: int
    moved_ms: int
    scale: float


class Tape:
    """Bars played as ticks from `start_ms` on; what lies before is history.

    `start_ms` is a time of the sample; `shift_ms` moves the whole tape, so that market time = sample time + shift (a whole number of
    bars). `tick_ms` is the market time between ticks, a divisor of the bar's length that leaves at least four ticks to a bar.
    Raises TapeError when the start is not on the sample or nothing would be left to play.
    """

    def __init__(
        self,
        bars: Sequence[Bar],
        rates: Sequence[tuple[int, Decimal]] = (),
        *,
        seed: int = 1,
        start_ms: int | None = None,
        shift_ms: int = 0,
        tick_ms: int = 1000,
    ) -> None:
        if len(bars) < 2:
            raise TapeError("a tape needs two bars at least")
        self.seed, self.tick_ms, self.shift_ms = seed, tick_ms, shift_ms
        self.bar_ms = min(later.at_ms - earlier.at_ms for earlier, later in pairwise(bars))
        if tick_ms <= 0 or self.bar_ms % tick_ms or self.bar_ms // tick_ms < 4:
            raise TapeError(f"a tick of {tick_ms} ms does not divide a bar of {self.bar_ms} ms into four or more")
        if shift_ms % self.bar_ms:
            raise TapeError(f"a shift of {shift_ms} ms is not a whole number of bars")
        self._bars = tuple(bars)
        self._times = [bar.at_ms for bar in bars]
        start_ms = bars[0].at_ms if start_ms is None else start_ms
        if not self._times[0] <= start_ms <= self._times[-1]:
            first, last, start = map(_moment, (self._times[0], self._times[-1], start_ms))
            raise TapeError(f"the tape is from {first} to {last} UTC: it cannot begin at {start}")
        self._first = bisect_left(self._times, start_ms)
        self._lap_row = self._lap_begin()
        self._rates = tuple(rates)
        self._first_rate = bisect_left([at_ms for at_ms, _ in rates], self._times[self._first] + 1)
        self._next: Iterator[Tick] | None = None
        self._waiting: Tick | None = None

    @property
    def start_ms(self) -> int:
        """Market time of the first tick."""
        return self._times[self._first] + self.shift_ms

    @property
    def first_bar(self) -> int:
        """Number of the bar the tape starts with; the bars of smaller numbers are history."""
        return self._first

    def bar(self, number: int) -> Bar:
        """Bar `number` (0 = first of the sample, without an upper end) in market time, its lap's scale applied."""
        lap = self._lap(number)
        raw = self._bars[lap.row]
        open_, high, low, close = (round(price * lap.scale) for price in raw[1:5])
        return Bar(raw.at_ms + lap.moved_ms + self.shift_ms, open_, high, low, close, raw.volume)

    def history(self) -> list[Bar]:
        """The bars before the start, oldest first."""
        return [self.bar(number) for number in range(self._first)]

    def bar_ticks(self, number: int) -> list[Tick]:
        """The ticks of bar `number`: a function of the seed and that number only."""
        bar = self.bar(number)
        count = self.bar_ms // self.tick_ms
        rng = random.Random(f"{self.seed}/{number}")
        path = price_path(bar, count, rng)
        volumes = _shares(bar.volume, count, rng)
        rates = self._running_rates(bar.at_ms, count)
        index_a, index_b = (
            self._basis(number, "index", _INDEX_BASIS),
            self._basis(number + 1, "index", _INDEX_BASIS),
        )
        mark_a, mark_b = (
            self._basis(number, "mark", _MARK_BASIS),
            self._basis(number + 1, "mark", _MARK_BASIS),
        )
        ticks = []
        for i, price in enumerate(path):
            part = i / count
            ticks.append(
                Tick(
                    at_ms=bar.at_ms + i * self.tick_ms,
                    last=Decimal(price).scaleb(-1),
                    index=Decimal(round(price * 10 / (1 + index_a + (index_b - index_a) * part))).scaleb(-2),
                    mark=Decimal(round(price * 10 * (1 + mark_a + (mark_b - mark_a) * part))).scaleb(-2),
                    volume=Decimal(volumes[i]).scaleb(-3),
                    funding_rate=rates.get(i),
                )
            )
        return ticks

    def minutes(self, number: int) -> list[Bar]:
        """The one-minute bars that the ticks of bar `number` make, without making the ticks."""
        bar = self.bar(number)
        count = self.bar_ms // self.tick_ms
        rng = random.Random(f"{self.seed}/{number}")
        path = price_path(bar, count, rng)
        volumes = _shares(bar.volume, count, rng)
        per = max(1, MINUTE_MS // self.tick_ms)
        parts = [(at, path[at : at + per], volumes[at : at + per]) for at in range(0, count, per)]
        return [
            Bar(bar.at_ms + at * self.tick_ms, prices[0], max(prices), min(prices), prices[-1], sum(lots))
            for at, prices, lots in parts
        ]

    def basis(self, number: int) -> tuple[float, float]:
        """(index, mark) as multiples of the last price at the opening of bar `number`."""
        index, mark = self._basis(number, "index", _INDEX_BASIS), self._basis(number, "mark", _MARK_BASIS)
        return 1 / (1 + index), 1 + mark

    def ticks(self) -> Iterator[Tick]:
        """Every tick from the start on, without end."""
        number = self._first
        while True:
            yield from self.bar_ticks(number)
            number += 1

    def due(self, until_ms: int) -> Iterator[Tick]:
        """The ticks up to `until_ms` that were not handed out yet, in order."""
        if self._next is None:
            self._next = self.ticks()
        while True:
            if self._waiting is None:
                self._waiting = next(self._next)
            if self._waiting.at_ms > until_ms:
                return
            tick, self._waiting = self._waiting, None
            yield tick

    def next_at_ms(self) -> int:
        """Market time of the next tick `due` will hand out."""
        if self._next is None:
            self._next = self.ticks()
        if self._waiting is None:
            self._waiting = next(self._next)
        return self._waiting.at_ms

    def settled_rates(self) -> list[tuple[int, Decimal]]:
        """(settlement time, rate) of the settlements at or before the start, oldest first; at most the last two hundred."""
        first = self.start_ms // FUNDING_MS
        known = min(self._first_rate, 200) if self._rates else min(200, len(self._bars))
        return [((first - back) * FUNDING_MS, self._rate(-1 - back)) for back in reversed(range(known))]

    def running_rate(self, at_ms: int) -> Decimal:
        """The rate predicted at market time `at_ms` for the next settlement."""
        interval, into = divmod(at_ms, FUNDING_MS)
        place = interval - self.start_ms // FUNDING_MS
        last, coming = self._rate(place - 1), self._rate(place)
        return (last + (coming - last) * into / FUNDING_MS).quantize(Decimal("1e-8"))

    # -- laps ---------------------------------------------------------------------------------------------------------------------------

    @property
    def _end_ms(self) -> int:
        return self._times[-1] + self.bar_ms

    def _lap_begin(self) -> int:
        days = (self._end_ms - self._times[0]) // DAY_MS
        return bisect_left(self._times, self._end_ms - days * DAY_MS) if days else 0

    def _lap(self, number: int) -> _Lap:
        if number < len(self._bars):
            return _Lap(number, 0, 1.0)
        length = len(self._bars) - self._lap_row
        laps, into = divmod(number - self._lap_row, length)
        lap_ms = self._end_ms - self._times[self._lap_row]
        growth = self._bars[-1].close / self._bars[self._lap_row].open
        return _Lap(self._lap_row + into, laps * lap_ms, growth**laps)

    # -- funding ------------------------------------------------------------------------------------------------------------------------

    def _rate(self, place: int) -> Decimal:
        """Rate of the settlement `place` intervals after the first one to come (negative = already settled)."""
        if not self._rates:
            return DEFAULT_RATE
        row = self._first_rate + place
        if row >= len(self._rates):
            lap = max(1, (self._end_ms - self._times[self._lap_row]) // FUNDING_MS)
            row = len(self._rates) - min(lap, len(self._rates)) + (row - len(self._rates)) % min(lap, len(self._rates))
        return self._rates[max(0, row)][1]

    def _running_rates(self, bar_at_ms: int, count: int) -> dict[int, Decimal]:
        settles_now = bar_at_ms % FUNDING_MS == 0 and bar_at_ms != self.start_ms
        rates = {1 if settles_now else 0: self.running_rate(bar_at_ms)}
        end_ms = bar_at_ms + self.bar_ms
        settlement_ms = end_ms // FUNDING_MS * FUNDING_MS
        if settlement_ms > bar_at_ms:
            last_before = (settlement_ms - 1 - bar_at_ms) // self.tick_ms
            rates[last_before] = self._rate(settlement_ms // FUNDING_MS - 1 - self.start_ms // FUNDING_MS)
        return rates

    def _basis(self, number: int, name: str, law: tuple[float, float]) -> float:
        return random.Random(f"{self.seed}/{name}/{number}").gauss(*law)


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def price_path(bar: Bar, count: int, rng: random.Random) -> list[int]:
    """`count` (at least 4) prices that begin at the open, end at the close, touch high and low and never leave them."""
    first, second = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
    visit = rng.randrange(1, count - 2)
    again = rng.randrange(visit + 1, count - 1)
    step = (bar.high - bar.low) / _RANGE_PER_DEVIATION / math.sqrt(count)
    path = [bar.open]
    for goal, at in ((first, visit), (second, again), (bar.close, count - 1)):
        path.extend(_bridge(path[-1], goal, at + 1 - len(path), step, bar, rng))
    return path


def _bridge(start: int, goal: int, steps: int, deviation: float, bar: Bar, rng: random.Random) -> Iterator[int]:
    """`steps` prices after `start`, the last of them `goal`: a Brownian bridge folded into the bar."""
    price = float(start)
    for left in range(steps, 1, -1):
        price += (goal - price) / left + deviation * math.sqrt((left - 1) / left) * rng.gauss(0.0, 1.0)
        if price > bar.high:
            price = max(float(bar.low), 2 * bar.high - price)
        elif price < bar.low:
            price = min(float(bar.high), 2 * bar.low - price)
        yield round(price)
    yield goal


def _shares(total: int, count: int, rng: random.Random) -> list[int]:
    """`total` in `count` whole parts of seeded, uneven size."""
    weights = [rng.expovariate(1.0) for _ in range(count)]
    scale = total / sum(weights)
    shares, spent, owed = [], 0, 0.0
    for weight in weights[:-1]:
        owed += weight * scale
        part = min(int(owed) - spent, total - spent)
        shares.append(part)
        spent += part
    return [*shares, total - spent]


# -- files ------------------------------------------------------------------------------------------------------------------------------


@cache
def sample_bars() -> tuple[Bar, ...]:
    """The bars that come with HedgeLock (see data/SOURCE.md)."""
    return tuple(read_bars(Path(str(files("bot.simulator") / "data" / _SAMPLE_BARS))))


@cache
def sample_rates() -> tuple[tuple[int, Decimal], ...]:
    """The settled funding rates that come with HedgeLock."""
    return tuple(read_rates(Path(str(files("bot.simulator") / "data" / _SAMPLE_RATES))))


def read_bars(path: Path) -> list[Bar]:
    """Bars of a CSV file (gzip when its name ends in .gz) with the columns ts_ms, open, high, low, close, volume, oldest first.

    Prices are rounded to 0.1 and volumes to 0.001. Raises TapeError on a row that is not a bar or not later than the one before it.
    """
    bars: list[Bar] = []
    for line, row in _rows(path, ("ts_ms", "open", "high", "low", "close", "volume")):
        open_, high, low, close = (round(_number(path, line, text) * 10) for text in row[1:5])
        bar = Bar(int(row[0]), open_, high, low, close, round(_number(path, line, row[5]) * 1000))
        sane = 0 < bar.low <= min(bar.open, bar.close) and bar.high >= max(bar.open, bar.close) and bar.volume >= 0
        if not sane or (bars and bar.at_ms <= bars[-1].at_ms):
            raise TapeError(f"{path.name}, line {line}: not a bar after the one before it: {','.join(row)}")
        bars.append(bar)
    return bars


def read_rates(path: Path) -> list[tuple[int, Decimal]]:
    """Settled rates of a CSV file with the columns ts_ms, rate, oldest first."""
    return [(int(row[0]), _number(path, line, row[1])) for line, row in _rows(path, ("ts_ms", "rate"))]


def _rows(path: Path, columns: tuple[str, ...]) -> Iterable[tuple[int, list[str]]]:
    try:
        yield from _texts(path, columns)
    except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError) as error:
        raise TapeError(f"{path.name} is no table of {','.join(columns)}: {error}") from None


def _texts(path: Path, columns: tuple[str, ...]) -> Iterable[tuple[int, list[str]]]:
    open_text = gzip.open if path.suffix == ".gz" else Path.open
    with open_text(path, "rt", encoding="ascii", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader, [])
        if tuple(header) != columns:
            raise TapeError(f"{path.name}: columns are {','.join(header)}, expected {','.join(columns)}")
        for row in reader:
            if len(row) != len(columns) or not row[0].isdigit():
                raise TapeError(
                    f"{path.name}, line {reader.line_num}: not a row of {','.join(columns)}: {','.join(row)}"
                )
            yield reader.line_num, row


def _number(path: Path, line: int, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise TapeError(f"{path.name}, line {line}: {text!r} is not a number") from error
    if not number.is_finite():
        raise TapeError(f"{path.name}, line {line}: {text!r} is not a finite number")
    return number
