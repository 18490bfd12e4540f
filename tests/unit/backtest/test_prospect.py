"""The book at other prices that a report shows is the book that its run ended with."""

import pytest

from bot.backtest import book as b
from bot.backtest.outcome import figures_of_merit, play
from bot.backtest.prospect import ahead
from bot.strategy import what_if
from tests.unit.backtest.tapes import a_walk, of_prices, whole
from tests.unit.backtest.test_kernel import BARE, BOOK, everything, the_plan


@pytest.mark.parametrize("seed", range(6))
def test_unmoved_it_is_worth_what_the_run_ended_with(engines, seed):
    """At a move of nothing: equity and LTV of the last sample, in both structures; every move has its row."""
    tape, plan = a_walk(seed, 200, sigma_24h=0.03), everything(seed)
    book = BOOK._replace(cash_usdt=8_000.0 if plan.rules.structure == b.LOAN else 0.0)
    run = play(engines, tape, whole(tape), book, plan)
    rows = ahead(run)

    assert list(what_if.MOVES) == [row.move for row in rows]
    here = next(row for row in rows if row.move == 0.0)
    assert figures_of_merit(run)["equity_end_usdt"] == pytest.approx(here.equity_usdt, abs=0.01)
    assert run.column("mm_rate")[-1] == pytest.approx(here.mm_rate, rel=0.02)


def test_of_a_loan_that_is_gone_nothing_is_shown(engines):
    """There is no book left to ask about."""
    tape = of_prices([100_000.0, 80_000.0, 55_000.0, 40_000.0, 40_000.0])
    run = play(engines, tape, whole(tape), BARE, the_plan("unhedged"))

    assert not run.survived
    assert [] == ahead(run)
