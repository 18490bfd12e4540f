"""The seven stages of the target, one by one."""

import math

import pytest

from bot.strategy import codes, decision, funding, ladder, stages
from bot.strategy.decision import Stage
from bot.strategy.pipeline import DEFAULT_POLICY, NO_OPERATOR
from tests.unit.strategy.books import BTCUSDT, SEED_BOOK, SEED_LOAN

Q = 0.27
NAN = math.nan


def same(expected: Stage, actual: Stage) -> bool:
    """Equal fields, floats to 1e-9, NaN equal to NaN."""
    return actual == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (decision.SPLIT, Stage(Q, 0.05, 0.05, codes.USER_TARGET)),
        (decision.TARGET, Stage(Q, 0.05, 0.05, codes.USER_TARGET)),
        (decision.COVERAGE, Stage(Q, NAN, Q, codes.USER_TARGET_UNUSED)),
    ],
)
def test_user(mode, expected):
    """The user's target, except where coverage sets it."""
    policy = DEFAULT_POLICY._replace(hedge_mode=mode, target_delta_btc=0.05)
    assert same(expected, stages.user_stage(policy, Q))


@pytest.mark.parametrize(
    ("mode", "level", "sigma", "expected"),
    [
        (decision.SPLIT, 0, 0.01, Stage(0.0, 0.2, 0.0, codes.VOL_LOW)),
        (decision.SPLIT, 0, 0.0, Stage(0.0, 0.2, 0.0, codes.VOL_LOW)),  # a still market is known
        (decision.SPLIT, 1, 0.03, Stage(0.0, 0.4, 0.0, codes.VOL_MID)),
        (decision.SPLIT, 2, 0.05, Stage(0.0, 0.6, 0.0, codes.VOL_HIGH)),
        (decision.SPLIT, 2, NAN, Stage(0.0, 0.6, 0.0, codes.VOL_KEPT_HIGH)),
        (decision.SPLIT, -1, NAN, Stage(0.0, NAN, 0.0, codes.VOL_UNKNOWN)),
        (decision.TARGET, 2, 0.05, Stage(0.0, NAN, 0.0, codes.VOL_UNUSED)),
    ],
)
def test_volatility(mode, level, sigma, expected):
    """h of the level; a level kept through an unknown sigma says so."""
    policy = DEFAULT_POLICY._replace(hedge_mode=mode)
    assert same(expected, stages.volatility_stage(policy, 0.0, Q, level, sigma))


@pytest.mark.parametrize(("level", "target"), [(0, 0.216), (1, 0.162), (2, 0.108)])
def test_volatility_covers(level, target):
    """In coverage mode the level moves the target."""
    policy = DEFAULT_POLICY._replace(hedge_mode=decision.COVERAGE)
    assert stages.volatility_stage(policy, Q, Q, level, 0.03).after_btc == pytest.approx(target)


FUNDING = [
    # name, mode, funding mode, before, regime, apr, pay level, last m -> m, after, reason
    ("received in full", 0, 0, 0.0, 3, 1.50, 0, NAN, 1.0, 0.0, codes.FUNDING_FULL),
    ("paid a little", 0, 0, 0.0, 0, -0.04, 0, NAN, 1.0, 0.0, codes.FUNDING_FULL),
    ("paid at 20 %", 0, 0, 0.0, 1, -0.20, 1, NAN, 0.75, 0.0675, codes.FUNDING_SCALED),
    ("paid at 60 %", 2, 0, 0.0, 2, -0.60, 2, NAN, 0.5, 0.135, codes.FUNDING_SCALED),
    ("paid, net long target", 2, 0, 0.37, 2, 0.60, 2, NAN, 0.5, 0.32, codes.FUNDING_SCALED),
    ("pays extreme", 0, 0, 0.0, 4, -3.50, 4, NAN, 0.0, 0.27, codes.FUNDING_EXIT),
    ("receives extreme", 0, 0, 0.0, 4, 3.50, 0, NAN, 1.0, 0.0, codes.FUNDING_FULL),
    ("unknown, nothing before", 0, 0, 0.0, -1, NAN, 0, NAN, 1.0, 0.0, codes.FUNDING_UNKNOWN),
    ("unknown, half before", 0, 0, 0.0, -1, NAN, 2, 0.5, 0.5, 0.135, codes.FUNDING_UNKNOWN),
    ("original, split: h only", 0, 1, 0.0, 2, 0.60, 0, NAN, 0.5, 0.0, codes.FUNDING_SCALED),
    ("original, coverage", 1, 1, 0.108, 2, 0.60, 0, NAN, 0.5, 0.189, codes.FUNDING_SCALED),
    ("original, extreme of either sign", 0, 1, 0.0, 4, 3.50, 0, NAN, 0.0, 0.27, codes.FUNDING_EXIT),
    ("off", 0, 2, 0.0, 4, -3.50, 4, NAN, 1.0, 0.0, codes.FUNDING_UNUSED),
    ("off and unknown", 0, 2, 0.0, -1, NAN, -1, NAN, 1.0, 0.0, codes.FUNDING_UNUSED),
]


@pytest.mark.parametrize(
    ("name", "mode", "funding_mode", "before", "regime", "apr", "pay", "last", "m", "after", "reason"),
    FUNDING,
    ids=[c[0] for c in FUNDING],
)
def test_funding(name, mode, funding_mode, before, regime, apr, pay, last, m, after, reason):
    """Only what is paid is scaled; extreme payment gives up; unknown keeps what was."""
    policy = DEFAULT_POLICY._replace(hedge_mode=mode, funding_mode=funding_mode)
    assert same(Stage(before, m, after, reason), stages.funding_stage(policy, before, Q, apr, regime, pay, last))


def test_funding_without_exit_follows_the_tier():
    """With the exit switched off the original EXTREME puts everything on the long leg: h times 0."""
    policy = DEFAULT_POLICY._replace(funding_mode=decision.SYMMETRIC, funding_exit=0)
    exits = (3.5, funding.EXTREME)
    assert same(Stage(0.0, 0.0, 0.0, codes.FUNDING_SCALED), stages.funding_stage(policy, 0.0, Q, *exits, 0, NAN))


FLOOR_AT_100K = 0.1305

LTV = [
    # name, before, debt, price, level -> value, after, reason
    ("no debt", 0.27, 0.0, 100000.0, 0, 0.0, 0.27, codes.LTV_NO_DEBT),
    ("floor binds", 0.27, 16200.0, 100000.0, 1, FLOOR_AT_100K, Q - FLOOR_AT_100K, codes.LTV_FLOOR_BINDS),
    ("floor slack", 0.10, 16200.0, 100000.0, 1, FLOOR_AT_100K, 0.10, codes.LTV_FLOOR_SLACK),
    ("no floor high up", 0.27, 16200.0, 150000.0, 0, 0.0, 0.27, codes.LTV_FLOOR_SLACK),
    ("warning covers all", 0.10, 16200.0, 92000.0, 2, Q, 0.0, codes.LTV_FULL_COVER),
    ("warning leaves an over-hedge", -0.05, 16200.0, 92000.0, 2, Q, -0.05, codes.LTV_FULL_COVER),
    ("unknown debt", 0.10, NAN, 100000.0, 1, NAN, 0.10, codes.LTV_UNKNOWN),
    ("unknown debt in a kept warning", 0.10, NAN, 100000.0, 2, Q, 0.0, codes.LTV_FULL_COVER),
    ("no level yet", 0.10, NAN, 100000.0, -1, NAN, 0.10, codes.LTV_UNKNOWN),
]


@pytest.mark.parametrize(
    ("name", "before", "debt", "price", "level", "value", "after", "reason"), LTV, ids=[c[0] for c in LTV]
)
def test_ltv_floor(name, before, debt, price, level, value, after, reason):
    """The insurance under every policy, the whole spot from WARNING on."""
    account = SEED_LOAN._replace(debt_usdt=debt)
    assert same(
        Stage(before, value, after, reason),
        stages.ltv_stage(DEFAULT_POLICY, before, Q, price, account, level),
    )


def test_the_floor_can_be_switched_off():
    """A fall of 0 to survive is no promise."""
    policy = DEFAULT_POLICY._replace(insurance_drop=0.0)
    assert stages.ltv_stage(policy, Q, Q, 100000.0, SEED_LOAN, 1).after_btc == Q


@pytest.mark.parametrize(
    ("level", "margin", "mm", "cap"),
    [
        (ladder.MARGIN_CALM, 14493.6, 822.0, 0.27 + (7246.8 - 822.0) / (116000 * 0.00555)),
        (ladder.MARGIN_TOP_UP, 1500.0, 850.0, 0.27),
        (ladder.MARGIN_REDUCE, 1200.0, 850.0, 0.0),
        (ladder.MARGIN_REDUCE, 1620.0, 850.0, 0.27 - 40.0 / (116000 * 0.00555)),
        (ladder.MARGIN_CLOSE, 2700.0, 850.0, 0.27 - 40.0 / (116000 * 0.00555)),
        (ladder.MARGIN_CALM, NAN, 850.0, NAN),
    ],
)
def test_short_cap(level, margin, mm, cap):
    """Below REDUCE what is held may stay; then back to the top-up rate, at last to the alert rate."""
    book = SEED_BOOK._replace(short_steps=270)
    account = SEED_LOAN._replace(margin_usdt=margin, mm_usdt=mm)
    assert stages.short_cap_btc(DEFAULT_POLICY, BTCUSDT, book, 116000.0, account, level) == pytest.approx(
        cap, nan_ok=True
    )


@pytest.mark.parametrize(
    ("before", "cap", "level", "after", "reason"),
    [
        (0.0, 0.5, ladder.MARGIN_CALM, 0.0, codes.MARGIN_SLACK),
        (0.0, 0.2, ladder.MARGIN_TOP_UP, 0.07, codes.MARGIN_CAPS_GROWTH),
        (0.0, 0.2, ladder.MARGIN_REDUCE, 0.07, codes.MARGIN_REDUCES),
        (0.0, 0.2, ladder.MARGIN_CLOSE, 0.07, codes.MARGIN_CLOSES),
        (0.0, NAN, ladder.MARGIN_REDUCE, 0.0, codes.MARGIN_UNKNOWN),
        (0.0, 0.2, -1, 0.0, codes.MARGIN_UNKNOWN),
    ],
)
def test_margin(before, cap, level, after, reason):
    """The short leg's margin stands above the loan's floor: a liquidated short protects nothing."""
    stage = stages.margin_stage(before, Q, cap, level)
    assert stage.after_btc == pytest.approx(after)
    assert stage.reason == reason


@pytest.mark.parametrize(
    ("emergency", "level", "cap", "after"),
    [
        (0, ladder.CRITICAL, 1.0, 0.1),
        (1, ladder.SAFE, 1.0, 0.0),
        (0, ladder.EMERGENCY, 1.0, 0.0),
        (1, ladder.SAFE, 0.2, 0.07),
        (1, ladder.SAFE, NAN, 0.0),
    ],
)
def test_emergency_is_never_flat_perps(emergency, level, cap, after):
    """The safe side of a holder is a full short, as far as margin carries it."""
    operator = NO_OPERATOR._replace(emergency=emergency)
    assert stages.emergency_stage(operator, 0.1, Q, cap, level).after_btc == pytest.approx(after)


@pytest.mark.parametrize(
    ("mode", "target", "after", "reason"),
    [
        (decision.MANUAL_OFF, NAN, 0.1, codes.NO_OVERRIDE),
        (decision.MANUAL_HOLD, NAN, 0.1, codes.OVERRIDE_HOLD),
        (decision.MANUAL_TARGET, 0.2, 0.2, codes.OVERRIDE_TARGET),
        (decision.MANUAL_FLATTEN, NAN, Q, codes.OVERRIDE_FLATTEN),
    ],
)
def test_by_hand(mode, target, after, reason):
    """A person's word is the last."""
    operator = NO_OPERATOR._replace(manual_mode=mode, manual_target_btc=target)
    stage = stages.manual_stage(operator, 0.1, Q)
    assert (stage.after_btc, stage.reason) == (after, reason)
