"""The arrays that the kernel reads and writes, and what each place in them means.

Everything here is a NamedTuple of numbers and numpy arrays, or an index into one, so that the same values travel through plain Python and
through compiled code. Quantities in BTC or whole steps, prices and cash in USDT, times in UTC milliseconds, rates as decimals.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.strategy.decision import Instrument

__all__ = [
    "BTCUSDT",
    "COUNTS",
    "FIGURES",
    "LOAN",
    "LOG_COLUMNS",
    "LTV_BANDS",
    "SAMPLE_COLUMNS",
    "UTA",
    "Opening",
    "Rules",
    "Span",
    "Tape",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Rules.structure
UTA = 0
"""Borrowing inside the Unified Trading Account: debt, collateral and perps are one account and net at once."""
LOAN = 1
"""A Crypto Loan: the collateral is set apart, perps carry margin of their own, and only what is repaid lowers the loan's LTV."""


class Tape(NamedTuple):
    """History as arrays of equal length per bar, and of another length per settlement."""

    at_ms: Ints
    """Opening time of each bar, ascending; a step longer than bar_ms is a gap."""
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    sigma: Floats
    """Regime sigma per 24 h known when the bar opens; NaN before enough bars."""
    target_sigma: Floats
    """What profit targets are made of, the same way."""
    settle_ms: Ints
    settle_rate: Floats
    """Fraction of notional; positive: longs pay shorts."""
    settle_hours: Floats
    """The interval that the rate was for."""
    settle_regime: Ints
    """Funding regime once this settlement is known (`strategy.funding`)."""
    bar_ms: int


class Span(NamedTuple):
    """Which bars of a tape are played: first <= i < last. Bars before `first` are history."""

    first: int
    last: int


class Opening(NamedTuple):
    """The book at the first tick. Legs are entered at the first open."""

    spot_btc: float
    long_steps: int
    short_steps: int
    cash_usdt: float
    """USDT balance in the account that carries the perps."""
    debt_usdt: float


class Rules(NamedTuple):
    """Costs, venue and what is done besides hedging. Rates are decimals, flags 0 / 1. `policies.RULES` holds the defaults."""

    structure: int
    """UTA or LOAN."""
    taker_fee: float
    maker_fee: float
    maker_share: float
    """Share of a routine trade that a post-only chase fills as maker; 0: everything is taken."""
    slippage: float
    """What a taker loses against the mid, as a share of the price (half spread and impact)."""
    loan_apr: float
    margin_ratio: float
    """Collateral value ratio of the BTC in the margin balance (Bybit: spot-margin-trade/collateral)."""
    ltv_ratio: float
    """The ratio by which LTV is measured; 1 as in the loan's own terms."""
    mmr: float
    """Maintenance margin rate of the perp's lowest tier; the fee of closing at bankruptcy comes on top."""
    leverage: float
    borrow_mmr: float
    borrow_imr: float
    liquidation_ltv: float
    """A LOAN is liquidated here at once..."""
    delayed_ltv: float
    """...or after `delay_ms` at or above this (Bybit: Introduction to Crypto Loans)."""
    delay_ms: int
    liquidation_fee: float
    """Share of the debt that a liquidation costs."""
    sweep: int
    """1: a LOAN's LTV is brought down by realising gains of the short and repaying with them. In a UTA gains count as they are."""
    sweep_from: float
    sweep_to: float
    warning_to: float
    keep_rise: float
    """After a repayment from a LOAN's perps the short still survives a rise of this share; below CRITICAL."""
    profit: int
    """1: realise a cycle's profit when its trailing stop or target fires, and repay with part of it; the hedge stays."""
    profit_k: float
    profit_days: float
    profit_trail: float
    profit_least_usdt: float
    profit_round_trips: float
    repay_share: float
    repay_least_usdt: float
    reserve_usdt: float
    """Outside money spent as repayment from the CRITICAL rung on."""
    last_resort: int
    """1: at EMERGENCY spot is sold to bring LTV back, and as much short bought back."""
    original_ladder: int
    """1: the original quick start's ladder scales both legs down as LTV rises. For comparison only."""
    cover: float
    """Used by the original ladder: the cover it scales."""
    decide_every_ms: int
    """The strategy is asked at the first tick of each such interval, and when price crosses a threshold; 0: at every tick."""
    sample_every_ms: int
    step_btc: float
    min_steps: int
    min_notional_usdt: float


BTCUSDT = Instrument(0.001, 1, 5.0)
"""Lot rules of the perp (Bybit: market/instrument)."""

# Figures: places of the float array.
FIGURES = (
    "price", "cash", "debt", "spot", "long_entry", "short_entry",
    "realised", "fees", "slippage", "funding_received", "funding_paid", "interest", "repaid", "repaid_from_profit",
    "turnover", "liquidation_cost", "external", "spot_gain",
    "box_low", "box_high", "seen_low", "seen_high",
    "max_ltv", "max_mm_rate", "min_equity", "peak_equity", "max_drawdown",
    "gap_square_s", "gap_seconds", "max_gap", "outside_s",
    "ltv_0_s", "ltv_1_s", "ltv_2_s", "ltv_3_s", "ltv_4_s",
    "target", "band", "ltv", "mm_rate", "cycle_base", "unshared_profit", "reserve", "gap_now", "opening_equity", "maker_turnover",
    "pot", "shared_profit",
)  # fmt: skip
(
    PRICE, CASH, DEBT, SPOT, LONG_ENTRY, SHORT_ENTRY,
    REALISED, FEES, SLIPPAGE, FUNDING_IN, FUNDING_OUT, INTEREST, REPAID, REPAID_PROFIT,
    TURNOVER, LIQUIDATION_COST, EXTERNAL, SPOT_GAIN,
    BOX_LOW, BOX_HIGH, SEEN_LOW, SEEN_HIGH,
    MAX_LTV, MAX_MM, MIN_EQUITY, PEAK_EQUITY, MAX_DRAWDOWN,
    GAP_SQUARE, GAP_SECONDS, MAX_GAP, OUTSIDE,
    BAND_0, BAND_1, BAND_2, BAND_3, BAND_4,
    TARGET, HALF_WIDTH, LTV, MM_RATE, CYCLE_BASE, UNSHARED, RESERVE, GAP_NOW, OPENING_EQUITY, MAKER_TURNOVER,
    POT, SHARED,
) = range(len(FIGURES))  # fmt: skip

LTV_BANDS = ("< 50 %", "50-65 %", "65-75 %", "75-85 %", ">= 85 %")

# Counts: places of the integer array.
COUNTS = (
    "long_steps", "short_steps", "last_hedge_ms", "death_ms", "due_ms", "next_decide_ms", "next_interest_ms", "next_sample_ms",
    "settled", "samples", "logged", "orders", "hedges", "decisions", "sweeps", "profits", "perp_liquidations",
    "turned_away", "delayed_since_ms", "now_ms", "first_ms", "force", "death_cause", "refusals",
)  # fmt: skip
(
    LONG, SHORT, LAST_HEDGE, DEATH, DUE, NEXT_DECIDE, NEXT_INTEREST, NEXT_SAMPLE,
    SETTLED, SAMPLES, LOGGED, ORDERS, HEDGES, DECISIONS, SWEEPS, PROFITS, PERP_LIQUIDATIONS,
    TURNED_AWAY, DELAYED_SINCE, NOW, FIRST_MS, FORCE, DEATH_CAUSE, REFUSALS,
) = range(len(COUNTS))  # fmt: skip

# death_cause
ALIVE = 0
MARGIN_GONE = 1
LTV_REACHED = 2

SAMPLE_COLUMNS = (
    "at_ms", "price", "equity", "cash", "debt", "spot", "long", "short", "target", "ltv", "mm_rate", "unrealised",
    "hedge", "funding", "fees", "slippage", "interest", "external", "liquidation", "repaid",
)  # fmt: skip
LOG_COLUMNS = (
    "at_ms", "price", "kind", "reason", "vol_reason", "funding_reason", "ltv_reason", "margin_reason",
    "delta_before", "target", "long_change", "short_change", "long", "short", "ltv", "mm_rate", "sigma", "apr", "amount",
)  # fmt: skip

# kind of a log row
HEDGE_ROW = 0
SWEEP_ROW = 1
PROFIT_ROW = 2
PERPS_GONE_ROW = 3
DEATH_ROW = 4
RESERVE_ROW = 5
SALE_ROW = 6
KIND_NAMES = (
    "hedge",
    "sweep and repay",
    "profit taken",
    "perps liquidated",
    "liquidated",
    "reserve spent",
    "spot sold",
)
