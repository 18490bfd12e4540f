"""A trade becomes money: one function books a fill of the perpetual, one of the spot pair, each with all its rows.

Knows positions, fees and logs. Does not decide whether a fill happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.simulator.figures import ZERO, booked
from bot.simulator.instruments import SYMBOL
from bot.simulator.orders import Order
from bot.simulator.positions import ClosedPnl, Moved, move
from bot.simulator.state import Account, ExecRow, State
from bot.simulator.wallet import post

__all__ = ["Fill", "book_fill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One match of an order. `fee_rate` is of value; `kind` an execType, `log_type` a transaction-log type."""

    price: Decimal
    qty: Decimal
    maker: bool
    fee_rate: Decimal
    seq: int
    kind: str = "Trade"
    log_type: str = "TRADE"


def book_fill(state: State, account: Account, order: Order, fill: Fill) -> ExecRow:
    """Book one fill of `order`: balances, position, transaction log, execution, closed P&L and the order's own sums."""
    value = booked(fill.price * fill.qty)
    book = _book_linear if order.category == "linear" else _book_spot
    row = book(state, account, order, fill, value)
    order.cum_qty += fill.qty
    if order.quote_budget is not None:
        order.quote_budget -= value
    order.cum_value += value
    order.fees[row.fee_coin] = order.fees.get(row.fee_coin, ZERO) + row.fee
    order.closed_pnl += row.pnl
    order.updated_ms = state.now_ms
    account.executions.append(row)
    return row


def _book_linear(state: State, account: Account, order: Order, fill: Fill, value: Decimal) -> ExecRow:
    leg = account.legs[order.position_idx]
    fee = booked(value * fill.fee_rate)
    moved = move(leg, order.side, fill.qty, value)
    close_fee = fee if not moved.opened else booked(fee * moved.closed / fill.qty)
    leg.open_fee += fee - close_fee
    leg.cur_realised += moved.realised - fee
    leg.cum_realised += moved.realised - fee
    leg.created_ms = leg.created_ms or state.now_ms
    leg.updated_ms, leg.seq = state.now_ms, fill.seq
    account.purses["USDT"].cum_realised += moved.realised - fee
    exec_id = state.mint.uuid()
    post(
        state,
        account,
        "USDT",
        fill.log_type,
        cash_flow=moved.realised,
        fee=fee,
        category="linear",
        symbol=SYMBOL,
        side=order.side,
        qty=fill.qty,
        size=leg.signed,
        price=fill.price,
        fee_rate=fill.fee_rate,
        trade_id=exec_id,
        order_id=order.order_id,
        link_id=order.link_id,
    )
    if moved.closed:
        _note_closed(state, account, order, fill, moved, value, close_fee)
    return _row(state, order, fill, value, fee, "USDT", exec_id, moved.closed, moved.realised)


def _book_spot(state: State, account: Account, order: Order, fill: Fill, value: Decimal) -> ExecRow:
    """Buy pays its fee in BTC, Sell in USDT (Bybit: enum, spot fee currency, positive maker rate)."""
    buying = order.side == "Buy"
    fee_coin = "BTC" if buying else "USDT"
    fee = booked((fill.qty if buying else value) * fill.fee_rate)
    exec_id = state.mint.uuid()
    for coin, flow in (("BTC", fill.qty if buying else -fill.qty), ("USDT", -value if buying else value)):
        post(
            state,
            account,
            coin,
            fill.log_type,
            cash_flow=flow,
            fee=fee if coin == fee_coin else ZERO,
            category="spot",
            symbol=SYMBOL,
            side=order.side,
            qty=fill.qty if buying else -fill.qty,
            price=fill.price,
            fee_rate=fill.fee_rate,
            trade_id=exec_id,
            order_id=order.order_id,
            link_id=order.link_id,
        )
    return _row(state, order, fill, value, fee, fee_coin, exec_id, ZERO, ZERO)


def _row(
    state: State,
    order: Order,
    fill: Fill,
    value: Decimal,
    fee: Decimal,
    fee_coin: str,
    exec_id: str,
    closed: Decimal,
    pnl: Decimal,
) -> ExecRow:
    return ExecRow(
        serial=state.mint.serial(),
        at_ms=state.now_ms,
        category=order.category,
        exec_id=exec_id,
        exec_type=fill.kind,
        order_id=order.order_id,
        link_id=order.link_id,
        side=order.side,
        order_price=order.price,
        order_qty=order.qty,
        leaves=order.leaves - (fill.qty if order.quote_budget is None else value),
        order_type=order.order_type,
        stop_order_type=order.stop_order_type,
        create_type=order.create_type,
        is_leverage=order.is_leverage,
        market_unit=order.market_unit,
        price=fill.price,
        qty=fill.qty,
        value=value,
        fee=fee,
        fee_coin=fee_coin,
        fee_rate=fill.fee_rate,
        is_maker=fill.maker,
        closed_size=closed,
        pnl=pnl,
        mark=state.market.mark if order.category == "linear" else ZERO,
        seq=fill.seq,
    )


def _note_closed(
    state: State, account: Account, order: Order, fill: Fill, moved: Moved, value: Decimal, close_fee: Decimal
) -> None:
    """Add a closing fill to its order's closed-P&L record: closedPnl = exit - entry (signed) - both fees (Bybit: position/close-pnl)."""
    record = account.closing.get(order.order_id)
    if record is None:
        record = account.closing[order.order_id] = ClosedPnl(
            serial=state.mint.serial(),
            order_id=order.order_id,
            side=order.side,
            qty=order.qty,
            order_price=order.price,
            order_type=order.order_type,
            exec_type=fill.kind,
            leverage=account.leverage["Sell" if order.side == "Buy" else "Buy"],
            created_ms=state.now_ms,
            updated_ms=state.now_ms,
        )
        account.closed_pnl.append(record)
    record.closed_size += moved.closed
    record.entry_value += moved.entry_value
    record.exit_value += value if not moved.opened else booked(value * moved.closed / fill.qty)
    record.open_fee += moved.open_fee
    record.close_fee += close_fee
    record.pnl += moved.realised - moved.open_fee - close_fee
    record.fills += 1
    record.updated_ms = state.now_ms
