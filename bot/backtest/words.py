"""Results in words: cells for tables, lines for a terminal, the sentence that answers the question. Knows no terminal and no page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bot.backtest import book as b
from bot.backtest.data import History
from bot.backtest.outcome import Outcome, figures_of_merit
from bot.backtest.quality import moment
from bot.backtest.stress import Scene, Verdict
from bot.backtest.study import Summary
from bot.strategy import reasons
from bot.strategy.what_if import ACCOUNT_LIQUIDATED, ALIVE, LOAN_LIQUIDATED, WhatIfRow

__all__ = [
    "SUMMARY_HEAD",
    "WHAT_IF_HEAD",
    "answer",
    "counted",
    "data_lines",
    "log_rows",
    "merit_rows",
    "moment",
    "number",
    "percent",
    "summary_cells",
    "usdt",
    "verdict_cells",
    "what_if_rows",
]

SUMMARY_HEAD = (
    "policy",
    "LTV >= 65 %",
    "LTV >= 85 %",
    "liquidated",
    "equity p5",
    "median",
    "p95",
    "worst drawdown",
    "cost USDT/yr",
    "variance removed",
)


def percent(value: float, digits: int = 0) -> str:
    """0.25 as 25 %; a dash where there is nothing to say."""
    return "–" if math.isnan(value) else f"{100 * value:.{digits}f} %"


def usdt(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:,.0f}"


def number(value: float, digits: int = 2) -> str:
    """A bare figure; a dash where there is nothing to say."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def counted(count: int, thing: str) -> str:
    """1 window, 2 windows."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def summary_cells(row: Summary) -> list[str]:
    """A policy over many windows, in the order of SUMMARY_HEAD."""
    return [
        row.name,
        percent(row.ltv_65),
        percent(row.ltv_85),
        percent(row.dead),
        f"{row.ratio_p5:.2f}",
        f"{row.ratio_median:.2f}",
        f"{row.ratio_p95:.2f}",
        percent(row.worst_drawdown),
        usdt(row.cost_per_year),
        percent(row.variance_removed),
    ]


WHAT_IF_HEAD = (
    "move",
    "price",
    "equity",
    "LTV",
    "liquidated",
    "defended: equity",
    "debt",
    "LTV",
    "short BTC",
    "liquidated",
)


def what_if_rows(rows: Sequence[WhatIfRow]) -> list[list[str]]:
    """The book at other prices, left alone and defended."""
    gone = {ALIVE: "no", LOAN_LIQUIDATED: "!the loan", ACCOUNT_LIQUIDATED: "!the account"}
    return [
        [
            f"{row.move:+.0%}",
            usdt(row.price),
            usdt(row.equity_usdt),
            percent(row.ltv, 1),
            gone[row.liquidated],
            usdt(row.defended_equity_usdt),
            usdt(row.defended_debt_usdt),
            percent(row.defended_ltv, 1),
            f"{row.defended_short_btc:.3f}",
            gone[row.defended_liquidated],
        ]
        for row in rows
    ]


def answer(rows: Sequence[Summary]) -> str:
    """What the table says about survival, in two sentences."""
    by = {row.name: row for row in rows}
    windows = rows[0].windows
    sentences = []
    if "unhedged" in by:
        bare = by["unhedged"]
        sentences.append(
            f"Without a hedge the loan was liquidated in {percent(bare.dead)} of {counted(windows, 'window')}."
        )
    safe = [row for row in rows if row.dead == 0 and row.ltv_85 == 0]
    if safe:
        calm = min(safe, key=lambda row: (row.ltv_65, row.cost_per_year))
        sentences.append(
            f"{calm.name} was never liquidated and reached 65 % LTV in {percent(calm.ltv_65)} of them, "
            f"for {usdt(calm.cost_per_year)} USDT a year in fees and slippage."
        )
        keen = max(safe, key=lambda row: row.ratio_median)
        if keen is not calm:
            sentences.append(
                f"Of those that never reached 85 %, {keen.name} kept the most: "
                f"{keen.ratio_median:.2f} times the equity in the median."
            )
    return " ".join(sentences)


def data_lines(history: History) -> list[str]:
    """What was played, and its holes."""
    lines = [
        f"data: {moment(history.first_ms)} to {moment(history.end_ms)} UTC, "
        f"{len(history.at_ms):,} bars of {history.bar_ms // 60_000} minutes"
    ]
    if history.gaps:
        missing = sum(gap.missing for gap in history.gaps)
        longest = max(history.gaps, key=lambda gap: gap.missing)
        lines.append(
            f"holes: {len(history.gaps)}, {missing:,} bars in all, the longest {longest}; price jumps across them, nothing is filled in"
        )
    if history.funding_gaps:
        missing = sum(gap.missing for gap in history.funding_gaps)
        lines.append(f"funding: {missing} settlements are missing and were not charged")
    return [*lines, *history.notes]


def merit_rows(run: Outcome) -> list[tuple[str, str]]:
    """The KPIs of one run, for a person."""
    m = figures_of_merit(run)
    died = "yes" if m["survived"] else f"no: liquidated {moment(m['died_ms'])}"
    return [
        ("survived", died),
        (
            "equity, start to end",
            f"{usdt(m['equity_start_usdt'])} -> {usdt(m['equity_end_usdt'])} USDT ({number(m['equity_ratio'])} x)",
        ),
        (
            "return, CAGR, volatility",
            f"{percent(m['return_total'], 1)}, {percent(m['return_cagr'], 1)}, {percent(m['return_volatility'], 1)}",
        ),
        ("Sharpe, Sortino, Calmar", ", ".join(number(m[f"return_{name}"]) for name in ("sharpe", "sortino", "calmar"))),
        (
            "max drawdown (daily, any tick)",
            f"{percent(m['return_max_drawdown'], 1)}, {percent(m['max_drawdown_ticks'], 1)}",
        ),
        ("expected shortfall 95 %, a day", percent(m["return_shortfall_95"], 2)),
        ("highest LTV, margin rate", f"{percent(m['max_ltv'], 1)}, {percent(m['max_mm_rate'], 1)}"),
        ("time with LTV below 65 %", percent(m["ltv_below_65_time"], 1)),
        ("distance to liquidation at the end", percent(m["distance_to_liquidation"], 1)),
        ("hedge effectiveness", percent(m["effectiveness"], 1)),
        ("regression slope, R²", f"{number(m['regression_slope'], 3)}, {number(m['regression_r_squared'], 3)}"),
        ("dollar offset", number(m["dollar_offset"], 3)),
        ("delta tracking error, worst gap", _tracking(m)),
        ("funding received, paid", f"{usdt(m['funding_received_usdt'])}, {usdt(m['funding_paid_usdt'])} USDT"),
        ("interest; carry cover", f"{usdt(m['interest_usdt'])} USDT; {number(m['carry_cover'])}"),
        ("fees, slippage", f"{usdt(m['fees_usdt'])}, {usdt(m['slippage_usdt'])} USDT ({m['slippage_bp']:.2f} bp)"),
        (
            "cost a year",
            f"{usdt(m['cost_per_year_usdt'])} USDT ({percent(m['cost_ratio_per_year'], 2)} of the spot's value)",
        ),
        ("orders, hedges, a day", f"{m['orders']}, {m['hedges']}, {number(m['orders_per_day'])}"),
        (
            "sweeps, profits taken, repaid",
            f"{m['sweeps']}, {m['profits']}, {usdt(m['repaid_usdt'])} USDT ({percent(m['coverage_ratio'], 1)} of the loan)",
        ),
    ]


def _tracking(m: dict[str, Any]) -> str:
    """Full fidelity does not follow the target between written decisions."""
    error = m["delta_tracking_error_btc"]
    return "–" if math.isnan(error) else f"{error:.4f}, {m['delta_max_gap_btc']:.4f} BTC"


def log_rows(run: Outcome, most: int = 500) -> list[list[str]]:
    """What was done and why, newest last."""
    rows = []
    place = {name: i for i, name in enumerate(b.LOG_COLUMNS)}
    for line in run.log[:most]:
        kind = int(line[place["kind"]])
        why = (
            reasons.text(int(line[place["reason"]]))
            if kind == b.HEDGE_ROW
            else f"{usdt(float(line[place['amount']]))} USDT"
        )
        if kind == b.SALE_ROW:
            why = f"{line[place['amount']]:.3f} BTC"
        stages = "; ".join(
            reasons.text(int(line[place[name]]))
            for name in ("vol_reason", "funding_reason", "ltv_reason", "margin_reason")
            if kind == b.HEDGE_ROW and not math.isnan(line[place[name]])
        )
        moved = f"{line[place['long_change']]:+.3f} / {line[place['short_change']]:+.3f}" if kind == b.HEDGE_ROW else ""
        rows.append(
            [
                moment(int(line[0])),
                b.KIND_NAMES[kind],
                usdt(float(line[1])),
                moved,
                f"{line[place['long']]:.3f} / {line[place['short']]:.3f}",
                percent(float(line[place["ltv"]]), 1),
                why,
                stages,
            ]
        )
    return rows


def verdict_cells(stage: Sequence[Scene], rows: Sequence[Verdict], policies: Sequence[str]) -> list[list[str]]:
    """A line per scene: its extremes, then per policy the worst LTV, or a cross where the loan died."""
    by: dict[tuple[str, str], Any] = {(row.scene, row.policy): row for row in rows}

    def cell(row: Verdict) -> str:
        if not row.survived:
            return "✕"
        lost = "*" if row.perp_liquidations else ""
        return f"{percent(row.max_ltv)}{lost}"

    return [
        [
            scene.name,
            f"-{percent(max(0.0, scene.worst))}",
            f"+{percent(max(0.0, scene.best))}",
            *(cell(by[scene.name, name]) for name in policies),
        ]
        for scene in stage
    ]
