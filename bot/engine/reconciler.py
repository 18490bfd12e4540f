"""The reconciler: the venue's books against ours, what becomes of each kind of difference, and the proof that an order never existed.

Equal is silence. Where the venue is ahead, its executions are booked by the same step as the stream's. A reading older than our books
proves nothing. What executions cannot explain is asked again; only when it persists for longer than any read may lag are the venue's legs
adopted, and a person is told. `policies.POLICIES` says it for every kind of difference in one table.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from bot.domain.account import AccountReading, CashKind, CashRow, Execution
from bot.domain.commands import (
    CashAdopted,
    Command,
    LegsAdopted,
    Note,
    OrderAbsent,
    ReadAccount,
    ReadHistory,
    SeekOrder,
    Thought,
)
from bot.domain.errors import Broken
from bot.domain.events import AccountRead, CashSeen, Event, ExecutionSeen, OrderSeen, OrderSought
from bot.domain.legs import Leg, leg_moved_by
from bot.domain.loan import Purse
from bot.domain.money import ZERO
from bot.domain.orders import OrderRow, OrderState
from bot.domain.records import Record
from bot.engine import fence
from bot.engine.blotter import ALARMING_SEEKS, OurOrder
from bot.engine.policies import OF_KIND, Difference, Policy, note_of, rule_of
from bot.engine.state import State

__all__ = [
    "DEEP_OVERLAP_MS",
    "REMARKABLE",
    "Comparison",
    "absences",
    "compare",
    "conclusions",
    "difference_of",
    "is_acting",
    "questions",
    "remarks",
    "shown_up_to_ms",
    "unbooked",
]

PERSISTENT = 3
"""Unexplained readings in a row, at least, before the venue's legs are adopted."""

NEGATIVES_NEEDED = 2
"""Valid negatives, asked for after the lease, that a proof of absence needs."""

_MOST_BARS = 1000
"""Candles one answer may hold (Bybit: market/kline)."""

_OVERLAP_MS = 60_000
"""Executions are asked for from this long before the last whole reading: a repeat costs nothing, a gap costs money."""

_FILTERS_EVERY_MS = 3_600_000
"""The contract's filters change while it trades (Bybit: market/instrument): they are read again this often, and after a refusal."""

_RESTING_PATIENCE = 4
"""An order that rests is quiet on purpose: it is asked for this many times later than others."""

_TOLD_AGAIN = 300
"""An order that does not end is told again after so many questions: about ten minutes."""

_ALARMING_UNREAD = 30
"""Readings in a row without the transaction log that are told to a person."""

_TELLING_MONEY = frozenset({CashKind.TRANSFER, CashKind.CONVERSION, CashKind.UNKNOWN})
"""Money that somebody else moved. Trades, settlements and liquidations are told as executions; interest comes every hour."""

_DEEP_EVERY_MS, DEEP_OVERLAP_MS = 3_600_000, 86_400_000
"""Once an hour they are asked for from a day back: a row may be listed hours late (Bybit: order/execution shows funding so)."""


class Comparison(Enum):
    """How a reading stands to our books."""

    EQUAL = "equal"
    STALE = "older than our books"
    DIFFERENT = "different"


def compare(state: State, reading: AccountReading) -> Comparison:
    """The venue's legs against the ledger's, leg by leg: at equal sequence they must be equal, an older one says nothing. Books that wait
    for an execution are not what they seem, whatever they equal.

    (Bybit: position, seq "to associate each fill and each position update".)
    """
    rows = {Leg.LONG: reading.long, Leg.SHORT: reading.short}
    books = state.ledger.legs
    if any(0 <= row.seq < books[leg].seq for leg, row in rows.items()):
        return Comparison.STALE
    is_whole = state.ledger.is_open and not state.ledger.is_waiting
    equal = is_whole and all(row.qty == books[leg].qty for leg, row in rows.items())
    return Comparison.EQUAL if equal else Comparison.DIFFERENT


def difference_of(state: State, execution: Execution) -> Difference | None:
    """Which difference an execution is, if it moved a leg and no order of ours asked for it."""
    if (
        not execution.kind.moves_legs
        or execution.order_link_id in state.blotter.orders
        or execution.category != "linear"
        or state.ledger.predates(execution)
    ):
        return None
    return OF_KIND.get(execution.kind, Difference.SETTLED)


REMARKABLE = (ExecutionSeen, CashSeen, AccountRead, OrderSeen)
"""The facts that `remarks` may have a word on."""


def remarks(state: State, fact: Record) -> Iterator[Note]:
    """What a person should know of a fact that was just taken in."""
    if isinstance(fact, ExecutionSeen | OrderSeen | AccountRead):
        yield from fence.remarks(state)
    match fact:
        case ExecutionSeen(execution=execution) if state.ledger.is_open:
            if (difference := difference_of(state, execution)) is not None:
                leg, act = leg_moved_by(execution.side, closes=execution.closed_qty > 0)
                what = f"{execution.qty} BTC of the {leg.name.lower()} leg at {execution.price} ({act.value})"
                yield note_of(difference, what)
        case OrderSeen(order=row) if (ours := state.blotter.orders.get(row.order_link_id)) is not None:
            yield from _repriced(ours, row)
        case CashSeen(row=row) if (
            state.ledger.is_open and row.kind in _TELLING_MONEY and not _is_our_transfer(state, row)
        ):
            yield note_of(Difference.MONEY_MOVED, _money(row))
        case AccountRead():
            for order in state.foreign_news:
                yield note_of(
                    Difference.FOREIGN_ORDER, f"{order.side} {order.qty} at {order.price or 'market'}, {order.status}"
                )
            for left_out in state.unread_news:
                yield note_of(Difference.ROW_UNREAD, left_out)
        case _:
            pass


def conclusions(state: State, reading: AccountReading) -> Iterator[Thought]:
    """What of the venue's word becomes ours after this reading: legs, a coin's unexplained money, funding that no execution told."""
    yield from _leg_adoption(state, reading)
    for coin in state.cash.adoptions(state.readings.answered_asked_ms, state.config.patience.lease_ms):
        if coin.was is None:
            yield coin
        else:
            yield from _resolved(state, Difference.WALLET_UNEXPLAINED, _unexplained(coin), coin)
    for funding in state.cash.missing_funding(state.ledger.settlements) if state.ledger.is_open else ():
        said = f"{funding.funding:+f} USDT, executions {funding.was:+f}"
        when = f"{funding.settled_ms // 3_600_000 % 24:02d}:00 UTC"
        what = f"{funding.leg.name.lower()} leg at {when}: the log says {said}; the log is believed"
        yield from _resolved(state, Difference.FUNDING_UNTOLD, what, funding)
    if state.cash.unread == _ALARMING_UNREAD:
        yield note_of(Difference.LOG_UNREAD, f"{state.cash.unread} readings of the account came without it")


def _leg_adoption(state: State, reading: AccountReading) -> Iterator[Thought]:
    """The venue's legs as our books, if it is time for that; nothing otherwise."""
    if compare(state, reading) is not Comparison.DIFFERENT:
        return
    first = not state.ledger.is_open
    shown_ms = shown_up_to_ms(state)
    if (not first and not _is_persistent(state)) or not _can_be_placed(reading, shown_ms):
        return
    legs, held = state.ledger.legs, state.readings.answered_asked_ms - state.readings.disagreed_asked_ms
    adopted = LegsAdopted(
        long_qty=reading.long.qty,
        short_qty=reading.short.qty,
        long_entry=reading.long.entry_price,
        short_entry=reading.short.entry_price,
        seq=max(reading.long.seq, reading.short.seq),
        at_ms=_contained_up_to(reading, shown_ms),
        reason="first reading of the account" if first else f"unexplained in {state.readings.disagreements} readings",
    )
    if first:
        yield adopted
        return
    what = (  # before the record is folded: afterwards our books say what the venue says
        f"the venue holds long {reading.long.qty} / short {reading.short.qty}, our books said "
        f"long {legs[Leg.LONG].qty} / short {legs[Leg.SHORT].qty}, for {held / 1000:.0f} s; the venue is believed"
    )
    yield from _resolved(state, Difference.UNEXPLAINED_LEGS, what, adopted)


def shown_up_to_ms(state: State) -> int:
    """Up to when, by the venue's dates, every page of the last reading shows everything, however it lags."""
    return state.market.venue_ms(state.readings.answered_asked_ms) - state.config.patience.lease_ms


def _contained_up_to(reading: AccountReading, shown_ms: int) -> int:
    """Up to when executions are in the legs that were read, where sequences do not tell. Where none was listed, none happened in the lease
    before the question, which ends at `shown_ms`: what the venue dates there, by a clock behind ours, came after it."""
    return max((row.exec_ms for row in reading.executions), default=shown_ms)


def _resolved(state: State, difference: Difference, what: str, adopting: Thought) -> Iterator[Thought]:
    """Take the venue's word over and tell a person; or halt, where a person wants to look first. Raises Broken."""
    if rule_of(difference, state.config.halt_on).policy is Policy.HALT:
        if not state.broken:
            raise Broken(f"{difference.value}: {what.rpartition(';')[0] or what}")
        return
    yield adopting
    yield note_of(difference, what)


def _can_be_placed(reading: AccountReading, shown_ms: int) -> bool:
    """Whether it is plain which executions are contained in the legs: by their sequence, or because nothing happened lately.

    Legs that never traded have no sequence, and a trade in the middle of the reading may be in them or not: the next reading knows.
    """
    if max(reading.long.seq, reading.short.seq) >= 0:
        return True
    return all(row.exec_ms < shown_ms for row in reading.executions)


def unbooked(event: Event, state: State) -> Iterator[ExecutionSeen | CashSeen]:
    """Executions that came by REST and are new to the books: booked by the same step as the stream's. Then new rows of the log."""
    match event:
        case AccountRead():
            found = event.reading.executions
            for row in event.reading.cash or ():
                if not state.cash.knows(row):
                    yield CashSeen(row=row)
        case OrderSought():
            found = event.executions
        case _:
            return
    for execution in sorted(found, key=lambda e: (e.exec_ms, e.seq)):
        if not state.ledger.knows(execution):
            yield ExecutionSeen(execution=execution)


def questions(state: State, now_ms: int) -> Iterator[Command | Note]:
    """What should be asked of the venue now."""
    patience = state.config.patience
    needs_history = state.instrument is None or state.market.has_gap
    may_ask_history = _is_due(state.readings.history_asked_ms, now_ms, patience.read_timeout_ms)
    if needs_history and may_ask_history:
        window = state.config.volatility
        # Two windows: one to measure, one more for the smoothing to settle on.
        bars = min(2 * window.bars + 1, _MOST_BARS)
        yield ReadHistory(minutes=window.minutes, bars=bars, funding_points=state.config.funding_points)
    elif may_ask_history and _is_due(state.instrument_ms, now_ms, _FILTERS_EVERY_MS):
        yield ReadHistory(minutes=state.config.volatility.minutes, bars=0, funding_points=0)
    if (why := _why_read(state, now_ms)) is not None:
        yield ReadAccount(
            why=why,
            executions_since_ms=_since_ms(state, now_ms),
            with_facts=state.facts is None,
            cash_since_ms=_cash_since_ms(state, now_ms),
        )
    for order in state.blotter.unsettled():
        if _wants_seeking(order, now_ms, patience.seek_after_ms, patience.seek_every_ms):
            if order.seeks == ALARMING_SEEKS or (order.seeks and order.seeks % _TOLD_AGAIN == 0):
                yield _still_open(order, now_ms)
            yield SeekOrder(order_link_id=order.place.order_link_id, symbol=order.place.symbol, sent_ms=order.sent_ms)


def absences(state: State, now_ms: int) -> Iterator[OrderAbsent]:
    """Orders of which it is now proved that they never existed, or have left no trace and can do nothing any more.

    Four clauses: the request can no longer be accepted (the lease has ended); realtime, history and executions all said no; they said it
    twice, to questions asked after the lease; and a reading of the account asked for after the lease agrees with the ledger. An order that
    was acknowledged is not spared: taken in, it may die unseen, and its row leaves the venue's lists a day later.
    """
    for order in state.blotter.unsettled():
        if order.has_ended:
            continue
        lease_end_ms = order.sent_ms + state.config.patience.lease_ms
        agreed_since = state.readings.agreed_asked_ms > lease_end_ms
        if now_ms > lease_end_ms and order.negatives >= NEGATIVES_NEEDED and agreed_since:
            yield OrderAbsent(
                order_link_id=order.place.order_link_id,
                proof=f"lease over, {order.negatives} negatives in all three books, legs agree; it was {order.state.value}",
            )


def _repriced(ours: OurOrder, row: OrderRow) -> Iterator[Note]:
    """Beyond the venue's band a price is moved to its edge, in silence (Bybit: account/set-price-limit); told when the order has ended."""
    asked = ours.place.limit_price
    if ours.has_ended and asked is not None and row.price is not None and row.price != asked:
        text = f"{row.order_link_id} was sent at {asked} and stood at {row.price}: beyond the venue's price band"
        yield Note(severity="warning", kind="order repriced", text=text)


def _still_open(order: OurOrder, now_ms: int) -> Note:
    out = "; once Bybit's own page shows that it is over, resume" if order.unreadable else ""
    lasted = f"{(now_ms - order.sent_ms) / 1000:.0f} s"
    text = f"{order.what} is {order.stands} for {lasted}; no other order is sent until it is known{out}"
    return Note(severity="critical", kind="order unresolved", text=text)


def _is_persistent(state: State) -> bool:
    """Whether the disagreement has outlived every lag that a read may have, with nothing of ours that may still act."""
    readings, lease_ms = state.readings, state.config.patience.lease_ms
    return (
        readings.disagreements >= PERSISTENT
        and readings.answered_asked_ms - readings.disagreed_asked_ms >= lease_ms
        and not any(is_acting(order, readings.answered_asked_ms, lease_ms) for order in state.blotter.unsettled())
    )


def is_acting(order: OurOrder, asked_ms: int, lease_ms: int) -> bool:
    """Whether a reading asked for at `asked_ms` may be from before or after what this order does."""
    return asked_ms < max(order.sent_ms, order.told_ms) + lease_ms


def _why_read(state: State, now_ms: int) -> str | None:
    readings, patience = state.readings, state.config.patience
    if readings.asked_ms is not None:
        return "no answer in time" if now_ms - readings.asked_ms > patience.read_timeout_ms else None
    if now_ms < readings.not_before_ms:
        return None
    if readings.urgent:
        return readings.urgent
    if _is_due(readings.answered_ms, now_ms, patience.reconcile_every_ms):
        return "cycle"
    return None


def _since_ms(state: State, now_ms: int) -> int:
    """From when on executions are asked for: since the last whole reading, which saw every one before it but for the lag of a read.

    Not since the last execution booked: a later one may have come by the stream while an earlier one was lost.
    """
    known_ms = state.read_up_to_ms or now_ms
    since_ms = state.market.dated_from(min(known_ms, now_ms)) - _OVERLAP_MS
    if state.ledger.is_open and _is_due(state.readings.deep_asked_ms, now_ms, _DEEP_EVERY_MS):
        since_ms = min(since_ms, now_ms - DEEP_OVERLAP_MS)
    return since_ms


def _cash_since_ms(state: State, now_ms: int) -> int:
    """From when on the transaction log is asked for: since it was last read, a day back the first time and with every deep look."""
    cursor_ms = state.cash.cursor_ms
    if cursor_ms is None:
        return now_ms - DEEP_OVERLAP_MS
    lag_ms = max(_OVERLAP_MS, 4 * state.config.patience.lease_ms)
    since_ms = state.market.dated_from(min(cursor_ms, now_ms)) - lag_ms
    if _is_due(state.readings.deep_asked_ms, now_ms, _DEEP_EVERY_MS):
        since_ms = min(since_ms, now_ms - DEEP_OVERLAP_MS)
    return since_ms


def _is_our_transfer(state: State, row: CashRow) -> bool:
    """Whether a payment of ours has moved this money. The log does not tell a transfer's name: amount, direction and time do."""
    return row.kind is CashKind.TRANSFER and any(
        payment.transfer_id
        and row.currency == state.config.quote
        and abs(row.change) == payment.plan.to_transfer
        and (row.change < 0) == (payment.plan.source is Purse.UNIFIED)
        and row.at_ms > state.market.dated_from(payment.planned_ms) - _OVERLAP_MS
        for payment in state.loan.payments
    )


def _money(row: CashRow) -> str:
    where = f" in {row.symbol}" if row.symbol else ""
    return f"{row.raw_kind}{where} changed {row.currency} by {row.change:+f}"


def _unexplained(coin: CashAdopted) -> str:
    expected = (coin.was or ZERO) + coin.explained
    return (
        f"{coin.coin} in the wallet is {coin.wallet:f}, the log explains {expected:f}, a difference of "
        f"{coin.wallet - expected:+f} {coin.reason}; the wallet is believed"
    )


def _wants_seeking(order: OurOrder, now_ms: int, after_ms: int, every_ms: int) -> bool:
    """An order nobody answered for, or one that has been quiet for too long."""
    patience_ms = _RESTING_PATIENCE * after_ms if order.may_rest and order.cancel_asked_ms is None else after_ms
    is_silent = order.state is OrderState.UNKNOWN or now_ms - order.heard_ms > patience_ms
    return is_silent and now_ms - order.sought_ms > every_ms


def _is_due(last_ms: int | None, now_ms: int, every_ms: int) -> bool:
    return last_ms is None or now_ms - last_ms >= every_ms
