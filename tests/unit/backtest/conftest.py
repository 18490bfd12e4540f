"""What the backtest's tests share: one compiled kernel for the whole run, kept on disk between runs."""

import os
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("polars")
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "hedgelock-numba"))


@pytest.fixture(scope="session")
def engines():
    from bot.backtest.compiled import compiled

    return compiled()
