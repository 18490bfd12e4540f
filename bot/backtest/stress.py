"""Would your loan have survived? Named windows of the real past, and shapes made for the purpose.

A real window is played from its own first bar with prices scaled to where somebody stands today; a shape is a path of prices, with its
funding and, for one of them, its borrowing rate. Each policy plays each of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from bot.backtest import book as b
from bot.backtest.compiled import Engines
from bot.backtest.outcome import Outcome, play
from bot.backtest.policies import Plan
from bot.backtest.study import play_all, rebased

__all__ = ["SHAPES", "WINDOWS", "Missing", "Scene", "Shape", "Verdict", "Window", "scenes", "verdicts"]

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
STEP_MS = 900_000
"""Bars of a shape: a quarter of an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of the past that people remember; UTC dates, the last one not included."""

    name: str
    since: str
    until: str
    words: str


WINDOWS = (
    Window(name="March 2020", since="2020-03-07", until="2020-04-07", words="12-13 March: -50 % in a day and a half"),
    Window(name="January 2021 squeeze", since="2020-12-16", until="2021-01-16", words="doubled in three weeks"),
    Window(name="May 2021", since="2021-05-08", until="2021-06-08", words="19 May: -30 % in hours, half in a month"),
    Window(name="June 2022", since="2022-06-01", until="2022-07-01", words="lenders froze; -44 % to 18 June"),
    Window(name="FTX, November 2022", since="2022-11-01", until="2022-12-01", words="-28 % in four days"),
    Window(name="March 2023 rally", since="2023-03-08", until="2023-04-08", words="+45 % in ten days while banks fell"),
    Window(name="February-March 2024 rally", since="2024-02-05", until="2024-03-16", words="+70 % in five weeks"),
    Window(name="August 2024", since="2024-07-28", until="2024-08-20", words="5 August: -30 % in a week"),
    Window(name="April 2025", since="2025-03-25", until="2025-04-25", words="tariffs: -15 %, and back"),
    Window(name="10 October 2025", since="2025-10-04", until="2025-11-04", words="-17 % within the hour, deleveraging"),
    Window(name="Winter 2025-26", since="2025-10-06", until="2026-02-13", words="126,000 to 60,000 in four months"),
    Window(name="The year 2022", since="2021-11-10", until="2022-11-22", words="69,000 to 15,500"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A path that was made: price as a multiple of the start by day, funding per eight hours, borrowing rate by default."""

    name: str
    words: str
    days: int
    path: Callable[[float], float]
    rate: Callable[[float], float] = lambda day: 0.0001
    loan_apr: float | None = None


def _between(day: float, *points: tuple[float, float]) -> float:
    """A straight line through (day, value) points."""
    days, values = zip(*points, strict=True)
    return float(np.interp(day, days, values))


SHAPES = (
    Shape(name="gap -35 %", words="overnight, no price in between", days=10, path=lambda d: 1.0 if d < 3 else 0.65),
    Shape(name="gap +35 %", words="overnight, no price in between", days=10, path=lambda d: 1.0 if d < 3 else 1.35),
    Shape(name="V", words="-45 % in two days and all the way back", days=10,
          path=lambda d: _between(d, (0, 1), (2, 1), (4, 0.55), (6, 1), (10, 1))),
    Shape(name="staircase", words="-10 % every ten days, seven times", days=80,
          path=lambda d: 0.9 ** min(7, int(d // 10)) * (1 + 0.02 * math.sin(2 * math.pi * d))),
    Shape(name="slow bleed", words="-60 % in 180 days", days=180, path=lambda d: 0.4 ** (d / 180)),
    Shape(name="squeeze", words="+80 % in three days, funding at the cap", days=14,
          path=lambda d: _between(d, (0, 1), (4, 1), (7, 1.8), (14, 1.7)),
          rate=lambda d: 0.00375 if 4 <= d < 9 else 0.0001),
    Shape(name="funding flip", words="flat, shorts pay 0.2 % each eight hours for 30 days", days=45,
          path=lambda d: 1 + 0.01 * math.sin(2 * math.pi * d), rate=lambda d: -0.002 if 7 <= d < 37 else 0.0001),
    Shape(name="rate step", words="flat for a year, borrowing at 30 % a year", days=365,
          path=lambda d: 1 + 0.03 * math.sin(2 * math.pi * d / 30), loan_apr=0.30),
    Shape(name="whipsaw", words="+-12 % every two days for 60 days", days=60,
          path=lambda d: 1 + 0.12 * math.sin(math.pi * d / 2)),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Something to play: a tape that begins at today's price, and what it is."""

    name: str
    words: str
    real: bool
    tape: b.Tape
    span: b.Span
    loan_apr: float | None = None

    @property
    def worst(self) -> float:
        """Deepest fall from the start, as a share."""
        return 1.0 - float(np.min(self.tape.low[self.span.first : self.span.last])) / float(
            self.tape.open[self.span.first]
        )

    @property
    def best(self) -> float:
        """Highest rise from the start, as a share."""
        return (
            float(np.max(self.tape.high[self.span.first : self.span.last])) / float(self.tape.open[self.span.first])
            - 1.0
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A named window that the data does not hold whole."""

    name: str
    share: float
    """How much of it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One policy in one scene."""

    scene: str
    policy: str
    survived: bool
    max_ltv: float
    lowest_equity: float
    end_equity: float
    start_equity: float
    perp_liquidations: int


def scenes(
    engines: Engines, tape: b.Tape, price: float, *, normal_apr: float, least_share: float = 0.97
) -> tuple[list[Scene], list[Missing]]:
    """The windows that the data holds and every shape, from `price` on; and the windows it does not hold."""
    found: list[Scene] = []
    missing: list[Missing] = []
    for window in WINDOWS:
        since, until = (
            int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
            for text in (window.since, window.until)
        )
        first, last = int(np.searchsorted(tape.at_ms, since)), int(np.searchsorted(tape.at_ms, until))
        share = (last - first) * tape.bar_ms / (until - since)
        if share < least_share:
            missing.append(Missing(name=window.name, share=share))
            continue
        part, span = rebased(tape, b.Span(first, last), price)
        found.append(Scene(name=window.name, words=window.words, real=True, tape=part, span=span))
    return [*found, *(_made(engines, shape, price, normal_apr) for shape in SHAPES)], missing


def _made(engines: Engines, shape: Shape, price: float, normal_apr: float) -> Scene:
    count = shape.days * DAY_MS // STEP_MS
    start_ms = 1_735_689_600_000
    at_ms = start_ms + STEP_MS * np.arange(count, dtype=np.int64)
    marks = price * np.array([shape.path(i * STEP_MS / DAY_MS) for i in range(count + 1)])
    opens, closes = marks[:-1].copy(), marks[1:].copy()
    jump = np.abs(closes / opens - 1) > 0.08  # no price in between: the next bar opens there
    closes[jump] = opens[jump]
    settle_ms = np.arange(start_ms, at_ms[-1] + 1, 8 * HOUR_MS, dtype=np.int64)
    rates = np.array([shape.rate((t - start_ms) / DAY_MS) for t in settle_ms])
    hours = np.full(len(settle_ms), 8.0)
    sigma = engines.sigma_series(at_ms, closes, STEP_MS, STEP_MS, 96, 24, 720.0)
    for_targets = engines.target_series(at_ms, closes, STEP_MS, STEP_MS, 96, 24)
    calm, calm_targets = (np.where(np.isnan(known), 0.015, known) for known in (sigma, for_targets))
    regimes = engines.funding_regimes(settle_ms, rates, hours, normal_apr)
    tape = b.Tape(
        at_ms,
        opens,
        np.maximum(opens, closes),
        np.minimum(opens, closes),
        closes,
        calm,
        calm_targets,
        settle_ms,
        rates,
        hours,
        regimes,
        STEP_MS,
    )
    return Scene(
        name=shape.name, words=shape.words, real=False, tape=tape, span=b.Span(0, count), loan_apr=shape.loan_apr
    )


def verdicts(
    engines: Engines,
    stage: Sequence[Scene],
    plans: Sequence[Plan],
    opening: b.Opening,
    *,
    done: Callable[[], None] = lambda: None,
) -> tuple[list[Verdict], dict[tuple[str, str], Outcome]]:
    """Every policy in every scene, and the runs behind them by (scene, policy)."""

    def job(scene: Scene) -> Callable[[], list[Outcome]]:
        def run() -> list[Outcome]:
            outcomes = []
            for plan in plans:
                rules = plan.rules._replace(sample_every_ms=6 * HOUR_MS)
                if scene.loan_apr is not None:
                    rules = rules._replace(loan_apr=scene.loan_apr)
                outcomes.append(
                    play(engines, scene.tape, scene.span, opening, replace(plan, rules=rules), log_rows=200)
                )
            return outcomes

        return run

    rows = play_all([job(scene) for scene in stage], done=done)
    runs = {(scene.name, run.name): run for scene, row in zip(stage, rows, strict=True) for run in row}
    return [
        Verdict(
            scene=scene,
            policy=policy,
            survived=run.survived,
            max_ltv=run.figures["max_ltv"],
            lowest_equity=0.0 if not run.survived else run.figures["min_equity"],
            end_equity=float(run.equity[-1]),
            start_equity=run.figures["opening_equity"],
            perp_liquidations=run.counts["perp_liquidations"],
        )
        for (scene, policy), run in runs.items()
    ], runs
