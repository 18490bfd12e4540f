"""The dialects of Bybit's sockets: the same asking, five ways of answering."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from bot.simulator.auth import ApiKey, Keyring
from bot.simulator.choices import FaceChoices
from bot.simulator.keys import KeyInfo
from bot.simulator.sessions import PRIVATE_TOPICS, Channel, Session, read

NOW = 1_760_000_000_000
PUBLIC = {"tickers.BTCUSDT", "kline.1.BTCUSDT", "orderbook.50.BTCUSDT"}


def a_session(channel: Channel, choices: FaceChoices | None = None) -> Session:
    ring = Keyring([ApiKey(account="paper", info=KeyInfo(api_key="k"), secret="s")])
    known = PRIVATE_TOPICS if channel == "private" else PUBLIC | {"system.status"}
    return Session(channel, "c1", ring, lambda name: name in known, choices or FaceChoices())


def ask(session: Session, **request: Any) -> dict[str, Any]:
    replies = session.hear(request, NOW).replies
    assert len(replies) == 1
    return replies[0]


def auth_args(secret: str = "s", expires: int = NOW + 1000) -> list[Any]:
    return ["k", expires, hmac.new(secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()]


def signed_in(channel: Channel = "private") -> Session:
    session = a_session(channel)
    ask(session, op="auth", args=auth_args())
    return session


PONGS: list[tuple[Channel, dict[str, Any], dict[str, Any]]] = [
    ("linear", {}, {"success": True, "ret_msg": "pong", "conn_id": "c1", "req_id": "", "op": "ping"}),
    ("linear", {"req_id": "7"}, {"success": True, "ret_msg": "pong", "conn_id": "c1", "req_id": "7", "op": "ping"}),
    ("spot", {}, {"success": True, "ret_msg": "pong", "conn_id": "c1", "op": "ping"}),
    ("status", {}, {"success": True, "ret_msg": "pong", "conn_id": "c1", "op": "ping"}),
    ("private", {"req_id": 7}, {"req_id": 7, "op": "pong", "args": [str(NOW)], "conn_id": "c1"}),
    ("trade", {}, {"retCode": 0, "retMsg": "OK", "op": "pong", "data": [str(NOW)], "connId": "c1"}),
    (
        "trade",
        {"reqId": "7"},
        {"reqId": "7", "retCode": 0, "retMsg": "OK", "op": "pong", "data": [str(NOW)], "connId": "c1"},
    ),
]


@pytest.mark.parametrize(("channel", "extra", "pong"), PONGS, ids=[f"{case[0]} {case[1]}" for case in PONGS])
def test_pongs(channel: Channel, extra: dict[str, Any], pong: dict[str, Any]) -> None:
    """Public sockets say pong in ret_msg only; the id comes back as it was given."""
    assert ask(a_session(channel), op="ping", **extra) == pong


ACKS: list[tuple[Channel, str, dict[str, Any]]] = [
    ("linear", "tickers.BTCUSDT", {"success": True, "ret_msg": "", "conn_id": "c1", "req_id": 3, "op": "subscribe"}),
    (
        "spot",
        "tickers.BTCUSDT",
        {"success": True, "ret_msg": "subscribe", "conn_id": "c1", "req_id": 3, "op": "subscribe"},
    ),
    (
        "status",
        "system.status",
        {"success": True, "ret_msg": "subscribe", "conn_id": "c1", "req_id": 3, "op": "subscribe"},
    ),
    ("private", "order", {"req_id": 3, "success": True, "ret_msg": "", "op": "subscribe", "conn_id": "c1"}),
]


@pytest.mark.parametrize(("channel", "topic", "ack"), ACKS, ids=[case[0] for case in ACKS])
def test_acknowledgements(channel: Channel, topic: str, ack: dict[str, Any]) -> None:
    """A JSON integer as req_id stays one."""
    session = signed_in() if channel == "private" else a_session(channel)

    assert ask(session, op="subscribe", args=[topic], req_id=3) == ack
    assert list(session.topics) == [topic]


REFUSED: list[tuple[str, Channel, list[Any], str]] = [
    ("an unknown topic", "linear", ["tickers.XXX"], "handler not found,topic:tickers.XXX"),
    ("one bad among good", "linear", ["tickers.BTCUSDT", "nope"], "handler not found,topic:nope"),
    ("nothing", "linear", [], "Params Error"),
    ("no text", "linear", [1], "Params Error"),
    ("eleven on spot", "spot", ["tickers.BTCUSDT"] * 11, "args size >10"),
    ("too many letters", "linear", ["x" * 21_001], "args too long"),
    ("private before auth", "private", ["order"], "not authorized"),
]


@pytest.mark.parametrize(("name", "channel", "args", "text"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refused_subscriptions(name: str, channel: Channel, args: list[Any], text: str) -> None:
    """success false, the reason in ret_msg, the request repeated; nothing of it is subscribed."""
    session = a_session(channel)

    reply = ask(session, op="subscribe", args=args, req_id="r")

    assert (reply["success"], reply["req_id"], reply["request"]) == (False, "r", {"op": "subscribe", "args": args})
    assert text in reply["ret_msg"]
    assert not session.topics


def test_the_good_topics_of_a_bad_request_can_be_kept() -> None:
    """Bybit does not say which; the choice is one field."""
    session = a_session("linear", FaceChoices(one_bad_topic_fails_all=False))

    heard = session.hear({"op": "subscribe", "args": ["tickers.BTCUSDT", "nope"]}, NOW)

    assert heard.added == ["tickers.BTCUSDT"]
    assert heard.replies[0]["success"] is False


def test_subscribing_twice_is_an_error_and_the_stream_goes_on() -> None:
    """Unless chosen otherwise."""
    session = a_session("linear")
    ask(session, op="subscribe", args=["tickers.BTCUSDT"])

    assert "already subscribed" in ask(session, op="subscribe", args=["tickers.BTCUSDT"])["ret_msg"]
    assert list(session.topics) == ["tickers.BTCUSDT"]


def test_order_and_order_linear_do_not_mix() -> None:
    """In one request or over two (Bybit: websocket/private/order)."""
    together, later = signed_in(), signed_in()
    ask(later, op="subscribe", args=["order.linear"])

    assert ask(together, op="subscribe", args=["order", "order.linear"])["success"] is False
    assert ask(later, op="subscribe", args=["order"])["success"] is False
    assert ask(later, op="subscribe", args=["execution", "wallet"])["success"] is True


def test_unsubscribing() -> None:
    """Acknowledged; the topic is gone."""
    session = a_session("linear")
    ask(session, op="subscribe", args=["tickers.BTCUSDT", "kline.1.BTCUSDT"])

    heard = session.hear({"op": "unsubscribe", "args": ["kline.1.BTCUSDT"], "req_id": "1"}, NOW)

    assert (heard.removed, list(session.topics)) == (["kline.1.BTCUSDT"], ["tickers.BTCUSDT"])
    assert heard.replies[0]["success"] is True


AUTHS: list[tuple[str, Channel, list[Any], Any]] = [
    ("good", "private", auth_args(), True),
    ("text expiry", "private", [str(part) for part in auth_args()], True),
    ("wrong secret", "private", auth_args("x"), False),
    ("expired", "private", auth_args(expires=NOW), False),
    ("two arguments", "private", ["k", NOW + 1], False),
    ("good", "trade", auth_args(), 0),
    ("wrong secret", "trade", auth_args("x"), 10004),
    ("two arguments", "trade", ["k", NOW + 1], 10001),
    ("unknown key", "trade", ["x", NOW + 1, "00"], 10003),
]


@pytest.mark.parametrize(("name", "channel", "args", "answer"), AUTHS, ids=[f"{case[1]} {case[0]}" for case in AUTHS])
def test_auth(name: str, channel: Channel, args: list[Any], answer: Any) -> None:
    """The private socket says success, the trade socket a code."""
    session = a_session(channel)

    reply = ask(session, op="auth", args=args)

    assert reply["success" if channel == "private" else "retCode"] == answer
    assert (session.key is not None) == (answer in (True, 0) and answer is not False)


def test_a_second_auth_on_the_trade_socket_is_told_so() -> None:
    """20001: already authenticated."""
    assert ask(signed_in("trade"), op="auth", args=auth_args())["retCode"] == 20001


@pytest.mark.parametrize("text", ["{", "[]", "3", '"ping"', ""])
def test_what_is_no_request_is_answered_not_fatal(text: str) -> None:
    """Params Error, and the connection goes on."""
    session = a_session("linear")

    assert session.hear(read(text), NOW).replies[0]["success"] is False
    assert ask(session, op="ping")["ret_msg"] == "pong"


def test_orders_are_left_to_order_entry() -> None:
    """The trade socket passes on what it does not know itself."""
    request = {"op": "order.create", "args": [{}]}

    assert a_session("trade").hear(request, NOW).order == request
    assert "unknown op" in ask(a_session("private"), op="order.create", args=[{}])["ret_msg"]
