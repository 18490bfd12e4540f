"""The pictures of a report: each function takes runs and returns one plotly figure. Knows colours and axes, not the page around them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bot.backtest.extras import require
from bot.backtest.outcome import ATTRIBUTION, Outcome, figures_of_merit
from bot.backtest.stress import Scene, Verdict
from bot.backtest.study import Summary
from bot.strategy.what_if import WhatIfRow

__all__ = [
    "attribution",
    "carry",
    "delta",
    "equities",
    "equity",
    "heat",
    "legs",
    "ltv",
    "ltvs",
    "paths",
    "survival",
    "what_if",
]

INK, GOOD, BAD, WARM, COLD, GREY = "#1f2933", "#1b7f5c", "#c0392b", "#d68910", "#2563a8", "#8a94a0"
PALETTE = (
    COLD,
    GOOD,
    WARM,
    "#7d3c98",
    "#16a085",
    "#b03a2e",
    "#5d6d7e",
    "#af601a",
    "#2e86c1",
    "#117a65",
    "#884ea0",
    "#7b7d7d",
    "#cb4335",
)
RUNGS = (
    (0.50, "monitor 50 %"),
    (0.65, "warning 65 %"),
    (0.75, "critical 75 %"),
    (0.85, "emergency 85 %"),
    (0.95, "liquidation 95 %"),
)


def _figure(title_y: str, height: int = 340) -> Any:
    go = require("plotly.graph_objects")
    figure = go.Figure()
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 70, "r": 20, "t": 20, "b": 40},
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        font={"family": "system-ui, sans-serif", "color": INK, "size": 13},
        yaxis={"title": title_y},
    )
    return figure


def _line(figure: Any, x: Any, y: Any, name: str, colour: str, **how: Any) -> None:
    go = require("plotly.graph_objects")
    line = {"color": colour, "width": how.pop("width", 1.8), **how.pop("line", {})}
    figure.add_trace(go.Scatter(x=x, y=y, name=name, mode="lines", line=line, **how))


def _times(run: Outcome) -> list[datetime]:
    return [datetime.fromtimestamp(at / 1000, UTC) for at in run.column("at_ms")]


def equity(run: Outcome) -> Any:
    """Equity, its drawdown below, and what the bare spot and loan would have been."""
    subplots = require("plotly.subplots")
    base = _figure("USDT", 460)
    figure = subplots.make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.04)
    figure.update_layout(base.layout)
    go = require("plotly.graph_objects")
    x, marks = _times(run), run.equity
    start = run.figures["opening_equity"]
    bare = start + run.opening.spot_btc * (run.column("price") - run.column("price")[0])
    figure.add_trace(
        go.Scatter(x=x, y=bare, name="spot and loan without hedge", line={"color": GREY, "width": 1.2, "dash": "dot"}),
        1,
        1,
    )
    figure.add_trace(go.Scatter(x=x, y=marks, name=f"equity, {run.name}", line={"color": COLD, "width": 2}), 1, 1)
    peak = np.maximum.accumulate(marks)
    fall = np.where(peak > 0, marks / np.where(peak > 0, peak, 1) - 1, 0)
    figure.add_trace(go.Scatter(x=x, y=fall, name="drawdown", fill="tozeroy", line={"color": BAD, "width": 1}), 2, 1)
    figure.update_yaxes(title_text="USDT", row=1, col=1)
    figure.update_yaxes(title_text="drawdown", tickformat=".1%", row=2, col=1)
    return figure


def ltv(run: Outcome) -> Any:
    """LTV with the ladder's rungs."""
    figure = _figure("LTV")
    _line(figure, _times(run), run.column("ltv"), "LTV", COLD)
    _rungs(figure, max(0.7, run.figures["max_ltv"]))
    return figure


def _rungs(figure: Any, top: float) -> None:
    colours = (GREY, WARM, WARM, BAD, BAD)
    for (level, words), colour in zip(RUNGS, colours, strict=True):
        figure.add_hline(
            y=level,
            line={"color": colour, "width": 1, "dash": "dash"},
            annotation_text=words,
            annotation_position="top left",
        )
    figure.update_yaxes(tickformat=".0%", range=[0, min(1.1, top * 1.08)])


def delta(run: Outcome) -> Any:
    """Delta against its target."""
    figure = _figure("BTC")
    now = run.column("spot") + run.column("long") - run.column("short")
    _line(figure, _times(run), now, "delta", COLD, line={"shape": "hv"})
    _line(figure, _times(run), run.column("target"), "target", WARM, line={"dash": "dot", "shape": "hv"})
    return figure


def legs(run: Outcome) -> Any:
    """Both legs and the spot."""
    figure = _figure("BTC")
    for name, colour in (("long", GOOD), ("short", BAD), ("spot", GREY)):
        _line(figure, _times(run), run.column(name), name, colour, line={"shape": "hv"})
    return figure


def carry(run: Outcome) -> Any:
    """Funding earned against interest and costs, cumulative."""
    figure = _figure("USDT, cumulative")
    for name, colour in (("funding", GOOD), ("interest", BAD), ("fees", WARM), ("slippage", GREY)):
        _line(figure, _times(run), run.column(name), name, colour)
    return figure


def attribution(run: Outcome) -> Any:
    """Where the change of equity came from; the bars sum to the last one."""
    go = require("plotly.graph_objects")
    figure = _figure("USDT")
    parts = [
        (name, value) for name, value in run.attribution().items() if abs(value) > 0.005 or name in ATTRIBUTION[:4]
    ]
    total = sum(value for _, value in parts)
    figure.add_trace(
        go.Waterfall(
            x=[*(name for name, _ in parts), "change of equity"],
            y=[*(value for _, value in parts), total],
            measure=[*("relative" for _ in parts), "total"],
            text=[*(f"{value:+,.0f}" for _, value in parts), f"{total:+,.0f}"],
            increasing={"marker": {"color": GOOD}},
            decreasing={"marker": {"color": BAD}},
            totals={"marker": {"color": COLD}},
        )
    )
    figure.update_layout(hovermode="closest", showlegend=False)
    return figure


# Many policies


def survival(rows: Sequence[Summary]) -> Any:
    """Share of windows that died, or came to 85 % and 65 %, per policy."""
    go = require("plotly.graph_objects")
    figure = _figure("", 120 + 34 * len(rows))
    names = [row.name for row in rows][::-1]
    levels = (
        ("liquidated", BAD, [row.dead for row in rows]),
        ("LTV reached 85 %", WARM, [max(0.0, row.ltv_85 - row.dead) for row in rows]),
        ("LTV reached 65 %", "#f4d58d", [max(0.0, row.ltv_65 - max(row.ltv_85, row.dead)) for row in rows]),
    )
    for label, colour, shares in levels:
        figure.add_trace(go.Bar(y=names, x=shares[::-1], name=label, orientation="h", marker={"color": colour}))
    figure.update_layout(barmode="stack", margin={"l": 210}, hovermode="y unified", yaxis={"title": ""})
    figure.update_xaxes(tickformat=".0%", range=[0, 1], title="share of windows")
    return figure


def paths(groups: dict[str, list[Outcome]]) -> Any:
    """Final equity over the start, one box per policy, one point per window."""
    go = require("plotly.graph_objects")
    figure = _figure("final equity / start", 460)
    for place, (name, runs) in enumerate(groups.items()):
        ratios = [figures_of_merit(run)["equity_ratio"] for run in runs]
        when = [datetime.fromtimestamp(run.first_ms / 1000, UTC).strftime("from %Y-%m") for run in runs]
        figure.add_trace(
            go.Box(
                y=ratios,
                name=name,
                text=when,
                boxpoints="all",
                pointpos=0,
                jitter=0.5,
                marker={"size": 3, "color": PALETTE[place % len(PALETTE)]},
                line={"width": 1.2},
            )
        )
    figure.add_hline(y=1, line={"color": GREY, "dash": "dot"})
    figure.update_layout(showlegend=False, hovermode="closest", margin={"b": 140})
    figure.update_yaxes(type="log", range=[-2, 1.2], tickvals=[0.01, 0.1, 0.25, 0.5, 1, 2, 5, 10])
    return figure


def equities(runs: Sequence[Outcome]) -> Any:
    """Equity of each policy over one window."""
    figure = _figure("USDT", 460)
    for place, run in enumerate(runs):
        _line(
            figure, _times(run), run.equity, run.name, PALETTE[place % len(PALETTE)], width=2.4 if place == 0 else 1.4
        )
    figure.update_layout(legend={"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top"}, hovermode="closest")
    return figure


def ltvs(runs: Sequence[Outcome]) -> Any:
    """LTV of each policy over one window."""
    figure = _figure("LTV", 460)
    for place, run in enumerate(runs):
        _line(
            figure,
            _times(run),
            run.column("ltv"),
            run.name,
            PALETTE[place % len(PALETTE)],
            width=2.4 if place == 0 else 1.4,
        )
    _rungs(figure, max(run.figures["max_ltv"] for run in runs))
    figure.update_layout(legend={"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top"}, hovermode="closest")
    return figure


def what_if(rows: Sequence[WhatIfRow]) -> Any:
    """LTV over the move of the price, left alone and defended."""
    figure = _figure("LTV")
    moves = [row.move for row in rows]
    _line(figure, moves, [row.ltv for row in rows], "left alone", BAD)
    _line(figure, moves, [row.defended_ltv for row in rows], "defended", GOOD, width=2.4)
    _rungs(figure, max(row.ltv for row in rows))
    figure.update_layout(xaxis={"title": "move of the price", "tickformat": "+.0%"})
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    return figure


def heat(stage: Sequence[Scene], rows: Sequence[Verdict]) -> Any:
    """Worst LTV by scene and policy; a cross where the loan died."""
    go = require("plotly.graph_objects")
    policies = list(dict.fromkeys(row.policy for row in rows))
    names = [scene.name for scene in stage]
    by = {(row.scene, row.policy): row for row in rows}
    values = [[min(1.0, by[name, policy].max_ltv) for policy in policies] for name in names]
    words = [
        [f"{by[name, policy].max_ltv:.0%}" if by[name, policy].survived else "✕" for policy in policies]
        for name in names
    ]
    figure = _figure("", 140 + 28 * len(names))
    figure.add_trace(
        go.Heatmap(
            z=values,
            x=policies,
            y=names,
            text=words,
            texttemplate="%{text}",
            zmin=0.3,
            zmax=1.0,
            xgap=1,
            ygap=1,
            colorscale=[[0, "#d8efe3"], [0.5, "#fdf3cf"], [0.75, "#f3b58a"], [1, "#d9534f"]],
            colorbar={"title": "worst LTV", "tickformat": ".0%"},
        )
    )
    figure.update_layout(margin={"l": 190, "b": 120}, hovermode="closest", yaxis={"autorange": "reversed", "title": ""})
    return figure
