"""The verbs of the loan: what if the price moved, what was paid, and the account book for the tax adviser.

Knows options and exit codes, and which room answers. None of these verbs needs keys, and none moves money.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.journal import open_named
from bot.exit_codes import ExitCode

__all__ = ["add_to"]

File = Annotated[Path | None, typer.Option(help="A journal's file instead of this mode's own", show_default=False)]
EnvFile = Annotated[Path | None, typer.Option(help="Read this file instead of ./.env", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script")]

loan = typer.Typer(
    help="The loan: payments from the wish to the end; the account book as CSV.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Structure(StrEnum):
    UTA = "uta"
    CRYPTO_LOAN = "crypto_loan"


def add_to(app: typer.Typer) -> None:
    """Give the command these verbs."""
    app.add_typer(loan, name="loan", short_help="What was paid, and the account book for the tax adviser")
    app.command("what-if", short_help="The book at prices from -60 % to +100 %")(what_if)


@loan.callback()
def _loan() -> None:
    """The loan: payments from the wish to the end; the account book as CSV."""


@loan.command(short_help="Payments, from the wish to the end")
def payments(
    last: Annotated[int, typer.Option(min=1, help="Only the last so many")] = 20,
    file: File = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Payments of the loan: why, how much, how each ended. USDT; an amount's last four decimals are the payment's number."""
    from bot.cli.terminal import print_rows
    from bot.journal import money

    with open_named(file, env_file) as reader:
        rows = money.payments(reader, last=last)
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
    elif rows:
        print_rows(rows)
    else:
        typer.echo("none", err=True)


@loan.command("account-book", short_help="Every movement of cash as CSV, with the proof that it adds up")
def account_book(
    out: Annotated[Path, typer.Option(help="The CSV file to write")],
    file: File = None,
    env_file: EnvFile = None,
) -> None:
    """Write every line of Bybit's transaction log that the journal holds: trades, funding, interest, transfers, repayments.

    The changes re-add to the wallet: the table printed says so per currency. Exit code 1 where something is missing. Repayments of a
    Crypto Loan leave the Funding wallet, which that log does not tell: they stand besides, interest and principal apart.
    """
    import csv
    import io

    from bot.cli.files import write_private
    from bot.cli.terminal import fail, print_rows
    from bot.domain.errors import SetUp
    from bot.journal import money

    with open_named(file, env_file) as reader:
        rows, repaid = list(money.cash(reader)), list(money.repaid(reader))
        shown = money.proof(rows, money.last_wallets(reader))
    if not rows:
        fail(ExitCode.FAILURE, "the journal holds no line of the account book yet")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(sorted([*rows, *repaid], key=lambda row: row["at_ms"]))
    try:
        write_private(out, text.getvalue().encode(), like=f"{next(iter(rows[0]))},".encode())
    except SetUp as error:
        fail(ExitCode.FAILURE, error.problem, error.mend)
    print_rows(shown)
    if repaid:
        typer.echo(f"repaid of the Crypto Loan, from the Funding wallet: {-sum(row['change'] for row in repaid)} USDT")
    typer.echo(f"{out}  {len(rows) + len(repaid)} lines")
    if any(abs(row["missing"]) > Decimal("0.00001") for row in shown):
        raise typer.Exit(ExitCode.FAILURE)


def what_if(
    spot: Annotated[float | None, typer.Option(help="BTC that back the loan", show_default=False)] = None,
    price: Annotated[float | None, typer.Option(help="Price now, USDT", show_default=False)] = None,
    debt: Annotated[float, typer.Option(help="USDT owed")] = 0.0,
    short: Annotated[float, typer.Option(help="Short leg, BTC")] = 0.0,
    long: Annotated[float, typer.Option(help="Long leg, BTC")] = 0.0,
    short_entry: Annotated[
        float | None, typer.Option(help="Its entry price; the price now if not given", show_default=False)
    ] = None,
    long_entry: Annotated[
        float | None, typer.Option(help="Its entry price; the price now if not given", show_default=False)
    ] = None,
    cash: Annotated[float, typer.Option(help="USDT in the unified account")] = 0.0,
    idle: Annotated[float, typer.Option(help="USDT in the Funding wallet")] = 0.0,
    structure: Annotated[Structure, typer.Option(help="Where the debt lives")] = Structure.UTA,
    ratio: Annotated[
        float | None, typer.Option(help="What a BTC of collateral counts for (0.98 / 1)", show_default=False)
    ] = None,
    port: Annotated[int | None, typer.Option(help="Dashboard port of the daemon to ask", show_default=False)] = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """The book at prices from -60 % to +100 %: equity, LTV, margin rate, who would liquidate, and what HedgeLock would do.

    With --spot and --price for any book, without keys, daemon or network; without them for the account of the running daemon.
    "defended" walks there in small steps with the ladders of the settings acting on the way; no gaps, no interest, no funding.
    """
    if (spot is None) != (price is None):
        raise typer.BadParameter("--spot and --price go together")
    if spot is None or price is None:
        rows = _live(port, env_file)
    else:
        _require_figures("a quantity is a number, and not below 0", 0.0, spot, debt, short, long, idle)
        _require_figures("cash is a number", -math.inf, cash)
        _require_figures("a price or a ratio is a number above 0", math.ulp(0.0), price, short_entry, long_entry, ratio)
        rows = _offline(
            env_file,
            structure=structure,
            price=price,
            spot_btc=spot,
            long_btc=long,
            long_entry=long_entry or price,
            short_btc=short,
            short_entry=short_entry or price,
            debt_usdt=debt,
            cash_usdt=cash,
            idle_usdt=idle,
            collateral_ratio=ratio or (0.98 if structure is Structure.UTA else 1.0),
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
    else:
        _print(rows)


def _require_figures(wanted: str, least: float, *figures: float | None) -> None:
    """Exit code 2 where one of those given is below `least`, infinite or no number."""
    if not all(figure is None or (math.isfinite(figure) and figure >= least) for figure in figures):
        raise typer.BadParameter(wanted)


def _offline(env_file: Path | None, *, structure: Structure, **book: float) -> list[dict[str, Any]]:
    from bot import wiring
    from bot.cli import launch
    from bot.engine import ltv, outlook
    from bot.strategy import what_if as strategy

    config = wiring.engine_config(launch.load_or_fail(env_file).settings, 1.0)
    question = strategy.WhatIfBook(
        structure=strategy.CRYPTO_LOAN if structure is Structure.CRYPTO_LOAN else strategy.UTA,
        mm_per_price=config.policy.mm_per_price,
        borrow_mmr=ltv.BORROW_MMR,
        liquidation_ltv=config.loan.liquidation_ltv,
        **book,
    )
    rows = strategy.what_if(question, outlook.policy_of(config))
    return [asdict(row) for row in outlook.rows_as_views(rows)]


def _live(port: int | None, env_file: Path | None) -> list[dict[str, Any]]:
    """The running daemon's own answer; ends the command where none answers."""
    from bot.cli import launch
    from bot.cli.asking import Asked
    from bot.cli.terminal import fail

    daemon = Asked.own(launch.load_or_fail(env_file, web__port=port).settings)
    try:
        return [_plain_names(row) for row in daemon.document("/api/v1/what-if")["rows"]]
    except (ConnectionError, KeyError, TypeError) as error:
        fail(
            ExitCode.FAILURE,
            f"no daemon answers at {daemon.url} ({error})",
            "Start one with: hedgelock run; or name a book: hedgelock what-if --spot 0.27 --price 116000 --debt 16200 --short 0.27",
        )


def _plain_names(row: dict[str, Any]) -> dict[str, Any]:
    """The API's names carry units; here they are the table's."""
    endings = ("_usdt", "_ratio", "_btc")
    return {name.removesuffix(next((e for e in endings if name.endswith(e)), "")): value for name, value in row.items()}


def _print(rows: list[dict[str, Any]]) -> None:
    from bot.cli.terminal import print_table

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    head = (
        "move",
        "price",
        "equity",
        "LTV",
        "MM rate",
        "liquidated",
        "rung",
        "defended: equity",
        "debt",
        "LTV",
        "MM rate",
        "short",
        "liquidated",
        "action",
    )
    print_table(
        head,
        [
            (
                f"{row['move']:+.0%}",
                f"{float(row['price']):,.0f}",
                f"{float(row['equity']):,.0f}",
                percent(row["ltv"]),
                percent(row["mm_rate"]),
                row["liquidated"] or "no",
                row["rung"],
                f"{float(row['defended_equity']):,.0f}",
                f"{float(row['defended_debt']):,.0f}",
                percent(row["defended_ltv"]),
                percent(row["defended_mm_rate"]),
                f"{float(row['defended_short']):.3f}",
                row["defended_liquidated"] or "no",
                row["action"],
            )
            for row in rows
        ],
    )
