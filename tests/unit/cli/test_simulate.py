"""`hedgelock simulate`: every option is taken at its word, and a word that makes no sense is told as such."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.command import app
from bot.exit_codes import ExitCode
from tests.client import at

BAD: list[tuple[str, list[str], str]] = [
    ("another host", ["--host", "0.0.0.0"], "listens on loopback only"),
    ("an unknown fault", ["--fault", "replylost"], "there are: request-lost"),
    ("a chance that is no number", ["--fault", "reply-lost:p=x"], "p is a number, not 'x'"),
    ("half a blow", ["--fault", "reply-lost:times=0.5"], "times is a whole number, not '0.5'"),
    ("a fault of nobody's", ["--fault", "adl:account=zed"], "no account 'zed'; there are: paper"),
    ("an unknown plan", ["--fault-plan", "hail"], "there are: flaky"),
    ("an account without a name", ["--account", "9:btc=1"], "an account's name"),
    ("an account with a surprise", ["--account", "a:doge=1"], "no doge; there are: btc"),
    ("less than nothing", ["--account", "a:btc=-1"], "btc is an amount, not '-1'"),
    ("neither true nor false", ["--account", "a:hedge_mode=yes"], "hedge_mode is true or false"),
    ("twice the same", ["--account", "a", "--account", "a"], "the account 'a' is there twice"),
    ("a host for another tape", ["--live-host", "http://x", "--tape", "sample"], "drives --tape live only"),
]


@pytest.mark.parametrize(("name", "args", "told"), BAD, ids=[case[0] for case in BAD])
def test_what_makes_no_sense_is_told(name: str, args: list[str], told: str) -> None:
    """Exit code 2 and the reason, with what there is instead; nothing is served."""
    answer = CliRunner().invoke(app, ["simulate", *args])

    assert ExitCode.USAGE == answer.exit_code
    assert told in " ".join(answer.output.split())


def test_every_fault_can_be_looked_up() -> None:
    """The catalogue and the plans, without starting anything."""
    answer = CliRunner().invoke(app, ["simulate", "--list-faults"])

    assert ExitCode.OK == answer.exit_code
    assert "reply-lost" in answer.output
    assert "storm" in answer.output


async def test_everything_at_once(tmp_path: Path) -> None:
    """Seed, speed, a pause, two accounts, a fault, a plan, TLS: all of it in the process that says where it listens."""
    options = [
        *("--seed", "5", "--speed", "600", "--paused", "--start", "2025-09-01", "--port", "0"),
        *("--account", "paper:btc=0.3", "--account", "rich:btc=5,loan_usdt=0,hedge_mode=false,long_btc=0,short_btc=0"),
        *("--fault", "reply-late:ms=1,match=/v5/position", "--fault", "adl:account=paper,value=2:0.5"),
        *("--fault-plan", "deaf", "--tls-certificate", str(tmp_path / "c.pem")),
    ]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "simulate", *options), stdout=asyncio.subprocess.PIPE, stderr=None
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = json.loads(await process.stdout.readline())
            async with at(line["listening"]) as client:
                clock = await client.sim("GET", "clock")
                stepped = await client.sim("POST", "step", ms=60_000)
                accounts = (await client.sim("GET", "accounts"))["accounts"]
                legs = (await client.sim("GET", "accounts/paper"))["legs"]
                rich = await client.sim("GET", "accounts/rich")
                active = {row["fault"] for row in (await client.sim("GET", "faults"))["active"]}
            async with at(line["listening"], key="hedgelock-rich", secret="hedgelock-rich-secret") as client:
                wallet = await client.get("/v5/account/wallet-balance", accountType="UNIFIED", coin="BTC")
    finally:
        process.terminate()
        await process.wait()

    assert (line["speed"], line["accounts"]) == (600.0, {"paper": "hedgelock-paper", "rich": "hedgelock-rich"})
    assert (clock["paused"], stepped["market_ms"] - clock["market_ms"]) == (True, 60_000)
    assert (accounts, legs["2"]["size"], rich["hedge_mode"]) == (["paper", "rich"], "0.107", False)
    assert {"reply-late", "no-pong", "half-open"} <= active
    assert wallet["result"]["list"][0]["coin"][0]["walletBalance"] == "5"
    assert line["tls"].startswith("https://localhost:")
    assert "BEGIN CERTIFICATE" in (tmp_path / "c.pem").read_text()
    assert process.returncode == ExitCode.OK
