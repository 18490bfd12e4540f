"""One seeded world: a real engine, a real venue, and between them a network that misbehaves, on a heap of virtual time.

There is no asyncio, because the brain and the venue have none. A world draws its climate, lives a storm, then a calm in which everything
must converge. `World.run` is the whole life; scenarios drive the same world by hand.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

from bot.domain import names
from bot.domain.commands import Command, PlaceOrder
from bot.domain.events import (
    AccountRead,
    Event,
    ExecutionSeen,
    FactsLost,
    JournalSeen,
    LatchSeen,
    OrderAnswered,
    Started,
    Ticked,
    TickerSeen,
)
from bot.domain.money import ZERO
from bot.domain.records import Record
from bot.engine.config import BreakerLimits, EngineConfig, Limits, Patience, Style
from bot.engine.engine import Engine
from bot.exchange.wire_rest import Envelope
from bot.simulator.faults import FaultPlan
from bot.simulator.venue import Tick, Venue
from tests.unit.engine.desk import a_config
from tests.worlds import happenings, weather
from tests.worlds import marks as marking
from tests.worlds.checkers import Checkers
from tests.worlds.diary import GROUP_COMMIT_MS, Killed, WorldDiary
from tests.worlds.network import Network
from tests.worlds.shore import Seen, Shore
from tests.worlds.tape import Tape
from tests.worlds.wires import Wires

__all__ = ["World"]

D = Decimal

SEVEN_O_CLOCK = 1_755_932_400_000
"""2025-08-23 07:00 UTC; funding settles at 08:00."""
TICK_MS = 5000
PULSE_MS, QUICK_PULSE_MS = 5000, 1000
STORM_MS, CALM_MS = 600_000, 600_000
START_AGAIN_MS = 5000
LEAST_CALM_MS, LOOK_AGAIN_MS = 150_000, 30_000
"""A calm ends early where everything has converged and stayed quiet; it is looked at first when the operator's word is long heard."""
KEPT_RECORDS = 30

UNBROKEN = BreakerLimits(daily_loss=100, drawdown=100, funding_cost=100, volatility=100, rejects=10_000)
"""Coin comes and goes without care in these lives, and orders are turned down by the dozen: breakers have stories of their own."""

PATIENCE = Patience(
    ticker_stale_ms=11_000,
    reading_stale_ms=45_000,
    reconcile_every_ms=15_000,
    read_timeout_ms=32_000,
    seek_after_ms=5_000,
    seek_every_ms=2_000,
    lease_ms=15_500,
    retry_after_ms=1_000,
    stall_ms=11_000,
    hedge_ms=120_000,
)


class World:
    """`build` makes the engine: the teeth hand in broken ones. `climate` None: drawn from the seed."""

    ACCOUNT = "bot"
    SHORE: type[Shore] = Shore

    def __init__(
        self,
        seed: int,
        *,
        climate: weather.Climate | None = None,
        build: Callable[[EngineConfig, WorldDiary], Engine] = Engine,
        book: tuple[str, str, str] | None = None,
        storm_ms: int = STORM_MS,
        calm_ms: int = CALM_MS,
        **settings: Any,
    ) -> None:
        self.seed, self.rng = seed, Random(seed)
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = count()
        self.climate = climate or weather.draw(self.rng)
        self.marks: Counter[str] = Counter()
        self.plan = FaultPlan(seed, tuple(self.climate.injections))
        self.started_ms = self.now = SEVEN_O_CLOCK + self.rng.randint(0, 58) * 60_000 + self.rng.randint(0, 59_999)
        self.storm_ends, self.ends = self.now + storm_ms, self.now + storm_ms + calm_ms
        self.rest_down_until = self.frozen_until = 0
        self.spot, self.book = self._draw_book(book)
        self._open_venue()
        self.config = self._draw_config(settings)
        self.diary = WorldDiary()
        self._build = build
        self.engine: Engine | None = None
        self.life = 0
        self.away_ms = (1000, 5000, 40_000)
        """How long a process that died may be away."""
        self.kill_at: str | None = None
        self.latched = False
        self.given_btc = ZERO
        """Coin that came from outside, less what left."""
        self.expects_broken = self.expects_adoption = False
        self.twins: list[str] = []
        """Orders of another HedgeLock on this account."""
        self._inbox: list[Event] = []
        self._hearing: Event | None = None
        self._losing = 0
        self.seen: dict[tuple[str, bytes], Seen] = {}
        """Pages decoded before, by path and bytes."""
        self.judged: dict[bytes, Envelope] = {}
        """Whole answers judged before."""
        self.last: deque[tuple[int, Record]] = deque(maxlen=KEPT_RECORDS)
        self.checkers = Checkers(self)
        self.network = Network(self)
        self.wires = Wires(self)
        self.network.note_change()
        self.diary.reap = self._reap

    # -- birth of everything --------------------------------------------------------------------------------------------------

    def _draw_book(self, book: tuple[str, str, str] | None) -> tuple[Decimal, dict[int, Decimal]]:
        if book is None:
            spot = self.rng.choice((270, 270, 100, 500))
            legs = (self.rng.choice((0, 213, 213, 100)), self.rng.choice((0, 213, 213, 321)))
            book = (f"{spot / 1000}", f"{legs[0] / 1000}", f"{legs[1] / 1000}")
        spot_btc, long, short = (D(text) for text in book)
        return spot_btc, {1: long, 2: short}

    def _open_venue(self) -> None:
        self.tape = Tape(Random(self.rng.getrandbits(64)), self.now, sigma=self.climate.sigma)
        self.venue = Venue(seed=self.rng.getrandbits(32), now_ms=self.now)
        self.last_tick = self.tape.step(self.now)
        self.venue.step(self.last_tick)
        self.venue.open_account(
            self.ACCOUNT,
            coins={"BTC": self.spot, "USDT": ZERO},
            borrowed={"USDT": self.spot * 50_000},
            legs={idx: (qty, None) for idx, qty in self.book.items() if qty},
        )
        self.account = self.venue.state.accounts[self.ACCOUNT]

    def _draw_config(self, settings: dict[str, Any]) -> EngineConfig:
        rng = self.rng
        limits = Limits(
            max_leg=D(rng.choice(("1", "1", "0.45"))),
            max_order=D(rng.choice(("0.5", "0.1", "0.05"))),
            price_collar_bp=D(100),
            slippage_cap_bp=D(10),
            max_orders_per_minute=rng.choice((20, 20, 6)),
            max_orders_per_day=500,
        )
        base = a_config()
        window = replace(base.volatility, bars=24, min_bars=12)
        style = Style.IOC if self.seed % 4 == 3 else Style.CHASE
        drawn: dict[str, Any] = {
            "limits": limits,
            "patience": PATIENCE,
            "volatility": window,
            "execution": replace(base.execution, style=style),
            "breakers": UNBROKEN,
        }
        return replace(base, **(drawn | settings))

    # -- time -----------------------------------------------------------------------------------------------------------------

    def at(self, when: int, thing: Callable[[], object]) -> None:
        """Let a thing happen at a moment not before now."""
        heapq.heappush(self._heap, (max(when, self.now), next(self._numbers), thing))

    @property
    def in_storm(self) -> bool:
        return self.now < self.storm_ends

    @property
    def engine_ms(self) -> int:
        """What the bot believes the time to be."""
        return self.now + self.climate.skew_ms

    def latency(self) -> int:
        """One way, in milliseconds: most of it near the median, seldom much more."""
        return int(self.climate.latency_ms * self.rng.expovariate(1.0)) + 1

    def run(self) -> World:
        """The whole life. Raises Violation at the first broken invariant."""
        self.begin()
        self.pass_until(min(self.storm_ends + LEAST_CALM_MS, self.ends))
        while self.now < self.ends and not self.checkers.has_converged():
            self.pass_until(min(self.now + LOOK_AGAIN_MS, self.ends))
        self.ends = self.now
        self.checkers.at_the_end()
        return self

    def begin(self) -> None:
        happenings.plan(self)
        self.at(self.now, self.born)
        self.at(self.now + TICK_MS, self._tick)
        self.at(self.storm_ends, self._calm_down)

    def pass_until(self, moment: int) -> None:
        heap = self._heap
        while heap and heap[0][0] <= moment:
            self.now, _, thing = heapq.heappop(heap)
            thing()
        self.now = max(self.now, moment)

    # -- the market -----------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self.last_tick = self.tape.step(self.now)
        self.step_venue(self.last_tick)
        self.wires.price(self.last_tick)
        self.at(self.now + TICK_MS, self._tick)

    def step_venue(self, tick: Tick) -> None:
        self.venue.step(tick)
        if self.venue.state.outbox:
            self.venue_moved()

    def venue_moved(self) -> None:
        """Something happened at the venue: tell it on the streams, remember it for lagging reads, check the private truth."""
        pushes = self.venue.drain()
        if any(push.account is not None for push in pushes):
            self.network.note_change()
            self.checkers.on_venue_change()
            if not self.wires.private.is_open and any(push.topic == "execution" for push in pushes):
                self.marks["fill while the private stream was down"] += 1
        for push in pushes:
            if push.account is not None:
                self.wires.push(push)

    def before_foreign(self) -> None:
        """Another hand is about to act on the account."""
        self._before = (self.leg(1), self.leg(2), self.true_spot)

    def after_foreign(self) -> None:
        """It has acted: the path that the bot may have to follow has grown. Whoever calls this lets the venue tell it (`venue_moved`)."""
        before, after = self._before, (self.leg(1), self.leg(2), self.true_spot)
        moved = (after[0] - before[0]) - (after[1] - before[1]) + (after[2] - before[2])
        self.checkers.foreign_path += abs(moved)
        self.checkers.last_foreign_ms = self.now
        if not self.venue.state.outbox:  # else `venue_moved`, which follows, remembers it
            self.network.note_change()

    def leg(self, idx: int) -> Decimal:
        """A leg's size in the venue's private books."""
        return self.account.legs[idx].size

    @property
    def true_spot(self) -> Decimal:
        purse = self.account.purses["BTC"]
        return purse.balance - purse.spot_borrow

    @property
    def true_delta(self) -> Decimal:
        return self.true_spot + self.leg(1) - self.leg(2)

    # -- the process ----------------------------------------------------------------------------------------------------------

    def born(self) -> None:
        """A process starts: it remembers its journal, says Started, and connects. Where the disk fails it waits for that first."""
        if self.diary.problem:
            self.at(self.now + START_AGAIN_MS, self.born)
            return
        self.life += 1
        life = self.life
        self._inbox.clear()
        self.frozen_until = 0
        engine = self._build(self.config, self.diary)
        for record, at_ms in self.diary.recover():
            engine.recover(record, at_ms)
        self.engine = engine
        self.shore = self.SHORE(self)
        self.checkers.on_birth()
        if self.latched or engine.state.latched:
            happenings.latch(self, closed=self.latched)
        run = names.run_name(self.started_ms, f"{self.seed % 16**6:06x}{life:04x}")
        self.hear(Started(run=run, version="0", mode="paper", settings_hash=""))
        if self.life == life:
            self.wires.born()
            self.at(self.now + 1, lambda: self._pulse(life))

    def die(self) -> None:
        """SIGKILL, now: what was not on disk may be gone, what left is on its way."""
        if self.engine is None:
            return
        self.engine = None
        self.life += 1
        self.kill_at = None
        before = self.diary.lost
        self.diary.crash(self.rng, self.engine_ms)
        self.marks["records lost at a crash"] += self.diary.lost - before
        self.checkers.on_death()
        self.at(self.now + self.rng.choice(self.away_ms), self.born)

    def hear(self, event: Event) -> None:
        """One event for the engine, or for its inbox while the process is frozen."""
        if self.engine is None:
            return
        if self._losing and isinstance(event, ExecutionSeen | AccountRead):
            self._losing -= 1
            self._inbox.append(FactsLost(count=1))
            self.at(self.now, self._thaw)
            return
        if self.now < self.frozen_until:
            if isinstance(event, TickerSeen):
                self._inbox = [waiting for waiting in self._inbox if not isinstance(waiting, TickerSeen)]
            self._inbox.append(event)
            return
        self._turn(event)

    def freeze(self, for_ms: int) -> None:
        """The process stands still: a stalled loop, a sleeping machine."""
        self.frozen_until = self.now + for_ms
        self.at(self.frozen_until, self._thaw)

    def break_disk(self, problem: str, for_ms: int) -> None:
        """No commit ends well for a while; one misfortune at a time."""
        if self.diary.problem:
            return
        self.marks["disk failed"] += 1
        self.diary.fail(problem, self.engine_ms)
        self.at(self.now + GROUP_COMMIT_MS, self._keep_journal)
        self.at(self.now + for_ms, self.mend_disk)

    def mend_disk(self) -> None:
        """The disk takes everything again, what waited in memory too."""
        self.diary.problem = ""
        self._keep_journal()

    def _keep_journal(self) -> None:
        """The daemon's next look after its journal; here it looks only where something has changed."""
        if self.engine is None:
            return
        if self.now < self.frozen_until:
            self.at(self.frozen_until, self._keep_journal)
            return
        problem = self.diary.problem
        if not problem:
            try:
                self.diary.commit()
            except Killed:
                self.die()
                return
        if problem != self.engine.state.unwritable:
            self.hear(JournalSeen(writable=not problem, reason=problem))

    def lose_facts(self, how_many: int) -> None:
        """The inbox overflows: the next facts are dropped, and the engine is told so."""
        self._losing = how_many

    def _thaw(self) -> None:
        waiting, self._inbox = self._inbox, []
        for event in waiting:
            self.hear(event)

    def _turn(self, event: Event) -> None:
        engine = self.engine
        assert engine is not None
        self._hearing, was_latched = event, engine.state.latched
        try:
            commands = engine.turn(event, self.engine_ms)
        except Killed:
            self.die()
            return
        self.checkers.after_turn(event)
        if engine.state.latched and not was_latched and not isinstance(event, LatchSeen):
            self.latched = True  # closed by the engine itself: the daemon writes that to the disk
            self.marks["latched itself"] += 1
        life = self.life
        for command in commands:
            if self.life == life:
                self._send(command)
        if isinstance(event, OrderAnswered) and self.kill_at == "after ack":
            self.marks["killed after ack"] += 1
            self.die()

    def _send(self, command: Command) -> None:
        if isinstance(command, PlaceOrder):
            if self.kill_at == "after commit before send":
                self.marks["killed after commit before send"] += 1
                self.die()
                return
            if self.kill_at == "after send":
                self.marks["killed after send before ack"] += 1
                self.shore.submit(command)
                self.die()
                return
        self.shore.submit(command)

    def _reap(self, point: str, record: Record | None) -> None:
        """Asked by the diary at every line; raises Killed when the time has come."""
        assert self.engine is not None
        if point == "before append" and record is not None:
            if isinstance(record, ExecutionSeen) and isinstance(self._hearing, AccountRead):
                self.marks["execution found by REST"] += 1
            marking.of_record(self.engine.state, record, self.marks)
            if not isinstance(record, TickerSeen):
                self.last.append((self.engine_ms, record))
            self.checkers.on_record(record)
        if self.kill_at is None:
            return
        if self.kill_at.startswith("line "):
            left = int(self.kill_at[5:]) - 1
            self.kill_at = f"line {left}"
            if left <= 0:
                if self.engine.state.mode.value == "STARTING":
                    self.marks["killed during recovery"] += 1
                raise Killed
        if self.kill_at == "at a fill" and point == "after append" and isinstance(record, ExecutionSeen):
            self.marks["killed at a fill"] += 1
            raise Killed
        if self.kill_at == point == "before commit":
            self.marks["killed before commit"] += 1
            raise Killed

    def _pulse(self, life: int) -> None:
        if self.life != life or self.engine is None:
            return
        if self.now >= self.frozen_until:
            self.wires.tick()
        if self.life == life and self.now >= self.frozen_until:
            self.hear(Ticked())
        if self.life != life or self.engine is None:
            return
        state = self.engine.state
        quick = state.hedge is not None or state.readings.urgent or any(state.blotter.unsettled())
        self.at(self.now + (QUICK_PULSE_MS if quick else PULSE_MS), lambda: self._pulse(life))

    # -- the end of the storm -------------------------------------------------------------------------------------------------

    def _calm_down(self) -> None:
        self.plan.lift()
        happenings.calm_down(self)
        if self.engine is None and not self._is_being_born():
            self.born()

    def _is_being_born(self) -> bool:
        return any(thing == self.born for _, _, thing in self._heap)

    def table(self) -> Iterable[tuple[str, str, str]]:
        """The last records, for a person: time into the world, kind, what."""
        for at_ms, record in self.last:
            seconds = (at_ms - self.climate.skew_ms - self.started_ms) / 1000
            yield f"{int(seconds // 60):02d}:{seconds % 60:06.3f}", type(record).__name__, str(record)[:150]
