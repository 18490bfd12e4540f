"""The journal as the window may ask it: series, profit, decisions, orders, fills and notes, read beside the engine.

Reading happens in a thread, over a read-only connection, one question at a time: the writer is not disturbed and the event loop does not
wait. A disk that hangs is found before a question is put to it. Names carry their unit, as in the status document.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bot.domain.clock import elapsed_s
from bot.domain.errors import SetUp, Unavailable
from bot.journal import reports
from bot.journal.hand import Hand
from bot.journal.reader import JournalReader, look_into, open_journal
from bot.review.chronicle import Chronicle, Parts
from bot.review.reasoning import explained

__all__ = ["BY", "JournalArchive", "profit"]

T = TypeVar("T")

_FRESH_S = 2.0
_MOST_WAITING = 8
OPEN_S = 1.0
"""A journal that is not open by then lies on a disk that hangs."""
_UNITS = {
    **{name: f"{name}_btc" for name in ("qty", "filled", "closed", "delta", "gap")},
    **{name: f"{name}_usdt" for name in ("price", "limit", "avg_price", "fee")},
    **{"target": "target_delta_btc", "long_to": "long_target_btc", "short_to": "short_target_btc"},
}
BY = ("day", "leg", "cause")


class JournalArchive:
    """Answers questions about one journal. Raises Unavailable where it cannot be read or too many ask at once."""

    def __init__(self, path: Path, *, symbol: str) -> None:
        self._path = path
        self._chronicle = Chronicle(symbol=symbol)
        self._read_s = float("-inf")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archive")
        self._hand = Hand("archive", deadline_s=OPEN_S)
        self._waiting = 0
        self._is_closed = False

    def close(self) -> None:
        """Answer nothing more; a reading that runs comes to its end."""
        self._is_closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def series(self, from_ms: int | None, to_ms: int | None, points: int) -> dict[str, Any]:
        return await self._ask(lambda journal: self._up_to_date(journal).series(from_ms, to_ms, points))

    async def profit(self, by: str) -> dict[str, Any]:
        return await self._ask(lambda journal: profit(self._up_to_date(journal), by))

    async def decisions(self, last: int) -> list[dict[str, Any]]:
        return await self._ask(lambda journal: _newest_first(reports.decisions(journal, last=last)))

    async def decision(self, name: str) -> dict[str, Any] | None:
        return await self._ask(lambda journal: explained(journal, name))

    async def orders(self, last: int) -> list[dict[str, Any]]:
        return await self._ask(lambda journal: _newest_first(reports.orders(journal, last=last)))

    async def fills(self, last: int) -> list[dict[str, Any]]:
        return await self._ask(lambda journal: _newest_first(reports.fills(journal, last=last)))

    async def notes(self, last: int) -> list[dict[str, Any]]:
        return await self._ask(lambda journal: _newest_first(reports.notes(journal, last=last)))

    def _up_to_date(self, journal: JournalReader) -> Chronicle:
        if elapsed_s() - self._read_s > _FRESH_S:
            self._chronicle.read(journal)
            self._read_s = elapsed_s()
        return self._chronicle

    async def _ask(self, question: Callable[[JournalReader], T]) -> T:
        if self._is_closed:
            raise Unavailable("the daemon is leaving")
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many ask the journal at once", retry_after_s=2.0)
        self._waiting += 1
        try:
            await self._hand.wait_for(partial(look_into, self._path))
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, question)
        except SetUp as error:
            raise Unavailable(error.problem) from error
        except OSError as error:
            raise Unavailable(error.strerror or "its disk does not answer") from error
        finally:
            self._waiting -= 1

    def _read(self, question: Callable[[JournalReader], T]) -> T:
        with open_journal(self._path) as journal:
            return question(journal)


def profit(chronicle: Chronicle, by: str) -> dict[str, Any]:
    """Profit since the journal began as rows that add up to `total_usdt`; raises KeyError for another `by` than day, leg or cause."""
    rows = {"day": _by_day, "leg": _by_leg, "cause": _by_cause}[by](chronicle)
    return {"by": by, "rows": rows, "total_usdt": chronicle.parts.total}


def _by_day(chronicle: Chronicle) -> list[dict[str, Any]]:
    return [{"day_ms": day_ms, **_causes(parts), "total_usdt": parts.total} for day_ms, parts in chronicle.days()]


def _by_cause(chronicle: Chronicle) -> list[dict[str, Any]]:
    return [
        {"cause": name.removesuffix("_usdt"), "total_usdt": value} for name, value in _causes(chronicle.parts).items()
    ]


def _by_leg(chronicle: Chronicle) -> list[dict[str, Any]]:
    parts = chronicle.parts
    rows = [
        {"leg": "spot", "price_usdt": parts.spot},
        {
            "leg": "long",
            "price_usdt": parts.long_price,
            "funding_usdt": parts.long_funding,
            "fees_usdt": parts.long_fees,
        },
        {
            "leg": "short",
            "price_usdt": parts.short_price,
            "funding_usdt": parts.short_funding,
            "fees_usdt": parts.short_fees,
        },
        {"leg": "both, brought in", "price_usdt": parts.brought_in},
        {"leg": "loan", "interest_usdt": parts.interest},
    ]
    amounts = ("price_usdt", "funding_usdt", "fees_usdt", "interest_usdt")
    return [
        {"leg": row["leg"], **{name: row.get(name, Decimal(0)) for name in amounts}, "total_usdt": _sum(row)}
        for row in rows
    ]


def _sum(row: dict[str, Any]) -> Decimal:
    return sum((value for value in row.values() if isinstance(value, Decimal)), Decimal(0))


def _causes(parts: Parts) -> dict[str, Decimal]:
    return {
        "spot_usdt": parts.spot,
        "hedge_price_usdt": parts.long_price + parts.short_price,
        "brought_in_usdt": parts.brought_in,
        "funding_usdt": parts.long_funding + parts.short_funding,
        "fees_usdt": parts.long_fees + parts.short_fees,
        "interest_usdt": parts.interest,
    }


def _newest_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{_UNITS.get(name, name): value for name, value in row.items()} for row in reversed(rows)]
