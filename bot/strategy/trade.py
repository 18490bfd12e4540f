"""From target to leg changes: gap, timing, band, allocation, the last check against unknowns, execution class."""

import math
from typing import NamedTuple

from bot.strategy import allocate, codes, decision, hedge, ladder
from bot.strategy.allocate import Allocation
from bot.strategy.decision import Book, DecisionInputs, Memory, Operator, Policy


class Mood(NamedTuple):
    """What the stages ask of the trade. Flags are 0 / 1."""

    cause: int
    """Reason code when something other than band, policy or schedule calls for the trade; 0 otherwise."""
    decisive: int
    """A person, an emergency or the short leg's margin set the target: unknowns below do not hold it back."""
    collapse: int
    """The long leg goes to zero whatever delta does."""
    whole: int
    """Trade the whole gap: the band does not count."""
    at_once: int
    """Neither the schedule nor the least interval counts; execute at market, and past the band go to the centre."""
    short_first: int
    """When both legs shrink the short one goes first."""


NO_MOVES = Allocation(0, 0)
CALM = Mood(0, 0, 0, 0, 0, 0)
"""Nothing but policy, band and schedule moves a leg."""


class Clock(NamedTuple):
    """All that a decision reads off the clock. Flags are 0 / 1."""

    stale: int
    """The price is old, or of unknown age."""
    due: int
    """The schedule's interval has passed since the last hedge."""
    rested: int
    """The least interval has passed since the last hedge."""


class Plan(NamedTuple):
    """The trading half of a `decision.Decision`; the fields mean what they mean there."""

    action: int
    reason: int
    h_effective: float
    delta_btc: float
    gap_btc: float
    trade_steps: int
    long_change_steps: int
    short_change_steps: int
    first_leg: int
    delta_after_btc: float
    urgent: int
    execution: int


def mood_of(
    operator: Operator,
    ltv_level: int,
    margin_level: int,
    funding_reason: int,
    ltv_reason: int,
    emergency_reason: int,
) -> Mood:
    """Read the trade's manners off the levels and the stages' reasons."""
    mode, event = operator.manual_mode, operator.urgent_event == 1
    flatten = mode == decision.MANUAL_FLATTEN
    manual = flatten or mode == decision.MANUAL_TARGET
    emergency = emergency_reason == codes.EMERGENCY_DEFENDS
    margin_calls = margin_level >= ladder.MARGIN_REDUCE
    full_cover = ltv_reason == codes.LTV_FULL_COVER
    exits = funding_reason == codes.FUNDING_EXIT
    if not (manual or emergency or margin_calls or full_cover or exits or event):
        return CALM
    cause = 0
    if manual:
        cause = codes.MANUAL_TRADE
    elif emergency:
        cause = codes.EMERGENCY_TRADE
    elif margin_calls:
        cause = codes.MARGIN_DEFENCE
    elif full_cover:
        cause = codes.LTV_DEFENCE
    elif exits:
        cause = codes.FUNDING_EXIT_TRADE
    elif event:
        cause = codes.URGENT_EVENT
    return Mood(
        cause,
        int(manual or emergency or margin_calls),
        int(flatten or (not manual and (emergency or margin_calls or full_cover or exits))),
        int(manual or emergency),
        int(flatten or emergency or margin_calls or exits or event or (full_cover and ltv_level >= ladder.CRITICAL)),
        int(margin_calls),
    )


def recentring(
    last: Memory, policy: Policy, vol_level: int, ltv_level: int, margin_level: int, multiplier: float
) -> int:
    """1 when the policy changed since the target was last reached: the gap is then no noise and is traded whole.

    A change is a new volatility level or funding multiplier (where they move the target), full cover or a margin call
    beginning or ending, or a new user target. A figure that was unknown before is no change.
    """
    by_vol = policy.hedge_mode == decision.COVERAGE
    by_funding = policy.hedge_mode != decision.SPLIT or policy.funding_mode != decision.SYMMETRIC
    return int(
        last.recentre == 1
        or (by_vol and last.vol_level >= 0 and last.vol_level != vol_level)
        or (by_funding and _differs(last.funding_multiplier, multiplier))
        or (last.ltv_level >= ladder.WARNING) != (ltv_level >= ladder.WARNING)
        or (last.margin_level >= ladder.MARGIN_REDUCE) != (margin_level >= ladder.MARGIN_REDUCE)
        or _differs(last.user_target_btc, policy.target_delta_btc)
    )


def _differs(previous: float, current: float) -> bool:
    return previous != current and not math.isnan(previous) and not math.isnan(current)


def still_away(inputs: DecisionInputs, target_btc: float, least_steps: int) -> int:
    """1 while the legs that the exchange confirmed are an order or more away from the target."""
    book, step_btc = inputs.book, inputs.instrument.step_btc
    gap_btc = target_btc - book.spot_btc - (book.long_steps - book.short_steps) * step_btc
    return int(abs(hedge.whole_steps(gap_btc, step_btc)) >= least_steps)


def least_order_steps(inputs: DecisionInputs) -> int:
    """Smallest order at this price, in steps."""
    lot = inputs.instrument
    return allocate.min_order_steps(lot.min_steps, lot.min_notional_usdt, inputs.market.price, lot.step_btc)


def split_share(policy: Policy, mood: Mood, h: float, multiplier: float) -> float:
    """Share of the trade meant for the short leg; NaN where legs shrink before they grow.

    Only split mode divides by h, and only while nothing stronger than policy set the target. The original funding
    multipliers scale it.
    """
    if policy.hedge_mode != decision.SPLIT or mood.decisive == 1 or mood.collapse == 1:
        return math.nan
    if policy.funding_mode == decision.SYMMETRIC:
        return h * multiplier
    return h


def clock_of(inputs: DecisionInputs) -> Clock:
    """The only reader of `now_ms` and of the price's age: where it reads the same, the time makes no difference."""
    now_ms, last_ms, policy = inputs.now_ms, inputs.last_hedge_ms, inputs.policy
    return Clock(
        int(not inputs.market.price_age_ms <= policy.price_stale_after_ms),
        int(hedge.schedule_due(now_ms, last_ms, policy.rehedge_interval_ms)),
        int(hedge.interval_over(now_ms, last_ms, policy.min_interval_ms)),
    )


def unknown_reason(clock: Clock, funding_reason: int, ltv_reason: int, margin_reason: int) -> int:
    """The refusal that stands while something is unknown, should the trade grow |delta|; 0 when all is known."""
    if clock.stale == 1:
        return codes.GROWTH_WHILE_PRICE_STALE
    if ltv_reason == codes.LTV_UNKNOWN:
        return codes.GROWTH_WHILE_LTV_UNKNOWN
    if margin_reason == codes.MARGIN_UNKNOWN:
        return codes.GROWTH_WHILE_MARGIN_UNKNOWN
    if funding_reason == codes.FUNDING_UNKNOWN:
        return codes.GROWTH_WHILE_FUNDING_UNKNOWN
    return 0


def plan(
    inputs: DecisionInputs,
    clock: Clock,
    mood: Mood,
    recentre: int,
    target_btc: float,
    h: float,
    short_cap_btc: float,
    least_steps: int,
    unknown: int,
    blind: int,
) -> Plan:
    """Turn the target into leg changes, or into a hold or a refusal with its reason.

    `h` NaN: legs shrink before they grow. `unknown`: the refusal if |delta| would grow. `blind`: the refusal unless
    something stronger than policy moves the legs.
    """
    book, policy, step_btc = inputs.book, inputs.policy, inputs.instrument.step_btc
    long_steps = after_flight(book.long_steps, book.long_in_flight_steps)
    short_steps = after_flight(book.short_steps, book.short_in_flight_steps)
    delta_btc = book.spot_btc + (long_steps - short_steps) * step_btc
    gap_btc = target_btc - delta_btc
    h = shrinking_first(gap_btc) if math.isnan(h) else h
    urgent = int(mood.at_once == 1 or is_far(policy, gap_btc, target_btc, delta_btc))

    by_clock = clock.due == 1 and policy.schedule != decision.BAND_ONLY
    whole = int(mood.whole == 1 or recentre == 1 or by_clock)
    inner_share = 0.0 if mood.at_once == 1 else policy.band_inner_share
    wanted_btc = hedge.band_trade_btc(gap_btc, policy.band_btc, inner_share, whole)
    wanted_steps = hedge.whole_steps(wanted_btc, step_btc)
    if wanted_steps == 0 and mood.collapse == 0:
        reason = objection(inputs, mood, NO_MOVES, gap_btc, 0, least_steps, unknown, blind)
        return stand_still(reason, h, delta_btc, gap_btc, urgent)
    cap_btc = math.nan if mood.cause == codes.MANUAL_TRADE else short_cap_btc
    stale = unknown == codes.GROWTH_WHILE_PRICE_STALE
    grow_limit = 0 if stale else grow_limit_steps(gap_btc, short_steps, cap_btc, step_btc)
    moves = leg_moves(wanted_steps, mood.collapse, h, book, long_steps, short_steps, least_steps, grow_limit)
    trade_steps = moves.long_change_steps - moves.short_change_steps
    after_btc = delta_btc + trade_steps * step_btc

    reason = objection(inputs, mood, moves, gap_btc, wanted_steps, least_steps, unknown, blind)
    if reason == 0 and unknown != 0 and mood.decisive == 0 and grows(delta_btc, after_btc, step_btc):
        reason = unknown
    if reason == 0:
        reason = timing(policy, clock, mood.at_once, urgent)
    if reason != 0:
        return stand_still(reason, h, delta_btc, gap_btc, urgent)
    return Plan(
        decision.TRADE,
        trade_reason(mood.cause, recentre, by_clock, inputs.last_hedge_ms < 0, stale),
        h,
        delta_btc,
        gap_btc,
        trade_steps,
        moves.long_change_steps,
        moves.short_change_steps,
        allocate.first_leg(moves.long_change_steps, moves.short_change_steps, mood.short_first),
        after_btc,
        urgent,
        decision.MARKET_IOC if urgent == 1 else decision.POST_ONLY_CHASE,
    )


def shrinking_first(gap_btc: float) -> float:
    """The short leg's share by which a leg shrinks before the other grows: nothing of a sale, all of a purchase."""
    return 0.0 if gap_btc < 0.0 else 1.0


def is_far(policy: Policy, gap_btc: float, target_btc: float, delta_btc: float) -> bool:
    """True where delta is bands away from a target that lies nearer to zero: then it is worth the taker's fee."""
    return abs(gap_btc) > policy.urgent_bands * policy.band_btc and abs(target_btc) < abs(delta_btc)


def stand_still(reason: int, h: float, delta_btc: float, gap_btc: float, urgent: int) -> Plan:
    """No leg moves: a hold or a refusal, by its code."""
    action = decision.REFUSE if reason < codes.FIRST_HOLD else decision.HOLD
    return Plan(action, reason, h, delta_btc, gap_btc, 0, 0, 0, decision.LEG_NONE, delta_btc, urgent, 0)


def objection(
    inputs: DecisionInputs,
    mood: Mood,
    moves: Allocation,
    gap_btc: float,
    wanted_steps: int,
    least_steps: int,
    unknown: int,
    blind: int,
) -> int:
    """What speaks against moving legs, time and growth aside; 0 when nothing does."""
    if inputs.operator.manual_mode == decision.MANUAL_HOLD:
        return codes.MANUAL_HOLDS
    if blind != 0 and mood.decisive == 0 and mood.collapse == 0:
        return blind
    if moves.long_change_steps != 0 or moves.short_change_steps != 0:
        return 0
    gap_steps = hedge.whole_steps(gap_btc, inputs.instrument.step_btc)
    return stillness(gap_steps, wanted_steps, least_steps, unknown == codes.GROWTH_WHILE_PRICE_STALE)


def grows(before_btc: float, after_btc: float, step_btc: float) -> bool:
    """True when |delta| grows by more than float noise (a thousandth of a step)."""
    return abs(after_btc) > abs(before_btc) + 0.001 * step_btc


def after_flight(steps: int, in_flight_steps: int) -> int:
    """A leg with what is on its way counted as done; never below zero."""
    after = steps + in_flight_steps
    return after if after > 0 else 0


def grow_limit_steps(gap_btc: float, short_steps: int, short_cap_btc: float, step_btc: float) -> int:
    """How far the growing leg may grow: the short leg up to what margin permits, the long leg freely."""
    if gap_btc >= 0.0 or math.isnan(short_cap_btc):
        return allocate.NO_LIMIT
    if short_cap_btc >= allocate.NO_LIMIT * step_btc:
        return allocate.NO_LIMIT
    return max(0, hedge.whole_steps(short_cap_btc, step_btc) - short_steps)


def leg_moves(
    wanted_steps: int,
    collapses: int,
    h: float,
    book: Book,
    long_steps: int,
    short_steps: int,
    least_steps: int,
    grow_limit: int,
) -> Allocation:
    """Leg changes for a change of delta. Only what the exchange confirmed can be given back."""
    if wanted_steps == 0 and collapses == 0:
        return NO_MOVES
    closable_long = min(book.long_steps, long_steps)
    closable_short = min(book.short_steps, short_steps)
    if collapses == 1 and closable_long > 0:
        return allocate.collapse(wanted_steps, closable_long, closable_short, least_steps, grow_limit)
    return allocate.allocate(wanted_steps, h, closable_long, closable_short, least_steps, grow_limit)


def stillness(gap_steps: int, wanted_steps: int, least_steps: int, stale: bool) -> int:
    """Why no leg moves."""
    if gap_steps == 0:
        return codes.ON_TARGET
    if wanted_steps == 0:
        return codes.INSIDE_BAND
    if abs(wanted_steps) < least_steps:
        return codes.BELOW_MINIMUM
    return codes.NOTHING_TO_SHRINK if stale else codes.NO_ROOM_TO_GROW


def timing(policy: Policy, clock: Clock, at_once: int, urgent: int) -> int:
    """The reason to wait, or 0. Only routine trades wait for the least interval; only `at_once` beats the schedule."""
    if at_once == 1:
        return 0
    if policy.schedule == decision.SCHEDULE_ONLY and clock.due == 0:
        return codes.NOT_DUE
    if urgent == 0 and clock.rested == 0:
        return codes.TOO_SOON
    return 0


def trade_reason(cause: int, recentre: int, by_clock: bool, first: bool, stale: bool) -> int:
    """Why a leg moves; the strongest cause speaks."""
    if cause != 0:
        return cause
    if stale:
        return codes.STALE_SHRINK
    if by_clock:
        return codes.FIRST_HEDGE if first else codes.SCHEDULE_DUE
    if recentre == 1:
        return codes.POLICY_CHANGED
    return codes.BAND_LEFT
