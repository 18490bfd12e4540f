"""The fast loop: a policy over a tape, tick by tick, in a form that runs as plain Python and compiled alike.

A bar becomes four ticks, as on the simulator's tape: open, the first extreme (low in an up bar, high in a down bar), the other extreme,
close. At each tick, in this order: what fell due before it at the old price (funding, interest), the new price, liquidation, what falls
due with it, the strategy's decision and its trades, sweep and profit. Ticks and bars in which nothing is due and which stay inside the box
of prices where no threshold lies are passed over; their extremes are still seen.

No rule lives here: decisions come from `strategy.pipeline.decide`, sizes from `strategy.risk`, `ladder`, `profit` and `funding`.
"""

from __future__ import annotations

import math

import numpy as np

from bot.backtest import account, chores, deeds
from bot.backtest import book as b
from bot.strategy import decision, ladder, pipeline, profit
from bot.strategy.decision import Account, Book, DecisionInputs, Instrument, Market, Memory, Operator, Policy

__all__ = ["run"]

TICKS = 4
LOOKS = 4
"""After a hedge or a sweep the strategy is asked again at the same tick, as by the engine; more often would be a loop."""


def run(
    tape: b.Tape,
    span: b.Span,
    opening: b.Opening,
    rules: b.Rules,
    policy: Policy,
    samples: b.Floats,
    log: b.Floats,
) -> tuple[b.Floats, b.Ints]:
    """Play the span and return (figures, counts), whose places `book` names.

    `samples` (rows x SAMPLE_COLUMNS) and `log` (rows x LOG_COLUMNS) are filled from the top; counts say how many rows there were, which
    may be more than fit.
    """
    f, n = opened(tape, span, opening, rules)
    memory, cycle = pipeline.FIRST_MEMORY, profit.new_cycle(0, f[b.PRICE])
    i = span.first
    while i < span.last and n[b.DEATH] < 0:
        rises = tape.close[i] >= tape.open[i]
        for k in range(TICKS):
            now_ms, price = tape.at_ms[i] + k * tape.bar_ms // TICKS, tick_price(tape, i, k, rises)
            if n[b.DEATH] < 0:
                if now_ms < n[b.DUE] and f[b.BOX_LOW] < price < f[b.BOX_HIGH]:
                    account.move_price(f, price)
                else:
                    memory, cycle = tick(tape, i, now_ms, price, rules, policy, f, n, memory, cycle, samples, log)
        if n[b.DEATH] < 0:
            i = quiet_until(tape, i + 1, span.last, f, n[b.DUE])
            account.move_price(f, tape.close[i - 1])
    chores.close_the_day(tape, f, n, rules, samples, tape.at_ms[i - 1] + tape.bar_ms)
    return f, n


def quiet_until(tape: b.Tape, i: int, last: int, f: b.Floats, due_ms: int) -> int:
    """The first bar from `i` on in which something is due or price leaves the box; the extremes passed over are kept."""
    floor, ceiling, bar_ms = f[b.BOX_LOW], f[b.BOX_HIGH], tape.bar_ms
    seen_low, seen_high = f[b.SEEN_LOW], f[b.SEEN_HIGH]
    while i < last and tape.at_ms[i] + bar_ms <= due_ms:
        low, high = tape.low[i], tape.high[i]
        if low <= floor or high >= ceiling:
            break
        seen_low = low if low < seen_low else seen_low
        seen_high = high if high > seen_high else seen_high
        i += 1
    f[b.SEEN_LOW], f[b.SEEN_HIGH] = seen_low, seen_high
    return i


def tick_price(tape: b.Tape, i: int, k: int, rises: bool) -> float:
    """The price at tick k of bar i."""
    if k == 0:
        return float(tape.open[i])
    if k == 3:
        return float(tape.close[i])
    return float(tape.low[i] if (k == 1) == rises else tape.high[i])


def tick_prices(tape: b.Tape, first: int, count: int) -> b.Floats:
    """The prices of `count` ticks in a row, tick k of bar i being number TICKS * i + k."""
    bars = slice(first // TICKS, (first + count - 1) // TICKS + 1)
    o, h, low, c = tape.open[bars], tape.high[bars], tape.low[bars], tape.close[bars]
    ticks = np.stack((o, np.where(c >= o, low, h), np.where(c >= o, h, low), c), axis=1)
    return ticks.reshape(-1)[first % TICKS :][:count]


def recent_fall(tape: b.Tape, i: int, now_ms: int, first_ms: int) -> float:
    """How far the price at this moment of bar i stands below the highest tick of the half minute before it (0.02 = 2 %)."""
    tick_ms = tape.bar_ms // TICKS
    oldest_ms = max(first_ms, now_ms - ladder.FALL_OVER_MS)
    k = (now_ms - tape.at_ms[i]) // tick_ms
    price = highest = tick_price(tape, i, k, tape.close[i] >= tape.open[i])
    while i >= 0 and tape.at_ms[i] + k * tick_ms >= oldest_ms:
        highest = max(highest, tick_price(tape, i, k, tape.close[i] >= tape.open[i]))
        i, k = (i, k - 1) if k > 0 else (i - 1, TICKS - 1)
    return 1.0 - price / highest


def opened(tape: b.Tape, span: b.Span, opening: b.Opening, rules: b.Rules) -> tuple[b.Floats, b.Ints]:
    """The book before the first tick."""
    f, n = np.zeros(len(b.FIGURES)), np.zeros(len(b.COUNTS), dtype=np.int64)
    price, at_ms = tape.open[span.first], tape.at_ms[span.first]
    f[b.PRICE], f[b.SPOT], f[b.CASH], f[b.DEBT] = price, opening.spot_btc, opening.cash_usdt, opening.debt_usdt
    n[b.LONG], n[b.SHORT] = opening.long_steps, opening.short_steps
    f[b.LONG_ENTRY] = price if opening.long_steps > 0 else 0.0
    f[b.SHORT_ENTRY] = price if opening.short_steps > 0 else 0.0
    f[b.SEEN_LOW] = f[b.SEEN_HIGH] = price
    f[b.BOX_LOW], f[b.BOX_HIGH] = math.inf, -math.inf
    f[b.RESERVE], f[b.TARGET] = rules.reserve_usdt, math.nan
    f[b.LTV], f[b.MM_RATE], f[b.GAP_NOW] = math.nan, math.nan, math.nan
    n[b.LAST_HEDGE], n[b.DEATH], n[b.DELAYED_SINCE] = -1, -1, -1
    n[b.NOW] = n[b.FIRST_MS] = at_ms
    n[b.NEXT_SAMPLE] = at_ms // rules.sample_every_ms * rules.sample_every_ms
    n[b.NEXT_INTEREST] = chores.next_interest_ms(rules, at_ms - 1)
    n[b.SETTLED] = np.searchsorted(tape.settle_ms, at_ms)
    equity = account.equity(f, n, rules)
    f[b.OPENING_EQUITY] = f[b.MIN_EQUITY] = f[b.PEAK_EQUITY] = equity
    return f, n


def tick(
    tape: b.Tape,
    i: int,
    now_ms: int,
    price: float,
    rules: b.Rules,
    policy: Policy,
    f: b.Floats,
    n: b.Ints,
    memory: Memory,
    cycle: profit.Cycle,
    samples: b.Floats,
    log: b.Floats,
) -> tuple[Memory, profit.Cycle]:
    """One tick, in the order that the head of the file tells."""
    account.weigh_time(f, n, now_ms)
    chores.settle_until(tape, rules, f, n, now_ms - 1)
    account.move_price(f, price)
    n[b.NOW] = now_ms
    deeds.guard(f, n, rules, log)
    chores.settle_until(tape, rules, f, n, now_ms)
    deeds.guard(f, n, rules, log)
    account.note(f, n, rules)
    outside = price <= f[b.BOX_LOW] or price >= f[b.BOX_HIGH]
    if n[b.DEATH] < 0 and (now_ms >= n[b.NEXT_DECIDE] or outside):
        memory, cycle = think(tape, i, rules, policy, f, n, memory, cycle, log)
        if rules.decide_every_ms > 0:
            n[b.NEXT_DECIDE] = (now_ms // rules.decide_every_ms + 1) * rules.decide_every_ms
    chores.sample(f, n, rules, samples)
    account.draw_box(f, n, rules, policy)
    n[b.DUE] = chores.next_due(tape, n)
    return memory, cycle


def think(
    tape: b.Tape,
    i: int,
    rules: b.Rules,
    policy: Policy,
    f: b.Floats,
    n: b.Ints,
    memory: Memory,
    cycle: profit.Cycle,
    log: b.Floats,
) -> tuple[Memory, profit.Cycle]:
    """Ask the strategy and trade what it says until it is at rest; sweep, and ask again; then reserve, last resort and profit."""
    sigma, apr = tape.sigma[i], chores.deciding_apr(tape, n, n[b.NOW])
    inputs = inputs_of(f, n, rules, policy, memory, sigma, apr, chores.regime(tape, n))
    for _ in range(LOOKS):
        answer = pipeline.decide(inputs)
        n[b.DECISIONS] += 1
        memory = answer.memory
        f[b.TARGET], f[b.HALF_WIDTH] = answer.target_btc, policy.band_btc
        if answer.action == decision.TRADE:
            deeds.hedge(answer, f, n, rules, sigma, apr, log)
            inputs = hedged(inputs, n, memory)
            continue
        n[b.REFUSALS] += int(answer.action == decision.REFUSE)
        if rules.sweep == 0 or rules.structure != b.LOAN or memory.ltv_level < ladder.MONITOR:
            break
        fall = recent_fall(tape, i, n[b.NOW], n[b.FIRST_MS])
        paid, cycle = deeds.sweep(f, n, rules, policy, cycle, memory.ltv_level, fall, log)
        if not paid > 0.0:
            break
        inputs = inputs_of(f, n, rules, policy, memory, sigma, apr, chores.regime(tape, n))
    deeds.spend_reserve(f, n, rules, memory.ltv_level, log)
    if rules.last_resort == 1 and memory.ltv_level >= ladder.EMERGENCY:
        deeds.sell_spot(f, n, rules, log)
    if rules.profit == 1:
        cycle = deeds.take_profit(f, n, rules, cycle, tape.target_sigma[i], log)
        deeds.pay_share(f, n, rules, policy)
    account.note_gap(f, n, rules)
    return memory, cycle


def inputs_of(
    f: b.Floats,
    n: b.Ints,
    rules: b.Rules,
    policy: Policy,
    memory: Memory,
    sigma: float,
    apr: float,
    regime: int,
) -> DecisionInputs:
    """What the strategy reads, in the words it reads it in."""
    state = account.measured(f, n, rules, f[b.PRICE])
    operator = Operator(decision.MANUAL_OFF, math.nan, 0, 0)
    if rules.original_ladder == 1:
        scale = ladder.original_position_scale(state.ltv)
        operator = Operator(decision.MANUAL_TARGET, f[b.SPOT] * (1.0 - rules.cover * scale), 0, 0)
    return DecisionInputs(
        n[b.NOW],
        n[b.LAST_HEDGE],
        Book(f[b.SPOT], n[b.LONG], n[b.SHORT], 0, 0),
        Market(f[b.PRICE], 0.0, sigma, apr, regime),
        Account(state.debt, rules.ltv_ratio, math.nan, state.margin, state.mm),
        Instrument(rules.step_btc, rules.min_steps, rules.min_notional_usdt),
        operator,
        policy,
        memory,
    )


def hedged(before: DecisionInputs, n: b.Ints, memory: Memory) -> DecisionInputs:
    """What is read right after a hedge: the new legs, and the account as it was; a fill is known before the wallet that shows it."""
    return DecisionInputs(
        before.now_ms,
        n[b.LAST_HEDGE],
        Book(before.book.spot_btc, n[b.LONG], n[b.SHORT], 0, 0),
        before.market,
        before.account,
        before.instrument,
        before.operator,
        before.policy,
        memory,
    )
