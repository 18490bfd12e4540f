"""The kill switch on a machine whose disk hangs: no look and no latch may keep it from the exchange.

A pipe that nobody writes stands for such a disk.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.domain.clock import elapsed_s
from scripts.kill import daemons, latch
from scripts.kill.plan import Verb


def test_a_latch_on_a_disk_that_hangs_is_a_complaint_and_the_others_are_closed(tmp_path: Path) -> None:
    """The legs stood open for as long as the daemon's disk had nothing to say."""
    hangs = tmp_path / ("x" * 250)  # no room for a draft's name: it is opened itself
    os.mkfifo(hangs)
    began_s = elapsed_s()

    closed, complaints = latch.close([hangs, tmp_path / "halt.latch"], Verb.FLATTEN, "why")

    assert elapsed_s() - began_s < 2 * latch.PATIENCE_S
    assert [str(tmp_path / "halt.latch")] == closed
    assert [
        f"the latch {hangs} cannot be written (its disk has not answered yet): stop the daemon by hand"
    ] == complaints


def test_a_latch_whose_name_is_none_is_a_complaint_and_the_others_are_closed(tmp_path: Path) -> None:
    """What a daemon left about itself was spoilt: that ended with a traceback, and nothing was halted or closed."""
    closed, complaints = latch.close([Path("/\0/halt.latch"), tmp_path / "halt.latch"], Verb.FLATTEN, "why")

    assert [str(tmp_path / "halt.latch")] == closed
    assert 1 == len(complaints)


def test_a_latch_by_two_names_is_closed_by_both(tmp_path: Path) -> None:
    """They are written at once, and neither takes the other's draft away."""
    (tmp_path / "link").symlink_to(tmp_path)
    both = [tmp_path / "halt.latch", tmp_path / "link" / "halt.latch"]

    assert ([str(path) for path in both], []) == latch.close(both, Verb.FLATTEN, "why")

    assert "why" in both[0].read_text()
    assert {"halt.latch", "link"} == {path.name for path in tmp_path.iterdir()}


def test_a_daemons_folder_that_hangs_tells_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "daemon.json")

    assert {} == daemons.whereabouts(tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root writes into another user's folder")
def test_the_latch_that_root_closes_is_the_daemons_to_read(tmp_path: Path) -> None:
    """`sudo scripts/kill_switch.py`: its user was told that the latch cannot be read, and not who closed it and why."""
    (folder := tmp_path / "var").mkdir()
    os.chown(folder, 12345, 12345)

    latch.close([folder / "halt.latch"], Verb.FLATTEN, "why")

    assert (12345, 0o600) == ((facts := (folder / "halt.latch").stat()).st_uid, facts.st_mode & 0o777)
