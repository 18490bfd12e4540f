"""Private messages: the venue's pushes, cut to what each session subscribed to and put in Bybit's envelope.

Knows topics and categories; does not know what an order is. Times are market time.
"""

from __future__ import annotations

from typing import Any

from bot.simulator.choices import FaceChoices
from bot.simulator.venue import Push

__all__ = ["PrivateFeed"]

_BARE = frozenset({"execution.fast"})
"""Topics whose envelope has no message id (Bybit: websocket/private/fast-execution)."""


class PrivateFeed:
    """Builds private messages; each push is built once per topic name it is asked for."""

    def __init__(self, choices: FaceChoices) -> None:
        self._choices = choices
        self._count = 0

    def message(self, push: Push, subscribed: str, uid: int) -> dict[str, Any] | None:
        """The message of `push` for a subscription, None when the subscription does not cover it."""
        rows = list(push.rows)
        if subscribed != push.topic:
            topic, _, category = subscribed.rpartition(".")
            if topic != push.topic or category == "fast":
                return None
            rows = [row for row in rows if row.get("category") == category]
        if not rows:
            return None
        name = subscribed if self._choices.topic_of_categorised == "subscribed" else push.topic
        if push.topic in _BARE:
            return {"topic": name, "creationTime": push.at_ms, "data": rows}
        self._count += 1
        return {
            "id": f"{uid}_{push.topic}_{self._count}",
            "topic": name,
            "creationTime": push.at_ms,
            "data": rows,
        }
