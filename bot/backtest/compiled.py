"""The kernel, compiled: the very functions of `strategy` and of this room, handed to Numba unchanged.

`run` and the series of the past are here in both speeds; `plain` ones step in a debugger. Machine code is kept on disk under a
name made of the sources, because Numba's own cache does not notice a change in a function that another file holds.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.backtest.extras import require

__all__ = ["Engines", "compiled", "plain"]

_STRATEGY = (
    "hysteresis", "hedge", "allocate", "ladder", "insurance", "funding", "risk", "profit", "volatility", "streaming",
    "stages", "trade", "pipeline",
)  # fmt: skip
_OURS = ("account", "chores", "deeds", "series", "kernel")


class Engines:
    """The entry points at one speed: the kernel's loop, and what it reads of the past."""

    def __init__(self, speed: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        from bot.backtest import kernel, series

        self.run = speed(kernel.run)
        self.sigma_series, self.target_series = speed(series.sigma_series), speed(series.target_series)
        self.funding_regimes = speed(series.funding_regimes)


def plain() -> Engines:
    """The same loop, interpreted: some hundred times slower, and every line can be stopped at."""
    return Engines(lambda function: function)


@cache
def compiled() -> Engines:
    """The loop as machine code; compiles for some ten seconds the first time after a change, then loads from disk. Releases the GIL."""
    numba = require("numba")
    extending = importlib.import_module("numba.extending")
    numba.config.CACHE_DIR = str(_cache_folder(numba.__version__))
    for function in _functions():
        extending.register_jitable(forceinline=True)(function)  # or wide tuples are copied at every call
    return Engines(numba.njit(cache=True, nogil=True))


def _modules() -> Iterator[ModuleType]:
    for name in _STRATEGY:
        yield importlib.import_module(f"bot.strategy.{name}")
    for name in _OURS:
        yield importlib.import_module(f"bot.backtest.{name}")


def _functions() -> Iterator[Callable[..., Any]]:
    for module in _modules():
        for function in vars(module).values():
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                yield function


def _cache_folder(version: str) -> Path:
    """Under NUMBA_CACHE_DIR, or the user's cache; one folder per state of the sources."""
    digest = hashlib.sha256(version.encode())
    for module in (
        *_modules(),
        importlib.import_module("bot.strategy.decision"),
        importlib.import_module("bot.backtest.book"),
    ):
        digest.update(Path(str(module.__file__)).read_bytes())
    base = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "hedgelock", "numba"
    )
    return Path(base) / digest.hexdigest()[:16]
