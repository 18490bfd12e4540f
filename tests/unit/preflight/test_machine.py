"""A look at the machine changes nothing: not even what the kernel holds for a journal that this process has open."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.commands import Note
from bot.journal.journal import Journal
from bot.preflight import doctor, machine
from bot.settings import load

BACKUP = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"


def test_the_journal_keeps_its_log_through_a_look_and_a_backup(tmp_path: Path) -> None:
    """Were the locks lost by it, the next program to close the file would take the log away, with what is in it."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path, deadline_s=60)
    journal.append(Note(severity="info", kind="one", text=""), 1)
    journal.commit()
    assert "" == machine.look(path).journal_problem
    subprocess.run([sys.executable, "-c", BACKUP, str(path), str(tmp_path / "copy.sqlite")], check=True)

    assert path.with_name("journal.sqlite-wal").exists()
    journal.append(Note(severity="info", kind="two", text=""), 2)
    journal.commit()
    question = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT max(number) FROM record'))"
    seen = subprocess.run([sys.executable, "-c", question, str(path)], check=True, capture_output=True, text=True)
    assert "(2,)" == seen.stdout.strip()
    journal.close()


@pytest.mark.parametrize(("found", "said"), [(b"no journal of any kind", "not a database"), (b"", "")])
def test_a_file_that_is_no_journal_is_told(tmp_path: Path, found: bytes, said: str) -> None:
    """An empty one is about to be one."""
    path = tmp_path / "journal.sqlite"
    path.write_bytes(found)
    assert said in machine.look(path).journal_problem
    assert bool(said) == bool(machine.look(path).journal_problem)
    assert found == path.read_bytes()


def test_a_disk_that_hangs_is_what_the_doctor_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It said nothing at all, for as long as the disk did not."""
    monkeypatch.setattr(machine, "LOOK_S", 0.0)
    known = {"BYBIT__REST_URL": "http://127.0.0.1:9", "JOURNAL__PATH": str(tmp_path / "journal.sqlite")}
    settings = load(environ={f"HEDGELOCK__{key}": value for key, value in known.items()}).settings

    found = asyncio.run(doctor.reasons_against(settings))

    assert any(line.startswith("journal: its disk has not answered") for line in found), found
