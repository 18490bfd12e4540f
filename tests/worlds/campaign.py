"""A campaign: many worlds on every core, counted; and one world told to a person."""

from __future__ import annotations

import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context

from bot.domain.clock import elapsed_s
from bot.engine.config import EngineConfig
from bot.engine.engine import Engine
from tests.worlds.checkers import Violation
from tests.worlds.diary import WorldDiary
from tests.worlds.world import World

__all__ = ["Campaign", "Outcome", "live", "run"]

Build = Callable[[EngineConfig, WorldDiary], Engine]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one world. `broken` is "" when every invariant held."""

    seed: int
    invariant: str
    broken: str
    marks: Counter[str]
    simulated_ms: int
    table: tuple[tuple[str, str, str], ...] = ()

    def told(self) -> str:
        """One line that replays it, then the last records."""
        rows = "\n".join(f"  {at:>10}  {kind:<16} {what}" for at, kind, what in self.table)
        return f"seed {self.seed} {self.broken}   →   python scripts/replay.py --seed {self.seed}\n{rows}"


@dataclass(slots=True)
class Campaign:
    """The sum of many outcomes."""

    worlds: int = 0
    simulated_ms: int = 0
    took_s: float = 0.0
    marks: Counter[str] = field(default_factory=Counter)
    broken: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.worlds += 1
        self.simulated_ms += outcome.simulated_ms
        self.marks.update(outcome.marks)
        if outcome.broken:
            self.broken.append(outcome)

    def told(self) -> str:
        """How much was lived, and how fast."""
        hours = self.simulated_ms / 3_600_000
        return f"{self.worlds} worlds, {hours:.0f} simulated hours, {self.worlds / self.took_s:.1f} worlds a second"


def live(seed: int, build: Build = Engine) -> Outcome:
    """Live one world to its end, or to its first broken invariant."""
    world = World(seed, build=build)
    invariant = broken = ""
    try:
        world.run()
    except Violation as violation:
        invariant, broken = violation.invariant, str(violation)
    except Exception as error:  # noqa: BLE001  (whatever a world dies of, its seed must be told)
        invariant = f"{type(error).__name__}"
        broken = f"died of {invariant}: {error}\n{''.join(traceback.format_tb(error.__traceback__)[-6:])}"
    table = tuple(world.table()) if broken else ()
    return Outcome(seed, invariant, broken, world.marks, world.now - world.started_ms, table)


def run(seeds: Iterable[int], *, cores: int | None = None) -> Campaign:
    """Live many worlds, on every core."""
    campaign, started_s = Campaign(), elapsed_s()
    for outcome in _outcomes(seeds, cores or os.cpu_count() or 1):
        campaign.add(outcome)
        if campaign.worlds % 1000 == 0:
            campaign.took_s = elapsed_s() - started_s
            sys.stderr.write(f"\n{campaign.told()}, {len(campaign.broken)} broken")
    campaign.took_s = elapsed_s() - started_s
    return campaign


def _outcomes(seeds: Iterable[int], cores: int) -> Iterator[Outcome]:
    if cores == 1:
        yield from map(live, seeds)
        return
    with get_context("fork").Pool(cores) as pool:
        yield from pool.imap_unordered(live, seeds, chunksize=5)
