"""Estimators: every reading of the window's volatility, side by side.

They decide nothing but the sigma of profit targets: the regime follows the streaming realised volatility of `market`. A bar whose range
makes no sense is left out of the readings that need the range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bot.domain.events import Bar
from bot.strategy import volatility

__all__ = ["NAMES", "Estimates", "for_targets", "makes_sense", "of"]

NAMES = ("realised", "parkinson", "garman-klass", "rogers-satchell", "yang-zhang", "bipower", "medrv")
_MINUTE_MS = 60_000
_LEAST_BARS = 3


class Estimates(NamedTuple):
    """Sigma per 24 h by estimator's name (NaN: too little data), the share of jumps in the variance, and the sigma for profit targets."""

    sigmas: dict[str, float]
    jump_share: float
    for_targets: float


class _Candles(NamedTuple):
    opens: list[float]
    highs: list[float]
    lows: list[float]
    closes: list[float]


def of(window: Iterable[Bar], minutes: int, min_bars: int) -> Estimates:
    """The estimates of a window of bars of `minutes` each, oldest first; all NaN for `min_bars` bars or fewer."""
    bars = [bar for bar in window if makes_sense(bar)]
    if len(bars) <= max(_LEAST_BARS, min_bars):
        return Estimates(dict.fromkeys(NAMES, math.nan), math.nan, math.nan)
    candles = _candles(bars)
    span = _minutes_of(bars)
    ranges = _candles(bars[1:])
    range_minutes = float(len(bars[1:]) * minutes)
    realised = volatility.realized_variance(candles.closes)
    bipower = volatility.bipower_variance(candles.closes)
    sigmas = {
        "realised": volatility.sigma_24h(realised, span),
        "parkinson": volatility.sigma_24h(volatility.parkinson_variance(ranges.highs, ranges.lows), range_minutes),
        "garman-klass": _sigma(volatility.garman_klass_variance, ranges, range_minutes),
        "rogers-satchell": _sigma(volatility.rogers_satchell_variance, ranges, range_minutes),
        "yang-zhang": _sigma(volatility.yang_zhang_variance, candles, span),
        "bipower": volatility.sigma_24h(bipower, span),
        "medrv": volatility.sigma_24h(volatility.median_variance(candles.closes), span),
    }
    for_targets = volatility.target_sigma_24h(sigmas["realised"], sigmas["bipower"])
    return Estimates(sigmas, volatility.jump_share(realised, bipower), for_targets)


def for_targets(closes: Sequence[tuple[int, float]], min_bars: int) -> float:
    """The sigma for profit targets alone, which the engine asks for at every bar; the rest is for people. `closes`: (start in ms, close) of
    the window's bars that make sense."""
    if len(closes) <= max(_LEAST_BARS, min_bars):
        return math.nan
    minutes = (closes[-1][0] - closes[0][0]) / _MINUTE_MS
    variances = volatility.realized_and_bipower([close for _, close in closes])
    realised, bipower = (volatility.sigma_24h(variance, minutes) for variance in variances)
    return volatility.target_sigma_24h(realised, bipower)


def _minutes_of(bars: Sequence[Bar]) -> float:
    """The time of the returns, gaps with their own."""
    return (bars[-1].start_ms - bars[0].start_ms) / _MINUTE_MS


def _sigma(
    variance: Callable[[Sequence[float], Sequence[float], Sequence[float], Sequence[float]], float],
    candles: _Candles,
    minutes: float,
) -> float:
    return volatility.sigma_24h(variance(*candles), minutes)


def _candles(bars: Sequence[Bar]) -> _Candles:
    return _Candles(
        [float(bar.open) for bar in bars],
        [float(bar.high) for bar in bars],
        [float(bar.low) for bar in bars],
        [float(bar.close) for bar in bars],
    )


def makes_sense(bar: Bar) -> bool:
    """Whether the range holds what it should."""
    return 0 < bar.low <= min(bar.open, bar.close) and bar.high >= max(bar.open, bar.close)
