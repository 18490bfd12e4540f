"""The kill switch's line to the exchange, against hosts that let it down: real sockets, its own client."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from bot.domain.clock import elapsed_s
from scripts.kill import desk, line, look, world
from scripts.kill.books import NotAnObservation
from scripts.kill.line import Line, NoAnswer
from scripts.kill.plan import Verb


@contextmanager
def a_host(status: int, body: bytes | bytearray, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """A host that answers everything alike; its URL, and what it was asked. A bytearray may be changed between two answers."""
    asked: list[str] = []

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer = bytes(body)  # its own: one that is still being written would keep the test from changing it
            self.send_response(status)
            for name, text in (headers | {"Content-Length": str(len(answer))}).items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def a_silent_host() -> Iterator[str]:
    """It takes the connection and says nothing."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(64)
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}"


@contextmanager
def a_dripping_host(whole: bytes) -> Iterator[str]:
    """It says `whole`, and then a blank every twentieth of a second, for ever."""

    class Host(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            with suppress(OSError):
                self.request.sendall(whole)
                while not gone.wait(0.05):
                    self.request.sendall(b" ")

    gone = threading.Event()
    server = ThreadingTCPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        gone.set()
        server.shutdown()
        server.server_close()


def ask(of: Line) -> str:
    with pytest.raises(NoAnswer) as caught:
        of.ask("get_positions", category="linear", symbol="BTCUSDT")
    return str(caught.value)


def test_a_silent_host_is_not_gone_back_to_for_a_spoilt_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A spoilt answer comes at once and the next may be whole; to turn to the silent host costs seconds every time."""
    monkeypatch.setattr(line, "ANSWER_S", 0.2)
    with a_silent_host() as silent, a_host(200, b"<html>") as (spoilt, asked):
        kill = Line((silent, spoilt), "key", "secret")
        assert "does not answer" in ask(kill)

        for _ in range(5):
            ask(kill)

        assert 5 == len(asked)


@pytest.mark.parametrize(
    "whole", [b"", b"HTTP/1.1 200 OK\r\nX-Slow:", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"]
)
def test_a_host_that_lets_its_answer_drip_has_no_more_time_than_a_silent_one(
    whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every drop would begin a client's patience anew: the thread that asked to close a leg would wait for ever."""
    monkeypatch.setattr(line, "ANSWER_S", 0.3)
    with a_dripping_host(whole) as dripping, a_host(200, b"<html>") as (spoilt, asked):
        kill = Line((dripping, spoilt), "key", "secret")
        began_s = elapsed_s()

        assert "does not answer" in ask(kill)
        assert elapsed_s() - began_s < 2
        for _ in range(3):
            ask(kill)
        assert 3 == len(asked)


def positions(seq: int, size: str) -> bytes:
    rows = [
        {"symbol": "BTCUSDT", "positionIdx": idx, "side": side if float(size) else "", "size": size, "seq": seq}
        for idx, side in ((1, "Buy"), (2, "Sell"))
    ]
    return json.dumps({"retCode": 0, "result": {"category": "linear", "list": rows}}).encode()


def test_a_leg_that_is_numbered_anew_is_believed_once_no_answer_is_so_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed leg with a smaller sequence, or none: it was an old answer for ever, and "done" was never said."""
    body = bytearray(positions(9, "0.2"))
    with a_host(200, body) as (url, _):
        account = desk.Desk(Line((url,), "key", "secret"), "BTCUSDT")
        assert account.legs().short

        body[:] = positions(-1, "0")
        with pytest.raises(NotAnObservation, match="older than what was seen"):
            account.legs()
        body[:] = positions(9, "0.2")
        account.legs()
        monkeypatch.setattr(desk, "VISIBLE_S", 0.2)
        body[:] = positions(-1, "0")
        with pytest.raises(NotAnObservation):  # the one in between was new: the wait begins again
            account.legs()
        threading.Event().wait(0.25)
        assert not account.legs().short


def test_nobody_sends_it_elsewhere() -> None:
    """A page that wants a login stands before the exchange: each of its redirections would have a time of its own, and see a signature."""
    with a_host(200, b"<html>") as (elsewhere, asked), a_host(302, b"", Location=elsewhere) as (url, _):
        assert "TooManyRedirects" in ask(Line((url,), "key", "secret"))

        assert not asked


def test_a_host_that_fails_is_turned_from() -> None:
    """Each of two that answer with errors gets every second question."""
    with a_host(502, b"") as (one, asked_one), a_host(502, b"") as (other, asked_other):
        kill = Line((one, other), "key", "secret")
        for _ in range(6):
            ask(kill)

        assert (3, 3) == (len(asked_one), len(asked_other))


def test_a_ban_is_kept_silence_for_and_met_again_at_another_time() -> None:
    """Nothing is asked during it. Found still shut afterwards, somebody else on this address waits as we do: so wait another while."""
    with a_host(403, b"<html>banned</html>") as (url, asked):
        kill = Line((url,), "key", "secret", ban_s=0.3)
        waits = []
        for _ in range(5):
            assert "403" in ask(kill)
            waits.append(kill.must_wait_s())
            assert "silence" in ask(kill)
            threading.Event().wait(kill.must_wait_s())

        assert (5, True) == (len(asked), kill.banned)
        assert waits[0] <= 0.3 < max(waits[1:]) <= 0.9


def looked(url: str) -> str:
    pool = ThreadPoolExecutor(6)
    picture = look.look(desk.Desk(Line((url,), "key-of-ours", "secret-of-ours"), "BTCUSDT"), None, pool)
    pool.shutdown()
    words = "\n".join(look.words(picture, Verb.FLATTEN, picture.left_by(Verb.FLATTEN)))
    assert "leaves: cannot be told, the account could not be read" in words
    assert not any(what in words for what in ("key-of-ours", "secret-of-ours", "/v5/"))
    return words


def test_the_first_look_tells_why_it_saw_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Could not be read in time" was said of every trouble; a wrong key, a ban and a cable want different hands."""
    nobody = json.dumps(
        {"retCode": 10004, "retMsg": "error sign! origin_string[1key-of-ours3000]", "result": {}}
    ).encode()

    assert "unread: http://127.0.0.1:1 does not answer (Connection refused)" in looked("http://127.0.0.1:1")
    assert "does not answer (Name or service not known)" in looked("http://nowhere.invalid").replace(
        "Temporary failure in name resolution",
        "Name or service not known",  # without any name server
    )
    with a_host(403, b"<html>") as (url, _):
        assert "unread: HTTP 403: banned or blocked" in looked(url)
    with a_host(200, nobody) as (url, _):
        assert "unread: 10004: error sign!" in looked(url)
    monkeypatch.setattr(look, "LOOK_S", 1.0)
    monkeypatch.setattr(line, "ANSWER_S", 2.0)
    with a_silent_host() as url:
        assert "unread: no answer within 1 s" in looked(url)
    monkeypatch.setattr(line, "ANSWER_S", 0.2)
    with a_silent_host() as url:
        assert f"unread: {url} does not answer (not in time)" in looked(url)


@pytest.mark.parametrize(("ip_version", "arrives"), [("4", True), ("any", True), ("6", False)])
def test_it_keeps_to_the_kind_of_address_that_the_key_is_bound_to(
    ip_version: str, arrives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host with addresses of both kinds, of which the IPv4 one answers: with "6" nothing goes there, whatever else there is."""
    resolve = socket.getaddrinfo

    def both(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        if host != "venue.test":
            return resolve(host, port, *more, **options)
        return [*resolve("::1", port, type=socket.SOCK_STREAM), *resolve("127.0.0.1", port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    monkeypatch.setenv("HEDGELOCK__BYBIT__IP_VERSION", ip_version)
    with a_host(502, b"") as (url, asked):
        hosts = (url.replace("127.0.0.1", "venue.test"),)
        known = world.find(home=tmp_path, env_file=None, mode="paper", hosts=hosts, latch=None)
        ask(Line(known.hosts, known.api_key, known.api_secret, leave_from=known.leave_from))

        assert arrives is bool(asked)
