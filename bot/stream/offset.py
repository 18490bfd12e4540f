"""How far the stream has come: the last record whose messages are all confirmed, in a file of its own.

Written after delivery, so a crash between the two tells some messages twice and none never.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bot.domain.errors import JournalFailed, SetUp

__all__ = ["Offset", "read", "resumed", "write"]


class Offset(msgspec.Struct, frozen=True, kw_only=True):
    """`number` of the journal called `journal` is delivered, with everything before it. `run` wrote it; empty in an older file."""

    journal: str
    number: int
    run: str = ""


def read(path: Path) -> Offset | None:
    """The mark as it was written last; None where nothing was ever told. Raises SetUp."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Offset)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise SetUp(f"{path} cannot be read: {error}", "Remove it to tell the whole journal again") from error


def resumed(mark: Offset | None, runs: Sequence[tuple[int, str]], newest: int) -> Offset:
    """Where to go on in a journal whose `runs` began at these numbers and whose last record is `newest`.

    At its beginning where the mark is of another journal, or of a run that this one never saw. A journal brought back from a copy gives
    numbers that were told already to other records: it is told from where the two part.
    """
    name = runs[0][1] if runs else ""
    began = {run: number for number, run in runs}
    number = 0
    if mark is not None and mark.journal == name and (not mark.run or mark.run in began):
        later = (start - 1 for start in began.values() if mark.run and start > began[mark.run])
        number = min(mark.number, newest, *later)
    return Offset(journal=name, number=number, run=next((run for start, run in reversed(runs) if start <= number), ""))


def write(path: Path, mark: Offset) -> None:
    """Replace the file as a whole, and only when the new one is on disk. Raises JournalFailed."""
    fresh = path.with_name(path.name + ".new")
    try:
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(mark))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise JournalFailed(f"how far it came cannot be written to {path}: {error}") from error
