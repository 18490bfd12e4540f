"""Where orders meet the market: fresh orders against the book, resting orders against the tape, triggers against their prices.

Orders trade with the tape's market, and with the account's own orders where they meet; two accounts never trade with each other.
"""

from __future__ import annotations

from decimal import Decimal

from bot.simulator import stops, trading
from bot.simulator.book import Level, walk
from bot.simulator.figures import ZERO
from bot.simulator.instruments import Contract
from bot.simulator.intake import check_price, market_bound
from bot.simulator.orders import Order
from bot.simulator.params import Refusal
from bot.simulator.positions import closes, only_closes
from bot.simulator.state import Account, State

__all__ = ["match_account", "place", "work"]


def place(state: State, account: Account, order: Order) -> None:
    """Admit a new order and let it act. Refusals come before anything has changed (Bybit: order/create-order).

    Which refusal wins is undocumented; here parameters and filters come first, then open-order caps, then balance.
    """
    trading.check_caps(state, account, order)
    if order.freezes or not order.is_conditional:
        trading.admit(state, account, order)
    trading.enter(state, account, order)
    if order.is_conditional:
        trading.tell_order(state, account, order)
        if order.category == "linear":
            trading.tell_position(state, account, account.legs[order.position_idx])
        return
    work(state, account, order)


def work(state: State, account: Account, order: Order) -> None:
    """Match an order that is on its way to the book: it trades what it can, and its time in force says what becomes of the rest."""
    fate = account.fates.popleft() if account.fates else None
    if fate is not None and fate.kind == "reject" and not order.cum_qty:
        trading.reject(state, account, order, fate.reason)
        return
    qty = _wanted(account, order)
    if not qty and order.quote_budget is None:
        trading.cancel(state, account, order, "CancelByReduceOnly")
        return
    if order.leaves > qty > 0 and order.quote_budget is None:
        order.qty = order.cum_qty + qty
    matches, own = _matches(state, order, qty), _own_reached(state, account, order)
    if (matches or own) and order.tif == "PostOnly":
        trading.cancel(state, account, order, reason="EC_PostOnlyWillTakeLiquidity")
        return
    if order.tif == "FOK" and sum((each.qty for each in matches), ZERO) + sum((o.leaves for o in own), ZERO) < qty:
        trading.cancel(state, account, order, reason=state.rules.fok_reason)
        return
    if own:
        for maker in own:
            _meet_own(state, account, order, maker)
        if not order.is_open or not (qty := _wanted(account, order)):
            return
        matches = _matches(state, order, qty)
    if fate is not None and fate.kind == "partial":
        matches = _cut(state.contracts[order.category], matches, fate.share)
    if matches:
        _take(state, account, order, matches)
    if not order.is_open:
        return
    if fate is not None and fate.kind == "partial":
        trading.cancel(state, account, order, reason=fate.reason)
        return
    if order.tif in ("IOC", "FOK"):
        market = order.order_type == "Market"
        reason = state.rules.market_remainder_reason if market else state.rules.ioc_remainder_reason
        trading.cancel(state, account, order, reason=reason)
    elif not matches:
        trading.tell_order(state, account, order)
        if order.category == "linear":
            trading.tell_position(state, account, account.legs[order.position_idx])
        else:
            trading.tell_wallet(state, account)


def _wanted(account: Account, order: Order) -> Decimal:
    """What is left to trade: closing orders never exceed their leg."""
    if order.category != "linear":
        return order.leaves
    leg = account.legs[order.position_idx]
    if not only_closes(leg, order.side, reduce_only=order.reduce_only):
        return order.leaves
    return min(order.leaves, leg.size) if closes(leg, order.side) else ZERO


def _matches(state: State, order: Order, qty: Decimal) -> list[Level]:
    if order.quote_budget is None:
        return walk(state, order.category, order.side, qty, order.price)
    return _by_value(state, state.contracts["spot"], order)


def _cut(contract: Contract, matches: list[Level], share: Decimal) -> list[Level]:
    """The first `share` of the matched quantity, on the lot."""
    left = contract.floor_qty(sum((level.qty for level in matches), ZERO) * share)
    kept: list[Level] = []
    for level in matches:
        take = min(level.qty, left)
        if take:
            kept.append(Level(level.price, take))
            left -= take
    return kept


def _by_value(state: State, contract: Contract, order: Order) -> list[Level]:
    """A spot market order by value: as much coin as its USDT buys (or must be sold), rounded down to the lot."""
    budget, found = order.leaves, []
    for level in walk(state, "spot", order.side, contract.max_limit_qty, order.price):
        qty = min(level.qty, contract.floor_qty(budget / level.price))
        if not qty:
            break
        found.append(Level(level.price, qty))
        budget -= qty * level.price
    return found


def _take(state: State, account: Account, order: Order, matches: list[Level]) -> None:
    side = (order.category, order.side)
    traded = sum((level.qty for level in matches), ZERO)
    state.taken[side] = state.taken.get(side, ZERO) + traded
    trading.fill(state, account, order, matches, maker=False)
    _after(state, account, order, traded)


def _after(state: State, account: Account, order: Order, traded: Decimal) -> None:
    """What a trade sets in motion: stops come alive, follow their leg, or die with it."""
    stops.attach(state, account, order, traded)
    if order.category == "linear":
        stops.follow(state, account, account.legs[order.position_idx])


# -- an account meets itself --------------------------------------------------------------------------------------------------


def _own_reached(state: State, account: Account, order: Order) -> list[Order]:
    """The account's resting orders that this one would trade with before it is done, best first: those priced better than the last level
    it needs of the market's book. Nearly always none. Spot market orders by value pass them by."""
    facing = [o for o in account.resting(order.category) if o.side != order.side and _crosses(order, o.price)]
    if not facing or order.quote_budget is not None:
        return []
    facing.sort(key=lambda o: o.price, reverse=order.side == "Sell")
    reached, left = [], _wanted(account, order)
    for maker in facing:
        before = _levels_before(state, order, maker, left)
        if left <= sum((level.qty for level in before), ZERO):
            break
        reached.append(maker)
        left -= maker.leaves if order.smp_type == "None" else ZERO
    return reached


def _crosses(order: Order, price: Decimal) -> bool:
    return price <= order.price if order.side == "Buy" else price >= order.price


def _levels_before(state: State, order: Order, maker: Order, qty: Decimal) -> list[Level]:
    """What the market's book offers at the maker's price and better: it stood there first."""
    return walk(state, order.category, order.side, qty, maker.price)


def _meet_own(state: State, account: Account, order: Order, maker: Order) -> None:
    """Trade with one's own order, or do what the taker's smpType says instead (Bybit: smp)."""
    if not order.is_open or maker.order_id not in account.orders:
        return
    before = _levels_before(state, order, maker, _wanted(account, order))
    if before:
        _take(state, account, order, before)
    qty = min(_wanted(account, order), _wanted(account, maker)) if order.is_open and maker.rests else ZERO
    if not qty:
        return
    if order.smp_type == "None":
        level = Level(maker.price, qty)
        for each in (maker, order):
            trading.fill(state, account, each, [level], maker=each is maker)
        for each in (maker, order):
            _after(state, account, each, qty)
        return
    for each, other, when in ((maker, order, "CancelMaker"), (order, maker, "CancelTaker")):
        if order.smp_type in (when, "CancelBoth"):
            each.smp_order_id = other.order_id
            trading.cancel(state, account, each, "CancelBySmp", "EC_BySelfMatch")


# -- the market moves ---------------------------------------------------------------------------------------------------------


def match_account(state: State, account: Account) -> None:
    """After a tick: resting orders the tape reached are filled, then triggers wake, until nothing more happens."""
    for order in list(account.orders.values()):
        if order.rests and order.order_id in account.orders:
            _meet_tape(state, account, order)
    stops.trail(state, account)
    while waking := stops.due(state, account):
        for order in waking:
            if order.order_id in account.orders and order.is_conditional:
                _fire(state, account, order)


def _meet_tape(state: State, account: Account, order: Order) -> None:
    """Printing through a resting price fills it whole; printing exactly at it fills a share of the volume."""
    price = state.centre(order.category)
    if price > order.price if order.side == "Buy" else price < order.price:
        return
    qty = _wanted(account, order)
    if price == order.price:
        contract = state.contracts[order.category]
        qty = min(qty, contract.floor_qty(state.market.volume * state.rules.touch_share))
    if qty:
        trading.fill(state, account, order, [Level(order.price, qty)], maker=True)
        _after(state, account, order, qty)


def _fire(state: State, account: Account, order: Order) -> None:
    """A trigger: margin is checked only now, and a short account loses the order (Bybit: order/create-order, triggerPrice)."""
    stops.wake(state, account, order)
    leg = account.legs[order.position_idx]
    if order.follows_leg or (order.reduce_only and leg.size):
        order.qty = min(order.qty, leg.size) if not order.follows_leg else leg.size
    try:
        if order.order_type == "Market":
            order.price = market_bound(state, order)
        else:
            check_price(state, account, state.contracts[order.category], order)
        _afford_fired(state, account, order)
    except Refusal:
        trading.cancel(state, account, order, reason="EC_Others")
        return
    work(state, account, order)


def _afford_fired(state: State, account: Account, order: Order) -> None:
    """Admit an order as if it were new. closeOnTrigger makes room by cancelling the contract's other orders."""
    del account.orders[order.order_id]  # it must not compete with itself for margin
    try:
        trading.admit(state, account, order)
    except Refusal:
        if not order.close_on_trigger:
            raise
        for other in [o for o in account.orders.values() if o.category == order.category and o.rests]:
            trading.cancel(state, account, other, "CancelByPrepareLiq")
        trading.admit(state, account, order)
    finally:
        account.orders[order.order_id] = order
