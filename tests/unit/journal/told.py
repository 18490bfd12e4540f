"""A journal on disk that tells a desk's day: what the engine recorded, written as the daemon writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bot.domain.events import Started
from bot.journal.journal import Journal
from bot.journal.reader import JournalReader, open_journal
from tests.unit.engine.desk import Desk, a_config

__all__ = ["CONFIG", "FINGERPRINT", "a_days_desk", "open_day", "write"]

FINGERPRINT = "f1"
CONFIG = a_config()


def a_days_desk(hours: int = 3) -> Desk:
    """The seed book, hedged in two orders, and then some hours in which prices come and nothing needs doing."""
    desk = Desk(CONFIG)
    desk.start()
    for _ in range(2):
        desk.accept(desk.orders[-1])
        desk.fill(desk.orders[-1])
    desk.pulse(1)
    for _ in range(hours * 4):
        desk.pulse(900)
    return desk


def write(path: Path, desk: Desk) -> Journal:
    """The desk's records as a journal of that path, committed and still open."""
    journal = Journal(path, deadline_s=60)
    for record, at_ms in desk.diary.records:
        if isinstance(record, Started):
            record = replace(record, settings_hash=FINGERPRINT)
        journal.append(record, at_ms)
    journal.commit()
    return journal


@contextmanager
def open_day(folder: Path, desk: Desk | None = None) -> Iterator[JournalReader]:
    path = folder / "journal.sqlite"
    write(path, desk or a_days_desk()).close()
    with open_journal(path) as reader:
        yield reader
