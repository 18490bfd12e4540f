"""The names of our orders: written and read in one place, and never twice, whatever was copied."""

from __future__ import annotations

import re

import pytest

from bot import premises
from bot.domain.legs import Act, Leg
from bot.domain.names import Named, is_of, is_strange, link_id, parsed, place_of, run_name

RUN = run_name(1_764_400_000_000, "0a1b2c3d4e")


@pytest.mark.parametrize(
    ("leg", "act", "end"),
    [
        (Leg.LONG, Act.GROW, "Lg"),
        (Leg.LONG, Act.SHRINK, "Ls"),
        (Leg.SHORT, Act.GROW, "Sg"),
        (Leg.SHORT, Act.SHRINK, "Ss"),
    ],
)
def test_what_is_written_is_read(leg: Leg, act: Act, end: str) -> None:
    """Run and number come back; Bybit takes 36 signs."""
    link = link_id(RUN, 123_456_789, leg, act)

    assert link.endswith(f"-123456789{end}")
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,36}", link)
    assert Named(RUN, 123_456_789) == parsed(link)


@pytest.mark.parametrize(
    "link",
    [
        "", "kill-19a1b2c3d4e5f-1", "hedge-1Lg", f"{RUN}-0Lg", f"{RUN}-01Lg", f"{RUN}-1", f"{RUN}-1Lx", f"x{RUN}-1Lg",
        f"{RUN}-1Lg\n", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "x-ccxt3f2504e04f89", f"{RUN.upper()}-1Lg", f"{RUN}-1234567890Lg",
    ],
)  # fmt: skip
def test_another_hands_name_is_not_ours(link: str) -> None:
    """A person, the app, the kill switch, another program."""
    assert parsed(link) is None
    assert not is_strange(link, {})


def test_a_journal_of_an_earlier_version_keeps_its_numbers() -> None:
    """Runs then ended in six digits: what such a run sent is its journal's own, not another daemon's."""
    link = "hmek3x9qa0b1c2d-12Sg"

    assert Named("hmek3x9qa0b1c2d", 12) == parsed(link)
    assert not is_strange(link, {"hmek3x9qa0b1c2d": 12})


def test_strange_is_what_was_not_given_out() -> None:
    """A run that is not here, or a number beyond the last; an earlier number never."""
    issued = {RUN: 5}

    assert not is_strange(f"{RUN}-5Lg", issued)
    assert is_strange(f"{RUN}-6Lg", issued)
    assert is_strange(f"{run_name(1, '0a1b2c3d4e')}-1Lg", issued)
    assert is_of(f"{RUN}-6Lg", issued, "0a1b")
    assert not is_of(f"{RUN}-6Lg", issued, "0a1c")
    assert not is_of(f"{run_name(1, '0a1b2c3d4e')}-1Lg", issued, "0a1b")


def test_copies_of_a_machine_name_their_runs_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same moment, the same process id, the same pool of random bytes: another network card is another name."""
    monkeypatch.setattr(premises, "wall_ms", lambda: 1_764_400_000_000)
    monkeypatch.setattr(premises, "elapsed_s", lambda: 12.5)
    monkeypatch.setattr("os.urandom", lambda count: bytes(count))
    monkeypatch.setattr(premises.Path, "read_text", lambda _self: "the same")
    monkeypatch.setattr(premises, "getnode", lambda: 1)
    here = premises.Path("/somewhere/journal.sqlite")
    one, again = premises.new_run_name(here), premises.new_run_name(here)
    assert premises.place(here) == place_of(one)
    assert place_of(one) != premises.place(here.with_name("copy") / here.name)
    monkeypatch.setattr(premises, "getnode", lambda: 2)
    assert place_of(one) != premises.place(here)

    assert one == again  # nothing else is left to chance in this test
    assert one != premises.new_run_name(here)
    assert parsed(f"{one}-1Lg") is not None
