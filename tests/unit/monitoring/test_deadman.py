"""The dead-man's switches: a heartbeat only while all is well, a word to the supervisor, a second process that acts on silence."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import aiohttp
import httpx
import pytest
import respx

from bot.domain.clock import elapsed_s
from bot.domain.errors import SetUp
from bot.domain.view import BotView
from bot.journal.latch import Latch
from bot.monitoring.heartbeat import Heartbeat, HeartbeatOptions, silent_because
from bot.monitoring.pulse import Vitals
from bot.monitoring.watchdog import Watchdog
from bot.watch import Watch, kill_switch
from tests.build import a_view
from tests.patience import until
from tests.unit.monitoring.conftest import Open

URL = "https://alarm.example/abc"
WELL = Vitals(up_s=60.0, loop_lag_ms=1.0, worst_loop_lag_ms=2.0)


def unwell() -> list[tuple[str, object, Vitals, str, str]]:
    view = a_view()
    return [
        ("stale", replace(view, market=replace(view.market, stale=True)), WELL, "", "the price is stale"),
        ("unreconciled", replace(view, book=replace(view.book, reconciled_age_ms=None)), WELL, "", "the books are not"),
        ("late", view, replace(WELL, loop_lag_ms=5000.0), "", "the loop is 5000 ms late"),
        ("unwritten", view, WELL, "disk full", "the journal is not written"),
    ]


@pytest.mark.parametrize(("name", "view", "vitals", "journal", "why"), unwell(), ids=[case[0] for case in unwell()])
def test_no_heartbeat_while_something_is_wrong(name: str, view: object, vitals: Vitals, journal: str, why: str) -> None:
    """Silence is the alarm."""
    assert silent_because(view, vitals, journal_problem=journal).startswith(why)  # type: ignore[arg-type]


@respx.mock
async def test_it_beats_while_all_is_well_and_a_deaf_service_stops_nothing() -> None:
    """One GET; what the service answers is logged and no more."""
    route = respx.get(URL).mock(side_effect=[httpx.Response(200), httpx.Response(500), httpx.ConnectError("gone")])
    problem = ""
    heart = Heartbeat(HeartbeatOptions(url=URL), view=a_view, vitals=lambda: WELL, journal_problem=lambda: problem)

    async with httpx.AsyncClient() as client:
        assert [True, False, False] == [await heart.beat(client) for _ in range(3)]
        problem = "disk full"
        assert not await heart.beat(client)

    assert 3 == route.call_count


@pytest.mark.parametrize("url", ["https://alarm.example:port/abc", "http://[::1/abc"])
async def test_an_address_that_is_none_ends_no_daemon(url: str) -> None:
    """No heartbeat is heard, which is the alarm; the hedge goes on."""
    views: list[object] = []

    def view() -> BotView:
        views.append(a_view())
        return a_view()

    heart = Heartbeat(
        HeartbeatOptions(url=url, every_s=0.01), view=view, vitals=lambda: WELL, journal_problem=lambda: ""
    )
    task = asyncio.create_task(heart.run())
    await until(lambda: len(views) > 2 or task.done())

    assert not task.done()
    task.cancel()


async def test_the_supervisor_hears_ready_and_alive(tmp_path: Path) -> None:
    """READY first, then WATCHDOG; without a socket nothing is said."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(address)
        supervisor.settimeout(5)
        task = asyncio.create_task(Watchdog(lambda: WELL, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2000000"}).run())
        heard = [(await asyncio.to_thread(supervisor.recv, 100)).decode() for _ in range(2)]
        task.cancel()
        await asyncio.wait([task])

    assert ["READY=1", "WATCHDOG=1"] == heard
    Watchdog(lambda: WELL, {}).say("READY=1")


async def test_a_loop_that_turns_again_says_so_at_once(tmp_path: Path) -> None:
    """Half an interval later would be too late: systemd would kill a daemon that has been well for half a minute."""
    address = str(tmp_path / "n.sock")
    seen = iter([replace(WELL, loop_lag_ms=12_000.0)])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(address)
        supervisor.settimeout(10)
        watchdog = Watchdog(lambda: next(seen, WELL), {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000"})
        task = asyncio.create_task(watchdog.run())
        heard = [(await asyncio.to_thread(supervisor.recv, 100)).decode() for _ in range(2)]
        task.cancel()
        await asyncio.wait([task])

    assert ["READY=1", "WATCHDOG=1"] == heard


@pytest.mark.parametrize(
    ("on", "acts"), [(1, True), (2, True), (0, False)], ids=["a position", "unknown", "nothing on"]
)
def test_silence_with_a_position_on_is_acted_upon(on: int, acts: bool, tmp_path: Path) -> None:
    """The kill switch says whether anything is on; where nobody can know, it is taken to be."""
    ran: list[tuple[str, ...]] = []

    def kill(*words: str) -> int:
        ran.append(words)
        return on if "--dry-run" in words else 0

    latch = Latch(tmp_path / "journal.sqlite")
    watch = Watch("http://127.0.0.1:1/", latch, verb="freeze", silence_s=0.0, tell=lambda _: None, kill=kill)

    assert acts is watch.look()
    assert [("flatten", "--dry-run")] == ran[:1]
    assert acts is (len(ran) == 2 and ran[1][0] == "freeze")

    latch.close("freeze by kill_switch.py: silent")
    assert not watch.look()


HEARD = [
    # what /health/live answers, and whether five seconds of silence have passed
    ("just seen", 200, b'{"status": "ok", "seen_ago_s": 0.3}', False),
    ("seen long ago", 200, b'{"status": "ok", "seen_ago_s": 6.0}', True),
    ("from before the window", 200, b'{"status": "ok"}', False),
    ("no number", 200, b'{"seen_ago_s": ""}', True),
    ("a list", 200, b"[]", True),
    ("no JSON", 200, b"<html>", True),
    ("held up", 503, b'{"status": "unwell", "seen_ago_s": 12.0}', True),
    ("no place is free at its door", 503, b'{"status": "full", "seen_ago_s": 0.3}', False),
    ("nor is its engine seen", 503, b'{"status": "full", "seen_ago_s": 6.0}', True),
    ("a token is needed", 401, b"", False),
    ("not under this name", 421, b"This host name is not one of HedgeLock's allowed hosts.", False),
    ("another program without this page", 404, b"Not Found", True),
    ("another program's JSON", 200, b'{"hello": "world"}', True),
    ("a proxy before nothing", 502, b"Bad Gateway", True),
]


@pytest.mark.parametrize(("name", "status", "body", "acts"), HEARD, ids=[case[0] for case in HEARD])
def test_what_counts_as_a_word_of_the_engine(name: str, status: int, body: bytes, acts: bool, tmp_path: Path) -> None:
    """The window's answer is not the engine's: it tells how long ago that was seen."""

    class Window(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Window) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        watch = Watch(
            f"http://127.0.0.1:{server.server_port}/",
            Latch(tmp_path / "journal.sqlite"),
            verb="freeze",
            silence_s=5.0,
            tell=lambda _: None,
            kill=lambda *words: int("--dry-run" in words),
        )
        watch._heard_s -= 6.0  # nothing was heard for six seconds before this look

        assert acts is watch.look()
        server.shutdown()


def test_time_in_which_the_watch_itself_stood_still_is_not_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was paused wakes up in any order: the watch may ask before the engine has turned."""
    monkeypatch.setattr("bot.watch.LOOK_S", 0.05)
    latch = Latch(tmp_path / "journal.sqlite")
    watch = Watch("http://127.0.0.1:1/", latch, verb="freeze", silence_s=0.4, tell=lambda _: None, kill=lambda *_: 1)

    watch._forgive(elapsed_s() - 600.0, 2.0)
    assert not watch.look()
    watch._heard_s = elapsed_s() - 0.5  # it listened, and heard nothing
    assert watch.look()


@pytest.mark.parametrize("url", ["http://[::1]:1/", "http://::1:1/", "http://no such host/"])
def test_an_address_of_any_kind_is_silence_and_no_end_of_the_watch(url: str, tmp_path: Path) -> None:
    latch = Latch(tmp_path / "journal.sqlite")

    assert Watch(url, latch, verb="freeze", silence_s=0.0, tell=lambda _: None, kill=lambda *_: 1).look()


async def test_a_crowd_at_the_door_is_no_silence_of_the_daemon(open_desk: Open, tmp_path: Path) -> None:
    """A page of another site, or a program that may read nothing, knocks as fast as it is let: the watch hears the daemon all the same."""
    desk = await open_desk()
    door, latch = desk.web.doors, Latch(tmp_path / "journal.sqlite")
    watch = Watch(f"{door.url}health/live", latch, verb="freeze", silence_s=0.0, tell=lambda _: None, kill=lambda *_: 0)
    assert await asyncio.to_thread(watch._heard_ago_s) < 1.0

    async def knock(path: str) -> None:
        while True:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(0.3)) as browser:
                with suppress(aiohttp.ClientError, TimeoutError):
                    for _ in range(20):
                        async with browser.get(desk.url(path)):
                            pass

    crowd = [asyncio.create_task(knock(path)) for path in ("/health", "/health/live") for _ in range(40)]
    await asyncio.sleep(4.0)  # what is given at once is used up
    heard = [await asyncio.to_thread(watch._heard_ago_s) for _ in range(4)]
    for one in crowd:
        one.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)

    assert max(heard) < 1.0, heard


def test_a_latch_that_nobody_can_look_for_is_not_taken_for_closed(tmp_path: Path) -> None:
    """The daemon is right to think so; who stands in for a dead one is not."""
    (tmp_path / "broken").write_text("where the folder was")
    latch = Latch(tmp_path / "broken" / "journal.sqlite")
    assert latch.state().closed

    watch = Watch("http://127.0.0.1:1/", latch, verb="freeze", silence_s=0.0, tell=lambda _: None, kill=lambda *_: 1)

    assert watch.look()


def test_a_full_disk_under_its_own_words_keeps_it_from_nothing(tmp_path: Path) -> None:
    """What made the daemon silent may keep the watch from telling so."""
    ran: list[str] = []

    def kill(*words: str) -> int:
        ran.append(words[0])
        return 1

    def tell(_: str) -> None:
        raise OSError(28, "No space left on device")

    latch = Latch(tmp_path / "journal.sqlite")
    watch = Watch("http://127.0.0.1:1/", latch, verb="freeze", silence_s=0.0, tell=tell, kill=kill)
    watch.stop.set()
    watch.run()

    assert watch.look()
    assert ["flatten", "freeze"] == ran


def test_a_kill_that_did_not_end_well_is_tried_again_although_it_closed_the_latch(tmp_path: Path) -> None:
    """It may have been killed in the middle, the latch closed and the account as it was."""
    codes, told = [1, -9, 1, 0], []
    latch = Latch(tmp_path / "journal.sqlite")

    def kill(*words: str) -> int:
        if "--dry-run" not in words:
            latch.close("neutralise by kill_switch.py: silent")
        return codes.pop(0)

    watch = Watch("http://127.0.0.1:1/", latch, verb="neutralise", silence_s=0.0, tell=told.append, kill=kill)

    assert [True, True, False] == [watch.look(), watch.look(), watch.look()]
    assert [] == codes
    assert 1 == sum("ended with -9: neutralise is not done" in words for words in told)


def test_the_kill_switch_is_found_where_it_is_installed_and_is_told_whose_daemon_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In a clone beside the package, from a wheel under share/hedgelock; a watch that has none does not begin."""
    wheel = tmp_path / "share" / "hedgelock"
    (wheel / "scripts").mkdir(parents=True)
    (wheel / "scripts" / "kill_switch.py").write_text("import sys; print(*sys.argv[1:]); sys.exit(2)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bot.watch.KILL_SWITCHES", (tmp_path / "site-packages", wheel))

    code = kill_switch(Path("other.env"), tmp_path / "var" / "halt.latch")("freeze", "--yes")

    assert 2 == code
    own = f"--home {tmp_path} --latch {tmp_path}/var/halt.latch --env-file other.env"
    assert f"freeze --yes {own}\n" == capfd.readouterr().out
    monkeypatch.setattr("bot.watch.KILL_SWITCHES", (tmp_path / "site-packages",) * 2)
    with pytest.raises(SetUp, match="no kill switch"):
        kill_switch(None, tmp_path / "halt.latch")
