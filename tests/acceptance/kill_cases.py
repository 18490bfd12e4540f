"""One kill under one seeded misfortune: the daemon's state, the machine's trouble, the venue's weather, and what the venue's books say.

The script runs as a person runs it, as a process over real sockets. What counts is the venue's private truth, never the script's word.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from bot.premises import account_lock
from bot.simulator.accounts import PAPER_ACCOUNT
from tests.acceptance.processes import ROOT, Venue, a_daemon, a_venue, environment, wait_for

SCRIPT = ROOT / "scripts" / "kill_switch.py"
JOURNAL = Path("var/paper/journal.sqlite")

DAEMONS = ("dead", "dead", "stopped", "alive", "looping", "restarting")
TROUBLES = (
    *("none", "none", "journal locked", "journal corrupt", "journal gone", "disk full"),
    *("env broken", "host dead", "host silent", "twice"),
)
WEATHER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("calm", {}),
    ("request-lost", {}),
    ("reply-lost", {}),
    ("reply-half", {}),
    ("reply-late", {"ms": 700}),
    ("request-late", {"ms": 700}),
    ("request-doubled", {}),
    ("refused-with", {"value": "10016"}),
    ("refused-with", {"value": "110118", "match": "POST /v5/order/create"}),
    ("accepted-with", {"value": "10016"}),
    ("accepted-with", {"value": "110072", "match": "POST /v5/order/create"}),
    ("rate-limited", {}),
    ("http-error", {}),
    ("http-error-accepted", {}),
    *(("garbage", {"value": kind}) for kind in ("html", "empty", "null", "truncated", "result-null", "result-empty")),
    ("stale-read", {"ms": 1500}),
    ("rows-shuffled", {}),
    ("row-dropped", {"value": "positionIdx=1"}),
    ("row-dropped", {"value": "positionIdx=2"}),
    ("page-cut", {}),
    ("page-repeats", {}),
    ("page-empty", {}),
    ("leg-shrinks-first", {}),
    ("order-rejected-later", {}),
    ("order-cut-short", {}),
    ("cancel-race", {}),
    ("ip-ban", {"ms": 1500}),
    ("clock-off", {"ms": 6000}),
    ("clock-off", {"ms": -6000}),
    ("book-thin", {}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a seed draws."""

    seed: int
    daemon: str
    trouble: str
    fault: str
    faults: dict[str, Any]
    p: float
    resting: int

    @classmethod
    def draw(cls, seed: int) -> Case:
        rng = random.Random(f"kill/{seed}")
        fault, limits = rng.choice(WEATHER) if rng.random() > 0.2 else WEATHER[0]
        return cls(
            seed=seed,
            daemon=rng.choice(DAEMONS),
            trouble=rng.choice(TROUBLES),
            fault=fault,
            faults=limits,
            p=round(rng.uniform(0.15, 0.5), 2),
            resting=rng.choice((0, 0, 2, 5)),
        )

    @property
    def is_calm(self) -> bool:
        """Whether REST is healthy: the bounds on time hold here."""
        return self.fault == "calm" and not self.trouble.startswith("host")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What came of it. `flat` and `orders` are the venue's private truth in the moment the script ended, and after."""

    case: Case
    code: int
    flat: bool
    stayed_flat: bool
    orders: int
    took_s: float
    told: dict[str, Any]
    words: str

    def as_row(self) -> dict[str, Any]:
        times = {
            name: self.told.get(name) for name in ("first_close_s", "flat_s", "verified_s", "timeline", "cpu_s", "load")
        }
        return {**asdict(self.case), "code": self.code, "flat": self.flat, "took_s": round(self.took_s, 2), **times}


def live(case: Case, shared: Venue, folder: Path) -> Ending:
    """Set the scene, kill, look at the venue's own books. The venue is left calm."""
    with the_account(case, shared, folder) as venue:
        return _live(case, venue, folder)


@contextmanager
def the_account(case: Case, shared: Venue, folder: Path) -> Iterator[Venue]:
    """A daemon has an account that no other traded before: on a used one a new journal waits for a person's word."""
    if case.daemon in ("dead", "looping"):
        yield shared
        return
    with a_venue(folder, speed=60) as venue:
        venue.owner_trades("Sell", "0.213", 1)
        venue.owner_trades("Buy", "0.213", 2)
        yield venue


def _live(case: Case, venue: Venue, folder: Path) -> Ending:
    open_the_book(venue, case.resting)
    with ExitStack() as stack:
        stack.callback(venue.ask, "faults", method="DELETE")
        stack.enter_context(the_daemon(case.daemon, venue, folder))
        arguments, options = stack.enter_context(the_trouble(case.trouble, venue, folder))
        let_the_weather_in(case, venue)
        began_s = time.monotonic()
        runs = [_kill(folder, arguments, options) for _ in range(2 if case.trouble == "twice" else 1)]
        outputs = [run.communicate(timeout=150) for run in runs]
        took_s = time.monotonic() - began_s
        codes = [run.returncode for run in runs]
        venue.ask("faults", method="DELETE")
        flat, orders = truth(venue)
        if case.daemon in ("stopped", "alive", "restarting"):
            time.sleep(1.5)  # whoever would open it again has had time to
        stayed_flat, _ = truth(venue)
    told = json.loads(outputs[0][0] or b"{}")
    words = b"\n".join(error for _, error in outputs).decode()
    code = max(codes)
    return Ending(
        case=case, code=code, flat=flat, stayed_flat=stayed_flat, orders=orders, took_s=took_s, told=told, words=words
    )


def truth(venue: Venue) -> tuple[bool, int]:
    """(flat, open orders) as the venue's private books have it."""
    account = venue.truth()
    flat = all(D(str(leg["size"])) == 0 for leg in account["legs"].values())
    rows = account["orders"].values() if isinstance(account["orders"], dict) else account["orders"]
    return flat, sum(1 for order in rows if order.get("category") == "linear")


def open_the_book(venue: Venue, resting: int) -> None:
    """Two legs as the owner opens them, and orders that rest and wait."""
    venue.owner_trades("Buy", "0.213", 1)
    venue.owner_trades("Sell", "0.321", 2)
    price = venue.client.get_tickers(category="linear", symbol="BTCUSDT")["result"]["list"][0]["markPrice"]
    far = round(float(price) * 0.9)
    for number in range(resting):
        order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "0.01", "positionIdx": 1}
        kind = (
            {"orderType": "Limit", "price": str(far - number)}
            if number % 2
            else {"orderType": "Market", "triggerPrice": str(far + number), "triggerDirection": 2}
        )
        venue.ask("owner", account="paper", path="/v5/order/create", params=order | kind)


def let_the_weather_in(case: Case, venue: Venue) -> None:
    if case.fault == "calm":
        return
    dice = {} if case.fault in ("ip-ban", "clock-off", "book-thin") else {"p": case.p}
    venue.ask("faults", fault=case.fault, **dice, **case.faults)


@contextmanager
def the_daemon(state: str, venue: Venue, folder: Path) -> Iterator[None]:
    """A daemon in that state for as long as the block runs."""
    (folder / "var" / "paper").mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        (folder / "var" / "paper" / "halt.latch").unlink()
    match state:
        case "dead":
            yield
        case "looping":
            with a_spinning_holder_of_every_lock(venue, folder):
                yield
        case "restarting":
            with a_storm_of_restarts(venue, folder):
                yield
        case _:
            with a_daemon(folder, venue=venue, WEB__ENABLED="false") as daemon:
                wait_for(lambda: daemon.said("run"), seconds=110, what="the daemon")
                wait_for(lambda: daemon.said("decision"), seconds=110, what="its first decision")
                if state == "stopped":
                    daemon.process.send_signal(signal.SIGSTOP)
                yield
                if state == "stopped":
                    daemon.process.send_signal(signal.SIGCONT)  # it wakes up in the middle of what it meant to do
                    time.sleep(2)


@contextmanager
def a_spinning_holder_of_every_lock(venue: Venue, folder: Path) -> Iterator[None]:
    """A process that does nothing but turn, and has the journal, its lock and the account's."""
    text = (
        "import fcntl, os, pathlib, sqlite3, sys, time\n"
        "os.nice(15)\n"
        "held = []\n"
        "for name in sys.argv[2:]:\n"
        "    pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)\n"
        "    held.append(open(name, 'a')); fcntl.flock(held[-1], fcntl.LOCK_EX)\n"
        "db = sqlite3.connect(sys.argv[1]); db.execute('BEGIN EXCLUSIVE')\n"
        "print('spinning', flush=True)\n"
        "until = time.monotonic() + 120\n"
        "while time.monotonic() < until: pass\n"
    )
    locks = [str(JOURNAL.with_suffix(".lock")), str(account_lock(venue.url, PAPER_ACCOUNT.api_key))]
    command = [sys.executable, "-c", text, f"{JOURNAL}.spin", *locks]
    spinner = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE)
    try:
        assert spinner.stdout is not None
        assert b"spinning" in spinner.stdout.readline()
        yield
    finally:
        spinner.kill()
        spinner.wait(10)


@contextmanager
def a_storm_of_restarts(venue: Venue, folder: Path) -> Iterator[None]:
    """A supervisor that knows nothing but to start the daemon again, while something keeps killing it."""
    text = (
        "import os, subprocess, sys, time\n"
        "while True:\n"
        "    child = subprocess.Popen([sys.executable, '-m', 'bot'])\n"
        "    try:\n"
        "        child.wait(12)\n"
        "    except subprocess.TimeoutExpired:\n"
        "        child.kill(); child.wait()\n"
    )
    settings = {"BYBIT__REST_URL": venue.url, "WEB__ENABLED": "false", "LOG__FORMAT": "json"}
    with (folder / "storm.log").open("wb") as log:
        storm = subprocess.Popen(
            [sys.executable, "-c", text],
            cwd=folder,
            env=environment(settings),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_for(lambda: (folder / "var/paper/daemon.json").exists(), seconds=110, what="its first daemon")
            yield
        finally:
            os.killpg(storm.pid, signal.SIGKILL)
            storm.wait(10)


@contextmanager
def the_trouble(trouble: str, venue: Venue, folder: Path) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """(arguments, options of Popen) of a kill in that trouble."""
    here = ["--host", venue.url]
    (folder / ".env").unlink(missing_ok=True)
    match trouble:
        case "journal locked":
            with contextlib.closing(sqlite3.connect(folder / "var/paper/other.sqlite")) as db:
                db.execute("BEGIN EXCLUSIVE")
                with (folder / JOURNAL.with_suffix(".lock")).open("a") as lock, contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield here, {}
                    return
                yield here, {}
        case "journal corrupt":
            for path in (folder / "var/paper").glob("journal.sqlite*"):
                with path.open("r+b") as stream:
                    stream.write(os.urandom(512))
            yield here, {}
        case "journal gone":
            for path in (folder / "var/paper").glob("*"):
                path.unlink()
            yield here, {}
        case "disk full":
            yield here, {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))}
        case "env broken":
            broken = "HEDGELOCK__MODE=paper\nHEDGELOCK__BYBIT__REST_URL='http://\n=====\n\"\nHEDGELOCK__LIMITS__MAX_LEG_BTC=x\n"
            (folder / ".env").write_text(broken)
            try:
                yield here, {}
            finally:
                (folder / ".env").unlink()
        case "host dead":
            yield ["--host", "http://127.0.0.1:1", *here], {}
        case "host silent":
            with socket.socket() as deaf:
                deaf.bind(("127.0.0.1", 0))
                deaf.listen(64)
                yield ["--host", f"http://127.0.0.1:{deaf.getsockname()[1]}", *here], {}
        case _:
            yield here, {}


def _kill(folder: Path, arguments: list[str], options: dict[str, Any]) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        str(SCRIPT),
        "flatten",
        "--yes",
        "--json",
        "--give-up",
        "100",
        "--ban-wait",
        "2",
        "--home",
        str(folder),
        *arguments,
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    known = {"TMPDIR": tempfile.gettempdir()}
    return subprocess.Popen(command, cwd=folder, env=environment({}) | known, **pipes, **options)
