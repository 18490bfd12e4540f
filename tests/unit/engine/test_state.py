"""What the state makes of facts that come from two places."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.engine.config import LoanRules
from bot.engine.state import State
from tests.unit.engine.desk import Desk, a_config, a_row, a_wallet


@pytest.mark.parametrize("held", [None, D("0.1")], ids=["neither has said", "the wallet alone has said"])
def test_coin_that_may_lie_in_two_places_is_unknown_until_both_have_said(held: D | None) -> None:
    """The wallet's 0.1 BTC are not the BTC to hedge while nobody knows what is pledged."""
    state = State.blank(a_config(loan=LoanRules(enabled=True)))
    state.holding.qty = held

    assert state.spot is None


def test_without_a_loan_the_wallet_is_enough() -> None:
    """Nothing is pledged anywhere."""
    state = State.blank(a_config(loan=LoanRules(enabled=False)))
    state.holding.qty = D("0.1")

    assert D("0.1") == state.spot


def test_an_order_of_another_hand_is_news_once() -> None:
    """Of what a reading shows again nobody is told again; nor of a row that nobody can read."""
    desk = Desk()
    desk.start()
    order = desk.orders[0]
    first, second = a_row(order, "New", order_id="1"), a_row(order, "New", order_id="2")

    desk.state.see_strangers({"1": first}, ("x",))
    assert ((first,), ("x",)) == (desk.state.foreign_news, desk.state.unread_news)

    desk.state.see_strangers({"1": first, "2": second}, ("x", "y"))
    assert ((second,), ("y",)) == (desk.state.foreign_news, desk.state.unread_news)


@pytest.mark.parametrize(("held", "moved"), [("0.271", False), ("0.2711", True), ("0.2689", True), (None, False)])
def test_a_hedge_is_for_the_coin_that_it_was_decided_for(held: str | None, moved: bool) -> None:
    """0.27 BTC, and a step of 0.001: less than more than a step matters to nobody, and what is not known has not moved."""
    desk = Desk()
    desk.start()
    desk.state.holding.qty = None if held is None else D(held)

    assert moved is desk.state.spot_moved(desk.state.hedge)


def test_a_trade_of_the_coin_explains_the_wallet_that_came_before_it() -> None:
    """The wallet shows 0.05 BTC more, and then the execution comes: it is believed without waiting for a lease."""
    desk = Desk()
    desk.start()
    desk.state.see_wallet(a_wallet(btc="0.32"), desk.now_ms)
    assert D("0.27") == desk.state.spot

    desk.state.explain_holding(D("0.05"), desk.now_ms + 1)
    assert D("0.32") == desk.state.spot


def test_what_if_another_wallet_had_come_leaves_no_trace() -> None:
    """Inside it is the wallet, at the price that is known; outside everything is as it was."""
    desk = Desk()
    desk.start()
    state, other = desk.state, a_wallet(btc="0.5")

    def seen() -> tuple[object, ...]:
        return state.wallet, state.wallet_ms, state.wallet_legs, state.wallet_mark

    before = seen()
    with state.as_if(other, desk.now_ms + 9):
        assert (other, desk.now_ms + 9, state.ledger.gross, D(116000)) == seen()

    assert before == seen()
