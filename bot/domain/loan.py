"""The loan as the venue tells it, and what is done to it.

Two structures that are never mixed: `UTA`, USDT borrowed inside the unified account, where debt, collateral and perps net at once; and
`CRYPTO_LOAN`, a flexible loan against BTC pledged apart, where everything moves through the Funding wallet. Amounts are USDT unless the
name says otherwise, rates fractions per hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from bot.domain.money import ZERO

__all__ = ["Fate", "LoanReading", "Purse", "RepayRow", "Structure", "Tier", "TransferRow"]

Tier = tuple[Decimal, Decimal]
"""(from, ratio): what counts of the collateral beyond `from`, in USD of a Crypto Loan, in BTC of a unified account."""


class Structure(Enum):
    """Where the debt lives."""

    NONE = "none"
    UTA = "uta"
    CRYPTO_LOAN = "crypto_loan"


class Purse(Enum):
    """An account type that USDT moves between (Bybit: asset/transfer/create-inter-transfer)."""

    UNIFIED = "UNIFIED"
    FUND = "FUND"


class Fate(Enum):
    """What the venue's books say of a transfer or a repayment."""

    DONE = "done"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRow:
    """One transfer by our own name for it (Bybit: asset/transfer/query-inter-transfer-list)."""

    transfer_id: str
    amount: Decimal
    fate: Fate
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RepayRow:
    """One repayment in the venue's books: a row of the repayment history, or a REPAY line of the transaction log.

    Bybit lets nobody name a repayment, so it is known by its amount (see `engine.cashier`). `ref` is the venue's own name for the row.
    """

    ref: str
    amount: Decimal
    fate: Fate
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanReading:
    """One validated reading of the loan and of the USDT that could repay it.

    `absent` says why this world has no such thing (demo trading; no permission), empty where it was read; then every figure is zero.
    `pledged_btc` is BTC that lies in the loan and not in the wallet. `venue_ltv` is the lender's own figure, after tiers.
    `funding_usdt` lies in the Funding wallet, `transferable_usdt` may leave the unified account, `repayable_usdt` is what the unified
    account could repay without converting anything. `tiers`: what the BTC counts for, lowest first.
    """

    asked_ms: int
    structure: Structure
    principal: Decimal = ZERO
    interest: Decimal = ZERO
    hourly_rate: Decimal | None = None
    pledged_btc: Decimal = ZERO
    venue_ltv: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    funding_usdt: Decimal = ZERO
    transferable_usdt: Decimal = ZERO
    repayable_usdt: Decimal = ZERO
    borrowed_elsewhere: Decimal = ZERO
    """Debt in the other structure, which is watched by nobody here."""
    absent: str = ""

    @property
    def debt(self) -> Decimal:
        """Principal and interest."""
        return self.principal + self.interest
