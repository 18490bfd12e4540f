"""The private stream, without a socket."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.account import ExecKind
from bot.domain.events import (
    BadInput,
    Channel,
    ChannelChanged,
    Event,
    ExecutionSeen,
    LegSeen,
    OrderSeen,
    WalletSeen,
)
from bot.domain.legs import Leg
from bot.exchange.hosts import Credentials
from bot.exchange.patience import Patience
from bot.exchange.private_stream import PrivateStream
from tests.unit.exchange.frames import NOW_MS, ack, asked, frame, pong_private, private
from tests.unit.exchange.rows import a_coin, a_leg, a_wallet, an_execution, an_order

CREDENTIALS = Credentials(api_key="key", api_secret="secret")
LINEAR = {"category": "linear"}


def a_stream() -> PrivateStream:
    return PrivateStream(symbol="BTCUSDT", credentials=CREDENTIALS, server_ms=lambda: NOW_MS, patience=Patience())


def a_live_stream() -> PrivateStream:
    """Authenticated, every topic acknowledged."""
    stream = a_stream()
    stream.receive(ack(stream.connected(0.0)[0]), 0.1)
    for sent in stream.tick(0.1):
        stream.receive(ack(sent), 0.2)
    return stream


def heard(*frames: str) -> list[Event]:
    stream = a_live_stream()
    return [event for text in frames for event in stream.receive(text, 1.0)]


def test_authentication_comes_first_and_alone() -> None:
    """Nothing is subscribed before the venue has said who we are; the signature is the documented one and outlives a slow handshake."""
    stream = a_stream()

    (auth,) = asked(stream.connected(0.0))
    assert [] == stream.tick(1.0)

    expires = NOW_MS + 10_000
    signed = hmac.new(b"secret", f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
    assert ("auth", ["key", expires, signed]) == auth


def test_once_known_every_topic_is_asked_for_and_up_is_said_when_all_have_answered() -> None:
    stream = a_stream()
    stream.receive(ack(stream.connected(0.0)[0]), 0.1)
    sent = stream.tick(0.1)

    news = [event for request in sent for event in stream.receive(ack(request), 0.2)]

    assert [["order"], ["execution"], ["position"], ["wallet"]] == [args for _, args in asked(sent)]
    assert [(Channel.PRIVATE, True)] == [(event.channel, event.up) for event in news]  # type: ignore[union-attr]


def test_a_refused_or_unanswered_authentication_ends_the_connection() -> None:
    refused, late = a_stream(), a_stream()
    refused.receive(ack(refused.connected(0.0)[0], ok=False, said="Params Error"), 0.1)
    late.connected(0.0)
    late.tick(4.9)
    assert late.fault is None
    late.tick(5.1)

    assert "authentication refused: Params Error" == refused.fault
    assert "authentication" in (late.fault or "")


def test_a_new_connection_authenticates_again() -> None:
    """What an earlier connection was allowed does not carry over."""
    stream = a_live_stream()
    stream.disconnected("cut")

    assert ["auth"] == [op for op, _ in asked(stream.connected(100.0))]
    assert [] == stream.receive(ack(frame(req_id="subscribe-2", op="subscribe")), 100.1)


def test_silence_of_our_own_orders_is_no_fault_and_a_missing_pong_is() -> None:
    """A quiet account is quiet for days, but its path answers every ten seconds."""
    stream = a_live_stream()
    for second in range(1, 300):
        if any(op == "ping" for op, _ in asked(stream.tick(float(second)))):
            stream.receive(pong_private, float(second))
    assert stream.fault is None

    stream.tick(300.0)
    stream.tick(305.1)

    assert "no pong" in (stream.fault or "")


def test_several_executions_of_one_frame_are_several_facts() -> None:
    """One bad row loses nothing but itself."""
    rows = [an_execution(f"e{number}", **LINEAR) for number in range(50)]
    rows[7] = {"execId": "e7", "execQty": None}

    events = heard(private("execution", *rows))

    assert [f"e{number}" for number in range(50) if number != 7] == [
        event.execution.exec_id for event in events if isinstance(event, ExecutionSeen)
    ]
    assert ["execution"] == [event.kind for event in events if isinstance(event, BadInput)]


EXECUTIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    # what arrives             row                                                      reads as
    ("a trade", {}, {"kind": ExecKind.TRADE, "fee": D("6.3"), "closed_qty": D("0.1"), "fee_currency": "USDT"}),
    ("a maker's rebate", {"execFee": "-1.2", "isMaker": True}, {"fee": D("-1.2"), "is_maker": True}),
    ("taxes on top", {"extraFees": [{"feeCoin": "USDT", "fee": "0.2"}]}, {"fee": D("6.5")}),
    ("taxes in another coin", {"extraFees": [{"feeCoin": "MNT", "fee": "0.2"}]}, {"fee": D("6.3")}),
    ("funding paid", {"execType": "Funding", "execFee": "0.64"}, {"kind": ExecKind.FUNDING, "fee": D("0.64")}),
    ("funding received", {"execType": "Funding", "execFee": "-0.64"}, {"fee": D("-0.64")}),
    ("auto-deleveraging", {"execType": "AdlTrade"}, {"kind": ExecKind.ADL}),
    ("a leg of a spread", {"execType": "FutureSpread"}, {"kind": ExecKind.SPREAD}),
    ("a liquidation", {"execType": "BustTrade"}, {"kind": ExecKind.BUST}),
    ("a kind of tomorrow", {"execType": "CorporateAction"}, {"kind": ExecKind.UNKNOWN, "raw_kind": "CorporateAction"}),
    ("nothing closed", {"closedSize": ""}, {"closed_qty": D(0)}),
    ("a fee coin that is named", {"feeCurrency": "MNT"}, {"fee_currency": "MNT"}),
]


@pytest.mark.parametrize(("what", "row", "reads_as"), EXECUTIONS, ids=[case[0] for case in EXECUTIONS])
def test_an_execution_keeps_its_kind_and_its_signs(what: str, row: dict[str, Any], reads_as: dict[str, Any]) -> None:
    (event,) = heard(private("execution", an_execution("e1", **LINEAR) | row))

    seen = event.execution  # type: ignore[union-attr]
    assert reads_as == {name: getattr(seen, name) for name in reads_as}


def test_what_is_not_ours_is_counted_and_dropped_and_spot_btc_is_kept() -> None:
    """The account's other doings are no news; a spot trade of BTC changes what we protect."""
    stream = a_live_stream()

    events = stream.receive(
        private(
            "execution",
            an_execution("e1", category="linear", symbol="ETHUSDT"),
            an_execution("e2", category="spot", symbol="ETHUSDT"),
            an_execution("e3", category="spot", symbol="BTCUSDT", side="Buy", feeCurrency="BTC", closedSize=""),
            an_execution("e4", category="inverse", symbol="BTCUSD"),
        ),
        1.0,
    )
    events += stream.receive(private("order", an_order(category="spot")), 1.0)
    events += stream.receive(private("position", a_leg(1, symbol="ETHUSDT") | LINEAR), 1.0)

    assert [("e3", "spot", "BTC")] == [
        (seen.execution.exec_id, seen.execution.category, seen.execution.fee_currency)  # type: ignore[union-attr]
        for seen in events
    ]
    assert 5 == stream.foreign


def test_of_a_stranger_nothing_is_read_but_that_it_is_one() -> None:
    """An option's order or an airdrop's figures may be in any shape: no complaint, no flood of them that ends the connection."""
    odd = {"symbol": "BTC-29DEC25-100000-C", "category": "option", "side": None}
    wallet = a_wallet(a_coin("AIRDROP", equity=""), a_coin("BTC"), {"coin": "X"}, a_coin("USDT"))

    events = heard(*(private(topic, odd) for topic in ("order", "execution", "position")), private("wallet", wallet))

    (seen,) = events
    assert isinstance(seen, WalletSeen)
    assert (["BTC", "USDT"], ("AIRDROP", "X")) == ([coin.coin for coin in seen.wallet.coins], seen.wallet.unread)


def test_orders_positions_and_wallet_are_read() -> None:
    """Blanks are None; "UNKNOWN" and "EC_NoError" are how the venue says nothing."""
    leg = a_leg(2, "0.321") | LINEAR
    del leg["avgPrice"]
    events = heard(
        private("order", an_order(rejectReason="EC_NoError", cancelType="UNKNOWN", price="0", **LINEAR)),
        private("position", leg | {"entryPrice": "115500", "liqPrice": "0"}),
        private("wallet", a_wallet(a_coin("BTC"), a_coin("USDT", "-16200", borrowAmount="16200", spotBorrow=""))),
    )

    order, position, wallet = events
    assert isinstance(order, OrderSeen)
    assert ("", "", None, None) == (
        order.order.reject_reason,
        order.order.cancel_type,
        order.order.price,
        order.order.avg_price,
    )
    assert isinstance(position, LegSeen)
    assert (Leg.SHORT, D("0.321"), D("115500"), None) == (
        position.row.leg,
        position.row.qty,
        position.row.entry_price,
        position.row.liq_price,
    )
    assert isinstance(wallet, WalletSeen)
    assert (D("16200"), D(0)) == (wallet.wallet.coins[1].borrowed, wallet.wallet.coins[1].spot_borrow)


def test_a_topic_named_with_its_category_is_the_same_topic() -> None:
    """Which of the two names a push bears is not documented."""
    (event,) = heard(private("execution.linear", an_execution("e1", **LINEAR)))

    assert isinstance(event, ExecutionSeen)


BAD = [
    # what arrives                  frame                                                        kind
    ("a one-way position", private("position", a_leg(0) | LINEAR), "one-way position"),
    ("a long leg that is short", private("position", a_leg(1, side="Sell") | LINEAR), "position"),
    ("a negative size", private("position", a_leg(1) | {"size": "-0.1"} | LINEAR), "position"),
    ("an execution of NaN", private("execution", an_execution("e1", execQty="NaN", **LINEAR)), "execution"),
    ("an execution for free", private("execution", an_execution("e1", execPrice="0", **LINEAR)), "execution"),
    ("an execution without a fee", private("execution", an_execution("e1", execFee="", **LINEAR)), "execution"),
    ("an order of no side", private("order", an_order(side="", **LINEAR)), "order"),
    ("a wallet of another account", private("wallet", a_wallet(a_coin("BTC"), accountType="FUND")), "wallet"),
    ("a coin without equity", private("wallet", a_wallet(a_coin("BTC", equity=""))), "wallet"),
    ("a debt of blanks", private("wallet", a_wallet(a_coin("BTC"), a_coin("USDT", "", borrowAmount=""))), "wallet"),
    ("a coin without a name", private("wallet", a_wallet(a_coin("BTC"), a_coin(""))), "wallet"),
    ("a row of no symbol", private("order", {"category": "linear"}), "order"),
    ("rows that are no list", frame(topic="order", data={}), "order"),
    ("an unknown topic", private("greeks", {}), "unknown topic"),
    ("an unknown control frame", frame(op="dance", success=True), "unknown frame"),
    ("not JSON", "hello", "frame"),
]


@pytest.mark.parametrize(("what", "text", "kind"), BAD, ids=[case[0] for case in BAD])
def test_what_cannot_be_true_is_counted_and_dropped(what: str, text: str, kind: str) -> None:
    (event,) = heard(text)

    assert isinstance(event, BadInput), what
    assert (kind, True) == (event.kind, len(event.sample) <= 200)


@given(
    st.sampled_from(["order", "execution", "position", "wallet"]),
    st.dictionaries(
        st.sampled_from([*an_execution("e"), *an_order(), *a_leg(1), *a_wallet(), "category"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.lists(st.text(max_size=3), max_size=2),
    ),
)
def test_no_row_breaks_the_reader(topic: str, damage: dict[str, object]) -> None:
    """Any field may hold anything: the row is news, foreign, or a complaint."""
    whole = {
        "order": an_order(),
        "execution": an_execution("e1"),
        "position": a_leg(1),
        "wallet": a_wallet(a_coin("BTC")),
    }
    row = whole[topic] | LINEAR | damage

    for event in heard(frame(topic=topic, data=[json.loads(json.dumps(row))])):
        assert isinstance(event, BadInput | OrderSeen | ExecutionSeen | LegSeen | WalletSeen)


def test_down_is_said_once_and_up_again_after_it() -> None:
    stream = a_live_stream()

    (down,) = stream.disconnected("cut")
    assert [] == stream.disconnected("refused")
    stream.receive(ack(stream.connected(50.0)[0]), 50.1)
    news = [event for sent in stream.tick(50.1) for event in stream.receive(ack(sent), 50.2)]

    assert isinstance(down, ChannelChanged)
    assert ("cut", [True]) == (down.reason, [event.up for event in news])  # type: ignore[union-attr]


@pytest.mark.parametrize("blank", [None, "absent"])
def test_what_is_advice_alone_may_be_null(blank: str | None) -> None:
    """An index of deleveraging or a sequence that is not there costs no leg, no fill and no order."""
    rows = {
        "position": (a_leg(1), ("adlRankIndicator", "seq")),
        "execution": (an_execution("e1"), ("isMaker", "seq", "orderId", "orderLinkId")),
        "order": (an_order(), ("orderLinkId", "positionIdx", "reduceOnly")),
        "wallet": (a_wallet(a_coin("BTC", collateralSwitch=None, marginCollateral=None)), ()),
    }
    for topic, (row, fields) in rows.items():
        kept = row | LINEAR | dict.fromkeys(fields)
        if blank == "absent":
            kept = {name: value for name, value in kept.items() if name not in fields}
        (event,) = heard(private(topic, kept))
        assert not isinstance(event, BadInput), event


@pytest.mark.parametrize("blank", ["", None, "absent"])
@pytest.mark.parametrize("field", ["liqPrice", "markPrice", "leverage", "unrealisedPnl", "positionMM", "updatedTime"])
def test_a_value_that_is_not_there_is_none_however_its_absence_is_written(field: str, blank: str | None) -> None:
    """Blank, null and absent are the same; the leg is still a leg, and no zero is made of it."""
    row = a_leg(1) | LINEAR | {field: blank}
    if blank == "absent":
        del row[field]

    (event,) = heard(private("position", row))

    seen = event.row  # type: ignore[union-attr]
    read_as = {
        "liqPrice": seen.liq_price,
        "markPrice": seen.mark_price,
        "leverage": seen.leverage,
        "unrealisedPnl": seen.unrealised,
        "positionMM": seen.maintenance_margin,
        "updatedTime": seen.updated_ms or None,
    }
    assert (D("0.213"), None) == (seen.qty, read_as[field])


def test_an_index_written_as_text_is_an_index_and_a_size_written_as_a_number_is_refused() -> None:
    """A row is not lost over quotation marks, and digits are never taken from a float."""
    as_text, as_number = heard(
        private("position", a_leg(1) | LINEAR | {"positionIdx": "1", "seq": "7"}, a_leg(1) | LINEAR | {"size": 0.213})
    )

    assert (Leg.LONG, 7) == (as_text.row.leg, as_text.row.seq)  # type: ignore[union-attr]
    assert isinstance(as_number, BadInput)
