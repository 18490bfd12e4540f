"""The liquidation prices that people see: of the book the engine holds, in both structures, against the worked figures."""

from __future__ import annotations

import math
from decimal import Decimal as D

import pytest

from bot.domain.events import LoanRead
from bot.domain.loan import LoanReading, Structure
from bot.engine import ltv
from bot.engine.config import LoanRules
from tests.unit.engine.desk import Desk, a_config, a_reading, a_wallet

UTA = [
    # name        long     short    down      up
    ("idle pair", "0.213", "0.213", 64_248.0, math.inf),
    ("no perps",  "0",     "0",     63_673.0, math.inf),
    ("insurance", "0",     "0.056", 48_979.0, math.inf),
    ("full",      "0",     "0.27",  0.0,      888_482.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "long", "short", "down", "up"), UTA, ids=[case[0] for case in UTA])
def test_one_unified_account(name: str, long: str, short: str, down: float, up: float) -> None:
    """0.27 BTC that count for 98 %, a debt of 16,200, perps at 116,000: the figures of the strategy's own table."""
    shown = ltv.figures(*a_book(Structure.UTA, long, short))

    assert shown.ltv == pytest.approx(16_200 / (0.98 * 0.27 * 116_000))
    assert shown.down == pytest.approx(down, abs=1.0)
    assert shown.up == pytest.approx(up, abs=1.0)


def test_a_crypto_loan_dies_of_its_lender_below_and_of_its_margin_above() -> None:
    """The coin is pledged: it carries no perp, and only 6,200 USDT stand behind the short."""
    state, now_ms = a_book(Structure.CRYPTO_LOAN, "0", "0.27", cash="6200")

    shown = ltv.figures(state, now_ms)

    assert shown.down == pytest.approx(16_200 / (0.95 * 0.98 * 0.27))
    assert shown.up == pytest.approx((6_200 + 0.27 * 116_000) / (0.27 * 1.00555), rel=1e-6)


def test_coin_that_was_not_pledged_carries_the_perps() -> None:
    """0.1 BTC beside the loan, worth what it is worth; a loss beyond the cash is borrowed, and 4 % of that is margin too."""
    state, now_ms = a_book(Structure.CRYPTO_LOAN, "0", "0.27", cash="6200", beside="0.1")

    shown = ltv.figures(state, now_ms)

    assert shown.up == pytest.approx(1.04 * (6_200 + 0.27 * 116_000) / (0.27 * (1.04 + 0.00555) - 0.1), rel=1e-6)


def a_book(structure: Structure, long: str, short: str, *, cash: str = "0", beside: str = "0") -> tuple[ltv.State, int]:
    """The state of an engine that holds this at 116,000, and its time."""
    apart = structure is Structure.CRYPTO_LOAN
    desk = Desk(a_config(collateral_ratio=0.98, loan=LoanRules(enabled=True)))
    wallet = a_wallet(beside if apart else "0.27", f"-{cash}" if apart else "16200")
    desk.start(reading=a_reading(long, short, wallet=wallet))
    for leg in desk.state.ledger.legs.values():
        leg.entry_price = D(116_000) if leg.qty else None
    pledged = D("0.27") if apart else D(0)
    desk.hear(
        LoanRead(
            reading=LoanReading(
                asked_ms=desk.now_ms, structure=structure, principal=D(16_200), interest=D(0), hourly_rate=D(0),
                pledged_btc=pledged, tiers=((D(0), D("0.98")),),
            )
        )
    )  # fmt: skip
    desk.pulse(1, price="116000")
    return desk.state, desk.now_ms
