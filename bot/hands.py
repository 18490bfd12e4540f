"""The daemon's hands as a chat may use them: the operator's desk, where the chat's own one-time code stands for the typed phrase.

Nothing here acts by itself; `verbs.Desk` takes each verb in, or says why not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.domain.view import BotView, VerbOffer
from bot.verbs import Desk

__all__ = ["DaemonHands"]


class DaemonHands:
    """Puts verbs on the desk."""

    def __init__(self, desk: Desk, view: Callable[[], BotView]) -> None:
        self._desk = desk
        self._view = view

    @property
    def verbs(self) -> Mapping[str, str]:
        return {name: offer.what for name, offer in self._offers().items()}

    def preview(self, verb: str) -> tuple[str, ...]:
        view, offer = self._view(), self._offers()[verb]
        unknown = "unknown"
        ltv = unknown if view.loan.ltv is None else f"{view.loan.ltv:.1%}"
        gap = unknown if view.target.gap is None else f"{view.target.gap:f} BTC"
        delta = unknown if view.book.delta is None else f"{view.book.delta:f} BTC"
        now = f"Mode {view.mode.value}, delta {delta}, gap to target {gap}, LTV {ltv}."
        return (now,) if offer.leaves is None else (now, f"It leaves {offer.leaves.words}.")

    async def ask(self, verb: str, *, who: str, reason: str) -> str:
        offer = self._offers()[verb]
        answer = await self._desk.ask(offer.verb, reason=reason, confirm=offer.confirm, who=who, amount=None)
        return answer.text

    def _offers(self) -> dict[str, VerbOffer]:
        """By name; what takes an amount needs a form, not a chat."""
        return {offer.verb.value: offer for offer in self._desk.offers() if not offer.takes_amount}
