"""How fast many settings are played: 256 of them over one year of one-minute bars, on one core and on two, beside a single run.

    python -m bench.sweep            three rounds, some ten seconds each
    python -m bench.sweep --quick    a tenth of the bars

Each round takes the three in turn, so that a neighbour on the machine disturbs all of them. Wall and CPU seconds of this process.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from bench.backtest import BOOK, a_plan, a_year
from bot.backtest import book as b
from bot.backtest.compiled import Engines, compiled
from bot.backtest.outcome import play
from bot.backtest.policies import Plan
from bot.backtest.study import rebased
from bot.backtest.sweep import Course, Trial, run_trials

PRICE = 116_000.0
BANDS = [0.005 + 0.001 * step for step in range(16)]
DROPS = [0.10 + 0.02 * step for step in range(16)]
ROUNDS, SINGLES = 3, 20


class Took(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float


def trials() -> list[Trial]:
    """Sixteen bands by sixteen depths of the LTV insurance, everything else on."""
    base = a_plan(60)
    return [
        Trial(values={"band": band, "drop": drop}, plan=_with(base, band, drop)) for band in BANDS for drop in DROPS
    ]


def _with(plan: Plan, band: float, drop: float) -> Plan:
    return Plan(
        name=plan.name,
        words="",
        policy=plan.policy._replace(band_btc=band, insurance_drop=drop),
        rules=plan.rules,
    )


def took(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def one_run(engines: Engines, course: Course, trial: Trial) -> None:
    """What a backtest of one setting does, as often as it takes to be seen."""
    for _ in range(SINGLES):
        tape, span = rebased(course.tape, course.train[0], course.price)
        play(engines, tape, span, course.opening, trial.plan, log_rows=0)


def main(bars: int) -> None:
    """Print the rounds and their medians."""
    engines = compiled()
    tape, many = a_year(engines, bars), trials()
    course = Course(tape=tape, train=(b.Span(0, bars),), test=(), opening=BOOK, price=PRICE)
    play(engines, tape, course.train[0], BOOK, many[0].plan)  # compiled, or loaded
    print(f"{len(many)} settings over {bars:,} one-minute bars, a decision each hour; load {os.getloadavg()[0]:.1f}")
    rounds: dict[str, list[Took]] = {"one run": [], "one core": [], "two cores": []}
    for _ in range(ROUNDS):
        rounds["one run"].append(took(lambda: one_run(engines, course, many[0])))
        for name, threads in (("one core", 1), ("two cores", 2)):
            rounds[name].append(took(lambda n=threads: run_trials(engines, course, many, "worst", threads=n)))
    for name, times in rounds.items():
        runs = SINGLES if name == "one run" else len(many)
        wall, cpu = statistics.median(one.wall for one in times), statistics.median(one.cpu for one in times)
        spread = f"{min(one.wall for one in times):.2f} to {max(one.wall for one in times):.2f}"
        each = f"{1e3 * wall / runs:.1f} ms, {1e3 * cpu / runs:.1f} ms CPU"
        print(f"{name:10} {runs:4} runs: wall {wall:6.2f} s ({spread}), CPU {cpu:6.2f} s; each {each}")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(52_560 if "--quick" in sys.argv else 525_600)
