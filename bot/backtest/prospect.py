"""What would become of the book that a run ended with: the ladder of `strategy.what_if`, asked with a backtest's own figures."""

from __future__ import annotations

from bot.backtest import book as b
from bot.backtest.outcome import Outcome
from bot.strategy import what_if
from bot.strategy.pipeline import OUT_OF_REACH

__all__ = ["ahead"]


def ahead(run: Outcome) -> list[what_if.WhatIfRow]:
    """The last book at prices from -60 % to +100 %, lowest first; nothing of a loan that is gone."""
    if not run.survived:
        return []
    return what_if.what_if(_book(run), _policy(run))


def _book(run: Outcome) -> what_if.WhatIfBook:
    last, figures, rules = dict(zip(b.SAMPLE_COLUMNS, run.samples[-1], strict=True)), run.figures, run.plan.rules
    return what_if.WhatIfBook(
        structure=what_if.CRYPTO_LOAN if rules.structure == b.LOAN else what_if.UTA,
        price=float(last["price"]),
        spot_btc=float(last["spot"]),
        long_btc=float(last["long"]),
        long_entry=figures["long_entry"],
        short_btc=float(last["short"]),
        short_entry=figures["short_entry"],
        debt_usdt=float(last["debt"]),
        cash_usdt=float(last["cash"]),
        idle_usdt=0.0,
        collateral_ratio=rules.ltv_ratio if rules.structure == b.LOAN else rules.margin_ratio,
        mm_per_price=rules.mmr + rules.taker_fee,
        borrow_mmr=rules.borrow_mmr,
        liquidation_ltv=rules.liquidation_ltv,
    )


def _policy(run: Outcome) -> what_if.WhatIfPolicy:
    rules = run.plan.rules
    sweep = (rules.sweep_from, rules.sweep_to, rules.warning_to) if rules.sweep else (OUT_OF_REACH,) * 3
    return what_if.with_ladders_of(run.plan.policy, *sweep, rules.taker_fee + rules.slippage)
