"""What the kill switch says to whoever typed something wrong: a tired hand in the night must not have to guess what was meant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "kill_switch.py"
NOWHERE = "http://127.0.0.1:9"


def typed(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *words, "--home", str(home)]
    return subprocess.run(command, env={"TMPDIR": str(home)}, capture_output=True, text=True, timeout=60, check=False)


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
