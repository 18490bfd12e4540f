"""The task that looks, listens, and hands messages to the post. The engine's side of it is one append to a short list."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import structlog

from bot.domain.clock import elapsed_s, wall_ms
from bot.domain.records import Record
from bot.domain.view import BotView
from bot.monitoring.alerts import channels, remedies, rules, urls
from bot.monitoring.alerts.desk import Desk, Options
from bot.monitoring.alerts.post import Post, Receipt, Standing
from bot.monitoring.alerts.words import Alert, Message, Occasion, Severity
from bot.monitoring.pulse import Vitals

__all__ = ["AlertOptions", "Alerts", "try_out"]

_log = structlog.get_logger("hedgelock.alerts")

_LOOK_EVERY_S = 1.0
_PATIENCE_S = 10.0
_LEAVE_WITHIN_S = 2.0
_MOST_HEARD = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOptions:
    """`urls` in order: the first is used, the next where that fails; critical messages go to all. None: no alerts leave."""

    urls: tuple[str, ...] = field(default=(), repr=False)
    desk: Options = field(default_factory=Options)


class Alerts:
    """Looks once a second, listens to the journal, sends. `view` and `vitals` must not block."""

    def __init__(
        self, options: AlertOptions, *, view: Callable[[], BotView], vitals: Callable[[], Vitals], rng: Random
    ) -> None:
        self._options = options
        self._view = view
        self._vitals = vitals
        self._desk = Desk(options.desk)
        self._http = channels.client()
        addresses = [urls.parse(url) for url in options.urls]
        self._post = Post([channels.channel_for(address, self._http) for address in addresses], rng=rng)
        self._heard: deque[Alert] = deque(maxlen=_MOST_HEARD)

    def hear(self, record: Record) -> None:
        """Called at every record of the journal, on the engine's own path: it keeps what matters and returns."""
        alert = rules.happened(record)
        if alert is not None:
            self._heard.append(alert)

    async def run(self) -> None:
        """Look and send until cancelled; then what was still heard is sent, within two seconds."""
        try:
            async with asyncio.TaskGroup() as tasks:
                if self._options.urls:
                    tasks.create_task(self._post.run(), name="alerts post")
                await self._look()
        finally:
            await self._leave()

    def document(self) -> dict[str, Any]:
        """What lasts and how the post stands, for the dashboard."""
        post = self._post.standing
        return {
            "channels": list(post.channels),
            "standing": [_shown(alert) for alert in self._desk.standing],
            "delivered": post.delivered,
            "undelivered": post.undelivered,
            "dropped": post.dropped,
            "waiting": post.waiting,
            "errors": dict(post.errors),
        }

    @property
    def standing(self) -> Standing:
        return self._post.standing

    async def _look(self) -> None:
        while True:
            pause_s = _LOOK_EVERY_S
            try:
                self._tell(self._view())
            except Exception:  # noqa: BLE001
                # Whatever is wrong with the picture must not silence the alerts about it, nor stop the house.
                _log.exception("the engine's view could not be watched")
                pause_s = _PATIENCE_S
            await asyncio.sleep(pause_s)

    def _tell(self, view: BotView) -> None:
        now_s, now_ms, head = elapsed_s(), wall_ms(), rules.head(view)
        while self._heard:
            self._send(self._desk.note(self._heard.popleft(), now_s=now_s, wall_ms=now_ms, head=head))
        seen = rules.conditions(view, self._vitals())
        self._send(self._desk.look(seen, now_s=now_s, wall_ms=now_ms, head=head))

    def _send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            _log.info("alert", says=message.subject)
            if self._options.urls:
                self._post.offer(message)

    async def _leave(self) -> None:
        try:
            self._tell(self._view())
            await asyncio.shield(self._post.empty(_LEAVE_WITHIN_S))
        except Exception:  # noqa: BLE001
            _log.exception("the last alerts could not be told")  # the way out stays open
        await self._http.aclose()


async def try_out(options: AlertOptions, *, rng: Random) -> list[Receipt]:
    """Send one test message over every channel; returns what each said."""
    message = Message(
        severity=Severity.CRITICAL,
        occasion=Occasion.ONCE,
        subject="TEST HedgeLock alerts",
        body="This is a test: nothing is wrong. If you read this on every channel, you will hear of what matters.",
    )
    async with channels.client() as http:
        post = Post([channels.channel_for(urls.parse(url), http) for url in options.urls], rng=rng)
        return await post.deliver(message)


def _shown(alert: Alert) -> dict[str, Any]:
    return {
        "kind": alert.kind,
        "severity": alert.severity.name.lower(),
        "title": alert.title,
        "text": alert.text,
        "do": remedies.first(alert.kind),
    }
