"""A trader at the venue: the few words the simulator's stories are told in."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.simulator.venue import Push, Reply, Tick, Venue, VenueRules

D = Decimal
START_MS = 1_752_192_000_000  # 2025-07-11 00:00 UTC: a funding instant
HOUR_MS = 3_600_000

SEED_BOOK: dict[str, Any] = {
    "coins": {"BTC": D("0.27")},
    "borrowed": {"USDT": D("16200")},
    "legs": {1: (D("0.213"), None), 2: (D("0.213"), None)},
    "leverage": D(25),
}


class Pit:
    """A venue with one account "me" and a price."""

    def __init__(self, *, price: str = "116000", rules: VenueRules | None = None, seed: int = 7, **book: Any) -> None:
        self.venue = Venue(seed=seed, now_ms=START_MS, rules=rules)
        self.price = D(price)
        self.tick(price, rate="0.0001")
        self.account = self.venue.open_account("me", **(book or SEED_BOOK))

    # -- the market -----------------------------------------------------------------------------------------------------------

    def tick(self, price: str | Decimal, *, after_ms: int = 0, volume: str = "0", rate: str | None = None) -> None:
        """The tape prints `price` everywhere, `after_ms` later."""
        self.price = D(price)
        self.venue.step(
            Tick(
                at_ms=self.venue.now_ms + after_ms,
                last=self.price,
                mark=self.price,
                index=self.price,
                volume=D(volume),
                funding_rate=None if rate is None else D(rate),
            )
        )

    def wait(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Time passes at an unmoved price."""
        self.venue.advance(self.venue.now_ms + int((hours * 3600 + minutes * 60 + seconds) * 1000))

    # -- asking ---------------------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, /, **params: object) -> Reply:
        return self.venue.request("me", method, path, params)

    def done(self, method: str, path: str, /, **params: object) -> dict[str, Any]:
        """The result of a request that must succeed."""
        reply = self.ask(method, path, **params)
        assert reply.ret_code == 0, f"{path}: {reply.ret_code} {reply.ret_msg}"
        assert reply.result is not None
        return reply.result

    def refused(self, method: str, path: str, /, **params: object) -> int:
        """The retCode of a request that must be refused."""
        reply = self.ask(method, path, **params)
        assert reply.ret_code, f"{path} was accepted: {reply.result}"
        return reply.ret_code

    def order(self, side: str, qty: str, price: str | None = None, **more: object) -> dict[str, Any]:
        """The history or live row of an order just placed."""
        placed = self.done("POST", "/v5/order/create", **self.wish(side, qty, price, **more))
        return self.found(placed["orderId"], category=str(more.get("category", "linear")))

    def order_refused(self, side: str, qty: str, price: str | None = None, **more: object) -> int:
        return self.refused("POST", "/v5/order/create", **self.wish(side, qty, price, **more))

    @staticmethod
    def wish(side: str, qty: str, price: str | None = None, **more: object) -> Mapping[str, object]:
        kind = {"orderType": "Limit", "price": price} if price else {"orderType": "Market"}
        return {"category": "linear", "symbol": "BTCUSDT", "side": side, "qty": qty, **kind, **more}

    def found(self, order_id: str, *, category: str = "linear") -> dict[str, Any]:
        return self.done("GET", "/v5/order/realtime", category=category, orderId=order_id)["list"][0]

    # -- looking --------------------------------------------------------------------------------------------------------------

    def legs(self) -> tuple[str, ...]:
        """Sizes of the rows of position/list."""
        rows = self.done("GET", "/v5/position/list", category="linear", symbol="BTCUSDT")["list"]
        return tuple(row["size"] for row in rows)

    def leg(self, idx: int) -> dict[str, Any]:
        rows = self.done("GET", "/v5/position/list", category="linear", symbol="BTCUSDT")["list"]
        return next(row for row in rows if row["positionIdx"] == idx)

    def wallet(self) -> dict[str, Any]:
        return self.done("GET", "/v5/account/wallet-balance", accountType="UNIFIED")["list"][0]

    def coin(self, coin: str) -> dict[str, Any]:
        wallet = self.done("GET", "/v5/account/wallet-balance", accountType="UNIFIED", coin=coin)
        return wallet["list"][0]["coin"][0]

    def log(self, kind: str = "") -> list[dict[str, Any]]:
        """Transaction-log rows of a type, oldest first."""
        rows = self.done("GET", "/v5/account/transaction-log", accountType="UNIFIED", type=kind, limit=50)["list"]
        return list(reversed(rows))

    def fills(self, **more: object) -> list[dict[str, Any]]:
        """Executions, oldest first."""
        rows = self.done("GET", "/v5/execution/list", **{"category": "linear", "limit": 100, **more})["list"]
        return list(reversed(rows))

    def open_orders(self, category: str = "linear") -> list[dict[str, Any]]:
        return self.done("GET", "/v5/order/realtime", category=category, symbol="BTCUSDT")["list"]

    def pushes(self, topic: str = "") -> list[Push]:
        return [push for push in self.venue.drain() if topic in ("", push.topic)]
