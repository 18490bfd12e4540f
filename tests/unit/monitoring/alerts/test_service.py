"""The whole way: an engine that halts, a channel that confirms; and secrets that stay where they belong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import httpx
import respx

from bot import logs
from bot.domain.clock import elapsed_s
from bot.domain.commands import Mode, Note
from bot.domain.view import BotView
from bot.monitoring.alerts.service import AlertOptions, Alerts, try_out
from bot.monitoring.alerts.urls import secrets_of
from bot.monitoring.pulse import Vitals
from tests.build import a_view
from tests.overheard import overheard
from tests.patience import until

CANARY = "AAH-canary-token-0123456789"
FIRST = f"tgram://123456:{CANARY}/42"
SECOND = "slack://T0CANARY/B0CANARY/canary-of-slack-9876"
TELEGRAM = f"https://api.telegram.org/bot123456:{CANARY}/sendMessage"
SLACK = "https://hooks.slack.com/services/T0CANARY/B0CANARY/canary-of-slack-9876"
TAKEN = httpx.Response(200, json={"ok": True, "result": {"message_id": 1}})


class Seen:
    view: BotView = a_view()


@asynccontextmanager
async def running(seen: Seen, *urls: str) -> AsyncIterator[Alerts]:
    alerts = Alerts(AlertOptions(urls=urls), view=lambda: seen.view, vitals=lambda: Vitals(up_s=1.0), rng=Random(1))
    task = asyncio.create_task(alerts.run())
    try:
        yield alerts
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_halt_reaches_a_person_on_both_channels() -> None:
    """Critical: every way at once, with proof, and within five seconds of the halt (RTS 6, article 16)."""
    seen = Seen()
    with respx.mock() as net:
        telegram = net.post(TELEGRAM).mock(return_value=TAKEN)
        slack = net.post(SLACK).mock(return_value=httpx.Response(200, text="ok"))
        async with running(seen, FIRST, SECOND) as alerts:
            seen.view, halted_s = replace(a_view(), mode=Mode.HALTED, why="a person said so"), elapsed_s()
            await until(lambda: alerts.standing.delivered == 2)
            assert elapsed_s() - halted_s < 5
            shown = alerts.document()

    assert (True, True) == (telegram.called, slack.called)
    assert [("halted", "critical")] == [(a["kind"], a["severity"]) for a in shown["standing"]]
    assert b"What to do: docs/alerts.md#halted" in telegram.calls[0].request.content


async def test_a_note_of_the_journal_falls_back_to_the_second_channel() -> None:
    """The first is down; within its patience the second has it, and the failure is shown."""
    seen = Seen()
    with respx.mock() as net:
        net.post(TELEGRAM).mock(return_value=httpx.Response(401))
        net.post(SLACK).mock(return_value=httpx.Response(200, text="ok"))
        async with running(seen, FIRST, SECOND) as alerts:
            alerts.hear(Note(severity="warning", kind="stalled", text="it stood still for 70 s"))
            await until(lambda: alerts.standing.delivered == 1)

            assert {"Telegram": "answered 401"} == alerts.document()["errors"]


async def test_hearing_is_bounded_and_never_waits() -> None:
    """Ten thousand notes while nobody looks cost ten thousand appends and the room of a few hundred."""
    seen = Seen()
    alerts = Alerts(AlertOptions(), view=lambda: seen.view, vitals=lambda: Vitals(up_s=1.0), rng=Random(1))
    for number in range(10_000):
        alerts.hear(Note(severity="warning", kind="stalled", text=str(number)))

    with respx.mock():
        async with running(seen) as other:
            other.hear(Note(severity="warning", kind="stalled", text="no channel is set"))
            await asyncio.sleep(0)

    assert 0 == alerts.standing.waiting


async def test_a_view_that_cannot_be_read_silences_nothing_later() -> None:
    """The picture breaks once; the task lives."""
    seen = Seen()
    seen.view = None  # type: ignore[assignment]
    async with running(seen) as alerts:
        await asyncio.sleep(0)

        assert [] == alerts.document()["standing"]


async def test_the_trial_says_what_each_channel_said() -> None:
    """`hedgelock alerts test`: every channel, proof or reason."""
    with respx.mock() as net:
        net.post(TELEGRAM).mock(return_value=TAKEN)
        net.post(SLACK).mock(return_value=httpx.Response(404, text="no_service"))

        receipts = await try_out(AlertOptions(urls=(FIRST, SECOND)), rng=Random(1))

    assert [("Telegram", "message 1", ""), ("Slack", "", "answered 404")] == [
        (r.channel, r.proof, r.error) for r in receipts
    ]


async def test_no_address_appears_anywhere() -> None:
    """Canaries: not in logs at debug, not in the options' repr, not in what the dashboard is told."""
    options = AlertOptions(urls=(FIRST, SECOND))
    with overheard() as stream, respx.mock() as net:
        logs.configure(level="debug", form="json", secrets=[*secrets_of(FIRST), *secrets_of(SECOND)], stream=stream)
        net.post(TELEGRAM).mock(side_effect=httpx.ConnectError(f"cannot reach {TELEGRAM}"))
        net.post(SLACK).mock(return_value=httpx.Response(500, text=SLACK))
        receipts = await try_out(options, rng=Random(1))

    said = stream.getvalue() + repr(options) + repr(receipts)
    assert "alert not delivered" in said
    assert [] == [canary for canary in (CANARY, "canary-of-slack", "T0CANARY") if canary in said]
