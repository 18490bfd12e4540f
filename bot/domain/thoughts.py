"""Further records of the engine's own thinking: emergencies and breakers. `domain.commands.Thought` is the whole vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["BreakerMoved", "EmergencyEnded", "Measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyEnded:
    """An emergency verb (its name) is carried out, or given up because another hand took over. The halt that came with it stays."""

    verb: str
    done: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the breakers measure losses from, from now on: a day began, equity is higher than ever, or money came or went that was neither
    won nor lost. Readings are not kept for ever; this is, so a restart forgets no loss. USD; funding in USDT; `day` in UTC days since 1970.
    """

    day: int
    equity_at_dawn: Decimal
    equity_peak: Decimal
    funding_at_dawn: Decimal
    principal: Decimal
    pledged: Decimal
    """A Crypto Loan's debt without interest, USDT, and its collateral, BTC, as far as equity counted them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerMoved:
    """A breaker tripped, or was reset. While one is tripped no leg grows."""

    name: str
    tripped: bool
    reason: str
