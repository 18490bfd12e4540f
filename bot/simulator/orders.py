"""The life of an order at the venue, as a table.

Knows what an order is and which steps it may take. Does not know prices, money or margin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from bot.simulator.figures import ZERO

__all__ = ["OPEN", "UNTRIGGERED", "IllegalStep", "Order", "next_status"]

UNTRIGGERED, TRIGGERED, NEW, PARTIAL = "Untriggered", "Triggered", "New", "PartiallyFilled"
FILLED, CANCELLED, REJECTED = "Filled", "Cancelled", "Rejected"
PARTIAL_CANCELLED, DEACTIVATED = "PartiallyFilledCanceled", "Deactivated"

OPEN = frozenset({UNTRIGGERED, TRIGGERED, NEW, PARTIAL})
"""Statuses of orders that may still act (Bybit: enum, orderStatus, open status)."""

# (status, event) -> status. "cancel" of a partly filled order differs by category and is settled in `next_status`.
_STEPS = {
    (UNTRIGGERED, "trigger"): TRIGGERED,
    (UNTRIGGERED, "cancel"): CANCELLED,
    (TRIGGERED, "rest"): NEW,
    (TRIGGERED, "cancel"): CANCELLED,
    (NEW, "fill part"): PARTIAL,
    (NEW, "fill all"): FILLED,
    (NEW, "cancel"): CANCELLED,
    (NEW, "reject"): REJECTED,
    (PARTIAL, "fill part"): PARTIAL,
    (PARTIAL, "fill all"): FILLED,
    (PARTIAL, "cancel"): CANCELLED,
}


class IllegalStep(AssertionError):
    """An order was told something that its status cannot hear; the message names both."""


@dataclass(slots=True, kw_only=True)
class Order:
    """One order. Quantities in BTC, prices in USDT, times in market milliseconds; field names follow V5's."""

    serial: int
    order_id: str
    link_id: str
    category: str
    side: str
    order_type: str
    qty: Decimal
    price: Decimal
    """Limit price; for a market order the protective price it was turned into."""
    tif: str
    created_ms: int
    updated_ms: int
    status: str = NEW
    position_idx: int = 0
    reduce_only: bool = False
    close_on_trigger: bool = False
    is_leverage: bool = False
    market_unit: str = ""
    quote_budget: Decimal | None = None
    """Spot market order by value: USDT still to spend (Buy) or to get (Sell); its `qty` is that value."""
    cum_qty: Decimal = ZERO
    cum_value: Decimal = ZERO
    fees: dict[str, Decimal] = field(default_factory=dict)
    closed_pnl: Decimal = ZERO
    cancel_type: str = "UNKNOWN"
    reject_reason: str = "EC_NoError"
    create_type: str = "CreateByUser"
    stop_order_type: str = ""
    order_filter: str = "Order"
    trigger_price: Decimal = ZERO
    trigger_direction: int = 0
    trigger_by: str = ""
    take_profit: Decimal = ZERO
    stop_loss: Decimal = ZERO
    tp_trigger_by: str = ""
    sl_trigger_by: str = ""
    tp_limit_price: Decimal = ZERO
    sl_limit_price: Decimal = ZERO
    tp_order_type: str = "Market"
    sl_order_type: str = "Market"
    tpsl_mode: str = ""
    slippage_type: str = "UNKNOWN"
    slippage: Decimal = ZERO
    smp_type: str = "None"
    smp_order_id: str = ""
    """The own order that ended this one."""
    parent_link_id: str = ""
    last_price_on_created: Decimal = ZERO
    follows_leg: bool = False
    """Its quantity is its leg's whole size (Full TP/SL, trailing stop)."""
    twin_id: str = ""
    """The other half of a TP/SL pair: when one acts, the other dies."""
    shadow: bool = False
    """The half of a spot pair that freezes nothing, because its twin already does."""
    trail: Decimal = ZERO
    """Distance of a trailing stop behind the best price since `active_price` was reached (0: at once)."""
    active_price: Decimal = ZERO

    @property
    def leaves(self) -> Decimal:
        """What may still be filled, in the unit of `qty`; 0 once closed."""
        if self.status not in OPEN:
            return ZERO
        return self.qty - self.cum_qty if self.quote_budget is None else self.quote_budget

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_conditional(self) -> bool:
        return self.status == UNTRIGGERED

    @property
    def freezes(self) -> bool:
        """Does this spot order hold coin back? A stop order does so only once triggered (Bybit: order/create-order, orderFilter)."""
        if self.category != "spot" or self.shadow:
            return False
        return not self.is_conditional or self.order_filter == "tpslOrder"

    @property
    def rests(self) -> bool:
        """Is on the book."""
        return self.status in (NEW, PARTIAL)

    @property
    def avg_price(self) -> Decimal:
        return self.cum_value / self.cum_qty if self.cum_qty else ZERO


def next_status(order: Order, event: str) -> str:
    """The status after `event` ("trigger", "rest", "fill part", "fill all", "cancel", "reject"). An illegal pair raises IllegalStep."""
    try:
        status = _STEPS[order.status, event]
    except KeyError:
        raise IllegalStep(f"an order that is {order.status} cannot be told {event!r}") from None
    if event == "cancel" and order.category == "spot":
        if order.status == PARTIAL:
            return PARTIAL_CANCELLED
        if order.status == UNTRIGGERED:
            return DEACTIVATED
    return status
