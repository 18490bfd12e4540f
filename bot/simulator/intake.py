"""Reading an order request: every parameter of order/create, the filters, and what the position mode asks.

Produces an `Order` that nobody has admitted yet, or a Refusal. Knows no balances.
"""

from __future__ import annotations

import re
from decimal import Decimal

from bot.simulator.book import band, best
from bot.simulator.figures import ONE, ZERO
from bot.simulator.instruments import SYMBOL, Contract
from bot.simulator.orders import UNTRIGGERED, Order
from bot.simulator.params import Ask, Refusal
from bot.simulator.positions import Leg, closes
from bot.simulator.state import Account, State

__all__ = [
    "TRIGGER_SOURCES",
    "category_of",
    "check_price",
    "check_qty",
    "check_trigger",
    "linear_only",
    "link_key",
    "market_bound",
    "read_order",
    "trigger_now",
]

_LINK = re.compile(r"[A-Za-z0-9_-]{1,36}")
TRIGGER_SOURCES = ("LastPrice", "IndexPrice", "MarkPrice")


def category_of(ask: Ask) -> str:
    """`linear` or `spot`, with BTCUSDT as the symbol; other products are refused as Bybit refuses an unknown symbol."""
    category = ask.choice("category", ("linear", "spot", "inverse", "option"))
    symbol = ask.text("symbol")
    if category not in ("linear", "spot") or (symbol and symbol != SYMBOL):
        if category == "spot":
            raise Refusal(170121, "Invalid symbol.")
        raise Refusal(10001, "params error: symbol invalid")
    return category


def linear_only(ask: Ask) -> None:
    """Positions exist for the perpetual only."""
    if category_of(ask) != "linear":
        raise Refusal(181001, "category only support linear or option")


def read_order(state: State, account: Account, ask: Ask) -> Order:
    """An order as asked for, checked against filters, price band, position mode and its own consistency (Bybit: order/create-order)."""
    category = category_of(ask)
    ask.need("symbol")
    contract = state.contracts[category]
    if contract.status != "Trading" or not state.market.ready:
        raise Refusal(110074 if category == "linear" else 170151, "This trading pair is not open.")
    order_type = ask.choice("orderType", ("Market", "Limit"))
    order = Order(
        serial=state.mint.serial(),
        order_id=state.mint.order_id(category),
        link_id=_link_id(state, account, category, ask),
        category=category,
        side=ask.choice("side", ("Buy", "Sell")),
        order_type=order_type,
        qty=ZERO,
        price=ZERO,
        tif=_time_in_force(ask, order_type),
        created_ms=state.now_ms,
        updated_ms=state.now_ms,
        reduce_only=category == "linear" and ask.flag("reduceOnly"),
        close_on_trigger=category == "linear" and ask.flag("closeOnTrigger"),
        is_leverage=category == "spot" and ask.whole("isLeverage", 0) == 1,
        smp_type=ask.choice("smpType", ("None", "CancelMaker", "CancelTaker", "CancelBoth"), "None"),
        last_price_on_created=state.centre(category),
    )
    if category == "linear":
        order.position_idx = _position_idx(account, ask)
    _read_trigger(state, order, ask)
    _read_tpsl(order, ask)
    _read_price(state, account, contract, order, ask)
    _read_qty(state, account, contract, order, ask)
    return order


def link_key(state: State, category: str, link_id: str) -> tuple[str, str]:
    """Where an orderLinkId must be unique."""
    return (category if state.rules.link_id_scope == "category" else "", link_id)


def _link_id(state: State, account: Account, category: str, ask: Ask) -> str:
    link_id = ask.text("orderLinkId")
    if not link_id:
        return ""
    if not _LINK.fullmatch(link_id):
        raise Refusal(10001, "params error: orderLinkId invalid")
    taken = account.links.get(link_key(state, category, link_id))
    if taken is not None and (taken.is_open or state.rules.link_id_life == "for ever"):
        if category == "spot":
            raise Refusal(170141, "Duplicate clientOrderId")
        raise Refusal(110072, "OrderLinkedID is duplicate")
    return link_id


def _time_in_force(ask: Ask, order_type: str) -> str:
    """Market is always IOC; an unknown word is GTC, as Bybit's own spot examples send some."""
    if order_type == "Market":
        return "IOC"
    tif = ask.text("timeInForce", "GTC")
    return tif if tif in ("GTC", "IOC", "FOK", "PostOnly") else "GTC"


def _position_idx(account: Account, ask: Ask) -> int:
    idx = ask.whole("positionIdx", 0)
    if idx not in ((1, 2) if account.hedge_mode else (0,)):
        raise Refusal(10001, "position idx not match position mode")
    assert idx is not None
    return idx


# -- conditional orders and TP/SL ---------------------------------------------------------------------------------------------


def trigger_now(state: State, category: str, source: str) -> Decimal:
    """The price a trigger watches."""
    if category == "spot":
        return state.centre("spot")
    return {"IndexPrice": state.market.index, "MarkPrice": state.market.mark}.get(source, state.market.last)


def _read_trigger(state: State, order: Order, ask: Ask) -> None:
    price = ask.number("triggerPrice")
    if price is None:
        return
    order.trigger_price = price
    order.status = UNTRIGGERED
    order.stop_order_type = "Stop"
    if order.category == "spot":
        order.order_filter = ask.choice("orderFilter", ("Order", "tpslOrder", "StopOrder"), "tpslOrder")
        if order.order_filter == "Order":
            order.order_filter = "StopOrder"
        order.stop_order_type = "tpslOrder" if order.order_filter == "tpslOrder" else "Stop"
        order.trigger_direction = 1 if price > state.centre("spot") else 2
    else:
        order.order_filter = "StopOrder"
        order.trigger_by = ask.choice("triggerBy", TRIGGER_SOURCES, "LastPrice")
        order.trigger_direction = ask.whole("triggerDirection") or 0
        if order.trigger_direction not in (1, 2):
            raise Refusal(10001, "params error: triggerDirection invalid")
    check_trigger(state, order)


def check_trigger(state: State, order: Order) -> None:
    """A trigger price lies on its tick and on the far side of the price it watches."""
    contract = state.contracts[order.category]
    if order.trigger_price <= 0 or not contract.on_tick(order.trigger_price):
        raise Refusal(10001, "params error: triggerPrice invalid")
    now = trigger_now(state, order.category, order.trigger_by)
    if order.trigger_direction == 1 and order.trigger_price <= now:
        raise Refusal(110092, "expect Rising, but trigger_price <= current price")
    if order.trigger_direction == 2 and order.trigger_price >= now:
        raise Refusal(110093, "expect Falling, but trigger_price >= current price")


def _read_tpsl(order: Order, ask: Ask) -> None:
    order.take_profit = ask.number("takeProfit") or ZERO
    order.stop_loss = ask.number("stopLoss") or ZERO
    if not (order.take_profit or order.stop_loss):
        return
    if order.reduce_only:
        raise Refusal(110059, "A reduce-only order cannot carry take profit or stop loss")
    order.tp_trigger_by = ask.choice("tpTriggerBy", TRIGGER_SOURCES, "LastPrice")
    order.sl_trigger_by = ask.choice("slTriggerBy", TRIGGER_SOURCES, "LastPrice")
    order.tpsl_mode = ask.choice("tpslMode", ("Full", "Partial"), "Full" if order.category == "linear" else "Partial")
    order.tp_order_type = ask.choice("tpOrderType", ("Market", "Limit"), "Market")
    order.sl_order_type = ask.choice("slOrderType", ("Market", "Limit"), "Market")
    order.tp_limit_price = ask.number("tpLimitPrice") or ZERO
    order.sl_limit_price = ask.number("slLimitPrice") or ZERO
    if order.tpsl_mode == "Full" and "Limit" in (order.tp_order_type, order.sl_order_type):
        raise Refusal(110054, "Full take profit and stop loss are market orders")


# -- price --------------------------------------------------------------------------------------------------------------------


def _read_price(state: State, account: Account, contract: Contract, order: Order, ask: Ask) -> None:
    if order.order_type == "Market":
        _read_slippage(order, ask)
        if not order.is_conditional:
            order.price = market_bound(state, order)
        return
    order.price = _best_quote(state, order, ask) if ask.has("bboSideType") else ask.number("price") or ZERO
    if order.price <= 0:
        raise Refusal(10001 if order.category == "linear" else 170130, "params error: price invalid")
    check_price(state, account, contract, order)


def _best_quote(state: State, order: Order, ask: Ask) -> Decimal:
    """bboSideType Queue joins a level of the own side, Counterparty takes one of the other; bboLevel 1 to 5."""
    side, level = ask.choice("bboSideType", ("Queue", "Counterparty")), ask.whole("bboLevel", 1) or 1
    if order.category != "linear" or not 1 <= level <= 5:
        raise Refusal(10001, "params error: bboLevel invalid")
    other = "Sell" if order.side == "Buy" else "Buy"
    away = (level - 1) * state.linear.tick_size
    quote = best(state, "linear", order.side if side == "Counterparty" else other)
    down = (order.side == "Buy") == (side == "Queue")
    order.create_type = "CreateByBboOrder"
    return quote - away if down else quote + away


def check_price(state: State, account: Account, contract: Contract, order: Order) -> None:
    """Tick and band. Outside the band a perpetual's price is silently moved to its edge, a spot price refused, unless the account has
    chosen otherwise (Bybit: account/set-price-limit)."""
    linear = contract.category == "linear"
    if not contract.on_tick(order.price):
        raise Refusal(10001 if linear else 170134, "Order price has too many decimals.")
    if not contract.min_price <= order.price <= contract.max_price:
        raise Refusal(110003 if linear else 170130, "Order price exceeds the allowable range.")
    if order.is_conditional:
        return
    limits = band(state, contract.category)
    edge = limits.buy_limit if order.side == "Buy" else limits.sell_limit
    if order.price <= edge if order.side == "Buy" else order.price >= edge:
        return
    if account.refuse_perp if linear else not account.reprice_spot:
        high = order.side == "Buy"
        code = (110121 if high else 110120) if linear else (170193 if high else 170194)
        raise Refusal(
            code,
            f"{order.side} order price cannot be {'higher' if high else 'lower'} than {contract.price_text(edge)}.",
        )
    order.price = edge


def _read_slippage(order: Order, ask: Ask) -> None:
    kind, size = ask.text("slippageToleranceType"), ask.number("slippageTolerance")
    if not kind or size is None:
        return
    if order.is_conditional or order.take_profit or order.stop_loss:
        raise Refusal(10001, "params error: slippageTolerance is not for conditional or TP/SL orders")
    if kind == "TickSize" and (size % 1 or not 1 <= size <= 10_000):
        raise Refusal(110108, "The slippage tolerance in ticks must be between 1 and 10000")
    if kind == "Percent" and (size.as_tuple().exponent < -2 or not Decimal("0.01") <= size <= 10):  # type: ignore[operator]
        raise Refusal(110109, "The slippage tolerance in percent must be between 0.01 and 10")
    if kind not in ("TickSize", "Percent"):
        raise Refusal(10001, "params error: slippageToleranceType invalid")
    order.slippage_type, order.slippage = kind, size


def market_bound(state: State, order: Order) -> Decimal:
    """The worst price a market order accepts: its own tolerance from the best quote, or the venue's protection from the last price."""
    contract, up = state.contracts[order.category], order.side == "Buy"
    sign = ONE if up else -ONE
    if order.slippage_type == "TickSize":
        bound = best(state, order.category, order.side) + sign * order.slippage * contract.tick_size
    elif order.slippage_type == "Percent":
        bound = best(state, order.category, order.side) * (ONE + sign * order.slippage / 100)
    else:
        bound = state.centre(order.category) * (ONE + sign * state.rules.market_protection)
    return max(contract.tick_size, contract.floor_price(bound) if up else contract.ceil_price(bound))


# -- quantity -----------------------------------------------------------------------------------------------------------------


def _read_qty(state: State, account: Account, contract: Contract, order: Order, ask: Ask) -> None:
    qty = ask.number("qty")
    if qty is None or qty < 0:
        raise Refusal(10001 if contract.category == "linear" else 170130, "params error: qty invalid")
    if contract.category == "spot":
        _read_spot_unit(order, ask, qty)
        if order.quote_budget is not None:
            return
    leg = account.legs[order.position_idx]
    if contract.category == "linear" and qty == 0:
        qty = _whole_leg(contract, order, leg)
    order.qty = qty
    check_qty(state, contract, order)
    if contract.category == "linear":
        _fit_to_leg(state, order, leg)


def _read_spot_unit(order: Order, ask: Ask, qty: Decimal) -> None:
    """Spot market Buy is by value unless told otherwise (Bybit: order/create-order, marketUnit)."""
    if order.order_type != "Market":
        return
    order.market_unit = ask.choice(
        "marketUnit", ("baseCoin", "quoteCoin"), "quoteCoin" if order.side == "Buy" else "baseCoin"
    )
    if order.market_unit == "quoteCoin":
        if qty.as_tuple().exponent < -8:  # type: ignore[operator]
            raise Refusal(170148, "Market order amount decimal too long.")
        if qty < 5:
            raise Refusal(170140, "Order value exceeded lower limit.")
        order.qty = order.quote_budget = qty


def _whole_leg(contract: Contract, order: Order, leg: Leg) -> Decimal:
    """qty "0" with reduceOnly and closeOnTrigger closes the leg, up to the largest order (Bybit: order/create-order)."""
    if not (order.reduce_only and order.close_on_trigger):
        raise Refusal(10001, "The number of contracts below minimum limit allowed")
    most = contract.max_market_qty if order.order_type == "Market" else contract.max_limit_qty
    return min(leg.size, most) or contract.min_qty


def check_qty(state: State, contract: Contract, order: Order) -> None:
    """Lot grid, minimum and maximum quantity, minimum value. Reduce-only orders may be any size: they are split or cut."""
    linear = contract.category == "linear"
    if order.qty % contract.qty_step:
        if state.rules.off_grid == "reject":
            raise Refusal(10001 if linear else 170137, "Order quantity has too many decimals.")
        order.qty = contract.floor_qty(order.qty)
    if order.qty < contract.min_qty:
        raise Refusal(10001 if linear else 170136, "The number of contracts below minimum limit allowed")
    if order.order_type == "Market":
        most = contract.max_market_qty
    else:
        most = contract.max_post_only_qty if order.tif == "PostOnly" else contract.max_limit_qty
    if order.qty > most and not order.reduce_only:
        raise Refusal(10001 if linear else 170124, "The number of contracts exceeds maximum limit allowed")
    price = order.price if order.order_type == "Limit" else state.centre(contract.category)
    if order.qty * price < contract.min_value and not order.reduce_only:
        raise Refusal(110094 if linear else 170140, "Order does not meet minimum order value 5USDT")


def _fit_to_leg(state: State, order: Order, leg: Leg) -> None:
    """An order that can only close is cut to its leg; on an empty leg there is nothing to reduce."""
    shrinks = closes(leg, order.side)
    if order.reduce_only and not shrinks:
        raise Refusal(110017, "current position is zero, cannot fix reduce-only order qty")
    if not shrinks or (leg.idx == 0 and not order.reduce_only):
        return
    if order.is_conditional:
        return
    if not leg.size:
        raise Refusal(110017, "current position is zero, cannot fix reduce-only order qty")
    if order.qty > leg.size:
        if state.rules.over_close == "reject" and not order.reduce_only:
            raise Refusal(110017, "order quantity exceeds the position size")
        order.qty = leg.size
