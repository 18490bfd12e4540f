"""The picture's pages on profit and execution: the cycle in progress, and how well hedges were worked."""

from __future__ import annotations

from decimal import Decimal

from bot.domain.money import ZERO
from bot.domain.view import ExecutionView, ProfitView
from bot.engine import taking
from bot.engine.state import State
from bot.strategy import profit as rules
from bot.strategy import reasons

__all__ = ["execution", "profit"]

_BP = 10_000


def profit(state: State, now_ms: int) -> ProfitView:
    """Where the cycle stands, and at what it fires."""
    book, cycle, trail = state.profit, state.profit.cycle, state.config.profit.trail
    regime = rules.market_regime(
        float(state.delta) if state.delta is not None else 0.0,
        state.config.policy.band_btc,
        int(book.taking is not None),
    )
    armed = cycle is not None and cycle.armed
    return ProfitView(
        action=state.config.profit.action.value,
        regime=reasons.MARKET_REGIME_NAMES[regime] if state.delta is not None else "UNKNOWN",
        cycle=cycle.number if cycle else 0,
        began_ms=book.began_ms,
        anchor_price=cycle.anchor_price if cycle else None,
        pnl=taking.cycle_pnl(state, now_ms),
        peak=cycle.peak_usdt if cycle else None,
        armed=armed,
        arms_at=taking.arming_floor(state) if state.market.ticker else None,
        stop_at=cycle.peak_usdt * Decimal(repr(round(1 - trail, 6))) if cycle and armed else None,
        target_price=taking.target_price(state),
        realised=book.shared,
        last_amount=book.last.amount_usdt if book.last else None,
        last_ms=book.last_ms,
    )


def execution(state: State) -> ExecutionView:
    """How well the last hedges were executed, averaged by size."""
    ended = state.executed
    last = ended[-1] if ended else None
    return ExecutionView(
        style=state.config.execution.style.value,
        hedges=len(ended),
        last_slippage=last.slippage_bp / _BP if last and last.slippage_bp is not None else None,
        last_maker_share=last.maker_share if last else None,
        slippage=_by_size([(e.filled, e.slippage_bp / _BP) for e in ended if e.slippage_bp is not None]),
        maker_share=_by_size([(e.filled, e.maker_share) for e in ended if e.maker_share is not None]),
        fees=sum((e.fees for e in ended), ZERO),
    )


def _by_size(parts: list[tuple[Decimal, float]]) -> float | None:
    whole = sum((size for size, _ in parts), ZERO)
    return sum(float(size / whole) * value for size, value in parts) if whole else None
