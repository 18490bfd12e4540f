"""The exchange room at work against a simulator of its own, and the hand that makes the venue misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal as D
from random import Random
from typing import Any

from bot.domain.clock import MarketClock
from bot.domain.commands import PlaceOrder, ReadAccount, SeekOrder
from bot.domain.events import (
    AccountRead,
    ChannelChanged,
    OrderAnswered,
    OrderSought,
    ReadFailed,
    TickerSeen,
)
from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce
from bot.exchange.budget import Budget
from bot.exchange.executor import Executor
from bot.exchange.hosts import Credentials, Hosts
from bot.exchange.market_stream import MarketStream
from bot.exchange.patience import Patience
from bot.exchange.private_stream import PrivateStream
from bot.exchange.reader import Reader
from bot.exchange.rest import Rest
from bot.exchange.socket import drive
from bot.simulator.accounts import PAPER_ACCOUNT
from bot.simulator.main import SimulatorOptions, build
from tests.client import Client, at
from tests.unit.exchange.scripted import Box

SPEED = 60.0
PATIENCE = Patience(
    request_timeout_s=2.0,
    read_attempts=1,
    ping_every_s=0.5,
    pong_deadline_s=1.0,
    auth_deadline_s=1.5,
    ack_deadline_s=1.0,
    stale_ticker_ms=1500,
    pulse_s=0.05,
    backoff_floor_s=0.05,
    backoff_cap_s=0.3,
)
CREATE = "POST /v5/order/create"


@dataclass
class Desk:
    """The room, working, and the hand that moves its venue."""

    client: Client
    executor: Executor
    box: Box
    clock: MarketClock
    orders: int = 0

    async def strikes(self, fault: str, **how: Any) -> None:
        await self.client.sim("POST", "faults", fault=fault, **how)

    async def calm(self) -> None:
        await self.client.sim("DELETE", "faults")

    async def place(
        self, leg: Leg, act: Act, qty: str, *, price: D | None = None, tif: TimeInForce = TimeInForce.IOC
    ) -> str:
        """Submit an order priced to trade; returns its name."""
        ticker: TickerSeen = await self.box.wait_for(TickerSeen)
        ticker = self.box.of(TickerSeen)[-1]
        buys = (leg is Leg.LONG) == (act is Act.GROW)
        self.orders += 1
        name = f"r1-{self.orders}-{leg.name}"
        self.executor.submit(
            PlaceOrder(
                order_link_id=name,
                symbol="BTCUSDT",
                leg=leg,
                act=act,
                qty=D(qty),
                limit_price=price or (ticker.last * D("1.01" if buys else "0.99")).quantize(D("0.1")),
                time_in_force=tif,
                decision=1,
            )
        )
        return name

    async def answer(self, name: str) -> OrderAnswered:
        return await self.box.wait_for(OrderAnswered, where=lambda event: event.order_link_id == name)  # type: ignore[no-any-return]

    async def sought(self, name: str) -> OrderSought:
        seen = len(self.box.of(OrderSought))
        self.executor.submit(SeekOrder(order_link_id=name, symbol="BTCUSDT", sent_ms=self.clock.now_ms()))
        return await self.box.wait_for(OrderSought, seen + 1)  # type: ignore[no-any-return]

    async def reading(self) -> AccountRead | ReadFailed:
        """The next answer to a request for a reading."""
        seen = len(self.box.of(AccountRead, ReadFailed))
        self.executor.submit(ReadAccount(why="test", executions_since_ms=self.clock.now_ms() - 86_400_000))
        async with asyncio.timeout(10):
            while len(found := self.box.of(AccountRead, ReadFailed)) == seen:
                await self.box.next()
        return found[seen]  # type: ignore[no-any-return]


@asynccontextmanager
async def a_desk(
    *faults: tuple[str, dict[str, Any]], patience: Patience = PATIENCE, streams: bool = True, seed: int = 1
) -> AsyncIterator[Desk]:
    """A venue with the seed's book, and the room connected to it; `faults` are at work before it connects."""
    async with (
        build(SimulatorOptions(speed=SPEED, seed=seed)).serving() as server,
        at(server.url) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for fault, how in faults:
            await client.sim("POST", "faults", fault=fault, **how)
        ws_url = server.url.replace("http", "ws", 1)
        hosts = Hosts(rest_url=server.url, public_ws_url=ws_url, private_ws_url=ws_url)
        credentials = Credentials(api_key=PAPER_ACCOUNT.api_key, api_secret=PAPER_ACCOUNT.api_secret)
        clock = MarketClock(origin_ms=(await client.sim("GET", "clock"))["market_ms"], rate=SPEED)
        box, rest = Box(), Rest(hosts, credentials, budget=Budget(), patience=patience)
        reader = Reader(rest, clock, symbol="BTCUSDT", rng=Random(1), patience=patience)
        executor = Executor(rest, reader, box, clock, patience=patience)
        market = MarketStream(symbol="BTCUSDT", bar_minutes=5, patience=patience)
        private = PrivateStream(symbol="BTCUSDT", credentials=credentials, server_ms=rest.server_ms, patience=patience)
        async with rest:
            running = [tasks.create_task(executor.run())]
            running += [
                tasks.create_task(drive(stream, url, box, rng=Random(number), patience=patience))
                for number, (stream, url) in enumerate([(market, hosts.public_stream), (private, hosts.private_stream)])
                if streams
            ]
            if streams and not faults:
                await box.wait_for(ChannelChanged, 2, where=lambda event: event.up)
            yield Desk(client, executor, box, clock)
            for task in running:
                task.cancel()
            await asyncio.wait(running)
