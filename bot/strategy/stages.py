"""The seven stages of the target, lowest precedence first. Each takes the target below it and passes one on.

A stage that has nothing to say, or not what it needs to say it, passes the target on untouched and says so in its
reason; what an unknown then forbids is decided once, in `pipeline`.
"""

import math

from bot.strategy import codes, decision, funding, hedge, insurance, ladder, risk
from bot.strategy.decision import Account, Book, Instrument, Operator, Policy, Stage


def user_stage(policy: Policy, spot_btc: float) -> Stage:
    """The user's target delta; in coverage mode the target comes from volatility and starts at the bare spot."""
    if policy.hedge_mode == decision.COVERAGE:
        return Stage(spot_btc, math.nan, spot_btc, codes.USER_TARGET_UNUSED)
    return Stage(spot_btc, policy.target_delta_btc, policy.target_delta_btc, codes.USER_TARGET)


def volatility_stage(policy: Policy, before_btc: float, spot_btc: float, level: int, sigma_24h: float) -> Stage:
    """h of the volatility level. Coverage: the target becomes Q (1 - h). Split: the target stays, h divides the trade."""
    if policy.hedge_mode == decision.TARGET:
        return Stage(before_btc, math.nan, before_btc, codes.VOL_UNUSED)
    if level < 0:
        return Stage(before_btc, math.nan, before_btc, codes.VOL_UNKNOWN)
    h = hedge.hedge_ratio(level, policy.h_low, policy.h_mid, policy.h_high)
    known = 0.0 <= sigma_24h < math.inf
    reason = (codes.VOL_LOW if known else codes.VOL_KEPT_LOW) + level
    if policy.hedge_mode == decision.COVERAGE:
        return Stage(before_btc, h, hedge.coverage_target_btc(spot_btc, h, 1.0), reason)
    return Stage(before_btc, h, before_btc, reason)


def funding_stage(
    policy: Policy,
    before_btc: float,
    spot_btc: float,
    apr: float,
    regime: int,
    pay_level: int,
    last_multiplier: float,
) -> Stage:
    """Keep the share m of the wanted net short N = Q - target: target = Q - m N.

    Sign-aware: m from the tier the net position pays. Symmetric: the original multipliers; in split mode they scale h,
    not the target. A book that pays EXTREME gives the whole hedge up, down to the floor of the stages above. While
    funding is unknown the last multiplier stays, 1 if there was none.
    """
    if policy.funding_mode == decision.FUNDING_OFF:
        return Stage(before_btc, 1.0, before_btc, codes.FUNDING_UNUSED)
    wanted_short = spot_btc - before_btc
    if math.isnan(apr) or regime < 0:
        m = 1.0 if math.isnan(last_multiplier) else last_multiplier
        reason = codes.FUNDING_UNKNOWN
    elif policy.funding_exit == 1 and funding.should_exit(regime, apr, wanted_short, policy.funding_mode):
        return Stage(before_btc, 0.0, spot_btc, codes.FUNDING_EXIT)
    else:
        m = (
            funding.original_multiplier(regime)
            if policy.funding_mode == decision.SYMMETRIC
            else funding.pay_multiplier(pay_level)
        )
        reason = codes.FUNDING_FULL if m == 1.0 else codes.FUNDING_SCALED
    if m == 1.0 or (policy.funding_mode == decision.SYMMETRIC and policy.hedge_mode == decision.SPLIT):
        return Stage(before_btc, m, before_btc, reason)
    return Stage(before_btc, m, spot_btc - m * wanted_short, reason)


def ltv_stage(policy: Policy, before_btc: float, spot_btc: float, price: float, account: Account, level: int) -> Stage:
    """The least net short: LTV insurance at every level, the whole spot from WARNING on."""
    if account.debt_usdt == 0.0:
        return Stage(before_btc, 0.0, before_btc, codes.LTV_NO_DEBT)
    floor_btc = 0.0
    if policy.insurance_drop > 0.0:
        floor_btc = insurance.insurance_short_btc(
            account.debt_usdt,
            policy.insurance_ltv,
            spot_btc,
            price,
            account.collateral_ratio,
            policy.insurance_drop,
        )
    if level >= ladder.WARNING:
        return Stage(before_btc, spot_btc, min(before_btc, 0.0), codes.LTV_FULL_COVER)
    if level < 0 or math.isnan(floor_btc):
        return Stage(before_btc, math.nan, before_btc, codes.LTV_UNKNOWN)
    ceiling = spot_btc - floor_btc
    if before_btc > ceiling:
        return Stage(before_btc, floor_btc, ceiling, codes.LTV_FLOOR_BINDS)
    return Stage(before_btc, floor_btc, before_btc, codes.LTV_FLOOR_SLACK)


def short_cap_btc(
    policy: Policy, instrument: Instrument, book: Book, price: float, account: Account, level: int
) -> float:
    """The largest short leg that margin permits; NaN unknown.

    Below REDUCE what is held may stay and growth stops at the top-up rate; REDUCE goes back to the top-up rate, CLOSE to
    the alert rate.
    """
    target_rate = policy.mm_alert if level >= ladder.MARGIN_CLOSE else policy.mm_top_up
    short_btc = book.short_steps * instrument.step_btc
    cap = risk.margin_safe_short_btc(
        short_btc, price, account.margin_usdt, account.mm_usdt, target_rate, policy.mm_per_price
    )
    if level < ladder.MARGIN_REDUCE and cap < short_btc:
        return short_btc
    return cap


def margin_stage(before_btc: float, spot_btc: float, cap_btc: float, level: int) -> Stage:
    """The most net short: what the short leg's margin permits. Delta above the wanted one is accepted."""
    if math.isnan(cap_btc) or level < 0:
        return Stage(before_btc, math.nan, before_btc, codes.MARGIN_UNKNOWN)
    least = spot_btc - cap_btc
    if before_btc >= least:
        return Stage(before_btc, cap_btc, before_btc, codes.MARGIN_SLACK)
    if level >= ladder.MARGIN_CLOSE:
        return Stage(before_btc, cap_btc, least, codes.MARGIN_CLOSES)
    if level >= ladder.MARGIN_REDUCE:
        return Stage(before_btc, cap_btc, least, codes.MARGIN_REDUCES)
    return Stage(before_btc, cap_btc, least, codes.MARGIN_CAPS_GROWTH)


def emergency_stage(operator: Operator, before_btc: float, spot_btc: float, cap_btc: float, ltv_level: int) -> Stage:
    """EMERGENCY: delta to the safe side. Long leg to zero, short to min(Q, what margin permits). Never flat perps."""
    if operator.emergency != 1 and ltv_level < ladder.EMERGENCY:
        return Stage(before_btc, math.nan, before_btc, codes.NO_EMERGENCY)
    short_btc = spot_btc if math.isnan(cap_btc) else min(spot_btc, cap_btc)
    target_btc = spot_btc - short_btc
    if operator.emergency != 1:
        target_btc = min(before_btc, target_btc)  # a fall is no reason to shrink a larger short
    return Stage(before_btc, short_btc, target_btc, codes.EMERGENCY_DEFENDS)


def manual_stage(operator: Operator, before_btc: float, spot_btc: float) -> Stage:
    """A person's word stands above all. Flattening leaves the bare spot as delta."""
    if operator.manual_mode == decision.MANUAL_TARGET:
        target = operator.manual_target_btc
        return Stage(before_btc, target, target, codes.OVERRIDE_TARGET)
    if operator.manual_mode == decision.MANUAL_FLATTEN:
        return Stage(before_btc, 0.0, spot_btc, codes.OVERRIDE_FLATTEN)
    if operator.manual_mode == decision.MANUAL_HOLD:
        return Stage(before_btc, math.nan, before_btc, codes.OVERRIDE_HOLD)
    return Stage(before_btc, math.nan, before_btc, codes.NO_OVERRIDE)
