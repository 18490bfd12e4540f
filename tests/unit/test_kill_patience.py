"""The kill switch on a machine whose disk hangs: no look and no latch may keep it from the exchange.

A pipe that nobody writes stands for such a disk.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from bot.domain.clock import elapsed_s
from scripts.kill import daemons, latch
from scripts.kill.patience import begun, in_time
from scripts.kill.plan import Verb

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def a_disk_that_hangs(path: Path) -> Iterator[None]:
    """A pipe of that name; at the end both its ends are there for a moment, and whoever waits for one goes on, and ends."""
    os.mkfifo(path)
    try:
        yield
    finally:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


def test_a_latch_on_a_disk_that_hangs_is_a_complaint_and_the_others_are_closed(tmp_path: Path) -> None:
    """The legs stood open for as long as the daemon's disk had nothing to say."""
    hangs = tmp_path / ("x" * 250)  # no room for a draft's name: it is opened itself
    began_s = elapsed_s()

    with a_disk_that_hangs(hangs):
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
    with a_disk_that_hangs(tmp_path / "daemon.json"):
        assert {} == daemons.whereabouts(tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root writes into another user's folder")
def test_the_latch_that_root_closes_is_the_daemons_to_read(tmp_path: Path) -> None:
    """`sudo scripts/kill_switch.py`: its user was told that the latch cannot be read, and not who closed it and why."""
    (folder := tmp_path / "var").mkdir()
    os.chown(folder, 12345, 12345)

    latch.close([folder / "halt.latch"], Verb.FLATTEN, "why")

    assert (12345, 0o600) == ((facts := (folder / "halt.latch").stat()).st_uid, facts.st_mode & 0o777)


def refuse(*_: object) -> NoReturn:
    raise BlockingIOError(11, "Resource temporarily unavailable")


@pytest.mark.parametrize("call", ["fork", "pipe"])
def test_without_room_for_another_process_the_latch_is_closed_and_a_hung_one_not_waited_for(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written in the kill's own thread then, and the kill stood with the disk."""
    hangs = tmp_path / ("x" * 250)
    monkeypatch.setattr(os, call, refuse)
    began_s = elapsed_s()

    with a_disk_that_hangs(hangs):
        closed, complaints = latch.close([hangs, tmp_path / "halt.latch"], Verb.FLATTEN, "why")

    assert elapsed_s() - began_s < 2 * latch.PATIENCE_S
    assert ([str(tmp_path / "halt.latch")], 1) == (closed, len(complaints))
    assert "its disk has not answered yet" in complaints[0]


def test_without_room_for_another_process_much_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a pipe holds, such as a daemon's environment: who wrote it and who was to read it were one, and waited for ever."""
    monkeypatch.setattr(os, "fork", refuse)

    assert "x" * 200_000 == in_time(lambda: "x" * 200_000, "")


def test_a_look_whose_process_is_killed_tells_nothing(tmp_path: Path) -> None:
    """As the kernel does where memory is short. It ended the kill with a traceback."""

    def die() -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return "told"

    assert "nothing" == in_time(die, "nothing")
    with pytest.raises(TimeoutError, match="was killed"):
        begun(die).result(5.0)


def test_no_copy_is_left_unburied() -> None:
    """In a container they are left to the daemon, which does not know of them."""
    copy = begun(os.getpid).result(5.0)

    assert not Path(f"/proc/{copy}").exists()


def test_a_copy_has_no_file_of_the_kill_open_and_is_heard_with_every_stream_closed() -> None:
    """The pipe on which it was heard of took a closed stream's number and was covered: the latch did not tell that it is closed."""
    tell = (
        "import os, socket, sys; from scripts.kill.patience import in_time; ours = socket.create_server(('127.0.0.1', 0)); "
        "look = lambda: [os.path.realpath('/proc/self/fd/' + name) for name in os.listdir('/proc/self/fd')];"
        "said = in_time(look, None)"
    )
    check = "os._exit(0 if said and not any('socket' in name for name in said) else 3)"
    for closed in ("", "<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        command = f'exec {sys.executable} -c "{tell}; {check}" {closed}'

        assert 0 == subprocess.run(["sh", "-c", command], cwd=ROOT, check=False, timeout=30).returncode, closed


def test_the_locks_of_daemons_that_are_gone_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One copy of the process for each that ever ran: on a machine of many tries the legs stood open a second longer."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (locks := tmp_path / f"hedgelock-{os.getuid()}").mkdir()
    for number in range(50):
        (locks / f"{number}.lock").write_text(f"1\n{tmp_path}/{number}/halt.latch\n")
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("asked of one that is gone"))

    assert [] == daemons.running([])
