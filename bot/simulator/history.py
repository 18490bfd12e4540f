"""What the market has done so far: candles of any interval, the day's figures, the last trades.

Knows the tape's bars before the start and every tick played since (also ticks that a fault bent: this is what the venue showed). Knows no
order and no socket. All times are market time.

Candles before the start come from the tape's bars; their mark and index stand at the bar's basis. Candles shorter than a bar are made from
the very ticks the tape would have played. A candle nobody traded in is flat at the close before it (Bybit does the same).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from bot.simulator.tape import Bar
from bot.simulator.venue import Tick

__all__ = ["INTERVALS", "Candle", "DayFigures", "History", "PriceSource", "Trade", "bucket_of", "next_bucket"]

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
ZERO = Decimal(0)

INTERVALS = {
    **{name: int(name) * MINUTE_MS for name in ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720")},
    "D": DAY_MS,
    "W": 7 * DAY_MS,
    "M": 30 * DAY_MS,
}
"""Bybit's kline intervals and their length (a month's is nominal)."""

KEPT_MINUTES = 20_000
KEPT_BARS = 105_120
KEPT_TRADES = 1000
SPOT_VOLUME_SHARE = 6
"""Spot volume is taken as a sixth of the perpetual's, the proportion of a captured day."""
_MONDAY_MS = 4 * DAY_MS  # 1970-01-05


class PriceSource(Protocol):
    """Where prices come from: the tape, or another venue's public streams."""

    @property
    def start_ms(self) -> int: ...

    bar_ms: int

    def history(self) -> list[Bar]: ...

    def minutes(self, number: int) -> list[Bar]: ...

    def basis(self, number: int) -> tuple[float, float]: ...

    def settled_rates(self) -> list[tuple[int, Decimal]]: ...

    def due(self, until_ms: int) -> Iterator[Tick]: ...

    def next_at_ms(self) -> int | None: ...


class Candle(NamedTuple):
    """One candle; volume in BTC, turnover in USDT."""

    at_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal


class Trade(NamedTuple):
    """One public trade: a tick that had volume."""

    at_ms: int
    price: Decimal
    qty: Decimal
    side: str  # of the taker
    direction: str  # Bybit's tickDirection
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """The moving figures of a ticker; volume in BTC, turnover in USDT."""

    open_24h: Decimal
    high_24h: Decimal
    low_24h: Decimal
    open_1h: Decimal
    volume_24h: Decimal
    turnover_24h: Decimal


class Series:
    """Candles of one width for one price, growing at the end; the last one is unfinished."""

    def __init__(self, width_ms: int, keep: int) -> None:
        self.width_ms, self._keep = width_ms, keep
        self.rows: list[list[Decimal]] = []  # open, high, low, close, volume, turnover
        self.times: list[int] = []

    def add(self, at_ms: int, price: Decimal, volume: Decimal) -> None:
        start_ms = at_ms - at_ms % self.width_ms
        if not self.times or start_ms > self.times[-1]:
            self.times.append(start_ms)
            self.rows.append([price, price, price, price, volume, volume * price])
            self._trim()
            return
        row = self.rows[-1]
        if price > row[1]:
            row[1] = price
        elif price < row[2]:
            row[2] = price
        row[3] = price
        if volume:
            row[4] += volume
            row[5] += volume * price

    def candles(self, from_ms: int, to_ms: int) -> Iterator[Candle]:
        """Candles that open in [from_ms, to_ms]."""
        for i in range(bisect_left(self.times, from_ms), len(self.times)):
            if self.times[i] > to_ms:
                return
            yield Candle(self.times[i], *self.rows[i])

    def _trim(self) -> None:
        if len(self.times) > 2 * self._keep:
            del self.times[: -self._keep], self.rows[: -self._keep]


class History:
    """Fed every tick in order by `on_tick`; asked at any time."""

    def __init__(self, source: PriceSource) -> None:
        self._source = source
        self._old = source.history()
        self.start_ms = source.start_ms
        self._minutes = {kind: Series(MINUTE_MS, KEPT_MINUTES) for kind in ("last", "mark", "index")}
        self._bars = {kind: Series(source.bar_ms, KEPT_BARS) for kind in ("last", "mark", "index")}
        self._trades: deque[Trade] = deque(maxlen=KEPT_TRADES)
        self._old_minutes: dict[int, list[Bar]] = {}
        self.trade_count = 0
        self.direction = "ZeroPlusTick"
        self._untold = {"last", "index", "mark"}
        self._last: Decimal | None = Decimal(self._old[-1].close).scaleb(-1) if self._old else None
        self._closed_day: tuple[int, DayFigures | None] = (-1, None)

    def _series(self, kind: str) -> Series:
        """The bars of a kind, those before the start in front; these are drawn when somebody first asks."""
        series = self._bars[kind]
        if kind in self._untold:
            self._untold.discard(kind)
            rows = [_scaled(bar, self._factor(number, kind)) for number, bar in enumerate(self._old)]
            series.times[:0] = [candle.at_ms for candle in rows]
            series.rows[:0] = [list(candle[1:]) for candle in rows]
        return series

    def on_tick(self, tick: Tick) -> None:
        for kind, price in (("last", tick.last), ("mark", tick.mark), ("index", tick.index)):
            volume = tick.volume if kind == "last" else ZERO
            self._minutes[kind].add(tick.at_ms, price, volume)
            self._bars[kind].add(tick.at_ms, price, volume)
        self.direction = _direction(self._last, tick.last, self.direction)
        self._last = tick.last
        if tick.volume:
            self.trade_count += 1
            side = "Buy" if self.direction.endswith("PlusTick") else "Sell"
            self._trades.append(Trade(tick.at_ms, tick.last, tick.volume, side, self.direction, self.trade_count))

    def trades(self, limit: int) -> list[Trade]:
        """The last trades, newest first."""
        return list(self._trades)[: -limit - 1 : -1]

    def trades_after(self, seq: int) -> list[Trade]:
        """Trades later than `seq`, oldest first; at most the thousand kept."""
        missed = min(self.trade_count - seq, len(self._trades))
        return list(self._trades)[len(self._trades) - missed :] if missed > 0 else []

    def candles(self, kind: str, interval: str, *, from_ms: int | None, to_ms: int | None, limit: int) -> list[Candle]:
        """At most `limit` candles opening in [from_ms, to_ms], newest first, the unfinished one included.

        `kind` is last, mark, index, premium (last over index, less one) or spot.
        """
        if kind == "premium":
            return self._premium(interval, from_ms=from_ms, to_ms=to_ms, limit=limit)
        if kind == "spot":
            return self._spot(interval, from_ms=from_ms, to_ms=to_ms, limit=limit)
        newest_ms = bucket_of(interval, min(self.now_ms, to_ms) if to_ms is not None else self.now_ms)
        oldest_ms = newest_ms
        for _ in range(limit - 1):
            oldest_ms = bucket_of(interval, oldest_ms - 1)
        if from_ms is not None:
            oldest_ms = max(oldest_ms, _first_bucket(interval, from_ms))
        if oldest_ms > newest_ms:
            return []
        parts = (
            self._fine(kind, oldest_ms, newest_ms + INTERVALS[interval])
            if INTERVALS[interval] < self._source.bar_ms
            else (self._series(kind).candles(oldest_ms, next_bucket(interval, newest_ms) - 1))
        )
        return _fold(interval, parts, newest_ms)[::-1][:limit]

    def day(self) -> DayFigures:
        """The last 24 hours, to the bar: the moving figures of a ticker."""
        series = self._series("last")
        closed = len(series.times) - 1
        if self._closed_day[0] != series.times[-1]:
            self._closed_day = (series.times[-1], _figures(series, closed))
        old = self._closed_day[1]
        row = series.rows[-1]
        if old is None:
            return DayFigures(
                open_24h=row[0],
                high_24h=row[1],
                low_24h=row[2],
                open_1h=row[0],
                volume_24h=row[4],
                turnover_24h=row[5],
            )
        return DayFigures(
            open_24h=old.open_24h,
            high_24h=max(old.high_24h, row[1]),
            low_24h=min(old.low_24h, row[2]),
            open_1h=old.open_1h,
            volume_24h=old.volume_24h + row[4],
            turnover_24h=old.turnover_24h + row[5],
        )

    @property
    def now_ms(self) -> int:
        """Opening of the minute the market is in; before the first tick the start."""
        times = self._minutes["last"].times
        return times[-1] if times else self.start_ms - 1

    # -- leaves -------------------------------------------------------------------------------------------------------------------------

    def _factor(self, number: int, kind: str) -> float:
        if kind == "last":
            return 1.0
        index, mark = self._source.basis(number)
        return index if kind == "index" else mark

    def _fine(self, kind: str, from_ms: int, to_ms: int) -> Iterator[Candle]:
        """Minute candles in [from_ms, to_ms): made from the tape before the start, remembered after it."""
        first = bisect_left([bar.at_ms for bar in self._old], from_ms - self._source.bar_ms + 1) if self._old else 0
        for number in range(first, len(self._old)):
            if self._old[number].at_ms >= to_ms:
                break
            if number not in self._old_minutes:
                self._old_minutes[number] = self._source.minutes(number)
            for bar in self._old_minutes[number]:
                if from_ms <= bar.at_ms < to_ms:
                    yield _scaled(bar, self._factor(number, kind))
        yield from self._minutes[kind].candles(from_ms, to_ms - 1)

    def _premium(self, interval: str, *, from_ms: int | None, to_ms: int | None, limit: int) -> list[Candle]:
        last = self.candles("last", interval, from_ms=from_ms, to_ms=to_ms, limit=limit)
        index = self.candles("index", interval, from_ms=from_ms, to_ms=to_ms, limit=limit)
        rows = []
        for over, under in zip(last, index, strict=True):
            corners = [(a / b - 1).quantize(Decimal("0.000001")) for a, b in zip(over[1:5], under[1:5], strict=True)]
            rows.append(Candle(over.at_ms, corners[0], max(corners), min(corners), corners[3], ZERO, ZERO))
        return rows

    def _spot(self, interval: str, *, from_ms: int | None, to_ms: int | None, limit: int) -> list[Candle]:
        index = self.candles("index", interval, from_ms=from_ms, to_ms=to_ms, limit=limit)
        perp = self.candles("last", interval, from_ms=from_ms, to_ms=to_ms, limit=limit)
        rows = []
        for price, traded in zip(index, perp, strict=True):
            volume = (traded.volume / SPOT_VOLUME_SHARE).quantize(Decimal("0.000001"))
            open_, high, low, close = (corner.quantize(Decimal("0.1")) for corner in price[1:5])
            rows.append(Candle(price.at_ms, open_, high, low, close, volume, volume * close))
        return rows


def bucket_of(interval: str, at_ms: int) -> int:
    """Opening time of the candle that holds `at_ms`; weeks open on Monday, months on their first day, UTC."""
    if interval == "M":
        day = datetime.fromtimestamp(at_ms / 1000, UTC)
        return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp() * 1000)
    if interval == "W":
        return at_ms - (at_ms - _MONDAY_MS) % INTERVALS["W"]
    return at_ms - at_ms % INTERVALS[interval]


def next_bucket(interval: str, bucket_ms: int) -> int:
    """Opening time of the candle after the one that opens at `bucket_ms`."""
    return bucket_of(interval, bucket_ms + (32 * DAY_MS if interval == "M" else INTERVALS[interval]))


def _first_bucket(interval: str, from_ms: int) -> int:
    bucket_ms = bucket_of(interval, from_ms)
    return bucket_ms if bucket_ms == from_ms else next_bucket(interval, bucket_ms)


def _fold(interval: str, parts: Iterator[Candle], newest_ms: int) -> list[Candle]:
    """Candles of `interval` from finer ones, oldest first; empty ones in between are flat."""
    rows: list[Candle] = []
    for part in parts:
        bucket_ms = bucket_of(interval, part.at_ms)
        if bucket_ms > newest_ms:
            break
        if rows and rows[-1].at_ms == bucket_ms:
            rows[-1] = _joined(rows[-1], part)
            continue
        while rows and next_bucket(interval, rows[-1].at_ms) < bucket_ms:
            rows.append(_flat(next_bucket(interval, rows[-1].at_ms), rows[-1].close))
        rows.append(part._replace(at_ms=bucket_ms))
    return rows


def _joined(one: Candle, more: Candle) -> Candle:
    return Candle(
        one.at_ms,
        one.open,
        max(one.high, more.high),
        min(one.low, more.low),
        more.close,
        one.volume + more.volume,
        one.turnover + more.turnover,
    )


def _flat(at_ms: int, price: Decimal) -> Candle:
    return Candle(at_ms, price, price, price, price, ZERO, ZERO)


def _scaled(bar: Bar, factor: float) -> Candle:
    if factor == 1.0:
        open_, high, low, close = (Decimal(price).scaleb(-1) for price in bar[1:5])
    else:
        open_, high, low, close = (Decimal(round(price * 10 * factor)).scaleb(-2) for price in bar[1:5])
    volume = Decimal(bar.volume).scaleb(-3)
    return Candle(bar.at_ms, open_, high, low, close, volume, volume * (open_ + high + low + close) / 4)


def _figures(series: Series, closed: int) -> DayFigures | None:
    """The figures of the closed candles that began in the 24 hours before the running one ends."""
    if closed <= 0:
        return None
    end_ms = series.times[-1] + series.width_ms
    first = min(bisect_left(series.times, end_ms - DAY_MS), closed - 1)
    hour = min(bisect_left(series.times, end_ms - HOUR_MS), closed)
    rows = series.rows[first:closed]
    return DayFigures(
        open_24h=rows[0][0],
        high_24h=max(row[1] for row in rows),
        low_24h=min(row[2] for row in rows),
        open_1h=series.rows[hour][0],
        volume_24h=sum((row[4] for row in rows), ZERO),
        turnover_24h=sum((row[5] for row in rows), ZERO),
    )


def _direction(before: Decimal | None, now: Decimal, direction: str) -> str:
    if before is None or now == before:
        return "ZeroPlusTick" if direction.endswith("PlusTick") else "ZeroMinusTick"
    return "PlusTick" if now > before else "MinusTick"
