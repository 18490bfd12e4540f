"""The treasurer: when the loan is repaid, with how much, and what must be realised first.

Reads the loan's book, yields wishes to the cashier and carries one payment at a time through its steps. Realising is asked of the hedge
(`RealiseWanted`), which keeps delta; only what has become cash is paid. A payment that waits for its answer is asked about until the
venue's books prove what became of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from bot.domain.commands import (
    Command,
    DeedAbsent,
    Note,
    PaymentEnded,
    PaymentPlanned,
    PaymentRefused,
    RealiseWanted,
    RepayDebt,
    SeekRepayment,
    SeekTransfer,
    Thought,
    TransferCoin,
    Trigger,
)
from bot.domain.legs import Leg
from bot.domain.loan import Structure
from bot.domain.money import ZERO
from bot.engine import cashier, dues, loan, sight
from bot.engine.cashier import Wish
from bot.engine.modes import MODES
from bot.engine.repayment import ALARMING_SEEKS, Payment, Step
from bot.engine.state import State
from bot.strategy import risk

__all__ = ["absences", "carry_on", "ended_by_word", "questions", "surroundings", "turn_away"]

NEGATIVES_NEEDED = 3
"""Valid negatives, asked for after the lease, that a proof of absence of money needs."""
PENDING_LEASES = 8
"""An accepted deed is called absent no sooner than after so many leases."""
_MOST_PAUSE = 6
_REMIND_MS, _DAY_MS = 3_600_000, 86_400_000
_RELUCTANT_MS = 5_000
_DEFENCES = frozenset({Trigger.LTV, Trigger.TOP_UP, Trigger.BY_HAND})

Words = Command | Thought


def carry_on(state: State, now_ms: int) -> Iterator[Words]:
    """The next step of the payment in motion; or the payment that is due now, if there is one and the loan is managed."""
    book = state.loan
    yield from _tell_ends(state)
    payment = book.open
    if payment is not None:
        yield from _next_step(state, payment, now_ms)
        return
    if state.stopping:
        return
    if loan.unmanaged(state):
        yield from turn_away(state)
        return
    wish = dues.wish_of(state, now_ms)
    if wish is None:
        if state.asked_to_repay is not None:
            yield _refused(state, Trigger.BY_HAND, ZERO, "debt", "there is nothing to repay")
        return
    around = surroundings(state, wish, now_ms)
    answer = cashier.admit(wish, around)
    if isinstance(answer, PaymentPlanned):
        if _is_paid_whole(wish):
            if _waits_for_gains(state, wish, now_ms):
                return
            if (realise := _realise(state, wish, around, now_ms)) is not None:
                yield realise
                return
        yield answer
        if book.open is not None:
            yield from _next_step(state, book.open, now_ms)
        return
    if answer.rule == "cash" and (realise := _realise(state, wish, around, now_ms)) is not None:
        yield realise
        return
    if _is_news(state, answer, now_ms):
        yield answer


def _is_paid_whole(wish: Wish) -> bool:
    """By hand, and in a sweep that does not press: what is missing in cash comes first, and one payment carries all. Part of it alone would
    bring the LTV below where a sweep begins, and so leave it far above where a sweep should end."""
    return wish.trigger is Trigger.BY_HAND or (wish.trigger is Trigger.LTV and not wish.urgent)


def _waits_for_gains(state: State, wish: Wish, now_ms: int) -> bool:
    """Whether gains that were asked for come first: by hand until they lapse, in a sweep for as long as a hedge may take to let them."""
    if state.realise_wanted is None:
        return False
    return wish.trigger is Trigger.BY_HAND or now_ms - state.realise_wanted_ms < state.config.patience.hedge_ms


def turn_away(state: State) -> Iterator[PaymentRefused]:
    """Who asks by hand for a loan that is not managed here hears so, and it is not kept for later."""
    asked, why = state.asked_to_repay, loan.unmanaged(state)
    if asked is not None and why and why != loan.NOT_READ:
        yield PaymentRefused(trigger=Trigger.BY_HAND, amount=asked.amount or ZERO, rule="loan", reason=why)


# ------------------------------------------------------------------------------------------------------------ what stands around


def surroundings(state: State, wish: Wish, now_ms: int) -> cashier.Surroundings:
    """What the cashier looks at."""
    book, rules = state.loan, state.config.loan
    assert book.reading is not None
    return cashier.Surroundings(
        now_ms=now_ms,
        number=book.made + 1,
        rules=rules,
        mode=state.mode.value,
        may_pay=_may_pay(state, wish.trigger),
        is_fresh=sight.ticker_is_fresh(state, now_ms) and now_ms - book.reading_ms <= rules.stale_ms,
        reading=book.reading,
        debt=dues.payable_debt(book.reading),
        pot=max(ZERO, book.pot),
        reserve=book.reserve(rules),
        spare=_spare(state, wish),
        paid_today=book.paid_since(now_ms - _DAY_MS),
        refused_lately=_pausing(state, now_ms),
    )


def _may_pay(state: State, trigger: Trigger) -> bool:
    """Where nothing may grow, only what defends the loan is paid, or what a person asked for."""
    permission = MODES[state.mode]
    return (permission.grow or (permission.defend and trigger in _DEFENCES)) and not state.unwritable


def _spare(state: State, wish: Wish) -> float:
    """USDT that may leave the perps' account; in a unified account repaying changes no margin, so only what is free binds."""
    wallet, ticker, policy = state.wallet, state.market.ticker, state.config.policy
    if wallet is None or ticker is None or wallet.margin_balance is None or wallet.maintenance_margin is None:
        return math.nan
    if state.loan.structure is Structure.UTA:
        return float(wallet.margin_balance)
    return risk.spare_cash_usdt(
        float(wallet.margin_balance),
        float(wallet.maintenance_margin),
        float(max(ZERO, -state.ledger.net)),
        float(ticker.mark),
        policy.mm_per_price,
        0.0 if wish.urgent else state.config.loan.keep_rise,
        policy.mm_top_up if wish.urgent else policy.mm_alert,
    )


def _pausing(state: State, now_ms: int) -> str:
    """Why nothing is planned just now: the last payment came to nothing, or what we know is older than it, or than the profit."""
    book, patience = state.loan, state.config.patience
    if state.is_on_a_round_trip:
        return "profit is being realised"
    if book.reading_ms < (state.profit.last_ms or 0):
        return "no reading of the loan since profit was realised"
    if book.drops:
        pause_ms = patience.seek_every_ms * 2 ** min(book.drops, _MOST_PAUSE)
        if now_ms - book.dropped_ms < pause_ms:
            return f"{book.drops} payment(s) came to nothing; the next is tried {pause_ms / 1000:.0f} s after the last"
    if book.ended_ms:
        if book.reading_ms <= book.ended_ms:
            return "no reading of the loan since the last payment"
        if state.wallet_ms <= book.ended_ms:
            return "no reading of the wallet since the last payment"
        if _shows_an_old_debt(state) and book.reading_ms - book.ended_ms < patience.lease_ms:
            return "the reading of the loan is from before the last payment"
    return ""


def _shows_an_old_debt(state: State) -> bool:
    book = state.loan
    if book.debt_expected is None or book.reading is None or not book.paid:
        return False
    return dues.payable_debt(book.reading) > book.debt_expected + book.paid[-1][1] / 2


def _realise(state: State, wish: Wish, around: cashier.Surroundings, now_ms: int) -> RealiseWanted | None:
    """Ask the hedge for the cash that is missing, if a winning short can give it and the margin that must stay lets it be paid."""
    rules, ticker = state.config.loan, state.market.ticker
    if wish.trigger in (Trigger.PROFIT, Trigger.TOP_UP) or rules.dry_run or state.realise_wanted is not None:
        return None
    if not wish.realises or (wish.trigger is Trigger.LTV and not rules.sweep):
        return None
    if state.hedge is not None or ticker is None or not state.is_settled:
        return None
    if not sight.may_make_a_round_trip(state, now_ms):
        return None
    asked_ms = state.loan.realise_asked_ms
    if asked_ms is not None and now_ms - asked_ms < state.config.patience.hedge_ms:
        return None
    short = state.ledger.legs[Leg.SHORT]
    entry = float(short.entry_price) if short.entry_price is not None else math.nan
    missing = cashier.payable(wish, around) - max(around.pot, cashier.affordable(wish, around))
    size = risk.sweep_size_btc(float(missing), float(short.qty), entry, float(ticker.mark), 1)
    if not size > 0.0 or (entry - float(ticker.mark)) * size < float(rules.repay_min_usdt):
        return None
    gross = risk.sweep_gross_usdt(float(missing), float(short.qty), entry, float(ticker.mark), 1, _ONE_WAY_COST)
    return RealiseWanted(why=f"{wish.trigger.value}: {wish.why}", need_usdt=Decimal(f"{gross:.2f}"))


_ONE_WAY_COST = 0.0006  # taker fee and half a spread: what realising costs is realised with it


def _is_news(state: State, refusal: PaymentRefused, now_ms: int) -> bool:
    """A refusal is said once for as long as its rule stays; by hand always, and again after an hour."""
    last = state.loan.refused
    if refusal.rule in ("pause", "freshness", "window") or (
        state.realise_wanted is not None and refusal.rule == "cash"
    ):
        return False  # it passes by itself
    if refusal.trigger is Trigger.BY_HAND:
        return True
    if refusal.rule == "mode":
        return False  # the mode has been told
    same = last is not None and (last.trigger, last.rule) == (refusal.trigger, refusal.rule)
    return not same or now_ms - state.loan.refused_ms >= _REMIND_MS


def _refused(state: State, trigger: Trigger, amount: Decimal, rule: str, reason: str) -> PaymentRefused:
    return PaymentRefused(trigger=trigger, amount=amount, rule=rule, reason=reason)


# ------------------------------------------------------------------------------------------------------------ the payment in motion


def _next_step(state: State, payment: Payment, now_ms: int) -> Iterator[TransferCoin | RepayDebt | PaymentEnded]:
    deed = cashier.next_deed(payment, state.config.quote)
    if deed is None:
        if payment.step is Step.MOVED:
            yield PaymentEnded(
                number=payment.plan.number, paid=ZERO, step=payment.step.value, reason="it joined the margin"
            )
        return
    if reason := _why_no_more(state, payment, now_ms):
        yield PaymentEnded(number=payment.plan.number, paid=ZERO, step=payment.step.value, reason=reason)
        return
    if not MODES[state.mode].defend or state.unwritable:
        return
    if isinstance(deed, RepayDebt) and cashier.window_ends_ms(payment.plan.structure, now_ms) is not None:
        return
    yield deed


def _why_no_more(state: State, payment: Payment, now_ms: int) -> str:
    """Why the next step of a payment is not taken any more; empty: it may be."""
    if state.stopping:
        return f"stopping: {state.stopping}"
    if now_ms - payment.planned_ms > 3 * state.config.patience.hedge_ms:
        return "it could not be sent in time"
    return cashier.forbidden(payment.plan, state.config.loan, state.loan.paid_since(now_ms - _DAY_MS))


def _tell_ends(state: State) -> Iterator[PaymentEnded | Note]:
    """A payment that has ended is told once."""
    if not state.loan.payments or not (payment := state.loan.payments[-1]).has_ended or payment.is_told:
        return
    plan = payment.plan
    yield PaymentEnded(number=plan.number, paid=payment.paid, step=payment.step.value, reason=payment.reason)
    if payment.step is Step.DROPPED and state.loan.drops >= 2 and payment.moves_first:
        yield Note(
            severity="warning",
            kind="repayment failed",
            text=f"payment {plan.number} of {plan.amount} USDT: {payment.reason}",
        )


def questions(state: State, payment: Payment, now_ms: int) -> Iterator[SeekTransfer | SeekRepayment | Note]:
    """Ask what became of the deed of this payment whose answer is awaited, or doubtful."""
    if not payment.is_out:
        return
    patience = state.config.patience
    waits_ms = 0 if payment.is_asking else patience.read_timeout_ms
    last_ms = payment.sought_ms or payment.sent_ms
    pause_ms = patience.seek_every_ms if payment.sought_ms else (0 if payment.is_asking else waits_ms)
    if now_ms - last_ms < pause_ms:
        return
    if payment.seeks and payment.seeks % ALARMING_SEEKS == 0:
        yield _still_out(payment, now_ms)
    plan = payment.plan
    if payment.step in (Step.MOVING, Step.MOVE_UNKNOWN, Step.MOVE_PENDING):
        yield SeekTransfer(payment=plan.number, transfer_id=payment.transfer_id, sent_ms=payment.sent_ms)
    else:
        yield SeekRepayment(
            payment=plan.number,
            structure=plan.structure,
            coin=state.config.quote,
            amount=plan.amount,
            sent_ms=state.market.dated_from(payment.sent_ms),
        )


def _still_out(payment: Payment, now_ms: int) -> Note:
    fallen = f"no row tells of it, but the debt fell to {payment.fallen_to}"
    out = f"; {fallen}: once Bybit's own page shows it, resume takes it for paid" if payment.waits_for_a_word else ""
    text = (
        f"payment {payment.plan.number} of {payment.plan.amount} USDT is {payment.step.value} for "
        f"{(now_ms - payment.sent_ms) / 1000:.0f} s; nothing else is paid until it is known{out}"
    )
    return Note(severity="critical", kind="repayment unresolved", text=text)


def ended_by_word(state: State) -> Iterator[PaymentEnded]:
    """A person has looked and resumed: the repayment that the debt alone tells of is taken for paid. One that nothing tells of is not
    meant: it ends by the venue's books alone."""
    payment = state.loan.open
    if payment is not None and payment.waits_for_a_word:
        yield PaymentEnded(
            number=payment.plan.number,
            paid=payment.plan.amount,
            step=Step.PAID.value,
            reason=f"{payment.reason}; a person has looked and resumed",
        )


def absences(state: State, payment: Payment, now_ms: int) -> Iterator[DeedAbsent]:
    """A deed of this payment of which it is now proved that it never happened and can happen no more: its lease has ended, and the venue's
    books said no, again and again, to questions asked after that; for a repayment the debt, too, has not fallen."""
    if not payment.is_asking or payment.negatives < NEGATIVES_NEEDED:
        return
    pending = payment.step in (Step.MOVE_PENDING, Step.REPAY_PENDING)
    lease_ms = state.config.patience.lease_ms * (PENDING_LEASES if pending else 1)
    if now_ms > payment.sent_ms + lease_ms:
        deed = TransferCoin if payment.step in (Step.MOVE_UNKNOWN, Step.MOVE_PENDING) else RepayDebt
        yield DeedAbsent(
            payment=payment.plan.number,
            deed=deed.__name__,
            proof=f"lease over, {payment.negatives} negatives; it was {payment.step.value}",
        )
