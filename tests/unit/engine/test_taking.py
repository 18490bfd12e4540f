"""Profit: the cycle that remembers, what makes it fire, and cash out of a leg that comes back to where it was."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.account import ExecKind
from bot.domain.commands import (
    Decided,
    HedgeEnded,
    Mode,
    Note,
    PlaceOrder,
    ProfitCycle,
    ProfitRealised,
    RealiseWanted,
    Realising,
)
from bot.domain.events import ExecutionSeen, OperatorAsked, OrderAnswered, OrderSeen, Verb, WalletSeen
from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce, Verdict
from bot.domain.thoughts import BreakerMoved
from bot.engine import taking
from bot.engine.config import ProfitAction, ProfitRules
from bot.engine.engine import Engine
from tests.unit.engine.desk import Desk, a_config, a_reading, a_row, a_wallet, an_execution
from tests.unit.engine.desk import facts as account_facts


def a_hedged_desk(rules: ProfitRules | None = None, *, long: str = "0.051", short: str = "0.321") -> Desk:
    """The seed book after its hedge: delta 0, entries at 116,000."""
    desk = Desk(a_config(profit=rules or ProfitRules(k=100.0)))
    desk.start(reading=a_reading(long, short))
    desk.pulse(1)
    return desk


def read(desk: Desk) -> None:
    """The account is read and agrees."""
    if desk.state.readings.asked_ms is not None:
        legs = desk.state.ledger.legs
        desk.answer_reading(a_reading(str(legs[Leg.LONG].qty), str(legs[Leg.SHORT].qty)))


def prices(desk: Desk, *path: str) -> None:
    """The price goes this way, a second apart, until something is ordered."""
    for price in path:
        if desk.orders:
            return
        desk.pulse(1, price=price)
        read(desk)


def fill(desk: Desk, price: str) -> PlaceOrder:
    """The newest order fills at `price`."""
    order = desk.orders[-1]
    desk.hear(
        ExecutionSeen(
            execution=an_execution(
                f"x{order.order_link_id}", order, price=D(price), fee=order.qty * D(price) * D("0.00055")
            )
        )
    )
    desk.hear(OrderSeen(order=a_row(order, "Filled", str(order.qty))))
    return order


def realise(desk: Desk, price: str) -> None:
    """A person asks for what can be made cash at this price, and all that is ordered fills there."""
    sent = len(desk.orders)
    desk.pulse(40, price=price)
    read(desk)
    desk.hear(OperatorAsked(verb=Verb.REALISE, reason="cash", who="owner"))
    while len(desk.orders) > sent:
        sent = len(desk.orders)
        fill(desk, price)
    desk.pulse(1, price=price)


def test_the_trailing_stop_realises_and_keeps_the_hedge() -> None:
    """A peak of 1,620, three tenths given back: the short leg is closed and opened again; delta is where it was, profit is cash."""
    desk = a_hedged_desk()
    prices(desk, "114000", "110000", "111700", "111900")
    shrink = fill(desk, "111900")
    grow = fill(desk, "111900")
    desk.pulse(1, price="111900")

    assert [(Leg.SHORT, Act.SHRINK, D("0.321")), (Leg.SHORT, Act.GROW, D("0.321"))] == [
        (o.leg, o.act, o.qty) for o in (shrink, grow)
    ]
    assert {TimeInForce.IOC} == {shrink.time_in_force, grow.time_in_force}
    assert D(0) == desk.state.delta
    (done,) = desk.diary.of(ProfitRealised)
    assert (D("1316.10"), "realise", "trailing stop") == (done.realised_usdt, done.action, done.why)
    assert D("39.51") == done.costs_usdt
    assert done.amount_usdt == D("1107.00") - D("39.52")


@pytest.mark.parametrize(
    ("path", "fires"),
    [
        (("115500", "115000", "115250"), False),  # a peak of 270, a quarter given back
        (("115900", "115970"), False),  # never armed
        (("113000", "117000"), True),  # through zero in one jump
    ],
)
def test_when_the_stop_fires(path: tuple[str, ...], fires: bool) -> None:
    """Armed at a floor, it fires at seven tenths of the peak, also through zero; noise does nothing."""
    desk = a_hedged_desk()
    prices(desk, *path)

    begun = [cycle for cycle in desk.diary.of(ProfitCycle) if cycle.number == 2]
    assert fires == bool(begun or desk.orders)


def test_the_target_counts_in_the_net_perps_own_direction() -> None:
    """1.5 sigma down from the anchor fires for a net short; up never."""
    up, down = a_hedged_desk(ProfitRules()), a_hedged_desk(ProfitRules())
    prices(up, "121000")
    prices(down, "111545", "111530")

    assert [] == up.orders
    assert "target reached" == down.diary.of(Realising)[0].why
    assert D("111563.08") == taking.target_price(up.state)


def test_each_cycle_counts_from_where_it_began() -> None:
    """A thousand dollars of the first one are no part of the second: its peak is its own, and so is what it gives back."""
    desk = a_hedged_desk()
    assert D(0) == taking.cycle_pnl(desk.state, desk.now_ms)
    realise(desk, "112000")
    begun, sent = desk.state.profit.cycle, len(desk.orders)
    assert begun.baseline_usdt > 1000
    for price in ("109000", "107000"):
        desk.pulse(40, price=price)
        read(desk)
    assert D("1350") == desk.state.profit.cycle.peak_usdt == taking.cycle_pnl(desk.state, desk.now_ms)
    assert sent == len(desk.orders)

    desk.pulse(40, price="109000")
    read(desk)
    begun_now = desk.diary.of(Realising)[-1]
    assert (2, "trailing stop", D(810)) == (begun_now.cycle, begun_now.why, begun_now.pnl_usdt)


def test_of_a_second_cycle_too_only_what_became_cash_is_shared() -> None:
    """It has gained 798 after fees. 288 of it are cash, and 204 the first left: there the short's gain came with a loss on the long."""
    desk = a_hedged_desk()
    realise(desk, "112000")
    desk.pulse(40, price="109000")
    read(desk)
    desk.engine.fold(RealiseWanted(why="LTV", need_usdt=D(300)), desk.now_ms)
    desk.pulse(1, price="109000")
    fill(desk, "109000")
    fill(desk, "109000")
    desk.pulse(1, price="109000")

    done = desk.diary.of(ProfitRealised)[-1]
    assert (2, D("798.01"), D("300.00"), D("11.99")) == (done.cycle, done.pnl_usdt, done.realised_usdt, done.costs_usdt)
    third = desk.state.profit.cycle
    assert D("492.01") == done.amount_usdt
    assert (306, 0) == (round(third.carry_usdt), round(third.cash_carry_usdt))


def test_a_peak_is_raised_by_more_than_a_hundredth_and_never_lowered() -> None:
    """So that a quiet climb is not a record a second; the stop is a share of the highest that was recorded."""
    desk = a_hedged_desk()
    peaks = []
    for price in ("110000", "110040", "109960", "109900"):  # 1620, 1609.2, 1630.8, 1647
        desk.pulse(1, price=price)
        peaks.append(desk.state.profit.cycle.peak_usdt)

    assert [1620, 1620, 1620, 1647] == peaks


def test_a_gain_that_its_own_orders_would_eat_is_left_though_it_is_asked_for() -> None:
    """Sixteen dollars on the short, and forty to close and open it again: a person hears why nothing was made cash."""
    desk = a_hedged_desk()
    realise(desk, "115950")

    assert [] == desk.orders
    (done,) = desk.diary.of(ProfitRealised)
    assert ("none", True) == (done.action, done.why.endswith("no leg gains enough to be worth closing"))


def test_where_the_accounts_fee_is_not_known_a_takers_is_reckoned() -> None:
    """0.055 % and not nothing: what a round trip costs decides whether it is made."""
    desk = a_hedged_desk()
    known = taking.arming_floor(desk.state)
    for facts in (replace(desk.state.facts, taker_fee=None), None):
        desk.state.facts = facts
        assert known == taking.arming_floor(desk.state)

    desk.state.facts = replace(account_facts(), taker_fee=D("0.0002"))
    assert taking.arming_floor(desk.state) < known


def test_the_peak_outlives_the_process() -> None:
    """A restart remembers anchor, peak and arming: they are records like any other."""
    desk = a_hedged_desk()
    prices(desk, "114000", "110000")
    again = Desk(a_config(profit=ProfitRules(k=100.0)))
    for record, at_ms in desk.diary.records:
        again.engine.recover(record, at_ms)

    assert desk.state.profit == again.state.profit
    assert (True, D("1620")) == (again.state.profit.cycle.armed, again.state.profit.cycle.peak_usdt)


def test_a_crash_between_the_two_halves_goes_home() -> None:
    """The leg is closed, the process dies, and the next one opens it again before anything else: delta is restored, profit told once."""
    desk = a_hedged_desk()
    prices(desk, "110000", "111900")
    fill(desk, "111900")
    lost = desk.orders[-1]
    assert Act.GROW is lost.act

    reborn = Desk(a_config(profit=ProfitRules(k=100.0)))
    reborn.now_ms = desk.now_ms + 3_600_000
    reborn.diary.records = [(r, at) for r, at in desk.diary.records if r is not lost]
    for record, at_ms in reborn.diary.records:
        reborn.engine.recover(record, at_ms)
    reborn.start(reading=a_reading("0.051", "0"), run="r2")
    reborn.pulse(1, price="111900")
    grow = fill(reborn, "111900")
    reborn.pulse(1, price="111900")

    assert (Leg.SHORT, Act.GROW, D("0.321")) == (grow.leg, grow.act, grow.qty)
    assert D(0) == reborn.state.delta
    assert 1 == len(reborn.diary.of(ProfitRealised))


def test_a_crash_in_the_first_half_goes_home_too() -> None:
    """A third of the leg was closed: after a restart it is opened again, not closed further."""
    desk = a_hedged_desk()
    prices(desk, "110000", "111900")
    order = desk.orders[-1]
    desk.hear(ExecutionSeen(execution=an_execution("p1", order, "0.1", price=D(111_900))))
    desk.hear(OrderSeen(order=a_row(order, "Cancelled", "0.1")))
    after = desk.orders[-1]
    reborn = Desk(a_config(profit=ProfitRules(k=100.0)))
    reborn.now_ms = desk.now_ms + 5_000
    reborn.diary.records = [(r, at) for r, at in desk.diary.records if r is not after]
    for record, at_ms in reborn.diary.records:
        reborn.engine.recover(record, at_ms)
    reborn.start(reading=a_reading("0.051", "0.221"), run="r2")
    reborn.pulse(1, price="111900")

    assert [(Leg.SHORT, Act.GROW, D("0.1"))] == [(o.leg, o.act, o.qty) for o in reborn.orders]


def test_another_hand_in_the_middle_leaves_it_to_the_next_decision() -> None:
    """Deleveraged between the halves: the round trip means nothing any more, the gap is hedged like any other."""
    desk = a_hedged_desk()
    prices(desk, "110000", "111900")
    order = desk.orders[-1]
    adl = an_execution("adl", kind=ExecKind.ADL, side="Buy", qty="0.1", closed_qty=D("0.1"), price=D(111_900))
    desk.hear(ExecutionSeen(execution=adl))
    desk.hear(OrderSeen(order=a_row(order, "Cancelled")))
    desk.answer_reading(a_reading("0.051", "0.221"))
    desk.pulse(1, price="111900")

    (given_up,) = desk.diary.of(HedgeEnded)
    decided = desk.diary.of(Decided)[-1]
    assert (False, D("0.1")) == (given_up.reached, decided.delta)


def test_a_person_realises_by_hand() -> None:
    """Also where no rule fires: what can be made cash is, without asking whether it pays for itself three times."""
    desk = a_hedged_desk(ProfitRules(action=ProfitAction.OFF))
    prices(desk, "115000")
    desk.hear(OperatorAsked(verb=Verb.REALISE, reason="cash", who="owner"))

    assert (Leg.SHORT, Act.SHRINK) == (desk.orders[-1].leg, desk.orders[-1].act)
    assert "take profit: asked by owner" == desk.diary.of(Decided)[-1].trigger


@pytest.mark.parametrize(
    ("available", "accepted", "goes"),
    [("0", False, False), (None, False, False), ("1", False, True), ("0", True, True)],
)
def test_no_first_half_where_margin_is_known_to_lack_for_the_second(
    available: str | None, accepted: bool, goes: bool
) -> None:
    """The last order was turned down for want of it and none is free: the leg would stay open. An order that was taken since, or free
    margin in the wallet, and it goes."""
    desk = a_hedged_desk(ProfitRules(action=ProfitAction.OFF))
    verdicts = [(Verdict.REFUSED, 110007, True)] + [(Verdict.ACCEPTED, 0, False)] * accepted
    for verdict, code, for_want in verdicts:
        desk.hear(OrderAnswered(order_link_id="earlier", verdict=verdict, code=code, reason="", for_want=for_want))
    desk.hear(WalletSeen(wallet=replace(a_wallet(), available=None if available is None else D(available))))
    desk.pulse(1, price="115000")

    desk.hear(OperatorAsked(verb=Verb.REALISE, reason="cash", who="owner"))

    assert goes == bool(desk.orders)


def test_only_as_much_as_is_wanted() -> None:
    """The loan needs 500: the least of the leg that brings it."""
    desk = a_hedged_desk()
    prices(desk, "112000")
    desk.engine.fold(RealiseWanted(why="LTV sweep", need_usdt=D(500)), desk.now_ms)
    desk.pulse(1, price="112000")

    assert D("0.125") == desk.orders[-1].qty
    (realising,) = desk.diary.of(Realising)
    assert (D(500), D("18.20")) == (realising.gain_usdt, realising.cost_usdt)


@pytest.mark.parametrize(
    ("hand", "tripped", "act"),
    [({"side": "Buy", "closed_qty": D("0.1")}, False, Act.GROW), ({"side": "Sell"}, True, Act.SHRINK)],
    ids=["too small", "too large, and nothing may grow"],
)
def test_a_hedge_that_is_not_right_is_put_right_before_cash_comes_of_it(
    hand: dict[str, Any], tripped: bool, act: Act
) -> None:
    """Somebody wants cash while another hand trades 0.1 of the short: what the strategy may mend it mends first."""
    desk = a_hedged_desk(long="0", short="0.27")
    desk.pulse(1, price="112000")
    if tripped:
        desk.engine.fold(BreakerMoved(name="drawdown", tripped=True, reason="half is lost"), desk.now_ms)
        desk.pulse(0, price="112000")
    desk.engine.fold(RealiseWanted(why="LTV sweep", need_usdt=D(500)), desk.now_ms)
    desk.hear(ExecutionSeen(execution=an_execution("hand", qty="0.1", exec_ms=desk.now_ms, **hand)))

    assert ([(Leg.SHORT, act)], []) == ([(order.leg, order.act) for order in desk.orders], desk.diary.of(Realising))


def test_nothing_to_realise_is_an_answer() -> None:
    """Who asks is told that there is nothing, and no order is sent."""
    desk = a_hedged_desk()
    desk.hear(OperatorAsked(verb=Verb.REALISE, reason="cash", who="owner"))

    (done,) = desk.diary.of(ProfitRealised)
    assert (D(0), [], None) == (done.amount_usdt, desk.orders, desk.state.realise_wanted)


def test_profit_is_shared_once_and_losses_are_made_good_first() -> None:
    """Up 1,000, down 600, up 600: the second gain only makes good for the loss."""
    desk = a_hedged_desk(ProfitRules(action=ProfitAction.OFF))
    for price in ("112000", "114000", "112000"):
        realise(desk, price)

    amounts = [done.amount_usdt for done in desk.diary.of(ProfitRealised)]
    assert amounts[0] > D(1000)
    assert [D(0), D(0)] == amounts[1:]


def test_what_was_shared_adds_up_to_what_was_earned() -> None:
    """Up, down and further up, in four cycles of their own: whatever way it went, the parts are the whole, to the cent that each leaves."""
    desk = a_hedged_desk(ProfitRules(action=ProfitAction.OFF))
    cycle = desk.state.profit.cycle
    assert (1, D(116_000), D(0)) == (cycle.number, cycle.anchor_price, cycle.baseline_usdt)
    for number, price in enumerate(("112000", "114000", "110000", "109000"), start=2):
        realise(desk, price)
        cycle = desk.state.profit.cycle
        assert (number, D(price)) == (cycle.number, cycle.anchor_price)

    first, second, third, fourth = (done.amount_usdt for done in desk.diary.of(ProfitRealised))
    legs = desk.state.ledger.legs
    earned = sum(book.realised - book.fees + (book.unrealised(leg, D(109_000)) or 0) for leg, book in legs.items())
    assert (True, D(0), True, True) == (first > 0, second, third > 0, fourth > 0)
    assert D(0) <= earned - (first + third + fourth) < D("0.04")
    assert D(0) <= cycle.carry_usdt < D("0.04")


def test_close_returns_to_spot_down_to_the_loans_floor() -> None:
    """The original's way, for whoever wants it: the perps go, but for what the loan's insurance needs; an hour later the hedge is back."""
    desk = a_hedged_desk(ProfitRules(k=1.5, action=ProfitAction.CLOSE))
    prices(desk, "111500")
    legs: list[tuple[Leg, Act]] = []
    while not desk.diary.of(ProfitRealised):
        order = fill(desk, "111500")
        legs.append((order.leg, order.act))
        desk.pulse(1, price="111500")
    floor = desk.state.ledger.legs[Leg.SHORT].qty

    assert [(Leg.LONG, Act.SHRINK), (Leg.SHORT, Act.SHRINK)] == legs
    assert D("0.070") < floor < D("0.080")
    sent = len(legs)
    for _ in range(60):  # ten minutes in which it sees everything, and could send
        desk.pulse(10, price="111500")
        read(desk)
    assert (sent, Mode.TRADING) == (len(desk.orders), desk.state.mode)

    desk.pulse(3_100, price="111500")
    read(desk)
    desk.pulse(1, price="111500")
    assert Act.GROW is desk.orders[-1].act


@pytest.mark.parametrize("mode", ["paused", "latched"])
def test_nothing_is_realised_while_nothing_may_be_traded(mode: str) -> None:
    """The stop may fire; the desk is closed."""
    desk = a_hedged_desk()
    prices(desk, "110000")
    setattr(desk.state, mode, "a person said so")
    desk.pulse(1, price="110000")
    prices(desk, "112500")

    assert ([], []) == (desk.orders, desk.diary.of(Realising))


def test_a_round_trip_that_is_turned_down_is_tried_again_later() -> None:
    """Three refusals: the cycle stands as it stood, and the next attempt waits."""
    desk = a_hedged_desk()
    prices(desk, "110000", "111900")
    for _ in range(3):
        desk.hear(OrderSeen(order=a_row(desk.orders[-1], "Cancelled")))
        desk.pulse(2, price="111900")
        read(desk)
    while desk.state.hedge is not None:
        desk.hear(OrderSeen(order=a_row(desk.orders[-1], "Cancelled")))
        desk.pulse(11, price="111900")
        read(desk)
    sent = len(desk.orders)
    desk.pulse(1, price="111900")

    assert (sent, 1, True) == (len(desk.orders), desk.state.profit.cycle.number, desk.state.profit.cycle.armed)
    assert [] == desk.diary.of(ProfitRealised)


def test_everything_about_profit_is_folded() -> None:
    """The journal folded again is the state that lived."""
    desk = a_hedged_desk()
    prices(desk, "110000", "111900")
    fill(desk, "111900")
    fill(desk, "111900")
    desk.pulse(1, price="111900")
    again = Engine(desk.state.config, Desk().diary)
    for record, at_ms in desk.diary.records:
        again.recover(record, at_ms)

    assert (again.state.profit, again.state.hedge) == (desk.state.profit, None)
    assert Mode.TRADING is again.state.mode


@pytest.mark.parametrize(("minutes", "still"), [(50, True), (61, False)])
def test_a_wish_for_cash_lapses(minutes: int, still: bool) -> None:
    """It could not be begun for a whole review interval: whoever asked is told, and an old word moves no leg."""
    desk = a_hedged_desk(ProfitRules(action=ProfitAction.OFF))
    desk.state.profit.tried_ms = desk.now_ms + 7_200_000  # a taking that failed just now: none may begin
    prices(desk, "115000")
    desk.hear(OperatorAsked(verb=Verb.REALISE, reason="cash", who="owner"))
    for _ in range(minutes):
        desk.pulse(60, price="115000")
        read(desk)
    lapsed = [note for note in desk.diary.of(Note) if note.kind == taking.LAPSED]

    assert (still, still) == (desk.state.realise_wanted is not None, not lapsed)
    assert [] == desk.orders
    again = Engine(desk.state.config, Desk().diary)
    for record, at_ms in desk.diary.records:
        again.recover(record, at_ms)
    assert again.state.realise_wanted == desk.state.realise_wanted
