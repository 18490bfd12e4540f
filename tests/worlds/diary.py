"""A diary in memory that forgets, at a crash, what was not yet on disk; and the reaper that kills between its lines.

It recovers as the journal on disk does: every telling record, and the newest of each bulk kind.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from bot.domain.commands import PlaceOrder
from bot.domain.errors import JournalFailed
from bot.domain.records import Record, kind_of
from bot.journal.journal import BULK

__all__ = ["GROUP_COMMIT_MS", "Killed", "WorldDiary"]

GROUP_COMMIT_MS = 200
"""The daemon commits what no order waits for this often."""


class Killed(BaseException):
    """The process is gone: nothing in the engine may catch it."""


class WorldDiary:
    """`reap(point, record)` is asked at every line where a process can die; it raises Killed when the time has come."""

    def __init__(self) -> None:
        self.records: list[tuple[Record, int]] = []
        self.committed = 0
        self.lost = 0
        self.reap: Callable[[str, Record | None], None] = lambda _point, _record: None
        self.disk_full = False
        self._intents: dict[str, int] = {}

    def append(self, record: Record, now_ms: int) -> int:
        if self.disk_full:
            self.records = self.records[: self.committed]
            raise JournalFailed("the disk is full")
        self.reap("before append", record)
        self.records.append((record, now_ms))
        if isinstance(record, PlaceOrder):
            self._intents[record.order_link_id] = len(self.records)
        self.reap("after append", record)
        return len(self.records)

    def commit(self) -> None:
        if self.disk_full:
            raise JournalFailed("the disk is full")
        self.reap("before commit", None)
        self.committed = len(self.records)
        self.reap("after commit", None)

    def is_durable(self, order_link_id: str) -> bool:
        """Whether the intent of this name would survive a crash now."""
        number = self._intents.get(order_link_id)
        return number is not None and number <= self.committed

    def crash(self, rng: Random, now_ms: int) -> None:
        """Lose a random tail of what was not committed."""
        while self.committed < len(self.records) and self.records[self.committed][1] <= now_ms - GROUP_COMMIT_MS:
            self.committed += 1
        kept = rng.randint(self.committed, len(self.records))
        self.lost += len(self.records) - kept
        for record, _ in self.records[kept:]:
            if isinstance(record, PlaceOrder):
                del self._intents[record.order_link_id]
        del self.records[kept:]
        self.committed = kept

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
