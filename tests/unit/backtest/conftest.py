"""What the backtest's tests share: one compiled kernel for the whole run, kept on disk between runs."""

import fcntl
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
    """The compiled kernel. Of two processes that want it at once, the second waits and loads what the first compiled."""
    from bot.backtest import policies
    from bot.backtest.compiled import compiled
    from bot.backtest.outcome import play
    from tests.unit.backtest.tapes import of_prices, whole

    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "compiling").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made, tape = compiled(), of_prices([100_000.0] * 3)
        made.sigma_series(tape.at_ms, tape.close, tape.bar_ms, tape.bar_ms, 24, 6, 720.0)
        made.target_series(tape.at_ms, tape.close, tape.bar_ms, tape.bar_ms, 24, 6)
        made.funding_regimes(tape.settle_ms, tape.settle_rate, tape.settle_hours, 0.15)
        book = policies.opening(spot_btc=0.27, loan_usdt=16_200)
        play(made, tape, whole(tape), book, policies.comparison(0.27)[0])
        return made


def pytest_collection_modifyitems(items):
    for item in items:
        if "engines" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(COMPILING_S))
