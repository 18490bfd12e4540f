"""History and the contract's filters, over real sockets."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.commands import ReadHistory
from bot.domain.errors import Unavailable
from tests.unit.exchange.scripted import NOW_MS, Room, a_room, page

KLINE, INSTRUMENTS, FUNDING = "/v5/market/kline", "/v5/market/instruments-info", "/v5/market/funding/history"
FIVE_MIN = 300_000
GRID_MS = NOW_MS - NOW_MS % FIVE_MIN + FIVE_MIN  # the next candle's opening


def a_candle(start_ms: int, close: str = "101") -> list[str]:
    return [str(start_ms), "100", "102", "99", close, "5.5", "550"]


AN_INSTRUMENT = {
    "symbol": "BTCUSDT",
    "status": "Trading",
    "fundingInterval": 480,
    "leverageFilter": {"maxLeverage": "100.00"},
    "priceFilter": {"tickSize": "0.10"},
    "lotSizeFilter": {
        "qtyStep": "0.001",
        "minOrderQty": "0.001",
        "maxOrderQty": "1190.000",
        "maxMktOrderQty": "500.000",
        "minNotionalValue": "5",
    },
}


def script_history(room: Room, *kline_pages: list[list[str]]) -> None:
    room.venue.say(INSTRUMENTS, page(AN_INSTRUMENT))
    room.venue.say(KLINE, *(page(*rows) for rows in kline_pages))
    room.venue.say(
        FUNDING, page({"symbol": "BTCUSDT", "fundingRate": "-0.0001", "fundingRateTimestamp": str(GRID_MS)}), page()
    )


async def test_history_is_closed_candles_oldest_first() -> None:
    """The open candle is left out, pages are joined, and no candle comes twice."""
    async with a_room() as room:
        room.clock.advance_to(GRID_MS + 60_000)
        newest = [a_candle(GRID_MS - number * FIVE_MIN) for number in range(3)]
        older = [a_candle(GRID_MS - number * FIVE_MIN) for number in range(2, 6)]
        script_history(room, newest, older)

        seen = await room.reader.read_history(ReadHistory(minutes=5, bars=4, funding_points=1))

        assert [GRID_MS - number * FIVE_MIN for number in (4, 3, 2, 1)] == [bar.start_ms for bar in seen.bars]
        assert [D("-0.0001")] == [point.rate for point in seen.funding]
        assert (D("0.10"), D("0.001"), D("5")) == (
            seen.instrument.tick_size,
            seen.instrument.qty_step,
            seen.instrument.min_notional,
        )


async def test_a_candle_that_has_only_just_ended_is_not_yet_history() -> None:
    """The venue may not have confirmed it: the stream will tell it."""
    async with a_room() as room:
        room.clock.advance_to(GRID_MS + FIVE_MIN + 500)
        script_history(room, [a_candle(GRID_MS - number * FIVE_MIN) for number in range(3)])

        seen = await room.reader.read_history(ReadHistory(minutes=5, bars=2, funding_points=1))

        assert [GRID_MS - 2 * FIVE_MIN, GRID_MS - FIVE_MIN] == [bar.start_ms for bar in seen.bars]


async def test_a_venue_with_a_short_memory_gives_what_it_has() -> None:
    async with a_room() as room:
        room.clock.advance_to(GRID_MS + 60_000)
        script_history(room, [a_candle(GRID_MS - FIVE_MIN)], [])

        seen = await room.reader.read_history(ReadHistory(minutes=5, bars=288, funding_points=21))

        assert (1, 1) == (len(seen.bars), len(seen.funding))


BROKEN_HISTORY = [
    ("a candle with its high below its close", KLINE, page(a_candle(GRID_MS, close="103"))),
    ("a candle off its grid", KLINE, page(a_candle(GRID_MS + 1))),
    ("a zero price", KLINE, page(a_candle(GRID_MS, close="0"))),
    ("two instruments", INSTRUMENTS, page(AN_INSTRUMENT, AN_INSTRUMENT)),
    ("another instrument", INSTRUMENTS, page(AN_INSTRUMENT | {"symbol": "ETHUSDT"})),
    ("a quantity step of zero", INSTRUMENTS, page(AN_INSTRUMENT | {"lotSizeFilter": {"qtyStep": "0"}})),
    ("a funding rate of nothing", FUNDING, page({"symbol": "BTCUSDT", "fundingRate": "", "fundingRateTimestamp": "0"})),
]


async def test_one_odd_row_of_a_long_past_is_left_out() -> None:
    """Else a restart would wait for its history for as long as the venue shows the row."""
    async with a_room() as room:
        room.clock.advance_to(GRID_MS + 60_000)
        script_history(room, [a_candle(GRID_MS - FIVE_MIN)], [])
        good, bad = a_candle(GRID_MS - FIVE_MIN), a_candle(GRID_MS - 2 * FIVE_MIN, close="103")
        room.venue.say(KLINE, page(good, bad), page())
        settled = {"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingRateTimestamp": str(GRID_MS)}
        room.venue.say(FUNDING, page(settled | {"fundingRate": ""}, settled), page())

        seen = await room.reader.read_history(ReadHistory(minutes=5, bars=2, funding_points=2))

        assert (1, 1) == (len(seen.bars), len(seen.funding))


@pytest.mark.parametrize(("what", "path", "answer"), BROKEN_HISTORY, ids=[case[0] for case in BROKEN_HISTORY])
async def test_history_with_a_hole_is_no_history(what: str, path: str, answer: Any) -> None:
    async with a_room() as room:
        script_history(room, [a_candle(GRID_MS - FIVE_MIN)], [])
        room.venue.say(path, answer)

        with pytest.raises(Unavailable):
            await room.reader.read_history(ReadHistory(minutes=5, bars=10, funding_points=3))
