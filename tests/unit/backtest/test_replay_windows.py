"""Two speeds and the sample's own hours: four crashes that people remember, in both loan structures, decided alike."""

import pytest

from bot.engine.config import Style
from tests.unit.backtest.speeds import (
    COVERAGE,
    LADDER,
    RULES,
    TAKING,
    UNIFIED,
    both,
    hedges_of,
    moments,
    static,
    unlimited,
)
from tests.unit.backtest.tapes import a_window_tape
from tests.unit.engine.desk import a_config

WINDOWS = {
    "March 2020": ("2020-03-11", "2020-03-15"),
    "May 2021": ("2021-05-17", "2021-05-25"),
    "November 2022": ("2022-11-06", "2022-11-15"),
    "October 2025": ("2025-10-08", "2025-10-14"),
}
INSURED = static(0.27)
CASES = {
    "insured": (INSURED, UNIFIED, {"short": 0.0, "cash": 0.0}),
    "insured, with profit": (INSURED, UNIFIED._replace(**TAKING), {"short": 0.0, "cash": 0.0}),
    "two legs, with profit": (LADDER, UNIFIED._replace(**TAKING), {"long": 0.213, "short": 0.213, "cash": 0.0}),
    "coverage": (COVERAGE, UNIFIED, {"short": 0.0, "cash": 0.0}),
    "a loan, insured and swept": (INSURED, RULES, {"short": 0.0, "cash": 20_000.0}),
    "a loan, fully hedged and swept": (static(0.0), RULES, {}),
}


@pytest.fixture(scope="module")
def window(engines):
    return lambda name: a_window_tape(engines, *WINDOWS[name], a_config())


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("case", CASES)
def test_every_window_is_decided_alike(engines, window, name, case):
    """Hourly bars, a quarter of an hour from tick to tick: each hedge at the same tick to the same legs, each sweep and each taking at the
    same tick; equity to 20 cents. Debt: payments are of whole cents, and of the settlement at the very first tick one leg's falls
    before the engine's books of profit begin."""
    policy, rules, book = CASES[case]
    fast, lived, full = both(engines, policy, rules, tape=window(name), change=unlimited, **book)

    kernel, engine = hedges_of(fast, lived)
    assert kernel == engine
    assert moments(fast) == moments(full)
    assert len(kernel) + len(moments(fast)) > 0
    assert fast.equity[-1] == pytest.approx(full.equity[-1], abs=0.2)
    assert fast.figures["debt"] == pytest.approx(full.figures["debt"], abs=5.0 if rules.profit else 0.1)
    assert fast.figures["max_ltv"] == pytest.approx(full.figures["max_ltv"], abs=1e-3)


@pytest.mark.parametrize("name", WINDOWS)
def test_a_sweep_at_the_tick_of_a_hedge_pays_a_little_less(engines, window, name):
    """Coverage with sweeps. The engine reckons the cost of realising before the hedge of the same tick has grown the leg: in March 2020 one
    payment of 2,490 is 8 USDT smaller, and a later leg a step larger. The other windows are equal."""
    fast, lived, full = both(engines, COVERAGE, RULES, tape=window(name), change=unlimited, short=0.0, cash=20_000.0)

    kernel, engine = hedges_of(fast, lived)
    equal = name != "March 2020"
    assert [at_ms for at_ms, *_ in kernel] == [at_ms for at_ms, *_ in engine]
    assert [mine[2] for mine in kernel] == pytest.approx(
        [theirs[2] for theirs in engine], abs=1e-9 if equal else 0.0011
    )
    assert moments(fast) == moments(full)
    assert fast.equity[-1] == pytest.approx(full.equity[-1], abs=0.2)
    assert fast.figures["debt"] == pytest.approx(full.figures["debt"], abs=0.1 if equal else 10.0)


def test_nothing_rests_from_one_coarse_tick_to_the_next(engines, window):
    """Twenty seconds are less than a quarter of an hour: a hedge that would rest live is taken here, as it would be live by then."""
    fast, lived, full = both(
        engines,
        INSURED,
        RULES,
        tape=window("March 2020"),
        style=Style.CHASE,
        change=unlimited,
        short=0.0,
        cash=20_000.0,
    )

    kernel, engine = hedges_of(fast, lived)
    assert len(kernel) > 30
    assert kernel == engine
    assert fast.equity[-1] == pytest.approx(full.equity[-1], abs=0.2)


def test_hourly_bars_are_read_alike(engines):
    """The engine's candles are the tape's, it has its history, and coverage by volatility decides the same."""
    tape = a_window_tape(engines, "2025-10-07", "2025-10-20", a_config())
    fast, lived, _ = both(engines, COVERAGE, RULES, tape=tape, short=0.0, cash=20_000.0)

    kernel, engine = hedges_of(fast, lived)
    assert len(kernel) > 5
    assert kernel == engine
