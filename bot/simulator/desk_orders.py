"""The order desk: /v5/order/* and /v5/execution/*.

Knows requests and answers. The deeds are in `matching` and `trading`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from bot.simulator import intake, matching, rows, trading
from bot.simulator.figures import ZERO
from bot.simulator.orders import Order
from bot.simulator.pages import DAY_MS, WEEK_MS, page, window
from bot.simulator.params import Ask, Refusal, Reply
from bot.simulator.routes import Handler, Routes
from bot.simulator.state import Account, State

__all__ = ["ROUTES", "batch", "find_open"]

_MOST_IN_BATCH = {"linear": 20, "spot": 10}


# -- placing ------------------------------------------------------------------------------------------------------------------


def create(state: State, account: Account, ask: Ask) -> Reply:
    order = create_order(state, account, ask)
    return Reply(result={"orderId": order.order_id, "orderLinkId": order.link_id})


def create_order(state: State, account: Account, ask: Ask) -> Order:
    """Place what is asked. A reduce-only order above the largest quantity is split; the first part carries the orderLinkId."""
    first = intake.read_order(state, account, ask)
    contract = state.contracts[first.category]
    most = contract.max_market_qty if first.order_type == "Market" else contract.max_limit_qty
    rest = first.qty - most if first.category == "linear" and first.reduce_only else ZERO
    if rest > 0:
        first.qty = most
    matching.place(state, account, first)
    while rest > 0:
        part = replace(
            first,
            serial=state.mint.serial(),
            order_id=state.mint.order_id("linear"),
            link_id="",
            qty=min(rest, most),
            cum_qty=ZERO,
            cum_value=ZERO,
            status="New",
            fees={},
        )
        rest -= part.qty
        try:
            matching.place(state, account, part)
        except Refusal:  # the first part was accepted, so the request was
            break
    return first


def cancel(state: State, account: Account, ask: Ask) -> Reply:
    order = cancel_order(state, account, ask)
    return Reply(result={"orderId": order.order_id, "orderLinkId": order.link_id})


def cancel_order(state: State, account: Account, ask: Ask) -> Order:
    order = find_open(state, account, ask)
    if order.category == "spot" and order.is_conditional and ask.text("orderFilter", "Order") == "Order":
        raise Refusal(170213, "Order does not exist.")  # Bybit: order/cancel-order, orderFilter
    trading.cancel(state, account, order, "CancelByUser", "EC_PerCancelRequest")
    return order


def find_open(state: State, account: Account, ask: Ask) -> Order:
    """The open order a cancel or amend means; orderId wins over orderLinkId."""
    category = intake.category_of(ask)
    order_id, link_id = ask.text("orderId"), ask.text("orderLinkId")
    if not order_id and not link_id:
        raise Refusal(10001, "params error: orderId or orderLinkId is required")
    order = account.orders.get(order_id) if order_id else account.links.get(intake.link_key(state, category, link_id))
    if order is None or not order.is_open or order.category != category:
        if category == "spot":
            raise Refusal(170213, "Order does not exist.")
        raise Refusal(110001, "order not exists or too late to cancel")
    return order


def cancel_all(state: State, account: Account, ask: Ask) -> Reply:
    """All kinds for the perpetual, plain orders only for spot, unless orderFilter says otherwise (Bybit: order/cancel-all)."""
    category = intake.category_of(ask)
    if category == "linear" and not (ask.has("symbol") or ask.has("baseCoin") or ask.has("settleCoin")):
        raise Refusal(10001, "params error: symbol, baseCoin or settleCoin is required")
    if ask.text("settleCoin", "USDT") != "USDT" or ask.text("baseCoin", "BTC") != "BTC":
        return Reply(result={"list": [], "success": "1"})
    wanted = ask.text("orderFilter", "Order" if category == "spot" else "")
    gone = [o for o in account.orders.values() if o.category == category and _passes_filter(o, wanted)][:500]
    for order in gone:
        if order.is_open:
            trading.cancel(state, account, order, "CancelByUser", "EC_PerCancelRequest")
    return Reply(result={"list": [{"orderId": o.order_id, "orderLinkId": o.link_id} for o in gone], "success": "1"})


def _passes_filter(order: Order, wanted: str) -> bool:
    if not wanted:
        return True
    if wanted in ("StopOrder", "OpenOrder") and order.category == "linear":
        return order.is_conditional == (wanted == "StopOrder")
    if wanted == "Order":
        return not order.is_conditional
    return order.is_conditional and wanted in (order.order_filter, order.stop_order_type)


# -- batches ------------------------------------------------------------------------------------------------------------------


def batch(deed: Callable[[State, Account, Ask], Order], *, creating: bool = False) -> Handler:
    """A batch endpoint from a single deed: two parallel lists, retCode 0 even when every leg failed (Bybit: order/batch-place)."""

    def handle(state: State, account: Account, ask: Ask) -> Reply:
        category = ask.need("category")
        items = ask.items("request")
        if not 0 < len(items) <= _MOST_IN_BATCH.get(category, 20):
            raise Refusal(10001, "params error: request invalid")
        results, codes = [], []
        for item in items:
            row, code = _one(state, account, deed, category, item)
            if creating:
                row["createAt"] = str(state.now_ms) if not code["code"] else ""
            results.append(row)
            codes.append(code)
        return Reply(result={"list": results}, ext={"list": codes})

    return handle


def _one(
    state: State,
    account: Account,
    deed: Callable[[State, Account, Ask], Order],
    category: str,
    item: Mapping[str, object],
) -> tuple[dict[str, Any], dict[str, Any]]:
    ask = Ask({**item, "category": category})
    row = {
        "category": category,
        "symbol": ask.text("symbol"),
        "orderId": "",
        "orderLinkId": ask.text("orderLinkId"),
    }
    try:
        order = deed(state, account, ask)
    except Refusal as refusal:
        return row, {"code": refusal.code, "msg": refusal.msg}
    return row | {"orderId": order.order_id, "orderLinkId": order.link_id}, {"code": 0, "msg": "OK"}


# -- reading ------------------------------------------------------------------------------------------------------------------


def realtime(state: State, account: Account, ask: Ask) -> Reply:
    """Open orders, newest first; openOnly=1 the last closed ones; an id finds either (Bybit: order/open-order)."""
    category = intake.category_of(ask)
    if category == "linear" and not any(
        ask.has(n) for n in ("symbol", "baseCoin", "settleCoin", "orderId", "orderLinkId")
    ):
        raise Refusal(10001, "params error: symbol, settleCoin or baseCoin is required")
    cached = list(islice(reversed(account.closed), state.rules.closed_cache))
    if ask.has("orderId") or ask.has("orderLinkId"):
        pool: Iterable[Order] = [*cached, *account.orders.values()]
    else:
        pool = cached if ask.whole("openOnly", 0) == 1 else account.orders.values()
    found = sorted(_chosen(state, category, ask, pool), key=lambda o: o.serial, reverse=True)
    shown, cursor = page(found, ask, default=20, most=50)
    listed = [rows.order_row(state, order) for order in shown]
    return Reply(result={"list": listed, "nextPageCursor": cursor, "category": category})


def history(state: State, account: Account, ask: Ask) -> Reply:
    """Closed orders, newest first (Bybit: order/order-list). Without a fill they are shown for a day, with one for good."""
    category = intake.category_of(ask)
    start, end = window(ask, state.now_ms, default_ms=WEEK_MS, most_ms=WEEK_MS)
    status = ask.text("orderStatus")
    found = [
        order
        for order in _chosen(state, category, ask, account.closed)
        if _still_shown(state, order)
        and (start <= order.created_ms <= end or ask.has("orderId") or ask.has("orderLinkId"))
        and (not status or order.status == status)
    ]
    shown, cursor = page(sorted(found, key=lambda o: o.serial, reverse=True), ask, default=20, most=50)
    listed = [rows.order_history_row(state, order) for order in shown]
    return Reply(result={"list": listed, "nextPageCursor": cursor, "category": category})


def _still_shown(state: State, order: Order) -> bool:
    age_ms = state.now_ms - order.updated_ms
    return age_ms <= DAY_MS or bool(order.cum_qty)


def _chosen(state: State, category: str, ask: Ask, pool: Iterable[Order]) -> list[Order]:
    """Selectors by priority: orderId, orderLinkId, symbol, baseCoin."""
    order_id, link_id, kind = ask.text("orderId"), ask.text("orderLinkId"), ask.text("orderFilter")
    if ask.text("settleCoin", "USDT") != "USDT" or ask.text("baseCoin", "BTC") != "BTC":
        return []
    chosen = [o for o in pool if o.category == category]
    if order_id:
        return [o for o in chosen if o.order_id == order_id]
    if link_id:
        return [o for o in chosen if o.link_id == link_id]
    return [o for o in chosen if _passes_filter(o, kind)]


def executions(state: State, account: Account, ask: Ask) -> Reply:
    """Executions, newest first; an order id overrides every other filter (Bybit: order/execution)."""
    category = intake.category_of(ask)
    order_id, link_id, kind = ask.text("orderId"), ask.text("orderLinkId"), ask.text("execType")
    if order_id or link_id:
        chosen = (
            row
            for row in reversed(account.executions)
            if (row.order_id == order_id if order_id else row.link_id == link_id)
        )
    else:
        start, end = window(ask, state.now_ms, default_ms=WEEK_MS, most_ms=WEEK_MS)
        chosen = (
            row
            for row in reversed(account.executions)
            if start <= row.at_ms <= end and (not kind or row.exec_type == kind)
        )
    found = (row for row in chosen if row.category == category)
    shown, cursor = page(found, ask, default=50, most=100)
    listed = [rows.exec_row(state, row) for row in shown]
    return Reply(result={"nextPageCursor": cursor, "category": category, "list": listed})


ROUTES: Routes = {
    ("POST", "/v5/order/create"): (create, "Order"),
    ("POST", "/v5/order/cancel"): (cancel, "Order"),
    ("POST", "/v5/order/cancel-all"): (cancel_all, "Order"),
    ("POST", "/v5/order/create-batch"): (batch(create_order, creating=True), "Order"),
    ("POST", "/v5/order/cancel-batch"): (batch(cancel_order), "Order"),
    ("GET", "/v5/order/realtime"): (realtime, "any"),
    ("GET", "/v5/order/history"): (history, "any"),
    ("GET", "/v5/execution/list"): (executions, "any"),
}
