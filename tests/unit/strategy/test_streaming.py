"""The same volatility one bar at a time."""

import itertools
import math
import random
from collections import deque

import pytest

from bot.strategy import streaming
from bot.strategy import volatility as vol
from tests.unit.strategy.test_volatility import C

RETURNS = [math.log(b / a) for a, b in itertools.pairwise(C)]


@pytest.mark.parametrize(
    ("half_life", "sigma"),
    [(12 * 60.0, 0.02891126), (-60.0 / math.log2(0.94), 0.02888575)],
    ids=["12 h", "0.94 an hour"],
)
def test_ewma_on_the_worked_window(half_life, sigma):
    """Bias-corrected: the first observation counts in full."""
    state = streaming.EMPTY_EWMA
    for r in RETURNS:
        state = streaming.ewma_update(state, r * r, 60.0, half_life)

    assert streaming.ewma_sigma_24h(state) == pytest.approx(sigma, abs=5e-9)


def test_riskmetrics_half_life():
    """0.94 an hour is a half-life of 11.2 hours."""
    assert -1.0 / math.log2(0.94) == pytest.approx(11.2, abs=0.01)
    assert streaming.decay(11.2023, 11.2023) == 0.5


def test_ewma_knows_how_long_it_took():
    """Two quiet hours in one bar decay as two bars do, and an unknown return changes nothing."""
    start = streaming.ewma_update(streaming.EMPTY_EWMA, 1e-4, 60.0, 720.0)
    once = streaming.ewma_update(start, 0.0, 120.0, 720.0)
    twice = streaming.ewma_update(streaming.ewma_update(start, 0.0, 60.0, 720.0), 0.0, 60.0, 720.0)

    assert streaming.ewma_sigma_24h(once) == pytest.approx(streaming.ewma_sigma_24h(twice), rel=1e-14)
    assert start == streaming.ewma_update(start, math.nan, 60.0, 720.0)
    assert start == streaming.ewma_update(start, 1e-4, 0.0, 720.0)
    assert math.isnan(streaming.ewma_sigma_24h(streaming.EMPTY_EWMA))


def test_smoothing_a_constant_sigma_leaves_it():
    """Smoothing has no bias."""
    state = streaming.EMPTY_EWMA
    for _ in range(5):
        state = streaming.ewma_smooth(state, 0.0262, 5.0, 720.0)
    assert streaming.ewma_sigma_24h(state) == pytest.approx(0.0262, rel=1e-14)
    assert state == streaming.ewma_smooth(state, math.nan, 5.0, 720.0)


def test_window_rolls_like_the_batch():
    """A ring outside, two calls per bar inside: equal to the whole window summed anew, after a corrupted price too."""
    rng = random.Random(1)
    ring: deque[float] = deque()
    state, close, closes = streaming.EMPTY_RUNNING, 116000.0, [116000.0]
    for i in range(20_000):
        close *= math.exp(rng.gauss(0.0, 0.0016))
        seen = close * 1e6 if i == 100 else close
        term = vol.square_return(closes[-1], seen)
        closes.append(seen)
        ring.append(term)
        state = streaming.running_add(state, term, 5.0)
        if len(ring) > 288:
            state = streaming.running_remove(state, ring.popleft(), 5.0)

    batch = vol.sigma_24h(vol.realized_variance(closes[-289:]), 1440.0)
    assert streaming.running_sigma_24h(state, 360.0) == pytest.approx(batch, rel=1e-12)
    rebuilt = streaming.running_of(list(ring), [5.0] * len(ring))
    assert streaming.running_sigma_24h(rebuilt, 360.0) == pytest.approx(batch, rel=1e-14)


def test_an_emptied_window_is_exactly_empty():
    """No dust is left behind."""
    state = streaming.running_add(streaming.EMPTY_RUNNING, 0.1, 5.0)
    assert streaming.running_remove(state, 0.1, 5.0) == streaming.EMPTY_RUNNING
    assert streaming.moments_remove(streaming.moments_add(streaming.EMPTY_MOMENTS, 3.0), 3.0) == streaming.EMPTY_MOMENTS


def test_a_term_that_is_no_number_is_ignored_both_ways():
    """What was never added is not taken back."""
    state = streaming.running_add(streaming.EMPTY_RUNNING, 0.1, 5.0)
    assert state == streaming.running_add(state, math.nan, 5.0)
    assert state == streaming.running_remove(state, math.nan, 5.0)


def test_too_short_a_window_is_unknown():
    """Six hours or nothing."""
    state = streaming.running_add(streaming.EMPTY_RUNNING, 0.0001, 355.0)
    assert math.isnan(streaming.running_sigma_24h(state, 360.0))
    assert math.isnan(streaming.running_sigma_24h(streaming.EMPTY_RUNNING, 0.0))
    state = streaming.running_add(state, 0.0001, 5.0)
    assert streaming.running_sigma_24h(state, 360.0) == pytest.approx(math.sqrt(0.0002 * 4))


def test_moments_slide():
    """Welford's update and downdate follow the plain formula."""
    values = [random.Random(2).gauss(0.0, 1.0) for _ in range(3)] + [4.0, -1.0, 0.5]
    state = streaming.EMPTY_MOMENTS
    for v in values:
        state = streaming.moments_add(state, v)
    for v in values[:3]:
        state = streaming.moments_remove(state, v)

    kept = values[3:]
    mean = sum(kept) / 3
    assert streaming.moments_variance(state) == pytest.approx(sum((v - mean) ** 2 for v in kept) / 2, rel=1e-12)
    assert math.isnan(streaming.moments_variance(streaming.EMPTY_MOMENTS))
    pair = streaming.moments_add(streaming.moments_add(streaming.EMPTY_MOMENTS, 1.0), 3.0)
    assert streaming.moments_variance(pair) == pytest.approx(2.0)
