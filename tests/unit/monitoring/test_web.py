"""The server, asked over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from dataclasses import replace

import pytest

from bot.domain.commands import Mode
from bot.domain.errors import SetUp
from bot.monitoring.doors import WebOptions, open_doors
from bot.monitoring.past import Past
from bot.monitoring.verbs import Verbs
from tests.unit.monitoring.conftest import TOKEN, Desk, Open

ROUTES = [
    ("/", "text/html; charset=utf-8"),
    ("/static/app.js", "text/javascript; charset=utf-8"),
    ("/static/style.css", "text/css; charset=utf-8"),
    ("/api/v1/status", "application/json; charset=utf-8"),
    ("/api/v1/trail", "application/json; charset=utf-8"),
    ("/health", "application/json; charset=utf-8"),
    ("/health/live", "application/json; charset=utf-8"),
    ("/health/ready", "application/json; charset=utf-8"),
    ("/health/trading", "application/json; charset=utf-8"),
    ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
]


async def test_every_route_answers_and_says_what_it_is(open_desk: Open) -> None:
    """GET and HEAD, and nothing else: this part looks, it cannot touch."""
    desk = await open_desk()

    for path, content_type in ROUTES:
        async with desk.client.get(desk.url(path)) as response:
            assert (path, 200, content_type) == (path, response.status, response.headers["Content-Type"])
        async with desk.client.head(desk.url(path)) as response:
            assert (path, 200, b"") == (path, response.status, await response.read())
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            async with desk.client.request(method, desk.url(path)) as response:
                assert (path, method, 405) == (path, method, response.status)


async def test_every_answer_carries_the_headers(open_desk: Open) -> None:
    """Errors too: an attacker chooses which page to frame."""
    desk = await open_desk()

    for path in ("/", "/api/v1/status", "/no/such/page", "/static/../web.py", "/static/%2e%2e%2fweb.py"):
        async with desk.client.get(desk.url(path)) as response:
            assert "default-src 'self'" in response.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            assert "unsafe" not in response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["Cache-Control"] == "no-store"
            assert "Access-Control-Allow-Origin" not in response.headers
            assert "Server" not in response.headers


async def test_the_page_brings_no_script_of_its_own(open_desk: Open) -> None:
    """The policy forbids inline script and style, so the page must not need any, nor anybody else's host."""
    desk = await open_desk()

    _, page = await desk.get("/")

    assert "<script>" not in page
    assert "style=" not in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "https://" not in page


HOSTS = [
    ("a page of a hostile site, rebound", "evil.test", 421),
    ("with our port", "evil.test:{port}", 421),
    ("no port", "127.0.0.1", 421),
    ("another port", "127.0.0.1:1", 421),
    ("loopback", "127.0.0.1:{port}", 200),
    ("its name, as it likes", "LocalHost:{port}", 200),
    ("the sixth", "[::1]:{port}", 200),
    ("configured", "hedgelock:8009", 200),
]


@pytest.mark.parametrize(("name", "host", "wanted"), HOSTS, ids=[case[0] for case in HOSTS])
async def test_only_our_names_are_answered(open_desk: Open, name: str, host: str, wanted: int) -> None:
    """Listening on loopback is no guard by itself: a browser can be made to call any name there."""
    desk = await open_desk(allowed_hosts=("hedgelock:8009",))

    for path in ("/", "/api/v1/status", "/metrics", "/health"):
        status, _ = await desk.get(path, Host=host.format(port=desk.web.doors.port))
        assert (path, wanted) == (path, status)


async def test_a_strangers_noise_is_not_logged(open_desk: Open, caplog: pytest.LogCaptureFixture) -> None:
    """Who may not read may not fill the disk either."""
    desk = await open_desk()
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.web.doors.port)

    writer.write(b"\x16\x03\x01 noise \xff\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()

    assert answer.startswith(b"HTTP/1.0 400 ")
    assert caplog.records == []


@pytest.mark.parametrize("head", [b"Authorization: Bearer \xff\xfe", b"Authorization: Bearer \xed\xa0\x80"])
@pytest.mark.parametrize("ask", [b"GET /api/v1/status", b"GET /%ff%fe", b"POST /api/v1/verbs/flatten"])
async def test_bytes_that_are_no_text_are_a_wrong_token(
    open_desk: Open, caplog: pytest.LogCaptureFixture, ask: bytes, head: bytes
) -> None:
    """It counts as a guess, and no stranger writes tracebacks into the log."""
    desk = await open_desk(verb_token=TOKEN + "2")
    port = desk.web.doors.port
    body = b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" if ask.startswith(b"POST") else b"\r\n"
    asked = ask + b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n" % port + head + b"\r\n" + body
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    writer.write(asked)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()

    assert answer.split()[1] in (b"400", b"401", b"404"), answer
    assert caplog.records == []


async def test_a_body_is_not_read(open_desk: Open) -> None:
    """Nothing that looks needs a body."""
    desk = await open_desk()

    async with desk.client.get(desk.url("/api/v1/status"), data=b"x" * 100_000) as response:
        assert response.status == 413


async def test_a_drip_of_headers_is_cut_off(open_desk: Open) -> None:
    """Too long a line is refused, not collected."""
    desk = await open_desk()

    status, _ = await desk.get("/api/v1/status", X_Long="x" * 20_000)

    assert status == 400


async def test_places_are_counted(open_desk: Open) -> None:
    """Who comes after the last place is told so, and when the engine was seen, and let go; a place that is left is free again."""
    desk = await open_desk(max_connections=2)
    desk.vitals = replace(desk.vitals, seen_ago_s=7.04)
    first, second = [await _knock(desk) for _ in range(2)]

    for _ in range(20):
        with pytest.raises(ConnectionError, match=r'"status":"full","seen_ago_s":7\.0}$'):
            await _knock(desk)
    first.close()
    third = await _knock_until_let_in(desk)

    second.close()
    third.close()


async def _knock(desk: Desk) -> asyncio.StreamWriter:
    """Ask once and keep the connection; raises ConnectionError, with what is said at the door, where it stays shut."""
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.web.doors.port)
    writer.write(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{desk.web.doors.port}\r\n\r\n".encode())
    line = await asyncio.wait_for(reader.readline(), 5)
    if b" 503 " in line:
        raise ConnectionError((await asyncio.wait_for(reader.read(), 5)).decode())
    assert line == b"HTTP/1.1 200 OK\r\n"
    return writer


async def _knock_until_let_in(desk: Desk) -> asyncio.StreamWriter:
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(ConnectionError):
                return await _knock(desk)


async def test_health_is_a_status_code_with_reasons(open_desk: Open) -> None:
    """What curl -f and a person both understand."""
    desk = await open_desk()
    view = desk.seen
    desk.seen = replace(view, health=replace(view.health, ready=False, reasons=("private stream is down",)))

    status, text = await desk.get("/health")

    assert (status, json.loads(text)["reasons"]) == (503, ["private stream is down"])
    assert (await desk.get("/health/ready"))[0] == 503
    assert (await desk.get("/health/live"))[0] == 200


async def test_halted_is_healthy_and_not_trading(open_desk: Open) -> None:
    """A supervisor leaves it alone; an alert does not."""
    desk = await open_desk()
    desk.seen = replace(desk.seen, mode=Mode.HALTED, why="the latch is closed")

    status, text = await desk.get("/health")
    assert (status, json.loads(text)["status"]) == (200, "degraded")
    assert json.loads(text)["reasons"] == ["mode is HALTED: the latch is closed"]
    status, text = await desk.get("/health/trading")

    assert (status, json.loads(text)["reasons"]) == (503, ["mode is HALTED: the latch is closed"])


async def test_a_taken_port_is_said_with_its_mend(open_desk: Open) -> None:
    """The person who starts a second bot reads what to change."""
    desk = await open_desk()

    with pytest.raises(SetUp, match=rf"127.0.0.1:{desk.web.doors.port} is taken .*HEDGELOCK__WEB__PORT"):
        await open_doors(WebOptions(port=desk.web.doors.port, token=TOKEN))


async def test_a_taken_metrics_port_lets_the_first_port_go(open_desk: Open) -> None:
    """A start that fails leaves nothing listening."""
    desk = await open_desk()
    port = _free_port()

    with pytest.raises(SetUp, match="HEDGELOCK__WEB__METRICS_PORT"):
        await open_doors(WebOptions(port=port, metrics_port=desk.web.doors.port, token=TOKEN))

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


async def test_the_metrics_port_shows_metrics_and_health_only(open_desk: Open) -> None:
    """Prometheus has a door of its own, and it leads nowhere else."""
    desk = await open_desk(metrics_port=_free_port())
    side = f"http://127.0.0.1:{desk.web.doors.side_port}"

    for path, wanted in (
        ("/metrics", 200),
        ("/health", 200),
        ("/health/live", 200),
        ("/", 404),
        ("/api/v1/status", 404),
    ):
        async with desk.client.get(side + path) as response:
            assert (path, wanted) == (path, response.status)


EXPOSED = [
    ("every address", "0.0.0.0", ""),
    ("the sixth's every address", "::", ""),
    ("a name", "hedgelock.internal", ""),
    ("not even this machine", "127.0.0.1", ""),
    ("a token too short", "127.0.0.1", "password"),
]


@pytest.mark.parametrize(("name", "host", "token"), EXPOSED, ids=[case[0] for case in EXPOSED])
async def test_nothing_is_shown_without_a_token(name: str, host: str, token: str) -> None:
    """Refused at start, not discovered later: no door is opened."""
    with pytest.raises(SetUp, match="token"):
        await open_doors(WebOptions(host=host, port=0, metrics_port=0, token=token))


FREE = ("/", "/health", "/health/live", "/health/ready", "/health/trading", "/static/{name}")


async def test_every_route_but_the_page_and_health_needs_the_token(open_desk: Open) -> None:
    """The router's own tables are the list: whatever is added to them asks for the token."""
    desk = await open_desk()
    routes = {
        **desk.web._pages(),
        **desk.web._api(),
        **desk.web._checks(),
        **Past(None).gets(),
        **Verbs(None, None).gets(),
    }  # type: ignore[arg-type]
    nobody = {"Authorization": ""}

    assert set(FREE) < set(routes)
    for path in sorted(set(routes) - set(FREE)):
        assert (path, 401) == (path, (await desk.get(path.replace("{name}", "1"), **nobody))[0])
    for path in ("/", "/static/app.js", "/health", "/health/live"):
        assert (path, 200) == (path, (await desk.get(path, **nobody))[0])
    assert "reasons" not in (await desk.get("/health", **nobody))[1]
    assert "mode" not in (await desk.get("/health", **nobody))[1]
    assert (await desk.get("/api/v1/status"))[0] == 200
    assert "reasons" in (await desk.get("/health"))[1]


async def test_the_metrics_port_asks_only_where_a_token_was_chosen(open_desk: Open) -> None:
    """Prometheus on this machine scrapes without one; where a person set one, it shows it."""
    nobody = {"Authorization": ""}
    for chosen, wanted in (("", 200), (TOKEN, 401)):
        desk = await open_desk(metrics_port=_free_port(), metrics_token=chosen)
        url = f"http://127.0.0.1:{desk.web.doors.side_port}"

        async with desk.client.get(f"{url}/metrics", headers=nobody) as response:
            assert wanted == response.status
        async with desk.client.get(f"{url}/health", headers=nobody) as response:
            assert 200 == response.status


async def test_the_link_survives_every_letter_of_a_token(open_desk: Open) -> None:
    """A chosen token may hold what an address may not."""
    desk = await open_desk(token="a+b&c%d#e f/g=0123456789")

    assert "/#token=a%2Bb%26c%25d%23e%20f%2Fg%3D0123456789" in desk.web.doors.link("a+b&c%d#e f/g=0123456789")


async def test_guessing_is_stopped_after_five(open_desk: Open) -> None:
    """The sixth guess in a minute is not looked at, even if it is right."""
    desk = await open_desk()

    answers = [(await desk.get("/api/v1/status", Authorization=f"Bearer guess{n}"))[0] for n in range(6)]

    assert answers == [401] * 5 + [429]
    assert (await desk.get("/api/v1/status"))[0] == 429
    assert (await desk.get("/health", Authorization=""))[0] == 200


async def test_guesses_of_another_program_do_not_keep_the_operator_out(open_desk: Open) -> None:
    """All that run on this machine share its address; who may operate may do so at any time."""
    desk = await open_desk(verb_token=TOKEN + "-operates")

    for n in range(6):
        await desk.get("/api/v1/status", Authorization=f"Bearer guess{n}")

    assert (await desk.get("/api/v1/status", Authorization=f"Bearer {TOKEN}-operates"))[0] == 200
    assert (await desk.get("/api/v1/status", Authorization="Bearer guess"))[0] == 429


async def test_a_view_that_fails_fails_alone(open_desk: Open) -> None:
    """The window may break; the server stands, says so, and shows nothing of the inside."""
    desk = await open_desk()
    desk.seen = None  # type: ignore[assignment]

    for path in ("/health", "/api/v1/status", "/metrics"):
        async with desk.client.get(desk.url(path)) as response:
            assert (path, 500) == (path, response.status)
            assert await response.text() == "HedgeLock could not answer; its log says why.\n"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert (await desk.get("/health/live"))[0] == 200


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
