"""Cross margin of the unified account, computed on reading from balances, legs, orders and two prices.

Formulas: Bybit help centre, "Glossary: Unified Trading Account" and "Understanding the adjustment and impact of the new
margin calculation"; the fee terms agree to the last digit with rows captured from Bybit's private streams.
Knows no order flow and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from bot.simulator.figures import ONE, ZERO
from bot.simulator.instruments import COINS, RiskTier, tier_of
from bot.simulator.orders import Order
from bot.simulator.positions import Leg, closes, only_closes
from bot.simulator.rules import VenueRules
from bot.simulator.state import Account, Market

__all__ = [
    "CoinMargin",
    "Exposure",
    "LegMargin",
    "Margin",
    "Prices",
    "SafePrices",
    "Stake",
    "collateral_value",
    "exposure_of",
    "leg_margin",
    "measure",
    "opening_qty",
    "order_margin",
    "prices_of",
]


@dataclass(frozen=True, slots=True)
class Prices:
    """What margin is measured with: the perpetual's mark and the USD index price of BTC."""

    mark: Decimal
    index: Decimal

    def times(self, share: Decimal) -> Prices:
        return Prices(self.mark * share, self.index * share)


class SafePrices(NamedTuple):
    """A box of prices in which an account that holds what it holds is not liquidated."""

    low: Prices
    high: Prices

    @property
    def corners(self) -> list[Prices]:
        return [
            Prices(mark, index)
            for mark in (self.low.mark, self.high.mark)
            for index in (self.low.index, self.high.index)
        ]

    def has_well_inside(self, prices: Prices) -> bool:
        """Whether these prices lie in its inner half."""
        (low, high), mark, index = self, prices.mark, prices.index
        return _is_well_between(low.mark, mark, high.mark) and _is_well_between(low.index, index, high.index)


class LegMargin(NamedTuple):
    value: Decimal
    im: Decimal
    mm: Decimal
    tier: RiskTier


class Stake(NamedTuple):
    """A leg as margin sees it. `extra_value`: open orders, which raise the tier shown but owe no maintenance margin."""

    idx: int
    side: str
    size: Decimal
    entry_value: Decimal
    leverage: Decimal
    extra_value: Decimal = ZERO


class CoinMargin(NamedTuple):
    """One coin of the unified account; amounts in the coin, `usd_*` in USD."""

    coin: str
    balance: Decimal
    spot_borrow: Decimal
    locked: Decimal
    price: Decimal
    upl: Decimal = ZERO
    order_im: Decimal = ZERO
    position_im: Decimal = ZERO
    position_mm: Decimal = ZERO

    @property
    def equity(self) -> Decimal:
        return self.balance - self.spot_borrow + self.upl

    @property
    def auto_borrow(self) -> Decimal:
        """What contracts, fees and losses have silently borrowed: the balance, with open profit and loss, below zero."""
        return max(ZERO, -(self.balance + self.upl))

    @property
    def borrowed(self) -> Decimal:
        """borrowAmount: spot liabilities + derivatives liabilities."""
        return self.spot_borrow + self.auto_borrow

    @property
    def net_debt(self) -> Decimal:
        """|min(0, equity)|: borrowed coin that is still in the wallet owes no margin."""
        return max(ZERO, -self.equity)

    @property
    def usd_value(self) -> Decimal:
        return self.equity * self.price

    @property
    def is_alive(self) -> bool:
        """Is there an asset or a debt to show?"""
        return bool(self.balance or self.spot_borrow or self.borrowed or self.upl)


class Margin(NamedTuple):
    """Account totals in USD (Bybit: account/wallet-balance)."""

    equity: Decimal
    wallet: Decimal
    upl: Decimal
    im: Decimal
    mm: Decimal
    haircut: Decimal
    order_loss: Decimal
    legs: dict[int, LegMargin]
    usdt: CoinMargin
    others: tuple[tuple[str, Decimal, Decimal, Decimal], ...]
    """The coins without contracts: name, balance, spot_borrow, locked."""
    btc_usd: Decimal

    @property
    def coins(self) -> dict[str, CoinMargin]:
        """Every coin, worked out when asked: few who measure look at them."""
        usd = self.usdt.price
        others = [CoinMargin(*coin, self.btc_usd if coin[0] == "BTC" else usd) for coin in self.others]
        coins = {coin.coin: coin for coin in (*others, self.usdt)}
        return {name: coins[name] for name in COINS}

    @property
    def balance(self) -> Decimal:
        """totalMarginBalance = wallet after collateral ratios + UPL."""
        return self.wallet + self.upl

    @property
    def base(self) -> Decimal:
        """The denominator of both rates."""
        return self.wallet + self.upl - self.haircut + self.order_loss

    @property
    def available(self) -> Decimal:
        return self.balance - self.haircut - self.im

    @property
    def im_rate(self) -> Decimal:
        return self._rate(self.im)

    @property
    def mm_rate(self) -> Decimal:
        """1 or more means liquidation."""
        return self._rate(self.mm)

    @property
    def breached(self) -> bool:
        return self.mm > 0 and self.base <= self.mm

    def _rate(self, margin: Decimal) -> Decimal:
        if not margin:
            return ZERO
        return margin / self.base if self.base > 0 else Decimal(999)


def _is_well_between(low: Decimal, value: Decimal, high: Decimal) -> bool:
    return 2 * abs(2 * value - low - high) <= high - low


def prices_of(market: Market) -> Prices:
    return Prices(market.mark, market.index)


def collateral_value(coin: str, qty: Decimal, prices: Prices, rules: VenueRules, *, on: bool) -> Decimal:
    """USD that `qty` counts for: marginal tiers by quantity on the plus side, all of it on the minus side, nothing when switched off."""
    return qty * rules.usdt_usd if coin != "BTC" else counted_btc(qty, rules, on=on) * prices.index


def counted_btc(qty: Decimal, rules: VenueRules, *, on: bool) -> Decimal:
    """BTC that `qty` counts for as collateral."""
    if qty <= 0:
        return qty
    if not on:
        return ZERO
    counted, tiers = ZERO, rules.btc_collateral_tiers
    for number, (floor, ratio) in enumerate(tiers):
        if qty <= floor:
            break
        ceiling = tiers[number + 1][0] if number + 1 < len(tiers) else qty
        counted += (min(qty, ceiling) - floor) * ratio
    return counted


def leg_margin(stake: Stake, mark: Decimal, rules: VenueRules) -> LegMargin:
    """Margin of one leg at mark, with the fee of closing it at bankruptcy."""
    value = stake.size * mark
    tier = tier_of(value + stake.extra_value)
    if not stake.size:
        return LegMargin(ZERO, ZERO, ZERO, tier)
    own = tier_of(value) if stake.extra_value else tier
    close_fee = value * _bust_share(stake.side, stake.leverage) * rules.linear_taker_rate
    return LegMargin(value, value / stake.leverage + close_fee, value * own.mmr - own.mm_deduction + close_fee, tier)


def _bust_share(side: str, leverage: Decimal) -> Decimal:
    """Bankruptcy price over entry price."""
    return ONE - ONE / leverage if side == "Buy" else ONE + ONE / leverage


def order_margin(side: str, value: Decimal, leverage: Decimal, rules: VenueRules) -> Decimal:
    """Initial margin of opening `value` USDT: value/leverage, the fee to open and the fee to close at bankruptcy."""
    return value / leverage + value * rules.linear_taker_rate * (ONE + _bust_share(side, leverage))


def opening_qty(account: Account, order: Order) -> Decimal:
    """How much of a resting order would grow a position; 0 for anything that can only shrink one."""
    if order.category != "linear" or order.is_conditional:
        return ZERO
    leg = account.legs[order.position_idx]
    if only_closes(leg, order.side, reduce_only=order.reduce_only):
        return ZERO
    return max(ZERO, order.leaves - leg.size) if closes(leg, order.side) else order.leaves


def measure(account: Account, prices: Prices, rules: VenueRules) -> Margin:
    """The account's margin at `prices`."""
    exposure = exposure_of(account, rules)
    if exposure.last is None or exposure.last[0] != prices:
        exposure.last = prices, exposure.at(prices)
    return exposure.last[1]


def exposure_of(account: Account, rules: VenueRules) -> Exposure:
    """What of an account's margin no price changes; taken anew only when something that it is made of is another."""
    if account.orders:
        return Exposure(account, rules, ())
    made_of: tuple[object, ...] = (
        rules,
        account.leverage,
        *[part for leg in account.legs.values() for part in (leg.side, leg.size, leg.entry_value)],
        *[
            part
            for purse in account.purses.values()
            for part in (purse.balance, purse.spot_borrow, purse.collateral_on)
        ],
    )
    known = account.exposure
    if known is None or known.made_of != made_of:
        known = account.exposure = Exposure(account, rules, made_of)
    return known


class Exposure:
    """What of an account's margin no price changes, and what was worked out of it last. It does not follow the account."""

    def __init__(self, account: Account, rules: VenueRules, made_of: tuple[object, ...]) -> None:
        self.made_of = made_of
        self.liquidation: dict[str, tuple[object, Decimal | None]] = {}
        """Of each side: what a liquidation price was asked for last, and the answer."""
        self.last: tuple[Prices, Margin] | None = None
        """The margin that was measured last."""
        self.safe: SafePrices | None = None
        """Where they are known not to be liquidated."""
        self._rules = rules
        open_orders = account.orders.values()
        self._waiting = [(order, qty) for order in open_orders if (qty := opening_qty(account, order))]
        self._order_im = sum(
            (order_margin(o.side, qty * o.price, account.leverage[o.side], rules) for o, qty in self._waiting), ZERO
        )
        stakes = [self._stake(account, leg) for leg in account.legs.values()]
        self._held = [stake for stake in stakes if stake.size]
        self._flat = {stake.idx: leg_margin(stake, ZERO, rules) for stake in stakes if not stake.size}
        purses = account.purses
        coins = {coin: (coin, purse.balance, purse.spot_borrow, account.locked(coin)) for coin, purse in purses.items()}
        self._usdt, self._others = coins.pop("USDT"), tuple(coins.values())
        self._owed = {name: _owed(CoinMargin(*coin, ZERO), rules) for name, coin in coins.items()}
        nets = {coin: purse.balance - purse.spot_borrow for coin, purse in purses.items()}
        self._btc = nets.pop("BTC")
        self._counted_btc = counted_btc(self._btc, rules, on=purses["BTC"].collateral_on)
        self._dollars = sum(nets.values(), ZERO)
        self._haircut = _haircut(account, rules)

    def at(self, prices: Prices) -> Margin:
        """The margin at these prices."""
        rules, mark, index = self._rules, prices.mark, prices.index
        usd, legs, upl, order_loss = rules.usdt_usd, self._flat.copy(), ZERO, ZERO
        for stake in self._held:
            own = legs[stake.idx] = leg_margin(stake, mark, rules)
            upl += own.value - stake.entry_value if stake.side == "Buy" else stake.entry_value - own.value
        for order, qty in self._waiting:
            order_loss += _order_loss(order, qty, mark)
        leg_im, leg_mm = _legs_total(legs, rules)
        usdt = CoinMargin(*self._usdt, usd, upl, self._order_im, leg_im, leg_mm)
        debt = (_owed(usdt, rules) + self._owed["USDC"]) * usd + self._owed["BTC"] * index
        dollars = self._dollars * usd
        return Margin(
            equity=self._btc * index + dollars + upl * usd,
            wallet=self._counted_btc * index + dollars,
            upl=upl * usd,
            im=(leg_im + self._order_im) * usd + debt * rules.borrow_imr,
            mm=leg_mm * usd + debt * rules.borrow_mmr,
            haircut=self._haircut,
            order_loss=order_loss * usd,
            legs=legs,
            usdt=usdt,
            others=self._others,
            btc_usd=index,
        )

    def _stake(self, account: Account, leg: Leg) -> Stake:
        extra = sum((qty * order.price for order, qty in self._waiting if order.position_idx == leg.idx), ZERO)
        return Stake(leg.idx, leg.side, leg.size, leg.entry_value, account.leverage[leg.side or "Buy"], extra)


def _owed(coin: CoinMargin, rules: VenueRules) -> Decimal:
    """Debt that owes margin, in the coin."""
    return coin.net_debt if rules.debt_margin == "net" else coin.borrowed


def _legs_total(legs: dict[int, LegMargin], rules: VenueRules) -> tuple[Decimal, Decimal]:
    if rules.leg_margin == "larger":
        return max(m.im for m in legs.values()), max(m.mm for m in legs.values())
    return sum([m.im for m in legs.values()], ZERO), sum([m.mm for m in legs.values()], ZERO)


def _order_loss(order: Order, qty: Decimal, mark: Decimal) -> Decimal:
    """What an order would have lost the moment it filled; never above 0 (help centre glossary, order loss)."""
    gain = mark - order.price if order.side == "Buy" else order.price - mark
    return min(ZERO, gain * qty)


def _haircut(account: Account, rules: VenueRules) -> Decimal:
    """Margin value that resting spot buys would lose by turning USDT into BTC (help centre glossary, haircut loss)."""
    pledged = account.locked("USDT")
    if not pledged:
        return ZERO
    ratio = rules.btc_collateral_tiers[0][1] if account.purses["BTC"].collateral_on else ZERO
    return pledged * rules.usdt_usd * (ONE - ratio)
