"""What the engine is told once, when it is built. Nothing here changes while it runs.

All durations are market milliseconds: whoever builds the engine has already scaled the plant's patience by the clock's rate, so that on
a tape at 120 times real time the engine waits as many real seconds for a reply as it would live.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from bot.domain.loan import Structure
from bot.domain.money import ZERO
from bot.strategy.decision import Policy

__all__ = [
    "EngineConfig",
    "Execution",
    "Limits",
    "LoanRules",
    "Patience",
    "ProfitAction",
    "ProfitRules",
    "Style",
    "VolatilityWindow",
]


class Style(Enum):
    """How the orders of a hedge are worked."""

    IOC = "ioc"  # take what the book shows, up to the price cap
    CHASE = "chase"  # rest at the touch, follow it, and take what is left when time is up


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How routine hedges are worked; what hurries is always taken at once. Market milliseconds."""

    style: Style = Style.CHASE
    chase_ms: int = 20_000
    """A hedge rests no longer than this; then it takes."""
    repeg_ms: int = 3_000
    """Least time between two prices of a resting order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Hard limits; none can be switched off. Quantities in BTC, the collar and the slippage cap in basis points of mark and best quote."""

    max_leg: Decimal
    max_order: Decimal
    price_collar_bp: Decimal
    slippage_cap_bp: Decimal
    max_orders_per_minute: int
    max_orders_per_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """Where breakers trip: shares of equity as fractions, volatility per 24 h, refusals in a row."""

    daily_loss: float = 0.30
    drawdown: float = 0.50
    funding_cost: float = 0.02
    volatility: float = 0.30
    rejects: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the engine waits, in market milliseconds."""

    ticker_stale_ms: int
    reading_stale_ms: int
    reconcile_every_ms: int
    read_timeout_ms: int
    seek_after_ms: int
    seek_every_ms: int
    lease_ms: int
    """After this, a request that was never answered can no longer become an order (Bybit: guide, recv_window, plus visibility lag)."""
    retry_after_ms: int
    """Least pause between two orders for the same leg target when the first filled nothing."""
    stall_ms: int = 0
    """A pulse later than this means that the loop stood still and everything is read anew; 0: not watched."""
    still_ms: int = 0
    """Tickers that come anew and say the same for so long are told to a person; 0: never."""
    listen_ms: int = 0
    """About how long a run's first order waits for news of another daemon that has the same in mind; half to twice as long, by its name."""
    hedge_ms: int
    """How long the orders of one decision may take before it is given up and taken anew."""


class ProfitAction(Enum):
    """What a profit cycle does when it fires."""

    OFF = "off"
    REALISE = "realise"  # close the leg that gained and open it again: delta is kept
    CLOSE = "close"  # close the perps, down to the loan's floor, until the next review


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitRules:
    """When a profit cycle fires. USDT; rates and shares as fractions."""

    action: ProfitAction = ProfitAction.REALISE
    k: float = 1.5
    """Target: price moves k sigma in favour of the net perp."""
    days: float = 1.0
    """The sigma of so many days."""
    trail: float = 0.30
    """Share of the peak that may be given back."""
    least_usdt: float = 150.0
    arm_round_trips: float = 5.0
    """The stop is armed at a peak of so many round trips, and of the least."""
    gain_round_trips: float = 3.0
    """What closing brings must exceed so many round trips; a person's word does not ask."""
    slippage: float = 0.0001
    """Expected one way, besides the fee."""
    is_original: bool = False
    """Parity: the original quick start's rule, which asks neither a floor nor what the round trip costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityWindow:
    """Realised volatility from `bars` closed candles of `minutes`; smoothed with a half-life; unknown below `min_bars`."""

    minutes: int
    bars: int
    min_bars: int
    halflife_hours: float
    is_original: bool = False
    """Parity: the closes of the window by the original quick start's formula, unsmoothed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanRules:
    """How the loan is watched and repaid. Money in USDT, LTVs and shares as fractions, durations in market milliseconds.

    `structure` None: whichever the venue shows. `profit_share` of every realised profit repays; `reserve_share` of it fills the reserve
    while that is short of `reserve_usdt`. `keep_rise`: after a payment the short must still survive this rise.
    """

    enabled: bool = False
    structure: Structure | None = None
    dry_run: bool = False
    sweep: bool = True
    sweep_from: float = 0.60
    sweep_to: float = 0.50
    warning_to: float = 0.55
    reserve_to: float = 0.60
    liquidation_ltv: float = 0.95
    profit_share: Decimal = Decimal("0.5")
    reserve_usdt: Decimal = ZERO
    reserve_share: Decimal = ZERO
    repay_min_usdt: Decimal = Decimal(50)
    repay_max_usdt: Decimal = Decimal(5000)
    repay_max_day_usdt: Decimal = Decimal(20000)
    keep_rise: float = 0.15
    schedule_every_ms: int = 0
    """0: no standing order."""
    schedule_usdt: Decimal = ZERO
    read_every_ms: int = 30_000
    stale_ms: int = 120_000

    @property
    def may_hold_btc(self) -> bool:
        """Whether some of the BTC to hedge may be pledged in a loan, outside of the wallet."""
        return self.enabled and self.structure in (None, Structure.CRYPTO_LOAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    symbol: str
    coin: str
    quote: str
    fixed_spot: Decimal | None
    """The BTC to hedge, where it is not the wallet's; None: the wallet's equity in `coin`."""
    collateral_ratio: float
    loan_apr: float
    rehedge_every_ms: int
    """A decision is written at least this often, whether or not it trades."""
    policy: Policy
    limits: Limits
    patience: Patience
    volatility: VolatilityWindow
    funding_points: int
    """Settled rates asked for at the start."""
    execution: Execution = Execution()
    halt_on: frozenset[str] = frozenset()
    """Differences that halt instead of being adopted (see `engine.policies`)."""
    profit: ProfitRules = ProfitRules()
    funding_normal_apr: float
    """|APR| at which NEUTRAL ends and NORMAL begins."""
    outside_stale_ms: int = 0
    """How long another system's word on funding counts; 0: nobody listens."""
    loan: LoanRules = field(default_factory=LoanRules)
    breakers: BreakerLimits = BreakerLimits()
