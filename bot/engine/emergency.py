"""Emergencies: freeze, neutralise and flatten, carried out by the engine itself, through the same gate, with reduce-only orders alone.

Each closes the latch: when it is over the engine is HALTED until a person lifts it. Our own resting orders leave because no hedge is in
motion any more (`resting.leave`). What another hand resting on the book has placed is not
ours to cancel by name; `scripts/kill_switch.py` cancels everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from bot.domain.account import ExecKind, Execution
from bot.domain.commands import HedgeEnded, Mode, Note, PlaceOrder
from bot.domain.events import LatchSeen, OperatorAsked, Verb
from bot.domain.legs import Act, Leg
from bot.domain.money import ZERO
from bot.domain.thoughts import EmergencyEnded
from bot.domain.view import VerbPreview
from bot.engine import gate, hedging, sight
from bot.engine.state import Emergency, State

__all__ = ["VERBS", "fold_asked", "fold_foreign", "fold_latch", "latch_words", "preview", "pursue"]

VERBS = frozenset({Verb.FREEZE, Verb.NEUTRALISE, Verb.FLATTEN})
NO_DECISION = 0
_BY_THE_OTHER_HAND = "and nothing is closed by our books: scripts/kill_switch.py reads the venue's own"
_UNSURE = f"our books contradict themselves, {_BY_THE_OTHER_HAND}"
_INTERRUPTED = (
    "the run that carried it out has ended in the middle of it, and this one leaves it to the person who looks"
)
WATCHED_HEDGES = 5
"""After the latch was lifted, another hand's trade closes it again for as long as this many hedges may take (ten minutes)."""


def latch_words(verb: str, who: str, reason: str) -> str:
    """What the latch says, on disk and in the state: equal words are the same latch."""
    return f"{verb} by {who}: {reason}"


def pursue(
    state: State, emergency: Emergency, now_ms: int
) -> Iterator[HedgeEnded | PlaceOrder | EmergencyEnded | Note]:
    """The next step of the emergency being carried out, once the mode has followed."""
    if hindered := _UNSURE if state.broken else _INTERRUPTED if emergency.began_ms < (state.started_ms or 0) else "":
        left, is_done = preview(state, Verb.FREEZE).words, emergency.verb is Verb.FREEZE
        yield from _ended(emergency, is_done, f"left: {left}" if is_done else f"{hindered}; our books say: {left}")
        return
    if state.mode is not Mode.EMERGENCY:
        return
    if state.hedge is not None:
        yield hedging.ended(state, state.hedge, now_ms, reached=False, reason=emergency.why)
    if not state.is_settled or sight.lacks(state, emergency.verb):
        if blocked := _blocked(state):
            yield from _ended(emergency, False, f"{blocked}; our books say: {preview(state, Verb.FREEZE).words}")
        return
    wish = _wish(state, emergency.verb)
    if wish is None:
        if emergency.verb is Verb.FREEZE or _agrees(state, emergency):
            yield from _ended(emergency, True, f"left: {preview(state, emergency.verb).words}")
    elif not _is_pausing(state, now_ms):
        order = gate.admit(wish, hedging.surroundings(state, wish, now_ms))
        if isinstance(order, PlaceOrder):
            yield order


def preview(state: State, verb: Verb) -> VerbPreview:
    """What the verb would leave behind, at the present price: shown before it is confirmed.

    The liquidation price is where the margin balance, moving with delta, meets the maintenance margin (Bybit: unified account); the
    maintenance margin of legs that are closed is taken off in proportion to their size.
    """
    legs = {leg: book.qty for leg, book in state.ledger.legs.items()}
    after = {leg: qty - _closing(state, verb).get(leg, ZERO) for leg, qty in legs.items()}
    is_known = state.ledger.is_open
    spot, wallet, ticker = state.spot, state.wallet, state.market.ticker
    net = after[Leg.LONG] - after[Leg.SHORT]
    quote = wallet.coin(state.config.quote) if wallet else None
    ltv = max(ZERO, -quote.equity) / (spot * ticker.mark) if quote and spot and ticker else None
    liquidation = None
    if wallet and ticker and wallet.margin_balance is not None and (coin := wallet.coin(state.config.coin)):
        held = sum(legs.values(), ZERO)
        share = sum(after.values(), ZERO) / held if held else Decimal(1)
        liquidation = _liquidation(
            ticker.mark, coin.equity + net, wallet.margin_balance, (wallet.maintenance_margin or ZERO) * share
        )
    return VerbPreview(
        verb=verb.value,
        long=after[Leg.LONG] if is_known else None,
        short=after[Leg.SHORT] if is_known else None,
        delta=spot + net if spot is not None and is_known else None,
        ltv=None if ltv is None else float(ltv),
        liquidation=liquidation,
    )


def fold_asked(state: State, record: OperatorAsked, now_ms: int) -> None:
    """A person asked for an emergency verb: from here on nothing else is done, and the latch is closed."""
    why = latch_words(record.verb.value, record.who, record.reason)
    state.emergency = Emergency(verb=record.verb, why=why, began_ms=now_ms)
    state.latched = why
    state.readings.want("an emergency", now_ms)


def fold_latch(state: State, record: LatchSeen, now_ms: int) -> None:
    """The latch on disk was looked at. Closed by another hand (the kill switch), it ends whatever emergency is being carried out."""
    if record.closed:
        if record.reason != state.latched:
            state.latched, state.emergency = record.reason, None
    else:
        state.latched, state.emergency, state.lifted_ms = "", None, now_ms


def fold_foreign(state: State, execution: Execution) -> None:
    """Another hand moved a leg. Soon after a person lifted the latch that means that whoever filled the account is still at it.

    What counts is when it traded, not when we heard; and what the venue itself does to a leg is nobody's hand.
    """
    if state.lifted_ms is None or state.latched or execution.kind is not ExecKind.TRADE:
        return
    if 0 < execution.exec_ms - state.lifted_ms <= WATCHED_HEDGES * state.config.patience.hedge_ms:
        state.latched = "another hand traded soon after the latch was lifted"


def _ended(emergency: Emergency, done: bool, what: str) -> Iterator[EmergencyEnded | Note]:
    """It is over, and a person is told what was left, or that it could not be done."""
    verb = emergency.verb.value
    yield EmergencyEnded(verb=verb, done=done, reason=what)
    kind, so = ("emergency done", "is done") if done else ("emergency failed", "is NOT done")
    yield Note(severity="critical", kind=kind, text=f"{verb} {so}; {what}")


def _blocked(state: State) -> str:
    """Why nothing that we can wait for will let it go on; empty: something may."""
    order = state.blotter.unresolved()
    return f"order {order.what} is {order.stands}, {_BY_THE_OTHER_HAND}" if order and order.unreadable else ""


def _agrees(state: State, emergency: Emergency) -> bool:
    """Whether the venue's own legs, asked for since it began, are those of our books."""
    return not state.readings.disagreements and state.readings.agreed_asked_ms >= emergency.began_ms


def _closing(state: State, verb: Verb) -> dict[Leg, Decimal]:
    """How much of each leg the verb closes: what is smaller than any order stays. Neutralise takes from the leg that makes |delta| large,
    never more than |delta|."""
    held, delta = {leg: book.qty for leg, book in state.ledger.legs.items()}, state.delta or ZERO
    closing = held if verb is Verb.FLATTEN else {}
    if verb is Verb.NEUTRALISE:
        leg = Leg.LONG if delta > 0 else Leg.SHORT
        closing = {leg: min(held[leg], abs(delta))}
    least = state.instrument.min_qty if state.instrument is not None else ZERO
    return {leg: qty for leg, qty in closing.items() if qty and qty >= least}


def _wish(state: State, verb: Verb) -> gate.Wish | None:
    """The next leg to close, the one that makes |delta| large first; None: nothing is left to close."""
    closing = _closing(state, verb)
    first = Leg.LONG if (state.delta or ZERO) >= 0 else Leg.SHORT
    leg = first if first in closing else next(iter(closing), None)
    return None if leg is None else gate.Wish(decision=NO_DECISION, leg=leg, act=Act.SHRINK, qty=closing[leg])


def _is_pausing(state: State, now_ms: int) -> bool:
    """After an order that filled nothing the market is given a moment."""
    last = next(reversed(state.blotter.orders.values()), None)
    if last is None or last.executed or last.place.decision != NO_DECISION:
        return False
    return now_ms - last.sent_ms < state.config.patience.retry_after_ms


def _liquidation(mark: Decimal, moved_by: Decimal, balance: Decimal, needed: Decimal) -> Decimal | None:
    """The price at which the balance no longer covers what is needed; None: at no price on the side that hurts."""
    if not moved_by:
        return None
    level = mark - (balance - needed) / moved_by
    return level if level > 0 and (level < mark) == (moved_by > 0) else None
