"""The life of an order, as a table.

An order is born as an intent on disk, leaves, and ends by evidence: an answer, the stream, or proof that it never existed. Status never
implies a fill: only executions move legs. `Cancelled` may carry fills; executions after an end are still booked by the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from bot.domain.errors import IllegalStep
from bot.domain.legs import Side

__all__ = [
    "ENDED",
    "OrderRow",
    "OrderState",
    "Signal",
    "TimeInForce",
    "Verdict",
    "next_state",
    "signal_of_status",
    "signal_of_verdict",
]


class OrderState(Enum):
    """Where one of our orders is in its life."""

    INTENDED = "intended"  # on disk, perhaps on the wire, nothing heard
    UNKNOWN = "unknown"  # it left and nobody answered: in flight at full size until proof
    ACKED = "acked"  # the venue took it (asynchronously: not yet seen on the book)
    OPEN = "open"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REFUSED = "refused"  # the venue proved that it did not accept it
    ABSENT = "absent"  # proved never to have existed, or to be gone without a trace


ENDED = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REFUSED, OrderState.ABSENT})


class Signal(Enum):
    """What can be heard about an order."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NO_ANSWER = "no answer"
    SEEN_OPEN = "seen open"
    SEEN_PARTIAL = "seen partially filled"
    SEEN_FILLED = "seen filled"
    SEEN_CANCELLED = "seen cancelled"
    PROVED_ABSENT = "proved absent"


class Verdict(Enum):
    """What an answer (or its absence) to an order request proves."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class TimeInForce(Enum):
    """How long an order may wait (Bybit: enum, timeInForce)."""

    IOC = "IOC"
    GTC = "GTC"
    POST_ONLY = "PostOnly"


_S, _N = OrderState, Signal
_LIVE_ENDS = {_N.SEEN_FILLED: _S.FILLED, _N.SEEN_CANCELLED: _S.CANCELLED}
_LIVE = {_N.SEEN_OPEN: _S.OPEN, _N.SEEN_PARTIAL: _S.PARTIAL, **_LIVE_ENDS}

# (state, signal) -> state. What is not written here raises IllegalStep with both names. An ended order absorbs what the venue repeats
# or says late; it never comes back to life.
_TABLE: dict[OrderState, dict[Signal, OrderState]] = {
    _S.INTENDED: {
        _N.ACCEPTED: _S.ACKED,
        _N.REFUSED: _S.REFUSED,
        _N.NO_ANSWER: _S.UNKNOWN,
        _N.PROVED_ABSENT: _S.ABSENT,
        **_LIVE,
    },
    _S.UNKNOWN: {_N.ACCEPTED: _S.ACKED, _N.NO_ANSWER: _S.UNKNOWN, _N.PROVED_ABSENT: _S.ABSENT, **_LIVE},
    # Taken in, an order may die unseen; a day later its row has left every list (Bybit: order/order-list). Absence is its end, too.
    _S.ACKED: {_N.ACCEPTED: _S.ACKED, _N.NO_ANSWER: _S.ACKED, _N.PROVED_ABSENT: _S.ABSENT, **_LIVE},
    _S.OPEN: {_N.ACCEPTED: _S.OPEN, _N.NO_ANSWER: _S.OPEN, _N.PROVED_ABSENT: _S.ABSENT, **_LIVE},
    # A late "New" row after a partial fill is old news, not a step back.
    _S.PARTIAL: {
        _N.ACCEPTED: _S.PARTIAL,
        _N.NO_ANSWER: _S.PARTIAL,
        _N.PROVED_ABSENT: _S.ABSENT,
        **_LIVE,
        _N.SEEN_OPEN: _S.PARTIAL,
    },
    # Two Filled rows may arrive, the second after a lost cancel race (Bybit: websocket/private/order).
    _S.FILLED: dict.fromkeys((_N.ACCEPTED, _N.NO_ANSWER, *_LIVE), _S.FILLED),
    # The row that it was rejected may overtake the answer that refuses it, or follow it: one end, told twice.
    _S.CANCELLED: dict.fromkeys((_N.ACCEPTED, _N.REFUSED, _N.NO_ANSWER, *_LIVE), _S.CANCELLED),
    # Seen on the book or filled, it was no refusal: what was sent in its place is one order too many, and a person must look.
    _S.REFUSED: dict.fromkeys((_N.REFUSED, _N.NO_ANSWER, _N.SEEN_CANCELLED), _S.REFUSED),
    _S.ABSENT: {_N.PROVED_ABSENT: _S.ABSENT, _N.NO_ANSWER: _S.ABSENT, _N.SEEN_CANCELLED: _S.ABSENT},
}


def next_state(state: OrderState, signal: Signal) -> OrderState:
    """The state after hearing `signal`; an illegal pair raises IllegalStep naming both."""
    try:
        return _TABLE[state][signal]
    except KeyError:
        raise IllegalStep(f"an order that is {state.value} cannot be {signal.value}") from None


_OF_STATUS = {
    "New": _N.SEEN_OPEN,
    "Untriggered": _N.SEEN_OPEN,
    "Triggered": _N.SEEN_OPEN,
    "PartiallyFilled": _N.SEEN_PARTIAL,
    "Filled": _N.SEEN_FILLED,
    "Cancelled": _N.SEEN_CANCELLED,
    "PartiallyFilledCanceled": _N.SEEN_CANCELLED,
    "Deactivated": _N.SEEN_CANCELLED,
    # Rejected after an acknowledgement: it was taken and then died, possibly never on the book. It ends like a cancel.
    "Rejected": _N.SEEN_CANCELLED,
}


def signal_of_status(status: str) -> Signal | None:
    """What a venue's orderStatus says about an order's life; None for a status nobody has documented (Bybit: enum, orderStatus)."""
    return _OF_STATUS.get(status)


def signal_of_verdict(verdict: Verdict) -> Signal:
    """What an answer to an order request says about the order's life."""
    match verdict:
        case Verdict.ACCEPTED:
            return Signal.ACCEPTED
        case Verdict.REFUSED:
            return Signal.REFUSED
        case Verdict.UNKNOWN:
            return Signal.NO_ANSWER


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One order as the venue reports it, ours or a foreign hand's. `filled_qty` is cumExecQty: news, never a booking."""

    order_id: str
    order_link_id: str
    symbol: str
    side: Side
    position_idx: int
    reduce_only: bool
    status: str
    qty: Decimal
    filled_qty: Decimal
    price: Decimal | None = None
    avg_price: Decimal | None = None
    reject_reason: str = ""
    cancel_type: str = ""
    created_ms: int = 0
    updated_ms: int = 0
