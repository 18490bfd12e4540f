"""Every reading of the window, side by side."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.events import Bar, BarClosed
from bot.engine import estimators, picture
from tests.unit.engine.desk import Desk, bars

OPENS = (116000, 116420, 115880, 116910, 116300, 115500)
HIGHS = (116700, 116650, 117050, 117200, 116480, 115990)
LOWS = (115800, 115700, 115790, 116150, 115250, 114900)
CLOSES = (116420, 115880, 116910, 116300, 115500, 115710)
SIX_HOURS = tuple(
    Bar(start_ms=i * 3_600_000, minutes=60, open=D(o), high=D(h), low=D(low), close=D(c), volume=D(1))
    for i, (o, h, low, c) in enumerate(zip(OPENS, HIGHS, LOWS, CLOSES, strict=True))
)


@pytest.mark.parametrize(
    ("name", "sigma"),
    [("realised", 0.02924945), ("yang-zhang", 0.02744770), ("bipower", 0.03581276), ("medrv", 0.03409544)],
)
def test_six_hourly_bars_by_hand(name: str, sigma: float) -> None:
    """The figures of the strategy room come out of the engine's candles."""
    made = estimators.of(SIX_HOURS, 60, 4)

    assert made.sigmas[name] == pytest.approx(sigma, abs=5e-9)


def test_ranges_are_of_five_hours_where_six_bars_make_five_steps() -> None:
    """Parkinson's own formula over all but the first bar, stretched to a day."""
    squares = sum(math.log(high / low) ** 2 for high, low in zip(HIGHS[1:], LOWS[1:], strict=True))

    assert estimators.of(SIX_HOURS, 60, 4).sigmas["parkinson"] == pytest.approx(
        math.sqrt(squares / (4 * math.log(2)) * 24 / 5)
    )


@pytest.mark.parametrize("least", [4, 6])
def test_the_sigma_for_targets_alone_is_the_one_that_is_shown(least: int) -> None:
    """The engine does not wait for the figures that only people read, and gets the very same one."""
    window = (*SIX_HOURS, replace(SIX_HOURS[1], start_ms=9 * 3_600_000, low=D(0)))

    closes = [(bar.start_ms, float(bar.close)) for bar in window if estimators.makes_sense(bar)]

    assert repr(estimators.for_targets(closes, least)) == repr(estimators.of(window, 60, least).for_targets)


def test_a_bar_without_sense_is_left_out() -> None:
    """A low above the close would make every range a fiction."""
    odd = replace(SIX_HOURS[2], low=D(0))

    made = estimators.of((*SIX_HOURS[:2], odd, *SIX_HOURS[3:]), 60, 3)

    assert all(math.isfinite(sigma) for sigma in made.sigmas.values())
    assert made.sigmas["realised"] != estimators.of(SIX_HOURS, 60, 3).sigmas["realised"]


def test_too_few_bars_say_nothing() -> None:
    """Unknown is shown as unknown."""
    made = estimators.of(SIX_HOURS, 60, 6)

    assert {True} == {math.isnan(sigma) for sigma in made.sigmas.values()}


def test_the_picture_shows_them_all_and_the_funding_averages() -> None:
    """What a person compares stands on one page."""
    desk = Desk()
    desk.start()
    shown = picture.view(desk.state, desk.now_ms)

    assert set(estimators.NAMES) == set(shown.volatility.estimators)
    assert shown.volatility.estimators["realised"] == pytest.approx(0.026, abs=1e-6)
    assert (shown.funding.average_24h_apr, shown.funding.average_7d_apr) == (
        pytest.approx(0.1095),
        pytest.approx(0.1095),
    )
    assert (D("-7.41"), D("7.41")) == (shown.funding.long_per_day, shown.funding.short_per_day)
    assert not shown.funding.should_exit


def test_a_close_far_off_the_mark_is_no_market() -> None:
    """A bad print must not make a volatility."""
    desk = Desk()
    desk.start()
    last = desk.state.market.last_bar
    before = desk.state.market.raw_sigma_24h

    desk.hear(BarClosed(bar=replace(bars(0.02, 1)[0], start_ms=last.start_ms + 300_000, close=D(60_000))))

    assert before == desk.state.market.raw_sigma_24h
