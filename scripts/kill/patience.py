"""Deeds of this machine that may never end: a disk that hangs must not keep the kill from the exchange, nor from ending.

Knows no way to end such a deed; a copy of this process does it, and nobody waits for that. A thread would not do: one that waits in the
kernel for its disk keeps the whole process there, and whoever waits for its exit code.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from select import select
from typing import Any, Generic, NoReturn, TypeVar

__all__ = ["Begun", "begun", "in_time"]

T = TypeVar("T")
LOOK_S = 1.0
_MOST_OPEN = 1 << 16


class Begun(Generic[T]):
    """A deed under way elsewhere. `said` is the pipe on which it is heard of."""

    def __init__(self, said: int) -> None:
        self._said = said

    def result(self, within_s: float) -> T:
        """What it came to; asked once. Raises what it raised, TimeoutError where it goes on, OSError where its process was killed."""
        if not select([self._said], [], [], within_s)[0]:
            raise TimeoutError
        with open(self._said, "rb") as stream:
            text = stream.read()
        if not text:
            raise OSError("whoever was to do it was killed")
        result, error = pickle.loads(text)
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]


def begun(deed: Callable[[], T]) -> Begun[T]:
    """Have it done; it may change nothing in memory. A machine that has no room for another process has it done here, hang or not."""
    said, to = os.pipe()
    try:
        copy = os.fork()
    except OSError:
        _tell(deed, to)
        return Begun(said)
    if not copy:
        _tell_and_end(deed, to)
    os.close(to)
    return Begun(said)


def in_time(look: Callable[[], T], otherwise: T) -> T:
    """What a look at files comes to, within a second; `otherwise` where it takes longer."""
    try:
        return begun(look).result(LOOK_S)
    except TimeoutError:
        return otherwise


def _tell(deed: Callable[[], object], to: int) -> None:
    said: tuple[Any, Exception | None]
    try:
        said = deed(), None
    except Exception as error:  # noqa: BLE001 — whoever waits for it hears it
        said = None, error
    os.write(to, pickle.dumps(said))
    os.close(to)


def _tell_and_end(deed: Callable[[], object], to: int) -> NoReturn:
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):  # whoever reads what the kill prints, to its end, waits for no copy of it
            os.dup2(nothing, stream)
        os.closerange(3, to)
        os.closerange(to + 1, _MOST_OPEN)
        _tell(deed, to)
    finally:
        os._exit(0)
