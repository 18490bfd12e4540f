"""What the venue says we own and owe: executions, balances, and one validated reading of the whole account."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from bot.domain.legs import LegRow, Side
from bot.domain.orders import OrderRow

__all__ = ["AccountFacts", "AccountReading", "CashKind", "CashRow", "Coin", "ExecKind", "Execution", "Wallet"]


class ExecKind(Enum):
    """Why an execution happened (Bybit: enum, execType). Only the kinds in `MOVES_LEGS` move a leg."""

    TRADE = "Trade"
    ADL = "AdlTrade"
    FUNDING = "Funding"
    BUST = "BustTrade"
    DELIVERY = "Delivery"
    SETTLE = "Settle"
    BLOCK = "BlockTrade"
    MOVE = "MovePosition"
    SPREAD = "FutureSpread"
    UNKNOWN = "UNKNOWN"

    @property
    def moves_legs(self) -> bool:
        return self in _MOVES_LEGS


_MOVES_LEGS = frozenset(
    {
        ExecKind.TRADE,
        ExecKind.ADL,
        ExecKind.BUST,
        ExecKind.DELIVERY,
        ExecKind.SETTLE,
        ExecKind.BLOCK,
        ExecKind.MOVE,
        ExecKind.SPREAD,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution row, from the stream or from REST; the same fact whichever way it came (Bybit: order/execution).

    `fee` > 0 is a cost; for Funding rows `fee` > 0 was paid and < 0 received. `closed_qty` > 0 says that it closed part of a leg.
    `qty` is always positive; for Funding rows it is the size of the leg charged, and nothing moves.
    """

    exec_id: str
    kind: ExecKind
    symbol: str
    order_id: str
    order_link_id: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    closed_qty: Decimal
    is_maker: bool
    exec_ms: int
    seq: int = -1
    category: str = "linear"
    raw_kind: str = ""


class CashKind(Enum):
    """Why money moved in the unified account, in the few kinds that matter here (Bybit: account/transaction-log, type)."""

    TRADE = "trade"
    SETTLEMENT = "settlement"  # funding of a perpetual
    INTEREST = "interest"
    TRANSFER = "transfer"
    BORROW = "borrow"
    REPAY = "repay"
    LIQUIDATION = "liquidation"
    CONVERSION = "conversion"  # one coin became another without an order of ours
    BONUS = "bonus"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CashRow:
    """One line of the venue's own account book (Bybit: account/transaction-log). change = cash_flow + funding - fee, in `currency`.

    `row_id` names it for ever: Bybit's own id may repeat, so trade, type, coin and time are part of the name. `funding` > 0 was received
    (the sign of executions is the other one), None where the row is about something else; `fee` > 0 was paid. `balance` is the coin's
    wallet after it, None where the venue does not say. `side` of a settlement is the side of the leg it was charged on; `qty` and `price`
    are None where they mean nothing. `raw_kind` is the venue's own word.
    """

    row_id: str
    kind: CashKind
    raw_kind: str
    currency: str
    change: Decimal
    cash_flow: Decimal
    fee: Decimal
    funding: Decimal | None
    balance: Decimal | None
    at_ms: int
    category: str = ""
    symbol: str = ""
    side: Side | None = None
    qty: Decimal | None = None
    price: Decimal | None = None
    trade_id: str = ""
    order_id: str = ""
    order_link_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """One coin of the unified account (Bybit: account/wallet-balance).

    `wallet` includes borrowed coins; `equity` subtracts `spot_borrow`.
    """

    coin: str
    wallet: Decimal
    equity: Decimal
    spot_borrow: Decimal
    borrowed: Decimal
    unrealised: Decimal
    accrued_interest: Decimal
    usd_value: Decimal
    is_collateral: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """Account totals in USD and the coins. Rates are fractions (0.05 = 5 %); None where the venue says nothing.

    `unread` names coins that are there and whose figures cannot be read: nobody's here, or there would be no wallet.
    """

    coins: tuple[Coin, ...]
    total_equity: Decimal
    margin_balance: Decimal | None
    available: Decimal | None
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None
    im_rate: Decimal | None
    mm_rate: Decimal | None
    unread: tuple[str, ...] = ()

    def coin(self, name: str) -> Coin | None:
        """The coin's row, or None where the venue left it out."""
        for coin in self.coins:
            if coin.coin == name:
                return coin
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """What does not change while we trade, and must be verified before we do (Bybit: user/apikey-info, account/account-info)."""

    uid: str
    hedge_mode: bool | None  # None: could not be told from the rows
    margin_mode: str
    unified: bool
    read_only: bool
    can_withdraw: bool
    can_trade: bool
    ip_bound: bool
    expires_in_days: int | None  # None: does not expire
    taker_fee: Decimal | None
    maker_fee: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReading:
    """One validated reading of the whole account, taken in this order: executions, legs, orders, wallet, executions again, cash.

    Both legs are always present: a reply without both rows is not an observation and never gets here. `cash` are the transaction log's
    rows since the moment asked for, oldest first; None where they were not asked for or the log could not be read. `unread` says of each
    row that was left out because it cannot be read what it was and why: legs and the coins that matter are never among them.
    """

    asked_ms: int
    long: LegRow
    short: LegRow
    open_orders: tuple[OrderRow, ...]
    executions: tuple[Execution, ...]
    wallet: Wallet
    cash: tuple[CashRow, ...] | None = None
    unread: tuple[str, ...] = ()
