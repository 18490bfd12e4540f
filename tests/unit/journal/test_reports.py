"""What the journal tells a person, and who may be reading while it is written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from decimal import Decimal as D
from pathlib import Path

import pytest

from bot.domain.commands import Note
from bot.domain.errors import SetUp
from bot.domain.events import FactsLost, OrderAnswered, Stopping
from bot.domain.money import average
from bot.domain.orders import Verdict
from bot.journal import reports
from bot.journal.journal import Journal
from bot.journal.reader import open_journal
from tests.unit.engine.desk import NOW_MS, Desk, a_reading, an_execution
from tests.unit.journal.told import CONFIG, a_days_desk, open_day, write


def test_an_order_is_told_with_everything_that_became_of_it(tmp_path: Path) -> None:
    """State, fills, average price and fees come from what was heard later."""
    with open_day(tmp_path) as journal:
        rows = reports.orders(journal)

    assert [
        ("r1-1Ls", 1, "long", "shrink", D("0.162"), "filled", D("0.162"), D(116_000), D("10.3356")),
        ("r1-2Sg", 1, "short", "grow", D("0.108"), "filled", D("0.108"), D(116_000), D("6.8904")),
    ] == [
        tuple(r[n] for n in ("order", "decision", "leg", "act", "qty", "state", "filled", "avg_price", "fee"))
        for r in rows
    ]


AVERAGES = [
    # name                        of (quantity, price)                                      as a script reads it
    ("one price", [("0.108", "114728.00")], "114728.00"),
    ("two prices, exactly", [("0.1", "100.00"), ("0.1", "101.00")], "100.50"),
    ("two prices, never exactly", [("0.1", "100"), ("0.2", "101")], "100.66666667"),
]


@pytest.mark.parametrize(("name", "fills", "told"), AVERAGES, ids=[case[0] for case in AVERAGES])
def test_an_average_price_has_the_digits_it_needs(name: str, fills: list[tuple[str, str]], told: str) -> None:
    """As exact as eight decimals, and no tail of zeros behind a price that was paid as it stands."""
    quantity = sum((D(qty) for qty, _ in fills), D(0))

    assert told == str(average(sum((D(qty) * D(price) for qty, price in fills), D(0)), quantity))
    assert average(D(0), D(0)) is None


def test_a_refused_order_says_why_and_a_late_fill_still_counts(tmp_path: Path) -> None:
    """Status never implies a fill: the sum is of executions, whatever the state says."""
    desk = Desk(CONFIG)
    desk.start()
    order = desk.orders[0]
    desk.hear(
        OrderAnswered(order_link_id=order.order_link_id, verdict=Verdict.REFUSED, code=110007, reason="no balance")
    )
    desk.diary.append(Stopping(reason="x"), NOW_MS)
    with open_day(tmp_path, desk) as journal:
        (row,) = reports.orders(journal)

    assert ("refused", "no balance", D(0), None) == (row["state"], row["reason"], row["filled"], row["avg_price"])


def test_decisions_fills_and_notes_are_rows_oldest_first(tmp_path: Path) -> None:
    """--last takes the newest, and still shows them in the order in which they happened."""
    with open_day(tmp_path) as journal:
        assert [1, 2, 3, 4, 5] == [row["decision"] for row in reports.decisions(journal)]
        assert [4, 5] == [row["decision"] for row in reports.decisions(journal, last=2)]
        assert ["e1", "e2"] == [row["exec_id"] for row in reports.fills(journal)]
        assert "started" == reports.notes(journal)[0]["what"]


def test_another_hands_fill_is_told_as_such(tmp_path: Path) -> None:
    """The operator sees at once what was not ours."""
    desk = a_days_desk(0)
    desk.answer_reading(a_reading("0.151", "0.321", executions=[an_execution("x1", qty="0.1")]))
    with open_day(tmp_path, desk) as journal:
        assert [("x1", "another hand")] == [(r["exec_id"], r["order"]) for r in reports.fills(journal)[2:]]


MOMENTS = [
    ("2025-08-23T07:00", 1_755_932_400_000),
    ("2025-08-23 09:00+02:00", 1_755_932_400_000),
    ("2025-08-23", 1_755_907_200_000),
    ("90s", NOW_MS - 90_000),
    ("6h", NOW_MS - 21_600_000),
    ("2d", NOW_MS - 172_800_000),
]


@pytest.mark.parametrize(("text", "moment_ms"), MOMENTS, ids=[text for text, _ in MOMENTS])
def test_since_is_a_moment_or_an_age(text: str, moment_ms: int) -> None:
    """An age counts back from the newest record: a paper day has a date of its own."""
    assert moment_ms == reports.moment_ms(text, NOW_MS)


@pytest.mark.parametrize("text", ["yesterday", "6", "-6h", "", "6 h x"])
def test_what_is_neither_is_refused(text: str) -> None:
    """A guess would show another time than was meant."""
    with pytest.raises(ValueError, match=r"."):
        reports.moment_ms(text, NOW_MS)


def test_since_leaves_out_what_was_before(tmp_path: Path) -> None:
    """The last decision of the day alone."""
    with open_day(tmp_path) as journal:
        since_ms = reports.moment_ms("30m", journal.newest_ms or 0)

        assert [5] == [row["decision"] for row in reports.decisions(journal, since_ms=since_ms)]


@pytest.mark.parametrize(("name", "number"), [(None, 5), ("1", 1), ("r1-2Sg", 1), ("99", None), ("r1-9Lg", None)])
def test_a_decision_is_found_by_number_or_order(tmp_path: Path, name: str | None, number: int | None) -> None:
    """Whatever a log line or the venue's page shows leads to the reason."""
    with open_day(tmp_path) as journal:
        found = reports.find_decision(journal, name)

    assert number == (found[1].number if found else None)


def test_a_reader_sees_what_is_committed_while_the_writer_goes_on(tmp_path: Path) -> None:
    """Two connections, one file: neither waits for the other."""
    path = tmp_path / "journal.sqlite"
    writer = write(path, a_days_desk())

    with open_journal(path) as journal:
        before = len(reports.notes(journal))
        reading = journal.entries()
        next(reading)
        writer.append(Note(severity="info", kind="k", text="t"), NOW_MS)
        writer.commit()
        reading.close()

        assert before + 1 == len(reports.notes(journal))
    writer.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """A question never changes the books."""
    with open_day(tmp_path) as journal, pytest.raises(sqlite3.OperationalError, match="readonly"):
        journal._db.execute("DELETE FROM record")


def test_a_copy_in_a_place_nobody_may_write_is_read() -> None:
    """A backup on a read-only disk, asked by somebody else."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    asks = (
        "import os, sys; from pathlib import Path; from bot.journal import reports\n"
        "from bot.journal.reader import open_journal\n"
        "os.setuid(65534)\n"
        "with open_journal(Path(sys.argv[1])) as journal: print(len(reports.decisions(journal)))"
    )
    env = os.environ | {"PYTHONPATH": os.getcwd()}
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are for their owner
        path = Path(place) / "journal.sqlite"
        write(path, a_days_desk()).close()
        Path(place).chmod(0o555)
        path.chmod(0o444)
        told = subprocess.run(
            [sys.executable, "-c", asks, str(path)], env=env, capture_output=True, text=True, check=False
        )

    assert ("5\n", "") == (told.stdout, told.stderr)


def test_an_empty_file_is_an_empty_journal(tmp_path: Path) -> None:
    """As on the first day, before the first record."""
    path = tmp_path / "journal.sqlite"
    path.touch()

    with open_journal(path) as journal:
        assert ([], None) == (reports.orders(journal), journal.newest_ms)


REFUSED = [
    ("missing", None, "there is no journal"),
    ("garbage", b"not a database at all, but long enough to be read as one" * 20, "Move it aside"),
]


@pytest.mark.parametrize(("name", "content", "said"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_what_is_no_journal_is_refused_with_the_mend(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    """One sentence, and what to do."""
    path = tmp_path / "journal.sqlite"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SetUp, match=said), open_journal(path):
        pass
    assert content == (path.read_bytes() if path.exists() else None)


def test_a_torn_copy_is_told_how_to_be_made_again(tmp_path: Path) -> None:
    """`cp` of a journal in use: to move that one aside would help nobody, least of all its daemon."""
    journal = Journal(tmp_path / "journal.sqlite")
    journal.append(FactsLost(count=7), NOW_MS)
    journal.close()
    (copy := tmp_path / "copy.sqlite").write_bytes(journal.path.read_bytes()[: 2 * 4096 + 100])

    with pytest.raises(SetUp, match=r"Make it again, as docs/upgrade.md says"), open_journal(copy) as reader:
        list(reader.entries())


def test_a_hole_is_told(tmp_path: Path) -> None:
    """Records that memory could not keep while the disk failed leave a word in their place."""
    journal = Journal(tmp_path / "journal.sqlite")
    journal.append(FactsLost(count=7), NOW_MS)
    journal.close()

    with open_journal(journal.path) as reader:
        assert [("facts lost", "7 facts never reached the journal")] == [
            (row["what"], row["text"]) for row in reports.notes(reader)
        ]
