"""Five ways to a person, and how each proves that a message arrived.

| channel | proof | source |
|---|---|---|
| Telegram | `ok` and the message's number in the answer | Telegram Bot API, sendMessage |
| Discord | with `wait=true` the stored message comes back with its id | Discord, Execute Webhook |
| Slack | status 200 and the body `ok` | Slack, Sending messages using incoming webhooks |
| webhook | any status from 200 to 299 | |
| mail | the server took it, and says for how many receivers (RFC 5321, 250 after DATA) | |

Texts are sent as plain text: nothing in a message can become markup, a mention or a header. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Protocol, assert_never

import httpx
import msgspec

from bot.domain.clock import wall_ms
from bot.monitoring.alerts import urls
from bot.monitoring.alerts.urls import Address
from bot.monitoring.alerts.words import Message, Severity

__all__ = ["TIMEOUT_S", "Channel", "NotDelivered", "channel_for", "client", "unreachable"]

TIMEOUT_S = 4.0
"""Patience with one attempt at one channel."""

TELEGRAM, DISCORD, SLACK = "https://api.telegram.org", "https://discord.com", "https://hooks.slack.com"

_COLOURS = {Severity.INFO: 0x1D5AB0, Severity.WARNING: 0xC77700, Severity.CRITICAL: 0xB3251C}


class NotDelivered(Exception):
    """No proof of arrival. `again` says whether asking again may help, `after_s` how long the channel wants to be left alone."""

    def __init__(self, reason: str, *, again: bool, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.after_s = after_s


class Channel(Protocol):
    """One address. `send` returns the channel's own proof of arrival, or raises NotDelivered."""

    @property
    def name(self) -> str: ...

    async def send(self, message: Message) -> str: ...


def client() -> httpx.AsyncClient:
    """The one HTTP client of the alerts: no proxies of the environment, no redirects, short patience."""
    return httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)


async def unreachable(address: Address) -> str:
    """Why the machine behind an address cannot be connected to, without naming it; "" where it can. No message is sent."""
    match address:
        case urls.Mail():
            host, port = address.host, address.port
        case _:
            own = {urls.Telegram: TELEGRAM, urls.Discord: DISCORD, urls.Slack: SLACK}
            url = httpx.URL(address.url if isinstance(address, urls.Webhook) else own[type(address)])
            host, port = url.host, url.port or (443 if url.scheme == "https" else 80)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return f"does not take a connection within {TIMEOUT_S:.0f} s"
    except OSError as error:
        return f"cannot be connected to ({type(error).__name__})"
    writer.close()
    return ""


def channel_for(address: Address, http: httpx.AsyncClient) -> Channel:
    """The channel behind an address."""
    match address:
        case urls.Telegram():
            return _Http(
                "Telegram", http, f"{TELEGRAM}/bot{address.token}/sendMessage", _telegram(address), _of_telegram
            )
        case urls.Discord():
            url = f"{DISCORD}/api/webhooks/{address.webhook}/{address.token}?wait=true"
            return _Http("Discord", http, url, _discord, _of_discord)
        case urls.Slack():
            return _Http("Slack", http, f"{SLACK}/services/{address.path}", _slack, _of_slack)
        case urls.Webhook():
            return _Http("webhook", http, address.url, _plain, _of_status)
        case urls.Mail():
            return _Mail(address)
        case _:
            assert_never(address)


def _no_answer(error: Exception) -> str:
    """By its kind alone: the text of an error may hold the URL, which is a secret."""
    return f"no answer ({type(error).__name__})"


class _Http:
    """A message as one POST of JSON; `shape` writes the body, `proof` reads the answer."""

    def __init__(self, name: str, http: httpx.AsyncClient, url: str, shape: Any, proof: Any) -> None:
        self.name = name
        self._http = http
        self._url = url
        self._shape = shape
        self._proof = proof

    async def send(self, message: Message) -> str:
        try:
            answer = await self._http.post(self._url, json=self._shape(message))
        except httpx.HTTPError as error:
            raise NotDelivered(_no_answer(error), again=True) from None
        if not answer.is_success:
            again = answer.status_code == 429 or answer.status_code >= 500
            raise NotDelivered(f"answered {answer.status_code}", again=again, after_s=_asked_to_wait_s(answer))
        return str(self._proof(answer))


def _asked_to_wait_s(answer: httpx.Response) -> float:
    """How long a channel that is full wants to be left alone: a header, or Telegram's and Discord's own field."""
    body = _object(answer)
    parameters = body.get("parameters")
    named = parameters.get("retry_after") if isinstance(parameters, dict) else body.get("retry_after")
    try:
        return max(0.0, float(named if named is not None else answer.headers.get("Retry-After", 0)))
    except (TypeError, ValueError):
        return 0.0


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _telegram(address: urls.Telegram) -> Any:
    def shape(message: Message) -> dict[str, Any]:
        quiet = message.severity < Severity.CRITICAL
        preview = {"is_disabled": True}
        text = message.text
        return {"chat_id": address.chat, "text": text, "disable_notification": quiet, "link_preview_options": preview}

    return shape


def _of_telegram(answer: httpx.Response) -> str:
    body = _object(answer)
    result = body.get("result")
    if body.get("ok") is not True or not isinstance(result, dict) or "message_id" not in result:
        raise NotDelivered("its answer confirms no message", again=True)
    return f"message {result['message_id']}"


def _discord(message: Message) -> dict[str, Any]:
    embed = {"title": message.subject[:250], "description": message.body[:1500], "color": _COLOURS[message.severity]}
    return {"content": "", "embeds": [embed], "allowed_mentions": {"parse": []}}


def _of_discord(answer: httpx.Response) -> str:
    if "id" not in (body := _object(answer)):
        raise NotDelivered("its answer confirms no message", again=True)
    return f"message {body['id']}"


def _slack(message: Message) -> dict[str, Any]:
    text = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": text, "mrkdwn": False}


def _of_slack(answer: httpx.Response) -> str:
    if answer.text.strip() != "ok":
        raise NotDelivered("its answer confirms no message", again=True)
    return "ok"


def _plain(message: Message) -> dict[str, Any]:
    """The generic webhook's document: Apprise's field names, and our own beside them."""
    return {
        "version": "1.0",
        "title": message.subject,
        "message": message.body,
        "type": {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}[message.severity],
        "severity": message.severity.name.lower(),
        "occasion": message.occasion.name.lower(),
    }


def _of_status(answer: httpx.Response) -> str:
    return f"status {answer.status_code}"


class _Mail:
    """A letter over SMTP, written in a thread: the library waits, the loop does not."""

    name = "mail"

    def __init__(self, address: urls.Mail) -> None:
        self._address = address

    async def send(self, message: Message) -> str:
        try:
            taken = await asyncio.to_thread(self._post, message)
        except smtplib.SMTPAuthenticationError as error:
            raise NotDelivered(f"the server refused the password ({error.smtp_code})", again=False) from None
        except smtplib.SMTPResponseException as error:
            raise NotDelivered(f"answered {error.smtp_code}", again=error.smtp_code < 500) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotDelivered(_no_answer(error), again=True) from None
        return f"taken for {taken} of {len(self._address.receivers)} receivers"

    def _post(self, message: Message) -> int:
        """For how many receivers it was taken; raises where for none. Sent again, it would come again to those who have it."""
        to = self._address
        with self._connected() as server:
            if to.password:
                server.login(to.user, to.password)
            refused = server.send_message(_letter(message, to), to.sender, list(to.receivers))
        return len(to.receivers) - len(refused)

    def _connected(self) -> smtplib.SMTP:
        to, context = self._address, ssl.create_default_context()
        if to.wrapped:
            return smtplib.SMTP_SSL(to.host, to.port, timeout=TIMEOUT_S, context=context)
        server = smtplib.SMTP(to.host, to.port, timeout=TIMEOUT_S)
        if to.host not in ("localhost", "127.0.0.1", "::1"):
            server.starttls(context=context)
        return server


def _letter(message: Message, to: urls.Mail) -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"] = " ".join(message.subject.split())[:200]
    letter["From"] = to.sender
    letter["To"] = ", ".join(to.receivers)
    letter["Date"] = formatdate(wall_ms() / 1000)
    if message.severity is Severity.CRITICAL:
        letter["X-Priority"] = "1"
    letter.set_content(message.body)
    return letter
