"""The verbs that look back at the journal, and `decide`, which looks at nothing but its figures.

Knows options and exit codes, and which room answers. None of these verbs needs keys or a running daemon, and none writes the journal.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.exit_codes import ExitCode

if TYPE_CHECKING:
    from bot.engine.config import EngineConfig
    from bot.journal.reader import JournalReader

__all__ = ["add_to", "open_named"]

File = Annotated[Path | None, typer.Option(help="A journal's file instead of this mode's own", show_default=False)]
EnvFile = Annotated[Path | None, typer.Option(help="Read this file instead of ./.env", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script")]
Last = Annotated[int, typer.Option(min=1, help="Only the last so many")]
Since = Annotated[
    str | None, typer.Option(help="From 2025-08-23T07:00 (UTC) on, or 90s, 30m, 6h, 2d back", show_default=False)
]


class Form(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"


journal = typer.Typer(
    help="Ask the journal: orders, decisions, fills, notes; or export it. A running daemon is not disturbed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def add_to(app: typer.Typer) -> None:
    """Give the command these verbs."""
    app.add_typer(journal, name="journal", short_help="Ask the journal: orders, decisions, fills, notes; export it")
    app.command(short_help="Tell one decision stage by stage, and what followed")(explain)
    app.command(short_help="Take every decision of a journal again, and compare")(replay)
    app.command(short_help="Ask the strategy about figures of your own")(decide)


@journal.command(short_help="Our orders and what became of each")
def orders(
    last: Last = 20, since: Since = None, file: File = None, env_file: EnvFile = None, as_json: AsJson = False
) -> None:
    """Our orders and what became of each: state, fills, average price, fees. Fees in USDT, above 0 was paid."""
    from bot.journal import reports

    _list(reports.orders, last, since, file, env_file, as_json)


@journal.command(short_help="Decisions, the refusals to act too")
def decisions(
    last: Last = 20, since: Since = None, file: File = None, env_file: EnvFile = None, as_json: AsJson = False
) -> None:
    """Decisions, the refusals to act too; `hedgelock explain NUMBER` tells one in full."""
    from bot.journal import reports

    _list(reports.decisions, last, since, file, env_file, as_json)


@journal.command(short_help="Executions: trades, funding, another hand's")
def fills(
    last: Last = 20, since: Since = None, file: File = None, env_file: EnvFile = None, as_json: AsJson = False
) -> None:
    """Executions of any kind, each booked once: trades, funding, and what another hand did on the account."""
    from bot.journal import reports

    _list(reports.fills, last, since, file, env_file, as_json)


@journal.command(short_help="What a person should know")
def notes(
    last: Last = 20, since: Since = None, file: File = None, env_file: EnvFile = None, as_json: AsJson = False
) -> None:
    """What a person should know: warnings, changes of mode, orders that the gate refused, runs, an operator's words."""
    from bot.journal import reports

    _list(reports.notes, last, since, file, env_file, as_json)


@journal.command(short_help="Write the journal's tables as files")
def export(
    out: Annotated[Path, typer.Option(help="Folder for the files")],
    form: Annotated[Form, typer.Option("--format", help="csv; parquet needs the extra `backtest`")] = Form.CSV,
    since: Since = None,
    file: File = None,
    env_file: EnvFile = None,
) -> None:
    """Write the journal's tables as files: decisions, orders, fills, notes, bars, prices, accounts, cash, payments.

    Times are UTC milliseconds, quantities BTC, cash USDT. Older files of the same names are replaced when all are whole. Balances are in
    them: mode 0600.
    """
    from bot.journal.export import export as export_tables

    os.umask(0o077)
    with open_named(file, env_file) as reader:
        written = export_tables(reader, out, form.value, since_ms=_moment_ms(reader, since))
    for name, count in written.items():
        typer.echo(f"{out / name}  {count} rows")
    if not written:
        typer.echo("the journal holds nothing of that time")


def explain(
    decision: Annotated[str | None, typer.Argument(help="A decision's number, or an order's id")] = None,
    last: Annotated[bool, typer.Option("--last", help="The last decision")] = False,
    file: File = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Tell one decision stage by stage: what went in, the target each stage was given and passed on, why, the orders and
    fills that followed, and what was left. It is taken again on the way: the same inputs must give the same answer.
    """
    from bot.cli.terminal import fail
    from bot.review.reasoning import explained

    if (decision is None) != last:
        raise typer.BadParameter("say which: a decision's number, an order's id, or --last")
    with open_named(file, env_file) as reader:
        document = explained(reader, decision)
        if document is None:
            fail(
                ExitCode.FAILURE,
                f"{reader.path} holds no decision {decision or ''}".rstrip(),
                "hedgelock journal decisions",
            )
    _print_document(document, as_json)


def replay(
    file: Annotated[
        Path | None, typer.Argument(help="A journal's file instead of this mode's own", show_default=False)
    ] = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Take every decision of a journal again, and compare to the last bit.

    Each is taken again from its recorded inputs; where no price was pruned and the settings are those of its run, the
    books are folded again from the first record too, and must give the same inputs. Exit code 1 at the first difference.
    """
    from bot.review.replay import replay as replay_journal

    settings = _settings(env_file)
    config, fingerprint = _config(settings)
    with open_named(file, env_file) as reader:
        found = replay_journal(reader, config, fingerprint)
    if as_json:
        _print_json(found.document())
    else:
        typer.echo("\n".join(found.lines()))
    if found.difference:
        raise typer.Exit(ExitCode.FAILURE)


def decide(
    spot: Annotated[float, typer.Option(min=0, help="BTC to protect")],
    long: Annotated[float, typer.Option(min=0, max=1_000_000, help="Long leg, BTC, in steps of 0.001")],
    short: Annotated[float, typer.Option(min=0, max=1_000_000, help="Short leg, BTC, in steps of 0.001")],
    price: Annotated[float, typer.Option(min=0, help="Price of BTC, USDT")],
    vol: Annotated[float, typer.Option(min=0, max=2, help="24 h volatility, 0.03 = 3 %")],
    funding: Annotated[float, typer.Option(min=-0.1, max=0.1, help="Funding rate per interval, > 0: longs pay")],
    interval_h: Annotated[float, typer.Option(min=1, max=24, help="Hours between two fundings")] = 8,
    loan: Annotated[float, typer.Option(min=0, help="Debt, USDT; 0 = none")] = 0,
    margin: Annotated[float | None, typer.Option(min=0, help="Margin balance, USDT; not given = unknown")] = None,
    maintenance: Annotated[
        float | None, typer.Option(min=0, help="Maintenance margin, USDT; not given = unknown")
    ] = None,
    settled: Annotated[bool, typer.Option("--settled", help="The target was reached before: the band counts")] = False,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask the strategy about figures of your own: the daemon's code with the settings' policy, offline; nothing is sent.

    \b
    For example:
      hedgelock decide --spot 0.27 --long 0.213 --short 0.213 --price 116000 --vol 0.03 --funding 0.0001

    Exit code 1 when it refuses to decide; the reason is named.
    """
    from bot.review.reasoning import Figures, thought

    figures = Figures(
        spot=_finite("spot", spot),
        long=_on_grid("long", long),
        short=_on_grid("short", short),
        price=_finite("price", price),
        vol=_finite("vol", vol),
        funding=_finite("funding", funding),
        interval_h=_finite("interval-h", interval_h),
        loan=_finite("loan", loan),
        margin=math.nan if margin is None else _finite("margin", margin),
        maintenance=math.nan if maintenance is None else _finite("maintenance", maintenance),
        is_settled=settled,
    )
    document = thought(figures, _config(_settings(env_file))[0])
    _print_document(document, as_json)
    if document["decision"]["outcome"] == "refuse":
        raise typer.Exit(ExitCode.FAILURE)


def _list(
    rows_of: Callable[..., list[dict[str, Any]]],
    last: int,
    since: str | None,
    file: Path | None,
    env_file: Path | None,
    as_json: bool,
) -> None:
    from bot.cli.terminal import print_rows

    with open_named(file, env_file) as reader:
        rows = rows_of(reader, last=last, since_ms=_moment_ms(reader, since))
    if as_json:
        _print_json(rows)
    elif rows:
        print_rows(rows)
    else:
        typer.echo("none", err=True)


@contextmanager
def open_named(file: Path | None, env_file: Path | None) -> Iterator[JournalReader]:
    """The journal that was named, or the settings' own; one that cannot be read ends the command with its mend."""
    from bot.cli.terminal import fail
    from bot.domain.errors import SetUp
    from bot.journal.reader import open_in_time

    path = file or _settings(env_file).journal_path
    try:
        with open_in_time(path) as reader:
            if file is not None and reader.is_empty:
                raise SetUp(f"{path} is empty, and no journal", "Name a journal's file; a copy may have failed")
            yield reader
    except PermissionError as error:
        fail(
            ExitCode.FAILURE,
            f"{error.filename or path} cannot be read: {error.strerror}",
            "Ask as the user whose it is",
        )
    except SetUp as error:
        fail(ExitCode.FAILURE, error.problem, error.mend)


def _settings(env_file: Path | None) -> Any:
    from bot.cli import launch

    return launch.load_or_fail(env_file).settings


def _config(settings: Any) -> tuple[EngineConfig, str]:
    from bot import wiring

    return wiring.engine_config(settings, 1.0), wiring.fingerprint(settings)


def _moment_ms(reader: JournalReader, since: str | None) -> int | None:
    from bot.journal.reports import moment_ms

    if since is None:
        return None
    try:
        return max(0, moment_ms(since, reader.newest_ms or 0))  # older than all there is: everything
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"--since {since!r} is neither a moment (2025-08-23T07:00) nor an age (6h)") from None


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise typer.BadParameter(f"--{name} must be a number, not {value}")
    return value


def _on_grid(name: str, value: float) -> Decimal:
    from bot.review.reasoning import LOT_BTC

    qty = Decimal(str(_finite(name, value)))
    if qty % LOT_BTC:
        raise typer.BadParameter(f"--{name} {qty} is not in steps of {LOT_BTC} BTC")
    return qty


def _print_document(document: dict[str, Any], as_json: bool) -> None:
    from bot.cli.terminal import print_sections

    if as_json:
        _print_json(document)
    else:
        print_sections({name: section for name, section in document.items() if name != "policy"})


def _print_json(facts: Any) -> None:
    import json

    typer.echo(json.dumps(facts, indent=2, default=str))
