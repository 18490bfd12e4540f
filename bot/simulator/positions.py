"""Position legs: how a fill opens, shrinks or turns one, and what it realises.

A leg keeps its entry as an exact value, not as a rounded average, so that the profits of partial closes add up to the last digit.
Knows no margin and no fees.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from bot.simulator.figures import ZERO, booked

__all__ = ["ClosedPnl", "Leg", "Moved", "closes", "move", "only_closes"]


@dataclass(slots=True, kw_only=True)
class Leg:
    """One position row. `idx` is positionIdx: 0 one-way, 1 hedge Buy, 2 hedge Sell. `size` is never negative."""

    idx: int
    side: str = ""
    """"Buy", "Sell" or "" when flat."""
    size: Decimal = ZERO
    entry_value: Decimal = ZERO
    """USDT paid (or got) for what is held, exact."""
    open_fee: Decimal = ZERO
    """Fees paid to open what is held; closed P&L takes them out pro rata."""
    cur_realised: Decimal = ZERO
    cum_realised: Decimal = ZERO
    status: str = "Normal"
    auto_add_margin: int = 0
    created_ms: int = 0
    updated_ms: int = 0
    seq: int = -1

    @property
    def signed(self) -> Decimal:
        return self.size if self.side == "Buy" else -self.size

    @property
    def avg_price(self) -> Decimal:
        return self.entry_value / self.size if self.size else ZERO

    def unrealised(self, mark: Decimal) -> Decimal:
        """Profit at `mark`, USDT, before fees."""
        if not self.size:
            return ZERO
        gain = self.size * mark - self.entry_value
        return gain if self.side == "Buy" else -gain

    def take_over(self, other: Leg) -> None:
        """Hold what `other` held; `other` is flat then."""
        for name in ("side", "size", "entry_value", "open_fee", "cur_realised", "created_ms", "updated_ms", "seq"):
            setattr(self, name, getattr(other, name))
        other.side, other.size, other.entry_value, other.open_fee = "", ZERO, ZERO, ZERO


@dataclass(slots=True, kw_only=True)
class ClosedPnl:
    """What one order has closed (Bybit: position/close-pnl): values without fees, P&L with both fees."""

    serial: int
    order_id: str
    side: str
    qty: Decimal
    order_price: Decimal
    order_type: str
    exec_type: str
    leverage: Decimal
    created_ms: int
    updated_ms: int
    closed_size: Decimal = ZERO
    entry_value: Decimal = ZERO
    exit_value: Decimal = ZERO
    open_fee: Decimal = ZERO
    close_fee: Decimal = ZERO
    pnl: Decimal = ZERO
    fills: int = 0


class Moved(NamedTuple):
    """What a fill did to a leg: quantity closed and opened, P&L realised, entry value and opening fee released by the close."""

    closed: Decimal
    opened: Decimal
    realised: Decimal
    entry_value: Decimal
    open_fee: Decimal


def closes(leg: Leg, side: str) -> bool:
    """Does a trade on `side` shrink this leg? In hedge mode the index alone says so (Bybit: enum, positionIdx)."""
    if leg.idx == 1:
        return side == "Sell"
    if leg.idx == 2:
        return side == "Buy"
    return leg.side not in ("", side)


def only_closes(leg: Leg, side: str, *, reduce_only: bool) -> bool:
    """May such an order never open anything? Reduce-only orders, and every closing order of a hedge leg."""
    return reduce_only or (leg.idx != 0 and closes(leg, side))


def move(leg: Leg, side: str, qty: Decimal, value: Decimal) -> Moved:
    """Apply a fill of `qty` worth `value` USDT. A hedge leg cannot be closed beyond its size (AssertionError); a one-way leg turns."""
    if not closes(leg, side):
        _grow(leg, side, qty, value)
        return Moved(ZERO, qty, ZERO, ZERO, ZERO)
    closed = min(qty, leg.size)
    assert leg.idx == 0 or closed == qty, f"leg {leg.idx} of {leg.size} cannot give {qty}"
    exit_value = value if closed == qty else booked(value * closed / qty)
    whole = closed == leg.size
    entry = leg.entry_value if whole else booked(leg.entry_value * closed / leg.size)
    fee = leg.open_fee if whole else booked(leg.open_fee * closed / leg.size)
    realised = exit_value - entry if leg.side == "Buy" else entry - exit_value
    leg.size -= closed
    leg.entry_value -= entry
    leg.open_fee -= fee
    if not leg.size:
        leg.side = ""
        leg.entry_value = ZERO
    opened = qty - closed
    if opened:
        _grow(leg, side, opened, value - exit_value)
    return Moved(closed, opened, realised, entry, fee)


def _grow(leg: Leg, side: str, qty: Decimal, value: Decimal) -> None:
    if not leg.size:
        leg.side = side
        leg.cur_realised = ZERO
    leg.size += qty
    leg.entry_value += value
