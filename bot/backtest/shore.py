"""The venue's answers as the engine's facts, without a wire between them: rows of the simulated venue become domain values.

A third reading of those rows beside the exchange room's and the worlds', kept small: what the engine does not look at is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.domain.account import AccountFacts, AccountReading, Coin, ExecKind, Execution, Wallet
from bot.domain.commands import PlaceOrder, RepayDebt, SeekOrder, SeekRepayment
from bot.domain.events import MoneyAnswered, OrderSought, RepaymentSought
from bot.domain.instrument import Instrument
from bot.domain.legs import Leg, LegRow, wire_side
from bot.domain.loan import Fate, LoanReading, RepayRow, Structure
from bot.domain.orders import OrderRow, Verdict
from bot.simulator.figures import ZERO, booked
from bot.simulator.margin import Margin
from bot.simulator.venue import Venue

__all__ = [
    "FACTS",
    "execution_of",
    "instrument_of",
    "loan_of",
    "order_params",
    "order_row_of",
    "reading_of",
    "repay",
    "repayments_of",
    "sought_of",
    "wallet_at",
    "wallet_of",
]

LINEAR = {"category": "linear", "symbol": "BTCUSDT"}
_RATE = Decimal("0.0001")
_KINDS = {kind.value: kind for kind in ExecKind}

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
        closed_qty=_number(row["closedSize"]),
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
        filled_qty=_number(row["cumExecQty"]),
        price=_number(row["price"]) or None,
        avg_price=_number(row["avgPrice"]) or None,
        reject_reason=row["rejectReason"],
        cancel_type=row["cancelType"],
        created_ms=int(row["createdTime"]),
        updated_ms=int(row["updatedTime"]),
    )


def wallet_of(row: Mapping[str, Any]) -> Wallet:
    """The account's totals and coins (Bybit: account/wallet-balance)."""
    return Wallet(
        coins=tuple(
            Coin(
                coin=coin["coin"],
                wallet=_number(coin["walletBalance"]),
                equity=_number(coin["equity"]),
                spot_borrow=_number(coin["spotBorrow"]),
                borrowed=_number(coin["borrowAmount"]),
                unrealised=_number(coin["unrealisedPnl"]),
                accrued_interest=_number(coin["accruedInterest"]),
                usd_value=_number(coin["usdValue"]),
            )
            for coin in row["coin"]
        ),
        total_equity=_number(row["totalEquity"]),
        margin_balance=_number(row["totalMarginBalance"]),
        available=_number(row["totalAvailableBalance"]),
        initial_margin=_number(row["totalInitialMargin"]),
        maintenance_margin=_number(row["totalMaintenanceMargin"]),
        im_rate=_number(row["accountIMRate"]),
        mm_rate=_number(row["accountMMRate"]),
    )


def reading_of(venue: Venue, account: str, asked_ms: int, since_ms: int) -> AccountReading:
    """One whole reading, taken in an instant."""
    rows = {row["positionIdx"]: row for row in _list(venue, account, "/v5/position/list", LINEAR)}
    orders = _list(venue, account, "/v5/order/realtime", {**LINEAR, "openOnly": 0, "limit": 50})
    found = _list(
        venue,
        account,
        "/v5/execution/list",
        {**LINEAR, "limit": 100, "startTime": max(since_ms, asked_ms - 600_000_000)},
    )
    executions = {row["execId"]: execution_of(row) for row in found}
    return AccountReading(
        asked_ms=asked_ms,
        long=_leg(rows[1], Leg.LONG),
        short=_leg(rows[2], Leg.SHORT),
        open_orders=tuple(order_row_of(row) for row in orders),
        executions=tuple(sorted(executions.values(), key=lambda e: (e.exec_ms, e.seq, e.exec_id))),
        wallet=wallet_at(venue.margin(account)),
    )


def sought_of(venue: Venue, account: str, command: SeekOrder) -> OrderSought:
    """What the lists say of one order."""
    named = {**LINEAR, "orderLinkId": command.order_link_id}
    found = [row for path in ("realtime", "history") for row in _list(venue, account, f"/v5/order/{path}", named)]
    fills = _list(venue, account, "/v5/execution/list", {**named, "limit": 100})
    return OrderSought(
        order_link_id=command.order_link_id,
        order=order_row_of(found[0]) if found else None,
        executions=tuple(execution_of(row) for row in fills),
    )


def wallet_at(margin: Margin) -> Wallet:
    """The wallet that this margin shows: what `wallet_of` reads off the row of wallet-balance, without the row."""
    return Wallet(
        coins=tuple(
            Coin(
                coin=coin.coin,
                wallet=coin.balance,
                equity=booked(coin.equity),
                spot_borrow=coin.spot_borrow,
                borrowed=booked(coin.borrowed),
                unrealised=booked(coin.upl),
                accrued_interest=ZERO,
                usd_value=booked(coin.usd_value),
            )
            for coin in margin.coins.values()
            if coin.is_alive
        ),
        total_equity=booked(margin.equity),
        margin_balance=booked(margin.balance),
        available=booked(max(ZERO, margin.available)),
        initial_margin=booked(margin.im),
        maintenance_margin=booked(margin.mm),
        im_rate=margin.im_rate.quantize(_RATE),
        mm_rate=margin.mm_rate.quantize(_RATE),
    )


def loan_of(venue: Venue, account: str, asked_ms: int) -> LoanReading:
    """The debt inside the unified account, and what could repay it (Bybit: spot-margin-uta/repayment-available-amount)."""
    able = _result(venue, account, "/v5/spot-margin-trade/repayment-available-amount", {"currency": "USDT"})
    return LoanReading(
        asked_ms=asked_ms,
        structure=Structure.UTA,
        principal=venue.margin(account).usdt.spot_borrow,
        tiers=((ZERO, Decimal("0.98")),),
        repayable_usdt=_number(able["lossLessRepaymentAmount"]),
    )


def repay(venue: Venue, account: str, deed: RepayDebt) -> MoneyAnswered:
    """One repayment by the path that sells nothing (Bybit: account/no-convert-repay)."""
    body = {"coin": deed.coin, "amount": f"{deed.amount:f}"}
    reply = venue.request(account, "POST", "/v5/account/no-convert-repay", body)
    accepted = reply.ret_code == 0
    return MoneyAnswered(
        payment=deed.payment,
        deed=type(deed).__name__,
        verdict=Verdict.ACCEPTED if accepted else Verdict.REFUSED,
        code=reply.ret_code,
        reason=reply.ret_msg,
        fate=Fate.PENDING if accepted else None,
    )


def repayments_of(venue: Venue, account: str, command: SeekRepayment) -> RepaymentSought:
    """The REPAY lines of the transaction log, newest first, and the debt that stands (Bybit: account/transaction-log)."""
    asked = {
        "accountType": "UNIFIED",
        "currency": command.coin,
        "type": "REPAY",
        "startTime": command.sent_ms,
        "limit": 50,
    }
    rows = tuple(
        RepayRow(ref=row["id"], amount=-Decimal(row["cashFlow"]), fate=Fate.DONE, at_ms=int(row["transactionTime"]))
        for row in _list(venue, account, "/v5/account/transaction-log", asked)
    )
    return RepaymentSought(payment=command.payment, rows=rows, debt=venue.margin(account).usdt.spot_borrow)


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
    size = _number(row["size"])
    return LegRow(leg=leg, qty=size, entry_price=_number(row["avgPrice"]) if size else None, seq=row["seq"])


def _list(venue: Venue, account: str, path: str, params: Mapping[str, object]) -> list[Any]:
    rows = _result(venue, account, path, params).get("list")
    if not isinstance(rows, list):
        raise RuntimeError(f"the simulated venue gave no list for {path}")
    return rows


def _result(venue: Venue, account: str, path: str, params: Mapping[str, object]) -> dict[str, Any]:
    reply = venue.request(account, "GET", path, params)
    if reply.ret_code:
        raise RuntimeError(f"the simulated venue refused {path}: {reply.ret_code} {reply.ret_msg}")
    return reply.result or {}


def _number(text: object) -> Decimal:
    return Decimal(str(text)) if text not in ("", None) else Decimal(0)
