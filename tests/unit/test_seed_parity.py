"""One setting away: the original quick start's numbers, from its profile through the settings to the decision."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest

from bot import wiring
from bot.domain.commands import Realising
from bot.domain.legs import Act, Leg
from bot.engine.config import EngineConfig, LoanRules, ProfitAction, Style
from bot.review.reasoning import Figures, thought
from bot.settings import load
from bot.strategy import volatility
from bot.strategy.pipeline import ORIGINAL_POLICY
from tests.unit.engine.desk import Desk, a_reading

PROFILE = Path(__file__).parents[2] / "config" / "seed-parity.env"


@pytest.fixture(scope="module")
def config() -> EngineConfig:
    return wiring.engine_config(load(environ={}, env_file=PROFILE).settings, 1.0)


def a_seed_desk(config: EngineConfig, long: str = "0.051", short: str = "0.321", sigma: float = 0.026) -> Desk:
    """The original's book after its first hour, delta as it may be, entries at 116,000; the next look is an hour away."""
    patience = replace(config.patience, reading_stale_ms=600_000, reconcile_every_ms=600_000, listen_ms=0)
    desk = Desk(replace(config, fixed_spot=D("0.27"), patience=patience, loan=LoanRules()))
    desk.state.last_hedge_ms = desk.now_ms
    desk.start(reading=a_reading(long, short), sigma_24h=sigma)
    desk.pulse(1)
    return desk


def legs(config: EngineConfig, vol: float, apr: float) -> tuple[str, str]:
    """(long, short) of the original book after one decision."""
    figures = Figures(
        0.27, D("0.213"), D("0.213"), 116_000.0, vol, apr / 1095, 8.0, 16_200.0, math.nan, math.nan, is_settled=False
    )
    trade = thought(figures, config)["trade"]
    return trade["long"], trade["short"]


@pytest.mark.parametrize(
    ("vol", "apr", "long", "short"),
    [
        (0.02, 0.0, "0.051", "0.321"),
        (0.03, 0.1095, "0.051", "0.321"),
        (0.05, 0.1095, "0.105", "0.375"),
        (0.05, 0.60, "0.024", "0.294"),
        (0.05, -0.60, "0.024", "0.294"),
    ],
)
def test_the_originals_own_splits(config: EngineConfig, vol: float, apr: float, long: str, short: str) -> None:
    """h by volatility, halved when funding is HEATED, whatever its sign: the legs that the quick start computes."""
    assert (f"0.213 -> {long}", f"0.213 -> {short}") == legs(config, vol, apr)


@pytest.mark.parametrize(("vol", "apr"), [(0.01, 0.0), (0.01, 0.60), (0.05, 1.50)])
def test_where_the_original_would_sell_what_it_does_not_hold(config: EngineConfig, vol: float, apr: float) -> None:
    """It asks the long leg below zero there; here the leg ends at zero and the other takes the rest."""
    assert ("0.213 -> 0.000", "0.213 -> 0.270") == legs(config, vol, apr)


def test_the_whole_policy_is_the_originals(config: EngineConfig) -> None:
    """Not a likeness put together from settings: the policy itself, its formula of volatility and its market orders."""
    same = {"rehedge_interval_ms", "price_stale_after_ms"}
    different = {
        name for name in ORIGINAL_POLICY._fields if getattr(config.policy, name) != getattr(ORIGINAL_POLICY, name)
    }

    assert different <= same
    assert (True, Style.IOC, 0.10) == (config.volatility.is_original, config.execution.style, config.funding_normal_apr)
    assert 0.1350938273729815 == pytest.approx(volatility.original_sigma([116000, 116580, 115420, 116000]), rel=1e-12)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (("115950", "115960"), ""),  # 16 USDT, two tenths given back
        (("115950", "115966"), "trailing stop"),  # 16 USDT, a third given back: nothing is too little
        (("115000", "115301"), "trailing stop"),  # a peak of 270, over 30 % given back
        (("115000", "115300"), ""),  # exactly 30 %
        (("113000", "117000"), ""),  # a gap through nothing never fires
    ],
)
def test_the_originals_trailing_stop(config: EngineConfig, path: tuple[str, ...], why: str) -> None:
    """A cent arms it, more than 30 % of the peak fires it, a loss never does, and it goes back to spot whatever that costs."""
    desk = a_seed_desk(config)
    for price in path:
        desk.pulse(1, price=price)

    assert why == "".join(begun.why for begun in desk.diary.of(Realising))
    assert all("close" == begun.action for begun in desk.diary.of(Realising))
    assert bool(why) == any(order.act is Act.SHRINK and order.leg is Leg.LONG for order in desk.orders)


@pytest.mark.parametrize(
    ("long", "short", "sigmas", "fires"),
    [
        ("0.051", "0.321", -1.51, True),
        ("0.051", "0.321", -1.49, False),
        ("0.321", "0.051", 1.51, True),  # a net long book, up
        ("0.051", "0.321", 1.51, False),  # a net short book, up: there is no profit to take
    ],
)
def test_the_originals_target(config: EngineConfig, long: str, short: str, sigmas: float, fires: bool) -> None:
    """1.5 sigma away from 116,000 in either direction, sigma by its own formula, while there is a profit."""
    desk = a_seed_desk(config, long, short, 0.01)
    price = str(round(116_000 * (1 + sigmas * desk.state.market.sigma_24h), 1))
    desk.pulse(1, price=price)

    assert ["target reached"] * fires == [begun.why for begun in desk.diary.of(Realising)]


def test_off_stays_off() -> None:
    """Who takes no profit takes none by the original's rule either."""
    settings = load(environ={"HEDGELOCK__PROFIT__ACTION": "off"}, env_file=PROFILE).settings

    assert ProfitAction.OFF is wiring.engine_config(settings, 1.0).profit.action
