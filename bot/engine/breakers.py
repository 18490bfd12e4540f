"""Breakers: when money, market or venue behave as they should not, no leg grows until that is over or a person has looked.

A row of the table is one breaker: what trips it, and who resets it. Knows limits and the state; what a tripped one forbids is in `sight`.
The baselines are taken from journalled readings, so a restart does not forget a loss.

What is measured is what the holder owns less what is owed, in the unified account and in the loan beside it: in a rally a short loses
what the pledged coin gains. Money that only moves is neither lost nor won: transfers (as the transaction log tells them), repayments, new
debt and new collateral take the baselines with them.
(MiFID II RTS 6, article 15: pre-trade controls; SEC rule 15c3-5.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from bot.domain.account import AccountReading, CashKind, CashRow
from bot.domain.commands import Note
from bot.domain.legs import Leg
from bot.domain.loan import LoanReading, Structure
from bot.domain.money import ZERO
from bot.domain.orders import Verdict
from bot.domain.thoughts import BreakerMoved
from bot.domain.view import BreakerView
from bot.engine.config import BreakerLimits
from bot.engine.state import Measures, State

__all__ = [
    "BREAKERS",
    "changes",
    "fold_answer",
    "fold_cash",
    "fold_loan",
    "fold_moved",
    "fold_reading",
    "fold_resumed",
    "view",
]

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
        elif is_tripped and _is_over(breaker, figure, limit, state.measures):
            yield BreakerMoved(name=breaker.name, tripped=False, reason=breaker.reset.value)


def _is_calm(limits: BreakerLimits, tripped: tuple[str, ...], gauges: Gauges) -> bool:
    """Nothing is tripped, and nothing trips."""
    figures = [(breaker.figure(gauges), breaker.limit(limits)) for breaker in BREAKERS]
    return not tripped and all(figure is None or figure < limit for figure, limit in figures)


def fold_moved(state: State, record: BreakerMoved) -> None:
    """A breaker moved."""
    if record.tripped:
        state.tripped[record.name] = record.reason
        state.measures.tripped_on[record.name] = state.measures.day
    else:
        state.tripped.pop(record.name, None)


def fold_reading(state: State, reading: AccountReading, now_ms: int) -> None:
    """The account was read: today's baselines, and the highest equity so far. A wallet that the log does not explain yet says nothing."""
    is_explained = reading.cash is None or state.cash.explains_the_wallet
    if not is_explained or state.market.ticker is None:
        return
    measures, day = state.measures, now_ms // _DAY_MS
    equity = reading.wallet.total_equity + _apart(state, state.loan.reading)
    if measures.since_ms is None:
        measures.since_ms = now_ms
    if measures.day != day:
        measures.day, measures.equity_at_dawn = day, equity
        measures.funding_at_dawn = _funding(state)
    measures.equity = equity
    measures.equity_peak = max(measures.equity_peak, equity)


def fold_cash(state: State, row: CashRow) -> None:
    """A new row of the transaction log: coin that was moved in or out takes the baselines along. Rows from before them are in them."""
    since_ms = state.measures.since_ms
    if row.kind is CashKind.TRANSFER and since_ms is not None and row.at_ms >= since_ms:
        _move(state, row.change * _price(state, row.currency), row.at_ms)


def fold_loan(state: State, before: LoanReading | None, now_ms: int) -> None:
    """The loan was read: what was borrowed, repaid or pledged since the reading before only moved. Interest is a loss."""
    if state.measures.since_ms is not None:
        moved = _apart(state, state.loan.reading, interest=False) - _apart(state, before, interest=False)
        _move(state, moved, now_ms)


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


def _is_over(breaker: Breaker, figure: float | None, limit: float, measures: Measures) -> bool:
    match breaker.reset:
        case Reset.PERSON:
            return False
        case Reset.DAY:
            is_another_day = measures.tripped_on.get(breaker.name, measures.day) != measures.day
            return figure is not None and figure < limit and is_another_day
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


def _move(state: State, usd: Decimal, at_ms: int) -> None:
    """So much came (> 0) or left, and was neither won nor lost."""
    measures = state.measures
    measures.equity += usd
    measures.equity_peak += usd
    if at_ms // _DAY_MS == measures.day:
        measures.equity_at_dawn += usd


def _apart(state: State, reading: LoanReading | None, *, interest: bool = True) -> Decimal:
    """What a Crypto Loan holds beside the unified account, USD: the pledge less the debt."""
    if reading is None or reading.absent or reading.structure is not Structure.CRYPTO_LOAN:
        return ZERO
    debt = reading.debt if interest else reading.principal
    return reading.pledged_btc * _price(state, state.config.coin) - debt


def _price(state: State, coin: str) -> Decimal:
    """USD of one coin."""
    if coin == state.config.coin:
        assert state.market.ticker is not None  # nothing is measured before the first price
        return state.market.ticker.index
    held = state.wallet.coin(coin) if state.wallet is not None else None
    return held.usd_value / held.equity if held is not None and held.usd_value * held.equity else Decimal(1)


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
