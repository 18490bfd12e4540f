"""Misfortunes over real sockets: what a client meets, and what is so at the venue meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.simulator.main import SimulatorOptions, build
from bot.simulator.server import SimulatorServer
from tests.client import Client, at
from tests.patience import until

LINEAR, PRIVATE, TRADE, STATUS = "/v5/public/linear", "/v5/private", "/v5/trade", "/v5/public/misc/status"


@pytest.fixture
async def server() -> AsyncIterator[SimulatorServer]:
    async with build(SimulatorOptions(speed=60)).serving() as running:
        yield running


@pytest.fixture
async def client(server: SimulatorServer) -> AsyncIterator[Client]:
    async with at(server.url) as one:
        yield one


async def short_leg(client: Client) -> str:
    """The short leg's size as it is, whatever clients are shown."""
    truth = await client.sim("GET", "accounts/paper")
    return str(truth["legs"]["2"]["size"])


LOST: list[tuple[str, dict[str, Any], str]] = [
    ("the request never arrives", {"fault": "request-lost"}, "0.213"),
    ("nobody answers a lost request", {"fault": "request-lost", "value": "hang"}, "0.213"),
    ("the answer is lost", {"fault": "reply-lost"}, "0.223"),
    ("nobody answers", {"fault": "reply-lost", "value": "hang"}, "0.223"),
    ("half an answer", {"fault": "reply-half"}, "0.223"),
]


@pytest.mark.parametrize(("name", "fault", "size"), LOST, ids=[case[0] for case in LOST])
async def test_no_answer_says_nothing_about_the_order(
    client: Client, name: str, fault: dict[str, Any], size: str
) -> None:
    """The client sees the same failure; the venue has the order, or has not."""
    await client.sim("POST", "faults", match="/v5/order/create", **fault)

    with pytest.raises((aiohttp.ClientError, TimeoutError)):
        async with asyncio.timeout(0.5):
            await client.order()

    assert await short_leg(client) == size


CODES: list[tuple[str, dict[str, Any], int, str]] = [
    ("10016 and not done", {"fault": "refused-with"}, 10016, "0.213"),
    ("10016 and done anyway", {"fault": "accepted-with"}, 10016, "0.223"),
    ("a rate limit", {"fault": "rate-limited"}, 10006, "0.213"),
    ("twice, the second a duplicate", {"fault": "request-doubled"}, 110072, "0.223"),
    ("acknowledged and rejected", {"fault": "order-rejected-later"}, 0, "0.213"),
    ("acknowledged and cut short", {"fault": "order-cut-short", "value": "0.5"}, 0, "0.218"),
]


@pytest.mark.parametrize(("name", "fault", "code", "size"), CODES, ids=[case[0] for case in CODES])
@pytest.mark.parametrize("road", ["rest", "trade"])
async def test_a_code_is_not_the_truth(
    client: Client, name: str, fault: dict[str, Any], code: int, size: str, road: str
) -> None:
    """The same over HTTP and over order entry."""
    await client.sim("POST", "faults", match="/v5/order/create", times=1, **fault)

    if road == "rest":
        seen = (await client.order(orderLinkId="one"))["retCode"]
    else:
        order = {"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0.01"}
        async with client.socket(TRADE) as socket:
            stamp = client.auth_args()[1] - 5000
            args = [order | {"positionIdx": 2, "orderLinkId": "one"}]
            await socket.send(op="order.create", header={"X-BAPI-TIMESTAMP": stamp}, args=args)
            seen = (await socket.next())["retCode"]

    assert (seen, await short_leg(client)) == (code, size)


async def test_the_reset_of_a_rate_limit_lies_ahead(client: Client) -> None:
    """Clients sleep until then; a time in the past would break them."""
    await client.sim("POST", "faults", fault="rate-limited", ms=2000)
    async with client.session.get(client.url + "/v5/account/info", headers=client.headers("")) as answer:
        body = await answer.json()
        assert int(answer.headers["X-Bapi-Limit-Reset-Timestamp"]) - body["time"] == 2000


SHAPES = [
    ("html", 200, "<html>"),
    ("empty", 200, ""),
    ("null", 200, "null"),
    ("truncated", 200, '{"retCode":0'),
    ("result-null", 200, '{"retCode":0,"retMsg":"OK","result":null'),
    ("result-empty", 200, '{"retCode":0,"retMsg":"OK","result":{}'),
]


@pytest.mark.parametrize(("shape", "status", "start"), SHAPES, ids=[case[0] for case in SHAPES])
async def test_garbage_with_status_200(client: Client, shape: str, status: int, start: str) -> None:
    """Every shape that clients have taken for an empty account."""
    await client.sim("POST", "faults", fault="garbage", value=shape)
    query = "category=linear&symbol=BTCUSDT"
    async with client.session.get(f"{client.url}/v5/position/list?{query}", headers=client.headers(query)) as answer:
        text = await answer.text()

    assert answer.status == status
    assert text.startswith(start)
    assert text or shape == "empty"


async def test_an_answer_drop_by_drop(client: Client) -> None:
    """Whole in the end, for those who wait; a deadline on the first byte does not help."""
    await client.sim("POST", "faults", fault="reply-drip", ms=200)

    answer = await client.order()

    assert answer["retCode"] == 0
    assert await short_leg(client) == "0.223"


@pytest.mark.parametrize("status", [403, 404, 429, 500, 502, 503, 504, 520, 530])
async def test_pages_of_html(client: Client, status: int) -> None:
    """Whatever the status, the body is no JSON."""
    await client.sim("POST", "faults", fault="http-error", value=str(status))
    async with client.session.get(client.url + "/v5/market/time") as answer:
        assert (answer.status, answer.content_type) == (status, "text/html")


async def test_an_ip_ban_is_for_everyone_and_has_an_end(client: Client) -> None:
    """403 with a page; sockets go on; pardoned by the control hand."""
    async with client.socket(LINEAR, "tickers.BTCUSDT") as socket:
        await client.sim("POST", "faults", fault="ip-ban")
        async with client.session.get(client.url + "/v5/market/time") as answer:
            assert (answer.status, answer.content_type) == (403, "text/html")
        assert (await socket.next("tickers.BTCUSDT"))["data"]
        await client.sim("DELETE", "faults/ip-ban")
        assert (await client.get("/v5/market/time"))["retCode"] == 0


async def test_a_venue_clock_that_is_off(client: Client) -> None:
    """10002 for an honest client, and a server time that explains it."""
    honest = (await client.get("/v5/market/time"))["time"]
    await client.sim("POST", "faults", fault="clock-off", ms=-60_000)

    assert (await client.get("/v5/account/info"))["retCode"] == 10002
    assert honest - (await client.get("/v5/market/time"))["time"] > 50_000
    await client.sim("DELETE", "faults")
    assert (await client.get("/v5/account/info"))["retCode"] == 0


async def test_slow_roads_make_old_timestamps(client: Client) -> None:
    """A request that takes longer than its window arrives dead."""
    await client.sim("POST", "faults", fault="request-late", ms=300)
    text = '{"category":"linear"}'
    stale = client.headers(text, window="100")
    async with client.session.post(client.url + "/v5/order/create", data=text, headers=stale) as answer:
        assert (await answer.json())["retCode"] == 10002


async def test_reads_that_lag(client: Client) -> None:
    """A stale position, an order that is not there yet; the truth is elsewhere."""
    query = {"category": "linear", "symbol": "BTCUSDT"}
    await client.sim("POST", "faults", fault="stale-read", match="/v5/position/list", ms=60_000)
    await client.sim("POST", "faults", fault="new-hidden", match="/v5/order/realtime", ms=3_600_000)
    await client.get("/v5/position/list", **query)
    await client.order()
    await client.order(orderType="Limit", side="Buy", price="100000", positionIdx=1)

    legs = (await client.get("/v5/position/list", **query))["result"]["list"]
    orders = (await client.get("/v5/order/realtime", **query))["result"]["list"]

    assert [leg["size"] for leg in legs] == ["0.213", "0.213"]
    assert orders == []
    assert await short_leg(client) == "0.223"


KEYS = [("key-expired", 33004, 200), ("key-unbound", 10010, 200), ("key-withdrawn", 10003, 401)]


@pytest.mark.parametrize(("fault", "code", "status"), KEYS, ids=[case[0] for case in KEYS])
async def test_a_key_may_die_in_the_middle(client: Client, fault: str, code: int, status: int) -> None:
    """Requests fail, private sockets are cut, public data goes on; the key comes back when the misfortune is lifted."""
    async with client.socket(PRIVATE, "order") as private, client.socket(LINEAR, "tickers.BTCUSDT") as public:
        await client.sim("POST", "faults", fault=fault, value=client.key)
        async with client.session.get(client.url + "/v5/account/info", headers=client.headers("")) as answer:
            assert (answer.status, (await answer.json())["retCode"]) == (status, code)
        assert (await private.raw.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        await public.next("tickers.BTCUSDT")
    await client.sim("DELETE", "faults")
    assert (await client.get("/v5/account/info"))["retCode"] == 0


async def test_a_key_that_may_only_read(client: Client) -> None:
    """10005 for writes."""
    await client.sim("POST", "faults", fault="key-read-only")

    assert (await client.order())["retCode"] == 10005
    assert (await client.get("/v5/user/query-api"))["result"]["readOnly"] == 1


async def test_maintenance_is_announced_and_ends(client: Client) -> None:
    """Status over socket and REST, sockets cut, writes refused, then as before."""
    async with client.socket(STATUS, "system.status") as status, client.socket(PRIVATE, "order") as private:
        await client.sim("POST", "faults", fault="maintenance", ms=400)
        assert (await status.next("system.status"))["data"][0]["state"] == "ongoing"
        assert (await private.raw.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert (await client.order())["retCode"] == 10019
        assert (await status.next("system.status"))["data"][0]["state"] == "completed"
    assert (await client.order())["retCode"] == 0
    assert [row["state"] for row in (await client.get("/v5/system/status"))["result"]["list"]] == ["completed"]


# -- sockets ----------------------------------------------------------------------------------------------------------------------------


async def test_a_half_open_socket_says_nothing_and_stays(client: Client) -> None:
    """No data, no pong, no close; only the client's patience ends it."""
    async with client.socket(LINEAR, "tickers.BTCUSDT") as socket:
        await client.sim("POST", "faults", fault="half-open", match="linear")
        await socket.send(op="ping")
        await socket.raw.ping()
        while not await socket.quiet(for_s=0.3):
            pass
        assert not socket.raw.closed


async def test_pongs_without_data_and_data_without_pongs(client: Client) -> None:
    """Each alone says nothing about the other."""
    async with client.socket(LINEAR, "tickers.BTCUSDT", "kline.1.BTCUSDT") as socket:
        await client.sim("POST", "faults", fault="topic-silent", match="tickers")
        await socket.next("kline.1.BTCUSDT")
        await socket.send(op="ping")
        assert (await socket.next(lambda message: message.get("op") == "ping"))["ret_msg"] == "pong"
        assert await socket.quiet("tickers.BTCUSDT", for_s=0.3)
        await client.sim("DELETE", "faults")
        await client.sim("POST", "faults", fault="no-pong")
        await socket.next("tickers.BTCUSDT")
        await socket.send(op="ping")
        assert await socket.quiet(lambda message: message.get("op") == "ping", for_s=0.3)


async def test_sockets_are_cut_and_refused(client: Client) -> None:
    """Every open one at once; new ones find no door until it is lifted."""
    async with client.socket(LINEAR) as one, client.socket(PRIVATE) as two:
        await client.sim("POST", "faults", fault="handshake-refused")
        await client.sim("POST", "faults", fault="sockets-cut")
        for socket in (one, two):
            assert (await socket.raw.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.session.ws_connect(client.url + LINEAR)
    await client.sim("DELETE", "faults")
    async with client.socket(LINEAR) as back:
        assert not back.raw.closed
    assert refused.value.status == 503


async def test_auth_may_be_late_or_fail(client: Client) -> None:
    """What follows a late auth waits behind it; what follows a failed one is not authorized."""
    await client.sim("POST", "faults", fault="auth-late", ms=300, times=1)
    async with client.session.ws_connect(client.url + PRIVATE) as raw:
        await raw.send_json({"op": "auth", "args": client.auth_args()})
        await raw.send_json({"op": "subscribe", "args": ["order"]})
        assert [(await raw.receive_json())["success"] for _ in range(2)] == [True, True]
    await client.sim("POST", "faults", fault="auth-refused")
    async with client.session.ws_connect(client.url + PRIVATE) as raw:
        await raw.send_json({"op": "auth", "args": client.auth_args()})
        await raw.send_json({"op": "subscribe", "args": ["order"]})
        assert [(await raw.receive_json())["success"] for _ in range(2)] == [False, False]


async def test_a_subscription_may_be_refused(client: Client) -> None:
    """success false, and no data."""
    await client.sim("POST", "faults", fault="subscribe-refused", times=1)
    async with client.session.ws_connect(client.url + LINEAR) as raw:
        await raw.send_json({"op": "subscribe", "args": ["tickers.BTCUSDT"]})
        assert (await raw.receive_json())["success"] is False
        await raw.send_json({"op": "subscribe", "args": ["tickers.BTCUSDT"]})
        assert (await raw.receive_json())["success"] is True


async def test_a_close_may_never_be_answered(server: SimulatorServer, client: Client) -> None:
    """The client has to drop the connection by itself."""
    async with client.session.ws_connect(client.url + LINEAR, timeout=aiohttp.ClientWSTimeout(ws_close=0.3)) as raw:
        await until(lambda: server.hub.lines)
        await client.sim("POST", "faults", fault="close-hangs")
        await raw.close()
        assert raw.close_code == 1006
    await until(lambda: not server.hub.lines)


async def test_frames_lost_doubled_and_late(client: Client) -> None:
    """Executions that never come, come twice, come after the wallet; the venue's log has each once."""
    async with client.socket(PRIVATE, "execution", "order") as socket:
        await client.sim("POST", "faults", fault="frame-dropped", match="private execution")
        await client.order()
        await socket.next("order")
        assert await socket.quiet("execution", for_s=0.3)
        await client.sim("DELETE", "faults")
        await client.sim("POST", "faults", fault="frame-doubled", match="private execution")
        await client.order()
        twice = [(await socket.next("execution"))["id"] for _ in range(2)]
        assert twice[0] == twice[1]
        await client.sim("DELETE", "faults")
        await client.sim("POST", "faults", fault="frame-late", match="private execution", ms=300)
        await client.order()
        await socket.next("order")
        await socket.next("execution")
    assert len((await client.sim("GET", "accounts/paper"))["executions"]) == 3


async def test_a_bad_tick_is_one_price(client: Client) -> None:
    """The last price falls by a fifth for one tick; mark and index do not."""
    await client.sim("POST", "pause")
    await client.sim("POST", "faults", fault="bad-tick")
    ticks = []
    for _ in range(2):
        await client.sim("POST", "step", ticks=1)
        ticks.append((await client.get("/v5/market/tickers", category="linear", symbol="BTCUSDT"))["result"]["list"][0])

    assert float(ticks[0]["lastPrice"]) < 0.81 * float(ticks[0]["markPrice"])
    assert float(ticks[1]["lastPrice"]) > 0.99 * float(ticks[1]["markPrice"])


async def test_a_climate_repeats_from_its_seed(client: Client) -> None:
    """Drawn, at work, counted, lifted."""
    drawn = (await client.sim("POST", "faults", climate=11, strength=1))["at_work"]
    told = await client.sim("GET", "faults")
    await client.sim("DELETE", "faults")

    assert drawn == told["active"]
    assert len(told["catalogue"]) > 60
    assert (await client.sim("GET", "faults"))["active"] == []
    assert (await client.sim("POST", "faults", climate=11, strength=1))["at_work"] == drawn
