"""The reconciler: the venue's books against ours, and the proof that an order never existed.

Equal is silence. Where the venue is ahead, its executions are booked by the same step as the stream's. What executions cannot explain
is asked again at once; only when it persists, with nothing of ours in flight, are the venue's legs adopted, and a person is told.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.account import AccountReading
from bot.domain.commands import Command, LegsAdopted, Note, OrderAbsent, ReadAccount, ReadHistory, SeekOrder, Thought
from bot.domain.legs import Leg
from bot.domain.orders import OrderState
from bot.engine.blotter import OurOrder
from bot.engine.state import State

__all__ = ["PERSISTENT", "absences", "adoption", "agrees", "questions"]

PERSISTENT = 3
"""Unexplained readings in a row after which the venue's legs are adopted."""

NEGATIVES_NEEDED = 2
"""Valid negatives, heard after the lease, that a proof of absence needs."""

_MOST_BARS = 1000
"""Candles one answer may hold (Bybit: market/kline)."""

_OVERLAP_MS = 60_000
"""Executions are asked for from this long before the last one booked: a repeat costs nothing, a gap costs money."""


def agrees(state: State, reading: AccountReading) -> bool:
    """Whether the venue's legs equal the ledger's, leg by leg."""
    legs = state.ledger.legs
    return state.ledger.is_open and reading.long.qty == legs[Leg.LONG].qty and reading.short.qty == legs[Leg.SHORT].qty


def adoption(state: State, reading: AccountReading) -> Iterator[Thought]:
    """The venue's legs as our books, if it is time for that; nothing otherwise."""
    if agrees(state, reading):
        return
    first = not state.ledger.is_open
    if not first and (state.readings.disagreements < PERSISTENT or any(state.blotter.unsettled())):
        return
    legs = state.ledger.legs
    yield LegsAdopted(
        long_qty=reading.long.qty,
        short_qty=reading.short.qty,
        long_entry=reading.long.entry_price,
        short_entry=reading.short.entry_price,
        seq=max(reading.long.seq, reading.short.seq),
        at_ms=max((e.exec_ms for e in reading.executions), default=reading.asked_ms),
        reason="first reading of the account" if first else f"unexplained in {PERSISTENT} readings in a row",
    )
    if not first:
        yield Note(
            severity="warning",
            kind="legs adopted",
            text=(
                f"the venue holds long {reading.long.qty} / short {reading.short.qty}, our books said "
                f"long {legs[Leg.LONG].qty} / short {legs[Leg.SHORT].qty}; no execution explains it"
            ),
        )


def questions(state: State, now_ms: int) -> Iterator[Command]:
    """What should be asked of the venue now."""
    patience = state.config.patience
    needs_history = state.instrument is None or state.market.has_gap
    if needs_history and _is_due(state.readings.history_asked_ms, now_ms, patience.read_timeout_ms):
        window = state.config.volatility
        # Two windows: one to measure, one more for the smoothing to settle on.
        bars = min(2 * window.bars + 1, _MOST_BARS)
        yield ReadHistory(minutes=window.minutes, bars=bars, funding_points=state.config.funding_points)
    if (why := _why_read(state, now_ms)) is not None:
        since_ms = (state.ledger.last_exec_ms or now_ms) - _OVERLAP_MS
        yield ReadAccount(why=why, executions_since_ms=since_ms, with_facts=state.facts is None)
    for order in state.blotter.unsettled():
        if _wants_seeking(order, now_ms, patience.seek_after_ms, patience.seek_every_ms):
            yield SeekOrder(order_link_id=order.place.order_link_id, symbol=order.place.symbol, sent_ms=order.sent_ms)


def absences(state: State, now_ms: int) -> Iterator[OrderAbsent]:
    """Orders of which it is now proved that they never existed.

    Four clauses: the request can no longer be accepted (the lease has ended); realtime, history and executions all said no; they said it
    twice; and a reading of the account asked for after the lease agrees with the ledger.
    """
    for order in list(state.blotter.unsettled()):
        if order.state not in (OrderState.UNKNOWN, OrderState.INTENDED):
            continue
        lease_end_ms = order.sent_ms + state.config.patience.lease_ms
        agreed_since = state.readings.agreed_asked_ms > lease_end_ms
        if now_ms > lease_end_ms and order.negatives >= NEGATIVES_NEEDED and agreed_since:
            yield OrderAbsent(
                order_link_id=order.place.order_link_id,
                proof=f"lease over, {order.negatives} negatives in all three books, legs agree",
            )


def _why_read(state: State, now_ms: int) -> str | None:
    readings, patience = state.readings, state.config.patience
    if readings.asked_ms is not None:
        return "no answer in time" if now_ms - readings.asked_ms > patience.read_timeout_ms else None
    if readings.urgent:
        return readings.urgent
    if _is_due(readings.answered_ms, now_ms, patience.reconcile_every_ms):
        return "cycle"
    return None


def _wants_seeking(order: OurOrder, now_ms: int, after_ms: int, every_ms: int) -> bool:
    """An order nobody answered for, or one that has been quiet for too long."""
    is_silent = order.state is OrderState.UNKNOWN or now_ms - order.heard_ms > after_ms
    return is_silent and now_ms - order.sought_ms > every_ms


def _is_due(last_ms: int | None, now_ms: int, every_ms: int) -> bool:
    return last_ms is None or now_ms - last_ms >= every_ms
