"""What the kill switch says to whoever typed something wrong: a tired hand in the night must not have to guess what was meant."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bot.premises import tell_whereabouts

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "kill_switch.py"
NOWHERE = "http://127.0.0.1:9"


def typed(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *words, "--home", str(home)]
    set_ = {f"HEDGELOCK__{name}": text for name, text in settings.items()}
    return subprocess.run(
        command, env={"TMPDIR": str(home), **set_}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        *((("--give-up", text), f"argument --give-up: '{text}' is no number of seconds") for text in ("-5", "nan", "inf", "soon")),
        (("--ban-wait", "-1"), "argument --ban-wait: '-1' is no number of seconds"),
        *(
            (("--host", text), "argument --host: a host is https://NAME")
            for text in ("nonsense", "api.bybit.com", "ftp://x", "https://", "https://x:port", "https://x/v5", "https://x?a=b", "https://u:word@x")
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_not_taken(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    """Five seconds of the past gave up before the first order, and a host that is none was asked for ever; nothing is done with either."""
    ended = typed(tmp_path, "freeze", "--yes", "--mode", "paper", "--host", NOWHERE, "--give-up", "0.1", *words)

    assert 2 == ended.returncode
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "word" not in ended.stderr
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("host", ["http://127.0.0.1:9/", "https://nowhere.invalid", "http://[::1]:9"])
def test_a_host_is_taken_as_it_is_typed(host: str, tmp_path: Path) -> None:
    assert (
        f"freeze on paper, {host.rstrip('/')}, BTCUSDT" in typed(tmp_path, "freeze", "--dry-run", "--host", host).stdout
    )


def test_the_help_tells_how_long_it_tries(tmp_path: Path) -> None:
    told = " ".join(typed(tmp_path, "--help").stdout.split())

    assert "stop trying after S seconds (default: 0, never)" in told


def typeable(said: str) -> list[list[str]]:
    """The commands that are suggested, as a shell would take them apart."""
    return [shlex.split(command) for command in said.rstrip().partition("Type: ")[2].split("\n  or: ")]


@pytest.mark.parametrize("wrong", [("--mode", "nosuch"), ("--mode=nosuch",), ("--mod", "nosuch"), ()])
def test_who_must_say_which_account_gets_commands_to_type(wrong: tuple[str, ...], tmp_path: Path) -> None:
    """ "--mode nosuch --mode MODE" was suggested: typed, it was refused again."""
    (home := tmp_path / "a b").mkdir()
    (home / ".env").write_text("HEDGELOCK__MODE=wrong\n")

    commands = typeable(typed(home, "freeze", *wrong, "--dry-run", "--host", NOWHERE).stdout)

    assert ["paper", "testnet", "demo", "mainnet"] == [command[-1] for command in commands]
    for command in commands:
        assert [str(SCRIPT), "freeze", "--dry-run", "--host", NOWHERE, "--home", str(home), "--mode"] == command[:-1]
    again = subprocess.run(
        [sys.executable, *commands[0]], env={}, capture_output=True, text=True, timeout=60, check=False
    )
    assert "freeze on paper" in again.stdout


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_an_env_that_is_no_file_is_told_and_stops_nothing(kind: str, tmp_path: Path) -> None:
    """The daemon refuses it. Here what else is known is enough, or what is missing is said; a link was no .env, and paper was taken."""
    env = tmp_path / ".env"
    match kind:
        case "folder":
            env.mkdir()
        case "link":
            env.symlink_to("nowhere")
        case _:
            os.mkfifo(env)
    said = f"{env} is there and no file: what is set there is not read"
    go = ("freeze", "--yes", "--host", NOWHERE, "--give-up", "0.1")

    unknown = typed(tmp_path, *go)
    keyless = typed(tmp_path, *go, "--mode", "testnet")
    asked = typed(tmp_path, *go, "--mode", "paper")

    for ended in (unknown, keyless, asked):
        assert (2, True) == (ended.returncode, said in ended.stdout), ended
    assert "no mode can be read" in unknown.stdout
    assert "TESTNET_API_KEY is not to be had" in keyless.stdout
    assert "freeze on paper" in asked.stdout
    assert {"paper", "testnet"} == {latch.parent.name for latch in tmp_path.glob("var/*/halt.latch")}

    journal = tmp_path / "var" / "paper" / "journal.sqlite"
    tell_whereabouts(journal, NOWHERE, "paper", journal.with_name("halt.latch"))
    assert f"freeze on paper, {NOWHERE}" in (by_the_daemon := typed(tmp_path, *go)).stdout
    assert said in by_the_daemon.stdout


def test_a_file_that_is_named_and_not_there_is_told(tmp_path: Path) -> None:
    """The daemon refuses that name; here nothing was said, and paper was taken."""
    ended = typed(tmp_path, "freeze", "--yes", "--host", NOWHERE, "--give-up", "0.1", ENV_FILE="keys.env")

    assert 2 == ended.returncode
    assert f"no mode can be read ({tmp_path}/keys.env is not there: what is set there is not read)" in ended.stdout
