"""Two speeds, one strategy: the kernel and the whole engine against the simulated venue decide alike, and end with the same money."""

from dataclasses import replace

import numpy as np
import pytest

from bot.backtest import book as b
from bot.backtest import policies, replay, words
from bot.backtest.lived import Faults
from bot.backtest.outcome import play
from bot.domain.commands import PaymentEnded, PlaceOrder, ProfitRealised, RepayDebt, SeekRepayment
from bot.domain.events import ExecutionSeen, TickerSeen
from bot.engine.config import Style
from bot.review.replay import difference, retake
from bot.strategy import decision, pipeline
from tests.unit.backtest.tapes import a_walk
from tests.unit.engine.desk import a_config

FIVE_MINUTES_MS = 300_000
TICK_MS = FIVE_MINUTES_MS // 4
WARM = 577
"""The bars that the engine asks for when it starts."""
BOOK = policies.opening(spot_btc=0.27, loan_usdt=16_200, long_btc=0.213, short_btc=0.213)

# Spread and depth of the simulated book: one tick of 0.1 on about 100,000, and a little more for larger orders.
RULES = policies.RULES._replace(slippage=1e-6, decide_every_ms=0, sample_every_ms=3_600_000)


def a_tape(engines, seed, bars, sigma_24h=0.06):
    """A walk on the venue's price grid, its sigma and regimes worked out as the engine works them out."""
    raw = a_walk(seed, WARM + bars, price=116_000.0, sigma_24h=sigma_24h, bar_ms=FIVE_MINUTES_MS)
    grid = {name: np.round(getattr(raw, name), 1) for name in ("open", "high", "low", "close")}
    rates = np.round(raw.settle_rate, 8)
    sigma = engines.sigma_series(raw.at_ms, grid["close"], FIVE_MINUTES_MS, FIVE_MINUTES_MS, 288, 72, 720.0)
    targets = engines.target_series(raw.at_ms, grid["close"], FIVE_MINUTES_MS, FIVE_MINUTES_MS, 288, 72)
    regimes = engines.funding_regimes(raw.settle_ms, rates, raw.settle_hours, 0.15)
    return raw._replace(**grid, sigma=sigma, target_sigma=targets, settle_rate=rates, settle_regime=regimes)


def both(engines, tape, policy):
    """The same span at both speeds."""
    span = b.Span(WARM, len(tape.at_ms))
    config = replay.same_subset(a_config(), policy, RULES)
    config = replace(config, execution=replace(config.execution, style=Style.IOC))
    fast = play(engines, tape, span, BOOK, policies.Plan(name="p", words="", policy=policy, rules=RULES))
    return fast, replay.live(tape, span, BOOK, RULES, config)


CASES = {
    "split": {},
    "coverage": {"hedge_mode": decision.COVERAGE},
    "target": {"hedge_mode": decision.TARGET, "target_delta_btc": 0.10},
    "scheduled": {"hedge_mode": decision.COVERAGE, "schedule": decision.BAND_AND_SCHEDULE},
    "original": pipeline.ORIGINAL_POLICY._asdict(),
}


@pytest.mark.parametrize("name", CASES)
def test_both_speeds_agree(engines, name):
    """Every hedge at the same moment to the same legs; equity within five USDT of 15,000.

    The residue: the venue's book has a spread of one tick and some depth where the kernel has a share of the price, and it rounds
    entries, fees and interest to eight places.
    """
    policy = pipeline.DEFAULT_POLICY._replace(**{**CASES[name], "min_interval_ms": 0})
    fast, full = both(engines, a_tape(engines, 7, 288), policy)

    hedges = fast.log[fast.log[:, 2] == b.HEDGE_ROW]
    kernel = [(int(row[0]), round(row[12], 3), round(row[13], 3)) for row in hedges]
    engine = [(at_ms, float(decided.long_target), float(decided.short_target)) for at_ms, decided in full.hedges]
    assert kernel == engine
    assert "TRADING" == full.mode
    assert fast.equity[-1] == pytest.approx(full.samples[-1][2], abs=5.0)
    assert fast.figures["fees"] == pytest.approx(float(full.fees), abs=0.5)
    assert fast.figures["interest"] == pytest.approx(float(full.interest), abs=0.05)
    whole = full.outcome(policies.Plan(name="p", words="", policy=policy), BOOK, 288)
    told = [[row[:3] + row[3:5] + row[6:] for row in words.log_rows(one)] for one in (fast, whole)]
    assert told[0] == told[1]
    for name in ("ltv_0_s", "ltv_1_s", "ltv_2_s"):
        assert fast.figures[name] == pytest.approx(whole.figures[name], abs=300.0)
    assert whole.equity[-1] - full.first.equity == pytest.approx(sum(whole.attribution().values()), abs=1e-6)


@pytest.mark.parametrize(("seed", "rate"), [(8, 0.0), (10, 0.0001)])
def test_both_speeds_take_profit_and_repay_alike(engines, seed, rate):
    """A fully hedged book, profit stopped out time and again: each taking at the same moment and with the same gain, half of it repaid.

    The residues. Equity: the venue's spread of one tick, and rounding to eight places. Debt: the engine pays whole cents, not within the
    venue's five minutes of each hour, and shares out what was earned in all, received funding included; the kernel what was realised.
    """
    book = policies.opening(spot_btc=0.27, loan_usdt=10_000, short_btc=0.27)
    rules = RULES._replace(profit=1)
    policy = pipeline.DEFAULT_POLICY._replace(min_interval_ms=0)
    tape = a_tape(engines, seed, 288, sigma_24h=0.08)
    tape = tape._replace(
        settle_rate=np.full_like(tape.settle_rate, rate), settle_regime=np.zeros_like(tape.settle_regime)
    )
    span, config = b.Span(WARM, len(tape.at_ms)), replay.same_subset(a_config(), policy, rules)
    fast = play(engines, tape, span, book, policies.Plan(name="p", words="", policy=policy, rules=rules))
    full = replay.live(tape, span, book, rules, config)

    rows = fast.log[fast.log[:, 2] == b.PROFIT_ROW]
    taken = [
        (at_ms, it.realised_usdt - it.costs_usdt)
        for it, at_ms in full.diary.records
        if isinstance(it, ProfitRealised) and it.decision
    ]
    paid = [it.paid for it, _ in full.diary.records if isinstance(it, PaymentEnded)]
    assert len(rows) > 15
    assert [int(row[0]) for row in rows] == [at_ms for at_ms, _ in taken]
    assert [row[18] for row in rows] == pytest.approx([float(gain) for _, gain in taken], abs=0.05)
    assert fast.figures["fees"] == pytest.approx(float(full.fees), abs=0.01)
    assert fast.equity[-1] == pytest.approx(full.samples[-1][2], abs=0.5)
    assert fast.figures["repaid"] > 500
    shared = rules.repay_share * float(full.received + full.paid)
    assert fast.figures["debt"] == pytest.approx(full.samples[-1][4], abs=0.02 * len(paid) + shared)
    assert float(sum(paid)) == pytest.approx(book.debt_usdt - full.samples[-1][4])
    told = full.outcome(policies.Plan(name="p", words="", policy=policy), book, 288)
    assert (len(rows), float(sum(paid))) == (told.counts["profits"], told.figures["repaid"])


def test_partial_fills_and_refusals_end_at_the_same_legs(engines):
    """Half of the orders fill in part, a fifth are refused: the hedge gets there all the same."""
    policy = pipeline.DEFAULT_POLICY._replace(hedge_mode=decision.COVERAGE)
    tape = a_tape(engines, 11, 100)
    span, config = b.Span(WARM, len(tape.at_ms)), replay.same_subset(a_config(), policy, RULES)
    config = replace(config, execution=replace(config.execution, style=Style.IOC))
    calm = replay.live(tape, span, BOOK, RULES, config)
    storm = replay.live(tape, span, BOOK, RULES, config, faults=Faults(seed=3, partial=0.5, reject=0.2))

    assert storm.fills > calm.fills
    assert calm.samples[-1][7] - calm.samples[-1][6] == pytest.approx(
        storm.samples[-1][7] - storm.samples[-1][6], abs=0.02
    )


def test_an_order_on_its_way_meets_the_tick_it_arrives_at(engines):
    """Half a second late on ticks of 75 seconds: each order is filled at the price and the time of the tick after the one that asked for
    it, and what it brought is repaid. At the price before it, latency would cost nothing; dated before it, no repayment would be found."""
    book = policies.opening(spot_btc=0.27, loan_usdt=10_000, short_btc=0.27)
    rules = RULES._replace(profit=1)
    policy = pipeline.DEFAULT_POLICY._replace(min_interval_ms=0)
    tape = a_tape(engines, 8, 144, sigma_24h=0.08)
    span, config = b.Span(WARM, len(tape.at_ms)), replay.same_subset(a_config(), policy, rules)
    lived = replay.live(tape, span, book, rules, config, faults=Faults(latency_ms=500))

    marks, asked, fills = {}, {}, 0
    for record, at_ms in lived.diary.records:
        match record:
            case TickerSeen():
                marks[at_ms] = record.mark
            case PlaceOrder():
                asked[record.order_link_id] = at_ms
            case ExecutionSeen() if record.execution.order_link_id in asked:
                fills += 1
                assert at_ms == record.execution.exec_ms == asked[record.execution.order_link_id] + TICK_MS
                assert record.execution.price == pytest.approx(marks[at_ms], abs=5)
    assert fills > 20
    payments = [sum(isinstance(it, kind) for it, _ in lived.diary.records) for kind in (RepayDebt, SeekRepayment)]
    ended = [it.paid for it, _ in lived.diary.records if isinstance(it, PaymentEnded)]
    assert len(ended) > 3
    assert [len(ended)] * 2 == payments
    assert float(sum(ended)) == pytest.approx(book.debt_usdt - lived.samples[-1][4])


def test_what_was_lived_can_be_taken_again(engines):
    """The diary of a full-fidelity run holds what a journal holds: each decision comes out the same from its recorded inputs."""
    policy = pipeline.DEFAULT_POLICY._replace(hedge_mode=decision.COVERAGE)
    tape = a_tape(engines, 13, 60)
    lived = replay.live(tape, b.Span(WARM, len(tape.at_ms)), BOOK, RULES, replay.same_subset(a_config(), policy, RULES))

    assert len(lived.diary.decisions) > 3
    assert [""] * len(lived.diary.decisions) == [difference(d, retake(d)[0]) for _, d in lived.diary.decisions]
