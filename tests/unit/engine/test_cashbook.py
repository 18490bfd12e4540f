"""The cash book: the transaction log known once, and whether it explains the wallet."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

from bot.domain.account import CashKind, CashRow, ExecKind, Wallet
from bot.domain.commands import CashAdopted, FundingAdopted, LegsAdopted
from bot.domain.legs import Leg
from bot.engine.cashbook import KEPT_ROWS, CashBook
from bot.engine.ledger import Ledger, settlement_hour
from tests.unit.engine.desk import NOW_MS, a_wallet, an_execution

HOUR_MS = 3_600_000
LEASE_MS = 15_000


def a_row(name: str, change: str, currency: str = "USDT", **changes: object) -> CashRow:
    row = CashRow(
        row_id=name, kind=CashKind.TRADE, raw_kind="TRADE", currency=currency, change=D(change), cash_flow=D(change),
        fee=D(0), funding=None, balance=None, at_ms=NOW_MS,
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type]


def a_settlement(name: str, received: str, side: str, at_ms: int = NOW_MS) -> CashRow:
    return a_row(
        name, received, kind=CashKind.SETTLEMENT, raw_kind="SETTLEMENT", funding=D(received), side=side,
        symbol="BTCUSDT", category="linear", at_ms=at_ms,
    )  # fmt: skip


def holding(usdt: str, btc: str = "0.27") -> Wallet:
    wallet = a_wallet(btc)
    coins = tuple(replace(coin, wallet=D(usdt)) if coin.coin == "USDT" else coin for coin in wallet.coins)
    return replace(wallet, coins=coins)


def read(book: CashBook, usdt: str, at_ms: int, btc: str = "0.27") -> list[CashAdopted]:
    """One reading that shows this wallet; what is believed after it is taken over."""
    book.compare(holding(usdt, btc), at_ms, at_ms - LEASE_MS)
    adopted = list(book.adoptions(at_ms, LEASE_MS))
    for record in adopted:
        book.adopt(record)
    return adopted


def a_begun_book(usdt: str = "1000") -> CashBook:
    book = CashBook()
    for number in range(3):
        read(book, usdt, NOW_MS + number * 10_000)
    return book


def test_a_coin_that_cannot_be_read_is_not_gone_and_speaks_against_nothing() -> None:
    """An airdrop whose figures turn blank: a zero would be money that left unexplained, told as such and perhaps halted on."""
    book, drop = a_begun_book(), replace(a_wallet().coins[0], coin="AIRDROP", wallet=D(7))
    whole = replace(holding("1000"), coins=(*holding("1000").coins, drop))
    for number in range(3):
        book.compare(whole, NOW_MS + number * 10_000, NOW_MS)
        for record in book.adoptions(NOW_MS + number * 10_000, LEASE_MS):
            book.adopt(record)
    assert D(7) == book.coins["AIRDROP"].start

    odd = replace(holding("1000"), unread=("AIRDROP",))
    for number in range(6):
        book.compare(odd, NOW_MS + 60_000 + number * 10_000, NOW_MS)
        assert [] == list(book.adoptions(NOW_MS + 60_000 + number * 10_000, LEASE_MS))
        assert book.explains_the_wallet


def test_an_account_begins_when_its_wallet_has_stood_still_for_longer_than_a_read_may_lag() -> None:
    """One reading proves nothing: wallet and log are two questions, and either may be late."""
    book = CashBook()
    book.book(a_row("before", "5", at_ms=NOW_MS - 60_000), "BTCUSDT")

    assert [] == read(book, "1000", NOW_MS)
    assert [] == read(book, "1000", NOW_MS + 5_000)
    begun = read(book, "1000", NOW_MS + 20_000)

    assert {"BTC": None, "USDT": None} == {record.coin: record.was for record in begun}
    assert D(995) == book.coins["USDT"].start


def test_changes_that_the_log_tells_are_silence() -> None:
    """The wallet moved by exactly what its rows say."""
    book = a_begun_book()

    book.book(a_row("e1", "-12.5"), "BTCUSDT")
    book.book(a_row("e1", "-12.5"), "BTCUSDT")

    assert [] == read(book, "987.5", NOW_MS + 60_000)
    assert (D("-12.5"), None) == (book.coins["USDT"].changes, book.coins["USDT"].rumour)
    assert D("-12.5") == book.by_kind["USDT", CashKind.TRADE]


def test_a_log_that_is_ahead_of_the_wallet_is_no_difference() -> None:
    """A row came between the two questions: one reading disagrees, the next does not."""
    book = a_begun_book()
    book.book(a_row("e1", "-12.5"), "BTCUSDT")

    told = [
        *read(book, "1000", NOW_MS + 60_000),
        *read(book, "987.5", NOW_MS + 70_000),
        *read(book, "987.5", NOW_MS + 99_000),
    ]

    assert [] == told


def test_money_that_no_row_explains_is_taken_over_once_and_told() -> None:
    """A balance that stays off for longer than any read may lag is the truth; the difference is in the record."""
    book = a_begun_book()

    told = [record for second in range(60, 120, 10) for record in read(book, "1250", NOW_MS + second * 1000)]

    (record,) = told
    assert (D(1000), D(1250), D(0)) == (record.was, record.wallet, record.explained)
    assert "unexplained for 20 s" == record.reason


def test_a_difference_that_keeps_changing_is_not_believed() -> None:
    """Only a constant is a fact; what moves with every reading is a race."""
    book = a_begun_book()

    told = [record for n in range(10) for record in read(book, str(1100 + n), NOW_MS + 60_000 + n * 10_000)]

    assert [] == told


def test_trades_of_one_size_each_shown_late_are_no_difference() -> None:
    """The wallet is one trade behind, again and again: the same figure each time, and never the same cause."""
    book = a_begun_book()

    told = []
    for number in range(1, 8):
        at_ms = NOW_MS + 60_000 + number * 12_000
        book.book(a_row(f"e{number}", "-10", at_ms=at_ms - 3_000), "BTCUSDT")
        told += read(book, str(1000 - 10 * (number - 1)), at_ms)

    assert [] == told


def test_a_row_that_is_told_late_ends_the_difference_it_explains() -> None:
    """What is missing after it is another thing, though it may be of the same size: two trades alike, each told half a minute late."""
    book = a_begun_book()
    told = read(book, "990", NOW_MS + 60_000)

    for late in (20_000, 40_000):
        book.book(a_row(f"e{late}", "-10", at_ms=NOW_MS + 60_000 + late - 40_000), "BTCUSDT")
        told += read(book, "980", NOW_MS + 60_000 + late)
        told += read(book, "980", NOW_MS + 61_000 + late)

    assert [] == told


def test_rounding_is_no_difference() -> None:
    """The venue's figures are cut at eight digits."""
    book = a_begun_book()

    told = [record for n in range(10) for record in read(book, "1000.004", NOW_MS + n * 60_000, btc="0.2700003")]

    assert [] == told


def test_the_beginning_survives_a_restart() -> None:
    """What was taken over is a record; only rumours of the old run are forgotten."""
    book = a_begun_book()
    read(book, "1250", NOW_MS + 60_000)
    book.new_run()

    assert (D(1000), None) == (book.coins["USDT"].start, book.coins["USDT"].rumour)


def test_the_wallet_is_explained_where_the_rows_lead_to_it() -> None:
    """Thirty were spent and thirty are gone; fifty gone are not explained by them."""
    book = a_begun_book()
    book.book(a_row("r1", "-30", at_ms=NOW_MS + 21_000), "BTCUSDT")
    read(book, "970", NOW_MS + 60_000)
    assert book.explains_the_wallet

    read(book, "950", NOW_MS + 70_000)
    assert not book.explains_the_wallet


def test_memory_is_bounded_and_the_old_stays_booked() -> None:
    """Months of rows do not grow the process; an old row that comes again is still known."""
    book = CashBook()
    rows = [a_row(f"r{n}", "1", at_ms=NOW_MS + n) for n in range(KEPT_ROWS + 10)]
    for row in rows:
        book.book(row, "BTCUSDT")

    assert len(book._rows) <= KEPT_ROWS
    for row in rows:
        book.book(row, "BTCUSDT")
    assert D(KEPT_ROWS + 10) == book.coins["USDT"].changes


def an_open_ledger() -> Ledger:
    ledger = Ledger(symbol="BTCUSDT")
    ledger.adopt(
        LegsAdopted(
            long_qty=D("0.1"), short_qty=D("0.3"), long_entry=D(1), short_entry=D(1), seq=-1,
            at_ms=NOW_MS - 9 * HOUR_MS, reason="test",
        )
    )  # fmt: skip
    return ledger


def late_words(book: CashBook, ledger: Ledger) -> list[FundingAdopted]:
    return list(book.missing_funding(ledger.settlements))


def test_a_settlement_that_both_tell_is_silence() -> None:
    """The log's sign is the opposite of an execution's; per leg and hour they must agree."""
    book, ledger = CashBook(), an_open_ledger()
    book.book(a_settlement("s1", "-0.7", "Buy"), "BTCUSDT")
    paid = an_execution("f1", kind=ExecKind.FUNDING, side="Buy", fee=D("0.7"), exec_ms=NOW_MS + 900)
    ledger.book(paid)
    book.settle(ledger.settlements, ledger.adopted_ms)
    book.compare(holding("0"), NOW_MS + 5 * HOUR_MS, NOW_MS)

    assert ({}, []) == (book.settlements, late_words(book, ledger))


def test_a_settlement_that_no_execution_tells_is_booked_by_the_log_after_hours() -> None:
    """An execution list may be hours late with funding; then the log is believed, and the late execution changes nothing more."""
    book, ledger = CashBook(), an_open_ledger()
    book.book(a_settlement("s1", "0.9", "Sell"), "BTCUSDT")
    book.compare(holding("0"), NOW_MS + 2 * HOUR_MS, NOW_MS)
    assert [] == late_words(book, ledger)

    book.compare(holding("0"), NOW_MS + 4 * HOUR_MS, NOW_MS)
    (word,) = late_words(book, ledger)
    ledger.adopt_funding(word)
    book.settle(ledger.settlements, ledger.adopted_ms)
    assert (Leg.SHORT, D("0.9"), D(0)) == (word.leg, word.funding, word.was)
    assert "no execution told of it" == word.reason
    assert D("0.9") == ledger.legs[Leg.SHORT].funding

    ledger.book(an_execution("f1", kind=ExecKind.FUNDING, side="Sell", fee=D("-0.9"), exec_ms=NOW_MS))
    assert (D("0.9"), D("0.9")) == (
        ledger.legs[Leg.SHORT].funding,
        ledger.settlements[settlement_hour(NOW_MS), Leg.SHORT],
    )
    assert [] == late_words(book, ledger)


def test_a_settlement_that_its_execution_tells_otherwise_is_booked_by_the_log() -> None:
    """The wallet moved by what the log says; both figures are kept in the word."""
    book, ledger = CashBook(), an_open_ledger()
    book.book(a_settlement("s1", "0.9", "Sell"), "BTCUSDT")
    ledger.book(an_execution("f1", kind=ExecKind.FUNDING, side="Sell", fee=D("-0.5"), exec_ms=NOW_MS))
    book.compare(holding("0"), NOW_MS + 4 * HOUR_MS, NOW_MS)

    (word,) = late_words(book, ledger)
    assert (D("0.9"), D("0.5"), "its execution says otherwise") == (word.funding, word.was, word.reason)


def test_settlements_from_before_the_books_are_nobodys() -> None:
    """The log reaches a day back; our legs' funding begins with our books."""
    book, ledger = CashBook(), an_open_ledger()
    book.book(a_settlement("s1", "0.9", "Sell", at_ms=NOW_MS - 10 * HOUR_MS), "BTCUSDT")
    book.settle(ledger.settlements, ledger.adopted_ms)
    book.compare(holding("0"), NOW_MS + 5 * HOUR_MS, NOW_MS)

    assert [] == late_words(book, ledger)
