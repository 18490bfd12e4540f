"""A process that stands still: nobody tells it, its clock went on, and the world moved meanwhile."""

from __future__ import annotations

import signal
import time
from decimal import Decimal as D
from pathlib import Path

import pytest

from bot.domain.commands import Mode, ModeChanged, Note, PlaceOrder
from bot.domain.events import AccountRead, FactsLost
from bot.domain.legs import Act
from bot.journal.reader import open_journal
from bot.wiring import STALL_S
from tests.acceptance.processes import Venue, a_daemon, a_venue, wait_for

pytestmark = pytest.mark.acceptance


@pytest.mark.timeout(150)
def test_a_frozen_daemon_reads_everything_anew_before_it_trades(tmp_path: Path) -> None:
    """SIGSTOP in quiet, the owner closes a part of the hedge, SIGCONT: it says so, and grows nothing before the account was read."""
    with a_venue(tmp_path, speed=1) as venue, a_daemon(tmp_path, venue=venue) as daemon:
        wait_for(lambda: daemon.said("hedge ended"), seconds=60, what="the first hedge")
        wait_for(lambda: daemon.status()["mode"]["name"] == "TRADING", seconds=30, what="sight")

        daemon.process.send_signal(signal.SIGSTOP)
        venue.owner_trades("Buy", "0.300", 2)  # more than shrinking the other leg can mend
        time.sleep(STALL_S + 2)
        assert "the engine has shown nothing for" in daemon.status()["health"]["ready"]["reasons"][0]
        daemon.process.send_signal(signal.SIGCONT)

        wait_for(lambda: _is_hedged(venue), seconds=60, what="the owner's trade to be hedged", every_s=0.3)
        assert daemon.stop() == 0

    with open_journal(tmp_path / "var" / "paper" / "journal.sqlite") as journal:
        found = [entry.record for entry in journal.entries()]
    woke = next(n for n, record in enumerate(found) if isinstance(record, Note) and record.kind == "stalled")
    after = found[woke + 1 :]
    assert isinstance(after[0], FactsLost)
    first_reading = next(n for n, record in enumerate(after) if isinstance(record, AccountRead))
    grown = [n for n, record in enumerate(after) if isinstance(record, PlaceOrder) and record.act is Act.GROW]
    assert any(isinstance(record, ModeChanged) and record.after is Mode.BLIND for record in after[:first_reading])
    assert grown
    assert grown[0] > first_reading


def _is_hedged(venue: Venue) -> bool:
    long, short = (D(qty) for qty in venue.legs())
    return abs(D("0.27") + long - short) <= D("0.010")
