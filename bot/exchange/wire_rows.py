"""Rows that Bybit says the same way on a stream and over REST: order, execution, position, wallet. JSON to domain values, pure.

Knows field names, blanks and signs. A row becomes a domain value whole or raises `BadRow`; nothing is guessed, and a number that is
missing where it must not be is an error, never a zero.
(Bybit: order/open-order, order/execution, position, account/wallet-balance and their websocket/private twins.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Literal, TypeVar, cast

import msgspec

from bot.domain.account import Coin, ExecKind, Execution, Wallet
from bot.domain.legs import Leg, LegRow, Side
from bot.domain.money import ZERO, BadNumber, amount, maybe_amount
from bot.domain.orders import OrderRow

__all__ = [
    "BadRow",
    "ExecutionWire",
    "OrderWire",
    "PositionWire",
    "WalletWire",
    "clipped",
    "decode",
    "execution",
    "leg_row",
    "millis",
    "order_row",
    "positive",
    "readable",
    "said",
    "wallet",
]

SAMPLE_CHARS = 200


class BadRow(ValueError):
    """A piece of JSON that is not what it should be; the message says where. `kind` is one of a small closed set of names."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(f"{kind}: {why}")
        self.kind = kind


def clipped(raw: bytes | str | msgspec.Raw) -> str:
    """A short, printable sample of something unusable."""
    text = raw if isinstance(raw, str) else bytes(raw)[:SAMPLE_CHARS].decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else "?" for sign in text[:SAMPLE_CHARS])


T = TypeVar("T")
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


def decode(raw: str | bytes | msgspec.Raw, shape: type[T], kind: str, *, strict: bool = False) -> T:
    """JSON to `shape`; raises BadRow(kind) for anything else. Decoders are made once per shape.

    Unless `strict`, an index or a flag may come as text ("1", "true"): losing a row over that would lose what it says. Text is never made
    of a number: its digits might be lost already.
    """
    decoder: msgspec.json.Decoder[T] | None = _DECODERS.get(shape)
    if decoder is None:
        decoder = _DECODERS[shape] = msgspec.json.Decoder(shape, strict=strict)
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRow(kind, str(error)[:SAMPLE_CHARS]) from None


def said(raw: msgspec.Raw, field: str, kind: str) -> str:
    """What one field says, of a row that may be none of our business; "" where it says nothing. Raises BadRow(kind) for what is no row."""
    word = decode(raw, dict[str, Any], kind).get(field)
    return word if isinstance(word, str) else ""


def readable(
    rows: Iterable[msgspec.Raw], read: Callable[[msgspec.Raw], T], symbol: str = ""
) -> tuple[list[T], list[str]]:
    """What the rows of `symbol` say that can be read, and why each other one of them cannot, with a sample of it. Rows of another symbol,
    where one is named, were not asked for. Raises BadRow for what is no row."""
    found: list[T] = []
    left_out: list[str] = []
    for raw in rows:
        if symbol and said(raw, "symbol", "list") not in ("", symbol):
            continue
        try:
            found.append(read(raw))
        except BadRow as error:
            left_out.append(f"{error} in {clipped(raw)}")
    return found, left_out


def _guarded(kind: str, build: Callable[[], T]) -> T:
    """Run a builder of one row; a number that is none becomes BadRow(kind)."""
    try:
        return build()
    except BadNumber as error:
        raise BadRow(kind, str(error)[:SAMPLE_CHARS]) from None


def positive(raw: object, field: str) -> Decimal:
    """A decimal above zero. Raises BadNumber."""
    number = amount(raw, field)
    if number <= 0:
        raise BadNumber(f"{field}: {number} is not above 0")
    return number


def _not_negative(raw: object, field: str) -> Decimal:
    number = amount(raw, field)
    if number < 0:
        raise BadNumber(f"{field}: {number} is negative")
    return number


def _price(raw: object, field: str) -> Decimal | None:
    """A price; blank and zero are how Bybit writes "none"."""
    number = maybe_amount(raw, field)
    return number if number is not None and number > 0 else None


def millis(raw: str | int | None, field: str) -> int:
    """A UTC time in milliseconds; blank is 0. Raises BadNumber for what cannot be one (seconds, microseconds, text)."""
    if raw is None or raw == "":
        return 0
    try:
        moment = int(raw)
    except ValueError:
        raise BadNumber(f"{field}: {raw!r} is not a time") from None
    if (
        moment and not 1_000_000_000_000 <= moment < 100_000_000_000_000
    ):  # 2001 .. 5138: seconds and microseconds fall outside
        raise BadNumber(f"{field}: {raw!r} is not a time in milliseconds")
    return moment


def _side(raw: str) -> Side:
    if raw not in ("Buy", "Sell"):
        raise BadNumber(f"side: {raw!r} is neither Buy nor Sell")
    return cast(Literal["Buy", "Sell"], raw)


Blank = str | None
"""A field that may be blank: "", null and absent all say that there is no value."""


class ExecutionWire(msgspec.Struct, rename="camel"):
    exec_id: str
    symbol: str
    side: str
    exec_type: str
    exec_qty: str
    exec_price: str
    exec_fee: str
    exec_time: str
    order_id: Blank = None
    order_link_id: Blank = None
    fee_currency: Blank = None
    closed_size: Blank = None
    is_maker: bool | None = None
    seq: int | None = None
    category: Blank = None
    extra_fees: Any = ""


def execution(row: ExecutionWire, *, category: str = "linear") -> Execution:
    """One execution. `category` names the market where the row itself does not (REST). Raises BadRow.

    `fee` is execFee plus what `extraFees` (local taxes) charges in the same coin. A linear row that names no fee coin was charged in its
    settle coin (Bybit: order/execution, execFee; enum, spot fee currency).
    """
    return _guarded("execution", lambda: _execution(row, row.category or category))


def _execution(row: ExecutionWire, category: str) -> Execution:
    kind = _EXEC_KINDS.get(row.exec_type, ExecKind.UNKNOWN)
    if not row.exec_id:
        raise BadNumber("execId: empty; an execution without a name cannot be booked once")
    if kind.moves_legs:
        positive(row.exec_qty, "execQty")
        positive(row.exec_price, "execPrice")
    currency = row.fee_currency or ""
    if not currency and category == "linear":
        currency = next((coin for coin in ("USDT", "USDC") if row.symbol.endswith(coin)), "")
    return Execution(
        exec_id=row.exec_id,
        kind=kind,
        symbol=row.symbol,
        order_id=row.order_id or "",
        order_link_id=row.order_link_id or "",
        side=_side(row.side),
        qty=_not_negative(row.exec_qty, "execQty"),
        price=_not_negative(row.exec_price, "execPrice"),
        fee=amount(row.exec_fee, "execFee") + _extra_fees(row.extra_fees, currency),
        fee_currency=currency,
        closed_qty=maybe_amount(row.closed_size, "closedSize") or ZERO,
        is_maker=bool(row.is_maker),
        exec_ms=millis(row.exec_time, "execTime"),
        seq=-1 if row.seq is None else row.seq,
        category=category,
        raw_kind=row.exec_type,
    )


_EXEC_KINDS = {kind.value: kind for kind in ExecKind}


def _extra_fees(extra: Any, currency: str) -> Decimal:
    """The sum of extraFees charged in `currency`; the field is a list, or "" where there are none."""
    if not isinstance(extra, list):
        return ZERO
    return sum(
        (
            amount(item.get("fee"), "extraFees.fee")
            for item in extra
            if isinstance(item, dict) and item.get("feeCoin") == currency and item.get("fee") not in (None, "")
        ),
        ZERO,
    )


class OrderWire(msgspec.Struct, rename="camel"):
    order_id: str
    symbol: str
    side: str
    order_status: str
    qty: str
    cum_exec_qty: str
    order_link_id: Blank = None
    position_idx: int | None = None
    reduce_only: bool | None = None
    price: Blank = None
    avg_price: Blank = None
    reject_reason: Blank = None
    cancel_type: Blank = None
    created_time: Blank = None
    updated_time: Blank = None


def order_row(row: OrderWire) -> OrderRow:
    """One order. `price` of a market order is the venue's own protective bound, not a fill price. Raises BadRow."""
    return _guarded(
        "order",
        lambda: OrderRow(
            order_id=row.order_id,
            order_link_id=row.order_link_id or "",
            symbol=row.symbol,
            side=_side(row.side),
            position_idx=row.position_idx or 0,
            reduce_only=bool(row.reduce_only),
            status=row.order_status,
            qty=_not_negative(row.qty, "qty"),
            filled_qty=_not_negative(row.cum_exec_qty, "cumExecQty"),
            price=_price(row.price, "price"),
            avg_price=_price(row.avg_price, "avgPrice"),
            reject_reason=_said(row.reject_reason, "EC_NoError"),
            cancel_type=_said(row.cancel_type, "UNKNOWN"),
            created_ms=millis(row.created_time, "createdTime"),
            updated_ms=millis(row.updated_time, "updatedTime"),
        ),
    )


def _said(word: Blank, nothing: str) -> str:
    """The word, or "" where it is the venue's way of saying nothing."""
    return "" if word is None or word == nothing else word


class PositionWire(msgspec.Struct, rename="camel"):
    position_idx: int
    symbol: str
    side: str
    size: str
    entry_price: Blank = None  # on the stream
    avg_price: Blank = None  # over REST
    mark_price: Blank = None
    liq_price: Blank = None
    leverage: Blank = None
    unrealised_pnl: Blank = None
    position_mm: Blank = msgspec.field(default=None, name="positionMM")
    adl_rank_indicator: int | None = None
    seq: int | None = None
    updated_time: Blank = None


_SIDE_OF_LEG = {Leg.LONG: "Buy", Leg.SHORT: "Sell"}


def leg_row(row: PositionWire) -> LegRow:
    """One leg, known by its positionIdx alone. Raises BadRow for a one-way row (idx 0) and for a leg that sits on the wrong side."""
    if row.position_idx not in (Leg.LONG, Leg.SHORT):
        raise BadRow(
            "one-way position", f"positionIdx {row.position_idx}: the account is not in hedge mode for {row.symbol}"
        )
    return _guarded("position", lambda: _leg_row(row, Leg(row.position_idx)))


def _leg_row(row: PositionWire, leg: Leg) -> LegRow:
    qty = _not_negative(row.size, "size")
    if qty > 0 and row.side != _SIDE_OF_LEG[leg]:
        raise BadNumber(f"side: {row.side!r} on the {leg.name} leg")
    return LegRow(
        leg=leg,
        qty=qty,
        entry_price=_price(row.entry_price or row.avg_price, "entryPrice"),
        mark_price=_price(row.mark_price, "markPrice"),
        liq_price=_price(row.liq_price, "liqPrice"),
        leverage=_price(row.leverage, "leverage"),
        unrealised=maybe_amount(row.unrealised_pnl, "unrealisedPnl"),
        maintenance_margin=maybe_amount(row.position_mm, "positionMM"),
        adl_rank=row.adl_rank_indicator or 0,
        seq=-1 if row.seq is None else row.seq,
        updated_ms=millis(row.updated_time, "updatedTime"),
    )


class CoinWire(msgspec.Struct, rename="camel"):
    coin: str
    wallet_balance: str
    equity: str
    borrow_amount: str
    usd_value: str
    spot_borrow: Blank = None
    unrealised_pnl: Blank = None
    accrued_interest: Blank = None
    collateral_switch: bool | None = None
    margin_collateral: bool | None = None


class WalletWire(msgspec.Struct, rename="camel"):
    account_type: str
    total_equity: str
    coin: list[msgspec.Raw]
    total_margin_balance: Blank = None
    total_available_balance: Blank = None
    total_initial_margin: Blank = None
    total_maintenance_margin: Blank = None
    account_im_rate: Blank = msgspec.field(default=None, name="accountIMRate")
    account_mm_rate: Blank = msgspec.field(default=None, name="accountMMRate")


def wallet(row: WalletWire, needed: tuple[str, ...]) -> Wallet:
    """The unified account. Raises BadRow, also for a row of a `needed` coin that cannot be read whole. Of any other coin such a row (an
    airdrop's, say) costs nothing but itself, and one whose numbers are all blank says nothing."""
    return _guarded("wallet", lambda: _wallet(row, needed))


def _wallet(row: WalletWire, needed: tuple[str, ...]) -> Wallet:
    if row.account_type != "UNIFIED":
        raise BadNumber(f"accountType: {row.account_type!r} is not UNIFIED")
    coins: list[Coin] = []
    unread: list[str] = []
    for raw in row.coin:
        name = said(raw, "coin", "wallet")
        if not name:
            raise BadNumber("coin: a row that names none may be of any")
        try:
            coin = decode(raw, CoinWire, "wallet")
            if name in needed or coin.wallet_balance or coin.equity or coin.borrow_amount:
                coins.append(_coin(coin))
        except (BadRow, BadNumber):
            if name in needed:
                raise
            unread.append(name)
    return Wallet(
        coins=tuple(coins),
        unread=tuple(unread),
        total_equity=amount(row.total_equity, "totalEquity"),
        margin_balance=maybe_amount(row.total_margin_balance, "totalMarginBalance"),
        available=maybe_amount(row.total_available_balance, "totalAvailableBalance"),
        initial_margin=maybe_amount(row.total_initial_margin, "totalInitialMargin"),
        maintenance_margin=maybe_amount(row.total_maintenance_margin, "totalMaintenanceMargin"),
        im_rate=maybe_amount(row.account_im_rate, "accountIMRate"),
        mm_rate=maybe_amount(row.account_mm_rate, "accountMMRate"),
    )


def _coin(row: CoinWire) -> Coin:
    return Coin(
        coin=row.coin,
        wallet=amount(row.wallet_balance, f"{row.coin}.walletBalance"),
        equity=amount(row.equity, f"{row.coin}.equity"),
        # A venue that does not say spotBorrow has the older meaning of walletBalance, which holds nothing borrowed.
        spot_borrow=maybe_amount(row.spot_borrow, f"{row.coin}.spotBorrow") or ZERO,
        borrowed=amount(row.borrow_amount, f"{row.coin}.borrowAmount"),
        unrealised=maybe_amount(row.unrealised_pnl, f"{row.coin}.unrealisedPnl") or ZERO,
        accrued_interest=maybe_amount(row.accrued_interest, f"{row.coin}.accruedInterest") or ZERO,
        usd_value=amount(row.usd_value, f"{row.coin}.usdValue"),
        # The stream's page and the REST page give the two switches opposite meanings; a coin counts when both are on.
        is_collateral=bool(row.collateral_switch and row.margin_collateral),
    )
