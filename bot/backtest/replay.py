"""Full fidelity: the tape through the live engine and the simulated venue, in virtual time, order by order.

The same ticks as the kernel's (open, first extreme, other extreme, close), the same running funding rate; but orders rest, fill in part,
are refused, and travel for as long as `latency_ms` says. There is no asyncio: the venue and the engine are called in turn. One unified
account; a crypto loan's account is the kernel's to play.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

import numpy as np

from bot.backtest import book as b
from bot.backtest import chores, kernel, shore
from bot.domain.commands import CancelOrder, Command, Decided, Outcome, PlaceOrder, ReadAccount, ReadHistory, SeekOrder
from bot.domain.events import (
    AccountRead,
    Bar,
    BarClosed,
    Channel,
    ChannelChanged,
    Event,
    ExecutionSeen,
    FundingPoint,
    HistoryRead,
    OrderAnswered,
    OrderSeen,
    OrderSought,
    ReadFailed,
    Started,
    Ticked,
    TickerSeen,
    WalletSeen,
)
from bot.domain.orders import Verdict
from bot.domain.records import Record
from bot.engine.config import EngineConfig
from bot.engine.engine import Engine
from bot.simulator.rules import VenueRules
from bot.simulator.venue import Fate, Tick, Venue

__all__ = ["Faults", "Lived", "MemoryDiary", "live"]

ACCOUNT = "bot"
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
TENTH, CENT = Decimal("0.1"), Decimal("0.01")
MOST_ROUNDS = 60
"""Pulses that one tick may lead to while orders are in motion; more would be a loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Misfortunes of orders, drawn by seed: shares of all orders."""

    seed: int = 1
    partial: float = 0.0
    reject: float = 0.0
    latency_ms: int = 0
    """One way, to the venue; an order meets the first tick that is due then."""


class MemoryDiary:
    """Where the engine writes; `keep` False remembers decisions and words for people only."""

    def __init__(self, *, keep: bool = True) -> None:
        self.records: list[tuple[Record, int]] = []
        self.decisions: list[tuple[int, Decided]] = []
        self._keep, self._count = keep, 0

    def append(self, record: Record, now_ms: int) -> int:
        if isinstance(record, Decided):
            self.decisions.append((now_ms, record))
        if self._keep:
            self.records.append((record, now_ms))
        self._count += 1
        return self._count

    def commit(self) -> None:
        """Memory is durable enough here."""


@dataclass(slots=True)
class Lived:
    """What came of it. `equity` rows are (time, price, equity, long, short, cash, debt) at the sampling times."""

    diary: MemoryDiary
    equity: list[tuple[int, float, float, float, float, float, float]] = field(default_factory=list)
    ticks: int = 0
    fills: int = 0
    fees: Decimal = Decimal(0)
    is_dead: bool = False
    mode: str = ""

    @property
    def hedges(self) -> list[tuple[int, Decided]]:
        """The decisions that traded."""
        return [(at_ms, decided) for at_ms, decided in self.diary.decisions if decided.outcome is Outcome.HEDGE]


def live(
    tape: b.Tape,
    span: b.Span,
    opening: b.Opening,
    rules: b.Rules,
    config: EngineConfig,
    *,
    faults: Faults = Faults(),
    keep: bool = True,
    done: Callable[[], None] = lambda: None,
) -> Lived:
    """Play a span of the tape through engine and venue. `done` is called after each bar.

    The engine's patience with the plant is stretched to the tape's ticks: between two of them nothing can arrive.
    """
    return _World(tape, span, opening, rules, config, faults, keep).run(done)


def _stretched(config: EngineConfig, tick_ms: int) -> EngineConfig:
    patience = replace(
        config.patience,
        ticker_stale_ms=3 * tick_ms,
        reading_stale_ms=20 * max(tick_ms, HOUR_MS),
        reconcile_every_ms=4 * HOUR_MS,
        read_timeout_ms=3 * tick_ms,
        seek_after_ms=2 * tick_ms,
        seek_every_ms=2 * tick_ms,
        lease_ms=2 * tick_ms,
        stall_ms=0,
        hedge_ms=max(config.patience.hedge_ms, 8 * tick_ms),
    )
    policy = config.policy._replace(price_stale_after_ms=3 * tick_ms)
    return replace(config, patience=patience, policy=policy)


class _World:
    """An engine, a venue, and the moments between them."""

    def __init__(
        self,
        tape: b.Tape,
        span: b.Span,
        opening: b.Opening,
        rules: b.Rules,
        config: EngineConfig,
        faults: Faults,
        keep: bool,
    ) -> None:
        self.tape, self.span, self.opening, self.rules, self.faults = tape, span, opening, rules, faults
        self.tick_ms = tape.bar_ms // kernel.TICKS
        self.now = int(tape.at_ms[span.first])
        self.settled = int(np.searchsorted(tape.settle_ms, self.now, side="right"))
        self.diary = MemoryDiary(keep=keep)
        self.engine = Engine(_stretched(config, self.tick_ms), self.diary)
        self.lived = Lived(diary=self.diary)
        self.rng = Random(faults.seed)
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._moved = True
        self._closed: Bar | None = None
        self._sampling_ms = max(config.volatility.minutes * MINUTE_MS, tape.bar_ms)
        self._open_venue()

    def _open_venue(self) -> None:
        rules, opening = self.rules, self.opening
        hourly = Decimal(repr(rules.loan_apr)) / 8760
        self.venue = Venue(
            seed=self.faults.seed,
            now_ms=self.now - 1,
            rules=VenueRules(
                linear_taker_rate=Decimal(repr(rules.taker_fee)),
                linear_maker_rate=Decimal(repr(rules.maker_fee)),
                hourly_borrow_rate_usdt=hourly.quantize(Decimal("1e-18")),
            ),
        )
        self.price = float(self.tape.open[self.span.first])
        self.venue.step(self._tick(self.price, self.now - 1))
        step = Decimal(repr(rules.step_btc))
        self.venue.open_account(
            ACCOUNT,
            coins={"BTC": Decimal(repr(opening.spot_btc)), "USDT": Decimal(repr(opening.cash_usdt))},
            borrowed={"USDT": Decimal(repr(opening.debt_usdt))},
            legs={1: (opening.long_steps * step, None), 2: (opening.short_steps * step, None)},
            leverage=Decimal(repr(rules.leverage)),
        )

    def _tick(self, price: float, at_ms: int) -> Tick:
        last = Decimal(repr(price)).quantize(TENTH)
        return Tick(
            at_ms=at_ms, last=last, mark=last, index=last, volume=Decimal(1000), funding_rate=self._running_rate(at_ms)
        )

    def _running_rate(self, at_ms: int) -> Decimal | None:
        """The rate in force from this tick on; at the last one before a settlement it is exactly what will settle."""
        if len(self.tape.settle_ms) == 0:
            return None
        place = int(np.searchsorted(self.tape.settle_ms, at_ms, side="right"))
        return Decimal(f"{chores.running_rate(self.tape, place, at_ms):.12f}")

    # -- time ------------------------------------------------------------------------------------------------------------

    def run(self, done: Callable[[], None]) -> Lived:
        """The whole span."""
        self._start()
        next_sample = self.now // self.rules.sample_every_ms * self.rules.sample_every_ms
        for i in range(self.span.first, self.span.last):
            rises = bool(self.tape.close[i] >= self.tape.open[i])
            for k in range(kernel.TICKS):
                self.now = int(self.tape.at_ms[i]) + k * self.tick_ms
                self.price = kernel.tick_price(self.tape, i, k, rises)
                self._pass_tick()
                if self.now >= next_sample:
                    self._sample(self.now)
                    next_sample = (self.now // self.rules.sample_every_ms + 1) * self.rules.sample_every_ms
            self._close_bar(i)
            done()
            if self.lived.is_dead:
                break
        end_ms = int(self.tape.at_ms[self.span.last - 1]) + self.tape.bar_ms
        if not self.lived.is_dead:
            self.venue.advance(end_ms - 1)
        self._sample(end_ms)
        self.lived.mode = self.engine.state.mode.value
        return self.lived

    def _start(self) -> None:
        self.hear(Started(run="bt", version="0", mode="paper", settings_hash=""))
        for channel in Channel:
            self.hear(ChannelChanged(channel=channel, up=True, reason="connected"))

    def _pass_tick(self) -> None:
        self.lived.ticks += 1
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()
        tick = self._tick(self.price, self.now)
        self.venue.step(tick)
        self.hear(self._ticker(tick))
        self._watch()
        if self._closed is not None:
            closed, self._closed = self._closed, None
            self.hear(BarClosed(bar=closed))
        self._deliver()
        for _ in range(MOST_ROUNDS):
            if not self.hear(Ticked()) and not self._busy():
                break

    def _busy(self) -> bool:
        """Whether another pulse at this moment can lead to something: an order was answered and the next may follow."""
        moved, self._moved = self._moved, False
        return moved

    def _ticker(self, tick: Tick) -> TickerSeen:
        place = int(np.searchsorted(self.tape.settle_ms, self.now, side="right"))
        known = place < len(self.tape.settle_ms)
        hours = (
            self.tape.settle_hours[min(place, len(self.tape.settle_hours) - 1)] if len(self.tape.settle_hours) else 8
        )
        return TickerSeen(
            at_ms=self.now,
            last=tick.last,
            mark=tick.mark,
            index=tick.index,
            bid=tick.last - TENTH,
            ask=tick.last + TENTH,
            funding_rate=self.venue.state.market.funding_rate,
            next_funding_ms=int(self.tape.settle_ms[place]) if known else self.venue.state.market.next_funding_ms,
            funding_interval_h=int(hours),
        )

    def _close_bar(self, i: int) -> None:
        """The candle that ended, where it is one of the engine's length or longer; it is told after the next bar's first price."""
        end_ms = int(self.tape.at_ms[i]) + self.tape.bar_ms
        if end_ms % self._sampling_ms and self.tape.bar_ms < self._sampling_ms:
            return
        self._closed = self._bar(i)

    def _bar(self, i: int) -> Bar:
        """The engine's candle that bar i closes: its times are the candle's, its close the bar's."""
        tape = self.tape
        start_ms = (int(tape.at_ms[i]) + tape.bar_ms - 1) // self._sampling_ms * self._sampling_ms
        first = int(np.searchsorted(tape.at_ms, start_ms))
        part = slice(first, i + 1)
        o, h, low, c = tape.open[first], tape.high[part].max(), tape.low[part].min(), tape.close[i]
        prices = [Decimal(repr(float(price))) for price in (o, h, low, c)]
        return Bar(
            start_ms=start_ms,
            minutes=self._sampling_ms // MINUTE_MS,
            open=prices[0],
            high=prices[1],
            low=prices[2],
            close=prices[3],
            volume=Decimal(0),
        )

    # -- the engine ------------------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> bool:
        """One event for the engine, and what follows; whether anything did."""
        commands = self.engine.turn(event, self.now)
        for command in commands:
            self._carry_out(command)
        return bool(commands)

    def _carry_out(self, command: Command) -> None:
        self._moved = True
        match command:
            case PlaceOrder() if self.faults.latency_ms:
                self._later(self.faults.latency_ms, lambda: self._place(command))
            case PlaceOrder():
                self._place(command)
            case CancelOrder():
                params = {**shore.LINEAR, "orderLinkId": command.order_link_id}
                self.venue.request(ACCOUNT, "POST", "/v5/order/cancel", params)
                self._deliver()
            case ReadAccount():
                since_ms = command.executions_since_ms
                reading = shore.reading_of(self.venue, ACCOUNT, self.now, since_ms)
                self.hear(AccountRead(reading=reading, facts=shore.FACTS if command.with_facts else None))
            case ReadHistory():
                self.hear(self._history(command))
            case SeekOrder():
                self._seek(command)
            case _:
                self.hear(ReadFailed(what=type(command).__name__, reason="not played in a backtest"))

    def _later(self, after_ms: int, thing: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + after_ms, next(self._numbers), thing))

    def _place(self, order: PlaceOrder) -> None:
        draw = self.rng.random()
        if draw < self.faults.partial:
            self.venue.doom(ACCOUNT, Fate(kind="partial", share=Decimal("0.5"), reason="EC_NoImmediateQtyToFill"))
        elif draw < self.faults.partial + self.faults.reject:
            self.venue.doom(ACCOUNT, Fate(kind="reject", reason="EC_Others"))
        reply = self.venue.request(ACCOUNT, "POST", "/v5/order/create", shore.order_params(order))
        accepted = reply.ret_code == 0
        self.hear(
            OrderAnswered(
                order_link_id=order.order_link_id,
                verdict=Verdict.ACCEPTED if accepted else Verdict.REFUSED,
                code=reply.ret_code,
                reason=reply.ret_msg,
                order_id=str((reply.result or {}).get("orderId", "")),
            )
        )
        self._deliver()

    def _seek(self, command: SeekOrder) -> None:
        named = {**shore.LINEAR, "orderLinkId": command.order_link_id}
        found: list[Any] = []
        for path in ("/v5/order/realtime", "/v5/order/history"):
            reply = self.venue.request(ACCOUNT, "GET", path, named)
            found += (reply.result or {}).get("list", [])
        fills = self.venue.request(ACCOUNT, "GET", "/v5/execution/list", {**named, "limit": 100})
        self.hear(
            OrderSought(
                order_link_id=command.order_link_id,
                order=shore.order_row_of(found[0]) if found else None,
                executions=tuple(shore.execution_of(row) for row in (fills.result or {}).get("list", [])),
            )
        )

    def _history(self, command: ReadHistory) -> HistoryRead:
        """What lies before this moment on the tape."""
        tape, per_bar = self.tape, max(1, self._sampling_ms // self.tape.bar_ms)
        last = int(np.searchsorted(tape.at_ms + tape.bar_ms, self.now, side="right"))
        closing = [
            i
            for i in range(max(0, last - command.bars * per_bar), last)
            if (int(tape.at_ms[i]) + tape.bar_ms) % self._sampling_ms == 0 or tape.bar_ms >= self._sampling_ms
        ]
        settled = int(np.searchsorted(tape.settle_ms, self.now))
        known = range(max(0, settled - command.funding_points), settled) if command.funding_points else ()
        return HistoryRead(
            instrument=shore.instrument_of(self.venue),
            bars=tuple(self._bar(i) for i in closing[-command.bars :]) if command.bars else (),
            funding=tuple(
                FundingPoint(at_ms=int(tape.settle_ms[k]), rate=Decimal(repr(float(tape.settle_rate[k]))))
                for k in known
            ),
        )

    # -- the venue -------------------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        """What the venue said on the private streams, in order."""
        for push in self.venue.drain():
            if push.account is None:
                continue
            for row in push.rows:
                if push.topic == "execution":
                    self._filled(shore.execution_of(row))
                elif push.topic == "order":
                    self.hear(OrderSeen(order=shore.order_row_of(row)))
                elif push.topic == "wallet":
                    self.hear(WalletSeen(wallet=shore.wallet_of(row)))

    def _filled(self, execution: Any) -> None:
        self._moved = True
        if execution.kind.moves_legs:
            self.lived.fills += 1
            self.lived.fees += execution.fee
        self.hear(ExecutionSeen(execution=execution))

    def _watch(self) -> None:
        """The wallet moves with every price although the venue only pushes it on changes; live it is read every few seconds."""
        row = (
            self.venue.request(ACCOUNT, "GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED"}).result or {}
        )["list"][0]
        self.hear(WalletSeen(wallet=shore.wallet_of(row)))
        kept = self.venue.state.accounts[ACCOUNT].purses["BTC"].balance
        self.lived.is_dead |= kept < Decimal(repr(self.opening.spot_btc))  # only a liquidation sells the spot

    def _sample(self, at_ms: int) -> None:
        account = self.venue.state.accounts[ACCOUNT]
        purse = account.purses["USDT"]
        mark = self.venue.state.market.mark
        gain = sum((leg.unrealised(mark) for leg in account.legs.values()), Decimal(0))
        spot = account.purses["BTC"].balance
        equity = spot * mark + purse.balance - purse.spot_borrow + gain
        self.lived.equity.append((
            at_ms, float(mark), float(equity), float(account.legs[1].size), float(account.legs[2].size),
            float(purse.balance), float(purse.spot_borrow),
        ))  # fmt: skip
