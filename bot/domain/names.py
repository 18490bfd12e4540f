"""The names our orders bear at the venue: run, number within the run, leg and act, as in `hmek3x9qa51f09c77e-12Sg`.

One place writes them and one reads them, so that an order of another HedgeLock on the same account is known by its name. A run's name
begins with its start in base 36; what follows must make it one that no other run has, on whatever machine (`bot.premises.new_run_name`).
(Bybit: order/create-order, orderLinkId: at most 36 of A-Z, a-z, 0-9, dash and underscore.)
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import NamedTuple

from bot.domain.legs import Act, Leg

__all__ = ["Named", "is_of", "is_strange", "link_id", "parsed", "place_of", "run_name"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PLACE = slice(9, 13)
_LINK = re.compile(r"(h[0-9a-z]{8}[0-9a-f]{6,12})-([1-9][0-9]{0,8})[LS][gs]")


class Named(NamedTuple):
    """What an orderLinkId of ours says: the run, and the how-manieth order of it."""

    run: str
    number: int


def run_name(started_ms: int, tail: str) -> str:
    """The name of a run that began at `started_ms` (2000 to 2059); `tail` is 6 to 12 hexadecimal digits that no other run
    has; the first four name the place it lives in."""
    digits = ""
    while started_ms:
        started_ms, rest = divmod(started_ms, 36)
        digits = _DIGITS[rest] + digits
    return f"h{digits:0>8}{tail}"


def link_id(run: str, number: int, leg: Leg, act: Act) -> str:
    """The orderLinkId of a run's order."""
    return f"{run}-{number}{'L' if leg is Leg.LONG else 'S'}{'g' if act is Act.GROW else 's'}"


def parsed(order_link_id: str) -> Named | None:
    """Whose order it is, if a HedgeLock made it; None for the name of any other hand."""
    match = _LINK.fullmatch(order_link_id)
    return Named(match[1], int(match[2])) if match else None


def is_strange(order_link_id: str, issued: Mapping[str, int]) -> bool:
    """Whether a HedgeLock made the order that is not the one which gave out these numbers, the highest of each of its runs."""
    named = parsed(order_link_id)
    return named is not None and named.number > issued.get(named.run, 0)


def is_of(order_link_id: str, runs: Container[str], place: str) -> bool:
    """Whether one of these runs made the order in that place, on record or not. A copy of the journal elsewhere is another place."""
    named = parsed(order_link_id)
    return named is not None and named.run in runs and place_of(named.run) == place


def place_of(run: str) -> str:
    """The machine and the journal's folder that a run lived in, as four hexadecimal digits of its name."""
    return run[_PLACE]
