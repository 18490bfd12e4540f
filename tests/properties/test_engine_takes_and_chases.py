"""What must hold for every round trip and every chase, whatever venue, market and people do meanwhile."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.commands import Decided, PlaceOrder
from bot.domain.events import AccountRead, Channel, ChannelChanged, ExecutionSeen, OperatorAsked, OrderSeen, Verb
from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce
from bot.engine.config import ProfitRules
from bot.engine.engine import Engine
from tests.unit.engine.desk import Desk, MemoryDiary, a_config, a_reading, a_row, a_wallet, an_execution
from tests.unit.engine.test_resting import cancels, chasing, wait

STEP = D("0.001")
SHARES = st.lists(st.integers(0, 100), min_size=0, max_size=6)
"""How much of each order fills before the rest is cancelled, in hundredths; what is not listed fills whole."""

few = settings(max_examples=15, deadline=None)


def legs(desk: Desk) -> tuple[D, D]:
    books = desk.state.ledger.legs
    return books[Leg.LONG].qty, books[Leg.SHORT].qty


def in_motion(desk: Desk) -> int:
    return sum(1 for _ in desk.state.blotter.unsettled())


def reading(sizes: tuple[D, D]) -> AccountRead:
    """These legs, and no debt that would ask for other ones."""
    return a_reading(*(str(size) for size in sizes), wallet=a_wallet(debt="0"))


def read(desk: Desk) -> None:
    """The account is read, and agrees."""
    if desk.state.readings.asked_ms is not None:
        desk.answer_reading(reading(legs(desk)))


def part(order: PlaceOrder, percent: int) -> D:
    """So many hundredths of an order, in whole steps."""
    return (order.qty * percent / 100).quantize(STEP, rounding="ROUND_DOWN")


def answer(desk: Desk, order: PlaceOrder, percent: int, price: str) -> None:
    """The venue fills a part and cancels the rest; nothing is ever below zero, and only one order is on its way."""
    filled = part(order, percent)
    if filled:
        name = f"x{order.order_link_id}"
        desk.hear(ExecutionSeen(execution=an_execution(name, order, str(filled), price=D(price))))
    status = "Filled" if filled == order.qty else "Cancelled"
    desk.hear(OrderSeen(order=a_row(order, status, str(filled))))
    assert min(legs(desk)) >= 0
    assert in_motion(desk) <= 1


def a_desk_that_realises(long: int, short: int) -> tuple[Desk, str]:
    """Any legs, on target, far in profit on one side; the owner asks for the cash."""
    sizes = long * STEP, short * STEP
    config = a_config(profit=ProfitRules(k=100.0), fixed_spot=sizes[1] - sizes[0])
    desk = Desk(config)
    desk.start(reading=reading(sizes))
    desk.pulse(1)
    assert sizes == legs(desk)
    price = "115000"
    desk.pulse(1, price=price)
    desk.hear(OperatorAsked(verb=Verb.REALISE, reason="cash", who="owner"))
    assert Act.SHRINK is desk.orders[0].act
    return desk, price


BOOKS = st.tuples(st.integers(0, 300), st.integers(1, 300)).map(lambda b: (b[0], b[0] + b[1]))


@few
@given(book=BOOKS, shares=SHARES)
def test_a_round_trip_ends_where_it_began(book: tuple[int, int], shares: list[int]) -> None:
    """However the halves are chopped: delta and both legs are the same again, one order at a time."""
    desk, price = a_desk_that_realises(*book)
    before, done = legs(desk), 0
    for _ in range(40):
        while done < len(desk.orders):
            answer(desk, desk.orders[done], shares[done] if done < len(shares) else 100, price)
            done += 1
        desk.pulse(2, price=price)
        read(desk)
        if desk.state.hedge is None and desk.state.realise_wanted is None:
            break

    assert (before, D(0)) == (legs(desk), desk.state.delta)
    assert desk.state.hedge is None


@few
@given(book=BOOKS, shares=SHARES, lost=st.integers(0, 3))
def test_a_crash_anywhere_in_a_round_trip_ends_with_the_same_legs(
    book: tuple[int, int], shares: list[int], lost: int
) -> None:
    """The process dies after any of its fills, with or without an order under way: the next one brings the legs home."""
    desk, price = a_desk_that_realises(*book)
    before, done = (book[0] * STEP, book[1] * STEP), 0
    while done < min(lost, len(desk.orders)):
        answer(desk, desk.orders[done], shares[done] if done < len(shares) else 60, price)
        desk.pulse(2, price=price)
        done += 1
    alive = legs(desk)

    reborn = Desk(desk.state.config)
    reborn.now_ms = desk.now_ms + 60_000
    flying = {order.order_link_id for order in desk.orders[done:]}  # intended, and never sent
    reborn.diary.records = [
        (record, at)
        for record, at in desk.diary.records
        if not (isinstance(record, PlaceOrder) and record.order_link_id in flying)
    ]
    for record, at_ms in reborn.diary.records:
        reborn.engine.recover(record, at_ms)
    reborn.start(reading=reading(alive), run="r2")
    answered = 0
    for _ in range(40):
        while answered < len(reborn.orders):
            answer(reborn, reborn.orders[answered], 100, price)
            answered += 1
        reborn.pulse(2, price=price)
        read(reborn)
        if reborn.state.hedge is None and reborn.state.realise_wanted is None:
            break

    assert (before, D(0)) == (legs(reborn), reborn.state.delta)


MARKET = st.lists(st.tuples(st.integers(0, 5), st.integers(-30, 30), st.integers(0, 100)), min_size=1, max_size=12)
"""Steps of a market: seconds, dollars, and how much of the resting order fills, in hundredths."""


@few
@given(market=MARKET)
def test_a_chase_never_fills_more_than_was_wished(market: list[tuple[int, int, int]]) -> None:
    """Partial fills, moving touch, fills that overtake the cancel: together no more than the decision wanted."""
    desk, first = chasing()
    decision = desk.diary.of(Decided)[-1]
    start, filled = legs(desk), dict.fromkeys((order.order_link_id for order in desk.orders), D(0))
    wished = abs(decision.long_target - start[0]) + abs(decision.short_target - start[1])
    price = 116_000
    for number, (seconds, dollars, percent) in enumerate(market):
        price += dollars
        wait(desk, seconds, price=str(price))
        order = desk.orders[-1]
        had = filled.setdefault(order.order_link_id, D(0))
        more = part(replace(order, qty=order.qty - had), percent) if in_motion(desk) else D(0)
        if more:
            desk.hear(ExecutionSeen(execution=an_execution(f"c{number}", order, str(more))))
            filled[order.order_link_id] = had + more
        if in_motion(desk) and order.order_link_id in cancels(desk):
            status = "Filled" if filled[order.order_link_id] == order.qty else "Cancelled"
            desk.hear(OrderSeen(order=a_row(order, status, str(filled[order.order_link_id]))))
        own = [order for order in desk.orders if order.decision == first.decision]
        traded = sum((filled.get(one.order_link_id, D(0)) for one in own), D(0))
        assert traded <= wished
        assert in_motion(desk) <= 1
        assert min(legs(desk)) >= 0


LOSSES = ("operator", "private stream", "public stream", "price")


@few
@given(seconds=st.integers(0, 15), loss=st.sampled_from(LOSSES), percent=st.integers(0, 99))
def test_a_resting_order_leaves_with_the_permission(seconds: int, loss: str, percent: int) -> None:
    """Whoever or whatever takes the permission to trade away: the order is asked to leave, and nothing rests anew."""
    desk, order = chasing()
    desk.accept(order)
    desk.hear(OrderSeen(order=a_row(order, "New")))
    wait(desk, seconds)
    if filled := part(order, percent):
        desk.hear(ExecutionSeen(execution=an_execution("c", order, str(filled))))
    assert [] == cancels(desk)
    match loss:
        case "operator":
            desk.hear(OperatorAsked(verb=Verb.PAUSE, reason="lunch", who="owner"))
        case "price":
            desk.pulse(4, price=None)
        case _:
            desk.hear(ChannelChanged(channel=Channel(loss), up=False, reason="cut"))
    desk.pulse(0, price=None)
    assert [order.order_link_id] == cancels(desk)

    desk.hear(OrderSeen(order=a_row(order, "Cancelled", str(filled))))
    for _ in range(3):
        desk.pulse(2, price=None)

    assert not any(later.time_in_force is TimeInForce.POST_ONLY for later in desk.orders[1:])
    assert not any(later.act is Act.GROW for later in desk.orders[1:])


@few
@given(book=BOOKS, shares=SHARES)
def test_a_round_trip_is_folded_as_it_was_lived(book: tuple[int, int], shares: list[int]) -> None:
    """At every moment of it the journal, read again, gives the same legs, hedge and wish."""
    desk, price = a_desk_that_realises(*book)
    for done, percent in enumerate(shares):
        if done >= len(desk.orders):
            break
        answer(desk, desk.orders[done], percent, price)
        desk.pulse(2, price=price)
    again = Engine(desk.state.config, MemoryDiary())
    for record, at_ms in desk.diary.records:
        again.recover(record, at_ms)

    assert (desk.state.profit, desk.state.realise_wanted) == (again.state.profit, again.state.realise_wanted)
    assert (desk.state.hedge is None) == (again.state.hedge is None)
    assert legs(desk) == tuple(again.state.ledger.legs[leg].qty for leg in (Leg.LONG, Leg.SHORT))
