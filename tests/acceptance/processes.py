"""Whole processes, started as a person starts them, watched from outside.

The venue is watched through pybit, a client nobody here wrote, and through its own private truth; never through the daemon's word.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pybit.unified_trading import HTTP

from bot.simulator.accounts import PAPER_ACCOUNT

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


def wait_for(look: Callable[[], T], *, seconds: float, what: str, every_s: float = 0.05) -> T:
    """The first truthy look within `seconds`; fails by name otherwise."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(every_s)
    raise AssertionError(f"waited {seconds} s for {what}")


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Daemon:
    """One run of the daemon; `log` is everything it wrote, parsed."""

    process: subprocess.Popen[bytes]
    port: int
    log_path: Path

    @property
    def log(self) -> list[dict[str, Any]]:
        lines = self.log_path.read_text().splitlines(keepends=True)
        return [
            json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")
        ]  # the last may be half written

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line.get("event") == event]

    def status(self) -> dict[str, Any]:
        """What the dashboard's API tells; waits for a daemon that is still starting."""
        wait_for(self._listens, seconds=30, what="the dashboard to answer")
        return json.loads(self.tells("/api/v1/status"))  # type: ignore[no-any-return]

    def tells(self, path: str) -> str:
        """What it answers whoever shows the token that it keeps beside its journal."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Authorization", f"Bearer {self.token()}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return str(answer.read().decode())

    def shows_it_is_well(self) -> bool:
        """True once /health says so: the window is shown the engine twice a second."""
        try:
            return bool(self.tells("/health"))
        except urllib.error.HTTPError:
            return False

    def token(self, name: str = "web.token") -> str:
        """web.token reads, verbs.token operates."""
        return next(self.log_path.parent.rglob(name)).read_text().strip()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def run(self) -> str:
        """The name of its run, which begins the names of its orders."""
        return str(self.said("run")[-1]["run"])

    def kill(self) -> None:
        """SIGKILL: it learns nothing, tidies nothing."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self, by: signal.Signals = signal.SIGTERM, seconds: float = 15) -> int:
        self.process.send_signal(by)
        return self.process.wait(seconds)


@dataclass(slots=True)
class Venue:
    """A paper venue in a process of its own."""

    url: str
    client: HTTP = field(init=False)

    def __post_init__(self) -> None:
        self.client = HTTP(api_key=PAPER_ACCOUNT.api_key, api_secret=PAPER_ACCOUNT.api_secret)
        self.client.endpoint = self.url

    def legs(self) -> tuple[str, str]:
        """(long, short) as pybit reads them."""
        rows = self.client.get_positions(category="linear", symbol="BTCUSDT")["result"]["list"]
        by_leg = {row["positionIdx"]: row["size"] for row in rows}
        return by_leg[1], by_leg[2]

    def orders(self) -> list[dict[str, Any]]:
        """Every order the venue ever accepted, newest first."""
        return self.client.get_order_history(category="linear", symbol="BTCUSDT", limit=50)["result"]["list"]  # type: ignore[no-any-return]

    def ask(self, path: str, /, method: str | None = None, **params: Any) -> Any:
        """The venue's control endpoint; with `params` a POST."""
        body = json.dumps(params).encode() if params else None
        request = urllib.request.Request(f"{self.url}/sim/{path}", data=body, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def owner_trades(self, side: str, qty: str, position_idx: int) -> None:
        """The account's owner trades by hand, at market."""
        order = {"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": "Market", "qty": qty}
        self.ask("owner", account="paper", path="/v5/order/create", params=order | {"positionIdx": position_idx})

    def truth(self) -> dict[str, Any]:
        """The venue's own books, whatever a fault shows a client."""
        return self.ask("accounts/paper")  # type: ignore[no-any-return]


@contextmanager
def a_venue(cwd: Path, *, speed: float = 240) -> Iterator[Venue]:
    command = [sys.executable, "-m", "bot", "simulate", f"--speed={speed}"]
    process = subprocess.Popen(command, cwd=cwd, env=environment({}), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield Venue(url=json.loads(process.stdout.readline())["listening"])
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def a_daemon(
    cwd: Path,
    *,
    venue: Venue | None = None,
    by: tuple[str, ...] = (sys.executable, "-m", "bot"),
    tmp: Path | None = None,
    **settings: str,
) -> Iterator[Daemon]:
    """A daemon in `cwd`, on `venue` or on one of its own; whatever is left of it at the end is killed. `tmp`: another machine's /tmp."""
    port = a_free_port()
    known = {"WEB__PORT": str(port), "WEB__METRICS_PORT": "0", "LOG__FORMAT": "json"}
    if venue is not None:
        known["BYBIT__REST_URL"] = venue.url
    log_path = cwd / f"daemon-{port}.log"
    with log_path.open("wb") as log:
        outer = environment(known | settings) | ({"TMPDIR": str(tmp)} if tmp else {})
        process = subprocess.Popen(by, cwd=cwd, env=outer, stdout=log, stderr=log)
        daemon = Daemon(process=process, port=port, log_path=log_path)
        try:
            yield daemon
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait(10)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("HEDGELOCK")}
    paths = os.pathsep.join(filter(None, (str(ROOT), outer.get("PYTHONPATH"))))
    return outer | {"PYTHONPATH": paths} | {f"HEDGELOCK__{name}": value for name, value in settings.items()}
