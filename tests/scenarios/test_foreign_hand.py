"""Diaries of other hands: the owner, the venue itself, coin that comes and goes."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.domain.commands import LegsAdopted, Mode
from bot.domain.events import OperatorAsked, Verb
from bot.domain.legs import Leg
from bot.engine.config import BreakerLimits
from bot.simulator.deeds import trade_by_owner
from tests.scenarios.desk import CREATE, Desk
from tests.worlds import happenings


@pytest.mark.fault(128)
@pytest.mark.parametrize(
    ("leg", "growth"), [(Leg.LONG, "0.1"), (Leg.LONG, "-0.05"), (Leg.SHORT, "0.1"), (Leg.SHORT, "-0.2")]
)
def test_the_owner_trades_by_hand(desk: Desk, leg: Leg, growth: str) -> None:
    """Counted in delta, answered once, told to a person; never undone leg by leg in a loop."""
    desk.given()
    desk.mark()
    desk.venue.sees_the_owner_trade(leg, growth)
    desk.pass_time(minutes=2)

    desk.expect(hedged=True, note="foreign trade", mode=Mode.TRADING)
    assert desk.sent <= 2


@pytest.mark.fault(44)
def test_the_owner_leaves_an_order_on_the_book(desk: Desk) -> None:
    """It is seen, told, and left alone: it is in delta when it fills."""
    desk.given()
    desk.mark()
    happenings._foreign_order(desk.world)
    desk.pass_time(minutes=2)

    desk.expect(sent=0, note="foreign order", mode=Mode.TRADING)


@pytest.mark.fault(116)
@pytest.mark.parametrize("qty", ["0.05", "0.321"])
def test_the_short_leg_is_deleveraged(desk: Desk, qty: str) -> None:
    """In a crash the venue closes the hedge, in part or whole: one cycle later the gap is traded away."""
    desk.given()
    desk.venue.deleverages(Leg.SHORT, qty)
    desk.pass_time(minutes=1)

    desk.expect(hedged=True, note="deleveraged", mode=Mode.TRADING)


@pytest.mark.fault(116)
def test_a_leg_is_deleveraged_while_the_stream_is_down(desk: Desk) -> None:
    """The next reading tells what the stream could not."""
    desk.given()
    desk.venue.cuts("private", seconds=5)
    desk.venue.deleverages(Leg.LONG, "0.051")
    desk.pass_time(minutes=2)

    desk.expect(hedged=True, note="deleveraged")


@pytest.mark.fault(117)
def test_the_venue_reduces_the_account_by_force(desk: Desk) -> None:
    """Debts are repaid out of the coin and legs are cut: the books follow every execution, and a person is told."""
    desk.given()
    desk.venue.liquidates()
    desk.pass_time(minutes=2)

    desk.expect(note="foreign trade", adopted=0)


def test_coin_vanishes_and_a_breaker_trips(desk: Desk) -> None:
    """So much less equity trips breakers, and nothing may grow: what makes delta smaller is still done, and done first."""
    desk.given(breakers=BreakerLimits())
    desk.venue.moves_money_unseen("BTC", "-0.1")
    desk.pass_time(minutes=5)

    desk.expect(hedged=True, mode=Mode.REDUCING, note="breaker tripped")


@pytest.mark.parametrize("lag_ms", [0, 11_000])
def test_a_withdrawal_is_no_loss(desk: Desk, lag_ms: int) -> None:
    """The owner takes a third of the coin out: it is told and hedged, and no breaker trips, in whichever order wallet and log show it.
    What vanishes afterwards is measured against what was left."""
    desk.given(breakers=BreakerLimits())
    if lag_ms:
        desk.venue.reads_lag(lag_ms)
    desk.venue.receives("BTC", "-0.1")
    desk.pass_time(minutes=4)
    desk.expect(hedged=True, mode=Mode.TRADING, note="money moved")
    assert "breaker tripped" not in desk.notes

    desk.venue.recovers()
    desk.venue.moves_money_unseen("USDT", "-2000")
    desk.pass_time(minutes=5)
    desk.expect(mode=Mode.REDUCING, note="breaker tripped")


def test_a_withdrawal_while_nobody_looked_is_no_loss(desk: Desk) -> None:
    """The daemon dies, the owner takes a third of the coin out, the daemon is born again: the baselines of before go along."""
    desk.given(breakers=BreakerLimits())
    desk.pass_time(minutes=2)
    desk.kill()
    desk.venue.receives("BTC", "-0.1")
    desk.pass_time(minutes=4)

    desk.expect(hedged=True, mode=Mode.TRADING)
    assert "breaker tripped" not in desk.notes


def test_a_deposit_hides_no_loss(desk: Desk) -> None:
    """Twice the equity comes in, and half of what there was before is lost: that is a quarter of all."""
    desk.given(breakers=BreakerLimits(daily_loss=0.2))
    desk.venue.receives("USDT", "15000")
    desk.pass_time(minutes=2)
    desk.expect(mode=Mode.TRADING)

    desk.venue.moves_money_unseen("USDT", "-7500")
    desk.pass_time(minutes=5)
    desk.expect(mode=Mode.REDUCING, note="breaker tripped")


@pytest.mark.fault(129, 136)
@pytest.mark.parametrize("amount", ["0.05", "-0.1"])
def test_coin_comes_or_goes(desk: Desk, amount: str) -> None:
    """A new holding is believed when it stands for longer than a read may lag, and hedged once."""
    desk.given()
    desk.mark()
    desk.venue.receives("BTC", amount)
    desk.pass_time(seconds=12)
    desk.expect(sent=0)

    desk.pass_time(minutes=2)
    desk.expect(hedged=True)
    assert desk.sent <= 2


@pytest.mark.fault(62, 63)
def test_a_wallet_read_late_flips_the_holding_and_nothing_is_traded_after_it(desk: Desk) -> None:
    """A wallet has no sequence: one that contradicts the last proves neither."""
    desk.given()
    desk.venue.receives("BTC", "0.1")
    desk.venue.reads_lag(11_000)
    desk.pass_time(minutes=5)

    desk.expect(hedged=True)
    volume = sum((row.qty for row in desk.world.account.executions if row.link_id), D(0))
    assert volume <= D("0.27") + D("0.1")


@pytest.mark.fault(63)
def test_a_leg_moves_and_no_execution_tells_why(desk: Desk) -> None:
    """Unexplained for longer than any lag, it is adopted, and a person is told."""
    desk.given()
    desk.venue.moves_a_leg_unseen(Leg.LONG, "0.05")
    desk.pass_time(seconds=21)
    desk.expect(mode=Mode.BLIND, adopted=0, books_agree=False)

    desk.pass_time(minutes=3)
    desk.expect(adopted=1, note="unexplained legs", hedged=True, mode=Mode.TRADING)


def test_a_leg_vanishes_and_no_execution_tells_why(desk: Desk) -> None:
    """Zero is a size like any other: it is doubted as long and believed as firmly."""
    desk.given()
    desk.venue.moves_a_leg_unseen(Leg.LONG, "-0.051")
    desk.pass_time(minutes=3)

    desk.expect(adopted=1, hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(94)
def test_equal_legs_are_two_legs(desk: Desk) -> None:
    """Long and short of the same size are not "no position": each is counted, and each is moved by its own orders."""
    desk.given(spot="0.2", long="0.3", short="0.3", hedged=False)
    desk.pass_time(minutes=1)

    assert (desk.world.leg(1) + desk.world.leg(2)) > D("0.3")
    desk.expect(hedged=True)


@pytest.mark.fault(195)
def test_another_hand_undoes_every_hedge(desk: Desk) -> None:
    """Eight hedges that leave the gap where it was are a fight, not a market: halt until a person looks."""
    desk.given()
    for _ in range(14):
        desk.venue.sees_the_owner_trade(Leg.LONG, "0.06")
        desk.pass_time(seconds=35)
    desk.expect(mode=Mode.HALTED)
    desk.mark()
    desk.pass_time(minutes=15)
    desk.expect(sent=0, mode=Mode.HALTED)

    desk.operator(Verb.RESUME)
    desk.pass_time(minutes=1)
    desk.expect(hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(89)
def test_the_leg_shrinks_just_before_a_reduce_only_order_arrives(desk: Desk) -> None:
    """The venue cuts the order to what is left; the books follow the fills, not the wish."""
    desk.given(hedged=False)
    desk.venue.suffers("leg-shrinks-first", CREATE, times=1)
    desk.pass_time(minutes=2)

    desk.expect(hedged=True, mode=Mode.TRADING, unsettled=[])


@pytest.mark.fault(118)
def test_the_owner_closes_the_leg_under_a_hedge_in_motion(desk: Desk) -> None:
    """The targets mean nothing any more: the hedge is given up and decided anew, once."""
    desk.given(hedged=False)
    desk.venue.suffers("reply-late", CREATE, ms=4000)
    desk.pass_time(seconds=6)
    trade_by_owner(desk.world.venue, desk.world.ACCOUNT, 2, D("-0.2"))
    desk.world.venue_moved()
    desk.pass_time(minutes=2)

    desk.expect(hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(215)
def test_an_owner_trades_while_the_bot_is_paused(desk: Desk) -> None:
    """Paused is not blind: what happened meanwhile is known when it resumes, and hedged once."""
    desk.given()
    desk.operator(Verb.PAUSE)
    desk.mark()
    desk.venue.sees_the_owner_trade(Leg.SHORT, "0.1")
    desk.pass_time(minutes=2)
    desk.expect(sent=0, mode=Mode.OBSERVE)

    desk.operator(Verb.RESUME)
    desk.pass_time(minutes=1)
    desk.expect(hedged=True, mode=Mode.TRADING)
    assert len(desk.world.diary.of(OperatorAsked)) == 2
    assert len(desk.world.diary.of(LegsAdopted)) == 1


def test_a_leg_grew_unseen_and_is_closed_again_by_hand(desk: Desk) -> None:
    """What opened it is never told, and what closes it waits for that: the legs were equal all the while, and the engine stayed BLIND ("an
    execution is missing") for ever, after a restart and a resume as well."""
    desk.given()
    desk.venue.moves_a_leg_unseen(Leg.LONG, "0.2")
    desk.pass_time(seconds=2)
    desk.venue.sees_the_owner_trade(Leg.LONG, "-0.2")
    desk.pass_time(seconds=10)
    desk.expect(mode=Mode.BLIND)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", mode=Mode.TRADING, adopted=1, note="unexplained legs")
