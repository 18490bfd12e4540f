#!/usr/bin/env python3
"""Live one seeded world again, and tell it: python scripts/replay.py --seed 4711 [--from 17:30] [--all]

Prints what the engine recorded from that minute of the world on, without prices and readings unless --all, and how it ended.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.worlds.checkers import Violation
from tests.worlds.world import World

QUIET = {"TickerSeen", "WalletSeen", "LegSeen", "AccountRead", "ReadAccount", "BarClosed"}


def main() -> int:
    """Returns 1 where an invariant broke."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seed", type=int, required=True)
    asked.add_argument("--from", dest="since", default="0:00", metavar="MM:SS", help="tell from here on")
    asked.add_argument("--all", action="store_true", help="tell prices and readings too")
    said = asked.parse_args()
    minutes, _, seconds = said.since.rpartition(":")
    since_ms = int(minutes or 0) * 60_000 + int(float(seconds) * 1000)

    world = World(said.seed)
    verdict, code = "every invariant held", 0
    try:
        world.run()
    except Violation as violation:
        verdict, code = str(violation), 1
    climate = world.climate
    print(f"seed {said.seed}, climate {climate.name}: {[i.fault for i in climate.injections]} {climate.happenings}")
    for record, at_ms in world.diary.records:
        after_ms = at_ms - climate.skew_ms - world.started_ms
        kind = type(record).__name__
        if after_ms >= since_ms and (said.all or kind not in QUIET):
            print(f"{after_ms // 60_000:02d}:{after_ms % 60_000 / 1000:06.3f}  {str(record)[:200]}")
    print(f"seed {said.seed}: {verdict}")
    return code


if __name__ == "__main__":
    sys.exit(main())
