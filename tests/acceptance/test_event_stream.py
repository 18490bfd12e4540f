"""The event stream as an operator runs it: a process beside the daemon, killed and starved of its broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer

from bot.domain.events import FundingContextSeen, Started
from bot.exit_codes import ExitCode
from bot.journal.journal import Journal
from bot.journal.reader import open_journal
from tests.acceptance.processes import ROOT, Daemon, a_daemon, environment, wait_for
from tests.unit.journal.told import a_days_desk, write
from tests.unit.stream.brokers import hear

pytestmark = pytest.mark.acceptance

TRADES = "hedge_trades"


@contextmanager
def a_broker() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A cluster in a process of its own, and its address."""
    command = [sys.executable, "-m", "tests.unit.stream.brokers"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait(10)


@contextmanager
def a_publisher(journal: Path, servers: str) -> Iterator[subprocess.Popen[bytes]]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("HEDGELOCK")}
    settings = {"HEDGELOCK__KAFKA__BOOTSTRAP_SERVERS": servers, "HEDGELOCK__KAFKA__METRICS_PORT": "0"}
    command = [sys.executable, "-m", "bot", "publish", "--file", str(journal)]
    process = subprocess.Popen(command, cwd=journal.parent, env=outer | settings | {"PYTHONPATH": str(ROOT)})
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def delivered(journal: Path) -> int:
    try:
        return int(json.loads(journal.with_suffix(".stream.json").read_text())["number"])
    except FileNotFoundError:
        return 0


def test_killed_and_starved_it_tells_every_trade(tmp_path: Path) -> None:
    """SIGKILL in the middle, a broker that stands still for a while: at the end nothing is missing, and a repeat is the same message."""
    path, desk = tmp_path / "journal.sqlite", a_days_desk(hours=2)
    journal = write(path, desk)
    with a_broker() as (broker, servers):
        with a_publisher(path, servers) as publisher:
            wait_for(lambda: delivered(path), seconds=60, what="the first confirmation")
            publisher.send_signal(signal.SIGKILL)
            publisher.wait(10)

        path.with_suffix(".stream.json").unlink()  # as if it had died before it noted how far it was
        broker.send_signal(signal.SIGSTOP)
        with a_publisher(path, servers) as publisher:
            last = 0
            for record, at_ms in desk.diary.records[-20:]:  # the daemon goes on writing: nobody holds it up
                last = journal.append(record, at_ms)
            journal.commit()
            assert publisher.poll() is None
            assert delivered(path) == 0
            broker.send_signal(signal.SIGCONT)
            wait_for(lambda: delivered(path) >= last, seconds=60, what="the rest to be confirmed")
            publisher.send_signal(signal.SIGTERM)
            assert publisher.wait(20) == 0

        trades = hear(servers, TRADES)
    journal.close()
    distinct = {json.dumps(trade.body, sort_keys=True) for trade in trades}
    assert (4, 2) == (len(trades), len(distinct))


def test_what_is_said_of_funding_outside_is_heard_and_replayed(tmp_path: Path) -> None:
    """A daemon hears what a publisher tells, then a hotter word of a stranger; nonsense and a dead broker cost nothing; it replays."""
    with a_broker() as (broker, servers):
        settings = {"KAFKA__BOOTSTRAP_SERVERS": servers, "KAFKA__CONTEXT_TOPIC": "funding_context"}
        journal = tmp_path / "var" / "paper" / "journal.sqlite"
        with a_daemon(tmp_path, **settings) as daemon:
            wait_for(lambda: daemon.said("hedge ended"), seconds=60, what="the first hedge")
            with a_publisher(journal, servers):
                wait_for(lambda: _outside(daemon) == "NEUTRAL", seconds=60, what="the word of the publisher")

            stranger, now_ms = Producer({"bootstrap.servers": servers}), daemon.status()["now_ms"]
            word = {"journal": "x", "number": 1, "world": "paper", "symbol": "BTCUSDT", "at_ms": now_ms}
            word |= {"rate": None, "interval_h": None, "next_ms": None, "apr": None, "regime": "EXTREME"}
            stranger.produce("funding_context", b"\x00nonsense")
            stranger.produce("funding_context", json.dumps(word).encode())
            assert stranger.flush(20) == 0
            wait_for(lambda: _outside(daemon) == "EXTREME", seconds=60, what="the word of the stranger")
            broker.kill()
            made = daemon.status()["health"]["records"]
            wait_for(lambda: daemon.status()["health"]["records"] > made, seconds=30, what="the daemon to go on")
            assert daemon.said("bad input dropped")
            assert daemon.stop() == 0

    with open_journal(journal) as reader:
        words = [record.regime for _, record in reader.of(FundingContextSeen, last=None)]
    assert ("NEUTRAL", "EXTREME") == (words[0], words[-1])
    command = [sys.executable, "-m", "bot", "replay"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(settings), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_journal_set_aside_while_the_broker_is_away_is_told_to_its_end(tmp_path: Path) -> None:
    """The publisher waits with a few of its records; what came after those is told too, and then the new journal."""
    path, desk = tmp_path / "journal.sqlite", a_days_desk(hours=1)
    journal = write(path, desk)
    with a_broker() as (broker, servers), a_publisher(path, servers) as publisher:
        wait_for(lambda: delivered(path) == len(desk.diary.records), seconds=60, what="the first confirmation")
        broker.send_signal(signal.SIGSTOP)
        for _ in range(2):
            for record, at_ms in desk.diary.records[-10:]:
                last = journal.append(record, at_ms)
            journal.commit()
            time.sleep(2)  # it has taken what there is, and waits for the broker
        journal.close()
        path.rename(path.with_name("aside.sqlite"))
        journal = Journal(path, deadline_s=60)
        for record, at_ms in desk.diary.records:
            journal.append(replace(record, run="r9") if isinstance(record, Started) else record, at_ms)
        journal.close()
        broker.send_signal(signal.SIGCONT)
        wait_for(lambda: _named(path) == "r9", seconds=60, what="the new journal to be told")
        publisher.send_signal(signal.SIGTERM)
        assert publisher.wait(20) == 0
        numbers = [one.body["number"] for one in hear(servers, "market_data") if one.body["journal"] == "r1"]
    assert max(map(int, map(str, numbers))) > last - 10


def test_settings_that_cannot_be_end_the_daemon_as_settings_do(tmp_path: Path) -> None:
    """No other start would mend it: exit code 3, not the one that a supervisor starts again after."""
    settings = {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA__CONTEXT_TOPIC": "x", "KAFKA__PROPERTIES": "absent"}
    with a_daemon(tmp_path, **settings) as daemon:
        assert daemon.process.wait(30) == ExitCode.SETTINGS


def _named(journal: Path) -> str:
    return str(json.loads(journal.with_suffix(".stream.json").read_text())["journal"])


def _outside(daemon: Daemon) -> str:
    return str(daemon.status()["funding"]["outside_regime"])
