"""A producer that has failed for good: librdkafka's own test of a fatal error, which no mock cluster brings about."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka
import pytest

from bot.domain.errors import Unavailable
from bot.stream.kafka import Broker, Letter
from tests.unit.stream.brokers import a_cluster

LIBRARIES = [*Path(confluent_kafka.__file__).parents[1].glob("confluent_kafka.libs/librdkafka-*")]
A_LETTER = Letter("topic", b"key", b"value", "schema")
FENCED = 47  # INVALID_PRODUCER_EPOCH


def fail(broker: Broker) -> None:
    """Its producer is a Python object's head, and then librdkafka's handle."""
    handle = ctypes.c_void_p.from_address(id(broker._producer) + object.__basicsize__)
    assert 0 == ctypes.CDLL(str(LIBRARIES[0])).rd_kafka_test_fatal_error(handle, FENCED, b"fenced")


@pytest.mark.skipif(not LIBRARIES, reason="librdkafka lies elsewhere in this build of confluent-kafka")
@pytest.mark.parametrize("before", [True, False], ids=["before a batch", "in the middle of one"])
def test_a_fatal_error_is_told_by_its_name_and_leaving_adds_no_traceback(before: bool) -> None:
    """Leaving raised it again, and that was the last word: a traceback, and not what the broker had said."""
    with a_cluster() as servers:
        broker = Broker(servers, {}, on_trouble=lambda _: None, on_relief=lambda: None)

        def letters() -> Iterator[Letter]:
            yield A_LETTER
            if not before:
                fail(broker)
            yield A_LETTER

        assert broker.deliver([A_LETTER], give_up=lambda: False)
        if before:
            fail(broker)
        with pytest.raises(Unavailable, match="INVALID_PRODUCER_EPOCH"):
            broker.deliver(letters(), give_up=lambda: False)
        broker.close()
