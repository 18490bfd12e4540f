"""The journal on disk: SQLite in WAL mode, one writer, one connection.

`append` hands a record to SQLite inside an open transaction; `commit` returns only when the disk has it. The wheel commits before an order
may leave, the daemon commits the rest in groups. What a restart needs is read back in order by `recover`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bot.domain.errors import JournalFailed, SetUp
from bot.domain.records import KINDS, Record, kind_of

__all__ = ["BULK", "Journal"]

BULK = frozenset({"TickerSeen", "LegSeen", "WalletSeen", "AccountRead"})
"""Kinds of which only the newest matters to a restart; old ones are pruned."""

_APPLICATION_ID = 0x48454447  # "HEDG"
_VERSION = 1


class Journal:
    """The one writer of a journal file. Makes the file and its directory (0700/0600) where they are missing.

    Raises SetUp where the file is not a journal of ours, and JournalFailed where the disk fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0.25, check_same_thread=False)
            self._prepare()
        except sqlite3.Error as error:
            raise SetUp(
                f"{path} cannot be used as a journal: {error}", "Move it aside, or set HEDGELOCK__JOURNAL__PATH"
            ) from error
        self._encode = msgspec.json.Encoder().encode
        self._decoders = {kind: msgspec.json.Decoder(cls) for kind, cls in KINDS.items()}
        self._next = self._scalar("SELECT coalesce(max(number), 0) + 1 FROM record")
        self._pending = 0

    def append(self, record: Record, now_ms: int) -> int:
        """Take a record in; it is on disk after the next `commit`. Returns its number."""
        number = self._next
        try:
            if not self._pending:
                self._db.execute("BEGIN IMMEDIATE")
            self._pending += 1
            row = (number, now_ms, kind_of(record), self._encode(record))
            self._db.execute("INSERT INTO record (number, at_ms, kind, body) VALUES (?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise self._failed(f"cannot write record {number}: {error}") from error
        self._next += 1
        return number

    def commit(self) -> None:
        """Return only when everything appended is on disk (fsync of the write-ahead log)."""
        if not self._pending:
            return
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(f"cannot commit {self._pending} record(s): {error}") from error
        self._pending = 0

    @property
    def pending(self) -> int:
        """Records taken in and not yet on disk."""
        return self._pending

    def recover(self) -> Iterator[tuple[Record, int]]:
        """What a restart folds, oldest first: every telling record, and of each bulk kind the newest.

        Raises JournalFailed for a record that cannot be read: books with a hole are worse than none.
        """
        bulk = ", ".join(f"'{kind}'" for kind in sorted(BULK))
        newest = f"SELECT max(number) FROM record WHERE kind IN ({bulk}) GROUP BY kind"
        yield from self._read(f"kind NOT IN ({bulk}) OR number IN ({newest})")

    def read(self, since_number: int = 0) -> Iterator[tuple[Record, int]]:
        """Every record from `since_number` on, oldest first."""
        yield from self._read("number >= ?", since_number)

    def prune(self, before_ms: int) -> int:
        """Delete bulk records older than `before_ms`; returns how many. Telling records are kept for ever."""
        bulk = ", ".join(f"'{kind}'" for kind in sorted(BULK))
        self.commit()
        try:
            cursor = self._db.execute(f"DELETE FROM record WHERE at_ms < ? AND kind IN ({bulk})", (before_ms,))
            self._db.execute("PRAGMA incremental_vacuum")
        except sqlite3.Error as error:
            raise JournalFailed(f"cannot prune: {error}") from error
        return cursor.rowcount

    def close(self) -> None:
        """Commit, fold the write-ahead log into the file, and close."""
        self.commit()
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def _prepare(self) -> None:
        found, tables = self._scalar("PRAGMA application_id"), self._scalar("SELECT count(*) FROM sqlite_master")
        version = self._scalar("PRAGMA user_version")
        if tables and found != _APPLICATION_ID:
            raise SetUp(f"{self.path} is a database of another program", "Set HEDGELOCK__JOURNAL__PATH to a new file")
        if version > _VERSION:
            raise SetUp(
                f"{self.path} was written by a newer HedgeLock (journal version {version})",
                "Upgrade HedgeLock, or restore the copy made before the upgrade",
            )
        if not tables:
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(Path(__file__).with_name("schema.sql").read_text())

    def _read(self, where: str, *values: object) -> Iterator[tuple[Record, int]]:
        query = f"SELECT number, at_ms, kind, body FROM record WHERE {where} ORDER BY number"
        for number, at_ms, kind, body in self._db.execute(query, values):
            try:
                yield self._decoders[kind].decode(body), at_ms
            except (KeyError, msgspec.MsgspecError) as error:
                raise JournalFailed(f"record {number} ({kind}) cannot be read: {error}") from error

    def _failed(self, problem: str) -> JournalFailed:
        """Give up what was not committed, so that a later append begins cleanly; what is on disk stays."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._pending = 0
        self._next = self._scalar("SELECT coalesce(max(number), 0) + 1 FROM record")
        return JournalFailed(problem)

    def _scalar(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0])
