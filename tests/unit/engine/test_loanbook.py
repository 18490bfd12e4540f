"""The loan book: how a pledge is believed, what counts as paid, and what of the reserve is left."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.engine.config import LoanRules
from bot.engine.loanbook import LoanBook

NOW_MS, LEASE_MS = 1_760_000_000_000, 15_000

PLEDGES = {  # what readings show, and when, and what is believed then
    "a change is believed after a lease": [("0.20", 0, "0.27"), ("0.20", 14_999, "0.27"), ("0.20", 15_000, "0.20")],
    "another change waits anew": [("0.20", 0, "0.27"), ("0.19", 15_000, "0.27"), ("0.19", 30_000, "0.19")],
    "so does one that came back": [("0.20", 0, "0.27"), ("0.27", 5_000, "0.27"), ("0.20", 16_000, "0.27"), ("0.20", 31_000, "0.20")],
    "nothing is a pledge like any other": [("0", 0, "0.27"), ("0", 15_000, "0")],
}  # fmt: skip


@pytest.mark.parametrize("name", PLEDGES)
def test_how_a_pledge_is_believed(name: str) -> None:
    """The coin in the loan is hedged: one late reading that shows it elsewhere must not double the hedge, or close it."""
    book = LoanBook()
    book.see_pledge(D("0.27"), NOW_MS - 60_000, LEASE_MS)
    assert D("0.27") == book.pledged

    for pledged, after_ms, believed in PLEDGES[name]:
        book.see_pledge(D(pledged), NOW_MS + after_ms, LEASE_MS)
        assert D(believed) == book.pledged


def test_what_was_paid_since_a_moment_counts_from_that_moment_on() -> None:
    """The limit of a day is of what was paid in it."""
    book = LoanBook()
    book.paid.extend([(NOW_MS - 1, D(100)), (NOW_MS, D(30)), (NOW_MS + 1, D(5))])

    assert D(35) == book.paid_since(NOW_MS)


@pytest.mark.parametrize(
    ("used", "filled", "left"), [(0, 0, 500), (200, 0, 300), (200, 150, 450), (700, 0, 0), (100, 300, 500)]
)
def test_the_reserve_is_never_below_nothing_nor_above_what_the_settings_say(used: int, filled: int, left: int) -> None:
    """Profit fills it again, and no further."""
    book = LoanBook(reserve_used=D(used), reserve_filled=D(filled))

    assert D(left) == book.reserve(LoanRules(enabled=True, reserve_usdt=D(500)))
