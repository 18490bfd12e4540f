"""What the market's book makes of tickers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.engine import estimators
from bot.engine.market import MarketBook
from tests.unit.engine.desk import a_config, a_ticker, bars

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


def a_book() -> MarketBook:
    config = a_config()
    return MarketBook(window=config.volatility, funding_normal_apr=config.funding_normal_apr)


def test_a_ticker_that_was_overtaken_on_the_way_is_old_news() -> None:
    """The price of a second ago is no move of the market; of the same moment the later word counts."""
    book = a_book()
    for at_ms, price in ((2_000, "101"), (1_999, "99")):
        book.see_ticker(a_ticker(price, at_ms=at_ms), 2_100)
    assert D(101) == book.ticker.mark

    book.see_ticker(a_ticker("102", at_ms=2_000), 2_200)
    assert D(102) == book.ticker.mark


def test_a_bar_without_sense_makes_no_target() -> None:
    """Its close above its high: what targets are made of leaves it out, as what people are shown does. Who asks is remembered."""
    odd = [*bars(0.026, 100)]
    odd[50] = replace(odd[50], close=D(117_000))
    book = a_book()
    book.load(tuple(odd), ())
    assert not book.targets_were_asked_for

    config = a_config()
    shown = estimators.of(odd, config.volatility.minutes, config.volatility.min_bars)
    assert shown.for_targets == book.sigma_for_targets != estimators.of(bars(0.026, 100), 5, 72).for_targets
    assert book.targets_were_asked_for


def test_what_if_another_price_had_come_leaves_no_trace() -> None:
    """Inside, the price falls from the highest that was told, and the volatilities are what was supposed; outside all is as it was."""
    book = a_book()
    book.load(bars(0.026, 100), ())
    book.see_ticker(a_ticker("116000", at_ms=0), 0)

    def seen() -> tuple[object, ...]:
        return book.ticker, book.ticker_seen_ms, book.moved_ms, book.recent_fall, book.sigma_24h, book.sigma_for_targets

    before, other = seen(), a_ticker("114000", at_ms=5_000)
    with book.as_if(other, 5_000, highest=120_000.0):
        book.suppose(0.5, 0.6)
        assert (other, 5_000, 5_000, pytest.approx(0.05), 0.5, 0.6) == seen()
        book.suppose(0.4, None)
        assert (0.4, 0.6) == seen()[-2:]

    assert before == seen()


def test_what_is_measured_follows_the_bars() -> None:
    """Reckoned once for each bar, and anew with the next."""
    book, all_bars = a_book(), bars(0.026, 101)
    book.load(all_bars[:100], ())
    before = book.estimates
    assert before is book.estimates

    book.see_bar(replace(all_bars[100], high=D(118_000)))
    assert before.sigmas["parkinson"] < book.estimates.sigmas["parkinson"]


def test_a_price_stands_still_until_any_of_its_figures_moves() -> None:
    """A feed that says the same again and again is not a market: since when is known, and a bid alone is a move."""
    book = a_book()
    book.see_ticker(a_ticker("100", at_ms=0), 0)
    book.see_ticker(a_ticker("100", at_ms=5_000), 5_000)
    assert 0 == book.moved_ms

    book.see_ticker(a_ticker("100", at_ms=9_000, bid=D("99.8")), 9_000)
    assert 9_000 == book.moved_ms
