"""The journal on a disk that fails: full, locked, slow, replaced. It says so at once, forgets nothing, and goes on by itself."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.domain.clock import elapsed_s
from bot.domain.errors import JournalFailed, JournalUnfit, SetUp
from bot.domain.events import FactsLost, Stopping
from bot.domain.records import Record
from bot.journal import journal as room
from bot.journal.journal import Journal
from bot.journal.reader import open_journal
from tests.patience import until
from tests.unit.engine.desk import NOW_MS, a_ticker

A, B, C = (Stopping(reason=word) for word in "abc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def holding(path: Path, *records: Record, **patience: Any) -> Journal:
    """A journal that took records in; whether they reach the disk is the test's story."""
    journal = Journal(path, retry_s=0.05, **patience)
    for n, record in enumerate(records):
        journal.append(record, NOW_MS + n)
    return journal


def on_disk(path: Path) -> list[Record]:
    return [record for record, _ in Journal(path).read()]


def as_a_reader_sees(path: Path) -> list[Record]:
    with open_journal(path) as journal:
        return [entry.record for entry in journal.entries()]


def a_copy_as_after_a_kill(path: Path) -> Path:
    """The files that a process which dies now leaves under their names."""
    folder = path.with_name("killed")
    folder.mkdir()
    for file in (path, log_of(path)):
        shutil.copy(file, folder)
    return folder / path.name


def is_written(journal: Journal) -> Callable[[], bool]:
    """Whether a commit succeeds now."""

    def look() -> bool:
        try:
            journal.commit()
        except JournalFailed:
            return False
        return not journal.pending

    return look


async def test_a_locked_journal_fails_the_commit_and_forgets_nothing(path: Path) -> None:
    """Somebody holds a write lock: said within the commit's patience; afterwards everything is written, in order."""
    journal = holding(path, A)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(JournalFailed, match=r"cannot be written: (database is locked|the disk took longer)"):
        journal.commit()
    journal.append(B, NOW_MS)
    holder.execute("ROLLBACK")
    await until(is_written(journal))

    assert [A, B] == on_disk(path)


def test_while_the_disk_fails_trying_costs_the_daemon_nothing(path: Path) -> None:
    """Between two trials a commit fails at once: the market does not wait for a lock."""
    journal = Journal(path)
    journal.append(A, NOW_MS)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalFailed):
        journal.commit()

    began_s = elapsed_s()
    for _ in range(100):
        with pytest.raises(JournalFailed, match=r"locked|the disk took longer"):
            journal.commit()

    assert elapsed_s() - began_s < 10 * room.BUSY_S


def test_a_full_disk_fails_the_commit_and_is_forgiven_when_there_is_room(path: Path) -> None:
    """In a process whose files may not grow: no room, no intent on disk; room again, and all of it is there."""
    story = """
import resource, sys, time
from pathlib import Path
from typing import Any
from bot.domain.errors import JournalFailed
from bot.domain.events import Stopping
from bot.journal.journal import Journal

path = Path(sys.argv[1])
journal = Journal(path)
journal.append(Stopping(reason="before"), 1)
journal.commit()
free = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, free[1]))
for n in range(100):
    journal.append(Stopping(reason=f"{n} " + "x" * 10_000), 2)
try:
    journal.commit()
except JournalFailed as failed:
    print(failed)
print(journal.pending)
resource.setrlimit(resource.RLIMIT_FSIZE, free)
for _ in range(100):
    try:
        journal.commit()
        break
    except JournalFailed:
        time.sleep(0.1)
print(journal.pending)
journal.close()
"""
    env = os.environ | {"PYTHONPATH": os.getcwd()}
    told = subprocess.run(
        [sys.executable, "-c", story, str(path)], env=env, capture_output=True, text=True, timeout=30, check=True
    ).stdout.splitlines()

    assert ["the journal cannot be written: disk I/O error", "100", "0"] == told
    assert ["before", *map(str, range(100))] == [r.reason.split()[0] for r in on_disk(path) if isinstance(r, Stopping)]


async def test_a_database_without_room_says_full(path: Path) -> None:
    """SQLite's own limit speaks as an ENOSPC does."""
    journal = holding(path)
    journal._db.execute("PRAGMA max_page_count = 8")
    journal.append(Stopping(reason="x" * 1_000_000), NOW_MS)

    with pytest.raises(JournalFailed, match="database or disk is full"):
        journal.commit()
    journal._db.execute("PRAGMA max_page_count = 1000000")
    await until(is_written(journal))

    assert 1 == len(on_disk(path))


async def test_a_slow_disk_fails_the_commit_and_the_write_still_counts(path: Path) -> None:
    """No order waits for a disk; what it wrote in the end is there once, and what came meanwhile follows."""
    journal, disk = holding(path, A, deadline_s=0.02), threading.Event()
    journal._writer.submit(disk.wait)  # the writer's thread is busy until then

    with pytest.raises(JournalFailed, match="longer than 20 ms"):
        journal.commit()
    journal.append(B, NOW_MS)
    disk.set()
    await until(is_written(journal))

    assert [A, B] == on_disk(path)


async def test_a_write_that_hangs_holds_nobody_up(path: Path) -> None:
    """The writer's thread waits for the disk; the daemon waited once, for as long as its deadline."""
    journal = holding(path, A, deadline_s=0.02)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    began_s = elapsed_s()
    for _ in range(50):
        with pytest.raises(JournalFailed, match="longer than 20 ms"):
            journal.commit()
    assert elapsed_s() - began_s < room.BUSY_S

    holder.execute("ROLLBACK")
    await until(is_written(journal))

    assert [A] == on_disk(path)


def test_whoever_leaves_keeps_the_journal_until_its_last_write_has_ended(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let go of while a write hung, the next daemon gave the same numbers once more: it could not write until it was started again."""
    monkeypatch.setattr(room, "LEAVE_S", 0.05)
    journal, disk = holding(path, A, deadline_s=0.02), threading.Event()
    journal._writer.submit(disk.wait)
    with pytest.raises(JournalFailed, match="longer than 20 ms"):
        journal.commit()
    journal.append(B, NOW_MS)
    leaving = threading.Thread(target=journal.close)
    leaving.start()

    leaving.join(0.5)
    assert leaving.is_alive()
    disk.set()
    leaving.join()

    assert [A, B] == on_disk(path)


async def test_a_journal_that_was_replaced_is_not_written_into_the_void(path: Path) -> None:
    """Somebody moved the file away: the daemon says so instead of writing where nobody will ever look."""
    journal = holding(path, A)
    journal.commit()
    aside = f"{path}-aside"
    os.rename(path, aside)
    journal.append(B, NOW_MS)

    with pytest.raises(JournalFailed, match="its file is gone"):
        journal.commit()
    shutil.copy(aside, path)
    time_to_retry = elapsed_s() + 0.1
    await until(lambda: elapsed_s() > time_to_retry)
    with pytest.raises(JournalFailed, match="replaced by another"):
        journal.commit()
    os.replace(aside, path)
    await until(is_written(journal))

    assert [A, B] == on_disk(path)


def log_of(path: Path) -> Path:
    return Path(f"{path}-wal")


def taken_away(path: Path) -> None:
    log_of(path).unlink()


def taken_away_with_its_index(path: Path) -> None:
    taken_away(path)
    Path(f"{path}-shm").unlink()


def index_taken_away(path: Path) -> None:
    Path(f"{path}-shm").unlink()


def begun_anew_by_a_reader(path: Path) -> None:
    taken_away_with_its_index(path)
    reads = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM sqlite_master').fetchone()"
    subprocess.run(
        [sys.executable, "-c", reads, path], check=True
    )  # a process of its own: SQLite shares the index within one
    assert 0 == log_of(path).stat().st_size


@pytest.mark.parametrize("harm", [taken_away, taken_away_with_its_index, index_taken_away, begun_anew_by_a_reader])
async def test_a_log_without_a_name_is_folded_in_and_another_begun(path: Path, harm: Callable[[Path], None]) -> None:
    """What SQLite writes into a log that was deleted dies with the process: it is said, and no record is lost, by SIGKILL neither."""
    journal = holding(path, A)
    journal.commit()
    harm(path)
    journal.append(B, NOW_MS)

    with pytest.raises(JournalFailed, match=r"took its write-ahead log .* away; what was in it is in the journal now"):
        journal.commit()
    assert [A] == as_a_reader_sees(path)
    await until(is_written(journal))
    journal.append(C, NOW_MS)
    journal.commit()

    assert [A, B, C] == as_a_reader_sees(path)
    assert [A, B, C] == on_disk(a_copy_as_after_a_kill(path))


def test_an_emptied_log_is_not_written_on_and_the_journal_stays_whole(path: Path) -> None:
    """Written on, the log would have a hole where SQLite looks for pages, and folding it in would put noughts over the journal."""
    holding(path, A).close()
    journal = holding(path, B)
    journal.commit()
    os.truncate(log_of(path), 0)
    journal.append(C, NOW_MS)

    with pytest.raises(JournalFailed, match=r"somebody emptied its write-ahead log \(-wal\); start again"):
        journal.commit()
    with pytest.raises(JournalFailed, match="cannot be pruned: somebody emptied"):
        journal.prune(NOW_MS)
    with pytest.raises(JournalFailed, match="the last 1 records are lost"):
        journal.close()

    assert [A] == on_disk(path)


def test_a_log_that_another_program_folded_in_is_written_on(path: Path) -> None:
    """`PRAGMA wal_checkpoint(TRUNCATE)` by hand leaves an empty log, too, and harms nobody."""
    journal = holding(path, A)
    journal.commit()
    folds = (
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone())"
    )
    assert b"(0, 0, 0)\n" == subprocess.check_output([sys.executable, "-c", folds, path])
    assert 0 == log_of(path).stat().st_size
    journal.append(B, NOW_MS)
    journal.commit()

    assert [A, B] == as_a_reader_sees(path)
    assert [A, B] == on_disk(a_copy_as_after_a_kill(path))


def test_a_journal_emptied_under_the_daemon_is_said(path: Path) -> None:
    """`> journal.sqlite` keeps the name and takes the books."""
    journal = holding(path, A)
    journal.commit()
    os.truncate(path, 0)
    journal.append(B, NOW_MS)

    with pytest.raises(JournalFailed, match="somebody emptied its file; start again with a copy"):
        journal.commit()


@pytest.mark.parametrize(
    "harm", [Path.mkdir, lambda path: path.symlink_to(path.name), lambda path: path.symlink_to("no/where")]
)
def test_a_name_that_cannot_hold_a_journal_is_told_with_a_mend(path: Path, harm: Callable[[Path], None]) -> None:
    """A folder, a link to itself, a link to nowhere."""
    harm(path)

    with pytest.raises(SetUp, match=r"cannot be used as a journal: .*\. (Let this user|Move it aside)"):
        Journal(path)


def test_a_journal_behind_a_link_is_written_as_any_other(path: Path) -> None:
    """SQLite keeps the log beside the file, not beside the link to it; a link that leads elsewhere now is another journal."""
    path.symlink_to("elsewhere.sqlite")
    journal = holding(path, A)
    journal.commit()
    assert [A] == as_a_reader_sees(path)

    path.unlink()
    path.symlink_to("yet_another.sqlite")
    holding(path).close()
    journal.append(B, NOW_MS)
    with pytest.raises(JournalFailed, match="replaced by another"):
        journal.commit()


def with_an_older_log(path: Path) -> Journal:
    """A and B were committed, then a copy of the log from between them took the log's place; C waits."""
    journal = holding(path, A)
    journal.commit()
    older = path.with_name("older")
    shutil.copy(log_of(path), older)
    journal.append(B, NOW_MS)
    journal.commit()
    os.replace(older, log_of(path))
    journal.append(C, NOW_MS)
    return journal


def test_closed_with_another_log_in_its_place_the_journal_has_all_that_was_committed(path: Path) -> None:
    """What was committed is folded in before the daemon leaves; what could not be is told."""
    journal = with_an_older_log(path)
    with pytest.raises(JournalFailed, match="the last 1 records are lost"):
        journal.close()

    assert [A, B] == on_disk(path)


async def test_a_log_in_anothers_place_is_left_alone_until_a_person_moves_it(path: Path) -> None:
    """A log that holds something has the name: it is neither written, folded in nor deleted. Moved away, the journal is whole."""
    journal = with_an_older_log(path)

    with pytest.raises(JournalFailed, match=r"replaced by another; move journal\.sqlite-wal away"):
        journal.commit()
    strange = path.with_name("strange")
    os.rename(log_of(path), strange)
    await until(is_written(journal))

    assert [A, B, C] == as_a_reader_sees(path)
    assert strange.stat().st_size


@pytest.mark.parametrize("harm", [taken_away, taken_away_with_its_index])
@pytest.mark.parametrize("asks", ["BEGIN; SELECT count(*) FROM record", "SELECT count(*) FROM record"])
async def test_a_reader_of_a_log_without_a_name_is_waited_for(
    path: Path, harm: Callable[[Path], None], asks: str
) -> None:
    """In the midst of a read or between two: a log is given up only when all of it is in the journal, and another has its name."""
    journal = holding(path, A)
    journal.commit()
    reader = sqlite3.connect(path, isolation_level=None)
    for query in asks.split(";"):
        reader.execute(query).fetchall()
    journal.append(B, NOW_MS)
    journal.commit()
    harm(path)
    journal.append(C, NOW_MS)

    with pytest.raises(JournalFailed):
        journal.commit()
    reader.close()
    await until(is_written(journal))

    assert [A, B, C] == as_a_reader_sees(path)
    assert [A, B, C] == on_disk(a_copy_as_after_a_kill(path))


def test_closing_on_a_failing_disk_says_how_much_is_lost(path: Path) -> None:
    """Nobody should have to guess what the books lack."""
    journal = holding(path, A, B)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(JournalFailed, match="locked; the last 2 records are lost"):
        journal.close()


def test_memory_keeps_what_tells_and_drops_old_prices_first(path: Path) -> None:
    """The disk may fail for long, memory is bounded: facts outlive prices, and a loss is written where it happened."""
    journal = holding(path, A, *(a_ticker(str(n)) for n in range(99)), B, most_waiting=100)

    assert 3 == journal.pending

    for n in range(100):
        journal.append(Stopping(reason=str(n)), NOW_MS)
    journal.commit()

    assert [FactsLost(count=51), Stopping(reason="48")] == on_disk(path)[:2]
    assert Stopping(reason="99") == on_disk(path)[-1]


def test_opening_a_journal_that_somebody_else_writes_tells_the_mend(path: Path) -> None:
    """A lock at the start is told with what to do about it. It may be gone at the next: no reason for a supervisor to give up."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(SetUp, match=r"locked\. Close the program that holds it") as told:
        Journal(path)
    assert not isinstance(told.value, JournalUnfit)
