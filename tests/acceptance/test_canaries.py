"""Canaries: secrets that must appear nowhere, looked for everywhere, in a real daemon at its most talkative that then dies of a mistake."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from bot.simulator.accounts import PAPER_ACCOUNT
from tests.acceptance.processes import a_daemon, a_venue, wait_for

pytestmark = pytest.mark.acceptance

CANARIES = {
    "BYBIT__MAINNET_API_KEY": "canarykeycanarykey01",
    "BYBIT__MAINNET_API_SECRET": "canarysecretcanarysecret01",
    "WEB__TOKEN": "canarytokencanarytokencanary",
    "DEADMAN__HEARTBEAT_URL": "http://127.0.0.1:1/canaryheartbeat",
}


def test_no_canary_is_found_anywhere(tmp_path: Path) -> None:
    """Log at debug, journal, whatever else it writes, its page, its process list; and after it was torn down by a signal nobody handles."""
    with a_venue(tmp_path) as venue, a_daemon(tmp_path, venue=venue, LOG__LEVEL="debug", **CANARIES) as daemon:
        wait_for(lambda: daemon.said("decision"), seconds=90, what="a decision")
        request = urllib.request.Request(f"http://127.0.0.1:{daemon.port}/api/v1/status")
        request.add_header("Authorization", f"Bearer {CANARIES['WEB__TOKEN']}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            page = answer.read()
        command_line = Path(f"/proc/{daemon.process.pid}/cmdline").read_bytes()
        daemon.process.send_signal(6)  # SIGABRT: no handler, no tidying, and no core either
        daemon.process.wait(10)

    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    written |= {Path("page"): page, Path("command line"): command_line}
    secrets = [*CANARIES.values(), PAPER_ACCOUNT.api_secret]
    assert [] == [
        (str(path), secret) for path, text in written.items() for secret in secrets if secret.encode() in text
    ]
    assert len(written) >= 4
    assert not list(tmp_path.glob("core*"))


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
