"""A look at this machine for the preflight: disk, journal, locks, latch, proxies. Changes nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from bot.domain import names
from bot.domain.commands import PlaceOrder
from bot.domain.errors import SetUp
from bot.domain.events import OrderSeen, Started
from bot.journal import locks
from bot.journal.hand import Hand
from bot.journal.latch import Latch
from bot.journal.probe import wait_for_disk
from bot.journal.reader import open_journal
from bot.monitoring.alerts import channels
from bot.monitoring.alerts.urls import parse
from bot.preflight.findings import Machine
from bot.settings.people import AlertsSettings

__all__ = ["deaf", "issued", "look", "look_in_time", "looker", "rival"]

NEWEST = 1000
"""Records looked through for order numbers: two days at the largest daily number of orders."""

LOOK_S = 2.0
"""Patience with the disk."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def look(journal: Path) -> Machine:
    """The machine as it is now, for a journal at that path."""
    folder = _nearest(journal.parent)
    latch = Latch(journal).state()
    writer = locks.holder(journal.with_suffix(".lock"))
    return Machine(
        free_mb=_free_mb(folder),
        journal_problem=_problem(journal, folder),
        writer="" if writer == str(os.getpid()) else writer,
        latch=latch.reason if latch.closed else "",
        proxies=tuple(name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())),
    )


def looker(journal: Path) -> Callable[[], Awaitable[Machine]]:
    """Looks as `look` does, beside the event loop: a disk that hangs is a finding."""
    hand = Hand("preflight", deadline_s=LOOK_S)

    async def looked() -> Machine:
        try:
            return await hand.wait_for(partial(look, journal))
        except OSError as error:
            return _not_seen(error)

    return looked


def look_in_time(journal: Path) -> Machine:
    """Looks as `look` does, for a command, which ends whatever the disk does."""
    try:
        wait_for_disk(journal, LOOK_S)
    except OSError as error:
        return _not_seen(error)
    return look(journal)


def rival(account: Path, writer: str) -> str:
    """The process, other than the journal's `writer`, that holds the account's lock on this machine; "" for none."""
    holder = locks.holder(account)
    return "" if holder == writer else holder


async def deaf(alerts: AlertsSettings) -> tuple[str, ...]:
    """The alert channels that cannot be connected to, and why, without the address. Nothing is sent."""
    urls = {"the first channel": alerts.first_url, "the second channel": alerts.second_url}
    known = {name: secret.get_secret_value() for name, secret in urls.items() if secret.get_secret_value()}
    problems = await asyncio.gather(*(channels.unreachable(parse(url)) for url in known.values()))
    return tuple(f"{name} {problem}" for name, problem in zip(known, problems, strict=True) if problem)


def issued(journal: Path) -> dict[str, int]:
    """The highest order number of each run that the journal there began or was told of lately; 0: none on record. Empty without one."""
    highest: dict[str, int] = {}
    with suppress(SetUp), open_journal(journal) as reader:  # a journal that cannot be read has a check of its own
        highest |= {started.run: 0 for _, started in reader.of(Started, last=NEWEST)}
        placed = (place.order_link_id for _, place in reader.of(PlaceOrder, last=NEWEST))
        seen = (seen.order.order_link_id for _, seen in reader.of(OrderSeen, last=NEWEST))
        for named in map(names.parsed, (*placed, *seen)):
            if named is not None:
                highest[named.run] = max(named.number, highest.get(named.run, 0))
    return highest


def _not_seen(error: OSError) -> Machine:
    is_late = isinstance(error, TimeoutError) and not error.errno
    why = f"its disk has not answered within {LOOK_S:.0f} s" if is_late else f"it cannot be looked at: {error.strerror}"
    return Machine(free_mb=None, journal_problem=why)


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _free_mb(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free // (1 << 20)
    except OSError:
        return None


def _problem(journal: Path, folder: Path) -> str:
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} cannot be written"
    if not journal.exists():
        return ""
    if not os.access(journal, os.R_OK | os.W_OK):
        return f"{journal} cannot be written"
    # Through SQLite alone: where the daemon itself looks, closing the file by hand would drop the locks that SQLite holds on it for the
    # whole process (sqlite.org/howtocorrupt.html, 2.2), and the next program to close the journal would take the write-ahead log away.
    try:
        with open_journal(journal):
            return ""
    except SetUp as error:
        return error.problem
