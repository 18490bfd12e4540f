"""A relay between a daemon's streams and its venue that makes them loud: `python -m tests.loud VENUE_WS_URL`.

It says where it listens. Each line it reads, `{"per_s": 1000, "seconds": 10}`, is a burst beside the true frames, and answered when it is
over with how many left. Four in five are changes of the ticker, as a wild market sends them; the others are what the private stream has
said before, said again: positions and wallets that did not change, executions that were heard already.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

STEP_S = 0.01
PRIVATE_SHARE = 0.2


class Relay:
    """Passes every frame on, and remembers what a louder venue would say again."""

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._public: ServerConnection | None = None
        self._private: ServerConnection | None = None
        self._said: deque[str] = deque(maxlen=50)
        self._ticker: tuple[int, float] = (0, 0.0)
        """Market time of the last true ticker, and our clock then."""
        self._number = 0

    async def serve(self, daemon: ServerConnection) -> None:
        assert daemon.request is not None
        path = daemon.request.path
        try:
            async with connect(self._venue + path, proxy=None) as venue, asyncio.TaskGroup() as tasks:
                if "private" in path:
                    self._private = daemon
                else:
                    self._public = daemon
                tasks.create_task(_pass_on(daemon, venue))
                async for frame in venue:
                    self._hear(str(frame))
                    await daemon.send(frame)
        except* ConnectionClosed:
            pass

    def _hear(self, text: str) -> None:
        frame = json.loads(text)
        topic = str(frame.get("topic", ""))
        if topic.startswith("tickers."):
            self._ticker = (int(frame["ts"]), time.monotonic())
        elif topic.partition(".")[0] in ("position", "wallet", "execution"):
            self._said.append(text)

    async def burst(self, per_s: float, seconds: float) -> dict[str, Any]:
        """Be loud; what could not leave in time because it was not taken is not counted."""
        began_s, sent = time.monotonic(), 0
        while (since_s := time.monotonic() - began_s) < seconds:
            while sent < per_s * since_s:
                await self._say(sent)
                sent += 1
            await asyncio.sleep(STEP_S)
        return {"sent": sent, "seconds": time.monotonic() - began_s}

    async def _say(self, number: int) -> None:
        if number % round(1 / PRIVATE_SHARE) == 0 and self._private is not None and self._said:
            await self._private.send(self._said[number % len(self._said)])
        elif self._public is not None:
            await self._public.send(self._change())

    def _change(self) -> str:
        self._number += 1
        at_ms = self._ticker[0] + round((time.monotonic() - self._ticker[1]) * 1000)
        data = {"symbol": "BTCUSDT", "bid1Size": f"{self._number % 97 + 1}.5"}
        return json.dumps({"topic": "tickers.BTCUSDT", "type": "delta", "data": data, "cs": self._number, "ts": at_ms})


async def _pass_on(daemon: ServerConnection, venue: Any) -> None:
    async for frame in daemon:
        await venue.send(frame)


async def main(venue: str) -> None:
    relay = Relay(venue)
    async with serve(relay.serve, "127.0.0.1", 0, compression=None) as server:
        _tell({"listening": f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"})
        while line := await asyncio.to_thread(sys.stdin.readline):
            _tell(await relay.burst(**json.loads(line)))


def _tell(fact: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
