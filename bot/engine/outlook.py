"""The loan as people see it: its figures, its payments, and the book at other prices.

Reads state and decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.domain.legs import Leg
from bot.domain.loan import Structure
from bot.domain.money import ZERO
from bot.domain.view import LoanView, PaymentView, RungView, WhatIfView
from bot.engine import loan, ltv
from bot.engine.config import EngineConfig
from bot.engine.repayment import Payment
from bot.engine.state import State
from bot.strategy import insurance, ladder, pipeline
from bot.strategy.what_if import (
    ACCOUNT_LIQUIDATED,
    CRYPTO_LOAN,
    LOAN_LIQUIDATED,
    MOVES,
    UTA,
    WhatIfBook,
    WhatIfPolicy,
    WhatIfRow,
    what_if,
    with_ladders_of,
)

__all__ = ["loan_view", "policy_of", "rows_as_views", "what_if_book", "what_if_rows"]

LTV_RUNGS = {ladder.SAFE: "SAFE", 1: "MONITOR", 2: "WARNING", 3: "CRITICAL", 4: "EMERGENCY"}
MARGIN_RUNGS = {ladder.MARGIN_CALM: "CALM", 1: "ALERT", 2: "TOP UP", 3: "REDUCE", 4: "CLOSE"}
ACTIONS = {
    ladder.ALERT: "tell",
    ladder.SWEEP: "sweep gains into the loan",
    ladder.FULL_COVER: "cover the whole spot",
    ladder.NO_LONGS: "no long leg",
    ladder.AT_MARKET: "at market",
    ladder.SPEND_RESERVE: "spend the reserve",
    ladder.LAST_RESORT: "last resort: a person may sell spot against the short",
    ladder.TOP_UP: "top the margin up",
    ladder.REDUCE_SHORT: "cut the short",
    ladder.CLOSE_SHORT: "cut the short to a safe size",
}
LIQUIDATED = {LOAN_LIQUIDATED: "the loan", ACCOUNT_LIQUIDATED: "the account"}
STRUCTURES = {
    Structure.UTA: "unified account borrow",
    Structure.CRYPTO_LOAN: "crypto loan",
    Structure.NONE: "no loan",
    None: "unified account borrow",
}
TAKER_COST = 0.0006
SHOWN_PAYMENTS = 20
_DAYS, _HOURS = Decimal(365), Decimal(8760)


def loan_view(state: State, now_ms: int) -> LoanView:
    """The loan at this moment; what nothing is known of is None."""
    book, wallet, rules = state.loan, state.wallet, state.config.loan
    reading, figures = book.reading, ltv.figures(state, now_ms)
    apr = _apr(state)
    owed = _owed(state, figures)
    price = float(state.market.ticker.mark) if state.market.ticker else math.nan
    sigma = state.market.sigma_24h
    paid = book.paid_to_date
    no = book.refused
    policy, memory = state.config.policy, state.memory
    mm_rate = float(wallet.mm_rate) if wallet and wallet.mm_rate is not None else math.nan
    return LoanView(
        structure=STRUCTURES[figures.structure],
        debt=owed,
        ltv=_known(figures.ltv),
        mm_rate=_known(mm_rate),
        equity=_equity(state),
        interest_per_day=None if owed is None else _principal(state, owed) * apr / _DAYS,
        unmanaged=loan.unmanaged(state),
        age_ms=now_ms - book.reading_ms if reading is not None else None,
        principal=reading.principal if reading is not None else None,
        accrued=_accrued(state, figures),
        apr=float(apr),
        interest_per_hour=None if owed is None else _principal(state, owed) * apr / _HOURS,
        paid_to_date=paid,
        paid_interest=book.paid_interest,
        coverage=float(paid / book.first_principal) if book.first_principal else None,
        net_ltv=_known(figures.net_ltv),
        venue_ltv=float(reading.venue_ltv) if reading is not None and reading.venue_ltv is not None else None,
        ltv_disagrees=ltv.disagrees(state),
        rung=LTV_RUNGS.get(pipeline.ltv_level_of(policy, memory.ltv_level, figures.ltv), "UNKNOWN"),
        margin_rung=MARGIN_RUNGS.get(pipeline.margin_level_of(policy, memory.margin_level, mm_rate), "UNKNOWN"),
        ltv_ladder=_ladder(
            LTV_RUNGS, policy.ltv_monitor, policy.ltv_warning, policy.ltv_critical, policy.ltv_emergency
        ),
        margin_ladder=_ladder(MARGIN_RUNGS, policy.mm_alert, policy.mm_top_up, policy.mm_reduce, policy.mm_close),
        liquidation_down=_price(figures.down),
        liquidation_up=_price(figures.up),
        distance_down=_distance(price, figures.down),
        distance_up=_distance(price, figures.up),
        distance_down_sigma=_sigmas(price, figures.down, sigma),
        distance_up_sigma=_sigmas(price, figures.up, sigma),
        reserve=book.reserve(rules) if rules.enabled else ZERO,
        dry_run=rules.dry_run,
        payments=tuple(_payment(payment) for payment in list(book.payments)[: -SHOWN_PAYMENTS - 1 : -1]),
        refused="" if no is None else f"{no.trigger.value}, {no.amount:.2f} USDT: {no.rule}: {no.reason}",
        refused_ms=None if no is None else book.refused_ms,
    )


def _ladder(names: Mapping[int, str], *steps: float) -> tuple[RungView, ...]:
    """The steps as they are set; a policy without one has it beyond everything."""
    return tuple(RungView(names[level], at) for level, at in enumerate(steps, 1) if at <= 1.0)


def _owed(state: State, figures: ltv.Figures) -> Decimal | None:
    return None if math.isnan(figures.debt) else Decimal(f"{figures.debt:.8f}")


def _principal(state: State, owed: Decimal) -> Decimal:
    """What interest is reckoned on: all of a Crypto Loan; in a unified account what is borrowed, gains or none."""
    quote = state.wallet.coin(state.config.quote) if state.wallet is not None else None
    if state.loan.structure is Structure.CRYPTO_LOAN or quote is None:
        return owed
    return quote.borrowed


def _accrued(state: State, figures: ltv.Figures) -> Decimal | None:
    reading = state.loan.reading
    if reading is None:
        return None
    if reading.structure is Structure.CRYPTO_LOAN and not math.isnan(figures.debt):
        return max(ZERO, Decimal(f"{figures.debt:.8f}") - reading.principal)
    return reading.interest


def _apr(state: State) -> Decimal:
    """As the venue tells it, else as the settings do."""
    reading = state.loan.reading
    if reading is not None and reading.hourly_rate is not None:
        return reading.hourly_rate * _HOURS
    return Decimal(str(state.config.loan_apr))


def _equity(state: State) -> Decimal | None:
    """Everything owned less everything owed, in both structures."""
    wallet, book, ticker = state.wallet, state.loan, state.market.ticker
    if wallet is None:
        return None
    if ticker is None:
        return None if ltv.is_elsewhere(state) else wallet.total_equity
    equity = wallet.total_equity + ltv.coin_apart_usd(state, wallet, book.pledged or ZERO)
    if book.structure is Structure.CRYPTO_LOAN and book.reading is not None and book.pledged is not None:
        equity += book.reading.funding_usdt - book.reading.debt
    return equity


def _payment(payment: Payment) -> PaymentView:
    plan = payment.plan
    return PaymentView(
        number=plan.number,
        at_ms=payment.planned_ms,
        why=f"{plan.trigger.value}: {plan.why}",
        amount=plan.amount,
        paid=payment.paid,
        state=payment.step.value,
        reason=payment.reason,
    )


# ------------------------------------------------------------------------------------------------------------ what if


def what_if_rows(book: WhatIfBook, policy: WhatIfPolicy, moves: Sequence[float] = MOVES) -> tuple[WhatIfView, ...]:
    """The book at other prices, lowest first: pure, and long enough (a tenth of a second) for a thread of its own."""
    return rows_as_views(what_if(book, policy, moves))


def what_if_book(state: State, now_ms: int) -> WhatIfBook | None:
    """What is held and owed now; None while it is unknown."""
    ticker, reading = state.market.ticker, state.loan.reading
    figures = ltv.figures(state, now_ms)
    legs = state.ledger.legs
    spot, cash = state.spot, ltv.cash_usdt(state)
    if ticker is None or spot is None or not state.ledger.is_open or math.isnan(figures.debt) or math.isnan(cash):
        return None
    apart = figures.structure is Structure.CRYPTO_LOAN
    quote = state.wallet.coin(state.config.quote) if state.wallet is not None else None
    borrowed = float(quote.spot_borrow) if quote is not None else 0.0
    return WhatIfBook(
        structure=CRYPTO_LOAN if apart else UTA,
        price=float(ticker.mark),
        spot_btc=float(spot),
        long_btc=float(legs[Leg.LONG].qty),
        long_entry=float(legs[Leg.LONG].entry_price or ticker.mark),
        short_btc=float(legs[Leg.SHORT].qty),
        short_entry=float(legs[Leg.SHORT].entry_price or ticker.mark),
        debt_usdt=figures.debt if apart else borrowed,
        cash_usdt=cash if apart else cash + borrowed,
        idle_usdt=float(reading.funding_usdt) if apart and reading is not None else 0.0,
        collateral_ratio=figures.ratio,
        mm_per_price=state.config.policy.mm_per_price,
        borrow_mmr=ltv.BORROW_MMR,
        liquidation_ltv=state.config.loan.liquidation_ltv,
        account_btc=ltv.account_btc(state) if apart or ltv.is_elsewhere(state) else math.nan,
    )


def policy_of(config: EngineConfig) -> WhatIfPolicy:
    """The ladders and the sweep as they are set."""
    rules = config.loan
    sweeps = rules.enabled and rules.sweep and not rules.dry_run
    sweep = (rules.sweep_from, rules.sweep_to, rules.warning_to) if sweeps else (math.inf,) * 3
    return with_ladders_of(config.policy, *sweep, TAKER_COST)


def rows_as_views(rows: Sequence[WhatIfRow]) -> tuple[WhatIfView, ...]:
    """Rows in the words of the view."""
    return tuple(
        WhatIfView(
            move=row.move,
            price=_usdt(row.price),
            equity=_usdt(row.equity_usdt),
            ltv=_known(row.ltv),
            mm_rate=_known(row.mm_rate),
            rung=LTV_RUNGS[row.ltv_level],
            action=", ".join(word for bit, word in ACTIONS.items() if row.actions & bit) or "nothing",
            liquidated=LIQUIDATED.get(row.liquidated, ""),
            defended_equity=_usdt(row.defended_equity_usdt),
            defended_debt=_usdt(row.defended_debt_usdt),
            defended_ltv=_known(row.defended_ltv),
            defended_mm_rate=_known(row.defended_mm_rate),
            defended_short=Decimal(f"{row.defended_short_btc:.6f}"),
            sweeps=row.sweeps,
            cost=_usdt(row.cost_usdt),
            defended_liquidated=LIQUIDATED.get(row.defended_liquidated, ""),
        )
        for row in rows
    )


def _price(value: float) -> Decimal | None:
    """A liquidation price; None where there is none, or nothing is known."""
    return None if math.isnan(value) or math.isinf(value) or value <= 0.0 else Decimal(f"{value:.1f}")


def _distance(price: float, trigger: float) -> float | None:
    if math.isnan(price) or _price(trigger) is None:
        return None
    return abs(trigger / price - 1.0)


def _sigmas(price: float, trigger: float, sigma: float) -> float | None:
    if math.isnan(price) or _price(trigger) is None:
        return None
    return _known(insurance.distance_in_sigma(price, trigger, sigma))


def _usdt(value: float) -> Decimal:
    return Decimal(f"{value:.2f}")


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
