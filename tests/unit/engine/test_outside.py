"""Another system's word on funding: it may hold a decision back, and can move nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.commands import Decided, Outcome
from bot.domain.events import Channel, ChannelChanged, FundingContextSeen, FundingPoint, OperatorAsked, Started, Verb
from bot.engine import picture
from bot.engine.engine import Engine
from bot.review.replay import NoDiary
from tests.unit.engine.desk import NOW_MS, Desk, a_config, a_history, a_reading, a_ticker

STALE_MS = 3_600_000
REFUSED = "funding is unknown and the trade would grow |delta|"


def a_desk(
    *,
    rate: str = "0.0001",
    target: float = 0.1,
    stale_ms: int = STALE_MS,
    told: str = "",
    age_ms: int = 0,
    legs: tuple[str, str] = ("0.051", "0.321"),
) -> Desk:
    """The hedged seed book, asked for a target of `target` BTC; another system called funding `told`, `age_ms` ago."""
    desk = Desk(a_config(policy=a_config().policy._replace(target_delta_btc=target), outside_stale_ms=stale_ms))
    settled = tuple(FundingPoint(at_ms=NOW_MS - i * 28_800_000, rate=D(rate)) for i in range(21, 0, -1))
    desk.hear(Started(run="r1", version="0", mode="paper", settings_hash=""))
    desk.hear(replace(a_history(), funding=settled))
    if told:
        desk.hear(FundingContextSeen(at_ms=desk.now_ms - age_ms, regime=told, source="elsewhere 7"))
    for channel in Channel:
        desk.hear(ChannelChanged(channel=channel, up=True, reason="connected"))
    desk.hear(a_ticker(at_ms=desk.now_ms, funding_rate=D(rate)))
    desk.now_ms += 1
    desk.answer_reading(a_reading(*legs))
    return desk


def last(desk: Desk) -> Decided:
    return desk.diary.of(Decided)[-1]


@pytest.mark.parametrize("told", ["HEATED", "MANIA", "EXTREME"])
def test_a_hotter_word_holds_back_what_would_grow_delta(told: str) -> None:
    """Our own regime is NEUTRAL and would let delta go to 0.1."""
    alone, held = a_desk(), a_desk(told=told)

    assert Outcome.HEDGE is last(alone).outcome
    assert (Outcome.REFUSE, REFUSED) == (last(held).outcome, last(held).reason)
    assert f"(funding called {told} outside)" in last(held).trigger
    assert [] == held.orders
    assert told == picture.view(held.state, held.now_ms).funding.outside_regime


@pytest.mark.parametrize(
    ("told", "age_ms", "stale_ms"),
    [("NEUTRAL", 0, STALE_MS), ("UNKNOWN", 0, STALE_MS), ("EXTREME", STALE_MS, STALE_MS), ("EXTREME", 0, 0)],
    ids=["no hotter than ours", "it does not know", "too long ago", "nobody listens"],
)
def test_a_word_that_does_not_count_changes_nothing(told: str, age_ms: int, stale_ms: int) -> None:
    """The same decision, to the last field, and the same order."""
    alone, heard = a_desk(stale_ms=stale_ms), a_desk(told=told, age_ms=age_ms, stale_ms=stale_ms)

    assert last(alone) == last(heard)
    assert [order.order_link_id for order in alone.orders] == [order.order_link_id for order in heard.orders]


def test_it_never_stands_against_what_makes_delta_smaller() -> None:
    """The first hedge of a bare book is decided as if nobody had spoken."""
    alone, heard = (
        a_desk(target=0.0, legs=("0.213", "0.213")),
        a_desk(target=0.0, legs=("0.213", "0.213"), told="EXTREME"),
    )

    assert Outcome.HEDGE is last(alone).outcome
    assert last(alone) == last(heard)


def test_a_book_that_pays_extreme_funding_is_not_sent_away_by_an_outside_word() -> None:
    """By our own tiers a book that pays 164 % a year gives its hedge up; while somebody calls it worse than we do, it stays."""
    alone = a_desk(rate="-0.0015", target=0.0)
    held = a_desk(rate="-0.0015", target=0.0, told="EXTREME")

    assert alone.orders
    assert [] == held.orders
    assert "delta is on target to the last step" == last(held).reason


def test_it_lapses_in_time_and_the_decision_is_taken() -> None:
    """A sender that died is forgotten after its hour."""
    desk = a_desk(told="EXTREME")
    assert [] == desk.orders

    for _ in range(15):
        desk.pulse(300)
        desk.answer_reading(a_reading("0.051", "0.321"))

    assert desk.orders
    assert "" == picture.view(desk.state, desk.now_ms).funding.outside_regime


def test_an_older_word_does_not_replace_a_newer_one() -> None:
    """Messages of two partitions may cross."""
    desk = a_desk(told="EXTREME")
    desk.hear(FundingContextSeen(at_ms=desk.now_ms - 60_000, regime="NEUTRAL", source="elsewhere 6"))

    assert "EXTREME" == picture.view(desk.state, desk.now_ms).funding.outside_regime


def test_the_journal_tells_it_again() -> None:
    """Folded from its records alone an engine knows the same word, and has held back the same."""
    desk = a_desk(told="MANIA")
    desk.hear(OperatorAsked(verb=Verb.REHEDGE, reason="look", who="test"))

    again = Engine(desk.state.config, NoDiary())
    for record, at_ms in desk.diary.records:
        again.recover(record, at_ms)

    assert desk.state.outside_funding == again.state.outside_funding
    assert list(desk.state.decisions) == list(again.state.decisions)
