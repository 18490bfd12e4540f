"""The policies that are compared, each as settings of the same strategy and the same loop; and the default costs.

Nothing here is a second implementation of a rule: a policy is a `Policy` and a `Rules`, no more.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.backtest.book import LOAN, UTA, Opening, Rules
from bot.strategy import decision, pipeline, risk
from bot.strategy.decision import Policy

__all__ = ["RULES", "TABLE", "Plan", "comparison", "loan_margin_usdt", "opening"]

HOUR_MS, DAY_MS = 3_600_000, 86_400_000

RULES = Rules(
    structure=UTA,
    taker_fee=0.00055,
    maker_fee=0.0002,
    maker_share=0.0,
    slippage=0.0001,
    loan_apr=0.06,
    margin_ratio=0.98,
    ltv_ratio=1.0,
    mmr=0.005,
    leverage=10.0,
    borrow_mmr=0.04,
    borrow_imr=0.1,
    liquidation_ltv=0.95,
    delayed_ltv=0.93,
    delay_ms=DAY_MS,
    liquidation_fee=0.02,
    sweep=0,
    sweep_from=0.60,
    sweep_to=0.50,
    warning_to=0.55,
    keep_rise=0.15,
    profit=0,
    profit_k=1.5,
    profit_days=1.0,
    profit_trail=0.30,
    profit_least_usdt=150.0,
    profit_round_trips=5.0,
    repay_share=0.5,
    repay_least_usdt=10.0,
    reserve_usdt=0.0,
    last_resort=0,
    original_ladder=0,
    cover=0.0,
    decide_every_ms=HOUR_MS,
    sample_every_ms=DAY_MS,
    step_btc=0.001,
    min_steps=1,
    min_notional_usdt=5.0,
)
"""A non-VIP account: taker 5.5 bp, maker 2 bp, one basis point of slippage."""

OUT_OF_REACH = pipeline.OUT_OF_REACH

_BARE = pipeline.DEFAULT_POLICY._replace(
    hedge_mode=decision.TARGET,
    funding_mode=decision.FUNDING_OFF,
    insurance_drop=0.0,
    ltv_monitor=OUT_OF_REACH,
    ltv_warning=OUT_OF_REACH,
    ltv_critical=OUT_OF_REACH,
    ltv_emergency=OUT_OF_REACH,
    mm_alert=OUT_OF_REACH,
    mm_top_up=OUT_OF_REACH,
    mm_reduce=OUT_OF_REACH,
    mm_close=OUT_OF_REACH,
)
"""One rule at a time: no ladder, no insurance, no funding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One policy to play: what it is called, what it says in a sentence, and its numbers."""

    name: str
    words: str
    policy: Policy
    rules: Rules = RULES


def comparison(spot_btc: float, ours: Plan | None = None, rules: Rules = RULES) -> tuple[Plan, ...]:
    """Every policy of the comparison for this much spot; `ours` (the settings in force) comes first where given."""
    plans = tuple(
        Plan(name=name, words=words, policy=policy, rules=extra)
        for name, words, policy, extra in _table(spot_btc, rules)
    )
    return plans if ours is None else (ours, *plans)


def _table(spot: float, rules: Rules) -> list[tuple[str, str, Policy, Rules]]:
    def static(cover: float) -> Policy:
        return _BARE._replace(target_delta_btc=spot * (1.0 - cover))

    coverage = _BARE._replace(hedge_mode=decision.COVERAGE)
    full = static(1.0)
    apart = [] if rules.structure == UTA else [_swept(static(1.0), rules)]
    return [
        ("unhedged", "the loan, and no hedge", static(0.0), rules),
        ("static 20 %", "a short of a fifth of the spot", static(0.2), rules),
        ("static 50 %", "a short of half the spot: holds LTV about where it is", static(0.5), rules),
        ("static 100 %", "the whole spot is short: price no longer matters", full, rules),
        ("coverage h(sigma), raw", "cover 20/40/60 % by volatility, without hysteresis", coverage._replace(sigma_fall_ratio=1.0), rules),
        ("coverage h(sigma)", "cover 20/40/60 % by smoothed volatility with hysteresis", coverage, rules),
        ("100 % x original funding", "full cover, scaled down in any high funding", full._replace(funding_mode=decision.SYMMETRIC), rules),
        ("100 % sign-aware funding", "full cover, scaled down only while it pays, never below the LTV insurance",
         full._replace(funding_mode=decision.SIGN_AWARE, insurance_drop=0.30), rules),
        ("LTV insurance 30/65", "the smallest short that keeps LTV at 65 % after a fall of 30 %",
         static(0.0)._replace(insurance_drop=0.30, insurance_ltv=0.65), rules),
        ("LTV insurance 40/75", "the smallest short that keeps LTV at 75 % after a fall of 40 %",
         static(0.0)._replace(insurance_drop=0.40, insurance_ltv=0.75), rules),
        ("original ladder on 100 %", "full cover, cut to 50/20/0 % as LTV rises", full, rules._replace(original_ladder=1, cover=1.0)),
        ("original quick start", "hourly, no hysteresis, no ladder, funding scales h", pipeline.ORIGINAL_POLICY, rules),
        *apart,
    ]  # fmt: skip


TABLE = tuple(name for name, *_ in _table(1.0, RULES))
"""Names of the comparison, in order."""


def _swept(full: Policy, rules: Rules) -> tuple[str, str, Policy, Rules]:
    """For a loan set apart: what is not repaid does not lower its LTV."""
    ladder = pipeline.DEFAULT_POLICY
    rungs = {name: getattr(ladder, name) for name in ("ltv_monitor", "ltv_warning", "ltv_critical", "ltv_emergency")}
    words = "full cover, and its gains repay the loan from 60 % LTV on"
    return "static 100 %, swept", words, full._replace(**rungs), rules._replace(sweep=1)


def opening(
    *, spot_btc: float, loan_usdt: float, long_btc: float = 0.0, short_btc: float = 0.0, cash_usdt: float = 0.0
) -> Opening:
    """The first book; legs in whole steps."""
    step = RULES.step_btc
    return Opening(float(spot_btc), round(long_btc / step), round(short_btc / step), float(cash_usdt), float(loan_usdt))


def loan_margin_usdt(spot_btc: float, price: float) -> float:
    """Margin with which a full short in an account of its own survives a rise of 30 %: what a LOAN opens with unless told otherwise."""
    return risk.margin_to_survive_usdt(spot_btc, price, 0.30, 0.00555)


def structure_of(name: str) -> int:
    """UTA or LOAN by name. Raises ValueError."""
    known = {"uta": UTA, "loan": LOAN}
    if name not in known:
        raise ValueError(f"structure {name!r} is none of {', '.join(known)}")
    return known[name]
