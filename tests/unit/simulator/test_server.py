"""The face on the wire: what a client over HTTP and websockets meets when nothing goes wrong."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from bot.simulator.choices import FaceChoices
from bot.simulator.main import SimulatorOptions, build
from bot.simulator.server import ServerOptions, SimulatorServer
from bot.simulator.tape import DEFAULT_START_MS
from tests.client import KEY, Client, at
from tests.patience import until

LINEAR, PRIVATE, TRADE = "/v5/public/linear", "/v5/private", "/v5/trade"


@pytest.fixture
async def server() -> AsyncIterator[SimulatorServer]:
    async with build(SimulatorOptions(speed=60)).serving() as running:
        yield running


@pytest.fixture
async def client(server: SimulatorServer) -> AsyncIterator[Client]:
    async with at(server.url) as one:
        yield one


# -- REST -------------------------------------------------------------------------------------------------------------------------------


async def test_the_seeds_book_stands_in_hedge_mode(client: Client) -> None:
    """0.27 BTC, two legs of 0.213 at leverage 25, a loan of 16,200."""
    legs = (await client.get("/v5/position/list", category="linear", symbol="BTCUSDT"))["result"]["list"]
    wallet = (await client.get("/v5/account/wallet-balance", accountType="UNIFIED"))["result"]["list"][0]
    coins = {row["coin"]: row for row in wallet["coin"]}

    assert {(leg["positionIdx"], leg["side"], leg["size"], leg["leverage"]) for leg in legs} == {
        (1, "Buy", "0.213", "25"),
        (2, "Sell", "0.213", "25"),
    }
    assert coins["BTC"]["walletBalance"] == "0.27"
    assert coins["USDT"]["spotBorrow"] == "16200"


async def test_the_answer_shows_its_quota(client: Client) -> None:
    """Three headers, as on every private answer."""
    async with client.session.get(
        f"{client.url}/v5/position/list?category=linear&symbol=BTCUSDT",
        headers=client.headers("category=linear&symbol=BTCUSDT"),
    ) as answer:
        headers = answer.headers

    assert (headers["X-Bapi-Limit"], headers["X-Bapi-Limit-Status"]) == ("50", "49")
    assert int(headers["X-Bapi-Limit-Reset-Timestamp"]) > 0


async def test_too_many_visits(client: Client) -> None:
    """The eleventh order of a second is 10006 and did not happen."""
    answers = [await client.order(qty="0.001") for _ in range(12)]

    codes = [answer["retCode"] for answer in answers]
    assert codes[:10] == [0] * 10
    assert codes[-1] == 10006


async def test_a_batch_over_the_limit_fails_item_by_item(client: Client) -> None:
    """The top says 0; the two lists say which went through."""
    item = {
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Limit",
        "price": "100000",
        "qty": "0.001",
        "positionIdx": 1,
    }
    answer = await client.post("/v5/order/create-batch", category="linear", request=[item] * 12)

    assert answer["retCode"] == 0
    assert [note["code"] for note in answer["retExtInfo"]["list"]] == [0] * 10 + [10006] * 2
    assert [bool(row["orderId"]) for row in answer["result"]["list"]] == [True] * 10 + [False] * 2


PATHS: list[tuple[str, str, int, int]] = [
    ("GET", "/v5/nowhere", 404, 10017),
    ("POST", "/v5/market/time", 404, 10017),
    ("GET", "/v5/order/create", 404, 10017),
    ("GET", "/", 404, 10017),
]


@pytest.mark.parametrize(("method", "path", "status", "code"), PATHS, ids=[f"{case[0]} {case[1]}" for case in PATHS])
async def test_unknown_roads(client: Client, method: str, path: str, status: int, code: int) -> None:
    """404, in the envelope."""
    async with client.session.request(method, client.url + path) as answer:
        assert (answer.status, (await answer.json())["retCode"]) == (status, code)


async def test_other_methods_and_a_get_with_a_body(client: Client) -> None:
    """400 and 403, as the error page has them; neither is JSON."""
    async with client.session.put(client.url + "/v5/order/create") as put:
        assert put.status == 400
    async with client.session.get(client.url + "/v5/market/time", data="{}") as get:
        assert get.status == 403


async def test_a_key_that_is_wrong_is_told_so(server: SimulatorServer, client: Client) -> None:
    """401 with the envelope in it."""
    async with (
        at(server.url, key="nobody") as stranger,
        stranger.session.get(stranger.url + "/v5/account/info", headers=stranger.headers("")) as answer,
    ):
        assert (answer.status, (await answer.json())["retCode"]) == (401, 10003)


async def test_bodies_that_are_no_requests(client: Client) -> None:
    """10001, whatever they are."""
    for text in ("", "{", "[]", "3", '{"category":null}'):
        headers = client.headers(text)
        async with client.session.post(client.url + "/v5/order/create", data=text, headers=headers) as answer:
            assert (await answer.json(content_type=None))["retCode"] == 10001


async def test_cursors_walk_through_all_pages(client: Client) -> None:
    """Sent back as they came, encoded, until the empty one; each row once."""
    for _ in range(5):
        await client.order(orderType="Limit", side="Buy", price="100000", qty="0.001", positionIdx=1)
    seen: list[str] = []
    cursor = ""
    while True:
        query = f"category=linear&symbol=BTCUSDT&limit=2{f'&cursor={cursor}' if cursor else ''}"
        async with client.session.get(
            f"{client.url}/v5/order/realtime?{query}", headers=client.headers(query)
        ) as answer:
            result = (await answer.json())["result"]
        seen += [row["orderId"] for row in result["list"]]
        cursor = result["nextPageCursor"]
        if not cursor:
            break

    assert len(seen) == len(set(seen)) == 5


async def test_market_data_needs_no_key(server: SimulatorServer, client: Client) -> None:
    """Candles, funding, trades, coins and status, in Bybit's order: newest first."""
    rows = (await client.get("/v5/market/kline", category="linear", symbol="BTCUSDT", interval="5", limit=300))[
        "result"
    ]["list"]
    funding = (await client.get("/v5/market/funding/history", category="linear", symbol="BTCUSDT", limit=3))["result"][
        "list"
    ]
    refused = await client.get("/v5/market/funding/history", category="linear", symbol="BTCUSDT", startTime=1)
    coins = (await client.get("/v5/asset/coin/query-info"))["result"]["rows"]

    starts = [int(row[0]) for row in rows]
    assert starts == sorted(starts, reverse=True)
    assert len(rows) == 300
    assert [int(row["fundingRateTimestamp"]) % 28_800_000 for row in funding] == [0, 0, 0]
    assert refused["retCode"] == 10001
    assert {"BTC", "USDT"} <= {row["coin"] for row in coins}
    assert (await client.get("/v5/system/status"))["result"] == {"list": []}


async def test_funding_that_settles_becomes_history(server: SimulatorServer, client: Client) -> None:
    """After 08:00 the settled rate is the newest row."""
    await client.sim("POST", "pause")
    await client.sim("POST", "step", ms=3_600_000 + 1000)
    newest = (await client.get("/v5/market/funding/history", category="linear", symbol="BTCUSDT", limit=1))["result"][
        "list"
    ][0]

    assert newest["fundingRateTimestamp"] == str(DEFAULT_START_MS + 3_600_000)


# -- public sockets ---------------------------------------------------------------------------------------------------------------------


async def test_a_ticker_is_a_snapshot_and_then_what_changed(server: SimulatorServer, client: Client) -> None:
    """Merged key by key, deltas lead to what REST says."""
    async with client.socket(LINEAR, "tickers.BTCUSDT") as socket:
        first = await socket.next("tickers.BTCUSDT")
        merged: dict[str, Any] = dict(first["data"])
        sizes = []
        for _ in range(5):
            delta = await socket.next("tickers.BTCUSDT")
            merged |= delta["data"]
            sizes.append(len(delta["data"]))
            assert (delta["type"], delta["data"]["symbol"]) == ("delta", "BTCUSDT")
        server.player.pace.pause()
        while not await socket.quiet(for_s=0.3):
            pass

    assert first["type"] == "snapshot"
    assert max(sizes) < len(first["data"])
    assert set(merged) == set(first["data"])


@pytest.mark.parametrize("depth", [50, 200])
async def test_a_book_kept_from_deltas_is_the_book(client: Client, depth: int) -> None:
    """Size "0" deletes only what is there; u grows by one; when the market pauses the kept book is the REST book."""
    topic = f"orderbook.{depth}.BTCUSDT"
    async with client.socket(LINEAR, topic) as socket:
        first = (await socket.next(topic))["data"]
        book = {side: dict(first[side]) for side in ("b", "a")}
        number = first["u"]
        await client.sim("POST", "speed", speed=600)
        for count in range(10_000):
            if count == 20:
                await client.sim("POST", "pause")
                told = await client.get("/v5/market/orderbook", category="linear", symbol="BTCUSDT", limit=depth)
                listed = {side: dict(told["result"][side]) for side in ("b", "a")}
            if count >= 20 and book == listed:
                break
            data = (await socket.next(topic))["data"]
            assert data["u"] == number + 1
            number = data["u"]
            for side in ("b", "a"):
                for price, size in data[side]:
                    if size == "0":
                        del book[side][price]
                    else:
                        book[side][price] = size

    assert {len(levels) for levels in book.values()} == {depth}
    assert max(map(float, book["b"])) < min(map(float, book["a"]))


async def test_the_top_of_the_book_is_repeated_when_nothing_moves(client: Client) -> None:
    """Depth 1 is snapshots only; after three quiet seconds the last comes again with the same u."""
    await client.sim("POST", "pause")
    async with client.socket(LINEAR, "orderbook.1.BTCUSDT") as socket:
        first = await socket.next("orderbook.1.BTCUSDT")
        again = await socket.next("orderbook.1.BTCUSDT")

    assert (first["type"], again["type"]) == ("snapshot", "snapshot")
    assert first["data"]["u"] == again["data"]["u"]


async def test_every_closed_candle_is_confirmed_once(server: SimulatorServer, client: Client) -> None:
    """At any speed, none is skipped."""
    server.player.pace.set(rate=600)
    async with client.socket(LINEAR, "kline.1.BTCUSDT") as socket:
        closed: list[int] = []
        while len(closed) < 10:
            closed += [row["start"] for row in (await socket.next("kline.1.BTCUSDT"))["data"] if row["confirm"]]

    assert [later - earlier for earlier, later in pairwise(closed)] == [60_000] * (len(closed) - 1)


async def test_public_trades_come_in_order(client: Client) -> None:
    """Ascending time, growing seq, also the account's own."""
    async with client.socket(LINEAR, "publicTrade.BTCUSDT") as socket:
        await client.order()
        rows = [row for _ in range(30) for row in (await socket.next("publicTrade.BTCUSDT"))["data"]]

    assert [row["T"] for row in rows] == sorted(row["T"] for row in rows)
    assert any(row["v"] == "0.01" and row["S"] == "Sell" for row in rows)


async def test_a_liquidation_is_told_to_all(client: Client) -> None:
    """Side of the position, bankruptcy price, at most half a second late."""
    async with client.socket(LINEAR, "allLiquidation.BTCUSDT") as socket:
        await client.sim("POST", "faults", fault="liquidation")
        rows = (await socket.next("allLiquidation.BTCUSDT"))["data"]

    assert {row["S"] for row in rows} == {"Buy", "Sell"}


async def test_spot_speaks_its_own_way(client: Client) -> None:
    """Always whole tickers, without bid and ask; the ack says subscribe."""
    async with client.socket("/v5/public/spot", "tickers.BTCUSDT", "kline.5.BTCUSDT", "orderbook.50.BTCUSDT") as socket:
        for _ in range(3):
            message = await socket.next("tickers.BTCUSDT")
            assert message["type"] == "snapshot"
            assert "usdIndexPrice" in message["data"]
            assert "bid1Price" not in message["data"]


# -- private sockets --------------------------------------------------------------------------------------------------------------------


async def test_an_order_is_told_on_every_topic(client: Client) -> None:
    """order, execution, execution.fast, position, wallet; the fast one without an id."""
    topics = ("order", "execution", "execution.fast", "position", "wallet")
    async with client.socket(PRIVATE, *topics) as socket:
        placed = await client.order(orderLinkId="story-1")
        seen: dict[str, dict[str, Any]] = {}
        while set(seen) != set(topics):
            message = await socket.next()
            seen[message["topic"]] = message

    assert {row["orderId"] for row in seen["execution"]["data"]} == {placed["result"]["orderId"]}
    assert "id" not in seen["execution.fast"]
    assert seen["wallet"]["data"][0]["accountType"] == "UNIFIED"


async def test_private_topics_may_begin_with_what_is_so() -> None:
    """Where that is chosen: the open orders, both legs, the wallet; otherwise a new listener hears nothing until something happens."""
    topics = ("position", "wallet", "order")
    choices = FaceChoices(private_snapshot=True)
    async with build(SimulatorOptions(choices=choices)).serving() as server, at(server.url) as client:
        await client.order(orderType="Limit", side="Buy", price="90000", positionIdx=1)
        async with client.socket(PRIVATE, *topics) as socket:
            told = {(message := await socket.next())["topic"]: message["data"] for _ in topics}

    assert [row["positionIdx"] for row in told["position"]] == [1, 2]
    assert told["order"][0]["orderStatus"] == "New"
    assert {coin["coin"] for coin in told["wallet"][0]["coin"]} == {"BTC", "USDT"}


async def test_categorised_topics_filter_and_keep_their_name(client: Client) -> None:
    """order.linear tells linear orders as order.linear; order.spot is silent."""
    async with client.socket(PRIVATE, "order.linear", "execution.spot") as socket:
        await client.order()
        message = await socket.next()
        assert message["topic"] == "order.linear"
        assert await socket.quiet("execution.spot", for_s=0.2)


async def test_order_entry_over_a_socket(client: Client) -> None:
    """The same venue, the same codes, the quota in the header."""
    async with client.socket(TRADE) as socket:
        order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "price": "100000"}
        order |= {"qty": "0.001", "positionIdx": 1, "orderLinkId": "ws-1"}
        header = {"X-BAPI-TIMESTAMP": client.auth_args()[1] - 5000}
        await socket.send(reqId="a", op="order.create", header=header, args=[order])
        placed = await socket.next()
        await socket.send(reqId="a", op="order.create", header=header, args=[order])
        repeated = await socket.next()
        await socket.send(
            reqId="b",
            op="order.cancel",
            header=header,
            args=[{"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "ws-1"}],
        )
        cancelled = await socket.next()
        await socket.send(reqId="c", op="order.fly", header=header, args=[{}])
        unknown = await socket.next()
        await socket.send(reqId="d", op="order.create", header={"X-BAPI-TIMESTAMP": "1"}, args=[order])
        late = await socket.next()

    assert (placed["reqId"], placed["retCode"], placed["data"]["orderLinkId"]) == ("a", 0, "ws-1")
    assert placed["header"]["X-Bapi-Limit"] == "10"
    assert [reply["retCode"] for reply in (repeated, cancelled, unknown, late)] == [20006, 0, 10404, 10002]


async def test_order_entry_wants_auth_first(client: Client) -> None:
    """Refused, and the connection goes on."""
    async with client.session.ws_connect(client.url + TRADE) as raw:
        await raw.send_json({"op": "order.create", "header": {"X-BAPI-TIMESTAMP": "1"}, "args": [{}]})
        assert (await raw.receive_json())["retCode"] == 10007


async def test_the_owner_has_hands_of_their_own(server: SimulatorServer, client: Client) -> None:
    """Another key of the same account, and the control hand: the bot hears of both."""
    async with (
        client.socket(PRIVATE, "order") as socket,
        at(server.url, key="hedgelock-owner", secret="hedgelock-owner-secret") as owner,
    ):
        await owner.order(orderLinkId="by-hand")
        assert (await socket.next("order"))["data"][0]["orderLinkId"] == "by-hand"
        params = {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": "Buy",
            "orderType": "Market",
            "qty": "0.01",
            "positionIdx": 1,
        }
        told = await client.sim("POST", "owner", account="paper", path="/v5/order/create", params=params)
        assert (await socket.next("order"))["data"][0]["orderId"] == told["result"]["orderId"]


# -- life -------------------------------------------------------------------------------------------------------------------------------


async def test_an_idle_socket_is_cut() -> None:
    """Silence both ways ends it; a ping keeps it."""
    choices = FaceChoices(idle_cut_ms=300, idle_scan_ms=50)
    async with build(SimulatorOptions(paused=True, choices=choices)).serving() as running, at(running.url) as one:
        async with one.socket(LINEAR) as silent, one.socket(LINEAR) as awake, asyncio.TaskGroup() as tasks:
            end = tasks.create_task(silent.raw.receive())
            while not end.done():
                await awake.send(op="ping")
                await awake.next()
        assert end.result().type is WSMsgType.CLOSE


async def test_a_client_that_does_not_read_is_cut() -> None:
    """Code 1011, when its outbox is full."""
    choices = FaceChoices(outbox_limit=50)
    async with (
        build(SimulatorOptions(speed=600, choices=choices)).serving() as running,
        at(running.url) as one,
        one.socket(LINEAR),
    ):
        line = next(iter(running.hub.lines))
        for _ in range(60):
            line.send("x")
        await until(lambda: not running.hub.lines)


async def test_control(client: Client) -> None:
    """Clock, pause, step, speed, the private truth, the log of writes; mistakes are told."""
    await client.sim("POST", "pause")
    before = await client.sim("GET", "clock")
    after = await client.sim("POST", "step", ms=60_000)
    fast = await client.sim("POST", "speed", speed=5)
    await client.order(orderLinkId="logged")
    truth = await client.sim("GET", "accounts/paper")
    writes = (await client.sim("GET", "requests?since=0"))["requests"]

    assert after["market_ms"] - before["market_ms"] == 60_000
    assert (fast["speed"], fast["paused"]) == (5, True)
    assert truth["legs"]["2"]["size"] == "0.223"
    assert [row["params"]["orderLinkId"] for row in writes] == ["logged"]
    assert "error" in await client.sim("GET", "nothing")
    assert "error" in await client.sim("GET", "accounts/nobody")
    assert "error" in await client.sim("POST", "speed", speed=0)
    assert "error" in await client.sim("POST", "faults", fault="nope")
    await client.sim("POST", "resume")
    assert "pause before you step" in (await client.sim("POST", "step", ms=1))["error"]


def test_it_listens_on_loopback_only() -> None:
    """Whatever it is told."""
    with pytest.raises(ValueError, match="loopback only"):
        ServerOptions(host="0.0.0.0")


async def test_a_tls_port_of_its_own(tmp_path: Path) -> None:
    """The same face behind a certificate written where it was asked; whoever does not trust it gets no further."""
    pem = tmp_path / "sim.pem"
    async with build(SimulatorOptions(tls_certificate=pem)).serving() as running:
        url = f"https://localhost:{running.tls_port}"
        trusting = ssl.create_default_context(cafile=str(pem))
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/v5/market/time", ssl=trusting) as answer:
                assert (await answer.json())["retCode"] == 0
            async with session.ws_connect(url + LINEAR, ssl=trusting) as socket:
                await socket.send_json({"op": "ping"})
                assert (await socket.receive_json())["ret_msg"] == "pong"
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(f"{url}/v5/market/time")


async def test_sockets_and_their_requests_have_limits() -> None:
    """The third socket is refused with 403; on an open one an order too many for its session is 20003."""
    choices = FaceChoices(sockets_in_five_minutes=2, session_requests_a_second=0)
    async with (
        build(SimulatorOptions(choices=choices)).serving() as server,
        at(server.url) as client,
        client.socket(TRADE) as socket,
        client.socket(LINEAR, "tickers.BTCUSDT"),
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            async with client.socket(LINEAR):
                pass
        await socket.send(reqId="1", op="order.create", args=[{}])
        refused = await socket.next(lambda message: "retCode" in message)

    assert refused["retCode"] == 20003


NEEDS: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/v5/order/create", {"category": "linear"}, "Order"),
    ("POST", "/v5/order/create", {"category": "spot"}, "SpotTrade"),
    ("POST", "/v5/position/set-leverage", {}, "Position"),
    ("POST", "/v5/asset/transfer/inter-transfer", {}, "AccountTransfer"),
    ("POST", "/v5/account/borrow", {}, "SpotTrade"),
    ("GET", "/v5/crypto-loan-common/position", {}, "SpotTrade"),
]


@pytest.mark.parametrize(("method", "path", "params", "needs"), NEEDS, ids=[f"{case[1]} {case[3]}" for case in NEEDS])
async def test_a_key_may_do_what_it_was_given(
    server: SimulatorServer, client: Client, method: str, path: str, params: dict[str, Any], needs: str
) -> None:
    """Without the permission of that endpoint it is 10005; with it alone the request gets through."""
    key = server.keyring.key(KEY)
    assert key is not None

    async def code_with(*permissions: str) -> int:
        server.keyring.replace(replace(key, info=replace(key.info, permissions={"Any": permissions})))
        answer = await (client.get if method == "GET" else client.post)(path, **params)
        return int(answer["retCode"])

    others = {"Order", "SpotTrade", "Position", "AccountTransfer"} - {needs}
    assert await code_with(*others) == 10005
    assert await code_with(needs) != 10005
