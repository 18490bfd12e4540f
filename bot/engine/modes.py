"""Modes: what the engine may do, as a table of permissions, and the one function that says which mode the facts call for.

`shrink` means a reduce-only order that makes |delta| smaller; stale data never forbids that. Everything else that sends is `grow`, but
for the halves of a round trip (`defend`): a breaker that trips in a crash must not keep the loan from being repaid with what the hedge won.
"""

from __future__ import annotations

from typing import NamedTuple

from bot.domain.commands import Mode

__all__ = ["MODES", "Facts", "Permission", "mode_for"]


class Permission(NamedTuple):
    grow: bool
    shrink: bool
    cancel: bool
    decide: bool
    """May it take decisions at all (OBSERVE decides and shows, but sends nothing)?"""
    close: bool = False
    """May it send any reduce-only order, also one that makes |delta| larger? Only an emergency may, and it said so first."""
    defend: bool = False
    """May it defend the loan: pay it down, and make the round trips that bring the cash? They end where they began, with less debt."""


MODES: dict[Mode, Permission] = {
    Mode.STARTING: Permission(grow=False, shrink=False, cancel=True, decide=False),
    Mode.OBSERVE: Permission(grow=False, shrink=False, cancel=True, decide=True),
    Mode.TRADING: Permission(grow=True, shrink=True, cancel=True, decide=True, defend=True),
    Mode.BLIND: Permission(grow=False, shrink=True, cancel=True, decide=True),
    Mode.REDUCING: Permission(grow=False, shrink=True, cancel=True, decide=True, defend=True),
    Mode.EMERGENCY: Permission(grow=False, shrink=True, cancel=True, decide=False, close=True),
    Mode.HALTED: Permission(grow=False, shrink=False, cancel=True, decide=False),
}


class Facts(NamedTuple):
    """What the mode depends on; each text is empty when all is well, else the reason in words, worst first."""

    broken: str
    emergency: str
    halted: str
    not_started: str
    observing: str
    blind: str
    reducing: str


def mode_for(facts: Facts) -> tuple[Mode, str]:
    """The mode that the facts call for, and why. Books that contradict themselves outrank everything; a halt outranks all but an emergency
    that is being carried out; sight outranks the wish to reduce only.
    """
    if not any(facts):
        return Mode.TRADING, "all inputs fresh, books agree"
    for mode, reason in (
        (Mode.HALTED, facts.broken),
        (Mode.EMERGENCY, facts.emergency),
        (Mode.HALTED, facts.halted),
        (Mode.STARTING, facts.not_started),
        (Mode.OBSERVE, facts.observing),
        (Mode.BLIND, facts.blind),
        (Mode.REDUCING, facts.reducing),
    ):
        if reason:
            return mode, reason
    raise AssertionError(facts)  # one of them is not empty
