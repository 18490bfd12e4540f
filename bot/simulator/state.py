"""What the venue remembers: market, accounts, histories, and the messages not yet sent.

Plain records and the counters that name them; the rules that change them live in the other rooms.
"""

from __future__ import annotations

import random
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from bot.simulator.figures import ZERO
from bot.simulator.instruments import COINS, LINEAR, SPOT, Contract
from bot.simulator.loanbook import LoanBook
from bot.simulator.orders import Order
from bot.simulator.positions import ClosedPnl, Leg
from bot.simulator.rules import VenueRules

if TYPE_CHECKING:
    from bot.simulator.margin import Exposure

__all__ = [
    "Account",
    "BorrowRow",
    "ExecRow",
    "Fate",
    "FundRow",
    "Market",
    "Mint",
    "Purse",
    "Push",
    "SettledFunding",
    "State",
    "TransferRow",
    "TxnRow",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One stream message for the face to send. Private: `rows` are V5-shaped. Public: `account` None, `rows` = (data,)."""

    account: str | None
    channel: str
    topic: str
    rows: tuple[dict[str, Any], ...]
    at_ms: int


@dataclass(slots=True)
class Market:
    """The tape's latest word, and the funding clock. `last` is the perpetual's, `index` is the spot pair's price."""

    last: Decimal = ZERO
    mark: Decimal = ZERO
    index: Decimal = ZERO
    volume: Decimal = ZERO
    funding_rate: Decimal = ZERO
    next_funding_ms: int = 0

    @property
    def ready(self) -> bool:
        return self.last > 0


@dataclass(slots=True)
class Purse:
    """One coin of the unified account. `balance` is walletBalance (borrowed coins included); it goes below zero by auto-borrow."""

    balance: Decimal = ZERO
    spot_borrow: Decimal = ZERO
    """Manual and spot-margin borrowing outstanding."""
    cum_realised: Decimal = ZERO
    collateral_on: bool = True
    auto_repay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TxnRow:
    """One line of the transaction log: change = cash_flow + funding - fee (Bybit: account/transaction-log)."""

    serial: int
    at_ms: int
    type: str
    coin: str
    category: str = ""
    symbol: str = ""
    side: str = "None"
    qty: Decimal = ZERO
    size: Decimal = ZERO
    price: Decimal = ZERO
    cash_flow: Decimal = ZERO
    funding: Decimal | None = None
    fee: Decimal = ZERO
    fee_rate: Decimal = ZERO
    balance: Decimal = ZERO
    trade_id: str = ""
    order_id: str = ""
    link_id: str = ""

    @property
    def change(self) -> Decimal:
        return self.cash_flow + (self.funding or ZERO) - self.fee


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecRow:
    """One execution (Bybit: order/execution). `fee` > 0 is a cost, also on Funding rows."""

    serial: int
    at_ms: int
    category: str
    exec_id: str
    exec_type: str
    order_id: str
    link_id: str
    side: str
    order_price: Decimal
    order_qty: Decimal
    leaves: Decimal
    order_type: str
    stop_order_type: str
    create_type: str
    is_leverage: bool
    market_unit: str
    price: Decimal
    qty: Decimal
    value: Decimal
    fee: Decimal
    fee_coin: str
    fee_rate: Decimal
    is_maker: bool
    closed_size: Decimal
    pnl: Decimal
    mark: Decimal
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowRow:
    """One hourly interest record (Bybit: account/borrow-history)."""

    serial: int
    at_ms: int
    coin: str
    borrowed: Decimal
    free: Decimal
    rate: Decimal
    cost: Decimal
    unrealised_loss: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FundRow:
    """One line of the Funding account's log (Bybit: asset/fund-history)."""

    serial: int
    at_ms: int
    coin: str
    change: Decimal
    balance: Decimal
    kind: str


@dataclass(slots=True, kw_only=True)
class TransferRow:
    """One transfer between FUND and UNIFIED; PENDING until `lands_ms`."""

    serial: int
    transfer_id: str
    coin: str
    amount: Decimal
    source: str
    target: str
    at_ms: int
    lands_ms: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What a fault plan has in store for an account's next order: "reject" after the acknowledgement, or "partial": `share` of
    what it would have traded, the rest cancelled. `reason` is the rejectReason shown."""

    kind: Literal["reject", "partial"]
    share: Decimal = Decimal("0.5")
    reason: str = "EC_Others"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledFunding:
    serial: int
    at_ms: int
    rate: Decimal


class Mint:
    """Names things: the same seed and the same calls give the same names."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._serial = 0
        self._seq = 8_000_000_000

    def serial(self) -> int:
        self._serial += 1
        return self._serial

    def seq(self) -> int:
        """The cross sequence of one match; larger is later."""
        self._seq += 1
        return self._seq

    @property
    def last_seq(self) -> int:
        return self._seq

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def order_id(self, category: str) -> str:
        """A UUID for derivatives, a 19-digit number for spot, as in Bybit's examples."""
        return str(1_600_000_000_000_000_000 + self.serial() * 256) if category == "spot" else self.uuid()


@dataclass(slots=True, kw_only=True)
class Account:
    """One user's unified account, funding account, loan book and everything that happened to them."""

    name: str
    uid: int
    opened_ms: int
    rows: int
    purses: dict[str, Purse] = field(default_factory=lambda: {coin: Purse() for coin in COINS})
    fund: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(COINS, ZERO))
    legs: dict[int, Leg] = field(default_factory=lambda: {idx: Leg(idx=idx) for idx in (0, 1, 2)})
    leverage: dict[str, Decimal] = field(default_factory=lambda: {"Buy": Decimal(10), "Sell": Decimal(10)})
    hedge_mode: bool = False
    margin_mode: str = "REGULAR_MARGIN"
    mode_changed_ms: int = 0
    spot_margin_on: bool = True
    spot_leverage: Decimal = Decimal(10)
    delta_enable: bool = False
    reprice_spot: bool = False
    """lpaSpot: out-of-band spot prices are adjusted instead of refused."""
    refuse_perp: bool = False
    """lpaPerp: out-of-band perpetual prices are refused instead of adjusted."""
    orders: dict[str, Order] = field(default_factory=dict)
    """Open orders by orderId, in order of creation."""
    links: dict[tuple[str, str], Order] = field(default_factory=dict)
    """Every order that ever had an orderLinkId, by (scope, orderLinkId)."""
    closing: dict[str, ClosedPnl] = field(default_factory=dict)
    """Closed-P&L records of orders that are still open, by orderId."""
    fates: deque[Fate] = field(default_factory=deque)
    calm_reach: int = 0
    """How narrow the last calm box was (see `calm`): where the search for the next begins."""
    exposure: Exposure | None = field(default=None, repr=False, compare=False)
    """What margin remembers of it (see `margin.exposure_of`): work remembered, not a fact."""
    loans: LoanBook = field(default_factory=LoanBook)
    transfers: dict[str, TransferRow] = field(default_factory=dict)
    closed: deque[Order] = field(init=False)
    executions: deque[ExecRow] = field(init=False)
    log: deque[TxnRow] = field(init=False)
    closed_pnl: deque[ClosedPnl] = field(init=False)
    interest: deque[BorrowRow] = field(init=False)
    fund_log: deque[FundRow] = field(init=False)

    def __post_init__(self) -> None:
        self.closed = deque(maxlen=self.rows)
        self.executions = deque(maxlen=self.rows)
        self.log = deque(maxlen=self.rows)
        self.closed_pnl = deque(maxlen=self.rows)
        self.interest = deque(maxlen=self.rows)
        self.fund_log = deque(maxlen=self.rows)

    def live_legs(self) -> tuple[Leg, ...]:
        """The legs of the present position mode, flat ones included."""
        return (self.legs[1], self.legs[2]) if self.hedge_mode else (self.legs[0],)

    def resting(self, category: str) -> Iterator[Order]:
        """Orders on the book."""
        return (order for order in self.orders.values() if order.category == category and order.rests)

    def whole_stop(self, idx: int, kind: str) -> Order | None:
        """The waiting TakeProfit, StopLoss or TrailingStop on a whole leg."""
        for order in self.orders.values():
            if (
                order.position_idx == idx
                and order.stop_order_type == kind
                and order.follows_leg
                and order.is_conditional
            ):
                return order
        return None

    def locked(self, coin: str) -> Decimal:
        """Coin frozen by spot orders: what a sell would give, what a buy would pay."""
        frozen = ZERO
        for order in self.orders.values():
            if not order.freezes:
                continue
            price = order.price or order.trigger_price
            if order.side == "Sell" and coin == "BTC":
                frozen += order.leaves if order.quote_budget is None else order.quote_budget / price
            elif order.side == "Buy" and coin == "USDT":
                frozen += order.leaves * price if order.quote_budget is None else order.quote_budget
        return frozen


@dataclass(slots=True, kw_only=True)
class State:
    """Everything. One venue, one State."""

    rules: VenueRules
    now_ms: int
    seed: int
    mint: Mint
    market: Market = field(default_factory=Market)
    contracts: dict[str, Contract] = field(default_factory=lambda: {"linear": LINEAR, "spot": SPOT})
    accounts: dict[str, Account] = field(default_factory=dict)
    outbox: list[Push] = field(default_factory=list)
    next_interest_ms: int = 0
    next_half_hour_ms: int = 0
    pending: list[tuple[Account, TransferRow]] = field(default_factory=list)
    """Transfers on their way."""
    settled: deque[SettledFunding] = field(default_factory=lambda: deque(maxlen=10_000))
    taken: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """BTC taken from the synthetic book since the last tick, by (category, side of the taker)."""

    @property
    def linear(self) -> Contract:
        return self.contracts["linear"]

    def centre(self, category: str) -> Decimal:
        """The price a category trades around: the perpetual's last, or the spot index on its tick."""
        if category == "linear":
            return self.market.last
        return self.contracts["spot"].floor_price(self.market.index)

    def push(self, account: Account, topic: str, rows: list[dict[str, Any]]) -> None:
        """A private message."""
        if rows:
            self.outbox.append(
                Push(account=account.name, channel="private", topic=topic, rows=tuple(rows), at_ms=self.now_ms)
            )

    def announce(self, channel: str, topic: str, data: Any) -> None:
        """A public message."""
        self.outbox.append(Push(account=None, channel=channel, topic=topic, rows=(data,), at_ms=self.now_ms))
