"""`hedgelock watch` as a person runs it beside a daemon: it lets a healthy one be, and acts for one that hangs with a position on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.acceptance.processes import Daemon, Venue, a_daemon, a_venue, environment, wait_for

pytestmark = pytest.mark.acceptance

SILENCE_S = 5
LATCH = Path("var/paper/halt.latch")


@pytest.mark.timeout(240)
def test_a_healthy_daemon_is_let_be_and_a_hanging_one_frozen(tmp_path: Path) -> None:
    """Nothing for twice the silence it bears, while it is heard. Stopped: orders cancelled, legs as they were, and it wakes up halted."""
    with a_venue(tmp_path, speed=60) as venue, _a_hedged_daemon(tmp_path, venue) as daemon:
        with _a_watch(tmp_path, venue, daemon.port, "freeze") as told:
            time.sleep(2 * SILENCE_S)
            assert 1 == len(told().splitlines()), told()
            assert not (tmp_path / LATCH).exists()

            daemon.process.send_signal(signal.SIGSTOP)
            before = venue.legs()
            venue.ask("owner", account="paper", path="/v5/order/create", params=_a_resting_order(venue))
            wait_for(lambda: "done and verified: freeze" in told(), seconds=60, what="the freeze")

            assert (tmp_path / LATCH).exists()
            assert before == venue.legs()
            assert not venue.truth()["orders"]
            daemon.process.send_signal(signal.SIGCONT)
            wait_for(lambda: daemon.status()["mode"]["name"] == "HALTED", seconds=30, what="HALTED")
            time.sleep(SILENCE_S + 3)
        assert 1 == told().count("with a position on"), told()
        assert before == venue.legs()


@pytest.mark.timeout(240)
def test_a_watch_that_comes_late_hears_of_the_daemon_at_a_crowded_door(tmp_path: Path) -> None:
    """Every connection is somebody else's: it is told at the door when the engine was last seen. One that hangs is frozen all the same."""
    with (
        a_venue(tmp_path, speed=60) as venue,
        _a_hedged_daemon(tmp_path, venue) as daemon,
        _a_crowd(daemon.port, 64),
        _a_watch(tmp_path, venue, daemon.port, "freeze") as told,
    ):
        time.sleep(3 * SILENCE_S)
        assert 1 == len(told().splitlines()), told()
        assert not (tmp_path / LATCH).exists()

        daemon.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: "done and verified: freeze" in told(), seconds=60, what="the freeze")
        daemon.process.send_signal(signal.SIGCONT)


@pytest.mark.timeout(240)
def test_a_machine_that_was_paused_is_no_silent_daemon(tmp_path: Path) -> None:
    """All stand still for four times the silence it bears, and the watch is the first to wake up."""
    with a_venue(tmp_path, speed=60) as venue, _a_hedged_daemon(tmp_path, venue) as daemon:
        with _a_watch(tmp_path, venue, daemon.port, "freeze") as told:
            time.sleep(SILENCE_S)
            watch = next(pid for pid, words in _processes(tmp_path) if words[-1:] == ["watch"])
            others = [pid for pid, _ in _processes(tmp_path) if pid != watch]
            assert len(others) >= 2  # the daemon and its window
            for pid in (watch, *others):
                os.kill(pid, signal.SIGSTOP)
            time.sleep(4 * SILENCE_S)
            for pid in (watch, *others):
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.3)
            time.sleep(2 * SILENCE_S)

            assert 1 == len(told().splitlines()), told()
        assert not (tmp_path / LATCH).exists()


@pytest.mark.timeout(240)
def test_a_dead_daemon_is_stood_in_for(tmp_path: Path) -> None:
    """Killed, and then the owner's trade makes the account 0.1 BTC too long: neutralise closes that, and no more."""
    with a_venue(tmp_path, speed=60) as venue, _a_hedged_daemon(tmp_path, venue) as daemon:
        daemon.kill()
        venue.owner_trades("Buy", "0.1", 1)
        short = venue.legs()[1]
        with _a_watch(tmp_path, venue, daemon.port, "neutralise") as told:
            wait_for(lambda: "done and verified: neutralise" in told(), seconds=60, what="the neutralising")

        long = float(venue.legs()[0])
        assert short == venue.legs()[1]
        assert abs(0.27 + long - float(short)) < 0.002 or long == 0.0


@pytest.mark.timeout(120)
def test_where_nothing_is_on_there_is_nothing_to_do(tmp_path: Path) -> None:
    """No daemon and no position: it says so and closes no latch."""
    with a_venue(tmp_path, speed=60) as venue:
        venue.owner_trades("Sell", "0.213", 1)
        venue.owner_trades("Buy", "0.213", 2)
        with _a_watch(tmp_path, venue, 9, "neutralise") as told:
            wait_for(lambda: "nothing is on: nothing to do" in told(), seconds=60, what="the look")

    assert not (tmp_path / LATCH).exists()


def _processes(folder: Path) -> list[tuple[int, list[str]]]:
    """(pid, command line) of everything that runs in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder:
                found.append((int(process.name), (process / "cmdline").read_text().rstrip("\0").split("\0")))
    return found


@contextmanager
def _a_crowd(port: int, size: int) -> Iterator[None]:
    """So many who came first and stay, each by asking something now and then."""
    asked = f"GET /static/app.js HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    gone = Event()

    def stay(line: socket.socket) -> None:
        while not gone.wait(5):
            with suppress(OSError):
                line.sendall(asked)
                line.recv(1 << 20)

    with ExitStack() as lines:
        for _ in range(size):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            line.sendall(asked)
            assert line.recv(1 << 20).startswith(b"HTTP/1.1 200")
            Thread(target=stay, args=(line,), daemon=True).start()
        yield
        gone.set()


@contextmanager
def _a_hedged_daemon(folder: Path, venue: Venue) -> Iterator[Daemon]:
    with a_daemon(folder, venue=venue) as daemon:
        wait_for(lambda: daemon.said("hedge ended"), seconds=90, what="the first hedge")
        yield daemon


@contextmanager
def _a_watch(folder: Path, venue: Venue, port: int, verb: str) -> Iterator[Callable[[], str]]:
    """A watch at work; yields what it has said so far. It ends by SIGTERM, with exit code 0."""
    settings = {"BYBIT__REST_URL": venue.url, "WEB__PORT": str(port), "DEADMAN__WATCH_VERB": verb}
    settings |= {"DEADMAN__WATCH_SILENCE_S": str(SILENCE_S)}
    path = folder / "watch.log"
    with path.open("wb") as log:
        command = [sys.executable, "-m", "bot", "watch"]
        process = subprocess.Popen(command, cwd=folder, env=environment(settings), stdout=log, stderr=log)
        try:
            wait_for(lambda: "watching" in path.read_text(), seconds=30, what="the watch")
            yield path.read_text
            process.terminate()
            assert 0 == process.wait(20)
        finally:
            process.kill()


def _a_resting_order(venue: Venue) -> dict[str, object]:
    mark = float(venue.client.get_tickers(category="linear", symbol="BTCUSDT")["result"]["list"][0]["markPrice"])
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01"}
    return order | {"positionIdx": 1, "price": str(round(mark * 0.9))}
