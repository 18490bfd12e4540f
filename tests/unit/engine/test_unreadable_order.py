"""An order whose status at the venue nobody has documented: what it blocks, who is told, and how a person ends it."""

from __future__ import annotations

import pytest

from bot.domain.commands import Mode, Note, PlaceOrder
from bot.domain.events import ExecutionSeen, OperatorAsked, OrderAnswered, OrderSeen, OrderSought, Verb
from bot.domain.orders import Verdict
from bot.domain.thoughts import EmergencyEnded
from tests.unit.engine.desk import Desk, a_reading, a_row, an_execution

STATUS = "Frozen"


def a_blocked_desk(traded: str = "0.1") -> tuple[Desk, PlaceOrder]:
    """The first order has traded `traded` of its 0.162 BTC, and the venue calls it by a name of its own, for ever."""
    desk = Desk()
    desk.start()
    (order,) = desk.orders
    desk.accept(order)
    desk.hear(ExecutionSeen(execution=an_execution("e1", order, traded)))
    desk.hear(OrderSeen(order=a_row(order, STATUS, traded)))
    ask_for(desk, order, traded)
    return desk, order


def ask_for(desk: Desk, order: PlaceOrder, traded: str = "0.1", seconds: int = 60) -> None:
    """Time passes, and whoever asks is told the same."""
    for _ in range(seconds // 2):
        desk.pulse(2)
        row = a_row(order, STATUS, traded)
        desk.hear(OrderSought(order_link_id=order.order_link_id, order=row, executions=()))
        if desk.state.readings.asked_ms is not None:
            desk.answer_reading(a_reading("0.113", "0.213"))


def told(desk: Desk) -> list[str]:
    return [note.text for note in desk.diary.of(Note) if note.kind == "order unresolved"]


def resume(desk: Desk) -> None:
    desk.hear(OperatorAsked(verb=Verb.RESUME, reason="over on the page", who="operator"))
    desk.pulse(1)


def test_it_blocks_and_that_is_said_for_as_long_as_it_does() -> None:
    """One note and then silence, under TRADING, was all that a person had of a hedge that stood still for good."""
    desk, order = a_blocked_desk()

    assert Mode.REDUCING is desk.state.mode
    assert f"order {order.order_link_id} (shrink long 0.162) is 'Frozen' at the venue" in desk.state.why
    assert 1 == len(told(desk))
    assert told(desk)[0].endswith("resume")

    ask_for(desk, order, seconds=1_300)
    assert 1 == len(desk.orders)
    assert 2 == len(told(desk))


def test_a_person_who_has_looked_ends_it() -> None:
    """What it traded is booked, and the rest is asked for anew."""
    desk, order = a_blocked_desk()

    resume(desk)

    assert Mode.TRADING is desk.state.mode
    assert order.qty == desk.orders[1].qty + an_execution("e1", order, "0.1").qty


def test_what_it_is_said_to_have_traded_is_waited_for() -> None:
    """A person ends the order, not the evidence: a fill that was reported and not booked is still on its way."""
    desk, order = a_blocked_desk()
    desk.hear(OrderSeen(order=a_row(order, STATUS, "0.12")))

    resume(desk)
    assert 1 == len(desk.orders)

    desk.hear(ExecutionSeen(execution=an_execution("e2", order, "0.02")))
    desk.pulse(1)
    assert 2 == len(desk.orders)


def test_a_row_that_cannot_be_read_at_all_is_like_a_status_that_cannot() -> None:
    """It is no absence, however often it comes, and it was never over: a person who has looked ends it, and nothing else does."""
    desk = Desk()
    desk.start()
    (order,) = desk.orders
    desk.accept(order)
    desk.hear(ExecutionSeen(execution=an_execution("e1", order, "0.1")))
    for _ in range(60):
        desk.pulse(2)
        desk.hear(OrderSought(order_link_id=order.order_link_id, order=None, executions=(), unread=("side: ''",)))
        if desk.state.readings.asked_ms is not None:
            desk.answer_reading(a_reading("0.113", "0.213"))

    assert Mode.REDUCING is desk.state.mode
    assert desk.state.why.startswith(
        f"order {order.order_link_id} (shrink long 0.162) is at the venue in a row that cannot be read"
    )
    assert told(desk)[0].endswith("resume")
    assert 1 == len(desk.orders)
    resume(desk)
    assert order.qty == desk.orders[1].qty + an_execution("e1", order, "0.1").qty


def test_an_order_that_the_venue_does_not_show_is_not_ended_by_a_word() -> None:
    """Silence ends by an answer or by proof; a resume was meant for something else."""
    desk = Desk()
    desk.start()
    (order,) = desk.orders
    desk.hear(OrderAnswered(order_link_id=order.order_link_id, verdict=Verdict.UNKNOWN, code=None, reason="no answer"))
    for _ in range(60):
        desk.pulse(1)
    assert 1 == len(told(desk))

    resume(desk)

    assert [order.order_link_id] == [one.place.order_link_id for one in desk.state.blotter.unsettled()]
    assert 1 == len(desk.orders)


def test_all_of_it_executed_is_all_of_it_whatever_it_is_called() -> None:
    """Executions alone move legs, and there is nothing left of it to come."""
    desk, order = a_blocked_desk(traded="0.162")

    assert 2 == len(desk.orders)
    assert order.order_link_id not in {one.place.order_link_id for one in desk.state.blotter.unsettled()}


@pytest.mark.parametrize("verb", [Verb.FREEZE, Verb.NEUTRALISE, Verb.FLATTEN])
def test_an_emergency_does_not_wait_for_it(verb: Verb) -> None:
    """It waited for ever, and no resume was taken meanwhile; the kill switch does not need our books."""
    desk, _ = a_blocked_desk()

    desk.hear(OperatorAsked(verb=verb, reason="now", who="operator"))
    desk.pulse(1)

    assert [False] == [ended.done for ended in desk.diary.of(EmergencyEnded)]
    assert "kill_switch" in desk.diary.of(Note)[-1].text
    assert Mode.HALTED is desk.state.mode
