"""The `hedgelock` command: verbs, their options and how an answer looks on a terminal.

Knows which settings an option overrides, which room carries a verb out, and what exit code tells the outcome.
Does not decide anything: a verb loads settings, calls one function and prints. Rooms are imported inside the verb,
so that `--help` and `version` answer at once.

A new verb is a function under `@app.command()`; its docstring is its help.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
from collections.abc import Coroutine, Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperCommand

from bot import __version__
from bot.exit_codes import ExitCode

if TYPE_CHECKING:
    from bot.settings import Loaded

__all__ = ["app", "main"]

_HELP = """Keeps the BTC behind a USDT loan delta-hedged on Bybit.

Without a verb it runs. Without settings it runs in paper mode: a local Bybit, recorded prices, no keys, no money.

\b
Try:
  hedgelock                      the paper bot; its first lines say where the dashboard is
  hedgelock status               in another terminal: legs, delta, volatility, decisions
  hedgelock run --speed 600      the same day, faster
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
    settings, _ = loaded = _load(
        env_file,
        mode=mode,
        paper__speed=speed,
        paper__tape=tape,
        paper__start=start,
        web__port=port,
        web__enabled=False if no_web else None,
    )
    _runnable(loaded)
    from bot.app import run as run_daemon

    _finish(run_daemon(settings))


@app.command(short_help="Ask the running daemon how it stands")
def status(
    port: Annotated[int | None, typer.Option(help="Dashboard port of the daemon", show_default=False)] = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask the running daemon how it stands: mode, book, delta, volatility, funding, last decision.

    Exit code 0 when it answers, 1 when no daemon does.
    """
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, build_opener

    web = _load(env_file, web__port=port).settings.web
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(web.host, web.host)
    url = f"http://{host}:{web.port}/api/v1/status"
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
            sections = json.load(answer)
        if not isinstance(sections, dict):
            raise ValueError("not an object")
    except HTTPError as error:
        _fail(ExitCode.FAILURE, f"{url} answered {error.code}: is that HedgeLock?")
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        _fail(ExitCode.FAILURE, f"no daemon answers at {url} ({reason})", "Start one with: hedgelock run")
    except ValueError:
        _fail(ExitCode.FAILURE, f"{url} did not answer in HedgeLock's words: is something else on that port?")
    if as_json:
        typer.echo(json.dumps(sections, indent=2))
    else:
        _print_sections(sections)


class _ListsKeys(TyperCommand):
    """A command whose help ends with every setting; they are read off the model only when somebody asks."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from bot.keys import describe
        from bot.settings import Settings

        lines = [f"  {key.name}\n      {key.hint}" for key in describe(Settings)]
        self.epilog = "\n".join(["\b\nEvery setting:", *lines])
        super().format_help(ctx, formatter)


@app.command(cls=_ListsKeys, short_help="Show the settings in force and where each came from")
def config(
    words: Annotated[list[str] | None, typer.Argument(help="Show only settings whose name holds a word")] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Show only what differs from the default")] = False,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the settings in force and where each came from; secrets are masked.

    A setting is a variable HEDGELOCK__SECTION__NAME in the environment or in ./.env; the environment wins, the command
    line wins over both. A secret may stand in a file instead: put its path in the same name ending in _FILE.
    """
    from bot.keys import effective

    settings, found = _load(env_file)
    rows = [
        (key, value, source)
        for key, value, source in effective(settings, found)
        if (not changed or source != "default") and (not words or any(word.upper() in key.name for word in words))
    ]
    if as_json:
        facts = [{"name": key.name, "value": value, "source": source, **key.facts()} for key, value, source in rows]
        typer.echo(json.dumps(facts, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", overflow="fold")
    for key, value, source in rows:
        shown = f"{value} {key.unit}" if value and key.unit else value
        table.add_row(key.name, escape(shown), escape(source), style="" if source == "default" else "bold")
    Console().print(table)


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


def _load(env_file: Path | None, **overrides: object) -> Loaded:
    """Settings with the command line's overrides (section__name=value; None = not given), or exit code 3."""
    from bot.settings import PREFIX, SettingsError, load

    texts = {PREFIX + name.upper(): str(value) for name, value in overrides.items() if value is not None}
    try:
        return load(env_file=env_file, overrides=texts)
    except SettingsError as error:
        _fail(ExitCode.SETTINGS, *error.problems, "Every setting: hedgelock config --help, or config/README.md")


def _runnable(loaded: Loaded) -> None:
    """Refuse an unarmed mainnet or absent keys; then open the logs, with every secret hidden."""
    from bot import logs
    from bot.settings import NotArmed, SettingsError

    settings = loaded.settings
    try:
        settings.require_runnable()
    except NotArmed as error:
        _fail(ExitCode.REFUSED, *error.problems)
    except SettingsError as error:
        _fail(ExitCode.SETTINGS, *error.problems)
    logs.configure(level=settings.log.level, form=settings.log.format, secrets=settings.bybit.secrets())


def _finish(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Run a room's coroutine to its end; its number is ours."""
    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:  # before the daemon listens for it, there is nothing to tidy
        code = ExitCode.OK
    raise typer.Exit(code)


def _fail(code: ExitCode, *lines: str) -> NoReturn:
    typer.echo("hedgelock: " + "\n           ".join(lines), err=True)
    raise typer.Exit(code)


def _print_sections(sections: Mapping[str, Any]) -> None:
    """Whatever the daemon tells, as tables: an object is name and value, a list of objects is rows."""
    console = Console()
    plain = {name: value for name, value in sections.items() if not isinstance(value, dict | list)}
    for title, section in {"": plain, **{name: value for name, value in sections.items() if name not in plain}}.items():
        if not section:
            continue
        table = Table(title=title or None, title_justify="left", title_style="bold", box=None, show_header=False)
        if isinstance(section, dict):
            for name, value in section.items():
                table.add_row(escape(name), _cell(value))
        elif isinstance(section[0], dict):
            table.show_header = True
            for name in section[0]:
                table.add_column(escape(name))
            for row in section:
                table.add_row(*(_cell(row.get(name)) for name in section[0]))
        else:
            for value in section:
                table.add_row(_cell(value))
        console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return "unavailable"
    if isinstance(value, dict):
        return ", ".join(f"{escape(str(name))} {_cell(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "; ".join(map(_cell, value))
    return escape(str(value))
