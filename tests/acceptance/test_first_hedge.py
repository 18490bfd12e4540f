"""The whole road: recorded prices in, orders out over real sockets, fills back, a hedged book; also through sudden death."""

from __future__ import annotations

import json
import signal
import time
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.acceptance.processes import ROOT, a_daemon, a_venue, wait_for

pytestmark = pytest.mark.acceptance

HEDGED = ("0.051", "0.321")


def test_scripts_run_hedges_within_a_minute_and_leaves_cleanly(tmp_path: Path) -> None:
    """One command, no keys, no settings: long 0.051, short 0.321 on a 2-4 % day, seen by another client; SIGTERM keeps it."""
    with a_venue(tmp_path) as venue, a_daemon(tmp_path, venue=venue, by=(str(ROOT / "scripts" / "run"),)) as daemon:
        assert venue.legs() == ("0.213", "0.213")

        wait_for(lambda: venue.legs() == HEDGED, seconds=60, what="the legs 0.051 / 0.321 at the venue")

        began = time.monotonic()
        assert daemon.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 5
        assert venue.legs() == HEDGED
        assert [(o["qty"], o["side"], o["positionIdx"], o["reduceOnly"]) for o in venue.orders()] == [
            ("0.108", "Sell", 2, False),
            ("0.162", "Sell", 1, True),
        ]


def test_killed_in_mid_hedge_it_finishes_the_same_hedge(tmp_path: Path) -> None:
    """SIGKILL between two orders of one hedge; the next run brings the same legs with no order more than was needed."""
    small = {"LIMITS__MAX_ORDER_BTC": "0.03", "LIMITS__MAX_LEG_BTC": "1"}
    with a_venue(tmp_path) as venue:
        with a_daemon(tmp_path, venue=venue, **small) as daemon:
            wait_for(
                lambda: len(venue.ask("requests?since=0")["requests"]) >= 3, seconds=30, what="an order", every_s=0.002
            )
            daemon.kill()
        killed_at = venue.legs()
        assert killed_at != HEDGED, "it was killed too late to prove anything"

        with a_daemon(tmp_path, venue=venue, **small) as daemon:
            wait_for(lambda: venue.legs() == HEDGED, seconds=30, what="the same hedge, finished")
            wait_for(lambda: daemon.status()["mode"]["name"] == "TRADING", seconds=10, what="TRADING")
            assert daemon.stop() == 0

        orders = venue.orders()
        assert sum(D(o["cumExecQty"]) for o in orders) == D("0.270")
        links = [o["orderLinkId"] for o in orders]
        assert len(set(links)) == len(links)
        assert {link.split("-")[0] for link in links} == {line["run"] for line in _runs(tmp_path)}


def _runs(folder: Path) -> list[dict[str, str]]:
    logs = sorted(folder.glob("daemon-*.log"))
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == "run"]


def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    """Two writers on one account would each undo the other; the second says who holds it and leaves."""
    with a_venue(tmp_path) as venue, a_daemon(tmp_path, venue=venue) as first:
        wait_for(lambda: first.said("run"), seconds=30, what="the first daemon")

        with a_daemon(tmp_path, venue=venue) as second:
            assert second.process.wait(30) == 5
            assert f"process {first.process.pid}" in second.log_path.read_text()

        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        with a_daemon(elsewhere, venue=venue) as third:  # a journal of its own, the same account
            assert third.process.wait(30) == 5


def test_paper_mode_alone_brings_its_own_venue_and_takes_it_along(tmp_path: Path) -> None:
    """Without any setting the daemon starts a venue; killed, it leaves none behind; started again, it begins a new book."""
    with a_daemon(tmp_path) as daemon:
        wait_for(lambda: daemon.said("hedge ended"), seconds=60, what="the first hedge")
        url = daemon.said("HedgeLock")[0]["exchange"]
        status = daemon.status()
        assert (status["book"]["long"]["qty_btc"], status["book"]["short"]["qty_btc"]) == HEDGED
        daemon.kill()

    wait_for(lambda: not _answers(url), seconds=10, what="the orphaned venue to leave")
    with a_daemon(tmp_path) as daemon:
        wait_for(lambda: daemon.said("hedge ended"), seconds=60, what="the first hedge of a new book")
        assert daemon.stop(signal.SIGINT) == 0


def _answers(url: str) -> bool:
    from tests.acceptance.processes import Venue

    try:
        Venue(url=url).ask("clock")
    except OSError:
        return False
    return True
