"""The world's executor and reader: commands become requests in the same order, and answers are judged by the same tables, as in the bot.

A command is a generator that yields `Call`s and `Pause`s and returns the event for the inbox; there is no asyncio. What an answer means is
decided by `bot.exchange` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from bot.domain.account import AccountReading, CashRow, Execution
from bot.domain.commands import CancelOrder, Command, PlaceOrder, ReadAccount, ReadHistory, SeekOrder
from bot.domain.errors import HedgeLockError, OutcomeUnknown, Refused, Unavailable
from bot.domain.events import AccountRead, Event, HistoryRead, OrderAnswered, OrderSought, ReadFailed
from bot.domain.orders import OrderRow, Verdict
from bot.exchange import wire_rest
from bot.exchange.codes import is_ended, is_for_want
from bot.exchange.judge import Reply, judge_answer, judge_deed
from bot.exchange.reader import WINDOW_MS
from bot.exchange.wire_cash import cash_row
from bot.exchange.wire_rest import Envelope, Page
from bot.exchange.wire_rows import BadRow, ExecutionWire, OrderWire, decode, execution, order_row, readable
from tests.worlds.network import CANCEL, CREATE, NEVER_LEFT, Answer, Call

if TYPE_CHECKING:
    from tests.worlds.world import World

__all__ = ["Seen", "Shore"]

T = TypeVar("T")
ATTEMPTS = 3
MOST_SEEN = 512
MOST_ROWS = 4096
QUESTION_DEADLINE_MS = 30_000
OVERLAP_MS = 60_000
LINEAR: dict[str, object] = {"category": "linear", "symbol": "BTCUSDT"}


@dataclass(frozen=True, slots=True)
class Pause:
    ms: int


Script = Generator["Call | Pause", Answer, T]


class Shore:
    """One process's way out; it dies with its process."""

    MUST_HOLD: tuple[str, ...] = ("BTC",)
    """Coins without which a wallet is not believed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._life = world.life
        self._reading = False
        self._wanted: ReadAccount | None = None
        self._history = False

    def submit(self, command: Command) -> None:
        match command:
            case PlaceOrder():
                self._run(self._place(command), command)
            case CancelOrder():
                self._run(self._cancel(command), command)
            case SeekOrder():
                self._run(self._seek(command), command)
            case ReadHistory():
                self._run(self._read_history(command), command)
            case ReadAccount() if self._reading:
                waiting = self._wanted or command
                self._wanted = replace(
                    command,
                    executions_since_ms=min(waiting.executions_since_ms, command.executions_since_ms),
                    with_facts=waiting.with_facts or command.with_facts,
                    cash_since_ms=min(waiting.cash_since_ms or 0, command.cash_since_ms or 0),
                )
            case ReadAccount():
                self._reading = True
                self._run(self._read_account(command), command)

    def _run(self, script: Script[Event | None], command: Command) -> None:
        world, began = self._world, self._world.now

        def step(answer: Answer) -> None:
            if world.life != self._life:
                return
            try:
                if not isinstance(command, PlaceOrder | CancelOrder) and world.now - began > QUESTION_DEADLINE_MS:
                    raise Unavailable("no whole answer in time")
                wanted = script.send(answer)
            except StopIteration as end:
                self._done(command, end.value)
            except HedgeLockError as error:
                self._done(command, ReadFailed(what=type(command).__name__, reason=str(error)))
            else:
                if isinstance(wanted, Pause):
                    world.at(world.now + wanted.ms, lambda: step(None))
                else:
                    world.network.carry(wanted, step)

        step(None)

    def _done(self, command: Command, event: Event | None) -> None:
        if event is not None:
            self._world.hear(event)
        if isinstance(command, ReadAccount) and self._world.life == self._life:
            self._reading = False
            if self._wanted is not None:
                waiting, self._wanted = self._wanted, None
                self.submit(waiting)

    # -- deeds ----------------------------------------------------------------------------------------------------------------

    def _place(self, order: PlaceOrder) -> Script[Event]:
        answer = yield Call("POST", CREATE, wire_rest.order_params(order))
        verdict, code, reason, order_id = Verdict.UNKNOWN, None, "no answer", ""
        if answer is NEVER_LEFT:
            verdict, reason = Verdict.REFUSED, "it never left"
        elif answer is not None:
            try:
                order_id = wire_rest.created_order_id(judge_deed(answer), order.order_link_id)
                verdict, code, reason = Verdict.ACCEPTED, 0, "accepted"
            except Refused as error:
                verdict, code, reason = Verdict.REFUSED, error.code, error.reason
            except OutcomeUnknown as error:
                code, reason = error.code, error.reason
            except BadRow as error:
                code, reason = 0, str(error)
        self._world.checkers.on_verdict(order, verdict)
        return OrderAnswered(
            order_link_id=order.order_link_id,
            verdict=verdict,
            code=code,
            reason=reason,
            order_id=order_id,
            for_want=is_for_want(code),
        )

    def _cancel(self, command: CancelOrder) -> Script[Event | None]:
        answer = yield Call("POST", CANCEL, wire_rest.cancel_params(command))
        if answer is not None and answer is not NEVER_LEFT:
            try:
                judge_deed(answer)
                return None
            except (Refused, OutcomeUnknown) as error:
                if isinstance(error, Refused) and not is_ended(error.code):
                    return ReadFailed(what="CancelOrder", reason=error.reason)
        now_ms = self._world.engine_ms
        return (
            yield from self._seek(SeekOrder(order_link_id=command.order_link_id, symbol=command.symbol, sent_ms=now_ms))
        )

    # -- questions ------------------------------------------------------------------------------------------------------------

    def _read_history(self, command: ReadHistory) -> Script[Event]:
        seen = yield from self._page(Call("GET", "/v5/market/instruments-info", LINEAR, public=True))
        about = seen.once("instrument", lambda page: wire_rest.instrument(page, "BTCUSDT"))
        tape = self._world.tape
        return HistoryRead(
            instrument=about, bars=tape.closed_bars(command.bars), funding=tape.funding(command.funding_points)
        )

    def _read_account(self, command: ReadAccount) -> Script[Event]:
        asked_ms = self._world.engine_ms
        unread: list[str] = []
        before = yield from self._executions_since(command.executions_since_ms, asked_ms, unread)
        seen = yield from self._page(Call("GET", "/v5/position/list", LINEAR))
        long, short = seen.once("legs", lambda page: wire_rest.both_legs(page, "BTCUSDT"))
        orders = yield from self._walk("/v5/order/realtime", {**LINEAR, "openOnly": 0, "limit": 50}, _order_of, unread)
        seen = yield from self._page(Call("GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED"}))
        wallet = seen.once(
            "wallet", lambda page: wire_rest.unified_wallet(page, must_hold=self.MUST_HOLD, may_hold=("BTC", "USDT"))
        )
        since_ms = command.executions_since_ms
        newest_ms = max((row.exec_ms for row in before), default=since_ms)
        after = yield from self._executions_since(max(since_ms, newest_ms - OVERLAP_MS), asked_ms, unread)
        facts = None
        if command.with_facts:
            key = yield from self._ask(Call("GET", "/v5/user/query-api", {}))
            account = yield from self._ask(Call("GET", "/v5/account/info", {}))
            positions = yield from self._page(Call("GET", "/v5/position/list", LINEAR))
            facts = _parsed(
                lambda: wire_rest.account_facts(
                    key=key.result, account=account.result, positions=positions.page, fees=None, symbol="BTCUSDT"
                )
            )
        cash = yield from self._cash_since(command.cash_since_ms, unread)
        unique = {row.exec_id: row for row in (*before, *after)}
        reading = AccountReading(
            asked_ms=asked_ms,
            long=long,
            short=short,
            open_orders=tuple({row.order_id: row for row in orders}.values()),
            executions=tuple(sorted(unique.values(), key=lambda row: (row.exec_ms, row.seq, row.exec_id))),
            wallet=wallet,
            cash=cash,
            unread=tuple(dict.fromkeys([*unread, *(f"wallet: {coin}" for coin in wallet.unread)])),
        )
        return AccountRead(reading=reading, facts=facts)

    def _seek(self, command: SeekOrder) -> Script[Event]:
        named: dict[str, object] = {**LINEAR, "orderLinkId": command.order_link_id}
        order: OrderRow | None = None
        for path in ("/v5/order/realtime", "/v5/order/history"):
            if order is None:
                seen = yield from self._page(Call("GET", path, named))
                rows = seen.each(_order_of)
                if any(row.order_link_id != command.order_link_id for row in rows):
                    raise Unavailable("rows of another order")
                order = max(rows, key=lambda row: row.updated_ms, default=None)
        found = yield from self._walk("/v5/execution/list", {**named, "limit": 100}, _execution_of)
        unique = {row.exec_id: row for row in found}
        return OrderSought(order_link_id=command.order_link_id, order=order, executions=tuple(unique.values()))

    def _executions_since(self, since_ms: int, now_ms: int, unread: list[str]) -> Script[list[Execution]]:
        start = since_ms if since_ms > 0 else now_ms - WINDOW_MS
        rows: list[Execution] = []
        while True:
            window = {"startTime": start, "endTime": start + WINDOW_MS, "limit": 100}
            rows += yield from self._walk("/v5/execution/list", {**LINEAR, **window}, _execution_of, unread)
            start += WINDOW_MS + 1
            if start > now_ms:
                return rows

    def _cash_since(self, since_ms: int | None, unread: list[str]) -> Script[tuple[CashRow, ...] | None]:
        """The transaction log; a reading counts without it."""
        assert since_ms is not None
        window: dict[str, object] = {
            "accountType": "UNIFIED",
            "startTime": since_ms,
            "endTime": since_ms + WINDOW_MS,
            "limit": 50,
        }
        odd: list[str] = []
        try:
            rows = yield from self._walk("/v5/account/transaction-log", window, _cash_row_of, odd)
            if odd and not rows:
                raise Unavailable("not one row makes sense")
        except (Unavailable, Refused):
            self._world.marks["transaction log unread"] += 1
            return None
        unread += odd
        unique = {row.row_id: row for row in reversed(rows)}
        return tuple(sorted(unique.values(), key=lambda row: row.at_ms))

    def _walk(
        self, path: str, params: dict[str, object], read: Callable[[bytes], T], unread: list[str] | None = None
    ) -> Script[list[T]]:
        """Every row of every page; with `unread`, those that can be read."""
        rows: list[T] = []
        cursor = ""
        while True:
            seen = yield from self._page(Call("GET", path, {**params, "cursor": cursor} if cursor else params))
            rows += seen.each(read) if unread is None else seen.readable(read, unread)
            if not seen.page.rows or not seen.page.next_page_cursor or seen.page.next_page_cursor == cursor:
                return rows
            cursor = seen.page.next_page_cursor

    def _page(self, call: Call) -> Script[Seen]:
        """A page; one that came before is not decoded again, because decoding is pure."""
        answer = yield from self._ask(call)
        known, key = self._world.seen, (call.path, bytes(answer.result))
        if key not in known:
            category = "" if "/account/" in call.path else "linear"
            if len(known) > MOST_SEEN:
                known.clear()
            known[key] = Seen(_parsed(lambda: wire_rest.page(answer.result, category=category)))
        return known[key]

    def _ask(self, call: Call) -> Script[Envelope]:
        rng = self._world.rng
        for attempt in range(1, ATTEMPTS + 1):
            answer = yield call
            try:
                if answer is None or answer is NEVER_LEFT:
                    raise Unavailable("no answer")
                return self._judged(answer, call.path)
            except Unavailable:
                if attempt == ATTEMPTS:
                    raise
            yield Pause(rng.randint(250, 250 * 2**attempt))
        raise AssertionError

    def _judged(self, reply: Reply, path: str) -> Envelope:
        """The verdict on an answer; the same bytes are not judged twice."""
        known = self._world.judged
        if reply.status != 200 or reply.body not in known:
            answer = judge_answer(reply, name=path)
            if len(known) > MOST_SEEN:
                known.clear()
            known[reply.body] = answer
        return known[reply.body]


class Seen:
    """A page and what was read from it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._read: dict[object, Any] = {}

    def once(self, kind: str, read: Callable[[Page], T]) -> T:
        """What the page as a whole says. Raises Unavailable."""
        if kind not in self._read:
            self._read[kind] = _parsed(lambda: read(self.page))
        known: T = self._read[kind]
        return known

    def each(self, read: Callable[[bytes], T]) -> list[T]:
        """What each of its rows says. Raises Unavailable."""
        return self.once(read.__name__, lambda page: [read(bytes(raw)) for raw in page.rows])

    def readable(self, read: Callable[[bytes], T], unread: list[str]) -> list[T]:
        """What each of its rows of our symbol says that can be read; the others are added to `unread`. Raises Unavailable."""
        symbol = "" if read is _cash_row_of else "BTCUSDT"
        found, left_out = self.once(
            f"readable {read.__name__}", lambda page: readable(page.rows, lambda raw: read(bytes(raw)), symbol)
        )
        unread += left_out
        return found


def _parsed(read: Callable[[], T]) -> T:
    try:
        return read()
    except BadRow as error:
        raise Unavailable(str(error)) from None


@lru_cache(MOST_ROWS)
def _execution_of(raw: bytes) -> Execution:
    return execution(decode(raw, ExecutionWire, "execution"))


@lru_cache(MOST_ROWS)
def _order_of(raw: bytes) -> OrderRow:
    return order_row(decode(raw, OrderWire, "order"))


@lru_cache(MOST_ROWS)
def _cash_row_of(raw: bytes) -> CashRow:
    return cash_row(raw)
