"""ccxt.pro watches a trading day: public and private streams, and order entry over its socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt.pro as ccxt
import pytest

from bot.simulator.main import SimulatorOptions, build
from bot.simulator.server import SimulatorServer
from tests.client import Client, at
from tests.conformance.clients import SYMBOL, ccxt_pro_at
from tests.patience import until


@pytest.fixture
async def server() -> AsyncIterator[SimulatorServer]:
    async with build(SimulatorOptions(speed=60)).serving() as running:
        yield running


@pytest.fixture
async def hand(server: SimulatorServer) -> AsyncIterator[Client]:
    async with at(server.url) as client:
        yield client


@pytest.fixture
async def exchange(hand: Client) -> AsyncIterator[Any]:
    async with ccxt_pro_at(hand.url) as client:
        await client.load_markets()
        yield client


async def test_public_streams(exchange: Any) -> None:
    """Ticker, book, trades and candles, each several times, each moving."""
    async with asyncio.timeout(20):
        tickers = [await exchange.watch_ticker(SYMBOL) for _ in range(5)]
        for _ in range(5):
            book = await exchange.watch_order_book(SYMBOL)
            assert (len(book["bids"]), len(book["asks"])) == (50, 50)
            assert book["bids"][0][0] < book["asks"][0][0]
        trades = await exchange.watch_trades(SYMBOL)
        candles = await exchange.watch_ohlcv(SYMBOL, "1m")
        spot = await exchange.watch_ticker("BTC/USDT")
        best = await exchange.watch_bids_asks([SYMBOL])

    assert len({row["timestamp"] for row in tickers}) > 1
    assert all(row["bid"] < row["ask"] for row in tickers)
    assert trades[0]["symbol"] == SYMBOL
    assert candles[0][3] <= candles[0][4] <= candles[0][2]
    assert spot["symbol"] == "BTC/USDT"
    assert best[SYMBOL]["bid"] > 0


async def test_private_streams(server: SimulatorServer, exchange: Any) -> None:
    """Orders, own trades, positions and balance tell the same order, as REST does."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        snapshot = {leg["side"]: leg["contracts"] for leg in await exchange.watch_positions([SYMBOL])}  # over REST
        watching = [
            tasks.create_task(watch)
            for watch in (
                exchange.watch_orders(SYMBOL),
                exchange.watch_my_trades(SYMBOL),
                exchange.watch_positions([SYMBOL]),
                exchange.watch_balance(),
            )
        ]
        await until(lambda: {"order", "execution", "position", "wallet"} <= _heard(server))
        placed = await exchange.create_order(SYMBOL, "market", "sell", 0.01, None, {"positionIdx": 2})
        orders, trades, positions, balance = [await task for task in watching]
    listed = {leg["side"]: leg for leg in await exchange.fetch_positions([SYMBOL])}
    booked = await exchange.fetch_my_trades(SYMBOL)

    assert (orders[0]["id"], orders[0]["status"], orders[0]["filled"]) == (placed["id"], "closed", 0.01)
    assert {trade["order"] for trade in trades} == {placed["id"]}
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.01)
    assert {(t["id"], t["price"], t["fee"]["cost"]) for t in trades} == {
        (t["id"], t["price"], t["fee"]["cost"]) for t in booked
    }
    assert [(leg["side"], leg["contracts"]) for leg in positions if leg["side"] == "short"] == [("short", 0.223)]
    assert snapshot == {"long": 0.213, "short": 0.213}
    assert listed["short"]["contracts"] == 0.223
    assert balance["BTC"]["total"] == pytest.approx(0.27)
    usdt = next(coin for coin in balance["info"][0]["coin"] if coin["coin"] == "USDT")
    assert float(usdt["walletBalance"]) == pytest.approx(-sum(trade["fee"]["cost"] for trade in trades))


def _heard(server: SimulatorServer) -> set[str]:
    """Topics somebody is subscribed to by now."""
    return {topic for line in server.hub.lines for topic in line.session.topics}


async def test_order_entry_over_its_socket(exchange: Any) -> None:
    """Create, edit and cancel without HTTP."""
    async with asyncio.timeout(20):
        order = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, 105_000, {"positionIdx": 1})
        await exchange.edit_order_ws(order["id"], SYMBOL, "limit", "buy", 0.02, 104_000)
        standing = await exchange.fetch_open_orders(SYMBOL)
        await exchange.cancel_order_ws(order["id"], SYMBOL)

    assert [(row["id"], row["amount"]) for row in standing] == [(order["id"], 0.02)]
    assert await exchange.fetch_open_orders(SYMBOL) == []


async def test_streams_come_back_after_a_cut(exchange: Any, hand: Client) -> None:
    """ccxt connects and subscribes anew by itself."""
    async with asyncio.timeout(20):
        before = await exchange.watch_ticker(SYMBOL)
        await hand.sim("POST", "faults", fault="sockets-cut")
        with pytest.raises(ccxt.NetworkError):
            await _watch_until_it_breaks(exchange)
        after = await exchange.watch_ticker(SYMBOL)

    assert after["timestamp"] > before["timestamp"]


async def _watch_until_it_breaks(exchange: Any) -> None:
    while True:
        await exchange.watch_ticker(SYMBOL)
