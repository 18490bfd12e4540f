"""The same cards on Bybit testnet, by hand: `BYBIT_TESTNET_KEY=… BYBIT_TESTNET_SECRET=… scripts/test -m testnet`.

The account needs a few hundred USDT and no positions worth keeping; cards that need a hand are skipped.
"""

from __future__ import annotations

import os

import pytest

from tests.client import at
from tests.conformance.cards import CARDS, Card
from tests.conformance.desk import Desk

KEY, SECRET = os.environ.get("BYBIT_TESTNET_KEY", ""), os.environ.get("BYBIT_TESTNET_SECRET", "")
REST, STREAM = "https://api-testnet.bybit.com", "wss://stream-testnet.bybit.com"

pytestmark = [pytest.mark.testnet, pytest.mark.skipif(not KEY, reason="BYBIT_TESTNET_KEY is not set")]


@pytest.mark.parametrize("card", [card for card in CARDS if not card.needs_hand], ids=lambda card: card.name)
async def test_card(card: Card) -> None:
    """What holds for the likeness must hold for Bybit."""
    async with at(REST, key=KEY, secret=SECRET) as client:
        desk = Desk(client, ws_url=STREAM)
        await desk.tidy()
        await card.story(desk)
        await desk.tidy()
