"""Everything goes wrong at once, a little; then a calm, in which every order's verdict must prove true."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from random import Random

import pytest

from bot.domain.commands import ReadAccount
from bot.domain.events import AccountRead, OrderAnswered, ReadFailed
from bot.domain.legs import Act, Leg
from bot.domain.orders import Verdict
from tests.conformance.room import a_desk

ORDERS = 12
QTY = D("0.002")
PAUSE_S = 0.1
"""Between two orders, so that requests of several kinds overlap."""
PATIENCE_S = 60.0
"""For what the storm has left on its way; a bound, not a pace."""


@pytest.mark.parametrize("seed", [1, 2])
async def test_after_a_storm_every_verdict_was_true(seed: int) -> None:
    """Refused: the venue never had it. Accepted: it has it. Unknown: it can be found out. And nothing was executed twice."""
    rng = Random(seed)
    async with a_desk(seed=seed) as desk:
        await desk.client.sim("POST", "faults", plan="storm")
        names = []
        for _ in range(ORDERS):
            names.append(await desk.place(rng.choice(list(Leg)), rng.choice(list(Act)), str(QTY)))
            desk.executor.submit(ReadAccount(why="storm", executions_since_ms=desk.clock.now_ms() - 3_600_000))
            await asyncio.sleep(PAUSE_S)
        answers = {name: await desk.answer(name) for name in names}
        await desk.calm()
        assert await desk.executor.drain(PATIENCE_S)  # what was asked in the storm is answered in its manner
        found = {name: await desk.sought(name) for name in names}
        last = await desk.reading()

    taken = {name for name in names if found[name].order is not None or found[name].executions}
    assert set() == {name for name in taken if answers[name].verdict is Verdict.REFUSED}
    assert set() == {name for name in names if answers[name].verdict is Verdict.ACCEPTED} - taken
    assert all(sum((row.qty for row in found[name].executions), D(0)) <= QTY for name in names)
    assert ORDERS == len(desk.box.of(OrderAnswered))
    assert isinstance(last, AccountRead)
    assert all(failed.reason for failed in desk.box.of(ReadFailed))
