"""`hedgelock data`: look at history files before trusting them, and download them. `hedgelock sweep`: many settings over one history."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.backtest import (
    AsJson,
    Bar,
    Data,
    EnvFile,
    Every,
    Loan,
    Price,
    Since,
    Slippage,
    Spot,
    Structure,
    Until,
    told,
)

__all__ = ["add_to"]

data = typer.Typer(
    help="History files: check them, or download them from Bybit", no_args_is_help=True, rich_markup_mode=None
)


def add_to(app: typer.Typer) -> None:
    """Give the command these verbs."""
    app.add_typer(data, name="data", short_help="History files: check them, or download them from Bybit")
    app.command(short_help="Many settings over one history")(sweep)


@data.command(short_help="Look for holes and defects in files of bars, trades and funding")
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="Files or folders; none: the sample")] = None,
    as_json: AsJson = False,
) -> None:
    """Read files as a backtest would, and say what is in them. Exit code 1 names the first defect, its file and row."""
    with told():
        from bot.backtest import data as history_data
        from bot.backtest.quality import moment
        from bot.backtest.words import data_lines
        from bot.cli import past
        from bot.cli.terminal import print_table

        history = history_data.load(past.files_of(files or ()) or history_data.sample_files())
        holes = [("bars", str(gap)) for gap in history.gaps] + [("funding", str(gap)) for gap in history.funding_gaps]
        if as_json:
            sources = [{name: getattr(source, name) for name in source.__slots__} for source in history.sources]
            typer.echo(json.dumps({"sources": sources, "holes": holes, "notes": list(history.notes)}, indent=1))
            return
        rows = [(s.name, s.kind, f"{s.rows:,}", moment(s.first_ms), moment(s.last_ms)) for s in history.sources]
        print_table(("file", "kind", "rows", "first (UTC)", "last (UTC)"), rows)
        for line in data_lines(history):
            typer.echo(line)
        if holes:
            print_table(("hole in", "from to (UTC)"), holes)


@data.command(short_help="Download bars and funding from Bybit")
def fetch(
    since: Annotated[str, typer.Option(help="First day, UTC")],
    until: Annotated[str | None, typer.Option(help="Day after the last; else now", show_default=False)] = None,
    minutes: Annotated[int, typer.Option(help="Length of a bar")] = 1,
    symbol: Annotated[str, typer.Option(help="Contract")] = "BTCUSDT",
    category: Annotated[str, typer.Option(help="linear or spot")] = "linear",
    out: Annotated[Path, typer.Option(help="Folder for the files")] = Path("var/history"),
    url: Annotated[str | None, typer.Option(help="Another host that speaks V5", show_default=False)] = None,
) -> None:
    """Download bars and settled funding, a file a month; what is there already is not asked for again.

    Needs the internet and no keys. Afterwards: hedgelock compare --data FOLDER.
    """
    with told():
        from bot.backtest import fetch as fetching
        from bot.cli import past
        from bot.cli.terminal import counting
        from bot.domain.clock import wall_ms

        if minutes not in fetching.INTERVALS:
            raise ValueError(
                f"Bybit has no bars of {minutes} minutes; there are: {', '.join(map(str, fetching.INTERVALS))}"
            )
        if category not in fetching.CATEGORIES:
            raise ValueError(f"--category is one of {', '.join(fetching.CATEGORIES)}, not {category!r}")
        begins_ms, ends_ms = past.period_ms(since, until)
        since_ms, until_ms = begins_ms or 0, ends_ms or wall_ms()
        ask = fetching.bybit(url)
        total = 2 * len(list(fetching.months(since_ms, until_ms)))
        with counting("months", total) as done:
            files, holes = fetching.bars_of(
                ask,
                out,
                symbol=symbol,
                category=category,
                minutes=minutes,
                since_ms=since_ms,
                until_ms=until_ms,
                done=done,
            )
            files += fetching.funding_of(ask, out, symbol=symbol, since_ms=since_ms, until_ms=until_ms, done=done)
        typer.echo(f"{len(files)} files in {out.resolve()}")
        typer.echo(f"{len(holes)} holes" if holes else "no holes")
        for gap in holes:
            typer.echo(f"  {gap}")


def sweep(
    axes: Annotated[
        list[str],
        typer.Argument(help="hedge.band_btc=0.005,0.01,0.02 or policy.insurance_drop=0.1..0.5 or rules.sweep_from=..."),
    ],
    spot: Spot = 0.27,
    loan: Loan = 16200.0,
    price: Price = None,
    structure: Structure = "uta",
    since: Since = None,
    until: Until = None,
    data: Data = None,
    bar: Bar = None,
    every: Every = 60.0,
    slippage: Slippage = 1.0,
    days: Annotated[int, typer.Option(min=7, help="Length of a window")] = 365,
    goal: Annotated[str, typer.Option(help="safest, median, worst, sharpe or cheapest")] = "worst",
    trials: Annotated[int, typer.Option(min=0, help="Search so many by Optuna; 0: the whole grid")] = 0,
    seed: Annotated[int, typer.Option(help="Of the search")] = 1,
    held_back: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the windows, the latest, not searched on")
    ] = 0.3,
    memory: Annotated[
        Path | None, typer.Option(help="File of scores; a sweep that was stopped goes on from it", show_default=False)
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler", show_default=False)] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Else one for each core", show_default=False)] = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Many settings over one history: a grid, or a search, on every core or on a cluster.

    A name is a setting (section.name), a field of the strategy (policy.name) or of the costs (rules.name). The best are judged once more on
    the windows held back.
    """
    with told():
        from bot.backtest import study
        from bot.backtest import sweep as sweeping
        from bot.cli import past

        if goal not in sweeping.GOALS:
            raise ValueError(f"no goal is called {goal!r}; there are: {', '.join(sweeping.GOALS)}")
        asked = past.Asked(
            spot_btc=spot, loan_usdt=loan, price=price, structure=structure, since=since, until=until, files=data or (),
            bar_minutes=bar, decide_minutes=every, slippage_bp=slippage,
        )  # fmt: skip
        drawn = sweeping.axes_of(axes)
        if trials and (scheduler or threads):
            raise ValueError(
                "a search (--trials) plays one trial after the other: --scheduler and --threads are for the grid"
            )
        room, make = past.workshop(env_file, asked)
        spans = study.windows(room.tape, days=days, since_ms=room.since_ms, until_ms=room.until_ms)
        train, test = sweeping.split(spans, 1.0 - held_back)
        course = sweeping.Course(tape=room.tape, train=train, test=test, opening=room.opening, price=room.price)
        scores = _run(room, course, make, drawn, goal, trials, seed, memory, scheduler, threads, as_json)
        nothing = "" if test else sweeping.nothing_held_back(len(spans), len(train), days, held_back)
        _tell(scores, goal, len(train), len(test), nothing, as_json)


def _run(
    room: Any,
    course: Any,
    make: Any,
    drawn: list[Any],
    goal: str,
    trials: int,
    seed: int,
    memory: Path | None,
    scheduler: str | None,
    threads: int | None,
    quiet: bool,
) -> list[Any]:
    """Search, or walk the grid."""
    from bot.backtest import sweep as sweeping
    from bot.cli.terminal import counting

    if trials:
        with counting("trials", trials, quiet=quiet) as done:
            scores = sweeping.search(
                room.engines,
                course,
                drawn,
                make,
                goal,
                trials=trials,
                seed=seed,
                memory=memory,
                done=lambda _: done(),
            )
    else:
        jobs = [make(values) for values in sweeping.grid(drawn)]
        with counting("trials", len(jobs), quiet=quiet) as done:
            scores = sweeping.run_trials(
                room.engines, course, jobs, goal, memory=memory, scheduler=scheduler,
                threads=threads or os.cpu_count() or 1, done=lambda _: done(),
            )  # fmt: skip
    return scores


def _tell(scores: list[Any], goal: str, train: int, test: int, nothing: str, as_json: bool) -> None:
    """The best trials, and how far they are to be believed. `nothing`: why none was judged on windows held back; empty: they were."""
    from bot.backtest import sweep as sweeping
    from bot.backtest.words import counted
    from bot.cli.terminal import print_table

    luck = sweeping.noise(scores)
    if as_json:
        rows = [{name: _plain(getattr(one, name)) for name in one.__slots__ if name != "per_window"} for one in scores]
        document = {
            "goal": goal,
            "train_windows": train,
            "test_windows": test,
            "warning": luck or None,
            "nothing_held_back": nothing or None,
            "scores": rows,
        }
        typer.echo(json.dumps(document, indent=1, allow_nan=False))
        return
    best = scores[:20]
    columns = [(name, [_cell(one.values[name]) for one in best]) for name in scores[0].values]
    columns.append((f"{goal}, {counted(train, 'window')}", [_figure(one.train) for one in best]))
    if test:
        columns.append((f"held back, {test}", [_figure(one.test) for one in best]))
    columns.append(("liquidated", [str(one.dead) for one in best]))
    columns.append(("cost USDT/yr", [f"{one.cost_per_year:,.0f}" for one in best]))
    heads, cells = zip(*columns, strict=True)
    print_table(heads, list(zip(*cells, strict=True)), title=f"{counted(len(scores), 'trial')}, the best {len(best)}")
    for warning in (luck, nothing):
        if warning:
            typer.echo(f"\nwarning: {warning}")


def _cell(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figure(value: float) -> str:
    """To four places; nothing is less than nothing."""
    return f"{value + 0.0:.4f}"


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
