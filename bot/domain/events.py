"""What comes in: the closed vocabulary of facts that the engine folds and thinks about.

Shore rooms build these values; the engine alone gives them meaning. Times ending in `_ms` are UTC milliseconds; `at_ms` is when the
venue says it happened. When it reached us is not here: the wheel stamps that once, as `now_ms`, for every record.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from bot.domain.account import AccountFacts, AccountReading, CashRow, Execution, Wallet
from bot.domain.instrument import Instrument
from bot.domain.legs import LegRow
from bot.domain.loan import Fate, LoanReading, RepayRow, TransferRow
from bot.domain.orders import OrderRow, Verdict

__all__ = [
    "AccountRead",
    "BadInput",
    "Bar",
    "BarClosed",
    "CashSeen",
    "Channel",
    "ChannelChanged",
    "ChecksRun",
    "Event",
    "ExecutionSeen",
    "FactsLost",
    "FundingContextSeen",
    "FundingPoint",
    "HistoryRead",
    "JournalSeen",
    "LatchSeen",
    "LegSeen",
    "LoanRead",
    "MoneyAnswered",
    "OperatorAsked",
    "OrderAnswered",
    "OrderSeen",
    "OrderSought",
    "ReadFailed",
    "RepaymentSought",
    "Started",
    "Stopping",
    "Ticked",
    "TickerSeen",
    "TransferSought",
    "Verb",
    "WalletSeen",
]


class Channel(Enum):
    """A way by which facts reach us; each has a health of its own."""

    PUBLIC = "public stream"
    PRIVATE = "private stream"


class Verb(Enum):
    """What an operator may ask of a running engine. The last resorts: FREEZE cancels and halts, the legs stay; NEUTRALISE also closes what
    makes |delta| large; FLATTEN closes both legs. All three close the latch.
    """

    PAUSE = "pause"
    RESUME = "resume"
    REHEDGE = "rehedge"
    FREEZE = "freeze"
    NEUTRALISE = "neutralise"
    FLATTEN = "flatten"
    REALISE = "realise"
    REPAY = "repay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The process is up. `run` names this run and is part of every orderLinkId it makes."""

    run: str
    version: str
    mode: str
    settings_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """The process was asked to leave: finish what is in flight, start nothing, keep the hedge."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """The engine's own pulse, so that silence too is noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerSeen:
    """The merged ticker: every field known (a delta is merged before it gets here). Rates are fractions per funding interval.

    `bid_qty` and `ask_qty` are what stands at the touch, in BTC; None where the venue does not say.
    """

    at_ms: int
    last: Decimal
    mark: Decimal
    index: Decimal
    bid: Decimal
    ask: Decimal
    funding_rate: Decimal | None
    next_funding_ms: int | None
    funding_interval_h: int | None
    bid_qty: Decimal | None = None
    ask_qty: Decimal | None = None

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One closed candle; `start_ms` is its opening time."""

    start_ms: int
    minutes: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BarClosed:
    bar: Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPoint:
    """One settled funding rate (fraction per interval, positive: longs pay)."""

    at_ms: int
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRead:
    """What REST knows of the past, oldest first, and the contract's filters: the engine starts warm."""

    instrument: Instrument
    bars: tuple[Bar, ...]
    funding: tuple[FundingPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSeen:
    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class CashSeen:
    """A line of the venue's account book, journalled once."""

    row: CashRow


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    order: OrderRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LegSeen:
    """A position push. Advisory: it may repeat without change and says nothing that an execution does not."""

    row: LegRow


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletSeen:
    wallet: Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRead:
    """A validated reading of the account, in answer to ReadAccount. `facts` is present when they were asked for."""

    reading: AccountReading
    facts: AccountFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFailed:
    """A question had no usable answer. `what` names the command that asked."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAnswered:
    """The answer to an order request, or the proof that there was none."""

    order_link_id: str
    verdict: Verdict
    code: int | None
    reason: str
    order_id: str = ""
    for_want: bool = False
    """Refused because the account cannot carry it, now or at this size: nothing is wrong with the order or with who sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSought:
    """What the venue's books say of one orderLinkId: realtime, history and executions, all three answered validly.

    `order` None with no executions and nothing unread is one valid negative; it becomes absence only with the other clauses of the proof.
    """

    order_link_id: str
    order: OrderRow | None
    executions: tuple[Execution, ...]
    unread: tuple[str, ...] = ()
    """Rows that bear its name and cannot be read: why, each with a sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanRead:
    """A validated reading of the loan, in answer to ReadLoan."""

    reading: LoanReading


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyAnswered:
    """The answer to a transfer or a repayment, or the proof that there was none. `deed` is the command's class.

    `fate` is what an accepted one has come to so far; `ref` the venue's own name for it, if it gave one.
    """

    payment: int
    deed: str
    verdict: Verdict
    code: int | None
    reason: str
    fate: Fate | None = None
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSought:
    """What the venue's books say of one transfer; `row` None is one valid negative."""

    payment: int
    row: TransferRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentSought:
    """What the venue's books say of repayments since one was sent, newest first, and the debt that stands.

    `debt` was read after the rows: a repayment that neither the rows nor the debt show had not happened when they were read.
    """

    payment: int
    rows: tuple[RepayRow, ...]
    debt: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelChanged:
    """A stream came up (connected, authenticated where needed, every topic acknowledged) or went down."""

    channel: Channel
    up: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BadInput:
    """Something unusable arrived and was dropped. `kind` is of a small closed set, `sample` is clipped and unsafe text."""

    kind: str
    sample: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsLost:
    """The inbox overflowed and dropped `count` facts: what they said must be read from REST."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchSeen:
    """The halt latch on disk was found closed (or open again)."""

    closed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSeen:
    """The journal was found to take no records (or to take them again); `reason` is the disk's own word, stable while it lasts."""

    writable: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksRun:
    """The preflight was run: what stands against trading, one line each. Empty: nothing does."""

    against: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingContextSeen:
    """What another system said of our contract's funding, of its own accord (see `engine.outside`).

    `regime` is one of our own names; `at_ms` the sender's time, neither stale nor ahead of ours when it came; `source` is unsafe text.
    """

    at_ms: int
    regime: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAsked:
    """`amount` is the USDT of a REPAY; None: what a sweep would pay now."""

    verb: Verb
    reason: str
    who: str
    amount: Decimal | None = None


Event = (
    Started
    | Stopping
    | Ticked
    | TickerSeen
    | BarClosed
    | HistoryRead
    | ExecutionSeen
    | CashSeen
    | OrderSeen
    | LegSeen
    | WalletSeen
    | AccountRead
    | ReadFailed
    | OrderAnswered
    | OrderSought
    | LoanRead
    | MoneyAnswered
    | TransferSought
    | RepaymentSought
    | ChannelChanged
    | BadInput
    | FactsLost
    | JournalSeen
    | LatchSeen
    | ChecksRun
    | FundingContextSeen
    | OperatorAsked
)
