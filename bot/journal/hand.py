"""Deeds of the disk that may never end. `Hand` does them in turn in a thread of its own, and who asks waits so long and no longer;
`waited_for` says what a program that can do nothing else is waiting for.

Knows no way to end a deed that hangs. It goes on in its thread, and in the kernel it may keep the process from ending as long as it hangs.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, TypeVar

import structlog

from bot.domain.clock import elapsed_s

__all__ = ["Hand", "waited_for"]

_log = structlog.get_logger("journal.hand")

TELL_S = 3.0
"""A disk that does not answer is told after so many real seconds."""

T = TypeVar("T")


@contextmanager
def waited_for(what: str) -> Iterator[None]:
    """For a block that waits for a disk as long as it takes, and holds up its thread: where that is long, the log says so meanwhile, and
    again when it is over. `what` is whose disk."""
    began_s, is_over = elapsed_s(), Event()

    def tell() -> None:
        if not is_over.wait(TELL_S):
            _log.warning(f"the disk of {what} has not answered for {TELL_S:.0f} s; it is waited for")
            is_over.wait()
            _log.info(f"the disk of {what} answers again", after_s=round(elapsed_s() - began_s, 1))

    teller = Thread(target=tell, name="waiting", daemon=True)
    teller.start()
    try:
        yield
    finally:
        is_over.set()
        teller.join()


class Hand:
    """`do` and `wait_for` wait for `deadline_s` real seconds, `begin` does not wait. While a deed hangs that somebody has given up waiting
    for, no other is begun: each raises TimeoutError."""

    def __init__(self, name: str, *, deadline_s: float) -> None:
        self._name, self._deadline_s = name, deadline_s
        self._last: Future[Any] | None = None
        self._given_up: Future[Any] | None = None

    def do(self, deed: Callable[[], T]) -> T:
        """What the deed comes to. Raises what it raises, and TimeoutError where it takes too long."""
        future = self.begin(deed)
        try:
            return future.result(self._deadline_s)
        except TimeoutError:
            self._given_up = future
            raise

    async def wait_for(self, deed: Callable[[], T]) -> T:
        """The same, and the event loop goes on meanwhile."""
        future = self.begin(deed)
        ended = asyncio.wrap_future(future)
        done, _ = await asyncio.wait({ended}, timeout=self._deadline_s)
        if not done:
            self._given_up = future
            ended.add_done_callback(lambda late: late.cancelled() or late.exception())  # heard: no complaint
            raise TimeoutError
        return future.result()

    def begin(self, deed: Callable[[], T]) -> Future[T]:
        """Do it after those begun before. Raises OSError where this machine has no thread left."""
        if self._given_up is not None and not self._given_up.done():
            raise TimeoutError
        before, future = self._last, Future[T]()

        def carry_out() -> None:
            wait([] if before is None else [before])
            try:
                result = deed()
            except Exception as error:  # noqa: BLE001 - who waits for it hears it
                future.set_exception(error)
            else:
                future.set_result(result)

        try:
            Thread(target=carry_out, name=self._name, daemon=True).start()
        except RuntimeError as error:
            raise OSError(errno.EAGAIN, str(error)) from error
        self._last = future
        return future
