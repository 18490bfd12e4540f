"""A live tape follows another V5 host; here the other host is a simulator of our own."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from bot.simulator.live import LiveHost, LiveTape, LiveTapeError
from bot.simulator.main import SimulatorOptions, build
from bot.simulator.tape import DEFAULT_START_MS
from tests.patience import until


async def test_one_simulator_drives_another() -> None:
    """History, prices, volume and funding of the first become those of the second."""
    async with build(SimulatorOptions(speed=60)).serving() as upstream:
        live = await LiveTape.open(LiveHost.at(upstream.url))
        server = build(SimulatorOptions(), live)
        async with server.serving(), asyncio.TaskGroup() as tasks:
            following = tasks.create_task(live.run())
            await until(lambda: server.player.ticks_played >= 10)
            market = server.venue.state.market
            candles = server.history.candles("last", "5", from_ms=None, to_ms=DEFAULT_START_MS - 1, limit=3)
            behind_ms = upstream.venue.now_ms - server.venue.now_ms
            price = upstream.venue.state.market.last
            following.cancel()

    assert upstream.history.candles("last", "5", from_ms=None, to_ms=DEFAULT_START_MS - 1, limit=3) == candles
    assert 0 <= behind_ms < 60_000
    assert abs(market.last / price - 1) < Decimal("0.01")
    assert server.history.trade_count > 0
    assert live.breaks == 0


async def test_the_stream_comes_back_by_itself() -> None:
    """A host that restarts on its port is found again."""
    first = build(SimulatorOptions(speed=60))
    async with first.serving():
        port = first.port
        live = await LiveTape.open(LiveHost.at(first.url))
        list(live.due(0))
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(live.run())
            await until(lambda: live.next_at_ms() is not None)
            first.stop()
            await until(lambda: live.breaks > 0)
            list(live.due(0))
            async with build(SimulatorOptions(speed=60, port=port, start_ms=DEFAULT_START_MS + 3_600_000)).serving():
                await until(lambda: live.next_at_ms() is not None)
            following.cancel()

    assert live.breaks == 1


async def test_a_host_without_prices_is_an_error_not_a_price() -> None:
    """Nothing is invented when nobody answers."""
    with pytest.raises(LiveTapeError, match=r"no market data from http://127\.0\.0\.1:9"):
        await LiveTape.open(LiveHost.at("http://127.0.0.1:9"))


def test_hosts() -> None:
    """Mainnet by default; one URL for a host that serves both."""
    assert LiveHost.at("") == LiveHost("https://api.bybit.com", "wss://stream.bybit.com")
    assert LiveHost.at("https://h:1/x") == LiveHost("https://h:1", "wss://h:1")
    with pytest.raises(ValueError, match="live host"):
        LiveHost.at("ftp://h")


NONSENSE = [
    {"topic": "tickers.BTCUSDT", "type": "delta", "ts": 1, "data": {"lastPrice": "NaN"}},
    {"topic": "tickers.BTCUSDT", "type": "delta", "ts": 10**15, "data": {"lastPrice": "-1"}},
    {"topic": "tickers.BTCUSDT", "type": "delta", "ts": 10**15, "data": {"lastPrice": "abc"}},
    {"topic": "tickers.BTCUSDT", "type": "delta", "data": {}},
    {"topic": "tickers.BTCUSDT"},
    {"topic": "publicTrade.BTCUSDT", "data": [{"v": "x"}]},
    {"op": "pong"},
    {},
]


@pytest.mark.parametrize("frame", NONSENSE, ids=[str(i) for i in range(len(NONSENSE))])
async def test_nonsense_is_passed_over(frame: dict[str, object]) -> None:
    """A frame that makes no sense moves no price."""
    async with build(SimulatorOptions(paused=True)).serving() as upstream:
        live = await LiveTape.open(LiveHost.at(upstream.url))
    list(live.due(0))

    live.hear(frame, {})

    assert live.next_at_ms() is None
