"""The fault plan: named misfortunes, seeded dice, and an end to every one of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.simulator.catalogue import CATALOGUE
from bot.simulator.deeds import foretell, perform
from bot.simulator.faults import FaultPlan, Injection, draw_climate
from bot.simulator.margin import measure, prices_of
from bot.simulator.market_faults import MarketFaults
from bot.simulator.params import Reply
from bot.simulator.request_faults import RequestFaults
from bot.simulator.stream_faults import StreamFaults
from bot.simulator.venue import Tick, Venue

D = Decimal
NOW = 1_760_000_000_000
CREATE = ("POST", "/v5/order/create")


def test_the_catalogue_names_every_misfortune_once_and_what_it_stands_for() -> None:
    """Numbers are plain, known ones; what the client sees is said in words."""
    for name, fault in CATALOGUE.items():
        assert fault.name == name
        assert fault.tells
        assert fault.numbers
        assert all(1 <= number <= 216 for number in fault.numbers)


def test_the_same_seed_throws_the_same_dice() -> None:
    """A climate repeats from its seed, and so does every blow in it."""

    def blows(seed: int) -> list[str]:
        plan = FaultPlan(seed, draw_climate(7))
        return [hit.fault for i in range(500) for hit in plan.strikes("request", "POST /v5/order/create", NOW + i)]

    assert draw_climate(3) == draw_climate(3)
    assert draw_climate(3) != draw_climate(4)
    assert blows(1) == blows(1)
    assert any(not draw_climate(seed) for seed in range(40))


WHEN: list[tuple[str, dict[str, Any], list[int]]] = [
    ("always", {}, [0, 1, 2, 3, 4]),
    ("twice", {"times": 2}, [0, 1]),
    ("for three milliseconds", {"for_ms": 3}, [0, 1, 2]),
    ("never", {"p": 0.0}, []),
    ("elsewhere", {"match": "/v5/order/cancel"}, []),
    ("here", {"match": "POST /v5/order"}, [0, 1, 2, 3, 4]),
    ("another account", {"account": "other"}, []),
]


@pytest.mark.parametrize(("name", "limits", "struck"), WHEN, ids=[case[0] for case in WHEN])
def test_when_a_misfortune_strikes(name: str, limits: dict[str, Any], struck: list[int]) -> None:
    """Where it matches, as often and as long as it was told."""
    plan = FaultPlan(0, (Injection(fault="reply-lost", **limits),))

    hits = [i for i in range(5) if list(plan.strikes("request", "POST /v5/order/create", NOW + i, account="paper"))]

    assert hits == struck
    assert plan.blows["reply-lost"] == len(struck)


def test_lifting_ends_it() -> None:
    """By name, or all at once."""
    plan = FaultPlan(0, (Injection(fault="reply-lost"), Injection(fault="reply-late"), Injection(fault="frame-late")))

    plan.lift("reply-lost")
    assert {injection.fault for injection in plan.active()} == {"reply-late", "frame-late"}
    plan.lift()
    assert not plan.any("request")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    """A typing error must not test nothing."""
    with pytest.raises(ValueError, match="there are: request-lost"):
        Injection(fault="replylost")
    with pytest.raises(ValueError, match="probability"):
        Injection(fault="reply-lost", p=1.5)


def test_an_injection_can_be_written_in_one_word() -> None:
    """NAME, or NAME with its limits."""
    assert Injection.parse("reply-lost") == Injection(fault="reply-lost")
    assert Injection.parse("reply-late:ms=50,p=0.5,times=2,match=/v5/order") == Injection(
        fault="reply-late", ms=50, p=0.5, times=2, match="/v5/order"
    )
    with pytest.raises(ValueError, match="no often"):
        Injection.parse("reply-lost:often=1")


FATES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("request-lost", {}, {"arrives": 0, "shape": "close"}),
    ("request-lost", {"value": "hang"}, {"arrives": 0, "shape": "hang"}),
    ("request-late", {}, {"arrives": 1, "late_ms": 3000}),
    ("request-doubled", {}, {"arrives": 2}),
    ("reply-lost", {}, {"arrives": 1, "shape": "close"}),
    ("reply-half", {}, {"arrives": 1, "shape": "half"}),
    ("reply-late", {"ms": 10}, {"answer_late_ms": 10}),
    ("refused-with", {}, {"arrives": 0, "ret_code": 10016}),
    ("accepted-with", {"value": "10000"}, {"arrives": 1, "ret_code": 10000}),
    ("rate-limited", {}, {"arrives": 0, "ret_code": 10006, "reset_in_ms": 1000}),
    ("http-error", {}, {"arrives": 0, "shape": "html", "status": 502}),
    ("http-error-accepted", {"value": "500"}, {"arrives": 1, "shape": "html", "status": 500}),
    ("garbage", {"value": "truncated"}, {"arrives": 1, "shape": "truncated"}),
]


@pytest.mark.parametrize(("fault", "changes", "fate"), FATES, ids=[f"{case[0]} {case[1]}" for case in FATES])
def test_what_becomes_of_a_request(fault: str, changes: dict[str, Any], fate: dict[str, Any]) -> None:
    """Whether it arrives, how often, how late, and what comes back."""
    plan = FaultPlan(0, (Injection(fault=fault, **changes),))

    seen = RequestFaults(plan).fate(*CREATE, NOW)

    assert {name: getattr(seen, name) for name in fate} == fate


ROWS = [{"orderId": str(i), "createdTime": str(NOW + i), "positionIdx": i % 2 + 1, "price": "1"} for i in range(4)]
EDITS: list[tuple[str, dict[str, Any], list[str] | None, str]] = [
    ("new-hidden", {"ms": 2}, ["0", "1"], "next"),
    ("row-dropped", {"value": "positionIdx=2"}, ["0", "2"], "next"),
    ("page-cut", {}, ["0", "1"], ""),
    ("page-repeats", {}, ["0", "1", "2", "3", "3"], "next"),
    ("page-empty", {}, [], "next"),
    ("field-blank", {"value": "price"}, ["0", "1", "2", "3"], "next"),
]


@pytest.mark.parametrize(("fault", "changes", "ids", "cursor"), EDITS, ids=[case[0] for case in EDITS])
def test_what_a_spoilt_read_shows(fault: str, changes: dict[str, Any], ids: list[str], cursor: str) -> None:
    """The envelope is good, the rows are not what is so."""
    faults = RequestFaults(FaultPlan(0, (Injection(fault=fault, **changes),)))
    fate = faults.fate("GET", "/v5/order/realtime", NOW)
    truth = Reply(result={"list": ROWS, "nextPageCursor": "next"})

    seen = faults.retouch(fate, truth, "s", now_ms=NOW, market_ms=NOW + 3)

    assert seen.result is not None
    assert [row["orderId"] for row in seen.result["list"]] == ids
    assert seen.result["nextPageCursor"] == cursor
    if fault == "field-blank":
        assert {row["price"] for row in seen.result["list"]} == {""}
    assert truth.result == {"list": ROWS, "nextPageCursor": "next"}


def test_a_stale_read_shows_what_was_so_a_while_ago() -> None:
    """First the oldest answer it knows, then the one from that long ago; each query its own."""
    faults = RequestFaults(FaultPlan(0, (Injection(fault="stale-read", ms=100),)))
    seen = []
    for i in range(0, 300, 50):
        fate, truth = faults.fate("GET", "/v5/position/list", NOW + i), Reply(result={"at": i})
        faults.remember("a", truth, NOW + i)
        seen.append(faults.retouch(fate, truth, "a", now_ms=NOW + i, market_ms=0).result)

    assert [row["at"] for row in seen if row] == [0, 0, 0, 50, 100, 150]


def test_a_wallet_may_come_without_a_coin() -> None:
    """Zero coins are left out by the venue; a coin that is not zero may be too."""
    faults = RequestFaults(FaultPlan(0, (Injection(fault="row-dropped", value="coin=BTC"),)))
    fate = faults.fate("GET", "/v5/account/wallet-balance", NOW)
    truth = Reply(result={"list": [{"coin": [{"coin": "BTC"}, {"coin": "USDT"}]}]})

    assert faults.retouch(fate, truth, "s", now_ms=NOW, market_ms=NOW).result == {
        "list": [{"coin": [{"coin": "USDT"}]}]
    }


def frames(fault: str, message: dict[str, Any], count: int = 1, **changes: Any) -> list[Any]:
    faults = StreamFaults(FaultPlan(0, (Injection(fault=fault, **changes),)))
    return [frame for _ in range(count) for frame in faults.carry("c", "linear", message, NOW)]


TICKER = {"topic": "tickers.BTCUSDT", "type": "delta", "data": {"symbol": "BTCUSDT", "lastPrice": "1"}, "ts": 5}
ORDER = {
    "topic": "order",
    "data": [{"symbol": "BTCUSDT", "orderId": "o", "orderStatus": "Filled", "cancelType": "UNKNOWN"}],
}


def test_what_becomes_of_a_message() -> None:
    """Lost, doubled, late, flooded, or preceded by nonsense; the message itself is never changed in place."""
    assert frames("frame-dropped", TICKER) == []
    assert [frame.message for frame in frames("frame-doubled", TICKER)] == [TICKER, TICKER]
    assert 0 < frames("frame-late", TICKER, ms=50)[0].late_ms <= 50
    assert len(frames("flood", TICKER, value="7")) == 7
    assert isinstance(frames("poison", TICKER)[0].message, str)
    assert frames("unknown-topic", TICKER)[0].message["topic"] == "weather.BTCUSDT"
    assert frames("field-empty", TICKER)[0].message["data"] == {"symbol": "BTCUSDT", "lastPrice": ""}
    assert frames("field-missing", TICKER, value="lastPrice")[0].message["data"] == {"symbol": "BTCUSDT"}
    assert TICKER["data"] == {"symbol": "BTCUSDT", "lastPrice": "1"}


def test_a_frozen_feed_keeps_its_time_and_loses_its_news() -> None:
    """New time stamps over the data of the first message."""
    faults = StreamFaults(FaultPlan(0, (Injection(fault="feed-frozen"),)))
    first = faults.carry("c", "linear", TICKER, NOW)[0].message
    later = faults.carry("c", "linear", {**TICKER, "ts": 6, "data": {"lastPrice": "2"}}, NOW)[0].message

    assert isinstance(first, dict)
    assert isinstance(later, dict)
    assert (later["ts"], later["data"]) == (6, first["data"])


def test_a_delta_may_come_before_its_snapshot() -> None:
    """The snapshot waits until the first delta has gone ahead; each client for itself."""
    faults = StreamFaults(FaultPlan(0, (Injection(fault="delta-first", times=2),)))
    snapshot = {**TICKER, "type": "snapshot"}

    assert faults.carry("c", "linear", snapshot, NOW) == []
    assert [frame.message for frame in faults.carry("c", "linear", TICKER, NOW)] == [TICKER, snapshot]
    assert [frame.message for frame in faults.carry("d", "linear", TICKER, NOW)] == [TICKER]


def test_a_late_cancel_tells_a_filled_order_twice() -> None:
    """The second row carries a refusal although the order is filled."""
    rows = [frame.message["data"][0] for frame in frames("filled-twice", ORDER)]

    assert [row["cancelType"] for row in rows] == ["UNKNOWN", "CancelByUser"]
    assert {row["orderStatus"] for row in rows} == {"Filled"}


def test_strangers_stand_among_the_rows() -> None:
    """All-in-one topics bring other symbols; their ids are their own."""
    rows = frames("foreign-rows", ORDER)[0].message["data"]

    assert [(row["symbol"], row["orderId"]) for row in rows] == [("ETHUSDT", "eth-o"), ("BTCUSDT", "o")]


def test_a_book_that_restarts_counts_from_one() -> None:
    """u = 1 is a snapshot; deltas go on from there."""
    faults = StreamFaults(FaultPlan(0, (Injection(fault="book-restart"),)))
    book = {"topic": "orderbook.50.BTCUSDT", "type": "delta", "data": {"u": 900, "b": [], "a": []}}
    seen = [faults.carry("c", "linear", {**book, "data": {**book["data"], "u": u}}, NOW)[0].message for u in (900, 901)]

    assert [(row["type"], row["data"]["u"]) for row in seen if isinstance(row, dict)] == [("snapshot", 1), ("delta", 2)]


def tick(at_ms: int = 0, price: str = "100000.0", rate: str | None = None) -> Tick:
    value = D(price)
    return Tick(
        at_ms=NOW + at_ms, last=value, mark=value, index=value, volume=D(1), funding_rate=D(rate) if rate else None
    )


def bent(fault: str, ages: list[int], **changes: Any) -> list[Tick]:
    market = MarketFaults(FaultPlan(0, (Injection(fault=fault, **changes),)))
    return [seen for age in ages for seen in market.bend(tick(age, rate="0.0001"))]


def test_what_becomes_of_prices() -> None:
    """One bad print, a crash that recovers, a gap that stays, marks that lie, prices that stand still."""
    assert [(seen.last, seen.mark) for seen in bent("bad-tick", [0, 1])] == [
        (D("80000.0"), D("100000.00")),
        (D("100000.0"),) * 2,
    ]
    assert [seen.last for seen in bent("gap", [0, 5, 10])] == [D("95000.0")] * 3
    crash = bent("flash-crash", [0, 100, 200, 600, 1000, 1001], ms=1000, value="-0.1")
    assert [seen.mark for seen in crash] == [
        D(price) for price in ("100000", "95000", "90000", "95000", "100000", "100000")
    ]
    assert [seen.index for seen in bent("mark-off", [0, 99, 100], ms=100)] == [D(97000), D(97000), D(100000)]
    assert {seen.volume for seen in bent("price-frozen", [0, 1, 2])} == {D(0)}
    assert [seen.at_ms - NOW for seen in bent("price-frozen", [0, 1, 2])] == [0, 1, 2]


def test_what_becomes_of_the_funding_rate() -> None:
    """It changes sign or stands at the cap for a while, and then is what the tape says."""
    assert [seen.funding_rate for seen in bent("funding-flip", [0, 99, 100], ms=100)] == [
        D("-0.0001"),
        D("-0.0001"),
        D("0.0001"),
    ]
    assert [seen.funding_rate for seen in bent("funding-cap", [0, 100], ms=100)] == [D("0.005"), D("0.0001")]


def a_venue() -> Venue:
    venue = Venue(seed=1, now_ms=NOW)
    venue.step(tick())
    legs: dict[int, tuple[Decimal, Decimal | None]] = {1: (D("0.213"), None), 2: (D("0.213"), None)}
    venue.open_account("paper", coins={"BTC": D("0.27")}, borrowed={"USDT": D(16200)}, legs=legs, leverage=D(25))
    return venue


def sizes(venue: Venue) -> tuple[Decimal, Decimal]:
    legs = venue.state.accounts["paper"].legs
    return legs[1].size, legs[2].size


DEEDS: list[tuple[str, str | None, tuple[str, str]]] = [
    ("foreign-trade", "0.05", ("0.263", "0.213")),
    ("foreign-trade", "-0.05", ("0.213", "0.263")),
    ("adl", "2:0.5", ("0.213", "0.107")),
    ("liquidation", None, ("0", "0")),
]


@pytest.mark.parametrize(("fault", "value", "legs"), DEEDS, ids=[f"{case[0]} {case[1]}" for case in DEEDS])
def test_deeds_move_legs(fault: str, value: str | None, legs: tuple[str, str]) -> None:
    """The owner, the exchange and the risk engine act without asking."""
    venue = a_venue()

    perform(venue, Injection(fault=fault, value=value))

    assert sizes(venue) == (D(legs[0]), D(legs[1]))


def test_deeds_change_the_account_and_the_contract() -> None:
    """Leverage, funding interval, lot, status, collateral, deposits, the book's depth."""
    venue = a_venue()
    state, account = venue.state, venue.state.accounts["paper"]
    for fault, value in (
        ("leverage-reset", "10"),
        ("funding-interval", "240"),
        ("contract-change", "qty_step=0.01"),
        ("contract-status", "Closed"),
        ("deposit", "BTC:0.5:UNIFIED"),
        ("book-thin", "0.02"),
        ("collateral-off", "BTC"),
        ("margin-mode", "ISOLATED_MARGIN"),
    ):
        perform(venue, Injection(fault=fault, value=value))

    assert account.leverage == {"Buy": D(10), "Sell": D(10)}
    assert (state.linear.funding_interval_min, state.linear.qty_step, state.linear.status) == (240, D("0.01"), "Closed")
    assert account.purses["BTC"].balance == D("0.77")
    assert (state.rules.book_levels, state.rules.linear_level_qty) == (1, D("0.02"))
    assert (account.purses["BTC"].collateral_on, account.margin_mode) == (False, "ISOLATED_MARGIN")


MODES: list[tuple[str, tuple[str, str], str, str]] = [
    ("more short", ("0.1", "0.25"), "Sell", "0.15"),
    ("more long", ("0.25", "0.1"), "Buy", "0.15"),
    ("both alike", ("0.2", "0.2"), "", "0"),
    ("one leg", ("0.2", "0"), "Buy", "0.2"),
]


@pytest.mark.parametrize(("name", "legs", "side", "left"), MODES, ids=[case[0] for case in MODES])
def test_the_position_mode_changes_over_a_live_book(name: str, legs: tuple[str, str], side: str, left: str) -> None:
    """No request could do it: orders go, legs are netted at the mark and go on under index 0. Equity stays, there and back."""
    venue = a_venue()
    account = venue.open_account(
        "held", coins={"BTC": D("0.5")}, legs={1: (D(legs[0]), None), 2: (D(legs[1]), None)}, leverage=D(25)
    )
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01"}
    venue.request("held", "POST", "/v5/order/create", order | {"price": "90000", "positionIdx": 1})
    equity = measure(account, prices_of(venue.state.market), venue.state.rules).equity
    venue.drain()

    perform(venue, Injection(fault="position-mode", account="held"))
    told = [row for push in venue.drain() if push.topic == "position" for row in push.rows]
    row = venue.request("held", "GET", "/v5/position/list", {"category": "linear", "symbol": "BTCUSDT"}).result["list"]

    assert [(each["positionIdx"], each["side"], each["size"]) for each in row] == [(0, side, left)]
    assert (told[-1]["positionIdx"], account.orders) == (0, {})
    assert measure(account, prices_of(venue.state.market), venue.state.rules).equity == equity
    perform(venue, Injection(fault="position-mode", account="held", value="3"))
    assert account.legs[1].size + account.legs[2].size == D(left)
    assert measure(account, prices_of(venue.state.market), venue.state.rules).equity == equity


def test_leverage_is_reset_over_a_live_position() -> None:
    """Below what the margin allows, where a request would be refused; the position stream says so."""
    venue = a_venue()
    venue.drain()

    perform(venue, Injection(fault="leverage-reset", value="1"))

    told = [row for push in venue.drain() if push.topic == "position" for row in push.rows]
    assert {row["positionIdx"]: row["leverage"] for row in told} == {1: "1", 2: "1"}
    with pytest.raises(ValueError, match="between 1 and 100"):
        perform(venue, Injection(fault="leverage-reset", value="1000"))


def test_a_deed_that_makes_no_sense_is_refused() -> None:
    """With the misfortune's name and the value."""
    with pytest.raises(ValueError, match="foreign-trade is a number, not 'lots'"):
        Injection(fault="foreign-trade", value="lots")
    with pytest.raises(ValueError, match="adl: '2:much'"):
        perform(a_venue(), Injection(fault="adl", value="2:much"))
    with pytest.raises(KeyError, match="nobody"):
        perform(a_venue(), Injection(fault="adl", account="nobody"))


def order(venue: Venue, **changes: object) -> Reply:
    params = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Sell",
        "orderType": "Market",
        "qty": "0.1",
        "positionIdx": 2,
    }
    return venue.request("paper", "POST", "/v5/order/create", params | changes)


def newest(venue: Venue) -> Any:
    return venue.state.accounts["paper"].closed[-1]


def test_an_acknowledged_order_may_die_later() -> None:
    """retCode 0 says accepted, the stream says Rejected."""
    venue = a_venue()
    foretell(venue, "paper", "/v5/order/create", {}, (Injection(fault="order-rejected-later"),))

    assert order(venue).ret_code == 0
    assert (newest(venue).status, newest(venue).cum_qty) == ("Rejected", D(0))


def test_a_post_only_order_may_be_killed() -> None:
    """Acknowledged, and dead as one that would have taken; an order of another kind is spared."""
    venue = a_venue()
    omen = (Injection(fault="post-only-killed"),)
    limit = {"orderType": "Limit", "side": "Buy", "price": "90000", "positionIdx": 1, "qty": "0.01"}

    foretell(venue, "paper", "/v5/order/create", limit, omen)
    assert order(venue, **limit).ret_code == 0
    assert len(venue.state.accounts["paper"].orders) == 1
    foretell(venue, "paper", "/v5/order/create", limit | {"timeInForce": "PostOnly"}, omen)
    assert order(venue, **limit, timeInForce="PostOnly").ret_code == 0

    assert (newest(venue).status, newest(venue).reject_reason) == ("Cancelled", "EC_PostOnlyWillTakeLiquidity")


def test_closed_orders_may_be_forgotten() -> None:
    """Neither list shows them any more: absence proves nothing."""
    venue = a_venue()
    order_id = (order(venue).result or {})["orderId"]

    perform(venue, Injection(fault="closed-forgotten"))

    for path in ("/v5/order/realtime", "/v5/order/history"):
        told = venue.request("paper", "GET", path, {"category": "linear", "symbol": "BTCUSDT", "orderId": order_id})
        assert (told.result or {})["list"] == []


def test_an_order_may_be_cut_short() -> None:
    """A cancelled derivative order may have traded."""
    venue = a_venue()
    foretell(venue, "paper", "/v5/order/create", {}, (Injection(fault="order-cut-short", value="0.4"),))

    order(venue)

    assert (newest(venue).status, newest(venue).cum_qty) == ("Cancelled", D("0.040"))


def test_a_leg_may_shrink_before_a_reduce_only_order_arrives() -> None:
    """What is closed is what is left, not what was asked."""
    venue = a_venue()
    foretell(
        venue,
        "paper",
        "/v5/order/create",
        {"reduceOnly": True, "positionIdx": 1},
        (Injection(fault="leg-shrinks-first"),),
    )

    order(venue, qty="0.213", positionIdx=1, reduceOnly=True)

    assert sizes(venue)[0] == 0
    assert newest(venue).cum_qty == D("0.107")


def test_an_order_may_fill_while_its_cancel_is_on_the_way() -> None:
    """The cancel comes too late; the fill is real."""
    venue = a_venue()
    placed = order(venue, orderType="Limit", side="Buy", price="90000", positionIdx=1, qty="0.01")
    params = {"category": "linear", "symbol": "BTCUSDT", "orderId": (placed.result or {})["orderId"]}

    foretell(venue, "paper", "/v5/order/cancel", params, (Injection(fault="cancel-race"),))

    assert venue.request("paper", "POST", "/v5/order/cancel", params).ret_code in (110001, 110008)
    assert sizes(venue)[0] == D("0.223")
