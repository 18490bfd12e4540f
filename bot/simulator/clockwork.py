"""What the clock brings, in order of time: funding, interest.

Knows when each thing is due next. Does not know prices.
"""

from __future__ import annotations

from bot.simulator import funding
from bot.simulator.state import State

__all__ = ["next_due_ms", "reschedule", "run_until", "start"]


def start(state: State) -> None:
    funding.schedule_funding(state)
    state.next_interest_ms = funding.next_interest_ms(state)


def reschedule(state: State) -> None:
    """After the funding interval changed."""
    funding.schedule_funding(state)


def next_due_ms(state: State) -> int:
    """The earliest instant at which something is due."""
    return min(state.market.next_funding_ms, state.next_interest_ms)


def run_until(state: State, now_ms: int) -> None:
    """Do everything due up to and including `now_ms`, each thing at its own instant."""
    while (due_ms := next_due_ms(state)) <= now_ms:
        state.now_ms = max(state.now_ms, due_ms)
        if state.market.next_funding_ms <= due_ms:
            funding.settle_funding(state)
        if state.next_interest_ms <= due_ms:
            funding.charge_interest(state)
            state.next_interest_ms = funding.next_interest_ms(state)
