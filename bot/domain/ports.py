"""The few openings between the dry rooms and the shore."""

from __future__ import annotations

from typing import Protocol

from bot.domain.events import Event
from bot.domain.records import Record

__all__ = ["Diary", "Inbox"]


class Diary(Protocol):
    """Where the wheel writes before anything leaves."""

    def append(self, record: Record, now_ms: int) -> int:
        """Take a record in; returns its number, 1 for the first ever. It may wait in memory for the commit."""
        ...

    def commit(self) -> None:
        """Return only when everything appended is on disk.

        Raises JournalFailed where it is not; nothing is forgotten, a later commit tries again.
        """
        ...


class Inbox(Protocol):
    """The one way in."""

    def put(self, event: Event) -> None:
        """Take an event in, without waiting. A newer ticker replaces an unread older one; every other fact queues."""
        ...
