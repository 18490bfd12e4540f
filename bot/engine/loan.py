"""The loan: what the venue said of the debt, what we paid, and what follows from both.

Knows readings, interest and prices; does not decide that anything is paid (`treasurer`), nor make what leaves (`cashier`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from bot.domain.commands import (
    BooksCompared,
    LoanAdopted,
    Note,
    PaymentPlanned,
    ProfitRealised,
    ReadLoan,
    RealiseWanted,
    Trigger,
)
from bot.domain.loan import LoanReading, Structure
from bot.domain.money import ZERO
from bot.engine import ltv
from bot.engine.loanbook import LoanBook
from bot.engine.ltv import projected_interest
from bot.engine.repayment import Payment, Step
from bot.engine.state import State

__all__ = [
    "NOT_READ",
    "adoption",
    "compare_books",
    "fold_adopted",
    "fold_compared",
    "fold_profit",
    "fold_reading",
    "fold_wanted",
    "is_sweeping",
    "note_ended",
    "note_planned",
    "questions",
    "remarks",
    "unmanaged",
]

NOT_READ = "the loan has not been read yet"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
_BOOKS_TOLERANCE = Decimal("0.01")


def fold_reading(state: State, reading: LoanReading, now_ms: int) -> None:
    """A reading arrived."""
    book, rules = state.loan, state.config.loan
    book.asked_ms, book.urgent = None, ""
    known = book.reading
    if reading.asked_ms < book.reading_ms:
        return
    if reading.absent and known is not None and known.structure is Structure.CRYPTO_LOAN and not known.absent:
        return  # a page that fell silent is no proof that the pledged BTC are gone
    book.reading, book.reading_ms = reading, reading.asked_ms
    book.index_then = float(state.market.ticker.index) if state.market.ticker else math.nan
    if reading.absent and rules.structure is Structure.CRYPTO_LOAN:
        return
    book.see_pledge(reading.pledged_btc, now_ms, state.config.patience.lease_ms)
    book.disagreements = book.disagreements + 1 if ltv.disagreement(state) > ltv.DISAGREEMENT else 0


def adoption(state: State) -> Iterator[LoanAdopted]:
    """Where our account of the loan begins, once there is one; anew where the debt has moved to the other structure."""
    book, reading = state.loan, state.loan.reading
    if reading is None or not reading.principal or reading.absent or book.adopted is reading.structure:
        return
    yield LoanAdopted(structure=reading.structure, principal=reading.principal, debt=_standing(reading))


def fold_adopted(book: LoanBook, record: LoanAdopted, now_ms: int) -> None:
    """The account of the loan begins."""
    book.adopted, book.first_principal = record.structure, record.principal
    book.books_debt, book.books_ms, book.compared_ms = record.debt, now_ms, now_ms
    if book.scheduled_ms is None:
        book.scheduled_ms = now_ms


def fold_profit(state: State, record: ProfitRealised) -> None:
    """Profit became cash: the reserve gets its share while it is short, the rest may repay."""
    book, rules = state.loan, state.config.loan
    cash = max(ZERO, record.realised_usdt - record.costs_usdt)
    missing = rules.reserve_usdt - book.reserve(rules)
    kept = min(missing, max(ZERO, record.amount_usdt) * rules.reserve_share, cash)
    book.reserve_filled += kept
    book.pot += cash - kept
    book.unshared += record.amount_usdt
    if cash > 0:
        book.realise_asked_ms = None
        book.holds_gains |= _is_by_ltv(record.why)
    book.want("profit was realised")


def fold_wanted(book: LoanBook, record: RealiseWanted, now_ms: int) -> None:
    """Profit was asked for."""
    book.realise_asked_ms = now_ms


def is_sweeping(state: State) -> bool:
    """Whether a sweep that has begun goes on though the price came back a little: its gains are asked for, or have come and are not
    repaid. One that ended without any is over, and another begins where sweeps begin."""
    wanted = state.realise_wanted
    return state.loan.holds_gains or (wanted is not None and _is_by_ltv(wanted.why))


def _is_by_ltv(why: str) -> bool:
    """Whether gains that bear this reason were asked for because of the LTV: the treasurer begins it with the trigger's name."""
    return why.startswith(f"{Trigger.LTV.value}:")


def unmanaged(state: State) -> str:
    """Why nothing is repaid here; empty: it is."""
    rules, reading = state.config.loan, state.loan.reading
    if not rules.enabled or rules.structure is Structure.NONE:
        return "the settings say that the loan is not managed (loan.enabled, loan.structure)"
    if reading is None:
        return NOT_READ
    if reading.absent:
        return reading.absent
    return "" if reading.structure is not Structure.NONE else "there is no loan"


def questions(state: State, now_ms: int) -> Iterator[ReadLoan]:
    """When a loan that is managed should be read."""
    book, rules, patience = state.loan, state.config.loan, state.config.patience
    if rules.structure is Structure.NONE or now_ms < book.not_before_ms:
        return
    if book.asked_ms is not None and now_ms - book.asked_ms <= patience.read_timeout_ms:
        return
    every_ms = HOUR_MS if book.reading is not None and book.reading.absent else rules.read_every_ms
    due = book.asked_last_ms is None or now_ms - book.asked_last_ms >= every_ms
    if due or book.urgent:
        yield ReadLoan(why=book.urgent or "cycle", structure=rules.structure)


def remarks(state: State) -> Iterator[Note]:
    """What a person should know of the reading that was just taken in."""
    book = state.loan
    if book.disagreements == ltv.TELLING:
        mine, theirs = ltv.ours_and_venues(state)
        yield Note(
            severity="warning",
            kind="ltv differs",
            text=f"we reckon {mine:.2%}, Bybit says {theirs:.2%}: the worse of the two is used",
        )
    reading = book.reading
    if reading is not None and reading.borrowed_elsewhere > 0:
        yield Note(
            severity="warning",
            kind="two loans",
            text=f"{reading.borrowed_elsewhere} USDT are owed outside the {reading.structure.value}: nothing here watches or repays them",
        )


def compare_books(state: State) -> Iterator[BooksCompared | Note]:
    """Once a day: our account of the debt (its beginning, interest by the rate, less what we paid) against the venue's."""
    book = state.loan
    reading = book.reading
    if (
        reading is None
        or book.books_debt is None
        or book.compared_ms is None
        or book.open is not None
        or reading.absent
    ):
        return
    if reading.asked_ms - book.compared_ms < DAY_MS or reading.asked_ms <= book.ended_ms:
        return
    hours, venue = max(1.0, (reading.asked_ms - book.books_ms) / HOUR_MS), _standing(reading)
    ours = book.books_debt + _interest(book, hours)
    allowed = max(_BOOKS_TOLERANCE, _interest(book, hours + 1.0) / 2, ours / 100_000)
    agree = abs(ours - venue) <= allowed
    text = f"our account says {ours:.2f} USDT are owed, Bybit says {venue:.2f}"
    yield BooksCompared(ours=ours, venue=venue, agree=agree, text=text)
    if not agree:
        yield Note(
            severity="warning", kind="loan books differ", text=f"{text}; the account goes on from Bybit's figure"
        )


def _standing(reading: LoanReading) -> Decimal:
    """The debt that our account is of. A unified account pays its interest from the cash each hour, which the cash book follows row by
    row, so there the principal stands as it is; a Crypto Loan's interest is added to the debt."""
    return reading.principal if reading.structure is Structure.UTA else reading.debt


def _interest(book: LoanBook, hours: float) -> Decimal:
    """What `hours` add to our account of the debt."""
    if book.books_debt is None or book.adopted is Structure.UTA:
        return ZERO
    return projected_interest(book, book.books_debt, hours)


def fold_compared(state: State, record: BooksCompared) -> None:
    """The account goes on from the venue's figure, and from when it was asked for."""
    book = state.loan
    book.compared_ms, book.books_ms, book.books_debt = book.reading_ms, book.reading_ms, record.venue


def note_planned(book: LoanBook, plan: PaymentPlanned, now_ms: int) -> None:
    """A payment begins: what it takes from profit, pot and reserve is taken now, so that nobody shares it out twice."""
    book.made = plan.number
    book.payments.append(Payment(plan=plan, planned_ms=now_ms))
    book.refused = None
    if plan.trigger is Trigger.SCHEDULE:
        book.scheduled_ms = now_ms
    if plan.trigger is Trigger.LTV:
        book.holds_gains = False
    take(book, plan, 1)


def take(book: LoanBook, plan: PaymentPlanned, sign: int) -> None:
    """Take a payment's money out of profit, pot and reserve (1), or give it back where it came to nothing (-1)."""
    if plan.trigger is Trigger.TOP_UP:
        return
    book.unshared -= sign * plan.from_profit
    book.reserve_used += sign * plan.from_reserve
    book.pot -= sign * plan.from_pot


def note_ended(book: LoanBook, payment: Payment, now_ms: int, *, is_top_up_done: bool) -> None:
    """A payment has ended: count it, or give back what it had taken. A top-up is done when its transfer is."""
    book.ended_ms = now_ms
    book.want("after a payment")
    if is_top_up_done:
        book.drops = 0
        return
    if payment.step is not Step.PAID:
        take(book, payment.plan, -1)
        book.holds_gains |= payment.plan.trigger is Trigger.LTV and payment.plan.from_pot > 0
        book.drops, book.dropped_ms = book.drops + 1, now_ms
        return
    book.drops = 0
    amount = payment.plan.amount
    interest = min(amount, payment.plan.interest_before) if payment.plan.structure is Structure.CRYPTO_LOAN else ZERO
    book.paid.append((now_ms, amount))
    book.paid_to_date += amount
    book.paid_interest += interest
    book.debt_expected = payment.plan.debt_before - amount
    if book.books_debt is not None:
        book.books_debt += _interest(book, max(0, now_ms - book.books_ms) / HOUR_MS) - amount
        book.books_ms = now_ms
