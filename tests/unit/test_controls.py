"""The pages about controls and emergencies: every test they name is there, every breaker and emergency has its words."""

from __future__ import annotations

import re
from pathlib import Path

from bot.engine.breakers import BREAKERS
from scripts import traceability

ROOT = Path(__file__).resolve().parents[2]


def test_every_control_names_a_test_that_exists() -> None:
    """The seventeen of the rules, each once, and ours besides; a control without a test is a promise."""
    rules, ours = (ROOT / "docs/controls.md").read_text(encoding="utf-8").split("## And besides")
    rows = {part: [line for line in part.splitlines() if line.endswith("` |")] for part in (rules, ours)}
    named = [re.findall(r"`tests/([^`]+)`", row) for part in rows.values() for row in part]

    assert (17, 5) == (len(rows[rules]), len(rows[ours]))
    assert len({row.split("|")[1] for part in rows.values() for row in part}) == len(named)
    assert all(named), rows
    stories = set(traceability.stories())
    assert [] == [name for names in named for name in names if name not in stories]


def test_every_breaker_is_a_setting_and_has_its_page() -> None:
    """A person who is told of it finds what to do."""
    settings = (ROOT / "config/README.md").read_text(encoding="utf-8")

    for breaker in BREAKERS:
        assert f"HEDGELOCK__BREAKERS__{breaker.name.replace(' ', '_').upper()}" in settings
    assert "### breaker-tripped" in (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
