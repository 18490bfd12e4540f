"""The `hedgelock` command: verbs and their options.

Knows which settings an option overrides, which room carries a verb out, and what exit code tells the outcome.
Does not decide anything: a verb loads settings, calls one function and prints. Rooms are imported inside the verb,
so that `--help` and `version` answer at once.

A new verb is a function under `@app.command()`; its docstring is its help.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from bot import __version__
from bot.cli.backtest import add_to as add_backtest_verbs
from bot.cli.data import add_to as add_data_verbs
from bot.cli.desk import add_to as add_desk_verbs
from bot.cli.fleet import add_to as add_fleet_verbs
from bot.cli.journal import add_to as add_journal_verbs
from bot.cli.loan import add_to as add_loan_verbs
from bot.cli.operator import add_to as add_operator_verbs
from bot.cli.publish import add_to as add_publish_verb
from bot.cli.simulate import add_to as add_simulate_verb
from bot.exit_codes import ExitCode

__all__ = ["app", "main"]

_HELP = """Keeps the BTC behind a USDT loan delta-hedged on Bybit.

Without a verb it runs. Without settings it runs in paper mode: a local Bybit, recorded prices, no keys, no money.

\b
Try:
  hedgelock                      the paper bot; its first lines say where the dashboard is
  hedgelock status               in another terminal: legs, delta, volatility, decisions
  hedgelock explain --last       why it did what it did, stage by stage
  hedgelock journal orders       orders, decisions, fills, notes of the past
  hedgelock run --speed 600      the same day, faster
  hedgelock compare              what every policy would have done with your book, year by year
  hedgelock config               what is in force, and where each value came from
  hedgelock run --mode testnet   the same bot on Bybit testnet; needs testnet keys

Ctrl-C stops it: resting orders are cancelled, the hedge stays on.
"""
_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:d}  {code.meaning}" for code in ExitCode)

app = typer.Typer(
    name="hedgelock",
    help=_HELP,
    epilog=_EPILOG,
    add_completion=False,
    rich_markup_mode=None,  # plain text: lines stay lines, in a pipe too
    pretty_exceptions_enable=False,  # they would print past the masking of the logs
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

EnvFile = Annotated[Path | None, typer.Option(help="Read this file instead of ./.env", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script")]


def main() -> None:
    """Entry point of the installed command and of `python -m bot`. No verb means `run`."""
    args = sys.argv[1:]
    if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help", "--version")):
        args = ["run", *args]
    try:
        app(args, prog_name="hedgelock")
    except BrokenPipeError:  # the reader (head, less) has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@app.callback(invoke_without_command=True)
def _front_door(show_version: Annotated[bool, typer.Option("--version", help="Print the version")] = False) -> None:
    if show_version:
        typer.echo(f"hedgelock {__version__}")
        raise typer.Exit(ExitCode.OK)


@app.command(short_help="Run the daemon (the default)")
def run(
    mode: Annotated[str | None, typer.Option(help="paper, testnet, demo or mainnet", show_default=False)] = None,
    speed: Annotated[
        float | None, typer.Option(help="Paper: market seconds per real second", show_default=False)
    ] = None,
    tape: Annotated[str | None, typer.Option(help="Paper: sample, live, or a bar file", show_default=False)] = None,
    start: Annotated[str | None, typer.Option(help="Paper: first moment played, UTC", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Dashboard port, 0 = any free one", show_default=False)] = None,
    no_web: Annotated[bool, typer.Option("--no-web", help="No dashboard, no /health, no /metrics")] = False,
    env_file: EnvFile = None,
) -> None:
    """Run the daemon: watch, decide, hedge. This is what happens without a verb.

    Options win over settings for this run only. What happens next: the first lines name the world and the dashboard; the
    books are compared with the venue before the first order; then one line per decision. Ctrl-C or SIGTERM stops it
    within seconds: what is in flight is finished, resting orders are cancelled, the hedge stays on.
    """
    from bot.cli import launch

    loaded = launch.load_or_fail(
        env_file,
        mode=mode,
        paper__speed=speed,
        paper__tape=tape,
        paper__start=start,
        web__port=port,
        web__enabled=False if no_web else None,
    )
    launch.require_runnable(loaded)
    launch.open_logs(loaded)
    from bot.app import run as run_daemon

    # The link that opens the dashboard has its token in it: for the eyes at a terminal, and never where it would be kept.
    is_watched = sys.stdout.isatty() and not loaded.settings.web.token.get_secret_value()
    launch.finish(run_daemon(loaded.settings, _greet if is_watched else None))


def _greet(link: str) -> None:
    typer.echo(f"\nThe dashboard, opened: {link}\n")


@app.command(short_help="Ask the running daemon how it stands")
def status(
    port: Annotated[int | None, typer.Option(help="Dashboard port of the daemon", show_default=False)] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every figure the daemon tells, section by section")] = False,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask the running daemon how it stands: mode and what to do, delta, legs, loan, funding, profit, the last decisions.

    Exit code 0 when it answers, 1 when no daemon does.
    """
    from bot.cli import desk, launch, top
    from bot.cli.asking import Asked
    from bot.cli.terminal import print_sections

    document = desk.status_or_fail(Asked.own(launch.load_or_fail(env_file, web__port=port).settings))
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    elif all_:
        print_sections(document)
    else:
        top.show(document)


class _ListsKeys(TyperCommand):
    """A command whose help ends with every setting; they are read off the model only when somebody asks."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from bot.settings import Settings
        from bot.settings.keys import describe

        lines = [f"  {key.name}\n      {key.hint}" for key in describe(Settings)]
        self.epilog = "\n".join(["\b\nEvery setting:", *lines])
        super().format_help(ctx, formatter)


@app.command(cls=_ListsKeys, short_help="Show the settings in force and where each came from")
def config(
    words: Annotated[list[str] | None, typer.Argument(help="Show only settings whose name holds a word")] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Show only what was set")] = False,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the settings in force and where each came from; secrets are masked.

    A setting is a variable HEDGELOCK__SECTION__NAME in the environment or in ./.env; the environment wins, the command
    line wins over both. A secret may stand in a file instead: put its path in the same name ending in _FILE.
    """
    from bot.cli import launch
    from bot.cli.terminal import print_settings
    from bot.settings.keys import effective

    settings, found = launch.load_or_fail(env_file)
    rows = [
        (key, value, source)
        for key, value, source in effective(settings, found)
        if (not changed or source != "default") and (not words or any(word.upper() in key.name for word in words))
    ]
    if as_json:
        facts = [{"name": key.name, "value": value, "source": source, **key.facts()} for key, value, source in rows]
        typer.echo(json.dumps(facts, indent=2))
        return
    if not rows:
        typer.echo("none", err=True)
        return
    print_settings(rows)


add_simulate_verb(app)
add_publish_verb(app)
add_operator_verbs(app)
add_journal_verbs(app)
add_backtest_verbs(app)
add_data_verbs(app)
add_desk_verbs(app)
add_loan_verbs(app)
add_fleet_verbs(app)


@app.command(short_help="Print what this is made of")
def version(as_json: AsJson = False) -> None:
    """Print the version of HedgeLock and of what it stands on; put it in every report of a problem."""
    facts = {"hedgelock": __version__, "python": platform.python_version(), "system": platform.platform()}
    for name in ("ccxt", "websockets", "aiohttp", "pydantic"):
        try:
            facts[name] = version_of(name)
        except PackageNotFoundError:
            facts[name] = "not installed"
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        typer.echo("\n".join(f"{name:11}{value}" for name, value in facts.items()))
