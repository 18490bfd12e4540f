"""What one contract allows: its price grid, its quantity grid, its limits. Read from the venue, never assumed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.money import ceil_to, floor_to, text, whole_steps

__all__ = ["Instrument"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """Filters of one linear perpetual (Bybit: market/instrument). Quantities in base coin, prices and notional in quote coin."""

    symbol: str
    status: str
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    min_notional: Decimal
    max_market_qty: Decimal
    max_limit_qty: Decimal
    funding_interval_min: int
    max_leverage: Decimal

    def steps(self, qty: Decimal) -> int:
        """Whole quantity steps in `qty`, towards zero."""
        return whole_steps(qty, self.qty_step)

    def qty(self, steps: int) -> Decimal:
        """The quantity of `steps` quantity steps."""
        return steps * self.qty_step

    def qty_text(self, steps: int) -> str:
        """The quantity of `steps` as the wire wants it: a plain decimal string on the grid."""
        return text(self.qty(steps))

    def price_at_most(self, price: Decimal) -> Decimal:
        """`price` rounded down onto the price grid: a buyer never pays more than asked."""
        return floor_to(price, self.tick_size)

    def price_at_least(self, price: Decimal) -> Decimal:
        """`price` rounded up onto the price grid: a seller never takes less than asked."""
        return ceil_to(price, self.tick_size)
