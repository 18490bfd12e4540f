"""The journal as a story in numbers: delta, legs, rates and profit over time, and profit by day, leg and cause.

The engine's own ledger books the executions here too, so the figures are those of the dashboard. What is valued between two executions is
valued at the close of each bar. Every sum adds up: total = spot + price + brought in + funding - fees - interest. Interest is what the
venue's transaction log has charged in USDT. USDT and BTC.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, NamedTuple

from bot.domain.account import CashKind
from bot.domain.commands import Decided, FundingAdopted, LegsAdopted
from bot.domain.errors import Broken
from bot.domain.events import BarClosed, CashSeen, ExecutionSeen, TickerSeen
from bot.domain.legs import Leg
from bot.domain.money import ZERO
from bot.domain.records import Record
from bot.engine.ledger import Ledger
from bot.journal.reader import JournalReader

__all__ = ["COLUMNS", "Chronicle", "Parts"]

DAY_MS = 86_400_000
_MOST_ROWS = 200_000
_NAN = float("nan")
_KINDS = (LegsAdopted, FundingAdopted, ExecutionSeen, CashSeen, BarClosed, Decided)

COLUMNS = (
    *("at_ms", "price_usdt", "delta_btc", "target_delta_btc", "spot_btc", "long_btc", "short_btc"),
    *("realised_usdt", "unrealised_usdt", "funding_usdt", "fees_usdt", "perps_usdt", "total_usdt"),
    *("ltv_ratio", "sigma_24h_ratio", "funding_apr_ratio"),
)


class Sight(NamedTuple):
    """What the last decision saw; NaN: unknown."""

    spot: float = _NAN
    target: float = _NAN
    debt: float = _NAN
    sigma: float = _NAN
    apr: float = _NAN


@dataclass(slots=True)
class Parts:
    """Profit by cause since the journal began, USDT; what was paid is negative, so that the parts simply add up."""

    spot: Decimal = ZERO
    brought_in: Decimal = ZERO
    long_price: Decimal = ZERO
    short_price: Decimal = ZERO
    long_funding: Decimal = ZERO
    short_funding: Decimal = ZERO
    long_fees: Decimal = ZERO
    short_fees: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return sum((getattr(self, part.name) for part in fields(self)), ZERO)

    def since(self, before: Parts) -> Parts:
        """What came to pass between `before` and now."""
        return Parts(**{part.name: getattr(self, part.name) - getattr(before, part.name) for part in fields(self)})


@dataclass(slots=True)
class Chronicle:
    """Grows with the journal: `read` takes in what is new, everything else only looks."""

    symbol: str
    _ledger: Ledger = field(init=False)
    _next: int = 1
    _sight: Sight = field(default_factory=Sight)
    _parts: Parts = field(default_factory=Parts)
    _price: Decimal | None = None
    _valued: dict[Leg, Decimal] = field(default_factory=lambda: {Leg.LONG: ZERO, Leg.SHORT: ZERO})
    _is_adopted: bool = False
    _days: dict[int, Parts] = field(default_factory=dict)
    _columns: tuple[array[float], ...] = field(default_factory=lambda: tuple(array("d") for _ in COLUMNS))

    def __post_init__(self) -> None:
        self._ledger = Ledger(symbol=self.symbol)

    def read(self, journal: JournalReader) -> None:
        """Take in every record since the last call, then value the book at the newest price. Raises SetUp."""
        for entry in journal.entries(_KINDS, since_number=self._next):
            self._next = entry.number + 1
            self._take(entry.record, entry.at_ms)
        for entry, ticker in journal.of(TickerSeen, last=1):
            if not self._times or entry.at_ms >= self._times[-1]:
                self._value(ticker.mark)
                self._mark(entry.at_ms)

    # ------------------------------------------------------------------------------------------------ folding

    def _take(self, record: Record, at_ms: int) -> None:
        match record:
            case LegsAdopted():
                self._ledger.adopt(record)
                self._is_adopted = True
            case FundingAdopted():
                self._ledger.adopt_funding(record)
                self._mark(at_ms)
            case CashSeen():
                if record.row.kind is CashKind.INTEREST and record.row.currency == "USDT":
                    self._parts.interest += record.row.change
            case ExecutionSeen():
                try:
                    self._ledger.book(record.execution)
                except Broken:
                    return  # the engine halted over it and wrote a note
                self._mark(at_ms)
            case BarClosed():
                self._value(record.bar.close)
                self._mark(at_ms)
            case Decided():
                self._see(record)
                if (price := record.inputs.get("market.price")) is not None:
                    self._value(Decimal(str(price)))
                self._mark(at_ms)

    def _see(self, decided: Decided) -> None:
        inputs = decided.inputs

        def seen(name: str) -> float:
            value = inputs.get(name)
            return _NAN if value is None else value

        self._sight = Sight(
            spot=seen("book.spot_btc"),
            target=_NAN if decided.target_delta is None else float(decided.target_delta),
            debt=seen("account.debt_usdt"),
            sigma=seen("market.sigma_24h"),
            apr=seen("market.funding_apr"),
        )

    def _value(self, price: Decimal) -> None:
        """The book at a new price: what it gained goes to its cause."""
        spot, parts = self._sight.spot, self._parts
        if self._price is not None and spot == spot:
            parts.spot += Decimal(str(spot)) * (price - self._price)
        self._price = price
        for leg, book in self._ledger.legs.items():
            now = book.realised + (book.unrealised(leg, price) or ZERO)
            gain, self._valued[leg] = now - self._valued[leg], now
            if self._is_adopted:
                parts.brought_in += gain
            elif leg is Leg.LONG:
                parts.long_price += gain
            else:
                parts.short_price += gain
        self._is_adopted = False

    def _mark(self, at_ms: int) -> None:
        """Write one row of the series, and the day's parts as they stand."""
        legs, parts, sight = self._ledger.legs, self._parts, self._sight
        long, short = legs[Leg.LONG], legs[Leg.SHORT]
        parts.long_funding, parts.short_funding = long.funding, short.funding
        parts.long_fees, parts.short_fees = -long.fees, -short.fees
        self._days[at_ms // DAY_MS] = parts.since(Parts())
        price = _NAN if self._price is None else float(self._price)
        realised = float(long.realised + short.realised)
        funding, fees = float(long.funding + short.funding), float(long.fees + short.fees)
        unrealised = float(sum(self._valued.values(), ZERO)) - realised
        perps = realised + unrealised + funding - fees
        is_open = self._ledger.is_open
        row = (
            *(float(at_ms), price, sight.spot + float(self._ledger.net) if is_open else _NAN, sight.target, sight.spot),
            *(float(long.qty), float(short.qty), realised, unrealised, funding, fees, perps, float(parts.total)),
            *(sight.debt / (sight.spot * price) if sight.spot and price else _NAN, sight.sigma, sight.apr),
        )
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        if len(self._times) > _MOST_ROWS:
            self._thin()

    def _thin(self) -> None:
        """Keep every second row of the older half."""
        half = len(self._times) // 2
        self._columns = tuple(column[:half:2] + column[half:] for column in self._columns)

    # ------------------------------------------------------------------------------------------------ telling

    @property
    def _times(self) -> array[float]:
        return self._columns[0]

    @property
    def parts(self) -> Parts:
        """Profit by cause since the journal began."""
        return self._parts.since(Parts())

    def days(self) -> Iterator[tuple[int, Parts]]:
        """(UTC midnight in ms, that day's profit by cause), oldest first."""
        before = Parts()
        for day, parts in sorted(self._days.items()):
            yield day * DAY_MS, parts.since(before)
            before = parts

    def series(self, from_ms: int | None, to_ms: int | None, points: int) -> dict[str, Any]:
        """At most `points` rows between two moments (None: the journal's own ends): of each stretch of time the last row, and the lowest
        and highest delta, so that a spike survives. What is unknown is None.
        """
        times = self._times
        if not times:
            return {"from_ms": None, "to_ms": None, "first_ms": None, "last_ms": None, "columns": {}}
        low = int(times[0]) if from_ms is None else from_ms
        high = int(times[-1]) if to_ms is None else to_ms
        first, last = bisect_left(times, low), bisect_right(times, high)
        ends = _ends(times, first, last, points)
        columns = {
            name: [_known(column[end]) for end in ends] for name, column in zip(COLUMNS, self._columns, strict=True)
        }
        delta = self._columns[COLUMNS.index("delta_btc")]
        starts = [first, *(end + 1 for end in ends[:-1])]
        columns["delta_low_btc"] = [_known(_least(delta[a : b + 1])) for a, b in zip(starts, ends, strict=True)]
        columns["delta_high_btc"] = [_known(_most(delta[a : b + 1])) for a, b in zip(starts, ends, strict=True)]
        return {
            "from_ms": low,
            "to_ms": high,
            "first_ms": int(times[0]),
            "last_ms": int(times[-1]),
            "columns": columns | {"at_ms": [int(times[end]) for end in ends]},
        }


def _ends(times: array[float], first: int, last: int, points: int) -> list[int]:
    """The last row of each of `points` equal stretches of time that has one."""
    if last - first <= points:
        return list(range(first, last))
    span = (times[last - 1] - times[first]) / points
    ends, at = [], first
    for stretch in range(1, points + 1):
        until = bisect_right(times, times[first] + stretch * span, at, last)
        if until > at:
            ends.append(until - 1)
            at = until
    if at < last:
        ends.append(last - 1)
    return ends


def _least(values: array[float]) -> float:
    return min((value for value in values if value == value), default=_NAN)


def _most(values: array[float]) -> float:
    return max((value for value in values if value == value), default=_NAN)


def _known(value: float) -> float | None:
    return round(value, 8) if value == value else None
