"""The reports: one run, a comparison, a stress test; as a page, as a document, as CSV files."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.backtest import book as b
from bot.backtest import charts, words
from bot.backtest.data import History
from bot.backtest.outcome import Outcome, figures_of_merit
from bot.backtest.page import Section, Table, write_page
from bot.backtest.prospect import ahead
from bot.backtest.quality import moment
from bot.backtest.stress import Missing, Scene, Verdict
from bot.backtest.study import Summary

__all__ = ["comparison_page", "document", "run_page", "stress_page", "write_csv"]

FOOT = (
    "Made by HedgeLock from recorded prices. The past is one path: it says what would have happened to this book then, "
    "not what will happen. "
    "Fills are modelled as the settings above say; deleveraging by the exchange and outages are not."
)


def run_page(path: Path, run: Outcome, history: History, settings: Mapping[str, Any]) -> None:
    """Everything about one run."""
    m = figures_of_merit(run)
    fate = "The loan survived." if m["survived"] else f"The loan was liquidated on {moment(m['died_ms'])}."
    cards = [
        ("equity at the end", f"{words.usdt(m['equity_end_usdt'])} USDT"),
        ("against the start", f"{words.number(m['equity_ratio'])} x"),
        ("highest LTV", words.percent(m["max_ltv"], 1)),
        ("deepest drawdown", words.percent(m["max_drawdown_ticks"], 1)),
        ("variance removed", words.percent(m["effectiveness"], 1)),
        ("funding / interest", words.number(m["carry_cover"])),
        ("cost a year", f"{words.usdt(m['cost_per_year_usdt'])} USDT"),
    ]
    head = ("time (UTC)", "what", "price", "long / short moved", "long / short held", "LTV", "why", "the stages")
    sections = [
        Section(
            title="Equity and drawdown",
            words="The dotted line is the same spot and loan without any perp.",
            figure=charts.equity(run),
        ),
        Section(
            title="Where the change came from",
            words="Price of the spot, price of the hedge at mid, funding, costs, interest. The parts add up.",
            figure=charts.attribution(run),
        ),
        Section(title="LTV and its rungs", figure=charts.ltv(run)),
        Section(title="Delta against target", figure=charts.delta(run)),
        Section(title="Legs", figure=charts.legs(run)),
        Section(
            title="Funding, interest, costs", words="Cumulative; above zero was received.", figure=charts.carry(run)
        ),
        *_what_if(run),
        Section(title="Figures", table=Table(head=("figure", "value"), rows=words.merit_rows(run), is_text=True)),
        Section(
            title="What was done, and why",
            words=f"{run.log_rows} entries" + (", the first 500 shown" if run.log_rows > 500 else ""),
            table=Table(head=head, rows=words.log_rows(run), is_text=True, scrolls=True),
        ),
        *_provenance(history, settings, [run.plan.name]),
    ]
    span = f"{moment(run.first_ms)} to {moment(run.end_ms)} UTC"
    write_page(
        path,
        f"Backtest: {run.name}",
        f"{run.plan.words[:1].upper()}{run.plan.words[1:]}. {span}. {fate}",
        cards,
        sections,
        FOOT,
    )


def _what_if(run: Outcome) -> list[Section]:
    rows = ahead(run)
    if not rows:
        return []
    return [
        Section(
            title="What if the price moved",
            words="The book that the run ended with: left alone, and defended by the ladders on the way. No gaps, interest or funding.",
            figure=charts.what_if(rows),
        ),
        Section(title="The same in figures", table=Table(head=words.WHAT_IF_HEAD, rows=words.what_if_rows(rows))),
    ]


def comparison_page(
    path: Path,
    rows: Sequence[Summary],
    groups: dict[str, list[Outcome]],
    history: History,
    settings: Mapping[str, Any],
    title: str,
) -> None:
    """Every policy over every window, and the hardest and the latest window in full."""
    bare = groups.get("unhedged") or next(iter(groups.values()))
    hardest = min(range(len(bare)), key=lambda i: (figures_of_merit(bare[i])["equity_ratio"], i))
    latest = len(bare) - 1
    cells = [words.summary_cells(row) for row in rows]
    marked = [
        [row[0], *(f"!{cell}" if place in (2, 3) and cell != "0 %" else cell for place, cell in enumerate(row[1:], 1))]
        for row in cells
    ]
    sections = [
        Section(
            title="Every policy over every window",
            words="Shares of windows in which LTV reached a level at some moment, or the loan was liquidated; "
            "final equity over the start; fees and slippage a year.",
            table=Table(head=words.SUMMARY_HEAD, rows=marked),
        ),
        Section(title="Who came near, who died", figure=charts.survival(rows)),
        Section(
            title="What was left",
            words="Final equity over the start, logarithmic; a point is a window. "
            "What keeps the bottom up also keeps the top down.",
            figure=charts.paths(groups),
        ),
    ]
    for name, place in (("The hardest window for the unhedged loan", hardest), ("The latest window", latest)):
        runs = [group[place] for group in groups.values()]
        span = f"{moment(runs[0].first_ms)} to {moment(runs[0].end_ms)} UTC, prices scaled to today's"
        sections.append(Section(title=f"{name}: equity", words=span, figure=charts.equities(runs)))
        sections.append(Section(title=f"{name}: LTV", figure=charts.ltvs(runs)))
    sections.append(
        Section(
            title="The policies",
            table=Table(
                head=("policy", "what it does"),
                rows=[(g[0].name, g[0].plan.words) for g in groups.values()],
                is_text=True,
            ),
        )
    )
    sections += _provenance(history, settings, list(groups))
    first = next(iter(groups.values()))
    cards = [
        ("windows", str(len(first))),
        ("policies", str(len(groups))),
        ("spot", f"{first[0].opening.spot_btc:g} BTC"),
        ("loan", f"{words.usdt(first[0].opening.debt_usdt)} USDT"),
    ]
    write_page(path, title, words.answer(rows), cards, sections, FOOT)


def stress_page(
    path: Path,
    stage: Sequence[Scene],
    missing: Sequence[Missing],
    rows: Sequence[Verdict],
    runs: dict[tuple[str, str], Outcome],
    history: History,
    settings: Mapping[str, Any],
) -> None:
    """Would your loan have survived?"""
    policies = list(dict.fromkeys(row.policy for row in rows))
    dead = [row for row in rows if not row.survived]
    killers = sorted({row.scene for row in dead if row.policy == "unhedged"})
    lead = (
        f"Unhedged, the loan dies in {len(killers)} of {len(stage)} scenes ({', '.join(killers)})."
        if killers
        else f"The unhedged loan survives all {len(stage)} scenes."
    )
    sections = [
        Section(title="Worst LTV by scene and policy", words="✕: liquidated.", figure=charts.heat(stage, rows)),
        Section(
            title="The scenes",
            table=Table(
                head=("scene", "what happened", "lowest", "highest", "kind"),
                rows=[
                    (
                        s.name,
                        s.words,
                        f"-{words.percent(max(0.0, s.worst))}",
                        f"+{words.percent(max(0.0, s.best))}",
                        "recorded" if s.real else "made",
                    )
                    for s in stage
                ],
                is_text=True,
            ),
        ),
    ]
    if missing:
        told = "; ".join(f"{window.name} ({words.percent(window.share)} of it is there)" for window in missing)
        sections.append(Section(title="Not in the data", words=told))
    for scene in stage:
        group = [runs[scene.name, policy] for policy in policies]
        sections.append(Section(title=f"{scene.name}: LTV", words=scene.words, figure=charts.ltvs(group)))
    sections += _provenance(history, settings, policies)
    cards = [("scenes", str(len(stage))), ("policies", str(len(policies))), ("liquidations", str(len(dead)))]
    write_page(path, "Would your loan have survived?", lead, cards, sections, FOOT)


def _provenance(history: History, settings: Mapping[str, Any], names: Sequence[str]) -> list[Section]:
    """What is needed to make the same report again."""
    sources = [
        (s.name, s.kind, f"{s.rows:,}", moment(s.first_ms), moment(s.last_ms), s.sha256) for s in history.sources
    ]
    flat = [(name, json.dumps(value, default=str)) for name, value in settings.items()]
    return [
        Section(
            title="Data",
            words=" ".join(f"{line[0].upper()}{line[1:]}." for line in words.data_lines(history)),
            table=Table(head=("file", "kind", "rows", "first", "last", "SHA-256"), rows=sources, is_text=True),
        ),
        Section(
            title="Settings",
            words=f"Played: {', '.join(names)}.",
            table=Table(head=("setting", "value"), rows=flat, is_text=True, scrolls=True),
        ),
    ]


# For scripts


def document(runs: Sequence[Outcome], history: History, settings: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The same as JSON: figures by policy and window, data with hashes, settings. A figure that means nothing is null."""
    whole: dict[str, Any] = _clean(
        {
            "settings": dict(settings),
            "data": {
                "sources": [asdict(source) for source in history.sources],
                "holes": [str(gap) for gap in history.gaps],
                "notes": list(history.notes),
            },
            "runs": [
                {
                    "policy": run.name,
                    "first_ms": run.first_ms,
                    "end_ms": run.end_ms,
                    "bars": run.bars,
                    "rules": run.plan.rules._asdict(),
                    "strategy": run.plan.policy._asdict(),
                    **figures_of_merit(run),
                }
                for run in runs
            ],
            **more,
        }
    )
    return whole


def _clean(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value


def write_csv(folder: Path, runs: Sequence[Outcome]) -> list[Path]:
    """`figures.csv` with a row per run; for a single run also its samples and its log. Written whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    flat = []
    for run in runs:
        merit = figures_of_merit(run)
        parts = {f"attribution_{name}_usdt": value for name, value in merit.pop("attribution_usdt").items()}
        bands = {f"ltv_time {name}": value for name, value in merit.pop("ltv_time").items()}
        flat.append({"policy": run.name, "first_ms": run.first_ms, "end_ms": run.end_ms, **merit, **parts, **bands})
    files = {"figures.csv": (list(flat[0]), [list(row.values()) for row in flat])}
    if len(runs) == 1:
        files["samples.csv"] = (list(b.SAMPLE_COLUMNS), runs[0].samples.tolist())
        files["log.csv"] = (list(b.LOG_COLUMNS), runs[0].log.tolist())
    written = []
    for name, (head, rows) in files.items():
        partial = folder / f".{name}"
        with partial.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([head, *rows])
        written.append(partial.replace(folder / name))
    return written
