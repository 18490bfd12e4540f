"""What a crypto loan is made of: pledged collateral, debts, and the records of what happened to them.

Knows no price. Everything here lives beside the Funding account; pledged coin backs nothing in the unified account.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from bot.simulator.figures import ZERO
from bot.simulator.instruments import COINS

__all__ = ["AdjustRow", "Debt", "LoanBook", "LoanOrderRow", "RepayRow"]


@dataclass(slots=True)
class Debt:
    """A flexible loan in one coin. Repayments pay interest first (Bybit: new-crypto-loan/flexible/repay)."""

    principal: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.principal + self.interest


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanOrderRow:
    serial: int
    at_ms: int
    order_id: str
    coin: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RepayRow:
    """`kind`: 1 by user, 2 liquidation, 6 delayed liquidation, 7 by collateral. `sold`: pledged coin it took, by coin."""

    serial: int
    at_ms: int
    repay_id: str
    coin: str
    amount: Decimal
    kind: int
    sold: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustRow:
    """`direction`: 0 collateral added, 1 collateral taken back."""

    serial: int
    at_ms: int
    adjust_id: int
    coin: str
    amount: Decimal
    direction: int
    ltv_before: Decimal
    ltv_after: Decimal


@dataclass(slots=True)
class LoanBook:
    """One account's crypto loans: a shared pool of collateral against all debts."""

    collateral: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(COINS, ZERO))
    debts: dict[str, Debt] = field(default_factory=lambda: {coin: Debt() for coin in COINS})
    orders: list[LoanOrderRow] = field(default_factory=list)
    repayments: list[RepayRow] = field(default_factory=list)
    adjustments: list[AdjustRow] = field(default_factory=list)
    stage: str = "Normal"
    """Normal, MarginCall, Delayed, by LTV."""
    delayed_since_ms: int = 0

    @property
    def in_debt(self) -> bool:
        return any(debt.total for debt in self.debts.values())
