"""The operator's verbs on the command line: what leaves for the daemon's API, and what is made of its answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli.command import app
from bot.exit_codes import ExitCode
from bot.journal.latch import Latch
from scripts.kill import latch as outside

OFFERS = {"verbs": [{"verb": verb, "leaves": None, "confirm": ""} for verb in ("realise", "repay")]}


class Api(ThreadingHTTPServer):
    """A daemon's API that takes in whatever it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.hangs_up = False
        self.sends_on_to = ""


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        if self.server.sends_on_to and self.path != "/elsewhere":
            self.send_response(302)
            self.send_header("Location", self.server.sends_on_to)
            self.end_headers()
            return
        self._answer(OFFERS)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        if self.server.hangs_up:
            self.close_connection = True
            return
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


@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.parametrize("reason", ["", " "])
def test_a_reason_without_a_word_is_none(api: Api, verb: str, reason: str) -> None:
    """What a verb asks of whoever types it is told where it was typed, whether a daemon answers or not."""
    told = CliRunner().invoke(app, [verb, "--reason", reason, "--port", str(api.server_port)])

    assert (ExitCode.USAGE, []) == (told.exit_code, api.asked)
    assert "--reason" in told.output


def test_a_verb_without_an_answer_is_not_a_daemon_that_is_not_there(api: Api) -> None:
    """It may have been taken in: a payment must not be asked for twice by mistake."""
    api.hangs_up = True

    result = CliRunner().invoke(app, ["repay", "--usdt", "5", "--port", str(api.server_port)])

    assert ExitCode.FAILURE == result.exit_code
    assert [("/api/v1/verbs/repay", {"reason": "", "confirm": "", "amount_usdt": "5.000000"})] == api.asked
    assert "may have been taken in" in result.output
    assert "hedgelock status" in result.output
    assert "no daemon answers" not in result.output


def test_a_token_goes_to_the_address_it_was_given_for(api: Api) -> None:
    """A redirect is an answer, not an address."""
    api.sends_on_to = f"http://127.0.0.1:{api.server_port}/elsewhere"

    result = CliRunner().invoke(app, ["rehedge", "--port", str(api.server_port)])

    assert ExitCode.FAILURE == result.exit_code
    assert "answered 302" in result.output
    assert [] == api.asked


def test_a_daemon_on_an_address_of_version_six_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets belong to it in a URL."""
    monkeypatch.setenv("HEDGELOCK__WEB__HOST", "::1")

    result = CliRunner().invoke(app, ["rehedge", "--port", "9"])

    assert "no daemon answers at http://[::1]:9" in result.output


@pytest.mark.parametrize("name", ["HEDGELOCK__WEB__ENABLED=false", "HEDGELOCK__WEB__PORT=0"])
def test_a_daemon_that_cannot_be_heard_is_not_watched(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its silence would mean nothing: a healthy one would be frozen."""
    monkeypatch.setenv(*name.split("="))
    monkeypatch.setattr("bot.watch.Watch.run", lambda _: None)

    result = CliRunner().invoke(app, ["watch"])

    assert ExitCode.SETTINGS == result.exit_code
    assert name.split("=")[0] in result.output


def test_a_resume_without_a_daemon_lifts_the_latch_that_was_there_when_it_began(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It looked for the latch once all its rooms were loaded, two seconds on a busy machine: one that the kill switch had closed
    meanwhile was lifted."""

    async def all_well(_: object) -> list[str]:
        return []

    def nobody_there(*_: object) -> None:
        outside.close([latch.path], "flatten", "in earnest")

    monkeypatch.setenv("HEDGELOCK__JOURNAL__PATH", str(tmp_path / "journal.sqlite"))
    monkeypatch.setattr("bot.preflight.doctor.reasons_against", all_well)
    monkeypatch.setattr("bot.cli.operator._posted", nobody_there)
    latch = Latch(tmp_path / "journal.sqlite")
    latch.close("freeze by me: a drill")

    told = CliRunner().invoke(app, ["resume", "--reason", "looked"])

    assert (ExitCode.MACHINE, True) == (told.exit_code, "closed meanwhile" in told.output), told.output
    assert "in earnest" in latch.state().reason
