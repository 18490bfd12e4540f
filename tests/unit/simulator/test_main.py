"""Building a simulator from options, and its life as a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from bot.domain.clock import elapsed_s, wall_ms
from bot.simulator.accounts import AccountOptions
from bot.simulator.faults import Injection
from bot.simulator.main import SimulatorOptions, build
from bot.simulator.tape import DEFAULT_START_MS, TapeError, sample_bars
from tests.client import at

D = Decimal
SERVE = "import asyncio, sys; from bot.simulator.main import *; asyncio.run(serve(SimulatorOptions(parent_pid=int(sys.argv[1]) or None)))"


@asynccontextmanager
async def a_process(parent_pid: int = 0) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, object]]]:
    """A simulator of its own and the line it began with."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVE, str(parent_pid)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield process, json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_listens_and_stops_when_told(by: signal.Signals) -> None:
    """One JSON line first; a signal ends it within two seconds, exit 0, an open socket or not."""
    async with a_process() as (process, line):
        url = str(line["listening"])
        assert (line["speed"], int(str(line["market_ms"])) >= DEFAULT_START_MS) == (SimulatorOptions().speed, True)
        async with at(url) as client, client.socket("/v5/public/linear", "tickers.BTCUSDT") as socket:
            await socket.next("tickers.BTCUSDT")
            began = elapsed_s()
            process.send_signal(by)
            assert await process.wait() == 0
            assert elapsed_s() - began < 2


async def test_it_does_not_outlive_its_parent() -> None:
    """A parent that dies without a word leaves nothing behind."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    async with a_process(parent.pid) as (process, _):
        parent.kill()
        await parent.wait()
        assert await process.wait() == 0


async def test_the_tape_may_begin_now() -> None:
    """Dates are today's, candles keep their grid, funding its hours."""
    async with build(SimulatorOptions(epoch="now", speed=1)).serving() as server, at(server.url) as client:
        clock = await client.sim("GET", "clock")
        rows = (await client.get("/v5/market/kline", category="linear", symbol="BTCUSDT", interval="5", limit=3))[
            "result"
        ]["list"]
        ticker = (await client.get("/v5/market/tickers", category="linear", symbol="BTCUSDT"))["result"]["list"][0]

    assert abs(clock["market_ms"] - wall_ms()) < 5000
    assert [int(row[0]) % 300_000 for row in rows] == [0, 0, 0]
    assert int(ticker["nextFundingTime"]) % 28_800_000 == 0


def test_a_tape_of_ones_own_with_its_rates_beside(tmp_path: Path) -> None:
    """NAME.csv plays, NAME.funding.csv settles."""
    rows = [f"{at * 60_000},100000,100100,99900,100050,1" for at in range(600)]
    (tmp_path / "own.csv").write_text("\n".join(["ts_ms,open,high,low,close,volume", *rows]))
    (tmp_path / "own.funding.csv").write_text("ts_ms,rate\n0,0.0001\n28800000,0.0002")

    server = build(SimulatorOptions(tape=str(tmp_path / "own.csv"), start_ms=60 * 60_000, paused=True))

    assert server.venue.state.market.last == D("100000.0")
    assert server.history.start_ms == 60 * 60_000
    server.player.step_ms(8 * 60 * 60_000)
    assert [row.rate for row in server.venue.state.settled] == [D("0.0002")]


def test_an_account_of_ones_own() -> None:
    """Several accounts, one-way mode, money in the funding account, misfortunes from the start."""
    accounts = (
        AccountOptions(),
        AccountOptions(
            name="second", api_key="k2", owner_key="o2", hedge_mode=False, short_btc=D("0.5"), funding_usdt=D(7)
        ),
    )
    server = build(
        SimulatorOptions(accounts=accounts, faults=(Injection(fault="adl", account="paper", value="1:0.5"),))
    )
    first, second = server.venue.state.accounts["paper"], server.venue.state.accounts["second"]

    assert first.legs[1].size == D("0.107")
    assert (second.legs[0].side, second.legs[0].size, second.fund["USDT"]) == ("Sell", D("0.287"), D(7))
    assert server.keyring.names() == ["hedgelock-paper", "hedgelock-owner", "k2", "o2"]


def test_the_same_options_build_the_same_world() -> None:
    """Prices, ids and books repeat from the seed."""

    def a_life(seed: int) -> object:
        server = build(SimulatorOptions(seed=seed, paused=True))
        order = {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": "Sell",
            "orderType": "Market",
            "qty": "0.1",
            "positionIdx": 2,
        }
        server.player.step_ms(90_000)
        reply = server.venue.request("paper", "POST", "/v5/order/create", order)
        server.player.step_ms(90_000)
        return reply.result, [push.rows for push in server.venue.drain()], server.board.rest_ticker("linear")

    assert a_life(4) == a_life(4)
    assert a_life(4) != a_life(5)


def test_the_tape_goes_round_with_a_venue_on_it() -> None:
    """Past the sample's end prices, candles, funding and books go on without a seam."""
    end_ms = sample_bars()[-1].at_ms + 300_000
    server = build(SimulatorOptions(start_ms=end_ms - 3_600_000, tick_ms=60_000, paused=True))

    server.player.step_ms(10 * 3_600_000)
    candles = server.history.candles("last", "5", from_ms=None, to_ms=None, limit=120)[::-1]

    assert server.venue.now_ms == end_ms + 9 * 3_600_000
    assert [row.at_ms - candles[0].at_ms for row in candles] == [i * 300_000 for i in range(120)]
    assert all(abs(later.open / earlier.close - 1) < D("0.001") for earlier, later in pairwise(candles))
    assert [row.at_ms - end_ms for row in server.venue.state.settled] == [0, 8 * 3_600_000]


@pytest.mark.parametrize("start_ms", [2_000_000_000_000, DEFAULT_START_MS - 365 * 86_400_000])
def test_a_start_off_the_tape_is_refused(start_ms: int) -> None:
    """After its end or before its beginning: at once, with the days that there are, and no other day is played instead."""
    with pytest.raises(TapeError, match=r"from 2025-08-\d\d .* cannot begin at 20"):
        build(SimulatorOptions(start_ms=start_ms))
