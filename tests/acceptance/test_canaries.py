"""Canaries: secrets that must appear nowhere, looked for everywhere, in a real daemon at its most talkative that then dies of a mistake."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from bot.simulator.accounts import PAPER_ACCOUNT
from tests.acceptance.processes import ROOT, a_daemon, a_venue, environment, wait_for

pytestmark = pytest.mark.acceptance

CANARIES = {
    "BYBIT__MAINNET_API_KEY": "canarykeycanarykey01",
    "BYBIT__MAINNET_API_SECRET": "canarysecretcanarysecret01",
    "WEB__TOKEN": "canarytokencanarytokencanary",
    "DEADMAN__HEARTBEAT_URL": "http://127.0.0.1:1/canaryheartbeat",
    "ALERTS__FIRST_URL": "json://127.0.0.1:1/canaryfirstchannel",
}
PAGES = ("/", "/api/v1/status", "/api/v1/trail", "/health", "/metrics")
TYPED = (
    ("-m", "bot", "config"),
    ("-m", "bot", "doctor"),
    ("-m", "bot", "bundle"),
    (str(ROOT / "scripts/kill_switch.py"), "freeze", "--yes", "--drill", "--mode", "paper"),
)


@pytest.mark.timeout(240)
def test_no_canary_is_found_anywhere(tmp_path: Path) -> None:
    """Log at debug, journal, whatever else it writes, its pages, the process list, what other commands say and write, the bundle unpacked;
    and after it was torn down by a signal nobody handles.
    """
    told: dict[str, bytes] = {}
    with a_venue(tmp_path) as venue, a_daemon(tmp_path, venue=venue, LOG__LEVEL="debug", **CANARIES) as daemon:
        wait_for(lambda: daemon.said("decision"), seconds=90, what="a decision")
        wait_for(daemon.shows_it_is_well, seconds=10, what="the window to show it")
        for page in PAGES:
            request = urllib.request.Request(f"http://127.0.0.1:{daemon.port}{page}")
            request.add_header("Authorization", f"Bearer {CANARIES['WEB__TOKEN']}")
            with urllib.request.urlopen(request, timeout=5) as answer:
                told[page] = answer.read()
        known = environment({"BYBIT__REST_URL": venue.url, "WEB__PORT": str(daemon.port), **CANARIES})
        for words in TYPED:
            process = subprocess.Popen(
                [sys.executable, *words], cwd=tmp_path, env=known, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            told[f"process list beside {words}"] = b"".join(_command_lines())
            told[" ".join(words)] = process.communicate(timeout=60)[0]
        daemon.process.send_signal(6)  # SIGABRT: no handler, no tidying, and no core either
        daemon.process.wait(10)

    (bundle,) = tmp_path.glob("hedgelock-bundle-*.tar.gz")
    with tarfile.open(bundle) as archive:
        told |= {f"bundle: {name}": archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
    written = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    secrets = [*CANARIES.values(), PAPER_ACCOUNT.api_secret]
    assert [] == [
        (name, secret) for name, text in (told | written).items() for secret in secrets if secret.encode() in text
    ]
    assert len(written) >= 6
    assert {"bundle: hedgelock-bundle/settings.json", "bundle: hedgelock-bundle/status.json"} <= set(told)
    assert b"done and verified" in told[" ".join(TYPED[-1])]
    assert not list(tmp_path.glob("core*"))


@pytest.mark.timeout(240)
def test_the_tokens_a_daemon_makes_are_in_their_files_alone(tmp_path: Path) -> None:
    """Nothing is configured: what opens the window is in no log, page, bundle, process list or other file of its."""
    told: dict[str, bytes] = {}
    with a_daemon(tmp_path, LOG__LEVEL="debug") as daemon:
        wait_for(lambda: daemon.said("decision"), seconds=90, what="a decision")
        wait_for(daemon.shows_it_is_well, seconds=10, what="the window to show it")
        told |= {page: daemon.tells(page).encode() for page in PAGES}
        secrets = {name: daemon.token(name) for name in ("web.token", "verbs.token")}
        known = environment({"WEB__PORT": str(daemon.port)})
        for verb in ("config", "status", "bundle"):
            words = [sys.executable, "-m", "bot", verb]
            told[verb] = subprocess.run(words, cwd=tmp_path, env=known, capture_output=True, check=True).stdout
        told["process list"] = b"".join(_command_lines())
        link = [sys.executable, "-m", "bot", "dashboard"]
        printed = subprocess.run(link, cwd=tmp_path, env=known, capture_output=True, check=True).stdout.decode()
        daemon.stop()

    (bundle,) = tmp_path.glob("hedgelock-bundle-*.tar.gz")
    with tarfile.open(bundle) as archive:
        told |= {f"bundle: {name}": archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
    told |= {
        str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name not in secrets
    }
    assert f"http://127.0.0.1:{daemon.port}/#token={secrets['web.token']}\n" == printed
    assert [] == [
        (name, secret) for name, text in told.items() for secret in secrets.values() if secret.encode() in text
    ]
    assert b"DEBUG" in told[str(daemon.log_path)].upper()
    assert b"paper" in told["bundle: hedgelock-bundle/status.json"]


def _command_lines() -> list[bytes]:
    """What `ps` shows of every process of this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found


def test_a_mistake_of_ours_prints_no_canary() -> None:
    """A traceback with the secret in its message and its arguments: the last printer of all hides it."""
    text = (
        "from bot import logs\n"
        "logs.configure(level='debug', form='json', secrets=['canarysecretcanarysecret01'])\n"
        "def sign(secret):\n"
        "    raise RuntimeError(f'cannot sign with {secret}')\n"
        "sign('canarysecret' + 'canarysecret01')\n"
    )
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False)

    assert 0 != ran.returncode
    assert "cannot sign with" in ran.stderr
    assert "canarysecretcanarysecret01" not in ran.stdout + ran.stderr
