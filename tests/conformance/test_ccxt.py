"""ccxt lives a trading day on the simulator: unified methods, raw methods, and its mappings of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal as D
from typing import Any

import ccxt.async_support as ccxt
import pytest

from bot.domain.clock import wall_ms
from bot.simulator.main import SimulatorOptions, build
from tests.client import Client, at
from tests.conformance.clients import SYMBOL, ccxt_at

HOUR_MS = 3_600_000
GRAIN = D("0.00000001")
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


async def test_the_market(exchange: Any, hand: Client) -> None:
    """Markets, tickers, book, trades, candles of four prices, funding, tiers, time and status."""
    await hand.sim("POST", "pause")
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
    assert (ticker["bid"], ticker["ask"]) == (book["bids"][0][0], book["asks"][0][0])
    assert candles["1m"][-1][4] == candles["1d"][-1][4] == ticker["last"]
    assert {trade["side"] for trade in trades} <= {"buy", "sell"}
    assert all(len(rows) > 0 and all(row[3] <= row[1] <= row[2] for row in rows) for rows in candles.values())
    assert [row[0] for row in candles["5m"]] == sorted(row[0] for row in candles["5m"])
    for fetch in (exchange.fetch_mark_ohlcv, exchange.fetch_index_ohlcv):
        assert await fetch(SYMBOL, "1h")
    assert (await exchange.fetch_premium_index_ohlcv(SYMBOL, "1h"))[-1][4] < 0.001
    assert (funding["interval"], funding["fundingTimestamp"] % (8 * HOUR_MS)) == ("8h", 0)
    assert len(settled) > 10
    assert tiers[0]["maxLeverage"] == 100
    assert (ticker["info"]["fundingRate"], funding["markPrice"]) == (
        funding["info"]["fundingRate"],
        ticker["markPrice"],
    )
    assert abs(await exchange.fetch_time() - wall_ms()) < 60_000
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


async def test_a_trading_day_adds_up(exchange: Any, hand: Client) -> None:
    """Hedge, two settlements, a close: what the wallet gained is profit, fees, funding and interest, each as its own method tells it."""
    await hand.sim("POST", "pause")
    before = await _usdt(exchange)
    await exchange.create_order(SYMBOL, "market", "sell", 0.162, None, {"positionIdx": 1, "reduceOnly": True})
    await exchange.create_order(SYMBOL, "market", "sell", 0.108, None, {"positionIdx": 2})
    for _ in range(9):
        await hand.sim("POST", "step", ms=HOUR_MS)
    await exchange.create_order(SYMBOL, "market", "buy", 0.1, None, {"positionIdx": 2, "reduceOnly": True})
    trades = await exchange.fetch_my_trades(SYMBOL)
    settled = await exchange.fetch_funding_history(SYMBOL)
    rates = {
        row["timestamp"]: D(row["info"]["fundingRate"]) for row in await exchange.fetch_funding_rate_history(SYMBOL)
    }
    ledger = await exchange.fetch_ledger("USDT", params={"limit": 50})
    results = await exchange.fetch_positions_history([SYMBOL])
    gained = await _usdt(exchange) - before

    def booked(kind: str, field: str) -> D:
        return sum((D(row["info"][field]) for row in ledger if row["info"]["type"] == kind), D(0))

    assert {leg["side"]: leg["contracts"] for leg in await exchange.fetch_positions([SYMBOL])} == {
        "long": 0.051,
        "short": 0.221,
    }
    assert sum(D(trade["info"]["execFee"]) for trade in trades) == booked("TRADE", "fee") > 0
    assert len(settled) == 4
    assert sum(D(row["info"]["execFee"]) for row in settled) == -booked("SETTLEMENT", "funding")
    for row in settled:
        paid, value = D(row["info"]["execFee"]), D(row["info"]["execQty"]) * D(row["info"]["markPrice"])
        assert paid == (value * rates[row["timestamp"]] * (1 if row["info"]["side"] == "Buy" else -1)).quantize(GRAIN)
    assert [D(row["info"]["closedSize"]) for row in results] == [D("0.1"), D("0.162")]
    assert gained == sum(D(row["info"]["change"]) for row in ledger)
    assert gained == (
        booked("TRADE", "cashFlow")
        - booked("TRADE", "fee")
        + booked("SETTLEMENT", "funding")
        + booked("INTEREST", "cashFlow")
    )


async def _usdt(exchange: Any) -> D:
    account = (await exchange.fetch_balance())["info"]["result"]["list"][0]
    return next(D(coin["walletBalance"]) for coin in account["coin"] if coin["coin"] == "USDT")


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
    fill = trades[0]["info"]

    assert D(fill["execFee"]) == D(fill["execValue"]) * D("0.001")
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


_TINY = {"side": "Buy", "positionIdx": 1, "orderType": "Limit", "qty": "0.001", "price": "4000"}
ERRORS: list[tuple[str, type[Exception], str, dict[str, Any]]] = [
    ("too small", ccxt.BadRequest, "10001", {"qty": "0.0001"}),
    ("worth too little", ccxt.InvalidOrder, "110094", _TINY),
    ("no leg", ccxt.BadRequest, "10001", {"positionIdx": 0}),
    ("more than the account can carry", ccxt.InsufficientFunds, "110007", {"qty": "90", "positionIdx": 2}),
    ("nothing to reduce", ccxt.InvalidOrder, "110017", {"side": "Buy", "positionIdx": 1, "reduceOnly": True}),
    ("an unknown symbol", ccxt.BadRequest, "10001", {"symbol": "NOSUCHUSDT"}),
    ("a name used before", ccxt.InvalidOrder, "110072", {"orderLinkId": "once"}),
]


@pytest.mark.parametrize(("name", "kind", "code", "changes"), ERRORS, ids=[case[0] for case in ERRORS])
async def test_errors(exchange: Any, name: str, kind: type[Exception], code: str, changes: dict[str, Any]) -> None:
    """Codes arrive as ccxt's own exceptions, and nothing has happened."""
    order = {**RAW, "side": "Sell", "orderType": "Market", "qty": "0.01", "positionIdx": 2}
    await exchange.private_post_v5_order_create(order | {"orderLinkId": "once"})
    before = await exchange.fetch_positions([SYMBOL])
    with pytest.raises(kind, match=f'"retCode":{code}'):
        await exchange.private_post_v5_order_create(order | changes)

    assert await exchange.fetch_open_orders(SYMBOL) == []
    assert [leg["contracts"] for leg in await exchange.fetch_positions([SYMBOL])] == [
        leg["contracts"] for leg in before
    ]


async def test_misfortunes_through_ccxt(exchange: Any, hand: Client) -> None:
    """A ban is a rate limit, garbage may pass for an empty account: why the daemon checks envelopes itself."""
    await hand.sim("POST", "faults", fault="garbage", match="/v5/position/list")
    assert await exchange.fetch_positions([SYMBOL]) == []
    await hand.sim("DELETE", "faults")
    await hand.sim("POST", "faults", fault="ip-ban")
    with pytest.raises(ccxt.RateLimitExceeded):
        await exchange.fetch_positions([SYMBOL])
