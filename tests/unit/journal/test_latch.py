"""The halt latch: a file, whole or not at all, lifted by a person only."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from bot.domain.clock import elapsed_s
from bot.domain.errors import JournalFailed
from bot.domain.events import LatchSeen, OperatorAsked, Verb
from bot.inbox import Inbox
from bot.journal.latch import DEADLINE_S, NAME, Latch
from bot.latching import LatchWatch
from scripts.kill import latch as outside
from tests.unit.engine.desk import Desk


def a_latch(folder: Path) -> Latch:
    return Latch(folder / "journal.sqlite")


async def heard(inbox: Inbox) -> list[object]:
    return [await inbox.next() for _ in range(len(inbox))]


def test_it_is_there_or_it_is_not(tmp_path: Path) -> None:
    """Its words survive another process; our own is not foreign to us; lifting is remembered."""
    latch = a_latch(tmp_path)
    assert (False, False) == (latch.state().closed, latch.foreign())

    latch.close("flatten by operator: enough")

    assert "flatten by operator: enough" == a_latch(tmp_path).state().reason
    assert (False, True) == (latch.foreign(), a_latch(tmp_path).foreign())
    latch.lift("operator", "looked")
    assert not latch.state().closed
    assert latch.was_lifted("flatten by operator: enough")


def test_what_cannot_be_understood_is_closed(tmp_path: Path) -> None:
    """An empty file, rubbish, a folder: each is a closed latch."""
    for content in (b"", b"{", b"\xff\xfe", b'{"verb": 1}'):
        (tmp_path / "halt.latch").write_bytes(content)
        assert a_latch(tmp_path).state().closed
    (tmp_path / "halt.latch").unlink()
    (tmp_path / "halt.latch").mkdir()
    assert a_latch(tmp_path).state().closed


async def test_the_hand_outside_is_heard_and_a_file_that_vanishes_is_put_back(tmp_path: Path) -> None:
    """Only a lift opens it: deleting the file is nobody's decision."""
    latch, desk, inbox = a_latch(tmp_path), Desk(), Inbox()
    desk.start()
    watch = LatchWatch(latch, desk.engine, inbox)
    outside.close([latch.path], "flatten", "drill")

    watch.look()
    (seen,) = await heard(inbox)
    assert isinstance(seen, LatchSeen)
    assert seen.closed
    desk.hear(seen)
    watch.look()
    latch.path.unlink()
    watch.look()
    assert latch.state().closed

    latch.lift("operator", "looked")
    watch.look()
    assert [LatchSeen(closed=False, reason="lifted")] == await heard(inbox)


async def test_our_own_emergency_and_its_latch_are_one(tmp_path: Path) -> None:
    """The words are the same, so the watch has nothing to tell."""
    latch, desk, inbox = a_latch(tmp_path), Desk(), Inbox()
    desk.start()
    watch = LatchWatch(latch, desk.engine, inbox)

    latch.close("freeze by me: now")
    desk.hear(OperatorAsked(verb=Verb.FREEZE, reason="now", who="me"))
    watch.look()

    assert [] == await heard(inbox)


async def test_a_latch_that_the_disk_did_not_take_stays_closed_and_is_tried_again(tmp_path: Path) -> None:
    """The last that the disk remembers is that an earlier latch was lifted. Taken for this one, it ended the emergency a second after a
    person had asked for it."""
    latch, desk, inbox = a_latch(tmp_path), Desk(), Inbox()
    latch.close("freeze by me: a drill")
    latch.lift("me", "the drill is over")
    desk.start()
    watch = LatchWatch(latch, desk.engine, inbox)
    draft = latch.path.with_name(f"{NAME}.{os.getpid()}.new")
    draft.mkdir()  # the disk takes nothing
    with pytest.raises(JournalFailed, match=r"halt\.latch cannot be closed: Is a directory$"):
        latch.close("freeze by me: now")

    desk.hear(OperatorAsked(verb=Verb.FREEZE, reason="now", who="me"))
    for _ in range(3):
        watch.look()
    assert [] == await heard(inbox)

    draft.rmdir()
    watch.look()
    assert "freeze by me: now" == latch.state().reason
    assert [] == await heard(inbox)


async def test_a_lift_from_before_does_not_open_a_latch_that_died_on_its_way_to_the_disk(tmp_path: Path) -> None:
    """The engine latched itself, the journal has it, and the process died before the file was there: the next start closes it."""
    latch, desk, inbox = a_latch(tmp_path), Desk(), Inbox()
    latch.close("freeze by me: a drill")
    latch.lift("me", "the drill is over")
    desk.state.latched = "another hand traded soon after the latch was lifted"

    LatchWatch(latch, desk.engine, inbox).look()

    assert [] == await heard(inbox)
    assert latch.state().closed


def test_a_history_that_cannot_be_read_tells_of_no_lift(tmp_path: Path) -> None:
    latch = a_latch(tmp_path)
    (tmp_path / "halt.history.jsonl").write_text("rubbish\n")

    assert not latch.was_lifted("freeze by me: now")


async def test_who_lifts_the_kill_switchs_latch_lifts_ours_beneath_it(tmp_path: Path) -> None:
    """Frozen by us, then the kill switch wrote its own words over ours while no daemon ran: there is one latch, and a person lifted it."""
    latch, desk, inbox = a_latch(tmp_path), Desk(), Inbox()
    latch.close("freeze by me: now")
    outside.close([latch.path], "flatten", "in earnest")
    latch.lift("the command line", "looked")
    desk.state.latched = "freeze by me: now"

    LatchWatch(latch, desk.engine, inbox).look()

    assert [LatchSeen(closed=False, reason="lifted")] == await heard(inbox)


def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """An emergency closes the latch first. On a frozen file system the whole daemon stood still before it, and closed nothing."""
    latch = a_latch(tmp_path)
    draft = latch.path.with_name(f"{NAME}.{os.getpid()}.new")
    os.mkfifo(draft)  # nobody reads it: to open it for writing is to wait
    began_s = elapsed_s()

    with pytest.raises(JournalFailed, match="the disk took longer than 1 s"):
        latch.close("flatten by me: now")
    asked_again_s = elapsed_s()
    for deed in (partial(latch.close, "flatten by me: now"), partial(latch.lift, "me", "looked")):
        with pytest.raises(JournalFailed):
            deed()
    latch.remember_closed("what another hand said")

    assert asked_again_s - began_s < 2 * DEADLINE_S
    assert elapsed_s() - asked_again_s < DEADLINE_S / 2, "one that hangs is not waited for again"
    assert not latch.state().closed

    draft.open("rb").close()  # it answers
    draft.unlink()
    while not latch.state().closed and elapsed_s() < began_s + 10:
        with suppress(JournalFailed):
            latch.close("flatten by me: now")
    assert (True, False) == (latch.state().closed, latch.foreign())


async def test_a_latch_that_the_disk_takes_late_ends_no_later_emergency(tmp_path: Path) -> None:
    """Freeze was asked for while the disk hung, and then flatten. When the disk took the first, it seemed another hand's, and ended the
    second with the legs half closed."""
    latch, desk, inbox = a_latch(tmp_path), Desk(), Inbox()
    desk.start()
    watch = LatchWatch(latch, desk.engine, inbox)
    desk.hear(OperatorAsked(verb=Verb.FREEZE, reason="now", who="me"))
    desk.hear(OperatorAsked(verb=Verb.FLATTEN, reason="now", who="me"))
    latch.close("freeze by me: now")

    for _ in range(2):
        watch.look()

    assert [] == await heard(inbox)
    assert "flatten by me: now" == latch.state().reason


def a_slow_history(folder: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Before a line of the history is on the disk, that happens."""
    usual = os.fsync

    def sync(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), os.stat(folder / "halt.history.jsonl")):
            monkeypatch.setattr(os, "fsync", usual)
            meanwhile()
        usual(descriptor)

    monkeypatch.setattr(os, "fsync", sync)


def test_a_lift_opens_no_latch_that_was_closed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kill switch closed it while the lift waited for a slow disk: its latch was taken away, and the daemon hedged again."""
    latch = a_latch(tmp_path)
    latch.close("freeze by me: now")
    a_slow_history(tmp_path, monkeypatch, lambda: outside.close([latch.path], "flatten", "in earnest"))

    with pytest.raises(JournalFailed, match="closed meanwhile"):
        latch.lift("me", "looked")

    assert "in earnest" in latch.state().reason
    assert not latch.was_lifted("freeze by me: now")


def test_a_lift_that_nobody_waits_for_any_more_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """'Not resumed', said the answer, and the daemon traded when the disk was well again, minutes or hours later."""
    latch, answers = a_latch(tmp_path), threading.Event()
    latch.close("freeze by me: now")
    a_slow_history(tmp_path, monkeypatch, answers.wait)
    with pytest.raises(JournalFailed, match="the disk took longer than 1 s"):
        latch.lift("me", "looked")

    answers.set()
    for thread in threading.enumerate():
        if thread.name == "latch":
            thread.join()
    assert latch.state().closed
    assert not latch.was_lifted("freeze by me: now")


def test_a_lift_is_of_the_closing_that_it_was_asked_about(tmp_path: Path) -> None:
    latch = a_latch(tmp_path)
    latch.close("freeze by me: now")
    asked_about = latch.closing()
    outside.close([latch.path], "flatten", "in earnest")

    with pytest.raises(JournalFailed, match="closed meanwhile"):
        latch.lift("me", "looked", asked_about)

    assert "in earnest" in latch.state().reason
