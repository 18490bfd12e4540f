"""REST, sans-IO: a request's text in, a status and a body out.

Knows Bybit's envelope, headers and the road of a request (address, signature, permission, quota, venue); the venue and the history answer.
No socket and no watch: wall time is handed in. Bybit: guide, rate-limit, market/*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from bot.simulator.auth import AuthError, Keyring
from bot.simulator.choices import FaceChoices
from bot.simulator.desk import Desk
from bot.simulator.faults import Injection
from bot.simulator.params import Refusal
from bot.simulator.quotas import IpGate
from bot.simulator.request_faults import RequestFate
from bot.simulator.venue import PUBLIC_PATHS, Reply

__all__ = ["PublicHandler", "Rest", "RestAnswer", "RestRequest"]

PublicHandler = Callable[[Mapping[str, object]], Reply]
Retouch = Callable[[Reply], Reply]
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestRequest:
    """One HTTP request as it came: `query` and `body` are the raw text that was signed. Header names in upper case."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    ip: str = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestAnswer:
    status: int = 200
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON


class Rest:
    """The REST face. `own` are the public paths the face answers itself (klines, time, …)."""

    def __init__(
        self,
        desk: Desk,
        keyring: Keyring,
        gate: IpGate,
        choices: FaceChoices,
        own: Mapping[str, PublicHandler],
    ) -> None:
        self._desk, self._keyring, self._gate, self._choices, self._own = desk, keyring, gate, choices, own

    def answer(
        self, request: RestRequest, wall_ms: int, fate: RequestFate | None = None, retouch: Retouch | None = None
    ) -> RestAnswer:
        """What Bybit would say; `fate` and `retouch` are what a fault plan has in store for this request."""
        if not self._gate.admit(request.ip, wall_ms):
            return RestAnswer(status=403, body=self._choices.ip_ban_body, content_type="text/html")
        if request.method not in ("GET", "POST"):
            return RestAnswer(status=400, body="Bad Request", content_type="text/plain")
        if request.method == "GET" and request.body:
            return RestAnswer(status=403, body="Forbidden", content_type="text/plain")
        if request.method == "GET" and (request.path in self._own or request.path in PUBLIC_PATHS):
            return self._public(request, wall_ms, retouch or _as_it_is)
        if self._desk.knows(request.method, request.path):
            return self._private(request, wall_ms, fate.omens if fate is not None else (), retouch or _as_it_is)
        return envelope(
            Reply(ret_code=10017, ret_msg="Route not found."),
            wall_ms,
            status=self._choices.unknown_path_status,
        )

    def market_ms(self) -> int:
        """Market time, for those who spoil answers by their age."""
        return self._desk.player.venue.now_ms

    def _public(self, request: RestRequest, wall_ms: int, retouch: Retouch) -> RestAnswer:
        params = query_params(request.query)
        self._desk.player.catch_up()
        own = self._own.get(request.path)
        try:
            reply = own(params) if own is not None else self._desk.player.venue.public(request.path, params)
        except Refusal as refusal:
            reply = refusal.reply()
        return envelope(retouch(reply), wall_ms)

    def _private(
        self, request: RestRequest, wall_ms: int, omens: tuple[Injection, ...], retouch: Retouch
    ) -> RestAnswer:
        payload = request.query if request.method == "GET" else request.body
        try:
            key = self._keyring.check_rest(request.headers, payload, ip=request.ip, now_ms=wall_ms)
            params = query_params(request.query) if request.method == "GET" else body_params(request.body)
        except AuthError as error:
            return envelope(Reply(ret_code=error.ret_code, ret_msg=error.ret_msg), wall_ms, status=error.status)
        except Refusal as refusal:
            return envelope(refusal.reply(), wall_ms)
        answered = self._desk.ask(key, request.method, request.path, params, via="rest", wall_ms=wall_ms, omens=omens)
        headers = answered.quota.headers() if answered.quota is not None else {}
        return envelope(retouch(answered.reply), wall_ms, headers=headers)


def _as_it_is(reply: Reply) -> Reply:
    return reply


def envelope(reply: Reply, wall_ms: int, *, status: int = 200, headers: Mapping[str, str] | None = None) -> RestAnswer:
    """Bybit's envelope (Bybit: guide)."""
    body = {
        "retCode": reply.ret_code,
        "retMsg": reply.ret_msg,
        "result": reply.result,
        "retExtInfo": reply.ext,
        "time": wall_ms,
    }
    trace = f"{wall_ms:016x}"
    return RestAnswer(
        status=status,
        body=msgspec.json.encode(body).decode(),
        headers={
            "Timenow": str(wall_ms),
            "Traceid": trace,
            "ret_code": str(reply.ret_code),
            **(headers or {}),
        },
    )


def query_params(query: str) -> dict[str, object]:
    """Parameters of a query string; a cursor may come percent-encoded once more, as some clients send it."""
    params: dict[str, object] = dict(parse_qsl(query, keep_blank_values=True))
    if "cursor" in params:
        params["cursor"] = unquote(str(params["cursor"]))
    return params


def body_params(body: str) -> dict[str, object]:
    """Parameters of a JSON body; null means absent. Raises Refusal 10001."""
    try:
        params: Any = msgspec.json.decode(body) if body else {}
    except msgspec.DecodeError:
        raise Refusal(10001, "params error: body is not JSON") from None
    if not isinstance(params, dict):
        raise Refusal(10001, "params error: body is not an object")
    return dict(without_nulls(params))


def without_nulls(value: Any) -> Any:
    """`value` with every null member dropped, at any depth."""
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value
