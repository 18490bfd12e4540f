"""Two daemons, two hosts' worth of journals, one account: a disk that was copied, and a journal begun anew elsewhere.

Each host has a folder and a /tmp of its own, so that no lock is shared: all they have in common is the venue.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from bot.exit_codes import ExitCode
from tests.acceptance.processes import Daemon, Venue, a_daemon, a_venue, environment, wait_for

pytestmark = pytest.mark.acceptance


@pytest.mark.timeout(300)
def test_a_copied_disk_never_makes_two_writers(tmp_path: Path) -> None:
    """The copy that starts beside its original halts by the original's next order, before it has sent one; a copy that is already behind
    halts as it starts, and so does a new journal. The original goes on. No name is given to two orders.
    """
    hosts = {name: tmp_path / name for name in ("original", "twin", "late", "new")}
    for folder in hosts.values():
        (folder / "tmp").mkdir(parents=True)
    with a_venue(tmp_path, speed=60) as venue, _on(hosts["original"], venue) as original:
        wait_for(lambda: original.said("hedge ended"), seconds=60, what="the first hedge")
        wait_for(lambda: _mode(original) == "TRADING", seconds=30, what="the original trading")
        for name in ("twin", "late"):
            _copy(original, hosts["original"], hosts[name])

        with _on(hosts["twin"], venue) as twin:
            wait_for(lambda: _mode(twin) == "TRADING", seconds=60, what="the twin, which nothing tells of the original")
            before = _names(venue)
            venue.owner_trades("Sell", "0.05", 2)
            wait_for(lambda: len(original.said("hedge ended")) >= 2, seconds=30, what="the original's hedge")
            wait_for(lambda: _mode(twin) == "HALTED", seconds=10, what="the twin to hear of it")
            _has_halted(twin, venue, since=before)
        assert _mode(original) == "TRADING"

        before = _names(venue)
        with _on(hosts["new"], venue) as new:
            wait_for(lambda: _mode(new) == "HALTED", seconds=60, what="the new journal to see whose orders these are")
            assert ExitCode.OCCUPIED == _doctor(hosts["late"], venue, says="is of another HedgeLock")
            with _on(hosts["late"], venue) as late:
                wait_for(lambda: _mode(late) == "HALTED", seconds=60, what="the copy to see that it is behind")
                venue.owner_trades("Buy", "0.05", 2)
                wait_for(lambda: len(original.said("hedge ended")) >= 3, seconds=30, what="the original's next hedge")
                _has_halted(late, venue, since=before)
            _has_halted(new, venue, since=before)
        assert _mode(original) == "TRADING"
        assert original.stop() == 0

        sent = Counter(order["orderLinkId"] for order in venue.orders() if order["orderLinkId"])
        assert [] == [name for name, times in sent.items() if times > 1]
        assert {run for run, _, _ in (name.partition("-") for name in sent)} == {original.run}


@pytest.mark.timeout(240)
def test_a_journal_that_was_put_aside_is_told_and_lifted_by_a_word(tmp_path: Path) -> None:
    """Yesterday's own orders stand in the venue's list, and the new journal cannot tell whose they are. So it halts, says so, and
    `hedgelock resume` ends it, with the daemon up and after the next start; nothing is asked twice.
    """
    (tmp_path / "tmp").mkdir()
    with a_venue(tmp_path, speed=60) as venue:
        with _on(tmp_path, venue) as before:
            wait_for(lambda: before.said("hedge ended"), seconds=60, what="the first hedge")
            assert before.stop() == 0
        for file in (tmp_path / "var/paper").glob("journal*"):
            file.unlink()

        with _on(tmp_path, venue) as after:
            wait_for(lambda: _mode(after) == "HALTED", seconds=60, what="the new journal to halt")
            assert "another HedgeLock trades this account" in after.status()["mode"]["why"]
            told = _typed(tmp_path, venue, "resume", "--reason", "the journal was put aside", port=after.port)
            assert 0 == told.returncode, told.stdout + told.stderr
            wait_for(lambda: _mode(after) == "TRADING", seconds=30, what="trading again")
            assert after.stop() == 0
        assert 0 == _typed(tmp_path, venue, "doctor").returncode
        with _on(tmp_path, venue) as again:
            wait_for(lambda: _mode(again) == "TRADING", seconds=60, what="the next start to trade")


def _on(host: Path, venue: Venue) -> AbstractContextManager[Daemon]:
    return a_daemon(host, venue=venue, tmp=host / "tmp")


def _copy(daemon: Daemon, disk: Path, copy: Path) -> None:
    """What a snapshot of the disk holds: everything in one moment."""
    daemon.process.send_signal(signal.SIGSTOP)
    shutil.copytree(disk / "var", copy / "var")
    daemon.process.send_signal(signal.SIGCONT)


def _mode(daemon: Daemon) -> str:
    return str(daemon.status()["mode"]["name"])


def _names(venue: Venue) -> set[str]:
    return {order["orderLinkId"] for order in venue.orders()}


def _has_halted(daemon: Daemon, venue: Venue, *, since: set[str]) -> None:
    """It is latched on disk, says why, and has sent nothing since."""
    assert daemon.status()["latch"]["closed"]
    assert "another HedgeLock trades this account" in daemon.status()["mode"]["why"]
    assert [] == [name for name in _names(venue) - since if name.startswith(daemon.run)]


def _typed(host: Path, venue: Venue, *words: str, port: int = 9) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", *words]
    known = environment({"BYBIT__REST_URL": venue.url, "WEB__PORT": str(port)}) | {"TMPDIR": str(host / "tmp")}
    return subprocess.run(command, cwd=host, env=known, capture_output=True, text=True, timeout=60, check=False)


def _doctor(host: Path, venue: Venue, *, says: str) -> int:
    (host / "tmp").mkdir(parents=True, exist_ok=True)
    ran = _typed(host, venue, "doctor")
    assert says in ran.stdout, ran.stdout + ran.stderr
    return ran.returncode
