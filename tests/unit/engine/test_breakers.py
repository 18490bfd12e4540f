"""Breakers: what trips each, that no leg grows meanwhile, and what resets it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.account import CashKind, ExecKind
from bot.domain.commands import Decided, Mode, Note
from bot.domain.events import AccountRead, CashSeen, ExecutionSeen, OperatorAsked, OrderAnswered, Verb
from bot.domain.legs import Act
from bot.domain.orders import Verdict
from bot.domain.records import kind_of
from bot.domain.thoughts import BreakerMoved
from bot.engine import breakers, outlook
from bot.engine.config import BreakerLimits
from bot.journal.journal import BULK
from tests.unit.engine.desk import Desk, a_config, a_reading, a_wallet, an_execution
from tests.unit.engine.test_cashbook import a_row as a_cash_row

DAY_MS = 86_400_000


def a_desk(**limits: float) -> Desk:
    desk = Desk(a_config(breakers=BreakerLimits(**limits)))  # type: ignore[arg-type]
    desk.start()
    desk.pulse(1)
    return desk


def with_equity(equity: str, asked_ms: int = 0) -> AccountRead:
    reading = a_reading("0.213", "0.213").reading
    wallet = replace(reading.wallet, total_equity=D(equity))
    return AccountRead(reading=replace(reading, wallet=wallet, asked_ms=asked_ms))


def read(desk: Desk, equity: str) -> None:
    desk.hear(with_equity(equity, desk.now_ms))
    desk.pulse(1)


def refuse(desk: Desk) -> None:
    desk.hear(OrderAnswered(order_link_id="nobody", verdict=Verdict.REFUSED, code=110007, reason="no margin"))


def test_a_days_loss_trips_and_the_next_day_resets() -> None:
    """Ten per cent is gone since this morning's first reading; tomorrow begins with what there is."""
    desk = a_desk(daily_loss=0.1)
    read(desk, "10000")
    read(desk, "8900")

    assert "daily loss" in desk.state.tripped
    assert Mode.REDUCING is desk.state.mode
    assert "breaker tripped" in [note.kind for note in desk.diary.of(Note)]

    desk.now_ms += DAY_MS
    read(desk, "8900")
    assert {} == desk.state.tripped


def test_what_may_not_grow_is_told_once_an_hour_and_begun_as_soon_as_it_may() -> None:
    """Half hedged under a tripped breaker: no hedge is begun that could only wait, none given up every two minutes. Reset, the growth
    goes out with the next pulse, however lately it was told."""
    desk = Desk()
    desk.engine.fold(BreakerMoved(name="drawdown", tripped=True, reason="half is lost"), desk.now_ms)
    desk.start(reading=a_reading("0", "0.213"))
    ends_ms = desk.now_ms + 2 * 3_600_000 + 60_000
    while desk.now_ms < ends_ms:
        desk.pulse(10)
        desk.answer_reading(a_reading("0", "0.213"))
    told = desk.diary.of(Decided)
    assert ["first look", "review", "review"] == [decided.trigger for decided in told]
    assert {(D("0.000"), D("0.270"))} == {(decided.long_target, decided.short_target) for decided in told}
    assert [] == [note.text for note in desk.diary.of(Note) if note.kind == "hedge given up"]
    assert [] == desk.orders

    desk.engine.fold(BreakerMoved(name="drawdown", tripped=False, reason="a person resumes"), desk.now_ms)
    desk.pulse(1)
    assert [(Act.GROW, D("0.057"))] == [(order.act, order.qty) for order in desk.orders]


def test_coin_that_lies_elsewhere_is_owned_all_the_same() -> None:
    """In a rally the short's loss is the coin's gain, wherever it lies; and coin that is moved about in the account is neither."""
    desk = Desk(a_config(breakers=BreakerLimits(daily_loss=0.3, drawdown=0.5), fixed_spot=D("0.27")))
    wallet = replace(a_wallet(btc="0", debt="0"), total_equity=D(22000))
    reading = a_reading("0", "0.27", wallet=wallet).reading

    def read_at(price: str, equity: str) -> None:
        desk.pulse(1, price=price)
        shown = replace(wallet, total_equity=D(equity))
        desk.hear(AccountRead(reading=replace(reading, wallet=shown, asked_ms=desk.now_ms)))
        desk.pulse(1, price=price)

    desk.start(reading=AccountRead(reading=reading))
    read_at("116000", "22000")
    read_at("170000", "7420")  # 54,000 up, 0.27 short

    assert {} == desk.state.tripped
    assert [0.0, 0.0] == [pytest.approx(view.figure, abs=0.01) for view in breakers.view(desk.state)[:2]]
    assert outlook.loan_view(desk.state, desk.now_ms).equity == D("0.27") * 170000 + 7420
    read_at("170000", "-30000")
    assert {"daily loss", "drawdown"} == set(desk.state.tripped)


@pytest.mark.parametrize(("coin", "change", "dawn"), [("AIRDROP", "-1000000", 15_120), ("USDC", "-1000", 14_120)])
def test_a_coin_that_left_whole_is_not_taken_for_dollars(coin: str, change: str, dawn: int) -> None:
    """Its row is gone, and its price with it: a million coins of an airdrop, taken for dollars, left the day nothing to lose."""
    desk = a_desk(daily_loss=0.1)
    read(desk, "15120")
    row = a_cash_row("t1", change, coin, kind=CashKind.TRANSFER, raw_kind="TRANSFER_OUT", at_ms=desk.now_ms + 1)
    desk.hear(CashSeen(row=row))
    read(desk, f"{dawn - 50}")

    assert D(dawn) == desk.state.measures.equity_at_dawn
    assert {} == desk.state.tripped


def test_a_restart_forgets_no_loss() -> None:
    """Readings are pruned from the journal; what the day began with is not, nor the highest equity."""
    before = a_desk(daily_loss=0.1)
    read(before, "20000")
    dawn = before.state.measures.equity_at_dawn
    after = Desk(before.state.config)
    after.now_ms = before.now_ms
    for record, at_ms in before.diary.records:
        if kind_of(record) not in BULK:
            after.engine.recover(record, at_ms)
    after.start(reading=with_equity("14000"))
    after.pulse(1)
    assert (dawn, D(20000)) == (after.state.measures.equity_at_dawn, after.state.measures.equity_peak)

    read(after, f"{dawn * D('0.9')}")
    assert ["daily loss"] == list(after.state.tripped)


def test_a_drawdown_waits_for_a_person() -> None:
    """From the highest equity ever read; it does not heal by itself, and resuming begins anew from here."""
    desk = a_desk(drawdown=0.2)
    read(desk, "10000")
    read(desk, "7000")
    desk.now_ms += 2 * DAY_MS
    read(desk, "7100")
    assert ["drawdown"] == list(desk.state.tripped)

    desk.hear(OperatorAsked(verb=Verb.RESUME, reason="looked", who="operator"))
    desk.pulse(1)

    assert {} == desk.state.tripped


def test_funding_paid_in_a_day_trips_and_the_next_day_resets() -> None:
    """Two per cent of the morning's equity went to the other side; what was received would count against it."""
    desk = a_desk(funding_cost=0.02)
    dawn = desk.state.measures.equity_at_dawn

    def settle(name: str, share: str) -> None:
        fee = dawn * D(share)
        settled = an_execution(name, kind=ExecKind.FUNDING, fee=fee, qty=D("0.213"), exec_ms=desk.now_ms)
        desk.hear(ExecutionSeen(execution=settled))
        desk.pulse(1)

    settle("f1", "0.015")
    settle("f2", "-0.002")
    settle("f3", "0.006")
    assert {} == desk.state.tripped

    settle("f4", "0.001")
    assert ["funding cost"] == list(desk.state.tripped)
    assert Mode.REDUCING is desk.state.mode

    desk.now_ms += DAY_MS
    read(desk, f"{dawn}")
    assert {} == desk.state.tripped


@pytest.mark.parametrize(("name", "limits"), [("volatility", {"volatility": 0.02})], ids=["volatility"])
def test_a_wild_market_trips(name: str, limits: dict[str, float]) -> None:
    """2.6 % in 24 h against a limit of 2 %."""
    assert [name] == list(a_desk(**limits).state.tripped)


def test_refusals_in_a_row_trip_and_one_that_is_taken_starts_the_count_anew() -> None:
    """Three, with an accepted one between, are not three in a row."""
    desk = a_desk(rejects=3)
    for _ in range(2):
        refuse(desk)
    desk.hear(OrderAnswered(order_link_id="nobody", verdict=Verdict.ACCEPTED, code=0, reason="taken"))
    refuse(desk)
    desk.pulse(1)
    assert {} == desk.state.tripped

    for _ in range(2):
        refuse(desk)
    desk.pulse(1)
    assert ["rejects"] == list(desk.state.tripped)


def test_every_breaker_is_shown() -> None:
    """A limit nobody can see is a surprise."""
    shown = {breaker.name: breaker for breaker in breakers.view(a_desk().state)}

    assert {"daily loss", "drawdown", "funding cost", "volatility", "rejects"} == set(shown)
    assert not any(breaker.tripped for breaker in shown.values())
