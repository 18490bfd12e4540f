"""A deed of the disk that hangs, and those who ask for others meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Event, Thread

import pytest

from bot.journal.hand import Hand


def test_a_deed_that_hangs_is_left_to_itself_and_the_next_follow_in_turn() -> None:
    hand, answers, done = Hand("test", deadline_s=0.05), Event(), list[str]()

    def hangs() -> None:
        answers.wait()
        done.append("first")

    with pytest.raises(TimeoutError):
        hand.do(hangs)
    with pytest.raises(TimeoutError):
        hand.do(lambda: done.append("not begun"))
    assert [] == done

    answers.set()
    while "second" not in done:
        with suppress(TimeoutError):
            hand.do(lambda: done.append("second"))
    hand.do(lambda: done.append("third"))
    assert ["first", "second", "third"] == done


async def test_the_loop_goes_on_while_a_deed_hangs() -> None:
    hand, answers = Hand("test", deadline_s=0.05), Event()

    for _ in range(2):
        with pytest.raises(TimeoutError):
            await hand.wait_for(answers.wait)

    answers.set()
    await asyncio.sleep(0.05)
    assert 7 == await hand.wait_for(lambda: 7)


def test_what_a_deed_raises_is_heard() -> None:
    hand = Hand("test", deadline_s=5)

    def fails() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        hand.do(fails)


def test_a_machine_without_threads_is_an_error_of_the_disks_and_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container at its limit of processes: an emergency was not carried out for want of its latch, and the daemon's watch ended it."""
    hand = Hand("test", deadline_s=5)

    def none_left(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(Thread, "start", none_left)
        with pytest.raises(OSError, match="can't start new thread"):
            hand.do(lambda: 1)

    assert 2 == hand.do(lambda: 2)
