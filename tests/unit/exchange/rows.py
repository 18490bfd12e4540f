"""Rows as the venue sends them, whole and plausible; a test spoils what it is about."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from tests.unit.exchange.scripted import NOW_MS

__all__ = ["a_coin", "a_leg", "a_wallet", "an_execution", "an_order"]


def a_leg(idx: int, size: str = "0.213", symbol: str = "BTCUSDT", side: str | None = None) -> dict[str, Any]:
    return {
        "positionIdx": idx,
        "symbol": symbol,
        "side": side if side is not None else {0: "Buy", 1: "Buy", 2: "Sell"}[idx] if D(size) else "",
        "size": size,
        "avgPrice": "115000" if D(size) else "0",
        "markPrice": "116000",
        "liqPrice": "",
        "leverage": "25",
        "unrealisedPnl": "1.5",
        "positionMM": "12",
        "adlRankIndicator": 2,
        "seq": 7,
        "updatedTime": "1760000000000",
    }


def a_coin(coin: str, balance: str = "0.27", **changes: Any) -> dict[str, Any]:
    return {
        "coin": coin,
        "walletBalance": balance,
        "equity": balance,
        "borrowAmount": "0",
        "usdValue": balance,
        "spotBorrow": "0",
        "unrealisedPnl": "0",
        "accruedInterest": "",
        "collateralSwitch": True,
        "marginCollateral": True,
    } | changes


def a_wallet(*coins: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "accountType": "UNIFIED",
        "totalEquity": "15000",
        "totalMarginBalance": "14000",
        "totalAvailableBalance": "",
        "accountIMRate": "0.2",
        "accountMMRate": "0.05",
        "coin": list(coins),
    } | changes


def an_execution(exec_id: str, at_ms: int = NOW_MS, **changes: Any) -> dict[str, Any]:
    return {
        "execId": exec_id,
        "symbol": "BTCUSDT",
        "side": "Sell",
        "execType": "Trade",
        "execQty": "0.1",
        "execPrice": "115000.1",
        "execFee": "6.3",
        "feeCurrency": "",
        "closedSize": "0.1",
        "execTime": str(at_ms),
        "orderId": "o1",
        "orderLinkId": "h-1",
        "isMaker": False,
        "seq": 11,
        "extraFees": "",
    } | changes


def an_order(order_id: str = "o1", link: str = "h-1", **changes: Any) -> dict[str, Any]:
    return {
        "orderId": order_id,
        "orderLinkId": link,
        "symbol": "BTCUSDT",
        "side": "Sell",
        "orderStatus": "New",
        "qty": "0.1",
        "cumExecQty": "0",
        "positionIdx": 2,
        "reduceOnly": False,
        "price": "116000",
        "avgPrice": "",
        "createdTime": str(NOW_MS),
        "updatedTime": str(NOW_MS),
    } | changes
