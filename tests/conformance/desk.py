"""The language of the cards: ask, place, cancel, wait, expect; at any V5 host.

A `Desk` holds one client, the contract's filters, and perhaps a `hand` (the simulator's control endpoint). Cards that need the market
or the account to be moved say so and are skipped where there is no hand.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import ROUND_CEILING, Decimal
from typing import Any

from bot.domain.clock import wall_ms
from tests.client import Client, Socket

__all__ = ["Desk"]

D = Decimal
PATIENCE_S = 10.0
LINEAR = {"category": "linear", "symbol": "BTCUSDT"}
PUBLIC, PRIVATE, TRADE = "/v5/public/linear", "/v5/private", "/v5/trade"


class Desk:
    """One account at one host, with the manners of a careful client: paced, and patient with what happens later."""

    def __init__(self, client: Client, *, ws_url: str = "", private_ws_url: str = "", hand: bool = False) -> None:
        self.client, self.hand = client, hand
        self._ws_url, self._private_ws_url = ws_url or client.url, private_ws_url or ws_url or client.url
        self._names = itertools.count(1)
        self._run = f"{wall_ms():x}"

    # -- asking -------------------------------------------------------------------------------------------------------------------------

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        """`result` of a GET that must succeed."""
        answer = await self.client.get(path, **params)
        assert answer["retCode"] == 0, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def post(self, path: str, code: int | tuple[int, ...] | None = 0, **params: Any) -> dict[str, Any]:
        """The whole answer to a POST, whose code must be `code` (or one of them; None = any). Waits out the rate limit."""
        while (answer := await self.client.post(path, **params))["retCode"] == 10006:  # noqa: ASYNC110 — a quota frees itself
            await asyncio.sleep(0.2)
        assert code is None or answer["retCode"] in (code if isinstance(code, tuple) else (code,)), answer
        return answer

    async def price(self) -> Decimal:
        rows = (await self.get("/v5/market/tickers", **LINEAR))["list"]
        return D(rows[0]["lastPrice"])

    async def least(self) -> Decimal:
        """The smallest quantity worth more than the contract's least value."""
        row = (await self.get("/v5/market/instruments-info", **LINEAR))["list"][0]["lotSizeFilter"]
        step = D(row["qtyStep"])
        worth = D(row["minNotionalValue"]) * D("1.2") / await self.price()
        return max(D(row["minOrderQty"]), (worth / step).to_integral_value(ROUND_CEILING) * step)

    def name(self) -> str:
        """An orderLinkId nobody had before."""
        return f"card-{self._run}-{next(self._names)}"

    # -- orders -------------------------------------------------------------------------------------------------------------------------

    async def place(self, code: int | tuple[int, ...] = 0, **changes: Any) -> dict[str, Any]:
        """The answer to an order: by default a market order that grows the long leg by the least quantity."""
        order = {**LINEAR, "side": "Buy", "orderType": "Market", "qty": str(await self.least()), "positionIdx": 1}
        order |= {"orderLinkId": self.name()}
        order |= {name: str(value) if isinstance(value, Decimal) else value for name, value in changes.items()}
        return await self.post(
            "/v5/order/create", code, **{name: value for name, value in order.items() if value is not None}
        )

    async def rest(self, share: str = "0.95", **changes: Any) -> dict[str, Any]:
        """A limit order of the long leg that stands `share` of the price away from trading."""
        price = (await self.price() * D(share)).quantize(D("0.1"))
        return await self.place(orderType="Limit", price=price, **changes)

    async def cancel(self, order_id: str, code: int | tuple[int, ...] = 0) -> dict[str, Any]:
        return await self.post("/v5/order/cancel", code, **LINEAR, orderId=order_id)

    async def order(self, order_id: str) -> dict[str, Any]:
        """The order's row, wherever it is listed by now."""
        for path in ("/v5/order/realtime", "/v5/order/history"):
            rows = (await self.get(path, **LINEAR, orderId=order_id))["list"]
            if rows:
                row: dict[str, Any] = rows[0]
                return row
        return {}

    async def ended(self, order_id: str) -> dict[str, Any]:
        """The order's row once it is closed."""
        return await self.until(
            lambda: self.order(order_id),
            lambda row: row.get("orderStatus") in ("Filled", "Cancelled", "Rejected", "Deactivated"),
        )

    async def executions(self, order_id: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.get("/v5/execution/list", **LINEAR, orderId=order_id))["list"]
        return rows

    async def sizes(self) -> tuple[Decimal, Decimal]:
        """(long, short) leg sizes in hedge mode."""
        rows = (await self.get("/v5/position/list", **LINEAR))["list"]
        legs = {row["positionIdx"]: D(row["size"] or "0") for row in rows}
        return legs.get(1, D(0)), legs.get(2, D(0))

    async def wallet(self, coin: str) -> dict[str, Any]:
        """The coin's row of the unified wallet; {} when the account has none."""
        account = (await self.get("/v5/account/wallet-balance", accountType="UNIFIED"))["list"][0]
        return next((row for row in account["coin"] if row["coin"] == coin), {})

    async def until(self, ask: Any, met: Any) -> Any:
        """Ask again until the answer is as it must become. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while not met(answer := await ask()):  # noqa: ASYNC110 — a venue over HTTP tells nobody
                await asyncio.sleep(0.05)
            return answer

    async def tidy(self) -> None:
        """Hedge mode, no open orders."""
        await self.post("/v5/position/switch-mode", (0, 110025, 110024, 110028), **LINEAR, mode=3)
        await self.post("/v5/order/cancel-all", **LINEAR)

    # -- sockets ------------------------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def socket(self, path: str, *topics: str) -> AsyncIterator[Socket]:
        url = self._ws_url if path == PUBLIC else self._private_ws_url
        async with self.client.socket(path, *topics, url=url) as socket:
            yield socket

    # -- the hand -----------------------------------------------------------------------------------------------------------------------

    async def pass_time(self, *, minutes: float = 0, ms: int = 0) -> None:
        await self.client.sim("POST", "pause")
        told = await self.client.sim("POST", "step", ms=int(minutes * 60_000) + ms)
        assert "error" not in told, told

    async def fault(self, fault: str, **limits: Any) -> None:
        told = await self.client.sim("POST", "faults", fault=fault, **limits)
        assert "error" not in told, told

    async def market_ms(self) -> int:
        return int((await self.client.sim("GET", "clock"))["market_ms"])
