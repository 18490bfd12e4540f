"""Where Bybit's pages are silent: one choice for each point, and the switch that changes it.

`SILENT` lists the points. A choice of the wire (statuses, texts, acknowledgements, clocks) is a field of `FaceChoices`, a choice of the
venue (matching, margin, rounding, loans) a field of `rules.VenueRules`; a choice without a switch is one that nothing could depend on
without being wrong at Bybit.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SILENT", "FaceChoices", "Silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceChoices:
    """Where Bybit says nothing. Times are milliseconds of real time."""

    bad_key_status: int = 401
    """HTTP status of 10003 (and of missing headers): the error page says 401 for a wrong key; the JSON envelope comes with it."""

    max_recv_window_ms: int | None = None
    """Upper bound of recv_window; None = any (no page states one)."""

    max_auth_ahead_ms: int | None = None
    """How far ahead a socket's auth may expire; None = any distance."""

    private_snapshot: bool = False
    """Subscribing to position, wallet or order is answered with what is so now; the wallet's page says no, the others nothing."""

    default_recv_window_signed: bool = True
    """A request without the recv-window header is signed over the empty text; True accepts "5000" in its place too."""

    accept_either_query_encoding: bool = True
    """The signature of a GET may cover the query as sent or percent-decoded (both official SDKs sign it un-encoded)."""

    unknown_path_status: int = 404
    """HTTP status of a path that does not exist; the body is the envelope with retCode 10017."""

    topic_of_categorised: str = "subscribed"
    """`topic` in the messages of a subscription to `order.linear`: "subscribed" = the name subscribed to, "all-in-one" = `order`."""

    one_bad_topic_fails_all: bool = True
    """A subscribe request with an unknown topic subscribes to nothing and is refused as a whole; False takes the good ones."""

    resubscribe_is_an_error: bool = True
    """Subscribing twice to a topic on one connection is answered success:false "already subscribed" (the stream goes on)."""

    socket_latency_ms: int = 5
    """How long a subscription or an order takes over a socket. No real venue answers within the microseconds of a loopback, and clients
    count on it: pybit notes what it subscribed to, and who waits for an order's answer, only after it has sent the request."""

    idle_cut_ms: int = 600_000
    """Silence after which a socket is cut; ten minutes are documented, tests shorten them."""

    idle_scan_ms: int = 30_000
    """How often idle private and trade sockets are looked for ("every 30 s" on the connect page)."""

    outbox_limit: int = 20_000
    """Messages a client may be behind before the server cuts the socket (code 1011, as slow readers are)."""

    ip_ban_ms: int = 600_000
    """How long HTTP answers 403 after 600 requests in five seconds; "at least 10 minutes" is documented."""

    ip_ban_extends: bool = True
    """A request sent while banned starts the ban anew (the page asks to stop all sessions)."""

    ip_ban_body: str = "<html><head><title>403 Forbidden</title></head><body><h1>access too frequent</h1></body></html>"
    """Body of that 403: its format is not documented; a page of the network's edge, not JSON, is the unpleasant case."""

    refused_socket_status: int = 403
    """HTTP status of a handshake beyond 500 new sockets in five minutes, or beyond 1000 open market sockets of one product."""

    sockets_in_five_minutes: int = 500
    market_sockets_open: int = 1000

    session_requests_a_second: int = 100
    """Order-entry requests one socket may send in a second; 20003 beyond ("too frequent in this session"; the number is not given)."""

    single_orders_share_quota: bool = True
    """One quota for an order endpoint over HTTP and over /v5/trade; the pages say so of batches only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A point no page decides, what is done here, and what changes it: fields of FaceChoices or VenueRules, or a fault."""

    point: str
    choice: str
    switches: tuple[str, ...] = ()


def _s(point: str, choice: str, *switches: str) -> Silent:
    return Silent(point=point, choice=choice, switches=switches)


SILENT: tuple[Silent, ...] = (
    _s(
        "failed subscriptions and auths, unsubscribing",
        "success:false with the request inside, auth included; one bad topic fails its whole request, a topic subscribed twice "
        "is an error; unsubscribing is acknowledged like subscribing",
        "one_bad_topic_fails_all",
        "resubscribe_is_an_error",
    ),
    _s(
        "HTTP status of refusals; bodies of 403, 429 and 5xx",
        "10003 comes with 401, an unknown path with 404 and 10017, every other code with 200; an IP ban is 403 with a page that "
        "is not JSON and no Retry-After, and asking on makes it longer",
        *("bad_key_status", "unknown_path_status", "ip_ban_body", "ip_ban_ms", "ip_ban_extends"),
    ),
    _s(
        "largest recv_window; how far ahead a socket's auth may expire",
        "any",
        "max_recv_window_ms",
        "max_auth_ahead_ms",
    ),
    _s(
        "which form of a query is signed; a request without the recv-window header",
        "the query as sent or decoded; the empty text or 5000",
        "accept_either_query_encoding",
        "default_recv_window_signed",
    ),
    _s("weights of public endpoints", "they count against the address only"),
    _s(
        "what private topics tell on subscribing, in which order, and again",
        "no snapshot, no replay; execution before order before position before wallet, and all of them perhaps before the "
        "request's own answer; a fill pushes the leg it touched",
        *("private_snapshot", "position_push_both_legs", "fault frame-late", "fault frame-doubled"),
    ),
    _s("topic of a message subscribed to by category", "the name subscribed to", "topic_of_categorised"),
    _s(
        "fields of a linear ticker's delta; how long a ticker may be silent",
        "exactly what changed, best price and size together; silent as long as nothing changes",
        "fault field-missing",
        "fault topic-silent",
    ),
    _s("update ids of deeper books", "one more with each message", "fault book-restart"),
    _s(
        "where and how long an orderLinkId is unique",
        "within its category, for the account's whole life",
        "link_id_scope",
        "link_id_life",
    ),
    _s(
        "queue priority after an amendment; whether it can fail after its acknowledgement",
        "an amended order meets the tape like a new one, and does not fail later",
        "fault order-rejected-later",
    ),
    _s(
        "how far a market order may go; rejectReason of remainders",
        "5 % from the last price; EC_NoEnoughQtyToFill, of an IOC limit order EC_NoImmediateQtyToFill, of FOK EC_CancelForNoFullFill",
        *("market_protection", "market_remainder_reason", "ioc_remainder_reason", "fok_reason"),
    ),
    _s(
        "closing more than a hedge leg holds; margin of opposite legs",
        "the order is cut to the leg; both legs pay margin",
        "over_close",
        "leg_margin",
    ),
    _s(
        "exact cross margin, liquidation fee, its steps, collateral ratios",
        "by mark, with the fee of closing at bankruptcy; debt is margined net of what is still in the wallet; liquidation sells "
        "a quarter at a time until the rate is 90 %",
        *("debt_margin", "borrow_imr", "borrow_mmr", "btc_collateral_tiers", "liquidation_share", "liquidation_target"),
    ),
    _s(
        "the instant of funding, its rounding, its rows",
        "at the instant, with the tick's mark and the rate that ran before; half-even to 1e-8; one row for each leg, streamed too",
        "funding_rows_on_stream",
    ),
    _s(
        "how mark, index and premium are made",
        "the tape says; the premium terms of price bands are 0",
        "fault mark-off",
    ),
    _s("units of margin rates in risk-limit", "fractions", "risk_limit_in_percent"),
    _s(
        "crypto loan: thresholds, liquidation, whether asking twice is doing twice",
        "80 / 85 / 93 / 95 %; a day at 93 % is liquidated, all debt at once, 2 % fee; borrowing or repaying twice is done "
        "twice; histories show success at once",
        *("loan_initial_ltv", "loan_margin_call_ltv", "loan_delayed_ltv", "loan_liquidation_ltv", "loan_delay_ms"),
        *("loan_liquidation_fee", "loan_lag_ms", "repay_result", "fault request-doubled"),
    ),
    _s(
        "permission of each endpoint; a read-only key that writes",
        "Order, Position, SpotTrade, AccountTransfer, or any (reads); a read-only key may not POST: 10005",
        "fault key-read-only",
    ),
    _s("maintenance windows", "none of its own", "fault maintenance"),
    _s("disconnect protection of those who have none", "the setting is taken, nothing is configured, nothing is armed"),
    _s(
        "which of two refusals wins",
        "parameters and filters, then open-order caps, then balance; nothing has changed after any of them",
    ),
    _s("a quantity off its grid", "refused: 10001, spot 170137", "off_grid"),
    _s(
        "compression, size and rate of frames",
        "no compression, a mebibyte in, no limit on what a client says but order entry's; a reader too far behind is cut",
        "outbox_limit",
        "session_requests_a_second",
    ),
    _s("quota headers of public answers", "none"),
    _s(
        "too many sockets",
        "403 at the handshake, beyond 500 in five minutes or 1000 open on one product",
        *("refused_socket_status", "sockets_in_five_minutes", "market_sockets_open"),
    ),
    _s(
        "whether order entry over HTTP and socket share a quota",
        "they do, batch or not",
        "single_orders_share_quota",
    ),
    _s(
        "when a socket is cut for silence, and how quickly it answers",
        "after ten minutes, looked at every 30 s; a subscription or order takes 5 ms",
        *("idle_cut_ms", "idle_scan_ms", "socket_latency_ms"),
    ),
)
"""Each point once. The first twenty-five are the pages' own silences; the rest came up while building."""
