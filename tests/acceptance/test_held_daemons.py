"""Each check of the preflight that may fail, broken in turn at the venue or on the machine: a daemon sends nothing.

The doctor's word on each is tests/conformance/test_doctor.py. The daemons are the real ones, each against a simulator of its own over
sockets; they live in this process to be started quickly.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.app import Daemon
from bot.domain.clock import elapsed_s, wall_ms
from bot.domain.commands import Mode
from bot.domain.errors import HedgeLockError, NotFit
from bot.domain.legs import Act, Leg
from bot.domain.names import link_id, run_name
from bot.exit_codes import ExitCode
from bot.preflight import machine, standing
from bot.settings import Settings, load
from bot.simulator.faults import Injection
from bot.simulator.main import PAPER_ACCOUNT, SimulatorOptions, build
from bot.simulator.server import SimulatorServer
from bot.world import enter_world

pytestmark = pytest.mark.acceptance

AT_ONCE = 5
"""Daemons that live beside each other: more would only wait for the processor."""
WAIT_S, STARTED_S, QUIET_S = 60.0, 10.0, 2.0


@dataclass(slots=True)
class Place:
    """One venue, one folder, and the settings of who looks at them."""

    server: SimulatorServer
    folder: Path
    settings: Settings

    @property
    def account(self) -> Any:
        return self.server.venue.state.accounts["paper"]

    def key_says(self, **changes: Any) -> None:
        key = self.server.keyring.key(PAPER_ACCOUNT.api_key)
        assert key is not None
        self.server.keyring.replace(replace(key, info=replace(key.info, **changes)))

    def suffers(self, fault: str, match: str = "", **more: Any) -> None:
        self.server.misfortunes.inject(Injection(fault=fault, match=match, **more), wall_ms())

    def owner(self, path: str, **params: Any) -> None:
        assert 0 == self.server.venue.request("paper", "POST", path, params).ret_code

    def writes(self) -> list[str]:
        """What anybody but the owner asked the venue to change."""
        return [row.path for row in self.server.desk.log]


def _another_hedgelock(place: Place) -> None:
    link = link_id(run_name(wall_ms(), "ffffffffff"), 3, Leg.LONG, Act.GROW)
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01"}
    place.owner("/v5/order/create", **order, positionIdx=1, orderLinkId=link)


def _journal(place: Place, content: str) -> None:
    place.settings.journal_path.parent.mkdir(parents=True, exist_ok=True)
    place.settings.journal_path.write_text(content)
    place.settings.journal_path.with_name("venue").write_text(str(place.server.control.clock()["venue"]))


def _latch(place: Place) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    (place.folder / "halt.latch").write_text('{"words": "freeze by somebody: a look"}')


BROKEN: list[tuple[str, Callable[[Place], Any]]] = [
    ("exchange", lambda p: p.suffers("ip-ban", ms=60_000)),
    ("key", lambda p: p.suffers("key-withdrawn")),
    ("key", lambda p: p.suffers("key-expired")),
    ("key", lambda p: p.suffers("key-unbound")),
    ("account", lambda p: None),
    ("withdrawal", lambda p: p.key_says(permissions={"ContractTrade": ("Order", "Position"), "Wallet": ("Withdraw",)})),
    ("rights", lambda p: p.suffers("key-read-only")),
    ("position mode", lambda p: p.suffers("position-mode", value="0")),
    ("margin mode", lambda p: p.suffers("margin-mode", value="ISOLATED_MARGIN")),
    ("collateral", lambda p: p.suffers("collateral-off", value="BTC")),
    ("collateral", lambda p: p.suffers("garbage", "GET /v5/account/collateral-info", value="html")),
    ("contract", lambda p: p.suffers("contract-status")),
    ("contract", lambda p: p.suffers("http-error", "GET /v5/market/instruments-info", value="502")),
    ("second host", _another_hedgelock),
    ("second host", lambda p: p.suffers("garbage", "GET /v5/order/history", value="result-null")),
    ("disk", lambda p: p.folder.joinpath("nearly full").mkdir(parents=True)),
    ("journal", lambda p: _journal(p, "somebody's letters")),
    ("latch", _latch),
]
"""Check, and how it is broken."""


@asynccontextmanager
async def a_place(
    tmp_path: Path, name: str, breaks: Callable[[Place], Any] = lambda _: None, **more: str
) -> AsyncIterator[Place]:
    """A venue with that broken, and settings that lead to it."""
    folder = tmp_path / name.replace(" ", "-")
    async with build(SimulatorOptions(speed=60)).serving() as server:
        known = {
            "BYBIT__REST_URL": server.url,
            "JOURNAL__PATH": str(folder / "journal.sqlite"),
            "WEB__ENABLED": "false",
            "LOAN__ENABLED": "true",
            **more,
        }
        settings = load(environ={f"HEDGELOCK__{key}": value for key, value in known.items()}).settings
        place = Place(server, folder, settings)
        breaks(place)
        yield place


async def a_daemon_lives(place: Place) -> str:
    """Run a daemon until it has settled: it ended (with whose exit code), or it is halted or held, and stays so. What it came to."""
    try:
        async with enter_world(place.settings) as world, Daemon(place.settings, world) as daemon:
            living = asyncio.create_task(daemon.live())
            try:
                began_s = elapsed_s()
                await _until(lambda: living.done() or _has_settled(daemon, elapsed_s() - began_s))
                await asyncio.wait([living], timeout=QUIET_S)
                if not living.done():
                    assert daemon.view().mode is not Mode.TRADING
                    return f"{daemon.view().mode.value}: {daemon.view().why}"
                living.result()
            finally:
                living.cancel()
                await asyncio.wait([living])
    except* HedgeLockError as group:
        error = _first(group)
    return f"ended: {error.exit_code if isinstance(error, NotFit) else ''} {error}"


def _has_settled(daemon: Daemon, lived_s: float) -> bool:
    """Halted, held by the preflight, or still starting when any other daemon would long have traded."""
    mode, why = daemon.view().mode, daemon.view().why
    is_held = mode is Mode.OBSERVE and "under way" not in why
    return is_held or mode is Mode.HALTED or (mode is Mode.STARTING and lived_s > STARTED_S)


async def _until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not look():  # noqa: ASYNC110 — what is looked at has no event to wait for
            await asyncio.sleep(0.1)


def _first(group: BaseExceptionGroup[HedgeLockError]) -> HedgeLockError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


@pytest.fixture(autouse=True)
def _nearly_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with another of that name inside lies on a disk with 12 MB."""
    usual = machine.shutil.disk_usage

    def usage(folder: Path) -> Any:
        return SimpleNamespace(free=12 << 20) if (Path(folder) / "nearly full").exists() else usual(folder)

    monkeypatch.setattr(machine.shutil, "disk_usage", usage)


@pytest.mark.timeout(400)
async def test_what_fails_keeps_the_daemon_from_writing(tmp_path: Path) -> None:
    """Nothing that grows and nothing that shrinks: not one deed reaches the venue."""
    async with AsyncExitStack() as open_places:
        places: list[tuple[str, Place]] = []
        for number, (check, breaks) in enumerate(BROKEN):
            pinned = {"BYBIT__EXPECTED_UID": "4711"} if check == "account" else {}
            place = await open_places.enter_async_context(a_place(tmp_path, f"{number} {check}", breaks, **pinned))
            places.append((check, place))

        turn = asyncio.Semaphore(AT_ONCE)

        async def lives(check: str, place: Place) -> tuple[str, str, list[str]]:
            asked = len(place.writes())
            async with turn:
                came_to = await a_daemon_lives(place)
            return check, came_to, place.writes()[asked:]

        endings = await asyncio.gather(*(lives(check, place) for check, place in places))

    assert [] == [ending for ending in endings if ending[2]]
    ended = {check: came_to for check, came_to, _ in endings if came_to.startswith("ended")}
    assert {"account", "withdrawal", "journal"} == ended.keys(), endings
    assert ended["withdrawal"].startswith(f"ended: {ExitCode.KEY:d} ")


async def test_where_nothing_is_broken_a_daemon_writes(tmp_path: Path) -> None:
    """So that the silence of the others proves something."""
    async with (
        a_place(tmp_path, "well") as place,
        enter_world(place.settings) as world,
        Daemon(place.settings, world) as daemon,
    ):
        living = asyncio.create_task(daemon.live())
        try:
            await _until(lambda: "/v5/order/create" in place.writes())
        finally:
            living.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await living


async def test_what_cannot_be_known_for_a_while_holds_nobody_who_has_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look of the hour falls into a crash, and one page of the venue's does not answer, or the disk is full: the daemon stopped
    hedging, and defending the loan, until a person came. What fails at the venue still holds it."""
    monkeypatch.setattr(standing, "EVERY_S", 1.0)
    monkeypatch.setattr(standing, "AGAIN_S", 1.0)
    async with (
        a_place(tmp_path, "well") as place,
        enter_world(place.settings) as world,
        Daemon(place.settings, world) as daemon,
    ):
        living = asyncio.create_task(daemon.live())
        try:
            await _until(lambda: daemon.view().mode is Mode.TRADING)
            place.suffers("garbage", "GET /v5/account/collateral-info", value="html")
            (place.folder / "nearly full").mkdir()
            seen = set()
            for _ in range(60):
                await asyncio.sleep(0.1)
                seen.add(daemon.view().mode)
            assert Mode.OBSERVE not in seen

            place.key_says(read_only=True)
            await _until(lambda: daemon.view().mode is Mode.OBSERVE)
        finally:
            living.cancel()
            await asyncio.wait([living])
