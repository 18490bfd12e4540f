"""What the backtest's tests share: one compiled kernel for the whole run, kept on disk between runs."""

import os
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("polars")
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "hedgelock-numba"))

COMPILING_S = 900
"""Whoever asks first waits for the compiler, and a busy machine takes its time."""


@pytest.fixture(scope="session")
def engines():
    from bot.backtest.compiled import compiled

    return compiled()


def pytest_collection_modifyitems(items):
    for item in items:
        if "engines" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(COMPILING_S))
