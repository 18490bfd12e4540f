"""A hedge in motion, what its orders have traded, and what is remembered of the last ones. Knows no account."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from bot.domain.account import Execution
from bot.domain.legs import Leg
from bot.domain.money import ZERO
from bot.engine.config import Style

__all__ = ["MOST_HEDGES", "Hedge", "Tally", "Tried"]

MOST_HEDGES = 5
"""Hedges within `throttle.WATCHED_MS` that traded and left the gap as large as it was: a loop, not a market."""


@dataclass(slots=True)
class Tally:
    """What the orders of a hedge have traded so far, and how it compares with the mid when the first was made."""

    mid: Decimal | None = None
    filled: Decimal = ZERO
    made: Decimal = ZERO
    fees: Decimal = ZERO
    worse: Decimal = ZERO
    """USDT paid above (or received below) the mid."""

    def add(self, execution: Execution) -> None:
        self.filled += execution.qty
        self.fees += execution.fee
        self.made += execution.qty if execution.is_maker else ZERO
        if self.mid is not None:
            sign = 1 if execution.side == "Buy" else -1
            self.worse += sign * (execution.price - self.mid) * execution.qty

    @property
    def slippage_bp(self) -> float | None:
        """Basis points of the mid, > 0 was worse; None while nothing traded or no mid is known."""
        if self.mid is None or not self.filled:
            return None
        return round(float(self.worse / (self.mid * self.filled)) * 10_000, 3)

    @property
    def maker_share(self) -> float | None:
        return round(float(self.made / self.filled), 4) if self.filled else None


@dataclass(slots=True)
class Hedge:
    """The hedge in motion: absolute leg targets, so that doing it twice is doing it once."""

    decision: int
    targets: dict[Leg, Decimal]
    first_leg: Leg | None
    spot: Decimal
    started_ms: int
    gap: Decimal = ZERO
    """|target delta - delta| when it began, in BTC."""
    price: float = math.nan
    """What it was decided at."""
    has_filled: bool = False
    refusals: int = 0
    """Orders in a row that the venue turned down."""
    attempts: int = 0
    last_order_ms: int = 0
    spoiled: str = ""
    """Why its targets no longer mean what they meant."""
    style: Style = Style.IOC
    home: dict[Leg, Decimal] | None = None
    """A round trip: where the legs go once the targets are reached."""
    is_for_profit: bool = False
    returns: bool = False
    """It is a round trip, on either half: its last targets are the legs it began with."""
    tally: Tally = field(default_factory=Tally)


class Tried(NamedTuple):
    """A hedge that traded: when it began, how large the gap was then, and the price it was decided at (NaN: unknown)."""

    began_ms: int
    gap: Decimal
    price: float
