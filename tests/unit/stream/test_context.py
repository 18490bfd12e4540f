"""Funding as another system tells it: over the real protocol, and only what is of our book, of our day and well-formed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from bot.domain.errors import SetUp
from bot.domain.events import BadInput, Event, FundingContextSeen
from bot.stream.context import ContextOptions, Sieve, listen
from bot.stream.kafka import Heard
from bot.stream.messages import FundingContext
from tests.patience import until
from tests.unit.stream.brokers import a_cluster

NOW_MS = 1_755_932_400_000
STALE_MS = 3_600_000
SCHEMA = "hedgelock.funding_context.v1"
OPTIONS = ContextOptions(
    servers="",
    topic="other.funding_context",
    group="t1",
    properties="",
    world="paper",
    symbol="BTCUSDT",
    stale_ms=STALE_MS,
)


def a_message(**changes: Any) -> bytes:
    said: dict[str, Any] = {
        **{"journal": "other", "number": 7, "at_ms": NOW_MS, "world": "paper", "symbol": "BTCUSDT"},
        **{"rate": "0.003", "interval_h": 8, "next_ms": None, "apr": 3.3, "regime": "EXTREME"},
    }
    return msgspec.json.encode(said | changes)


def sifted(*values: bytes, schema: str = SCHEMA, now_ms: int = NOW_MS) -> list[Event]:
    return Sieve(OPTIONS).pass_on([Heard(value, schema) for value in values], now_ms)


def test_a_word_of_our_book_passes() -> None:
    """What a fellow HedgeLock publishes is what this one reads, with or without the header."""
    word = FundingContextSeen(at_ms=NOW_MS, regime="EXTREME", source="other 7")

    assert [word] == sifted(a_message())
    assert [word] == sifted(a_message(a_later_field=1), schema="")
    assert msgspec.json.decode(a_message(), type=FundingContext).rate is not None


BAD = [
    ("malformed", b"{", SCHEMA),
    ("malformed", b"\xff\xfe", SCHEMA),
    ("malformed", b"", SCHEMA),
    ("malformed", b"[]", SCHEMA),
    ("malformed", a_message(at_ms="soon"), SCHEMA),
    ("malformed", b'{"at_ms": 1}', SCHEMA),
    ("malformed", b"[" * 3_000, SCHEMA),
    ("malformed", a_message()[:-1] + b',"later":' + b"[" * 1_700 + b"]" * 1_700 + b"}", SCHEMA),
    ("of no known regime", a_message(regime="HOT"), SCHEMA),
    ("of another schema", a_message(), "hedgelock.funding_context.v2"),
    ("of another book", a_message(world="mainnet"), SCHEMA),
    ("of another book", a_message(symbol="ETHUSDT"), SCHEMA),
    ("stale", a_message(at_ms=NOW_MS - STALE_MS), SCHEMA),
    ("of the future", a_message(at_ms=NOW_MS + 60_001), SCHEMA),
    ("too long", a_message(journal="x" * 5_000), SCHEMA),
]


@pytest.mark.parametrize(("kind", "value", "schema"), BAD, ids=[f"{n} {case[0]}" for n, case in enumerate(BAD)])
def test_what_cannot_be_used_is_dropped_and_told(kind: str, value: bytes, schema: str) -> None:
    """One complaint with a short sample; no word passes, and one beside it is not lost."""
    (bad,) = sifted(value, schema=schema)
    assert isinstance(bad, BadInput)
    assert (f"funding context {kind}", True) == (bad.kind, len(bad.sample) <= 120)

    both = Sieve(OPTIONS).pass_on([Heard(value, schema), Heard(a_message(), SCHEMA)], NOW_MS)
    assert [BadInput, FundingContextSeen] == [type(event) for event in both]


def test_a_stranger_s_words_move_no_terminal() -> None:
    """They stand in the log and on the page: what cannot be printed is a question mark."""
    (word,) = sifted(a_message(journal="\x1b[2Jother"))
    (bad,) = sifted(a_message(regime="\x1b]0;HOT\x07"))
    assert ("?[2Jother 7", "?]0;HOT?") == (word.source, bad.sample)  # type: ignore[union-attr]


def test_a_flood_makes_one_word_and_one_complaint() -> None:
    """The newest counts, by its sender's time and not by its place."""
    flood = [a_message(at_ms=NOW_MS - abs(n - 300), number=n) for n in range(500)] + [b"{"] * 500

    assert 2 == len(sifted(*flood))
    assert "other 300" == sifted(*flood)[1].source  # type: ignore[union-attr]


def test_the_same_again_is_told_only_to_keep_it_fresh() -> None:
    """Repeats within a quarter of the patience are not news; another regime is at once; an old word never is."""
    sieve = Sieve(OPTIONS)

    def passed(at_ms: int, regime: str = "MANIA") -> int:
        return len(sieve.pass_on([Heard(a_message(at_ms=at_ms, regime=regime), SCHEMA)], at_ms))

    quarter = STALE_MS // 4
    assert [1, 0, 1] == [passed(NOW_MS), passed(NOW_MS + quarter - 1), passed(NOW_MS + quarter)]
    assert 1 == passed(NOW_MS + quarter + 1, "NORMAL")
    assert 0 == passed(NOW_MS + 5, "MANIA")


class Room:
    """A listener at work, and what it put into the inbox."""

    def __init__(self, servers: str) -> None:
        self.inbox: list[Event] = []
        self.producer = Producer({"bootstrap.servers": servers})
        self.options = replace(OPTIONS, servers=servers)

    def say(self, value: bytes, schema: str = SCHEMA) -> None:
        self.producer.produce(OPTIONS.topic, value=value, headers={"schema": schema})
        self.producer.flush(10)


async def test_it_is_heard_over_the_real_protocol() -> None:
    """The last word said before we came, then each that follows; an unreadable one is told and the next is heard."""
    with a_cluster() as servers:
        room = Room(servers)
        room.say(a_message(regime="HEATED", number=1, at_ms=NOW_MS - 10))
        task = asyncio.create_task(listen(room.options, now_ms=lambda: NOW_MS, put=room.inbox.append))

        await until(lambda: len(room.inbox) == 1)
        room.say(b"not json")
        room.say(a_message(regime="EXTREME", number=2))
        await until(lambda: len(room.inbox) == 3)
        task.cancel()
        await asyncio.wait([task], timeout=30)

    assert task.cancelled()
    words = [event.regime for event in room.inbox if isinstance(event, FundingContextSeen)]
    assert (["HEATED", "EXTREME"], 1) == (words, sum(isinstance(event, BadInput) for event in room.inbox))


async def test_a_broker_that_is_away_costs_nothing() -> None:
    """It goes on looking, and leaves when it is told to."""
    room = Room("127.0.0.1:1")
    task = asyncio.create_task(listen(room.options, now_ms=lambda: NOW_MS, put=room.inbox.append))

    await asyncio.sleep(1.5)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task], timeout=30)
    assert (True, []) == (task.cancelled(), room.inbox)


async def test_settings_that_librdkafka_refuses_are_named(tmp_path: Path) -> None:
    """At the start, with the name of the setting."""
    (tmp_path / "kafka.properties").write_text("no.such.setting=1\n")
    room = Room("127.0.0.1:1")
    with pytest.raises(SetUp, match=r"no\.such\.setting"):
        await listen(
            replace(room.options, properties=str(tmp_path / "kafka.properties")),
            now_ms=lambda: NOW_MS,
            put=room.inbox.append,
        )


async def test_it_outlives_whatever_goes_wrong_over_a_message() -> None:
    """The daemon lives with it: what breaks over one message is said, and the next is heard."""
    with a_cluster() as servers:
        room = Room(servers)

        def put(event: Event) -> None:
            room.inbox.append(event)
            if len(room.inbox) == 1:
                raise ValueError("some library")

        room.say(b"not json")
        task = asyncio.create_task(listen(room.options, now_ms=lambda: NOW_MS, put=put))
        await until(lambda: room.inbox)
        room.say(a_message())
        await until(lambda: len(room.inbox) == 2)
        task.cancel()
        await asyncio.wait([task], timeout=30)
    assert task.cancelled()
