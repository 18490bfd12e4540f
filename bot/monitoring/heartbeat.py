"""The heartbeat to the outside: a GET that says "well" to a service that raises an alarm when it stops hearing.

Sent only while everything it stands for is true: prices fresh, books reconciled, loop on time, journal written. Silence is the alarm, so a
failure to send is logged and nothing more. (Any dead-man service that takes a plain GET.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from bot.domain.view import BotView
from bot.monitoring import health
from bot.monitoring.pulse import Vitals

__all__ = ["Heartbeat", "HeartbeatOptions", "silent_because"]

_log = logging.getLogger(__name__)

LATEST_LOOP_MS = 2_000.0
OLDEST_BOOKS_MS = 60_000
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatOptions:
    """`url` is a secret: whoever has it can keep the alarm quiet."""

    url: str
    every_s: float = 30.0


def silent_because(view: BotView, vitals: Vitals, *, journal_problem: str) -> str:
    """Why no heartbeat may leave now; empty: all is well."""
    if journal_problem:
        return f"the journal is not written: {journal_problem}"
    if view.market.stale:
        return "the price is stale"
    age_ms = view.book.reconciled_age_ms
    if age_ms is None or age_ms > OLDEST_BOOKS_MS * view.speed:
        return "the books are not reconciled"
    if vitals.loop_lag_ms is not None and vitals.loop_lag_ms > LATEST_LOOP_MS:
        return f"the loop is {vitals.loop_lag_ms:.0f} ms late"
    return "; ".join(health.ready(view).reasons)


class Heartbeat:
    """One task: looks, and sends or is silent."""

    def __init__(
        self,
        options: HeartbeatOptions,
        *,
        view: Callable[[], BotView],
        vitals: Callable[[], Vitals],
        journal_problem: Callable[[], str],
    ) -> None:
        self._options, self._view, self._vitals, self._journal_problem = options, view, vitals, journal_problem

    async def run(self) -> None:
        """Beat until cancelled."""
        async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, follow_redirects=False) as client:
            while True:
                try:
                    await self.beat(client)
                except Exception as error:  # noqa: BLE001 - the silence is the alarm; the daemon lives with us. Its words may be the URL
                    _log.error("no heartbeat", extra={"why": type(error).__name__})
                await asyncio.sleep(self._options.every_s)

    async def beat(self, client: httpx.AsyncClient) -> bool:
        """One look; True where a heartbeat left and was taken."""
        if reason := silent_because(self._view(), self._vitals(), journal_problem=self._journal_problem()):
            _log.warning("no heartbeat", extra={"why": reason})
            return False
        try:
            answer = await client.get(self._options.url)
        except httpx.HTTPError as error:
            _log.warning("the heartbeat was not heard", extra={"why": type(error).__name__})
            return False
        if not answer.is_success:
            _log.warning("the heartbeat was not taken", extra={"status": answer.status_code})
        return bool(answer.is_success)
