"""What is due on the loan: the triggers, most urgent first, each a wish that says how much and out of what.

Reads the loan's book and the ladders; does not know whether anything can be paid (`cashier`), nor what is realised for it (`treasurer`).
"""

from __future__ import annotations

import math
from decimal import Decimal

from bot.domain.commands import Trigger
from bot.domain.loan import LoanReading, Structure
from bot.domain.money import ZERO
from bot.engine import loan, ltv
from bot.engine.cashier import Wish
from bot.engine.state import State
from bot.strategy import ladder, pipeline, profit

__all__ = ["payable_debt", "wish_of"]


def wish_of(state: State, now_ms: int) -> Wish | None:
    """What is due now, the most urgent first; None: nothing."""
    reading = state.loan.reading
    if reading is None or state.market.ticker is None:
        return None
    for look in (_top_up, _by_ltv, _by_hand, _by_schedule, _by_profit):
        if (wish := look(state, reading, now_ms)) is not None:
            return wish
    return None


def _top_up(state: State, reading: LoanReading, now_ms: int) -> Wish | None:
    """The margin ladder asks for more margin, and USDT lies idle in the Funding wallet."""
    if reading.structure is not Structure.CRYPTO_LOAN or reading.funding_usdt < 1:
        return None
    mm_rate = ltv.margin_rate(state)
    level = pipeline.margin_level_of(state.config.policy, state.memory.margin_level, mm_rate)
    if level < ladder.MARGIN_TOP_UP:
        return None
    return Wish(
        trigger=Trigger.TOP_UP,
        why=f"the margin of the perps is used to {mm_rate:.0%}",
        usdt=reading.funding_usdt,
    )


def _by_ltv(state: State, reading: LoanReading, now_ms: int) -> Wish | None:
    """A Crypto Loan's LTV is where gains must become repayment. In a unified account gains, and USDT set aside, count as they are. Where
    nothing is swept, the reserve is all that is spent."""
    rules = state.config.loan
    if reading.structure is not Structure.CRYPTO_LOAN:
        return None
    stands = ltv.standing(state, now_ms)
    level = pipeline.ltv_level_of(state.config.policy, state.memory.ltv_level, stands.ltv)
    spends_reserve = bool(ladder.loan_actions(level) & ladder.SPEND_RESERVE)
    from_reserve = min(state.loan.reserve(rules), _need(state, stands, rules.reserve_to)) if spends_reserve else ZERO
    if not rules.sweep:
        return _from_reserve_alone(state, stands, from_reserve)
    begins = ladder.sweep_begins_at(rules.sweep_from, rules.sweep_to, state.market.recent_fall)
    target = ladder.sweep_target_ltv(level, stands.ltv, begins, rules.sweep_to, rules.warning_to)
    begins_anew = not math.isnan(target)
    if not begins_anew and loan.is_sweeping(state):
        target = rules.sweep_to
    if math.isnan(target) or stands.ltv <= target:
        return None
    need = _need(state, stands, target)
    urgent = level >= ladder.CRITICAL
    return Wish(
        trigger=Trigger.LTV,
        why=f"LTV {stands.ltv:.2%}, down to {target:.0%}",
        usdt=need,
        from_profit=state.loan.unshared,
        from_reserve=from_reserve,
        from_cash=urgent,
        urgent=urgent,
        realises=begins_anew,
    )


def _from_reserve_alone(state: State, stands: ltv.Standing, from_reserve: Decimal) -> Wish | None:
    """What was set aside for CRITICAL, and no gain."""
    if from_reserve < state.config.loan.repay_min_usdt:
        return None
    return Wish(
        trigger=Trigger.LTV,
        why=f"LTV {stands.ltv:.2%}, the reserve down to {state.config.loan.reserve_to:.0%}",
        usdt=from_reserve,
        from_profit=state.loan.unshared,
        from_reserve=from_reserve,
        urgent=True,
    )


def _by_hand(state: State, reading: LoanReading, now_ms: int) -> Wish | None:
    asked = state.asked_to_repay
    if asked is None:
        return None
    return Wish(
        trigger=Trigger.BY_HAND,
        why=f"asked by {asked.who}: {asked.reason}",
        usdt=payable_debt(reading) if asked.amount is None else min(asked.amount, payable_debt(reading)),
        from_profit=state.loan.unshared,
        from_cash=True,
    )


def _by_schedule(state: State, reading: LoanReading, now_ms: int) -> Wish | None:
    """The standing order is due."""
    rules, last_ms = state.config.loan, state.loan.scheduled_ms
    if not rules.schedule_every_ms or last_ms is None or now_ms - last_ms < rules.schedule_every_ms:
        return None
    usdt = min(rules.schedule_usdt, payable_debt(reading))
    return Wish(
        trigger=Trigger.SCHEDULE,
        why=f"the standing order over {rules.schedule_usdt} USDT",
        usdt=usdt,
        from_profit=state.loan.unshared,
        from_cash=True,
    )


def _by_profit(state: State, reading: LoanReading, now_ms: int) -> Wish | None:
    """The loan's share of the profit realised since the last payment, once that is worth a payment."""
    rules, unshared = state.config.loan, state.loan.unshared
    due = profit.repayment_usdt(
        float(unshared), float(rules.profit_share), float(rules.repay_min_usdt), float(rules.repay_max_usdt)
    )
    if not due > 0.0 or payable_debt(reading) <= 0:
        return None
    usdt = min(Decimal(f"{due:.6f}"), payable_debt(reading))
    return Wish(
        trigger=Trigger.PROFIT,
        why=f"{rules.profit_share:.0%} of {unshared:.2f} USDT of realised profit",
        usdt=usdt,
        from_profit=min(unshared, usdt / rules.profit_share),
    )


def _need(state: State, stands: ltv.Standing, target: float) -> Decimal:
    """USDT that bring the LTV to `target` now."""
    assert state.market.ticker is not None
    collateral = float(state.loan.pledged or ZERO)
    need = ladder.repay_needed_usdt(stands.debt, target, collateral, float(state.market.ticker.index), stands.ratio)
    return ZERO if math.isnan(need) else Decimal(f"{need:.6f}")


def payable_debt(reading: LoanReading) -> Decimal:
    """What a repayment may be at most: in a unified account interest is taken from the wallet and not repaid."""
    return reading.principal if reading.structure is Structure.UTA else reading.debt
