"""The window's end: the dashboard's server over pictures of an engine that lives in another process.

What it may do is look, read the journal, and pass verbs on. It goes when the engine's process does. An engine that falls silent is shown as
what it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot import logs
from bot.domain.clock import elapsed_s
from bot.domain.commands import Mode
from bot.domain.errors import Unavailable
from bot.domain.events import Verb
from bot.domain.view import BotView, VerbAnswer, VerbOffer, WhatIfView
from bot.engine import outlook
from bot.monitoring.doors import Doors
from bot.monitoring.pulse import Vitals
from bot.monitoring.web import Web
from bot.review.archive import JournalArchive
from bot.window.cord import (
    LOOK_EVERY_S,
    BookAnswered,
    BookAsked,
    Cord,
    LookAsked,
    NotAnswered,
    Opening,
    Picture,
    ToEngine,
    ToWindow,
    VerbAnswered,
    VerbAsked,
)

__all__ = ["FarEngine", "serve"]

SILENT_S = 5.0
"""An engine that shows nothing for so long is told apart from one that has nothing new."""
_LOOK_WITHIN_S = 0.5
_ANSWER_WITHIN_S = 60.0


async def serve(fd: int) -> None:
    """Serve until the engine's process is gone. `fd` is our end of the cord."""
    cord: Cord[ToWindow, ToEngine] = await Cord.over(socket.socket(fileno=fd), ToWindow)
    opening, first = await cord.hear(), await cord.hear()
    if not isinstance(opening, Opening) or not isinstance(first, Picture):
        return
    options = opening.options
    logs.configure(
        level=opening.log_level,
        form=opening.log_form,
        secrets=(options.token, options.metrics_token, options.verb_token or ""),
    )
    engine = FarEngine(cord, first)
    archive = JournalArchive(Path(opening.journal), symbol=opening.symbol)
    web = Web(
        options,
        _inherited(opening),
        view=engine.view,
        vitals=engine.vitals,
        archive=archive,
        verbs=engine,
        what_if=engine.what_if,
        more=engine.more,
        trouble=engine.trouble,
        next_look=engine.news,
        look_now=engine.look,
    )
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(engine.listen())
        serving = tasks.create_task(web.run())
        await listening
        serving.cancel()
    archive.close()


def _inherited(opening: Opening) -> Doors:
    return Doors(opening.options.host, _door(opening.front), None if opening.side is None else _door(opening.side))


def _door(number: int) -> socket.socket:
    door = socket.socket(fileno=number)
    door.setblocking(False)  # it is; this object of it does not know
    return door


class FarEngine:
    """The engine as it was last seen, and a way to ask it."""

    def __init__(self, cord: Cord[ToWindow, ToEngine], first: Picture) -> None:
        self._cord = cord
        self._picture = first
        self._seen_s = elapsed_s()
        self._news = asyncio.Event()
        self._numbers, self._looks = itertools.count(1), itertools.count(1)
        self._open: dict[int, asyncio.Future[Any]] = {}

    async def listen(self) -> None:
        """Take in what is said, until the other end is gone."""
        while (said := await self._cord.hear()) is not None:
            match said:
                case Picture():
                    self._picture, self._seen_s = said, elapsed_s()
                    self._news.set()
                    self._news = asyncio.Event()
                case VerbAnswered() | BookAnswered() | NotAnswered():
                    asked = self._open.get(said.number)
                    if asked is not None and not asked.done():
                        asked.set_result(said)

    async def news(self) -> None:
        """Return once there is a new picture, or when there should have been one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * LOOK_EVERY_S):
                await self._news.wait()

    async def look(self) -> None:
        """See the engine as it is now; one that does not show itself at once is shown as it was."""
        number = next(self._looks)
        self._cord.say(LookAsked(number))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_WITHIN_S):
                while self._picture.look < number:  # one that was under way when we asked is older than the question
                    await self._news.wait()

    def view(self) -> BotView:
        """What was shown last; of an engine that has fallen silent, with that as the first reason not to trust it."""
        view = self._picture.view
        if not (trouble := self.trouble()):
            return view
        return replace(
            view,
            mode=Mode.BLIND,
            why=trouble,
            market=replace(view.market, stale=True),
            health=replace(view.health, ready=False, reasons=(trouble, *view.health.reasons)),
        )

    def trouble(self) -> str:
        """Why what is shown cannot be trusted; "" where it can."""
        silent_s = self._silent_s()
        return "" if silent_s < SILENT_S else f"the engine has shown nothing for {silent_s:.0f} s"

    def vitals(self) -> Vitals:
        """The engine's process; a picture that is overdue at this moment counts as its loop's lag already."""
        vitals, silent_s = self._picture.vitals, self._silent_s()
        overdue_ms = (silent_s - 2 * LOOK_EVERY_S) * 1000
        now = replace(vitals, up_s=vitals.up_s + silent_s, seen_ago_s=silent_s)
        if overdue_ms <= 0:
            return now
        return replace(
            now,
            loop_lag_ms=max(overdue_ms, vitals.loop_lag_ms or 0.0),
            worst_loop_lag_ms=max(overdue_ms, vitals.worst_loop_lag_ms or 0.0),
        )

    def more(self) -> Mapping[str, object]:
        """What other rooms have to tell."""
        return self._picture.more

    def offers(self) -> tuple[VerbOffer, ...]:
        """What may be asked."""
        return self._picture.offers

    async def ask(self, verb: Verb, *, reason: str, confirm: str, who: str, amount: Decimal | None) -> VerbAnswer:
        """Pass a verb on; where the engine does not answer, say so and name the hand that needs no engine."""
        if trouble := self.trouble():
            return _not_taken(trouble)
        number = next(self._numbers)
        asked = VerbAsked(number=number, verb=verb, reason=reason, confirm=confirm, who=who, amount=amount)
        try:
            answered = await self._answer_to(number, asked)
        except Unavailable as error:
            return _not_taken(f"{error}, and may still have taken it in")
        assert isinstance(answered, VerbAnswered)
        return answered.answer

    async def what_if(self) -> tuple[WhatIfView, ...]:
        """The book at other prices: the book is the engine's, the long walk of the price is reckoned here, in a thread."""
        number = next(self._numbers)
        answered = await self._answer_to(number, BookAsked(number))
        assert isinstance(answered, BookAnswered)
        if answered.book is None:
            return ()
        return await asyncio.to_thread(outlook.what_if_rows, answered.book, answered.policy)

    async def _answer_to(self, number: int, asked: VerbAsked | BookAsked) -> VerbAnswered | BookAnswered:
        """Raises Unavailable where the engine fails at it or does not answer."""
        self._open[number] = asyncio.get_running_loop().create_future()
        self._cord.say(asked)
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                answered = await self._open[number]
        except TimeoutError:
            raise Unavailable(f"the engine has not answered within {_ANSWER_WITHIN_S:.0f} s") from None
        finally:
            del self._open[number]
        if isinstance(answered, NotAnswered):
            raise Unavailable("the engine could not answer")
        return answered  # type: ignore[no-any-return]

    def _silent_s(self) -> float:
        return elapsed_s() - self._seen_s


def _not_taken(why: str) -> VerbAnswer:
    return VerbAnswer(accepted=False, text=f"{why}; in an emergency use scripts/kill_switch.py, which needs no daemon")
