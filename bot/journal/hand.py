"""A hand for deeds of the disk that may never end: a thread of its own does them in turn, and who asks waits so long and no longer.

Knows no way to end a deed that hangs. It goes on in its thread, which does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any, TypeVar

__all__ = ["Hand"]

T = TypeVar("T")


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
        done, _ = await asyncio.wait({asyncio.wrap_future(future)}, timeout=self._deadline_s)
        if not done:
            self._given_up = future
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
