"""The inspector: looks at everything that must be true of key, account and contract before we trade, one question at a time.

Knows which page tells what; does not judge. A question that fails leaves its fact out and the others stand. It changes the position mode
when it is asked to, and nothing else. (Bybit: user/apikey-info, account/account-info, account/collateral-info, position/position-mode.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any, TypeVar

import msgspec

from bot.domain.clock import Clock, wall_ms
from bot.domain.commands import ReadLoan
from bot.domain.errors import HedgeLockError, Refused
from bot.domain.inspection import Inspection
from bot.domain.loan import LoanReading, Structure
from bot.domain.orders import OrderRow
from bot.exchange.lender import Lender
from bot.exchange.patience import Patience
from bot.exchange.reader import DAY_MS, Reader
from bot.exchange.rest import Ask, Rest, Tell

__all__ = ["Inspector"]

T = TypeVar("T")
HEDGE_MODE = 3  # Bybit: position/position-mode
KEY_CODES = frozenset({10003, 10004, 10005, 10007, 10008, 10010, 33004, -2015, 401})


class Inspector:
    """Looks at one account through one REST door. `structure` of the loan that is looked for; None: whichever there is, NONE: no loan."""

    def __init__(
        self,
        rest: Rest,
        clock: Clock,
        *,
        symbol: str,
        rng: Random,
        patience: Patience,
        structure: Structure | None = None,
    ) -> None:
        self._rest, self._clock = rest, clock
        self._symbol = symbol
        self._reader = Reader(rest, clock, symbol=symbol, rng=rng, patience=patience)
        self._lender, self._structure = Lender(rest, clock, rng=rng, patience=patience), structure

    async def inspect(self) -> Inspection:
        """Everything that can be had. Never raises for a question that fails."""
        failed: dict[str, str] = {}
        refused = False

        async def had(name: str, ask: Callable[[], Awaitable[T]]) -> T | None:
            nonlocal refused
            try:
                return await ask()
            except HedgeLockError as error:
                failed[name] = str(error)
                refused |= isinstance(error, Refused) and error.code in KEY_CODES
            except (msgspec.MsgspecError, KeyError, TypeError, ValueError, InvalidOperation, IndexError) as error:
                failed[name] = f"an answer that makes no sense ({type(error).__name__})"
            return None

        self._rest.take_headroom()
        facts = await had("account", self._reader.read_facts)
        positions = await had("positions", self._positions)
        orders = await had("open orders", lambda: self._rows(Ask.OPEN_ORDERS, category="linear", symbol=self._symbol))
        newest = await had("order history", self._newest_order)
        clock = self._rest.clock
        return Inspection(
            newest_order=newest[0] if newest else None,
            newest_order_age_s=newest[1] if newest else 0.0,
            unread_orders=newest[2] if newest else (),
            facts=facts,
            rights=await had("key", self._rights) or {},
            leverage=positions[0] if positions else None,
            flat=None if positions is None or orders is None else positions[1] and not orders,
            btc_is_collateral=await had("collateral", self._collateral),
            loan=await had("loan", self._loan),
            repays_itself=await had("auto repay", self._repays_itself),
            instrument=await had("contract", self._reader.read_instrument),
            has_disconnect_cancel=await had("disconnect protection", self._disconnect_cancel),
            headroom=self._rest.take_headroom(),
            clock_off_ms=None if clock is None else wall_ms() - self._rest.server_ms(),
            banned_for_s=self._rest.banned_for_s,
            failed=failed,
            refused=refused,
        )

    async def switch_to_hedge_mode(self) -> None:
        """Put the symbol into hedge mode; Bybit refuses while it has a position or an order. Raises Refused, OutcomeUnknown."""
        await self._rest.tell(Tell.SWITCH_MODE, {"category": "linear", "symbol": self._symbol, "mode": HEDGE_MODE})

    async def _positions(self) -> tuple[tuple[Decimal, Decimal], bool]:
        found = await self._rows(Ask.POSITIONS, category="linear", symbol=self._symbol)
        rows = [row for row in found if row["symbol"] == self._symbol]
        leverage = [Decimal(row["leverage"] or "0") for row in sorted(rows, key=lambda row: int(row["positionIdx"]))]
        return (leverage[0], leverage[-1]), all(Decimal(row["size"] or "0") == 0 for row in rows)

    async def _newest_order(self) -> tuple[OrderRow | None, float, tuple[str, ...]]:
        """The last order with a HedgeLock's name, its age in market seconds, and the names of those that cannot be read. What is older
        than a day is nobody's any more."""
        rows, unread = await self._reader.read_newest_orders()
        newest = max(rows, key=lambda row: row.created_ms, default=None)
        age_ms = self._clock.now_ms() - newest.created_ms if newest else 0
        return (newest if age_ms < DAY_MS else None), age_ms / 1000, tuple(unread)

    async def _rights(self) -> dict[str, tuple[str, ...]]:
        permissions = (await self._result(Ask.KEY))["permissions"]
        return {str(group): tuple(map(str, names)) for group, names in permissions.items()}

    async def _collateral(self) -> bool:
        rows = await self._rows(Ask.COLLATERAL_INFO, currency="BTC")
        (row,) = (row for row in rows if row.get("currency") == "BTC")
        return bool(row["collateralSwitch"] and row["marginCollateral"])

    async def _loan(self) -> LoanReading | None:
        if self._structure is Structure.NONE:
            return None
        return (await self._lender.read(ReadLoan(why="preflight", structure=self._structure))).reading

    async def _repays_itself(self) -> bool:
        rows = (await self._result(Ask.AUTO_REPAY, currency="USDT"))["data"]
        return any(row.get("currency") == "USDT" and str(row["autoRepayMode"]) == "1" for row in rows)

    async def _disconnect_cancel(self) -> bool:
        infos = (await self._result(Ask.DISCONNECT_PROTECTION)).get("dcpInfos") or []
        return any(row.get("product") == "DERIVATIVES" and row["dcpStatus"] == "ON" for row in infos)

    async def _rows(self, question: Ask, **params: object) -> list[dict[str, Any]]:
        rows = (await self._result(question, **params))["list"]
        if not isinstance(rows, list):
            raise ValueError("no list")
        return rows

    async def _result(self, question: Ask, **params: object) -> dict[str, Any]:
        answer = await self._rest.ask(question, params)
        return msgspec.json.decode(answer.result, type=dict[str, Any])
