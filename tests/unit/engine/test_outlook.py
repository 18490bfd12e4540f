"""What the engine tells of the loan and of other prices."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.commands import Mode
from bot.domain.events import LatchSeen, LoanRead
from bot.domain.loan import LoanReading, Structure
from bot.engine import outlook, picture
from bot.engine.config import LoanRules
from bot.strategy.what_if import UTA, equity_at
from tests.unit.engine.desk import Desk, a_config, a_reading, a_ticker, a_wallet


def test_in_one_account_the_debt_counts_once() -> None:
    """The wallet's USDT equity is already less the debt: asking what if at today's price finds today's equity."""
    desk = Desk()
    desk.start()

    book = outlook.what_if_book(desk.state, desk.now_ms)

    assert book is not None
    assert (UTA, 16_200.0, 0.0) == (book.structure, book.debt_usdt, book.cash_usdt)
    assert 0.27 * book.price - 16_200 == pytest.approx(equity_at(book, book.price))


def test_cover_is_unknown_before_anything_was_read() -> None:
    """Without the legs nothing is known to be covered, and nothing is known not to be."""
    desk = Desk()
    assert picture.view(desk.state, desk.now_ms).book.cover is None

    desk.start()
    assert 0.0 == picture.view(desk.state, desk.now_ms).book.cover


def test_the_rung_is_of_this_moment_and_the_ladder_as_it_is_set() -> None:
    """A halted engine decides nothing; the page must see the LTV climb all the same, on the steps that a person set."""
    config = a_config()
    policy = config.policy._replace(ltv_monitor=0.40, ltv_warning=0.55, ltv_critical=0.70, ltv_emergency=0.80)
    desk = Desk(replace(config, policy=policy))
    desk.start()
    desk.hear(LatchSeen(closed=True, reason="a person said so"))
    before = outlook.loan_view(desk.state, desk.now_ms)
    desk.hear(a_ticker("80000", desk.now_ms))
    after = outlook.loan_view(desk.state, desk.now_ms)

    assert Mode.HALTED is desk.state.mode
    assert ("MONITOR", "CRITICAL") == (before.rung, after.rung)
    assert [("MONITOR", 0.4), ("WARNING", 0.55), ("CRITICAL", 0.7), ("EMERGENCY", 0.8)] == [
        (step.name, step.at) for step in after.ltv_ladder
    ]
    assert ["ALERT", "TOP UP", "REDUCE", "CLOSE"] == [step.name for step in after.margin_ladder]


@pytest.mark.parametrize(
    ("long", "short", "cover", "receives"), [("0", "0.27", 1.0, 1), ("0.27", "0", -1.0, -1), ("0.1", "0.1", 0.0, 0)]
)
def test_cover_and_the_next_payment_are_of_the_net_leg(long: str, short: str, cover: float, receives: int) -> None:
    """A positive rate is paid by the long leg to the short one: a hedge receives, and equal legs pay each other."""
    desk = Desk()
    desk.start(reading=a_reading(long, short))
    rate = D("0.0001")
    desk.hear(a_ticker("116000", desk.now_ms, funding_rate=rate))
    shown = picture.view(desk.state, desk.now_ms)

    assert shown.book.cover == pytest.approx(cover)
    assert shown.funding.next_payment == receives * rate * 116_000 * D("0.27")


def test_equity_counts_the_pledge_and_the_debt_of_a_crypto_loan() -> None:
    """What lies pledged is owned, what lies in the Funding wallet too; what is owed with its interest is not."""
    desk = Desk(a_config(loan=LoanRules(enabled=True)))
    desk.start(reading=a_reading("0", "0.27", wallet=a_wallet("0", "-6200")))
    desk.hear(
        LoanRead(
            reading=LoanReading(
                asked_ms=desk.now_ms, structure=Structure.CRYPTO_LOAN, principal=D(16_200), interest=D(3), hourly_rate=D(0),
                pledged_btc=D("0.27"), funding_usdt=D(50), tiers=((D(0), D(1)),),
            )
        )
    )  # fmt: skip
    desk.pulse(1)

    assert outlook.loan_view(desk.state, desk.now_ms).equity == 15_120 + D("0.27") * 116_000 + 50 - 16_203
