"""A channel as one line: a URL in the spelling that Apprise made common, so that an address can be carried over.

    tgram://123456:bot-token/chat-id            Telegram
    discord://webhook-id/webhook-token          Discord
    slack://T000/B000/token                     Slack, an incoming webhook
    mailtos://user:password@host:465/?from=a@b.c&to=d@e.f    mail; mailto:// is STARTTLS on 587, or plain on loopback
    jsons://host[:port]/path                    anybody's webhook; json:// is plain HTTP, for this machine only

The URL is a secret. No error repeats any part of it but the scheme.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

__all__ = ["SCHEMES", "Address", "Discord", "Mail", "Slack", "Telegram", "Webhook", "parse", "secrets_of"]

SCHEMES = ("tgram", "discord", "slack", "mailto", "mailtos", "json", "jsons")
_SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Telegram:
    token: str
    chat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discord:
    webhook: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    host: str
    port: int
    user: str
    password: str
    sender: str
    receivers: tuple[str, ...]
    wrapped: bool  # TLS from the first byte; else STARTTLS, or nothing at all on loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    url: str


Address = Telegram | Discord | Slack | Mail | Webhook


def parse(url: str) -> Address:
    """The address a URL names. Raises ValueError, which says what is wrong without repeating the secret."""
    try:
        parts = urlsplit(url)
        _ = parts.port if not url.startswith("tgram:") else None  # a bot's token holds a colon
    except ValueError:
        raise ValueError("is not a URL") from None
    scheme = parts.scheme.lower()
    match scheme:
        case "tgram":
            return _telegram(parts)
        case "discord":
            webhook, token = _words(parts, 2, "discord://webhook-id/webhook-token")
            return Discord(webhook=webhook, token=token)
        case "slack":
            return Slack(path="/".join(_words(parts, 3, "slack://T000/B000/token")))
        case "mailto" | "mailtos":
            return _mail(parts, wrapped=scheme == "mailtos")
        case "json" | "jsons":
            return _webhook(parts, "https" if scheme == "jsons" else "http")
    raise ValueError(f"begins with none of {', '.join(f'{name}://' for name in SCHEMES)}")


def secrets_of(url: str) -> tuple[str, ...]:
    """Every text in a URL that no log may show: the whole, its password, token and path."""
    if not url:
        return ()
    parts = urlsplit(url)
    texts = {url, parts.path.strip("/"), *parts.path.strip("/").split("/")}
    texts |= {unquote(parts.password or ""), parts.password or ""}
    if parts.scheme in ("tgram", "discord", "slack"):
        texts |= {parts.netloc, *parts.netloc.split(":")}
    return tuple(sorted(text for text in texts if len(text) >= _SHORTEST_SECRET))


def _words(parts: SplitResult, count: int, shape: str) -> list[str]:
    words = [unquote(word) for word in [parts.netloc, *parts.path.split("/")] if word]
    if len(words) != count or not all(word.replace("-", "").replace("_", "").isalnum() for word in words):
        raise ValueError(f"is not of the form {shape}")
    return words


def _telegram(parts: SplitResult) -> Telegram:
    token, chat = unquote(parts.netloc), parts.path.strip("/")
    number, _, rest = token.partition(":")
    if not (number.isdigit() and rest.replace("-", "").replace("_", "").isalnum() and chat.lstrip("-").isdigit()):
        raise ValueError("is not of the form tgram://123456:bot-token/chat-id")
    return Telegram(token=token, chat=chat)


def _mail(parts: SplitResult, *, wrapped: bool) -> Mail:
    asked = parse_qs(parts.query)
    user = unquote(parts.username or "")
    sender = asked.get("from", [user])[0]
    receivers = tuple(name for text in asked.get("to", []) for name in text.split(",") if name)
    if not parts.hostname or "@" not in sender or not receivers or not all("@" in name for name in receivers):
        raise ValueError("is not of the form mailtos://user:password@host/?from=a@b.c&to=d@e.f")
    if not wrapped and parts.password and parts.port == 25 and not _is_here(parts.hostname):
        raise ValueError("would send a password to port 25: use mailtos://, or port 587")
    return Mail(
        host=parts.hostname,
        port=parts.port or (465 if wrapped else 587),
        user=user,
        password=unquote(parts.password or ""),
        sender=sender,
        receivers=receivers,
        wrapped=wrapped,
    )


def _webhook(parts: SplitResult, scheme: str) -> Webhook:
    if not parts.hostname:
        raise ValueError("names no host")
    if scheme == "http" and not _is_here(parts.hostname):
        raise ValueError("would cross the network in the clear: use jsons://")
    query = f"?{parts.query}" if parts.query else ""
    return Webhook(url=f"{scheme}://{parts.netloc}{parts.path or '/'}{query}")


def _is_here(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
