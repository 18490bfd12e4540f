"""What if the price moved: the book at other prices, left alone and defended.

Left alone, nothing is traded on the way. Defended, the price walks there in small steps and the ladders act as they would
live: on the way down gains are swept into a Crypto Loan, on the way up idle USDT tops the margin up and the short leg is cut to
what it then carries.
No interest, no funding, no gaps. Units: BTC, USDT, fractions.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bot.strategy import insurance, ladder, risk
from bot.strategy.decision import Policy

# WhatIfBook.structure
UTA = 0  # borrowed inside the unified account: debt, collateral and perps net at once
CRYPTO_LOAN = 1  # collateral pledged apart; the perps have a margin of their own

# WhatIfRow.liquidated
ALIVE = 0
LOAN_LIQUIDATED = 1
ACCOUNT_LIQUIDATED = 2

MOVES = (-0.60, -0.50, -0.40, -0.30, -0.20, -0.10, -0.05, 0.0, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.80, 1.00)
STEP = 0.001
"""The walk's step: the price moves by a thousandth at a time."""


class WhatIfBook(NamedTuple):
    """What is held and owed now."""

    structure: int
    price: float
    """Mark, > 0."""
    spot_btc: float
    long_btc: float
    long_entry: float
    short_btc: float
    short_entry: float
    debt_usdt: float
    """Principal and interest, >= 0."""
    cash_usdt: float
    """USDT of the unified account: it carries the perps. May be negative."""
    idle_usdt: float
    """USDT of the Funding wallet: part of equity, of no margin."""
    collateral_ratio: float
    mm_per_price: float
    """Maintenance margin and closing fee per USDT of position (0.00555)."""
    borrow_mmr: float
    """Maintenance margin per USDT owed in a unified account (0.04)."""
    liquidation_ltv: float
    """LTV at which a Crypto Loan is liquidated (0.95)."""
    account_btc: float = math.nan
    """BTC of the unified account, which carry the perps too. NaN: all of `spot_btc`, or none of it where it is pledged apart."""


class WhatIfPolicy(NamedTuple):
    """The ladders and the sweep."""

    ltv_monitor: float
    ltv_warning: float
    ltv_critical: float
    ltv_emergency: float
    ltv_leave: float
    mm_alert: float
    mm_top_up: float
    mm_reduce: float
    mm_close: float
    mm_leave: float
    sweep_from: float
    sweep_to: float
    warning_to: float
    one_way_cost: float
    """Fee and slippage of a trade as a share of its value (0.00055)."""


DEFAULT_POLICY = WhatIfPolicy(
    0.50, 0.65, 0.75, 0.85, 0.03, 0.30, 0.50, 0.70, 0.85, 0.03, ladder.SWEEP_FROM_LTV, ladder.SWEEP_TO_LTV,
    ladder.WARNING_TO_LTV, 0.00055,
)  # fmt: skip


def with_ladders_of(
    policy: Policy, sweep_from: float, sweep_to: float, warning_to: float, one_way_cost: float
) -> WhatIfPolicy:
    """The ladders of a policy, and a sweep: infinite LTVs where nothing is swept."""
    return WhatIfPolicy(
        policy.ltv_monitor,
        policy.ltv_warning,
        policy.ltv_critical,
        policy.ltv_emergency,
        policy.ltv_leave,
        policy.mm_alert,
        policy.mm_top_up,
        policy.mm_reduce,
        policy.mm_close,
        policy.mm_leave,
        sweep_from,
        sweep_to,
        warning_to,
        one_way_cost,
    )


class WhatIfRow(NamedTuple):
    """The book at one price. `ltv` is what the ladder looks at: the lender's in a Crypto Loan, the net one in a unified account."""

    move: float
    price: float
    equity_usdt: float
    ltv: float
    mm_rate: float
    ltv_level: int
    margin_level: int
    actions: int
    """What the two ladders ask for there, as bits of `ladder`."""
    liquidated: int
    """ALIVE, LOAN_LIQUIDATED or ACCOUNT_LIQUIDATED, left alone."""
    defended_equity_usdt: float
    defended_debt_usdt: float
    defended_ltv: float
    defended_worst_ltv: float
    """The highest LTV met on the way."""
    defended_mm_rate: float
    defended_short_btc: float
    sweeps: int
    cost_usdt: float
    """Fees of the defence."""
    defended_liquidated: int


class Walk(NamedTuple):
    """A defended book on its way."""

    book: WhatIfBook
    ltv_level: int
    margin_level: int
    worst_ltv: float
    sweeps: int
    cost_usdt: float
    liquidated: int


def what_if(book: WhatIfBook, policy: WhatIfPolicy, moves: Sequence[float] = MOVES) -> list[WhatIfRow]:
    """One row for each move (-0.6 .. +1.0; > -1), lowest price first."""
    rows = []
    for side in (-1, 1):
        walk = start(book, policy)
        for move in sorted((m for m in set(moves) if (m < 0.0) == (side < 0)), key=abs):
            walk = walk_to(walk, policy, book.price * (1.0 + move))
            rows.append(row_at(book, policy, move, walk))
    return sorted(rows)


def perp_gain_usdt(book: WhatIfBook, price: float) -> float:
    """Unrealised gain of both legs at `price`."""
    return book.short_btc * (book.short_entry - price) + book.long_btc * (price - book.long_entry)


def ltv_at(book: WhatIfBook, price: float) -> float:
    """The LTV that the ladder looks at, at `price`."""
    if book.structure == CRYPTO_LOAN:
        return insurance.loan_ltv(book.debt_usdt, book.spot_btc, price, book.collateral_ratio)
    owed = max(0.0, book.debt_usdt - book.cash_usdt - perp_gain_usdt(book, price))
    return insurance.loan_ltv(owed, book.spot_btc, price, book.collateral_ratio)


def account_btc_of(book: WhatIfBook) -> float:
    """BTC that carry the perps."""
    if not math.isnan(book.account_btc):
        return book.account_btc
    return 0.0 if book.structure == CRYPTO_LOAN else book.spot_btc


def margin_at(book: WhatIfBook, price: float) -> tuple[float, float]:
    """(margin balance, maintenance margin) of the account that holds the perps."""
    gain = perp_gain_usdt(book, price)
    own_btc = account_btc_of(book)
    if book.structure == CRYPTO_LOAN:
        return own_btc * price + book.cash_usdt + gain, (book.long_btc + book.short_btc) * price * book.mm_per_price
    usdt_net = book.cash_usdt - book.debt_usdt
    margin = insurance.uta_margin_usdt(own_btc, price, book.collateral_ratio, usdt_net, gain)
    mm = insurance.uta_maintenance_usdt(
        book.long_btc, book.short_btc, price, book.mm_per_price, usdt_net, gain, book.borrow_mmr
    )
    return margin, mm


def mm_rate_at(book: WhatIfBook, price: float) -> float:
    """Maintenance margin over margin balance; 1 is liquidation."""
    margin, mm = margin_at(book, price)
    return risk.maintenance_rate(mm, margin)


def liquidated_at(book: WhatIfBook, price: float) -> int:
    """Which liquidation the book has met at `price`."""
    if book.structure == CRYPTO_LOAN and ltv_at(book, price) >= book.liquidation_ltv:
        return LOAN_LIQUIDATED
    return ACCOUNT_LIQUIDATED if mm_rate_at(book, price) >= 1.0 else ALIVE


def equity_at(book: WhatIfBook, price: float) -> float:
    """Everything owned less everything owed."""
    cash = book.cash_usdt + book.idle_usdt
    return insurance.equity_usdt(book.spot_btc, price, book.debt_usdt, cash, perp_gain_usdt(book, price))


# The defended walk


def start(book: WhatIfBook, policy: WhatIfPolicy) -> Walk:
    """Where the walk begins: the first rungs are taken without a memory."""
    ltv, rate = ltv_at(book, book.price), mm_rate_at(book, book.price)
    return Walk(
        book,
        _ltv_level(policy, ladder.SAFE, ltv),
        _margin_level(policy, ladder.MARGIN_CALM, rate),
        ltv,
        0,
        0.0,
        liquidated_at(book, book.price),
    )


def walk_to(walk: Walk, policy: WhatIfPolicy, price: float) -> Walk:
    """Move the price there in steps of `STEP`, the ladders acting at each; a liquidated book stays as it was."""
    here = walk.book.price
    if not (price > 0.0 and here > 0.0):
        return walk
    count = max(1, math.ceil(abs(math.log(price / here)) / STEP))
    for number in range(1, count + 1):
        if walk.liquidated != ALIVE:
            return walk
        walk = step_to(walk, policy, here * (price / here) ** (number / count))
    return walk


def step_to(walk: Walk, policy: WhatIfPolicy, price: float) -> Walk:
    """One step: look at both ladders, then sweep or cut the short."""
    book = walk.book._replace(price=price)
    ltv, rate = ltv_at(book, price), mm_rate_at(book, price)
    moved = walk._replace(
        book=book,
        ltv_level=_ltv_level(policy, walk.ltv_level, ltv),
        margin_level=_margin_level(policy, walk.margin_level, rate),
        worst_ltv=max(walk.worst_ltv, ltv),
        liquidated=liquidated_at(book, price),
    )
    if moved.liquidated != ALIVE:
        return moved
    return cut_short(top_up(sweep(moved, policy)), policy)


def sweep(walk: Walk, policy: WhatIfPolicy) -> Walk:
    """Realise just enough of the short's gain and repay a Crypto Loan with it; the hedge is reopened at the price of the day."""
    book, price = walk.book, walk.book.price
    target = ladder.sweep_target_ltv(
        walk.ltv_level, ltv_at(book, price), policy.sweep_from, policy.sweep_to, policy.warning_to
    )
    if book.structure != CRYPTO_LOAN or math.isnan(target):
        return walk
    need = repay_wanted(book, target)
    size = risk.sweep_size_btc(need, book.short_btc, book.short_entry, price, 1)
    if not size > 0.0:
        return walk
    gain, cost = size * (book.short_entry - price), 2.0 * size * price * policy.one_way_cost
    entry = (book.short_entry * (book.short_btc - size) + price * size) / book.short_btc
    after = book._replace(debt_usdt=book.debt_usdt - gain, cash_usdt=book.cash_usdt - cost, short_entry=entry)
    return walk._replace(book=after, sweeps=walk.sweeps + 1, cost_usdt=walk.cost_usdt + cost)


def repay_wanted(book: WhatIfBook, target_ltv: float) -> float:
    """Repayment that brings the loan to `target_ltv`, at most the debt."""
    need = ladder.repay_needed_usdt(book.debt_usdt, target_ltv, book.spot_btc, book.price, book.collateral_ratio)
    return min(need, book.debt_usdt)


def top_up(walk: Walk) -> Walk:
    """From TOP_UP on, idle USDT of the Funding wallet joins the margin of the perps."""
    book = walk.book
    if walk.margin_level < ladder.MARGIN_TOP_UP or not book.idle_usdt > 0.0:
        return walk
    return walk._replace(book=book._replace(cash_usdt=book.cash_usdt + book.idle_usdt, idle_usdt=0.0))


def cut_short(walk: Walk, policy: WhatIfPolicy) -> Walk:
    """Bring a losing short to what its margin carries, from REDUCE on; the delta that leaves is accepted. In a fall it wins."""
    if walk.margin_level < ladder.MARGIN_REDUCE or walk.book.price < walk.book.short_entry:
        return walk
    book, price = walk.book, walk.book.price
    margin, mm = margin_at(book, price)
    target = policy.mm_alert if walk.margin_level >= ladder.MARGIN_CLOSE else policy.mm_top_up
    safe = risk.margin_safe_short_btc(book.short_btc, price, margin, mm, target, book.mm_per_price)
    cut = book.short_btc - min(book.short_btc, safe)
    if not cut > 0.0:
        return walk
    cost = cut * price * policy.one_way_cost
    after = book._replace(
        short_btc=book.short_btc - cut, cash_usdt=book.cash_usdt + cut * (book.short_entry - price) - cost
    )
    return walk._replace(book=after, cost_usdt=walk.cost_usdt + cost)


def _actions(book: WhatIfBook, policy: WhatIfPolicy, ltv: float, ltv_level: int, margin_level: int) -> int:
    """What both ladders ask for; a sweep only where one is due: in a unified account gains count without it."""
    actions = ladder.loan_actions(ltv_level) | ladder.margin_actions(margin_level) * int(margin_level > 0)
    target = ladder.sweep_target_ltv(ltv_level, ltv, policy.sweep_from, policy.sweep_to, policy.warning_to)
    if book.structure != CRYPTO_LOAN or math.isnan(target):
        actions &= ~ladder.SWEEP
    return actions


def row_at(book: WhatIfBook, policy: WhatIfPolicy, move: float, walk: Walk) -> WhatIfRow:
    """Both views of one price."""
    price = book.price * (1.0 + move)
    ltv, rate = ltv_at(book, price), mm_rate_at(book, price)
    ltv_level = _ltv_level(policy, ladder.SAFE, ltv)
    margin_level = _margin_level(policy, ladder.MARGIN_CALM, rate)
    defended = walk.book
    return WhatIfRow(
        move=move,
        price=price,
        equity_usdt=equity_at(book, price),
        ltv=ltv,
        mm_rate=rate,
        ltv_level=ltv_level,
        margin_level=margin_level,
        actions=_actions(book, policy, ltv, ltv_level, margin_level),
        liquidated=liquidated_at(book, price),
        defended_equity_usdt=equity_at(defended, price),
        defended_debt_usdt=defended.debt_usdt,
        defended_ltv=ltv_at(defended, price),
        defended_worst_ltv=walk.worst_ltv,
        defended_mm_rate=mm_rate_at(defended, price),
        defended_short_btc=defended.short_btc,
        sweeps=walk.sweeps,
        cost_usdt=walk.cost_usdt,
        defended_liquidated=walk.liquidated,
    )


def _ltv_level(policy: WhatIfPolicy, previous: int, ltv: float) -> int:
    return ladder.ladder_level(
        previous,
        ltv,
        policy.ltv_monitor,
        policy.ltv_warning,
        policy.ltv_critical,
        policy.ltv_emergency,
        policy.ltv_leave,
    )


def _margin_level(policy: WhatIfPolicy, previous: int, rate: float) -> int:
    return ladder.ladder_level(
        previous, rate, policy.mm_alert, policy.mm_top_up, policy.mm_reduce, policy.mm_close, policy.mm_leave
    )
