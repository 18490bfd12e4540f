"""An account at a moment, as the venue's books say, and what follows from its figures."""

from __future__ import annotations

import math
from typing import NamedTuple

from bot.backtest import book as b

__all__ = ["Balance", "band_of"]


def band_of(ltv: float) -> int:
    """The place of an LTV in `book.LTV_BANDS`."""
    return int(ltv >= 0.50) + int(ltv >= 0.65) + int(ltv >= 0.75) + int(ltv >= 0.85)


class Balance(NamedTuple):
    """BTC and USDT, all wallets together."""

    at_ms: int
    price: float
    spot: float
    long: float
    short: float
    cash: float
    debt: float
    unrealised: float
    structure: int = b.UTA

    @property
    def equity(self) -> float:
        return self.spot * self.price + self.cash - self.debt + self.unrealised

    @property
    def ltv(self) -> float:
        """A Crypto Loan's own; in a unified account of what its USDT is under water. NaN without spot."""
        net = self.debt if self.structure == b.LOAN else self.debt - self.cash - self.unrealised
        value = self.spot * self.price
        return max(0.0, net) / value if value > 0 else math.nan

    @property
    def legs_value(self) -> float:
        """Of the net perp, USDT."""
        return (self.long - self.short) * self.price
