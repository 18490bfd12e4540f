"""The journal as files: whole or not at all, digits as they were."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pytest

from bot.domain.errors import SetUp
from bot.journal.export import export
from bot.journal.reports import moment_ms
from tests.unit.journal.told import open_day

HAS_POLARS = importlib.util.find_spec("polars") is not None


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_table_becomes_a_file(tmp_path: Path) -> None:
    """The counts are the rows; nothing else is left in the folder."""
    with open_day(tmp_path) as journal:
        written = export(journal, tmp_path / "out", "csv")

    assert {"decisions.csv": 5, "orders.csv": 2, "fills.csv": 2} == {
        name: written[name] for name in ("decisions.csv", "orders.csv", "fills.csv")
    }
    assert sorted(written) == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == {path.name: len(read(path)) for path in (tmp_path / "out").iterdir()}


def test_figures_keep_their_digits(tmp_path: Path) -> None:
    """A fee is not a float, and what is unknown is an empty cell."""
    with open_day(tmp_path) as journal:
        export(journal, tmp_path, "csv")

    first, hold = read(tmp_path / "decisions.csv")[:2]
    assert ("0.051", "0.03") != (first["long_to"], first["in.market.sigma_24h"])
    assert ("0.051", "116000.0", "0.4", "") == (
        first["long_to"],
        first["in.market.price"],
        first["volatility.value"],
        hold["long_to"],
    )
    assert "10.33560000" == read(tmp_path / "fills.csv")[0]["fee"]


def test_a_table_that_has_no_rows_leaves_no_older_file_behind(tmp_path: Path) -> None:
    """Yesterday's fills beside today's decisions would be read as today's."""
    with open_day(tmp_path) as journal:
        export(journal, tmp_path / "out", "csv")
        since_ms = moment_ms("30m", journal.newest_ms or 0)
        written = export(journal, tmp_path / "out", "csv", since_ms=since_ms)

    assert "fills.csv" not in written
    assert not (tmp_path / "out" / "fills.csv").exists()


def test_what_cannot_be_written_whole_is_not_written_at_all(tmp_path: Path) -> None:
    """The folder is a file: said in a sentence; a table that cannot replace its older self leaves no crumbs."""
    with open_day(tmp_path) as journal:
        (tmp_path / "file").touch()
        with pytest.raises(SetUp, match=r"cannot be written.*--out"):
            export(journal, tmp_path / "file", "csv")

        (tmp_path / "out" / "decisions.csv" / "in the way").mkdir(parents=True)
        with pytest.raises(SetUp, match="cannot be written"):
            export(journal, tmp_path / "out", "csv")

    assert ["decisions.csv"] == [path.name for path in (tmp_path / "out").iterdir()]


@pytest.mark.skipif(HAS_POLARS, reason="polars is installed")
def test_parquet_without_its_extra_names_it(tmp_path: Path) -> None:
    """The daemon needs no data-frame library, and says so."""
    with open_day(tmp_path) as journal, pytest.raises(SetUp, match=r"hedgelock\[backtest\].*--format csv"):
        export(journal, tmp_path / "out", "parquet")

    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not HAS_POLARS, reason="polars is an extra")
def test_parquet_keeps_types(tmp_path: Path) -> None:
    """Quantities are exact decimals, times are moments in UTC."""
    import polars

    with open_day(tmp_path) as journal:
        written = export(journal, tmp_path / "out", "parquet")

    fills = polars.read_parquet(tmp_path / "out" / "fills.parquet")
    assert written["fills.parquet"] == len(fills)
    assert polars.Datetime("ms", "UTC") == fills.schema["at"]
    assert polars.Decimal(38, 12) == fills.schema["fee"]
