"""The doctor: gathers the facts of the preflight, prints what it finds, and mends what is safe to mend.

Knows where each fact is looked up. The checks themselves are in `preflight`; what is mended is a change of position mode while there is
neither position nor order, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from random import Random

import typer

from bot import premises, wiring
from bot.domain.clock import wall_ms
from bot.domain.errors import HedgeLockError, OutcomeUnknown, Refused, SetUp
from bot.exchange.budget import Budget
from bot.exchange.inspector import Inspector
from bot.exchange.rest import Rest
from bot.preflight import machine
from bot.preflight.checks import CHECKS
from bot.preflight.findings import Facts, Finding, Grade, against, exit_code, findings
from bot.settings import Settings
from bot.world import enter_world

__all__ = ["reasons_against", "run"]

_PATIENCE_S = 45.0
_MARKS = {Grade.PASS: "ok  ", Grade.WARN: "warn", Grade.UNKNOWN: "????", Grade.FAIL: "FAIL"}


async def run(settings: Settings, *, as_json: bool, fix: bool) -> int:
    """Look, mend where asked and safe, tell; returns the ExitCode of the worst class found."""
    found, mended = await _look(settings, fix=fix)
    code = exit_code(found)
    if as_json:
        rows = [
            {"check": f.name, "grade": f.grade.value, "line": f.line, "mend": f.mend, "exit_code": int(f.code)}
            for f in found
        ]
        typer.echo(json.dumps({"exit_code": int(code), "mended": mended, "checks": rows}, indent=2))
    else:
        typer.echo("\n".join(_told(found, mended)))
    return code


async def reasons_against(settings: Settings) -> list[str]:
    """What stands against trading, one line each, looked at now."""
    found, _ = await _look(settings, fix=False)
    return against(found)


def _told(found: list[Finding], mended: list[str]) -> list[str]:
    lines = [f"mended: {what}" for what in mended]
    for finding in found:
        lines.append(f"{_MARKS[finding.grade]}  {finding.name:14}{finding.line}")
        if finding.mend and finding.grade is not Grade.PASS:
            lines.append(f"{'':20}-> {finding.mend}")
    return lines


async def _look(settings: Settings, *, fix: bool) -> tuple[list[Finding], list[str]]:
    here = replace(machine.look_in_time(settings.journal_path), deaf=await machine.deaf(settings.alerts))
    mended: list[str] = []
    if here.free_mb is None:  # who writes the journal, and whose an order is, would be guessed
        return findings(CHECKS, Facts(settings=settings, machine=here, account=None)), mended
    try:
        async with asyncio.timeout(_PATIENCE_S), enter_world(settings) as world:
            account_lock = premises.account_lock(world.hosts.rest_url, world.credentials.api_key)
            here = replace(here, rival=machine.rival(account_lock, here.writer))
            rest = Rest(world.hosts, world.credentials, budget=Budget(), patience=wiring.exchange_patience(settings))
            async with rest:
                inspector = Inspector(
                    rest,
                    world.clock,
                    symbol=settings.book.symbol,
                    rng=Random(wall_ms()),
                    patience=wiring.exchange_patience(settings),
                    structure=wiring.loan_structure(settings),
                )
                account = await inspector.inspect()
                if fix and account.facts is not None and account.facts.hedge_mode is False and account.flat:
                    mended.append(await _switch(inspector))
                    account = await inspector.inspect()
    except (HedgeLockError, TimeoutError) as error:
        silence = error.problem if isinstance(error, SetUp) else str(error) or "no answer in time"
        return findings(CHECKS, Facts(settings=settings, machine=here, account=None, silence=silence)), mended
    issued, place = machine.issued(settings.journal_path), premises.place(settings.journal_path)
    return findings(CHECKS, Facts(settings=settings, machine=here, account=account, place=place, issued=issued)), mended


async def _switch(inspector: Inspector) -> str:
    try:
        await inspector.switch_to_hedge_mode()
    except (Refused, OutcomeUnknown) as error:
        return f"NOT mended, position mode: {error}"
    return "position mode: hedge"
