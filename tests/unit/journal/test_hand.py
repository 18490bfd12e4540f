"""A deed of the disk that hangs, and those who ask for others meanwhile."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from threading import Event, Thread
from time import sleep

import pytest
import structlog

from bot.domain.clock import elapsed_s
from bot.journal import hand as rooms_hand
from bot.journal.hand import Hand, waited_for


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


def test_who_waits_for_a_disk_says_so_meanwhile_and_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that was started on a frozen disk said nothing at all, until the thaw."""
    monkeypatch.setattr(rooms_hand, "TELL_S", 0.05)

    with structlog.testing.capture_logs() as lines, waited_for("a journal"):
        until_s = elapsed_s() + 10
        while not lines and elapsed_s() < until_s:
            sleep(0.01)
        said_meanwhile = [line["event"] for line in lines]

    assert ["the disk of a journal has not answered for 0 s; it is waited for"] == said_meanwhile
    assert ["the disk of a journal answers again"] == [line["event"] for line in lines[1:]]


def test_a_disk_that_answers_is_not_spoken_of() -> None:
    with structlog.testing.capture_logs() as lines, waited_for("a journal"):
        pass
    assert [] == lines


async def test_a_deed_that_fails_when_nobody_waits_any_more_is_no_complaint() -> None:
    """`Future exception was never retrieved`, with a traceback, in the daemon's log."""
    complaints, answers = list[object](), Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))

    def fails() -> None:
        answers.wait()
        raise OSError

    with pytest.raises(TimeoutError):
        await Hand("test", deadline_s=0.05).wait_for(fails)
    answers.set()
    await asyncio.sleep(0.1)
    gc.collect()

    assert [] == complaints
