"""What goes out: the closed vocabulary of deeds and questions, and the records the engine keeps of its own thinking.

A command is journalled before it can leave. Only `engine.gate` makes a `PlaceOrder`; a test holds that.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce
from bot.domain.payments import (
    BooksCompared,
    DeedAbsent,
    LoanAdopted,
    PaymentEnded,
    PaymentPlanned,
    PaymentRefused,
    ReadLoan,
    RepayDebt,
    SeekRepayment,
    SeekTransfer,
    TransferCoin,
    Trigger,
)
from bot.domain.profit import ProfitCycle, ProfitRealised, RealiseWanted, Realising
from bot.domain.thoughts import BreakerMoved, EmergencyEnded, Measured

__all__ = [
    "BooksCompared",
    "CancelOrder",
    "CashAdopted",
    "Command",
    "Decided",
    "DeedAbsent",
    "FundingAdopted",
    "HedgeEnded",
    "LegsAdopted",
    "LoanAdopted",
    "Mode",
    "ModeChanged",
    "MoneyDeed",
    "Note",
    "OrderAbsent",
    "Outcome",
    "PaymentEnded",
    "PaymentPlanned",
    "PaymentRefused",
    "PlaceOrder",
    "ProfitCycle",
    "ProfitRealised",
    "ReadAccount",
    "ReadHistory",
    "ReadLoan",
    "RealiseWanted",
    "Realising",
    "Refusal",
    "RepayDebt",
    "SeekOrder",
    "SeekRepayment",
    "SeekTransfer",
    "Stage",
    "Thought",
    "TransferCoin",
    "Trigger",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """An order to send, complete: nothing about it is decided after this.

    `qty` is on the quantity grid, `limit_price` on the price grid (None: a market order: an emergency, or to shrink on a blind feed).
    `order_link_id` is unique for ever and says which run, which number and which leg. `decision` is the number of the Decided that
    asked for it; 0: an emergency did. `mid` is the middle of the book when the order was made: what its fills are measured against.
    """

    order_link_id: str
    symbol: str
    leg: Leg
    act: Act
    qty: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    decision: int
    mid: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    order_link_id: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAccount:
    """Ask for one validated reading of the account: both legs, open orders, wallet, executions since `executions_since_ms`.

    `cash_since_ms`: the transaction log since then as well; None: not wanted.
    """

    why: str
    executions_since_ms: int
    with_facts: bool = False
    cash_since_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadHistory:
    """Ask for the contract's filters, the last `bars` closed candles of `minutes` and the last `funding_points` settled rates."""

    minutes: int
    bars: int
    funding_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeekOrder:
    """Ask realtime, history and executions for one orderLinkId."""

    order_link_id: str
    symbol: str
    sent_ms: int


MoneyDeed = TransferCoin | RepayDebt
"""Deeds that move money; only `engine.cashier` makes them, and a test holds that."""

Command = (
    PlaceOrder
    | CancelOrder
    | TransferCoin
    | RepayDebt
    | ReadAccount
    | ReadHistory
    | ReadLoan
    | SeekOrder
    | SeekTransfer
    | SeekRepayment
)


class Mode(Enum):
    """What the engine may do; the table of permissions is `engine.modes`."""

    STARTING = "STARTING"
    OBSERVE = "OBSERVE"
    TRADING = "TRADING"
    BLIND = "BLIND"
    REDUCING = "REDUCING"
    EMERGENCY = "EMERGENCY"
    HALTED = "HALTED"


class Outcome(Enum):
    """What a decision came to."""

    HEDGE = "hedge"
    HOLD = "hold"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of the pipeline: what went in, what came out, and why. Numbers are the step's own units; None is "unavailable"."""

    name: str
    value: float | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision with everything that led to it; a refusal to act is a decision too.

    `inputs` are the exact numbers given to the strategy (None: unavailable), so that it can be taken again bit for bit. `long_target`
    and `short_target` are absolute leg sizes in BTC: what the orders that follow work towards. `memory` is what hysteresis carries to the
    next decision. `execution` is how the orders may be worked: "market" at once, "post-only chase" patiently. Deltas in BTC, price in USDT.
    """

    number: int
    trigger: str
    outcome: Outcome
    reason: str
    inputs: dict[str, float | None]
    stages: tuple[Stage, ...]
    delta: Decimal | None
    target_delta: Decimal | None
    gap: Decimal | None
    long_target: Decimal | None
    short_target: Decimal | None
    first_leg: Leg | None
    memory: dict[str, float | None]
    execution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeEnded:
    """The orders of a hedge have come to an end: its leg targets were reached, or it was given up.

    `filled` BTC were traded for `fees` USDT in `took_ms`. `slippage_bp` is the average fill against the mid when its first order was
    made, in basis points, > 0 was worse than the mid; `maker_share` the part of the size that was made, not taken. None: nothing traded.
    `turned_away`: gate, venue or book would not have it; the same again at once would only repeat it.
    """

    decision: int
    reached: bool
    reason: str
    filled: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    slippage_bp: float | None = None
    maker_share: float | None = None
    took_ms: int | None = None
    turned_away: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The gate said no to an order that a decision asked for."""

    decision: int
    leg: Leg
    act: Act
    qty: Decimal
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChanged:
    before: Mode
    after: Mode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegsAdopted:
    """The venue's legs were taken over as truth, because executions did not explain them (or there were no books yet).

    Executions up to `seq` (or, where the venue gives no seq, up to `at_ms`) are contained in these legs.
    """

    long_qty: Decimal
    short_qty: Decimal
    long_entry: Decimal | None
    short_entry: Decimal | None
    seq: int
    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CashAdopted:
    """A coin's wallet less `explained`, the changes that the log told so far: where our account of it begins. `was`: until now."""

    coin: str
    wallet: Decimal
    explained: Decimal
    was: Decimal | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingAdopted:
    """A settlement of a leg that the transaction log shows and no execution told: booked as the log says. `funding` > 0 was received."""

    leg: Leg
    settled_ms: int
    funding: Decimal
    was: Decimal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAbsent:
    """The four clauses of the proof hold: this order never existed."""

    order_link_id: str
    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something a person should know. `severity` is info, warning or critical; `kind` is stable and names a page of the runbook."""

    severity: str
    kind: str
    text: str


Thought = (
    Decided
    | HedgeEnded
    | RealiseWanted
    | ProfitCycle
    | Realising
    | ProfitRealised
    | Refusal
    | ModeChanged
    | LegsAdopted
    | CashAdopted
    | FundingAdopted
    | OrderAbsent
    | PaymentPlanned
    | PaymentEnded
    | PaymentRefused
    | DeedAbsent
    | LoanAdopted
    | BooksCompared
    | Note
    | EmergencyEnded
    | BreakerMoved
    | Measured
)
"""The engine's own records: journalled and folded like events, but they leave nothing."""
