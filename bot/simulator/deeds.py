"""Misfortunes that are deeds: something happens at the venue, once, now.

Knows the venue's hooks and the account's own powers; works in process and under the server alike. `perform` does a deed of the catalogue's
"account" entries; `foretell` does what must happen just before one request arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.simulator import trading
from bot.simulator.faults import Injection
from bot.simulator.params import Refusal, Reply
from bot.simulator.state import Account, Fate
from bot.simulator.venue import Tick, Venue

__all__ = ["foretell", "perform", "trade_by_owner"]

D = Decimal
MARGIN_MODES = ("ISOLATED_MARGIN", "REGULAR_MARGIN", "PORTFOLIO_MARGIN")


def perform(venue: Venue, injection: Injection) -> str:
    """Do it, and say in a few words what was done. Raises ValueError when the value makes no sense, KeyError for an unknown account."""
    account = injection.account or next(iter(venue.state.accounts))
    if account not in venue.state.accounts:
        raise KeyError(account)
    try:
        return _DEEDS[injection.fault](venue, venue.state.accounts[account], injection.says)
    except (InvalidOperation, TypeError) as error:
        raise ValueError(f"{injection.fault}: {injection.says!r} makes no sense") from error
    except Refusal as refusal:
        raise ValueError(f"{injection.fault}: {refusal.msg}") from refusal


def foretell(venue: Venue, account: str, path: str, params: Mapping[str, Any], omens: tuple[Injection, ...]) -> None:
    """What happens to the account just before a request of its own arrives."""
    for omen in omens:
        match omen.fault:
            case "leg-shrinks-first" if path == "/v5/order/create" and params.get("reduceOnly"):
                idx = int(params.get("positionIdx") or 0)
                half = venue.state.linear.floor_qty(venue.state.accounts[account].legs[idx].size / 2)
                trade_by_owner(venue, account, idx, -half)
            case "post-only-killed" if params.get("timeInForce") == "PostOnly":
                venue.doom(account, Fate(kind="partial", share=D(0), reason="EC_PostOnlyWillTakeLiquidity"))
            case "order-rejected-later" if path == "/v5/order/create":
                venue.doom(account, Fate(kind="reject"))
            case "order-cut-short" if path == "/v5/order/create":
                venue.doom(account, Fate(kind="partial", share=D(omen.says), reason="EC_NoImmediateQtyToFill"))
            case "cancel-race" if path == "/v5/order/cancel":
                _fill_first(venue, account, params)


def trade_by_owner(venue: Venue, account: str, idx: int, growth: Decimal) -> Reply:
    """The owner grows (or, below zero, shrinks) a leg at market, by hand."""
    size = venue.state.linear.floor_qty(abs(growth))
    side = "Buy" if (idx == 2) == (growth < 0) else "Sell"
    params = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": side,
        "orderType": "Market",
        "qty": f"{size:f}",
        "positionIdx": idx,
        "reduceOnly": growth < 0,
    }
    return venue.request(account, "POST", "/v5/order/create", params)


def _fill_first(venue: Venue, account: str, params: Mapping[str, Any]) -> None:
    """The market prints through the order that is about to be cancelled."""
    market, tick_size = venue.state.market, venue.state.linear.tick_size
    for order in list(venue.state.accounts[account].resting("linear")):
        if params.get("orderId") not in (None, order.order_id) or params.get("orderLinkId") not in (
            None,
            "",
            order.link_id,
        ):
            continue
        through = order.price - tick_size if order.side == "Buy" else order.price + tick_size
        here = Tick(at_ms=venue.now_ms, last=market.last, mark=market.mark, index=market.index)
        venue.step(replace(here, last=through, volume=order.leaves))
        venue.step(here)
        return


# -- deeds ------------------------------------------------------------------------------------------------------------------------------


def _book_thin(venue: Venue, account: Account, value: str) -> str:
    venue.set_rules(replace(venue.state.rules, book_levels=1, linear_level_qty=D(value), spot_level_qty=D(value)))
    return f"one level of {value} BTC a side"


def _funding_interval(venue: Venue, account: Account, value: str) -> str:
    venue.set_contract("linear", funding_interval_min=int(value))
    return f"funding every {value} minutes, next at {venue.state.market.next_funding_ms}"


def _contract_change(venue: Venue, account: Account, value: str) -> str:
    field, _, number = value.partition("=")
    if not hasattr(venue.state.linear, field):
        raise ValueError(f"the contract has no {field!r}")
    venue.set_contract("linear", **{field: D(number)})
    return value


def _contract_status(venue: Venue, account: Account, value: str) -> str:
    venue.set_contract("linear", status=value)
    return value


def _foreign_trade(venue: Venue, account: Account, value: str) -> str:
    growth = D(value)
    if account.hedge_mode:
        reply = trade_by_owner(venue, account.name, 1 if growth > 0 else 2, abs(growth))
    else:
        reply = trade_by_owner(venue, account.name, 0, growth)
    return f"{reply.ret_code} {reply.ret_msg}"


def _adl(venue: Venue, account: Account, value: str) -> str:
    idx, _, share = value.partition(":")
    leg = account.legs[int(idx)]
    qty = venue.state.linear.floor_qty(leg.size * D(share))
    return f"order {venue.adl(account.name, int(idx), qty)}"


def _liquidation(venue: Venue, account: Account, value: str) -> str:
    venue.liquidate(account.name)
    return "liquidated"


def _deposit(venue: Venue, account: Account, value: str) -> str:
    coin, amount, where = [*value.split(":"), "UNIFIED"][:3]
    venue.deposit(account.name, coin, D(amount), where)
    return value


def _collateral_off(venue: Venue, account: Account, value: str) -> str:
    """The platform's switch, not the user's: nobody asks whether the account can bear it."""
    account.purses[value].collateral_on = False
    _settle(venue, account)
    return f"{value} counts for nothing"


def _margin_mode(venue: Venue, account: Account, value: str) -> str:
    if value not in MARGIN_MODES:
        raise ValueError(f"a margin mode is {', '.join(MARGIN_MODES)}, not {value!r}")
    account.margin_mode, account.mode_changed_ms = value, venue.now_ms
    _settle(venue, account)
    return value


def _position_mode(venue: Venue, account: Account, value: str) -> str:
    if value not in ("0", "3"):
        raise ValueError(f"a position mode is 0 (one-way) or 3 (hedge), not {value!r}")
    venue.change_mode(account.name, hedge=value == "3")
    return "hedge mode" if account.hedge_mode else "one-way mode"


def _leverage_reset(venue: Venue, account: Account, value: str) -> str:
    """Set over a live position: nobody asks whether margin or tier allow it."""
    leverage = D(value)
    if not 1 <= leverage <= venue.state.linear.max_leverage:
        raise ValueError(f"a leverage lies between 1 and {venue.state.linear.max_leverage}, not at {value}")
    account.leverage = {"Buy": leverage, "Sell": leverage}
    for leg in account.live_legs():
        trading.tell_position(venue.state, account, leg)
    _settle(venue, account)
    return f"{value} x"


def _closed_forgotten(venue: Venue, account: Account, value: str) -> str:
    gone = len(account.closed)
    account.closed.clear()
    return f"{gone} closed orders forgotten"


def _settle(venue: Venue, account: Account) -> None:
    """Let the venue look at the changed account afresh, and tell it so."""
    trading.tell_wallet(venue.state, account)
    venue.advance(venue.now_ms)


_DEEDS: dict[str, Callable[[Venue, Account, str], str]] = {
    "book-thin": _book_thin,
    "funding-interval": _funding_interval,
    "contract-change": _contract_change,
    "contract-status": _contract_status,
    "foreign-trade": _foreign_trade,
    "adl": _adl,
    "liquidation": _liquidation,
    "deposit": _deposit,
    "collateral-off": _collateral_off,
    "margin-mode": _margin_mode,
    "position-mode": _position_mode,
    "leverage-reset": _leverage_reset,
    "closed-forgotten": _closed_forgotten,
}
