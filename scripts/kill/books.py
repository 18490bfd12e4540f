"""What counts as having seen the account: answers checked row by row. Anything less is no observation, never "flat".

Knows the shapes of Bybit's answers (Bybit: position, order/open-order, account/wallet-balance, new-crypto-loan/crypto-loan-position). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = [
    "Filters",
    "LegRow",
    "Legs",
    "NotAnObservation",
    "Pledge",
    "Wallet",
    "filters",
    "legs",
    "orders",
    "pledge",
    "price",
    "wallet",
]

ZERO = Decimal(0)
LONG, SHORT, ONE_WAY = 1, 2, 0
_SIDE = {LONG: "Buy", SHORT: "Sell"}


class NotAnObservation(Exception):
    """An answer that proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRow:
    """One row of the position list. `qty` in BTC, never negative; `side` is Buy for a long position, "" for none."""

    idx: int
    side: str
    qty: Decimal
    seq: int
    margin: Decimal
    """Its maintenance margin in USDT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """Both legs of a hedge-mode account, or the one row of a one-way account."""

    rows: tuple[LegRow, ...]

    @property
    def long(self) -> Decimal:
        """BTC held long, in either mode."""
        return sum((row.qty for row in self.rows if row.side == "Buy"), ZERO)

    @property
    def short(self) -> Decimal:
        """BTC held short, in either mode."""
        return sum((row.qty for row in self.rows if row.side == "Sell"), ZERO)

    @property
    def net(self) -> Decimal:
        """Long less short, BTC."""
        return self.long - self.short


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """What the liquidation depends on. BTC in coin, the rest in USD."""

    btc: Decimal
    debt: Decimal
    margin_balance: Decimal | None
    maintenance_margin: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledge:
    """What is pledged in a Crypto Loan: it is hedged, and no wallet shows it. `ltv` is the lender's own."""

    btc: Decimal = ZERO
    ltv: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The contract's own limits (Bybit: market/instrument)."""

    qty_step: Decimal
    max_market_qty: Decimal
    max_limit_qty: Decimal
    tick: Decimal


def legs(result: object, symbol: str) -> Legs:
    """Both rows of hedge mode, or the row of one-way mode; raises NotAnObservation for anything less."""
    rows: dict[int, LegRow] = {}
    for raw in _rows(result, "linear"):
        if raw.get("symbol") == symbol:
            row = _leg(raw)
            if rows.setdefault(row.idx, row) != row:
                raise NotAnObservation(f"two different rows for leg {row.idx}")
    if set(rows) not in ({LONG, SHORT}, {ONE_WAY}):
        raise NotAnObservation(f"the position list has rows {sorted(rows)}, not both legs")
    return Legs(rows=tuple(rows[idx] for idx in sorted(rows)))


def orders(result: object, symbol: str) -> tuple[list[dict[str, Any]], str]:
    """(orders of the symbol, cursor of the next page) of one page of orders."""
    rows = _rows(result, "linear")
    cursor = result.get("nextPageCursor", "") if isinstance(result, dict) else ""
    if not rows and cursor:
        raise NotAnObservation("a page of orders without orders, and a cursor to more")
    if not all(isinstance(row.get("orderId"), str) and row["orderId"] for row in rows):
        raise NotAnObservation("an order without an orderId")
    return [row for row in rows if row.get("symbol") == symbol], str(cursor or "")


def wallet(result: object) -> Wallet:
    """The account's coins; raises NotAnObservation where BTC or USDT is left out although it was asked for."""
    rows = _rows(result, None)
    coins = {coin.get("coin"): coin for row in rows[:1] for coin in row.get("coin") or () if isinstance(coin, dict)}
    if "BTC" not in coins or "USDT" not in coins:
        raise NotAnObservation("the wallet does not show both BTC and USDT")
    return Wallet(
        btc=_number(coins["BTC"], "equity"),
        debt=max(ZERO, -_number(coins["USDT"], "equity")),
        margin_balance=_number_or_none(rows[0], "totalMarginBalance"),
        maintenance_margin=_number_or_none(rows[0], "totalMaintenanceMargin"),
    )


def pledge(result: object) -> Pledge:
    """The BTC in the list of what is pledged; none where a whole list does not name it."""
    found = result.get("collateralList") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise NotAnObservation("the loan has no list of what is pledged")
    btc = sum((_number(row, "amount") for row in found if row.get("currency") == "BTC"), ZERO)
    return Pledge(btc=btc, ltv=_number_or_none(result, "ltv"))


def filters(result: object, symbol: str) -> Filters:
    """The contract's steps and largest orders."""
    row = _one(result, symbol)
    lots, prices = row.get("lotSizeFilter") or {}, row.get("priceFilter") or {}
    found = Filters(
        qty_step=_number(lots, "qtyStep"),
        max_market_qty=_number(lots, "maxMktOrderQty"),
        max_limit_qty=_number(lots, "maxOrderQty"),
        tick=_number(prices, "tickSize"),
    )
    if not (
        found.qty_step > 0 and found.max_market_qty >= found.qty_step and found.max_limit_qty > 0 and found.tick > 0
    ):
        raise NotAnObservation("the contract's filters are not above zero")
    return found


def price(result: object, symbol: str) -> Decimal:
    """The mark price in USDT."""
    mark = _number(_one(result, symbol), "markPrice")
    if mark <= 0:
        raise NotAnObservation(f"a mark price of {mark}")
    return mark


def _one(result: object, symbol: str) -> Mapping[str, Any]:
    found = [row for row in _rows(result, "linear") if row.get("symbol") == symbol]
    if not found:
        raise NotAnObservation(f"no row for {symbol}")
    return found[0]


def _rows(result: object, category: str | None) -> list[dict[str, Any]]:
    if not isinstance(result, dict) or not isinstance(result.get("list"), list):
        raise NotAnObservation("the answer has no list")
    if category and result.get("category", category) != category:
        raise NotAnObservation(f"the answer is about {result.get('category')!r}")
    rows: list[dict[str, Any]] = result["list"]
    if not all(isinstance(row, dict) for row in rows):
        raise NotAnObservation("a row that is no object")
    return rows


def _leg(raw: Mapping[str, Any]) -> LegRow:
    idx, side, qty = raw.get("positionIdx"), raw.get("side", ""), _number(raw, "size")
    if not isinstance(idx, int) or isinstance(idx, bool) or idx not in (ONE_WAY, LONG, SHORT):
        raise NotAnObservation(f"a position row with positionIdx {idx!r}")
    if qty < 0 or (qty and side not in ("Buy", "Sell")) or (qty and idx in _SIDE and side != _SIDE[idx]):
        raise NotAnObservation(f"leg {idx} says {side!r} {qty}")
    seq = raw.get("seq", -1)
    return LegRow(
        idx=idx,
        side=side if qty else "",
        qty=qty,
        seq=seq if isinstance(seq, int) else -1,
        margin=_number_or_none(raw, "positionMM") or ZERO,
    )


def _number(row: Mapping[str, Any], name: str) -> Decimal:
    try:
        number = Decimal(str(row[name]))
    except (KeyError, TypeError, InvalidOperation):
        raise NotAnObservation(f"{name} is no number") from None
    if not number.is_finite():
        raise NotAnObservation(f"{name} is {number}")
    return number


def _number_or_none(row: Mapping[str, Any], name: str) -> Decimal | None:
    try:
        return _number(row, name)
    except NotAnObservation:
        return None
