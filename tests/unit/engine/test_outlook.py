"""What the engine tells of the loan and of other prices."""

from __future__ import annotations

import pytest

from bot.engine import outlook, picture
from bot.strategy.what_if import UTA, equity_at
from tests.unit.engine.desk import Desk


def test_in_one_account_the_debt_counts_once() -> None:
    """The wallet's USDT equity is already less the debt: asking what if at today's price finds today's equity."""
    desk = Desk()
    desk.start()

    book = outlook.what_if_book(desk.state, desk.now_ms)

    assert book is not None
    assert (UTA, 16_200.0, 0.0) == (book.structure, book.debt_usdt, book.cash_usdt)
    assert 0.27 * book.price - 16_200 == pytest.approx(equity_at(book, book.price))


def test_cover_is_unknown_before_anything_was_read() -> None:
    """Without the legs nothing is known to be covered, and nothing is known not to be."""
    desk = Desk()
    assert picture.view(desk.state, desk.now_ms).book.cover is None

    desk.start()
    assert 0.0 == picture.view(desk.state, desk.now_ms).book.cover
