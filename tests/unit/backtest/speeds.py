"""Kernel and full fidelity along one tape: how both are played, what is compared, and how near they must be."""

from dataclasses import replace

import pytest

from bot.backtest import book as b
from bot.backtest import policies, replay
from bot.backtest.outcome import play
from bot.engine.config import Style
from bot.strategy import decision, pipeline
from tests.unit.backtest.tapes import a_crash_tape
from tests.unit.engine.desk import a_config

LOAN_USDT = 16_200
# Spread and depth of the simulated book: a tick of 0.1 on about 100,000. The smallest repayment is the daemon's own.
RULES = policies.RULES._replace(
    structure=b.LOAN, sweep=1, slippage=1e-6, decide_every_ms=0, sample_every_ms=3_600_000, repay_least_usdt=50.0
)
UNIFIED = RULES._replace(structure=b.UTA, sweep=0)
LADDER = pipeline.DEFAULT_POLICY._replace(min_interval_ms=0)
COVERAGE = LADDER._replace(hedge_mode=decision.COVERAGE)
TAKING = {"profit": 1}
"""Profit by the trailing stop and by targets."""


def static(target_btc):
    """A delta that is held, under both ladders."""
    return LADDER._replace(hedge_mode=decision.TARGET, funding_mode=decision.FUNDING_OFF, target_delta_btc=target_btc)


def unlimited(config):
    """Breakers and order limits out of reach: the kernel knows none of them."""
    out_of_reach = replace(config.breakers, daily_loss=9.0, drawdown=9.0, funding_cost=9.0, volatility=9.0)
    many = replace(config.limits, max_orders_per_minute=100_000, max_orders_per_day=100_000)
    return replace(config, breakers=out_of_reach, limits=many)


def both(
    engines,
    policy,
    rules=RULES,
    *,
    rising=False,
    tape=None,
    short=0.27,
    long=0.0,
    cash=9_622.0,
    style=Style.IOC,
    change=lambda config: config,
):
    """(kernel's outcome, what was lived, its outcome) along a tape and its span: the crash, or its mirror image, unless told."""
    tape, span = tape or a_crash_tape(engines, rising=rising)
    book = policies.opening(spot_btc=0.27, loan_usdt=LOAN_USDT, long_btc=long, short_btc=short, cash_usdt=cash)
    plan = policies.Plan(name="p", words="", policy=policy, rules=rules)
    config = replay.same_subset(a_config(), policy, rules)
    config = change(replace(config, execution=replace(config.execution, style=style)))
    lived = replay.live(tape, span, book, rules, config)
    return play(engines, tape, span, book, plan), lived, lived.outcome(plan, book, span.last - span.first)


def rows_of(outcome, kind):
    """(when, BTC price, amount) of the log's rows of one kind."""
    return [(int(row[0]), row[1], row[18]) for row in outcome.log if row[2] == kind]


def moments(outcome):
    """(when, which) of everything in the log but hedges."""
    return [(int(row[0]), int(row[2])) for row in outcome.log if row[2] != b.HEDGE_ROW]


def hedges_of(fast, lived):
    kernel = [(int(row[0]), round(row[12], 3), round(row[13], 3)) for row in fast.log if row[2] == b.HEDGE_ROW]
    engine = [(at_ms, float(decided.long_target), float(decided.short_target)) for at_ms, decided in lived.hedges]
    return kernel, engine


def agree(fast, full):
    """The same money: the venue's book has a spread of one tick, and it rounds to eight places; a payment is of whole cents."""
    paid = full.counts["sweeps"]
    assert fast.equity[-1] == pytest.approx(full.equity[-1], abs=0.05)
    assert fast.figures["debt"] == pytest.approx(full.figures["debt"], abs=0.02 * max(1, paid))
    assert fast.figures["fees"] == pytest.approx(full.figures["fees"], abs=0.01)
    assert fast.figures["interest"] == pytest.approx(full.figures["interest"], abs=1e-4)
    assert fast.figures["max_ltv"] == pytest.approx(full.figures["max_ltv"], abs=1e-5)
    change = full.equity[-1] - full.figures["opening_equity"]
    assert change == pytest.approx(sum(full.attribution().values()), abs=1e-5)
