"""Whether the disk of a file answers, found out by a program of its own: `python -I -S probe.py PATH`.

Whoever waits for a disk that hangs waits in the kernel, where no signal reaches it, and a process with such a thread has no end. A command
has to end: it lets another process wait, and leaves it behind. Changes nothing on the disk.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

__all__ = ["wait_for_disk"]


def wait_for_disk(path: Path, within_s: float) -> None:
    """Raises TimeoutError where the disk of `path` has not answered within so many real seconds, OSError where nobody can be sent."""
    command = [sys.executable, "-I", "-S", __file__, os.fspath(path.absolute())]
    nothing = subprocess.DEVNULL
    looks = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
    try:
        looks.wait(within_s)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"it has not answered within {within_s:.0f} s") from None


def _look(path: Path) -> None:
    """A write and a read, as they are meant; what is wrong with them is told by who comes after."""
    folder = next(folder for folder in path.parents if folder.is_dir())
    found = folder.stat()
    with suppress(OSError):
        os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns))
    if path.is_file():
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(f"file:{quote(os.fspath(path))}?mode=ro", uri=True)) as db,
        ):
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()


if __name__ == "__main__":
    _look(Path(sys.argv[1]))
