"""The preflight of a running daemon: what it tells the engine after each look, what stands from before, and when it looks again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import structlog

from bot import premises
from bot.domain.commands import PlaceOrder, TimeInForce
from bot.domain.errors import NotFit
from bot.domain.events import ChecksRun, OrderSeen
from bot.domain.inspection import Inspection
from bot.domain.legs import Act, Leg
from bot.domain.names import link_id, run_name
from bot.exchange.inspector import Inspector
from bot.exit_codes import ExitCode
from bot.inbox import Inbox
from bot.preflight import machine, standing
from bot.preflight.standing import StandingChecks
from bot.settings import load
from tests.unit.engine.desk import NOW_MS, a_row
from tests.unit.preflight.test_preflight import WELL, about

UNKNOWN = replace(WELL, btc_is_collateral=None)
FAILS = about(read_only=True, can_trade=False)


class Account:
    """A stand-in for whoever looks at the account: shows one look after the other, and the last for ever after."""

    def __init__(self, *looks: Inspection) -> None:
        self._looks = list(looks)
        self.asked = 0
        self._turned = asyncio.Condition()

    async def inspect(self) -> Inspection:
        async with self._turned:
            self.asked += 1
            self._turned.notify_all()
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    async def wait_asked(self, times: int) -> None:
        async with asyncio.timeout(10), self._turned:
            await self._turned.wait_for(lambda: self.asked >= times)


class Bench:
    """Standing checks over an account, and what they told."""

    def __init__(self, folder: Path, *looks: Inspection, issued: Mapping[str, int] | None = None, **more: str) -> None:
        known = {"JOURNAL__PATH": str(folder / "journal.sqlite")} | more
        settings = load(environ={f"HEDGELOCK__{name}": value for name, value in known.items()}).settings
        self.account, self.inbox = Account(*looks), Inbox()
        self.checks = StandingChecks(
            settings, cast(Inspector, self.account), self.inbox, issued=lambda: dict(issued or {})
        )

    async def runs(self, looks: int) -> list[tuple[str, ...]]:
        """What stood against trading after each of so many looks."""
        running = asyncio.create_task(self.checks.run())
        done, _ = await asyncio.wait(
            {running, asyncio.create_task(self.account.wait_asked(self.account.asked + looks + 1))},
            return_when=asyncio.FIRST_COMPLETED,
        )
        running.cancel()
        for task in done:
            task.result()
        return [event.against for event in await self.told() if isinstance(event, ChecksRun)]

    async def told(self) -> list[object]:
        return [await self.inbox.next() for _ in range(len(self.inbox))]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("SOON_S", "AGAIN_S", "EVERY_S"):
        monkeypatch.setattr(standing, pause, 0.0)


@pytest.fixture
def free_mb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """Megabytes that are free at each look; the last for ever after."""
    free = [10_000]

    def usage(folder: Path) -> SimpleNamespace:
        is_ours = folder == tmp_path  # the last look of the test before may still be under way in its thread
        return SimpleNamespace(free=(free.pop(0) if is_ours and len(free) > 1 else free[0]) << 20)

    monkeypatch.setattr(machine.shutil, "disk_usage", usage)
    return free


async def test_nothing_trades_before_the_first_look(tmp_path: Path) -> None:
    bench = Bench(tmp_path, WELL)
    bench.checks.hold()
    assert [ChecksRun(against=("under way",))] == await bench.told()


STORIES = [
    # name, looks at the account, whether something stands against trading after each
    ("all well", [WELL], [False]),
    ("unknown from the start", [UNKNOWN, WELL], [True, False]),
    ("unknown after it was well: what was known stands", [WELL, UNKNOWN, UNKNOWN], [False, False, False]),
    ("unknown after it failed: what was known stands", [FAILS, replace(FAILS, facts=None), WELL], [True, True, False]),
    ("fails after it was well", [WELL, FAILS, WELL], [False, True, False]),
]


@pytest.mark.parametrize(("name", "looks", "stands"), STORIES, ids=[story[0] for story in STORIES])
async def test_what_the_engine_is_told(
    tmp_path: Path, free_mb: list[int], name: str, looks: list[Inspection], stands: list[bool]
) -> None:
    """A page that does not answer takes nothing back; what the venue says counts at once."""
    told = await Bench(tmp_path, *looks).runs(len(looks))
    assert stands == [bool(against) for against in told], told


async def test_a_disk_that_fails_later_holds_nobody_who_has_passed(tmp_path: Path, free_mb: list[int]) -> None:
    """The journal tells of it with every commit, and what makes |delta| smaller goes on."""
    free_mb[:] = [10_000, 1]
    assert [(), ()] == await Bench(tmp_path, WELL).runs(2)


async def test_a_journal_that_is_spoilt_later_holds_nobody_who_has_passed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, WELL)
    assert [()] == await bench.runs(1)
    (tmp_path / "journal.sqlite").write_text("somebody's letters")
    assert [()] == await bench.runs(1)
    assert ["journal"] == [line.partition(":")[0] for line in await bench.checks.against()]


async def test_a_disk_that_fails_at_the_start_holds_until_there_is_room(tmp_path: Path, free_mb: list[int]) -> None:
    free_mb[:] = [1, 10_000]
    assert [("disk: 1 MB are free",), ()] == await Bench(tmp_path, WELL).runs(2)


async def test_a_resume_asks_anew_and_believes_nothing_from_before(tmp_path: Path, free_mb: list[int]) -> None:
    """Whoever lifts a halt wants to know how it is now."""
    bench = Bench(tmp_path, WELL, UNKNOWN)
    free_mb[:] = [10_000, 1]
    assert [()] == await bench.runs(1)
    assert ["collateral", "disk"] == [line.partition(":")[0] for line in await bench.checks.against()]


async def test_what_no_daemon_should_run_with_ends_it(tmp_path: Path) -> None:
    with pytest.raises(NotFit, match="preflight, withdrawal: ") as ended:
        await Bench(tmp_path, about(can_withdraw=True)).runs(1)
    assert ExitCode.KEY == ended.value.exit_code


PAUSES = [("SOON_S", UNKNOWN), ("AGAIN_S", FAILS), ("EVERY_S", WELL)]


@pytest.mark.parametrize(("pause", "look"), PAUSES, ids=[pause for pause, _ in PAUSES])
async def test_how_soon_it_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pause: str, look: Inspection
) -> None:
    """Soon where a fact is missing, after a while where a person has to mend, else every hour: each pause is its own."""
    for other, _ in PAUSES:
        monkeypatch.setattr(standing, other, 0.0 if other == pause else 3600.0)
    assert 3 == len(await Bench(tmp_path, look).runs(3))


async def test_each_finding_is_told_once(tmp_path: Path, free_mb: list[int]) -> None:
    """What is well is not told; what is bad or unknown is a warning."""
    free_mb[:] = [100]
    with structlog.testing.capture_logs() as lines:
        await Bench(tmp_path, FAILS, UNKNOWN, FAILS).runs(3)

    told = [(line["check"], line["grade"], line["log_level"]) for line in lines]
    assert sorted(set(told)) == sorted(told)
    assert {("disk", "warn", "info"), ("rights", "fail", "warning"), ("collateral", "unknown", "warning")} <= set(told)
    assert "pass" not in {grade for _, grade, _ in told}


THERE = "f" * 12
STRANGERS = [
    # name, the name of its run after the start, the last order of that run that this journal gave out, is it told, does it hold trading
    ("another's", THERE, None, True, True),
    ("a copy's", THERE, 2, True, True),
    ("ours", THERE, 3, False, False),
    ("ours, of which the disk kept nothing", "here", 2, True, False),
]


@pytest.mark.parametrize(("name", "tail", "issued", "is_told", "stands"), STRANGERS, ids=[s[0] for s in STRANGERS])
async def test_the_newest_order_on_the_account(
    tmp_path: Path, name: str, tail: str, issued: int | None, is_told: bool, stands: bool
) -> None:
    """One that this journal did not give out is an event, for which the engine closes the latch."""
    here = premises.place(tmp_path / "journal.sqlite") + "0" * 8
    run = run_name(NOW_MS, here if tail == "here" else tail)
    order = PlaceOrder(
        order_link_id=link_id(run, 3, Leg.LONG, Act.GROW), symbol="BTCUSDT", leg=Leg.LONG, act=Act.GROW, qty=D("0.1"),
        limit_price=D(116_000), time_in_force=TimeInForce.IOC, decision=1,
    )  # fmt: skip
    strange = replace(WELL, newest_order=a_row(order, "Filled"))
    bench = Bench(tmp_path, strange, issued={} if issued is None else {run: issued})

    against = await bench.checks.against()

    seen = [event.order.order_link_id for event in await bench.told() if isinstance(event, OrderSeen)]
    assert [order.order_link_id] * is_told == seen
    assert ["second host"] * stands == [line.partition(":")[0] for line in against]


async def test_the_alert_channels_are_tried_once_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the exchange is asked."""
    tried = []
    async with await asyncio.start_server(lambda _, writer: tried.append(writer.close()), "127.0.0.1", 0) as server:
        channel = f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
        monkeypatch.setattr(standing, "EVERY_S", 3600.0)
        await Bench(tmp_path, UNKNOWN, ALERTS__FIRST_URL=channel).runs(3)
        in_an_hour = len(tried)
        monkeypatch.setattr(standing, "EVERY_S", 0.0)
        await Bench(tmp_path, UNKNOWN, ALERTS__FIRST_URL=channel).runs(3)

    assert 1 == in_an_hour
    assert len(tried) >= 4


async def test_an_alert_channel_that_is_not_there_is_told(tmp_path: Path) -> None:
    """It keeps nobody from trading."""
    with structlog.testing.capture_logs() as lines:
        told = await Bench(tmp_path, WELL, ALERTS__FIRST_URL="json://127.0.0.1:9/x").runs(2)

    assert [(), ()] == told
    assert ["the first channel"] == [line["says"][:17] for line in lines if line["check"] == "alerts"]
