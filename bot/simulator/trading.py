"""The deeds on orders: admit, enter, fill, cancel; each with the messages it causes.

Knows balances and rows. Does not choose prices and does not watch the market.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.simulator import rows, wallet_rows
from bot.simulator.book import Level, best
from bot.simulator.figures import ONE, ZERO, plain
from bot.simulator.fills import Fill, book_fill
from bot.simulator.instruments import tier_of
from bot.simulator.intake import link_key
from bot.simulator.margin import collateral_value, measure, opening_qty, order_margin, prices_of
from bot.simulator.orders import Order, next_status
from bot.simulator.params import Refusal
from bot.simulator.positions import Leg
from bot.simulator.state import Account, ExecRow, State
from bot.simulator.wallet import post

__all__ = ["admit", "cancel", "check_caps", "enter", "fill", "reject", "tell_order", "tell_position", "tell_wallet"]


# -- admission ----------------------------------------------------------------------------------------------------------------


def check_caps(state: State, account: Account, order: Order) -> None:
    """Open-order caps (Bybit: order/create-order): per symbol and account; of conditional orders apart, and of spot TP/SL
    orders apart from those."""
    contract = state.contracts[order.category]
    same = [o for o in account.orders.values() if o.category == order.category]
    linear = order.category == "linear"
    waiting = sum(o.is_conditional and not o.follows_leg and o.order_filter == order.order_filter for o in same)
    if order.is_conditional and waiting >= contract.max_conditional_orders:
        raise Refusal(110009 if linear else 170810, "Cannot submit more stop orders.")
    active = sum(not o.is_conditional for o in same) if linear else len(same)
    if active >= contract.max_orders and not (linear and order.is_conditional):
        raise Refusal(110020 if linear else 170810, "Cannot submit more than 500 orders.")


def admit(state: State, account: Account, order: Order) -> None:
    """Does the account afford this order? Refusal(110007) for the perpetual, 170131 or 170033 for spot."""
    if order.category == "linear":
        _afford_linear(state, account, order)
    else:
        _afford_spot(state, account, order)


def _afford_linear(state: State, account: Account, order: Order) -> None:
    qty = opening_qty(account, order)
    if not qty:
        return
    margin = measure(account, prices_of(state.market), state.rules)
    price = order.price if order.order_type == "Limit" else best(state, "linear", order.side)
    need = order_margin(order.side, qty * price, account.leverage[order.side], state.rules)
    leverage, held = account.leverage[order.side], account.legs[order.position_idx].size * state.market.mark
    tier = tier_of(held + qty * price)
    if leverage > tier.max_leverage:
        most = plain(tier.max_leverage)
        raise Refusal(
            110090, f"Position may exceed the limit of its leverage. Please adjust your leverage to {most} or below"
        )
    if margin.im_rate >= ONE or need * state.rules.usdt_usd > margin.available:
        raise Refusal(110007, "ab not enough for new order")


def _afford_spot(state: State, account: Account, order: Order) -> None:
    """Own coin first; with isLeverage the shortfall is borrowed if margin allows. Spot margin needs its switch and collateral on."""
    rules, value = state.rules, _spot_value(state, order)
    give, amount = ("USDT", value) if order.side == "Buy" else ("BTC", value / best(state, "spot", order.side))
    if order.side == "Sell" and order.quote_budget is None:
        amount = order.leaves
    if order.is_leverage and not account.spot_margin_on:
        raise Refusal(170036, "Your Spot margin trading switch is not activated.")
    prices = prices_of(state.market)
    margin = measure(account, prices, rules)
    free = max(ZERO, margin.coins[give].balance - margin.coins[give].locked)
    short = max(ZERO, amount - free)
    if short and not order.is_leverage:
        raise Refusal(170131, "Insufficient balance.")
    price = prices.index if give == "BTC" else rules.usdt_usd
    loses = max(ZERO, value - _collateral_gain(state, account, value)) if order.side == "Buy" else ZERO
    if loses + short * price * rules.borrow_imr > margin.available:
        raise Refusal(170033, "margin Insufficient account balance.")


def _spot_value(state: State, order: Order) -> Decimal:
    if order.quote_budget is not None:
        return order.quote_budget
    return order.leaves * (order.price if order.order_type == "Limit" else best(state, "spot", order.side))


def _collateral_gain(state: State, account: Account, value: Decimal) -> Decimal:
    """Margin value of the BTC that `value` USDT would buy at the index."""
    prices, purse = prices_of(state.market), account.purses["BTC"]
    held = purse.balance - purse.spot_borrow
    before = collateral_value("BTC", held, prices, state.rules, on=purse.collateral_on)
    return collateral_value("BTC", held + value / prices.index, prices, state.rules, on=purse.collateral_on) - before


# -- life ---------------------------------------------------------------------------------------------------------------------


def enter(state: State, account: Account, order: Order) -> None:
    """Put an admitted order among the open ones. Its message is told by whoever knows what becomes of it next."""
    account.orders[order.order_id] = order
    if order.link_id:
        account.links[link_key(state, order.category, order.link_id)] = order


def fee_rate(state: State, category: str, *, maker: bool) -> Decimal:
    rules = state.rules
    if category == "linear":
        return rules.linear_maker_rate if maker else rules.linear_taker_rate
    return rules.spot_maker_rate if maker else rules.spot_taker_rate


def fill(
    state: State,
    account: Account,
    order: Order,
    matches: Sequence[Level],
    *,
    maker: bool,
    rate: Decimal | None = None,
    kind: str = "Trade",
    log_type: str = "TRADE",
) -> None:
    """Book `matches` of one order, concluded together, and tell everything about it. Ends the order when nothing is left."""
    seq = state.mint.seq()
    rate = fee_rate(state, order.category, maker=maker) if rate is None else rate
    if order.category == "spot":
        _borrow_shortfall(state, account, order, matches)
    done: list[ExecRow] = []
    for price, qty in matches:
        done.append(
            book_fill(
                state,
                account,
                order,
                Fill(price=price, qty=qty, maker=maker, fee_rate=rate, seq=seq, kind=kind, log_type=log_type),
            )
        )
    order.status = next_status(order, "fill part" if _something_left(state, order) else "fill all")
    if not order.is_open:
        _file(account, order)
    _tell_trades(state, account, done)
    tell_order(state, account, order)
    if order.category == "linear":
        tell_position(state, account, account.legs[order.position_idx])
    tell_wallet(state, account)


def _something_left(state: State, order: Order) -> bool:
    if order.quote_budget is None:
        return order.leaves > 0
    return order.quote_budget >= state.contracts["spot"].qty_step * state.centre("spot")


def _borrow_shortfall(state: State, account: Account, order: Order, matches: Sequence[Level]) -> None:
    """A spot margin order borrows what it lacks of the coin it gives."""
    if not order.is_leverage:
        return
    if order.side == "Buy":
        coin, due = "USDT", sum((price * qty for price, qty in matches), ZERO)
    else:
        coin, due = "BTC", sum((qty for _, qty in matches), ZERO)
    purse = account.purses[coin]
    short = due - max(ZERO, purse.balance)
    if short > 0:
        purse.spot_borrow += short
        post(state, account, coin, "BORROW", cash_flow=short, order_id=order.order_id)


def cancel(
    state: State, account: Account, order: Order, cancel_type: str = "UNKNOWN", reason: str = "EC_NoError"
) -> None:
    """End an open order with nothing more to fill; its executed part stays."""
    order.status = next_status(order, "cancel")
    order.cancel_type, order.reject_reason = cancel_type, reason
    order.updated_ms = state.now_ms
    _file(account, order)
    twin = account.orders.get(order.twin_id)
    if twin is not None:
        twin.shadow = False  # the surviving half holds the coin now
    tell_order(state, account, order)
    if order.category == "linear":
        tell_position(state, account, account.legs[order.position_idx])
    else:
        tell_wallet(state, account)


def reject(state: State, account: Account, order: Order, reason: str) -> None:
    """End an order that was acknowledged and then refused by the matching engine."""
    order.status = next_status(order, "reject")
    order.reject_reason, order.updated_ms = reason, state.now_ms
    _file(account, order)
    tell_order(state, account, order)


def _file(account: Account, order: Order) -> None:
    """Move a closed order from the open ones to the history."""
    del account.orders[order.order_id]
    account.closed.append(order)
    account.closing.pop(order.order_id, None)


# -- messages -----------------------------------------------------------------------------------------------------------------


def tell_order(state: State, account: Account, order: Order) -> None:
    state.push(account, "order", [rows.order_push(state, order)])


def tell_position(state: State, account: Account, leg: Leg) -> None:
    """Bybit pushes the position on every order action, changed or not (Bybit: websocket/private/position)."""
    legs = account.live_legs() if state.rules.position_push_both_legs else (leg,)
    state.push(account, "position", [rows.position_push(state, account, each) for each in legs])


def tell_wallet(state: State, account: Account) -> None:
    state.push(account, "wallet", [wallet_rows.wallet_push(state, account)])


def _tell_trades(state: State, account: Account, done: list[ExecRow]) -> None:
    state.push(account, "execution", [rows.exec_push(state, row) for row in done])
    trades = [row for row in done if row.exec_type == "Trade"]
    state.push(account, "execution.fast", [rows.exec_fast_push(state, row) for row in trades])
    if trades:
        data = [rows.public_trade(state, row) for row in trades]
        state.announce(trades[0].category, "publicTrade.BTCUSDT", data)
