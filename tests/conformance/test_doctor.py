"""The doctor against a venue over real sockets: each check broken in turn gives its line, mend and exit code, and nothing is written."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.domain.clock import wall_ms
from bot.exit_codes import ExitCode
from bot.preflight import doctor
from bot.premises import account_lock
from bot.settings import load
from bot.simulator.accounts import PAPER_ACCOUNT
from bot.simulator.keys import ALL_PERMISSIONS
from bot.simulator.main import SimulatorOptions, build
from bot.simulator.pages import DAY_MS
from bot.simulator.server import SimulatorServer
from bot.simulator.venue import VenueRules
from tests.client import Client, at

FLAT = replace(PAPER_ACCOUNT, long_btc=D(0), short_btc=D(0))
ONE_WAY = replace(FLAT, hedge_mode=False)
STRANGER = "hmek3x9qa51f09c77e-12Sg"


@dataclass
class Ward:
    """A venue, the hand that spoils it, and the folder the daemon would run in."""

    server: SimulatorServer
    client: Client
    folder: Path

    @property
    def journal(self) -> Path:
        return self.folder / "var/paper/journal.sqlite"

    async def strikes(self, fault: str, **how: Any) -> None:
        answer = await self.client.sim("POST", "faults", fault=fault, **how)
        assert "error" not in answer, answer

    async def owner(self, path: str, **params: Any) -> None:
        answer = await self.client.sim("POST", "owner", account="paper", path=path, params=params)
        assert 0 == answer["retCode"], answer

    def has_key(self, **changes: Any) -> None:
        key = self.server.keyring.key(PAPER_ACCOUNT.api_key)
        assert key is not None
        self.server.keyring.replace(replace(key, info=replace(key.info, **changes)))

    async def diagnosis(self, capsys: pytest.CaptureFixture[str], *, fix: bool = False, **more: str) -> dict[str, Any]:
        """What `hedgelock doctor --json` says, with its exit code."""
        environ = {"HEDGELOCK__BYBIT__REST_URL": self.server.url} | {f"HEDGELOCK__{k}": v for k, v in more.items()}
        settings = load(environ=environ).settings
        capsys.readouterr()
        code = await doctor.run(settings, as_json=True, fix=fix)
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert code == said["exit_code"]
        return said


@asynccontextmanager
async def a_ward(folder: Path, account: Any = FLAT, rules: VenueRules | None = None) -> AsyncIterator[Ward]:
    options = SimulatorOptions(speed=60.0, accounts=(account,), rules=rules)
    async with build(options).serving() as server, at(server.url) as client:
        yield Ward(server, client, folder)


@pytest.fixture(autouse=True)
def _as_it_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder of its own, with the log where the command line has it."""
    monkeypatch.chdir(tmp_path)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    yield
    structlog.reset_defaults()


def about(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in said["checks"] if row["check"] == name)


def struck(fault: str, **how: Any) -> Callable[[Ward], Awaitable[None]]:
    return lambda ward: ward.strikes(fault, **how)


def deed(path: str, **params: Any) -> Callable[[Ward], Awaitable[None]]:
    return lambda ward: ward.owner(path, **params)


def key(**changes: Any) -> Callable[[Ward], Awaitable[None]]:
    async def spoil(ward: Ward) -> None:
        ward.has_key(**changes)

    return spoil


def disk(name: str, content: bytes) -> Callable[[Ward], Awaitable[None]]:
    async def spoil(ward: Ward) -> None:
        path = ward.journal.with_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return spoil


async def a_stranger(ward: Ward) -> None:
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0.01"}
    await ward.owner("/v5/order/create", **order, positionIdx=2, orderLinkId=STRANGER)


async def nothing(ward: Ward) -> None:
    pass


MAY_WITHDRAW = ALL_PERMISSIONS | {"Wallet": ("AccountTransfer", "Withdraw")}
NO_TRANSFER = {group: rights for group, rights in ALL_PERMISSIONS.items() if group != "Wallet"}
NO_SPOT = {group: rights for group, rights in ALL_PERMISSIONS.items() if group != "Spot"}
LOAN = {"LOAN__ENABLED": "true"}
CASES = [
    # check, how it is broken, grade, exit code, part of its line, settings
    ("exchange", struck("ip-ban", ms=60_000), "fail", ExitCode.EXCHANGE, "403", {}),
    ("exchange", struck("http-error"), "fail", ExitCode.EXCHANGE, "502", {}),
    ("key", struck("key-withdrawn"), "fail", ExitCode.KEY, "401", {}),
    ("key", struck("key-expired"), "fail", ExitCode.KEY, "33004", {}),
    ("key", struck("key-unbound"), "fail", ExitCode.KEY, "10010", {}),
    ("account", nothing, "fail", ExitCode.KEY, "not 4711", {"BYBIT__EXPECTED_UID": "4711"}),
    ("withdrawal", key(permissions=MAY_WITHDRAW), "fail", ExitCode.KEY, "may withdraw", {}),
    ("rights", struck("key-read-only"), "fail", ExitCode.KEY, "may not trade", {}),
    ("rights", key(permissions=NO_TRANSFER), "warn", ExitCode.OK, "AccountTransfer", LOAN),
    ("rights", key(permissions=NO_SPOT), "warn", ExitCode.OK, "SpotTrade", LOAN),
    ("expiry", key(expires_ms=wall_ms() + 3 * DAY_MS), "warn", ExitCode.OK, "days", {}),
    ("position mode", struck("position-mode", value="0"), "fail", ExitCode.ACCOUNT, "one-way", {}),
    ("margin mode", struck("margin-mode"), "fail", ExitCode.ACCOUNT, "ISOLATED", {}),
    ("leverage", struck("leverage-reset"), "warn", ExitCode.OK, "10x", {}),
    ("collateral", struck("collateral-off"), "fail", ExitCode.ACCOUNT, "not used", {}),
    ("auto repay", deed("/v5/spot-margin-trade/set-auto-repay-mode", autoRepayMode="1"), "warn", ExitCode.OK, "minute", {}),
    ("contract", struck("contract-status"), "unknown", ExitCode.ACCOUNT, "0 rows", {}),
    ("funding", struck("funding-interval"), "warn", ExitCode.OK, "240 min", {}),
    ("clock", struck("clock-off", ms=5000), "warn", ExitCode.OK, "off by", {}),
    ("order rate", struck("rate-limited", times=1, match="GET /v5/account/info"), "warn", ExitCode.OK, "0% of the venue", {}),
    ("journal", disk("journal.sqlite", b"no journal of any kind"), "fail", ExitCode.MACHINE, "cannot be used as a journal", {}),
    ("second host", a_stranger, "fail", ExitCode.OCCUPIED, STRANGER, {}),
    ("latch", disk("halt.latch", b""), "fail", ExitCode.MACHINE, "closed", {}),
    ("alerts", nothing, "warn", ExitCode.OK, "cannot be connected to", {"ALERTS__FIRST_URL": "json://127.0.0.1:1/x"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "spoil", "grade", "code", "part", "settings"), CASES, ids=[f"{case[0]}: {case[4]}" for case in CASES]
)
async def test_each_check_broken_in_turn(
    name: str,
    spoil: Callable[[Ward], Awaitable[None]],
    grade: str,
    code: ExitCode,
    part: str,
    settings: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its own line, a mend, its class of exit code; and the venue received no write."""
    async with a_ward(tmp_path) as ward:
        await spoil(ward)
        before = await ward.client.sim("GET", "requests")

        said = await ward.diagnosis(capsys, **settings)

        found = about(said, name)
        assert (grade, code) == (found["grade"], said["exit_code"]), said
        assert part in found["line"]
        assert found["mend"]
        assert before == await ward.client.sim("GET", "requests")


async def test_all_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; a key that lasts for ever says so as day -2 of 1970, and is not taken for expired; nothing was made on the disk."""
    async with a_ward(tmp_path) as ward:
        said = await ward.diagnosis(capsys)

    assert 0 == said["exit_code"]
    assert {"alerts"} == {row["check"] for row in said["checks"] if row["grade"] != "pass"}
    assert "the key does not expire" == about(said, "expiry")["line"]
    assert [] == os.listdir(tmp_path)


async def test_nobody_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dead address is the exchange's class, and nothing is said about an account that nobody saw."""
    async with a_ward(tmp_path) as ward:
        said = await ward.diagnosis(capsys, BYBIT__REST_URL="http://127.0.0.1:1")

    assert (ExitCode.EXCHANGE, "fail") == (said["exit_code"], about(said, "exchange")["grade"])
    assert not {"key", "withdrawal", "position mode"} & {row["check"] for row in said["checks"]}


async def test_dear_fees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with a_ward(tmp_path, rules=VenueRules(linear_taker_rate=D("0.002"))) as ward:
        said = await ward.diagnosis(capsys)

    assert ("warn", 0) == (about(said, "fees")["grade"], said["exit_code"])


async def test_the_journal_is_held(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Right while a daemon runs: a warning with its process, no failure."""
    async with a_ward(tmp_path) as ward:
        ward.journal.parent.mkdir(parents=True)
        with ward.journal.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write("4711")
            lock.flush()
            said = await ward.diagnosis(capsys)

    assert ("warn", 0) == (about(said, "second writer")["grade"], said["exit_code"])
    assert "4711" in about(said, "second writer")["line"]


async def test_the_account_is_held_by_another_journal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No daemon would start here: the class of a second writer, before either has sent an order."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with a_ward(tmp_path) as ward:
        lock = account_lock(ward.server.url, PAPER_ACCOUNT.api_key)
        lock.parent.mkdir(parents=True)
        with lock.open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.write("4711")
            stream.flush()
            said = await ward.diagnosis(capsys)

    assert ("fail", ExitCode.OCCUPIED) == (about(said, "second writer")["grade"], said["exit_code"])
    assert "process 4711 trades this account" in about(said, "second writer")["line"]


async def test_a_proxy_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with a_ward(tmp_path) as ward:
        said = await ward.diagnosis(capsys)

    assert "warn" == about(said, "proxies")["grade"]


async def test_a_channel_is_connected_to_and_told_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Reachable is a connection; to ring somebody at every look would teach them not to listen. The address is never repeated."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()

    async with a_ward(tmp_path) as ward, await asyncio.start_server(listen, "127.0.0.1", 0) as channel:
        port = channel.sockets[0].getsockname()[1]
        urls = {"ALERTS__FIRST_URL": f"json://127.0.0.1:{port}/canary-first"}
        assert "pass" == about(await ward.diagnosis(capsys, **urls), "alerts")["grade"]
        urls |= {"ALERTS__SECOND_URL": "json://127.0.0.1:1/canary-second"}
        said = await ward.diagnosis(capsys, **urls)
        await asyncio.sleep(0)

    assert "the second channel cannot be connected to" in about(said, "alerts")["line"]
    assert [b"", b""] == heard
    assert "canary" not in json.dumps(said)


async def test_fix_switches_the_mode_only_while_nothing_is_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--fix makes one write, and only on a flat account; what it cannot mend it leaves, with its exit code."""
    async with a_ward(tmp_path, ONE_WAY) as ward:
        await ward.owner(
            "/v5/order/create", category="linear", symbol="BTCUSDT", side="Sell", orderType="Market", qty="0.01"
        )
        open_still = await ward.diagnosis(capsys, fix=True)
        await ward.owner(
            "/v5/order/create",
            category="linear",
            symbol="BTCUSDT",
            side="Buy",
            orderType="Market",
            qty="0.01",
            reduceOnly=True,
        )
        seen = await ward.diagnosis(capsys)
        before = len((await ward.client.sim("GET", "requests"))["requests"])
        fixed = await ward.diagnosis(capsys, fix=True)
        after = (await ward.client.sim("GET", "requests"))["requests"][before:]

    assert (ExitCode.ACCOUNT, []) == (open_still["exit_code"], open_still["mended"])
    assert "Close them" in about(open_still, "position mode")["mend"]
    assert "--fix" in about(seen, "position mode")["mend"]
    assert (0, ["position mode: hedge"]) == (fixed["exit_code"], fixed["mended"])
    assert ["/v5/position/switch-mode"] == [write["path"] for write in after]
