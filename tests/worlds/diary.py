"""A diary in memory that forgets, at a crash, what was not yet on disk; and the reaper that kills between its lines.

It fails as the journal does, forgetting nothing while the process lives, and recovers as the journal does: every telling record, and the
newest of each bulk kind.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from bot.domain.commands import PlaceOrder
from bot.domain.errors import JournalFailed
from bot.domain.records import Record, kind_of
from bot.journal.journal import BULK

__all__ = ["FULL", "GROUP_COMMIT_MS", "HUNG", "Killed", "WorldDiary"]

GROUP_COMMIT_MS = 200
"""The daemon commits what no order waits for this often."""

FULL, HUNG = "the disk is full", "the disk hangs"
"""Why a commit fails. What a full disk turned down is nowhere; of what a hanging disk was given, any part may be there one day."""


class Killed(BaseException):
    """The process is gone: nothing in the engine may catch it."""


class WorldDiary:
    """`reap(point, record)` is asked at every line where a process can die; it raises Killed when the time has come."""

    def __init__(self) -> None:
        self.records: list[tuple[Record, int]] = []
        self.committed = 0
        self.lost = 0
        self.reap: Callable[[str, Record | None], None] = lambda _point, _record: None
        self.problem = ""
        """Why a commit fails at present; empty: it does not."""
        self._intents: dict[str, int] = {}

    def append(self, record: Record, now_ms: int) -> int:
        self.reap("before append", record)
        self.records.append((record, now_ms))
        if isinstance(record, PlaceOrder):
            self._intents[record.order_link_id] = len(self.records)
        self.reap("after append", record)
        return len(self.records)

    def commit(self) -> None:
        if self.problem:
            raise JournalFailed(self.problem)
        self.reap("before commit", None)
        self.committed = len(self.records)
        self.reap("after commit", None)

    def is_durable(self, order_link_id: str) -> bool:
        """Whether the intent of this name would survive a crash now."""
        number = self._intents.get(order_link_id)
        return number is not None and number <= self.committed

    def fail(self, problem: str, now_ms: int) -> None:
        """From now on no commit ends well."""
        self._commit_groups(now_ms)
        self.problem = problem

    def crash(self, rng: Random, now_ms: int) -> None:
        """Lose a random tail of what was not committed; on a full disk, all of it."""
        self._commit_groups(now_ms)
        kept = self.committed if self.problem == FULL else rng.randint(self.committed, len(self.records))
        self.lost += len(self.records) - kept
        for record, _ in self.records[kept:]:
            if isinstance(record, PlaceOrder):
                del self._intents[record.order_link_id]
        del self.records[kept:]
        self.committed = kept

    def _commit_groups(self, now_ms: int) -> None:
        """What the daemon has put on disk meanwhile, unasked."""
        if self.problem:
            return
        while self.committed < len(self.records) and self.records[self.committed][1] <= now_ms - GROUP_COMMIT_MS:
            self.committed += 1

    def recover(self) -> list[tuple[Record, int]]:
        """What a restart folds, oldest first."""
        newest = {kind_of(record): number for number, (record, _) in enumerate(self.records)}
        return [
            (record, at_ms)
            for number, (record, at_ms) in enumerate(self.records)
            if (kind := kind_of(record)) not in BULK or newest[kind] == number
        ]

    def of(self, *kinds: type) -> list[Any]:
        """Records of some kinds, oldest first."""
        return [record for record, _ in self.records if isinstance(record, kinds)]
