"""The messages: one shape per topic, each with a version. A shape only ever gains fields; anything else is a new version.

Decimals travel as strings and times as UTC milliseconds of market time. Quantities are BTC, money is USDT, rates are fractions, None is
"unavailable". `docs/schemas` holds the JSON schema of each, written by `python -m scripts.stream_schemas`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import msgspec

__all__ = [
    "MESSAGES",
    "EmergencyAction",
    "FundingContext",
    "HedgeTrade",
    "MarketData",
    "Message",
    "PnlUpdate",
    "PositionState",
    "ProfitTaking",
    "schema_name",
]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What every message says of itself.

    `journal` names the journal it comes from, `number` the record in it, `run` the daemon's run that wrote it: a repeat (after a crash a
    message may come twice) carries the same three and the same topic. A journal brought back from a copy gives its numbers again, in a new
    run. `run` is empty in what an older version told.
    """

    topic: ClassVar[str]
    version: ClassVar[int] = 1

    journal: str
    number: int
    at_ms: int
    world: str
    symbol: str
    run: str = ""


class MarketData(Message, frozen=True, kw_only=True):
    """A price that the engine took in."""

    topic: ClassVar[str] = "market_data"

    last: Decimal
    mark: Decimal
    index: Decimal
    bid: Decimal
    ask: Decimal


class FundingContext(Message, frozen=True, kw_only=True):
    """The funding of the contract, told when it changes. `rate` is per `interval_h` hours, positive: longs pay."""

    topic: ClassVar[str] = "funding_context"

    rate: Decimal | None
    interval_h: int | None
    next_ms: int | None
    apr: float | None
    regime: str


class HedgeTrade(Message, frozen=True, kw_only=True):
    """An execution that moved a leg. `ours`: by an order of this bot. `fee` above zero was paid."""

    topic: ClassVar[str] = "hedge_trades"

    exec_id: str
    kind: str
    order_link_id: str
    ours: bool
    side: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    is_maker: bool
    exec_ms: int


class PositionState(Message, frozen=True, kw_only=True):
    """The book, told when something in it changed."""

    topic: ClassVar[str] = "position_states"

    spot: Decimal | None
    long: Decimal
    short: Decimal
    delta: Decimal | None
    target_delta: Decimal | None
    hedge_ratio: float | None
    volatility_regime: str
    mark: Decimal | None
    debt: Decimal | None
    ltv: float | None
    mode: str
    why: str


class PnlUpdate(Message, frozen=True, kw_only=True):
    """Perp profit and loss since the books began; the parts add up to `total`. `fees` above zero were paid."""

    topic: ClassVar[str] = "pnl_updates"

    realised: Decimal
    unrealised: Decimal | None
    funding: Decimal
    fees: Decimal
    total: Decimal | None


class ProfitTaking(Message, frozen=True, kw_only=True):
    """Profit was turned into cash: `amount` is what may be shared out, net of `costs`."""

    topic: ClassVar[str] = "profit_taking"

    cycle: int
    action: str
    why: str
    amount: Decimal
    costs: Decimal
    price: Decimal


class EmergencyAction(Message, frozen=True, kw_only=True):
    """Something that a person on duty would want to hear at once. `kind` is stable: mode, latch, operator, or a note's kind."""

    topic: ClassVar[str] = "emergency_actions"

    kind: str
    severity: str
    text: str


MESSAGES: tuple[type[Message], ...] = (
    MarketData,
    FundingContext,
    HedgeTrade,
    PositionState,
    PnlUpdate,
    ProfitTaking,
    EmergencyAction,
)


def schema_name(shape: type[Message]) -> str:
    """The name that a message's header carries, and its schema's file: hedgelock.market_data.v1."""
    return f"hedgelock.{shape.topic}.v{shape.version}"
