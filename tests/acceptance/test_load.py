"""Twice the busiest minute, and ten times: a whole daemon whose streams are loud, and nothing of what matters is lost or late.

The busiest that Bybit's streams of one contract and account are taken to be is 500 frames a second. (RTS 6, article 10: twice the peak.)
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.domain.clock import elapsed_s
from bot.domain.events import ChannelChanged, ExecutionSeen, FactsLost
from bot.journal.reader import open_journal
from tests.acceptance.processes import ROOT, Daemon, Venue, a_daemon, a_venue, environment, wait_for

pytestmark = pytest.mark.acceptance

PEAK_PER_S = 500
LATEST_MS = 100


@contextmanager
def a_loud_relay(venue: Venue) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.loud", venue.url.replace("http", "ws", 1)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=ROOT, env=environment({}), text=True, **pipes)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def heard(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())  # type: ignore[no-any-return]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("times", "seconds"), [(2, 10), pytest.param(10, 60, marks=pytest.mark.campaign)])
def test_nothing_is_lost_at_twice_the_peak(
    tmp_path: Path, times: int, seconds: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every trade by hand is booked once, no stream is dropped, the inbox stays shallow, and a gap is hedged."""
    with (
        a_venue(tmp_path, speed=1) as venue,
        a_loud_relay(venue) as relay,
        a_daemon(tmp_path, venue=venue, BYBIT__WS_URL=heard(relay)["listening"]) as daemon,
    ):
        wait_for(lambda: daemon.said("hedge ended"), seconds=90, what="the first hedge")
        wait_for(lambda: daemon.status()["mode"]["name"] == "TRADING", seconds=30, what="sight")
        if times > 2:
            go_first(daemon, relay)
        before, cpu_s, began_s = len(records(tmp_path)), _cpu_s(daemon), elapsed_s()

        assert relay.stdin is not None
        relay.stdin.write(json.dumps({"per_s": times * PEAK_PER_S, "seconds": seconds}) + "\n")
        relay.stdin.flush()
        deepest = trade_by_hand(venue, daemon, until_s=began_s + seconds - 3)
        burst = heard(relay)
        cores = (_cpu_s(daemon) - cpu_s) / (elapsed_s() - began_s)

        fills = {row["exec_id"] for row in venue.truth()["executions"]}
        wait_for(lambda: fills <= set(booked(tmp_path)), seconds=5, what="every execution in the journal", every_s=0.5)
        wait_for(
            lambda: abs(float(daemon.status()["book"]["delta_btc"])) <= 0.01, seconds=30, what="the gap to be hedged"
        )
        after = records(tmp_path)[before:]
        assert daemon.stop() == 0

    ages_ms = sorted(at_ms - record.execution.exec_ms for record, at_ms in after if isinstance(record, ExecutionSeen))
    with capfd.disabled():
        sys.stdout.write(
            f"\n{burst['sent'] / burst['seconds']:.0f} frames/s for {burst['seconds']:.0f} s, {cores:.0%} of a core; inbox at most "
            f"{deepest}; {len(ages_ms)} executions, age p50 {ages_ms[len(ages_ms) // 2]} ms, worst {ages_ms[-1]} ms; "
            f"load {os.getloadavg()[0]:.1f}\n"
        )
    assert burst["sent"] >= 0.95 * times * PEAK_PER_S * seconds, "what was sent was not taken in time"
    assert [] == [record for record, _ in after if isinstance(record, FactsLost)]
    assert [] == [record for record, _ in after if isinstance(record, ChannelChanged)], "a stream fell"
    assert [] == [name for name, count in Counter(booked(tmp_path)).items() if count > 1], "booked twice"
    assert deepest < 1_000
    assert len(ages_ms) >= seconds
    if times > 2:
        assert ages_ms[int(len(ages_ms) * 0.99)] <= LATEST_MS


def go_first(daemon: Daemon, relay: subprocess.Popen[str]) -> None:
    """Before the machine's other programs, where we may: what is measured is the daemon, as on a machine of its own."""
    for process in (daemon.process, relay):
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(process.pid, os.SCHED_FIFO, os.sched_param(1))


def trade_by_hand(venue: Venue, daemon: Daemon, until_s: float) -> int:
    """The owner opens a gap at once, then buys and sells a little several times a second; the deepest that the inbox was."""
    venue.owner_trades("Buy", "0.030", 1)
    deepest = number = 0
    while elapsed_s() < until_s:
        venue.owner_trades("Sell" if number % 2 else "Buy", "0.001", 1)
        number += 1
        if number % 5 == 0:
            deepest = max(deepest, daemon.status()["process"]["queues"]["inbox"]["depth"])
    return deepest


def records(folder: Path) -> list[tuple[Any, int]]:
    """(record, moment) of the whole journal."""
    with open_journal(folder / "var/paper/journal.sqlite") as journal:
        return [(entry.record, entry.at_ms) for entry in journal.entries()]


def booked(folder: Path) -> list[str]:
    return [record.execution.exec_id for record, _ in records(folder) if isinstance(record, ExecutionSeen)]


def _cpu_s(daemon: Daemon) -> float:
    fields = Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
