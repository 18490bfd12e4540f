"""Breakers: when money, market or venue behave as they should not, no leg grows until that is over or a person has looked.

A row of the table is one breaker: what trips it, and who resets it. Knows limits and the state; what a tripped one forbids is in `sight`.
The baselines are taken from journalled readings, so a restart does not forget a loss.
(MiFID II RTS 6, article 15: pre-trade controls; SEC rule 15c3-5.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from bot.domain.account import Wallet
from bot.domain.commands import Note
from bot.domain.legs import Leg
from bot.domain.orders import Verdict
from bot.domain.thoughts import BreakerMoved
from bot.domain.view import BreakerView
from bot.engine.config import BreakerLimits
from bot.engine.state import State

__all__ = ["BREAKERS", "changes", "fold_answer", "fold_moved", "fold_resumed", "fold_wallet", "view"]

_DAY_MS = 86_400_000
_EASY = 0.8
"""A breaker that resets by itself does so below this share of its limit."""


class Reset(Enum):
    """Who or what resets a breaker."""

    PERSON = "a person resumes"
    DAY = "the next UTC day, or a person resumes"
    CALM = "the figure falls below 80 % of its limit"


class Gauges(NamedTuple):
    """All that breakers look at. Equity in USD, funding in USDT, sigma per 24 h (NaN: unknown)."""

    equity: Decimal
    equity_at_dawn: Decimal
    equity_peak: Decimal
    funding: Decimal
    funding_at_dawn: Decimal
    sigma: float
    rejects: int


class Breaker(NamedTuple):
    """One breaker: its figure and its limit (None: unknown, and so no reason to trip)."""

    name: str
    reset: Reset
    figure: Callable[[Gauges], float | None]
    limit: Callable[[BreakerLimits], float]
    unit: str


def changes(state: State) -> Iterator[BreakerMoved | Note]:
    """What trips or resets now. The gauges move seldom, so whether all is calm is asked of them once."""
    gauges = _gauges(state)
    if state.calm.of(_is_calm, state.config.breakers, tuple(state.tripped), gauges):
        return
    for breaker in BREAKERS:
        figure, limit = breaker.figure(gauges), breaker.limit(state.config.breakers)
        is_tripped = breaker.name in state.tripped
        if not is_tripped and figure is not None and figure >= limit:
            reason = f"{breaker.name}: {figure:.4g} {breaker.unit}, the limit is {limit:.4g}"
            yield BreakerMoved(name=breaker.name, tripped=True, reason=reason)
            yield Note(
                severity="critical", kind="breaker tripped", text=f"{reason}; no leg grows until {breaker.reset.value}"
            )
        elif is_tripped and _is_over(breaker, figure, limit):
            yield BreakerMoved(name=breaker.name, tripped=False, reason=breaker.reset.value)


def _is_calm(limits: BreakerLimits, tripped: tuple[str, ...], gauges: Gauges) -> bool:
    """Nothing is tripped, and nothing trips."""
    figures = [(breaker.figure(gauges), breaker.limit(limits)) for breaker in BREAKERS]
    return not tripped and all(figure is None or figure < limit for figure, limit in figures)


def fold_moved(state: State, record: BreakerMoved) -> None:
    """A breaker moved."""
    if record.tripped:
        state.tripped[record.name] = record.reason
    else:
        state.tripped.pop(record.name, None)


def fold_wallet(state: State, wallet: Wallet, now_ms: int) -> None:
    """A wallet was read: today's baselines, and the highest equity so far."""
    day = now_ms // _DAY_MS
    if state.measures.day != day:
        state.measures.day, state.measures.equity_at_dawn = day, wallet.total_equity
        state.measures.funding_at_dawn = _funding(state)
    state.measures.equity = wallet.total_equity
    state.measures.equity_peak = max(state.measures.equity_peak, wallet.total_equity)


def fold_answer(state: State, verdict: Verdict, code: int | None) -> None:
    """The venue answered an order: refusals in a row are counted."""
    if verdict is Verdict.ACCEPTED:
        state.measures.rejects = 0
    elif verdict is Verdict.REFUSED and code is not None:
        state.measures.rejects += 1


def fold_resumed(state: State) -> None:
    """A person has looked: everything begins anew from here."""
    state.tripped.clear()
    measures = state.measures
    measures.rejects, measures.equity_peak, measures.equity_at_dawn = 0, measures.equity, measures.equity
    measures.funding_at_dawn = _funding(state)


def view(state: State) -> tuple[BreakerView, ...]:
    """Every breaker as people see it."""
    gauges = _gauges(state)
    return tuple(
        BreakerView(
            name=breaker.name,
            tripped=breaker.name in state.tripped,
            figure=breaker.figure(gauges),
            limit=breaker.limit(state.config.breakers),
            unit=breaker.unit,
            resets=breaker.reset.value,
        )
        for breaker in BREAKERS
    )


def _is_over(breaker: Breaker, figure: float | None, limit: float) -> bool:
    match breaker.reset:
        case Reset.PERSON:
            return False
        case Reset.DAY:
            return figure is not None and figure < limit  # the baselines of a new day
        case Reset.CALM:
            return figure is not None and figure < _EASY * limit


def _gauges(state: State) -> Gauges:
    m = state.measures
    return Gauges(
        m.equity,
        m.equity_at_dawn,
        m.equity_peak,
        _funding(state),
        m.funding_at_dawn,
        state.market.sigma_24h,
        m.rejects,
    )


def _funding(state: State) -> Decimal:
    legs = state.ledger.legs
    return legs[Leg.LONG].funding + legs[Leg.SHORT].funding


def _daily_loss(gauges: Gauges) -> float | None:
    if gauges.equity_at_dawn <= 0:
        return None
    return float((gauges.equity_at_dawn - gauges.equity) / gauges.equity_at_dawn)


def _drawdown(gauges: Gauges) -> float | None:
    return float((gauges.equity_peak - gauges.equity) / gauges.equity_peak) if gauges.equity_peak > 0 else None


def _funding_cost(gauges: Gauges) -> float | None:
    if gauges.equity_at_dawn <= 0:
        return None
    return float((gauges.funding_at_dawn - gauges.funding) / gauges.equity_at_dawn)


def _volatility(gauges: Gauges) -> float | None:
    return None if math.isnan(gauges.sigma) else gauges.sigma


def _rejects(gauges: Gauges) -> float:
    return float(gauges.rejects)


BREAKERS: tuple[Breaker, ...] = (
    Breaker("daily loss", Reset.DAY, _daily_loss, lambda limits: limits.daily_loss, "of equity"),
    Breaker("drawdown", Reset.PERSON, _drawdown, lambda limits: limits.drawdown, "of the highest equity"),
    Breaker("funding cost", Reset.DAY, _funding_cost, lambda limits: limits.funding_cost, "of equity a day"),
    Breaker("volatility", Reset.CALM, _volatility, lambda limits: limits.volatility, "in 24 h"),
    Breaker("rejects", Reset.PERSON, _rejects, lambda limits: float(limits.rejects), "orders in a row"),
)
