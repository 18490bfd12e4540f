"""Breakers: when money, market or venue behave as they should not, no leg grows until that is over or a person has looked.

A row of the table is one breaker: what trips it, and who resets it. Knows limits and the state; what a tripped one forbids is in `sight`.
The baselines are taken from journalled readings, so a restart does not forget a loss.
(MiFID II RTS 6, article 15: pre-trade controls; SEC rule 15c3-5.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from bot.domain.account import Wallet
from bot.domain.commands import Note
from bot.domain.money import ZERO
from bot.domain.orders import Verdict
from bot.domain.thoughts import BreakerMoved
from bot.domain.view import BreakerView
from bot.engine.state import State

__all__ = ["BREAKERS", "changes", "fold_answer", "fold_moved", "fold_resumed", "fold_wallet", "tripped", "view"]

_DAY_MS = 86_400_000
_EASY = 0.8
"""A breaker that resets by itself does so below this share of its limit."""


class Reset(Enum):
    """Who or what resets a breaker."""

    PERSON = "a person resumes"
    DAY = "the next UTC day, or a person resumes"
    CALM = "the figure falls below 80 % of its limit"


class Breaker(NamedTuple):
    """One breaker: its figure and its limit (None: unknown, and so no reason to trip)."""

    name: str
    reset: Reset
    figure: Callable[[State], float | None]
    limit: Callable[[State], float]
    unit: str


def tripped(state: State) -> str:
    """Why no leg may grow; empty: no breaker is tripped."""
    return "; ".join(state.tripped.values())


def changes(state: State, now_ms: int) -> Iterator[BreakerMoved | Note]:
    """What trips or resets now."""
    for breaker in BREAKERS:
        figure, limit = breaker.figure(state), breaker.limit(state)
        is_tripped = breaker.name in state.tripped
        if not is_tripped and figure is not None and figure >= limit:
            reason = f"{breaker.name}: {figure:.4g} {breaker.unit}, the limit is {limit:.4g}"
            yield BreakerMoved(name=breaker.name, tripped=True, reason=reason)
            yield Note(
                severity="critical", kind="breaker tripped", text=f"{reason}; no leg grows until {breaker.reset.value}"
            )
        elif is_tripped and _is_over(breaker, figure, limit):
            yield BreakerMoved(name=breaker.name, tripped=False, reason=breaker.reset.value)


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
    return tuple(
        BreakerView(
            name=breaker.name,
            tripped=breaker.name in state.tripped,
            figure=breaker.figure(state),
            limit=breaker.limit(state),
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


def _funding(state: State) -> Decimal:
    return sum((book.funding for book in state.ledger.legs.values()), ZERO)


def _daily_loss(state: State) -> float | None:
    measures = state.measures
    if measures.equity_at_dawn <= 0:
        return None
    return float((measures.equity_at_dawn - measures.equity) / measures.equity_at_dawn)


def _drawdown(state: State) -> float | None:
    measures = state.measures
    return float((measures.equity_peak - measures.equity) / measures.equity_peak) if measures.equity_peak > 0 else None


def _funding_cost(state: State) -> float | None:
    measures = state.measures
    if measures.equity_at_dawn <= 0:
        return None
    return float((measures.funding_at_dawn - _funding(state)) / measures.equity_at_dawn)


def _volatility(state: State) -> float | None:
    sigma = state.market.sigma_24h
    return sigma if sigma == sigma else None


BREAKERS: tuple[Breaker, ...] = (
    Breaker("daily loss", Reset.DAY, _daily_loss, lambda s: s.config.breakers.daily_loss, "of equity"),
    Breaker("drawdown", Reset.PERSON, _drawdown, lambda s: s.config.breakers.drawdown, "of the highest equity"),
    Breaker("funding cost", Reset.DAY, _funding_cost, lambda s: s.config.breakers.funding_cost, "of equity a day"),
    Breaker("volatility", Reset.CALM, _volatility, lambda s: s.config.breakers.volatility, "in 24 h"),
    Breaker(
        "rejects",
        Reset.PERSON,
        lambda s: float(s.measures.rejects),
        lambda s: float(s.config.breakers.rejects),
        "orders in a row",
    ),
)
