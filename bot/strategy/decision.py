"""The words of a decision: what `pipeline.decide` reads and what it answers.

Knows the shape only; the rules live in the modules that `pipeline` calls. Every field is a float or an int, so the same
values travel through plain Python and through a compiled loop.

Conventions: quantities in BTC (`_btc`) or whole quantity steps (`_steps`), prices and cash in USDT, `sigma_24h` and
rates as decimals (0.01 = 1 %), APR simple on 365 days. A missing float is NaN; a missing leg is a negative step count;
a missing level is -1. Nothing here has a default that could trade by accident.
"""

from typing import Final, NamedTuple

NAN: Final = float("nan")

# Policy.hedge_mode
SPLIT: Final = 0  # target is the user's; h(sigma) splits the trade between the legs (the original meaning of h)
COVERAGE: Final = 1  # h(sigma) is the share of the spot that is covered: target = Q (1 - h m)
TARGET: Final = 2  # target is the user's; volatility is not consulted; legs shrink before they grow

# Policy.funding_mode
SIGN_AWARE: Final = 0  # scale the hedge only by what it pays
SYMMETRIC: Final = 1  # the original multipliers, sign ignored; they scale h
FUNDING_OFF: Final = 2  # funding changes nothing

# Policy.schedule
BAND_ONLY: Final = 0  # the band alone decides, at every event
BAND_AND_SCHEDULE: Final = 1  # besides, when the schedule is due any gap is traded whole
SCHEDULE_ONLY: Final = 2  # only when due, and then whole (the original, hourly)

# Operator.manual_mode
MANUAL_OFF: Final = 0
MANUAL_HOLD: Final = 1  # no order at all
MANUAL_TARGET: Final = 2  # Operator.manual_target_btc is the target, everything below is overruled
MANUAL_FLATTEN: Final = 3  # both legs to zero; the decision says what delta that leaves

# Decision.action
REFUSE: Final = 0  # an input is missing or impossible; see Decision.reason
HOLD: Final = 1  # nothing to do, or not now; see Decision.reason
TRADE: Final = 2

# Decision.first_leg
LEG_NONE: Final = 0
LEG_LONG: Final = 1
LEG_SHORT: Final = 2

# Decision.execution
POST_ONLY_CHASE: Final = 0
MARKET_IOC: Final = 1


class Instrument(NamedTuple):
    """Lot rules of the perp (Bybit: market/instrument, lotSizeFilter)."""

    step_btc: float
    """Quantity step in BTC, > 0 (BTCUSDT 0.001)."""
    min_steps: int
    """Smallest order in steps, >= 1."""
    min_notional_usdt: float
    """Smallest order value in USDT, >= 0 (BTCUSDT 5)."""


class Book(NamedTuple):
    """What is held, as the exchange says, plus what is on its way."""

    spot_btc: float
    """Collateral Q in BTC, >= 0; NaN unknown."""
    long_steps: int
    """Long leg, >= 0; negative unknown."""
    short_steps: int
    """Short leg, >= 0; negative unknown."""
    long_in_flight_steps: int
    """Signed change of the long leg already ordered and not yet executed."""
    short_in_flight_steps: int
    """Signed change of the short leg already ordered and not yet executed."""


class Market(NamedTuple):
    """What the market says."""

    price: float
    """Mark price in USDT; NaN unknown."""
    price_age_ms: float
    """Age of that price; NaN unknown, treated as stale."""
    sigma_24h: float
    """Regime sigma per 24 h (0.0262 = 2.62 %); NaN unknown: the previous level stays."""
    funding_apr: float
    """Smoothed funding APR (0.1095 = 10.95 %), positive: longs pay shorts; NaN unknown or stale."""
    funding_regime: int
    """`funding.UNKNOWN` .. `funding.EXTREME`, hysteresis already applied."""


class Account(NamedTuple):
    """Debt and margin. A field that is NaN makes the rule that needs it refuse to grow |delta|."""

    debt_usdt: float
    """Principal and accrued interest; 0 = no loan; NaN unknown."""
    collateral_ratio: float
    """Collateral value ratio c of the BTC, 0 < c <= 1."""
    ltv_reported: float
    """LTV as the exchange reports it (0.517); NaN when it reports none. The worse of the two is used."""
    margin_usdt: float
    """Margin balance that carries the perps; NaN unknown."""
    mm_usdt: float
    """Maintenance margin in use; NaN unknown."""


class Operator(NamedTuple):
    """What a person, or an event that needs a hurry, asks for."""

    manual_mode: int
    """MANUAL_OFF .. MANUAL_FLATTEN."""
    manual_target_btc: float
    """Target delta for MANUAL_TARGET; NaN otherwise."""
    emergency: int
    """1: long leg to zero, short to min(Q, what margin permits), at once."""
    urgent_event: int
    """1: ADL, liquidation or a foreign trade just moved a leg. A gap outside the band is closed whole, at market, at once;
    inside it, undoing costs more than it risks."""


class Policy(NamedTuple):
    """Settings. `pipeline.DEFAULT_POLICY` holds the defaults."""

    hedge_mode: int
    target_delta_btc: float
    """The user's own target delta."""
    sigma_low: float
    """sigma_24h at which h rises from 0.20 to 0.40 (0.02)."""
    sigma_high: float
    """sigma_24h at which h rises from 0.40 to 0.60 (0.04)."""
    sigma_fall_ratio: float
    """A level is left downwards at this share of its threshold, 0 < r <= 1 (0.85)."""
    h_low: float
    h_mid: float
    h_high: float
    funding_mode: int
    funding_exit: int
    """1: a book that pays EXTREME funding gives its hedge up, down to the LTV floor."""
    pay_fall_ratio: float
    """A paying tier is left downwards at this share of its threshold (0.8)."""
    insurance_drop: float
    """Fall x the LTV-insurance floor must survive (0.30); 0 switches the floor off."""
    insurance_ltv: float
    """Net LTV promised after that fall (0.65)."""
    ltv_monitor: float
    ltv_warning: float
    ltv_critical: float
    ltv_emergency: float
    ltv_leave: float
    """A level is left this far below its threshold (0.03)."""
    mm_alert: float
    mm_top_up: float
    mm_reduce: float
    mm_close: float
    mm_leave: float
    mm_per_price: float
    """Maintenance margin and closing fee per USDT of position (0.005 + 0.00055)."""
    band_btc: float
    """Half-width H of the no-trade band (0.010)."""
    band_inner_share: float
    """Where a band trade stops, as a share of H: 0 centre, 0.5 half-way, 1 edge."""
    urgent_bands: float
    """A gap beyond this many H that reduces |delta| is executed at market (3)."""
    schedule: int
    """BAND_ONLY, BAND_AND_SCHEDULE or SCHEDULE_ONLY."""
    rehedge_interval_ms: int
    """The schedule's interval (the original: 3,600,000)."""
    min_interval_ms: int
    """Least time between two routine hedges."""
    price_stale_after_ms: int
    """An older price may only shrink legs, and only while |delta| shrinks."""


class Memory(NamedTuple):
    """What one decision hands to the next: the levels that hysteresis needs."""

    vol_level: int
    """0, 1, 2; -1 before the first sigma."""
    pay_level: int
    """Tier of paid funding, 0 .. 4; -1 before the first APR."""
    ltv_level: int
    """`ladder.SAFE` .. `ladder.EMERGENCY`; -1 before the first LTV."""
    margin_level: int
    """`ladder.MARGIN_CALM` .. `ladder.MARGIN_CLOSE`; -1 before the first figure."""
    funding_multiplier: float
    """The multiplier of the previous decision; NaN before the first."""
    user_target_btc: float
    """The user's target of the previous decision; NaN before the first."""
    recentre: int
    """1: the policy changed and the target has not been reached since; trade to the centre."""


class DecisionInputs(NamedTuple):
    """Everything `decide` reads."""

    now_ms: int
    last_hedge_ms: int
    """Time of the last hedge that was sent, on the same clock as now_ms; negative: none yet."""
    book: Book
    market: Market
    account: Account
    instrument: Instrument
    operator: Operator
    policy: Policy
    memory: Memory


class Stage(NamedTuple):
    """One rule's turn: the target delta it was given, the figure it worked with, the target it passes on."""

    before_btc: float
    value: float
    """User: target. Volatility: h. Funding: multiplier. LTV floor: least net short in BTC. Margin: short cap in BTC.
    Emergency and manual: short wanted / target. NaN where the stage had nothing to say."""
    after_btc: float
    reason: int


class Decision(NamedTuple):
    """What to do, and every step of how it came about. `reasons.text(code)` words the codes."""

    action: int
    """REFUSE, HOLD or TRADE."""
    reason: int
    """Why this action."""
    user: Stage
    volatility: Stage
    funding: Stage
    ltv_floor: Stage
    margin: Stage
    emergency: Stage
    manual: Stage
    h_effective: float
    """Share of the trade meant for the short leg."""
    ltv: float
    """The LTV that was used; NaN unknown."""
    mm_rate: float
    """Maintenance margin / margin balance; NaN unknown."""
    delta_btc: float
    """Q + L - S with what is in flight counted as done."""
    target_btc: float
    gap_btc: float
    """target - delta; negative: delta must fall."""
    trade_steps: int
    """Change of delta that is ordered, after band and rounding towards zero."""
    long_change_steps: int
    short_change_steps: int
    first_leg: int
    """LEG_LONG or LEG_SHORT goes first when both move; shrink before grow."""
    delta_after_btc: float
    urgent: int
    execution: int
    """POST_ONLY_CHASE or MARKET_IOC."""
    memory: Memory
    """Hand this to the next decision."""
