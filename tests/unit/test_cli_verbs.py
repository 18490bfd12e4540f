"""The operator's verbs on the command line: what leaves for the daemon's API, and what is made of its answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli.command import app
from bot.exit_codes import ExitCode

OFFERS = {"verbs": [{"verb": verb, "leaves": None, "confirm": ""} for verb in ("realise", "repay")]}


class Api(ThreadingHTTPServer):
    """A daemon's API that takes in whatever it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, Any]]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self._answer(OFFERS)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        self._answer({"accepted": True, "text": "taken in"})

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self, document: dict[str, Any]) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("words", "path", "amount"),
    [
        (("repay", "--usdt", "500"), "/api/v1/verbs/repay", "500.000000"),
        (("repay",), "/api/v1/verbs/repay", None),
        (("realise", "--reason", "cash"), "/api/v1/verbs/realise", None),
    ],
)
def test_money_is_asked_for_by_hand(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, words: tuple[str, ...], path: str, amount: str | None
) -> None:
    """An amount leaves as a decimal text; none leaves where none was named."""
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(app, [*words, "--port", str(api.server_port)])

    assert ExitCode.OK == answer.exit_code, answer.output
    ((asked, body),) = api.asked
    assert (path, amount) == (asked, body.get("amount_usdt"))


def test_nothing_is_not_an_amount() -> None:
    """Zero and less are turned away on the spot."""
    assert ExitCode.USAGE == CliRunner().invoke(app, ["repay", "--usdt", "0"]).exit_code
