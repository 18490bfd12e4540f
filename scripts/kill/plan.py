"""What a verb wants closed, and what it leaves behind. Pure arithmetic; quantities in BTC, money in USDT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from scripts.kill.books import ZERO, Legs, Wallet

__all__ = ["Left", "Verb", "left_behind", "slices", "to_close"]


class Verb(StrEnum):
    """The three ways out."""

    FLATTEN = "flatten"
    NEUTRALISE = "neutralise"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The account when the verb is done, at the present price. None: not known. `liquidation` None with `is_known`: there is none."""

    long: Decimal
    short: Decimal
    delta: Decimal | None
    ltv: Decimal | None
    liquidation: Decimal | None

    def words(self) -> str:
        """One line for a person."""
        ltv = "unknown" if self.ltv is None else f"{self.ltv:.1%}"
        liquidation = "none at any price" if self.liquidation is None else f"about {self.liquidation:.0f} USDT"
        delta = "unknown" if self.delta is None else f"{self.delta} BTC"
        return f"long {self.long}, short {self.short}, delta {delta}, LTV {ltv}, liquidation {liquidation}"


def to_close(verb: Verb, legs: Legs, spot: Decimal | None, step: Decimal) -> dict[int, Decimal]:
    """How much of each leg to close, by positionIdx. Neutralise needs to know the spot; it closes the long leg first, and never a hedge
    that |delta| does not ask to lose.
    """
    match verb:
        case Verb.FREEZE:
            return {}
        case Verb.FLATTEN:
            return {row.idx: row.qty for row in legs.rows if row.qty}
        case Verb.NEUTRALISE:
            if spot is None:
                raise ValueError("neutralise needs the spot holding")
            delta = spot + legs.net
            wanted = {
                row.idx: min(row.qty, abs(delta)) for row in legs.rows if row.side == ("Buy" if delta > 0 else "Sell")
            }
            floored = {idx: (qty / step).to_integral_value(ROUND_DOWN) * step for idx, qty in wanted.items()}
            return {idx: qty for idx, qty in floored.items() if qty}


def slices(qty: Decimal, most: Decimal, step: Decimal) -> list[Decimal]:
    """`qty` in orders of at most `most`, each a multiple of `step`; what is below a step is closed with the last one."""
    most = max(step, (most / step).to_integral_value(ROUND_DOWN) * step)
    parts = []
    while qty > 0:
        parts.append(min(qty, most))
        qty -= parts[-1]
    return parts


def left_behind(
    legs: Legs,
    closing: Mapping[int, Decimal],
    spot: Decimal | None,
    wallet: Wallet | None,
    mark: Decimal,
    *,
    apart_ltv: Decimal | None = None,
) -> Left:
    """Delta, LTV and liquidation price once `closing` is closed.

    The liquidation price is where the margin balance, moving with delta, meets the maintenance margin of what is left. (Bybit: unified
    account, the account is liquidated at a maintenance margin rate of 100 %.) A collateral ratio of one is assumed.
    `apart_ltv` is that of a loan outside the account, where there is one.
    """
    rest = {row.side: row.qty - closing.get(row.idx, ZERO) for row in legs.rows}
    long, short = rest.get("Buy", ZERO), rest.get("Sell", ZERO)
    delta = None if spot is None else spot + long - short
    if wallet is None:
        return Left(long=long, short=short, delta=delta, ltv=apart_ltv, liquidation=None)
    inside = wallet.debt / (spot * mark) if spot else None
    ltv = apart_ltv if apart_ltv is not None else inside
    moved_by = wallet.btc + long - short
    liquidation = None
    if wallet.margin_balance is not None and moved_by:
        freed = sum(
            (row.margin * closing[row.idx] / row.qty for row in legs.rows if row.qty and row.idx in closing), ZERO
        )
        room = wallet.margin_balance - max(ZERO, (wallet.maintenance_margin or ZERO) - freed)
        level = mark - room / moved_by
        liquidation = level if level > 0 and (level < mark) == (moved_by > 0) else None
    return Left(long=long, short=short, delta=delta, ltv=ltv, liquidation=liquidation)
