"""What the market's book makes of tickers."""

from __future__ import annotations

import pytest

from bot.engine.market import MarketBook
from tests.unit.engine.desk import a_config, a_ticker


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
