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
    return {**_result(outcome), **_risk(outcome), **_hedge(outcome), **_carry_and_costs(outcome), **_counts(outcome)}


def _result(outcome: Outcome) -> dict[str, Any]:
    f, marks = outcome.figures, outcome.equity
    flows = np.diff(outcome.column("external"), prepend=0.0)
    returns = kpis.returns_of(marks, flows, YEAR_S * 1000 / outcome.plan.rules.sample_every_ms)
    return {
        "survived": outcome.survived,
        "died_ms": None if outcome.survived else outcome.counts["death_ms"],
        "equity_start_usdt": f["opening_equity"],
        "equity_end_usdt": float(marks[-1]),
        "equity_ratio": _ratio(float(marks[-1]), f["opening_equity"]),
        **{f"return_{name}": value for name, value in asdict(returns).items()},
        "attribution_usdt": outcome.attribution(),
    }


def _risk(outcome: Outcome) -> dict[str, Any]:
    f = outcome.figures
    bands = [f[f"ltv_{i}_s"] for i in range(len(b.LTV_BANDS))]
    counted = sum(bands)
    return {
        "max_drawdown_ticks": f["max_drawdown"],
        "max_ltv": f["max_ltv"],
        "max_mm_rate": f["max_mm_rate"],
        "ltv_time": {name: _ratio(seconds, counted) for name, seconds in zip(b.LTV_BANDS, bands, strict=True)},
        "ltv_below_65_time": _ratio(bands[0] + bands[1], counted),
        "distance_to_liquidation": insurance.distance_to_ltv(f["ltv"], outcome.plan.rules.liquidation_ltv)
        if outcome.survived
        else math.nan,
    }


def _hedge(outcome: Outcome) -> dict[str, Any]:
    f, spot = outcome.figures, outcome.opening.spot_btc
    alive = outcome.column("spot")[1:] > 0
    item = (spot * np.diff(outcome.column("price")))[alive]
    hedge = np.diff(outcome.column("hedge") + outcome.column("funding"))[alive]
    fit = asdict(kpis.regression(item, hedge)) if len(item) > 1 else {}
    notional = spot * float(np.mean(outcome.column("price")))
    return {
        "effectiveness": kpis.effectiveness(item, hedge),
        **{f"regression_{name}": fit.get(name, math.nan) for name in ("slope", "intercept", "r_squared")},
        "dollar_offset": kpis.dollar_offset(item, hedge, notional),
        "delta_tracking_error_btc": math.sqrt(_ratio(f["gap_square_s"], f["gap_seconds"])),
        "delta_max_gap_btc": f["max_gap"],
        "delta_outside_band_time": _ratio(f["outside_s"], f["gap_seconds"]),
    }


def _carry_and_costs(outcome: Outcome) -> dict[str, Any]:
    f = outcome.figures
    years = (outcome.end_ms - outcome.first_ms) / 1000.0 / YEAR_S
    spent = f["fees"] + f["slippage"]
    notional = outcome.opening.spot_btc * float(np.mean(outcome.column("price")))
    return {
        "funding_received_usdt": f["funding_received"],
        "funding_paid_usdt": f["funding_paid"],
        "interest_usdt": f["interest"],
        "carry_cover": _ratio(f["funding_received"] - f["funding_paid"], f["interest"]),
        "fees_usdt": f["fees"],
        "slippage_usdt": f["slippage"],
        "slippage_bp": 1e4 * f["slippage"] / f["turnover"] if f["turnover"] > 0 else 0.0,
        "cost_per_year_usdt": _ratio(spent, years),
        "cost_ratio_per_year": _ratio(spent, notional * years),
        "maker_share": f["maker_turnover"] / f["turnover"] if f["turnover"] > 0 else 0.0,
        "repaid_usdt": f["repaid"],
        "coverage_ratio": _ratio(f["repaid"], outcome.opening.debt_usdt),
        "coverage_ratio_from_profits": _ratio(f["repaid_from_profit"], outcome.opening.debt_usdt),
    }


def _counts(outcome: Outcome) -> dict[str, Any]:
    n, days = outcome.counts, (outcome.end_ms - outcome.first_ms) / 86_400_000.0
    names = ("orders", "hedges", "decisions", "refusals", "turned_away", "sweeps", "profits", "perp_liquidations")
    return {**{name: n[name] for name in names}, "orders_per_day": _ratio(n["orders"], days)}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
