"""What a row of the journal is, how a file is known to be a journal of ours, and what a person can do about one that is not."""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from bot.domain.errors import JournalFailed, JournalUnfit, SetUp
from bot.domain.records import KINDS, Record

__all__ = ["Row", "decoded", "refuse_foreign", "stamp", "told"]

_APPLICATION_ID = 0x48454447  # "HEDG"
_VERSION = 1

_ASIDE = "Move it aside, or set HEDGELOCK__JOURNAL__PATH: a new journal begins with what the exchange says"
_MENDS = (
    ("full", "Free some space on its disk, and start again"),
    ("locked", "Close the program that holds it, and start again"),
    ("readonly", "Let this user write the file and its directory"),
    ("unable to open", "Let this user write the file and its directory"),
    (
        "malformed",
        f"A copy made while it was written? Make it again, as docs/upgrade.md says (Backup). Otherwise: {_ASIDE}",
    ),
    ("disk I/O error", "Look at its disk (full? failing? read-only?), and start again"),
)
"""What helps, by SQLite's own words; for everything else the file is not to be trusted."""


class Row(NamedTuple):
    number: int
    at_ms: int
    kind: str
    body: bytes


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Record]:
    return msgspec.json.Decoder(KINDS[kind])


def decoded(row: Row) -> Record:
    """The record of a row, as it was appended. Raises JournalFailed where it is none that we know."""
    try:
        return _decoder(row.kind).decode(row.body)
    except (KeyError, msgspec.MsgspecError) as error:
        raise JournalFailed(f"record {row.number} ({row.kind}) cannot be read: {error}") from error


def refuse_foreign(db: sqlite3.Connection, path: Path) -> bool:
    """Whether the file holds a journal already (an empty file holds none). Raises JournalUnfit for anybody else's database."""
    found, version, tables = (
        int(db.execute(query).fetchone()[0])
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if tables and found != _APPLICATION_ID:
        raise JournalUnfit(f"{path} is a database of another program", "Set HEDGELOCK__JOURNAL__PATH to a new file")
    if version > _VERSION:
        raise JournalUnfit(
            f"{path} was written by a newer HedgeLock (journal version {version})",
            "Upgrade HedgeLock, or restore the copy made before the upgrade",
        )
    return bool(tables)


def stamp(db: sqlite3.Connection) -> None:
    """Mark an empty file as a journal of ours."""
    db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {_VERSION}")


def told(path: Path, error: Exception) -> SetUp:
    """What a person is told of a file that cannot be used, with the mend. Nothing is ever overwritten. JournalUnfit, but for what may
    have passed at the next start: somebody else's lock."""
    said = str(error)
    mend = next((mend for words, mend in _MENDS if words in said), _ASIDE)
    kind = SetUp if "locked" in said else JournalUnfit
    return kind(f"{path} cannot be used as a journal: {said}", mend)
