"""The verbs of the past: `backtest`, `compare`, `stress`. Options and exit codes; `past` and the backtest's rooms do the work.

None of them needs keys, a network or a running daemon. What they need and the daemon does not comes with the extra `backtest`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.domain.errors import SetUp
from bot.exit_codes import ExitCode

if TYPE_CHECKING:
    from bot.cli.past import Room

__all__ = ["add_to", "told"]

Spot = Annotated[float, typer.Option(help="BTC you hold")]
Loan = Annotated[float, typer.Option(help="USDT you owe")]
Price = Annotated[float | None, typer.Option(help="BTC price today; else where LTV is 51.7 %", show_default=False)]
Cash = Annotated[float | None, typer.Option(help="USDT beside the perps", show_default=False)]
Structure = Annotated[str, typer.Option(help="uta: borrowed in the unified account; loan: a crypto loan set apart")]
Apr = Annotated[float | None, typer.Option(help="Interest a year, 0.06 = 6 %", show_default=False)]
Data = Annotated[
    list[Path] | None,
    typer.Option(help="Bar, trade and funding files, or folders; else the sample", show_default=False),
]
Bar = Annotated[int | None, typer.Option(help="Make bars of so many minutes first", show_default=False)]
Since = Annotated[str | None, typer.Option(help="First day, UTC", show_default=False)]
Until = Annotated[str | None, typer.Option(help="Day after the last, UTC", show_default=False)]
Every = Annotated[float, typer.Option(min=0, help="Minutes between decisions; 0 = at every tick")]
Slippage = Annotated[float, typer.Option(min=0, help="What a market order loses, basis points")]
Html = Annotated[Path, typer.Option(help="The report's file")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Also write CSV files into this folder", show_default=False)]
EnvFile = Annotated[Path | None, typer.Option(help="Read this file instead of ./.env", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script; no page is written")]


class Fidelity(StrEnum):
    """At which speed the past is played."""

    KERNEL = "kernel"
    FULL = "full"


def add_to(app: typer.Typer) -> None:
    """Give the command these verbs."""
    app.command(short_help="One policy over the past, in full")(backtest)
    app.command(short_help="Every policy over the past, side by side")(compare)
    app.command(short_help="Would your loan have survived?")(stress)


def backtest(
    spot: Spot = 0.27,
    loan: Loan = 16200.0,
    policy: Annotated[str, typer.Option(help="Its name, as `hedgelock compare` lists them")] = "your settings",
    price: Price = None,
    structure: Structure = "uta",
    cash: Cash = None,
    long: Annotated[float, typer.Option(help="Long leg at the start, BTC")] = 0.0,
    short: Annotated[float, typer.Option(help="Short leg at the start, BTC")] = 0.0,
    apr: Apr = None,
    since: Since = None,
    until: Until = None,
    data: Data = None,
    bar: Bar = None,
    every: Every = 60.0,
    slippage: Slippage = 1.0,
    profit: Annotated[bool, typer.Option("--profit", help="Take profits and repay with half of them")] = False,
    fidelity: Annotated[
        Fidelity, typer.Option(help="full: through the engine and a simulated venue, order by order")
    ] = Fidelity.KERNEL,
    latency: Annotated[int, typer.Option(min=0, help="full: milliseconds an order takes to the venue")] = 0,
    partial: Annotated[float, typer.Option(min=0, max=1, help="full: share of orders that are filled by half")] = 0.0,
    reject: Annotated[float, typer.Option(min=0, max=1, help="full: share of orders that the venue turns down")] = 0.0,
    seed: Annotated[int, typer.Option(help="full: of the dice for these")] = 1,
    every_tick: Annotated[
        bool, typer.Option("--every-tick", help="full: pass over no tick, though nothing can come of it; ends the same")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Uncompiled, for a debugger")] = False,
    html: Html = Path("var/backtest.html"),
    csv: Csv = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """One policy over one stretch of the past: figures here, everything else on a page.

    Without --since the latest year is played. Prices are scaled so that the stretch begins at --price.
    """
    with told():
        from bot.backtest import report
        from bot.cli import past

        faults = _faults(fidelity, seed, partial, reject, latency, every_tick=every_tick)
        room = _enter(env_file, past.Asked(
            spot_btc=spot, loan_usdt=loan, price=price, structure=structure, cash_usdt=cash, long_btc=long, short_btc=short,
            loan_apr=apr, since=since, until=until, files=data or (), bar_minutes=bar, decide_minutes=every,
            slippage_bp=slippage, profit=profit, plain=plain,
        ))  # fmt: skip
        plan = _plan(room, policy)
        if fidelity is Fidelity.FULL:
            run = _lived(room, plan, faults, env_file, every_tick=every_tick, quiet=as_json)
        else:
            run = _played(room, plan)
        if csv is not None:
            report.write_csv(csv, [run])
        if as_json:
            _print_json(report.document([run], room.history, room.settings))
            return
        report.run_page(html, run, room.history, room.settings)
        _one_run(room, run)
        _foot(html, csv)


def compare(
    spot: Spot = 0.27,
    loan: Loan = 16200.0,
    price: Price = None,
    structure: Structure = "uta",
    cash: Cash = None,
    apr: Apr = None,
    since: Since = None,
    until: Until = None,
    data: Data = None,
    bar: Bar = None,
    every: Every = 60.0,
    slippage: Slippage = 1.0,
    days: Annotated[int, typer.Option(min=7, help="Length of a window")] = 365,
    html: Html = Path("var/compare.html"),
    csv: Csv = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Every policy over every year of the past: who lived, what was left, what it cost.

    A window begins on each first of a month; in each, prices begin where your book stands today (--price).
    """
    with told():
        from bot.backtest import report, study, words
        from bot.cli import past
        from bot.cli.terminal import counting, print_table

        room = _enter(env_file, past.Asked(
            spot_btc=spot, loan_usdt=loan, price=price, structure=structure, cash_usdt=cash, loan_apr=apr, since=since,
            until=until, files=data or (), bar_minutes=bar, decide_minutes=every, slippage_bp=slippage,
        ))  # fmt: skip
        spans = study.windows(room.tape, days=days, since_ms=room.since_ms, until_ms=room.until_ms)
        with counting("windows", len(spans), quiet=as_json) as done:
            groups = study.play_windows(
                room.engines, room.tape, spans, room.plans(), room.opening, room.price, done=done
            )
        rows = [study.summarise(name, runs) for name, runs in groups.items()]
        every_run = [run for runs in groups.values() for run in runs]
        if csv is not None:
            report.write_csv(csv, every_run)
        if as_json:
            _print_json(report.document(every_run, room.history, room.settings, summary=[_fields(row) for row in rows]))
            return
        title = f"{spot:g} BTC and a loan of {loan:,.0f} USDT over {words.counted(len(spans), 'window')} of {days} days"
        report.comparison_page(html, rows, groups, room.history, room.settings, title)
        _head(room)
        print_table(words.SUMMARY_HEAD, [words.summary_cells(row) for row in rows], title=title)
        typer.echo(f"\n{words.answer(rows)}")
        _foot(html, csv)


def stress(
    spot: Spot = 0.27,
    loan: Loan = 16200.0,
    price: Price = None,
    structure: Structure = "uta",
    cash: Cash = None,
    apr: Apr = None,
    data: Data = None,
    every: Every = 15.0,
    slippage: Slippage = 1.0,
    html: Html = Path("var/stress.html"),
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Would your loan have survived? Named windows of the past and shapes made for the purpose, each with every policy.

    The table shows the worst LTV; a cross where the loan was liquidated, an asterisk where only the perps were.
    """
    with told():
        from bot.backtest import report, words
        from bot.backtest import stress as scenery
        from bot.cli import past
        from bot.cli.terminal import counting, print_table

        room = _enter(env_file, past.Asked(
            spot_btc=spot, loan_usdt=loan, price=price, structure=structure, cash_usdt=cash, loan_apr=apr,
            files=data or (), decide_minutes=every, slippage_bp=slippage,
        ))  # fmt: skip
        stage, missing = scenery.scenes(room.engines, room.tape, room.price, normal_apr=room.normal_apr)
        with counting("scenes", len(stage), quiet=as_json) as done:
            rows, runs = scenery.verdicts(room.engines, stage, room.plans(), room.opening, done=done)
        if as_json:
            facts = [_fields(row) for row in rows]
            gone = [_fields(window) for window in missing]
            _print_json(report.document([], room.history, room.settings, verdicts=facts, missing=gone))
            return
        report.stress_page(html, stage, missing, rows, runs, room.history, room.settings)
        _head(room)
        names = [plan.name for plan in room.plans()]
        shown = [name for name in names if name in _SHORT]
        head = ("scene", "low", "high", *(_SHORT[name] for name in shown))
        print_table(head, words.verdict_cells(stage, rows, shown), title="worst LTV; ✕ liquidated")
        for window in missing:
            typer.echo(f"not in the data: {window.name} ({words.percent(window.share)} of it is there)")
        _foot(html, None)


_SHORT = {
    "your settings": "yours", "unhedged": "unhedged", "static 20 %": "20 %", "static 50 %": "50 %", "static 100 %": "100 %",
    "coverage h(sigma)": "h(sigma)", "LTV insurance 30/65": "ins 30/65", "LTV insurance 40/75": "ins 40/75",
    "original ladder on 100 %": "orig. ladder", "static 100 %, swept": "100 % swept",
}  # fmt: skip


# What they share


@contextmanager
def told() -> Iterator[None]:
    """Whatever a person can mend is told in a sentence with an exit code."""
    from bot.backtest.extras import absent
    from bot.backtest.files import DataError
    from bot.cli.terminal import fail

    try:
        yield
    except SetUp as error:
        fail(ExitCode.SETTINGS, error.problem, error.mend)
    except DataError as error:
        fail(ExitCode.FAILURE, str(error))
    except ModuleNotFoundError as error:
        lacking = absent(error.name or str(error))
        fail(ExitCode.SETTINGS, lacking.problem, lacking.mend)
    except ValueError as error:
        fail(ExitCode.USAGE, str(error))
    except OSError as error:
        fail(ExitCode.FAILURE, f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _enter(env_file: Path | None, asked: Any) -> Room:
    from bot.cli import launch, past

    return past.enter(launch.load_or_fail(env_file).settings, asked)


def _faults(
    fidelity: Fidelity, seed: int, partial: float, reject: float, latency_ms: int, *, every_tick: bool
) -> dict[str, Any]:
    """The misfortunes asked for. Raises ValueError where there are no orders to suffer them."""
    if fidelity is not Fidelity.FULL and (latency_ms or partial or reject or every_tick):
        raise ValueError("--latency, --partial, --reject and --every-tick need orders: say --fidelity full")
    return {"seed": seed, "partial": partial, "reject": reject, "latency_ms": latency_ms}


def _played(room: Room, plan: Any) -> Any:
    """The stretch through the kernel."""
    from bot.backtest import study
    from bot.backtest.outcome import play

    tape, span = study.rebased(room.tape, _span(room), room.price)
    return play(room.engines, tape, span, room.opening, plan)


def _lived(
    room: Room, plan: Any, faults: dict[str, Any], env_file: Path | None, *, every_tick: bool, quiet: bool
) -> Any:
    """The stretch through the live engine and the simulated venue."""
    from bot.backtest import replay, study, subset
    from bot.backtest.lived import Faults
    from bot.cli import launch
    from bot.cli.terminal import counting
    from bot.wiring import engine_config

    config = engine_config(launch.load_or_fail(env_file).settings, 1.0)
    config = subset.same_subset(config, plan.policy, plan.rules)
    before = subset.history_bars(config, room.tape.bar_ms)
    tape, span = study.rebased(room.tape, _span(room), room.price, history=before)
    with counting("bars", span.last - span.first, quiet=quiet) as done:
        lived = replay.live(
            tape,
            span,
            room.opening,
            plan.rules,
            config,
            faults=Faults(**faults),
            keep=False,
            every_tick=every_tick,
            done=done,
        )
    return lived.outcome(plan, room.opening, span.last - span.first)


def _plan(room: Room, name: str) -> Any:
    plans = {plan.name: plan for plan in room.plans()}
    if name not in plans:
        raise ValueError(f"no policy is called {name!r}; there are: {'; '.join(plans)}")
    plan = plans[name]
    return replace(plan, rules=plan.rules._replace(profit=int(room.asked.profit)))


def _span(room: Room) -> Any:
    """The stretch asked for; the latest year where nothing was."""
    from bot.backtest.data import span_of

    since_ms = room.since_ms
    if since_ms is None and room.until_ms is None:
        since_ms = max(int(room.tape.at_ms[0]), room.history.end_ms - 365 * 86_400_000)
    return span_of(room.tape, since_ms, room.until_ms)


def _head(room: Room) -> None:
    """Whose book this is, and what is played."""
    from bot.backtest import words

    opening = room.opening
    ltv = opening.debt_usdt / (opening.spot_btc * room.price)
    typer.echo(
        f"book: {opening.spot_btc:g} BTC, loan {opening.debt_usdt:,.0f} USDT, BTC at {room.price:,.0f}: LTV {ltv:.1%}"
    )
    if room.price_is_ours:
        typer.echo("      (a price chosen for that LTV; give today's with --price)")
    if opening.cash_usdt:
        typer.echo(f"      {opening.cash_usdt:,.0f} USDT beside the perps")
    elif room.asked.structure == "loan":
        typer.echo("      no USDT beside the perps (--cash): no leg can be opened")
    for line in words.data_lines(room.history):
        typer.echo(line)


def _one_run(room: Room, run: Any) -> None:
    """What became of whose book."""
    from bot.backtest import words

    _head(room)
    typer.echo(f"{run.name}, {words.moment(run.first_ms)} to {words.moment(run.end_ms)} UTC:")
    for name, value in words.merit_rows(run):
        typer.echo(f"  {name:36}{value}")


def _foot(html: Path, csv: Path | None) -> None:
    typer.echo(f"\nreport: {html.resolve()}")
    if csv is not None:
        typer.echo(f"CSV: {csv.resolve()}")


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, indent=1, allow_nan=False))
