"""A journal folded again from its first record, and every decision taken again from its recorded inputs.

Knows the journal's reader and the engine. Two proofs, decision by decision: the strategy answers the recorded inputs as it did then, to the
last bit; and, where no price has been pruned, the folded books give those same inputs. Changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import msgspec

from bot.domain.commands import Decided
from bot.domain.events import Started
from bot.domain.records import Record
from bot.engine import decider
from bot.engine.config import EngineConfig
from bot.engine.engine import Engine
from bot.journal.reader import Entry, JournalReader
from bot.strategy import pipeline
from bot.strategy.decision import Decision, DecisionInputs

__all__ = ["NoDiary", "OtherVersion", "Replayed", "difference", "replay", "retake"]

PRUNED = "records before it were pruned"
OTHER_SETTINGS = "its run had other settings: give them again to fold its books"
OTHER_VERSION = "another version of the strategy wrote it"


class OtherVersion(Exception):
    """The recorded inputs are not those that this strategy reads."""


@dataclass(slots=True)
class Replayed:
    """What a replay found. `unchecked` counts decisions by what could not be proved of them, in words."""

    records: int = 0
    decisions: int = 0
    reproduced: int = 0
    folded: int = 0
    unchecked: Counter[str] = field(default_factory=Counter)
    difference: str = ""

    def document(self) -> dict[str, Any]:
        """For a script."""
        return {
            "records": self.records,
            "decisions": self.decisions,
            "reproduced": self.reproduced,
            "reproduced_from_books": self.folded,
            "unchecked": dict(self.unchecked),
            "difference": self.difference or None,
        }

    def lines(self) -> Iterator[str]:
        """For a person: the verdict first."""
        if self.difference:
            yield self.difference
            yield f"{self.reproduced} decisions before it were reproduced bit for bit"
            return
        retaken = self.decisions - self.unchecked[OTHER_VERSION]
        yield f"{retaken} decisions, all reproduced bit for bit"
        yield f"{self.folded} of them from the folded books as well ({self.records} records)"
        for why, count in self.unchecked.items():
            yield f"{count} not checked {'at all' if why == OTHER_VERSION else 'against the books'}: {why}"


def replay(journal: JournalReader, config: EngineConfig, fingerprint: str) -> Replayed:
    """Fold a journal again; stops at the first difference. `fingerprint` names `config` as runs name theirs in Started."""
    found = Replayed()
    engine = Engine(config, NoDiary())
    doubt, number = "", 0
    for entry in journal.entries():
        if entry.number != number + 1:
            doubt = doubt or PRUNED
        number = entry.number
        if isinstance(entry.record, Started):
            doubt = "" if entry.record.settings_hash == fingerprint else OTHER_SETTINGS
        elif isinstance(entry.record, Decided):
            found.difference = _check(engine, entry, entry.record, doubt, found)
            if found.difference:
                break
        engine.recover(entry.record, entry.at_ms)
        found.records += 1
    return found


def _check(engine: Engine, entry: Entry, decided: Decided, doubt: str, found: Replayed) -> str:
    found.decisions += 1
    try:
        again, inputs, _ = retake(decided)
    except OtherVersion:
        found.unchecked[OTHER_VERSION] += 1
        return ""
    if what := difference(decided, again):
        return f"decision {decided.number} comes out differently: {what}"
    if doubt:
        found.unchecked[doubt] += 1
    else:
        # The policy is a setting, and its patience with prices is scaled by the clock's rate: taken from the record.
        engine.state.config = replace(engine.state.config, policy=inputs.policy)
        folded = decider.flatten(decider.inputs_of(engine.state, entry.at_ms))
        if what := difference(decided, replace(decided, inputs=folded)):
            return f"the books before decision {decided.number} fold differently: {what}"
        found.folded += 1
    found.reproduced += 1
    return ""


def retake(decided: Decided) -> tuple[Decided, DecisionInputs, Decision]:
    """The decision taken again from its recorded inputs, with them and the strategy's whole answer. Raises OtherVersion."""
    try:
        inputs = decider.unflatten(decided.inputs)
    except KeyError as missing:
        raise OtherVersion(f"its inputs lack {missing}") from missing
    if decider.flatten(inputs).keys() != decided.inputs.keys():
        raise OtherVersion("its inputs hold more than this version reads")
    answer = pipeline.decide(inputs)
    step, book = Decimal(str(inputs.instrument.step_btc)), inputs.book
    targets = (
        _same_digits(step * (book.long_steps + answer.long_change_steps), decided.long_target),
        _same_digits(step * (book.short_steps + answer.short_change_steps), decided.short_target),
    )
    again = decider.record_of(inputs, answer, number=decided.number, trigger=decided.trigger, targets=targets)
    return again, inputs, answer


def difference(recorded: Decided, again: Decided) -> str:
    """The first thing in which two decisions differ once they are on disk, with both values; empty: nothing."""
    return next(_unequal(_plain(recorded), _plain(again), ""), "")


def _unequal(before: Any, after: Any, where: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for name in before:
            yield from _unequal(before[name], after[name], f"{where}.{name}" if where else name)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            name = one.get("name", place) if isinstance(one, dict) else place
            yield from _unequal(one, other, f"{where}[{name}]")
    elif repr(before) != repr(after):  # repr tells every bit of a float apart, the sign of zero too
        yield f"{where} was {before!r}, is {after!r}"


def _plain(decided: Decided) -> Any:
    return msgspec.json.decode(msgspec.json.encode(decided))


def _same_digits(computed: Decimal, recorded: Decimal | None) -> Decimal:
    """Equal quantities may be written with more or fewer zeros; only their values count."""
    return recorded if recorded is not None and recorded == computed else computed


class NoDiary:
    """A replay writes nothing."""

    def append(self, record: Record, now_ms: int) -> int:
        raise AssertionError("a replay takes no records in")

    def commit(self) -> None:
        raise AssertionError("a replay takes no records in")
