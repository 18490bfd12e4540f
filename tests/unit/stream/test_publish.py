"""From the journal to a broker: once when all is well, again rather than never when it is not."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.commands import Note
from bot.domain.errors import AlreadyRunning, JournalFailed, SetUp, Unavailable
from bot.domain.events import Started
from bot.journal import locks
from bot.journal.journal import Journal
from bot.publish import publish
from bot.settings import Settings
from bot.settings.stream import KafkaSettings
from bot.stream import lag, offset
from bot.stream.messages import MESSAGES
from tests.patience import until
from tests.unit.journal.told import a_days_desk, write
from tests.unit.stream.brokers import a_cluster, hear

TOPICS = [shape.topic for shape in MESSAGES]


def tell(path: Path, servers: str, **kafka: str) -> int:
    return publish(settings_for(servers, **kafka), path, once=True, stop=threading.Event())


def settings_for(servers: str, **kafka: str) -> Settings:
    return Settings(kafka=KafkaSettings(bootstrap_servers=servers, metrics_port=0, **kafka))  # type: ignore[arg-type]


@contextmanager
def telling(path: Path, servers: str) -> Iterator[None]:
    """A publisher beside the block, in its thread."""
    stop = threading.Event()
    thread = threading.Thread(
        target=publish, args=(settings_for(servers), path), kwargs={"once": False, "stop": stop}, daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)


def marked(path: Path) -> int:
    mark = offset.read(path.with_suffix(".stream.json"))
    return mark.number if mark else 0


def goes_on(path: Path, run: str, records: int) -> None:
    """A daemon's next run writes to this journal: its name, and some records of the day."""
    journal, diary = Journal(path, deadline_s=60), a_days_desk(hours=1).diary.records
    started = next(record for record, _ in diary if isinstance(record, Started))
    journal.append(replace(started, run=run), diary[-1][1])
    for record, at_ms in diary[-records:]:
        journal.append(record, at_ms)
    journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of an hour."""
    found = tmp_path / "journal.sqlite"
    write(found, a_days_desk(hours=1)).close()
    return found


def test_a_day_arrives_once_and_in_order(path: Path) -> None:
    """Every message is there under the name of its schema, in the journal's order; telling again adds nothing."""
    with a_cluster() as servers:
        told = tell(path, servers)
        heard = hear(servers, *TOPICS)
        assert told == len(heard) > 10
        assert {(one.topic, f"hedgelock.{one.topic}.v1") for one in heard} == {(one.topic, one.schema) for one in heard}
        for topic in TOPICS:
            numbers = [int(str(one.body["number"])) for one in heard if one.topic == topic]
            assert sorted(numbers) == numbers

        assert tell(path, servers) == 0
        assert heard == hear(servers, *TOPICS)


def test_a_prefix_stands_before_every_topic(path: Path) -> None:
    """Several systems can share a broker."""
    with a_cluster() as servers:
        assert tell(path, servers, topic_prefix="desk1.") == len(hear(servers, *(f"desk1.{t}" for t in TOPICS)))


def test_another_journal_is_told_from_its_beginning(path: Path) -> None:
    """How far one journal came says nothing of another in its place."""
    path.with_suffix(".stream.json").write_text('{"journal":"someone else","number":99999}')
    with a_cluster() as servers:
        assert tell(path, servers) == len(hear(servers, *TOPICS)) > 10


def test_a_mark_that_cannot_be_read_stops_it(path: Path) -> None:
    """It does not guess where it was; the mend says how to begin anew."""
    path.with_suffix(".stream.json").write_text("{")
    with a_cluster() as servers, pytest.raises(SetUp, match="Remove it"):
        tell(path, servers)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("security.protocol\n", "line 1 is not name=value"),
        ("# TLS\n\nno.such.setting=1\n", "no.such.setting"),
        ("enable.idempotence=false\nacks=0\n", "enable.idempotence=false would let messages be lost"),
        ("message.timeout.ms=30000\n", "message.timeout.ms=30000 would let messages be lost"),
    ],
)
def test_bad_properties_are_named(path: Path, text: str, said: str) -> None:
    """A wrong line is told with its number, a wrong name by librdkafka itself."""
    file = path.with_name("kafka.properties")
    file.write_text(text)
    with pytest.raises(SetUp, match=said):
        tell(path, "localhost:1", properties=str(file))


def test_no_broker_named_is_said(path: Path) -> None:
    """The mend names the variable."""
    with pytest.raises(SetUp, match="HEDGELOCK__KAFKA__BOOTSTRAP_SERVERS"):
        tell(path, "")


def test_a_copy_brought_back_is_told_from_where_it_parts(path: Path) -> None:
    """Its new records have numbers that were told before of others: each is told, and what can be taken for a repeat is one."""
    copy = path.with_name("copy.sqlite")
    shutil.copy(path, copy)
    goes_on(path, "r2", records=30)
    with a_cluster() as servers:
        before = tell(path, servers)
        copy.replace(path)
        goes_on(path, "r3", records=20)
        again = tell(path, servers)
        goes_on(path, "r4", records=20)
        again += tell(path, servers)
        heard = hear(servers, *TOPICS)

    assert len(heard) == before + again
    named = {(one.topic, one.body["run"], one.body["number"]): one for one in heard}
    assert [] == [one for one in heard if one != named[one.topic, one.body["run"], one.body["number"]]]
    assert {"r1", "r2", "r3", "r4"} == {one.body["run"] for one in heard}


async def test_a_journal_that_has_only_been_made_is_waited_for(tmp_path: Path) -> None:
    """The daemon makes the file first and says its name later: every message carries that name."""
    path = tmp_path / "journal.sqlite"
    path.touch()
    with a_cluster() as servers, telling(path, servers):
        await asyncio.sleep(1.0)
        write(path, a_days_desk(hours=1)).close()
        await until(lambda: marked(path))
        assert {"r1"} == {one.body["journal"] for one in hear(servers, *TOPICS)}


async def test_a_journal_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """A supervisor starts both at once. Nothing is written where nothing is yet, and whoever waits can be stopped."""
    path = tmp_path / "var" / "journal.sqlite"
    with a_cluster() as servers:
        with telling(path, servers):
            await asyncio.sleep(1.0)
            assert not path.parent.exists()
        with telling(path, servers):
            path.parent.mkdir()
            write(path, a_days_desk(hours=1)).close()
            await until(lambda: marked(path))
            assert {"r1"} == {one.body["journal"] for one in hear(servers, *TOPICS)}


async def test_the_lag_grows_while_the_broker_is_away(path: Path) -> None:
    """What waits is counted while it waits, not when it is over."""
    lag.show(0)
    with telling(path, "127.0.0.1:1"):
        await until(lambda: lag.REGISTRY.get_sample_value("hedgelock_stream_lag_records"))


def test_two_do_not_tell_one_journal(path: Path) -> None:
    """Each would tell everything, and write over the other's mark."""
    with a_cluster() as servers, locks.hold(path.with_suffix(".stream.lock"), ""):
        with pytest.raises(AlreadyRunning, match="event stream"):
            tell(path, servers)
        assert [] == hear(servers, *TOPICS)


def test_nothing_is_sent_where_the_mark_cannot_be_written(path: Path) -> None:
    """With every start it would be sent again."""
    path.with_suffix(".stream.json.new").mkdir()
    with a_cluster() as servers:
        with pytest.raises(JournalFailed, match=r"journal\.stream\.json"):
            tell(path, servers)
        assert [] == hear(servers, *TOPICS)


def test_a_message_that_is_refused_is_no_traceback(path: Path) -> None:
    """A person must mend it; the mark stays before it, and nothing behind it is called told."""
    journal = Journal(path, deadline_s=60)
    last = journal.append(Note(severity="critical", kind="long", text="x" * 3_000), 1)
    journal.close()
    file = path.with_name("kafka.properties")
    file.write_text("message.max.bytes=1000\n")
    with a_cluster() as servers, pytest.raises(Unavailable, match="too large"):
        tell(path, servers, properties=str(file))
    assert marked(path) < last
