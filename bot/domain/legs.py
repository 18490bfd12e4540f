"""A position is two legs.

Everything about a position is keyed by (symbol, leg). Equal legs are not "no position", the order of rows means nothing, and the net
is never a stand-in for the legs. The table below is the only place that knows how a leg and an act become a Bybit side.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Literal

__all__ = ["Act", "Leg", "LegRow", "Side", "WireSide", "leg_moved_by", "wire_side"]

Side = Literal["Buy", "Sell"]


class Leg(IntEnum):
    """A leg of the hedge; the value is Bybit's positionIdx in hedge mode (Bybit: enum, positionIdx)."""

    LONG = 1
    SHORT = 2


class Act(Enum):
    """What an order does to its leg."""

    GROW = "grow"
    SHRINK = "shrink"


@dataclass(frozen=True, slots=True)
class WireSide:
    """How one act on one leg is said to Bybit."""

    side: Side
    position_idx: int
    reduce_only: bool


_WIRE = {
    (Leg.LONG, Act.GROW): WireSide("Buy", 1, False),
    (Leg.LONG, Act.SHRINK): WireSide("Sell", 1, True),
    (Leg.SHORT, Act.GROW): WireSide("Sell", 2, False),
    (Leg.SHORT, Act.SHRINK): WireSide("Buy", 2, True),
}


def wire_side(leg: Leg, act: Act) -> WireSide:
    """Side, positionIdx and reduceOnly for an act on a leg (Bybit: position, hedge mode)."""
    return _WIRE[leg, act]


def leg_moved_by(side: Side, *, closes: bool) -> tuple[Leg, Act]:
    """Which leg an execution moved, from its side and whether it closed anything (closedSize > 0).

    Bybit's execution rows carry no positionIdx; in hedge mode side and closedSize determine it.
    """
    if side == "Buy":
        return (Leg.SHORT, Act.SHRINK) if closes else (Leg.LONG, Act.GROW)
    return (Leg.LONG, Act.SHRINK) if closes else (Leg.SHORT, Act.GROW)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRow:
    """One leg as the venue reports it. `qty` is never negative; prices are None where the venue says nothing."""

    leg: Leg
    qty: Decimal
    entry_price: Decimal | None = None
    mark_price: Decimal | None = None
    liq_price: Decimal | None = None
    leverage: Decimal | None = None
    unrealised: Decimal | None = None
    maintenance_margin: Decimal | None = None
    adl_rank: int = 0
    seq: int = -1
    updated_ms: int = 0
