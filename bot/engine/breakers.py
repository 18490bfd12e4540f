"""Breakers: when money, market or venue behave as they should not, no leg grows until that is over or a person has looked.

A row of the table is one breaker: what trips it, and who resets it. Knows limits and the state; what a tripped one forbids is in `sight`.
The baselines are records of their own (`Measured`): readings are pruned, and a restart must not forget a loss.

What is measured is what the holder owns less what is owed, in the unified account and in the loan beside it: in a rally a short loses
what the pledged coin gains, and what the coin gains that lies elsewhere (`fixed_spot`, in the place of the account's own). Money that only
moves is neither lost nor won: transfers (as the transaction log tells them), repayments, new debt and new collateral take the baselines
with them.
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
from bot.domain.events import OrderAnswered
from bot.domain.legs import Leg
from bot.domain.loan import Structure
from bot.domain.money import ZERO
from bot.domain.orders import Verdict
from bot.domain.thoughts import BreakerMoved, Measured
from bot.domain.view import BreakerView
from bot.engine import ltv
from bot.engine.config import BreakerLimits
from bot.engine.state import Measures, State

__all__ = [
    "BREAKERS",
    "changes",
    "fold",
    "fold_answer",
    "fold_cash",
    "fold_reading",
    "fold_resumed",
    "view",
]

_DAY_MS = 86_400_000
_HIGHER = Decimal("1.001")
"""A new peak is written down when it is so much higher than the last one."""
_EASY = 0.8
"""A breaker that resets by itself does so below this share of its limit."""


_UNPRICED = {"USDT": Decimal(1), "USDC": Decimal(1)}
"""USD of what is known to be a dollar, where the wallet shows none of it any more."""


class Reset(Enum):
    """Who or what resets a breaker."""

    PERSON = "a person resumes"
    DAY = "the next UTC day, or a person resumes"
    CALM = "the figure falls below 80 % of its limit"


class Gauges(NamedTuple):
    """All that breakers look at. Equity in USD, funding in USDT, sigma per 24 h (NaN: unknown)."""

    equity: Decimal | None
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


def changes(state: State, now_ms: int) -> Iterator[Measured | BreakerMoved | Note]:
    """What trips or resets now. The gauges move seldom, so whether all is calm is asked of them once."""
    yield from measured(state, now_ms)
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


def fold(state: State, record: Measured | BreakerMoved, now_ms: int) -> None:
    """The baselines or a breaker moved."""
    if isinstance(record, Measured):
        _fold_measured(state.measures, record, now_ms)
    elif record.tripped:
        state.tripped[record.name] = record.reason
        state.measures.tripped_on[record.name] = state.measures.day
    else:
        state.tripped.pop(record.name, None)


def _fold_measured(measures: Measures, record: Measured, now_ms: int) -> None:
    measures.since_ms = now_ms if measures.since_ms is None else measures.since_ms
    measures.day, measures.funding_at_dawn = record.day, record.funding_at_dawn
    measures.equity_at_dawn, measures.equity_peak = record.equity_at_dawn, record.equity_peak
    measures.loan_then = (record.principal, record.pledged)
    measures.moved.clear()


def fold_reading(state: State, reading: AccountReading) -> None:
    """The account was read. A wallet that the log does not explain yet says nothing, nor does a pledge without a price."""
    measures, loan = state.measures, state.loan.reading
    is_explained = reading.cash is None or state.cash.explains_the_wallet
    if not is_explained or state.market.ticker is None:
        return
    measures.loan, debt = (ZERO, ZERO), ZERO
    if loan is not None and not loan.absent and loan.structure is Structure.CRYPTO_LOAN:
        measures.loan, debt = (loan.principal, ZERO if ltv.is_elsewhere(state) else loan.pledged_btc), loan.debt
    measures.equity = reading.wallet.total_equity + ltv.coin_apart_usd(state, reading.wallet, measures.loan[1]) - debt
    for coin, change in measures.told.items():
        measures.moved[coin] = measures.moved.get(coin, ZERO) + change
    measures.told.clear()


def fold_cash(state: State, row: CashRow) -> None:
    """A new row of the transaction log: coin that was moved in or out takes the baselines along. Rows from before them are in them."""
    measures = state.measures
    if row.kind is CashKind.TRANSFER and measures.since_ms is not None and row.at_ms >= measures.since_ms:
        measures.told[row.currency] = measures.told.get(row.currency, ZERO) + row.change


def fold_answer(state: State, answer: OrderAnswered) -> None:
    """The venue answered an order: refusals in a row are counted. Not those for want of margin: they say nothing of us, and the throttle
    lets ever more time pass between them; a bot that waited for a person there would leave the loan unhedged when margin is back."""
    measures = state.measures
    if answer.verdict is Verdict.ACCEPTED:
        measures.rejects = measures.wants = 0
    elif answer.for_want:
        measures.wants += 1
    elif answer.verdict is Verdict.REFUSED and answer.code is not None:
        measures.rejects += 1


def fold_resumed(state: State) -> None:
    """A person has looked: everything begins anew from here."""
    state.tripped.clear()
    measures = state.measures
    measures.rejects, measures.wants, measures.day, measures.equity_peak = 0, 0, -1, ZERO


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


def measured(state: State, now_ms: int) -> Iterator[Measured]:
    """The baselines, where they have to move: before anything is held against them."""
    measures, day = state.measures, now_ms // _DAY_MS
    if measures.equity is None or state.market.ticker is None:
        return
    came = _came(state, measures)
    dawn, peak, funding = measures.equity_at_dawn + came, measures.equity_peak + came, measures.funding_at_dawn
    if day != measures.day:
        dawn, funding = measures.equity, _funding(state)
    if day == measures.day and not came and measures.equity <= measures.equity_peak * _HIGHER:
        return
    yield Measured(
        day=day,
        equity_at_dawn=dawn,
        equity_peak=max(peak, measures.equity),
        funding_at_dawn=funding,
        principal=measures.loan[0],
        pledged=measures.loan[1],
    )


def _came(state: State, measures: Measures) -> Decimal:
    """What came (> 0) or left since the baselines were taken and was neither won nor lost, USD: transfers, and what was borrowed, repaid,
    pledged or taken back. Interest is a loss."""
    if not measures.moved and measures.loan == measures.loan_then:
        return ZERO
    principal, pledged = (now - then for now, then in zip(measures.loan, measures.loan_then, strict=True))
    moved = sum(
        (
            change * _price(state, coin)
            for coin, change in measures.moved.items()
            if not (coin == state.config.coin and ltv.is_elsewhere(state))
        ),
        ZERO,
    )
    return moved + (pledged * _price(state, state.config.coin) if pledged else ZERO) - principal


def _price(state: State, coin: str) -> Decimal:
    """USD of one coin; a coin that the wallet does not price counts as nothing: a guess of a dollar for each could disarm."""
    if coin == state.config.coin:
        assert state.market.ticker is not None  # nothing is measured before the first price
        return state.market.ticker.index
    held = state.wallet.coin(coin) if state.wallet is not None else None
    return (
        held.usd_value / held.equity if held is not None and held.usd_value * held.equity else _UNPRICED.get(coin, ZERO)
    )


def _funding(state: State) -> Decimal:
    legs = state.ledger.legs
    return legs[Leg.LONG].funding + legs[Leg.SHORT].funding


def _daily_loss(gauges: Gauges) -> float | None:
    if gauges.equity is None or gauges.equity_at_dawn <= 0:
        return None
    return float((gauges.equity_at_dawn - gauges.equity) / gauges.equity_at_dawn)


def _drawdown(gauges: Gauges) -> float | None:
    if gauges.equity is None or gauges.equity_peak <= 0:
        return None
    return float((gauges.equity_peak - gauges.equity) / gauges.equity_peak)


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
