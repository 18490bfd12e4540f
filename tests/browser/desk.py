"""A page to look at: an honest story for the dashboard to show, and a browser to show it in.

`python -m tests.browser.desk` serves the story on a free loopback port until interrupted.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

from bot.domain.clock import MarketClock
from bot.domain.commands import Outcome
from bot.domain.events import Verb
from bot.domain.view import BotView, VerbAnswer, VerbOffer, VerbPreview, WhatIfView
from bot.engine import outlook
from bot.monitoring.doors import WebOptions, open_doors
from bot.monitoring.pulse import Pulse, QueueDepth
from bot.monitoring.web import Web
from bot.review.archive import JournalArchive
from bot.strategy.what_if import DEFAULT_POLICY, WhatIfBook
from tests import past
from tests.build import NOW_MS, a_decision, a_view, an_order_view

D = Decimal
STEPS = (
    "0",
    "0.002",
    "0.003",
    "0.001",
    "0.004",
    "0.006",
    "0.008",
    "0.007",
    "0.009",
    "0.012",
    "0.000",
    "-0.001",
    "0.001",
)


def a_story() -> BotView:
    """A quiet hour after the first hedge: holds, one refusal, orders that ended in every way."""
    hold = a_decision(
        0, outcome=Outcome.HOLD, reason="the gap is inside the no-trade band", delta=D("0.004"), gap=D("-0.004")
    )
    refuse = replace(hold, outcome=Outcome.REFUSE, reason="the price is stale and the trade would grow |delta|")
    told = [replace(hold, number=n) for n in range(40, 28, -1)]
    told += [replace(a_decision(28), delta=D("0.012"), gap=D("-0.012"), reason="the gap left the no-trade band")]
    told += [replace(refuse, number=27), replace(refuse, number=26)]
    told += [replace(hold, number=n) for n in range(25, 2, -1)]
    told += [a_decision(2, reason="the policy is new or changed: the whole gap counts, not the band")]
    return a_view(
        decisions=tuple((NOW_MS - 60_000 * i, decided) for i, decided in enumerate(told)),
        orders=(
            an_order_view("hl-k3-0008-S", **_SHORT, qty=D("0.012"), state="open", at_ms=NOW_MS - 2_000),
            an_order_view("hl-k3-0007-S", **_SHORT, qty=D("0.007"), state="unknown", reason="no answer within 10 s"),
            an_order_view("hl-k3-0006-S", **_SHORT | {"filled": D("0.003")}, qty=D("0.007"), state="cancelled"),
            an_order_view("hl-k3-0005-S", **_SHORT, qty=D("0.005"), state="refused", reason="110007: no margin"),
            *a_view().orders,
        ),
    )


_SHORT = {"leg": "short", "act": "grow", "filled": D(0), "avg_price": None}


class Story:
    """A view that moves: time runs at the tape's rate and delta wanders through its band."""

    def __init__(self, view: BotView) -> None:
        self.view = view
        self._clock = MarketClock(origin_ms=view.now_ms, rate=view.speed)

    def __call__(self) -> BotView:
        now_ms = self._clock.now_ms()
        beat = (now_ms - self.view.started_ms if self.view.started_ms else now_ms) // 60_000
        delta = D(STEPS[beat % len(STEPS)])
        book, market = self.view.book, self.view.market
        drift = D(beat % 97) * D("1.3")
        return replace(
            self.view,
            now_ms=now_ms,
            book=replace(book, delta=delta, spot=D("0.27") + delta),
            target=replace(self.view.target, gap=-delta),
            market=replace(market, mark=D(116_000) + drift, last=D("116000.10") + drift),
        )


TOKEN, VERB_TOKEN = "a-token-of-at-least-22-characters", "a-verb-token-of-the-tests-0123456789"


class VerbBook:
    """Takes verbs as the daemon's desk does, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.leaves = VerbPreview(
            verb="flatten", long=D(0), short=D(0), delta=D("0.27"), ltv=0.5172, liquidation=D(61_578)
        )

    def offers(self) -> tuple[VerbOffer, ...]:
        return (
            VerbOffer(verb=Verb.PAUSE, what="decide and show, send nothing", needs_reason=True),
            VerbOffer(verb=Verb.REHEDGE, what="decide now, and trade if the gap is worth an order"),
            VerbOffer(verb=Verb.FLATTEN, what="cancel, close both legs", confirm="flatten paper", leaves=self.leaves),
            VerbOffer(verb=Verb.REPAY, what="repay USDT of the loan", takes_amount=True),
        )

    async def ask(self, verb: Verb, *, reason: str, confirm: str, who: str, amount: Decimal | None) -> VerbAnswer:
        self.asked.append((verb.value, reason))
        if verb is Verb.REPAY and amount is None:
            return VerbAnswer(accepted=False, text="say how much")
        return VerbAnswer(accepted=True, text=f"{verb.value}: taken in")


async def what_if() -> tuple[WhatIfView, ...]:
    """A book at other prices, as the strategy reckons it."""
    book = WhatIfBook(
        0, 116_000.0, 0.27, 0.051, 115_200.0, 0.321, 115_620.5, 16_200.0, 0.0, 0.0, 1.0, 0.00555, 0.04, 0.95
    )
    return outlook.what_if_rows(book, DEFAULT_POLICY, (-0.6, -0.3, -0.1, 0.0, 0.1, 0.3, 0.6, 1.0))


@cache
def a_past() -> Path:
    """The journal of `tests.past`, written once per process."""
    path = Path(tempfile.mkdtemp(prefix="hedgelock-past-")) / "journal.sqlite"
    past.write(path)
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    return path


@asynccontextmanager
async def served(
    view: Callable[[], BotView],
    *,
    verbs: VerbBook | None = None,
    more: Callable[[], Mapping[str, object]] = dict,
    **options: object,
) -> AsyncIterator[Web]:
    """The dashboard on a free port, with the vitals of this very loop, a journal of three days and a desk for verbs."""
    archive = JournalArchive(a_past(), symbol="BTCUSDT")
    pulse = Pulse(lambda: {"inbox": QueueDepth(depth=3, limit=4_096), "executor": QueueDepth(depth=0, limit=64)})
    known = {"port": 0, "metrics_port": 0, "token": TOKEN, "verb_token": VERB_TOKEN, **options}
    chosen = WebOptions(**known)  # type: ignore[arg-type]
    web = Web(
        chosen,
        await open_doors(chosen),
        view=view,
        vitals=pulse.vitals,
        archive=archive,
        verbs=verbs or VerbBook(),
        what_if=what_if,
        more=more,
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(pulse.run()), group.create_task(web.run())]
        try:
            yield web
        finally:
            archive.close()
            for task in tasks:
                task.cancel()


async def _main() -> None:
    async with served(Story(a_story())) as web:
        sys.stdout.write(f"{web.doors.link(TOKEN)}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
