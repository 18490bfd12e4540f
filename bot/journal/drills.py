"""The drills of the kill switch: one JSON line each in drills.jsonl, written by `scripts/kill_switch.py --drill` beside the latch.

Knows how to find the newest; a file that cannot be read, and a line that is no drill, count as none. A drill is for paper, testnet or demo,
so the real account's daemon looks into the folders of the other modes too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.domain.clock import elapsed_s

__all__ = ["NAME", "Drill", "Drills"]

NAME = "drills.jsonl"
_LOOK_EVERY_S = 30.0
_LAST_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One exercise. `at_ms` is by the wall; the spans are real seconds from the script's birth, None where that was not reached."""

    at_ms: int
    world: str
    verb: str
    done: bool
    flat_s: float | None
    verified_s: float | None


class Drills:
    """The newest drill in any of `folders`, looked for twice a minute at most."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._files = tuple(dict.fromkeys(folder / NAME for folder in folders))
        self._looked_s = float("-inf")
        self._last: Drill | None = None

    def last(self) -> Drill | None:
        """None where none was ever recorded."""
        if elapsed_s() - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s = elapsed_s()
            found = [drill for file in self._files if (drill := _newest(file)) is not None]
            self._last = max(found, key=lambda drill: drill.at_ms, default=None)
        return self._last


def _newest(file: Path) -> Drill | None:
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _LAST_BYTES))
            lines = stream.read().splitlines()
    except OSError:
        return None
    return next((drill for line in reversed(lines) if (drill := _drill(line)) is not None), None)


def _drill(line: bytes) -> Drill | None:
    try:
        told = json.loads(line)
        return Drill(
            at_ms=int(told["at_ms"]),
            world=str(told["world"]),
            verb=str(told["verb"]),
            done=told["exit_code"] == 0,
            flat_s=_seconds(told.get("flat_s")),
            verified_s=_seconds(told.get("verified_s")),
        )
    except (ValueError, TypeError, KeyError):
        return None


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)
