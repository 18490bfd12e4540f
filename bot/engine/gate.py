"""The gate: the only place where an order is made.

It turns a wish ("take the short leg to 0.321") into a PlaceOrder inside every limit, or into a Refusal that names the rule. A wrong order
cannot be written by accident because nothing else can write one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.commands import PlaceOrder, Refusal
from bot.domain.events import TickerSeen
from bot.domain.instrument import Instrument
from bot.domain.legs import Act, Leg, wire_side
from bot.domain.orders import TimeInForce
from bot.engine.config import Limits
from bot.engine.modes import Permission

__all__ = ["Surroundings", "Wish", "admit", "most_at_once", "most_there_and_back", "shrinks_delta", "touch"]

_BP = Decimal(10_000)
LEAST_SLICE = Decimal("0.05")
"""An order that takes is never cut below this many BTC for want of visible size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a decision wants done to one leg: `qty` BTC, before any rounding. `rests`: at the touch, post-only, not taking. `returns`: half
    of a round trip, which closes what it will open again, or opens again what it closed."""

    decision: int
    leg: Leg
    act: Act
    qty: Decimal
    rests: bool = False
    returns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the gate looks at. `may_grow_by` is the worst case of what is on its way for this leg; `delta` counts it as done."""

    order_link_id: str
    instrument: Instrument | None
    permission: Permission
    mode: str
    ticker: TickerSeen | None
    ticker_fresh: bool
    limits: Limits
    leg_qty: Decimal
    may_grow_by: Decimal
    unsettled: int
    delta: Decimal | None
    sent_last_minute: int
    sent_last_day: int


def admit(wish: Wish, around: Surroundings) -> PlaceOrder | Refusal:
    """The order that fulfils the wish inside every limit, or the refusal that names the first rule broken."""
    if (rule := _broken_rule(wish, around)) is not None:
        return Refusal(decision=wish.decision, leg=wish.leg, act=wish.act, qty=wish.qty, rule=rule[0], reason=rule[1])
    assert around.instrument is not None
    return PlaceOrder(
        order_link_id=around.order_link_id,
        symbol=around.instrument.symbol,
        leg=wish.leg,
        act=wish.act,
        qty=around.instrument.qty(_steps(wish, around)),
        limit_price=_price(wish, around),
        time_in_force=TimeInForce.POST_ONLY if wish.rests else TimeInForce.IOC,
        decision=wish.decision,
        mid=around.ticker.mid if around.ticker is not None else None,
    )


def shrinks_delta(order: Wish | PlaceOrder, delta: Decimal | None) -> bool:
    """Whether a reduce-only order makes |delta| smaller, and does not carry it across zero to a larger size."""
    if order.act is not Act.SHRINK or delta is None:
        return False
    change = -order.qty if order.leg is Leg.LONG else order.qty
    return abs(delta + change) < abs(delta)


def most_at_once(ticker: TickerSeen, instrument: Instrument, limits: Limits) -> Decimal:
    """BTC that one order which takes may be, whichever side of the touch it takes."""
    shown = min((qty for qty in (ticker.bid_qty, ticker.ask_qty) if qty is not None), default=limits.max_order)
    return instrument.qty(instrument.steps(min(limits.max_order, instrument.max_limit_qty, max(shown, LEAST_SLICE))))


def most_there_and_back(ticker: TickerSeen, instrument: Instrument, limits: Limits) -> Decimal:
    """BTC of a leg that the orders of one minute can close and open again."""
    return limits.max_orders_per_minute // 2 * most_at_once(ticker, instrument, limits)


def _broken_rule(wish: Wish, around: Surroundings) -> tuple[str, str] | None:
    """The first rule that this order would break, and how; None where it breaks none."""
    if around.instrument is None:
        return "instrument", "the contract's filters are unknown"
    if around.instrument.status != "Trading" and wish.act is Act.GROW:
        return "instrument", f"the contract is {around.instrument.status}, not Trading"
    permission = around.permission
    closes = permission.close and wish.act is Act.SHRINK
    shrinks_risk = closes or shrinks_delta(wish, around.delta)
    if not (permission.grow or (shrinks_risk and permission.shrink) or (wish.returns and permission.defend)):
        return "mode", f"{around.mode} does not allow to {wish.act.value} the {wish.leg.name.lower()} leg"
    if around.unsettled:
        return "one in motion", f"{around.unsettled} order(s) still in flight"
    if (wish.rests or not shrinks_risk) and not around.ticker_fresh:
        return "freshness", "the price is stale"
    if closes:
        return _broken_size(wish, around)  # the order rate keeps a fifth of the venue's own budget free for this
    if around.sent_last_minute >= around.limits.max_orders_per_minute:
        return "order rate", f"{around.sent_last_minute} orders in the last minute"
    if around.sent_last_day >= around.limits.max_orders_per_day:
        return "order rate", f"{around.sent_last_day} orders in the last day"
    return _broken_size(wish, around) or _broken_price(wish, around)


def _broken_size(wish: Wish, around: Surroundings) -> tuple[str, str] | None:
    assert around.instrument is not None
    if wish.act is Act.GROW and _room(around) < around.instrument.min_qty:
        worst = around.leg_qty + around.may_grow_by + wish.qty
        return "leg limit", f"the leg could reach {worst}, above the limit of {around.limits.max_leg}"
    qty = around.instrument.qty(_steps(wish, around))
    if qty < around.instrument.min_qty:
        return "minimum", f"{wish.qty} is below the smallest order of {around.instrument.min_qty}"
    if wish.act is Act.GROW:
        if around.ticker is not None and qty * around.ticker.mark < around.instrument.min_notional:
            return "minimum", f"{qty} is worth less than {around.instrument.min_notional} USDT"
    elif qty > around.leg_qty:
        return "over-close", f"{qty} is more than the leg's {around.leg_qty}"
    return None


def _broken_price(wish: Wish, around: Surroundings) -> tuple[str, str] | None:
    cap = _price(wish, around)
    if cap is None or around.ticker is None:
        return None
    off_bp = abs(cap - around.ticker.mark) / around.ticker.mark * _BP
    if off_bp > around.limits.price_collar_bp:
        return "price collar", f"{cap} is {off_bp:.0f} bp off the mark {around.ticker.mark}"
    return None


def _steps(wish: Wish, around: Surroundings) -> int:
    """The quantity in steps: never more than asked, never more than one order may be. The rest is for the next order.

    An order that takes is a slice of what the touch shows: what stands behind it is dearer, and comes again. A touch that shows next to
    nothing does not cut a hedge to dust.
    """
    assert around.instrument is not None
    is_market = _price(wish, around) is None
    most = around.instrument.max_market_qty if is_market else around.instrument.max_limit_qty
    one_order = min(wish.qty, around.limits.max_order, most)
    if not wish.rests and not around.permission.close and (visible := _visible(wish, around)) is not None:
        one_order = min(one_order, max(visible, LEAST_SLICE))
    if wish.act is Act.GROW:
        one_order = min(one_order, _room(around))
    return around.instrument.steps(one_order)


def _room(around: Surroundings) -> Decimal:
    """How much the leg may still grow, everything on its way counted; never below zero."""
    return max(Decimal(0), around.limits.max_leg - around.leg_qty - around.may_grow_by)


def _visible(wish: Wish, around: Surroundings) -> Decimal | None:
    """What stands at the touch on the side that this order takes; None where nobody says, or where it is old news."""
    if around.ticker is None or not around.ticker_fresh:
        return None
    return around.ticker.ask_qty if _buys(wish) else around.ticker.bid_qty


def _price(wish: Wish, around: Surroundings) -> Decimal | None:
    """The limit: the touch for an order that rests, else the worst price accepted.

    None, a market order, only to shrink on a blind feed or in an emergency: the venue bounds its slippage by mark.
    """
    if around.ticker is None or not around.ticker_fresh or around.permission.close:
        return None
    assert around.instrument is not None
    if wish.rests:
        return touch(wish.leg, wish.act, around.ticker, around.instrument)
    slip = around.limits.slippage_cap_bp / _BP
    if _buys(wish):
        return around.instrument.price_at_most(around.ticker.ask * (1 + slip))
    return around.instrument.price_at_least(around.ticker.bid * (1 - slip))


def touch(leg: Leg, act: Act, ticker: TickerSeen, instrument: Instrument) -> Decimal:
    """Where an order rests: the best price of its own side."""
    if wire_side(leg, act).side == "Buy":
        return instrument.price_at_most(ticker.bid)
    return instrument.price_at_least(ticker.ask)


def _buys(wish: Wish) -> bool:
    return wire_side(wish.leg, wish.act).side == "Buy"
