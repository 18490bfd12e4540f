"""One strategy, two speeds: every function of the room compiles unchanged and computes what plain Python does.

The kernel of the backtest registers the same function objects with Numba; this test holds them to nopython, and to equal
answers on random inputs. It is skipped where Numba is not installed: the daemon never needs it.
"""

import importlib
import inspect
import math
import random
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

import pytest

from bot.strategy import pipeline
from tests.unit.strategy.books import a_question

numba = pytest.importorskip("numba")
np = pytest.importorskip("numpy")
register_jitable = pytest.importorskip("numba.extending").register_jitable

ROOMS = (
    "hysteresis",
    "hedge",
    "allocate",
    "ladder",
    "insurance",
    "funding",
    "risk",
    "profit",
    "volatility",
    "streaming",
    "stages",
    "trade",
    "pipeline",
)


def functions() -> Iterator[Callable[..., Any]]:
    """Every function of the hot rooms, private ones too."""
    for room in ROOMS:
        module = importlib.import_module(f"bot.strategy.{room}")
        for function in vars(module).values():
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                yield function


HOT = [register_jitable(function) for function in functions()]


def draw(name: str, kind: Any, rng: random.Random) -> Any:
    """A plausible argument by its name and type."""
    if kind is bool:
        return rng.random() < 0.5
    if kind is int:
        if "_ms" in name:
            return rng.randrange(0, 10_000_000)
        return rng.randrange(-500, 500) if "gap" in name or "wanted_steps" in name else rng.randrange(0, 5)
    if kind is float:
        if "price" in name or name in ("mark", "high", "reference") or name.startswith("open"):
            return rng.uniform(90_000.0, 110_000.0)
        if name in ("close", "previous_close", "low"):
            return rng.uniform(90_000.0, 91_000.0)
        if "usdt" in name:
            return rng.uniform(0.0, 20_000.0)
        if "minutes" in name or "hours" in name:
            return rng.uniform(1.0, 500.0)
        return rng.uniform(0.01, 0.99)
    if hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        return kind(*(draw(field, hints[field], rng) for field in kind._fields))
    values = [rng.uniform(90_000.0, 110_000.0) for _ in range(12)]
    return np.arange(12) * 300_000 if "times" in name else np.array(values)


def arguments(function: Callable[..., Any], rng: random.Random) -> list[Any]:
    """Random arguments for a function."""
    hints = get_type_hints(function)
    return [draw(name, hints[name], rng) for name in inspect.signature(function).parameters]


def close(expected: Any, actual: Any) -> bool:
    """Equal ints, floats to 1e-12, NaN equal to NaN, tuples field by field."""
    if isinstance(expected, tuple):
        return all(close(e, a) for e, a in zip(expected, actual, strict=True))
    if isinstance(expected, float):
        return math.isclose(expected, actual, rel_tol=1e-12, abs_tol=1e-12) or (
            expected != expected and actual != actual
        )
    return bool(expected == actual)


@pytest.mark.parametrize("function", HOT, ids=[f"{f.__module__.split('.')[-1]}.{f.__name__}" for f in HOT])
def test_compiles_and_agrees(function):
    """The compiled function is the same function."""
    compiled, rng = numba.njit(function), random.Random(function.__name__)
    for _ in range(20):
        args = arguments(function, rng)
        expected, actual = function(*args), compiled(*args)
        assert close(expected, actual), (args, expected, actual)


CORNERS = {
    "spot_btc": (0.0, 0.27, 0.270493, math.nan),
    "long_steps": (0, 1, 20, 213, -1),
    "short_steps": (0, 200, 213, 270, 483),
    "long_in_flight_steps": (0, 0, -50),
    "short_in_flight_steps": (0, 0, 50),
    "price": (116000.0, 100000.0, 92000.0, 79000.0, 60000.0, 240000.0, math.nan),
    "price_age_ms": (0.0, 60_000.0, math.nan),
    "sigma_24h": (0.01, 0.019, 0.03, 0.05, math.nan),
    "funding_apr": (0.1095, -0.2, -0.6, -4.0, 4.0, math.nan),
    "funding_regime": (-1, 0, 1, 2, 4),
    "debt_usdt": (16200.0, 0.0, math.nan),
    "ltv_reported": (math.nan, math.nan, 0.7),
    "margin_usdt": (14493.6, 1500.0, 0.0, math.nan),
    "mm_usdt": (922.26, 0.0, 1200.0, math.nan),
    "manual_mode": (0, 0, 0, 1, 2, 3),
    "manual_target_btc": (math.nan, 0.1),
    "emergency": (0, 0, 1),
    "urgent_event": (0, 0, 1),
    "hedge_mode": (0, 1, 2),
    "funding_mode": (0, 1, 2),
    "schedule": (0, 1, 2),
    "min_interval_ms": (0, 30_000),
    "now_ms": (10_000, 4_000_000),
    "last_hedge_ms": (-1, 0),
    "vol_level": (-1, 0, 1, 2),
    "ltv_level": (-1, 0, 1, 2, 3),
    "margin_level": (-1, 0, 3),
    "funding_multiplier": (math.nan, 1.0, 0.5),
    "recentre": (0, 1),
}


def test_the_whole_decision_agrees_in_every_corner():
    """Missing inputs, emergencies, overrides: the compiled decision is the plain one, field by field."""
    decide, rng, actions = numba.njit(pipeline.decide), random.Random(5), set()
    for _ in range(3000):
        question = a_question(**{name: rng.choice(values) for name, values in CORNERS.items()})
        expected, actual = pipeline.decide(question), decide(question)
        assert close(expected, actual), question
        actions.add((expected.action, expected.reason))
    assert len(actions) > 20
