"""Diaries of differences: what is adopted is told in figures, what a person wants to see first halts, and a resume begins anew."""

from __future__ import annotations

import pytest

from bot.domain.commands import Mode, Note
from bot.domain.events import Verb
from bot.domain.legs import Leg
from bot.engine.policies import HALTABLE, POLICIES, Difference, Policy, name_of, rule_of
from tests.scenarios.desk import Desk


def told(desk: Desk, kind: str) -> list[str]:
    return [note.text for note in desk.world.diary.of(Note) if note.kind == kind]


def test_every_difference_has_a_rule_and_only_safe_ones_can_be_changed() -> None:
    """A halt cannot be configured away, and nothing can be made to be ignored."""
    assert set(Difference) == set(POLICIES)
    assert {name_of(d) for d in Difference} >= HALTABLE
    for difference in Difference:
        rule = rule_of(difference, HALTABLE)
        assert rule.policy is (Policy.HALT if name_of(difference) in HALTABLE else POLICIES[difference].policy)
    assert Policy.HALT is rule_of(Difference.LIQUIDATED, frozenset()).policy


def test_adopted_legs_are_told_with_the_figures_of_both_books(desk: Desk) -> None:
    """The report says what the venue holds and what our books said before: a person can check it against the exchange."""
    desk.given()
    desk.venue.moves_a_leg_unseen(Leg.LONG, "0.1")
    desk.pass_time(minutes=3)

    (text,) = told(desk, "unexplained legs")
    assert "the venue holds long 0.151 / short 0.321, our books said long 0.051 / short 0.321" in text


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        ("foreign trade", lambda desk: desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")),
        ("deleveraged", lambda desk: desk.venue.deleverages(Leg.SHORT, "0.05")),
        ("unexplained legs", lambda desk: desk.venue.moves_a_leg_unseen(Leg.LONG, "0.1")),
        ("wallet unexplained", lambda desk: desk.venue.moves_money_unseen("USDT", "-250")),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_person_wants_to_see_it_first(desk: Desk, name: str, deed: object) -> None:
    """It halts, says why, stays halted over a restart, and begins anew from the venue's books when a person resumes."""
    desk.given(halt_on=frozenset({name}))
    desk.world.expects_broken = desk.world.expects_adoption = True
    deed(desk)  # type: ignore[operator]
    desk.pass_time(minutes=2)
    desk.expect(mode=Mode.HALTED, books_agree=False)
    (why,) = told(desk, "books broken")
    assert "believed" not in why, "nothing is taken over until a person has looked"

    desk.kill()
    desk.pass_time(minutes=2)
    desk.expect(mode=Mode.HALTED, books_agree=False)

    desk.operator(Verb.RESUME)
    desk.pass_time(minutes=3)
    desk.expect(mode=Mode.TRADING, hedged=True)
    assert 1 == len(told(desk, "books broken"))
