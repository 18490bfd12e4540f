"""Every choice on a point that Bybit leaves unsaid, one field each, and the figures that belong to an account tier.

A test or a fault plan that wants another reading builds another `VenueRules`; no other file holds such a choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

__all__ = ["VenueRules"]

Tiers = tuple[tuple[Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """The venue's choices. Rates are fractions, sizes are coin, times are milliseconds."""

    # Fees of a non-VIP account (Bybit: help centre, trading fee structure).
    linear_taker_rate: Decimal = Decimal("0.00055")
    linear_maker_rate: Decimal = Decimal("0.0002")
    spot_taker_rate: Decimal = Decimal("0.001")
    spot_maker_rate: Decimal = Decimal("0.001")

    # The synthetic book. Not Bybit's: the tape has no depth of its own.
    half_spread_ticks: int = 1
    """Best bid and ask stand this many ticks from the last price."""
    book_levels: int = 500
    """Price levels on each side; beyond them there is nothing to trade with."""
    linear_level_qty: Decimal = Decimal("1.5")
    """Mean BTC on one tick of the perpetual's book."""
    spot_level_qty: Decimal = Decimal("0.4")
    """Mean BTC on one tick of the spot book."""
    touch_share: Decimal = Decimal("0.25")
    """Share of a tick's volume that reaches a resting order when the tape prints exactly its price; printing through it fills it all."""

    # Orders.
    market_protection: Decimal = Decimal("0.05")
    """A market order becomes an IOC limit this far from the last price (captured rows show 5 %)."""
    ioc_remainder_reason: str = "EC_NoImmediateQtyToFill"
    market_remainder_reason: str = "EC_NoEnoughQtyToFill"
    fok_reason: str = "EC_CancelForNoFullFill"
    over_close: Literal["truncate", "reject"] = "truncate"
    """A closing order larger than its leg: cut to the leg, or 110017. An empty leg is always 110017."""
    off_grid: Literal["reject", "truncate"] = "reject"
    """A quantity off the lot grid: 10001 (linear) and 170137 (spot), or rounded down."""
    link_id_scope: Literal["account", "category"] = "category"
    """Within what an orderLinkId must be unique."""
    link_id_life: Literal["for ever", "while open"] = "for ever"
    """How long its name is taken: as long as the account lives, or until the order that had it is closed."""
    risk_limit_in_percent: bool = False
    """market/risk-limit shows margin rates as fractions (0.005) or in percent (0.5, as the only documented example, an inverse one)."""

    # Streams.
    funding_rows_on_stream: bool = True
    """Funding executions are pushed on the execution topic, not only listed."""
    position_push_both_legs: bool = False
    """A fill pushes the touched leg only, or both legs."""

    # Margin.
    leg_margin: Literal["sum", "larger"] = "sum"
    """Opposite legs in cross margin: both pay initial and maintenance margin, or only the larger."""
    debt_margin: Literal["net", "gross"] = "net"
    """Margin on borrowed coin: on |min(0, coin equity)|, as the help centre counts borrowing, or on all of borrowAmount."""
    usdt_usd: Decimal = Decimal("1")
    """USD index price of one USDT (and USDC)."""
    btc_collateral_tiers: Tiers = (
        (Decimal("0"), Decimal("0.98")),
        (Decimal("10"), Decimal("0.95")),
        (Decimal("100"), Decimal("0.9")),
        (Decimal("1000000"), Decimal("0")),
    )
    """(from quantity, ratio), marginal by quantity of coin (Bybit: spot-margin-uta/tier-collateral-ratio shows the shape)."""
    borrow_imr: Decimal = Decimal("0.1")
    """Initial margin on borrowed coin (ten times spot leverage)."""
    borrow_mmr: Decimal = Decimal("0.04")
    """Maintenance margin on borrowed coin (Bybit: spot-margin-uta/position-tiers example)."""

    # Borrowing inside the unified account.
    hourly_borrow_rate_usdt: Decimal = Decimal("0.00000684931507")
    """6 % a year."""
    hourly_borrow_rate_btc: Decimal = Decimal("0.0000015021220000")
    max_borrow_usdt: Decimal = Decimal("8000000")
    max_borrow_btc: Decimal = Decimal("400")
    interest_minute: int = 5
    """Interest is computed at hh:05:00 on the amount then borrowed, and taken from the coin's wallet balance."""
    repay_shut_from_ms: int = 4 * 60_000
    repay_shut_to_ms: int = 5 * 60_000 + 30_000
    """Repayments are refused from hh:04:00 until hh:05:30 (Bybit: account/repay)."""

    min_borrow_usdt: Decimal = Decimal("1")
    min_borrow_btc: Decimal = Decimal("0.0001")
    repay_result: str = "P"
    """resultStatus of the repay endpoints. The documents' examples say P although a flexible repayment is synchronous."""
    convert_fee_rate: Decimal = Decimal("0.001")
    """Asset fee rate of turning one coin into another to repay (the higher of two in Bybit's words; one here)."""
    convert_cap_usd: Decimal = Decimal("300000")
    """Most that one repayment may convert (Bybit: account/repay)."""
    free_borrow_usdt: Decimal = Decimal("0")
    """Interest-free allowance for what open losses have borrowed; a non-VIP account is given none."""

    # Liquidation and deleveraging of the unified account.
    liquidation_target: Decimal = Decimal("0.9")
    """Liquidation stops when the maintenance-margin rate is at or below this."""
    liquidation_share: Decimal = Decimal("0.25")
    """Each round repays this share of the debt, then closes this share of the leg with the larger maintenance margin."""
    adl_fee_rate: Decimal = Decimal("0")
    """Fee of a position closed by auto-deleveraging."""

    # The crypto loan (flexible).
    loan_initial_ltv: Decimal = Decimal("0.8")
    loan_margin_call_ltv: Decimal = Decimal("0.85")
    loan_delayed_ltv: Decimal = Decimal("0.93")
    loan_liquidation_ltv: Decimal = Decimal("0.95")
    """Thresholds of the help centre (January 2026); the API does not return them."""
    loan_delay_ms: int = 24 * 3_600_000
    """A loan that stays at or above the delayed threshold this long is liquidated."""
    loan_liquidation_fee: Decimal = Decimal("0.02")
    """Share of the repaid debt that a loan's liquidation costs."""
    loan_collateral_tiers: Tiers = (
        (Decimal("0"), Decimal("1")),
        (Decimal("2000000"), Decimal("0.95")),
        (Decimal("10000000"), Decimal("0.8")),
    )
    """(from USD value, ratio), marginal by value of pledged BTC (Bybit: new-crypto-loan/collateral-coin shows the shape)."""
    loan_stable_ratio: Decimal = Decimal("0.8")
    """Ratio of pledged USDT and USDC."""
    loan_hourly_rate_usdt: Decimal = Decimal("0.00000684931507")
    loan_hourly_rate_btc: Decimal = Decimal("0.0000001361462")
    loan_max_usdt: Decimal = Decimal("10000000")
    loan_max_btc: Decimal = Decimal("1100")
    loan_min_usdt: Decimal = Decimal("10")
    loan_min_btc: Decimal = Decimal("0.001")
    """Flexible interest compounds on the debt standing at each hh:00, so a part of an hour counts as an hour."""
    loan_lag_ms: int = 0
    """How long the histories of a crypto loan call a borrowing, repayment or adjustment "processing" (status 2); the coin moves at once."""

    # Transfers.
    transfer_delay_ms: int = 0
    """0: a transfer is SUCCESS at once; otherwise PENDING until then, and the coin is nowhere to be used."""

    # Memory.
    history_rows: int = 100_000
    """Rows kept of each history; older ones fall away."""
    closed_cache: int = 500
    """Closed orders that order/realtime still shows (Bybit: order/open-order)."""
