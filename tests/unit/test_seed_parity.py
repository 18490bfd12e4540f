"""One setting away: the original quick start's numbers, from its profile through the settings to the decision."""

from __future__ import annotations

import math
from decimal import Decimal as D
from pathlib import Path

import pytest

from bot import wiring
from bot.engine.config import EngineConfig, Style
from bot.reasoning import Figures, thought
from bot.settings import load
from bot.strategy import volatility
from bot.strategy.pipeline import ORIGINAL_POLICY

PROFILE = Path(__file__).parents[2] / "config" / "seed-parity.env"


@pytest.fixture(scope="module")
def config() -> EngineConfig:
    return wiring.engine_config(load(environ={}, env_file=PROFILE).settings, 1.0)


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
