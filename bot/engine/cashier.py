"""The cashier: the only place where money is made to move.

It turns a wish ("2,701 USDT off the loan") into a PaymentPlanned inside every limit, or into a PaymentRefused that names the rule; and a
planned payment into the transfer and the repayment that carry it out. It knows two ways to pay, and neither can sell a coin: no-convert
repayment inside the unified account, and repayment of a Crypto Loan from the Funding wallet. Bybit lets nobody name a repayment, so each
amount is unlike every other: behind the cents stands the payment's number.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.commands import PaymentPlanned, PaymentRefused, RepayDebt, TransferCoin, Trigger
from bot.domain.loan import LoanReading, Purse, Structure
from bot.domain.money import ZERO, floor_to
from bot.engine.config import LoanRules
from bot.engine.repayment import Payment, Step

__all__ = [
    "MARK",
    "Surroundings",
    "Wish",
    "admit",
    "affordable",
    "forbidden",
    "named",
    "next_deed",
    "payable",
    "window_ends_ms",
]

CENT = Decimal("0.01")
MARK = Decimal("0.000001")
"""A payment's number counts these, behind the cents of its amount."""
MARKS = 10_000

_HOUR_MS = 3_600_000
SHUT_FROM_MS, SHUT_TO_MS = 4 * 60_000 - 5_000, 5 * 60_000 + 35_000
"""hh:03:55 to hh:05:35: Bybit refuses repayments from hh:04:00 to hh:05:30 while it reckons interest (Bybit: account/repay)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the treasurer wants paid: up to `usdt`, of which `from_reserve` at most may be the reserve.

    `from_cash`: the account's own cash may be used, and not only what realised profit brought. `urgent`: less margin is kept. `realises`:
    what is missing in cash may be realised for it.
    """

    trigger: Trigger
    why: str
    usdt: Decimal
    from_profit: Decimal = ZERO
    from_reserve: Decimal = ZERO
    from_cash: bool = False
    urgent: bool = False
    realises: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the cashier looks at. `spare` is what may leave the unified account with the margin kept; NaN: unknown."""

    now_ms: int
    number: int
    rules: LoanRules
    mode: str
    may_pay: bool
    is_fresh: bool
    reading: LoanReading
    debt: Decimal
    pot: Decimal
    reserve: Decimal
    spare: float
    paid_today: Decimal
    refused_lately: str
    """Why nothing is sent just now although something is due; empty: nothing speaks against it."""


def window_ends_ms(structure: Structure, now_ms: int) -> int | None:
    """When the refused window that we stand in ends; None outside of it."""
    into_ms = now_ms % _HOUR_MS
    if structure is Structure.UTA and SHUT_FROM_MS <= into_ms < SHUT_TO_MS:
        return now_ms - into_ms + SHUT_TO_MS
    return None


def admit(wish: Wish, around: Surroundings) -> PaymentPlanned | PaymentRefused:
    """The payment that fulfils the wish inside every limit, or the refusal that names the first rule broken."""
    if (rule := _broken_rule(wish, around)) is not None:
        return PaymentRefused(trigger=wish.trigger, amount=wish.usdt, rule=rule[0], reason=rule[1])
    if wish.trigger is Trigger.TOP_UP:
        return _top_up(wish, around)
    amount = affordable(wish, around)
    in_funding = min(around.reading.funding_usdt, amount)
    apart = around.reading.structure is Structure.CRYPTO_LOAN
    from_reserve = min(wish.from_reserve, around.reserve, max(ZERO, amount - around.pot))
    return PaymentPlanned(
        number=around.number,
        trigger=wish.trigger,
        why=wish.why,
        structure=around.reading.structure,
        amount=amount,
        to_transfer=_ceil_cent(amount - in_funding) if apart and amount > in_funding else ZERO,
        source=Purse.UNIFIED,
        debt_before=around.debt,
        interest_before=around.reading.interest,
        from_profit=_profit_shared(wish, amount),
        from_pot=min(around.pot, amount - from_reserve),
        from_reserve=from_reserve,
    )


def forbidden(plan: PaymentPlanned, rules: LoanRules, paid_today: Decimal) -> str:
    """Why a payment that was planned under other settings is not carried on; empty: it is. `paid_today` has it counted in."""
    if not rules.enabled or rules.structure not in (None, plan.structure):
        return f"the settings no longer manage the {plan.structure.value}"
    if rules.dry_run:
        return "the settings now want a dry run"
    if plan.amount > rules.repay_max_usdt or paid_today > rules.repay_max_day_usdt:
        return "it is above the limits that are set now"
    return ""


def payable(wish: Wish, around: Surroundings) -> Decimal:
    """What could be paid of the wish if the cash were there: margin kept, debt and limits looked at."""
    reading, rules, free = around.reading, around.rules, _usdt(around.spare)
    there = free + (reading.funding_usdt if reading.structure is Structure.CRYPTO_LOAN else ZERO)
    today = rules.repay_max_day_usdt - around.paid_today
    return min(wish.usdt, there, around.debt, rules.repay_max_usdt, today)


def affordable(wish: Wish, around: Surroundings) -> Decimal:
    """What can be paid of the wish now: cash, margin kept, debt and limits looked at; 0 below the smallest payment."""
    reading, rules = around.reading, around.rules
    free = _usdt(around.spare)
    if reading.structure is Structure.CRYPTO_LOAN:
        there = reading.funding_usdt + min(reading.transferable_usdt - CENT, free)
    else:
        there = min(reading.repayable_usdt, free)
    if not wish.from_cash:
        there = min(there, around.pot + min(wish.from_reserve, around.reserve))
    elif not wish.from_reserve:
        there -= around.reserve
    today = rules.repay_max_day_usdt - around.paid_today
    amount = min(wish.usdt, there, around.debt, rules.repay_max_usdt, today)
    least = min(rules.repay_min_usdt, around.debt - CENT)
    return named(amount, around.number) if amount >= max(least, CENT * 2) else ZERO


def named(amount: Decimal, number: int) -> Decimal:
    """The largest amount not above `amount` (> 0.02) that bears the payment's number behind its cents."""
    mark = MARK * (number % MARKS)
    return max(ZERO, floor_to(amount - mark, CENT)) + mark


def next_deed(payment: Payment, coin: str) -> TransferCoin | RepayDebt | None:
    """The step that a payment may take now; None while it waits or has ended."""
    plan = payment.plan
    if payment.step is Step.PLANNED and payment.moves_first:
        target = Purse.FUND if plan.source is Purse.UNIFIED else Purse.UNIFIED
        return TransferCoin(
            transfer_id=transfer_id(plan, payment.planned_ms),
            payment=plan.number,
            coin=coin,
            amount=plan.to_transfer,
            source=plan.source,
            target=target,
        )
    if payment.step in (Step.PLANNED, Step.MOVED) and plan.trigger is not Trigger.TOP_UP:
        return RepayDebt(payment=plan.number, structure=plan.structure, coin=coin, amount=plan.amount)
    return None


def transfer_id(plan: PaymentPlanned, planned_ms: int) -> str:
    """The transfer's name: a UUID that is a function of the payment, so that saying it twice is saying it once."""
    digest = bytearray(
        hashlib.sha256(f"{plan.number} {planned_ms} {plan.amount} {plan.to_transfer}".encode()).digest()[:16]
    )
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80  # version 8, "vendor specific" (RFC 9562)
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _broken_rule(wish: Wish, around: Surroundings) -> tuple[str, str] | None:
    """The first rule that this payment would break, and how; None where it breaks none."""
    reading, rules = around.reading, around.rules
    if not around.may_pay:
        return "mode", f"{around.mode} does not pay"
    if not around.is_fresh:
        return "freshness", "the loan or the price is stale"
    if around.refused_lately:
        return "pause", around.refused_lately
    if (ends_ms := window_ends_ms(reading.structure, around.now_ms)) is not None:
        return "window", f"Bybit refuses repayments for another {(ends_ms - around.now_ms) / 1000:.0f} s"
    if wish.trigger is Trigger.TOP_UP:
        return _why_no_top_up(wish, around)
    if around.debt <= CENT * 2:
        return "debt", "there is no debt"
    if math.isnan(around.spare):
        return "margin", "the margin of the perps is unknown"
    if around.paid_today >= rules.repay_max_day_usdt:
        return "daily limit", f"{around.paid_today:.2f} of {rules.repay_max_day_usdt} USDT were paid in 24 hours"
    amount = affordable(wish, around)
    if not amount:
        return "cash", _why_no_cash(around)
    if rules.dry_run:
        return "dry run", f"{amount} USDT would be repaid: {wish.why}"
    return None


def _why_no_top_up(wish: Wish, around: Surroundings) -> tuple[str, str] | None:
    if around.reading.funding_usdt < 1:
        return "minimum", "no idle USDT in the Funding wallet"
    if around.rules.dry_run:
        return "dry run", f"{around.reading.funding_usdt} USDT would go to the margin: {wish.why}"
    return None


def _why_no_cash(around: Surroundings) -> str:
    reading = around.reading
    return (
        f"realised {around.pot:.2f}, in Funding {reading.funding_usdt:.2f}, may leave the account "
        f"{min(reading.transferable_usdt, _usdt(around.spare)):.2f} USDT: less than the smallest payment of {around.rules.repay_min_usdt}"
    )


def _top_up(wish: Wish, around: Surroundings) -> PaymentPlanned:
    amount = floor_to(min(wish.usdt, around.reading.funding_usdt), CENT)
    return PaymentPlanned(
        number=around.number,
        trigger=wish.trigger,
        why=wish.why,
        structure=around.reading.structure,
        amount=ZERO,
        to_transfer=amount,
        source=Purse.FUND,
        debt_before=around.debt,
        interest_before=around.reading.interest,
        from_profit=ZERO,
        from_pot=ZERO,
        from_reserve=ZERO,
    )


def _profit_shared(wish: Wish, amount: Decimal) -> Decimal:
    """Profit that has had its share: in proportion where only a part of the wish is paid; all of it where the loan took more."""
    if wish.trigger is Trigger.PROFIT:
        return wish.from_profit * amount / wish.usdt
    return min(max(ZERO, wish.from_profit), amount)


def _usdt(value: float) -> Decimal:
    return ZERO if math.isnan(value) or value <= 0.0 else Decimal(f"{value:.6f}")


def _ceil_cent(amount: Decimal) -> Decimal:
    floored = floor_to(amount, CENT)
    return floored if floored == amount else floored + CENT
