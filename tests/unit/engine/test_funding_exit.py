"""Extreme funding that the book pays: the hedge goes down to the loan's floor, and what that leaves open is said."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

from bot.domain.commands import Decided, Note
from bot.domain.events import (
    Channel,
    ChannelChanged,
    ExecutionSeen,
    FundingPoint,
    OrderSeen,
    Started,
    Ticked,
)
from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce
from bot.engine import picture
from tests.unit.engine.desk import NOW_MS, Desk, a_config, a_history, a_reading, a_row, a_ticker, an_execution


def a_desk(rate: str, long: str = "0.051", short: str = "0.321") -> Desk:
    """The hedged seed book in a market whose every settlement was `rate`."""
    desk = Desk()
    settled = tuple(FundingPoint(at_ms=NOW_MS - i * 28_800_000, rate=D(rate)) for i in range(21, 0, -1))
    desk.hear(Started(run="r1", version="0", mode="paper", settings_hash=""))
    desk.hear(replace(a_history(), funding=settled))
    for channel in Channel:
        desk.hear(ChannelChanged(channel=channel, up=True, reason="connected"))
    desk.hear(a_ticker(at_ms=desk.now_ms, funding_rate=D(rate)))
    desk.now_ms += 1
    desk.answer_reading(a_reading(long, short))
    desk.hear(Ticked())
    return desk


def test_a_book_that_pays_extreme_funding_goes_down_to_the_floor() -> None:
    """328 % a year: the long leg goes, the short leg keeps what the loan needs; at market, and with the exposure in words."""
    desk = a_desk("-0.003")
    while desk.diary.of(Decided)[-1].long_target is not None and desk.state.hedge is not None:
        order = desk.orders[-1]
        assert (Act.SHRINK, TimeInForce.IOC) == (order.act, order.time_in_force)
        desk.hear(ExecutionSeen(execution=an_execution(order.order_link_id, order)))
        desk.hear(OrderSeen(order=a_row(order, "Filled", str(order.qty))))

    legs = desk.state.ledger.legs
    (note,) = [note for note in desk.diary.of(Note) if note.kind == "funding exit"]
    assert (D(0), D("0.057")) == (legs[Leg.LONG].qty, legs[Leg.SHORT].qty)
    assert "leaves delta +0.213" in note.text
    assert "would cost 2,4" in note.text
    assert "the book pays extreme funding: down to the LTV floor" == desk.diary.of(Decided)[0].reason


def test_a_book_that_is_paid_extreme_funding_stays() -> None:
    """The same rate with the other sign is income."""
    desk = a_desk("0.003")

    assert ([], False) == (desk.orders, picture.view(desk.state, desk.now_ms).funding.should_exit)


def test_unknown_funding_never_grows_delta() -> None:
    """The venue says no rate: a target further away from zero waits, by name; the way towards zero stays open."""
    wish = a_config().policy._replace(target_delta_btc=0.1)
    desk = Desk(a_config(policy=wish))
    desk.hear(Started(run="r1", version="0", mode="paper", settings_hash=""))
    desk.hear(a_history())
    for channel in Channel:
        desk.hear(ChannelChanged(channel=channel, up=True, reason="connected"))
    desk.hear(a_ticker(at_ms=desk.now_ms, funding_rate=None))
    desk.now_ms += 1
    desk.answer_reading(a_reading("0.051", "0.321"))

    (refused,) = desk.diary.of(Decided)
    assert ([], "funding is unknown and the trade would grow |delta|") == (desk.orders, refused.reason)
