"""The public stream, without a socket."""

from __future__ import annotations

import json
from decimal import Decimal as D
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.events import BadInput, BarClosed, Channel, ChannelChanged, Event, TickerSeen
from bot.exchange.market_stream import MarketStream
from bot.exchange.patience import Patience
from tests.unit.exchange.frames import NOW_MS, ack, asked, delta, kline, pong_private, pong_public, snapshot

PATIENCE = Patience()
START_MS = NOW_MS - NOW_MS % 300_000


def a_stream() -> MarketStream:
    return MarketStream(symbol="BTCUSDT", bar_minutes=5, patience=PATIENCE)


def a_live_stream(now_s: float = 0.0) -> MarketStream:
    """Connected, both topics acknowledged, nothing heard yet."""
    stream = a_stream()
    for sent in stream.connected(now_s):
        stream.receive(ack(sent), now_s)
    return stream


def heard(stream: MarketStream, *frames: str, now_s: float = 1.0) -> list[Event]:
    return [event for text in frames for event in stream.receive(text, now_s) if not isinstance(event, ChannelChanged)]


def test_a_connection_begins_by_asking_for_each_topic_by_itself() -> None:
    """One request, one req_id, one answer: no answer can be credited to another topic."""
    assert [("subscribe", ["tickers.BTCUSDT"]), ("subscribe", ["kline.5.BTCUSDT"])] == asked(a_stream().connected(0.0))


def test_a_ticker_is_every_field_of_the_snapshot() -> None:
    seen = heard(a_live_stream(), snapshot())

    assert [
        TickerSeen(
            at_ms=NOW_MS,
            last=D("116000.0"),
            mark=D("116001.1"),
            index=D("116050.2"),
            bid=D("115999.9"),
            ask=D("116000.0"),
            funding_rate=D("0.0001"),
            next_funding_ms=1760025600000,
            funding_interval_h=8,
            bid_qty=D("3.1"),
            ask_qty=D("2.0"),
        )
    ] == seen


def test_a_delta_changes_what_it_names_and_nothing_else() -> None:
    """What is missing is unchanged; a snapshot starts anew."""
    stream = a_live_stream()
    heard(stream, snapshot())

    (second,) = heard(stream, delta(bid1Price="115990.0"))
    (third,) = heard(stream, delta(ts=NOW_MS + 200, lastPrice="116010.0", ask1Price="116010.0", fundingRate=""))
    (fourth,) = heard(stream, snapshot(ts=NOW_MS + 300))

    assert (D("115990.0"), D("116000.0"), D("0.0001")) == (second.bid, second.last, second.funding_rate)  # type: ignore[union-attr]
    assert (D("115990.0"), D("116010.0"), None) == (third.bid, third.last, third.funding_rate)  # type: ignore[union-attr]
    assert D("115999.9") == fourth.bid  # type: ignore[union-attr]


def test_a_delta_before_the_snapshot_says_nothing() -> None:
    """After a reconnect too: what was merged on the old connection is gone."""
    stream = a_live_stream()
    assert [] == heard(stream, delta(lastPrice="1"))
    heard(stream, snapshot())
    stream.connected(10.0)

    assert [] == heard(stream, delta(lastPrice="116000.5"), now_s=10.1)


BAD = [
    # what arrives                            kind
    ("a zero price", snapshot(lastPrice="0"), "bad price"),
    ("a negative price", snapshot(bid1Price="-1"), "bad price"),
    ("NaN", snapshot(markPrice="NaN"), "bad price"),
    ("infinity", snapshot(indexPrice="Infinity"), "bad price"),
    ("a blank", snapshot(ask1Price=""), "bad price"),
    ("text", snapshot(lastPrice="about 116000"), "bad price"),
    ("a crossed book", snapshot(bid1Price="116000.1"), "crossed book"),
    ("last a quarter above mark", snapshot(lastPrice="145000", ask1Price="145000"), "price far from mark"),
    ("last a quarter below mark", snapshot(lastPrice="87000"), "price far from mark"),
    ("no time", snapshot(ts=0), "ticker"),
    ("a time in seconds", snapshot(ts=1_760_000_000), "bad price"),
    ("a price that is a JSON number", snapshot().replace('"116000.0"', "116000.0"), "ticker"),
    ("an array for data", '{"topic":"tickers.BTCUSDT","type":"snapshot","ts":1,"data":[]}', "ticker"),
    ("no data", '{"topic":"tickers.BTCUSDT","type":"snapshot","ts":1}', "ticker"),
    ("not JSON", "hello", "frame"),
    ("nothing", "", "frame"),
    ("half a frame", snapshot()[:50], "frame"),
    ("a list", "[1]", "frame"),
    ("deep nesting", "[" * 100_000, "frame"),
    ("bytes that are no text", b"\xff\xfe{", "frame"),
    ("an unknown topic", '{"topic":"orderbook.1.BTCUSDT","data":{}}', "unknown topic"),
    ("an unknown control frame", '{"op":"dance"}', "unknown frame"),
    ("a candle with a wrong length", kline(START_MS, interval="15"), "kline"),
    ("a candle off the grid", kline(START_MS + 1), "kline"),
    ("a candle whose low is above its open", kline(START_MS, low="100.5"), "kline"),
    ("a candle with a zero price", kline(START_MS, low="0"), "kline"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "text", "kind"), BAD, ids=[case[0] for case in BAD])
def test_what_cannot_be_true_is_counted_and_dropped(what: str, text: str | bytes, kind: str) -> None:
    """Never an event, never an exception, and the sample is short."""
    (event,) = a_live_stream().receive(text, 1.0)

    assert isinstance(event, BadInput), what
    assert (kind, True) == (event.kind, len(event.sample) <= 200)


ODD = [
    # what is odd                       | what is unknown
    ({"fundingIntervalHour": "7.5"}, "funding_interval_h"),
    ({"nextFundingTime": "1760025600"}, "next_funding_ms"),
    ({"fundingRate": "n/a"}, "funding_rate"),
    ({"bid1Size": "--"}, "bid_qty"),
]


@pytest.mark.parametrize(("odd", "unknown"), ODD, ids=[case[1] for case in ODD])
def test_what_is_not_a_price_does_not_cost_the_price(odd: dict[str, str], unknown: str) -> None:
    """A rate or a size that cannot be read is unknown, until the venue says another; the hedge goes by the price."""
    stream = a_live_stream()
    (seen,) = heard(stream, snapshot(**odd))
    (later,) = heard(stream, delta(**dict.fromkeys(odd, "8")) if "Hour" in next(iter(odd)) else snapshot())

    assert isinstance(seen, TickerSeen)
    assert isinstance(later, TickerSeen)
    assert (D("116001.1"), None) == (seen.mark, getattr(seen, unknown))
    assert None is not getattr(later, unknown)


def test_an_older_ticker_is_dropped_only_when_far_older() -> None:
    """A small step back is the net's; five seconds back is another feed's."""
    stream = a_live_stream()

    first, near, far, next_one = heard(
        stream, snapshot(), delta(ts=NOW_MS - 200), delta(ts=NOW_MS - 6000, lastPrice="1"), delta(ts=NOW_MS + 100)
    )

    assert ["ticker out of order"] == [
        event.kind for event in (first, near, far, next_one) if isinstance(event, BadInput)
    ]
    assert D("116000.0") == next_one.last  # type: ignore[union-attr]


def test_an_implausible_price_is_remembered_until_it_changes() -> None:
    """The next delta builds on what the venue said, so a crossed book stays unusable until it is uncrossed."""
    stream = a_live_stream()
    heard(stream, snapshot())

    still, mended = (
        heard(stream, delta(bid1Price="116500"), delta(lastPrice="116000.1"))[1],
        heard(stream, delta(ts=NOW_MS + 300, bid1Price="115999.9")),
    )

    assert isinstance(still, BadInput)
    assert isinstance(mended[0], TickerSeen)


def test_an_unreadable_price_is_remembered_until_it_changes() -> None:
    """No older price stands in for it, whatever else the venue says meanwhile."""
    stream = a_live_stream()
    heard(stream, snapshot())

    events = heard(
        stream,
        delta(lastPrice="about 116000", bid1Price="115990.0"),
        delta(ask1Price="116010.0"),
        delta(lastPrice="116000.1"),
    )

    assert ["bad price", "bad price"] == [event.kind for event in events if isinstance(event, BadInput)]
    assert [(D("115990.0"), D("116010.0"), D("116000.1"))] == [
        (event.bid, event.ask, event.last) for event in events if isinstance(event, TickerSeen)
    ]


def test_a_snapshot_forgets_what_it_does_not_say() -> None:
    """A price that it leaves out is unknown, and not the one before."""
    stream = a_live_stream()
    heard(stream, snapshot())
    bare = json.loads(snapshot(ts=NOW_MS + 100))
    del bare["data"]["markPrice"]

    (event,) = heard(stream, json.dumps(bare))

    assert "bad price" == event.kind  # type: ignore[union-attr]


def test_a_candle_is_news_once_and_only_when_closed() -> None:
    stream = a_live_stream()

    events = heard(stream, kline(START_MS, confirm=False), kline(START_MS), kline(START_MS), kline(START_MS + 300_000))

    assert [START_MS, START_MS + 300_000] == [event.bar.start_ms for event in events if isinstance(event, BarClosed)]


def test_other_symbols_are_foreign() -> None:
    stream = a_live_stream()

    (event,) = heard(stream, snapshot(symbol="ETHUSDT"))

    assert "unknown topic" == event.kind  # type: ignore[union-attr]


def test_up_means_acknowledged_and_heard_from() -> None:
    """Answers alone are not health, and data alone is not either; up is said once."""
    stream = a_stream()
    sent = stream.connected(0.0)
    news = [
        event
        for text in (ack(sent[0]), snapshot(), kline(START_MS, confirm=False))
        for event in stream.receive(text, 1.0)
    ]
    assert [] == [event for event in news if isinstance(event, ChannelChanged)]

    (up,) = stream.receive(ack(sent[1]), 1.0) or stream.receive(kline(START_MS, confirm=False), 1.0)

    assert (Channel.PUBLIC, True) == (up.channel, up.up)  # type: ignore[union-attr]
    assert [] == [event for event in stream.receive(snapshot(), 2.0) if isinstance(event, ChannelChanged)]


def test_down_is_said_once() -> None:
    """A hundred failed attempts are one piece of news."""
    stream = a_stream()

    said = [event for _ in range(100) for event in stream.disconnected("refused")]

    assert [("refused", False)] == [(event.reason, event.up) for event in said]  # type: ignore[union-attr]


def test_a_missing_or_negative_answer_ends_the_connection() -> None:
    late, refused = a_stream(), a_stream()
    late.receive(ack(late.connected(0.0)[0]), 0.1)
    late.tick(4.9)
    assert late.fault is None
    late.tick(5.1)
    refused.receive(ack(refused.connected(0.0)[1], ok=False, said="Params Error"), 0.1)

    assert "kline.5.BTCUSDT" in (late.fault or "")
    assert "Params Error" in (refused.fault or "")


def test_an_answer_to_somebody_elses_request_credits_nobody() -> None:
    stream = a_stream()
    sent = json.loads(stream.connected(0.0)[0])
    stream.receive(ack(json.dumps(sent | {"req_id": "subscribe-99"})), 0.1)
    stream.receive(ack(json.dumps(sent | {"req_id": ""})), 0.1)

    stream.tick(5.1)

    assert stream.fault is not None


def test_pings_leave_every_ten_seconds_and_a_missing_pong_ends_the_connection() -> None:
    """Both shapes of pong are understood; the public one says "ping" in its op."""
    stream = a_live_stream()
    pings = []
    for second in range(1, 35):
        pings += [second for op, _ in asked(stream.tick(float(second))) if op == "ping"]
        stream.receive(snapshot(ts=NOW_MS + second * 1000), float(second))
        if second in (11, 21):
            stream.receive(pong_public if second == 11 else pong_private, float(second))
        if second == 34:
            assert stream.fault is None

    stream.tick(35.1)

    assert [10, 20, 30] == pings
    assert "no pong" in (stream.fault or "")


def test_pongs_do_not_make_a_silent_ticker_fresh() -> None:
    """The path lives, the feed is dead: the connection is dropped."""
    stream = a_live_stream()
    stream.receive(snapshot(), 1.0)
    stream.receive(pong_public, 5.9)
    stream.tick(5.9)
    assert stream.fault is None

    stream.tick(6.1)

    assert "tickers.BTCUSDT silent" in (stream.fault or "")


def test_unusable_tickers_do_not_make_a_ticker_fresh() -> None:
    stream = a_live_stream()
    for second in range(7):
        stream.receive(snapshot(lastPrice="0"), float(second))
        stream.tick(float(second))

    assert "silent" in (stream.fault or "")


def test_every_topic_keeps_a_clock_of_its_own() -> None:
    """Candles may be quiet much longer than tickers, but not for ever."""
    stream = a_live_stream()
    for second in range(0, 121):
        stream.receive(snapshot(ts=NOW_MS + second * 1000), float(second))
        stream.receive(pong_public, float(second))
        stream.tick(float(second))
    assert stream.fault is None

    stream.receive(snapshot(ts=NOW_MS + 121_000), 121.0)
    stream.tick(121.0)

    assert "kline.5.BTCUSDT silent" in (stream.fault or "")


def test_a_flood_of_garbage_ends_the_connection() -> None:
    """So that it cannot fill the inbox."""
    stream = a_live_stream()
    for _ in range(PATIENCE.max_bad_per_s + 1):
        stream.receive("garbage", 1.0)

    assert "unusable frames" in (stream.fault or "")


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_no_frame_breaks_the_reader(text: bytes | str) -> None:
    """Anything at all may arrive."""
    stream = a_live_stream()

    for event in stream.receive(text, 1.0):
        assert isinstance(event, BadInput | TickerSeen)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "topic": st.sampled_from(["tickers.BTCUSDT", "kline.5.BTCUSDT", "", "x"]),
            "type": st.sampled_from(["snapshot", "delta", "?"]),
            "op": st.sampled_from(["subscribe", "ping", "pong", "auth"]),
            "data": st.dictionaries(st.sampled_from(["symbol", "lastPrice", "start", "confirm"]), JSON) | JSON,
            "ts": JSON,
            "success": JSON,
            "req_id": JSON,
        },
    )
)
def test_no_frame_of_the_right_outline_breaks_the_reader(fields: dict[str, object]) -> None:
    """A known topic with any content is news or a complaint."""
    a_live_stream().receive(json.dumps(fields), 1.0)


def test_forty_seconds_of_mainnet_are_read_without_a_complaint(root: Path) -> None:
    """Frames as Bybit sent them: one snapshot, its deltas, candles; the last price stays near the mark."""
    lines = (root / "tests/data/bybit/captures/mainnet_2026-08-09_linear_btcusdt.jsonl").read_text().splitlines()
    stream = MarketStream(symbol="BTCUSDT", bar_minutes=1, patience=PATIENCE)
    stream.connected(0.0)
    topics = [json.loads(line).get("topic", "") for line in lines]

    events = [
        event
        for number, (line, topic) in enumerate(zip(lines, topics, strict=True))
        if topic in ("tickers.BTCUSDT", "kline.1.BTCUSDT")
        for event in stream.receive(line, number / 10)
    ]

    assert [] == [event for event in events if isinstance(event, BadInput)]
    assert topics.count("tickers.BTCUSDT") == len([event for event in events if isinstance(event, TickerSeen)])
    assert 1 == len([event for event in events if isinstance(event, BarClosed)])
