"""The journal on disk: SQLite in WAL mode, one writer, one connection, one thread of its own.

`append` takes a record into memory; `commit` returns only when the disk has everything that was taken in. The wheel commits before an
order may leave, the daemon commits the rest in groups. A disk that is full, locked, slow or broken makes `commit` raise; nothing is
forgotten, and the first commit that finds the disk well again writes it all, in order. What a restart needs is read back by `recover`.

How large it grows, at the default pace (a ticker twice a second, up to three times where the mark moves; a reading of the account every ten
seconds):

* the bulk, of which only the newest matters, is dropped after `keep_tickers_h`: some 66 MB for a day of it, and no more however long the
  daemon runs, because the freed pages are given back to the disk;
* everything else is kept for ever: some 220 KB a day for bars, decisions, orders, fills and one new connection, 80 MB a year. A start
  that remembers a whole year takes about four seconds;
* the write-ahead log is folded in every four megabytes, and cut back to eight should a long reader have made it grow.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from bot.domain.clock import elapsed_s
from bot.domain.errors import JournalFailed, SetUp
from bot.domain.events import FactsLost
from bot.domain.records import Record, kind_of
from bot.journal.names import Log, Names
from bot.journal.rows import Row, decoded, refuse_foreign, stamp, told

__all__ = ["BULK", "DEADLINE_S", "MOST_WAITING", "Journal"]

_log = structlog.get_logger("journal.journal")

BULK = frozenset({"TickerSeen", "LegSeen", "WalletSeen", "AccountRead", "ReadAccount", "LoanRead", "ReadLoan"})
"""Kinds of which only the newest matters to a restart; old ones are pruned."""

DEADLINE_S = 0.25
"""A commit that takes longer has failed: the daemon has a market to watch."""
RETRY_S = 2.0
"""A disk that failed is tried again this often, so that trying does not hold up the daemon."""
BUSY_S = 0.2
"""Patience for a lock that somebody else holds."""
LEAVE_S = 5.0
"""Patience of the last commit."""
MOST_WAITING = 20_000
"""Records kept in memory while the disk fails: hours of an ordinary day, some tens of megabytes."""
MOST_PRUNED = 1_000
"""Records dropped at a time: a few milliseconds, so that no order waits for it."""

_BULK = ", ".join(f"'{kind}'" for kind in sorted(BULK))
_MOST_FREED_PAGES = 500
_WAL_BYTES = 8 << 20
_KEPT_BY_A_READER = (
    "somebody took its write-ahead log (-wal or -shm) away, and a reader keeps another from being begun; end it"
)


class _Write(NamedTuple):
    """A write under way: the first `rows` of what waits."""

    future: Future[None]
    rows: int


class Journal:
    """The one writer of a journal file. Makes the file and its directory (0700/0600) where they are missing.

    Raises SetUp where the file is not a journal of ours or is damaged. `deadline_s` is the patience of a commit, `retry_s` the pause
    after one that failed, both in real seconds; `most_waiting` bounds the records kept in memory meanwhile.
    """

    def __init__(
        self, path: Path, *, deadline_s: float = DEADLINE_S, retry_s: float = RETRY_S, most_waiting: int = MOST_WAITING
    ) -> None:
        self.path = path
        self._deadline_s, self._retry_s, self._most_waiting = deadline_s, retry_s, most_waiting
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            self._db = self._connected()
        except (sqlite3.Error, OSError) as error:
            raise told(path, error) from error
        try:
            self._prepare()
            self._next = int(self._db.execute("SELECT coalesce(max(number), 0) + 1 FROM record").fetchone()[0])
        except (sqlite3.Error, SetUp) as error:
            self._db.close()
            raise (error if isinstance(error, SetUp) else told(path, error)) from error
        self._names = Names(path)
        self._encode = msgspec.json.Encoder().encode
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._waiting: list[Row] = []
        self._write: _Write | None = None
        self._problem = ""
        self._retry_at_s = float("-inf")

    def append(self, record: Record, now_ms: int) -> int:
        """Take a record in; it is on disk after the next `commit` that returns. Returns its number."""
        number = self._next
        self._next += 1
        self._waiting.append(Row(number, now_ms, kind_of(record), self._encode(record)))
        if len(self._waiting) > self._most_waiting:
            self._make_room()
        return number

    def commit(self) -> None:
        """Return only when everything appended is on disk (fsync of the write-ahead log).

        Raises JournalFailed where that takes longer than the deadline or cannot be done. What was appended then waits for a later
        commit; until the disk may be tried again, further commits raise at once.
        """
        self._commit(self._deadline_s)

    @property
    def pending(self) -> int:
        """Records taken in and not yet known to be on disk."""
        return len(self._waiting)

    def recover(self) -> Iterator[tuple[Record, int]]:
        """What a restart folds, oldest first: every telling record, and of each bulk kind the newest.

        Raises SetUp for a record that cannot be read: books with a hole are worse than none.
        """
        newest = f"SELECT max(number) FROM record WHERE kind IN ({_BULK}) GROUP BY kind"
        yield from self._read(f"kind NOT IN ({_BULK}) OR number IN ({newest})")

    def read(self, since_number: int = 0) -> Iterator[tuple[Record, int]]:
        """Every record from `since_number` on, oldest first."""
        yield from self._read("number >= ?", since_number)

    def prune(self, before_ms: int) -> int:
        """Delete bulk records older than `before_ms`, some thousands at a time, and give their pages back; returns how many.

        The newest of each kind stays: a restart begins with it. Raises JournalFailed where the disk does not take it.
        """
        future = self._writer.submit(self._delete, before_ms)
        try:
            return future.result(self._deadline_s)
        except TimeoutError:
            return 0  # it goes on in its thread
        except (sqlite3.Error, OSError) as error:
            raise JournalFailed(f"the journal cannot be pruned: {error}") from error

    def close(self) -> None:
        """Commit, fold the write-ahead log into the file, and close. Raises JournalFailed where records had to be left behind.

        A write that hangs is waited for: the process could not end before, and whoever took the journal over meanwhile would give the
        numbers of its records once more.
        """
        try:
            self._commit_at_last()
        except JournalFailed as failed:
            raise JournalFailed(f"{failed}; the last {len(self._waiting)} records are lost") from failed
        finally:
            self._writer.shutdown()
            with suppress(sqlite3.Error):  # no room to fold it in: the next start will
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()

    # ------------------------------------------------------------------------------------------- writing

    def _commit(self, patience_s: float, patience_with_earlier_s: float = 0.0) -> None:
        while self._waiting:
            if self._write is not None:
                self._hear_out(self._write, patience_with_earlier_s)
            elif elapsed_s() < self._retry_at_s:
                raise JournalFailed(self._problem)
            else:
                rows = tuple(self._waiting)
                self._write = _Write(self._writer.submit(self._insert, rows), len(rows))
                self._hear_out(self._write, patience_s)

    def _commit_at_last(self) -> None:
        self._retry_at_s = float("-inf")
        try:
            self._commit(LEAVE_S, LEAVE_S)
        except JournalFailed as failed:
            if self._write is None:
                raise
            _log.critical(
                f"{failed}; it is waited for, so that nobody else writes meanwhile", records=len(self._waiting)
            )
            wait([self._write.future])
            self._retry_at_s = float("-inf")
            self._commit(LEAVE_S, LEAVE_S)

    def _hear_out(self, write: _Write, patience_s: float) -> None:
        """Wait for a write to end. Raises JournalFailed where it goes on (a later commit hears how it ended) or failed."""
        try:
            write.future.result(patience_s)
        except TimeoutError:
            raise self._failed(f"the disk took longer than {self._deadline_s * 1000:.0f} ms") from None
        except (sqlite3.Error, OSError) as error:
            self._write = None
            raise self._failed(str(error)) from error
        self._write = None
        del self._waiting[: write.rows]

    def _failed(self, problem: str) -> JournalFailed:
        self._problem = f"the journal cannot be written: {problem}"
        self._retry_at_s = elapsed_s() + self._retry_s
        return JournalFailed(self._problem)

    def _insert(self, rows: tuple[Row, ...]) -> None:
        """In the writer's thread: all rows, or none."""
        with self._transaction():
            self._db.executemany("INSERT INTO record (number, at_ms, kind, body) VALUES (?, ?, ?, ?)", rows)

    def _look_at_the_names(self) -> None:
        """In the writer's thread: raises OSError where what is written now would not be found by the next start."""
        match self._names.log():
            case Log.LOST:
                self._begin_another_log()
                raise OSError(
                    "somebody took its write-ahead log (-wal or -shm) away; what was in it is in the journal now, another log begun"
                )
            case Log.EMPTY:
                self._look_into_the_log()

    def _look_into_the_log(self) -> None:
        """In the writer's thread: an empty log is one that was folded in, unless SQLite still looks for something there. To write on
        then would make the next fold put the emptiness over the journal's own pages."""
        try:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.OperationalError as error:
            raise OSError(
                f"somebody emptied its write-ahead log (-wal); start again to go on without what was in it ({error})"
            ) from error

    def _begin_another_log(self) -> None:
        """In the writer's thread: the log that we hold has no name, yet all that was committed is in it. It is folded into the journal
        through the connection that still has it, and only then is that one closed. May be begun again wherever it failed."""
        is_held_up, pages, folded = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_held_up or pages != folded:
            raise OSError(_KEPT_BY_A_READER)
        another = self._connected()
        self._db.close()
        self._db = another
        try:
            self._prepare()
            self._names = Names(self.path)
        except SetUp as error:
            raise OSError(str(error)) from error
        except FileNotFoundError:  # SQLite shares the index within a process: a reader in ours has the old one open
            raise OSError(_KEPT_BY_A_READER) from None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of the block is on disk when it ends, or none."""
        self._look_at_the_names()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _delete(self, before_ms: int) -> int:
        """In the writer's thread."""
        newest = "SELECT max(at_ms) FROM record WHERE kind = ?"
        oldest = f"SELECT number FROM record WHERE kind = ? AND at_ms < min(?, ({newest})) LIMIT ?"
        count = 0
        with self._transaction():
            for kind in sorted(BULK):
                limits = (kind, before_ms, kind, MOST_PRUNED - count)
                count += self._db.execute(f"DELETE FROM record WHERE number IN ({oldest})", limits).rowcount
        # Through execute() this statement frees one page and stops: it yields a row per page and no column.
        self._db.executescript(f"PRAGMA incremental_vacuum({_MOST_FREED_PAGES})")
        return count

    def _make_room(self) -> None:
        """Memory is full while the disk fails: old prices go first, then the oldest records, and their place says how many."""
        first = self._write.rows if self._write else 0
        newest = {row.kind: row.number for row in self._waiting[first:]}
        kept = [row for row in self._waiting[first:] if row.kind not in BULK or newest[row.kind] == row.number]
        if (excess := len(kept) - self._most_waiting // 2) > 0:
            mark = FactsLost(count=excess)
            kept[:excess] = [kept[excess - 1]._replace(kind=kind_of(mark), body=self._encode(mark))]
        self._waiting[first:] = kept

    # ------------------------------------------------------------------------------------------- opening and reading

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_S, check_same_thread=False)

    def _prepare(self) -> None:
        if refuse_foreign(self._db, self.path):
            damage = str(self._db.execute("PRAGMA quick_check(1)").fetchone()[0])
            if damage != "ok":
                raise sqlite3.DatabaseError(damage.replace("\n", " "))
        else:
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            stamp(self._db)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        self._db.executescript(Path(__file__).with_name("schema.sql").read_text())

    def _read(self, where: str, *values: object) -> Iterator[tuple[Record, int]]:
        query = f"SELECT number, at_ms, kind, body FROM record WHERE {where} ORDER BY number"
        try:
            for row in self._db.execute(query, values):
                yield decoded(Row(*row)), row[1]
        except (sqlite3.Error, JournalFailed) as error:
            raise told(self.path, error) from error
