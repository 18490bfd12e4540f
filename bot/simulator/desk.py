"""Where a signed request meets the venue: permission, quota, the venue's answer, the record of what was asked.

The one road to `Venue.request`, shared by REST and by order entry over /v5/trade. Knows no socket and no signature.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.simulator.auth import ApiKey
from bot.simulator.choices import FaceChoices
from bot.simulator.deeds import foretell
from bot.simulator.faults import Injection
from bot.simulator.keys import key_row
from bot.simulator.player import Player
from bot.simulator.quotas import Quota, Quotas
from bot.simulator.venue import PRIVATE_PATHS, Reply

__all__ = ["Answered", "Desk", "LoggedRequest"]

KEPT_REQUESTS = 20_000
_BATCHES = frozenset({"/v5/order/create-batch", "/v5/order/amend-batch", "/v5/order/cancel-batch"})
_LISTS = frozenset(
    [
        *("/v5/position/list", "/v5/position/closed-pnl", "/v5/execution/list"),
        *("/v5/order/realtime", "/v5/order/history"),
    ]
)
_EMPTY_PRODUCTS = ("inverse", "option")
"""Products this venue trades nothing of: clients that read all of them find empty lists."""
_TOO_MANY = "Too many visits. Exceeded the API Rate Limit."


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One write the venue received: its private truth about what was asked, kept for checkers."""

    number: int
    wall_ms: int
    market_ms: int
    via: str
    key: str
    account: str
    method: str
    path: str
    params: Mapping[str, object]
    ret_code: int


@dataclass(frozen=True, slots=True)
class Answered:
    reply: Reply
    quota: Quota | None


class Desk:
    """Asks the venue in the name of a key."""

    def __init__(self, player: Player, choices: FaceChoices) -> None:
        self.player = player
        self._choices = choices
        self._quotas = Quotas()
        self.log: deque[LoggedRequest] = deque(maxlen=KEPT_REQUESTS)
        self._logged = 0

    def ask(
        self,
        key: ApiKey,
        method: str,
        path: str,
        params: Mapping[str, object],
        *,
        via: str,
        wall_ms: int,
        omens: tuple[Injection, ...] = (),
    ) -> Answered:
        """The venue's answer to one request; refusals of the face (10005, 10006) are replies too. `omens` come to pass just before it."""
        category = str(params.get("category") or "")
        if not key.allows(method, self.player.venue.permission(method, path, params)):
            reply = Reply(ret_code=10005, ret_msg="Permission denied, please check your API key permissions.")
            return self._logged_answer(key, method, path, params, via, wall_ms, reply, None)
        units = _units(path, params)
        group = "" if self._choices.single_orders_share_quota or path in _BATCHES else f"@{via}"
        quota = self._quotas.take(key.account, method, path, category, units=units, now_ms=wall_ms, group=group)
        if not quota.granted:
            reply = Reply(ret_code=10006, ret_msg=_TOO_MANY)
        else:
            self.player.catch_up()
            foretell(self.player.venue, key.account, path, params, omens)
            reply = self._answer(key, method, path, params, granted=quota.granted, units=units, wall_ms=wall_ms)
        return self._logged_answer(key, method, path, params, via, wall_ms, reply, quota)

    def forget_quotas(self) -> None:
        """Begin counting anew."""
        self._quotas = Quotas()

    def knows(self, method: str, path: str) -> bool:
        """Whether there is such a private endpoint."""
        return (method, path) in PRIVATE_PATHS

    def _answer(
        self,
        key: ApiKey,
        method: str,
        path: str,
        params: Mapping[str, object],
        *,
        granted: int,
        units: int,
        wall_ms: int,
    ) -> Reply:
        venue = self.player.venue
        if path == "/v5/user/query-api":  # describes the key that asks; its life is counted in real days
            return Reply(ret_msg="", result=key_row(key.info, venue.state.accounts[key.account].uid, wall_ms))
        if path in _LISTS and params.get("category") in _EMPTY_PRODUCTS:
            return Reply(result={"list": [], "nextPageCursor": "", "category": params["category"]})
        if granted < units:
            return self._straddling(key, method, path, params, granted)
        return venue.request(key.account, method, path, params)

    def _straddling(self, key: ApiKey, method: str, path: str, params: Mapping[str, object], granted: int) -> Reply:
        """A batch over its limit: the first items go through, the rest fail one by one (Bybit: rate-limit)."""
        items = list(params["request"])  # type: ignore[call-overload]
        reply = self.player.venue.request(key.account, method, path, {**params, "request": items[:granted]})
        if reply.ret_code:
            return reply
        late = items[granted:]
        failed = [_failed_item(path, str(params.get("category") or ""), item) for item in late]
        notes = [{"code": 10006, "msg": _TOO_MANY} for _ in late]
        result = {**(reply.result or {}), "list": [*(reply.result or {}).get("list", []), *failed]}
        return Reply(result=result, ext={"list": [*reply.ext.get("list", []), *notes]})

    def _logged_answer(
        self,
        key: ApiKey,
        method: str,
        path: str,
        params: Mapping[str, object],
        via: str,
        wall_ms: int,
        reply: Reply,
        quota: Quota | None,
    ) -> Answered:
        if method == "POST":
            self._logged += 1
            self.log.append(
                LoggedRequest(
                    number=self._logged,
                    wall_ms=wall_ms,
                    market_ms=self.player.venue.now_ms,
                    via=via,
                    key=key.name,
                    account=key.account,
                    method=method,
                    path=path,
                    params=dict(params),
                    ret_code=reply.ret_code,
                )
            )
        return Answered(reply, quota)


def _units(path: str, params: Mapping[str, object]) -> int:
    items = params.get("request")
    return max(1, len(items)) if path in _BATCHES and isinstance(items, list) else 1


def _failed_item(path: str, category: str, item: Mapping[str, Any]) -> dict[str, str]:
    row = {
        "category": category,
        "symbol": str(item.get("symbol") or ""),
        "orderId": "",
        "orderLinkId": str(item.get("orderLinkId") or ""),
    }
    return row | {"createAt": ""} if path.endswith("create-batch") else row
