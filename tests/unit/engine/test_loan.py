"""The loan as it is read and accounted for: when it is asked about, what a payment's end books, and our account against the venue's."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.commands import BooksCompared, Note, ProfitRealised, Trigger
from bot.domain.events import LoanRead
from bot.domain.loan import LoanReading, Structure
from bot.engine import loan, ltv
from bot.engine.config import LoanRules
from bot.engine.repayment import Payment, Step
from tests.unit.engine.desk import Desk, a_config, a_reading, a_wallet
from tests.unit.engine.test_repayment import a_plan

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


def a_loan_desk(**rules: Any) -> Desk:
    desk = Desk(a_config(loan=LoanRules(**{"enabled": True, "read_every_ms": 30_000} | rules)))
    desk.start(reading=a_reading("0", "0.27", wallet=a_wallet("0", "-6200")))
    return desk


def read_loan(desk: Desk, **changes: Any) -> None:
    known: dict[str, Any] = {
        "asked_ms": desk.now_ms, "structure": Structure.CRYPTO_LOAN, "principal": D(16_200), "hourly_rate": RATE,
        "pledged_btc": D("0.27"), "tiers": ((D(0), D(1)),),
    }  # fmt: skip
    desk.hear(LoanRead(reading=LoanReading(**known | changes)))


def asked(desk: Desk, at_s: float) -> list[str]:
    """Why the loan would be asked about, so long after now."""
    return [question.why for question in loan.questions(desk.state, desk.now_ms + round(at_s * 1000))]


def test_when_the_loan_is_asked_about() -> None:
    """Every half minute; hourly where there is none to read; at once where it is wanted; one question at a time; never without a loan."""
    desk = a_loan_desk()
    desk.state.loan.asked_ms, desk.state.loan.asked_last_ms = None, desk.now_ms
    read_loan(desk)
    assert ([], ["cycle"]) == (asked(desk, 29.9), asked(desk, 30))

    desk.state.loan.want("a payment has ended")
    assert ["a payment has ended"] == asked(desk, 0)
    desk.state.loan.not_before_ms = desk.now_ms + 2_000
    assert ([], ["a payment has ended"]) == (asked(desk, 1.9), asked(desk, 2))
    desk.state.loan.asked_ms = desk.now_ms
    assert ([], ["a payment has ended"]) == (asked(desk, 15), asked(desk, 15.001))

    desk.state.loan.asked_ms = None
    desk.state.loan.reading = replace(desk.state.loan.reading, absent="no right to read loans")
    desk.state.loan.urgent = ""
    assert ([], ["cycle"]) == (asked(desk, 3599.9), asked(desk, 3600))
    desk.state.config = replace(desk.state.config, loan=LoanRules(structure=Structure.NONE))
    assert [] == asked(desk, 9999)


def test_a_reading_that_was_overtaken_counts_no_more() -> None:
    """It was asked for before the one that is known; the same one again is as good as it was."""
    desk = a_loan_desk()
    desk.pulse(10)
    read_loan(desk, principal=D(16_000))
    read_loan(desk, principal=D(16_200), asked_ms=desk.now_ms - 1)
    assert D(16_000) == desk.state.loan.reading.principal

    read_loan(desk, principal=D(15_900))
    assert D(15_900) == desk.state.loan.reading.principal


@pytest.mark.parametrize(("structure", "believed"), [(Structure.CRYPTO_LOAN, ""), (Structure.UTA, "HTTP 404")])
def test_pages_that_fall_silent_are_news_where_no_coin_is_pledged(structure: Structure, believed: str) -> None:
    """What is pledged is not gone because nobody tells of it; of a unified account nothing is kept that the venue does not say."""
    desk = a_loan_desk()
    read_loan(desk, structure=structure)
    read_loan(desk, structure=structure, absent="HTTP 404", principal=D(0), pledged_btc=D(0))

    assert believed == desk.state.loan.reading.absent


UNMANAGED = [
    # name                          rules                             reading                              why
    ("switched off",                {"enabled": False},               {},                                  "the settings say"),
    ("none, by the settings",       {"structure": Structure.NONE},    {},                                  "the settings say"),
    ("never read",                  {},                               None,                                loan.NOT_READ),
    ("cannot be read",              {},                               {"absent": "no right"},              "no right"),
    ("there is none",               {},                               {"structure": Structure.NONE},       "there is no loan"),
    ("there is one",                {},                               {},                                  ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rules", "reading", "why"), UNMANAGED, ids=[case[0] for case in UNMANAGED])
def test_why_nothing_is_repaid(name: str, rules: dict[str, Any], reading: dict[str, Any] | None, why: str) -> None:
    """One sentence for a person, or none."""
    desk = a_loan_desk(**rules)
    if reading is not None:
        read_loan(desk, **reading)

    said = loan.unmanaged(desk.state)
    assert said.startswith(why)
    assert bool(said) == bool(why)


def test_a_debt_beside_the_loan_is_told() -> None:
    """Nothing here watches or repays it; a loan alone is nothing to tell."""
    desk = a_loan_desk()
    read_loan(desk)
    assert [] == [note.kind for note in desk.diary.of(Note)]

    read_loan(desk, borrowed_elsewhere=D(70))
    assert ["two loans"] == [note.kind for note in desk.diary.of(Note)]


PROFITS = [
    # amount, realised, costs   filled before     to the reserve, to the pot, unshared
    (1000,    1100,     100,    0,                200,            800,        1000),
    (1000,    1100,     100,    400,              100,            900,        1000),
    (1000,    150,      50,     0,                100,            0,          1000),
    (-40,     30,       70,     0,                0,              0,          -40),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "realised", "costs", "filled", "kept", "pot", "unshared"), PROFITS)
def test_what_becomes_of_profit(
    amount: int, realised: int, costs: int, filled: int, kept: int, pot: int, unshared: int
) -> None:
    """A fifth fills the reserve while it is short, never more than is missing or than there is cash; the rest may repay."""
    desk = a_loan_desk(reserve_usdt=D(500), reserve_share=D("0.2"))
    book = desk.state.loan
    book.reserve_used, book.reserve_filled = D(500), D(filled)
    loan.fold_profit(
        desk.state,
        ProfitRealised(
            cycle=1, decision=1, action="realise", why="trailing stop", amount_usdt=D(amount), realised_usdt=D(realised),
            costs_usdt=D(costs), pnl_usdt=D(amount), price=D(1),
        ),
    )  # fmt: skip

    assert (D(filled + kept), D(pot), D(unshared)) == (book.reserve_filled, book.pot, book.unshared)
    assert not book.holds_gains


@pytest.mark.parametrize(
    ("structure", "interest", "counted"),
    [(Structure.CRYPTO_LOAN, 30, 30), (Structure.CRYPTO_LOAN, 900, 500), (Structure.UTA, 30, 0)],
)
def test_what_the_end_of_a_payment_books(structure: Structure, interest: int, counted: int) -> None:
    """A Crypto Loan's interest is paid first; and our account goes on from what is left, with the interest of the hours until now."""
    desk = a_loan_desk()
    read_loan(desk)
    book = desk.state.loan
    book.adopted, book.books_debt, book.books_ms, book.drops = structure, D(16_200), desk.now_ms, 2
    payment = Payment(
        plan=a_plan(
            structure=structure, amount=D(500), debt_before=D(16_200), interest_before=D(interest), trigger=Trigger.BY_HAND
        ),
        planned_ms=desk.now_ms,
        step=Step.PAID,
    )  # fmt: skip
    loan.note_ended(book, payment, desk.now_ms + 7_200_000, is_top_up_done=False)

    assert (D(500), D(counted), D(15_700)) == (book.paid_to_date, book.paid_interest, book.debt_expected)
    added = 16_200 * RATE * 2 if structure is Structure.CRYPTO_LOAN else D(0)
    assert (D(15_700) + added, desk.now_ms + 7_200_000, 0) == (book.books_debt, book.books_ms, book.drops)
    assert [(desk.now_ms + 7_200_000, D(500))] == list(book.paid)
