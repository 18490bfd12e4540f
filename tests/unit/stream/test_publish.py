"""From the journal to a broker: once when all is well, again rather than never when it is not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bot.domain.errors import SetUp
from bot.publish import publish
from bot.settings import Settings
from bot.settings.stream import KafkaSettings
from bot.stream.messages import MESSAGES
from tests.unit.journal.told import a_days_desk, write
from tests.unit.stream.brokers import a_cluster, hear

TOPICS = [shape.topic for shape in MESSAGES]


def tell(path: Path, servers: str, **kafka: str) -> int:
    settings = Settings(kafka=KafkaSettings(bootstrap_servers=servers, **kafka))  # type: ignore[arg-type]
    return publish(settings, path, once=True, stop=threading.Event())


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
