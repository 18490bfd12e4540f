"""An engine and a simulated venue in virtual time: what one says reaches the other at once, or as late as it was asked to be.

Knows one moment at a time: who moves the clock and the price is `replay`. There is no asyncio: each is called in turn. Begin at `hear`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

from bot.backtest import book as b
from bot.backtest import kernel, lender, shore
from bot.backtest.balance import Balance
from bot.backtest.candles import TENTH, Candles
from bot.backtest.custody import ACCOUNT, Custody, venue_rules
from bot.backtest.lived import Faults, Lived, MemoryDiary
from bot.backtest.subset import stretched
from bot.domain.account import ExecKind
from bot.domain.commands import (
    CancelOrder,
    Command,
    PlaceOrder,
    ReadAccount,
    ReadHistory,
    ReadLoan,
    RepayDebt,
    SeekOrder,
    SeekRepayment,
    SeekTransfer,
    TransferCoin,
)
from bot.domain.events import (
    AccountRead,
    Event,
    ExecutionSeen,
    HistoryRead,
    LoanRead,
    OrderAnswered,
    OrderSeen,
    ReadFailed,
    Ticked,
    TickerSeen,
    WalletSeen,
)
from bot.domain.orders import Verdict
from bot.engine.config import EngineConfig
from bot.engine.engine import Engine
from bot.simulator.venue import Fate, Tick, Venue

__all__ = ["Pair"]

VOLUME = Decimal(1000)
"""BTC between two ticks: a resting order that the price reaches is filled."""
MOST_ROUNDS = 60
"""Pulses that one tick may lead to while orders are in motion; more would be a loop."""


class Pair:
    """The two of them, and what is lived by them. `now` and `price` are of the tick at which they stand."""

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
        tick_ms = tape.bar_ms // kernel.TICKS
        self.faults, self.rng = faults, Random(faults.seed)
        self.now, self.price = int(tape.at_ms[span.first]), float(tape.open[span.first])
        self.candles = Candles(tape, config.volatility.minutes)
        self.diary = MemoryDiary(keep=keep)
        self.engine = Engine(stretched(config, tick_ms, tape.bar_ms), self.diary)
        self.venue = Venue(seed=faults.seed, now_ms=self.now - 1, rules=venue_rules(rules))
        self.venue.step(self._tick(self.price, self.now - 1))
        self.custody = Custody(self.venue, opening, rules)
        self.lived = Lived(diary=self.diary, first=self.custody.balance(self.now))
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._moved = True

    # -- the moment ------------------------------------------------------------------------------------------------------

    def stand_at(self, price: float, at_ms: int) -> None:
        """The venue's step to a tick; the engine hears nothing of it yet."""
        self.now, self.price = at_ms, price
        self.venue.step(self._tick(price, at_ms))

    def hear_ticker(self, price: float, at_ms: int) -> None:
        """The engine sees a tick."""
        self.now, self.price = at_ms, price
        self.hear(self.ticker(_quoted(price), at_ms))

    def ticker(self, price: Decimal, at_ms: int) -> TickerSeen:
        """What is shown at a price and a moment."""
        market = self.venue.state.market
        return self.candles.ticker(price, at_ms, rate=market.funding_rate, next_ms=market.next_funding_ms)

    def weighed(self, price: float) -> tuple[Balance, float]:
        """The account as it is, were this the price, and its maintenance margin rate."""
        at = _quoted(price)
        margin = self.venue.margin(ACCOUNT, at)
        return self.custody.balance(self.now, margin, at), float(shore.mm_rate_at(margin))

    def watch(self) -> None:
        """The wallet moves with every price although the venue only pushes it on changes; live it is read every few seconds."""
        margin, lived = self.venue.margin(ACCOUNT), self.lived
        wallet = shore.wallet_at(margin)
        self.hear(WalletSeen(wallet=wallet))
        lived.interest = self.custody.interest()
        now = self.custody.balance(self.now, margin)
        lived.see(now, float(wallet.mm_rate or 0))
        if lived.died_ms is None and self.custody.is_liquidated:
            lived.died_ms = self.now
            self.diary.chronicle.liquidated(self.now, now.equity)

    @property
    def is_waiting(self) -> bool:
        """Whether something is on its way."""
        return bool(self._due)

    def do_what_is_due(self) -> None:
        """What was on its way. It meets this tick: the venue stands at its price and its time, and whatever it dates is dated now."""
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()

    def come_to_rest(self) -> None:
        """What the venue has said is heard, and the pulse beats until nothing follows from it."""
        self._deliver()
        for _ in range(MOST_ROUNDS):
            if not self.hear(Ticked()) and not self._busy():
                break

    def _busy(self) -> bool:
        """Whether another pulse at this moment can lead to something: an order was answered and the next may follow."""
        moved, self._moved = self._moved, False
        return moved

    def _tick(self, price: float, at_ms: int) -> Tick:
        last = _quoted(price)
        return Tick(
            at_ms=at_ms,
            last=last,
            mark=last,
            index=last,
            volume=VOLUME,
            funding_rate=self.candles.running_rate(at_ms),
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
                reading = shore.reading_of(self.venue, ACCOUNT, self.now, command)
                self.hear(AccountRead(reading=reading, facts=shore.FACTS if command.with_facts else None))
            case ReadHistory():
                self.hear(self._history(command))
            case SeekOrder():
                self.hear(shore.sought_of(self.venue, ACCOUNT, command))
            case ReadLoan():
                # A payment takes no time here, so what is read at its moment is read after it; live a reading comes later by itself.
                owed = lender.loan_of(self.venue, ACCOUNT, command.structure, self.now + 1)
                self.hear(LoanRead(reading=owed))
            case TransferCoin():
                self.hear(lender.move(self.venue, ACCOUNT, command))
                self._deliver()
            case RepayDebt():
                self.hear(lender.repay(self.venue, ACCOUNT, command))
                self._deliver()
            case SeekTransfer():
                self.hear(lender.transfer_of(self.venue, ACCOUNT, command))
            case SeekRepayment():
                self.hear(lender.repayments_of(self.venue, ACCOUNT, command))
            case _:
                self.hear(ReadFailed(what=type(command).__name__, reason="not played in a backtest"))

    def _later(self, after_ms: int, thing: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + after_ms, next(self._numbers), thing))

    def _place(self, order: PlaceOrder) -> None:
        self.lived.orders += 1
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
                for_want=reply.ret_code in shore.FOR_WANT,
            )
        )
        self._deliver()

    def _history(self, command: ReadHistory) -> HistoryRead:
        """What lies before this moment on the tape."""
        return HistoryRead(
            instrument=shore.instrument_of(self.venue),
            bars=self.candles.before(self.now, command.bars),
            funding=self.candles.settled(self.now, command.funding_points),
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
                    # As it is now: what was pushed between two ticks was made at the price before this one.
                    self.hear(WalletSeen(wallet=shore.wallet_at(self.venue.margin(ACCOUNT))))

    def _filled(self, execution: Any) -> None:
        self._moved = True
        lived = self.lived
        if execution.kind.moves_legs:
            value = float(execution.qty * execution.price)
            lived.fills += 1
            lived.traded += execution.qty * execution.price * (1 if execution.side == "Sell" else -1)
            lived.fees += execution.fee
            lived.turnover += value
            lived.maker += value if execution.is_maker else 0.0
            if execution.kind is ExecKind.BUST and self.now not in lived.busts:
                lived.busts.add(self.now)
                self.diary.chronicle.perps_closed(self.now)
        elif execution.kind is ExecKind.FUNDING:
            lived.received += max(Decimal(0), -execution.fee)
            lived.paid += max(Decimal(0), execution.fee)
        self.hear(ExecutionSeen(execution=execution))


def _quoted(price: float) -> Decimal:
    """A price on the tick grid."""
    return Decimal(repr(price)).quantize(TENTH)
