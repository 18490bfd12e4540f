"""Whatever a client sends, the simulated venue answers; and a refusal leaves everything as it was.

Every private and public route is asked with sensible, odd and senseless values for every parameter name the venue reads.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.simulator.venue import PRIVATE_PATHS, PUBLIC_PATHS, Reply, Tick, Venue

D = Decimal
START_MS = 1_752_192_000_000
NUMBERS = [
    "0",
    "0.001",
    "0.1",
    "5",
    "100",
    "115000",
    "116000.1",
    "1e300",
    "-1",
    "NaN",
    "abc",
    "1" * 60,
    3,
    0.5,
    True,
    [],
    {},
]
NUMBERS += ["0.00000001", "0.000000001", "99999999999999999999"]

NAMES: dict[str, list[Any]] = {
    "category": ["linear", "linear", "spot", "inverse", "", 7],
    "symbol": ["BTCUSDT", "BTCUSDT", "BTCUSDT", "ETHUSDT", None],
    "side": ["Buy", "Sell", "buy", None],
    "orderType": ["Market", "Limit", "Stop"],
    "timeInForce": ["GTC", "IOC", "FOK", "PostOnly", "RPI", "x"],
    "positionIdx": [1, 2, 0, "1", "x"],
    "triggerDirection": [1, 2, 3, "1"],
    "triggerBy": ["LastPrice", "MarkPrice", "IndexPrice", "x"],
    "tpslMode": ["Full", "Partial", "x"],
    "orderFilter": ["Order", "StopOrder", "tpslOrder", "OpenOrder", "x"],
    "marketUnit": ["baseCoin", "quoteCoin", "x"],
    "slippageToleranceType": ["TickSize", "Percent", "x"],
    "bboSideType": ["Queue", "Counterparty", "x"],
    "orderLinkId": ["a", "a", "b b", "z" * 40, "first"],
    "orderId": ["nope", None],
    "reduceOnly": [True, False, "true", "x"],
    "closeOnTrigger": [True, False],
    "isLeverage": [0, 1, "1", "x"],
    "coin": ["BTC", "USDT", "DOGE", "", "BTC,USDT"],
    "currency": ["BTC", "USDT", "DOGE", None],
    "loanCurrency": ["USDT", "BTC", "DOGE"],
    "collateralCoin": ["BTC", "USDT,BTC", "DOGE"],
    "collateralList": [[{"currency": "BTC", "amount": "0.1"}], [{"ccy": "BTC", "amount": "0.1"}], [1], {}, "x"],
    "coinName": ["BTC", "USDT,BTC", ",", "DOGE"],
    "accountType": ["UNIFIED", "FUND", "SPOT"],
    "fromAccountType": ["UNIFIED", "FUND", "SPOT"],
    "toAccountType": ["UNIFIED", "FUND", "SPOT"],
    "transferId": ["t-1", "t-2"],
    "direction": ["0", "1", "2"],
    "collateralSwitch": ["ON", "OFF", "x"],
    "setMarginMode": ["ISOLATED_MARGIN", "REGULAR_MARGIN", "PORTFOLIO_MARGIN", "x"],
    "spotMarginMode": ["0", "1", "2"],
    "mode": [0, 3, 1, "3"],
    "repaymentType": ["ALL", "FIXED", "FLEXIBLE", "x"],
    "autoRepayMode": ["0", "1", "x"],
    "openOnly": [0, 1, "x"],
    "limit": [1, 50, 0, -1, "x", 10**9],
    "cursor": ["", "page_token%3D3%26", "garbage", "page_token=x"],
    "startTime": [0, START_MS, "x", -1],
    "endTime": [START_MS, START_MS + 1, 0],
    "settleCoin": ["USDT", "USDC"],
    "request": [[{"symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01", "positionIdx": 1}], [{}], [], "x", None],
    "utaDemoApplyMoney": [[{"coin": "USDT", "amountStr": "100"}], [{"coin": "DOGE", "amountStr": "1"}]],
    "timeWindow": [10, 1, "x"],
    **dict.fromkeys(
        (
            *("qty", "price", "triggerPrice", "takeProfit", "stopLoss", "tpLimitPrice", "slLimitPrice", "slippageTolerance"),
            *("amount", "loanAmount", "buyLeverage", "sellLeverage", "leverage", "trailingStop", "activePrice", "tpSize", "slSize"),
        ),
        NUMBERS,
    ),
}  # fmt: skip
PARAMS = st.lists(
    st.sampled_from(sorted(NAMES)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(NAMES[name]))),
    max_size=14,
).map(dict)
USUAL: dict[str, Any] = {
    **{
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Sell",
        "orderType": "Limit",
        "qty": "0.01",
        "price": "116500",
    },
    **{
        "positionIdx": 2,
        "coin": "USDT",
        "currency": "USDT",
        "coinName": "USDT",
        "loanCurrency": "USDT",
        "collateralCoin": "BTC",
    },
    **{"amount": "5", "loanAmount": "20", "direction": "0", "transferId": "t-1", "accountType": "UNIFIED"},
    **{
        "fromAccountType": "FUND",
        "toAccountType": "UNIFIED",
        "buyLeverage": "20",
        "sellLeverage": "20",
        "leverage": "3",
    },
    **{
        "takeProfit": "110000",
        "tpslMode": "Full",
        "collateralSwitch": "OFF",
        "deltaEnable": "1",
        "setHedgingMode": "OFF",
    },
    **{
        "setMarginMode": "ISOLATED_MARGIN",
        "spotMarginMode": "1",
        "autoRepayMode": "1",
        "modifyEnable": True,
        "timeWindow": 10,
    },
    "mode": 0,
}
"""Sensible for almost every route; each takes what it knows and ignores the rest."""


def usual(path: str) -> dict[str, Any]:
    wish = dict(USUAL)
    if path in ("/v5/order/amend", "/v5/order/cancel"):
        wish["orderLinkId"] = "first"
    if path.endswith("-switch"):
        wish["coin"] = "BTC"
    if path.endswith("spot-borrow-check"):
        wish["category"] = "spot"
    if path.endswith("-batch"):
        wish["request"] = [USUAL | {"orderLinkId": "first" if "create" not in path else "", "coin": "BTC"}]
    return wish


REQUESTS = st.tuples(st.sampled_from(sorted(PRIVATE_PATHS)), st.booleans(), PARAMS)


def a_venue() -> Venue:
    venue = Venue(seed=5, now_ms=START_MS)
    venue.step(Tick(at_ms=START_MS, last=D(116_000), mark=D(116_000), index=D(116_000)))
    venue.open_account(
        "me",
        coins={"BTC": D("0.5"), "USDT": D(2_000)},
        borrowed={"USDT": D(10_000)},
        legs={1: (D("0.1"), None), 2: (D("0.2"), None)},
        leverage=D(25),
        funding_coins={"BTC": D(1), "USDT": D(1_000)},
    )
    venue.request("me", "POST", "/v5/order/create", USUAL | {"takeProfit": "", "orderLinkId": "first"})
    pledge = [{"currency": "BTC", "amount": "0.3"}]
    path = "/v5/crypto-loan-flexible/borrow"
    venue.request("me", "POST", path, {"loanCurrency": "USDT", "loanAmount": "9000", "collateralList": pledge})
    return venue


def picture(venue: Venue) -> str:
    """Everything about the account that a request could change."""
    return repr(venue.state.accounts["me"])


@settings(max_examples=150, deadline=None)
@given(st.lists(REQUESTS, min_size=1, max_size=12))
@example([(("POST", "/v5/order/cancel"), True, {}), (("POST", "/v5/account/set-collateral-switch"), True, {})])
def test_refusals_change_nothing(requests: list[tuple[tuple[str, str], bool, dict[str, Any]]]):
    """No exception, a reply every time, and on a refusal not one field of the account is different."""
    venue = a_venue()
    for (method, path), sensible, params in requests:
        before = picture(venue)
        venue.drain()
        reply = venue.request("me", method, path, (usual(path) | params) if sensible else params)
        assert isinstance(reply, Reply)
        if reply.ret_code or method == "GET":
            assert picture(venue) == before, (
                f"{path} refused with {reply.ret_code} {reply.ret_msg}, but changed the account"
            )
            assert not venue.drain()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(PUBLIC_PATHS)), PARAMS)
def test_public_questions_always_get_an_answer(path: str, params: dict[str, Any]):
    """Public routes answer or refuse; they never raise."""
    assert isinstance(a_venue().public(path, params), Reply)
