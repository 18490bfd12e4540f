"""Who listens to what: the open lines, the public topics with listeners, and the road of every message to them.

Knows the venue's pushes and the public board; messages pass the fault plan one client at a time while it spoils streams, and are encoded
once for all clients while it does not. Topics without listeners cost nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from bot.domain.clock import elapsed_s
from bot.simulator.choices import FaceChoices
from bot.simulator.faults import FaultPlan
from bot.simulator.lines import Line
from bot.simulator.private_feed import PrivateFeed
from bot.simulator.sessions import PRIVATE_TOPICS, Channel, Heard
from bot.simulator.stream_faults import StreamFaults
from bot.simulator.topics import Board, LiquidationTopic, Topic, TradeTopic, make_topic
from bot.simulator.venue import Push, Venue

__all__ = ["Hub"]

Message = dict[str, Any]
STATUS_TOPIC = "system.status"


class Hub:
    """Lines and topics of one server."""

    def __init__(self, venue: Venue, board: Board, choices: FaceChoices) -> None:
        self._venue, self._board = venue, board
        self._choices, self._private = choices, PrivateFeed(choices)
        self._topics: dict[tuple[str, str], tuple[Topic, dict[Line, None]]] = {}
        self._plan, self._faults = FaultPlan(), StreamFaults(FaultPlan())
        self.lines: dict[Line, None] = {}  # in order of arrival, so that dice fall the same way each run

    def spoil_with(self, plan: FaultPlan, faults: StreamFaults) -> None:
        """Let every message pass this plan from now on."""
        self._plan, self._faults = plan, faults

    def publish(self) -> None:
        """Send what the venue has said, and what the public topics have to say by now."""
        for push in self._venue.drain():
            if push.account is None:
                self._announce(push)
            else:
                self._tell(push)
        real_ms = int(elapsed_s() * 1000)
        for topic, listeners in list(self._topics.values()):
            if real_ms < topic.due_ms:
                continue
            topic.due_ms = real_ms + topic.every_ms
            for message in topic.news(real_ms):
                self._send_all(listeners, message)

    def is_topic(self, channel: Channel, name: str) -> bool:
        """Whether the channel has a topic of that name."""
        if channel == "private":
            return name in PRIVATE_TOPICS
        if channel == "status":
            return name == STATUS_TOPIC
        return make_topic(self._board, channel, name) is not None

    def follow(self, line: Line, heard: Heard) -> None:
        """Join and leave public topics; a new listener gets the topic's snapshot."""
        channel = line.session.channel
        self._leave(line, heard.removed)
        if channel == "private" and self._choices.private_snapshot:
            self._tell_present(line, heard.added)
        if channel not in ("linear", "spot"):
            return
        for name in heard.added:
            entry = self._topics.get((channel, name))
            if entry is None:
                topic = make_topic(self._board, channel, name)
                assert topic is not None
                entry = self._topics[channel, name] = (topic, {})
            topic, listeners = entry
            listeners[line] = None
            first = topic.first()
            if first is not None:
                self._send_all([line], first)

    def drop(self, line: Line) -> None:
        """The line is gone."""
        self.lines.pop(line, None)
        self._leave(line, list(line.session.topics))
        self._faults.forget(line.session.conn_id)

    def tell_status(self, row: Message) -> None:
        """A row of system status for those who listen (Bybit: websocket/system/system-status)."""
        message = {"topic": STATUS_TOPIC, "ts": self._venue.now_ms, "data": [row]}
        self._send_all([line for line in self.lines if STATUS_TOPIC in line.session.topics], message)

    def _announce(self, push: Push) -> None:
        entry = self._topics.get((push.channel, push.topic))
        if entry is None:
            return
        topic, listeners = entry
        rows = push.rows[0] if isinstance(push.rows[0], list) else list(push.rows)
        if isinstance(topic, LiquidationTopic | TradeTopic):
            topic.hear(rows)
        else:
            self._send_all(listeners, {"topic": push.topic, "ts": push.at_ms, "data": push.rows[0]})

    def _tell(self, push: Push) -> None:
        listeners: dict[str, list[Line]] = {}
        for line in self.lines:
            key = line.session.key
            if line.session.channel == "private" and key is not None and key.account == push.account:
                for name in line.session.topics:
                    if name.startswith(push.topic):
                        listeners.setdefault(name, []).append(line)
        for name, lines in listeners.items():
            message = self._private.message(push, name, self._venue.state.accounts[str(push.account)].uid)
            if message is not None:
                self._send_all(lines, message, account=str(push.account))

    def _tell_present(self, line: Line, names: Iterable[str]) -> None:
        """What is so now, to a new listener alone."""
        key = line.session.key
        assert key is not None, "a private subscription is authenticated"
        for push in self._venue.present(key.account):
            for name in names:
                message = self._private.message(push, name, self._venue.state.accounts[key.account].uid)
                if message is not None:
                    self._send_all([line], message, account=key.account)

    def _send_all(self, listeners: Iterable[Line], message: Message, *, account: str = "") -> None:
        if self._plan.any("stream"):
            for line in list(listeners):
                self._send_spoilt(line, message, account)
            return
        text = encode(message)
        for line in list(listeners):
            line.send(text)

    def _send_spoilt(self, line: Line, message: Message, account: str) -> None:
        session, real_ms = line.session, int(elapsed_s() * 1000)
        for frame in self._faults.carry(session.conn_id, session.channel, message, real_ms, account=account):
            text = frame.message if isinstance(frame.message, str) else encode(frame.message)
            if frame.late_ms:
                asyncio.get_running_loop().call_later(frame.late_ms / 1000, line.send, text)
            else:
                line.send(text)

    def _leave(self, line: Line, names: list[str]) -> None:
        for name in names:
            entry = self._topics.get((line.session.channel, name))
            if entry is None:
                continue
            entry[1].pop(line, None)
            if not entry[1]:
                del self._topics[line.session.channel, name]


def encode(message: Message) -> str:
    return msgspec.json.encode(message).decode()
