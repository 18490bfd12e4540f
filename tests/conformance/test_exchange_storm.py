"""Everything goes wrong at once, a little; then a calm, in which every order's verdict must prove true."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from bot.domain.commands import ReadAccount
from bot.domain.events import AccountRead, OrderAnswered, ReadFailed
from bot.domain.legs import Act, Leg
from bot.domain.orders import Verdict
from tests.conformance.room import a_desk

pytestmark = pytest.mark.campaign

ORDERS = 12
QTY = D("0.002")
CLIMATE: list[tuple[str, dict[str, Any]]] = [
    ("request-lost", {"value": "close"}),
    ("request-lost", {"value": "hang"}),
    ("reply-lost", {"value": "close"}),
    ("reply-lost", {"value": "hang"}),
    ("reply-half", {}),
    ("request-late", {"ms": 3000}),
    ("request-doubled", {}),
    ("http-error", {}),
    ("http-error-accepted", {}),
    ("garbage", {"value": "html"}),
    ("garbage", {"value": "result-null"}),
    ("accepted-with", {}),
    ("refused-with", {}),
    ("rate-limited", {}),
    ("rows-shuffled", {}),
    ("row-dropped", {}),
    ("stale-read", {}),
    ("frame-dropped", {}),
    ("frame-doubled", {}),
    ("frame-late", {}),
    ("poison", {}),
    ("field-empty", {}),
]


@pytest.mark.parametrize("seed", [1, 2])
async def test_after_a_storm_every_verdict_was_true(seed: int) -> None:
    """Refused: the venue never had it. Accepted: it has it. Unknown: it can be found out. And nothing was executed twice."""
    rng = Random(seed)
    async with a_desk() as desk:
        for fault, how in CLIMATE:
            await desk.strikes(fault, p=0.04, **how)
        names = []
        for _ in range(ORDERS):
            names.append(await desk.place(rng.choice(list(Leg)), rng.choice(list(Act)), str(QTY)))
            desk.executor.submit(ReadAccount(why="storm", executions_since_ms=desk.clock.now_ms() - 3_600_000))
            await asyncio.sleep(0.3)
        answers = {name: await desk.answer(name) for name in names}
        await desk.calm()
        found = {name: await desk.sought(name) for name in names}
        last = await desk.reading()

    taken = {name for name in names if found[name].order is not None or found[name].executions}
    assert set() == {name for name in taken if answers[name].verdict is Verdict.REFUSED}
    assert set() == {name for name in names if answers[name].verdict is Verdict.ACCEPTED} - taken
    assert all(sum((row.qty for row in found[name].executions), D(0)) <= QTY for name in names)
    assert ORDERS == len(desk.box.of(OrderAnswered))
    assert isinstance(last, AccountRead)
    assert all(failed.reason for failed in desk.box.of(ReadFailed))
