"""Ticks that are passed over: a run that plays each of them ends with the very same records and figures, and hears many more prices."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bot.backtest import book as b
from bot.backtest import policies, replay
from bot.backtest.balance import Balance
from bot.backtest.lived import PRICES, Faults, Lived, MemoryDiary
from bot.domain.events import BarClosed, TickerSeen
from bot.engine.config import Style
from bot.strategy import decision, pipeline
from tests.unit.backtest.speeds import COVERAGE, LADDER, RULES, TAKING, UNIFIED, static, unlimited
from tests.unit.backtest.tapes import HOUR_MS, a_crash_tape, a_walk, of_prices
from tests.unit.engine.desk import a_config

MINUTE_MS = 60_000
WARM = 2_900
"""The minutes that the engine asks for when it starts."""
BOOK = policies.opening(spot_btc=0.27, loan_usdt=16_200, long_btc=0.213, short_btc=0.213)
PLEDGED = policies.opening(spot_btc=0.27, loan_usdt=16_200, short_btc=0.1, cash_usdt=9_000)
CASES = {
    "split": (LADDER, UNIFIED, BOOK, Faults()),
    "original, which records every new peak": (pipeline.ORIGINAL_POLICY, UNIFIED._replace(**TAKING), BOOK, Faults()),
    "coverage, on a schedule": (COVERAGE._replace(schedule=decision.BAND_AND_SCHEDULE), UNIFIED, BOOK, Faults()),
    "profit": (static(0.0), UNIFIED._replace(**TAKING), BOOK, Faults()),
    "a loan": (LADDER, RULES, PLEDGED, Faults()),
    "a loan, with profit, and orders that are late, partly filled and refused": (
        COVERAGE, RULES._replace(**TAKING), PLEDGED, Faults(seed=3, partial=0.4, reject=0.2, latency_ms=500),
    ),
}  # fmt: skip


def minutes_of(seed, bars, sigma_24h):
    raw = a_walk(seed, WARM + bars, price=116_000.0, sigma_24h=sigma_24h, bar_ms=MINUTE_MS)
    grid = {name: np.round(getattr(raw, name), 1) for name in ("open", "high", "low", "close")}
    return raw._replace(**grid, settle_rate=np.round(raw.settle_rate, 8)), b.Span(WARM, WARM + bars)


CALM = Faults()


def both_ways(tape, span, policy, rules, book, faults=CALM, change=lambda config: config):
    config = change(replay.same_subset(a_config(), policy, rules))
    played = [replay.live(tape, span, book, rules, config, faults=faults, every_tick=every) for every in (True, False)]
    return played[0], played[1]


def told_by(lived):
    return [(record, at_ms) for record, at_ms in lived.diary.records if not isinstance(record, (*PRICES, BarClosed))]


def bars_of(lived):
    return [(record, at_ms) for record, at_ms in lived.diary.records if isinstance(record, BarClosed)]


def figures_of(lived):
    apart = ("diary", "first", "samples", "peak", "max_drawdown")
    return {name: getattr(lived, name) for name in lived.__slots__ if name not in apart}


def share_heard(lived):
    return sum(isinstance(record, TickerSeen) for record, _ in lived.diary.records) / lived.ticks


def assert_equal(slow, quick):
    """A candle that is learnt comes before the other records of its tick, so candles are compared by themselves."""
    assert told_by(slow) == told_by(quick)
    assert bars_of(slow) == bars_of(quick)
    assert figures_of(slow) == figures_of(quick)
    assert (slow.peak, slow.max_drawdown) == pytest.approx((quick.peak, quick.max_drawdown), rel=1e-12)
    assert np.array_equal(np.array(slow.samples), np.array(quick.samples), equal_nan=True)


@pytest.mark.parametrize("case", CASES)
def test_what_is_passed_over_would_have_led_to_nothing(case):
    """A wild day minute by minute: funding of every kind, breakers that trip, orders that rest or are taken at once."""
    policy, rules, book, faults = CASES[case]
    tape, span = minutes_of(7, 1_440, 0.08)
    style = Style.CHASE if rules.profit else Style.IOC
    slow, quick = both_ways(
        tape, span, policy, rules, book, faults,
        lambda config: replace(config, execution=replace(config.execution, style=style)),
    )  # fmt: skip

    assert_equal(slow, quick)
    assert quick.orders > 0
    assert share_heard(slow) == 1.0
    assert share_heard(quick) < 0.8


@pytest.mark.parametrize("rising", [False, True])
@pytest.mark.parametrize("rules", [UNIFIED._replace(**TAKING), RULES], ids=["unified", "a loan, swept"])
def test_a_crash_is_played_in_full_where_it_matters(engines, rules, rising):
    """The real crashes minute by minute, and their mirror image: every hedge, taking and sweep at the very tick."""
    tape, span = a_crash_tape(engines, rising=rising)
    book = policies.opening(spot_btc=0.27, loan_usdt=16_200, cash_usdt=0.0 if rules.structure == b.UTA else 20_000.0)
    slow, quick = both_ways(tape, span, static(0.27), rules, book, change=unlimited)

    assert_equal(slow, quick)
    assert rising or len(slow.hedges) > 3


def test_a_calm_market_is_mostly_passed_over():
    """Two days in which the price hardly moves: what is left are the hours' own ticks, interest and reviews."""
    tape, span = minutes_of(5, 2_880, 0.01)
    _, quick = both_ways(tape, span, LADDER, UNIFIED, BOOK)
    assert quick.ticks == 4 * 2_880
    assert share_heard(quick) < 0.2


def test_what_lies_beyond_a_gap_is_thought_about():
    """Three hours are missing: the engine reads its history again at the first tick after them, passing over ticks or not."""
    tape, _ = minutes_of(9, 1_200, 0.03)
    cut = WARM + 600
    later = np.where(np.arange(len(tape.at_ms)) >= cut, 3 * HOUR_MS, 0)
    tape = tape._replace(at_ms=tape.at_ms + later)
    slow, quick = both_ways(tape, b.Span(WARM, WARM + 1_200), LADDER, UNIFIED, BOOK)
    assert_equal(slow, quick)


def test_a_price_that_stands_still_is_remarked_on():
    """Half an hour without a move is worth a word; such bars are not passed over."""
    closes = (
        [116_000.0 + (i % 7) for i in range(WARM + 200)] + [116_003.0] * 40 + [116_000.0 + i % 5 for i in range(60)]
    )
    tape = of_prices(closes, bar_ms=MINUTE_MS)
    slow, quick = both_ways(
        tape, b.Span(WARM, len(closes)), LADDER, UNIFIED, BOOK,
        change=lambda config: replace(config, patience=replace(config.patience, still_ms=300_000)),
    )  # fmt: skip
    assert_equal(slow, quick)
    assert any("none has moved" in getattr(record, "text", "") for record, _ in told_by(slow))


def test_a_loan_that_dies_dies_at_the_same_tick():
    """Nothing to hedge with, through a fall of 60 %."""
    closes = 116_000.0 * np.exp(np.concatenate([np.zeros(WARM), -np.linspace(0, math.log(2.5), 1_200)]))
    tape, book = of_prices(np.round(closes, 1), bar_ms=MINUTE_MS), policies.opening(spot_btc=0.27, loan_usdt=16_200)
    slow, quick = both_ways(tape, b.Span(WARM, len(closes)), LADDER, RULES._replace(sweep=0), book)
    assert_equal(slow, quick)
    assert slow.died_ms is not None


def test_a_settlement_is_never_passed_over():
    """The hedge that the new rate allows goes out at the very tick."""
    tape, span = minutes_of(47, 1_000, 0.03)
    slow, quick = both_ways(tape, span, pipeline.ORIGINAL_POLICY, UNIFIED, BOOK)
    assert_equal(slow, quick)
    assert any(at_ms in tape.settle_ms for at_ms, _ in slow.hedges)


def test_the_time_before_a_path_keeps_the_band_it_had():
    """A hedge has moved LTV from one band to the next at the tick before: the second after it is still the old band's."""
    at_55 = Balance(1_000, 100_000.0, 1.0, 0.0, 0.0, 0.0, 55_000.0, 0.0)
    lived = Lived(diary=MemoryDiary(), first=at_55, ltv=0.45, seen_ms=1_000, peak=45_000.0)
    lived.see_path(2_000, np.array([100_000.0, 99_000.0]), (at_55._replace(price=99_000.0), 0.1), (at_55, 0.2))
    lived.weigh_time(6_000)

    assert lived.in_band_s == [1.0, 4.0, 0.0, 0.0, 0.0]
    assert (lived.max_mm_rate, lived.max_ltv) == (0.2, pytest.approx(55 / 99))
    assert lived.max_drawdown == pytest.approx(1 / 45)
