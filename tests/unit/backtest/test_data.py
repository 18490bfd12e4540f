"""History files: the layouts that are understood, and every defect told with its file and row."""

import gzip
import zipfile

import numpy as np
import polars as pl
import pytest

from bot.backtest import data
from bot.backtest.data import DataError

MINUTE = 60_000
T0 = 1_735_689_600_000
ROWS = [(T0 + i * MINUTE, 100.0 + i, 101.5 + i, 99.5 + i, 101.0 + i) for i in range(6)]


def text(rows, head="ts_ms,open,high,low,close"):
    return "\n".join([*([head] if head else []), *(",".join(map(str, row)) for row in rows)]) + "\n"


def a_file(folder, content, name="bars.csv"):
    path = folder / name
    path.write_text(content)
    return path


def mt4(rows):
    return [(f"2025.01.01 00:0{i}", *row[1:], 1.0) for i, row in enumerate(rows)]


def binance(rows, scale=1):
    return [(row[0] * scale, *row[1:], 1.0, (row[0] + MINUTE) * scale - 1, 0, 0, 0, 0, 0) for row in rows]


LAYOUTS = {
    "ours": text(ROWS),
    "Bybit kline rows": text([(*row, 1.0, 100.0) for row in ROWS], head=""),
    "Bybit archive": text(mt4(ROWS), head=""),
    "Binance without header": text(binance(ROWS), head=""),
    "Binance in microseconds": text(binance(ROWS, 1000), head=""),
    "Binance with header": text(binance(ROWS), head="open_time,open,high,low,close,volume,close_time,quote_volume,count,tb,tq,ignore"),
    "seconds": text([(row[0] // 1000, *row[1:]) for row in ROWS]),
    "ISO with Z": text([(f"2025-01-01T00:0{i}:00Z", *row[1:]) for i, row in enumerate(ROWS)], head="datetime,open,high,low,close"),
    "ISO with an offset": text([(f"2025-01-01 02:0{i}:00+02:00", *row[1:]) for i, row in enumerate(ROWS)]),
    "ISO without zone": text([(f"2025-01-01 00:0{i}:00", *row[1:]) for i, row in enumerate(ROWS)]),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_bars(tmp_path, name):
    """Whatever the file calls its columns and times, the bars are these."""
    history = data.load([a_file(tmp_path, LAYOUTS[name])])

    assert [row[0] for row in ROWS] == history.at_ms.tolist()
    assert [row[2] for row in ROWS] == history.high.tolist()
    assert MINUTE == history.bar_ms


def test_packed_files(tmp_path):
    """gzip, zip and Parquet hold the same."""
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(LAYOUTS["ours"].encode()))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("b.csv", LAYOUTS["Binance without header"])
    pl.DataFrame(ROWS, schema=["ts_ms", "open", "high", "low", "close"], orient="row").write_parquet(
        tmp_path / "c.parquet"
    )

    for name in ("a.csv.gz", "b.zip", "c.parquet"):
        assert len(ROWS) == len(data.load([tmp_path / name]).at_ms), name


TRADES = {
    "Bybit": "timestamp,symbol,side,size,price,tickDirection,trdMatchID\n"
    "1735689600.1,BTCUSDT,Buy,0.1,100,x,a\n1735689630.2,BTCUSDT,Sell,0.1,90,x,b\n1735689661.0,BTCUSDT,Buy,0.2,95,x,c\n",
    "Binance aggTrades": "1,100,0.1,1,1,1735689600100,true,true\n"
    "2,90,0.1,2,2,1735689630200,false,true\n3,95,0.2,3,3,1735689661000,true,true\n",
    "Binance trades": "1,100,0.1,10,1735689600100,true\n2,90,0.1,9,1735689630200,false\n3,95,0.2,19,1735689661000,true\n",
}


@pytest.mark.parametrize("name", TRADES)
def test_trades_become_minutes(tmp_path, name):
    """A minute's first, highest, lowest and last trade."""
    history = data.load([a_file(tmp_path, TRADES[name])])

    assert (100.0, 100.0, 90.0, 90.0) == (history.open[0], history.high[0], history.low[0], history.close[0])
    assert [T0, T0 + MINUTE] == history.at_ms.tolist()


def test_funding_of_both_exchanges(tmp_path):
    """Bybit's and Binance's archives; jitter of the settlement time is snapped to the minute; equal ones are taken once."""
    bybit = a_file(
        tmp_path,
        f"symbol,fundingRate,fundingRateTimestamp\nBTCUSDT,0.0001,{T0}\nBTCUSDT,-0.0002,{T0 + 28_800_000}\n",
        "f.csv",
    )
    binance_ = a_file(tmp_path, f"calc_time,funding_interval_hours,last_funding_rate\n{T0 + 12},8,0.0001\n", "g.csv")
    history = data.load([a_file(tmp_path, LAYOUTS["ours"]), bybit, binance_])

    assert [T0, T0 + 28_800_000] == history.settle_ms.tolist()
    assert [0.0001, -0.0002] == history.settle_rate.tolist()
    assert [8.0, 8.0] == history.settle_hours.tolist()


def changed(row, column, value):
    rows = [list(r) for r in ROWS]
    rows[row][column] = value
    return text(rows)


DEFECTS = {
    "is there twice": (changed(3, 0, ROWS[2][0]), "row 4"),
    "not sorted": (changed(3, 0, ROWS[0][0] - MINUTE), "row 4"),
    "not a number": (changed(2, 4, "NaN"), "row 3"),
    "close is 'x', not a number": (changed(2, 4, "x"), "row 3"),
    "not positive": (changed(1, 3, -1), "row 2"),
    "low is above": (changed(1, 3, 200), "row 2"),
    "high is below": (changed(4, 2, 10), "row 5"),
    "more than 3 times": (changed(4, 2, 900), "row 5"),
    "another unit": (changed(5, 0, ROWS[5][0] // 1000), "row 6"),
    "off the grid": (changed(5, 0, ROWS[5][0] + 1), "row 6"),
    "time zone are mixed": (
        text([("2025-01-01 00:00:00Z", *ROWS[0][1:]), ("2025-01-01 00:01:00", *ROWS[1][1:])]),
        "row 2",
    ),
    "none that are known": ("a,b\n1,2\n", "row 1"),
    "holds no rows": ("ts_ms,open,high,low,close\n", ""),
    "the file is empty": ("", ""),
    "one bar alone": (text(ROWS[:1]), ""),
}


@pytest.mark.parametrize("words", DEFECTS)
def test_a_defect_names_file_and_row(tmp_path, words):
    """Nothing is repaired in silence."""
    content, row = DEFECTS[words]

    with pytest.raises(DataError) as told:
        data.load([a_file(tmp_path, content, "broken.csv")])

    assert words in str(told.value)
    assert "broken.csv" in str(told.value)
    assert row in str(told.value)


def test_a_truncated_parquet(tmp_path):
    """Half a file is no file."""
    whole = data.sample_files()[0].read_bytes()
    (tmp_path / "half.parquet").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(DataError, match=r"half\.parquet: is no whole Parquet file"):
        data.load([tmp_path / "half.parquet"])


def test_overlapping_files(tmp_path):
    """Equal bars are taken once; unequal ones are an error with both names."""
    one, same = a_file(tmp_path, text(ROWS[:4]), "one.csv"), a_file(tmp_path, text(ROWS[2:]), "two.csv")
    other = a_file(tmp_path, text([(r[0], r[1], r[2], r[3], r[4] + 0.25) for r in ROWS[3:]]), "three.csv")

    history = data.load([same, one])
    with pytest.raises(DataError) as told:
        data.load([one, other])

    assert len(ROWS) == len(history.at_ms)
    assert "2 equal bars" in history.notes[0]
    assert "three.csv, row 1" in str(told.value)
    assert "one.csv" in str(told.value)


def test_a_hole_is_told_and_left_open(tmp_path):
    """Two minutes are missing: the gap says which, and no bar stands in for them."""
    history = data.load([a_file(tmp_path, text(ROWS[:2] + ROWS[4:]))])

    assert [2] == [gap.missing for gap in history.gaps]
    assert 4 == len(history.at_ms)
    assert "2025-01-01 00:02 to 2025-01-01 00:04" in str(history.gaps[0])


def test_an_empty_window(tmp_path):
    """A window without bars says what the files hold."""
    history = data.load([a_file(tmp_path, LAYOUTS["ours"])])

    with pytest.raises(DataError, match="2025-01-01 00:00 to 2025-01-01 00:06"):
        data.cut(history, T0 + 10**9, None)


def test_longer_bars(tmp_path):
    """Three minutes of one minute each."""
    history = data.resampled(data.load([a_file(tmp_path, LAYOUTS["ours"])]), 3 * MINUTE)

    assert (100.0, 103.5, 99.5, 103.0) == (history.open[0], history.high[0], history.low[0], history.close[0])
    assert 2 == len(history.at_ms)


def test_the_sample_is_sound():
    """What comes with HedgeLock passes its own checks; its holes are those that its note names."""
    history = data.load(data.sample_files())

    assert 53_945 == len(history.at_ms)
    assert [1, 5, 1, 720, 768, 504, 288] == [gap.missing for gap in history.gaps]
    assert np.all(np.diff(history.settle_ms) > 0)
