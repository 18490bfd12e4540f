"""Tapes for the tests: a seeded walk, or prices given one by one."""

import math
import random
from datetime import UTC, datetime

import numpy as np

from bot.backtest import book as b
from bot.backtest import data, study
from tests import crashes

START_MS = 1_735_689_600_000
"""2025-01-01 00:00 UTC."""
HOUR_MS = 3_600_000
HISTORY_HOURS = 49
"""What an engine asks for when it starts: two windows of a day, and one bar to begin from."""


def of_prices(closes, *, bar_ms=HOUR_MS, rate=0.0001, sigma=0.025, wick=0.0):
    """Bars that open where the last one closed; funding each eight hours at one rate; a constant sigma."""
    closes = np.asarray(closes, dtype=float)
    opens = np.concatenate([closes[:1], closes[:-1]])
    at_ms = START_MS + bar_ms * np.arange(len(closes), dtype=np.int64)
    settle = np.arange(START_MS, at_ms[-1] + bar_ms + 1, 8 * HOUR_MS, dtype=np.int64)
    return b.Tape(
        at_ms,
        opens,
        np.maximum(opens, closes) * (1 + wick),
        np.minimum(opens, closes) * (1 - wick),
        closes,
        np.full(len(closes), sigma),
        np.full(len(closes), sigma),
        settle,
        np.full(len(settle), rate),
        np.full(len(settle), 8.0),
        np.zeros(len(settle), dtype=np.int64),
        bar_ms,
    )


def a_walk(seed, bars=500, *, price=100_000.0, sigma_24h=0.04, bar_ms=HOUR_MS):
    """A seeded walk with moving sigma, rates of both signs and all funding regimes."""
    rng = random.Random(seed)
    step = sigma_24h * math.sqrt(bar_ms / 86_400_000)
    closes = []
    for _ in range(bars):
        closes.append(price)
        price *= math.exp(rng.gauss(0.0, step))
    tape = of_prices(closes, bar_ms=bar_ms, wick=step / 2)
    count = len(tape.settle_ms)
    rates = np.array([rng.choice((0.0001, 0.0001, 0.0005, -0.0003, 0.003, -0.003)) for _ in range(count)])
    regimes = np.array([min(4, int(abs(rate) * 1095 / 0.6)) for rate in rates], dtype=np.int64)
    sigmas = np.array([abs(rng.gauss(0.03, 0.015)) if rng.random() > 0.05 else math.nan for _ in range(bars)])
    return tape._replace(settle_rate=rates, settle_regime=regimes, sigma=sigmas)


def whole(tape):
    return b.Span(0, len(tape.at_ms))


def a_crash_tape(engines, *, rising=False):
    """The real crashes of `tests.crashes` minute by minute, from 116,000; the span begins with the fall."""
    bars = crashes.a_crash(rising=rising)
    prices = np.array([bar[1:5] for bar in bars], dtype=float).T / 10
    at_ms = np.array([bar.at_ms for bar in bars], dtype=np.int64)
    eight_ms = 8 * HOUR_MS
    settle = np.arange(at_ms[0] // eight_ms * eight_ms, at_ms[-1], eight_ms, dtype=np.int64)
    rates, hours = np.full(len(settle), 0.0001), np.full(len(settle), 8.0)
    o, h, low, c = (np.ascontiguousarray(column) for column in prices)
    sigma = engines.sigma_series(at_ms, c, crashes.MINUTE_MS, 5 * crashes.MINUTE_MS, 288, 72, 720.0)
    targets = engines.target_series(at_ms, c, crashes.MINUTE_MS, 5 * crashes.MINUTE_MS, 288, 72)
    regimes = engines.funding_regimes(settle, rates, hours, 0.15)
    tape = b.Tape(at_ms, o, h, low, c, sigma, targets, settle, rates, hours, regimes, crashes.MINUTE_MS)
    return tape, b.Span(crashes.HISTORY_BARS, len(at_ms))


def a_window_tape(engines, since, until, config, price=116_000.0):
    """The sample's own hours from one UTC date to another, scaled to begin at `price`, with the history that an engine asks for; no older
    hour has a part in its volatility."""
    window = data.Volatility(sampling_minutes=5, window_hours=24, least_hours=6, half_life_hours=12)
    tape = data.tape_of(data.load(data.sample_files()), window, config.funding_normal_apr, engines)
    begins, ends = (int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000) for day in (since, until))
    days = data.span_of(tape, begins, ends)
    tape, span = study.rebased(tape, days, price, history=HISTORY_HOURS)
    sigma = engines.sigma_series(tape.at_ms, tape.close, tape.bar_ms, tape.bar_ms, 24, 6, 12.0 * 60)
    return tape._replace(sigma=sigma), span
