"""The loop: compiled equals plain, money adds up, and each deed does what it says."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from bot.backtest import book as b
from bot.backtest import policies
from bot.backtest.compiled import plain
from bot.backtest.outcome import figures_of_merit, play
from bot.strategy import pipeline
from tests.unit.backtest.tapes import HOUR_MS, a_walk, of_prices, whole

BOOK = policies.opening(spot_btc=0.27, loan_usdt=16_200, long_btc=0.213, short_btc=0.213)
BARE = policies.opening(spot_btc=0.27, loan_usdt=16_200)
LADDER = pipeline.DEFAULT_POLICY._replace(hedge_mode=2, funding_mode=2)


def the_plan(name, **rules):
    plan = next(plan for plan in policies.comparison(0.27) if plan.name == name)
    return replace(plan, rules=plan.rules._replace(**rules))


def everything(seed):
    """A plan with every rule switched on, drawn by seed."""
    rng = random.Random(seed)
    rules = policies.RULES._replace(
        structure=rng.choice((b.UTA, b.LOAN)),
        maker_share=rng.choice((0.0, 0.8)),
        sweep=1,
        profit=1,
        last_resort=rng.choice((0, 1)),
        reserve_usdt=rng.choice((0.0, 3000.0)),
        decide_every_ms=rng.choice((0, HOUR_MS, 4 * HOUR_MS)),
    )
    policy = pipeline.DEFAULT_POLICY._replace(
        hedge_mode=rng.choice((0, 1, 2)), funding_mode=rng.choice((0, 1, 2)), schedule=rng.choice((0, 1, 2))
    )
    return policies.Plan(name="all", words="", policy=policy, rules=rules)


@pytest.mark.parametrize("seed", range(8))
def test_compiled_is_plain(engines, seed):
    """The same functions, twice: every figure, sample and log row agrees."""
    tape, plan = a_walk(seed, 300, sigma_24h=0.08), everything(seed)
    book = BOOK._replace(cash_usdt=8_000.0 if plan.rules.structure == b.LOAN else 0.0)
    fast, slow = (play(speed, tape, whole(tape), book, plan) for speed in (engines, plain()))

    assert slow.counts == fast.counts
    assert slow.figures == pytest.approx(fast.figures, rel=1e-9, abs=1e-7, nan_ok=True)
    np.testing.assert_allclose(fast.samples, slow.samples, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(fast.log, slow.log, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("seed", range(40))
def test_money_adds_up(engines, seed):
    """Whatever happened, the parts of the attribution sum to the change of equity."""
    tape, plan = a_walk(100 + seed, 900, sigma_24h=0.07), everything(seed)
    book = BOOK._replace(cash_usdt=8_000.0 if plan.rules.structure == b.LOAN else 0.0)
    outcome = play(engines, tape, whole(tape), book, plan)

    change = outcome.equity[-1] - outcome.figures["opening_equity"]
    assert change == pytest.approx(sum(outcome.attribution().values()), abs=1e-6)
    assert outcome.equity[-1] >= 0.0 or outcome.survived


def test_a_full_hedge_earns_its_funding(engines):
    """Flat price, one day, three settlements of one basis point on 0.27 BTC: 9.396 USDT, and a day's interest goes off."""
    tape = of_prices([116_000.0] * 25)
    outcome = play(engines, tape, b.Span(0, 25), BARE, the_plan("static 100 %", taker_fee=0.0, slippage=0.0))

    assert 4 * 3.132 == pytest.approx(
        outcome.figures["funding_received"] + 3.132, abs=1e-9
    )  # not held at the first one
    assert 25 * 16_200 * 0.06 / 8760 == pytest.approx(outcome.figures["interest"], rel=1e-4)
    assert 1 == outcome.counts["hedges"]


def test_an_unhedged_loan_dies_where_it_must(engines):
    """In one account: (0.98 Q P - D) falls to 4 % of the debt. As a loan: LTV 95 %, at 63,158."""
    tape = of_prices(np.linspace(116_000, 60_000, 400))
    account = play(engines, tape, whole(tape), BARE, the_plan("unhedged", loan_apr=0.0))
    loan = play(engines, tape, whole(tape), BARE, the_plan("unhedged", loan_apr=0.0, structure=b.LOAN, delay_ms=10**12))

    assert 16_200 * 1.04 / 0.98 / 0.27 == pytest.approx(account.log[-1][1], rel=2e-3)
    assert 63_157.89 == pytest.approx(loan.log[-1][1], rel=2e-3)
    assert (False, False) == (account.survived, loan.survived)


def test_a_sweep_keeps_the_loan_alive(engines):
    """A crypto loan under a straight fall to 45,000: the hedge alone dies at 63,158, the hedge that repays does not."""
    tape = of_prices(np.linspace(116_000, 45_000, 800), rate=0.0)
    book = BARE._replace(cash_usdt=9_622.0)
    kept = policies.Plan(
        name="kept", words="", policy=LADDER, rules=policies.RULES._replace(structure=b.LOAN, loan_apr=0.0)
    )
    swept = replace(kept, rules=kept.rules._replace(sweep=1))
    dies, lives = (play(engines, tape, whole(tape), book, plan) for plan in (kept, swept))

    assert not dies.survived
    assert lives.survived
    assert lives.figures["max_ltv"] < 0.62
    assert 4 <= lives.counts["sweeps"] <= 8
    assert 9_622 + 15_120 == pytest.approx(lives.equity[-1], abs=150)


def test_in_one_account_gains_need_no_sweep(engines):
    """There a gain lowers LTV as it is: realising it would only cost fees. Nothing is swept on the same fall, and nobody dies."""
    tape = of_prices(np.linspace(116_000, 45_000, 800), rate=0.0)
    outcome = play(engines, tape, whole(tape), BARE, replace(the_plan("static 100 %", sweep=1), policy=LADDER))

    assert 0 == outcome.counts["sweeps"]
    assert 1 == outcome.counts["hedges"]
    assert outcome.survived


def test_a_sweep_pays_from_what_it_realised(engines):
    """The perps keep the margin they had: after every sweep their cash is what it was, but for the costs of closing and reopening."""
    tape = of_prices(np.linspace(116_000, 90_000, 400), rate=0.0)
    book = BARE._replace(cash_usdt=9_622.0)
    plan = the_plan("static 100 %", structure=b.LOAN, sweep=1, loan_apr=0.0)
    outcome = play(engines, tape, whole(tape), book, replace(plan, policy=LADDER))

    cash = outcome.column("cash")
    assert 1 == outcome.counts["sweeps"]
    assert 9_622 == pytest.approx(cash.min() + outcome.figures["fees"], abs=20)
    assert 0 <= cash[-1] - cash[1] < 20  # what the last step of 0.001 BTC brought too much


def test_a_short_with_too_little_margin_dies_in_a_rally(engines):
    """6,200 USDT carry a full short up to about 138,000; the loan lives on unhedged."""
    tape = of_prices(np.linspace(116_000, 160_000, 400), rate=0.0)
    book = BARE._replace(cash_usdt=6_200.0)
    outcome = play(engines, tape, whole(tape), book, the_plan("static 100 %", structure=b.LOAN))

    assert 1 == outcome.counts["perp_liquidations"]
    assert outcome.survived
    gone = outcome.log[outcome.log[:, 2] == b.PERPS_GONE_ROW][0]
    assert 138_196 == pytest.approx(gone[1], rel=3e-3)


def test_a_trailing_stop_takes_profit_and_keeps_the_hedge(engines):
    """The gain is realised and half of it repaid; the legs are what they were."""
    path = [*np.linspace(116_000, 110_000, 100), *np.linspace(110_000, 112_500, 50)]
    tape = of_prices(path, rate=0.0, sigma=math.nan)
    rules = policies.RULES._replace(profit=1, decide_every_ms=HOUR_MS)
    policy = policies.comparison(0.27)[3].policy
    outcome = play(engines, tape, whole(tape), BARE, policies.Plan(name="p", words="", policy=policy, rules=rules))

    assert 1 == outcome.counts["profits"]
    assert outcome.figures["repaid"] == pytest.approx(0.5 * outcome.log[-1][18], rel=0.02)
    assert 270 == outcome.counts["short_steps"]


def test_a_gap_is_a_jump(engines):
    """Across a hole price jumps; interest runs on, and nothing is invented in between."""
    tape = of_prices(np.linspace(100_000, 101_000, 60))
    keep = np.r_[0:20, 50:60]
    holed = tape._replace(
        **{name: getattr(tape, name)[keep] for name in ("at_ms", "open", "high", "low", "close", "sigma")}
    )
    outcome = play(engines, holed, whole(holed), BARE, the_plan("unhedged"))

    assert 60 * 16_200 * 0.06 / 8760 == pytest.approx(outcome.figures["interest"], rel=1e-2)
    assert 0.27 * 1000 == pytest.approx(outcome.attribution()["spot"], abs=1e-6)


def test_the_merits_of_a_half_hedge(engines):
    """A short of half the spot removes three quarters of the variance and holds LTV."""
    tape = a_walk(5, 3000)._replace(settle_rate=np.zeros(len(a_walk(5, 3000).settle_ms)))
    merit = figures_of_merit(play(engines, tape, whole(tape), BARE, the_plan("static 50 %")))

    assert 0.75 == pytest.approx(merit["effectiveness"], abs=0.01)
    assert -0.5 == pytest.approx(merit["regression_slope"], abs=0.02)
    assert 1.0 == pytest.approx(sum(merit["ltv_time"].values()))
