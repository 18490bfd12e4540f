"""The halt latch: a file beside the journal. While it is there, nothing that grows risk leaves this daemon, whatever is restarted,
reconfigured or set to another time.

Knows how to read, close and lift it; every change is a line of a history beside it. The kill switch writes the same file by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

from bot.domain.clock import wall_ms
from bot.domain.errors import JournalFailed

__all__ = ["NAME", "Latch", "LatchState"]

NAME = "halt.latch"
HISTORY = "halt.history.jsonl"
MOST_BYTES = 4096
_UNREADABLE = (-1, -1)


@dataclass(frozen=True, slots=True)
class LatchState:
    """What the file says: closed or not, and why in words that stay the same while it stays the same."""

    closed: bool
    reason: str = ""


class Latch:
    """The latch of the journal at `journal_path`. Reading never fails: a file that cannot be read is a closed latch."""

    def __init__(self, journal_path: Path) -> None:
        self.path = journal_path.with_name(NAME)
        self._history = journal_path.with_name(HISTORY)
        self._own: tuple[int, int] | None = None

    def state(self) -> LatchState:
        """Look now."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")[:MOST_BYTES]
        except FileNotFoundError:
            return LatchState(False)
        except OSError as error:
            return LatchState(True, f"the latch cannot be read: {error.strerror}")
        return LatchState(True, _words(text))

    def foreign(self) -> bool:
        """Whether it is closed, and not by this process: asked before every order leaves, so it is one call of the system."""
        return self.closing() not in (None, self._own)

    def closing(self) -> tuple[int, int] | None:
        """Which closing of it this is, equal only to itself; None while it is open."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return None
        except OSError:
            return _UNREADABLE
        return status.st_ino, status.st_mtime_ns

    def close(self, words: str) -> None:
        """Close it, on disk before this returns; `words` are its reason. Raises JournalFailed where the disk does not take it."""
        facts = {"words": words, "at": _now(), "id": os.urandom(8).hex()}
        draft = self.path.with_name(f"{NAME}.{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(draft, json.dumps(facts) + "\n")
            os.replace(draft, self.path)
            _sync(self.path.parent)
            status = os.stat(self.path)
        except OSError as error:
            raise JournalFailed(f"the latch {self.path} cannot be closed: {error.strerror}") from error
        self._own = (status.st_ino, status.st_mtime_ns)
        self.remember_closed(words)

    def lift(self, who: str, reason: str) -> None:
        """Open it again; who did it and why is remembered. Raises JournalFailed where the disk does not take that."""
        before = self.state()
        facts = {"closed": False, "who": who, "reason": reason, "at": _now(), "was": before.reason}
        if not self._remember(facts):
            raise JournalFailed(f"{self._history} cannot be written: a latch is not lifted without a record")
        with contextlib.suppress(FileNotFoundError):
            try:
                self.path.unlink()
            except OSError as error:
                raise JournalFailed(f"the latch {self.path} cannot be removed: {error.strerror}") from error
        _sync(self.path.parent)
        self._own = None

    def remember_closed(self, words: str) -> None:
        """Note in the history that it was found closed, or closed here."""
        self._remember({"closed": True, "words": words, "at": _now()})

    def was_lifted(self, words: str) -> bool:
        """Whether the last thing that happened to it, as far as is remembered, is that a person lifted it when it had been closed with
        these words: a lift from before they were said is not theirs."""
        try:
            newest_first = map(json.loads, reversed(self._history.read_text(encoding="utf-8").splitlines()))
            last = next(newest_first)
            closings = takewhile(lambda line: line["closed"], newest_first)
            return last["closed"] is False and words in (last["was"], *(line["words"] for line in closings))
        except (OSError, ValueError, StopIteration, KeyError, TypeError):
            return False

    def _remember(self, facts: dict[str, object]) -> bool:
        try:
            with self._history.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(facts) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            return False
        return True


def _words(text: str) -> str:
    """What the file says in one line; an empty or foreign file is a closed latch all the same."""
    try:
        facts = json.loads(text)
        return str(facts["words"]) if "words" in facts else f"{facts['verb']} by {facts['who']}: {facts['reason']}"
    except (ValueError, KeyError, TypeError):
        return "the latch is closed, and does not say why"


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _now() -> str:
    return datetime.fromtimestamp(wall_ms() / 1000, UTC).isoformat(timespec="milliseconds")
