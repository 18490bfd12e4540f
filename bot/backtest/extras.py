"""The libraries that the backtest needs and the daemon does not: present, or a sentence that says how to get them."""

from __future__ import annotations

import importlib
from typing import Any

from bot.domain.errors import SetUp

__all__ = ["require"]


def require(library: str) -> Any:
    """The module, or SetUp with the command that installs it."""
    try:
        return importlib.import_module(library)
    except ImportError:
        name = library.partition(".")[0]
        raise SetUp(
            f"this needs {library}, which is not installed",
            f"Install it in this environment: python -m pip install {name}; in a clone scripts/run installs it by itself",
        ) from None
