"""The tape: real bars, seeded ticks that never leave them, and laps without a jump."""

from __future__ import annotations

import gzip
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path

import pytest

from bot.simulator.tape import (
    DEFAULT_RATE,
    DEFAULT_START_MS,
    FUNDING_MS,
    Bar,
    Tape,
    TapeError,
    read_bars,
    read_rates,
    sample_bars,
    sample_rates,
)

MINUTE = 60_000
BARS = sample_bars()
RATES = sample_rates()


def sample_tape(**options: object) -> Tape:
    return Tape(BARS, RATES, **({"start_ms": DEFAULT_START_MS} | options))  # type: ignore[arg-type]


def test_the_sample_is_whole_and_says_where_it_comes_from() -> None:
    """Fifty-two days of five-minute bars without a hole, and the settled rates of every eight hours around them."""
    assert len(BARS) == 15_180
    assert all(later.at_ms - earlier.at_ms == 5 * MINUTE for earlier, later in pairwise(BARS))
    assert all(later[0] - earlier[0] == FUNDING_MS for earlier, later in pairwise(RATES))
    assert min(bar.low for bar in BARS if bar.at_ms > 1_760_054_400_000) == 1_010_459


@pytest.mark.parametrize("seed", [1, 2, 77])
def test_ticks_give_back_their_bar_exactly(seed: int) -> None:
    """First open, last close, high and low touched and never left, volume kept to the lot."""
    tape = sample_tape(seed=seed)
    for number in (tape.first_bar, tape.first_bar + 1, 14_700, len(BARS) - 1, len(BARS) + 5):
        bar, ticks = tape.bar(number), tape.bar_ticks(number)
        prices = [int(tick.last * 10) for tick in ticks]
        assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
        assert bar.volume == sum(tick.volume for tick in ticks) * 1000
        assert [bar.at_ms + i * 1000 for i in range(300)] == [tick.at_ms for tick in ticks]


def test_a_bar_without_movement_makes_ticks_without_movement() -> None:
    """A flat bar is a legal bar."""
    flat = [Bar(at * MINUTE, 1000, 1000, 1000, 1000, 0) for at in range(3)]

    ticks = Tape(flat, tick_ms=15_000).bar_ticks(1)

    assert {Decimal(100)} == {tick.last for tick in ticks}
    assert {Decimal(0)} == {tick.volume for tick in ticks}


def test_the_same_seed_plays_the_same_tape() -> None:
    """Everything repeats from the seed; another seed is another path through the same bars."""
    first, again, other = (list(islice(sample_tape(seed=seed).ticks(), 900)) for seed in (5, 5, 6))

    assert first == again
    assert first != other


def test_index_and_mark_stay_close_to_the_last_price() -> None:
    """The basis is small: mark within 2 bp, index within 10 bp of the perpetual."""
    for tick in islice(sample_tape().ticks(), 3000):
        assert abs(tick.mark / tick.last - 1) < Decimal("0.0002")
        assert abs(tick.index / tick.last - 1) < Decimal("0.001")


def test_the_running_rate_arrives_at_the_settled_one() -> None:
    """The last tick before 08:00 carries exactly what settles at 08:00; the first of the new interval comes after it."""
    tape = sample_tape()
    rates = {
        tick.at_ms: tick.funding_rate for tick in islice(tape.ticks(), 9 * 3600 + 10) if tick.funding_rate is not None
    }
    for settlement_ms, settled in RATES:
        if settlement_ms - 1000 in rates:
            assert settled == rates[settlement_ms - 1000]
            assert settlement_ms not in rates
            assert settlement_ms + 1000 in rates
    assert DEFAULT_START_MS in rates


def test_settled_rates_before_the_start_are_history() -> None:
    """The last row known at 15:00 is the settlement of eight in the morning."""
    known = sample_tape().settled_rates()

    assert known == [row for row in RATES if row[0] <= DEFAULT_START_MS][-200:]


def test_the_tape_goes_round_without_a_jump() -> None:
    """The first open of a lap is the last close of the one before, time runs on, and the time of day stays true."""
    tape = sample_tape()
    last, first = tape.bar(len(BARS) - 1), tape.bar(len(BARS))
    assert last.close == first.open
    assert last.at_ms + 5 * MINUTE == first.at_ms
    lap = len(BARS) - next(i for i in range(len(BARS)) if (first.at_ms - BARS[i].at_ms) % (24 * 60 * MINUTE) == 0)
    far = tape.bar(len(BARS) + 3 * lap)
    assert far.open == pytest.approx(tape.bar(len(BARS) + 3 * lap - 1).close, abs=1)
    assert (far.at_ms - first.at_ms) % (24 * 60 * MINUTE) == 0


def test_a_shifted_tape_keeps_the_grid_of_its_bars_and_of_funding() -> None:
    """Moved to another date, settlements still fall on 00, 08 and 16 UTC, in the tape's order."""
    shift_ms = 400 * 24 * 60 * MINUTE + 5 * MINUTE
    tape = sample_tape(shift_ms=shift_ms)
    ticks = [tick for tick in islice(tape.ticks(), 3700) if tick.funding_rate is not None]

    assert DEFAULT_START_MS + shift_ms == tape.start_ms
    assert all(at_ms % FUNDING_MS == 0 for at_ms, _ in tape.settled_rates())
    before = [tick for tick in ticks if (tick.at_ms + 1000) % FUNDING_MS == 0]
    assert [RATES[next(i for i, row in enumerate(RATES) if row[0] > DEFAULT_START_MS)][1]] == [
        tick.funding_rate for tick in before
    ]


def test_due_hands_out_each_tick_once() -> None:
    """Asked in any rhythm, the player gets the same ticks."""
    tape, whole = sample_tape(), list(islice(sample_tape().ticks(), 11))

    handed = [tick for until in (0, 3500, 3500, 10_000) for tick in tape.due(DEFAULT_START_MS + until)]

    assert whole == handed
    assert tape.next_at_ms() == DEFAULT_START_MS + 11_000


def test_minutes_are_the_minutes_of_the_ticks() -> None:
    """Candles shorter than a bar are made from the very ticks."""
    tape = sample_tape()
    ticks = tape.bar_ticks(7)
    for part, minute in enumerate(tape.minutes(7)):
        inside = [int(tick.last * 10) for tick in ticks[part * 60 : part * 60 + 60]]
        assert (inside[0], max(inside), min(inside), inside[-1]) == (minute.open, minute.high, minute.low, minute.close)


def test_a_tape_of_ones_own(tmp_path: Path) -> None:
    """Any bar file plays; without rates the funding is Bybit's interest part."""
    path = tmp_path / "own.csv.gz"
    rows = ["ts_ms,open,high,low,close,volume", "60000,100,101.5,99.9,101,2", "120000,101,101,100,100,1.5"]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))

    tape = Tape(read_bars(path), tick_ms=5000)

    assert Bar(60_000, 1000, 1015, 999, 1010, 2000) == tape.bar(0)
    assert {DEFAULT_RATE} == {tick.funding_rate for tick in islice(tape.ticks(), 24)} - {None}


BAD_FILES = [
    ("wrong columns", "time,open,high,low,close,volume\n60000,1,1,1,1,1", "columns are"),
    ("a missing field", "ts_ms,open,high,low,close,volume\n60000,1,1,1,1", "line 2"),
    ("high below close", "ts_ms,open,high,low,close,volume\n60000,100,100,99,101,1", "not a bar"),
    ("time going back", "ts_ms,open,high,low,close,volume\n60000,1,1,1,1,1\n60000,1,1,1,1,1", "line 3"),
    ("not a number", "ts_ms,open,high,low,close,volume\n60000,1,x,1,1,1", "'x' is not a number"),
    ("NaN", "ts_ms,open,high,low,close,volume\n60000,1,NaN,1,1,1", "not a finite number"),
    ("a zero price", "ts_ms,open,high,low,close,volume\n60000,0,0,0,0,1", "not a bar"),
]


@pytest.mark.parametrize(("name", "text", "complaint"), BAD_FILES, ids=[case[0] for case in BAD_FILES])
def test_a_bad_bar_file_is_refused(name: str, text: str, complaint: str, tmp_path: Path) -> None:
    """The message names the file and the row."""
    path = tmp_path / "bad.csv"
    path.write_text(text)

    with pytest.raises(TapeError, match=complaint):
        read_bars(path)


@pytest.mark.parametrize("name", ["picture.csv", "picture.csv.gz"])
def test_a_file_that_is_no_text_is_refused(name: str, tmp_path: Path) -> None:
    """In a sentence with its name, compressed or not."""
    path = tmp_path / name
    path.write_bytes(b"\x89PNG\xff\xfe\x00")

    with pytest.raises(TapeError, match=f"{name} is no table"):
        read_bars(path)


def test_a_bad_rate_file_is_refused(tmp_path: Path) -> None:
    """So does that of a rate file."""
    path = tmp_path / "bad.csv"
    path.write_text("ts_ms,rate\n0,abc")

    with pytest.raises(TapeError, match="line 2"):
        read_rates(path)


BAD_TAPES = [
    ("one bar", {"bars": BARS[:1]}, "two bars"),
    ("a tick that does not divide", {"tick_ms": 7000}, "does not divide"),
    ("too few ticks", {"tick_ms": 150_000}, "does not divide"),
    ("a crooked shift", {"shift_ms": 1}, "whole number of bars"),
    ("a start after the end", {"start_ms": 2_000_000_000_000}, "cannot begin at"),
]


@pytest.mark.parametrize(("name", "changes", "complaint"), BAD_TAPES, ids=[case[0] for case in BAD_TAPES])
def test_a_tape_that_cannot_play_is_refused(name: str, changes: dict[str, object], complaint: str) -> None:
    """At once, not at the first tick."""
    arguments = {"bars": BARS[:500]} | changes
    with pytest.raises(TapeError, match=complaint):
        Tape(**arguments)  # type: ignore[arg-type]
