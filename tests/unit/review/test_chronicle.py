"""The journal in numbers: everything adds up, twice, in every direction."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from threading import Event

import pytest

from bot.domain.errors import Unavailable
from bot.journal.journal import Journal
from bot.journal.reader import open_journal
from bot.review import archive as archive_room
from bot.review.archive import BY, JournalArchive, profit
from bot.review.chronicle import COLUMNS, Chronicle
from tests import past
from tests.build import NOW_MS

D = Decimal


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("past") / "journal.sqlite"
    past.write(file)
    return file


@pytest.fixture
def chronicle(path: Path) -> Chronicle:
    told = Chronicle(symbol="BTCUSDT")
    with open_journal(path) as journal:
        told.read(journal)
    return told


@pytest.mark.parametrize("by", BY)
def test_the_rows_are_the_total(chronicle: Chronicle, by: str) -> None:
    """By day, by leg and by cause: one sum, exact to the last digit."""
    told = profit(chronicle, by)

    assert told["total_usdt"] == sum(row["total_usdt"] for row in told["rows"])
    assert told["total_usdt"] == chronicle.parts.total


def test_the_causes_are_what_was_booked(chronicle: Chronicle) -> None:
    """Reckoned anew by hand: fees, funding and interest of the journal's rows, and a hedged book that gains nothing by price."""
    parts = chronicle.parts
    settlements = [
        at
        for at in range(past.FIRST_MS, NOW_MS, past.BAR_MS)
        if at // 3_600_000 % 8 == 0 and at % 3_600_000 < past.BAR_MS
    ]
    fees = sum(round(qty * past.price_at(past.FIRST_MS + 3_000) * D("0.00055"), 8) for qty in (D("0.162"), D("0.108")))
    short = sum(round(D("0.321") * past.price_at(at) * D("0.0001"), 8) for at in settlements)

    assert -fees == parts.long_fees + parts.short_fees
    assert short == parts.short_funding
    assert D("-0.88767123") * len(settlements) == parts.interest
    assert abs(parts.spot + parts.long_price + parts.short_price) < 30  # a delta of a few thousandths, over three days


def test_reading_on_is_reading_at_once(path: Path, chronicle: Chronicle, tmp_path: Path) -> None:
    """A journal that grew is read from where it was left, and tells the same."""
    copy = tmp_path / "grown.sqlite"
    with open_journal(path) as journal:
        entries = list(journal.entries())
    written, told = Journal(copy), Chronicle(symbol="BTCUSDT")
    for part in (entries[:400], entries[400:]):
        for entry in part:
            written.append(entry.record, entry.at_ms)
        written.commit()
        with open_journal(copy) as journal:
            told.read(journal)
    written.close()

    assert chronicle.parts == told.parts
    assert list(chronicle.days()) == list(told.days())


def test_a_spike_survives_thinning(chronicle: Chronicle) -> None:
    """Ten points for three days still show that delta once was the whole spot."""
    told = chronicle.series(None, None, 10)["columns"]

    assert 10 >= len(told["at_ms"])
    assert 0.27 == max(told["delta_high_btc"])
    assert all(
        low <= delta <= high
        for low, delta, high in zip(told["delta_low_btc"], told["delta_btc"], told["delta_high_btc"], strict=True)
    )


def test_a_stretch_is_only_itself(chronicle: Chronicle) -> None:
    """Zoomed in: every row of an hour, and none besides."""
    told = chronicle.series(NOW_MS - 3_600_000, NOW_MS, 600)

    assert set(COLUMNS) <= told["columns"].keys()
    assert all(NOW_MS - 3_600_000 <= at <= NOW_MS for at in told["columns"]["at_ms"])
    assert 12 <= len(told["columns"]["at_ms"]) <= 30


async def test_a_journal_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    """Said so, not invented."""
    archive = JournalArchive(tmp_path / "none.sqlite", symbol="BTCUSDT")

    with pytest.raises(Unavailable, match="there is no journal"):
        await archive.series(None, None, 10)
    archive.close()


async def test_a_journal_on_a_disk_that_hangs_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page asked, and heard nothing at all; once all its connections waited so, it heard nothing of anything."""
    answers, path = Event(), tmp_path / "journal.sqlite"
    Journal(path).close()
    archive = JournalArchive(path, symbol="BTCUSDT")
    monkeypatch.setattr(archive_room, "look_into", lambda _: answers.wait(20))
    monkeypatch.setattr(archive_room, "open_journal", lambda _: answers.wait(20))

    async with asyncio.timeout(10):
        for _ in range(12):
            with pytest.raises(Unavailable, match="its disk does not answer"):
                await archive.notes(1)

    monkeypatch.undo()
    answers.set()
    await asyncio.sleep(0.1)
    assert [] == await archive.notes(1)
    archive.close()
