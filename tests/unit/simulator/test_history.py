"""Candles of every width, the day's figures and the last trades, before and after the start."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice, pairwise

import pytest

from bot.simulator.history import Candle, History, bucket_of, next_bucket
from bot.simulator.tape import DEFAULT_START_MS, Tape, sample_bars, sample_rates
from bot.simulator.venue import Tick

BARS, RATES = sample_bars(), sample_rates()
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def played(ticks: int) -> tuple[History, list[Tick]]:
    tape = Tape(BARS, RATES, start_ms=DEFAULT_START_MS)
    history, done = History(tape), list(islice(tape.ticks(), ticks))
    for tick in done:
        history.on_tick(tick)
    return history, done


def test_five_minute_candles_are_the_real_bars() -> None:
    """Before the start and after it, a closed candle of the tape's own width is the exchange's bar, to the digit."""
    history, _ = played(301)

    candles = history.candles("last", "5", from_ms=DEFAULT_START_MS - 10 * MINUTE, to_ms=DEFAULT_START_MS, limit=200)

    real = {bar.at_ms: bar for bar in BARS}
    assert [c.at_ms for c in candles] == [
        DEFAULT_START_MS,
        DEFAULT_START_MS - 5 * MINUTE,
        DEFAULT_START_MS - 10 * MINUTE,
    ]
    for candle in candles:
        bar = real[candle.at_ms]
        assert (bar.open, bar.high, bar.low, bar.close) == tuple(int(price * 10) for price in candle[1:5])
        assert bar.volume == candle.volume * 1000


def test_the_open_candle_is_included_and_closes_at_the_last_price() -> None:
    """Bybit lists the unfinished candle first."""
    history, ticks = played(30)

    newest = history.candles("last", "60", from_ms=None, to_ms=None, limit=1)[0]

    assert newest.at_ms == DEFAULT_START_MS
    assert ticks[-1].last == newest.close


def test_minutes_before_the_start_add_up_to_their_bar() -> None:
    """Candles finer than the sample are the tape's own ticks."""
    history, _ = played(1)
    fine = history.candles("last", "1", from_ms=DEFAULT_START_MS - 5 * MINUTE, to_ms=DEFAULT_START_MS - 1, limit=5)
    bar = next(bar for bar in BARS if bar.at_ms == DEFAULT_START_MS - 5 * MINUTE)

    assert len(fine) == 5
    assert bar.high == max(int(candle.high * 10) for candle in fine)
    assert bar.volume == sum(candle.volume for candle in fine) * 1000


@pytest.mark.parametrize("interval", ["1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D"])
def test_candles_of_every_width_hang_together(interval: str) -> None:
    """Newest first, on the grid, none missing, never more than asked for."""
    history, _ = played(400)

    candles = history.candles("last", interval, from_ms=None, to_ms=None, limit=3)

    assert len(candles) == 3
    for newer, older in pairwise(candles):
        assert next_bucket(interval, older.at_ms) == newer.at_ms
    assert all(
        candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high
        for candle in candles
    )


def test_weeks_open_on_monday_and_months_on_the_first() -> None:
    """2025-08-23 lies in the week of the 18th and the month of the 1st."""
    assert bucket_of("W", DEFAULT_START_MS) == 1_755_475_200_000
    assert bucket_of("M", DEFAULT_START_MS) == 1_754_006_400_000
    assert next_bucket("M", 1_754_006_400_000) == 1_756_684_800_000


def test_a_silent_stretch_is_drawn_flat() -> None:
    """Where nobody traded the candle stands at the close before it, without volume."""
    tape = Tape(BARS, RATES, start_ms=DEFAULT_START_MS)
    history = History(tape)
    price = Decimal("115000.0")
    for at_ms in (DEFAULT_START_MS, DEFAULT_START_MS + 4 * MINUTE):
        history.on_tick(Tick(at_ms=at_ms, last=price, mark=price, index=price, volume=Decimal(1)))

    candles = history.candles("last", "1", from_ms=DEFAULT_START_MS, to_ms=None, limit=10)

    flat = Candle(DEFAULT_START_MS + 2 * MINUTE, price, price, price, price, Decimal(0), Decimal(0))
    assert flat == candles[2]
    assert len(candles) == 5


def test_the_day_covers_twenty_four_hours() -> None:
    """High, low and volume are those of the 288 bars that end with the running one."""
    history, ticks = played(301)
    end_ms = DEFAULT_START_MS + 10 * MINUTE
    inside = [bar for bar in BARS if end_ms - DAY <= bar.at_ms < DEFAULT_START_MS + 5 * MINUTE]

    day = history.day()

    assert max(max(bar.high for bar in inside), int(ticks[-1].last * 10)) == day.high_24h * 10
    assert min(bar.low for bar in inside) == day.low_24h * 10
    assert inside[0].open == day.open_24h * 10
    assert sum(bar.volume for bar in inside) + ticks[-1].volume * 1000 == day.volume_24h * 1000


def test_trades_are_the_ticks_that_had_volume() -> None:
    """Newest first over REST, and in order since a number for a stream."""
    history, ticks = played(50)
    traded = [tick for tick in ticks if tick.volume]

    assert [tick.at_ms for tick in reversed(traded[-3:])] == [trade.at_ms for trade in history.trades(3)]
    assert [tick.last for tick in traded[-2:]] == [trade.price for trade in history.trades_after(len(traded) - 2)]
    assert history.trades_after(len(traded)) == []


def test_an_upward_trade_was_bought() -> None:
    """The taker's side follows the direction of the price; an unchanged price keeps the side before it."""
    history, ticks = played(200)
    sides = {trade.at_ms: (trade.side, trade.direction) for trade in history.trades(200)}
    for before, tick in pairwise(ticks):
        if tick.volume and tick.last != before.last:
            expected = ("Buy", "PlusTick") if tick.last > before.last else ("Sell", "MinusTick")
            assert expected == sides[tick.at_ms]


def test_premium_candles_are_the_distance_of_two_candles() -> None:
    """Last over index, less one; a sane candle whatever the sign."""
    history, _ = played(100)

    for candle in history.candles("premium", "15", from_ms=None, to_ms=None, limit=4):
        assert candle.low <= candle.close <= candle.high
        assert abs(candle.close) < Decimal("0.001")
