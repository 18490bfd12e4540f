"""Server push: what a listener hears."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from decimal import Decimal
from typing import Any

import aiohttp

from bot.monitoring import present
from tests.build import NOW_MS
from tests.unit.monitoring.conftest import TOKEN, Desk, Open


class Listener:
    """Reads events off the stream, as a browser does."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._lines = response.content

    async def hear(self) -> tuple[str, Any]:
        """The next event's name and data."""
        name, data = "message", ""
        while True:
            line = (await asyncio.wait_for(self._lines.readline(), 10)).decode().rstrip("\n")
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data += line.removeprefix("data: ")
            elif not line and data:
                return name, json.loads(data)


async def _listen(desk: Desk) -> Listener:
    response = await desk.client.get(desk.url("/api/v1/stream"))
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    return Listener(response)


async def test_a_listener_hears_the_present_at_once_and_then_what_changes(open_desk: Open) -> None:
    """Nobody waits for news to learn what is."""
    desk = await open_desk()
    listener = await _listen(desk)

    name, first = await listener.hear()
    desk.seen = replace(desk.seen, now_ms=NOW_MS + 1, market=replace(desk.seen.market, last=Decimal(115_000)))
    _, second = await listener.hear()

    assert (name, first["market"]["last_usdt"], second["market"]["last_usdt"]) == ("status", "116000.10", "115000")


async def test_who_comes_late_hears_how_old_the_price_is_now(open_desk: Open) -> None:
    """A price that stopped is no news; whoever opens the page a minute later must not take it for fresh."""
    desk = await open_desk()
    first = await (await _listen(desk)).hear()
    seen = desk.seen
    desk.seen = replace(seen, now_ms=NOW_MS + 60_000, market=replace(seen.market, age_ms=60_000))

    late = first
    async with asyncio.timeout(5):
        while late[1]["now_ms"] == NOW_MS:  # it is looked at twice a second
            await asyncio.sleep(0.2)
            late = await (await _listen(desk)).hear()

    assert (NOW_MS, seen.market.age_ms) == (first[1]["now_ms"], first[1]["market"]["age_ms"])
    assert (NOW_MS + 60_000, 60_000) == (late[1]["now_ms"], late[1]["market"]["age_ms"])


async def test_only_what_changed_is_sent_again(open_desk: Open) -> None:
    """Fifty decisions do not travel with every price; the clocks do."""
    desk = await open_desk()
    listener = await _listen(desk)
    _, first = await listener.hear()

    desk.seen = replace(desk.seen, now_ms=NOW_MS + 1, market=replace(desk.seen.market, last=Decimal(115_000)))
    _, second = await listener.hear()

    assert set(first) == set(present.document(desk.seen, desk.vitals)) | {"trouble"}
    assert set(second) == {"now_ms", "process", "market", "trouble"}


async def test_silence_is_told_from_peace(open_desk: Open) -> None:
    """Where nothing changes, a beat says that somebody is still here."""
    desk = await open_desk(stream_beat_s=0.2)
    listener = await _listen(desk)

    assert (await listener.hear())[0] == "status"
    assert (await listener.hear())[0] == "beat"


async def test_at_most_so_many_listeners(open_desk: Open) -> None:
    """The one too many is told to come again; a place that is left is free."""
    desk = await open_desk(max_stream_clients=2)
    taken = [await desk.client.get(desk.url("/api/v1/stream")) for _ in range(2)]

    async with desk.client.get(desk.url("/api/v1/stream")) as refused:
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    taken[0].close()
    await _until_listen(desk, 1)

    assert (await (await _listen(desk)).hear())[0] == "status"


async def test_a_listener_that_does_not_read_is_dropped(open_desk: Open) -> None:
    """It costs one deadline and some kilobytes; the others notice nothing."""
    desk = await open_desk(stream_beat_s=0.4)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    deaf.connect(("127.0.0.1", desk.web.doors.port))
    lines = ("GET /api/v1/stream HTTP/1.1", f"Host: 127.0.0.1:{desk.web.doors.port}", f"Authorization: Bearer {TOKEN}")
    deaf.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    listener = await _listen(desk)
    await _until_listen(desk, 2)

    heard = 0
    while await _listeners(desk) == 2:
        # Long reasons fill the deaf one's buffers soon.
        desk.seen = replace(desk.seen, now_ms=desk.seen.now_ms + 1, why=f"{heard} " + "x" * 200_000)
        while (await listener.hear())[0] == "beat":
            pass
        heard += 1
        assert heard < 60

    assert 1 == await _listeners(desk)
    deaf.close()


async def test_a_view_that_fails_is_told_to_listeners(open_desk: Open) -> None:
    """Without news the page must not look alive."""
    desk = await open_desk()
    listener = await _listen(desk)
    await listener.hear()

    desk.seen = None  # type: ignore[assignment]

    assert await listener.hear() == ("status", {"trouble": "the engine's view could not be read"})


async def test_leaving_takes_about_a_second(open_desk: Open) -> None:
    """Listeners are let go; none of them holds up the daemon's end."""
    desk = await open_desk()
    listener = await _listen(desk)
    await listener.hear()

    await asyncio.wait_for(desk.web.close(), 2)


async def _until_listen(desk: Desk, count: int) -> None:
    """Until the server has noticed what the sockets did."""
    async with asyncio.timeout(10):
        while await _listeners(desk) != count:
            pass


async def _listeners(desk: Desk) -> int:
    """As Prometheus is told."""
    _, page = await desk.get("/metrics")
    return int(float(page.partition("\nhedgelock_stream_clients ")[2].partition("\n")[0]))
