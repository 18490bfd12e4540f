"""The settings desk: collateral switches, margin mode, price behaviour, delta mode, and the account reads that go with them.

Knows requests and answers. Isolated and portfolio margin are not reckoned here, so an account cannot choose them: see `set_margin_mode`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.simulator import borrowing, trading, wallet_rows
from bot.simulator.desk_borrow import some_coins
from bot.simulator.figures import ZERO, booked, plain
from bot.simulator.funding import hourly_rate
from bot.simulator.instruments import COINS
from bot.simulator.margin import measure, prices_of
from bot.simulator.pages import DAY_MS, page, window
from bot.simulator.params import Ask, Refusal, Reply
from bot.simulator.routes import Routes
from bot.simulator.state import Account, State
from bot.simulator.transfers import transferable

__all__ = ["ROUTES"]


# -- collateral ---------------------------------------------------------------------------------------------------------------


def collateral_info(state: State, account: Account, ask: Ask) -> Reply:
    margin = measure(account, prices_of(state.market), state.rules)

    def row(coin: str) -> dict[str, Any]:
        limit = state.rules.max_borrow_btc if coin == "BTC" else state.rules.max_borrow_usdt
        borrowed = margin.coins[coin].borrowed
        free = state.rules.free_borrow_usdt if coin == "USDT" else ZERO
        return {
            "availableToBorrow": plain(max(ZERO, booked(limit - borrowed))),
            "freeBorrowingAmount": "",
            "freeBorrowAmount": "0",
            "maxBorrowingAmount": plain(limit),
            "hourlyBorrowRate": plain(hourly_rate(state, coin)),
            "borrowUsageRate": plain(booked(borrowed / limit)),
            "collateralSwitch": account.purses[coin].collateral_on,
            "borrowAmount": plain(booked(borrowed)),
            "borrowable": True,
            "currency": coin,
            "otherBorrowAmount": "0",
            "marginCollateral": True,
            "freeBorrowingLimit": plain(free),
            "collateralRatio": plain(state.rules.btc_collateral_tiers[0][1]) if coin == "BTC" else "1",
        }

    return Reply(result={"list": [row(coin) for coin in some_coins(ask)]})


def set_collateral(state: State, account: Account, ask: Ask) -> Reply:
    _switch(state, account, ask)
    trading.tell_wallet(state, account)
    return Reply(ret_msg="SUCCESS")


def set_collateral_batch(state: State, account: Account, ask: Ask) -> Reply:
    items = [Ask(item) for item in ask.items("request")]
    coins = [item.need("coin") for item in items]
    if not items or len(set(coins)) != len(coins):
        raise Refusal(182112 if items else 10001, "Duplicate or missing coin")
    before = {coin: purse.collateral_on for coin, purse in account.purses.items()}
    try:
        for item in items:
            _switch(state, account, item)
    except Refusal:
        for coin, was_on in before.items():
            account.purses[coin].collateral_on = was_on
        raise
    trading.tell_wallet(state, account)
    listed = [{"coin": item.need("coin"), "collateralSwitch": item.need("collateralSwitch")} for item in items]
    return Reply(ret_msg="SUCCESS", result={"list": listed})


def _switch(state: State, account: Account, ask: Ask) -> None:
    """USDT and USDC cannot be switched; switching off must leave the margin covered (Bybit: account/set-collateral)."""
    coin, wanted = ask.need("coin").upper(), ask.choice("collateralSwitch", ("ON", "OFF")) == "ON"
    if coin not in COINS or coin in ("USDT", "USDC"):
        raise Refusal(182111, "The coin's collateral switch cannot be changed")
    purse = account.purses[coin]
    before, purse.collateral_on = purse.collateral_on, wanted
    margin = measure(account, prices_of(state.market), state.rules)
    if not wanted and margin.im and margin.available < 0:
        purse.collateral_on = before
        raise Refusal(182104, "The initial margin rate would be too high")


# -- modes and behaviour ------------------------------------------------------------------------------------------------------


_REASONS = {
    "ISOLATED_MARGIN": ("3400094", "Isolated margin is not available to this account"),
    "PORTFOLIO_MARGIN": ("3400000", "Equity needs to be equal to or greater than 1000 USDC"),
}
"""Why a switch fails; the second is the reason of the documents' example."""


def set_margin_mode(state: State, account: Account, ask: Ask) -> Reply:
    """Cross margin is the one mode this venue reckons; the others are refused with a reason (Bybit: account/set-margin-mode). A fault may
    call the account's mode something else; coming back to cross margin is always allowed."""
    mode = ask.choice("setMarginMode", ("ISOLATED_MARGIN", "REGULAR_MARGIN", "PORTFOLIO_MARGIN"))
    if mode == account.margin_mode:
        raise Refusal(110026, "Cross/isolated margin mode is not modified")
    if mode in _REASONS:
        code, msg = _REASONS[mode]
        reasons = {"reasons": [{"reasonCode": code, "reasonMsg": msg}]}
        raise Refusal(3400045, "Set margin mode failed", result=reasons)
    account.margin_mode, account.mode_changed_ms = mode, state.now_ms
    return Reply(result={"reasons": []})


def set_hedging_mode(state: State, account: Account, ask: Ask) -> Reply:
    """Spot hedging of portfolio margin; not the position mode (Bybit: account/set-spot-hedge)."""
    if ask.choice("setHedgingMode", ("ON", "OFF")) == "ON":
        raise Refusal(140001, "Switching the PM spot hedging switch is not allowed in non PM mode")
    return Reply(ret_msg="SUCCESS")


def set_delta_mode(state: State, account: Account, ask: Ask) -> Reply:
    """A delta-neutral account may ask to stand lower in the ADL queue (Bybit: account/set-delta-mode)."""
    account.delta_enable = ask.choice("deltaEnable", ("0", "1")) == "1"
    return Reply(ret_msg="success")


def set_limit_px_action(state: State, account: Account, ask: Ask) -> Reply:
    """Outside the price band: modifyEnable true = adjust, false = reject (Bybit: account/set-price-limit)."""
    category, adjust = ask.choice("category", ("linear", "inverse", "spot")), ask.flag("modifyEnable")
    if category == "spot":
        account.reprice_spot = adjust
    else:
        account.refuse_perp = not adjust
    return Reply(ret_msg="success")


def user_setting(state: State, account: Account, ask: Ask) -> Reply:
    """lpaSpot true = adjust, lpaPerp true = reject: opposite senses (Bybit: account/get-user-setting-config)."""
    return Reply(
        result={
            "lpaSpot": account.reprice_spot,
            "lpaPerp": account.refuse_perp,
            "smsef": False,
            "fmsef": False,
            "deltaEnable": account.delta_enable,
        }
    )


def dcp_info(state: State, account: Account, ask: Ask) -> Reply:
    """Disconnect protection is for institutions; other accounts have none configured."""
    return Reply(ret_msg="success", result={"dcpInfos": []})


def smp_group(state: State, account: Account, ask: Ask) -> Reply:
    return Reply(ret_msg="success", result={"smpGroup": 0})


# -- money that may leave, and interest paid ----------------------------------------------------------------------------------


def withdrawal(state: State, account: Account, ask: Ask) -> Reply:
    """What may be transferred out, by coin (Bybit: account/unified-trans-amnt)."""
    coins = [word.strip().upper() for word in ask.need("coinName").split(",")][:20]
    amounts = {c: plain(transferable(state, account, c, "UNIFIED")) if c in COINS else "0" for c in coins}
    return Reply(result={"availableWithdrawal": amounts[coins[0]], "availableWithdrawalMap": amounts})


def borrow_history(state: State, account: Account, ask: Ask) -> Reply:
    start, end = window(ask, state.now_ms, default_ms=30 * DAY_MS, most_ms=30 * DAY_MS)
    coin = ask.text("currency").upper()
    found = (row for row in reversed(account.interest) if start <= row.at_ms <= end and coin in ("", row.coin))
    shown, cursor = page(found, ask, default=20, most=50)
    return Reply(result={"nextPageCursor": cursor, "list": [wallet_rows.borrow_row(row) for row in shown]})


def pay_info(state: State, account: Account, ask: Ask) -> Reply:
    """What a repayment of a coin's debt could draw on (Bybit: account/pay-info)."""
    coin = ask.need("coin").upper()
    margin = measure(account, prices_of(state.market), state.rules)
    if coin not in COINS or not margin.coins[coin].borrowed:
        raise Refusal(182102, "There is no liability")
    scale = {"USDT": 4, "USDC": 6, "BTC": 9}

    def row(each: str) -> dict[str, Any]:
        free = borrowing.spare(margin, each)
        return {
            "availableValue": plain(booked(free * borrowing.usd_price(state, each))),
            "coinScale": scale[each],
            "borrowSize": plain(booked(margin.coins[each].borrowed)),
            "spotHedgeAmount": "0",
            "assetFrozen": plain(booked(margin.coins[each].locked)),
            "availableSize": plain(booked(free)),
            "coin": each,
        }

    own = margin.coins[coin]
    debt = {
        "borrowSize": plain(booked(own.borrowed)),
        "assetFrozen": plain(booked(own.locked)),
        "borrowValue": plain(booked(own.borrowed * own.price)),
        "coin": coin,
        "availableBalance": plain(booked(borrowing.spare(margin, coin))),
    }
    listed = [row(each) for each in COINS]
    return Reply(ret_msg="Success", result={"collateralInfo": {"collateralList": listed}, "borrowInfo": debt})


def coin_greeks(state: State, account: Account, ask: Ask) -> Reply:
    """Delta of the perpetual legs; there are no options."""
    delta = sum((leg.signed for leg in account.legs.values()), Decimal(0))
    greeks = {"totalGamma": "0", "totalVega": "0", "totalTheta": "0"}
    return Reply(result={"list": [{"baseCoin": "BTC", "totalDelta": plain(delta)} | greeks]})


_ACCOUNT = "/v5/account/"
ROUTES: Routes = {
    ("GET", _ACCOUNT + "collateral-info"): (collateral_info, "any"),
    ("POST", _ACCOUNT + "set-collateral-switch"): (set_collateral, "SpotTrade"),
    ("POST", _ACCOUNT + "set-collateral-switch-batch"): (set_collateral_batch, "SpotTrade"),
    ("POST", _ACCOUNT + "set-margin-mode"): (set_margin_mode, "Position"),
    ("POST", _ACCOUNT + "set-hedging-mode"): (set_hedging_mode, "Position"),
    ("POST", _ACCOUNT + "set-delta-mode"): (set_delta_mode, "Position"),
    ("POST", _ACCOUNT + "set-limit-px-action"): (set_limit_px_action, "Order"),
    ("GET", _ACCOUNT + "user-setting-config"): (user_setting, "any"),
    ("GET", _ACCOUNT + "query-dcp-info"): (dcp_info, "any"),
    ("GET", _ACCOUNT + "smp-group"): (smp_group, "any"),
    ("GET", _ACCOUNT + "withdrawal"): (withdrawal, "any"),
    ("GET", _ACCOUNT + "borrow-history"): (borrow_history, "any"),
    ("GET", _ACCOUNT + "pay-info"): (pay_info, "any"),
    ("GET", "/v5/asset/coin-greeks"): (coin_greeks, "any"),
}
