"""Our own limit on requests, in front of Bybit's, and the breaker for its ban.

Knows how many requests of which kind may leave in which window; does not know what they say. Bybit allows 600 requests in 5 s per
address and 10 orders a second per account (Bybit: rate-limit/rate-limit); we stay at half, and keep a fifth of the order budget for
cancels, so that a storm of orders can always be called back. After an HTTP 403 everything stops for ten minutes: asking during a
ban prolongs it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from bot.domain.clock import elapsed_s

__all__ = ["Budget", "Kind", "Limits"]

BAN_S, AGAIN_S = 600.0, 60.0


class Kind(Enum):
    """What a request is for."""

    PLACE = "place"
    CANCEL = "cancel"
    READ = "read"
    MONEY = "money"
    REPAY = "repay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Requests per window. `cancel_share` of the order budget is closed to new orders."""

    orders_per_s: int = 5
    orders_per_min: int = 120
    requests_per_5s: int = 300
    reads_per_s: int = 25
    money_per_min: int = 30  # Bybit: 60 transfers a minute
    cancel_share: float = 0.2


class _Window:
    """How many requests left in the last `span_s` seconds."""

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._left_s: deque[float] = deque()

    def wait_s(self, limit: int, now_s: float) -> float:
        """Seconds until one more fits under `limit`; 0 when it fits now."""
        while self._left_s and now_s - self._left_s[0] >= self._span_s:
            self._left_s.popleft()
        if len(self._left_s) < limit:
            return 0.0
        return self._left_s[len(self._left_s) - limit] + self._span_s - now_s

    def note(self, now_s: float) -> None:
        self._left_s.append(now_s)

    def used(self, now_s: float) -> int:
        """How many left within the span."""
        return sum(1 for left_s in self._left_s if now_s - left_s < self._span_s)


class Budget:
    """Shared by everyone who talks to one account from one address."""

    def __init__(self, limits: Limits | None = None, *, now_s: Callable[[], float] = elapsed_s) -> None:
        self._limits = limits or Limits()
        self._now_s = now_s
        self._orders_1s, self._orders_60s = _Window(1.0), _Window(60.0)
        self._reads_1s, self._all_5s, self._money_60s = _Window(1.0), _Window(5.0), _Window(60.0)
        self._repaid_1s = _Window(1.2)
        self._banned_until_s: float | None = None

    def take(self, kind: Kind) -> float:
        """Take one request; returns 0.0 when it may leave now, else the seconds to wait before asking again (nothing was taken)."""
        now_s = self._now_s()
        wait_s = max(self.banned_for_s(), *(window.wait_s(limit, now_s) for window, limit in self._windows(kind)))
        if wait_s > 0:
            return wait_s
        for window, _ in self._windows(kind):
            window.note(now_s)
        return 0.0

    def used(self) -> dict[str, tuple[int, int]]:
        """(used, limit) of each window, by its name."""
        now_s, of = self._now_s(), self._limits
        return {
            "orders in 1 min": (self._orders_60s.used(now_s), of.orders_per_min),
            "reads in 1 s": (self._reads_1s.used(now_s), of.reads_per_s),
            "requests in 5 s": (self._all_5s.used(now_s), of.requests_per_5s),
        }

    def ban(self) -> None:
        """The venue has shut the door to this address: nothing leaves for ten minutes. Twenty, if it is still shut after our silence:
        someone else speaks from this address (a kill switch?), and two that wait alike would keep it shut for ever."""
        now_s = self._now_s()
        is_again = self._banned_until_s is not None and 0 <= now_s - self._banned_until_s < AGAIN_S
        self._banned_until_s = max(self._banned_until_s or 0.0, now_s + (2 * BAN_S if is_again else BAN_S))

    def banned_for_s(self) -> float:
        """Seconds for which nothing may leave; 0.0 when the door is open."""
        return 0.0 if self._banned_until_s is None else max(0.0, self._banned_until_s - self._now_s())

    def _windows(self, kind: Kind) -> tuple[tuple[_Window, int], ...]:
        of = self._limits
        if kind is Kind.READ:
            return (self._reads_1s, of.reads_per_s), (self._all_5s, of.requests_per_5s - of.orders_per_s * 5)
        if kind is Kind.REPAY:
            return (self._repaid_1s, 1), (self._all_5s, of.requests_per_5s)  # Bybit: one repayment a second
        if kind is Kind.MONEY:
            return (self._money_60s, of.money_per_min), (self._all_5s, of.requests_per_5s)
        share = 1.0 if kind is Kind.CANCEL else 1.0 - of.cancel_share
        return (
            (self._orders_1s, max(1, int(of.orders_per_s * share))),
            (self._orders_60s, max(1, int(of.orders_per_min * share))),
            (self._all_5s, of.requests_per_5s),
        )
