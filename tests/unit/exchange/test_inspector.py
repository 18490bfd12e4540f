"""What the preflight looks at, over real sockets: an answer that says nothing, and rows that are none of our business."""

from __future__ import annotations

from decimal import Decimal as D
from random import Random

from bot.exchange.inspector import Inspector
from tests.unit.exchange.rows import a_leg
from tests.unit.exchange.scripted import QUICK, a_room, body, page


async def test_what_a_page_does_not_tell_is_left_out_and_the_rest_stands() -> None:
    """A list of collateral without BTC ended the whole look, with an error that nobody caught."""
    async with a_room() as room:
        room.venue.say("/v5/account/collateral-info", page({"currency": "ETH"}, {"odd": 1}))
        room.venue.say("/v5/spot-margin-trade/get-auto-repay-mode", body({"data": [{"odd": 1}]}))
        stranger = {"symbol": "ETHUSDT", "positionIdx": "", "size": None}
        room.venue.say("/v5/position/list", page(stranger, a_leg(2) | {"leverage": "20"}, a_leg(1)))
        room.venue.say("/v5/order/realtime", page())

        seen = await Inspector(room.rest, room.clock, symbol="BTCUSDT", rng=Random(1), patience=QUICK).inspect()

        assert None is seen.btc_is_collateral
        assert "makes no sense" in seen.failed["collateral"]
        assert ((D(25), D(20)), False) == (seen.leverage, seen.flat)
