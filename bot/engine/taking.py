"""Taking profit: the cycle of perp profit, when it fires, and how profit becomes cash while the hedge stays.

Perp profit lowers no debt until it is realised. A cycle reckons the perps' net P&L since it began, remembers its peak, and fires by a
trailing stop, by a target in the market's own volatility, or because somebody wants cash. Firing closes the leg that gained and opens it
again: two ordinary halves of one hedge, both towards absolute leg sizes, so that whatever happens between them is mended by going home, and
failing that by the next decision, which sees a gap like any other. The exposure in between lasts as long as two orders do.

What may be shared out is reported once: never more than was earned in all, never more than has become cash, and after a loss only what has
made good for it.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from bot.domain.commands import Decided, Mode, Note, ProfitCycle, ProfitRealised, RealiseWanted, Realising
from bot.domain.legs import Leg
from bot.domain.money import ZERO, ceil_to
from bot.engine import decider, gate, sight
from bot.engine.config import ProfitAction, Style
from bot.engine.state import Hedge, State
from bot.strategy import codes, decision, profit
from bot.strategy.decision import Decision

__all__ = [
    "LAPSED",
    "arming_floor",
    "cycle_pnl",
    "fold",
    "fold_adopted",
    "keep",
    "take",
    "target_price",
    "targets_sigma",
]

LAPSED = "realise lapsed"
"""The kind of the note that ends a wish for cash which could not be met."""

_CENT = Decimal("0.01")
_STEP_OF_PEAK = Decimal("1.01")
_TAKER_FEE = Decimal("0.00055")
"""Where the account's own is not known (Bybit: trading fee structure, non-VIP perpetuals)."""

_WHY = {profit.TRAILING_STOP: "trailing stop", profit.TARGET_REACHED: "target reached"}
_AT_REST = frozenset({codes.ON_TARGET, codes.INSIDE_BAND, codes.BELOW_MINIMUM, codes.NOT_DUE})
"""Holds in which nothing else wants to move a leg."""


class Sums(NamedTuple):
    """What the perps have earned since the books began, USDT: in all, and in cash."""

    total: Decimal
    cash: Decimal


class Plan(NamedTuple):
    """Where the legs go, what that brings and costs, and how many orders a round trip takes."""

    halfway: dict[Leg, Decimal]
    home: dict[Leg, Decimal]
    gain: Decimal
    cost: Decimal
    orders: int = 0


# -- think ----------------------------------------------------------------------------------------------------------------------


def keep(state: State, now_ms: int) -> Generator[ProfitCycle | ProfitRealised, None, Sums | None]:
    """Begin a cycle, arm it, raise its peak; report what a taking that has ended brought. Returns what the perps have earned."""
    sums, book = _sums(state, now_ms), state.profit
    if sums is None:
        return None
    cycle = book.cycle
    if cycle is None or book.is_unsure:
        yield _begun(state, cycle, sums, "the books begin" if cycle is None else "legs were adopted")
    elif book.taking is not None:
        if state.hedge is None and state.is_settled:
            yield from _reported(state, cycle, sums, book.taking)
    else:
        pnl = sums.total - cycle.baseline_usdt
        if not cycle.armed and pnl >= 0 and pnl >= arming_floor(state):
            yield replace(cycle, peak_usdt=pnl, armed=True, reason="armed")
        elif cycle.armed and pnl > cycle.peak_usdt * (1 if state.config.profit.is_original else _STEP_OF_PEAK):
            yield replace(cycle, peak_usdt=pnl, reason="new peak")
    return sums


def take(
    state: State, sums: Sums | None, now_ms: int
) -> Iterator[Decided | Realising | ProfitCycle | ProfitRealised | Note]:
    """Begin to turn profit into cash, if the cycle fires or somebody asks, and if nothing else wants to move a leg."""
    if _has_lapsed(state, now_ms):
        yield _lapsed(state)
    cycle, wanted = state.profit.cycle, state.realise_wanted
    if sums is None or cycle is None:
        return
    why = wanted.why if wanted else _fired(state, cycle, sums)
    if not why or not _is_free(state, now_ms):
        return
    inputs = decider.inputs_of(state, now_ms)
    answer = decider.answer_to(state, inputs)
    is_at_rest = answer.action == decision.HOLD and answer.reason in _AT_REST
    if not is_at_rest and not decider.waits_in_vain(state, answer):
        return
    action = ProfitAction.REALISE if wanted else state.config.profit.action
    plan = _closing(state, answer) if action is ProfitAction.CLOSE else _round_trip(state, wanted)
    if plan is None:
        yield from _ended(state, cycle, sums, why=f"{why}: no leg gains enough to be worth closing")
        return
    if plan.orders > sight.orders_left_now(state, now_ms):
        return  # begun now, its second half would have to wait for the next minute
    decided = decider.record(state, inputs, answer, f"take profit: {why}")
    yield decided
    assert state.spot is not None
    yield Realising(
        decision=decided.number,
        cycle=cycle.number,
        action=action.value,
        why=why,
        spot=state.spot,
        long_halfway=plan.halfway[Leg.LONG],
        short_halfway=plan.halfway[Leg.SHORT],
        long_home=plan.home[Leg.LONG],
        short_home=plan.home[Leg.SHORT],
        pnl_usdt=_cents(sums.total - cycle.baseline_usdt),
        gain_usdt=_cents(plan.gain),
        cost_usdt=_cents(plan.cost),
    )


def _has_lapsed(state: State, now_ms: int) -> bool:
    """Whether what was wanted could not be begun for so long that it may no longer be meant."""
    waits = state.realise_wanted is not None and state.profit.taking is None
    return waits and now_ms - state.realise_wanted_ms >= state.config.rehedge_every_ms


def _lapsed(state: State) -> Note:
    wanted, minutes = state.realise_wanted, state.config.rehedge_every_ms // 60_000
    assert wanted is not None
    text = f"profit was to be realised ({wanted.why}), but nothing could be begun within {minutes} minutes: ask again if it is still meant"
    return Note(severity="warning", kind=LAPSED, text=text)


# -- fold -----------------------------------------------------------------------------------------------------------------------


def fold(state: State, record: ProfitCycle | Realising | ProfitRealised, now_ms: int) -> None:
    """Remember where the cycle stands and what is being done about it."""
    book = state.profit
    match record:
        case ProfitCycle():
            if book.cycle is None or book.cycle.number != record.number:
                book.began_ms = now_ms
            elif book.taking is not None:
                book.tried_ms = now_ms  # it could not be done: not at once again
            book.cycle, book.is_unsure, book.taking = record, False, None
        case Realising():
            _begin(state, record, now_ms)
        case ProfitRealised():
            state.realise_wanted = None
            book.last, book.last_ms = record, now_ms
            book.shared += record.amount_usdt
            if record.action == ProfitAction.CLOSE.value:
                book.resting_until_ms = now_ms + state.config.rehedge_every_ms


def fold_adopted(state: State) -> None:
    """The venue's legs are taken over: what they earned is not known, and a round trip between them means nothing."""
    state.profit.is_unsure |= state.ledger.is_open
    state.profit.taking = None
    if state.hedge is not None and state.hedge.is_for_profit:
        state.hedge.spoiled = "legs were adopted"


def _begin(state: State, record: Realising, now_ms: int) -> None:
    books = state.ledger.legs.values()
    state.profit.taking = record
    state.profit.realised_before = sum((book.realised for book in books), ZERO)
    state.profit.fees_before = sum((book.fees for book in books), ZERO)
    halfway = {Leg.LONG: record.long_halfway, Leg.SHORT: record.short_halfway}
    home = {Leg.LONG: record.long_home, Leg.SHORT: record.short_home}
    state.hedge = Hedge(
        decision=record.decision,
        targets=halfway,
        home=None if halfway == home else home,
        first_leg=Leg.LONG,
        spot=record.spot,
        started_ms=now_ms,
        style=Style.IOC,
        is_for_profit=True,
        returns=halfway != home,
    )


# -- the figures ----------------------------------------------------------------------------------------------------------------


def cycle_pnl(state: State, now_ms: int) -> Decimal | None:
    """Net P&L of the present cycle, USDT; None while it cannot be known."""
    sums, cycle = _sums(state, now_ms), state.profit.cycle
    return None if sums is None or cycle is None else sums.total - cycle.baseline_usdt


def arming_floor(state: State) -> Decimal:
    """The peak from which on the trailing stop is armed, USDT."""
    rules, legs = state.config.profit, state.ledger.legs
    if rules.is_original:
        return _CENT  # any profit at all
    round_trip = _round_trip_usdt(state, max(legs[Leg.LONG].qty, legs[Leg.SHORT].qty))
    return Decimal(repr(round(profit.arming_floor_usdt(rules.least_usdt, round_trip, rules.arm_round_trips), 2)))


def targets_sigma(state: State) -> float:
    """Sigma per 24 h that targets are made of: no spike pushes them out of reach. NaN unknown.

    In parity it is the policy's own, as the original has but one.
    """
    if state.config.profit.is_original:
        return state.market.sigma_24h
    for_targets = state.market.sigma_for_targets
    return state.market.sigma_24h if math.isnan(for_targets) else for_targets


def target_price(state: State) -> Decimal | None:
    """The price at which the target fires; None without a net position, a cycle or a sigma."""
    cycle, rules = state.profit.cycle, state.config.profit
    if cycle is None:
        return None
    sigma, net = targets_sigma(state), float(state.ledger.net)
    if rules.is_original:
        price = profit.ORIGINAL_ANCHOR_PRICE * (1 + (profit.direction_of(net) or 1) * profit.ORIGINAL_K * sigma)
    else:
        price = profit.target_price(net, float(cycle.anchor_price), rules.k, sigma, rules.days)
    return None if math.isnan(price) else Decimal(repr(round(price, 2)))


def _sums(state: State, now_ms: int) -> Sums | None:
    """None while a leg, its entry or the price is not known for certain."""
    ticker, ledger = state.market.ticker, state.ledger
    if ticker is None or not ledger.is_open or ledger.is_waiting or not sight.ticker_is_fresh(state, now_ms):
        return None
    floating, cash = ZERO, ZERO
    for leg, book in ledger.legs.items():
        unrealised = book.unrealised(leg, ticker.mark)
        if unrealised is None:
            return None
        floating += unrealised
        cash += book.realised + book.funding - book.fees
    return Sums(floating + cash, cash)


def _is_free(state: State, now_ms: int) -> bool:
    book, patience_ms = state.profit, state.config.patience.hedge_ms
    may = sight.may_make_a_round_trip(state, now_ms) and (
        state.mode is Mode.TRADING or state.realise_wanted is not None
    )
    if not may or state.hedge is not None or book.taking is not None or not state.is_settled:
        return False
    return book.tried_ms is None or now_ms - book.tried_ms >= patience_ms


def _fired(state: State, cycle: ProfitCycle, sums: Sums) -> str:
    """Why the cycle fires; empty: it does not."""
    rules, gain = state.config.profit, sums.total - cycle.baseline_usdt
    if rules.action is ProfitAction.OFF:
        return ""
    if gain <= 0 and not cycle.armed:
        return ""  # by either rule: without a stop only a profit can fire
    pnl, price = float(gain), state.market.price
    if rules.is_original:
        check = profit.original_check(pnl, float(cycle.peak_usdt), targets_sigma(state), price)
        return _WHY.get(check.fires, "")
    seen = profit.Cycle(cycle.number, float(cycle.anchor_price), float(cycle.peak_usdt), int(cycle.armed))
    fired = profit.fires(
        seen,
        pnl,
        rules.trail,
        float(state.ledger.net),
        price,
        rules.k,
        targets_sigma(state),
        rules.days,
    )
    return _WHY.get(fired, "")


def _round_trip(state: State, wanted: RealiseWanted | None) -> Plan | None:
    """Close the leg that gained most, as far as cash is wanted and a minute's orders reach, and open it again. None: it does not pay."""
    ticker, rules, lot, legs = state.market.ticker, state.config.profit, state.instrument, state.ledger.legs
    assert ticker is not None
    assert lot is not None
    gains = {leg: book.unrealised(leg, ticker.mark) or ZERO for leg, book in legs.items()}
    leg = max(gains, key=lambda one: gains[one])
    held, gain = legs[leg].qty, gains[leg]
    if gain <= 0 or held > state.config.limits.max_leg:
        return None  # what is above the limit could not be opened again
    one_order = gate.most_at_once(ticker, lot, state.config.limits)
    qty = min(held, gate.most_there_and_back(ticker, lot, state.config.limits))
    if wanted is not None and wanted.need_usdt is not None:
        qty = min(qty, max(lot.min_qty, ceil_to(wanted.need_usdt * held / gain, lot.qty_step)))
    gain, cost = gain * qty / held, _round_trip_cost(state, qty)
    if qty * ticker.mark < lot.min_notional or gain <= cost:
        return None
    if not profit.pays_for_itself(float(gain), float(cost), rules.gain_round_trips, int(wanted is not None)):
        return None
    home = {one: book.qty for one, book in legs.items()}
    return Plan(home | {leg: held - qty}, home, gain, cost, orders=2 * math.ceil(qty / one_order))


def _closing(state: State, answer: Decision) -> Plan | None:
    """Both legs to nothing, the short one to the least that the loan needs. None where that is not known, or there is nothing to close."""
    ticker, rules, lot, legs = state.market.ticker, state.config.profit, state.instrument, state.ledger.legs
    floor = answer.ltv_floor.value
    assert ticker is not None
    assert lot is not None
    if math.isnan(floor):
        return None
    short = min(legs[Leg.SHORT].qty, ceil_to(Decimal(repr(floor)), lot.qty_step))
    closed = legs[Leg.LONG].qty + legs[Leg.SHORT].qty - short
    cost = _round_trip_cost(state, closed)
    gain = sum((book.unrealised(leg, ticker.mark) or ZERO for leg, book in legs.items()), ZERO)
    if not closed or not profit.pays_for_itself(
        float(gain), float(cost), rules.gain_round_trips, int(rules.is_original)
    ):
        return None
    target = {Leg.LONG: ZERO, Leg.SHORT: short}
    return Plan(target, target, gain, cost)


def _round_trip_cost(state: State, qty: Decimal) -> Decimal:
    return Decimal(repr(_round_trip_usdt(state, qty)))


def _round_trip_usdt(state: State, qty: Decimal) -> float:
    fee = state.facts.taker_fee if state.facts is not None and state.facts.taker_fee is not None else _TAKER_FEE
    price = state.market.price if state.market.ticker is not None else 0.0
    return profit.round_trip_cost_usdt(float(qty), price, float(fee) + state.config.profit.slippage)


# -- the end of a cycle ---------------------------------------------------------------------------------------------------------


def _reported(state: State, cycle: ProfitCycle, sums: Sums, done: Realising) -> Iterator[ProfitCycle | ProfitRealised]:
    """A taking has ended: report it and begin anew; where it traded nothing, the cycle stands as it did."""
    fees = sum((book.fees for book in state.ledger.legs.values()), ZERO)
    if fees == state.profit.fees_before:
        yield replace(cycle, reason="nothing could be realised")
    else:
        yield from _ended(state, cycle, sums, why=done.why, done=done)


def _ended(
    state: State, cycle: ProfitCycle, sums: Sums, *, why: str, done: Realising | None = None
) -> Iterator[ProfitCycle | ProfitRealised]:
    book, ticker = state.profit, state.market.ticker
    assert ticker is not None
    pnl, cash = sums.total - cycle.baseline_usdt, sums.cash - cycle.cash_usdt
    amount = max(ZERO, _cents(min(cycle.carry_usdt + pnl, cycle.cash_carry_usdt + cash)))
    legs = state.ledger.legs.values()
    if amount or done is not None or state.realise_wanted is not None:
        yield ProfitRealised(
            cycle=cycle.number,
            decision=done.decision if done else 0,
            action=done.action if done else "none",
            why=why,
            amount_usdt=amount,
            realised_usdt=_cents(sum((one.realised for one in legs), ZERO) - book.realised_before) if done else ZERO,
            costs_usdt=_cents(sum((one.fees for one in legs), ZERO) - book.fees_before) if done else ZERO,
            pnl_usdt=_cents(pnl),
            price=ticker.mark,
        )
    carried = replace(
        cycle, carry_usdt=cycle.carry_usdt + pnl - amount, cash_carry_usdt=cycle.cash_carry_usdt + cash - amount
    )
    yield _begun(state, carried, sums, why)


def _begun(state: State, before: ProfitCycle | None, sums: Sums, why: str) -> ProfitCycle:
    assert state.market.ticker is not None
    return ProfitCycle(
        number=before.number + 1 if before else 1,
        anchor_price=state.market.ticker.mark,
        baseline_usdt=sums.total,
        cash_usdt=sums.cash,
        carry_usdt=before.carry_usdt if before else ZERO,
        cash_carry_usdt=before.cash_carry_usdt if before else ZERO,
        peak_usdt=ZERO,
        armed=False,
        reason=f"begun: {why}",
    )


def _cents(usdt: Decimal) -> Decimal:
    return usdt.quantize(_CENT, rounding=ROUND_DOWN)
