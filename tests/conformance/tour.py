"""A tour of everything the simulator answers, so that each answer can be held against its page's example.

One account lives through enough that every list has a row: orders of all kinds, a settlement, interest, transfers, a loan. What was
answered is kept under the name of the example file it belongs to.
"""

from __future__ import annotations

from typing import Any

from bot.domain.clock import wall_ms
from bot.simulator.accounts import AccountOptions
from bot.simulator.main import SimulatorOptions, build
from tests.client import Socket, at
from tests.conformance.desk import LINEAR, PRIVATE, PUBLIC, TRADE, D, Desk

__all__ = ["take_the_tour"]

Answers = dict[str, Any]
SPOT = {"category": "spot", "symbol": "BTCUSDT"}
BOOK = AccountOptions(btc=D(2), cash_usdt=D(40_000), loan_usdt=D(0))
STATUS = "/v5/public/misc/status"


async def take_the_tour() -> Answers:
    """name of the example file (without .json) -> the simulator's message."""
    options = SimulatorOptions(speed=60, accounts=(BOOK,))
    async with build(options).serving() as server, at(server.url) as client:
        guide = _Guide(Desk(client, hand=True))
        await guide.streams()
        await guide.orders()
        await guide.settings()
        await guide.money()
        await guide.loans()
        await guide.time_passes()
        await guide.lists()
        await guide.market()
        await guide.trade_socket()
        return guide.answers


class _Guide:
    """Asks in the order that makes every answer possible."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.answers = desk, dict[str, Any]()

    async def get(self, path: str, variant: str = "", **params: Any) -> Any:
        self.answers[_name("GET", path, variant)] = answer = await self.desk.client.get(path, **params)
        return answer["result"]

    async def post(self, path: str, variant: str = "", code: int | tuple[int, ...] | None = 0, **params: Any) -> Any:
        self.answers[_name("POST", path, variant)] = answer = await self.desk.post(path, code, **params)
        return answer["result"]

    # -- sockets ------------------------------------------------------------------------------------------------------------------------

    async def streams(self) -> None:
        """Public, spot, private and status sockets: acknowledgements, pongs and a message of every topic."""
        keep, desk = self.answers, self.desk
        async with desk.client.socket(PUBLIC) as socket:
            keep["WS_subscribe_ack.linear"] = await _ask(socket, op="subscribe", args=["tickers.BTCUSDT"])
            keep["WS_tickers.linear.snapshot"] = await socket.next("tickers.BTCUSDT")
            keep["WS_pong.linear"] = await _ask(socket, op="ping")
            topics = [
                "kline.5.BTCUSDT",
                "orderbook.50.BTCUSDT",
                "publicTrade.BTCUSDT",
                "priceLimit.BTCUSDT",
                "allLiquidation.BTCUSDT",
            ]
            await socket.send(op="subscribe", args=topics)
            wanted = {
                "kline.5": "WS_kline.5.linear",
                "publicTrade": "WS_publicTrade.linear",
                "priceLimit": "WS_priceLimit",
            }
            while len(set(wanted.values()) & set(keep)) < len(wanted) or "WS_orderbook.50.linear.delta" not in keep:
                message = await socket.next(lambda message: "topic" in message)
                topic = message["topic"].removesuffix(".BTCUSDT")
                if topic == "orderbook.50":
                    keep[f"WS_orderbook.50.linear.{message['type']}"] = message
                elif topic in wanted:
                    keep[wanted[topic]] = message
        async with desk.client.socket("/v5/public/spot") as socket:
            keep["WS_subscribe_ack.spot"] = await _ask(socket, op="subscribe", args=["tickers.BTCUSDT"], req_id="10001")
            keep["WS_tickers.spot.snapshot"] = await socket.next("tickers.BTCUSDT")
            keep["WS_pong.spot"] = await _ask(socket, op="ping")
        async with desk.client.session.ws_connect(desk.client.url + PRIVATE) as raw:
            socket = Socket(raw)
            keep["WS_auth"] = await _ask(socket, op="auth", args=desk.client.auth_args())
            topics = ["order", "execution", "execution.fast", "position", "wallet"]
            keep["WS_subscribe_ack.private"] = await _ask(socket, op="subscribe", args=topics)
            keep["WS_pong.private"] = await _ask(socket, op="ping", req_id="test")
            await desk.place(qty="0.01")
            while not {f"WS_{topic}" for topic in topics} <= set(keep):
                message = await socket.next(lambda message: "topic" in message)
                keep[f"WS_{message['topic']}"] = message
        async with desk.client.socket(STATUS, "system.status") as socket:
            await desk.fault("maintenance", ms=1)
            await socket.next("system.status")
            keep["WS_system.status"] = await socket.next("system.status")

    async def trade_socket(self) -> None:
        """Order entry over its socket, and last of all a liquidation for everyone to hear."""
        keep, desk = self.answers, self.desk
        order = {**LINEAR, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "100000", "positionIdx": 1}
        async with desk.client.session.ws_connect(desk.client.url + TRADE) as raw:
            socket, header = Socket(raw), {"X-BAPI-TIMESTAMP": str(wall_ms())}
            keep["WS_trade.auth"] = await _ask(socket, op="auth", args=desk.client.auth_args())
            keep["WS_trade.pong"] = await _ask(socket, op="ping")
            placed = await _ask(socket, reqId="test-005", op="order.create", header=header, args=[order])
            keep["WS_trade.order.create"] = placed
            wrong = {name: value for name, value in order.items() if name not in ("category", "positionIdx")}
            args = [{"category": "linear", "request": [wrong] * 3}]
            keep["WS_trade.order.create-batch.all_failed"] = await _ask(
                socket, op="order.create-batch", header=header, args=args
            )
        async with desk.client.socket(PUBLIC, "allLiquidation.BTCUSDT") as socket:
            await desk.client.sim("POST", "resume")
            await desk.fault("liquidation")
            keep["WS_allLiquidation"] = await socket.next("allLiquidation.BTCUSDT")

    # -- the account --------------------------------------------------------------------------------------------------------------------

    async def orders(self) -> None:
        limit = {**LINEAR, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "105000", "positionIdx": 1}
        first = (await self.post("/v5/order/create", **limit, orderLinkId="tour-1"))["orderId"]
        await self.post("/v5/order/amend", **LINEAR, orderId=first, qty="0.02")
        await self.post("/v5/order/cancel", **LINEAR, orderId=first)
        item = {name: value for name, value in limit.items() if name != "category"}
        batch = (await self.post("/v5/order/create-batch", category="linear", request=[item, item]))["list"]
        ids = [{"symbol": "BTCUSDT", "orderId": row["orderId"]} for row in batch]
        await self.post("/v5/order/amend-batch", category="linear", request=[{**row, "qty": "0.03"} for row in ids])
        await self.post("/v5/order/cancel-batch", category="linear", request=ids)
        await self.post("/v5/order/pre-check", **limit, orderLinkId="tour-2")
        crossing = limit | {"price": "118000", "timeInForce": "PostOnly"}
        await self.desk.place(**crossing)
        await self.desk.place(side="Sell", qty="0.02", reduceOnly=True)
        await self.desk.post("/v5/order/create", **limit)
        await self.post("/v5/order/cancel-all", **LINEAR)
        await self.desk.post("/v5/order/create", **limit | {"takeProfit": "130000", "stopLoss": "90000"})
        await self.post(
            "/v5/position/trading-stop", **LINEAR, positionIdx=1, takeProfit="140000", stopLoss="80000", tpslMode="Full"
        )
        await self.get("/v5/order/spot-borrow-check", **SPOT, side="Buy")

    async def settings(self) -> None:
        await self.post("/v5/position/set-leverage", **LINEAR, buyLeverage="20", sellLeverage="20")
        await self.post("/v5/position/switch-mode", code=(110025, 110024, 110028), **LINEAR, mode=3)
        await self.post("/v5/position/set-auto-add-margin", code=None, **LINEAR, autoAddMargin=1, positionIdx=1)
        await self.post("/v5/position/add-margin", code=None, **LINEAR, margin="10", positionIdx=1)
        await self.post("/v5/position/confirm-pending-mmr", code=None, **LINEAR)
        await self.post("/v5/account/set-collateral-switch", coin="USDC", collateralSwitch="ON", code=None)
        request = [{"coin": "BTC", "collateralSwitch": "ON"}]
        await self.post("/v5/account/set-collateral-switch-batch", request=request)
        await self.post("/v5/account/set-delta-mode", deltaEnable="1", code=None)
        await self.post("/v5/account/set-hedging-mode", setHedgingMode="ON", code=None)
        await self.post("/v5/account/set-limit-px-action", category="linear", modifyEnable=True)
        await self.post("/v5/account/set-margin-mode", setMarginMode="PORTFOLIO_MARGIN", code=None)
        await self.post("/v5/order/disconnected-cancel-all", timeWindow=40, code=None)
        await self.post("/v5/spot-margin-trade/switch-mode", spotMarginMode="1")
        await self.post("/v5/spot-margin-trade/set-leverage", leverage="4")
        await self.post("/v5/spot-margin-trade/set-auto-repay-mode", currency="USDT", autoRepayMode="0")

    async def money(self) -> None:
        fault = self.desk.fault
        await fault("deposit", value="USDT:20000:FUND")
        await fault("deposit", value="BTC:0.5:FUND")
        there = {"coin": "USDT", "amount": "100", "fromAccountType": "FUND", "toAccountType": "UNIFIED"}
        await self.post("/v5/asset/transfer/inter-transfer", transferId="5f3f6f0a-0000-4000-8000-000000000001", **there)
        await self.post("/v5/account/borrow", coin="USDT", amount="5000")
        await self.post("/v5/account/quick-repayment", "error_182120", 182120, coin="USDT")

    async def loans(self) -> None:
        pledge = [{"currency": "BTC", "amount": "0.2"}]
        await self.post(
            "/v5/crypto-loan-common/max-loan", currency="USDT", collateralList=[{"ccy": "BTC", "amount": "0.2"}]
        )
        flexible = "/v5/crypto-loan-flexible/"
        await self.post(flexible + "borrow", loanCurrency="USDT", loanAmount="8000", collateralList=pledge)
        await self.post("/v5/crypto-loan-common/adjust-ltv", currency="BTC", amount="0.05", direction="0")
        await self.post(flexible + "repay", loanCurrency="USDT", amount="1000")
        await self.post(flexible + "repay-collateral", loanCurrency="USDT", collateralCoin="BTC", amount="500")

    async def time_passes(self) -> None:
        """An hour and a settlement; then repaying is open again."""
        desk = self.desk
        ticker = (await desk.get("/v5/market/tickers", **LINEAR))["list"][0]
        await desk.pass_time(ms=int(ticker["nextFundingTime"]) - await desk.market_ms() + 10 * 60_000)
        await self.post("/v5/account/no-convert-repay", coin="USDT", amount="1000")
        await self.post("/v5/account/repay", coin="USDT", amount="1000")

    # -- lists --------------------------------------------------------------------------------------------------------------------------

    async def lists(self) -> None:
        desk = self.desk
        await desk.post("/v5/order/create", **SPOT, side="Sell", orderType="Limit", qty="0.01", price="130000")
        await self.get("/v5/order/realtime", **LINEAR)
        for path in ("order/history", "execution/list", "position/list", "position/closed-pnl", "position/symbol-info"):
            await self.get(f"/v5/{path}", **LINEAR)
        await self.get("/v5/account/wallet-balance", accountType="UNIFIED")
        await self.get("/v5/account/transaction-log", accountType="UNIFIED", category="linear")
        await self.get("/v5/account/withdrawal", coinName="BTC")
        await self.get("/v5/account/fee-rate", **LINEAR)
        await self.get("/v5/account/instruments-info", "linear", **LINEAR)
        await self.get("/v5/account/instruments-info", "spot", **SPOT)
        for path in ("borrow-history", "collateral-info", "info", "query-dcp-info", "smp-group", "user-setting-config"):
            await self.get(f"/v5/account/{path}")
        await self.get("/v5/account/pay-info", coin="USDT")
        await self.get("/v5/apilimit/query", uids="100000001")
        await self.get("/v5/user/query-api")
        for path in (
            "asset-overview",
            "coin-greeks",
            "coin/query-info",
            "fundinghistory",
            "transfer/query-inter-transfer-list",
        ):
            await self.get(f"/v5/asset/{path}")
        both = {"fromAccountType": "UNIFIED", "toAccountType": "FUND"}
        await self.get("/v5/asset/transfer/query-transfer-coin-list", **both)
        await self.get("/v5/asset/transfer/query-account-coin-balance", accountType="UNIFIED", coin="USDT")
        await self.get("/v5/asset/transfer/query-account-coins-balance", accountType="FUND")
        await self.get("/v5/asset/withdraw/withdrawable-amount", coin="USDT")
        for path in ("adjustment-history", "collateral-data", "loanable-data", "position"):
            await self.get(f"/v5/crypto-loan-common/{path}")
        await self.get("/v5/crypto-loan-common/max-collateral-amount", currency="BTC")
        for path in ("borrow-history", "ongoing-coin", "repayment-history"):
            await self.get(f"/v5/crypto-loan-flexible/{path}")
        for path in (
            "coinstate",
            "collateral",
            "currency-data",
            "data",
            "flexible-available-inventory",
            "get-auto-repay-mode",
        ):
            await self.get(
                f"/v5/spot-margin-trade/{path}", **({"currency": "USDT"} if path.startswith("flexible") else {})
            )
        await self.get("/v5/spot-margin-trade/liability", currency="USDT")
        for path in ("position-tiers", "state"):
            await self.get(f"/v5/spot-margin-trade/{path}")
        for path in ("interest-rate-history", "max-borrowable", "repayment-available-amount"):
            await self.get(f"/v5/spot-margin-trade/{path}", currency="USDT")

    async def market(self) -> None:
        for variant, params in (("linear", LINEAR), ("spot", SPOT)):
            await self.get("/v5/market/instruments-info", variant, **params)
        await self.get("/v5/market/tickers", "inverse", **LINEAR)  # linear rows have the keys of the inverse example
        await self.get("/v5/market/tickers", "spot", **SPOT)
        for kind in ("", "mark-price-", "index-price-", "premium-index-price-"):
            await self.get(f"/v5/market/{kind}kline", **LINEAR, interval="60", limit=3)
        for path in (
            "orderbook",
            "funding/history",
            "recent-trade",
            "risk-limit",
            "price-limit",
            "adlAlert",
            "insurance",
            "time",
        ):
            await self.get(f"/v5/market/{path}", **LINEAR)
        await self.get("/v5/market/open-interest", **LINEAR, intervalTime="1h")
        await self.get("/v5/system/status")
        await self.get("/v5/announcements/index", locale="en-US")


async def _ask(socket: Socket, **message: Any) -> dict[str, Any]:
    """Send, and take the next message that is no data."""
    await socket.send(**message)
    return await socket.next(lambda message: "topic" not in message)


def _name(method: str, path: str, variant: str) -> str:
    name = f"{method}_v5_" + "_".join(path.removeprefix("/v5/").split("/"))
    return f"{name}.{variant}" if variant else name
