"""The work: cancel and close, again and again, until two validated readings show it done and nothing unknown can still land.

Knows no way to fail but to run out of the time it was given. One error never stops the rest: each leg, each cancel stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Event
from typing import Any, TypeVar

from bot.domain.clock import elapsed_s
from scripts.kill.books import Legs, NotAnObservation
from scripts.kill.desk import CANNOT_REDUCE, VISIBLE_S, Desk, Sent
from scripts.kill.line import Line, NoAnswer, Refused
from scripts.kill.plan import Verb, slices, to_close

__all__ = ["Task", "Work"]

T = TypeVar("T")
NO_LUCK = (Refused, NoAnswer, NotAnObservation)

BETWEEN_LOOKS_S = 2.0
SLACK_S = 1.0
ROUND_S, SLOWEST_ROUND_S = 0.25, 3.0
PATIENCE_LOOK_S = 8.0
THREADS = 10
"""Six questions that hang must leave room for cancel, reading and orders. Idle ones come first, and with them their open connections."""
MOST_ASKED_FOR = 3
"""Unknown orders looked up in one round: the venue's limits are for closing first."""
BANDS = (Decimal("0.003"), Decimal("0.01"), Decimal("0.03"))
"""How far from the mark a limit may be, step by step, where market orders are not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to do. `spot` is told where the account's BTC are not what is hedged; `give_up_s` 0: never."""

    verb: Verb
    spot: Decimal | None
    settle_s: float
    """How long after the latch an order of the daemon may still land."""
    give_up_s: float = 0.0
    legs: Legs | None = None
    """As they were a moment ago, if they were read: the first orders need no second reading."""


@dataclass(slots=True)
class Seen:
    """What the readings showed. Seconds are since the work began."""

    legs: Legs | None = None
    orders: int | None = None
    todo: dict[int, Decimal] | None = None
    clean_s: float | None = None
    flat_s: float | None = None
    verified_s: float | None = None


@dataclass(slots=True)
class Work:
    """One kill on its way. `tell` gets a line for a person whenever something new is known."""

    desk: Desk
    line: Line
    task: Task
    tell: Callable[[str], None]
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS))
    seen: Seen = field(default_factory=Seen)
    sent: list[Sent] = field(default_factory=list)
    rounds: int = 0
    stop: Event = field(default_factory=Event)
    began_s: float = field(default_factory=elapsed_s)
    _last_word: str = ""
    _has_cancelled: bool = False
    _rung: dict[int, int] = field(default_factory=dict)
    _luckless: int = 0
    _strangers: set[str] | None = None
    _stirred_s: float = -1e9
    """When another hand's order was last seen to be new."""

    def carry_out(self) -> bool:
        """Work until it is done (True) or the time given is over (False)."""
        try:
            while not self._is_out_of_time():
                self.rounds += 1
                try:
                    self._round()
                except Exception as error:  # noqa: BLE001 — the last resort does not end by a mistake of its own
                    self._luckless += 1
                    self._say(f"a mistake of ours, and we go on: {type(error).__name__}: {error}")
                if self.seen.verified_s is not None:
                    return True
                self.stop.wait(self._pause_s())
            return False
        finally:
            self.pool.shutdown(wait=False, cancel_futures=True)

    # ------------------------------------------------------------------------------------------------ one round

    def _round(self) -> None:
        if (wait_s := self.line.must_wait_s()) > 0.5:
            self._say(f"the venue wants silence for {wait_s:.0f} s; then we go on")
            self.stop.wait(min(wait_s, self._left_s()))
            return
        cancelling = self.pool.submit(self.desk.cancel_all)
        legs = self.task.legs if self.rounds == 1 else None
        if legs is None:
            legs = self._try(self.pool.submit(self.desk.legs), "the legs cannot be read")
        todo = self._todo(legs) if legs is not None else None
        if legs is not None and todo:
            self.seen.clean_s = None
            self._close(legs, todo)
        has_cancelled = self._try(cancelling, "the orders cannot be cancelled", default=False) is not False
        if legs is None or todo is None:
            self._luckless += 1
            return
        self._luckless = 0
        self.seen.legs, self.seen.todo = legs, todo
        if not todo:
            self._verify(has_cancelled)

    def _todo(self, legs: Legs) -> dict[int, Decimal] | None:
        """What to close now; None where it cannot be told."""
        spot = self.task.spot
        if self.task.verb is Verb.NEUTRALISE:
            if not self._orders_are_known(legs):
                return None
            if spot is None:
                spot = self._try(self.pool.submit(self.desk.spot), "the BTC to hedge cannot be read")
                if spot is None:
                    return None
        return to_close(self.task.verb, legs, spot, self.desk.filters.qty_step)

    def _close(self, legs: Legs, todo: dict[int, Decimal]) -> None:
        """One round of orders, both legs at once; a leg that made no headway climbs to the next way of asking."""
        orders: list[Future[Sent]] = []
        for row in legs.rows:
            if row.idx in todo:
                side = "Sell" if row.side == "Buy" else "Buy"
                for qty, limit in self._ways(row.idx, side, todo[row.idx]):
                    orders.append(self.pool.submit(self.desk.close, row.idx, side, qty, limit=limit))
        for order in orders:
            sent = order.result()
            sent.seq_before = max(row.seq for row in legs.rows if row.idx == sent.idx)
            self.sent.append(sent)
            refused = sent.outcome == "refused" and not any(str(code) in sent.why for code in CANNOT_REDUCE)
            self._rung[sent.idx] = self._rung.get(sent.idx, 0) + 1 if refused else 0
            if sent.why:
                self._say(f"closing {sent.qty} of leg {sent.idx}: {sent.outcome}, {sent.why}")

    def _ways(self, idx: int, side: str, qty: Decimal) -> Iterator[tuple[Decimal, Decimal | None]]:
        """(quantity, limit) of each order: market first; refused, half as much; then limits ever further from the mark."""
        filters, rung = self.desk.filters, self._rung.get(idx, 0)
        limit = None
        if rung >= 2 and rung % 2 == 0:
            mark = self._try(self.pool.submit(self.desk.mark), "no mark price")
            share = BANDS[min(rung // 2 - 1, len(BANDS) - 1)]
            limit = None if mark is None else self.desk.worst_price(side, mark, share)
        most = filters.max_market_qty if limit is None else filters.max_limit_qty
        if rung:
            most = min(most, max(filters.qty_step, qty / 2**rung))
        parts = slices(qty, most, filters.qty_step)
        yield from ((part, limit) for part in parts[:5])

    # ------------------------------------------------------------------------------------------------ is it done?

    def _verify(self, cancelled: bool) -> None:
        """Nothing to close: is nothing open either, and was it so two seconds ago, and can nothing unknown land any more?"""
        since_s = elapsed_s() - self.began_s
        if self.task.verb is Verb.FLATTEN and self.seen.flat_s is None:
            self.seen.flat_s = since_s
        orders = self._try(self.pool.submit(self.desk.open_orders), "the open orders cannot be read")
        has_looked = self._try(
            self.pool.submit(self._watch_strangers), "the order history cannot be read", default=False
        )
        self._ask_for_the_unknown()
        self._has_cancelled |= cancelled
        if orders is None or not has_looked:
            return  # nothing was seen, so nothing speaks against what was seen before
        self.seen.orders = len(orders)
        if orders or not self._has_cancelled:
            self.seen.clean_s = None
        elif self.seen.clean_s is None:
            self.seen.clean_s = since_s
        elif since_s - self.seen.clean_s >= BETWEEN_LOOKS_S and since_s >= self._settled_s():
            self.seen.verified_s = since_s

    def _ask_for_the_unknown(self) -> None:
        """Orders that nobody answered for: one that is found to have ended need not be waited for."""
        for sent in self.sent[-MOST_ASKED_FOR:]:
            if sent.outcome == "unknown" and sent.executed is None and elapsed_s() - sent.at_s < self._lease_s:
                self._try(self.pool.submit(self.desk.look_up, sent), "an order cannot be looked up")

    def _settled_s(self) -> float:
        """When nothing that is not known can land any more, in seconds since the work began."""
        unknown = [sent.at_s for sent in self.sent if sent.executed is None and sent.outcome == "unknown"]
        return max([self.task.settle_s, *(at_s + self._lease_s - self.began_s for at_s in (*unknown, self._stirred_s))])

    def _watch_strangers(self) -> bool:
        """Whether orders of another hand have appeared since the first look; True once looked."""
        links = {
            row["orderId"]
            for row in self.desk.recent_orders()
            if not str(row.get("orderLinkId", "")).startswith("kill-")
        }
        if self._strangers is not None and links - self._strangers:
            self._stirred_s = elapsed_s()
            self._say("another hand still sends orders to this account")
        self._strangers = links | (self._strangers or set())
        return True

    def _orders_are_known(self, legs: Legs) -> bool:
        """Neutralise may close a part: an order of unknown end is waited for, or the part would be closed twice. So is its leg's row."""
        seqs = {row.idx: row.seq for row in legs.rows}
        recent = [sent for sent in self.sent if elapsed_s() - sent.at_s < self._lease_s]
        open_ends = [sent for sent in recent if sent.executed is None]
        for sent in open_ends:
            self._try(self.pool.submit(self.desk.look_up, sent), "an order cannot be looked up")
        return not open_ends and not any(sent.executed and seqs.get(sent.idx, -1) <= sent.seq_before for sent in recent)

    @property
    def _lease_s(self) -> float:
        """For so long an order that nobody answered for may still turn up."""
        return self.line.order_window_ms / 1000 + SLACK_S + VISIBLE_S

    # ------------------------------------------------------------------------------------------------ small matters

    def _try(self, asked: Future[T], what: str, default: Any = None) -> T | Any:
        try:
            return asked.result(PATIENCE_LOOK_S)
        except NO_LUCK as error:
            self._say(f"{what}: {error}")
        except TimeoutError:
            self._say(f"{what}: no answer in {PATIENCE_LOOK_S:.0f} s")
        return default

    def _pause_s(self) -> float:
        """A quarter of a second while there is headway; longer where nothing answers, so as not to make a ban of it."""
        round_s = ROUND_S if self.seen.clean_s is None else 2 * ROUND_S
        return min(SLOWEST_ROUND_S, round_s * 2.0 ** min(self._luckless, 5), self._left_s())

    def _left_s(self) -> float:
        return self.began_s + self.task.give_up_s - elapsed_s() if self.task.give_up_s else 1e9

    def _is_out_of_time(self) -> bool:
        return self.stop.is_set() or self._left_s() <= 0

    def _say(self, words: str) -> None:
        if words != self._last_word:
            self._last_word = words
            self.tell(words)
