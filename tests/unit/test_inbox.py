"""The one way in: prices may be skipped, facts never."""

from __future__ import annotations

import asyncio

from bot.domain.events import FactsLost, Stopping, Ticked
from bot.inbox import Inbox
from tests.unit.engine.desk import a_ticker


async def test_a_newer_price_replaces_an_unread_older_one() -> None:
    """The engine never trades on a price that was overtaken while it was busy."""
    inbox = Inbox(ticker_every_s=0)
    for price in ("1", "2", "3"):
        inbox.put(a_ticker(price))

    assert await inbox.next() == a_ticker("3")
    assert len(inbox) == 0


async def test_facts_come_in_order_and_before_prices() -> None:
    """A fill is never behind a price."""
    inbox = Inbox(ticker_every_s=0)
    inbox.put(a_ticker())
    inbox.put(Stopping(reason="a"))
    inbox.put(Stopping(reason="b"))

    assert [await inbox.next() for _ in range(3)] == [Stopping(reason="a"), Stopping(reason="b"), a_ticker()]


async def test_prices_are_handed_on_at_their_own_pace() -> None:
    """Ten prices a second are read as two: the reader waits for the next turn, facts do not."""
    inbox = Inbox(ticker_every_s=30)
    inbox.put(a_ticker("1"))
    assert await inbox.next() == a_ticker("1")
    inbox.put(a_ticker("2"))
    waiting = asyncio.ensure_future(inbox.next())
    await asyncio.sleep(0)

    inbox.put(Ticked())

    assert await asyncio.wait_for(waiting, 1) == Ticked()
    assert len(inbox) == 1


async def test_what_does_not_fit_is_counted_and_said_first() -> None:
    """An overflow is a fact too: the engine reads everything again."""
    inbox = Inbox(bound=2)
    for name in "abcd":
        inbox.put(Stopping(reason=name))

    assert await inbox.next() == FactsLost(count=2)
    assert await inbox.next() == Stopping(reason="a")
