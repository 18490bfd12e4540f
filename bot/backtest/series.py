"""What the strategy reads of the past, worked out once per tape: per bar the sigma of the regime and that of profit targets, per settlement
the funding regime.

The same streaming functions as the live engine's market book, in the same order, so that both see the same figures.
"""

from __future__ import annotations

import math

import numpy as np

from bot.backtest.book import Floats, Ints
from bot.strategy import funding, streaming, volatility

__all__ = ["funding_regimes", "sigma_series", "target_series"]

REGIME_FALL_RATIO, REGIME_CONFIRMATIONS, REGIME_DWELL_MS = 0.8, 2, 0


def sigma_series(
    at_ms: Ints, close: Floats, bar_ms: int, sampling_ms: int, window: int, least: int, half_life_minutes: float
) -> Floats:
    """Smoothed realised volatility per 24 h known at the opening of each bar.

    Closes are taken every `sampling_ms` (a multiple of bar_ms). NaN below `least` returns. A gap stays one long return with its own time.
    """
    count = len(at_ms)
    sigma = np.full(count, math.nan)
    terms, minutes = np.zeros(window), np.zeros(window)
    total, smooth = streaming.Running(0.0, 0.0, 0.0, 0), streaming.Ewma(0.0, 0.0)
    held, seen, last_close, last_ms, known = 0, 0, math.nan, 0, math.nan
    for i in range(count):
        sigma[i] = known
        if not ends_candle(at_ms, i, bar_ms, sampling_ms):
            continue
        start_ms = candle_ms(at_ms, i, bar_ms, sampling_ms)
        seen += 1
        if not math.isnan(last_close):
            term, span = volatility.square_return(last_close, close[i]), (start_ms - last_ms) / 60_000.0
            if span > 0.0:
                place = held % window
                if held >= window:
                    total = streaming.running_remove(
                        streaming.running_add(total, term, span), terms[place], minutes[place]
                    )
                else:
                    total = streaming.running_add(total, term, span)
                terms[place], minutes[place] = term, span
                held += 1
                if seen % window == 0:
                    total = resum(terms, minutes, held, window)
                if min(held, window) >= least:
                    raw = streaming.running_sigma_24h(total, 0.0)
                    smooth = streaming.ewma_smooth(smooth, raw, span, half_life_minutes)
                    known = streaming.ewma_sigma_24h(smooth)
        last_close, last_ms = close[i], start_ms
    return sigma


LEAST_RETURNS = 3


def target_series(at_ms: Ints, close: Floats, bar_ms: int, sampling_ms: int, window: int, least: int) -> Floats:
    """The sigma per 24 h that profit targets are made of, known at the opening of each bar: of the window's returns, unsmoothed, and no
    spike pushes it up. NaN below `least` returns."""
    count = len(at_ms)
    sigma, returns, starts = np.full(count, math.nan), np.zeros(count), np.zeros(count, dtype=np.int64)
    candles, last_close, known = 0, math.nan, math.nan
    for i in range(count):
        sigma[i] = known
        if not ends_candle(at_ms, i, bar_ms, sampling_ms):
            continue
        starts[candles] = candle_ms(at_ms, i, bar_ms, sampling_ms)
        if candles > 0:
            returns[candles] = math.log(close[i] / last_close)
        last_close = close[i]
        candles += 1
        held = min(candles - 1, window)
        if held >= max(LEAST_RETURNS, least):
            known = target_sigma(returns, starts, candles - held, candles)
    return sigma


def target_sigma(returns: Floats, starts: Ints, first: int, last: int) -> float:
    """Of returns first <= k < last, each from the candle before it."""
    squares, pairs, count = 0.0, 0.0, last - first
    for k in range(first, last):
        squares += returns[k] * returns[k]
        if k > first:
            pairs += volatility.bipower_term(returns[k - 1], returns[k])
    minutes = (starts[last - 1] - starts[first - 1]) / 60_000.0
    realised = volatility.sigma_24h(squares, minutes)
    return volatility.target_sigma_24h(realised, volatility.sigma_24h(pairs * count / (count - 1), minutes))


def ends_candle(at_ms: Ints, i: int, bar_ms: int, sampling_ms: int) -> bool:
    """Whether a sampling interval ends with bar `i`, or a gap of the tape follows it."""
    end_ms = at_ms[i] + bar_ms
    next_ms = at_ms[i + 1] if i + 1 < len(at_ms) else end_ms
    return bool(end_ms // sampling_ms != (end_ms - bar_ms) // sampling_ms or next_ms != end_ms)


def candle_ms(at_ms: Ints, i: int, bar_ms: int, sampling_ms: int) -> int:
    """When the sampling interval began in which bar `i` ends."""
    return int((at_ms[i] + bar_ms - 1) // sampling_ms * sampling_ms)


def resum(terms: Floats, minutes: Floats, held: int, window: int) -> streaming.Running:
    """The running sum from scratch, oldest term first."""
    total = streaming.Running(0.0, 0.0, 0.0, 0)
    for k in range(min(held, window)):
        place = (held + k) % window if held >= window else k
        total = streaming.running_add(total, terms[place], minutes[place])
    return total


def funding_regimes(settle_ms: Ints, rates: Floats, hours: Floats, normal_from: float) -> Ints:
    """The regime after each settlement; a change needs two in a row, and a fall 0.8 of the threshold."""
    regimes = np.zeros(len(settle_ms), dtype=np.int64)
    state = funding.RegimeState(funding.UNKNOWN, funding.UNKNOWN, 0, -1)
    for i in range(len(settle_ms)):
        state = funding.regime_update(
            state,
            funding.apr(rates[i], hours[i]),
            settle_ms[i],
            normal_from,
            REGIME_FALL_RATIO,
            REGIME_CONFIRMATIONS,
            REGIME_DWELL_MS,
        )
        regimes[i] = state.regime
    return regimes
