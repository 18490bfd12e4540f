"""The calm box: prices and an instant inside which nothing the venue owes anybody can come due.

A step inside the box only moves the clock. The box is drawn again after anything happened. Knows what could happen; does none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.simulator import liquidation, loans
from bot.simulator.figures import ONE
from bot.simulator.margin import Exposure, Prices, SafePrices, exposure_of, prices_of
from bot.simulator.orders import Order
from bot.simulator.state import Account, State

__all__ = ["CalmBox", "draw"]

_LOW, _HIGH = Decimal(0), Decimal("1e18")
_REACH = tuple(Decimal(share) for share in ("0.5", "0.3", "0.2", "0.1", "0.05", "0.02", "0.01", "0.005", "0.002"))


@dataclass(slots=True)
class CalmBox:
    """Open intervals: calm while low < price < high for each price and the clock is before `until_ms`."""

    until_ms: int
    last_low: Decimal = _LOW
    last_high: Decimal = _HIGH
    mark_low: Decimal = _LOW
    mark_high: Decimal = _HIGH
    index_low: Decimal = _LOW
    index_high: Decimal = _HIGH

    def below(self, source: str, price: Decimal) -> None:
        """Something happens at `price` or above it."""
        name = f"{source}_high"
        setattr(self, name, min(getattr(self, name), price))

    def above(self, source: str, price: Decimal) -> None:
        """Something happens at `price` or below it."""
        name = f"{source}_low"
        setattr(self, name, max(getattr(self, name), price))


def draw(state: State, until_ms: int, *, wider: bool) -> CalmBox:
    """The box for the present orders, positions and debts; `wider`: the last one may have been too narrow."""
    box = CalmBox(until_ms)
    for account in state.accounts.values():
        for order in account.orders.values():
            _mind_order(state, box, order)
        _mind_margin(state, box, account, wider=wider)
        _mind_loans(state, box, account)
    return box


_SOURCE = {"MarkPrice": "mark", "IndexPrice": "index"}


def _mind_order(state: State, box: CalmBox, order: Order) -> None:
    source = "index" if order.category == "spot" else "last"
    slack = (
        state.contracts["spot"].tick_size if order.category == "spot" else Decimal(0)
    )  # the spot price is the index, floored
    if order.rests:
        if order.side == "Buy":
            box.above(source, order.price + slack)
        else:
            box.below(source, order.price)
        return
    if order.category == "linear":
        source = _SOURCE.get(order.trigger_by, "last")
    if order.trail:  # the trail follows every new best price
        box.above("last", state.market.last)
        box.below("last", state.market.last)
    elif order.trigger_direction == 1:
        box.below(source, order.trigger_price)
    else:
        box.above(source, order.trigger_price + slack)


def _mind_margin(state: State, box: CalmBox, account: Account, *, wider: bool) -> None:
    """Where the account's margin is safe; what was found of the very same holdings holds on until a price has come half way to its edge."""
    if not state.market.ready or not liquidation.exposed(account):
        return
    exposure, prices = exposure_of(account, state.rules), prices_of(state.market)
    if exposure.safe is None or not exposure.safe.has_well_inside(prices):
        exposure.safe = _safe_around(prices, account, exposure, wider=wider)
    safe = exposure.safe
    if safe is None:
        box.above("mark", _HIGH)  # too close to judge from afar: look at every tick
        return
    box.above("mark", safe.low.mark)
    box.below("mark", safe.high.mark)
    box.above("index", safe.low.index)
    box.below("index", safe.high.index)


def _safe_around(prices: Prices, account: Account, exposure: Exposure, *, wider: bool) -> SafePrices | None:
    """Margin less maintenance is a function of mark plus one of index, each concave, so on a box it is least at a corner: the widest box
    whose four corners are safe is safe inside. The search begins where the last one ended or next to it; a narrower box is safe too."""
    for number in range(max(0, account.calm_reach - wider), len(_REACH)):
        account.calm_reach = number
        safe = SafePrices(prices.times(ONE - _REACH[number]), prices.times(ONE + _REACH[number]))
        if not any(exposure.at(corner).breached for corner in safe.corners):
            return safe
    account.calm_reach = len(_REACH)
    return None


def _mind_loans(state: State, box: CalmBox, account: Account) -> None:
    """A crypto loan is looked at again when the index may carry its LTV over a threshold, and while liquidation is only delayed."""
    book = account.loans
    if not book.in_debt or not state.market.ready:
        return
    index = state.market.index
    now = loans.stage_at(state, book, index)
    if now == "Delayed":
        box.until_ms = min(box.until_ms, book.delayed_since_ms + state.rules.loan_delay_ms)
    for reach in _REACH:
        low, high = index * (ONE - reach), index * (ONE + reach)
        if loans.stage_at(state, book, low) == now == loans.stage_at(state, book, high):
            box.above("index", low)
            box.below("index", high)
            return
    box.above("index", _HIGH)
