"""Diaries of time: clocks that disagree, processes that sleep, prices that are older than they look."""

from __future__ import annotations

import pytest

from bot.domain.commands import Mode
from bot.domain.legs import Leg
from tests.scenarios.desk import Desk


@pytest.mark.fault(52, 155, 158)
@pytest.mark.parametrize("skew_ms", [-3_600_000, -120_000, -30_000, -900, 900, 30_000, 120_000, 3_600_000])
def test_our_clock_is_not_the_venues(desk: Desk, skew_ms: int) -> None:
    """Nothing that the venue dates is compared with our own watch but by how much later it comes than the quickest."""
    desk.given(hedged=False)
    desk.world.climate.skew_ms = skew_ms
    desk.pass_time(minutes=2)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=2)

    desk.expect(hedged=True, mode=Mode.TRADING, adopted=0)


@pytest.mark.fault(36, 156)
@pytest.mark.parametrize("seconds", [12, 60, 3600])
def test_the_process_sleeps(desk: Desk, seconds: int) -> None:
    """A pulse that comes late is a reconnect: everything is read before anything grows."""
    desk.given()
    desk.freeze(seconds)
    desk.pass_time(seconds=seconds / 2)
    desk.venue.sees_the_owner_trade(Leg.SHORT, "0.1")
    desk.pass_time(seconds=seconds / 2 + 90)

    desk.expect(hedged=True, note="stalled", mode=Mode.TRADING)


@pytest.mark.fault(193)
def test_prices_queue_up_and_arrive_late(desk: Desk) -> None:
    """A price that is twenty seconds late is twenty seconds old, however fresh its arrival."""
    desk.given()
    desk.venue.suffers("frame-late", "public", ms=1)
    desk.venue.recovers()
    desk.world.climate.latency_ms = 20_000
    desk.world.latency = lambda: 20_000  # type: ignore[method-assign]
    desk.pass_time(minutes=2)

    desk.expect(mode=Mode.BLIND)


@pytest.mark.fault(159)
def test_the_hour_of_funding_strikes_in_the_middle_of_a_hedge(desk: Desk) -> None:
    """Settlement and hedge share a second; neither disturbs the other."""
    desk.given(hedged=False)
    next_ms = desk.world.venue.state.market.next_funding_ms
    desk.pass_time(minutes=1)
    desk.pass_time(seconds=(next_ms - desk.world.now) / 1000 - 0.05)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=2)

    desk.expect(hedged=True, adopted=0, mode=Mode.TRADING)


@pytest.mark.fault(121)
def test_funding_comes_every_hour_from_now_on(desk: Desk) -> None:
    """The interval is read, never assumed: each settlement is booked."""
    desk.given()
    desk.venue.changes_the_contract(funding_interval_min=60)
    desk.pass_time(minutes=130)

    charged = [row for row in desk.world.account.executions if row.exec_type == "Funding"]
    assert len(charged) >= 4
    desk.expect(mode=Mode.TRADING, adopted=0)
