"""How far the stream came: a mark is believed as far as the journal that it lies beside bears it out."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.errors import JournalFailed, SetUp
from bot.stream.offset import Offset, read, resumed, write

RUNS = [(1, "r1"), (40, "r2"), (70, "r3")]
CASES = [
    # name, the mark's journal, number and run; the runs that the journal has; its last record -> the record after which it goes on
    ("as it was left", ("r1", 75, "r3"), RUNS, 90, 75),
    ("in an earlier run", ("r1", 50, "r2"), RUNS, 90, 50),
    ("never told", None, RUNS, 90, 0),
    ("another journal", ("x1", 75, "r3"), RUNS, 90, 0),
    ("ahead of the journal", ("r1", 95, "r3"), RUNS, 90, 90),
    ("ahead, in an older mark", ("r1", 95, ""), RUNS, 90, 90),
    ("an older mark", ("r1", 75, ""), RUNS, 90, 75),
    ("a copy brought back, and a new run since", ("r1", 95, "r2"), RUNS, 99, 69),
    ("a copy from before the run that was told", ("r1", 95, "r4"), RUNS, 99, 0),
    ("a journal that does not say its name", ("", 12, ""), [], 30, 12),
]


@pytest.mark.parametrize(("mark", "runs", "newest", "wanted"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_it_goes_on_where_the_two_part(
    mark: tuple[str, int, str] | None, runs: list[tuple[int, str]], newest: int, wanted: int
) -> None:
    """Nothing that this journal says is passed over for a number that another record had before."""
    found = mark and Offset(journal=mark[0], number=mark[1], run=mark[2])
    told = resumed(found, runs, newest)

    assert wanted == told.number
    assert (runs[0][1] if runs else "") == told.journal
    assert [run for start, run in runs if start <= wanted][-1:] == ([told.run] if told.run else [])


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A file as a whole, also over an older one."""
    path, mark = tmp_path / "mark.json", Offset(journal="r1", number=7, run="r2")
    assert read(path) is None
    for number in (6, 7):
        write(path, Offset(journal="r1", number=number, run="r2"))
    assert (mark, ["mark.json"]) == (read(path), [file.name for file in tmp_path.iterdir()])
    path.write_text('{"journal":"r1","number":7}')
    assert Offset(journal="r1", number=7) == read(path)


@pytest.mark.parametrize(
    "found", [b"", b"{", b"[]", b'{"journal":"r1","number":"7"}', b'{"journal":"\xff","number":7}']
)
def test_rubbish_is_named_with_the_mend(tmp_path: Path, found: bytes) -> None:
    """It does not guess where it was."""
    (tmp_path / "mark.json").write_bytes(found)
    with pytest.raises(SetUp, match="Remove it"):
        read(tmp_path / "mark.json")


def test_a_disk_that_does_not_take_it_is_said(tmp_path: Path) -> None:
    """By the file's name; what lay there stays."""
    path = tmp_path / "mark.json"
    write(path, Offset(journal="r1", number=6))
    (tmp_path / "mark.json.new").mkdir()
    with pytest.raises(JournalFailed, match=r"mark\.json"):
        write(path, Offset(journal="r1", number=7))
    assert 6 == (read(path) or Offset(journal="", number=0)).number
