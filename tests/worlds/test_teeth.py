"""The worlds are under test here: each known mistake, made on purpose in our own engine, must be noticed within a bounded number of seeds.

This is the one place where our own code is patched, because the patch is the point. A mistake that survives is a hole in the workload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from bot.domain.account import ExecKind, Execution
from bot.domain.commands import Command, OrderAbsent
from bot.domain.events import Event, OrderSeen, OrderSought, Started
from bot.domain.legs import Act, Leg
from bot.domain.money import ZERO
from bot.domain.orders import OrderState, signal_of_status
from bot.domain.records import Record
from bot.engine import fence, gate, hearing, hedging, reconciler, sight
from bot.engine.blotter import Blotter
from bot.engine.engine import Engine
from bot.engine.ledger import Ledger
from bot.engine.modes import MODES, Permission
from bot.engine.state import Holding, State
from tests.worlds import campaign

MOST_SEEDS = 120

Mistake = Callable[[], AbstractContextManager[Any]]


def _no_deduplication() -> AbstractContextManager[Any]:
    """Every repeat of an execution moves the leg again."""
    return patch.object(Ledger, "knows", lambda _self, _execution: False)


def _believe_not_found() -> AbstractContextManager[Any]:
    """The first "no such order" is taken for proof."""

    def absences(state: State, _now_ms: int) -> Iterator[OrderAbsent]:
        for order in state.blotter.unsettled():
            if not order.has_ended and order.negatives >= 99:
                yield OrderAbsent(order_link_id=order.place.order_link_id, proof="not found")

    def hear_sought(state: State, sought: OrderSought, now_ms: int) -> None:
        if (ours := state.blotter.orders.get(sought.order_link_id)) is None:
            return
        if sought.order is not None:
            state.blotter.see(sought.order, now_ms)
        elif not ours.has_ended:
            ours.negatives = 99

    return _all_of(patch.object(hearing, "_sought", hear_sought), patch.object(reconciler, "absences", absences))


def _forget_in_flight() -> AbstractContextManager[Any]:
    """What is on its way does not count: the same gap is hedged again and again."""
    return _all_of(
        patch.object(State, "is_settled", property(lambda _self: True)),
        patch.object(Blotter, "in_flight", lambda _self, _leg: ZERO),
        patch.object(Blotter, "unsettled", lambda _self: iter(())),
    )


def _drop_late_fills() -> AbstractContextManager[Any]:
    """An execution of an order that has ended is thrown away."""
    book = Ledger.book

    def deaf(state: State, execution: Execution, _now_ms: int) -> None:
        ours = state.blotter.orders.get(execution.order_link_id)
        if ours is not None and ours.has_ended:
            state.ledger._booked[execution.exec_id] = execution.exec_ms
        else:
            book(state.ledger, execution)
        state.blotter.book(execution)

    return patch.object(hearing, "_book", deaf)


def _net_the_legs() -> AbstractContextManager[Any]:
    """A reading agrees when the net position does."""

    def compare(state: State, reading: Any) -> reconciler.Comparison:
        net = reading.long.qty - reading.short.qty
        equal = state.ledger.is_open and net == state.ledger.net
        return reconciler.Comparison.EQUAL if equal else reconciler.Comparison.DIFFERENT

    def moved(ledger: Ledger, leg: Leg, act: Act, execution: Execution) -> None:
        book = ledger.legs[Leg.SHORT]
        sign = 1 if (leg is Leg.SHORT) == (act is Act.GROW) else -1
        book.qty += sign * execution.qty

    return _all_of(patch.object(reconciler, "compare", compare), patch.object(Ledger, "_move", moved))


def _journal_after_sending() -> AbstractContextManager[Any]:
    """The intent is not on disk when the order leaves."""
    turn = Engine.turn

    def careless(engine: Engine, event: Event, now_ms: int) -> tuple[Command, ...]:
        diary = engine._diary
        with patch.object(diary, "commit", lambda: None):
            return turn(engine, event, now_ms)

    return patch.object(Engine, "turn", careless)


def _send_without_a_disk() -> AbstractContextManager[Any]:
    """A disk that fails holds nothing back."""
    return patch.object(Engine, "_without_disk", lambda _self, commands, _problem, _now_ms: iter(commands))


def _resend_under_a_new_name() -> AbstractContextManager[Any]:
    """An order that was not answered is taken for refused, and its leg is ordered again."""
    fold = Engine.fold

    def impatient(engine: Engine, record: Record, now_ms: int) -> None:
        fold(engine, record, now_ms)
        for order in engine.state.blotter.unsettled():
            if order.state is OrderState.UNKNOWN:
                order.state = OrderState.REFUSED
                engine.state.blotter._file(order)

    return patch.object(Engine, "fold", impatient)


def _trust_the_status() -> AbstractContextManager[Any]:
    """An order's own report moves the leg; its executions come on top."""

    def credulous(engine: Engine, record: Record, now_ms: int) -> None:
        if isinstance(record, OrderSeen) and signal_of_status(record.order.status) is not None:
            ours = engine.state.blotter.orders.get(record.order.order_link_id)
            if ours is not None and record.order.filled_qty > ours.reported:
                change = record.order.filled_qty - ours.reported
                book = engine.state.ledger.legs[ours.place.leg]
                book.qty += change if ours.place.act is Act.GROW else -min(change, book.qty)
        fold(engine, record, now_ms)

    fold = Engine.fold
    return patch.object(Engine, "fold", credulous)


def _ignore_the_gap() -> AbstractContextManager[Any]:
    """After a reconnect everything goes on as if nothing had been missed."""
    return patch.object(sight, "_reconciled_since_up", lambda _state: True)


def _grow_while_blind() -> AbstractContextManager[Any]:
    """Blindness forbids nothing."""
    everything = Permission(grow=True, shrink=True, cancel=True, decide=True)
    blind = next(mode for mode in MODES if mode.value == "BLIND")
    return _all_of(patch.dict(MODES, {blind: everything}), patch.object(sight, "ticker_is_fresh", lambda *_: True))


def _funding_is_a_fill() -> AbstractContextManager[Any]:
    """A funding row moves the leg by the size that was charged."""
    return _all_of(
        patch.object(
            Ledger, "_enter", lambda self, e: _enter(self, e if e.kind is not ExecKind.FUNDING else _as_trade(e))
        )
    )


_enter = Ledger._enter


def _as_trade(execution: Execution) -> Execution:
    return replace(execution, kind=ExecKind.TRADE)


def _targets_are_relative() -> AbstractContextManager[Any]:
    """After a restart a hedge in motion is begun again from where the legs are: its change is added once more."""
    start = hearing._start

    def restarted(state: State, record: Started, now_ms: int) -> None:
        start(state, record, now_ms)
        if (hedge := state.hedge) is not None:
            for leg in hedge.targets:
                hedge.targets[leg] += Decimal("0.05")

    return patch.object(hearing, "_start", restarted)


def _a_name_twice() -> AbstractContextManager[Any]:
    """Order names begin again at one in every run, and every run has the same name."""
    start = hearing._start

    def nameless(state: State, record: Started, now_ms: int) -> None:
        start(state, record, now_ms)
        state.run = "run"

    return patch.object(hearing, "_start", nameless)


def _no_budget() -> AbstractContextManager[Any]:
    """Nobody counts orders, and nobody waits after one that filled nothing."""
    return _all_of(
        patch.object(Blotter, "sent_since", lambda _self, _since: 0),
        patch.object(hedging, "MAX_ORDERS", 10_000),
        patch.object(hedging, "_is_pausing", lambda *_: False),
    )


def _no_limit() -> AbstractContextManager[Any]:
    """The gate has forgotten sizes."""
    return patch.object(gate, "_broken_size", lambda *_: None)


def _adopt_at_once() -> AbstractContextManager[Any]:
    """Legs that differ once are the truth."""
    return patch.object(reconciler, "_is_persistent", lambda _state: True)


def _halt_is_forgotten() -> AbstractContextManager[Any]:
    """The latch is read and nothing follows."""
    return patch.object(sight, "facts_of", lambda state, now_ms: _facts_of(state, now_ms)._replace(halted=""))


_facts_of = sight.facts_of


def _no_fence() -> AbstractContextManager[Any]:
    """Another HedgeLock is another hand, like any other."""
    return patch.object(fence, "fold_heard", lambda *_: None)


def _forget_own_names() -> AbstractContextManager[Any]:
    """What an earlier run of ours has sent is taken for another's."""
    return patch.object(fence, "fold_sent", lambda state, order: None)


def _lose_the_reconnect() -> AbstractContextManager[Any]:
    """Nobody asks what was missed: readings are only taken once, at the start."""
    why = reconciler._why_read

    def once(state: State, now_ms: int) -> str | None:
        return why(state, now_ms) if not state.ledger.is_open or state.readings.agreed_ms is None else None

    return patch.object(reconciler, "_why_read", once)


def _believe_every_wallet() -> AbstractContextManager[Any]:
    """Whatever a wallet shows is the holding, be it the wallet of ten seconds ago."""
    return patch.object(Holding, "see", lambda self, qty, _now_ms, **_patience: self._believe(qty))


def _all_of(*patches: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    stack = ExitStack()

    class Together(AbstractContextManager[Any]):
        def __enter__(self) -> None:
            for each in patches:
                stack.enter_context(each)

        def __exit__(self, *_: object) -> None:
            stack.close()

    return Together()


MISTAKES: tuple[Mistake, ...] = (
    _no_deduplication,
    _believe_not_found,
    _forget_in_flight,
    _drop_late_fills,
    _net_the_legs,
    _journal_after_sending,
    _send_without_a_disk,
    _resend_under_a_new_name,
    _trust_the_status,
    _ignore_the_gap,
    _grow_while_blind,
    _funding_is_a_fill,
    _targets_are_relative,
    _a_name_twice,
    _no_budget,
    _no_limit,
    _adopt_at_once,
    _halt_is_forgotten,
    _no_fence,
    _forget_own_names,
    _lose_the_reconnect,
    _believe_every_wallet,
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.__name__.strip("_").replace("_", " "))
def test_the_worlds_notice(mistake: Mistake) -> None:
    """Some seed objects, and soon."""
    with mistake():
        for seed in range(MOST_SEEDS):
            if campaign.live(seed).invariant.startswith("I-"):
                return
    pytest.fail(f"{MOST_SEEDS} worlds lived with it: {mistake.__doc__}")
