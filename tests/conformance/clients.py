"""Clients nobody here wrote, unmodified but for the host."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import ccxt.async_support
import ccxt.pro
from pybit import _websocket_trading, unified_trading

from tests.client import KEY, SECRET

__all__ = ["SYMBOL", "ccxt_at", "ccxt_pro_at", "pybit_at", "pybit_http"]

SYMBOL = "BTC/USDT:USDT"
_OPTIONS = {"apiKey": KEY, "secret": SECRET, "enableRateLimit": False}
"""ccxt's own brake is off: the venue's limits are what is tried here."""


@asynccontextmanager
async def ccxt_at(url: str) -> AsyncIterator[Any]:
    """ccxt's asynchronous client with the paper account's key."""
    exchange = ccxt.async_support.bybit(_OPTIONS)
    _point(exchange, url)
    try:
        yield exchange
    finally:
        await exchange.close()


@asynccontextmanager
async def ccxt_pro_at(url: str) -> AsyncIterator[Any]:
    """ccxt's streaming client with the paper account's key."""
    exchange = ccxt.pro.bybit(_OPTIONS)
    _point(exchange, url)
    ws = url.replace("http", "ws", 1)
    exchange.urls["api"]["ws"] = {
        "public": {name: f"{ws}/v5/public/{name}" for name in ("spot", "linear")},
        "private": {
            "spot": {"unified": f"{ws}/v5/private"},
            "contract": f"{ws}/v5/private",
            "trade": f"{ws}/v5/trade",
        },
    }
    try:
        yield exchange
    finally:
        await exchange.close()


def _point(exchange: Any, url: str) -> None:
    for name, value in exchange.urls["api"].items():
        if isinstance(value, str):
            exchange.urls["api"][name] = url


def pybit_http(url: str) -> Any:
    """pybit's REST client; its host is an attribute."""
    session = unified_trading.HTTP(api_key=KEY, api_secret=SECRET)
    session.endpoint = url
    return session


@contextmanager
def pybit_at(url: str) -> Iterator[None]:
    """While it lasts, pybit's sockets find this host: its addresses are constants of its modules."""
    ws = url.replace("http", "ws", 1)
    with (
        patch.object(unified_trading, "PRIVATE_WSS", f"{ws}/v5/private"),
        patch.object(unified_trading, "PUBLIC_WSS", f"{ws}/v5/public/{{CHANNEL_TYPE}}"),
        patch.object(_websocket_trading, "TRADE_WSS", f"{ws}/v5/trade"),
    ):
        yield
