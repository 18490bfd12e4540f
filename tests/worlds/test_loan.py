"""Loans in seeded worlds: whatever is lost on the way, a payment reaches the lender once or never, and everybody knows which."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from bot.domain.loan import Structure
from bot.simulator.faults import Injection
from tests.worlds import weather
from tests.worlds.lending import KILLS, LoanWorld, a_climate

D = Decimal
BOTH = (Structure.UTA, Structure.CRYPTO_LOAN)


def live(world: LoanWorld) -> LoanWorld:
    world.run()
    world.after_the_calm()
    return world


def fair(**changes: object) -> weather.Climate:
    climate = weather.Climate(latency_ms=20, skew_ms=0)
    climate.name, climate.sigma = "fair", 0.00002
    for name, value in changes.items():
        setattr(climate, name, value)
    return climate


@pytest.mark.parametrize("structure", BOTH)
def test_a_payment_on_a_quiet_day(structure: Structure) -> None:
    """An operator asks twice; the debt falls by both payments, and each bears its number behind the cents."""
    world = live(LoanWorld(11, structure=structure, asks=2, climate=fair(), storm_ms=300_000))

    assert world.paid() > 0
    assert [1, 2] == [int(amount * 1_000_000) % 10_000 for amount in world._repayments()]


@pytest.mark.parametrize("structure", BOTH)
@pytest.mark.parametrize("kill", KILLS)
def test_dying_between_any_two_steps_pays_once(structure: Structure, kill: str) -> None:
    """The process dies at one point of the chain; the next run finishes the payment, or proves that it never was and plans anew."""
    if structure is Structure.UTA and kill.startswith("Transfer"):
        pytest.skip("nothing is transferred inside one account")
    world = live(LoanWorld(5, structure=structure, asks=1, kill=kill, climate=fair(), storm_ms=240_000))

    assert 1 == sum(world.marks[mark] for mark in world.marks if mark.startswith("killed at "))
    assert len(world._repayments()) <= 1


@pytest.mark.parametrize("structure", BOTH)
def test_the_answer_to_a_repayment_is_lost(structure: Structure) -> None:
    """No answer is not a refusal: the history is asked, and nothing is sent again."""
    lost = [Injection(fault="reply-lost", match="repay", p=1.0, value="close")]
    world = live(LoanWorld(7, structure=structure, asks=1, climate=fair(injections=lost), storm_ms=240_000))

    assert len(world._repayments()) == 1


@pytest.mark.parametrize("apart_ms", [61_000, 3_600_000, -61_000, -3_600_000], ids="{:+d} ms".format)
@pytest.mark.parametrize("lost", [False, True], ids=["answered", "unanswered"])
@pytest.mark.parametrize("structure", BOTH)
def test_a_repayment_is_found_by_the_venues_own_clock(structure: Structure, lost: bool, apart_ms: int) -> None:
    """Its row bears the venue's date. Looked for from our own sending on, by a clock that is ahead, it was never found, answered or not,
    and nothing else was ever paid."""
    injections = [Injection(fault="reply-lost", match="repay", p=1.0, value="close")] if lost else []
    climate = fair(injections=injections, skew_ms=apart_ms)
    world = live(LoanWorld(7, structure=structure, asks=1, climate=climate, storm_ms=240_000))

    assert len(world._repayments()) == 1


def test_a_transfer_that_takes_its_time_is_waited_for() -> None:
    """PENDING is not SUCCESS: the repayment leaves when the coin has arrived, once."""
    world = LoanWorld(9, structure=Structure.CRYPTO_LOAN, asks=1, climate=fair(), storm_ms=300_000)
    world.venue.set_rules(replace(world.venue.state.rules, transfer_delay_ms=45_000))
    live(world)

    assert len(world._repayments()) == 1


def test_the_refused_window_is_waited_out() -> None:
    """Inside hh:04:00-hh:05:30 nothing is even tried; the same wish is paid when the window has passed."""
    world = LoanWorld(3, structure=Structure.UTA, asks=0, climate=fair(), storm_ms=600_000)
    into_the_window = (4 * 60_000 + 10_000 - world.now % 3_600_000) % 3_600_000
    world.storm_ends = world.now + into_the_window + 400_000
    world.ends = world.storm_ends + 330_000
    world.at(world.now + into_the_window, lambda: world._ask_to_repay(D(400), 0))
    live(world)

    paid = [row for row in world.account.log if row.type == "REPAY"]
    assert len(paid) == 1
    assert paid[0].at_ms % 3_600_000 >= 5 * 60_000 + 30_000


def any_life(seed: int) -> None:
    """A life of which everything is drawn."""
    rng = Random(seed)
    kill = rng.choice(("", "", *KILLS))
    live(LoanWorld(seed, structure=BOTH[seed % 2], kill=kill, climate=a_climate(rng), storm_ms=420_000))


@pytest.mark.parametrize("seed", range(30))
def test_worlds_with_loan_faults(seed: int) -> None:
    """Two structures, drawn misfortunes, deaths anywhere."""
    any_life(seed)


@pytest.mark.parametrize("seed", [5300, 5372, 5448, 5564, 5984])
def test_worlds_that_were_broken_once(seed: int) -> None:
    """A payment planned on a debt from before the last one never ended; what an ended order heard again did not survive a restart."""
    any_life(seed)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("block", range(10))
def test_many_worlds_with_loan_faults(block: int) -> None:
    """The same, a hundred to a block."""
    for seed in range(1000 + block * 100, 1100 + block * 100):
        any_life(seed)
