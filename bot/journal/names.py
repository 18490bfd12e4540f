"""The three files of an open journal and their names: what SQLite writes into a file that lost its name is gone with the process.

SQLite looks at a name when it opens a file, and never again. While one connection is open, nobody who keeps SQLite's locks takes a name
away or gives it to another file: whoever does it is a person, or a program that does not know of the locks.
"""

from __future__ import annotations

import os
from enum import Enum, auto
from pathlib import Path

__all__ = ["Log", "Names"]


class Log(Enum):
    """Of the write-ahead log that the journal's connection holds."""

    HELD = auto()
    EMPTY = auto()
    """It holds nothing: not begun, folded in to its end, or emptied by a hand."""
    LOST = auto()
    """It or its index has no name any more, and nothing in its place could be taken for it."""


class Names:
    """Which files the journal's connection holds: the journal, its write-ahead log and the log's index (`-wal`, `-shm`).

    To be made when the connection has read once, for then all three are there.
    """

    def __init__(self, path: Path) -> None:
        beside = os.path.realpath(path)  # where SQLite puts them, though we were given a link
        self._journal, self._log, self._index = str(path), f"{beside}-wal", f"{beside}-shm"
        self._held = [os.stat(name).st_ino for name in (self._journal, self._log, self._index)]

    def log(self) -> Log:
        """What became of the log. Raises OSError with what a person can do, where the journal itself is not there or empty, or where a
        log that holds something has the name of ours."""
        journal, log, index = self._held
        try:
            found = os.stat(self._journal)
        except FileNotFoundError:
            raise OSError("its file is gone; put it back, or start again for a new one") from None
        if found.st_ino != journal:
            raise OSError("its file was replaced by another; start again to continue with that one")
        if not found.st_size:
            raise OSError("somebody emptied its file; start again with a copy, or without it for a new one")
        try:
            found = os.stat(self._log)
            if found.st_ino == log:
                is_lost = os.stat(self._index).st_ino != index
                return Log.LOST if is_lost else Log.HELD if found.st_size else Log.EMPTY
        except FileNotFoundError:
            return Log.LOST
        if found.st_size:
            raise OSError(f"its write-ahead log was replaced by another; move {os.path.basename(self._log)} away")
        return Log.LOST
