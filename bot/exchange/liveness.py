"""Whether a stream is alive: pings, subscriptions, acknowledgements, and a clock of its own for every topic.

Knows no socket and no watch: it is told what arrived and what time it is (seconds of the monotonic clock), and answers with frames to send
and, when the connection is past saving, with the reason (`fault`). Pongs prove a path, not a feed: a topic is fresh only while
usable data of that topic arrives (Bybit: websocket/wss-authentication).

The rules of the file:

* The wanted topics are fixed at birth; every connection starts by asking for all of them again, one request each.
* A topic is on when the answer with its own req_id said so, and healthy when its first usable data came (where data is due).
* A missing answer, a negative answer, a missing pong, a silent topic: each is a fault, and a fault ends the connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from bot.exchange.patience import Patience
from bot.exchange.wire_stream import Frame

__all__ = ["Liveness"]


@dataclass(slots=True)
class _Topic:
    """One wanted topic. `stale_after_s` None: silence means nothing there (our own orders), so an answer is health enough."""

    name: str
    stale_after_s: float | None
    asked_s: float | None = None
    acked_s: float | None = None
    data_s: float | None = None

    def forget(self) -> None:
        self.asked_s = self.acked_s = self.data_s = None

    @property
    def healthy(self) -> bool:
        return self.acked_s is not None and (self.stale_after_s is None or self.data_s is not None)

    def fault(self, now_s: float, ack_deadline_s: float) -> str | None:
        if self.asked_s is not None and self.acked_s is None and now_s - self.asked_s > ack_deadline_s:
            return f"no answer to the subscription of {self.name} in {ack_deadline_s:g} s"
        if self.acked_s is not None and self.stale_after_s is not None:
            silent_s = now_s - max(self.acked_s, self.data_s or 0.0)
            if silent_s > self.stale_after_s:
                return f"{self.name} silent for {silent_s:.1f} s"
        return None


@dataclass(slots=True)
class Liveness:
    """`topics` maps each wanted topic to the seconds of silence it may keep, or None where silence is normal."""

    topics: Mapping[str, float | None]
    patience: Patience
    fault: str | None = None
    _topics: dict[str, _Topic] = field(init=False)
    _asked: dict[str, str] = field(default_factory=dict)  # req_id -> topic
    _out: list[str] = field(default_factory=list)
    _next_ping_s: float | None = None
    _pong_due_s: float | None = None
    _requests: int = 0

    def __post_init__(self) -> None:
        self._topics = {name: _Topic(name, stale) for name, stale in self.topics.items()}

    @property
    def healthy(self) -> bool:
        """Every topic answered for, and heard from where data is due."""
        return self.fault is None and all(topic.healthy for topic in self._topics.values())

    @property
    def is_due(self) -> bool:
        """Something cannot wait for the next look at the clock."""
        return bool(self._out) or self.fault is not None

    def connected(self, now_s: float) -> None:
        """A new connection: nothing that was heard on an earlier one counts."""
        self.fault = None
        self._asked.clear()
        self._out.clear()
        for topic in self._topics.values():
            topic.forget()
        self._next_ping_s, self._pong_due_s = now_s + self.patience.ping_every_s, None

    def subscribe(self, now_s: float) -> None:
        """Ask for every wanted topic, each under a req_id of its own, so that an answer cannot be credited to another."""
        for topic in self._topics.values():
            topic.asked_s = now_s
            self._asked[self.send("subscribe", [topic.name])] = topic.name

    def send(self, op: str, args: Sequence[str | int] | None = None) -> str:
        """Queue a control frame; returns its req_id."""
        self._requests += 1
        req_id = f"{op}-{self._requests}"
        body: dict[str, object] = {"req_id": req_id, "op": op}
        if args is not None:
            body["args"] = list(args)
        self._out.append(msgspec.json.encode(body).decode())
        return req_id

    def to_send(self) -> list[str]:
        """The frames that wait to leave; taking them empties the queue."""
        out, self._out = self._out, []
        return out

    def heard_control(self, frame: Frame, now_s: float) -> bool:
        """Take a pong or the answer to a subscription; False for any other control frame, which nobody asked for."""
        if frame.is_pong:
            self._pong_due_s = None
            return True
        if frame.op != "subscribe":
            return False
        name = self._asked.pop(str(frame.req_id), None)
        if frame.success is not True:
            self.fault = (
                f"the subscription of {name or 'a topic'} was refused: {(frame.ret_msg or 'no reason given')[:100]}"
            )
        elif name is not None:
            self._topics[name].acked_s = now_s
        return True

    def heard_data(self, topic: str, now_s: float) -> None:
        """Usable data of a wanted topic arrived."""
        if (known := self._topics.get(topic)) is not None:
            known.data_s = now_s

    def tick(self, now_s: float) -> None:
        """Look at every deadline; may queue a ping or set `fault`."""
        if self._next_ping_s is None:
            return
        if self._pong_due_s is not None and now_s > self._pong_due_s:
            self.fault = self.fault or f"no pong in {self.patience.pong_deadline_s:g} s"
        if now_s >= self._next_ping_s and self._pong_due_s is None:
            self.send("ping")
            self._next_ping_s = now_s + self.patience.ping_every_s
            self._pong_due_s = now_s + self.patience.pong_deadline_s
        for topic in self._topics.values():
            self.fault = self.fault or topic.fault(now_s, self.patience.ack_deadline_s)
