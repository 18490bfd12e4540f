"""Questions and deeds: what the kill asks of the account, each answer validated before it counts, each order sent under its own name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from bot.domain.clock import elapsed_s, wall_ms
from scripts.kill import books
from scripts.kill.books import Filters, Legs, NotAnObservation, Pledge, Wallet
from scripts.kill.line import Line, NoAnswer, Refused

__all__ = ["Desk", "Sent"]

FALLBACK = Filters(
    qty_step=Decimal("0.001"), max_market_qty=Decimal(10), max_limit_qty=Decimal(10), tick=Decimal("0.1")
)
"""Where the contract's filters cannot be read: BTCUSDT's step and a size far below its limits (Bybit: market/instrument)."""
VISIBLE_S = 12.0
"""The longest we believe that something the venue took may stay unseen by every read."""
MOST_PAGES = 20
FINAL = frozenset({"Filled", "Cancelled", "PartiallyFilledCanceled", "Rejected", "Deactivated"})
CANNOT_REDUCE = frozenset({110017, 110033, 110034})
"""Refusals that say that there is nothing (left) to reduce: the legs are read again."""


@dataclass(slots=True, kw_only=True)
class Sent:
    """An order of ours. `outcome`: accepted, refused (certainly not at the venue) or unknown."""

    link: str
    idx: int
    qty: Decimal
    outcome: str
    why: str
    at_s: float
    executed: Decimal | None = None
    """What it traded, once that is known for good."""
    seq_before: int = -1
    """The leg's sequence number when it was sent: a row that counts its fill has a later one."""


class Desk:
    """One account and one symbol over one line. Every method raises Refused, NoAnswer or NotAnObservation."""

    def __init__(self, line: Line, symbol: str, *, loan_apart: bool | None = None) -> None:
        """`loan_apart`: as in `World`."""
        self._line, self._symbol, self._loan_apart = line, symbol, loan_apart
        self._pledge: Pledge | None = None
        self._newest: dict[int, int] = {}
        self._behind_since_s: float | None = None
        self._prefix = f"kill-{wall_ms():x}{os.urandom(2).hex()}"
        self._number = 0
        self.filters = FALLBACK
        self.first_close_s: float | None = None

    @property
    def _where(self) -> dict[str, str]:
        return {"category": "linear", "symbol": self._symbol}

    def legs(self) -> Legs:
        """Both legs now. A row older than one already seen is an old answer and does not count, unless for longer than any answer is old
        there was no other: a leg that was closed may be numbered anew.
        """
        found = books.legs(self._line.ask("get_positions", **self._where), self._symbol)
        behind = [row.idx for row in found.rows if row.seq < self._newest.get(row.idx, -1)]
        self._behind_since_s = (self._behind_since_s or elapsed_s()) if behind else None
        if self._behind_since_s and elapsed_s() - self._behind_since_s < VISIBLE_S:
            raise NotAnObservation(f"leg {behind[0]} is older than what was seen before")
        self._newest |= {row.idx: row.seq for row in found.rows}
        return found

    def open_orders(self) -> list[dict[str, Any]]:
        """Every open order of the symbol, conditional ones too."""
        return self._pages("get_open_orders", openOnly=0)

    def recent_orders(self) -> list[dict[str, Any]]:
        """The last page of ended orders."""
        return books.orders(self._line.ask("get_order_history", **self._where, limit=50), self._symbol)[0]

    def wallet(self) -> Wallet:
        return books.wallet(self._line.ask("get_wallet_balance", accountType="UNIFIED", coin="BTC,USDT"))

    def pledge(self) -> Pledge:
        """What is pledged in a Crypto Loan and counts. Read once: it stays, and may be asked for five times a second. Where the venue shows
        no loans, or not to this key, there is none, unless the settings say that there is one.
        """
        if self._loan_apart is False:
            return Pledge()
        if self._pledge is None:
            try:
                self._pledge = books.pledge(self._line.ask("get_position_new_crypto_loan"))
            except Refused:
                if self._loan_apart:
                    raise
                self._pledge = Pledge()
        return self._pledge

    def spot(self) -> Decimal:
        """The BTC to hedge: the wallet's, and what is pledged."""
        return self.wallet().btc + self.pledge().btc

    def mark(self) -> Decimal:
        return books.price(self._line.ask("get_tickers", **self._where), self._symbol)

    def learn_filters(self) -> None:
        """Take the contract's own limits instead of the careful guess."""
        self.filters = books.filters(self._line.ask("get_instruments_info", **self._where), self._symbol)

    def cancel_all(self) -> None:
        """Cancel every order of the symbol, of every kind (Bybit: order/cancel-all; without orderFilter all kinds of a perpetual)."""
        self._line.ask("cancel_all_orders", **self._where)

    def close(self, idx: int, side: str, qty: Decimal, *, limit: Decimal | None) -> Sent:
        """Reduce one leg by an explicit quantity: a market order, or IOC no worse than `limit`. Never raises: the outcome says it."""
        self._number += 1
        sent = Sent(
            link=f"{self._prefix}-{self._number}", idx=idx, qty=qty, outcome="accepted", why="", at_s=elapsed_s()
        )
        kind = (
            {"orderType": "Market"}
            if limit is None
            else {"orderType": "Limit", "price": str(limit), "timeInForce": "IOC"}
        )
        if self.first_close_s is None:
            self.first_close_s = sent.at_s
        try:
            self._line.ask(
                "place_order", **self._where, side=side, qty=f"{qty:f}", positionIdx=idx, reduceOnly=True,
                orderLinkId=sent.link, **kind,
            )  # fmt: skip
        except Refused as refusal:
            sent.outcome, sent.why, sent.executed = "refused", str(refusal), Decimal(0)
        except NoAnswer as silence:
            sent.outcome, sent.why = ("refused" if silence.never_left else "unknown"), str(silence)
            sent.executed = Decimal(0) if silence.never_left else None
        return sent

    def worst_price(self, side: str, mark: Decimal, share: Decimal) -> Decimal:
        """A limit `share` of the mark away, on the tick grid, for a book that takes no market order."""
        away = mark * (1 + share) if side == "Buy" else mark * (1 - share)
        rounding = ROUND_FLOOR if side == "Buy" else ROUND_CEILING
        return (away / self.filters.tick).to_integral_value(rounding) * self.filters.tick

    def look_up(self, sent: Sent) -> None:
        """Find out what an order of ours came to, if the venue can tell."""
        asks: tuple[Callable[[], dict[str, Any]], ...] = (
            lambda: self._line.ask("get_open_orders", **self._where, orderLinkId=sent.link),
            lambda: self._line.ask("get_order_history", **self._where, orderLinkId=sent.link),
        )
        for ask in asks:
            for row in books.orders(ask(), self._symbol)[0]:
                if row.get("orderLinkId") == sent.link and row.get("orderStatus") in FINAL:
                    sent.outcome, sent.executed = "accepted", Decimal(str(row.get("cumExecQty") or 0))
                    return

    def _pages(self, method: str, **params: Any) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        cursor = ""
        for _ in range(MOST_PAGES):
            more = {"cursor": cursor} if cursor else {}
            rows, following = books.orders(
                self._line.ask(method, **self._where, limit=50, **params, **more), self._symbol
            )
            found |= {row["orderId"]: row for row in rows}
            if not following or following == cursor or len(rows) < 50:
                return list(found.values())
            cursor = following
        raise NotAnObservation("more pages of orders than there can be")
