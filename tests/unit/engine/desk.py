"""A desk without a venue: an engine, a diary in memory, and honest facts to feed it.

The seed book: 0.27 BTC of spot, legs of 0.213 each, price 116,000, volatility in the middle regime.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

from bot.domain.account import AccountFacts, AccountReading, Coin, ExecKind, Execution, Wallet
from bot.domain.commands import Command, PlaceOrder, ReadAccount
from bot.domain.events import (
    AccountRead,
    Bar,
    Channel,
    ChannelChanged,
    Event,
    ExecutionSeen,
    FundingPoint,
    HistoryRead,
    OrderAnswered,
    OrderSeen,
    Started,
    Ticked,
    TickerSeen,
)
from bot.domain.instrument import Instrument
from bot.domain.legs import Leg, LegRow, wire_side
from bot.domain.orders import OrderRow, Verdict
from bot.domain.records import Record
from bot.engine.config import EngineConfig, Limits, Patience, VolatilityWindow
from bot.engine.engine import Engine
from bot.strategy.pipeline import DEFAULT_POLICY

NOW_MS = 1_755_932_400_000
"""2025-08-23 07:00:00 UTC."""

BTCUSDT = Instrument(
    symbol="BTCUSDT",
    status="Trading",
    tick_size=D("0.1"),
    qty_step=D("0.001"),
    min_qty=D("0.001"),
    min_notional=D(5),
    max_market_qty=D(500),
    max_limit_qty=D(1190),
    funding_interval_min=480,
    max_leverage=D(100),
)


class MemoryDiary:
    """A diary that remembers, and how much of it was committed."""

    def __init__(self) -> None:
        self.records: list[tuple[Record, int]] = []
        self.committed = 0

    def append(self, record: Record, now_ms: int) -> int:
        self.records.append((record, now_ms))
        return len(self.records)

    def commit(self) -> None:
        self.committed = len(self.records)

    def of(self, *kinds: type) -> list[Any]:
        return [record for record, _ in self.records if isinstance(record, kinds)]


def a_config(**changes: Any) -> EngineConfig:
    facts: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "coin": "BTC",
        "quote": "USDT",
        "fixed_spot": None,
        "collateral_ratio": 1.0,
        "loan_apr": 0.06,
        "rehedge_every_ms": 3_600_000,
        "policy": DEFAULT_POLICY._replace(min_interval_ms=30_000),
        "limits": Limits(
            max_leg=D(1),
            max_order=D("0.5"),
            price_collar_bp=D(100),
            slippage_cap_bp=D(10),
            max_orders_per_minute=20,
            max_orders_per_day=500,
        ),
        "patience": Patience(
            ticker_stale_ms=3_000,
            reading_stale_ms=30_000,
            reconcile_every_ms=10_000,
            read_timeout_ms=15_000,
            seek_after_ms=5_000,
            seek_every_ms=2_000,
            lease_ms=15_000,
            retry_after_ms=1_000,
            hedge_ms=120_000,
        ),
        "volatility": VolatilityWindow(minutes=5, bars=288, min_bars=72, halflife_hours=12.0),
        "funding_points": 21,
        "funding_normal_apr": 0.15,
    }
    return EngineConfig(**(facts | changes))


def a_ticker(price: str = "116000", at_ms: int = NOW_MS, **changes: Any) -> TickerSeen:
    last = D(price)
    facts: dict[str, Any] = {
        "at_ms": at_ms,
        "last": last,
        "mark": last,
        "index": last,
        "bid": last - D("0.1"),
        "ask": last,
        "funding_rate": D("0.0001"),
        "next_funding_ms": 1_755_936_000_000,
        "funding_interval_h": 8,
    }
    return TickerSeen(**(facts | changes))


def bars(sigma_24h: float, count: int = 577, price: float = 116_000.0) -> tuple[Bar, ...]:
    """Bars whose realised volatility is exactly `sigma_24h`: the close steps up and down by one constant return."""
    step = sigma_24h / math.sqrt(288)
    closes = [D(f"{price * (math.exp(step) if i % 2 else 1.0):.6f}") for i in range(count)]
    start = NOW_MS - count * 300_000
    return tuple(
        Bar(start_ms=start + i * 300_000, minutes=5, open=c, high=c, low=c, close=c, volume=D(1))
        for i, c in enumerate(closes)
    )


def a_history(sigma_24h: float = 0.026) -> HistoryRead:
    settled = tuple(FundingPoint(at_ms=NOW_MS - i * 28_800_000, rate=D("0.0001")) for i in range(21, 0, -1))
    return HistoryRead(instrument=BTCUSDT, bars=bars(sigma_24h), funding=settled)


def a_wallet(btc: str = "0.27", debt: str = "16200") -> Wallet:
    coins = (
        Coin(coin="BTC", wallet=D(btc), equity=D(btc), spot_borrow=D(0), borrowed=D(0), unrealised=D(0),
             accrued_interest=D(0), usd_value=D(btc) * 116_000),
        Coin(coin="USDT", wallet=D(0), equity=-D(debt), spot_borrow=D(debt), borrowed=D(debt), unrealised=D(0),
             accrued_interest=D(0), usd_value=-D(debt)),
    )  # fmt: skip
    return Wallet(
        coins=coins,
        total_equity=D(15_120),
        margin_balance=D(14_493),
        available=D(12_000),
        initial_margin=D(2_000),
        maintenance_margin=D(900),
        im_rate=D("0.14"),
        mm_rate=D("0.06"),
    )


def facts(**changes: Any) -> AccountFacts:
    known: dict[str, Any] = {
        "uid": "1", "hedge_mode": True, "margin_mode": "REGULAR_MARGIN", "unified": True, "read_only": False,
        "can_withdraw": False, "can_trade": True, "ip_bound": False, "expires_in_days": 80,
        "taker_fee": D("0.00055"), "maker_fee": D("0.0002"),
    }  # fmt: skip
    return AccountFacts(**(known | changes))


def a_reading(
    long: str = "0.213", short: str = "0.213", executions: Sequence[Execution] = (), **changes: Any
) -> AccountRead:
    known: dict[str, Any] = {
        "asked_ms": NOW_MS,
        "long": LegRow(leg=Leg.LONG, qty=D(long), entry_price=D(116_000) if D(long) else None),
        "short": LegRow(leg=Leg.SHORT, qty=D(short), entry_price=D(116_000) if D(short) else None),
        "open_orders": (),
        "executions": tuple(executions),
        "wallet": a_wallet(),
    }
    return AccountRead(reading=AccountReading(**(known | changes)), facts=facts())


def an_execution(exec_id: str, order: PlaceOrder | None = None, qty: str | None = None, **changes: Any) -> Execution:
    """A fill of `order`, whole unless `qty` says otherwise; without an order, another hand's purchase of a long leg."""
    wire = wire_side(order.leg, order.act) if order else None
    amount = D(qty) if qty else (order.qty if order else D("0.1"))
    known: dict[str, Any] = {
        "exec_id": exec_id,
        "kind": ExecKind.TRADE,
        "symbol": "BTCUSDT",
        "order_id": f"o-{exec_id}",
        "order_link_id": order.order_link_id if order else "",
        "side": wire.side if wire else "Buy",
        "qty": amount,
        "price": D(116_000),
        "fee": amount * 116_000 * D("0.00055"),
        "fee_currency": "USDT",
        "closed_qty": amount if wire and wire.reduce_only else D(0),
        "is_maker": False,
        "exec_ms": NOW_MS + 1_000,
    }
    return Execution(**(known | changes))


def a_row(order: PlaceOrder, status: str, filled: str = "0", **changes: Any) -> OrderRow:
    wire = wire_side(order.leg, order.act)
    known: dict[str, Any] = {
        "order_id": "o", "order_link_id": order.order_link_id, "symbol": "BTCUSDT", "side": wire.side,
        "position_idx": wire.position_idx, "reduce_only": wire.reduce_only, "status": status, "qty": order.qty,
        "filled_qty": D(filled),
    }  # fmt: skip
    return OrderRow(**(known | changes))


class Desk:
    """An engine and its day. Time stands still unless a word moves it."""

    def __init__(self, config: EngineConfig | None = None) -> None:
        self.diary = MemoryDiary()
        self.engine = Engine(config or a_config(), self.diary)
        self.now_ms = NOW_MS
        self.sent: list[Command] = []
        self._fills = 0

    @property
    def state(self) -> Any:
        return self.engine.state

    def hear(self, event: Event) -> tuple[Command, ...]:
        """Feed one event; returns what leaves."""
        commands = self.engine.turn(event, self.now_ms)
        self.sent.extend(commands)
        return commands

    def pulse(self, seconds: float = 0.0, *, price: str | None = "116000") -> tuple[Command, ...]:
        """Let time pass, with a fresh price unless told otherwise, and beat once."""
        self.now_ms += int(seconds * 1000)
        if price is not None:
            self.hear(a_ticker(price, self.now_ms))
        return self.hear(Ticked())

    def start(self, *, sigma_24h: float = 0.026, reading: AccountRead | None = None, run: str = "r1") -> None:
        """From nothing to the end of a first reading of the account, as a daemon does it."""
        self.hear(Started(run=run, version="0", mode="paper", settings_hash=""))
        self.hear(a_history(sigma_24h))
        for channel in Channel:
            self.hear(ChannelChanged(channel=channel, up=True, reason="connected"))
        self.hear(a_ticker(at_ms=self.now_ms))
        self.now_ms += 1
        self.answer_reading(reading or a_reading())

    def answer_reading(self, reading: AccountRead) -> tuple[Command, ...]:
        """Answer the open question about the account; asks it first where none is open."""
        if self.state.readings.asked_ms is None:
            self.pulse(10)
        asked_ms = self.state.readings.asked_ms or self.now_ms
        return self.hear(replace(reading, reading=replace(reading.reading, asked_ms=asked_ms)))

    @property
    def orders(self) -> list[PlaceOrder]:
        return [c for c in self.sent if isinstance(c, PlaceOrder)]

    @property
    def questions(self) -> list[ReadAccount]:
        return [c for c in self.sent if isinstance(c, ReadAccount)]

    def accept(self, order: PlaceOrder) -> tuple[Command, ...]:
        return self.hear(OrderAnswered(order_link_id=order.order_link_id, verdict=Verdict.ACCEPTED, code=0, reason=""))

    def fill(self, order: PlaceOrder, qty: str | None = None) -> tuple[Command, ...]:
        """The venue fills an order (in part, with `qty`: the rest is cancelled) and says so on both streams."""
        self._fills += 1
        fill = an_execution(f"e{self._fills}", order, qty)
        self.hear(ExecutionSeen(execution=fill))
        status = "Filled" if fill.qty == order.qty else "Cancelled"
        return self.hear(OrderSeen(order=a_row(order, status, str(fill.qty))))
