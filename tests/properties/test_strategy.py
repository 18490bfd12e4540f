"""What must hold for every book, market and path, not only for the ones we thought of."""

import itertools
import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.engine.outside import heeded
from bot.strategy import codes, decision, funding, hedge, insurance, ladder, profit, streaming, volatility
from bot.strategy.allocate import NO_LIMIT, allocate, collapse
from bot.strategy.decision import HOLD, REFUSE, TRADE, DecisionInputs
from bot.strategy.hysteresis import reached, settle
from bot.strategy.pipeline import decide, read_of
from bot.strategy.trade import clock_of
from tests.unit.strategy.books import STEP, a_question

SHARE = st.floats(0.0, 1.0)
STEPS = st.integers(0, 2000)
ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)


# Split and allocation


@given(gap=st.floats(-10, 10), h=SHARE, long=st.floats(0, 5), short=st.floats(0, 5))
def test_neutrality_theorem(gap, h, long, short):
    """Turnover and net perp do not depend on h; only gross does."""
    moved = hedge.split_btc(gap, h)
    d_long, d_short = moved.long_change_btc, moved.short_change_btc

    assert d_long - d_short == pytest.approx(gap, abs=1e-9)
    assert abs(d_long) + abs(d_short) == pytest.approx(abs(gap), abs=1e-9)
    assert d_long + d_short == pytest.approx(gap * (1 - 2 * h), abs=1e-9)
    net = (long + d_long) - (short + d_short)
    assert net == pytest.approx(long - short + gap, abs=1e-9)


@given(
    gap=st.integers(-5000, 5000),
    h=st.floats(-0.5, 1.5),
    long=STEPS,
    short=STEPS,
    least=st.integers(1, 20),
    limit=st.one_of(st.just(NO_LIMIT), st.integers(0, 3000)),
)
def test_allocation_is_safe(gap, h, long, short, least, limit):
    """Legs never negative, the goal never overshot, no order below the minimum, growth within its limit; twice is once."""
    moved = allocate(gap, h, long, short, least, limit)
    d_long, d_short = moved.long_change_steps, moved.short_change_steps
    traded = d_long - d_short

    assert long + d_long >= 0
    assert short + d_short >= 0
    assert traded * gap >= 0
    assert abs(traded) <= abs(gap)
    assert d_long * d_short <= 0
    for change in (d_long, d_short):
        assert change == 0 or abs(change) >= least
    assert max(d_long, d_short) <= limit
    if limit == NO_LIMIT and abs(gap) >= least:
        assert traded == gap
        again = allocate(gap - traded, h, long + d_long, short + d_short, least, limit)
        assert (again.long_change_steps, again.short_change_steps) == (0, 0)


@given(
    gap=st.integers(-500, 500),
    long=STEPS,
    short=STEPS,
    limit=st.one_of(st.just(NO_LIMIT), st.integers(0, 500)),
)
def test_collapse_is_safe(gap, long, short, limit):
    """The long leg is gone, the short leg is not negative, and delta is what was asked where the short leg can."""
    moved = collapse(gap, long, short, 1, limit)
    assert moved.long_change_steps == -long
    assert 0 <= short + moved.short_change_steps <= short + limit
    if -short <= -long - gap <= limit:
        assert moved.long_change_steps - moved.short_change_steps == gap


@given(amount=st.floats(-1000, 1000), step=st.sampled_from([0.001, 0.01, 0.1, 1.0]))
def test_whole_steps_never_overshoot(amount, step):
    """Towards zero, and less than a step is left."""
    steps = hedge.whole_steps(amount, step)
    assert abs(steps) * step <= abs(amount) + 2e-6 * step
    assert abs(amount - steps * step) < step * (1 + 2e-6)


@example(gap=1.192092896e-07, width=2.2559501988897244e-23, inner=1.0)
@given(gap=st.floats(-5, 5), width=st.floats(0.0, 1.0), inner=SHARE)
def test_band_trade_goes_towards_the_target(gap, width, inner):
    """Never past it, never the wrong way, and afterwards inside the band, but for the rounding of a float: a satoshi is 1e-8."""
    traded = hedge.band_trade_btc(gap, width, inner, 0)
    assert traded * gap >= 0
    assert abs(traded) <= abs(gap)
    assert abs(hedge.band_trade_btc(gap - traded, width, inner, 0)) < 1e-14


# Hysteresis


@given(
    previous=st.integers(-1, 4),
    values=st.lists(st.floats(0.85, 0.999), min_size=1, max_size=30),
    rung=st.sampled_from([0.02, 0.04]),
)
def test_volatility_never_flaps_between_fall_and_rise(previous, values, rung):
    """While sigma stays between 0.85 of a threshold and the threshold, the level moves at most once."""
    level, changes = min(previous, 2), 0
    for i, v in enumerate(values):
        now = hedge.vol_level(level, v * rung, 0.02, 0.04, 0.85)
        changes += int(i > 0 and now != level)
        level = now
    assert changes == 0


@given(previous=st.integers(-1, 4), values=st.lists(st.floats(0.6201, 0.6499), min_size=2, max_size=30))
def test_the_ladder_never_flaps_between_leave_and_reach(previous, values):
    """Three points below a rung nothing moves."""
    levels = []
    for v in values:
        previous = ladder.ladder_level(previous, v, 0.50, 0.65, 0.75, 0.85, 0.03)
        levels.append(previous)
    assert len(set(levels)) == 1


@given(previous=st.integers(-1, 4), low=st.floats(0, 2), high=st.floats(0, 2))
def test_ladders_are_monotone(previous, low, high):
    """A worse figure never gives a milder level."""
    assume(low <= high)
    for rungs in ((0.50, 0.65, 0.75, 0.85), (0.30, 0.50, 0.70, 0.85)):
        milder = ladder.ladder_level(previous, low, *rungs, 0.03)
        assert milder <= ladder.ladder_level(previous, high, *rungs, 0.03)
    assert hedge.vol_level(previous, low, 0.02, 0.04, 0.85) <= hedge.vol_level(previous, high, 0.02, 0.04, 0.85)
    assert funding.pay_level(previous, low, 0.8) <= funding.pay_level(previous, high, 0.8)


@given(lower=st.integers(-1, 4), higher=st.integers(-1, 4), value=st.floats(0, 5))
def test_settling_is_monotone_in_the_past(lower, higher, value):
    """Coming from a worse level never ends better."""
    assume(0 <= lower <= higher)
    rise, hold = reached(value, 1.0, 2.0, 3.0, 4.0), reached(value, 0.8, 1.6, 2.4, 3.2)
    assert settle(lower, rise, hold) <= settle(higher, rise, hold)
    assert settle(settle(lower, rise, hold), rise, hold) == settle(lower, rise, hold)


@given(percents=st.lists(st.floats(-0.0, 500.0), min_size=1, max_size=60), dwell=st.integers(0, 5))
def test_a_funding_regime_lies_between_two_plain_readings(percents, dwell):
    """It never jumps on one print, and without dwell two equal readings settle it."""
    state = funding.NO_REGIME
    for i, percent in enumerate(percents):
        before = state
        state = funding.regime_update(state, percent / 100, i, 0.15, 0.8, 2, dwell)
        if before.regime != funding.UNKNOWN and state.regime != before.regime:
            assert before.confirmations >= 1
    settled = funding.regime_of(percents[-1] / 100, 0.15)
    for i in range(2):
        state = funding.regime_update(state, percents[-1] / 100, len(percents) + 10 + i, 0.15, 0.8, 2, 0)
    assert settled <= state.regime <= settled + 1


# Volatility


@given(
    returns=st.lists(st.floats(-0.2, 0.2), min_size=20, max_size=200),
    window=st.integers(3, 15),
)
def test_streaming_equals_batch(returns, window):
    """Add and remove, bar by bar: the rolling sum is the batch sum to 1e-12 for RV, bipower and medRV."""
    closes = [100.0]
    for r in returns:
        closes.append(closes[-1] * math.exp(r))
    logs = [math.log(b / a) for a, b in itertools.pairwise(closes)]
    rv = streaming.EMPTY_RUNNING
    scale = 0.0
    squares = [volatility.square_return(a, b) for a, b in itertools.pairwise(closes)]
    for i, square in enumerate(squares):
        rv = streaming.running_add(rv, square, 5.0)
        scale = max(scale, rv.total)
        if i >= window:
            rv = streaming.running_remove(rv, squares[i - window], 5.0)
    batch = volatility.realized_variance(closes[-window - 1 :])
    assert streaming.running_variance(rv) == pytest.approx(batch, rel=1e-12, abs=1e-15 * scale)

    terms = [volatility.bipower_term(a, b) for a, b in itertools.pairwise(logs)]
    bpv = streaming.running_of(terms[-(window - 1) :], [5.0] * (window - 1))
    expected = volatility.bipower_variance(closes[-window - 1 :])
    assert streaming.running_variance(bpv) * window / (window - 1) == pytest.approx(expected, rel=1e-12, abs=1e-18)

    medians = [volatility.median_term(*logs[i : i + 3]) for i in range(len(logs) - 2)]
    med = streaming.running_of(medians[-(window - 2) :], [5.0] * (window - 2))
    expected = volatility.median_variance(closes[-window - 1 :])
    assert streaming.running_variance(med) * window / (window - 2) == pytest.approx(expected, rel=1e-12, abs=1e-18)


@given(bars=st.lists(st.tuples(*[st.floats(90.0, 110.0)] * 4), min_size=1, max_size=30))
def test_range_estimators_are_never_negative(bars):
    """High and low bound open and close, so every estimator is a variance."""
    for prices in bars:
        open_, close = prices[0], prices[1]
        high, low = max(prices), min(prices)
        assert volatility.parkinson_term(high, low) >= 0.0
        assert volatility.rogers_satchell_term(open_, high, low, close) >= -1e-18
        assert volatility.garman_klass_term(open_, high, low, close) >= -1e-18


# Loan and profit


@given(
    debt=st.floats(100, 30000),
    price=st.floats(20000, 300000),
    ratio=st.floats(0.5, 1.0),
    drop=st.floats(0.05, 0.9),
    ltv=st.floats(0.3, 0.95),
)
def test_insurance_keeps_its_promise_wherever_it_can(debt, price, ratio, drop, ltv):
    """Unless even the whole spot is too small, the net LTV after the fall is at most the promised one."""
    short = insurance.insurance_short_btc(debt, ltv, 0.27, price, ratio, drop)
    assert 0.0 <= short <= 0.27
    fallen = price * (1 - drop)
    if short < 0.27:
        gain = insurance.short_gain_usdt(short, price, fallen)
        assert insurance.net_ltv(debt, gain, 0.27, fallen, ratio) <= ltv * (1 + 1e-9)


@given(long=st.floats(0, 1), short=st.floats(0, 1), cash=st.floats(-30000, 30000), price=st.floats(30000, 300000))
def test_between_its_liquidation_prices_an_account_lives(long, short, cash, price):
    """Inside the two prices there is room, outside there is none."""
    prices = insurance.uta_liquidation_prices(0.27, long, short, price, 0.0, cash, 0.98, 0.00555, 0.04)

    def room(at: float) -> float:
        gain = (long - short) * (at - price)
        return insurance.uta_margin_usdt(0.27, at, 0.98, cash, gain) - insurance.uta_maintenance_usdt(
            long, short, at, 0.00555, cash, gain, 0.04
        )

    for at in (price * k for k in (0.01, 0.2, 0.5, 0.9, 1.0, 1.1, 2.0, 5.0, 50.0)):
        if min(abs(at - prices.down), abs(at - prices.up)) < 1e-6 * at:
            continue
        assert (room(at) > 0.0) == (prices.down < at < prices.up)


@given(path=st.lists(st.floats(-5000, 5000), min_size=1, max_size=50))
def test_a_cycle_never_fires_unarmed_or_above_the_trail(path):
    """The peak only rises, and the stop keeps to its share of it."""
    cycle = profit.new_cycle(1, 100.0)
    for pnl in path:
        before = cycle
        cycle = profit.observe(cycle, pnl, 150.0)
        assert cycle.peak_usdt >= before.peak_usdt
        if profit.trailing_fires(cycle, pnl, 0.30):
            assert cycle.peak_usdt >= 150.0
            assert pnl <= 0.7 * cycle.peak_usdt


@given(new=st.floats(-1000, 10000), share=SHARE)
def test_a_repayment_never_exceeds_the_profit(new, share):
    """The loan gets a part of what there is."""
    assert 0.0 <= profit.repayment_usdt(new, share, 10.0, 1000.0) <= max(0.0, new)


# The decision


@st.composite
def questions(draw: st.DrawFn) -> DecisionInputs:
    """A book, a market and a policy in their plausible ranges; nothing missing."""
    return a_question(
        settled=True,
        spot_btc=draw(st.integers(0, 2000)) * STEP + draw(st.sampled_from([0.0, 0.00049])),
        long_steps=draw(STEPS),
        short_steps=draw(STEPS),
        price=draw(st.floats(30000, 300000)),
        sigma_24h=draw(st.floats(0.005, 0.08)),
        funding_apr=draw(st.floats(-5, 5)),
        funding_regime=draw(st.integers(0, 4)),
        debt_usdt=draw(st.sampled_from([0.0, 8000.0, 16200.0])),
        margin_usdt=draw(st.sampled_from([1e6, 20000.0])),
        mm_usdt=draw(st.floats(0.0, 900.0)),
        hedge_mode=draw(st.sampled_from([decision.SPLIT, decision.COVERAGE, decision.TARGET])),
        funding_mode=draw(st.sampled_from([decision.SIGN_AWARE, decision.SYMMETRIC, decision.FUNDING_OFF])),
        target_delta_btc=draw(st.integers(-20_000_000, 20_000_000)) * 1e-8,
        emergency=draw(st.sampled_from([0, 0, 0, 1])),
        recentre=draw(st.integers(0, 1)),
    )


@given(question=questions())
def test_a_decision_never_sells_what_is_not_held_nor_passes_its_target(question):
    """Legs stay at or above zero; delta moves towards the target and stops at or before it."""
    answer = decide(question)
    book = question.book
    assert book.long_steps + answer.long_change_steps >= 0
    assert book.short_steps + answer.short_change_steps >= 0
    assert answer.trade_steps == answer.long_change_steps - answer.short_change_steps
    if answer.target_btc <= book.spot_btc:
        left = answer.target_btc - answer.delta_after_btc
        assert left * answer.gap_btc >= -1e-6
        assert abs(left) <= abs(answer.gap_btc) + 1e-6


@given(question=questions(), outside=st.integers(-1, 4), kept=st.sampled_from([0.0, 0.25, 0.5, 1.0, math.nan]))
def test_an_outside_word_never_leaves_more_delta(question, outside, kept):
    """Whatever is said outside, and whatever share of the hedge was kept before: |delta| ends no larger than by our own word."""
    question = question._replace(memory=question.memory._replace(funding_multiplier=kept))
    own = decide(question)
    again = heeded(outside, question, own)
    if outside <= question.market.funding_regime or abs(own.delta_after_btc) <= abs(own.delta_btc):
        assert again is None
    if again is not None:
        asked, answer = again
        assert decide(asked) == answer
        assert abs(answer.delta_after_btc) < abs(own.delta_after_btc)


@given(question=questions())
def test_a_decision_carried_out_is_not_taken_again(question):
    """Fill it, hand the memory on, ask again: hold."""
    first = decide(question)
    assume(first.action == TRADE)
    book = question.book
    done = book._replace(
        long_steps=book.long_steps + first.long_change_steps,
        short_steps=book.short_steps + first.short_change_steps,
    )
    assert decide(question._replace(book=done, memory=first.memory)).action == HOLD


MOMENTS = st.tuples(st.integers(0, 90_000), st.sampled_from([0.0, 10_000.0, 10_001.0, math.nan]))


@given(
    question=questions(),
    schedule=st.sampled_from([decision.BAND_ONLY, decision.BAND_AND_SCHEDULE, decision.SCHEDULE_ONLY]),
    last_ms=st.sampled_from([-1, 0, 30_000]),
    moments=st.tuples(MOMENTS, MOMENTS),
)
def test_a_decision_knows_of_time_only_what_it_is_said_to_read(question, schedule, last_ms, moments):
    """Two moments that read the same bring the same answer, to the last figure: who holds the one need not ask for the other."""
    policy = question.policy._replace(schedule=schedule, rehedge_interval_ms=60_000, min_interval_ms=20_000)
    first, second = (
        question._replace(
            now_ms=now_ms,
            last_hedge_ms=last_ms,
            policy=policy,
            market=question.market._replace(price_age_ms=age_ms),
        )
        for now_ms, age_ms in moments
    )
    assume(read_of(first, clock_of(first)) == read_of(second, clock_of(second)))
    assert repr(decide(first)) == repr(decide(second))


@given(question=questions())
def test_in_flight_or_filled_is_the_same_delta(question):
    """What is on its way counts as done: the answer to a sent hedge is to hold."""
    first = decide(question)
    assume(first.action == TRADE)
    flying = question.book._replace(
        long_in_flight_steps=first.long_change_steps, short_in_flight_steps=first.short_change_steps
    )
    answer = decide(question._replace(book=flying, memory=first.memory))
    assert answer.delta_btc == pytest.approx(first.delta_after_btc, abs=1e-9)
    assert answer.action == HOLD


@given(question=questions(), price=st.floats(30000, 300000), lower=st.floats(0.3, 1.0))
def test_a_lower_price_never_asks_for_less_hedge(question, price, lower):
    """LTV rises when price falls: the target delta only falls with it."""
    high = decide(question._replace(market=question.market._replace(price=price)))
    low = decide(question._replace(market=question.market._replace(price=price * lower)))
    assert low.target_btc <= high.target_btc + 1e-9


MISSING = [
    ("book", "spot_btc"),
    ("market", "price"),
    ("instrument", "step_btc"),
    ("instrument", "min_notional_usdt"),
    ("policy", "band_btc"),
    ("policy", "h_mid"),
    ("policy", "ltv_warning"),
    ("policy", "sigma_low"),
    ("policy", "mm_per_price"),
    ("policy", "urgent_bands"),
]


@given(
    question=questions(),
    field=st.sampled_from(MISSING),
    bad=st.sampled_from([math.nan, math.inf, -math.inf, -1.0]),
)
def test_a_missing_figure_never_trades(question, field, bad):
    """NaN, infinity and impossible values are refused by name."""
    part, name = field
    assume(not (name == "urgent_bands" and bad == -1.0))
    broken = question._replace(**{part: getattr(question, part)._replace(**{name: bad})})
    assume(not (name in ("ltv_warning", "sigma_low") and bad == -1.0))
    answer = decide(broken)
    assert (answer.action, answer.trade_steps) == (REFUSE, 0)


@given(
    question=questions(),
    apr=st.sampled_from([math.nan, 0.1]),
    debt=st.sampled_from([math.nan, 16200.0]),
    margin=st.sampled_from([math.nan, 20000.0]),
    age=st.sampled_from([math.nan, 0.0, 60_000.0]),
)
def test_the_unknown_never_grows_exposure(question, apr, debt, margin, age):
    """Whatever is missing or stale, |delta| does not grow unless an emergency or margin says so."""
    question = question._replace(
        market=question.market._replace(funding_apr=apr, price_age_ms=age),
        account=question.account._replace(debt_usdt=debt, margin_usdt=margin),
    )
    assume(math.isnan(apr) or math.isnan(debt) or math.isnan(margin) or age != 0.0)
    assume(not (math.isnan(apr) and question.policy.funding_mode == decision.FUNDING_OFF and age == 0.0))
    answer = decide(question)
    stale = age != 0.0
    if stale:
        assert answer.long_change_steps <= 0
        assert answer.short_change_steps <= 0
    if answer.emergency.reason == codes.EMERGENCY_DEFENDS or answer.memory.margin_level >= ladder.MARGIN_REDUCE:
        return
    if stale or math.isnan(debt) or math.isnan(margin):
        assert abs(answer.delta_after_btc) <= abs(answer.delta_btc) + 1e-6 or answer.action != TRADE


@given(
    spot=ANY_FLOAT,
    price=ANY_FLOAT,
    age=ANY_FLOAT,
    sigma=ANY_FLOAT,
    apr=ANY_FLOAT,
    debt=ANY_FLOAT,
    ltv=ANY_FLOAT,
    margin=ANY_FLOAT,
    mm=ANY_FLOAT,
    step=ANY_FLOAT,
    target=ANY_FLOAT,
    long=st.integers(-10, 10**15),
    short=st.integers(-10, 10**15),
)
@example(0.0, 1e-3, 0.0, 0.0, 0.0, 1e308, 0.0, 1e308, 5e-324, 1e-9, 0.0, 0, 0)
def test_no_number_breaks_a_decision(spot, price, age, sigma, apr, debt, ltv, margin, mm, step, target, long, short):
    """Any float at all: an answer, never an exception; and a trade only with finite figures."""
    answer = decide(
        a_question(
            spot_btc=spot,
            price=price,
            price_age_ms=age,
            sigma_24h=sigma,
            funding_apr=apr,
            debt_usdt=debt,
            ltv_reported=ltv,
            margin_usdt=margin,
            mm_usdt=mm,
            step_btc=step,
            target_delta_btc=target,
            long_steps=long,
            short_steps=short,
        )
    )
    assert answer.action in (REFUSE, HOLD, TRADE)
    if answer.action == TRADE:
        assert all(math.isfinite(x) for x in (answer.delta_btc, answer.target_btc, answer.delta_after_btc))
