"""The account desk: /v5/account/* that reads or sets the account, and /v5/user/query-api.

Knows requests and answers. Borrowing has its own desk.
"""

from __future__ import annotations

from bot.simulator import wallet_rows
from bot.simulator.figures import plain
from bot.simulator.instruments import SYMBOL, instrument_row
from bot.simulator.intake import category_of
from bot.simulator.keys import KeyInfo, key_row
from bot.simulator.pages import DAY_MS, WEEK_MS, page, window
from bot.simulator.params import Ask, Refusal, Reply
from bot.simulator.routes import Routes
from bot.simulator.state import Account, State

__all__ = ["ROUTES"]


def wallet_balance(state: State, account: Account, ask: Ask) -> Reply:
    if ask.need("accountType") != "UNIFIED":
        raise Refusal(10001, "accountType only support UNIFIED.")
    coins = tuple(coin for coin in ask.text("coin").upper().split(",") if coin)
    return Reply(result={"list": [wallet_rows.wallet_row(state, account, coins)]})


def info(state: State, account: Account, ask: Ask) -> Reply:
    return Reply(
        result={
            "marginMode": account.margin_mode,
            "updatedTime": str(account.mode_changed_ms or account.opened_ms),
            "unifiedMarginStatus": 5,
            "dcpStatus": "OFF",
            "timeWindow": 10,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }
    )


def transaction_log(state: State, account: Account, ask: Ask) -> Reply:
    """The last 24 hours unless a window is asked (Bybit: account/transaction-log)."""
    start, end = window(ask, state.now_ms, default_ms=DAY_MS, most_ms=WEEK_MS)
    category, coin, kind = ask.text("category"), ask.text("currency").upper(), ask.text("type")
    found = (
        row
        for row in reversed(account.log)
        if start <= row.at_ms <= end
        and (not category or row.category == category)
        and (not coin or row.coin == coin)
        and (not kind or row.type == kind)
    )
    shown, cursor = page(found, ask, default=20, most=50)
    return Reply(result={"nextPageCursor": cursor, "list": [wallet_rows.txn_row(account, row) for row in shown]})


def fee_rate(state: State, account: Account, ask: Ask) -> Reply:
    spot = category_of(ask) == "spot"
    rules = state.rules
    taker, maker = (
        (rules.spot_taker_rate, rules.spot_maker_rate) if spot else (rules.linear_taker_rate, rules.linear_maker_rate)
    )
    return Reply(result={"list": [{"symbol": SYMBOL, "takerFeeRate": plain(taker), "makerFeeRate": plain(maker)}]})


def instruments(state: State, account: Account, ask: Ask) -> Reply:
    """Like the market's instruments-info, for this account (Bybit: account/instrument)."""
    category = category_of(ask)
    row = instrument_row(state.contracts[category]) | {"isPublicRpi": True, "myRpiPermission": True}
    if category == "linear":
        return Reply(result={"category": category, "list": [row | {"displayName": ""}], "nextPageCursor": ""})
    return Reply(result={"category": category, "list": [row]})


def query_api(state: State, account: Account, ask: Ask) -> Reply:
    return Reply(ret_msg="", result=key_row(KeyInfo(), account.uid, state.now_ms))


ROUTES: Routes = {
    ("GET", "/v5/account/wallet-balance"): (wallet_balance, "any"),
    ("GET", "/v5/account/info"): (info, "any"),
    ("GET", "/v5/account/transaction-log"): (transaction_log, "any"),
    ("GET", "/v5/account/fee-rate"): (fee_rate, "any"),
    ("GET", "/v5/account/instruments-info"): (instruments, "any"),
    ("GET", "/v5/user/query-api"): (query_api, "any"),
}
