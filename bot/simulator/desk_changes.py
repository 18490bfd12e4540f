"""The desk for second thoughts: order amendment, pre-check, spot quotas, trading stops, and the margin endpoints of single positions.

Knows requests and answers. The deeds are in `matching`, `stops` and `trading`.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.simulator import intake, matching, stops, trading
from bot.simulator.book import best
from bot.simulator.borrowing import borrowable
from bot.simulator.desk_orders import batch, find_open
from bot.simulator.figures import ZERO, plain
from bot.simulator.intake import TRIGGER_SOURCES, category_of, linear_only
from bot.simulator.margin import Margin, measure, prices_of
from bot.simulator.orders import Order
from bot.simulator.params import Ask, Refusal, Reply
from bot.simulator.positions import Leg
from bot.simulator.routes import Routes
from bot.simulator.state import Account, State

__all__ = ["ROUTES"]


# -- amend --------------------------------------------------------------------------------------------------------------------


def amend(state: State, account: Account, ask: Ask) -> Reply:
    order = amend_order(state, account, ask)
    return Reply(result={"orderId": order.order_id, "orderLinkId": order.link_id})


def amend_unconditional(state: State, account: Account, ask: Ask) -> Order:
    """Batches exclude conditional orders (Bybit: order/batch-amend)."""
    if find_open(state, account, ask).is_conditional:
        raise Refusal(10001, "Conditional orders cannot be amended in a batch")
    return amend_order(state, account, ask)


def amend_order(state: State, account: Account, ask: Ask) -> Order:
    """Check a changed copy, then change the order and match it anew: a maker that now crosses becomes a taker.

    Bybit: order/amend-order.
    """
    order = find_open(state, account, ask)
    contract = state.contracts[order.category]
    draft = replace(order, fees=dict(order.fees))
    changed = {name: value for name in ("qty", "price", "triggerPrice") if (value := ask.number(name)) is not None}
    levels = {name: value for name in ("takeProfit", "stopLoss") if (value := ask.number(name)) is not None}
    if not changed and not levels:
        raise Refusal(10001, "The order remains unchanged as the parameters entered match the existing ones.")
    if "qty" in changed:
        draft.qty = changed["qty"]
        if draft.qty <= order.cum_qty:
            raise Refusal(170313 if order.category == "spot" else 110064, "The new quantity is below the filled one")
    if "price" in changed and order.order_type == "Limit":
        draft.price = changed["price"]
        intake.check_price(state, account, contract, draft)
    if "qty" in changed or "price" in changed:
        intake.check_qty(state, contract, draft)
    if "triggerPrice" in changed and order.is_conditional:
        draft.trigger_price = changed["triggerPrice"]
        intake.check_trigger(state, draft)
    _admit_draft(state, account, order, draft)
    order.qty, order.price, order.trigger_price = draft.qty, draft.price, draft.trigger_price
    order.take_profit = levels.get("takeProfit", order.take_profit)
    order.stop_loss = levels.get("stopLoss", order.stop_loss)
    order.updated_ms = state.now_ms
    if order.is_conditional:
        trading.tell_order(state, account, order)
    else:
        matching.work(state, account, order)
    return order


def _admit_draft(state: State, account: Account, order: Order, draft: Order) -> None:
    """Can the account carry the changed order in the old one's place?"""
    kept = dict(account.orders)
    del account.orders[order.order_id]
    try:
        if draft.freezes or not draft.is_conditional:
            trading.admit(state, account, draft)
    finally:
        account.orders.clear()
        account.orders.update(kept)


# -- looking before leaping ---------------------------------------------------------------------------------------------------


def pre_check(state: State, account: Account, ask: Ask) -> Reply:
    """What the margin rates would be, in 1e-4; nothing is placed (Bybit: order/pre-check-order)."""
    if category_of(ask) != "linear":
        raise Refusal(10001, "params error: category invalid")
    if account.margin_mode == "ISOLATED_MARGIN":
        raise Refusal(3200403, "Isolated margin cannot pre-check an order")
    order = intake.read_order(state, account, ask)
    if order.is_conditional:
        raise Refusal(10001, "Conditional orders cannot be pre-checked")
    before = measure(account, prices_of(state.market), state.rules)
    if order.order_type == "Market":
        order.price = best(state, "linear", order.side)
    account.orders[order.order_id] = order
    after = measure(account, prices_of(state.market), state.rules)
    del account.orders[order.order_id]
    if after.available < 0 and after.im > before.im:
        post = {"post_imr_e4": _e4(after.im_rate), "post_mmr_e4": _e4(after.mm_rate)}
        future = {"future_order_id": order.order_id, "future_order_link_id": order.link_id}
        raise Refusal(110007, "ab not enough for new order", ext=future | post)
    return Reply(result={"orderId": order.order_id, "orderLinkId": order.link_id} | _rates(before, after))


def _rates(before: Margin, after: Margin) -> dict[str, int]:
    return {
        "preImrE4": _e4(before.im_rate),
        "preMmrE4": _e4(before.mm_rate),
        "postImrE4": _e4(after.im_rate),
        "postMmrE4": _e4(after.mm_rate),
    }


def _e4(rate: Decimal) -> int:
    return int(rate * 10_000)


def spot_borrow_check(state: State, account: Account, ask: Ask) -> Reply:
    """How much may be bought or sold, with and without borrowing (Bybit: order/spot-borrow-quota)."""
    if category_of(ask) != "spot":
        raise Refusal(10001, "params error: category invalid")
    side = ask.choice("side", ("Buy", "Sell"))
    coin = "USDT" if side == "Buy" else "BTC"
    own = measure(account, prices_of(state.market), state.rules).coins[coin]
    free = max(ZERO, own.balance - own.locked)
    more = borrowable(state, account, coin) if account.spot_margin_on else ZERO
    price = best(state, "spot", side)

    def both(amount: Decimal) -> tuple[str, str]:
        qty, value = (amount / price, amount) if side == "Buy" else (amount, amount * price)
        return plain(qty.quantize(Decimal("0.0001"), "ROUND_DOWN")), plain(
            value.quantize(Decimal("1E-8"), "ROUND_DOWN")
        )

    with_loan, without = both(free + more), both(free)
    return Reply(
        result={
            "symbol": ask.need("symbol"),
            "maxTradeQty": with_loan[0],
            "side": side,
            "spotMaxTradeAmount": without[1],
            "maxTradeAmount": with_loan[1],
            "borrowCoin": coin,
            "spotMaxTradeQty": without[0],
        }
    )


def disconnected_cancel_all(state: State, account: Account, ask: Ask) -> Reply:
    """Disconnect protection is configured by Bybit for institutions; for others the window is taken and nothing is armed."""
    seconds = ask.whole("timeWindow")
    if seconds is None or not 3 <= seconds <= 300:
        raise Refusal(10001, "params error: timeWindow invalid")
    return Reply(ret_msg="success")


# -- trading stop -------------------------------------------------------------------------------------------------------------


def trading_stop(state: State, account: Account, ask: Ask) -> Reply:
    """Take profit, stop loss, trailing stop of a held leg: Full replaces, Partial adds, "0" removes (Bybit: position/trading-stop)."""
    linear_only(ask)
    ask.need("symbol")
    idx = ask.whole("positionIdx")
    if idx is None or idx not in ((1, 2) if account.hedge_mode else (0,)):
        raise Refusal(10001, "position idx not match position mode")
    leg = account.legs[idx]
    if not leg.size:
        raise Refusal(10001, "can not set tp/sl/ts for zero position")
    mode = ask.choice("tpslMode", ("Full", "Partial"), "Full")
    take, stop, distance = ask.number("takeProfit"), ask.number("stopLoss"), ask.number("trailingStop")
    active_price = ask.number("activePrice") or ZERO
    if take is None and stop is None and distance is None:
        raise Refusal(34040, "not modified")
    wants = (("TakeProfit", take), ("StopLoss", stop))
    for kind, price in wants:
        if price:
            _check_stop_side(state, leg, kind, price, _source(ask, kind))
    if mode == "Full":
        _set_full(state, account, leg, ask, wants, changed=distance is not None)
    else:
        _add_partial(state, account, leg, ask, wants)
    if distance is not None:
        _set_trailing(state, account, leg, distance, active_price)
    trading.tell_position(state, account, leg)
    return Reply()


def _source(ask: Ask, kind: str) -> str:
    return ask.choice("tpTriggerBy" if kind == "TakeProfit" else "slTriggerBy", TRIGGER_SOURCES, "LastPrice")


def _check_stop_side(state: State, leg: Leg, kind: str, price: Decimal, source: str) -> None:
    now = intake.trigger_now(state, "linear", source)
    above = (kind == "TakeProfit") == (leg.side == "Buy")
    if not state.linear.on_tick(price) or (price <= now if above else price >= now):
        raise Refusal(10001, f"{kind} should be {'greater' if above else 'less'} than the present price")


def _set_full(
    state: State, account: Account, leg: Leg, ask: Ask, wants: tuple[tuple[str, Decimal | None], ...], *, changed: bool
) -> None:
    present = {kind: account.whole_stop(leg.idx, kind) for kind, _ in wants}
    now = {kind: ZERO if stop is None else stop.trigger_price for kind, stop in present.items()}
    fresh = [(kind, price) for kind, price in wants if price is not None and price != now[kind]]
    if not fresh and not changed:
        raise Refusal(34040, "not modified")
    for kind, price in fresh:
        stops.set_whole(state, account, leg, kind, price, _source(ask, kind))


def _add_partial(
    state: State, account: Account, leg: Leg, ask: Ask, wants: tuple[tuple[str, Decimal | None], ...]
) -> None:
    """A pair of the same size (or one); a limit order if its order type says so."""
    pair: list[Order] = []
    for kind, price in wants:
        if not price:
            continue
        short = "tp" if kind == "TakeProfit" else "sl"
        size = ask.amount(short + "Size")
        if size > leg.size or size % state.linear.qty_step:
            raise Refusal(110061 if size > leg.size else 10001, f"{short}Size invalid")
        limit = ask.number(short + "LimitPrice") or ZERO
        is_limit = ask.choice(short + "OrderType", ("Market", "Limit"), "Market") == "Limit"
        source = _source(ask, kind)
        pair.append(
            stops.new_stop(
                state, leg, kind, price, source, whole=False, qty=size, limit_price=limit if is_limit else ZERO
            )
        )
    if len(pair) == 2 and pair[0].qty != pair[1].qty:
        raise Refusal(110061, "tpSize and slSize must be the same")
    partial = sum(o.stop_order_type.startswith("Partial") for o in account.orders.values())
    if partial + len(pair) > 20:
        raise Refusal(110061, "The number of TP/SL orders exceeds 20")
    stops.start_pair(state, account, pair)


def _set_trailing(state: State, account: Account, leg: Leg, distance: Decimal, active_price: Decimal) -> None:
    present = account.whole_stop(leg.idx, "TrailingStop")
    if present is not None:
        trading.cancel(state, account, present, "CancelByUser")
    if distance:
        order = stops.trailing_stop(state, leg, distance, active_price)
        trading.enter(state, account, order)
        trading.tell_order(state, account, order)


# -- margin of single positions -----------------------------------------------------------------------------------------------


def isolated_only(state: State, account: Account, ask: Ask) -> Reply:
    """add-margin and set-auto-add-margin exist for isolated margin only (Bybit: position/auto-add-margin)."""
    linear_only(ask)
    raise Refusal(110076, "Only available in isolated margin mode")


def confirm_mmr(state: State, account: Account, ask: Ask) -> Reply:
    """Lifts a reduce-only mark that Bybit set on a position; none is ever set here."""
    linear_only(ask)
    return Reply()


ROUTES: Routes = {
    ("POST", "/v5/order/amend"): (amend, "Order"),
    ("POST", "/v5/order/amend-batch"): (batch(amend_unconditional), "Order"),
    ("POST", "/v5/order/pre-check"): (pre_check, "Order"),
    ("GET", "/v5/order/spot-borrow-check"): (spot_borrow_check, "any"),
    ("POST", "/v5/order/disconnected-cancel-all"): (disconnected_cancel_all, "Order"),
    ("POST", "/v5/position/trading-stop"): (trading_stop, "Position"),
    ("POST", "/v5/position/set-auto-add-margin"): (isolated_only, "Position"),
    ("POST", "/v5/position/add-margin"): (isolated_only, "Position"),
    ("POST", "/v5/position/confirm-pending-mmr"): (confirm_mmr, "Position"),
}
