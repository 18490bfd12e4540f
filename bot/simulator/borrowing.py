"""Borrowing and repaying inside the unified account, and turning one coin into another to do so.

Knows liabilities, the refused window and conversion. Interest belongs to `funding`, liquidation to `liquidation`.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from bot.simulator.figures import GRAIN, MONEY, ONE, ZERO, booked
from bot.simulator.instruments import COINS
from bot.simulator.margin import Margin, measure, prices_of
from bot.simulator.pages import HOUR_MS
from bot.simulator.params import Refusal
from bot.simulator.state import Account, State
from bot.simulator.wallet import post

__all__ = [
    "CONVERT_ORDER",
    "borrow",
    "borrowable",
    "check_open",
    "cover",
    "pay_down",
    "repay",
    "repayable",
    "spare",
    "usd_price",
]

CONVERT_ORDER = ("USDC", "USDT", "BTC")
"""Liquidation order: what is turned into the debt's coin first."""


def usd_price(state: State, coin: str) -> Decimal:
    return state.market.index if coin == "BTC" else state.rules.usdt_usd


def spare(margin: Margin, coin: str) -> Decimal:
    """The coin's own balance that nothing holds back: less frozen, less open losses; never below 0."""
    own = margin.coins[coin]
    return max(ZERO, own.balance + min(ZERO, own.upl) - own.locked)


def repayable(state: State, account: Account, coin: str) -> Decimal:
    """What can be repaid without converting: min(spare balance, borrowing) (Bybit: spot-margin-trade/repayment-available-amount)."""
    margin = measure(account, prices_of(state.market), state.rules)
    return min(_floor(spare(margin, coin)), account.purses[coin].spot_borrow)


def borrowable(state: State, account: Account, coin: str) -> Decimal:
    """The most that margin and the coin's limit still allow to borrow."""
    rules = state.rules
    margin = measure(account, prices_of(state.market), rules)
    limit = rules.max_borrow_btc if coin == "BTC" else rules.max_borrow_usdt
    by_margin = margin.available / (rules.borrow_imr * usd_price(state, coin))
    return _floor(max(ZERO, min(limit - margin.coins[coin].borrowed, by_margin)))


def borrow(state: State, account: Account, coin: str, amount: Decimal) -> None:
    """Manual floating-rate borrowing (Bybit: account/borrow)."""
    rules = state.rules
    if coin not in COINS:
        raise Refusal(34022010, "The coin is not supported")
    if not account.spot_margin_on:
        raise Refusal(34022036, "Please enable margin trading first")
    if amount % GRAIN:
        raise Refusal(34022014, "The amount has too many decimals")
    if amount < (rules.min_borrow_btc if coin == "BTC" else rules.min_borrow_usdt):
        raise Refusal(34022011, "The amount is below the minimum")
    margin = measure(account, prices_of(state.market), rules)
    if amount + margin.coins[coin].borrowed > (rules.max_borrow_btc if coin == "BTC" else rules.max_borrow_usdt):
        raise Refusal(34022030, "The lending pool is insufficient")
    if amount > borrowable(state, account, coin):
        raise Refusal(34022031, "The risk rate is too high to borrow")
    account.purses[coin].spot_borrow += amount
    post(state, account, coin, "BORROW", cash_flow=amount)


def check_open(state: State) -> None:
    """Repayments are refused while interest is computed, hh:04:00 to hh:05:30 (Bybit: account/repay)."""
    if state.rules.repay_shut_from_ms <= state.now_ms % HOUR_MS < state.rules.repay_shut_to_ms:
        raise Refusal(34022035, "Repayment is not allowed while interest is being calculated")


def repay(state: State, account: Account, coin: str, amount: Decimal | None, *, converting: bool) -> None:
    """Repay `amount` (None: as much as the way allows) of a coin's liability.

    Without converting only the coin's own spare balance is used. Converting sells other coins in liquidation order for the rest, BTC too.
    """
    check_open(state)
    if coin not in COINS:
        raise Refusal(34022010, "The coin is not supported")
    margin = measure(account, prices_of(state.market), state.rules)
    debt = _ceil(margin.coins[coin].borrowed)
    if not debt:
        raise Refusal(34022041, "There is no debt to repay")
    if amount is not None and amount % GRAIN:
        raise Refusal(34022014, "The amount has too many decimals")
    if not converting:
        able = repayable(state, account, coin)
        amount = able if amount is None else amount
        if amount > account.purses[coin].spot_borrow:
            raise Refusal(176017, "The repayment exceeds the liability")
        if not 0 < amount <= able:
            raise Refusal(176015, "Insufficient available balance")
        pay_down(state, account, coin, amount)
        return
    amount = debt if amount is None else amount
    if amount > debt:
        raise Refusal(176017, "The repayment exceeds the liability")
    missing = amount - _floor(spare(margin, coin))
    if missing * usd_price(state, coin) > state.rules.convert_cap_usd:
        raise Refusal(34022107, "The liability exceeds what one conversion may repay")
    if missing > _convertible(state, margin, coin):
        raise Refusal(34022049, "Insufficient collateral")
    if missing > 0:
        cover(state, account, coin, missing, "SPOT_REPAYMENT_SELL", "SPOT_REPAYMENT_BUY")
    pay_down(state, account, coin, min(amount, account.purses[coin].spot_borrow))


def pay_down(state: State, account: Account, coin: str, amount: Decimal) -> None:
    """Take `amount` from the balance and off the manual and spot-margin debt."""
    if amount:
        account.purses[coin].spot_borrow -= amount
        post(state, account, coin, "REPAY", cash_flow=-amount)


def _convertible(state: State, margin: Margin, into: str) -> Decimal:
    """What all other coins would bring of `into`, after the fee."""
    usd = sum((spare(margin, coin) * usd_price(state, coin) for coin in COINS if coin != into), ZERO)
    return _floor(usd * (ONE - state.rules.convert_fee_rate) / usd_price(state, into))


def cover(state: State, account: Account, into: str, missing: Decimal, sold: str, bought: str) -> dict[str, Decimal]:
    """Sell other coins in liquidation order until `missing` of `into` has come in, or nothing is left; what was sold, by coin."""
    used: dict[str, Decimal] = {}
    for coin in CONVERT_ORDER:
        if coin == into or missing <= 0:
            continue
        margin = measure(account, prices_of(state.market), state.rules)
        rate = usd_price(state, coin) / usd_price(state, into) * (ONE - state.rules.convert_fee_rate)
        qty = min(_floor(spare(margin, coin)), _ceil(missing / rate))
        if qty <= 0:
            continue
        missing -= convert(state, account, coin, qty, into, sold, bought)
        used[coin] = qty
    return used


def convert(state: State, account: Account, give: str, qty: Decimal, get: str, sold: str, bought: str) -> Decimal:
    """Turn `qty` of one coin into another at the index, less the fee; how much came in."""
    price = usd_price(state, give) / usd_price(state, get)
    got = booked(qty * price * (ONE - state.rules.convert_fee_rate))
    post(state, account, give, sold, cash_flow=-qty, price=booked(price))
    post(state, account, get, bought, cash_flow=got, price=booked(price))
    return got


def _floor(amount: Decimal) -> Decimal:
    return amount.quantize(GRAIN, rounding=ROUND_FLOOR, context=MONEY)


def _ceil(amount: Decimal) -> Decimal:
    return amount.quantize(GRAIN, rounding=ROUND_CEILING, context=MONEY)
