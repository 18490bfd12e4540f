"""The bounds on what strangers may take of the loop."""

from __future__ import annotations

import asyncio

import pytest

from bot.monitoring.pace import Pace
from tests.unit.monitoring.conftest import TOKEN, Open


class Watch:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_passes_and_the_rest_waits_its_turn() -> None:
    """Three at once, then two a second, in order."""
    pace = Pace(burst=3, per_s=2.0, now_s=Watch())

    assert [0.0, 0.0, 0.0, 0.5, 1.0] == [pace.wait_s() for _ in range(5)]


def test_the_burst_comes_back_with_time_and_never_grows_beyond_itself() -> None:
    """A quiet hour earns no more than one burst."""
    watch = Watch()
    pace = Pace(burst=3, per_s=2.0, now_s=watch)
    for _ in range(5):
        pace.wait_s()

    watch.now_s += 2.5
    assert [0.0, 0.0, 0.0, 0.5] == [pace.wait_s() for _ in range(4)]
    watch.now_s += 3_600.0
    assert [0.0, 0.0, 0.0, 0.5] == [pace.wait_s() for _ in range(4)]


async def test_who_leaves_the_line_makes_it_shorter() -> None:
    """A crowd that asks and hangs up, again and again, would otherwise leave a line of ghosts that real readers wait behind for hours."""
    pace = Pace(burst=1, per_s=0.001, now_s=Watch())
    pace.wait_s()
    waiting = [asyncio.create_task(pace.wait_turn()) for _ in range(50)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert pytest.approx(1_000.0) == pace.wait_s()


async def test_requests_beyond_the_pace_wait(open_desk: Open) -> None:
    """Two at once, refused ones too; the third would come in a quarter of an hour."""
    desk = await open_desk(requests_burst=2, requests_per_s=0.001)
    assert [200, 404] == [(await desk.get(path))[0] for path in ("/health", "/nowhere")]

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await desk.get("/health")


async def test_connections_beyond_the_pace_wait_outside(open_desk: Open) -> None:
    """The kernel keeps them; nothing of ours runs for them. One that is in is served meanwhile."""
    desk = await open_desk(connections_burst=1, connections_per_s=0.001)
    assert 200 == (await desk.get("/health/live"))[0]

    _, writer = await asyncio.open_connection("127.0.0.1", desk.web.doors.port)
    reader, other = await asyncio.open_connection("127.0.0.1", desk.web.doors.port)
    other.write(b"GET /health/live HTTP/1.1\r\n\r\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await reader.read(1)
    assert 200 == (await desk.get("/health/live"))[0]  # over the connection it keeps
    other.close()
    writer.close()


async def test_a_verb_with_its_token_does_not_wait(open_desk: Open) -> None:
    """FREEZE is not behind a fuzzer in the queue: an hour's worth of waiting, and it is answered."""
    desk = await open_desk(requests_burst=1, requests_per_s=0.001, verb_token=TOKEN)
    await desk.get("/health/live")

    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with desk.client.post(desk.url("/api/v1/verbs/freeze"), json={}, headers=headers) as response:
        assert response.status in (404, 405)  # this desk has no verbs: answered all the same
