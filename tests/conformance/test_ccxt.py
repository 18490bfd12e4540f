"""ccxt lives a trading day on the simulator: unified methods, raw methods, and its mappings of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import ccxt.async_support as ccxt
import pytest

from bot.simulator.main import SimulatorOptions, build
from tests.client import Client, at
from tests.conformance.clients import SYMBOL, ccxt_at

HOUR_MS = 3_600_000
RAW = {"category": "linear", "symbol": "BTCUSDT"}


@pytest.fixture
async def hand() -> AsyncIterator[Client]:
    async with build(SimulatorOptions(speed=10)).serving() as server, at(server.url) as client:
        yield client


@pytest.fixture
async def exchange(hand: Client) -> AsyncIterator[Any]:
    async with ccxt_at(hand.url) as client:
        await client.load_markets()
        yield client


async def test_the_market(exchange: Any) -> None:
    """Markets, tickers, book, trades, candles of four prices, funding, tiers, time and status."""
    market = exchange.market(SYMBOL)
    ticker, spot = await exchange.fetch_ticker(SYMBOL), await exchange.fetch_ticker("BTC/USDT")
    book = await exchange.fetch_order_book(SYMBOL, 50)
    trades = await exchange.fetch_trades(SYMBOL)
    candles = {
        frame: await exchange.fetch_ohlcv(SYMBOL, frame, None, 50) for frame in ("1m", "5m", "1h", "1d", "1w", "1M")
    }
    funding = await exchange.fetch_funding_rate(SYMBOL)
    settled = await exchange.fetch_funding_rate_history(SYMBOL)
    tiers = await exchange.fetch_market_leverage_tiers(SYMBOL)

    assert (market["linear"], market["precision"]["amount"], market["limits"]["cost"]["min"]) == (True, 0.001, 5.0)
    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert abs(spot["last"] / ticker["last"] - 1) < 0.002
    assert (len(book["bids"]), len(book["asks"])) == (50, 50)
    assert {trade["side"] for trade in trades} <= {"buy", "sell"}
    assert all(len(rows) > 0 and all(row[3] <= row[1] <= row[2] for row in rows) for rows in candles.values())
    assert [row[0] for row in candles["5m"]] == sorted(row[0] for row in candles["5m"])
    for fetch in (exchange.fetch_mark_ohlcv, exchange.fetch_index_ohlcv):
        assert await fetch(SYMBOL, "1h")
    assert (await exchange.fetch_premium_index_ohlcv(SYMBOL, "1h"))[-1][4] < 0.001
    assert (funding["interval"], funding["fundingTimestamp"] % (8 * HOUR_MS)) == ("8h", 0)
    assert len(settled) > 10
    assert tiers[0]["maxLeverage"] == 100
    assert await exchange.fetch_time() > 0
    assert (await exchange.fetch_status())["status"] == "ok"
    assert {"BTC", "USDT"} <= set(await exchange.fetch_currencies())


async def test_the_account(exchange: Any) -> None:
    """Balances with their debt, both legs, fees and leverage; what is so already is told as no change."""
    balance = await exchange.fetch_balance()
    legs = {leg["side"]: leg for leg in await exchange.fetch_positions([SYMBOL])}
    fee = await exchange.fetch_trading_fee(SYMBOL)

    assert balance["BTC"]["total"] == 0.27
    assert float(balance["info"]["result"]["list"][0]["totalEquity"]) > 0
    assert {side: leg["contracts"] for side, leg in legs.items()} == {"long": 0.213, "short": 0.213}
    assert {leg["leverage"] for leg in legs.values()} == {25.0}
    assert {leg["hedged"] for leg in legs.values()} == {True}
    assert (fee["taker"], fee["maker"]) == (0.00055, 0.0002)
    await exchange.set_leverage(20, SYMBOL)
    assert (await exchange.fetch_leverage(SYMBOL))["longLeverage"] == 20
    with pytest.raises(ccxt.BadRequest, match="110043"):
        await exchange.set_leverage(20, SYMBOL)
    with pytest.raises(ccxt.NoChange):
        await exchange.set_position_mode(True, SYMBOL)


async def test_orders(exchange: Any) -> None:
    """Create, edit, fetch, cancel; market, limit, conditional, with take profit and stop loss; batches; all by their ids."""
    order = await exchange.create_order(
        SYMBOL, "limit", "buy", 0.01, 105_000, {"positionIdx": 1, "clientOrderId": "day-1"}
    )
    await exchange.edit_order(order["id"], SYMBOL, "limit", "buy", 0.02, 104_000)
    standing = await exchange.fetch_open_order(order["id"], SYMBOL)
    found = await exchange.fetch_order(order["id"], SYMBOL, {"acknowledged": True})
    await exchange.cancel_order(order["id"], SYMBOL)
    cancelled = await exchange.fetch_canceled_orders(SYMBOL)

    assert (standing["amount"], standing["price"], standing["status"]) == (0.02, 104_000, "open")
    assert (found["clientOrderId"], found["id"]) == ("day-1", order["id"])
    assert [(row["id"], row["status"]) for row in cancelled] == [(order["id"], "canceled")]

    batch = [
        {
            "symbol": SYMBOL,
            "type": "limit",
            "side": "buy",
            "amount": 0.01,
            "price": 105_000,
            "params": {"positionIdx": 1},
        }
    ] * 2
    await exchange.create_orders(batch)
    await exchange.create_order(
        SYMBOL,
        "market",
        "buy",
        0.01,
        None,
        {"positionIdx": 1, "triggerPrice": 130_000, "triggerDirection": "ascending"},
    )
    assert len(await exchange.fetch_open_orders(SYMBOL)) == 3
    assert len(await exchange.cancel_all_orders(SYMBOL)) == 3
    assert await exchange.fetch_open_orders(SYMBOL) == []


async def test_the_first_hedge_of_the_day(exchange: Any) -> None:
    """Sell 0.162 of the long, add 0.108 to the short: legs 0.051 and 0.321, trades and closed orders as they happened."""
    long = await exchange.create_order(SYMBOL, "market", "sell", 0.162, None, {"positionIdx": 1, "reduceOnly": True})
    short = await exchange.create_order(SYMBOL, "market", "sell", 0.108, None, {"positionIdx": 2})
    legs = {leg["side"]: leg["contracts"] for leg in await exchange.fetch_positions([SYMBOL])}
    trades = await exchange.fetch_my_trades(SYMBOL)
    closed = await exchange.fetch_closed_orders(SYMBOL)

    assert legs == {"long": 0.051, "short": 0.321}
    assert round(sum(trade["amount"] for trade in trades), 3) == 0.27
    assert {trade["order"] for trade in trades} == {long["id"], short["id"]}
    assert all(trade["fee"]["cost"] > 0 and trade["fee"]["currency"] == "USDT" for trade in trades)
    assert {row["id"]: row["filled"] for row in closed} == {long["id"]: 0.162, short["id"]: 0.108}
    assert sum(trade["amount"] for trade in await exchange.fetch_order_trades(long["id"], SYMBOL)) == pytest.approx(
        0.162
    )


async def test_a_day_with_its_funding(exchange: Any, hand: Client) -> None:
    """Nine hours on: two settlements, two legs each, in the funding history and in the ledger."""
    await exchange.create_order(SYMBOL, "market", "sell", 0.162, None, {"positionIdx": 1, "reduceOnly": True})
    await hand.sim("POST", "pause")
    for _ in range(9):
        await hand.sim("POST", "step", ms=HOUR_MS)
    settled = await exchange.fetch_funding_history(SYMBOL)
    ledger = await exchange.fetch_ledger("USDT")
    results = await exchange.fetch_positions_history([SYMBOL])

    assert len(settled) == 4
    assert {row["timestamp"] % (8 * HOUR_MS) for row in settled} == {0}
    assert {row["info"]["type"] for row in ledger} >= {"TRADE", "SETTLEMENT"}
    assert results


async def test_borrowing_and_moving_money(exchange: Any, hand: Client) -> None:
    """Borrow, repay without selling, move between the funding and the unified account; every step is in a log."""
    await hand.sim("POST", "faults", fault="deposit", value="USDT:500:FUND")
    rate = await exchange.fetch_cross_borrow_rate("USDT")
    await exchange.transfer("USDT", 200, "funding", "unified")
    await exchange.borrow_cross_margin("USDT", 100)
    await exchange.repay_cross_margin("USDT", 50)
    owed = await exchange.private_get_v5_spot_margin_trade_liability({"currency": "USDT"})
    repaid = await exchange.private_post_v5_account_repay({"coin": "USDT", "amount": "30"})
    moved = await exchange.fetch_transfers("USDT")
    fund, unified = await exchange.fetch_balance({"type": "funding"}), await exchange.fetch_balance()
    log = await exchange.private_get_v5_account_transaction_log({"accountType": "UNIFIED", "currency": "USDT"})

    assert (rate["rate"], rate["period"]) == (6.84931507e-06, HOUR_MS)
    assert owed["result"]["totalBorrowAmount"] == "16250"
    assert repaid["result"]["resultStatus"] in ("P", "SU")
    assert [(row["amount"], row["status"]) for row in moved] == [(200.0, "ok")]
    assert (fund["USDT"]["total"], unified["USDT"]["total"], unified["USDT"]["debt"]) == (300, 220, 16_220)
    assert [(row["type"], row["cashFlow"], row["cashBalance"]) for row in log["result"]["list"]] == [
        ("REPAY", "-30", "220"),
        ("REPAY", "-50", "250"),
        ("BORROW", "100", "300"),
        ("TRANSFER_IN", "200", "200"),
    ]


async def test_a_crypto_loan_from_first_to_last(exchange: Any, hand: Client) -> None:
    """Pledge, borrow, take collateral back, repay from trading profit by way of Funding; LTV falls and no debt is left behind."""
    await hand.sim("POST", "faults", fault="deposit", value="BTC:0.2:FUND")
    await hand.sim("POST", "faults", fault="deposit", value="USDT:600:UNIFIED")
    pledge = [{"currency": "BTC", "amount": "0.2"}]
    borrowed = await exchange.private_post_v5_crypto_loan_flexible_borrow(
        {"loanCurrency": "USDT", "loanAmount": "10000", "collateralList": pledge}
    )
    first = (await exchange.private_get_v5_crypto_loan_common_position())["result"]
    await exchange.private_post_v5_crypto_loan_common_adjust_ltv(
        {"currency": "BTC", "amount": "0.05", "direction": "1"}
    )
    await exchange.transfer("USDT", 500, "unified", "funding")
    await exchange.private_post_v5_crypto_loan_flexible_repay({"loanCurrency": "USDT", "amount": "10000"})
    adjusted = (await exchange.private_get_v5_crypto_loan_common_adjustment_history())["result"]["list"][0]
    orders = (await exchange.private_get_v5_crypto_loan_flexible_borrow_history())["result"]["list"]
    repaid = (await exchange.private_get_v5_crypto_loan_flexible_repayment_history())["result"]["list"]
    last = (await exchange.private_get_v5_crypto_loan_common_position())["result"]
    fund = await exchange.fetch_balance({"type": "funding"})

    assert float(first["ltv"]) == pytest.approx(10_000 / float(first["totalCollateral"]), abs=1e-4)
    assert float(adjusted["preLTV"]) < float(adjusted["afterLTV"]) < 0.8
    assert [row["orderId"] for row in orders] == [borrowed["result"]["orderId"]]
    assert [(row["repayAmount"], row["repayStatus"]) for row in repaid] == [("10000", 1)]
    assert (last["borrowList"], last["ltv"], last["collateralList"][0]["amount"]) == ([], "0", "0.15")
    assert (fund["USDT"]["total"], fund["BTC"]["total"]) == (500, 0.05)
    with pytest.raises(ccxt.ExchangeError, match="148032"):
        await exchange.private_post_v5_crypto_loan_fixed_fully_repay({"loanCurrency": "USDT"})
    assert (await exchange.private_get_v5_crypto_loan_ongoing_orders())["result"]["list"] == []


async def test_spot(exchange: Any) -> None:
    """The other side of the hedge trades too."""
    sold = await exchange.create_order("BTC/USDT", "market", "sell", 0.001)
    order = await exchange.create_order("BTC/USDT", "limit", "sell", 0.001, 120_000)
    standing = await exchange.fetch_open_orders("BTC/USDT")
    await exchange.cancel_order(order["id"], "BTC/USDT")
    trades = await exchange.fetch_my_trades("BTC/USDT")

    assert [row["id"] for row in standing] == [order["id"]]
    assert {(trade["order"], trade["symbol"]) for trade in trades} == {(sold["id"], "BTC/USDT")}
    assert (await exchange.fetch_balance())["BTC"]["total"] == pytest.approx(0.269)


async def test_raw_methods(exchange: Any) -> None:
    """V5 by its own names: what the daemon uses."""
    placed = await exchange.private_post_v5_order_create(
        {**RAW, "side": "Sell", "orderType": "Market", "qty": "0.108", "positionIdx": 2, "orderLinkId": "raw-1"}
    )
    orders = await exchange.private_get_v5_order_realtime({**RAW, "orderLinkId": "raw-1"})
    fills = await exchange.private_get_v5_execution_list({**RAW, "orderLinkId": "raw-1"})
    legs = await exchange.private_get_v5_position_list(RAW)
    key = await exchange.private_get_v5_user_query_api()
    info = await exchange.private_get_v5_account_info()
    clock = await exchange.public_get_v5_market_time()

    assert placed["result"]["orderLinkId"] == "raw-1"
    assert orders["result"]["list"][0]["orderStatus"] == "Filled"
    assert fills["result"]["list"][0]["orderId"] == placed["result"]["orderId"]
    assert [leg["size"] for leg in legs["result"]["list"]] == ["0.213", "0.321"]
    assert "Withdraw" not in key["result"]["permissions"]["Wallet"]
    assert info["result"]["unifiedMarginStatus"] in (5, 6, "5", "6")
    assert int(clock["result"]["timeSecond"]) > 0


ERRORS: list[tuple[str, type[Exception], dict[str, Any]]] = [
    ("too small", ccxt.InvalidOrder, {"qty": "0.0001"}),
    ("no leg", ccxt.BadRequest, {"positionIdx": 0}),
    ("more than the account can carry", ccxt.InsufficientFunds, {"qty": "90", "positionIdx": 2}),
    ("nothing to reduce", ccxt.InvalidOrder, {"side": "Buy", "positionIdx": 1, "reduceOnly": True}),
    ("an unknown symbol", ccxt.BadRequest, {"symbol": "NOSUCHUSDT"}),
]


@pytest.mark.parametrize(("name", "kind", "changes"), ERRORS, ids=[case[0] for case in ERRORS])
async def test_errors(exchange: Any, name: str, kind: type[Exception], changes: dict[str, Any]) -> None:
    """Codes arrive as ccxt's own exceptions."""
    order = {**RAW, "side": "Sell", "orderType": "Market", "qty": "0.01", "positionIdx": 2}
    with pytest.raises((kind, ccxt.BadRequest)):
        await exchange.private_post_v5_order_create(order | changes)


async def test_misfortunes_through_ccxt(exchange: Any, hand: Client) -> None:
    """A ban is a rate limit, garbage may pass for an empty account: why the daemon checks envelopes itself."""
    await hand.sim("POST", "faults", fault="garbage", match="/v5/position/list")
    assert await exchange.fetch_positions([SYMBOL]) == []
    await hand.sim("DELETE", "faults")
    await hand.sim("POST", "faults", fault="ip-ban")
    with pytest.raises(ccxt.RateLimitExceeded):
        await exchange.fetch_positions([SYMBOL])
