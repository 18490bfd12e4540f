"""How fast the past is played: the kernel beside a plain loop, numpy and the full engine, in one run. Ratios are what counts.

    python -m bench.backtest            one year of seeded one-minute bars
    python -m bench.backtest --quick    a tenth of it

CPU seconds of this process, the best of three; two threads by the wall.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from bot.backtest import book as b
from bot.backtest import policies, replay
from bot.backtest.compiled import Engines, compiled, plain
from bot.backtest.outcome import play
from bot.settings import load
from bot.strategy import pipeline
from bot.wiring import engine_config

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
START_MS = 1_735_689_600_000
BOOK = policies.opening(spot_btc=0.27, loan_usdt=16_200, long_btc=0.213, short_btc=0.213)


def a_year(engines: Engines, bars: int) -> b.Tape:
    """A walk of 50 % a year in one-minute bars, funding each eight hours."""
    rng = np.random.default_rng(7)
    step = 0.5 / math.sqrt(525_600)
    close = np.round(116_000 * np.exp(np.cumsum(rng.normal(0, step, bars))), 1)
    open_ = np.concatenate([[116_000.0], close[:-1]])
    wick = np.abs(rng.normal(0, step / 2, (2, bars)))
    at_ms = START_MS + MINUTE_MS * np.arange(bars, dtype=np.int64)
    settle = np.arange(START_MS, at_ms[-1], 8 * HOUR_MS, dtype=np.int64)
    rates, hours = np.round(rng.normal(0.0001, 0.00005, len(settle)), 8), np.full(len(settle), 8.0)
    high = np.round(np.maximum(open_, close) * (1 + wick[0]), 1)
    low = np.round(np.minimum(open_, close) * (1 - wick[1]), 1)
    sigma = engines.sigma_series(at_ms, close, MINUTE_MS, 5 * MINUTE_MS, 288, 72, 720.0)
    targets = engines.target_series(at_ms, close, MINUTE_MS, 5 * MINUTE_MS, 288, 72)
    regimes = engines.funding_regimes(settle, rates, hours, 0.15)
    return b.Tape(at_ms, open_, high, low, close, sigma, targets, settle, rates, hours, regimes, MINUTE_MS)


def a_plan(minutes: int) -> policies.Plan:
    """Every feature on: both ladders, insurance, funding, coverage by volatility, sweep, profit with its stop, last resort."""
    rules = policies.RULES._replace(sweep=1, profit=1, last_resort=1, decide_every_ms=minutes * MINUTE_MS)
    return policies.Plan(name="all", words="", policy=pipeline.DEFAULT_POLICY._replace(hedge_mode=1), rules=rules)


def plain_loop(tape: b.Tape, bars: int) -> float:
    """The least that a delta hedge needs, in interpreted Python: one comparison and one sum a bar, funding every eight hours."""
    equity, short, last = 0.0, 0.27, 116_000.0
    low, high, close = tape.low[:bars].tolist(), tape.high[:bars].tolist(), tape.close[:bars].tolist()
    for i in range(bars):
        if low[i] < 60_000.0 or high[i] > 200_000.0:
            break
        equity += (0.27 - short) * (close[i] - last)
        last = close[i]
        if i % 480 == 0:
            equity += 0.0001 * short * last
    return equity


def numpy_static(tape: b.Tape) -> float:
    """A static half hedge, vectorised: no band, no ladder, no path."""
    funding = np.sum(tape.settle_rate) * 0.135 * float(np.mean(tape.close))
    equity = 0.27 * tape.close - 0.135 * (tape.close - tape.open[0]) - 16_200 + funding
    return float(np.max(1 - equity / np.maximum.accumulate(equity)))


def cpu(work: Callable[[], object], times: int = 3) -> float:
    """Best CPU seconds."""
    best = math.inf
    for _ in range(times):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def main() -> None:
    bars = 52_560 if "--quick" in sys.argv else 525_600
    engines = compiled()
    began = time.process_time()
    tape = a_year(engines, bars)
    span = b.Span(0, bars)
    play(engines, tape, b.Span(0, 600), BOOK, a_plan(60))
    print(f"compiled or loaded from disk: {time.process_time() - began:.1f} CPU s")
    rows: list[tuple[str, float]] = []
    for minutes in (60, 5, 1):
        took = cpu(lambda minutes=minutes: play(engines, tape, span, BOOK, a_plan(minutes)))  # type: ignore[misc]
        rows.append((f"kernel, every feature, decision each {minutes} min", bars / took))
    part = min(bars, 20_000)
    rows.append(
        (
            "kernel, uncompiled, decision each 60 min",
            part / cpu(lambda: play(plain(), tape, b.Span(0, part), BOOK, a_plan(60)), 1),
        )
    )
    rows.append(("plain Python loop, one rule", bars / cpu(lambda: plain_loop(tape, bars))))
    rows.append(("numpy, static hedge, no path", bars / cpu(lambda: numpy_static(tape))))
    rows.append(("full fidelity, four ticks a bar", full_fidelity(tape, 20_000)))
    rows.append(("full fidelity, no tick passed over", full_fidelity(tape, 2_000, every_tick=True)))
    first = rows[0][1]
    for name, rate in rows:
        print(f"{name:46}{rate / 1e6:10.4f} M bars/s {first / rate:10.1f} x slower than the first")
    print(f"two threads against one, 16 runs: {two_threads(engines, tape, span):.2f} x")


def full_fidelity(tape: b.Tape, bars: int, *, every_tick: bool = False) -> float:
    """Bars a second through Engine.turn and the simulated venue."""
    rules = a_plan(5).rules._replace(profit=0)
    config = replay.same_subset(engine_config(load().settings, 1.0), a_plan(5).policy, rules)
    config = replace(config, volatility=replace(config.volatility, minutes=5))
    span = b.Span(3000, 3000 + bars)
    return bars / cpu(lambda: replay.live(tape, span, BOOK, rules, config, keep=False, every_tick=every_tick), 1)


def two_threads(engines: Engines, tape: b.Tape, span: b.Span) -> float:
    """Wall time of sixteen runs on one thread over that on two."""
    jobs = [a_plan(60)] * 16
    took = []
    for threads in (1, 2):
        with ThreadPoolExecutor(threads) as pool:
            began = time.perf_counter()
            list(pool.map(lambda plan: play(engines, tape, span, BOOK, plan), jobs))
            took.append(time.perf_counter() - began)
    return took[0] / took[1]


if __name__ == "__main__":
    main()
