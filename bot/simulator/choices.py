"""What the face does where Bybit's pages are silent: one field per point, one documented choice each.

The venue's own silent points (matching, margin, rounding) are in `VenueRules`; these are the points of the wire: statuses, texts,
acknowledgements, clocks. A test that could depend on one switches it here.

Fixed, because nothing could depend on the other reading without being wrong on Bybit: private topics send no snapshot on subscribing and
replay nothing; pushes of a request may arrive before its answer; a linear ticker's delta holds exactly the fields that changed (best price
and size together) and an unchanged ticker is silent; update ids of a book grow by one for each message; frames are not compressed; public
answers carry no quota headers and count against the address only; a WS auth may expire as far ahead as it likes; a request refused by the
face changes nothing at the venue.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FaceChoices"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceChoices:
    """Where Bybit says nothing. Times are milliseconds of real time."""

    bad_key_status: int = 401
    """HTTP status of 10003 (and of missing headers): the error page says 401 for a wrong key; the JSON envelope comes with it."""

    max_recv_window_ms: int | None = None
    """Upper bound of recv_window; None = any (no page states one)."""

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
