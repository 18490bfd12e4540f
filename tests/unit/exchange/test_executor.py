"""The one way out: an order leaves once, and every command is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal as D

import pytest
from aiohttp import web

from bot.domain.commands import CancelOrder, PlaceOrder, ReadAccount, ReadHistory, SeekOrder
from bot.domain.errors import Broken
from bot.domain.events import OrderAnswered, OrderSought, ReadFailed
from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce, Verdict
from tests.unit.exchange.scripted import Room, a_room, body, page, raw, silence, slam

CREATE, CANCEL = "/v5/order/create", "/v5/order/cancel"
REALTIME, HISTORY, EXECUTIONS = "/v5/order/realtime", "/v5/order/history", "/v5/execution/list"


def an_order(
    name: str = "h-1-L", *, leg: Leg = Leg.LONG, act: Act = Act.SHRINK, price: str | None = "115000.1"
) -> PlaceOrder:
    return PlaceOrder(
        order_link_id=name,
        symbol="BTCUSDT",
        leg=leg,
        act=act,
        qty=D("0.162"),
        limit_price=None if price is None else D(price),
        time_in_force=TimeInForce.IOC,
        decision=1,
    )


@asynccontextmanager
async def working(is_forbidden: Callable[[], bool] = lambda: False) -> AsyncIterator[Room]:
    """A room whose executor runs."""
    async with a_room(is_forbidden=is_forbidden) as room:
        running = asyncio.create_task(room.executor.run())
        try:
            yield room
        finally:
            running.cancel()
            await asyncio.wait({running})


async def test_the_latch_is_asked_in_the_moment_before_an_order_leaves() -> None:
    """Closed by another hand while the order waited: it never leaves, and that is a refusal that nobody need ask about."""
    closed = False
    async with working(lambda: closed) as room:
        room.venue.say(CREATE, body({"orderId": "o1", "orderLinkId": "h-1-L"}))
        room.executor.submit(an_order())
        assert Verdict.ACCEPTED is (await room.box.wait_for(OrderAnswered)).verdict

        closed = True
        room.executor.submit(an_order("h-2-L"))
        answer = await room.box.wait_for(OrderAnswered, 2)

        assert (Verdict.REFUSED, "it never left: the halt latch is closed") == (answer.verdict, answer.reason)
        assert "h-1-L" == room.venue.last(CREATE).body["orderLinkId"]


WIRE = [
    (Leg.LONG, Act.GROW, ("Buy", 1, False)),
    (Leg.LONG, Act.SHRINK, ("Sell", 1, True)),
    (Leg.SHORT, Act.GROW, ("Sell", 2, False)),
    (Leg.SHORT, Act.SHRINK, ("Buy", 2, True)),
]


@pytest.mark.parametrize(("leg", "act", "said"), WIRE)
async def test_a_leg_and_an_act_arrive_as_side_index_and_flag(leg: Leg, act: Act, said: tuple[str, int, bool]) -> None:
    """The venue hears which leg, which way, and that a shrinking order may only shrink."""
    async with working() as room:
        room.venue.say(CREATE, body({"orderId": "o1", "orderLinkId": "h-1-L"}))

        room.executor.submit(an_order(leg=leg, act=act))
        answer = await room.box.wait_for(OrderAnswered)

        sent = room.venue.last(CREATE).body
        assert said == (sent["side"], sent["positionIdx"], sent["reduceOnly"])
        assert ("linear", "BTCUSDT", "0.162", "h-1-L") == (
            sent["category"],
            sent["symbol"],
            sent["qty"],
            sent["orderLinkId"],
        )
        assert ("Limit", "115000.1", "IOC") == (sent["orderType"], sent["price"], sent["timeInForce"])
        assert (Verdict.ACCEPTED, "o1") == (answer.verdict, answer.order_id)


async def test_an_order_without_a_price_is_a_market_order() -> None:
    async with working() as room:
        room.venue.say(CREATE, body({"orderId": "o1", "orderLinkId": "h-1-L"}))

        room.executor.submit(an_order(price=None))
        await room.box.wait_for(OrderAnswered)

        sent = room.venue.last(CREATE).body
        assert "Market" == sent["orderType"]
        assert not {"price", "timeInForce"} & set(sent)


ANSWERS = [
    ("a lost reply", slam, Verdict.UNKNOWN, None),
    ("accepted without an orderId", body({"orderId": "", "orderLinkId": ""}), Verdict.UNKNOWN, 0),
    ("accepted, result null", raw('{"retCode":0,"result":null}'), Verdict.UNKNOWN, 0),
    ("accepted, another order's name", body({"orderId": "o", "orderLinkId": "x"}), Verdict.UNKNOWN, 0),
    ("exists already", body(code=110072), Verdict.UNKNOWN, 110072),
    ("no margin", body(code=110007), Verdict.REFUSED, 110007),
    ("no such parameter", body(code=10001), Verdict.REFUSED, 10001),
]


@pytest.mark.parametrize(("what", "answer", "verdict", "code"), ANSWERS, ids=[case[0] for case in ANSWERS])
async def test_every_ending_of_an_order_is_a_verdict(
    what: str, answer: object, verdict: Verdict, code: int | None
) -> None:
    """Sent once, answered once."""
    async with working() as room:
        room.venue.say(CREATE, answer)  # type: ignore[arg-type]

        room.executor.submit(an_order())
        seen = await room.box.wait_for(OrderAnswered)
        await room.executor.drain(1.0)

        assert (verdict, code) == (seen.verdict, seen.code)
        assert (what == "no margin") == seen.for_want
        assert (1, 1) == (room.venue.count(CREATE), len(room.box.of(OrderAnswered)))


async def test_the_two_legs_leave_together() -> None:
    """A leg whose answer is lost does not hold up the other."""
    async with working() as room:
        room.venue.say(CREATE, silence, body({"orderId": "o2", "orderLinkId": "h-2-S"}))

        room.executor.submit(an_order("h-1-L"))
        room.executor.submit(an_order("h-2-S", leg=Leg.SHORT, act=Act.GROW))
        first = await room.box.wait_for(OrderAnswered)

        assert Verdict.ACCEPTED == first.verdict
        assert 2 == room.venue.count(CREATE)


async def test_a_stop_in_mid_flight_still_listens_for_the_answer() -> None:
    """Being cancelled does not unsend an order: a little later the answer is there."""
    async with a_room() as room:
        let_go = asyncio.Event()

        async def slowly(request: web.Request) -> web.StreamResponse:
            await let_go.wait()
            return await body({"orderId": "o1", "orderLinkId": "h-1-L"})(request)

        room.venue.say(CREATE, slowly)
        running = asyncio.create_task(room.executor.run())
        room.venue.came.clear()
        room.executor.submit(an_order())
        await room.venue.came.wait()

        running.cancel()
        asyncio.get_running_loop().call_later(0.05, let_go.set)
        await asyncio.wait({running})

        assert [Verdict.ACCEPTED] == [answer.verdict for answer in room.box.of(OrderAnswered)]


async def test_a_stop_that_hears_nothing_leaves_the_order_unknown() -> None:
    """And an order that was still waiting for its turn is told that it never left."""
    async with a_room() as room:
        room.venue.say(CREATE, silence)
        running = asyncio.create_task(room.executor.run())
        for number in range(3):
            room.executor.submit(an_order(f"h-{number}"))
        async with asyncio.timeout(5):
            while room.venue.count(CREATE) < 2:
                room.venue.came.clear()
                await room.venue.came.wait()

        running.cancel()
        await asyncio.wait({running})

        verdicts = {answer.order_link_id: answer.verdict for answer in room.box.of(OrderAnswered)}
        assert {"h-0": Verdict.UNKNOWN, "h-1": Verdict.UNKNOWN, "h-2": Verdict.REFUSED} == verdicts


async def test_draining_sees_orders_through_and_takes_no_new_ones() -> None:
    async with working() as room:
        room.venue.say(CREATE, body({"orderId": "o1", "orderLinkId": "h-1"}))
        room.executor.submit(an_order("h-1"))

        assert await room.executor.drain(2.0)
        room.executor.submit(an_order("h-2"))

        verdicts = {answer.order_link_id: answer.verdict for answer in room.box.of(OrderAnswered)}
        assert {"h-1": Verdict.ACCEPTED, "h-2": Verdict.REFUSED} == verdicts
        assert 1 == room.venue.count(CREATE)


async def test_one_order_given_out_twice_is_a_broken_book() -> None:
    """The same name must never leave twice; whoever asks for it has lost count."""
    async with a_room() as room:
        room.executor.submit(an_order("h-1"))

        with pytest.raises(Broken, match="h-1"):
            room.executor.submit(an_order("h-1"))


async def test_a_full_lane_answers_at_once() -> None:
    """Submit never waits and never loses an order silently."""
    async with a_room() as room:
        for number in range(40):
            room.executor.submit(an_order(f"h-{number}"))

        turned_away = room.box.of(OrderAnswered)
        assert 8 == len(turned_away)
        assert {Verdict.REFUSED} == {answer.verdict for answer in turned_away}


CANCELS = [
    ("it is gone already", body(code=110001)),
    ("it was filled", body(code=110008)),
    ("nobody answers", slam),
]


@pytest.mark.parametrize(("what", "answer"), CANCELS, ids=[case[0] for case in CANCELS])
async def test_a_cancel_that_proves_nothing_sends_us_to_look(what: str, answer: object) -> None:
    """ "Not found" may mean filled: the books are asked."""
    async with working() as room:
        room.venue.say(CANCEL, answer)  # type: ignore[arg-type]
        for path in (REALTIME, HISTORY, EXECUTIONS):
            room.venue.say(path, page())

        room.executor.submit(CancelOrder(order_link_id="h-1", symbol="BTCUSDT"))
        sought = await room.box.wait_for(OrderSought)

        assert ("h-1", None, ()) == (sought.order_link_id, sought.order, sought.executions)


async def test_a_refused_cancel_is_said_and_an_accepted_one_is_left_to_the_stream() -> None:
    async with working() as room:
        room.venue.say(CANCEL, body(code=10005), body({"orderId": "o", "orderLinkId": "h-2"}))

        room.executor.submit(CancelOrder(order_link_id="h-1", symbol="BTCUSDT"))
        failed = await room.box.wait_for(ReadFailed)
        room.executor.submit(CancelOrder(order_link_id="h-2", symbol="BTCUSDT"))
        await room.executor.drain(2.0)

        assert "CancelOrder" == failed.what
        assert 1 == len(room.box.events)


async def test_a_question_that_fails_says_which_and_why() -> None:
    async with working() as room:
        room.executor.submit(SeekOrder(order_link_id="h-1", symbol="BTCUSDT", sent_ms=1))
        room.executor.submit(ReadHistory(minutes=5, bars=10, funding_points=3))
        await room.box.wait_for(ReadFailed, 2)

        assert {"SeekOrder", "ReadHistory"} == {failed.what for failed in room.box.of(ReadFailed)}
        assert all("404" in failed.reason for failed in room.box.of(ReadFailed))


async def test_ten_requests_for_a_reading_become_one_more() -> None:
    """While one reading runs, the others merge: the earliest cursor, and the facts if anyone wants them."""
    async with a_room() as room:
        let_go = asyncio.Event()

        async def slowly(request: web.Request) -> web.StreamResponse:
            await let_go.wait()
            return await body(code=10003)(request)

        room.venue.say(EXECUTIONS, slowly)
        running = asyncio.create_task(room.executor.run())
        room.venue.came.clear()
        room.executor.submit(ReadAccount(why="cycle", executions_since_ms=room.clock.now_ms()))
        await room.venue.came.wait()
        for back_ms in range(10):
            room.executor.submit(ReadAccount(why="again", executions_since_ms=room.clock.now_ms() - back_ms))
        let_go.set()
        await room.executor.drain(2.0)
        running.cancel()
        await asyncio.wait({running})

        assert 2 == len(room.box.of(ReadFailed)) == room.venue.count(EXECUTIONS)
        assert str(room.clock.now_ms() - 9) == room.venue.last(EXECUTIONS).params["startTime"]


async def test_a_slow_question_does_not_hold_up_an_order() -> None:
    async with working() as room:
        room.venue.say(EXECUTIONS, silence)
        room.venue.say(CREATE, body({"orderId": "o1", "orderLinkId": "h-1"}))
        room.venue.came.clear()
        room.executor.submit(ReadAccount(why="cycle", executions_since_ms=1))
        await room.venue.came.wait()

        room.executor.submit(an_order("h-1"))
        await room.box.wait_for(OrderAnswered)

        assert [] == room.box.of(ReadFailed)
