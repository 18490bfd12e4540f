"""The loop's own pulse."""

from __future__ import annotations

import asyncio

from bot.domain.clock import elapsed_s
from bot.monitoring.pulse import Pulse, QueueDepth


async def test_a_blocked_loop_is_felt() -> None:
    """What one task holds up, every task waits for."""
    pulse = Pulse(lambda: {"inbox": QueueDepth(depth=3)})
    task = asyncio.create_task(pulse.run())
    async with asyncio.timeout(5):
        while pulse.vitals().loop_lag_ms is None:
            await asyncio.to_thread(lambda: None)

    held_until_s = elapsed_s() + 0.6
    while elapsed_s() < held_until_s:
        pass
    vitals = pulse.vitals()
    task.cancel()

    assert vitals.loop_lag_ms is not None
    assert 300 < vitals.loop_lag_ms < 2_000
    assert vitals.worst_loop_lag_ms is not None
    assert vitals.loop_lag_ms <= vitals.worst_loop_lag_ms
    assert vitals.queues["inbox"].depth == 3


def test_before_the_first_beat_nothing_is_claimed() -> None:
    """No measurement is not a good measurement."""
    vitals = Pulse().vitals()

    assert (vitals.loop_lag_ms, vitals.worst_loop_lag_ms) == (None, None)
    assert dict(vitals.queues) == {}
