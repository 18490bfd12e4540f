"""Remote control, over real HTTP: a small Telegram on loopback on one side, the daemon's hands on the other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from random import Random
from typing import Any

import pytest
from aiohttp import web

from bot.domain.clock import wall_ms
from bot.domain.commands import Mode
from bot.domain.view import BreakerView
from bot.monitoring.pulse import Vitals
from bot.monitoring.telegram import answers
from bot.monitoring.telegram.codes import LIVES_S, Codes, Refused
from bot.monitoring.telegram.control import Control, TelegramOptions
from tests.build import a_view
from tests.patience import until

OWNER, GROUP, STRANGER = 42, -1001, 666
TOKEN = "123456:AAH-canary-token"


class FakeTelegram:
    """As much of the Bot API as a conversation needs; it remembers what was said to whom."""

    def __init__(self) -> None:
        self.said: list[tuple[int, str]] = []
        self.refusals: list[int] = []
        self.asked = 0
        self.behind_s = 0
        self._updates: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def write(self, text: str, *, chat: int = OWNER, sender: int = OWNER, age_s: int = 0) -> None:
        message = {"chat": {"id": chat}, "from": {"id": sender}, "date": wall_ms() // 1000 - age_s, "text": text}
        self._updates.append({"update_id": 100 + len(self._updates), "message": message})
        self._news.set()

    def put(self, update: dict[str, Any]) -> None:
        self._updates.append({"update_id": 100 + len(self._updates), **update})
        self._news.set()

    async def get_updates(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.refusals:
            return web.json_response({"ok": False}, status=self.refusals.pop(0))
        offset = (await request.json())["offset"]
        while not (fresh := [u for u in self._updates if u["update_id"] >= offset]):
            self._news.clear()
            await self._news.wait()
        date = formatdate(wall_ms() / 1000 - self.behind_s, usegmt=True)
        return web.json_response({"ok": True, "result": fresh}, headers={"Date": date})

    async def send_message(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.said.append((body["chat_id"], body["text"]))
        return web.json_response({"ok": True, "result": {"message_id": len(self.said)}})


class FakeHands:
    """Takes verbs and remembers who asked."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, str]] = []

    @property
    def verbs(self) -> Mapping[str, str]:
        return {"pause": "Send nothing until resumed.", "flatten": "Close both legs."}

    def preview(self, verb: str) -> tuple[str, ...]:
        return ("delta would be +0.2700 BTC",)

    async def ask(self, verb: str, *, who: str, reason: str) -> str:
        self.done.append((verb, who, reason))
        return "asked for"


class Talk:
    def __init__(self, telegram: FakeTelegram, hands: FakeHands, control: Control) -> None:
        self.telegram, self.hands, self.control = telegram, hands, control

    async def ask(self, text: str, **who: int) -> str:
        """What the bot answers to this."""
        before = len(self.telegram.said)
        self.telegram.write(text, **who)
        await until(lambda: len(self.telegram.said) > before)
        return self.telegram.said[-1][1]


@asynccontextmanager
async def talking(**options: Any) -> AsyncIterator[Talk]:
    telegram, hands = FakeTelegram(), FakeHands()
    app = web.Application()
    app.router.add_post(f"/bot{TOKEN}/getUpdates", telegram.get_updates)
    app.router.add_post(f"/bot{TOKEN}/sendMessage", telegram.send_message)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    control = Control(
        TelegramOptions(token=TOKEN, chats=frozenset({OWNER, GROUP}), api_url=f"http://127.0.0.1:{port}", **options),
        view=a_view,
        vitals=lambda: Vitals(up_s=3600.0, loop_lag_ms=2.0),
        hands=hands,
        rng=Random(1),
    )
    task = asyncio.create_task(control.run())
    try:
        yield Talk(telegram, hands, control)
    finally:
        task.cancel()
        await asyncio.wait([task])
        await runner.cleanup()


ANSWERS = [
    ("/status", "TRADING: streams are fresh", "Delta 0.000 BTC"),
    ("/book", "Spot 0.27 BTC", "Short 0.321 BTC from 115,620.50 USDT"),
    ("/why", "Decision", "volatility"),
    ("/pnl", "Funding 2.21 USDT", "Total 33.30 USDT"),
    (
        "/loan",
        "LTV 51.7% (rung MONITOR, WARNING from 65%)",
        "Liquidated below no price seen",
        "Interest 2.66 USDT a day",
    ),
    ("/funding", "Rate 0.0100% per 8 h", "Next payment 3.13 USDT in 117 min"),
    ("/health", "trading: yes", "private stream: up"),
    ("/help", "/why the last decision", "/flatten Close both legs."),
    ("/status@hedge_bot", "TRADING", "paper"),
    ("what?", "what? is not a command", "/status"),
]


def test_the_status_says_what_is_wrong_and_what_to_do() -> None:
    """From the chat alone one knows the first step; a loan that was not reckoned is not one that no price liquidates."""
    breaker = BreakerView(
        name="drawdown", tripped=True, figure=0.6, limit=0.5, unit="of equity", resets="a person resumes"
    )
    loan = replace(a_view().loan, rung="UNKNOWN", ltv=None)
    said = answers.answer(
        "status", a_view(mode=Mode.HALTED, why="a person said so", breakers=(breaker,), loan=loan), Vitals(up_s=1.0)
    )

    assert "HALTED: a person said so\nRead the reason, compare the legs" in said
    assert "Breaker tripped: drawdown; no leg grows until a person resumes" in said
    assert "LTV unknown, margin used 2.1%\nLiquidated below unknown, above unknown" in said


async def test_every_question_is_answered_with_units() -> None:
    """Eight commands, each with figures, units and the world they are of."""
    async with talking() as talk:
        for question, *wanted in ANSWERS:
            said = await talk.ask(question)
            assert (question, []) == (question, [text for text in wanted if text not in said])


async def test_a_verb_needs_its_code() -> None:
    """Preview first; the code that was sent does it, once, and in the asker's name."""
    async with talking() as talk:
        preview = await talk.ask("/flatten the exchange is on fire")
        code = re.search(r"/confirm (\d{6})", preview)
        assert code is not None

        await talk.ask(f"/confirm {code[1]}")
        again = await talk.ask(f"/confirm {code[1]}")

    assert "delta would be +0.2700 BTC" in preview
    assert [("flatten", "telegram 42", "the exchange is on fire")] == talk.hands.done
    assert "No verb waits" in again


async def test_a_wrong_code_does_nothing_and_three_forget_it() -> None:
    """Guessing ends after three tries."""
    async with talking() as talk:
        await talk.ask("/pause")
        said = [await talk.ask("/confirm 0") for _ in range(4)]

    assert ["Wrong code.", "Wrong code.", "Wrong code, three times: the verb is forgotten."] == said[:3]
    assert ([], True) == (talk.hands.done, said[3].startswith("No verb waits"))


async def test_strangers_hear_nothing() -> None:
    """Not even that there is a bot; and what they wrote is counted."""
    async with talking() as talk:
        talk.telegram.write("/flatten", chat=STRANGER, sender=STRANGER)
        talk.telegram.write("/status", chat=STRANGER, sender=OWNER)
        await talk.ask("/status")

    assert ({OWNER}, 2) == ({chat for chat, _ in talk.telegram.said}, talk.control.strangers)


async def test_in_a_group_only_a_listed_person_may_act() -> None:
    """The group may ask; somebody else in it may not pause, nor confirm what the owner asked for."""
    async with talking() as talk:
        refused = await talk.ask("/pause", chat=GROUP, sender=STRANGER)
        preview = await talk.ask("/pause", chat=GROUP, sender=OWNER)
        code = re.search(r"\d{6}", preview)
        assert code is not None
        stolen = await talk.ask(f"/confirm {code[0]}", chat=GROUP, sender=STRANGER)

    assert "only from a person who is listed" in refused
    assert ("Only who asked for the verb can confirm it.", []) == (stolen, talk.hands.done)


async def test_an_old_letter_is_not_done() -> None:
    """What was written while the daemon was down is about another hour."""
    async with talking() as talk:
        talk.telegram.write("/pause", age_s=600)
        await talk.ask("/status")

    assert 1 == len(talk.telegram.said)


async def test_a_letter_is_as_old_as_telegram_says(caplog: pytest.LogCaptureFixture) -> None:
    """A machine whose clock runs ahead is not deaf, and one whose clock is behind does nothing late."""
    async with talking() as talk:
        talk.telegram.behind_s = 900
        talk.telegram.write("/status", age_s=900)
        await until(lambda: len(talk.telegram.said) == 1)
        talk.telegram.behind_s = -900
        talk.telegram.write("/pause", age_s=-300)  # ten minutes old there
        await talk.ask("/book", age_s=-900)

    assert 2 == len(talk.telegram.said)


async def test_a_letter_that_breaks_something_ends_neither_talk_nor_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails, the next letter is answered."""
    async with talking() as talk:
        say, refused = talk.control._wire.say, []

        async def say_late(chat: int, text: str) -> None:
            if not refused:
                refused.append(text)
                raise UnicodeEncodeError("utf-8", text, 0, 1, "surrogates not allowed")
            await say(chat, text)

        monkeypatch.setattr(talk.control._wire, "say", say_late)
        talk.telegram.write("/status")
        await until(lambda: bool(refused))

        assert "Spot" in await talk.ask("/book")


async def test_it_tells_only_where_verbs_are_off() -> None:
    """A read-only bot does not know the verbs, nor a code for them."""
    async with talking(takes_verbs=False) as talk:
        said = [await talk.ask("/pause"), await talk.ask("/confirm 123456")]

    assert "pause is not a command" in said[0]
    assert "This bot takes no verbs." == said[1]


ODD = [
    {},
    {"message": None},
    {"message": {"chat": {"id": OWNER}}},
    {"message": {"chat": {"id": "42"}, "from": {"id": OWNER}, "date": 1, "text": "/status"}},
    {"edited_message": {"chat": {"id": OWNER}, "from": {"id": OWNER}, "date": 1, "text": "/status"}},
    {"message": {"chat": {"id": OWNER}, "from": {"id": OWNER}, "date": 10**12, "photo": []}},
]


async def test_odd_updates_are_passed_over() -> None:
    """Photos, edits and nonsense end nothing."""
    async with talking() as talk:
        for update in ODD:
            talk.telegram.put(update)

        assert "TRADING" in await talk.ask("/status")
    assert 1 == len(talk.telegram.said)


async def test_a_server_that_fails_is_asked_again() -> None:
    """A cut line is mended; nothing is lost by it."""
    async with talking() as talk:
        talk.telegram.refusals = [502]

        assert "TRADING" in await talk.ask("/status")
        await until(lambda: talk.telegram.asked >= 2)


def test_the_token_is_not_in_a_repr() -> None:
    """Options are printed in tracebacks."""
    assert "canary" not in repr(TelegramOptions(token=TOKEN, chats=frozenset({1})))


def test_a_code_lives_a_minute() -> None:
    """A verb from another hour is not done."""
    codes = Codes()
    code = codes.issue(OWNER, OWNER, "pause", "", now_s=0.0)

    with pytest.raises(Refused, match="No verb waits"):
        codes.redeem(OWNER, OWNER, code, now_s=LIVES_S + 1)
