"""The one way in: prices may be skipped, facts never."""

from __future__ import annotations

import asyncio

from bot.domain.clock import elapsed_s
from bot.domain.events import BadInput, FactsLost, LatchSeen, OperatorAsked, Stopping, Ticked, Verb
from bot.inbox import Inbox
from tests.unit.engine.desk import a_ticker


async def test_a_newer_price_replaces_an_unread_older_one() -> None:
    """The engine never trades on a price that was overtaken while it was busy."""
    inbox = Inbox(ticker_every_s=0)
    for price in ("1", "2", "3"):
        inbox.put(a_ticker(price))

    assert await inbox.next() == a_ticker("3")
    assert len(inbox) == 0


async def test_facts_come_in_order_each_at_the_newest_price() -> None:
    """What follows from a fill is decided at the price that is known by then; and a flood of prices never holds a fill up."""
    inbox = Inbox(ticker_every_s=30)
    inbox.put(a_ticker("1"))
    inbox.put(Stopping(reason="a"))
    inbox.put(Stopping(reason="b"))
    heard = []
    for price in ("2", "3", "4"):
        heard.append(await inbox.next())
        inbox.put(a_ticker(price))

    assert [a_ticker("1"), Stopping(reason="a"), a_ticker("3")] == heard
    assert Stopping(reason="b") == await inbox.next()


async def test_prices_are_handed_on_at_their_own_pace() -> None:
    """Ten prices a second are read as two: between the pulses the reader waits, and is given the newest with the next one."""
    inbox = Inbox(ticker_every_s=30)
    inbox.put(a_ticker("1"))
    assert await inbox.next() == a_ticker("1")
    inbox.put(a_ticker("2"))
    waiting = asyncio.ensure_future(inbox.next())
    await asyncio.sleep(0)
    inbox.put(a_ticker("3"))
    await asyncio.sleep(0)
    assert not waiting.done()

    inbox.put(Ticked())

    assert await asyncio.wait_for(waiting, 1) == a_ticker("3")
    assert await inbox.next() == Ticked()


async def test_who_waits_is_given_the_newest_price_at_its_time() -> None:
    """The first one at once; later ones when their time has come, however many came meanwhile."""
    inbox = Inbox(ticker_every_s=0.05)
    waiting = asyncio.ensure_future(inbox.next())
    await asyncio.sleep(0)
    inbox.put(a_ticker("1"))
    assert await asyncio.wait_for(waiting, 1) == a_ticker("1")

    waiting = asyncio.ensure_future(inbox.next())
    for price in ("2", "3", "4"):
        await asyncio.sleep(0)
        inbox.put(a_ticker(price))

    assert await asyncio.wait_for(waiting, 1) == a_ticker("4")


async def test_what_does_not_fit_is_counted_and_said_first() -> None:
    """An overflow is a fact too: the engine reads everything again."""
    inbox = Inbox(bound=2)
    for kind in "abcd":
        inbox.put(BadInput(kind=kind, sample=""))

    assert await inbox.next() == FactsLost(count=2)
    assert await inbox.next() == BadInput(kind="a", sample="")


async def test_a_persons_word_is_never_lost() -> None:
    """Freeze in a flood: the page said "under way", the engine never heard of it, nor of the latch, and traded on."""
    words = [
        OperatorAsked(verb=Verb.FREEZE, reason="now", who="me"),
        LatchSeen(closed=True, reason="freeze by me: now"),
    ]
    inbox = Inbox(bound=1)
    for event in (Ticked(), Ticked(), *words):
        inbox.put(event)

    assert [FactsLost(count=1), Ticked(), *words] == [await inbox.next() for _ in range(4)]


async def beats_of(inbox: Inbox, count: int) -> float:
    """How many seconds so many beats of the pulse take, prices left aside."""
    began_s = elapsed_s()
    while count:
        count -= isinstance(await inbox.next(), Ticked)
    return elapsed_s() - began_s


async def test_the_pulse_beats_when_the_mark_moves() -> None:
    """A price is thought about when it comes, and not at the end of the half second in which it came."""
    inbox = Inbox()
    beating = asyncio.create_task(inbox.beat())
    inbox.put(a_ticker("1"))
    await beats_of(inbox, 2)  # the first, and that of the first price

    inbox.put(a_ticker("1"))
    still_s = await beats_of(inbox, 1)
    inbox.put(a_ticker("2"))
    moved_s = await beats_of(inbox, 1)
    beating.cancel()

    assert moved_s < still_s / 2


async def test_a_flood_of_prices_is_no_flood_of_beats() -> None:
    """A mark that moves with every frame is thought about ten times a second, at the newest price of each time."""
    inbox = Inbox()
    beating = asyncio.create_task(inbox.beat())
    await beats_of(inbox, 1)

    async def flood() -> None:
        for number in range(10_000):
            inbox.put(a_ticker(str(1 + number)))
            await asyncio.sleep(0.001)

    flooding = asyncio.create_task(flood())
    took_s = await beats_of(inbox, 5)
    for task in (flooding, beating):
        task.cancel()

    assert 5 * 0.1 - 0.01 <= took_s
