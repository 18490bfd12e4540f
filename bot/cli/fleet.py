"""The verbs of a fleet: how several daemons stand, at one glance.

Knows options and exit codes. Reads only; a daemon is operated by its own verbs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.exit_codes import ExitCode

if TYPE_CHECKING:
    from bot.cli.asking import Asked

__all__ = ["add_to"]

fleet = typer.Typer(help="How several daemons stand.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Give the command these verbs."""
    app.add_typer(fleet, name="fleet", short_help="How several daemons stand")


@fleet.callback()
def _fleet() -> None:
    """How several daemons stand."""


@fleet.command(short_help="One row for each daemon")
def status(
    daemons: Annotated[list[str] | None, typer.Argument(help="URL or NAME=URL of a daemon", show_default=False)] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A file with one daemon a line: NAME URL [env:VAR or file:PATH]", show_default=False),
    ] = None,
    token: Annotated[
        str,
        typer.Option(help="Where the token of the named URLs stands: env:VARIABLE or file:PATH", show_default=False),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script")] = False,
) -> None:
    """One row for each daemon: mode, delta, gap, LTV, margin, profit, age of the price. They are asked together, and only asked.

    Each asks for its token: HEDGELOCK__WEB__TOKEN, or the file web.token beside its journal. That of the daemon of this folder is found.

    Exit code 0 when every one trades on a fresh price, 1 when one does not or does not answer, 3 when a list makes no sense.
    """
    import json

    from bot.cli import muster as rooms
    from bot.cli.terminal import fail, print_rows
    from bot.domain.errors import SetUp

    try:
        members = [*(rooms.listed(file) if file else []), *(rooms.member(word, token) for word in daemons or [])]
        rows = rooms.ask(members, _own())
    except SetUp as error:
        fail(ExitCode.SETTINGS, error.problem, error.mend)
    if not rows:
        fail(ExitCode.USAGE, "no daemon is named", "For instance: hedgelock fleet status http://127.0.0.1:8009")
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        blank = dict.fromkeys(name for row in rows for name in row)
        print_rows([{**blank, **row} for row in rows])
    if not all(row["well"] for row in rows):
        raise typer.Exit(ExitCode.FAILURE)


def _own() -> Asked | None:
    """The daemon of this folder; None where its settings cannot be read, which is no trouble of the others."""
    from bot.cli.asking import Asked
    from bot.settings import SettingsError, load

    try:
        return Asked.own(load().settings)
    except SettingsError:
        return None
