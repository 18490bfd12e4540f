"""The post office: tries, ways round, and a box with a bound."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

from bot.monitoring.alerts.channels import NotDelivered
from bot.monitoring.alerts.post import Patience, Post
from bot.monitoring.alerts.words import Message, Occasion, Severity
from tests.patience import until

AT_ONCE = Patience(first_pause_s=0.0, again_after_s=0.01, longest_pause_s=0.02, most_waiting=3)


class Fake:
    """A channel that fails as often as it is told to."""

    def __init__(self, name: str, *failures: NotDelivered) -> None:
        self.name = name
        self.failures = list(failures)
        self.tries = 0
        self.taken: list[str] = []

    async def send(self, message: Message) -> str:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(message.subject)
        return "taken"


LATER = NotDelivered("busy", again=True)
NEVER = NotDelivered("revoked", again=False)


def a_message(subject: str = "one", severity: Severity = Severity.WARNING) -> Message:
    return Message(severity=severity, occasion=Occasion.RAISED, subject=subject, body="body")


def a_post(*channels: Fake) -> Post:
    return Post(channels, rng=Random(1), patience=AT_ONCE)


async def test_the_second_channel_rests_while_the_first_confirms() -> None:
    """Two copies of everything teach a person to read neither."""
    first, second = Fake("first"), Fake("second")

    await a_post(first, second).deliver(a_message())

    assert (["one"], []) == (first.taken, second.taken)


async def test_a_busy_channel_is_asked_again() -> None:
    """Three tries, and the third is heard."""
    first, second = Fake("first", LATER, LATER), Fake("second")

    receipts = await a_post(first, second).deliver(a_message())

    assert [("first", True)] == [(r.channel, r.ok) for r in receipts]
    assert (3, 0) == (first.tries, second.tries)


async def test_where_the_first_fails_the_second_is_used() -> None:
    """A revoked token is not asked twice; the message goes the other way, and the failure is on record."""
    first, second = Fake("first", NEVER), Fake("second")
    post = a_post(first, second)

    receipts = await post.deliver(a_message())

    assert [("first", "revoked"), ("second", "")] == [(r.channel, r.error) for r in receipts]
    assert (1, ["one"], {"first": "revoked"}) == (first.tries, second.taken, post.standing.errors)


async def test_what_is_critical_goes_every_way_at_once() -> None:
    """One of two phones is off, always."""
    first, second = Fake("first"), Fake("second")

    await a_post(first, second).deliver(a_message(severity=Severity.CRITICAL))

    assert (["one"], ["one"]) == (first.taken, second.taken)


async def test_what_nobody_took_waits_and_keeps_its_order() -> None:
    """The network comes back; nothing was lost meanwhile."""
    only = Fake("only", *[LATER] * 6)
    post = a_post(only)
    post.offer(a_message("one"))
    post.offer(a_message("two"))
    task = asyncio.create_task(post.run())

    await until(lambda: len(only.taken) == 2)
    task.cancel()

    assert (["one", "two"], 0) == (only.taken, post.standing.waiting)


async def test_a_full_box_lets_go_of_what_is_least() -> None:
    """The bound holds, and a critical message is not what makes room."""
    post = a_post(Fake("only"))
    for subject, severity in [
        ("a", Severity.CRITICAL),
        ("b", Severity.WARNING),
        ("c", Severity.WARNING),
        ("d", Severity.WARNING),
    ]:
        post.offer(a_message(subject, severity))

    await post.empty(within_s=5)

    assert (1, 0) == (post.standing.dropped, post.standing.waiting)
    assert post.standing.delivered == 3


class Picky(Fake):
    """A channel that refuses one message for good, whatever is done: too odd for it, or too long."""

    async def send(self, message: Message) -> str:
        if message.subject == "odd":
            raise NotDelivered("answered 400", again=False)
        return await super().send(message)


async def test_a_message_that_is_refused_for_good_holds_up_no_other() -> None:
    """It waits, and those behind it go."""
    only = Picky("only")
    post = a_post(only)
    for subject in ("odd", "one", "two"):
        post.offer(a_message(subject))
    task = asyncio.create_task(post.run())

    await until(lambda: len(only.taken) == 2)
    post.offer(a_message("three"))
    await until(lambda: len(only.taken) == 3)
    task.cancel()

    assert (["one", "two", "three"], 1) == (only.taken, post.standing.waiting)


async def test_what_is_critical_does_not_wait_for_the_end_of_a_long_pause() -> None:
    """The channel came back a moment after it had been given up for five minutes."""
    only = Fake("only", *[LATER] * 3)
    post = Post((only,), rng=Random(1), patience=replace(AT_ONCE, again_after_s=300.0))
    post.offer(a_message("one"))
    task = asyncio.create_task(post.run())
    await until(lambda: only.tries == 3)

    post.offer(a_message("two", Severity.CRITICAL))
    await until(lambda: len(only.taken) == 2)
    task.cancel()

    assert ["one", "two"] == only.taken


class Slow(Fake):
    """A channel that is asked for a while before it says anything."""

    asked = 0

    async def send(self, message: Message) -> str:
        self.asked += 1
        await asyncio.sleep(0.05)
        return await super().send(message)


async def test_what_is_critical_and_comes_while_another_is_tried_does_not_wait_either() -> None:
    """The round that fails does not know of it."""
    only = Slow("only", *[LATER] * 3)
    post = Post((only,), rng=Random(1), patience=replace(AT_ONCE, again_after_s=300.0))
    post.offer(a_message("one"))
    task = asyncio.create_task(post.run())
    await until(lambda: only.tries == 1)

    post.offer(a_message("two", Severity.CRITICAL))
    await until(lambda: len(only.taken) == 2)
    task.cancel()

    assert ["one", "two"] == only.taken


async def test_what_comes_while_another_is_delivered_is_not_yet_undelivered() -> None:
    """A count that grows where nothing failed is not looked at when something does."""
    channel = Slow("slow")
    post = a_post(channel)
    running = asyncio.create_task(post.run())

    post.offer(a_message("first"))
    await until(lambda: channel.asked == 1)
    post.offer(a_message("second"))
    await until(lambda: channel.taken == ["first", "second"])
    running.cancel()

    assert 0 == post.standing.undelivered


class Broken(Fake):
    """A channel whose library fails in a way that nobody foresaw."""

    async def send(self, message: Message) -> str:
        raise UnicodeEncodeError("ascii", "a secret", 0, 1, "ordinal not in range")


async def test_a_channel_that_breaks_takes_no_other_with_it() -> None:
    """The message goes the other way, and no word of the failure may be a secret."""
    second = Fake("second")
    post = a_post(Broken("first"), second)

    receipts = await post.deliver(a_message())

    assert ["one"] == second.taken
    assert ["UnicodeEncodeError", ""] == [receipt.error for receipt in receipts]
