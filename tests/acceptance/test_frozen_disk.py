"""A disk that hangs in the kernel, as a frozen or a dying one does: who waits for it there cannot be ended, not even by SIGKILL.

A small file system in a file is mounted and frozen, which needs root on Linux; elsewhere these tests are skipped. They are a campaign: who
ends one in the middle has a frozen disk to thaw (fsfreeze -u).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.exit_codes import ExitCode
from bot.journal.journal import Journal
from tests.acceptance.processes import ROOT, a_venue, environment

pytestmark = [pytest.mark.acceptance, pytest.mark.campaign]

WITHIN_S = 20
"""Far longer than any patience with a disk, far shorter than the disk stays frozen."""


class Disk:
    """A file system of its own, and whether it is frozen."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._is_frozen = folder, False

    def freeze(self) -> None:
        subprocess.run(["fsfreeze", "-f", self.folder], check=True)
        self._is_frozen = True

    def thaw(self) -> None:
        if self._is_frozen:
            subprocess.run(["fsfreeze", "-u", self.folder], check=True)
        self._is_frozen = False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    image, folder = tmp_path / "image", tmp_path / "disk"
    folder.mkdir()
    if not all(map(shutil.which, ("fsfreeze", "mkfs.ext4", "mount"))):
        pytest.skip("nothing here can make and freeze a file system")
    with image.open("wb") as stream:
        stream.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, folder], check=False, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    mounted = Disk(folder)
    try:
        yield mounted
    finally:
        mounted.thaw()
        subprocess.run(["umount", "-l", folder], check=True)


def ends(cwd: Path, *words: str, tmp: Path | None = None, **settings: str) -> tuple[int, str]:
    """Exit code and words of a program that ends by itself while the disk is frozen."""
    command, outer = [sys.executable, *words], environment(settings) | ({"TMPDIR": str(tmp)} if tmp else {})
    process = subprocess.Popen(command, cwd=cwd, env=outer, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        told, _ = process.communicate(timeout=WITHIN_S)
    finally:
        process.kill()  # and not waited for: what this looks for is what has no end
    return process.returncode, told


@pytest.mark.timeout(150)
def test_every_command_ends_and_says_that_the_disk_does_not_answer(tmp_path: Path, disk: Disk) -> None:
    """They printed nothing, or printed it and stayed: a thread of theirs was in the kernel, and a process with such a thread has no end."""
    path = disk.folder / "var" / "journal.sqlite"
    Journal(path).close()
    (disk.folder / "var" / "halt.latch").write_text('{"words": "freeze by me: a look"}')
    with a_venue(tmp_path) as venue:
        known = {"JOURNAL__PATH": str(path), "BYBIT__REST_URL": venue.url, "WEB__PORT": "9"}
        disk.freeze()
        doctor = ends(tmp_path, "-m", "bot", "doctor", **known)
        resume = ends(tmp_path, "-m", "bot", "resume", "--reason", "why", **known)
        orders = ends(tmp_path, "-m", "bot", "journal", "orders", **known)
        bundle = ends(tmp_path, "-m", "bot", "bundle", "--out", "here.tar.gz", **known)
        beside = ends(tmp_path, "-m", "bot", "bundle", "--out", str(disk.folder / "there.tar.gz"), **known)

    assert (ExitCode.MACHINE, True) == (doctor[0], "its disk has not answered" in doctor[1]), doctor
    assert (ExitCode.ACCOUNT, True) == (resume[0], "its disk has not answered" in resume[1]), resume
    assert (ExitCode.FAILURE, True) == (orders[0], "has not answered within" in orders[1]), orders
    assert (ExitCode.OK, True) == (bundle[0], (tmp_path / "here.tar.gz").exists()), bundle
    assert (ExitCode.FAILURE, True) == (beside[0], "has not answered within" in beside[1]), beside


@pytest.mark.timeout(150)
def test_the_kill_switch_is_done_and_ends_although_the_latch_cannot_be_closed(tmp_path: Path, disk: Disk) -> None:
    """Its legs were closed, and whoever waited for its exit code (the watch does, before it looks again) waited for the disk."""
    (disk.folder / "tmp").mkdir()
    with a_venue(tmp_path) as venue:
        venue.owner_trades("Sell", "0.100", 2)
        disk.freeze()
        code, told = ends(
            tmp_path, str(ROOT / "scripts" / "kill_switch.py"), "flatten", "--yes", "--drill",
            "--home", str(tmp_path), "--host", venue.url, "--latch", str(disk.folder / "halt.latch"),
            tmp=disk.folder / "tmp",
        )  # fmt: skip

    assert 0 == code, told
    assert "cannot be written (its disk has not answered yet)" in told
    assert "the drill could not be recorded" in told
    assert "done and verified: flatten" in told
