"""What the calendar brings: funding at its own times, interest each hour, samples at fixed UTC times. Compiled with the kernel."""

from __future__ import annotations

import math

from bot.backtest import account
from bot.backtest import book as b
from bot.strategy import funding, risk

__all__ = [
    "close_the_day",
    "deciding_apr",
    "next_due",
    "next_interest_ms",
    "regime",
    "running_rate",
    "sample",
    "settle_until",
]

HOUR_MS = 3_600_000
UTA_INTEREST_MS = 300_000
"""A unified account is charged at hh:05 (Bybit: account/repay), a crypto loan at hh:00."""
APR_POINTS = 3
"""The funding APR that decides is the mean of this many rates, the running one among them: a filter against one odd print."""


def next_interest_ms(rules: b.Rules, after_ms: int) -> int:
    """The first charge strictly after a moment."""
    offset = UTA_INTEREST_MS if rules.structure == b.UTA else 0
    return ((after_ms - offset) // HOUR_MS + 1) * HOUR_MS + offset


def settle_until(tape: b.Tape, rules: b.Rules, f: b.Floats, n: b.Ints, until_ms: int) -> None:
    """Charge everything due up to and including a moment, in order of time, at the present price."""
    while True:
        place = n[b.SETTLED]
        funding_ms = tape.settle_ms[place] if place < len(tape.settle_ms) else until_ms + 1
        if funding_ms <= until_ms and funding_ms <= n[b.NEXT_INTEREST]:
            pay_funding(f, n, rules, tape.settle_rate[place])
            n[b.SETTLED] = place + 1
        elif n[b.NEXT_INTEREST] <= until_ms:
            charge_interest(f, n, rules)
            n[b.NEXT_INTEREST] += HOUR_MS
        else:
            return


def pay_funding(f: b.Floats, n: b.Ints, rules: b.Rules, rate: float) -> None:
    """One settlement on what is held."""
    step = rules.step_btc
    paid = funding.payment_usdt(rate, f[b.PRICE], n[b.LONG] * step, n[b.SHORT] * step)
    f[b.CASH] += paid
    if paid > 0.0:
        f[b.FUNDING_IN] += paid
    else:
        f[b.FUNDING_OUT] -= paid


def charge_interest(f: b.Floats, n: b.Ints, rules: b.Rules) -> None:
    """One hour's interest: a loan grows by it, a unified account pays it from its USDT."""
    cost = risk.interest_per_hour_usdt(account.borrowed(f, n, rules), rules.loan_apr)
    f[b.INTEREST] += cost
    if rules.structure == b.LOAN:
        f[b.DEBT] += cost
    else:
        f[b.CASH] -= cost


def next_due(tape: b.Tape, n: b.Ints) -> int:
    """The next moment at which the calendar or the strategy wants a tick. Interest waits for it: booked later, the charge is the same."""
    due = min(n[b.NEXT_DECIDE], n[b.NEXT_SAMPLE])
    if n[b.SETTLED] < len(tape.settle_ms):
        due = min(due, tape.settle_ms[n[b.SETTLED]])
    return int(due)


# What is known of funding


def running_rate(tape: b.Tape, place: int, now_ms: int) -> float:
    """The rate predicted for settlement `place`: a straight line from the one before it, as on the simulator's tape. The last tick before a
    settlement shows exactly what will settle.

    Real exchanges publish the rate while it forms, so the line leaks no more than they do. NaN without settlements.
    """
    count = len(tape.settle_ms)
    if count == 0:
        return math.nan
    if place >= count:
        return float(tape.settle_rate[count - 1])
    coming = tape.settle_rate[place]
    if place == 0:
        return float(coming)
    last = tape.settle_rate[place - 1]
    interval_ms = tape.settle_hours[place] * HOUR_MS
    next_tick_ms = now_ms + tape.bar_ms // 4
    into = min(1.0, max(0.0, (next_tick_ms - (tape.settle_ms[place] - interval_ms)) / interval_ms))
    return float(last + (coming - last) * into)


def deciding_apr(tape: b.Tape, n: b.Ints, now_ms: int) -> float:
    """Mean APR of the running rate and the latest settlements; NaN while nothing is known."""
    count, place = len(tape.settle_ms), n[b.SETTLED]
    if count == 0:
        return math.nan
    hours = tape.settle_hours[min(place, count - 1)]
    total, points = funding.apr(running_rate(tape, place, now_ms), hours), 1
    for back in range(1, APR_POINTS):
        if place - back >= 0:
            total += funding.apr(tape.settle_rate[place - back], hours)
            points += 1
    return total / points


def regime(tape: b.Tape, n: b.Ints) -> int:
    """The funding regime of the latest settlement."""
    if len(tape.settle_ms) == 0 or n[b.SETTLED] == 0:
        return funding.UNKNOWN if len(tape.settle_ms) == 0 else funding.NEUTRAL
    return int(tape.settle_regime[n[b.SETTLED] - 1])


# Samples


def sample(f: b.Floats, n: b.Ints, rules: b.Rules, samples: b.Floats) -> None:
    """Write a row at the first tick of each sampling interval."""
    if n[b.NOW] < n[b.NEXT_SAMPLE]:
        return
    write_sample(f, n, rules, samples, n[b.NOW])
    n[b.NEXT_SAMPLE] = (n[b.NOW] // rules.sample_every_ms + 1) * rules.sample_every_ms


def close_the_day(tape: b.Tape, f: b.Floats, n: b.Ints, rules: b.Rules, samples: b.Floats, end_ms: int) -> None:
    """The last row, at the close of the span (or at the moment of death)."""
    if n[b.DEATH] < 0:
        settle_until(tape, rules, f, n, end_ms - 1)
    account.weigh_time(f, n, n[b.NOW] if n[b.DEATH] >= 0 else end_ms)
    account.note(f, n, rules)
    write_sample(f, n, rules, samples, n[b.NOW] if n[b.DEATH] >= 0 else end_ms)


def write_sample(f: b.Floats, n: b.Ints, rules: b.Rules, samples: b.Floats, at_ms: int) -> None:
    row = n[b.SAMPLES]
    n[b.SAMPLES] += 1
    if row >= samples.shape[0]:
        return
    s, price = samples[row], f[b.PRICE]
    gain = account.perp_gain(f, n, rules, price)
    s[0], s[1], s[2], s[3] = at_ms, price, account.equity(f, n, rules), f[b.CASH]
    s[4], s[5], s[6], s[7] = f[b.DEBT], f[b.SPOT], n[b.LONG] * rules.step_btc, n[b.SHORT] * rules.step_btc
    s[8], s[9], s[10], s[11] = f[b.TARGET], f[b.LTV], f[b.MM_RATE], gain
    s[12] = f[b.REALISED] + gain + f[b.SLIPPAGE]
    s[13], s[14], s[15] = f[b.FUNDING_IN] - f[b.FUNDING_OUT], -f[b.FEES], -f[b.SLIPPAGE]
    s[16], s[17], s[18], s[19] = -f[b.INTEREST], f[b.EXTERNAL], -f[b.LIQUIDATION_COST], f[b.REPAID]
