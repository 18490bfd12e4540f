"""The exchange room against the simulator, over real sockets, in good days and in bad ones.

Two readings of Bybit's documents meet here that share no code. Each misfortune says what the room must make of it, and the venue's own
truth says whether an order was really taken.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from bot.domain.account import ExecKind
from bot.domain.clock import MarketClock
from bot.domain.commands import CancelOrder, ReadAccount, ReadHistory
from bot.domain.events import (
    AccountRead,
    ExecutionSeen,
    HistoryRead,
    OrderSeen,
    OrderSought,
    ReadFailed,
)
from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce, Verdict
from bot.exchange.budget import Budget
from bot.exchange.hosts import Credentials, Hosts
from bot.exchange.reader import Reader
from bot.exchange.rest import Rest
from bot.simulator.accounts import PAPER_ACCOUNT
from bot.simulator.main import SimulatorOptions, build
from tests.conformance.room import CREATE, PATIENCE, SPEED, a_desk


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
    ("request-late", {"ms": 1500}, U, False),
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
    ("row-odd", {"match": "GET /v5/account/wallet-balance", "value": "coin=AIRDROP"}, True),
    ("row-odd", {"match": "GET /v5/position/list", "value": "symbol=ETHUSDT"}, True),
    ("row-odd", {"match": "GET /v5/order/realtime", "value": "symbol=BTCUSDT"}, True),
    ("row-odd", {"match": "GET /v5/execution/list", "value": "symbol=BTCUSDT"}, True),
    ("row-odd", {"match": "GET /v5/account/wallet-balance", "value": "coin=USDT"}, False),
    ("row-odd", {"match": "GET /v5/position/list", "value": "symbol=BTCUSDT"}, False),
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
