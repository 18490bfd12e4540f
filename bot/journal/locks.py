"""One writer: a lock on a file that the kernel drops when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.domain.errors import AlreadyRunning, JournalUnfit

__all__ = ["beside", "hold", "holder"]


def beside(journal: Path) -> list[Path]:
    """The locks of whoever writes a journal: beside its name and, where that is a link, beside the file, which may have other names."""
    own, real = (Path(name).with_suffix(".lock") for name in (journal, os.path.realpath(journal)))
    return [own] if os.path.realpath(own) == str(real) else [own, real]


def holder(path: Path) -> str:
    """The process that holds the lock file, "" for nobody, "unknown" where it does not say. Takes nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid(descriptor)
    finally:
        os.close(descriptor)
    return ""


@contextmanager
def hold(path: Path, what: str, note: str = "") -> Iterator[None]:
    """Hold the lock file `path` for as long as the block runs; `what` names it to people. `note` is the file's second line, and
    stays there after us.

    Raises AlreadyRunning, with the holder's process id, where another process holds it; JournalUnfit where the file cannot be written.
    """
    descriptor = _taken(path, what, note)
    try:
        yield
    finally:
        os.close(descriptor)


def _taken(path: Path, what: str, note: str) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n{note}\n".encode())
    except BlockingIOError:
        holder = _pid(descriptor)
        os.close(descriptor)
        raise AlreadyRunning(
            f"another HedgeLock (process {holder}) holds {what} ({path})",
            "Stop it first, or give this one a journal and an account of its own",
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise _unwritten(path, error) from error
    return descriptor


def _unwritten(path: Path, error: OSError) -> JournalUnfit:
    return JournalUnfit(
        f"the lock {path} cannot be written: {error.strerror}",
        "Its folder must be one, that this user may write, with room on its disk",
    )


def _pid(descriptor: int) -> str:
    return os.pread(descriptor, 32, 0).decode(errors="replace").partition("\n")[0].strip() or "unknown"
