"""What well means: three verdicts, each with its reasons in words.

* live: the process turns. No restart cures anything else, so a supervisor restarts on this one only.
* ready: the bot knows its world (streams, account, market) well enough to act.
* trading: it is ready, and it may and can hedge at this moment.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.commands import Mode
from bot.domain.view import BotView
from bot.monitoring.pulse import Vitals

__all__ = ["LOOP_STALL_MS", "Verdict", "live", "overall", "ready", "trading"]

LOOP_STALL_MS = 10_000.0
"""A loop that was held up this long, ms, is not serving sockets: every deadline of the venue has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Well or not; `reasons` is empty exactly when well."""

    reasons: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.reasons

    def as_document(self) -> dict[str, object]:
        return {"ok": self.ok, "reasons": list(self.reasons)}


def live(vitals: Vitals) -> Verdict:
    """Does the event loop turn?"""
    lag_ms = vitals.loop_lag_ms
    if lag_ms is not None and lag_ms >= LOOP_STALL_MS:
        return Verdict(reasons=(f"the event loop was held up for {lag_ms / 1000:.1f} s",))
    return Verdict(reasons=())


def ready(view: BotView) -> Verdict:
    """Does the bot know its world? The engine says so itself."""
    if view.health.ready:
        return Verdict(reasons=())
    return Verdict(reasons=view.health.reasons or ("not ready; the engine gave no reason",))


def trading(view: BotView) -> Verdict:
    """May and can it hedge now?"""
    reasons = list(ready(view).reasons)
    if view.mode is not Mode.TRADING:
        reasons.append(f"mode is {view.mode.value}: {view.why}")
    if view.market.stale:
        reasons.append("the price is stale")
    return Verdict(reasons=tuple(reasons))


def overall(view: BotView, vitals: Vitals) -> Verdict:
    """Live and ready: what a container's health check asks. A halted bot that knows its world is healthy; it is not trading."""
    return Verdict(reasons=live(vitals).reasons + ready(view).reasons)
