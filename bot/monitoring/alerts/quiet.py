"""The hours in which only what is critical may wake a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

__all__ = ["QuietHours"]


class QuietHours(NamedTuple):
    """From `start` to `end`, minutes of the local day in `zone`; over midnight where start is later than end."""

    start: int
    end: int
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str, zone: str) -> QuietHours:
        """ "22:00-07:00" in a zone of the IANA database. Raises ValueError."""
        try:
            start, end = (datetime.strptime(part.strip(), "%H:%M").replace(tzinfo=UTC) for part in text.split("-"))
        except ValueError:
            raise ValueError("is not of the form 22:00-07:00") from None
        try:
            place = ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{zone} is not a time zone like Europe/Zurich") from None
        return cls(start.hour * 60 + start.minute, end.hour * 60 + end.minute, place)

    def holds(self, wall_ms: int) -> bool:
        """Whether it is quiet at this wall time, UTC milliseconds."""
        local = datetime.fromtimestamp(wall_ms / 1000, self.zone)
        minute = local.hour * 60 + local.minute
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end
