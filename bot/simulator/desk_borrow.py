"""The lending desk: /v5/account/borrow, the four ways to repay, and /v5/spot-margin-trade/*.

Knows requests and answers. The deeds are in `borrowing`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.simulator import borrowing, trading
from bot.simulator.figures import ZERO, booked, plain
from bot.simulator.funding import hourly_rate
from bot.simulator.instruments import COINS
from bot.simulator.margin import measure, prices_of
from bot.simulator.pages import DAY_MS, HOUR_MS, window
from bot.simulator.params import Ask, Refusal, Reply
from bot.simulator.routes import PublicRoutes, Routes
from bot.simulator.state import Account, State

__all__ = ["PUBLIC", "ROUTES", "some_coins"]


# -- borrow and repay ---------------------------------------------------------------------------------------------------------


def borrow(state: State, account: Account, ask: Ask) -> Reply:
    coin, amount = ask.need("coin").upper(), ask.amount("amount")
    borrowing.borrow(state, account, coin, amount)
    trading.tell_wallet(state, account)
    return Reply(ret_msg="success", result={"coin": coin, "amount": plain(amount)})


def repay(state: State, account: Account, ask: Ask) -> Reply:
    """The debt coin's own balance first, then other coins are sold: BTC too (Bybit: account/repay)."""
    kind = ask.choice("repaymentType", ("ALL", "FIXED", "FLEXIBLE"), "FLEXIBLE")
    coin, amount = ask.text("coin").upper(), ask.number("amount")
    if kind == "FIXED":
        raise Refusal(34022041, "There is no debt to repay")
    if not coin and kind != "ALL":
        raise Refusal(34022033, "repaymentType must be ALL when coin is absent")
    margin = measure(account, prices_of(state.market), state.rules)
    coins = [coin] if coin else [each for each in COINS if margin.coins[each].borrowed]
    if not coins:
        borrowing.check_open(state)
        raise Refusal(34022041, "There is no debt to repay")
    for done, each in enumerate(coins):
        try:
            borrowing.repay(state, account, each, amount, converting=True)
        except Refusal:
            if not done:
                raise
            break  # what could be repaid is repaid
    trading.tell_wallet(state, account)
    return _repaid(state)


def no_convert_repay(state: State, account: Account, ask: Ask) -> Reply:
    """Only the debt coin's own balance (Bybit: account/no-convert-repay)."""
    coin, amount = ask.need("coin").upper(), ask.number("amount")
    if amount is not None and amount <= 0:
        raise Refusal(34022033, "params error: amount invalid")
    borrowing.repay(state, account, coin, amount, converting=False)
    trading.tell_wallet(state, account)
    return _repaid(state)


def _repaid(state: State) -> Reply:
    return Reply(ret_msg="success", result={"resultStatus": state.rules.repay_result})


def quick_repayment(state: State, account: Account, ask: Ask) -> Reply:
    """Repays automatic borrowing by selling other coins; manual debt is refused (Bybit: account/repay-liability)."""
    borrowing.check_open(state)
    wanted = ask.text("coin").upper()
    coins = [wanted] if wanted else list(COINS)
    if any(account.purses[coin].spot_borrow for coin in coins if coin in COINS):
        raise Refusal(182120, "Please use the repay and no-convert-repay API.")
    used: dict[str, Decimal] = {}
    for coin in coins:
        margin = measure(account, prices_of(state.market), state.rules)
        debt = margin.coins[coin].borrowed if coin in COINS else ZERO
        if debt:
            sold = borrowing.cover(state, account, coin, debt, "SPOT_REPAYMENT_SELL", "SPOT_REPAYMENT_BUY")
            used |= {name: used.get(name, ZERO) + qty for name, qty in sold.items()}
    if not used:
        raise Refusal(182102, "There is no liability")
    trading.tell_wallet(state, account)
    listed = [{"coin": coin, "repaymentQty": plain(qty)} for coin, qty in used.items()]
    return Reply(ret_msg="SUCCESS", result={"list": listed})


# -- spot margin, private -----------------------------------------------------------------------------------------------------


def coin_of(ask: Ask, name: str = "currency") -> str:
    coin = ask.need(name).upper()
    if coin not in COINS:
        raise Refusal(34022010, "The coin is not supported")
    return coin


def some_coins(ask: Ask, name: str = "currency") -> tuple[str, ...]:
    """The asked coin, or all of them."""
    return (coin_of(ask, name),) if ask.has(name) else COINS


def state_of(state: State, account: Account, ask: Ask) -> Reply:
    on = account.spot_margin_on
    leverage = plain(account.spot_leverage) if on else ""
    mode = "1" if on else "0"
    return Reply(result={"spotLeverage": leverage, "spotMarginMode": mode, "effectiveLeverage": "1"})


def switch_mode(state: State, account: Account, ask: Ask) -> Reply:
    mode = ask.choice("spotMarginMode", ("0", "1"))
    if mode == "1" and account.margin_mode == "ISOLATED_MARGIN":
        raise Refusal(182021, "Cannot enable spot margin in isolated margin mode")
    if mode == "0" and any(purse.spot_borrow for purse in account.purses.values()):
        raise Refusal(176039, "Your account has outstanding borrowing")
    if mode == "0" and any(order.is_leverage for order in account.orders.values()):
        raise Refusal(176040, "Your account has margin orders")
    account.spot_margin_on = mode == "1"
    return Reply(result={"spotMarginMode": mode})


def set_leverage(state: State, account: Account, ask: Ask) -> Reply:
    leverage = ask.amount("leverage")
    if not 2 <= leverage <= 10:
        raise Refusal(176004, "leverage must be between 2 and 10")
    account.spot_leverage = leverage
    return Reply()


def coin_state(state: State, account: Account, ask: Ask) -> Reply:
    """Leverage per coin: numbers, not text, in this answer."""
    listed = [{"spotLeverage": int(account.spot_leverage), "currency": coin} for coin in some_coins(ask)]
    return Reply(ret_msg="Success", result={"list": listed})


def max_borrowable(state: State, account: Account, ask: Ask) -> Reply:
    coin = coin_of(ask)
    return Reply(
        ret_msg="Success", result={"maxLoan": plain(borrowing.borrowable(state, account, coin)), "currency": coin}
    )


def inventory(state: State, account: Account, ask: Ask) -> Reply:
    coin = coin_of(ask)
    most = state.rules.max_borrow_btc if coin == "BTC" else state.rules.max_borrow_usdt
    result = {"currency": coin, "availableInventory": plain(most), "updateTime": str(state.now_ms)}
    return Reply(ret_msg="Success", result=result)


def liability(state: State, account: Account, ask: Ask) -> Reply:
    """How a coin's debt divides (Bybit: spot-margin-uta/liability)."""
    coin = coin_of(ask)
    own = measure(account, prices_of(state.market), state.rules).coins[coin]
    return Reply(
        ret_msg="Success",
        result={
            "currency": coin,
            "totalBorrowAmount": plain(booked(own.borrowed)),
            "fixedBorrowAmount": "0",
            "flexibleBorrowAmount": plain(booked(own.borrowed)),
            "spotTotalBorrow": plain(own.spot_borrow),
            "derivativesBorrow": plain(booked(own.auto_borrow)),
        },
    )


def repayment_available(state: State, account: Account, ask: Ask) -> Reply:
    coin = coin_of(ask)
    amount = plain(borrowing.repayable(state, account, coin))
    return Reply(ret_msg="Success", result={"lossLessRepaymentAmount": amount, "currency": coin})


def get_auto_repay(state: State, account: Account, ask: Ask) -> Reply:
    return Reply(ret_msg="Success", result={"data": _auto_repay(account, some_coins(ask))})


def set_auto_repay(state: State, account: Account, ask: Ask) -> Reply:
    """Repay without converting at minute 0 and 30 (Bybit: spot-margin-uta/set-auto-repay-mode)."""
    mode, coins = ask.choice("autoRepayMode", ("0", "1")), some_coins(ask)
    for coin in coins:
        account.purses[coin].auto_repay = mode == "1"
    return Reply(ret_msg="success", result={"data": _auto_repay(account, coins)})


def _auto_repay(account: Account, coins: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"currency": coin, "autoRepayMode": "1" if account.purses[coin].auto_repay else "0"} for coin in coins]


def interest_rates(state: State, account: Account, ask: Ask) -> Reply:
    """Hourly rates, newest first; they do not move here."""
    coin = coin_of(ask)
    if ask.has("startTime") != ask.has("endTime"):
        raise Refusal(10001, "params error: startTime and endTime go together")
    start, end = window(ask, state.now_ms, default_ms=7 * DAY_MS, most_ms=30 * DAY_MS)
    first, last = -(-start // HOUR_MS), end // HOUR_MS
    listed = [
        {"timestamp": hour * HOUR_MS, "currency": coin, "hourlyBorrowRate": _rate(state, coin), "vipLevel": "No VIP"}
        for hour in range(last, first - 1, -1)
    ]
    return Reply(result={"list": listed}, ext="{}")


def position_tiers(state: State, account: Account, ask: Ask) -> Reply:
    rules = state.rules

    def tiers(coin: str) -> list[dict[str, str]]:
        limit = rules.max_borrow_btc if coin == "BTC" else rules.max_borrow_usdt
        imr, mmr = plain(rules.borrow_imr), plain(rules.borrow_mmr)
        leverage = plain(1 / rules.borrow_imr)
        one = {"tier": "1", "borrowLimit": plain(limit), "positionMMR": mmr, "positionIMR": imr}
        return [one | {"maxLeverage": leverage}]

    listed = [{"currency": coin, "positionTiersRatioList": tiers(coin)} for coin in some_coins(ask)]
    return Reply(result={"list": listed}, ext="{}")


def currency_data(state: State, account: Account, ask: Ask) -> Reply:
    """Which coins may be borrowed by hand, and in what steps; fixed-rate borrowing is off."""

    def row(coin: str) -> dict[str, Any]:
        least = state.rules.min_borrow_btc if coin == "BTC" else state.rules.min_borrow_usdt
        off = ("minFixedManualBorrowQty", "fixedManualBorrowAccuracy", "fixedInterestRateAccuracy")
        return {
            "currency": coin,
            "flexibleManualBorrowable": True,
            "minFlexibleManualBorrowQty": plain(least),
            "flexibleManualBorrowAccuracy": "8",
            "fixedManualBorrowable": False,
            **dict.fromkeys((*off, "minFixedInterestRate", "maxFixedInterestRate"), ""),
        }

    return Reply(result={"list": [row(coin) for coin in some_coins(ask)]}, ext="{}")


# -- spot margin, public ------------------------------------------------------------------------------------------------------


def _rate(state: State, coin: str) -> str:
    return plain(hourly_rate(state, coin))


def vip_data(state: State, ask: Ask) -> Reply:
    def row(number: int, coin: str) -> dict[str, Any]:
        limit = state.rules.max_borrow_btc if coin == "BTC" else state.rules.max_borrow_usdt
        return {
            "borrowable": True,
            "collateralRatio": plain(state.rules.btc_collateral_tiers[0][1]) if coin == "BTC" else "1",
            "currency": coin,
            "hourlyBorrowRate": _rate(state, coin),
            "liquidationOrder": str(number),
            "marginCollateral": True,
            "maxBorrowingAmount": plain(limit),
        }

    wanted = some_coins(ask)
    listed = [row(n, coin) for n, coin in enumerate(borrowing.CONVERT_ORDER, start=1) if coin in wanted]
    return Reply(ret_msg="success", result={"vipCoinList": [{"list": listed, "vipLevel": "No VIP"}]})


def collateral(state: State, ask: Ask) -> Reply:
    """Tiered collateral ratios by quantity (Bybit: spot-margin-uta/tier-collateral-ratio)."""

    def tiers(coin: str) -> list[dict[str, str]]:
        steps = state.rules.btc_collateral_tiers if coin == "BTC" else ((ZERO, Decimal(1)),)
        ends = [plain(step[0]) for step in steps[1:]] + [""]
        return [
            {"minQty": plain(floor), "maxQty": end, "collateralRatio": plain(ratio)}
            for (floor, ratio), end in zip(steps, ends, strict=True)
        ]

    listed = [{"currency": coin, "collateralRatioList": tiers(coin)} for coin in some_coins(ask)]
    return Reply(result={"list": listed}, ext="{}")


_MARGIN = "/v5/spot-margin-trade/"
ROUTES: Routes = {
    ("POST", "/v5/account/borrow"): (borrow, "SpotTrade"),
    ("POST", "/v5/account/repay"): (repay, "SpotTrade"),
    ("POST", "/v5/account/no-convert-repay"): (no_convert_repay, "SpotTrade"),
    ("POST", "/v5/account/quick-repayment"): (quick_repayment, "SpotTrade"),
    ("GET", _MARGIN + "state"): (state_of, "any"),
    ("POST", _MARGIN + "switch-mode"): (switch_mode, "SpotTrade"),
    ("POST", _MARGIN + "set-leverage"): (set_leverage, "SpotTrade"),
    ("GET", _MARGIN + "coinstate"): (coin_state, "any"),
    ("GET", _MARGIN + "max-borrowable"): (max_borrowable, "any"),
    ("GET", _MARGIN + "flexible-available-inventory"): (inventory, "any"),
    ("GET", _MARGIN + "liability"): (liability, "any"),
    ("GET", _MARGIN + "repayment-available-amount"): (repayment_available, "any"),
    ("GET", _MARGIN + "get-auto-repay-mode"): (get_auto_repay, "any"),
    ("POST", _MARGIN + "set-auto-repay-mode"): (set_auto_repay, "SpotTrade"),
    ("GET", _MARGIN + "interest-rate-history"): (interest_rates, "SpotTrade"),
    ("GET", _MARGIN + "position-tiers"): (position_tiers, "any"),
    ("GET", _MARGIN + "currency-data"): (currency_data, "any"),
}
PUBLIC: PublicRoutes = {_MARGIN + "data": vip_data, _MARGIN + "collateral": collateral}
