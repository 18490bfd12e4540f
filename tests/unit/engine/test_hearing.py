"""What is heard, and what it does besides: questions that failed, and a history that brings a part of what it may bring."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.commands import Mode, ReadAccount, ReadHistory, ReadLoan
from bot.domain.events import Channel, ChannelChanged, ChecksRun, ExecutionSeen, FactsLost, ReadFailed, Started
from bot.domain.orders import OrderState
from bot.engine.engine import Engine
from tests.unit.engine.desk import Desk, MemoryDiary, a_history, a_reading, an_execution
from tests.unit.engine.test_engine import a_hedged_desk
from tests.unit.engine.test_treasurer import LoanDesk


def waited_s(desk: Desk, kind: type, *, most: int = 40) -> float:
    """How long until such a question is asked once more; the account's own are answered meanwhile."""
    asked, begun_ms = sum(isinstance(command, kind) for command in desk.sent), desk.now_ms
    while desk.now_ms < begun_ms + most * 1000:
        desk.pulse(0.5)
        if sum(isinstance(command, kind) for command in desk.sent) > asked:
            break
        if kind is not ReadAccount and desk.state.readings.asked_ms is not None:
            wallet = desk.wallet if isinstance(desk, LoanDesk) else None
            desk.answer_reading(a_reading("0", "0.27", wallet=wallet) if wallet else a_reading("0.051", "0.321"))
    return (desk.now_ms - begun_ms) / 1000


def fail(desk: Desk, what: str) -> None:
    desk.hear(ReadFailed(what=what, reason="HTTP 503"))


def test_an_account_that_cannot_be_read_is_asked_for_ever_more_slowly() -> None:
    """Two seconds after the first failure, four after the second, and never more than ten: a venue in trouble is not hammered."""
    desk = a_hedged_desk()
    desk.pulse(10)
    waits = []
    for _ in range(6):
        fail(desk, "ReadAccount")
        waits.append(waited_s(desk, ReadAccount))

    assert [2, 4, 6, 8, 10, 10] == waits


def test_what_a_preflight_found_is_why_nothing_is_sent_until_it_finds_nothing() -> None:
    desk = a_hedged_desk()

    desk.hear(ChecksRun(against=("key: it may withdraw", "clock: 3 s off")))
    assert (Mode.OBSERVE, "preflight: key: it may withdraw; clock: 3 s off") == (desk.state.mode, desk.state.why)

    desk.hear(ChecksRun(against=()))
    assert Mode.TRADING is desk.state.mode


def test_a_payments_question_that_failed_slows_no_other() -> None:
    """It is asked again on the pulse, for as long as the payment is open."""
    desk = a_hedged_desk()
    desk.pulse(10)
    for what in ("SeekTransfer", "SeekRepayment", "SeekTransfer"):
        fail(desk, what)
    fail(desk, "ReadAccount")

    assert 2 == waited_s(desk, ReadAccount)


def test_a_loan_that_could_not_be_read_is_asked_for_again_soon_where_it_is_wanted() -> None:
    """After two seconds, and else when it is due; the question about the account stays what it is."""
    desk = LoanDesk()
    desk.pulse(10)
    desk.state.loan.want("a payment has ended")
    desk.pulse(0)
    readings = desk.state.readings
    before = (readings.asked_ms, readings.not_before_ms)
    fail(desk, "ReadLoan")

    assert before == (readings.asked_ms, readings.not_before_ms)
    assert 2 == waited_s(desk, ReadLoan)


def test_a_history_that_failed_is_asked_for_again_soon_where_nothing_goes_on_without_it() -> None:
    """At the start two seconds; for new filters alone, which may wait, the fifteen of any answer that does not come."""
    desk = Desk()
    desk.hear(Started(run="r1", version="0", mode="paper", settings_hash=""))
    desk.pulse(0)
    fail(desk, "ReadHistory")
    assert 2 == waited_s(desk, ReadHistory)

    desk = a_hedged_desk()
    desk.hear(a_history())
    desk.state.instrument_ms = 0
    desk.pulse(20)
    assert 2 == sum(isinstance(command, ReadHistory) for command in desk.sent)
    fail(desk, "ReadHistory")
    assert 15 <= waited_s(desk, ReadHistory) <= 15.5


@pytest.mark.parametrize(("left_out", "bars", "points"), [("funding", True, False), ("bars", False, True)])
def test_a_history_may_bring_a_part_and_new_filters_alone_take_nothing_away(
    left_out: str, bars: bool, points: bool
) -> None:
    """A young contract has no settlements yet; an hourly look at the filters has neither."""
    desk = Desk()
    desk.hear(replace(a_history(), **{left_out: ()}))
    market = desk.state.market
    assert (bars, points) == (bool(market.bars), bool(market.funding))

    desk.hear(replace(a_history(), bars=(), funding=()))
    assert (bars, points) == (bool(market.bars), bool(market.funding))


@pytest.mark.parametrize(("answered", "state"), [(False, OrderState.UNKNOWN), (True, OrderState.ACKED)])
def test_an_order_that_the_run_before_sent_is_unknown_unless_it_was_answered(answered: bool, state: OrderState) -> None:
    """What is on disk may have left, and may not have: the venue's books are asked. What was taken stays taken."""
    desk = Desk()
    desk.start()
    (order,) = desk.orders
    if answered:
        desk.accept(order)

    again = Engine(desk.state.config, MemoryDiary())
    for record, at_ms in desk.diary.records:
        again.recover(record, at_ms)
    again.turn(Started(run="r2", version="0", mode="paper", settings_hash=""), desk.now_ms)

    assert state is again.state.blotter.orders[order.order_link_id].state


def test_the_account_is_read_at_once_where_an_execution_is_missing_and_not_for_every_fill() -> None:
    """Our fill takes more than the leg holds: another that came before it was never told."""
    desk = Desk()
    desk.start()
    order = desk.orders[0]
    desk.fill(order, "0.1")
    assert "an execution is missing" != desk.state.readings.urgent

    desk.hear(ExecutionSeen(execution=an_execution("more", order, "0.2")))
    assert "an execution is missing" == desk.state.readings.urgent


CHANNELS = [
    # name                          channel          up      the account is wanted    bars may be missing
    ("the private stream came up",  Channel.PRIVATE, True,   "private stream up",     False),
    ("the private stream is down",  Channel.PRIVATE, False,  "",                      False),
    ("the public stream came up",   Channel.PUBLIC,  True,   "",                      True),
    ("the public stream is down",   Channel.PUBLIC,  False,  "",                      False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "channel", "up", "wanted", "gap"), CHANNELS, ids=[case[0] for case in CHANNELS])
def test_what_a_new_connection_missed_is_asked_for(
    name: str, channel: Channel, up: bool, wanted: str, gap: bool
) -> None:
    """Nothing is replayed: orders and fills are read again after the private one, bars after the public one."""
    desk = a_hedged_desk()
    desk.hear(a_history())
    desk.state.readings.urgent = ""
    desk.engine.fold(ChannelChanged(channel=channel, up=up, reason="so"), desk.now_ms)

    assert (wanted, gap) == (desk.state.readings.urgent, desk.state.market.has_gap)


@pytest.mark.parametrize(("count", "why"), [(3, "3 facts lost"), (0, "the engine stood still")])
def test_facts_that_were_lost_are_asked_for_too(count: int, why: str) -> None:
    """As after a new connection, and with its own word."""
    desk = a_hedged_desk()
    desk.engine.fold(FactsLost(count=count), desk.now_ms)

    assert why == desk.state.readings.urgent
