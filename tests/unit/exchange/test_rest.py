"""How one request ends, over real sockets and the real ccxt."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import socket
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.domain.clock import wall_ms
from bot.domain.errors import OutcomeUnknown, Refused, Unavailable
from bot.exchange.budget import Budget, Limits
from bot.exchange.hosts import Credentials, Hosts
from bot.exchange.rest import MAX_ANSWER_BYTES, NEVER_LEFT, Ask, Rest, Tell
from tests.unit.exchange.scripted import KEY, QUICK, SECRET, Answer, a_room, body, cut_off, page, raw, silence, slam

CREATE = "/v5/order/create"
POSITIONS = "/v5/position/list"
ORDER: dict[str, Any] = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "qty": "0.162",
    "reduceOnly": True,
    "positionIdx": 1,
}

HTML = raw("<html><h1>502 Bad Gateway</h1></html>", status=502, kind="text/html")
HTML_200 = raw("<html>maintenance</html>", kind="text/html")

ORDERS = [
    # what the venue does                       ends as           code
    ("takes it and falls silent", silence, OutcomeUnknown, None),
    ("drops the line before a byte of answer", slam, OutcomeUnknown, None),
    ("drops the line in mid-answer", cut_off, OutcomeUnknown, None),
    ("a gateway's HTML page, 502", HTML, OutcomeUnknown, 502),
    ("an HTML page with status 200", HTML_200, OutcomeUnknown, None),
    ("an empty body", raw(""), OutcomeUnknown, None),
    ("null", raw("null"), OutcomeUnknown, None),
    ("half a JSON", raw('{"retCode":0,"result":{"orderId":"x'), OutcomeUnknown, None),
    ("a retCode that is text", raw('{"retCode":"0","result":{}}'), OutcomeUnknown, None),
    ("no retCode", raw('{"result":{"orderId":"x"}}'), OutcomeUnknown, None),
    ("system-wide throttling", raw("{}", status=429), OutcomeUnknown, 429),
    ("server timeout", body(code=10000), OutcomeUnknown, 10000),
    ("internal error", body(code=10016), OutcomeUnknown, 10016),
    ("too many visits", body(code=10006), OutcomeUnknown, 10006),
    ("order creation timeout", body(code=170146), OutcomeUnknown, 170146),
    ("this orderLinkId exists", body(code=110072), OutcomeUnknown, 110072),
    ("a code nobody knows", body(code=987654), OutcomeUnknown, 987654),
    ("a parameter error", body(code=10001), Refused, 10001),
    ("a timestamp outside the window", body(code=10002), OutcomeUnknown, 10002),
    ("not enough margin", body(code=110007), Refused, 110007),
    ("nothing to reduce", body(code=110017), Refused, 110017),
    ("a wrong key", raw("{}", status=401), Refused, 401),
    ("a ban", raw("<html>403</html>", status=403, kind="text/html"), Refused, 403),
]


@pytest.mark.parametrize(("does", "answer", "ends_as", "code"), ORDERS, ids=[case[0] for case in ORDERS])
async def test_an_order_ends_as_refused_only_where_the_venue_proved_it(
    does: str, answer: Answer, ends_as: type[Exception], code: int | None
) -> None:
    """Silence, garbage and unknown codes are not refusals; and whatever happens, the order left exactly once."""
    async with a_room() as room:
        room.venue.say(CREATE, answer)

        with pytest.raises((Refused, OutcomeUnknown)) as caught:
            await room.rest.tell(Tell.CREATE_ORDER, ORDER)

        assert ends_as is type(caught.value), does
        assert code == caught.value.code
        assert 1 == room.venue.count(CREATE)


async def test_a_redirect_is_not_followed() -> None:
    """A signed order goes to the address it was signed for, and nowhere else."""
    async with a_room() as room:
        room.venue.say(CREATE, raw("", status=307, Location=f"{room.hosts.rest}/elsewhere"))

        with pytest.raises(OutcomeUnknown, match="redirect"):
            await room.rest.tell(Tell.CREATE_ORDER, ORDER)

        assert 0 == room.venue.count("/elsewhere")


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_an_answer_has_a_size_limit_packed_or_not(encoding: str) -> None:
    """A small packet that unpacks to a flood is a flood."""
    flood = b"x" * (MAX_ANSWER_BYTES + 1)
    content = gzip.compress(flood) if encoding == "gzip" else flood
    async with a_room(patience=replace(QUICK, request_timeout_s=5.0)) as room:
        room.venue.say(CREATE, raw(content, **{"Content-Encoding": encoding}))

        with pytest.raises(OutcomeUnknown, match="more than"):
            await room.rest.tell(Tell.CREATE_ORDER, ORDER)


async def test_an_order_that_cannot_leave_is_refused_without_a_venue() -> None:
    """No connection, no bytes, no doubt."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: nobody can answer there
        closed = f"127.0.0.1:{held.getsockname()[1]}"
        hosts = Hosts(rest_url=f"http://{closed}", public_ws_url=f"ws://{closed}", private_ws_url=f"ws://{closed}")
        async with Rest(hosts, Credentials(api_key=KEY, api_secret=SECRET), budget=Budget(), patience=QUICK) as rest:
            with pytest.raises(Refused, match="never left") as caught:
                await rest.tell(Tell.CREATE_ORDER, ORDER)

    assert NEVER_LEFT == caught.value.code


async def test_what_is_sent_is_signed_and_says_exactly_what_it_was_given() -> None:
    """ccxt adds, drops and infers nothing: reduceOnly and positionIdx arrive as they were written, in the order's own window."""
    async with a_room() as room:
        room.venue.say(CREATE, body({"orderId": "o1", "orderLinkId": "h-1"}))

        result = await room.rest.tell(Tell.CREATE_ORDER, ORDER)

        asked = room.venue.last(CREATE)
        assert {"orderId": "o1", "orderLinkId": "h-1"} == json.loads(bytes(result))
        assert ORDER == asked.body
        assert (KEY, str(QUICK.order_recv_window_ms)) == (
            asked.headers["x-bapi-api-key"],
            asked.headers["x-bapi-recv-window"],
        )
        assert 64 == len(asked.headers["x-bapi-sign"])
        assert {"/v5/market/time", CREATE} == {one.path for one in room.venue.asked}  # and it asked nothing on its own


READS = [
    # what the venue does                  ends as      worth asking again
    ("falls silent", silence, Unavailable),
    ("drops the line", slam, Unavailable),
    ("drops the line in mid-answer", cut_off, Unavailable),
    ("a gateway's HTML page", HTML, Unavailable),
    ("an HTML page with status 200", HTML_200, Unavailable),
    ("an empty body", raw(""), Unavailable),
    ("null", raw("null"), Unavailable),
    ("too many visits", body(code=10006), Unavailable),
    ("server timeout", body(code=10000), Unavailable),
    ("yesterday's answer", body({"list": []}, at_ms=1_700_000_000_000), Unavailable),
    ("a wrong key", body(code=10003), Refused),
    ("a missing permission", body(code=10005), Refused),
    ("a wrong path", raw("", status=404), Refused),
    ("a code nobody knows", body(code=987654), Refused),
]


@pytest.mark.parametrize(("does", "answer", "ends_as"), READS, ids=[case[0] for case in READS])
async def test_a_question_without_a_whole_answer_is_no_observation(
    does: str, answer: Answer, ends_as: type[Exception]
) -> None:
    """Garbage is never "nothing there"."""
    async with a_room() as room:
        room.venue.say(POSITIONS, answer)

        with pytest.raises((Refused, Unavailable)) as caught:
            await room.rest.ask(Ask.POSITIONS, {"category": "linear"})

        assert ends_as is type(caught.value), does


async def test_the_venue_says_when_its_window_frees_up() -> None:
    """The reset header becomes the pause before the next attempt."""
    async with a_room() as room:
        soon = str(room.rest.server_ms() + 2000)
        room.venue.say(POSITIONS, body(code=10006, **{"X-Bapi-Limit-Reset-Timestamp": soon}))

        with pytest.raises(Unavailable) as caught:
            await room.rest.ask(Ask.POSITIONS)

        assert 1.0 < (caught.value.retry_after_s or 0) <= 2.0


async def test_after_a_403_nothing_leaves_for_anyone() -> None:
    """A ban is made longer by asking: questions and orders stop alike, and say why."""
    async with a_room() as room:
        room.venue.say(POSITIONS, raw("<html>access too frequent</html>", status=403, kind="text/html"))
        with pytest.raises(Unavailable):
            await room.rest.ask(Ask.POSITIONS)
        asked = len(room.venue.asked)

        with pytest.raises(Unavailable):
            await room.rest.ask(Ask.WALLET)
        with pytest.raises(Refused, match="never left"):
            await room.rest.tell(Tell.CREATE_ORDER, ORDER)

        assert asked == len(room.venue.asked)
        assert 590 < room.budget.banned_for_s() <= 600


async def test_a_spent_order_budget_refuses_unsent_and_still_cancels() -> None:
    """A storm of orders stops at our own door; the way to call them back stays open."""
    budget = Budget(Limits(orders_per_s=5, orders_per_min=10))
    async with a_room(budget=budget) as room:
        room.venue.say(CREATE, body({"orderId": "o", "orderLinkId": ""}))
        room.venue.say("/v5/order/cancel", body({"orderId": "o", "orderLinkId": ""}))
        for _ in range(4):
            await room.rest.tell(Tell.CREATE_ORDER, ORDER)

        with pytest.raises(Refused, match="budget is spent"):
            await room.rest.tell(Tell.CREATE_ORDER, ORDER)
        await room.rest.tell(Tell.CANCEL_ORDER, {"orderLinkId": "h-1"})

        assert (4, 1) == (room.venue.count(CREATE), room.venue.count("/v5/order/cancel"))


async def test_a_clock_complaint_is_answered_by_looking_at_the_clock() -> None:
    """After 10002 the next question first learns the venue's time."""
    async with a_room() as room:
        room.venue.say(POSITIONS, body(code=10002), page())
        looks = room.venue.count("/v5/market/time")
        with pytest.raises(Unavailable):
            await room.rest.ask(Ask.POSITIONS)

        await room.rest.ask(Ask.POSITIONS)

        assert looks < room.venue.count("/v5/market/time")


async def test_a_venue_whose_clock_is_an_hour_ahead_gets_its_own_time_back() -> None:
    """Requests are signed with the venue's time, not with ours."""
    async with a_room() as room:
        later_ms = wall_ms() + 3_600_000
        room.venue.say("/v5/market/time", body({"timeSecond": "", "timeNano": f"{later_ms}000000"}))
        room.venue.say(POSITIONS, body({"list": []}, at_ms=later_ms))
        await room.rest.read_clock()

        await room.rest.ask(Ask.POSITIONS)

        signed_ms = int(room.venue.last(POSITIONS).headers["x-bapi-timestamp"])
        assert abs(signed_ms - later_ms) < 2000


async def test_a_clock_that_cannot_be_read_does_not_stop_the_day() -> None:
    """The old knowledge stays, and questions are asked all the same."""
    async with a_room() as room:
        room.venue.say("/v5/market/time", slam)
        room.venue.say(POSITIONS, body(code=10002), page(), page())
        with pytest.raises(Unavailable):
            await room.rest.ask(Ask.POSITIONS)

        answer = await room.rest.ask(Ask.POSITIONS)

        assert 0 == answer.ret_code


async def test_no_log_line_holds_the_key_its_secret_or_a_signature(caplog: pytest.LogCaptureFixture) -> None:
    """Even with every library at DEBUG."""
    with caplog.at_level(logging.DEBUG):
        async with a_room() as room:
            room.venue.say(POSITIONS, page())
            room.venue.say(CREATE, slam)
            await room.rest.ask(Ask.POSITIONS)
            with pytest.raises(OutcomeUnknown) as caught:
                await room.rest.tell(Tell.CREATE_ORDER, ORDER)

            signature = room.venue.last(POSITIONS).headers["x-bapi-sign"]
            said = caplog.text + str(caught.value) + repr(caught.value) + repr(room.rest)

    assert not [word for word in (KEY, SECRET, signature) if word in said]


async def test_a_cancelled_question_leaves_the_door_usable() -> None:
    """Giving up on one answer costs nothing but that answer."""
    async with a_room() as room:
        room.venue.say(POSITIONS, silence, page())
        waiting = asyncio.create_task(room.rest.ask(Ask.POSITIONS))
        room.venue.came.clear()
        await room.venue.came.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        answer = await room.rest.ask(Ask.POSITIONS)

        assert 0 == answer.ret_code


async def test_a_proxy_in_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders go to the host in the settings, whatever the shell was told."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with a_room() as room:
        room.venue.say(POSITIONS, page())

        answer = await room.rest.ask(Ask.POSITIONS)

    assert 0 == answer.ret_code


async def test_an_rsa_key_signs_requests_too() -> None:
    """The public half checks the very text Bybit checks: timestamp, key, window, body."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    async with a_room(credentials=Credentials(api_key=KEY, api_secret=pem)) as room:
        room.venue.say(CREATE, body({"orderId": "o1", "orderLinkId": ""}))

        await room.rest.tell(Tell.CREATE_ORDER, ORDER)

        said = room.venue.last(CREATE)
        head = "".join(said.headers[f"x-bapi-{name}"] for name in ("timestamp", "api-key", "recv-window"))
        signature = base64.b64decode(said.headers["x-bapi-sign"])
        key.public_key().verify(signature, (head + said.text).encode(), padding.PKCS1v15(), hashes.SHA256())
