"""What happens in a storm at a moment of its own: cuts, kills, operators, owners, deleveraging, deposits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from bot.domain import names
from bot.domain.events import LatchSeen, OperatorAsked, Verb
from bot.domain.legs import Act, Leg
from bot.simulator.deeds import trade_by_owner
from bot.simulator.params import Refusal
from tests.worlds.diary import FULL, HUNG
from tests.worlds.weather import LONGEST_LAG_MS

if TYPE_CHECKING:
    from tests.worlds.world import World

__all__ = ["calm_down", "foreign_trade", "latch", "plan", "twin"]

D = Decimal
KILL_POINTS = (
    "after ack",
    "after commit before send",
    "after send",
    "at a fill",
    "before commit",
    "line 1",
    "line 2",
    "line 3",
    "line 5",
    "line 8",
    "line 13",
)


def plan(world: World) -> None:
    """Spread the climate's happenings over the storm."""
    rng = world.rng
    span = world.storm_ends - world.now
    for name, times in world.climate.happenings.items():
        deed = _DEEDS[name]
        for _ in range(times):
            world.at(world.now + rng.randint(1000, max(1001, span - 1000)), lambda deed=deed: deed(world))  # type: ignore[misc]
    own = Random(world.seed)  # dice of their own: what came later must not change the lives that were lived before
    if world.climate.happenings and own.random() < 0.3:
        for _ in range(own.randint(1, 4)):
            world.at(world.now + own.randint(60_000, max(60_001, span - 1000)), lambda: _realise(world))
    if world.climate.happenings and own.random() < 0.3:
        for _ in range(own.randint(1, 4)):
            world.at(world.now + own.randint(60_000, max(60_001, span - 1000)), lambda: _small_deposit(world))
    if world.climate.happenings and own.random() < 0.5:
        for _ in range(own.randint(2, 5)):
            amount = D(own.choice(("0.05", "0.08", "-0.04")))
            when = world.now + own.randint(60_000, max(60_001, span - 12_000))
            world.at(when, lambda amount=amount: _coin_before_its_wallet(world, amount))  # type: ignore[misc]
    if world.climate.happenings and own.random() < 0.1:
        world.at(world.now + own.randint(60_000, max(60_001, span - 1000)), lambda: twin(world))
    if world.climate.happenings and own.random() < 0.2:
        verb = own.choice((Verb.FREEZE, Verb.NEUTRALISE, Verb.FLATTEN))
        world.at(world.now + own.randint(60_000, max(60_001, span - 1000)), lambda: _emergency(world, verb))
    if world.climate.happenings and own.random() < 0.25:
        for _ in range(own.randint(1, 4)):
            problem, for_ms = own.choice((FULL, HUNG)), own.choice((800, 5_000, 30_000, 120_000))
            when = world.now + own.randint(1_000, max(1_001, span - 1000))
            world.at(when, lambda problem=problem, for_ms=for_ms: world.break_disk(problem, for_ms))  # type: ignore[misc]


def calm_down(world: World) -> None:
    """The storm is over: what can be undone is undone, and an operator has looked at what waits for one."""
    world.rest_down_until = 0
    world.kill_at = None
    world.mend_disk()
    world.wires.ticker_silent_until = 0
    world.tape.frozen_until = 0
    for line in (world.wires.public, world.wires.private):
        line.shut_until = 0
        if line.deaf:
            line.cut("half open no longer")
    world.venue.set_rules(replace(world.venue.state.rules, book_levels=500, linear_level_qty=D("1.5")))
    world.account.fates.clear()
    for order in list(world.account.orders.values()):
        if names.parsed(order.link_id) is None:
            params = {"category": "linear", "symbol": "BTCUSDT", "orderId": order.order_id}
            world.venue.request(world.ACCOUNT, "POST", "/v5/order/cancel", params)
    world.venue_moved()
    world.at(world.now + 60_000, lambda: _operator_looks(world))
    world.at(world.now + 180_000, lambda: _operator_looks_again(world))


def _operator_looks_again(world: World) -> None:
    """What another hand did in the storm may be heard of only now, and close the latch once more: a person lifts that too."""
    if world.latched:
        _operator_looks(world)


def _operator_looks(world: World) -> None:
    _lift(world)
    world.checkers.on_operator(Verb.RESUME)
    world.hear(OperatorAsked(verb=Verb.RESUME, reason="the storm is over", who="operator"))


def _lift(world: World) -> None:
    """A person lifts what is closed, and looks again: a trade of the storm that is heard late closes a lifted latch once more."""
    if world.latched or (world.engine is not None and world.engine.state.latched):
        latch(world, closed=False)
    world.at(world.now + 60_000, lambda: _lift(world))


def latch(world: World, *, closed: bool) -> None:
    """The latch on disk closes or opens; the daemon sees it."""
    world.latched = closed
    world.checkers.on_latch(closed)
    world.hear(LatchSeen(closed=closed, reason="kill switch" if closed else ""))


def foreign_trade(world: World, idx: int, growth: Decimal) -> None:
    """The owner trades a leg by hand, at market."""
    world.marks["foreign trade"] += 1
    world.venue.advance(world.now)
    world.before_foreign()
    trade_by_owner(world.venue, world.ACCOUNT, idx, growth)
    world.after_foreign()
    world.venue_moved()


def _emergency(world: World, verb: Verb) -> None:
    """A person has had enough; the latch stays closed until the calm."""
    world.hear(OperatorAsked(verb=verb, reason="enough", who="operator"))


# -- deeds --------------------------------------------------------------------------------------------------------------------


def _cut_private(world: World) -> None:
    line = world.wires.private
    world.marks["stream cut"] += 1
    line.shut_until = world.now + world.rng.choice((0, 2000, 30_000, 120_000))
    line.cut("cut")


def _cut_public(world: World) -> None:
    line = world.wires.public
    world.marks["stream cut"] += 1
    line.shut_until = world.now + world.rng.choice((0, 2000, 30_000))
    line.cut("cut")


def _half_open(world: World) -> None:
    world.marks["stream half open"] += 1
    world.rng.choice((world.wires.public, world.wires.private)).deaf = True


def _rest_down(world: World) -> None:
    world.rest_down_until = world.now + world.rng.choice((5000, 30_000, 120_000))


def _freeze(world: World) -> None:
    world.marks["process frozen"] += 1
    if world.engine is not None:
        world.freeze(world.rng.choice((2000, 15_000, 60_000)))


def _facts_lost(world: World) -> None:
    world.lose_facts(world.rng.randint(1, 3))


def _kill(world: World) -> None:
    world.die()


def _kill_at(world: World) -> None:
    world.kill_at = world.rng.choice(KILL_POINTS)


def _pause(world: World) -> None:
    world.marks["paused and resumed"] += 1
    world.checkers.on_operator(Verb.PAUSE)
    world.hear(OperatorAsked(verb=Verb.PAUSE, reason="lunch", who="operator"))

    def resume() -> None:
        world.checkers.on_operator(Verb.RESUME)
        world.hear(OperatorAsked(verb=Verb.RESUME, reason="back", who="operator"))

    world.at(world.now + world.rng.choice((5000, 60_000)), resume)


def _latch(world: World) -> None:
    latch(world, closed=True)
    world.at(world.now + world.rng.choice((5000, 90_000)), lambda: latch(world, closed=False))


def _rehedge(world: World) -> None:
    world.hear(OperatorAsked(verb=Verb.REHEDGE, reason="now", who="operator"))


def _small_deposit(world: World) -> None:
    """Enough to leave the band and no hurry: the hedge rests as a maker."""
    _move_coin(world, D("0.018"))


def _coin_before_its_wallet(world: World, amount: Decimal) -> None:
    """The stream tells that coin came or went, and is cut; what is read then has the legs of now, and the wallet before it."""
    if _move_coin(world, amount):
        world.network.wallet_stands(world.now - 1, for_ms=LONGEST_LAG_MS)
        world.at(world.now + 4_000, lambda: world.wires.private.cut("a server of the venue gives way to another"))


def _realise(world: World) -> None:
    """The price moves, and somebody wants the profit in cash."""
    world.tape.gap(-0.01)
    world.at(
        world.now + 15_000,
        lambda: world.hear(OperatorAsked(verb=Verb.REALISE, reason="cash", who="operator")),
    )


def _foreign_trade(world: World) -> None:
    idx = world.rng.choice((1, 2))
    size = D(world.rng.choice((3, 20, 50, 120))) / 1000
    shrink = min(size, world.leg(idx))
    growth = -shrink if shrink and world.rng.random() < 0.5 else size
    foreign_trade(world, idx, growth)


def _foreign_order(world: World) -> None:
    """The owner leaves a limit order far away, with no name or a name of his own."""
    world.marks["foreign order"] += 1
    price = world.last_tick.last * D("0.97")
    params = {
        "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "timeInForce": "GTC",
        "price": f"{price:.1f}", "qty": "0.010", "positionIdx": 1,
        "orderLinkId": world.rng.choice(("", f"hand-{world.rng.getrandbits(20)}")),
    }  # fmt: skip
    world.venue.advance(world.now)
    world.venue.request(world.ACCOUNT, "POST", "/v5/order/create", params)
    world.venue_moved()


def twin(world: World, *, run: str = "", number: int = 0) -> None:
    """Another HedgeLock trades on this account: one nobody here knows, or (`run`) the original of the disk that we are a copy of."""
    world.marks["another HedgeLock"] += 1
    run = run or names.run_name(world.started_ms - 1, f"{len(world.twins):06x}")
    link = names.link_id(run, number or len(world.twins) + 1, Leg.LONG, Act.GROW)
    world.twins.append(link)
    params = {
        "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.010", "positionIdx": 1,
        "orderLinkId": link,
    }  # fmt: skip
    world.venue.advance(world.now)
    world.before_foreign()
    world.venue.request(world.ACCOUNT, "POST", "/v5/order/create", params)
    world.after_foreign()
    world.venue_moved()


def _adl(world: World) -> None:
    idx = world.rng.choice((1, 2, 2))
    held = world.leg(idx)
    qty = world.venue.state.linear.floor_qty(held * D(str(world.rng.choice((0.1, 0.5, 1.0)))))
    if not qty:
        return
    world.venue.advance(world.now)
    world.before_foreign()
    world.venue.adl(world.ACCOUNT, idx, qty)
    world.after_foreign()
    world.venue_moved()


def _deposit(world: World) -> None:
    if _move_coin(world, D(world.rng.choice(("-0.03", "0.02", "0.05")))):
        world.marks["spot moved by a deposit"] += 1


def _move_coin(world: World, amount: Decimal) -> bool:
    """BTC from outside, or below zero to outside; False where the venue keeps it."""
    world.venue.advance(world.now)
    world.before_foreign()
    try:
        world.venue.deposit(world.ACCOUNT, "BTC", amount, "UNIFIED")
    except Refusal:
        return False
    world.given_btc += amount
    world.after_foreign()
    world.venue_moved()
    return True


def _price_gap(world: World) -> None:
    world.tape.gap(world.rng.choice((-0.04, -0.02, 0.02, 0.03)))


def _price_frozen(world: World) -> None:
    world.tape.frozen_until = world.now + 60_000


def _ticker_silent(world: World) -> None:
    world.wires.ticker_silent_until = world.now + world.rng.choice((8000, 40_000))


def _thin_book(world: World) -> None:
    world.venue.set_rules(replace(world.venue.state.rules, book_levels=1, linear_level_qty=D("0.01")))
    thick = replace(world.venue.state.rules, book_levels=500, linear_level_qty=D("1.5"))
    world.at(world.now + 30_000, lambda: world.venue.set_rules(thick))


def _bad_tick(world: World) -> None:
    world.tape.bad_last = round(world.tape.tenths * world.rng.choice((0.8, 0.95, 1.15)))


def _contract_change(world: World) -> None:
    tick = world.rng.choice((D("0.5"), D("0.1")))
    world.venue.set_contract("linear", tick_size=tick)
    world.at(world.now + 120_000, lambda: _contract_back(world))


def _contract_back(world: World) -> None:
    world.venue.set_contract("linear", tick_size=D("0.1"))


_DEEDS: dict[str, Callable[[World], None]] = {
    "cut private": _cut_private,
    "cut public": _cut_public,
    "half open": _half_open,
    "rest down": _rest_down,
    "freeze": _freeze,
    "facts lost": _facts_lost,
    "kill": _kill,
    "kill at": _kill_at,
    "pause": _pause,
    "latch": _latch,
    "rehedge": _rehedge,
    "foreign trade": _foreign_trade,
    "foreign order": _foreign_order,
    "adl": _adl,
    "deposit": _deposit,
    "price gap": _price_gap,
    "price frozen": _price_frozen,
    "ticker silent": _ticker_silent,
    "thin book": _thin_book,
    "bad tick": _bad_tick,
    "contract change": _contract_change,
}
