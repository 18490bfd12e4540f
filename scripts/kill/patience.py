"""Deeds of this machine that may never end: a disk that hangs must not keep the kill from the exchange, nor from ending.

Knows no way to end such a deed; a copy of this process does it, and nobody waits for that. A thread would not do: one that waits in the
kernel for its disk keeps the whole process there, and whoever waits for its exit code. It is what is left where no copy can be had.

A copy has but the one thread that made it, and what the others held locked stays locked in it: a deed touches files and nothing else.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from select import POLLIN, poll
from threading import Thread
from typing import Any, Generic, NoReturn, TypeVar

__all__ = ["begun", "in_time"]

T = TypeVar("T")
LOOK_S = 1.0
_MOST_OPEN = 1 << 16


class Copy(Generic[T]):
    """A deed under way in a copy of this process. `said` is the pipe on which it is heard of."""

    def __init__(self, pid: int, said: int) -> None:
        self._pid, self._said = pid, said

    def result(self, within_s: float) -> T:
        """What it came to; asked once. Raises what it raised, TimeoutError where it goes on or was killed."""
        with open(self._said, "rb") as stream:
            pipe = poll()  # not select, which knows no file numbered above 1023
            pipe.register(stream, POLLIN)
            if not pipe.poll(within_s * 1000):
                raise TimeoutError
            text = stream.read()
        with suppress(ChildProcessError):  # whoever started us may have the kernel bury them
            os.waitpid(
                self._pid, 0
            )  # it has let go of its files and ends; unburied, it is left to process 1, which may be the daemon
        try:
            result, error = pickle.loads(text)
        except (EOFError, pickle.UnpicklingError):
            raise TimeoutError("whoever was to do it was killed") from None
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]


def begun(deed: Callable[[], T]) -> Copy[T] | Future[T]:
    """Have it done; it may change nothing in memory. Never raises; `result(seconds)` of what is returned does."""
    try:
        return _by_a_copy(deed)
    except OSError:
        return _by_a_thread(deed)


def in_time(look: Callable[[], T], otherwise: T) -> T:
    """What a look at files comes to, within a second; `otherwise` where it takes longer or is killed."""
    try:
        return begun(look).result(LOOK_S)
    except TimeoutError:
        return otherwise


def _by_a_copy(deed: Callable[[], T]) -> Copy[T]:
    """Raises OSError where the machine has no room for another process or its pipe."""
    said, to = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(said)
        os.close(to)
        raise
    if not pid:
        _tell_and_end(deed, to)
    os.close(to)
    return Copy(pid, said)


def _by_a_thread(deed: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def carry_out() -> None:
        try:
            future.set_result(deed())
        except Exception as error:  # noqa: BLE001 — whoever waits for it hears it
            future.set_exception(error)

    try:
        Thread(target=carry_out, daemon=True).start()
    except RuntimeError:  # no room for a thread either: done here, hang or not
        carry_out()
    return future


def _tell_and_end(deed: Callable[[], object], to: int) -> NoReturn:
    """In the copy: do it and say what came of it, with no file open that was open before, the account's connections least of all."""
    try:
        os.closerange(0, to)
        os.closerange(to + 1, _MOST_OPEN)
        with suppress(OSError):  # in the lowest places, where a stray word goes
            while os.open(os.devnull, os.O_RDWR) < 2:
                pass
        said: tuple[Any, Exception | None]
        try:
            said = deed(), None
        except Exception as error:  # noqa: BLE001 — whoever waits for it hears it
            said = None, error
        text = pickle.dumps(said)
        while text:
            text = text[os.write(to, text) :]
    finally:
        os._exit(0)
