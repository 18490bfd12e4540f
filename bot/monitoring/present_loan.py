"""The loan as it leaves: ladder, distances, payments, and the book at other prices. Names as in `present`."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from bot.domain.view import LoanView, PaymentView, RungView, WhatIfView

__all__ = ["loan", "what_if"]

Document = dict[str, Any]


def loan(view: LoanView) -> Document:
    """The loan's section of the status document."""
    return {
        "structure": view.structure,
        "unmanaged": view.unmanaged,
        "age_ms": view.age_ms,
        "debt_usdt": _money(view.debt),
        "principal_usdt": _money(view.principal),
        "accrued_usdt": _money(view.accrued),
        "apr_ratio": _number(view.apr),
        "interest_per_hour_usdt": _money(view.interest_per_hour),
        "interest_per_day_usdt": _money(view.interest_per_day),
        "paid_to_date_usdt": _money(view.paid_to_date),
        "paid_interest_usdt": _money(view.paid_interest),
        "coverage_ratio": _number(view.coverage),
        "ltv_ratio": _number(view.ltv),
        "net_ltv_ratio": _number(view.net_ltv),
        "venue_ltv_ratio": _number(view.venue_ltv),
        "ltv_disagrees": view.ltv_disagrees,
        "rung": view.rung,
        "mm_rate_ratio": _number(view.mm_rate),
        "margin_rung": view.margin_rung,
        "equity_usdt": _money(view.equity),
        "liquidation_down_usdt": _price(view.liquidation_down),
        "liquidation_up_usdt": _price(view.liquidation_up),
        "distance_down_ratio": _number(view.distance_down),
        "distance_up_ratio": _number(view.distance_up),
        "distance_down_sigma": _number(view.distance_down_sigma),
        "distance_up_sigma": _number(view.distance_up_sigma),
        "reserve_usdt": _money(view.reserve),
        "dry_run": view.dry_run,
        "ladder": {"ltv": _rungs(view.ltv_ladder), "margin": _rungs(view.margin_ladder)},
        "payments": [_payment(payment) for payment in view.payments],
        "refused": view.refused,
        "refused_ms": view.refused_ms,
    }


def what_if(rows: tuple[WhatIfView, ...]) -> list[Document]:
    """The book at other prices, lowest first."""
    return [
        {
            "move_ratio": _number(row.move),
            "price_usdt": _price(row.price),
            "equity_usdt": _price(row.equity),
            "ltv_ratio": _number(row.ltv),
            "mm_rate_ratio": _number(row.mm_rate),
            "rung": row.rung,
            "action": row.action,
            "liquidated": row.liquidated,
            "defended_equity_usdt": _price(row.defended_equity),
            "defended_debt_usdt": _price(row.defended_debt),
            "defended_ltv_ratio": _number(row.defended_ltv),
            "defended_mm_rate_ratio": _number(row.defended_mm_rate),
            "defended_short_btc": _money(row.defended_short),
            "sweeps": row.sweeps,
            "cost_usdt": _price(row.cost),
            "defended_liquidated": row.defended_liquidated,
        }
        for row in rows
    ]


def _rungs(rungs: tuple[RungView, ...]) -> list[Document]:
    return [{"rung": rung.name, "from_ratio": rung.at} for rung in rungs]


def _payment(payment: PaymentView) -> Document:
    return {
        "number": payment.number,
        "at_ms": payment.at_ms,
        "why": payment.why,
        "amount_usdt": _money(payment.amount),
        "paid_usdt": _money(payment.paid),
        "state": payment.state,
        "reason": payment.reason,
    }


def _money(value: Decimal | None) -> str | None:
    if value is None or not value.is_finite():
        return None
    return format(abs(value) if value == 0 else value, "f")


def _price(value: Decimal | None) -> str | None:
    """To the cent: it is reckoned, and more digits would claim more than is known."""
    return _money(None if value is None or not value.is_finite() else round(value, 2))


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
