"""The halt latch: a file beside the journal. While it is there, nothing that grows risk leaves this daemon, whatever is restarted,
reconfigured or set to another time.

Knows how to read, close and lift it; every change is a line of a history beside it. A disk that does not answer holds nobody up for longer
than `DEADLINE_S`. The kill switch writes the same file by itself.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from pathlib import Path

from bot.domain.clock import elapsed_s, wall_ms
from bot.domain.errors import JournalFailed
from bot.journal.hand import Hand

__all__ = ["DEADLINE_S", "NAME", "Latch", "LatchState"]

NAME = "halt.latch"
HISTORY = "halt.history.jsonl"
MOST_BYTES = 4096
DEADLINE_S = 1.0
"""Patience with the disk, real seconds: three syncs on a busy one. What hangs for longer must not keep an emergency from the exchange."""
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
        self._hand = Hand("latch", deadline_s=DEADLINE_S)
        self._own: frozenset[tuple[int, int]] = frozenset()

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
        closing = self.closing()
        return closing is not None and closing not in self._own

    def closing(self) -> tuple[int, int] | None:
        """Which closing of it this is, equal only to itself; None while it is open."""
        try:
            return _identity(self.path)
        except FileNotFoundError:
            return None
        except OSError:
            return _UNREADABLE

    def close(self, words: str) -> None:
        """Close it, on disk before this returns; `words` are its reason. Raises JournalFailed where the disk does not take it, or takes too
        long: then it may yet be closed."""
        try:
            self._hand.do(partial(self._close, words))
        except OSError as error:
            raise JournalFailed(f"the latch {self.path} cannot be closed: {_why(error)}") from error

    def lift(self, who: str, reason: str, closing: tuple[int, int] | None = None) -> None:
        """Open it again, where it is still that `closing` (None: the one that is there now); who did it and why is remembered. Raises
        JournalFailed where the disk does not take that or takes too long, and where somebody closes it meanwhile: it is not lifted then,
        nor later."""
        try:
            self._hand.do(partial(self._lift, who, reason, closing or self.closing(), elapsed_s() + DEADLINE_S))
        except OSError as error:
            raise JournalFailed(f"the latch {self.path} cannot be lifted: {_why(error)}") from error

    def remember_closed(self, words: str) -> None:
        """Note in the history that it was found closed; nobody waits for the disk."""
        with contextlib.suppress(OSError):
            self._hand.begin(partial(self._remember_closed, words))

    def _close(self, words: str) -> None:
        facts = {"words": words, "at": _now(), "id": os.urandom(8).hex()}
        draft = self.path.with_name(f"{NAME}.{os.getpid()}.new")
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(draft, json.dumps(facts) + "\n")
        ours = _identity(draft)
        self._own |= {ours}  # before it is there: not for a moment may it forbid our own emergency's orders
        os.replace(draft, self.path)
        self._own = frozenset({ours})
        _sync(self.path.parent)
        with contextlib.suppress(OSError):
            self._remember_closed(words)

    def _lift(self, who: str, reason: str, closing: tuple[int, int] | None, until_s: float) -> None:
        """Remember, and only then open: the closing that was seen when it was asked for, while whoever asked still waits."""
        try:
            self._remember({"closed": False, "who": who, "reason": reason, "at": _now(), "was": self.state().reason})
        except OSError as error:
            raise OSError(
                error.errno, f"{error.strerror}; a latch is not lifted without a record in {self._history}"
            ) from error
        is_another = self.closing() not in (None, closing)
        if is_another or elapsed_s() > until_s:
            self._remember_closed(self.state().reason)
            raise OSError(errno.EBUSY, "it was closed meanwhile") if is_another else TimeoutError
        self.path.unlink(missing_ok=True)
        _sync(self.path.parent)
        self._own = frozenset()

    def _remember_closed(self, words: str) -> None:
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

    def _remember(self, facts: dict[str, object]) -> None:
        with self._history.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(facts) + "\n")
            stream.flush()
            os.fsync(stream.fileno())


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns


def _why(error: OSError) -> str:
    is_late = isinstance(error, TimeoutError) and not error.errno
    return f"the disk took longer than {DEADLINE_S:.0f} s" if is_late else str(error.strerror)


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
