"""A routine hedge waits at the touch, follows it, and crosses when its time is up; what hurries never waits."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.account import ExecKind
from bot.domain.commands import CancelOrder, Decided, HedgeEnded, PlaceOrder
from bot.domain.events import (
    Channel,
    ChannelChanged,
    ExecutionSeen,
    LatchSeen,
    OperatorAsked,
    OrderSeen,
    Started,
    Stopping,
    Verb,
    WalletSeen,
)
from bot.domain.legs import Leg
from bot.domain.orders import TimeInForce
from bot.engine.config import Execution, Style
from tests.unit.engine.desk import Desk, a_config, a_reading, a_row, a_wallet, an_execution


def chasing(**changes: Any) -> tuple[Desk, PlaceOrder]:
    """The holding fell by 0.015 BTC and is believed: the gap is to be traded half-way, first by buying back short, at leisure."""
    config = a_config(**changes)
    desk = Desk(replace(config, policy=config.policy._replace(min_interval_ms=0)))
    desk.start(reading=a_reading("0.051", "0.321"))
    desk.pulse(1)
    while not desk.orders:
        wait(desk, 5)
        desk.hear(WalletSeen(wallet=a_wallet("0.255")))
    return desk, desk.orders[0]


def wait(desk: Desk, seconds: float, **market: Any) -> None:
    """Time passes; the account is read as often as it is asked for, and agrees."""
    desk.pulse(seconds, **market)
    if desk.state.readings.asked_ms is not None:
        legs = desk.state.ledger.legs
        reading = a_reading(str(legs[Leg.LONG].qty), str(legs[Leg.SHORT].qty), wallet=a_wallet("0.255"))
        desk.answer_reading(reading)


def cancels(desk: Desk) -> list[str]:
    return [command.order_link_id for command in desk.sent if isinstance(command, CancelOrder)]


def opened(desk: Desk, order: PlaceOrder) -> None:
    desk.accept(order)
    desk.hear(OrderSeen(order=a_row(order, "New")))


def left(desk: Desk, order: PlaceOrder, filled: str = "0") -> None:
    desk.hear(OrderSeen(order=a_row(order, "Cancelled", filled)))


def test_a_routine_hedge_rests_at_the_touch() -> None:
    """A gap just outside the band is no hurry: it waits as a maker, and the rest of the book is left alone."""
    desk, order = chasing()

    assert (TimeInForce.POST_ONLY, D("115999.9")) == (order.time_in_force, order.limit_price)
    assert "post-only chase" == desk.diary.of(Decided)[-1].execution


def test_what_hurries_takes() -> None:
    """More than three bands away from the target: the spread is paid."""
    desk = Desk()
    desk.start()

    assert TimeInForce.IOC is desk.orders[0].time_in_force


def test_ioc_is_a_setting() -> None:
    """Who does not want to wait does not."""
    _, order = chasing(execution=Execution(style=Style.IOC))

    assert TimeInForce.IOC is order.time_in_force


def test_it_follows_the_touch() -> None:
    """The market moved away: cancel, and only when that is certain, the same again at the new touch."""
    desk, order = chasing()
    opened(desk, order)
    desk.pulse(4, price="116010")
    assert [order.order_link_id] == cancels(desk)
    assert 1 == len(desk.orders)

    left(desk, order)

    assert (2, D("116009.9")) == (len(desk.orders), desk.orders[1].limit_price)


def test_it_keeps_its_place_in_the_queue() -> None:
    """While the touch stands where the order stands, nothing is sent."""
    desk, order = chasing()
    opened(desk, order)
    for _ in range(4):
        wait(desk, 4)

    assert ([], 1) == (cancels(desk), len(desk.orders))


def test_when_time_is_up_it_crosses() -> None:
    """Twenty seconds of patience, then what is left is taken."""
    desk, order = chasing()
    opened(desk, order)
    wait(desk, 21)
    left(desk, order)

    assert [order.order_link_id] == cancels(desk)
    assert TimeInForce.IOC is desk.orders[-1].time_in_force


def test_a_fill_overtakes_the_cancel() -> None:
    """What filled is booked, and only the rest is ordered again."""
    desk, order = chasing()
    opened(desk, order)
    wait(desk, 21)
    desk.hear(ExecutionSeen(execution=an_execution("e1", order, "0.003", is_maker=True)))
    left(desk, order, "0.003")

    assert order.qty - D("0.003") == desk.orders[-1].qty


def test_a_cancel_that_nobody_answers_is_asked_again() -> None:
    """It may still fill: until it is known to be gone, nothing else is sent."""
    desk, order = chasing()
    opened(desk, order)
    for _ in range(6):
        wait(desk, 6)

    assert 1 == len(desk.orders)
    assert len(cancels(desk)) >= 2


def test_once_asked_to_leave_it_is_not_kept_for_a_price_that_comes_back() -> None:
    """Nobody answered: whether it still stands is not known, and it is asked again."""
    desk, order = chasing()
    opened(desk, order)
    desk.pulse(4, price="116010")
    assert 1 == len(cancels(desk))

    wait(desk, 6)
    assert 2 == len(cancels(desk))


def test_it_does_not_run_after_every_tick() -> None:
    """For three seconds it keeps its place, wherever the touch goes."""
    desk, order = chasing()
    opened(desk, order)

    desk.pulse(2.9, price="116010")
    assert [] == cancels(desk)
    desk.pulse(0.1, price="116010")
    assert [order.order_link_id] == cancels(desk)


def test_where_half_of_a_minutes_orders_are_spent_it_takes() -> None:
    """Of four a minute two were turned away: the rest is kept for what has to be done."""
    desk, order = chasing(limits=replace(a_config().limits, max_orders_per_minute=4))
    for _ in range(2):
        order = desk.orders[-1]
        assert TimeInForce.POST_ONLY is order.time_in_force
        desk.accept(order)
        left(desk, order)
        wait(desk, 1.5)

    assert TimeInForce.IOC is desk.orders[2].time_in_force


def test_five_bounces_and_it_crosses() -> None:
    """Post-only orders that die at once say that the market runs."""
    desk, order = chasing()
    for _ in range(5):
        order = desk.orders[-1]
        assert TimeInForce.POST_ONLY is order.time_in_force
        desk.accept(order)
        desk.hear(OrderSeen(order=a_row(order, "Cancelled", reject_reason="EC_PostOnlyWillTakeLiquidity")))
        wait(desk, 1.5)

    assert TimeInForce.IOC is desk.orders[-1].time_in_force


LEAVES = [
    ("the private stream goes down", lambda d: d.hear(ChannelChanged(channel=Channel.PRIVATE, up=False, reason="cut"))),
    ("the latch closes", lambda d: d.hear(LatchSeen(closed=True, reason="kill"))),
    ("an operator pauses", lambda d: d.hear(OperatorAsked(verb=Verb.PAUSE, reason="", who="operator"))),
    ("an operator asks for a look", lambda d: d.hear(OperatorAsked(verb=Verb.REHEDGE, reason="", who="operator"))),
    ("we are asked to leave", lambda d: d.hear(Stopping(reason="SIGTERM"))),
    ("the short leg is deleveraged", lambda d: d.hear(ExecutionSeen(execution=an_execution("adl", kind=ExecKind.ADL)))),
    ("the price falls silent", lambda d: d.pulse(4, price=None)),
    ("a new run", lambda d: d.hear(Started(run="r2", version="0", mode="paper", settings_hash=""))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "happens"), LEAVES, ids=[case[0] for case in LEAVES])
def test_an_order_leaves_the_book_when(name: str, happens: Any) -> None:
    """It stays only while everything that put it there still holds."""
    desk, order = chasing()
    opened(desk, order)

    happens(desk)

    assert [order.order_link_id] == cancels(desk)


def test_how_well_it_was_executed_is_written_down() -> None:
    """Against the middle of the book when the first order was made; and how much of it was made, not taken."""
    desk, order = chasing()
    opened(desk, order)
    made = an_execution("e1", order, price=order.limit_price, is_maker=True)
    desk.hear(ExecutionSeen(execution=made))
    desk.hear(OrderSeen(order=a_row(order, "Filled", str(order.qty))))
    rest = desk.orders[1]
    desk.hear(ExecutionSeen(execution=an_execution("e2", rest, price=D("116011.55"))))
    desk.hear(OrderSeen(order=a_row(rest, "Filled", str(rest.qty))))

    ended = desk.diary.of(HedgeEnded)[-1]
    made_btc, taken_btc = order.qty, rest.qty
    worse = float(taken_btc) * 11.6 - float(made_btc) * 0.05
    assert (True, made_btc + taken_btc) == (ended.reached, ended.filled)
    assert ended.maker_share == pytest.approx(float(made_btc / (made_btc + taken_btc)), abs=1e-4)
    assert ended.slippage_bp == pytest.approx(worse / float(made_btc + taken_btc) / 115_999.95 * 10_000, abs=2e-3)
