"""Our account of the debt held against the venue's, once a day."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.commands import BooksCompared, Note
from bot.domain.events import LoanRead
from bot.domain.loan import LoanReading, Structure
from bot.engine import ltv
from bot.engine.config import LoanRules
from tests.unit.engine.desk import Desk, a_config, a_reading, a_wallet

DAY_S = 86_400
RATE = D("0.0000068")
DAYS_INTEREST = 16200 * RATE * 24

CASES = [
    # name                                             structure              principal  interest       agree
    ("a crypto loan grows by its interest",            Structure.CRYPTO_LOAN, 16200,     DAYS_INTEREST, True),
    ("a crypto loan without its interest is news",     Structure.CRYPTO_LOAN, 16200,     0,             False),
    ("a unified account's interest leaves the cash",   Structure.UTA,         16200,     0,             True),
    ("of the hour that is not yet charged, too",       Structure.UTA,         16200,     D("0.11"),     True),
    ("somebody borrowed a hundred more",               Structure.UTA,         16300,     0,             False),
    ("somebody repaid a hundred",                      Structure.CRYPTO_LOAN, 16100,     DAYS_INTEREST, False),
]  # fmt: skip


def test_a_price_that_ran_on_is_no_disagreement() -> None:
    """Bybit's margin rate is of the price that the wallet came with; a rally between two wallets is not Bybit reckoning otherwise."""
    desk = Desk(a_config(loan=LoanRules(enabled=True), fixed_spot=D("0.27")))
    wallet = replace(
        a_wallet(btc="0", debt="0"), margin_balance=D(8000), maintenance_margin=D("173.82"), mm_rate=D("0.0217")
    )
    usdt = replace(wallet.coins[1], wallet=D(8000), equity=D(8000))
    desk.start(reading=a_reading("0", "0.27", wallet=replace(wallet, coins=(wallet.coins[0], usdt))))

    def read(price: str) -> tuple[float, float]:
        desk.pulse(1, price=price)
        tiers = ((D(0), D(1)),)
        desk.hear(LoanRead(reading=LoanReading(asked_ms=desk.now_ms, structure=Structure.UTA, tiers=tiers)))
        return ltv.ours_and_venues(desk.state)

    assert (0.0217, 0.0217) == pytest.approx(read("116000"), abs=0.001)
    assert (0.0217, 0.0217) == pytest.approx(read("135000"), abs=0.001)
    read("136000")
    assert [] == [note for note in desk.diary.of(Note) if note.kind == "ltv differs"]


@pytest.mark.parametrize(("name", "structure", "principal", "interest", "agree"), CASES, ids=[c[0] for c in CASES])
def test_once_a_day(name: str, structure: Structure, principal: int, interest: D, agree: bool) -> None:
    """A difference is told, and only a difference: an alarm that comes every day is no alarm."""
    desk = Desk(a_config(loan=LoanRules(enabled=True)))
    desk.start(reading=a_reading("0", "0.27"))

    def read(principal: D, interest: D) -> None:
        pledged = D("0.27") if structure is Structure.CRYPTO_LOAN else D(0)
        desk.hear(
            LoanRead(
                reading=LoanReading(
                    asked_ms=desk.now_ms, structure=structure, principal=principal, interest=interest, hourly_rate=RATE,
                    pledged_btc=pledged, tiers=((D(0), D(1)),),
                )
            )
        )  # fmt: skip

    read(D(16200), D(0))
    desk.pulse(DAY_S)
    read(D(principal), D(interest))
    desk.pulse(1)

    (compared,) = desk.diary.of(BooksCompared)
    told = [note.text for note in desk.diary.of(Note) if note.kind == "loan books differ"]
    assert agree == compared.agree
    assert bool(told) != agree
