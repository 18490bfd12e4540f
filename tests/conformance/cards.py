"""The cards: small stories of what a V5 host does, for any host.

A card is a coroutine over a `Desk`; its docstring is its moral. It starts from an account in hedge mode without open orders and leaves it
so; legs end where they began, or are closed. `needs_hand` marks the stories in which the market or the account must be moved on purpose.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.clock import wall_ms
from tests.conformance.desk import LINEAR, PRIVATE, PUBLIC, TRADE, Desk

__all__ = ["CARDS", "Card"]

D = Decimal
Story = Callable[[Desk], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Card:
    """One story. `needs_hand`: only where somebody can move the market."""

    story: Story
    needs_hand: bool

    @property
    def name(self) -> str:
        return self.story.__name__


CARDS: list[Card] = []


def card(story: Story) -> Story:
    CARDS.append(Card(story, needs_hand=False))
    return story


def card_with_hand(story: Story) -> Story:
    CARDS.append(Card(story, needs_hand=True))
    return story


# -- orders -----------------------------------------------------------------------------------------------------------------------------


@card
async def place_and_fill(desk: Desk) -> None:
    """A market order is acknowledged, told, executed and listed; closing it brings the leg back."""
    before = await desk.sizes()
    qty = await desk.least()
    async with desk.socket(PRIVATE, "order", "execution") as socket:
        order_id = (await desk.place(qty=qty))["result"]["orderId"]
        told = await socket.next(lambda message: any(row["orderId"] == order_id for row in message.get("data", [])))
        assert told["topic"] in ("order", "execution")
    row = await desk.ended(order_id)
    fills = await desk.until(lambda: desk.executions(order_id), bool)

    assert (row["orderStatus"], row["timeInForce"]) == ("Filled", "IOC")
    assert sum(D(fill["execQty"]) for fill in fills) == D(row["cumExecQty"]) == qty
    assert {fill["execType"] for fill in fills} == {"Trade"}
    assert (await desk.sizes())[0] == before[0] + qty
    await desk.ended((await desk.place(side="Sell", qty=qty, reduceOnly=True))["result"]["orderId"])
    assert await desk.sizes() == before


@card
async def rest_and_cancel(desk: Desk) -> None:
    """A limit order stands, is listed once, is cancelled by the user, and is gone from the open ones."""
    order_id = (await desk.rest())["result"]["orderId"]
    standing = await desk.until(lambda: desk.order(order_id), lambda row: row.get("orderStatus") == "New")
    assert (D(standing["cumExecQty"]), standing["positionIdx"], standing["reduceOnly"]) == (0, 1, False)

    await desk.cancel(order_id)
    ended = await desk.ended(order_id)

    assert (ended["orderStatus"], ended["cancelType"]) == ("Cancelled", "CancelByUser")
    rows = (await desk.get("/v5/order/realtime", **LINEAR))["list"]
    assert order_id not in {row["orderId"] for row in rows}


@card
async def amend(desk: Desk) -> None:
    """Price and quantity change under the same id; what is not named stays."""
    first = (await desk.rest())["result"]["orderId"]
    qty = await desk.least() * 2
    price = (await desk.price() * D("0.94")).quantize(D("0.1"))
    changed = await desk.post("/v5/order/amend", **LINEAR, orderId=first, qty=str(qty))
    await desk.post("/v5/order/amend", **LINEAR, orderId=first, price=str(price))

    row = await desk.until(lambda: desk.order(first), lambda row: D(row["price"]) == price)

    assert changed["result"]["orderId"] == first
    assert D(row["qty"]) == qty
    await desk.cancel(first)


@card
async def amend_and_cancel_come_too_late(desk: Desk) -> None:
    """An order that has ended cannot be changed: 110001, 110008 or 110010, and its fill stands."""
    qty = await desk.least()
    order_id = (await desk.place(qty=qty))["result"]["orderId"]
    await desk.ended(order_id)

    late = (110001, 110008, 110010)
    await desk.post("/v5/order/amend", late, **LINEAR, orderId=order_id, qty=str(qty * 2))
    await desk.cancel(order_id, late)

    assert (await desk.order(order_id))["cumExecQty"] == str(qty)
    await desk.ended((await desk.place(side="Sell", qty=qty, reduceOnly=True))["result"]["orderId"])


@card
async def a_name_is_used_once(desk: Desk) -> None:
    """The same orderLinkId again is 110072, while the order stands; the order is there once."""
    name = desk.name()
    first = await desk.rest(orderLinkId=name)
    price = (await desk.price() * D("0.95")).quantize(D("0.1"))
    await desk.place(110072, orderType="Limit", price=price, orderLinkId=name)

    rows = (await desk.get("/v5/order/realtime", **LINEAR, orderLinkId=name))["list"]

    assert [row["orderId"] for row in rows] == [first["result"]["orderId"]]
    await desk.post("/v5/order/cancel", **LINEAR, orderLinkId=name)


@card
async def hedge_legs(desk: Desk) -> None:
    """Two legs of one symbol live side by side; an order without a leg is 10001."""
    before = await desk.sizes()
    qty = await desk.least()
    await desk.ended((await desk.place(qty=qty))["result"]["orderId"])
    await desk.ended((await desk.place(side="Sell", positionIdx=2, qty=qty))["result"]["orderId"])
    await desk.place(10001, positionIdx=0)
    await desk.place(10001, positionIdx=None)

    rows = (await desk.get("/v5/position/list", **LINEAR))["list"]

    assert {(row["positionIdx"], row["side"]) for row in rows} == {(1, "Buy"), (2, "Sell")}
    assert await desk.sizes() == (before[0] + qty, before[1] + qty)
    await desk.ended((await desk.place(side="Sell", qty=qty, reduceOnly=True))["result"]["orderId"])
    await desk.ended((await desk.place(positionIdx=2, qty=qty, reduceOnly=True))["result"]["orderId"])
    assert await desk.sizes() == before


@card
async def reduce_only_on_the_wrong_side(desk: Desk) -> None:
    """An order that would grow a leg is not reduce-only, whatever it says: 110017."""
    await desk.ended((await desk.place())["result"]["orderId"])

    await desk.place(110017, side="Buy", reduceOnly=True)

    await desk.ended((await desk.place(side="Sell", reduceOnly=True))["result"]["orderId"])


@card
async def post_only_that_would_take(desk: Desk) -> None:
    """Acknowledged with 0, then cancelled by the engine: an acknowledgement is not an order."""
    price = (await desk.price() * D("1.005")).quantize(D("0.1"))
    order_id = (await desk.place(orderType="Limit", price=price, timeInForce="PostOnly"))["result"]["orderId"]

    row = await desk.ended(order_id)

    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_PostOnlyWillTakeLiquidity")
    assert await desk.executions(order_id) == []


@card
async def conditional_orders_wait(desk: Desk) -> None:
    """Untriggered until the market comes; cancelled like any other."""
    price = (await desk.price() * D("0.9")).quantize(D("0.1"))
    placed = await desk.place(triggerPrice=price, triggerDirection=2, triggerBy="MarkPrice")
    order_id = placed["result"]["orderId"]

    row = await desk.until(lambda: desk.order(order_id), bool)
    await desk.cancel(order_id)

    assert (row["orderStatus"], row["stopOrderType"]) == ("Untriggered", "Stop")
    assert (await desk.ended(order_id))["orderStatus"] in ("Cancelled", "Deactivated")


@card
async def cancel_all_takes_what_stands(desk: Desk) -> None:
    """Plain and conditional orders of the symbol, and tells which."""
    ids = {(await desk.rest(share))["result"]["orderId"] for share in ("0.95", "0.94")}
    price = (await desk.price() * D("0.9")).quantize(D("0.1"))
    ids.add((await desk.place(triggerPrice=price, triggerDirection=2))["result"]["orderId"])

    answer = await desk.post("/v5/order/cancel-all", **LINEAR)

    assert ids <= {row["orderId"] for row in answer["result"]["list"]}
    await desk.until(lambda: desk.get("/v5/order/realtime", **LINEAR), lambda result: not result["list"])


@card
async def a_batch_is_as_good_as_its_parts(desk: Desk) -> None:
    """The top says 0; the second list says which part failed, at the same place."""
    qty = str(await desk.least())
    price = str((await desk.price() * D("0.95")).quantize(D("0.1")))
    good = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": qty, "price": price, "positionIdx": 1}
    answer = await desk.post(
        "/v5/order/create-batch", category="linear", request=[good, good | {"positionIdx": 0}, good]
    )

    codes = [note["code"] for note in answer["retExtInfo"]["list"]]
    rows = answer["result"]["list"]

    assert codes == [0, 10001, 0]
    assert [bool(row["orderId"]) for row in rows] == [True, False, True]
    request = [{"symbol": "BTCUSDT", "orderId": row["orderId"]} for row in rows if row["orderId"]]
    done = await desk.post("/v5/order/cancel-batch", category="linear", request=request)
    assert [note["code"] for note in done["retExtInfo"]["list"]] == [0, 0]


@card
async def what_cannot_be_an_order(desk: Desk) -> None:
    """Off the grid, too small, of an unknown symbol or side: refused, nothing happens."""
    await desk.place(10001, qty="0.0015")
    await desk.place((10001, 110094), qty="0.00001")
    await desk.place(10001, symbol="NOSUCHUSDT")
    await desk.place(10001, side="Up")
    await desk.place(10001, qty="-1")
    await desk.place(10001, orderType="Limit")

    assert (await desk.get("/v5/order/realtime", **LINEAR))["list"] == []


@card
async def settings_that_are_so_already(desk: Desk) -> None:
    """Not modified is not a failure: 110043 for leverage, 110025 for the mode."""
    leg = (await desk.get("/v5/position/list", **LINEAR))["list"][0]["leverage"]
    both = {"buyLeverage": leg, "sellLeverage": leg}

    await desk.post("/v5/position/set-leverage", 110043, **LINEAR, **both)
    await desk.post("/v5/position/switch-mode", (110025, 110024, 110028), **LINEAR, mode=3)


@card
async def order_entry_over_a_socket(desk: Desk) -> None:
    """The same orders, the same codes; the answer carries the id of the question and the quota."""
    qty, price = str(await desk.least()), str((await desk.price() * D("0.95")).quantize(D("0.1")))
    order = {**LINEAR, "side": "Buy", "orderType": "Limit", "qty": qty, "price": price, "positionIdx": 1}
    async with desk.socket(TRADE) as socket:

        async def ask(op: str, args: dict[str, object], req_id: str) -> dict[str, object]:
            await socket.send(reqId=req_id, op=op, header={"X-BAPI-TIMESTAMP": str(wall_ms())}, args=[args])
            return await socket.next(lambda message: message.get("reqId") == req_id)

        placed = await ask("order.create", order, "1")
        order_id = placed["data"]["orderId"]  # type: ignore[index]
        repeated = await ask("order.create", order, "1")
        cancelled = await ask("order.cancel", {**LINEAR, "orderId": order_id}, "2")

    assert (placed["retCode"], placed["op"], repeated["retCode"], cancelled["retCode"]) == (0, "order.create", 20006, 0)
    assert {"X-Bapi-Limit", "X-Bapi-Limit-Status", "X-Bapi-Limit-Reset-Timestamp"} <= set(placed["header"])  # type: ignore[call-overload]
    assert (await desk.ended(order_id))["orderStatus"] == "Cancelled"


# -- reading ----------------------------------------------------------------------------------------------------------------------------


@card
async def signatures_and_clocks(desk: Desk) -> None:
    """10004 for a wrong signature, 10002 outside the window, 10003 for an unknown key."""
    client = desk.client
    wrong = type(client)(client.session, client.url, client.key, "not-the-secret")
    unknown = type(client)(client.session, client.url, "NoSuchKeyAnywhere", "x")
    old = client.headers("", at_ms=wall_ms() - 20_000)
    async with client.session.get(client.url + "/v5/account/info", headers=old) as answer:
        late = await answer.json(content_type=None)

    assert (await wrong.get("/v5/account/info"))["retCode"] == 10004
    assert late["retCode"] == 10002
    assert (await unknown.get("/v5/account/info") or {"retCode": 10003})["retCode"] == 10003


@card
async def too_many_visits(desk: Desk) -> None:
    """A burst beyond the limit is 10006 with a reset time; a second later all is well."""
    codes = []
    for _ in range(14):
        codes.append((await desk.client.post("/v5/position/switch-mode", **LINEAR, mode=3))["retCode"])

    assert 10006 in codes
    await desk.post("/v5/position/switch-mode", (0, 110025, 110024, 110028), **LINEAR, mode=3)


@card
async def candles_hang_together(desk: Desk) -> None:
    """Newest first, on the grid, the unfinished one included; high and low hold open and close."""
    for interval, width_ms in (("1", 60_000), ("5", 300_000), ("60", 3_600_000), ("D", 86_400_000)):
        rows = (await desk.get("/v5/market/kline", **LINEAR, interval=interval, limit=20))["list"]
        starts = [int(row[0]) for row in rows]
        assert starts == [starts[0] - width_ms * i for i in range(len(rows))]
        assert all(D(row[3]) <= min(D(row[1]), D(row[4])) <= max(D(row[1]), D(row[4])) <= D(row[2]) for row in rows)


@card
async def the_wallet_adds_up(desk: Desk) -> None:
    """Equity of a coin is its balance less what was borrowed, plus the unrealised result."""
    row = await desk.wallet("USDT")
    if row:
        expected = D(row["walletBalance"]) - D(row["spotBorrow"] or "0") + D(row["unrealisedPnl"])
        assert abs(D(row["equity"]) - expected) <= D("0.01")


@card
async def public_topics(desk: Desk) -> None:
    """A snapshot first, then deltas; a pong for a ping; an unknown topic is refused."""
    async with desk.socket(PUBLIC, "tickers.BTCUSDT", "orderbook.50.BTCUSDT") as socket:
        ticker = await socket.next("tickers.BTCUSDT")
        book = await socket.next("orderbook.50.BTCUSDT")
        delta = await socket.next("tickers.BTCUSDT", within_s=30)
        await socket.send(op="ping", req_id="p")
        pong = await socket.next(lambda message: message.get("op") in ("ping", "pong"))
        await socket.send(op="subscribe", args=["no.such.topic"], req_id="s")
        refused = await socket.next(lambda message: message.get("success") is False)

    assert (ticker["type"], book["type"], delta["type"]) == ("snapshot", "snapshot", "delta")
    assert (pong["ret_msg"], refused["success"]) == ("pong", False)


@card
async def a_gap_is_filled_by_asking(desk: Desk) -> None:
    """What happened while the private socket was away is not told again; REST has it."""
    qty = await desk.least()
    async with desk.socket(PRIVATE, "execution"):
        pass
    order_id = (await desk.place(qty=qty))["result"]["orderId"]
    await desk.ended(order_id)
    async with desk.socket(PRIVATE, "execution") as socket:
        assert await socket.quiet("execution", for_s=0.5)
    fills = await desk.until(lambda: desk.executions(order_id), bool)

    assert sum(D(fill["execQty"]) for fill in fills) == qty
    await desk.ended((await desk.place(side="Sell", qty=qty, reduceOnly=True))["result"]["orderId"])


# -- with a hand ------------------------------------------------------------------------------------------------------------------------


@card_with_hand
async def a_thin_book_fills_by_half(desk: Desk) -> None:
    """IOC trades what there is and is Cancelled with an executed quantity; FOK trades all or nothing."""
    await desk.fault("book-thin", value="0.004")
    before = await desk.sizes()
    price = (await desk.price() * D("1.005")).quantize(D("0.1"))
    partly = (await desk.place(orderType="Limit", price=price, timeInForce="IOC", qty="0.02"))["result"]["orderId"]
    nothing = (await desk.place(orderType="Limit", price=price, timeInForce="FOK", qty="0.02"))["result"]["orderId"]

    partly_row, nothing_row = await desk.ended(partly), await desk.ended(nothing)

    assert (partly_row["orderStatus"], nothing_row["orderStatus"]) == ("Cancelled", "Cancelled")
    assert D(0) < D(partly_row["cumExecQty"]) < D("0.02")
    assert (D(nothing_row["cumExecQty"]), nothing_row["rejectReason"]) == (0, "EC_CancelForNoFullFill")
    assert (await desk.sizes())[0] == before[0] + D(partly_row["cumExecQty"])


@card_with_hand
async def a_fill_overtakes_a_cancel(desk: Desk) -> None:
    """The cancel comes too late; the order is Filled and the leg has grown."""
    before, qty = await desk.sizes(), await desk.least()
    order_id = (await desk.rest("0.99", qty=qty))["result"]["orderId"]
    await desk.fault("cancel-race")

    await desk.cancel(order_id, (110001, 110008))

    assert (await desk.ended(order_id))["orderStatus"] == "Filled"
    assert (await desk.sizes())[0] == before[0] + qty


@card_with_hand
async def the_owner_closes_the_leg_first(desk: Desk) -> None:
    """A reduce-only order closes what is left, never more; on an empty leg it is 110017."""
    long, short = await desk.sizes()
    await desk.fault("leg-shrinks-first", times=1)
    order_id = (await desk.place(side="Sell", qty=long, reduceOnly=True))["result"]["orderId"]

    row = await desk.ended(order_id)

    assert D(row["cumExecQty"]) < long
    assert await desk.sizes() == (D(0), short)
    await desk.place(110017, side="Sell", reduceOnly=True)


@card_with_hand
async def funding_of_both_signs(desk: Desk) -> None:
    """The long pays what the short receives; the log counts received, the execution counts paid."""
    for rate in ("0.0003", "-0.0002"):
        await desk.fault("funding-cap", value=rate, ms=8 * 3_600_000)
        ticker = (await desk.get("/v5/market/tickers", **LINEAR))["list"][0]
        settlement_ms = int(ticker["nextFundingTime"])
        await desk.pass_time(ms=settlement_ms - await desk.market_ms() + 1000)
        log = (
            await desk.get("/v5/account/transaction-log", accountType="UNIFIED", category="linear", type="SETTLEMENT")
        )["list"]
        paid = (await desk.get("/v5/execution/list", **LINEAR, execType="Funding"))["list"]
        legs = {row["side"]: D(row["funding"]) for row in log if int(row["transactionTime"]) == settlement_ms}
        fees = {row["side"]: D(row["execFee"]) for row in paid if int(row["execTime"]) == settlement_ms}

        assert set(legs) == set(fees) == {"Buy", "Sell"}
        assert (legs["Buy"] < 0) == (D(rate) > 0)
        assert all(legs[side] == -fees[side] for side in legs)
        history = (await desk.get("/v5/market/funding/history", **LINEAR, limit=1))["list"][0]
        assert (D(history["fundingRate"]), int(history["fundingRateTimestamp"])) == (D(rate), settlement_ms)
        await desk.client.sim("DELETE", "faults")


@card_with_hand
async def borrow_pay_interest_and_repay(desk: Desk) -> None:
    """Debt grows by the hour, is repaid from its own coin, and not between hh:04:00 and hh:05:30."""
    await desk.fault("deposit", value="USDT:5000:UNIFIED")
    await desk.post("/v5/account/borrow", coin="USDT", amount="1000")
    debt = D((await desk.wallet("USDT"))["spotBorrow"])
    now_ms = await desk.market_ms()
    await desk.pass_time(ms=3_600_000 - now_ms % 3_600_000 + 4 * 60_000 + 30_000)
    await desk.post("/v5/account/no-convert-repay", 34022035, coin="USDT", amount="500")
    await desk.pass_time(minutes=5)
    interest = (await desk.get("/v5/account/borrow-history", currency="USDT"))["list"]

    await desk.post("/v5/account/no-convert-repay", coin="USDT", amount="500")

    assert interest
    assert D(interest[0]["borrowCost"]) > 0
    assert D((await desk.wallet("USDT"))["spotBorrow"]) <= debt - 500 + 1


@card_with_hand
async def money_moves_once_for_one_id(desk: Desk) -> None:
    """A transfer with a used transferId is 131214; there and back leaves both accounts as they were."""
    await desk.fault("deposit", value="USDT:100:FUND")
    before = (await desk.wallet("USDT"))["walletBalance"]
    name = "5f3f6f0a-0000-4000-8000-00000000000{}"
    there = {"coin": "USDT", "amount": "60", "fromAccountType": "FUND", "toAccountType": "UNIFIED"}
    await desk.post("/v5/asset/transfer/inter-transfer", transferId=name.format(1), **there)
    await desk.post("/v5/asset/transfer/inter-transfer", 131214, transferId=name.format(1), **there)
    between = (await desk.wallet("USDT"))["walletBalance"]
    back = there | {"fromAccountType": "UNIFIED", "toAccountType": "FUND"}
    await desk.post("/v5/asset/transfer/inter-transfer", transferId=name.format(2), **back)

    assert D(between) - D(before) == 60
    assert (await desk.wallet("USDT"))["walletBalance"] == before


@card_with_hand
async def a_crypto_loan_until_the_margin_call(desk: Desk) -> None:
    """Borrowed against BTC of the funding account; the LTV follows the price, and too high a loan is refused."""
    await desk.fault("deposit", value="BTC:0.2:FUND")
    pledge = [{"currency": "BTC", "amount": "0.2"}]
    borrow = "/v5/crypto-loan-flexible/borrow"
    await desk.post(borrow, (148009, 148012, 148029), loanCurrency="USDT", loanAmount="23000", collateralList=pledge)
    await desk.post(borrow, loanCurrency="USDT", loanAmount="17000", collateralList=pledge)
    first = await desk.get("/v5/crypto-loan-common/position")
    await desk.fault("gap", value="-0.08")
    await desk.pass_time(ms=2000)
    second = await desk.get("/v5/crypto-loan-common/position")
    await desk.post("/v5/crypto-loan-flexible/repay", loanCurrency="USDT", amount="4000")
    third = await desk.get("/v5/crypto-loan-common/position")

    assert D(first["ltv"]) < D(second["ltv"]) > D(third["ltv"])
    assert D(second["ltv"]) > D("0.78")
    assert first["borrowList"][0]["loanCurrency"] == "USDT"


@card_with_hand
async def one_leg_is_deleveraged(desk: Desk) -> None:
    """ADL closes a part of a leg nobody asked to close, and says AdlTrade."""
    long, short = await desk.sizes()
    async with desk.socket(PRIVATE, "execution") as socket:
        await desk.fault("adl", value="2:0.5")
        rows = (await socket.next("execution"))["data"]

    assert {row["execType"] for row in rows} == {"AdlTrade"}
    assert {row["createType"] for row in rows} == {"CreateByAdl_PassThrough"}
    assert (await desk.sizes())[0] == long
    assert (await desk.sizes())[1] < short


@card_with_hand
async def liquidation_takes_everything(desk: Desk) -> None:
    """Both legs are closed by the exchange; the order stream says by whom."""
    async with desk.socket(PRIVATE, "order") as socket:
        await desk.fault("liquidation")
        rows = await socket.next(lambda message: any(row["category"] == "linear" for row in message.get("data", [])))

    assert rows["data"][0]["createType"] in ("CreateByLiq", "CreateByTakeOver_PassThrough")
    assert await desk.sizes() == (D(0), D(0))
