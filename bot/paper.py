"""The paper world: a local Bybit in a process of its own, and the clock of its tape.

Knows how to start the venue, wait for its port, ask its market time and see it end. The daemon talks to it as it talks to Bybit: only the
host names differ, and the clock, which runs at the tape's rate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from bot.domain.clock import MarketClock, awake_s
from bot.domain.errors import SetUp
from bot.exchange.hosts import Credentials, Hosts
from bot.processes import own_module, plain_environment, see_off
from bot.settings import Settings
from bot.settings.variables import PREFIX
from bot.simulator.accounts import PAPER_ACCOUNT

__all__ = ["PaperVenue", "open_venue"]

_START_DEADLINE_S = 30.0
_STOP_DEADLINE_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperVenue:
    """A local venue that answers. `name` is its own for as long as it runs: another start is another venue with other books."""

    name: str
    hosts: Hosts
    credentials: Credentials
    clock: MarketClock
    process: asyncio.subprocess.Process | None

    async def ended(self) -> str:
        """Wait for the venue's process to end, and say how; a venue that somebody else started is not ours to watch."""
        if self.process is None:
            await asyncio.Event().wait()
            raise AssertionError
        code = await self.process.wait()
        return f"the paper venue ended with exit code {code}"


@asynccontextmanager
async def open_venue(settings: Settings) -> AsyncIterator[PaperVenue]:
    """A paper venue for as long as the block runs: started here, or the running one that `bybit.rest_url` names.

    Raises SetUp where it does not start or does not answer as a paper venue does.
    """
    if settings.bybit.rest_url:
        yield await _meet(settings.bybit.rest_url, settings.bybit.ws_url, None)
        return
    process = await asyncio.create_subprocess_exec(
        *own_module("bot", "simulate", *_arguments(settings)),
        env=_environment(settings), stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the daemon: it needs the venue until its last order is known
    )  # fmt: skip
    try:
        yield await _meet(await _first_words(process), "", process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await see_off(process, patience_s=_STOP_DEADLINE_S)


def _arguments(settings: Settings) -> list[str]:
    paper = settings.paper
    start = [f"--start={paper.start}"] if paper.start else []
    return [
        f"--port={paper.port}", f"--tape={paper.tape}", f"--speed={paper.speed}", f"--seed={paper.seed}",
        f"--parent-pid={os.getpid()}", *start,
    ]  # fmt: skip


def _environment(settings: Settings) -> dict[str, str]:
    """The daemon's environment without its settings, and the book the venue opens with."""
    paper = settings.paper
    book = {
        "SPOT_BTC": paper.spot_btc,
        "LOAN_USDT": paper.loan_usdt,
        "CASH_USDT": paper.cash_usdt,
        "LONG_BTC": paper.long_btc,
        "SHORT_BTC": paper.short_btc,
        "LEVERAGE": paper.leverage,
    }
    return plain_environment() | {f"{PREFIX}PAPER__{name}": str(value) for name, value in book.items()}


async def _first_words(process: asyncio.subprocess.Process) -> str:
    """The address in the venue's first line. Raises SetUp where it ends or stays silent instead."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_DEADLINE_S):
            line = await process.stdout.readline()
        return str(json.loads(line)["listening"])
    except (TimeoutError, ValueError, KeyError, TypeError):
        raise SetUp("the paper venue did not start", "Its own message is above; try: hedgelock simulate") from None


async def _meet(rest_url: str, ws_url: str, process: asyncio.subprocess.Process | None) -> PaperVenue:
    """Ask the venue for its clock, and set ours by it."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5), trust_env=False) as session,
            session.get(f"{rest_url}/sim/clock") as answer,
        ):
            clock = await answer.json()
        market = MarketClock(origin_ms=int(clock["market_ms"]), rate=float(clock["speed"]), elapsed=awake_s)
        name = str(clock["venue"])
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
        raise SetUp(
            f"{rest_url} does not answer as a paper venue",
            "Start one with `hedgelock simulate`, or leave HEDGELOCK__BYBIT__REST_URL empty",
        ) from None
    stream_url = ws_url or rest_url.replace("http", "ws", 1)
    return PaperVenue(
        name=name,
        hosts=Hosts(rest_url=rest_url, public_ws_url=stream_url, private_ws_url=stream_url),
        credentials=Credentials(api_key=PAPER_ACCOUNT.api_key, api_secret=PAPER_ACCOUNT.api_secret),
        clock=market,
        process=process,
    )
