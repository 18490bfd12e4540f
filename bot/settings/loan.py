"""The loan's section of the settings: how it is watched, when it is repaid and inside which limits.

Knows its keys and what must agree between them; does not know the whole (`settings`), nor how a value is used.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import model_validator

from bot.settings.sections import Section, key
from bot.settings.variables import PREFIX

__all__ = ["LoanSettings"]


class LoanSettings(Section):
    """How the loan is watched and repaid. Nothing here can sell the BTC."""

    enabled: bool = key(True, "false: the loan is neither read nor repaid", room="engine")
    structure: Literal["auto", "uta", "crypto_loan", "none"] = key(
        "auto",
        "where the debt lives: borrowed in the unified account, a flexible Crypto Loan, or whichever there is",
        room="engine",
    )
    dry_run: bool = key(False, "true: every payment is reckoned and told, none is made", room="engine")
    sweep: bool = key(True, "Crypto Loan: turn gains into repayment by LTV", room="engine")
    sweep_from: float = key(0.60, "LTV from which gains are swept", room="engine", unit="fraction", ge=0.05, le=0.84)
    sweep_to: float = key(0.50, "LTV a sweep goes down to", room="engine", unit="fraction", ge=0, le=0.8)
    warning_to: float = key(
        0.55, "LTV a sweep goes down to from WARNING on", room="engine", unit="fraction", ge=0, le=0.8
    )
    ltv_monitor: float = key(0.50, "LTV where MONITOR begins", room="strategy", unit="fraction", ge=0.05, le=0.9)
    ltv_warning: float = key(0.65, "LTV where WARNING begins", room="strategy", unit="fraction", ge=0.05, le=0.9)
    ltv_critical: float = key(0.75, "LTV where CRITICAL begins", room="strategy", unit="fraction", ge=0.05, le=0.93)
    ltv_emergency: float = key(0.85, "LTV where EMERGENCY begins", room="strategy", unit="fraction", ge=0.05, le=0.94)
    ltv_leave: float = key(
        0.03, "a rung is left so far below its threshold", room="strategy", unit="fraction", ge=0, le=0.2
    )
    insurance_drop: float = key(
        0.30, "fall that the smallest hedge must survive; 0 = no floor", room="strategy", unit="fraction", ge=0, le=0.9
    )
    insurance_ltv: float = key(
        0.65, "net LTV promised after that fall", room="strategy", unit="fraction", ge=0.1, le=0.95
    )
    liquidation_ltv: float = key(
        0.95, "LTV at which a Crypto Loan is liquidated; Bybit's API does not tell it", room="engine",
        unit="fraction", ge=0.5, le=1,
    )  # fmt: skip
    profit_share: Decimal = key(
        Decimal("0.5"), "share of realised profit that repays the loan", room="engine", unit="fraction", ge=0, le=1
    )
    reserve_usdt: Decimal = key(
        Decimal(0), "USDT set aside, spent as repayment from CRITICAL on", room="engine", unit="USDT", ge=0, le=10**8
    )
    reserve_share: Decimal = key(
        Decimal("0.2"), "share of realised profit that fills the reserve while it is short", room="engine",
        unit="fraction", ge=0, le=1,
    )  # fmt: skip
    reserve_to: float = key(
        0.60, "LTV that spending the reserve aims at", room="engine", unit="fraction", ge=0.05, le=0.9
    )
    repay_min_usdt: Decimal = key(Decimal(50), "smallest payment", room="engine", unit="USDT", ge=1, le=10**6)
    repay_max_usdt: Decimal = key(Decimal(5000), "largest single payment", room="engine", unit="USDT", ge=1, le=10**7)
    repay_max_day_usdt: Decimal = key(
        Decimal(20000), "most that is repaid in any 24 hours", room="engine", unit="USDT", ge=1, le=10**8
    )
    keep_rise: float = key(
        0.15, "Crypto Loan: after a payment the short still survives this rise", room="engine", unit="fraction",
        ge=0.02, le=2,
    )  # fmt: skip
    schedule_h: float = key(
        0.0, "standing order: hours between two payments, 0 = none", room="engine", unit="h", ge=0, le=8760
    )
    schedule_usdt: Decimal = key(
        Decimal(0), "standing order: USDT of each payment", room="engine", unit="USDT", ge=0, le=10**6
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        rungs = (self.ltv_monitor, self.ltv_warning, self.ltv_critical, self.ltv_emergency, self.liquidation_ltv)
        if list(rungs) != sorted(set(rungs)):
            raise ValueError(
                f"{PREFIX}LOAN__LTV_MONITOR, LTV_WARNING, LTV_CRITICAL, LTV_EMERGENCY and LIQUIDATION_LTV must rise, "
                f"but are {', '.join(f'{rung:g}' for rung in rungs)}"
            )
        if not self.sweep_to < self.sweep_from:
            raise ValueError(f"{PREFIX}LOAN__SWEEP_TO ({self.sweep_to}) must be below SWEEP_FROM ({self.sweep_from})")
        if self.repay_min_usdt > self.repay_max_usdt:
            raise ValueError(
                f"{PREFIX}LOAN__REPAY_MIN_USDT ({self.repay_min_usdt}) must not be above "
                f"{PREFIX}LOAN__REPAY_MAX_USDT ({self.repay_max_usdt})"
            )
        if self.profit_share + self.reserve_share > 1:
            raise ValueError(f"{PREFIX}LOAN__PROFIT_SHARE and RESERVE_SHARE add up to more than 1")
        if (self.schedule_h > 0) != (self.schedule_usdt > 0):
            raise ValueError(f"{PREFIX}LOAN__SCHEDULE_H and SCHEDULE_USDT go together")
        return self
