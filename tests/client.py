"""A small signing client of the tests' own: reads Bybit's guide, knows nothing of the code under test."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.domain.clock import wall_ms

KEY, SECRET = "hedgelock-paper", "hedgelock-paper-secret"


class Client:
    """Requests and sockets of one key at one host."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str = KEY, secret: str = SECRET) -> None:
        self.session, self.url, self.key, self.secret = session, url, key, secret

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        query = urlencode(params)
        async with self.session.get(f"{self.url}{path}?{query}", headers=self.headers(query)) as answer:
            body: dict[str, Any] = await answer.json(content_type=None)
            return body

    async def post(self, path: str, **params: Any) -> dict[str, Any]:
        text = json.dumps(params)
        headers = self.headers(text) | {"Content-Type": "application/json"}
        async with self.session.post(self.url + path, data=text, headers=headers) as answer:
            body: dict[str, Any] = await answer.json(content_type=None)
            return body

    async def sim(self, method: str, what: str, /, **params: Any) -> dict[str, Any]:
        """The control hand: /sim/WHAT."""
        async with self.session.request(method, f"{self.url}/sim/{what}", json=params or None) as answer:
            body: dict[str, Any] = await answer.json()
            return body

    async def order(self, **changes: Any) -> dict[str, Any]:
        params = {"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0.01"}
        return await self.post("/v5/order/create", **(params | {"positionIdx": 2} | changes))

    @asynccontextmanager
    async def socket(self, path: str, *topics: str, url: str = "") -> AsyncIterator[Socket]:
        """A socket, authenticated where the path is private, with the topics' acknowledgements already read."""
        async with self.session.ws_connect((url or self.url) + path, max_msg_size=1 << 24) as raw:
            socket = Socket(raw)
            if path in ("/v5/private", "/v5/trade"):
                await socket.send(op="auth", args=self.auth_args())
                await socket.next(lambda message: message.get("op") == "auth")
            if topics:
                await socket.send(op="subscribe", args=list(topics))
                await socket.next(lambda message: message.get("op") == "subscribe")
            yield socket

    def auth_args(self) -> list[Any]:
        expires = wall_ms() + 5000
        return [self.key, expires, self._sign(f"GET/realtime{expires}")]

    def _sign(self, text: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def headers(self, payload: str, *, at_ms: int | None = None, window: str = "5000") -> dict[str, str]:
        """The signature of a request; `at_ms` another time than now."""
        stamp = str(wall_ms() if at_ms is None else at_ms)
        return {
            "X-BAPI-API-KEY": self.key,
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": window,
            "X-BAPI-SIGN": self._sign(f"{stamp}{self.key}{window}{payload}"),
        }


class Socket:
    """JSON over one websocket, with patience."""

    def __init__(self, raw: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = raw

    async def send(self, **message: Any) -> None:
        await self.raw.send_json(message)

    async def next(self, wanted: Any = None, *, within_s: float = 10.0) -> dict[str, Any]:
        """The next message (that is `wanted`: a topic, or a test of the message). Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                message: dict[str, Any] = await self.raw.receive_json()
                if _is(message, wanted):
                    return message

    async def quiet(self, wanted: Any = None, *, for_s: float) -> bool:
        """Whether no such message comes in that time."""
        try:
            await self.next(wanted, within_s=for_s)
        except TimeoutError:
            return True
        return False


def _is(message: dict[str, Any], wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return message.get("topic") == wanted
    return bool(wanted(message))


@asynccontextmanager
async def at(url: str, **key: str) -> AsyncIterator[Client]:
    """A client of the default key, or of another."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Client(session, url, **key)
