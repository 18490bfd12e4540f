"""Downloading history, against the local simulator over real sockets and the real ccxt."""

import asyncio

import pytest

from bot.backtest import data, fetch
from bot.backtest.files import DataError
from bot.simulator.main import SimulatorOptions, build

MINUTE_MS, DAY_MS = 60_000, 86_400_000
SINCE_MS = 1_755_734_400_000
"""2025-08-21 00:00 UTC; the sample tape begins the day before."""


async def test_bars_and_funding_from_the_simulator(tmp_path):
    """Two days of five-minute bars and their settlements: whole, readable by the backtest, and not asked for twice."""
    async with build(SimulatorOptions(speed=1, paused=True)).serving() as server:
        plain = await asyncio.to_thread(fetch.bybit, server.url)
        asked = []

        def ask(path, params):
            asked.append(path)
            return plain(path, params)

        span = {"symbol": "BTCUSDT", "since_ms": SINCE_MS, "until_ms": SINCE_MS + 2 * DAY_MS}

        def download():
            bars, holes = fetch.bars_of(ask, tmp_path, category="linear", minutes=5, **span)
            return [*bars, *fetch.funding_of(ask, tmp_path, **span)], holes

        files, holes = await asyncio.to_thread(download)
        calls = len(asked)
        await asyncio.to_thread(download)
    history = data.load(files)

    assert [] == holes
    assert (576, 5 * MINUTE_MS) == (len(history.at_ms), history.bar_ms)
    assert 6 == len(history.settle_ms)
    assert calls == len(asked)
    assert {"btcusdt_linear_5m_2025-08.csv", "btcusdt_funding_2025-08.csv"} == {path.name for path in files}


def test_nothing_half_written(tmp_path):
    """The line breaks in the second month: the first is there, of the second not a byte; the next call begins with it."""
    months = list(fetch.months(SINCE_MS, SINCE_MS + 30 * DAY_MS))
    broken = [True]

    def ask(path, params):
        if params["start"] >= months[1].since_ms and broken[0]:
            raise DataError("the line is down")
        return [[str(at), "1", "1", "1", "1", "1", "1"] for at in range(params["start"], params["end"], 60 * MINUTE_MS)]

    span = {"symbol": "X", "category": "linear", "minutes": 60, "since_ms": SINCE_MS, "until_ms": months[1].until_ms}
    with pytest.raises(DataError, match="the line is down"):
        fetch.bars_of(ask, tmp_path, **span)
    left = [path.name for path in tmp_path.iterdir()]
    broken[0] = False
    files, holes = fetch.bars_of(ask, tmp_path, **span)

    assert ["x_linear_60m_2025-08.csv"] == left
    assert (2, []) == (len(files), holes)
