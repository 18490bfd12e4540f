"""What a daemon leaves on the disk for others to find: its locks, its whereabouts, the tokens of its window, and old paper journals.

Knows file names beside the journal. Nothing here is a secret but the tokens, which only their owner may read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import tempfile
from pathlib import Path
from socket import gethostname
from uuid import getnode

from bot.domain.clock import elapsed_s, wall_ms
from bot.domain.errors import JournalUnfit
from bot.domain.events import Started
from bot.domain.names import run_name
from bot.journal.reader import open_journal

__all__ = [
    "account_lock",
    "new_run_name",
    "new_verb_token",
    "place",
    "reading_token",
    "reading_token_path",
    "ready_journal",
    "set_aside_strangers_journal",
    "tell_whereabouts",
    "verb_token_path",
]

KEPT_PAPER_JOURNALS = 5
_TOKEN_BYTES, _TOKEN_LENGTH = 24, 32
"""Random bytes of a token, and its length in base64."""
WHEREABOUTS = "daemon.json"


def account_lock(rest_url: str, api_key: str) -> Path:
    """One lock per host and key of this machine, whatever journal a daemon writes. The kill switch finds the latch by it."""
    who = hashlib.sha256(f"{rest_url} {api_key}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"hedgelock-{os.getuid()}" / f"{who}.lock"


def tell_whereabouts(journal: Path, rest_url: str, mode: str, latch: Path) -> None:
    """For the kill switch, which reads no settings it can do without: which venue this is, and which latch is obeyed."""
    facts = {"mode": mode, "rest_url": rest_url, "latch": str(latch.absolute()), "pid": os.getpid()}
    with contextlib.suppress(OSError):  # a comfort, not a need
        journal.with_name(WHEREABOUTS).write_text(json.dumps(facts) + "\n", encoding="utf-8")


def place(journal: Path) -> str:
    """Four hexadecimal digits for this machine and this journal's folder: a copy of either is another place."""
    return _digest(gethostname(), str(getnode()), _told_by("/etc/machine-id"), str(journal.absolute()))[:4]


def new_run_name(journal: Path) -> str:
    """A name no run ever had, here or on a copy of this disk: it begins every orderLinkId of the run.

    Its start to the millisecond, its place, and a digest of everything that two machines or two starts of one do not share. Random bytes
    alone are not enough: copies of one virtual machine may wake up with the same pool of them.
    """
    boot = _told_by("/proc/sys/kernel/random/boot_id")
    own = _digest(os.urandom(16).hex(), str(os.getpid()), str(elapsed_s()), str(getnode()), gethostname(), boot)
    return run_name(wall_ms(), place(journal) + own[:8])


def _told_by(path: str) -> str:
    """What the system says there; nothing where it has no such file."""
    with contextlib.suppress(OSError):
        return Path(path).read_text()
    return ""


def _digest(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def reading_token_path(journal: Path) -> Path:
    """Where the token that reads lies, for the command line of the same user."""
    return journal.with_name("web.token")


def reading_token(journal: Path) -> str:
    """The token that reads where none is set. It is kept, so that a page that is open outlives a restart; delete the file for another one.

    One that somebody else may have read or written is replaced.
    """
    path = reading_token_path(journal)
    with contextlib.suppress(OSError), path.open(encoding="ascii", errors="replace") as stream:
        facts = os.fstat(stream.fileno())
        if (
            facts.st_uid == os.getuid()
            and not facts.st_mode & 0o077
            and len(token := stream.read(99).strip()) == _TOKEN_LENGTH
        ):
            return token
    return _new_token(path)


def verb_token_path(journal: Path) -> Path:
    """Where the token that operates lies, for the command line of the same user."""
    return journal.with_name("verbs.token")


def new_verb_token(journal: Path) -> str:
    """A new token that operates this run where none is set."""
    return _new_token(verb_token_path(journal))


def _new_token(path: Path) -> str:
    """192 random bits, written for this user alone. Where the disk does not take them, nobody has them."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, token.encode())
        finally:
            os.close(descriptor)
    return token


def ready_journal(path: Path, mode: str, venue: str) -> None:
    """Before the journal is opened: nothing at `path` that is none, or another world's, is continued or set aside.

    `venue` is the paper venue's name; "" in every other world. Raises JournalUnfit.
    """
    if path.exists() and not path.is_file():
        raise JournalUnfit(f"the journal {path} is no file", "Set HEDGELOCK__JOURNAL__PATH to a file's path")
    if path.exists():
        with open_journal(path) as journal:
            for _, started in journal.of(Started, last=1):
                if started.mode != mode:
                    raise JournalUnfit(
                        f"{path} is the journal of {started.mode}, and this is {mode}",
                        "Give each world its own: HEDGELOCK__JOURNAL__PATH with {mode} in it",
                    )
    if venue:
        set_aside_strangers_journal(path, venue)


def set_aside_strangers_journal(path: Path, venue: str) -> None:
    """A paper venue that starts anew has new books: a journal written against another one is kept, but not continued."""
    mark = path.with_name("venue")
    if path.exists() and (not mark.exists() or mark.read_text() != venue):
        old = path.with_name(f"{path.stem}-{wall_ms()}{path.suffix}")
        for file, part in _parts(path):
            file.rename(f"{old}{part}")
        kept = sorted(path.parent.glob(f"{path.stem}-{'[0-9]' * 13}{path.suffix}"))
        for gone in kept[:-KEPT_PAPER_JOURNALS]:
            for file, _ in _parts(gone):
                file.unlink()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark.write_text(venue)


def _parts(journal: Path) -> list[tuple[Path, str]]:
    """The files of a journal that are there, each with what its name adds: one that was killed keeps a write-ahead log."""
    return [(file, part) for part in ("", "-wal", "-shm") if (file := Path(f"{journal}{part}")).exists()]
