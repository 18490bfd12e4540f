"""A day for an engine, the same each time, and the crowd that attacks its window: `python -m tests.inert PORT CLIENTS TOKEN`.

The crowd: a third never finish their request line, a third listen to the stream and never read, a third drip headers; a closed one knocks
again. Beside them a fuzzer asks whatever comes to mind, as fast as it is answered. They have the token that reads: it lets them cost more.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from bot.domain.commands import Command, PlaceOrder, ReadAccount
from bot.domain.events import (
    Channel,
    ChannelChanged,
    Event,
    ExecutionSeen,
    OperatorAsked,
    OrderAnswered,
    OrderSeen,
    Started,
    Ticked,
    Verb,
)
from bot.domain.legs import Leg
from bot.domain.orders import Verdict
from bot.engine.engine import Engine
from tests.unit.engine.desk import NOW_MS, a_history, a_reading, a_row, a_ticker, an_execution

BEAT_MS = 500
REHEDGE_EVERY = 40
PATHS = (
    *(
        "/",
        "/health",
        "/metrics",
        "/api/v1/status",
        "/api/v1/stream",
        "/api/v1/history?points=2000",
        "/api/v1/pnl?by=day",
    ),
    *(
        "/api/v1/what-if",
        "/api/v1/fills?limit=500",
        "/api/v1/decisions/1",
        "/api/v1/decisions?limit=-1",
        "/static/../web.py",
    ),
    *("/api/v1/history?from_ms=9&to_ms=x", "/%00", "/api/v1/verbs/flatten", "/" + "a" * 9_000),
)


class Day:
    """Feeds one engine: prices on every beat, an answer to every question, a fill to every order. Draws only from `rng`."""

    def __init__(self, engine: Engine, rng: Random) -> None:
        self._engine, self._rng = engine, rng
        self._price, self._fills = 116_000.0, 0
        self.now_ms = NOW_MS
        self._due: list[Event] = []

    def opening(self) -> Iterator[Event]:
        yield Started(run="r1", version="0", mode="paper", settings_hash="")
        yield a_history(0.026)
        yield from (ChannelChanged(channel=channel, up=True, reason="connected") for channel in Channel)
        yield a_ticker(at_ms=self.now_ms)

    def beat(self, number: int) -> Iterator[Event]:
        """The events of one beat; what the last one asked for comes first."""
        self.now_ms += BEAT_MS
        due, self._due = self._due, []
        yield from due
        self._price *= 1 + self._rng.gauss(0, 0.0002)
        yield a_ticker(f"{self._price:.1f}", self.now_ms)
        if number % REHEDGE_EVERY == 0:
            yield OperatorAsked(verb=Verb.REHEDGE, reason="the clock", who="test")
        yield Ticked()

    def hear(self, commands: Sequence[Command]) -> None:
        """Prepare what the venue would answer on the next beat."""
        for command in commands:
            match command:
                case PlaceOrder():
                    self._fills += 1
                    fill = an_execution(f"e{self._fills}", command, exec_ms=self.now_ms)
                    link = command.order_link_id
                    self._due += [
                        OrderAnswered(order_link_id=link, verdict=Verdict.ACCEPTED, code=0, reason=""),
                        ExecutionSeen(execution=fill),
                        OrderSeen(order=a_row(command, "Filled", str(fill.qty))),
                    ]
                case ReadAccount():
                    self._due.append(self._reading())

    def _reading(self) -> Event:
        legs = self._engine.state.ledger.legs
        opened = self._engine.state.ledger.is_open
        long, short = (str(legs[leg].qty) if opened else "0.213" for leg in (Leg.LONG, Leg.SHORT))
        read = a_reading(long, short)
        return replace(read, reading=replace(read.reading, asked_ms=self.now_ms))


async def crowd(port: int, clients: int, token: str) -> None:
    """Attack until killed; says `knocking` once every client has knocked."""
    knocked = [asyncio.Event() for _ in range(clients)]
    async with asyncio.TaskGroup() as tasks:
        for number, event in enumerate(knocked):
            tasks.create_task(_slow(port, number, event, token))
        for event in knocked:
            await event.wait()
        tasks.create_task(_fuzz(port, Random(1), token))
        sys.stdout.write("knocking\n")
        sys.stdout.flush()


async def _slow(port: int, number: int, knocked: asyncio.Event, token: str) -> None:
    begin = (
        b"GET /api/v1/status HT",
        f"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode(),
        b"GET / HTTP/1.1\r\n",
    )
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            writer.write(begin[number % 3])
            knocked.set()
            for _ in range(20):
                await asyncio.sleep(0.5)
                writer.write(b"X" if number % 3 == 2 else b"")
                if writer.is_closing():
                    break
            writer.close()
        knocked.set()
        await asyncio.sleep(0.5)


async def _fuzz(port: int, rng: Random, token: str) -> None:
    methods = ("GET", "HEAD", "POST", "PUT", "DELETE", "\x00", "GET " * 50)
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                lines = f"{rng.choice(methods)} {rng.choice(PATHS)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
                lines += f"Authorization: Bearer {token}\r\n"
                writer.write(lines.encode() + rng.randbytes(rng.randrange(40)) + b"\r\n\r\n")
                await reader.read(65_536)
                writer.close()
        await asyncio.sleep(0.002)


if __name__ == "__main__":
    asyncio.run(crowd(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
