"""What is asked of the venue's books and from when on, and what a person is told of the answers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.account import CashKind, CashRow, ExecKind
from bot.domain.commands import FundingAdopted, Mode, Note, ReadHistory, SeekOrder
from bot.domain.events import ExecutionSeen, OrderAnswered, OrderSeen
from bot.domain.legs import Leg
from bot.domain.orders import Verdict
from tests.unit.engine.desk import NOW_MS, Desk, a_config, a_history, a_reading, a_row, an_execution
from tests.unit.engine.test_cashbook import a_row as a_money_row
from tests.unit.engine.test_cashbook import a_settlement, holding
from tests.unit.engine.test_resting import chasing, opened

DAY_MS = 86_400_000


def a_quiet_desk() -> Desk:
    """The seed book as it is hedged; nothing to do. A read may lag by twenty seconds."""
    desk = Desk(a_config(patience=replace(a_config().patience, lease_ms=20_000)))
    desk.start(reading=a_reading("0.051", "0.321", cash=()))
    return desk


def read(desk: Desk, *rows: CashRow, seconds: float = 10) -> None:
    """Time passes, and the account is read where that is asked for: it agrees, and the log shows these rows."""
    desk.pulse(seconds)
    if desk.state.readings.asked_ms is not None:
        legs = desk.state.ledger.legs
        desk.answer_reading(a_reading(str(legs[Leg.LONG].qty), str(legs[Leg.SHORT].qty), cash=rows))


def told(desk: Desk, kind: str) -> list[str]:
    return [note.text for note in desk.diary.of(Note) if note.kind == kind]


def test_the_past_is_asked_for_with_an_overlap_and_once_an_hour_from_a_day_back() -> None:
    """A row may be listed hours late, so one question an hour reaches far; every other only as far as a read may lag."""
    desk = a_quiet_desk()
    assert NOW_MS - DAY_MS == desk.questions[0].cash_since_ms
    reach: list[tuple[int, int]] = []
    for _ in range(365):
        desk.pulse(10)
        asked = desk.questions[-1]
        assert asked.cash_since_ms is not None
        reach.append((desk.now_ms - asked.executions_since_ms, desk.now_ms - asked.cash_since_ms))
        desk.answer_reading(a_reading("0.051", "0.321", cash=()))

    deep = [number for number, (executions, cash) in enumerate(reach) if executions >= DAY_MS and cash >= DAY_MS]
    assert [359] == deep, "an hour after the first look, and not again"
    assert {(70_000, 90_000)} == set(reach[1:359] + reach[360:])


def test_candles_are_asked_for_once_and_the_filters_every_hour() -> None:
    """Two windows of volatility and a bar more, at the start; after that only the contract, whose filters change while it trades."""
    desk = a_quiet_desk()
    desk.hear(a_history())
    begun = len(desk.sent)
    desk.pulse(3_599.999)
    early = [question for question in desk.sent[begun:] if isinstance(question, ReadHistory)]
    desk.pulse(0.001)

    first, *_, last = (question for question in desk.sent if isinstance(question, ReadHistory))
    assert ([], (577, 21), (0, 0)) == (early, (first.bars, first.funding_points), (last.bars, last.funding_points))


def test_what_our_own_orders_do_is_no_difference() -> None:
    """Fills of ours, funding and coin that was traded are told to nobody; a hand's trade of the perp is."""
    desk = Desk()
    desk.start()
    desk.fill(desk.orders[-1])
    desk.fill(desk.orders[-1])
    desk.hear(ExecutionSeen(execution=an_execution("funding", kind=ExecKind.FUNDING)))
    desk.hear(ExecutionSeen(execution=an_execution("coin", category="spot")))
    assert [] == desk.diary.of(Note)

    desk.hear(ExecutionSeen(execution=an_execution("hand", qty="0.1")))
    assert ["a trade of another hand: 0.1 BTC of the long leg at 116000 (grow)"] == told(desk, "foreign trade")


def test_a_settlement_that_only_the_log_shows_is_believed_when_no_execution_comes() -> None:
    """Five dollars were charged and no execution tells: after its time the log is believed, once, and a person is told both figures."""
    desk = a_quiet_desk()
    read(desk, a_settlement("s1", "-5", "Sell", at_ms=desk.now_ms + 5_000))
    for _ in range(250):
        read(desk, seconds=60)

    (adopted,) = desk.diary.of(FundingAdopted)
    assert (Leg.SHORT, D(-5), D(0)) == (adopted.leg, adopted.funding, adopted.was)
    (text,) = told(desk, "funding untold")
    assert "short leg at 07:00 UTC: the log says -5 USDT, executions +0; the log is believed" in text


def test_an_order_that_nobody_can_tell_of_is_told_to_a_person_once() -> None:
    """Asked for again and again without an end: at the eleventh question somebody should look, and need not be told again."""
    desk = Desk()
    desk.start()
    link = desk.orders[-1].order_link_id
    desk.hear(OrderAnswered(order_link_id=link, verdict=Verdict.UNKNOWN, code=None, reason="no answer"))
    for _ in range(60):
        desk.pulse(0.5)

    assert 13 == sum(isinstance(command, SeekOrder) for command in desk.sent), "no sooner than after two seconds"
    (text,) = told(desk, "order unresolved")
    assert f"{link} (shrink long 0.162) is unknown for 25 s; no other order is sent until it is known" == text


def test_money_that_a_hand_moved_is_told_with_its_kind_and_where() -> None:
    """A transfer has no contract; a correction of one names it."""
    desk = a_quiet_desk()
    left = a_money_row("t1", "-250", kind=CashKind.TRANSFER, raw_kind="TRANSFER_OUT")
    read(desk, left, replace(left, row_id="t2", kind=CashKind.UNKNOWN, raw_kind="FIX", change=D(3), symbol="BTCUSDT"))

    assert [
        "money moved by another hand: TRANSFER_OUT changed USDT by -250",
        "money moved by another hand: FIX in BTCUSDT changed USDT by +3",
    ] == told(desk, "money moved")


def test_a_price_that_the_venue_moved_is_told_when_the_order_has_ended() -> None:
    """Beyond the band a price is moved in silence: one word when all is over, none while it stands or where it stood as sent."""
    desk = Desk()
    desk.start()
    order = desk.orders[-1]
    assert order.limit_price is not None
    moved = order.limit_price + D(50)
    desk.hear(OrderSeen(order=a_row(order, "New", price=moved)))
    assert [] == told(desk, "order repriced")

    desk.hear(OrderSeen(order=a_row(order, "Cancelled", price=moved)))
    desk.pulse(2)
    desk.hear(OrderSeen(order=a_row(desk.orders[-1], "Cancelled", price=desk.orders[-1].limit_price)))
    (text,) = told(desk, "order repriced")
    assert f"{order.order_link_id} was sent at {order.limit_price} and stood at {moved}" in text


def test_a_reading_while_an_order_is_on_its_way_proves_nothing() -> None:
    """It may be from before or after what the order does: legs that moved meanwhile are no disagreement, and blind nobody."""
    desk = Desk()
    desk.start()
    desk.pulse(1)
    desk.accept(desk.orders[-1])
    desk.answer_reading(a_reading("0.051", "0.213"))

    assert (0, Mode.TRADING) == (desk.state.readings.disagreements, desk.state.mode)


def test_what_is_taken_over_is_told_with_both_figures_and_for_how_long_it_stood() -> None:
    """A leg that no execution explains, and a wallet that no row does: a person can check either against the exchange."""
    desk = a_quiet_desk()
    row = a_money_row("t1", "100", at_ms=desk.now_ms)
    for long, usdt in [("0.051", "1000")] * 12 + [("0.151", "1250")] * 8:
        desk.pulse(5)
        reading = a_reading(long, "0.321", cash=(row,) if usdt == "1250" else (), wallet=holding(usdt))
        if desk.state.readings.asked_ms is not None:
            desk.answer_reading(reading)

    assert ["unexplained legs", "wallet unexplained"] == [note.kind for note in desk.diary.of(Note)]
    legs, cash = (note.text.partition(": ")[2] for note in desk.diary.of(Note))
    assert legs == (
        "the venue holds long 0.151 / short 0.321, our books said long 0.051 / short 0.321, for 20 s; the venue is believed"
    )
    assert cash == (
        "USDT in the wallet is 1250, the log explains 1100, a difference of +150 unexplained for 20 s; the wallet is believed"
    )


def test_an_order_that_rests_is_quiet_on_purpose() -> None:
    """What takes is asked after when five seconds have brought no word; what stands on the book when twenty have."""
    taking, (resting, order) = Desk(), chasing()
    taking.start()
    taking.accept(taking.orders[-1])
    opened(resting, order)
    waits = []
    for desk in (taking, resting):
        since_ms = desk.now_ms
        while not any(isinstance(command, SeekOrder) for command in desk.sent) and desk.now_ms < since_ms + 60_000:
            desk.pulse(0.5)
        waits.append(desk.now_ms - since_ms)

    assert [5_500, 20_500] == waits


def test_an_order_of_another_hand_is_told_with_its_price() -> None:
    """It stands on the book beside ours: what it is, once, though every reading shows it."""
    desk = Desk()
    desk.start()
    row = a_row(desk.orders[-1], "New", order_id="hand", order_link_id="", price=D(90_000))
    desk.fill(desk.orders[-1])
    desk.fill(desk.orders[-1])
    for _ in range(2):
        desk.answer_reading(a_reading("0.051", "0.321", open_orders=(row,)))

    assert ["an order of another hand: Sell 0.162 at 90000, New"] == told(desk, "foreign order")


@pytest.mark.parametrize("kind", [ExecKind.TRADE, ExecKind.BUST])
def test_what_happened_before_the_books_began_is_no_news(kind: ExecKind) -> None:
    """The look a day back, an hour after the first start, finds what the owner traded that morning, or a liquidation: the first reading had
    it in its legs. It was called another hand's, spoiled the hedge in motion, and a liquidation halted the engine."""
    desk = Desk()
    desk.start()
    assert desk.state.hedge is not None
    old = an_execution("old", kind=kind, exec_ms=NOW_MS - 3_600_000)

    desk.hear(ExecutionSeen(execution=old))
    desk.pulse(1)

    assert Mode.TRADING is desk.state.mode
    assert "" == desk.state.hedge.spoiled
    assert "" == desk.state.urgent
    assert [] == desk.diary.of(Note)
