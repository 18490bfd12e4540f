"""The kill switch's first steps on a machine in trouble: what cannot be read, written or said must not keep it from the exchange."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest

from bot import wiring
from bot.domain.clock import elapsed_s
from bot.journal.locks import hold
from bot.premises import account_lock, tell_whereabouts
from bot.settings import load
from scripts.kill import latch, world
from scripts.kill.plan import Verb

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "kill_switch.py"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a paper daemon; no setting and no lock of this machine's own."""
    for name in [name for name in os.environ if name.startswith("HEDGELOCK")]:
        monkeypatch.delenv(name)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "home" / "var").mkdir(parents=True)
    return tmp_path / "home"


def found(home: Path, mode: str | None = None) -> world.World:
    return world.find(home=home, env_file=None, mode=mode, hosts=(NOWHERE,), latch=None)


@pytest.mark.parametrize(
    ("lies", "takes"),
    [("share/hedgelock/scripts", "bin/python"), ("scripts", ".venv/bin/python")],
    ids=["wheel", "clone"],
)
def test_typed_by_its_path_it_takes_the_python_that_has_what_it_needs(lies: str, takes: str, tmp_path: Path) -> None:
    """The first line of the file names the machine's own, which has neither pybit nor us; nobody thinks of that in the night."""
    script, python = tmp_path / lies / SCRIPT.name, tmp_path / takes
    script.parent.mkdir(parents=True)
    script.write_bytes(SCRIPT.read_bytes())
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)

    bare = [sys.executable, "-S", str(script), "freeze", "--yes"]
    said = subprocess.run(bare, env={}, capture_output=True, text=True, check=False)

    assert f"{script} freeze --yes\n" == said.stdout, said.stderr


def test_a_latch_that_cannot_even_be_looked_for_is_a_complaint(tmp_path: Path) -> None:
    """A folder of another user, a disk that answers nothing: looking fails as writing does."""
    beyond = tmp_path / ("x" * 300) / "halt.latch"

    closed, complaints = latch.close([beyond, tmp_path / "halt.latch"], Verb.FLATTEN, "why")

    assert [str(tmp_path / "halt.latch")] == closed
    assert 1 == len(complaints)
    assert "stop the daemon by hand" in complaints[0]


def test_a_lock_file_of_another_hand_neither_holds_it_up_nor_names_a_file_to_overwrite(home: Path) -> None:
    """Anybody may write into the machine's folder for temporary files."""
    lock = account_lock(NOWHERE, world.PAPER_KEY)
    lock.parent.mkdir()
    precious = home / "precious"

    lock.write_bytes(b"1\n/\xff\xfe\n")
    assert home / "var/paper/halt.latch" in found(home).latches
    lock.write_text(f"1\n{precious}\n")
    assert precious not in found(home).latches
    lock.unlink()
    os.mkfifo(lock)
    assert (home / "var/paper/halt.latch",) == found(home).latches
    lock.unlink()
    lock.write_text(f"1\n{home / 'elsewhere' / 'halt.latch'}\n")
    assert home / "elsewhere" / "halt.latch" in found(home).latches


def test_a_disk_that_takes_nothing_hides_no_latch(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Full, and Python knows no folder for temporary files; hung, and it never comes back. The lock lies there all the same."""
    lock = account_lock(NOWHERE, world.PAPER_KEY)
    lock.parent.mkdir()
    lock.write_text(f"1\n{home / 'elsewhere' / 'halt.latch'}\n")

    def hangs(*_: object) -> NoReturn:
        raise AssertionError("written where a disk may hang")

    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._get_default_tempdir", hangs)

    assert home / "elsewhere" / "halt.latch" in found(home).latches


def test_a_mark_of_the_editor_before_a_key_or_a_setting_is_passed_over(home: Path) -> None:
    """The daemon reads such files: the hand that closes its legs must too."""
    (home / "key").write_bytes(b"\xef\xbb\xbfkey\n")
    (home / "secret").write_bytes(b"\xef\xbb\xbfsecret\n")
    lines = [
        "HEDGELOCK__MODE=testnet",
        f"HEDGELOCK__BYBIT__TESTNET_API_KEY_FILE={home / 'key'}",
        f"HEDGELOCK__BYBIT__TESTNET_API_SECRET_FILE={home / 'secret'}",
    ]
    (home / ".env").write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode())

    here = found(home)

    assert ("testnet", "key", "secret") == (here.mode, here.api_key, here.api_secret)


@pytest.mark.parametrize(
    ("said", "apart"),
    [
        ("", None),
        ("STRUCTURE=auto", None),
        ("STRUCTURE=crypto_loan", True),
        ("STRUCTURE=uta", False),
        ("ENABLED=false", False),
    ],
)
def test_pledged_coin_counts_where_it_counts_for_the_daemon(said: str, apart: bool | None, home: Path) -> None:
    """Else one of them would close what the other one calls the hedge."""
    (home / ".env").write_text(f"HEDGELOCK__LOAN__{said}\n" if said else "")

    rules = wiring.engine_config(load(env_file=home / ".env", environ={}).settings, 1.0).loan

    assert apart is found(home).loan_apart
    assert (apart is not False) == rules.may_hold_btc


def test_a_key_that_is_no_text_is_named(home: Path) -> None:
    (home / "key").write_bytes(b"\xff\xfe\x00k")
    (home / ".env").write_text(f"HEDGELOCK__MODE=testnet\nHEDGELOCK__BYBIT__TESTNET_API_KEY_FILE={home / 'key'}\n")

    with pytest.raises(world.CannotKnow, match="TESTNET_API_KEY is not to be had"):
        found(home)


@pytest.mark.parametrize(
    ("closed", "words", "code"),
    [
        ("<&-", (), 1),
        (">&-", ("--dry-run",), 2),
        (">&- 2>&-", ("--dry-run", "--json"), 2),
        ("<&- >&- 2>&-", ("--yes", "--give-up", "1"), 2),
    ],
)
def test_without_a_terminal_the_exit_code_still_tells(
    closed: str, words: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    """A supervisor may hand it no stdin, no stdout, no stderr."""
    command = (
        f"exec {sys.executable} {SCRIPT} --home {tmp_path} --mode paper --host {NOWHERE} {' '.join(words)} {closed}"
    )

    ended = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert code == ended.returncode, ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    (gone := tmp_path / "gone").mkdir()
    command = f"rmdir {gone}; exec {sys.executable} {SCRIPT} --dry-run --host {NOWHERE} --env-file /nowhere/.env"

    ended = subprocess.run(["sh", "-c", command], cwd=gone, capture_output=True, text=True, timeout=60)

    assert 2 == ended.returncode, ended.stderr
    assert "--home DIR" in ended.stdout


def test_a_folder_whose_name_is_no_text_is_named_as_well_as_it_can_be(tmp_path: Path) -> None:
    """The line that names it was lost, and the one that says that the latch is closed."""
    os.mkdir(home := os.fsencode(tmp_path) + b"/caf\xe9")
    command = [sys.executable, str(SCRIPT), "freeze", "--yes", "--give-up", "1", "--mode", "paper", "--host", NOWHERE]

    strict = dict(os.environ) | {"PYTHONIOENCODING": "utf-8:strict"}
    ended = subprocess.run([*command, "--home", home], env=strict, capture_output=True, text=True, timeout=60)

    assert 2 == ended.returncode, ended.stderr
    assert f"latch closed: {tmp_path}/caf\\udce9/var/paper/halt.latch" in ended.stdout


@pytest.mark.parametrize("by", [signal.SIGHUP, signal.SIGINT])
def test_from_the_latch_on_a_terminal_that_closes_stops_nothing_and_ctrl_c_is_told(
    by: signal.Signals, tmp_path: Path
) -> None:
    """Loading the exchange's client takes longer than closing a window."""
    command = [sys.executable, str(SCRIPT), "freeze", "--yes", "--give-up", "3", "--mode", "paper", "--host", NOWHERE]
    process = subprocess.Popen(
        [*command, "--home", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    while "latch closed" not in (line := process.stdout.readline()):
        assert line, "it ended before the latch was closed"
    began_s = elapsed_s()

    process.send_signal(by)
    words = process.communicate(timeout=60)[0]

    assert "Traceback" not in words
    assert process.returncode in (1, 2)
    assert ("UNKNOWN" in words) or ("NOT DONE" in words)
    if by is signal.SIGHUP:
        assert elapsed_s() - began_s > 3


def test_a_terminal_that_is_held_does_not_hold_it(tmp_path: Path) -> None:
    """Ctrl-S, by a tired hand: what is said waits, what is done does not."""
    ours, theirs = os.openpty()
    termios.tcflow(theirs, termios.TCOOFF)
    command = [sys.executable, str(SCRIPT), "freeze", "--yes", "--give-up", "1", "--mode", "paper", "--host", NOWHERE]

    process = subprocess.Popen([*command, "--home", str(tmp_path)], stdout=theirs, stderr=theirs)
    try:
        assert 2 == process.wait(30)
    finally:
        process.kill()
        termios.tcflow(theirs, termios.TCOON)
        os.close(theirs)
        os.close(ours)
    assert (tmp_path / "var/paper/halt.latch").exists()


def test_a_stdout_that_nobody_reads_does_not_keep_back_the_exit_code(tmp_path: Path) -> None:
    """A full pipe to a program that is stuck: the account is seen to, the last line may be lost, the code may not."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with suppress(BlockingIOError):
        while True:
            os.write(theirs, b"x" * 4096)
    os.set_blocking(theirs, True)
    command = [sys.executable, str(SCRIPT), "freeze", "--json", "--yes", "--give-up", "1", "--mode", "paper"]

    process = subprocess.Popen([*command, "--host", NOWHERE, "--home", str(tmp_path)], stdout=theirs)
    try:
        assert 2 == process.wait(30)
    finally:
        process.kill()
        os.close(theirs)
        os.close(ours)


@pytest.mark.parametrize(("words", "latched"), [(("--yes",), True), (("--yes", "--dry-run"), False), ((), False)])
def test_without_a_key_the_daemon_is_stopped_all_the_same(
    words: tuple[str, ...], latched: bool, tmp_path: Path
) -> None:
    """Its latch asks no exchange: who closes the legs by hand does not do it against a daemon that goes on."""
    (tmp_path / ".env").write_text("HEDGELOCK__MODE=testnet\n")

    ended = subprocess.run(
        [sys.executable, str(SCRIPT), *words, "--home", str(tmp_path)], capture_output=True, text=True, timeout=60
    )

    assert 2 == ended.returncode
    assert "TESTNET_API_KEY is not to be had" in ended.stdout
    assert latched is (tmp_path / "var/testnet/halt.latch").exists()
    assert latched is ("latch closed" in ended.stdout)


def test_a_daemon_of_another_account_that_runs_here_is_named(home: Path) -> None:
    """Started with --mode beside an .env that says another one: "done" would be about the wrong account."""
    journal = home / "var" / "mainnet" / "journal.sqlite"
    journal.parent.mkdir()
    tell_whereabouts(journal, "https://api.bybit.com", "mainnet", journal.with_name("halt.latch"))
    (home / ".env").write_text("HEDGELOCK__MODE=paper\n")

    assert () == found(home).warnings
    with hold(journal.with_suffix(".lock"), "the journal"):
        assert ["a daemon of mainnet runs here"] == [words[:29] for words in found(home).warnings]
        key = "HEDGELOCK__BYBIT__MAINNET_API_"
        (home / ".env").write_text(f"HEDGELOCK__MODE=mainnet\n{key}KEY=k\n{key}SECRET=s\n")
        assert () == found(home).warnings


DAEMON = """
import sys
from pathlib import Path
from bot.journal.locks import hold
from bot.premises import tell_whereabouts
journal = Path(sys.argv[1])
with hold(journal.with_suffix(".lock"), "the journal"):
    tell_whereabouts(journal, "http://127.0.0.1:9", sys.argv[2], journal.with_name("halt.latch"))
    print("runs", flush=True)
    sys.stdin.read()
"""


@contextmanager
def a_daemon(home: Path, mode: str, *words: str, **settings: str) -> Iterator[Path]:
    """A process that holds a journal's lock and says so beside it, as the daemon does; what it was started with stands nowhere else."""
    journal = home / "var" / mode / "journal.sqlite"
    outer = dict(os.environ) | {f"HEDGELOCK__{name}": text for name, text in settings.items()}
    command = [sys.executable, "-c", DAEMON, str(journal), mode, *words]
    process = subprocess.Popen(
        command, cwd=home, env=outer | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert b"runs\n" == process.stdout.readline()
        yield journal
    finally:
        process.communicate()


KEYS = {"BYBIT__MAINNET_API_KEY": "k", "BYBIT__MAINNET_API_SECRET": "s"}


def seek(home: Path, **more: Path) -> world.World:
    return world.find(home=home, env_file=more.get("env_file"), mode=None, hosts=(), latch=None)


def test_what_only_the_running_daemon_was_told_is_read_from_it(home: Path) -> None:
    """systemd's EnvironmentFile, a container's settings: paper was taken for its world, and "no paper venue is known" was the end."""
    with a_daemon(home, "mainnet", MODE="mainnet", BOOK__SPOT_SOURCE="fixed", BOOK__FIXED_SPOT_BTC="0.27", **KEYS):
        here = seek(home)

    assert ("mainnet", "k", "s", "0.27") == (here.mode, here.api_key, here.api_secret, str(here.fixed_spot))
    assert (home / "var/mainnet/halt.latch",) == here.latches
    assert any("no setting says which account" in words and "mainnet" in words for words in here.warnings)


def test_a_file_that_is_named_wins_over_the_running_daemon_and_it_over_a_file_that_is_not(home: Path) -> None:
    (home / ".env").write_text("HEDGELOCK__MODE=mainnet\nHEDGELOCK__BYBIT__MAINNET_API_KEY=old\n")
    (named := home / "named.env").write_text("HEDGELOCK__BYBIT__MAINNET_API_KEY=new\n")

    with a_daemon(home, "mainnet", **KEYS):
        assert "k" == seek(home).api_key
        assert "new" == seek(home, env_file=named).api_key


@pytest.mark.parametrize("words", [("--env-file", "config/own.env"), ("--env-file=x", "--env-file=config/own.env")])
def test_the_file_that_the_running_daemons_command_line_names_is_read(words: tuple[str, ...], home: Path) -> None:
    """`hedgelock run --env-file config/mainnet.env`, and no .env: its key was not to be had."""
    (home / "config").mkdir()
    (home / "config/own.env").write_text("".join(f"HEDGELOCK__{name}={text}\n" for name, text in KEYS.items()))

    with a_daemon(home, "mainnet", *words):
        here = seek(home)

    assert ("mainnet", "k", "s") == (here.mode, here.api_key, here.api_secret)


def test_a_pipe_that_the_daemon_has_read_is_not_waited_at(home: Path) -> None:
    """`--env-file <(decrypt settings)`: who wrote it is gone, and what is missing is told."""
    os.mkfifo(home / "settings")

    with a_daemon(home, "mainnet", "--env-file", "settings"), pytest.raises(world.CannotKnow, match="is not to be had"):
        seek(home)


def test_a_number_in_a_lock_file_is_not_believed(home: Path) -> None:
    """A volume of a container has the number of a process there; here another one has it."""
    with a_daemon(home, "mainnet", **KEYS) as journal:
        journal.with_suffix(".lock").write_text(f"{os.getppid()}\n\n")
        with pytest.raises(world.CannotKnow, match="MAINNET_API_KEY is not to be had") as failed:
            seek(home)

    assert (home / "var/mainnet/halt.latch",) == failed.value.latches
    assert ("--env-file FILE",) == failed.value.again


def test_the_last_daemon_is_believed_and_of_two_none_is_chosen(home: Path) -> None:
    with a_daemon(home, "testnet"):
        pass
    with pytest.raises(world.CannotKnow, match="TESTNET_API_KEY is not to be had"):
        seek(home)
    with a_daemon(home, "mainnet", **KEYS):
        assert "mainnet" == seek(home).mode
    with pytest.raises(world.CannotKnow, match=r"no mode can be read .*testnet.*mainnet") as failed:
        seek(home)
    assert () == failed.value.latches


def test_of_two_that_run_both_are_halted_and_the_command_is_told(home: Path) -> None:
    with a_daemon(home, "testnet"), a_daemon(home, "mainnet"):
        command = [sys.executable, str(SCRIPT), "--yes", "--home", str(home)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert 2 == ended.returncode
    assert ended.stdout.rstrip().endswith(
        "Type: " + "\n  or: ".join(f"{SCRIPT} --yes --home {home} --mode {mode}" for mode in ("testnet", "mainnet"))
    )
    assert (home / "var/testnet/halt.latch").exists()
    assert (home / "var/mainnet/halt.latch").exists()


def test_a_folder_without_a_daemon_says_what_to_name(home: Path) -> None:
    with pytest.raises(world.CannotKnow, match="--env-file FILE") as failed:
        seek(home)
    assert () == failed.value.latches


def test_a_key_file_is_looked_for_from_the_daemons_folder(home: Path) -> None:
    """As the daemon does, wherever this is typed."""
    for name in ("KEY", "SECRET"):
        (home / name).write_text(name.lower())
    files = "".join(f"HEDGELOCK__BYBIT__TESTNET_API_{name}_FILE={name}\n" for name in ("KEY", "SECRET"))
    (home / ".env").write_text(f"HEDGELOCK__MODE=testnet\n{files}")

    assert ("key", "secret") == (seek(home).api_key, seek(home).api_secret)


def test_another_key_than_the_running_daemons_is_told(home: Path) -> None:
    (home / ".env").write_text("HEDGELOCK__MODE=mainnet\n" + "".join(f"HEDGELOCK__{n}={v}\n" for n, v in KEYS.items()))
    with a_daemon(home, "mainnet") as journal:
        for key, told in (("k", False), ("another", True)):
            lock = account_lock("http://127.0.0.1:9", key)
            with hold(lock, "the account", note=str(journal.with_name("halt.latch"))):
                assert told is any("another account" in words for words in seek(home).warnings)
