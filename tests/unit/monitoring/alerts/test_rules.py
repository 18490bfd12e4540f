"""What is worth a message, and what a message says."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.commands import Mode, Note
from bot.domain.events import FactsLost, Ticked
from bot.engine.policies import POLICIES
from bot.monitoring.alerts import rules
from bot.monitoring.alerts.desk import Desk, Options
from bot.monitoring.alerts.rules import Thresholds
from bot.monitoring.alerts.words import RUNBOOK, Severity, slug
from bot.monitoring.pulse import Vitals
from bot.settings import load
from bot.wiring import alert_options
from tests.build import a_view

D = Decimal
WELL = Vitals(up_s=60.0, loop_lag_ms=1.0, worst_loop_lag_ms=1.0)
ROOT = Path(__file__).resolve().parents[4]


def kinds(view: object, vitals: Vitals = WELL) -> list[tuple[str, Severity]]:
    return [(alert.kind, alert.severity) for alert in rules.conditions(view, vitals, Thresholds())]  # type: ignore[arg-type]


def test_an_ordinary_day_raises_nothing_that_is_sent() -> None:
    """The start of the loan is on the first rung, which is only information."""
    assert [("ltv", Severity.INFO)] == kinds(a_view())


MODES = [
    (Mode.HALTED, ("halted", Severity.CRITICAL)),
    (Mode.BLIND, ("blind", Severity.WARNING)),
    (Mode.REDUCING, ("reducing", Severity.WARNING)),
    (Mode.OBSERVE, ("observing", Severity.WARNING)),
    (Mode.STARTING, ("not-started", Severity.CRITICAL)),
]


@pytest.mark.parametrize(("mode", "wanted"), MODES, ids=[mode.value for mode, _ in MODES])
def test_every_mode_that_does_not_hedge_is_loud(mode: Mode, wanted: tuple[str, Severity]) -> None:
    """Degraded is loud: no state that blocks hedging lasts in silence."""
    assert wanted in kinds(a_view(mode=mode, why="because"))


LTVS = [
    (0.49, None),
    (0.65, ("WARNING", Severity.WARNING)),
    (0.76, ("CRITICAL", Severity.CRITICAL)),
    (0.9, ("EMERGENCY", Severity.CRITICAL)),
]


@pytest.mark.parametrize(("ltv", "wanted"), LTVS)
def test_the_rung_is_named(ltv: float, wanted: tuple[str, Severity] | None) -> None:
    """The rung, the number, and where the next one begins."""
    view = a_view()
    view = replace(view, loan=replace(view.loan, ltv=ltv))
    found = [alert for alert in rules.conditions(view, WELL, Thresholds()) if alert.kind == "ltv"]

    assert wanted == (next(((a.title.rpartition("rung ")[2], a.severity) for a in found), None))
    assert not found or f"{ltv:.1%}" in found[0].text


def test_the_rungs_are_where_the_settings_put_them() -> None:
    """A ladder that begins earlier is told of earlier: messages never speak of rungs that are not the settings'."""
    settings = load(environ={"HEDGELOCK__LOAN__LTV_WARNING": "0.51"}, env_file=None).settings
    view = a_view()
    (alert,) = [a for a in rules.conditions(view, WELL, alert_options(settings).thresholds) if a.kind == "ltv"]

    assert ("LTV 51.7%, rung WARNING", Severity.WARNING) == (alert.title, alert.severity)
    assert "CRITICAL begins at 75%" in alert.text


def test_a_message_says_what_how_long_and_what_to_do() -> None:
    """Rung, number, age, runbook, and how the rest stands: enough to act from a phone."""
    view = a_view()
    view = replace(view, loan=replace(view.loan, ltv=0.762), book=replace(view.book, delta=None))
    desk = Desk(Options())
    alerts = list(rules.conditions(view, WELL, Thresholds()))

    message = desk.look(alerts, now_s=0.0, wall_ms=0, head=rules.head(view))[0]

    assert "CRITICAL HedgeLock LTV 76.2%, rung CRITICAL" == message.subject
    assert "EMERGENCY begins at 85%" in message.body
    assert "For 0 s now." in message.body
    assert "delta unknown" in message.body
    assert f"{RUNBOOK}#ltv" in message.body


def test_a_gap_that_nobody_closes_is_told() -> None:
    """Outside the band, trading, and no hedge in motion."""
    view = a_view()
    view = replace(view, target=replace(view.target, gap=D("-0.02")))

    assert ("off-target", Severity.WARNING) in kinds(view)


def test_a_process_that_is_held_up_is_told() -> None:
    """A loop a second late misses every deadline of the venue."""
    assert ("loop-lag", Severity.WARNING) in kinds(a_view(), Vitals(up_s=1.0, loop_lag_ms=2_000.0))


def test_the_engines_notes_are_heard_and_its_pulse_is_not() -> None:
    """A note brings its own kind; the bulk is silence."""
    note = rules.happened(Note(severity="critical", kind="journal unwritable", text="disk full"))

    assert note is not None
    assert ("journal-unwritable", Severity.CRITICAL) == (note.kind, note.severity)
    assert rules.happened(FactsLost(count=0)) is None
    assert rules.happened(Ticked()) is None


def test_every_kind_has_a_chapter() -> None:
    """A message that names a runbook without that page is worse than none."""
    text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    chapters = {line.removeprefix("### ").strip() for line in text.splitlines() if line.startswith("### ")}
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot" / "engine").rglob("*.py"))
    notes = {slug(kind) for kind in re.findall(r'kind="([a-z ]+)"', source)}
    notes |= {
        slug(difference.name.replace("_", " ")) for difference, rule in POLICIES.items() if rule.severity != "info"
    }

    missing = (set(rules.KINDS) | notes) - chapters
    assert not missing, f"write a chapter '### kind' in {RUNBOOK} for {sorted(missing)}: what it means and what to do"
