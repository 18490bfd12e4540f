"""When the way out was last tried."""

from __future__ import annotations

import json
from pathlib import Path

from bot.journal.drills import NAME, Drill, Drills

TESTNET = {"at_ms": 2_000, "world": "testnet", "verb": "flatten", "exit_code": 0, "flat_s": 0.6, "verified_s": 5.2}


def write(folder: Path, *lines: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / NAME).write_text("".join(f"{json.dumps(line) if isinstance(line, dict) else line}\n" for line in lines))
    return folder


def test_the_newest_drill_of_any_mode_counts(tmp_path: Path) -> None:
    """The real account refuses drills; the one on testnet shows that this machine can."""
    paper = write(tmp_path / "paper", TESTNET | {"at_ms": 1_000, "world": "paper"})
    testnet = write(tmp_path / "testnet", TESTNET | {"at_ms": 1_500, "exit_code": 1, "flat_s": None}, TESTNET)

    last = Drills([tmp_path / "mainnet", paper, testnet]).last()

    assert Drill(at_ms=2_000, world="testnet", verb="flatten", done=True, flat_s=0.6, verified_s=5.2) == last


def test_what_is_no_drill_is_passed_over(tmp_path: Path) -> None:
    """A line that was cut, another program's, an older script's: the one before them is told; without any, none."""
    torn = write(tmp_path / "torn", TESTNET, "not json", "[1]", '{"at_ms": "soon"}', '{"at_ms": 3000, "wor')

    assert Drills([torn]).last() == Drills([write(tmp_path / "whole", TESTNET)]).last()
    assert Drills([tmp_path / "none", write(tmp_path / "empty")]).last() is None
