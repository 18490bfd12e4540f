"""The desk of what is not offered: fixed-term crypto loans, lending, legacy crypto loans, fixed-rate borrowing.

An account that has none of these is told so: empty lists to read, and the refusal of each deed. Nothing here changes anything.
"""

from __future__ import annotations

from bot.simulator.params import Ask, Refusal, Reply
from bot.simulator.routes import Handler, PublicHandler, PublicRoutes, Routes
from bot.simulator.state import Account, State

__all__ = ["PUBLIC", "ROUTES"]


def _empty(ret_msg: str) -> Handler:
    def handler(state: State, account: Account, ask: Ask) -> Reply:
        return Reply(ret_msg=ret_msg, result={"list": [], "nextPageCursor": ""})

    return handler


def _refused(code: int, msg: str) -> Handler:
    def handler(state: State, account: Account, ask: Ask) -> Reply:
        raise Refusal(code, msg)

    return handler


def _public(ret_msg: str, name: str) -> PublicHandler:
    def handler(state: State, ask: Ask) -> Reply:
        return Reply(ret_msg=ret_msg, result={name: []})

    return handler


def inventory(state: State, account: Account, ask: Ask) -> Reply:
    """Nobody lends at a fixed rate; `updateTime` is in seconds here (Bybit: spot-margin-uta/fixed-available-inventory)."""
    asked = {name: ask.need(name) for name in ("currency", "term", "annualRate")}
    return Reply(result={**asked, "availableInventory": "0", "updateTime": str(state.now_ms // 1000)})


_FIXED, _LEGACY, _MARGIN = "/v5/crypto-loan-fixed/", "/v5/crypto-loan/", "/v5/spot-margin-trade/"
_NO_COIN = "The coin is not supported"

_LISTS = (
    *((_FIXED + name, "ok") for name in ("borrow-contract-info", "borrow-order-info", "renew-info")),
    *((_FIXED + name, "ok") for name in ("repayment-history", "supply-contract-info", "supply-order-info")),
    *((_LEGACY + name, "request.success") for name in ("ongoing-orders", "repayment-history")),
    *((_LEGACY + name, "request.success") for name in ("borrow-history", "adjustment-history")),
    *((_MARGIN + name, "success") for name in ("fixedborrow-order-info", "fixedborrow-contract-info")),
    (_MARGIN + "fixedborrow-order-quote", "success"),
)
_DEEDS = (
    ("POST", _FIXED + "borrow", 148001, _NO_COIN),
    ("POST", _FIXED + "supply", 148001, _NO_COIN),
    ("POST", _FIXED + "borrow-order-cancel", 148023, "The order does not exist"),
    ("POST", _FIXED + "supply-order-cancel", 148023, "The order does not exist"),
    ("POST", _FIXED + "renew", 148013, "There is no loan"),
    ("POST", _FIXED + "fully-repay", 148032, "There is no debt to repay"),
    ("POST", _FIXED + "repay-collateral", 148032, "There is no debt to repay"),
    ("POST", _LEGACY + "repay", 177005, "The order does not exist"),
    ("POST", _LEGACY + "adjust-ltv", 177005, "The order does not exist"),
    ("GET", _LEGACY + "max-collateral-amount", 177005, "The order does not exist"),
    ("GET", _LEGACY + "borrowable-collateralisable-number", 177006, _NO_COIN),
    ("POST", _MARGIN + "fixedborrow", 34022010, _NO_COIN),
    ("POST", _MARGIN + "fixedborrow-renew", 34022041, "There is no debt to repay"),
)
ROUTES: Routes = {
    **{("GET", path): (_empty(ret_msg), "SpotTrade") for path, ret_msg in _LISTS},
    **{(method, path): (_refused(code, msg), "SpotTrade") for method, path, code, msg in _DEEDS},
    ("GET", _MARGIN + "fixed-available-inventory"): (inventory, "any"),
}
PUBLIC: PublicRoutes = {
    _FIXED + "borrow-order-quote": _public("ok", "list"),
    _FIXED + "supply-order-quote": _public("ok", "list"),
    _LEGACY + "collateral-data": _public("request.success", "vipCoinList"),
    _LEGACY + "loanable-data": _public("request.success", "vipCoinList"),
}
