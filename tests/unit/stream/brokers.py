"""A Kafka that speaks the real protocol: librdkafka's own mock cluster, and a consumer that reads it to its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

__all__ = ["Heard", "a_cluster", "hear"]


class Heard(NamedTuple):
    topic: str
    key: bytes
    schema: str
    body: dict[str, object]


@contextmanager
def a_cluster() -> Iterator[str]:
    """host:port of a one-broker cluster that lives as long as the block."""
    owner = Producer({"bootstrap.servers": "localhost:1", "test.mock.num.brokers": 1, "log_level": 0})
    yield ",".join(f"{one.host}:{one.port}" for one in owner.list_topics(timeout=10).brokers.values())
    owner.flush(1)


def hear(servers: str, *topics: str) -> list[Heard]:
    """Every message of these topics, each partition in order, up to the present end."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "t", "enable.auto.commit": False, "log_level": 0})
    heard: list[Heard] = []
    try:
        known = consumer.list_topics(timeout=10).topics
        places = [
            TopicPartition(topic, partition, OFFSET_BEGINNING)
            for topic in topics
            if topic in known
            for partition in known[topic].partitions
        ]
        ends = [consumer.get_watermark_offsets(place, timeout=10)[1] for place in places]
        consumer.assign([place for place, end in zip(places, ends, strict=True) if end])
        for _ in range(sum(ends)):
            message = consumer.poll(20)
            assert message is not None, "the broker is silent"
            assert not message.error(), message.error()
            schema = dict(message.headers() or ())["schema"].decode()
            heard.append(Heard(message.topic(), message.key(), schema, msgspec.json.decode(message.value())))
    finally:
        consumer.close()
    return sorted(heard, key=lambda one: topics.index(one.topic))


if __name__ == "__main__":  # a cluster in a process of its own, so that it can be stopped and killed
    with a_cluster() as address:
        print(address, flush=True)  # noqa: T201
        sys.stdin.read()
