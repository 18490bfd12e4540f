"""The decider: state becomes the strategy's inputs, the strategy's answer becomes a record.

The strategy is asked on every pulse, because that costs microseconds; a decision is written when it trades, when a level changed, when a
review is due, or when somebody asked. What is written holds every number that led to it, so it can be taken again bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_type_hints

from bot.domain.account import Wallet
from bot.domain.commands import Decided, Note, Outcome, Stage
from bot.domain.instrument import Instrument as Filters
from bot.domain.legs import Leg
from bot.domain.loan import Structure
from bot.domain.money import ZERO
from bot.engine import ltv, outside, throttle
from bot.engine.config import Style
from bot.engine.modes import MODES
from bot.engine.state import Hedge, State
from bot.strategy import codes, pipeline, reasons, trade
from bot.strategy import decision as words
from bot.strategy.decision import Account, Book, Decision, DecisionInputs, Instrument, Market, Memory, Policy

__all__ = ["STAGES", "decide", "flatten", "fold", "inputs_of", "record", "record_of", "sentence", "unflatten"]

_OUTCOMES = {words.REFUSE: Outcome.REFUSE, words.HOLD: Outcome.HOLD, words.TRADE: Outcome.HEDGE}
PATIENT = reasons.EXECUTION_NAMES[words.POST_ONLY_CHASE]
STAGES = ("user", "volatility", "funding", "ltv_floor", "margin", "emergency", "manual")

_TRIGGERS = {
    "vol_level": "volatility regime",
    "pay_level": "funding tier",
    "ltv_level": "LTV rung",
    "margin_level": "margin rung",
    "funding_multiplier": "funding multiplier",
    "user_target_btc": "user's target",
    "recentre": "target reached",
}
"""What it is called when a level that a decision remembers has moved."""


def decide(state: State, now_ms: int) -> Iterator[Decided | Note]:
    """A decision, if one is worth writing down now. Nothing is decided while anything is in flight."""
    if state.instrument is None or not state.is_settled:
        return
    inputs = inputs_of(state, now_ms)
    answer, told = answer_to(state, inputs), ""
    regime = state.outside_funding.regime_at(now_ms, state.config.outside_stale_ms)
    if again := outside.heeded(regime, inputs, answer):
        (inputs, answer), told = again, f" (funding called {reasons.FUNDING_NAMES[regime]} outside)"
    if trigger := _trigger(state, answer, now_ms):
        yield record(state, inputs, answer, trigger + told)
        if answer.action == words.TRADE and answer.reason == codes.FUNDING_EXIT_TRADE:
            yield _exposed(inputs, answer)


def answer_to(state: State, inputs: DecisionInputs) -> Decision:
    """`pipeline.decide`, asked only when something that it reads has moved; for the policy's wish, which knows no price, that is a bar or
    the spot."""
    level, spot_btc, sigma = inputs.memory.vol_level, inputs.book.spot_btc, inputs.market.sigma_24h
    wanted = state.wish.of(pipeline.wish, inputs.policy, level, spot_btc, sigma)
    clock = trade.clock_of(inputs)
    return state.answer.of(lambda *read: pipeline.decide_on(inputs, wanted, clock), *pipeline.read_of(inputs, clock))


def waits_in_vain(state: State, answer: Decision) -> bool:
    """Whether all that the strategy still wants is growth, which the mode forbids."""
    grows = answer.action == words.TRADE and min(answer.long_change_steps, answer.short_change_steps) >= 0
    return grows and not MODES[state.mode].grow


def record(state: State, inputs: DecisionInputs, answer: Decision, trigger: str) -> Decided:
    """An answer to be written down now, under the next number."""
    return record_of(inputs, answer, number=state.decisions_made + 1, trigger=trigger, targets=_targets(state, answer))


def _exposed(inputs: DecisionInputs, answer: Decision) -> Note:
    """What giving the hedge up to extreme funding leaves open, said before it is done."""
    left, price = answer.delta_after_btc, inputs.market.price
    tenth = f"a fall of 10 % would cost {0.1 * left * price:,.0f} USDT"
    return Note(
        severity="critical",
        kind="funding exit",
        text=(
            f"the book pays {abs(inputs.market.funding_apr):.0%} APR: the hedge goes down to the loan's floor of "
            f"{answer.ltv_floor.value:.4f} BTC short and leaves delta {left:+.4f} BTC at LTV {answer.ltv:.1%}; {tenth}"
        ),
    )


def fold(state: State, record: Decided, now_ms: int) -> None:
    """Remember a decision, and begin its hedge where it has one and the mode may send."""
    state.decisions_made = record.number
    state.decisions.appendleft((now_ms, record))
    state.last_decided, state.last_decided_ms = record, now_ms
    state.memory = Memory(**_typed(Memory, record.memory))
    state.asked_to_rehedge = ""
    if record.outcome is not Outcome.REFUSE and record.inputs.get("operator.urgent_event"):
        state.urgent = ""
    state.is_held_back = False
    spot_btc = record.inputs.get("book.spot_btc")
    if record.outcome is not Outcome.HEDGE or spot_btc is None:
        return
    assert record.long_target is not None
    assert record.short_target is not None
    targets = {Leg.LONG: record.long_target, Leg.SHORT: record.short_target}
    if not _may_begin(state, targets):
        state.is_held_back = True
        return
    state.hedge = Hedge(
        decision=record.number,
        targets=targets,
        first_leg=record.first_leg,
        spot=Decimal(repr(spot_btc)),  # as the decision saw it: a restart may remember no wallet
        started_ms=now_ms,
        gap=abs(record.gap) if record.gap is not None else ZERO,
        price=math.nan if (price := record.inputs.get("market.price")) is None else price,
        style=state.config.execution.style if record.execution == PATIENT else Style.IOC,
    )


def _may_begin(state: State, targets: dict[Leg, Decimal]) -> bool:
    """Whether the mode lets any of this be sent. A hedge that could only wait would stand in the way of the loan's defence."""
    permission, legs = MODES[state.mode], state.ledger.legs
    return permission.grow or (permission.shrink and any(target < legs[leg].qty for leg, target in targets.items()))


def inputs_of(state: State, now_ms: int) -> DecisionInputs:
    """What the strategy reads, as numbers; what is unavailable is NaN or negative, never zero. By position: asked many times a second."""
    market, hand, urgent = state.market, state.hand, int(bool(state.urgent))
    seen_ms = market.ticker_seen_ms
    return DecisionInputs(
        now_ms,
        -1 if state.last_hedge_ms is None else state.last_hedge_ms,
        _book(state),
        Market(
            market.price,
            math.nan if seen_ms is None else float(now_ms - seen_ms),
            market.sigma_24h,
            market.funding_apr,
            market.funding_regime.regime,
        ),
        _account(state, now_ms),
        state.lot.of(_lot, state.instrument),
        hand if hand.urgent_event == urgent else hand._replace(urgent_event=urgent),
        _policy(state, now_ms),
        state.memory,
    )


def _policy(state: State, now_ms: int) -> Policy:
    """The settings; while profit rests after the perps were closed, the bare spot is the target and the loan's floor the limit."""
    policy = state.config.policy
    if now_ms >= state.profit.resting_until_ms or (spot := state.spot) is None:
        return policy
    return policy._replace(hedge_mode=words.TARGET, target_delta_btc=float(spot))


def _book(state: State) -> Book:
    if not state.ledger.is_open or state.instrument is None:
        return Book(_number(state.spot), -1, -1, 0, 0)
    legs, blotter = state.ledger.legs, state.blotter
    long, short = legs[Leg.LONG].qty, legs[Leg.SHORT].qty
    if blotter.is_settled:
        return state.book.of(_booked, state.instrument, state.spot, long, short, ZERO, ZERO)
    on_its_way = blotter.in_flight(Leg.LONG), blotter.in_flight(Leg.SHORT)
    return _booked(state.instrument, state.spot, long, short, *on_its_way)


def _booked(
    rules: Filters, spot: Decimal | None, long: Decimal, short: Decimal, long_coming: Decimal, short_coming: Decimal
) -> Book:
    steps = rules.steps
    return Book(_number(spot), steps(long), steps(short), steps(long_coming), steps(short_coming))


def _account(state: State, now_ms: int) -> Account:
    """In a unified account the debt is what the quote coin is under water, open profit included; in a Crypto Loan what is owed there."""
    wallet, ticker, reading = state.wallet, state.market.ticker, state.loan.reading
    debt, ratio, reported = math.nan, state.config.collateral_ratio, math.nan
    if wallet is not None and ticker is not None:
        debt = ltv.debt_now(state, now_ms)
    if reading is not None and reading.structure is Structure.CRYPTO_LOAN:
        ratio = math.nan if wallet is None or ticker is None else ltv.collateral_ratio(state, float(ticker.index))
        reported = _number(reading.venue_ltv) if ltv.disagrees(state) else math.nan
    return Account(
        debt,
        ratio,
        reported,
        _number(wallet.margin_balance) if wallet else math.nan,
        _maintenance(state, wallet) if wallet else math.nan,
    )


def _maintenance(state: State, wallet: Wallet) -> float:
    """The wallet's maintenance margin, of the legs as they are: what was filled since the wallet was seen has changed it."""
    seen, moved = _number(wallet.maintenance_margin), state.ledger.gross - state.wallet_legs
    return seen + float(moved) * state.market.price * state.config.policy.mm_per_price if moved else seen


def _lot(rules: Filters) -> Instrument:
    return Instrument(float(rules.qty_step), rules.steps(rules.min_qty), float(rules.min_notional))


def _trigger(state: State, answer: Decision, now_ms: int) -> str:
    """Why this answer is worth a record; empty: it is not."""
    last, last_ms = state.last_decided, state.last_decided_ms
    if last is None or last_ms is None:
        return "first look"
    if state.asked_to_rehedge:
        return state.asked_to_rehedge
    if state.urgent and answer.action != words.REFUSE:
        return state.urgent
    if (
        answer.action == words.TRADE
        and not throttle.is_resting(state, now_ms)
        and _is_due(state, answer, last, now_ms - last_ms)
    ):
        return "trade"
    if answer.memory != state.memory and (changed := _moves(state.memory, answer.memory)):
        return ", ".join(_TRIGGERS[name] for name in changed)
    if _OUTCOMES[answer.action] is Outcome.REFUSE and reasons.text(answer.reason) != last.reason:
        return "refusal"
    if now_ms - last_ms >= state.config.rehedge_every_ms:
        return "review"
    return ""


def _is_due(state: State, answer: Decision, last: Decided, since_ms: int) -> bool:
    """Whether a trade is to be decided, `since_ms` after the last decision: where it differs, where the last was held back, or again after
    the time that a hedge may take. What the mode forbids is told once, and after that time where it differs."""
    long, short = _targets(state, answer)
    differs = (long, short) != (last.long_target, last.short_target)
    is_late = since_ms >= state.config.patience.hedge_ms
    if _may_begin(state, {Leg.LONG: long, Leg.SHORT: short}):
        return differs or is_late or state.is_held_back
    return differs and (is_late or not state.is_held_back)


def record_of(
    inputs: DecisionInputs, answer: Decision, *, number: int, trigger: str, targets: tuple[Decimal, Decimal]
) -> Decided:
    """A decision as it is written down. `targets` are the leg sizes (long, short) in BTC that the answer's changes lead to."""
    trades = answer.action == words.TRADE
    return Decided(
        number=number,
        trigger=trigger,
        outcome=_OUTCOMES[answer.action],
        reason=reasons.text(answer.reason),
        inputs=flatten(inputs),
        stages=tuple(
            Stage(name=name.replace("_", " "), value=_maybe(stage.value), reason=reasons.text(stage.reason))
            for name in STAGES
            for stage in (getattr(answer, name),)
        ),
        delta=_btc(answer.delta_btc),
        target_delta=_btc(answer.target_btc),
        gap=_btc(answer.gap_btc),
        long_target=targets[0] if trades else None,
        short_target=targets[1] if trades else None,
        first_leg=Leg(answer.first_leg) if trades and answer.first_leg else None,
        memory={name: _maybe(float(value)) for name, value in answer.memory._asdict().items()},
        execution=reasons.EXECUTION_NAMES[answer.execution] if trades else "",
    )


def _targets(state: State, answer: Decision) -> tuple[Decimal, Decimal]:
    """The absolute leg sizes that the answer's changes lead to."""
    rules, legs = state.instrument, state.ledger.legs
    assert rules is not None
    return (
        legs[Leg.LONG].qty + rules.qty(answer.long_change_steps),
        legs[Leg.SHORT].qty + rules.qty(answer.short_change_steps),
    )


def sentence(record: Decided) -> str:
    """A decision as a person would say it. A trade needs no word for what made us look: where delta stands says it."""
    delta, target = record.delta, record.target_delta
    return reasons.told(
        "" if record.trigger == "trade" else record.trigger,
        record.reason,
        None if delta is None else float(delta),
        None if target is None else float(target),
        record.inputs.get("policy.band_btc"),
    )


def flatten(inputs: DecisionInputs) -> dict[str, float | None]:
    """The inputs as one flat table, `part.field` -> number; NaN becomes None. `unflatten` is its inverse, bit for bit."""
    flat: dict[str, float | None] = {}
    for name, value in inputs._asdict().items():
        if isinstance(value, tuple):
            flat |= {f"{name}.{field}": _maybe(float(v)) for field, v in value._asdict().items()}  # type: ignore[attr-defined]
        else:
            flat[name] = _maybe(float(value))
    return flat


def unflatten(flat: dict[str, float | None]) -> DecisionInputs:
    """The strategy's inputs from a journalled decision. Raises KeyError where a field is missing."""
    parts: dict[str, Any] = {}
    for name, hint in get_type_hints(DecisionInputs).items():
        if hasattr(hint, "_fields"):
            parts[name] = hint(**_typed(hint, {f: flat[f"{name}.{f}"] for f in hint._fields}))
        else:
            parts[name] = _as(hint, flat[name])
    return DecisionInputs(**parts)


def _typed(shape: Any, numbers: dict[str, float | None]) -> dict[str, Any]:
    hints = get_type_hints(shape)
    return {name: _as(hints[name], numbers[name]) for name in shape._fields}


def _as(kind: type, number: float | None) -> float | int:
    if number is None:
        return math.nan
    return int(number) if kind is int else float(number)


def _moves(before: Memory, after: Memory) -> list[str]:
    """The names of what differs; what is unknown in both does not."""
    pairs = zip(Memory._fields, before, after, strict=True)
    return [name for name, was, now in pairs if was != now and not (math.isnan(was) and math.isnan(now))]


def _number(value: Decimal | None) -> float:
    return math.nan if value is None else float(value)


def _maybe(value: float) -> float | None:
    return None if math.isnan(value) else value


def _btc(value: float) -> Decimal | None:
    """A strategy's BTC figure on the wallet's grid of satoshis, for people; None where it is unknown."""
    return None if math.isnan(value) else Decimal(f"{value:.8f}").normalize()
