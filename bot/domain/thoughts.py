"""Further records of the engine's own thinking: emergencies and breakers. `domain.commands.Thought` is the whole vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BreakerMoved", "EmergencyEnded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyEnded:
    """An emergency verb (its name) is carried out, or given up because another hand took over. The halt that came with it stays."""

    verb: str
    done: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerMoved:
    """A breaker tripped, or was reset. While one is tripped no leg grows."""

    name: str
    tripped: bool
    reason: str
