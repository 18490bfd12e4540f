"""What the simulator's face costs: the tape, a signed request, and a second of serving the daemon's topics.

    python -m bench.venue_face [--seconds 5] [--speed 240]

The last figure is the share of one core that the server and one listening client together use in this process: an upper bound for both.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import time
from itertools import islice

import aiohttp

from bot.domain.clock import elapsed_s, wall_ms
from bot.simulator.accounts import PAPER_ACCOUNT
from bot.simulator.envelope import RestRequest
from bot.simulator.main import SimulatorOptions, build

TOPICS = ("tickers.BTCUSDT", "kline.1.BTCUSDT")
WINDOW = "1000000000"
QUERY = "category=linear&symbol=BTCUSDT"


def tape_rate(ticks: int) -> float:
    """Ticks a second out of the tape, played into venue and history."""
    server = build(SimulatorOptions())
    started = elapsed_s()
    for tick in islice(server.player.source.due(10**15), ticks):
        server.venue.step(tick)
        server.history.on_tick(tick)
    return ticks / (elapsed_s() - started)


def request_rate(count: int) -> float:
    """Signed position reads a second without a socket, their wall time far enough apart that no quota is met."""
    server = build(SimulatorOptions(paused=True))
    stamp = str(wall_ms())
    text = f"{stamp}{PAPER_ACCOUNT.api_key}{WINDOW}{QUERY}"
    headers = {
        "X-BAPI-API-KEY": PAPER_ACCOUNT.api_key,
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": WINDOW,
        "X-BAPI-SIGN": hmac.new(PAPER_ACCOUNT.api_secret.encode(), text.encode(), hashlib.sha256).hexdigest(),
    }
    asked = RestRequest(method="GET", path="/v5/position/list", query=QUERY, headers=headers)
    started = elapsed_s()
    for number in range(count):
        answer = server.rest.answer(asked, int(stamp) + number * 30)
        assert answer.body.startswith('{"retCode":0'), answer.body
    return count / (elapsed_s() - started)


async def serving_share(seconds: float, speed: float) -> tuple[float, int]:
    """(share of a core, messages) while one client listens to what the daemon listens to."""
    heard = 0
    async with (
        build(SimulatorOptions(speed=speed)).serving() as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(server.url + "/v5/public/linear") as socket,
    ):
        await socket.send_json({"op": "subscribe", "args": list(TOPICS)})
        began, cpu = elapsed_s(), time.process_time()
        while elapsed_s() - began < seconds:
            await socket.receive()
            heard += 1
        return (time.process_time() - cpu) / (elapsed_s() - began), heard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--speed", type=float, default=240.0)
    options = parser.parse_args()
    print(f"tape into venue and history   {tape_rate(60_000):>10,.0f} ticks/s")
    print(f"signed position reads          {request_rate(3_000):>10,.0f} requests/s, without sockets")
    share, heard = asyncio.run(serving_share(options.seconds, options.speed))
    print(
        f"serving at speed {options.speed:g}           {share:>10.1%} of a core, {heard / options.seconds:.0f} messages/s"
    )


if __name__ == "__main__":
    main()
