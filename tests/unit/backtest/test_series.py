"""What is read of a tape's past is what the live engine reads of its candles."""

import math
from decimal import Decimal

import numpy as np
import pytest

from bot.domain.events import Bar
from bot.engine import estimators
from tests.unit.backtest.tapes import a_walk

MINUTE_MS = 60_000
WINDOW, LEAST = 24, 6


def test_targets_are_made_of_the_sigma_that_the_engine_makes_them_of(engines):
    """Bars of a minute, candles of five, a spike, and a hole of an hour: at each bar the window's realised volatility, or one and a half
    times that without jumps where a spike made it larger."""
    tape = a_walk(5, 900, bar_ms=MINUTE_MS)
    keep = np.r_[0:400, 460:900]
    at_ms, close = tape.at_ms[keep], np.ascontiguousarray(tape.close[keep])
    close[300:] *= 1.04
    series = engines.target_series(at_ms, close, MINUTE_MS, 5 * MINUTE_MS, WINDOW, LEAST)

    candles, spiked = [], 0
    for i, opens_ms in enumerate(at_ms):
        window = [(candle.start_ms, float(candle.close)) for candle in candles[-WINDOW - 1 :]]
        theirs = estimators.for_targets(window, LEAST)
        assert series[i] == pytest.approx(theirs, rel=1e-9, nan_ok=True)
        spiked += not math.isnan(theirs) and theirs < estimators.of(candles[-WINDOW - 1 :], 5, LEAST).sigmas["realised"]
        ends_ms = int(opens_ms) + MINUTE_MS
        if ends_ms % (5 * MINUTE_MS) == 0:
            price = Decimal(repr(float(close[i])))
            start_ms = ends_ms - 5 * MINUTE_MS
            bar = Bar(start_ms=start_ms, minutes=5, open=price, high=price, low=price, close=price, volume=Decimal(1))
            candles.append(bar)
    assert spiked > WINDOW
    assert math.isnan(series[5 * LEAST])
    assert series[-1] > 0
