"""Bybit-shaped rows of orders, executions and positions. Keys and JSON types follow the examples of Bybit's documentation.

Knows how state is written on the wire, and changes nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.simulator.figures import ZERO, booked, plain
from bot.simulator.instruments import SYMBOL, Contract
from bot.simulator.liq_price import liquidation_price
from bot.simulator.margin import Margin, measure, prices_of
from bot.simulator.orders import Order
from bot.simulator.positions import ClosedPnl, Leg
from bot.simulator.state import Account, ExecRow, State

__all__ = [
    "closed_pnl_row",
    "exec_fast_push",
    "exec_push",
    "exec_row",
    "order_history_row",
    "order_push",
    "order_row",
    "position_push",
    "position_row",
    "public_trade",
]


def _order(state: State, order: Order) -> dict[str, Any]:
    """What every order row holds."""
    contract = state.contracts[order.category]
    in_quote = order.quote_budget is not None
    row: dict[str, Any] = {
        "orderId": order.order_id,
        "orderLinkId": order.link_id,
        "blockTradeId": "",
        "symbol": SYMBOL,
        "price": contract.price_text(order.price),
        "qty": plain(order.qty) if in_quote else contract.qty_text(order.qty),
        "side": order.side,
        "isLeverage": ("1" if order.is_leverage else "0") if order.category == "spot" else "",
        "positionIdx": order.position_idx,
        "orderStatus": order.status,
        "cancelType": order.cancel_type,
        "rejectReason": order.reject_reason,
        "avgPrice": plain(booked(order.avg_price)),
        "leavesQty": plain(order.leaves) if in_quote else contract.qty_text(order.leaves),
        "leavesValue": plain(order.leaves if in_quote else order.leaves * order.price),
        "cumExecQty": contract.qty_text(order.cum_qty),
        "cumExecValue": plain(order.cum_value),
        "cumExecFee": plain(sum(order.fees.values(), ZERO)),
        "timeInForce": order.tif,
        "orderType": order.order_type,
        "stopOrderType": order.stop_order_type or "UNKNOWN",
        "orderIv": "",
        "triggerPrice": contract.price_text(order.trigger_price),
        "takeProfit": contract.price_text(order.take_profit),
        "stopLoss": contract.price_text(order.stop_loss),
        "tpTriggerBy": order.tp_trigger_by or "UNKNOWN",
        "slTriggerBy": order.sl_trigger_by or "UNKNOWN",
        "triggerDirection": order.trigger_direction,
        "triggerBy": order.trigger_by or "UNKNOWN",
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": order.close_on_trigger,
        "smpType": order.smp_type,
        "smpGroup": 0,
        "smpOrderId": order.smp_order_id,
        "tpLimitPrice": _maybe_price(contract, order.tp_limit_price),
        "slLimitPrice": _maybe_price(contract, order.sl_limit_price),
        "placeType": "",
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
        "cumFeeDetail": {coin: plain(fee) for coin, fee in order.fees.items()},
    }
    if order.category == "linear":  # clients tell spot from contract by the absence of tpslMode
        row["lastPriceOnCreated"] = contract.price_text(order.last_price_on_created)
        row["tpslMode"] = order.tpsl_mode
        row["createType"] = order.create_type
    else:
        row["basePrice"] = contract.price_text(order.last_price_on_created)
        row["orderFilter"] = order.order_filter
        row["marketUnit"] = order.market_unit
    return row


def _maybe_price(contract: Contract, price: Decimal) -> str:
    return contract.price_text(price) if price else ""


def order_row(state: State, order: Order) -> dict[str, Any]:
    """A row of /v5/order/realtime."""
    return _order(state, order)


def order_history_row(state: State, order: Order) -> dict[str, Any]:
    """A row of /v5/order/history."""
    return _order(state, order) | {
        "slippageToleranceType": order.slippage_type,
        "slippageTolerance": plain(order.slippage) if order.slippage else "",
        "extraFees": "",
        "rpiTakerAccess": False,
        "rpiMatchedQty": "0",
    }


def order_push(state: State, order: Order) -> dict[str, Any]:
    """A row of the `order` topic: unset values are "" there, not "0" or "UNKNOWN"."""
    row = _order(state, order)
    row |= {
        "category": order.category,
        "closedPnl": plain(order.closed_pnl),
        "feeCurrency": next(iter(order.fees), ""),
        "rpiTakerAccess": False,
        "rpiMatchedQty": "0",
        "avgPrice": plain(booked(order.avg_price)) if order.cum_qty else "",
        "stopOrderType": order.stop_order_type,
        "tpTriggerBy": order.tp_trigger_by,
        "slTriggerBy": order.sl_trigger_by,
        "triggerBy": order.trigger_by,
    }
    contract = state.contracts[order.category]
    for name, price in (
        ("triggerPrice", order.trigger_price),
        ("takeProfit", order.take_profit),
        ("stopLoss", order.stop_loss),
    ):
        row[name] = _maybe_price(contract, price)
    if order.category == "linear":  # as captured on the linear stream; the page's own example is an option
        row |= {
            "marketUnit": "",
            "slippageToleranceType": order.slippage_type,
            "slippageTolerance": plain(order.slippage),
        }
    return row


def exec_row(state: State, row: ExecRow) -> dict[str, Any]:
    """A row of /v5/execution/list."""
    contract = state.contracts[row.category]
    shown = {
        "symbol": SYMBOL,
        "orderType": row.order_type,
        "underlyingPrice": "",
        "orderLinkId": row.link_id,
        "side": row.side,
        "indexPrice": "",
        "orderId": row.order_id,
        "stopOrderType": row.stop_order_type or "UNKNOWN",
        "leavesQty": plain(row.leaves),
        "execTime": str(row.at_ms),
        "feeCurrency": row.fee_coin,
        "isMaker": row.is_maker,
        "execFee": plain(row.fee),
        "feeRate": plain(row.fee_rate),
        "execId": row.exec_id,
        "tradeIv": "",
        "blockTradeId": "",
        "markPrice": contract.price_text(row.mark) if row.mark else "",
        "execPrice": contract.price_text(row.price),
        "markIv": "",
        "orderQty": plain(row.order_qty),
        "orderPrice": contract.price_text(row.order_price),
        "execValue": plain(row.value),
        "execType": row.exec_type,
        "execQty": plain(row.qty),
        "closedSize": plain(row.closed_size) if row.category == "linear" else "",
        "extraFees": "",
        "seq": row.seq,
    }
    if (
        row.category == "linear"
    ):  # spot executions carry no createType (Bybit: websocket/private/execution, order/execution)
        shown["createType"] = row.create_type
    return shown


def exec_push(state: State, row: ExecRow) -> dict[str, Any]:
    """A row of the `execution` topic."""
    return exec_row(state, row) | {
        "category": row.category,
        "isLeverage": "1" if row.is_leverage else "0",
        "marketUnit": row.market_unit,
        "execPnl": plain(row.pnl),
        "extraFees": [],
    }


def exec_fast_push(state: State, row: ExecRow) -> dict[str, Any]:
    """A row of the `execution.fast` topic: trades only, and no orderLinkId for maker fills."""
    contract = state.contracts[row.category]
    return {
        "category": row.category,
        "symbol": SYMBOL,
        "execId": row.exec_id,
        "execPrice": contract.price_text(row.price),
        "execQty": plain(row.qty),
        "orderId": row.order_id,
        "isMaker": row.is_maker,
        "orderLinkId": "" if row.is_maker else row.link_id,
        "side": row.side,
        "execTime": str(row.at_ms),
        "seq": row.seq,
    }


def position_row(state: State, account: Account, leg: Leg, margin: Margin | None = None) -> dict[str, Any]:
    """A row of /v5/position/list; flat legs too."""
    row = _position(state, account, leg, margin or measure(account, prices_of(state.market), state.rules))
    row["avgPrice"] = plain(booked(leg.avg_price))
    row["mmrSysUpdateTime"] = ""
    return row


def position_push(state: State, account: Account, leg: Leg) -> dict[str, Any]:
    """A row of the `position` topic: average entry is `entryPrice` there."""
    row = _position(state, account, leg, measure(account, prices_of(state.market), state.rules))
    row["entryPrice"] = plain(booked(leg.avg_price))
    row["category"] = "linear"
    row["mmrSysUpdatedTime"] = ""
    return row


def _position(state: State, account: Account, leg: Leg, margin: Margin) -> dict[str, Any]:
    contract, mark = state.linear, state.market.mark
    own = margin.legs[leg.idx]
    side = leg.side or ("Sell" if leg.idx == 2 else "Buy")
    trail = account.whole_stop(leg.idx, "TrailingStop")
    return {
        "positionIdx": leg.idx,
        "riskId": own.tier.id,
        "riskLimitValue": plain(own.tier.limit),
        "symbol": SYMBOL,
        "side": leg.side,
        "size": plain(leg.size),
        "positionValue": plain(leg.entry_value),
        "tradeMode": 1 if account.margin_mode == "ISOLATED_MARGIN" else 0,
        "positionStatus": leg.status,
        "autoAddMargin": leg.auto_add_margin,
        "adlRankIndicator": _adl_rank(account, leg, margin, mark) if leg.size else 0,
        "leverage": plain(account.leverage[side]),
        "breakEvenPrice": _break_even(contract, leg, state.rules.linear_taker_rate),
        "positionBalance": "0",
        "markPrice": contract.price_text(mark),
        "liqPrice": _liq_price(state, account, leg, margin),
        "bustPrice": "",
        "positionMM": plain(booked(own.mm)),
        "positionMMByMp": plain(booked(own.mm)),
        "positionIM": plain(booked(own.im)),
        "positionIMByMp": plain(booked(own.im)),
        "tpslMode": "Full",
        "takeProfit": _stop_price(contract, account.whole_stop(leg.idx, "TakeProfit")),
        "stopLoss": _stop_price(contract, account.whole_stop(leg.idx, "StopLoss")),
        "trailingStop": plain(trail.trail) if trail is not None else "0",
        "unrealisedPnl": plain(booked(leg.unrealised(mark))),
        "curRealisedPnl": plain(leg.cur_realised),
        "cumRealisedPnl": plain(leg.cum_realised),
        "seq": leg.seq,
        "isReduceOnly": False,
        "leverageSysUpdatedTime": "",
        "sessionAvgPrice": "",
        "createdTime": str(leg.created_ms or account.opened_ms),
        "updatedTime": str(leg.updated_ms or account.opened_ms),
    }


def _stop_price(contract: Contract, stop: Order | None) -> str:
    return "0" if stop is None else contract.price_text(stop.trigger_price)


def _adl_rank(account: Account, leg: Leg, margin: Margin, mark: Decimal) -> int:
    """1 (last in the queue) to 5 by profit on margin; a delta-neutral account that asked for it stands one lower."""
    share = leg.unrealised(mark) / leg.entry_value * account.leverage[leg.side]
    rank = 1 + sum(share > level for level in (Decimal("0.05"), Decimal("0.25"), Decimal(1), Decimal(3)))
    return max(1, rank - 1) if account.delta_enable else rank


def _break_even(contract: Contract, leg: Leg, taker: Decimal) -> str:
    """(entry·qty − realised) / (qty − |qty|·max(taker, 0.00055)), qty signed (Bybit: position/position)."""
    if not leg.size:
        return "0"
    signed_value = leg.entry_value if leg.side == "Buy" else -leg.entry_value
    bottom = leg.signed - leg.size * max(taker, Decimal("0.00055"))
    return contract.price_text((signed_value - leg.cur_realised) / bottom)


def _liq_price(state: State, account: Account, leg: Leg, margin: Margin) -> str:
    """ "" outside the price range, "0" of a flat leg."""
    if not leg.size:
        return "0"
    price = liquidation_price(state, account, leg, margin)
    return "" if price is None else state.linear.price_text(price)


def closed_pnl_row(row: ClosedPnl) -> dict[str, Any]:
    """A row of /v5/position/closed-pnl."""
    return {
        "symbol": SYMBOL,
        "orderType": row.order_type,
        "leverage": plain(row.leverage),
        "updatedTime": str(row.updated_ms),
        "side": row.side,
        "orderId": row.order_id,
        "closedPnl": plain(row.pnl),
        "avgEntryPrice": plain(booked(row.entry_value / row.closed_size)),
        "qty": plain(row.qty),
        "cumEntryValue": plain(row.entry_value),
        "createdTime": str(row.created_ms),
        "orderPrice": plain(row.order_price),
        "closedSize": plain(row.closed_size),
        "avgExitPrice": plain(booked(row.exit_value / row.closed_size)),
        "execType": row.exec_type,
        "fillCount": str(row.fills),
        "cumExitValue": plain(row.exit_value),
    }


def public_trade(state: State, row: ExecRow) -> dict[str, Any]:
    """A trade of the `publicTrade` topic; `S` is the taker's side."""
    contract = state.contracts[row.category]
    taker = row.side if not row.is_maker else ("Sell" if row.side == "Buy" else "Buy")
    trade: dict[str, Any] = {
        "T": row.at_ms,
        "s": SYMBOL,
        "S": taker,
        "v": plain(row.qty),
        "p": contract.price_text(row.price),
        "L": "PlusTick" if taker == "Buy" else "MinusTick",
        "i": row.exec_id,
        "BT": False,
        "seq": row.seq,
    }
    if row.category == "spot":
        del trade["L"]
    return trade
