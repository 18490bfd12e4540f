"""The journal: what was appended and committed is there after any death, in order, as it was."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from decimal import Decimal as D
from pathlib import Path

import pytest

from bot.domain.clock import elapsed_s
from bot.domain.commands import HedgeEnded, Note, PlaceOrder
from bot.domain.errors import AlreadyRunning, JournalUnfit, SetUp
from bot.domain.events import ExecutionSeen, Stopping, WalletSeen
from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce
from bot.domain.records import Record
from bot.journal import locks
from bot.journal.journal import Journal
from tests.unit.engine.desk import NOW_MS, a_history, a_reading, a_ticker, a_wallet, an_execution

AN_ORDER = PlaceOrder(
    order_link_id="r1-1Ls",
    symbol="BTCUSDT",
    leg=Leg.LONG,
    act=Act.SHRINK,
    qty=D("0.162"),
    limit_price=D("115884.0"),
    time_in_force=TimeInForce.IOC,
    decision=1,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "journal.sqlite"


def written(path: Path, *records: Record) -> Journal:
    journal = Journal(path)
    for n, record in enumerate(records):
        journal.append(record, NOW_MS + n)
    journal.commit()
    return journal


def test_every_kind_of_record_comes_back_as_it_was(path: Path) -> None:
    """Decimals keep their digits, enums their meaning, tuples their order."""
    records: list[Record] = [
        AN_ORDER,
        ExecutionSeen(execution=an_execution("e1", AN_ORDER)),
        a_reading("0.051", "0.321"),
        a_history(),
        a_ticker(),
        HedgeEnded(decision=1, reached=True, reason="leg targets reached"),
        Stopping(reason="SIGTERM"),
    ]

    journal = written(path, *records)

    assert list(journal.read()) == [(record, NOW_MS + n) for n, record in enumerate(records)]


def test_what_was_committed_survives_a_process_that_dies_at_once(path: Path) -> None:
    """The intent is on disk when commit returns: the next line may be the last."""
    dies = (
        "import os, sys; from pathlib import Path; from bot.journal.journal import Journal;"
        "from bot.domain.events import Stopping;"
        "j = Journal(Path(sys.argv[1])); j.append(Stopping(reason='kept'), 1); j.commit();"
        "j.append(Stopping(reason='lost'), 2); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", dies, str(path)], check=False, env=os.environ | {"PYTHONPATH": os.getcwd()})

    assert [record for record, _ in Journal(path).read()] == [Stopping(reason="kept")]


def test_a_restart_reads_everything_telling_and_only_the_newest_of_the_bulk(path: Path) -> None:
    """A day of prices costs a restart nothing."""
    tickers = [a_ticker(str(116_000 + n)) for n in range(50)]
    journal = written(path, AN_ORDER, *tickers, Stopping(reason="x"), a_ticker("117000"), WalletSeen(wallet=a_wallet()))

    assert [record for record, _ in journal.recover()] == [
        AN_ORDER,
        Stopping(reason="x"),
        a_ticker("117000"),
        WalletSeen(wallet=a_wallet()),
    ]


def test_pruning_drops_old_prices_and_no_fact(path: Path) -> None:
    """Size is bounded by what nobody will ask for again; the newest price stays, a restart begins with it."""
    journal = written(path, AN_ORDER, a_ticker("1"), a_ticker("2"), a_ticker("3"))

    assert journal.prune(before_ms=NOW_MS + 3) == 2
    assert journal.prune(before_ms=NOW_MS + 1_000_000) == 0

    assert [record for record, _ in journal.read()] == [AN_ORDER, a_ticker("3")]


def test_pruning_gives_the_pages_back_to_the_disk(path: Path) -> None:
    """A file that only ever grows fills any disk."""
    journal = written(path, *(a_ticker(str(n)) for n in range(4_000)))
    with sqlite3.connect(path) as database:
        before, until_s = _pages(database), elapsed_s() + 30

        while _pages(database) >= before / 10:
            assert elapsed_s() < until_s
            journal.prune(before_ms=NOW_MS + 3_900)


def _pages(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA page_count").fetchone()[0])


def test_numbers_go_on_where_an_earlier_run_ended(path: Path) -> None:
    """A record's number is its place in the whole history."""
    written(path, AN_ORDER).close()

    assert Journal(path).append(Stopping(reason="x"), NOW_MS) == 2


def test_the_journal_is_for_its_owner_only(path: Path) -> None:
    """Balances are nobody else's business."""
    written(path, AN_ORDER)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 20, b""])
def test_a_file_that_is_no_journal_is_refused_or_begun(path: Path, content: bytes) -> None:
    """Garbage is never overwritten; an empty file is a fresh journal."""
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    if content:
        with pytest.raises(SetUp, match="cannot be used as a journal"):
            Journal(path)
        assert path.read_bytes() == content
    else:
        assert list(Journal(path).read()) == []


def test_another_programs_database_is_refused(path: Path) -> None:
    """A wrong path in the settings must not write our tables into somebody's books."""
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")

    with pytest.raises(SetUp, match="another program"):
        Journal(path)


def test_a_damaged_journal_is_refused_and_left_as_it_is(path: Path) -> None:
    """A page that lost its meaning may hold a fill; a person moves the file aside, and the exchange tells the rest."""
    written(path, *(a_ticker(str(n)) for n in range(2_000))).close()
    content = bytearray(path.read_bytes())
    content[4096 * 20 : 4096 * 24] = b"\xff" * 4096 * 4
    path.write_bytes(content)

    with pytest.raises(SetUp, match=r"cannot be used as a journal.*Move it aside"):
        list(Journal(path).recover())
    assert path.read_bytes() == content


def test_a_truncated_journal_is_refused_unless_nothing_is_left(path: Path) -> None:
    """Half a file is damage; an empty one is a first day."""
    written(path, *(a_ticker(str(n)) for n in range(2_000))).close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(SetUp, match="Move it aside"):
        list(Journal(path).recover())
    path.write_bytes(b"")

    assert list(Journal(path).recover()) == []


def test_a_newer_journal_is_refused(path: Path) -> None:
    """A downgrade must not guess what a newer version wrote."""
    written(path, AN_ORDER).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")

    with pytest.raises(SetUp, match="newer HedgeLock"):
        Journal(path)


def test_a_record_that_cannot_be_read_is_not_skipped(path: Path) -> None:
    """Books with a hole are worse than none."""
    written(path, AN_ORDER, Note(severity="info", kind="k", text="t")).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE record SET body = CAST('{' AS BLOB) WHERE number = 2")

    with pytest.raises(SetUp, match=r"record 2 \(Note\) cannot be read.*Move it aside"):
        list(Journal(path).recover())


def test_a_lock_is_held_by_one_process_and_freed_by_any_death(tmp_path: Path) -> None:
    """The kernel frees the lock of a process that was killed: no stale lock file ever needs removing."""
    path = tmp_path / "one.lock"
    holds = (
        "import sys, time; from pathlib import Path; from bot.journal import locks\n"
        "with locks.hold(Path(sys.argv[1]), 'it'): print('held', flush=True); time.sleep(60)"
    )
    env = os.environ | {"PYTHONPATH": os.getcwd()}
    holder = subprocess.Popen([sys.executable, "-c", holds, str(path)], stdout=subprocess.PIPE, env=env)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"

    with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"), locks.hold(path, "it"):
        pass
    holder.kill()
    holder.wait()

    with locks.hold(path, "it"):
        pass


@pytest.mark.parametrize("lock", ["file/one.lock", "folder"])
def test_a_lock_that_cannot_be_written_is_named(lock: str, tmp_path: Path) -> None:
    """`var` was a file, and all that the daemon said was "File exists"."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    with (
        pytest.raises(JournalUnfit, match=f"the lock {tmp_path / lock} cannot be written"),
        locks.hold(tmp_path / lock, "it"),
    ):
        pass


def test_a_journal_behind_a_link_is_locked_by_all_its_names(tmp_path: Path) -> None:
    """Two daemons of two accounts wrote into one file, each under a lock beside a link of its own."""
    (real := tmp_path / "real").mkdir()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "journal.sqlite").symlink_to(real / "journal.sqlite")
    (tmp_path / "folder").symlink_to(real)

    def locked(name: str) -> list[Path]:
        return [lock.relative_to(tmp_path) for lock in locks.beside(tmp_path / name / "journal.sqlite")]

    assert [Path("one/journal.lock"), Path("real/journal.lock")] == locked("one")
    assert [Path("two/journal.lock"), Path("real/journal.lock")] == locked("two")
    assert [Path("real/journal.lock")] == locked("real")
    assert [Path("folder/journal.lock")] == locked("folder")
