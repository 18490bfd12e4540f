"""Where delta has been: one point per second of real time, an hour at most, in memory only.

The first line of the page's chart. It begins with the process; the months live in the journal.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from bot.domain.view import BotView
from bot.monitoring.present import money

__all__ = ["Trail"]

_EVERY_S = 1.0
_POINTS = 3_600
_COLUMNS = ("at_ms", "delta_btc", "target_delta_btc", "band_btc", "mark_usdt")


class Trail:
    """A ring of points. Times of points are market time, the pace is real time."""

    def __init__(self) -> None:
        self._points: deque[tuple[Any, ...]] = deque(maxlen=_POINTS)
        self._last_s: float | None = None

    def offer(self, view: BotView, now_s: float) -> None:
        """Keep a point of `view` if a second has passed since the last one; `now_s` is elapsed real time."""
        if self._last_s is not None and now_s - self._last_s < _EVERY_S:
            return
        self._last_s = now_s
        self._points.append(
            (
                view.now_ms,
                money(view.book.delta),
                money(view.target.delta),
                money(view.target.band),
                money(view.market.mark),
            )
        )

    def document(self) -> dict[str, Any]:
        """Columns and rows, oldest first."""
        return {"every_s": _EVERY_S, "columns": list(_COLUMNS), "points": list(self._points)}
