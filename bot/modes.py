"""The modes: the worlds a run can trade in, and the hosts that belong to each.

Knows Bybit's host names; does not know keys, paths or how a socket is opened, and loads nothing of ours, because the kill switch
reads it too. A host of one world is refused in another: a demo run that reaches the real exchange would trade real money.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["ENDPOINTS", "Endpoints", "Mode", "check_host"]


class Mode(StrEnum):
    """The world the daemon trades in. Only host names and keys differ between them."""

    PAPER = "paper"
    TESTNET = "testnet"
    DEMO = "demo"
    MAINNET = "mainnet"


class Endpoints(NamedTuple):
    """Base URLs without a path, e.g. https://api.bybit.com and wss://stream.bybit.com."""

    rest_url: str
    public_ws_url: str
    private_ws_url: str


# Bybit: guide, websocket/wss-authentication, demo. Demo has no public stream of its own: prices are mainnet's.
ENDPOINTS = {
    Mode.TESTNET: Endpoints(
        "https://api-testnet.bybit.com", "wss://stream-testnet.bybit.com", "wss://stream-testnet.bybit.com"
    ),
    Mode.DEMO: Endpoints("https://api-demo.bybit.com", "wss://stream.bybit.com", "wss://stream-demo.bybit.com"),
    Mode.MAINNET: Endpoints("https://api.bybit.com", "wss://stream.bybit.com", "wss://stream.bybit.com"),
}

# Bybit: guide, "base URL" by region.
_SITES = (
    "bybit.com", "bytick.com", "bybit.nl", "bybit.tr", "bybit.kz", "bybitgeorgia.ge", "bybit.ae", "bybit.eu",
    "bybit.id", "manepa.jp",
)  # fmt: skip
_SUFFIX = {Mode.TESTNET: "-testnet", Mode.DEMO: "-demo", Mode.MAINNET: ""}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def check_host(url: str, mode: Mode, *, kind: str, scheme: str) -> None:
    """Raise ValueError unless `url` may stand in for `mode`'s own `kind` host ("api" or "stream").

    `scheme` is "http" or "ws": plain text is for this machine only, its TLS form for everyone else.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("must be scheme://host[:port] and nothing more")
    if host in _LOOPBACK and parts.scheme in (scheme, scheme + "s"):
        return
    if mode is Mode.PAPER:
        raise ValueError("paper mode talks to this machine only")
    if host not in {f"{kind}{_SUFFIX[mode]}.{site}" for site in _SITES}:
        raise ValueError(f"is not one of {mode}'s {kind} hosts; Bybit's own is {kind}{_SUFFIX[mode]}.bybit.com")
    if parts.scheme != scheme + "s":
        raise ValueError(f"must begin with {scheme}s://")
