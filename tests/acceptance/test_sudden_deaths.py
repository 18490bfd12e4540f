"""Sudden death, again and again, on a day when nothing works: at the end every book agrees."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from decimal import Decimal as D
from pathlib import Path
from random import Random

import pytest

from bot.domain.commands import PlaceOrder
from bot.domain.legs import Leg
from bot.engine.engine import Engine
from bot.journal.journal import Journal
from bot.journal.reader import open_journal
from tests.acceptance.processes import Daemon, Venue, a_daemon, a_venue, wait_for
from tests.unit.engine.desk import MemoryDiary, a_config

pytestmark = pytest.mark.acceptance

FAULTS = [
    {"fault": "request-lost", "match": "POST /v5/order/create", "p": 0.15},
    {"fault": "reply-lost", "match": "POST /v5/order/create", "p": 0.25},
    {"fault": "accepted-with", "match": "POST /v5/order/create", "p": 0.1, "value": "10016"},
    {"fault": "http-error", "match": "GET ", "p": 0.05, "value": "502"},
    {"fault": "garbage", "match": "GET ", "p": 0.05},
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("seed", "deaths"), [(11, 6), *(pytest.param(seed, 20, marks=pytest.mark.campaign) for seed in (4711, 4712, 4713))]
)
def test_sudden_deaths_on_a_faulty_day(tmp_path: Path, seed: int, deaths: int) -> None:
    """Replies lost, requests lost, garbage read, the owner trading by hand, SIGKILL at random: nothing is ordered or booked twice."""
    rng = Random(seed)
    with a_venue(tmp_path, speed=60) as venue:
        for fault in FAULTS:
            venue.ask("faults", **fault)
        for death in range(deaths):
            with a_daemon(tmp_path, venue=venue) as daemon:
                wait_for(lambda daemon=daemon: daemon.said("private stream up"), seconds=60, what="a daemon at work")
                time.sleep(rng.uniform(0, 1))
                _trade_by_hand(venue, rng.choice((1, 2)), f"0.0{rng.randint(20, 60)}")
                if death % 2:  # the others die whenever it comes: before a decision, or while they recover
                    _provoke_an_order(daemon, venue)
                time.sleep(rng.uniform(0, 1 if death % 4 else 0.05))
                daemon.kill()
        venue.ask("faults", method="DELETE")

        with a_daemon(tmp_path, venue=venue) as daemon:
            wait_for(lambda: _is_settled(daemon.status()), seconds=60, what="a calm book", every_s=0.3)
            status = daemon.status()
            assert daemon.stop() == 0

        truth = venue.truth()
        long, short = D(truth["legs"]["1"]["size"]), D(truth["legs"]["2"]["size"])
        assert [long, short] == [D(qty) for qty in venue.legs()]
        assert (long, short) == (D(status["book"]["long"]["qty_btc"]), D(status["book"]["short"]["qty_btc"]))
        assert (long, short) == _journal_legs(tmp_path)
        assert abs(D("0.27") + long - short) <= D("0.010")
        links = Counter(link for link in _links(truth) if link)
        assert [link for link, times in links.items() if times > 1] == []
        received = Counter(_received_links(venue))
        assert [link for link, times in received.items() if times > 1] == []
        assert set(received) <= _journalled_links(tmp_path)
        runs = {link.split("-")[0] for link in received}
        assert len(runs) >= deaths // 4, f"orders of only {len(runs)} of {deaths} runs reached the venue"


def _is_settled(status: dict[str, dict[str, object]]) -> bool:
    return status["mode"]["name"] == "TRADING" and not status["target"]["hedging"]


def _links(truth: dict[str, dict[str, dict[str, str]]]) -> list[str]:
    live, closed = truth["orders"], truth["closed"]
    rows = [
        *(live.values() if isinstance(live, dict) else live),
        *(closed.values() if isinstance(closed, dict) else closed),
    ]
    return [row.get("link_id") or row.get("order_link_id") or row.get("orderLinkId") or "" for row in rows]


def _trade_by_hand(venue: Venue, leg: int, qty: str) -> None:
    """The owner adds to a leg, or takes off it where it has grown: twenty trades one way would end at the limit of a leg."""
    grown = D(venue.truth()["legs"][str(leg)]["size"]) > D("0.4")
    opens, closes = ("Buy", "Sell") if leg == 1 else ("Sell", "Buy")
    venue.owner_trades(closes if grown else opens, qty, leg)


def _provoke_an_order(daemon: Daemon, venue: Venue) -> None:
    """Wait until an order is on its way; a trade that happened to be the hedge itself is followed by another."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(AssertionError):
            wait_for(lambda: daemon.said("order"), seconds=6, what="an order", every_s=0.01)
            return
        _trade_by_hand(venue, 1, "0.070")
    raise AssertionError("no order was ever on its way")


def _received_links(venue: Venue) -> list[str]:
    """The name of every order request that reached the venue, taken or refused."""
    requests = venue.ask("requests?since=0")["requests"]
    return [
        row["params"]["orderLinkId"]
        for row in requests
        if row["path"] == "/v5/order/create" and row["params"].get("orderLinkId")
    ]


def _journalled_links(folder: Path) -> set[str]:
    with open_journal(folder / "var" / "paper" / "journal.sqlite") as journal:
        return {order.order_link_id for _, order in journal.of(PlaceOrder)}


def _journal_legs(folder: Path) -> tuple[D, D]:
    """The legs as a fresh fold of the journal on disk tells them."""
    engine = Engine(a_config(), MemoryDiary())
    for record, at_ms in Journal(folder / "var" / "paper" / "journal.sqlite").recover():
        engine.recover(record, at_ms)
    legs = engine.state.ledger.legs
    return legs[Leg.LONG].qty, legs[Leg.SHORT].qty
