"""The blotter: what of our orders may still happen, and what each of them brought."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.domain.commands import PlaceOrder
from bot.domain.legs import Act, Leg
from bot.domain.orders import OrderState, Signal, TimeInForce
from bot.engine.blotter import ALARMING_SEEKS, KEPT_ENDED, Blotter, OurOrder
from tests.unit.engine.desk import NOW_MS, a_row, an_execution

DAY_MS = 86_400_000


def an_order(
    name: str = "r1-1Sg", leg: Leg = Leg.SHORT, act: Act = Act.GROW, qty: str = "0.3", *, rests: bool = False
) -> PlaceOrder:
    waits = TimeInForce.POST_ONLY if rests else TimeInForce.IOC
    return PlaceOrder(
        order_link_id=name, symbol="BTCUSDT", leg=leg, act=act, qty=D(qty), limit_price=D(116_000), time_in_force=waits, decision=1
    )  # fmt: skip


def with_orders(*orders: PlaceOrder) -> Blotter:
    blotter = Blotter()
    for order in orders:
        blotter.place(order, NOW_MS)
    return blotter


def the_order(blotter: Blotter) -> OurOrder:
    (ours,) = blotter.orders.values()
    return ours


def test_each_leg_has_its_own_orders_on_their_way() -> None:
    """A round trip closes one leg while the other grows. What may grow is the worst case of a leg of its own, and closing is none of it."""
    blotter = with_orders(
        an_order("grows", Leg.SHORT, Act.GROW, "0.1"),
        an_order("closes", Leg.LONG, Act.SHRINK, "0.2"),
        an_order("closes too", Leg.SHORT, Act.SHRINK, "0.05"),
    )

    assert (D("0.05"), D("-0.2")) == (blotter.in_flight(Leg.SHORT), blotter.in_flight(Leg.LONG))
    assert (D("0.1"), D(0)) == (blotter.may_grow_by(Leg.SHORT), blotter.may_grow_by(Leg.LONG))


def test_what_an_ended_order_reports_is_on_its_way_until_its_executions_are_booked() -> None:
    """Filled is a word; only an execution moves a leg. The rest of it is over."""
    order = an_order(qty="0.3")
    blotter = with_orders(order)
    blotter.see(a_row(order, "Cancelled", filled="0.2"), NOW_MS)
    assert (D("0.2"), False) == (blotter.in_flight(Leg.SHORT), blotter.is_settled)

    blotter.book(an_execution("e1", order, "0.05"))
    assert D("0.15") == blotter.in_flight(Leg.SHORT)

    blotter.book(an_execution("e2", order, "0.15"))
    assert (D(0), True) == (blotter.in_flight(Leg.SHORT), blotter.is_settled)


def test_adopted_legs_contain_what_ended_orders_reported_and_nothing_of_the_others() -> None:
    """The executions never come; the venue's legs were taken over instead. An order that lives may still fill."""
    ended, lives = an_order("ended"), an_order("lives")
    blotter = with_orders(ended, lives)
    blotter.see(a_row(ended, "Cancelled", filled="0.2"), NOW_MS)
    blotter.book(an_execution("e1", ended, "0.05"))

    blotter.write_off()

    assert ["lives"] == [order.place.order_link_id for order in blotter.unsettled()]
    assert D("0.3") == blotter.in_flight(Leg.SHORT)

    blotter.see(a_row(ended, "Cancelled", filled="0.3"), NOW_MS)
    assert D("0.4") == blotter.in_flight(Leg.SHORT)  # what it reports only now is news


def test_the_price_of_an_order_is_the_mean_of_its_fills_by_size() -> None:
    """A third at one price, two thirds at another."""
    order = an_order(qty="0.3")
    blotter = with_orders(order)
    assert None is the_order(blotter).avg_price

    blotter.book(an_execution("e1", order, "0.1", price=D(116_000)))
    blotter.book(an_execution("e2", order, "0.2", price=D(116_300)))

    assert D(116_200) == the_order(blotter).avg_price


def test_when_an_order_was_told_of_is_when_its_state_last_changed() -> None:
    """A list that shows it again says nothing new; it was heard of all the same, until it has ended."""
    order = an_order(rests=True)
    blotter = with_orders(order)
    for at_ms, status in ((1, "New"), (2, "New"), (3, "Cancelled"), (4, "New")):
        blotter.see(a_row(order, status), NOW_MS + at_ms)
        ours = the_order(blotter)
        assert (NOW_MS + (1, 1, 3, 3)[at_ms - 1], NOW_MS + min(at_ms, 3)) == (ours.told_ms, ours.heard_ms)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("EC_NoError", "UNKNOWN"), ""),
        (("EC_PostOnlyWillTakeLiquidity", "UNKNOWN"), "EC_PostOnlyWillTakeLiquidity"),
        (("EC_NoError", "CancelByAdmin"), "CancelByAdmin"),
        (("", "CancelByUser"), "CancelByUser"),
    ],
)
def test_the_reason_of_an_end_leaves_out_the_words_for_none(said: tuple[str, str], why: str) -> None:
    """Bybit fills both fields always (enum, rejectReason and cancelType)."""
    order = an_order()
    blotter = with_orders(order)

    blotter.see(a_row(order, "Cancelled", reject_reason=said[0], cancel_type=said[1]), NOW_MS)

    assert why == the_order(blotter).reason


@pytest.mark.parametrize(
    ("rests", "filled", "was_asked_to_leave", "bounced"),
    [(True, "0", False, True), (False, "0", False, False), (True, "0.1", False, False), (True, "0", True, False)],
)
def test_only_a_maker_that_died_unasked_and_untraded_has_bounced(
    rests: bool, filled: str, was_asked_to_leave: bool, bounced: bool
) -> None:
    """It would have taken: the next one is priced anew at once. An order that takes and finds nobody did not bounce."""
    order = an_order(rests=rests)
    blotter = with_orders(order)
    if was_asked_to_leave:
        the_order(blotter).cancel_asked_ms = NOW_MS
    if D(filled):
        blotter.book(an_execution("e1", order, filled))

    blotter.see(a_row(order, "Cancelled", filled=filled), NOW_MS)

    assert bounced == the_order(blotter).bounced


def test_an_order_that_rests_on_purpose_is_not_unresolved_however_often_it_was_asked_for() -> None:
    """Ten questions without an end are news only of an order that should have ended."""
    order = an_order(rests=True)
    blotter = with_orders(order)
    blotter.hear(order.order_link_id, Signal.SEEN_OPEN, NOW_MS)
    for number in range(ALARMING_SEEKS):
        assert not the_order(blotter).is_unresolved
        blotter.seek(order.order_link_id, NOW_MS + number)
    assert None is blotter.unresolved()

    the_order(blotter).cancel_asked_ms = NOW_MS
    assert the_order(blotter) is blotter.unresolved()

    blotter.hear(order.order_link_id, Signal.SEEN_CANCELLED, NOW_MS)
    assert None is blotter.unresolved()


def test_an_order_that_takes_and_does_not_end_is_unresolved() -> None:
    """Immediate or cancel: the venue's book is no place for it."""
    order = an_order()
    blotter = with_orders(order)
    blotter.hear(order.order_link_id, Signal.SEEN_OPEN, NOW_MS)
    for number in range(ALARMING_SEEKS):
        blotter.seek(order.order_link_id, NOW_MS + number)

    assert the_order(blotter) is blotter.unresolved()


def test_orders_of_the_last_day_are_counted_and_older_ones_are_not() -> None:
    """The limits are of a minute and of a day."""
    blotter = Blotter()
    for number, at_ms in enumerate((0, 1, DAY_MS - 60_000, DAY_MS)):
        blotter.place(an_order(f"r1-{number}Sg"), NOW_MS + at_ms)

    assert 3 == len(blotter.sent_today)
    assert 1 == blotter.sent_since(NOW_MS + DAY_MS - 60_000)
    assert 2 == blotter.sent_since(NOW_MS + DAY_MS - 60_001)


def test_ended_orders_are_forgotten_by_age_and_live_ones_never() -> None:
    """Memory is bounded by what has ended; an order that nobody answered for is remembered for as long as it takes."""
    blotter = with_orders(an_order("lost"))
    for number in range(KEPT_ENDED + 2):
        blotter.place(an_order(f"r1-{number}Sg"), NOW_MS)
        blotter.hear(f"r1-{number}Sg", Signal.REFUSED, NOW_MS)

    assert "lost" in blotter.orders
    assert "r1-0Sg" not in blotter.orders
    assert OrderState.REFUSED is blotter.orders["r1-2Sg"].state
    assert KEPT_ENDED + 2 == len(blotter.orders)
