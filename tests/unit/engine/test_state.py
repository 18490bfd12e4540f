"""What the state makes of facts that come from two places."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.engine.config import LoanRules
from bot.engine.state import State
from tests.unit.engine.desk import a_config


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
