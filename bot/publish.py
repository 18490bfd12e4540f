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
from bot.journal.reader import JournalReader, open_journal
from bot.review.replay import NoDiary
from bot.settings import Settings
from bot.stream import lag, offset
from bot.stream.kafka import Broker, Letter, letter, read_properties
from bot.stream.teller import Teller

__all__ = ["publish"]

_log = structlog.get_logger("hedgelock.stream")

LOOK_EVERY_S = 0.5
BATCH = 500
"""Records whose messages are confirmed together; a crash repeats at most these."""


def publish(settings: Settings, path: Path, *, once: bool, stop: threading.Event) -> int:
    """Tell the journal at `path` until `stop`; with `once`, until its present end. Returns how many messages were confirmed.

    Raises SetUp where there is no journal, no broker is named or the library is absent; Unavailable where the broker refuses for good.
    """
    kafka = settings.kafka
    if not kafka.bootstrap_servers:
        raise SetUp("no broker is named", "Set HEDGELOCK__KAFKA__BOOTSTRAP_SERVERS, say to localhost:9092")
    properties = read_properties(Path(kafka.properties)) if kafka.properties else {}
    broker = Broker(
        kafka.bootstrap_servers, properties, on_trouble=lambda said: _log.warning("waiting for the broker", said=said)
    )
    if kafka.metrics_port and not once:
        lag.serve(kafka.metrics_host, kafka.metrics_port)
    told = 0
    try:
        while not stop.is_set():
            with open_journal(path) as journal:
                told += _tell(settings, journal, broker, once=once, stop=stop)
            if once:
                break
    finally:
        broker.close()
    return told


def _tell(settings: Settings, journal: JournalReader, broker: Broker, *, once: bool, stop: threading.Event) -> int:
    """One journal file, until its end (`once`), until it is replaced by another, or until `stop`."""
    name = next((record.run for _, record in journal.of(Started, last=None)), "")
    mark = journal.path.with_suffix(".stream.json")
    delivered = offset.read(mark, name)
    engine = Engine(wiring.engine_config(settings, 1.0), NoDiary())
    teller = Teller(name)
    file_number, told, folded = os.stat(journal.path).st_ino, 0, 0
    _log.info("telling", journal=str(journal.path), run=name, after=delivered)
    while not stop.is_set():
        entries = list(islice(journal.entries(since_number=folded + 1), BATCH))
        letters: list[Letter] = []
        for entry in entries:
            engine.recover(entry.record, entry.at_ms)
            messages = teller.tell(entry.number, entry.at_ms, entry.record, _looking(engine, entry.at_ms))
            letters += [letter(m, settings.kafka.topic_prefix) for m in messages if entry.number > delivered]
            folded = entry.number
        if folded > delivered:
            if not broker.deliver(letters, give_up=stop.is_set):
                break
            delivered = folded
            offset.write(mark, offset.Offset(journal=name, number=delivered))
            told += len(letters)
            lag.count(one.topic for one in letters)
        lag.show(journal.newest_number - delivered)
        if len(entries) < BATCH:
            if once or _is_replaced(journal.path, file_number):
                break
            stop.wait(LOOK_EVERY_S)
    return told


def _looking(engine: Engine, at_ms: int) -> Callable[[], BotView]:
    return lambda: picture.view(engine.state, at_ms)


def _is_replaced(path: Path, file_number: int) -> bool:
    try:
        return os.stat(path).st_ino != file_number
    except FileNotFoundError:
        return False
