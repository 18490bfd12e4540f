"""What becomes of each kind of difference between the venue's books and ours: one table, read by the reconciler and by hearing.

A difference is adopted (the venue's word becomes ours), ignored (it is not ours, or proves nothing), or halts the engine until a person
has looked. Every one is told to a person, with the severity of its row.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from bot.domain.account import ExecKind
from bot.domain.commands import Note

__all__ = ["HALTABLE", "OF_KIND", "POLICIES", "Difference", "Policy", "Rule", "name_of", "note_of", "rule_of"]


class Policy(Enum):
    """What becomes of a difference."""

    ADOPT = "adopt"  # the venue's word becomes ours
    IGNORE = "ignore"  # it is not ours, or proves nothing
    HALT = "halt"  # a person must look


class Difference(Enum):
    """In what the venue's books may differ from ours."""

    FIRST_READING = "no books yet"
    STALE_READING = "the reading is older than our books"
    UNEXPLAINED_LEGS = "no execution explains the legs"
    FOREIGN_ORDER = "an order of another hand"
    FOREIGN_TRADE = "a trade of another hand"
    DELEVERAGED = "auto-deleveraging"
    SETTLED = "a delivery, settlement, block trade or move"
    LIQUIDATED = "a liquidation"
    ORDER_NOWHERE = "an order of ours in none of the venue's books"
    MONEY_MOVED = "money moved by another hand"
    WALLET_UNEXPLAINED = "no row of the transaction log explains the wallet"
    FUNDING_UNTOLD = "a settlement that no execution told"
    LOG_UNREAD = "the transaction log cannot be read"
    ROW_UNREAD = "a row of the venue's cannot be read and is left out"


class Rule(NamedTuple):
    policy: Policy
    severity: str


POLICIES: dict[Difference, Rule] = {
    Difference.FIRST_READING: Rule(Policy.ADOPT, "info"),
    Difference.STALE_READING: Rule(Policy.IGNORE, "info"),
    Difference.UNEXPLAINED_LEGS: Rule(Policy.ADOPT, "warning"),
    Difference.FOREIGN_ORDER: Rule(Policy.IGNORE, "info"),
    Difference.FOREIGN_TRADE: Rule(Policy.ADOPT, "warning"),
    Difference.DELEVERAGED: Rule(Policy.ADOPT, "critical"),
    Difference.SETTLED: Rule(Policy.ADOPT, "warning"),
    Difference.LIQUIDATED: Rule(Policy.HALT, "critical"),
    Difference.ORDER_NOWHERE: Rule(Policy.ADOPT, "info"),
    Difference.MONEY_MOVED: Rule(Policy.ADOPT, "info"),
    Difference.WALLET_UNEXPLAINED: Rule(Policy.ADOPT, "warning"),
    Difference.FUNDING_UNTOLD: Rule(Policy.ADOPT, "warning"),
    Difference.LOG_UNREAD: Rule(Policy.IGNORE, "warning"),
    Difference.ROW_UNREAD: Rule(Policy.IGNORE, "warning"),
}

OF_KIND = {
    ExecKind.ADL: Difference.DELEVERAGED,
    ExecKind.BUST: Difference.LIQUIDATED,
    ExecKind.TRADE: Difference.FOREIGN_TRADE,
}
"""Which difference an execution of no order of ours is; every other kind is SETTLED."""


HALTABLE = frozenset(
    {
        "unexplained legs",
        "foreign trade",
        "deleveraged",
        "settled",
        "wallet unexplained",
        "funding untold",
    }
)
"""What a person may have the engine halt on instead of adopting it. The other way is not offered: what halts, halts."""


def rule_of(difference: Difference, halt_on: frozenset[str]) -> Rule:
    """The table's row, or a halt where a person chose so."""
    if name_of(difference) in halt_on & HALTABLE:
        return Rule(Policy.HALT, "critical")
    return POLICIES[difference]


def name_of(difference: Difference) -> str:
    """How notes call it: "foreign trade"."""
    return difference.name.lower().replace("_", " ")


def note_of(difference: Difference, what: str) -> Note:
    """What a person is told of a difference."""
    return Note(
        severity=POLICIES[difference].severity,
        kind=name_of(difference),
        text=f"{difference.value}: {what}",
    )
