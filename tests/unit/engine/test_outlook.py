"""What the engine tells of the loan and of other prices."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.commands import Mode
from bot.domain.events import LatchSeen, LoanRead, WalletSeen
from bot.domain.loan import LoanReading, Structure
from bot.engine import outlook, picture
from bot.engine.config import LoanRules
from bot.strategy import insurance
from bot.strategy.what_if import CRYPTO_LOAN, UTA, equity_at
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


def a_crypto_loan(desk: Desk, **changes: Any) -> LoanReading:
    known: dict[str, Any] = {
        "asked_ms": desk.now_ms, "structure": Structure.CRYPTO_LOAN, "principal": D(16_200), "interest": D(3),
        "hourly_rate": D("0.00001"), "pledged_btc": D("0.27"), "funding_usdt": D(50), "tiers": ((D(0), D(1)),),
        "venue_ltv": D("0.52"),
    }  # fmt: skip
    return LoanReading(**known | changes)


def test_what_is_shown_of_a_crypto_loan() -> None:
    """An hour after the reading: interest of all that is owed, since then too; both rates of what the venue charges."""
    desk = Desk(a_config(loan=LoanRules(enabled=True, reserve_usdt=D(700))))
    desk.start(reading=a_reading("0", "0.27", wallet=a_wallet("0", "-6200")))
    desk.hear(LoanRead(reading=a_crypto_loan(desk)))
    desk.pulse(3600)
    shown = outlook.loan_view(desk.state, desk.now_ms)
    debt = D(16_203) * D("1.00001")

    assert ("crypto loan", 3_600_000, D(16_200), 0.52) == (
        shown.structure,
        shown.age_ms,
        shown.principal,
        shown.venue_ltv,
    )
    assert (round(debt, 4), round(debt - 16_200, 4)) == (round(shown.debt, 4), round(shown.accrued, 4))
    assert (0.0876, round(debt * D("0.00024"), 4)) == (shown.apr, round(shown.interest_per_day, 4))
    assert round(debt * D("0.00001"), 4) == round(shown.interest_per_hour, 4)
    assert (D(700), 0.0) == (shown.reserve, shown.coverage)


def test_what_is_shown_of_a_unified_accounts_borrowing() -> None:
    """Interest is of what is borrowed, whatever gains stand against it; no reading yet: the settings' own rate."""
    desk = Desk()
    wallet = a_wallet()
    usdt = replace(wallet.coins[1], equity=D(-15_000))
    desk.start(reading=a_reading(wallet=replace(wallet, coins=(wallet.coins[0], usdt))))
    shown = outlook.loan_view(desk.state, desk.now_ms)

    assert ("unified account borrow", D(15_000), None, None) == (
        shown.structure,
        shown.debt,
        shown.age_ms,
        shown.accrued,
    )
    assert (0.06, round(D(16_200) * D("0.06") / 365, 8)) == (shown.apr, round(shown.interest_per_day, 8))
    assert ("SAFE", "CALM") == (shown.rung, shown.margin_rung)


def test_how_far_a_liquidation_is_away() -> None:
    """In shares of the price of now, and in what the market moves in a day; none where there is none."""
    desk = Desk()
    desk.start(reading=a_reading("0.213", "0.213"))
    shown = outlook.loan_view(desk.state, desk.now_ms)

    assert shown.liquidation_down is not None
    away = 1 - float(shown.liquidation_down) / 116_000
    assert away == pytest.approx(shown.distance_down, abs=1e-5)
    assert shown.distance_down_sigma == pytest.approx(
        insurance.distance_in_sigma(116_000, float(shown.liquidation_down), desk.state.market.sigma_24h), abs=1e-3
    )
    assert (None, None, None) == (shown.liquidation_up, shown.distance_up, shown.distance_up_sigma)


def test_before_anything_was_read_nothing_is_known_and_nothing_is_nought() -> None:
    """No debt, no LTV, no equity, no what-if: a zero would be read as safety."""
    desk = Desk()
    shown = outlook.loan_view(desk.state, desk.now_ms)

    unknown = (shown.debt, shown.ltv, shown.mm_rate, shown.equity, shown.interest_per_day, shown.interest_per_hour)
    assert {None} == {*unknown, shown.age_ms, shown.principal, shown.accrued, shown.coverage, shown.venue_ltv}
    assert None is outlook.what_if_book(desk.state, desk.now_ms)


@pytest.mark.parametrize(("fixed", "equity"), [(None, D(15_120)), (D("0.5"), None)])
def test_before_the_first_price_the_wallets_own_sum_counts_where_all_of_it_lies_there(
    fixed: D | None, equity: D | None
) -> None:
    """Coin that lies elsewhere has no worth without a price: half an equity is none."""
    desk = Desk(a_config(fixed_spot=fixed))
    desk.hear(WalletSeen(wallet=a_wallet()))

    assert equity == outlook.loan_view(desk.state, desk.now_ms).equity


def test_the_row_of_now_asks_for_nothing_and_that_of_a_crash_says_what_is_done() -> None:
    """In words, for the page: a safe book needs none."""
    desk = Desk(a_config(loan=LoanRules(enabled=True)))
    desk.start(reading=a_reading("0", "0.27", wallet=a_wallet("0", "-6200")))
    desk.hear(LoanRead(reading=a_crypto_loan(desk, principal=D(8_000))))
    desk.pulse(1)
    book, policy = outlook.what_if_book(desk.state, desk.now_ms), outlook.policy_of(desk.state.config)
    assert book is not None
    crash, now = outlook.what_if_rows(book, policy, (-0.6, 0.0))

    assert ("SAFE", "nothing") == (now.rung, now.action)
    assert "sweep gains into the loan" in crash.action


def test_what_if_knows_which_account_carries_what() -> None:
    """Pledged, the debt is the lender's, and USDT in the Funding wallet lie idle; told to lie elsewhere, the account's coin is its own."""
    desk = Desk(a_config(loan=LoanRules(enabled=True)))
    desk.start(reading=a_reading("0", "0.27", wallet=a_wallet("0.1", "-6200")))
    desk.hear(LoanRead(reading=a_crypto_loan(desk, hourly_rate=D(0))))
    desk.pulse(1)
    apart = outlook.what_if_book(desk.state, desk.now_ms)
    assert apart is not None
    assert (CRYPTO_LOAN, 16_203.0, 6_200.0, 50.0, 0.1) == (
        apart.structure, apart.debt_usdt, apart.cash_usdt, apart.idle_usdt, apart.account_btc,
    )  # fmt: skip
    assert (0.37, 0.0, 0.27) == (apart.spot_btc, apart.long_btc, apart.short_btc)

    desk = Desk(a_config(loan=LoanRules(enabled=True)))
    desk.start()
    desk.hear(LoanRead(reading=a_crypto_loan(desk, structure=Structure.UTA, pledged_btc=D(0))))
    inside = outlook.what_if_book(desk.state, desk.now_ms)
    assert inside is not None
    assert (UTA, 0.0) == (inside.structure, inside.idle_usdt)

    desk = Desk(a_config(fixed_spot=D("0.5")))
    desk.start()
    elsewhere = outlook.what_if_book(desk.state, desk.now_ms)
    assert elsewhere is not None
    assert (UTA, 0.5, 0.27, 0.0) == (
        elsewhere.structure, elsewhere.spot_btc, elsewhere.account_btc, elsewhere.idle_usdt,
    )  # fmt: skip


@pytest.mark.parametrize("changed", [{}, {"enabled": False}, {"sweep": False}, {"dry_run": True}])
def test_a_sweep_that_would_not_be_made_defends_no_price(changed: dict[str, bool]) -> None:
    """What-if shows what the daemon will do, and not what it could."""
    rules = LoanRules(**{"enabled": True, "sweep": True, "dry_run": False} | changed)

    policy = outlook.policy_of(a_config(loan=rules))

    assert (rules.sweep_from if not changed else math.inf) == policy.sweep_from
