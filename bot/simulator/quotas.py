"""How often a client may ask: per account and endpoint in a rolling second, per address in five seconds.

Bybit: rate-limit/rate-limit. Knows counts and times (milliseconds of any steady clock, handed in); no socket, no answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from bot.simulator.choices import FaceChoices

__all__ = ["EntryGate", "IpGate", "Quota", "Quotas", "SocketGate"]

IP_LIMIT = 600
IP_WINDOW_MS = 5000
ENTRY_LIMIT = 3000
SECOND_MS = 1000
MINUTE_MS = 60_000
FIVE_MINUTES_MS = 300_000

_ORDER_LIMITS = {"linear": 10, "inverse": 10, "spot": 20, "option": 10}
_ORDERS = {
    "/v5/order/create": _ORDER_LIMITS,
    "/v5/order/amend": {**_ORDER_LIMITS, "spot": 10},
    "/v5/order/cancel": _ORDER_LIMITS,
    "/v5/order/cancel-all": {**_ORDER_LIMITS, "option": 1},
    "/v5/order/create-batch": _ORDER_LIMITS,
    "/v5/order/amend-batch": _ORDER_LIMITS,
    "/v5/order/cancel-batch": _ORDER_LIMITS,
    "/v5/order/pre-check": _ORDER_LIMITS,
}
"""Requests (batches: orders) a second, by category."""

_PER_SECOND: Mapping[str, int] = {
    "/v5/order/disconnected-cancel-all": 5,
    "/v5/position/move-history": 10,
    "/v5/position/set-leverage": 10,
    "/v5/position/switch-mode": 10,
    "/v5/position/trading-stop": 10,
    "/v5/position/set-auto-add-margin": 10,
    "/v5/position/add-margin": 10,
    "/v5/position/confirm-pending-mmr": 10,
    "/v5/position/move-positions": 10,
    "/v5/account/transaction-log": 25,
    "/v5/account/fee-rate": 5,
    "/v5/account/query-dcp-info": 5,
    "/v5/account/smp-group": 5,
    "/v5/account/instruments-info": 10,
    "/v5/account/borrow": 1,
    "/v5/account/repay": 1,
    "/v5/account/no-convert-repay": 1,
    "/v5/account/quick-repayment": 1,
    "/v5/account/upgrade-to-uta": 1,
    "/v5/account/set-margin-mode": 5,
    "/v5/account/set-collateral-switch-batch": 5,
    "/v5/account/set-limit-px-action": 10,
    "/v5/asset/coin/query-info": 5,
    "/v5/asset/transfer/query-account-coins-balance": 5,
    "/v5/asset/transfer/query-account-coin-balance": 450,
    "/v5/asset/transfer/universal-transfer": 5,
    "/v5/asset/transfer/query-universal-transfer-list": 5,
    "/v5/asset/withdraw/withdrawable-amount": 300,
    "/v5/asset/fundinghistory": 30,
    "/v5/user/query-api": 10,
    "/v5/spot-margin-trade/switch-mode": 5,
    "/v5/spot-margin-trade/set-leverage": 5,
    "/v5/spot-margin-trade/set-auto-repay-mode": 5,
}
_PER_MINUTE: Mapping[str, int] = {
    "/v5/asset/transfer/inter-transfer": 60,
    "/v5/asset/transfer/query-inter-transfer-list": 60,
    "/v5/asset/transfer/query-transfer-coin-list": 60,
    "/v5/account/demo-apply-money": 1,
}
_PREFIXES: tuple[tuple[str, str, int], ...] = (
    ("GET", "/v5/crypto-loan", 5),
    ("POST", "/v5/crypto-loan-common/max-loan", 5),
    ("POST", "/v5/crypto-loan", 1),
)
_DEFAULT = 50


@dataclass(frozen=True, slots=True)
class Quota:
    """The answer's three headers: the limit, what is left of it, and when it frees up (milliseconds of wall time)."""

    limit: int
    left: int
    reset_at_ms: int
    granted: int

    def headers(self) -> dict[str, str]:
        return {
            "X-Bapi-Limit": str(self.limit),
            "X-Bapi-Limit-Status": str(self.left),
            "X-Bapi-Limit-Reset-Timestamp": str(self.reset_at_ms),
        }


def limit_of(method: str, path: str, category: str = "") -> tuple[int, int]:
    """(requests, window in ms) of an endpoint for an ordinary account."""
    if path in _ORDERS:
        return _ORDERS[path].get(category, 10), SECOND_MS
    if path in _PER_MINUTE:
        return _PER_MINUTE[path], MINUTE_MS
    if path in _PER_SECOND:
        return _PER_SECOND[path], SECOND_MS
    for verb, prefix, limit in _PREFIXES:
        if verb == method and path.startswith(prefix):
            return limit, SECOND_MS
    return _DEFAULT, SECOND_MS


class Quotas:
    """Rolling windows per account and endpoint (order endpoints: and product)."""

    def __init__(self) -> None:
        self._spent: dict[tuple[str, str, str], deque[int]] = {}

    def take(
        self, account: str, method: str, path: str, category: str, *, units: int, now_ms: int, group: str = ""
    ) -> Quota:
        """Spend `units`; `granted` says how many there were (fewer than `units` = the limit was met)."""
        limit, window_ms = limit_of(method, path, category)
        spent = self._spent.setdefault((account, path + group, category if path in _ORDERS else ""), deque())
        while spent and spent[0] <= now_ms - window_ms:
            spent.popleft()
        granted = max(0, min(units, limit - len(spent)))
        spent.extend([now_ms] * granted)
        reset_at_ms = now_ms if granted == units else (spent[0] + window_ms if spent else now_ms + window_ms)
        return Quota(limit, limit - len(spent), reset_at_ms, granted)


class IpGate:
    """600 requests in five seconds from one address, then ten minutes of 403 for all of them."""

    def __init__(self, choices: FaceChoices) -> None:
        self._choices = choices
        self._seen: dict[str, deque[int]] = {}
        self._bans: dict[str, tuple[int, int]] = {}
        """When each ban ends, and how long it is: a request during it begins it anew (if the choice says so)."""

    def admit(self, ip: str, now_ms: int) -> bool:
        """Whether a request from `ip` is let through."""
        until_ms, lasts_ms = self._bans.get(ip, (0, 0))
        if now_ms < until_ms:
            if self._choices.ip_ban_extends:
                self.ban(ip, now_ms, lasts_ms)
            return False
        if not _within(self._seen.setdefault(ip, deque()), now_ms, IP_WINDOW_MS, IP_LIMIT):
            self.ban(ip, now_ms)
            return False
        return True

    def ban(self, ip: str, now_ms: int, for_ms: int | None = None) -> None:
        """Begin a ban now, as long as the choice says or `for_ms`."""
        lasts_ms = self._choices.ip_ban_ms if for_ms is None else for_ms
        self._bans[ip] = (now_ms + lasts_ms, lasts_ms)
        self._seen.pop(ip, None)

    def pardon(self) -> None:
        """Lift every ban."""
        self._bans.clear()


class SocketGate:
    """500 new sockets in five minutes from one address, 1000 open at a time on one product's market data (Bybit: wss-authentication)."""

    def __init__(self, choices: FaceChoices) -> None:
        self._choices = choices
        self._made: dict[str, deque[int]] = {}

    def admit(self, ip: str, now_ms: int, *, open_alike: int) -> bool:
        """Whether another socket is let in; `open_alike`: market sockets of its product open now."""
        if open_alike >= self._choices.market_sockets_open:
            return False
        return _within(
            self._made.setdefault(ip, deque()), now_ms, FIVE_MINUTES_MS, self._choices.sockets_in_five_minutes
        )


class EntryGate:
    """3000 order-entry requests in one second from one address (Bybit: websocket/trade/guideline); of one session, what the choice says."""

    def __init__(self, limit: int = ENTRY_LIMIT) -> None:
        self._limit = limit
        self._seen: dict[str, deque[int]] = {}

    def admit(self, name: str, now_ms: int) -> bool:
        """Whether a request from that address, or session, is let through."""
        return _within(self._seen.setdefault(name, deque()), now_ms, SECOND_MS, self._limit)

    def forget(self, name: str) -> None:
        """It is gone."""
        self._seen.pop(name, None)


def _within(seen: deque[int], now_ms: int, window_ms: int, limit: int) -> bool:
    """Whether one more is within `limit` of the rolling window; if so it is noted."""
    while seen and seen[0] <= now_ms - window_ms:
        seen.popleft()
    if len(seen) >= limit:
        return False
    seen.append(now_ms)
    return True
