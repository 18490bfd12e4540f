"""The driver of streams, on real sockets: it comes back from anything, and never gives up."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidURI

from bot.domain.errors import SetUp
from bot.domain.events import BadInput, Channel, ChannelChanged, Event, TickerSeen
from bot.exchange.hosts import Credentials
from bot.exchange.market_stream import MarketStream
from bot.exchange.patience import Patience
from bot.exchange.private_stream import PrivateStream
from bot.exchange.socket import delays_s, drive, why_again
from bot.exchange.stream import Stream
from tests.unit.exchange.frames import NOW_MS, ack, kline, pong_public, snapshot
from tests.unit.exchange.scripted import KEY, SECRET, Box

QUICK = Patience(
    open_timeout_s=0.5,
    close_timeout_s=0.2,
    ping_every_s=0.5,
    pong_deadline_s=1.0,
    auth_deadline_s=1.0,
    ack_deadline_s=1.0,
    stale_ticker_ms=1000,
    stale_kline_ms=20_000,
    pulse_s=0.02,
    backoff_floor_s=0.01,
    backoff_cap_s=0.05,
)
PATIENT = replace(QUICK, open_timeout_s=60.0, pong_deadline_s=60.0, ack_deadline_s=60.0, stale_ticker_ms=60_000)
"""For what is told of one connection: a machine that is busy for a second would have it dropped."""

Talk = Callable[["Side"], Awaitable[None]]


@dataclass
class Side:
    """The venue's side of one connection."""

    connection: ServerConnection
    number: int
    heard: list[str] = field(default_factory=list)

    async def hear(self) -> dict[str, Any]:
        text = str(await self.connection.recv())
        self.heard.append(text)
        return json.loads(text)  # type: ignore[no-any-return]

    async def say(self, *frames: str) -> None:
        for text in frames:
            await self.connection.send(text)

    async def consent(self, requests: int = 2) -> None:
        """Acknowledge the next requests."""
        for _ in range(requests):
            await self.hear()
            await self.say(ack(self.heard[-1]))

    async def behave(self) -> None:
        """Tickers ten times a second, a candle, and a pong for every ping."""
        await self.consent()
        await self.say(kline(NOW_MS - NOW_MS % 300_000, confirm=False))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.answer_pings())
            for number in itertools.count():
                await self.say(snapshot(ts=NOW_MS + number * 100))
                await asyncio.sleep(0.02)

    async def answer_pings(self) -> None:
        while True:
            if (await self.hear())["op"] == "ping":
                await self.say(pong_public)


def a_market(kind: type[MarketStream] = MarketStream, patience: Patience = QUICK) -> MarketStream:
    return kind(symbol="BTCUSDT", bar_minutes=5, patience=patience)


def a_private_stream() -> PrivateStream:
    credentials = Credentials(api_key=KEY, api_secret=SECRET)
    return PrivateStream(symbol="BTCUSDT", credentials=credentials, server_ms=lambda: NOW_MS, patience=QUICK)


@asynccontextmanager
async def driven(*talks: Talk, stream: Stream | None = None, patience: Patience = QUICK) -> AsyncIterator[Box]:
    """A stream driven against a venue that behaves as the talks say, one per connection; the last one stays."""
    connections = itertools.count()

    async def handle(connection: ServerConnection) -> None:
        number = next(connections)
        try:
            await talks[min(number, len(talks) - 1)](Side(connection, number))
        except* ConnectionClosed:
            pass

    box = Box()
    async with serve(handle, "127.0.0.1", 0, compression=None) as server:
        url = f"ws://127.0.0.1:{port_of(server)}/v5/public/linear"
        task = asyncio.create_task(drive(stream or a_market(), url, box, rng=Random(1), patience=patience))
        try:
            yield box
        finally:
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()


def port_of(server: Server) -> int:
    return next(iter(server.sockets)).getsockname()[1]  # type: ignore[no-any-return]


async def behave(side: Side) -> None:
    await side.behave()


async def test_a_stream_comes_up_and_brings_prices() -> None:
    async with driven(behave) as box:
        up = await box.wait_for(ChannelChanged)
        await box.wait_for(TickerSeen, 3)

    assert (Channel.PUBLIC, True) == (up.channel, up.up)


async def close(side: Side) -> None:
    await side.consent()


async def abort(side: Side) -> None:
    await side.consent(1)
    side.connection.transport.abort()


async def refuse_a_topic(side: Side) -> None:
    await side.hear()
    await side.say(ack(side.heard[-1], ok=False, said="Params Error"))
    await side.connection.wait_closed()


async def answer_nothing(side: Side) -> None:
    await side.connection.wait_closed()


async def fall_silent(side: Side) -> None:
    await side.consent()
    await side.say(snapshot(), kline(NOW_MS - NOW_MS % 300_000, confirm=False))
    await side.connection.wait_closed()


async def only_pongs(side: Side) -> None:
    """The path lives, the feed is dead."""
    await side.consent()
    await side.say(snapshot(), kline(NOW_MS - NOW_MS % 300_000, confirm=False))
    await side.answer_pings()


async def oversized(side: Side) -> None:
    await side.say("x" * (QUICK.max_frame_bytes + 1))
    await side.connection.wait_closed()


async def garbage(side: Side) -> None:
    await side.consent()
    while True:
        await side.say("garbage")
        await asyncio.sleep(0.001)


DOWNS = [
    ("closes", close, "closed"),
    ("aborts", abort, ""),
    ("refuses a topic", refuse_a_topic, "refused"),
    ("answers no subscription", answer_nothing, "no answer|no pong"),
    ("falls silent", fall_silent, "no pong|silent"),
    ("goes on ponging without data", only_pongs, "silent"),
    ("sends an oversized frame", oversized, ""),
    ("sends nothing but garbage", garbage, "unusable"),
]


@pytest.mark.parametrize(("does", "talk", "why"), DOWNS, ids=[case[0] for case in DOWNS])
async def test_whatever_the_venue_does_the_stream_says_down_and_comes_back(does: str, talk: Talk, why: str) -> None:
    """Each fault ends the connection with its reason; the next connection subscribes to everything again."""
    async with driven(talk, behave) as box:
        down = await box.wait_for(ChannelChanged, where=lambda event: not event.up)
        await box.wait_for(ChannelChanged, where=lambda event: event.up)
        await box.wait_for(TickerSeen, 2)

    assert any(word in down.reason for word in why.split("|")), down.reason


SELDOM = replace(QUICK, pulse_s=30.0)
"""Deadlines are looked at so seldom that whoever waits for it is late."""


async def test_a_fault_that_a_frame_brings_is_not_left_for_the_pulse() -> None:
    async with driven(refuse_a_topic, behave, patience=SELDOM) as box, asyncio.timeout(10):
        down = await box.wait_for(ChannelChanged)

    assert "refused" in down.reason


async def test_what_a_frame_calls_for_is_said_before_the_pulse() -> None:
    """The private stream asks for its topics as soon as it is known."""

    async def consent(side: Side) -> None:
        await side.consent(5)
        await side.answer_pings()

    async with driven(consent, stream=a_private_stream(), patience=SELDOM) as box, asyncio.timeout(10):
        assert (await box.wait_for(ChannelChanged)).up


POURED = kline(NOW_MS - NOW_MS % 300_000, confirm=False)


async def pour_without_tickers(side: Side) -> None:
    await side.consent()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(side.answer_pings())
        await pour(side, POURED)


async def pour_without_pongs(side: Side) -> None:
    await side.consent()
    await pour(side, snapshot(), POURED)


async def pour(side: Side, *frames: str) -> None:
    """Much quicker than the pulse."""
    while True:
        await side.say(*frames)
        await asyncio.sleep(0.001)


POURS = [
    (pour_without_tickers, replace(QUICK, pulse_s=0.2, ping_every_s=60.0), "tickers.BTCUSDT silent"),
    (pour_without_pongs, replace(QUICK, pulse_s=0.2, stale_ticker_ms=60_000), "no pong"),
]


@pytest.mark.parametrize(("talk", "patience", "why"), POURS, ids=["no tickers", "no pongs"])
async def test_deadlines_are_kept_however_much_arrives(talk: Talk, patience: Patience, why: str) -> None:
    stream = MarketStream(symbol="BTCUSDT", bar_minutes=5, patience=patience)
    async with driven(talk, stream=stream, patience=patience) as box, asyncio.timeout(10):
        down = await box.wait_for(ChannelChanged, where=lambda event: not event.up)

    assert why in down.reason


async def test_the_pulse_costs_no_frame() -> None:
    """Thousands of pulses fall on thousands of frames: each arrives, once, in order."""
    moments = range(NOW_MS, NOW_MS + 5_000)

    async def count(side: Side) -> None:
        await side.consent()
        for number, at_ms in enumerate(moments):
            await side.say(snapshot(ts=at_ms))
            if number % 10 == 0:
                await asyncio.sleep(0)
        await side.answer_pings()

    often = replace(PATIENT, pulse_s=0.0001)
    async with driven(count, stream=a_market(patience=often), patience=often) as box:
        await box.wait_for(TickerSeen, len(moments))

    assert list(moments) == [seen.at_ms for seen in box.of(TickerSeen)]


async def test_a_venue_that_takes_nothing_is_dropped() -> None:
    """It sends prices, so it is not silent; but nothing that we say would reach it."""

    class Talkative(MarketStream):
        def tick(self, now_s: float) -> list[str]:
            return [*super().tick(now_s), "x" * 1_000_000]

    async def listen_to_nothing(side: Side) -> None:
        await side.consent()
        side.connection.transport.pause_reading()
        await pour(side, snapshot(), POURED)

    async with driven(listen_to_nothing, stream=a_market(Talkative)) as box, asyncio.timeout(10):
        down = await box.wait_for(ChannelChanged, where=lambda event: not event.up)

    assert "timed out" in down.reason


async def test_a_venue_that_is_away_is_tried_until_it_is_back() -> None:
    """Twenty refusals are one piece of news, and the next attempt counts."""

    async def turn_away(side: Side) -> None:
        side.connection.transport.abort()

    async with driven(*[turn_away] * 20, behave) as box:
        up = await box.wait_for(ChannelChanged, 2)

    assert (2, True) == (len(box.of(ChannelChanged)), up.up)


async def test_nobody_listening_is_no_reason_to_stop() -> None:
    """The address answers nothing for a while: the task lives on."""
    box = Box()
    task = asyncio.create_task(drive(a_market(), "ws://127.0.0.1:9", box, rng=Random(1), patience=QUICK))

    down = await box.wait_for(ChannelChanged)
    await asyncio.sleep(0)
    still_trying = not task.done()
    task.cancel()
    await asyncio.wait({task})

    assert (False, True, True) == (down.up, still_trying, task.cancelled())


async def test_an_address_that_is_none_is_a_setting_to_mend() -> None:
    with pytest.raises(SetUp, match="not a websocket address"):
        await drive(a_market(), "http://127.0.0.1:9", Box(), rng=Random(1), patience=QUICK)


async def test_a_redirect_to_another_host_is_not_followed() -> None:
    """The private stream's first frame holds the key: it goes to the host in the settings and nowhere else."""
    lured: list[object] = []

    async def elsewhere(connection: ServerConnection) -> None:
        lured.append(connection)

    async with serve(elsewhere, "127.0.0.1", 0) as trap:
        location = f"ws://127.0.0.1:{port_of(trap)}/v5/private"

        def redirect(connection: ServerConnection, _: Any) -> Any:
            response = connection.respond(302, "elsewhere")
            response.headers["Location"] = location
            return response

        async with serve(elsewhere, "127.0.0.1", 0, process_request=redirect) as server:
            box = Box()
            url = f"ws://127.0.0.1:{port_of(server)}"
            task = asyncio.create_task(drive(a_market(), url, box, rng=Random(1), patience=QUICK))
            down = await box.wait_for(ChannelChanged)
            task.cancel()
            await asyncio.wait({task})

    assert [] == lured
    assert "redirect" in down.reason


async def test_a_frame_that_breaks_its_reader_costs_one_frame() -> None:
    """A mistake of ours in reading must not cost the feed; the evidence is kept."""

    class Fragile(MarketStream):
        """A stream with a mistake in it."""

        def receive(self, text: str | bytes, now_s: float) -> list[Event]:
            if "poison" in str(text):
                raise ZeroDivisionError
            return super().receive(text, now_s)

    async def poison(side: Side) -> None:
        await side.say('{"poison":1}')
        await side.behave()

    async with driven(poison, stream=a_market(Fragile, PATIENT), patience=PATIENT) as box:
        await box.wait_for(ChannelChanged)

    assert [("poison frame", '{"poison":1}')] == [(bad.kind, bad.sample) for bad in box.of(BadInput)]
    assert [True] == [event.up for event in box.of(ChannelChanged)]


async def test_the_private_stream_subscribes_only_after_it_is_known() -> None:
    """The answer to the authentication comes late; until then nothing but the authentication was said."""
    order: list[str] = []

    async def slow(side: Side) -> None:
        order.append((await side.hear())["op"])
        await asyncio.sleep(0.1)
        order.append("known")
        await side.say(ack(side.heard[-1]))
        for _ in range(4):
            order.append((await side.hear())["op"])
            await side.say(ack(side.heard[-1]))
        await side.answer_pings()

    async with driven(slow, stream=a_private_stream()) as box:
        up = await box.wait_for(ChannelChanged)

    assert ["auth", "known", "subscribe", "subscribe", "subscribe", "subscribe"] == order
    assert (Channel.PRIVATE, True) == (up.channel, up.up)


async def test_no_log_line_holds_the_key_or_a_signature(caplog: pytest.LogCaptureFixture) -> None:
    """Even with the library at DEBUG, and however the authentication ends."""
    signatures: list[str] = []

    async def refuse(side: Side) -> None:
        signatures.append((await side.hear())["args"][2])
        await side.say(ack(side.heard[-1], ok=False, said="no"))
        await side.connection.wait_closed()

    with caplog.at_level(logging.DEBUG):
        async with driven(refuse, stream=a_private_stream()) as box:
            down = await box.wait_for(ChannelChanged)

    assert [] == [word for word in (KEY, SECRET, *signatures) if word in caplog.text + down.reason]


async def test_leaving_does_not_wait_for_a_peer_that_is_gone() -> None:
    """A venue that never answers a close costs the close deadline, not more."""
    box = Box()
    silent, leave = asyncio.Event(), asyncio.Event()

    async def never_closes(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        silent.set()
        await leave.wait()

    patience = replace(QUICK, ack_deadline_s=60.0, ping_every_s=60.0)
    async with serve(never_closes, "127.0.0.1", 0, close_timeout=0.1) as server:
        url = f"ws://127.0.0.1:{port_of(server)}"
        task = asyncio.create_task(drive(a_market(), url, box, rng=Random(1), patience=patience))
        await silent.wait()
        task.cancel()
        async with asyncio.timeout(2.0):
            await asyncio.wait({task})
        leave.set()

    assert task.cancelled()


def test_delays_grow_are_jittered_and_never_leave_their_bounds() -> None:
    """Two clients that fell together do not return together; a seed repeats itself."""
    patience = Patience()

    def first(seed: int) -> list[float]:
        return list(itertools.islice(delays_s(Random(seed), patience), 200))

    assert first(1) == first(1)
    assert first(1) != first(2)
    assert all(patience.backoff_floor_s <= delay <= patience.backoff_cap_s for delay in first(1))
    assert first(1)[0] <= 3 * patience.backoff_floor_s
    assert 2 * patience.backoff_floor_s < sum(first(1)[100:]) / 100


AGAIN = [
    (ConnectionRefusedError("refused"), True),
    (TimeoutError(), True),
    (OSError("no route"), True),
    (EOFError("cut"), True),
    (ValueError("cannot follow redirect"), True),
    (TypeError("a mistake of ours"), True),
    (InvalidURI("x", "no"), False),
]


@pytest.mark.parametrize(("error", "again"), AGAIN, ids=[type(error).__name__ for error, _ in AGAIN])
def test_only_an_impossible_address_is_not_worth_another_try(error: Exception, again: bool) -> None:
    assert again == (why_again(error) is not None)
