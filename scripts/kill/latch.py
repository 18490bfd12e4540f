"""The halt latch, written by the hand outside: a file beside the journal, whose being there is the whole message.

Knows how to put it there although the disk is full or the folder is gone. Only `hedgelock resume` takes it away.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import get_native_id

from bot.domain.clock import elapsed_s, wall_ms
from scripts.kill.patience import begun

__all__ = ["LATCH_NAME", "close"]

LATCH_NAME = "halt.latch"
PATIENCE_S = 2.0
"""A disk that is full says so; one that hangs says nothing, and one that is busy takes its time."""


def close(paths: Iterable[Path], verb: str, reason: str) -> tuple[list[str], list[str]]:
    """Put the latch at every path; (paths closed, complaints). Never raises, and waits two seconds at most: a disk must not stop a kill."""
    closed, complaints = [], []
    text = _content(verb, reason)
    until_s = elapsed_s() + PATIENCE_S
    for path, write in [(path, begun(partial(_trouble, path, text))) for path in paths]:
        try:
            trouble = write.result(max(0.0, until_s - elapsed_s()))
        except TimeoutError as error:
            trouble = str(error) or "its disk has not answered yet"
        except Exception as error:  # noqa: BLE001 — no mistake here keeps the kill from the exchange
            trouble = f"{type(error).__name__}: {error}"
        if trouble:
            complaints.append(f"the latch {path} cannot be written ({trouble}): stop the daemon by hand")
        else:
            closed.append(str(path))
    return closed, complaints


def _trouble(path: Path, text: bytes) -> str:
    """Put it there; what keeps it from being seen there (another user's folder, a broken disk), "" for nothing."""
    try:
        _write(path, text)
    except (OSError, ValueError) as error:  # ValueError: what calls itself a path is none
        why = getattr(error, "strerror", None) or str(error)
        try:
            return "" if path.exists() else why
        except OSError:
            return why
    return ""


def _content(verb: str, reason: str) -> bytes:
    moment = datetime.fromtimestamp(wall_ms() / 1000, UTC).isoformat(timespec="milliseconds")
    facts = {
        "verb": verb,
        "reason": reason,
        "who": f"kill_switch.py, {_whose()}",
        "at": moment,
        "id": os.urandom(8).hex(),
    }
    return json.dumps(facts).encode() + b"\n"


def _whose() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _write(path: Path, text: bytes) -> None:
    """Whole or not at all, and on the disk before we go on; where there is no room for words, an empty file says it too."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{get_native_id()}.new")  # this writer's own: two paths may be one file
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, text)
            _hand_over(descriptor, path.parent)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    _sync_folder(path.parent)


def _hand_over(descriptor: int, folder: Path) -> None:
    """To whoever the folder belongs to: written by root, the daemon could not read in it why it is halted."""
    with contextlib.suppress(OSError):
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
