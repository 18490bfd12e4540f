"""A decision told stage by stage: one of the journal's with everything that followed, or one taken now from figures given by hand.

Knows the strategy's words and the journal's reports; both tellings share one shape. The documents are plain mappings, for tables and JSON.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, NamedTuple

from bot.domain.commands import Decided
from bot.engine.config import EngineConfig
from bot.engine.decider import STAGES, sentence
from bot.journal import reports
from bot.journal.reader import Entry, JournalReader
from bot.review.replay import OtherVersion, difference, retake
from bot.strategy import decision, funding, pipeline, reasons
from bot.strategy.decision import Account, Book, Decision, DecisionInputs, Instrument, Market

__all__ = ["LOT_BTC", "Figures", "explained", "thought"]

Document = dict[str, Any]

LOT_BTC = Decimal("0.001")
_LEVELS = {"vol_level": reasons.VOL_NAMES, "ltv_level": reasons.LTV_NAMES, "margin_level": reasons.MARGIN_NAMES}

_BTCUSDT = Instrument(float(LOT_BTC), 1, 5.0)
"""Lot rules of BTCUSDT for questions asked without a venue (Bybit: market/instrument)."""


class Figures(NamedTuple):
    """A book and a market as a person gives them; NaN: unknown. Quantities in BTC, cash in USDT."""

    spot: float
    long: Decimal
    short: Decimal
    price: float
    vol: float
    """Volatility per 24 hours as a fraction."""
    funding: float
    """Fraction per interval, positive: longs pay."""
    interval_h: float
    loan: float
    margin: float
    maintenance: float
    is_settled: bool
    """The target was reached before: only a gap outside the band counts."""


def thought(figures: Figures, config: EngineConfig) -> Document:
    """What the daemon would decide on these figures, with every stage. Nothing is read and nothing is sent."""
    apr = funding.apr(figures.funding, figures.interval_h)
    memory = pipeline.FIRST_MEMORY
    inputs = DecisionInputs(
        now_ms=0,
        last_hedge_ms=-1,
        book=Book(figures.spot, int(figures.long / LOT_BTC), int(figures.short / LOT_BTC), 0, 0),
        market=Market(figures.price, 0.0, figures.vol, apr, funding.regime_of(apr, config.funding_normal_apr)),
        account=Account(figures.loan, config.collateral_ratio, math.nan, figures.margin, figures.maintenance),
        instrument=_BTCUSDT,
        operator=pipeline.NO_OPERATOR,
        policy=config.policy,
        memory=memory._replace(recentre=0) if figures.is_settled else memory,
    )
    answer = pipeline.decide(inputs)
    return {
        "decision": {"outcome": _outcome(answer), "reason": reasons.text(answer.reason)},
        **_pipeline(inputs, answer),
    }


def explained(journal: JournalReader, name: str | None) -> Document | None:
    """One decision of the journal (by number, by one of its orders, or the last) and what followed; None where there is none."""
    found = reports.find_decision(journal, name)
    if found is None:
        return None
    entry, decided = found
    document: Document = {
        "decision": {
            "number": decided.number,
            "at_ms": entry.at_ms,
            "trigger": decided.trigger,
            "outcome": decided.outcome.value,
            "reason": decided.reason,
            "in_words": sentence(decided),
        }
    }
    try:
        again, inputs, answer = retake(decided)
    except OtherVersion as other:
        document["decision"]["taken_again"] = f"not possible, another version wrote it: {other}"
        document["inputs"] = {name: value for name, value in decided.inputs.items() if not name.startswith("policy.")}
        document["stages"] = [{"stage": s.name, "figure": s.value, "reason": s.reason} for s in decided.stages]
    else:
        document["decision"]["taken_again"] = difference(decided, again) or "the same, bit for bit"
        document |= _pipeline(inputs, answer)
    return document | _followed(journal, entry, decided)


def _pipeline(inputs: DecisionInputs, answer: Decision) -> Document:
    groups = {name: getattr(inputs, name) for name in ("book", "market", "account", "memory", "policy")}
    told: Document = {name: {k: _known(v) for k, v in group._asdict().items()} for name, group in groups.items()}
    told["market"]["funding_regime"] = reasons.FUNDING_NAMES[inputs.market.funding_regime]
    for level, names in _LEVELS.items():
        told["memory"][level] = names.get(getattr(inputs.memory, level), getattr(inputs.memory, level))
    document: Document = {"inputs": {name: told[name] for name in ("book", "market", "account", "memory")}}
    if answer.user.reason != 0:
        document["stages"] = [_stage(name, getattr(answer, name)) for name in STAGES]
        document["trade"] = _trade(inputs, answer)
    document["policy"] = told["policy"]
    return document


def _stage(name: str, stage: decision.Stage) -> Document:
    return {
        "stage": name.replace("_", " "),
        "target_in": _known(stage.before_btc),
        "figure": _known(stage.value),
        "target_out": _known(stage.after_btc),
        "reason": reasons.text(stage.reason),
    }


def _trade(inputs: DecisionInputs, answer: Decision) -> Document:
    step, book = Decimal(str(inputs.instrument.step_btc)), inputs.book
    trade: Document = {
        "delta": _known(answer.delta_btc),
        "target": _known(answer.target_btc),
        "gap": _known(answer.gap_btc),
        "band": inputs.policy.band_btc,
        "share_of_short_leg": _known(answer.h_effective),
        "ltv": _known(answer.ltv),
        "margin_used": _known(answer.mm_rate),
    }
    if answer.action == decision.TRADE:
        trade |= {
            "long": f"{step * book.long_steps} -> {step * (book.long_steps + answer.long_change_steps)}",
            "short": f"{step * book.short_steps} -> {step * (book.short_steps + answer.short_change_steps)}",
            "first": reasons.LEG_NAMES[answer.first_leg],
            "execution": reasons.EXECUTION_NAMES[answer.execution],
            "leaves_delta": _known(answer.delta_after_btc),
        }
    return trade


def _followed(journal: JournalReader, entry: Entry, decided: Decided) -> Document:
    after = reports.aftermath(journal, entry)
    document: Document = {}
    if after.orders:
        document["orders"] = [order.row() for order in after.orders]
        document["fills"] = [
            {"at_ms": e.exec_ms, "order": e.order_link_id, "side": e.side, "qty": e.qty, "price": e.price, "fee": e.fee}
            for order in after.orders
            for e in order.executions
        ]
    if after.refusals:
        document["refused"] = [
            {"leg": r.leg.name.lower(), "act": r.act.value, "qty": r.qty, "rule": r.rule, "reason": r.reason}
            for r in after.refusals
        ]
    if (realising := after.realising) is not None:
        document["profit"] = {
            "why": realising.why,
            "action": realising.action,
            "cycle_pnl": realising.pnl_usdt,
            "expected_gain": realising.gain_usdt,
            "expected_cost": realising.cost_usdt,
        }
        if (realised := after.realised) is not None:
            document["profit"] |= {
                "realised": realised.realised_usdt,
                "costs": realised.costs_usdt,
                "to_share": realised.amount_usdt,
            }
    left: Document = {"hedge": _end(decided, after)}
    if decided.delta is not None and decided.target_delta is not None:
        left["delta"] = decided.delta + after.delta_moved
        left["gap"] = decided.target_delta - left["delta"]
        left["fees"] = sum((order.fees for order in after.orders), Decimal(0))
    if after.ended is not None and after.ended.filled:
        document["execution"] = {
            "filled": after.ended.filled,
            "slippage_bp": after.ended.slippage_bp,
            "maker_share": after.ended.maker_share,
            "took_ms": after.ended.took_ms,
        }
    document["left"] = left
    return document


def _end(decided: Decided, after: reports.Aftermath) -> str:
    if after.ended is not None:
        return ("reached" if after.ended.reached else "given up") + f": {after.ended.reason}"
    if decided.long_target is None:
        return "no order was wanted"
    return "no end is recorded" if after.orders else "no order was sent"


def _outcome(answer: Decision) -> str:
    return {decision.REFUSE: "refuse", decision.HOLD: "hold", decision.TRADE: "hedge"}[answer.action]


def _known(value: float) -> float | None:
    """JSON has no word for what is unknown or beyond bounds."""
    return value if math.isfinite(value) else None
