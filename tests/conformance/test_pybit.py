"""pybit lives a trading day on the simulator: REST, public and private sockets, order entry over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pybit import unified_trading
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import WebSocket, WebSocketTrading

from bot.simulator.accounts import AccountOptions
from bot.simulator.main import SimulatorOptions, build
from bot.simulator.server import SimulatorServer
from tests.client import KEY, SECRET, Client, at
from tests.conformance.clients import pybit_at, pybit_http
from tests.patience import until

HOUR_MS = 3_600_000
RAW = {"category": "linear", "symbol": "BTCUSDT"}


@pytest.fixture
async def server() -> AsyncIterator[SimulatorServer]:
    async with build(SimulatorOptions(speed=60)).serving() as running:
        yield running


@pytest.fixture
async def hand(server: SimulatorServer) -> AsyncIterator[Client]:
    async with at(server.url) as client:
        yield client


@pytest.fixture
def session(hand: Client) -> Any:
    return pybit_http(hand.url)


def _listening(server: SimulatorServer) -> set[str]:
    """Topics somebody is subscribed to by now."""
    return {topic for line in server.hub.lines for topic in line.session.topics}


async def calling(call: Callable[..., Any], **params: Any) -> Any:
    """pybit blocks; the simulator lives in this loop."""
    return await asyncio.to_thread(call, **params)


async def test_a_day_over_rest(hand: Client, session: Any) -> None:
    """Market data, account, the first hedge, funding, closed results, and the log that explains the balance."""
    assert int((await calling(session.get_server_time))["result"]["timeSecond"]) > 0
    candles = await calling(session.get_kline, **RAW, interval=5, limit=288)
    instrument = (await calling(session.get_instruments_info, **RAW))["result"]["list"][0]
    await calling(
        session.place_order, **RAW, side="Sell", orderType="Market", qty="0.162", positionIdx=1, reduceOnly=True
    )
    await calling(
        session.place_order, **RAW, side="Sell", orderType="Market", qty="0.108", positionIdx=2, orderLinkId="py-1"
    )
    legs = (await calling(session.get_positions, **RAW))["result"]["list"]
    fills = (await calling(session.get_executions, **RAW))["result"]["list"]
    closed = (await calling(session.get_order_history, **RAW, orderLinkId="py-1"))["result"]["list"]
    await hand.sim("POST", "pause")
    for _ in range(2):
        await hand.sim("POST", "step", ms=HOUR_MS)
    log = (await calling(session.get_transaction_log, accountType="UNIFIED", type="SETTLEMENT"))["result"]["list"]
    results = (await calling(session.get_closed_pnl, **RAW))["result"]["list"]
    wallet = (await calling(session.get_wallet_balance, accountType="UNIFIED"))["result"]["list"][0]

    assert len(candles["result"]["list"]) == 288
    assert instrument["lotSizeFilter"]["qtyStep"] == "0.001"
    assert {leg["positionIdx"]: leg["size"] for leg in legs} == {1: "0.051", 2: "0.321"}
    assert {fill["execType"] for fill in fills} == {"Trade"}
    assert [row["orderStatus"] for row in closed] == ["Filled"]
    assert {row["side"]: row["size"] for row in log} == {"Buy": "0.051", "Sell": "-0.321"}
    assert all(float(row["funding"]) * (1 if row["side"] == "Sell" else -1) > 0 for row in log)
    assert {fill["orderLinkId"] for fill in fills} == {"", "py-1"}
    assert sum(float(fill["execQty"]) for fill in fills) == pytest.approx(0.27)
    assert results[0]["avgEntryPrice"] == legs[0]["avgPrice"]
    assert [row["closedSize"] for row in results] == ["0.162"]
    assert float(wallet["totalEquity"]) > 0


async def test_orders_over_rest(session: Any) -> None:
    """Place, amend, list, cancel, cancel all, batches."""
    limit = {**RAW, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "105000", "positionIdx": 1}
    order_id = (await calling(session.place_order, **limit))["result"]["orderId"]
    await calling(session.amend_order, **RAW, orderId=order_id, qty="0.02")
    standing = (await calling(session.get_open_orders, **RAW))["result"]["list"]
    await calling(session.cancel_order, **RAW, orderId=order_id)
    item = {name: value for name, value in limit.items() if name != "category"}
    batch = await calling(session.place_batch_order, category="linear", request=[item, item])
    gone = await calling(session.cancel_all_orders, **RAW)

    assert [(row["orderId"], row["qty"]) for row in standing] == [(order_id, "0.020")]
    assert [note["code"] for note in batch["retExtInfo"]["list"]] == [0, 0]
    assert len(gone["result"]["list"]) == 2


async def test_errors_over_rest(hand: Client, session: Any) -> None:
    """A code is InvalidRequestError with the code; a page is FailedRequestError."""
    with pytest.raises(InvalidRequestError) as refused:
        await calling(session.set_leverage, **RAW, buyLeverage="25", sellLeverage="25")
    await hand.sim("POST", "faults", fault="http-error", value="502")
    with pytest.raises(FailedRequestError) as page:
        await calling(session.get_wallet_balance, accountType="UNIFIED")

    assert refused.value.status_code == 110043
    assert page.value.status_code == 502


async def test_a_rate_limit_is_waited_out(hand: Client, session: Any) -> None:
    """pybit sleeps until the reset header and tries again: the header must lie ahead."""
    await hand.sim("POST", "faults", fault="rate-limited", times=1, ms=300)

    answer = await calling(session.get_positions, **RAW)

    assert len(answer["result"]["list"]) == 2


async def test_public_sockets(hand: Client) -> None:
    """Ticker, book and trades and candles keep coming; pybit's own book never breaks on a delta."""
    heard: dict[str, list[Any]] = {}

    def keep(message: dict[str, Any]) -> None:
        heard.setdefault(message["topic"].split(".")[0], []).append(message)

    with pybit_at(hand.url):
        socket = await calling(WebSocket, testnet=False, channel_type="linear")
    try:
        await calling(socket.ticker_stream, symbol="BTCUSDT", callback=keep)
        await calling(socket.orderbook_stream, depth=50, symbol="BTCUSDT", callback=keep)
        await calling(socket.trade_stream, symbol="BTCUSDT", callback=keep)
        await calling(socket.kline_stream, interval=1, symbol="BTCUSDT", callback=keep)
        await until(lambda: len(heard) == 4 and all(len(rows) >= 3 for rows in heard.values()))
        assert socket.is_connected()
    finally:
        await calling(socket.exit)
    book, ticker = heard["orderbook"][-1]["data"], heard["tickers"][-1]["data"]
    assert float(book["b"][0][0]) < float(book["a"][0][0])
    assert float(ticker["bid1Price"]) < float(ticker["ask1Price"])


async def test_private_sockets(server: SimulatorServer, hand: Client, session: Any) -> None:
    """order, execution, position, wallet and the fast execution of one order."""
    heard: dict[str, list[Any]] = {}

    def keep(message: dict[str, Any]) -> None:
        heard.setdefault(message["topic"], []).append(message)

    with pybit_at(hand.url):
        socket = await calling(WebSocket, testnet=False, channel_type="private", api_key=KEY, api_secret=SECRET)
    try:
        for stream in (socket.order_stream, socket.execution_stream, socket.position_stream, socket.wallet_stream):
            await calling(stream, callback=keep)
        await calling(socket.fast_execution_stream, callback=keep)
        await until(lambda: len(_listening(server)) == 5)
        placed = await calling(session.place_order, **RAW, side="Sell", orderType="Market", qty="0.01", positionIdx=2)
        await until(lambda: {"order", "execution", "position", "wallet", "execution.fast"} <= set(heard))
    finally:
        await calling(socket.exit)

    order, position = heard["order"][-1]["data"][0], heard["position"][-1]["data"][0]
    fills = [row for message in heard["execution"] for row in message["data"]]
    fast = [row for message in heard["execution.fast"] for row in message["data"]]
    assert (order["orderId"], order["orderStatus"], order["cumExecQty"]) == (
        placed["result"]["orderId"],
        "Filled",
        "0.010",
    )
    assert (position["positionIdx"], position["side"], position["size"]) == (2, "Sell", "0.223")
    assert {row["execId"]: row["execPrice"] for row in fast} == {row["execId"]: row["execPrice"] for row in fills}
    assert sum(float(row["execQty"]) for row in fills) == pytest.approx(0.01)
    usdt = next(coin for coin in heard["wallet"][-1]["data"][0]["coin"] if coin["coin"] == "USDT")
    assert float(usdt["walletBalance"]) == pytest.approx(-sum(float(row["execFee"]) for row in fills))


async def test_order_entry_over_its_socket(hand: Client, session: Any) -> None:
    """Place, amend and cancel; the refusal of a bad order comes to its own callback."""
    answers: list[Any] = []
    limit = {**RAW, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "105000", "positionIdx": 1}
    with pybit_at(hand.url):
        socket = await calling(WebSocketTrading, testnet=False, api_key=KEY, api_secret=SECRET)
    try:
        await asyncio.to_thread(socket.place_order, answers.append, **limit, orderLinkId="wst-1")
        await until(lambda: len(answers) == 1)
        await asyncio.to_thread(socket.amend_order, answers.append, **RAW, orderLinkId="wst-1", qty="0.02")
        await until(lambda: len(answers) == 2)
        standing = (await calling(session.get_open_orders, **RAW))["result"]["list"]
        await asyncio.to_thread(socket.cancel_order, answers.append, **RAW, orderLinkId="wst-1")
        await until(lambda: len(answers) == 3)
    finally:
        await calling(socket.exit)

    assert [(answer["retCode"], answer["op"]) for answer in answers] == [
        (0, "order.create"),
        (0, "order.amend"),
        (0, "order.cancel"),
    ]
    assert {answer["data"]["orderLinkId"] for answer in answers} == {"wst-1"}
    assert [(row["orderLinkId"], row["qty"]) for row in standing] == [("wst-1", "0.020")]


async def test_pybit_comes_back_after_a_cut(hand: Client) -> None:
    """It connects and subscribes anew by itself."""
    heard: list[Any] = []
    with pybit_at(hand.url):
        socket = await calling(WebSocket, testnet=False, channel_type="linear", restart_on_error=True)
        try:
            await calling(socket.ticker_stream, symbol="BTCUSDT", callback=heard.append)
            await until(lambda: heard)
            await hand.sim("POST", "faults", fault="sockets-cut")
            known = len(heard)
            await until(lambda: len(heard) > known + 3)
        finally:
            await calling(socket.exit)


async def test_a_key_of_ones_own() -> None:
    """A self-generated RSA key signs REST requests; the venue knows its public half only."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = AccountOptions(rsa_public_key=public.decode())
    async with build(SimulatorOptions(accounts=(account,))).serving() as server:
        session = unified_trading.HTTP(api_key=KEY, api_secret=secret.decode(), rsa_authentication=True)
        session.endpoint = server.url
        legs = (await calling(session.get_positions, **RAW))["result"]["list"]
        placed = await calling(session.place_order, **RAW, side="Sell", orderType="Market", qty="0.01", positionIdx=2)
        stranger = pybit_http(server.url)
        with pytest.raises(InvalidRequestError, match="10004"):
            await calling(stranger.get_positions, **RAW)

    assert len(legs) == 2
    assert placed["retCode"] == 0
