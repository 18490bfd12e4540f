"""Deeds of this machine that may never end: a disk that hangs must not keep the kill from the exchange.

Knows no way to end such a deed; it goes on in its own thread, and nobody waits for that.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

__all__ = ["begun", "in_time"]

T = TypeVar("T")
LOOK_S = 1.0


def begun(deed: Callable[[], T]) -> Future[T]:
    """What the deed comes to, once it has ended."""
    future: Future[T] = Future()

    def carry_out() -> None:
        try:
            future.set_result(deed())
        except Exception as error:  # noqa: BLE001 — whoever waits for it hears it
            future.set_exception(error)

    Thread(target=carry_out, daemon=True).start()
    return future


def in_time(look: Callable[[], T], otherwise: T) -> T:
    """What a look at files comes to, within a second; `otherwise` where it takes longer."""
    try:
        return begun(look).result(LOOK_S)
    except TimeoutError:
        return otherwise
