"""The verbs as a person calls them: what they print and write, and how they refuse."""

import json

import pytest
from typer.testing import CliRunner

from bot.backtest import stress
from bot.cli.command import app
from tests.unit.backtest.tapes import a_walk


def call(*words):
    return CliRunner().invoke(app, [*map(str, words)], prog_name="hedgelock")


def test_compare_writes_a_page_that_needs_nothing(engines, tmp_path):
    """Half hedged lives, unhedged dies in a quarter of the years; the page holds its own plotly and asks no host."""
    page = tmp_path / "compare.html"
    told = call("compare", "--since", "2021-10-01", "--until", "2023-01-01", "--every", 1440, "--html", page)

    assert 0 == told.exit_code, told.output
    rows = {line[:26].strip(): line[26:].split("%") for line in told.output.splitlines() if "%" in line}
    assert "0" == rows["static 50 %"][2].strip()
    assert int(rows["unhedged"][2]) >= 20
    text = page.read_text()
    assert "static 50 %" in text
    assert "<script src=" not in text
    assert "SHA-256" in text


@pytest.mark.campaign
def test_sixty_two_years(engines):
    """One-year windows from January 2020 to February 2025, daily decisions: a quarter of the unhedged die, no half hedge passes 65 %."""
    told = call("compare", "--price", 116_000, "--until", "2026-02-02", "--every", 1440, "--json")
    rows = {row["name"]: row for row in json.loads(told.stdout)["summary"]}
    bare, half, full = (rows[name] for name in ("unhedged", "static 50 %", "static 100 %"))

    assert 62 == bare["windows"]
    assert 0.20 < bare["dead"] < 0.30
    assert (0, 0, 0) == (half["dead"], half["ltv_85"], half["ltv_65"])
    assert (0.75, 1.0) == (
        pytest.approx(half["variance_removed"], abs=0.01),
        pytest.approx(full["variance_removed"], abs=0.01),
    )
    assert full["worst_drawdown"] < 0.05 < 0.7 < half["worst_drawdown"]
    assert rows["original ladder on 100 %"]["worst_drawdown"] > 0.8
    assert 10 == pytest.approx(half["cost_per_year"], abs=1)


def test_backtest_in_json_and_csv(engines, tmp_path):
    """The parts of the attribution add up in the document too."""
    told = call(
        "backtest",
        "--policy",
        "static 50 %",
        "--since",
        "2022-05-01",
        "--until",
        "2022-07-01",
        "--json",
        "--csv",
        tmp_path,
    )
    document = json.loads(told.stdout)

    (run,) = document["runs"]
    assert run["equity_end_usdt"] - run["equity_start_usdt"] == pytest.approx(
        sum(run["attribution_usdt"].values()), abs=1e-6
    )
    assert 0.75 == pytest.approx(run["effectiveness"], abs=0.02)
    assert {"figures.csv", "samples.csv", "log.csv"} == {path.name for path in tmp_path.iterdir()}
    assert 64 == len(document["data"]["sources"][0]["sha256"])


@pytest.mark.parametrize(("structure", "policy"), [("uta", "static 100 %"), ("loan", "static 100 %, swept")])
def test_the_page_of_a_run_shows_the_book_at_other_prices(engines, tmp_path, structure, policy):
    """What the run ended with, asked about: a picture and a table, in both structures."""
    page = tmp_path / "run.html"
    told = call(
        "backtest", "--policy", policy, "--structure", structure, "--since", "2025-09-01", "--until", "2025-09-20",
        "--every", 60, "--html", page,
    )  # fmt: skip

    assert 0 == told.exit_code, told.output
    text = page.read_text(encoding="utf-8")
    assert "What if the price moved" in text
    assert "left alone" in text
    assert 1 == text.count("<td>+100%</td>")


def test_full_fidelity_through_the_verb(engines, tmp_path):
    """Two days of hourly bars through engine and venue: the same report."""
    told = call(
        "backtest", "--policy", "static 100 %", "--since", "2025-09-01", "--until", "2025-09-03", "--fidelity", "full",
        "--html", tmp_path / "full.html",
    )  # fmt: skip

    assert 0 == told.exit_code, told.output
    assert "survived                            yes" in told.output


@pytest.mark.parametrize("fidelity", ["kernel", "full"])
def test_profit_is_taken_by_whatever_policy_was_chosen(engines, fidelity):
    """Through the fall of October 2025 a full hedge is stopped out of its profit again and again, and half of it repays."""
    told = call(
        "backtest", "--policy", "static 100 %", "--short", "0.27", "--profit", "--every", "0", "--json",
        "--since", "2025-10-09", "--until", "2025-10-13", "--fidelity", fidelity,
    )  # fmt: skip
    (run,) = json.loads(told.stdout)["runs"]

    assert run["profits"] >= 3
    assert run["repaid_usdt"] > 1000
    assert 1 == run["ltv_below_65_time"]


REFUSALS = [
    (("backtest", "--policy", "clever"), 2, "no policy is called 'clever'"),
    (("backtest", "--since", "yesterday"), 2, "is not a date"),
    (("backtest", "--since", "2035-01-01"), 1, "holds 0 bars"),
    (("compare", "--structure", "bank"), 2, "is none of uta, loan"),
    (
        ("backtest", "--since", "2024-08-01", "--until", "2024-08-20"),
        1,
        "it lies in a hole of the data, 2024-07-25 00:00 to 2024-08-26 00:00",
    ),
    (
        ("backtest", "--since", "2025-02-01", "--until", "2025-02-01"),
        2,
        "--since 2025-02-01 is not before --until 2025-02-01",
    ),
    (("backtest", "--short", "-1"), 2, "--short must be a number not below 0, not -1"),
    (("backtest", "--long", "nan"), 2, "--long must be a number not below 0, not nan"),
    (("compare", "--price", "0"), 2, "--price must be a number above 0, not 0"),
    (("compare", "--loan", "nan"), 2, "--loan must be a number not below 0, not nan"),
    (("compare", "--slippage", "inf"), 2, "--slippage must be a number not below 0, not inf"),
    (("compare", "--spot", "0"), 2, "--spot must be a number above 0, not 0"),
    (("compare", "--data", "no/such/file.csv"), 1, "there is no such file"),
    (("sweep", "policy.nothing=1,2", "--days", "60"), 2, "policy.nothing is none of"),
    (("sweep", "nonsense"), 2, "is not name=value"),
    (("sweep", "hedge.band_btc=0.01,,0.02"), 2, "is not name=value"),
    (("sweep", "hedge.band_btc=0.01", "hedge.band_btc=0.02"), 2, "hedge.band_btc is given twice"),
    (("sweep", "rules.sweep=1.5"), 2, "rules.sweep is a whole number, not 1.5"),
    (("sweep", "policy.band_btc=abc"), 2, "policy.band_btc is a number, not 'abc'"),
    (("sweep", "hedge.band_btc=0.01..0.02", "--trials", "3", "--scheduler", "tcp://x:1"), 2, "are for the grid"),
    (("data", "fetch", "--since", "2025-01-01", "--category", "inverse"), 2, "--category is one of linear, spot"),
    (("data", "fetch", "--since", "2025-02-01", "--until", "2025-01-01"), 2, "is not before --until"),
    (("data", "fetch", "--since", "2025-01-01", "--minutes", "7"), 2, "no bars of 7 minutes"),
]


@pytest.mark.parametrize(("words", "code", "reason"), REFUSALS, ids=[" ".join(words) for words, *_ in REFUSALS])
def test_refusals(engines, words, code, reason):
    """A sentence and an exit code, no traceback."""
    told = call(*words)

    assert code == told.exit_code, told.output
    assert reason in " ".join(told.output.split())


SWEPT = [
    ("2025-01-01", "2026-01-02", 365, "1 window", "nothing is held back: the period holds 1 window of 365 days"),
    (
        "2024-01-01",
        "2025-06-01",
        365,
        "4 windows",
        "nothing is held back: 2 windows of 365 days could be, but all of them begin before",
    ),
    ("2025-01-01", "2025-04-02", 7, "2 windows", ""),
]


@pytest.mark.parametrize(
    ("since", "until", "days", "trained", "why"), SWEPT, ids=["one window", "all overlap", "enough"]
)
def test_a_sweep_says_in_words_when_nothing_is_held_back(engines, since, until, days, trained, why):
    """No column of nan: the column is there when something was held back, else a sentence says why not, in the document too."""
    words = (
        "sweep",
        "policy.insurance_drop=0.1,0.3",
        "--since",
        since,
        "--until",
        until,
        "--days",
        days,
        "--every",
        1440,
    )
    told, document = call(*words), json.loads(call(*words, "--json").stdout)

    assert 0 == told.exit_code, told.output
    assert trained in told.output
    assert "nan" not in told.output
    assert ("held back, " in told.output.splitlines()[1]) is not bool(why)
    assert why in " ".join(told.output.split())
    assert (document["nothing_held_back"] or "").startswith(why)
    assert all((row["test"] is None) is bool(why) for row in document["scores"])


def test_what_nobody_can_say_is_a_dash(engines, tmp_path):
    """Of a single day there is no Sharpe ratio, and nothing to divide by where the debt is more than the coin."""
    words = ("backtest", "--since", "2025-01-01", "--until", "2025-01-02", "--html", tmp_path / "day.html")
    day, lost = call(*words), call(*words, "--loan", 100_000, "--price", 50_000)

    assert [0, 0] == [day.exit_code, lost.exit_code]
    assert "Sharpe, Sortino, Calmar             –, –, –" in day.output
    assert "" == lost.stderr
    assert "-86,500 -> 0 USDT (– x)" in lost.output
    assert "distance to liquidation at the end  –" in lost.output
    assert "nan" not in day.output + lost.output
    page = (tmp_path / "day.html").read_text(encoding="utf-8")
    assert ">– x<" in page
    assert ">nan" not in page


def test_data_check_tells_the_sample():
    """Files, rows, holes."""
    told = call("data", "check")

    assert 0 == told.exit_code
    assert "51,925" in told.output
    assert "2024-07-25 00:00 to 2024-08-26 00:00 (768 missing)" in told.output


def test_a_window_that_is_not_whole_is_named(engines):
    """Only what the data holds is played; the others are said to be missing."""
    stage, missing = stress.scenes(engines, a_walk(1, 50), 100_000.0, normal_apr=0.15)

    assert {shape.name for shape in stress.SHAPES} == {scene.name for scene in stage}
    assert {window.name for window in stress.WINDOWS} == {window.name for window in missing}
    assert 0.35 == pytest.approx(next(scene for scene in stage if scene.name == "gap -35 %").worst)


def test_full_fidelity_bears_the_misfortunes_that_are_asked_for():
    """Half filled, turned down and late: more orders for the same wishes; without orders there is nothing to befall."""
    words = ("backtest", "--since", "2025-10-01", "--until", "2025-10-20", "--json")
    full = ("--fidelity", "full")
    calm, storm = (
        json.loads(call(*words, *full, *more).stdout)["runs"][0]
        for more in ((), ("--partial", 0.5, "--reject", 0.2, "--latency", 400, "--seed", 3))
    )

    assert calm == json.loads(call(*words, *full, "--every-tick").stdout)["runs"][0]
    assert storm["hedges"] >= calm["hedges"] > 0
    assert calm["orders"] < storm["orders"]
    assert (2, True) == (
        call(*words, "--reject", 0.2).exit_code,
        "say --fidelity full" in call(*words, "--reject", 0.2).output,
    )
    assert "say --fidelity full" in call(*words, "--every-tick").output
