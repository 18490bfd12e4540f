"""Where a leg's account would be liquidated, if price went against the leg and everything else stayed.

Of a unified account in cross margin it is the account that dies, not the leg: the mark at which its maintenance-margin rate reaches 100 %,
its collateral's index moving in step with the mark. A long leg shows the price below, a short leg the price above; there may be none.
"""

from __future__ import annotations

from decimal import Decimal

from bot.simulator.margin import Exposure, Margin, Prices, exposure_of
from bot.simulator.positions import Leg
from bot.simulator.state import Account, State

__all__ = ["liquidation_price"]

_MOST_STEPS = 60


def liquidation_price(state: State, account: Account, leg: Leg, margin: Margin) -> Decimal | None:
    """The mark, to the tick, at which `account` (whose margin now is `margin`) is liquidated on `leg`'s losing side; None where it lives
    to the end of the contract's price range. The present mark when it is too late already."""
    exposure, asked = exposure_of(account, state.rules), (state.market.mark, state.market.index, state.linear)
    known = exposure.liquidation.get(leg.side)
    if known is None or known[0] != asked:
        known = exposure.liquidation[leg.side] = asked, _found(state, exposure, leg, margin)
    return known[1]


def _found(state: State, exposure: Exposure, leg: Leg, margin: Margin) -> Decimal | None:
    contract, market = state.linear, state.market
    end = contract.min_price if leg.side == "Buy" else contract.max_price

    def spare(mark: Decimal) -> Decimal:
        there = exposure.at(Prices(mark, market.index * mark / market.mark))
        return there.base - there.mm

    alive, left = market.mark, margin.base - margin.mm
    if left <= 0:
        return market.mark
    dead, short = end, spare(end)
    if short > 0:  # concave: alive at both ends is alive between them
        return None
    last_left = False
    for _ in range(
        _MOST_STEPS
    ):  # the Illinois method: exact in one step where nothing bends, never slower than halving for long
        if abs(dead - alive) <= contract.tick_size:
            break
        at = alive + (dead - alive) * left / (left - short)
        between = spare(at)
        if between > 0:
            alive, left, short = at, between, short / 2 if last_left else short
        else:
            dead, short, left = at, between, left if last_left else left / 2
        last_left = between > 0
    return contract.ceil_price(dead) if leg.side == "Sell" else contract.floor_price(dead)
