"""What the clock brings, in order of time: funding, interest of both kinds, automatic repayment, transfers that land.

Knows when each thing is due next and asks its room to do it.
"""

from __future__ import annotations

from bot.simulator import borrowing, funding, liquidation, loans, trading, transfers
from bot.simulator.pages import HOUR_MS
from bot.simulator.state import State

__all__ = ["next_due_ms", "reschedule", "run_until", "start"]

_HALF_HOUR_MS = HOUR_MS // 2


def start(state: State) -> None:
    funding.schedule_funding(state)
    state.next_interest_ms = funding.next_interest_ms(state)
    state.next_half_hour_ms = _next_half_hour_ms(state)


def reschedule(state: State) -> None:
    """After the funding interval changed."""
    funding.schedule_funding(state)


def _next_half_hour_ms(state: State) -> int:
    return (state.now_ms // _HALF_HOUR_MS + 1) * _HALF_HOUR_MS


def next_due_ms(state: State) -> int:
    """The earliest instant at which something is due."""
    due = min(state.market.next_funding_ms, state.next_interest_ms, state.next_half_hour_ms)
    landing = transfers.next_landing_ms(state)
    return due if landing is None else min(due, landing)


def run_until(state: State, now_ms: int) -> None:
    """Do everything due up to and including `now_ms`, each thing at its own instant."""
    while (due_ms := next_due_ms(state)) <= now_ms:
        state.now_ms = max(state.now_ms, due_ms)
        transfers.land(state)
        if state.market.next_funding_ms <= due_ms:
            funding.settle_funding(state)
        if state.next_interest_ms <= due_ms:
            funding.charge_interest(state)
            state.next_interest_ms = funding.next_interest_ms(state)
        if state.next_half_hour_ms <= due_ms:
            _half_hour(state)
            state.next_half_hour_ms = _next_half_hour_ms(state)
        for account in state.accounts.values():
            liquidation.guard(state, account)
            loans.guard(state, account)


def _half_hour(state: State) -> None:
    """hh:00 and hh:30: automatic repayment without conversion; hh:00: interest of crypto loans."""
    if state.now_ms % HOUR_MS == 0:
        loans.charge_interest(state)
    for account in state.accounts.values():
        for coin, purse in account.purses.items():
            if purse.auto_repay and purse.spot_borrow and (able := borrowing.repayable(state, account, coin)):
                borrowing.pay_down(state, account, coin, able)
                trading.tell_wallet(state, account)
