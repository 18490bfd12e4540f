"""Resting: a routine hedge waits at the touch as a maker, follows the touch, and takes what is left when its time is up.

Following is cancel and replace, never amend: what became of an amend that nobody answered could not be told from the order's row, and a
new order is what the blotter already knows how to follow. An order stays on the book only while everything that put it there still holds;
in any other case it is asked to leave, again and again until it has left. A fill that overtakes the cancel is booked like any other.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.commands import CancelOrder, Mode
from bot.domain.orders import OrderState
from bot.engine import gate, sight
from bot.engine.blotter import OurOrder
from bot.engine.config import Style
from bot.engine.state import Hedge, State

__all__ = ["is_worth_it", "leave"]

MOST_BOUNCES = 5
"""Post-only orders in a row that died at once: the market runs, the hedge crosses."""

_MINUTE_MS = 60_000
_SEEN = frozenset({OrderState.OPEN, OrderState.PARTIAL})


def is_worth_it(state: State, hedge: Hedge, now_ms: int) -> bool:
    """Whether the hedge's next order should rest: there is time, the market lets it, and the order budget is far from spent."""
    sent = state.blotter.sent_since(now_ms - _MINUTE_MS)
    return (
        _is_patient(state, hedge, now_ms)
        and 2 * sent < state.config.limits.max_orders_per_minute
        and _bounces(state, hedge) < MOST_BOUNCES
    )


def leave(state: State, now_ms: int) -> Iterator[CancelOrder]:
    """Ask every resting order to leave that should not stay."""
    for order in state.blotter.unsettled():
        stands = order.may_rest or (state.stopping and order.state in _SEEN)
        if stands and not _was_just_asked(state, order, now_ms) and not _may_stay(state, order, now_ms):
            yield CancelOrder(order_link_id=order.place.order_link_id, symbol=order.place.symbol)


def _may_stay(state: State, order: OurOrder, now_ms: int) -> bool:
    hedge = state.hedge
    if hedge is None or order.place.decision != hedge.decision or order.cancel_asked_ms is not None:
        return False
    return _is_patient(state, hedge, now_ms) and _is_at_the_touch(state, order, now_ms)


def _is_patient(state: State, hedge: Hedge, now_ms: int) -> bool:
    """Whether this hedge may still wait. A spoiled one may not: its targets no longer mean what they meant."""
    return (
        hedge.style is Style.CHASE
        and state.mode is Mode.TRADING
        and not (state.stopping or state.wants_attention)
        and not hedge.spoiled
        and not state.spot_moved(hedge)
        and now_ms - hedge.started_ms < state.config.execution.chase_ms
        and sight.ticker_is_fresh(state, now_ms)
    )


def _is_at_the_touch(state: State, order: OurOrder, now_ms: int) -> bool:
    """At the best price of its side, or moved there so lately that following would only lose the place in the queue."""
    ticker, rules = state.market.ticker, state.instrument
    if ticker is None or rules is None or now_ms - order.sent_ms < state.config.execution.repeg_ms:
        return True
    return order.place.limit_price == gate.touch(order.place.leg, order.place.act, ticker, rules)


def _was_just_asked(state: State, order: OurOrder, now_ms: int) -> bool:
    asked_ms = order.cancel_asked_ms
    return asked_ms is not None and now_ms - asked_ms < state.config.patience.seek_after_ms


def _bounces(state: State, hedge: Hedge) -> int:
    count = 0
    for order in reversed(state.blotter.orders.values()):
        if order.place.decision != hedge.decision or not order.bounced:
            break
        count += 1
    return count
