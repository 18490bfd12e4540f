"""The window in a process of its own: it shows what the engine is, passes on what a person asks, and neither outlives nor endangers it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from typer.testing import CliRunner

from bot.cli.command import app
from bot.domain.clock import elapsed_s
from bot.domain.events import OperatorAsked, Verb
from bot.domain.view import BotView
from bot.engine import outlook, picture
from bot.inbox import Inbox
from bot.journal.latch import Latch
from bot.monitoring import present
from bot.monitoring.doors import WebOptions
from bot.monitoring.hands import COMMAND_LINE
from bot.monitoring.pulse import Pulse, QueueDepth, Vitals
from bot.verbs import Desk
from bot.window import pane
from bot.window.cord import BookAnswered, BookAsked, Cord, LookAsked, Picture, ToEngine, ToWindow, VerbAsked
from bot.window.keeper import NearEngine, Surroundings, Talk, Window
from bot.window.pane import FarEngine
from tests import past
from tests.build import a_view
from tests.patience import until
from tests.unit.engine.desk import Desk as Day

ROOT = Path(__file__).resolve().parents[3]
READS = "a-token-of-at-least-22-characters"
ACTS = "another-one-that-operates-0123456"
SECRET = "canarysecretcanarysecret01"


class House:
    """An engine that hedges, its desk, and the window in another process."""

    def __init__(self, folder: Path) -> None:
        past.write(folder / "journal.sqlite")
        self.day, self.inbox, self.pulse = Day(), Inbox(), Pulse(lambda: {"inbox": QueueDepth(depth=len(self.inbox))})
        self.day.start()
        self.day.pulse(1)
        self.view: Callable[[], BotView] = lambda: picture.view(self.day.state, self.day.now_ms)
        self.latch = Latch(folder / "journal.sqlite")
        self.desk = Desk(self.day.engine, self.inbox, self.latch, world="paper", preflight=self._checks)
        self.window = Window(
            WebOptions(port=0, metrics_port=0, token=READS, verb_token=ACTS),
            NearEngine(lambda: self.view(), self.pulse.vitals, lambda: {"alerts": {"open": []}}, self.desk, self.book),
            Surroundings(folder / "journal.sqlite", "BTCUSDT", "info", "json"),
        )
        self.client: aiohttp.ClientSession
        self.being_checked, self.checked = 0, asyncio.Event()

    def book(self) -> Any:
        return outlook.what_if_book(self.day.state, self.day.now_ms), outlook.policy_of(self.day.state.config)

    async def get(self, path: str) -> Any:
        async with self.client.get(f"{self.window.doors.url}{path}") as answer:
            return await answer.json()

    async def post(self, verb: str, *, agent: str = "a browser", **body: str) -> tuple[int, Any]:
        url = f"{self.window.doors.url}api/v1/verbs/{verb}"
        shown = {"Authorization": f"Bearer {ACTS}", "User-Agent": agent}
        async with self.client.post(url, json=body, headers=shown) as answer:
            return answer.status, await answer.json()

    async def _checks(self) -> list[str]:
        self.being_checked += 1
        try:
            await self.checked.wait()
        finally:
            self.being_checked -= 1
        return []


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.window.bind()
    living = [asyncio.create_task(house.window.run()), asyncio.create_task(house.pulse.run())]
    shown = {"Authorization": f"Bearer {READS}"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20), headers=shown) as house.client:
        yield house
    for task in living:
        task.cancel()
    await asyncio.wait(living, timeout=5)
    house.window.close()
    assert not children()


def children() -> list[int]:
    """Windows that this process started and that are not gone."""
    tasks = [f"task/{task.name}/children" for task in Path("/proc/self/task").iterdir()]
    started = [int(pid) for task in tasks for pid in told(os.getpid(), task).split()]
    return [pid for pid in started if b"bot.window" in told(pid, "cmdline")]


async def comes(asked: Callable[[], Awaitable[bool]]) -> None:
    """Ask the window until it says so."""
    async with asyncio.timeout(20):
        while not await asked():  # noqa: ASYNC110 - a page tells nobody
            await asyncio.sleep(0.05)


def another_than(pid: int) -> bool:
    return [pid] != children() != []


def told(pid: int, name: str) -> bytes:
    """What the system tells of a process; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


async def test_it_shows_the_engine_as_the_engine_is(house: House) -> None:
    """The document is the same to the last field as one that was made beside the engine."""
    shown = await house.get("api/v1/status")

    here = msgspec.json.decode(present.encode(present.document(house.view(), house.pulse.vitals())))
    for moves in ("process", "now_ms"):
        shown.pop(moves), here.pop(moves)
    assert {"open": []} == shown.pop("alerts")
    assert here == shown
    assert 0.27 == pytest.approx(float(shown["book"]["spot_btc"]))


async def test_the_past_and_other_prices_are_told_there(house: House) -> None:
    """The journal is read, and the long walk of the price is reckoned, in the window's process."""
    assert (await house.get("api/v1/fills"))["fills"]
    rows = (await house.get("api/v1/what-if"))["rows"]

    own = outlook.what_if_rows(*house.book())
    assert [f"{row.price:f}" for row in own] == [row["price_usdt"] for row in rows]


async def test_a_verb_is_passed_on_and_seen_by_whoever_asked(house: House) -> None:
    """The engine hears who asked; a look is of the moment it is taken, so the next one shows what became of it."""
    house.view = lambda: replace(a_view(), why="paused" if len(house.inbox) else "not paused")

    assert 409 == (await house.post("pause"))[0]
    status, answer = await house.post("pause", reason="lunch")

    assert (202, "pause: taken in") == (status, answer["text"])
    assert "paused" == (await house.get("api/v1/status"))["mode"]["why"]
    asked = await house.inbox.next()
    assert isinstance(asked, OperatorAsked)
    assert (Verb.PAUSE, "lunch", "dashboard, 127.0.0.1") == (asked.verb, asked.reason, asked.who)


@pytest.mark.parametrize(
    ("agent", "who"),
    [(COMMAND_LINE, "command line, 127.0.0.1"), ('" by the owner: <all is well>', "dashboard, 127.0.0.1")],
)
async def test_of_who_asked_no_word_of_a_callers_own_is_kept(house: House, agent: str, who: str) -> None:
    """Journal and latch name one of two: the command line, which says that it is it, or the page."""
    await house.post("rehedge", agent=agent)

    asked = await house.inbox.next()
    assert isinstance(asked, OperatorAsked)
    assert who == asked.who


async def test_the_command_line_is_known_as_the_command_line(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A latch that it closed said that the page had."""
    monkeypatch.setenv("HEDGELOCK__WEB__OPERATE_TOKEN", ACTS)
    words = ["freeze", "--yes", "--reason", "a drill", "--port", str(house.window.doors.port)]

    result = await asyncio.to_thread(CliRunner().invoke, app, words)

    assert 0 == result.exit_code, result.output
    assert "freeze by command line, 127.0.0.1: a drill" == house.latch.state().reason


async def test_one_that_dies_is_started_anew_behind_the_same_doors(house: House) -> None:
    """Who knocks meanwhile waits, and is answered."""
    await house.get("api/v1/status")
    (first,) = children()
    os.kill(first, signal.SIGKILL)

    assert "now_ms" in await house.get("api/v1/status")
    assert [first] != children()


async def test_one_that_cannot_be_started_is_no_reason_to_fall(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program, process or descriptor to be had: the engine goes on, and once there is one again so does the window."""
    monkeypatch.setattr("bot.window.keeper._PAUSES_S", (0.05, 0.05))
    await house.get("api/v1/status")
    (first,) = children()
    with monkeypatch.context() as without:
        without.setattr(sys, "executable", "/nowhere/python")
        os.kill(first, signal.SIGKILL)
        await asyncio.sleep(1.5)  # the first pause, and some

    assert "now_ms" in await house.get("api/v1/status")


async def test_one_that_dies_over_a_verb_takes_nothing_along(house: House) -> None:
    """Whoever asked hears an end, the verb is not carried out behind their back, and the next window does not wait for it."""
    await house.get("api/v1/status")
    (first,) = children()
    asking = asyncio.create_task(house.post("resume", reason="back from lunch"))
    await until(lambda: house.being_checked)
    os.kill(first, signal.SIGKILL)

    with pytest.raises(aiohttp.ClientError):
        await asking
    assert "now_ms" in await house.get("api/v1/status")
    assert not house.being_checked
    assert not len(house.inbox)


async def test_one_that_hangs_is_killed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that takes nothing costs the engine no memory, and after a while it is another."""
    house.view = lambda: replace(a_view(), why="x" * 300_000)
    await house.get("api/v1/status")
    (first,) = children()
    os.kill(first, signal.SIGSTOP)

    with monkeypatch.context() as patience:  # for this one only: on a busy machine the next takes longer to begin
        patience.setattr("bot.window.keeper._STUCK_S", 1.0)
        await until(lambda: another_than(first))

    assert "now_ms" in await house.get("api/v1/status")


async def test_a_view_that_fails_is_no_reason_to_fall(house: House) -> None:
    """The window says that it sees nothing; once there is something to see, all is as before."""

    def broken() -> BotView:
        raise ZeroDivisionError

    await house.get("api/v1/status")
    sound, house.view = house.view, broken

    async def says_so() -> bool:
        return "the engine has shown nothing for" in "".join((await house.get("health/ready")).get("reasons", []))

    await comes(says_so)
    status = await house.get("api/v1/status")
    assert ("BLIND", True) == (status["mode"]["name"], status["market"]["stale"])
    refused, answer = await house.post("freeze", confirm="freeze paper")
    assert 409 == refused
    assert "scripts/kill_switch.py" in answer["text"]

    house.view = sound

    async def sees() -> bool:
        return not (await house.get("api/v1/status"))["market"]["stale"]

    await comes(sees)


async def test_it_is_told_no_setting(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a crowd may reach holds no key: neither its environment nor its arguments have one."""
    monkeypatch.setenv("HEDGELOCK__BYBIT__MAINNET_API_SECRET", SECRET)
    await house.get("api/v1/status")
    (first,) = children()
    os.kill(first, signal.SIGKILL)  # the next one is born with the variable set
    await until(lambda: another_than(first))
    await house.get("api/v1/status")

    (pid,) = children()
    environ, arguments = told(pid, "environ"), told(pid, "cmdline")
    assert b"PATH=" in environ
    assert b"bot.window" in arguments
    assert not any(text.encode() in environ + arguments for text in ("HEDGELOCK", SECRET, READS, ACTS))


async def test_it_stands_back_for_the_engine(house: House) -> None:
    """Less of the processor than the engine, and the first to go where memory runs out."""
    await house.get("api/v1/status")
    (pid,) = children()

    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
    assert int(told(pid, "oom_score_adj")) > int(told(os.getpid(), "oom_score_adj"))


KEEPS = """
    import asyncio, sys
    from pathlib import Path
    sys.path.insert(0, {root!r})
    from tests.unit.window.test_window import House, children

    async def main():
        house = House(Path({folder!r}))
        await house.window.bind()
        living = asyncio.create_task(house.window.run())
        while not children():
            await asyncio.sleep(0.01)
        print(house.window.doors.port, *children(), flush=True)
        await living

    asyncio.run(main())
"""


async def an_engine(
    folder: Path, cwd: Path, before: str = "", **env: str
) -> tuple[asyncio.subprocess.Process, int, int]:
    """One in a process of its own, started in `cwd`, that does `before` first; with its dashboard's port and its window's pid."""
    source = before + textwrap.dedent(KEEPS.format(root=str(ROOT), folder=str(folder)))
    engine = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", source, cwd=cwd, stdout=asyncio.subprocess.PIPE, env={**os.environ, **env}
    )
    assert engine.stdout is not None
    port, window = map(int, (await engine.stdout.readline()).split())
    return engine, port, window


async def health(port: int) -> int:
    """The status of its answer."""
    shown = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=shown) as client, client.get(f"http://127.0.0.1:{port}/health") as answer:
        return answer.status


async def test_it_goes_before_an_engine_that_a_container_lets_go_early(tmp_path: Path) -> None:
    """Kubernetes gives an engine up to 1000 on the kernel's list of whom to kill."""
    early = "open('/proc/self/oom_score_adj', 'w').write('600')"
    engine, port, window = await an_engine(tmp_path, ROOT, early)
    try:
        assert 200 == await health(port)
        assert 900 == int(told(window, "oom_score_adj"))
    finally:
        engine.kill()
        await engine.wait()


async def test_it_is_ours_whatever_lies_where_the_daemon_was_started(tmp_path: Path) -> None:
    """A folder `bot` of another program, or of another HedgeLock, a module of a library's name, and asyncio's debug mode."""
    (tmp_path / "here" / "bot").mkdir(parents=True)
    (tmp_path / "here" / "bot" / "__init__.py").touch()
    (tmp_path / "here" / "structlog.py").write_text("raise SystemExit('not the one')")
    engine, port, _ = await an_engine(tmp_path, tmp_path / "here", PYTHONASYNCIODEBUG="1")
    try:
        assert 200 == await health(port)
    finally:
        engine.kill()
        await engine.wait()


@pytest.mark.parametrize("hangs", [False, True])
async def test_it_goes_with_its_engine(tmp_path: Path, hangs: bool) -> None:
    """SIGKILL of the engine's process: no window is left over an engine that is gone, and the address is free for the next."""
    engine, port, window = await an_engine(tmp_path, ROOT)
    assert 200 == await health(port)
    os.kill(window, signal.SIGTERM)  # a supervisor's word to all of them: it stays until the engine goes
    await asyncio.sleep(0.3)
    assert told(window, "cmdline")
    if hangs:
        os.kill(window, signal.SIGSTOP)

    engine.kill()
    await engine.wait()

    await until(
        lambda: not told(window, "cmdline") and is_free(port), within_s=5
    )  # of one nobody has buried nothing is told


def is_free(port: int) -> bool:
    """True where another engine may listen there."""
    with socket.socket() as next_one:
        next_one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            next_one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@asynccontextmanager
async def a_cord() -> AsyncIterator[tuple[Cord[ToWindow, ToEngine], Cord[ToEngine, ToWindow]]]:
    """(the window's end, the engine's end)."""
    one, other = socket.socketpair()
    window: Cord[ToWindow, ToEngine] = await Cord.over(one, ToWindow)
    engine: Cord[ToEngine, ToWindow] = await Cord.over(other, ToEngine)
    yield window, engine
    window.close()
    engine.close()


def a_picture(up_s: float = 60.0, look: int = 0) -> Picture:
    return Picture(
        look=look, view=a_view(), vitals=Vitals(up_s=up_s, loop_lag_ms=1.0, worst_loop_lag_ms=2.0), offers=(), more={}
    )


async def test_an_engine_that_never_answers_is_told_from_one_that_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have taken the verb in: the answer says so, and names the hand that needs no daemon."""
    monkeypatch.setattr(pane, "_ANSWER_WITHIN_S", 0.05)
    async with a_cord() as (window, engine):
        far = FarEngine(window, a_picture())
        answer = await far.ask(Verb.FLATTEN, reason="now", confirm="flatten paper", who="me", amount=D("1.50"))

        asked = await engine.hear()
        assert isinstance(asked, VerbAsked)
        assert (Verb.FLATTEN, D("1.50"), "me") == (asked.verb, asked.amount, asked.who)
        assert not answer.accepted
        assert "may still have taken it in" in answer.text
        assert "scripts/kill_switch.py" in answer.text


async def test_a_look_is_not_answered_by_what_was_taken_before_it() -> None:
    """A picture may be under way while a deed is done and somebody asks what became of it."""
    async with a_cord() as (window, engine), asyncio.TaskGroup() as tasks:
        far = FarEngine(window, a_picture())
        listening = tasks.create_task(far.listen())
        engine.say(a_picture(up_s=61.0))
        looking = tasks.create_task(far.look())
        asked = await engine.hear()
        assert isinstance(asked, LookAsked)
        assert not looking.done()
        engine.say(a_picture(up_s=62.0, look=asked.number))
        await looking

        assert 62 == pytest.approx(far.vitals().up_s, abs=0.5)
        listening.cancel()


async def test_a_crowd_of_looks_costs_the_engine_one(house: House) -> None:
    """Who asks while others ask sees what they see: the engine's turn is not theirs to take."""
    async with a_cord() as (window, engine), asyncio.TaskGroup() as tasks:
        near = NearEngine(house.view, house.pulse.vitals, dict, house.desk, house.book)
        talking = tasks.create_task(Talk(engine, near, kill=lambda: None).run())
        assert isinstance(await window.hear(), Picture)
        for number in range(1, 201):
            window.say(LookAsked(number))

        seen: list[int] = []
        while 200 not in seen:
            picture = await window.hear()
            assert isinstance(picture, Picture)
            seen.append(picture.look)
        assert len(seen) <= 5
        talking.cancel()


async def test_answers_find_their_questions_in_any_order() -> None:
    """Two questions at once, answered the other way round, and one nobody asked."""
    async with a_cord() as (window, engine), asyncio.TaskGroup() as tasks:
        far = FarEngine(window, a_picture())
        listening = tasks.create_task(far.listen())
        questions = [tasks.create_task(far.what_if()) for _ in range(2)]
        numbers = [asked.number for asked in [await engine.hear(), await engine.hear()] if isinstance(asked, BookAsked)]
        policy = outlook.policy_of(Day().state.config)
        for number in (999, *reversed(numbers)):
            engine.say(BookAnswered(number, None, policy))

        assert [(), ()] == [await question for question in questions]
        listening.cancel()


async def test_an_overdue_picture_counts_as_lag_of_the_engines_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """/health/live knows of a loop that stands still although the window's own turns."""
    async with a_cord() as (window, _):
        far = FarEngine(window, a_picture(up_s=60.0))
        fresh, began_s = far.vitals(), elapsed_s()
        monkeypatch.setattr(pane, "elapsed_s", lambda: began_s + 12.0)
        late = far.vitals()

    assert (1.0, 2.0) == (fresh.loop_lag_ms, fresh.worst_loop_lag_ms)
    assert late.loop_lag_ms == late.worst_loop_lag_ms == pytest.approx(11_000, abs=100)
    assert [72.0, 12.0] == pytest.approx([late.up_s, late.seen_ago_s], abs=0.1)
    assert "the engine has shown nothing for 12 s" == far.view().health.reasons[0]
