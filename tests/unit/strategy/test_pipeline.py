"""The whole decision: precedence, refusals, replay."""

import math

import pytest

from bot.strategy import codes, decision, funding, ladder
from bot.strategy.decision import HOLD, REFUSE, TRADE
from bot.strategy.pipeline import DEFAULT_POLICY, ORIGINAL_POLICY, decide
from tests.unit.strategy.books import a_question

NAN = math.nan

SEED = [
    # sigma, regime (original mode) -> dL, dS; what the original would have taken from an empty leg goes to the other
    (0.01, funding.NORMAL, -213, 57),
    (0.02, funding.NORMAL, -162, 108),
    (0.03, funding.NORMAL, -162, 108),
    (0.05, funding.NORMAL, -108, 162),
    (0.01, funding.HEATED, -213, 57),
    (0.05, funding.HEATED, -189, 81),
    (0.05, funding.MANIA, -213, 57),
    (0.05, funding.EXTREME, -213, 57),
]


@pytest.mark.parametrize(("sigma", "regime", "d_long", "d_short"), SEED)
def test_seed_book_with_the_original_policy(sigma, regime, d_long, d_short):
    """The original's numbers on the step grid, its negative legs clamped; delta lands on zero every time."""
    answer = decide(
        a_question(
            sigma_24h=sigma,
            funding_regime=regime,
            funding_mode=decision.SYMMETRIC,
            funding_exit=0,
            funding_apr=0.6,
        )
    )
    assert (answer.long_change_steps, answer.short_change_steps) == (d_long, d_short)
    assert answer.delta_after_btc == pytest.approx(0.0, abs=1e-12)
    assert answer.first_leg == decision.LEG_LONG


@pytest.mark.parametrize("price", [116000.0, 75000.0, 60000.0])
def test_the_original_policy_knows_neither_loan_nor_margin(price):
    """It splits at 80 % and at 100 % LTV as it does at 52 %: that is what it is compared for."""
    question = a_question(price=price, mm_usdt=14000.0)._replace(policy=ORIGINAL_POLICY)
    answer = decide(question)
    assert (answer.long_change_steps, answer.short_change_steps) == (-162, 108)
    an_hour_later = question._replace(now_ms=3_600_000, last_hedge_ms=0, memory=answer.memory)
    assert decide(an_hour_later).reason == codes.NOT_DUE
    assert decide(an_hour_later._replace(now_ms=3_600_001)).reason == codes.SCHEDULE_DUE


def test_seed_book():
    """The default decision, every figure of it."""
    answer = decide(a_question())
    assert (answer.action, answer.reason) == (TRADE, codes.POLICY_CHANGED)
    assert (answer.delta_btc, answer.target_btc, answer.gap_btc) == pytest.approx((0.27, 0.0, -0.27))
    assert (answer.trade_steps, answer.long_change_steps, answer.short_change_steps) == (-270, -162, 108)
    assert answer.h_effective == 0.40
    assert answer.ltv == pytest.approx(0.517241, abs=5e-7)
    assert answer.mm_rate == pytest.approx(0.06363, abs=5e-6)
    assert (answer.memory.vol_level, answer.memory.ltv_level) == (1, ladder.MONITOR)


@pytest.mark.parametrize(("sigma", "target", "sold"), [(0.01, 0.216, 54), (0.03, 0.162, 108), (0.05, 0.108, 162)])
def test_coverage_mode(sigma, target, sold):
    """h as the hedged share; what is sold comes out of the long leg first."""
    answer = decide(a_question(hedge_mode=decision.COVERAGE, sigma_24h=sigma, insurance_drop=0.0))
    assert answer.target_btc == pytest.approx(target)
    assert (answer.long_change_steps, answer.short_change_steps) == (-sold, 0)


def test_low_coverage_stops_at_the_insurance():
    """At 116,000 a cover of 20 % promises less than the floor does: the floor's 0.056 BTC stands."""
    answer = decide(a_question(hedge_mode=decision.COVERAGE, sigma_24h=0.01))
    assert answer.ltv_floor.reason == codes.LTV_FLOOR_BINDS
    assert answer.target_btc == pytest.approx(0.27 - 0.0560, abs=5e-5)


def test_target_mode_needs_no_sigma():
    """A target set by the user is reached without asking volatility."""
    answer = decide(a_question(hedge_mode=decision.TARGET, target_delta_btc=0.1, user_target_btc=0.1, sigma_24h=NAN))
    assert (answer.long_change_steps, answer.short_change_steps) == (-170, 0)


REFUSALS = [
    ("spot missing", {"spot_btc": NAN}, codes.SPOT_UNKNOWN),
    ("spot negative", {"spot_btc": -0.1}, codes.SPOT_UNKNOWN),
    ("spot infinite", {"spot_btc": math.inf}, codes.SPOT_UNKNOWN),
    ("long leg missing", {"long_steps": -1}, codes.LEGS_UNKNOWN),
    ("short leg missing", {"short_steps": -1}, codes.LEGS_UNKNOWN),
    ("price missing", {"price": NAN}, codes.PRICE_UNKNOWN),
    ("price zero", {"price": 0.0}, codes.PRICE_UNKNOWN),
    ("price negative", {"price": -1.0}, codes.PRICE_UNKNOWN),
    ("price infinite", {"price": math.inf}, codes.PRICE_UNKNOWN),
    ("step missing", {"step_btc": NAN}, codes.INSTRUMENT_INVALID),
    ("step zero", {"step_btc": 0.0}, codes.INSTRUMENT_INVALID),
    ("least notional missing", {"min_notional_usdt": NAN}, codes.INSTRUMENT_INVALID),
    ("target missing", {"target_delta_btc": NAN}, codes.USER_TARGET_UNKNOWN),
    ("target infinite", {"target_delta_btc": math.inf}, codes.USER_TARGET_UNKNOWN),
    ("sigma missing at the start", {"sigma_24h": NAN}, codes.SIGMA_UNKNOWN),
    ("sigma infinite at the start", {"sigma_24h": math.inf}, codes.SIGMA_UNKNOWN),
    ("sigma negative at the start", {"sigma_24h": -0.01}, codes.SIGMA_UNKNOWN),
    ("band missing", {"band_btc": NAN}, codes.POLICY_INVALID),
    ("band negative", {"band_btc": -0.01}, codes.POLICY_INVALID),
    ("h missing", {"h_mid": NAN}, codes.POLICY_INVALID),
    ("a threshold missing", {"ltv_warning": NAN}, codes.POLICY_INVALID),
    ("a threshold infinite", {"mm_close": math.inf}, codes.POLICY_INVALID),
    ("margin per price zero", {"mm_per_price": 0.0}, codes.POLICY_INVALID),
    ("insured fall of 100 %", {"insurance_drop": 1.0}, codes.POLICY_INVALID),
    ("spot beyond all bitcoin", {"spot_btc": 22e6}, codes.SPOT_UNKNOWN),
    ("price beyond belief", {"price": 1e300}, codes.PRICE_UNKNOWN),
    ("h above one", {"h_mid": 1.2}, codes.POLICY_INVALID),
    ("target by hand missing", {"manual_mode": decision.MANUAL_TARGET}, codes.MANUAL_TARGET_UNKNOWN),
]


@pytest.mark.parametrize(("name", "overrides", "reason"), REFUSALS, ids=[c[0] for c in REFUSALS])
def test_bad_input_is_refused_by_name(name, overrides, reason):
    """Never a default that trades."""
    answer = decide(a_question(**overrides))
    assert (answer.action, answer.reason) == (REFUSE, reason)
    assert (answer.trade_steps, answer.long_change_steps, answer.short_change_steps) == (0, 0, 0)


def test_a_refusal_before_the_stages_leaves_the_memory():
    """A missing price does not make the bot forget its levels."""
    question = a_question(settled=True, price=NAN)
    assert decide(question).memory == question.memory


def test_a_lost_sigma_keeps_the_level():
    """After the first sigma a gap in the data changes nothing."""
    answer = decide(a_question(settled=True, sigma_24h=NAN))
    assert (answer.action, answer.h_effective, answer.volatility.reason) == (TRADE, 0.40, codes.VOL_KEPT_MID)


PRECEDENCE = [
    # name, overrides -> target, reason of the trade
    ("user alone", {"target_delta_btc": 0.05}, 0.05, codes.POLICY_CHANGED),
    (
        "volatility over user",
        {"hedge_mode": decision.COVERAGE, "target_delta_btc": 0.05},
        0.162,
        codes.POLICY_CHANGED,
    ),
    (
        "funding over volatility",
        {"hedge_mode": decision.COVERAGE, "funding_apr": -0.6, "funding_regime": 2, "debt_usdt": 0.0},
        0.216,
        codes.POLICY_CHANGED,
    ),
    (
        "floor over funding",
        {"funding_apr": -2.0, "funding_regime": 3, "price": 100000.0},
        0.27 - 0.1305,
        codes.POLICY_CHANGED,
    ),
    (
        "funding exit stops at the floor",
        {"funding_apr": -3.5, "funding_regime": 4, "price": 100000.0},
        0.27 - 0.1305,
        codes.FUNDING_EXIT_TRADE,
    ),
    (
        "full cover over funding exit",
        {"funding_apr": -3.5, "funding_regime": 4, "price": 92000.0},
        0.0,
        codes.LTV_DEFENCE,
    ),
    (
        "margin over full cover",
        {"price": 92000.0, "margin_usdt": 1000.0, "mm_usdt": 750.0},
        None,
        codes.MARGIN_DEFENCE,
    ),
    (
        "emergency keeps to margin",
        {"emergency": 1, "margin_usdt": 1000.0, "mm_usdt": 750.0},
        None,
        codes.EMERGENCY_TRADE,
    ),
    ("emergency over user", {"emergency": 1, "target_delta_btc": 0.2}, 0.0, codes.EMERGENCY_TRADE),
    ("LTV emergency", {"price": 70000.0}, 0.0, codes.EMERGENCY_TRADE),
    (
        "target by hand over emergency",
        {"emergency": 1, "manual_mode": 2, "manual_target_btc": 0.2},
        0.2,
        codes.MANUAL_TRADE,
    ),
    (
        "flatten over everything",
        {"emergency": 1, "price": 70000.0, "manual_mode": 3},
        0.27,
        codes.MANUAL_TRADE,
    ),
]


@pytest.mark.parametrize(("name", "overrides", "target", "reason"), PRECEDENCE, ids=[c[0] for c in PRECEDENCE])
def test_precedence(name, overrides, target, reason):
    """The higher rule has the last word, and its name is on the trade."""
    answer = decide(a_question(**{"long_steps": 20, "short_steps": 213, **overrides}))
    assert answer.action == TRADE
    if target is None:
        cap_btc = answer.margin.value
        assert answer.target_btc == pytest.approx(0.27 - cap_btc)
    else:
        assert answer.target_btc == pytest.approx(target, abs=1e-9)
    assert answer.reason == reason


def test_holding_by_hand_holds_even_an_emergency():
    """It is the one verb that outranks defence; it says so."""
    answer = decide(a_question(emergency=1, manual_mode=decision.MANUAL_HOLD))
    assert (answer.action, answer.reason) == (HOLD, codes.MANUAL_HOLDS)
    assert answer.emergency.reason == codes.EMERGENCY_DEFENDS


def test_flattening_says_what_it_leaves():
    """Both legs to zero leave the bare spot, and that figure is in the decision."""
    answer = decide(a_question(long_steps=213, short_steps=483, manual_mode=decision.MANUAL_FLATTEN))
    assert (answer.long_change_steps, answer.short_change_steps) == (-213, -483)
    assert answer.delta_after_btc == pytest.approx(0.27)


EMERGENCIES = [
    # name, long, short, overrides -> dL, dS, delta after
    ("neutral pair book", 213, 483, {}, -213, -213, 0.0),
    ("seed book: no short of its own", 213, 213, {}, -213, 57, 0.0),
    ("naked spot", 0, 0, {}, 0, 270, 0.0),
    ("over-hedged", 0, 300, {}, 0, -30, 0.0),
    ("already there", 0, 270, {}, 0, 0, 0.0),
]


@pytest.mark.parametrize(
    ("name", "long", "short", "overrides", "d_long", "d_short", "after"),
    EMERGENCIES,
    ids=[c[0] for c in EMERGENCIES],
)
def test_emergency_never_unhedges(name, long, short, overrides, d_long, d_short, after):
    """Where the original would leave 0.27 BTC naked, the holder ends covered."""
    answer = decide(a_question(long_steps=long, short_steps=short, emergency=1, **overrides))
    assert (answer.long_change_steps, answer.short_change_steps) == (d_long, d_short)
    assert answer.delta_after_btc == pytest.approx(after, abs=1e-9)


def test_giving_the_hedge_up_opens_no_long_leg():
    """Extreme funding is left by closing; the split does not buy a long leg for h's sake."""
    answer = decide(a_question(long_steps=0, short_steps=270, funding_apr=-4.0, funding_regime=funding.EXTREME))
    assert answer.reason == codes.FUNDING_EXIT_TRADE
    assert (answer.long_change_steps, answer.short_change_steps) == (0, -213)
    assert answer.delta_after_btc == pytest.approx(0.27 - 0.057)


def test_a_fall_does_not_shrink_a_short_the_user_wanted_larger():
    """An LTV emergency lowers delta or leaves it; the operator's emergency goes to neutral."""
    over_hedged = {"target_delta_btc": -0.1, "long_steps": 0, "short_steps": 370}
    assert decide(a_question(price=60000.0, **over_hedged)).target_btc == pytest.approx(-0.1)
    assert decide(a_question(emergency=1, **over_hedged)).target_btc == 0.0


def test_a_falling_price_never_shrinks_a_short():
    """Down the whole ladder the net short only grows."""
    memory, long, short = None, 213, 213
    for price in range(116000, 40000, -500):
        question = a_question(
            settled=memory is not None,
            hedge_mode=decision.COVERAGE,
            price=float(price),
            long_steps=long,
            short_steps=short,
        )
        if memory is not None:
            question = question._replace(memory=memory)
        answer = decide(question)
        net_before = short - long
        long += answer.long_change_steps
        short += answer.short_change_steps
        memory = answer.memory
        assert short - long >= net_before
    assert (long, short) == (0, 270)


def test_worse_of_two_ltvs():
    """The exchange's figure counts when it is worse, or the only one."""
    assert decide(a_question(ltv_reported=0.66)).ltv == 0.66
    assert decide(a_question(ltv_reported=0.40)).ltv == pytest.approx(0.517241, abs=5e-7)
    alone = decide(a_question(ltv_reported=0.66, debt_usdt=NAN))
    assert alone.ltv == 0.66
    assert alone.ltv_floor.reason == codes.LTV_FULL_COVER
    assert math.isnan(decide(a_question(debt_usdt=NAN)).ltv)


def test_without_a_loan_nothing_is_owed():
    """Debt 0 is a fact, not a gap."""
    answer = decide(a_question(debt_usdt=0.0, target_delta_btc=0.2))
    assert (answer.ltv, answer.ltv_floor.reason) == (0.0, codes.LTV_NO_DEBT)
    assert answer.action == TRADE


def test_a_decision_replays_bit_for_bit():
    """Equal inputs, equal answer, to the last float."""
    question = a_question(sigma_24h=0.0312345, funding_apr=-0.2345, price=98765.4)
    assert repr(decide(question)) == repr(decide(question))


def test_two_ticks_with_one_fill_make_one_hedge():
    """The second look sees the first hedge in flight, then booked, and has nothing to add."""
    question = a_question()
    first = decide(question)
    flying = question.book._replace(
        long_in_flight_steps=first.long_change_steps, short_in_flight_steps=first.short_change_steps
    )
    booked = question.book._replace(
        long_steps=213 + first.long_change_steps, short_steps=213 + first.short_change_steps
    )
    for book in (flying, booked):
        assert decide(question._replace(book=book, memory=first.memory)).action == HOLD


def test_defaults_are_the_documented_ones():
    """The numbers a reader finds in the documentation."""
    assert (DEFAULT_POLICY.band_btc, DEFAULT_POLICY.band_inner_share) == (0.010, 0.5)
    assert (DEFAULT_POLICY.h_low, DEFAULT_POLICY.h_mid, DEFAULT_POLICY.h_high) == (0.20, 0.40, 0.60)
    assert (DEFAULT_POLICY.insurance_drop, DEFAULT_POLICY.insurance_ltv) == (0.30, 0.65)
    assert (DEFAULT_POLICY.pay_fall_ratio, DEFAULT_POLICY.ltv_leave, DEFAULT_POLICY.mm_leave) == (0.8, 0.03, 0.03)
    assert DEFAULT_POLICY.schedule == decision.BAND_ONLY
    assert DEFAULT_POLICY.funding_mode == decision.SIGN_AWARE
