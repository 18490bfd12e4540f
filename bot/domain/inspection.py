"""What a look at the account shows before anything may trade: every fact, or why it could not be had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.account import AccountFacts
from bot.domain.instrument import Instrument
from bot.domain.loan import LoanReading
from bot.domain.orders import OrderRow

__all__ = ["Inspection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """One look. None: could not be had; `failed` says why, by the name of the question.

    `leverage` of (long, short). `rights` are the key's permissions as Bybit groups them. `clock_off_ms` > 0: this machine's clock is ahead.
    """

    facts: AccountFacts | None = None
    rights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leverage: tuple[Decimal, Decimal] | None = None
    flat: bool | None = None
    btc_is_collateral: bool | None = None
    repays_itself: bool | None = None
    loan: LoanReading | None = None
    instrument: Instrument | None = None
    newest_order: OrderRow | None = None
    """The last order that any HedgeLock placed here, of the day's orders that the venue lists."""
    newest_order_age_s: float = 0.0
    unread_orders: tuple[str, ...] = ()
    """The names of those of them whose rows cannot be read."""
    has_disconnect_cancel: bool | None = None
    clock_off_ms: int | None = None
    headroom: float | None = None
    """The least share of any endpoint's rate that was left while we looked, 0 to 1: a shared account is used up by others too."""
    banned_for_s: float = 0.0
    failed: Mapping[str, str] = field(default_factory=dict)
    refused: bool = False
    """Whether the key itself was turned down."""
