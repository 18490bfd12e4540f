"""The conversation: who is heard, what is answered, and how a verb is confirmed.

Rules: only listed chats are answered, others not even refused. A verb needs a listed *person* (in a group the sender's own number must be
listed too), a preview, and the code within a minute. What was written while nobody listened is not done later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import structlog

from bot.domain.clock import elapsed_s
from bot.domain.view import BotView
from bot.monitoring.hands import Hands
from bot.monitoring.pulse import Vitals
from bot.monitoring.telegram import answers
from bot.monitoring.telegram.codes import LIVES_S, Codes, Refused
from bot.monitoring.telegram.wire import Letter, Telegram, WireFailed

__all__ = ["Control", "TelegramOptions"]

_log = structlog.get_logger("hedgelock.telegram")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _AFTER_REFUSAL_S = 1.0, 60.0, 300.0
_OLDEST_S = 120
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramOptions:
    """`chats` are the numbers that may ask. `takes_verbs` False: it only tells."""

    token: str = field(repr=False)
    chats: frozenset[int]
    takes_verbs: bool = True
    api_url: str = "https://api.telegram.org"


class Control:
    """A task that listens to one Telegram bot until cancelled."""

    def __init__(
        self,
        options: TelegramOptions,
        *,
        view: Callable[[], BotView],
        vitals: Callable[[], Vitals],
        hands: Hands,
        rng: Random,
    ) -> None:
        self._options = options
        self._view = view
        self._vitals = vitals
        self._hands = hands
        self._rng = rng
        self._codes = Codes()
        self._wire = Telegram(options.api_url, options.token)
        self.strangers = 0
        """Letters of chats that are not listed."""

    async def run(self) -> None:
        """Listen for ever; a line that is cut is mended at ever longer pauses."""
        failures = 0
        try:
            while True:
                try:
                    letters = await self._wire.letters()
                    failures = 0
                except Exception as error:  # noqa: BLE001 - whatever a library makes of rubbish; the daemon lives with us
                    failed = error if isinstance(error, WireFailed) else WireFailed(type(error).__name__)
                    failures += 1
                    await asyncio.sleep(self._pause_s(failed, failures))
                    continue
                for letter in letters:
                    await self._take(letter)
        finally:
            await self._wire.close()

    def _pause_s(self, error: WireFailed, failures: int) -> float:
        _log.warning("Telegram does not answer", why=str(error), once=f"telegram {error}")
        if error.final:
            return _AFTER_REFUSAL_S
        longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**failures)
        return max(error.after_s, self._rng.uniform(0.5, 1.0) * longest_s)

    async def _take(self, letter: Letter) -> None:
        if letter.chat not in self._options.chats:
            self.strangers += 1
            _log.warning("a chat that is not listed wrote to the bot", chat=letter.chat, once=f"stranger {letter.chat}")
            return
        if letter.age_s > _OLDEST_S:
            _log.info("a letter was written while nobody listened, and is not answered", age_s=round(letter.age_s))
            return
        try:
            text = await self._reply(letter)
        except Exception:  # noqa: BLE001
            # An answer that failed must not end the conversation; the person is told, the log has the cause.
            _log.exception("a question could not be answered")
            text = "That could not be answered; the daemon's log says why."
        try:
            await self._wire.say(letter.chat, text)
        except WireFailed as error:
            _log.warning("an answer was not delivered", why=str(error), once=f"telegram {error}")
        except Exception as error:  # noqa: BLE001 - a library that breaks over a letter must not take the daemon with it
            _log.warning("an answer was not delivered", why=type(error).__name__, once="telegram broke")

    async def _reply(self, letter: Letter) -> str:
        word, _, rest = letter.text.strip().partition(" ")
        command = word.removeprefix("/").partition("@")[0].lower()  # in a group: /status@the_bot
        verbs = self._hands.verbs if self._options.takes_verbs else {}
        if command in answers.QUESTIONS:
            return answers.answer(command, self._view(), self._vitals())
        if command in verbs:
            return self._ask_for_code(letter, command, rest)
        if command == "confirm":
            return await self._confirm(letter, rest.strip())
        if command == "cancel":
            return "Forgotten." if self._codes.forget(letter.chat) else "Nothing was waiting."
        unknown = "" if command in ("help", "start") else f"{command[:40]} is not a command.\n\n"
        return unknown + answers.help_text(verbs)

    def _ask_for_code(self, letter: Letter, verb: str, reason: str) -> str:
        if letter.sender not in self._options.chats:
            return "Verbs are taken only from a person who is listed; this chat may ask questions."
        reason = " ".join(reason.split())[:_LONGEST_REASON] or "no reason was given"
        code = self._codes.issue(letter.chat, letter.sender, verb, reason, elapsed_s())
        leaves = "\n".join(f"- {line}" for line in self._hands.preview(verb))
        return f"{verb}: {self._hands.verbs[verb]}\n{leaves}\n\nTo do it: /confirm {code} within {LIVES_S:.0f} s. To leave it: /cancel"

    async def _confirm(self, letter: Letter, code: str) -> str:
        if not self._options.takes_verbs:
            return "This bot takes no verbs."
        try:
            verb, reason = self._codes.redeem(letter.chat, letter.sender, code, elapsed_s())
        except Refused as refused:
            return str(refused)
        said = await self._hands.ask(verb, who=f"telegram {letter.sender}", reason=reason)
        return f"{verb}: {said}"
