"""What lies beside the journal for others to find: the tokens of the window, and the journals of earlier paper venues."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bot.domain.errors import JournalUnfit
from bot.domain.events import Started
from bot.journal.journal import Journal
from bot.premises import (
    KEPT_PAPER_JOURNALS,
    new_verb_token,
    reading_token,
    reading_token_path,
    ready_journal,
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


def a_journal(path: Path, mode: str) -> bytes:
    journal = Journal(path)
    journal.append(Started(run="r", version="1", mode=mode, settings_hash=""), 1)
    journal.commit()
    journal.close()
    return path.read_bytes()


def test_what_is_no_journal_is_not_set_aside(tmp_path: Path) -> None:
    """A path that names a folder, the clone even, or another file: the paper daemon moved it out of the way."""
    folder, page = tmp_path / "clone", tmp_path / "README.md"
    folder.mkdir()
    page.write_text("a page")
    for path in (folder, page):
        with pytest.raises(JournalUnfit):
            ready_journal(path, "paper", "another venue")

    assert sorted([folder, page]) == sorted(tmp_path.iterdir())


@pytest.mark.parametrize(("found", "mode", "venue"), [("mainnet", "paper", "a venue"), ("paper", "mainnet", "")])
def test_a_journal_of_another_world_is_neither_continued_nor_set_aside(
    found: str, mode: str, venue: str, tmp_path: Path
) -> None:
    """One path for every world: paper's books must not become mainnet's, and mainnet's must not go."""
    path = tmp_path / "journal.sqlite"
    before = a_journal(path, found)
    with pytest.raises(JournalUnfit, match=f"is the journal of {found}, and this is {mode}"):
        ready_journal(path, mode, venue)

    assert before == path.read_bytes()
    ready_journal(path, found, "")  # its own world's goes on
    assert before == path.read_bytes()


def test_a_copy_that_a_person_laid_beside_it_stays(tmp_path: Path) -> None:
    """Only names that were given here are dropped when there are too many."""
    journal, copy = tmp_path / "journal.sqlite", tmp_path / "journal-1.sqlite"
    copy.write_text("mine")
    for number in range(KEPT_PAPER_JOURNALS + 2):
        a_journal(journal, "paper")
        ready_journal(journal, "paper", f"venue {number}")
        time.sleep(0.002)

    assert "mine" == copy.read_text()
    assert KEPT_PAPER_JOURNALS + 1 == len(list(tmp_path.glob("journal-*.sqlite")))
