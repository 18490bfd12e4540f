"""A hand for deeds of the disk that may never end: a thread of its own does them in turn, and who asks waits so long and no longer.

Knows no way to end a deed that hangs. It goes on in its thread, which does not keep the process from ending.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread

__all__ = ["Hand"]


class Hand:
    """`do` waits for `deadline_s` real seconds; `begin` does not wait."""

    def __init__(self, name: str, *, deadline_s: float) -> None:
        self._name, self._deadline_s = name, deadline_s
        self._last: Future[None] | None = None
        self._given_up: Future[None] | None = None

    def do(self, deed: Callable[[], None]) -> None:
        """Return once the deed is done. Raises what it raises, and TimeoutError where it takes too long; while one hangs that was given up
        in this way, no other is begun."""
        if self._given_up is not None and not self._given_up.done():
            raise TimeoutError
        future = self.begin(deed)
        try:
            future.result(self._deadline_s)
        except TimeoutError:
            self._given_up = future
            raise

    def begin(self, deed: Callable[[], None]) -> Future[None]:
        """Do it after those begun before."""
        before, future = self._last, Future[None]()

        def carry_out() -> None:
            wait([] if before is None else [before])
            try:
                deed()
            except Exception as error:  # noqa: BLE001 - who waits for it hears it
                future.set_exception(error)
            else:
                future.set_result(None)

        self._last = future
        Thread(target=carry_out, name=self._name, daemon=True).start()
        return future
