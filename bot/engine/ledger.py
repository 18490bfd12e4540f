"""The ledger: executions become legs, fees, funding and profit.

It knows that only executions move legs, that each execId is booked once whatever repeats, and that a leg's profit is reckoned from its
average entry. It refuses to guess: an execution that does not fit waits for the one that is missing, one of an undocumented kind raises
Broken, and differences with the venue are the reconciler's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from bot.domain.account import ExecKind, Execution
from bot.domain.commands import FundingAdopted, LegsAdopted
from bot.domain.errors import Broken
from bot.domain.legs import Act, Leg, leg_moved_by
from bot.domain.money import ZERO

__all__ = ["KEPT_NAMES", "Ledger", "LegBook", "settlement_hour", "spot_change_of"]

KEPT_NAMES = 20_000
"""Execution names kept in memory: more than a month at the largest daily number of orders."""


KEPT_SETTLEMENTS = 500
"""More than a month of both legs at the shortest interval but hourly."""
_HOUR_MS = 3_600_000


@dataclass(slots=True)
class LegBook:
    """One leg's books. `qty` >= 0 in BTC; money in USDT; `fees` > 0 was paid; `funding` > 0 was received."""

    qty: Decimal = ZERO
    entry_price: Decimal | None = None
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    seq: int = -1
    """The venue's cross sequence of the last execution that moved it; -1: not known."""

    def unrealised(self, leg: Leg, mark: Decimal | None) -> Decimal | None:
        """Profit at `mark` if closed there, before fees; None where mark or entry is unknown."""
        if not self.qty:
            return ZERO
        if mark is None or self.entry_price is None:
            return None
        return _gain(leg, self.entry_price, mark) * self.qty


@dataclass(slots=True)
class Ledger:
    """Both legs of the one symbol traded."""

    symbol: str
    legs: dict[Leg, LegBook] = field(default_factory=lambda: {Leg.LONG: LegBook(), Leg.SHORT: LegBook()})
    is_open: bool = False
    """False until the venue's legs were adopted once: before that the books know nothing."""
    spot_change: Decimal = ZERO
    """The coin that spot trades brought since the books began, less the fees charged in it."""
    spot_fees: dict[str, Decimal] = field(default_factory=dict)
    """Fees of spot trades of the coin, by the coin they were charged in; > 0 was paid."""
    settlements: dict[tuple[int, Leg], Decimal] = field(default_factory=dict)
    """The last settlements booked, by hour and leg; > 0 was received."""
    _taken_over: dict[tuple[int, Leg], Decimal] = field(default_factory=dict)
    """What of them was booked on the transaction log's word."""
    _booked: dict[str, int] = field(default_factory=dict)
    """When each booked execution happened; the oldest are forgotten."""
    _forgotten_ms: int = 0
    """Whatever happened up to here is taken for booked."""
    _early: list[Execution] = field(default_factory=list)
    """Executions that came while the books were closed: adopted legs contain them, or are moved by them."""
    _waiting: list[Execution] = field(default_factory=list)
    """Executions that close more than the leg holds: an earlier one is missing, and they wait for it."""
    _opened_ms: int = 0
    _adopted_seq: int = -1
    _adopted_ms: int = 0

    @property
    def net(self) -> Decimal:
        """Long less short, in BTC."""
        return self.legs[Leg.LONG].qty - self.legs[Leg.SHORT].qty

    @property
    def gross(self) -> Decimal:
        """Long and short together, in BTC."""
        return self.legs[Leg.LONG].qty + self.legs[Leg.SHORT].qty

    @property
    def is_waiting(self) -> bool:
        """Whether an execution is known of which an earlier one is missing: the legs are not what they seem."""
        return bool(self._waiting)

    @property
    def adopted_ms(self) -> int:
        """Executions up to this moment are contained in adopted legs, where they have no sequence."""
        return self._adopted_ms

    def knows(self, execution: Execution) -> bool:
        """Whether this execution is already in the books."""
        return execution.exec_id in self._booked or execution.exec_ms <= self._forgotten_ms

    def predates(self, execution: Execution) -> bool:
        """Whether it happened before the books began, with legs that contain it: history, and nobody's news."""
        return self.is_open and execution.exec_ms <= self._opened_ms

    def adopt(self, record: LegsAdopted) -> None:
        """Take the venue's legs as the truth. Realised profit, fees and funding to date are kept."""
        for leg, qty, entry in (
            (Leg.LONG, record.long_qty, record.long_entry),
            (Leg.SHORT, record.short_qty, record.short_entry),
        ):
            self.legs[leg].qty = qty
            self.legs[leg].entry_price = entry if qty else None
            self.legs[leg].seq = -1
        self._adopted_seq, self._adopted_ms = record.seq, record.at_ms
        self._opened_ms = self._opened_ms if self.is_open else record.at_ms
        self.is_open = True
        early, self._early, self._waiting = [*self._waiting, *self._early], [], []
        for execution in early:
            self._enter(execution)

    def adopt_funding(self, record: FundingAdopted) -> None:
        """Book a settlement as the transaction log tells it; an execution that comes after all takes its place."""
        key, missing = (settlement_hour(record.settled_ms), record.leg), record.funding - record.was
        self.legs[record.leg].funding += missing
        self._taken_over[key] = self._taken_over.get(key, ZERO) + missing
        self._note_settlement(key, record.funding)

    def book(self, execution: Execution) -> None:
        """Book one execution. Repeats and executions already contained in adopted legs change nothing.

        One that closes more than its leg holds waits for the one that is missing before it. Raises Broken for an undocumented kind.
        """
        if self.knows(execution):
            return
        self._booked[execution.exec_id] = execution.exec_ms
        self._forget_old()
        if self.is_open:
            self._enter(execution)
        else:
            self._early.append(execution)

    def _forget_old(self) -> None:
        """Bound the memory: months of names, and a line before which everything counts as booked."""
        if len(self._booked) > KEPT_NAMES:
            by_age = sorted(self._booked.items(), key=lambda item: item[1])
            self._forgotten_ms = by_age[KEPT_NAMES // 2 - 1][1]
            self._booked = {name: at_ms for name, at_ms in by_age if at_ms > self._forgotten_ms}

    def _enter(self, execution: Execution) -> None:
        if execution.category == "spot" and execution.symbol == self.symbol:
            self.spot_change += spot_change_of(execution)
            coin = execution.fee_currency
            self.spot_fees[coin] = self.spot_fees.get(coin, ZERO) + execution.fee
        if execution.symbol != self.symbol or execution.category != "linear" or self._is_in_adopted(execution):
            return
        if execution.kind is ExecKind.UNKNOWN:
            raise Broken(f"execution {execution.exec_id} is of the undocumented kind {execution.raw_kind!r}")
        if execution.kind is ExecKind.FUNDING:
            self._settle(execution)
            return
        leg, act = leg_moved_by(execution.side, closes=execution.closed_qty > 0)
        if act is Act.SHRINK and execution.qty > self.legs[leg].qty:
            self._waiting.append(execution)
            return
        self._move(leg, act, execution)
        if act is Act.GROW and self._waiting:
            again, self._waiting = self._waiting, []
            for waiting in again:
                self._enter(waiting)

    def _settle(self, execution: Execution) -> None:
        # The row's side is the side of the leg charged; a positive fee was paid (Bybit: order/execution).
        leg = Leg.LONG if execution.side == "Buy" else Leg.SHORT
        key = settlement_hour(execution.exec_ms), leg
        # What the log has told of it meanwhile is replaced by the settlement itself.
        received = -execution.fee - self._taken_over.pop(key, ZERO)
        self.legs[leg].funding += received
        self._note_settlement(key, self.settlements.get(key, ZERO) + received)

    def _note_settlement(self, key: tuple[int, Leg], received: Decimal) -> None:
        self.settlements[key] = received
        while len(self.settlements) > KEPT_SETTLEMENTS:
            self.settlements.pop(next(iter(self.settlements)))

    def _is_in_adopted(self, execution: Execution) -> bool:
        if execution.seq >= 0 and self._adopted_seq >= 0:
            return execution.seq <= self._adopted_seq
        return execution.exec_ms <= self._adopted_ms

    def _move(self, leg: Leg, act: Act, execution: Execution) -> None:
        book = self.legs[leg]
        book.fees += execution.fee
        book.seq = max(book.seq, execution.seq)
        match act:
            case Act.GROW:
                cost = execution.price * execution.qty
                held = book.entry_price * book.qty if book.entry_price is not None else ZERO
                book.qty += execution.qty
                book.entry_price = (held + cost) / book.qty
            case Act.SHRINK:
                if book.entry_price is not None:
                    book.realised += _gain(leg, book.entry_price, execution.price) * execution.qty
                book.qty -= execution.qty
                if not book.qty:
                    book.entry_price = None
            case _:
                assert_never(act)


def spot_change_of(execution: Execution) -> Decimal:
    """What a spot trade did to the coin held: bought or sold, less a fee charged in that coin (Bybit: enum, spot fee currency)."""
    traded = execution.qty if execution.side == "Buy" else -execution.qty
    charged_in_coin = bool(execution.fee_currency) and execution.symbol.startswith(execution.fee_currency)
    return traded - execution.fee if charged_in_coin else traded


def settlement_hour(at_ms: int) -> int:
    """Settlements happen on the hour; the venue's accounts of one may differ by some seconds."""
    return (at_ms + _HOUR_MS // 2) // _HOUR_MS


def _gain(leg: Leg, entry: Decimal, price: Decimal) -> Decimal:
    """What one BTC of the leg gained from its entry to `price`, in USDT."""
    return price - entry if leg is Leg.LONG else entry - price
