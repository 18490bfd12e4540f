"""Real crashes minute by minute, at the market's own pace: what a hedge that is swept keeps, and what the same hedge loses unswept."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.domain.commands import PaymentPlanned, Trigger
from bot.domain.legs import Leg
from bot.domain.thoughts import BreakerMoved
from tests.crashes import a_crash
from tests.worlds.falling import FallingWorld

MOST_LTV, MOST_COST = D("0.605"), 60
MOST_LOST = D("0.01")
"""Of equity, all told: with luck the price moves little between the halves of a round trip, and without it more than the fees are."""


def swept(world: FallingWorld) -> FallingWorld:
    """Live it through, and hold it to what a sweep promises."""
    before = world.equity
    world.run()
    assert world.lowest < 45_000
    assert not world.was_liquidated
    assert world.worst <= MOST_LTV
    assert world.fees < MOST_COST
    assert before - world.equity < MOST_LOST * before
    assert world.account.loans.collateral["BTC"] == world.spot
    assert world.engine is not None
    state = world.engine.state
    assert state.hedge is None
    assert state.is_settled
    assert state.ledger.legs[Leg.SHORT].qty == world.leg(2)
    assert abs(world.leg(2) - world.spot) <= D("0.01")
    return world


def test_swept_a_full_hedge_keeps_the_coin() -> None:
    """116,000 to below 45,000: never above 60.5 % LTV, for less than 60 USDT of equity, and no coin is touched. On the way the volatility
    breaker trips: that stops growth, and not what defends the loan."""
    world = FallingWorld(a_crash())
    before = world.equity
    swept(world)
    assert before - world.equity < MOST_COST

    tripped = [move for move in world.diary.of(BreakerMoved) if move.tripped]
    assert {"volatility"} == {move.name for move in tripped}
    last = [record for record in world.diary.of(BreakerMoved, PaymentPlanned) if record != tripped[-1]][-1]
    assert isinstance(last, PaymentPlanned)
    assert last.trigger is Trigger.LTV


@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(1, 13))
def test_swept_whatever_the_prices_do_inside_a_minute(seed: int) -> None:
    """The same minutes with other ticks in them, and requests that take up to four times as long."""
    swept(FallingWorld(a_crash(), seed=seed, latency_ms=(60, 120, 250)[seed % 3]))


def test_unswept_the_same_hedge_loses_it() -> None:
    """Gains that are not realised do not count for the lender."""
    world = FallingWorld(a_crash(), LOAN__SWEEP="false")
    world.begin()
    while not world.was_liquidated:
        assert world.now < world.ends
        world.pass_until(world.now + 60_000)

    assert world.last_tick.index > 55_000


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_the_mirror_image_liquidates_nobody() -> None:
    """A rally above 240,000 with half a hedge and its margin."""
    world = FallingWorld(a_crash(rising=True), cash="20000", short="0.135", HEDGE__TARGET_DELTA_BTC="0.135")
    world.begin()
    while world.last_tick.index < 240_000:
        assert not world.was_liquidated
        world.pass_until(world.now + 60_000)

    assert world.leg(2) > 0
