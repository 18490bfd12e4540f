"""What the market's book makes of tickers."""

from __future__ import annotations

import pytest

from bot.engine.market import MarketBook
from tests.unit.engine.desk import a_config, a_ticker

TRIPS = [
    # name                                    trips of tickers, ms    venue's clock at 0    dated from
    ("nothing is known yet",                  [],                     0,                    0),
    ("equal clocks, a quick ticker",          [40, 25],               -25,                  -25),
    ("ours is ahead, a queue comes first",    [150_000, 120_030],     -120_030,             -120_030),
    ("ours is behind",                        [-59_000, -59_970],     59_970,               0),
    ("no clock is so far off",                [10**12],               -86_400_000,          -86_400_000),
]  # fmt: skip


@pytest.mark.parametrize(("name", "trips", "venue_ms", "from_ms"), TRIPS, ids=[case[0] for case in TRIPS])
def test_tickers_tell_the_venues_clock(name: str, trips: list[int], venue_ms: int, from_ms: int) -> None:
    """The quickest of them tells how far both clocks are apart; what is searched by date is searched by the one that is behind."""
    config = a_config()
    book = MarketBook(window=config.volatility, funding_normal_apr=config.funding_normal_apr)
    for trip_ms in trips:
        book.see_ticker(a_ticker("100", at_ms=-trip_ms), 0)

    assert (venue_ms, from_ms) == (book.venue_ms(0), book.dated_from(0))


def test_a_fall_is_seen_for_half_a_minute() -> None:
    """From the highest mark of the last thirty seconds to the last one; a rise is no fall, and what is older is forgotten."""
    config = a_config()
    book = MarketBook(window=config.volatility, funding_normal_apr=config.funding_normal_apr)
    assert book.recent_fall == 0.0
    falls = []
    for at_ms, price in (
        (0, "100"),
        (10_000, "99"),
        (20_000, "98"),
        (31_000, "98"),
        (45_000, "97"),
        (50_000, "101"),
        (90_000, "90"),
    ):
        book.see_ticker(a_ticker(price, at_ms=at_ms), at_ms)
        falls.append(round(book.recent_fall, 6))

    assert falls == pytest.approx([0.0, 0.01, 0.02, 1 - 98 / 99, 1 - 97 / 98, 0.0, 0.0], abs=1e-6)
