"""Payments of the loan: what goes out to move money, what is asked about it, and what the engine writes down of its own thinking.

A payment is written before anything of it leaves (`PaymentPlanned`). Only `engine.cashier` makes a `TransferCoin` or a `RepayDebt`; a test
holds that. Amounts are USDT.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from bot.domain.loan import Purse, Structure

__all__ = [
    "BooksCompared",
    "DeedAbsent",
    "LoanAdopted",
    "PaymentEnded",
    "PaymentPlanned",
    "PaymentRefused",
    "ReadLoan",
    "RepayDebt",
    "SeekRepayment",
    "SeekTransfer",
    "TransferCoin",
    "Trigger",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCoin:
    """Move `amount` USDT between our own wallets. `transfer_id` is ours, unique for ever: saying it twice moves it once."""

    transfer_id: str
    payment: int
    coin: str
    amount: Decimal
    source: Purse
    target: Purse


@dataclass(frozen=True, slots=True, kw_only=True)
class RepayDebt:
    """Repay `amount` USDT by a path that can sell nothing. Bybit lets nobody name a repayment: `amount` is unlike every other one's."""

    payment: int
    structure: Structure
    coin: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLoan:
    """Ask for the loan, and for the USDT that could repay it. `structure` None: whichever there is."""

    why: str
    structure: Structure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeekTransfer:
    """Ask what became of one transfer."""

    payment: int
    transfer_id: str
    sent_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeekRepayment:
    """Ask what became of one repayment: the venue's rows since `sent_ms`, which is when it left by whichever clock is behind, and the debt
    that stands."""

    payment: int
    structure: Structure
    coin: str
    amount: Decimal
    sent_ms: int


class Trigger(Enum):
    """What a payment is made for."""

    PROFIT = "profit share"
    LTV = "LTV"
    SCHEDULE = "schedule"
    BY_HAND = "by hand"
    RESERVE = "reserve"
    TOP_UP = "top up"  # not a repayment: idle USDT joins the margin of the perps


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPlanned:
    """A payment is to be made: written before anything of it leaves, with all that its steps will say.

    `amount` is what will be repaid. `to_transfer` moves first (0: nothing has to), from `source`. `debt_before` is the debt it was planned
    on, `interest_before` the unpaid interest in it, which is paid first. `from_pot` of it is cash that realised profit had brought,
    `from_reserve` the reserve; `from_profit` is the realised profit that has had its share with this payment.
    """

    number: int
    trigger: Trigger
    why: str
    structure: Structure
    amount: Decimal
    to_transfer: Decimal
    source: Purse
    debt_before: Decimal
    interest_before: Decimal
    from_profit: Decimal
    from_pot: Decimal
    from_reserve: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEnded:
    """A payment has come to an end: `paid` USDT reached the lender (0: nothing did). `step` is the last step it took."""

    number: int
    paid: Decimal
    step: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefused:
    """The cashier said no to a payment that was due; said once for as long as the reason stays."""

    trigger: Trigger
    amount: Decimal
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeedAbsent:
    """The proof holds: this transfer or repayment never happened, and no more can come of it. `deed` is the command's class."""

    payment: int
    deed: str
    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanAdopted:
    """The loan as it was first seen: where our account of it begins, and what coverage is measured against."""

    structure: Structure
    principal: Decimal
    debt: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksCompared:
    """The daily check of our account of the debt against the venue's. `ours` and `venue` are USDT of debt."""

    ours: Decimal
    venue: Decimal
    agree: bool
    text: str
