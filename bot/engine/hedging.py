"""Hedging: one hedge in motion, worked towards absolute leg targets, one order at a time.

Legs shrink before they grow. Because the targets are absolute, a restart in the middle continues the same hedge, and an order that filled
in part is followed by one for the rest. What is in flight is waited for; nothing is sent beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.domain import names
from bot.domain.account import Execution
from bot.domain.commands import HedgeEnded, Note, PlaceOrder, Refusal
from bot.domain.events import Channel
from bot.domain.legs import Act
from bot.domain.orders import TimeInForce
from bot.engine import fence, gate, resting, sight
from bot.engine.modes import MODES
from bot.engine.state import Hedge, State, Tried

__all__ = [
    "ended",
    "fold_ended",
    "fold_filled",
    "fold_refused",
    "fold_sent",
    "fold_started",
    "fold_stopping",
    "hopeless",
    "next_order",
    "surroundings",
    "wind_up",
]

MAX_ORDERS = 12
"""Orders in a row that may fill nothing before the hedge is given up."""

MAX_REFUSALS = 3
"""Orders in a row that the venue may turn down before the hedge is given up."""

_PASSING_RULES = frozenset({"mode", "freshness", "one in motion", "order rate", "price collar"})
"""Refusals that time may lift: the hedge waits, until its own patience ends."""

_MINUTE_MS, _DAY_MS = 60_000, 86_400_000


def wind_up(state: State, hedge: Hedge, now_ms: int) -> Iterator[HedgeEnded | Note]:
    """End the hedge in motion where it has reached its targets or can no longer do so."""
    if not state.is_settled:
        return
    if _wish(state, hedge) is None and hedge.home is None and not hedge.spoiled:
        yield ended(state, hedge, now_ms, reached=True, reason="leg targets reached")
    elif reason := hopeless(state, hedge, now_ms):
        yield ended(state, hedge, now_ms, reached=False, reason=reason)
        yield Note(severity="warning", kind="hedge given up", text=f"decision {hedge.decision}: {reason}")


def next_order(state: State, hedge: Hedge, now_ms: int) -> Iterator[PlaceOrder | Refusal | HedgeEnded]:
    """The next order of the hedge in motion, if one may be sent now."""
    if not state.is_settled or _is_pausing(state, hedge, now_ms):
        return
    wish = _wish(state, hedge)
    if wish is None or fence.is_listening(state, _able_since(state, hedge), now_ms):
        return
    wish = _as_much_as_fits(state, hedge, wish)
    if resting.is_worth_it(state, hedge, now_ms):
        wish = replace(wish, rests=True)
    answer = gate.admit(wish, surroundings(state, wish, now_ms))
    if isinstance(answer, PlaceOrder):
        yield answer
    elif answer.rule not in _PASSING_RULES and not _must_come_home(state, hedge):
        yield answer
        yield ended(state, hedge, now_ms, reached=False, reason=f"refused by {answer.rule}: {answer.reason}")


def _able_since(state: State, hedge: Hedge) -> int:
    """Since when this hedge could have been worked on, and another hand's work on it been heard of."""
    return max(hedge.started_ms, state.channels[Channel.PRIVATE].since_ms)


def ended(state: State, hedge: Hedge, now_ms: int, *, reached: bool, reason: str) -> HedgeEnded:
    """The end of a hedge, with what it traded and how well."""
    tally = hedge.tally
    return HedgeEnded(
        decision=hedge.decision,
        reached=reached,
        reason=reason,
        filled=tally.filled,
        fees=tally.fees,
        slippage_bp=tally.slippage_bp,
        maker_share=tally.maker_share,
        took_ms=now_ms - hedge.started_ms,
        turned_away=not reached and _was_turned_away(state, hedge, now_ms),
    )


def fold_sent(state: State, order: PlaceOrder, now_ms: int) -> None:
    """Count an order towards the hedge in motion. One that rests costs nothing while it waits, so it is no attempt."""
    state.last_hedge_ms = now_ms
    if state.hedge is not None:
        state.hedge.attempts += order.time_in_force is TimeInForce.IOC
        state.hedge.last_order_ms = now_ms
        if state.hedge.tally.mid is None:
            state.hedge.tally.mid = order.mid


def fold_filled(state: State, execution: Execution) -> None:
    """An order of ours traded."""
    state.given_up = 0
    if state.hedge is not None:
        state.hedge.has_filled, state.hedge.refusals, state.hedge.attempts = True, 0, 0
        if state.blotter.orders[execution.order_link_id].place.decision == state.hedge.decision:
            state.hedge.tally.add(execution)
        _turn_home(state, state.hedge)


def fold_refused(state: State) -> None:
    """The venue turned an order down."""
    if state.hedge is not None:
        state.hedge.refusals += 1


def fold_ended(state: State, record: HedgeEnded, now_ms: int) -> None:
    """The hedge in motion is over."""
    hedge, state.hedge = state.hedge, None
    if hedge is None:
        return
    if record.filled:
        state.executed.append(record)
    if hedge.is_for_profit:
        return  # it came back to where it began: no trade towards a target, and no failure of one
    if hedge.has_filled:
        state.hedges.append(Tried(hedge.started_ms, hedge.gap, hedge.price))
    elif record.turned_away:
        state.given_up += 1
        state.given_up_ms = now_ms


def _wish(state: State, hedge: Hedge) -> gate.Wish | None:
    """What is still to be done: shrinking first, where nothing may grow that which makes |delta| smaller before all; the favoured leg
    first among equals. None: nothing."""
    wishes = []
    for leg, target in hedge.targets.items():
        change = target - state.ledger.legs[leg].qty
        if change:
            act = Act.GROW if change > 0 else Act.SHRINK
            wishes.append(gate.Wish(decision=hedge.decision, leg=leg, act=act, qty=abs(change), returns=hedge.returns))
    delta = state.delta
    wishes.sort(
        key=lambda wish: (
            wish.act is not Act.SHRINK,
            not MODES[state.mode].grow and not gate.shrinks_delta(wish, delta),
            wish.leg is not hedge.first_leg,
        )
    )
    return wishes[0] if wishes else None


def _as_much_as_fits(state: State, hedge: Hedge, wish: gate.Wish) -> gate.Wish:
    """Growth that the venue turned down is tried at half the size, again and again: an account that cannot carry all of a hedge carries a
    part of it. After a fill the whole rest is asked for again."""
    if not hedge.refusals or wish.act is not Act.GROW or state.instrument is None:
        return wish
    return replace(wish, qty=min(wish.qty, max(state.instrument.min_qty, wish.qty / 2**hedge.refusals)))


def _turn_home(state: State, hedge: Hedge) -> None:
    """The second half of a round trip begins where the first has ended: with the execution that completed it."""
    if hedge.home is not None and all(state.ledger.legs[leg].qty == target for leg, target in hedge.targets.items()):
        hedge.targets, hedge.home = hedge.home, None


def fold_started(state: State, settings_hash: str, now_ms: int) -> None:
    """A new run: a round trip that was interrupted goes home, and the time nobody worked does not count. What other settings have decided
    is not worked on: a person may have changed them to stop just that."""
    if state.hedge is not None and state.hedge.is_for_profit:
        state.hedge.started_ms = now_ms
    elif state.hedge is not None and settings_hash != state.settings_hash:
        state.hedge.spoiled = "the settings have changed"
    state.settings_hash = settings_hash
    _go_home(state)


def fold_stopping(state: State, reason: str) -> None:
    """We are told to stop: a round trip goes home from wherever it is, so that nobody leaves a hedge with a hole in it."""
    state.stopping = reason
    _go_home(state)


def _go_home(state: State) -> None:
    hedge = state.hedge
    if hedge is not None and hedge.home is not None:
        hedge.targets, hedge.home = hedge.home, None


def _was_turned_away(state: State, hedge: Hedge, now_ms: int) -> bool:
    """Whether gate, venue or book would not have it: trying the same at once would only repeat it."""
    if hedge.refusals >= MAX_REFUSALS or hedge.attempts >= MAX_ORDERS:
        return True
    return not (hedge.attempts or hedge.spoiled or state.spot_moved(hedge) or _is_overdue(state, hedge, now_ms))


def _is_overdue(state: State, hedge: Hedge, now_ms: int) -> bool:
    return now_ms - hedge.started_ms > state.config.patience.hedge_ms


def hopeless(state: State, hedge: Hedge, now_ms: int) -> str:
    """Why the hedge can no longer do what it was begun for; empty: it can."""
    if hedge.spoiled:
        return hedge.spoiled
    if _must_come_home(state, hedge):
        return ""
    if state.spot_moved(hedge):
        return "the spot holding changed"
    if hedge.refusals >= MAX_REFUSALS:
        return f"the venue turned {hedge.refusals} orders down in a row"
    if hedge.attempts >= MAX_ORDERS:
        return f"{hedge.attempts} orders in a row filled nothing"
    if _is_overdue(state, hedge, now_ms):
        return "it took too long"
    return ""


def _must_come_home(state: State, hedge: Hedge) -> bool:
    """Whether a round trip is on its way back where nothing may grow: given up, nobody would mend what it has opened."""
    return hedge.returns and hedge.home is None and not MODES[state.mode].grow


def _is_pausing(state: State, hedge: Hedge, now_ms: int) -> bool:
    """After an order that filled nothing the market is given a moment; between the halves of a round trip only until there is a new
    price, because what stands between them is exposure, unless that has missed often."""
    last = next((o for o in reversed(state.blotter.orders.values()) if o.place.decision == hedge.decision), None)
    if last is None or last.executed:
        return False
    if hedge.returns and not hedge.refusals and hedge.attempts < MAX_ORDERS:
        return (state.market.ticker_seen_ms or 0) <= hedge.last_order_ms
    return now_ms - hedge.last_order_ms < state.config.patience.retry_after_ms


def surroundings(state: State, wish: gate.Wish, now_ms: int) -> gate.Surroundings:
    return gate.Surroundings(
        order_link_id=names.link_id(state.run, state.orders_made + 1, wish.leg, wish.act),
        instrument=state.instrument,
        permission=MODES[state.mode],
        mode=state.mode.value,
        ticker=state.market.ticker,
        ticker_fresh=sight.ticker_is_fresh(state, now_ms),
        limits=state.config.limits,
        leg_qty=state.ledger.legs[wish.leg].qty,
        may_grow_by=state.blotter.may_grow_by(wish.leg),
        unsettled=sum(1 for _ in state.blotter.unsettled()),
        delta=state.delta,
        sent_last_minute=state.blotter.sent_since(now_ms - _MINUTE_MS),
        sent_last_day=state.blotter.sent_since(now_ms - _DAY_MS),
    )
