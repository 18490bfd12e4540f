"""The engine's end: keeps the window's process alive, shows it the engine twice a second, and answers what it asks.

The window inherits the doors, which stay open here: while it is started anew, callers wait in the kernel. It gets no settings and no keys.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import structlog

from bot.domain.clock import elapsed_s
from bot.domain.view import BotView
from bot.logs import Form, Level
from bot.monitoring.doors import Doors, WebOptions, open_doors
from bot.monitoring.pulse import Vitals
from bot.monitoring.verbs import VerbDesk
from bot.processes import own_module, plain_environment, see_off
from bot.strategy.what_if import WhatIfBook, WhatIfPolicy
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

__all__ = ["NearEngine", "Surroundings", "Talk", "Window"]

_log = structlog.get_logger("hedgelock")

_STUCK_S = 30.0
"""A window that takes nothing for so long is killed and started anew."""
_LEAVE_WITHIN_S = 2.0
_PAUSES_S = (1.0, 30.0)
"""Before a window that ended is started anew: the first, doubling up to the last while it does not live for a minute."""
_LIVED_S = 60.0


class NearEngine(NamedTuple):
    """What the window may ask of the engine. All but the desk's verbs are asked on the event loop, and must not block."""

    view: Callable[[], BotView]
    vitals: Callable[[], Vitals]
    more: Callable[[], Mapping[str, object]]
    desk: VerbDesk
    book: Callable[[], tuple[WhatIfBook | None, WhatIfPolicy]]


class Surroundings(NamedTuple):
    """Where the window reads the past, an absolute path, and how it writes its log."""

    journal: Path
    symbol: str
    log_level: Level
    log_form: Form


class Window:
    """`bind` opens the doors; `run` keeps a process behind them until cancelled."""

    def __init__(self, options: WebOptions, engine: NearEngine, surroundings: Surroundings) -> None:
        self._options, self._engine, self._surroundings = options, engine, surroundings
        self._doors: Doors | None = None

    @property
    def doors(self) -> Doors:
        """What callers knock at; raises RuntimeError before `bind`."""
        if self._doors is None:
            raise RuntimeError("the dashboard is not bound yet")
        return self._doors

    @property
    def link(self) -> str:
        """What opens the page, token and all: for one person's eyes."""
        return self.doors.link(self._options.token)

    async def bind(self) -> None:
        """Open the doors; raises SetUp naming the address and the mend. Calling it again changes nothing."""
        self._doors = self._doors or await open_doors(self._options)

    async def run(self) -> None:
        """Bind, then keep a window until cancelled: one that ends, or cannot be started, is started anew."""
        await self.bind()
        pause_s = _PAUSES_S[0]
        while True:
            began_s = elapsed_s()
            try:
                code = await self._one_life()
                _log.warning("the dashboard's process ended; it is started again", exit_code=code, after_s=pause_s)
            except Exception:  # noqa: BLE001 - no process or descriptor left, perhaps: the window may break; the house must stand
                _log.exception("the dashboard's process could not be kept; it is started again", after_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = _PAUSES_S[0] if elapsed_s() - began_s > _LIVED_S else min(pause_s * 2, _PAUSES_S[1])

    def close(self) -> None:
        """Stop listening."""
        if self._doors is not None:
            self._doors.close()

    async def _one_life(self) -> int:
        """From birth to death; returns the exit code."""
        ours, theirs = socket.socketpair()
        cord: Cord[ToEngine, ToWindow] = await Cord.over(ours, ToEngine)
        try:
            with theirs:
                process = await self._born(theirs)
        except BaseException:
            cord.close()
            raise
        try:
            cord.say(self._opening())
            await Talk(cord, self._engine, kill=process.kill).run()
        finally:
            cord.close()
            code = await see_off(process, patience_s=_LEAVE_WITHIN_S)
        return code

    async def _born(self, theirs: socket.socket) -> asyncio.subprocess.Process:
        inherited = (theirs, self.doors.front, *filter(None, (self.doors.side,)))
        return await asyncio.create_subprocess_exec(
            *own_module("bot.window", str(theirs.fileno())),
            pass_fds=[each.fileno() for each in inherited], env=plain_environment(),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the daemon: the window shows how it leaves
        )  # fmt: skip

    def _opening(self) -> Opening:
        doors, around = self.doors, self._surroundings
        return Opening(
            options=self._options,
            front=doors.front.fileno(),
            side=None if doors.side is None else doors.side.fileno(),
            journal=os.fspath(around.journal),
            symbol=around.symbol,
            log_level=around.log_level,
            log_form=around.log_form,
        )


class Talk:
    """What is said over one cord while its other end lives; one that takes nothing for half a minute is killed."""

    def __init__(self, cord: Cord[ToEngine, ToWindow], engine: NearEngine, *, kill: Callable[[], None]) -> None:
        self._cord, self._engine, self._kill = cord, engine, kill
        self._look = 0
        self._look_asked = asyncio.Event()

    async def run(self) -> None:
        """Show and answer until the other end is gone; what is then still being answered nobody hears, and it is left."""
        async with asyncio.TaskGroup() as tasks:
            living = {tasks.create_task(self._show())}
            while (asked := await self._cord.hear()) is not None:
                if isinstance(asked, LookAsked):
                    self._look = asked.number
                    self._look_asked.set()
                else:  # a verb may take its time, and others are answered meanwhile
                    answering = tasks.create_task(self._answer(asked))
                    living.add(answering)
                    answering.add_done_callback(living.discard)
            for task in living:
                task.cancel()

    async def _show(self) -> None:
        """Show the engine at an even pace, and whenever somebody looks: once for all who ask within one turn of the loop."""
        taken_s = elapsed_s()
        while True:
            self._look_asked.clear()
            if not self._cord.is_behind:
                self._show_once()
                taken_s = elapsed_s()
            elif elapsed_s() - taken_s > _STUCK_S:
                self._kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._look_asked.wait()

    def _show_once(self) -> None:
        near = self._engine
        try:
            offers, more = near.desk.offers(), dict(near.more())
            self._cord.say(Picture(look=self._look, view=near.view(), vitals=near.vitals(), offers=offers, more=more))
        except Exception:  # noqa: BLE001
            # The window may break; the house must stand. It says by itself that it has heard nothing for a while.
            _log.exception("the engine's view could not be shown", once="view")

    async def _answer(self, asked: VerbAsked | BookAsked) -> None:
        try:
            match asked:
                case BookAsked():
                    self._cord.say(BookAnswered(asked.number, *self._engine.book()))
                case VerbAsked():
                    answer = await self._engine.desk.ask(
                        asked.verb, reason=asked.reason, confirm=asked.confirm, who=asked.who, amount=asked.amount
                    )
                    self._cord.say(VerbAnswered(asked.number, answer))
        except Exception:  # noqa: BLE001 - one question that fails is no reason to answer no other
            _log.exception("a question of the dashboard could not be answered")
            self._cord.say(NotAnswered(asked.number))
