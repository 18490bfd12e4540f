"""The libraries that the backtest needs and the daemon does not: present, or a sentence that says how to get them."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from bot.domain.errors import SetUp

__all__ = ["absent", "require"]

_EXTRA = ("numba", "polars", "plotly", "optuna")
"""What the extra `backtest` of pyproject.toml brings; numpy comes with numba."""


def require(library: str) -> Any:
    """The module, or SetUp with the command that installs it."""
    try:
        return importlib.import_module(library)
    except ImportError:
        raise absent(library) from None


def absent(library: str) -> SetUp:
    """What to say where `library` is not installed: one command for it and for whatever else of the extra is missing."""
    name = library.partition(".")[0]
    names = " ".join(dict.fromkeys([name, *(one for one in _EXTRA if find_spec(one) is None)]))
    return SetUp(
        f"this needs {library}, which is not installed",
        f"Install it in this environment: python -m pip install {names}; in a clone scripts/run installs it by itself",
    )
