"""Orders that wait for a price: conditional orders, take profit, stop loss, trailing stops, and how they follow their leg.

Knows when they wake and when they die. Does not match them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from bot.simulator import trading
from bot.simulator.figures import ZERO
from bot.simulator.intake import trigger_now
from bot.simulator.orders import UNTRIGGERED, Order, next_status
from bot.simulator.positions import Leg, only_closes
from bot.simulator.state import Account, State

__all__ = ["attach", "due", "follow", "new_stop", "set_whole", "start_pair", "trail", "trailing_stop", "wake"]

WHOLE = {
    "TakeProfit": "CreateByTakeProfit",
    "StopLoss": "CreateByStopLoss",
    "TrailingStop": "CreateByTrailingStop",
}
PART = {"TakeProfit": "CreateByPartialTakeProfit", "StopLoss": "CreateByPartialStopLoss"}


# -- making -------------------------------------------------------------------------------------------------------------------


def new_stop(
    state: State,
    leg: Leg,
    kind: str,
    trigger_price: Decimal,
    trigger_by: str,
    *,
    whole: bool,
    qty: Decimal = ZERO,
    limit_price: Decimal = ZERO,
) -> Order:
    """A closing conditional order of `leg`. `kind`: TakeProfit, StopLoss, TrailingStop; `whole` follows the leg's size."""
    rising = (kind == "TakeProfit") == (leg.side == "Buy")
    return Order(
        serial=state.mint.serial(),
        order_id=state.mint.order_id("linear"),
        link_id="",
        category="linear",
        side="Sell" if leg.side == "Buy" else "Buy",
        order_type="Limit" if limit_price else "Market",
        qty=leg.size if whole else qty,
        price=limit_price,
        tif="GTC" if limit_price else "IOC",
        created_ms=state.now_ms,
        updated_ms=state.now_ms,
        status=UNTRIGGERED,
        position_idx=leg.idx,
        reduce_only=True,
        close_on_trigger=True,
        create_type=WHOLE[kind] if whole else PART[kind],
        stop_order_type=kind if whole else "Partial" + kind,
        order_filter="StopOrder",
        trigger_price=trigger_price,
        trigger_direction=1 if rising else 2,
        trigger_by=trigger_by,
        tpsl_mode="Full" if whole else "Partial",
        last_price_on_created=state.market.last,
        follows_leg=whole,
    )


def set_whole(state: State, account: Account, leg: Leg, kind: str, price: Decimal, trigger_by: str) -> None:
    """Set, move or (price 0) remove the one Full take profit or stop loss of a leg."""
    present = account.whole_stop(leg.idx, kind)
    if present is not None:
        trading.cancel(state, account, present, "CancelByUser")
    if price:
        _start(state, account, new_stop(state, leg, kind, price, trigger_by, whole=True))


def _start(state: State, account: Account, order: Order) -> None:
    trading.enter(state, account, order)
    trading.tell_order(state, account, order)


def attach(state: State, account: Account, order: Order, filled: Decimal) -> None:
    """Bring the TP/SL of a filled opening order to life: on the whole leg, or as a pair of the size just filled."""
    if not (order.take_profit or order.stop_loss) or not filled:
        return
    if order.category == "spot":
        _attach_spot(state, account, order)
        return
    leg = account.legs[order.position_idx]
    if not leg.size or leg.side != order.side:
        return
    wants = (
        ("TakeProfit", order.take_profit, order.tp_trigger_by, order.tp_order_type, order.tp_limit_price),
        ("StopLoss", order.stop_loss, order.sl_trigger_by, order.sl_order_type, order.sl_limit_price),
    )
    if order.tpsl_mode == "Full":
        for kind, price, by, _, _ in wants:
            if price:
                set_whole(state, account, leg, kind, price, by)
        return
    pair = [
        new_stop(
            state,
            leg,
            kind,
            price,
            by,
            whole=False,
            qty=filled,
            limit_price=limit if order_type == "Limit" else ZERO,
        )
        for kind, price, by, order_type, limit in wants
        if price
    ]
    start_pair(state, account, pair)


def start_pair(state: State, account: Account, pair: list[Order]) -> None:
    """Enter one or two partial stops; two become twins, of which only one will act."""
    if len(pair) == 2:
        pair[0].twin_id, pair[1].twin_id = pair[1].order_id, pair[0].order_id
    for stop in pair:
        _start(state, account, stop)


def _attach_spot(state: State, account: Account, order: Order) -> None:
    """A spot order's TP/SL sells (or buys back) what it brought, once it is filled; the two halves freeze the coin once."""
    if order.is_open:
        return
    contract = state.contracts["spot"]
    got = contract.floor_qty(order.cum_qty - order.fees.get("BTC", ZERO))
    pair: list[Order] = []
    for price, limit in ((order.take_profit, order.tp_limit_price), (order.stop_loss, order.sl_limit_price)):
        if not price or got < contract.min_qty:
            continue
        pair.append(
            Order(
                serial=state.mint.serial(),
                order_id=state.mint.order_id("spot"),
                link_id="",
                category="spot",
                side="Sell" if order.side == "Buy" else "Buy",
                order_type="Limit" if limit else "Market",
                qty=got,
                price=limit,
                tif="GTC" if limit else "IOC",
                created_ms=state.now_ms,
                updated_ms=state.now_ms,
                status=UNTRIGGERED,
                stop_order_type="BidirectionalTpslOrder",
                order_filter="tpslOrder",
                trigger_price=price,
                trigger_direction=1 if price > state.centre("spot") else 2,
                parent_link_id=order.link_id,
                last_price_on_created=state.centre("spot"),
                shadow=bool(pair),
            )
        )
    start_pair(state, account, pair)


# -- following the leg --------------------------------------------------------------------------------------------------------


def _of_leg(account: Account, leg: Leg) -> Iterator[Order]:
    return (o for o in account.orders.values() if o.category == "linear" and o.position_idx == leg.idx)


def follow(state: State, account: Account, leg: Leg) -> None:
    """After a leg changed size: stops follow it, reduce-only orders are cut to it, and on a flat leg both end."""
    for order in list(_of_leg(account, leg)):
        if order.order_id not in account.orders or not only_closes(leg, order.side, reduce_only=order.reduce_only):
            continue
        stop_of_leg = order.stop_order_type not in ("", "Stop")
        if not leg.size:
            if order.is_conditional and not stop_of_leg:
                continue  # a user's conditional close may wait for a leg to come
            trading.cancel(state, account, order, "CancelByTpSlTsClear" if stop_of_leg else "CancelByReduceOnly")
        elif order.follows_leg and order.is_conditional:
            if order.qty != leg.size:
                order.qty, order.updated_ms = leg.size, state.now_ms
        elif order.leaves > leg.size and (order.rests or stop_of_leg):
            order.qty, order.updated_ms = order.cum_qty + leg.size, state.now_ms
            trading.tell_order(state, account, order)


# -- waking -------------------------------------------------------------------------------------------------------------------


def trail(state: State, account: Account) -> None:
    """Move trailing stops behind a new best price."""
    last = state.market.last
    for order in account.orders.values():
        if not order.trail or not order.is_conditional:
            continue
        falling = order.trigger_direction == 2
        if order.active_price:
            if last < order.active_price if falling else last > order.active_price:
                continue
            order.active_price = ZERO
            order.trigger_price = ZERO
        wanted = last - order.trail if falling else last + order.trail
        if not order.trigger_price or (wanted > order.trigger_price if falling else wanted < order.trigger_price):
            order.trigger_price = wanted


def due(state: State, account: Account) -> list[Order]:
    """Conditional orders whose trigger has been reached, oldest first."""
    return [order for order in account.orders.values() if order.is_conditional and _reached(state, order)]


def _reached(state: State, order: Order) -> bool:
    if order.trail and order.active_price:
        return False
    now = trigger_now(state, order.category, order.trigger_by)
    return now >= order.trigger_price if order.trigger_direction == 1 else now <= order.trigger_price


def wake(state: State, account: Account, order: Order) -> None:
    """Untriggered -> Triggered -> New. A pair's other half dies; a stop on a vanished leg is left with nothing to close."""
    twin = account.orders.get(order.twin_id)
    order.shadow = False
    order.status = next_status(order, "trigger")
    order.updated_ms = state.now_ms
    trading.tell_order(state, account, order)
    if twin is not None and twin.is_conditional:
        by_stop = order.trigger_direction == (2 if order.side == "Sell" else 1)
        why = "CancelByOCOTpCanceledBySlTriggered" if by_stop else "CancelByOCOSlCanceledByTpTriggered"
        trading.cancel(state, account, twin, why)
    order.status = next_status(order, "rest")


def trailing_stop(state: State, leg: Leg, distance: Decimal, active_price: Decimal) -> Order:
    """A trailing stop on the whole leg (Bybit: position/trading-stop, trailingStop, activePrice)."""
    order = new_stop(state, leg, "TrailingStop", ZERO, "LastPrice", whole=True)
    last, sign = state.market.last, -1 if leg.side == "Buy" else 1
    start = ZERO if active_price else last + sign * distance
    return replace(order, trail=distance, active_price=active_price, trigger_price=start, fees={})
