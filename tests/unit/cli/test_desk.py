"""The desk's verbs, called as a person calls them; and what they must never tell."""

from __future__ import annotations

import http.server
import io
import json
import re
import tarfile
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bot.cli.command import app
from bot.cli.terminal import print_rows, print_sections
from bot.cli.top import picture
from bot.monitoring import present
from bot.monitoring.pulse import Vitals
from tests import past
from tests.build import a_view

CANARIES = {
    "HEDGELOCK__BYBIT__TESTNET_API_KEY": "canary-key-0123456789",
    "HEDGELOCK__BYBIT__TESTNET_API_SECRET": "canary-secret-9876543210",
    "HEDGELOCK__WEB__TOKEN": "canary-token-of-the-dashboard-1234",
    "HEDGELOCK__ALERTS__FIRST_URL": "tgram://123456:canary-of-telegram-01/42",
    "HEDGELOCK__ALERTS__SECOND_URL": "mailtos://me:canary-pass-77@mail.example/?from=a@b.example&to=c@d.example",
    "HEDGELOCK__TELEGRAM__TOKEN": "654321:canary-of-control-02",
    "HEDGELOCK__TELEGRAM__CHAT_IDS": "42",
    "HEDGELOCK__WEB__PORT": "1",
}


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("past") / "journal.sqlite"
    past.write(file)
    return file


@pytest.mark.parametrize("by", ["day", "leg", "cause"])
def test_pnl_adds_up(journal: Path, by: str) -> None:
    """What a script reads sums to the total, whichever way it is split."""
    result = CliRunner().invoke(app, ["pnl", "--by", by, "--file", str(journal), "--json"])
    told = json.loads(result.stdout)

    assert 0 == result.exit_code
    assert Decimal(told["total_usdt"]) == sum(Decimal(row["total_usdt"]) for row in told["rows"])


def test_pnl_is_a_table_for_a_person(journal: Path) -> None:
    """With a last line that is the total."""
    result = CliRunner().invoke(app, ["pnl", "--file", str(journal)])

    assert "interest" in result.stdout
    assert "total" in result.stdout.splitlines()[-1]


def test_a_person_reads_eight_decimals_of_an_amount(capsys: pytest.CaptureFixture[str]) -> None:
    """A gain over an average price has as many digits as Decimal keeps; the sum for scripts keeps them too."""
    print_rows([{"a": Decimal("423.8546999999999999999999874"), "b": Decimal("0E-8"), "c": Decimal("16200")}])

    assert ["423.8547", "0", "16200"] == capsys.readouterr().out.split()[-3:]


def test_rows_that_are_too_wide_are_sentences(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On eighty columns a decision is a line of names and values, not nine columns of four letters."""
    rows = [
        {
            "number": n,
            "at_ms": 1_760_000_000_000,
            "reason": "the gap is inside the no-trade band",
            "long_target_btc": "0.0510",
        }
        for n in (1, 2)
    ]
    monkeypatch.setenv("COLUMNS", "80")
    print_sections({"decisions": rows, "latch": {"since_ms of it": 1_760_000_000_000}})
    said = capsys.readouterr().out

    assert "number 1, at_ms 2025-10-09 08:53:20Z, reason the gap is inside" in said
    assert "since_ms of it  2025-10-09 08:53:20Z" in said

    monkeypatch.setenv("COLUMNS", "200")
    print_sections({"decisions": rows})
    assert "number  at_ms" in capsys.readouterr().out


def test_a_bundle_is_written_over_nothing_but_a_bundle(journal: Path, tmp_path: Path) -> None:
    """A folder keeps its mode (without it the daemon could not enter its own), a journal its records; each is said in a sentence."""
    tmp_path.chmod(0o755)
    before = journal.read_bytes()
    for out, said in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "b.tar.gz", "No such file"),
        (journal, "written over"),
    ):
        result = CliRunner().invoke(app, ["bundle", "--out", str(out), "--file", str(journal)], env=CANARIES)
        assert 1 == result.exit_code
        assert said in result.output

    assert 0o755 == tmp_path.stat().st_mode & 0o777
    assert before == journal.read_bytes()


def test_a_bundle_tells_much_and_no_secret(journal: Path, tmp_path: Path) -> None:
    """Canaries of every kind are set, one is written into the journal's neighbourhood of every file; none leaves."""
    out = tmp_path / "bundle.tar.gz"
    out.touch(mode=0o644)  # an older one
    result = CliRunner().invoke(app, ["bundle", "--out", str(out), "--file", str(journal)], env=CANARIES)
    with tarfile.open(out) as archive:
        files = {entry.name.rpartition("/")[2]: archive.extractfile(entry).read().decode() for entry in archive}  # type: ignore[union-attr]
    everything = "\n".join(files.values()) + result.output

    assert 0 == result.exit_code
    assert {
        "versions.json",
        "settings.json",
        "status.json",
        "journal-orders.json",
        "journal-notes.json",
    } <= files.keys()
    assert "the engine stood still" in files["journal-notes.json"]
    assert "********" in files["settings.json"]
    assert [] == re.findall(r"canary\S*", everything)
    assert 0o600 == out.stat().st_mode & 0o777


def test_top_shows_the_desk() -> None:
    """Mode, delta, rung, stale and unknown: one screen, from the same document as the dashboard's."""
    document = present.document(a_view(why="[bold]text of others[/]"), Vitals(up_s=1.0))
    document["market"]["stale"], document["funding"]["next_payment_usdt"] = True, None
    screen = Console(file=io.StringIO(), width=160)
    screen.print(picture(document, "NOT LIVE for 12 s: refused"))
    said = screen.file.getvalue()  # type: ignore[attr-defined]

    for wanted in (
        "TRADING",
        "[bold]text of others[/]",
        "51.7 %",
        "STALE",
        "unknown",
        "NOT LIVE for 12 s",
        "loop lag unknown",
    ):
        assert wanted in said


WELL = present.document(a_view(), Vitals(up_s=1.0))


def said_by_top(**changes: object) -> str:
    screen = Console(file=io.StringIO(), width=80)
    screen.print(picture(WELL | changes))
    return " ".join(screen.file.getvalue().split())  # type: ignore[attr-defined]


def test_top_knows_no_price_from_unknown() -> None:
    """Where no price liquidates that is good news; where nothing was reckoned it is not. Fees are paid in every line."""
    loan = WELL["loan"]

    assert "liq. below no price seen" in said_by_top()
    assert "liq. below unknown" in said_by_top(loan=loan | {"rung": "UNKNOWN"})
    assert "liq. below 61,578.00 USDT" in said_by_top(loan=loan | {"liquidation_down_usdt": "61578"})
    assert "fees -17.23 USDT" in said_by_top()
    assert {"-"} == {
        leg.split()[-1][0] for leg in re.findall(r"(?:long|short) 0\.\d+ [\d.,]+(?: -?[\d.,]+){4}", said_by_top())
    }


def test_top_says_what_stands_and_what_to_do() -> None:
    """The mode's first step once; every other alert and every tripped breaker with its own."""
    do = "Read the reason."
    breaker = {
        "name": "daily loss",
        "tripped": True,
        "figure": 0.31,
        "limit": 0.3,
        "unit": "of equity",
        "resets": "a person resumes",
    }
    standing = [
        {"kind": "halted", "severity": "critical", "title": "halted", "text": "t", "do": do},
        {"kind": "ltv", "severity": "warning", "title": "LTV 66.0%", "text": "t", "do": "Add collateral."},
    ]
    said = said_by_top(mode={"name": "HALTED", "why": "w", "do": do}, breakers=[breaker], alerts={"standing": standing})

    assert 1 == said.count(do)
    assert "breaker tripped: daily loss 31.0%, limit 30.0% of equity; resets when: a person resumes" in said
    assert "warning: LTV 66.0% t Add collateral." in said


def test_status_shows_its_token(tmp_path: Path) -> None:
    """A daemon with a token answers `status` as it answers `top`; the refusal says what is missing."""
    asked: list[str] = []

    class Guarded(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"] or "")
            self.send_response(200 if asked[-1] == "Bearer the-token-of-this-test-0123" else 401)
            self.end_headers()
            self.wfile.write(present.encode(WELL))

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        words = ["status", "--port", str(server.server_port)]
        shown = CliRunner().invoke(app, words, env={"HEDGELOCK__WEB__TOKEN": "the-token-of-this-test-0123"})
        refused = CliRunner().invoke(app, words)
        server.shutdown()

    assert (0, True) == (shown.exit_code, "TRADING" in shown.stdout)
    assert (1, True) == (
        refused.exit_code,
        "it wants its token, HEDGELOCK__WEB__TOKEN or the file" in " ".join(refused.output.split()),
    )


def test_top_says_when_nobody_answers() -> None:
    """And ends with 1, so that a script knows."""
    result = CliRunner().invoke(app, ["top", "--once", "--port", "1"])

    assert (1, True) == (result.exit_code, "no daemon answers" in result.output)


def test_alerts_need_a_channel() -> None:
    """The trial without one says what to set."""
    result = CliRunner().invoke(app, ["alerts", "test"])

    assert (3, True) == (result.exit_code, "HEDGELOCK__ALERTS__FIRST_URL" in result.output)
