"""Questions to Bybit and their validated answers.

Knows which endpoints answer a question, in which order they are asked, how pages are walked and what must be there for a reply to count;
does not know what the answer is for. What fails here raises Unavailable (or Refused): an error on page two is an error, not a short list.
(Bybit: position, order/open-order, order/order-list, order/execution, account/wallet-balance, account/transaction-log,
market/*.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import TypeVar

import msgspec
import structlog

from bot.domain import names
from bot.domain.account import AccountFacts, AccountReading, CashRow, Execution
from bot.domain.clock import Clock
from bot.domain.commands import ReadAccount, ReadHistory, SeekOrder
from bot.domain.errors import Refused, Unavailable
from bot.domain.events import AccountRead, Bar, FundingPoint, HistoryRead, OrderSought
from bot.domain.instrument import Instrument
from bot.domain.orders import OrderRow
from bot.exchange import wire_rest
from bot.exchange.patience import Patience
from bot.exchange.rest import Ask, Rest
from bot.exchange.retry import ask_again
from bot.exchange.wire_cash import cash_row
from bot.exchange.wire_rest import Envelope, Page
from bot.exchange.wire_rows import BadRow, ExecutionWire, OrderWire, decode, execution, order_row, readable, said

__all__ = ["Reader"]

_log = structlog.get_logger("exchange.reader")

T = TypeVar("T")
Params = Mapping[str, object]

DAY_MS = 86_400_000
WINDOW_MS = 7 * DAY_MS - 1000  # Bybit: start and end of a history query may be 7 days apart
MAX_PAGES = 200
_KLINES_PER_PAGE = 1000
_FUNDING_PER_PAGE = 200
_SETTLING_S = 2.0  # a candle is not taken as closed sooner than this after its end: the venue may not have confirmed it
_OVERLAP_S = 60.0  # how far the second look at the executions reaches back from the newest that the first one found


class Reader:
    """Reads one account and one contract. Each method is one whole question within `question_deadline_s`."""

    def __init__(
        self,
        rest: Rest,
        clock: Clock,
        *,
        symbol: str,
        rng: Random,
        patience: Patience,
        must_hold: tuple[str, ...] = ("BTC",),
        may_hold: tuple[str, ...] = ("USDT",),
    ) -> None:
        """`must_hold` are coins without which a wallet is not believed; those of `may_hold` are zero where a whole wallet omits them."""
        self._rest = rest
        self._clock = clock
        self._symbol = symbol
        self._rng = rng
        self._patience = patience
        self._must_hold = must_hold
        self._may_hold = may_hold

    async def read_history(self, command: ReadHistory) -> HistoryRead:
        """The contract's filters, the last closed candles and settled funding rates, oldest first. Raises Unavailable, Refused."""
        async with self._deadline("history"):
            about = await self._instrument()
            bars = await self._bars(command.minutes, command.bars)
            funding = await self._funding(command.funding_points)
        return HistoryRead(instrument=about, bars=bars, funding=funding)

    async def read_account(self, command: ReadAccount) -> AccountRead:
        """The whole account, read in an order that cannot miss an execution between two pages. Raises Unavailable, Refused.

        Legs and wallet are whole or there is no reading. A row of another symbol is passed over. An execution, order or line of the log
        that cannot be read is left out and named: it may stay odd, and blind us as long; what it did shows in legs and wallet.
        """
        async with self._deadline("account"):
            asked_ms, unread = self._clock.now_ms(), list[str]()
            before = await self._executions_since(command.executions_since_ms, asked_ms, unread)
            long, short = await self._parsed(
                Ask.POSITIONS, self._of_symbol(), lambda page: wire_rest.both_legs(page, self._symbol)
            )
            orders = await self._open_orders(unread)
            wallet = await self._parsed(
                Ask.WALLET,
                {"accountType": "UNIFIED"},
                lambda page: wire_rest.unified_wallet(page, must_hold=self._must_hold, may_hold=self._may_hold),
                category="",
            )
            since_ms = command.executions_since_ms
            overlap_ms = int(_OVERLAP_S * 1000 * self._clock.rate)
            newest_ms = max((row.exec_ms for row in before), default=since_ms)  # by the venue's own clock
            after = await self._executions_since(max(since_ms, newest_ms - overlap_ms), asked_ms, unread)
            facts = await self.read_facts() if command.with_facts else None
            cash = await self._cash_since(command.cash_since_ms, asked_ms, unread)
        reading = AccountReading(
            asked_ms=asked_ms,
            long=long,
            short=short,
            open_orders=orders,
            executions=_once_each([*before, *after]),
            wallet=wallet,
            cash=cash,
            unread=tuple(dict.fromkeys([*unread, *(f"wallet: {coin}" for coin in wallet.unread)])),
        )
        return AccountRead(reading=reading, facts=facts)

    async def read_facts(self) -> AccountFacts:
        """What must be verified before trading; works in one-way mode too, so that the mend can be named. Raises Unavailable, Refused."""
        key = await self._answer(Ask.KEY, {})
        account = await self._answer(Ask.ACCOUNT_INFO, {})
        positions = await self._page(Ask.POSITIONS, self._of_symbol())
        try:
            fees: Page | None = await self._page(Ask.FEE_RATE, self._of_symbol())
        except Refused:
            fees = None  # demo trading has no such page (Bybit: demo)
        return _parsed_or_unavailable(
            lambda: wire_rest.account_facts(
                key=key.result, account=account.result, positions=positions, fees=fees, symbol=self._symbol
            )
        )

    async def seek(self, command: SeekOrder) -> OrderSought:
        """One order by our own name for it: realtime, then history, then executions; all valid. Raises Unavailable, Refused.

        A row that bears its name and cannot be read is left out and named: it may stay odd, and is no absence.
        """
        link, unread = command.order_link_id, list[str]()
        named = {"category": "linear", "symbol": command.symbol, "orderLinkId": link}
        async with self._deadline("order"):
            order = await self._named_order(Ask.OPEN_ORDERS, named, unread)
            if order is None:
                order = await self._named_order(Ask.ORDER_HISTORY, named, unread)
            found = await self._walk(Ask.EXECUTIONS, {**named, "limit": 100})
        rows = _of_one(found, link, _execution_of, unread)
        return OrderSought(
            order_link_id=link, order=order, executions=_once_each(rows), unread=tuple(dict.fromkeys(unread))
        )

    async def read_newest_orders(self) -> tuple[list[OrderRow], list[str]]:
        """Open orders, and a page of those that have ended, that bear a HedgeLock's name; and the names of those that cannot be read.
        Raises Unavailable, Refused."""
        ended = await self._page(Ask.ORDER_HISTORY, {**self._of_symbol(), "limit": 50})
        still_open = await self._walk(Ask.OPEN_ORDERS, {**self._of_symbol(), "openOnly": 0, "limit": 50})
        rows, unread = list[OrderRow](), list[str]()
        for raw in _parsed_or_unavailable(
            lambda: [row for row in (*ended.rows, *still_open) if _is_of_a_hedgelock(row)]
        ):
            found, left_out = readable([raw], _order_of)
            rows += found
            unread += [said(raw, "orderLinkId", "order")] if left_out else []
        return rows, unread

    async def read_instrument(self) -> Instrument:
        """The contract's filters. Raises Unavailable, Refused."""
        return await self._instrument()

    async def _instrument(self) -> Instrument:
        return await self._parsed(
            Ask.INSTRUMENTS, self._of_symbol(), lambda page: wire_rest.instrument(page, self._symbol)
        )

    async def _bars(self, minutes: int, count: int) -> tuple[Bar, ...]:
        """The newest `count` closed candles, oldest first; fewer where the venue has no more."""
        closed_ms = self._clock.now_ms() - int(_SETTLING_S * 1000 * self._clock.rate)
        found: dict[int, Bar] = {}
        params: dict[str, object] = {**self._of_symbol(), "interval": str(minutes), "limit": _KLINES_PER_PAGE}
        for _ in range(MAX_PAGES):
            rows = await self._parsed(Ask.KLINE, params, lambda page: wire_rest.bars(page, minutes))
            new = {bar.start_ms: bar for bar in rows if bar.start_ms not in found}
            found |= new
            whole = [start for start in found if start + minutes * 60_000 <= closed_ms]
            if not new or len(whole) >= count:
                return tuple(found[start] for start in sorted(whole)[-count:]) if count else ()
            params["end"] = min(found) - 1
        raise Unavailable(f"KLINE: no end after {MAX_PAGES} pages")

    async def _funding(self, count: int) -> tuple[FundingPoint, ...]:
        """The newest `count` settled rates, oldest first; fewer where the venue has no more."""
        found: dict[int, FundingPoint] = {}
        params: dict[str, object] = {**self._of_symbol(), "limit": _FUNDING_PER_PAGE}
        for _ in range(MAX_PAGES):
            rows = await self._parsed(
                Ask.FUNDING_HISTORY, params, lambda page: wire_rest.funding_points(page, self._symbol)
            )
            new = {point.at_ms: point for point in rows if point.at_ms not in found}
            found |= new
            if not new or len(found) >= count:
                return tuple(found[at_ms] for at_ms in sorted(found)[-count:]) if count else ()
            params["endTime"] = (
                min(found) - 1
            )  # never startTime alone: that is an error here (Bybit: market/history-fund-rate)
        raise Unavailable(f"FUNDING_HISTORY: no end after {MAX_PAGES} pages")

    async def _executions_since(self, since_ms: int, now_ms: int, unread: list[str]) -> list[Execution]:
        """Executions from `since_ms` on, windows of under seven days walked one after another. 0 or less: the last seven days."""
        start_ms = since_ms if since_ms > 0 else now_ms - WINDOW_MS
        rows: list[Execution] = []
        while True:
            window = {"startTime": start_ms, "endTime": start_ms + WINDOW_MS, "limit": 100}
            found = await self._walk(Ask.EXECUTIONS, {**self._of_symbol(), **window})
            rows += self._readable(found, _execution_of, unread)
            start_ms += WINDOW_MS + 1
            if start_ms > now_ms:
                return rows

    async def _cash_since(self, since_ms: int | None, now_ms: int, unread: list[str]) -> tuple[CashRow, ...] | None:
        """The transaction log's rows from `since_ms` on, oldest first, each once. None where it cannot be read: a reading counts without.

        Asked for in windows that name both ends: with one end alone the venue answers for a single day (Bybit: account/transaction-log).
        """
        if since_ms is None:
            return None
        rows: list[msgspec.Raw] = []
        try:
            async with _Deadline(self._patience.cash_deadline_s, "transaction log"):
                for start_ms in range(since_ms, now_ms + 1, WINDOW_MS + 1):
                    window = {"startTime": start_ms, "endTime": start_ms + WINDOW_MS, "limit": 50}
                    asked = {"accountType": "UNIFIED", **window}
                    rows += await self._walk(Ask.TRANSACTION_LOG, asked, category="")
            found, odd = readable(rows, cash_row)
            if odd and not found:
                raise Unavailable(f"not one of {len(rows)} rows makes sense: {odd[0]}")
        except (Unavailable, Refused) as error:
            _log.warning("the transaction log could not be read", why=str(error), once="transaction log")
            return None
        unread += odd
        unique = {row.row_id: row for row in reversed(found)}  # the venue lists the newest first
        return tuple(sorted(unique.values(), key=lambda row: row.at_ms))

    async def _open_orders(self, unread: list[str]) -> tuple[OrderRow, ...]:
        found = await self._walk(Ask.OPEN_ORDERS, {**self._of_symbol(), "openOnly": 0, "limit": 50})
        return tuple({row.order_id: row for row in self._readable(found, _order_of, unread)}.values())

    async def _named_order(self, question: Ask, named: Mapping[str, str], unread: list[str]) -> OrderRow | None:
        page = await self._page(question, named)
        rows = _of_one(page.rows, named["orderLinkId"], _order_of, unread)
        return max(rows, key=lambda row: row.updated_ms, default=None)

    async def _walk(self, question: Ask, params: Params, *, category: str = "linear") -> list[msgspec.Raw]:
        """Every row of every page. A cursor that is empty, or a page without rows, ends it (Bybit gives cursors even on the last page)."""
        rows: list[msgspec.Raw] = []
        cursor = ""
        for _ in range(MAX_PAGES):
            page = await self._page(question, {**params, "cursor": cursor} if cursor else params, category=category)
            rows += page.rows
            if not page.rows or not page.next_page_cursor or page.next_page_cursor == cursor:
                return rows
            cursor = page.next_page_cursor
        raise Unavailable(f"{question.name}: no end after {MAX_PAGES} pages")

    async def _parsed(self, question: Ask, params: Params, read: Callable[[Page], T], *, category: str = "linear") -> T:
        page = await self._page(question, params, category=category)
        return _parsed_or_unavailable(lambda: read(page))

    async def _page(self, question: Ask, params: Params, *, category: str = "linear") -> Page:
        answer = await self._answer(question, params)
        return _parsed_or_unavailable(lambda: wire_rest.page(answer.result, category=category))

    async def _answer(self, question: Ask, params: Params) -> Envelope:
        return await ask_again(lambda: self._rest.ask(question, params), rng=self._rng, patience=self._patience)

    def _readable(self, rows: list[msgspec.Raw], read: Callable[[msgspec.Raw], T], unread: list[str]) -> list[T]:
        """Those of our symbol that can be read; why the others cannot is added to `unread`. Raises Unavailable."""
        found, left_out = _parsed_or_unavailable(lambda: readable(rows, read, self._symbol))
        unread += left_out
        return found

    def _of_symbol(self) -> dict[str, object]:
        return {"category": "linear", "symbol": self._symbol}

    def _deadline(self, what: str) -> _Deadline:
        return _Deadline(self._patience.question_deadline_s, what)


class _Deadline:
    """A time limit whose expiry is Unavailable, like every other missing answer."""

    def __init__(self, seconds: float, what: str) -> None:
        self._what = what
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        try:
            await self._timeout.__aexit__(*error)  # type: ignore[arg-type]
        except TimeoutError:
            raise Unavailable(f"{self._what}: no whole answer in {self._seconds:g} s") from None


def _parsed_or_unavailable(read: Callable[[], T]) -> T:
    """A reply that does not hold what was asked for is no observation."""
    try:
        return read()
    except BadRow as error:
        raise Unavailable(str(error)) from None


def _of_one(rows: list[msgspec.Raw], link: str, read: Callable[[msgspec.Raw], T], unread: list[str]) -> list[T]:
    """What the rows of the one order that was asked for say; why others cannot be read is added to `unread`. Raises Unavailable."""
    if _parsed_or_unavailable(lambda: any(said(raw, "orderLinkId", "list") != link for raw in rows)):
        raise Unavailable(f"rows of another order where {link} was asked for")
    found, left_out = readable(rows, read)
    unread += left_out
    return found


def _execution_of(raw: msgspec.Raw) -> Execution:
    return execution(decode(raw, ExecutionWire, "execution"))


def _is_of_a_hedgelock(raw: msgspec.Raw) -> bool:
    return names.parsed(said(raw, "orderLinkId", "order")) is not None


def _order_of(raw: msgspec.Raw) -> OrderRow:
    return order_row(decode(raw, OrderWire, "order"))


def _once_each(rows: list[Execution]) -> tuple[Execution, ...]:
    """Each execution once, oldest first; pages overlap and ties are not stable (Bybit: order/execution)."""
    unique = {row.exec_id: row for row in rows}
    return tuple(sorted(unique.values(), key=lambda row: (row.exec_ms, row.seq, row.exec_id)))
