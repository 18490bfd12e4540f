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
    "LegMargin",
    "Margin",
    "Prices",
    "collateral_value",
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


class LegMargin(NamedTuple):
    value: Decimal
    im: Decimal
    mm: Decimal
    tier: RiskTier


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinMargin:
    """One coin of the unified account; amounts in the coin, `usd_*` in USD."""

    coin: str
    price: Decimal
    balance: Decimal
    spot_borrow: Decimal
    upl: Decimal
    locked: Decimal
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Account totals in USD (Bybit: account/wallet-balance)."""

    equity: Decimal
    wallet: Decimal
    upl: Decimal
    im: Decimal
    mm: Decimal
    haircut: Decimal
    order_loss: Decimal
    coins: dict[str, CoinMargin]
    legs: dict[int, LegMargin]

    @property
    def balance(self) -> Decimal:
        """totalMarginBalance = wallet after collateral ratios + UPL."""
        return self.wallet + self.upl

    @property
    def base(self) -> Decimal:
        """The denominator of both rates."""
        return self.balance - self.haircut + self.order_loss

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


def prices_of(market: Market) -> Prices:
    return Prices(market.mark, market.index)


def collateral_value(coin: str, qty: Decimal, prices: Prices, rules: VenueRules, *, on: bool) -> Decimal:
    """USD that `qty` counts for: marginal tiers by quantity on the plus side, all of it on the minus side, nothing when switched off."""
    if coin != "BTC":
        return qty * rules.usdt_usd
    if qty <= 0:
        return qty * prices.index
    if not on:
        return ZERO
    worth, tiers = ZERO, rules.btc_collateral_tiers
    for number, (floor, ratio) in enumerate(tiers):
        if qty <= floor:
            break
        ceiling = tiers[number + 1][0] if number + 1 < len(tiers) else qty
        worth += (min(qty, ceiling) - floor) * ratio
    return worth * prices.index


def leg_margin(leg: Leg, extra_value: Decimal, mark: Decimal, leverage: Decimal, rules: VenueRules) -> LegMargin:
    """Margin of one leg at mark, with the fee of closing it at bankruptcy. `extra_value`: open orders, which
    raise the tier shown but owe no maintenance margin."""
    value = leg.size * mark
    tier = tier_of(value + extra_value)
    if not leg.size:
        return LegMargin(ZERO, ZERO, ZERO, tier)
    own = tier_of(value)
    close_fee = value * _bust_share(leg.side, leverage) * rules.linear_taker_rate
    return LegMargin(value, value / leverage + close_fee, value * own.mmr - own.mm_deduction + close_fee, tier)


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
    waiting = [(order, qty) for order in account.orders.values() if (qty := opening_qty(account, order))]
    order_im = sum((order_margin(o.side, qty * o.price, account.leverage[o.side], rules) for o, qty in waiting), ZERO)
    order_loss = sum((_order_loss(order, qty, prices.mark) for order, qty in waiting), ZERO)
    legs = {leg.idx: _leg(account, leg, waiting, prices.mark, rules) for leg in account.legs.values()}
    position_im, position_mm = _legs_total(legs, rules)
    upl = sum((leg.unrealised(prices.mark) for leg in account.legs.values()), ZERO)
    coins = {
        coin: CoinMargin(
            coin=coin,
            price=prices.index if coin == "BTC" else rules.usdt_usd,
            balance=account.purses[coin].balance,
            spot_borrow=account.purses[coin].spot_borrow,
            upl=upl if coin == "USDT" else ZERO,
            locked=account.locked(coin),
            order_im=order_im if coin == "USDT" else ZERO,
            position_im=position_im if coin == "USDT" else ZERO,
            position_mm=position_mm if coin == "USDT" else ZERO,
        )
        for coin in COINS
    }
    wallet = sum(
        (
            collateral_value(c, m.balance - m.spot_borrow, prices, rules, on=account.purses[c].collateral_on)
            for c, m in coins.items()
        ),
        ZERO,
    )
    net = rules.debt_margin == "net"
    debt = sum(((m.net_debt if net else m.borrowed) * m.price for m in coins.values()), ZERO)
    usd = rules.usdt_usd
    return Margin(
        equity=sum((m.usd_value for m in coins.values()), ZERO),
        wallet=wallet,
        upl=upl * usd,
        im=(position_im + order_im) * usd + debt * rules.borrow_imr,
        mm=position_mm * usd + debt * rules.borrow_mmr,
        haircut=_haircut(account, prices, rules),
        order_loss=order_loss * usd,
        coins=coins,
        legs=legs,
    )


def _leg(
    account: Account, leg: Leg, waiting: list[tuple[Order, Decimal]], mark: Decimal, rules: VenueRules
) -> LegMargin:
    extra = sum((qty * order.price for order, qty in waiting if order.position_idx == leg.idx), ZERO)
    return leg_margin(leg, extra, mark, account.leverage[leg.side or "Buy"], rules)


def _legs_total(legs: dict[int, LegMargin], rules: VenueRules) -> tuple[Decimal, Decimal]:
    if rules.leg_margin == "larger":
        return max(m.im for m in legs.values()), max(m.mm for m in legs.values())
    return sum((m.im for m in legs.values()), ZERO), sum((m.mm for m in legs.values()), ZERO)


def _order_loss(order: Order, qty: Decimal, mark: Decimal) -> Decimal:
    """What an order would have lost the moment it filled; never above 0 (help centre glossary, order loss)."""
    gain = mark - order.price if order.side == "Buy" else order.price - mark
    return min(ZERO, gain * qty)


def _haircut(account: Account, prices: Prices, rules: VenueRules) -> Decimal:
    """Margin value that resting spot buys would lose by turning USDT into BTC (help centre glossary, haircut loss)."""
    pledged = account.locked("USDT")
    if not pledged:
        return ZERO
    ratio = rules.btc_collateral_tiers[0][1] if account.purses["BTC"].collateral_on else ZERO
    return pledged * rules.usdt_usd * (ONE - ratio)
