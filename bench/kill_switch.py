"""How fast the kill switch gets out: whole processes against the simulator over loopback sockets, REST healthy, an open book each time.

    python -m bench.kill_switch [--runs 100] [--burn 0]

Each run opens two legs and two resting orders, then starts `scripts/kill_switch.py flatten --yes` as a person would. The figures are the
script's own, from the birth of its process; that the account is flat is the venue's word. `--burn N` keeps N processes spinning beside it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.kill_cases import Case, Ending, live
from tests.acceptance.processes import Venue, a_venue

MARKS = ("latch closed", "first close", "flat", "verified", "CPU")
ASKED = {"first close": "p99 1 s", "flat": "p99 3 s", "verified": "10 s"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--burn", type=int, default=0, help="processes that do nothing but turn, meanwhile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, a_venue(Path(folder), speed=60) as venue, burning(options.burn):
        venue.owner_trades("Sell", "0.213", 1)
        venue.owner_trades("Buy", "0.213", 2)
        rows, loads = [], []
        for number in range(options.runs):
            rows.append(figures(one(venue, Path(folder), number)))
            loads.append(os.getloadavg()[0])
    print(f"{options.runs} runs, load {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores")
    print(f"{'seconds':<14}{'p50':>8}{'p99':>8}{'max':>8}   asked")
    for mark in MARKS:
        values = sorted(row[mark] for row in rows)
        print(
            f"{mark:<14}{rank(values, 0.5):>8.2f}{rank(values, 0.99):>8.2f}{values[-1]:>8.2f}   {ASKED.get(mark, '')}"
        )


def one(venue: Venue, folder: Path, number: int) -> Ending:
    """A kill with nothing in its way. A run that did not end flat ends the measurement: there is nothing to be fast at."""
    case = Case(seed=number, daemon="dead", trouble="none", fault="calm", faults={}, p=0.0, resting=2)
    ending = live(case, venue, folder)
    if ending.code or not ending.flat or ending.orders:
        sys.exit(f"run {number}: exit code {ending.code}, flat {ending.flat}\n{ending.words}")
    return ending


def figures(ending: Ending) -> dict[str, float]:
    told = ending.told
    values = (told["timeline"]["latched_s"], told["first_close_s"], told["flat_s"], told["verified_s"], told["cpu_s"])
    return dict(zip(MARKS, map(float, values), strict=True))


def rank(values: list[float], share: float) -> float:
    """The value that `share` of the sorted values do not exceed (nearest rank)."""
    return values[max(0, -(-len(values) * int(share * 100) // 100) - 1)]


@contextmanager
def burning(count: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    time.sleep(1.0 if count else 0.0)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
