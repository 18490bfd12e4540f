"""The verbs of the loan, as a person or a script calls them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli.command import app
from bot.domain.account import CashKind, CashRow
from bot.domain.commands import CashAdopted, PaymentEnded, PaymentPlanned, RepayDebt, Trigger
from bot.domain.events import CashSeen
from bot.domain.loan import Purse, Structure
from bot.exit_codes import ExitCode
from bot.journal.journal import Journal
from tests.unit.engine.desk import NOW_MS

PLEDGED = ("--spot", "0.27", "--price", "116000", "--debt", "16200", "--short", "0.27", "--cash", "6200")


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of ours lie about."""
    monkeypatch.chdir(tmp_path)


def a_row(number: int, change: str, balance: str, kind: CashKind = CashKind.TRADE) -> CashSeen:
    return CashSeen(
        row=CashRow(
            row_id=f"r{number}",
            kind=kind,
            raw_kind=kind.name,
            currency="USDT",
            change=D(change),
            cash_flow=D(change),
            fee=D(0),
            funding=None,
            balance=D(balance),
            at_ms=NOW_MS + number * 1000,
        )
    )


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A journal with two lines of the account book and one payment."""
    journal = Journal(tmp_path / "day.sqlite")
    plan = PaymentPlanned(
        number=1, trigger=Trigger.BY_HAND, why="asked by operator", structure=Structure.UTA, amount=D("400.000001"),
        to_transfer=D(0), source=Purse.UNIFIED, debt_before=D(16200), interest_before=D(0), from_profit=D(0),
        from_pot=D(0), from_reserve=D(0),
    )  # fmt: skip
    records = (
        a_row(1, "1000", "1000"),
        plan,
        RepayDebt(payment=1, structure=Structure.UTA, coin="USDT", amount=plan.amount),
        PaymentEnded(number=1, paid=plan.amount, step="paid", reason=""),
        a_row(2, "-400.000001", "599.999999", CashKind.REPAY),
    )
    for number, record in enumerate(records):
        journal.append(record, NOW_MS + number)
    journal.commit()
    journal.close()
    return str(tmp_path / "day.sqlite")


def test_what_if_needs_no_daemon_for_a_book_that_is_named():
    """The unswept loan dies at 63,158, the swept one does not; JSON holds the same rows as the table."""
    words = ("what-if", *PLEDGED, "--structure", "crypto_loan")
    rows = json.loads(call(*words, "--json").stdout)
    table = call(*words)

    assert (-0.6, 1.0) == (rows[0]["move"], rows[-1]["move"])
    assert ("the loan", "") == (rows[0]["liquidated"], rows[0]["defended_liquidated"])
    assert len(rows) + 1 == len(table.stdout.splitlines())
    assert ExitCode.OK == table.exit_code


def test_what_if_of_half_a_book_is_a_usage_error():
    """A spot without a price is no book, and a negative one is none either."""
    assert ExitCode.USAGE == call("what-if", "--spot", "0.27").exit_code
    assert ExitCode.USAGE == call("what-if", "--spot", "-1", "--price", "116000").exit_code


def test_payments_are_told_from_the_wish_to_the_end(path: str):
    """One line: why, how much, what was sent, how it ended."""
    (row,) = json.loads(call("loan", "payments", "--file", path, "--json").stdout)

    assert ("by hand", "400.000001", "repayment", "paid") == (row["trigger"], row["paid"], row["sent"], row["outcome"])


def test_the_account_book_re_adds_to_the_wallet(path: str, tmp_path: Path):
    """What the tax adviser gets: each line, the running sum, and a proof."""
    answer = call("loan", "account-book", "--out", "book.csv", "--file", path)
    lines = list(csv.DictReader((tmp_path / "book.csv").open()))

    assert ExitCode.OK == answer.exit_code, answer.output
    assert ["1000", "599.999999"] == [line["sum"] for line in lines]
    assert [line["wallet"] for line in lines] == [line["sum"] for line in lines]


def test_the_account_book_is_for_its_owner_and_takes_the_place_of_an_older_one_alone(path: str, tmp_path: Path):
    """A journal named by --out instead of --file, settings, a folder: each is left as it is, and said."""
    book, journal = tmp_path / "book.csv", Path(path)
    assert ExitCode.OK == call("loan", "account-book", "--out", "book.csv", "--file", path).exit_code
    book.chmod(0o644)
    assert ExitCode.OK == call("loan", "account-book", "--out", "book.csv", "--file", path).exit_code
    assert 0o600 == book.stat().st_mode & 0o777

    before = journal.read_bytes()
    for out, said in (
        (path, "is not written over"),
        (str(tmp_path), "Is a directory"),
        ("no/book.csv", "No such file"),
    ):
        answer = call("loan", "account-book", "--out", out, "--file", path)
        assert ExitCode.FAILURE == answer.exit_code
        assert said in answer.output
    assert before == journal.read_bytes()


def test_lines_of_one_moment_stand_in_the_order_of_their_wallets(tmp_path: Path):
    """Two transfers and a fee in the same millisecond, heard of in another order: no line is missing."""
    journal = Journal(tmp_path / "moment.sqlite")
    told = (("row_10", "-900", "100"), ("row_9", "1000", "1000"), ("row_11", "-1", "99"))
    for name, change, wallet in told:
        row = a_row(1, change, wallet).row
        journal.append(CashSeen(row=replace(row, row_id=name)), NOW_MS)
    journal.commit()
    journal.close()

    answer = call("loan", "account-book", "--out", "book.csv", "--file", "moment.sqlite")
    lines = list(csv.DictReader((tmp_path / "book.csv").open()))

    assert ExitCode.OK == answer.exit_code, answer.output
    assert ["row_9", "row_10", "row_11"] == [line["row_id"] for line in lines]


def test_what_came_and_left_in_one_moment_stands_as_it_was_listed(tmp_path: Path):
    """Wallets that end where they began tell no order; names that sort otherwise tell none either."""
    journal = Journal(tmp_path / "moment.sqlite")
    told = (("row_9", "16200", "24200"), ("row_10", "-16200", "8000"), ("row_11", "-1", "7999"))
    for name, change, wallet in told:
        journal.append(CashSeen(row=replace(a_row(1, change, wallet).row, row_id=name)), NOW_MS)
    journal.commit()
    journal.close()

    assert ExitCode.OK == call("loan", "account-book", "--out", "book.csv", "--file", "moment.sqlite").exit_code


def test_a_hole_at_the_end_is_seen_by_the_wallet(tmp_path: Path):
    """The last line is missing: no later line gives it away, but the wallet that readings went on to show does."""
    journal = Journal(tmp_path / "end.sqlite")
    adopted = CashAdopted(coin="USDT", wallet=D("1003.1"), explained=D(1000), was=D(0), reason="unexplained for 20 s")
    for record in (a_row(1, "1000", "1000"), adopted):
        journal.append(record, NOW_MS)
    journal.commit()
    answer = call("loan", "account-book", "--out", "book.csv", "--file", "end.sqlite")
    assert ExitCode.FAILURE == answer.exit_code
    assert "3.1" in answer.stdout

    journal.append(a_row(2, "3.1", "1003.1"), NOW_MS)  # told at last
    journal.commit()
    journal.close()
    assert ExitCode.OK == call("loan", "account-book", "--out", "book.csv", "--file", "end.sqlite").exit_code


def test_what_was_repaid_of_a_crypto_loan_stands_besides(tmp_path: Path):
    """It leaves the Funding wallet, of which the log knows nothing: interest and principal apart, and the wallet adds up without them."""
    journal = Journal(tmp_path / "apart.sqlite")
    plan = PaymentPlanned(
        number=1, trigger=Trigger.LTV, why="", structure=Structure.CRYPTO_LOAN, amount=D("400.000001"),
        to_transfer=D("400.01"), source=Purse.UNIFIED, debt_before=D(16203), interest_before=D(3), from_profit=D(0),
        from_pot=D(0), from_reserve=D(0),
    )  # fmt: skip
    records = (
        a_row(1, "1000", "1000"),
        plan,
        a_row(2, "-400.01", "599.99", CashKind.TRANSFER),
        PaymentEnded(number=1, paid=plan.amount, step="paid", reason=""),
    )
    for number, record in enumerate(records):
        journal.append(record, NOW_MS + 3000 + number)
    journal.commit()
    journal.close()
    answer = call("loan", "account-book", "--out", "book.csv", "--file", "apart.sqlite")
    lines = list(csv.DictReader((tmp_path / "book.csv").open()))

    assert ExitCode.OK == answer.exit_code, answer.output
    assert [("loan interest", "-3"), ("loan principal", "-397.000001")] == [(r["kind"], r["change"]) for r in lines[2:]]
    assert "400.000001" in answer.stdout


def test_a_hole_in_the_account_book_is_an_exit_code(tmp_path: Path):
    """A line is missing: the wallet moved by more than the lines say."""
    journal = Journal(tmp_path / "hole.sqlite")
    journal.append(a_row(1, "1000", "1000"), NOW_MS)
    row = a_row(2, "-1", "500").row
    journal.append(CashSeen(row=replace(row, row_id="r3")), NOW_MS + 1)
    journal.commit()
    journal.close()

    answer = call("loan", "account-book", "--out", "book.csv", "--file", "hole.sqlite")

    assert ExitCode.FAILURE == answer.exit_code
    assert "-499" in answer.stdout


@pytest.mark.parametrize("wrong", [
    ("--spot", "nan"), ("--price", "inf"), ("--price", "0"), ("--debt", "inf"), ("--debt", "-1"), ("--idle", "-1"),
    ("--cash", "nan"), ("--short-entry", "-5"), ("--long-entry", "0"), ("--ratio", "0"), ("--ratio", "nan"),
])  # fmt: skip
def test_a_book_of_figures_that_cannot_be_is_refused(wrong: tuple[str, str]):
    """No row of it would mean anything, and SAFE least of all."""
    answer = call("what-if", *PLEDGED, *wrong)

    assert ExitCode.USAGE == answer.exit_code, answer.output
    assert "move" not in answer.output
