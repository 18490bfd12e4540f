"""What a full-fidelity run leaves behind: the diary, the samples, and the same outcome that the kernel gives. Knows no venue."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from bot.backtest import book as b
from bot.backtest.balance import Balance, band_of
from bot.backtest.chronicle import Chronicle
from bot.backtest.outcome import Outcome
from bot.backtest.policies import Plan

from bot.domain.commands import Decided, Outcome as Verdict  # isort: skip
from bot.domain.events import BarClosed, TickerSeen, WalletSeen
from bot.domain.records import Record

__all__ = ["Faults", "Lived", "MemoryDiary"]


PRICES = (TickerSeen, WalletSeen)
"""What comes at every tick and tells of no deed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Misfortunes of orders, drawn by seed: shares of all orders."""

    seed: int = 1
    partial: float = 0.0
    reject: float = 0.0
    latency_ms: int = 0
    """One way, to the venue; an order meets the first tick that is due then."""


class MemoryDiary:
    """Where the engine writes; `keep` False remembers the decisions and the chronicle alone."""

    def __init__(self, *, keep: bool = True) -> None:
        self.records: list[tuple[Record, int]] = []
        self.decisions: list[tuple[int, Decided]] = []
        self.chronicle = Chronicle()
        self.deeds = 0
        """Records of anything but prices."""
        self._keep, self._count = keep, 0

    def append(self, record: Record, now_ms: int) -> int:
        if isinstance(record, Decided):
            self.decisions.append((now_ms, record))
        if not isinstance(record, PRICES):
            self.chronicle.hear(record, now_ms)
            self.deeds += not isinstance(record, BarClosed)
        if self._keep:
            self.records.append((record, now_ms))
        self._count += 1
        return self._count

    def commit(self) -> None:
        """Memory is durable enough here."""


@dataclass(slots=True)
class Lived:
    """What came of it; money in USDT."""

    diary: MemoryDiary
    first: Balance
    samples: list[list[float]] = field(default_factory=list)
    ticks: int = 0
    fills: int = 0
    orders: int = 0
    maker: float = 0.0
    turnover: float = 0.0
    traded: Decimal = Decimal(0)
    """What selling perps brought less what buying them cost, fees apart."""
    fees: Decimal = Decimal(0)
    received: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    interest: Decimal = Decimal(0)
    max_ltv: float = 0.0
    max_mm_rate: float = 0.0
    peak: float = 0.0
    max_drawdown: float = 0.0
    ltv: float = math.nan
    mm_rate: float = math.nan
    died_ms: int | None = None
    busts: set[int] = field(default_factory=set)
    """The moments at which the venue closed perps for want of margin."""
    mode: str = ""
    seen_ms: int | None = None
    in_band_s: list[float] = field(default_factory=lambda: [0.0] * len(b.LTV_BANDS))
    """Seconds in each band of LTV."""

    @property
    def hedges(self) -> list[tuple[int, Decided]]:
        """The decisions that traded."""
        return [(at_ms, decided) for at_ms, decided in self.diary.decisions if decided.outcome is Verdict.HEDGE]

    def see(self, now: Balance, mm_rate: float) -> None:
        """Keep the worst of what a tick shows, and how long it was like that."""
        self.weigh_time(now.at_ms)
        self.ltv, self.mm_rate = now.ltv, mm_rate
        self.diary.chronicle.stand(now, mm_rate)
        self.see_highest(now.ltv, mm_rate)
        self.peak = max(self.peak, now.equity)
        if self.peak > 0:
            self.max_drawdown = max(self.max_drawdown, 1.0 - now.equity / self.peak)

    def see_highest(self, ltv: float, mm_rate: float) -> None:
        """Keep the worst of both ratios."""
        self.max_ltv, self.max_mm_rate = max(self.max_ltv, ltv), max(self.max_mm_rate, mm_rate)

    def see_path(
        self, since_ms: int, prices: b.Floats, lowest: tuple[Balance, float], highest: tuple[Balance, float]
    ) -> None:
        """As `see` at each price of a path between two that began at `since_ms`, while nothing else moved and LTV stayed in one band:
        equity is a straight line of the price, and both ratios are worst at an end."""
        self.weigh_time(since_ms)
        self.ltv = lowest[0].ltv
        for now, mm_rate in (lowest, highest):
            self.see_highest(now.ltv, mm_rate)
        (low, _), (high, _) = lowest, highest
        worst, peak = min(low.equity, high.equity), max(self.peak, low.equity, high.equity)
        if peak > 0 and 1.0 - worst / peak > self.max_drawdown:  # else no order of these prices could be a new one
            slope = (high.equity - low.equity) / (high.price - low.price) if high.price > low.price else 0.0
            equity = low.equity + slope * (prices - low.price)
            peaks = np.maximum.accumulate(np.append(self.peak, equity))[1:]
            if peaks[0] > 0:
                self.max_drawdown = max(self.max_drawdown, float(np.max(1.0 - equity / peaks)))
        self.peak = peak

    def weigh_time(self, now_ms: int) -> None:
        """Give the time since the last tick to the band of LTV it was spent in, as the kernel does."""
        seconds, self.seen_ms = (now_ms - (self.seen_ms or now_ms)) / 1000.0, now_ms
        if seconds and not math.isnan(ltv := self.ltv):
            self.in_band_s[band_of(ltv)] += seconds

    def sample(self, now: Balance) -> None:
        """A row in the kernel's columns. Slippage is inside the hedge's price here: a book has no mid to be measured from."""
        funding, fees, interest = float(self.received - self.paid), float(self.fees), float(self.interest)
        hedge = float(self.traded) + now.legs_value - self.first.legs_value
        explained = self._spot_gain(now) + hedge + funding - fees - interest
        liquidation = 0.0 if self.died_ms is None else now.equity - self.first.equity - explained
        target = self.diary.decisions[-1][1].target_delta if self.diary.decisions else None
        self.samples.append([
            now.at_ms, now.price, now.equity, now.cash, now.debt, now.spot, now.long, now.short,
            math.nan if target is None else float(target), self.ltv, self.mm_rate, now.unrealised,
            hedge, funding, -fees, 0.0, -interest, 0.0, liquidation, float(self.diary.chronicle.repaid),
        ])  # fmt: skip

    def _spot_gain(self, now: Balance) -> float:
        return self.first.spot * (now.price - self.first.price)

    def outcome(self, plan: Plan, opening: b.Opening, bars: int) -> Outcome:
        """The same shape as the kernel's, so that every report can show it."""
        last, told = self.samples[-1], self.diary.chronicle
        figures = dict.fromkeys(b.FIGURES, 0.0) | {
            "price": last[1], "cash": last[3], "debt": last[4], "spot": last[5], "fees": float(self.fees),
            "funding_received": float(self.received), "funding_paid": float(self.paid), "interest": float(self.interest),
            "turnover": self.turnover, "maker_turnover": self.maker, "max_ltv": self.max_ltv, "max_mm_rate": self.max_mm_rate,
            "max_drawdown": self.max_drawdown, "ltv": self.ltv, "mm_rate": self.mm_rate, "opening_equity": self.first.equity,
            "spot_gain": self.first.spot * (last[1] - self.first.price), "repaid": float(told.repaid),
            "repaid_from_profit": float(told.repaid_from_profit),
        } | {f"ltv_{i}_s": seconds for i, seconds in enumerate(self.in_band_s)}  # fmt: skip
        counts = dict.fromkeys(b.COUNTS, 0) | {
            "death_ms": -1 if self.died_ms is None else self.died_ms, "orders": self.orders, "hedges": len(self.hedges),
            "decisions": len(self.diary.decisions), "profits": told.takings, "sweeps": told.sweeps,
            "perp_liquidations": len(self.busts),
        }  # fmt: skip
        return Outcome(
            plan=plan,
            opening=opening,
            first_ms=self.first.at_ms,
            end_ms=int(last[0]),
            bars=bars,
            samples=np.array(self.samples),
            log=told.table(),
            log_rows=told.count,
            figures=figures,
            counts=counts,
        )
