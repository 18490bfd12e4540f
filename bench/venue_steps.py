"""How fast the simulated venue advances: one-tick steps a second, as a ratio to an empty loop calling a no-op method in the same run.

One account with the seed's book (BTC collateral, USDT debt, two legs) and no open orders; ticks a second apart that wander
within a percent.

    python -m bench.venue_steps [--steps 400000] [--repeats 5]
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from decimal import Decimal
from statistics import median

from bot.domain.clock import elapsed_s
from bot.simulator.venue import Tick, Venue

START_MS = 1_752_192_000_000
TARGET = 200_000


def make_ticks(count: int, seed: int) -> list[Tick]:
    """A random walk on the tick grid around 116,000, one tick a second; made beforehand, as a tape is."""
    rng = random.Random(seed)
    ticks, price = [], 1_160_000
    for number in range(1, count + 1):
        price = min(1_171_000, max(1_149_000, price + rng.randint(-20, 20)))
        last = Decimal(price) / 10
        ticks.append(Tick(at_ms=START_MS + number * 1000, last=last, mark=last, index=last))
    return ticks


def open_venue() -> Venue:
    venue = Venue(seed=1, now_ms=START_MS)
    start = Decimal(116_000)
    venue.step(Tick(at_ms=START_MS, last=start, mark=start, index=start, funding_rate=Decimal("0.0001")))
    venue.open_account(
        "bench",
        coins={"BTC": Decimal("0.27")},
        borrowed={"USDT": Decimal(16_200)},
        legs={1: (Decimal("0.051"), None), 2: (Decimal("0.321"), None)},
        leverage=Decimal(25),
    )
    return venue


class Nothing:
    def step(self, tick: Tick) -> None:
        pass


def per_second(step: Callable[[Tick], None], ticks: list[Tick]) -> float:
    started = elapsed_s()
    for tick in ticks:
        step(tick)
    return len(ticks) / (elapsed_s() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400_000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    ticks = make_ticks(args.steps, seed=7)
    venue_runs, empty_runs = [], []
    for _ in range(args.repeats):
        venue = open_venue()
        venue_runs.append(per_second(venue.step, ticks))
        empty_runs.append(per_second(Nothing().step, ticks))
    steps, empty = median(venue_runs), median(empty_runs)
    print(f"venue       {steps:>12,.0f} steps/s   ({args.steps:,} steps, median of {args.repeats})")
    print(f"empty loop  {empty:>12,.0f} calls/s")
    print(f"ratio       {empty / steps:>12.1f} empty calls a step")
    print(f"target      {TARGET:>12,} steps/s   {'met' if steps >= TARGET else 'MISSED'} x {steps / TARGET:.1f}")


if __name__ == "__main__":
    main()
