"""A whole day in a minute, with faults: memory stays flat, nothing dies silently, every queue keeps its bound."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from statistics import mean

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.processes import Daemon, a_daemon, a_venue, wait_for

pytestmark = pytest.mark.acceptance

SPEED = 1440
CLIMATES = (3, 7, 11, 19)
"""Seeds of the venue's misfortunes, one after the other through the day."""
BUDGETS = {"orders in 1 min", "reads in 1 s", "requests in 5 s"}
"""Not queues: what left within a window. After a reconnection a burst may use one up, for that it is there; asking at that pace all the
time is what must not be."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("hours", [6, pytest.param(24, marks=pytest.mark.campaign)])
def test_a_day_of_faults_at_high_speed(tmp_path: Path, hours: int) -> None:
    """Market hours over real sockets: hourly reviews, settlements, cut streams, lost replies, a trade by hand each quarter."""
    rss_kib: list[int] = []
    depths: dict[str, list[float]] = defaultdict(list)
    limits: dict[str, float] = {}
    with a_venue(tmp_path, speed=SPEED) as venue, a_daemon(tmp_path, venue=venue) as daemon:
        wait_for(lambda: daemon.said("hedge ended"), seconds=60, what="the first hedge")
        began_ms = venue.ask("clock")["market_ms"]
        for quarter, seed in enumerate(CLIMATES):
            venue.ask("faults", climate=seed, strength=0.3)
            venue.owner_trades("Buy" if quarter % 2 else "Sell", "0.03", 1 if quarter % 2 else 2)
            end_ms = began_ms + (quarter + 1) * hours * 3_600_000 // len(CLIMATES)
            while venue.ask("clock")["market_ms"] < end_ms:
                assert daemon.process.poll() is None, "the daemon died"
                rss_kib.append(_rss_kib(daemon))
                for queue, depth in _gauge(daemon, "hedgelock_queue_depth").items():
                    depths[queue].append(depth)
                limits |= _gauge(daemon, "hedgelock_queue_limit")
                time.sleep(1)
            venue.ask("faults", method="DELETE")

        wait_for(lambda: daemon.status()["mode"]["name"] == "TRADING", seconds=60, what="sight after the storm")
        assert daemon.stop() == 0

    assert [line for line in daemon.log if line["level"] in ("error", "critical") and "exception" in line] == []
    assert len(daemon.said("decision")) >= hours
    assert len(daemon.said("funding")) >= hours // 12
    half = len(rss_kib) // 2
    assert max(rss_kib[half:]) - max(rss_kib[:half]) < 16 * 1024, f"memory grew: {rss_kib[:: max(1, half // 5)]} KiB"
    assert {"inbox", "journal"} == limits.keys() - BUDGETS
    for queue, limit in limits.items():
        assert max(depths[queue]) <= (limit if queue in BUDGETS else limit / 2), f"{queue}: {depths[queue]}"
        if queue in BUDGETS:
            assert mean(depths[queue]) <= limit / 4, f"{queue}: {depths[queue]}"


def _rss_kib(daemon: Daemon) -> int:
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def _gauge(daemon: Daemon, name: str) -> dict[str, float]:
    """One metric's value by its label, as Prometheus reads it."""
    families = text_string_to_metric_families(daemon.tells("/metrics"))
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {sample.labels["queue"]: sample.value for sample in samples}
