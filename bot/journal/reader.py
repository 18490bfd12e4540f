"""A journal opened for reading only: also one that a running daemon writes, or a copy from elsewhere."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from bot.domain.errors import JournalFailed, SetUp
from bot.domain.records import Record
from bot.journal.probe import wait_for_disk
from bot.journal.rows import Row, decoded, refuse_foreign, told

__all__ = ["Entry", "JournalReader", "look_into", "open_in_time", "open_journal"]

_BUSY_S = 2.0
OPEN_S = 3.0
"""A command's patience with the disk: what is not open by then hangs."""

R = TypeVar("R", bound=Record)


class Entry(NamedTuple):
    """A record, when it was taken in (market time, UTC milliseconds) and its number in the journal."""

    number: int
    at_ms: int
    record: Record


class JournalReader:
    """Asks one open journal. Every answer is oldest first. A record that cannot be read raises SetUp with the mend."""

    def __init__(self, path: Path, db: sqlite3.Connection, *, is_empty: bool) -> None:
        self.path = path
        self._db = db
        self._is_empty = is_empty

    def entries(
        self, kinds: Iterable[type] = (), *, last: int | None = None, since_ms: int | None = None, since_number: int = 0
    ) -> Generator[Entry]:
        """Records of these kinds (all, where none is named) from a time or a number on; of those, the last so many."""
        names = [kind.__name__ for kind in kinds]
        where = ["number >= ?"]
        values: list[object] = [since_number]
        if names:
            where.append(f"kind IN ({', '.join('?' * len(names))})")
            values += names
        if since_ms is not None:
            where.append("at_ms >= ?")
            values.append(since_ms)
        query = f"SELECT number, at_ms, kind, body FROM record WHERE {' AND '.join(where)} ORDER BY number"
        if last is not None:
            query = f"SELECT * FROM ({query} DESC LIMIT ?) ORDER BY number"
            values.append(last)
        for row in self._ask(query, values):
            yield Entry(row.number, row.at_ms, self._decoded(row))

    def of(self, kind: type[R], **narrowed: int | None) -> Iterator[tuple[Entry, R]]:
        """Records of one kind, each with its entry; narrowed as `entries` is."""
        for entry in self.entries((kind,), **narrowed):  # type: ignore[arg-type]
            assert isinstance(entry.record, kind)
            yield entry, entry.record

    @property
    def is_empty(self) -> bool:
        """Whether nobody has begun a journal in the file; one that is begun and holds no record is none the less a journal."""
        return self._is_empty

    @property
    def newest_ms(self) -> int | None:
        """When the last record was taken in; None for an empty journal."""
        return next((row.at_ms for row in self._ask(_NEWEST, ())), None)

    @property
    def newest_number(self) -> int:
        """The last record's number; 0 for an empty journal."""
        return next((row.number for row in self._ask(_NEWEST, ())), 0)

    def _ask(self, query: str, values: Iterable[object]) -> Iterator[Row]:
        if self._is_empty:
            return
        try:
            for row in self._db.execute(query, tuple(values)):
                yield Row(*row)
        except sqlite3.Error as error:
            raise told(self.path, error) from error

    def _decoded(self, row: Row) -> Record:
        try:
            return decoded(row)
        except JournalFailed as error:
            raise told(self.path, error) from error


_NEWEST = "SELECT number, at_ms, kind, body FROM record ORDER BY number DESC LIMIT 1"


@contextmanager
def open_journal(path: Path) -> Iterator[JournalReader]:
    """Open a journal for reading for as long as the block runs; the daemon that writes it is not disturbed.

    Raises SetUp where there is none, or where the file is not one of ours.
    """
    if not path.is_file():
        raise SetUp(f"there is no journal {path}", "`hedgelock run` begins one; --file names another")
    try:
        with closing(_connected(path)) as db:
            yield JournalReader(path, db, is_empty=not refuse_foreign(db, path))
    except sqlite3.Error as error:
        raise told(path, error) from error


@contextmanager
def open_in_time(path: Path) -> Iterator[JournalReader]:
    """The same for a command, which has to end whatever the disk does: raises SetUp where it does not answer."""
    try:
        wait_for_disk(path, OPEN_S)
    except OSError as error:
        raise SetUp(f"the disk of {path} cannot be read: {error}", "Look at that disk; dmesg may tell more") from error
    with open_journal(path) as reader:
        yield reader


def look_into(path: Path) -> None:
    """Open it and close it again: what is wrong with it is told by who opens it in earnest, but a disk that hangs never comes to an end."""
    with suppress(SetUp), open_journal(path):
        pass


def _connected(path: Path) -> sqlite3.Connection:
    name = f"file:{quote(str(path.resolve()))}?mode=ro"
    db = sqlite3.connect(name, uri=True, timeout=_BUSY_S)
    try:
        db.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        db.close()
        log = Path(f"{path}-wal")
        if os.access(path.parent, os.W_OK) or (log.exists() and log.stat().st_size):
            raise
        # A copy in a place that we may not write: nobody else writes it, and its log is folded in, so it needs no lock.
        return sqlite3.connect(f"{name}&immutable=1", uri=True)
    return db
