"""`hedgelock simulate`: build a venue, a tape and a face from options, and serve until told to stop.

Knows every part by name and none of their rules. The first line on stdout is JSON, so that a parent can wait for the port.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from bot.domain.clock import wall_ms
from bot.simulator.accounts import PAPER_ACCOUNT, AccountOptions, OptionsError
from bot.simulator.auth import ApiKey, Keyring
from bot.simulator.choices import FaceChoices
from bot.simulator.faults import Injection
from bot.simulator.history import PriceSource
from bot.simulator.keys import KeyInfo
from bot.simulator.live import LiveHost, LiveTape
from bot.simulator.server import LOOPBACK, ServerOptions, SimulatorServer
from bot.simulator.tape import DEFAULT_START_MS, Bar, Tape, read_bars, read_rates, sample_bars, sample_rates
from bot.simulator.venue import Venue, VenueRules

__all__ = ["SimulatorOptions", "build", "serve"]

PARENT_LOOK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """What `hedgelock simulate` can be told.

    `port`: 0 = any free one. `tape`: "sample", "live", or the path of a bar file (CSV, also .gz; see `tape.read_bars`), whose settled
    funding rates stand beside it in NAME.funding.csv if there are any. `start_ms`: UTC ms on the tape; None = its default. `epoch`:
    "tape" keeps the tape's own dates, "now" moves them so that the tape begins now. `parent_pid`: stop when that process is gone.
    `tls_certificate`: where to write the certificate of a second, TLS port (`tls_port`, 0 = any free one); None = no such port.
    `live_host`: the V5 host that drives a live tape; "" = mainnet. A live tape runs at its market's pace.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tape: str = "sample"
    live_host: str = ""
    start_ms: int | None = None
    speed: float = 240.0
    epoch: Literal["tape", "now"] = "tape"
    tick_ms: int = 1000
    seed: int = 1
    accounts: tuple[AccountOptions, ...] = (PAPER_ACCOUNT,)
    paused: bool = False
    tls_certificate: Path | None = None
    tls_port: int = 0
    parent_pid: int | None = None
    faults: tuple[Injection, ...] = ()
    choices: FaceChoices = field(default_factory=FaceChoices)
    rules: VenueRules | None = None

    def __post_init__(self) -> None:
        """Raises OptionsError for what no simulator could serve."""
        if self.host not in LOOPBACK:
            raise OptionsError(f"the simulator listens on loopback only ({', '.join(LOOPBACK)}), not on {self.host!r}")
        names = [account.name for account in self.accounts]
        keys = [key for account in self.accounts for key in (account.api_key, account.owner_key)]
        for what, given in (("account", names), ("key", keys)):
            twice = [name for name in given if given.count(name) > 1]
            if twice:
                raise OptionsError(f"the {what} {twice[0]!r} is there twice")
        for injection in self.faults:
            if injection.account and injection.account not in names:
                raise OptionsError(
                    f"{injection.fault}: no account {injection.account!r}; there are: {', '.join(names)}"
                )


def build(options: SimulatorOptions, source: PriceSource | None = None) -> SimulatorServer:
    """The whole simulator, with its first price known and its accounts open, not yet listening. Raises TapeError, OptionsError."""
    live = source is not None
    source = source or _tape(options)
    venue = Venue(seed=options.seed, now_ms=source.start_ms, rules=options.rules)
    keyring = Keyring(key for account in options.accounts for key in _keys(account))
    server = SimulatorServer(
        venue,
        source,
        keyring,
        ServerOptions(
            host=options.host,
            port=options.port,
            speed=1.0 if live else options.speed,
            paused=options.paused,
            choices=options.choices,
            fault_seed=options.seed,
            tls_certificate=options.tls_certificate,
            tls_port=options.tls_port,
        ),
    )
    server.player.step_ticks(1)
    for account in options.accounts:
        _open(venue, account)
    for injection in options.faults:
        try:
            server.misfortunes.inject(injection, wall_ms())
        except KeyError as error:
            raise OptionsError(f"{injection.fault}: there is no {error.args[0]!r}") from error
        except ValueError as error:
            raise OptionsError(str(error)) from error
    if options.epoch == "now" and not live:
        server.player.pace.set(at_ms=max(wall_ms(), source.start_ms))
    return server


async def serve(options: SimulatorOptions) -> None:
    """Serve until SIGTERM, SIGINT or the death of the parent; one JSON line {"listening", "market_ms", "speed", "accounts"} comes first.

    Raises TapeError or OptionsError for options that cannot be served,
    LiveTapeError when a live host has no prices, OSError for a taken port.
    """
    live = await LiveTape.open(_live_host(options)) if options.tape == "live" else None
    async with asyncio.TaskGroup() as tasks:
        server = build(options, live)
        following = tasks.create_task(live.run()) if live is not None else None
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, server.stop)
        serving = tasks.create_task(server.run())
        waiting = tasks.create_task(server.wait_listening())
        await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if serving.done():
            return
        clock = server.control.clock()
        tls = {"tls": f"https://localhost:{server.tls_port}"} if server.tls_port else {}
        accounts = {account.name: account.api_key for account in options.accounts}
        told = {"market_ms": clock["market_ms"], "speed": clock["speed"], "accounts": accounts}
        _say({"listening": server.url, **tls, **told})
        watching = tasks.create_task(_stop_with_parent(server, options.parent_pid)) if options.parent_pid else None
        await serving
        for task in (watching, following):
            if task is not None:
                task.cancel()


def _live_host(options: SimulatorOptions) -> LiveHost:
    try:
        return LiveHost.at(options.live_host)
    except ValueError as error:
        raise OptionsError(str(error)) from error


async def _stop_with_parent(server: SimulatorServer, parent_pid: int) -> None:
    while _alive(parent_pid):  # noqa: ASYNC110 — no event tells of another process's death
        await asyncio.sleep(PARENT_LOOK_S)
    server.stop()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _tape(options: SimulatorOptions) -> Tape:
    bars: Sequence[Bar]
    rates: Sequence[tuple[int, Decimal]]
    if options.tape == "sample":
        bars, rates, default_ms = sample_bars(), sample_rates(), DEFAULT_START_MS
    else:
        path = Path(options.tape)
        bars, rates = read_bars(path), _rates_beside(path)
        default_ms = bars[0].at_ms if bars else 0
    start_ms = options.start_ms if options.start_ms is not None else default_ms
    shift_ms = _shift_to_now(bars, start_ms) if options.epoch == "now" else 0
    return Tape(bars, rates, seed=options.seed, start_ms=start_ms, shift_ms=shift_ms, tick_ms=options.tick_ms)


def _shift_to_now(bars: Sequence[Bar], start_ms: int) -> int:
    """Whole bars between the start and now, so that candles keep their grid."""
    bar_ms = bars[1].at_ms - bars[0].at_ms if len(bars) > 1 else 1
    return (wall_ms() - start_ms) // bar_ms * bar_ms


def _rates_beside(path: Path) -> list[tuple[int, Decimal]]:
    name = path.name.removesuffix(".gz").removesuffix(".csv") + ".funding.csv"
    for beside in (path.with_name(name), path.with_name(name + ".gz")):
        if beside.exists():
            return read_rates(beside)
    return []


def _keys(account: AccountOptions) -> list[ApiKey]:
    created_ms = int(datetime(2025, 8, 1, tzinfo=UTC).timestamp() * 1000)
    trader = KeyInfo(
        api_key=account.api_key, note=account.name, created_ms=created_ms, rsa_public_key=account.rsa_public_key
    )
    owner = KeyInfo(api_key=account.owner_key, note=f"{account.name} owner", created_ms=created_ms)
    return [
        ApiKey(account=account.name, info=trader, secret=account.api_secret),
        ApiKey(account=account.name, info=owner, secret=account.owner_secret),
    ]


def _open(venue: Venue, account: AccountOptions) -> None:
    if account.hedge_mode:
        legs: dict[int, tuple[Decimal, Decimal | None]] = {1: (account.long_btc, None), 2: (account.short_btc, None)}
    else:
        legs = {0: (account.long_btc - account.short_btc, None)}
    venue.open_account(
        account.name,
        coins={"BTC": account.btc, "USDT": account.cash_usdt},
        borrowed={"USDT": account.loan_usdt},
        legs=legs,
        hedge_mode=account.hedge_mode,
        leverage=account.leverage,
        funding_coins={"USDT": account.funding_usdt, "BTC": account.funding_btc},
    )
