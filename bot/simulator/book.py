"""The synthetic order book: spread, depth and impact around the tape's price, and the band that prices must keep.

Depth is a pure function of seed, side and price, so a level looks the same to everyone who asks and every run repeats. What takers
eat stays eaten until the tape's next tick. Knows no account.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from bot.simulator.figures import ONE, ZERO
from bot.simulator.instruments import Contract
from bot.simulator.state import State

__all__ = ["Band", "Level", "band", "best", "levels", "walk"]


class Level(NamedTuple):
    price: Decimal
    qty: Decimal


class Band(NamedTuple):
    """Highest allowed buy and lowest allowed sell (Bybit: market/order-price-limit)."""

    buy_limit: Decimal
    sell_limit: Decimal


def best(state: State, category: str, taker_side: str) -> Decimal:
    """The best price a taker on `taker_side` meets: the ask for Buy, the bid for Sell."""
    return _price(state, category, taker_side, 0)


def levels(state: State, category: str, taker_side: str) -> Iterator[Level]:
    """The levels a taker on `taker_side` meets, best first, less what was already taken since the last tick."""
    contract, eaten = state.contracts[category], state.taken.get((category, taker_side), ZERO)
    for number in range(state.rules.book_levels):
        price = _price(state, category, taker_side, number)
        if price < contract.tick_size:
            return
        qty = _depth(state, contract, taker_side, price)
        if eaten >= qty:
            eaten -= qty
            continue
        yield Level(price, qty - eaten)
        eaten = ZERO


def walk(state: State, category: str, taker_side: str, qty: Decimal, limit: Decimal) -> list[Level]:
    """The fills a taker of `qty` gets down to `limit`, best first. Does not eat: the caller books `state.taken` with what it takes."""
    fills: list[Level] = []
    for level in levels(state, category, taker_side):
        if not qty or (level.price > limit if taker_side == "Buy" else level.price < limit):
            break
        take = min(qty, level.qty)
        fills.append(Level(level.price, take))
        qty -= take
    return fills


def band(state: State, category: str) -> Band:
    """Where prices may stand now; the premium terms are 0, as the tape has no premium of its own beyond mark and index."""
    contract, market = state.contracts[category], state.market
    centre = market.mark if category == "linear" else market.index
    x, y = contract.band_x, contract.band_y
    highest = min(centre * (ONE + y), max(market.index, centre * (ONE + x)))
    lowest = max(centre * (ONE - y), min(market.index, centre * (ONE - x)))
    return Band(contract.floor_price(highest), contract.ceil_price(lowest))


def _price(state: State, category: str, taker_side: str, number: int) -> Decimal:
    away = (state.rules.half_spread_ticks + number) * state.contracts[category].tick_size
    centre = state.centre(category)
    return centre + away if taker_side == "Buy" else centre - away


def _depth(state: State, contract: Contract, taker_side: str, price: Decimal) -> Decimal:
    """Quantity at a price: half to one and a half times the mean, by a hash of seed, side and price; never less than one step."""
    mean = state.rules.linear_level_qty if contract.category == "linear" else state.rules.spot_level_qty
    mix = (int(price / contract.tick_size) * 2 + (taker_side == "Buy")) ^ (state.seed * 0x9E3779B1)
    mix = (mix ^ (mix >> 15)) * 0x2C1B3C6D & 0xFFFFFFFF
    mix = (mix ^ (mix >> 12)) * 0x297A2D39 & 0xFFFFFFFF
    steps = int(mean / contract.qty_step) * (500 + (mix ^ (mix >> 15)) % 1001) // 1000
    return max(1, steps) * contract.qty_step
