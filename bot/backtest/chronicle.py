"""What a full-fidelity run did and why, in the rows of the kernel's log; and what it paid. Reads the engine's own records."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from bot.backtest import book as b
from bot.backtest.balance import Balance
from bot.domain.commands import Decided, Outcome, PaymentEnded, PaymentPlanned, ProfitRealised, Trigger
from bot.domain.records import Record
from bot.strategy import reasons

__all__ = ["Chronicle"]

MOST_ROWS = 20_000
"""As many as the kernel keeps."""
_CODES = {text: code for code, text in reasons.TEXT.items()}
_PLACES = {name: place for place, name in enumerate(b.LOG_COLUMNS)}
_STAGES = {
    "volatility": "vol_reason",
    "funding": "funding_reason",
    "ltv floor": "ltv_reason",
    "margin": "margin_reason",
}


class Chronicle:
    """Rows in the columns of `book.LOG_COLUMNS`. `stand` tells it where the account stands before each tick is thought about."""

    def __init__(self, step_btc: float = 0.001) -> None:
        self._step = step_btc
        self._rows: list[list[float]] = []
        self._plans: dict[int, PaymentPlanned] = {}
        self._stands: tuple[Balance, float] | None = None
        self.count = 0
        """Rows there would be, were there no end to them."""
        self.sweeps = self.takings = 0
        self.repaid = self.repaid_from_profit = Decimal(0)

    def stand(self, now: Balance, mm_rate: float) -> None:
        """Where the account stands."""
        self._stands = now, mm_rate

    def hear(self, record: Record, now_ms: int) -> None:
        """A record of the engine."""
        match record:
            case Decided(outcome=Outcome.HEDGE):
                self._hedge(record, now_ms)
            case PaymentPlanned():
                self._plans[record.number] = record
            case PaymentEnded(paid=paid) if paid:
                self._paid(self._plans.pop(record.number), paid, now_ms)
            case ProfitRealised(decision=decision) if decision:
                if not record.why.startswith(f"{Trigger.LTV.value}:"):  # a sweep's is told when it has repaid
                    self.takings += 1
                    self._write(b.PROFIT_ROW, now_ms, amount=float(record.realised_usdt - record.costs_usdt))

    def perps_closed(self, now_ms: int) -> None:
        """The venue closed perps for want of margin."""
        self._write(b.PERPS_GONE_ROW, now_ms, amount=math.nan)

    def liquidated(self, now_ms: int, left_usdt: float) -> None:
        """The loan came to its end; what was left."""
        self._write(b.DEATH_ROW, now_ms, amount=left_usdt)

    def table(self) -> b.Floats:
        """The rows as the kernel's log."""
        return np.array(self._rows) if self._rows else np.zeros((0, len(b.LOG_COLUMNS)))

    def _paid(self, plan: PaymentPlanned, paid: Decimal, now_ms: int) -> None:
        self.repaid += paid
        if plan.trigger is Trigger.PROFIT:
            self.repaid_from_profit += paid
            return
        self.sweeps += 1
        self._write(b.SWEEP_ROW, now_ms, amount=float(paid - plan.from_reserve))
        if plan.from_reserve:
            self._write(b.RESERVE_ROW, now_ms, amount=float(plan.from_reserve))

    def _hedge(self, decided: Decided, now_ms: int) -> None:
        inputs = decided.inputs
        long, short = float(decided.long_target or 0), float(decided.short_target or 0)
        held = [(inputs.get(f"book.{leg}_steps") or 0.0) * self._step for leg in ("long", "short")]
        stages = {
            _STAGES[stage.name]: float(_CODES.get(stage.reason, -1))
            for stage in decided.stages
            if stage.name in _STAGES
        }
        self._write(
            b.HEDGE_ROW,
            now_ms,
            reason=float(_CODES.get(decided.reason, -1)),
            delta_before=_number(decided.delta),
            target=_number(decided.target_delta),
            long_change=long - held[0],
            short_change=short - held[1],
            long=long,
            short=short,
            sigma=_number(inputs.get("market.sigma_24h")),
            apr=_number(inputs.get("market.funding_apr")),
            amount=0.0,
            **stages,
        )

    def _write(self, kind: int, now_ms: int, **cells: float) -> None:
        self.count += 1
        if len(self._rows) >= MOST_ROWS:
            return
        row = [math.nan] * len(b.LOG_COLUMNS)
        for name, value in ({"at_ms": now_ms, "kind": kind, "reason": 0.0} | self._standing() | cells).items():
            row[_PLACES[name]] = value
        self._rows.append(row)

    def _standing(self) -> dict[str, float]:
        if self._stands is None:
            return {}
        now, mm_rate = self._stands
        return {"price": now.price, "long": now.long, "short": now.short, "ltv": now.ltv, "mm_rate": mm_rate}


def _number(value: Decimal | float | None) -> float:
    return math.nan if value is None else float(value)
