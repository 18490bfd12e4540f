"""What a daemon that leaves does not wait for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from bot.errands import Errands

LEAVES = """
import asyncio, time
from bot.errands import Errands

async def main():
    loop = asyncio.get_running_loop()
    loop.set_default_executor(Errands())
    loop.run_in_executor(None, time.sleep, 60)
    await asyncio.sleep(0.1)

asyncio.run(main())
print("left")
"""


def test_a_process_ends_while_an_errand_is_under_way() -> None:
    """SIGTERM where no name server answers: `stopped` was said after four seconds, and the process ended after sixteen."""
    told = subprocess.run([sys.executable, "-c", LEAVES], check=True, capture_output=True, text=True, timeout=20)
    assert "left" == told.stdout.strip()


async def test_who_waits_hears_what_it_came_to() -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(Errands())
    assert 3 == await asyncio.to_thread(len, "abc")
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(divmod, 1, 0)


async def test_many_at_once_wait_for_none_of_the_others() -> None:
    """Python's own pool has a handful of threads: names that nobody resolves kept the alerts from being posted."""
    all_there = threading.Barrier(40)
    asyncio.get_running_loop().set_default_executor(Errands())
    async with asyncio.timeout(10):
        await asyncio.gather(*(asyncio.to_thread(all_there.wait) for _ in range(40)))
