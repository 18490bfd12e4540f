"""`hedgelock fleet status` against real servers on loopback."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bot.cli.command import app
from bot.premises import reading_token
from tests.unit.monitoring.conftest import TOKEN, Open


async def fleet(*words: str, env: dict[str, str] | None = None) -> Result:
    return await asyncio.to_thread(
        CliRunner().invoke, app, ["fleet", "status", *words], env={"A_TOKEN": TOKEN, **(env or {})}
    )


async def test_two_daemons_are_two_rows(open_desk: Open) -> None:
    """Names in the order they were given, figures as each daemon tells them, exit code 0 where both trade."""
    first, second = await open_desk(), await open_desk()

    told = await fleet(f"alice={first.url('')}", second.url("/"), "--json", "--token", "env:A_TOKEN")

    rows = json.loads(told.stdout)
    assert 0 == told.exit_code, told.output
    assert ["alice", f"127.0.0.1:{second.web.doors.port}"] == [row["name"] for row in rows]
    assert [("TRADING", True), ("TRADING", True)] == [(row["mode"], row["well"]) for row in rows]
    _, text = await first.get("/api/v1/status")
    assert json.loads(text)["book"]["delta_btc"] == rows[0]["delta_btc"]


async def test_one_that_is_away_is_a_row_too(open_desk: Open) -> None:
    """Unknown is a word, not a zero; and a script hears it by the exit code."""
    desk = await open_desk()

    told = await fleet(f"here={desk.url('')}", "away=http://127.0.0.1:1", "--token", "env:A_TOKEN")

    assert 1 == told.exit_code
    here, away = (line for line in told.stdout.splitlines() if line.split()[0] in ("here", "away"))
    assert "TRADING" in here
    assert "unavailable" in away  # its figures
    assert "refused" in away


async def test_a_token_is_named_in_the_file_and_shown_to_nobody(open_desk: Open, tmp_path: Path) -> None:
    """Each daemon has its own; a wrong one is that row's trouble alone."""
    desk = await open_desk()
    secret, fleet_file = tmp_path / "token", tmp_path / "fleet.txt"
    secret.write_text(f"{TOKEN}\n")
    secret.chmod(0o600)
    fleet_file.write_text(
        f"# my daemons\nright {desk.url('')} file:{secret}\nenv {desk.url('')} env:A_TOKEN\nnone {desk.url('')}\n"
    )

    told = await fleet("--file", str(fleet_file), "--json")

    rows: list[dict[str, Any]] = json.loads(told.stdout)
    assert 1 == told.exit_code
    assert [True, True, False] == [row["well"] for row in rows]
    assert rows[2]["why"].startswith("it answered 401: it wants its token")
    assert TOKEN not in told.output


async def test_a_token_that_is_not_to_be_had_hides_no_other_row(open_desk: Open, tmp_path: Path) -> None:
    """One daemon's missing variable or file left nothing to be seen of all the others; a file that others may read is no secret."""
    desk = await open_desk()
    open_to_all, fleet_file = tmp_path / "token", tmp_path / "fleet.txt"
    open_to_all.write_text(TOKEN)
    open_to_all.chmod(0o644)
    named = ("env:A_TOKEN", "env:NOT_THERE", f"file:{tmp_path}/none", f"file:{open_to_all}")
    fleet_file.write_text("".join(f"d{n} {desk.url('')} {token}\n" for n, token in enumerate(named)))

    told = await fleet("--file", str(fleet_file), "--json")

    rows: list[dict[str, Any]] = json.loads(told.stdout)
    assert (1, [True, False, False, False]) == (told.exit_code, [row["well"] for row in rows])
    assert "the variable NOT_THERE holds no token" in rows[1]["why"]
    assert "No such file" in rows[2]["why"]
    assert "mode 0644" in rows[3]["why"]


async def test_the_daemon_of_this_folder_needs_no_token_named(open_desk: Open, tmp_path: Path) -> None:
    """Its token lies beside its journal; no other address is shown it."""
    journal = tmp_path / "journal.sqlite"
    token = reading_token(journal)
    own, other = await open_desk(token=token), await open_desk(token=token)
    settings = {"HEDGELOCK__WEB__PORT": str(own.web.doors.port), "HEDGELOCK__JOURNAL__PATH": str(journal)}

    told = await fleet(own.url(""), other.url(""), "--json", env=settings)

    assert [True, False] == [row["well"] for row in json.loads(told.stdout)]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "no daemon is named"),
        (("ftp://a.example",), 3, "no address"),
        (("http://me:secret@a.example",), 3, "no password"),
        (("http://127.0.0.1:1", "--token", "the-token-itself"), 3, "env:VARIABLE"),
        (("--file", "not-there.txt"), 3, "cannot be read"),
    ],
)
async def test_what_makes_no_sense_is_told(words: tuple[str, ...], code: int, says: str) -> None:
    """Before anybody is asked."""
    told = await fleet(*words)

    assert (code, True) == (told.exit_code, says in told.output), told.output
    assert "secret" not in told.output
    assert "the-token-itself" not in told.output
