"""The language of the diaries, five words: given, market, venue, pass_time, expect.

Under it is a calm world: the real engine and venue, the real decoders, virtual time. Nothing happens that a diary does not write, and the
invariants of the worlds are watched all the while.

The seed book: 0.27 BTC of spot against a loan, legs of 0.213 each. Hedged, it is long 0.051 and short 0.321.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

from bot.domain.commands import HedgeEnded, LegsAdopted, Mode, Note, OrderAbsent
from bot.domain.events import OperatorAsked, Stopping, Verb
from bot.domain.legs import Leg
from bot.engine.state import State
from bot.simulator.faults import Injection
from tests.unit.engine.desk import a_config
from tests.worlds import happenings
from tests.worlds.weather import Climate
from tests.worlds.world import World

__all__ = ["CREATE", "Desk"]

CREATE = "POST /v5/order/create"
FOR_EVER_MS = 10**10
BAND = D("0.010")


class Market:
    """What prices do."""

    def __init__(self, world: World) -> None:
        self._world = world

    def moves(self, share: float) -> None:
        """Every price stands `share` higher from now on."""
        self._world.tape.gap(share)

    def prints_badly(self, share: float) -> None:
        """One last price is off by `share`; mark and index stay."""
        self._world.tape.bad_last = round(self._world.tape.tenths * (1 + share))

    def falls_silent(self, seconds: float) -> None:
        """No ticker comes; everything else does."""
        self._world.wires.ticker_silent_until = self._world.now + round(seconds * 1000)


class Venue:
    """What Bybit, the way to it, and other hands do."""

    def __init__(self, world: World) -> None:
        self._world = world

    def suffers(self, fault: str, match: str = "", *, times: int | None = None, **more: Any) -> None:
        """A misfortune of the simulator's catalogue is at work from now on."""
        self._world.plan.inject(Injection(fault=fault, match=match, times=times, **more))

    def recovers(self) -> None:
        """Everything works again."""
        self._world.plan.lift()
        self._world.rest_down_until = 0
        self._world.climate.read_lag_p = self._world.climate.reset_p = 0.0

    def reads_lag(self, ms: int) -> None:
        """Every read shows the account as it was up to `ms` ago."""
        self._world.climate.read_lag_p, self._world.climate.read_lag_ms = 1.0, ms

    def cannot_be_reached(self, seconds: float) -> None:
        """REST is down: half the requests never leave, the others are not answered."""
        self._world.rest_down_until = self._world.now + round(seconds * 1000)

    def cuts(self, stream: str, seconds: float = 0) -> None:
        """A stream is cut, and cannot be opened for a while."""
        line = getattr(self._world.wires, stream)
        line.shut_until = self._world.now + round(seconds * 1000)
        line.cut("cut")

    def goes_deaf(self, stream: str) -> None:
        """A connection stays, hears nothing and says nothing."""
        getattr(self._world.wires, stream).deaf = True

    def sees_the_owner_trade(self, leg: Leg, growth: str) -> None:
        """The owner grows (or, below zero, shrinks) a leg by hand."""
        happenings.foreign_trade(self._world, int(leg), D(growth))

    def deleverages(self, leg: Leg, qty: str) -> None:
        world = self._world
        world.venue.advance(world.now)
        world.before_foreign()
        world.venue.adl(world.ACCOUNT, int(leg), D(qty))
        world.after_foreign()
        world.venue_moved()

    def liquidates(self) -> None:
        world = self._world
        world.venue.advance(world.now)
        world.before_foreign()
        world.venue.liquidate(world.ACCOUNT)
        world.after_foreign()
        world.venue_moved()

    def receives(self, coin: str, amount: str) -> None:
        """Coin comes from outside, or below zero goes there."""
        world = self._world
        world.venue.advance(world.now)
        world.before_foreign()
        world.venue.deposit(world.ACCOUNT, coin, D(amount), "UNIFIED")
        world.after_foreign()
        world.venue_moved()

    def changes_the_contract(self, **filters: Any) -> None:
        self._world.venue.set_contract("linear", **filters)

    def allows_leverage(self, times: str) -> None:
        """Every leg and order needs this part of its worth as margin from now on."""
        self._world.account.leverage = {"Buy": D(times), "Sell": D(times)}
        self._world.network.note_change()

    def thins_its_book(self, btc: str) -> None:
        """One level of `btc` a side."""
        rules = replace(self._world.venue.state.rules, book_levels=1, linear_level_qty=D(btc))
        self._world.venue.set_rules(rules)

    def moves_a_leg_unseen(self, leg: Leg, qty: str) -> None:
        """A leg changes and no execution tells why."""
        world = self._world
        world.expects_adoption = True
        held = world.account.legs[int(leg)]
        held.size += D(qty)
        held.seq = world.venue.state.mint.seq()
        held.entry_value = held.size * world.last_tick.mark
        world.network.note_change()

    def sees_the_owner_buy_spot(self, btc: str) -> None:
        """The owner buys coin at market; its fee is charged in coin (below zero: sells, and pays in USDT)."""
        world, qty = self._world, D(btc)
        params = {
            "category": "spot", "symbol": "BTCUSDT", "side": "Buy" if qty > 0 else "Sell", "orderType": "Market",
            "qty": f"{abs(qty)}", "marketUnit": "baseCoin", "isLeverage": 1,
        }  # fmt: skip
        world.venue.advance(world.now)
        world.before_foreign()
        reply = world.venue.request(world.ACCOUNT, "POST", "/v5/order/create", params)
        assert reply.ret_code == 0, reply.ret_msg
        world.after_foreign()
        world.venue_moved()

    def moves_money_unseen(self, coin: str, amount: str) -> None:
        """A balance changes and no row of the transaction log tells why."""
        self._world.expects_adoption = True
        self._world.account.purses[coin].balance += D(amount)
        self._world.network.note_change()

    def forgets_closed_orders(self) -> None:
        """Lists show no order that has ended, and no execution of it, as a day later."""
        self._world.account.closed.clear()
        self._world.venue.advance(self._world.now)  # what answers from memory must ask again


class Desk:
    """One diary."""

    def __init__(self) -> None:
        self.world: World

    # -- given ----------------------------------------------------------------------------------------------------------------

    def given(
        self, *, spot: str = "0.27", long: str = "0.213", short: str = "0.213", hedged: bool = True, **settings: Any
    ) -> None:
        """A book, and a bot that has hedged it (or has just been started, with `hedged` False)."""
        settings.setdefault("limits", a_config().limits)
        calm = Climate(latency_ms=20, sigma=0.0)
        self.world = World(7, climate=calm, book=(spot, long, short), storm_ms=FOR_EVER_MS, **settings)
        self.world.away_ms = (1000,)
        self.market, self.venue = Market(self.world), Venue(self.world)
        self.world.begin()
        if hedged:
            self.pass_time(seconds=60)

    # -- the process and the person ----------------------------------------------------------------------------------------------

    def kill(self, at: str = "") -> None:
        """SIGKILL, now or at the next line of that name; it is started again a little later."""
        if at:
            self.world.kill_at = at
        else:
            self.world.die()

    def freeze(self, seconds: float) -> None:
        """The process stands still."""
        self.world.freeze(round(seconds * 1000))

    def operator(self, verb: Verb) -> None:
        self.world.hear(OperatorAsked(verb=verb, reason="looked at it", who="operator"))

    def latch(self, *, closed: bool) -> None:
        happenings.latch(self.world, closed=closed)

    def stop(self) -> None:
        self.world.hear(Stopping(reason="SIGTERM"))

    # -- pass_time, expect -----------------------------------------------------------------------------------------------------

    def pass_time(self, *, seconds: float = 0, minutes: float = 0) -> None:
        self.world.pass_until(self.world.now + round(seconds * 1000 + minutes * 60_000))

    @property
    def state(self) -> State:
        assert self.world.engine is not None
        return self.world.engine.state

    def mark(self) -> None:
        """Count orders from here on."""
        self._sent_before = len(self.world.checkers.left)

    _sent_before = 0

    @property
    def sent(self) -> int:
        """Orders that left since `mark`."""
        return len(self.world.checkers.left) - self._sent_before

    @property
    def notes(self) -> list[str]:
        return [note.kind for note in self.world.diary.of(Note)]

    def expect(
        self,
        *,
        long: str | None = None,
        short: str | None = None,
        delta: str | None = None,
        hedged: bool | None = None,
        sent: int | None = None,
        mode: Mode | None = None,
        unsettled: Sequence[str] | None = None,
        note: str | None = None,
        absent: int | None = None,
        adopted: int | None = None,
        given_up: int | None = None,
        books_agree: bool = True,
    ) -> None:
        """What must be so now. Legs and delta are the venue's own; `hedged`: its delta is inside the band; `unsettled`: states of orders
        still in flight."""
        world = self.world
        truth = {"long": world.leg(1), "short": world.leg(2), "delta": world.true_delta}
        wanted = {"long": long, "short": short, "delta": delta}
        for name, value in wanted.items():
            assert value is None or D(value) == truth[name], f"{name}: expected {value}, the venue has {truth[name]}"
        if hedged is not None:
            assert hedged == (abs(world.true_delta) <= BAND), f"the venue's delta is {world.true_delta}"
        if sent is not None:
            assert sent == self.sent
        if mode is not None:
            assert mode is self.state.mode, self.state.why
        if unsettled is not None:
            assert list(unsettled) == [order.state.value for order in self.state.blotter.unsettled()]
        assert note is None or note in self.notes
        assert absent is None or absent == len(world.diary.of(OrderAbsent))
        assert adopted is None or adopted == len(world.diary.of(LegsAdopted)) - 1
        assert given_up is None or given_up == sum(1 for end in world.diary.of(HedgeEnded) if not end.reached)
        if books_agree:
            legs = self.state.ledger.legs
            assert (world.leg(1), world.leg(2)) == (legs[Leg.LONG].qty, legs[Leg.SHORT].qty)
