"""Five channels: what each is sent, what counts as proof, and what does not."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import respx

from bot.monitoring.alerts import channels, urls
from bot.monitoring.alerts.channels import NotDelivered
from bot.monitoring.alerts.words import Message, Occasion, Severity
from tests.unit.monitoring.alerts.postbox import a_mail_server

TELEGRAM = ("tgram://123456:AAH-token/42", "https://api.telegram.org/bot123456:AAH-token/sendMessage")
DISCORD = ("discord://987/tok-EN", "https://discord.com/api/webhooks/987/tok-EN?wait=true")
SLACK = ("slack://T0/B0/xyz", "https://hooks.slack.com/services/T0/B0/xyz")
WEBHOOK = ("jsons://hook.example/in?k=v", "https://hook.example/in?k=v")
HOSTILE = "<!channel> @everyone *bold* [x](http://evil.test) <script>"


def a_message(severity: Severity = Severity.CRITICAL, body: str = "the body") -> Message:
    return Message(severity=severity, occasion=Occasion.RAISED, subject="CRITICAL HedgeLock halted", body=body)


async def send(url: str, message: Message) -> str:
    async with channels.client() as http:
        return await channels.channel_for(urls.parse(url), http).send(message)


PROOFS = [
    ("Telegram", TELEGRAM, httpx.Response(200, json={"ok": True, "result": {"message_id": 7}}), "message 7"),
    ("Discord", DISCORD, httpx.Response(200, json={"id": "9"}), "message 9"),
    ("Slack", SLACK, httpx.Response(200, text="ok"), "ok"),
    ("webhook", WEBHOOK, httpx.Response(204), "status 204"),
]


@pytest.mark.parametrize(("name", "where", "answer", "proof"), PROOFS, ids=[case[0] for case in PROOFS])
async def test_an_answer_is_the_proof_of_delivery(
    name: str, where: tuple[str, str], answer: httpx.Response, proof: str
) -> None:
    """Each channel's own words count, not the status alone."""
    url, wire = where
    with respx.mock() as net:
        route = net.post(wire).mock(return_value=answer)

        assert proof == await send(url, a_message())

    assert "halted" in route.calls.last.request.content.decode()


NO_PROOF = [
    ("Telegram says no", TELEGRAM, httpx.Response(400, json={"ok": False, "description": "chat not found"}), False, 0),
    ("Telegram is full", TELEGRAM, httpx.Response(429, json={"parameters": {"retry_after": 3}}), True, 3),
    ("Telegram, 200 and no message", TELEGRAM, httpx.Response(200, json={"ok": True}), True, 0),
    ("Telegram, a page of a hotel", TELEGRAM, httpx.Response(200, text="<html>"), True, 0),
    ("Discord is full", DISCORD, httpx.Response(429, json={"retry_after": 1.5}), True, 1.5),
    ("Discord, no id", DISCORD, httpx.Response(200, json=[]), True, 0),
    ("Slack's webhook was revoked", SLACK, httpx.Response(404, text="no_service"), False, 0),
    ("Slack, 200 and other words", SLACK, httpx.Response(200, text="<html>"), True, 0),
    ("Slack wants rest", SLACK, httpx.Response(429, headers={"Retry-After": "2"}), True, 2),
    ("a webhook breaks", WEBHOOK, httpx.Response(503), True, 0),
    ("a webhook moves", WEBHOOK, httpx.Response(302, headers={"Location": "https://evil.test/"}), False, 0),
    ("nonsense for a wait", WEBHOOK, httpx.Response(429, headers={"Retry-After": "soon"}), True, 0),
]


@pytest.mark.parametrize(("name", "where", "answer", "again", "after_s"), NO_PROOF, ids=[case[0] for case in NO_PROOF])
async def test_no_proof_is_not_delivered(
    name: str, where: tuple[str, str], answer: httpx.Response, again: bool, after_s: float
) -> None:
    """A silent loss is the worst outcome of an alert; a polite one is known, and says whether to try again."""
    url, wire = where
    with respx.mock() as net:
        net.post(wire).mock(return_value=answer)
        with pytest.raises(NotDelivered) as caught:
            await send(url, a_message())

    assert (again, after_s) == (caught.value.again, caught.value.after_s)


@pytest.mark.parametrize("where", [TELEGRAM, DISCORD, SLACK, WEBHOOK], ids=["Telegram", "Discord", "Slack", "webhook"])
async def test_an_error_holds_no_secret(where: tuple[str, str]) -> None:
    """The library's own message names the URL, and the URL is the key."""
    url, wire = where
    with respx.mock() as net:
        net.post(wire).mock(side_effect=httpx.ConnectError(f"cannot reach {wire}"))
        with pytest.raises(NotDelivered) as caught:
            await send(url, a_message())

    assert ("no answer (ConnectError)", None) == (str(caught.value), caught.value.__cause__)


async def test_a_message_stays_text() -> None:
    """What a venue wrote cannot call everybody, link, or run."""
    bodies: dict[str, Any] = {}
    for name, (url, wire) in {"telegram": TELEGRAM, "discord": DISCORD, "slack": SLACK}.items():
        with respx.mock() as net:
            answer = {"telegram": PROOFS[0][2], "discord": PROOFS[1][2], "slack": PROOFS[2][2]}[name]
            route = net.post(wire).mock(return_value=answer)
            await send(url, a_message(body=HOSTILE))
        bodies[name] = json.loads(route.calls.last.request.content)

    assert "parse_mode" not in bodies["telegram"]
    assert bodies["discord"]["allowed_mentions"] == {"parse": []}
    assert "<!channel>" not in bodies["slack"]["text"]
    assert bodies["slack"]["mrkdwn"] is False


async def test_a_letter_is_taken_for_every_receiver() -> None:
    """Over real SMTP: envelope, subject, body, and the proof."""
    async with a_mail_server() as post:
        url = f"mailto://127.0.0.1:{post.port}/?from=bot@here.example&to=a@there.example,b@there.example"
        proof = await send(url, a_message(body="line one\r\nBcc: evil@there.example\n\nµ"))

    assert "taken for 2 of 2 receivers" == proof
    assert ["a@there.example", "b@there.example"] == post.letters[0].receivers
    assert "Subject: CRITICAL HedgeLock halted" in post.letters[0].text
    assert "evil@there.example" not in post.letters[0].text.split("\r\n\r\n")[0]


async def test_a_letter_that_one_of_two_receivers_got_is_not_sent_again_and_again() -> None:
    """A mistyped address must not fill the other one's box; the proof says how many it reached."""
    async with a_mail_server(unknown="b@there.example") as post:
        url = f"mailto://127.0.0.1:{post.port}/?from=bot@here.example&to=a@there.example,b@there.example"
        proof = await send(url, a_message())

    assert "taken for 1 of 2 receivers" == proof
    assert ["a@there.example"] == post.letters[0].receivers


@pytest.mark.parametrize(("code", "again"), [(451, True), (550, False)])
async def test_a_letter_that_is_refused_is_not_delivered(code: int, again: bool) -> None:
    """Not now is worth another try; never is not."""
    async with a_mail_server(refuse_data=code) as post:
        url = f"mailto://127.0.0.1:{post.port}/?from=bot@here.example&to=a@there.example"
        with pytest.raises(NotDelivered) as caught:
            await send(url, a_message())

    assert (f"answered {code}", again) == (caught.value.reason, caught.value.again)
