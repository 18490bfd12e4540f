"""The precedence of all rules, in one function.

manual override > emergency > margin ladder > LTV floor > funding multiplier > volatility policy > user target;
then gap, band, allocation, leg order, execution class. `stages` holds the seven rules of the target, `trade` turns the
target into leg changes; this file is their table of contents and the guard before it.
"""

import math
from typing import NamedTuple

from bot.strategy import allocate, codes, decision, funding, hedge, insurance, ladder, risk, stages, trade
from bot.strategy.decision import (
    Account,
    Book,
    Decision,
    DecisionInputs,
    Instrument,
    Market,
    Memory,
    Operator,
    Policy,
    Stage,
)

__all__ = [
    "DEFAULT_POLICY",
    "FIRST_MEMORY",
    "NO_OPERATOR",
    "ORIGINAL_POLICY",
    "Account",
    "Book",
    "Decision",
    "DecisionInputs",
    "Instrument",
    "Market",
    "Memory",
    "Operator",
    "Policy",
    "Stage",
    "Wish",
    "decide",
    "decide_on",
    "read_of",
    "wish",
]

DEFAULT_POLICY = Policy(
    hedge_mode=decision.SPLIT,
    target_delta_btc=0.0,
    sigma_low=0.02,
    sigma_high=0.04,
    sigma_fall_ratio=0.85,
    h_low=0.20,
    h_mid=0.40,
    h_high=0.60,
    funding_mode=decision.SIGN_AWARE,
    funding_exit=1,
    pay_fall_ratio=0.8,
    insurance_drop=0.30,
    insurance_ltv=0.65,
    ltv_monitor=0.50,
    ltv_warning=0.65,
    ltv_critical=0.75,
    ltv_emergency=0.85,
    ltv_leave=0.03,
    mm_alert=0.30,
    mm_top_up=0.50,
    mm_reduce=0.70,
    mm_close=0.85,
    mm_leave=0.03,
    mm_per_price=0.00555,
    band_btc=0.010,
    band_inner_share=0.5,
    urgent_bands=3.0,
    schedule=decision.BAND_ONLY,
    rehedge_interval_ms=3_600_000,
    min_interval_ms=0,
    price_stale_after_ms=10_000,
)

OUT_OF_REACH = 1e6
ORIGINAL_POLICY = DEFAULT_POLICY._replace(
    sigma_fall_ratio=1.0,
    funding_mode=decision.SYMMETRIC,
    insurance_drop=0.0,
    ltv_monitor=OUT_OF_REACH,
    ltv_warning=OUT_OF_REACH,
    ltv_critical=OUT_OF_REACH,
    ltv_emergency=OUT_OF_REACH,
    mm_alert=OUT_OF_REACH,
    mm_top_up=OUT_OF_REACH,
    mm_reduce=OUT_OF_REACH,
    mm_close=OUT_OF_REACH,
    schedule=decision.SCHEDULE_ONLY,
)
"""The original quick start, for comparison: hourly, no hysteresis, no ladder, funding scales h whoever pays. It defends
neither collateral nor margin. Legs still cannot go negative, and its regimes begin at `funding.ORIGINAL_NORMAL_APR`."""

FIRST_MEMORY = Memory(-1, -1, -1, -1, math.nan, math.nan, 1)
"""Before the first decision. It goes to the centre: a fresh book is not noise around a target."""

MOST_BTC = 21e6
LEAST_STEP_BTC = 1e-9
LEAST_PRICE = 1e-3
MOST_PRICE = 1e12
"""Beyond these a figure is a defect, not a market; within them no arithmetic below overflows."""

NO_OPERATOR = Operator(decision.MANUAL_OFF, math.nan, 0, 0)


class Wish(NamedTuple):
    """What the policy wants of spot and volatility alone, before funding, loan, margin and people have their say. It knows no price."""

    is_sane: int
    """0: a setting of the policy is not a number in its range."""
    vol_level: int
    user: Stage
    volatility: Stage


def decide(inputs: DecisionInputs) -> Decision:
    """Decide the next hedge. Pure: equal inputs give equal decisions, to the last bit."""
    wanted = wish(inputs.policy, inputs.memory.vol_level, inputs.book.spot_btc, inputs.market.sigma_24h)
    return decide_on(inputs, wanted, trade.clock_of(inputs))


def wish(policy: Policy, last_level: int, spot_btc: float, sigma_24h: float) -> Wish:
    """The lowest two rules: user and volatility. Neither moves with price or funding, so their answer keeps from bar to bar."""
    level = hedge.vol_level(last_level, sigma_24h, policy.sigma_low, policy.sigma_high, policy.sigma_fall_ratio)
    user = stages.user_stage(policy, spot_btc)
    vol = stages.volatility_stage(policy, user.after_btc, spot_btc, level, sigma_24h)
    return Wish(int(policy_is_sane(policy)), level, user, vol)


def decide_on(inputs: DecisionInputs, wanted: Wish, clock: trade.Clock) -> Decision:
    """`decide`, by who holds the wish of these very inputs already, and what they read off the clock."""
    refusal = missing_input(inputs, wanted.is_sane)
    if refusal != 0:
        return refused(inputs, refusal)
    policy, account, operator, last = inputs.policy, inputs.account, inputs.operator, inputs.memory
    market, spot_btc, vol = inputs.market, inputs.book.spot_btc, wanted.volatility
    price, apr = market.price, market.funding_apr

    ltv = worst_ltv(account, spot_btc, price)
    mm_rate = risk.maintenance_rate(account.mm_usdt, account.margin_usdt)
    ltv_level = ltv_level_of(policy, last.ltv_level, ltv)
    margin_level = margin_level_of(policy, last.margin_level, mm_rate)
    cap_btc = stages.short_cap_btc(policy, inputs.instrument, inputs.book, price, account, margin_level)

    paid_apr = funding.paid_apr(apr, spot_btc - vol.after_btc)
    pay_level = funding.pay_level(last.pay_level, paid_apr, policy.pay_fall_ratio)
    fund = stages.funding_stage(
        policy, vol.after_btc, spot_btc, apr, market.funding_regime, pay_level, last.funding_multiplier
    )
    floor = stages.ltv_stage(policy, fund.after_btc, spot_btc, price, account, ltv_level)
    margin = stages.margin_stage(floor.after_btc, spot_btc, cap_btc, margin_level)
    emergency = stages.emergency_stage(operator, margin.after_btc, spot_btc, cap_btc, ltv_level)
    manual = stages.manual_stage(operator, emergency.after_btc, spot_btc)
    target_btc, multiplier = manual.after_btc, fund.value

    mood = trade.mood_of(operator, ltv_level, margin_level, fund.reason, floor.reason, emergency.reason)
    recentre = trade.recentring(last, policy, wanted.vol_level, ltv_level, margin_level, multiplier)
    least_steps = trade.least_order_steps(inputs)
    trade_plan = trade.plan(
        inputs,
        clock,
        mood,
        recentre,
        target_btc,
        trade.split_share(policy, mood, vol.value, multiplier),
        cap_btc,
        least_steps,
        trade.unknown_reason(clock, fund.reason, floor.reason, margin.reason),
        codes.SIGMA_UNKNOWN if vol.reason == codes.VOL_UNKNOWN else 0,
    )
    memory = Memory(
        wanted.vol_level,
        pay_level,
        ltv_level,
        margin_level,
        multiplier,
        policy.target_delta_btc,
        recentre and trade.still_away(inputs, target_btc, least_steps),
    )
    return answer(wanted, fund, floor, margin, emergency, manual, ltv, mm_rate, trade_plan, memory)


def read_of(inputs: DecisionInputs, clock: trade.Clock) -> tuple[object, ...]:
    """All that a decision depends on: decisions of inputs that read equal are equal, though time has passed between them."""
    market = inputs.market
    return clock, market[:1], market[2:], inputs[1:3], inputs[4:]


def ltv_level_of(policy: Policy, previous: int, ltv: float) -> int:
    """`ladder.SAFE` .. `ladder.EMERGENCY` with the policy's thresholds."""
    return ladder.ladder_level(
        previous,
        ltv,
        policy.ltv_monitor,
        policy.ltv_warning,
        policy.ltv_critical,
        policy.ltv_emergency,
        policy.ltv_leave,
    )


def margin_level_of(policy: Policy, previous: int, mm_rate: float) -> int:
    """`ladder.MARGIN_CALM` .. `ladder.MARGIN_CLOSE` with the policy's thresholds."""
    return ladder.ladder_level(
        previous,
        mm_rate,
        policy.mm_alert,
        policy.mm_top_up,
        policy.mm_reduce,
        policy.mm_close,
        policy.mm_leave,
    )


def answer(
    wanted: Wish,
    fund: Stage,
    floor: Stage,
    margin: Stage,
    emergency: Stage,
    manual: Stage,
    ltv: float,
    mm_rate: float,
    trade_plan: trade.Plan,
    memory: Memory,
) -> Decision:
    """Bind the stages and the plan into one answer (by position: this is the costly half of a decision)."""
    return Decision(
        trade_plan.action,
        trade_plan.reason,
        wanted.user,
        wanted.volatility,
        fund,
        floor,
        margin,
        emergency,
        manual,
        trade_plan.h_effective,
        ltv,
        mm_rate,
        trade_plan.delta_btc,
        manual.after_btc,
        trade_plan.gap_btc,
        trade_plan.trade_steps,
        trade_plan.long_change_steps,
        trade_plan.short_change_steps,
        trade_plan.first_leg,
        trade_plan.delta_after_btc,
        trade_plan.urgent,
        trade_plan.execution,
        memory,
    )


def missing_input(inputs: DecisionInputs, policy_is_sane: int) -> int:
    """The first thing without which no decision is possible; 0 when there is none. NaN fails every comparison."""
    book, instrument, policy = inputs.book, inputs.instrument, inputs.policy
    if not 0.0 <= book.spot_btc <= MOST_BTC:
        return codes.SPOT_UNKNOWN
    if not (0 <= book.long_steps <= allocate.NO_LIMIT and 0 <= book.short_steps <= allocate.NO_LIMIT):
        return codes.LEGS_UNKNOWN
    if not LEAST_PRICE <= inputs.market.price <= MOST_PRICE:
        return codes.PRICE_UNKNOWN
    if not (LEAST_STEP_BTC <= instrument.step_btc <= MOST_BTC and 0.0 <= instrument.min_notional_usdt <= MOST_PRICE):
        return codes.INSTRUMENT_INVALID
    if inputs.operator.manual_mode == decision.MANUAL_TARGET and not (
        abs(inputs.operator.manual_target_btc) <= MOST_BTC
    ):
        return codes.MANUAL_TARGET_UNKNOWN
    if policy.hedge_mode != decision.COVERAGE and not abs(policy.target_delta_btc) <= MOST_BTC:
        return codes.USER_TARGET_UNKNOWN
    return 0 if policy_is_sane == 1 else codes.POLICY_INVALID


def policy_is_sane(policy: Policy) -> bool:
    """Shares within [0, 1], a divisor above zero, and nothing that is not a number: one NaN makes the sum NaN."""
    return (
        abs(total_of(policy)) <= MOST_PRICE
        and 0.0 <= policy.h_low <= 1.0
        and 0.0 <= policy.h_mid <= 1.0
        and 0.0 <= policy.h_high <= 1.0
        and 0.0 <= policy.band_inner_share <= 1.0
        and 0.0 <= policy.insurance_drop < 1.0
        and 0.0 <= policy.band_btc <= MOST_BTC
        and 1e-6 <= policy.mm_per_price <= 1.0
    )


def total_of(p: Policy) -> float:
    """Sum of all figures. Written out: compiled, `sum` over a tuple of mixed kinds costs as much as the rest of a decision."""
    hedging = p.hedge_mode + p.target_delta_btc + p.sigma_low + p.sigma_high + p.sigma_fall_ratio + p.h_low + p.h_mid
    funds = p.h_high + p.funding_mode + p.funding_exit + p.pay_fall_ratio + p.insurance_drop + p.insurance_ltv
    loan = p.ltv_monitor + p.ltv_warning + p.ltv_critical + p.ltv_emergency + p.ltv_leave
    margin = p.mm_alert + p.mm_top_up + p.mm_reduce + p.mm_close + p.mm_leave + p.mm_per_price
    band = p.band_btc + p.band_inner_share + p.urgent_bands + p.schedule
    return hedging + funds + loan + margin + band + p.rehedge_interval_ms + p.min_interval_ms + p.price_stale_after_ms


def worst_ltv(account: Account, spot_btc: float, price: float) -> float:
    """The worse of our LTV and the reported one. NaN while the debt is unknown and nothing is reported."""
    computed = insurance.loan_ltv(account.debt_usdt, spot_btc, price, account.collateral_ratio)
    if math.isnan(computed):
        return account.ltv_reported
    if account.ltv_reported > computed:
        return account.ltv_reported
    return computed


def refused(inputs: DecisionInputs, reason: int) -> Decision:
    """No trade, the memory untouched, every figure unknown."""
    none = Stage(math.nan, math.nan, math.nan, 0)
    return Decision(
        action=decision.REFUSE,
        reason=reason,
        user=none,
        volatility=none,
        funding=none,
        ltv_floor=none,
        margin=none,
        emergency=none,
        manual=none,
        h_effective=math.nan,
        ltv=math.nan,
        mm_rate=math.nan,
        delta_btc=math.nan,
        target_btc=math.nan,
        gap_btc=math.nan,
        trade_steps=0,
        long_change_steps=0,
        short_change_steps=0,
        first_leg=decision.LEG_NONE,
        delta_after_btc=math.nan,
        urgent=0,
        execution=decision.POST_ONLY_CHASE,
        memory=inputs.memory,
    )
