"""A file that a verb writes for a person: for its owner alone, and never in the place of something else.

Knows what may stand where `--out` points. Does not know what is written.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bot.domain.errors import SetUp
from bot.journal.probe import wait_for_disk

__all__ = ["write_private"]

_PATIENCE_S = 3.0


def write_private(path: Path, content: bytes, like: bytes) -> None:
    """Write `content`, mode 0600; an older file there gives way only where it is empty or begins with `like`, as this kind of file does.

    So a slip that makes `--out` name a journal, settings or a folder costs nothing. SetUp says what stands in the way.
    """
    try:
        wait_for_disk(path, _PATIENCE_S)
        if path.is_file():
            with path.open("rb") as older:
                beginning = older.read(len(like))
            if beginning not in (b"", like):
                raise SetUp(
                    f"{path} is there and something else: it is not written over", "Name another file with --out"
                )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):  # a pipe or a terminal is somebody else's
                os.fchmod(descriptor, 0o600)  # one that was there already too
            file.write(content)
    except OSError as error:
        raise SetUp(f"{path} cannot be written: {error.strerror or error}", "Name another file with --out") from None
