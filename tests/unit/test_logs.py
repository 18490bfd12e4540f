"""Logs: what a line looks like, what never stands in it, and how often it may repeat."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import structlog

from bot import logs
from tests.overheard import overheard

SECRET = 'canary-"secret"-000001'


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """Where the lines go."""
    with overheard() as stream:
        yield stream


def written(out: io.StringIO) -> list[dict[str, Any]]:
    """Every JSON line so far."""
    logs.close()
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_away_from_a_terminal(out: io.StringIO):
    """A collector gets one object per line: who and what first, decimals plain, time in UTC."""
    logs.configure(stream=out)

    structlog.get_logger("engine").info("decision", gap_btc=Decimal("0.270"), legs=(Decimal("0.1"), None), sigma=0.03)

    (line,) = written(out)
    assert ["timestamp", "level", "logger", "event"] == list(line)[:4]
    assert line.pop("timestamp").endswith("Z")
    assert {
        "level": "info",
        "logger": "engine",
        "event": "decision",
        "gap_btc": "0.270",
        "legs": ["0.1", None],
        "sigma": 0.03,
    } == line


def test_a_line_is_readable_on_a_terminal(out: io.StringIO):
    """A person gets one line in the order it was written, and no colours where nobody asked for them."""
    logs.configure(form="pretty", stream=out)

    structlog.get_logger("engine").info("decision", zeta="first", alpha=Decimal("0.27"))
    logs.close()

    line = out.getvalue()
    assert "decision" in line
    assert line.index("zeta=first") < line.index("alpha=0.27")
    assert "\x1b" not in line


def test_what_a_venue_answers_draws_nothing_on_a_terminal(out: io.StringIO):
    """A message from outside cannot forge a line or a colour."""
    logs.configure(form="pretty", stream=out)

    structlog.get_logger("exchange").warning("refused", message="no\n2030-01-01 00:00:00Z [info] all is well\x1b[2J")
    logs.close()

    assert 1 == len(out.getvalue().splitlines())
    assert "\x1b" not in out.getvalue()


def test_no_secret_leaves_by_any_road(out: io.StringIO):
    """As a value, inside a text, in a nested field, in a traceback, from a library, as JSON or repr would spell it."""
    logs.configure(level="debug", secrets=[SECRET], stream=out)
    log = structlog.get_logger("exchange")

    log.info("as a value", value=SECRET)
    log.info(f"inside {SECRET} a text")
    log.info(
        "nested", deep={"list": [{"x": f"pre{SECRET}post"}]}, body=json.dumps({"k": SECRET}), spelled=repr([SECRET])
    )
    log.info("an object", thing=ValueError(SECRET))
    logging.getLogger("ccxt").error("headers: %s", {"note": SECRET})
    try:
        raise RuntimeError(SECRET)
    except RuntimeError:
        log.exception("in a traceback")

    lines = written(out)
    assert 6 == len(lines)
    assert "canary" not in out.getvalue()


FIELDS = [
    "api_key",
    "apiKey",
    "API-SECRET",
    "mainnet_api_secret",
    "X-BAPI-SIGN",
    "X-BAPI-API-KEY",
    "password",
    "bot_token",
]


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_sounds_like_a_secret_is_masked_unseen(name: str, out: io.StringIO):
    """Nobody registered this one; its name is enough, as a field and inside a text."""
    logs.configure(stream=out)
    log = structlog.get_logger("exchange")

    log.info("as a field", headers={name: "unregistered-0001"}, **{name: "unregistered-0001"})
    logging.getLogger("aiohttp").warning(
        f"{{'{name}': 'unregistered-0001', 'category': 'linear'}} {name}=unregistered-0001&x=1"
    )

    first, second = written(out)
    assert "unregistered" not in out.getvalue()
    assert logs.MASK == first[name]
    assert "linear" in second["event"]


def test_an_absent_secret_is_not_masked(out: io.StringIO):
    """Seeing that a key is missing is half of every support case."""
    logs.configure(stream=out)

    structlog.get_logger("exchange").info("start", api_key="")

    assert "" == written(out)[0]["api_key"]


def test_every_line_of_a_private_key_is_hidden(out: io.StringIO):
    """A PEM spans lines; a traceback may show one of them alone."""
    logs.configure(secrets=["-----BEGIN PRIVATE KEY-----\nMIICdgIBADANBgkqh\n-----END PRIVATE KEY-----"], stream=out)

    structlog.get_logger("exchange").info("oops", part="xMIICdgIBADANBgkqhx")

    assert f"x{logs.MASK}x" == written(out)[0]["part"]


@pytest.mark.parametrize("name", ["ccxt", "websockets.client", "aiohttp.access", "asyncio", "some.other"])
def test_a_library_below_warning_is_not_heard(name: str, out: io.StringIO):
    """At DEBUG ccxt prints signed headers and websockets prints the auth frame; no setting lets them."""
    logs.configure(level="debug", stream=out)
    library = logging.getLogger(name)
    library.setLevel(logging.DEBUG)

    library.debug("X-BAPI-API-KEY")
    library.info("connection open")
    library.warning("reconnecting")

    assert ["reconnecting"] == [line["event"] for line in written(out)]
    library.setLevel(logging.NOTSET)


def test_our_level_is_ours(out: io.StringIO):
    """`log.level` says how much our own rooms tell."""
    logs.configure(level="warning", stream=out)

    structlog.get_logger("engine").info("quiet")
    structlog.get_logger("engine").warning("heard")

    assert ["heard"] == [line["event"] for line in written(out)]


def test_once_speaks_the_first_time_and_then_counts():
    """A malformed frame a second is one line and a number, not a full disk."""
    repeats = logs.Repeats(every_s=3600)

    assert {"event": "frame_malformed"} == repeats(None, "warning", {"event": "frame_malformed", "once": "a"})
    for _ in range(3):
        with pytest.raises(structlog.DropEvent):
            repeats(None, "warning", {"event": "frame_malformed", "once": "a"})
    assert {"event": "other"} == repeats(None, "warning", {"event": "other", "once": "b"})
    assert {"event": "plain"} == repeats(None, "warning", {"event": "plain"})


def test_once_speaks_again_with_the_count_when_its_time_has_come():
    """Silence would look like health."""
    repeats = logs.Repeats(every_s=0)
    patient = logs.Repeats(every_s=3600)
    repeats._kinds = {"a": (-1.0, 41)}

    assert {"event": "x", "held_back": 41} == repeats(None, "warning", {"event": "x", "once": "a"})
    assert {"event": "x"} == patient(None, "warning", {"event": "x", "once": "a"})


def test_the_kinds_that_once_remembers_are_bounded():
    """Kinds may be made of outside text; they must not eat the memory, nor stop being counted."""
    repeats = logs.Repeats(every_s=3600, most_kinds=3)
    heard = 0
    for number in range(100):
        try:
            repeats(None, "warning", {"event": "x", "once": f"kind {number}"})
            heard += 1
        except structlog.DropEvent:
            pass

    assert 4 == heard  # three kinds, and "any other kind" once
    assert 4 == len(repeats._kinds)


def test_a_value_that_cannot_be_shown_harms_nobody(out: io.StringIO):
    """Logging must not raise into a room that is busy hedging."""

    class Sulks:
        def __str__(self) -> str:
            raise RuntimeError("no")

    logs.configure(stream=out)
    structlog.get_logger("engine").info("decision", value=Sulks())

    assert "a line of engine could not be formatted: RuntimeError" == written(out)[0]["event"]


def test_a_very_long_text_is_cut(out: io.StringIO):
    """An error page of a megabyte is one line of a few thousand signs."""
    logs.configure(stream=out)

    structlog.get_logger("exchange").warning("answer", body="x" * 1_000_000)

    assert len(out.getvalue() or logs.close() or out.getvalue()) < 5000


class Frozen(io.StringIO):
    """A terminal on which somebody pressed Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held, self.go_on = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.is_held.set()
        self.go_on.wait(10)
        return super().write(text)


def test_a_frozen_terminal_costs_lines_never_time():
    """Whoever logs does not wait; what did not fit is counted when the terminal moves again."""
    stream = Frozen()
    writer = logs._Writer(stream)
    writer.write("line 0")
    assert stream.is_held.wait(10)  # the writer's thread may begin after all others were given
    for number in range(1, 10_500):
        writer.write(f"line {number}")

    stream.go_on.set()
    writer.finish(10)

    lines = stream.getvalue().splitlines()
    assert "line 0" == lines[0]
    lost = 10_500 - len([line for line in lines if line.startswith("line ")])
    assert 0 < lost <= 500
    assert [f"{lost} log lines lost: the reader of this stream was too slow"] == [s for s in lines if "lost" in s]


CRASH = """
import structlog, sys
from bot import logs
from tests.overheard import overheard
logs.configure(form="json", secrets=["canary-secret-000001"])
structlog.get_logger("hedgelock").info("up")
raise RuntimeError("canary-secret-000001")
"""


def test_the_last_words_of_a_crash_are_masked_and_written():
    """An exception nobody caught passes through the same mask, and the queue is emptied before the process ends."""
    ended = subprocess.run(
        [sys.executable, "-c", CRASH], capture_output=True, text=True, check=False, env={**os.environ}
    )

    first, last = (json.loads(line) for line in ended.stderr.splitlines())
    assert (1, "up", "uncaught") == (ended.returncode, first["event"], last["event"])
    assert "RuntimeError: ********" in last["exception"]
    assert "canary" not in ended.stderr
