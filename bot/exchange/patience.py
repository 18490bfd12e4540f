"""How long we wait for Bybit, in real time.

Knows every deadline, pause and bound of this room; does not know market time: on a tape played faster than real time the plant is no
faster than any other day.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Patience"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds and milliseconds of the monotonic clock."""

    # REST
    request_timeout_s: float = 5.0  # one request, from the first byte of the connection to the last byte of the answer
    order_recv_window_ms: int = 2500  # an order that arrives later than this is refused: silence becomes proof soon
    read_recv_window_ms: int = 5000
    read_attempts: int = 3
    read_deadline_s: float = 12.0  # one question to one endpoint, attempts and pauses together
    question_deadline_s: float = 30.0  # one whole reading: many endpoints, many pages
    cash_deadline_s: float = 8.0  # the transaction log, which a reading can do without
    order_wait_s: float = 1.0  # how long an order may wait for our own budget before it is refused unsent
    money_wait_s: float = 5.0  # the same for a transfer or a repayment
    last_words_s: float = 2.0  # when we are told to stop: how long an order already sent is still listened for
    clock_every_s: float = 600.0  # how old our knowledge of the venue's clock may grow
    answer_age_ms: int = 60_000  # an answer dated further away than this is not of now
    # Streams
    open_timeout_s: float = 10.0
    close_timeout_s: float = 2.0
    ping_every_s: float = 10.0  # Bybit advises 20 s and cuts after 10 min; ours must notice a dead path
    pong_deadline_s: float = 5.0
    auth_deadline_s: float = 5.0
    ack_deadline_s: float = 5.0
    auth_expires_ms: int = 10_000
    stale_ticker_ms: int = (
        5000  # a ticker moves every 100 ms; the engine stops trusting it earlier than the socket is dropped
    )
    stale_kline_ms: int = 120_000  # a kline is pushed every 1 to 60 s
    pulse_s: float = 0.25  # how often a stream's deadlines are looked at
    backoff_floor_s: float = 0.5
    backoff_cap_s: float = 30.0
    stable_after_s: float = 60.0  # a connection that lived this long forgets the failures before it
    max_frame_bytes: int = 1 << 20
    max_bad_per_s: int = 50  # more unusable frames than this in a second and the connection itself is suspect
