"""Answers of Bybit's REST: the envelope, lists, and the rows only REST knows. JSON to values, pure.

A reply counts only when its envelope is whole: retCode present, result an object, list a list, the right category. HTML, null, a cut-off
body or an empty object is not an observation, and never "nothing there".
(Bybit: guide, market/instrument, market/kline, market/history-fund-rate, user/apikey-info, account/account-info, account/fee-rate.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import msgspec

from bot.domain.account import AccountFacts, Coin, Wallet
from bot.domain.commands import CancelOrder, PlaceOrder
from bot.domain.events import Bar, FundingPoint
from bot.domain.instrument import Instrument
from bot.domain.legs import Leg, LegRow, wire_side
from bot.domain.money import ZERO, BadNumber, amount, maybe_amount, text
from bot.exchange.wire_rows import (
    BadRow,
    PositionWire,
    WalletWire,
    decode,
    leg_row,
    millis,
    positive,
    readable,
    said,
    wallet,
)
from bot.exchange.wire_stream import bar

__all__ = [
    "Envelope",
    "Page",
    "account_facts",
    "bars",
    "both_legs",
    "cancel_params",
    "created_order_id",
    "envelope",
    "funding_points",
    "hedge_mode",
    "instrument",
    "order_params",
    "page",
    "server_ns",
    "unified_wallet",
]


T = TypeVar("T")


class Envelope(msgspec.Struct, rename="camel"):
    ret_code: int
    ret_msg: str | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    time: int | None = None  # when the answer was made; some answers lack it


def envelope(body: bytes) -> Envelope:
    """The envelope of any answer. Raises BadRow("envelope")."""
    return decode(body, Envelope, "envelope", strict=True)


def order_params(order: PlaceOrder) -> dict[str, object]:
    """The body of a create request (Bybit: order/create-order). A leg and an act become side, positionIdx and reduceOnly in one table."""
    said = wire_side(order.leg, order.act)
    priced: dict[str, object] = (
        {"orderType": "Market"}
        if order.limit_price is None
        else {"orderType": "Limit", "price": text(order.limit_price), "timeInForce": order.time_in_force.value}
    )
    return {
        "category": "linear",
        "symbol": order.symbol,
        "side": said.side,
        "positionIdx": said.position_idx,
        "reduceOnly": said.reduce_only,
        "qty": text(order.qty),
        "orderLinkId": order.order_link_id,
        **priced,
    }


def cancel_params(order: CancelOrder) -> dict[str, object]:
    """The body of a cancel request (Bybit: order/cancel-order)."""
    return {"category": "linear", "symbol": order.symbol, "orderLinkId": order.order_link_id}


class _CreatedWire(msgspec.Struct, rename="camel"):
    order_id: str
    order_link_id: str = ""


def created_order_id(result: msgspec.Raw, order_link_id: str) -> str:
    """The orderId the venue gave our order. Raises BadRow when there is none, or when the answer is about another order."""
    created = decode(result, _CreatedWire, "order answer")
    if not created.order_id or created.order_link_id not in ("", order_link_id):
        raise BadRow("order answer", f"orderId {created.order_id!r} for orderLinkId {created.order_link_id!r}")
    return created.order_id


class Page(msgspec.Struct, rename="camel"):
    """One page of a list. `rows` has no default on purpose: an answer without it is not an empty list."""

    rows: list[msgspec.Raw] = msgspec.field(name="list")
    category: str | None = None
    next_page_cursor: str | None = None


def page(result: msgspec.Raw, *, category: str = "") -> Page:
    """A page of rows; `category` is checked when asked for and said. Raises BadRow("list")."""
    found = decode(result, Page, "list")
    if category and found.category and found.category != category:
        raise BadRow("list", f"category {found.category!r} where {category!r} was asked for")
    return found


class _TimeWire(msgspec.Struct, rename="camel"):
    time_nano: str


def server_ns(result: msgspec.Raw) -> int:
    """The venue's own clock in nanoseconds (Bybit: market/time). Raises BadRow("time")."""
    text = decode(result, _TimeWire, "time").time_nano
    if not text.isdecimal() or not 10**18 <= int(text) < 10**20:
        raise BadRow("time", f"timeNano {text[:40]!r}")
    return int(text)


class _LeverageFilter(msgspec.Struct, rename="camel"):
    max_leverage: str


class _PriceFilter(msgspec.Struct, rename="camel"):
    tick_size: str


class _LotFilter(msgspec.Struct, rename="camel"):
    qty_step: str
    min_order_qty: str
    max_order_qty: str
    max_mkt_order_qty: str
    min_notional_value: str


class _InstrumentWire(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    funding_interval: int
    leverage_filter: _LeverageFilter
    price_filter: _PriceFilter
    lot_size_filter: _LotFilter


def instrument(found: Page, symbol: str) -> Instrument:
    """The contract's filters; exactly one row, of this symbol. Raises BadRow("instrument")."""
    if len(found.rows) != 1:
        raise BadRow("instrument", f"{len(found.rows)} rows where one was asked for")
    row = decode(found.rows[0], _InstrumentWire, "instrument")
    if row.symbol != symbol:
        raise BadRow("instrument", f"{row.symbol!r} where {symbol!r} was asked for")
    try:
        return Instrument(
            symbol=row.symbol,
            status=row.status,
            tick_size=positive(row.price_filter.tick_size, "tickSize"),
            qty_step=positive(row.lot_size_filter.qty_step, "qtyStep"),
            min_qty=positive(row.lot_size_filter.min_order_qty, "minOrderQty"),
            min_notional=positive(row.lot_size_filter.min_notional_value, "minNotionalValue"),
            max_market_qty=positive(row.lot_size_filter.max_mkt_order_qty, "maxMktOrderQty"),
            max_limit_qty=positive(row.lot_size_filter.max_order_qty, "maxOrderQty"),
            funding_interval_min=row.funding_interval,
            max_leverage=positive(row.leverage_filter.max_leverage, "maxLeverage"),
        )
    except BadNumber as error:
        raise BadRow("instrument", str(error)) from None


def bars(found: Page, minutes: int) -> list[Bar]:
    """Candles in the order given (Bybit sends the newest first, the open one included). Raises BadRow("kline") where none makes sense."""
    return _any_sense(found, lambda raw: _bar(raw, minutes))


def _any_sense(found: Page, read: Callable[[msgspec.Raw], T]) -> list[T]:
    """The rows that make sense: one odd one of a long past is a hole that the estimators bear. Raises BadRow where none does."""
    rows, left_out = readable(found.rows, read)
    if left_out and not rows:
        raise BadRow("history", left_out[0])
    return rows


def _bar(raw: msgspec.Raw, minutes: int) -> Bar:
    cells = decode(raw, list[str], "kline")
    if len(cells) < 6:
        raise BadRow("kline", f"{len(cells)} cells")
    start, opened, high, low, close, volume = cells[:6]
    return bar(start, minutes, open=opened, high=high, low=low, close=close, volume=volume)


class _FundingWire(msgspec.Struct, rename="camel"):
    symbol: str
    funding_rate: str
    funding_rate_timestamp: str


def funding_points(found: Page, symbol: str) -> list[FundingPoint]:
    """Settled funding rates in the order given (newest first). Raises BadRow("funding") where none makes sense."""
    return _any_sense(found, lambda raw: _funding_point(decode(raw, _FundingWire, "funding"), symbol))


def _funding_point(row: _FundingWire, symbol: str) -> FundingPoint:
    if row.symbol != symbol:
        raise BadRow("funding", f"{row.symbol!r} where {symbol!r} was asked for")
    try:
        at_ms, rate = (
            millis(row.funding_rate_timestamp, "fundingRateTimestamp"),
            amount(row.funding_rate, "fundingRate"),
        )
    except BadNumber as error:
        raise BadRow("funding", str(error)) from None
    return FundingPoint(at_ms=at_ms, rate=rate)


def _positions(found: Page, symbol: str) -> list[PositionWire]:
    """The rows of this symbol. A row of another one, which was not asked for, is not looked at."""
    ours = (raw for raw in found.rows if said(raw, "symbol", "position") in ("", symbol))
    rows = [decode(raw, PositionWire, "position") for raw in ours]
    if any(row.symbol != symbol for row in rows):
        raise BadRow("position", f"a row of no symbol where {symbol!r} was asked for")
    return rows


def hedge_mode(found: Page, symbol: str) -> bool | None:
    """True for two legs, False for one-way, None where the rows do not say. Raises BadRow("position")."""
    indices = {row.position_idx for row in _positions(found, symbol)}
    return {frozenset({1, 2}): True, frozenset({0}): False}.get(frozenset(indices))


def both_legs(found: Page, symbol: str) -> tuple[LegRow, LegRow]:
    """(long, short), found by positionIdx and never by order. Raises BadRow unless exactly both are there.

    Asked by symbol, Bybit returns both rows whether or not there is a position (Bybit: position).
    """
    rows = [leg_row(row) for row in _positions(found, symbol)]
    legs = {row.leg: row for row in rows}
    if len(rows) != 2 or set(legs) != {Leg.LONG, Leg.SHORT}:
        raise BadRow("position", f"{len(rows)} rows ({', '.join(row.leg.name for row in rows)}) where both legs belong")
    return legs[Leg.LONG], legs[Leg.SHORT]


def unified_wallet(found: Page, *, must_hold: tuple[str, ...], may_hold: tuple[str, ...]) -> Wallet:
    """The wallet, complete. Raises BadRow("wallet") without a row for each of `must_hold`, and where one of a named coin is unreadable.

    Bybit leaves out coins of which there is neither asset nor debt (Bybit: account/wallet-balance), so inside this whole and valid reply a
    missing coin of `may_hold` is an observed zero, and is written as one.
    """
    if len(found.rows) != 1:
        raise BadRow("wallet", f"{len(found.rows)} accounts where one was asked for")
    seen = wallet(decode(found.rows[0], WalletWire, "wallet"), (*must_hold, *may_hold))
    missing = [coin for coin in must_hold if seen.coin(coin) is None]
    if missing:
        raise BadRow("wallet", f"no row for {', '.join(missing)}")
    absent = tuple(_nothing_of(coin) for coin in may_hold if seen.coin(coin) is None)
    return replace(seen, coins=(*seen.coins, *absent))


def _nothing_of(coin: str) -> Coin:
    return Coin(
        coin=coin,
        wallet=ZERO,
        equity=ZERO,
        spot_borrow=ZERO,
        borrowed=ZERO,
        unrealised=ZERO,
        accrued_interest=ZERO,
        usd_value=ZERO,
    )


class _KeyWire(msgspec.Struct):
    readOnly: int  # noqa: N815  (Bybit's own spelling)
    permissions: dict[str, list[str] | None]
    ips: list[str] | None = None
    deadlineDay: int | None = None  # noqa: N815
    uta: int | None = None
    userID: int | str = ""  # noqa: N815


class _AccountWire(msgspec.Struct, rename="camel"):
    margin_mode: str
    unified_margin_status: int


class _FeeWire(msgspec.Struct, rename="camel"):
    symbol: str
    taker_fee_rate: str
    maker_fee_rate: str


def account_facts(
    *, key: msgspec.Raw, account: msgspec.Raw, positions: Page, fees: Page | None, symbol: str
) -> AccountFacts:
    """What must be true before we trade. `fees` is None where the venue has no such page (demo). Raises BadRow."""
    about_key = decode(key, _KeyWire, "key")
    about_account = decode(account, _AccountWire, "account")
    taker, maker = _fee_rates(fees, symbol)
    bound = bool(about_key.ips) and about_key.ips != ["*"]
    allowed = {group: rights or [] for group, rights in about_key.permissions.items()}
    trades = "Order" in allowed.get("ContractTrade", []) or "DerivativesTrade" in allowed.get("Derivatives", [])
    return AccountFacts(
        uid=str(about_key.userID),
        hedge_mode=hedge_mode(positions, symbol),
        margin_mode=about_account.margin_mode,
        unified=about_key.uta == 1 and about_account.unified_margin_status >= 3,
        read_only=about_key.readOnly == 1,
        can_withdraw="Withdraw" in allowed.get("Wallet", []),
        can_trade=about_key.readOnly == 0 and trades,
        ip_bound=bound,
        # Only a key without bound addresses expires; elsewhere the field is a negative leftover (Bybit: user/apikey-info).
        expires_in_days=about_key.deadlineDay if not bound and (about_key.deadlineDay or -1) >= 0 else None,
        taker_fee=taker,
        maker_fee=maker,
    )


def _fee_rates(fees: Page | None, symbol: str) -> tuple[Decimal | None, Decimal | None]:
    for raw in fees.rows if fees else ():
        if said(raw, "symbol", "fee rate") == symbol:
            row = decode(raw, _FeeWire, "fee rate")
            try:
                return maybe_amount(row.taker_fee_rate, "takerFeeRate"), maybe_amount(
                    row.maker_fee_rate, "makerFeeRate"
                )
            except BadNumber as error:
                raise BadRow("fee rate", str(error)) from None
    return None, None
