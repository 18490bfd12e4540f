"""What a person may ask from afar, as the window sees it: names of verbs, what each would leave behind, and one call that asks.

The window never acts: it hands a verb to whoever implements this, and tells what was answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

__all__ = ["COMMAND_LINE", "Hands"]

COMMAND_LINE = "hedgelock-command-line"
"""The User-Agent by which the command line says that it is it, and no page."""


class Hands(Protocol):
    """The verbs that a running daemon takes. None of the calls may block the event loop."""

    @property
    def verbs(self) -> Mapping[str, str]:
        """Verb -> what it does, in one sentence."""
        ...

    def preview(self, verb: str) -> tuple[str, ...]:
        """What the verb would leave behind, a fact a line. Raises KeyError for what is no verb."""
        ...

    async def ask(self, verb: str, *, who: str, reason: str) -> str:
        """Ask for the verb; returns what became of it, in words. Raises KeyError for what is no verb."""
        ...
