"""Two speeds and a Crypto Loan: along real crashes kernel and engine sweep at the same ticks, and end with the same money."""

import pytest

from bot.backtest import book as b
from bot.backtest import words
from bot.domain.commands import PaymentEnded, PaymentPlanned, RealiseWanted, TransferCoin, Trigger
from bot.domain.loan import Purse
from bot.domain.thoughts import BreakerMoved
from bot.review.replay import difference, retake
from tests.unit.backtest.speeds import (
    COVERAGE,
    LADDER,
    LOAN_USDT,
    RULES,
    TAKING,
    UNIFIED,
    agree,
    both,
    hedges_of,
    moments,
    rows_of,
    static,
    unlimited,
)


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


def test_insurance_sweeps_and_profit_at_once_are_played_alike(engines):
    """All three rules along the crashes: a hundred and forty hedges, each at the same tick to the same legs; each sweep and each taking at
    the same tick; a sweep ends the profit's cycle and is its share. The residue in the debt is a cent a payment."""
    fast, lived, full = both(engines, static(0.27), RULES._replace(**TAKING), short=0.0, change=unlimited)

    kernel, engine = hedges_of(fast, lived)
    assert len(kernel) > 130
    assert kernel == engine
    assert moments(fast) == moments(full)
    assert len(rows_of(full, b.SWEEP_ROW)) > 30
    assert full.counts["profits"] > 0
    assert fast.equity[-1] == pytest.approx(full.equity[-1], abs=0.5)
    assert fast.figures["debt"] == pytest.approx(full.figures["debt"], abs=0.5)
    assert fast.figures["fees"] == pytest.approx(full.figures["fees"], abs=0.01)


def test_insurance_and_sweeps_part_by_a_step_when_cents_add_up(engines):
    """Sweeps alone: thirty-six, each at the same tick, and hedges to the same legs until the cents of the payments have added up to a fifth
    of a dollar of debt. Then a size of 17.999 steps here is one of 18.006 there, and what follows differs by a step now and then."""
    fast, lived, full = both(engines, static(0.27), short=0.0, change=unlimited)

    kernel, engine = hedges_of(fast, lived)
    parted = next(place for place, (mine, theirs) in enumerate(zip(kernel, engine, strict=True)) if mine != theirs)
    assert parted > 110
    assert kernel[parted][2] == pytest.approx(engine[parted][2], abs=0.0011)
    assert moments(fast) == moments(full)
    assert len(moments(full)) == 36
    assert fast.equity[-1] == pytest.approx(full.equity[-1], abs=15.0)
    assert fast.figures["debt"] == pytest.approx(full.figures["debt"], abs=2.0)


def test_the_breaker_of_the_day_is_where_both_speeds_part(engines):
    """With the limits as they are set: equal to the last step until the day's loss trips its breaker, and no longer."""
    fast, lived, full = both(engines, static(0.27), short=0.0)
    (tripped_ms, why), *_ = [(at_ms, it.name) for it, at_ms in lived.diary.records if isinstance(it, BreakerMoved)]

    kernel, engine = hedges_of(fast, lived)
    parted = next(place for place, pair in enumerate(zip(kernel, engine, strict=False)) if pair[0] != pair[1])
    assert "daily loss" == why
    assert kernel[parted - 1][0] <= tripped_ms + 60_000
    assert kernel[parted][0] > tripped_ms
    assert parted > 35
    assert full.figures["max_ltv"] > fast.figures["max_ltv"] + 0.05, "what may not grow does not protect"
    assert full.counts["sweeps"] >= 30, "the defence goes on"


BARE = {
    "fully hedged": static(0.0),
    "insured": static(0.27),
    "coverage": COVERAGE,
}


@pytest.mark.parametrize("rising", [False, True], ids=["crash", "rally"])
@pytest.mark.parametrize("name", BARE)
def test_an_account_without_usdt_is_played_alike(engines, name, rising):
    """A unified account whose only margin is the coin, profit by stop and target: 116,000 to 45,000, and the mirror image."""
    rules = UNIFIED._replace(**TAKING)
    fast, lived, full = both(engines, BARE[name], rules, change=unlimited, short=0.0, cash=0.0, rising=rising)

    kernel, engine = hedges_of(fast, lived)
    assert kernel == engine
    assert len(kernel) > 0
    assert moments(fast) == moments(full)
    assert (fast.survived, fast.counts["turned_away"]) == (full.survived, 0)
    assert fast.equity[-1] == pytest.approx(full.equity[-1], abs=0.5)
    assert fast.figures["debt"] == pytest.approx(full.figures["debt"], abs=0.5)


def test_both_speeds_part_where_free_margin_does_not_carry_a_hedge(engines):
    """A loan whose perps have 3,000 USDT: thirty-four hedges alike. The next the kernel makes as large as free margin carries, the engine
    half as large as it was turned away, again and again; no breaker takes that for a fault, and both end nearly alike."""
    fast, lived, full = both(engines, static(0.27), change=unlimited, short=0.0, cash=3_000.0)

    kernel, engine = hedges_of(fast, lived)
    parted = next(place for place, pair in enumerate(zip(kernel, engine, strict=False)) if pair[0] != pair[1])
    assert 34 == parted
    assert [] == [it.name for it, _ in lived.diary.records if isinstance(it, BreakerMoved)]
    assert lived.orders > lived.fills
    assert fast.counts["turned_away"] > 0
    assert fast.equity[-1] == pytest.approx(5_891.0, abs=10.0)
    assert full.equity[-1] == pytest.approx(6_094.0, abs=10.0)


def test_only_the_kernel_sells_the_coin(engines):
    """The last resort, nothing swept: the kernel sells twice at 85 % and keeps a tenth of the coin; the engine has no words for that, and
    the lender sells all of it."""
    fast, _, full = both(engines, static(0.0), RULES._replace(sweep=0, last_resort=1))

    told = [row for row in words.log_rows(fast) if row[1] == "spot sold"]
    assert ["0.183 BTC", "0.059 BTC"] == [row[6] for row in told]
    assert ["liquidated"] == [row[1] for row in words.log_rows(full)]
    assert (fast.survived, full.survived) == (True, False)
    assert fast.equity[-1] == pytest.approx(24_724.6, abs=1.0)
    assert full.equity[-1] == pytest.approx(24_410.9, abs=1.0)
