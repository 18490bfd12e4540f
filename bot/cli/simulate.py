"""The verb that serves the local Bybit alone: `hedgelock simulate`.

Knows its options, and which of them override settings of the paper world. Does not know what any of them does to a venue.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.exit_codes import ExitCode

if TYPE_CHECKING:
    from bot.settings.sections import PaperSettings
    from bot.simulator.accounts import AccountOptions
    from bot.simulator.faults import Injection

__all__ = ["add_to"]

_EPILOG = """\b
Try:
  hedgelock simulate --speed 600 --port 8181
  hedgelock simulate --fault reply-lost:p=0.1,match=/v5/order/create --fault no-pong
  hedgelock simulate --fault-plan storm --seed 7
  hedgelock simulate --account paper --account rich:btc=5,loan_usdt=0,long_btc=0,short_btc=0
  curl -XPOST localhost:8181/sim/pause
  curl -XPOST localhost:8181/sim/step -d '{"ms": 60000}'

Everything it can be told while it runs: docs/simulator.md
"""


class Epoch(StrEnum):
    """Which dates the local Bybit lives in."""

    TAPE = "tape"
    NOW = "now"


def _option(*flags: str, **how: Any) -> Any:
    return typer.Option(*flags, show_default=False, **how)


Host = Annotated[str, typer.Option(help="Loopback address to listen on")]
Port = Annotated[int | None, _option(help="Port, 0 = any free one")]
TapeName = Annotated[str | None, _option(help="sample, live, or a bar file")]
HostName = Annotated[str | None, _option(help="V5 host that drives --tape live; default mainnet")]
Start = Annotated[str | None, _option(help="First moment played, UTC")]
Dates = Annotated[Epoch, typer.Option(help="tape: keep its dates; now: begin today")]
Speed = Annotated[float | None, _option(help="Market seconds per real second")]
Seed = Annotated[int | None, _option(help="Seed of every random draw")]
Paused = Annotated[bool, typer.Option("--paused", help="Wait for the control endpoint to let time run")]
Accounts = Annotated[
    list[str] | None,
    _option(help="NAME or NAME:key=value,…; else like the paper account; repeatable", metavar="<text>"),
]
Faults = Annotated[list[str] | None, _option(help="NAME or NAME:p=…,times=…,match=…; repeatable", metavar="<text>")]
Plan = Annotated[str | None, _option(help="A plan by its name, or a seed to draw one from")]
Listing = Annotated[bool, typer.Option("--list-faults", help="Name every fault and plan, and exit")]
Certificate = Annotated[Path | None, _option(help="Serve TLS too, and write its certificate here")]
TlsPort = Annotated[int, typer.Option(help="Port of TLS, 0 = any free one", min=0, max=65535)]
EnvFile = Annotated[Path | None, _option(help="Read this file instead of ./.env")]


def add_to(app: typer.Typer) -> None:
    """Give the command this verb."""
    app.command(short_help="Serve the local Bybit alone, for any client", epilog=_EPILOG)(simulate)


def simulate(
    host: Host = "127.0.0.1",
    port: Port = None,
    tape: TapeName = None,
    live_host: HostName = None,
    start: Start = None,
    epoch: Dates = Epoch.TAPE,
    speed: Speed = None,
    seed: Seed = None,
    paused: Paused = False,
    account: Accounts = None,
    fault: Faults = None,
    fault_plan: Plan = None,
    list_faults: Listing = False,
    tls_certificate: Certificate = None,
    tls_port: TlsPort = 0,
    parent_pid: Annotated[int | None, typer.Option(hidden=True)] = None,
    env_file: EnvFile = None,
) -> None:
    """Serve the local Bybit alone: V5 REST and websockets on one loopback port, no keys of the real world.

    The first line on stdout is JSON with the address. Point any Bybit V5 client at it with the key hedgelock-paper and the
    secret hedgelock-paper-secret. The book it opens with is HEDGELOCK__PAPER__SPOT_BTC and its neighbours (hedgelock config paper).
    """
    if list_faults:
        _tell_faults()
        raise typer.Exit(ExitCode.OK)
    from bot.cli import launch
    from bot.simulator.accounts import OptionsError
    from bot.simulator.main import SimulatorOptions, serve
    from bot.simulator.tape import TapeError

    if live_host is not None:
        if tape not in (None, "live"):
            raise typer.BadParameter("a live host drives --tape live only", param_hint="--live-host")
        tape = "live"
    faults = _misfortunes(fault, fault_plan)
    given = {"tape": tape, "start": start, "speed": speed, "seed": seed, "port": port}
    loaded = launch.load_or_fail(env_file, **{f"paper__{name}": value for name, value in given.items()})
    paper = loaded.settings.paper
    try:
        options = SimulatorOptions(
            host=host,
            port=paper.port,
            tape=paper.tape,
            start_ms=paper.start_ms,
            speed=paper.speed,
            seed=paper.seed,
            live_host=live_host or "",
            epoch=epoch.value,
            accounts=_accounts(paper, account),
            paused=paused,
            faults=faults,
            tls_certificate=tls_certificate,
            tls_port=tls_port,
            parent_pid=parent_pid,
        )
    except OptionsError as error:
        raise typer.BadParameter(str(error)) from error
    launch.open_logs(loaded)
    launch.finish(serve(options), TapeError, OptionsError)


def _accounts(paper: PaperSettings, texts: list[str] | None) -> tuple[AccountOptions, ...]:
    from bot.simulator.accounts import AccountOptions

    book = AccountOptions(
        btc=paper.spot_btc,
        cash_usdt=paper.cash_usdt,
        loan_usdt=paper.loan_usdt,
        long_btc=paper.long_btc,
        short_btc=paper.short_btc,
        leverage=Decimal(paper.leverage),
    )
    return tuple(_read("--account", book.parse, text) for text in texts or ("paper",))


def _misfortunes(texts: list[str] | None, plan: str | None) -> tuple[Injection, ...]:
    from bot.simulator.faults import Injection, plan_of

    drawn = _read("--fault-plan", plan_of, plan) if plan is not None else ()
    return (*(_read("--fault", Injection.parse, text) for text in texts or ()), *drawn)


def _read(option: str, read: Callable[[str], Any], text: str) -> Any:
    """What an option's text means, or exit code 2 with the reason."""
    try:
        return read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _tell_faults() -> None:
    from bot.simulator.catalogue import CATALOGUE
    from bot.simulator.faults import PLANS

    for fault in CATALOGUE.values():
        value = f"  [{fault.value}]" if fault.value else ""
        typer.echo(f"{fault.name:22}{fault.where:9}{fault.tells}{value}")
    typer.echo("\nPlans:")
    for name, plan in PLANS.items():
        typer.echo(f"{name:22}{', '.join(dict.fromkeys(injection.fault for injection in plan))}")
