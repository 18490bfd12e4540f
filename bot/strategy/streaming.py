"""The same volatility, one bar at a time, in constant time and memory.

The state is a value; the ring of the window's terms stays with the caller, who adds the new term and removes the one that
falls out. Sums are compensated (Neumaier 1974), and `running_of` rebuilds one from the ring, once per window, so that
months of uptime do not add up to an error.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bot.strategy.volatility import sigma_24h


class Running(NamedTuple):
    """A compensated sum of terms and of the minutes they span."""

    total: float
    lost: float
    """Low-order bits that `total` could not hold."""
    minutes: float
    n: int


class Ewma(NamedTuple):
    """Exponentially weighted variance per day with the weight seen so far."""

    variance: float
    weight: float


class Moments(NamedTuple):
    """Count, mean and sum of squared deviations (Welford), for the de-meaned parts of Yang-Zhang."""

    n: int
    mean: float
    deviations: float


EMPTY_RUNNING = Running(0.0, 0.0, 0.0, 0)
EMPTY_EWMA = Ewma(0.0, 0.0)
EMPTY_MOMENTS = Moments(0, 0.0, 0.0)


def running_add(state: Running, term: float, minutes: float) -> Running:
    """Add a bar's term and its time. A term that is not finite is ignored."""
    if not (math.isfinite(term) and math.isfinite(minutes)):
        return state
    return _accumulate(state, term, minutes, 1)


def running_remove(state: Running, term: float, minutes: float) -> Running:
    """Take back a term added before; the last one leaves an exact zero."""
    if not (math.isfinite(term) and math.isfinite(minutes)):
        return state
    if state.n <= 1:
        return Running(0.0, 0.0, 0.0, 0)
    return _accumulate(state, -term, -minutes, -1)


def _accumulate(state: Running, term: float, minutes: float, count: int) -> Running:
    total = state.total + term
    large, small = (state.total, term) if abs(state.total) >= abs(term) else (term, state.total)
    return Running(total, state.lost + ((large - total) + small), state.minutes + minutes, state.n + count)


def running_of(terms: Sequence[float], minutes: Sequence[float]) -> Running:
    """The state after adding all terms, from scratch: the periodic exact re-sum."""
    state = Running(0.0, 0.0, 0.0, 0)
    for i in range(len(terms)):
        state = running_add(state, terms[i], minutes[i])
    return state


def running_variance(state: Running) -> float:
    """The sum with its lost bits, never below zero."""
    return max(0.0, state.total + state.lost)


def running_sigma_24h(state: Running, min_minutes: float) -> float:
    """Sigma of the window; NaN below min_minutes of data."""
    if state.n == 0 or state.minutes < min_minutes:
        return math.nan
    return sigma_24h(running_variance(state), state.minutes)


def decay(minutes: float, half_life_minutes: float) -> float:
    """lambda = 2^(-dt / half-life), in (0, 1]."""
    return float(2.0 ** (-minutes / half_life_minutes))


def ewma_update(state: Ewma, square: float, minutes: float, half_life_minutes: float) -> Ewma:
    """v <- lam v + (1 - lam) r^2 / dt_days, with the weight 1 - lam^n kept beside it for the bias correction.

    Time-aware: a gap decays more. Ignores a square that is not finite or took no time.
    """
    if not (math.isfinite(square) and minutes > 0.0):
        return state
    lam = decay(minutes, half_life_minutes)
    return Ewma(lam * state.variance + (1.0 - lam) * square * 1440.0 / minutes, lam * state.weight + (1.0 - lam))


def ewma_smooth(state: Ewma, sigma: float, minutes: float, half_life_minutes: float) -> Ewma:
    """Smooth a sigma_24h that is itself a window estimate (RV); NaN leaves the state. Read with `ewma_sigma_24h`."""
    return ewma_update(state, sigma * sigma * minutes / 1440.0, minutes, half_life_minutes)


def ewma_sigma_24h(state: Ewma) -> float:
    """sqrt(v / w); NaN before the first update."""
    if not state.weight > 0.0:
        return math.nan
    return math.sqrt(max(0.0, state.variance) / state.weight)


def moments_add(state: Moments, value: float) -> Moments:
    """Welford's update."""
    count = state.n + 1
    step = value - state.mean
    mean = state.mean + step / count
    return Moments(count, mean, state.deviations + step * (value - mean))


def moments_remove(state: Moments, value: float) -> Moments:
    """Welford's downdate of a value added before."""
    if state.n <= 1:
        return Moments(0, 0.0, 0.0)
    count = state.n - 1
    step = value - state.mean
    mean = state.mean - step / count
    return Moments(count, mean, max(0.0, state.deviations - step * (value - mean)))


def moments_variance(state: Moments) -> float:
    """Sample variance (ddof 1); NaN below two values."""
    if state.n < 2:
        return math.nan
    return state.deviations / (state.n - 1)
