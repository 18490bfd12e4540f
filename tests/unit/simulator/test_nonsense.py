"""Nonsense of every kind reaches the face: it is refused in Bybit's words, and nothing breaks."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.simulator.main import SimulatorOptions, build
from bot.simulator.server import SimulatorServer
from bot.simulator.venue import PRIVATE_PATHS, PUBLIC_PATHS
from tests.client import Client, at

OWN = (
    *("/v5/market/kline", "/v5/market/mark-price-kline", "/v5/market/premium-index-price-kline", "/v5/market/time"),
    *("/v5/market/funding/history", "/v5/market/recent-trade", "/v5/system/status", "/v5/announcements/index"),
)
ROADS = [*sorted(PRIVATE_PATHS), *(("GET", path) for path in (*sorted(PUBLIC_PATHS), *OWN))]
NAMES = (
    *(
        "side",
        "orderType",
        "qty",
        "price",
        "positionIdx",
        "orderId",
        "orderLinkId",
        "limit",
        "cursor",
        "startTime",
        "endTime",
    ),
    *(
        "start",
        "end",
        "interval",
        "coin",
        "amount",
        "request",
        "collateralList",
        "triggerPrice",
        "triggerDirection",
        "mode",
    ),
    *(
        "takeProfit",
        "stopLoss",
        "reduceOnly",
        "timeInForce",
        "currency",
        "accountType",
        "transferId",
        "fromAccountType",
    ),
    *(
        "toAccountType",
        "buyLeverage",
        "sellLeverage",
        "tpslMode",
        "trailingStop",
        "loanCurrency",
        "loanAmount",
        "leverage",
    ),
    *(
        "slippageToleranceType",
        "slippageTolerance",
        "marketUnit",
        "settleCoin",
        "openOnly",
        "execType",
        "direction",
        "category",
    ),
)
VALUES: tuple[Any, ...] = (
    *(
        "linear",
        "spot",
        "inverse",
        "BTCUSDT",
        "Buy",
        "Sell",
        "Market",
        "Limit",
        "USDT",
        "BTC",
        "FUND",
        "UNIFIED",
        "PostOnly",
    ),
    *(
        "0.01",
        "0",
        "-1",
        "1e-8",
        "NaN",
        "Infinity",
        "1e400",
        "9" * 21,
        "abc",
        "",
        "5",
        "D",
        "M",
        "%00",
        "\0",
        "x" * 500,
    ),
    *(
        "110000",
        "0x10",
        "1_000",
        "٣",
        "page_token=5&",
        None,
        True,
        False,
        0,
        1,
        -5,
        1.5,
        10**30,
        [],
        {},
        [{}],
        [None],
        {"a": 1},
    ),
)
GOOD = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.01",
    "price": "110000",
    "positionIdx": 1,
}


def nonsense(rng: random.Random, path: str) -> dict[str, Any]:
    """Parameters drawn from a hat; for orders mostly good ones, so that the nonsense gets far."""
    drawn = {name: rng.choice(VALUES) for name in rng.sample(NAMES, rng.randint(0, 6))}
    if path.endswith("order/create") and rng.random() < 0.8:
        return GOOD | dict(list(drawn.items())[:3])
    if rng.random() < 0.7:
        drawn |= {"category": rng.choice(("linear", "spot")), "symbol": "BTCUSDT"}
    if rng.random() < 0.3:
        drawn["request"] = [{name: rng.choice(VALUES) for name in rng.sample(NAMES, 3)} for _ in range(2)]
    return drawn


async def ask(
    client: Client, server: SimulatorServer, method: str, path: str, params: dict[str, Any]
) -> tuple[int, str]:
    server.desk.forget_quotas()
    server.gate.pardon()
    if method == "GET":
        query = urlencode({name: value for name, value in params.items() if value is not None})
        request = client.session.get(f"{client.url}{path}?{query}", headers=client.headers(query))
    else:
        text = json.dumps(params)
        request = client.session.post(client.url + path, data=text, headers=client.headers(text))
    async with request as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("seed", range(3))
async def test_no_parameters_break_a_road(seed: int) -> None:
    """Status 200 and an envelope, whatever is asked; the books still add up to an answer."""
    rng = random.Random(seed)
    async with build(SimulatorOptions(speed=60)).serving() as server, at(server.url) as client:
        for _ in range(400):
            method, path = rng.choice(ROADS)
            params = nonsense(rng, path)
            status, text = await ask(client, server, method, path, params)
            assert status == 200, (method, path, params, text)
            assert json.loads(text)["retCode"] is not None
        assert (await ask(client, server, "GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED"}))[0] == 200


FRAMES: tuple[Any, ...] = (
    *("", "{", "null", "[]", "3", '"ping"', '{"op":null}', '{"op":"subscribe"}', '{"op":"subscribe","args":null}'),
    *(
        '{"op":"subscribe","args":[null]}',
        '{"op":"subscribe","args":{"a":1}}',
        '{"op":"auth","args":[1,2,3]}',
        '{"op":"auth"}',
    ),
    *(
        '{"op":["ping"]}',
        '{"op":{"a":1},"args":[]}',
        '{"op":"ping","req_id":{"a":[1]}}',
        '{"op":"unsubscribe","args":["never"]}',
    ),
    *(
        '{"op":"order.create","args":[[]]}',
        '{"op":"order.create","header":[],"args":[{}]}',
        '{"op":"order.create","header":{}}',
    ),
    *('{"op":"order.create","reqId":[1],"header":{"X-BAPI-TIMESTAMP":{}},"args":[{}]}', b"\xff\xfe\x00", "x" * 70_000),
)


@pytest.mark.parametrize(
    "path", ["/v5/public/linear", "/v5/public/spot", "/v5/private", "/v5/trade", "/v5/public/misc/status"]
)
async def test_no_frame_breaks_a_socket(path: str) -> None:
    """Each is answered or passed over; a ping afterwards is a pong."""
    async with (
        build(SimulatorOptions(paused=True)).serving() as server,
        at(server.url) as client,
        client.socket(path) as socket,
    ):
        for frame in FRAMES:
            if isinstance(frame, bytes):
                await socket.raw.send_bytes(frame)
            else:
                await socket.raw.send_str(frame)
        await socket.send(op="ping", req_id="last", reqId="last")
        pong = await socket.next(lambda message: "last" in (message.get("req_id"), message.get("reqId")))

    assert "pong" in (pong.get("ret_msg"), pong.get("op"))
