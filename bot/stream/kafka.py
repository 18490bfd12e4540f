"""The Kafka protocol: the only user of confluent-kafka (librdkafka). `Broker` tells, `Subscription` hears.

A batch is delivered when the broker has confirmed every message of it, in order, with idempotence on. A broker that is away is waited for:
librdkafka reconnects by itself, and nothing else of HedgeLock waits here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bot.domain.errors import SetUp, Unavailable
from bot.stream.messages import Message, schema_name

__all__ = ["Broker", "Heard", "Letter", "Subscription", "letter", "read_properties", "require"]

_INSTALL = "Install it in this environment: python -m pip install confluent-kafka"
_FLUSH_S = 1.0
_LAST = -2_000 - 20
"""librdkafka's OFFSET_TAIL(20): a little more than the one that counts, since a transaction's marks take offsets too."""
_MOST = 200
_LISTENING = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "fetch.message.max.bytes": 65_536,
    "queued.max.messages.kbytes": 1_024,
    "topic.metadata.refresh.interval.ms": 10_000,  # a topic may be made after we came
    "allow.auto.create.topics": False,
    "client.id": "hedgelock",
    "log_level": 0,
}
_OURS = {
    "enable.idempotence": True,
    "message.timeout.ms": 0,  # until it is delivered, however long the broker is away
    "linger.ms": 20,
    "client.id": "hedgelock",
    "log_level": 0,  # its words come by error_cb
}
_STANDING = {"enable.idempotence": "true", "message.timeout.ms": "0", "delivery.timeout.ms": "0"}
"""What a file of properties may repeat and not undo: without these a message can be lost that was called confirmed."""


class Letter(NamedTuple):
    """A message, addressed. The key keeps one account's messages of a topic in one partition, and so in order."""

    topic: str
    key: bytes
    value: bytes
    schema: str


def letter(message: Message, prefix: str) -> Letter:
    """Address a message; `prefix` stands before the topic's name, for brokers that several systems share."""
    return Letter(
        topic=prefix + message.topic,
        key=f"{message.world}.{message.symbol}".encode(),
        value=msgspec.json.encode(message),
        schema=schema_name(type(message)),
    )


def read_properties(path: Path) -> dict[str, str]:
    """librdkafka's own settings (TLS, SASL) from a file of `name=value` lines; `#` begins a comment. Raises SetUp."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SetUp(
            f"{path} cannot be read: {error}", "HEDGELOCK__KAFKA__PROPERTIES names a file of name=value lines"
        ) from error
    found = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise SetUp(
                f"{path}, line {number} is not name=value", "https://github.com/confluentinc/librdkafka has the names"
            )
        found[name.strip()] = value.strip()
    return found


def require() -> None:
    """SetUp with the command that installs it where confluent-kafka is absent."""
    try:
        importlib.import_module("confluent_kafka")
    except ImportError as error:
        raise SetUp("the event stream needs confluent-kafka", _INSTALL) from error


class Heard(NamedTuple):
    """A message from outside, not yet looked into. `schema` is its header of that name, "" without one."""

    value: bytes
    schema: str


class Broker:
    """A connection to the brokers. Raises SetUp where the library is absent or refuses its settings.

    `on_trouble` hears each kind of trouble once until the broker has confirmed again, and then `on_relief` is called.
    """

    def __init__(
        self,
        servers: str,
        properties: Mapping[str, str],
        *,
        on_trouble: Callable[[str], None],
        on_relief: Callable[[], None],
    ) -> None:
        require()
        from confluent_kafka import KafkaException, Producer

        for name, value in _STANDING.items():
            if properties.get(name, value).lower() != value:
                raise SetUp(
                    f"{name}={properties[name]} would let messages be lost",
                    "Remove it from HEDGELOCK__KAFKA__PROPERTIES",
                )
        self._on_trouble, self._on_relief = on_trouble, on_relief
        self._troubles: set[str] = set()
        self._Failed = KafkaException
        wanted: dict[str, Any] = {**_OURS, **properties, "bootstrap.servers": servers}
        try:
            self._producer = Producer({**wanted, "error_cb": self._trouble})
        except KafkaException as error:
            raise SetUp(f"the Kafka settings were refused: {error}", "Look at HEDGELOCK__KAFKA__*") from error
        self._lost: list[str] = []

    def deliver(self, letters: Iterable[Letter], *, give_up: Callable[[], bool]) -> bool:
        """Send a batch and wait until every message is confirmed. False: `give_up` said to leave first; what was confirmed is unknown.

        Raises Unavailable where the broker refused a message for good (too large, not authorised): a person must mend it. `give_up` is
        asked about once a second.
        """
        try:
            return self._deliver(letters, give_up)
        except (self._Failed, SystemError) as error:  # a fatal one leaves any call, and confluent-kafka may wrap it so
            why = error if isinstance(error, self._Failed) else error.__cause__ or error
            raise Unavailable(f"the broker refused for good: {why}") from error

    def _deliver(self, letters: Iterable[Letter], give_up: Callable[[], bool]) -> bool:
        for one in letters:
            while not self._enqueue(one):
                if give_up():
                    return False
        while self._producer.flush(_FLUSH_S):
            if self._lost or give_up():
                break
        if self._lost:
            raise Unavailable(f"the broker refused a message: {self._lost[0]}")
        if len(self._producer):
            return False
        if self._troubles:
            self._troubles.clear()
            self._on_relief()
        return True

    def close(self) -> None:
        """Leave without waiting for what was not confirmed: it is sent again next time. A fatal error has been told by then."""
        with suppress(self._Failed, SystemError):
            self._producer.purge()
            self._producer.flush(_FLUSH_S)

    def _enqueue(self, one: Letter) -> bool:
        # To produce after a fatal error only says that there was one; this raises it by its own name.
        self._producer.poll(0)
        try:
            self._producer.produce(
                one.topic, key=one.key, value=one.value, headers={"schema": one.schema}, on_delivery=self._delivered
            )
        except BufferError:  # its queue is full: let it send
            self._producer.poll(_FLUSH_S)
            return False
        return True

    def _trouble(self, error: Any) -> None:
        if error.name() not in self._troubles:  # librdkafka repeats itself with every attempt
            self._troubles.add(error.name())
            self._on_trouble(error.str())

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None and error.name() != "_PURGE_QUEUE" and error.name() != "_PURGE_INFLIGHT":
            self._lost.append(f"{message.topic()}: {error.str()}")


class Subscription:
    """One topic, heard from its last messages on, by a group of its own so that every daemon hears all of it. Nothing here waits.
    `on_trouble` hears the kind of each trouble and what is said of it, as often as librdkafka repeats itself.

    Raises SetUp where the library is absent or refuses its settings.
    """

    def __init__(
        self,
        servers: str,
        topic: str,
        properties: Mapping[str, str],
        *,
        group: str,
        on_trouble: Callable[[str, str], None],
    ) -> None:
        require()
        from confluent_kafka import Consumer, KafkaException

        wanted: dict[str, Any] = {**_LISTENING, **properties, "bootstrap.servers": servers, "group.id": group}
        try:
            self._consumer = Consumer({**wanted, "error_cb": lambda error: on_trouble(error.name(), error.str())})
        except KafkaException as error:
            raise SetUp(f"the Kafka settings were refused: {error}", "Look at HEDGELOCK__KAFKA__*") from error
        self._on_trouble = on_trouble
        self._consumer.subscribe([topic], on_assign=_from_the_last)

    def look(self) -> list[Heard]:
        """What has come since the last look, oldest first; at most some hundreds, the rest at the next."""
        heard: list[Heard] = []
        while len(heard) < _MOST and (message := self._consumer.poll(0)) is not None:
            if (error := message.error()) is not None:
                self._on_trouble(error.name(), error.str())
                break
            schema = dict(message.headers() or ()).get("schema") or b""
            text = schema if isinstance(schema, str) else schema.decode("utf-8", "replace")
            heard.append(Heard(value=message.value() or b"", schema=text))
        return heard

    def close(self) -> None:
        """Leave the group; waits for the broker, a little."""
        self._consumer.close()


def _from_the_last(consumer: Any, places: Any) -> None:
    for place in places:
        place.offset = _LAST
    consumer.assign(places)
