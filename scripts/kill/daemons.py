"""The daemon that runs here, by what it leaves on this machine: its whereabouts, the lock that it holds, its own environment.

What it was started with may stand nowhere else: systemd's EnvironmentFile and LoadCredential, a container's settings. Every look is at
files of this machine and ends by itself, whatever the daemon is doing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from scripts.kill.latch import LATCH_NAME
from scripts.kill.patience import in_time

__all__ = ["Daemon", "accounts", "environment", "latches", "running", "whereabouts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """One that runs. `home` is the folder it was started in, None where the system does not tell."""

    mode: str
    folder: Path
    """Where its journal and its latch are."""
    lock: Path
    home: Path | None

    def belongs_to(self, home: Path) -> bool:
        """Whether it was started in this folder, or writes there."""
        place = os.path.realpath(home)
        return place == str(self.home) or Path(os.path.realpath(self.folder)).is_relative_to(place)


def running(journals: Iterable[Path]) -> list[Daemon]:
    """The daemons that write one of these journals, and every other of this user on this machine: each once."""
    places = [(journal.parent, journal.with_suffix(".lock")) for journal in journals]
    places += [(latch.parent, lock) for lock, latch in _account_locks()]
    found: dict[str, Daemon] = {}
    for folder, lock in places:
        # The lock first: most are of daemons long gone, and each look at a file is a process.
        if _is_held(lock) and (mode := whereabouts(folder).get("mode")):
            home = in_time(partial(_home, lock), None)
            found.setdefault(os.path.realpath(folder), Daemon(mode=mode, folder=folder, lock=lock, home=home))
    return list(found.values())


def whereabouts(folder: Path) -> dict[str, str]:
    """What the last daemon left about itself beside its journal: {"mode", "rest_url", "latch"}; empty where there is none."""
    try:
        facts = json.loads(in_time(lambda: (folder / "daemon.json").read_text(encoding="utf-8"), "{}"))
    except (OSError, ValueError):
        return {}
    return {name: str(value) for name, value in facts.items()} if isinstance(facts, dict) else {}


def _is_held(lock: Path) -> bool:
    """Whether a living process holds the lock (`bot.journal.locks`)."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def environment(daemon: Daemon, prefix: str) -> dict[str, str]:
    """What it was started with, names that begin with `prefix`, and as ENV_FILE the file that its command line names; empty where that is
    not to be read. Linux, the same user or root."""
    nothing: tuple[list[str], list[str]] = ([], [])
    variables, words = in_time(partial(_told_at_its_start, daemon.lock), nothing)
    pairs = (line.partition("=") for line in variables)
    told = {name: text.strip() for name, _, text in pairs if name.startswith(prefix) and text.strip()}
    file = os.path.join(daemon.home or "", _env_file(words))
    if in_time(partial(os.path.isfile, file), False):  # a pipe was read by the daemon, and would never answer us
        told[prefix + "ENV_FILE"] = file
    return told


def _told_at_its_start(lock: Path) -> tuple[list[str], list[str]]:
    """(NAME=text each, the words of its command line)."""
    with contextlib.suppress(OSError):
        if process := _holder(lock):
            texts = ((process / name).read_bytes().decode(errors="surrogateescape") for name in ("environ", "cmdline"))
            variables, words = (text.split("\0") for text in texts)
            return variables, words
    return [], []


def _env_file(words: list[str]) -> str:
    """What follows --env-file, of which the daemon believes the last; "" where it was not said."""
    found = ""
    for word, following in pairwise([*words, ""]):
        name, _, text = word.partition("=")
        if name == "--env-file":
            found = text or following
    return found


def _home(lock: Path) -> Path | None:
    with contextlib.suppress(OSError):
        if process := _holder(lock):
            return (process / "cwd").readlink()
    return None


def _holder(lock: Path) -> Path | None:
    """Its folder in /proc. A number in a file is not believed: the process must have that very lock open."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
        try:
            pid = os.read(descriptor, 32).decode().partition("\n")[0]
        finally:
            os.close(descriptor)
        process = Path("/proc") / pid
        if pid.isdecimal() and _is_held(lock) and any(_is_same(name, lock) for name in (process / "fd").iterdir()):
            return process
    return None


def _is_same(name: Path, lock: Path) -> bool:
    with contextlib.suppress(OSError):
        return name.samefile(lock)
    return False


def latches() -> dict[str, Path]:
    """The latch of every daemon that this user ever ran on this machine, by the name of its account's lock (`bot.premises`)."""
    return {lock.stem: latch for lock, latch in _account_locks()}


def accounts(daemon: Daemon) -> set[str]:
    """The names of the accounts whose locks are held for its latch; empty where it keeps its temporary files elsewhere."""
    place = os.path.realpath(daemon.folder)
    return {lock.stem for lock, latch in _account_locks() if os.path.realpath(latch.parent) == place and _is_held(lock)}


def _account_locks() -> list[tuple[Path, Path]]:
    """(lock, the latch that it names)."""
    found = []
    with contextlib.suppress(OSError):
        for lock in sorted((_temporary() / f"hedgelock-{os.getuid()}").glob("*.lock")):
            lines = _own_words(lock).splitlines()
            if len(lines) > 1 and lines[1].startswith("/") and Path(lines[1]).name == LATCH_NAME:
                found.append((lock, Path(lines[1])))
    return found


def _temporary() -> Path:
    """The machine's folder for temporary files, where the locks lie: the one that `tempfile` would take, which writes into each to see
    whether it can, and on a disk that hangs never comes back."""
    named = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    folders = [folder for folder in (*named, "/tmp", "/var/tmp", "/usr/tmp") if folder and os.path.isdir(folder)]
    writable = (folder for folder in folders if os.access(folder, os.W_OK | os.X_OK))
    return Path(next(writable, folders[0] if folders else "/tmp"))


def _own_words(path: Path) -> str:
    """What a file of this user says, "" for any other: the folder is everybody's, and a pipe there would never answer."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            facts = os.fstat(descriptor)
            is_ours = stat.S_ISREG(facts.st_mode) and facts.st_uid == os.getuid()
            return os.read(descriptor, 4096).decode() if is_ours else ""
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return ""
