"""Two speeds and a Crypto Loan: along real crashes kernel and engine sweep at the same ticks, and end with the same money."""

from dataclasses import replace

import pytest

from bot.backtest import book as b
from bot.backtest import data, policies, replay, study, subset, words
from bot.backtest.outcome import play
from bot.domain.commands import PaymentEnded, PaymentPlanned, RealiseWanted, TransferCoin, Trigger
from bot.domain.loan import Purse
from bot.engine.config import Style
from bot.review.replay import difference, retake
from bot.strategy import decision, pipeline
from tests.unit.backtest.tapes import a_crash_tape
from tests.unit.engine.desk import a_config

LOAN_USDT = 16_200
# Spread and depth of the simulated book: a tick of 0.1 on about 100,000. The smallest repayment is the daemon's own.
RULES = policies.RULES._replace(
    structure=b.LOAN, sweep=1, slippage=1e-6, decide_every_ms=0, sample_every_ms=3_600_000, repay_least_usdt=50.0
)
LADDER = pipeline.DEFAULT_POLICY._replace(min_interval_ms=0)


def static(target_btc):
    """A delta that is held, under both ladders."""
    return LADDER._replace(hedge_mode=decision.TARGET, funding_mode=decision.FUNDING_OFF, target_delta_btc=target_btc)


def both(engines, policy, rules=RULES, *, rising=False, short=0.27, cash=9_622.0):
    """(kernel's outcome, what was lived, its outcome) along the crash or its mirror image."""
    tape, span = a_crash_tape(engines, rising=rising)
    book = policies.opening(spot_btc=0.27, loan_usdt=LOAN_USDT, short_btc=short, cash_usdt=cash)
    plan = policies.Plan(name="p", words="", policy=policy, rules=rules)
    config = replay.same_subset(a_config(), policy, rules)
    config = replace(config, execution=replace(config.execution, style=Style.IOC))
    lived = replay.live(tape, span, book, rules, config)
    return play(engines, tape, span, book, plan), lived, lived.outcome(plan, book, span.last - span.first)


def rows_of(outcome, kind):
    """(when, BTC price, amount) of the log's rows of one kind."""
    return [(int(row[0]), row[1], row[18]) for row in outcome.log if row[2] == kind]


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


@pytest.mark.parametrize("policy", [static(0.0), LADDER], ids=["full hedge", "split under the ladders"])
def test_both_speeds_sweep_a_loan_alike(engines, policy):
    """116,000 to below 45,000 in six hours: six sweeps, each at the same tick and of the same amount; nobody is liquidated."""
    fast, lived, full = both(engines, policy)

    kernel, engine = rows_of(fast, b.SWEEP_ROW), rows_of(full, b.SWEEP_ROW)
    assert len(kernel) == 6
    assert [at_ms for at_ms, *_ in kernel] == [at_ms for at_ms, *_ in engine]
    assert [price for _, price, _ in kernel] == [price for _, price, _ in engine]
    assert [amount for *_, amount in kernel] == pytest.approx([amount for *_, amount in engine], abs=0.02)
    assert hedges_of(fast, lived)[0] == hedges_of(fast, lived)[1]
    assert fast.survived
    assert full.survived
    assert full.figures["max_ltv"] < 0.605
    agree(fast, full)


def test_a_sweep_is_realised_moved_and_repaid(engines):
    """The engine's own way of paying: gains become cash, cash goes to the Funding wallet, and from there to the lender."""
    _, lived, full = both(engines, static(0.0))
    records = [record for record, _ in lived.diary.records]
    ways = (RealiseWanted, PaymentPlanned, TransferCoin, PaymentEnded)
    counted = {kind: sum(isinstance(record, kind) for record in records) for kind in ways}

    assert counted == dict.fromkeys(ways, 6)
    assert {Trigger.LTV} == {record.trigger for record in records if isinstance(record, PaymentPlanned)}
    assert full.figures["repaid"] == pytest.approx(
        LOAN_USDT + full.figures["interest"] - full.figures["debt"], abs=1e-6
    )
    assert [""] * len(lived.diary.decisions) == [difference(d, retake(d)[0]) for _, d in lived.diary.decisions]


def test_both_speeds_lose_an_unswept_loan_at_the_same_tick(engines):
    """Gains that are not realised do not count for the lender: he sells the coin at 95 %, at the same tick."""
    fast, _, full = both(engines, static(0.0), RULES._replace(sweep=0))

    assert not fast.survived
    assert fast.counts["death_ms"] == full.counts["death_ms"]
    assert fast.log[-1][1] == full.log[-1][1]
    assert b.DEATH_ROW == fast.log[-1][2] == full.log[-1][2]
    assert full.attribution()["liquidation"] < 0
    # The kernel closes the perps with the loan; the venue leaves them to the account that carries them.
    assert fast.equity[-1] == pytest.approx(full.equity[-1], abs=15.0)


def test_both_speeds_follow_a_crash_with_the_insurance(engines):
    """A hedge that follows the price: twenty-seven within half an hour, each at the same tick to the same legs, and the brake on loops lets
    them be made. Unswept the loan is lost all the same, at the same tick."""
    fast, lived, full = both(engines, static(0.27), RULES._replace(sweep=0), short=0.0)

    kernel, engine = hedges_of(fast, lived)
    assert len(kernel) > 25
    assert kernel == engine
    assert fast.counts["death_ms"] == full.counts["death_ms"] > 0
    assert "HALTED" != lived.mode


def test_both_speeds_carry_half_a_hedge_through_a_rally(engines):
    """The mirror image, to above 300,000, with margin enough: nothing is swept, and the short is made smaller alike when margin asks."""
    fast, lived, full = both(engines, static(0.135), rising=True, short=0.135, cash=30_000.0)

    kernel, engine = hedges_of(fast, lived)
    assert kernel == engine
    assert not rows_of(full, b.SWEEP_ROW)
    agree(fast, full)


def test_idle_cash_tops_the_margin_up(engines):
    """The mirror image with little margin: what lies in the Funding wallet is moved to the perps at the tick that asks for it."""
    _, lived, full = both(engines, static(0.0), RULES._replace(reserve_usdt=6_000.0), rising=True)
    moved = [(at_ms, record) for record, at_ms in lived.diary.records if isinstance(record, TransferCoin)]
    first_hedge_ms = hedges_of(full, lived)[1][0][0]

    assert [(Purse.FUND, Purse.UNIFIED, 6_000)] == [
        (record.source, record.target, record.amount) for _, record in moved
    ]
    assert moved[0][0] == first_hedge_ms
    assert 24_742 + 6_000 == pytest.approx(full.figures["opening_equity"])


def test_the_page_tells_what_was_done_and_why(engines):
    """The rows of both speeds read the same: time, deed, legs, LTV, reason and stages."""
    fast, _, full = both(engines, LADDER, short=0.0, cash=20_000.0)

    kernel, engine = words.log_rows(fast), words.log_rows(full)
    assert len(kernel) > 3
    assert kernel[0][6] == engine[0][6] != ""
    assert [row[:7] for row in kernel] == [row[:7] for row in engine]
    assert [row[7] for row in kernel] == [row[7] for row in engine]


def test_hourly_bars_are_read_alike(engines):
    """The sample's own hours around 10 October 2025: the engine's candles are the tape's, it has its history, and both decide the same."""
    policy = LADDER._replace(hedge_mode=decision.COVERAGE)
    config = replay.same_subset(a_config(), policy, RULES)
    config = replace(config, execution=replace(config.execution, style=Style.IOC))
    window = data.Volatility(sampling_minutes=5, window_hours=24, least_hours=6, half_life_hours=12)
    tape = data.tape_of(data.load(data.sample_files()), window, config.funding_normal_apr, engines)
    days = data.span_of(tape, 1_759_795_200_000, 1_760_918_400_000)
    tape, span = study.rebased(tape, days, 116_000.0, history=subset.history_bars(config, tape.bar_ms))
    book = policies.opening(spot_btc=0.27, loan_usdt=LOAN_USDT, short_btc=0.0, cash_usdt=20_000.0)
    plan = policies.Plan(name="p", words="", policy=policy, rules=RULES)
    lived = replay.live(tape, span, book, RULES, config)

    kernel, engine = hedges_of(play(engines, tape, span, book, plan), lived)
    assert len(kernel) > 5
    assert kernel == engine
