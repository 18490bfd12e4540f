"""The public desk: what the venue itself knows about its market, no account needed.

Knows instruments, book, band, risk tiers and the present prices. Candles and history come from the tape, at the face.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import Any

from bot.simulator.book import Level, band, best, levels
from bot.simulator.figures import ZERO, fixed, plain
from bot.simulator.instruments import RISK_TIERS, SYMBOL, instrument_row
from bot.simulator.intake import category_of
from bot.simulator.pages import HOUR_MS
from bot.simulator.params import Ask, Reply
from bot.simulator.routes import PublicRoutes
from bot.simulator.state import State

__all__ = ["PUBLIC", "book_data"]

_OPEN_INTEREST_BTC = Decimal(25_000)


def instruments_info(state: State, ask: Ask) -> Reply:
    category = ask.need("category")
    if category in ("inverse", "option"):
        return Reply(result={"category": category, "list": [], "nextPageCursor": ""})
    category = category_of(ask)
    contract = state.contracts[category]
    wanted = ask.text("status", "Trading") == contract.status and ask.text("baseCoin", "BTC") == "BTC"
    result: dict[str, Any] = {"category": category, "list": [instrument_row(contract)] if wanted else []}
    if category == "linear":
        result["nextPageCursor"] = ""
    return Reply(result=result)


def orderbook(state: State, ask: Ask) -> Reply:
    category = category_of(ask)
    limit = min(1000, max(1, ask.whole("limit", 25 if category == "linear" else 1) or 1))
    return Reply(result=book_data(state, category, limit) | {"ts": state.now_ms, "cts": state.now_ms})


def book_data(state: State, category: str, depth: int) -> dict[str, Any]:
    """s, b, a, u, seq of the book: [price, size] text pairs, best first. Resting orders of accounts are not shown."""
    contract = state.contracts[category]

    def side(taker: str) -> list[list[str]]:
        return [
            [contract.price_text(level.price), plain(level.qty)]
            for level in islice(levels(state, category, taker), depth)
        ]

    number = state.mint.last_seq
    return {"s": SYMBOL, "b": side("Sell"), "a": side("Buy"), "u": number, "seq": number}


def price_limit(state: State, ask: Ask) -> Reply:
    category = ask.choice("category", ("linear", "spot"), "linear")
    limits, contract = band(state, category), state.contracts[category]
    return Reply(
        ret_msg="",
        result={
            "symbol": SYMBOL,
            "buyLmt": contract.price_text(limits.buy_limit),
            "sellLmt": contract.price_text(limits.sell_limit),
            "ts": str(state.now_ms),
        },
    )


def risk_limit(state: State, ask: Ask) -> Reply:
    unit = 100 if state.rules.risk_limit_in_percent else 1
    listed = [
        {
            "id": tier.id,
            "symbol": SYMBOL,
            "riskLimitValue": plain(tier.limit),
            "maintenanceMargin": plain(tier.mmr * unit),
            "initialMargin": plain(tier.imr * unit),
            "isLowestRisk": int(tier.id == 1),
            "maxLeverage": fixed(tier.max_leverage, state.linear.price_like),
            "mmDeduction": plain(tier.mm_deduction) if tier.mm_deduction else "",
        }
        for tier in RISK_TIERS
    ]
    return Reply(result={"category": ask.text("category", "linear"), "list": listed})


def tickers(state: State, ask: Ask) -> Reply:
    category = category_of(ask)
    return Reply(result={"category": category, "list": [ticker_row(state, category)]})


def ticker_row(state: State, category: str) -> dict[str, Any]:
    """The present quotes; the day's high, low and volume belong to whoever keeps the tape's history and are filled in there."""
    contract, market = state.contracts[category], state.market
    ask1, bid1 = (
        next(levels(state, category, side), Level(best(state, category, side), ZERO)) for side in ("Buy", "Sell")
    )
    last = contract.price_text(state.centre(category))
    row: dict[str, Any] = {
        "symbol": SYMBOL,
        "bid1Price": contract.price_text(bid1.price),
        "bid1Size": plain(bid1.qty),
        "ask1Price": contract.price_text(ask1.price),
        "ask1Size": plain(ask1.qty),
        "lastPrice": last,
        "prevPrice24h": last,
        "price24hPcnt": "0",
        "highPrice24h": last,
        "lowPrice24h": last,
        "turnover24h": "0",
        "volume24h": "0",
    }
    if category == "spot":
        return row | {"usdIndexPrice": plain(market.index)}
    return row | {
        "indexPrice": contract.price_text(market.index),
        "markPrice": contract.price_text(market.mark),
        "prevPrice1h": last,
        "openInterest": plain(2 * _OPEN_INTEREST_BTC),
        "openInterestValue": plain(2 * _OPEN_INTEREST_BTC * market.mark),
        "fundingRate": plain(market.funding_rate),
        "nextFundingTime": str(market.next_funding_ms),
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
        "basis": "",
        "preOpenPrice": "",
        "preQty": "",
        "curPreListingPhase": "",
        "fundingIntervalHour": str(contract.funding_interval_min // 60),
        "basisRateYear": "",
        "fundingCap": plain(contract.funding_cap),
    }


def adl_alert(state: State, ask: Ask) -> Reply:
    """The insurance pool of the contract: full, so that no deleveraging is near unless a fault plan says so."""
    row = {
        "coin": "USDT",
        "symbol": SYMBOL,
        "balance": "1000000000",
        "maxBalance": "1000000000",
        "insurancePnlRatio": "-0.3",
        "pnlRatio": "0",
        "adlTriggerThreshold": "10000",
        "adlStopRatio": "-0.25",
    }
    return Reply(result={"updatedTime": str(state.now_ms), "list": [row]})


def insurance(state: State, ask: Ask) -> Reply:
    row = {"coin": "USDT", "symbols": SYMBOL, "balance": "1000000000", "value": "1000000000"}
    return Reply(result={"updatedTime": str(state.now_ms), "list": [row]})


def open_interest(state: State, ask: Ask) -> Reply:
    """Both sides and one side; it does not move here."""
    row = {
        "openInterest": plain(2 * _OPEN_INTEREST_BTC),
        "singleOpenInterest": plain(_OPEN_INTEREST_BTC),
        "timestamp": str(state.now_ms // HOUR_MS * HOUR_MS),
    }
    category = ask.text("category", "linear")
    return Reply(result={"symbol": SYMBOL, "category": category, "list": [row], "nextPageCursor": ""})


PUBLIC: PublicRoutes = {
    "/v5/market/instruments-info": instruments_info,
    "/v5/market/orderbook": orderbook,
    "/v5/market/price-limit": price_limit,
    "/v5/market/risk-limit": risk_limit,
    "/v5/market/tickers": tickers,
    "/v5/market/adlAlert": adl_alert,
    "/v5/market/insurance": insurance,
    "/v5/market/open-interest": open_interest,
}
