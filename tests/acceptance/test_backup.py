"""A copy of the journal of a running daemon, as docs/upgrade.md says, and by a program that asks for more than it needs; and a hand that
takes its log away."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.commands import PlaceOrder
from bot.journal.reader import open_journal
from tests.acceptance.processes import ROOT, a_daemon, wait_for

pytestmark = pytest.mark.acceptance

WRITER = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"


def as_the_page_says() -> list[list[str]]:
    """The commands of docs/upgrade.md that copy a journal while the daemon runs, for those programs that are here."""
    page = (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8")
    lines = [
        line.replace("var/mainnet/", "var/paper/") for line in re.findall(r"^(?:sqlite3|\.venv).*$", page, re.MULTILINE)
    ]
    commands = [shlex.split(line.replace(".venv/bin/python", sys.executable)) for line in lines]
    assert len(commands) == 3
    return [command for command in commands if shutil.which(command[0])]


def test_a_running_daemon_keeps_every_record_through_a_backup(tmp_path: Path) -> None:
    """Each copy is whole, the write-ahead log stays where it is, and after SIGKILL all that the daemon said is on the disk."""
    journal = tmp_path / "var" / "paper" / "journal.sqlite"
    with a_daemon(tmp_path) as daemon:
        wait_for(lambda: daemon.said("preflight") and daemon.said("hedge ended"), seconds=60, what="the first hedge")
        for command in as_the_page_says():
            (tmp_path / "journal-copy.sqlite").unlink(missing_ok=True)
            subprocess.run(command, cwd=tmp_path, check=True)
            assert len(orders(tmp_path / "journal-copy.sqlite")) == 2
        subprocess.run([sys.executable, "-c", WRITER, journal, tmp_path / "copy.sqlite"], check=True)

        before = daemon.status()["health"]["records"]
        wait_for(lambda: daemon.status()["health"]["records"] > before, seconds=30, what="the daemon to go on")
        said = daemon.status()["health"]["records"]
        wait_for(lambda: newest(journal) >= said, seconds=10, what="its records to reach the disk")
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait(10)
    assert newest(journal) >= said


def test_a_log_deleted_under_a_running_daemon_is_told_and_costs_no_record(tmp_path: Path) -> None:
    """Somebody makes room with `rm journal.sqlite-*`: a moment of REDUCING, then TRADING again, and SIGKILL finds every order's intent."""
    journal = tmp_path / "var" / "paper" / "journal.sqlite"
    with a_daemon(tmp_path) as daemon:
        wait_for(lambda: daemon.said("preflight") and daemon.said("hedge ended"), seconds=60, what="the first hedge")
        for part in ("-wal", "-shm"):
            journal.with_name(f"{journal.name}{part}").unlink()
        wait_for(lambda: daemon.status()["mode"]["name"] == "REDUCING", seconds=10, what="REDUCING")
        assert "took its write-ahead log (-wal or -shm) away" in daemon.status()["mode"]["why"]
        wait_for(lambda: daemon.status()["mode"]["name"] == "TRADING", seconds=10, what="TRADING")

        said = daemon.status()["health"]["records"]
        wait_for(lambda: newest(journal) >= said, seconds=10, what="its records to reach the disk")
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait(10)
        assert ["journal unwritable"] == [line["kind"] for line in daemon.log if line["level"] == "critical"]
    assert newest(journal) >= said
    assert len(orders(journal)) == 2


def orders(path: Path) -> list[str]:
    with open_journal(path) as reader:
        return [place.order_link_id for _, place in reader.of(PlaceOrder, last=None)]


def newest(path: Path) -> int:
    with open_journal(path) as reader:
        return reader.newest_number
