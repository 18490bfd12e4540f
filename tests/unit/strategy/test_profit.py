"""The profit cycle: peak, arming, trailing stop, target, gate, share for the loan."""

import math

import pytest

from bot.strategy import profit


def fired_at(path: list[float], floor: float = 150.0) -> float | None:
    """The P&L at which the trailing stop fires, or None."""
    cycle = profit.new_cycle(1, 116000.0)
    for pnl in path:
        cycle = profit.observe(cycle, pnl, floor)
        if profit.trailing_fires(cycle, pnl, 0.30):
            return pnl
    return None


@pytest.mark.parametrize(
    ("path", "fires"),
    [
        ([0, 40, 120, 300, 260, 215, 205], 205),
        ([0, 10, 6, 12, 20], None),
        ([0, 500, -20, -30], -20),
        ([0, 150, 105], 105),
        ([0, 149, 1], None),
    ],
)
def test_trailing_stop(path, fires):
    """It arms at a profit worth defending and fires through zero as well."""
    assert fires == fired_at(path)


def test_the_original_fires_on_noise_and_misses_the_gap():
    """The same paths through the original: at 6 USDT, and never."""
    peak, fired = 0.0, None
    for pnl in (0, 10, 6, 12, 20):
        check = profit.original_check(pnl, peak, 0.02, 116000.0)
        peak = check.peak_usdt
        if check.fires and fired is None:
            fired = pnl
    assert fired == 6
    peak = 0.0
    for pnl in (0, 500, -20, -30):
        check = profit.original_check(pnl, peak, 0.02, 116000.0)
        peak = check.peak_usdt
        assert not check.fires


def test_arming_floor():
    """150 USDT or five round trips, the larger; a round trip of the seed's naked spot is 34.45."""
    trip = profit.round_trip_cost_usdt(-0.27, 116000.0, 0.00055)
    assert trip == pytest.approx(34.452)
    assert profit.arming_floor_usdt(150.0, trip, 5.0) == pytest.approx(172.26)
    assert profit.arming_floor_usdt(150.0, 10.0, 5.0) == 150.0


def test_the_peak_survives_bad_numbers():
    """NaN neither raises the peak nor disarms."""
    cycle = profit.observe(profit.new_cycle(1, 116000.0), 200.0, 150.0)
    assert cycle == profit.observe(cycle, math.nan, 150.0)
    assert cycle == profit.observe(cycle, math.inf, 150.0)
    assert profit.observe(cycle, 10.0, 150.0).armed == 1


@pytest.mark.parametrize(
    ("net_perp", "price", "reached"),
    [
        (-0.27, 111528.0, True),
        (-0.27, 111530.0, False),
        (-0.27, 121000.0, False),
        (0.1, 121000.0, True),
        (0.1, 111528.0, False),
        (0.0, 111528.0, False),
        (-0.27, math.nan, False),
        (-0.27, 0.0, False),
    ],
)
def test_target_has_a_direction(net_perp, price, reached):
    """A net short takes its profit in a fall of k sigma = 3.93 %, never in a rise."""
    assert reached == profit.target_reached(net_perp, price, 116000.0, 1.5, 0.0262, 1.0)


def test_target_price():
    """Where the target lies, so that it can be shown."""
    price = profit.target_price(-0.27, 116000.0, 1.5, 0.0262, 1.0)
    assert price == pytest.approx(116000.0 * math.exp(-0.0393))
    assert profit.target_reached(-0.27, price * 0.999999, 116000.0, 1.5, 0.0262, 1.0)
    assert not profit.target_reached(-0.27, price * 1.000001, 116000.0, 1.5, 0.0262, 1.0)
    assert math.isnan(profit.target_price(0.0, 116000.0, 1.5, 0.0262, 1.0))


@pytest.mark.parametrize("sigma", [math.nan, 0.0, -0.02])
def test_without_sigma_there_is_no_target(sigma):
    """An unknown sigma is not a target of zero."""
    assert not profit.target_reached(-0.27, 100000.0, 116000.0, 1.5, sigma, 1.0)


def test_target_scales_with_the_root_of_time():
    """Four days, twice the move."""
    assert profit.target_move(1.5, 0.02, 4.0) == pytest.approx(2 * profit.target_move(1.5, 0.02, 1.0))


def test_why_a_cycle_fires():
    """The stop speaks before the target, and there is no target without a profit."""
    cycle = profit.observe(profit.new_cycle(1, 116000.0), 300.0, 150.0)
    assert profit.fires(cycle, 200.0, 0.3, -0.27, 100000.0, 1.5, 0.0262, 1.0) == profit.TRAILING_STOP
    assert profit.fires(cycle, 290.0, 0.3, -0.27, 100000.0, 1.5, 0.0262, 1.0) == profit.TARGET_REACHED
    assert profit.fires(cycle, 290.0, 0.3, -0.27, 115000.0, 1.5, 0.0262, 1.0) == profit.NOT_FIRED
    fresh = profit.new_cycle(2, 116000.0)
    assert profit.fires(fresh, -5.0, 0.3, -0.27, 100000.0, 1.5, 0.0262, 1.0) == profit.NOT_FIRED
    assert profit.fires(cycle, math.nan, 0.3, -0.27, 100000.0, 1.5, 0.0262, 1.0) == profit.NOT_FIRED


def test_net_of_cost_gate():
    """A routine profit must outweigh its round trips; a risk exit does not ask."""
    assert profit.pays_for_itself(100.0, 31.0, 3.0, 0)
    assert not profit.pays_for_itself(90.0, 31.0, 3.0, 0)
    assert profit.pays_for_itself(-90.0, 31.0, 3.0, 1)
    assert not profit.pays_for_itself(math.nan, 31.0, 3.0, 0)


@pytest.mark.parametrize(
    ("new_profit", "pay"),
    [
        (0.01, 0.0),
        (2.0, 0.0),
        (19.99, 0.0),
        (20.0, 10.0),
        (21.0, 10.5),
        (100.0, 50.0),
        (3000.0, 1000.0),
        (-5.0, 0.0),
        (math.nan, 0.0),
    ],
)
def test_share_for_the_loan(new_profit, pay):
    """Half of what is new; never topped up to the minimum, never above the maximum."""
    assert pay == profit.repayment_usdt(new_profit, 0.5, 10.0, 1000.0)


def test_three_profits_repay_each_once():
    """Three profits of 100 repay 150: the share is of the new profit, not of all there ever was."""
    assert sum(profit.repayment_usdt(100.0, 0.5, 10.0, 1000.0) for _ in range(3)) == 150.0


@pytest.mark.parametrize(
    ("delta", "taking", "regime"),
    [
        (0.0, 0, profit.NEUTRAL),
        (0.01, 0, profit.NEUTRAL),
        (-0.01, 0, profit.NEUTRAL),
        (0.02, 0, profit.LONG_BIASED),
        (-0.02, 0, profit.SHORT_BIASED),
        (0.27, 1, profit.TAKING_PROFIT),
    ],
)
def test_market_regime(delta, taking, regime):
    """What is shown follows delta, unless a profit is being taken."""
    assert regime == profit.market_regime(delta, 0.01, taking)
