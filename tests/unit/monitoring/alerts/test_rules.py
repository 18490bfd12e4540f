"""What is worth a message, and what a message says."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.commands import Mode, Note
from bot.domain.events import FactsLost, Ticked
from bot.domain.view import RungView
from bot.engine.policies import POLICIES
from bot.monitoring.alerts import remedies, rules
from bot.monitoring.alerts.desk import Desk, Options
from bot.monitoring.alerts.words import RUNBOOK, Severity, slug
from bot.monitoring.pulse import Vitals
from tests.build import a_view

D = Decimal
WELL = Vitals(up_s=60.0, loop_lag_ms=1.0, worst_loop_lag_ms=1.0)
ROOT = Path(__file__).resolve().parents[4]


def kinds(view: object, vitals: Vitals = WELL) -> list[tuple[str, Severity]]:
    return [(alert.kind, alert.severity) for alert in rules.conditions(view, vitals)]  # type: ignore[arg-type]


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


RUNGS = [
    # LTV    rung         how bad            where the next begins
    (0.49, "SAFE", None, ""),
    (0.65, "WARNING", Severity.WARNING, "; CRITICAL begins at 75%"),
    (0.64, "WARNING", Severity.WARNING, "; CRITICAL begins at 75%"),  # it is left below where it was entered
    (0.76, "CRITICAL", Severity.CRITICAL, "; EMERGENCY begins at 85%"),
    (0.9, "EMERGENCY", Severity.CRITICAL, ""),
    (None, "WARNING", None, ""),
]


@pytest.mark.parametrize(("ltv", "rung", "severity", "above"), RUNGS)
def test_the_rung_is_the_engines_own(ltv: float | None, rung: str, severity: Severity | None, above: str) -> None:
    """The rung, the number, and where the next one begins: the page, the ladder and the message say the same."""
    view = a_view()
    view = replace(view, loan=replace(view.loan, ltv=ltv, rung=rung))
    found = [alert for alert in rules.conditions(view, WELL) if alert.kind == "ltv"]

    assert severity == next((alert.severity for alert in found), None)
    assert not found or f"LTV is {ltv:.1%}, rung {rung} (from " in found[0].text
    assert not found or found[0].text.endswith(f"%){above}.")


def test_a_ladder_that_was_set_otherwise_is_told_as_it_is_set() -> None:
    """A person who moved WARNING to 55 % is warned at 55 %."""
    view = a_view()
    steps = (RungView("MONITOR", 0.4), RungView("WARNING", 0.55), RungView("CRITICAL", 0.7))
    view = replace(view, loan=replace(view.loan, ltv=0.56, rung="WARNING", ltv_ladder=steps))

    (alert,) = rules.conditions(view, WELL)

    assert "LTV is 56.0%, rung WARNING (from 55%); CRITICAL begins at 70%." == alert.text


@pytest.mark.parametrize(("ltv", "severity"), [(0.6, None), (0.66, Severity.WARNING), (0.9, Severity.CRITICAL)])
def test_a_policy_without_a_ladder_is_no_reason_to_be_silent(ltv: float, severity: Severity | None) -> None:
    """The original acts on nothing at 90 %; a person can."""
    view = a_view()
    view = replace(view, loan=replace(view.loan, ltv=ltv, rung="SAFE", ltv_ladder=()))

    assert severity == next((alert.severity for alert in rules.conditions(view, WELL) if alert.kind == "ltv"), None)


def test_a_message_says_what_how_long_and_what_to_do() -> None:
    """Rung, number, age, runbook, and how the rest stands: enough to act from a phone."""
    view = a_view()
    view = replace(view, loan=replace(view.loan, ltv=0.762, rung="CRITICAL"), book=replace(view.book, delta=None))
    desk = Desk(Options())
    alerts = list(rules.conditions(view, WELL))

    message = desk.look(alerts, now_s=0.0, wall_ms=0, head=rules.head(view))[0]

    assert "CRITICAL HedgeLock LTV 76.2%, rung CRITICAL" == message.subject
    assert "EMERGENCY begins at 85%" in message.body
    assert "For 0 s now." in message.body
    assert "delta unknown" in message.body
    assert "Add collateral or repay before the next rung." in message.body
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


def test_what_lasts_has_a_first_step() -> None:
    """Whoever is woken reads what to do in the message itself; and no advice is for a kind that is never sent."""
    text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    chapters = {line.removeprefix("### ").strip() for line in text.splitlines() if line.startswith("### ")}
    lasting = set(rules.KINDS) - {"facts-lost", "started", "test"}

    assert lasting <= set(remedies.FIRST) <= chapters
