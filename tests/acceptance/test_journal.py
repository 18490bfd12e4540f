"""The journal of a real daemon: asked while it is written, taken again afterwards, and on a disk that fills up in the middle of a day."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import ROOT, Daemon, Venue, a_daemon, a_venue, wait_for

pytestmark = pytest.mark.acceptance

HEDGED = ("0.051", "0.321")
JOURNAL = "var/paper/journal.sqlite"


def hedgelock(cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", *words]
    env = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


def asked(cwd: Path, *words: str) -> Any:
    answer = hedgelock(cwd, *words, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def fill_the_disk(daemon: Daemon) -> tuple[int, int]:
    """From now on no file of the daemon may grow past what its write-ahead log already has; returns what it may have been before."""
    before = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (150_000, before[1]))
    return before


def a_strange_hand_buys_back(venue: Venue, qty: str) -> None:
    """Somebody closes a part of the short leg by hand: that much BTC stands uncovered."""
    venue.client.place_order(
        category="linear", symbol="BTCUSDT", side="Buy", orderType="Market", qty=qty, positionIdx=2, reduceOnly=True
    )


def ours(venue: Venue) -> list[tuple[str, str, bool]]:
    """(side, qty, reduce only) of our orders that traded, oldest first."""
    rows = [o for o in reversed(venue.orders()) if o["orderLinkId"] and D(o["cumExecQty"])]
    return [(o["side"], o["cumExecQty"], o["reduceOnly"]) for o in rows]


def traded(cwd: Path) -> list[str]:
    """What our orders traded, as the journal on disk tells it, oldest first."""
    return [order["filled"] for order in asked(cwd, "journal", "orders", "--last", "50") if D(order["filled"])]


def test_a_running_daemons_journal_answers_and_its_day_is_taken_again_bit_for_bit(tmp_path: Path) -> None:
    """Orders, fills and the whole reasoning of the first hedge, while the daemon goes on; through a sudden death as well."""
    with a_venue(tmp_path, speed=480) as venue:
        with a_daemon(tmp_path, venue=venue) as daemon:
            wait_for(lambda: daemon.said("hedge ended"), seconds=60, what="the first hedge")

            orders = asked(tmp_path, "journal", "orders")
            assert [("long", "shrink", "0.162", "filled"), ("short", "grow", "0.108", "filled")] == [
                (o["leg"], o["act"], o["filled"], o["state"]) for o in orders
            ]
            story = asked(tmp_path, "explain", orders[1]["order"])
            assert ("first look", "the same, bit for bit") == (
                story["decision"]["trigger"],
                story["decision"]["taken_again"],
            )
            assert ["user", "volatility", "funding", "ltv floor", "margin", "emergency", "manual"] == [
                s["stage"] for s in story["stages"]
            ]
            assert ("reached: leg targets reached", "0.000") == (story["left"]["hedge"], story["left"]["delta"])
            fills = asked(tmp_path, "journal", "fills", "--last", "50")
            assert 2 == len([fill for fill in fills if fill["kind"] == "Trade"])
            daemon.kill()

        with a_daemon(tmp_path, venue=venue) as daemon:
            wait_for(lambda: len(daemon.said("decision")) >= 2, seconds=60, what="a decision of the second run")
            assert daemon.stop() == 0

    again = hedgelock(tmp_path, "replay")
    assert 0 == again.returncode, again.stdout
    found = asked(tmp_path, "replay")
    assert found["decisions"] == found["reproduced"] == found["reproduced_from_books"] >= 4


def test_on_a_full_disk_it_keeps_running_grows_nothing_says_so_and_recovers(tmp_path: Path) -> None:
    """The disk fills up, then 0.15 BTC lose their cover: the long leg is cut at once, the short one only when there is room again."""
    with a_venue(tmp_path) as venue, a_daemon(tmp_path, venue=venue) as daemon:
        wait_for(lambda: venue.legs() == HEDGED, seconds=60, what="the first hedge")
        wait_for(lambda: daemon.said("hedge ended"), seconds=10, what="its end")
        before = fill_the_disk(daemon)
        wait_for(lambda: daemon.status()["mode"]["name"] == "REDUCING", seconds=20, what="REDUCING")
        assert "the journal cannot be written: disk I/O error" == daemon.status()["mode"]["why"]

        a_strange_hand_buys_back(venue, "0.15")
        wait_for(lambda: venue.legs() == ("0", "0.171"), seconds=30, what="the long leg at zero")
        ten_minutes_later_ms = venue.ask("clock")["market_ms"] + 600_000
        wait_for(lambda: venue.ask("clock")["market_ms"] > ten_minutes_later_ms, seconds=30, what="ten market minutes")
        assert [("Sell", "0.051", True)] == ours(venue)[2:]
        assert ["journal unwritable"] == [line["kind"] for line in daemon.log if line["level"] == "critical"]
        assert "0.051" not in traded(tmp_path)

        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, before)
        wait_for(lambda: daemon.status()["mode"]["name"] == "TRADING", seconds=20, what="TRADING")
        wait_for(lambda: D(venue.legs()[1]) >= D("0.260"), seconds=60, what="a short leg that covers the spot")
        assert daemon.stop() == 0
        orders = ours(venue)

    assert [o[1] for o in orders] == traded(tmp_path)
    assert 0 == hedgelock(tmp_path, "replay").returncode


def test_killed_on_a_full_disk_it_finds_its_way_back(tmp_path: Path) -> None:
    """An order left without its intent on disk, and the memory that knew of it is gone: the venue's books tell the next run."""
    with a_venue(tmp_path) as venue:
        with a_daemon(tmp_path, venue=venue) as daemon:
            wait_for(lambda: venue.legs() == HEDGED, seconds=60, what="the first hedge")
            wait_for(lambda: daemon.said("hedge ended"), seconds=10, what="its end")
            fill_the_disk(daemon)
            wait_for(lambda: daemon.status()["mode"]["name"] == "REDUCING", seconds=20, what="REDUCING")
            a_strange_hand_buys_back(venue, "0.15")
            wait_for(lambda: venue.legs() == ("0", "0.171"), seconds=30, what="the long leg at zero")
            daemon.kill()

        with a_daemon(tmp_path, venue=venue) as daemon:
            wait_for(lambda: D(venue.legs()[1]) >= D("0.260"), seconds=60, what="a short leg that covers the spot")
            wait_for(lambda: daemon.status()["mode"]["name"] == "TRADING", seconds=20, what="TRADING")
            assert daemon.stop() == 0
        links = [order["orderLinkId"] for order in venue.orders() if order["orderLinkId"]]

    assert len(links) == len(set(links))
    assert 0 == hedgelock(tmp_path, "replay").returncode


def test_a_disk_that_hangs_keeps_nobody_from_flattening(tmp_path: Path) -> None:
    """Pipes that nobody reads or writes stand for such a disk, where the latch is to be written and the preflight looks: both were on the
    engine's own loop, and the daemon stood still until the disk answered."""
    with a_venue(tmp_path, speed=1) as venue, a_daemon(tmp_path, venue=venue) as daemon:
        wait_for(lambda: venue.legs() == HEDGED, seconds=60, what="the first hedge")
        folder = (tmp_path / JOURNAL).parent
        folder.joinpath("journal.lock").rename(tmp_path / "its lock")
        for name in ("journal.lock", f"halt.latch.{daemon.process.pid}.new"):
            os.mkfifo(folder / name)

        resumed = hedgelock(tmp_path, "resume", "--reason", "a look", "--port", str(daemon.port))
        assert "journal: its disk has not answered within 2 s" in resumed.stderr
        flattened = hedgelock(tmp_path, "flatten", "--yes", "--port", str(daemon.port))
        assert "cannot be closed: the disk took longer than 1 s" in flattened.stdout

        wait_for(lambda: venue.legs() == ("0", "0"), seconds=20, what="no leg")
        wait_for(lambda: daemon.status()["mode"]["name"] == "HALTED", seconds=20, what="HALTED")
        assert daemon.stop() == 0


def test_a_journal_that_is_none_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Garbage where the journal should be is a person's to judge: the daemon says what to do and starts nothing."""
    path = tmp_path / JOURNAL
    path.parent.mkdir(parents=True)
    path.write_text("somebody's notes, not a database " * 50)

    with a_venue(tmp_path) as venue:
        (path.parent / "venue").write_text(venue.ask("clock")["venue"])
        with a_daemon(tmp_path, venue=venue) as daemon:
            assert 9 == daemon.process.wait(30)

    assert "Move it aside" in daemon.log_path.read_text()
    assert path.read_text().startswith("somebody's notes")
