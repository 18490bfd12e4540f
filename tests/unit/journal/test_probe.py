"""Whether a disk answers; that a frozen one does not is shown by acceptance/test_frozen_disk.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.journal.journal import Journal
from bot.journal.probe import wait_for_disk


def test_a_disk_that_answers_is_left_as_it_was(tmp_path: Path) -> None:
    """Beside a journal that is open, and where there is none; not even a time changes."""
    journal = Journal(tmp_path / "journal.sqlite")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())}

    wait_for_disk(journal.path, 20)
    wait_for_disk(tmp_path / "not" / "yet" / "there.sqlite", 20)

    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())}
    journal.close()


def test_it_is_waited_for_no_longer_than_that(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="has not answered within 0 s"):
        wait_for_disk(tmp_path / "journal.sqlite", 0.0)
