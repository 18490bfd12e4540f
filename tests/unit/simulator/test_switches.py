"""Every choice on a silent point can be turned, and then the venue does the other thing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.simulator.auth import ApiKey, AuthError
from bot.simulator.choices import SILENT, FaceChoices
from bot.simulator.main import SimulatorOptions, build
from bot.simulator.private_feed import PrivateFeed
from bot.simulator.quotas import IpGate
from bot.simulator.rules import VenueRules
from bot.simulator.server import SimulatorServer
from bot.simulator.venue import Push
from tests.client import KEY, at
from tests.unit.simulator.pit import SEED_BOOK, Pit
from tests.unit.simulator.test_auth import NOW, QUERY, headers, keyring

D = Decimal
LINEAR = {"category": "linear", "symbol": "BTCUSDT"}
LOAN = {"loanCurrency": "USDT", "loanAmount": "9000", "collateralList": [{"currency": "BTC", "amount": "0.1"}]}
Seen = Callable[[Pit], Any]


def ended(side: str, qty: str, price: str | None = None, **more: object) -> Seen:
    """(rejectReason, executed quantity) of an order that has ended."""

    def seen(pit: Pit) -> tuple[str, bool]:
        pit.venue.set_contract("linear", max_limit_qty=D(100_000), max_market_qty=D(100_000))
        row = pit.order(side, qty, price, positionIdx=1, **more)
        return row["rejectReason"], D(row["cumExecQty"]) > 0

    return seen


def code(side: str, qty: str, **more: object) -> Seen:
    return lambda pit: pit.ask("POST", "/v5/order/create", **pit.wish(side, qty, **{"positionIdx": 1, **more})).ret_code


def wallet(field: str) -> Seen:
    return lambda pit: round(D(pit.wallet()[field]), 4)


def loaned(look: Callable[[Pit], object] = lambda pit: (pit.account.loans.stage, pit.account.loans.in_debt)) -> Seen:
    """What is seen of a loan of 9,000 USDT on 0.1 BTC (LTV 77.6 %) two ticks later; or the retCode that refused it."""

    def seen(pit: Pit) -> object:
        told = pit.ask("POST", "/v5/crypto-loan-flexible/borrow", **LOAN)
        if told.ret_code:
            return told.ret_code
        pit.tick(pit.price, after_ms=1000)
        pit.tick(pit.price, after_ms=1000)
        return look(pit)

    return seen


def names(pit: Pit) -> list[int]:
    codes = [pit.ask("POST", "/v5/order/create", **pit.wish("Buy", "0.01", "110000", positionIdx=1, orderLinkId="n"))]
    codes.append(
        pit.ask("POST", "/v5/order/create", **pit.wish("Buy", "0.01", "115000", category="spot", orderLinkId="n"))
    )
    return [each.ret_code for each in codes]


def rows_of_a_fill(pit: Pit) -> list[list[int]]:
    pit.venue.drain()
    pit.order("Buy", "0.01", positionIdx=1)
    return [[row["positionIdx"] for row in push.rows] for push in pit.pushes("position")]


def tiers(pit: Pit) -> str:
    reply = pit.venue.public("/v5/market/risk-limit", LINEAR)
    return str((reply.result or {})["list"][0]["maintenanceMargin"])


def sold_in_liquidation(pit: Pit) -> str:
    """BTC that changed hands when the price fell just through the seed's liquidation price."""
    pit.tick(D(pit.leg(1)["liqPrice"]) - 1, after_ms=1000)
    return f"{-sum(D(row['cashFlow']) for row in pit.log('CURRENCY_SELL')):.2f}"


def _ltv(**at: str) -> dict[str, object]:
    return {f"loan_{name}": D(value) for name, value in at.items()}


_SOON = _ltv(margin_call_ltv="0.77", delayed_ltv="0.77")
_NOW = _SOON | _ltv(liquidation_ltv="0.77")
PLENTY = {"coins": {"USDT": D(10**9)}, "legs": {}, "leverage": D(1)}
LENDER = {"funding_coins": {"BTC": D("0.1"), "USDT": D(0)}}
TURNED: list[tuple[str, dict[str, object], dict[str, Any], Seen, object, object]] = [
    (
        "market_protection",
        {"market_protection": D("0.00001")},
        PLENTY,
        ended("Buy", "60"),
        ("EC_NoError", True),
        ("EC_NoEnoughQtyToFill", True),
    ),
    (
        "market_remainder_reason",
        {"market_remainder_reason": "EC_Others"},
        PLENTY,
        ended("Buy", "2000"),
        ("EC_NoEnoughQtyToFill", True),
        ("EC_Others", True),
    ),
    (
        "ioc_remainder_reason",
        {"ioc_remainder_reason": "EC_Others"},
        PLENTY,
        ended("Buy", "50", "116000.1", timeInForce="IOC"),
        ("EC_NoImmediateQtyToFill", True),
        ("EC_Others", True),
    ),
    (
        "fok_reason",
        {"fok_reason": "EC_Others"},
        PLENTY,
        ended("Buy", "50", "116000.1", timeInForce="FOK"),
        ("EC_CancelForNoFullFill", False),
        ("EC_Others", False),
    ),
    ("over_close", {"over_close": "reject"}, SEED_BOOK, code("Sell", "0.5"), 0, 110017),
    ("off_grid", {"off_grid": "truncate"}, PLENTY, code("Buy", "0.0015"), 10001, 0),
    ("link_id_scope", {"link_id_scope": "account"}, PLENTY, names, [0, 0], [0, 170141]),
    ("position_push_both_legs", {"position_push_both_legs": True}, SEED_BOOK, rows_of_a_fill, [[1]], [[1, 2]]),
    ("risk_limit_in_percent", {"risk_limit_in_percent": True}, PLENTY, tiers, "0.005", "0.5"),
    ("leg_margin", {"leg_margin": "larger"}, SEED_BOOK, wallet("totalInitialMargin"), D("3623.8188"), D("2622.4530")),
    (
        "debt_margin",
        {"debt_margin": "gross"},
        SEED_BOOK | {"coins": {"BTC": D(1), "USDT": D(16200)}},
        wallet("accountMMRate"),
        D("0.0024"),
        D("0.0081"),
    ),
    ("borrow_imr", {"borrow_imr": D("0.2")}, SEED_BOOK, wallet("totalInitialMargin"), D("3623.8188"), D("5243.8188")),
    (
        "borrow_mmr",
        {"borrow_mmr": D("0.08")},
        SEED_BOOK,
        wallet("totalMaintenanceMargin"),
        D("922.2588"),
        D("1570.2588"),
    ),
    (
        "btc_collateral_tiers",
        {"btc_collateral_tiers": ((D(0), D("0.5")),)},
        SEED_BOOK,
        wallet("totalMarginBalance"),
        D("14493.6000"),
        D("-540.0000"),
    ),
    (
        "repay_result",
        {"repay_result": "SU"},
        {"coins": {"USDT": D(100)}, "borrowed": {"USDT": D(50)}},
        lambda pit: pit.done("POST", "/v5/account/no-convert-repay", coin="USDT")["resultStatus"],
        "P",
        "SU",
    ),
    ("liquidation_target", {"liquidation_target": D("0.5")}, SEED_BOOK, sold_in_liquidation, "0.06", "0.15"),
    ("liquidation_share", {"liquidation_share": D("0.5")}, SEED_BOOK, sold_in_liquidation, "0.06", "0.13"),
    ("loan_initial_ltv", _ltv(initial_ltv="0.7"), LENDER, loaned(), ("Normal", True), 148009),
    ("loan_margin_call_ltv", _ltv(margin_call_ltv="0.77"), LENDER, loaned(), ("Normal", True), ("MarginCall", True)),
    ("loan_delayed_ltv", _SOON, LENDER, loaned(), ("Normal", True), ("Delayed", True)),
    ("loan_delay_ms", _SOON | {"loan_delay_ms": 1000}, LENDER, loaned(), ("Normal", True), ("Normal", False)),
    ("loan_liquidation_ltv", _NOW, LENDER, loaned(), ("Normal", True), ("Normal", False)),
    (
        "loan_liquidation_fee",
        _NOW | {"loan_liquidation_fee": D("0.1")},
        LENDER,
        loaned(lambda pit: f"{pit.account.fund['BTC']:.4f}"),
        "0.0000",
        "0.0138",
    ),
]
"""Name, the other choice, the book, what is looked at, what is seen by default, what is seen then."""


@pytest.mark.parametrize(("name", "other", "book", "seen", "usual", "then"), TURNED, ids=[case[0] for case in TURNED])
def test_turning_a_switch_changes_what_is_seen(
    name: str, other: dict[str, Any], book: dict[str, Any], seen: Seen, usual: object, then: object
) -> None:
    """By default what the register says, turned what the switch says."""
    assert (seen(Pit(**book)), seen(Pit(rules=VenueRules(**other), **book))) == (usual, then)


def _unsaid_window() -> dict[str, str]:
    """Signed over "5000" without saying so in a header."""
    return {**headers(), "X-BAPI-RECV-WINDOW": ""}


FACE: list[tuple[str, dict[str, Any], dict[str, str], str, int, int]] = [
    # name, the other choice, headers, payload, code by default, code then
    (
        "max_recv_window_ms",
        {"max_recv_window_ms": 10_000},
        headers(at_ms=NOW - 50_000, window="60000"),
        QUERY,
        0,
        10002,
    ),
    ("default_recv_window_signed", {"default_recv_window_signed": False}, _unsaid_window(), QUERY, 0, 10004),
    (
        "accept_either_query_encoding",
        {"accept_either_query_encoding": False},
        headers("cursor=a:b"),
        "cursor=a%3Ab",
        0,
        10004,
    ),
]


@pytest.mark.parametrize(("name", "other", "sent", "payload", "usual", "then"), FACE, ids=[case[0] for case in FACE])
def test_turning_a_switch_of_the_signature(
    name: str, other: dict[str, Any], sent: dict[str, str], payload: str, usual: int, then: int
) -> None:
    """What is let in by default is sent away then."""
    assert (_code(FaceChoices(), sent, payload), _code(FaceChoices(**other), sent, payload)) == (usual, then)


def _code(choices: FaceChoices, sent: dict[str, str], payload: str) -> int:
    try:
        keyring(choices).check_rest(sent, payload, ip="127.0.0.1", now_ms=NOW)
    except AuthError as error:
        return error.ret_code
    return 0


def test_turning_the_switches_of_a_ban() -> None:
    """It may be shorter, and it may not grow by asking."""
    gate = IpGate(FaceChoices(ip_ban_ms=1000, ip_ban_extends=False))
    gate.ban("a", 0)

    assert [gate.admit("a", at_ms) for at_ms in (500, 999, 1000)] == [False, False, True]


def test_a_ban_grows_by_its_own_length() -> None:
    """One that a test makes short stays short, however often it is argued with."""
    gate = IpGate(FaceChoices())
    gate.ban("a", 0, 1500)

    assert [gate.admit("a", at_ms) for at_ms in (1000, 2000, 3499, 5000)] == [False, False, False, True]


def test_turning_the_switch_of_categorised_topics() -> None:
    """The message of `order.linear` may be called `order`."""
    push = Push(account="a", channel="private", topic="order", rows=({"category": "linear"},), at_ms=0)

    told = [
        PrivateFeed(FaceChoices(topic_of_categorised=how)).message(push, "order.linear", 1)
        for how in ("subscribed", "all-in-one")
    ]

    assert [message and message["topic"] for message in told] == ["order.linear", "order"]


async def test_turning_the_switches_of_the_road() -> None:
    """An unknown path, a page of a ban, a second subscription, a quota for each road."""
    choices = FaceChoices(
        unknown_path_status=200, ip_ban_body="{}", resubscribe_is_an_error=False, single_orders_share_quota=False
    )
    async with build(SimulatorOptions(choices=choices, paused=True)).serving() as server, at(server.url) as client:
        async with client.session.get(f"{client.url}/v5/nowhere") as answer:
            status, body = answer.status, await answer.json()
        async with client.socket("/v5/public/linear", "tickers.BTCUSDT") as socket:
            await socket.send(op="subscribe", args=["tickers.BTCUSDT"])
            again = await socket.next(lambda message: message.get("op") == "subscribe")
        for _ in range(10):
            server.desk.ask(_key(server), "POST", "/v5/order/cancel", LINEAR, via="rest", wall_ms=0)
        quotas = [
            server.desk.ask(_key(server), "POST", "/v5/order/cancel", LINEAR, via=via, wall_ms=0).reply.ret_code
            for via in ("rest", "trade")
        ]
        await client.sim("POST", "faults", fault="ip-ban")
        async with client.session.get(f"{client.url}/v5/market/time") as answer:
            banned = answer.status, await answer.text()

    assert (status, body["retCode"], again["success"]) == (200, 10017, True)
    assert quotas == [10006, 10001]
    assert banned == (403, "{}")


def _key(server: SimulatorServer) -> ApiKey:
    key = server.keyring.key(KEY)
    assert key is not None
    return key


TRIED_ELSEWHERE = {
    "test_auth": {"bad_key_status", "max_auth_ahead_ms"},
    "test_sessions": {"one_bad_topic_fails_all"},
    "test_server": {
        "idle_cut_ms",
        "idle_scan_ms",
        "outbox_limit",
        "private_snapshot",
        "session_requests_a_second",
        "sockets_in_five_minutes",
    },
    "test_quotas": {"market_sockets_open"},
    "test_venue_funding": {"funding_rows_on_stream"},
    "test_venue_loans": {"loan_lag_ms"},
    "test_venue_orders": {"link_id_life"},
}
NOT_WORTH_A_TEST = {"refused_socket_status", "socket_latency_ms"}
"""A number that is handed on as it is."""


def test_every_switch_of_the_register_is_tried() -> None:
    """Here, or in the test that is named."""
    here = {case[0] for case in TURNED} | {case[0] for case in FACE}
    here |= {"ip_ban_ms", "ip_ban_extends", "ip_ban_body", "topic_of_categorised", "unknown_path_status"}
    here |= {"resubscribe_is_an_error", "single_orders_share_quota"}
    registered = {switch for silent in SILENT for switch in silent.switches if not switch.startswith("fault ")}

    assert registered - here - NOT_WORTH_A_TEST - set().union(*TRIED_ELSEWHERE.values()) == set()
    for name, switches in TRIED_ELSEWHERE.items():
        text = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
        assert [switch for switch in switches if switch not in text] == []
