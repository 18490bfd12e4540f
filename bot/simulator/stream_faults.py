"""What may happen to a message on its way to one client.

Pure: `carry` turns one message into the messages that arrive, each with its delay. Knows shapes of Bybit's messages just enough to spoil
them; the sockets do the waiting. `now_ms` is real time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.faults import FaultPlan, Injection

__all__ = ["Frame", "StreamFaults"]

Message = dict[str, Any]
POISON = '{"topic":"order","data":[{'


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing that reaches the client: a message, or raw text that is none; `late_ms` after now."""

    message: Message | str
    late_ms: int = 0


@dataclass(slots=True)
class _Memory:
    """What a client's topic was told before: the frozen data, the snapshot held back, the update id's new origin."""

    frozen: Any = None
    held: Message | None = None
    origin: int | None = None
    restarts: int = 0


@dataclass(slots=True)
class _Listener:
    topics: dict[str, _Memory] = field(default_factory=dict)


class StreamFaults:
    """One for the venue; each client is known by a name the caller gives."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._listeners: dict[str, _Listener] = {}

    def carry(self, client: str, channel: str, message: Message, now_ms: int, *, account: str = "") -> list[Frame]:
        """What arrives in place of `message`, in order; nothing when it is lost. `message` itself is not changed."""
        topic = str(message.get("topic", ""))
        memory = self._listeners.setdefault(client, _Listener()).topics.setdefault(topic, _Memory())
        frames = [Frame(message)]
        for injection in self._plan.strikes("stream", f"{channel} {topic}", now_ms, account=account):
            frames = [after for frame in frames for after in self._spoil(injection, frame, memory)]
        if memory.held is not None and not any(injection.fault == "delta-first" for injection in self._plan.active()):
            frames.append(Frame(memory.held))
            memory.held = None
        return frames

    def forget(self, client: str) -> None:
        """The client is gone."""
        self._listeners.pop(client, None)

    def _spoil(self, injection: Injection, frame: Frame, memory: _Memory) -> Iterable[Frame]:
        message = frame.message
        if isinstance(message, str):
            return (frame,)
        match injection.fault:
            case "frame-dropped" | "topic-silent":
                return ()
            case "frame-doubled":
                return (frame, frame)
            case "frame-late":
                return (Frame(message, frame.late_ms + self._plan.rng.randint(1, max(1, injection.lasts_ms))),)
            case "flood":
                return (frame,) * int(injection.says)
            case "poison":
                return (Frame(POISON), frame)
            case "unknown-topic":
                return (Frame({"topic": "weather.BTCUSDT", "type": "snapshot", "ts": 0, "data": {}}), frame)
            case "feed-frozen":
                return (self._frozen(frame, message, memory),)
            case "delta-first":
                return _delta_first(frame, message, memory)
            case "field-empty":
                return (
                    Frame(_changed(message, lambda row: row | {injection.says: ""}, injection.says), frame.late_ms),
                )
            case "field-missing":
                without = lambda row: {name: value for name, value in row.items() if name != injection.says}  # noqa: E731
                return (Frame(_changed(message, without, injection.says), frame.late_ms),)
            case "foreign-rows":
                return (Frame(_with_strangers(message), frame.late_ms),)
            case "book-restart":
                return (_restarted(frame, message, memory),)
            case "filled-twice":
                return _filled_twice(frame, message)
            case name:
                raise AssertionError(f"{name} is no misfortune of a stream")

    def _frozen(self, frame: Frame, message: Message, memory: _Memory) -> Frame:
        if memory.frozen is None:
            memory.frozen = message.get("data")
        return Frame({**message, "data": memory.frozen}, frame.late_ms)


def _delta_first(frame: Frame, message: Message, memory: _Memory) -> Iterable[Frame]:
    """Hold the snapshot back until its first delta has gone ahead."""
    if message.get("type") == "snapshot" and memory.held is None and isinstance(message.get("data"), dict):
        memory.held = message
        return ()
    if memory.held is not None:
        held, memory.held = memory.held, None
        return (frame, Frame(held))
    return (frame,)


def _changed(message: Message, change: Any, field_name: str) -> Message:
    data = message.get("data")
    if isinstance(data, dict):
        return {**message, "data": change(data)} if field_name in data else message
    if isinstance(data, list):
        return {
            **message,
            "data": [change(row) if isinstance(row, dict) and field_name in row else row for row in data],
        }
    return message


def _with_strangers(message: Message) -> Message:
    """The account's rows among those of a symbol the bot has nothing to do with."""
    rows = message.get("data")
    if not isinstance(rows, list) or not rows or "symbol" not in rows[0]:
        return message
    stranger = {**rows[0], "symbol": "ETHUSDT"}
    for name in ("orderId", "orderLinkId", "execId"):
        if stranger.get(name):
            stranger[name] = f"eth-{stranger[name]}"[:36]
    return {**message, "data": [stranger, *rows]}


def _restarted(frame: Frame, message: Message, memory: _Memory) -> Frame:
    """Update ids counted anew from this message on; a snapshot with u = 1 would reset the book, so a delta starts at 2."""
    data = message.get("data")
    if not isinstance(data, dict) or "u" not in data:
        return frame
    if memory.origin is None:
        memory.origin = data["u"] - 1
    number = max(1, data["u"] - memory.origin)
    kind = "snapshot" if number == 1 else message.get("type")
    return Frame({**message, "type": kind, "data": {**data, "u": number}}, frame.late_ms)


def _filled_twice(frame: Frame, message: Message) -> Iterable[Frame]:
    rows = message.get("data")
    if not isinstance(rows, list):
        return (frame,)
    filled = [row for row in rows if isinstance(row, dict) and row.get("orderStatus") == "Filled"]
    if not filled:
        return (frame,)
    late = [{**row, "cancelType": "CancelByUser", "rejectReason": "EC_OrigClOrdIDDoesNotExist"} for row in filled]
    return (frame, Frame({**message, "data": late}, frame.late_ms))
