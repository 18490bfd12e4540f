"""The private stream: our orders, executions, positions and wallet. Sans-IO.

Knows that one authenticates first, waits for the answer, and only then subscribes; and which rows are ours to hear. The all-in-one
topics carry every category and symbol of the account: rows of another contract are counted as foreign and dropped, except spot trades
of the coin we protect, because they change how much of it there is.
(Bybit: websocket/wss-authentication, websocket/private/order, .../execution, .../position, .../wallet.)
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bot.domain.events import BadInput, Channel, Event, ExecutionSeen, LegSeen, OrderSeen, WalletSeen
from bot.exchange.hosts import Credentials
from bot.exchange.liveness import Liveness
from bot.exchange.patience import Patience
from bot.exchange.stream import Desk
from bot.exchange.wire_rows import (
    BadRow,
    ExecutionWire,
    OrderWire,
    PositionWire,
    WalletWire,
    decode,
    execution,
    leg_row,
    order_row,
    wallet,
)
from bot.exchange.wire_stream import Frame, rows

__all__ = ["PrivateStream"]

_TOPICS = ("order", "execution", "position", "wallet")


class _OwnerWire(msgspec.Struct):
    symbol: str
    category: str = ""


class PrivateStream:
    """The private stream of one contract. `server_ms` is the venue's own time, for the signature's expiry; a wallet whose row of one of
    `coins` cannot be read is none."""

    def __init__(
        self,
        *,
        symbol: str,
        credentials: Credentials,
        server_ms: Callable[[], int],
        patience: Patience,
        coins: tuple[str, ...] = ("BTC", "USDT"),
        spot_symbols: tuple[str, ...] = ("BTCUSDT", "BTCUSDC"),
    ) -> None:
        self._symbol = symbol
        self._coins, self._spot_symbols = coins, spot_symbols
        self._credentials = credentials
        self._server_ms = server_ms
        self._patience = patience
        self._desk = Desk(Channel.PRIVATE, Liveness(dict.fromkeys(_TOPICS), patience), patience)
        self._auth_due_s: float | None = None
        self._readers: dict[str, Callable[[msgspec.Raw], Event | None]] = {
            "order": self._order,
            "execution": self._execution,
            "position": self._position,
            "wallet": self._wallet,
        }

    @property
    def channel(self) -> Channel:
        return self._desk.channel

    @property
    def fault(self) -> str | None:
        return self._desk.liveness.fault

    @property
    def is_due(self) -> bool:
        return self._desk.liveness.is_due

    @property
    def foreign(self) -> int:
        """Rows of other symbols and categories, ever."""
        return self._desk.foreign

    def connected(self, now_s: float) -> list[str]:
        self._desk.liveness.connected(now_s)
        expires_ms = self._server_ms() + self._patience.auth_expires_ms
        self._desk.liveness.send(
            "auth", [self._credentials.api_key, expires_ms, self._credentials.sign_stream(expires_ms)]
        )
        self._auth_due_s = now_s + self._patience.auth_deadline_s
        return self._desk.liveness.to_send()

    def receive(self, text: str | bytes, now_s: float) -> list[Event]:
        frame = self._desk.opened(text, now_s)
        if isinstance(frame, BadInput):
            return [frame]
        try:
            events = self._control(frame, text, now_s) if not frame.topic else self._rows(frame, now_s)
        except BadRow as error:
            return [self._desk.bad_input(error.kind, text, now_s)]
        return [*events, *self._desk.news_of_health()]

    def tick(self, now_s: float) -> list[str]:
        if self._auth_due_s is not None and now_s > self._auth_due_s:
            self._desk.liveness.fault = f"no answer to the authentication in {self._patience.auth_deadline_s:g} s"
        self._desk.liveness.tick(now_s)
        return self._desk.liveness.to_send()

    def disconnected(self, reason: str) -> list[Event]:
        self._auth_due_s = None
        return self._desk.went_down(reason)

    def _control(self, frame: Frame, text: str | bytes, now_s: float) -> list[Event]:
        if frame.op == "auth":
            self._heard_auth(frame, now_s)
        elif not self._desk.liveness.heard_control(frame, now_s):
            return [self._desk.bad_input("unknown frame", text, now_s)]
        return []

    def _heard_auth(self, frame: Frame, now_s: float) -> None:
        if self._auth_due_s is None:
            return
        self._auth_due_s = None
        if frame.success is True:
            self._desk.liveness.subscribe(now_s)
        else:
            self._desk.liveness.fault = f"authentication refused: {(frame.ret_msg or 'no reason given')[:100]}"

    def _rows(self, frame: Frame, now_s: float) -> list[Event]:
        """What the rows say, each on its own: a bad one loses nothing but itself."""
        topic = frame.topic.partition(".")[0]  # "order" or "order.linear": which one is sent is not documented
        read = self._readers.get(topic)
        if read is None:
            raise BadRow("unknown topic", frame.topic[:40])
        events: list[Event] = []
        for raw in rows(frame.data, topic):
            try:
                event = read(raw)
            except BadRow as error:
                event = self._desk.bad_input(error.kind, bytes(raw), now_s)
            if event is not None:
                events.append(event)
        self._desk.liveness.heard_data(topic, now_s)
        return events

    def _order(self, raw: msgspec.Raw) -> Event | None:
        return OrderSeen(order=order_row(decode(raw, OrderWire, "order"))) if self._is_ours(raw, "order") else None

    def _execution(self, raw: msgspec.Raw) -> Event | None:
        if not self._is_ours(raw, "execution", self._spot_symbols):
            return None
        return ExecutionSeen(execution=execution(decode(raw, ExecutionWire, "execution")))

    def _position(self, raw: msgspec.Raw) -> Event | None:
        return LegSeen(row=leg_row(decode(raw, PositionWire, "position"))) if self._is_ours(raw, "position") else None

    def _wallet(self, raw: msgspec.Raw) -> Event | None:
        return WalletSeen(wallet=wallet(decode(raw, WalletWire, "wallet"), self._coins))

    def _is_ours(self, raw: msgspec.Raw, kind: str, spot_symbols: tuple[str, ...] = ()) -> bool:
        """Whether a row is of our contract; nothing else is asked of another's. Raises BadRow(kind)."""
        owner = decode(raw, _OwnerWire, kind)
        if (owner.category == "linear" and owner.symbol == self._symbol) or (
            owner.category == "spot" and owner.symbol in spot_symbols
        ):
            return True
        self._desk.foreign += 1
        return False
