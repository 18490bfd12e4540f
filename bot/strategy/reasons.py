"""The words for the codes of a decision, and a decision told line by line. Not hot: strings live here and nowhere else.

Every text is the end of a sentence about one figure, so that a log line reads: "funding: paid funding scales the hedge".
"""

from typing import Final

from bot.strategy import codes, decision, funding, ladder, profit
from bot.strategy.decision import Decision, Stage

TEXT: Final[dict[int, str]] = {
    codes.SPOT_UNKNOWN: "the BTC to protect is unknown or impossible",
    codes.LEGS_UNKNOWN: "the legs are unknown or impossible",
    codes.PRICE_UNKNOWN: "the price is unknown or impossible",
    codes.INSTRUMENT_INVALID: "the lot rules of the instrument are missing or impossible",
    codes.USER_TARGET_UNKNOWN: "the target delta is not a number",
    codes.SIGMA_UNKNOWN: "volatility is unknown and there is no earlier level to keep",
    codes.POLICY_INVALID: "a setting of the policy is not a number in its range",
    codes.MANUAL_TARGET_UNKNOWN: "the target set by hand is not a number",
    codes.GROWTH_WHILE_PRICE_STALE: "the price is stale and the trade would grow |delta|",
    codes.GROWTH_WHILE_FUNDING_UNKNOWN: "funding is unknown and the trade would grow |delta|",
    codes.GROWTH_WHILE_LTV_UNKNOWN: "the loan's LTV is unknown and the trade would grow |delta|",
    codes.GROWTH_WHILE_MARGIN_UNKNOWN: "the margin is unknown and the trade would grow |delta|",
    codes.ON_TARGET: "delta is on target to the last step",
    codes.INSIDE_BAND: "the gap is inside the no-trade band",
    codes.BELOW_MINIMUM: "the gap is smaller than the smallest order",
    codes.NOT_DUE: "the next scheduled look is still to come",
    codes.TOO_SOON: "the last hedge was too short a time ago",
    codes.NOTHING_TO_SHRINK: "the price is stale and no leg can be shrunk towards the target",
    codes.MANUAL_HOLDS: "held by hand",
    codes.NO_ROOM_TO_GROW: "margin leaves the short leg no room to grow",
    codes.BAND_LEFT: "the gap left the no-trade band",
    codes.POLICY_CHANGED: "the policy is new or changed: the whole gap counts, not the band",
    codes.FIRST_HEDGE: "nothing was hedged yet: the whole gap counts",
    codes.SCHEDULE_DUE: "the scheduled look: the whole gap counts, not the band",
    codes.LTV_DEFENCE: "LTV asks for full cover without a long leg",
    codes.EMERGENCY_TRADE: "emergency: long leg to zero, short leg to the spot",
    codes.MANUAL_TRADE: "ordered by hand",
    codes.STALE_SHRINK: "the price is stale: legs only shrink",
    codes.URGENT_EVENT: "a leg was moved by someone else",
    codes.MARGIN_DEFENCE: "margin asks for smaller legs",
    codes.FUNDING_EXIT_TRADE: "the book pays extreme funding: down to the LTV floor",
    codes.USER_TARGET: "the target delta that was set",
    codes.USER_TARGET_UNUSED: "no target set: coverage starts at the bare spot",
    codes.VOL_LOW: "low volatility",
    codes.VOL_MID: "middle volatility",
    codes.VOL_HIGH: "high volatility",
    codes.VOL_KEPT_LOW: "volatility unknown, low level kept",
    codes.VOL_KEPT_MID: "volatility unknown, middle level kept",
    codes.VOL_KEPT_HIGH: "volatility unknown, high level kept",
    codes.VOL_UNUSED: "volatility is not consulted",
    codes.VOL_UNKNOWN: "volatility is unknown",
    codes.FUNDING_FULL: "funding leaves the hedge whole",
    codes.FUNDING_SCALED: "funding scales the hedge",
    codes.FUNDING_EXIT: "extreme funding gives the hedge up, down to the LTV floor",
    codes.FUNDING_UNKNOWN: "funding is unknown, the last multiplier stays",
    codes.FUNDING_UNUSED: "funding is not consulted",
    codes.LTV_NO_DEBT: "no debt",
    codes.LTV_FLOOR_SLACK: "the hedge is above the LTV insurance",
    codes.LTV_FLOOR_BINDS: "the LTV insurance asks for more hedge",
    codes.LTV_FULL_COVER: "LTV asks for the whole spot to be covered",
    codes.LTV_UNKNOWN: "debt or LTV is unknown",
    codes.MARGIN_SLACK: "margin carries the short leg",
    codes.MARGIN_CAPS_GROWTH: "margin does not carry the wanted short leg",
    codes.MARGIN_REDUCES: "margin is short: the short leg shrinks and delta is accepted",
    codes.MARGIN_CLOSES: "margin is nearly spent: the short leg shrinks to a safe size",
    codes.MARGIN_UNKNOWN: "margin is unknown",
    codes.NO_EMERGENCY: "no emergency",
    codes.EMERGENCY_DEFENDS: "emergency: delta to the safe side",
    codes.NO_OVERRIDE: "no override",
    codes.OVERRIDE_HOLD: "held by hand",
    codes.OVERRIDE_TARGET: "target set by hand",
    codes.OVERRIDE_FLATTEN: "both legs closed by hand: the bare spot is left",
}

_THEN: Final[dict[str, str]] = {
    TEXT[codes.ON_TARGET]: "",
    TEXT[codes.FIRST_HEDGE]: "the whole gap is closed",
    TEXT[codes.INSIDE_BAND]: "let it be",
    TEXT[codes.BELOW_MINIMUM]: "less than the smallest order",
    TEXT[codes.NOT_DUE]: "it waits for the next scheduled look",
    TEXT[codes.TOO_SOON]: "it waits, the last hedge was too short a time ago",
    TEXT[codes.BAND_LEFT]: "trade back to inside it",
    TEXT[codes.SCHEDULE_DUE]: "the scheduled look closes the whole gap",
    TEXT[codes.POLICY_CHANGED]: "the policy is new or changed, so the whole gap is closed",
}
"""What follows from where delta stands, where the reason alone would say it twice."""

ACTION_NAMES: Final = {decision.REFUSE: "refuse", decision.HOLD: "hold", decision.TRADE: "trade"}
LEG_NAMES: Final = {decision.LEG_NONE: "none", decision.LEG_LONG: "long", decision.LEG_SHORT: "short"}
EXECUTION_NAMES: Final = {decision.POST_ONLY_CHASE: "post-only chase", decision.MARKET_IOC: "market"}
FUNDING_NAMES: Final = {
    funding.UNKNOWN: "UNKNOWN",
    funding.NEUTRAL: "NEUTRAL",
    funding.NORMAL: "NORMAL",
    funding.HEATED: "HEATED",
    funding.MANIA: "MANIA",
    funding.EXTREME: "EXTREME",
}
LTV_NAMES: Final = {
    -1: "UNKNOWN",
    ladder.SAFE: "SAFE",
    ladder.MONITOR: "MONITOR",
    ladder.WARNING: "WARNING",
    ladder.CRITICAL: "CRITICAL",
    ladder.EMERGENCY: "EMERGENCY",
}
MARGIN_NAMES: Final = {
    -1: "UNKNOWN",
    ladder.MARGIN_CALM: "CALM",
    ladder.MARGIN_ALERT: "ALERT",
    ladder.MARGIN_TOP_UP: "TOP_UP",
    ladder.MARGIN_REDUCE: "REDUCE",
    ladder.MARGIN_CLOSE: "CLOSE",
}
VOL_NAMES: Final = {-1: "UNKNOWN", 0: "LOW", 1: "MID", 2: "HIGH"}
MARKET_REGIME_NAMES: Final = {
    profit.NEUTRAL: "NEUTRAL",
    profit.LONG_BIASED: "LONG_BIASED",
    profit.SHORT_BIASED: "SHORT_BIASED",
    profit.TAKING_PROFIT: "TAKING_PROFIT",
}


_LEAST_SHOWN_BTC: Final = 0.0005


def text(code: int) -> str:
    """The words of a reason code; an unknown code says so, a journal may come from a newer version."""
    return TEXT.get(code, f"reason {code}, unknown to this version")


def told(trigger: str, reason: str, delta_btc: float | None, target_btc: float | None, band_btc: float | None) -> str:
    """A decision as one sentence: what made us look, where delta stands, what follows.

    `trigger` empty: nothing worth a word. `reason` in words, as a record holds it. BTC; None: unknown.
    """
    where, then = "", reason
    if delta_btc is not None and target_btc is not None:
        where, then = _where(delta_btc, target_btc, band_btc), _THEN.get(reason, reason)
    return ": ".join(part for part in (trigger, where, then) if part)


def _where(delta_btc: float, target_btc: float, band_btc: float | None) -> str:
    """ "delta 0.270 BTC is 0.270 over the target, outside the band of 0.010"."""
    over = delta_btc - target_btc
    target = "the target" if abs(target_btc) < _LEAST_SHOWN_BTC else f"the target of {target_btc:.3f}"
    if abs(over) < _LEAST_SHOWN_BTC:
        return f"delta {_figure(delta_btc)} BTC is on target"
    words = f"delta {_figure(delta_btc)} BTC is {abs(over):.3f} {'over' if over > 0 else 'under'} {target}"
    if band_btc is None:
        return words
    # A gap is a whole number of satoshis; what floats add to it is not a reason to call its edge outside.
    return f"{words}, {'outside' if abs(over) > band_btc + 1e-9 else 'inside'} the band of {band_btc:.3f}"


def _figure(btc: float) -> str:
    """Three places, and no minus in front of nothing."""
    return f"{round(btc, 3) + 0.0:.3f}"


def parse_funding_regime(name: str) -> int:
    """A regime by name, in any case. Raises ValueError for a name it does not know: unknown is not harmless."""
    for code, known in FUNDING_NAMES.items():
        if known == name.strip().upper():
            return code
    raise ValueError(f"funding regime {name!r} is none of {', '.join(FUNDING_NAMES.values())}")


def _stage(name: str, stage: Stage) -> str:
    moved = "" if stage.before_btc == stage.after_btc else f"{stage.before_btc:+.4f} -> {stage.after_btc:+.4f} BTC, "
    value = "" if stage.value != stage.value else f" ({stage.value:.4g})"
    return f"{name}: {moved}{text(stage.reason)}{value}"


def explain(answer: Decision) -> tuple[str, ...]:
    """A decision as lines for a person, lowest precedence first; a refusal before the stages is one line."""
    last = f"{ACTION_NAMES[answer.action]}: {text(answer.reason)}"
    if answer.user.reason == 0:
        return (last,)
    stages = (
        _stage("user", answer.user),
        _stage("volatility", answer.volatility),
        _stage("funding", answer.funding),
        _stage("LTV floor", answer.ltv_floor),
        _stage("margin", answer.margin),
        _stage("emergency", answer.emergency),
        _stage("by hand", answer.manual),
        f"delta {answer.delta_btc:+.4f} BTC, target {answer.target_btc:+.4f}, gap {answer.gap_btc:+.4f}",
    )
    if answer.action != decision.TRADE:
        return (*stages, last)
    legs = f"long {answer.long_change_steps:+d} steps, short {answer.short_change_steps:+d} steps"
    return (
        *stages,
        f"{last}; {legs}, {LEG_NAMES[answer.first_leg]} first, {EXECUTION_NAMES[answer.execution]}",
        f"leaves delta {answer.delta_after_btc:+.4f} BTC",
    )
