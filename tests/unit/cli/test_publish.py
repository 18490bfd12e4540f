"""The verb that tells the journal, as a supervisor sees it end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.command import app
from bot.exit_codes import ExitCode
from bot.journal import locks
from tests.unit.journal.told import a_days_desk, write


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal, and a broker that is never reached."""
    monkeypatch.setenv("HEDGELOCK__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "day.sqlite", a_days_desk(hours=1)).close()
    return tmp_path / "day.sqlite"


def ends(path: Path) -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["publish", "--once", "--file", str(path)])
    return answer.exit_code, answer.stderr


def test_a_disk_that_takes_no_mark_is_the_machine_s_fault(path: Path) -> None:
    """With its name, and with what became of the messages."""
    (path.parent / "day.stream.json.new").mkdir()
    code, said = ends(path)
    assert ExitCode.MACHINE == code
    assert "day.stream.json" in said
    assert "Nothing is lost" in said


def test_a_second_one_is_refused(path: Path) -> None:
    """As a second daemon is."""
    with locks.hold(path.with_suffix(".stream.lock"), ""):
        code, said = ends(path)
    assert ExitCode.OCCUPIED == code
    assert "another HedgeLock" in said


def test_no_journal_is_said_and_none_is_made(path: Path) -> None:
    """A misspelled path leaves nothing behind."""
    code, said = ends(path.parent / "there" / "day.sqlite")
    assert ExitCode.SETTINGS == code
    assert "there is no journal" in said
    assert not (path.parent / "there").exists()


def test_a_missing_library_is_said_before_a_journal_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal may come in hours; what must be installed is told at once."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    answer = CliRunner().invoke(app, ["publish", "--file", str(path.parent / "not yet.sqlite")])

    assert ExitCode.SETTINGS == answer.exit_code
    assert "python -m pip install confluent-kafka" in answer.stderr
