"""What is due on the loan: each trigger, and where it is silent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.commands import Trigger
from bot.domain.events import WalletSeen
from bot.domain.loan import Structure
from bot.engine import dues
from bot.strategy import ladder
from tests.unit.engine.test_treasurer import LoanDesk

TOP_UPS = [
    # name                                    maintenance margin of 300     the reading shows                               USDT
    ("the margin is used to a half",          150, {"funding_usdt": D(700)},                                                  700),
    ("there is just a dollar",                150, {"funding_usdt": D(1)},                                                    1),
    ("there is less than a dollar",           150, {"funding_usdt": D("0.99")},                                               None),
    ("the margin is used to a third",         100, {"funding_usdt": D(700)},                                                  None),
    ("there is one account, and no Funding",  150, {"funding_usdt": D(700), "structure": Structure.UTA},                      None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "maintenance", "read", "usdt"), TOP_UPS, ids=[case[0] for case in TOP_UPS])
def test_idle_cash_goes_to_the_margin_that_wants_it(
    name: str, maintenance: int, read: dict[str, Any], usdt: int | None
) -> None:
    """From the rung on that says so, before anything is repaid."""
    desk = LoanDesk()
    desk.state.memory = desk.state.memory._replace(margin_level=ladder.MARGIN_CALM)
    desk.hear(WalletSeen(wallet=replace(desk.wallet, margin_balance=D(300), maintenance_margin=D(maintenance))))
    desk.read_loan(**read)

    wish = dues.wish_of(desk.state, desk.now_ms)

    assert usdt == (wish.usdt if wish is not None and wish.trigger is Trigger.TOP_UP else None)


def test_nothing_is_due_before_the_loan_and_a_price_are_known() -> None:
    """A debt of no known worth asks for nothing."""
    desk = LoanDesk()
    desk.realised("1000")
    assert Trigger.PROFIT is dues.wish_of(desk.state, desk.now_ms).trigger

    ticker, reading = desk.state.market.ticker, desk.state.loan.reading
    desk.state.market.ticker = None
    assert None is dues.wish_of(desk.state, desk.now_ms)
    desk.state.market.ticker, desk.state.loan.reading = ticker, None
    assert None is dues.wish_of(desk.state, desk.now_ms)
    desk.state.loan.reading = replace(reading, principal=D(0))
    assert None is dues.wish_of(desk.state, desk.now_ms)


def test_a_share_of_profit_settles_the_whole_of_it() -> None:
    """Half repays: 500 settle 1000, and where only 200 are owed they settle 400."""
    desk = LoanDesk()
    desk.realised("1000")
    wish = dues.wish_of(desk.state, desk.now_ms)
    assert (D(500), D(1000)) == (wish.usdt, wish.from_profit)

    desk.read_loan(principal=D(200))
    wish = dues.wish_of(desk.state, desk.now_ms)
    assert (D(200), D(400)) == (wish.usdt, wish.from_profit)


def test_interest_is_repaid_where_it_is_owed() -> None:
    """A Crypto Loan adds it to the debt; in a unified account it leaves the wallet by itself."""
    desk = LoanDesk()
    reading = replace(desk.reading, principal=D(16000), interest=D(200))

    assert D(16200) == dues.payable_debt(reading)
    assert D(16000) == dues.payable_debt(replace(reading, structure=Structure.UTA))
