"""The position desk: /v5/position/*.

Knows requests and answers about legs, modes and leverage.
"""

from __future__ import annotations

from decimal import Decimal

from bot.simulator import rows, trading
from bot.simulator.instruments import SYMBOL, tier_of
from bot.simulator.intake import linear_only
from bot.simulator.margin import measure, prices_of
from bot.simulator.pages import WEEK_MS, page, window
from bot.simulator.params import Ask, Refusal, Reply
from bot.simulator.routes import Routes
from bot.simulator.state import Account, State

__all__ = ["ROUTES"]


def position_list(state: State, account: Account, ask: Ask) -> Reply:
    """With a symbol every row, flat ones too (two in hedge mode); by settleCoin only what is held (Bybit: position/position)."""
    linear_only(ask)
    if not ask.has("symbol") and not ask.has("settleCoin"):
        raise Refusal(10001, "params error: symbol or settleCoin is required")
    legs = account.live_legs()
    if not ask.has("symbol"):
        legs = tuple(leg for leg in legs if leg.size and ask.text("settleCoin") == "USDT")
    margin = measure(account, prices_of(state.market), state.rules)
    listed = [rows.position_row(state, account, leg, margin) for leg in legs]
    return Reply(result={"list": listed, "nextPageCursor": "", "category": "linear"})


def switch_mode(state: State, account: Account, ask: Ask) -> Reply:
    """0 one-way, 3 hedge; refused while anything is held or open (Bybit: position/position-mode)."""
    linear_only(ask)
    if not ask.has("symbol") and not ask.has("coin"):
        raise Refusal(10001, "params error: symbol or coin is required")
    mode = ask.whole("mode")
    if mode not in (0, 3):
        raise Refusal(10001, "params error: mode invalid")
    if account.hedge_mode == (mode == 3):
        raise Refusal(110025, "Position mode is not modified")
    if any(leg.size for leg in account.legs.values()):
        raise Refusal(110024, "You have an existing position, so position mode cannot be switched")
    if any(order.category == "linear" for order in account.orders.values()):
        raise Refusal(110028, "You have existing open orders, so position mode cannot be switched")
    account.hedge_mode = mode == 3
    for leg in account.live_legs():
        trading.tell_position(state, account, leg)
    return Reply()


def set_leverage(state: State, account: Account, ask: Ask) -> Reply:
    """Both sides alike except in isolated hedge mode; the same value again is 110043 (Bybit: position/leverage)."""
    linear_only(ask)
    ask.need("symbol")
    wanted = {"Buy": ask.amount("buyLeverage"), "Sell": ask.amount("sellLeverage")}
    if wanted["Buy"] != wanted["Sell"] and not (account.hedge_mode and account.margin_mode == "ISOLATED_MARGIN"):
        raise Refusal(10001, "buy leverage invalid")
    most = state.linear.max_leverage
    if any(not 1 <= value <= most or value % Decimal("0.01") for value in wanted.values()):
        raise Refusal(10001, "buy leverage invalid")
    if wanted == account.leverage:
        raise Refusal(110043, "Set leverage has not been modified.")
    for leg in account.live_legs():
        if leg.size and wanted[leg.side] > tier_of(leg.size * state.market.mark).max_leverage:
            raise Refusal(110013, "Cannot set leverage due to risk limit level.")
    before, account.leverage = account.leverage, wanted
    margin = measure(account, prices_of(state.market), state.rules)
    if margin.available < 0 and any(wanted[side] < before[side] for side in wanted):
        account.leverage = before
        raise Refusal(110044, "Available margin is insufficient")
    for leg in account.live_legs():
        trading.tell_position(state, account, leg)
    return Reply()


def closed_pnl(state: State, account: Account, ask: Ask) -> Reply:
    linear_only(ask)
    start, end = window(ask, state.now_ms, default_ms=WEEK_MS, most_ms=WEEK_MS)
    found = (row for row in reversed(account.closed_pnl) if start <= row.updated_ms <= end)
    shown, cursor = page(found, ask, default=50, most=100)
    listed = [rows.closed_pnl_row(row) for row in shown]
    return Reply(result={"nextPageCursor": cursor, "category": "linear", "list": listed})


def symbol_info(state: State, account: Account, ask: Ask) -> Reply:
    """Leverage per symbol and leg, position or not (Bybit: position/batch-lvg)."""
    linear_only(ask)
    listed = [
        {
            "symbol": SYMBOL,
            "leverage": str(account.leverage["Sell" if leg.idx == 2 else "Buy"]),
            "side": "Sell" if leg.idx == 2 else "Buy",
            "positionIdx": leg.idx,
        }
        for leg in reversed(account.live_legs())
    ]
    return Reply(result={"category": "linear", "list": listed})


ROUTES: Routes = {
    ("GET", "/v5/position/list"): (position_list, "any"),
    ("POST", "/v5/position/switch-mode"): (switch_mode, "Position"),
    ("POST", "/v5/position/set-leverage"): (set_leverage, "Position"),
    ("GET", "/v5/position/closed-pnl"): (closed_pnl, "any"),
    ("GET", "/v5/position/symbol-info"): (symbol_info, "any"),
}
