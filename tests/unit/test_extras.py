"""What is missing is named with a command that works where HedgeLock lives: in a clone, or beside a wheel, never by an index."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.backtest.extras import require
from bot.domain.errors import SetUp
from bot.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[2]
BY_AN_INDEX = re.compile(r"pip3? install [\"']?hedgelock")


def test_a_library_that_is_missing_is_named_with_its_own_command() -> None:
    with pytest.raises(SetUp) as failed:
        require("no_such_library.offline")

    assert "python -m pip install no_such_library;" in failed.value.mend


@pytest.mark.parametrize(
    "verb", [["compare"], ["backtest"], ["stress"], ["sweep", "hedge.band_btc=0.01"], ["data", "check"]]
)
def test_a_wheel_without_the_extra_says_so(verb: list[str], tmp_path: Path) -> None:
    """Every verb of the past, where numpy is not there: one sentence and the command, no traceback."""
    lacking = "import sys; sys.modules['numpy'] = None; from bot.cli.command import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", lacking, *verb],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ExitCode.SETTINGS == ended.returncode, ended.stderr
    assert "this needs numpy, which is not installed" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_nobody_is_sent_to_an_index_for_hedgelock_itself() -> None:
    """It does not live there, and somebody else's might."""
    pages = [*(ROOT / "bot").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]

    assert [] == [page for page in pages if BY_AN_INDEX.search(page.read_text(encoding="utf-8"))]
