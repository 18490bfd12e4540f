"""The catalogue of misfortunes: what each is called, where it strikes, what a client sees, and which faults it stands for.

`numbers` are the rows of the project's list of known faults of live trading that the misfortune reproduces (1-45 network and websockets,
46-74 REST, 75-120 orders, 121-127 funding, 128-145 account, 146-153 market, 154-159 clock, 205-208 kill switch). Data only: the rooms that
carry them out are `request_faults`, `stream_faults`, `market_faults` and `deeds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CATALOGUE", "Fault", "Where"]

Where = Literal["request", "stream", "socket", "market", "account", "server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One entry. `ms`, `value` and `match` are what an injection means when it does not say; their sense is in `tells`."""

    name: str
    where: Where
    numbers: tuple[int, ...]
    tells: str
    ms: int = 0
    value: str = ""
    match: str = ""


def _f(
    where: Where, name: str, numbers: tuple[int, ...], tells: str, *, ms: int = 0, value: str = "", match: str = ""
) -> Fault:
    return Fault(name=name, where=where, numbers=numbers, tells=tells, ms=ms, value=value, match=match)


_GET, _CREATE, _CANCEL = "GET ", "POST /v5/order/create", "POST /v5/order/cancel"


_REQUEST = (
    _f(
        "request",
        "request-lost",
        (3, 4),
        "never arrives; value hang = silence, close = the connection ends",
        value="close",
    ),
    _f("request", "request-late", (13, 207), "arrives `ms` later, its timestamp as old as that", ms=3000),
    _f("request", "request-doubled", (17, 86), "arrives twice; the answer is the second one's"),
    _f("request", "reply-lost", (11, 46, 69, 76), "done, never answered; value hang or close", value="close"),
    _f("request", "reply-half", (12,), "done; half of the JSON, then the connection ends"),
    _f("request", "reply-late", (13, 46), "done; answered `ms` later", ms=3000),
    _f("request", "reply-drip", (14,), "done; answered a few bytes at a time over `ms`", ms=10_000),
    _f(
        "request",
        "reply-huge",
        (14,),
        "done; the answer is followed by megabytes of blanks; value = how many",
        value="8",
    ),
    _f(
        "request",
        "refused-with",
        (47, 48, 49, 50, 97, 101, 110, 111, 112, 113, 115, 142, 143),
        "not done; retCode = value",
        value="10016",
    ),
    _f("request", "accepted-with", (47, 48, 49, 70), "done, but answered with retCode = value", value="10016"),
    _f("request", "rate-limited", (51, 67, 145), "10006 with a reset `ms` ahead", ms=1000),
    _f("request", "http-error", (9, 50, 54, 55), "not done; an HTML page with status = value", value="502"),
    _f(
        "request",
        "http-error-accepted",
        (50, 54),
        "done, but answered by an HTML page with status = value",
        value="504",
    ),
    _f(
        "request",
        "garbage",
        (53, 65, 208),
        "done; HTTP 200 with value html, empty, null, truncated, result-null or result-empty",
        value="html",
    ),
    _f("request", "stale-read", (62, 63, 81, 195, 201), "a GET answers as it did `ms` ago", ms=5000, match=_GET),
    _f(
        "request",
        "new-hidden",
        (66, 77, 80, 120, 124),
        "a GET leaves out rows younger than `ms` of market time",
        ms=5000,
        match=_GET,
    ),
    _f("request", "rows-shuffled", (93,), "a GET's rows come in another order", match=_GET),
    _f(
        "request",
        "row-dropped",
        (64, 93),
        "a GET leaves out the rows (and wallet coins) with FIELD=VALUE",
        value="positionIdx=2",
        match=_GET,
    ),
    _f(
        "request",
        "row-odd",
        (41, 44, 74),
        "a GET's list (or the wallet's, for a coin) has one row more, FIELD=VALUE and everything else blank",
        value="coin=AIRDROP",
        match=_GET,
    ),
    _f("request", "page-cut", (56, 59), "a GET loses the second half of its rows and its cursor", match=_GET),
    _f("request", "page-repeats", (57,), "a GET's last row comes twice", match=_GET),
    _f("request", "page-empty", (58,), "a GET's rows are gone, its cursor stays", match=_GET),
    _f(
        "request",
        "field-blank",
        (41,),
        'a GET\'s rows have "" in the field named by value',
        value="liqPrice",
        match=_GET,
    ),
    _f(
        "request",
        "leg-shrinks-first",
        (89,),
        "the owner halves the leg just before a reduce-only order arrives",
        match=_CREATE,
    ),
    _f(
        "request",
        "post-only-killed",
        (105,),
        "a post-only order is acknowledged and dies as one that would have taken",
        match=_CREATE,
    ),
    _f("request", "cancel-race", (84, 85), "the order fills while its cancel is on the way", match=_CANCEL),
    _f("request", "order-rejected-later", (75, 119), "acknowledged, then Rejected on the stream", match=_CREATE),
    _f(
        "request",
        "order-cut-short",
        (82, 83),
        "trades the share in value, the rest is cancelled",
        value="0.5",
        match=_CREATE,
    ),
)
_STREAM = (
    _f("stream", "frame-dropped", (22,), "a message is lost"),
    _f("stream", "frame-doubled", (17, 23), "a message comes twice"),
    _f("stream", "frame-late", (25, 63), "a message comes up to `ms` late, and so out of order", ms=2000),
    _f("stream", "topic-silent", (2, 15, 18, 38), "nothing of a topic any more, pongs and other topics go on"),
    _f("stream", "feed-frozen", (151,), "messages go on with new times and the data they had"),
    _f("stream", "delta-first", (26,), "the snapshot of a topic comes after its first delta"),
    _f("stream", "field-empty", (41, 74), 'the field named by value is ""', value="lastPrice"),
    _f("stream", "field-missing", (26, 41), "the field named by value is not there", value="markPrice"),
    _f("stream", "poison", (29, 37), "a frame that is no JSON, before the real one"),
    _f("stream", "unknown-topic", (32,), "a frame of a topic nobody asked for, before the real one"),
    _f("stream", "foreign-rows", (44,), "rows of another symbol stand among the account's"),
    _f("stream", "flood", (35,), "every message comes value times", value="10"),
    _f("stream", "book-restart", (27,), "the order book's update id starts again at 1, with a snapshot"),
    _f("stream", "filled-twice", (24,), "a Filled order is told again, with the refusal of a late cancel"),
)
_SOCKET = (
    _f("socket", "half-open", (1,), "a connection that hears and says nothing and stays"),
    _f("socket", "no-pong", (1, 34), "pings are not answered"),
    _f("socket", "auth-late", (19, 20), "the answer to auth takes `ms`, and what follows waits behind it", ms=3000),
    _f("socket", "auth-refused", (20, 138), "auth fails"),
    _f("socket", "subscribe-refused", (21,), "a subscription is answered success:false"),
    _f("socket", "handshake-refused", (15, 16, 39, 205), "new sockets are refused with HTTP 503"),
    _f("socket", "sockets-cut", (18, 22, 42), "every open socket that matches is cut, now"),
    _f("socket", "close-hangs", (40,), "the server never completes a close handshake"),
)
_MARKET = (
    _f("market", "bad-tick", (149, 192), "one last price off by value (a fraction); mark and index stay", value="-0.2"),
    _f(
        "market",
        "flash-crash",
        (149, 150),
        "all prices fall by value and come back, over `ms` of market time",
        ms=600_000,
        value="-0.12",
    ),
    _f("market", "gap", (149,), "all prices stand value higher from now on", value="-0.05"),
    _f("market", "mark-off", (150,), "mark and index are off by value for `ms`", ms=600_000, value="-0.03"),
    _f("market", "price-frozen", (151, 193), "prices stand still for `ms`, time goes on", ms=600_000),
    _f(
        "market",
        "funding-flip",
        (122, 123),
        "the running rate is multiplied by value for `ms`",
        ms=28_800_000,
        value="-1",
    ),
    _f("market", "funding-cap", (125,), "the running rate is value for `ms`", ms=28_800_000, value="0.005"),
)
_ACCOUNT = (
    _f("account", "book-thin", (103, 152), "the book has one level of value BTC a side until lifted", value="0.01"),
    _f("account", "funding-interval", (121,), "funding settles every value minutes from now on", value="240"),
    _f(
        "account",
        "contract-change",
        (100, 146),
        "a filter of the perpetual changes: FIELD=VALUE",
        value="qty_step=0.01",
    ),
    _f("account", "contract-status", (110, 147), "the perpetual's status becomes value", value="Closed"),
    _f("account", "foreign-trade", (44, 128), "the owner trades value BTC at market: +long, -short leg", value="0.05"),
    _f("account", "adl", (116,), "value of a leg is auto-deleveraged: IDX:SHARE", value="2:0.5"),
    _f("account", "liquidation", (117,), "the account is liquidated"),
    _f(
        "account",
        "deposit",
        (129, 136),
        "coin comes from (or, below zero, goes) outside: COIN:AMOUNT:WHERE",
        value="BTC:-0.05:UNIFIED",
    ),
    _f("account", "collateral-off", (130,), "the coin in value is no collateral any more", value="BTC"),
    _f(
        "account",
        "margin-mode",
        (141,),
        "the margin mode is called value, and its margin rates are blank",
        value="ISOLATED_MARGIN",
    ),
    _f(
        "account",
        "position-mode",
        (92, 95),
        "orders are cancelled, legs netted, and the account is in one-way (0) or hedge (3) mode",
        value="0",
    ),
    _f("account", "leverage-reset", (96, 190), "the leverage of both legs becomes value, whatever is held", value="10"),
    _f("account", "closed-forgotten", (60, 61), "closed orders are forgotten by every list"),
)
_SERVER = (
    _f("server", "ip-ban", (10, 206), "HTTP answers 403 and a page that is not JSON for `ms`", ms=600_000),
    _f("server", "clock-off", (52, 154, 155, 158), "the venue's clock is `ms` ahead of the real one", ms=5000),
    _f("server", "maintenance", (42, 61, 148), "announced for `ms`: sockets are cut, writes answer 10019", ms=60_000),
    _f("server", "key-expired", (138,), "the key named by value (default: all) has expired"),
    _f("server", "key-read-only", (139,), "the key named by value (default: all) may only read"),
    _f("server", "key-unbound", (139,), "the key named by value (default: all) is bound to another address"),
    _f("server", "key-withdrawn", (140,), "the key named by value (default: all) is unknown"),
)

CATALOGUE: dict[str, Fault] = {
    fault.name: fault for fault in (*_REQUEST, *_STREAM, *_SOCKET, *_MARKET, *_ACCOUNT, *_SERVER)
}
"""Every misfortune the simulator knows, by name."""
