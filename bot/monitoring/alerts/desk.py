"""When a message is sent: raised once, worse at once, better and over when it has settled, reminded while it lasts, quiet at night.

A pure machine: times come in as arguments, messages go out as values. A condition is one alert for as long as it is seen; it is over when
it has not been seen for `settle_s`, so that something that flaps is not ten alerts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.monitoring.alerts import remedies
from bot.monitoring.alerts.quiet import QuietHours
from bot.monitoring.alerts.words import RUNBOOK, Alert, Message, Occasion, Severity

__all__ = ["Desk", "Options", "lasted"]

_REMEMBERED = 500  # one-off notes whose repetition is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Real seconds. `least` is the least severity that is sent; `quiet` None: any time."""

    least: Severity = Severity.WARNING
    remind_every_s: float = 3_600.0
    settle_s: float = 10.0
    repeat_s: float = 600.0
    quiet: QuietHours | None = None


@dataclass(slots=True)
class _Standing:
    alert: Alert
    since_s: float
    seen_s: float
    told: Severity | None = None
    told_s: float = 0.0
    bad_s: float = 0.0
    """When it was last as bad as it was told to be."""


class Desk:
    """Turns sightings into messages. `head` is one line of context that every message carries (world, mode, delta, loan)."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._standing: dict[tuple[str, str], _Standing] = {}
        self._noted: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()  # -> told at, held back since
        self._held: list[str] = []
        self._looked_s = 0.0

    @property
    def standing(self) -> tuple[Alert, ...]:
        """What lasts, worst first: told, and seen at the last look. What is over is not shown while it has yet to settle."""
        told = [one.alert for one in self._standing.values() if one.told is not None and one.seen_s == self._looked_s]
        return tuple(sorted(told, key=lambda alert: -alert.severity))

    def look(self, seen: Iterable[Alert], *, now_s: float, wall_ms: int, head: str) -> list[Message]:
        """Take in every condition that holds now; returns what is to be sent."""
        self._looked_s = now_s
        for alert in seen:
            if alert.severity < self._options.least and alert.critical_after_s is None:
                continue  # a rung that nobody is told of is no reason to call the one above it still standing
            one = self._standing.setdefault(alert.key, _Standing(alert, now_s, now_s))
            one.alert, one.seen_s = alert, now_s
        messages = [message for one in list(self._standing.values()) for message in self._about(one, now_s, head)]
        return [*self._morning(wall_ms, head), *(m for m in messages if self._may_leave(m, wall_ms))]

    def note(self, alert: Alert, *, now_s: float, wall_ms: int, head: str) -> list[Message]:
        """Take in something that happened once; the same again within `repeat_s` is counted, not sent."""
        if alert.severity < self._options.least:
            return []
        told_s, held = self._noted.get(alert.key, (None, 0))
        if told_s is not None and now_s - told_s < self._options.repeat_s:
            self._noted[alert.key] = (told_s, held + 1)
            return []
        self._noted[alert.key] = (now_s, 0)
        self._noted.move_to_end(alert.key)
        while len(self._noted) > _REMEMBERED:
            self._noted.popitem(last=False)
        more = f"It happened {held} more times since it was told last." if held else ""
        message = _message(Occasion.ONCE, alert, alert.severity, head, more)
        return [message] if self._may_leave(message, wall_ms) else []

    def _about(self, one: _Standing, now_s: float, head: str) -> Iterator[Message]:
        options, alert = self._options, one.alert
        if now_s - one.seen_s > options.settle_s:
            del self._standing[alert.key]
            if one.told is not None:
                yield _message(
                    Occasion.RECOVERED, alert, one.told, head, f"It lasted {lasted(one.seen_s - one.since_s)}."
                )
            return
        age_s = now_s - one.since_s
        severity = alert.severity_at(age_s)
        if severity < options.least or age_s < alert.after_s or one.seen_s != now_s:
            return
        since = f"For {lasted(age_s)} now."
        if one.told is None or severity >= one.told:
            one.bad_s = now_s
        if one.told is None:
            yield _message(Occasion.RAISED, alert, severity, head, since)
        elif severity > one.told:
            yield _message(Occasion.WORSE, alert, severity, head, since)
        elif now_s - one.bad_s > options.settle_s:
            yield _message(Occasion.EASED, alert, severity, head, since, counts_as=one.told)
        elif now_s - one.told_s >= options.remind_every_s:
            yield _message(Occasion.REMINDER, alert, severity, head, since)
        else:
            return
        one.told, one.told_s = severity, now_s

    def _may_leave(self, message: Message, wall_ms: int) -> bool:
        """Critical: always, and its recovery with it. The rest waits for the morning while it is quiet."""
        quiet = self._options.quiet
        if message.severity is Severity.CRITICAL or quiet is None or not quiet.holds(wall_ms):
            return True
        if message.occasion is not Occasion.REMINDER:
            self._held.append(message.subject)
            del self._held[:-50]
        return False

    def _morning(self, wall_ms: int, head: str) -> Iterator[Message]:
        quiet = self._options.quiet
        if not self._held or quiet is None or quiet.holds(wall_ms):
            return
        lines, self._held = self._held, []
        yield Message(
            severity=Severity.WARNING,
            occasion=Occasion.ONCE,
            subject=f"HedgeLock: {len(lines)} messages were held in the quiet hours",
            body="\n".join([*(f"- {line}" for line in lines[-20:]), "", head]),
        )


def lasted(seconds: float) -> str:
    """A span as people say it: 40 s, 12 min, 3 h 5 min."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7_200:
        return f"{whole // 60} min"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"


_WORDS = {
    Occasion.WORSE: "worse: ",
    Occasion.EASED: "better: ",
    Occasion.REMINDER: "still: ",
    Occasion.RECOVERED: "over: ",
}


def _message(
    occasion: Occasion, alert: Alert, severity: Severity, head: str, since: str, *, counts_as: Severity | None = None
) -> Message:
    """`counts_as`: that the worst is over is told wherever the worst was told, at night too."""
    is_over = occasion is Occasion.RECOVERED
    mark = "RECOVERED" if is_over else severity.name
    advice = [] if is_over else [remedies.first(alert.kind), f"What to do: {RUNBOOK}#{alert.kind}"]
    lines = ["It was: " + alert.text if is_over else alert.text, since, *advice, head]
    return Message(
        severity=severity if counts_as is None else counts_as,
        occasion=occasion,
        subject=f"{mark} HedgeLock {_WORDS.get(occasion, '')}{alert.title}",
        body="\n".join(line for line in lines if line),
    )
