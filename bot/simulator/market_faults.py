"""What may happen to prices and rates on their way from the tape to the venue.

Pure: `bend` turns a tick of the tape into the tick that is played. Times are market time, counted from the first tick a misfortune meets.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.simulator.faults import FaultPlan, Injection
from bot.simulator.venue import Tick

__all__ = ["MarketFaults"]

TENTH, CENT = Decimal("0.1"), Decimal("0.01")
ONE = Decimal(1)


class MarketFaults:
    """One for the tape. A gap stays when it is lifted: prices do not fall back into their old place by being forgiven."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._met: dict[int, tuple[Injection, int]] = {}
        self._level = ONE
        self._frozen: Tick | None = None
        self._rate = Decimal(0)

    def bend(self, tick: Tick) -> tuple[Tick, ...]:
        """The tick as it will be played."""
        if tick.funding_rate is not None:
            self._rate = tick.funding_rate
        frozen = False
        for injection in self._plan.strikes("market", "tick", tick.at_ms):
            _, since_ms = self._met.setdefault(id(injection), (injection, tick.at_ms))
            if self._over(injection, tick.at_ms - since_ms):
                self._plan.lift(injection.fault)
                tick = replace(tick, funding_rate=self._rate)
                continue
            if injection.fault == "price-frozen":
                frozen = True
            else:
                tick = self._bent(injection, tick, tick.at_ms - since_ms)
        tick = _scaled(tick, self._level, self._level) if self._level != ONE else tick
        if frozen:
            self._frozen = self._frozen or tick
            tick = replace(self._frozen, at_ms=tick.at_ms, volume=Decimal(0), funding_rate=tick.funding_rate)
        else:
            self._frozen = None
        return (tick,)

    def _over(self, injection: Injection, age_ms: int) -> bool:
        return injection.fault not in ("bad-tick", "gap") and age_ms >= injection.lasts_ms

    def _bent(self, injection: Injection, tick: Tick, age_ms: int) -> Tick:
        off = Decimal(injection.says)
        match injection.fault:
            case "bad-tick":
                if injection.times is None and injection.p == 1:
                    self._plan.lift("bad-tick")  # one tick, unless more were asked for
                return _scaled(tick, ONE + off, ONE)
            case "gap":
                self._level *= ONE + off
                self._plan.lift("gap")
                return tick
            case "flash-crash":
                factor = ONE + off * _depth(age_ms, injection.lasts_ms)
                return _scaled(tick, factor, factor)
            case "mark-off":
                return _scaled(tick, ONE, ONE + off)
            case "funding-flip":
                return replace(tick, funding_rate=self._rate * off)
            case "funding-cap":
                return replace(tick, funding_rate=off)
            case name:
                raise AssertionError(f"{name} is no misfortune of the market")


def _depth(age_ms: int, lasts_ms: int) -> Decimal:
    """0 to 1 and back: down in the first fifth, up in the rest."""
    part = Decimal(age_ms) / max(1, lasts_ms)
    fall = Decimal("0.2")
    return part / fall if part < fall else (ONE - part) / (ONE - fall)


def _scaled(tick: Tick, last: Decimal, rest: Decimal) -> Tick:
    """Last price times `last`, mark and index times `rest`, on their grids."""
    return replace(
        tick,
        last=(tick.last * last).quantize(TENTH),
        mark=(tick.mark * rest).quantize(CENT),
        index=(tick.index * rest).quantize(CENT),
    )
