"""The market as the engine sees it: the last ticker and its age, the window of closed bars, settled funding.

Bars feed a running sum, so each costs the same however long the window is. A gap is kept as one long return with its own time and is
reported, never filled in.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bot.domain.events import Bar, FundingPoint, TickerSeen
from bot.engine import estimators
from bot.engine.config import VolatilityWindow
from bot.strategy import funding as rates
from bot.strategy import ladder, streaming, volatility

__all__ = ["MarketBook"]

_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_KEPT_FUNDING = 168
"""Settlements kept: a week, should they come every hour."""

_TOLERANCE = 0.20
"""A close further than this from the mark is no market."""

_APR_POINTS = 3
"""The funding APR that decides is the mean of this many settlements with the running rate: a filter against one odd print."""

_REGIME_FALL_RATIO, _REGIME_CONFIRMATIONS, _REGIME_DWELL_MS = 0.8, 2, 0
"""A funding regime is left at 0.8 of its threshold, and changes when two settlements in a row agree."""


@dataclass(slots=True)
class MarketBook:
    window: VolatilityWindow
    funding_normal_apr: float
    ticker: TickerSeen | None = None
    ticker_seen_ms: int | None = None
    moved_ms: int | None = None
    """When a price of the ticker last differed from the one before."""
    told_still: bool = False
    """A person was told that it does not move."""
    last_bar: Bar | None = None
    bars: int = 0
    has_gap: bool = False
    """Bars are missing: they are to be read again from REST."""
    window_bars: deque[Bar] = field(default_factory=deque)
    """The bars of the window, and the one before it."""
    _closes: deque[tuple[int, float]] = field(default_factory=deque)
    """(start, close) of those of them that make sense."""
    funding: deque[FundingPoint] = field(default_factory=lambda: deque(maxlen=_KEPT_FUNDING))
    funding_regime: rates.RegimeState = rates.NO_REGIME
    _highs: deque[tuple[int, float]] = field(default_factory=deque)
    """(when, mark) of the last half minute's tickers that none after them reaches: the first is the highest."""
    _quickest: tuple[int, int] | None = None
    """The shortest (arrival - venue's time) of a ticker in this run, in ms, and when it was."""
    _terms: deque[tuple[float, float]] = field(default_factory=deque)
    _sum: streaming.Running = streaming.EMPTY_RUNNING
    _smoothed: streaming.Ewma = streaming.EMPTY_EWMA
    _estimated: tuple[int, estimators.Estimates] | None = field(default=None, compare=False, repr=False)
    """The estimates and after how many bars they were made: work remembered, not a fact. So are the four below."""
    _sigma: float | None = field(default=None, compare=False, repr=False)
    _for_targets: float | None = field(default=None, compare=False, repr=False)
    """None: a bar came since they were reckoned."""
    _settled: tuple[int, tuple[float, ...]] | None = field(default=None, compare=False, repr=False)
    """(interval, APRs of the settlements that decide); None: one came since they were reckoned."""
    _price: tuple[TickerSeen, float] | None = field(default=None, compare=False, repr=False)

    def see_ticker(self, ticker: TickerSeen, now_ms: int) -> None:
        """Keep the newest ticker. When the next settlement moves on, the rate that just ran has settled.

        One that was overtaken on the way is old news. One that came late is as old as it is late, whenever it came: what it took longer
        than the quickest of its kind is added to its age, so that a queue of yesterday's prices is not taken for today's.
        """
        before = self.ticker
        if before is not None and self.ticker_seen_ms is not None and ticker.at_ms < before.at_ms:
            return
        if before is not None and before.next_funding_ms is not None and before.funding_rate is not None:
            has_settled = ticker.next_funding_ms is not None and ticker.next_funding_ms > before.next_funding_ms
            if has_settled:
                self._settle(FundingPoint(at_ms=before.next_funding_ms, rate=before.funding_rate))
        if before is None or self.moved_ms is None or _prices(before) != _prices(ticker):
            self.moved_ms, self.told_still = now_ms, False
        self.ticker, self.ticker_seen_ms = ticker, now_ms - self._lateness_ms(now_ms - ticker.at_ms, now_ms)
        mark, highs = float(ticker.mark), self._highs
        while highs and highs[-1][1] <= mark:
            highs.pop()
        highs.append((now_ms, mark))
        while highs[0][0] < now_ms - ladder.FALL_OVER_MS:
            highs.popleft()

    def _lateness_ms(self, trip_ms: int, now_ms: int) -> int:
        """How much longer a ticker took than the quickest one; clocks may drift apart by a thousandth."""
        if self._quickest is None:
            self._quickest = (trip_ms, now_ms)
            return 0
        quickest_ms, at_ms = self._quickest
        allowed_ms = quickest_ms + (now_ms - at_ms) // 1000
        if trip_ms <= allowed_ms:
            self._quickest = (trip_ms, now_ms)
        return max(0, trip_ms - allowed_ms)

    def venue_ms(self, at_ms: int) -> int:
        """What the venue's clock showed at our `at_ms`, or a moment less: the quickest ticker tells how far apart both are, and what it
        took besides. Ours before the first ticker; beyond a day a date is no clock's."""
        apart_ms = self._quickest[0] if self._quickest else 0
        return at_ms - max(-_DAY_MS, min(apart_ms, _DAY_MS))

    def dated_from(self, at_ms: int) -> int:
        """From when on the venue may have dated what happened at our `at_ms` or later: by whichever clock is behind."""
        return min(at_ms, self.venue_ms(at_ms))

    @contextmanager
    def as_if(self, ticker: TickerSeen, now_ms: int, *, highest: float) -> Iterator[None]:
        """What if: inside, this ticker has just come, and that mark is the highest of the half minute before it. Nothing is to be folded
        meanwhile."""
        known, mark = (self.ticker, self.ticker_seen_ms, self.moved_ms, self._highs, self._sigma), float(ticker.mark)
        for_targets = self._for_targets
        self.ticker, self.ticker_seen_ms, self.moved_ms = ticker, now_ms, now_ms
        self._highs = deque(((now_ms, max(highest, mark, *(high for _, high in self._highs))), (now_ms, mark)))
        try:
            yield
        finally:
            self.ticker, self.ticker_seen_ms, self.moved_ms, self._highs, self._sigma = known
            if for_targets is not None:
                self._for_targets = for_targets

    def suppose(self, sigma: float, sigma_for_targets: float | None) -> None:
        """Inside of `as_if`: were these the volatilities of the bars. None for targets: what they are, and nobody may have asked."""
        self._sigma = sigma
        if sigma_for_targets is not None:
            self._for_targets = sigma_for_targets

    def see_bar(self, bar: Bar) -> None:
        """Add a closed bar; one already seen changes nothing, one that does not follow the last is a gap, one without sense is dropped."""
        mark = math.nan if self.ticker is None else float(self.ticker.mark)
        self._see_bar(bar, mark)

    def _see_bar(self, bar: Bar, mark: float) -> None:
        if not volatility.price_is_sane(float(bar.close), mark, _TOLERANCE):
            return
        last = self.last_bar
        if last is not None:
            if bar.start_ms <= last.start_ms:
                return
            minutes = (bar.start_ms - last.start_ms) / _MINUTE_MS
            self.has_gap |= minutes > self.window.minutes
            self._add(volatility.square_return(float(last.close), float(bar.close)), minutes)
        self.last_bar = bar
        self.bars += 1
        self._sigma = self._for_targets = None
        self.window_bars.append(bar)
        if estimators.makes_sense(bar):
            self._closes.append((bar.start_ms, float(bar.close)))
        if len(self.window_bars) > self.window.bars + 1:
            self.window_bars.popleft()
            while self._closes and self._closes[0][0] < self.window_bars[0].start_ms:
                self._closes.popleft()

    def load(self, bars: tuple[Bar, ...], funding: tuple[FundingPoint, ...]) -> None:
        """Begin anew from history, oldest first."""
        self.last_bar, self.bars = None, 0
        self._terms.clear()
        self.window_bars.clear()
        self._closes.clear()
        self._estimated = self._sigma = self._for_targets = self._settled = None
        self._sum, self._smoothed = streaming.EMPTY_RUNNING, streaming.EMPTY_EWMA
        for bar in bars:
            self._see_bar(bar, math.nan)
        self.has_gap = False
        self.funding.clear()
        self.funding_regime = rates.NO_REGIME
        for point in funding:
            self._settle(point)

    def forget_freshness(self) -> None:
        """A new run has seen nothing yet, whatever its journal remembers."""
        self.ticker_seen_ms = self._quickest = self.moved_ms = None

    @property
    def recent_fall(self) -> float:
        """How far the mark stands below the highest of the half minute that ends with the last ticker (0.02 = 2 %); 0: nothing is known."""
        return 1.0 - self._highs[-1][1] / self._highs[0][1] if self._highs else 0.0

    @property
    def raw_sigma_24h(self) -> float:
        """Realised volatility of the window per 24 h (0.025 = 2.5 %); NaN below the least number of bars."""
        if len(self._terms) < self.window.min_bars:
            return math.nan
        return streaming.running_sigma_24h(self._sum, 0.0)

    @property
    def price(self) -> float:
        """The mark as the strategy reads it; NaN before the first ticker."""
        if self.ticker is None:
            return math.nan
        if self._price is None or self._price[0] is not self.ticker:
            self._price = (self.ticker, float(self.ticker.mark))
        return self._price[1]

    @property
    def sigma_24h(self) -> float:
        """The smoothed volatility by which the regime is judged; NaN while unknown. Reckoned once for each bar."""
        if self._sigma is None:
            self._sigma = self._reckoned_sigma()
        return self._sigma

    def _reckoned_sigma(self) -> float:
        if self.window.is_original:
            return volatility.original_sigma([float(bar.close) for bar in self.window_bars])
        return math.nan if math.isnan(self.raw_sigma_24h) else streaming.ewma_sigma_24h(self._smoothed)

    @property
    def interval_h(self) -> int | None:
        """The contract's funding interval in hours, never assumed."""
        return self.ticker.funding_interval_h if self.ticker else None

    @property
    def running_apr(self) -> float:
        """The running funding rate per year (0.1095 = 10.95 %); NaN while rate or interval are unknown."""
        ticker = self.ticker
        if ticker is None or ticker.funding_rate is None or ticker.funding_interval_h is None:
            return math.nan
        return rates.apr(float(ticker.funding_rate), float(ticker.funding_interval_h))

    @property
    def funding_apr(self) -> float:
        """The APR that decides: running rate and last settlements, averaged. NaN while the running one is unknown."""
        hours, running = self.interval_h, self.running_apr
        if hours is None or math.isnan(running):
            return math.nan
        if self._settled is None or self._settled[0] != hours:
            recent = list(self.funding)[-_APR_POINTS + 1 :]
            self._settled = (hours, tuple(rates.apr(float(point.rate), float(hours)) for point in recent))
        settled = self._settled[1]
        return math.fsum((*settled, running)) / (len(settled) + 1)

    @property
    def estimates(self) -> estimators.Estimates:
        """Every reading of the window's volatility; reckoned once for each bar."""
        if self._estimated is None or self._estimated[0] != self.bars:
            made = estimators.of(self.window_bars, self.window.minutes, self.window.min_bars)
            self._estimated = (self.bars, made)
        return self._estimated[1]

    @property
    def sigma_for_targets(self) -> float:
        """The sigma that profit targets are made of; reckoned once for each bar. NaN unknown."""
        if self._for_targets is None:
            self._for_targets = estimators.for_targets(self._closes, self.window.min_bars)
        return self._for_targets

    @property
    def targets_were_asked_for(self) -> bool:
        """Whether anybody wanted `sigma_for_targets` since the last bar."""
        return self._for_targets is not None

    def average_apr(self, hours: float) -> float:
        """Time-weighted APR of the settlements of the last `hours`; NaN while none is known."""
        spans = [self._hours_before(index) for index in range(len(self.funding))]
        return rates.window_apr([float(point.rate) for point in self.funding], spans, hours)

    def _hours_before(self, index: int) -> float:
        """How long the settlement of that index ran."""
        if index:
            return (self.funding[index].at_ms - self.funding[index - 1].at_ms) / _HOUR_MS
        return math.nan if self.interval_h is None else float(self.interval_h)

    def _add(self, term: float, minutes: float) -> None:
        self._terms.append((term, minutes))
        self._sum = streaming.running_add(self._sum, term, minutes)
        if len(self._terms) > self.window.bars:
            self._sum = streaming.running_remove(self._sum, *self._terms.popleft())
        if self.bars % self.window.bars == 0:
            self._sum = streaming.running_of([t for t, _ in self._terms], [m for _, m in self._terms])
        if not math.isnan(raw := self.raw_sigma_24h):
            halflife_minutes = self.window.halflife_hours * 60
            self._smoothed = streaming.ewma_smooth(self._smoothed, raw, minutes, halflife_minutes)

    def _settle(self, point: FundingPoint) -> None:
        if self.funding and point.at_ms <= self.funding[-1].at_ms:
            return
        hours = self._settled_hours(point)
        self.funding.append(point)
        self._settled = None
        self.funding_regime = rates.regime_update(
            self.funding_regime,
            rates.apr(float(point.rate), hours),
            point.at_ms,
            self.funding_normal_apr,
            _REGIME_FALL_RATIO,
            _REGIME_CONFIRMATIONS,
            _REGIME_DWELL_MS,
        )

    def _settled_hours(self, point: FundingPoint) -> float:
        """How long a settled rate ran: since the settlement before it; for the first, what the ticker says, else unknown."""
        if self.funding:
            return (point.at_ms - self.funding[-1].at_ms) / _HOUR_MS
        return float(self.interval_h) if self.interval_h is not None else math.nan


def _prices(ticker: TickerSeen) -> tuple[object, ...]:
    return ticker.mark, ticker.last, ticker.index, ticker.bid, ticker.ask
