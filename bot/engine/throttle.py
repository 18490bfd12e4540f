"""The throttle: when trading has not helped, it pauses; when trading again and again has not helped, it stops until a person looks.

Knows how often hedges traded or could not, not why.
"""

from __future__ import annotations

from bot.engine.state import MOST_HEDGES, State

__all__ = ["is_resting", "runaway"]

WATCHED_MS = 600_000
"""How far back repeated hedges are looked at."""

MOST_PATIENCE = 5
"""The pause after a hedge given up doubles this often at most."""


def is_resting(state: State, now_ms: int) -> bool:
    """After a hedge that could not trade, the next is not tried at once: the pause doubles each time."""
    if not state.given_up:
        return False
    pause_ms: int = state.config.patience.hedge_ms * 2 ** min(state.given_up - 1, MOST_PATIENCE)
    return now_ms - state.given_up_ms < pause_ms


def runaway(state: State, now_ms: int) -> str:
    """Why we must stop: hedge after hedge traded, and the gap is no smaller than it was. Empty: all is well.

    (MiFID II RTS 6, article 15(3): repeated automated execution throttle, with a person to switch it on again.)
    """
    if len(state.hedges) < MOST_HEDGES or state.hedge is None:
        return ""
    first_ms, first_gap = state.hedges[0]
    if state.hedge.started_ms - first_ms > WATCHED_MS or 2 * state.hedge.gap < first_gap:
        return ""
    return f"{MOST_HEDGES} hedges in {(now_ms - first_ms) / 60_000:.1f} minutes, and the gap is still {state.hedge.gap} BTC"
