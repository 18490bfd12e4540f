"""One-time codes: a verb is done only when the same person answers with the code that was just sent to the same chat.

A code lives a minute, counts once, and is void after three wrong answers. It guards against a slip of the finger and a message that came
late; who may ask at all is the allow-list's affair.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

__all__ = ["LIVES_S", "Codes", "Refused"]

LIVES_S = 60.0
_TRIES = 3


class Refused(Exception):
    """The code does not open anything; the text says why."""


@dataclass(slots=True)
class _Pending:
    verb: str
    reason: str
    sender: int
    code: str
    until_s: float
    tries: int = 0


class Codes:
    """At most one verb waits per chat; a newer one replaces it."""

    def __init__(self) -> None:
        self._pending: dict[int, _Pending] = {}

    def issue(self, chat: int, sender: int, verb: str, reason: str, now_s: float) -> str:
        """A fresh six-digit code for this verb."""
        code = f"{secrets.randbelow(10**6):06d}"
        self._pending[chat] = _Pending(verb, reason, sender, code, now_s + LIVES_S)
        return code

    def redeem(self, chat: int, sender: int, code: str, now_s: float) -> tuple[str, str]:
        """(verb, reason) behind a code, once. Raises Refused."""
        pending = self._pending.get(chat)
        if pending is None or now_s > pending.until_s:
            self._pending.pop(chat, None)
            raise Refused("No verb waits for a code here; ask for it again.")
        if sender != pending.sender:
            raise Refused("Only who asked for the verb can confirm it.")
        if not hmac.compare_digest(code.encode(), pending.code.encode()):
            pending.tries += 1
            if pending.tries >= _TRIES:
                del self._pending[chat]
                raise Refused("Wrong code, three times: the verb is forgotten.")
            raise Refused("Wrong code.")
        del self._pending[chat]
        return pending.verb, pending.reason

    def forget(self, chat: int) -> bool:
        """Let go of what waits; whether there was something."""
        return self._pending.pop(chat, None) is not None
