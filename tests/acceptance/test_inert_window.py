"""The window is inert: whatever a thousand slow clients and a fuzzer do to it, the engine decides the same, and in time.

One engine is fed the same events twice, beside the process of its window; the second time the window is under attack by another process.
Decisions must be equal to the last field. Two figures of each turn are taken. Its delay, from the event's due moment to the end of the
turn, is by the clock, so whatever else the machine does is in it. What the loop's thread computed since the turn before is by its CPU time:
the turn and all that the window's cord asked of it, an upper bound of what anything but the scheduler can have delayed it by. They are held
in the campaign only, with the engine on one core and the attackers on another where there are two; the window goes where it finds room.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from bot.domain.clock import elapsed_s
from bot.domain.commands import Decided
from bot.domain.events import Verb
from bot.domain.records import Record
from bot.domain.view import VerbAnswer, VerbOffer
from bot.engine import outlook, picture
from bot.engine.engine import Engine
from bot.journal.journal import Journal
from bot.monitoring.doors import WebOptions
from bot.monitoring.pulse import Pulse
from bot.window.keeper import NearEngine, Surroundings, Window
from tests import past
from tests.inert import Day
from tests.unit.engine.desk import a_config

ROOT = Path(__file__).resolve().parents[2]
FEW, MANY = 40, 1_000
PACE_S = 0.004
ROUNDS = 3
TOKEN = "a-token-of-at-least-22-characters"


class Run(NamedTuple):
    decisions: list[Decided]
    delays_ms: list[float]
    computed_ms: list[float]


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


class Scribe:
    """A diary on disk that also keeps what was decided."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.decisions: list[Decided] = []

    def append(self, record: Record, now_ms: int) -> int:
        if isinstance(record, Decided):
            self.decisions.append(record)
        return self.journal.append(record, now_ms)

    def commit(self) -> None:
        self.journal.commit()


@asynccontextmanager
async def attacked(port: int, clients: int) -> AsyncIterator[None]:
    """Another process opens `clients` connections that drip or do not read, and fuzzes the API; ready when all have knocked."""
    if not clients:
        yield
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.inert", str(port), str(clients), TOKEN, cwd=ROOT, stdout=subprocess.PIPE
    )
    os.sched_setaffinity(process.pid, {max(range(os.cpu_count() or 1))})
    try:
        assert process.stdout is not None
        assert b"knocking\n" == await process.stdout.readline()
        yield
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def on_one_core() -> AsyncIterator[None]:
    """The engine's thread keeps to the first core; children that were born before do not."""
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(ours)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, ours)


class NoDesk:
    """Takes no verb: the fuzzer has no token for one."""

    def offers(self) -> tuple[VerbOffer, ...]:
        return ()

    async def ask(self, verb: Verb, **_: object) -> VerbAnswer:
        raise AssertionError(verb)


def near(engine: Engine, pulse: Pulse, now_ms: Callable[[], int]) -> NearEngine:
    """What the window may ask of this engine."""
    state = engine.state
    return NearEngine(
        view=lambda: picture.view(state, now_ms()),
        vitals=pulse.vitals,
        more=dict,
        desk=NoDesk(),
        book=lambda: (outlook.what_if_book(state, now_ms()), outlook.policy_of(state.config)),
    )


async def live(folder: Path, *, clients: int, turns: int) -> Run:
    """One life of the engine beside its window."""
    past.write(folder / "past.sqlite")
    # A slow disk is another story (tests/unit/engine/test_disk.py): a commit beyond the usual quarter of a second would change decisions.
    journal = Journal(folder / "journal.sqlite", deadline_s=30.0)
    scribe = Scribe(journal)
    engine = Engine(a_config(), scribe)
    day, pulse = Day(engine, random.Random(4711)), Pulse()
    window = Window(
        WebOptions(port=0, metrics_port=0, token=TOKEN),
        near(engine, pulse, lambda: day.now_ms),
        Surroundings(folder / "past.sqlite", "BTCUSDT", "info", "auto"),
    )
    await window.bind()
    delays_ms, computed_ms = [], []
    async with asyncio.TaskGroup() as tasks:
        living = [tasks.create_task(window.run()), tasks.create_task(pulse.run())]
        async with attacked(window.doors.port, clients), on_one_core():
            for event in day.opening():
                day.hear(engine.turn(event, day.now_ms))
            for number in range(turns):
                due_s, cpu_s = elapsed_s() + PACE_S, time.thread_time()
                await asyncio.sleep(PACE_S)
                for event in day.beat(number):
                    day.hear(engine.turn(event, day.now_ms))
                delays_ms.append((elapsed_s() - due_s) * 1_000)
                computed_ms.append((time.thread_time() - cpu_s) * 1_000)
        for task in living:
            task.cancel()
    window.close()
    journal.close()
    return Run(scribe.decisions, delays_ms, computed_ms)


@pytest.mark.acceptance
async def test_decisions_are_the_same_under_attack(tmp_path: Path) -> None:
    """A few dozen bad clients and a fuzzer: not one decision differs."""
    calm = await live(tmp_path / "calm", clients=0, turns=400)
    stormy = await live(tmp_path / "storm", clients=FEW, turns=400)

    assert len(calm.decisions) > 3
    assert calm.decisions == stormy.decisions


@pytest.mark.acceptance
async def test_a_probe_on_the_second_port_is_answered_under_attack(tmp_path: Path) -> None:
    """Whoever crowds the dashboard must not have the supervisor restart a daemon that hedges."""
    journal = Journal(tmp_path / "journal.sqlite")
    engine, pulse = Engine(a_config(), Scribe(journal)), Pulse()
    side = await asyncio.to_thread(_free_port)
    window = Window(
        WebOptions(port=0, metrics_port=side, token=TOKEN),
        near(engine, pulse, lambda: 0),
        Surroundings(tmp_path / "journal.sqlite", "BTCUSDT", "info", "auto"),
    )
    await window.bind()
    async with asyncio.TaskGroup() as tasks:
        living = [tasks.create_task(window.run()), tasks.create_task(pulse.run())]
        async with attacked(window.doors.port, FEW * 5):
            for _ in range(20):
                asked_s = elapsed_s()
                reader, writer = await asyncio.open_connection("127.0.0.1", side)
                writer.write(
                    f"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1:{side}\r\nConnection: close\r\n\r\n".encode()
                )
                assert b"200 OK" in await asyncio.wait_for(reader.readline(), 2)
                assert elapsed_s() - asked_s < 2  # what a probe waits
                writer.close()
        for task in living:
            task.cancel()
    window.close()
    journal.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.campaign
@pytest.mark.timeout(900)
async def test_a_thousand_slow_clients_and_a_fuzzer(tmp_path: Path) -> None:
    """The full load, calm and storm by turns: the same decisions; p99 of a turn within a tenth, or two milliseconds where that is more."""
    calm, stormy = Run([], [], []), Run([], [], [])
    for number in range(ROUNDS):
        for run, clients in ((calm, 0), (stormy, MANY)):
            lived = await live(tmp_path / f"{number}-{clients}", clients=clients, turns=1_000)
            for kept, new in zip(run, lived, strict=True):
                kept.extend(new)  # type: ignore[arg-type]
    for what, quiet, loud in (
        ("delay", calm.delays_ms, stormy.delays_ms),
        ("computed", calm.computed_ms, stormy.computed_ms),
    ):
        sys.stdout.write(f"\np99 of a turn, {what}: calm {p99(quiet):.2f} ms, under attack {p99(loud):.2f} ms\n")

    assert calm.decisions == stormy.decisions
    for quiet, loud in ((calm.delays_ms, stormy.delays_ms), (calm.computed_ms, stormy.computed_ms)):
        assert p99(loud) <= max(p99(quiet) * 1.1, p99(quiet) + 2.0)
