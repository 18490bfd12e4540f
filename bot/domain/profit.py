"""Profit that becomes cash: who wants it, where the cycle stands, the taking, and what it brought. Records of the engine's own thinking."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["ProfitCycle", "ProfitRealised", "RealiseWanted", "Realising"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealiseWanted:
    """Perp profit should be turned into cash, the hedge kept: the loan asks for it, a profit rule or a person.

    `need_usdt` is how much cash is wanted (None: all there is). It stands until the next ProfitRealised, until nothing can be realised, or
    until one review interval has passed without a beginning; a later one replaces it.
    """

    why: str
    need_usdt: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitCycle:
    """The cycle of perp profit as it stands from now on: begun, armed, at a new peak. The newest one is all that a restart needs. USDT.

    The cycle's P&L is the perps' total (realised + unrealised + funding - fees) less `baseline_usdt`; its cash is their realised +
    funding - fees less `cash_usdt`. `carry_usdt` and `cash_carry_usdt` are P&L and cash of earlier cycles that no ProfitRealised has
    reported: a loss there is made good before anything is shared. `peak_usdt` is the highest P&L, kept once `armed`, in steps of a
    hundredth.
    """

    number: int
    anchor_price: Decimal
    baseline_usdt: Decimal
    cash_usdt: Decimal
    carry_usdt: Decimal
    cash_carry_usdt: Decimal
    peak_usdt: Decimal
    armed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Realising:
    """Profit begins to be turned into cash, by orders of decision `decision`, towards absolute leg sizes in BTC.

    `action` "realise": the leg that gained is taken to its half-way size and back home, delta ends where it began. "close": half-way and
    home are the same, the perps are closed down to the loan's floor. `gain_usdt` is what closing brings, `cost_usdt` what it is expected
    to cost, `pnl_usdt` the cycle's net P&L.
    """

    decision: int
    cycle: int
    action: str
    why: str
    spot: Decimal
    long_halfway: Decimal
    short_halfway: Decimal
    long_home: Decimal
    short_home: Decimal
    pnl_usdt: Decimal
    gain_usdt: Decimal
    cost_usdt: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitRealised:
    """Profit was turned into cash and delta is back where it was (or, with `action` "close", the perps were closed).

    USDT throughout. `amount_usdt` is what may be shared out, once: profit not reported by an earlier one, never more than the cash that was
    realised, net of every fee. It may be zero, never below. `realised_usdt` is the cash this brought in before `costs_usdt`, the fees it
    paid. `pnl_usdt` is the whole cycle's net perp P&L. `price` is the mark: the anchor of the cycle that begins.
    """

    cycle: int
    decision: int
    action: str
    why: str
    amount_usdt: Decimal
    realised_usdt: Decimal
    costs_usdt: Decimal
    pnl_usdt: Decimal
    price: Decimal
