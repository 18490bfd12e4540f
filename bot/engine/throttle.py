"""The throttle: when trading has not helped, it pauses; when trading again and again has not helped, it stops until a person looks.

Knows how often hedges traded or could not, not why.
"""

from __future__ import annotations

import math

from bot.engine.state import MOST_HEDGES, State

__all__ = ["is_resting", "runaway"]

WATCHED_MS = 600_000
"""How far back repeated hedges are looked at."""

MARKET_MOVES = 0.01
"""Hedges at prices that lie further apart follow the market; what loops does so at one price."""

MOST_PATIENCE = 5
"""The pause after a hedge given up doubles this often at most."""


def is_resting(state: State, now_ms: int) -> bool:
    """After a hedge that could not trade, the next is not tried at once: the pause doubles each time."""
    if not state.given_up:
        return False
    pause_ms: int = state.config.patience.hedge_ms * 2 ** min(state.given_up - 1, MOST_PATIENCE)
    return now_ms - state.given_up_ms < pause_ms


def runaway(state: State, now_ms: int) -> str:
    """Why we must stop: hedge after hedge traded at one price, and the gap is no smaller than it was. Empty: all is well.

    A target that follows the price asks for hedge after hedge in a crash, and each leaves as large a gap for the next: that is the
    market's doing, and the worst moment to stop.
    (MiFID II RTS 6, article 15(3): repeated automated execution throttle, with a person to switch it on again.)
    """
    if len(state.hedges) < MOST_HEDGES or state.hedge is None:
        return ""
    first = state.hedges[0]
    if state.hedge.started_ms - first.began_ms > WATCHED_MS or 2 * state.hedge.gap < first.gap:
        return ""
    if _spread([*(tried.price for tried in state.hedges), state.hedge.price]) > MARKET_MOVES:
        return ""
    minutes = (now_ms - first.began_ms) / 60_000
    return f"{MOST_HEDGES} hedges in {minutes:.1f} minutes, and the gap is still {state.hedge.gap} BTC"


def _spread(prices: list[float]) -> float:
    """How far the highest lies above the lowest (0.02 = 2 %); 0 where one is unknown."""
    return 0.0 if any(math.isnan(price) for price in prices) else max(prices) / min(prices) - 1.0
