"""The operator's desk, and the doors to it over a real socket: token, origin, JSON, typed phrase, reason."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.domain.commands import Mode, PaymentPlanned, Trigger
from bot.domain.events import LatchSeen, OperatorAsked, Verb
from bot.domain.loan import Purse, Structure
from bot.engine.config import EngineConfig
from bot.engine.repayment import ALARMING_SEEKS, Payment, Step
from bot.inbox import Inbox
from bot.journal.latch import NAME, Latch
from bot.monitoring.doors import WebOptions, open_doors
from bot.monitoring.pulse import Vitals
from bot.monitoring.web import Web
from bot.verbs import Desk
from scripts.kill import latch as kill_latch
from tests.build import a_view
from tests.unit.engine.desk import Desk as Engine
from tests.unit.engine.desk import a_config

TOKEN = "a-token-of-at-least-22-characters"
READS = "another-one-that-only-reads-0123"
GOOD = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


class Office:
    """A desk over a started engine, and its window."""

    def __init__(self, folder: Path, config: EngineConfig | None = None) -> None:
        self.engine, self.inbox, self.against = Engine(config), Inbox(), list[str]()
        self.engine.start()
        self.engine.pulse(1)
        self.latch = Latch(folder / "journal.sqlite")

        async def preflight() -> list[str]:
            return self.against

        self.desk = Desk(self.engine.engine, self.inbox, self.latch, world="paper", preflight=preflight)

    async def ask(self, verb: Verb, **words: Any) -> tuple[bool, list[object]]:
        asked = {"reason": "", "confirm": "", "who": "me", "amount": None} | words
        answer = await self.desk.ask(verb, **asked)
        return answer.accepted, [await self.inbox.next() for _ in range(len(self.inbox))]


async def test_an_emergency_is_confirmed_by_phrase_and_latched_before_it_is_heard(tmp_path: Path) -> None:
    """The phrase names the world; a restart before the engine heard of it starts halted all the same."""
    office = Office(tmp_path)

    assert (False, []) == await office.ask(Verb.FLATTEN, confirm="flatten")
    assert not office.latch.state().closed
    accepted, heard = await office.ask(Verb.FLATTEN, confirm="flatten paper", reason="enough")

    assert accepted
    assert [OperatorAsked(verb=Verb.FLATTEN, reason="enough", who="me")] == heard
    assert "flatten by me: enough" == office.latch.state().reason


async def test_resume_needs_a_reason_and_a_clean_preflight(tmp_path: Path) -> None:
    """What stands against trading keeps the latch closed."""
    office = Office(tmp_path)
    office.latch.close("freeze by me: now")
    office.engine.hear(LatchSeen(closed=True, reason="freeze by me: now"))
    assert Mode.HALTED is office.engine.state.mode

    assert (False, []) == await office.ask(Verb.RESUME)
    office.against = ["margin mode: ISOLATED_MARGIN"]
    assert (False, []) == await office.ask(Verb.RESUME, reason="looked")
    assert office.latch.state().closed

    office.against = []
    accepted, heard = await office.ask(Verb.RESUME, reason="looked")
    for event in heard:
        office.engine.hear(event)  # type: ignore[arg-type]
    office.engine.pulse(1)

    assert accepted
    assert not office.latch.state().closed
    assert Mode.TRADING is office.engine.state.mode


async def test_a_resume_tells_which_payment_it_takes_for_paid(tmp_path: Path) -> None:
    """Whoever resumes for another reason hears what else it means."""
    office = Office(tmp_path)
    plan = PaymentPlanned(
        number=7, trigger=Trigger.BY_HAND, why="", structure=Structure.UTA, amount=D("500.000007"), to_transfer=D(0), source=Purse.UNIFIED,
        debt_before=D(16200), interest_before=D(0), from_profit=D(0), from_pot=D(0), from_reserve=D(0),
    )  # fmt: skip
    payment = Payment(plan=plan, planned_ms=0, step=Step.REPAY_UNKNOWN, seeks=ALARMING_SEEKS, fallen_to=D(15700))
    office.engine.state.loan.payments.append(payment)

    answer = await office.desk.ask(Verb.RESUME, reason="it is there", confirm="", who="me", amount=None)

    assert "taken for paid: payment 7 of 500.000007 USDT" in answer.text


async def test_an_emergency_that_could_send_nothing_is_not_begun(tmp_path: Path) -> None:
    """An earlier run's latch is closed, the disk takes no other: each order was made and turned away, every second, without a word."""
    office = Office(tmp_path)
    Latch(tmp_path / "journal.sqlite").close("freeze by me: last week")
    office.latch.path.with_name(f"{NAME}.{os.getpid()}.new").mkdir()  # the disk takes nothing

    answer = await office.desk.ask(Verb.FLATTEN, reason="now", confirm="flatten paper", who="me", amount=None)

    assert not answer.accepted
    assert "scripts/kill_switch.py flatten --yes" in answer.text
    assert 0 == len(office.inbox)
    assert (await office.ask(Verb.FREEZE, reason="now", confirm="freeze paper"))[0], "it sends nothing anyway"


async def test_a_disk_that_takes_no_latch_keeps_nobody_from_flattening(tmp_path: Path) -> None:
    """Nothing is closed there that would hold its orders back."""
    office = Office(tmp_path)
    office.latch.path.with_name(f"{NAME}.{os.getpid()}.new").mkdir()

    assert (await office.ask(Verb.FLATTEN, reason="now", confirm="flatten paper"))[0]


@pytest.mark.parametrize(("orders", "is_said"), [(20, False), (2, True)])
async def test_whoever_asks_for_cash_is_told_how_far_one_asking_reaches(
    tmp_path: Path, orders: int, is_said: bool
) -> None:
    """A minute of two orders closes and opens again 0.1 BTC of a leg of 0.213."""
    limits = replace(a_config().limits, max_orders_per_minute=orders, max_order=D("0.1"))
    office = Office(tmp_path, a_config(limits=limits))

    answer = await office.desk.ask(Verb.REALISE, reason="", confirm="", who="me", amount=None)

    assert answer.accepted
    assert is_said == ("0.100 BTC of a leg" in answer.text and "ask again" in answer.text)


async def test_only_what_takes_an_amount_gets_one(tmp_path: Path) -> None:
    """A number that nobody reads is a misunderstanding."""
    assert (False, []) == await Office(tmp_path).ask(Verb.REHEDGE, amount=D(5))


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[tuple[Office, str, aiohttp.ClientSession]]:
    office = Office(tmp_path)
    options = WebOptions(port=0, metrics_port=0, token=READS, verb_token=TOKEN)
    web = Web(options, await open_doors(options), view=a_view, vitals=lambda: Vitals(up_s=1.0), verbs=office.desk)
    serving = asyncio.create_task(web.run())
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as client:
        yield office, f"http://127.0.0.1:{web.doors.port}/api/v1/verbs", client
    serving.cancel()
    await asyncio.wait([serving], timeout=5)


DOORS = [
    # name, verb, headers, body, status
    ("no token", "freeze", {"Content-Type": "application/json"}, "{}", 401),
    ("a wrong token", "freeze", GOOD | {"Authorization": "Bearer no"}, "{}", 401),
    ("a token that reads", "freeze", GOOD | {"Authorization": f"Bearer {READS}"}, "{}", 403),
    ("a form", "freeze", GOOD | {"Content-Type": "application/x-www-form-urlencoded"}, "a=b", 415),
    ("plain text", "freeze", GOOD | {"Content-Type": "text/plain"}, "{}", 415),
    ("another origin", "freeze", GOOD | {"Origin": "http://evil.example"}, "{}", 403),
    ("another site", "freeze", GOOD | {"Sec-Fetch-Site": "cross-site"}, "{}", 403),
    ("another host", "freeze", GOOD | {"Host": "evil.example"}, "{}", 421),
    ("no such verb", "explode", GOOD, "{}", 404),
    ("no JSON", "freeze", GOOD, "{", 400),
    ("unknown words", "freeze", GOOD, '{"size": 1}', 400),
    ("a bad amount", "repay", GOOD, '{"amount_usdt": "NaN"}', 400),
    ("not confirmed", "freeze", GOOD, '{"confirm": "yes"}', 409),
    ("no reason", "pause", GOOD, "{}", 409),
    ("as it should be", "pause", GOOD, '{"reason": "lunch"}', 202),
]


@pytest.mark.parametrize(("name", "verb", "headers", "body", "status"), DOORS, ids=[case[0] for case in DOORS])
async def test_the_doors(
    name: str,
    verb: str,
    headers: dict[str, str],
    body: str,
    status: int,
    window: tuple[Office, str, aiohttp.ClientSession],
) -> None:
    """Whatever is not exactly a verb of ours changes nothing."""
    office, url, client = window

    async with client.post(f"{url}/{verb}", data=body, headers=headers) as answer:
        assert status == answer.status

    assert (status == 202) is (len(office.inbox) == 1)


async def test_the_token_that_reads_is_no_guess(window: tuple[Office, str, aiohttp.ClientSession]) -> None:
    """A page that reads and tries a verb, again and again, is not locked out of reading for it."""
    _, url, client = window
    reads = {"Authorization": f"Bearer {READS}"}

    for _ in range(7):
        async with client.post(f"{url}/pause", json={"reason": "lunch"}, headers=reads) as answer:
            assert 403 == answer.status
    async with client.get(url, headers=reads) as answer:
        assert 200 == answer.status


async def test_the_list_says_what_each_leaves(window: tuple[Office, str, aiohttp.ClientSession]) -> None:
    """Delta, LTV and liquidation price, before anybody confirms."""
    _, url, client = window

    async with client.get(url, headers={"Authorization": f"Bearer {READS}"}) as answer:
        offers = {offer["verb"]: offer for offer in json.loads(await answer.text())["verbs"]}

    assert {verb.value for verb in Verb} == set(offers)
    assert "flatten paper" == offers["flatten"]["confirm"]
    assert "0.27" == offers["flatten"]["leaves"]["delta_btc"].rstrip("0") or offers["flatten"]["leaves"]["delta_btc"]
    assert offers["pause"]["leaves"] is None


@pytest.mark.parametrize("is_latched", [True, False])
async def test_a_latch_that_is_closed_while_a_resume_is_looked_into_stays(is_latched: bool, tmp_path: Path) -> None:
    """Somebody asked to go on, and before the preflight was through somebody else pulled the kill switch: with the same words, perhaps."""
    office = Office(tmp_path)
    if is_latched:
        kill_latch.close([office.latch.path], "flatten", "kill switch: flatten")

    async def preflight() -> list[str]:
        kill_latch.close([office.latch.path], "flatten", "kill switch: flatten")
        return []

    office.desk._preflight = preflight
    answer = await office.desk.ask(Verb.RESUME, reason="seen", confirm="", who="me", amount=None)

    assert not answer.accepted
    assert "closed meanwhile" in answer.text
    assert office.latch.state().closed
    assert 0 == len(office.inbox)
