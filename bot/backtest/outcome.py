"""Play a plan and say what came of it: samples, log and figures by name, the KPIs, the attribution, in words and as a document."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bot.backtest import book as b
from bot.backtest import kpis
from bot.backtest.compiled import Engines
from bot.backtest.policies import Plan
from bot.strategy import insurance

__all__ = ["ATTRIBUTION", "Outcome", "figures_of_merit", "play"]

YEAR_S = 365 * 86_400.0
ATTRIBUTION = ("spot", "hedge", "funding", "fees", "slippage", "interest", "liquidation", "external")
_LOG_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A plan played over a span. `samples` and `log` have the columns that `book` names."""

    plan: Plan
    opening: b.Opening
    first_ms: int
    end_ms: int
    bars: int
    samples: b.Floats
    log: b.Floats
    log_rows: int
    """How many rows the log would have had; more than it holds when it was full."""
    figures: dict[str, float]
    counts: dict[str, int]

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def survived(self) -> bool:
        return self.counts["death_ms"] < 0

    def column(self, name: str) -> b.Floats:
        """A column of the samples by name."""
        return self.samples[:, b.SAMPLE_COLUMNS.index(name)]

    @property
    def equity(self) -> b.Floats:
        return self.column("equity")

    def attribution(self) -> dict[str, float]:
        """Where the change of equity came from, USDT; the parts add up to it."""
        last = dict(zip(b.SAMPLE_COLUMNS, self.samples[-1], strict=True))
        return {
            "spot": self.figures["spot_gain"],
            **{part: float(last[part]) for part in ATTRIBUTION[1:]},
        }


def play(
    engines: Engines, tape: b.Tape, span: b.Span, opening: b.Opening, plan: Plan, *, log_rows: int = _LOG_ROWS
) -> Outcome:
    """Run one plan. About as long as reading the arrays takes."""
    every = plan.rules.sample_every_ms
    first_ms, end_ms = int(tape.at_ms[span.first]), int(tape.at_ms[span.last - 1]) + tape.bar_ms
    samples = np.zeros(((end_ms - first_ms) // every + 3, len(b.SAMPLE_COLUMNS)))
    log = np.zeros((log_rows, len(b.LOG_COLUMNS)))
    f, n = engines.run(tape, span, opening, plan.rules, plan.policy, samples, log)
    figures, counts = dict(zip(b.FIGURES, map(float, f), strict=True)), dict(zip(b.COUNTS, map(int, n), strict=True))
    return Outcome(
        plan=plan,
        opening=opening,
        first_ms=first_ms,
        end_ms=end_ms,
        bars=span.last - span.first,
        samples=samples[: counts["samples"]].copy(),
        log=log[: min(log_rows, counts["logged"])].copy(),
        log_rows=counts["logged"],
        figures=figures,
        counts=counts,
    )


def figures_of_merit(outcome: Outcome) -> dict[str, Any]:
    """Every KPI by name. Shares and rates are decimals, money USDT, time in the unit its name ends in; NaN where it means nothing."""
    f, n = outcome.figures, outcome.counts
    seconds = (outcome.end_ms - outcome.first_ms) / 1000.0
    years = seconds / YEAR_S
    marks = outcome.equity
    per_year = YEAR_S * 1000 / outcome.plan.rules.sample_every_ms
    flows = np.diff(outcome.column("external"), prepend=0.0)
    returns = kpis.returns_of(marks, flows, per_year)
    item = outcome.opening.spot_btc * np.diff(outcome.column("price"))
    hedge = np.diff(outcome.column("hedge") + outcome.column("funding"))
    alive = outcome.column("spot")[1:] > 0
    fit = (
        kpis.regression(item[alive], hedge[alive])
        if alive.any()
        else kpis.Regression(slope=math.nan, intercept=math.nan, r_squared=math.nan)
    )
    notional = outcome.opening.spot_btc * float(np.mean(outcome.column("price")))
    spent = f["fees"] + f["slippage"]
    bands = [f[f"ltv_{i}_s"] for i in range(len(b.LTV_BANDS))]
    counted = sum(bands) or math.nan
    net_funding = f["funding_received"] - f["funding_paid"]
    return {
        "survived": outcome.survived,
        "died_ms": None if outcome.survived else n["death_ms"],
        "equity_start_usdt": f["opening_equity"],
        "equity_end_usdt": float(marks[-1]),
        "equity_ratio": float(marks[-1]) / f["opening_equity"] if f["opening_equity"] > 0 else math.nan,
        **{f"return_{name}": value for name, value in asdict(returns).items()},
        "max_drawdown_ticks": f["max_drawdown"],
        "max_ltv": f["max_ltv"],
        "max_mm_rate": f["max_mm_rate"],
        "ltv_time": dict(zip(b.LTV_BANDS, (s / counted for s in bands), strict=True)),
        "ltv_below_65_time": (bands[0] + bands[1]) / counted,
        "effectiveness": kpis.effectiveness(item[alive], hedge[alive]) if alive.sum() > 1 else math.nan,
        **{f"regression_{name}": value for name, value in asdict(fit).items()},
        "dollar_offset": kpis.dollar_offset(item[alive], hedge[alive], notional),
        "delta_tracking_error_btc": math.sqrt(f["gap_square_s"] / f["gap_seconds"])
        if f["gap_seconds"] > 0
        else math.nan,
        "delta_max_gap_btc": f["max_gap"],
        "delta_outside_band_time": f["outside_s"] / f["gap_seconds"] if f["gap_seconds"] > 0 else math.nan,
        "funding_received_usdt": f["funding_received"],
        "funding_paid_usdt": f["funding_paid"],
        "interest_usdt": f["interest"],
        "carry_cover": net_funding / f["interest"] if f["interest"] > 0 else math.nan,
        "fees_usdt": f["fees"],
        "slippage_usdt": f["slippage"],
        "slippage_bp": f["slippage"] / f["turnover"] * 1e4 if f["turnover"] > 0 else 0.0,
        "cost_per_year_usdt": spent / years if years > 0 else math.nan,
        "cost_ratio_per_year": spent / notional / years if years > 0 else math.nan,
        "maker_share": f["maker_turnover"] / f["turnover"] if f["turnover"] > 0 else 0.0,
        "orders": n["orders"],
        "orders_per_day": n["orders"] / (seconds / 86_400.0),
        "hedges": n["hedges"],
        "decisions": n["decisions"],
        "turned_away": n["turned_away"],
        "sweeps": n["sweeps"],
        "profits_taken": n["profits"],
        "perp_liquidations": n["perp_liquidations"],
        "repaid_usdt": f["repaid"],
        "coverage_ratio": f["repaid"] / outcome.opening.debt_usdt if outcome.opening.debt_usdt > 0 else math.nan,
        "coverage_ratio_from_profits": f["repaid_from_profit"] / outcome.opening.debt_usdt
        if outcome.opening.debt_usdt > 0
        else math.nan,
        "distance_to_liquidation": insurance.distance_to_ltv(f["ltv"], outcome.plan.rules.liquidation_ltv),
        "attribution_usdt": outcome.attribution(),
    }
