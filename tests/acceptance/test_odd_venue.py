"""A venue that says odd things for ever, over real sockets: what is not ours costs nothing, and of what blocks a person can rid us."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.acceptance.processes import Daemon, Venue, a_daemon, a_venue, environment, wait_for

pytestmark = pytest.mark.acceptance

ODD_LISTS = {
    "GET /v5/account/wallet-balance": "coin=AIRDROP",
    "GET /v5/position/list": "symbol=ETHUSDT",
    "GET /v5/order/realtime": "symbol=BTCUSDT",
    "GET /v5/execution/list": "symbol=BTCUSDT",
    "GET /v5/account/transaction-log": "currency=AIRDROP",
}


def is_trading(daemon: Daemon) -> bool:
    return daemon.status()["mode"]["name"] == "TRADING"  # type: ignore[no-any-return]


def is_hedged(venue: Venue) -> bool:
    long, short = (D(qty) for qty in venue.legs())
    return abs(D("0.27") + long - short) <= D("0.010")


@pytest.mark.timeout(150)
def test_a_daemon_starts_and_hedges_beside_odd_rows_in_every_list(tmp_path: Path) -> None:
    """From its first question on, and for ever: an airdrop, another contract, an order and an execution that make no sense."""
    with a_venue(tmp_path, speed=60) as venue:
        for match, value in ODD_LISTS.items():
            venue.ask("faults", fault="row-odd", match=match, value=value)
        with a_daemon(tmp_path, venue=venue) as daemon:
            wait_for(lambda: daemon.said("hedge ended"), seconds=60, what="the first hedge")
            wait_for(lambda: is_trading(daemon), seconds=30, what="sight")
            assert daemon.stop() == 0
    assert is_told(daemon, "row unread")


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("blank", "words"), [("orderStatus", "which nobody has documented"), ("side", "in a row that cannot be read")]
)
def test_a_person_resumes_past_an_order_that_nobody_can_read(blank: str, words: str, tmp_path: Path) -> None:
    """Half of the first order trades; its status, or its whole row for a side that is none, stays a riddle on the stream and in every list:
    the page says what blocks, resume ends it."""
    with a_venue(tmp_path, speed=60) as venue:
        venue.ask("faults", fault="field-blank", match="GET /v5/order", value=blank)
        venue.ask("faults", fault="field-empty", match="private order", value=blank)
        venue.ask("faults", fault="order-cut-short", match="POST /v5/order/create", value="0.5", times=1)
        with a_daemon(tmp_path, venue=venue) as daemon:
            wait_for(lambda: daemon.status()["mode"]["name"] == "REDUCING", seconds=60, what="that it is told")
            assert words in daemon.status()["mode"]["why"]
            assert 1 == len(venue.orders())

            asked = (sys.executable, "-m", "bot", "resume", "--reason", "over on the page", "--port", str(daemon.port))
            done = subprocess.run(
                asked, cwd=tmp_path, env=dict(os.environ) | environment({}), capture_output=True, text=True, check=False
            )
            assert "taken for over: order" in done.stdout, done.stdout + done.stderr

            wait_for(lambda: is_hedged(venue), seconds=60, what="the rest of the hedge", every_s=0.3)
            wait_for(lambda: is_trading(daemon), seconds=30, what="sight")
            assert daemon.stop() == 0


def is_told(daemon: Daemon, kind: str) -> bool:
    return any(line.get("kind") == kind for line in daemon.log)
