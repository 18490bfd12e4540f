"""The venue's answers as the engine's facts, without a wire between them: rows of the simulated venue become domain values.

A third reading of those rows beside the exchange room's and the worlds', kept small: what the engine does not look at is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.domain.account import (
    AccountFacts,
    AccountReading,
    CashKind,
    CashRow,
    Coin,
    ExecKind,
    Execution,
    Wallet,
)
from bot.domain.commands import PlaceOrder, ReadAccount, SeekOrder
from bot.domain.events import OrderSought
from bot.domain.instrument import Instrument
from bot.domain.legs import Leg, LegRow, wire_side
from bot.domain.orders import OrderRow
from bot.simulator.figures import ZERO, booked
from bot.simulator.margin import CoinMargin, Margin
from bot.simulator.venue import Venue

__all__ = [
    "FACTS",
    "execution_of",
    "instrument_of",
    "listed",
    "mm_rate_at",
    "number",
    "order_params",
    "order_row_of",
    "reading_of",
    "result_of",
    "sought_of",
    "wallet_at",
]

LINEAR = {"category": "linear", "symbol": "BTCUSDT"}
_RATE = Decimal("0.0001")
_FURTHEST_MS = 600_000_000
"""Just below a week: the longest window of a history."""
_KINDS = {kind.value: kind for kind in ExecKind}
_WHY = {"TRADE": CashKind.TRADE, "ADL": CashKind.TRADE, "SETTLEMENT": CashKind.SETTLEMENT, "INTEREST": CashKind.INTEREST,
        "TRANSFER_IN": CashKind.TRANSFER, "TRANSFER_OUT": CashKind.TRANSFER, "BORROW": CashKind.BORROW, "REPAY": CashKind.REPAY,
        "LIQUIDATION": CashKind.LIQUIDATION}  # fmt: skip
FOR_WANT = frozenset({110007, 110090})
"""What the simulated venue answers where margin or the risk limit do not carry an order."""
_ALWAYS = ("BTC", "USDT")
"""A whole wallet shows these, empty or not."""

FACTS = AccountFacts(
    uid="1",
    hedge_mode=True,
    margin_mode="REGULAR_MARGIN",
    unified=True,
    read_only=False,
    can_withdraw=False,
    can_trade=True,
    ip_bound=True,
    expires_in_days=None,
    taker_fee=Decimal("0.00055"),
    maker_fee=Decimal("0.0002"),
)
"""An account as it should be."""


def order_params(order: PlaceOrder) -> dict[str, object]:
    """The body of a create request (Bybit: order/create-order)."""
    said = wire_side(order.leg, order.act)
    body: dict[str, object] = {
        **LINEAR,
        "side": said.side,
        "positionIdx": said.position_idx,
        "reduceOnly": said.reduce_only,
        "qty": f"{order.qty:f}",
        "orderLinkId": order.order_link_id,
        "orderType": "Market" if order.limit_price is None else "Limit",
    }
    if order.limit_price is not None:
        body |= {"price": f"{order.limit_price:f}", "timeInForce": order.time_in_force.value}
    return body


def execution_of(row: Mapping[str, Any]) -> Execution:
    """One execution (Bybit: order/execution)."""
    return Execution(
        exec_id=row["execId"],
        kind=_KINDS.get(row["execType"], ExecKind.UNKNOWN),
        symbol=row["symbol"],
        order_id=row["orderId"],
        order_link_id=row["orderLinkId"],
        side=row["side"],
        qty=Decimal(row["execQty"]),
        price=Decimal(row["execPrice"]),
        fee=Decimal(row["execFee"]),
        fee_currency=row.get("feeCurrency") or "USDT",
        closed_qty=number(row["closedSize"]),
        is_maker=row["isMaker"],
        exec_ms=int(row["execTime"]),
        seq=row["seq"],
        raw_kind=row["execType"],
    )


def order_row_of(row: Mapping[str, Any]) -> OrderRow:
    """One order (Bybit: websocket/private/order)."""
    return OrderRow(
        order_id=row["orderId"],
        order_link_id=row["orderLinkId"],
        symbol=row["symbol"],
        side=row["side"],
        position_idx=row["positionIdx"],
        reduce_only=row["reduceOnly"],
        status=row["orderStatus"],
        qty=Decimal(row["qty"]),
        filled_qty=number(row["cumExecQty"]),
        price=number(row["price"]) or None,
        avg_price=number(row["avgPrice"]) or None,
        reject_reason=row["rejectReason"],
        cancel_type=row["cancelType"],
        created_ms=int(row["createdTime"]),
        updated_ms=int(row["updatedTime"]),
    )


def reading_of(venue: Venue, account: str, asked_ms: int, command: ReadAccount) -> AccountReading:
    """One whole reading, taken in an instant."""
    since_ms = command.executions_since_ms
    rows = {row["positionIdx"]: row for row in listed(venue, account, "/v5/position/list", LINEAR)}
    orders = listed(venue, account, "/v5/order/realtime", {**LINEAR, "openOnly": 0, "limit": 50})
    found = listed(
        venue,
        account,
        "/v5/execution/list",
        {**LINEAR, "limit": 100, "startTime": max(since_ms, asked_ms - _FURTHEST_MS)},
    )
    executions = {row["execId"]: execution_of(row) for row in found}
    return AccountReading(
        asked_ms=asked_ms,
        long=_leg(rows[1], Leg.LONG),
        short=_leg(rows[2], Leg.SHORT),
        open_orders=tuple(order_row_of(row) for row in orders),
        executions=tuple(sorted(executions.values(), key=lambda e: (e.exec_ms, e.seq, e.exec_id))),
        wallet=wallet_at(venue.margin(account)),
        cash=None if command.cash_since_ms is None else _cash(venue, account, command.cash_since_ms, asked_ms),
    )


def _cash(venue: Venue, account: str, since_ms: int, until_ms: int) -> tuple[CashRow, ...]:
    """The transaction log, oldest first, page by page (Bybit: account/transaction-log)."""
    since_ms = max(since_ms, until_ms - _FURTHEST_MS)
    asked: dict[str, object] = {"accountType": "UNIFIED", "startTime": since_ms, "endTime": until_ms, "limit": 50}
    rows: list[CashRow] = []
    while True:
        page = result_of(venue, account, "/v5/account/transaction-log", asked)
        rows += [cash_row_of(row) for row in page["list"]]
        if not page["list"] or not page["nextPageCursor"]:
            return tuple(reversed(rows))
        asked["cursor"] = page["nextPageCursor"]


def cash_row_of(row: Mapping[str, Any]) -> CashRow:
    """One line of the log."""
    kind, at_ms = _WHY.get(row["type"], CashKind.UNKNOWN), int(row["transactionTime"])
    return CashRow(
        row_id="|".join((row["id"], row["tradeId"], row["type"], row["currency"], str(at_ms))),
        kind=kind,
        raw_kind=row["type"],
        currency=row["currency"],
        change=Decimal(row["change"]),
        cash_flow=number(row["cashFlow"]),
        fee=number(row["fee"]),
        funding=number(row["funding"]) if kind is CashKind.SETTLEMENT else None,
        balance=number(row["cashBalance"]),
        at_ms=at_ms,
        category=row["category"],
        symbol=row["symbol"],
        side=row["side"] if row["side"] in ("Buy", "Sell") else None,
        trade_id=row["tradeId"],
        order_id=row["orderId"],
        order_link_id=row["orderLinkId"],
    )


def sought_of(venue: Venue, account: str, command: SeekOrder) -> OrderSought:
    """What the lists say of one order."""
    named = {**LINEAR, "orderLinkId": command.order_link_id}
    found = [row for path in ("realtime", "history") for row in listed(venue, account, f"/v5/order/{path}", named)]
    fills = listed(venue, account, "/v5/execution/list", {**named, "limit": 100})
    return OrderSought(
        order_link_id=command.order_link_id,
        order=order_row_of(found[0]) if found else None,
        executions=tuple(execution_of(row) for row in fills),
    )


def wallet_at(margin: Margin) -> Wallet:
    """The wallet that this margin shows: a row of account/wallet-balance, without the row, and whole."""
    return Wallet(
        coins=tuple(_coin_of(coin) for coin in margin.coins.values() if coin.coin in _ALWAYS or coin.is_alive),
        total_equity=booked(margin.equity),
        margin_balance=booked(margin.balance),
        available=booked(max(ZERO, margin.available)),
        initial_margin=booked(margin.im),
        maintenance_margin=booked(margin.mm),
        im_rate=margin.im_rate.quantize(_RATE),
        mm_rate=mm_rate_at(margin),
    )


def mm_rate_at(margin: Margin) -> Decimal:
    """The maintenance margin rate as the wallet shows it."""
    return margin.mm_rate.quantize(_RATE)


def _coin_of(coin: CoinMargin) -> Coin:
    """At every tick of a tape: what no open profit and no debt can have moved is a booked balance, and needs no rounding."""
    balance, debt, moves = coin.balance, coin.spot_borrow, coin.upl or coin.balance < 0
    return Coin(
        coin=coin.coin,
        wallet=balance,
        equity=booked(coin.equity) if moves else balance - debt,
        spot_borrow=debt,
        borrowed=booked(coin.borrowed) if moves else debt,
        unrealised=booked(coin.upl) if moves else ZERO,
        accrued_interest=ZERO,
        usd_value=booked(coin.usd_value),
    )


def instrument_of(venue: Venue) -> Instrument:
    """The contract's filters (Bybit: market/instrument)."""
    reply = venue.public("/v5/market/instruments-info", LINEAR)
    row = (reply.result or {})["list"][0]
    lot = row["lotSizeFilter"]
    return Instrument(
        symbol=row["symbol"],
        status=row["status"],
        tick_size=Decimal(row["priceFilter"]["tickSize"]),
        qty_step=Decimal(lot["qtyStep"]),
        min_qty=Decimal(lot["minOrderQty"]),
        min_notional=Decimal(lot["minNotionalValue"]),
        max_market_qty=Decimal(lot["maxMktOrderQty"]),
        max_limit_qty=Decimal(lot["maxOrderQty"]),
        funding_interval_min=row["fundingInterval"],
        max_leverage=Decimal(row["leverageFilter"]["maxLeverage"]),
    )


def _leg(row: Mapping[str, Any], leg: Leg) -> LegRow:
    size = number(row["size"])
    return LegRow(leg=leg, qty=size, entry_price=number(row["avgPrice"]) if size else None, seq=row["seq"])


def listed(venue: Venue, account: str, path: str, params: Mapping[str, object]) -> list[Any]:
    rows = result_of(venue, account, path, params).get("list")
    if not isinstance(rows, list):
        raise RuntimeError(f"the simulated venue gave no list for {path}")
    return rows


def result_of(venue: Venue, account: str, path: str, params: Mapping[str, object]) -> dict[str, Any]:
    reply = venue.request(account, "GET", path, params)
    if reply.ret_code:
        raise RuntimeError(f"the simulated venue refused {path}: {reply.ret_code} {reply.ret_msg}")
    return reply.result or {}


def number(text: object) -> Decimal:
    return Decimal(str(text)) if text not in ("", None) else Decimal(0)
