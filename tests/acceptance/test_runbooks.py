"""Every command of the runbooks, typed as it stands there against a paper daemon: it works, or the page is wrong."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.acceptance.processes import ROOT, Daemon, a_daemon, a_venue, environment, wait_for

pytestmark = pytest.mark.acceptance

PAGES = ("docs/alerts.md", "docs/runbooks/emergencies.md")
TYPED = re.compile(r"hedgelock |scripts/kill_switch\.py|df ")
ELSEWHERE = ("hedgelock watch", "hedgelock doctor --fix")
"""It runs until it is stopped (test_watch.py); it mends what is not broken here (tests/conformance/test_doctor.py)."""
ENDINGS = {"hedgelock doctor": {0, 9}, "scripts/kill_switch.py --dry-run": {0, 1}}
"""Everything else ends with 0. The doctor says 9 for a closed latch; a dry run says 1 for a book that is not flat."""


def commands() -> list[str]:
    """Every command of the pages, once, in their order; those with a word to be filled in are left out."""
    found: dict[str, None] = {}
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for block, inline in re.findall(r"^```\n(.*?)^```$|`([^`]+)`", text, re.MULTILINE | re.DOTALL):
            lines = [inline.replace("\n", " ")] if inline else block.splitlines()
            found |= dict.fromkeys(
                line for line in lines if TYPED.match(line) and "..." not in line and "DIR" not in line
            )
    return [command for command in found if command not in ELSEWHERE]


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_what_the_runbooks_say_can_be_typed(tmp_path: Path) -> None:
    """One daemon lives through all of it: whatever halts it is lifted with the runbook's own command."""
    (tmp_path / "home").mkdir()
    wrong = []
    with a_mailbox() as url, a_venue(tmp_path, speed=60) as venue, a_daemon(tmp_path / "home", venue=venue) as daemon:
        known = {"WEB__PORT": str(daemon.port), "BYBIT__REST_URL": venue.url, "ALERTS__FIRST_URL": url}
        wait_for(lambda: daemon.said("hedge ended"), seconds=60, what="the first hedge")
        for command in commands():
            ending = typed(command, daemon, tmp_path / "home", known)
            if ending.returncode not in ENDINGS.get(command, {0}):
                wrong.append(f"$ {command}\n{ending.stdout}{ending.stderr}-> {ending.returncode}")
        assert daemon.stop() == 0

    assert [] == wrong
    assert len(commands()) >= 25


def typed(command: str, daemon: Daemon, home: Path, known: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The command's ending; a daemon that an earlier one halted trades again first."""
    if daemon.status()["latch"]["closed"] and "resume" not in command:
        lifted = _run('hedgelock resume --reason "the next page"', home, known)
        assert lifted.returncode == 0, lifted.stderr
        wait_for(lambda: daemon.status()["mode"]["name"] == "TRADING", seconds=30, what="trading again")
    return _run(command, home, known)


def _run(command: str, home: Path, known: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    starts = {
        "hedgelock": [sys.executable, "-m", "bot"],
        "scripts/kill_switch.py": [sys.executable, str(ROOT / words[0])],
    }
    return subprocess.run(
        [*starts.get(words[0], words[:1]), *words[1:]],
        cwd=home,
        env=environment(known),
        input=f"{words[1] if words[1:] else 'flatten'} paper\n",  # the phrase that an emergency asks for
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def a_mailbox() -> Iterator[str]:
    """A webhook that takes everything."""

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Takes)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/alerts"
    finally:
        server.shutdown()
