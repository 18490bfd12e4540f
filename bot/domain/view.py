"""A picture of the engine at one moment, for people and machines that look but cannot touch.

The dashboard, the metrics, the alerts and the command line read this and nothing else. None means "unavailable", never zero. Quantities
are BTC, money is USDT, rates are fractions, ages are milliseconds of market time, unless the name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.commands import Decided, Mode
from bot.domain.events import Verb
from bot.domain.money import ZERO

__all__ = [
    "BookView",
    "BotView",
    "BreakerView",
    "ExecutionView",
    "FundingView",
    "HealthView",
    "LegView",
    "LoanView",
    "MarketView",
    "OrderView",
    "PaymentView",
    "PnlView",
    "ProfitView",
    "RungView",
    "Target",
    "VerbAnswer",
    "VerbOffer",
    "VerbPreview",
    "VolatilityView",
    "WhatIfView",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    last: Decimal | None
    mark: Decimal | None
    index: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    age_ms: int | None
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LegView:
    qty: Decimal
    entry_price: Decimal | None
    unrealised: Decimal | None
    realised: Decimal
    fees: Decimal
    funding: Decimal  # > 0 received


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the hedge is heading. `band` is the half-width in which nothing is traded."""

    delta: Decimal | None
    gap: Decimal | None
    band: Decimal
    hedge_ratio: float | None
    long_qty: Decimal | None
    short_qty: Decimal | None
    hedging: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BookView:
    spot: Decimal | None
    long: LegView
    short: LegView
    delta: Decimal | None
    cover: float | None  # (short - long) / spot
    reconciled_age_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityView:
    """Per 24 hours. `raw` is the realised volatility of the window, `smoothed` what the regime is judged by.

    `estimators` are other readings of the same window, by name: "realised", "parkinson", "garman-klass", "rogers-satchell", "yang-zhang",
    "bipower", "medrv". `jump_share` is the part of the variance that came in jumps, `for_targets` the sigma that profit targets use.
    """

    raw: float | None
    smoothed: float | None
    regime: str
    bars: int
    estimators: dict[str, float | None] = field(default_factory=dict)
    jump_share: float | None = None
    for_targets: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingView:
    """`next_payment` > 0 will be received, at the present rate and legs; so are all sums of money here, > 0 received.

    `deciding_apr` is the filtered APR that decisions use; the averages are over the settlements of the last 24 hours and 7 days. The
    projections are at `deciding_apr`, present mark and legs. `multiplier` is the share of the hedge that funding leaves. `should_exit`: the
    book pays EXTREME funding. `outside_regime` is what another system calls it; empty: nobody does, or too long ago.
    """

    rate: Decimal | None
    interval_h: int | None
    apr: float | None
    regime: str
    next_ms: int | None
    next_payment: Decimal | None
    received: Decimal
    deciding_apr: float | None = None
    average_24h_apr: float | None = None
    average_7d_apr: float | None = None
    per_day: Decimal | None = None
    per_week: Decimal | None = None
    long_per_day: Decimal | None = None
    short_per_day: Decimal | None = None
    multiplier: float | None = None
    should_exit: bool = False
    outside_regime: str = ""
    outside_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentView:
    """One repayment, from the wish to its end. `state` is a word of `engine.repayment`."""

    number: int
    at_ms: int
    why: str
    amount: Decimal
    paid: Decimal
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfView:
    """The book at one price, left alone and defended (`strategy.what_if`). `action` is in words; `liquidated`: what was, or empty."""

    move: float  # -0.3: 30 % below the present price
    price: Decimal
    equity: Decimal
    ltv: float | None
    mm_rate: float | None
    rung: str
    action: str
    liquidated: str
    defended_equity: Decimal
    defended_debt: Decimal
    defended_ltv: float | None
    defended_mm_rate: float | None
    defended_short: Decimal
    sweeps: int
    cost: Decimal
    defended_liquidated: str


@dataclass(frozen=True, slots=True)
class RungView:
    """A step of a ladder as it is set: the rung is entered where the figure reaches `at`, a fraction."""

    name: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanView:
    """The debt against the BTC, in one of two structures that are never mixed.

    `ltv` is what the ladder looks at: in a unified account the net one (debt less USDT and unrealised, over spot value), in a Crypto Loan
    the lender's. `debt` goes with it. Prices are None where no fall (or no rise) liquidates. `unmanaged` says why nothing is repaid here,
    empty where the loan is managed.
    """

    structure: str
    debt: Decimal | None
    ltv: float | None
    mm_rate: float | None
    equity: Decimal | None
    interest_per_day: Decimal | None
    unmanaged: str = ""
    age_ms: int | None = None
    principal: Decimal | None = None
    accrued: Decimal | None = None  # interest not yet paid
    apr: float | None = None
    interest_per_hour: Decimal | None = None
    paid_to_date: Decimal = ZERO
    paid_interest: Decimal = ZERO  # the part of it that was interest: interest is paid first
    coverage: float | None = None  # paid to date over the first principal seen
    net_ltv: float | None = None
    venue_ltv: float | None = None
    ltv_disagrees: bool = False  # ours and the venue's differ by more than half a percentage point
    rung: str = "UNKNOWN"  # SAFE .. EMERGENCY
    margin_rung: str = "UNKNOWN"
    ltv_ladder: tuple[RungView, ...] = ()  # the lowest first; below it SAFE
    margin_ladder: tuple[RungView, ...] = ()  # the same; below it CALM
    liquidation_down: Decimal | None = None
    liquidation_up: Decimal | None = None
    distance_down: float | None = None  # fraction of the present price
    distance_up: float | None = None
    distance_down_sigma: float | None = None  # in daily standard deviations
    distance_up_sigma: float | None = None
    reserve: Decimal = ZERO
    dry_run: bool = False
    payments: tuple[PaymentView, ...] = ()  # newest first; the open one is the first
    refused: str = ""  # the last payment that the cashier refused, and its rule; empty once one was planned
    refused_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlView:
    """Perps only, since the books began. The parts add up to `total` exactly."""

    realised: Decimal
    unrealised: Decimal | None
    funding: Decimal
    fees: Decimal  # > 0 was paid
    total: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitView:
    """The cycle of perp profit in progress. USDT.

    `pnl` is net since the cycle began, `peak` its highest. Once `armed` (from `arms_at` on), the cycle fires at `stop_at` or below; it also
    fires when price reaches `target_price`. `regime` is NEUTRAL, LONG_BIASED, SHORT_BIASED or TAKING_PROFIT. `action` is what firing does:
    realise, close or off. `realised` is what earlier cycles have turned into cash, net.
    """

    action: str = "off"
    regime: str = "NEUTRAL"
    cycle: int = 0
    began_ms: int | None = None
    anchor_price: Decimal | None = None
    pnl: Decimal | None = None
    peak: Decimal | None = None
    armed: bool = False
    arms_at: Decimal | None = None
    stop_at: Decimal | None = None
    target_price: Decimal | None = None
    realised: Decimal = Decimal(0)
    last_amount: Decimal | None = None
    last_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionView:
    """How well hedges were executed: the last one, and the average of the last `hedges` by size.

    `slippage` is the average fill against the mid when the hedge began, as a fraction, > 0 was worse; `maker_share` the part of the size
    that was made, not taken. `style` is what routine hedges use: ioc or chase.
    """

    style: str = "ioc"
    hedges: int = 0
    last_slippage: float | None = None
    last_maker_share: float | None = None
    slippage: float | None = None
    maker_share: float | None = None
    fees: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    order_link_id: str
    at_ms: int
    leg: str
    act: str
    qty: Decimal
    filled: Decimal
    avg_price: Decimal | None
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """`streams` says of each whether it is up, `stream_since_ms` since when it is so. `bad_inputs` counts what was dropped, by kind."""

    ready: bool
    reasons: tuple[str, ...]  # why not ready, in words
    streams: dict[str, bool]
    reconcile_failures: int
    unknown_orders: int
    bad_inputs: dict[str, int]
    records: int
    stream_since_ms: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerView:
    """One breaker: its figure (None: unknown) against its limit, and what resets it once tripped."""

    name: str
    tripped: bool
    figure: float | None
    limit: float
    unit: str
    resets: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbPreview:
    """What an emergency verb would leave behind, at the present price. None: not known; `liquidation` None: at no price, or not known."""

    verb: str
    long: Decimal | None
    short: Decimal | None
    delta: Decimal | None
    ltv: float | None
    liquidation: Decimal | None

    @property
    def words(self) -> str:
        """One line for a person."""
        long, short = ("unknown" if qty is None else f"{qty}" for qty in (self.long, self.short))
        delta = "unknown" if self.delta is None else f"{self.delta} BTC"
        ltv = "unknown" if self.ltv is None else f"{self.ltv:.1%}"
        seen = "unknown" if self.delta is None else "none seen"
        liquidation = seen if self.liquidation is None else f"about {self.liquidation:.0f} USDT"
        return f"long {long}, short {short}, delta {delta}, LTV {ltv}, liquidation {liquidation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbOffer:
    """A verb that a person may ask for. `confirm` is the phrase to be typed, "" where none is; `leaves` is for emergencies."""

    verb: Verb
    what: str
    confirm: str = ""
    needs_reason: bool = False
    takes_amount: bool = False
    leaves: VerbPreview | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbAnswer:
    """Whether a verb was taken in, and what a person is told."""

    accepted: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotView:
    now_ms: int  # market time
    started_ms: int | None
    run: str
    version: str
    world: str  # paper, testnet, demo, mainnet
    speed: float  # market seconds per real second
    symbol: str
    mode: Mode
    why: str  # why this mode
    market: MarketView
    book: BookView
    target: Target
    volatility: VolatilityView
    funding: FundingView
    loan: LoanView
    pnl: PnlView
    health: HealthView
    decisions: tuple[tuple[int, Decided], ...]  # (at_ms, decision), newest first
    orders: tuple[OrderView, ...]  # newest first
    profit: ProfitView = ProfitView()
    execution: ExecutionView = ExecutionView()
    breakers: tuple[BreakerView, ...] = ()
    latch: str = ""  # why the halt latch is closed; empty: it is open
