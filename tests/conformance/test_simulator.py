"""The cards, played against the simulator over real sockets; each with a venue of its own."""

from __future__ import annotations

import pytest

from bot.simulator.main import SimulatorOptions, build
from tests.client import at
from tests.conformance.cards import CARDS, Card
from tests.conformance.desk import Desk


@pytest.mark.parametrize("card", CARDS, ids=[card.name for card in CARDS])
async def test_card(card: Card) -> None:
    """What holds for Bybit holds for its likeness."""
    async with build(SimulatorOptions(speed=10)).serving() as server, at(server.url) as client:
        desk = Desk(client, hand=True)
        await desk.tidy()
        await card.story(desk)
