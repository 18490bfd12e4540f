"""From target to legs: in flight, band, clock, unknowns, manners of execution."""

import math

import pytest

from bot.strategy import codes, decision, ladder
from bot.strategy.decision import HOLD, MARKET_IOC, POST_ONLY_CHASE, REFUSE, TRADE
from bot.strategy.pipeline import decide
from tests.unit.strategy.books import a_question

NAN = math.nan


def legs(**overrides):
    """(action, reason, dL, dS) of a settled book."""
    answer = decide(a_question(settled=True, **overrides))
    return answer.action, answer.reason, answer.long_change_steps, answer.short_change_steps


def short_book(delta_steps: int) -> dict[str, int]:
    """No long leg, and a short leg that leaves this delta."""
    return {"long_steps": 0, "short_steps": 270 - delta_steps}


BAND = [
    (0, HOLD, codes.ON_TARGET, 0),
    (9, HOLD, codes.INSIDE_BAND, 0),
    (10, HOLD, codes.INSIDE_BAND, 0),
    (11, TRADE, codes.BAND_LEFT, -6),
    (13, TRADE, codes.BAND_LEFT, -8),
    (-20, TRADE, codes.BAND_LEFT, 15),
]


@pytest.mark.parametrize(("delta", "action", "reason", "traded"), BAND)
def test_band(delta, action, reason, traded):
    """Nothing inside 0.010 BTC; outside, half-way back."""
    answer = decide(a_question(settled=True, hedge_mode=decision.TARGET, **short_book(delta)))
    assert (answer.action, answer.reason, answer.trade_steps) == (action, reason, traded)


def test_off_grid_spot_leaves_less_than_a_step():
    """A spot between two steps is hedged to the step below, and then left alone."""
    answer = decide(a_question(spot_btc=0.27049, long_steps=0, short_steps=0))
    assert answer.trade_steps == -270
    assert answer.delta_after_btc == pytest.approx(0.00049)
    after = decide(a_question(spot_btc=0.27049, long_steps=0, short_steps=270, recentre=1))
    assert (after.action, after.reason) == (HOLD, codes.ON_TARGET)


IN_FLIGHT = [
    # name, long, short, long in flight, short in flight -> action, dL, dS
    ("all of it is on its way", 213, 213, -162, 108, HOLD, 0, 0),
    ("the close is on its way", 213, 213, -213, 0, TRADE, 0, 52),
    ("too much is on its way", 0, 270, 0, 30, TRADE, 0, 0),
    ("what is being closed is not closed twice", 213, 213, -200, 0, TRADE, -13, 52),
    ("a close larger than the leg", 0, 270, -5, 0, HOLD, 0, 0),
]


@pytest.mark.parametrize(
    ("name", "long", "short", "long_fly", "short_fly", "action", "d_long", "d_short"),
    IN_FLIGHT,
    ids=[c[0] for c in IN_FLIGHT],
)
def test_in_flight_counts_as_done(name, long, short, long_fly, short_fly, action, d_long, d_short):
    """The gap is that of the book after what was sent."""
    answer = decide(
        a_question(
            settled=True,
            hedge_mode=decision.TARGET,
            long_steps=long,
            short_steps=short,
            long_in_flight_steps=long_fly,
            short_in_flight_steps=short_fly,
        )
    )
    if name == "too much is on its way":
        assert answer.delta_btc == pytest.approx(-0.03)
        assert (answer.trade_steps, answer.short_change_steps) == (25, -25)
        return
    assert (answer.action, answer.long_change_steps, answer.short_change_steps) == (action, d_long, d_short)


SCHEDULE = [
    # name, schedule, delta, since last ms -> action, reason
    ("band only ignores the clock", decision.BAND_ONLY, 9, 7_200_000, HOLD, codes.INSIDE_BAND),
    ("due: any gap", decision.BAND_AND_SCHEDULE, 9, 3_600_001, TRADE, codes.SCHEDULE_DUE),
    ("not due: the band", decision.BAND_AND_SCHEDULE, 9, 3_600_000, HOLD, codes.INSIDE_BAND),
    ("not due, band left", decision.BAND_AND_SCHEDULE, 20, 60_000, TRADE, codes.BAND_LEFT),
    ("original: waits", decision.SCHEDULE_ONLY, 200, 3_600_000, HOLD, codes.NOT_DUE),
    ("original: due", decision.SCHEDULE_ONLY, 200, 3_600_001, TRADE, codes.SCHEDULE_DUE),
    ("original: due and small", decision.SCHEDULE_ONLY, 1, 3_600_001, TRADE, codes.SCHEDULE_DUE),
    ("original: due and nothing to do", decision.SCHEDULE_ONLY, 0, 3_600_001, HOLD, codes.ON_TARGET),
]


@pytest.mark.parametrize(
    ("name", "schedule", "delta", "since_ms", "action", "reason"), SCHEDULE, ids=[c[0] for c in SCHEDULE]
)
def test_schedule(name, schedule, delta, since_ms, action, reason):
    """By the clock the whole gap is traded, whatever the band."""
    answer = decide(a_question(settled=True, schedule=schedule, last_hedge_ms=0, now_ms=since_ms, **short_book(delta)))
    assert (answer.action, answer.reason) == (action, reason)
    if reason == codes.SCHEDULE_DUE:
        assert answer.trade_steps == -delta


@pytest.mark.parametrize(
    ("delta", "overrides", "reason"),
    [
        (20, {}, codes.TOO_SOON),
        (31, {}, codes.BAND_LEFT),
        (20, {"urgent_event": 1}, codes.URGENT_EVENT),
        (20, {"emergency": 1}, codes.EMERGENCY_TRADE),
    ],
)
def test_least_interval(delta, overrides, reason):
    """Routine hedges keep their distance; what is urgent does not wait."""
    book = short_book(delta)
    assert legs(min_interval_ms=30_000, last_hedge_ms=0, now_ms=29_999, **book, **overrides)[1] == reason


def test_what_another_hand_did_inside_the_band_is_let_be():
    """Outside the band the whole gap is closed at once; inside it, undoing costs more than it risks."""
    inside = decide(a_question(settled=True, long_steps=0, short_steps=262, urgent_event=1))
    outside = decide(a_question(settled=True, long_steps=0, short_steps=255, urgent_event=1, min_interval_ms=30_000))

    assert (HOLD, 0) == (inside.action, inside.trade_steps)
    assert (TRADE, -15) == (outside.action, outside.trade_steps)


URGENCY = [
    ("routine", {"short_steps": 250}, POST_ONLY_CHASE),
    ("three bands away", {"short_steps": 239}, MARKET_IOC),
    ("three bands away, but it grows delta", {"short_steps": 270, "target_delta_btc": 0.1}, POST_ONLY_CHASE),
    ("a leg was moved by someone else", {"short_steps": 255, "urgent_event": 1}, MARKET_IOC),
    ("WARNING", {"short_steps": 250, "price": 92000.0, "ltv_level": 2}, POST_ONLY_CHASE),
    ("CRITICAL", {"short_steps": 250, "price": 79000.0, "ltv_level": 3}, MARKET_IOC),
    ("margin calls", {"short_steps": 270, "mm_usdt": 11000.0, "margin_level": 3}, MARKET_IOC),
    ("extreme funding", {"short_steps": 270, "funding_apr": -3.5, "funding_regime": 4}, MARKET_IOC),
]


@pytest.mark.parametrize(("name", "overrides", "execution"), URGENCY, ids=[c[0] for c in URGENCY])
def test_execution_class(name, overrides, execution):
    """Routine trades wait at the touch; defence pays the spread."""
    answer = decide(a_question(settled=True, **{"long_steps": 0, **overrides}))
    assert answer.action == TRADE, answer
    assert answer.execution == execution
    assert answer.urgent == int(execution == MARKET_IOC)


STALE = [
    # name, long, short, target -> action, reason, dL, dS
    ("shrinks what it can", 213, 213, 0.0, TRADE, codes.STALE_SHRINK, -213, 0),
    ("has nothing to shrink", 0, 213, 0.0, HOLD, codes.NOTHING_TO_SHRINK, 0, 0),
    ("buys back an over-hedge", 0, 300, 0.0, TRADE, codes.STALE_SHRINK, 0, -25),
    ("does not un-hedge", 0, 270, 0.1, REFUSE, codes.GROWTH_WHILE_PRICE_STALE, 0, 0),
]


@pytest.mark.parametrize("age_ms", [10_001.0, NAN])
@pytest.mark.parametrize(
    ("name", "long", "short", "target", "action", "reason", "d_long", "d_short"),
    STALE,
    ids=[c[0] for c in STALE],
)
def test_stale_price(name, long, short, target, action, reason, d_long, d_short, age_ms):
    """No leg grows on an old price, and |delta| does not either."""
    assert (action, reason, d_long, d_short) == legs(
        hedge_mode=decision.SPLIT,
        h_mid=0.0 if long else 1.0,
        long_steps=long,
        short_steps=short,
        target_delta_btc=target,
        user_target_btc=target,
        price_age_ms=age_ms,
    )


UNKNOWN = [
    ("funding", {"funding_apr": NAN}, codes.GROWTH_WHILE_FUNDING_UNKNOWN),
    ("funding regime", {"funding_regime": -1}, codes.GROWTH_WHILE_FUNDING_UNKNOWN),
    ("debt", {"debt_usdt": NAN}, codes.GROWTH_WHILE_LTV_UNKNOWN),
    ("margin", {"margin_usdt": NAN}, codes.GROWTH_WHILE_MARGIN_UNKNOWN),
    ("maintenance", {"mm_usdt": NAN}, codes.GROWTH_WHILE_MARGIN_UNKNOWN),
]


@pytest.mark.parametrize(("name", "overrides", "reason"), UNKNOWN, ids=[c[0] for c in UNKNOWN])
def test_what_is_unknown_never_grows_delta(name, overrides, reason):
    """An un-hedging trade is refused by name; a hedging one goes through."""
    growing = {"long_steps": 0, "short_steps": 270, "target_delta_btc": 0.1, "user_target_btc": 0.1}
    assert legs(**growing, **overrides)[:2] == (REFUSE, reason)
    assert legs(long_steps=0, short_steps=200, **overrides)[0] == TRADE


def test_a_person_may_grow_delta_in_the_dark():
    """An order by hand is not held back by what the bot does not know."""
    by_hand = {"manual_mode": decision.MANUAL_TARGET, "manual_target_btc": 0.1}
    answer = decide(a_question(settled=True, long_steps=0, short_steps=270, funding_apr=NAN, **by_hand))
    assert (answer.action, answer.reason, answer.trade_steps) == (TRADE, codes.MANUAL_TRADE, 100)


def test_margin_may_grow_delta_in_the_dark():
    """A short that is about to be liquidated is bought back whatever funding does."""
    answer = decide(
        a_question(settled=True, long_steps=0, short_steps=270, funding_apr=NAN, margin_usdt=1200.0, mm_usdt=850.0)
    )
    assert (answer.action, answer.reason) == (TRADE, codes.MARGIN_DEFENCE)
    assert answer.delta_after_btc > 0.2


def test_growth_stops_where_margin_ends():
    """The short grows to the top-up rate and not beyond; then it says why it stands still."""
    thin = {"long_steps": 0, "short_steps": 200, "margin_usdt": 300.0, "mm_usdt": 130.0}
    room_steps = math.floor((0.5 * 300 - 130) / (116000 * 0.00555) / 0.001)
    answer = decide(a_question(**thin))
    assert (answer.action, answer.short_change_steps) == (TRADE, room_steps)
    spent = {**thin, "mm_usdt": 150.0}
    answer = decide(a_question(**spent))
    assert answer.margin.reason == codes.MARGIN_CAPS_GROWTH
    assert (answer.action, answer.reason) == (HOLD, codes.ON_TARGET)


def test_the_gap_is_traded_whole_until_the_target_is_reached():
    """A policy change is remembered until the exchange confirms the target, not until an order leaves."""
    moving = a_question(settled=True, hedge_mode=decision.COVERAGE, sigma_24h=0.05, **short_book(162))
    first = decide(moving)
    assert (first.reason, first.trade_steps, first.memory.recentre) == (codes.POLICY_CHANGED, -54, 1)

    on_its_way = decide(moving._replace(book=moving.book._replace(short_in_flight_steps=54), memory=first.memory))
    assert (on_its_way.action, on_its_way.memory.recentre) == (HOLD, 1)
    half_filled = decide(moving._replace(book=moving.book._replace(short_steps=157), memory=first.memory))
    assert (half_filled.trade_steps, half_filled.memory.recentre) == (-5, 1)
    filled = decide(moving._replace(book=moving.book._replace(short_steps=162), memory=first.memory))
    assert (filled.action, filled.memory.recentre) == (HOLD, 0)


CHANGES = [
    # name, overrides -> counts as a change of policy
    ("volatility, coverage", {"hedge_mode": decision.COVERAGE, "sigma_24h": 0.05}, True),
    ("volatility, split", {"sigma_24h": 0.05}, False),
    ("first volatility", {"hedge_mode": decision.COVERAGE, "vol_level": -1}, False),
    ("funding multiplier", {"funding_apr": -0.2}, True),
    (
        "funding multiplier that scales h only",
        {"funding_mode": decision.SYMMETRIC, "funding_regime": 2},
        False,
    ),
    ("user target", {"target_delta_btc": 0.005}, True),
    ("full cover begins", {"price": 92000.0}, True),
    ("margin call ends", {"margin_level": ladder.MARGIN_REDUCE}, True),
    ("margin alert ends", {"margin_level": ladder.MARGIN_ALERT}, False),
    ("insurance floor drifts", {"price": 115000.0}, False),
    ("MONITOR ends", {"price": 130000.0}, False),
]


@pytest.mark.parametrize(("name", "overrides", "changed"), CHANGES, ids=[c[0] for c in CHANGES])
def test_what_counts_as_a_policy_change(name, overrides, changed):
    """What moves the target in a jump does; what lets it drift does not."""
    answer = decide(a_question(settled=True, long_steps=0, short_steps=264, **overrides))
    wants_more = abs(answer.gap_btc) >= 0.001
    assert wants_more
    assert changed == (answer.memory.recentre == 1)


def test_collapsing_the_idle_pair_trades_without_a_gap():
    """At WARNING a neutral book with a long leg closes the pair, long first; in a margin call short first."""
    neutral = {"long_steps": 213, "short_steps": 483}
    fall = decide(a_question(settled=True, price=92000.0, **neutral))
    assert (fall.action, fall.reason, fall.trade_steps) == (TRADE, codes.LTV_DEFENCE, 0)
    assert (fall.long_change_steps, fall.short_change_steps, fall.first_leg) == (
        -213,
        -213,
        decision.LEG_LONG,
    )
    rally = decide(a_question(settled=True, mm_usdt=10500.0, margin_level=ladder.MARGIN_REDUCE, **neutral))
    assert rally.reason == codes.MARGIN_DEFENCE
    assert rally.first_leg == decision.LEG_SHORT
