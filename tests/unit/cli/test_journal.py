"""The verbs that look back, as a person or a script calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli.command import app
from bot.exit_codes import ExitCode
from bot.journal.journal import Journal
from tests.unit.journal.told import a_days_desk, write

SEED = {"spot": "0.27", "long": "0.213", "short": "0.213", "price": "116000", "vol": "0.03", "funding": "0.0001"}


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def decide(*more: str, **figures: str | None) -> Result:
    given = {name: value for name, value in (SEED | figures).items() if value is not None}
    return call("decide", *(word for name, value in given.items() for word in (f"--{name}", value)), *more)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A day's journal; the verbs run in an empty directory."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "day.sqlite", a_days_desk()).close()
    return str(tmp_path / "day.sqlite")


@pytest.mark.parametrize(("verb", "rows"), [("orders", 2), ("decisions", 5), ("fills", 2)])
def test_a_report_is_a_table_or_json(path: str, verb: str, rows: int) -> None:
    """A line for each thing; a script gets the same facts."""
    shown = call("journal", verb, "--file", path)
    facts = json.loads(call("journal", verb, "--file", path, "--json").stdout)

    assert (rows, rows + 1) == (len(facts), len(shown.stdout.splitlines()))
    assert list(facts[0])[1] in shown.stdout.splitlines()[0]


def test_last_and_since_narrow_a_report(path: str) -> None:
    """The newest, or from a moment on; a moment that is none is a usage error."""
    last = json.loads(call("journal", "decisions", "--last", "2", "--file", path, "--json").stdout)
    since = json.loads(call("journal", "decisions", "--since", "70m", "--file", path, "--json").stdout)
    wrong = call("journal", "decisions", "--since", "yesterday", "--file", path)

    assert ([4, 5], [4, 5]) == ([row["decision"] for row in last], [row["decision"] for row in since])
    assert ExitCode.USAGE == wrong.exit_code
    assert "yesterday" in wrong.stderr


@pytest.mark.parametrize("words", [("journal", "orders"), ("journal", "fills"), ("explain", "--last"), ("pnl",)])
def test_an_empty_file_that_was_named_is_no_journal(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A slip of the name, or a copy that failed, is not a day on which nothing happened."""
    (tmp_path / "copy.sqlite").touch()

    answer = call(*words, "--file", str(tmp_path / "copy.sqlite"))

    assert (ExitCode.FAILURE, "") == (answer.exit_code, answer.stdout)
    assert "copy.sqlite is empty, and no journal" in answer.stderr


def test_a_journal_without_a_record_is_a_journal(tmp_path: Path) -> None:
    """A daemon has just begun it."""
    journal = Journal(tmp_path / "day.sqlite")

    answer = call("journal", "orders", "--file", str(tmp_path / "day.sqlite"))
    journal.close()

    assert (ExitCode.OK, "none\n") == (answer.exit_code, answer.stderr)


def test_an_age_older_than_time_is_everything(path: str) -> None:
    """However many days somebody types."""
    answer = call("journal", "orders", "--since", "99999999999999999999d", "--file", path)

    assert ExitCode.OK == answer.exit_code, answer.output
    assert answer.stdout == call("journal", "orders", "--file", path).stdout


def test_without_a_journal_it_says_what_begins_one(path: str) -> None:
    """No traceback for a first look round."""
    answer = call("journal", "orders")

    assert ExitCode.FAILURE == answer.exit_code
    assert "there is no journal var/paper/journal.sqlite" in answer.stderr
    assert "hedgelock run" in answer.stderr


def test_explain_tells_one_decision(path: str) -> None:
    """By number, by order, or the last; one of the three must be said."""
    assert "the same, bit for bit" in call("explain", "1", "--file", path).stdout
    assert "reached: leg targets reached" in call("explain", "r1-2Sg", "--file", path).stdout
    assert 5 == json.loads(call("explain", "--last", "--file", path, "--json").stdout)["decision"]["number"]
    assert ExitCode.USAGE == call("explain", "--file", path).exit_code
    assert ExitCode.FAILURE == call("explain", "99", "--file", path).exit_code


def test_export_names_what_it_wrote(path: str, tmp_path: Path) -> None:
    """One line a file, with its rows."""
    answer = call("journal", "export", "--out", "out", "--file", path)

    assert "out/orders.csv  2 rows" in answer.stdout.splitlines()
    assert 0o600 == (tmp_path / "out" / "orders.csv").stat().st_mode & 0o777


def test_replay_reproduces_and_says_what_it_could_not_check(path: str) -> None:
    """The day was decided under other settings than this directory's: the decisions stand, the books are not compared."""
    answer = call("replay", path)

    assert ExitCode.OK == answer.exit_code
    assert "5 decisions, all reproduced bit for bit" == answer.stdout.splitlines()[0]
    assert "5 not checked against the books: its run had other settings" in answer.stdout
    assert 5 == json.loads(call("replay", path, "--json").stdout)["reproduced"]


def test_decide_answers_the_original_book(path: str) -> None:
    """The same legs that the daemon would work towards."""
    answer = decide("--json", loan="16200")

    assert ExitCode.OK == answer.exit_code
    trade = json.loads(answer.stdout)["trade"]
    assert ("0.213 -> 0.051", "0.213 -> 0.321") == (trade["long"], trade["short"])
    assert "middle volatility" in decide().stdout


def test_decide_takes_its_policy_from_the_settings(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What if h were a half?"""
    monkeypatch.setenv("HEDGELOCK__HEDGE__H_MID", "0.5")

    assert "0.213 -> 0.348" == json.loads(decide("--json").stdout)["trade"]["short"]


BAD = [
    *((name, word, ExitCode.USAGE) for name in SEED for word in ("nan", "inf", "-inf", "many", None)),
    *((name, "-0.1", ExitCode.USAGE) for name in SEED if name != "funding"),
    ("long", "0.2135", ExitCode.USAGE),
    ("long", "1e300", ExitCode.USAGE),
    ("vol", "3", ExitCode.USAGE),
    ("funding", "0.5", ExitCode.USAGE),
    ("loan", "nan", ExitCode.USAGE),
    ("loan", "-1", ExitCode.USAGE),
    ("margin", "nan", ExitCode.USAGE),
    ("interval-h", "0", ExitCode.USAGE),
    ("price", "0", ExitCode.FAILURE),
    ("spot", "99999999999", ExitCode.FAILURE),
]


@pytest.mark.parametrize(("name", "word", "code"), BAD, ids=[f"{name} {word}" for name, word, _ in BAD])
def test_decide_never_trades_on_a_figure_that_is_none(path: str, name: str, word: str | None, code: ExitCode) -> None:
    """A usage error names the option; a refusal names the reason."""
    answer = decide(**{name: word})

    assert code == answer.exit_code
    assert (f"--{name}" in answer.stderr) if code is ExitCode.USAGE else ("refuse" in answer.stdout)
    assert "->" not in answer.stdout
