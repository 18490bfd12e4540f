"""Threads for what would block the loop (a name that is resolved, a message that is posted), for which a daemon that leaves does not wait.

Knows no way to end them. Where no name server answers, one thread waits for twenty seconds; Python would wait for it, twice.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any, ParamSpec, TypeVar

__all__ = ["Errands"]

P = ParamSpec("P")
T = TypeVar("T")


class Errands(ThreadPoolExecutor):
    """For an event loop, which takes no other kind of executor: a thread for each call; those under way end with the process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Raises RuntimeError where this machine has no thread left."""
        future = Future[T]()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - who waits for it hears it
                future.set_exception(error)
            else:
                future.set_result(result)

        Thread(target=run, name="errand", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, **how: Any) -> None:
        """Wait for nobody."""
        super().shutdown(wait=False, **how)
