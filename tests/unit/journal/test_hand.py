"""A deed of the disk that hangs, and those who ask for others meanwhile."""

from __future__ import annotations

from threading import Event

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
    last = hand.begin(lambda: done.append("second"))
    assert [] == done

    answers.set()
    last.result(5)
    hand.do(lambda: done.append("third"))
    assert ["first", "second", "third"] == done


def test_what_a_deed_raises_is_heard() -> None:
    hand = Hand("test", deadline_s=5)

    def fails() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        hand.do(fails)
