"""The blotter: every order of ours, what was heard about it, and how much of it is still in flight.

It knows that what is in flight counts as done when deciding, that an order nobody answered for is in flight at its full size, and that an
ended order whose executions have not all arrived is in flight for the difference.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.domain.account import Execution
from bot.domain.commands import PlaceOrder
from bot.domain.errors import IllegalStep
from bot.domain.legs import Act, Leg
from bot.domain.money import ZERO, average
from bot.domain.orders import ENDED, OrderRow, OrderState, Signal, TimeInForce, next_state, signal_of_status

__all__ = ["ALARMING_SEEKS", "KEPT_ENDED", "Blotter", "OurOrder"]

KEPT_ENDED = 200
"""How many ended orders stay readable in memory; the journal has them all."""

ALARMING_SEEKS = 10
"""An order asked for this often without an end blocks every other one, and is told to a person."""

_DAY_MS = 86_400_000
_RESTING = frozenset({OrderState.ACKED, OrderState.OPEN, OrderState.PARTIAL})


@dataclass(slots=True)
class OurOrder:
    """One order of ours. `executed` is what executions say; `reported` is cumExecQty, news that executions must confirm."""

    place: PlaceOrder
    sent_ms: int
    state: OrderState = OrderState.INTENDED
    executed: Decimal = ZERO
    executed_value: Decimal = ZERO
    reported: Decimal = ZERO
    reason: str = ""
    heard_ms: int = 0
    told_ms: int = 0
    """When its state last changed."""
    sought_ms: int = 0
    seeks: int = 0
    seeks_open: list[int] = field(default_factory=list)
    """When it was asked for, of the questions that are not answered."""
    written_off: Decimal = ZERO
    """What it reported and adopted legs contain without an execution."""
    cancel_asked_ms: int | None = None
    """When it was last asked to leave the book."""
    unreadable: str = ""
    """How it stands by the venue's last row, where nobody here can read what that means."""
    negatives: int = 0
    """Valid "no such order" answers to questions asked after the lease ended."""

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def in_flight(self) -> Decimal:
        """How much of it may still become an execution, in BTC."""
        ceiling = self.reported if self.has_ended else self.place.qty
        return max(ZERO, ceiling - self.executed - self.written_off)

    @property
    def is_settled(self) -> bool:
        """Nothing of it is in flight: ended, and every execution it reported is booked; or all of it is, whatever its status is called."""
        return (self.has_ended or bool(self.unreadable)) and not self.in_flight

    @property
    def is_unresolved(self) -> bool:
        """Asked for again and again, and neither ended nor at rest on purpose."""
        return (
            self.seeks >= ALARMING_SEEKS
            and not self.is_settled
            and not (self.may_rest and self.cancel_asked_ms is None)
        )

    @property
    def what(self) -> str:
        """Which order it is, for a person."""
        place = self.place
        return f"{place.order_link_id} ({place.act.value} {place.leg.name.lower()} {place.qty})"

    @property
    def stands(self) -> str:
        """How it stands, for a person."""
        if self.has_ended:
            return f"{self.state.value}, and executions of it are missing"
        return self.unreadable or self.state.value

    @property
    def may_rest(self) -> bool:
        """Whether it may stand on the venue's book, as it was meant to."""
        return self.place.time_in_force is TimeInForce.POST_ONLY and self.state in _RESTING

    @property
    def bounced(self) -> bool:
        """Whether it was to rest and died at once, unasked: it would have taken (Bybit: order/create-order, PostOnly)."""
        is_gone = self.state is OrderState.CANCELLED and not self.executed and self.cancel_asked_ms is None
        return is_gone and self.place.time_in_force is TimeInForce.POST_ONLY

    @property
    def avg_price(self) -> Decimal | None:
        return average(self.executed_value, self.executed)

    def hear(self, signal: Signal, now_ms: int, reason: str = "") -> None:
        """Move along the table; raises IllegalStep for a pair that cannot be, and for a refused order that has traded. What an ended order
        hears again is no news."""
        if self.reported and (signal is Signal.REFUSED or self.state is OrderState.REFUSED):
            raise IllegalStep("an order that was refused cannot have traded")
        before, self.state = self.state, next_state(self.state, signal)
        if self.state is before and self.has_ended:
            return  # a list that lags still shows it as open
        self.heard_ms = now_ms
        if self.state is not before:
            self.told_ms = now_ms
        if reason:
            self.reason = reason


@dataclass(slots=True)
class Blotter:
    orders: dict[str, OurOrder] = field(default_factory=dict)
    _live: dict[str, OurOrder] = field(default_factory=dict)
    """Those of which something may still happen; asked many times a second."""
    sent_today: deque[int] = field(default_factory=deque)
    """When orders were sent, over the last day, oldest first."""

    def place(self, order: PlaceOrder, now_ms: int) -> None:
        ours = OurOrder(place=order, sent_ms=now_ms, heard_ms=now_ms)
        self.orders[order.order_link_id] = self._live[order.order_link_id] = ours
        self.sent_today.append(now_ms)
        while self.sent_today[0] <= now_ms - _DAY_MS:
            self.sent_today.popleft()
        self._forget_old()

    def hear(self, order_link_id: str, signal: Signal, now_ms: int, reason: str = "") -> None:
        """Hear something of an order; one that is not ours is nobody's business here."""
        if (ours := self.orders.get(order_link_id)) is not None:
            ours.hear(signal, now_ms, reason)
            self._file(ours)

    def see(self, row: OrderRow, now_ms: int) -> None:
        """Take in the venue's row for an order. An undocumented status says neither that it lives nor that it has ended."""
        if (ours := self.orders.get(row.order_link_id)) is None:
            return
        signal = signal_of_status(row.status)
        status = row.status or "no status"
        ours.unreadable = f"{status!r} at the venue, which nobody has documented" if signal is None else ""
        ours.reported = max(ours.reported, row.filled_qty)
        if signal is not None:
            ours.hear(signal, now_ms, _why(row))
        self._file(ours)

    def see_unread(self, order_link_id: str) -> None:
        """The venue has it, in a row that cannot be read: no more is known than where it calls its status by a name of its own."""
        if (ours := self.orders.get(order_link_id)) is not None:
            ours.unreadable = "at the venue in a row that cannot be read"
            self._file(ours)

    def completed(self, execution: Execution) -> Execution:
        """The execution, with what its order knows of it: a row may leave closedSize blank (Bybit: order/execution, in its example), and by
        that alone closing a leg reads as growing the other one."""
        ours = self.orders.get(execution.order_link_id)
        if ours is None or execution.closed_qty or ours.place.act is not Act.SHRINK or not execution.kind.moves_legs:
            return execution
        return replace(execution, closed_qty=execution.qty)

    def book(self, execution: Execution) -> None:
        """Count an execution, seen for the first time, towards its order: also after the order has ended."""
        if (ours := self.orders.get(execution.order_link_id)) is not None and execution.kind.moves_legs:
            ours.executed += execution.qty
            ours.executed_value += execution.qty * execution.price
            self._file(ours)

    def seek(self, order_link_id: str, now_ms: int) -> None:
        """It is being asked for."""
        if (ours := self.orders.get(order_link_id)) is not None:
            ours.sought_ms = now_ms
            ours.seeks += 1
            ours.seeks_open.append(now_ms)

    def sought(self, order_link_id: str) -> int | None:
        """An answer to a question about it arrived: when that was asked, at the earliest; None if none was open.

        Which of several open questions was answered is not told, so the oldest is taken, and the others are not believed any more.
        """
        ours = self.orders.get(order_link_id)
        if ours is None or not ours.seeks_open:
            return None
        asked_ms = ours.seeks_open[0]
        ours.seeks_open.clear()
        return asked_ms

    def write_off(self) -> None:
        """The venue's legs were adopted: what ended orders reported is contained in them, executions or not."""
        for order in self.unsettled():
            if order.has_ended:
                order.written_off = order.reported - order.executed
                self._file(order)

    def end_unreadable(self, now_ms: int) -> None:
        """A person has looked at the orders that the venue shows in words nobody here can read: they are over, and what they are said to
        have traded is awaited. An order that the venue does not show is not meant: silence ends by proof alone."""
        for order in self.unsettled():
            if order.unreadable and order.is_unresolved and not order.has_ended:
                order.hear(Signal.SEEN_CANCELLED, now_ms, f"{order.unreadable}; a person has looked and resumed")
                self._file(order)

    def unresolved(self) -> OurOrder | None:
        """The oldest order that keeps everything else from being sent."""
        return next((order for order in self._live.values() if order.is_unresolved), None)

    @property
    def is_settled(self) -> bool:
        """Whether nothing can happen any more to any order."""
        return not self._live

    def unsettled(self) -> tuple[OurOrder, ...]:
        """Orders of which something may still happen."""
        return tuple(self._live.values())

    def in_flight(self, leg: Leg) -> Decimal:
        """The signed change of a leg that is on its way, in BTC."""
        return sum(
            (o.in_flight if o.place.act is Act.GROW else -o.in_flight for o in self.unsettled() if o.place.leg is leg),
            ZERO,
        )

    def may_grow_by(self, leg: Leg) -> Decimal:
        """The most by which orders on their way could still grow a leg, in BTC: the worst case for limits."""
        return sum(
            (o.in_flight for o in self.unsettled() if o.place.leg is leg and o.place.act is Act.GROW),
            ZERO,
        )

    def sent_since(self, since_ms: int) -> int:
        """How many orders were sent after `since_ms`."""
        return sum(1 for at_ms in self.sent_today if at_ms > since_ms)

    def _file(self, order: OurOrder) -> None:
        """Keep an order among the live ones exactly as long as something may still happen to it."""
        if order.is_settled:
            self._live.pop(order.place.order_link_id, None)
        else:
            self._live[order.place.order_link_id] = order

    def _forget_old(self) -> None:
        if len(self.orders) - len(self._live) <= KEPT_ENDED:
            return
        oldest = next(link for link in self.orders if link not in self._live)
        del self.orders[oldest]


def _why(row: OrderRow) -> str:
    said = (row.reject_reason, row.cancel_type)
    return " ".join(word for word in said if word and word not in ("EC_NoError", "UNKNOWN"))
