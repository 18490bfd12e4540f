"""Telegram's Bot API over httpx: ask for updates by long polling, send a text (Telegram: getUpdates, sendMessage).

The token is part of every URL, so no error of the library leaves this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from bot.domain.clock import wall_ms

__all__ = ["Letter", "Telegram", "WireFailed"]

_POLL_S = 25
_TIMEOUT_S = 10.0
_LONGEST = 4_000


class WireFailed(Exception):
    """Telegram did not answer as it should. `final` means that asking again soon cannot help (a token that was revoked)."""

    def __init__(self, reason: str, *, final: bool = False, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.final = final
        self.after_s = after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One text that somebody wrote to the bot. `age_s` is by the server's own clock, which is not wrong where this machine's is."""

    update: int
    chat: int
    sender: int
    age_s: float
    text: str


class Telegram:
    """One bot. `api_url` without a slash at its end."""

    def __init__(self, api_url: str, token: str) -> None:
        self._base = f"{api_url}/bot{token}"
        self._http = httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=_TIMEOUT_S)
        self._offset = 0
        self._server_s = 0.0
        """The server's time of its last answer, Unix seconds."""

    async def letters(self) -> list[Letter]:
        """What was written since the last call; waits up to 25 s for the first. Raises WireFailed."""
        asked = {"offset": self._offset, "timeout": _POLL_S, "allowed_updates": ["message"]}
        updates = await self._ask("getUpdates", asked, timeout_s=_POLL_S + _TIMEOUT_S)
        if not isinstance(updates, list):
            raise WireFailed("getUpdates answered no list")
        letters = []
        for update in updates:
            if isinstance(update, dict) and isinstance(update.get("update_id"), int):
                self._offset = max(self._offset, update["update_id"] + 1)
                if (letter := _letter(update, self._server_s)) is not None:
                    letters.append(letter)
        return letters

    async def say(self, chat: int, text: str) -> None:
        """Send plain text. Raises WireFailed."""
        preview = {"is_disabled": True}
        await self._ask(
            "sendMessage",
            {"chat_id": chat, "text": text[:_LONGEST], "link_preview_options": preview},
            timeout_s=_TIMEOUT_S,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(self, method: str, body: dict[str, Any], *, timeout_s: float) -> Any:
        try:
            answer = await self._http.post(f"{self._base}/{method}", json=body, timeout=timeout_s)
            document = msgspec.json.decode(answer.content)
            self._server_s = _date_s(answer)
        except httpx.HTTPError as error:
            raise WireFailed(f"{method}: {type(error).__name__}") from None
        except msgspec.DecodeError:
            raise WireFailed(f"{method} answered {answer.status_code} without JSON") from None
        if not isinstance(document, dict) or document.get("ok") is not True:
            parameters = document.get("parameters") if isinstance(document, dict) else None
            after_s = parameters.get("retry_after", 0) if isinstance(parameters, dict) else 0
            raise WireFailed(
                f"{method} answered {answer.status_code}",
                final=answer.status_code in (401, 404),
                after_s=float(after_s) if isinstance(after_s, int | float) else 0.0,
            )
        return document.get("result")


def _date_s(answer: httpx.Response) -> float:
    """When it was sent, by the server's clock; by ours where it does not say."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return wall_ms() / 1000


def _letter(update: dict[str, Any], now_s: float) -> Letter | None:
    """A text message, or None for anything else that may be in an update."""
    message = update.get("message")
    if not isinstance(message, dict):
        return None
    chat, sender = message.get("chat"), message.get("from")
    match chat, sender, message.get("text"), message.get("date"):
        case {"id": int(chat_id)}, {"id": int(sender_id)}, str(text), int(at_s):
            return Letter(update=update["update_id"], chat=chat_id, sender=sender_id, age_s=now_s - at_s, text=text)
    return None
