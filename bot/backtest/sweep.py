"""Many settings over one history: a grid or a search, on every core or on a Dask cluster, resumable, and honest about luck.

A trial is a policy played over training windows; the best ones are then played over the windows held back (walk-forward). Where the
winner's lead is smaller than what windows differ by, it says so. Knows no terminal; results are lines of JSON that a second run reads.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bot import __version__
from bot.backtest import book as b
from bot.backtest.compiled import Engines, compiled
from bot.backtest.extras import require
from bot.backtest.outcome import figures_of_merit, play
from bot.backtest.policies import Plan
from bot.backtest.study import rebased
from bot.backtest.words import counted
from bot.domain.errors import SetUp

__all__ = [
    "GOALS",
    "Axis",
    "Course",
    "Score",
    "Trial",
    "axes_of",
    "grid",
    "noise",
    "nothing_held_back",
    "parse_axis",
    "run_trials",
    "score",
    "search",
    "split",
]

Value = float | int | str

_FIRST = b'{"stamp": "'
"""How a file of scores begins, one that was cut off in its first line too."""

GOALS: dict[str, Callable[[Sequence[dict[str, Any]]], float]] = {
    "safest": lambda merits: (
        -float(np.mean([1.0 if not m["survived"] else max(0.0, m["max_ltv"] - 0.5) for m in merits]))
    ),
    "median": lambda merits: float(np.median([m["equity_ratio"] for m in merits])),
    "worst": lambda merits: float(np.quantile([m["equity_ratio"] for m in merits], 0.05)),
    "sharpe": lambda merits: float(
        np.mean([0.0 if math.isnan(m["return_sharpe"]) else m["return_sharpe"] for m in merits])
    ),
    "cheapest": lambda merits: -float(np.mean([m["cost_per_year_usdt"] for m in merits])),
}
"""What a sweep looks for; more is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One setting and its values; a search draws between the first and the last where `is_range`."""

    name: str
    values: tuple[Value, ...]
    is_range: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where trials run: the tape, the windows, the book and where it stands."""

    tape: b.Tape
    train: tuple[b.Span, ...]
    test: tuple[b.Span, ...]
    opening: b.Opening
    price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One set of values and the plan they make."""

    values: dict[str, Value]
    plan: Plan

    @property
    def key(self) -> str:
        """A name for what it plays: equal plans have equal names, whatever the order of their settings."""
        text = repr((self.plan.policy, self.plan.rules))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a trial came to: the goal per window of training and of the windows held back."""

    key: str
    values: dict[str, Value]
    train: float
    test: float
    per_window: tuple[float, ...]
    dead: int
    cost_per_year: float


def axes_of(texts: Sequence[str]) -> list[Axis]:
    """Every axis, each setting once. Raises ValueError."""
    axes = [parse_axis(text) for text in texts]
    names = [axis.name for axis in axes]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]} is given twice: {twice[0]}=a,b holds both values")
    return axes


def parse_axis(text: str) -> Axis:
    """`name=a,b,c` or `name=low..high`. Raises ValueError."""
    name, sign, given = text.partition("=")
    if not sign or not name.strip() or not all(part.strip() for part in given.split(",")):
        raise ValueError(f"{text!r} is not name=value,value or name=low..high")
    low, dots, high = given.partition("..")
    if dots:
        try:
            ends = (_value(low), _value(high))
            if not float(ends[0]) < float(ends[1]):
                raise ValueError
        except ValueError:
            raise ValueError(f"{text!r}: a range goes from a smaller number to a larger one") from None
        return Axis(name=name.strip(), values=ends, is_range=True)
    return Axis(name=name.strip(), values=tuple(_value(part) for part in given.split(",")))


def _value(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text.strip())
        except ValueError:
            continue
    return text.strip()


def grid(axes: Sequence[Axis], points: int = 5) -> Iterator[dict[str, Value]]:
    """Every combination; a range becomes `points` even steps."""
    columns = [
        tuple(float(v) for v in np.linspace(float(axis.values[0]), float(axis.values[1]), points))
        if axis.is_range
        else axis.values
        for axis in axes
    ]
    for combination in itertools.product(*columns):
        yield dict(zip((axis.name for axis in axes), combination, strict=True))


def split(spans: Sequence[b.Span], share: float = 0.7) -> tuple[tuple[b.Span, ...], tuple[b.Span, ...]]:
    """Earlier windows to train on, later ones held back; a window that begins before the last training bar is in neither."""
    edge = max(1, round(share * len(spans)))
    train = tuple(spans[:edge])
    return train, tuple(span for span in spans[edge:] if span.first >= train[-1].last)


def nothing_held_back(windows: int, train: int, days: int, share: float) -> str:
    """Why no window is left to judge the best on, where none is: `train` of all `windows` were trained on, `share` was to be held back."""
    if share == 0.0:
        return "nothing is held back, as asked: how the best do on what they were not chosen by is not known"
    more = "a longer period, or a smaller --days, leaves some"
    if train == windows:
        return f"nothing is held back: the period holds {counted(windows, 'window')} of {days} days; {more}"
    return (
        f"nothing is held back: {counted(windows - train, 'window')} of {days} days could be, "
        f"but all of them begin before the last that was trained on ends; {more}"
    )


# One trial


def score(engines: Engines, course: Course, trial: Trial, goal: str) -> Score:
    """Play a trial over every window."""
    merits = {
        name: [_merit(engines, course, span, trial.plan) for span in spans]
        for name, spans in (("train", course.train), ("test", course.test))
    }
    judge = GOALS[goal]
    return Score(
        key=trial.key,
        values=trial.values,
        train=judge(merits["train"]),
        test=judge(merits["test"]) if merits["test"] else math.nan,
        per_window=tuple(judge([merit]) for merit in merits["train"]),
        dead=sum(not merit["survived"] for merit in merits["train"]),
        cost_per_year=float(np.mean([merit["cost_per_year_usdt"] for merit in merits["train"]])),
    )


def _merit(engines: Engines, course: Course, span: b.Span, plan: Plan) -> dict[str, Any]:
    tape, whole = rebased(course.tape, span, course.price)
    return figures_of_merit(play(engines, tape, whole, course.opening, plan, log_rows=0))


def _score_there(course: Course, trial: Trial, goal: str) -> Score:
    """The same in a worker process, which compiles or loads its own kernel."""
    return score(compiled(), course, trial, goal)


# Many


def run_trials(
    engines: Engines,
    course: Course,
    trials: Iterable[Trial],
    goal: str,
    *,
    memory: Path | None = None,
    scheduler: str | None = None,
    threads: int = 2,
    done: Callable[[Score], None] = lambda score: None,
) -> list[Score]:
    """Score every trial once. What `memory` already holds (for this goal and course) is not played again; new scores are added to it as
    they come, one line each, so that a sweep that was stopped goes on where it was."""
    stamp = _stamp(course, goal)
    known = _remembered(memory, stamp)
    fresh: dict[str, Trial] = {}
    scores: list[Score] = []
    for trial in trials:
        if trial.key in known:
            scores.append(replace(known[trial.key], values=trial.values))
            done(scores[-1])
        else:
            fresh.setdefault(trial.key, trial)
    source = _on_cluster if scheduler else _on_threads
    for found in source(engines, course, list(fresh.values()), goal, scheduler or str(threads)):
        if memory is not None:
            memory.parent.mkdir(parents=True, exist_ok=True)
            with memory.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"stamp": stamp, **asdict(found)}) + "\n")
        scores.append(found)
        done(found)
    return sorted(scores, key=lambda one: (-one.train, one.key))


def _on_threads(engines: Engines, course: Course, trials: list[Trial], goal: str, threads: str) -> Iterator[Score]:
    with ThreadPoolExecutor(int(threads)) as pool:
        waiting = {pool.submit(score, engines, course, trial, goal) for trial in trials}
        try:
            while waiting:
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
        finally:
            for future in waiting:
                future.cancel()


def _on_cluster(engines: Engines, course: Course, trials: list[Trial], goal: str, address: str) -> Iterator[Score]:
    """On an existing Dask scheduler: the tape travels once, trials go where there is room. Workers need HedgeLock of the same version."""
    distributed = require("distributed")
    with distributed.Client(address, timeout="30s") as client:
        _ask_for_ourselves(client, address)
        there = client.scatter(course, broadcast=True)
        futures = [client.submit(_score_there, there, trial, goal, pure=False) for trial in trials]
        for future in distributed.as_completed(futures):
            yield future.result()


_OURS = "__import__('importlib.util').util.find_spec('bot') and __import__('bot').__version__"
"""What a process of the cluster is asked: which HedgeLock it has, if any. It must be said without a function of ours."""


def _ask_for_ourselves(client: Any, address: str) -> None:
    """Raises SetUp unless scheduler and workers have this version."""
    workers = client.run(eval, _OURS)
    found = {"scheduler": client.run_on_scheduler(eval, _OURS), **workers}
    if not workers or set(found.values()) != {__version__}:
        said = ", ".join(f"{name}: {version or 'none'}" for name, version in found.items())
        problem = f"the Dask cluster at {address} needs workers and HedgeLock {__version__} everywhere; it has {said}"
        raise SetUp(problem, "install it with the extra `cluster`, of this version for its scheduler and its workers")


def search(
    engines: Engines,
    course: Course,
    axes: Sequence[Axis],
    make: Callable[[dict[str, Value]], Trial],
    goal: str,
    *,
    trials: int,
    seed: int,
    memory: Path | None = None,
    done: Callable[[Score], None] = lambda score: None,
) -> list[Score]:
    """Optuna's search between the ends of each axis; equal seeds draw equal trials."""
    optuna = require("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    best: dict[str, Score] = {}

    def objective(drawn: Any) -> float:
        values = {axis.name: _drawn(drawn, axis) for axis in axes}
        (found,) = run_trials(engines, course, [make(values)], goal, memory=memory, threads=1)
        best[found.key] = found
        done(found)
        return found.train

    study.optimize(objective, n_trials=trials)
    return sorted(best.values(), key=lambda one: (-one.train, one.key))


def _drawn(drawn: Any, axis: Axis) -> Value:
    low, high = axis.values[0], axis.values[-1]
    value: Value
    if not axis.is_range:
        value = drawn.suggest_categorical(axis.name, list(axis.values))
    elif isinstance(low, int) and isinstance(high, int):
        value = drawn.suggest_int(axis.name, low, high)
    else:
        value = drawn.suggest_float(axis.name, float(low), float(high))
    return value


def _stamp(course: Course, goal: str) -> str:
    """A name for everything but the trial."""
    digest = hashlib.sha256(repr((goal, course.train, course.test, course.opening, course.price)).encode())
    for column in course.tape[:-1]:
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:16]


def _remembered(memory: Path | None, stamp: str) -> dict[str, Score]:
    """Scores of an earlier run; a line that is not whole (the run was killed in the middle of it) is none.

    ValueError where the file is something else: scores are added to it, which would spoil it.
    """
    found: dict[str, Score] = {}
    if memory is None or not memory.is_file():
        return found
    with memory.open("rb") as stream:
        if stream.read(len(_FIRST)) not in (b"", _FIRST):
            raise ValueError(f"{memory} is there and holds no scores: name another file with --memory")
    for line in memory.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
            if row.pop("stamp") == stamp:
                found[row["key"]] = Score(**{**row, "per_window": tuple(row["per_window"])})
        except (ValueError, KeyError, TypeError):
            continue
    return found


# Luck


def noise(scores: Sequence[Score]) -> str:
    """A warning where the winner's lead over the runner-up lies within the noise of the windows; empty where it does not.

    The difference per window between the two is a sample; its mean must be more than two standard errors. Overlapping windows are not
    independent, so the true error is larger still.
    """
    if len(scores) < 2:
        return ""
    first, second = scores[0], scores[1]
    if all(one.per_window == first.per_window for one in scores):
        return f"all {len(scores)} trials are equal in every window: what tells them apart made no difference here"
    if first.per_window == second.per_window:
        return "the winner and the runner-up are equal in every window: prefer the simpler or cheaper setting"
    gaps = np.array(first.per_window) - np.array(second.per_window)
    gaps = gaps[np.isfinite(gaps)]
    if len(gaps) < 2:
        return "one training window alone cannot tell skill from luck"
    error = float(np.std(gaps, ddof=1)) / math.sqrt(len(gaps))
    lead = float(np.mean(gaps))
    if lead > 2.0 * error and lead > 0.0:
        return ""
    return (
        f"the winner leads the runner-up by {lead:.4g} a window with an error of {error:.4g}: that is within the noise; "
        "prefer the simpler or cheaper setting"
    )
