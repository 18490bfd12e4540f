"""A fleet: several daemons, one account each, asked together over their own APIs.

Knows where daemons are listed, how one row is made of a status document, and what counts as well. Nothing here can change a daemon.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bot.cli.asking import Asked
from bot.domain.errors import SetUp
from bot.settings.variables import read_secret

__all__ = ["Member", "ask", "listed", "member"]

_AT_ONCE = 16
_NAMED = re.compile(r"([\w.-]+)=(.+)")


class Member(NamedTuple):
    """One daemon: what it is called here, its base URL, and where its token stands ("env:NAME", "file:PATH", "" for none)."""

    name: str
    url: str
    token: str = ""


class _NoToken(Exception):
    """The token that was named is not to be had; said in words."""


def member(word: str, token: str = "") -> Member:
    """ "URL" or "NAME=URL". SetUp where the URL is none, or where `token` is not the name of one: every process can read a command line."""
    if token and token.partition(":")[0] not in ("env", "file"):
        raise SetUp("a token is named by env:VARIABLE or file:PATH", "It does not stand on the command line itself")
    named = _NAMED.fullmatch(word)
    name, url = named.groups() if named and "://" not in named[1] else ("", word)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise SetUp(
            f"{word.split('@')[-1]} is no address of a daemon",
            "Write http://HOST:PORT or https://HOST, no password in it",
        )
    return Member(name or parts.netloc, url, token)


def listed(path: Path) -> list[Member]:
    """The daemons of a file: one a line, "NAME URL" or "NAME URL env:VARIABLE" or "NAME URL file:PATH"; # begins a remark."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SetUp(f"{path} cannot be read: {error}", "Name a file with one daemon a line: NAME URL") from None
    found = []
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) not in (2, 3):
            raise SetUp(
                f"{path}, line {number}: NAME URL, and perhaps a token, are wanted",
                "For instance: alice http://127.0.0.1:8009",
            )
        found.append(member(f"{words[0]}={words[1]}", words[2] if len(words) == 3 else ""))
    return found


def ask(members: Iterable[Member], own: Asked | None = None) -> list[dict[str, Any]]:
    """One row for each member, in their order. One that does not answer, or whose token is not to be had, is a row too, with the reason.

    `own` is the daemon of the folder this is asked in: no token need be named for it.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda member: _row(member, own), members))


def _row(member: Member, own: Asked | None) -> dict[str, Any]:
    try:
        daemon = Asked(member.url, _token(member.token))
        document = (own if own and not member.token and daemon.url == own.url else daemon).status()
    except (ConnectionError, _NoToken) as error:
        return {"name": member.name, "well": False, "mode": None, "why": str(error), "url": member.url}
    return {"name": member.name, **_told(document), "url": member.url}


def _told(document: Mapping[str, Any]) -> dict[str, Any]:
    """What one line says of a status document; what it does not hold is None, never zero."""

    def of(section: str, field: str) -> Any:
        return (document.get(section) or {}).get(field)

    mode = of("mode", "name")
    return {
        "well": mode == "TRADING" and of("market", "stale") is False,
        "mode": mode,
        "world": document.get("world"),
        "delta_btc": of("book", "delta_btc"),
        "gap_btc": of("target", "gap_btc"),
        "ltv_ratio": of("loan", "ltv_ratio"),
        "mm_rate_ratio": of("loan", "mm_rate_ratio"),
        "pnl_usdt": of("pnl", "total_usdt"),
        "price_age_s": _real_s(of("market", "age_ms"), document.get("speed")),
        "why": of("mode", "why"),
    }


def _real_s(market_ms: Any, speed: Any) -> float | None:
    """An age of the market, ms, as seconds of a person's watch; paper runs faster than that."""
    return round(market_ms / 1000 / speed, 1) if market_ms is not None and speed else None


def _token(where: str) -> str:
    """The token that "env:NAME" or "file:PATH" stands for, "" for "". Raises _NoToken."""
    kind, _, name = where.partition(":")
    if kind == "env":
        if not (token := os.environ.get(name, "").strip()):
            raise _NoToken(f"the variable {name} holds no token")
        return token
    if kind == "file":
        try:
            return read_secret(Path(name))
        except OSError as error:
            raise _NoToken(f"the token's file {name} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise _NoToken(f"the token's file {name} {error}") from None
    return ""
