"""One hedge in motion: how long it waits, how much it asks for, and what is remembered of it."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.domain.commands import HedgeEnded, Mode, PlaceOrder
from bot.domain.events import ExecutionSeen, OrderAnswered, OrderSeen, Started, Ticked
from bot.domain.legs import Act, Leg
from bot.domain.orders import Verdict
from bot.engine import gate, hedging
from bot.engine.motion import Hedge
from tests.unit.engine.desk import Desk, a_row, an_execution
from tests.unit.engine.test_taking import a_hedged_desk as a_desk_with_gains
from tests.unit.engine.test_taking import fill, prices


def misses(desk: Desk) -> None:
    """The newest order found nobody."""
    desk.hear(OrderSeen(order=a_row(desk.orders[-1], "Cancelled")))


def refuses(desk: Desk) -> None:
    """The venue turns the newest order down."""
    link = desk.orders[-1].order_link_id
    desk.hear(OrderAnswered(order_link_id=link, verdict=Verdict.REFUSED, code=110007, reason="not enough"))


def test_after_an_order_that_filled_nothing_the_market_is_given_a_moment() -> None:
    """A whole second, whatever the prices do meanwhile; after one that filled, none."""
    desk = Desk()
    desk.start()
    misses(desk)
    sent = [len(desk.orders)]
    for seconds in (0.5, 0.499, 0.001):
        desk.pulse(seconds)
        sent.append(len(desk.orders))
    desk.fill(desk.orders[-1])

    assert [1, 1, 1, 2, 3] == [*sent, len(desk.orders)]


def test_between_the_halves_of_a_round_trip_only_a_new_price_is_waited_for() -> None:
    """The leg is closed, and its return found nobody: what stands open is exposure, so the next price is answered at once."""
    desk = a_desk_with_gains()
    prices(desk, "110000", "111900")
    fill(desk, "111900")
    misses(desk)
    sent = len(desk.orders)
    desk.now_ms += 900
    desk.hear(Ticked())
    assert sent == len(desk.orders)

    desk.pulse(0.01, price="111901")
    assert (sent + 1, Leg.SHORT, Act.GROW) == (len(desk.orders), desk.orders[-1].leg, desk.orders[-1].act)


def test_only_growth_that_was_turned_down_is_tried_at_half_the_size() -> None:
    """An account that cannot carry all of a leg carries a part; what is to be closed is asked for whole, as often as it takes."""
    desk = Desk()
    desk.start()
    refuses(desk)
    desk.pulse(2)
    shrinks = [order.qty for order in desk.orders]
    desk.fill(desk.orders[-1])
    refuses(desk)
    desk.pulse(2)

    assert [D("0.162"), D("0.162")] == shrinks
    assert [D("0.108"), D("0.054")] == [order.qty for order in desk.orders[2:]]


def test_what_traded_is_remembered_and_what_could_not_is_not_tried_again_at_once() -> None:
    """The hedge that filled is in the list that people read; the one that found nobody a dozen times is not, and the next one waits."""
    hedged, lonely = Desk(), Desk()
    hedged.start()
    hedged.fill(hedged.orders[-1])
    hedged.fill(hedged.orders[-1])
    hedged.pulse(1)
    lonely.start()
    while not lonely.diary.of(HedgeEnded):
        misses(lonely)
        lonely.pulse(2)
    lonely.pulse(2)

    assert [D("0.270")] == [ended.filled for ended in hedged.state.executed]
    (ended,) = lonely.diary.of(HedgeEnded)
    assert 22_000 <= ended.took_ms <= 26_000
    assert (12, True, []) == (len(lonely.orders), ended.turned_away, list(lonely.state.executed))


@pytest.mark.parametrize(("mode", "first"), [(Mode.TRADING, Leg.SHORT), (Mode.BLIND, Leg.LONG)])
def test_of_two_legs_that_shrink_the_favoured_goes_first_unless_nothing_may_grow(mode: Mode, first: Leg) -> None:
    """Too much coin stands open: while trading either order will do; where the other half may be forbidden, delta comes first."""
    desk = Desk()
    desk.start()
    misses(desk)
    desk.state.mode = mode
    less = {Leg.LONG: D("0.1"), Leg.SHORT: D("0.1")}
    hedge = Hedge(decision=99, targets=less, first_leg=Leg.SHORT, spot=D("0.27"), started_ms=desk.now_ms)

    (order,) = hedging.next_order(desk.state, hedge, desk.now_ms)
    assert isinstance(order, PlaceOrder)
    assert (first, Act.SHRINK) == (order.leg, order.act)


def test_the_gate_is_told_how_many_orders_a_minute_and_a_day_have_seen() -> None:
    """A limit that counted nothing would stop no runaway."""
    desk = Desk()
    desk.start()
    misses(desk)
    wish = gate.Wish(decision=1, leg=Leg.LONG, act=Act.SHRINK, qty=D("0.1"))
    seen = []
    for later_ms in (59_999, 60_000, 86_399_999, 86_400_000):
        around = hedging.surroundings(desk.state, wish, desk.now_ms + later_ms)
        seen.append((around.sent_last_minute, around.sent_last_day))

    assert [(1, 1), (0, 1), (0, 1), (0, 0)] == seen


def test_a_fill_whose_row_leaves_closed_size_blank_closes_what_its_order_closes() -> None:
    """Read by its side alone, a sale that closes the long leg grew the short one; the order went out again, for the leg stood as before."""
    desk = Desk()
    desk.start()
    (order,) = desk.orders
    assert (Leg.LONG, Act.SHRINK, D("0.162")) == (order.leg, order.act, order.qty)

    desk.hear(ExecutionSeen(execution=an_execution("e1", order, closed_qty=D(0))))
    desk.hear(OrderSeen(order=a_row(order, "Filled", "0.162")))

    assert [D("0.051"), D("0.213")] == [desk.state.ledger.legs[leg].qty for leg in Leg]
    assert [(Leg.SHORT, Act.GROW, D("0.108"))] == [(o.leg, o.act, o.qty) for o in desk.orders[1:]]


@pytest.mark.parametrize(("settings_hash", "goes_on"), [("", True), ("other", False)])
def test_what_other_settings_have_decided_is_not_worked_on(settings_hash: str, goes_on: bool) -> None:
    """A wrong setting begins a hedge; the daemon is killed, the setting mended, and the next run went on with the old hedge first."""
    desk = Desk()
    desk.start()
    decision = desk.state.hedge.decision
    desk.hear(Started(run="r2", version="0", mode="paper", settings_hash=settings_hash))

    assert goes_on == (desk.state.hedge.spoiled == "")
    assert decision == desk.state.hedge.decision
