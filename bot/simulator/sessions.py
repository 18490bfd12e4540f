"""One client on one socket: what it asked, what it is told about the asking. Sans-IO: text in, messages out.

Knows the dialects of Bybit's sockets (Bybit: websocket/wss-authentication, websocket/trade/guideline): public linear, public spot, private,
trade and status differ in names of fields, acknowledgements and pongs. Does not know what topics say, nor how orders are placed.
Times are wall time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from bot.simulator.auth import ApiKey, AuthError, Keyring
from bot.simulator.choices import FaceChoices

__all__ = ["PRIVATE_TOPICS", "Channel", "Heard", "Session", "read"]

Channel = Literal["linear", "spot", "private", "trade", "status"]
Message = dict[str, Any]

MOST_ARGS_CHARS = 21_000
MOST_SPOT_ARGS = 10
MOST_REQ_ID = 36

_BY_CATEGORY = ("spot", "linear", "inverse", "option")
PRIVATE_TOPICS = frozenset(
    [
        *("order", "execution", "execution.fast", "position", "wallet", "greeks"),
        *(f"{topic}.{category}" for topic in ("order", "execution", "execution.fast") for category in _BY_CATEGORY),
        *(f"position.{category}" for category in ("linear", "inverse", "option")),
        *("dcp.future", "dcp.spot", "dcp.option"),
    ]
)
"""Bybit: websocket/private/*."""


def read(text: str | bytes) -> Message | None:
    """The request in a frame; None when it is no JSON object."""
    try:
        request = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return request if isinstance(request, dict) else None


@dataclass(slots=True)
class Heard:
    """What one message of the client led to."""

    replies: list[Message] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    order: Message | None = None
    """A request of order entry, still to be answered."""


class Session:
    """The state of one connection. `is_topic` says which topics its channel has."""

    def __init__(
        self,
        channel: Channel,
        conn_id: str,
        keyring: Keyring,
        is_topic: Callable[[str], bool],
        choices: FaceChoices,
        *,
        ip: str = "127.0.0.1",
    ) -> None:
        self.channel, self.conn_id, self.ip = channel, conn_id, ip
        self.topics: dict[str, None] = {}
        self.key: ApiKey | None = None
        self._keyring, self._is_topic, self._choices = keyring, is_topic, choices
        self._args_chars = 0
        self.req_ids: dict[str, None] = {}

    def hear(self, request: Message | None, now_ms: int, *, refuse: bool = False) -> Heard:
        """Answer one request (see `read`); `refuse` fails an auth or a subscription that is otherwise good."""
        if request is None:
            return Heard(replies=[self._failure("Params Error", {})])
        match request.get("op"):
            case "auth" if refuse and self.channel in ("private", "trade"):
                return Heard(replies=[self._auth_reply(request, 10004, "Invalid sign")])
            case "subscribe" if refuse and self.channel != "trade":
                return Heard(replies=[self._failure("Params Error", request)])
            case "ping":
                return Heard(replies=[self._pong(request, now_ms)])
            case "auth" if self.channel in ("private", "trade"):
                return Heard(replies=[self._auth(request, now_ms)])
            case "subscribe" if self.channel != "trade":
                return self._subscribe(request)
            case "unsubscribe" if self.channel != "trade":
                return self._unsubscribe(request)
            case _ if self.channel == "trade":
                return Heard(order=request)
            case op:
                return Heard(replies=[self._failure(f"error:unknown op {op}", request)])

    def expire(self) -> None:
        """Forget the authentication (the key was withdrawn while connected)."""
        self.key = None

    # -- dialects -----------------------------------------------------------------------------------------------------------------------

    def _pong(self, request: Message, now_ms: int) -> Message:
        if self.channel == "trade":
            pong = {"retCode": 0, "retMsg": "OK", "op": "pong", "data": [str(now_ms)], "connId": self.conn_id}
            return {"reqId": request["reqId"], **pong} if "reqId" in request else pong
        if self.channel == "private":
            return {
                "req_id": request.get("req_id", ""),
                "op": "pong",
                "args": [str(now_ms)],
                "conn_id": self.conn_id,
            }
        return self._ack(request, "ping", "pong")

    def _ack(self, request: Message, op: str, ret_msg: str, *, success: bool = True) -> Message:
        """Acknowledgement in the channel's dialect: `req_id` comes back as it was given; only linear shows an empty one."""
        req_id = request.get("req_id")
        if self.channel == "private":
            ack = {"success": success, "ret_msg": ret_msg, "op": op, "conn_id": self.conn_id}
            return {"req_id": req_id, **ack} if req_id is not None else ack
        ack = {"success": success, "ret_msg": ret_msg, "conn_id": self.conn_id}
        if req_id is not None or self.channel == "linear":
            ack["req_id"] = "" if req_id is None else req_id
        return ack | {"op": op}

    def _failure(self, ret_msg: str, request: Message) -> Message:
        ack: Message = {"success": False, "ret_msg": ret_msg, "conn_id": self.conn_id}
        if "req_id" in request:
            ack["req_id"] = request["req_id"]
        return ack | {
            "op": request.get("op", ""),
            "request": {"op": request.get("op", ""), "args": request.get("args", [])},
        }

    # -- auth ---------------------------------------------------------------------------------------------------------------------------

    def _auth(self, request: Message, now_ms: int) -> Message:
        args = request.get("args")
        if self.channel == "trade" and self.key is not None:
            return self._auth_reply(request, 20001, "Repeat auth")
        if not isinstance(args, list) or len(args) != 3:
            return self._auth_reply(request, 10001, "Params Error")
        try:
            self.key = self._keyring.check_socket(str(args[0]), str(args[1]), str(args[2]), ip=self.ip, now_ms=now_ms)
        except AuthError as error:
            return self._auth_reply(request, error.ret_code, error.ret_msg)
        return self._auth_reply(request, 0, "")

    def _auth_reply(self, request: Message, ret_code: int, ret_msg: str) -> Message:
        if self.channel == "trade":
            reply = {"retCode": ret_code, "retMsg": ret_msg or "OK", "op": "auth", "connId": self.conn_id}
            return {"reqId": request["reqId"], **reply} if "reqId" in request else reply
        if ret_code:
            return self._failure(ret_msg, request)
        return self._ack(request, "auth", "")

    # -- topics -------------------------------------------------------------------------------------------------------------------------

    def _subscribe(self, request: Message) -> Heard:
        args = request.get("args")
        if not isinstance(args, list) or not args or not all(isinstance(arg, str) for arg in args):
            return Heard(replies=[self._failure("Params Error", request)])
        refusal = self._refusal(args)
        if refusal:
            return Heard(replies=[self._failure(refusal, request)])
        bad = [arg for arg in args if not self._is_topic(arg)]
        again = [arg for arg in args if arg in self.topics] if self._choices.resubscribe_is_an_error else []
        good = [arg for arg in dict.fromkeys(args) if arg not in bad and arg not in self.topics]
        if bad and self._choices.one_bad_topic_fails_all:
            good = []
        self._args_chars += sum(map(len, good))
        self.topics |= dict.fromkeys(good)
        if bad:
            return Heard(replies=[self._failure(f"error:handler not found,topic:{bad[0]}", request)], added=good)
        if again:
            return Heard(replies=[self._failure(f"error:already subscribed,topic:{again[0]}", request)], added=good)
        text = "subscribe" if self.channel in ("spot", "status") else ""
        return Heard(replies=[self._ack(request, "subscribe", text)], added=good)

    def _refusal(self, args: list[str]) -> str:
        if self.channel == "private" and self.key is None:
            return "Request not authorized"
        if self.channel == "private" and _mixed([*args, *self.topics]):
            return "error:all-in-one and categorised topics cannot be mixed"
        if self.channel == "spot" and len(args) > MOST_SPOT_ARGS:
            return "args size >10"
        if self.channel in ("linear", "spot") and self._args_chars + sum(map(len, args)) > MOST_ARGS_CHARS:
            return "error:args too long"
        return ""

    def _unsubscribe(self, request: Message) -> Heard:
        args = request.get("args")
        if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
            return Heard(replies=[self._failure("Params Error", request)])
        gone = [arg for arg in args if arg in self.topics]
        for arg in gone:
            del self.topics[arg]
        self._args_chars -= sum(map(len, gone))
        return Heard(replies=[self._ack(request, "unsubscribe", "")], removed=gone)


def _mixed(topics: Iterable[str]) -> bool:
    """Whether `order` stands beside `order.linear` (or so for execution, execution.fast, position)."""
    names = set(topics)
    return any(f"{name}.{category}" in names for name in names & PRIVATE_TOPICS for category in _BY_CATEGORY)
