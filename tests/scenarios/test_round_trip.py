"""Diaries of round trips: gains are realised while the hedge stays, and whatever comes between the halves, the legs come home.

A breaker that trips in a crash must not stop them, for they bring what repays the loan; a person's pause does, and so does all that would
turn the second half down.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.commands import Mode, Note, PlaceOrder, ProfitRealised, Realising
from bot.domain.events import Verb
from bot.domain.legs import Act, Leg
from bot.engine.config import BreakerLimits
from bot.engine.hedging import MAX_ORDERS
from bot.engine.sight import ORDERS_OF_A_ROUND_TRIP
from tests.scenarios.desk import CREATE, Desk
from tests.unit.engine.desk import a_config
from tests.worlds.world import UNBROKEN


def won(desk: Desk, **settings: Any) -> None:
    """The seed book, hedged, and a short that has gained two per cent."""
    desk.given(**settings)
    desk.market.moves(-0.02)
    desk.pass_time(seconds=20)
    desk.expect(long="0.051", short="0.321")
    desk.mark()


def trip_a_breaker(desk: Desk) -> None:
    """So much equity vanishes that the daily loss trips; the coin itself, and so delta, is what it was."""
    desk.venue.moves_money_unseen("USDT", "-900")
    desk.pass_time(minutes=5)
    desk.expect(mode=Mode.REDUCING, note="breaker tripped")
    desk.mark()


def realised(desk: Desk) -> list[ProfitRealised]:
    return desk.world.diary.of(ProfitRealised)


def between_the_halves(desk: Desk) -> None:
    """Realising has begun, and the short is closed in part or in whole."""
    desk.operator(Verb.REALISE)
    for _ in range(200):
        desk.pass_time(seconds=0.05)
        if desk.world.leg(2) < D("0.321"):
            return
    raise AssertionError("the first half never filled")


def test_a_tripped_breaker_lets_gains_be_realised(desk: Desk) -> None:
    """No leg grows; but what is closed for cash may be opened again."""
    won(desk, breakers=BreakerLimits(daily_loss=0.05))
    trip_a_breaker(desk)
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321", sent=2, mode=Mode.REDUCING)
    assert 1 == len(realised(desk))


def test_a_tripped_breaker_forbids_all_other_growth(desk: Desk) -> None:
    """The same mode, and coin that comes in is not covered by a larger short."""
    won(desk, breakers=BreakerLimits(daily_loss=0.05))
    trip_a_breaker(desk)
    desk.venue.receives("BTC", "0.1")
    desk.pass_time(minutes=3)

    assert desk.world.leg(2) == D("0.321")
    assert desk.world.leg(1) < D("0.051")
    desk.expect(mode=Mode.REDUCING)


def test_where_orders_miss_again_and_again_the_leg_still_comes_home(desk: Desk) -> None:
    """A breaker is tripped and the venue has no luck with the second half: nobody else would mend it, so it is not given up."""
    won(desk, breakers=BreakerLimits(daily_loss=0.05))
    trip_a_breaker(desk)
    between_the_halves(desk)
    desk.venue.thins_its_book("0")
    desk.pass_time(minutes=4)
    missed = desk.sent - 1
    assert missed > MAX_ORDERS
    assert missed < 4 * a_config().limits.max_orders_per_minute + MAX_ORDERS
    assert desk.world.leg(2) < D("0.321")

    desk.venue.thins_its_book("5")
    desk.pass_time(minutes=2)
    desk.expect(long="0.051", short="0.321", mode=Mode.REDUCING, given_up=0)


def test_a_pause_begins_nothing(desk: Desk) -> None:
    """A person has paused: gains are not realised, whoever asks; the wish lapses and says so."""
    won(desk)
    desk.operator(Verb.PAUSE)
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=70)

    desk.expect(sent=0, mode=Mode.OBSERVE, note="realise lapsed")


def test_a_pause_between_the_halves_sends_nothing(desk: Desk) -> None:
    """A pause is a pause: the second half waits for the person; with the resume the hedge is whole again."""
    won(desk)
    between_the_halves(desk)
    desk.operator(Verb.PAUSE)
    desk.pass_time(seconds=5)
    desk.mark()
    desk.pass_time(minutes=4)
    desk.expect(sent=0, mode=Mode.OBSERVE)

    desk.operator(Verb.RESUME)
    desk.pass_time(minutes=3)
    desk.expect(hedged=True, mode=Mode.TRADING, unsettled=[])


def test_who_is_told_to_stop_comes_home_first(desk: Desk) -> None:
    """SIGTERM between the halves: what was closed is opened again, nothing else is begun."""
    won(desk)
    between_the_halves(desk)
    desk.stop()
    desk.pass_time(seconds=4)

    desk.expect(long="0.051", short="0.321", unsettled=[])
    assert not desk.state.is_on_a_round_trip


def test_who_is_told_to_stop_begins_nothing(desk: Desk) -> None:
    """Asked for a moment after SIGTERM."""
    won(desk)
    desk.stop()
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=2)

    desk.expect(sent=0)


@pytest.mark.parametrize("left", [ORDERS_OF_A_ROUND_TRIP - 1, ORDERS_OF_A_ROUND_TRIP])
def test_no_first_half_without_orders_for_the_second(desk: Desk, left: int) -> None:
    """The day's orders are nearly used up: what is closed now could not be opened again before tomorrow."""
    used = 2  # by the hedge at the beginning
    won(desk, limits=replace(a_config().limits, max_orders_per_day=used + left))
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321", sent=2 if left == ORDERS_OF_A_ROUND_TRIP else 0)


def limit_orders(desk: Desk, **limits: Any) -> None:
    """The settings were narrowed, and the minute of the hedge is over."""
    config = desk.state.config
    desk.state.config = replace(config, limits=replace(config.limits, **limits))
    desk.pass_time(minutes=1)
    desk.mark()


def test_no_first_half_larger_than_a_minutes_orders_bring_home(desk: Desk) -> None:
    """Six orders a minute of 0.05 each: three there, three back. Closed whole, the short stood open until the minutes after next."""
    won(desk)
    limit_orders(desk, max_order=D("0.05"), max_orders_per_minute=6)
    desk.operator(Verb.REALISE)
    desk.pass_time(seconds=10)

    desk.expect(long="0.051", short="0.321", sent=6)
    assert [D("0.171")] == [taking.short_halfway for taking in desk.world.diary.of(Realising)]


def test_no_first_half_before_the_minute_has_room_for_the_second(desk: Desk) -> None:
    """It takes four orders, and a hedge has just used some of this minute's four: the leg would have stood open until the next."""
    won(desk)
    limit_orders(desk, max_order=D("0.17"), max_orders_per_minute=4)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.03")
    desk.pass_time(seconds=10)
    used = desk.sent
    assert used > 0
    desk.operator(Verb.REALISE)
    desk.pass_time(seconds=20)
    desk.expect(sent=used, hedged=True)

    desk.pass_time(minutes=1)
    desk.expect(sent=used + 4, hedged=True)
    assert 1 == len(realised(desk))


def test_no_first_half_above_the_limit_of_a_leg(desk: Desk) -> None:
    """The limit was lowered below the short that stands: it may be closed, and could not be opened again."""
    won(desk)
    config = desk.state.config
    desk.state.config = replace(config, limits=replace(config.limits, max_leg=D("0.3")))
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321", sent=0)


def test_no_first_half_while_the_contract_is_not_trading(desk: Desk) -> None:
    """Its filters say so: a leg might shrink, and could not grow."""
    won(desk)
    assert desk.state.instrument is not None
    desk.state.instrument = replace(desk.state.instrument, status="Settling")
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321", sent=0, mode=Mode.REDUCING)


def test_no_first_half_where_orders_are_turned_down(desk: Desk) -> None:
    """The breaker of refusals in a row has tripped: the venue would refuse the second half as well."""
    won(desk, breakers=replace(UNBROKEN, rejects=2))
    desk.venue.suffers("refused-with", CREATE, times=2, value="10005")
    desk.venue.receives("BTC", "0.05")
    desk.pass_time(minutes=3)
    desk.expect(note="breaker tripped")
    desk.mark()
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=1)

    assert desk.world.leg(2) == D("0.321")
    assert not realised(desk)


@pytest.mark.fault(97)
def test_no_first_half_where_the_second_would_want_for_margin(desk: Desk) -> None:
    """A growth was just turned down for want of margin, and none is free: what is closed now could not be opened again. Profit waits."""
    won(desk)
    desk.venue.allows_leverage("1.2")
    desk.venue.receives("BTC", "0.05")
    desk.pass_time(minutes=3)
    desk.expect(short="0.321", hedged=True, note="hedge given up")  # by a smaller long leg: a larger short was refused
    desk.mark()
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=20)
    desk.expect(short="0.321", sent=0, mode=Mode.TRADING)

    desk.venue.allows_leverage("10")
    desk.pass_time(minutes=5)
    desk.expect(short="0.321", sent=2, unsettled=[])
    assert 1 == len(realised(desk))


@pytest.mark.fault(97)
def test_margin_goes_between_the_halves(desk: Desk) -> None:
    """As much of the leg comes home as there is margin for, and a person is told; nothing more is closed for cash. With the margin
    the rest comes home, and the next profit is taken and put back.
    """
    won(desk)
    between_the_halves(desk)
    desk.venue.allows_leverage("1.2")
    desk.pass_time(minutes=3)
    home = desk.world.leg(2)
    assert D(0) < home < D("0.321")
    desk.expect(note="hedge given up", hedged=False)
    desk.venue.allows_leverage("1")
    desk.market.moves(-0.02)
    orders = len(desk.world.diary.of(PlaceOrder))
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=20)
    assert home == desk.world.leg(2)
    assert {(Leg.SHORT, Act.GROW)} == {(order.leg, order.act) for order in desk.world.diary.of(PlaceOrder)[orders:]}

    desk.venue.allows_leverage("10")
    desk.pass_time(minutes=70)
    desk.expect(hedged=True, mode=Mode.TRADING, unsettled=[])
    short, taken = desk.world.leg(2), len(realised(desk))
    desk.market.moves(-0.02)
    desk.operator(Verb.REALISE)
    desk.pass_time(minutes=5)
    assert (short, taken + 1) == (desk.world.leg(2), len(realised(desk)))
    desk.expect(hedged=True, unsettled=[])


def test_the_stream_falls_silent_between_the_halves(desk: Desk) -> None:
    """Blind, nothing grows; when it sees again the leg comes home."""
    won(desk)
    between_the_halves(desk)
    desk.market.falls_silent(seconds=40)
    desk.venue.cuts("public", seconds=40)
    desk.pass_time(minutes=4)

    desk.expect(delta="0.000", mode=Mode.TRADING, unsettled=[])


def test_a_closed_latch_between_the_halves_ends_everything(desk: Desk) -> None:
    """HALTED sends nothing at all, not even what would bring a leg home; a person has to look, and then it is hedged again."""
    won(desk)
    between_the_halves(desk)
    desk.latch(closed=True)
    desk.pass_time(seconds=5)
    desk.mark()
    desk.pass_time(minutes=3)
    desk.expect(sent=0, mode=Mode.HALTED)

    desk.latch(closed=False)
    desk.pass_time(minutes=3)
    desk.expect(hedged=True, mode=Mode.TRADING)
    assert not any(note.severity == "critical" and note.kind == "books broken" for note in desk.world.diary.of(Note))
    assert desk.state.ledger.legs[Leg.SHORT].qty == desk.world.leg(2)
