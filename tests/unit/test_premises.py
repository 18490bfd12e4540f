"""What lies beside the journal for others to find: the tokens of the window, and the journals of earlier paper venues."""

from __future__ import annotations

import time
from pathlib import Path

from bot.premises import (
    KEPT_PAPER_JOURNALS,
    new_verb_token,
    reading_token,
    reading_token_path,
    set_aside_strangers_journal,
    verb_token_path,
)


def test_the_token_that_reads_is_kept_and_the_one_that_operates_is_not(tmp_path: Path) -> None:
    """A page that is open outlives a restart; a verb asks anew. Nobody else on the machine may read either."""
    journal = tmp_path / "paper" / "journal.sqlite"
    reads, operates = reading_token(journal), new_verb_token(journal)

    assert reads == reading_token(journal) == reading_token_path(journal).read_text()
    assert operates != new_verb_token(journal)
    assert reads != operates
    assert 32 == len(reads) == len(operates)
    assert {0o600} == {path(journal).stat().st_mode & 0o777 for path in (reading_token_path, verb_token_path)}


def test_a_token_that_others_could_read_or_that_is_none_is_made_anew(tmp_path: Path) -> None:
    """What somebody else has seen, or cut short, opens nothing any more."""
    journal = tmp_path / "journal.sqlite"
    path, first = reading_token_path(journal), reading_token(journal)

    path.chmod(0o640)
    second = reading_token(journal)
    assert first != second
    assert 0o600 == path.stat().st_mode & 0o777

    for spoilt in ("", "short", "x" * 50):
        path.write_text(spoilt)
        assert 32 == len(reading_token(journal))
    path.unlink()
    assert second != reading_token(journal)


def test_where_the_disk_does_not_take_it_nobody_has_it(tmp_path: Path) -> None:
    """No reason not to hedge, and none to leave the window open: the token is in the daemon's memory alone."""
    (tmp_path / "file").touch()
    journal = tmp_path / "file" / "journal.sqlite"

    assert 32 == len(reading_token(journal))
    assert reading_token(journal) != reading_token(journal)


def test_a_journal_of_another_paper_venue_is_set_aside_whole_and_the_oldest_leave_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    for number in range(KEPT_PAPER_JOURNALS + 2):
        for part in ("", "-wal", "-shm"):
            Path(f"{journal}{part}").write_text(f"run {number}")
        set_aside_strangers_journal(journal, f"venue {number}")
        time.sleep(0.002)  # their names are moments, to the millisecond
    texts = sorted(file.read_text() for file in tmp_path.glob("journal*"))
    assert texts == [f"run {number}" for number in range(2, 7) for _ in range(3)]
