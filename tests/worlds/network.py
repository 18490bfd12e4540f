"""The way between the bot and the venue: requests go, wait, are lost, arrive late or twice, and so do their answers.

Knows the fault plan and the venue's private truth; does not know what a command is. What arrives back is a `judge.Reply` of real bytes, so
that the decoders in `bot.exchange` read what they will read on the day. Times are virtual milliseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

from bot.exchange.judge import Reply
from bot.simulator import deeds
from bot.simulator.request_faults import RequestFate, RequestFaults
from bot.simulator.venue import Reply as VenueReply
from tests.worlds.weather import AMBIGUOUS

if TYPE_CHECKING:
    from tests.worlds.world import World

__all__ = ["NEVER_LEFT", "Call", "Network", "NeverLeft"]

REQUEST_TIMEOUT_MS = 5000
ORDER_RECV_WINDOW_MS = 2500
READ_RECV_WINDOW_MS = 5000
CREATE, CANCEL = "/v5/order/create", "/v5/order/cancel"
WALLET = "/v5/account/wallet-balance"

_UNREADABLE = {
    "html": b"<html>oops</html>",
    "empty": b"",
    "null": b"null",
    "truncated": b'{"retCode":0,"retMsg":"OK","resu',
}
_encode = msgspec.json.encode


class NeverLeft(Enum):
    """Not one byte of the request left."""

    NEVER_LEFT = "never left"


NEVER_LEFT = NeverLeft.NEVER_LEFT


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `params` as the executor and the reader make them."""

    method: str
    path: str
    params: Mapping[str, object]
    public: bool = False


class _Told:
    """An answer of the venue, put into bytes at most once."""

    __slots__ = ("_body", "reply")

    def __init__(self, reply: VenueReply) -> None:
        self.reply = reply
        self._body: bytes | None = None

    def body(self, now: int) -> bytes:
        if self._body is None:
            self._body = _envelope(self.reply, now)
        return self._body


Answer = Reply | NeverLeft | None
"""None: no answer within the timeout."""


class Network:
    """One bot's way to one venue."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._faults = RequestFaults(world.plan)
        self._snapshots: deque[tuple[int, dict[str, _Told]]] = deque()
        self.on_the_wire: dict[int, Mapping[str, object]] = {}
        """Orders that left and have neither arrived for the last time nor been lost."""
        self._serial = 0
        self._windows: dict[tuple[object, ...], _Told] = {}
        """Windowed lists, by what they show."""
        self._lasting: dict[tuple[object, ...], _Told] = {}
        """Other answers that show neither price nor clock, as long as nothing happens at the venue."""
        self._revision = -1
        self._stands_at = self._stands_until = 0

    def carry(self, call: Call, then: Callable[[Answer], None]) -> None:
        """Send one request; `then` hears its end exactly once."""
        world, rng, now = self._world, self._world.rng, self._world.now
        if world.rest_down_until > now:
            if rng.random() < 0.5:
                world.at(now + 50, lambda: then(NEVER_LEFT))
                world.marks["request never left"] += 1
            else:
                world.at(now + REQUEST_TIMEOUT_MS, lambda: then(None))
            return
        if world.climate.reset_p and world.in_storm and rng.random() < world.climate.reset_p:
            world.marks["request never left"] += 1
            world.at(now + 20, lambda: then(NEVER_LEFT))
            return
        fate = self._faults.fate(call.method, call.path, now) if world.in_storm else RequestFate()
        if call.path == CREATE:
            world.checkers.on_leaving(call.params)
        self._deliver(call, fate, now, then)

    def _deliver(self, call: Call, fate: RequestFate, left: int, then: Callable[[Answer], None]) -> None:
        world = self._world
        there = left + world.latency() + fate.late_ms
        deadline = left + REQUEST_TIMEOUT_MS
        if not fate.arrives:
            if fate.ret_code is not None or fate.status != 200:
                world.at(there, lambda: then(self._spoilt(fate)))
            else:
                world.at(deadline if fate.shape == "hang" else there, lambda: then(None))
            return
        self._serial += 1
        number = self._serial
        if call.path == CREATE:
            self.on_the_wire[number] = call.params
        if fate.arrives > 1:
            world.marks["duplicate request"] += 1
            world.at(there, lambda: self._arrive(call, fate, left))
            apart = world.rng.randint(1, 300)
            there, left = there + apart, left + apart  # the copy is as young as the original

        def arrives() -> None:
            reply = self._arrive(call, fate, left)
            self.on_the_wire.pop(number, None)
            back = world.now + world.latency() + fate.answer_late_ms
            if fate.shape in ("close", "half"):
                world.at(world.now + 5, lambda: then(None))
            elif fate.shape == "hang" or back > deadline:
                world.at(max(deadline, world.now), lambda: then(None))
            else:
                world.at(back, lambda: then(self._spoilt(fate) or Reply(200, {}, reply)))

        world.at(there, arrives)

    def _spoilt(self, fate: RequestFate) -> Reply | None:
        """What comes back in place of the venue's answer; None where that comes through."""
        if fate.status != 200 or fate.shape in _UNREADABLE:
            return Reply(fate.status, {}, _UNREADABLE.get(fate.shape, b"<html>"))
        if fate.ret_code is None:
            return None
        body = {"retCode": fate.ret_code, "retMsg": "simulated", "result": {}, "time": self._world.now}
        return Reply(200, {}, _encode(body))

    def _arrive(self, call: Call, fate: RequestFate, left: int) -> bytes:
        """The venue gets the request and makes its answer."""
        world, now = self._world, self._world.now
        window = ORDER_RECV_WINDOW_MS if call.method == "POST" else READ_RECV_WINDOW_MS
        if now - left > window and not call.public:
            world.marks["request refused as late"] += 1
            return _encode({"retCode": 10002, "retMsg": "too late", "result": {}, "time": now})
        if call.method == "GET":
            return self._read(call, fate)
        world.venue.advance(now)
        if fate.omens:
            world.before_foreign()
            deeds.foretell(world.venue, world.ACCOUNT, call.path, call.params, fate.omens)
            world.after_foreign()
        reply = world.venue.request(world.ACCOUNT, call.method, call.path, call.params)
        if call.path == CREATE:
            world.checkers.on_arrived(call.params, reply)
            if reply.ret_code == 0 and (fate.ret_code in AMBIGUOUS or fate.shape != "json" or fate.status != 200):
                world.marks["answer unknown but accepted"] += 1
        world.venue_moved()
        return _envelope(reply, now)

    # -- reads, with a replica that may lag -----------------------------------------------------------------------------------

    def _read(self, call: Call, fate: RequestFate) -> bytes:
        world, now = self._world, self._world.now
        climate = world.climate
        lag_ms = 0
        if climate.read_lag_p and world.in_storm and world.rng.random() < climate.read_lag_p:
            lag_ms = world.rng.randint(1, climate.read_lag_ms)
            world.marks["reading stale"] += 1
        if call.path == WALLET and now < self._stands_until and world.in_storm:
            lag_ms = max(lag_ms, now - self._stands_at)
            world.marks["wallet read from before its change"] += 1
        told = self._snapshot(call, now - lag_ms) if call.path in _SNAPSHOT_PATHS else self._told(call, now - lag_ms)
        if not fate.edits:
            return told.body(now)
        edited = self._faults.retouch(fate._replace(ret_code=None), told.reply, call.path, now_ms=now, market_ms=now)
        return _envelope(edited, now)

    def _told(self, call: Call, as_of: int) -> _Told:
        """What the venue says to a question, as things were at `as_of`. An answer that was made before is not made again."""
        venue = self._world.venue
        if call.public:
            return _Told(venue.public(call.path, call.params))
        if (shown := self._shown(call, as_of)) is not None:
            if shown not in self._windows:
                self._windows[shown] = _as_of(self._asked(call), as_of)
            return self._windows[shown]
        if call.path not in _TIMELESS:
            return _as_of(self._asked(call), as_of)
        if self._revision != venue.revision:
            self._revision = venue.revision
            self._lasting.clear()
        key = (call.path, *call.params.values())
        if key not in self._lasting:
            self._lasting[key] = self._asked(call)
        return _as_of(self._lasting[key], as_of)

    def _asked(self, call: Call) -> _Told:
        return _Told(self._world.venue.request(self._world.ACCOUNT, "GET", call.path, call.params))

    def _shown(self, call: Call, as_of: int) -> tuple[object, ...] | None:
        """What an answer to a windowed list depends on: its first and last row and their number. None: it cannot be told so simply."""
        if call.path not in _WINDOWED or {"orderLinkId", "cursor", "type"} & call.params.keys():
            return None
        since, most = int(str(call.params["startTime"])), int(str(call.params["limit"]))
        serials = []
        for row in reversed(getattr(self._world.account, _WINDOWED[call.path])):
            if row.at_ms < since:
                break
            if row.at_ms <= as_of:
                serials.append(row.serial)
        if len(serials) > most:
            return None
        return (call.path, *serials[:1], *serials[-1:], len(serials))

    def wallet_stands(self, at_ms: int, *, for_ms: int) -> None:
        """Wallets are read from a replica of their own, and it gets no news: for `for_ms` they are shown as they were at `at_ms`."""
        self._stands_at, self._stands_until = at_ms, at_ms + for_ms

    def note_change(self) -> None:
        """The account changed: remember how it looks from now on."""
        world = self._world
        ask = world.venue.request
        look = {path: _Told(ask(world.ACCOUNT, "GET", path, params)) for path, params in _SNAPSHOT_PATHS.items()}
        self._snapshots.append((world.now, look))
        while len(self._snapshots) > 1 and self._snapshots[1][0] < world.now - 15_000:
            self._snapshots.popleft()

    def _snapshot(self, call: Call, as_of: int) -> _Told:
        for at_ms, look in reversed(self._snapshots):
            if at_ms <= as_of:
                return look[call.path]
        return self._snapshots[0][1][call.path]


_SNAPSHOT_PATHS: dict[str, dict[str, object]] = {
    "/v5/position/list": {"category": "linear", "symbol": "BTCUSDT"},
    WALLET: {"accountType": "UNIFIED"},
}


_WINDOWED = {"/v5/execution/list": "executions", "/v5/account/transaction-log": "log"}
_TIMELESS = frozenset({"/v5/order/realtime", "/v5/order/history", "/v5/execution/list", "/v5/account/info"})

_BIRTHS = ("execTime", "createdTime", "transactionTime", "repayTime", "timestamp")


def _as_of(told: _Told, moment: int) -> _Told:
    """A list without what happened after `moment`."""
    result = told.reply.result or {}
    rows = result.get("list")
    if not isinstance(rows, list):
        return told
    kept = [row for row in rows if int(next((row[name] for name in _BIRTHS if row.get(name)), 0)) <= moment]
    return told if len(kept) == len(rows) else _Told(replace(told.reply, result={**result, "list": kept}))


def _envelope(reply: VenueReply, now: int) -> bytes:
    body: dict[str, Any] = {"retCode": reply.ret_code, "retMsg": reply.ret_msg, "result": reply.result, "time": now}
    return _encode(body)
