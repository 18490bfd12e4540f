"""What is done to the book: hedges, sweeps, profit, repayment, and what a venue does when margin or LTV is gone. Compiled."""

from __future__ import annotations

import math

from bot.backtest import account
from bot.backtest import book as b
from bot.strategy import decision, ladder, profit, risk
from bot.strategy import hedge as hedging
from bot.strategy.decision import Decision, Policy

__all__ = ["guard", "hedge", "pay_share", "sell_spot", "spend_reserve", "sweep", "take_profit"]


# Trades


def trade_leg(f: b.Floats, n: b.Ints, rules: b.Rules, is_short: int, change: int, routine: int) -> None:
    """Move one leg by whole steps at the present price, with fees and slippage."""
    if change == 0:
        return
    maker = rules.maker_share if routine == 1 else 0.0
    slip, fee_rate = rules.slippage * (1.0 - maker), maker * rules.maker_fee + (1.0 - maker) * rules.taker_fee
    sells = (is_short == 1) == (change > 0)
    price = f[b.PRICE] * (1.0 - slip if sells else 1.0 + slip)
    size = abs(change) * rules.step_btc
    held = n[b.SHORT] if is_short == 1 else n[b.LONG]
    entry = f[b.SHORT_ENTRY] if is_short == 1 else f[b.LONG_ENTRY]
    before = risk.LegAccount(held * rules.step_btc, entry, 0.0)
    grown = risk.leg_grow(before, size, price, fee_rate)
    after = grown if change > 0 else risk.leg_shrink(before, size, price, fee_rate, is_short)
    fee, steps = size * price * fee_rate, held + change
    new_entry = after.entry_price if steps > 0 else 0.0
    if is_short == 1:
        n[b.SHORT], f[b.SHORT_ENTRY] = steps, new_entry
    else:
        n[b.LONG], f[b.LONG_ENTRY] = steps, new_entry
    f[b.CASH] += after.realised_usdt
    f[b.REALISED] += after.realised_usdt + fee
    f[b.FEES] += fee
    f[b.SLIPPAGE] += size * f[b.PRICE] * slip
    f[b.TURNOVER] += size * price
    f[b.MAKER_TURNOVER] += size * price * maker
    n[b.ORDERS] += 1


def affordable(f: b.Floats, n: b.Ints, rules: b.Rules, growth: int) -> int:
    """How much of a leg's growth the free margin carries, in steps."""
    per_step = rules.step_btc * f[b.PRICE] * (1.0 / rules.leverage + 2.0 * rules.taker_fee + rules.slippage)
    most = int(max(0.0, account.free_margin(f, n, rules)) / per_step)
    return min(growth, most)


def move(f: b.Floats, n: b.Ints, rules: b.Rules, is_short: int, change: int, routine: int) -> int:
    """Trade a leg, growth as far as margin allows; what was traded."""
    if change > 0:
        allowed = affordable(f, n, rules, change)
        if allowed < change:
            n[b.TURNED_AWAY] += 1
        change = allowed
    trade_leg(f, n, rules, is_short, change, routine)
    return change


def hedge(answer: Decision, f: b.Floats, n: b.Ints, rules: b.Rules, sigma: float, apr: float, log: b.Floats) -> None:
    """Carry a decision out, one leg after the other."""
    routine = int(answer.execution == decision.POST_ONLY_CHASE)
    if answer.first_leg == decision.LEG_SHORT:
        short = move(f, n, rules, 1, answer.short_change_steps, routine)
        long = move(f, n, rules, 0, answer.long_change_steps, routine)
    else:
        long = move(f, n, rules, 0, answer.long_change_steps, routine)
        short = move(f, n, rules, 1, answer.short_change_steps, routine)
    if long == 0 and short == 0:
        return
    n[b.HEDGES] += 1
    n[b.LAST_HEDGE] = n[b.NOW]
    row = write(f, n, rules, log, b.HEDGE_ROW, answer.reason, 0.0)
    if row >= 0:
        line = log[row]
        line[4], line[5], line[6] = answer.volatility.reason, answer.funding.reason, answer.ltv_floor.reason
        line[7], line[8], line[9], line[10], line[11] = (
            answer.margin.reason,
            answer.delta_btc,
            answer.target_btc,
            long * rules.step_btc,
            short * rules.step_btc,
        )
        line[14], line[15], line[16], line[17] = answer.ltv, answer.mm_rate, sigma, apr


def write(f: b.Floats, n: b.Ints, rules: b.Rules, log: b.Floats, kind: int, reason: int, amount: float) -> int:
    """Begin a row of the log; its number, or -1 when the log is full."""
    row = n[b.LOGGED]
    n[b.LOGGED] += 1
    if row >= log.shape[0]:
        return -1
    line = log[row]
    line[:] = math.nan
    line[0], line[1], line[2], line[3] = n[b.NOW], f[b.PRICE], kind, reason
    line[12], line[13] = n[b.LONG] * rules.step_btc, n[b.SHORT] * rules.step_btc
    line[14], line[15], line[18] = f[b.LTV], f[b.MM_RATE], amount
    return int(row)


# Repayment


def payable(f: b.Floats, n: b.Ints, rules: b.Rules, policy: Policy, urgent: int) -> float:
    """USDT that may repay now: out of what was realised, and a LOAN's perps keep their margin; where it is urgent, out of all cash. In a
    UTA repaying changes no margin."""
    if rules.structure == b.UTA:
        return float(min(f[b.POT], f[b.CASH]))
    state = account.measured(f, n, rules, f[b.PRICE])
    net_short = max(0.0, (n[b.SHORT] - n[b.LONG]) * rules.step_btc)
    keep_rise = 0.0 if urgent == 1 else rules.keep_rise
    most = policy.mm_top_up if urgent == 1 else policy.mm_alert
    spare = risk.spare_cash_usdt(state.margin, state.mm, net_short, f[b.PRICE], policy.mm_per_price, keep_rise, most)
    return float(min(f[b.CASH], spare) if urgent == 1 else min(f[b.POT], f[b.CASH], spare))


def repay(f: b.Floats, n: b.Ints, rules: b.Rules, policy: Policy, wanted: float, urgent: int) -> float:
    """Repay up to `wanted`, nothing below the smallest repayment; what was paid."""
    paid = min(wanted, payable(f, n, rules, policy, urgent), f[b.DEBT])
    if not paid >= rules.repay_least_usdt:
        return 0.0
    f[b.CASH] -= paid
    f[b.POT] = max(0.0, f[b.POT] - paid)
    f[b.DEBT] -= paid
    f[b.REPAID] += paid
    return float(paid)


def realise(f: b.Floats, n: b.Ints, rules: b.Rules, is_short: int, need: float) -> float:
    """Close and reopen as much of a winning leg as realises `need`; what became cash, costs taken off."""
    price, before = f[b.PRICE], f[b.CASH]
    held = n[b.SHORT] if is_short == 1 else n[b.LONG]
    entry = f[b.SHORT_ENTRY] if is_short == 1 else f[b.LONG_ENTRY]
    size = risk.sweep_size_btc(need, held * rules.step_btc, entry, price, is_short)
    steps = min(held, math.ceil(size / rules.step_btc - 1e-9))
    if steps >= rules.min_steps:
        trade_leg(f, n, rules, is_short, -steps, 0)
        trade_leg(f, n, rules, is_short, steps, 0)
    became = float(f[b.CASH] - before)
    f[b.POT] += became
    return became


def sweep(
    f: b.Floats,
    n: b.Ints,
    rules: b.Rules,
    policy: Policy,
    cycle: profit.Cycle,
    level: int,
    recent_fall: float,
    log: b.Floats,
) -> tuple[float, profit.Cycle]:
    """A LOAN's LTV is high: realise gains of the short and repay with them, keep the hedge. What was paid, and the profit cycle."""
    price, spot, debt = f[b.PRICE], f[b.SPOT], f[b.DEBT]
    ltv = account.measured(f, n, rules, price).ltv
    begins = ladder.sweep_begins_at(rules.sweep_from, rules.sweep_to, recent_fall)
    goal = ladder.sweep_target_ltv(level, ltv, begins, rules.sweep_to, rules.warning_to)
    if math.isnan(goal) or ltv <= goal:
        return 0.0, cycle
    urgent = int(level >= ladder.CRITICAL)
    need = min(debt, ladder.repay_needed_usdt(debt, goal, spot, price, rules.ltv_ratio))
    missing = need - (f[b.CASH] if urgent == 1 else f[b.POT])
    if realise_for(f, n, rules, missing) != 0.0:
        cycle = end_cycle(f, n, rules, cycle)
    paid = repay(f, n, rules, policy, need, urgent)
    if paid > 0.0:
        f[b.UNSHARED] = max(0.0, f[b.UNSHARED] - paid)  # the loan has had its share, and more
        n[b.SWEEPS] += 1
        write(f, n, rules, log, b.SWEEP_ROW, 0, paid)
    return paid, cycle


def realise_for(f: b.Floats, n: b.Ints, rules: b.Rules, missing: float) -> float:
    """Realise so much of the short's gain that `missing` is left after costs, where that is worth a repayment and more than it costs; what
    became cash."""
    price, entry, held = f[b.PRICE], f[b.SHORT_ENTRY], n[b.SHORT] * rules.step_btc
    one_way = rules.taker_fee + rules.slippage
    size = risk.sweep_size_btc(missing, held, entry, price, 1)
    gain_per_btc = entry - price
    if size * gain_per_btc >= rules.repay_least_usdt and gain_per_btc > 2.0 * price * one_way:
        return realise(f, n, rules, 1, risk.sweep_gross_usdt(missing, held, entry, price, 1, one_way))
    return 0.0


def spend_reserve(f: b.Floats, n: b.Ints, rules: b.Rules, level: int, log: b.Floats) -> None:
    """From CRITICAL on outside money repays: a dollar of repayment does the work of 1 / LTV dollars of collateral."""
    if level < ladder.CRITICAL or not f[b.RESERVE] > 0.0:
        return
    need = ladder.repay_needed_usdt(f[b.DEBT], rules.warning_to, f[b.SPOT], f[b.PRICE], rules.ltv_ratio)
    paid = min(need, f[b.RESERVE], f[b.DEBT])
    if paid <= 0.0:
        return
    f[b.RESERVE] -= paid
    f[b.DEBT] -= paid
    f[b.EXTERNAL] += paid
    f[b.REPAID] += paid
    write(f, n, rules, log, b.RESERVE_ROW, 0, paid)


def sell_spot(f: b.Floats, n: b.Ints, rules: b.Rules, log: b.Floats) -> None:
    """Last resort: sell spot to retire debt, buy as much short back, so that delta stays."""
    price = f[b.PRICE]
    state = account.measured(f, n, rules, price)
    size = risk.sale_for_ltv_btc(state.debt, rules.warning_to, f[b.SPOT], price, rules.ltv_ratio)
    steps = hedging.whole_steps(size, rules.step_btc)
    if steps < rules.min_steps:
        return
    sold = steps * rules.step_btc
    cost = sold * price * (rules.taker_fee + rules.slippage)
    repaid = min(f[b.DEBT], sold * price)
    f[b.SPOT] -= sold
    f[b.DEBT] -= repaid
    f[b.CASH] += sold * price - repaid - cost
    f[b.FEES] += cost
    trade_leg(f, n, rules, 1, -min(steps, n[b.SHORT]), 0)
    write(f, n, rules, log, b.SALE_ROW, 0, sold)


# Profit


def earned(f: b.Floats, n: b.Ints, rules: b.Rules) -> tuple[float, float]:
    """What the perps have brought since the first tick: in all, and in cash."""
    cash = f[b.REALISED] - f[b.FEES] + f[b.FUNDING_IN] - f[b.FUNDING_OUT]
    return float(cash + account.perp_gain(f, n, rules, f[b.PRICE])), float(cash)


def take_profit(
    f: b.Floats, n: b.Ints, rules: b.Rules, cycle: profit.Cycle, sigma: float, log: b.Floats
) -> profit.Cycle:
    """Watch the cycle; when it fires, close the leg that gained most and open it again, and begin a new cycle. The hedge stays."""
    price, step, one_way = f[b.PRICE], rules.step_btc, rules.taker_fee + rules.slippage
    pnl, net = earned(f, n, rules)[0] - f[b.CYCLE_BASE], (n[b.LONG] - n[b.SHORT]) * step
    larger = profit.round_trip_cost_usdt(max(n[b.LONG], n[b.SHORT]) * step, price, one_way)
    cycle = profit.observe(
        cycle, pnl, profit.arming_floor_usdt(rules.profit_least_usdt, larger, rules.profit_round_trips)
    )
    fired = profit.fires(cycle, pnl, rules.profit_trail, net, price, rules.profit_k, sigma, rules.profit_days)
    if fired == profit.NOT_FIRED:
        return cycle
    long_gain, short_gain = account.leg_gains(f, n, rules, price)
    is_short = int(short_gain > long_gain)
    gain, held = (short_gain, n[b.SHORT]) if is_short == 1 else (long_gain, n[b.LONG])
    if profit.pays_for_itself(gain, profit.round_trip_cost_usdt(held * step, price, one_way), 1.0, 0):
        gained = realise(f, n, rules, is_short, math.inf)
        n[b.PROFITS] += 1
        write(f, n, rules, log, b.PROFIT_ROW, fired, gained)
    return end_cycle(f, n, rules, cycle)


def end_cycle(f: b.Floats, n: b.Ints, rules: b.Rules, cycle: profit.Cycle) -> profit.Cycle:
    """Something was realised, or there was nothing to realise: a new cycle begins. To be shared out is what was earned in all and has
    become cash, less what was shared out before: after a loss only what has made good for it."""
    total, cash = earned(f, n, rules)
    fresh = max(0.0, min(total, cash) - f[b.SHARED])
    f[b.SHARED] += fresh
    f[b.UNSHARED] += fresh
    f[b.CYCLE_BASE] = total
    return profit.new_cycle(cycle.cycle_id + 1, f[b.PRICE])


def pay_share(f: b.Floats, n: b.Ints, rules: b.Rules, policy: Policy) -> None:
    """Repay with the loan's share of the profit of which it has had none, once that is worth a payment."""
    if not f[b.UNSHARED] > 0.0:
        return
    share = profit.repayment_usdt(f[b.UNSHARED], rules.repay_share, rules.repay_least_usdt, f[b.DEBT])
    paid = repay(f, n, rules, policy, share, 0) if share > 0.0 else 0.0
    if paid > 0.0:
        f[b.REPAID_PROFIT] += paid
        f[b.UNSHARED] *= 1.0 - paid / share


# Liquidation


def guard(f: b.Floats, n: b.Ints, rules: b.Rules, log: b.Floats) -> None:
    """What the venue does when margin or LTV is gone."""
    if n[b.DEATH] >= 0:
        return
    state = account.measured(f, n, rules, f[b.PRICE])
    if rules.structure == b.UTA:
        if state.mm > 0.0 and state.margin <= state.mm:
            f[b.MAX_LTV], f[b.MAX_MM] = max(f[b.MAX_LTV], state.ltv), max(f[b.MAX_MM], 1.0)
            end(f, n, rules, b.MARGIN_GONE, log)
        return
    if state.mm > 0.0 and state.margin <= state.mm:
        lose_perps(f, n, rules, log)
    if state.ltv >= rules.delayed_ltv:
        if n[b.DELAYED_SINCE] < 0:
            n[b.DELAYED_SINCE] = n[b.NOW]
    else:
        n[b.DELAYED_SINCE] = -1
    waited = n[b.DELAYED_SINCE] >= 0 and n[b.NOW] - n[b.DELAYED_SINCE] >= rules.delay_ms
    if state.ltv >= rules.liquidation_ltv or waited:
        f[b.MAX_LTV] = max(f[b.MAX_LTV], state.ltv)
        end(f, n, rules, b.LTV_REACHED, log)


def lose_perps(f: b.Floats, n: b.Ints, rules: b.Rules, log: b.Floats) -> None:
    """The perps' own account is liquidated: both legs closed, what margin was left goes to the venue. The loan lives on."""
    gain = account.perp_gain(f, n, rules, f[b.PRICE])
    left = max(0.0, f[b.CASH] + gain)
    f[b.REALISED] += gain
    f[b.LIQUIDATION_COST] += left
    f[b.CASH] += gain - left
    n[b.LONG] = n[b.SHORT] = 0
    f[b.LONG_ENTRY] = f[b.SHORT_ENTRY] = 0.0
    n[b.PERP_LIQUIDATIONS] += 1
    write(f, n, rules, log, b.PERPS_GONE_ROW, 0, left)


def end(f: b.Floats, n: b.Ints, rules: b.Rules, cause: int, log: b.Floats) -> None:
    """The collateral is sold for the debt: legs closed, fee paid, what is left stays as cash. Equity never ends below zero: the loss
    beyond is the lender's, and is booked against the liquidation's cost so that the attribution still sums."""
    trade_leg(f, n, rules, 0, -n[b.LONG], 0)
    trade_leg(f, n, rules, 1, -n[b.SHORT], 0)
    fee = rules.liquidation_fee * f[b.DEBT]
    left = f[b.SPOT] * f[b.PRICE] + f[b.CASH] - f[b.DEBT] - fee
    f[b.LIQUIDATION_COST] += fee + min(0.0, left)
    f[b.CASH], f[b.SPOT], f[b.DEBT] = max(0.0, left), 0.0, 0.0
    n[b.DEATH], n[b.DEATH_CAUSE] = n[b.NOW], cause
    write(f, n, rules, log, b.DEATH_ROW, cause, f[b.CASH])
