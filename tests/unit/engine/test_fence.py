"""The fence against a second HedgeLock, as far as it is not told by the diaries: who waits for whom, and what was before us."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from random import Random

import pytest

from bot.domain.commands import Mode, PlaceOrder
from bot.domain.events import ExecutionSeen, OrderSeen
from bot.domain.names import run_name
from bot.engine.fence import listens_ms
from tests.unit.engine.desk import NOW_MS, Desk, a_config, a_row, an_execution

RUN = run_name(NOW_MS, "0a1b2c3d4e")
ABOUT_MS = 2_000
EARLIER = run_name(NOW_MS - 60_000, "0a1bffffff")
OTHER = run_name(NOW_MS, "ffffffffff")


def a_patient_desk() -> Desk:
    patience = replace(a_config().patience, listen_ms=ABOUT_MS)
    return Desk(a_config(patience=patience))


def test_the_first_order_of_a_run_waits_and_later_ones_do_not() -> None:
    """Whoever traded before sends at once; a newcomer with the same in mind hears of it first."""
    desk = a_patient_desk()
    desk.start(run=RUN)
    begun_ms = desk.now_ms
    while desk.now_ms - begun_ms < listens_ms(RUN, ABOUT_MS):
        assert [] == desk.orders
        desk.pulse(0.1)

    desk.pulse(0.5)
    (first,) = desk.orders
    assert f"{RUN}-1" == first.order_link_id[:-2]
    desk.accept(first)
    desk.fill(first)
    desk.pulse(0.1)
    assert 2 == len(desk.orders)


def test_a_newcomer_that_hears_of_the_other_sends_nothing() -> None:
    """Both want the same at the same moment: the one that already trades does it."""
    desk = a_patient_desk()
    desk.start(run=RUN)
    desk.pulse(0.5)
    theirs = replace(an_execution("x1", _order_of(OTHER)), exec_ms=desk.now_ms)
    desk.hear(ExecutionSeen(execution=theirs))
    for _ in range(20):
        desk.pulse(1.0)

    assert [] == desk.orders
    assert Mode.HALTED is desk.state.mode


def test_two_new_ones_that_decide_together_do_not_send_together() -> None:
    """Nobody has traded yet, and the same price moves both: one goes first by its name, and the other hears of it in time."""
    names = sorted((RUN, OTHER), key=lambda run: listens_ms(run, ABOUT_MS))
    quick, slow = a_patient_desk(), a_patient_desk()
    for name, desk in zip(names, (quick, slow), strict=True):
        desk.start(run=name)
    for _ in range(60):
        sent = list(quick.orders)
        quick.pulse(0.1)
        slow.pulse(0.1)
        for order in quick.orders[len(sent) :]:
            slow.hear(ExecutionSeen(execution=an_execution("x1", order, exec_ms=slow.now_ms)))

    assert quick.orders
    assert [] == slow.orders
    assert Mode.HALTED is slow.state.mode


def test_names_spread_the_first_orders() -> None:
    """From half to twice as long; of pairs, four in five are further apart than an order takes to be heard of (0.3 s)."""
    rng = Random(7)
    waits = [listens_ms(run_name(NOW_MS, f"{rng.getrandbits(48):012x}"), ABOUT_MS) for _ in range(2_000)]
    pairs = [abs(one - other) for one, other in zip(waits[::2], waits[1::2], strict=True)]

    assert ABOUT_MS // 2 <= min(waits) < max(waits) <= 2 * ABOUT_MS
    assert sum(apart < 300 for apart in pairs) < len(pairs) / 5


def test_what_traded_before_this_run_is_not_news() -> None:
    """The venue lists a day of executions again and again; the check at the start has seen them."""
    desk = a_patient_desk()
    desk.start(run=RUN)
    earlier = replace(an_execution("x1", _order_of(OTHER)), exec_ms=NOW_MS - 3_600_000)
    desk.hear(ExecutionSeen(execution=earlier))

    assert "" == desk.state.latched


def _order_of(run: str) -> PlaceOrder:
    desk = Desk(a_config())
    desk.start(run=run)
    desk.pulse(0.5)
    return replace(desk.orders[0], qty=D("0.010"))


@pytest.mark.parametrize(
    ("earlier", "is_ours"), [(EARLIER, True), (OTHER, False)], ids=["here", "where we were copied from"]
)
def test_an_order_that_a_failed_disk_lost_is_ours(earlier: str, is_ours: bool) -> None:
    """An earlier run of this journal made it in this place before this one began; in another place it was the original of a copied disk.
    One made since then was made by a copy.
    """
    desk = Desk(a_config())
    desk.start(run=earlier)
    desk.now_ms += 60_000
    desk.start(run=RUN)
    lost = replace(_order_of(earlier), order_link_id=f"{earlier}-7Lg")
    desk.hear(OrderSeen(order=a_row(lost, "Filled", created_ms=desk.state.started_ms)))
    assert is_ours is (desk.state.latched == "")

    desk.state.latched = ""
    later = replace(lost, order_link_id=f"{earlier}-8Lg")
    desk.hear(OrderSeen(order=a_row(later, "Filled", created_ms=desk.now_ms + 1)))
    assert later.order_link_id in desk.state.latched
