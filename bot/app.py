"""The composition root: settings become rooms, rooms become tasks, tasks live and die in one group.

`build` is the only place that knows which world this is; it hands every room its world and no room ever asks. `run` is the daemon.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from random import Random
from typing import Any

import structlog

from bot import __version__, narrator, paper, premises, wiring
from bot.domain.clock import elapsed_s
from bot.domain.errors import HedgeLockError, JournalFailed, NotFit, SetUp
from bot.domain.events import Event, JournalSeen, Started, Stopping
from bot.domain.view import BotView
from bot.endings import say_why
from bot.engine import outlook, picture
from bot.engine.engine import Engine
from bot.exchange.budget import Budget
from bot.exchange.executor import Executor
from bot.exchange.inspector import Inspector
from bot.exchange.lender import Lender
from bot.exchange.market_stream import MarketStream
from bot.exchange.private_stream import PrivateStream
from bot.exchange.reader import Reader
from bot.exchange.rest import Rest
from bot.exchange.socket import drive
from bot.exchange.stream import Stream
from bot.exit_codes import ExitCode
from bot.hands import DaemonHands
from bot.inbox import Inbox
from bot.journal import locks
from bot.journal.drills import Drills
from bot.journal.hand import waited_for
from bot.journal.journal import MOST_WAITING, Journal
from bot.journal.latch import Latch
from bot.latching import LatchWatch
from bot.monitoring.alerts.service import Alerts
from bot.monitoring.heartbeat import Heartbeat
from bot.monitoring.pulse import Pulse, QueueDepth
from bot.monitoring.telegram.control import Control
from bot.monitoring.watchdog import Watchdog
from bot.preflight.standing import StandingChecks
from bot.settings import Settings
from bot.strategy.what_if import WhatIfBook, WhatIfPolicy
from bot.stream import context
from bot.stream.context import ContextOptions
from bot.verbs import Desk
from bot.window.keeper import NearEngine, Surroundings, Window
from bot.world import World, doubt, enter_world

__all__ = ["Daemon", "run"]

_log = structlog.get_logger("hedgelock")

COMMIT_S = 0.2
"""Facts that no order waits for reach the disk in groups this often."""
PRUNE_S = 60.0
"""Old prices are dropped this often, some hundreds at a time."""
LEAVE_S = 4.0
"""How long a stop waits for what is in flight."""
INBOX_BOUND = 10_000


async def run(settings: Settings, greet: Callable[[str], None] | None = None) -> int:
    """Run the daemon until it is told to stop; returns an ExitCode. What went wrong is said in one line, with the mend.

    `greet` is called with a link that opens the dashboard, token and all: it is for a person at a terminal, never for a log.
    """
    try:
        async with enter_world(settings) as world, Daemon(settings, world) as daemon:
            if greet is not None and settings.web.enabled:
                greet(daemon.link)
            await daemon.live()
    except (HedgeLockError, ExceptionGroup) as error:
        return say_why(error)
    return ExitCode.OK


class Daemon:
    """The rooms, wired, and the tasks that move facts between them."""

    def __init__(self, settings: Settings, world: World) -> None:
        self._settings = settings
        self._world = world
        self._clock = world.clock
        self._asked_to_stop = asyncio.Event()
        self._stop_reason = ""
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Daemon:
        """Take the locks, open the journal, remember, connect. What cannot be had raises SetUp."""
        try:
            await self._move_in()
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def _move_in(self) -> None:
        settings, world, path = self._settings, self._world, self._settings.journal_path
        with waited_for(f"the journal {path}"):
            for lock in locks.beside(path):
                self._open.enter_context(locks.hold(lock, f"the journal {path}"))
            self._latch = Latch(path)
            self._drills = Drills(file.parent for file in settings.every_journal)
            account = premises.account_lock(world.hosts.rest_url, world.credentials.api_key)
            self._open.enter_context(locks.hold(account, "this account", note=str(self._latch.path.absolute())))
            premises.ready_journal(path, settings.mode.value, world.venue.name if world.venue else "")
            premises.tell_whereabouts(path, world.hosts.rest_url, settings.mode.value, self._latch.path)
            self._journal = Journal(path)
            self._open.callback(self._journal.close)
            tokens = premises.reading_token(path), premises.new_verb_token(path)

        self._inbox = Inbox(bound=INBOX_BOUND, ticker_every_s=settings.streams.ticker_every_ms / 1000)
        self._pulse = Pulse(self._queues)
        self._alerts = Alerts(wiring.alert_options(settings), view=self.view, vitals=self._pulse.vitals, rng=Random())
        self._engine = Engine(
            wiring.engine_config(settings, self._clock.rate), narrator.Scribe(self._journal, self._alerts)
        )
        await self._call_the_exchange()
        self._remember()
        self._latch_watch = LatchWatch(self._latch, self._engine, self._inbox)
        self._wire_exchange()
        inspector = Inspector(
            self._rest,
            self._clock,
            symbol=settings.book.symbol,
            rng=Random(),
            patience=self._patience,
            structure=wiring.loan_structure(settings),
        )
        self._checks = StandingChecks(settings, inspector, self._inbox, issued=lambda: self._engine.state.numbers)
        self._desk = Desk(
            self._engine, self._inbox, self._latch, world=settings.mode.value, preflight=self._checks.against
        )
        self._window = Window(
            wiring.web_options(settings, *tokens),
            NearEngine(self.view, self._pulse.vitals, self._more, self._desk, self.book),
            Surroundings(path.absolute(), settings.book.symbol, settings.log.level, settings.log.format),
        )
        if settings.web.enabled:
            self._open.callback(self._window.close)
            await self._window.bind()

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def live(self) -> None:
        """Run every task until a signal, or until one of them fails; then leave in order."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop, signal.Signals(name).name)
        self._say_hello()
        self._inbox.put(_started(self._settings))
        self._checks.hold()
        self._latch_watch.look()  # before anything else is heard: it starts HALTED
        async with asyncio.TaskGroup() as tasks:
            living = [tasks.create_task(task, name=name) for name, task in self._tasks().items()]
            await self._asked_to_stop.wait()
            await self._leave()
            for task in living:
                task.cancel()
        _log.info("stopped", hedge="kept", records=self._engine.state.records)

    @property
    def link(self) -> str:
        """What opens the dashboard, token and all."""
        return self._window.link

    def view(self) -> BotView:
        """What people and machines may see."""
        return picture.view(self._engine.state, self._clock.now_ms(), speed=self._clock.rate)

    def book(self) -> tuple[WhatIfBook | None, WhatIfPolicy]:
        """What the book at other prices begins with."""
        state = self._engine.state
        return outlook.what_if_book(state, self._clock.now_ms()), outlook.policy_of(state.config)

    # ------------------------------------------------------------------------------------------- wiring

    async def _call_the_exchange(self) -> None:
        """Open its door, and set market time by its clock; a paper world's is set already."""
        world = self._world
        self._patience, self._budget = wiring.exchange_patience(self._settings), Budget()
        self._rest = Rest(world.hosts, world.credentials, budget=self._budget, patience=self._patience)
        await self._open.enter_async_context(self._rest)
        if world.venue is None:
            self._clock = world.clock.set_to(self._rest.server_ms())

    def _wire_exchange(self) -> None:
        settings, world = self._settings, self._world
        symbol = settings.book.symbol
        # A book whose coin lies elsewhere may have a wallet without BTC; any other wallet without it is not believed.
        may_be_apart = settings.loan.enabled and settings.loan.structure in ("auto", "crypto_loan")
        must_hold = ("BTC",) if settings.book.spot_source == "wallet" and not may_be_apart else ()
        reader = Reader(
            self._rest,
            self._clock,
            symbol=symbol,
            rng=Random(),
            patience=self._patience,
            must_hold=must_hold,
            may_hold=("BTC", "USDT"),
        )
        lender = Lender(self._rest, self._clock, rng=Random(), patience=self._patience)
        self._executor = Executor(
            self._rest,
            reader,
            self._inbox,
            self._clock,
            patience=self._patience,
            lender=lender,
            is_forbidden=self._latch.foreign,
        )
        self._market = MarketStream(symbol=symbol, bar_minutes=settings.volatility.bar_minutes, patience=self._patience)
        self._private = PrivateStream(
            symbol=symbol,
            credentials=world.credentials,
            server_ms=self._rest.server_ms,
            patience=self._patience,
        )

    def _tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        hosts = self._world.hosts
        tasks: dict[str, Coroutine[Any, Any, None]] = {
            "engine": self._turn_the_wheel(),
            "beat": self._inbox.beat(),
            "journal": self._keep_journal(),
            "executor": self._executor.run(),
            "latch": self._latch_watch.run(),
            "preflight": self._checks.run(),
            "public stream": self._driven(self._market, hosts.public_stream),
            "private stream": self._driven(self._private, hosts.private_stream),
            "pulse": self._pulse.run(),
            "watchdog": Watchdog(self._pulse.vitals).run(),
            "alerts": self._alerts.run(),
        }
        if self._settings.web.enabled:
            tasks["web"] = self._window.run()
        if (telegram := wiring.telegram_options(self._settings)) is not None:
            hands = DaemonHands(self._desk, self.view)
            control = Control(telegram, view=self.view, vitals=self._pulse.vitals, hands=hands, rng=Random())
            tasks["telegram"] = control.run()
        if (options := wiring.context_options(self._settings)) is not None:
            tasks["funding context"] = self._listen(options)
        if (beat := wiring.heartbeat_options(self._settings)) is not None:
            tasks["heartbeat"] = Heartbeat(
                beat,
                view=self.view,
                vitals=self._pulse.vitals,
                journal_problem=lambda: self._engine.state.unwritable,
            ).run()
        if self._world.venue is not None:
            tasks["paper venue"] = self._watch(self._world.venue)
        elif self._rest.clock is None:
            tasks["clock"] = doubt(self._clock, self._rest)
        return tasks

    def _driven(self, stream: Stream, url: str) -> Coroutine[Any, Any, None]:
        family = self._world.hosts.family
        return drive(stream, url, self._inbox, rng=Random(), patience=self._patience, family=family)

    def _remember(self) -> None:
        """Fold what the journal tells; the venue's truth comes later, as on any day.

        Market time does not go back behind it: on a machine whose clock was put back, all that it remembers would lie ahead.
        """
        count = newest_ms = 0
        for record, at_ms in self._journal.recover():
            self._engine.recover(record, at_ms)
            count, newest_ms = count + 1, max(newest_ms, at_ms)
        if count:
            _log.info("remembered", records=count, journal=str(self._journal.path))
        if (behind_ms := newest_ms - self._clock.now_ms()) > 0:
            self._clock = self._clock.set_to(newest_ms)
            words = "time goes on from the journal's last record: this machine's clock stands before it"
            _log.warning(words, ms=behind_ms)

    # ------------------------------------------------------------------------------------------- tasks

    def _hear(self, event: Event) -> None:
        for command in self._engine.turn(event, self._clock.now_ms()):
            self._executor.submit(command)

    async def _turn_the_wheel(self) -> None:
        while True:
            self._hear(await self._inbox.next())

    async def _keep_journal(self) -> None:
        """Commit what no order waited for; now and then drop old prices. The engine hears when the disk fails, and when it is well."""
        keep_ms = int(self._settings.journal.keep_tickers_h * 3_600_000)
        pruned_s = elapsed_s()
        while True:
            await asyncio.sleep(COMMIT_S)
            problem = ""
            try:
                self._journal.commit()
                if elapsed_s() - pruned_s > PRUNE_S:
                    pruned_s = elapsed_s()
                    self._journal.prune(self._clock.now_ms() - keep_ms)
            except JournalFailed as failed:
                problem = str(failed)
            if problem != self._engine.state.unwritable:
                self._inbox.put(JournalSeen(writable=not problem, reason=problem))

    async def _watch(self, venue: paper.PaperVenue) -> None:
        raise SetUp(await venue.ended(), "Its own message is above; start again with: hedgelock run")

    async def _listen(self, options: ContextOptions) -> None:
        try:
            await context.listen(options, now_ms=self._clock.now_ms, put=self._inbox.put)
        except SetUp as error:  # nothing that another start would mend
            raise NotFit(error.problem, error.mend, ExitCode.SETTINGS) from error

    def _more(self) -> Mapping[str, object]:
        """What the window shows besides the view."""
        drill = self._drills.last()
        return {"alerts": self._alerts.document(), "drill": None if drill is None else asdict(drill)}

    def _queues(self) -> Mapping[str, QueueDepth]:
        return {
            "inbox": QueueDepth(depth=len(self._inbox), limit=INBOX_BOUND),
            "journal": QueueDepth(depth=self._journal.pending, limit=MOST_WAITING),
            **{name: QueueDepth(depth=used, limit=limit) for name, (used, limit) in self._budget.used().items()},
        }

    # ------------------------------------------------------------------------------------------- coming and going

    def _say_hello(self) -> None:
        settings = self._settings
        world = "paper: a local Bybit, recorded prices, no money" if self._world.venue else settings.mode.value
        _log.info(
            "HedgeLock",
            world=world,
            exchange=self._world.hosts.rest_url,
            speed=self._clock.rate,
            journal=str(self._journal.path),
        )
        if settings.web.enabled:
            _log.info("dashboard", open=self._window.doors.url, link="hedgelock dashboard")

    def _stop(self, reason: str) -> None:
        if self._asked_to_stop.is_set():
            return
        self._stop_reason = reason
        self._asked_to_stop.set()

    async def _leave(self) -> None:
        """Start nothing, finish what is in flight and the way home of a round trip, cancel what rests; the hedge stays on."""
        self._inbox.put(Stopping(reason=self._stop_reason))
        deadline_s = elapsed_s() + LEAVE_S
        while elapsed_s() < deadline_s:
            await asyncio.sleep(0.05)
            state = self._engine.state
            if state.stopping and not state.blotter.unsettled() and not state.is_on_a_round_trip:
                break
        else:
            _log.warning(
                "left in the middle of something; the next start asks what became of it, and goes on from there"
            )
        await self._executor.drain(max(0.1, deadline_s - elapsed_s()))


def _started(settings: Settings) -> Started:
    return Started(
        run=premises.new_run_name(settings.journal_path),
        version=__version__,
        mode=settings.mode.value,
        settings_hash=wiring.fingerprint(settings),
    )
