"""Everything the journal holds: events, commands and thoughts, each known by the name of its class."""

from __future__ import annotations

from typing import get_args

from bot.domain.commands import Command, Thought
from bot.domain.events import Event

__all__ = ["KINDS", "Record", "kind_of"]

Record = Event | Command | Thought

KINDS: dict[str, type[Record]] = {
    cls.__name__: cls for cls in (*get_args(Event), *get_args(Command), *get_args(Thought))
}
"""Record classes by name; the name is what the journal stores, so a class keeps its name for ever."""


def kind_of(record: Record) -> str:
    """The name under which a record is journalled."""
    return type(record).__name__
