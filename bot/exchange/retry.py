"""The one policy of asking again. For questions only: an order is never sent twice.

Knows when a failed question is worth repeating, how long to wait and when to stop; does not know what is asked. Only `Unavailable` is
worth it; a refusal (a key, a parameter) is not mended by repetition.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, stop_before_delay

from bot.domain.errors import Unavailable
from bot.exchange.patience import Patience

__all__ = ["ask_again"]

T = TypeVar("T")
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 3.0


async def ask_again(ask: Callable[[], Awaitable[T]], *, rng: Random, patience: Patience) -> T:
    """The answer of `ask`, asked at most `read_attempts` times within `read_deadline_s`. Raises the last Unavailable, or any other."""

    def pause_s(state: RetryCallState) -> float:
        """Full jitter over a doubling pause, but never less than the venue asked for."""
        error = state.outcome.exception() if state.outcome is not None else None
        wished_s = error.retry_after_s if isinstance(error, Unavailable) and error.retry_after_s else 0.0
        longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**state.attempt_number)
        return max(wished_s, rng.uniform(_FIRST_PAUSE_S, longest_s))

    async def once() -> T:  # the library awaits only what it can see is a coroutine function
        return await ask()

    policy = AsyncRetrying(
        stop=stop_after_attempt(patience.read_attempts) | stop_before_delay(patience.read_deadline_s),
        wait=pause_s,
        retry=retry_if_exception_type(Unavailable),
        reraise=True,
    )
    return await policy(once)
