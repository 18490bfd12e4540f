"""When a message leaves: raised, worse, reminded, recovered, and quiet at night. Times are the test's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from bot.monitoring.alerts.desk import Desk, Options
from bot.monitoring.alerts.quiet import QuietHours
from bot.monitoring.alerts.words import Alert, Message, Severity

MIDNIGHT_MS = 1_760_000_000_000 // 86_400_000 * 86_400_000
NOON_MS = MIDNIGHT_MS + 12 * 3_600_000
BLIND = Alert(
    kind="blind", severity=Severity.WARNING, title="blind", text="stream down", after_s=15.0, critical_after_s=120.0
)
HALTED = Alert(kind="halted", severity=Severity.CRITICAL, title="halted", text="a person said so")


def look(desk: Desk, now_s: float, *seen: Alert, wall_ms: int = NOON_MS) -> list[str]:
    return subjects(desk.look(seen, now_s=now_s, wall_ms=wall_ms, head="paper TRADING"))


def subjects(messages: Iterable[Message]) -> list[str]:
    return [message.subject for message in messages]


def watch(desk: Desk, begin_s: int, end_s: int, *seen: Alert, wall_ms: int = NOON_MS) -> list[str]:
    return [subject for now_s in range(begin_s, end_s) for subject in look(desk, now_s, *seen, wall_ms=wall_ms)]


def test_a_blink_is_no_alert() -> None:
    """A stream that is back within its patience wakes nobody."""
    desk = Desk(Options())

    assert [] == watch(desk, 0, 15, BLIND) + watch(desk, 15, 60)


def test_it_is_raised_once_then_worse_then_over() -> None:
    """Fifteen seconds make it worth a word, two minutes a loud one; the end is told too."""
    desk = Desk(Options())

    said = watch(desk, 0, 200, BLIND) + watch(desk, 200, 230)

    assert ["WARNING HedgeLock blind", "CRITICAL HedgeLock worse: blind", "RECOVERED HedgeLock over: blind"] == said


def test_what_flaps_is_one_alert() -> None:
    """On and off every few seconds is one trouble, not ten."""
    desk = Desk(Options())

    said = [s for now_s in range(0, 110) for s in look(desk, now_s, *([BLIND] if now_s % 7 < 3 else []))]

    assert ["WARNING HedgeLock blind"] == said


def test_what_is_over_is_not_shown_while_it_is_waited_for() -> None:
    """After a resume, TRADING stood beside "critical: halted" for ten seconds; that it is over is told once it has settled all the same."""
    desk = Desk(Options())
    look(desk, 0, HALTED)
    assert (HALTED,) == desk.standing

    assert [] == look(desk, 1)
    assert () == desk.standing

    assert [] == look(desk, 2, HALTED)
    assert (HALTED,) == desk.standing

    assert ["RECOVERED HedgeLock over: halted"] == watch(desk, 3, 20)


def test_what_lasts_is_told_again() -> None:
    """An alert that was read in half sleep is read again."""
    desk = Desk(Options(remind_every_s=100))

    said = watch(desk, 0, 250, HALTED)

    assert ["CRITICAL HedgeLock halted", *["CRITICAL HedgeLock still: halted"] * 2] == said


def test_what_is_less_than_asked_for_is_silent() -> None:
    """`least` is a floor, and what grows past it is heard."""
    desk = Desk(Options(least=Severity.CRITICAL))

    assert ["CRITICAL HedgeLock blind"] == watch(desk, 0, 130, BLIND)


def test_a_note_repeated_is_counted_not_sent() -> None:
    """The same word a hundred times is one message, and later the number."""
    desk = Desk(Options(repeat_s=100))
    note = replace(HALTED, kind="books-broken", title="books broken")

    first = [s for now_s in range(0, 50) for s in subjects(desk.note(note, now_s=now_s, wall_ms=NOON_MS, head=""))]
    later = desk.note(note, now_s=150, wall_ms=NOON_MS, head="")

    assert ["CRITICAL HedgeLock books broken"] == first
    assert "It happened 49 more times" in later[0].body


NIGHT = QuietHours.parse("22:00-07:00", "UTC")


def test_quiet_hours_hold_back_what_can_wait() -> None:
    """Nothing wakes but what is critical; in the morning the rest is one message."""
    desk = Desk(Options(quiet=NIGHT))

    night = watch(desk, 0, 60, BLIND, wall_ms=MIDNIGHT_MS) + watch(desk, 60, 90, wall_ms=MIDNIGHT_MS)
    morning = desk.look([], now_s=91, wall_ms=NOON_MS, head="")

    assert [] == night
    assert "2 messages were held" in morning[0].subject
    assert "RECOVERED HedgeLock over: blind" in morning[0].body


def test_quiet_hours_never_silence_what_is_critical() -> None:
    """Nor its recovery: who was woken may sleep again."""
    desk = Desk(Options(quiet=NIGHT))

    said = watch(desk, 0, 5, HALTED, wall_ms=MIDNIGHT_MS) + watch(desk, 5, 30, wall_ms=MIDNIGHT_MS)

    assert ["CRITICAL HedgeLock halted", "RECOVERED HedgeLock over: halted"] == said


HOURS = [
    ("over midnight, at midnight", "22:00-07:00", 0, True),
    ("over midnight, at noon", "22:00-07:00", 12, False),
    ("over midnight, at its end", "22:00-07:00", 7, False),
    ("by day, inside", "09:00-17:00", 12, True),
    ("by day, outside", "09:00-17:00", 18, False),
]


@pytest.mark.parametrize(("name", "hours", "hour", "wanted"), HOURS, ids=[case[0] for case in HOURS])
def test_quiet_hours(name: str, hours: str, hour: int, wanted: bool) -> None:
    """From the first minute to before the last."""
    assert wanted == QuietHours.parse(hours, "UTC").holds(MIDNIGHT_MS + hour * 3_600_000)


def test_quiet_hours_are_local() -> None:
    """Midnight in UTC is the middle of the morning in Tokyo."""
    assert not QuietHours(22 * 60, 7 * 60, ZoneInfo("Asia/Tokyo")).holds(MIDNIGHT_MS)


@pytest.mark.parametrize("text", ["22-7", "25:00-07:00", "late"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    """At start, not at night."""
    with pytest.raises(ValueError, match="22:00-07:00"):
        QuietHours.parse(text, "UTC")


RUNGS = {
    "monitor": Alert(kind="ltv", severity=Severity.INFO, title="LTV 60%, rung MONITOR", text="t"),
    "warning": Alert(kind="ltv", severity=Severity.WARNING, title="LTV 66%, rung WARNING", text="t"),
    "critical": Alert(kind="ltv", severity=Severity.CRITICAL, title="LTV 76%, rung CRITICAL", text="t"),
}


def test_a_ladder_is_told_up_and_down_and_up_again() -> None:
    """Critical, eased to a warning, critical again: the second climb is as loud as the first."""
    desk = Desk(Options())
    steps = ("critical", "warning", "critical", "monitor")

    said = [s for n, step in enumerate(steps) for s in watch(desk, n * 100, n * 100 + 100, RUNGS[step])]

    assert [
        "CRITICAL HedgeLock LTV 76%, rung CRITICAL",
        "WARNING HedgeLock better: LTV 66%, rung WARNING",
        "CRITICAL HedgeLock worse: LTV 76%, rung CRITICAL",
        "RECOVERED HedgeLock over: LTV 76%, rung CRITICAL",
    ] == said
    assert () == desk.standing


def test_a_figure_that_trembles_at_a_step_is_told_once() -> None:
    """Eased is what has stayed so; and that the worst is over is told at night, where the worst was."""
    desk = Desk(Options(quiet=QuietHours.parse("22:00-07:00", "UTC")))

    trembling = [
        s for n in range(60) for s in look(desk, n, RUNGS["warning" if n % 7 else "critical"], wall_ms=MIDNIGHT_MS)
    ]
    calmer = watch(desk, 60, 80, RUNGS["warning"], wall_ms=MIDNIGHT_MS)

    assert ["CRITICAL HedgeLock LTV 76%, rung CRITICAL"] == trembling
    assert ["WARNING HedgeLock better: LTV 66%, rung WARNING"] == calmer


def test_what_is_over_asks_for_nothing() -> None:
    """The first step stands in every message but the last."""
    desk = Desk(Options())
    raised = desk.look([HALTED], now_s=0.0, wall_ms=NOON_MS, head="paper HALTED")
    over = desk.look([], now_s=60.0, wall_ms=NOON_MS, head="paper TRADING")

    assert "then resume, with a reason." in raised[0].body
    assert "It was: a person said so\nIt lasted 0 s.\npaper TRADING" == over[0].body
