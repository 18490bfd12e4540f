"""Sight: which mode the facts call for, and why.

Data has an age of its own: a live socket proves nothing about a topic, and a new connection proves nothing about what was missed.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.commands import Mode, ModeChanged, Note
from bot.domain.events import Channel, Verb
from bot.engine import throttle
from bot.engine.modes import MODES, Facts, mode_for
from bot.engine.state import State

__all__ = [
    "ORDERS_OF_A_ROUND_TRIP",
    "STILL",
    "change",
    "facts_of",
    "lacks",
    "may_make_a_round_trip",
    "orders_left_now",
    "remarks",
    "ticker_is_fresh",
]

STILL = "price stands still"

ORDERS_OF_A_ROUND_TRIP = 24
"""So many of the day's orders must be left before one begins: slices, and misses."""
_MINUTE_MS, _DAY_MS = 60_000, 86_400_000


def change(state: State, now_ms: int) -> Iterator[ModeChanged]:
    """The change of mode that the facts call for, if there is one."""
    mode, reason = mode_for(facts_of(state, now_ms))
    if (mode, reason) != (state.mode, state.why):
        yield ModeChanged(before=state.mode, after=mode, reason=reason)


def remarks(state: State, now_ms: int) -> Iterator[Note]:
    """A word on a feed that speaks and says nothing. Quiet is not stale: the mode stays, a person looks."""
    market, still_ms = state.market, state.config.patience.still_ms
    if not still_ms or market.told_still or market.moved_ms is None or not ticker_is_fresh(state, now_ms):
        return
    if market.ticker is not None and (stands_ms := now_ms - market.moved_ms) > still_ms:
        text = f"tickers come, and none has moved from {market.ticker.mark} for {stands_ms / 1000:.0f} s: compare it with another source"
        yield Note(severity="warning", kind=STILL, text=text)


def facts_of(state: State, now_ms: int) -> Facts:
    """Everything the mode depends on, in words that do not change while the fact does not. By position: asked many times a second."""
    return Facts(
        state.broken,
        _emergency(state),
        state.latched or state.throttled or throttle.runaway(state, now_ms),
        _not_started(state),
        _observing(state),
        _blind(state, now_ms),
        _reducing(state),
    )


def ticker_is_fresh(state: State, now_ms: int) -> bool:
    """Whether the last ticker is young enough to grow a leg on."""
    seen_ms = state.market.ticker_seen_ms
    return seen_ms is not None and now_ms - seen_ms <= state.config.patience.ticker_stale_ms


def may_make_a_round_trip(state: State, now_ms: int) -> bool:
    """Whether gains may be realised: not where it is known already that the second half would be turned down.

    A tripped breaker forbids growth, and not this: in a crash it is what keeps the collateral.
    """
    if not MODES[state.mode].defend or state.stopping or state.unwritable:
        return False
    if "rejects" in state.tripped or _lacks_margin(state):
        return False
    if state.instrument is None or state.instrument.status != "Trading":
        return False
    left_today = state.config.limits.max_orders_per_day - state.blotter.sent_since(now_ms - _DAY_MS)
    return left_today >= ORDERS_OF_A_ROUND_TRIP and orders_left_now(state, now_ms) >= 2


def _lacks_margin(state: State) -> bool:
    """Whether the last order was turned down for want of margin, and the wallet shows none that is free."""
    free = state.wallet.available if state.wallet is not None else None
    return state.measures.wants > 0 and (free is None or free <= 0)


def orders_left_now(state: State, now_ms: int) -> int:
    """How many orders may still leave before the last minute's first are forgotten."""
    return state.config.limits.max_orders_per_minute - state.blotter.sent_since(now_ms - _MINUTE_MS)


def lacks(state: State, verb: Verb) -> str:
    """Why it cannot be told what there is for an emergency verb to close; empty: it can. What is unknown is not nothing."""
    if verb is Verb.FREEZE:
        return ""
    if not state.ledger.is_open:
        return "the account has not been read. scripts/kill_switch.py reads it itself"
    if verb is Verb.NEUTRALISE and state.delta is None:
        return "the BTC to hedge are not known. Flatten and freeze need no delta"
    if verb is Verb.NEUTRALISE and state.readings.agreed_ms is None:
        return "the legs are remembered, and no reading since the start agrees with them yet. Flatten and freeze do not wait"
    return ""


def _emergency(state: State) -> str:
    if (emergency := state.emergency) is None:
        return ""
    lacking = lacks(state, emergency.verb)
    return f"{emergency.why}; it waits: {lacking}" if lacking else emergency.why


def _not_started(state: State) -> str:
    if state.started_ms is None:
        return "not started"
    if state.instrument is None:
        return "waiting for the contract's filters and price history"
    if state.facts is None or not state.ledger.is_open or state.readings.agreed_ms is None:
        return "waiting for a first reading of the account that agrees with our books"
    if state.facts.hedge_mode is False:
        return "the account is in one-way mode: switch BTCUSDT to hedge mode"
    if state.market.ticker is None:
        return "waiting for the first price"
    if state.config.loan.may_hold_btc and state.loan.pledged is None:
        if state.loan.reading is not None and state.loan.reading.absent:
            return (
                f"the settings name a Crypto Loan that cannot be read, and BTC may lie in it: {state.loan.reading.absent}; "
                "loan.structure=auto looks at what there is, book.spot_source=fixed names the BTC"
            )
        return "waiting for a first reading of the loan: BTC may lie in it"
    for channel, health in state.channels.items():
        if not health.up and health.since_ms == state.started_ms:
            return f"waiting for the {channel.value}"
    if state.mode is Mode.STARTING and not _reconciled_since_up(state):
        return "waiting for a reading of the account since the private stream came up"
    return ""


def _observing(state: State) -> str:
    if state.paused or state.held:
        return state.paused or state.held
    if state.facts is not None and state.facts.read_only:
        return "the API key is read-only"
    if state.facts is not None and not state.facts.can_trade:
        return "the API key may not trade"
    return ""


def _blind(state: State, now_ms: int) -> str:
    for channel, health in state.channels.items():
        if not health.up:
            return f"{channel.value} down: {health.reason}"
    if not ticker_is_fresh(state, now_ms):
        return "the price is stale"
    readings = state.readings
    if state.ledger.is_waiting:
        return "an execution is missing from our books"
    if readings.disagreements:
        return "the venue's legs disagree with our books"
    if not _reconciled_since_up(state):
        return "not reconciled since the private stream came up"
    if readings.agreed_ms is None or now_ms - readings.agreed_ms > state.config.patience.reading_stale_ms:
        return "the last reading of the account that agreed is too old"
    return ""


def _reconciled_since_up(state: State) -> bool:
    """Whether a reading asked for after the private stream came up agreed with our books."""
    return state.readings.agreed_asked_ms >= state.channels[Channel.PRIVATE].since_ms


def _reducing(state: State) -> str:
    if state.stopping:
        return f"stopping: {state.stopping}"
    if state.unwritable:
        return state.unwritable
    if (order := state.blotter.unresolved()) is not None:
        return f"order {order.what} is {order.stands}: no other order is sent until it is known"
    if state.tripped:
        return "; ".join(state.tripped.values())
    if state.instrument is not None and state.instrument.status != "Trading":
        return f"the contract is {state.instrument.status}, not Trading"
    return ""
