"""`hedgelock publish`: a journal told to Kafka, by a process of its own.

Reads the journal as any reader does, folds it into the same engine (which is never asked to think) for the picture, and hands messages to
the stream. It cannot delay an order: the daemon does not know that it exists. It may be stopped, killed or started late at any time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import structlog

from bot import wiring
from bot.domain.errors import SetUp
from bot.domain.events import Started
from bot.domain.view import BotView
from bot.engine import picture
from bot.engine.engine import Engine
from bot.journal import locks
from bot.journal.reader import JournalReader, open_journal
from bot.review.replay import NoDiary
from bot.settings import Settings
from bot.stream import lag, offset
from bot.stream.kafka import Broker, Letter, letter, read_properties, require
from bot.stream.teller import Teller

__all__ = ["publish"]

_log = structlog.get_logger("hedgelock.stream")

LOOK_EVERY_S = 0.5
BATCH = 500
"""Records whose messages are confirmed together; a crash repeats at most these."""


def publish(settings: Settings, path: Path, *, once: bool, stop: threading.Event) -> int:
    """Tell the journal at `path` until `stop`; with `once`, until its present end. Returns how many messages were confirmed.

    A journal that is not there yet is waited for, since a supervisor may start both at once; with `once` it is a SetUp. Raises SetUp too
    where no broker is named or the library is absent; AlreadyRunning where another process tells this journal; Unavailable where the
    broker refuses for good; JournalFailed where the disk does not take how far it came.
    """
    kafka = settings.kafka
    if not kafka.bootstrap_servers:
        raise SetUp("no broker is named", "Set HEDGELOCK__KAFKA__BOOTSTRAP_SERVERS, say to localhost:9092")
    properties = read_properties(Path(kafka.properties)) if kafka.properties else {}
    require()  # before a journal is waited for, perhaps for long
    if not once:
        _wait_for(path, stop)
    if stop.is_set():
        return 0
    with open_journal(path):  # raises where there is none, before a lock is made beside it
        pass
    told = 0
    # One process tells a journal: two would each tell everything, and write over each other's mark.
    with locks.hold(path.with_suffix(".stream.lock"), f"the event stream of {path}"):
        broker = Broker(
            kafka.bootstrap_servers,
            properties,
            on_trouble=lambda said: _log.warning("waiting for the broker", said=said),
            on_relief=lambda: _log.info("the broker confirms again"),
        )
        if kafka.metrics_port and not once:
            lag.serve(kafka.metrics_host, kafka.metrics_port)
        try:
            while not stop.is_set():
                told += _tell(settings, path, broker, once=once, stop=stop)
                if once:
                    break
        finally:
            broker.close()
    return told


def _wait_for(path: Path, stop: threading.Event) -> None:
    """Until the daemon has made the file; nothing is written meanwhile."""
    if not path.exists():
        _log.info("waiting for the journal", journal=str(path), mend="`hedgelock run` begins one; --file names another")
    while not path.exists() and not stop.is_set():
        stop.wait(LOOK_EVERY_S)


def _tell(settings: Settings, path: Path, broker: Broker, *, once: bool, stop: threading.Event) -> int:
    """One journal file, until its end (`once`), until it is replaced by another, or until `stop`."""
    file_number = _file_number(path)  # before it is opened: one that comes in between is told by the next call
    with open_journal(path) as journal:
        if journal.newest_number:
            return _tell_open(settings, journal, file_number, broker, once=once, stop=stop)
    if not once:  # the daemon has made its file; its first record will say which journal this is
        stop.wait(LOOK_EVERY_S)
    return 0


def _tell_open(
    settings: Settings, journal: JournalReader, file_number: int, broker: Broker, *, once: bool, stop: threading.Event
) -> int:
    mark = journal.path.with_suffix(".stream.json")
    runs = [(entry.number, record.run) for entry, record in journal.of(Started, last=None)]
    found = offset.read(mark)
    done = offset.resumed(found, runs, journal.newest_number)
    # Before anything is sent: on a disk that does not take it, every start would send the same again.
    offset.write(mark, done)
    _log.info("telling", journal=str(journal.path), run=done.journal, after=done.number)
    if found is not None and found.journal == done.journal and found.number > done.number:
        _log.warning("an older copy of the journal was brought back", told=found.number, goes_on_after=done.number)
    engine = Engine(wiring.engine_config(settings, 1.0), NoDiary())
    teller = Teller(done.journal)
    told = folded = 0

    def leaves() -> bool:
        lag.show(journal.newest_number - done.number)
        return stop.is_set()

    while not leaves():
        is_last = once or _is_replaced(journal, file_number, folded)  # asked first: what came before it is read below
        entries = list(islice(journal.entries(since_number=folded + 1), BATCH))
        letters: list[Letter] = []
        for entry in entries:
            engine.recover(entry.record, entry.at_ms)
            messages = teller.tell(entry.number, entry.at_ms, entry.record, _looking(engine, entry.at_ms))
            letters += [letter(m, settings.kafka.topic_prefix) for m in messages if entry.number > done.number]
            folded = entry.number
        if folded > done.number:
            if not broker.deliver(letters, give_up=leaves):
                break
            done = offset.Offset(journal=done.journal, number=folded, run=teller.run)
            offset.write(mark, done)
            told += len(letters)
            lag.count(one.topic for one in letters)
        if len(entries) < BATCH:
            if is_last:
                break
            stop.wait(LOOK_EVERY_S)
    return told


def _looking(engine: Engine, at_ms: int) -> Callable[[], BotView]:
    return lambda: picture.view(engine.state, at_ms)


def _is_replaced(journal: JournalReader, file_number: int, folded: int) -> bool:
    """Whether another file lies there now, or an older copy was put into the same one."""
    return _file_number(journal.path) not in (0, file_number) or journal.newest_number < folded


def _file_number(path: Path) -> int:
    """0 where no file is, as between an old journal that was set aside and a new one."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0
