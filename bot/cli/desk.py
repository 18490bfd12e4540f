"""The verbs of the desk: watch the daemon live, ask where the profit came from, pack a support bundle, try the alerts.

Knows options and exit codes, and which room answers. None of these verbs trades.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.exit_codes import ExitCode

if TYPE_CHECKING:
    from bot.cli.asking import Asked

__all__ = ["add_to", "status_or_fail"]

EnvFile = Annotated[Path | None, typer.Option(help="Read this file instead of ./.env", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script")]
File = Annotated[Path | None, typer.Option(help="A journal's file instead of this mode's own", show_default=False)]
Port = Annotated[int | None, typer.Option(help="Dashboard port of the daemon", show_default=False)]


class By(StrEnum):
    """What profit is split by."""

    DAY = "day"
    LEG = "leg"
    CAUSE = "cause"


alerts = typer.Typer(help="Try whether alerts arrive.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Give the command these verbs."""
    app.command(short_help="Watch the running daemon, live")(top)
    app.command(short_help="Print a link that opens the dashboard")(dashboard)
    app.command(short_help="Where profit and loss came from")(pnl)
    app.command(short_help="Pack a support bundle without secrets")(bundle)
    app.add_typer(alerts, name="alerts", short_help="Try whether alerts arrive")


def status_or_fail(daemon: Asked) -> dict[str, Any]:
    """Its status document; where there is none to be had, why, and exit code 1."""
    from bot.cli.asking import told
    from bot.cli.terminal import fail

    try:
        return daemon.status()
    except ConnectionError as error:
        fail(ExitCode.FAILURE, *told(daemon, error))


@alerts.callback()
def _alerts() -> None:
    """Try whether alerts arrive."""


def top(
    port: Port = None,
    every_s: Annotated[float, typer.Option("--every", min=0.2, max=60, help="Seconds between two looks")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print one picture and leave")] = False,
    env_file: EnvFile = None,
) -> None:
    """Watch the running daemon, live: mode, delta, legs, loan, funding, profit, health, the last decisions. Ctrl-C leaves.

    A daemon that does not answer is said so, with the age of what is shown, until it is back. Exit code 1 when none answers at first.
    """
    from bot.cli import launch, top
    from bot.cli.asking import Asked

    daemon = Asked.own(launch.load_or_fail(env_file, web__port=port).settings)
    first = status_or_fail(daemon)
    if once:
        top.show(first)
    else:
        top.watch(daemon.status, first, every_s=every_s)


def dashboard(port: Port = None, env_file: EnvFile = None) -> None:
    """Print a link that opens the running daemon's dashboard, with the token that reads in it: for your eyes, not for a log or a chat.

    The token is HEDGELOCK__WEB__TOKEN or, where none is set, the one the daemon keeps in web.token beside its journal. A verb on the page
    asks for one more: HEDGELOCK__WEB__OPERATE_TOKEN, or verbs.token beside the journal. Exit code 1 when no daemon answers.
    """
    from urllib.parse import quote

    from bot.cli import asking, launch
    from bot.cli.terminal import fail

    settings = launch.load_or_fail(env_file, web__port=port).settings
    daemon = asking.Asked.own(settings)
    try:
        daemon.status()
    except ConnectionError as error:
        fail(ExitCode.FAILURE, *asking.told(daemon, error))
    typer.echo(f"{daemon.url}/#token={quote(asking.reading_token(settings), safe='')}")


def pnl(
    by: Annotated[By, typer.Option(help="Split by day, leg or cause")] = By.CAUSE,
    file: File = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Where profit and loss came from, off the journal, since it began. The rows add up to the total, to the last digit.

    spot: the coin itself. hedge price: what the legs gained. brought in: what adopted legs had gained before. Interest is what the
    venue's transaction log has charged. Days are UTC, market time; the last one ends at the newest record.
    """
    import json

    from bot.cli import launch
    from bot.cli.journal import open_named
    from bot.cli.terminal import print_rows
    from bot.review.archive import profit
    from bot.review.chronicle import Chronicle

    settings = launch.load_or_fail(env_file).settings
    chronicle = Chronicle(symbol=settings.book.symbol)
    with open_named(file, env_file) as journal:
        chronicle.read(journal)
    told = profit(chronicle, by.value)
    if as_json:
        typer.echo(json.dumps(told, indent=2, default=str))
        return
    if not told["rows"]:
        typer.echo("none", err=True)
        return
    first = next(iter(told["rows"][0]))
    amounts = [name for name in told["rows"][0] if name not in (first, "total_usdt")]
    total = {name: sum(row[name] for row in told["rows"]) for name in amounts}
    print_rows([*told["rows"], {first: "total", **total, "total_usdt": told["total_usdt"]}])


def bundle(
    out: Annotated[Path | None, typer.Option(help="File to write; a .tar.gz", show_default=False)] = None,
    port: Port = None,
    file: File = None,
    env_file: EnvFile = None,
) -> None:
    """Pack a support bundle: one file that tells how it stands and what came to pass, without keys, tokens or addresses of yours.

    It holds the settings in force (secrets masked), versions, the daemon's status, health and metrics if one answers, and the last
    orders, decisions, fills and notes of the journal. Look into it before you send it: balances are in it.
    """
    from bot.cli import launch
    from bot.cli.asking import Asked
    from bot.cli.bundle import write
    from bot.cli.terminal import fail
    from bot.domain.errors import SetUp

    loaded = launch.load_or_fail(env_file, web__port=port)
    try:
        path = write(loaded, Asked.own(loaded.settings), out=out, journal=file or loaded.settings.journal_path)
    except SetUp as error:
        fail(ExitCode.FAILURE, error.problem, error.mend)
    typer.echo(f"{path}: look into it before you send it")


@alerts.command("test", short_help="Send a test message over every channel")
def try_out(env_file: EnvFile = None) -> None:
    """Send a test message over every channel that is set, and say what each one confirmed. Needs no running daemon.

    Exit code 0 when every channel confirmed, 1 when one did not, 3 when none is set.
    """
    import asyncio
    from random import Random

    from bot import wiring
    from bot.cli import launch
    from bot.cli.terminal import fail
    from bot.domain.clock import wall_ms
    from bot.monitoring.alerts import service

    loaded = launch.load_or_fail(env_file)
    launch.open_logs(loaded)
    options = wiring.alert_options(loaded.settings)
    if not options.urls:
        fail(
            ExitCode.SETTINGS, "no alert channel is set", "Set HEDGELOCK__ALERTS__FIRST_URL; docs/alerts.md lists them"
        )
    receipts = asyncio.run(service.try_out(options, rng=Random(wall_ms())))
    for receipt in receipts:
        said = f"confirmed, {receipt.proof}" if receipt.ok else f"NOT delivered: {receipt.error}"
        typer.echo(f"{receipt.channel}: {said}")
    if not all(receipt.ok for receipt in receipts):
        raise typer.Exit(ExitCode.FAILURE)
