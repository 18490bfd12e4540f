"""The exchange room's streams against the simulator, when sockets and frames misbehave."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.events import (
    BadInput,
    ChannelChanged,
    Event,
    ExecutionSeen,
    OrderSeen,
    TickerSeen,
)
from bot.domain.legs import Act, Leg
from bot.domain.orders import Verdict
from tests.conformance.room import a_desk

OUTAGES: list[tuple[str, dict[str, Any]]] = [
    ("sockets-cut", {}),
    ("no-pong", {"for_ms": 1500}),
    ("half-open", {"for_ms": 1500}),
    ("topic-silent", {"match": "tickers", "for_ms": 2500}),
    ("close-hangs", {"for_ms": 2000}),
]


@pytest.mark.parametrize(("fault", "how"), OUTAGES, ids=[case[0] for case in OUTAGES])
async def test_an_outage_of_the_streams_is_said_and_healed(fault: str, how: dict[str, Any]) -> None:
    """Down with a reason, then up again with every topic; prices go on."""
    async with a_desk() as desk:
        await desk.strikes(fault, **how)
        if fault == "close-hangs":
            await desk.strikes("sockets-cut")
        down = await desk.box.wait_for(ChannelChanged, where=lambda event: not event.up)
        ups = len([event for event in desk.box.of(ChannelChanged) if event.up and event.channel is down.channel])
        await desk.box.wait_for(ChannelChanged, ups + 1, where=lambda event: event.up and event.channel is down.channel)
        prices = len(desk.box.of(TickerSeen))
        await desk.box.wait_for(TickerSeen, prices + 3)

    assert down.reason


BAD_STARTS: list[tuple[str, dict[str, Any]]] = [
    ("handshake-refused", {"for_ms": 1000}),
    ("auth-late", {"ms": 1000, "times": 1}),
    ("auth-refused", {"times": 2}),
    ("subscribe-refused", {"times": 2}),
    ("delta-first", {"times": 3}),
    ("clock-off", {"ms": 5000}),
    ("clock-off", {"ms": -5000}),
]


@pytest.mark.parametrize(("fault", "how"), BAD_STARTS, ids=[f"{case[0]}{case[1].get('ms', '')}" for case in BAD_STARTS])
async def test_a_bad_start_becomes_a_good_day(fault: str, how: dict[str, Any]) -> None:
    """Both streams come up, and an order is accepted."""
    async with a_desk((fault, how)) as desk:
        await desk.box.wait_for(ChannelChanged, 2, where=lambda event: event.up)
        answer = await desk.answer(await desk.place(Leg.LONG, Act.SHRINK, "0.01"))

    assert Verdict.ACCEPTED == answer.verdict, answer.reason


NOISE: list[tuple[str, dict[str, Any], set[str]]] = [
    # misfortune        how                                     kinds of complaint
    ("poison", {"p": 0.2}, {"frame"}),
    ("unknown-topic", {"p": 0.2}, {"unknown topic"}),
    ("frame-doubled", {"p": 0.5}, set()),
    ("frame-late", {"p": 0.2, "ms": 500}, set()),
    ("flood", {"match": "public", "value": "5"}, set()),
    ("foreign-rows", {}, set()),
    ("field-empty", {"match": "tickers", "value": "lastPrice", "p": 0.3}, {"bad price"}),
    ("filled-twice", {}, set()),
]


@pytest.mark.parametrize(("fault", "how", "kinds"), NOISE, ids=[case[0] for case in NOISE])
async def test_noise_on_the_streams_costs_complaints_and_no_facts(
    fault: str, how: dict[str, Any], kinds: set[str]
) -> None:
    """Every execution arrives although the frames around it are spoiled, and nothing of another symbol with it."""
    async with a_desk() as desk:
        await desk.strikes(fault, **how)
        names = [await desk.place(Leg.SHORT, Act.GROW, "0.01") for _ in range(3)]
        for name in names:
            await desk.box.wait_for(ExecutionSeen, where=lambda event, name=name: event.execution.order_link_id == name)
        prices = len(desk.box.of(TickerSeen))
        await desk.box.wait_for(TickerSeen, prices + 20)
        events: list[Event] = desk.box.events

    assert {"BTCUSDT"} == {event.execution.symbol for event in events if isinstance(event, ExecutionSeen)}
    assert {"BTCUSDT"} == {event.order.symbol for event in events if isinstance(event, OrderSeen)}
    complaints = {event.kind for event in events if isinstance(event, BadInput)}
    assert complaints <= kinds | ({"ticker out of order"} if fault == "frame-late" else set()), complaints


async def test_a_price_far_off_the_mark_is_not_passed_on() -> None:
    async with a_desk() as desk:
        await desk.strikes("bad-tick", value="-0.25", p=0.5)
        await desk.box.wait_for(BadInput, where=lambda event: event.kind == "price far from mark")
        seen = desk.box.of(TickerSeen)

    assert all(abs(ticker.last / ticker.mark - 1) < D("0.2") for ticker in seen)
