"""Orders at the simulated venue: how they trade, rest, change and end."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.simulator.orders import OPEN, IllegalStep, Order, next_status
from bot.simulator.venue import Fate, Tick, VenueRules
from tests.unit.simulator.pit import HOUR_MS, Pit

D = Decimal


def test_the_seed_book_is_hedged():
    """The user's own example: 0.162 of the long goes, 0.108 of short comes, and the legs read 0.051 and 0.321."""
    pit = Pit()

    sold = pit.order("Sell", "0.162", positionIdx=1, reduceOnly=True, orderLinkId="h-1")
    shorted = pit.order("Sell", "0.108", positionIdx=2, orderLinkId="h-2")

    assert ("0.051", "0.321") == pit.legs()
    assert ["Filled", "Filled"] == [sold["orderStatus"], shorted["orderStatus"]]


def test_a_market_order_pays_the_spread_and_the_taker_fee():
    """It meets the best bid, and the fee is value times rate to the last grain."""
    pit = Pit()

    pit.order("Sell", "0.1", positionIdx=2)

    (fill,) = pit.fills()
    assert ("115999.90", "11599.99", "6.3799945") == (fill["execPrice"], fill["execValue"], fill["execFee"])
    assert not fill["isMaker"]


def test_a_large_order_walks_the_book():
    """Each level gives what it has; the average is worse than the best price."""
    pit = Pit(coins={"USDT": D(10_000_000)}, leverage=D(50))

    row = pit.order("Buy", "20", positionIdx=1)

    prices = [D(fill["execPrice"]) for fill in pit.fills()]
    assert len(prices) > 5
    assert prices == sorted(prices)
    assert D(row["avgPrice"]) > prices[0]


def test_what_a_taker_eats_is_gone_until_the_next_tick():
    """Two equal orders in one instant cannot both have the best level."""
    pit = Pit(coins={"USDT": D(10_000_000)}, leverage=D(50))

    first = pit.order("Buy", "5", positionIdx=1)
    second = pit.order("Buy", "5", positionIdx=1)
    pit.tick("116000", after_ms=1000)
    third = pit.order("Buy", "5", positionIdx=1)

    assert D(second["avgPrice"]) > D(first["avgPrice"])
    assert third["avgPrice"] == first["avgPrice"]


def test_slippage_tolerance_bounds_a_market_order():
    """Five ticks of tolerance: what lies beyond is not bought, and the rest is cancelled."""
    pit = Pit(coins={"USDT": D(10_000_000)}, leverage=D(25))

    row = pit.order("Buy", "100", positionIdx=1, slippageToleranceType="TickSize", slippageTolerance="5")

    assert ("Cancelled", "116000.60") == (row["orderStatus"], row["price"])
    assert 0 < D(row["cumExecQty"]) < 100
    assert max(D(fill["execPrice"]) for fill in pit.fills()) <= D("116000.6")


TIME_IN_FORCE = [
    # name, tif, price, qty -> status, rejectReason
    ("PostOnly that would cross dies after the acknowledgement", "PostOnly", "116005", "0.1", "Cancelled", "EC_PostOnlyWillTakeLiquidity"),
    ("PostOnly away from the book rests", "PostOnly", "115900", "0.1", "New", "EC_NoError"),
    ("IOC away from the book dies", "IOC", "115900", "0.1", "Cancelled", "EC_NoImmediateQtyToFill"),
    ("IOC takes what it can reach", "IOC", "116000.1", "50", "Cancelled", "EC_NoImmediateQtyToFill"),
    ("FOK takes all", "FOK", "116005", "0.1", "Filled", "EC_NoError"),
    ("FOK takes nothing when it cannot have all", "FOK", "116000.1", "50", "Cancelled", "EC_CancelForNoFullFill"),
    ("GTC takes and rests", "GTC", "116000.1", "50", "PartiallyFilled", "EC_NoError"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tif", "price", "qty", "status", "reason"), [c[1:] for c in TIME_IN_FORCE], ids=[c[0] for c in TIME_IN_FORCE]
)
def test_time_in_force(tif: str, price: str, qty: str, status: str, reason: str):
    """What becomes of the part that does not trade at once."""
    pit = Pit(coins={"USDT": D(10_000_000)}, leverage=D(50))

    row = pit.order("Buy", qty, price, positionIdx=1, timeInForce=tif)

    assert (status, reason) == (row["orderStatus"], row["rejectReason"])


def test_a_resting_order_is_a_maker():
    """The tape prints through it: filled whole, at its own price, at the maker's fee."""
    pit = Pit()
    pit.order("Buy", "0.1", "115900", positionIdx=1)

    pit.tick("115899.9", after_ms=1000)

    (fill,) = pit.fills()
    assert ("115900.00", True, "2.318") == (fill["execPrice"], fill["isMaker"], fill["execFee"])
    assert [] == pit.open_orders()


def test_a_touch_fills_by_volume():
    """The tape prints exactly its price: a share of the volume reaches it, the rest waits."""
    pit = Pit()
    pit.order("Buy", "0.1", "115900", positionIdx=1)

    pit.tick("115900", after_ms=1000, volume="0.2")
    (row,) = pit.open_orders()
    pit.tick("115900", after_ms=1000)  # no volume, no fill
    (same,) = pit.open_orders()

    assert ("PartiallyFilled", "0.050") == (row["orderStatus"], row["cumExecQty"])
    assert row["cumExecQty"] == same["cumExecQty"]


def test_a_cancelled_order_keeps_its_fills():
    """Derivatives say Cancelled with cumExecQty above zero; spot says PartiallyFilledCanceled."""
    pit = Pit(coins={"USDT": D(100_000)})
    linear = pit.order("Buy", "0.1", "115900", positionIdx=1)
    spot = pit.order("Buy", "0.1", "115900", category="spot")
    pit.tick("115900", after_ms=1000, volume="0.2")

    for row, category in ((linear, "linear"), (spot, "spot")):
        pit.done("POST", "/v5/order/cancel", category=category, symbol="BTCUSDT", orderId=row["orderId"])

    ended = pit.found(linear["orderId"]), pit.found(spot["orderId"], category="spot")
    assert [("Cancelled", "0.050"), ("PartiallyFilledCanceled", "0.050000")] == [
        (row["orderStatus"], row["cumExecQty"]) for row in ended
    ]
    assert "0.000" == ended[0]["leavesQty"]


def test_an_order_link_id_is_used_once():
    """The only handle for idempotency: a repeat is refused, also after the order has ended, per category."""
    pit = Pit(coins={"USDT": D(100_000), "BTC": D(1)})
    pit.order("Buy", "0.01", positionIdx=1, orderLinkId="once")

    assert 110072 == pit.order_refused("Buy", "0.01", positionIdx=1, orderLinkId="once")
    assert "Filled" == pit.order("Sell", "0.01", category="spot", orderLinkId="once")["orderStatus"]
    assert 170141 == pit.order_refused("Sell", "0.01", category="spot", orderLinkId="once")


def test_a_name_may_be_free_again_when_its_order_is_closed():
    """The other reading: unique only among open orders. The name finds them all, and cancels the open one."""
    pit = Pit(rules=VenueRules(link_id_life="while open"))
    first = pit.order("Buy", "0.01", "110000", positionIdx=1, orderLinkId="again")["orderId"]
    assert 110072 == pit.order_refused("Buy", "0.01", "110000", positionIdx=1, orderLinkId="again")
    pit.done("POST", "/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=first)

    second = pit.order("Buy", "0.01", "110000", positionIdx=1, orderLinkId="again")["orderId"]

    found = pit.done("GET", "/v5/order/realtime", category="linear", symbol="BTCUSDT", orderLinkId="again")["list"]
    assert {second: "New", first: "Cancelled"} == {row["orderId"]: row["orderStatus"] for row in found}
    with_name = pit.done("POST", "/v5/order/cancel", category="linear", symbol="BTCUSDT", orderLinkId="again")
    assert second == with_name["orderId"]


def test_a_refused_order_leaves_no_name():
    """What was never accepted may be sent again under the same orderLinkId."""
    pit = Pit()

    assert 110007 == pit.order_refused("Buy", "100", positionIdx=1, orderLinkId="again")
    assert "Filled" == pit.order("Buy", "0.01", positionIdx=1, orderLinkId="again")["orderStatus"]


def slip(kind: str, size: str) -> dict[str, object]:
    return {"slippageToleranceType": kind, "slippageTolerance": size}


REFUSALS = [
    # name, code, side, qty, price, more
    ("hedge mode needs a positionIdx", 10001, "Buy", "0.1", None, {}),
    ("one-way index in hedge mode", 10001, "Buy", "0.1", None, {"positionIdx": 0}),
    ("quantity off the lot", 10001, "Buy", "0.0005", None, {"positionIdx": 1}),
    ("quantity zero", 10001, "Buy", "0", None, {"positionIdx": 1}),
    ("above the largest market order", 10001, "Buy", "151", None, {"positionIdx": 1}),
    ("price off the tick", 10001, "Buy", "0.1", "115000.05", {"positionIdx": 1}),
    ("no price for a limit order", 10001, "Buy", "0.1", "0", {"positionIdx": 1}),
    ("orderLinkId with a space", 10001, "Buy", "0.1", None, {"positionIdx": 1, "orderLinkId": "a b"}),
    ("orderLinkId too long", 10001, "Buy", "0.1", None, {"positionIdx": 1, "orderLinkId": "x" * 37}),
    ("slippage of zero ticks", 110108, "Buy", "0.1", None, {"positionIdx": 1, **slip("TickSize", "0")}),
    ("slippage above ten percent", 110109, "Buy", "0.1", None, {"positionIdx": 1, **slip("Percent", "11")}),
    ("trigger without direction", 10001, "Buy", "0.1", None, {"positionIdx": 1, "triggerPrice": "117000"}),
    ("rising trigger below the price", 110092, "Buy", "0.1", None, {"positionIdx": 1, "triggerPrice": "115000", "triggerDirection": 1}),
    ("falling trigger above the price", 110093, "Buy", "0.1", None, {"positionIdx": 1, "triggerPrice": "117000", "triggerDirection": 2}),
    ("unknown symbol", 10001, "Buy", "0.1", None, {"positionIdx": 1, "symbol": "ETHUSDT"}),
    ("unknown spot symbol", 170121, "Buy", "0.1", None, {"category": "spot", "symbol": "ETHUSDT"}),
    ("spot without coin", 170131, "Sell", "5", None, {"category": "spot"}),
    ("spot below the minimum value", 170140, "Buy", "0.00001", "116000", {"category": "spot"}),
    ("spot price with too many decimals", 170134, "Buy", "0.01", "116000.01", {"category": "spot"}),
    ("spot quantity with too many decimals", 170137, "Sell", "0.0000001", None, {"category": "spot"}),
    ("spot price above its band", 170193, "Buy", "0.01", "120000", {"category": "spot"}),
    ("more than the margin carries", 110007, "Buy", "100", None, {"positionIdx": 1}),
    ("reduce-only in the growing direction", 110017, "Buy", "0.1", None, {"positionIdx": 1, "reduceOnly": True}),
    ("not a number", 10001, "Buy", "NaN", None, {"positionIdx": 1}),
    ("a number without end", 10001, "Buy", "1e400", None, {"positionIdx": 1}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "side", "qty", "price", "more"), [c[1:] for c in REFUSALS], ids=[c[0] for c in REFUSALS]
)
def test_refusals(code: int, side: str, qty: str, price: str | None, more: dict[str, object]):
    """Each mistake has its own retCode, and nothing has happened."""
    pit = Pit(
        coins={"BTC": D("0.27"), "USDT": D(1000)}, legs={1: (D("0.213"), None), 2: (D("0.213"), None)}, leverage=D(25)
    )

    assert code == pit.order_refused(side, qty, price, **more)
    assert ([], []) == (pit.open_orders(), pit.log())


def test_a_tiny_perpetual_order_is_below_the_minimum_value():
    """Five USDT at least, on perpetuals too."""
    pit = Pit(price="1000", coins={"USDT": D(1000)})

    assert 110094 == pit.order_refused("Buy", "0.001", positionIdx=1)


def test_closing_more_than_is_held_closes_what_is_held():
    """The leg never turns: the order is cut to it, or refused where the rules say so."""
    cut = Pit()
    strict = Pit(rules=VenueRules(over_close="reject"))

    row = cut.order("Sell", "0.5", positionIdx=1)

    assert ("0.213", ("0", "0.213")) == (row["qty"], cut.legs())
    assert 110017 == strict.order_refused("Sell", "0.5", positionIdx=1)
    assert 110017 == cut.order_refused("Sell", "0.1", positionIdx=1)  # now it is flat


def test_quantity_zero_closes_the_leg():
    """reduceOnly and closeOnTrigger together, up to the largest order."""
    pit = Pit()

    pit.order("Sell", "0", positionIdx=1, reduceOnly=True, closeOnTrigger=True)

    assert ("0", "0.213") == pit.legs()


def test_a_reduce_only_order_above_the_largest_is_split():
    """One request, several orders; the first carries the name."""
    pit = Pit(coins={"USDT": D(100_000_000)}, legs={1: (D(400), None)}, leverage=D(2))

    row = pit.order("Sell", "400", positionIdx=1, reduceOnly=True, orderLinkId="big")

    history = pit.done("GET", "/v5/order/history", category="linear")["list"]
    assert ("big", "150.000") == (row["orderLinkId"], row["qty"])
    assert [("", "100.000"), ("", "150.000"), ("big", "150.000")] == [(r["orderLinkId"], r["qty"]) for r in history]
    assert ("0", "0") == pit.legs()


def test_reduce_only_orders_are_cut_with_their_leg():
    """A resting close may never be larger than what is left to close, and dies with the leg."""
    pit = Pit()
    close = pit.order("Sell", "0.2", "117000", positionIdx=1, reduceOnly=True)

    pit.order("Sell", "0.1", positionIdx=1, reduceOnly=True)
    shrunk = pit.found(close["orderId"])
    pit.order("Sell", "0.113", positionIdx=1, reduceOnly=True)
    gone = pit.found(close["orderId"])

    assert ("New", "0.113") == (shrunk["orderStatus"], shrunk["qty"])
    assert ("Cancelled", "CancelByReduceOnly") == (gone["orderStatus"], gone["cancelType"])


def test_a_futures_price_outside_the_band_is_moved_silently():
    """The order rests at the edge of the band, not where it was sent; unless the account prefers to be refused."""
    pit = Pit()

    row = pit.order("Sell", "0.01", "100000", positionIdx=2, timeInForce="GTC")
    assert D(row["price"]) == D("114840.00")  # index and mark x (1 - 1 %)

    pit.done("POST", "/v5/account/set-limit-px-action", category="linear", modifyEnable=False)
    assert 110120 == pit.order_refused("Sell", "0.01", "100000", positionIdx=2)


def test_amending_price_and_quantity():
    """Omitted is unchanged; a new price that crosses trades; a quantity at or below the filled one is refused."""
    pit = Pit()
    row = pit.order("Buy", "0.1", "115900", positionIdx=1)
    key = {"category": "linear", "symbol": "BTCUSDT", "orderId": row["orderId"]}

    pit.done("POST", "/v5/order/amend", **key, qty="0.05", price=None)
    assert ("115900.00", "0.050") == tuple(pit.found(row["orderId"])[name] for name in ("price", "qty"))
    pit.tick("115900", after_ms=1000, volume="0.08")
    assert 110064 == pit.refused("POST", "/v5/order/amend", **key, qty="0.02")
    pit.done("POST", "/v5/order/amend", **key, price="115950")

    assert "Filled" == pit.found(row["orderId"])["orderStatus"]
    assert 110001 == pit.refused("POST", "/v5/order/amend", **key, price="115000")


def test_an_unaffordable_amendment_leaves_the_order_alone():
    """The changed order is admitted like a new one; refused, the old one still rests."""
    pit = Pit()
    row = pit.order("Buy", "0.1", "115900", positionIdx=1)

    code = pit.refused("POST", "/v5/order/amend", category="linear", symbol="BTCUSDT", orderId=row["orderId"], qty="90")

    assert (110007, "0.100") == (code, pit.found(row["orderId"])["qty"])


def test_cancel_all():
    """On the perpetual every kind goes, on spot only plain orders."""
    pit = Pit(coins={"USDT": D(100_000), "BTC": D(1)})
    pit.order("Buy", "0.01", "115000", positionIdx=1)
    pit.order("Buy", "0.01", positionIdx=1, triggerPrice="117000", triggerDirection=1)
    pit.order("Buy", "0.01", "115500", category="spot")
    pit.order("Sell", "0.01", category="spot", triggerPrice="110000", orderFilter="tpslOrder")

    linear = pit.done("POST", "/v5/order/cancel-all", category="linear", symbol=None, settleCoin="USDT")
    spot = pit.done("POST", "/v5/order/cancel-all", category="spot", symbol="BTCUSDT")

    assert (2, 1) == (len(linear["list"]), len(spot["list"]))
    assert ([], ["Untriggered"]) == (pit.open_orders(), [row["orderStatus"] for row in pit.open_orders("spot")])
    assert 10001 == pit.refused("POST", "/v5/order/cancel-all", category="linear")


def test_a_batch_fails_leg_by_leg():
    """retCode 0 with failures inside: two parallel lists tell."""
    pit = Pit()
    wishes = [
        dict(pit.wish("Buy", "0.01", "115000", positionIdx=1, orderLinkId="b-1")),
        dict(pit.wish("Buy", "0.01", "115000", positionIdx=1, orderLinkId="b-1")),
        dict(pit.wish("Buy", "0.01", "115000.01", positionIdx=1)),
    ]

    reply = pit.ask("POST", "/v5/order/create-batch", category="linear", request=wishes)
    assert reply.result is not None
    gone = pit.ask(
        "POST",
        "/v5/order/cancel-batch",
        category="linear",
        request=[{"symbol": "BTCUSDT", "orderLinkId": name} for name in ("b-1", "b-2")],
    )

    assert (0, [0, 110072, 10001]) == (reply.ret_code, [each["code"] for each in reply.ext["list"]])
    assert [True, False, False] == [bool(row["orderId"]) for row in reply.result["list"]]
    assert [0, 110001] == [each["code"] for each in gone.ext["list"]]


def test_open_order_caps():
    """Ten conditional orders a symbol; five hundred active ones (here: twenty)."""
    pit = Pit(coins={"USDT": D(10_000_000)})
    assert (500, 10) == (pit.venue.state.linear.max_orders, pit.venue.state.linear.max_conditional_orders)
    pit.venue.set_contract("linear", max_orders=20)
    for _ in range(10):
        pit.order("Buy", "0.01", positionIdx=1, triggerPrice="117000", triggerDirection=1)
    for _ in range(20):
        pit.order("Buy", "0.001", "115000", positionIdx=1)

    assert 110009 == pit.order_refused("Buy", "0.01", positionIdx=1, triggerPrice="117000", triggerDirection=1)
    assert 110020 == pit.order_refused("Buy", "0.001", "115000", positionIdx=1)


def test_spot_has_caps_of_its_own():
    """Thirty TP/SL orders and thirty conditional ones; five hundred together (Bybit: order/create-order)."""
    pit = Pit(coins={"USDT": D(10_000_000)})
    for kind in ("tpslOrder", "StopOrder"):
        stop = {"category": "spot", "triggerPrice": "117000", "orderFilter": kind}
        for _ in range(30):
            pit.done("POST", "/v5/order/create", **pit.wish("Buy", "100", **stop))
        assert 170810 == pit.order_refused("Buy", "100", **stop)
    pit.venue.set_contract("spot", max_orders=60)

    assert 170810 == pit.order_refused("Buy", "0.001", "100000", category="spot")


def test_exits_of_a_waiting_order_can_be_changed():
    """takeProfit and stopLoss of an order are amended like its price; "0" takes one away (Bybit: order/amend-order)."""
    pit = Pit()
    order = pit.order("Buy", "0.01", "115000", positionIdx=1, takeProfit="130000", stopLoss="100000")
    key = {"category": "linear", "symbol": "BTCUSDT", "orderId": order["orderId"]}

    pit.done("POST", "/v5/order/amend", **key, takeProfit="0", stopLoss="101000")

    amended = pit.found(order["orderId"])
    assert (D(0), D(101_000)) == (D(amended["takeProfit"]), D(amended["stopLoss"]))
    pit.tick("114000", after_ms=1000)
    assert ["StopLoss"] == [row["stopOrderType"] for row in pit.open_orders()]


def test_absence_is_not_proof():
    """An order cancelled unfilled fades from history after a day; a filled one stays."""
    pit = Pit()
    resting = pit.order("Buy", "0.01", "115000", positionIdx=1, orderLinkId="ghost")
    pit.done("POST", "/v5/order/cancel", category="linear", symbol="BTCUSDT", orderLinkId="ghost")
    filled = pit.order("Buy", "0.01", positionIdx=1)

    def seen() -> list[str]:
        return [row["orderId"] for row in pit.done("GET", "/v5/order/history", category="linear")["list"]]

    assert [filled["orderId"], resting["orderId"]] == seen()
    pit.wait(hours=25)
    assert [filled["orderId"]] == seen()
    pit.wait(hours=24 * 7)
    assert [] == seen()  # the default window is a week


def test_pages_do_not_overlap():
    """A cursor continues where the page ended, in its encoded and decoded form, and "" ends it."""
    pit = Pit()
    ids = [pit.order("Buy", "0.001", "115000", positionIdx=1)["orderId"] for _ in range(45)]

    def page(cursor: str) -> dict:
        return pit.done("GET", "/v5/order/realtime", category="linear", symbol="BTCUSDT", cursor=cursor, limit="20")

    first, got = page(""), []
    result = first
    while True:
        got += [row["orderId"] for row in result["list"]]
        if not result["nextPageCursor"]:
            break
        result = page(result["nextPageCursor"].replace("%3D", "=").replace("%26", "&"))

    assert list(reversed(ids)) == got
    assert page(first["nextPageCursor"])["list"][0]["orderId"] == ids[24]


def test_spot_orders_lock_and_move_coin():
    """A buy pays its fee in BTC, a sell in USDT; what rests is locked."""
    pit = Pit(coins={"USDT": D(20_000), "BTC": D("0.1")})

    pit.order("Buy", "0.1", category="spot", marketUnit="baseCoin")
    bought = pit.coin("BTC")["walletBalance"]
    pit.order("Sell", "0.05", category="spot")
    pit.order("Sell", "0.02", "116500", category="spot")

    assert "0.1999" == bought
    assert ("0.1499", "0.02") == (pit.coin("BTC")["walletBalance"], pit.coin("BTC")["locked"])
    fees = [(fill["side"], fill["feeCurrency"]) for fill in pit.fills(category="spot")]
    assert [("Buy", "BTC"), ("Sell", "USDT")] == fees


def test_a_spot_market_buy_is_by_value():
    """qty is USDT unless marketUnit says otherwise; no more than that is spent."""
    pit = Pit(coins={"USDT": D(20_000)})

    row = pit.order("Buy", "1000", category="spot")

    assert ("Filled", "1000") == (row["orderStatus"], row["qty"])
    assert D(999) < D(row["cumExecValue"]) <= D(1000)


def test_a_fate_rejects_after_the_acknowledgement():
    """Accepted is not placed: the fault plan lets the matching engine refuse later, or trade only a part."""
    pit = Pit()
    pit.venue.doom("me", Fate(kind="reject", reason="EC_NoEnoughQtyToFill"))
    pit.venue.doom("me", Fate(kind="partial", share=D("0.5")))

    refused = pit.order("Sell", "0.1", positionIdx=2)
    half = pit.order("Sell", "0.1", positionIdx=2)

    assert ("Rejected", "EC_NoEnoughQtyToFill") == (refused["orderStatus"], refused["rejectReason"])
    assert ("Cancelled", "0.050") == (half["orderStatus"], half["cumExecQty"])
    assert ("0.213", "0.263") == pit.legs()


def test_messages_of_a_fill():
    """Executions, then the order, the position and the wallet; nothing of it twice."""
    pit = Pit()
    pit.venue.drain()

    pit.order("Sell", "0.1", positionIdx=2)

    topics = [push.topic for push in pit.pushes()]
    assert ["execution", "execution.fast", "publicTrade.BTCUSDT", "order", "position", "wallet"] == topics


def test_no_more_trading_on_a_closed_contract():
    """The fault plan may close the market; orders are refused, and accepted again afterwards."""
    pit = Pit()
    pit.venue.set_contract("linear", status="Closed")
    assert 110074 == pit.order_refused("Buy", "0.01", positionIdx=1)

    pit.venue.set_contract("linear", status="Trading", qty_step=D("0.01"))
    assert 10001 == pit.order_refused("Buy", "0.015", positionIdx=1)
    assert "Filled" == pit.order("Buy", "0.02", positionIdx=1)["orderStatus"]


def test_one_way_mode_turns_a_position():
    """A larger opposite order closes and opens in one fill."""
    pit = Pit(coins={"USDT": D(100_000)}, hedge_mode=False)

    pit.order("Buy", "0.1")
    pit.order("Sell", "0.3")

    assert ("Sell", "0.2") == (pit.leg(0)["side"], pit.leg(0)["size"])
    assert D(pit.leg(0)["avgPrice"]) == D("115999.9")


STATUSES = sorted(OPEN | {"Filled", "Cancelled", "Rejected"})
LEGAL = {
    ("Untriggered", "trigger"), ("Untriggered", "cancel"), ("Triggered", "rest"), ("Triggered", "cancel"),
    *((status, event) for status in ("New", "PartiallyFilled") for event in ("fill part", "fill all", "cancel")),
    ("New", "reject"),
}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("event", ["trigger", "rest", "fill part", "fill all", "cancel", "reject"])
def test_the_life_of_an_order_is_a_table(status: str, event: str):
    """What is not written in the table raises, naming both."""
    order = Order(
        serial=1, order_id="o", link_id="", category="linear", side="Buy", order_type="Limit", qty=D(1), price=D(1),
        tif="GTC", created_ms=0, updated_ms=0, status=status,
    )  # fmt: skip

    if (status, event) in LEGAL:
        assert next_status(order, event) != ""
    else:
        with pytest.raises(IllegalStep, match=status):
            next_status(order, event)


def test_an_order_meets_the_tape_however_far_it_jumps():
    """A gap through a resting price fills it at its price, hours later or not."""
    pit = Pit()
    pit.order("Sell", "0.05", "117000", positionIdx=2)

    pit.tick("125000", after_ms=3 * HOUR_MS)

    assert "117000.00" == pit.fills()[0]["execPrice"]


def test_leverage_caps_the_position():
    """Fifty-fold leverage ends at ten million of position value; the same order at a lower leverage is taken."""
    pit = Pit(coins={"USDT": D(10_000_000)}, leverage=D(50))

    assert 110090 == pit.order_refused("Buy", "100", positionIdx=1)
    pit.done(
        "POST", "/v5/position/set-leverage", category="linear", symbol="BTCUSDT", buyLeverage="20", sellLeverage="20"
    )
    assert "Filled" == pit.order("Buy", "100", positionIdx=1)["orderStatus"]


QUOTES = [
    ("Queue", 1, "115999.90"),
    ("Queue", 3, "115999.70"),
    ("Counterparty", 1, "116000.10"),
    ("Counterparty", 2, "116000.20"),
]


@pytest.mark.parametrize(("side", "level", "price"), QUOTES)
def test_best_quote_prices(side: str, level: int, price: str):
    """A limit order may take its price from the book: behind the own side, or across the spread."""
    pit = Pit()

    row = pit.order("Buy", "0.01", positionIdx=1, orderType="Limit", bboSideType=side, bboLevel=level)

    assert price == row["price"]


def test_orders_of_two_accounts_do_not_meet():
    """Every order trades with the tape's market; a neighbour is only somebody else's account."""
    pit = Pit()
    pit.venue.open_account("you", coins={"USDT": D(100_000)})
    pit.order("Buy", "0.01", "116000", positionIdx=1)

    reply = pit.venue.request("you", "POST", "/v5/order/create", pit.wish("Sell", "0.01", "116000", positionIdx=2))

    assert 0 == reply.ret_code
    assert ["New"] == [row["orderStatus"] for row in pit.open_orders()]
    assert ["me", "you"] == list(pit.venue.state.accounts)


def stop(price: str, direction: int, source: str) -> dict[str, object]:
    trigger = {"triggerPrice": price, "triggerDirection": direction, "triggerBy": source}
    return {"side": "Buy", "qty": "0.01", "positionIdx": 1, **trigger}


WAITING = [
    # name, order, price that reaches it
    ("a resting buy", {"side": "Buy", "qty": "0.01", "price": "115900", "positionIdx": 1}, "115899"),
    ("a resting sell", {"side": "Sell", "qty": "0.01", "price": "116100", "positionIdx": 2}, "116101"),
    ("a spot buy", {"side": "Buy", "qty": "0.01", "price": "115900", "category": "spot"}, "115899"),
    ("a spot sell", {"side": "Sell", "qty": "0.01", "price": "116100", "category": "spot"}, "116101"),
    ("a rising trigger", stop("116100", 1, "LastPrice"), "116100"),
    ("a falling trigger", stop("115900", 2, "LastPrice"), "115900"),
    ("a trigger on the mark", stop("116100", 1, "MarkPrice"), "116100"),
    ("a trigger on the index", stop("115900", 2, "IndexPrice"), "115900"),
    ("a spot stop", {"side": "Sell", "qty": "0.01", "category": "spot", "triggerPrice": "115900", "orderFilter": "tpslOrder"}, "115900"),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "reached"), [c[1:] for c in WAITING], ids=[c[0] for c in WAITING])
def test_quiet_ticks_do_not_make_it_sleep(wish: dict[str, str], reached: str):
    """Ticks on which nothing can happen are skipped; the first that matters is not."""
    pit = Pit(coins={"USDT": D(100_000), "BTC": D(1)})
    row = pit.order(**wish)  # type: ignore[arg-type]
    for number in range(20):
        pit.tick(f"{116_000 + number % 3}", after_ms=1000)
    assert row["orderStatus"] == pit.found(row["orderId"], category=wish.get("category", "linear"))["orderStatus"]

    pit.tick(reached, after_ms=1000)

    assert "Filled" == pit.found(row["orderId"], category=wish.get("category", "linear"))["orderStatus"]


def test_the_spot_price_is_the_index_on_its_tick():
    """An index a hair above a resting buy prints exactly at it, also out of a calm."""
    pit = Pit(coins={"USDT": D(100_000)})
    row = pit.order("Buy", "0.01", "115900", category="spot")
    pit.tick("116000", after_ms=1000)

    index = D("115900.05")
    pit.venue.step(Tick(at_ms=pit.venue.now_ms, last=pit.price, mark=pit.price, index=index, volume=D(1)))

    assert "Filled" == pit.found(row["orderId"], category="spot")["orderStatus"]


SELF_MATCHES = [
    # smpType of the taker, (maker status, cum), (taker status, cum), cancelTypes
    ("None", ("Filled", "0.010"), ("Cancelled", "0.010"), ("UNKNOWN", "UNKNOWN")),
    ("CancelMaker", ("Cancelled", "0.000"), ("Cancelled", "0.000"), ("CancelBySmp", "UNKNOWN")),
    ("CancelTaker", ("New", "0.000"), ("Cancelled", "0.000"), ("UNKNOWN", "CancelBySmp")),
    ("CancelBoth", ("Cancelled", "0.000"), ("Cancelled", "0.000"), ("CancelBySmp", "CancelBySmp")),
]


@pytest.mark.parametrize(("smp", "maker", "taker", "why"), SELF_MATCHES, ids=[case[0] for case in SELF_MATCHES])
def test_an_account_meets_its_own_order(
    smp: str, maker: tuple[str, str], taker: tuple[str, str], why: tuple[str, str]
) -> None:
    """A sell that reaches one's own buy inside the spread: they trade, or the taker's smpType says who goes (Bybit: smp)."""
    pit = Pit(coins={"USDT": D(10_000)}, legs={}, leverage=D(25))
    bid = pit.order("Buy", "0.01", "116000", positionIdx=1)["orderId"]
    hit = pit.order("Sell", "0.02", "116000", positionIdx=2, timeInForce="IOC", smpType=smp)["orderId"]

    rows = {each: pit.found(each) for each in (bid, hit)}

    assert (rows[bid]["orderStatus"], rows[bid]["cumExecQty"]) == maker
    assert (rows[hit]["orderStatus"], rows[hit]["cumExecQty"]) == taker
    assert (rows[bid]["cancelType"], rows[hit]["cancelType"]) == why
    if "CancelBySmp" in why:
        assert {rows[bid]["smpOrderId"], rows[hit]["smpOrderId"]} & {bid, hit}
    assert sorted(fill["isMaker"] for fill in pit.fills()) == ([False, True] if smp == "None" else [])


def test_the_market_stands_before_ones_own_order() -> None:
    """At the same price the book was there first: only what it does not hold comes to one's own order, and post-only never meets it."""
    pit = Pit(coins={"USDT": D(1_000_000)}, legs={}, leverage=D(25))
    own = pit.order("Buy", "5", "115999.9", positionIdx=1)["orderId"]

    pit.order("Sell", "0.01", positionIdx=2)
    assert {row["orderId"] for row in pit.open_orders()} == {own}
    assert D("0") == D(pit.open_orders()[0]["cumExecQty"])
    pit.order("Sell", "4", "115999.9", positionIdx=2, timeInForce="IOC")
    assert D("0") < D(pit.open_orders()[0]["cumExecQty"]) < 4
    killed = pit.order("Sell", "0.01", "115999.9", positionIdx=2, timeInForce="PostOnly")["orderId"]
    assert "EC_PostOnlyWillTakeLiquidity" == pit.found(killed)["rejectReason"]
