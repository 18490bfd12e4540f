"""The exchange room against the simulator, over real sockets, in good days and in bad ones.

Two readings of Bybit's documents meet here that share no code. Each misfortune says what the room must make of it, and the venue's own
truth says whether an order was really taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from bot.domain.account import ExecKind
from bot.domain.clock import MarketClock
from bot.domain.commands import CancelOrder, PlaceOrder, ReadAccount, ReadHistory, SeekOrder
from bot.domain.events import (
    AccountRead,
    BadInput,
    ChannelChanged,
    Event,
    ExecutionSeen,
    HistoryRead,
    OrderAnswered,
    OrderSeen,
    OrderSought,
    ReadFailed,
    TickerSeen,
)
from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce, Verdict
from bot.exchange.budget import Budget
from bot.exchange.executor import Executor
from bot.exchange.hosts import Credentials, Hosts
from bot.exchange.market_stream import MarketStream
from bot.exchange.patience import Patience
from bot.exchange.private_stream import PrivateStream
from bot.exchange.reader import Reader
from bot.exchange.rest import Rest
from bot.exchange.socket import drive
from bot.simulator.main import PAPER_ACCOUNT, SimulatorOptions, build
from tests.client import Client, at
from tests.unit.exchange.scripted import Box

SPEED = 60.0
PATIENCE = Patience(
    request_timeout_s=2.0,
    read_attempts=1,
    ping_every_s=0.5,
    pong_deadline_s=1.0,
    auth_deadline_s=1.5,
    ack_deadline_s=1.0,
    stale_ticker_ms=1500,
    pulse_s=0.05,
    backoff_floor_s=0.05,
    backoff_cap_s=0.3,
)
CREATE = "POST /v5/order/create"


@dataclass
class Desk:
    """The room, working, and the hand that moves its venue."""

    client: Client
    executor: Executor
    box: Box
    clock: MarketClock
    orders: int = 0

    async def strikes(self, fault: str, **how: Any) -> None:
        await self.client.sim("POST", "faults", fault=fault, **how)

    async def calm(self) -> None:
        await self.client.sim("DELETE", "faults")

    async def place(
        self, leg: Leg, act: Act, qty: str, *, price: D | None = None, tif: TimeInForce = TimeInForce.IOC
    ) -> str:
        """Submit an order priced to trade; returns its name."""
        ticker: TickerSeen = await self.box.wait_for(TickerSeen)
        ticker = self.box.of(TickerSeen)[-1]
        buys = (leg is Leg.LONG) == (act is Act.GROW)
        self.orders += 1
        name = f"r1-{self.orders}-{leg.name}"
        self.executor.submit(
            PlaceOrder(
                order_link_id=name,
                symbol="BTCUSDT",
                leg=leg,
                act=act,
                qty=D(qty),
                limit_price=price or (ticker.last * D("1.01" if buys else "0.99")).quantize(D("0.1")),
                time_in_force=tif,
                decision=1,
            )
        )
        return name

    async def answer(self, name: str) -> OrderAnswered:
        return await self.box.wait_for(OrderAnswered, where=lambda event: event.order_link_id == name)  # type: ignore[no-any-return]

    async def sought(self, name: str) -> OrderSought:
        seen = len(self.box.of(OrderSought))
        self.executor.submit(SeekOrder(order_link_id=name, symbol="BTCUSDT", sent_ms=self.clock.now_ms()))
        return await self.box.wait_for(OrderSought, seen + 1)  # type: ignore[no-any-return]

    async def reading(self) -> AccountRead | ReadFailed:
        """The next answer to a request for a reading."""
        seen = len(self.box.of(AccountRead, ReadFailed))
        self.executor.submit(ReadAccount(why="test", executions_since_ms=self.clock.now_ms() - 86_400_000))
        async with asyncio.timeout(10):
            while len(found := self.box.of(AccountRead, ReadFailed)) == seen:
                await self.box.next()
        return found[seen]  # type: ignore[no-any-return]


@asynccontextmanager
async def a_desk(
    *faults: tuple[str, dict[str, Any]], patience: Patience = PATIENCE, streams: bool = True
) -> AsyncIterator[Desk]:
    """A venue with the seed's book, and the room connected to it; `faults` are at work before it connects."""
    async with (
        build(SimulatorOptions(speed=SPEED)).serving() as server,
        at(server.url) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for fault, how in faults:
            await client.sim("POST", "faults", fault=fault, **how)
        ws_url = server.url.replace("http", "ws", 1)
        hosts = Hosts(rest_url=server.url, public_ws_url=ws_url, private_ws_url=ws_url)
        credentials = Credentials(api_key=PAPER_ACCOUNT.api_key, api_secret=PAPER_ACCOUNT.api_secret)
        clock = MarketClock(origin_ms=(await client.sim("GET", "clock"))["market_ms"], rate=SPEED)
        box, rest = Box(), Rest(hosts, credentials, budget=Budget(), patience=patience)
        reader = Reader(rest, clock, symbol="BTCUSDT", rng=Random(1), patience=patience)
        executor = Executor(rest, reader, box, clock, patience=patience)
        market = MarketStream(symbol="BTCUSDT", bar_minutes=5, patience=patience)
        private = PrivateStream(symbol="BTCUSDT", credentials=credentials, server_ms=rest.server_ms, patience=patience)
        async with rest:
            running = [tasks.create_task(executor.run())]
            running += [
                tasks.create_task(drive(stream, url, box, rng=Random(number), patience=patience))
                for number, (stream, url) in enumerate([(market, hosts.public_stream), (private, hosts.private_stream)])
                if streams
            ]
            if streams and not faults:
                await box.wait_for(ChannelChanged, 2, where=lambda event: event.up)
            yield Desk(client, executor, box, clock)
            for task in running:
                task.cancel()
            await asyncio.wait(running)


async def test_the_first_hedge_of_the_book() -> None:
    """0.162 off the long leg, 0.108 onto the short one: acknowledged, executed, told, and read back the same."""
    async with a_desk() as desk:
        long, short = await desk.place(Leg.LONG, Act.SHRINK, "0.162"), await desk.place(Leg.SHORT, Act.GROW, "0.108")
        verdicts = [(await desk.answer(name)).verdict for name in (long, short)]
        fills = {
            name: (
                await desk.box.wait_for(
                    ExecutionSeen, where=lambda event, name=name: event.execution.order_link_id == name
                )
            )
            for name in (long, short)
        }
        read = await desk.reading()

    assert [Verdict.ACCEPTED, Verdict.ACCEPTED] == verdicts
    assert isinstance(read, AccountRead)
    assert (D("0.051"), D("0.321")) == (read.reading.long.qty, read.reading.short.qty)
    told = {fill.execution.exec_id: fill.execution for fill in fills.values()}
    assert told == {row.exec_id: row for row in read.reading.executions if row.exec_id in told}
    assert (ExecKind.TRADE, D("0.162")) == (fills[long].execution.kind, fills[long].execution.closed_qty)


async def test_history_account_and_facts_at_start() -> None:
    """Everything the engine starts from, at once."""
    async with a_desk(streams=False) as desk:
        desk.executor.submit(ReadHistory(minutes=5, bars=288, funding_points=21))
        desk.executor.submit(ReadAccount(why="start", executions_since_ms=0, with_facts=True))
        history = await desk.box.wait_for(HistoryRead)
        account = await desk.box.wait_for(AccountRead)

    starts = [bar.start_ms for bar in history.bars]
    assert (288, 21) == (len(history.bars), len(history.funding))
    assert [start - starts[0] for start in starts] == [number * 300_000 for number in range(288)]
    assert (True, True, True, False) == (
        account.facts.hedge_mode,
        account.facts.unified,
        account.facts.can_trade,
        account.facts.can_withdraw,
    )
    assert D("16200") == account.reading.wallet.coin("USDT").borrowed


async def test_a_resting_order_is_cancelled_and_a_second_cancel_looks() -> None:
    """A post-only order that would trade is accepted first and dies on the stream."""
    async with a_desk() as desk:
        resting = await desk.place(Leg.SHORT, Act.GROW, "0.01", price=D("150000"), tif=TimeInForce.GTC)
        await desk.box.wait_for(
            OrderSeen, where=lambda event: (event.order.order_link_id, event.order.status) == (resting, "New")
        )
        desk.executor.submit(CancelOrder(order_link_id=resting, symbol="BTCUSDT"))
        await desk.box.wait_for(
            OrderSeen, where=lambda event: (event.order.order_link_id, event.order.status) == (resting, "Cancelled")
        )
        desk.executor.submit(CancelOrder(order_link_id=resting, symbol="BTCUSDT"))
        looked = await desk.box.wait_for(OrderSought)
        maker = await desk.place(Leg.SHORT, Act.GROW, "0.01", tif=TimeInForce.POST_ONLY)
        answer = await desk.answer(maker)
        died = await desk.box.wait_for(
            OrderSeen, where=lambda event: (event.order.order_link_id, event.order.status) == (maker, "Cancelled")
        )

    assert "Cancelled" == looked.order.status
    assert (Verdict.ACCEPTED, "EC_PostOnlyWillTakeLiquidity") == (answer.verdict, died.order.reject_reason)


A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN
BLOWS: list[tuple[str, dict[str, Any], Verdict, bool]] = [
    # misfortune             how                              verdict, and whether the venue took it all the same
    ("request-lost", {"value": "close"}, U, False),
    ("request-lost", {"value": "hang"}, U, False),
    ("reply-lost", {"value": "close"}, U, True),
    ("reply-lost", {"value": "hang"}, U, True),
    ("reply-half", {}, U, True),
    ("reply-huge", {}, U, True),
    ("reply-late", {"ms": 500}, A, True),
    ("request-doubled", {}, U, True),
    ("http-error", {"value": "502"}, U, False),
    ("http-error-accepted", {"value": "504"}, U, True),
    *(("garbage", {"value": value}, U, True) for value in ("html", "empty", "null", "truncated", "result-null", "result-empty")),
    *(("accepted-with", {"value": code}, U, True) for code in ("10000", "10016", "170146", "429")),
    *(("refused-with", {"value": code}, U, False) for code in ("10000", "10016", "170146", "10019")),
    *(("refused-with", {"value": code}, R, False) for code in ("110007", "110017", "110094", "10001")),
    ("rate-limited", {}, U, False),
    ("request-late", {"ms": 1500}, R, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "how", "verdict", "taken"), BLOWS, ids=[f"{case[0]}-{case[1].get('value', '')}" for case in BLOWS]
)
async def test_an_order_in_misfortune_gets_a_true_verdict_and_is_found_by_its_name(
    fault: str, how: dict[str, Any], verdict: Verdict, taken: bool
) -> None:
    """Never called refused when it was taken; afterwards its name tells what became of it; and it was sent once."""
    async with a_desk(patience=replace(PATIENCE, order_recv_window_ms=1000)) as desk:
        await desk.strikes(fault, match=CREATE, times=1, **how)
        name = await desk.place(Leg.LONG, Act.SHRINK, "0.01")
        answer = await desk.answer(name)
        await desk.calm()
        sought = await desk.sought(name)
        truth = await desk.client.sim("GET", "requests")

    assert verdict == answer.verdict, answer.reason
    assert (taken, D("0.01") if taken else 0) == (sought.order is not None, sum(row.qty for row in sought.executions))
    sends = [row for row in truth["requests"] if row["path"] == "/v5/order/create"]
    assert len(sends) <= (2 if fault == "request-doubled" else 1)


PAGES: list[tuple[str, dict[str, Any], bool]] = [
    # misfortune        how                                                             a reading all the same?
    ("rows-shuffled", {"match": "GET /v5/position/list"}, True),
    ("page-repeats", {"match": "GET /v5/execution/list"}, True),
    ("field-blank", {"match": "GET /v5/position/list", "value": "liqPrice"}, True),
    ("row-dropped", {"match": "GET /v5/position/list", "value": "positionIdx=2"}, False),
    ("row-dropped", {"match": "GET /v5/account/wallet-balance", "value": "coin=BTC"}, False),
    ("page-repeats", {"match": "GET /v5/position/list"}, False),
    ("page-empty", {"match": "GET /v5/position/list"}, False),
    ("field-blank", {"match": "GET /v5/position/list", "value": "size"}, False),
    ("http-error", {"match": "GET /v5/order/realtime"}, False),
    ("reply-lost", {"match": "GET /v5/execution/list"}, False),
    *(("garbage", {"match": "GET ", "value": value}, False) for value in ("html", "empty", "null", "truncated")),
    *(("garbage", {"match": "GET /v5/position/list", "value": value}, False) for value in ("result-null", "result-empty")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "how", "whole"), PAGES, ids=[f"{case[0]}-{case[1].get('value', case[1]['match'])}" for case in PAGES]
)
async def test_a_reading_is_whole_or_it_is_none(fault: str, how: dict[str, Any], whole: bool) -> None:
    """What a page loses on the way is never taken for what the account lost; and the next reading is good again."""
    async with a_desk(streams=False) as desk:
        await desk.strikes(fault, **how)
        first = await desk.reading()
        await desk.calm()
        second = await desk.reading()

    assert whole == isinstance(first, AccountRead), first
    assert isinstance(second, AccountRead)
    assert (D("0.213"), D("0.213")) == (second.reading.long.qty, second.reading.short.qty)


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


async def test_a_gap_in_the_private_stream_is_closed_by_a_reading() -> None:
    """What was executed while nobody listened is in the next reading, once."""
    async with a_desk() as desk:
        await desk.strikes("frame-dropped", match="private")
        name = await desk.place(Leg.LONG, Act.SHRINK, "0.02")
        await desk.answer(name)
        await desk.calm()
        read = await desk.reading()

    assert [] == desk.box.of(ExecutionSeen)
    assert isinstance(read, AccountRead)
    assert [D("0.02")] == [row.qty for row in read.reading.executions if row.order_link_id == name]


async def test_a_ban_is_not_argued_with() -> None:
    """One 403, and the venue hears nothing more from us."""
    async with a_desk(streams=False) as desk:
        await desk.strikes("ip-ban")
        first = await desk.reading()
        await desk.calm()
        second = await desk.reading()

    assert isinstance(first, ReadFailed)
    assert isinstance(second, ReadFailed)
    assert "budget" in second.reason


async def test_an_account_in_one_way_mode_says_so() -> None:
    """No reading, and a reason a person can act on."""
    options = SimulatorOptions(
        speed=SPEED, accounts=(replace(PAPER_ACCOUNT, hedge_mode=False, long_btc=D(0), short_btc=D(0)),)
    )
    async with build(options).serving() as server:
        ws_url = server.url.replace("http", "ws", 1)
        hosts = Hosts(rest_url=server.url, public_ws_url=ws_url, private_ws_url=ws_url)
        credentials = Credentials(api_key=PAPER_ACCOUNT.api_key, api_secret=PAPER_ACCOUNT.api_secret)
        async with Rest(hosts, credentials, budget=Budget(), patience=PATIENCE) as rest:
            reader = Reader(rest, MarketClock(), symbol="BTCUSDT", rng=Random(1), patience=PATIENCE)
            facts = await reader.read_facts()

    assert False is facts.hedge_mode
