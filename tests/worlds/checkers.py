"""The invariants, each a named check against the venue's private truth, never against what was served.

Safety is checked at every delivery (`on_*`, `after_turn`); liveness once, after the calm (`at_the_end`). A broken one raises Violation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from re import fullmatch
from typing import TYPE_CHECKING, NoReturn

from bot.domain.account import ExecKind
from bot.domain.commands import (
    CashAdopted,
    Decided,
    FundingAdopted,
    LegsAdopted,
    Mode,
    Note,
    OrderAbsent,
    Outcome,
    PlaceOrder,
    Realising,
    Refusal,
)
from bot.domain.events import (
    AccountRead,
    CashSeen,
    Channel,
    ChannelChanged,
    Event,
    ExecutionSeen,
    LatchSeen,
    OperatorAsked,
    OrderSeen,
    TickerSeen,
    Verb,
)
from bot.domain.legs import Act, Leg
from bot.domain.money import ZERO
from bot.domain.orders import ENDED, OrderState, Verdict
from bot.domain.records import Record
from bot.domain.thoughts import EmergencyEnded
from bot.engine import emergency
from bot.engine.engine import Engine
from bot.simulator.margin import order_margin
from bot.simulator.state import ExecRow
from bot.simulator.venue import Reply
from tests.worlds.network import ORDER_RECV_WINDOW_MS

if TYPE_CHECKING:
    from tests.worlds.world import World

__all__ = ["Checkers", "Violation"]

D = Decimal
STEP = D("0.001")
MINUTE_MS, DAY_MS = 60_000, 86_400_000
QUIET_MS = 90_000
"""The last part of the calm, in which nothing may be sent any more."""
ON_ITS_WAY_MS = 30_000
"""What happened this long before the end may still be unheard."""
CHURN_SLACK = D("0.03")


class Violation(AssertionError):
    """An invariant was broken. `invariant` is its name."""

    def __init__(self, invariant: str, seconds: float, why: str) -> None:
        super().__init__(f'broke "{invariant}" at {int(seconds // 60):02d}:{seconds % 60:06.3f}: {why}')
        self.invariant = invariant


class Checkers:
    """Watches one world. W is what left (`left`), J the diary, E the venue's account."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.left: dict[str, int] = {}
        self._rate: deque[int] = deque()
        self.unbooked: dict[str, ExecRow] = {}
        self._true_ids: set[str] = set()
        self._early: set[str] = set()
        self._last_serial = -1
        self._adopted_seq = -1
        self._absent: set[str] = set()
        self._ended: dict[str, OrderState] = {}
        self._forbidden: dict[str, str] = {}
        self._ticker_heard_ms = -(10**15)
        self._private_up_ms: int | None = None
        self._reading: tuple[int, int] = (-1, -1)
        self._marks_seen: deque[Decimal] = deque(maxlen=6)
        self._mark_heard = world.last_tick.mark
        """Of the newest ticker that the process has: fills in plenty push it out of those seen."""
        self._funding_before: tuple[Decimal, Decimal] | None = None
        self.foreign_path = ZERO
        self.last_foreign_ms = -(10**15)
        self._target: Decimal | None = None
        self._target_path = ZERO
        self._initial_gap: Decimal | None = None
        self._leg_targets: tuple[Decimal | None, Decimal | None] = (None, None)
        self._shrinks: set[str] = set()
        """Orders that make |delta| smaller by the books that they were decided on."""
        self._last_place_ms = -1
        self._limited = False
        self._round_trips: set[int] = set()
        self._holdings: list[Decimal] = [world.true_spot]
        """Every holding of the coin that there was, in order."""
        self._believed = self._decided_on = 0
        """The place among them that this process decided on last."""
        self._twins_heard: set[str] = set()

    def _fail(self, invariant: str, why: str) -> NoReturn:
        world = self._world
        raise Violation(invariant, (world.now - world.started_ms) / 1000, why)

    # -- a create leaves the process ------------------------------------------------------------------------------------------

    def on_leaving(self, params: Mapping[str, object]) -> None:
        """Everything that must hold when an order leaves."""
        link = str(params["orderLinkId"])
        self._names_are_unique(link)
        self._write_ahead(link, params)
        self._one_in_motion(link)
        self._reduce_means_reduce(params)
        self._bounds(params)
        if not self._closes_in_an_emergency(params):
            self._budgets()
            self._nothing_after_halt()
        if not params["reduceOnly"]:
            self._freshness()
            self._hard_limit(params)
        self.left[link] = self._world.now

    def _names_are_unique(self, link: str) -> None:
        """I-01, I-02: a name leaves once in the whole life, and is one that Bybit takes."""
        if link in self.left:
            self._fail("I-01 at most once", f"{link} left twice")
        if not fullmatch(r"[A-Za-z0-9_-]{1,36}", link):
            self._fail("I-02 unique ids", f"{link!r} is no orderLinkId")

    def _write_ahead(self, link: str, params: Mapping[str, object]) -> None:
        """I-03: the intent would survive a crash now; where the disk fails, only what makes |delta| smaller leaves without, and what an
        emergency closes."""
        world = self._world
        if world.diary.is_durable(link):
            return
        if not world.diary.problem or not (link in self._shrinks or self._closes_in_an_emergency(params)):
            self._fail("I-03 write-ahead", f"{link} left before its intent was on disk")
        world.marks["left without its intent on disk"] += 1

    def _one_in_motion(self, link: str) -> None:
        """I-23: no order leaves while an earlier one can still act, or has acted unbooked."""
        world = self._world
        for params in world.network.on_the_wire.values():
            earlier = str(params["orderLinkId"])
            is_known = ("linear", earlier) in world.account.links  # a copy of a request whose first arrival was taken
            if not is_known and world.now - self.left[earlier] <= ORDER_RECV_WINDOW_MS:
                self._fail("I-23 retry safety", f"{link} left while {earlier} was still on the wire")
        for order in world.account.orders.values():
            if order.link_id in self.left:
                self._fail("I-23 retry safety", f"{link} left while {order.link_id} was open at the venue")
        for row in self.unbooked.values():
            if row.link_id in self.left:
                self._fail("I-01 at most once", f"{link} left while a fill of {row.link_id} was unbooked")

    def _reduce_means_reduce(self, params: Mapping[str, object]) -> None:
        """I-08: side, leg and reduceOnly say one thing."""
        said = (params["side"], params["positionIdx"], params["reduceOnly"])
        if said not in (("Buy", 1, False), ("Sell", 1, True), ("Sell", 2, False), ("Buy", 2, True)):
            self._fail("I-08 reduce means reduce", f"{said}")

    def _bounds(self, params: Mapping[str, object]) -> None:
        """I-09, I-38: on the grids, inside the limits, near the mark; decimals as text."""
        world, limits = self._world, self._world.config.limits
        qty = D(str(params["qty"]))
        if not isinstance(params["qty"], str) or not fullmatch(r"\d+(\.\d+)?", str(params["qty"])):
            self._fail("I-38 numbers", f"qty {params['qty']!r}")
        if qty % STEP or not STEP <= qty <= limits.max_order:
            self._fail("I-09 bounds", f"qty {qty}")
        if params["orderType"] == "Market":
            if not params["reduceOnly"]:
                self._fail("I-09 bounds", "a market order that grows")
            return
        price = D(str(params["price"]))
        marks = [*self._marks_seen, self._mark_heard, world.last_tick.mark]
        if price % D("0.1") or all(abs(price - mark) / mark * 10_000 > limits.price_collar_bp for mark in marks):
            self._fail("I-09 bounds", f"price {price} with mark {world.last_tick.mark}")

    def _budgets(self) -> None:
        """I-13: orders a minute and a day."""
        now, limits = self._world.now, self._world.config.limits
        self._rate.append(now)
        while self._rate[0] <= now - DAY_MS:
            self._rate.popleft()
        if sum(1 for at in self._rate if at > now - MINUTE_MS) > limits.max_orders_per_minute:
            self._fail("I-13 budgets", "orders in a minute")
        if len(self._rate) > limits.max_orders_per_day:
            self._fail("I-13 budgets", "orders in a day")

    def _closes_in_an_emergency(self, params: Mapping[str, object]) -> bool:
        """What a person has confirmed outranks budgets, latch and pause; by broken books nothing is closed."""
        engine = self._world.engine
        is_on = engine is not None and engine.state.mode is Mode.EMERGENCY
        return is_on and params["reduceOnly"] is True and "broken" not in self._forbidden

    def _nothing_after_halt(self) -> None:
        """I-16: under a latch, a pause or broken books nothing leaves."""
        if self._forbidden:
            self._fail("I-16 nothing after halt", next(iter(self._forbidden.values())))

    def _freshness(self) -> None:
        """I-10: a leg grows only on a fresh price, a live private stream, and a reading asked for since it came up."""
        world, patience = self._world, self._world.config.patience
        if world.now - self._ticker_heard_ms > patience.ticker_stale_ms:
            self._fail("I-10 freshness gate", f"price {world.now - self._ticker_heard_ms} ms old")
        if self._private_up_ms is None:
            self._fail("I-10 freshness gate", "the private stream is down")
        assert self._private_up_ms is not None
        asked, heard = self._reading
        if asked < self._private_up_ms:
            self._fail("I-10 freshness gate", "no reading asked for since the private stream came up")
        if world.engine_ms - heard > patience.reading_stale_ms:
            self._fail("I-10 freshness gate", f"the last reading is {world.engine_ms - heard} ms old")

    def _hard_limit(self, params: Mapping[str, object]) -> None:
        """I-07: leg, live orders and orders on the wire together stay inside the limit."""
        world, idx = self._world, int(str(params["positionIdx"]))
        worst = world.leg(idx) + D(str(params["qty"]))
        for other in world.network.on_the_wire.values():
            is_known = ("linear", str(other["orderLinkId"])) in world.account.links
            if other["positionIdx"] == idx and not other["reduceOnly"] and not is_known:
                worst += D(str(other["qty"]))
        for order in world.account.orders.values():
            if order.position_idx == idx and not order.reduce_only and order.link_id in self.left:
                worst += order.leaves
        if worst > world.config.limits.max_leg and not self.unbooked:
            self._fail("I-07 hard limit", f"leg {idx} could reach {worst}")

    # -- at the venue ---------------------------------------------------------------------------------------------------------

    def on_arrived(self, params: Mapping[str, object], reply: Reply) -> None:
        """I-12: what was declared absent never comes to be."""
        link = str(params["orderLinkId"])
        if reply.ret_code == 0 and link in self._absent:
            self._fail("I-12 not found is not terminal", f"{link} was declared absent and then accepted")

    def on_verdict(self, order: PlaceOrder, verdict: Verdict) -> None:
        """An order said to be refused must not be at the venue."""
        if verdict is Verdict.REFUSED and ("linear", order.order_link_id) in self._world.account.links:
            self._fail("I-12 not found is not terminal", f"{order.order_link_id} was told as refused and is there")

    def on_venue_change(self) -> None:
        """Take in new executions of the private books."""
        self._marks_seen.append(self._world.last_tick.mark)
        self._note_holding()
        fresh: list[ExecRow] = []
        for row in reversed(self._world.account.executions):
            if row.serial <= self._last_serial:
                break
            fresh.append(row)
        for row in reversed(fresh):
            self._last_serial = row.serial
            if row.category == "linear":
                self._true_ids.add(row.exec_id)
                self.unbooked[row.exec_id] = row

    # -- in the process -------------------------------------------------------------------------------------------------------

    def on_record(self, record: Record) -> None:
        """A record is about to be written."""
        if isinstance(record, PlaceOrder):
            self._note_shrinking(record)
        match record:
            case TickerSeen():
                self._ticker_heard_ms = self._world.now
                self._marks_seen.append(record.mark)
                self._mark_heard = record.mark
            case ExecutionSeen(execution=execution):
                if execution.category == "linear" and execution.exec_id not in self._true_ids:
                    self._fail("I-05 no phantom fill", f"{execution.exec_id} is not in the venue's books")
                self._booked(execution.exec_id)
                legs = self._legs()
                self._funding_before = legs if execution.kind is ExecKind.FUNDING else None
            case LegsAdopted():
                self._adopt(record.seq)
                if "first" not in record.reason and not self._world.expects_adoption:
                    self._fail("I-06 conservation", f"legs adopted that executions explain: {record}")
            case CashAdopted() if record.was is not None and not self._world.expects_adoption:
                self._fail("I-06 conservation", f"money adopted that the log explains: {record}")
            case FundingAdopted():
                self._fail("I-06 conservation", f"funding adopted that an execution told: {record}")
            case OrderAbsent(order_link_id=link):
                self._absence(link)
            case EmergencyEnded(done=True, verb=verb):
                self._done_is_done(verb)
            case PlaceOrder(decision=emergency.NO_DECISION):
                self.foreign_path += 2 * record.qty  # closed, and opened again when the latch is lifted
                self._last_place_ms = self._world.now
            case PlaceOrder():
                if record.decision not in self._round_trips:
                    self._last_place_ms = self._world.now
            case Realising():
                self._round_trips.add(record.decision)
                away = (record.long_home - record.long_halfway) + (record.short_home - record.short_halfway)
                self.foreign_path += 2 * away  # there and back, on purpose
            case Decided():
                self._numbers(record)
                self._holding(record)
                self._way(record)
            case Refusal(rule="leg limit"):
                self._limited = True  # the other leg takes its share step by step
            case Note(kind="second writer") if not self._world.twins:
                self._fail("I-15 single writer", f"we took ourselves for another: {record.text}")
            case Note(kind="books broken"):
                self._forbidden["broken"] = record.text
                if not self._world.expects_broken:
                    self._fail("I-06 conservation", f"books broken without a cause: {record.text}")
            case _:
                pass

    def _note_shrinking(self, order: PlaceOrder) -> None:
        assert self._world.engine is not None
        delta = self._world.engine.state.delta
        change = -order.qty if order.leg is Leg.LONG else order.qty
        if order.act is Act.SHRINK and delta is not None and abs(delta + change) < abs(delta):
            self._shrinks.add(order.order_link_id)

    def _done_is_done(self, verb: str) -> None:
        """I-24: who is told that both legs are closed finds them closed, whatever another hand had done before it was asked."""
        world, engine = self._world, self._world.engine
        assert engine is not None
        assert engine.state.emergency is not None
        asked_ms = engine.state.emergency.began_ms - world.climate.skew_ms
        least = engine.state.instrument.min_qty if engine.state.instrument is not None else ZERO
        held = max(world.leg(1), world.leg(2))  # what is smaller than any order stays
        if (
            verb == Verb.FLATTEN.value
            and held
            and held >= least
            and self.last_foreign_ms < asked_ms - world.config.patience.lease_ms
        ):
            self._fail("I-24 done is done", f"flattened, and a leg of {held} BTC stands")
        world.marks[f"{verb} done"] += 1

    def _booked(self, exec_id: str) -> None:
        engine = self._world.engine
        if engine is not None and engine.state.ledger.is_open:
            self.unbooked.pop(exec_id, None)
        else:
            self._early.add(exec_id)

    def _adopt(self, seq: int) -> None:
        """Adopted legs contain what is not newer than they; what came before they did is booked with them."""
        self._adopted_seq = max(self._adopted_seq, seq)
        self.unbooked = {n: row for n, row in self.unbooked.items() if row.seq > seq and n not in self._early}
        self._early.clear()

    def _absence(self, link: str) -> None:
        """I-12: proved absent means: no fill, not open, and not on its way."""
        world = self._world
        self._absent.add(link)
        order = world.account.links.get(("linear", link))
        if order is not None and (order.cum_qty or order.is_open):
            self._fail("I-12 not found is not terminal", f"{link} is {order.status} with {order.cum_qty} filled")
        for params in world.network.on_the_wire.values():
            if params["orderLinkId"] == link and world.now - self.left[link] <= ORDER_RECV_WINDOW_MS:
                self._fail("I-12 not found is not terminal", f"{link} is still on the wire")

    def _note_holding(self) -> None:
        if self._holdings[-1] != self._world.true_spot:
            self._holdings.append(self._world.true_spot)

    def _holding(self, decided: Decided) -> None:
        """I-36: a wallet that is told late never takes the place of a newer one: decisions follow the holding forward only."""
        said = decided.inputs.get("book.spot_btc")
        if said is None or decided.outcome is not Outcome.HEDGE:
            return
        self._note_holding()
        spot, there_were = D(repr(said)), self._holdings
        ahead = range(self._believed, len(there_were))
        place = next((i for i in ahead if abs(there_were[i] - spot) < STEP), None)
        if place is None:
            now = there_were[self._believed]
            self._fail("I-36 stale-message immunity", f"decided on a holding of {spot} after one of {now}")
        self._believed = place
        if place < self._decided_on:  # reborn, it was shown a wallet from before: there and back, once
            self.foreign_path += 2 * abs(there_were[self._decided_on] - spot)
        self._decided_on = place

    def _numbers(self, decided: Decided) -> None:
        """I-38: every number of a decision is finite or missing."""
        for name, value in (*decided.inputs.items(), *decided.memory.items()):
            if value is not None and not isfinite(value):
                self._fail("I-38 numbers", f"{name} is {value}")

    def _way(self, decided: Decided) -> None:
        """I-22: how long the way is that the orders have to go: what the target moved, and what of both legs is dissolved for good."""
        if decided.target_delta is not None:
            if self._target is not None:
                self._target_path += abs(decided.target_delta - self._target)
            elif decided.delta is not None:
                self._initial_gap = abs(decided.delta - decided.target_delta)
            self._target = decided.target_delta
        targets = decided.long_target, decided.short_target
        if decided.outcome is Outcome.HEDGE and targets != self._leg_targets:
            self._leg_targets = targets
            dissolved = (
                held - wanted for held, wanted in zip(self._legs(), targets, strict=True) if wanted is not None
            )
            self._target_path += 2 * max(min(dissolved, default=ZERO), ZERO)

    def after_turn(self, event: Event) -> None:
        """The engine has taken an event in."""
        self._twin_told_by(event)
        match event:
            case LatchSeen(closed=closed):
                self._forbid("latch", "the latch is closed", forbidden=closed)
            case OperatorAsked(verb=Verb.PAUSE):
                self._forbid("pause", "paused", forbidden=True)
            case OperatorAsked(verb=Verb.RESUME):
                self._forbid("pause", "", forbidden=False)
                self._forbid("broken", "", forbidden=False)
            case ChannelChanged(channel=Channel.PRIVATE, up=up):
                self._private_up_ms = self._world.engine_ms if up else None
            case AccountRead(reading=reading):
                self._reading = (reading.asked_ms, self._world.engine_ms)
            case ExecutionSeen(execution=execution) if execution.kind is ExecKind.FUNDING:
                if self._funding_before is not None and self._funding_before != self._legs():
                    self._fail("I-30 funding is not a fill", f"{self._funding_before} -> {self._legs()}")
            case _:
                pass
        self._funding_before = None  # what is told again is not booked again: its legs would be those of the first time
        self._ends_are_final()

    def _twin_told_by(self, event: Event) -> None:
        """I-15: whoever hears of an order of another HedgeLock, made since it began, sends nothing more until a person lifts that."""
        engine = self._world.engine
        assert engine is not None
        links: set[str] = set()
        match event:
            case OrderSeen(order=order):
                links = {order.order_link_id}
            case ExecutionSeen(execution=execution) if execution.exec_ms > (engine.state.started_ms or 0):
                links = {execution.order_link_id}
            case AccountRead(reading=reading):
                links = {order.order_link_id for order in reading.open_orders}
            case _:
                return
        if news := links & set(self._world.twins) - self._twins_heard:
            self._twins_heard |= news
            self._forbid("latch", f"another HedgeLock was heard of: {', '.join(news)}", forbidden=True)

    def _ends_are_final(self) -> None:
        """I-36: an ended order never comes back to life."""
        engine = self._world.engine
        if engine is None:
            return
        for link, state in self._ended.items():
            ours = engine.state.blotter.orders.get(link)
            if ours is not None and ours.state is not state:
                self._fail("I-36 stale-message immunity", f"{link} was {state.value} and is {ours.state.value}")
        newest = next(reversed(engine.state.blotter.orders.values()), None)
        self._ended = {newest.place.order_link_id: newest.state} if newest and newest.state in ENDED else {}

    def _legs(self) -> tuple[Decimal, Decimal]:
        engine = self._world.engine
        assert engine is not None
        legs = engine.state.ledger.legs
        return legs[Leg.LONG].qty, legs[Leg.SHORT].qty

    def _forbid(self, name: str, why: str, *, forbidden: bool) -> None:
        if forbidden:
            self._forbidden[name] = why
        else:
            self._forbidden.pop(name, None)

    def on_latch(self, closed: bool) -> None:
        """The latch on disk moved; what counts is when the engine heard (`after_turn`)."""

    def on_operator(self, verb: Verb) -> None:
        """An operator asked; what counts is when the engine heard (`after_turn`)."""

    def on_death(self) -> None:
        """What was not on disk is not known any more."""
        kept = {record.execution.exec_id for record in self._world.diary.of(ExecutionSeen)}
        self.unbooked = {
            row.exec_id: row
            for row in self._world.account.executions
            if row.category == "linear" and row.exec_id not in kept and row.seq > self._adopted_seq
        }
        self._ended = {}
        self._private_up_ms = None
        self._reading = (-1, -1)

    def on_birth(self) -> None:
        """What a new process knows is what the journal kept."""
        self._ticker_heard_ms = -(10**15)
        self._believed = 0  # it takes what it sees first, and a reading may lag
        self._forbidden.clear()
        for record in self._world.diary.of(OperatorAsked, Note, LatchSeen):
            match record:
                case OperatorAsked(verb=Verb.PAUSE):
                    self._forbidden["pause"] = "paused"
                case OperatorAsked(verb=Verb.RESUME):
                    self._forbidden.pop("pause", None)
                    self._forbidden.pop("broken", None)
                case Note(kind="books broken"):
                    self._forbidden["broken"] = record.text
                case LatchSeen():
                    self._forbid("latch", "the latch is closed", forbidden=record.closed)

    # -- after the calm -------------------------------------------------------------------------------------------------------

    def at_the_end(self) -> None:
        """Books equal the venue, everything is resolved, the target is reached, and nothing churned."""
        world = self._world
        self._has_ended_well()
        if world.engine is not None and world.seed % 4 == 0:
            self._fold_is_life(world.engine)

    def has_converged(self) -> bool:
        """Whether the world could end now: everything that must hold at the end holds, and nothing is on its way."""
        account, recently = self._world.account, self._world.now - ON_ITS_WAY_MS
        if any(rows and rows[-1].at_ms >= recently for rows in (account.log, account.executions)):
            return False
        try:
            self._has_ended_well()
        except Violation:
            return False
        return True

    def _has_ended_well(self) -> None:
        engine = self._world.engine
        if engine is None:
            self._fail("I-21 convergence", "the process is dead")
        assert engine is not None
        self._no_lost_fill()
        self._conservation()
        self._cash_adds_up(engine)
        self._convergence(engine)
        self._no_ping_pong()

    def _no_lost_fill(self) -> None:
        """I-04: every execution of the venue is in the journal, or inside adopted legs; each once."""
        due = [row for row in self.unbooked.values() if row.at_ms < self._world.now - ON_ITS_WAY_MS]
        if due:
            self._fail("I-04 no lost fill", f"{len(due)} executions, {due[0]}")
        ids = [record.execution.exec_id for record in self._world.diary.of(ExecutionSeen)]
        if len(ids) != len(set(ids)):
            self._fail("I-04 no lost fill", "an execution is journalled twice")

    def _conservation(self) -> None:
        """I-06: the ledger's legs are the venue's, exactly."""
        world = self._world
        truth = (world.leg(1), world.leg(2))
        if self._legs() != truth:
            self._fail("I-06 conservation", f"ledger {self._legs()}, venue {truth}")

    def _cash_adds_up(self, engine: Engine) -> None:
        """I-06: every row of the venue's log is known once, and where a coin began plus its changes is its balance, exactly."""
        world, cash = self._world, engine.state.cash
        journalled = [record.row.row_id for record in world.diary.of(CashSeen)]
        if len(journalled) != len(set(journalled)):
            self._fail("I-04 no lost fill", "a cash row is journalled twice")
        due = world.now - ON_ITS_WAY_MS
        if any(row.at_ms >= due for row in world.account.log):
            return
        if len(journalled) != len(world.account.log):
            self._fail("I-04 no lost fill", f"{len(journalled)} cash rows known, {len(world.account.log)} at the venue")
        for name, purse in world.account.purses.items():
            book = cash.coins.get(name)
            known = book.start + book.changes if book and book.start is not None else None
            if purse.balance and known != purse.balance:
                self._fail("I-06 conservation", f"{name} is {purse.balance} at the venue, {known} by the log")

    def _convergence(self, engine: Engine) -> None:
        """I-21: trading, nothing unresolved, nothing in motion, delta on target."""
        state, world = engine.state, self._world
        if state.mode is not Mode.TRADING:
            self._fail("I-21 convergence", f"{state.mode.value}: {state.why}")
        if open_orders := [o.place.order_link_id for o in state.blotter.unsettled()]:
            self._fail("I-21 convergence", f"unsettled: {open_orders}")
        if state.hedge is not None:
            self._fail("I-21 convergence", "a hedge is still in motion")
        target = state.last_decided.target_delta if state.last_decided else None
        if target is None:
            self._fail("I-21 convergence", f"no target: {state.last_decided.reason if state.last_decided else None}")
        assert target is not None
        gap = abs(world.true_delta - target)
        band = D(str(world.config.policy.band_btc)) + STEP
        may_be_reached = world.true_spot - target <= world.config.limits.max_leg and not self._lacks_margin(target)
        if gap > band and may_be_reached:
            self._fail("I-21 convergence", f"delta {world.true_delta}, target {target}")

    def _lacks_margin(self, target: Decimal) -> bool:
        """Whether the account cannot carry the growth that is left, by the venue's own reckoning, and a person was told."""
        world = self._world
        gap = world.true_delta - target
        side, shrinks = ("Sell", 1) if gap > 0 else ("Buy", 2)
        growth = abs(gap) - world.leg(shrinks)
        rules, margin = world.venue.state.rules, world.venue.margin(world.ACCOUNT)
        need = order_margin(side, growth * world.last_tick.mark, world.account.leverage[side], rules)
        told = any(note.kind == "hedge given up" for note in world.diary.of(Note))
        return growth > 0 and told and (margin.im_rate >= 1 or need * rules.usdt_usd > margin.available)

    def _no_ping_pong(self) -> None:
        """I-20, I-22: the quiet end sends nothing, and no more was ever traded than the way there was long."""
        world = self._world
        if self._last_place_ms > world.now - QUIET_MS and not self._limited:
            self._fail("I-22 no ping-pong", f"an order {world.now - self._last_place_ms} ms before the end of the calm")
        adopted = [
            record
            for record, at_ms in world.diary.records
            if isinstance(record, LegsAdopted) and at_ms > world.now - QUIET_MS + world.climate.skew_ms
        ]
        if adopted:
            self._fail("I-20 idempotent reconcile", f"{adopted[-1]}")
        volume = sum((row.qty for row in world.account.executions if row.link_id in self.left), ZERO)
        path = (self._initial_gap or ZERO) + self.foreign_path + self._target_path
        if volume > path + CHURN_SLACK:
            self._fail("I-22 no ping-pong", f"traded {volume}, the way was {path}")

    def _fold_is_life(self, engine: Engine) -> None:
        """I-25: the folded journal is the living state."""
        again = Engine(self._world.config, self._world.diary)
        for record, at_ms in self._world.diary.records:
            again.recover(record, at_ms)
        if again.state != engine.state:
            ours, theirs = vars_of(engine.state), vars_of(again.state)
            different = [name for name in ours if ours[name] != theirs[name] and name != "records"]
            if not different:
                return  # a process that was reborn has folded fewer prices
            self._fail("I-25 determinism", f"the folded journal differs in {different}")


def vars_of(state: object) -> dict[str, object]:
    """The fields of a slotted dataclass."""
    return {name: getattr(state, name) for name in state.__dataclass_fields__}  # type: ignore[attr-defined]
