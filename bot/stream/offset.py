"""How far the stream has come: the last record whose messages are all confirmed, in a file of its own.

Written after delivery, so a crash between the two tells some messages twice and none never.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from bot.domain.errors import SetUp

__all__ = ["Offset", "read", "write"]


class Offset(msgspec.Struct, frozen=True, kw_only=True):
    """`number` of the journal called `journal` is delivered, with everything before it."""

    journal: str
    number: int


def read(path: Path, journal: str) -> int:
    """The last delivered number of this journal; 0 where it was never told, or where the file speaks of another one. Raises SetUp."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Offset)
    except FileNotFoundError:
        return 0
    except (OSError, msgspec.MsgspecError) as error:
        raise SetUp(f"{path} cannot be read: {error}", "Remove it to tell the whole journal again") from error
    return found.number if found.journal == journal else 0


def write(path: Path, offset: Offset) -> None:
    """Replace the file as a whole, and only when the new one is on disk."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(offset))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
