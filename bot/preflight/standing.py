"""The preflight of a running daemon: run before anything may trade, again until every fact is known, and every hour after that.

What was known once stands until the venue says otherwise: a page that does not answer, in a crash of all times, must not stop the hedge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from bot import premises
from bot.domain import names
from bot.domain.clock import elapsed_s
from bot.domain.errors import NotFit
from bot.domain.events import ChecksRun, OrderSeen
from bot.domain.ports import Inbox
from bot.exchange.inspector import Inspector
from bot.preflight import machine
from bot.preflight.checks import CHECKS
from bot.preflight.findings import Facts, Finding, Grade, against, findings, stopping
from bot.settings import Settings

__all__ = ["StandingChecks"]

_log = structlog.get_logger("hedgelock")

SOON_S, AGAIN_S = 1.5, 10.0
"""After facts that could not be had, and after failures that a person must mend."""
EVERY_S = 3600.0
_TOLD_BY_THE_JOURNAL = ("disk", "journal")


class StandingChecks:
    """`hold` before the tasks start, `run` as one of them: it raises NotFit for what no daemon should run with."""

    def __init__(
        self, settings: Settings, inspector: Inspector, inbox: Inbox, *, issued: Callable[[], Mapping[str, int]]
    ) -> None:
        self._settings, self._inspector, self._inbox, self._issued = settings, inspector, inbox, issued
        self._place = premises.place(settings.journal_path)
        self._known: dict[str, Finding] = {}
        """The last finding of each check that counts."""
        self._deaf: tuple[str, ...] = ()
        self._listen_again_s = 0.0
        self._look = machine.looker(settings.journal_path)

    def hold(self) -> None:
        """Nothing trades until the checks have been run."""
        self._inbox.put(ChecksRun(against=("under way",)))

    async def run(self) -> None:
        """Check until cancelled."""
        told: list[str] = []
        while True:
            found = await self._findings()
            if (finding := stopping(found)) is not None:
                raise NotFit(f"preflight, {finding.name}: {finding.line}", finding.mend, int(finding.code))
            for finding in found:
                line = f"{finding.name}: {finding.line}"
                if finding.grade is not Grade.PASS and line not in told:
                    told.append(line)
                    level = _log.info if finding.grade is Grade.WARN else _log.warning
                    level(
                        "preflight", check=finding.name, grade=finding.grade.value, says=finding.line, mend=finding.mend
                    )
            self._known |= {finding.name: finding for finding in found if not self._stands(finding)}
            reasons = against([self._known.get(finding.name, finding) for finding in found])
            self._inbox.put(ChecksRun(against=tuple(reasons)))
            is_unknown = any(finding.grade is Grade.UNKNOWN for finding in found)
            await asyncio.sleep(SOON_S if is_unknown else AGAIN_S if reasons else EVERY_S)

    def _stands(self, newer: Finding) -> bool:
        """Whether what was known before stands: against a riddle, and against a disk that fails under a daemon that has passed. Of that
        the journal tells with every commit, and what makes |delta| smaller goes on."""
        return newer.grade is Grade.UNKNOWN or (newer.grade is Grade.FAIL and newer.name in _TOLD_BY_THE_JOURNAL)

    async def against(self) -> list[str]:
        """What stands against trading now, looked at anew."""
        return against(await self._findings())

    async def _findings(self) -> list[Finding]:
        account, self._deaf, here = await asyncio.gather(self._inspector.inspect(), self._deaf_now(), self._look())
        here, issued = replace(here, deaf=self._deaf), self._issued()
        newest = account.newest_order
        if newest is not None and names.is_strange(newest.order_link_id, issued):
            self._inbox.put(
                OrderSeen(order=newest)
            )  # the engine's fence closes the latch; once told, it is old news here
        return findings(
            CHECKS, Facts(settings=self._settings, machine=here, account=account, place=self._place, issued=issued)
        )

    async def _deaf_now(self) -> tuple[str, ...]:
        """The channels that cannot be reached, looked at once an hour: the exchange may be asked far more often than that."""
        if elapsed_s() < self._listen_again_s:
            return self._deaf
        self._listen_again_s = elapsed_s() + EVERY_S
        return await machine.deaf(self._settings.alerts)
