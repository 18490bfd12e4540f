"""What may happen to a request on its way to the venue and back.

Pure: `fate` throws the dice before a request is delivered, `retouch` changes what the venue answered. Whoever carries the request (the HTTP
server, the trade socket, an in-process world) does the waiting and the losing. Times: `now_ms` real, row ages market time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from bot.simulator.faults import FaultPlan, Injection
from bot.simulator.params import Reply

__all__ = ["RequestFate", "RequestFaults"]

Shape = Literal["json", "hang", "close", "half", "drip", "huge", "html", "empty", "null", "truncated"]
"""How the answer is delivered: as it is, not at all, or spoilt. All but json are unreadable for an in-process caller."""

MESSAGES = {
    10000: "Server Timeout",
    10006: "Too many visits. Exceeded the API Rate Limit.",
    10016: "Internal server error.",
    10019: "ws trade service is restarting, do not accept new request, but the request in the process is not affected.",
    10032: "Demo trading are not supported.",
    110007: "ab not enough for new order",
    110063: "The trading of the symbol is not allowed: settlement in progress",
    170146: "Order creation timeout.",
    170147: "Order cancellation timeout.",
}
KEPT_ANSWERS = 256


class RequestFate(NamedTuple):
    """What becomes of one request. `arrives`: how often the venue gets it; `late_ms` before, `answer_late_ms` after that."""

    arrives: int = 1
    late_ms: int = 0
    answer_late_ms: int = 0
    shape: Shape = "json"
    status: int = 200
    ret_code: int | None = None
    reset_in_ms: int | None = None
    blanks_mb: int = 0
    edits: tuple[Injection, ...] = ()
    omens: tuple[Injection, ...] = ()
    """Deeds at the venue just before the request arrives (see `deeds.foretell`)."""

    @property
    def readable(self) -> bool:
        """Whether the caller gets an answer it can parse."""
        return self.shape in ("json", "drip", "huge") and self.status == 200


_PLAIN = RequestFate()
_OMENS = frozenset({"leg-shrinks-first", "post-only-killed", "cancel-race", "order-rejected-later", "order-cut-short"})
_EDITS = frozenset(
    [
        *("stale-read", "new-hidden", "rows-shuffled", "row-dropped", "row-odd"),
        *("page-cut", "page-repeats", "page-empty", "field-blank", "garbage"),
    ]
)
_GARBAGE: dict[str, Shape] = {"html": "html", "empty": "empty", "null": "null", "truncated": "truncated"}


class RequestFaults:
    """Decides and retouches; remembers answers for stale reads."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._answers: dict[str, deque[tuple[int, Reply]]] = {}

    def fate(self, method: str, path: str, now_ms: int, *, account: str = "") -> RequestFate:
        """Throw the dice for one request."""
        fate = _PLAIN
        for injection in self._plan.strikes("request", f"{method} {path}", now_ms, account=account):
            fate = _with(fate, injection, method)
        return fate

    def remember(self, subject: str, reply: Reply, now_ms: int) -> None:
        """Keep an answer to a read, for as long as stale reads are at work."""
        if any(injection.fault == "stale-read" for injection in self._plan.active()):
            self._answers.setdefault(subject, deque(maxlen=KEPT_ANSWERS)).append((now_ms, reply))
        else:
            self._answers.clear()

    def retouch(self, fate: RequestFate, reply: Reply, subject: str, *, now_ms: int, market_ms: int) -> Reply:
        """The answer the client will see, as far as it is readable. `subject` names the read, parameters included."""
        if fate.ret_code is not None:
            return Reply(ret_code=fate.ret_code, ret_msg=MESSAGES.get(fate.ret_code, "simulated"))
        for injection in fate.edits:
            reply = self._edited(injection, reply, subject, now_ms, market_ms)
        return reply

    def _edited(self, injection: Injection, reply: Reply, subject: str, now_ms: int, market_ms: int) -> Reply:
        if injection.fault == "stale-read":
            return self._older(subject, now_ms - injection.lasts_ms, reply)
        if injection.fault == "garbage":
            return replace(reply, result=None) if injection.says == "result-null" else replace(reply, result={})
        result = dict(reply.result or {})
        rows = result.get("list")
        if not isinstance(rows, list):
            return reply
        match injection.fault:
            case "new-hidden":
                result["list"] = [row for row in rows if _born_ms(row) <= market_ms - injection.lasts_ms]
            case "rows-shuffled":
                result["list"] = self._plan.rng.sample(rows, len(rows))
            case "row-dropped":
                field, _, value = injection.says.partition("=")
                named = [
                    row for row in rows if isinstance(row, dict)
                ]  # a candle's row is a plain array and has no names
                result["list"] = [_without_coin(row, field, value) for row in named if str(row.get(field)) != value]
                result["list"] += [row for row in rows if not isinstance(row, dict)]
            case "row-odd":
                result["list"] = _with_an_odd_row(rows, *injection.says.split("=", 1))
            case "page-cut":
                result["list"] = rows[: len(rows) // 2]
                result["nextPageCursor"] = ""
            case "page-repeats":
                result["list"] = [*rows, *rows[-1:]]
            case "page-empty":
                result["list"] = []
            case "field-blank":
                result["list"] = [{**row, injection.says: ""} if injection.says in row else row for row in rows]
        return replace(reply, result=result)

    def _older(self, subject: str, until_ms: int, reply: Reply) -> Reply:
        known = self._answers.get(subject)
        if not known:
            return reply
        old = [answer for at_ms, answer in known if at_ms <= until_ms]
        return old[-1] if old else known[0][1]


def _with(fate: RequestFate, injection: Injection, method: str) -> RequestFate:
    """`fate` with one more misfortune in it."""
    silence: Shape = "hang" if injection.says == "hang" else "close"
    match injection.fault:
        case "request-lost":
            return fate._replace(arrives=0, shape=silence)
        case "request-late":
            return fate._replace(late_ms=fate.late_ms + injection.lasts_ms)
        case "request-doubled":
            return fate._replace(arrives=min(fate.arrives, 1) * 2)
        case "reply-lost":
            return fate._replace(shape=silence)
        case "reply-half":
            return fate._replace(shape="half")
        case "reply-late":
            return fate._replace(answer_late_ms=fate.answer_late_ms + injection.lasts_ms)
        case "reply-drip":
            return fate._replace(shape="drip", answer_late_ms=fate.answer_late_ms + injection.lasts_ms)
        case "reply-huge":
            return fate._replace(shape="huge", blanks_mb=int(injection.says))
        case "refused-with":
            return fate._replace(arrives=0, ret_code=int(injection.says))
        case "accepted-with":
            return fate._replace(ret_code=int(injection.says))
        case "rate-limited":
            return fate._replace(arrives=0, ret_code=10006, reset_in_ms=injection.lasts_ms)
        case "http-error":
            return fate._replace(arrives=0, shape="html", status=int(injection.says))
        case "http-error-accepted":
            return fate._replace(shape="html", status=int(injection.says))
        case "garbage" if injection.says in _GARBAGE:
            return fate._replace(shape=_GARBAGE[injection.says])
        case name if name in _EDITS:
            return fate._replace(edits=(*fate.edits, injection)) if method == "GET" or name == "garbage" else fate
        case name if name in _OMENS:
            return fate._replace(omens=(*fate.omens, injection))
        case name:
            raise AssertionError(f"{name} is no misfortune of a request")


def _born_ms(row: Mapping[str, Any]) -> int:
    """When a row's fact came to be: an order's creation, an execution, a booking. Positions and balances are no facts: 0."""
    if "orderId" not in row:
        return 0
    return next((int(row[field]) for field in ("execTime", "transactionTime", "createdTime") if row.get(field)), 0)


def _with_an_odd_row(rows: list[Any], field: str, value: str) -> list[Any]:
    """One row more, or one coin more of each wallet, that says its name and nothing else."""
    if field != "coin":
        return [*rows, _odd_row(rows, field, value)]
    return [
        {**row, "coin": [*row["coin"], _odd_row(row["coin"], field, value)]} if _is_wallet(row) else row for row in rows
    ]


def _odd_row(like: list[Any], field: str, value: str) -> dict[str, Any]:
    known = like[0] if like and isinstance(like[0], dict) else {}
    return {**dict.fromkeys(known, ""), field: value}


def _is_wallet(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("coin"), list)


def _without_coin(row: dict[str, Any], field: str, value: str) -> dict[str, Any]:
    """A wallet row without the coin that is dropped."""
    if field != "coin" or not _is_wallet(row):
        return row
    return {**row, "coin": [coin for coin in row["coin"] if coin.get("coin") != value]}
