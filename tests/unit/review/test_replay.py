"""A decision taken again is the same decision, and the books that led to it fold the same way."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.journal.reader import open_journal
from bot.review.replay import OTHER_SETTINGS, OTHER_VERSION, PRUNED, Replayed, replay
from tests.unit.engine.desk import NOW_MS
from tests.unit.journal.told import CONFIG, FINGERPRINT, a_days_desk, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite"
    write(path, a_days_desk()).close()
    return path


def replayed(path: Path, fingerprint: str = FINGERPRINT) -> Replayed:
    with open_journal(path) as journal:
        return replay(journal, CONFIG, fingerprint)


def edit(path: Path, kind: str, change: Callable[[dict[str, Any]], None], nth: int = 0) -> None:
    """Change the nth record of a kind, as no program of ours would."""
    with sqlite3.connect(path) as database:
        number, body = database.execute(
            "SELECT number, body FROM record WHERE kind = ? ORDER BY number LIMIT 1 OFFSET ?", (kind, nth)
        ).fetchone()
        facts = json.loads(body)
        change(facts)
        database.execute("UPDATE record SET body = ? WHERE number = ?", (json.dumps(facts).encode(), number))


def test_a_day_is_taken_again_bit_for_bit(path: Path) -> None:
    """Every decision from its inputs, and its inputs from the books."""
    found = replayed(path)

    assert (5, 5, 5, "") == (found.decisions, found.reproduced, found.folded, found.difference)
    assert "5 decisions, all reproduced bit for bit" == next(found.lines())


def test_the_last_bit_of_an_input_is_seen(path: Path) -> None:
    """0.27 and its neighbour are different books."""

    def one_bit(decided: dict[str, Any]) -> None:
        decided["inputs"]["market.sigma_24h"] = float.fromhex("0x1.a9fbe76c8b43ap-6")

    edit(path, "Decided", one_bit, nth=2)
    found = replayed(path)

    assert found.difference.startswith(
        "the books before decision 3 fold differently: inputs.market.sigma_24h was 0.026"
    )
    assert 2 == found.reproduced


CHANGES = [
    ("outcome", lambda d: d.update(outcome="refuse"), "outcome was 'refuse', is 'hold'"),
    ("stage", lambda d: d["stages"][1].update(value=0.6), "stages[volatility].value was 0.6, is 0.4"),
    ("memory", lambda d: d["memory"].update(vol_level=2.0), "memory.vol_level was 2.0, is 1.0"),
    ("gap", lambda d: d.update(gap="0.1"), "gap was '0.1', is '0'"),
]


@pytest.mark.parametrize(("name", "change", "said"), CHANGES, ids=[name for name, _, _ in CHANGES])
def test_the_first_difference_is_told_with_both_values(
    path: Path, name: str, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    """What was written, and what the same inputs give now."""
    edit(path, "Decided", change, nth=2)

    assert f"decision 3 comes out differently: {said}" == replayed(path).difference


def test_a_leg_target_that_was_tampered_with_is_found(path: Path) -> None:
    """The order that followed worked towards it."""
    edit(path, "Decided", lambda d: d.update(short_target="0.322"))

    assert "decision 1 comes out differently: short_target was '0.322', is '0.321'" == replayed(path).difference


def test_a_fill_that_went_missing_is_found_in_the_books(path: Path) -> None:
    """The strategy is innocent: the books do not lead to its inputs any more."""
    edit(path, "ExecutionSeen", lambda seen: seen["execution"].update(qty="0.161"))

    assert "the books before decision 2 fold differently: inputs.book.long_steps was 51.0, is 52.0" == (
        replayed(path).difference
    )


def test_a_pruned_journal_is_replayed_as_far_as_it_goes(path: Path) -> None:
    """Without the old prices the inputs cannot be folded, but each decision still follows from those recorded."""
    journal = write(path.with_name("pruned.sqlite"), a_days_desk())
    while journal.prune(before_ms=NOW_MS + 3_000_000):
        pass
    journal.close()

    found = replayed(journal.path)

    assert (5, 5, "") == (found.decisions, found.reproduced, found.difference)
    assert {PRUNED: 5} == found.unchecked
    assert f"5 not checked against the books: {PRUNED}" in list(found.lines())


def test_other_settings_are_no_difference(path: Path) -> None:
    """With another volatility window the books would give another sigma: it says so instead of accusing anybody."""
    found = replayed(path, fingerprint="f2")

    assert (5, 0, {OTHER_SETTINGS: 5}, "") == (found.reproduced, found.folded, found.unchecked, found.difference)


def test_another_versions_decision_is_left_alone(path: Path) -> None:
    """Inputs that this strategy does not have cannot be asked of it."""
    edit(path, "Decided", lambda d: d["inputs"].pop("policy.band_btc"), nth=1)
    edit(path, "Decided", lambda d: d["inputs"].update({"policy.new": 1.0}), nth=2)

    found = replayed(path)

    assert (3, {OTHER_VERSION: 2}, "") == (found.reproduced, found.unchecked, found.difference)
    assert ["3 decisions, all reproduced bit for bit", "3 of them from the folded books as well (66 records)"] == list(
        found.lines()
    )[:2]


def test_unknown_and_endless_figures_survive_the_disk(path: Path) -> None:
    """JSON has no NaN: what was unknown is unknown again, and the answer is the same."""
    desk = a_days_desk(0)
    desk.engine.state.config = replace(CONFIG, policy=CONFIG.policy)
    desk.hear(replace(desk.state.market.ticker, funding_rate=None))
    desk.pulse(3_700, price=None)
    journal = write(path.with_name("unknown.sqlite"), desk)
    journal.close()

    found = replayed(journal.path)

    assert (3, 3, "") == (found.decisions, found.folded, found.difference)
