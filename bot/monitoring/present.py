"""BotView -> the status document of `/api/v1/status`: the one place that names a field.

Names carry their unit, unit last. A Decimal leaves as a plain decimal string, never with an exponent; a ratio or an age as a JSON
number; what is unavailable as null. The document only ever grows: a name, once served, keeps its meaning.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec

from bot.domain.commands import Decided, Stage
from bot.domain.view import BookView, BotView, LegView, OrderView
from bot.monitoring import health, present_loan
from bot.monitoring.alerts import remedies, rules
from bot.monitoring.pulse import Vitals

__all__ = ["AGEING", "CLOCKS", "SCHEMA", "document", "encode", "fingerprints", "money"]

SCHEMA = 1

CLOCKS = ("now_ms", "process")
"""Sections that move though nothing happened: they are no news themselves and travel with any."""

AGEING = ("market", "book", "loan")
"""Sections that hold an age: it grows though they do not change, and is of the moment of `now_ms`."""

_AGES = frozenset({"age_ms", "reconciled_age_ms"})

Document = dict[str, Any]


def document(view: BotView, vitals: Vitals) -> Document:
    """Everything a looker may know, in the order a person would ask."""
    return {
        "schema": SCHEMA,
        "now_ms": view.now_ms,
        "started_ms": view.started_ms,
        "run": view.run,
        "version": view.version,
        "world": view.world,
        "speed": view.speed,
        "symbol": view.symbol,
        "mode": {
            "name": view.mode.value,
            "why": view.why,
            "do": remedies.first(rules.KIND_OF_MODE.get(view.mode, "")),
        },
        "breakers": [
            {
                "name": b.name,
                "tripped": b.tripped,
                "figure": None if b.figure is None else _number(b.figure),
                "limit": b.limit,
                "unit": b.unit,
                "resets": b.resets,
            }
            for b in view.breakers
        ],
        "latch": {"closed": bool(view.latch), "why": view.latch},
        "market": _market(view),
        "book": _book(view.book),
        "target": _target(view),
        "volatility": _volatility(view),
        "funding": _funding(view),
        "loan": present_loan.loan(view.loan),
        "pnl": _pnl(view),
        "profit": _profit(view),
        "execution": _execution(view),
        "health": _health(view, vitals),
        "process": _process(vitals),
        "decisions": [_decision(at_ms, decided) for at_ms, decided in view.decisions],
        "orders": [_order(order) for order in view.orders],
    }


def encode(value: object) -> bytes:
    """The document as UTF-8 JSON without a line break (an event of the stream is one line)."""
    return msgspec.json.encode(value)


def fingerprints(doc: Document) -> dict[str, bytes]:
    """Section -> what two of them must differ in to be different news: everything but clocks and ages."""
    return {name: encode(_still(value)) for name, value in doc.items() if name not in CLOCKS}


def _still(value: object) -> object:
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if name not in _AGES}
    return value


def money(value: Decimal | None) -> str | None:
    """A Decimal as people write it: no exponent, no negative zero, no NaN."""
    if value is None or not value.is_finite():
        return None
    return format(abs(value) if value == 0 else value, "f")


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _market(view: BotView) -> Document:
    market = view.market
    return {
        "last_usdt": money(market.last),
        "mark_usdt": money(market.mark),
        "index_usdt": money(market.index),
        "bid_usdt": money(market.bid),
        "ask_usdt": money(market.ask),
        "age_ms": market.age_ms,
        "stale": market.stale,
    }


def _leg(leg: LegView) -> Document:
    return {
        "qty_btc": money(leg.qty),
        "entry_price_usdt": money(leg.entry_price),
        "unrealised_usdt": money(leg.unrealised),
        "realised_usdt": money(leg.realised),
        "fees_usdt": money(leg.fees),
        "funding_usdt": money(leg.funding),
    }


def _book(book: BookView) -> Document:
    return {
        "spot_btc": money(book.spot),
        "long": _leg(book.long),
        "short": _leg(book.short),
        "delta_btc": money(book.delta),
        "cover_ratio": _number(book.cover),
        "reconciled_age_ms": book.reconciled_age_ms,
    }


def _target(view: BotView) -> Document:
    target = view.target
    return {
        "delta_btc": money(target.delta),
        "gap_btc": money(target.gap),
        "band_btc": money(target.band),
        "hedge_ratio": _number(target.hedge_ratio),
        "long_qty_btc": money(target.long_qty),
        "short_qty_btc": money(target.short_qty),
        "hedging": target.hedging,
    }


def _volatility(view: BotView) -> Document:
    volatility = view.volatility
    return {
        "raw_24h_ratio": _number(volatility.raw),
        "smoothed_24h_ratio": _number(volatility.smoothed),
        "regime": volatility.regime,
        "bars": volatility.bars,
        "estimators_24h_ratio": {name: _number(sigma) for name, sigma in volatility.estimators.items()},
        "jump_share_ratio": _number(volatility.jump_share),
        "for_targets_24h_ratio": _number(volatility.for_targets),
    }


def _funding(view: BotView) -> Document:
    funding = view.funding
    return {
        "rate_ratio": money(funding.rate),
        "interval_h": funding.interval_h,
        "apr_ratio": _number(funding.apr),
        "regime": funding.regime,
        "next_ms": funding.next_ms,
        "next_payment_usdt": money(funding.next_payment),
        "received_usdt": money(funding.received),
        "deciding_apr_ratio": _number(funding.deciding_apr),
        "average_24h_apr_ratio": _number(funding.average_24h_apr),
        "average_7d_apr_ratio": _number(funding.average_7d_apr),
        "per_day_usdt": money(funding.per_day),
        "per_week_usdt": money(funding.per_week),
        "long_per_day_usdt": money(funding.long_per_day),
        "short_per_day_usdt": money(funding.short_per_day),
        "multiplier_ratio": _number(funding.multiplier),
        "should_exit": funding.should_exit,
        "outside_regime": funding.outside_regime,
        "outside_at_ms": funding.outside_at_ms,
    }


def _pnl(view: BotView) -> Document:
    """total = realised + unrealised + funding - fees."""
    pnl = view.pnl
    return {
        "realised_usdt": money(pnl.realised),
        "unrealised_usdt": money(pnl.unrealised),
        "funding_usdt": money(pnl.funding),
        "fees_usdt": money(pnl.fees),
        "total_usdt": money(pnl.total),
    }


def _profit(view: BotView) -> Document:
    profit = view.profit
    return {
        "action": profit.action,
        "regime": profit.regime,
        "cycle": profit.cycle,
        "began_ms": profit.began_ms,
        "anchor_price_usdt": money(profit.anchor_price),
        "pnl_usdt": money(profit.pnl),
        "peak_usdt": money(profit.peak),
        "armed": profit.armed,
        "arms_at_usdt": money(profit.arms_at),
        "stop_at_usdt": money(profit.stop_at),
        "target_price_usdt": money(profit.target_price),
        "realised_usdt": money(profit.realised),
        "last_amount_usdt": money(profit.last_amount),
        "last_ms": profit.last_ms,
    }


def _execution(view: BotView) -> Document:
    """How well hedges were executed; slippage > 0 was worse than the mid when the hedge began."""
    execution = view.execution
    return {
        "style": execution.style,
        "hedges": execution.hedges,
        "last_slippage_ratio": _number(execution.last_slippage),
        "last_maker_share_ratio": _number(execution.last_maker_share),
        "slippage_ratio": _number(execution.slippage),
        "maker_share_ratio": _number(execution.maker_share),
        "fees_usdt": money(execution.fees),
    }


def _health(view: BotView, vitals: Vitals) -> Document:
    return {
        "live": health.live(vitals).as_document(),
        "ready": health.ready(view).as_document(),
        "trading": health.trading(view).as_document(),
        "streams": dict(view.health.streams),
        "stream_since_ms": dict(view.health.stream_since_ms),
        "reconcile_failures": view.health.reconcile_failures,
        "unknown_orders": view.health.unknown_orders,
        "bad_inputs": dict(view.health.bad_inputs),
        "records": view.health.records,
    }


def _process(vitals: Vitals) -> Document:
    return {
        "up_s": round(vitals.up_s, 1),
        "loop_lag_ms": _number(vitals.loop_lag_ms),
        "worst_loop_lag_ms": _number(vitals.worst_loop_lag_ms),
        "queues": {name: {"depth": queue.depth, "limit": queue.limit} for name, queue in vitals.queues.items()},
    }


def _stage(stage: Stage) -> Document:
    return {"name": stage.name, "value": _number(stage.value), "reason": stage.reason}


def _decision(at_ms: int, decided: Decided) -> Document:
    return {
        "number": decided.number,
        "at_ms": at_ms,
        "trigger": decided.trigger,
        "outcome": decided.outcome.value,
        "reason": decided.reason,
        "delta_btc": money(decided.delta),
        "target_delta_btc": money(decided.target_delta),
        "gap_btc": money(decided.gap),
        "long_target_btc": money(decided.long_target),
        "short_target_btc": money(decided.short_target),
        "stages": [_stage(stage) for stage in decided.stages],
        "inputs": {name: _number(value) for name, value in decided.inputs.items()},
    }


def _order(order: OrderView) -> Document:
    return {
        "order_link_id": order.order_link_id,
        "at_ms": order.at_ms,
        "leg": order.leg,
        "act": order.act,
        "qty_btc": money(order.qty),
        "filled_btc": money(order.filled),
        "avg_price_usdt": money(order.avg_price),
        "state": order.state,
        "reason": order.reason,
    }
