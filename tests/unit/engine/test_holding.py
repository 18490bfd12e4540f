"""The coin that is held: believed when a wallet has said so for long enough, or when executions tell of it."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.engine.holding import Holding

NOW_MS, LEASE_MS = 1_760_000_000_000, 15_000
RULES = {"least": D("0.001"), "believed_after_ms": LEASE_MS}


def held(qty: str = "0.27") -> Holding:
    holding = Holding()
    see(holding, qty)
    return holding


def see(holding: Holding, qty: str, after_ms: int = 0) -> D | None:
    """A wallet shows this; what is believed then."""
    holding.see(D(qty), NOW_MS + after_ms, **RULES)  # type: ignore[arg-type]
    return holding.qty


def explain(holding: Holding, change: str, after_ms: int = 0) -> D | None:
    """Executions tell of a change; what is believed then."""
    holding.explain(D(change), NOW_MS + after_ms, **RULES)  # type: ignore[arg-type]
    return holding.qty


STORIES = {  # what wallets show, and when, and what is believed then
    "a change is believed after a lease": [("0.20", 0, "0.27"), ("0.20", 14_999, "0.27"), ("0.20", 15_000, "0.20")],
    "another change waits anew": [("0.20", 0, "0.27"), ("0.19", 15_000, "0.27"), ("0.19", 29_999, "0.27"), ("0.19", 30_000, "0.19")],
    "so does one that came back": [("0.20", 0, "0.27"), ("0.27", 5_000, "0.27"), ("0.20", 16_000, "0.27"), ("0.20", 31_000, "0.20")],
    "a rumour that hardly moves is the same": [("0.20", 0, "0.27"), ("0.2009", 8_000, "0.27"), ("0.2009", 15_000, "0.2009")],
    "a rumour a whole step away is another": [("0.20", 0, "0.27"), ("0.201", 8_000, "0.27"), ("0.201", 15_000, "0.27")],
    "less than a step is taken at once": [("0.2709", 0, "0.2709")],
    "a whole step is not": [("0.271", 0, "0.27")],
    "nothing is a holding like any other": [("0", 0, "0.27"), ("0", 15_000, "0")],
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_what_wallets_show(name: str) -> None:
    """A read may lag and show yesterday's wallet: a hedge that followed it would trade to and fro."""
    holding = held()

    for qty, after_ms, believed in STORIES[name]:
        assert D(believed) == see(holding, qty, after_ms)


def test_a_change_that_executions_told_of_is_believed_with_the_first_wallet_that_shows_it() -> None:
    """Two purchases, one wallet; what it shows beside them is a rumour again."""
    holding = held()
    explain(holding, "0.06")
    explain(holding, "0.04", 5_000)

    assert D("0.37") == see(holding, "0.37", 6_000)
    assert D("0.37") == see(holding, "0.47", 7_000)


@pytest.mark.parametrize(("after_ms", "believed"), [(15_000, "0.17"), (15_001, "0.27")])
def test_what_executions_told_longer_ago_than_a_read_may_lag_explains_nothing(after_ms: int, believed: str) -> None:
    """It has been shown since; a wallet that falls by as much now falls for another reason."""
    holding = held()
    explain(holding, "-0.1")

    assert D(believed) == see(holding, "0.17", after_ms)


@pytest.mark.parametrize(("after_ms", "believed"), [(15_000, "0.07"), (15_001, "0.17")])
def test_nor_does_it_add_to_what_they_tell_now(after_ms: int, believed: str) -> None:
    """Only of one lease: the wallet of a second sale shows the first as well, or does not."""
    holding = held()
    explain(holding, "-0.1")
    explain(holding, "-0.1", after_ms)

    assert D(believed) == see(holding, believed, after_ms + 1)


def test_a_wallet_that_was_quicker_than_its_executions_is_believed_when_they_come() -> None:
    """They come by another road. What they do not tell of waits on."""
    quick, other = held(), held()
    assert D("0.27") == see(quick, "0.37") == see(other, "0.36")

    assert D("0.37") == explain(quick, "0.1", 100)
    assert D("0.27") == explain(other, "0.1", 100)


def test_a_step_beside_what_executions_tell_is_not_what_they_tell() -> None:
    """To less than a step, and no further."""
    near, beside = held(), held()
    explain(near, "0.1")
    explain(beside, "0.1")

    assert D("0.3709") == see(near, "0.3709")
    assert D("0.27") == see(beside, "0.371")


def test_an_unchanged_wallet_does_not_end_what_executions_have_told() -> None:
    """It lags; the next one shows it."""
    holding = held()
    explain(holding, "0.1")

    assert D("0.27") == see(holding, "0.27", 1_000)
    assert D("0.37") == see(holding, "0.37", 2_000)


def test_what_an_earlier_run_believed_gives_way_to_the_first_wallet() -> None:
    """Nobody knows how long it was ago."""
    holding = held()
    see(holding, "0.20", 1_000)
    holding.forget()

    assert D("0.31") == see(holding, "0.31", 2_000)
    assert D("0.31") == see(holding, "0.20", 16_001)
