"""Diaries of two HedgeLocks on one account: each knows the other by the names of its orders, and one goes on at most."""

from __future__ import annotations

import pytest

from bot.domain import names
from bot.domain.commands import Mode
from tests.scenarios.desk import Desk
from tests.worlds.happenings import twin


@pytest.mark.fault(170, 216)
def test_a_daemon_elsewhere_trades_the_account(desk: Desk) -> None:
    """One order of a run that nobody here began, and it sends nothing more, whatever the market does."""
    desk.given()
    desk.mark()
    twin(desk.world)
    desk.pass_time(seconds=1)
    desk.expect(mode=Mode.HALTED, note="second writer")

    desk.venue.receives("BTC", "0.1")
    desk.pass_time(minutes=5)
    desk.expect(sent=0, mode=Mode.HALTED)


@pytest.mark.fault(170)
def test_the_original_of_our_disk_goes_on(desk: Desk) -> None:
    """We are the copy: its run is in our journal, and the number is one that our journal never gave out. So with the run we are in."""
    desk.given()
    for run in (desk.state.run, next(iter(desk.state.numbers))):
        assert names.parsed(f"{run}-1Lg") is not None
        twin(desk.world, run=run, number=desk.state.numbers[run] + 1)
        desk.pass_time(seconds=1)
        desk.expect(mode=Mode.HALTED, note="second writer")
        desk.latch(closed=False)
        desk.pass_time(minutes=1)
        desk.expect(mode=Mode.TRADING, hedged=True)


@pytest.mark.fault(170)
def test_the_stream_is_down_while_another_daemon_trades(desk: Desk) -> None:
    """The next reading tells it."""
    desk.given()
    desk.mark()
    desk.venue.cuts("private", seconds=20)
    twin(desk.world)
    desk.pass_time(seconds=30)

    desk.expect(sent=0, mode=Mode.HALTED, note="second writer")


@pytest.mark.fault(170)
def test_a_person_lifts_it_and_the_other_daemon_sends_once_more(desk: Desk) -> None:
    """What was heard is old news, after a restart too; the next order is not."""
    desk.given()
    twin(desk.world)
    desk.pass_time(seconds=1)
    desk.latch(closed=False)
    desk.pass_time(minutes=1)
    desk.kill()
    desk.pass_time(minutes=1)
    desk.expect(hedged=True, mode=Mode.TRADING)
    assert 1 == desk.notes.count("second writer")

    desk.mark()
    twin(desk.world)
    desk.pass_time(minutes=1)
    desk.expect(sent=0, mode=Mode.HALTED)
    assert 2 == desk.notes.count("second writer")


@pytest.mark.fault(170)
@pytest.mark.parametrize("at", ["", "after commit before send", "after send", "at a fill", "before commit"])
def test_our_own_earlier_life_is_no_other_daemon(desk: Desk, at: str) -> None:
    """A restart of the same journal hears of its own orders late, and goes on."""
    desk.given()
    desk.venue.receives("BTC", "0.1")
    desk.kill(at)
    desk.pass_time(minutes=3)

    desk.expect(hedged=True, mode=Mode.TRADING)
    assert "second writer" not in desk.notes


def test_the_kill_switch_is_another_hand_and_no_other_daemon(desk: Desk) -> None:
    """Its orders have names of their own: what it closed is told as a hand's deed; the latch is what halts."""
    desk.given()
    world = desk.world
    world.venue.advance(world.now)
    world.before_foreign()
    params = {
        "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.010",
        "positionIdx": 2, "reduceOnly": True, "orderLinkId": "kill-19a1b2c3d4e5f-1",
    }  # fmt: skip
    assert 0 == world.venue.request(world.ACCOUNT, "POST", "/v5/order/create", params).ret_code
    world.after_foreign()
    world.venue_moved()
    desk.pass_time(seconds=5)

    desk.expect(note="foreign trade")
    assert "second writer" not in desk.notes
