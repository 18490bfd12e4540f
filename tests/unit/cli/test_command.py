"""The command line, as a person or a script meets it: through a process of its own."""

from __future__ import annotations

import ctypes
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest

from bot import __version__
from bot.exit_codes import ExitCode
from tests.conftest import ROOT

SECRET = "canary-secret-value-000001"


CAP_DAC_OVERRIDE, CAP_NET_BIND_SERVICE = 1, 10
_PR_CAPBSET_DROP = 24


def without(right: int) -> None:
    """In a child before its program begins: root is anybody in this respect; nobody else has the right anyway (capabilities(7))."""
    ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, right, 0, 0, 0)


@pytest.fixture
def hedgelock(tmp_path: Path):
    """Call the command in an empty directory: hedgelock("config", "--json", WEB__PORT="1")."""

    def call(*args: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bot", *args],
            cwd=tmp_path,
            env=environment(settings),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return call


def environment(settings: dict[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "120",
        **{"HEDGELOCK__" + name: text for name, text in settings.items()},
    }


@pytest.mark.parametrize("verb", ["run", "doctor"])
def test_a_folder_whose_name_is_no_text_is_refused_in_words(verb: str, tmp_path: Path):
    """It was a traceback about surrogates, from the lock that tells others where the latch lies."""
    os.mkdir(home := os.fsencode(tmp_path) + b"/caf\xe9")
    command = [sys.executable, "-m", "bot", verb]

    ended = subprocess.run(command, cwd=home, env=environment({}), capture_output=True, text=True, timeout=30)

    assert ExitCode.SETTINGS == ended.returncode
    assert "caf\\udce9/var/paper', where the journal would lie, has a name that is not text" in ended.stderr
    assert "HEDGELOCK__JOURNAL__PATH" in ended.stderr


def test_a_journal_that_cannot_be_used_asks_for_a_person(tmp_path: Path):
    """Not another start: systemd restarts after 6, and after 9 it does not."""
    journal = tmp_path / "var" / "testnet" / "journal.sqlite"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"no journal of any kind")
    settings = {"MODE": "testnet", "BYBIT__TESTNET_API_KEY": "k" * 18, "BYBIT__TESTNET_API_SECRET": "s" * 36}
    command = [sys.executable, "-m", "bot", "run"]

    ended = subprocess.run(command, cwd=tmp_path, env=environment(settings), capture_output=True, text=True, timeout=60)

    assert ExitCode.MACHINE == ended.returncode
    assert "cannot be used as a journal" in ended.stderr + ended.stdout


def test_a_port_that_is_taken_may_be_free_at_the_next_start(hedgelock):
    """The exchange has no part in it: the code is of those that are restarted, and not the exchange's."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = hedgelock("run", WEB__PORT=str(taken.getsockname()[1]), WEB__METRICS_PORT="0")

    assert ExitCode.FAILURE == ended.returncode
    assert "is taken by another program" in ended.stderr + ended.stdout


@pytest.mark.skipif(
    int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80, reason="anybody may listen on 80 here"
)
def test_a_port_without_the_right_to_it_is_a_settings_fault(tmp_path: Path):
    """No other start mends it; it was the exchange's code, and systemd restarted for ever."""
    settings = environment({"WEB__PORT": "80", "WEB__METRICS_PORT": "0"})
    command = [sys.executable, "-m", "bot", "run"]

    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=settings,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=partial(without, CAP_NET_BIND_SERVICE),
    )

    assert ExitCode.SETTINGS == ended.returncode
    assert "may not listen on 127.0.0.1:80" in ended.stderr + ended.stdout


def test_a_lock_that_cannot_be_written_asks_for_a_person(tmp_path: Path):
    """A folder without the right to write it is without it at the next start too; it was 1, which systemd restarts."""
    (home := tmp_path / "var" / "paper").mkdir(parents=True)
    home.chmod(0o500)

    ended = subprocess.run(
        [sys.executable, "-m", "bot", "run"],
        cwd=tmp_path,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=partial(without, CAP_DAC_OVERRIDE),
    )

    assert ExitCode.MACHINE == ended.returncode
    assert "journal.lock cannot be written: Permission denied" in ended.stderr + ended.stdout


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_teaches(hedgelock, flag: str):
    """Examples, every verb, what Ctrl-C does, and what each exit code means."""
    answer = hedgelock(flag)

    assert ExitCode.OK == answer.returncode
    for verb in ("run", "simulate", "status", "config", "explain", "journal", "replay", "decide", "version"):
        assert f"\n  {verb} " in answer.stdout
    assert "hedgelock run --speed 600" in answer.stdout
    assert "the hedge stays on" in answer.stdout
    for code in ExitCode:
        assert f"{code:d}  {code.meaning}" in answer.stdout


@pytest.mark.parametrize(
    "verb", ["run", "simulate", "status", "config", "explain", "journal", "replay", "decide", "version"]
)
def test_every_verb_has_help(hedgelock, verb: str):
    """No verb needs a manual elsewhere."""
    answer = hedgelock(verb, "--help")

    assert ExitCode.OK == answer.returncode
    assert f"Usage: hedgelock {verb}" in answer.stdout


def test_help_of_config_lists_every_setting(hedgelock):
    """The same rows as config/README.md, without leaving the terminal."""
    text = hedgelock("config", "-h").stdout

    assert "HEDGELOCK__HEDGE__BAND_BTC\n        a gap smaller than this is left alone (0.001 to 1 BTC) [0.010]" in text


def test_no_verb_means_run(hedgelock):
    """`hedgelock` and `hedgelock --mode mainnet` are the daemon."""
    for args in ([], ["--mode", "mainnet"], ["run"]):
        answer = hedgelock(*args, MODE="mainnet")

        assert ExitCode.REFUSED == answer.returncode
        assert "HEDGELOCK__ARM_MAINNET = yes-trade-real-money" in answer.stderr


def test_a_mistyped_verb_is_a_usage_error(hedgelock):
    """A script must be able to tell its own mistake from ours."""
    answer = hedgelock("stauts")

    assert (ExitCode.USAGE, "") == (answer.returncode, answer.stdout)
    assert "stauts" in answer.stderr


def test_a_wrong_setting_has_its_own_exit_code(hedgelock):
    """One message, the variable, the value, the range; nothing is started."""
    answer = hedgelock("run", HEDGE__BAND_BTC="5")

    assert ExitCode.SETTINGS == answer.returncode
    first, hint = answer.stderr.splitlines()
    assert (
        "hedgelock: HEDGELOCK__HEDGE__BAND_BTC = '5' (environment) is out of range: allowed 0.001 to 1 BTC (default 0.010)"
        == first
    )
    assert "config/README.md" in hint


def test_a_world_without_keys_is_a_wrong_setting(hedgelock):
    """It names the variables that are missing."""
    answer = hedgelock("run", "--mode", "testnet")

    assert ExitCode.SETTINGS == answer.returncode
    assert "HEDGELOCK__BYBIT__TESTNET_API_KEY and HEDGELOCK__BYBIT__TESTNET_API_SECRET" in answer.stderr


def test_version_for_people_and_scripts(hedgelock):
    """What to put into a report of a problem."""
    assert f"hedgelock {__version__}\n" == hedgelock("--version").stdout
    assert hedgelock("version").stdout.startswith(f"hedgelock  {__version__}\n")
    facts = json.loads(hedgelock("version", "--json").stdout)
    assert __version__ == facts["hedgelock"]
    assert {"python", "ccxt", "websockets"} <= facts.keys()


def test_config_says_what_is_in_force_and_where_from(hedgelock, tmp_path: Path):
    """Three sources, one table; scripts get the range and the reader too."""
    (tmp_path / ".env").write_text("HEDGELOCK__PAPER__SPEED=60\n")

    rows = json.loads(hedgelock("config", "--json", WEB__PORT="8010").stdout)

    told = {row["name"]: (row["value"], row["source"]) for row in rows}
    assert ("60", ".env") == told["HEDGELOCK__PAPER__SPEED"]
    assert ("8010", "environment") == told["HEDGELOCK__WEB__PORT"]
    assert ("paper", "default") == told["HEDGELOCK__MODE"]
    assert {"name", "value", "source", "kind", "default", "allowed", "unit", "room", "what"} == rows[0].keys()


def test_config_for_people_can_be_narrowed(hedgelock):
    """By a word, or to what somebody set."""
    text = hedgelock("config", "hedge__b", HEDGE__BAND_BTC="0.02").stdout
    assert ["HEDGELOCK__HEDGE__BAND_BTC", "0.02", "BTC", "environment"] == text.split()[3:]

    text = hedgelock("config", "--changed", PAPER__SEED="7").stdout
    assert ["HEDGELOCK__PAPER__SEED", "7", "environment"] == text.split()[3:]

    nothing = hedgelock("config", "--changed")
    assert ("", "none") == (nothing.stdout, nothing.stderr.strip())


def test_config_never_shows_a_secret(hedgelock):
    """A person pastes this into a chat."""
    keys = {"BYBIT__TESTNET_API_KEY": "AKIDTESTNET000001", "BYBIT__TESTNET_API_SECRET": SECRET}

    for args in (["config"], ["config", "--json"], ["config", "--changed"]):
        answer = hedgelock(*args, **keys)
        assert "********" in answer.stdout
        assert "canary" not in answer.stdout + answer.stderr
        assert "AKID" not in answer.stdout + answer.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path):
    """`hedgelock config | head -1` ends without a traceback."""
    command = f'"{sys.executable}" -m bot config -h | head -1'
    answer = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment({}), capture_output=True, text=True, check=False
    )

    assert ("Usage: hedgelock config [OPTIONS] [words]...\n", "") == (answer.stdout, answer.stderr)


def test_status_without_a_daemon_says_so(hedgelock):
    """Not running is an answer: exit code 1, and how to start one."""
    answer = hedgelock("status", "--port", "1")

    assert (ExitCode.FAILURE, "") == (answer.returncode, answer.stdout)
    assert "no daemon answers at http://127.0.0.1:1 " in answer.stderr
    assert "Start one with: hedgelock run" in answer.stderr


class Told(http.server.BaseHTTPRequestHandler):
    """Answers every question with the server's `answer`."""

    def do_GET(self) -> None:
        code, body = self.server.answer  # type: ignore[attr-defined]
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def daemon() -> Iterator[http.server.HTTPServer]:
    """A loopback server in the daemon's place; set its `answer` to (status code, bytes)."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Told)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_status_prints_whatever_the_daemon_tells(hedgelock, daemon):
    """Sections as tables, absent as unavailable (never zero), and nothing from outside becomes markup."""
    told = {
        "mode": "TRADING",
        "legs": {"long_btc": "0.051", "short_btc": "0.321", "funding": None},
        "decisions": [{"at": "10:00", "reason": "[red]gap[/red] 0.27"}, {"at": "11:00", "reason": "in band"}],
    }
    daemon.answer = (200, json.dumps(told).encode())
    port = str(daemon.server_port)

    text = hedgelock("status", "--all", "--port", port).stdout
    assert told == json.loads(hedgelock("status", "--json", "--port", port).stdout)

    assert "TRADING" in text
    assert ["long_btc", "0.051"] in [line.split() for line in text.splitlines()]
    assert ["funding", "unavailable"] in [line.split() for line in text.splitlines()]
    assert "[red]gap[/red] 0.27" in text


@pytest.mark.parametrize("answer", [(404, b"nope"), (200, b"<html>"), (200, b"[1]"), (200, b"\xff")])
def test_status_of_something_else_says_so(hedgelock, daemon, answer: tuple[int, bytes]):
    """Another program may sit on that port."""
    daemon.answer = answer

    ended = hedgelock("status", "--port", str(daemon.server_port))

    assert (ExitCode.FAILURE, "") == (ended.returncode, ended.stdout)
    assert 1 == len(ended.stderr.splitlines())


def test_simulate_serves_until_it_is_told_to_stop(tmp_path: Path):
    """Its first line is for a parent process: JSON with the address, and Bybit's own paths answer there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "simulate", "--speed", "60", "--start", "2025-09-01"],
        cwd=tmp_path,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        with urlopen(first["listening"] + "/v5/market/time", timeout=5) as answer:
            assert 0 == json.load(answer)["retCode"]
        process.send_signal(signal.SIGTERM)
        assert ExitCode.OK == process.wait(timeout=10)
    finally:
        process.kill()
        process.communicate()
    assert 60.0 == first["speed"]
    assert first["market_ms"] >= 1756684800000


def test_simulate_tells_what_a_person_can_mend(hedgelock):
    """A start that the tape does not hold is a sentence, not a traceback."""
    answer = hedgelock("simulate", "--start", "2035-01-01")

    assert ExitCode.FAILURE == answer.returncode
    assert "Traceback" not in answer.stderr
    assert answer.stderr.startswith("hedgelock: the tape is from 2025-08-20")
