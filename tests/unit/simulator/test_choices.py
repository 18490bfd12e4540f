"""The register of choices and the page that shows it say what the code does."""

from __future__ import annotations

from dataclasses import fields

from bot.simulator.catalogue import CATALOGUE
from bot.simulator.choices import SILENT, FaceChoices
from bot.simulator.rules import VenueRules
from scripts.simulator_docs import PAGE, page

FACE = {each.name for each in fields(FaceChoices)}
VENUE = {each.name for each in fields(VenueRules)}


def test_every_switch_is_there() -> None:
    """A field of the face or the venue, or a fault of the catalogue; and no point is there twice."""
    named = [switch for silent in SILENT for switch in silent.switches]

    assert {name for name in named if not name.startswith("fault ")} <= FACE | VENUE
    assert {name.removeprefix("fault ") for name in named if name.startswith("fault ")} <= set(CATALOGUE)
    assert len({silent.point for silent in SILENT}) == len(SILENT)


def test_every_choice_of_the_face_belongs_to_a_point() -> None:
    """No switch hides outside the register."""
    assert FACE - {switch for silent in SILENT for switch in silent.switches} == set()


def test_the_page_shows_them() -> None:
    """Faults, plans and choices in docs/simulator.md; `python -m scripts.simulator_docs` writes them anew."""
    text = PAGE.read_text(encoding="utf-8")

    assert text == page(text)
