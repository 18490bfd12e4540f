"""The daemon's hands as the window may use them: the verbs a person can ask for while it runs, what each leaves, and one way to ask.

Every verb goes through the inbox as an event, like any fact: journalled, folded, thought about. Nothing here acts by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.domain.events import OperatorAsked, Verb
from bot.domain.ports import Inbox
from bot.domain.view import BotView

__all__ = ["DaemonHands"]

_VERBS: dict[str, tuple[Verb, str, str]] = {
    "pause": (
        Verb.PAUSE,
        "Decide and show, send nothing until resumed.",
        "The legs stay as they are; nothing keeps them on target.",
    ),
    "resume": (Verb.RESUME, "Trade again after a pause or a halt.", "It hedges as soon as every input is fresh."),
    "rehedge": (
        Verb.REHEDGE,
        "Take a decision now, whatever the schedule says.",
        "The gap is closed if the limits allow it.",
    ),
}


class DaemonHands:
    """Puts verbs into the inbox."""

    def __init__(self, inbox: Inbox, view: Callable[[], BotView]) -> None:
        self._inbox = inbox
        self._view = view

    @property
    def verbs(self) -> Mapping[str, str]:
        return {name: about for name, (_, about, _) in _VERBS.items()}

    def preview(self, verb: str) -> tuple[str, ...]:
        view = self._view()
        unknown = "unknown"
        ltv = unknown if view.loan.ltv is None else f"{view.loan.ltv:.1%}"
        gap = unknown if view.target.gap is None else f"{view.target.gap:f} BTC"
        delta = unknown if view.book.delta is None else f"{view.book.delta:f} BTC"
        return (f"Mode {view.mode.value}, delta {delta}, gap to target {gap}, LTV {ltv}.", _VERBS[verb][2])

    async def ask(self, verb: str, *, who: str, reason: str) -> str:
        word, _, _ = _VERBS[verb]
        self._inbox.put(OperatorAsked(verb=word, reason=reason, who=who))
        return "asked for; /status tells what became of it"
