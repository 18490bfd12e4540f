"""Every answer of the simulator has the shape of its page's example: the same keys, the same JSON types."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.shape import differences
from tests.conformance.tour import take_the_tour

EXAMPLES = Path(__file__).parent.parent / "data" / "bybit" / "docs"

_BARE = "the page's example leaves the envelope's own keys out"
_CREATE_TYPE = "in the page's table and in every captured linear row; its example is older"
_NEWER = "added by Bybit in June 2026 and in captured frames; the example is older"

EXCUSED: dict[str, dict[str, str]] = {
    "GET_v5_account_info": dict.fromkeys([".retExtInfo extra", ".time extra"], _BARE),
    "GET_v5_account_query-dcp-info": {
        ".result.dcpInfos[] empty": "disconnect protection is for institutions; others get an empty list"
    },
    "GET_v5_account_user-setting-config": {".result.deltaEnable extra": "in the page's table, not in its example"},
    "GET_v5_account_withdrawal": dict.fromkeys(
        [f".result.availableWithdrawalMap.{coin} missing" for coin in ("SOL", "XRP", "ETH")],
        "keys are the coins asked for",
    ),
    "GET_v5_announcements_index": {".result.list[] empty": "this venue announces nothing; its status page does"},
    "GET_v5_crypto-loan-common_position": {".result.supplyList[] empty": "lending out is not offered here"},
    "GET_v5_execution_list": {".result.list[].createType extra": _CREATE_TYPE},
    "GET_v5_order_history": {".result.list[].createType extra": _CREATE_TYPE},
    "GET_v5_order_realtime": {".result.list[].createType extra": _CREATE_TYPE},
    "GET_v5_market_tickers.inverse": dict.fromkeys(
        [".result.list[].singleOpenInterest extra", ".result.list[].singleOpenInterestValue extra"], _NEWER
    ),
    "GET_v5_spot-margin-trade_data": dict.fromkeys([".retExtInfo extra", ".time extra"], _BARE),
    "GET_v5_user_query-api": dict.fromkeys(
        [
            f".result.permissions.{group}[] empty"
            for group in ("Earn", "FiatP2P", "FiatConvertBroker", "FiatBitPay", "BitCard", "ByXPost")
        ],
        "a trading key holds no permission of that group",
    ),
    "POST_v5_account_quick-repayment.error_182120": dict.fromkeys(
        [".result extra", ".retExtInfo extra", ".time extra"], _BARE
    ),
    "POST_v5_account_set-hedging-mode": dict.fromkeys([".result extra", ".retExtInfo extra", ".time extra"], _BARE),
    "POST_v5_account_set-margin-mode": dict.fromkeys([".retExtInfo extra", ".time extra"], _BARE),
    "POST_v5_order_disconnected-cancel-all": dict.fromkeys(
        [".result extra", ".retExtInfo extra", ".time extra"], _BARE
    ),
    "POST_v5_position_add-margin": dict.fromkeys(
        [
            f".result.{name} missing"
            for name in (
                *("category", "symbol", "positionIdx", "riskId", "riskLimitValue", "size", "positionValue", "avgPrice"),
                *(
                    "liqPrice",
                    "bustPrice",
                    "markPrice",
                    "leverage",
                    "autoAddMargin",
                    "positionStatus",
                    "positionIM",
                    "positionMM",
                ),
                *(
                    "unrealisedPnl",
                    "cumRealisedPnl",
                    "stopLoss",
                    "takeProfit",
                    "trailingStop",
                    "createdTime",
                    "updatedTime",
                ),
            )
        ],
        "isolated margin only; the simulated account is in cross margin, where Bybit refuses it",
    ),
    "WS_execution": {".data[].extraFees[] empty": "extra taxes of some residences"},
    "WS_order": dict.fromkeys(
        [
            f".data[].{name} extra"
            for name in ("isLeverage", "createType", "marketUnit", "slippageToleranceType", "slippageTolerance")
        ],
        "the example is an option's order; captured linear rows have these",
    ),
    "WS_publicTrade.linear": {".data[].RPI extra": "in the page's table and in captured frames, not in its example"},
    "WS_tickers.linear.snapshot": dict.fromkeys(
        [".data.singleOpenInterest extra", ".data.singleOpenInterestValue extra"], _NEWER
    ),
}
"""Where the simulator differs from an example on purpose, and why."""

OUT_OF_SCOPE: dict[str, str] = {
    "GET_v5_crypto-loan_": "legacy crypto loan, closed to new borrowing since November 2025",
    "POST_v5_crypto-loan_": "legacy crypto loan, closed to new borrowing since November 2025",
    "GET_v5_crypto-loan-fixed_": "fixed-term loans are not simulated",
    "POST_v5_crypto-loan-fixed_": "fixed-term loans are not simulated",
    "GET_v5_spot-margin-trade_fixed": "fixed-rate borrowing is not simulated",
    "POST_v5_spot-margin-trade_fixed": "fixed-rate borrowing is not simulated",
    "GET_v5_pre-upgrade_": "history of accounts before they became unified",
    "GET_v5_account_contract-transaction-log": "abandoned endpoint of classic accounts",
    "GET_v5_account_option-asset-info": "options are not simulated",
    "GET_v5_account_trade-info-for-analysis": "statistics nobody here reads",
    "POST_v5_account_upgrade-to-uta": "the simulated account is unified from the start",
    "POST_v5_account_quick-repayment": "manual debt refuses it (182120), and that answer is compared",
    "GET_v5_apilimit_query-": "limits of market makers",
    "POST_v5_apilimit_set": "limits of market makers",
    "GET_v5_asset_delivery-record": "dated contracts are not simulated",
    "GET_v5_asset_settlement-record": "USDC contracts are not simulated",
    "GET_v5_asset_portfolio-margin": "portfolio margin is not simulated",
    "GET_v5_asset_transfer_query-sub-member-list": "sub-accounts are not simulated",
    "GET_v5_asset_transfer_query-universal-transfer-list": "sub-accounts are not simulated",
    "POST_v5_asset_transfer_universal-transfer": "sub-accounts are not simulated",
    "GET_v5_market_account-ratio": "crowd statistics of other traders",
    "GET_v5_market_delivery-price": "dated contracts are not simulated",
    "GET_v5_market_new-delivery-price": "dated contracts are not simulated",
    "GET_v5_market_full_orderbook": "the synthetic book ends after 500 levels",
    "GET_v5_market_rpi_orderbook": "retail price improvement is not simulated",
    "GET_v5_market_historical-volatility": "options are not simulated",
    "GET_v5_market_index-price-components": "the index comes from the tape, not from other exchanges",
    "GET_v5_market_instruments-info.linear.prelaunch": "only BTCUSDT is listed",
    "GET_v5_market_instruments-info.option": "options are not simulated",
    "GET_v5_market_tickers.option": "options are not simulated",
    "GET_v5_position_get-closed-positions": "options are not simulated",
    "GET_v5_position_move-history": "positions do not move between accounts here",
    "POST_v5_position_move-positions": "positions do not move between accounts here",
    "POST_v5_position_set-risk-limit": "abandoned: tiers follow the position",
    "POST_v5_position_set-tpsl-mode": "abandoned: the mode is part of the order",
    "POST_v5_position_switch-isolated": "classic accounts only",
    "GET_v5_user_": "members and sub-accounts are not simulated; query-api is compared",
    "POST_v5_user_": "members and sub-accounts are not simulated",
    "WS_adlAlert": "accepted and silent: the pools it reports are other contracts'",
    "WS_insurance": "accepted and silent: the pools it reports are other contracts'",
    "WS_greeks": "options are not simulated",
    "WS_pong.option": "options are not simulated",
    "WS_subscribe_ack.option": "options are not simulated",
    "WS_tickers.option": "options are not simulated",
    "WS_tickers.linear_futures": "dated contracts are not simulated",
    "WS_orderbook.full": "the synthetic book ends after 500 levels",
    "WS_orderbook.rpi": "retail price improvement is not simulated",
}
"""Examples of the documentation that nothing here answers, by the beginning of their name."""

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))


@pytest.fixture(scope="module")
def tour() -> dict[str, Any]:
    return asyncio.run(take_the_tour())


@pytest.mark.parametrize(
    "name", [name for name in NAMES if not name.startswith(tuple(OUT_OF_SCOPE)) or name in EXCUSED]
)
def test_shape(name: str, tour: dict[str, Any]) -> None:
    """Parted only where the table says so; an excuse that is no longer needed must go."""
    example = json.loads((EXAMPLES / f"{name}.json").read_text())

    assert name in tour, "no answer to compare: let the tour pass by, or say in OUT_OF_SCOPE why not"
    assert differences(example, tour[name]) == list(EXCUSED.get(name, {}))


def test_everything_the_tour_brought_home_is_compared(tour: dict[str, Any]) -> None:
    """No answer without its example."""
    assert set(tour) <= set(NAMES)


CAPTURED = EXAMPLES.parent / "captures" / "mainnet_2026-08-09_linear_btcusdt.jsonl"
FRAMES = [("tickers.BTCUSDT", "WS_tickers.linear.snapshot"), ("kline.1.BTCUSDT", "WS_kline.5.linear")]


@pytest.mark.parametrize(("topic", "name"), FRAMES, ids=[frame[0] for frame in FRAMES])
def test_frames_are_those_of_the_real_stream(topic: str, name: str, tour: dict[str, Any]) -> None:
    """Where a page's example is old, a captured frame judges: the same keys and types, nothing excused."""
    frames = [json.loads(line) for line in CAPTURED.read_text().splitlines()]
    captured = next(frame for frame in frames if frame.get("topic") == topic and frame["type"] == "snapshot")

    assert differences(captured, tour[name]) == []


SHAPES = [
    ({"a": "1"}, {"a": "2"}, []),
    ({"a": "1"}, {"a": 1}, [".a: number for string"]),
    ({"a": 1.5}, {"a": 1}, []),
    ({"a": True}, {"a": 1}, [".a: number for boolean"]),
    ({"a": 1, "b": 2}, {"a": 1}, [".b missing"]),
    ({"a": 1}, {"a": 1, "b": 2}, [".b extra"]),
    ([{"a": 1}, {"b": 1}], [{"b": 2}], []),
    ([{"a": 1}], [], ["[] empty"]),
    ([], [{"a": 1}], []),
    ({"x": None}, {"x": {}}, [".x: object for null"]),
    ({"cumFeeDetail": {"MNT": "1"}}, {"cumFeeDetail": {"USDT": "2"}}, []),
    ({"cumFeeDetail": {"MNT": "1"}}, {"cumFeeDetail": {"USDT": 2}}, [".cumFeeDetail: values of another kind"]),
]


@pytest.mark.parametrize(("example", "ours", "parted"), SHAPES, ids=[str(i) for i in range(len(SHAPES))])
def test_the_measure_itself(example: Any, ours: Any, parted: list[str]) -> None:
    """A measure that never differs measures nothing."""
    assert differences(example, ours) == parted
